/* SPDX-License-Identifier: Apache-2.0 */
/* Body of whet/report.h: a document out of a file or the store, written in the forms that were asked for. */
#include "whet/report.h"

#include <stdio.h>
#include <string.h>

#include "api/api_rows.h"
#include "api/result.h"
#include "base/io.h"
#include "base/mem.h"
#include "report/report.h"
#include "store/store.h"
#include "wire/json.h"

void whet_report_options_init(whet_report_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
}

static whet_status load(json_t **doc, const char *source, const char *store_path)
{
    whet_store *s = NULL;
    int64_t id = 0;
    if (whet_file_exists(source)) return whet_json_read(doc, source);
    if (strspn(source, "0123456789") != strlen(source) && strncmp(source, "latest", 6) != 0) {
        whet_fail(WHET_ENOTFOUND, "no such result file, and no number of a stored run");
        whet_error_at_file(source);
        return WHET_ENOTFOUND;
    }
    whet_status status = whet_store_open(&s, store_path, true);
    if (status == WHET_OK) status = whet_store_find_run(s, source, &id);
    if (status == WHET_OK) status = whet_store_get_run(s, doc, id, NULL);
    whet_store_close(s);
    return status;
}

static whet_status write_one(json_t *files, const char *path, whet_status made, char *text)
{
    if (made == WHET_OK) made = whet_file_write(path, text, strlen(text));
    if (made == WHET_OK) json_array_append_new(files, json_string(path));
    whet_free(text);
    return made;
}

static void render(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *files = json_object_get(doc, "files"), *f = NULL;
    size_t i = 0;
    whet_render_rows(json_object_get(doc, "of"), width, color, out);
    json_array_foreach(files, i, f) whet_strbuf_printf(out, "written: %s\n", json_string_value(f));
}

whet_status whet_report(whet_result **out, const char *source, const whet_report_options *opt)
{
    json_t *doc = NULL, *files = json_array();
    char *text = NULL;
    *out = NULL;
    whet_status status = load(&doc, source, opt->store);
    if (status == WHET_OK && !json_is_array(json_object_get(doc, "rows")))
        status = WHET_FAIL(WHET_EFORMAT, "'%s' has no rows to report on: a report is made of a bench or a study", source);
    if (status == WHET_OK && opt->html != NULL) {
        status = whet_report_html(doc, opt->chart_js, &text);
        status = write_one(files, opt->html, status, text);
        text = NULL;
    }
    if (status == WHET_OK && opt->csv != NULL) {
        status = whet_report_csv(doc, &text);
        status = write_one(files, opt->csv, status, text);
        text = NULL;
    }
    if (status == WHET_OK && opt->markdown != NULL) {
        status = whet_report_markdown(doc, &text);
        status = write_one(files, opt->markdown, status, text);
    }
    if (status == WHET_OK) {
        char *summary = whet_report_summary(doc);
        status = whet_result_make(out, "report", json_pack("{s:s, s:O, s:s, s:O}", "source", source, "files", files, "summary", summary != NULL ? summary : "", "of", doc), 0, render);
        whet_free(summary);
    }
    json_decref(files);
    json_decref(doc);
    return status;
}
