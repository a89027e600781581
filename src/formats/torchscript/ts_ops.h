/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operators and what its readers share. */
#ifndef WHET_FORMATS_TS_OPS_H
#define WHET_FORMATS_TS_OPS_H

#include "formats/torchscript/ts_eval.h"

struct ts_writer;
struct ts_line;
typedef whet_status (*ts_write_fn)(struct ts_writer *w, const whet_node *n);

typedef struct ts_op {
    const char *name, *ir; /* "conv2d", "Conv" */
    ts_op_fn read;         /* NULL: not read */
    ts_write_fn write;     /* NULL: not written in this form */
    const char *params;    /* names of the parameters, in order */
} ts_op;
const ts_op *ts_op_find(const char *name);     /* NULL if absent */
const ts_op *ts_op_at(size_t i);               /* NULL from the end on */
const ts_op *ts_op_for(const char *ir);        /* the row that writes an operator, or NULL */

/* --- arguments; UNSET and None are "not given" */
bool ts_given(const ts_call *c, int i);
whet_status ts_in(ts_call *c, int i, whet_vid *out);
whet_status ts_in_optional(ts_call *c, int i, whet_vid *out); /* WHET_NO_VALUE if not given */
whet_status ts_get_int(ts_call *c, int i, int64_t otherwise, int64_t *out);
whet_status ts_get_float(ts_call *c, int i, double otherwise, double *out);
whet_status ts_get_bool(ts_call *c, int i, bool otherwise, bool *out);
/* One number counts as a list of it. *n = 0 if not given. */
whet_status ts_get_ints(ts_call *c, int i, int cap, int64_t *out, int *n);
/* Exactly n numbers, one standing for all; `otherwise` if not given or empty. */
whet_status ts_get_each(ts_call *c, int i, int n, int64_t otherwise, int64_t *out);
whet_status ts_get_tensors(ts_call *c, int i, int cap, whet_vid *out, int *n);
whet_status ts_rank(ts_call *c, whet_vid v, int *rank);
/* Argument i as an axis of a tensor of that rank. */
whet_status ts_get_axis(ts_call *c, int i, int64_t otherwise, int rank, int *out);
const whet_dims *ts_dims(const ts_call *c, whet_vid v);
/* A list of sizes, some perhaps computed, as s64[n]. */
whet_status ts_sizes(ts_call *c, const ts_value *list, whet_vid *out, int *n);
whet_status ts_size_of(ts_eval *e, whet_vid v, int axis, ts_value *out);

/* --- results */
whet_status ts_emit(ts_call *c, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attrs, whet_vid *out);
whet_status ts_emit_many(ts_call *c, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attrs, int n_out, whet_vid *out);
whet_status ts_result(ts_call *c, whet_vid v);        /* a tensor of its own */
whet_status ts_result_view(ts_call *c, whet_vid v);   /* shares bytes with argument 0 */
whet_status ts_refuse(ts_call *c, const char *fmt, ...) WHET_PRINTF(2, 3); /* "operator 'torch.x': ..." */
whet_status ts_scalar_like(ts_call *c, whet_vid like, double x, whet_vid *out);
/* Arguments i and k as tensors of one type, numbers becoming constants. */
whet_status ts_pair(ts_call *c, int i, int k, whet_vid *a, whet_vid *b);
whet_status ts_cast(ts_call *c, whet_vid v, whet_dtype t, whet_vid *out);
whet_status ts_ints(ts_call *c, int n, const int64_t *x, whet_vid *out);
whet_dtype ts_dtype_of_code(int64_t code);  /* torch's number of a type: 6 = float; NONE if not handled */
int ts_code_of_dtype(whet_dtype t);

#define T(name, ir, read, write, params) whet_status ts_read_##read(ts_call *c);
#define ts_read_none ts_read_none_
#include "formats/torchscript/torchscript_ops.def"
#undef T
#undef ts_read_none
#define T(name, ir, read, write, params) whet_status ts_write_##write(struct ts_writer *w, const whet_node *n);
#define ts_write_none ts_write_none_
#include "formats/torchscript/torchscript_ops.def"
#undef T
#undef ts_write_none

#endif
