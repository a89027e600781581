/* SPDX-License-Identifier: Apache-2.0 */
/* Body of whet/study.h: the file read, flags laid over it, the run, its document. */
#include "whet/study.h"

#include <string.h>

#include "api/api_rows.h"
#include "api/compare_text.h"
#include "api/keep.h"
#include "api/result.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "measure/baseline.h"
#include "study/fleet.h"
#include "study/study.h"
#include "wire/json.h"

void whet_study_perform_options_init(whet_study_perform_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
    o->mode = "default";
}

static bool is_study_file(const char *file)
{
    static const char *const ends[] = {".yaml", ".yml", ".json"};
    for (size_t i = 0; i < WHET_COUNT(ends); i++)
        if (strcmp(whet_path_ext(file), ends[i]) == 0) return true;
    return false;
}

static whet_status read_study(whet_study **s, const char *file, const whet_study_perform_options *opt)
{
    if (!is_study_file(file)) {
        WHET_TRY(whet_study_for_model(s, file, opt->data, opt->contract));
    } else {
        WHET_TRY(whet_study_read(s, file));
        if (opt->data != NULL) WHET_TRY(whet_study_put(*s, "data.name", json_string(opt->data)));
        if (opt->contract != NULL) WHET_TRY(whet_study_put(*s, "contract.preset", json_string(opt->contract)));
    }
    if (opt->out != NULL) WHET_TRY(whet_study_put(*s, "out", json_string(opt->out)));
    for (int i = 0; opt->set != NULL && opt->set[i] != NULL; i++) {
        const size_t key = strcspn(opt->set[i], "=") + 1; /* with the sign */
        for (int k = 0; k < i; k++)
            if (strncmp(opt->set[i], opt->set[k], key) == 0) return WHET_FAIL(WHET_EINVAL, "--set: '%.*s' is set twice, set it once", (int)key - 1, opt->set[i]);
        WHET_TRY(whet_study_set(*s, opt->set[i]));
    }
    if (!is_study_file(file) && opt->hosts == NULL) WHET_TRY(whet_study_plan_alone(*s, NULL, 0)); // a fleet is asked first what it is
    if (opt->mode != NULL && strcmp(opt->mode, "quick") == 0) WHET_TRY(whet_study_apply_quick(*s));
    return WHET_OK;
}

static int any_failed(const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    size_t i = 0;
    json_array_foreach(rows, i, row)
    {
        const char *status = json_string_value(json_object_get(row, "status"));
        if (status == NULL || strcmp(status, "ok") != 0) return 1;
    }
    return 0;
}

static void render_study(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *compare = json_object_get(doc, "baseline_compare");
    whet_render_rows(doc, width, color, out);
    if (compare == NULL) return;
    whet_strbuf_puts(out, "\n");
    whet_render_compare(compare, width, color, out);
}

whet_status whet_study_perform(whet_result **out, const char *file, const whet_study_perform_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_study *s = NULL;
    json_t *doc = NULL, *old = NULL;
    whet_study_options o;
    whet_gates gates;
    bool worse = false;
    *out = NULL;
    if (opt->mode != NULL && strcmp(opt->mode, "default") != 0 && strcmp(opt->mode, "quick") != 0 && strcmp(opt->mode, "publish") != 0)
        return WHET_FAIL(WHET_EINVAL, "mode '%s' is none of default, quick, publish", opt->mode);
    WHET_TRY(whet_read_baseline(&old, &gates, opt->baseline, opt->gate, opt->store));
    whet_status status = read_study(&s, file, opt);
    if (status == WHET_OK) {
        whet_study_options_init(&o);
        o.dry_run = opt->dry_run != 0;
        o.mode = opt->mode != NULL ? opt->mode : "default";
        o.command = opt->command;
        o.store_path = opt->store;
        o.progress = opt->progress;
        o.progress_arg = opt->progress_arg;
        const whet_fleet_options fleet = {.hosts = opt->hosts, .bundles = opt->bundle, .alone = !is_study_file(file)};
        if (opt->hosts != NULL && o.dry_run) status = WHET_FAIL(WHET_EINVAL, "a dry run is of this machine: leave --host or --dry-run out");
        else status = opt->hosts != NULL ? whet_fleet_run(&doc, s, &o, &fleet) : whet_study_run(&doc, s, &o);
    }
    whet_study_free(s);
    if (status == WHET_OK && doc != NULL && old != NULL && !opt->dry_run) status = whet_bench_compare_stored(doc, &worse, old, opt->baseline, &gates, 0);
    json_decref(old);
    if (doc == NULL) return status;
    // A failed row is a gate; a run in which nothing worked is an error, and its document stands beside it.
    int gate = any_failed(doc) || worse;
    whet_status made = whet_result_make(out, "study", doc, opt->dry_run ? 0 : gate, render_study);
    return status != WHET_OK ? status : made;
}

static void render_text(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *schema = json_object_get(doc, "schema");
    const char *text = json_string_value(json_object_get(doc, "text"));
    (void)width;
    (void)color;
    if (schema != NULL) {
        char *pretty = whet_json_text(schema, 2);
        whet_strbuf_printf(out, "%s\n", pretty != NULL ? pretty : "");
        whet_free(pretty);
    } else {
        whet_strbuf_puts(out, text != NULL ? text : "\n");
    }
}

whet_status whet_study_init(whet_result **out, const char *file, const char *model)
{
    WHET_NUMBERS_WITH_POINT;
    char *yaml = NULL, *told = NULL;
    *out = NULL;
    if (whet_file_exists(file)) return WHET_FAIL(WHET_EINVAL, "'%s' exists already: give another name", file);
    whet_status status = whet_study_template(&yaml, model);
    if (status == WHET_OK) status = whet_file_write(file, yaml, strlen(yaml));
    if (status == WHET_OK) told = whet_format("%s written: edit it, then `whet study %s`\n", file, file);
    if (status == WHET_OK && told == NULL) status = WHET_ENOMEM;
    if (status == WHET_OK) status = whet_result_make(out, "study-init", json_pack("{s:s, s:s}", "file", file, "text", told), 0, render_text);
    whet_free(yaml);
    whet_free(told);
    return status;
}

whet_status whet_study_describe(whet_result **out)
{
    WHET_NUMBERS_WITH_POINT;
    json_t *schema = NULL;
    *out = NULL;
    WHET_TRY(whet_study_schema(&schema));
    return whet_result_make(out, "study-schema", json_pack("{s:o}", "schema", schema), 0, render_text);
}

whet_status whet_study_keys(whet_result **out)
{
    WHET_NUMBERS_WITH_POINT;
    char *text = NULL;
    *out = NULL;
    WHET_TRY(whet_study_manual(&text));
    whet_status status = whet_result_make(out, "study-keys", json_pack("{s:s}", "text", text), 0, render_text);
    whet_free(text);
    return status;
}
