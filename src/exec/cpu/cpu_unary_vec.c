/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise operators of one f32 tensor by the vector kernels of kernels/unary. Linear over the bytes, so the layout does
 * not matter as long as operands share it; an element's bits do not depend on where the chunks are cut. */
#include <string.h>

#include "base/cpu.h"
#include "exec/cpu/cpu_nest.h"
#include "exec/cpu/cpu_own.h"
#include "exec/cpu/cpu_unary.h"
#include "kernels/unary/halves.h"
#include "kernels/unary/quantize.h"
#include "kernels/unary/unary_vec.h"

#define GRAIN 8192 /* elements a chunk has at least: some microseconds */

typedef struct vec_state {
    const whet_unary_ref *row;
    whet_clip_fn clip;
    whet_clip_grad_fn clip_grad;
    float par[2];
} vec_state;

static whet_status begin(whet_cpu_node *k, int images, vec_state **out)
{
    if (k->in[0].dtype != WHET_F32) return whet_cpu_refuse(k, "type %s, not f32", whet_dtype_name(k->in[0].dtype));
    for (int i = 0; i < images; i++)
        if (k->in[i].layout != k->out[0].layout) return whet_cpu_refuse(k, "input %d has another layout than the result", i);
    *out = whet_cpu_state(k, sizeof **out);
    return *out == NULL ? WHET_ENOMEM : WHET_OK;
}

static whet_status find_row(whet_cpu_node *k, vec_state *s, const char *op)
{
    const bool tanh_form = strcmp(whet_node_string(k->n, "approximate", "none"), "tanh") == 0;
    const whet_op *def = whet_op_find(op);
    s->row = whet_unary_vec_find(k->isa, tanh_form ? "GeluTanh" : op);
    if (s->row == NULL || def == NULL) return whet_cpu_refuse(k, "no vector kernel of %s", op);
    cpu_unary_parameters(k->n, def, s->par);
    return WHET_OK;
}

static whet_status unary_create(whet_cpu_node *k)
{
    vec_state *s = NULL;
    WHET_TRY(begin(k, 1, &s));
    return find_row(k, s, k->n->op->name);
}

static void unary_range(void *arg, int64_t lo, int64_t hi)
{
    const whet_cpu_node *k = arg;
    const vec_state *s = k->state;
    s->row->run(hi - lo, (const float *)k->in[0].data + lo, (float *)k->out[0].data + lo, s->par);
}

static whet_status unary_run(const whet_cpu_node *k)
{
    cpu_range_run(k->out[0].numel, GRAIN, k->team, unary_range, (void *)(uintptr_t)k);
    return WHET_OK;
}

static whet_status grad_create(whet_cpu_node *k)
{
    vec_state *s = NULL;
    WHET_TRY(begin(k, 2, &s));
    return find_row(k, s, whet_node_string(k->n, "of", ""));
}

static void grad_range(void *arg, int64_t lo, int64_t hi)
{
    const whet_cpu_node *k = arg;
    const vec_state *s = k->state;
    s->row->grad(hi - lo, (const float *)k->in[0].data + lo, (const float *)k->in[1].data + lo, (float *)k->out[0].data + lo, s->par);
}

static whet_status grad_run(const whet_cpu_node *k)
{
    cpu_range_run(k->out[0].numel, GRAIN, k->team, grad_range, (void *)(uintptr_t)k);
    return WHET_OK;
}

static const void *bound(const whet_cpu_node *k, int i) { return i < k->n_in && k->in[i].vid >= 0 ? k->in[i].data : NULL; }

static whet_status clip_create(whet_cpu_node *k)
{
    vec_state *s = NULL;
    WHET_TRY(begin(k, 1, &s));
    s->clip = whet_clip_vec(k->isa);
    return s->clip != NULL ? WHET_OK : whet_cpu_refuse(k, "no vector kernel of Clip");
}

static void clip_range(void *arg, int64_t lo, int64_t hi)
{
    const whet_cpu_node *k = arg;
    const vec_state *s = k->state;
    s->clip(hi - lo, (const float *)k->in[0].data + lo, (float *)k->out[0].data + lo, bound(k, 1), bound(k, 2));
}

