/* SPDX-License-Identifier: Apache-2.0 */
/* Speed of the kernels over a list of problems, one thread, in percent of a peak measured beside it: best of several
 * rounds. Lines: conv H W IC OC KH KW SH SW PT PL PB PR groups count   |   gemm M N K count   |   # comment */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "kcheck.h"
#include "kernels/conv/conv_nhwc.h"
#include "kernels/conv/winograd.h"
#include "kernels/gemm/gemm_plan.h"

static float *numbers(size_t n)
{
    float *p = whet_alloc_aligned((n + 16) * sizeof *p, 64);
    if (!p) exit(3);
    for (size_t i = 0; i < n + 16; i++) p[i] = (float)((int)(i % 17) - 8) * 0.125f;
    return p;
}

/* The kernel's own best case: everything in L1, long reduction. */
static double peak(const whet_gemm_kernel *k)
{
    enum { M = 14, N = 32, KLEN = 128 };
    float *src = numbers(M * KLEN), *w = numbers(N * KLEN), *dst = numbers(M * N);
    const ptrdiff_t zero = 0;
    whet_rows_args a = {.src = src, .src_step = KLEN, .runs = &zero, .n_runs = 1, .run_len = KLEN, .weights = w, .dst = dst, .dst_step = N,
                        .m = k->isa & WHET_ISA_AVX512 ? M : 12, .n = N, .lo = -INFINITY, .hi = INFINITY};
    double best = 0.0;
    for (int i = 0; i < 30; i++) {
        const uint64_t t = whet_now_ns();
        for (int j = 0; j < 100; j++) k->rows(&a);
        const double g = 200.0 * a.m * N * KLEN / (double)(whet_now_ns() - t);
        if (g > best) best = g;
    }
    whet_free_aligned(src);
    whet_free_aligned(w);
    whet_free_aligned(dst);
    return best;
}

double kc_peak(uint32_t isa) { return peak(whet_gemm_kernel_for(isa)); }

typedef struct times { double fwd, dgrad, wgrad, wino; } times;

static double best_of(void (*fn)(void *), void *arg)
{
    double best = 1e30, total = 0.0;
    for (int i = 0; i < 40 && (i < 3 || total < 6e7); i++) {
        const uint64_t t = whet_now_ns();
        fn(arg);
        const double ns = (double)(whet_now_ns() - t);
        total += ns;
        if (ns < best) best = ns;
    }
    return best;
}

typedef struct problem {
    const whet_gemm_kernel *k;
    whet_conv2d_geom g;
    whet_conv_pass p, back[16];
    whet_gemm_plan plan;
    whet_wino wino;
    whet_wino_run run;
    float *wino_scratch;
    float *src, *w, *dst, *packed, *scratch, *acc;
} problem;

static void forward(void *arg)
{
    const problem *q = arg;
    whet_conv_image im = {q->src, q->packed, NULL, NULL, q->dst, q->scratch, -INFINITY, INFINITY};
    whet_conv_run(&q->p, &im, 0, q->p.y.count, 0, q->g.oc / q->g.groups);
}

static void dgrad(void *arg)
{
    const problem *q = arg;
    for (int i = 0; i < q->g.sh * q->g.sw; i++) {
        whet_conv_image im = {q->dst, q->packed, NULL, NULL, q->src, q->scratch, -INFINITY, INFINITY};
        whet_conv_run(&q->back[i], &im, 0, q->back[i].y.count, 0, q->g.ic / q->g.groups);
    }
}

enum { BATCH = 4 }; /* of the weight gradient */
static void wgrad(void *arg)
{
    const problem *q = arg;
    whet_conv2d_geom g = q->g;
    g.n = BATCH;
    whet_conv_wgrad(q->k, &g, q->src, q->dst, q->acc, q->scratch, 0, q->g.oc / q->g.groups);
}

