/* SPDX-License-Identifier: Apache-2.0 */
/* Body of whet/compare.h: both documents found, compared, told. */
#include "whet/compare.h"

#include <stdio.h>
#include <string.h>

#include "api/compare_text.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "measure/compare.h"
#include "store/document.h"
#include "wire/json.h"

void whet_compare_options_init(whet_compare_options *o)
{
    *o = (whet_compare_options){.size = sizeof *o};
}

/* --- rendering */
enum { COLUMNS = 6 };
typedef struct row_text { char cell[COLUMNS][80]; } row_text;

static void times(char *out, size_t size, const json_t *speed)
{
    const double a = whet_json_real(speed, "base"), b = whet_json_real(speed, "now"), x = WHET_MAX(a, b);
    const int digits = x >= 100 ? 0 : x >= 10 ? 1 : x >= 1 ? 2 : x >= 0.1 ? 3 : 4;
    if (!json_is_object(speed)) snprintf(out, size, "-");
    else if (x < 0.01) snprintf(out, size, "%.3g, now %.3g", a, b);
    else snprintf(out, size, "%.*f, now %.*f", digits, a, digits, b);
}

static void fill_row(row_text *t, const json_t *row)
{
    static const char *const keys[] = {"speed", "accuracy", "size", "memory"};
    snprintf(t->cell[0], sizeof t->cell[0], "%s", whet_json_str(row, "label"));
    times(t->cell[1], sizeof t->cell[1], json_object_get(row, "speed"));
    for (int i = 0; i < 4; i++) {
        const json_t *o = json_object_get(row, keys[i]);
        const char *verdict = whet_json_str(o, "verdict");
        char *cell = t->cell[i + 2];
        if (!json_is_object(o)) snprintf(cell, sizeof t->cell[0], "-");
        else if (i == 1) snprintf(cell, sizeof t->cell[0], "%+.2f pt %s", 100 * whet_json_real(o, "difference"), verdict);
        else if (i > 1 && strcmp(verdict, "same") == 0) snprintf(cell, sizeof t->cell[0], "same");
        else snprintf(cell, sizeof t->cell[0], "%.3fx %s", whet_json_real(o, "ratio"), verdict);
    }
}

/* What changed, in a sentence each, and what cannot be told. An accuracy may be the same though pictures changed sides. */
static void render_changes(const json_t *rows, int width, whet_strbuf *out)
{
    static const char *const keys[] = {"speed", "accuracy", "size", "memory"};
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *notes = json_object_get(row, "notes");
        for (int k = 0; k < 4; k++) {
            const json_t *o = json_object_get(row, keys[k]);
            const bool same = strcmp(whet_json_str(o, "verdict"), "same") == 0, flips = whet_json_real(o, "fixed") + whet_json_real(o, "broken") > 0;
            if (json_is_object(o) && (!same || flips)) whet_render_wrapped(out, width, 2, "%s", whet_json_str(o, "text"));
        }
        for (size_t k = 0; k < json_array_size(notes); k++)
            whet_render_wrapped(out, width, 2, "%s: %s", whet_json_str(row, "label"), json_string_value(json_array_get(notes, k)));
    }
}

static void render_list(const json_t *list, const char *prefix, int width, whet_strbuf *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) whet_render_wrapped(out, width, 2, "%s%s", prefix, json_string_value(json_array_get(list, i)));
}

