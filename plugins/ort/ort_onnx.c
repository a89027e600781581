/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX files as protobuf bytes (field numbers from onnx.proto). Outputs are added without rewriting anything: a message that
 * stands twice in a protobuf is merged (protobuf.dev, "Encoding"), so a second `graph` with nothing but outputs is appended. */
#include "ort_onnx.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

enum { MODEL_GRAPH = 7, GRAPH_NODE = 1, GRAPH_INITIALIZER = 5, GRAPH_OUTPUT = 12, VALUE_NAME = 1, NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3,
       NODE_TYPE = 4, NODE_DOMAIN = 7, TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8 };
enum { MAX_INPUTS = 12 };

typedef struct span { const uint8_t *p; size_t n; } span;
typedef struct field { uint32_t number; span bytes; uint64_t value; } field;

/* --- protobuf */
static bool varint(span *s, uint64_t *x)
{
    *x = 0;
    for (unsigned shift = 0; s->n > 0 && shift < 64; shift += 7) {
        const uint8_t b = *s->p++;
        s->n--;
        *x |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) return true;
    }
    return false;
}

/* The next field of a message; false at its end, or where it is damaged. */
static bool next(span *s, field *f)
{
    uint64_t key = 0, n = 0;
    *f = (field){0};
    if (s->n == 0 || !varint(s, &key)) return false;
    f->number = (uint32_t)(key >> 3);
    if ((key & 7) == 0) return varint(s, &f->value);
    n = (key & 7) == 1 ? 8 : 4;
    if ((key & 7) == 2 && !varint(s, &n)) return false;
    if (((key & 7) != 1 && (key & 7) != 2 && (key & 7) != 5) || n > s->n) return false;
    f->bytes = (span){s->p, (size_t)n};
    s->p += n;
    s->n -= (size_t)n;
    return true;
}

static bool same(span a, span b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }
static span text_of(const char *s) { return (span){(const uint8_t *)s, strlen(s)}; }

typedef struct node { span name, type, domain, output, input[MAX_INPUTS]; int n_in; } node;

static node read_node(span s)
{
    field f;
    node n = {0};
    while (next(&s, &f)) {
        if (f.number == NODE_INPUT && n.n_in < MAX_INPUTS) n.input[n.n_in++] = f.bytes;
        if (f.number == NODE_OUTPUT && n.output.p == NULL) n.output = f.bytes;
        if (f.number == NODE_NAME) n.name = f.bytes;
        if (f.number == NODE_TYPE) n.type = f.bytes;
        if (f.number == NODE_DOMAIN) n.domain = f.bytes;
    }
    return n;
}

typedef struct span_list { size_t n, cap; span *v; bool bad; } span_list;

static void append(span_list *l, span s)
{
    if (l->n == l->cap) {
        const size_t cap = l->cap > 0 ? l->cap * 2 : 256;
        span *more = realloc(l->v, cap * sizeof *more);
        if (more == NULL) {
            l->bad = true;
            return;
        }
        l->v = more;
        l->cap = cap;
    }
    l->v[l->n++] = s;
}

/* The fields of number `what` of the main graph. */
static span_list graph_fields(const uint8_t *model, size_t size, uint32_t what)
{
    span_list list = {0};
    span m = {model, size};
    field f, g;
    while (next(&m, &f)) {
        if (f.number != MODEL_GRAPH) continue;
        while (next(&f.bytes, &g))
            if (g.number == what) append(&list, g.bytes);
    }
    return list;
}

static span string_field(span s, uint32_t number)
{
    field f;
    while (next(&s, &f))
        if (f.number == number) return f.bytes;
    return (span){0};
}

/* Every result of the nodes. */
static span_list results(const uint8_t *model, size_t size)
{
    span_list nodes = graph_fields(model, size, GRAPH_NODE), list = {0};
    field f;
    for (size_t i = 0; i < nodes.n; i++)
        for (span s = nodes.v[i]; next(&s, &f);)
            if (f.number == NODE_OUTPUT && f.bytes.n > 0) append(&list, f.bytes);
    list.bad |= nodes.bad;
    free(nodes.v);
    return list;
}

char *ort_onnx_tensors(const uint8_t *model, size_t size)
{
    plugin_text t = {0};
    span_list list = results(model, size);
    t.failed = list.bad || list.n == 0;
    plugin_put(&t, "{\"tensors\":[");
    for (size_t i = 0; i < list.n; i++) {
        if (i > 0) plugin_put(&t, ",");
        plugin_put_bytes(&t, (const char *)list.v[i].p, list.v[i].n);
    }
    plugin_put(&t, "]}");
    free(list.v);
    return plugin_take(&t);
}

/* --- outputs */
static int by_bytes(const void *a, const void *b)
{
    const span *x = a, *y = b;
    const int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return c != 0 ? c : (x->n > y->n) - (x->n < y->n);
}

static bool among(const span_list *sorted, const char *name)
{
    const span s = text_of(name);
    return sorted->n > 0 && s.n > 0 && bsearch(&s, sorted->v, sorted->n, sizeof s, by_bytes) != NULL;
}