/* A product through its plan, as MatMul and 1x1 convolutions run it. */
static void product(void *arg)
{
    const problem *q = arg;
    whet_gemm_run r = {.src = q->src, .weights = q->packed, .dst = q->dst, .scratch = q->scratch, .src_step = (ptrdiff_t)q->g.ic,
                       .dst_step = (ptrdiff_t)q->g.oc, .lo = -INFINITY, .hi = INFINITY};
    for (int i = 0; i < whet_gemm_chunks(&q->plan); i++) whet_gemm_chunk(&q->plan, &r, i);
}

static void winograd(void *arg)
{
    const problem *q = arg;
    for (int64_t i = 0; i < whet_wino_chunks(&q->wino); i++) whet_wino_chunk(&q->wino, &q->run, q->wino_scratch, i);
}

/* Winograd where the engine would take it. */
static double measure_winograd(problem *q, const whet_gemm_kernel *k)
{
    double ns = 0.0;
    for (int i = 0; i < whet_wino_kernel_count() && ns == 0.0 && whet_wino_pays(&q->g, false, true); i++) {
        if (whet_wino_kernel_at(i)->isa & ~k->isa) continue;
        whet_wino_init(&q->wino, k, whet_wino_kernel_at(i), &q->g, false);
        float *u = numbers(whet_wino_weights_size(&q->wino));
        q->wino_scratch = numbers(whet_wino_scratch(&q->wino));
        q->run = (whet_wino_run){.src = q->src, .dst = q->dst, .weights = u, .lo = -INFINITY, .hi = INFINITY};
        ns = best_of(winograd, q);
        whet_free_aligned(u);
        whet_free_aligned(q->wino_scratch);
    }
    return ns;
}

static times measure(const whet_gemm_kernel *k, const whet_conv2d_geom *g)
{
    static problem q;
    whet_conv_axis y, x;
    whet_conv2d_geom several = *g;
    several.n = BATCH;
    size_t scratch = whet_conv_wgrad_scratch(&several), packed = 0;
    times t = {0};
    q.k = k;
    q.g = *g;
    whet_conv_axis_forward(&y, g->h, g->oh, g->kh, g->sh, g->dh, g->pt);
    whet_conv_axis_forward(&x, g->w, g->ow, g->kw, g->sw, g->dw, g->pl);
    whet_conv_pass_init(&q.p, k, &y, &x, g->ic, g->oc, g->groups, g->ow);
    scratch = WHET_MAX(scratch, whet_conv_scratch(&q.p, y.count));
    packed = whet_conv_weights_size(&q.p);
    for (int i = 0; i < g->sh * g->sw && i < 16; i++) {
        whet_conv_axis_backward(&y, g->h, g->oh, g->kh, g->sh, g->dh, g->pt, i / g->sw);
        whet_conv_axis_backward(&x, g->w, g->ow, g->kw, g->sw, g->dw, g->pl, i % g->sw);
        whet_conv_pass_init(&q.back[i], k, &y, &x, g->oc, g->ic, g->groups, g->w);
        scratch = WHET_MAX(scratch, whet_conv_scratch(&q.back[i], y.count));
        packed = WHET_MAX(packed, whet_conv_weights_size(&q.back[i]));
    }
    whet_gemm_plan_init(&q.plan, k, g->oh * g->ow, g->oc, g->ic, g->ic, 1);
    scratch = WHET_MAX(scratch, q.plan.scratch);
    q.src = numbers((size_t)(BATCH * g->h * g->w * g->ic));
    q.dst = numbers((size_t)(BATCH * g->oh * g->ow * g->oc));
    q.packed = numbers(packed);
    q.scratch = numbers(scratch);
    q.acc = numbers((size_t)(g->oc * (g->ic / g->groups) * g->kh * g->kw));
    if (g->groups > 1 && g->groups == g->ic && g->ic == g->oc) {
        double ns[3];
        kc_dw_bench(k->isa, g, q.src, q.dst, q.acc, best_of, ns);
        t = (times){.fwd = ns[0], .dgrad = ns[1], .wgrad = ns[2]};
    } else {
        t.fwd = best_of(g->kh * g->kw * g->sh * g->sw * g->groups == 1 ? product : forward, &q);
        t.dgrad = best_of(dgrad, &q);
        t.wgrad = best_of(wgrad, &q) / BATCH;
    }
    t.wino = measure_winograd(&q, k);
    whet_free_aligned(q.src);
    whet_free_aligned(q.dst);
    whet_free_aligned(q.packed);
    whet_free_aligned(q.scratch);
    whet_free_aligned(q.acc);
    return t;
}

