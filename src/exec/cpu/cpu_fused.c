/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of the attributes of whet.Fused*, the definition of what they do, and whet.FusedMatMul by the reference kernel,
 * row by row of the output. */
#include "exec/cpu/cpu_fused.h"

#include <math.h>

#include "base/mem.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/exec.h"
#include "kernels/gemm/matmul_ref.h"

static const struct { const char *name; enum whet_act act; } names[] = {
    {"", WHET_ACT_NONE}, {"Relu", WHET_ACT_CLIP}, {"Clip", WHET_ACT_CLIP}, {"Sigmoid", WHET_ACT_SIGMOID}, {"Silu", WHET_ACT_SILU},
    {"HardSigmoid", WHET_ACT_HARDSIGMOID}, {"HardSwish", WHET_ACT_HARDSWISH}, {"Gelu", WHET_ACT_GELU}, {"GeluTanh", WHET_ACT_GELU_TANH},
    {"Tanh", WHET_ACT_TANH}};

whet_status whet_fused_read(const whet_node *n, whet_fused *f)
{
    const char *act = whet_node_string(n, "activation", "");
    *f = (whet_fused){.act = WHET_ACT_COUNT, .lo = -INFINITY, .hi = INFINITY, .residual_after = whet_node_int(n, "residual_after", 0) != 0};
    for (size_t i = 0; i < WHET_COUNT(names); i++)
        if (strcmp(act, names[i].name) == 0) f->act = names[i].act;
    if (f->act == WHET_ACT_COUNT) return WHET_FAIL(WHET_EUNSUPPORTED, "activation '%s' is unknown", act);
    if (f->act == WHET_ACT_CLIP) {
        f->lo = act[0] == 'R' ? 0 : whet_node_float(n, "act_min", 0);
        f->hi = act[0] == 'R' ? INFINITY : whet_node_float(n, "act_max", 0);
    }
    if (f->act == WHET_ACT_HARDSIGMOID) {
        f->lo = whet_node_float(n, "slope", 1.0f / 6);
        f->hi = whet_node_float(n, "offset", 0.5f);
    }
    return WHET_OK;
}

static double clip(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }

static double activate(const whet_fused *f, double x)
{
    static const double sixth = 1.0 / 6, half_root = 0.70710678118654752440, root_2_pi = 0.79788456080286535588;
    switch (f->act) {
    case WHET_ACT_CLIP: return clip(x, (double)f->lo, (double)f->hi);
    case WHET_ACT_SIGMOID: return 1 / (1 + exp(-x));
    case WHET_ACT_SILU: return x / (1 + exp(-x));
    case WHET_ACT_HARDSIGMOID: return clip((double)f->lo * x + (double)f->hi, 0, 1);
    case WHET_ACT_HARDSWISH: return x * clip(sixth * x + 0.5, 0, 1);
    case WHET_ACT_GELU: return 0.5 * x * (1 + erf(x * half_root));
    case WHET_ACT_GELU_TANH: return 0.5 * x * (1 + tanh(root_2_pi * (x + 0.044715 * x * x * x)));
    case WHET_ACT_TANH: return tanh(x);
    default: return x;
    }
}

double whet_fused_value(const whet_fused *f, double product, double residual)
{
    return f->residual_after ? activate(f, product) + residual : activate(f, product + residual);
}

/* --- whet.FusedMatMul */

typedef struct fused_state {
    whet_fused f;
    int64_t m, n, k, rows;
    int batch_rank;
    int64_t batch[WHET_MAX_RANK], a_step[WHET_MAX_RANK], b_step[WHET_MAX_RANK];
    int chunks;
} fused_state;

/* Element steps over the leading (batch) axes; a size of 1 does not move. */
static void batch_steps(const whet_shape *s, int out_lead, int64_t *step)
{
    int64_t size = s->rank > 1 ? s->dims[s->rank - 1] * s->dims[s->rank - 2] : s->dims[0];
    for (int i = out_lead - 1; i >= 0; i--) {
        const int j = i - (out_lead - (s->rank - 2));
        step[i] = j >= 0 && s->dims[j] > 1 ? size : 0;
        if (j >= 0) size *= s->dims[j];
    }
}

static whet_status reshape(whet_cpu_node *k)
{
    fused_state *s = whet_cpu_state(k, sizeof *s);
    const whet_shape *a = &k->in[0].shape, *b = &k->in[1].shape, *y = &k->out[0].shape;
    if (s == NULL) return WHET_ENOMEM;
    WHET_TRY(whet_fused_read(k->n, &s->f));
    s->m = a->rank > 1 ? a->dims[a->rank - 2] : 1;
    s->k = a->dims[a->rank - 1];
    s->n = b->dims[b->rank - 1];
    s->batch_rank = y->rank - 1 - (a->rank > 1);
    s->rows = s->m;
    for (int i = 0; i < s->batch_rank; i++) s->rows *= s->batch[i] = y->dims[i];
    batch_steps(a, s->batch_rank, s->a_step);
    batch_steps(b, s->batch_rank, s->b_step);
    s->chunks = whet_chunks(s->rows, 1 + 40000 / WHET_MAX(s->n * s->k, 1), 4096);
    return WHET_OK;
}

static const void *given(const whet_cpu_node *k, int i)
{
    return i < k->n_in && k->in[i].dtype != WHET_DTYPE_NONE ? k->in[i].data : NULL;
}

static void row(const whet_cpu_node *k, const fused_state *s, int64_t r)
{
    int64_t a = r % s->m * s->k, b = 0, left = r / s->m;
    for (int i = s->batch_rank - 1; i >= 0; i--) {
        a += left % s->batch[i] * s->a_step[i];
        b += left % s->batch[i] * s->b_step[i];
        left /= s->batch[i];
    }
    if (k->out[0].dtype == WHET_F64) {
        double *y = (double *)k->out[0].data + r * s->n;
        const double *res = given(k, 3);
        whet_matmul_row_f64_ref(s->n, s->k, 1, (const double *)k->in[0].data + a, 1, (const double *)k->in[1].data + b, s->n, 1, 1,
                                given(k, 2), 1, y);
        for (int64_t j = 0; j < s->n; j++) y[j] = whet_fused_value(&s->f, y[j], res != NULL ? res[r * s->n + j] : 0);
    } else {
        float *y = (float *)k->out[0].data + r * s->n;
        const float *res = given(k, 3);
        whet_matmul_row_f32_ref(s->n, s->k, 1, (const float *)k->in[0].data + a, 1, (const float *)k->in[1].data + b, s->n, 1, 1,
                                given(k, 2), 1, y);
        for (int64_t j = 0; j < s->n; j++)
            y[j] = (float)whet_fused_value(&s->f, (double)y[j], res != NULL ? (double)res[r * s->n + j] : 0);
    }
}

static void chunk_rows(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const fused_state *s = k->state;
    (void)worker;
    for (int64_t r = whet_chunk_begin(s->rows, s->chunks, chunk); r < whet_chunk_begin(s->rows, s->chunks, chunk + 1); r++) row(k, s, r);
}

static whet_status run(const whet_cpu_node *k)
{
    const fused_state *s = k->state;
    if (s->rows > 0) whet_parallel(k->team, s->chunks, chunk_rows, (void *)(uintptr_t)k);
    return WHET_OK;
}

const whet_cpu_impl whet_cpu_fused_matmul_ref = {.op = "whet.FusedMatMul", .name = "ref", .provider = WHET_PROVIDER_REF,
                                                 .create = whet_need_float, .reshape = reshape, .run = run};
