/* SPDX-License-Identifier: Apache-2.0 */
/* kcheck --bench layers: batch normalisation, pools, Resize and attention, one thread, best of many. The floor is the longer
 * of a memcpy of the bytes that must be read and written once (as in --bench vec) and the arithmetic at the peak of the
 * product tile (attention's two products; exponentials count nothing). */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "kcheck.h"
#include "kernels/attention/attention.h"
#include "kernels/norm/batch_norm.h"
#include "kernels/pool/pool.h"
#include "kernels/resize/resize.h"

#if defined(__x86_64__)
enum { LARGE = 3300000 };

typedef struct layer {
    bool wide; /* AVX-512, else AVX2 */
    int64_t rows, n, tokens; /* positions, channels; of attention: heads, head's width, tokens */
    float *x, *y, *z, *aux;
    double *sums;
    whet_pool_geom pool;
    whet_resize_taps taps;
} layer;

#define BY_LEVEL(l, stem, ...) ((l)->wide ? stem##_f32_avx512(__VA_ARGS__) : stem##_f32_avx2(__VA_ARGS__))

static const whet_bn_act relu = {WHET_BN_CLIP, 0, 1e30};

static void bn_sums(layer *l) { BY_LEVEL(l, whet_bn_sums_rows, l->rows, l->n, l->x, l->aux, l->sums, l->sums + l->n); }
static void bn_apply(layer *l)
{
    BY_LEVEL(l, whet_bn_apply_rows, l->rows, l->n, l->x, l->aux, l->aux, l->aux, NULL, &relu, false, l->y);
}
static void bn_grad_sums(layer *l)
{
    BY_LEVEL(l, whet_bn_grad_sums_rows, l->rows, l->n, l->y, l->x, NULL, l->aux, l->aux, l->aux, &relu, NULL, l->sums, l->sums + l->n);
}
static void bn_grad_apply(layer *l)
{
    BY_LEVEL(l, whet_bn_grad_apply_rows, l->rows, l->n, l->y, l->x, l->aux, l->aux, l->aux, &relu, l->aux, l->aux, l->z);
}

static void max_pool(layer *l)
{
    for (int64_t y = 0; y < l->pool.out[1]; y++) BY_LEVEL(l, whet_pool_max_row, &l->pool, 0, 0, y, l->x, l->y, NULL);
}
static void average_pool(layer *l)
{
    for (int64_t y = 0; y < l->pool.out[1]; y++) BY_LEVEL(l, whet_pool_average_row, &l->pool, 0, 0, y, l->x, l->y);
}
static void max_pool_grad(layer *l) { BY_LEVEL(l, whet_pool_max_grad_image, &l->pool, 0, l->x, l->y, l->z); }
static void average_pool_grad(layer *l) { BY_LEVEL(l, whet_pool_average_grad_image, &l->pool, 0, l->y, l->z); }
static void channel_sums(layer *l) { BY_LEVEL(l, whet_pool_channel_sums, l->rows, l->n, l->x, l->y); }

/* Bilinear to four times the rows and columns, NHWC, as the engine does it: columns of a source row once, then rows mixed. */
static void resize(layer *l)
{
    const whet_resize_kernels *k = whet_resize_kernels_for(l->wide ? WHET_ISA_AVX512 : WHET_ISA_AVX2);
    const int64_t width = l->taps.out * l->n;
    for (int64_t i = 0; i < l->taps.in; i++) k->mix_columns(&l->taps, l->n, l->x + i * l->taps.in * l->n, l->z + i * width);
    for (int64_t o = 0; o < l->taps.out; o++) {
        const int32_t from = l->taps.start[o];
        const float *row[4] = {0};
        const int count = l->taps.start[o + 1] - from;
        for (int t = 0; t < count && t < 4; t++) row[t] = l->z + l->taps.index[from + t] * width;
        k->mix_rows(width, count, row, l->taps.weight32 + from, l->y + o * width);
    }
}

