/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of whet/data.h. */
#include "whet/data.h"

#include <string.h>

#include "api/result.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "data/fetch.h"
#include "data/data_summary.h"

void whet_data_options_init(whet_data_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
}

static void dataset_options(const whet_data_options *opt, whet_dataset_options *o)
{
    whet_dataset_options_init(o);
    o->val = opt->val;
    o->seed = opt->seed;
    o->strict = opt->strict != 0;
}

/* --- get and split */

static json_t *counts_json(const whet_dataset *d)
{
    json_t *o = json_object();

    for (int s = 0; s < WHET_SPLIT_COUNT; s++)
        json_object_set_new(o, whet_split_name((whet_split)s), json_integer(whet_dataset_count(d, (whet_split)s)));
    return o;
}

static json_t *written_json(const int counts[WHET_SPLIT_COUNT])
{
    json_t *o = json_object();

    for (int s = 0; s < WHET_SPLIT_COUNT; s++) json_object_set_new(o, whet_split_name((whet_split)s), json_integer(counts[s]));
    return o;
}

static void render_counts(whet_strbuf *out, const json_t *o)
{
    bool first = true;
    const char *key = NULL;
    json_t *v = NULL;
    char text[32];

    json_object_foreach((json_t *)(uintptr_t)o, key, v)
    {
        if (json_integer_value(v) == 0) continue;
        whet_strbuf_printf(out, "%s%s %s", first ? "" : ", ", whet_render_count(text, sizeof text, json_integer_value(v)), key);
        first = false;
    }
}

static void render_get(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const char *images = json_string_value(json_object_get(doc, "images"));

    (void)width;
    whet_render_bold(out, color, json_string_value(json_object_get(doc, "name")));
    whet_strbuf_puts(out, ": ");
    render_counts(out, json_object_get(doc, "pictures"));
    whet_strbuf_printf(out, "\nfrom %s\n", json_string_value(json_object_get(doc, "source")));
    if (!images) return;
    whet_strbuf_puts(out, "wrote ");
    render_counts(out, json_object_get(doc, "written"));
    whet_strbuf_printf(out, " pictures to %s\n", images);
}

static whet_status write_images(whet_dataset *d, const char *dir, const whet_data_options *opt, json_t *doc)
{
    int counts[WHET_SPLIT_COUNT];

    WHET_TRY(whet_dataset_export(d, dir, (int)WHET_MIN(opt->limit, (int64_t)1 << 30), opt->progress, opt->progress_arg, counts));
    json_object_set_new(doc, "images", json_string(dir));
    json_object_set_new(doc, "written", written_json(counts));
    return WHET_OK;
}

whet_status whet_data_get(whet_result **out, const char *name, const whet_data_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_dataset_options o;
    whet_dataset *d = NULL;
    char *where = NULL;
    json_t *doc = NULL;
    whet_status status = WHET_OK;

    *out = NULL;
    dataset_options(opt, &o);
    if (!o.val) o.val = "none"; /* the set as it is */
    if (strcmp(name, "mnist") != 0 && strcmp(name, "cifar10") != 0 && strncmp(name, "digits", 6) != 0)
        return WHET_FAIL(WHET_EINVAL, "'%s' cannot be got, only mnist, cifar10 and digits", name);
    if (opt->from && strncmp(name, "digits", 6) != 0)
        WHET_GOTO(whet_fetch_set(name, opt->from, opt->progress, opt->progress_arg, &where));
    WHET_GOTO(whet_dataset_obtain(&d, name, &o, true, false, opt->progress, opt->progress_arg));
    doc = json_object();
    json_object_set_new(doc, "name", json_string(whet_dataset_name(d)));
    json_object_set_new(doc, "source", json_string(where ? where : whet_dataset_source(d)));
    json_object_set_new(doc, "pictures", counts_json(d));
    if (opt->images) WHET_GOTO(write_images(d, opt->images, opt, doc));
    status = whet_result_make(out, "data get", doc, 0, render_get);
    doc = NULL;
done:
    json_decref(doc);
    whet_free(where);
    whet_dataset_close(d);
    return status;
}

whet_status whet_data_split(whet_result **out, const char *spec, const char *dir, const whet_data_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_dataset_options o;
    whet_dataset *d = NULL;
    json_t *doc = NULL, *origin = NULL;
    whet_status status = WHET_OK;

    *out = NULL;
    dataset_options(opt, &o);
    WHET_GOTO(whet_dataset_open(&d, spec, &o));
    doc = json_object();
    origin = json_object();
    json_object_set_new(doc, "name", json_string(whet_dataset_name(d)));
    json_object_set_new(doc, "source", json_string(whet_dataset_source(d)));
    json_object_set_new(doc, "pictures", counts_json(d));
    for (int s = 0; s < WHET_SPLIT_COUNT; s++)
        json_object_set_new(origin, whet_split_name((whet_split)s), json_string(whet_dataset_split_text(d, (whet_split)s)));
    json_object_set_new(doc, "origin", origin);
    WHET_GOTO(write_images(d, dir, opt, doc));
    status = whet_result_make(out, "data split", doc, 0, render_get);
    doc = NULL;
done:
    json_decref(doc);
    whet_dataset_close(d);
    return status;
}

/* --- info */

static void render_split(whet_strbuf *out, bool color, const char *name, const json_t *s)
{
    char text[32];
    const json_t *imbalance = json_object_get(s, "imbalance");

    if (json_integer_value(json_object_get(s, "pictures")) == 0) return;
    whet_render_bold(out, color, name);
    whet_strbuf_printf(out, "%*s%s pictures", (int)(8 - strlen(name)), "",
                       whet_render_count(text, sizeof text, json_integer_value(json_object_get(s, "pictures"))));
    if (json_is_real(imbalance)) whet_strbuf_printf(out, ", largest class %.3g x the smallest", json_real_value(imbalance));
    whet_strbuf_printf(out, " (%s)\n", json_string_value(json_object_get(s, "origin")));
}

