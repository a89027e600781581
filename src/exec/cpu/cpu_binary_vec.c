/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise operators of two f32 tensors by the vector kernels of kernels/binary. The loop nest gives the broadcast in
 * either layout; its two inner loops are one call of a kernel. Work is cut at elements given by the sizes alone. */
#include <string.h>

#include "base/cpu.h"
#include "exec/cpu/cpu_nest.h"
#include "exec/cpu/cpu_own.h"
#include "kernels/binary/binary_vec.h"

typedef struct vec_state {
    whet_binary_rows_fn fn;
    cpu_nest nest;
    int chunks;
} vec_state;

static const char *kernel_of(const char *op)
{
#define BINARY(op_, kernel)                                                                                         \
    if (strcmp(op, #op_) == 0) return kernel;
#include "exec/cpu/cpu_binary_vec.def"
#undef BINARY
    return op;
}

static whet_status create(whet_cpu_node *k)
{
    const whet_cpu_arg *pair[2] = {&k->in[0], &k->in[1]};
    if (k->n_in != 2) return whet_cpu_refuse(k, "%d inputs, not 2", k->n_in);
    WHET_TRY(whet_own_need_f32(k));
    vec_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->fn = whet_binary_vec_find(k->isa, kernel_of(k->n->op->name));
    if (s->fn == NULL) return whet_cpu_refuse(k, "no vector kernel of %s", k->n->op->name);
    cpu_nest_broadcast(&s->nest, &k->out[0], 2, pair);
    const int last = s->nest.rank - 1;
    for (int o = 1; o <= 2; o++)
        if (s->nest.stride[o][last] != 0 && s->nest.stride[o][last] != 1)
            return whet_cpu_refuse(k, "input %d has its elements %lld apart", o - 1, (long long)s->nest.stride[o][last]);
    s->chunks = whet_chunks(s->nest.total, NEST_GRAIN, NEST_CHUNKS);
    return WHET_OK;
}

/* Elements at .. at + n - 1 of the nest, n at most what is left of a row, or whole rows of the loop before the last. */
static void call(const whet_cpu_node *k, const vec_state *s, int64_t at, int64_t rows, int64_t n)
{
    const cpu_nest *t = &s->nest;
    const int last = t->rank - 1, up = last - 1;
    int64_t offset[3] = {0}, rest = at;
    for (int d = last; d >= 0; d--) {
        const int64_t i = rest % t->size[d];
        rest /= t->size[d];
        for (int o = 0; o < 3; o++) offset[o] += i * t->stride[o][d];
    }
    const whet_binary_rows w = {.rows = rows, .n = n, .a = (const float *)k->in[0].data + offset[1],
                                .b = (const float *)k->in[1].data + offset[2], .ra = up < 0 ? 0 : t->stride[1][up],
                                .sa = t->stride[1][last], .rb = up < 0 ? 0 : t->stride[2][up], .sb = t->stride[2][last],
                                .dst = (float *)k->out[0].data + offset[0], .rd = up < 0 ? 0 : t->stride[0][up]};
    s->fn(&w);
}

static void chunk_fn(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const vec_state *s = k->state;
    const cpu_nest *t = &s->nest;
    const int last = t->rank - 1;
    const int64_t row = t->size[last], end = whet_chunk_begin(t->total, s->chunks, chunk + 1);
    (void)worker;
    for (int64_t at = whet_chunk_begin(t->total, s->chunks, chunk); at < end;) {
        const int64_t done = at % row;
        int64_t n = WHET_MIN(row - done, end - at), rows = 1;
        if (done == 0 && end - at >= row && last > 0)
            rows = WHET_MIN((end - at) / row, t->size[last - 1] - at / row % t->size[last - 1]);
        call(k, s, at, rows, n);
        at += rows * n;
    }
}

static whet_status run(const whet_cpu_node *k)
{
    const vec_state *s = k->state;
    if (s->nest.total > 0) whet_parallel(k->team, s->chunks, chunk_fn, (void *)(uintptr_t)k);
    return WHET_OK;
}

static bool inplace(const whet_cpu_node *k, int o, int i)
{
    return o == 0 && i <= 1 && k->in[i].numel == k->out[0].numel && k->in[i].layout == k->out[0].layout;
}

#define BINARY(op_, kernel)                                                                                         \
    const whet_cpu_impl whet_cpu_##op_##_vec = {.op = #op_, .name = "vec", .provider = WHET_PROVIDER_VEC,           \
                                                .isa = WHET_ISA_AVX2, .create = create, .run = run, .inplace = inplace};
#include "exec/cpu/cpu_binary_vec.def"
#undef BINARY
