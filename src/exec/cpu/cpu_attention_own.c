/* SPDX-License-Identifier: Apache-2.0 */
/* whet.FusedAttention on the own kernels: a chunk is a block of queries of one head of one image. */
#include "exec/cpu/cpu_attention.h"
#include "exec/cpu/cpu_own.h"
#include "kernels/attention/attention.h"

typedef struct attention_state {
    whet_attention a;
    const whet_attention_kernel *kernel;
    int64_t blocks;      /* of queries */
    size_t scratch;      /* floats of a thread */
} attention_state;

static whet_status create(whet_cpu_node *k)
{
    const int64_t limit = 1 << 24;
    WHET_TRY(whet_own_need_f32(k));
    attention_state *s = whet_cpu_state(k, sizeof *s);
    if (!s) return WHET_ENOMEM;
    WHET_TRY(whet_attention_read(k, &s->a));
    const whet_attention *a = &s->a;
    if (a->n < 1 || a->lq < 1 || a->lk < 1) return whet_cpu_refuse(k, "an operand is empty");
    if (a->lk > limit || a->dim > 4096 || a->value > 4096) return whet_cpu_refuse(k, "an operand is too large");
    s->kernel = whet_attention_kernel_for(k->isa);
    s->blocks = (a->lq + WHET_ATTENTION_BLOCK - 1) / WHET_ATTENTION_BLOCK;
    if (s->blocks > INT32_MAX / a->heads / a->n) return whet_cpu_refuse(k, "an operand is too large");
    s->scratch = WHET_ALIGN_UP(whet_attention_scratch(a->lk, (int)a->dim, (int)a->value), 16);
    whet_own_reserve(k, s->scratch * (size_t)whet_team_size(k->team));
    return WHET_OK;
}

static void block_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const attention_state *s = k->state;
    const whet_attention *a = &s->a;
    const int64_t block = chunk % s->blocks, h = chunk / s->blocks % a->heads, n = chunk / (s->blocks * a->heads);
    const int64_t i = block * WHET_ATTENTION_BLOCK;
    whet_attention_args args = {
        .q = (const float *)k->in[0].data + (n * a->lq + i) * a->q_row + a->q_offset + h * a->dim,
        .k = (const float *)k->in[1].data + n * a->lk * a->k_row + a->k_offset + h * a->dim,
        .v = (const float *)k->in[2].data + n * a->lk * a->v_row + a->v_offset + h * a->value,
        .q_row = (ptrdiff_t)a->q_row, .k_row = (ptrdiff_t)a->k_row, .v_row = (ptrdiff_t)a->v_row,
        .dst = (float *)k->out[0].data + ((n * a->lq + i) * a->heads + h) * a->value, .dst_row = (ptrdiff_t)(a->heads * a->value),
        .n_q = (int)WHET_MIN(a->lq - i, WHET_ATTENTION_BLOCK), .n_k = a->lk, .dim = (int)a->dim, .value = (int)a->value,
        .scale = a->scale, .scratch = (float *)k->workspace + s->scratch * (size_t)worker};
    if (a->masked) {
        args.mask = (const float *)k->in[3].data + n * a->mask[0] + h * a->mask[1] + i * a->mask[2];
        args.mask_query = (ptrdiff_t)a->mask[2];
        args.mask_key = (ptrdiff_t)a->mask[3];
    }
    s->kernel->block(&args);
}

static whet_status run(const whet_cpu_node *k)
{
    const attention_state *s = k->state;
    whet_parallel(k->team, (int)(s->a.n * s->a.heads * s->blocks), block_chunk, (void *)(uintptr_t)k);
    return WHET_OK;
}

const whet_cpu_impl whet_cpu_attention_own = {.op = "whet.FusedAttention", .name = "blocks", .provider = WHET_PROVIDER_OWN | WHET_PROVIDER_VEC, .isa = WHET_ISA_AVX2,
                                              .create = create, .run = run};
