/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, tensors, and element access through the dtype table. */
#include "tensor/tensor.h"

#include <math.h>
#include <stdatomic.h>

#include "base/half.h"
#include "base/io.h"
#include "base/mem.h"

struct whet_buffer {
    atomic_int refs;
    void *data;
    size_t size;
    void (*release)(void *arg);
    void *arg;
    bool mapped;
};

whet_status whet_buffer_create(whet_buffer **out, size_t size)
{
    *out = NULL;
    whet_buffer *b = whet_calloc(1, sizeof *b);
    void *data = b == NULL ? NULL : whet_alloc_aligned(size, 64);
    if (data == NULL) {
        whet_free(b);
        return WHET_ENOMEM;
    }
    memset(data, 0, size);
    *b = (whet_buffer){.data = data, .size = size, .release = whet_free_aligned, .arg = data};
    atomic_init(&b->refs, 1);
    *out = b;
    return WHET_OK;
}

whet_status whet_buffer_wrap(whet_buffer **out, void *data, size_t size, void (*release)(void *arg), void *arg)
{
    *out = NULL;
    whet_buffer *b = whet_calloc(1, sizeof *b);
    if (b == NULL) return WHET_ENOMEM;
    *b = (whet_buffer){.data = data, .size = size, .release = release, .arg = arg};
    atomic_init(&b->refs, 1);
    *out = b;
    return WHET_OK;
}

void whet_buffer_set_mapped(whet_buffer *b)
{
    b->mapped = true;
}

