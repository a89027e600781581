/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the TFLite reader: its state, tensors, and an operator while it is turned into nodes. */
#ifndef WHET_FORMATS_TFLITE_READER_H
#define WHET_FORMATS_TFLITE_READER_H

#include "base/io.h"
#include "formats/mapped.h"
#include "formats/nhwc_import.h"
#include "formats/tflite/tflite.h"
#include "formats/tflite/tflite_schema.h"
#include "wire/flatbuf.h"

enum { TFL_MAX_ARITY = 1024, TFL_MAX_INTS = 64 };

/* A tensor has up to four values: as the file types it (`raw`: integers where it is quantised) and as numbers (`real`: floats),
 * each channels last and first. They are made when an operator asks for them. */
typedef struct tfl_tensor {
    const char *name;      /* unique, not empty */
    size_t at;             /* in the file */
    whet_dtype dtype;      /* as the file says; NONE: a type that whet has not */
    int type;
    whet_dims dims;        /* as in the file; free sizes are symbols */
    whet_fb_vector scale, zero;
    int axis;              /* of the scales, where there are several */
    bool constant, variable, sparse, defined;
    whet_dtype stored;     /* of the constant's bytes: f16 behind DEQUANTIZE */
    const uint8_t *data;
    size_t bytes;
    whet_nhwc raw, real;
    whet_vid scale_value, zero_value;
} tfl_tensor;

typedef struct tfl_reader {
    whet_graph *g;
    whet_fb fb;
    whet_arena *arena;
    whet_mapped *pin;   /* of the mapped file; NULL: its bytes are somebody else's */
    whet_fb_vector buffers, opcodes;
    tfl_tensor *tensors;
    int n_tensors;
    size_t copy_left;      /* bytes of constants that may still be copied: tensors can share a buffer */
    size_t arity_left;     /* inputs and outputs that operators may still have */
    int max_nodes;
} tfl_reader;

struct tfl_node;
typedef whet_status (*tfl_read_fn)(tfl_reader *r, const struct tfl_node *n);
typedef struct tfl_row {
    const char *name;
    int code, options, version;
    const char *ir;
    tfl_read_fn read;
} tfl_row;
const tfl_row *tfl_row_of(int code); /* NULL: not handled */

typedef struct tfl_node {
    const tfl_row *row;
    const char *label;     /* of the nodes: the first output's name */
    size_t at;
    int n_in, n_out;
    const int32_t *in, *out; /* tensors; -1: absent */
    whet_fb_table opt;     /* absent: all defaults */
} tfl_node;

#define TFL_READ(name) whet_status tflite_read_##name(tfl_reader *r, const tfl_node *n)
#define T(name, code, options, version, ir, read, write) TFL_READ(read);
#include "formats/tflite/tflite_ops.def"
#undef T

/* --- an operator */
whet_status tfl_fail(const tfl_reader *r, const tfl_node *n, whet_status status, const char *fmt, ...) WHET_PRINTF(4, 5);
/* EFORMAT unless the operator has that many inputs and outputs. */
whet_status tfl_arity(const tfl_reader *r, const tfl_node *n, int min_in, int max_in, int n_out);
bool tfl_has(const tfl_node *n, int slot);
tfl_tensor *tfl_in(const tfl_reader *r, const tfl_node *n, int slot);  /* NULL if absent */
tfl_tensor *tfl_out(const tfl_reader *r, const tfl_node *n, int slot);
static inline int64_t tfl_s32(const tfl_node *n, int field, int64_t otherwise) { return whet_fb_int(&n->opt, field, 4, otherwise); }
static inline int tfl_s8(const tfl_node *n, int field) { return (int)whet_fb_int(&n->opt, field, 1, 0); }
/* Integers of a constant input (s32 or s64). EUNSUPPORTED, naming it by `what`, if it is computed. */
whet_status tfl_ints(const tfl_reader *r, const tfl_node *n, int slot, const char *what, int cap, int64_t *out, int *count);
bool tfl_is_const(const tfl_reader *r, const tfl_node *n, int slot);
/* Input `slot` as s64 values, for sizes and shapes. */
whet_status tfl_s64(tfl_reader *r, const tfl_node *n, int slot, whet_vid *out);
/* An axis in the file's order, negative counted from the end. */
whet_status tfl_axis(const tfl_reader *r, const tfl_node *n, int64_t axis, int rank, int *out);

/* --- tensors */
whet_status tfl_tensor_decode(tfl_reader *r, const whet_fb_table *t, int i, tfl_tensor *out);
bool tfl_quantized(const tfl_tensor *t);
whet_dims tfl_dims(const tfl_reader *r, const tfl_tensor *t);
/* Rank of input `slot`, which must be known. */
whet_status tfl_rank(const tfl_reader *r, const tfl_node *n, int slot, int *rank);
/* Numbers of input `slot` in that form. */
whet_status tfl_get(tfl_reader *r, const tfl_node *n, int slot, whet_layout form, whet_vid *out);
/* As above, the integers as they stand. */
whet_status tfl_get_raw(tfl_reader *r, const tfl_node *n, int slot, whet_layout form, whet_vid *out);
/* As tfl_get, in the file's order whatever the shape. */
whet_status tfl_get_flat(tfl_reader *r, const tfl_node *n, int slot, whet_vid *out);
/* Broadcasting operand of an operator of `rank` dimensions. */
whet_status tfl_get_operand(tfl_reader *r, const tfl_node *n, int slot, int rank, whet_layout form, whet_vid *out);
/* The form for inputs first ... last of an operator that can do with either. */
whet_layout tfl_form(const tfl_reader *r, const tfl_node *n, int first, int last);
/* Weights with permuted axes. */
whet_status tfl_get_weight(tfl_reader *r, const tfl_node *n, int slot, const int64_t *perm, whet_vid *out);
/* A bias of f32; its integers have the scale `x scale * weight scale` where they have none of their own. */
whet_status tfl_get_bias(tfl_reader *r, const tfl_node *n, int slot, whet_vid *out);
/* The pair of values of a tensor that is no constant, as numbers. */
whet_status tfl_pair(tfl_reader *r, const tfl_node *n, tfl_tensor *t, whet_nhwc **out);

/* --- nodes */
/* A node with one fresh result. */
whet_status tfl_emit(tfl_reader *r, const tfl_node *n, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attrs,
                     whet_vid *out);
/* The node that gives output `slot`, then the fused activation (TFL_ACT_...) and what the output's type asks for. */
whet_status tfl_last(tfl_reader *r, const tfl_node *n, int slot, int act, whet_layout form, const char *op, int n_in,
                     const whet_vid *in, int n_attr, const whet_attr *attrs);
/* Value v is output `slot`: quantised or cast if the tensor is of another type. */
whet_status tfl_give(tfl_reader *r, const tfl_node *n, int slot, whet_vid v, whet_layout form);
/* The name for the result that becomes output `slot`: NULL if something comes behind it. */
const char *tfl_result_name(const tfl_reader *r, const tfl_node *n, int slot, whet_dtype dtype);
whet_status tfl_ints_value(tfl_reader *r, int count, const int64_t *x, whet_vid *out);
whet_status tfl_float_value(tfl_reader *r, float x, whet_vid *out);
whet_status tfl_reshape(tfl_reader *r, const tfl_node *n, whet_vid x, int count, const int64_t *shape, whet_vid *out);

/* --- the rest of the file */
whet_status tfl_read_meta(tfl_reader *r, const whet_fb_table *model);
/* Bytes of buffer i; empty if it has none. */
whet_status tfl_buffer(const tfl_reader *r, int64_t i, const uint8_t **data, size_t *bytes);


#endif
