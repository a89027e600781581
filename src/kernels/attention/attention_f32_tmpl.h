/* SPDX-License-Identifier: Apache-2.0 */
/* Attention of a block of queries: two products by one tile (rows of keys or of value columns times a block of queries), the
 * softmax between them, transpositions of 8 x 8 at both ends. SUFFIX, MOST_ROWS: of the including file. */
#include <stdbool.h>

#include "kernels/attention/attention.h"
#include "kernels/vec_math.h"

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)

enum { W = WHET_ATTENTION_BLOCK };

/* c[i][x] = sum over k of a[i * a_row + k * a_step] * b[k][x], rows of b and c being W floats apart, x < NV vectors. */
typedef struct tile_args {
    const float *a, *b;
    float *c;
    ptrdiff_t a_row, a_step;
    int64_t k;
} tile_args;

ALWAYS_INLINE void tile(const tile_args *t, const int M, const int NV)
{
    const float *pa = t->a, *pb = t->b;
    vf acc[MOST_ROWS][2];
#pragma GCC unroll 16
    for (int i = 0; i < M; i++) acc[i][0] = acc[i][1] = vf_set(0.0f);
    for (int64_t k = 0; k < t->k; k++, pa += t->a_step, pb += W) {
        const vf b0 = vf_load(pb), b1 = NV > 1 ? vf_load(pb + VF) : b0;
#pragma GCC unroll 16
        for (int i = 0; i < M; i++) {
            const vf x = vf_set(pa[i * t->a_row]);
            acc[i][0] = vf_fma(x, b0, acc[i][0]);
            if (NV > 1) acc[i][1] = vf_fma(x, b1, acc[i][1]);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < M; i++) {
        vf_store(t->c + i * W, acc[i][0]);
        if (NV > 1) vf_store(t->c + i * W + VF, acc[i][1]);
    }
}

#define TILE(m)                                                                                                     \
    static void tile_##m##_1(const tile_args *t) { tile(t, m, 1); }                                                 \
    static void tile_##m##_2(const tile_args *t) { tile(t, m, 2); }
#define PAIR(m) {tile_##m##_1, tile_##m##_2}
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#if MOST_ROWS == 14
TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#endif
static void (*const tiles[MOST_ROWS][2])(const tile_args *) = {
    PAIR(1), PAIR(2), PAIR(3), PAIR(4), PAIR(5), PAIR(6),
#if MOST_ROWS == 14
    PAIR(7), PAIR(8), PAIR(9), PAIR(10), PAIR(11), PAIR(12), PAIR(13), PAIR(14)
#endif
};

/* All `rows` rows for the first n_x queries, in tiles of nearly equal height. */
static void product(tile_args t, int64_t rows, int n_x, bool ahead)
{
    const int64_t n = (rows + MOST_ROWS - 1) / MOST_ROWS;
    const float *a = t.a, *b = t.b;
    float *c = t.c;
    for (int64_t i = 0, row = 0; i < n; i++) {
        const int64_t m = rows / n + (i < rows % n);
        if (ahead) /* rows far apart, which no hardware fetches ahead */
            for (int64_t r = row + m; r < rows && r < row + m + MOST_ROWS; r++)
                for (int64_t k = 0; k < t.k; k += 16) _mm_prefetch((const char *)(a + r * t.a_row + k), _MM_HINT_T0);
        for (int x = 0; x < n_x; x += 2 * VF) {
            t.a = a + row * t.a_row;
            t.b = b + x;
            t.c = c + row * W + x;
            tiles[m - 1][n_x - x > VF](&t);
        }
        row += m;
    }
}

ALWAYS_INLINE void turn_8x8(__m256 *r)
{
    __m256 a[8], b[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        a[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        a[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        b[4 * i] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0x44);
        b[4 * i + 1] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0xee);
        b[4 * i + 2] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0x44);
        b[4 * i + 3] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}

static __m256i first_8(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n >= 8 ? 8 : (int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* to[d][i] = scale * q[i][d]; zeros up to the next eight queries and dimensions. */
static void take_queries(const whet_attention_args *a, float *to)
{
    const __m256 scale = _mm256_set1_ps(a->scale);
    for (int i = 0; i < a->n_q; i += 8)
        for (int d = 0; d < a->dim; d += 8) {
            const __m256i live = first_8(a->dim - d);
            __m256 r[8];
            for (int y = 0; y < 8; y++)
                r[y] = i + y < a->n_q ? _mm256_mul_ps(scale, _mm256_maskload_ps(a->q + (i + y) * a->q_row + d, live)) : _mm256_setzero_ps();
            turn_8x8(r);
            for (int y = 0; y < 8; y++) _mm256_storeu_ps(to + (d + y) * W + i, r[y]);
        }
}

/* dst[i][d] = from[d][i] / sum[i] */
static void give_results(const whet_attention_args *a, const float *from, const float *part)
{
    for (int i = 0; i < a->n_q; i += 8) {
        const __m256 factor = _mm256_loadu_ps(part + i);
        for (int d = 0; d < a->value; d += 8) {
            const __m256i live = first_8(a->value - d);
            __m256 r[8];
            for (int y = 0; y < 8; y++) r[y] = d + y < a->value ? _mm256_mul_ps(factor, _mm256_loadu_ps(from + (d + y) * W + i)) : factor;
            turn_8x8(r);
            for (int y = 0; y < 8 && i + y < a->n_q; y++) _mm256_maskstore_ps(a->dst + (i + y) * a->dst_row + d, live, r[y]);
        }
    }
}

static void add_mask(const whet_attention_args *a, float *s)
{
    for (int64_t j = 0; j < a->n_k; j++)
        for (int i = 0; i < a->n_q; i++) s[j * W + i] += a->mask[i * a->mask_query + j * a->mask_key];
}

/* Scores become exp(score - greatest); part gets 1 / their sum. NaN stays through the exponential. The values' rows are fetched
 * meanwhile. */
static void soften(const whet_attention_args *a, float *s, int n_x, float *part)
{
    const int64_t n_k = a->n_k;
    for (int x = 0; x < n_x; x += VF) {
        vf most = vf_load(s + x), sum = vf_set(0.0f);
        for (int64_t j = 0; j < n_k; j++) {
            most = vf_max(most, vf_load(s + j * W + x));
            for (int d = 0; x == 0 && d < a->value; d += 16) _mm_prefetch((const char *)(a->v + j * a->v_row + d), _MM_HINT_T0);
        }
        for (int64_t j = 0; j < n_k; j++) {
            const vf e = vm_exp_mid(vf_max(vf_set(-87.0f), vf_load(s + j * W + x) - most));
            vf_store(s + j * W + x, e);
            sum = sum + e;
        }
        vf_store(part + x, vf_set(1.0f) / sum);
    }
}

void CAT(whet_attention_f32_, SUFFIX)(const whet_attention_args *a)
{
    float *q = a->scratch, *s = q + (a->dim + 7) / 8 * 8 * W, *o = s + a->n_k * W, part[W];
    const int n_x = (a->n_q + VF - 1) / VF * VF;
    for (int d = 0; a->n_q % VF != 0 && d < a->dim; d++) vf_store(q + d * W + n_x - VF, vf_set(0.0f));
    take_queries(a, q);
    product((tile_args){.a = a->k, .a_row = a->k_row, .a_step = 1, .b = q, .c = s, .k = a->dim}, a->n_k, n_x, true);
    if (a->mask) add_mask(a, s);
    soften(a, s, n_x, part);
    product((tile_args){.a = a->v, .a_row = 1, .a_step = a->v_row, .b = s, .c = o, .k = a->n_k}, a->value, n_x, false);
    give_results(a, o, part);
}
