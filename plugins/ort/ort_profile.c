/* SPDX-License-Identifier: Apache-2.0 */
/* The trace that a session writes when profiling is on, one event a line (Chrome's trace format), as a list of nodes. An event
 * of a node holds its time in whole microseconds, its operator, and types and shapes of its inputs and outputs; a node's time
 * is the mean of the middle half of its events, since single ones are too coarse for small nodes. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ort_onnx.h"
#include "plugin.h"

enum { MAX_TENSORS = 8, MAX_DIMS = 8 };

typedef struct shape { char type[16]; int rank; double dims[MAX_DIMS], numel; } shape;
typedef struct entry { long index; const char *line; size_t n, cap; double *us; } entry;
typedef struct entries { size_t n, cap; entry *v; bool bad; } entries;

/* What follows `"key" :` in a line that ends at `end`; NULL if it is not there. */
static const char *find(const char *line, const char *end, const char *key)
{
    char quoted[64];
    const int n = snprintf(quoted, sizeof quoted, "\"%s\"", key);
    for (const char *p = line; p + n < end; p++) {
        if (*p != '"' || memcmp(p, quoted, (size_t)n) != 0) continue;
        for (p += n; p < end && (*p == ' ' || *p == ':'); p++) continue;
        return p;
    }
    return NULL;
}

/* A JSON string that begins at p, without its quotes. */
static size_t string_length(const char *p, const char *end)
{
    const char *s = p + 1;
    while (s < end && *s != '"') s += *s == '\\' ? 2 : 1;
    return s < end ? (size_t)(s - p - 1) : 0;
}

static double number_of(const char *line, const char *end, const char *key)
{
    const char *p = find(line, end, key);
    return p == NULL ? 0 : atof(*p == '"' ? p + 1 : p);
}

/* [{"float":[1,3,224,224]},{"int8":[64]}] */
static int shapes_of(const char *line, const char *end, const char *key, shape *out)
{
    const char *p = find(line, end, key);
    int n = 0;
    if (p == NULL || *p != '[') return 0;
    for (p++; p < end && *p != ']' && n < MAX_TENSORS; p++) {
        if (*p != '"') continue;
        shape *s = &out[n++];
        *s = (shape){.numel = 1};
        const size_t k = string_length(p, end);
        snprintf(s->type, sizeof s->type, "%.*s", (int)k, p + 1);
        for (p += k + 2; p < end && *p != '['; p++) continue;
        while (p < end && *p != ']') {
            char *rest = NULL;
            const double d = strtod(++p, &rest);
            if (rest == p) break;
            if (s->rank < MAX_DIMS) s->dims[s->rank++] = d;
            s->numel *= d;
            p = rest;
        }
        while (p < end && *p != '}') p++;
    }
    return n;
}