static void attention(layer *l)
{
    const whet_attention_kernel *k = whet_attention_kernel_for(l->wide ? WHET_ISA_AVX512 : WHET_ISA_AVX2);
    const ptrdiff_t step = l->rows * l->n;
    for (int64_t h = 0; h < l->rows; h++)
        for (int64_t q = 0; q < l->tokens; q += WHET_ATTENTION_BLOCK) {
            const int64_t left = l->tokens - q;
            const whet_attention_args a = {.q = l->x + q * step + h * l->n, .k = l->x + 500000 + h * l->n, .v = l->x + 1000000 + h * l->n,
                .q_row = step, .k_row = step, .v_row = step, .dst = l->y + q * step + h * l->n, .dst_row = step,
                .n_q = (int)(left < WHET_ATTENTION_BLOCK ? left : WHET_ATTENTION_BLOCK), .n_k = l->tokens, .dim = (int)l->n, .value = (int)l->n,
                .scale = 0.125f, .scratch = l->z};
            k->block(&a);
        }
}

static double best_ns(void (*fn)(layer *), layer *l)
{
    double best = 1e30, total = 0;
    for (int i = 0; i < 200 && (i < 4 || total < 3e7); i++) {
        const uint64_t t = whet_now_ns();
        fn(l);
        const double ns = (double)(whet_now_ns() - t);
        total += ns;
        if (ns < best) best = ns;
    }
    return best;
}

static double copied; /* bytes of the row looked at, read and written together */
static void copy(layer *l) { memcpy(l->y, l->x, (size_t)copied / 2); }

static whet_pool_geom window(int64_t size, int64_t c, int64_t k, int64_t stride, int64_t pad)
{
    const int64_t out = (size + 2 * pad - k) / stride + 1;
    return (whet_pool_geom){.n = 1, .c = c, .in = {1, size, size}, .out = {1, out, out}, .k = {1, k, k}, .stride = {1, stride, stride},
        .dil = {1, 1, 1}, .pad = {0, pad, pad}, .pad_end = {0, pad, pad}, .sn = size * size * c, .sc = 1, .ss = {size * size * c, size * c, c},
        .dn = out * out * c, .dc = 1, .ds = {out * out * c, out * c, c}, .is = {size * size, size, 1}};
}

/* streams in floats: what must be read and written once; macs: multiply-adds of attention's products. */
static const struct {
    const char *what;
    void (*fn)(layer *);
    int64_t rows, n, tokens;
    int64_t k, stride, pad; /* of pools, whose side is rows */
    double floats, macs;
} list[] = {
    {"BatchNormalization, sums", bn_sums, 12544, 64, 0, 0, 0, 0, 12544.0 * 64, 0},
    {"BatchNormalization + Relu, apply", bn_apply, 12544, 64, 0, 0, 0, 0, 2 * 12544.0 * 64, 0},
    {"BatchNormalization gradient, sums", bn_grad_sums, 12544, 64, 0, 0, 0, 0, 2 * 12544.0 * 64, 0},
    {"BatchNormalization gradient, apply", bn_grad_apply, 12544, 64, 0, 0, 0, 0, 3 * 12544.0 * 64, 0},
    {"the four on 14x14x384: sums", bn_sums, 196, 384, 0, 0, 0, 0, 196.0 * 384, 0},
    {"  apply", bn_apply, 196, 384, 0, 0, 0, 0, 2 * 196.0 * 384, 0},
    {"  gradient, sums", bn_grad_sums, 196, 384, 0, 0, 0, 0, 2 * 196.0 * 384, 0},
    {"  gradient, apply", bn_grad_apply, 196, 384, 0, 0, 0, 0, 3 * 196.0 * 384, 0},
    {"MaxPool 3x3 s2, 112x112x64", max_pool, 112, 64, 0, 3, 2, 1, 1.25 * 112 * 112 * 64, 0},
    {"MaxPool 3x3 s2 gradient", max_pool_grad, 112, 64, 0, 3, 2, 1, 2.25 * 112 * 112 * 64, 0},
    {"MaxPool 2x2 s2, 32x32x32", max_pool, 32, 32, 0, 2, 2, 0, 1.25 * 32 * 32 * 32, 0},
    {"AveragePool 2x2 s2, 56x56x64", average_pool, 56, 64, 0, 2, 2, 0, 1.25 * 56 * 56 * 64, 0},
    {"AveragePool 2x2 s2 gradient", average_pool_grad, 56, 64, 0, 2, 2, 0, 1.25 * 56 * 56 * 64, 0},
    {"GlobalAveragePool, 49x2048", channel_sums, 49, 2048, 0, 0, 0, 0, 49.0 * 2048, 0},
    {"Resize bilinear, 33x33x21 to 129x129", resize, 33, 21, 129, 0, 0, 0, (33.0 * 33 + 129.0 * 129) * 21, 0},
    {"Resize bilinear, 14x14x256 to 56x56", resize, 14, 256, 56, 0, 0, 0, (14.0 * 14 + 56.0 * 56) * 256, 0},
    {"Attention, 197 tokens, 6 heads of 64", attention, 6, 64, 197, 0, 0, 0, 4 * 197.0 * 384, 2 * 6 * 197.0 * 197 * 64},
    {"Attention, 49 tokens, 12 heads of 64", attention, 12, 64, 49, 0, 0, 0, 4 * 49.0 * 768, 2 * 12 * 49.0 * 49 * 64},
};

