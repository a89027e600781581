/* SPDX-License-Identifier: Apache-2.0 */
/* Gemm, whet.FusedGemm and MatMul on the own f32 kernels. The right operand is packed: once when it is a constant, at
 * each run otherwise. A transposed left operand is copied first. Work is cut into rows and columns by the shape alone,
 * which changes no bit. */
#include <math.h>
#include <stdio.h>

#include "exec/cpu/cpu_own.h"

typedef struct gemm_state {
    const whet_gemm_kernel *kernel;
    int64_t batch, m, n, k;
    int64_t a_batch, b_batch;       /* floats from product to product */
    bool trans_a, trans_b;
    const float *packed;
    size_t packed_size, packed_ws, a_ws; /* floats */
    int m_parts, n_parts, pack_parts, a_parts;
    bool bias, full_c;              /* c as a row, or as a matrix */
    float lo, hi;
} gemm_state;

static void pack_range(const gemm_state *s, float *dst, const float *src, int64_t b0, int64_t b1)
{
    const int one = 1;
    whet_pack_weights(dst, src, s->n, s->trans_b ? s->k : 1, one, NULL, 0, s->k, s->trans_b ? 1 : s->n, b0, b1);
}

static int64_t blocks(const gemm_state *s) { return (s->n + WHET_GEMM_BLOCK - 1) / WHET_GEMM_BLOCK; }

static void pack_constant(void *dst, const void *src, void *arg)
{
    const gemm_state *s = arg;
    for (int64_t b = 0; b < (s->b_batch ? s->batch : 1); b++)
        pack_range(s, (float *)dst + b * (int64_t)whet_pack_size(s->n, s->k), (const float *)src + b * s->n * s->k, 0, blocks(s));
}

static whet_status prepare(whet_cpu_node *k, gemm_state *s)
{
    enum { CHUNKS = 32, LEAST = 100 * 1000 };
    const int64_t limit = 1 << 28, panels = (s->n + 31) / 32, packs = s->b_batch ? s->batch : 1;
    int64_t parts = 0;
    if (s->m < 1 || s->n < 1 || s->k < 1 || s->batch < 1) return whet_cpu_refuse(k, "an operand is empty");
    if (s->m > limit || s->n > limit || s->k > limit || s->batch > limit) return whet_cpu_refuse(k, "an operand is too large");
    s->kernel = whet_gemm_kernel_for(k->isa);
    parts = WHET_MAX(1, WHET_MIN((CHUNKS + s->batch - 1) / s->batch, s->m * s->n * s->k / LEAST));
    s->m_parts = (int)WHET_MAX(1, WHET_MIN(parts, s->m / 28));
    s->n_parts = (int)WHET_MAX(1, WHET_MIN(parts / s->m_parts, panels));
    s->packed_size = whet_pack_size(s->n, s->k) * (size_t)packs;
    if (k->in[1].constant) {
        char key[64];
        const void *packed = NULL;
        snprintf(key, sizeof key, "gemm %d %lldx%lld", s->trans_b, (long long)s->k, (long long)s->n);
        WHET_TRY(whet_cpu_pack(k, k->in[1].vid, key, s->packed_size * sizeof(float), pack_constant, s, &packed));
        s->packed = packed;
    } else {
        s->pack_parts = (int)WHET_MIN(blocks(s), whet_chunks(s->n * s->k, 16 * 1024, 32));
        s->packed_ws = whet_own_reserve(k, s->packed_size);
    }
    if (s->trans_a) {
        s->a_parts = (int)WHET_MIN(s->m, whet_chunks(s->m * s->k, 16 * 1024, 32));
        s->a_ws = whet_own_reserve(k, (size_t)(s->m * s->k));
    }
    return WHET_OK;
}

static whet_status gemm_create(whet_cpu_node *k)
{
    gemm_state *s = NULL;
    const whet_shape *a = &k->in[0].shape, *b = &k->in[1].shape, *c = k->n_in > 2 && k->in[2].vid >= 0 ? &k->in[2].shape : NULL;
    WHET_TRY(whet_own_need_f32(k));
    if (a->rank != 2 || b->rank != 2) return whet_cpu_refuse(k, "rank %d and %d, not 2", a->rank, b->rank);
    if (whet_node_float(k->n, "alpha", 1.0f) != 1.0f) return whet_cpu_refuse(k, "alpha is not 1");
    if (c && whet_node_float(k->n, "beta", 1.0f) != 1.0f) return whet_cpu_refuse(k, "beta is not 1");
    s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    s->trans_a = whet_node_int(k->n, "transA", 0) != 0;
    s->trans_b = whet_node_int(k->n, "transB", 0) != 0;
    s->batch = 1;
    s->m = a->dims[s->trans_a];
    s->k = a->dims[!s->trans_a];
    s->n = b->dims[!s->trans_b];
    if (c) {
        const int64_t cols = c->rank > 0 ? c->dims[c->rank - 1] : 1, rows = c->rank > 1 ? c->dims[c->rank - 2] : 1;
        if (cols != s->n || (rows != 1 && rows != s->m)) return whet_cpu_refuse(k, "c is broadcast along rows");
        s->full_c = rows == s->m && rows != 1;
        s->bias = !s->full_c;
    }
    WHET_TRY(whet_own_activation(k, &s->lo, &s->hi));
    return prepare(k, s);
}

