/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of whet/contract.h. */
#include "whet/contract.h"

#include <string.h>

#include "api/contract_fields.h"
#include "api/result.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "eval/find.h"
#include "measure/model_contract.h"
#include "measure/model_predictor.h"

void whet_contract_fields_init(whet_contract_fields *f)
{
    memset(f, 0, sizeof *f);
    f->size = sizeof *f;
}

void whet_contract_search_options_init(whet_contract_search_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
}

whet_status whet_contract_fields_apply(whet_contract *c, const whet_contract_fields *f)
{
    if (!f) return WHET_OK;
    const struct { const char *key, *value; } set[] = {
        {"size", f->dims},     {"fit", f->fit},           {"crop", f->crop},   {"resize", f->resize}, {"filter", f->filter},
        {"antialias", f->antialias}, {"round", f->round}, {"pad", f->pad},     {"color", f->color},   {"scale", f->scale},
        {"mean", f->mean},     {"std", f->std},           {"layout", f->layout}, {"labels", f->labels}};

    if (f->dims && strspn(f->dims, "0x") == strlen(f->dims))
        return WHET_FAIL(WHET_EINVAL, "size '%s' is nothing, use e.g. 224, 224x320 (height x width), or own (the picture's)", f->dims);
    if (f->base) WHET_TRY(whet_contract_load(c, f->base));
    for (size_t i = 0; i < WHET_COUNT(set); i++)
        if (set[i].value) WHET_TRY(whet_contract_set(c, set[i].key, set[i].value));
    return WHET_OK;
}

whet_status whet_contract_fields_fit(bool grey, const whet_contract_fields *f)
{
    const struct { const char *key, *value; } lists[] = {{"mean", f != NULL ? f->mean : NULL}, {"std", f != NULL ? f->std : NULL}};
    if (!grey) return WHET_OK;
    for (size_t i = 0; i < WHET_COUNT(lists); i++)
        if (lists[i].value != NULL && strchr(lists[i].value, ',') != NULL)
            return WHET_FAIL(WHET_EINVAL, "%s '%s' is for several channels, the input is grey and has one: give one number", lists[i].key, lists[i].value);
    return WHET_OK;
}

bool whet_contract_fields_scale(const whet_contract_fields *f) { return f && (f->base || f->scale || f->mean || f->std); }

static whet_status contract_doc(const whet_contract *c, const char *model, json_t **doc)
{
    char text[300];
    json_t *value = NULL;

    WHET_TRY(whet_contract_to_json_value(c, &value));
    *doc = json_object();
    json_object_set_new(*doc, "model", json_string(model));
    json_object_set_new(*doc, "text", json_string(whet_contract_text(c, text, sizeof text)));
    json_object_set_new(*doc, "contract", value);
    return WHET_OK;
}

static void render_contract(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *c = json_object_get(doc, "contract"), *labels = json_object_get(c, "labels");
    const char *to = json_string_value(json_object_get(doc, "output"));

    (void)width;
    whet_render_bold(out, color, json_string_value(json_object_get(doc, "text")));
    whet_strbuf_puts(out, "\n");
    whet_strbuf_printf(out, "resize   %s %s%s, fit %s\n", json_string_value(json_object_get(c, "resize")),
                       json_string_value(json_object_get(c, "filter")),
                       json_is_true(json_object_get(c, "antialias")) ? " antialiased" : "",
                       json_string_value(json_object_get(c, "fit")));
    whet_strbuf_puts(out, "classes  ");
    if (json_array_size(labels) == 0) whet_strbuf_puts(out, "no names");
    for (size_t i = 0; i < json_array_size(labels) && i < 10; i++)
        whet_strbuf_printf(out, "%s%s", i ? ", " : "", json_string_value(json_array_get(labels, i)));
    if (json_array_size(labels) > 10) whet_strbuf_printf(out, ", ... (%zu)", json_array_size(labels));
    whet_strbuf_puts(out, "\n");
    if (to) whet_strbuf_printf(out, "written to %s\n", to);
}

