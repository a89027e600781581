/* SPDX-License-Identifier: Apache-2.0 */
/* Gemm, MatMul and their fused forms by oneDNN's matmul, f32. Rows (or whole products of a batch) are cut at points fixed by
 * the shape and each part runs on one thread, so that any number of threads gives the same bits. A constant right operand is
 * laid out once as oneDNN asks for; the residual is copied into the destination first, where the sum post-operation reads it. */
#include "exec/cpu/onednn_util.h"

enum { MOST_PARTS = 8, LEAST_ROWS = 16 };

typedef struct part {
    dnn_engine engine;
    dnn_exec exec;
    int64_t begin, count; /* rows, or products where there is a batch */
} part;

typedef struct gemm_state {
    dnn_engine engine;
    int64_t batch, m, n, k; /* batch 0: one product, cut by rows */
    bool trans_a, trans_b;
    whet_fused fused;
    int bias_at, add_at; /* inputs, -1 none */
    part parts[MOST_PARTS];
    int n_parts;
    dnn_exec reorder;
    const void *packed;
    whet_status packing;
    size_t scratch_ws, scratch_each; /* floats, bytes */
} gemm_state;

static void pack_weights(void *dst, const void *src, void *arg)
{
    gemm_state *s = arg;
    whet_dnn_point(&s->reorder, 0, src);
    whet_dnn_point(&s->reorder, 1, dst);
    s->packing = whet_dnn_run(&s->engine, &s->reorder, NULL);
}

/* One part; *weights says in which layout the right operand is wanted, and becomes what oneDNN chose if that was "any". */
static whet_status make_part(whet_cpu_node *k, gemm_state *s, part *p, dnnl_memory_desc_t *weights)
{
    const bool batched = s->batch > 0;
    const int rank = batched ? 3 : 2;
    const int64_t rows = batched ? s->m : p->count, ad[3] = {p->count, s->m, s->k}, yd[3] = {p->count, s->m, s->n};
    const int64_t a2[2] = {rows, s->k}, y2[2] = {rows, s->n}, bd[3] = {1, 1, s->n};
    dnnl_memory_desc_t a, y, bias;
    dnnl_matmul_desc_t d;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    if (s->trans_a) { /* columns of the stored matrix: the row stride is that of all of it */
        dnnl_dims_t dims = {rows, s->k}, strides = {1, s->m};
        WHET_TRY(whet_dnn_check(k, dnnl_memory_desc_init_by_strides(&a, 2, dims, dnnl_f32, strides), "memory"));
    } else {
        WHET_TRY(whet_dnn_plain(k, &a, rank, batched ? ad : a2, batched ? dnnl_abc : dnnl_ab));
    }
    WHET_TRY(whet_dnn_plain(k, &y, rank, batched ? yd : y2, batched ? dnnl_abc : dnnl_ab));
    WHET_TRY(whet_dnn_plain(k, &bias, rank, bd + 3 - rank, batched ? dnnl_abc : dnnl_ab));
    dnnl_status_t status = dnnl_matmul_desc_init(&d, &a, weights, s->bias_at >= 0 ? &bias : NULL, &y);
    if (status == dnnl_success) status = dnnl_primitive_attr_create(&attr);
    if (status == dnnl_success) status = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (status == dnnl_success) status = whet_dnn_post_ops(&s->fused, s->add_at >= 0, attr);
    if (status == dnnl_success) status = dnnl_primitive_desc_create(&pd, &d, attr, s->engine.engine, NULL);
    dnnl_primitive_attr_destroy(attr);
    WHET_TRY(whet_dnn_check(k, status, "matrix product"));
    *weights = *dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
    WHET_TRY(whet_dnn_make(k, &s->engine, pd, &p->exec));
    WHET_TRY(whet_dnn_arg(k, &s->engine, &p->exec, DNNL_ARG_SRC, &a));
    WHET_TRY(whet_dnn_arg(k, &s->engine, &p->exec, DNNL_ARG_WEIGHTS, weights));
    WHET_TRY(whet_dnn_arg(k, &s->engine, &p->exec, DNNL_ARG_DST, &y));
    if (s->bias_at >= 0) WHET_TRY(whet_dnn_arg(k, &s->engine, &p->exec, DNNL_ARG_BIAS, &bias));
    s->scratch_each = WHET_MAX(s->scratch_each, p->exec.scratch_size);
    return whet_dnn_check(k, dnnl_stream_create(&p->engine.stream, s->engine.engine, dnnl_stream_default_flags), "stream");
}

