/* SPDX-License-Identifier: Apache-2.0 */
/* Dice loss and its gradient. Each picture's positions are cut into pieces fixed by the shape; the pieces' sums (double) are
 * added in order, so the bits do not depend on the threads. */
#include "base/mem.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/exec.h"
#include "kernels/softmax/dice.h"
#include "kernels/softmax/softmax.h"

typedef struct dice_state {
    int64_t n, classes, inner, ignore;
    int pieces, chunks; /* of one picture, of all */
    double smooth;
    size_t sums; /* offset in the workspace; before it the probabilities when they are no output */
} dice_state;

typedef struct dice_job {
    const whet_cpu_node *k;
    double factor;
} dice_job;

typedef struct dice_piece { int64_t at, label, n; } dice_piece; /* first element of class 0, first label, positions */

static whet_status reshape(whet_cpu_node *k, const whet_cpu_arg *x)
{
    dice_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    if (x->layout != WHET_NCHW) return whet_cpu_refuse(k, "layout NHWC");
    s->n = x->shape.dims[0];
    s->classes = x->shape.dims[1];
    s->inner = 1;
    for (int i = 2; i < x->shape.rank; i++) s->inner *= x->shape.dims[i];
    s->pieces = whet_chunks(s->inner, 1 + 16384 / WHET_MAX(s->classes, 1), 16);
    s->chunks = (int)s->n * s->pieces;
    s->smooth = (double)whet_node_float(k->n, "smooth", 1);
    s->ignore = whet_node_int(k->n, "ignore_index", -100);
    return WHET_OK;
}

static whet_status forward_reshape(whet_cpu_node *k)
{
    WHET_TRY(reshape(k, &k->in[0]));
    dice_state *s = k->state;
    const bool kept = k->n_out > 1 && k->out[1].dtype != WHET_DTYPE_NONE;
    s->sums = kept ? 0 : WHET_ALIGN_UP((size_t)k->in[0].numel * whet_dtype_size(k->in[0].dtype), (size_t)64);
    k->workspace_size = s->sums + (size_t)s->chunks * (size_t)s->classes * sizeof(whet_dice_sums);
    return WHET_OK;
}

static whet_status grad_reshape(whet_cpu_node *k) { return reshape(k, &k->in[1]); }

static whet_dice_sums *sums_of(const whet_cpu_node *k)
{
    const dice_state *s = k->state;
    return (whet_dice_sums *)(void *)((char *)k->workspace + s->sums);
}

static dice_piece piece_at(const dice_state *s, int chunk)
{
    const int64_t picture = chunk / s->pieces, begin = whet_chunk_begin(s->inner, s->pieces, chunk % s->pieces);
    return (dice_piece){.at = picture * s->classes * s->inner + begin, .label = picture * s->inner + begin,
                        .n = whet_chunk_begin(s->inner, s->pieces, chunk % s->pieces + 1) - begin};
}

static whet_status check_labels(const dice_state *s, const int64_t *labels)
{
    for (int64_t i = 0; i < s->n * s->inner; i++)
        if (labels[i] != s->ignore && (labels[i] < 0 || labels[i] >= s->classes))
            return WHET_FAIL(WHET_ERUNTIME, "label %lld at position %lld is not one of the %lld classes", (long long)labels[i],
                             (long long)i, (long long)s->classes);
    return WHET_OK;
}