whet_status whet_contract_show(whet_result **out, const char *model)
{
    WHET_NUMBERS_WITH_POINT;
    whet_contract c;
    json_t *doc = NULL;
    whet_status status = WHET_OK;

    *out = NULL;
    whet_contract_init(&c);
    WHET_GOTO(whet_model_contract_read(model, &c));
    if (!c.given) {
        status = WHET_FAIL(WHET_ENOTFOUND, "'%s' carries no preprocessing contract, find it with 'whet contract find' or write it with "
                                        "'whet contract set'", model);
        goto done;
    }
    WHET_GOTO(contract_doc(&c, model, &doc));
    status = whet_result_make(out, "contract show", doc, 0, render_contract);
done:
    whet_contract_dispose(&c);
    return status;
}

whet_status whet_contract_put(whet_result **out, const char *model, const whet_contract_fields *f, const char *to)
{
    WHET_NUMBERS_WITH_POINT;
    whet_contract c;
    json_t *doc = NULL;
    whet_status status = WHET_OK;

    *out = NULL;
    whet_contract_init(&c);
    WHET_GOTO(whet_model_contract_read(model, &c));
    const bool had = c.given, from_file = f && f->base && whet_file_exists(f->base);
    WHET_GOTO(whet_contract_fields_apply(&c, f));
    const bool open = f && !from_file && (!had || f->base); /* a preset says how levels are scaled, not what the input is */
    if (open) WHET_GOTO(whet_model_contract_settle(model, &c, !f->color, !f->layout, !f->dims && c.height == 0));
    WHET_GOTO(whet_contract_fields_fit(c.color == WHET_COLOR_GRAY, f));
    if (!c.given) {
        status = WHET_FAIL(WHET_EINVAL, "nothing to set, give --contract or single fields such as --mean and --std");
        goto done;
    }
    WHET_GOTO(whet_model_contract_write(model, &c, to ? to : model));
    WHET_GOTO(contract_doc(&c, model, &doc));
    json_object_set_new(doc, "output", json_string(to ? to : model));
    status = whet_result_make(out, "contract set", doc, 0, render_contract);
done:
    whet_contract_dispose(&c);
    return status;
}

json_t *whet_findings_json(const whet_findings *f)
{
    json_t *doc = json_object(), *list = json_array();

    json_object_set_new(doc, "pictures", json_integer(f->n_pictures));
    json_object_set_new(doc, "split", json_string(whet_split_name(f->split)));
    json_object_set_new(doc, "best", json_string(f->c[0].name));
    json_object_set_new(doc, "best_formula", json_string(f->c[0].formula));
    json_object_set_new(doc, "at_chance", json_boolean(f->chance));
    for (int i = 0; i < f->n_candidates; i++) {
        json_t *o = json_object();
        json_object_set_new(o, "name", json_string(f->c[i].name));
        json_object_set_new(o, "formula", json_string(f->c[i].formula));
        json_object_set_new(o, "color", json_string(f->c[i].contract.color == WHET_COLOR_BGR ? "bgr" : "rgb"));
        json_object_set_new(o, "accuracy", json_real(f->c[i].accuracy.value));
        json_object_set_new(o, "low", json_real(f->c[i].accuracy.low));
        json_object_set_new(o, "high", json_real(f->c[i].accuracy.high));
        json_object_set_new(o, "loss", json_real(f->c[i].loss));
        json_object_set_new(o, "tie", json_boolean(f->c[i].tie));
        json_array_append_new(list, o);
    }
    json_object_set_new(doc, "candidates", list);
    return doc;
}

