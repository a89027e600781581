/* SPDX-License-Identifier: Apache-2.0 */
/* The text of what was inspected. Lines stay within the width; what is said of several nodes alike is said once. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/inspect_parts.h"
#include "api/result.h"
#include "base/mem.h"
#include "wire/json.h"

static void put_values(whet_strbuf *out, int width, const char *title, const json_t *list)
{
    const json_t *v = NULL;
    size_t i = 0;
    json_array_foreach(list, i, v)
        whet_render_wrapped(out, width, 12, "%-11s %s  %s %s", i ? "" : title, whet_json_str(v, "name"), whet_json_str(v, "dtype"), whet_json_str(v, "shape"));
}

static void put_wrapped(whet_strbuf *out, int width, const char *title, const json_t *counts)
{
    const char *op = NULL;
    json_t *n = NULL;
    int at = 0;
    whet_strbuf_printf(out, "%-11s", title);
    json_object_foreach((json_t *)counts, op, n) {
        char item[160];
        int len = snprintf(item, sizeof(item), " %s %lld", op, (long long)json_integer_value(n));
        if (at > 0 && 11 + at + len + 1 > width) {
            whet_strbuf_printf(out, ",\n%-11s", "");
            at = 0;
        }
        whet_strbuf_printf(out, "%s%s", at > 0 ? "," : "", item);
        at += len + (at > 0);
    }
    whet_strbuf_puts(out, "\n");
}

/* One line for what is said of several nodes alike. */
typedef struct group { const char *head, *reason, *first; int n; } group;

static void count_group(group *list, int *n, const char *head, const char *reason, const char *node)
{
    for (int i = 0; i < *n; i++)
        if (strcmp(list[i].head, head) == 0 && strcmp(list[i].reason, reason) == 0) {
            list[i].n++;
            return;
        }
    list[(*n)++] = (group){head, reason, node, 1};
}

static void put_groups(whet_strbuf *out, int width, const char *indent, const group *list, int n)
{
    for (int i = 0; i < n; i++) {
        const group *g = &list[i];
        if (g->n == 1) whet_render_wrapped(out, width, 8, "%s%s: %s, %s", indent, g->first, g->head, g->reason);
        else whet_render_wrapped(out, width, 8, "%s%d nodes: %s, %s (%s, ...)", indent, g->n, g->head, g->reason, g->first);
    }
}

/* Why each kernel was chosen, and why better ones were not. */
static void put_reasons(whet_strbuf *out, int width, const json_t *list)
{
    const size_t n = json_array_size(list);
    size_t most = n;
    int chosen = 0, refused = 0;
    for (size_t i = 0; i < n; i++) most += json_array_size(json_object_get(json_array_get(list, i), "refused"));
    group *a = whet_calloc(most + 1, sizeof(*a)), *b = whet_calloc(most + 1, sizeof(*b));
    for (size_t i = 0; a && b && i < n; i++) {
        const json_t *k = json_array_get(list, i), *r = NULL;
        size_t m = 0;
        count_group(a, &chosen, whet_json_str(k, "kernel"), whet_json_str(k, "reason"), whet_json_str(k, "node"));
        json_array_foreach(json_object_get(k, "refused"), m, r)
            count_group(b, &refused, whet_json_str(r, "kernel"), whet_json_str(r, "reason"), whet_json_str(k, "node"));
    }
    whet_strbuf_puts(out, "\nchosen\n");
    if (a) put_groups(out, width, "  ", a, chosen);
    if (refused > 0) whet_strbuf_puts(out, "refused\n");
    if (b) put_groups(out, width, "  ", b, refused);
    whet_free(a);
    whet_free(b);
}

static void put_kernels(whet_strbuf *out, int width, bool color, const json_t *list)
{
    static const char *const titles[] = {"node", "operator", "kernel", "output"};
    size_t n = json_array_size(list);
    const char **cells = whet_calloc(n * 4 + 1, sizeof(*cells));
    for (size_t i = 0; cells && i < n; i++) {
        const json_t *k = json_array_get(list, i);
        cells[4 * i] = whet_json_str(k, "node");
        cells[4 * i + 1] = whet_json_str(k, "op");
        cells[4 * i + 2] = whet_json_str(k, "kernel");
        cells[4 * i + 3] = whet_json_str(k, "shape");
    }
    whet_strbuf_puts(out, "\n");
    if (cells) whet_render_table(out, width, color, 4, titles, "llll", (int)n, cells);
    whet_free(cells);
    put_reasons(out, width, list);
}

