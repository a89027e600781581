/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors of a TFLite file as values of the graph. A quantised tensor q stands for (q - zero point) * scale: its numbers are a
 * DequantizeLinear of its integers; a result that is quantised goes through QuantizeLinear first. Large constants are views of
 * the file. Source: schema.fbs; the quantisation specification of TFLite. */
#include "formats/tflite/tflite_reader.h"

#include <math.h>

#include "base/io.h"

static const int64_t to_first[4] = {0, 3, 1, 2};

/* --- decoding */
static whet_status at_tensor(const tfl_reader *r, const tfl_tensor *t, whet_status status)
{
    whet_error_at_node(t->name);
    return whet_fb_fail_at(&r->fb, t->at, status);
}

static whet_status decode_shape(tfl_reader *r, const whet_fb_table *table, tfl_tensor *t)
{
    whet_fb_vector shape, signature;
    WHET_TRY(whet_fb_list(table, TFL_TENSOR_SHAPE, 4, &shape));
    WHET_TRY(whet_fb_list(table, TFL_TENSOR_SHAPE_SIGNATURE, 4, &signature));
    if (shape.n > WHET_MAX_RANK)
        return at_tensor(r, t, WHET_FAIL(WHET_EUNSUPPORTED, "tensor has %zu dimensions, at most %d are handled", shape.n, WHET_MAX_RANK));
    if (signature.n && signature.n != shape.n)
        return at_tensor(r, t, WHET_FAIL(WHET_EFORMAT, "shape and shape signature have different lengths"));
    t->dims.rank = (int)shape.n;
    for (size_t i = 0; i < shape.n; i++) {
        const int64_t d = whet_fb_list_int(&shape, i), s = signature.n ? whet_fb_list_int(&signature, i) : d;
        if (d < -1 || s < -1) return at_tensor(r, t, WHET_FAIL(WHET_EFORMAT, "dimension %zu is %lld", i, (long long)WHET_MIN(d, s)));
        t->dims.dims[i] = s < 0 || d < 0 ? WHET_DIM_UNKNOWN : d;
    }
    return WHET_OK;
}

static whet_status decode_scales(tfl_reader *r, const whet_fb_table *table, tfl_tensor *t)
{
    whet_fb_table q;
    WHET_TRY(whet_fb_sub(table, TFL_TENSOR_QUANTIZATION, &q));
    WHET_TRY(whet_fb_list(&q, TFL_QUANT_SCALE, 4, &t->scale));
    WHET_TRY(whet_fb_list(&q, TFL_QUANT_ZERO_POINT, 8, &t->zero));
    t->axis = (int)whet_fb_int(&q, TFL_QUANT_DIMENSION, 4, 0);
    if (!tfl_quantized(t)) return WHET_OK;
    if (whet_fb_uint(&q, TFL_QUANT_DETAILS_TYPE, 1, 0) == 2)
        return at_tensor(r, t, WHET_FAIL(WHET_EUNSUPPORTED, "blockwise quantisation is not handled"));
    const whet_dim along = t->scale.n > 1 && t->axis >= 0 && t->axis < t->dims.rank ? t->dims.dims[t->axis] : (whet_dim)t->scale.n;
    if ((size_t)along != t->scale.n || (t->scale.n > 1 && (t->axis < 0 || t->axis >= t->dims.rank)))
        return at_tensor(r, t, WHET_FAIL(WHET_EFORMAT, "%zu scales do not fit dimension %d", t->scale.n, t->axis));
    if (t->zero.n > 1 && t->zero.n != t->scale.n)
        return at_tensor(r, t, WHET_FAIL(WHET_EFORMAT, "%zu scales and %zu zero points", t->scale.n, t->zero.n));
    for (size_t i = 0; i < t->scale.n; i++) {
        const float s = whet_fb_list_float(&t->scale, i);
        if (!(s >= 0) || !isfinite(s)) return at_tensor(r, t, WHET_FAIL(WHET_EFORMAT, "scale %zu is %g", i, (double)s));
    }
    return WHET_OK;
}

