/* SPDX-License-Identifier: Apache-2.0 */
/* Body of whet_results_audit: the stored run found, measured again, told. */
#include <stdio.h>
#include <string.h>

#include "api/result.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "measure/audit.h"
#include "store/document.h"
#include "whet/results.h"
#include "wire/json.h"

enum { COLUMNS = 6 };
typedef struct row_text { char cell[COLUMNS][80]; } row_text;

static void fill_row(row_text *t, const json_t *row)
{
    const json_t *outputs = json_object_get(row, "outputs"), *speed = json_object_get(row, "speed");
    memset(t, 0, sizeof *t);
    snprintf(t->cell[0], 80, "%s", whet_json_str(row, "label"));
    snprintf(t->cell[1], 80, "%s", !json_is_object(outputs) ? "-" : json_is_true(json_object_get(outputs, "bits")) ? "bit-equal"
                                                              : json_is_true(json_object_get(outputs, "equal"))    ? "agree"
                                                                                                                   : "DIFFER");
    snprintf(t->cell[5], 80, "%s", whet_json_str(row, "status"));
    for (int c = 2; c < 5; c++) snprintf(t->cell[c], 80, "-");
    if (!json_is_object(speed)) return;
    snprintf(t->cell[2], 80, "%.4g", whet_json_real(speed, "was"));
    snprintf(t->cell[3], 80, "%.4g", whet_json_real(speed, "now"));
    snprintf(t->cell[4], 80, "%.3f (%.3f to %.3f)", whet_json_real(speed, "ratio"), whet_json_real(speed, "low"), whet_json_real(speed, "high"));
}

static void render(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    static const char *const titles[] = {"row", "outputs", "was ms", "now ms", "ratio", "audit"};
    const json_t *rows = json_object_get(doc, "rows");
    const size_t n = json_array_size(rows);
    row_text *t = whet_calloc(n + 1, sizeof *t);
    const char **cells = whet_calloc(n * COLUMNS + 1, sizeof *cells);
    for (size_t i = 0; t != NULL && cells != NULL && i < n; i++) {
        fill_row(&t[i], json_array_get(rows, i));
        for (int c = 0; c < COLUMNS; c++) cells[i * COLUMNS + (size_t)c] = t[i].cell[c];
    }
    if (t != NULL && cells != NULL) whet_render_table(out, width, color, COLUMNS, titles, "llrrll", (int)n, cells);
    whet_strbuf_puts(out, "\n");
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(rows, i), *notes = json_object_get(row, "notes");
        if (whet_json_str(row, "reason")[0] != '\0')
            whet_render_wrapped(out, width, 2, "%s: %s: %s", whet_json_str(row, "label"), whet_json_str(row, "status"), whet_json_str(row, "reason"));
        for (size_t k = 0; k < json_array_size(notes); k++)
            whet_render_wrapped(out, width, 2, "%s: %s", whet_json_str(row, "label"), json_string_value(json_array_get(notes, k)));
    }
    whet_render_wrapped(out, width, 0, "%s", whet_json_str(doc, "summary"));
    whet_free(cells);
    whet_free(t);
}

whet_status whet_results_audit(whet_result **out, const char *run, const whet_results_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    json_t *doc = NULL, *made = NULL;
    bool ok = false;
    *out = NULL;
    WHET_TRY(whet_document_load(&doc, NULL, run, opt->store));
    const whet_audit_spec spec = {.doc = doc, .row = opt->row, .program = opt->program, .allow_exec = opt->allow_exec != 0,
                                  .progress = opt->progress, .progress_arg = opt->progress_arg};
    whet_status status = whet_audit_run(&made, &ok, &spec);
    json_decref(doc);
    WHET_TRY(status);
    json_object_set_new(made, "of", json_string(run));
    return whet_result_make(out, "audit", made, !ok, render);
}
