/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax cross-entropy and its gradient. Positions are cut into chunks fixed by the shape; the partial losses (double) are
 * added in order. A label that is no class is an error of the data, found before anything is computed. */
#include "base/cpu.h"
#include "base/mem.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/exec.h"
#include "kernels/softmax/softmax.h"
#include "kernels/softmax/softmax_vec.h"

typedef struct loss_state {
    int64_t classes, inner, positions;
    int chunks;
    double smooth;
    int64_t ignore;
    const whet_softmax_vec *vec; /* NULL in the reference rows */
    size_t partial; /* offset in the workspace; before it the log-probabilities when they are not an output */
} loss_state;

typedef struct loss_job {
    const whet_cpu_node *k;
    const void *weights; /* per class, or NULL */
    double factor;
} loss_job;

static whet_status reshape(whet_cpu_node *k, const whet_cpu_arg *x)
{
    loss_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    if (x->layout != WHET_NCHW) return whet_cpu_refuse(k, "layout NHWC");
    if (k->impl->provider == WHET_PROVIDER_VEC) s->vec = whet_softmax_vec_for(k->isa);
    s->classes = x->shape.dims[1];
    s->inner = 1;
    for (int i = 2; i < x->shape.rank; i++) s->inner *= x->shape.dims[i];
    s->positions = x->shape.dims[0] * s->inner;
    s->chunks = whet_chunks(s->positions, 1 + 1024 / WHET_MAX(s->classes, 1), 64);
    s->smooth = (double)whet_node_float(k->n, "label_smoothing", 0);
    s->ignore = whet_node_int(k->n, "ignore_index", -100);
    return WHET_OK;
}

static whet_status forward_reshape(whet_cpu_node *k)
{
    WHET_TRY(reshape(k, &k->in[0]));
    loss_state *s = k->state;
    const bool kept = k->n_out > 1 && k->out[1].dtype != WHET_DTYPE_NONE;
    s->partial = kept ? 0 : WHET_ALIGN_UP((size_t)k->in[0].numel * whet_dtype_size(k->in[0].dtype), (size_t)64);
    k->workspace_size = s->partial + (size_t)s->chunks * sizeof(double);
    return WHET_OK;
}

static whet_status grad_reshape(whet_cpu_node *k) { return reshape(k, &k->in[1]); }

/* The class weights, input i, or NULL. */
static const void *weights_of(const whet_cpu_node *k, int i)
{
    return k->n_in > i && k->in[i].dtype != WHET_DTYPE_NONE ? k->in[i].data : NULL;
}

/* Number of positions that count, or the sum of their classes' weights; ERUNTIME for a label out of range. */
static whet_status count_labels(const whet_cpu_node *k, const int64_t *labels, const void *weights, double *count)
{
    const loss_state *s = k->state;
    const bool wide = k->out[0].dtype == WHET_F64;
    *count = 0;
    for (int64_t i = 0; i < s->positions; i++) {
        if (labels[i] == s->ignore) continue;
        if (labels[i] < 0 || labels[i] >= s->classes)
            return WHET_FAIL(WHET_ERUNTIME, "label %lld at position %lld is not one of the %lld classes", (long long)labels[i],
                             (long long)i, (long long)s->classes);
        *count += weights == NULL ? 1 : wide ? ((const double *)weights)[labels[i]] : (double)((const float *)weights)[labels[i]];
    }
    return WHET_OK;
}

/* Positions lo .. hi-1, image by image where positions stand side by side. */
static void log_softmax_vec(const loss_state *s, int64_t lo, int64_t hi, const float *x, float *log_probs)
{
    if (s->inner == 1) {
        s->vec->rows(hi - lo, s->classes, true, x + lo * s->classes, log_probs + lo * s->classes);
        return;
    }
    while (lo < hi) {
        const int64_t image = lo / s->inner, at = image * s->classes * s->inner, end = WHET_MIN(hi, (image + 1) * s->inner);
        s->vec->lanes(s->classes, s->inner, lo % s->inner, end - image * s->inner, true, x + at, log_probs + at);
        lo = end;
    }
}