whet_status tfl_tensor_decode(tfl_reader *r, const whet_fb_table *table, int i, tfl_tensor *t)
{
    *t = (tfl_tensor){.at = table->at, .raw = WHET_NHWC_NONE, .real = WHET_NHWC_NONE, .scale_value = WHET_NO_VALUE, .zero_value = WHET_NO_VALUE};
    WHET_TRY(whet_fb_text(table, TFL_TENSOR_NAME, r->arena, &t->name));
    if (!t->name || !*t->name) {
        char text[32];
        snprintf(text, sizeof(text), "tensor_%d", i);
        if (!(t->name = whet_arena_strdup(r->arena, text))) return WHET_ENOMEM;
    }
    t->type = (int)whet_fb_int(table, TFL_TENSOR_TYPE, 1, 0);
    t->dtype = t->stored = tfl_dtype(t->type);
    t->variable = whet_fb_bool(table, TFL_TENSOR_IS_VARIABLE);
    t->sparse = whet_fb_has(table, TFL_TENSOR_SPARSITY);
    WHET_TRY(decode_shape(r, table, t));
    WHET_TRY(decode_scales(r, table, t));
    const int64_t buffer = (int64_t)whet_fb_uint(table, TFL_TENSOR_BUFFER, 4, 0);
    if (whet_fb_uint(table, TFL_TENSOR_EXTERNAL_BUFFER, 4, 0))
        return at_tensor(r, t, WHET_FAIL(WHET_EUNSUPPORTED, "data in another file is not handled; convert with the weights inside"));
    if (buffer > 0) WHET_TRY(tfl_buffer(r, buffer, &t->data, &t->bytes));
    t->constant = t->bytes > 0;
    WHET_TRY(whet_fb_check(&r->fb));
    return WHET_OK;
}

bool tfl_quantized(const tfl_tensor *t)
{
    return t->scale.n > 0 && whet_dtype_is_int(t->stored) && t->stored != WHET_U32 && t->stored != WHET_U64;
}

whet_dims tfl_dims(const tfl_reader *r, const tfl_tensor *t)
{
    const whet_nhwc *v = whet_nhwc_is_none(&t->real) ? &t->raw : &t->real;
    return whet_nhwc_is_none(v) || t->constant ? t->dims : whet_nhwc_dims(r->g, v);
}

whet_status tfl_rank(const tfl_reader *r, const tfl_node *n, int slot, int *rank)
{
    const tfl_tensor *t = tfl_in(r, n, slot);
    *rank = t ? tfl_dims(r, t).rank : -1;
    return *rank >= 0 ? WHET_OK : tfl_fail(r, n, WHET_EUNSUPPORTED, "the rank of input %d is not known", slot);
}

/* --- bytes of constants */
static whet_status fail_input(const tfl_reader *r, const tfl_node *n, const tfl_tensor *t)
{
    if (t->variable) return tfl_fail(r, n, WHET_EUNSUPPORTED, "variable tensor '%s' (state between runs) is not handled", t->name);
    if (t->sparse) return tfl_fail(r, n, WHET_EUNSUPPORTED, "sparse tensor '%s' is not handled", t->name);
    if (t->dtype == WHET_DTYPE_NONE) return tfl_fail(r, n, WHET_EUNSUPPORTED, "type %s of tensor '%s' is not handled", tfl_type_name(t->type), t->name);
    return WHET_OK;
}

/* s4 and u4, two a byte, low nibble first, as s8 and u8. */
static void unpack(const tfl_tensor *t, whet_tensor *out)
{
    uint8_t *dst = out->data;
    for (int64_t i = 0, n = whet_tensor_numel(out); i < n; i++) {
        const uint8_t x = (uint8_t)(t->data[i / 2] >> (i % 2 * 4) & 15);
        dst[i] = t->stored == WHET_S4 && x > 7 ? (uint8_t)(x | 0xf0) : x;
    }
}

