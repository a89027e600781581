/* SPDX-License-Identifier: Apache-2.0 */
/* LayerNormalization and RMSNormalization whose scale or bias is broadcast in any way that the operator allows. Networks
 * have one value per element of a run, which cpu_norm.c does; this row stands behind it. Sums in double, one chunk some runs. */
#include <math.h>

#include "base/mem.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/cpu/cpu_nest.h"
#include "exec/exec.h"

typedef struct any_state {
    int64_t run, runs;
    int64_t scale[WHET_MAX_RANK], bias[WHET_MAX_RANK]; /* element steps by axis of x; 0: broadcast */
    double epsilon;
    bool center;
} any_state;

static void broadcast_steps(const whet_shape *x, const whet_shape *of, int64_t *step)
{
    int64_t s = 1;
    for (int i = x->rank - 1; i >= 0; i--) {
        const int j = i - (x->rank - of->rank);
        step[i] = j >= 0 && of->dims[j] > 1 ? s : 0;
        if (j >= 0) s *= of->dims[j];
    }
}

static whet_status create(whet_cpu_node *k)
{
    any_state *s = whet_cpu_state(k, sizeof *s);
    const whet_shape *x = &k->in[0].shape;
    int64_t axis = whet_node_int(k->n, "axis", -1);
    if (s == NULL) return WHET_ENOMEM;
    WHET_TRY(whet_need_float(k));
    for (int i = 0; i < k->n_in; i++)
        if (k->in[i].layout != WHET_NCHW) return whet_cpu_refuse(k, "layout NHWC");
    if (axis < 0) axis += x->rank;
    s->run = 1;
    for (int i = (int)axis; i < x->rank; i++) s->run *= x->dims[i];
    s->runs = s->run > 0 ? k->in[0].numel / s->run : 0;
    s->epsilon = (double)whet_node_float(k->n, "epsilon", 1e-5f);
    s->center = strcmp(k->impl->op, "RMSNormalization") != 0;
    broadcast_steps(x, &k->in[1].shape, s->scale);
    if (k->n_in > 2 && k->in[2].vid >= 0) broadcast_steps(x, &k->in[2].shape, s->bias);
    return WHET_OK;
}

static int64_t offset_of(const whet_shape *x, const int64_t *step, int64_t e)
{
    int64_t at = 0;
    for (int i = x->rank - 1; i >= 0; i--) {
        at += e % x->dims[i] * step[i];
        e /= x->dims[i];
    }
    return at;
}

#define RUN(T)                                                                                                      \
    static void run_##T(const whet_cpu_node *k, const any_state *s, int64_t r)                                      \
    {                                                                                                               \
        const T *x = (const T *)k->in[0].data + r * s->run, *scale = k->in[1].data;                                 \
        const T *bias = k->n_in > 2 && k->in[2].vid >= 0 ? k->in[2].data : NULL;                                    \
        T *y = (T *)k->out[0].data + r * s->run;                                                                    \
        double mean = 0, var = 0;                                                                                   \
        for (int64_t i = 0; s->center && i < s->run; i++) mean += (double)x[i];                                     \
        mean /= (double)s->run;                                                                                     \
        for (int64_t i = 0; i < s->run; i++) var += ((double)x[i] - mean) * ((double)x[i] - mean);                  \
        const double inverse = 1 / sqrt(var / (double)s->run + s->epsilon);                                         \
        for (int64_t i = 0; i < s->run; i++) {                                                                      \
            const int64_t e = r * s->run + i;                                                                       \
            const double b = bias != NULL ? (double)bias[offset_of(&k->in[0].shape, s->bias, e)] : 0;               \
            y[i] = (T)(((double)x[i] - mean) * inverse * (double)scale[offset_of(&k->in[0].shape, s->scale, e)] + b); \
        }                                                                                                           \
        if (k->n_out > 1 && k->out[1].vid >= 0) ((T *)k->out[1].data)[r] = (T)mean;                                 \
        if (k->n_out > 2 && k->out[2].vid >= 0) ((T *)k->out[2].data)[r] = (T)inverse;                              \
    }
RUN(float)
RUN(double)

static void some_runs(void *arg, int64_t begin, int64_t end)
{
    const whet_cpu_node *k = arg;
    const any_state *s = k->state;
    for (int64_t r = begin; r < end; r++) {
        if (k->in[0].dtype == WHET_F64) run_double(k, s, r);
        else run_float(k, s, r);
    }
}

static whet_status run(const whet_cpu_node *k)
{
    const any_state *s = k->state;
    cpu_range_run(s->runs, 1 + NEST_GRAIN / WHET_MAX(s->run, 1), k->team, some_runs, (void *)(uintptr_t)k);
    return WHET_OK;
}

#define ANY(symbol, op_)                                                                                            \
    const whet_cpu_impl whet_cpu_##symbol##_any = {.op = op_, .name = "any", .provider = WHET_PROVIDER_REF,         \
                                                   .create = create, .run = run};
ANY(layer_norm, "LayerNormalization")
ANY(rms_norm, "RMSNormalization")
