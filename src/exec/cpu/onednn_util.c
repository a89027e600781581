/* SPDX-License-Identifier: Apache-2.0 */
/* oneDNN 2.6 behind four calls. Primitives, memory objects and the scratchpad's size are made with the plan; a run only sets
 * pointers and executes. The library itself builds a small map of its arguments at each execution, which allocates; the
 * rows therefore stand behind the own kernels, see docs/KERNELS.md. */
#include "exec/cpu/onednn_util.h"

#include <math.h>
#include <stdio.h>

whet_status whet_dnn_check(whet_cpu_node *k, dnnl_status_t status, const char *what)
{
    if (status == dnnl_success) return WHET_OK;
    if (status == dnnl_out_of_memory) return WHET_FAIL(WHET_ENOMEM, "oneDNN: out of memory");
    return whet_cpu_refuse(k, "oneDNN: %s: status %d", what, (int)status);
}

whet_status whet_dnn_open(whet_cpu_node *k, dnn_engine *e)
{
    WHET_TRY(whet_dnn_check(k, dnnl_engine_create(&e->engine, dnnl_cpu, 0), "engine"));
    return whet_dnn_check(k, dnnl_stream_create(&e->stream, e->engine, dnnl_stream_default_flags), "stream");
}

void whet_dnn_close(dnn_engine *e)
{
    if (e->stream) dnnl_stream_destroy(e->stream);
    if (e->engine) dnnl_engine_destroy(e->engine);
    *e = (dnn_engine){0};
}

whet_status whet_dnn_plain(whet_cpu_node *k, dnnl_memory_desc_t *md, int rank, const int64_t *dims, dnnl_format_tag_t tag)
{
    dnnl_dims_t d = {0};
    for (int i = 0; i < rank; i++) d[i] = dims[i];
    return whet_dnn_check(k, dnnl_memory_desc_init_by_tag(md, rank, d, dnnl_f32, tag), "memory");
}

whet_status whet_dnn_arg(whet_cpu_node *k, const dnn_engine *e, dnn_exec *x, int arg, const dnnl_memory_desc_t *md)
{
    dnnl_memory_t m = NULL;
    if (x->n_args == DNN_MAX_ARGS) return WHET_FAIL(WHET_EINVAL, "too many oneDNN arguments");
    WHET_TRY(whet_dnn_check(k, dnnl_memory_create(&m, md, e->engine, DNNL_MEMORY_NONE), "memory"));
    x->args[x->n_args++] = (dnnl_exec_arg_t){arg, m};
    return WHET_OK;
}

whet_status whet_dnn_make(whet_cpu_node *k, const dnn_engine *e, dnnl_primitive_desc_t pd, dnn_exec *x)
{
    const dnnl_memory_desc_t *scratch = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    dnnl_status_t status = dnnl_primitive_create(&x->prim, pd);
    x->scratch_size = scratch ? dnnl_memory_desc_get_size(scratch) : 0;
    if (status == dnnl_success && x->scratch_size > 0)
        status = dnnl_memory_create(&x->scratch, scratch, e->engine, DNNL_MEMORY_NONE);
    dnnl_primitive_desc_destroy(pd);
    return whet_dnn_check(k, status, "primitive");
}

whet_status whet_dnn_reorder(whet_cpu_node *k, const dnn_engine *e, const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to,
                             dnn_exec *x)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attr);
    if (status == dnnl_success) status = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (status == dnnl_success) status = dnnl_reorder_primitive_desc_create(&pd, from, e->engine, to, e->engine, attr);
    dnnl_primitive_attr_destroy(attr);
    WHET_TRY(whet_dnn_check(k, status, "reorder"));
    WHET_TRY(whet_dnn_make(k, e, pd, x));
    WHET_TRY(whet_dnn_arg(k, e, x, DNNL_ARG_FROM, from));
    return whet_dnn_arg(k, e, x, DNNL_ARG_TO, to);
}

