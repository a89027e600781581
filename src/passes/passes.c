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
    {"cse", "nodes that compute the same become one", whet_pass_cse, false},
    {"fuse", "activations and residual sums join the convolution or product before them", run_fuse, true},
    {"dead-code", "what no output needs is dropped", whet_pass_dead_code, false},
};

int whet_pass_count(void) { return (int)WHET_COUNT(passes); }
const whet_pass *whet_pass_at(int i) { return &passes[i]; }

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

whet_status whet_passes_run(whet_graph *g, const whet_pass_options *opt, whet_strbuf *report)
{
    whet_pass_options defaults;
    whet_pass_options_init(&defaults);
    if (opt == NULL) opt = &defaults;
    for (int i = 0; i < whet_pass_count(); i++) {
        whet_pass_context c = {.g = g};
        if ((opt->off >> i & 1) != 0 || (passes[i].frozen_only && !opt->freeze)) continue;
        WHET_TRY(passes[i].run(&c));
        if (report != NULL && c.changes > 0) whet_strbuf_printf(report, "%s: %d\n", passes[i].name, c.changes);
    }
    return whet_graph_verify(g);
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
