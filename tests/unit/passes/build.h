/* SPDX-License-Identifier: Apache-2.0 */
/* Small graphs for the tests of passes: made of constants with random contents and one input, compared before and after the
 * passes, with all of them and with each one switched off. */
#ifndef WHET_TESTS_PASSES_BUILD_H
#define WHET_TESTS_PASSES_BUILD_H

#include "support.h"

#include "base/rng.h"
#include "exec/exec.h"
#include "ir/op.h"
#include "passes/passes.h"

typedef struct small {
    whet_graph *g;
    whet_vid x;
    whet_shape in;
    whet_dtype type;
    uint64_t seed;
} small;

static inline void small_begin(small *s, const char *name, whet_dtype type, whet_shape in)
{
    const whet_dims d = whet_dims_of(&in);
    *s = (small){.in = in, .type = type, .seed = 1};
    assert_ok(whet_graph_create(&s->g, name));
    assert_ok(whet_graph_input(s->g, "x", type, &d, &s->x));
}

static inline void small_fill(whet_tensor *t, uint64_t seed)
{
    whet_rng r = whet_rng_at(17, seed);
    for (int64_t i = 0; i < whet_tensor_numel(t); i++) whet_tensor_set_f64(t, i, 2 * whet_rng_uniform(&r) - 1);
}

/* A constant of random contents in -1 .. 1. */
static inline whet_vid small_const(small *s, whet_shape shape)
{
    whet_tensor t = {0};
    whet_vid v = WHET_NO_VALUE;
    assert_ok(whet_tensor_alloc(&t, s->type, &shape));
    small_fill(&t, s->seed++);
    assert_ok(whet_graph_const(s->g, NULL, &t, &v));
    whet_tensor_dispose(&t);
    return v;
}

static inline whet_vid small_scalar(small *s, double x)
{
    whet_vid v = WHET_NO_VALUE;
    assert_ok(whet_graph_const_like(s->g, s->type, x, &v));
    return v;
}

#define SMALL_INTS(s, ...) small_ints(s, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})
static inline whet_vid small_ints(small *s, int n, const int64_t *x)
{
    whet_vid v = WHET_NO_VALUE;
    assert_ok(whet_graph_const_s64(s->g, NULL, n, x, &v));
    return v;
}

static inline whet_vid small_op(small *s, const char *op, int n, const whet_vid *in, int n_attr, const whet_attr *attrs)
{
    whet_vid v = WHET_NO_VALUE;
    assert_ok(whet_graph_op1(s->g, op, n, in, n_attr, attrs, &v));
    return v;
}
#define OP(op, ...) small_op(s, op, WHET_IN(__VA_ARGS__), WHET_NO_ATTRS)

static inline whet_vid small_transpose(small *s, whet_vid x, int rank, const int64_t *perm)
{
    return small_op(s, "Transpose", WHET_IN(x), WHET_ATTRS(whet_attr_ints("perm", rank, perm)));
}
#define TRANSPOSE(x, ...) small_transpose(s, x, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})
#define RESHAPE(x, ...) OP("Reshape", x, SMALL_INTS(s, __VA_ARGS__))

static inline int small_count(const whet_graph *g, const char *op)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++) n += whet_node_is(&g->nodes[i], op);
    return n;
}

static inline void small_run(const small *s, const whet_graph *g, whet_tensor *y)
{
    whet_exec *e = NULL;
    whet_exec_options o;
    whet_tensor x = {0};
    whet_exec_options_init(&o);
    o.providers = WHET_PROVIDER_REF;
    whet_tensor_init(y);
    assert_ok(whet_tensor_alloc(&x, s->type, &s->in));
    small_fill(&x, 99);
    assert_ok(whet_exec_create(&e, g, &o));
    assert_ok(whet_exec_run(e, 1, &x, 1, y));
    whet_exec_free(e);
    whet_tensor_dispose(&x);
}

static inline void small_same(const char *name, const char *how, const whet_tensor *a, const whet_tensor *b)
{
    assert_true(whet_shape_equal(&a->shape, &b->shape));
    for (int64_t i = 0; i < whet_tensor_numel(a); i++) {
        const double x = whet_tensor_get_f64(a, i), y = whet_tensor_get_f64(b, i), d = x > y ? x - y : y - x;
        if (!(d <= 2e-6 * (1 + (x < 0 ? -x : x)))) fail_msg("%s, %s: element %lld is %.9g, wanted %.9g", name, how, (long long)i, y, x);
    }
}

/* Adds the output y, runs as it is, with all passes, and with each one off; returns the graph with all passes done, and
 * disposes of the first. `before` of the tests' own checks: expected operators are counted by the caller. */
static inline whet_graph *small_finish(small *s, whet_vid y)
{
    whet_tensor want;
    whet_graph *all = NULL;
    const char *name = s->g->name;
    assert_ok(whet_graph_output(s->g, y));
    assert_ok(whet_graph_verify(s->g));
    small_run(s, s->g, &want);
    for (int off = -1; off < whet_pass_count(); off++) {
        whet_graph *h = NULL;
        whet_pass_options o;
        whet_tensor got;
        char how[32] = "all passes";
        if (off >= 0) snprintf(how, sizeof how, "without pass %d", off);
        whet_pass_options_init(&o);
        o.freeze = true;
        o.off = off >= 0 ? (uint32_t)1 << off : 0;
        assert_ok(whet_graph_clone(&h, s->g));
        assert_ok(whet_passes_run(h, &o, NULL));
        small_run(s, h, &got);
        small_same(name, how, &want, &got);
        whet_tensor_dispose(&got);
        if (off < 0) all = h;
        else whet_graph_free(h);
    }
    whet_tensor_dispose(&want);
    whet_graph_free(s->g);
    s->g = NULL;
    return all;
}

/* As small_finish; the result must consist of `n` nodes, one of them `op` (NULL: not looked at). */
static inline void small_expect(small *s, whet_vid y, const char *op, int n)
{
    char name[64];
    snprintf(name, sizeof name, "%s", s->g->name);
    whet_graph *g = small_finish(s, y);
    if ((op != NULL && small_count(g, op) != 1) || g->n_nodes != n) {
        char *text = NULL;
        assert_ok(whet_graph_dump(g, &text));
        print_error("%s", text);
        whet_free(text);
        fail_msg("%s: wanted %d nodes with one %s", name, n, op != NULL ? op : "of any kind");
    }
    whet_graph_free(g);
}

#endif
