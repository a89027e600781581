/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a comparison of inner tensors. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/result.h"
#include "api/verify_layers.h"
#include "base/mem.h"
#include "report/report_layers.h"
#include "wire/json.h"

enum { WORST = 10, BARS = 24, NAME = 26, TENSOR = 20, NODE = 18, NUMBER = 9, TEXT = 256 };
static const double least = 1e-9;

static double error_of(const json_t *o)
{
    const json_t *e = json_object_get(o, "error");
    return json_is_number(e) ? json_number_value(e) : (double)INFINITY;
}

static void put_worst(const json_t *layers, int width, bool color, whet_strbuf *out)
{
    static const char *const titles[] = {"tensor", "node", "operator", "error", "max", "cosine", "ok"};
    enum { COLUMNS = 7 };
    const json_t *list = json_object_get(layers, "list");
    const size_t n = WHET_MIN(json_array_size(list), (size_t)WORST);
    const char *cells[WORST * COLUMNS];
    char text[WORST][3][24], names[WORST][2][TEXT];
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(list, i);
        whet_render_tail(names[i][0], TEXT, whet_json_str(o, "label"), WHET_MAX(width - 80, 0) / 2 + TENSOR);
        whet_render_tail(names[i][1], TEXT, whet_json_str(o, "node"), WHET_MAX(width - 80, 0) / 2 + NODE);
        snprintf(text[i][0], 24, "%.2e", error_of(o));
        snprintf(text[i][1], 24, "%.2e", json_is_number(json_object_get(o, "max")) ? whet_json_real(o, "max") : (double)INFINITY);
        snprintf(text[i][2], 24, "-");
        if (json_is_number(json_object_get(o, "cosine"))) snprintf(text[i][2], 24, "%.5f", whet_json_real(o, "cosine"));
        const char *row[COLUMNS] = {names[i][0], names[i][1], whet_json_str(o, "op"), text[i][0], text[i][1], text[i][2],
                                    json_is_true(json_object_get(o, "ok")) ? "yes" : "NO"};
        memcpy(&cells[i * COLUMNS], row, sizeof row);
    }
    const double used = whet_json_real(layers, "samples");
    whet_strbuf_puts(out, "\n");
    whet_render_wrapped(out, width, 2, "the largest errors of %.0f inner tensors; error is |difference| / |reference| (Euclidean), max the largest |difference| / largest "
                                       "|reference|, each the worst of the first %.0f input%s",
                        whet_json_real(layers, "compared"), used, used == 1 ? "" : "s");
    whet_render_table(out, width, color, COLUMNS, titles, "lllrrrl", (int)n, cells);
}

/* --- the picture: a bar a tensor, or the worst of several neighbours; each decade is as long as the next */
typedef struct scale { double low, high; } scale;

static scale scale_of(const json_t *list)
{
    scale s = {0, -9};
    const json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(list, i, o) {
        const double d = log10(fmin(fmax(error_of(o), least), 1e3));
        s.low = fmin(s.low, floor(d) - 1);
        s.high = fmax(s.high, ceil(d));
    }
    if (s.high <= s.low) s.high = s.low + 1;
    return s;
}

static void put_name(whet_strbuf *out, const char *name)
{
    char tail[TEXT];
    int shown = 0;
    whet_render_tail(tail, sizeof tail, name, NAME);
    for (const char *p = tail; *p != '\0'; p++) shown += (*p & 0xc0) != 0x80;
    whet_strbuf_printf(out, "%s%*s", tail, WHET_MAX(NAME - shown, 0) + 1, "");
}

static void put_bar(whet_strbuf *out, int room, double share, bool color, bool ok)
{
    static const char *const parts[] = {"", "\xe2\x96\x8f", "\xe2\x96\x8e", "\xe2\x96\x8d", "\xe2\x96\x8c", "\xe2\x96\x8b", "\xe2\x96\x8a", "\xe2\x96\x89"};
    const int eighths = (int)lround(share * room * 8);
    if (color) whet_strbuf_puts(out, ok ? "\x1b[34m" : "\x1b[31m");
    for (int i = 0; i < eighths / 8; i++) whet_strbuf_puts(out, "\xe2\x96\x88");
    whet_strbuf_puts(out, parts[eighths % 8]);
    if (color) whet_strbuf_puts(out, "\x1b[0m");
    whet_strbuf_puts(out, ok ? "\n" : " !\n");
}

