/* SPDX-License-Identifier: Apache-2.0 */
/* The table of passes and its driver; freezing and dead code, which are a few lines each. */
#include <string.h>

#include "passes/lower.h"
#include "passes/passes.h"

static whet_status run_fuse(whet_pass_context *c)
{
    const int before = c->g->n_nodes;
    WHET_TRY(whet_pass_fuse(c->g));
    WHET_TRY(whet_graph_prune(c->g));
    c->changes = before - c->g->n_nodes;
    return WHET_OK;
}

static const whet_pass passes[] = {
    {"freeze", "variables become constants", whet_pass_freeze, true},
    {"fold-constants", "nodes of constants are computed ahead", whet_pass_fold_constants, false},
    {"fold-batchnorm", "batch normalisation goes into the weights before it", whet_pass_fold_batchnorm, true},
    {"canonical", "a mean over the image becomes a pool", whet_pass_canonical, true},
    {"activations", "written-out Swish, HardSwish, Gelu and Mish become one node each", whet_pass_activations, true},
    {"layer-norm", "written-out layer normalisation becomes one node", whet_pass_layer_norm, true},
    {"cse", "nodes that compute the same become one", whet_pass_cse, false},
    {"attention", "softmax(q k) v with the moves around it becomes one node", whet_pass_attention, true},
    {"fold-scale", "constant factors per channel go into weights and biases", whet_pass_fold_scale, true},
    {"move-transposes", "residual sums move in front of a transposition behind a product", whet_pass_move_transposes, true},
    {"fuse", "bias, activation and residual sum join the convolution or product before them", run_fuse, true},
    {"dead-code", "what no output needs is dropped", whet_pass_dead_code, false},
};

int whet_pass_count(void) { return (int)WHET_COUNT(passes); }

int whet_pass_find(const char *name)
{
    for (size_t i = 0; i < WHET_COUNT(passes); i++)
        if (strcmp(passes[i].name, name) == 0) return (int)i;
    return -1;
}

void whet_pass_options_init(whet_pass_options *o) { *o = (whet_pass_options){.size = sizeof *o}; }

whet_status whet_pass_mask(const char *names, uint32_t *mask)
{
    *mask = 0;
    for (const char *p = names; p != NULL && *p != '\0';) {
        char name[64];
        const size_t n = strcspn(p, ",");
        int i = -1;
        if (n < sizeof name) {
            memcpy(name, p, n);
            name[n] = '\0';
            i = whet_pass_find(name);
        }
        if (i < 0) return WHET_FAIL(WHET_EINVAL, "unknown pass '%.*s'", (int)n, p);
        *mask |= (uint32_t)1 << i;
        p += n + (p[n] == ',');
    }
    return WHET_OK;
}

static whet_status run_table(whet_graph *g, const whet_pass_options *opt, whet_strbuf *report)
{
    for (int i = 0; i < whet_pass_count(); i++) {
        whet_pass_context c = {.g = g};
        if ((opt->off >> i & 1) != 0 || (passes[i].frozen_only && !opt->freeze)) continue;
        WHET_TRY(passes[i].run(&c));
        if (report != NULL && c.changes > 0) whet_strbuf_printf(report, "%s: %d\n", passes[i].name, c.changes);
    }
    return WHET_OK;
}

/* A pass that puts another value in an output's place leaves that value's name behind: outputs get theirs back. */
static whet_status restore_names(whet_graph *g, char *const *names)
{
    for (int i = 0; i < g->n_outputs; i++)
        if (whet_graph_find(g, names[i]) == WHET_NO_VALUE) WHET_TRY(whet_graph_rename(g, g->outputs[i], names[i]));
    return WHET_OK;
}

whet_status whet_passes_run(whet_graph *g, const whet_pass_options *opt, whet_strbuf *report)
{
    whet_status status = WHET_ENOMEM;
    whet_pass_options defaults;
    const int n = g->n_outputs;
    char **names = whet_calloc((size_t)n, sizeof *names);
    if (names == NULL) goto done;
    for (int i = 0; i < n; i++)
        if ((names[i] = whet_strdup(g->values[g->outputs[i]].name)) == NULL) goto done;
    whet_pass_options_init(&defaults);
    WHET_GOTO(run_table(g, opt != NULL ? opt : &defaults, report));
    WHET_GOTO(restore_names(g, names));
    status = whet_graph_verify(g);
done:
    for (int i = 0; names != NULL && i < n; i++) whet_free(names[i]);
    whet_free(names);
    return status;
}

whet_status whet_pass_freeze(whet_pass_context *c)
{
    whet_graph *g = c->g;
    g->n_commits = 0;
    for (whet_vid v = 0; v < g->n_values; v++) {
        if (g->values[v].kind != WHET_VALUE_VARIABLE) continue;
        g->values[v].kind = WHET_VALUE_CONST;
        g->values[v].trainable = false;
        c->changes++;
    }
    return whet_graph_infer(g);
}

whet_status whet_pass_dead_code(whet_pass_context *c)
{
    const int before = c->g->n_nodes;
    WHET_TRY(whet_graph_prune(c->g));
    c->changes = before - c->g->n_nodes;
    return WHET_OK;
}
