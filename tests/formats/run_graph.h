/* SPDX-License-Identifier: Apache-2.0 */
/* A graph that a reader made, run as `whet run` does: frozen, with all passes and the fastest kernels. */
#ifndef WHET_TESTS_RUN_GRAPH_H
#define WHET_TESTS_RUN_GRAPH_H

#include "exec/exec.h"
#include "passes/lower.h"
#include "passes/passes.h"
#include "support.h"

/* *copy is the graph that the exec uses; the caller frees both. */
static inline whet_exec *exec_of(const whet_graph *g, whet_graph **copy)
{
    whet_exec_options o;
    whet_pass_options po;
    whet_exec *e = NULL;
    whet_exec_options_init(&o);
    o.lower = whet_passes_lower;
    whet_pass_options_init(&po);
    po.freeze = true;
    assert_ok(whet_graph_clone(copy, g));
    assert_ok(whet_passes_run(*copy, &po, NULL));
    assert_ok(whet_exec_create(&e, *copy, &o));
    return e;
}

/* One input, one output. */
static inline void run(const whet_graph *g, const whet_tensor *x, whet_tensor *y)
{
    whet_graph *copy = NULL;
    whet_exec *e = exec_of(g, &copy);
    whet_tensor_init(y);
    assert_ok(whet_exec_run(e, 1, x, 1, y));
    whet_exec_free(e);
    whet_graph_free(copy);
}

#endif
