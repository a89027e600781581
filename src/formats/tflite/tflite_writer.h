/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the TFLite writer: the model as it will stand in the file, and what the operators' functions build it with.
 *
 * A node is written by a function tflite_write_<...>() of its row in tflite_ops.def: it asks for the file tensors of its
 * operands (tflw_in) and results (tflw_out), whose dims are those of the file, and adds operators (tflw_op). Nodes between
 * DequantizeLinear and QuantizeLinear that TFLite has in integers are written on the integer tensors (w->integer while one is
 * being written, tflite_write_quant.c); the same functions serve both. */
#ifndef WHET_FORMATS_TFLITE_WRITER_H
#define WHET_FORMATS_TFLITE_WRITER_H

#include "formats/formats.h"
#include "formats/nhwc_export.h"
#include "formats/tflite/tflite_schema.h"
#include "ir/op.h"

enum { TFL_MAX_OPTIONS = 8, TFL_MAX_IO = 64 };

typedef struct tfl_quant { /* n = 0: none */
    int n, axis;           /* axis in the file */
    const float *scale;
    const int64_t *zero;
} tfl_quant;

typedef struct tfl_tensor {
    const char *name;
    whet_dtype dtype;
    int rank;
    int32_t shape[WHET_MAX_RANK]; /* -1: open (the batch) */
    int buffer;                   /* 0: none */
    int made_by;                  /* number of the operator + 1, 0: none */
    int next_small;               /* of small constants with the same hash: number + 1, 0: none */
    tfl_quant q;
} tfl_tensor;

typedef struct tfl_buffer { const void *data; size_t size; } tfl_buffer;

typedef struct tfl_option {
    int field;
    char type; /* 'b' bool, 'c' s8, 'i' s32, 'f' f32 */
    int32_t i;
    float f;
    int32_t otherwise; /* the schema's default */
} tfl_option;

typedef struct tfl_operation {
    int code, options, version, opcode;
    int n_in, n_out, n_opt;
    int32_t *in, *out; /* -1: absent */
    tfl_option opt[TFL_MAX_OPTIONS];
} tfl_operation;

typedef struct tfl_pending { int from, to; } tfl_pending;

typedef struct tfl_writer {
    whet_graph *g; /* a clone; not changed but for its index of uses */
    const whet_format_options *opt;
    int *inputs, *outputs; /* tensors */
    whet_arena *arena;
    tfl_tensor *tensors;
    tfl_buffer *buffers;
    tfl_operation *ops;
    size_t n_tensors, cap_tensors, n_buffers, cap_buffers, n_ops, cap_ops;
    whet_tensor *held; /* permuted constants, until the file is written */
    size_t n_held, cap_held;
    int *small;        /* by hash: the first of its small constants, number + 1 */
    int *tensor_of;    /* per value: as the graph has it, -1 */
    int *integer_of;   /* per value of 8 or 16 bits: its signed form inside, -1 */
    uint8_t *done, *integer_node; /* per node */
    uint8_t *fed;      /* per value: its integer tensor is the result of the node in front of its QuantizeLinear */
    bool keeps_unsigned; /* integers of u8 stay u8 */
    bool integer;      /* the node being written computes in integers */
    const whet_node *node;
    tfl_pending pending[TFL_MAX_IO]; /* requantisations behind the node being written */
    int n_pending, n_fresh;
    whet_status status; /* the first failure sticks */
} tfl_writer;

/* EUNSUPPORTED "cannot write TFLite: ..." at the node being written. */
whet_status tflw_fail(tfl_writer *w, const char *fmt, ...) WHET_PRINTF(2, 3);

int tflw_lost(tfl_writer *w, whet_status status); /* -1, keeping the status */

/* --- tensors: all return an index, -1 on failure with w->status set */
int tflw_in(tfl_writer *w, const whet_node *n, int i); /* -1 without an error for an absent operand */
int tflw_out(tfl_writer *w, const whet_node *n, int o);
int tflw_value(tfl_writer *w, whet_vid v);             /* float (or raw) tensor of a value, dequantised if need be */
int tflw_temp(tfl_writer *w, whet_dtype t, int rank, const int32_t *shape);
int tflw_temp_like(tfl_writer *w, int tensor, int rank, const int32_t *shape); /* its type and quantisation */
int tflw_result(tfl_writer *w, whet_vid v);            /* the float tensor that a value will have */
int tflw_const(tfl_writer *w, const whet_tensor *t, const char *name, const tfl_quant *q); /* takes a reference */
int tflw_const_s32(tfl_writer *w, int n, const int64_t *x);
int tflw_const_pads(tfl_writer *w, int rank, const int64_t *pads); /* before, after of each axis */
int tflw_const_f32(tfl_writer *w, float x);            /* scalar */
int tflw_const_f32s(tfl_writer *w, int rank, const int32_t *shape, const float *x);
const tfl_tensor *tflw_at(const tfl_writer *w, int tensor);
void tflw_shape_of(const tfl_writer *w, whet_vid v, int *rank, int32_t *shape); /* as in the file */
/* Constant behind a value (through DequantizeLinear, Cast, Identity of constants) as f32 in the graph's order; dispose. false: no
 * such. */
/* Name of the constant that a value is made of, else its own. */
const char *tflw_const_name(const tfl_writer *w, whet_vid v);
bool tflw_float_const(const tfl_writer *w, whet_vid v, whet_tensor *out);
int tflw_weights(tfl_writer *w, const whet_tensor *t, const char *name); /* a float constant, as opt->weights asks for it */

