/* SPDX-License-Identifier: Apache-2.0 */
/* Element types, shapes, reference-counted buffers and tensors. A tensor is dense, row-major, little-endian. */
#ifndef WHET_TENSOR_TENSOR_H
#define WHET_TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef enum whet_dtype {
    WHET_DTYPE_NONE = 0,
#define T(id, name, bits, kind, onnx, safetensors, ctype) WHET_##id,
#include "tensor/dtype.def"
#undef T
    WHET_DTYPE_COUNT
} whet_dtype;

const char *whet_dtype_name(whet_dtype t);       /* "f32"; "none" for NONE */
whet_dtype whet_dtype_parse(const char *name);   /* NONE if unknown */
int whet_dtype_bits(whet_dtype t);               /* 4, 8, ... 64; 0 for NONE */
size_t whet_dtype_size(whet_dtype t);            /* bytes an element; 0 for the packed 4-bit types */
bool whet_dtype_is_float(whet_dtype t);
bool whet_dtype_is_int(whet_dtype t);            /* signed or unsigned, not bool */
const char *whet_dtype_safetensors(whet_dtype t); /* "I64"; "" if the format has it not */
int whet_dtype_to_onnx(whet_dtype t);
whet_dtype whet_dtype_from_onnx(int code);       /* NONE if ONNX has it and whet has not, or unknown */
const char *whet_onnx_dtype_name(int code);      /* "string", "complex64", ... for messages; "type 77" style unknowns -> "unknown" */

#define WHET_MAX_RANK 8

typedef struct whet_shape {
    int rank;
    int64_t dims[WHET_MAX_RANK]; /* all >= 0 */
} whet_shape;

whet_shape whet_shape_of(int rank, const int64_t *dims);
#define WHET_SHAPE(...)                                                                                             \
    whet_shape_of((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})
bool whet_shape_equal(const whet_shape *a, const whet_shape *b);
/* Number of elements; ENOMEM if it, or its bytes in `t`, overflow or pass the limit of 2^40 bytes. */
whet_status whet_shape_count(const whet_shape *s, int64_t *count);
whet_status whet_shape_bytes(const whet_shape *s, whet_dtype t, size_t *bytes);
int64_t whet_shape_numel(const whet_shape *s);      /* INT64_MAX where it is beyond that */
/* "2x3x4", "scalar" for rank 0; returns buf. */
const char *whet_shape_text(const whet_shape *s, char *buf, size_t size);

/* Reference-counted bytes, 64-byte aligned, or a view into something kept alive by a release callback. Ref/unref are
 * atomic; the bytes are not guarded. */
typedef struct whet_buffer whet_buffer;
whet_status whet_buffer_create(whet_buffer **out, size_t size);      /* zeroed */
whet_status whet_buffer_wrap(whet_buffer **out, void *data, size_t size, void (*release)(void *arg), void *arg);
/* The bytes are a range of a whet_map: whet_tensor_forget may drop their pages. */
void whet_buffer_set_mapped(whet_buffer *b);
whet_buffer *whet_buffer_ref(whet_buffer *b);
void whet_buffer_unref(whet_buffer *b); /* accepts NULL */
void *whet_buffer_data(const whet_buffer *b);

typedef struct whet_tensor {
    whet_dtype dtype;
    whet_shape shape;
    whet_buffer *buffer; /* owned reference; NULL when the data belongs to somebody else */
    void *data;          /* first element */
} whet_tensor;

void whet_tensor_init(whet_tensor *t);
void whet_tensor_dispose(whet_tensor *t); /* drops the reference; safe twice */
whet_status whet_tensor_alloc(whet_tensor *t, whet_dtype dtype, const whet_shape *shape); /* zeroed; t is initialised, and loses what it had */
void whet_tensor_ref(whet_tensor *dst, const whet_tensor *src);  /* shares the buffer */
whet_status whet_tensor_copy(whet_tensor *dst, const whet_tensor *src); /* own bytes */
/* Constants of more bytes than this may be views of a mapped file at any alignment; an exec copies those that a kernel reads
 * as they are, and packs the others from an aligned copy. */
#define WHET_TENSOR_VIEW ((size_t)1 << 18)
/* The bytes will hardly be read again (a packed form of them is there): pages of a mapped file are given back until they are
 * read; nothing happens to other tensors. */
void whet_tensor_forget(const whet_tensor *t);
int64_t whet_tensor_numel(const whet_tensor *t);
size_t whet_tensor_bytes(const whet_tensor *t);
/* Element i as double / int64, any dtype (4-bit included). For small tensors and tests, not for loops that matter. */
double whet_tensor_get_f64(const whet_tensor *t, int64_t i);
int64_t whet_tensor_get_s64(const whet_tensor *t, int64_t i);
void whet_tensor_set_f64(whet_tensor *t, int64_t i, double x);
void whet_tensor_set_s64(whet_tensor *t, int64_t i, int64_t x);
/* Converts to another dtype, element by element (ONNX Cast rules: truncation towards zero, round to nearest even into
 * 16-bit floats). */
whet_status whet_tensor_cast(whet_tensor *dst, const whet_tensor *src, whet_dtype dtype);

#endif
