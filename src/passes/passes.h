/* SPDX-License-Identifier: Apache-2.0 */
/* Graph-to-graph rewrites that keep what the graph computes. The table of passes stands in passes.c; each can be switched
 * off by its name. Passes that need concrete shapes (layout) run on each plan's graph instead: see lower.h. */
#ifndef WHET_PASSES_PASSES_H
#define WHET_PASSES_PASSES_H

#include "base/strbuf.h"
#include "ir/graph.h"

typedef struct whet_pass_context {
    whet_graph *g;
    int changes;         /* how many places the pass rewrote */
} whet_pass_context;

typedef struct whet_pass {
    const char *name;    /* "fold-constants" */
    const char *what;    /* one line for people */
    whet_status (*run)(whet_pass_context *c);
    bool frozen_only;    /* runs only when variables are frozen */
} whet_pass;

int whet_pass_count(void);
int whet_pass_find(const char *name); /* position in the table, -1 if unknown */

typedef struct whet_pass_options {
    size_t size;
    uint32_t off;  /* bit i switches pass i of the table off */
    bool freeze;   /* variables become constants of their present bytes and commits are dropped: for inference and
                      --deploy; without it the graph can still be trained */
} whet_pass_options;
void whet_pass_options_init(whet_pass_options *o);
/* Bits of a comma-separated list of names into *mask; EINVAL naming an unknown one. */
whet_status whet_pass_mask(const char *names, uint32_t *mask);

/* Runs the table's passes in order. report (may be NULL) gets a line "name: changes" for each that changed something. On
 * failure the graph is valid or to be freed. */
whet_status whet_passes_run(whet_graph *g, const whet_pass_options *opt, whet_strbuf *report);

/* The passes. Each may be called alone. */
whet_status whet_pass_freeze(whet_pass_context *c);         /* variables -> constants */
whet_status whet_pass_fold_constants(whet_pass_context *c); /* nodes of constants -> constants, sizes followed */
whet_status whet_pass_fold_batchnorm(whet_pass_context *c); /* inference statistics into Conv, ConvTranspose, Gemm */
whet_status whet_pass_canonical(whet_pass_context *c);      /* a spatial mean -> GlobalAveragePool */
whet_status whet_pass_activations(whet_pass_context *c);    /* written-out Swish, HardSwish, Gelu, Mish -> one node each */
whet_status whet_pass_layer_norm(whet_pass_context *c);     /* written-out normalisation -> LayerNormalization */
whet_status whet_pass_attention(whet_pass_context *c);      /* softmax(q k) v on heads -> whet.FusedAttention */
whet_status whet_pass_fold_scale(whet_pass_context *c);     /* constant factors per channel into weights and biases */
whet_status whet_pass_move_transposes(whet_pass_context *c); /* a residual sum moves in front of the way back to NCHW */
whet_status whet_pass_cse(whet_pass_context *c);            /* equal nodes become one */
whet_status whet_pass_dead_code(whet_pass_context *c);

#endif
