/* SPDX-License-Identifier: Apache-2.0 */
/* Body of whet/report.h: a document out of a file or the store, written in the forms that were asked for. */
#include "whet/report.h"

#include <stdio.h>
#include <string.h>

#include "api/api_rows.h"
#include "api/result.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "base/printable.h"
#include "report/goal.h"
#include "report/report.h"
#include "wire/json.h"

void whet_report_options_init(whet_report_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
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
    const json_t *list = json_object_get(doc, "files"), *item = NULL, *answers = json_object_get(doc, "answer");
    size_t i = 0;
    whet_render_rows(json_object_get(doc, "of"), width, color, out);
    if (!json_is_string(json_object_get(json_object_get(doc, "of"), "goal"))) { // with a goal the summary has said it
        json_array_foreach(answers, i, item)
        {
            const bool many = json_array_size(answers) > 1;
            char *line = whet_format("%s%s%s", many ? whet_json_str(item, "machine") : "", many ? ": " : "", whet_json_str(item, "text"));
            char *safe = line != NULL ? whet_printable_copy(line, 0) : NULL; // a tab in a name is written out, too
            if (safe != NULL) whet_render_wrapped(out, width, 0, "%s", safe);
            out->failed = out->failed || safe == NULL;
            whet_free(safe);
            whet_free(line);
        }
    }
    list = json_object_get(doc, "notes");
    json_array_foreach(list, i, item) whet_render_wrapped(out, width, 2, "note: %s", json_string_value(item));
    list = json_object_get(doc, "files");
    json_array_foreach(list, i, item) whet_strbuf_printf(out, "written: %s\n", json_string_value(item));
}

// What the caller says in place of what the document says. The document is the caller's own copy.
static whet_status lay_over(json_t *doc, const whet_report_options *opt)
{
    whet_goal goal;
    if (opt->goal != NULL) {
        WHET_TRY(whet_goal_parse(&goal, opt->goal));
        if (json_object_set_new(doc, "goal", json_string(opt->goal)) != 0) return WHET_FAIL(WHET_EINVAL, "goal: the text is not UTF-8");
    }
    if (opt->title != NULL && json_object_set_new(doc, "title", json_string(opt->title)) != 0) return WHET_FAIL(WHET_EINVAL, "the title is not UTF-8");
    return WHET_OK;
}

static whet_status write_all(const json_t *doc, const whet_report_options *opt, json_t *files, json_t *notes)
{
    char *text = NULL;
    whet_status status = WHET_OK;
    if (opt->html != NULL) {
        status = whet_report_html(doc, opt->chart_js, &text);
        WHET_TRY(write_one(files, opt->html, status, text));
        text = NULL;
    }
    if (opt->csv != NULL) {
        status = whet_report_csv(doc, &text);
        WHET_TRY(write_one(files, opt->csv, status, text));
        text = NULL;
    }
    if (opt->markdown != NULL) {
        status = whet_report_markdown(doc, &text);
        WHET_TRY(write_one(files, opt->markdown, status, text));
    }
    if (opt->latex != NULL) WHET_TRY(whet_report_latex(doc, opt->latex, files));
    if (opt->charts != NULL) WHET_TRY(whet_report_pictures(doc, opt->charts, opt->chart_forms, files, notes));
    return WHET_OK;
}

whet_status whet_report_all(whet_result **out, const char *const *sources, int n, const whet_report_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    json_t *doc = NULL, *files = json_array(), *notes = json_array();
    *out = NULL;
    whet_status status = n > 0 ? whet_report_select(&doc, sources, n, opt->store) : WHET_FAIL(WHET_EINVAL, "name a result file or a stored run");
    if (status == WHET_OK) status = lay_over(doc, opt);
    if (status == WHET_OK) status = write_all(doc, opt, files, notes);
    if (status == WHET_OK) {
        char *summary = whet_report_summary(doc);
        json_t *answer = whet_report_answer(doc, NULL), *warnings = whet_report_warnings(doc);
        status = whet_result_make(out, "report", json_pack("{s:s, s:O, s:s, s:o, s:o, s:O, s:O}", "source", sources[0], "files", files, "summary",
                                                           summary != NULL ? summary : "", "answer", answer, "warnings", warnings, "notes", notes, "of", doc), 0, render);
        whet_free(summary);
    }
    json_decref(files);
    json_decref(notes);
    json_decref(doc);
    return status;
}

whet_status whet_report(whet_result **out, const char *source, const whet_report_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    return whet_report_all(out, &source, 1, opt);
}
