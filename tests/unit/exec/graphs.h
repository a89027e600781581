/* SPDX-License-Identifier: Apache-2.0 */
/* Small graphs that the exec tests share. */
#ifndef WHET_TESTS_EXEC_GRAPHS_H
#define WHET_TESTS_EXEC_GRAPHS_H

#include "support.h"

#include "exec/exec.h"

static inline whet_vid input2(whet_graph *g, const char *name, whet_dim n, int64_t c)
{
    const whet_dims d = {.rank = 2, .dims = {n, c}};
    whet_vid v = WHET_NO_VALUE;
    assert_ok(whet_graph_input(g, name, WHET_F32, &d, &v));
    return v;
}

static inline whet_tensor filled(const whet_shape *shape, uint32_t seed)
{
    whet_tensor t = {0};
    uint32_t x = seed * 2654435761u + 1;
    assert_ok(whet_tensor_alloc(&t, WHET_F32, shape));
    for (int64_t i = 0; i < whet_tensor_numel(&t); i++) {
        x = x * 1664525u + 1013904223u;
        ((float *)t.data)[i] = (float)(x >> 8) / 8388608.0f - 1.0f;
    }
    return t;
}

static inline whet_vid variable(whet_graph *g, const char *name, const whet_shape *shape, uint32_t seed)
{
    whet_vid v = WHET_NO_VALUE;
    whet_tensor t = filled(shape, seed);
    assert_ok(whet_graph_variable(g, name, &t, true, &v));
    whet_tensor_dispose(&t);
    return v;
}

static inline whet_vid op(whet_graph *g, const char *name, int n, const whet_vid *in)
{
    whet_vid v = WHET_NO_VALUE;
    assert_ok(whet_graph_op1(g, name, n, in, 0, NULL, &v));
    return v;
}

static inline whet_vid reshaped(whet_graph *g, whet_vid x, int n, const int64_t *dims)
{
    whet_vid s = WHET_NO_VALUE;
    assert_ok(whet_graph_const_s64(g, NULL, n, dims, &s));
    return op(g, "Reshape", WHET_IN(x, s));
}

#endif
