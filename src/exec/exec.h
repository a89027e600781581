/* SPDX-License-Identifier: Apache-2.0 */
/* Executor: runs a graph over three memory regions.
 *
 *   constants   shared by all plans; packed forms of them are cached
 *   variables   state that outlives a run; commits take effect at its end
 *   arena       everything else: one block per plan, laid out by lifetime, workspaces included
 *
 * A plan is the graph bound to one set of concrete input shapes; plans are made on first use and cached. Running a plan
 * allocates nothing. One run at a time per exec; several execs may share a team one after the other. */
#ifndef WHET_EXEC_EXEC_H
#define WHET_EXEC_EXEC_H

#include "base/threads.h"
#include "ir/graph.h"

enum { /* providers of kernels, a mask */
    WHET_PROVIDER_REF = 1 << 0,   /* plain C; always there as the last resort */
    WHET_PROVIDER_OWN = 1 << 1,   /* own kernels of convolutions and matrix products, and their fusions */
    WHET_PROVIDER_ONEDNN = 1 << 2,
    WHET_PROVIDER_VEC = 1 << 3,   /* own vector kernels of everything else; implied by OWN and by ONEDNN */
    WHET_PROVIDER_ALL = 15
};

typedef struct whet_exec_options {
    size_t size;          /* sizeof(whet_exec_options) */
    whet_team *team;      /* borrowed; NULL = one thread */
    uint32_t isa;         /* mask; default whet_isa() */
    uint32_t providers;   /* mask of WHET_PROVIDER_*; default ALL */
    bool passes;          /* run the optimising passes first (src/exec never sees them: see passes/passes.h); informative */
    uint64_t seed;        /* key of the RANDOM operators */
    bool dry;             /* plans are only looked at: their memory is not touched */
    bool poison;          /* fill dead ranges with NaN (default in debug builds) */
    whet_status (*lower)(whet_graph *g, const struct whet_exec_options *opt); /* run on each plan's graph once its shapes
                             are concrete (layout assignment); NULL = leave as it is. passes/passes.h provides it */
    const struct whet_tuning *tuning; /* rows to try first (exec_tune.h); borrowed, outlives the exec; NULL: the static order */
} whet_exec_options;
void whet_exec_options_init(whet_exec_options *o);

typedef struct whet_exec whet_exec;
typedef struct whet_plan whet_plan;

/* Copies the graph's structure, shares constants' bytes, copies variables' initial bytes. */
whet_status whet_exec_create(whet_exec **out, const whet_graph *g, const whet_exec_options *opt);
void whet_exec_free(whet_exec *e); /* frees its plans; accepts NULL */
const whet_graph *whet_exec_graph(const whet_exec *e);

/* The plan for these input shapes (graph input order); made or found. Owned by the exec. Errors name node and reason. */
whet_status whet_exec_plan(whet_exec *e, int n_inputs, const whet_shape *shapes, whet_plan **out);

/* The plan's own input and output memory. Inputs are read in place: write them before each run. The pointers stay valid
 * while the exec lives; contents of outputs until the next run of any plan of this exec. */
whet_tensor *whet_plan_input(whet_plan *p, int i);
const whet_tensor *whet_plan_output(const whet_plan *p, int i);
/* Use the caller's memory for input i instead (64-byte aligned, same bytes as the plan's); NULL goes back. */
whet_status whet_plan_bind_input(whet_plan *p, int i, void *data);
/* Allocates nothing. ECANCELLED, ENUMERIC or an operator's data error (index out of range), naming the node. */
whet_status whet_plan_run(whet_plan *p);
size_t whet_plan_arena_bytes(const whet_plan *p);
/* JSON array: per node name, operator, kernel, provider, refusals with reasons, arena offset. Caller frees. */
whet_status whet_plan_describe(const whet_plan *p, char **json);
/* As run, with the time of each node in ns added to ns[node] (one slot per node of whet_plan_graph). */
whet_status whet_plan_profile(whet_plan *p, uint64_t *ns);
const whet_graph *whet_plan_graph(const whet_plan *p);
/* The arena, and what lives in it when it is fullest: gradients are what optimiser steps read, workspace is scratch of one
 * node, activations are all else. */
typedef struct whet_plan_memory { size_t arena, activations, gradients, workspace; } whet_plan_memory;
whet_status whet_plan_memory_of(const whet_plan *p, whet_plan_memory *m);

/* Variables by name or position; the tensor is the live state (read or written only between runs). */
int whet_exec_variable_count(const whet_exec *e);
const char *whet_exec_variable_name(const whet_exec *e, int i);
whet_tensor *whet_exec_variable(whet_exec *e, const char *name); /* NULL if unknown */
whet_tensor *whet_exec_variable_at(whet_exec *e, int i);
/* The step counter that keys RANDOM operators; advanced by the training loop. */
void whet_exec_set_step(whet_exec *e, uint64_t step);

/* Convenience: plan for the inputs' shapes, copy in, run, copy out (outputs[] must be initialised tensors; they are
 * allocated as needed). */
whet_status whet_exec_run(whet_exec *e, int n_in, const whet_tensor *inputs, int n_out, whet_tensor *outputs);

#endif
