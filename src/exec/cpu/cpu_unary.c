/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise operators of one tensor: binding to the kernels of kernels/unary. All work is linear over the bytes, so the
 * layout does not matter as long as operands share it. */
#include <stdio.h>
#include <string.h>

#include "exec/cpu/cpu_nest.h"
#include "exec/cpu/cpu_unary.h"
#include "exec/exec.h"
#include "kernels/unary/unary.h"

typedef struct unary_state {
    const whet_unary_ref *ref;
    float par[2];
    size_t in_size, out_size;
} unary_state;

void cpu_unary_parameters(const whet_node *n, const whet_op *op, float *par)
{
    int k = 0;
    for (const whet_attr_def *d = op->attrs; d->name != NULL && k < 2; d++) {
        if (d->type == WHET_ATTR_FLOAT) par[k++] = whet_node_attr(n, d->name) != NULL ? whet_node_float(n, d->name, d->f) : d->f;
        else if (d->type == WHET_ATTR_INT) par[k++] = (float)whet_node_int(n, d->name, d->i);
    }
}

static whet_status make_state(whet_cpu_node *k, const char *op)
{
    const bool tanh_form = strcmp(whet_node_string(k->n, "approximate", "none"), "tanh") == 0;
    const whet_op *def = whet_op_find(op);
    const whet_unary_ref *ref = whet_unary_find(tanh_form ? "GeluTanh" : op, whet_dtype_name(k->in[0].dtype));
    if (ref == NULL || def == NULL) return whet_cpu_refuse(k, "no %s for type %s", op, whet_dtype_name(k->in[0].dtype));
    unary_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->ref = ref;
    s->in_size = whet_dtype_size(k->in[0].dtype);
    s->out_size = whet_dtype_size(k->out[0].dtype);
    cpu_unary_parameters(k->n, def, s->par);
    return WHET_OK;
}

static whet_status same_layouts(whet_cpu_node *k, int n_in)
{
    for (int i = 0; i < n_in; i++)
        if (k->in[i].layout != k->out[0].layout) return whet_cpu_refuse(k, "input %d has another layout than the result", i);
    return WHET_OK;
}

static whet_status unary_create(whet_cpu_node *k)
{
    WHET_TRY(same_layouts(k, 1));
    return make_state(k, k->n->op->name);
}

static void unary_range(void *arg, int64_t begin, int64_t end)
{
    const whet_cpu_node *k = arg;
    const unary_state *s = k->state;
    s->ref->run(end - begin, (const char *)k->in[0].data + (size_t)begin * s->in_size,
                (char *)k->out[0].data + (size_t)begin * s->out_size, s->par);
}

static whet_status unary_run(const whet_cpu_node *k)
{
    cpu_range_run(k->out[0].numel, NEST_GRAIN / 4, k->team, unary_range, (void *)(uintptr_t)k);
    return WHET_OK;
}

static bool unary_inplace(const whet_cpu_node *k, int o, int i)
{
    return o == 0 && i == 0 && whet_dtype_size(k->in[0].dtype) == whet_dtype_size(k->out[0].dtype);
}

static whet_status grad_create(whet_cpu_node *k)
{
    WHET_TRY(same_layouts(k, 2));
    WHET_TRY(make_state(k, whet_node_string(k->n, "of", "")));
    const unary_state *s = k->state;
    return s->ref->grad != NULL ? WHET_OK : whet_cpu_refuse(k, "no gradient for type %s", whet_dtype_name(k->in[0].dtype));
}

static void grad_range(void *arg, int64_t begin, int64_t end)
{
    const whet_cpu_node *k = arg;
    const unary_state *s = k->state;
    const size_t at = (size_t)begin * s->in_size;
    s->ref->grad(end - begin, (const char *)k->in[0].data + at, (const char *)k->in[1].data + at, (char *)k->out[0].data + at, s->par);
}