static whet_status take_copy(tfl_reader *r, size_t bytes)
{
    if (bytes > r->copy_left) return WHET_FAIL(WHET_EFORMAT, "tensors share one buffer so often that they would fill the memory");
    r->copy_left -= bytes;
    return WHET_OK;
}

static whet_status load(tfl_reader *r, const tfl_tensor *t, whet_tensor *out)
{
    whet_shape shape;
    size_t bytes = 0;
    const bool packed = t->stored == WHET_S4 || t->stored == WHET_U4;
    whet_tensor_init(out);
    if (!whet_dims_concrete(&t->dims, &shape)) return WHET_FAIL(WHET_EFORMAT, "constant '%s' has no fixed shape", t->name);
    WHET_TRY(whet_shape_bytes(&shape, t->stored, &bytes));
    if (bytes != t->bytes) return WHET_FAIL(WHET_EFORMAT, "constant '%s' has %zu bytes, its shape needs %zu", t->name, t->bytes, bytes);
    const whet_dtype dtype = packed ? t->stored == WHET_S4 ? WHET_S8 : WHET_U8 : t->stored;
    const size_t size = whet_dtype_size(dtype);
    const bool aligned = dtype == WHET_F32 || (uintptr_t)t->data % size == 0;
    if (r->pin && bytes > WHET_TENSOR_VIEW && !packed && aligned) {
        *out = (whet_tensor){.dtype = dtype, .shape = shape};
        return whet_mapped_view(r->pin, t->data, bytes, out);
    }
    WHET_TRY(take_copy(r, packed ? 2 * bytes : bytes));
    WHET_TRY(whet_tensor_alloc(out, dtype, &shape));
    if (packed) unpack(t, out);
    else if (bytes) memcpy(out->data, t->data, bytes);
    for (size_t i = 0; dtype == WHET_BOOL && i < bytes; i++) ((uint8_t *)out->data)[i] = t->data[i] != 0;
    return WHET_OK;
}

/* --- scales */
static whet_dtype integer_type(const tfl_tensor *t) { return t->stored == WHET_S4 ? WHET_S8 : t->stored == WHET_U4 ? WHET_U8 : t->stored; }

static int64_t zero_at(const tfl_tensor *t, size_t i) { return t->zero.n == 0 ? 0 : whet_fb_list_int(&t->zero, t->zero.n == 1 ? 0 : i); }

static whet_status check_zero(const tfl_tensor *t, size_t i, int64_t z)
{
    whet_tensor one = {.dtype = integer_type(t), .shape = {.rank = 0}};
    int64_t room = 0;
    one.data = &room;
    whet_tensor_set_s64(&one, 0, z);
    return whet_tensor_get_s64(&one, 0) == z ? WHET_OK :
           WHET_FAIL(WHET_EFORMAT, "zero point %zu of tensor '%s' is %lld, which its type cannot hold", i, t->name, (long long)z);
}

static whet_status make_scales(tfl_reader *r, tfl_tensor *t)
{
    const whet_shape shape = t->scale.n > 1 ? WHET_SHAPE((int64_t)t->scale.n) : (whet_shape){.rank = 0};
    whet_tensor scale, zero;
    char name[300];
    whet_tensor_init(&scale);
    whet_tensor_init(&zero);
    whet_status status = whet_tensor_alloc(&scale, WHET_F32, &shape);
    for (size_t i = 0; i < t->scale.n && status == WHET_OK; i++) ((float *)scale.data)[i] = whet_fb_list_float(&t->scale, i);
    snprintf(name, sizeof(name), "%.280s_scale", t->name);
    if (status == WHET_OK) status = whet_graph_const(r->g, name, &scale, &t->scale_value);
    if (status == WHET_OK) status = whet_tensor_alloc(&zero, integer_type(t), &shape);
    for (size_t i = 0; i < t->scale.n && status == WHET_OK; i++) {
        const int64_t z = zero_at(t, i);
        status = check_zero(t, i, z);
        if (status == WHET_OK) whet_tensor_set_s64(&zero, (int64_t)i, z);
    }
    snprintf(name, sizeof(name), "%.280s_zero_point", t->name);
    if (status == WHET_OK && t->stored != WHET_S32) status = whet_graph_const(r->g, name, &zero, &t->zero_value);
    for (int64_t i = 0; status == WHET_OK && t->stored == WHET_S32 && i < (int64_t)t->scale.n; i++)
        if (zero_at(t, (size_t)i) != 0) status = WHET_FAIL(WHET_EUNSUPPORTED, "tensor '%s' of INT32 has a zero point", t->name);
    whet_tensor_dispose(&scale);
    whet_tensor_dispose(&zero);
    return status;
}