static whet_status prepare(whet_cpu_node *k, gemm_state *s)
{
    const int64_t all = s->batch > 0 ? s->batch : s->m, least = s->batch > 0 ? 1 : LEAST_ROWS;
    const int64_t bd[3] = {1, s->k, s->n}, wd[2] = {s->k, s->n};
    const bool constant = k->in[1].constant && s->batch == 0;
    dnnl_memory_desc_t plain, wanted;
    if (s->m < 1 || s->n < 1 || s->k < 1 || all < 1) return whet_cpu_refuse(k, "an operand is empty");
    whet_team_use(NULL);
    WHET_TRY(whet_dnn_open(k, &s->engine));
    WHET_TRY(whet_dnn_plain(k, &plain, 2, wd, s->trans_b ? dnnl_ba : dnnl_ab));
    wanted = plain;
    if (constant) WHET_TRY(whet_dnn_plain(k, &wanted, 2, wd, dnnl_format_tag_any));
    s->n_parts = (int)WHET_MIN(MOST_PARTS, WHET_MAX(all / least, 1));
    for (int i = 0; i < s->n_parts; i++) {
        part *p = &s->parts[i];
        p->begin = whet_chunk_begin(all, s->n_parts, i);
        p->count = whet_chunk_begin(all, s->n_parts, i + 1) - p->begin;
        if (s->batch > 0) {
            const int64_t part_dims[3] = {p->count, bd[1], bd[2]};
            WHET_TRY(whet_dnn_plain(k, &wanted, 3, part_dims, dnnl_abc));
        }
        WHET_TRY(make_part(k, s, p, &wanted));
    }
    s->scratch_each = WHET_ALIGN_UP(s->scratch_each, 64);
    s->scratch_ws = whet_own_reserve(k, s->scratch_each / sizeof(float) * (size_t)whet_team_size(k->team));
    if (constant && dnnl_memory_desc_equal(&plain, &wanted) == 0) {
        char key[96];
        WHET_TRY(whet_dnn_reorder(k, &s->engine, &plain, &wanted, &s->reorder));
        if (s->reorder.scratch_size > 0) return whet_cpu_refuse(k, "oneDNN: the reorder of the weights wants scratch");
        whet_dnn_key(key, sizeof key, &wanted);
        key[0] = s->trans_b ? 't' : 'p'; /* the same bytes mean another matrix */
        WHET_TRY(whet_cpu_pack(k, k->in[1].vid, key, dnnl_memory_desc_get_size(&wanted), pack_weights, s, &s->packed));
        return s->packing;
    }
    return WHET_OK;
}

static bool has(const whet_cpu_node *k, int i) { return k->n_in > i && k->in[i].vid >= 0; }

static whet_status begin(whet_cpu_node *k, gemm_state **out)
{
    WHET_TRY(whet_own_need_f32(k));
    gemm_state *s = *out = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    s->bias_at = s->add_at = -1;
    return whet_fused_read(k->n, &s->fused);
}

static whet_status gemm_create(whet_cpu_node *k)
{
    gemm_state *s = NULL;
    const whet_shape *a = &k->in[0].shape, *b = &k->in[1].shape, *c = has(k, 2) ? &k->in[2].shape : NULL;
    if (a->rank != 2 || b->rank != 2) return whet_cpu_refuse(k, "rank %d and %d, not 2", a->rank, b->rank);
    if (whet_node_float(k->n, "alpha", 1.0f) != 1.0f) return whet_cpu_refuse(k, "alpha is not 1");
    WHET_TRY(begin(k, &s));
    s->trans_a = whet_node_int(k->n, "transA", 0) != 0;
    s->trans_b = whet_node_int(k->n, "transB", 0) != 0;
    s->m = a->dims[s->trans_a];
    s->k = a->dims[!s->trans_a];
    s->n = b->dims[!s->trans_b];
    if (c) {
        if (whet_node_float(k->n, "beta", 1.0f) != 1.0f) return whet_cpu_refuse(k, "beta is not 1");
        const int64_t cols = c->rank > 0 ? c->dims[c->rank - 1] : 1, rows = c->rank > 1 ? c->dims[c->rank - 2] : 1;
        if (cols == s->n && rows == 1) s->bias_at = 2;
        else if (cols == s->n && rows == s->m) s->add_at = 2;
        else return whet_cpu_refuse(k, "the added matrix is broadcast along its rows");
    }
    s->fused.residual_after = false;
    return prepare(k, s);
}