static void put_nodes(whet_strbuf *out, int width, bool color, const json_t *list)
{
    static const char *const titles[] = {"node", "operator", "type", "output", "params", "MACs", "bytes"};
    enum { COLUMNS = 7 };
    const size_t n = json_array_size(list);
    const char **cells = whet_calloc(n * COLUMNS + 1, sizeof(*cells));
    char (*numbers)[3][24] = whet_calloc(n + 1, sizeof(*numbers));
    for (size_t i = 0; cells && numbers && i < n; i++) {
        const json_t *k = json_array_get(list, i), *y = json_object_get(k, "output");
        const json_int_t params = json_integer_value(json_object_get(k, "params")), macs = json_integer_value(json_object_get(k, "macs"));
        const char *row[COLUMNS] = {whet_json_str(k, "name"), whet_json_str(k, "op"), whet_json_str(y, "dtype"), whet_json_str(y, "shape"),
                                    params ? whet_render_count(numbers[i][0], 24, params) : "",
                                    macs ? whet_render_count(numbers[i][1], 24, macs) : "",
                                    whet_render_bytes(numbers[i][2], 24, (double)json_integer_value(json_object_get(k, "output_bytes")))};
        memcpy(&cells[i * COLUMNS], row, sizeof(row));
    }
    whet_strbuf_puts(out, "\n");
    if (cells && numbers) whet_render_table(out, width, color, COLUMNS, titles, "llllrrr", (int)n, cells);
    whet_free(cells);
    whet_free(numbers);
}

static void put_tensors(whet_strbuf *out, int width, bool color, const json_t *list)
{
    static const char *const titles[] = {"tensor", "type", "shape", "bytes"};
    const size_t n = json_array_size(list);
    const char **cells = whet_calloc(n * 4 + 1, sizeof(*cells));
    char (*bytes)[24] = whet_calloc(n + 1, sizeof(*bytes));
    for (size_t i = 0; cells && bytes && i < n; i++) {
        const json_t *k = json_array_get(list, i);
        cells[4 * i] = whet_json_str(k, "name");
        cells[4 * i + 1] = whet_json_str(k, "dtype");
        cells[4 * i + 2] = whet_json_str(k, "shape");
        cells[4 * i + 3] = whet_render_bytes(bytes[i], 24, (double)json_integer_value(json_object_get(k, "bytes")));
    }
    whet_strbuf_puts(out, "\n");
    if (cells && bytes) whet_render_table(out, width, color, 4, titles, "lllr", (int)n, cells);
    whet_free(cells);
    whet_free(bytes);
}

/* "0.01", or "0.01 to 0.2" of channels. */
static void span(char *buf, size_t size, const json_t *pair)
{
    const double low = json_number_value(json_array_get(pair, 0)), high = json_number_value(json_array_get(pair, 1));
    if (!pair) snprintf(buf, size, "computed");
    else if (low == high) snprintf(buf, size, "%.6g", low);
    else snprintf(buf, size, "%.6g to %.6g", low, high);
}

/* Activations and weights of each type, with the span of their scales. */
static void put_quantisation(whet_strbuf *out, int width, const json_t *list)
{
    typedef struct kind { bool weights, channels; const char *dtype; int n; double low, high; } kind;
    kind kinds[16];
    int n = 0;
    const json_t *q = NULL;
    size_t i = 0;
    json_array_foreach(list, i, q) {
        const bool weights = json_is_true(json_object_get(q, "weights")), channels = json_integer_value(json_object_get(q, "channels")) > 1;
        const json_t *scale = json_object_get(q, "scale");
        int k = 0;
        if (!weights && strcmp(whet_json_str(q, "op"), "QuantizeLinear") != 0) continue; /* its other end */
        while (k < n && !(kinds[k].weights == weights && kinds[k].channels == channels && strcmp(kinds[k].dtype, whet_json_str(q, "dtype")) == 0)) k++;
        if (k == n && n == (int)WHET_COUNT(kinds)) continue;
        if (k == n) kinds[n++] = (kind){weights, channels, whet_json_str(q, "dtype"), 0, INFINITY, 0};
        kinds[k].n++;
        if (!scale) continue;
        kinds[k].low = fmin(kinds[k].low, json_number_value(json_array_get(scale, 0)));
        kinds[k].high = fmax(kinds[k].high, json_number_value(json_array_get(scale, 1)));
    }
    for (int k = 0; k < n; k++)
        whet_render_wrapped(out, width, 12, "%-11s %d %s %s, %s, scales %.3g to %.3g", k ? "" : "quantised", kinds[k].n,
                            kinds[k].weights ? kinds[k].n == 1 ? "constant" : "constants" : kinds[k].n == 1 ? "activation" : "activations", kinds[k].dtype, kinds[k].channels ? "by channel" : "whole tensors",
                            isfinite(kinds[k].low) ? kinds[k].low : 0, kinds[k].high);
}

static void put_quantisation_each(whet_strbuf *out, int width, const json_t *list)
{
    const json_t *q = NULL;
    size_t i = 0;
    if (json_array_size(list) > 0) whet_strbuf_puts(out, "\n");
    json_array_foreach(list, i, q) {
        const json_t *scale = json_object_get(q, "scale"), *zero = json_object_get(q, "zero_point");
        char a[80];
        span(a, sizeof(a), scale);
        whet_render_wrapped(out, width, 4, "%s (%s): %s, scale %s, zero point %lld", whet_json_str(q, "tensor"), whet_json_str(q, "op"),
                            whet_json_str(q, "dtype"), a, (long long)json_integer_value(json_array_get(zero, 0)));
    }
}