/* Integers -> numbers; axis: where the scales' dimension stands in raw. */
static whet_status dequantize(tfl_reader *r, tfl_tensor *t, whet_vid raw, int axis, whet_vid *out)
{
    if (t->scale_value < 0) WHET_TRY(make_scales(r, t));
    return whet_graph_op1(r->g, "DequantizeLinear", t->zero_value >= 0 ? 3 : 2, (const whet_vid[]){raw, t->scale_value, t->zero_value},
                          t->scale.n > 1 ? 1 : 0, (const whet_attr[]){whet_attr_int("axis", axis)}, out);
}

/* Constant's integers (or floats) -> numbers of the type that operators compute in. */
static whet_status real_of_const(tfl_reader *r, tfl_tensor *t, whet_vid raw, int axis, whet_vid *out)
{
    *out = raw;
    if (tfl_quantized(t)) return dequantize(r, t, raw, axis, out);
    if ((t->stored == WHET_F16 || t->stored == WHET_BF16) && t->dtype == WHET_F32)
        return whet_graph_op1(r->g, "Cast", WHET_IN(raw), WHET_ATTRS(whet_attr_int("to", whet_dtype_to_onnx(WHET_F32))), out);
    return WHET_OK;
}

static bool needs_real(const tfl_tensor *t) { return tfl_quantized(t) || (t->constant && t->stored != t->dtype && t->stored != WHET_S4 && t->stored != WHET_U4); }

/* --- the values of an input */
static whet_status input(const tfl_reader *r, const tfl_node *n, int slot, tfl_tensor **out)
{
    *out = tfl_in(r, n, slot);
    if (!*out) return tfl_fail(r, n, WHET_EFORMAT, "input %d is missing", slot);
    WHET_TRY(fail_input(r, n, *out));
    whet_shape s;
    if (!(*out)->constant && !(*out)->defined && whet_dims_concrete(&(*out)->dims, &s) && whet_shape_numel(&s) == 0)
        (*out)->constant = true; /* no elements, so no bytes */
    if ((*out)->constant || (*out)->defined) return WHET_OK;
    return tfl_fail(r, n, WHET_EFORMAT, "tensor '%s' is read, but nothing gives it", (*out)->name);
}

static whet_status const_raw(tfl_reader *r, tfl_tensor *t, whet_layout form, whet_vid *out)
{
    whet_tensor data;
    whet_vid *want = form == WHET_NCHW ? &t->raw.first : &t->raw.last;
    *out = *want;
    if (*want >= 0) return WHET_OK;
    WHET_TRY(load(r, t, &data));
    whet_status status = WHET_OK;
    if (form == WHET_NHWC) status = whet_graph_const(r->g, t->name, &data, want);
    else if (data.shape.rank != 4) status = WHET_FAIL(WHET_ESHAPE, "'%s' should have 4 dimensions, but has %d", t->name, data.shape.rank);
    else if ((status = take_copy(r, WHET_MIN(whet_tensor_bytes(&data), WHET_TENSOR_VIEW))) == WHET_OK)
        status = whet_nhwc_weight(r->g, t->name, &data, to_first, want);
    whet_tensor_dispose(&data);
    *out = *want;
    return status;
}

static whet_status const_real(tfl_reader *r, tfl_tensor *t, whet_layout form, whet_vid *out)
{
    whet_vid raw = WHET_NO_VALUE, *want = form == WHET_NCHW ? &t->real.first : &t->real.last;
    *out = *want;
    if (*want >= 0) return WHET_OK;
    WHET_TRY(const_raw(r, t, form, &raw));
    WHET_TRY(real_of_const(r, t, raw, whet_nhwc_axis(t->axis, t->dims.rank, form), want));
    *out = *want;
    return WHET_OK;
}

