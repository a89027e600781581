/* SPDX-License-Identifier: Apache-2.0 */
/* whet.AttentionGrad: one chunk is one head of one image, whose weights are computed again from q and k.
 *
 *   p = softmax(s q k^T [+ mask]), dv = p^T dy, dp = dy v^T, ds = p (dp - sum of p dp), dq = s ds k, dk = s ds^T q
 *
 * The own row does these as five products of the matrix kernels that stay in cache; the reference goes query by query in
 * double. Where q, k and v are columns of one value there is one gradient for all three. */
#include <math.h>

#include "exec/cpu/cpu_attention.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/cpu/cpu_own.h"
#include "kernels/softmax/softmax_vec.h"

typedef struct grad_state {
    whet_attention a;
    const whet_gemm_kernel *gemm;
    const whet_softmax_vec *softmax;
    bool covered[3]; /* every column of the output is written */
    size_t p, dp, q, pack, scratch; /* offsets and size of a worker's scratch; floats, in the reference doubles */
} grad_state;

/* The forward node's arguments are inputs 1 to 4 here. */
static whet_status read_node(whet_cpu_node *k, grad_state *s)
{
    whet_cpu_node view = *k;
    view.in = k->in + 1;
    view.n_in = k->n_in - 1;
    WHET_TRY(whet_attention_read(&view, &s->a));
    const int64_t hd = s->a.heads * s->a.dim, hv = s->a.heads * s->a.value, rows[3] = {s->a.q_row, s->a.k_row, s->a.v_row};
    const int64_t wide[3] = {hd, hd, hv};
    for (int i = 0; i < 3; i++) s->covered[i] = k->n_out == 1 ? rows[0] == 2 * hd + hv : rows[i] == wide[i];
    return WHET_OK;
}

/* Where gradient i (of q, k, v) of head h of image n begins. */
static int64_t grad_at(const grad_state *s, int i, int64_t n, int64_t h)
{
    const whet_attention *a = &s->a;
    if (i == 0) return n * a->lq * a->q_row + a->q_offset + h * a->dim;
    if (i == 1) return n * a->lk * a->k_row + a->k_offset + h * a->dim;
    return n * a->lk * a->v_row + a->v_offset + h * a->value;
}

static void *out_of(const whet_cpu_node *k, int i) { return k->out[k->n_out == 1 ? 0 : i].data; }

static void clear(const whet_cpu_node *k, const grad_state *s, bool all)
{
    for (int i = 0; i < k->n_out; i++)
        if (all || !s->covered[i]) memset(k->out[i].data, 0, (size_t)k->out[i].numel * whet_dtype_size(k->out[i].dtype));
}

/* --- reference */

static whet_status ref_reshape(whet_cpu_node *k)
{
    grad_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    WHET_TRY(read_node(k, s));
    s->scratch = 2 * WHET_ALIGN_UP((size_t)s->a.lk, 8);
    k->workspace_size = s->scratch * sizeof(double) * (size_t)whet_team_size(k->team);
    return WHET_OK;
}

#define HEAD(T, suffix)                                                                                             \
    static void head_##suffix(const whet_cpu_node *k, const grad_state *s, int64_t n, int64_t h, double *p)         \
    {                                                                                                               \
        const whet_attention *a = &s->a;                                                                            \
        const T *key = (const T *)k->in[2].data + grad_at(s, 1, n, h), *v = (const T *)k->in[3].data + grad_at(s, 2, n, h); \
        T *dk = (T *)out_of(k, 1) + grad_at(s, 1, n, h), *dv = (T *)out_of(k, 2) + grad_at(s, 2, n, h);             \
        double *dp = p + s->scratch / 2;                                                                            \
        for (int64_t i = 0; i < a->lq; i++) {                                                                       \
            const T *q = (const T *)k->in[1].data + grad_at(s, 0, n, h) + i * a->q_row;                             \
            const T *dy = (const T *)k->in[0].data + ((n * a->lq + i) * a->heads + h) * a->value;                   \
            const T *mask = a->masked ? (const T *)k->in[4].data + n * a->mask[0] + h * a->mask[1] + i * a->mask[2] : NULL; \
            T *dq = (T *)out_of(k, 0) + grad_at(s, 0, n, h) + i * a->q_row;                                         \
            double most = -INFINITY, sum = 0, dot = 0;                                                              \
            for (int64_t j = 0; j < a->lk; j++) {                                                                   \
                double x = 0;                                                                                       \
                for (int64_t d = 0; d < a->dim; d++) x += (double)q[d] * (double)key[j * a->k_row + d];             \
                p[j] = (double)a->scale * x + (mask != NULL ? (double)mask[j * a->mask[3]] : 0);                    \
                if (p[j] > most) most = p[j];                                                                       \
            }                                                                                                       \
            for (int64_t j = 0; j < a->lk; j++) sum += p[j] = exp(p[j] - most);                                     \
            for (int64_t j = 0; j < a->lk; j++) {                                                                   \
                double x = 0;                                                                                       \
                for (int64_t d = 0; d < a->value; d++) x += (double)dy[d] * (double)v[j * a->v_row + d];            \
                p[j] /= sum;                                                                                        \
                dp[j] = x;                                                                                          \
                dot += p[j] * x;                                                                                    \
            }                                                                                                       \
            for (int64_t j = 0; j < a->lk; j++) {                                                                   \
                const double ds = (double)a->scale * p[j] * (dp[j] - dot);                                          \
                for (int64_t d = 0; d < a->dim; d++) dq[d] = (T)((double)dq[d] + ds * (double)key[j * a->k_row + d]); \
                for (int64_t d = 0; d < a->dim; d++) dk[j * a->k_row + d] = (T)((double)dk[j * a->k_row + d] + ds * (double)q[d]); \
                for (int64_t d = 0; d < a->value; d++)                                                              \
                    dv[j * a->v_row + d] = (T)((double)dv[j * a->v_row + d] + p[j] * (double)dy[d]);                \
            }                                                                                                       \
        }                                                                                                           \
    }