static void render_bars(whet_strbuf *out, const json_t *doc, int width)
{
    const json_t *classes = json_object_get(doc, "classes"), *splits = json_object_get(doc, "splits"), *train = NULL;
    int64_t most = 1;
    int room = WHET_MAX(width - 40, 10);

    train = json_object_get(splits, "train");
    if (json_integer_value(json_object_get(train, "pictures")) == 0) train = json_object_get(splits, "test");
    train = json_object_get(train, "per_class");
    for (size_t i = 0; i < json_array_size(train); i++) most = WHET_MAX(most, json_integer_value(json_array_get(train, i)));
    for (size_t i = 0; i < json_array_size(classes) && i < 40; i++) {
        int64_t n = json_integer_value(json_array_get(train, i));
        whet_strbuf_printf(out, "  %-20.20s %8lld  ", json_string_value(json_array_get(classes, i)), (long long)n);
        for (int64_t k = 0; k < n * room / most; k++) whet_strbuf_puts(out, "#");
        whet_strbuf_puts(out, "\n");
    }
    if (json_array_size(classes) > 40) whet_strbuf_printf(out, "  ... %zu classes in all\n", json_array_size(classes));
}

static void render_numbers(whet_strbuf *out, const json_t *v)
{
    for (size_t i = 0; i < json_array_size(v); i++)
        whet_strbuf_printf(out, "%s%.4f", i ? " " : "", json_real_value(json_array_get(v, i)));
}

static void render_faults(whet_strbuf *out, const json_t *doc)
{
    const json_t *dup = json_object_get(doc, "duplicates"), *list = json_object_get(doc, "broken_first");
    long long within = json_integer_value(json_object_get(dup, "within_splits")),
              across = json_integer_value(json_object_get(dup, "across_splits"));

    whet_strbuf_printf(out, "exact duplicates: %lld within a split, %lld across splits\n", within, across);
    for (size_t i = 0; i < json_array_size(json_object_get(dup, "first")) && i < 5; i++) {
        const json_t *pair = json_array_get(json_object_get(dup, "first"), i);
        whet_strbuf_printf(out, "  %s = %s\n", json_string_value(json_array_get(pair, 0)), json_string_value(json_array_get(pair, 1)));
    }
    whet_strbuf_printf(out, "broken files: %lld\n", (long long)json_integer_value(json_object_get(doc, "broken")));
    for (size_t i = 0; i < json_array_size(list) && i < 10; i++)
        whet_strbuf_printf(out, "  %s\n", json_string_value(json_array_get(list, i)));
}

static void render_info(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *splits = json_object_get(doc, "splits"), *size = json_object_get(doc, "sizes"),
                 *stats = json_object_get(doc, "statistics");
    int64_t w0 = json_integer_value(json_object_get(size, "width_min")), w1 = json_integer_value(json_object_get(size, "width_max")),
            h0 = json_integer_value(json_object_get(size, "height_min")), h1 = json_integer_value(json_object_get(size, "height_max"));

    whet_render_bold(out, color, json_string_value(json_object_get(doc, "name")));
    whet_strbuf_printf(out, " in %s, %zu classes%s\n", json_string_value(json_object_get(doc, "source")),
                       json_array_size(json_object_get(doc, "classes")),
                       json_array_size(json_object_get(doc, "classes")) ? "" : " (unlabelled)");
    for (int s = 0; s < WHET_SPLIT_COUNT; s++)
        render_split(out, color, whet_split_name((whet_split)s), json_object_get(splits, whet_split_name((whet_split)s)));
    whet_strbuf_puts(out, "\n");
    render_bars(out, doc, width);
    if (w0 == w1 && h0 == h1) whet_strbuf_printf(out, "\nsize %lldx%lld", (long long)h0, (long long)w0);
    else whet_strbuf_printf(out, "\nsize %lld..%lld high, %lld..%lld wide", (long long)h0, (long long)h1, (long long)w0, (long long)w1);
    whet_strbuf_printf(out, ", %lld channels\nmean ", (long long)json_integer_value(json_object_get(size, "channels")));
    render_numbers(out, json_object_get(stats, "mean"));
    whet_strbuf_puts(out, ", deviation ");
    render_numbers(out, json_object_get(stats, "std"));
    whet_strbuf_puts(out, " (of 1)\n");
    render_faults(out, doc);
}

whet_status whet_data_info(whet_result **out, const char *spec, const whet_data_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_dataset_options o;
    whet_data_summary_options so = {sizeof so, 0, opt->progress, opt->progress_arg};
    whet_dataset *d = NULL;
    json_t *doc = NULL;
    whet_status status = WHET_OK;

    *out = NULL;
    dataset_options(opt, &o);
    so.max_pictures = (int)WHET_MIN(opt->limit, (int64_t)1 << 30);
    WHET_GOTO(whet_dataset_open(&d, spec, &o));
    WHET_GOTO(whet_data_summary(d, &so, &doc));
    if (opt->strict && json_integer_value(json_object_get(doc, "broken")) > 0) {
        const char *first = json_string_value(json_array_get(json_object_get(doc, "broken_first"), 0));
        status = WHET_FAIL(WHET_EFORMAT, "%lld broken pictures, first: %s",
                           (long long)json_integer_value(json_object_get(doc, "broken")), first ? first : "?");
        json_decref(doc);
        goto done;
    }
    status = whet_result_make(out, "data info", doc, 0, render_info);
done:
    whet_dataset_close(d);
    return status;
}
