/* SPDX-License-Identifier: Apache-2.0 */
/* Result documents: JSON is the truth, text a rendering made on demand; and helpers of the renderings. */
#include "api/result.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/shown.h"
#include "api/wrap.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "base/printable.h"
#include "wire/json.h"

struct whet_result {
    json_t *doc;
    char *json, *text;
    int gate;
    whet_render_fn render;
};

static whet_status make(whet_result **out, json_t *doc, int gate, whet_render_fn render)
{
    whet_result *r = whet_calloc(1, sizeof(*r));
    *out = NULL;
    if (!r) {
        json_decref(doc);
        return WHET_ENOMEM;
    }
    r->doc = doc;
    r->gate = gate;
    r->render = render;
    r->json = whet_json_text(doc, 2);
    if (!r->json) {
        whet_result_free(r);
        return WHET_ENOMEM;
    }
    *out = r;
    return WHET_OK;
}

whet_status whet_result_make(whet_result **out, const char *kind, json_t *doc, int gate, whet_render_fn render)
{
    json_t *full = json_pack("{s:i, s:s}", "schema_version", 1, "kind", kind);
    *out = NULL;
    if (!doc || !full || json_object_update_missing(full, doc) != 0) {
        json_decref(doc);
        json_decref(full);
        return WHET_FAIL(WHET_ENOMEM, "the result '%s' cannot be made", kind);
    }
    json_decref(doc);
    return make(out, full, gate, render);
}

whet_status whet_result_from_json(whet_result **out, const char *json, whet_render_fn render)
{
    json_t *doc = NULL;
    *out = NULL;
    WHET_TRY(whet_json_parse(&doc, json, strlen(json), ""));
    if (json_is_object(doc)) return make(out, doc, 0, render);
    json_decref(doc);
    return WHET_FAIL(WHET_EFORMAT, "a result must be a JSON object");
}

void whet_result_free(whet_result *r)
{
    if (!r) return;
    json_decref(r->doc);
    whet_free(r->json);
    whet_free(r->text);
    whet_free(r);
}

const char *whet_result_json(const whet_result *r) { return r->json; }

int whet_result_gate(const whet_result *r) { return r->gate; }

const json_t *whet_result_doc(const whet_result *r) { return r->doc; }

const char *whet_result_text(whet_result *r, int width, int color)
{
    WHET_NUMBERS_WITH_POINT;
    whet_strbuf b;
    whet_strbuf_init(&b);
    json_t *shown = r->render ? whet_shown(r->doc) : NULL;
    if (shown) r->render(shown, width > 0 ? width : 80, color != 0, &b);
    else whet_strbuf_printf(&b, "%s\n", r->json);
    json_decref(shown);
    whet_free(r->text);
    r->text = whet_strbuf_take(&b);
    const unsigned keep = WHET_KEEP_LINES | (color ? WHET_KEEP_COLOURS : 0u);
    if (r->text && !whet_is_printable(r->text, keep)) { /* names of a file's author, which may hold terminal escapes */
        char *safe = whet_printable_copy(r->text, keep);
        whet_free(r->text);
        r->text = safe;
    }
    char *fitting = r->text && r->render ? whet_wrapped_lines(r->text, width > 0 ? width : 80) : NULL;
    if (fitting) {
        whet_free(r->text);
        r->text = fitting;
    }
    return r->text ? r->text : "";
}

static int columns(const char *s) { return whet_text_columns(s, strlen(s)); }

static const char *cell(const char *const *cells, int i) { return cells[i] ? cells[i] : ""; }

/* What is too long loses its end, or its middle if it is one name or `middle` says so. */
static void put_cell(whet_strbuf *out, const char *text, int width, bool right, bool middle, bool last)
{
    const int n = columns(text);
    char *line = whet_strdup(text);
    out->failed = out->failed || !line;
    if (!line) return;
    for (char *p = line; *p; p++)
        if (*p == '\n' || *p == '\t') *p = ' '; /* a name must not make rows */
    if (right) whet_strbuf_printf(out, "%*s", WHET_MAX(0, width - n), "");
    if (n > width && !middle && strchr(line, ' ')) {
        size_t end = strlen(line);
        while (end > 0 && (whet_text_columns(line, end) > width - 1 || (line[end] & 0xc0) == 0x80)) end--;
        whet_strbuf_add(out, line, end);
        whet_strbuf_puts(out, "\xe2\x80\xa6");
    } else {
        whet_put_shortened(out, line, strlen(line), width);
    }
    if (!right && !last) whet_strbuf_printf(out, "%*s", WHET_MAX(0, width - n), "");
    whet_free(line);
}