static void forward_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const loss_state *s = k->state;
    const int64_t *labels = k->in[1].data;
    const void *weights = weights_of(k, 2);
    void *log_probs = s->partial == 0 ? k->out[1].data : k->workspace;
    const int64_t lo = whet_chunk_begin(s->positions, s->chunks, chunk), hi = whet_chunk_begin(s->positions, s->chunks, chunk + 1);
    double sum = 0;
    (void)worker;
    if (s->vec != NULL) log_softmax_vec(s, lo, hi, k->in[0].data, log_probs);
    for (int64_t i = lo; i < hi; i++) {
        const int64_t o = i / s->inner * s->classes * s->inner + i % s->inner;
        if (k->in[0].dtype == WHET_F64) {
            double *lp = (double *)log_probs + o;
            whet_softmax_f64_ref(s->classes, s->inner, true, (const double *)k->in[0].data + o, lp);
            if (labels[i] == s->ignore) continue;
            sum += weights == NULL ? whet_cross_entropy_f64_ref(s->classes, s->inner, lp, labels[i], s->smooth)
                                   : whet_weighted_entropy_f64_ref(s->classes, s->inner, lp, labels[i], s->smooth, weights);
        } else {
            float *lp = (float *)log_probs + o;
            if (s->vec == NULL) whet_softmax_f32_ref(s->classes, s->inner, true, (const float *)k->in[0].data + o, lp);
            if (labels[i] == s->ignore) continue;
            sum += weights == NULL ? whet_cross_entropy_f32_ref(s->classes, s->inner, lp, labels[i], s->smooth)
                                   : whet_weighted_entropy_f32_ref(s->classes, s->inner, lp, labels[i], s->smooth, weights);
        }
    }
    ((double *)(void *)((char *)k->workspace + s->partial))[chunk] = sum;
}

static void set_scalar(const whet_cpu_arg *a, double x)
{
    if (a->dtype == WHET_F64) *(double *)a->data = x;
    else *(float *)a->data = (float)x;
}

static double get_scalar(const whet_cpu_arg *a)
{
    return a->dtype == WHET_F64 ? *(const double *)a->data : (double)*(const float *)a->data;
}

static whet_status forward_run(const whet_cpu_node *k)
{
    const loss_state *s = k->state;
    double count = 0, sum = 0;
    WHET_TRY(count_labels(k, k->in[1].data, weights_of(k, 2), &count));
    whet_parallel(k->team, s->chunks, forward_chunk, (void *)(uintptr_t)k);
    for (int i = 0; i < s->chunks; i++) sum += ((const double *)(const void *)((const char *)k->workspace + s->partial))[i];
    set_scalar(&k->out[0], count > 0 ? sum / count : 0);
    return WHET_OK;
}

static void clear_position(const whet_cpu_node *k, const loss_state *s, int64_t o)
{
    for (int64_t c = 0; c < s->classes; c++)
        if (k->out[0].dtype == WHET_F64)
            ((double *)k->out[0].data)[o + c * s->inner] = 0;
        else
            ((float *)k->out[0].data)[o + c * s->inner] = 0;
}

/* One position's gradient by the rule with or without weights. */
#define GRAD_AT(T, suffix)                                                                                          \
    static void grad_at_##suffix(const loss_job *job, int64_t o, int64_t label)                                     \
    {                                                                                                               \
        const whet_cpu_node *k = job->k;                                                                            \
        const loss_state *s = k->state;                                                                             \
        const T *log_probs = (const T *)k->in[1].data + o;                                                          \
        T *diff = (T *)k->out[0].data + o;                                                                          \
        if (job->weights == NULL)                                                                                   \
            whet_cross_entropy_grad_##suffix##_ref(s->classes, s->inner, log_probs, label, s->smooth, job->factor, diff); \
        else                                                                                                        \
            whet_weighted_entropy_grad_##suffix##_ref(s->classes, s->inner, log_probs, label, s->smooth, job->weights, job->factor, diff); \
    }
GRAD_AT(float, f32)
GRAD_AT(double, f64)