static whet_status grad_run(const whet_cpu_node *k)
{
    cpu_range_run(k->out[0].numel, NEST_GRAIN / 4, k->team, grad_range, (void *)(uintptr_t)k);
    return WHET_OK;
}

static bool grad_inplace(const whet_cpu_node *k, int o, int i) { (void)k; return o == 0 && i <= 1; }

typedef struct clip_state {
    whet_clip_fn run;
    whet_clip_grad_fn grad;
    size_t size;
} clip_state;

static whet_status clip_create(whet_cpu_node *k)
{
    WHET_TRY(same_layouts(k, 1));
    clip_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->run = whet_clip_find(whet_dtype_name(k->in[0].dtype));
    s->size = whet_dtype_size(k->in[0].dtype);
    return s->run != NULL ? WHET_OK : whet_cpu_refuse(k, "no Clip for type %s", whet_dtype_name(k->in[0].dtype));
}

static const void *bound(const whet_cpu_node *k, int i) { return i < k->n_in && k->in[i].vid >= 0 ? k->in[i].data : NULL; }

static void clip_range(void *arg, int64_t begin, int64_t end)
{
    const whet_cpu_node *k = arg;
    const clip_state *s = k->state;
    const size_t at = (size_t)begin * s->size;
    s->run(end - begin, (const char *)k->in[0].data + at, (char *)k->out[0].data + at, bound(k, 1), bound(k, 2));
}

static whet_status clip_run(const whet_cpu_node *k)
{
    cpu_range_run(k->out[0].numel, NEST_GRAIN, k->team, clip_range, (void *)(uintptr_t)k);
    return WHET_OK;
}

static whet_status clip_grad_create(whet_cpu_node *k)
{
    WHET_TRY(same_layouts(k, 2));
    clip_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->grad = whet_clip_grad_find(whet_dtype_name(k->in[0].dtype));
    s->size = whet_dtype_size(k->in[0].dtype);
    return s->grad != NULL ? WHET_OK : whet_cpu_refuse(k, "no ClipGrad for type %s", whet_dtype_name(k->in[0].dtype));
}

static void clip_grad_range(void *arg, int64_t begin, int64_t end)
{
    const whet_cpu_node *k = arg;
    const clip_state *s = k->state;
    const size_t at = (size_t)begin * s->size;
    s->grad(end - begin, (const char *)k->in[0].data + at, (const char *)k->in[1].data + at, (char *)k->out[0].data + at, bound(k, 2), bound(k, 3));
}

static whet_status clip_grad_run(const whet_cpu_node *k)
{
    cpu_range_run(k->out[0].numel, NEST_GRAIN, k->team, clip_grad_range, (void *)(uintptr_t)k);
    return WHET_OK;
}

static bool clip_inplace(const whet_cpu_node *k, int o, int i) { (void)k; return o == 0 && i == 0; }

#define UNARY(op_)                                                                                                  \
    const whet_cpu_impl whet_cpu_##op_##_ref = {.op = #op_, .name = "ref", .provider = WHET_PROVIDER_REF,         \
                                                 .create = unary_create, .run = unary_run, .inplace = unary_inplace};
#include "exec/cpu/cpu_unary.def"
#undef UNARY

const whet_cpu_impl whet_cpu_UnaryGrad_ref = {.op = "whet.UnaryGrad", .name = "ref", .provider = WHET_PROVIDER_REF,
                                              .create = grad_create, .run = grad_run, .inplace = grad_inplace};
const whet_cpu_impl whet_cpu_Clip_ref = {.op = "Clip", .name = "ref", .provider = WHET_PROVIDER_REF, .create = clip_create,
                                         .run = clip_run, .inplace = clip_inplace};
const whet_cpu_impl whet_cpu_ClipGrad_ref = {.op = "whet.ClipGrad", .name = "ref", .provider = WHET_PROVIDER_REF,
                                             .create = clip_grad_create, .run = clip_grad_run, .inplace = grad_inplace};
