/* SPDX-License-Identifier: Apache-2.0 */
/* A model on the native engine under the control of a script: prints "ready", then for each line "N" on standard input the
 * times of N runs in nanoseconds, so that a peer in another process can be timed in turns. Profile mode prints the time per
 * operator and ends.
 *
 *   native_loop MODEL.onnx --batch N --threads T [--providers own|onednn|all|ref] [--isa LEVEL] [--profile] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "exec/exec.h"
#include "formats/onnx/onnx.h"
#include "ir/op.h"
#include "passes/lower.h"
#include "passes/passes.h"

static int fail(void)
{
    fprintf(stderr, "native_loop: %s\n", whet_error_message());
    return 3;
}

static whet_status optimize(whet_graph *g)
{
    whet_pass_options o;
    whet_pass_options_init(&o);
    o.freeze = true;
    return whet_passes_run(g, &o, NULL);
}

static int by_time(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static whet_status profile(whet_plan *p)
{
    enum { RUNS = 200 };
    const whet_graph *g = whet_plan_graph(p);
    uint64_t *ns = whet_calloc((size_t)g->n_nodes * 2, sizeof *ns);
    uint64_t total = 0;
    if (!ns) return WHET_ENOMEM;
    for (int i = 0; i < RUNS; i++) WHET_TRY(whet_plan_profile(p, ns));
    uint64_t(*rows)[2] = whet_calloc((size_t)g->n_nodes, sizeof *rows);
    if (!rows) return WHET_ENOMEM;
    for (int i = 0; i < g->n_nodes; i++) {
        rows[i][0] = ns[i];
        rows[i][1] = (uint64_t)i;
        total += ns[i];
    }
    qsort(rows, (size_t)g->n_nodes, sizeof *rows, by_time);
    for (int i = 0; i < g->n_nodes && i < 40; i++) {
        const whet_node *n = &g->nodes[rows[i][1]];
        char op[64], shape[64];
        printf("%8.1f us %5.1f %%  %-24s %-16s %s\n", (double)rows[i][0] / RUNS / 1e3, 100.0 * (double)rows[i][0] / (double)total,
               whet_op_text(n->op, op, sizeof op), whet_dims_text(g, &g->values[n->out[0]].dims, shape, sizeof shape), n->name);
    }
    printf("%8.1f us in all\n", (double)total / RUNS / 1e3);
    whet_free(rows);
    whet_free(ns);
    return WHET_OK;
}

static uint32_t provider(const char *name)
{
    static const struct { const char *name; uint32_t mask; } all[] = {
        {"own", WHET_PROVIDER_OWN | WHET_PROVIDER_REF}, {"onednn", WHET_PROVIDER_ONEDNN | WHET_PROVIDER_REF},
        {"ref", WHET_PROVIDER_REF}, {"all", WHET_PROVIDER_ALL}};
    for (size_t i = 0; i < WHET_COUNT(all); i++)
        if (strcmp(all[i].name, name) == 0) return all[i].mask;
    return WHET_PROVIDER_ALL;
}

int main(int argc, char **argv)
{
    whet_exec_options opt;
    whet_graph *g = NULL;
    whet_exec *e = NULL;
    whet_plan *p = NULL;
    whet_team *team = NULL;
    whet_shape shapes[8];
    int batch = 1, threads = 0, shown = 0;
    char line[64];
    whet_exec_options_init(&opt);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--profile") == 0) shown = 1;
        else if (i + 1 < argc && strcmp(argv[i], "--batch") == 0) batch = atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--threads") == 0) threads = atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--providers") == 0) opt.providers = provider(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--isa") == 0) {
            uint32_t mask = 0;
            if (whet_isa_parse(argv[++i], &mask) != WHET_OK) return fail();
            opt.isa &= mask;
        }
    }
    if (argc < 2 || whet_onnx_read(&g, argv[1], NULL) != WHET_OK || optimize(g) != WHET_OK ||
        whet_team_create(&team, threads) != WHET_OK)
        return fail();
    opt.team = team;
    opt.lower = whet_passes_lower;
    for (int i = 0; i < g->n_inputs && i < 8; i++) {
        const whet_dims *d = &g->values[g->inputs[i]].dims;
        shapes[i].rank = d->rank;
        for (int k = 0; k < d->rank; k++) shapes[i].dims[k] = d->dims[k] >= 0 ? d->dims[k] : batch;
        if (d->rank > 0) shapes[i].dims[0] = batch;
    }
    if (whet_exec_create(&e, g, &opt) != WHET_OK || whet_exec_plan(e, g->n_inputs, shapes, &p) != WHET_OK) return fail();
    for (int i = 0; i < g->n_inputs; i++) {
        whet_tensor *x = whet_plan_input(p, i);
        for (int64_t k = 0; k < whet_tensor_numel(x); k++) whet_tensor_set_f64(x, k, (double)(k % 17) / 17.0 - 0.5);
    }
    if (shown) return profile(p) == WHET_OK ? 0 : fail();
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        for (int n = atoi(line); n > 0; n--) {
            const uint64_t t = whet_now_ns();
            if (whet_plan_run(p) != WHET_OK) return fail();
            printf("%llu%c", (unsigned long long)(whet_now_ns() - t), n > 1 ? ' ' : '\n');
        }
        fflush(stdout);
    }
    whet_exec_free(e);
    whet_graph_free(g);
    whet_team_free(team);
    return 0;
}