static void render_gate(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *gate = json_object_get(doc, "gate"), *bands = json_object_get(doc, "bands"), *b = NULL;
    const char *name = NULL;
    whet_strbuf on;
    whet_strbuf_init(&on);
    json_object_foreach((json_t *)bands, name, b)
    {
        if (json_is_true(json_object_get(b, "gate"))) whet_strbuf_printf(&on, "%s%s %s", on.len > 0 ? ", " : "", name, whet_json_str(b, "band"));
    }
    char *text = whet_strbuf_take(&on);
    if (text != NULL && text[0] != '\0') {
        const bool failed = json_is_true(json_object_get(gate, "failed"));
        whet_render_bold(out, color, failed ? "gate FAILED" : "gate passed");
        whet_strbuf_printf(out, " (%s)\n", text);
        render_list(json_object_get(gate, "failures"), "  ", width, out);
        const size_t open = json_array_size(json_object_get(gate, "open"));
        if (open > 0)
            whet_render_wrapped(out, width, 2, "%zu figure%s cannot be told apart from the noise and %s not fail it: measure longer, or --strict", open,
                                open == 1 ? "" : "s", open == 1 ? "does" : "do");
    }
    whet_free(text);
}

void whet_render_compare(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    static const char *const titles[] = {"row", "ms", "time", "accuracy", "size", "memory"};
    const json_t *rows = json_object_get(doc, "rows"), *base = json_object_get(doc, "base"), *now = json_object_get(doc, "now");
    const size_t n = json_array_size(rows);
    row_text *t = whet_calloc(n + 1, sizeof *t);
    const char **cells = whet_calloc(n * COLUMNS + 1, sizeof *cells);
    for (size_t i = 0; t != NULL && cells != NULL && i < n; i++) {
        fill_row(&t[i], json_array_get(rows, i));
        for (int c = 0; c < COLUMNS; c++) cells[i * COLUMNS + (size_t)c] = t[i].cell[c];
    }
    whet_render_wrapped(out, width, 2, "base: %s %s %s", whet_json_str(base, "name"), whet_json_str(base, "kind"), whet_json_str(base, "started"));
    whet_render_wrapped(out, width, 2, "now:  %s %s %s", whet_json_str(now, "name"), whet_json_str(now, "kind"), whet_json_str(now, "started"));
    whet_strbuf_puts(out, "\n");
    if (t != NULL && cells != NULL) whet_render_table(out, width, color, COLUMNS, titles, "lLLLLL", (int)n, cells);
    whet_strbuf_puts(out, "\n");
    render_changes(rows, width, out);
    render_list(json_object_get(doc, "only_base"), "only in the base: ", width, out);
    render_list(json_object_get(doc, "only_now"), "only in the new one: ", width, out);
    render_list(json_object_get(doc, "failed_base"), "failed in the base: ", width, out);
    render_list(json_object_get(doc, "failed_now"), "failed in the new one: ", width, out);
    render_list(json_object_get(doc, "notes"), "note: ", width, out);
    whet_render_wrapped(out, width, 0, "%s", whet_json_str(doc, "summary"));
    render_gate(doc, width, color, out);
    whet_free(cells);
    whet_free(t);
}

/* --- the call */
whet_status whet_compare(whet_result **out, const char *base, const char *now, const whet_compare_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_compare_options o;
    whet_compare_spec s;
    json_t *a = NULL, *b = NULL, *doc = NULL;
    bool failed = false;
    whet_status status = WHET_OK;
    *out = NULL;
    whet_compare_options_init(&o);
    if (opt != NULL) o = *opt;
    if (base == NULL || now == NULL) return WHET_FAIL(WHET_EINVAL, "name two results to compare");
    whet_compare_spec_init(&s);
    WHET_GOTO(whet_gates_parse(&s.gates, o.gate != NULL ? o.gate : "none"));
    WHET_GOTO(whet_document_load(&a, NULL, base, o.store));
    WHET_GOTO(whet_document_load(&b, NULL, now, o.store));
    s.base = a;
    s.now = b;
    s.base_name = base;
    s.now_name = now;
    s.by = o.by;
    s.seed = o.seed;
    s.gates.strict = o.strict != 0;
    WHET_GOTO(whet_compare_documents(&doc, &failed, &s));
    status = whet_result_make(out, "compare", doc, failed, whet_render_compare);
done:
    json_decref(a);
    json_decref(b);
    return status;
}
