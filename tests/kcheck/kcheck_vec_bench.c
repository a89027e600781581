/* SPDX-License-Identifier: Apache-2.0 */
/* kcheck --bench vec: speed of the vector rows that are no products, one thread, best of many. Bytes are those that must be
 * read and written once; the floor is memcpy of as many (half read, half written) over buffers of the same size. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "kcheck.h"
#include "kernels/binary/binary_vec.h"
#include "kernels/move/transpose.h"
#include "kernels/norm/layer_norm_vec.h"
#include "kernels/optim/optim.h"
#include "kernels/reduce/reduce_vec.h"
#include "kernels/softmax/softmax_vec.h"
#include "kernels/unary/quantize.h"
#include "kernels/unary/unary_vec.h"

typedef struct problem {
    uint32_t isa;
    const char *op;
    int64_t rows, n; /* elements: rows * n */
    float *a, *b, *c, *d, *y;
    double acc[1024];
} problem;

typedef void (*bench_fn)(problem *p);

static void unary(problem *p)
{
    const float par[2] = {1.0f, 0.5f};
    whet_unary_vec_find(p->isa, p->op)->run(p->rows * p->n, p->a, p->y, par);
}
static void unary_grad(problem *p)
{
    const float par[2] = {1.0f, 0.5f};
    whet_unary_vec_find(p->isa, p->op)->grad(p->rows * p->n, p->a, p->b, p->y, par);
}
static void same_shape(problem *p)
{
    const whet_binary_rows w = {1, p->rows * p->n, p->a, p->b, 0, 1, 0, 1, p->y, 0};
    whet_binary_vec_find(p->isa, p->op)(&w);
}
static void per_channel(problem *p)
{
    const whet_binary_rows w = {p->rows, p->n, p->a, p->b, p->n, 1, 0, 1, p->y, p->n};
    whet_binary_vec_find(p->isa, p->op)(&w);
}
static void per_plane(problem *p)
{
    const whet_binary_rows w = {p->rows, p->n, p->a, p->b, p->n, 1, 1, 0, p->y, p->n};
    whet_binary_vec_find(p->isa, p->op)(&w);
}
static void softmax(problem *p) { whet_softmax_vec_for(p->isa)->rows(p->rows, p->n, false, p->a, p->y); }
static void softmax_grad(problem *p) { whet_softmax_vec_for(p->isa)->rows_grad(p->rows, p->n, false, p->a, p->b, p->y); }
static void softmax_lanes(problem *p) { whet_softmax_vec_for(p->isa)->lanes(p->rows, p->n, 0, p->n, false, p->a, p->y); }
static void layer(problem *p) { whet_layer_norm_vec_for(p->isa)->rows(p->rows, p->n, true, 1e-5, p->a, p->b, p->c, p->y, NULL, NULL); }
static void layer_grad(problem *p) { whet_layer_norm_vec_for(p->isa)->rows_grad(p->rows, p->n, true, 1e-5, p->a, p->b, p->c, p->y, p->d, p->d + p->n); }
static void transpose(problem *p) { whet_transpose_vec(p->isa)(p->rows, p->n, p->a, p->n, p->y, p->rows); }
static void row_sums(problem *p)
{
    for (int64_t r = 0; r < p->rows; r++) whet_reduce_vec_for(p->isa, WHET_REDUCE_SUM)->row(p->n, p->a + r * p->n, &p->acc[r % 1024]);
}
static void column_sums(problem *p) { whet_reduce_vec_for(p->isa, WHET_REDUCE_SUM)->columns(p->rows, p->n, p->a, p->n, p->acc); }
static void adam(problem *p)
{
    const whet_adam o = {0.01, 0.9, 0.999, 1e-8, 0.01, 0.1, 0.001, true};
    whet_optim_f32_for(p->isa)->adam(&o, p->rows * p->n, p->a, p->b, p->c, p->d, p->a, p->c, p->d);
}
static void sgd(problem *p)
{
    const whet_sgd o = {0.01, 0.9, 0, 1e-4, false};
    whet_optim_f32_for(p->isa)->sgd(&o, p->rows * p->n, p->a, p->b, p->c, p->a, p->c);
}
static void quantize(problem *p) { whet_quantize_for(p->isa)->to[WHET_Q_U8](p->rows * p->n, p->a, p->y, 0.0123f, 17); }
static void dequantize(problem *p) { whet_quantize_for(p->isa)->from[WHET_Q_U8](p->rows * p->n, p->a, p->y, 0.0123f, 17); }
static void copy(problem *p) { memcpy(p->y, p->a, (size_t)(p->rows * p->n) * sizeof(float)); }

static double best_ns(bench_fn fn, problem *p)
{
    double best = 1e30, total = 0;
    for (int i = 0; i < 200 && (i < 4 || total < 1.5e7); i++) {
        const uint64_t t = whet_now_ns();
        fn(p);
        const double ns = (double)(whet_now_ns() - t);
        total += ns;
        if (ns < best) best = ns;
    }
    return best;
}

