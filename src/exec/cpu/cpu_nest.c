/* SPDX-License-Identifier: Apache-2.0 */
/* Loop nests over operands with different strides. Neighbouring loops that step alike in all operands are joined, so that
 * equal shapes become one long row and a per-channel broadcast two loops, in either layout. Chunks are cut from the
 * flat element range at points given by the sizes alone. */
#include "exec/cpu/cpu_nest.h"

void cpu_strides(const whet_cpu_arg *a, int64_t *stride)
{
    static const int nhwc[4] = {0, 2, 3, 1};
    int64_t step = 1;
    for (int i = a->shape.rank - 1; i >= 0; i--) {
        const int d = a->layout == WHET_NHWC && a->shape.rank == 4 ? nhwc[i] : i;
        stride[d] = step;
        step *= a->shape.dims[d];
    }
}

void cpu_nest_begin(cpu_nest *t, int operands) { *t = (cpu_nest){.operands = operands, .total = 1}; }

void cpu_nest_loop(cpu_nest *t, int64_t size, const int64_t *stride)
{
    t->total *= size;
    if (size == 1 || t->rank == NEST_RANK) return;
    t->size[t->rank] = size;
    for (int o = 0; o < t->operands; o++) t->stride[o][t->rank] = stride[o];
    t->rank++;
}

static bool joins(const cpu_nest *t, int outer, int inner)
{
    for (int o = 0; o < t->operands; o++)
        if (t->stride[o][outer] != t->stride[o][inner] * t->size[inner]) return false;
    return true;
}

void cpu_nest_finish(cpu_nest *t)
{
    int w = 0;
    for (int i = 1; i < t->rank; i++) {
        if (joins(t, w, i)) {
            t->size[w] *= t->size[i];
        } else {
            w++;
            t->size[w] = t->size[i];
        }
        for (int o = 0; o < t->operands; o++) t->stride[o][w] = t->stride[o][i];
    }
    if (t->rank > 0) t->rank = w + 1;
    if (t->rank == 0) { /* a single element */
        t->rank = 1;
        t->size[0] = 1;
        for (int o = 0; o < t->operands; o++) t->stride[o][0] = 1;
    }
}

void cpu_nest_broadcast(cpu_nest *t, const whet_cpu_arg *out, int n_in, const whet_cpu_arg *const *in)
{
    static const int nhwc[4] = {0, 2, 3, 1};
    int64_t strides[NEST_OPERANDS][WHET_MAX_RANK] = {{0}};
    const int rank = out->shape.rank;
    cpu_nest_begin(t, n_in + 1);
    cpu_strides(out, strides[0]);
    for (int k = 0; k < n_in; k++) {
        int64_t own[WHET_MAX_RANK] = {0};
        const int lead = rank - in[k]->shape.rank;
        cpu_strides(in[k], own);
        for (int d = 0; d < rank; d++) strides[k + 1][d] = d < lead || in[k]->shape.dims[d - lead] == 1 ? 0 : own[d - lead];
    }
    for (int i = 0; i < rank; i++) {
        const int d = out->layout == WHET_NHWC && rank == 4 ? nhwc[i] : i;
        int64_t stride[NEST_OPERANDS];
        for (int o = 0; o <= n_in; o++) stride[o] = strides[o][d];
        cpu_nest_loop(t, out->shape.dims[d], stride);
    }
    cpu_nest_finish(t);
}

typedef struct nest_job {
    const cpu_nest *t;
    cpu_row_fn row;
    void *arg;
    int chunks;
} nest_job;

static void run_chunk(void *arg, int chunk, int worker)
{
    const nest_job *j = arg;
    const cpu_nest *t = j->t;
    int64_t at[NEST_RANK], offset[NEST_OPERANDS] = {0}, inner[NEST_OPERANDS];
    int64_t begin = whet_chunk_begin(t->total, j->chunks, chunk);
    const int64_t end = whet_chunk_begin(t->total, j->chunks, chunk + 1);
    const int last = t->rank - 1;
    (void)worker;
    int64_t rest = begin;
    for (int d = last; d >= 0; d--) {
        at[d] = rest % t->size[d];
        rest /= t->size[d];
        for (int o = 0; o < t->operands; o++) offset[o] += at[d] * t->stride[o][d];
    }
    for (int o = 0; o < t->operands; o++) inner[o] = t->stride[o][last];
    while (begin < end) {
        const int64_t n = WHET_MIN(t->size[last] - at[last], end - begin);
        j->row(j->arg, n, offset, inner);
        begin += n;
        at[last] += n;
        for (int o = 0; o < t->operands; o++) offset[o] += n * inner[o];
        for (int d = last; d > 0 && at[d] == t->size[d]; d--) {
            at[d] = 0;
            at[d - 1]++;
            for (int o = 0; o < t->operands; o++) offset[o] += t->stride[o][d - 1] - t->size[d] * t->stride[o][d];
        }
    }
}

void cpu_nest_run(const cpu_nest *t, whet_team *team, cpu_row_fn row, void *arg)
{
    if (t->total == 0) return;
    nest_job j = {t, row, arg, whet_chunks(t->total, NEST_GRAIN, NEST_CHUNKS)};
    whet_parallel(team, j.chunks, run_chunk, &j);
}

typedef struct range_job {
    int64_t n;
    int chunks;
    cpu_range_fn fn;
    void *arg;
} range_job;

static void run_range(void *arg, int chunk, int worker)
{
    const range_job *j = arg;
    (void)worker;
    j->fn(j->arg, whet_chunk_begin(j->n, j->chunks, chunk), whet_chunk_begin(j->n, j->chunks, chunk + 1));
}

void cpu_range_run(int64_t n, int64_t grain, whet_team *team, cpu_range_fn fn, void *arg)
{
    range_job j = {n, whet_chunks(n, grain, NEST_CHUNKS), fn, arg};
    if (n > 0) whet_parallel(team, j.chunks, run_range, &j);
}