/* --- shares of the floor: the longer of the arithmetic at the peak and a copy of as many bytes, summed by family ------------ */
enum { FWD, DGRAD, WGRAD, WINO, KINDS };
typedef struct family {
    char name[40];
    double floor[KINDS], ns[KINDS], least[KINDS];
} family;
static family families[48];

typedef struct copying { float *from, *to; size_t n; } copying;
static void copy(void *arg)
{
    const copying *c = arg;
    memcpy(c->to, c->from, c->n * sizeof(float));
}

static double copy_ns(double floats)
{
    copying c = {.n = (size_t)(floats / 2) + 1};
    c.from = numbers(c.n);
    c.to = numbers(c.n);
    const double ns = best_of(copy, &c);
    whet_free_aligned(c.from);
    whet_free_aligned(c.to);
    return ns;
}

static family *family_of(const whet_conv2d_geom *g)
{
    char name[40];
    const int64_t thin = WHET_MIN(g->ic, g->oc);
    if (g->groups > 1) snprintf(name, sizeof name, "depthwise %dx%d stride %d", (int)g->kh, (int)g->kw, (int)g->sh);
    else if (g->ic <= 3) snprintf(name, sizeof name, "first layer");
    else if (g->kh * g->kw > 1) snprintf(name, sizeof name, "%dx%d", (int)g->kh, (int)g->kw);
    else if (g->oh * g->ow == 1) snprintf(name, sizeof name, "one row");
    else if (thin < 64) snprintf(name, sizeof name, "product, under 64 channels");
    else if (g->oh * g->ow < 100) snprintf(name, sizeof name, "product, under 100 rows");
    else snprintf(name, sizeof name, "product");
    for (size_t i = 0; i < WHET_COUNT(families); i++) {
        if (families[i].name[0] == 0) snprintf(families[i].name, sizeof families[i].name, "%s", name);
        if (strcmp(families[i].name, name) == 0) return &families[i];
    }
    return &families[WHET_COUNT(families) - 1];
}

static void add_shares(const whet_conv2d_geom *g, double fl, double top, const times *t, int count)
{
    family *f = family_of(g);
    const double floats = (double)(g->h * g->w * g->ic + g->oh * g->ow * g->oc + g->oc * (g->ic / g->groups) * g->kh * g->kw);
    const double memory = copy_ns(floats), each[KINDS] = {t->fwd, t->dgrad, t->wgrad, t->wino};
    for (int i = 0; i < KINDS; i++) { /* Winograd's F(4x4, 3x3) multiplies a quarter as often */
        const double least = WHET_MAX(fl / top / (i == WINO ? 4.0 : 1.0), memory), share = 100.0 * least / each[i];
        if (each[i] <= 0.0 || (i == DGRAD && g->ic <= 3)) continue;
        if (f->ns[i] == 0.0 || share < f->least[i]) f->least[i] = share;
        f->floor[i] += least * count;
        f->ns[i] += each[i] * count;
    }
}

static void print_families(void)
{
    printf("percent of the floor, summed (least of a layer)\n%-28s %12s %12s %12s %12s\n", "family", "forward", "data", "weights", "winograd");
    for (size_t i = 0; i < WHET_COUNT(families) && families[i].name[0]; i++) {
        const family *f = &families[i];
        printf("%-28s", f->name);
        for (int k = 0; k < KINDS; k++)
            if (f->ns[k] > 0.0) printf("   %3.0f (%3.0f)", 100.0 * f->floor[k] / f->ns[k], f->least[k]);
            else printf(" %11s", "-");
        printf("\n");
    }
    memset(families, 0, sizeof families);
}