static whet_status matmul_create(whet_cpu_node *k)
{
    gemm_state *s = NULL;
    const whet_shape *a = &k->in[0].shape, *b = &k->in[1].shape;
    WHET_TRY(whet_own_need_f32(k));
    if (a->rank < 2 || b->rank < 2) return whet_cpu_refuse(k, "rank %d and %d, at least 2 needed", a->rank, b->rank);
    s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    s->lo = -INFINITY;
    s->hi = INFINITY;
    s->batch = 1;
    s->m = a->dims[a->rank - 2];
    s->k = a->dims[a->rank - 1];
    s->n = b->dims[b->rank - 1];
    if (b->rank == 2) {
        for (int i = 0; i < a->rank - 2; i++) s->m *= a->dims[i];
    } else {
        if (a->rank != b->rank) return whet_cpu_refuse(k, "batch dimensions are broadcast");
        for (int i = 0; i < a->rank - 2; i++) {
            if (a->dims[i] != b->dims[i]) return whet_cpu_refuse(k, "batch dimensions are broadcast");
            s->batch *= a->dims[i];
        }
        s->a_batch = s->m * s->k;
        s->b_batch = s->k * s->n;
    }
    return prepare(k, s);
}

static void pack_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const gemm_state *s = k->state;
    const int part = chunk % s->pack_parts, b = chunk / s->pack_parts;
    (void)worker;
    pack_range(s, (float *)k->workspace + s->packed_ws + (size_t)b * whet_pack_size(s->n, s->k),
               (const float *)k->in[1].data + b * s->b_batch, whet_chunk_begin(blocks(s), s->pack_parts, part),
               whet_chunk_begin(blocks(s), s->pack_parts, part + 1));
}

static void turn_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const gemm_state *s = k->state;
    const int64_t m0 = whet_chunk_begin(s->m, s->a_parts, chunk), m1 = whet_chunk_begin(s->m, s->a_parts, chunk + 1);
    (void)worker;
    whet_transpose_f32((float *)k->workspace + s->a_ws + m0 * s->k, (ptrdiff_t)s->k, (const float *)k->in[0].data + m0, (ptrdiff_t)s->m, s->k,
                       m1 - m0);
}

static void gemm_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const gemm_state *s = k->state;
    const ptrdiff_t zero = 0;
    const int n_part = chunk % s->n_parts, m_part = chunk / s->n_parts % s->m_parts;
    const int64_t b = chunk / (s->n_parts * s->m_parts), panels = (s->n + 31) / 32;
    const int64_t m0 = whet_chunk_begin(s->m, s->m_parts, m_part), m1 = whet_chunk_begin(s->m, s->m_parts, m_part + 1);
    const int64_t n0 = 32 * whet_chunk_begin(panels, s->n_parts, n_part);
    const int64_t n1 = WHET_MIN(s->n, 32 * whet_chunk_begin(panels, s->n_parts, n_part + 1));
    const float *packed = s->packed ? s->packed : (const float *)k->workspace + s->packed_ws;
    const float *src = s->trans_a ? (const float *)k->workspace + s->a_ws : (const float *)k->in[0].data + b * s->a_batch;
    whet_rows_args a = {.src = src + m0 * s->k, .src_step = (ptrdiff_t)s->k, .runs = &zero, .n_runs = 1, .run_len = (int)s->k,
                        .add_step = (ptrdiff_t)s->n, .dst_step = (ptrdiff_t)s->n, .m = (int)(m1 - m0), .lo = s->lo, .hi = s->hi};
    (void)worker;
    if (s->b_batch) packed += (size_t)b * whet_pack_size(s->n, s->k);
    for (int64_t n = n0; n < n1; n += 32) {
        const int64_t at = b * s->m * s->n + m0 * s->n + n;
        a.n = (int)WHET_MIN(n1 - n, 32);
        a.weights = packed + n * s->k;
        a.bias = s->bias ? (const float *)k->in[2].data + n : NULL;
        a.add = s->full_c ? (const float *)k->in[2].data + at : NULL;
        a.dst = (float *)k->out[0].data + at;
        s->kernel->rows(&a);
    }
}

static whet_status gemm_run(const whet_cpu_node *k)
{
    const gemm_state *s = k->state;
    if (!s->packed) whet_parallel(k->team, s->pack_parts * (int)(s->b_batch ? s->batch : 1), pack_chunk, (void *)k);
    if (s->trans_a) whet_parallel(k->team, s->a_parts, turn_chunk, (void *)k);
    whet_parallel(k->team, (int)s->batch * s->m_parts * s->n_parts, gemm_chunk, (void *)k);
    return WHET_OK;
}

#define ROW(symbol, op_name, create_fn)                                                                             \
    const whet_cpu_impl symbol = {.op = op_name, .name = "packed", .provider = WHET_PROVIDER_OWN, .isa = WHET_ISA_AVX2, \
                                  .create = create_fn, .run = gemm_run};
ROW(whet_cpu_gemm_own, "Gemm", gemm_create)
ROW(whet_cpu_fused_gemm_own, "whet.FusedGemm", gemm_create)
ROW(whet_cpu_matmul_own, "MatMul", matmul_create)
