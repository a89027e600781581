/* SPDX-License-Identifier: Apache-2.0 */
/* The dtype table's readers. */
#include <string.h>

#include "tensor/tensor.h"

typedef struct dtype_info { const char *name; int bits; char kind; int onnx; const char *safetensors; } dtype_info;

static const dtype_info infos[WHET_DTYPE_COUNT] = {
    [WHET_DTYPE_NONE] = {"none", 0, ' ', 0, ""},
#define T(id, name, bits, kind, onnx, safetensors, ctype) [WHET_##id] = {name, bits, kind, onnx, safetensors},
#include "tensor/dtype.def"
#undef T
};

static const dtype_info *info(whet_dtype t)
{
    return &infos[(unsigned)t < WHET_DTYPE_COUNT ? t : WHET_DTYPE_NONE];
}

const char *whet_dtype_name(whet_dtype t)
{
    return info(t)->name;
}

whet_dtype whet_dtype_parse(const char *name)
{
    for (int t = 1; t < WHET_DTYPE_COUNT; t++)
        if (strcmp(infos[t].name, name) == 0) return (whet_dtype)t;
    return WHET_DTYPE_NONE;
}

int whet_dtype_bits(whet_dtype t)
{
    return info(t)->bits;
}

size_t whet_dtype_size(whet_dtype t)
{
    return (size_t)info(t)->bits / 8;
}

bool whet_dtype_is_float(whet_dtype t)
{
    return info(t)->kind == 'f';
}

bool whet_dtype_is_int(whet_dtype t)
{
    return info(t)->kind == 's' || info(t)->kind == 'u';
}

const char *whet_dtype_safetensors(whet_dtype t)
{
    return info(t)->safetensors;
}

int whet_dtype_to_onnx(whet_dtype t)
{
    return info(t)->onnx;
}

whet_dtype whet_dtype_from_onnx(int code)
{
    for (int t = 1; t < WHET_DTYPE_COUNT; t++)
        if (infos[t].onnx == code) return (whet_dtype)t;
    return WHET_DTYPE_NONE;
}

const char *whet_onnx_dtype_name(int code)
{
    /* TensorProto.DataType of ONNX 1.23. */
    static const char *const names[] = {
        "undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "float64",
        "uint32", "uint64", "complex64", "complex128", "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
        "float8e5m2fnuz", "uint4", "int4", "float4e2m1", "float8e8m0", "uint2", "int2"};
    return code >= 0 && code < (int)(sizeof names / sizeof names[0]) ? names[code] : "unknown";
}