static bool parse(const char *line, whet_conv2d_geom *g, int *count)
{
    int v[14] = {0};
    *g = (whet_conv2d_geom){.n = 1, .kh = 1, .kw = 1, .sh = 1, .sw = 1, .dh = 1, .dw = 1, .groups = 1};
    if (sscanf(line, "gemm %d %d %d %d", &v[0], &v[1], &v[2], &v[3]) == 4) {
        g->h = g->oh = 1;
        g->w = g->ow = v[0];
        g->oc = v[1];
        g->ic = v[2];
        *count = v[3];
        return true;
    }
    if (sscanf(line, "conv %d %d %d %d %d %d %d %d %d %d %d %d %d %d", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8],
               &v[9], &v[10], &v[11], &v[12], &v[13]) != 14)
        return false;
    g->h = v[0], g->w = v[1], g->ic = v[2], g->oc = v[3], g->kh = v[4], g->kw = v[5], g->sh = v[6], g->sw = v[7];
    g->pt = v[8], g->pl = v[9], g->groups = v[12], *count = v[13];
    g->oh = (g->h + v[8] + v[10] - g->kh) / g->sh + 1;
    g->ow = (g->w + v[9] + v[11] - g->kw) / g->sw + 1;
    return true;
}

static int bench_file(const char *path, const whet_gemm_kernel *k)
{
    char line[256];
    double sum[3] = {0}, flops = 0.0;
    double ideal = 0.0;
    FILE *f = fopen(path, "r");
    if (!f) {
        fprintf(stderr, "kcheck: cannot open '%s'\n", path);
        return 3;
    }
    printf("%s, %s\n%-58s %9s %6s %6s %6s %6s %9s\n", path, k->name, "problem", "fwd us", "fwd %", "dgrad%", "wgrad%", "peak", "winograd");
    while (fgets(line, sizeof line, f)) {
        whet_conv2d_geom g;
        int count = 0;
        if (!parse(line, &g, &count) || g.sh * g.sw > 16) continue;
        const double fl = 2.0 * (double)(g.oh * g.ow * g.oc * (g.ic / g.groups)) * g.kh * g.kw;
        const double top = peak(k); /* beside each problem: clocks change */
        const times t = measure(k, &g);
        line[strcspn(line, "\n")] = 0;
        printf("%-58s %9.1f %5.0f%% %5.0f%% %5.0f%% %6.0f %6.1f us\n", line, t.fwd / 1e3, 100.0 * fl / t.fwd / top, 100.0 * fl / t.dgrad / top,
               100.0 * fl / t.wgrad / top, top, t.wino / 1e3);
        add_shares(&g, fl, top, &t, count);
        ideal += fl / top * count;
        sum[0] += t.fwd * count, sum[1] += t.dgrad * count, sum[2] += t.wgrad * count, flops += fl * count;
    }
    fclose(f);
    for (int i = 0; i < 3; i++)
        printf("%-8s %10.3f ms  %6.1f GF/s  %5.1f%%\n", (const char *[]){"forward", "dgrad", "wgrad"}[i], sum[i] / 1e6, flops / sum[i],
               100.0 * ideal / sum[i]);
    return 0;
}

int kc_bench(int n_files, char **files)
{
    int status = n_files ? 0 : 2;
    if (n_files == 1 && strcmp(files[0], "vec") == 0) return kc_vec_bench();
    if (n_files == 1 && strcmp(files[0], "layers") == 0) return kc_layer_bench();
    for (int r = 0; r < whet_gemm_kernel_count(); r++) {
        const whet_gemm_kernel *k = whet_gemm_kernel_at(r);
        if (k->tier == 0 || (k->isa & ~whet_isa()) != 0) continue;
        for (int i = 0; i < n_files && status == 0; i++) status = bench_file(files[i], k);
        print_families();
    }
    return status;
}