const char *whet_render_tail(char *buf, size_t size, const char *name, int width)
{
    const int n = columns(name);
    int skip = n > width ? n - width + 1 : 0;
    const char *p = name;
    for (; skip > 0 && *p != '\0'; skip--)
        do p++;
        while ((*p & 0xc0) == 0x80);
    snprintf(buf, size, "%s%s", n > width ? "\xe2\x80\xa6" : "", p);
    return buf;
}

enum { MAX_COLUMNS = 24, GAP = 2 };

static void fit(int *widths, int n_cols, const char *align, int width)
{
    for (;;) {
        int total = -GAP, widest = -1;
        for (int c = 0; c < n_cols; c++) {
            total += widths[c] + GAP;
            if (align[c] == 'l' && widths[c] > 8 && (widest < 0 || widths[c] > widths[widest])) widest = c;
        }
        if (total <= width || widest < 0) return;
        widths[widest]--; /* the widest in turn, so that no column pays for the others */
    }
}

typedef struct grid { int n_cols, n_rows; const char *const *titles, *align, *const *cells; int widths[MAX_COLUMNS]; bool middle[MAX_COLUMNS]; } grid;

/* Whether two rows that are different in a column would look the same there. */
static bool look_alike(const grid *g, int column)
{
    enum { MOST_ROWS = 200 };
    const int n = WHET_MIN(g->n_rows, MOST_ROWS);
    bool alike = false;
    char **shown = whet_calloc((size_t)n + 1, sizeof *shown);
    for (int r = 0; shown && r < n && !alike; r++) {
        whet_strbuf b;
        whet_strbuf_init(&b);
        put_cell(&b, cell(g->cells, r * g->n_cols + column), g->widths[column], false, g->middle[column], true);
        shown[r] = whet_strbuf_take(&b);
        for (int k = 0; k < r && shown[r] && !alike; k++)
            alike = shown[k] && strcmp(shown[k], shown[r]) == 0 && strcmp(cell(g->cells, k * g->n_cols + column), cell(g->cells, r * g->n_cols + column)) != 0;
    }
    for (int r = 0; shown && r < n; r++) whet_free(shown[r]);
    whet_free(shown);
    return alike;
}

/* Names that differ in their end alone lose their middle; where that does not show it either they get more room, and the table stands
 * in parts. What stands last is a remark, not a name. */
static void tell_apart(grid *g, const int *natural, int width)
{
    for (int c = 0; c < g->n_cols - 1; c++) {
        if (g->align[c] != 'l' || g->widths[c] >= natural[c] || !look_alike(g, c)) continue;
        g->middle[c] = true;
        while (g->widths[c] < WHET_MIN(natural[c], width * 2 / 3) && look_alike(g, c)) g->widths[c]++;
    }
}

/* The columns in front, again, and then those from `from` up to `to`. */
static void put_part(whet_strbuf *out, const grid *g, bool color, int front, int from, int to)
{
    for (int r = -1; r < g->n_rows; r++) {
        if (r < 0 && color) whet_strbuf_puts(out, "\x1b[1m");
        for (int c = 0; c < to; c = c + 1 == front && from > front ? from : c + 1) {
            if (c) whet_strbuf_printf(out, "%*s", GAP, "");
            put_cell(out, r < 0 ? g->titles[c] : cell(g->cells, r * g->n_cols + c), g->widths[c], g->align[c] == 'r', r >= 0 && g->middle[c], c == to - 1);
        }
        if (r < 0 && color) whet_strbuf_puts(out, "\x1b[0m");
        whet_strbuf_puts(out, "\n");
    }
}