static void grad_vec(const loss_job *job, int64_t lo, int64_t hi)
{
    const whet_cpu_node *k = job->k;
    const loss_state *s = k->state;
    const float *log_probs = k->in[1].data, hit = (float)(1 - s->smooth), rest = (float)(s->smooth / (double)s->classes);
    const int64_t *labels = k->in[2].data;
    float *diff = k->out[0].data;
    while (lo < hi) {
        const int64_t image = lo / s->inner, at = image * s->classes * s->inner, end = WHET_MIN(hi, (image + 1) * s->inner);
        if (s->inner > 1)
            s->vec->lanes_cross_entropy_grad(s->classes, s->inner, lo % s->inner, end - image * s->inner, log_probs + at,
                                             labels + image * s->inner, s->ignore, hit, rest, (float)job->factor, diff + at);
        else if (labels[lo] == s->ignore)
            clear_position(k, s, at);
        else
            s->vec->cross_entropy_grad(s->classes, log_probs + at, labels[lo], hit, rest, (float)job->factor, diff + at);
        lo = end;
    }
}

static void grad_chunk(void *arg, int chunk, int worker)
{
    const loss_job *job = arg;
    const whet_cpu_node *k = job->k;
    const loss_state *s = k->state;
    const int64_t *labels = k->in[2].data;
    const int64_t lo = whet_chunk_begin(s->positions, s->chunks, chunk), hi = whet_chunk_begin(s->positions, s->chunks, chunk + 1);
    (void)worker;
    if (s->vec != NULL && job->weights == NULL) {
        grad_vec(job, lo, hi);
        return;
    }
    for (int64_t i = lo; i < hi; i++) {
        const int64_t o = i / s->inner * s->classes * s->inner + i % s->inner;
        if (labels[i] == s->ignore) clear_position(k, s, o);
        else if (k->out[0].dtype == WHET_F64) grad_at_f64(job, o, labels[i]);
        else grad_at_f32(job, o, labels[i]);
    }
}

static whet_status grad_run(const whet_cpu_node *k)
{
    const loss_state *s = k->state;
    double count = 0;
    WHET_TRY(count_labels(k, k->in[2].data, weights_of(k, 3), &count));
    loss_job job = {k, weights_of(k, 3), count > 0 ? get_scalar(&k->in[0]) / count : 0};
    whet_parallel(k->team, s->chunks, grad_chunk, &job);
    return WHET_OK;
}

static whet_status vec_create(whet_cpu_node *k)
{
    const int i = k->impl->op[strlen(k->impl->op) - 1] == 'd' ? 1 : 0; /* the gradient's first input is the loss's */
    return k->in[i].dtype == WHET_F32 ? whet_need_float(k) : whet_cpu_refuse(k, "type %s, not f32", whet_dtype_name(k->in[i].dtype));
}

const whet_cpu_impl whet_cpu_softmax_cross_entropy_vec = {.op = "whet.SoftmaxCrossEntropy", .name = "vec", .provider = WHET_PROVIDER_VEC,
                                                          .isa = WHET_ISA_AVX2, .create = vec_create, .reshape = forward_reshape,
                                                          .run = forward_run};
const whet_cpu_impl whet_cpu_softmax_cross_entropy_grad_vec = {.op = "whet.SoftmaxCrossEntropyGrad", .name = "vec",
                                                               .provider = WHET_PROVIDER_VEC, .isa = WHET_ISA_AVX2,
                                                               .create = vec_create, .reshape = grad_reshape, .run = grad_run};
const whet_cpu_impl whet_cpu_softmax_cross_entropy_ref = {.op = "whet.SoftmaxCrossEntropy", .name = "ref", .provider = WHET_PROVIDER_REF,
                                                          .create = whet_need_float, .reshape = forward_reshape, .run = forward_run};
const whet_cpu_impl whet_cpu_softmax_cross_entropy_grad_ref = {.op = "whet.SoftmaxCrossEntropyGrad", .name = "ref",
                                                               .provider = WHET_PROVIDER_REF, .create = whet_need_float,
                                                               .reshape = grad_reshape, .run = grad_run};