int tflw_dequantized(tfl_writer *w, int stored); /* a constant of halves or bytes, widened by an operator */

/* --- operators */
#define TFL_IO(...) (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), (const int[]){__VA_ARGS__}
#define TFL_OPTIONS(...) (int)(sizeof((tfl_option[]){__VA_ARGS__}) / sizeof(tfl_option)), (const tfl_option[]){__VA_ARGS__}
#define TFL_NO_OPTIONS 0, NULL
#define TFL_BOOL(at, x) {.field = (at), .type = 'b', .i = (x)}
#define TFL_BYTE(at, x) {.field = (at), .type = 'c', .i = (int32_t)(x)}
#define TFL_INT(at, x) {.field = (at), .type = 'i', .i = (int32_t)(x)}
#define TFL_INT_OR(at, x, d) {.field = (at), .type = 'i', .i = (int32_t)(x), .otherwise = (d)}
#define TFL_FLOAT(at, x) {.field = (at), .type = 'f', .f = (x)}
/* -1 among `in` from the first failed call makes it fail too, TFL_ABSENT is an absent input. */
enum { TFL_ABSENT = -2 };
whet_status tflw_op(tfl_writer *w, int code, int n_in, const int *in, int n_out, const int *out, int n_opt, const tfl_option *opt);
/* One float result of its own, of the broadcast shape. */
int tflw_unary(tfl_writer *w, int code, int x);
int tflw_binary(tfl_writer *w, int code, int a, int b);
whet_status tflw_unary_to(tfl_writer *w, int code, int x, int out);
whet_status tflw_binary_to(tfl_writer *w, int code, int a, int b, int act, int out);
int tflw_reshape(tfl_writer *w, int x, int rank, const int32_t *shape);
whet_status tflw_reshape_to(tfl_writer *w, int x, int out);
int tflw_before_reshape(const tfl_writer *w, int x); /* what x is a RESHAPE of, else x */
int tflw_transpose(tfl_writer *w, int x, const int *perm);
whet_status tflw_transpose_to(tfl_writer *w, int x, const int *perm, int out);
int tflw_mean(tfl_writer *w, int x, int n_axes, const int64_t *axes); /* keeps dims */
int tflw_pad(tfl_writer *w, int x, const int64_t *before, const int64_t *after, int value); /* value: tensor or -1 for zeros */
/* The activation behind n's result v that joins the operator: TFL_ACT_..., and the value that it makes; v itself for none. */
int tflw_fused(tfl_writer *w, whet_vid v, whet_vid *last);
/* As tfl_out for the value behind a fused activation; marks what is between as done. */
int tflw_out_fused(tfl_writer *w, const whet_node *n, int *act);
int tflw_last_fused(tfl_writer *w, whet_vid v, int *act); /* likewise behind v */
void tflw_alias(tfl_writer *w, whet_vid v, int tensor);

/* --- integers: tflite_write_quant.c */
whet_status tflw_spread_quantization(whet_graph *g); /* tflite_write_prepare.c */
void tflw_look_for_unsigned(tfl_writer *w);
whet_status tflw_find_integer_nodes(tfl_writer *w);
int tflw_integer_value(tfl_writer *w, whet_vid q);    /* the signed tensor of an integer value */
/* v was dequantised with one constant scale: what reads it in float reads weights in float too. */
bool tflw_is_dequantized(const tfl_writer *w, whet_vid v);
int tflw_integer_operand(tfl_writer *w, const whet_node *n, whet_vid v); /* of a dequantised operand */
int tflw_integer_result(tfl_writer *w, whet_vid v);   /* of a value that is quantised behind */
whet_status tflw_requantize_pending(tfl_writer *w);
int tflw_requantized(tfl_writer *w, int x, int like); /* x, with the parameters of another tensor */
/* The result v is the integer tensor x itself, if the scales are the same. */
bool tflw_integer_alias(tfl_writer *w, whet_vid v, int x);
/* A graph output of integers. */
int tflw_integer_output(tfl_writer *w, whet_vid v);
/* Weights of s8 with zero points 0 (s8 behind DequantizeLinear, or u8 with 128), and their scales; false: they are not. */
bool tflw_integer_weights(const tfl_writer *w, whet_vid v, whet_tensor *data, tfl_quant *q);
/* s32 (s64 for 16-bit activations) with the scales of x times the weights'. */
int tflw_integer_bias(tfl_writer *w, const float *bias, int64_t n, int x, int weights, const char *name);

/* --- how a product ends: bias and activation (tflite_write_product.c) */
typedef struct tfl_tail { whet_vid last, bias; int act; } tfl_tail;
void tflw_product_tail(tfl_writer *w, const whet_node *n, tfl_tail *t, bool mark);
bool tflw_is_fully_connected(const tfl_writer *w, const whet_node *n);

/* --- the file: versions, metadata, bytes */
int tflw_op_version(const tfl_writer *w, const tfl_operation *op);
const char *tflw_min_runtime(const tfl_writer *w);
whet_status tflw_write_file(tfl_writer *w, const char *path);
/* The metadata as a flatbuffer (NULL: nothing to say), and the label file. */
whet_status tflw_metadata(const tfl_writer *w, uint8_t **data, size_t *size, char **labels);
/* A ZIP archive of one stored file, to follow `offset` bytes. */
whet_status tflw_zip_labels(const char *name, const char *text, size_t offset, uint8_t **data, size_t *size);
#define TFL_LABEL_FILE "labels.txt"

typedef whet_status (*tfl_write_fn)(tfl_writer *w, const whet_node *n, int code);

#endif