/* In parts below each other where even the shortened columns do not fit; each part begins with the names of the rows. */
static void put_table(whet_strbuf *out, int width, bool color, int n_cols, const char *const *titles, const char *align,
                      int n_rows, const char *const *cells)
{
    grid g = {.n_cols = n_cols, .n_rows = n_rows, .titles = titles, .align = align, .cells = cells};
    int front = 1, used = 0, total = -GAP;
    g.n_cols = WHET_MIN(n_cols, MAX_COLUMNS);
    for (int c = 0; c < g.n_cols; c++) {
        g.widths[c] = columns(titles[c]);
        for (int r = 0; r < n_rows; r++) g.widths[c] = WHET_MAX(g.widths[c], columns(cell(cells, r * n_cols + c)));
    }
    int natural[MAX_COLUMNS];
    memcpy(natural, g.widths, sizeof natural);
    fit(g.widths, g.n_cols, align, width);
    for (int c = 0; c < g.n_cols; c++) total += g.widths[c] + GAP;
    for (int c = 0; c < g.n_cols && total > width; c++)
        if (align[c] == 'l') g.widths[c] = WHET_MIN(natural[c], WHET_MAX(width / 4, 8)); /* there is room in parts */
    tell_apart(&g, natural, width);
    if (g.n_cols > 1 && align[0] == 'l' && align[1] == 'l') front = 2;
    for (int c = 0; c < front && c < g.n_cols; c++) used += g.widths[c] + (c > 0 ? GAP : 0);
    for (int from = front; from <= g.n_cols;) {
        int to = from, wide = used;
        while (to < g.n_cols && (to == from || wide + GAP + g.widths[to] <= width)) wide += g.widths[to++] + GAP;
        if (from > front) whet_strbuf_puts(out, "\n");
        put_part(out, &g, color, front, from, to);
        if (to >= g.n_cols) return;
        from = to;
    }
}

/* Cells are made printable before they are measured: an escape written out is longer than what it stands for. */
void whet_render_table(whet_strbuf *out, int width, bool color, int n_cols, const char *const *titles, const char *align,
                       int n_rows, const char *const *cells)
{
    const size_t n = (size_t)n_cols * (size_t)n_rows;
    const char **shown = whet_calloc(n > 0 ? n : 1, sizeof *shown);
    char **copies = whet_calloc(n > 0 ? n : 1, sizeof *copies);
    for (size_t i = 0; shown && copies && i < n; i++) {
        shown[i] = cells[i];
        if (!cells[i] || whet_is_printable(cells[i], 0)) continue;
        copies[i] = whet_printable_copy(cells[i], 0);
        shown[i] = copies[i] ? copies[i] : "";
    }
    if (shown && copies) put_table(out, width, color, n_cols, titles, align, n_rows, shown);
    else out->failed = true;
    for (size_t i = 0; copies && i < n; i++) whet_free(copies[i]);
    whet_free(copies);
    whet_free(shown);
}

void whet_render_bold(whet_strbuf *out, bool color, const char *text)
{
    whet_strbuf_printf(out, color ? "\x1b[1m%s\x1b[0m" : "%s", text);
}

const char *whet_render_bytes(char *buf, size_t size, double bytes)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    int u = 0;
    for (; bytes >= 1000 && u < 4; u++) bytes /= 1000;
    snprintf(buf, size, u && bytes < 99.95 ? "%.1f %s" : "%.0f %s", bytes, units[u]);
    return buf;
}

const char *whet_render_count(char *buf, size_t size, int64_t n)
{
    char digits[24] = "";
    size_t at = 0;
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)n);
    for (int i = 0; i < len && at + 2 < size; i++) {
        if (i > 0 && digits[i - 1] != '-' && (len - i) % 3 == 0) buf[at++] = ',';
        buf[at++] = digits[i];
    }
    if (size) buf[at] = '\0';
    return buf;
}

void whet_render_wrapped(whet_strbuf *out, int width, int hang, const char *fmt, ...)
{
    char text[1200], *more = NULL;
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof(text)) {
        more = whet_alloc((size_t)n + 1);
        va_start(ap, fmt);
        if (more) vsnprintf(more, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    const char *all = more ? more : text;
    whet_put_wrapped(out, all, strlen(all), width, hang);
    whet_free(more);
}