static void forward_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const dice_state *s = k->state;
    const dice_piece p = piece_at(s, chunk);
    const int64_t *labels = (const int64_t *)k->in[1].data + p.label;
    void *probs = s->sums == 0 ? k->out[1].data : k->workspace;
    whet_dice_sums *sums = sums_of(k) + (size_t)chunk * (size_t)s->classes;
    (void)worker;
    for (int64_t c = 0; c < s->classes; c++) sums[c] = (whet_dice_sums){0};
    if (k->in[0].dtype == WHET_F64) {
        for (int64_t i = p.at; i < p.at + p.n; i++)
            whet_softmax_f64_ref(s->classes, s->inner, false, (const double *)k->in[0].data + i, (double *)probs + i);
        whet_dice_f64_ref(p.n, s->classes, s->inner, (const double *)probs + p.at, labels, s->ignore, sums);
    } else {
        for (int64_t i = p.at; i < p.at + p.n; i++)
            whet_softmax_f32_ref(s->classes, s->inner, false, (const float *)k->in[0].data + i, (float *)probs + i);
        whet_dice_f32_ref(p.n, s->classes, s->inner, (const float *)probs + p.at, labels, s->ignore, sums);
    }
}

static void set(const whet_cpu_arg *a, int64_t i, double x)
{
    if (a->dtype == WHET_F64) ((double *)a->data)[i] = x;
    else ((float *)a->data)[i] = (float)x;
}

static whet_status forward_run(const whet_cpu_node *k)
{
    const dice_state *s = k->state;
    const whet_dice_sums *sums = sums_of(k);
    double loss = 0;
    WHET_TRY(check_labels(s, k->in[1].data));
    whet_parallel(k->team, s->chunks, forward_chunk, (void *)(uintptr_t)k);
    for (int64_t c = 0; c < s->classes; c++) {
        whet_dice_sums all = {0};
        for (int i = 0; i < s->chunks; i++) {
            const whet_dice_sums *x = &sums[(int64_t)i * s->classes + c];
            all.both += x->both, all.probs += x->probs, all.labels += x->labels;
        }
        const double above = 2 * all.both + s->smooth, below = all.probs + all.labels + s->smooth, share = 1 / (double)s->classes;
        loss += share * (below > 0 ? 1 - above / below : 0);
        if (k->n_out < 3 || k->out[2].dtype == WHET_DTYPE_NONE) continue;
        set(&k->out[2], c, below > 0 ? share * above / (below * below) : 0);
        set(&k->out[2], s->classes + c, below > 0 ? share * (above / (below * below) - 2 / below) : 0);
    }
    set(&k->out[0], 0, loss);
    return WHET_OK;
}

static void grad_chunk(void *arg, int chunk, int worker)
{
    const dice_job *job = arg;
    const whet_cpu_node *k = job->k;
    const dice_state *s = k->state;
    const dice_piece p = piece_at(s, chunk);
    const int64_t *labels = (const int64_t *)k->in[3].data + p.label;
    (void)worker;
    if (k->out[0].dtype == WHET_F64)
        whet_dice_grad_f64_ref(p.n, s->classes, s->inner, (const double *)k->in[1].data + p.at, k->in[2].data, labels, s->ignore, job->factor,
                               (double *)k->out[0].data + p.at);
    else
        whet_dice_grad_f32_ref(p.n, s->classes, s->inner, (const float *)k->in[1].data + p.at, k->in[2].data, labels, s->ignore, job->factor,
                               (float *)k->out[0].data + p.at);
}

static whet_status grad_run(const whet_cpu_node *k)
{
    const dice_state *s = k->state;
    const whet_cpu_arg *seed = &k->in[0];
    dice_job job = {k, seed->dtype == WHET_F64 ? *(const double *)seed->data : (double)*(const float *)seed->data};
    whet_parallel(k->team, s->chunks, grad_chunk, &job);
    return WHET_OK;
}

const whet_cpu_impl whet_cpu_dice_loss_ref = {.op = "whet.DiceLoss", .name = "ref", .provider = WHET_PROVIDER_REF,
                                              .create = whet_need_float, .reshape = forward_reshape, .run = forward_run};
const whet_cpu_impl whet_cpu_dice_loss_grad_ref = {.op = "whet.DiceLossGrad", .name = "ref", .provider = WHET_PROVIDER_REF,
                                                   .create = whet_need_float, .reshape = grad_reshape, .run = grad_run};