HEAD(float, f32)
HEAD(double, f64)

static void ref_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const grad_state *s = k->state;
    double *p = (double *)k->workspace + s->scratch * (size_t)worker;
    (k->out[0].dtype == WHET_F64 ? head_f64 : head_f32)(k, s, chunk / s->a.heads, chunk % s->a.heads, p);
}

static whet_status ref_run(const whet_cpu_node *k)
{
    const grad_state *s = k->state;
    clear(k, s, true);
    whet_parallel(k->team, (int)(s->a.n * s->a.heads), ref_chunk, (void *)(uintptr_t)k);
    return WHET_OK;
}

/* --- own */

static whet_status own_create(whet_cpu_node *k)
{
    const int64_t limit = 4096; /* positions of which the scores of a head are held, and columns */
    WHET_TRY(whet_own_need_f32(k));
    grad_state *s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    WHET_TRY(read_node(k, s));
    const whet_attention *a = &s->a;
    if (a->n < 1 || a->lq < 1 || a->lk < 1) return whet_cpu_refuse(k, "an operand is empty");
    if (a->lk > limit || a->lq > limit || a->dim > limit || a->value > limit) return whet_cpu_refuse(k, "an operand is too large");
    s->gemm = whet_gemm_kernel_for(k->isa);
    s->softmax = whet_softmax_vec_for(k->isa);
    if (s->softmax == NULL) return whet_cpu_refuse(k, "no vector kernel");
    const size_t scores = WHET_ALIGN_UP((size_t)(a->lq * a->lk), 16);
    const size_t by_key = WHET_MAX(whet_pack_size(a->lk, a->dim), whet_pack_size(a->lk, a->value));
    s->p = 0;
    s->dp = scores;
    s->q = s->dp + scores;
    s->pack = s->q + WHET_ALIGN_UP((size_t)(a->lq * a->dim), 16);
    s->scratch = s->pack + WHET_ALIGN_UP(WHET_MAX(by_key, whet_pack_size(a->dim, a->lk)), 16);
    whet_own_reserve(k, s->scratch * (size_t)whet_team_size(k->team));
    return WHET_OK;
}

/* dst[m][n] = src[m][k] times the packed weights */
static void rows_product(const grad_state *s, const float *src, int64_t src_step, const float *packed, float *dst, int64_t dst_step, int64_t m,
                         int64_t n, int64_t k)
{
    const ptrdiff_t run = 0;
    s->gemm->rows(&(whet_rows_args){.src = src, .src_step = (ptrdiff_t)src_step, .runs = &run, .n_runs = 1, .run_len = (int)k, .weights = packed,
                                    .dst = dst, .dst_step = (ptrdiff_t)dst_step, .m = (int)m, .n = (int)n, .lo = -INFINITY, .hi = INFINITY});
}

/* dst[m][n] = a[rows][m]^T b[rows][n] */
static void turned_product(const grad_state *s, const float *a, int64_t a_step, const float *b, int64_t b_step, float *dst, int64_t dst_step,
                           int64_t m, int64_t n, int64_t rows)
{
    for (int64_t i = 0; i < m; i++) memset(dst + i * dst_step, 0, (size_t)n * sizeof *dst);
    s->gemm->outer(&(whet_outer_args){.a = a, .a_step = (ptrdiff_t)a_step, .b = b, .b_step = (ptrdiff_t)b_step, .n_rows = 1,
                                      .n_pixels = (int)rows, .m = (int)m, .n = (int)n, .acc = dst, .acc_step = (ptrdiff_t)dst_step});
}

