/* SPDX-License-Identifier: Apache-2.0 */
/* TensorProto -> tensor: bytes, or numbers of which the last is repeated to the end. Source: tensor.proto of TensorFlow. */
#include "formats/tensorflow/tf_tensor.h"

#include <string.h>

static const struct { int64_t code; whet_dtype t; const char *name; } types[] = {
    {TF_FLOAT, WHET_F32, "float"}, {TF_DOUBLE, WHET_F64, "double"}, {TF_INT32, WHET_S32, "int32"}, {TF_UINT8, WHET_U8, "uint8"},
    {TF_INT16, WHET_S16, "int16"}, {TF_INT8, WHET_S8, "int8"}, {TF_INT64, WHET_S64, "int64"}, {TF_BOOL, WHET_BOOL, "bool"},
    {TF_BFLOAT16, WHET_BF16, "bfloat16"}, {TF_UINT16, WHET_U16, "uint16"}, {TF_HALF, WHET_F16, "half"}, {TF_UINT32, WHET_U32, "uint32"},
    {TF_UINT64, WHET_U64, "uint64"}, {TF_STRING, WHET_DTYPE_NONE, "string"}, {TF_COMPLEX64, WHET_DTYPE_NONE, "complex64"},
    {TF_COMPLEX128, WHET_DTYPE_NONE, "complex128"}, {TF_RESOURCE, WHET_DTYPE_NONE, "resource"}, {TF_VARIANT, WHET_DTYPE_NONE, "variant"},
    {TF_QINT8, WHET_DTYPE_NONE, "qint8"}, {TF_QUINT8, WHET_DTYPE_NONE, "quint8"}, {TF_QINT32, WHET_DTYPE_NONE, "qint32"},
    {TF_QINT16, WHET_DTYPE_NONE, "qint16"}, {TF_QUINT16, WHET_DTYPE_NONE, "quint16"}};

whet_dtype tf_dtype(int64_t code)
{
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (types[i].code == code || types[i].code + TF_REF == code) return types[i].t;
    return WHET_DTYPE_NONE;
}

int64_t tf_dtype_code(whet_dtype t)
{
    for (size_t i = 0; i < WHET_COUNT(types) && t != WHET_DTYPE_NONE; i++)
        if (types[i].t == t) return types[i].code;
    return 0;
}

const char *tf_dtype_name(int64_t code)
{
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (types[i].code == code || types[i].code + TF_REF == code) return types[i].name;
    return "unknown";
}

whet_status tf_tensor_wrap(const uint8_t *data, whet_dtype type, const whet_shape *shape, whet_mapped *pin, whet_tensor *out)
{
    size_t bytes = 0;
    whet_tensor_init(out);
    WHET_TRY(whet_shape_bytes(shape, type, &bytes));
    if (!pin || type != WHET_F32 || bytes <= WHET_TENSOR_VIEW) {
        WHET_TRY(whet_tensor_alloc(out, type, shape));
        if (bytes) memcpy(out->data, data, bytes);
        uint8_t *flags = out->data;
        for (size_t i = 0; type == WHET_BOOL && i < bytes; i++) flags[i] = flags[i] != 0;
        return WHET_OK;
    }
    out->dtype = type;
    out->shape = *shape;
    return whet_mapped_view(pin, data, bytes, out);
}

static whet_status shape_of(const tf_tensor *t, whet_shape *s)
{
    *s = (whet_shape){.rank = 0};
    if (!t->shape) return WHET_OK;
    if (t->shape->unknown_rank) return WHET_FAIL(WHET_EFORMAT, "a constant has no shape");
    if (t->shape->dim.n > WHET_MAX_RANK)
        return WHET_FAIL(WHET_EUNSUPPORTED, "a constant has %zu dimensions, at most %d are handled", t->shape->dim.n, WHET_MAX_RANK);
    s->rank = (int)t->shape->dim.n;
    for (int i = 0; i < s->rank; i++) {
        s->dims[i] = t->shape->dim.v[i].size;
        if (s->dims[i] < 0) return WHET_FAIL(WHET_EFORMAT, "dimension %d of a constant is negative", i);
    }
    return WHET_OK;
}

/* The list that belongs to a type, as numbers of `size` bytes each; integers stand as 64 bits, low bytes first. */
typedef struct numbers { const void *v; size_t n, size; } numbers;
static numbers numbers_of(const tf_tensor *t, whet_dtype type)
{
    const whet_pb_ints *ints = type == WHET_S64 ? &t->int64_val : type == WHET_BOOL ? &t->bool_val : type == WHET_U32 ? &t->uint32_val :
                               type == WHET_U64 ? &t->uint64_val : type == WHET_F16 || type == WHET_BF16 ? &t->half_val : &t->int_val;
    if (type == WHET_F32) return (numbers){t->float_val.v, t->float_val.n, sizeof(float)};
    if (type == WHET_F64) return (numbers){t->double_val.v, t->double_val.n, sizeof(double)};
    return (numbers){ints->v, ints->n, sizeof(int64_t)};
}

static void expand(const numbers *from, whet_tensor *out)
{
    const size_t size = whet_dtype_size(out->dtype), n = (size_t)whet_tensor_numel(out);
    uint8_t *dst = out->data;
    for (size_t i = 0; i < n && from->n > 0; i++) {
        const uint8_t *src = (const uint8_t *)from->v + WHET_MIN(i, from->n - 1) * from->size;
        if (out->dtype == WHET_BOOL) dst[i] = *src != 0;
        else memcpy(dst + i * size, src, size);
    }
}

whet_status tf_tensor_load(const tf_tensor *t, whet_mapped *pin, tf_budget *budget, whet_tensor *out)
{
    const whet_dtype type = tf_dtype(t->dtype);
    whet_shape shape;
    size_t bytes = 0;
    whet_tensor_init(out);
    if (type == WHET_DTYPE_NONE) return WHET_FAIL(WHET_EUNSUPPORTED, "a constant of type %s is not handled", tf_dtype_name(t->dtype));
    WHET_TRY(shape_of(t, &shape));
    WHET_TRY(whet_shape_bytes(&shape, type, &bytes));
    if (t->content.size > 0) {
        if (t->content.size != bytes)
            return WHET_FAIL(WHET_EFORMAT, "a constant has %zu bytes, its shape needs %zu", t->content.size, bytes);
        return tf_tensor_wrap(t->content.data, type, &shape, pin, out);
    }
    const numbers from = numbers_of(t, type);
    if (from.n > bytes / whet_dtype_size(type))
        return WHET_FAIL(WHET_EFORMAT, "a constant has %zu numbers, its shape needs %zu", from.n, bytes / whet_dtype_size(type));
    if (bytes > budget->left)
        return WHET_FAIL(WHET_ENOMEM, "constants repeat single values to more than 4 times the file and 64 MB");
    budget->left -= bytes;
    WHET_TRY(whet_tensor_alloc(out, type, &shape));
    expand(&from, out);
    return WHET_OK;
}
