/* SPDX-License-Identifier: Apache-2.0 */
/* Gemm, MatMul and their fused forms on the own f32 kernels. The right operand is packed: once when it is a constant, at
 * each run otherwise, with alpha in it. A transposed left operand is copied first, and so is a third one that needs beta or
 * a broadcast along its rows. Work is cut into rows and columns by the shape alone, which changes no bit. */
#include <math.h>
#include <stdio.h>

#include "exec/cpu/cpu_own.h"

typedef struct gemm_state {
    whet_gemm_plan plan;
    int64_t batch, m, n, k;
    int64_t a_batch, b_batch;       /* floats from product to product */
    bool trans_a, trans_b;
    const float *packed;
    size_t packed_size, packed_ws, a_ws, c_ws, scratch_ws; /* floats */
    int pack_parts, a_parts;
    int bias_at, add_at;            /* inputs: a row, a matrix; -1 for none */
    bool copy_c, after;
    float alpha, beta, lo, hi;
    whet_finish finish;
} gemm_state;

static void pack_range(const gemm_state *s, float *dst, const float *src, int64_t b0, int64_t b1)
{
    const int64_t size = WHET_GEMM_BLOCK * s->k;
    whet_pack_weights(dst, src, s->n, s->trans_b ? s->k : 1, 1, NULL, 0, s->k, s->trans_b ? 1 : s->n, b0, b1);
    for (int64_t i = b0 * size; s->alpha != 1.0f && i < b1 * size; i++) dst[i] *= s->alpha;
}

static int64_t blocks(const gemm_state *s) { return (s->n + WHET_GEMM_BLOCK - 1) / WHET_GEMM_BLOCK; }

enum { PACK_PARTS = 8 };
typedef struct pack_job { const gemm_state *s; float *dst; const float *src; } pack_job;

static void pack_part(void *arg, int chunk, int worker)
{
    const pack_job *j = arg;
    const gemm_state *s = j->s;
    const int64_t b = chunk / PACK_PARTS;
    const int part = chunk % PACK_PARTS;
    (void)worker;
    pack_range(s, j->dst + b * (int64_t)whet_pack_size(s->n, s->k), j->src + b * s->n * s->k, whet_chunk_begin(blocks(s), PACK_PARTS, part),
               whet_chunk_begin(blocks(s), PACK_PARTS, part + 1));
}

static void pack_constant(void *dst, const void *src, void *arg)
{
    const whet_cpu_node *k = arg;
    const gemm_state *s = k->state;
    pack_job j = {s, dst, src};
    whet_parallel(k->team, (int)(s->b_batch ? s->batch : 1) * PACK_PARTS, pack_part, &j);
}

static whet_status prepare(whet_cpu_node *k, gemm_state *s)
{
    const int64_t limit = 1 << 28, packs = s->b_batch ? s->batch : 1;
    if (s->m < 1 || s->n < 1 || s->k < 1 || s->batch < 1) return whet_cpu_refuse(k, "an operand is empty");
    if (s->m > limit || s->n > limit || s->k > limit || s->batch > limit) return whet_cpu_refuse(k, "an operand is too large");
    whet_gemm_plan_init(&s->plan, whet_gemm_kernel_for(k->isa), s->m, s->n, s->k, s->k, s->batch);
    s->packed_size = whet_pack_size(s->n, s->k) * (size_t)packs;
    s->scratch_ws = whet_own_reserve(k, s->plan.scratch * (size_t)whet_team_size(k->team));
    if (k->in[1].constant) {
        char key[64];
        const void *packed = NULL;
        snprintf(key, sizeof key, "gemm %d %lldx%lld a%a", s->trans_b, (long long)s->k, (long long)s->n, (double)s->alpha);
        WHET_TRY(whet_cpu_pack(k, k->in[1].vid, key, s->packed_size * sizeof(float), pack_constant, k, &packed));
        s->packed = packed;
    } else {
        s->pack_parts = (int)WHET_MIN(blocks(s), whet_chunks(s->n * s->k, 16 * 1024, 32));
        s->packed_ws = whet_own_reserve(k, s->packed_size);
    }
    if (s->trans_a) {
        s->a_parts = (int)WHET_MIN(s->m, whet_chunks(s->m * s->k, 16 * 1024, 32));
        s->a_ws = whet_own_reserve(k, (size_t)(s->m * s->k));
    }
    if (s->copy_c) s->c_ws = whet_own_reserve(k, (size_t)((s->add_at >= 0 ? s->m : 1) * s->n));
    return WHET_OK;
}

static gemm_state *state_of(whet_cpu_node *k)
{
    gemm_state *s = whet_cpu_state(k, sizeof *s);
    if (!s) return NULL;
    s->bias_at = s->add_at = -1;
    s->alpha = s->beta = 1.0f;
    s->batch = 1;
    s->lo = -INFINITY;
    s->hi = INFINITY;
    return s;
}

static bool has(const whet_cpu_node *k, int i) { return k->n_in > i && k->in[i].vid >= 0; }

