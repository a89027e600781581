/* SPDX-License-Identifier: Apache-2.0 */
/* Dropout and its gradient. Element i keeps its value when the number that Philox gives for (seed; step; i) is at least
 * `ratio`. The executor's key of a node holds its name, and for a gradient node the forward node's (attribute `of`), so
 * both draw the same numbers. */
#include "base/mem.h"
#include "base/rng.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/exec.h"

#define BLOCK 4096 /* elements a chunk; a multiple of four */

typedef struct dropout_state {
    uint64_t seed;
    int chunks;
} dropout_state;

typedef struct dropout_job {
    const whet_cpu_node *k;
    double ratio;
} dropout_job;

static whet_status create(whet_cpu_node *k)
{
    for (int i = 0; i < 2 && i < k->n_in; i++)
        if (k->in[i].dtype != WHET_F32 && k->in[i].dtype != WHET_F64 && k->in[i].dtype != WHET_DTYPE_NONE)
            return whet_cpu_refuse(k, "type %s", whet_dtype_name(k->in[i].dtype));
    return WHET_OK;
}

static whet_status reshape(whet_cpu_node *k)
{
    dropout_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->seed = whet_rng_mix(k->seed, (uint64_t)whet_node_int(k->n, "seed", 0));
    s->chunks = (int)WHET_MIN((k->in[0].numel + BLOCK - 1) / BLOCK, (int64_t)INT32_MAX);
    return WHET_OK;
}

static void chunk_elements(void *arg, int chunk, int worker)
{
    const dropout_job *job = arg;
    const whet_cpu_node *k = job->k;
    const dropout_state *s = k->state;
    const int64_t lo = (int64_t)chunk * BLOCK, hi = WHET_MIN(k->in[0].numel, lo + BLOCK);
    uint8_t *mask = k->n_out > 1 && k->out[1].dtype != WHET_DTYPE_NONE ? k->out[1].data : NULL;
    const double scale = job->ratio < 1 ? 1 / (1 - job->ratio) : 0;
    whet_philox block = {{0}};
    (void)worker;
    for (int64_t i = lo; i < hi; i++) {
        if (job->ratio > 0 && i % 4 == 0) block = whet_rng_block(s->seed, *k->step, (uint64_t)(i / 4));
        const bool keep = job->ratio <= 0 || (double)block.v[i % 4] * 0x1p-32 >= job->ratio;
        if (k->in[0].dtype == WHET_F64)
            ((double *)k->out[0].data)[i] = keep ? ((const double *)k->in[0].data)[i] * scale : 0;
        else
            ((float *)k->out[0].data)[i] = keep ? ((const float *)k->in[0].data)[i] * (float)scale : 0;
        if (mask != NULL) mask[i] = keep;
    }
}

static whet_status run(const whet_cpu_node *k)
{
    const dropout_state *s = k->state;
    dropout_job job = {k, 0.5};
    const whet_cpu_arg *ratio = k->n_in > 1 && k->in[1].dtype != WHET_DTYPE_NONE ? &k->in[1] : NULL;
    const whet_cpu_arg *training = k->n_in > 2 && k->in[2].dtype != WHET_DTYPE_NONE ? &k->in[2] : NULL;
    if (ratio != NULL) job.ratio = ratio->dtype == WHET_F64 ? *(const double *)ratio->data : (double)*(const float *)ratio->data;
    if (!(job.ratio >= 0 && job.ratio <= 1)) return WHET_FAIL(WHET_ERUNTIME, "dropout ratio %g is not between 0 and 1", job.ratio);
    if (training == NULL || *(const uint8_t *)training->data == 0) job.ratio = 0;
    if (job.ratio > 0 && k->impl->op[0] == 'D' && whet_node_attr(k->n, "seed") != NULL) {
        const whet_status status = WHET_FAIL(WHET_EUNSUPPORTED, "operator 'Dropout' with a seed of its own: ONNX does not say which "
                                             "generator it is for; drop the attribute to use the program's");
        whet_error_at_node(k->n->name);
        return status;
    }
    whet_parallel(k->team, s->chunks, chunk_elements, &job);
    return WHET_OK;
}

static bool inplace(const whet_cpu_node *k, int o, int i)
{
    (void)k;
    return o == 0 && i == 0;
}

const whet_cpu_impl whet_cpu_dropout_ref = {.op = "Dropout", .name = "ref", .provider = WHET_PROVIDER_REF, .create = create,
                                            .reshape = reshape, .run = run, .inplace = inplace};
const whet_cpu_impl whet_cpu_dropout_grad_ref = {.op = "whet.DropoutGrad", .name = "ref", .provider = WHET_PROVIDER_REF,
                                                 .create = create, .reshape = reshape, .run = run, .inplace = inplace};