static whet_status matmul_create(whet_cpu_node *k)
{
    gemm_state *s = NULL;
    const whet_shape *a = &k->in[0].shape, *b = &k->in[1].shape;
    if (a->rank < 2 || b->rank < 2) return whet_cpu_refuse(k, "rank %d and %d, at least 2 needed", a->rank, b->rank);
    WHET_TRY(begin(k, &s));
    s->m = a->dims[a->rank - 2];
    s->k = a->dims[a->rank - 1];
    s->n = b->dims[b->rank - 1];
    if (b->rank == 2) {
        for (int i = 0; i < a->rank - 2; i++) s->m *= a->dims[i];
    } else {
        s->batch = 1;
        if (a->rank != b->rank) return whet_cpu_refuse(k, "batch dimensions are broadcast");
        for (int i = 0; i < a->rank - 2; i++) {
            if (a->dims[i] != b->dims[i]) return whet_cpu_refuse(k, "batch dimensions are broadcast");
            s->batch *= a->dims[i];
        }
        if (s->batch == 0) return whet_cpu_refuse(k, "an operand is empty");
    }
    if (has(k, 2)) s->bias_at = 2;
    if (has(k, 3)) s->add_at = 3;
    if (s->bias_at >= 0 && k->in[2].numel != s->n) return whet_cpu_refuse(k, "the bias is no row");
    if (s->add_at >= 0 && k->in[3].numel != k->out[0].numel) return whet_cpu_refuse(k, "the residual is broadcast");
    return prepare(k, s);
}

static void destroy(whet_cpu_node *k)
{
    gemm_state *s = k->state;
    for (int i = 0; i < MOST_PARTS; i++) {
        whet_dnn_free(&s->parts[i].exec);
        whet_dnn_close(&s->parts[i].engine);
    }
    whet_dnn_free(&s->reorder);
    whet_dnn_close(&s->engine);
}

typedef struct job { const whet_cpu_node *k; whet_status status[MOST_PARTS]; } job;

static void run_part(void *arg, int chunk, int worker)
{
    job *j = arg;
    const whet_cpu_node *k = j->k;
    const gemm_state *s = k->state;
    const part *p = &s->parts[chunk];
    const bool batched = s->batch > 0;
    const int64_t a = batched ? p->begin * s->m * s->k : s->trans_a ? p->begin : p->begin * s->k;
    const int64_t y = p->begin * s->n * (batched ? s->m : 1), count = p->count * s->n * (batched ? s->m : 1);
    float *dst = (float *)k->out[0].data + y;
    whet_team_use(NULL);
    if (s->add_at >= 0 && k->in[s->add_at].data != k->out[0].data)
        memcpy(dst, (const float *)k->in[s->add_at].data + y, (size_t)count * sizeof(float));
    whet_dnn_point(&p->exec, 0, (const float *)k->in[0].data + a);
    whet_dnn_point(&p->exec, 1, s->packed ? s->packed : (const float *)k->in[1].data + (batched ? p->begin * s->k * s->n : 0));
    whet_dnn_point(&p->exec, 2, dst);
    if (s->bias_at >= 0) whet_dnn_point(&p->exec, 3, k->in[s->bias_at].data);
    j->status[chunk] = whet_dnn_run(&p->engine, &p->exec,
                                    (float *)k->workspace + s->scratch_ws + (size_t)worker * (s->scratch_each / sizeof(float)));
}

static whet_status run(const whet_cpu_node *k)
{
    const gemm_state *s = k->state;
    job j = {.k = k};
    whet_parallel(k->team, s->n_parts, run_part, &j);
    for (int i = 0; i < s->n_parts; i++) WHET_TRY(j.status[i]);
    return WHET_OK;
}

#define ROW(symbol, op_name, create_fn)                                                                             \
    const whet_cpu_impl symbol = {.op = op_name, .name = "onednn", .provider = WHET_PROVIDER_ONEDNN, .isa = WHET_ISA_AVX2, \
                                  .create = create_fn, .run = run, .destroy = destroy};
ROW(whet_cpu_gemm_onednn, "Gemm", gemm_create)
ROW(whet_cpu_fused_gemm_onednn, "whet.FusedGemm", gemm_create)
ROW(whet_cpu_matmul_onednn, "MatMul", matmul_create)
ROW(whet_cpu_fused_matmul_onednn, "whet.FusedMatMul", matmul_create)