static void render_find(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    static const char *const titles[] = {"contract", "what it computes", "top-1 %", "95 % interval", "loses"};
    const json_t *list = json_object_get(doc, "candidates");
    size_t n = json_array_size(list);
    char text[WHET_MAX_CANDIDATES][3][40], formula[WHET_MAX_CANDIDATES][80];
    const char *cells[WHET_MAX_CANDIDATES * 5];

    for (size_t i = 0; i < n && i < WHET_MAX_CANDIDATES; i++) {
        const json_t *o = json_array_get(list, i);
        bool bgr = strcmp(json_string_value(json_object_get(o, "color")), "bgr") == 0;
        snprintf(formula[i], sizeof formula[i], "%.60s%s", json_string_value(json_object_get(o, "formula")), bgr ? ", BGR" : "");
        snprintf(text[i][0], 40, "%.2f", json_real_value(json_object_get(o, "accuracy")) * 100);
        snprintf(text[i][1], 40, "%.2f..%.2f", json_real_value(json_object_get(o, "low")) * 100,
                 json_real_value(json_object_get(o, "high")) * 100);
        if (i == 0) snprintf(text[i][2], 40, "-");
        else snprintf(text[i][2], 40, "%.2f%s", json_real_value(json_object_get(o, "loss")) * 100,
                      json_is_true(json_object_get(o, "tie")) ? " ~" : "");
        cells[5 * i] = json_string_value(json_object_get(o, "name"));
        cells[5 * i + 1] = formula[i];
        for (int k = 0; k < 3; k++) cells[5 * i + 2 + (size_t)k] = text[i][k];
    }
    whet_render_table(out, width, color, 5, titles, "llrrr", (int)n, cells);
    whet_strbuf_printf(out, "\ntried on %lld pictures of the %s split; \"loses\" is paired, in points; ~ may be chance\n",
                       (long long)json_integer_value(json_object_get(doc, "pictures")),
                       json_string_value(json_object_get(doc, "split")));
    if (json_is_true(json_object_get(doc, "at_chance"))) {
        whet_strbuf_puts(out, "none of them is above guessing: the model or the labels do not fit these pictures\n");
        return;
    }
    whet_strbuf_puts(out, "the contract is ");
    whet_render_bold(out, color, json_string_value(json_object_get(doc, "best_formula")));
    whet_strbuf_printf(out, " (--contract %s)\n", json_string_value(json_object_get(doc, "best")));
}

whet_status whet_contract_search(whet_result **out, const char *model, const whet_contract_search_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_backends *backends = NULL;
    whet_dataset *d = NULL;
    whet_dataset_options dopt;
    whet_runner *m = NULL;
    whet_runner_options mo;
    whet_find_options fo;
    whet_findings *f = NULL;
    whet_contract base;
    json_t *doc = NULL;
    whet_status status = WHET_OK;

    *out = NULL;
    whet_contract_init(&base);
    whet_dataset_options_init(&dopt);
    whet_runner_options_init(&mo);
    whet_find_options_init(&fo);
    dopt.own_model = true;
    dopt.seed = opt->seed;
    WHET_GOTO(whet_dataset_open(&d, opt->data, &dopt));
    WHET_GOTO(whet_contract_fields_apply(&base, opt->fields));
    WHET_GOTO(whet_backends_create(&backends));
    mo.runtime = opt->runtime;
    mo.threads = opt->threads;
    mo.contract = &base;
    mo.apart = opt->size > offsetof(whet_contract_search_options, apart) && opt->apart && opt->runtime != NULL && strcmp(opt->runtime, "native") != 0;
    WHET_GOTO(whet_runner_open(&m, backends, model, &mo));
    f = whet_calloc(1, sizeof *f);
    if (!f) {
        status = WHET_ENOMEM;
        goto done;
    }
    fo.base = &base;
    fo.pictures = opt->pictures;
    fo.seed = opt->seed;
    fo.progress = opt->progress;
    fo.progress_arg = opt->progress_arg;
    WHET_GOTO(whet_contract_find(f, d, whet_runner_predictor(m), &fo));
    doc = whet_findings_json(f);
    json_object_set_new(doc, "model", json_string(model));
    json_object_set_new(doc, "data", json_string(whet_dataset_source(d)));
    json_object_set_new(doc, "runtime", json_string(whet_runner_runtime(m)));
    status = whet_result_make(out, "contract find", doc, 0, render_find);
done:
    whet_findings_dispose(f);
    whet_free(f);
    whet_runner_close(m);
    whet_backends_free(backends);
    whet_dataset_close(d);
    whet_contract_dispose(&base);
    return status;
}