static size_t put_varint(uint8_t *p, uint64_t x)
{
    size_t n = 0;
    for (; x >= 0x80; x >>= 7) p[n++] = (uint8_t)(x | 0x80);
    p[n++] = (uint8_t)x;
    return n;
}

/* ValueInfoProto { name } as an output of a graph; returns the bytes written, at most 24 + strlen(name). */
static size_t put_output(uint8_t *p, const char *name)
{
    uint8_t length[10];
    const size_t n = strlen(name), k = put_varint(length, n);
    size_t at = put_varint(p, GRAPH_OUTPUT << 3 | 2);
    at += put_varint(p + at, 1 + k + n);
    p[at++] = VALUE_NAME << 3 | 2;
    memcpy(p + at, length, k);
    memcpy(p + at + k, name, n);
    return at + k + n;
}

uint8_t *ort_onnx_with_outputs(const uint8_t *model, size_t size, const char *const *names, int n, size_t *out_size, const char **missing)
{
    span_list known = results(model, size), outputs = graph_fields(model, size, GRAPH_OUTPUT);
    size_t room = size + 32, length = 0;
    uint8_t *out = NULL, *more = NULL;
    *missing = NULL;
    for (size_t i = 0; i < outputs.n; i++) outputs.v[i] = string_field(outputs.v[i], VALUE_NAME);
    if (known.n > 0) qsort(known.v, known.n, sizeof *known.v, by_bytes);
    if (outputs.n > 0) qsort(outputs.v, outputs.n, sizeof *outputs.v, by_bytes);
    for (int i = 0; i < n && *missing == NULL; i++) {
        if (!among(&known, names[i])) *missing = names[i];
        room += 24 + strlen(names[i]);
    }
    if (*missing == NULL && !known.bad && !outputs.bad) {
        out = malloc(room);
        more = malloc(room - size);
    }
    if (out != NULL && more != NULL) {
        for (int i = 0; i < n; i++)
            if (!among(&outputs, names[i])) length += put_output(more + length, names[i]);
        memcpy(out, model, size);
        size_t at = size + put_varint(out + size, MODEL_GRAPH << 3 | 2);
        at += put_varint(out + at, length);
        memcpy(out + at, more, length);
        *out_size = at + length;
    }
    if (more == NULL) {
        free(out);
        out = NULL;
    }
    free(more);
    free(known.v);
    free(outputs.v);
    return out;
}

/* --- the graph that is executed */
static bool begins(span s, const char *text) { return s.n >= strlen(text) && memcmp(s.p, text, strlen(text)) == 0; }