/* Packs `n` channels of `k` values at src + channel * s_n + i * s_k. */
static void pack(float *dst, const float *src, int64_t n, int64_t s_n, int64_t k, int64_t s_k)
{
    whet_pack_weights(dst, src, n, (ptrdiff_t)s_n, 1, NULL, 0, k, (ptrdiff_t)s_k, 0, (n + WHET_GEMM_BLOCK - 1) / WHET_GEMM_BLOCK);
}

/* Rows far apart, which no hardware fetches ahead, into the second-level cache. */
static void fetch(const float *src, int64_t rows, int64_t step, int64_t n)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j += 16) __builtin_prefetch(src + i * step + j, 0, 2);
}

static void scaled_queries(const whet_attention *a, const float *q, float *to)
{
    for (int64_t i = 0; i < a->lq; i++)
        for (int64_t d = 0; d < a->dim; d++) to[i * a->dim + d] = a->scale * q[i * a->q_row + d];
}

static void add_mask(const whet_attention *a, const float *mask, float *p)
{
    for (int64_t i = 0; i < a->lq; i++)
        for (int64_t j = 0; j < a->lk; j++) p[i * a->lk + j] += mask[i * a->mask[2] + j * a->mask[3]];
}

static void own_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *node = arg;
    const grad_state *s = node->state;
    const whet_attention *a = &s->a;
    const int64_t n = chunk / a->heads, h = chunk % a->heads, dy_row = a->heads * a->value;
    float *ws = (float *)node->workspace + s->scratch * (size_t)worker;
    float *p = ws + s->p, *dp = ws + s->dp, *sq = ws + s->q, *packed = ws + s->pack;
    const float *q = (const float *)node->in[1].data + grad_at(s, 0, n, h), *k = (const float *)node->in[2].data + grad_at(s, 1, n, h);
    const float *v = (const float *)node->in[3].data + grad_at(s, 2, n, h), *dy = (const float *)node->in[0].data + n * a->lq * dy_row + h * a->value;
    float *dq = (float *)out_of(node, 0) + grad_at(s, 0, n, h), *dk = (float *)out_of(node, 1) + grad_at(s, 1, n, h);
    float *dv = (float *)out_of(node, 2) + grad_at(s, 2, n, h);
    fetch(k, a->lk, a->k_row, a->dim);
    scaled_queries(a, q, sq);
    pack(packed, k, a->lk, a->k_row, a->dim, 1);
    rows_product(s, sq, a->dim, packed, p, a->lk, a->lq, a->lk, a->dim);
    fetch(dy, a->lq, dy_row, a->value);
    if (a->masked) add_mask(a, (const float *)node->in[4].data + n * a->mask[0] + h * a->mask[1], p);
    s->softmax->rows(a->lq, a->lk, false, p, p);
    fetch(v, a->lk, a->v_row, a->value);
    turned_product(s, p, a->lk, dy, dy_row, dv, a->v_row, a->lk, a->value, a->lq);
    pack(packed, v, a->lk, a->v_row, a->value, 1);
    rows_product(s, dy, dy_row, packed, dp, a->lk, a->lq, a->lk, a->value);
    s->softmax->rows_grad(a->lq, a->lk, false, dp, p, dp);
    turned_product(s, dp, a->lk, sq, a->dim, dk, a->k_row, a->lk, a->dim, a->lq);
    pack(packed, k, a->dim, 1, a->lk, a->k_row);
    rows_product(s, dp, a->lk, packed, dq, a->q_row, a->lq, a->dim, a->lk);
    for (int64_t i = 0; i < a->lq; i++)
        for (int64_t d = 0; d < a->dim; d++) dq[i * a->q_row + d] *= a->scale;
}

static whet_status own_run(const whet_cpu_node *k)
{
    const grad_state *s = k->state;
    clear(k, s, false);
    whet_parallel(k->team, (int)(s->a.n * s->a.heads), own_chunk, (void *)(uintptr_t)k);
    return WHET_OK;
}

const whet_cpu_impl whet_cpu_attention_grad_own = {.op = "whet.AttentionGrad", .name = "heads", .provider = WHET_PROVIDER_OWN, .isa = WHET_ISA_AVX2,
                                                   .create = own_create, .run = own_run};
const whet_cpu_impl whet_cpu_attention_grad_ref = {.op = "whet.AttentionGrad", .name = "ref", .provider = WHET_PROVIDER_REF, .create = whet_need_float,
                                                   .reshape = ref_reshape, .run = ref_run};