static void add_time(entries *all, long index, const char *line, double us)
{
    size_t i = 0;
    while (i < all->n && all->v[i].index != index) i++;
    if (i == all->n) {
        if (all->n == all->cap) {
            const size_t cap = all->cap > 0 ? all->cap * 2 : 256;
            entry *more = realloc(all->v, cap * sizeof *more);
            if (more == NULL) {
                all->bad = true;
                return;
            }
            all->v = more;
            all->cap = cap;
        }
        all->v[all->n++] = (entry){.index = index};
    }
    entry *e = &all->v[i];
    e->line = line; /* the newest */
    if (e->n == e->cap) {
        const size_t cap = e->cap > 0 ? e->cap * 2 : 32;
        double *more = realloc(e->us, cap * sizeof *more);
        if (more == NULL) {
            all->bad = true;
            return;
        }
        e->us = more;
        e->cap = cap;
    }
    e->us[e->n++] = us;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle_mean(double *x, size_t n)
{
    const size_t from = n / 4, to = n - n / 4;
    double sum = 0;
    qsort(x, n, sizeof *x, by_value);
    for (size_t i = from; i < to; i++) sum += x[i];
    return to > from ? sum / (double)(to - from) : 0;
}

static bool contains(const char *s, size_t n, const char *what)
{
    const size_t k = strlen(what);
    for (size_t i = 0; i + k <= n; i++)
        if (memcmp(s + i, what, k) == 0) return true;
    return false;
}

/* By the shapes of inputs and result; 0 for everything that is no convolution or matrix product, and for convolutions whose
 * weights the runtime has packed: they no longer stand in the trace. */
static double multiply_adds(const char *op, size_t n, const shape *in, int n_in, const shape *out, int n_out)
{
    const bool conv = contains(op, n, "Conv"), linear = contains(op, n, "QLinearConv");
    if (n_out < 1 || n_in < 2 || (contains(op, n, "Grad"))) return 0;
    if (conv && contains(op, n, "Transpose")) return in[1].rank > 0 && in[1].dims[0] > 0 ? in[0].numel * in[1].numel / in[1].dims[0] : 0;
    if (conv) {
        const shape *w = linear && n_in > 3 ? &in[3] : &in[1];
        return w->rank > 2 && w->dims[0] > 0 ? out[0].numel * w->numel / w->dims[0] : 0;
    }
    if ((contains(op, n, "Gemm") || contains(op, n, "MatMul")) && out[0].rank > 0 && out[0].numel > 0)
        return in[0].numel * out[0].dims[out[0].rank - 1];
    return 0;
}

static const char *precision_of(const char *op, size_t n, const shape *in, int n_in)
{
    static const struct { const char *type, *name; } names[] = {{"float16", "f16"}, {"bfloat16", "bf16"}, {"float", "f32"}, {"double", "f64"},
                                                               {"int8", "int8"},   {"uint8", "int8"}};
    if (contains(op, n, "DynamicQuantize")) return "int8";
    for (size_t i = 0; n_in > 0 && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(in[0].type, names[i].type) == 0) return names[i].name;
    return "";
}

static void put_node(plugin_text *t, entry *e, bool first)
{
    static const char tail[] = "_kernel_time";
    const char *end = strchr(e->line, '\n');
    if (end == NULL) end = e->line + strlen(e->line);
    const char *name = find(e->line, end, "name"), *op = find(e->line, end, "op_name");
    shape in[MAX_TENSORS], out[MAX_TENSORS];
    const int n_in = shapes_of(e->line, end, "input_type_shape", in), n_out = shapes_of(e->line, end, "output_type_shape", out);
    const size_t n_name = string_length(name, end), n_op = string_length(op, end);
    plugin_put(t, "%s{\"name\":\"%.*s\",\"type\":\"%.*s\",\"precision\":\"%s\",\"ms\":%.6f,\"runs\":%zu,\"macs\":%.0f", first ? "" : ",",
                 (int)(n_name - (sizeof tail - 1)), name + 1, (int)n_op, op + 1, precision_of(op + 1, n_op, in, n_in), middle_mean(e->us, e->n) / 1e3,
                 e->n, multiply_adds(op + 1, n_op, in, n_in, out, n_out));
    plugin_put(t, ",\"input_bytes\":%.0f,\"output_bytes\":%.0f", number_of(e->line, end, "activation_size"), number_of(e->line, end, "output_size"));
    plugin_put(t, ",\"shape\":\"");
    for (int d = 0; n_out > 0 && d < out[0].rank; d++) plugin_put(t, "%s%.0f", d > 0 ? "x" : "", out[0].dims[d]);
    plugin_put(t, "\"}");
}

static bool ends_with(const char *s, size_t n, const char *tail)
{
    const size_t k = strlen(tail);
    return n > k && memcmp(s + n - k, tail, k) == 0;
}

char *ort_profile_nodes(const char *trace)
{
    entries all = {0};
    plugin_text t = {0};
    for (const char *line = trace; *line != '\0';) {
        const char *end = strchr(line, '\n');
        if (end == NULL) end = line + strlen(line);
        const char *name = find(line, end, "name"), *op = find(line, end, "op_name");
        if (name != NULL && op != NULL && *name == '"' && *op == '"' && ends_with(name + 1, string_length(name, end), "_kernel_time"))
            add_time(&all, (long)number_of(line, end, "node_index"), line, number_of(line, end, "dur"));
        line = *end == '\n' ? end + 1 : end;
    }
    t.failed = all.bad;
    plugin_put(&t, "{\"nodes\":[");
    for (size_t i = 0; i < all.n; i++) {
        put_node(&t, &all.v[i], i == 0);
        free(all.v[i].us);
    }
    plugin_put(&t, "]}");
    free(all.v);
    return plugin_take(&t);
}