whet_buffer *whet_buffer_ref(whet_buffer *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void whet_buffer_unref(whet_buffer *b)
{
    if (b == NULL || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1) return;
    if (b->release != NULL) b->release(b->arg);
    whet_free(b);
}

void *whet_buffer_data(const whet_buffer *b)
{
    return b->data;
}

void whet_tensor_init(whet_tensor *t)
{
    *t = (whet_tensor){0};
}

void whet_tensor_dispose(whet_tensor *t)
{
    whet_buffer_unref(t->buffer);
    whet_tensor_init(t);
}

void whet_tensor_forget(const whet_tensor *t)
{
    if (t->buffer != NULL && t->buffer->mapped) whet_map_forget(t->data, whet_tensor_bytes(t));
}

whet_status whet_tensor_alloc(whet_tensor *t, whet_dtype dtype, const whet_shape *shape)
{
    size_t bytes = 0;
    whet_buffer *b = NULL;
    whet_shape s = *shape; /* the caller may pass t->shape */
    WHET_TRY(whet_shape_bytes(&s, dtype, &bytes));
    WHET_TRY(whet_buffer_create(&b, bytes));
    whet_tensor_dispose(t);
    *t = (whet_tensor){.dtype = dtype, .shape = s, .buffer = b, .data = whet_buffer_data(b)};
    return WHET_OK;
}

void whet_tensor_ref(whet_tensor *dst, const whet_tensor *src)
{
    whet_tensor t = *src;
    if (t.buffer != NULL) whet_buffer_ref(t.buffer);
    whet_tensor_dispose(dst);
    *dst = t;
}

whet_status whet_tensor_copy(whet_tensor *dst, const whet_tensor *src)
{
    whet_tensor t = {0};
    WHET_TRY(whet_tensor_alloc(&t, src->dtype, &src->shape));
    size_t n = whet_tensor_bytes(src);
    if (n != 0) memcpy(t.data, src->data, n);
    whet_tensor_dispose(dst);
    *dst = t;
    return WHET_OK;
}

int64_t whet_tensor_numel(const whet_tensor *t)
{
    return whet_shape_numel(&t->shape);
}

size_t whet_tensor_bytes(const whet_tensor *t)
{
    int64_t n = whet_tensor_numel(t);
    return whet_dtype_bits(t->dtype) == 4 ? (size_t)((n + 1) / 2) : (size_t)n * whet_dtype_size(t->dtype);
}

static int nibble(const whet_tensor *t, int64_t i)
{
    uint8_t b = ((const uint8_t *)t->data)[i / 2];
    return i % 2 != 0 ? b >> 4 : b & 15;
}

/* Integers as int64 (u64 wraps), floats as double: which of the two a dtype uses is its kind. */
/* f32 may lie at any address: views of files (WHET_TENSOR_VIEW). */
static double load_float(const whet_tensor *t, int64_t i)
{
    float x = 0;
    switch (t->dtype) {
    case WHET_F64: return ((const double *)t->data)[i];
    case WHET_F32: memcpy(&x, (const char *)t->data + (size_t)i * sizeof x, sizeof x); return (double)x;
    case WHET_F16: return (double)whet_f16_to_f32(((const uint16_t *)t->data)[i]);
    default: return (double)whet_bf16_to_f32(((const uint16_t *)t->data)[i]);
    }
}

static int64_t load_int(const whet_tensor *t, int64_t i)
{
    switch (t->dtype) {
    case WHET_S64: return ((const int64_t *)t->data)[i];
    case WHET_U64: return (int64_t)((const uint64_t *)t->data)[i];
    case WHET_S32: return ((const int32_t *)t->data)[i];
    case WHET_U32: return ((const uint32_t *)t->data)[i];
    case WHET_S16: return ((const int16_t *)t->data)[i];
    case WHET_U16: return ((const uint16_t *)t->data)[i];
    case WHET_S8: return ((const int8_t *)t->data)[i];
    case WHET_S4: return nibble(t, i) >= 8 ? nibble(t, i) - 16 : nibble(t, i);
    case WHET_U4: return nibble(t, i);
    default: return ((const uint8_t *)t->data)[i];
    }
}

double whet_tensor_get_f64(const whet_tensor *t, int64_t i)
{
    if (whet_dtype_is_float(t->dtype)) return load_float(t, i);
    if (t->dtype == WHET_U64) return (double)((const uint64_t *)t->data)[i];
    return (double)load_int(t, i);
}

int64_t whet_tensor_get_s64(const whet_tensor *t, int64_t i)
{
    if (!whet_dtype_is_float(t->dtype)) return load_int(t, i);
    double x = load_float(t, i);
    if (!(x == x)) return 0;
    if (x >= 0x1p63) return INT64_MAX;
    if (x < -0x1p63) return INT64_MIN;
    return (int64_t)x;
}

void whet_tensor_set_f64(whet_tensor *t, int64_t i, double x)
{
    switch (t->dtype) {
    case WHET_F64: ((double *)t->data)[i] = x; return;
    case WHET_F32: ((float *)t->data)[i] = (float)x; return;
    case WHET_F16: ((uint16_t *)t->data)[i] = whet_f32_to_f16((float)x); return;
    case WHET_BF16: ((uint16_t *)t->data)[i] = whet_f32_to_bf16((float)x); return;
    case WHET_BOOL: ((uint8_t *)t->data)[i] = x != 0; return;
    case WHET_U64:
        ((uint64_t *)t->data)[i] = x >= 0x1p63 ? (x < 0x1p64 ? (uint64_t)x : UINT64_MAX) : (uint64_t)whet_tensor_get_s64(
            &(whet_tensor){.dtype = WHET_F64, .data = &x}, 0);
        return;
    default: whet_tensor_set_s64(t, i, whet_tensor_get_s64(&(whet_tensor){.dtype = WHET_F64, .data = &x}, 0)); return;
    }
}

void whet_tensor_set_s64(whet_tensor *t, int64_t i, int64_t x)
{
    switch (t->dtype) {
    case WHET_S64: ((int64_t *)t->data)[i] = x; return;
    case WHET_U64: ((uint64_t *)t->data)[i] = (uint64_t)x; return;
    case WHET_S32: ((int32_t *)t->data)[i] = (int32_t)x; return;
    case WHET_U32: ((uint32_t *)t->data)[i] = (uint32_t)x; return;
    case WHET_S16: ((int16_t *)t->data)[i] = (int16_t)x; return;
    case WHET_U16: ((uint16_t *)t->data)[i] = (uint16_t)x; return;
    case WHET_S8: ((int8_t *)t->data)[i] = (int8_t)x; return;
    case WHET_U8: ((uint8_t *)t->data)[i] = (uint8_t)x; return;
    case WHET_BOOL: ((uint8_t *)t->data)[i] = x != 0; return;
    case WHET_S4:
    case WHET_U4: {
        uint8_t *b = (uint8_t *)t->data + i / 2;
        unsigned v = (unsigned)x & 15u;
        *b = (uint8_t)(i % 2 != 0 ? (*b & 15u) | v << 4 : (*b & 240u) | v);
        return;
    }
    default: whet_tensor_set_f64(t, i, (double)x); return;
    }
}

whet_status whet_tensor_cast(whet_tensor *dst, const whet_tensor *src, whet_dtype dtype)
{
    whet_tensor t = {0};
    WHET_TRY(whet_tensor_alloc(&t, dtype, &src->shape));
    int64_t n = whet_tensor_numel(src);
    if (dtype == src->dtype) {
        size_t bytes = whet_tensor_bytes(src);
        if (bytes != 0) memcpy(t.data, src->data, bytes);
    } else if (whet_dtype_is_float(src->dtype)) {
        for (int64_t i = 0; i < n; i++) whet_tensor_set_f64(&t, i, load_float(src, i));
    } else if (src->dtype == WHET_U64 && whet_dtype_is_float(dtype)) {
        for (int64_t i = 0; i < n; i++) whet_tensor_set_f64(&t, i, (double)((const uint64_t *)src->data)[i]);
    } else {
        for (int64_t i = 0; i < n; i++) whet_tensor_set_s64(&t, i, load_int(src, i));
    }
    whet_tensor_dispose(dst);
    *dst = t;
    return WHET_OK;
}