static whet_status gemm_create(whet_cpu_node *k)
{
    gemm_state *s = NULL;
    const whet_shape *a = &k->in[0].shape, *b = &k->in[1].shape, *c = has(k, 2) ? &k->in[2].shape : NULL;
    WHET_TRY(whet_own_need_f32(k));
    if (a->rank != 2 || b->rank != 2) return whet_cpu_refuse(k, "rank %d and %d, not 2", a->rank, b->rank);
    s = state_of(k);
    if (!s) return WHET_ENOMEM;
    s->alpha = whet_node_float(k->n, "alpha", 1.0f);
    s->beta = whet_node_float(k->n, "beta", 1.0f);
    s->trans_a = whet_node_int(k->n, "transA", 0) != 0;
    s->trans_b = whet_node_int(k->n, "transB", 0) != 0;
    s->m = a->dims[s->trans_a];
    s->k = a->dims[!s->trans_a];
    s->n = b->dims[!s->trans_b];
    if (c && s->beta != 0.0f) {
        const int64_t cols = c->rank > 0 ? c->dims[c->rank - 1] : 1, rows = c->rank > 1 ? c->dims[c->rank - 2] : 1;
        if (rows > 1) s->add_at = 2;
        else s->bias_at = 2;
        s->copy_c = s->beta != 1.0f || cols != s->n;
    }
    WHET_TRY(whet_own_epilogue(k, &s->lo, &s->hi, &s->finish, &s->after));
    s->after = false;
    return prepare(k, s);
}

static whet_status matmul_create(whet_cpu_node *k)
{
    gemm_state *s = NULL;
    const whet_shape *a = &k->in[0].shape, *b = &k->in[1].shape;
    WHET_TRY(whet_own_need_f32(k));
    if (a->rank < 2 || b->rank < 2) return whet_cpu_refuse(k, "rank %d and %d, at least 2 needed", a->rank, b->rank);
    s = state_of(k);
    if (!s) return WHET_ENOMEM;
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
    if (has(k, 2)) s->bias_at = 2;
    if (has(k, 3)) s->add_at = 3;
    WHET_TRY(whet_own_epilogue(k, &s->lo, &s->hi, &s->finish, &s->after));
    return prepare(k, s);
}

/* The residual is read by the tile that overwrites it. */
static bool fused_inplace(const whet_cpu_node *k, int o, int i)
{
    const gemm_state *s = k->state;
    if (s->plan.kc < s->plan.k) return false; /* partial sums would overwrite it */
    return o == 0 && i == 3 && !s->after && k->in[3].vid != k->in[0].vid && k->in[3].vid != k->in[1].vid;
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

static void copy_c(const whet_cpu_node *k, const gemm_state *s)
{
    const int from = s->add_at >= 0 ? s->add_at : s->bias_at;
    const float *c = k->in[from].data;
    float *dst = (float *)k->workspace + s->c_ws;
    const whet_shape *shape = &k->in[from].shape;
    const int64_t cols = shape->rank > 0 ? shape->dims[shape->rank - 1] : 1, rows = s->add_at >= 0 ? s->m : 1;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < s->n; j++) dst[i * s->n + j] = s->beta * c[i * cols + (cols > 1 ? j : 0)];
}

static void gemm_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const gemm_state *s = k->state;
    const int chunks = whet_gemm_chunks(&s->plan), b = chunk / chunks;
    float *ws = k->workspace;
    whet_gemm_run r = {.src = s->trans_a ? ws + s->a_ws : (const float *)k->in[0].data + b * s->a_batch,
                       .weights = s->packed ? s->packed : ws + s->packed_ws, .dst = (float *)k->out[0].data + b * s->m * s->n,
                       .scratch = ws != NULL ? ws + s->scratch_ws + s->plan.scratch * (size_t)worker : NULL, .src_step = (ptrdiff_t)s->k,
                       .dst_step = (ptrdiff_t)s->n, .lo = s->lo, .hi = s->hi, .finish = s->finish};
    if (s->b_batch) r.weights += (size_t)b * whet_pack_size(s->n, s->k);
    if (s->bias_at >= 0) r.bias = s->copy_c ? ws + s->c_ws : k->in[s->bias_at].data;
    if (s->add_at >= 0) {
        const float *add = s->copy_c ? ws + s->c_ws : (const float *)k->in[s->add_at].data + b * s->m * s->n;
        if (s->after) r.after = add;
        else r.add = add;
    }
    whet_gemm_chunk(&s->plan, &r, chunk % chunks);
}

static whet_status gemm_run(const whet_cpu_node *k)
{
    const gemm_state *s = k->state;
    if (!s->packed) whet_parallel(k->team, s->pack_parts * (int)(s->b_batch ? s->batch : 1), pack_chunk, (void *)k);
    if (s->trans_a) whet_parallel(k->team, s->a_parts, turn_chunk, (void *)k);
    if (s->copy_c) copy_c(k, s);
    whet_parallel(k->team, (int)s->batch * whet_gemm_chunks(&s->plan), gemm_chunk, (void *)k);
    return WHET_OK;
}

#define ROW(symbol, op_name, create_fn, inplace_fn)                                                                 \
    const whet_cpu_impl symbol = {.op = op_name, .name = "packed", .provider = WHET_PROVIDER_OWN, .isa = WHET_ISA_AVX2, \
                                  .create = create_fn, .run = gemm_run, .inplace = inplace_fn};
ROW(whet_cpu_gemm_own, "Gemm", gemm_create, NULL)
ROW(whet_cpu_fused_gemm_own, "whet.FusedGemm", gemm_create, NULL)
ROW(whet_cpu_matmul_own, "MatMul", matmul_create, NULL)
ROW(whet_cpu_fused_matmul_own, "whet.FusedMatMul", matmul_create, fused_inplace)
