/* SPDX-License-Identifier: Apache-2.0 */
/* The operator table, and element types as IR spells them. */
#include "formats/openvino/openvino_readers.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/spelling.h"

static const struct { whet_dtype t; const char *element, *precision; } types[] = {
    {WHET_F32, "f32", "FP32"}, {WHET_F16, "f16", "FP16"}, {WHET_F64, "f64", "FP64"}, {WHET_BF16, "bf16", "BF16"},
    {WHET_S64, "i64", "I64"}, {WHET_S32, "i32", "I32"}, {WHET_S16, "i16", "I16"}, {WHET_S8, "i8", "I8"}, {WHET_S4, "i4", "I4"},
    {WHET_U64, "u64", "U64"}, {WHET_U32, "u32", "U32"}, {WHET_U16, "u16", "U16"}, {WHET_U8, "u8", "U8"}, {WHET_U4, "u4", "U4"},
    {WHET_BOOL, "boolean", "BOOL"}};

whet_dtype ov_dtype_parse(const char *s)
{
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (strcmp(types[i].element, s) == 0 || strcmp(types[i].precision, s) == 0) return types[i].t;
    return WHET_DTYPE_NONE;
}

const char *ov_dtype_element(whet_dtype t)
{
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (types[i].t == t) return types[i].element;
    return NULL;
}

const char *ov_dtype_precision(whet_dtype t)
{
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (types[i].t == t) return types[i].precision;
    return "UNSPECIFIED";
}

/* The functions that the table names. */
#define ov_read_none NULL
#define ov_write_none NULL
#define O(type, first, last, op, r, w) {type, first, last, op, ov_read_##r, ov_write_##w},
static const ov_row table[] = {
#include "formats/openvino/openvino_ops.def"
};
#undef O

const ov_row *ov_row_for_reading(const char *type, int opset)
{
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if (table[i].read && table[i].first <= opset && opset <= table[i].last && strcmp(table[i].type, type) == 0) return &table[i];
    return NULL;
}

const ov_row *ov_row_for_writing(const char *op)
{
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if (table[i].write && strcmp(table[i].op, op) == 0) return &table[i];
    return NULL;
}

const char *ov_row_near(const char *type)
{
    const char *best = NULL;
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if (table[i].read && strcasecmp(table[i].type, type) == 0) best = table[i].type;
    return best;
}