whet_status tfl_pair(tfl_reader *r, const tfl_node *n, tfl_tensor *t, whet_nhwc **out)
{
    *out = tfl_quantized(t) ? &t->real : &t->raw;
    if (!whet_nhwc_is_none(*out)) return WHET_OK;
    if (whet_nhwc_is_none(&t->raw)) return tfl_fail(r, n, WHET_EFORMAT, "tensor '%s' is read, but nothing gives it", t->name);
    if (t->scale.n > 1) return tfl_fail(r, n, WHET_EUNSUPPORTED, "tensor '%s' has several scales but is no constant", t->name);
    const whet_layout form = t->raw.last >= 0 ? WHET_NHWC : WHET_NCHW;
    return dequantize(r, t, form == WHET_NHWC ? t->raw.last : t->raw.first, 0, form == WHET_NHWC ? &t->real.last : &t->real.first);
}

whet_status tfl_get(tfl_reader *r, const tfl_node *n, int slot, whet_layout form, whet_vid *out)
{
    tfl_tensor *t = NULL;
    whet_nhwc *pair = NULL;
    WHET_TRY(input(r, n, slot, &t));
    if (t->constant) return needs_real(t) ? const_real(r, t, form, out) : const_raw(r, t, form, out);
    WHET_TRY(tfl_pair(r, n, t, &pair));
    return whet_nhwc_get(r->g, pair, form, out);
}

whet_status tfl_get_raw(tfl_reader *r, const tfl_node *n, int slot, whet_layout form, whet_vid *out)
{
    tfl_tensor *t = NULL;
    WHET_TRY(input(r, n, slot, &t));
    return t->constant ? const_raw(r, t, form, out) : whet_nhwc_get(r->g, &t->raw, form, out);
}

whet_status tfl_get_flat(tfl_reader *r, const tfl_node *n, int slot, whet_vid *out)
{
    tfl_tensor *t = NULL;
    whet_nhwc *pair = NULL;
    WHET_TRY(input(r, n, slot, &t));
    if (t->constant) return tfl_get(r, n, slot, WHET_NHWC, out);
    WHET_TRY(tfl_pair(r, n, t, &pair));
    return whet_nhwc_flat(r->g, pair, out);
}

whet_layout tfl_form(const tfl_reader *r, const tfl_node *n, int first, int last)
{
    whet_layout form = WHET_NHWC;
    for (int i = first; i <= last && i < n->n_in; i++) {
        const tfl_tensor *t = tfl_in(r, n, i);
        if (!t) continue;
        const int rank = tfl_dims(r, t).rank;
        if (rank < 0 || rank > 4) return WHET_NHWC;
        if (!t->constant && (t->real.first >= 0 || t->raw.first >= 0)) form = WHET_NCHW;
    }
    return form;
}

/* A constant of lower rank with ones in front, channels first. */
static whet_status lifted_const(tfl_reader *r, tfl_tensor *t, whet_vid *out)
{
    whet_tensor data;
    const int missing = 4 - t->dims.rank;
    WHET_TRY(load(r, t, &data));
    for (int i = 3; i >= 0; i--) data.shape.dims[i] = i < missing ? 1 : data.shape.dims[i - missing];
    data.shape.rank = 4;
    whet_status status = take_copy(r, WHET_MIN(whet_tensor_bytes(&data), WHET_TENSOR_VIEW));
    if (status == WHET_OK) status = whet_nhwc_weight(r->g, t->name, &data, to_first, out);
    whet_tensor_dispose(&data);
    WHET_TRY(status);
    return real_of_const(r, t, *out, whet_nhwc_axis(t->axis + missing, 4, WHET_NCHW), out);
}