static void put_bars(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    json_t *list = whet_report_layers_sorted(doc);
    const size_t n = json_array_size(list), rows = WHET_MIN(n, (size_t)BARS);
    const scale s = scale_of(list);
    const int room = WHET_MAX(width - NAME - NUMBER - 5, 10);
    whet_strbuf_printf(out, "\nerror along depth%s; ! is outside the bounds\n", n > rows ? " (a row is the worst of its neighbours)" : "");
    for (size_t r = 0; r < rows; r++) {
        const size_t from = r * n / rows, to = (r + 1) * n / rows;
        const json_t *worst = json_array_get(list, from);
        bool ok = true;
        for (size_t i = from; i < to; i++) {
            const json_t *o = json_array_get(list, i);
            ok &= json_is_true(json_object_get(o, "ok"));
            if (error_of(o) > error_of(worst)) worst = o;
        }
        const double e = fmin(fmax(error_of(worst), least), 1e3);
        put_name(out, whet_json_str(worst, "node"));
        if (error_of(worst) > 0) whet_strbuf_printf(out, "%*.2e ", NUMBER, error_of(worst));
        else whet_strbuf_printf(out, "%*s ", NUMBER, "0");
        put_bar(out, room, error_of(worst) > 0 ? (log10(e) - s.low) / (s.high - s.low) : 0, color, ok);
    }
    json_decref(list);
}

/* --- in words */
static void put_first(const json_t *layers, int width, whet_strbuf *out)
{
    const json_t *first = json_object_get(layers, "first"), *before = json_object_get(first, "error_before");
    char fed[120] = "it is fed by the input alone";
    if (!json_is_object(first)) {
        whet_render_wrapped(out, width, 0, "\nno inner tensor is outside the bounds (%s)", whet_json_str(layers, "accept"));
        return;
    }
    if (json_is_number(before) && json_number_value(before) > 0)
        snprintf(fed, sizeof fed, "what feeds it is inside them (error %.1e)", json_number_value(before));
    else if (json_is_number(before))
        snprintf(fed, sizeof fed, "what feeds it is equal");
    whet_strbuf_puts(out, "\n");
    whet_render_wrapped(out, width, 0, "the first that diverges: tensor '%s' of node '%s' (%s), %.0f of %.0f: error %.2e; %s", whet_json_str(first, "name"),
                        whet_json_str(first, "node"), whet_json_str(first, "op"), whet_json_real(first, "position"), whet_json_real(layers, "compared"),
                        error_of(first), fed);
    whet_render_wrapped(out, width, 2, "  %s", whet_json_str(first, "why"));
    whet_strbuf_printf(out, "%.0f of %.0f tensors are outside the bounds (%s)\n", whet_json_real(layers, "diverged"), whet_json_real(layers, "compared"),
                       whet_json_str(layers, "accept"));
}

static void put_steps(const json_t *layers, int width, whet_strbuf *out)
{
    const json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(layers, "steps"), i, o) {
        const json_t *before = json_object_get(o, "error_before");
        if (json_is_number(before))
            whet_render_wrapped(out, width, 2, "%s '%s' (%s): %.1e to %.1e", i == 0 ? "relative to the values the error grows most at" : "  then at", whet_json_str(o, "node"),
                                whet_json_str(o, "op"), json_number_value(before), error_of(o));
        else
            whet_render_wrapped(out, width, 2, "%s '%s' (%s): from nothing to %.1e", i == 0 ? "relative to the values the error grows most at" : "  then at",
                                whet_json_str(o, "node"), whet_json_str(o, "op"), error_of(o));
    }
}

static void put_notes(const json_t *doc, const json_t *layers, int width, whet_strbuf *out)
{
    static const char *const keys[] = {"a", "b"};
    const char *rule = NULL;
    const json_t *count = NULL;
    bool first = true;
    whet_strbuf_puts(out, "matched by ");
    json_object_foreach((json_t *)json_object_get(layers, "rules"), rule, count) {
        if (json_integer_value(count) == 0) continue;
        whet_strbuf_printf(out, "%s%s (%lld)", first ? "" : ", ", rule, (long long)json_integer_value(count));
        first = false;
    }
    whet_strbuf_printf(out, "; %.0f inputs\n", whet_json_real(layers, "samples"));
    for (int k = 0; k < 2; k++) {
        const json_t *moved = json_array_get(json_object_get(layers, "exposing"), (size_t)k), *side = json_object_get(doc, keys[k]);
        if (json_is_number(moved) && json_number_value(moved) > 0)
            whet_render_wrapped(out, width, 2, "reading inner tensors of '%s' moves its outputs by up to %.1e of the largest: %s cannot fuse across them",
                                whet_json_str(side, "model"), json_number_value(moved), whet_json_str(side, "title"));
    }
}

void verify_layers_render(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *layers = json_object_get(doc, "layers");
    if (!json_is_object(layers)) return;
    put_worst(layers, width, color, out);
    put_bars(doc, width, color, out);
    put_first(layers, width, out);
    put_steps(layers, width, out);
    put_notes(doc, layers, width, out);
}