/* streams: arrays of rows * n floats read or written. */
static const struct { const char *what, *op; bench_fn fn; int64_t rows, n; double streams; } list[] = {
    {"Relu", "Relu", unary, 197, 768, 2},          {"Exp", "Exp", unary, 197, 768, 2},
    {"Sigmoid", "Sigmoid", unary, 197, 768, 2},    {"Tanh", "Tanh", unary, 197, 768, 2},
    {"Erf", "Erf", unary, 197, 768, 2},            {"Gelu", "Gelu", unary, 197, 768, 2},
    {"GeluTanh", "GeluTanh", unary, 197, 768, 2},  {"Swish", "Swish", unary, 197, 768, 2},
    {"HardSwish", "HardSwish", unary, 197, 768, 2}, {"Log", "Log", unary, 197, 768, 2},
    {"Mish", "Mish", unary, 197, 768, 2},          {"Softplus", "Softplus", unary, 197, 768, 2},
    {"Swish of an image", "Swish", unary, 96, 12544, 2},
    {"Swish gradient", "Swish", unary_grad, 197, 768, 3}, {"Gelu gradient", "Gelu", unary_grad, 197, 768, 3},
    {"Gelu gradient of an image", "Gelu", unary_grad, 96, 12544, 3},
    {"Add, same shape", "Add", same_shape, 197, 768, 3}, {"Add of an image", "Add", same_shape, 96, 12544, 3},
    {"Mul, a factor a channel, NHWC", "Mul", per_channel, 3136, 96, 2}, {"Mul, a factor a channel, NCHW", "Mul", per_plane, 96, 3136, 2},
    {"Softmax rows", "", softmax, 591, 197, 2},    {"Softmax rows gradient", "", softmax_grad, 591, 197, 3},
    {"Softmax rows, long", "", softmax, 37, 3152, 2},
    {"Softmax over channels", "", softmax_lanes, 21, 16384, 2},
    {"LayerNormalization 192", "", layer, 197, 192, 2}, {"LayerNormalization 768", "", layer, 197, 768, 2},
    {"LayerNormalization 768, in L1", "", layer, 4, 768, 2}, {"Softmax rows, in L1", "", softmax, 20, 197, 2},
    {"LayerNormalization gradient 192", "", layer_grad, 197, 192, 3}, {"LayerNormalization gradient 768", "", layer_grad, 197, 768, 3},
    {"Transpose 96 x 3136", "", transpose, 96, 3136, 2}, {"Transpose 3136 x 96", "", transpose, 3136, 96, 2},
    {"Transpose 3 x 50176", "", transpose, 3, 50176, 2}, {"Row sums", "", row_sums, 197, 768, 1},
    {"Column sums", "", column_sums, 3136, 96, 1}, {"QuantizeLinear to u8", "", quantize, 197, 768, 1.25},
    {"DequantizeLinear from u8", "", dequantize, 197, 768, 1.25}, {"QuantizeLinear of an image", "", quantize, 96, 12544, 1.25},
    {"DequantizeLinear of an image", "", dequantize, 96, 12544, 1.25}, {"Adam", "", adam, 100, 10000, 7}, {"SGD with momentum", "", sgd, 100, 10000, 5},
};

int kc_vec_bench(void)
{
    static const struct { const char *name; uint32_t isa; } levels[] = {{"avx512", WHET_ISA_AVX512}, {"avx2", WHET_ISA_AVX2}};
    static problem p;
    float *all = whet_alloc_aligned((size_t)5 * 1300000 * sizeof(float), 64);
    if (!all) return 3;
    for (int i = 0; i < 5 * 1300000; i++) all[i] = (float)((i * 37) % 1001 + 1) * 0.001f;
    for (size_t l = 0; l < sizeof levels / sizeof levels[0]; l++) {
        if (levels[l].isa & ~whet_isa()) continue;
        printf("%s\n%-34s %10s %9s %8s %14s\n", levels[l].name, "kernel", "us", "GB/s", "floor", "elements/ns");
        for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
            p = (problem){.isa = levels[l].isa, .op = list[i].op, .rows = list[i].rows, .n = list[i].n, .a = all, .b = all + 1300000,
                          .c = all + 2600000, .d = all + 3900000, .y = all + 5200000};
            const double bytes = list[i].streams * (double)(p.rows * p.n) * 4, ns = best_ns(list[i].fn, &p);
            const double floor_ns = best_ns(copy, &p) * list[i].streams / 2;
            printf("%-34s %10.2f %9.1f %7.0f%% %14.2f\n", list[i].what, ns / 1e3, bytes / ns, 100 * floor_ns / ns, (double)(p.rows * p.n) / ns);
        }
    }
    whet_free_aligned(all);
    return 0;
}