static bool is_integer_operator(span type)
{
    static const char *const names[] = {"QLinear", "QGemm", "ConvInteger", "MatMulInteger", "DynamicQuantize", "QAttention", "QMoE"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (begins(type, names[i])) return true;
    return false;
}

typedef struct constant { span name; uint64_t type; double bytes; } constant;

static constant read_constant(span s)
{
    constant c = {.bytes = 1};
    field f;
    while (next(&s, &f)) {
        uint64_t d = 0;
        if (f.number == TENSOR_NAME) c.name = f.bytes;
        if (f.number == TENSOR_TYPE) c.type = f.value;
        if (f.number == TENSOR_DIMS && f.bytes.p == NULL) c.bytes *= (double)f.value;
        if (f.number == TENSOR_DIMS && f.bytes.p != NULL)
            while (varint(&f.bytes, &d)) c.bytes *= (double)d;
    }
    c.bytes *= (double)plugin_element_size(c.type < INT_MAX ? (int)c.type : 0);
    return c;
}

/* What a node computes in, by its kind and its constants: f32, f16, bf16, int8; "" for those without. And the constants' bytes, which
 * a trace does not have once the runtime has packed them. */
static const char *look_at_constants(const node *n, const constant *constants, size_t n_constants, double *bytes)
{
    const char *precision = is_integer_operator(n->type) ? "int8" : "";
    *bytes = 0;
    for (int i = 0; i < n->n_in; i++)
        for (size_t k = 0; k < n_constants && n->input[i].n > 0; k++) {
            if (!same(constants[k].name, n->input[i])) continue;
            *bytes += constants[k].bytes;
            if (i == 0 || precision[0] != '\0') break;
            if (constants[k].type == 1) precision = "f32";
            if (constants[k].type == 10) precision = "f16";
            if (constants[k].type == 16) precision = "bf16";
            break;
        }
    return precision;
}

static const node *giver_of(const node *nodes, size_t n, span tensor)
{
    for (size_t i = 0; i < n; i++)
        if (same(nodes[i].output, tensor)) return &nodes[i];
    return NULL;
}

/* The only node that reads a tensor; NULL where several do, an Identity among them: exporters write equal constants
 * once, and a bias that many share tells none of them. */
static const node *reader_of(const node *nodes, size_t n, span tensor)
{
    const node *only = NULL;
    for (size_t i = 0; i < n && tensor.n > 0; i++)
        for (int k = 0; k < nodes[i].n_in; k++) {
            if (!same(nodes[i].input[k], tensor)) continue;
            if (only != NULL && only != &nodes[i]) return NULL;
            only = &nodes[i];
        }
    return only;
}

static bool computes(const node *n)
{
    return n != NULL && (begins(n->type, "Conv") || begins(n->type, "Gemm") || begins(n->type, "MatMul") || begins(n->type, "QLinear"));
}

static bool only_activates(const node *n)
{
    static const char *const names[] = {"Clip", "Relu", "LeakyRelu", "Sigmoid", "HardSigmoid", "Tanh", "BatchNormalization"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (same(n->type, text_of(names[i]))) return true;
    return false;
}

/* The node that reads the same weights, straight or through a dequantiser: fusions and layouts rename results, not these. */
static const node *by_weights(const node *n, const node *originals, size_t count)
{
    for (int i = 1; i < n->n_in; i++) {
        const node *o = reader_of(originals, count, n->input[i]);
        if (computes(o) && !begins(o->type, "QLinear")) return o;
        if (o == NULL || !begins(o->type, "DequantizeLinear") || !same(o->input[0], n->input[i])) continue;
        o = reader_of(originals, count, o->output);
        if (computes(o)) return o;
    }
    return NULL;
}

/* The node that gives the same tensor; of a fused quantised node that is QuantizeLinear, and what it quantises is meant. The names of
 * nodes in blocked layout are made of their results'. */
static const node *by_result(const node *n, const node *originals, size_t count)
{
    static const char ending[] = "_nchwc";
    const size_t tail = sizeof ending - 1;
    const node *o = giver_of(originals, count, n->output);
    if (o == NULL && n->name.n > tail && memcmp(n->name.p + n->name.n - tail, ending, tail) == 0)
        o = giver_of(originals, count, (span){n->name.p, n->name.n - tail});
    if (o != NULL && begins(o->type, "QuantizeLinear") && !begins(n->type, "QuantizeLinear")) {
        const node *before = o->n_in > 0 ? giver_of(originals, count, o->input[0]) : NULL;
        if (before != NULL) o = before;
    }
    /* a product that ends with an activation is named after it; what it is made of stands before */
    const node *before = computes(n) ? o : NULL;
    for (int step = 0; before != NULL && step < 4; step++) { /* a damaged file may go round */
        if (computes(before)) return before;
        before = only_activates(before) && before->n_in > 0 ? giver_of(originals, count, before->input[0]) : NULL;
    }
    return o;
}

static span origin_of(const node *n, const node *originals, size_t count)
{
    const node *o = by_weights(n, originals, count);
    if (o == NULL) o = by_result(n, originals, count);
    return o == NULL ? (span){0} : o->name.n > 0 ? o->name : o->output;
}

static node *read_nodes(const span_list *l)
{
    node *v = calloc(l->n + 1, sizeof *v);
    for (size_t i = 0; v != NULL && i < l->n; i++) v[i] = read_node(l->v[i]);
    return v;
}

char *ort_onnx_nodes(const uint8_t *saved, size_t saved_size, const uint8_t *original, size_t original_size)
{
    static const char vendor[] = "com.microsoft.";
    plugin_text t = {0};
    span_list nodes = graph_fields(saved, saved_size, GRAPH_NODE), constants = graph_fields(saved, saved_size, GRAPH_INITIALIZER);
    span_list originals = graph_fields(original, original_size, GRAPH_NODE);
    node *from = read_nodes(&originals);
    constant *known = calloc(constants.n + 1, sizeof *known);
    t.failed = nodes.bad || constants.bad || originals.bad || nodes.n == 0 || from == NULL || known == NULL;
    for (size_t i = 0; known != NULL && i < constants.n; i++) known[i] = read_constant(constants.v[i]);
    plugin_put(&t, "{\"nodes\":[");
    for (size_t i = 0; i < nodes.n && !t.failed; i++) {
        const node n = read_node(nodes.v[i]);
        const span origin = origin_of(&n, from, originals.n);
        double bytes = 0;
        const char *precision = look_at_constants(&n, known, constants.n, &bytes);
        char type[200];
        const int skip = begins(n.domain, vendor) ? (int)sizeof vendor - 1 : (int)n.domain.n; /* com.microsoft.nchwc -> nchwc */
        snprintf(type, sizeof type, "%.*s%s%.*s", (int)n.domain.n - skip, (const char *)n.domain.p + skip, (int)n.domain.n > skip ? "." : "",
                 (int)n.type.n, (const char *)n.type.p);
        plugin_put(&t, "%s{\"name\":", i > 0 ? "," : "");
        plugin_put_bytes(&t, (const char *)(n.name.n > 0 ? n.name.p : n.output.p), n.name.n > 0 ? n.name.n : n.output.n);
        plugin_put(&t, ",\"type\":");
        plugin_put_string(&t, type);
        plugin_put(&t, ",\"precision\":\"%s\",\"ms\":null,\"constant_bytes\":%.0f,\"origin\":", precision, bytes);
        plugin_put_bytes(&t, (const char *)origin.p, origin.n);
        plugin_put(&t, "}");
    }
    plugin_put(&t, "]}");
    free(nodes.v);
    free(constants.v);
    free(originals.v);
    free(from);
    free(known);
    return plugin_take(&t);
}