static whet_status clip_run(const whet_cpu_node *k)
{
    cpu_range_run(k->out[0].numel, GRAIN, k->team, clip_range, (void *)(uintptr_t)k);
    return WHET_OK;
}

static whet_status clip_grad_create(whet_cpu_node *k)
{
    vec_state *s = NULL;
    WHET_TRY(begin(k, 2, &s));
    s->clip_grad = whet_clip_grad_vec(k->isa);
    return s->clip_grad != NULL ? WHET_OK : whet_cpu_refuse(k, "no vector kernel of ClipGrad");
}

static void clip_grad_range(void *arg, int64_t lo, int64_t hi)
{
    const whet_cpu_node *k = arg;
    const vec_state *s = k->state;
    s->clip_grad(hi - lo, (const float *)k->in[0].data + lo, (const float *)k->in[1].data + lo, (float *)k->out[0].data + lo,
                 bound(k, 2), bound(k, 3));
}

static whet_status clip_grad_run(const whet_cpu_node *k)
{
    cpu_range_run(k->out[0].numel, GRAIN, k->team, clip_grad_range, (void *)(uintptr_t)k);
    return WHET_OK;
}

/* --- Cast between f32 and bf16 (activations kept for backward in half the bytes) or s32 (sums of quantised operators) */

static whet_status cast_create(whet_cpu_node *k)
{
    const whet_dtype from = k->in[0].dtype, to = k->out[0].dtype, other = from == WHET_F32 ? to : from;
    if ((from != WHET_F32 && to != WHET_F32) || (other != WHET_BF16 && other != WHET_S32))
        return whet_cpu_refuse(k, "%s to %s, not f32 and bf16 or s32", whet_dtype_name(from), whet_dtype_name(to));
    return k->in[0].layout == k->out[0].layout ? WHET_OK : whet_cpu_refuse(k, "the layouts differ");
}

static void cast_range(void *arg, int64_t lo, int64_t hi)
{
    const whet_cpu_node *k = arg;
    const whet_halves *h = whet_halves_for(k->isa);
    const whet_quantize *q = whet_quantize_for(k->isa);
    const void *src = k->in[0].data;
    void *dst = k->out[0].data;
    if (k->out[0].dtype == WHET_BF16) h->to_bf16(hi - lo, (const float *)src + lo, (uint16_t *)dst + lo);
    else if (k->in[0].dtype == WHET_BF16) h->from_bf16(hi - lo, (const uint16_t *)src + lo, (float *)dst + lo);
    else if (k->out[0].dtype == WHET_S32) q->cut_s32(hi - lo, (const float *)src + lo, (int32_t *)dst + lo);
    else q->from_s32(hi - lo, (const int32_t *)src + lo, (float *)dst + lo);
}

static whet_status cast_run(const whet_cpu_node *k)
{
    cpu_range_run(k->out[0].numel, GRAIN, k->team, cast_range, (void *)(uintptr_t)k);
    return WHET_OK;
}

static bool never_inplace(const whet_cpu_node *k, int o, int i) { (void)k, (void)o, (void)i; return false; }
static bool first_inplace(const whet_cpu_node *k, int o, int i) { (void)k; return o == 0 && i == 0; }
static bool grad_inplace(const whet_cpu_node *k, int o, int i) { (void)k; return o == 0 && i <= 1; }

#define IMPL(symbol, op_, create_, run_, inplace_)                                                                  \
    const whet_cpu_impl whet_cpu_##symbol##_vec = {.op = op_, .name = "vec", .provider = WHET_PROVIDER_VEC,         \
                                                   .isa = WHET_ISA_AVX2, .create = create_, .run = run_, .inplace = inplace_};
#define UNARY(op_) IMPL(op_, #op_, unary_create, unary_run, first_inplace)
#include "exec/cpu/cpu_unary_vec.def"
#undef UNARY
IMPL(Cast, "Cast", cast_create, cast_run, never_inplace)
IMPL(UnaryGrad, "whet.UnaryGrad", grad_create, grad_run, grad_inplace)
IMPL(Clip, "Clip", clip_create, clip_run, first_inplace)
IMPL(ClipGrad, "whet.ClipGrad", clip_grad_create, clip_grad_run, grad_inplace)
