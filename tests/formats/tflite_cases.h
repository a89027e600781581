/* SPDX-License-Identifier: Apache-2.0 */
/* Small graphs, one or a few operators each, for what is written as TFLite: all of them take "x" of rank 4. */
#ifndef WHET_TESTS_TFLITE_CASES_H
#define WHET_TESTS_TFLITE_CASES_H

#include "ir/graph.h"
#include "support.h"

static uint32_t case_seed = 1;
static float case_noise(void)
{
    case_seed = case_seed * 1664525U + 1013904223U;
    return (float)(case_seed >> 8) / 8388608.0F - 1;
}

static whet_vid case_const(whet_graph *g, int rank, const int64_t *dims)
{
    whet_tensor t = {0};
    whet_vid v = WHET_NO_VALUE;
    const whet_shape s = whet_shape_of(rank, dims);
    assert_ok(whet_tensor_alloc(&t, WHET_F32, &s));
    for (int64_t i = 0; i < whet_tensor_numel(&t); i++) ((float *)t.data)[i] = case_noise();
    assert_ok(whet_graph_const(g, NULL, &t, &v));
    whet_tensor_dispose(&t);
    return v;
}
#define CONST(...) case_const(g, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})

static whet_vid case_ints(whet_graph *g, int n, const int64_t *x)
{
    whet_vid v = WHET_NO_VALUE;
    assert_ok(whet_graph_const_s64(g, NULL, n, x, &v));
    return v;
}
#define INTS(...) case_ints(g, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})

static whet_vid case_f32(whet_graph *g, float x)
{
    whet_vid v = WHET_NO_VALUE;
    assert_ok(whet_graph_const_f32(g, NULL, x, &v));
    return v;
}

static whet_vid case_op(whet_graph *g, const char *name, int n_in, const whet_vid *in, int n_attr, const whet_attr *attrs)
{
    whet_vid y = WHET_NO_VALUE;
    assert_ok(whet_graph_op1(g, name, n_in, in, n_attr, attrs, &y));
    return y;
}
#define OP0(name, ...) case_op(g, name, WHET_IN(__VA_ARGS__), WHET_NO_ATTRS)
#define IN WHET_IN
#define INTS_ATTR(name, ...) whet_attr_ints(name, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})
#define OP(name, in, ...) case_op(g, name, in, WHET_ATTRS(__VA_ARGS__))

#define CASE(name, batch, c, h, w, ...)                                                                             \
    static whet_vid case_##name(whet_graph *g, whet_vid x) __VA_ARGS__
#include "tflite_cases.def"
#undef CASE

typedef struct tflite_case {
    const char *name;
    bool open; /* the batch */
    int64_t c, h, w;
    whet_vid (*build)(whet_graph *g, whet_vid x);
} tflite_case;
static const tflite_case tflite_cases[] = {
#define CASE(name, batch, c, h, w, ...) {#name, batch, c, h, w, case_##name},
#include "tflite_cases.def"
#undef CASE
};

static whet_graph *case_graph(const tflite_case *k)
{
    whet_graph *g = NULL;
    whet_vid x = WHET_NO_VALUE;
    assert_ok(whet_graph_create(&g, k->name));
    case_seed = 1;
    const whet_dims d = {.rank = 4, .dims = {k->open ? whet_graph_symbol(g, "N") : 2, k->c, k->h, k->w}};
    assert_ok(whet_graph_input(g, "x", WHET_F32, &d, &x));
    assert_ok(whet_graph_output(g, k->build(g, x)));
    return g;
}

#endif
