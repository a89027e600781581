/* SPDX-License-Identifier: Apache-2.0 */
/* A model on the native engine under the control of a script, so that a peer in another process can be timed in turns. After
 * the first result it prints "ready" and obeys lines on standard input:
 *
 *   N         the times of N runs in nanoseconds      load      from file to first result, and memory, as JSON
 *   out FILE  the outputs' bytes, one after another   kernels   the plan as JSON
 *
 *   native_loop MODEL.onnx --batch N --threads T [--providers own|onednn|all|ref] [--isa LEVEL] [--input FILE] [--profile]
 *   native_loop --probe --threads T      a line N: the arithmetic peak in GF/s, best of N looks, every thread in its L1 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/io.h"
#include "exec/exec.h"
#include "formats/onnx/onnx.h"
#include "ir/op.h"
#include "kernels/gemm/gemm.h"
#include "passes/lower.h"
#include "passes/passes.h"

typedef struct loop {
    whet_graph *g;
    whet_exec *e;
    whet_plan *p;
    whet_team *team;
    whet_exec_options opt;
    const char *model, *input;
    int batch, threads;
    uint64_t t[5]; /* start, read, passes, plan, first result */
    long empty_kb, peak_kb;
} loop;

static int fail(void)
{
    fprintf(stderr, "native_loop: %s\n", whet_error_message());
    return 3;
}

/* A field of /proc/self/status in KB, 0 where there is none. */
static long memory_kb(const char *key)
{
    char line[128];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0) kb = atol(line + strlen(key));
    if (f) fclose(f);
    return kb;
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
    uint64_t total = 0, begin = whet_now_ns();
    int runs = 0;
    if (!ns) return WHET_ENOMEM;
    for (; runs < RUNS && (runs < 3 || whet_now_ns() - begin < 5000000000u); runs++) WHET_TRY(whet_plan_profile(p, ns));
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
        printf("%8.1f us %5.1f %%  %-24s %-16s %s\n", (double)rows[i][0] / runs / 1e3, 100.0 * (double)rows[i][0] / (double)total,
               whet_op_text(n->op, op, sizeof op), whet_dims_text(g, &g->values[n->out[0]].dims, shape, sizeof shape), n->name);
    }
    printf("%8.1f us in all\n", (double)total / runs / 1e3);
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

static whet_status fill_inputs(const loop *l)
{
    uint8_t *bytes = NULL;
    size_t size = 0, at = 0;
    if (l->input) WHET_TRY(whet_file_read(&bytes, &size, l->input, (size_t)1 << 32));
    for (int i = 0; i < l->g->n_inputs; i++) {
        whet_tensor *x = whet_plan_input(l->p, i);
        const size_t n = whet_tensor_bytes(x);
        if (bytes == NULL)
            for (int64_t k = 0; k < whet_tensor_numel(x); k++) whet_tensor_set_f64(x, k, (double)(k % 17) / 17.0 - 0.5);
        else if (n <= size - at) memcpy(x->data, bytes + at, n);
        else return WHET_FAIL(WHET_EINVAL, "'%s' has %zu bytes, the inputs have more", l->input, size);
        at += n;
    }
    whet_free(bytes);
    return WHET_OK;
}

/* The way of `whet run`: read, optimise, plan, run once. */
static whet_status load(loop *l)
{
    whet_shape shapes[8];
    l->empty_kb = memory_kb("VmHWM:");
    l->t[0] = whet_now_ns();
    WHET_TRY(whet_onnx_read(&l->g, l->model, NULL));
    l->t[1] = whet_now_ns();
    WHET_TRY(optimize(l->g));
    l->t[2] = whet_now_ns();
    for (int i = 0; i < l->g->n_inputs && i < 8; i++) {
        const whet_dims *d = &l->g->values[l->g->inputs[i]].dims;
        shapes[i].rank = d->rank;
        for (int k = 0; k < d->rank; k++) shapes[i].dims[k] = d->dims[k] >= 0 ? d->dims[k] : l->batch;
        if (d->rank > 0) shapes[i].dims[0] = l->batch;
    }
    WHET_TRY(whet_exec_create(&l->e, l->g, &l->opt));
    WHET_TRY(whet_exec_plan(l->e, l->g->n_inputs, shapes, &l->p));
    WHET_TRY(fill_inputs(l));
    l->t[3] = whet_now_ns();
    WHET_TRY(whet_plan_run(l->p));
    l->t[4] = whet_now_ns();
    l->peak_kb = memory_kb("VmHWM:");
    return WHET_OK;
}

static void print_load(const loop *l)
{
    printf("{\"first_ms\": %.3f, \"read_ms\": %.3f, \"passes_ms\": %.3f, \"plan_ms\": %.3f, \"run_ms\": %.3f, \"empty_kb\": %ld, "
           "\"peak_kb\": %ld, \"rss_kb\": %ld, \"arena_kb\": %zu}\n",
           (double)(l->t[4] - l->t[0]) / 1e6, (double)(l->t[1] - l->t[0]) / 1e6, (double)(l->t[2] - l->t[1]) / 1e6,
           (double)(l->t[3] - l->t[2]) / 1e6, (double)(l->t[4] - l->t[3]) / 1e6, l->empty_kb, l->peak_kb, memory_kb("VmRSS:"),
           whet_plan_arena_bytes(l->p) / 1024);
}

static whet_status write_outputs(const loop *l, const char *path)
{
    whet_writer *w = NULL;
    WHET_TRY(whet_writer_open(&w, path));
    for (int i = 0; i < l->g->n_outputs; i++) {
        const whet_tensor *y = whet_plan_output(l->p, i);
        whet_writer_write(w, y->data, whet_tensor_bytes(y));
    }
    WHET_TRY(whet_writer_commit(w));
    puts("ok");
    return WHET_OK;
}