whet_status tfl_get_operand(tfl_reader *r, const tfl_node *n, int slot, int rank, whet_layout form, whet_vid *out)
{
    tfl_tensor *t = NULL;
    whet_nhwc *pair = NULL;
    whet_shape s;
    WHET_TRY(input(r, n, slot, &t));
    if (t->constant && form == WHET_NCHW && rank == 4 && t->dims.rank < 4) {
        if (whet_dims_concrete(&t->dims, &s) && whet_shape_numel(&s) == 1) return tfl_get(r, n, slot, WHET_NHWC, out);
        return lifted_const(r, t, out);
    }
    if (t->constant) return tfl_get(r, n, slot, form, out);
    WHET_TRY(tfl_pair(r, n, t, &pair));
    return whet_nhwc_operand(r->g, pair, rank, form, out);
}

whet_status tfl_get_weight(tfl_reader *r, const tfl_node *n, int slot, const int64_t *perm, whet_vid *out)
{
    tfl_tensor *t = NULL;
    whet_tensor data;
    int axis = 0;
    WHET_TRY(input(r, n, slot, &t));
    const int rank = tfl_dims(r, t).rank;
    if (!t->constant) {
        WHET_TRY(tfl_get(r, n, slot, WHET_NHWC, out));
        return whet_graph_op1(r->g, "Transpose", WHET_IN(*out), WHET_ATTRS(whet_attr_ints("perm", rank, perm)), out);
    }
    for (int i = 0; i < rank; i++)
        if (perm[i] == t->axis) axis = i;
    WHET_TRY(load(r, t, &data));
    whet_status status = take_copy(r, WHET_MIN(whet_tensor_bytes(&data), WHET_TENSOR_VIEW));
    if (status == WHET_OK) status = whet_nhwc_weight(r->g, t->name, &data, perm, out);
    whet_tensor_dispose(&data);
    WHET_TRY(status);
    return real_of_const(r, t, *out, axis, out);
}

/* --- bias */
/* Integers times scales as f32: for INT64, and where the tensor itself has no scale. */
static whet_status computed_bias(tfl_reader *r, const tfl_node *n, const tfl_tensor *t, whet_vid *out)
{
    const tfl_tensor *x = tfl_in(r, n, 0), *w = tfl_in(r, n, 1);
    whet_tensor data, y;
    whet_tensor_init(&y);
    WHET_TRY(load(r, t, &data));
    whet_status status = whet_tensor_alloc(&y, WHET_F32, &data.shape);
    const int64_t count = whet_tensor_numel(&data);
    if (status == WHET_OK && t->scale.n == 0 && (!x || !w || x->scale.n != 1 || (w->scale.n != 1 && (int64_t)w->scale.n != count)))
        status = tfl_fail(r, n, WHET_EFORMAT, "bias '%s' has no scale", t->name);
    for (int64_t i = 0; i < count && status == WHET_OK; i++) {
        const size_t k = (size_t)i;
        const double scale = t->scale.n ? (double)whet_fb_list_float(&t->scale, t->scale.n == 1 ? 0 : k) :
            (double)whet_fb_list_float(&x->scale, 0) * (double)whet_fb_list_float(&w->scale, w->scale.n == 1 ? 0 : k);
        ((float *)y.data)[i] = (float)((double)whet_tensor_get_s64(&data, i) * scale);
    }
    if (status == WHET_OK) status = whet_graph_const(r->g, t->name, &y, out);
    whet_tensor_dispose(&data);
    whet_tensor_dispose(&y);
    return status;
}

whet_status tfl_get_bias(tfl_reader *r, const tfl_node *n, int slot, whet_vid *out)
{
    tfl_tensor *t = NULL;
    *out = WHET_NO_VALUE;
    if (!tfl_has(n, slot)) return WHET_OK;
    WHET_TRY(input(r, n, slot, &t));
    if (t->constant && (t->stored == WHET_S64 || (t->stored == WHET_S32 && t->scale.n == 0))) return computed_bias(r, n, t, out);
    WHET_TRY(tfl_get(r, n, slot, WHET_NHWC, out));
    if (r->g->values[*out].dims.rank == 1) return WHET_OK;
    return tfl_reshape(r, n, *out, 1, (const int64_t[]){-1}, out);
}