void whet_dnn_free(dnn_exec *x)
{
    for (int i = 0; i < x->n_args; i++) dnnl_memory_destroy(x->args[i].memory);
    if (x->scratch) dnnl_memory_destroy(x->scratch);
    if (x->prim) dnnl_primitive_destroy(x->prim);
    *x = (dnn_exec){0};
}

void whet_dnn_point(const dnn_exec *x, int i, const void *data)
{
    dnnl_memory_set_data_handle(x->args[i].memory, (void *)data);
}

whet_status whet_dnn_run(const dnn_engine *e, const dnn_exec *x, void *scratch)
{
    dnnl_exec_arg_t args[DNN_MAX_ARGS + 1];
    int n = x->n_args;
    for (int i = 0; i < n; i++) args[i] = x->args[i];
    if (x->scratch) {
        dnnl_memory_set_data_handle(x->scratch, scratch);
        args[n++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, x->scratch};
    }
    const dnnl_status_t status = dnnl_primitive_execute(x->prim, e->stream, n, args);
    if (status != dnnl_success || dnnl_stream_wait(e->stream) != dnnl_success)
        return WHET_FAIL(WHET_ERUNTIME, "oneDNN failed with status %d", (int)status);
    return WHET_OK;
}

static dnnl_status_t activation(const whet_fused *f, dnnl_post_ops_t ops)
{
    static const struct { enum whet_act act; dnnl_alg_kind_t alg; float alpha; } plain[] = {
        {WHET_ACT_SIGMOID, dnnl_eltwise_logistic, 0},    {WHET_ACT_SILU, dnnl_eltwise_swish, 1}, {WHET_ACT_HARDSWISH, dnnl_eltwise_hardswish, 0},
        {WHET_ACT_GELU, dnnl_eltwise_gelu_erf, 0},       {WHET_ACT_TANH, dnnl_eltwise_tanh, 0},  {WHET_ACT_GELU_TANH, dnnl_eltwise_gelu_tanh, 0}};
    if (f->act == WHET_ACT_NONE) return dnnl_success;
    for (size_t i = 0; i < WHET_COUNT(plain); i++)
        if (plain[i].act == f->act) return dnnl_post_ops_append_eltwise(ops, 1.0f, plain[i].alg, plain[i].alpha, 0.0f);
    if (f->act == WHET_ACT_HARDSIGMOID) {
        const dnnl_status_t status = dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_linear, f->lo, f->hi);
        return status == dnnl_success ? dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_clip, 0.0f, 1.0f) : status;
    }
    if (f->lo == 0.0f && f->hi == INFINITY) return dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f);
    return dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_clip, f->lo, f->hi);
}

dnnl_status_t whet_dnn_post_ops(const whet_fused *f, bool residual, dnnl_primitive_attr_t attr)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t status = dnnl_post_ops_create(&ops);
    if (status == dnnl_success && residual && !f->residual_after) status = dnnl_post_ops_append_sum(ops, 1.0f);
    if (status == dnnl_success) status = activation(f, ops);
    if (status == dnnl_success && residual && f->residual_after) status = dnnl_post_ops_append_sum(ops, 1.0f);
    if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(attr, ops);
    dnnl_post_ops_destroy(ops);
    return status;
}

void whet_dnn_key(char *key, size_t size, const dnnl_memory_desc_t *w)
{
    const dnnl_blocking_desc_t *b = &w->format_desc.blocking;
    int n = snprintf(key, size, "onednn%d", b->inner_nblks);
    for (int i = 0; i < w->ndims && n > 0 && n < (int)size - 40; i++)
        n += snprintf(key + n, size - (size_t)n, " %lld", (long long)b->strides[i]);
    for (int i = 0; i < b->inner_nblks && n > 0 && n < (int)size - 20; i++)
        n += snprintf(key + n, size - (size_t)n, "/%d.%d", (int)b->inner_idxs[i], (int)b->inner_blks[i]);
}