static whet_status obey(const loop *l, const char *line)
{
    char *json = NULL;
    if (strcmp(line, "load") == 0) {
        print_load(l);
        return WHET_OK;
    }
    if (strncmp(line, "out ", 4) == 0) return write_outputs(l, line + 4);
    if (strcmp(line, "kernels") == 0) {
        WHET_TRY(whet_plan_describe(l->p, &json));
        puts(json);
        whet_free(json);
        return WHET_OK;
    }
    for (int n = atoi(line); n > 0; n--) {
        const uint64_t t = whet_now_ns();
        WHET_TRY(whet_plan_run(l->p));
        printf("%llu%c", (unsigned long long)(whet_now_ns() - t), n > 1 ? ' ' : '\n');
    }
    return WHET_OK;
}

/* --- the probe: the widest tile of the product kernel, operands in L1, as many chunks as threads ---------------------------- */
enum { PROBE_M = 12, PROBE_N = 32, PROBE_K = 128, PROBE_MOST = 64, PROBE_CALLS = 2000 };
typedef struct probe { const whet_gemm_kernel *k; float *src, *w, *dst; } probe;

static void probe_chunk(void *arg, int chunk, int worker)
{
    const probe *q = arg;
    static const ptrdiff_t zero = 0;
    const whet_rows_args a = {.src = q->src, .src_step = PROBE_K, .runs = &zero, .n_runs = 1, .run_len = PROBE_K, .weights = q->w,
                              .dst = q->dst + (ptrdiff_t)chunk * PROBE_M * PROBE_N, .dst_step = PROBE_N, .m = PROBE_M, .n = PROBE_N,
                              .lo = -INFINITY, .hi = INFINITY};
    (void)worker;
    for (int i = 0; i < PROBE_CALLS; i++) q->k->rows(&a);
}

static int run_probe(int threads)
{
    char line[64];
    probe q = {0};
    whet_team *team = NULL;
    for (int i = 0; i < whet_gemm_kernel_count(); i++) {
        const whet_gemm_kernel *k = whet_gemm_kernel_at(i);
        if ((k->isa & ~whet_isa()) == 0 && (q.k == NULL || k->isa > q.k->isa)) q.k = k;
    }
    if (whet_team_create(&team, threads) != WHET_OK) return fail();
    const int n = WHET_MIN(whet_team_size(team), (int)PROBE_MOST);
    q.src = whet_alloc_aligned(PROBE_M * PROBE_K * sizeof(float), 64);
    q.w = whet_alloc_aligned(PROBE_N * PROBE_K * sizeof(float), 64);
    q.dst = whet_alloc_aligned((size_t)n * PROBE_M * PROBE_N * sizeof(float), 64);
    if (!q.src || !q.w || !q.dst) return fail();
    for (int i = 0; i < PROBE_M * PROBE_K; i++) q.src[i] = (float)(i % 7) * 0.125f;
    for (int i = 0; i < PROBE_N * PROBE_K; i++) q.w[i] = (float)(i % 5) * 0.125f;
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        double best = 0.0;
        for (int i = atoi(line); i >= 0; i--) { /* one more than asked: the first wakes the team */
            const uint64_t t = whet_now_ns();
            whet_parallel(team, n, probe_chunk, &q);
            const double rate = 2.0 * n * PROBE_CALLS * PROBE_M * PROBE_N * PROBE_K / (double)(whet_now_ns() - t);
            best = WHET_MAX(best, rate);
        }
        printf("%.1f\n", best);
        fflush(stdout);
    }
    whet_free_aligned(q.src);
    whet_free_aligned(q.w);
    whet_free_aligned(q.dst);
    whet_team_free(team);
    return 0;
}

static whet_status read_arguments(loop *l, int argc, char **argv, bool *probing, bool *profiling)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--profile") == 0) *profiling = true;
        else if (strcmp(argv[i], "--probe") == 0) *probing = true;
        else if (strncmp(argv[i], "--", 2) != 0) l->model = argv[i];
        else {
            i++;
            if (strcmp(argv[i - 1], "--batch") == 0) l->batch = atoi(value);
            else if (strcmp(argv[i - 1], "--threads") == 0) l->threads = atoi(value);
            else if (strcmp(argv[i - 1], "--input") == 0) l->input = value;
            else if (strcmp(argv[i - 1], "--providers") == 0) l->opt.providers = provider(value);
            else if (strcmp(argv[i - 1], "--isa") == 0) {
                uint32_t mask = 0;
                WHET_TRY(whet_isa_parse(value, &mask));
                l->opt.isa &= mask;
            } else return WHET_FAIL(WHET_EINVAL, "unknown option '%s'", argv[i - 1]);
        }
    }
    return l->model || *probing ? WHET_OK : WHET_FAIL(WHET_EINVAL, "no model is named");
}

int main(int argc, char **argv)
{
    loop l = {.batch = 1};
    bool probing = false, profiling = false;
    char line[4096];
    whet_exec_options_init(&l.opt);
    if (read_arguments(&l, argc, argv, &probing, &profiling) != WHET_OK) return fail();
    if (probing) return run_probe(l.threads);
    if (whet_team_create(&l.team, l.threads) != WHET_OK) return fail();
    l.opt.team = l.team;
    l.opt.lower = whet_passes_lower;
    if (load(&l) != WHET_OK) return fail();
    if (profiling) return profile(l.p) == WHET_OK ? 0 : fail();
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (obey(&l, line) != WHET_OK) return fail();
        fflush(stdout);
    }
    whet_exec_free(l.e);
    whet_graph_free(l.g);
    whet_team_free(l.team);
    return 0;
}
