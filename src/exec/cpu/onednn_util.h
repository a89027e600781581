/* SPDX-License-Identifier: Apache-2.0 */
/* What the oneDNN rows share: one primitive with its memory objects, made when the plan is made. */
#ifndef WHET_EXEC_ONEDNN_UTIL_H
#define WHET_EXEC_ONEDNN_UTIL_H

#include <oneapi/dnnl/dnnl.h>

#include "exec/cpu/cpu_fused.h"
#include "exec/cpu/cpu_own.h"

enum { DNN_MAX_ARGS = 6 };

/* An execution: arguments are memory objects whose pointers are set before each run. */
typedef struct dnn_exec {
    dnnl_primitive_t prim;
    dnnl_memory_t scratch;
    size_t scratch_size;
    int n_args;
    dnnl_exec_arg_t args[DNN_MAX_ARGS];
} dnn_exec;

typedef struct dnn_engine {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
} dnn_engine;

/* Refuses with oneDNN's status unless it is success. */
whet_status whet_dnn_check(whet_cpu_node *k, dnnl_status_t status, const char *what);
whet_status whet_dnn_open(whet_cpu_node *k, dnn_engine *e);
void whet_dnn_close(dnn_engine *e);
/* f32 of `rank` dims in a plain layout. */
whet_status whet_dnn_plain(whet_cpu_node *k, dnnl_memory_desc_t *md, int rank, const int64_t *dims, dnnl_format_tag_t tag);
/* Makes the primitive; adds scratchpad. Frees pd. */
whet_status whet_dnn_make(whet_cpu_node *k, const dnn_engine *e, dnnl_primitive_desc_t pd, dnn_exec *x);
whet_status whet_dnn_arg(whet_cpu_node *k, const dnn_engine *e, dnn_exec *x, int arg, const dnnl_memory_desc_t *md);
/* Reorder between two layouts as an execution of its own: arguments 0 from, 1 to. */
whet_status whet_dnn_reorder(whet_cpu_node *k, const dnn_engine *e, const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to,
                             dnn_exec *x);
/* What a fused node does to its product, as post-operations; the residual lies in the destination when it runs. */
dnnl_status_t whet_dnn_post_ops(const whet_fused *f, bool residual, dnnl_primitive_attr_t attr);
/* The layout of packed weights as a text, for whet_cpu_pack. */
void whet_dnn_key(char *key, size_t size, const dnnl_memory_desc_t *w);
void whet_dnn_free(dnn_exec *x);
void whet_dnn_point(const dnn_exec *x, int i, const void *data); /* argument i in the order they were added */
whet_status whet_dnn_run(const dnn_engine *e, const dnn_exec *x, void *scratch);

#endif