int kc_layer_bench(void)
{
    float *all = whet_alloc_aligned((size_t)3 * LARGE * sizeof(float) + 8192 * sizeof(float) + 8192 * sizeof(double), 64);
    if (!all) return 3;
    for (int i = 0; i < 3 * LARGE + 8192; i++) all[i] = (float)((i * 37) % 1001 + 1) * 0.001f;
    for (int level = 0; level < 2; level++) {
        const uint32_t isa = level == 0 ? WHET_ISA_AVX512 : WHET_ISA_AVX2;
        if (isa & ~whet_isa()) continue;
        printf("%s\n%-40s %10s %8s %8s %10s\n", level == 0 ? "avx512" : "avx2", "layer", "us", "GB/s", "floor", "bound by");
        for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
            layer l = {.wide = level == 0, .rows = list[i].rows, .n = list[i].n, .tokens = list[i].tokens, .x = all, .y = all + LARGE,
                       .z = all + 2 * LARGE, .aux = all + 3 * LARGE};
            l.sums = (double *)(void *)(l.aux + 8192);
            memset(l.sums, 0, 8192 * sizeof(double));
            if (list[i].k > 0) l.pool = window(l.rows, l.n, list[i].k, list[i].stride, list[i].pad);
            const whet_resize_rule rule = {.mode = WHET_RESIZE_LINEAR, .coords = WHET_COORDS_HALF_PIXEL};
            const whet_resize_axis axis = {.in = l.rows, .out = l.tokens, .scale = (double)l.tokens / (double)l.rows};
            if (list[i].fn == resize && whet_resize_taps_make(&l.taps, &rule, &axis) != WHET_OK) continue;
            const double ns = best_ns(list[i].fn, &l);
            copied = list[i].floats * 4;
            const double memory = best_ns(copy, &l), arithmetic = list[i].macs > 0 ? 2 * list[i].macs / kc_peak(isa) : 0;
            printf("%-40s %10.2f %8.1f %7.0f%% %10s\n", list[i].what, ns / 1e3, copied / ns, 100 * (memory > arithmetic ? memory : arithmetic) / ns,
                   memory > arithmetic ? "memory" : "products");
            whet_resize_taps_free(&l.taps);
        }
    }
    whet_free_aligned(all);
    return 0;
}
#else
int kc_layer_bench(void)
{
    puts("these layers have vector kernels on x86-64 alone");
    return 0;
}
#endif