/* --- results */
const char *tfl_result_name(const tfl_reader *r, const tfl_node *n, int slot, whet_dtype dtype)
{
    const tfl_tensor *t = tfl_out(r, n, slot);
    return !t || (tfl_quantized(t) && whet_dtype_is_float(dtype)) || (dtype != WHET_DTYPE_NONE && dtype != t->dtype) ? NULL : t->name;
}

static whet_status quantize(tfl_reader *r, const tfl_node *n, tfl_tensor *t, whet_vid v, whet_layout form)
{
    const char *name = t->name;
    whet_vid q = WHET_NO_VALUE, x = WHET_NO_VALUE;
    if (t->scale.n > 1) return tfl_fail(r, n, WHET_EUNSUPPORTED, "output '%s' has several scales", t->name);
    if (t->scale_value < 0) WHET_TRY(make_scales(r, t));
    if (t->zero_value < 0) return tfl_fail(r, n, WHET_EUNSUPPORTED, "output '%s' is quantised as %s", t->name, tfl_type_name(t->type));
    WHET_TRY(whet_graph_node(r->g, "QuantizeLinear", NULL, WHET_IN(v, t->scale_value, t->zero_value), WHET_NO_ATTRS, 1, &name, &q));
    WHET_TRY(dequantize(r, t, q, 0, &x));
    t->raw = whet_nhwc_of(q, form);
    t->real = whet_nhwc_of(x, form);
    return WHET_OK;
}

/* Integers without parameters behind a kernel that was given quantised ones and does not compute (a SPLIT, a TRANSPOSE): they are
 * the operand's integers, by the operand's parameters. WHET_NO_VALUE in *out if there is no such operand. */
static whet_status as_the_operand(tfl_reader *r, const tfl_node *n, tfl_tensor *t, whet_vid v, whet_vid *out)
{
    const char *name = t->name;
    *out = WHET_NO_VALUE;
    for (int i = 0; i < n->n_in; i++) {
        tfl_tensor *x = tfl_in(r, n, i);
        if (!x || !tfl_quantized(x) || x->dtype != t->dtype || x->scale.n != 1) continue;
        if (x->scale_value < 0) WHET_TRY(make_scales(r, x));
        if (x->zero_value < 0) continue;
        return whet_graph_node(r->g, "QuantizeLinear", NULL, WHET_IN(v, x->scale_value, x->zero_value), WHET_NO_ATTRS, 1, &name, out);
    }
    return WHET_OK;
}

whet_status tfl_give(tfl_reader *r, const tfl_node *n, int slot, whet_vid v, whet_layout form)
{
    tfl_tensor *t = tfl_out(r, n, slot);
    if (!t) return WHET_OK;
    WHET_TRY(fail_input(r, n, t));
    if (t->defined || t->constant) return tfl_fail(r, n, WHET_EFORMAT, "tensor '%s' is given twice", t->name);
    t->defined = true;
    const whet_dtype have = r->g->values[v].dtype;
    if (tfl_quantized(t) && whet_dtype_is_float(have)) return quantize(r, n, t, v, form);
    if (have != t->dtype) {
        const char *name = t->name;
        whet_vid same = WHET_NO_VALUE;
        if (tfl_quantized(t)) return tfl_fail(r, n, WHET_EUNSUPPORTED, "output '%s' of %s is not handled", t->name, tfl_type_name(t->type));
        if (whet_dtype_is_float(have)) WHET_TRY(as_the_operand(r, n, t, v, &same));
        if (same >= 0) {
            t->raw = whet_nhwc_of(same, form);
            return WHET_OK;
        }
        WHET_TRY(whet_graph_node(r->g, "Cast", NULL, WHET_IN(v), WHET_ATTRS(whet_attr_int("to", whet_dtype_to_onnx(t->dtype))), 1, &name, &v));
    }
    t->raw = whet_nhwc_of(v, form);
    return WHET_OK;
}