static void put_target(whet_strbuf *out, int width, const json_t *t)
{
    const json_t *r = NULL, *list = json_object_get(t, "nodes");
    const size_t n = json_array_size(list);
    size_t i = 0;
    int groups = 0;
    group *g = whet_calloc(n + 1, sizeof(*g));
    if (json_is_true(json_object_get(t, "runs"))) whet_strbuf_printf(out, "%-11s %s takes it as it is, by whet's tables\n", "target", whet_json_str(t, "title"));
    else whet_strbuf_printf(out, "%-11s %s would refuse:\n", "target", whet_json_str(t, "title"));
    json_array_foreach(json_object_get(t, "file"), i, r) whet_render_wrapped(out, width, 4, "  %s", json_string_value(r));
    for (i = 0; g && i < n; i++) {
        r = json_array_get(list, i);
        count_group(g, &groups, whet_json_str(r, "op"), whet_json_str(r, "why"), whet_json_str(r, "node"));
    }
    if (g) put_groups(out, width, "  ", g, groups);
    whet_free(g);
}

static void put_head(const json_t *doc, bool color, whet_strbuf *out)
{
    const char *opset = whet_json_str(json_object_get(doc, "metadata"), "onnx.opset");
    const json_int_t bytes = json_integer_value(json_object_get(doc, "bytes"));
    char size[32] = "";
    if (bytes > 0) whet_render_bytes(size, sizeof(size), (double)bytes);
    whet_render_bold(out, color, whet_json_str(doc, "path"));
    whet_strbuf_printf(out, "  %s%s%s%s%s\n", whet_json_str(doc, "format"), *opset ? ", opset " : "", opset, *size ? ", " : "", size);
}

static void put_memory(const json_t *doc, int width, whet_strbuf *out)
{
    const json_t *plan = json_object_get(doc, "plan");
    char a[32], b[32], c[32];
    if (!json_is_object(plan)) {
        whet_render_wrapped(out, width, 12, "%-11s n/a: %s", "memory", whet_json_str(doc, "plan_na"));
        return;
    }
    whet_render_wrapped(out, width, 12, "%-11s constants %s, variables %s, arena %s (batch %lld, %s)", "memory",
                        whet_render_bytes(a, sizeof(a), (double)json_integer_value(json_object_get(plan, "constants"))),
                        whet_render_bytes(b, sizeof(b), (double)json_integer_value(json_object_get(plan, "variables"))),
                        whet_render_bytes(c, sizeof(c), (double)json_integer_value(json_object_get(plan, "arena"))),
                        (long long)json_integer_value(json_object_get(plan, "batch")), whet_json_str(plan, "isa"));
}

static void put_graph(const json_t *doc, int width, whet_strbuf *out)
{
    char a[32];
    put_values(out, width, "input", json_object_get(doc, "inputs"));
    put_values(out, width, "output", json_object_get(doc, "outputs"));
    whet_strbuf_printf(out, "%-11s %s\n", "parameters", whet_render_count(a, sizeof(a), json_integer_value(json_object_get(doc, "params"))));
    whet_strbuf_printf(out, "%-11s %s a sample\n", "MACs", whet_render_count(a, sizeof(a), json_integer_value(json_object_get(doc, "macs"))));
    put_wrapped(out, width, "operators", json_object_get(doc, "operators"));
    put_memory(doc, width, out);
}

void inspect_render(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *meta = json_object_get(doc, "metadata"), *tensors = json_object_get(doc, "tensors");
    const json_t *nodes = json_object_get(doc, "nodes"), *quantised = json_object_get(doc, "quantisation");
    const char *key = NULL;
    json_t *v = NULL;
    char a[32];
    put_head(doc, color, out);
    if (tensors) whet_strbuf_printf(out, "%-11s %zu, %s elements\n", "tensors", json_array_size(tensors),
                                    whet_render_count(a, sizeof(a), json_integer_value(json_object_get(doc, "params"))));
    else put_graph(doc, width, out);
    put_quantisation(out, width, quantised);
    whet_render_wrapped(out, width, 12, "%-11s %s", "contract", json_is_object(json_object_get(doc, "contract")) ?
                        whet_json_str(doc, "contract_text") : "none in the file (see `whet contract find`)");
    json_object_foreach((json_t *)(uintptr_t)meta, key, v) whet_render_wrapped(out, width, 12, "%-11s %s = %s", "metadata", key, json_string_value(v));
    if (json_object_get(doc, "target")) put_target(out, width, json_object_get(doc, "target"));
    if (tensors) put_tensors(out, width, color, tensors);
    if (nodes) put_nodes(out, width, color, nodes);
    if (nodes) put_quantisation_each(out, width, quantised);
    if (json_object_get(doc, "kernels")) put_kernels(out, width, color, json_object_get(doc, "kernels"));
}
