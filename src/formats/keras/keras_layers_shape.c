/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that pool, move, pad, cut and resize, and those that prepare pixels. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "formats/keras/keras_reader.h"

static whet_status constant_s64(const keras_call *c, int n, const int64_t *x, whet_vid *out)
{
    return whet_graph_const_s64(c->r->g, NULL, n, x, out);
}

static whet_status give(keras_call *c, whet_vid y)
{
    c->out = keras_of_image(c, y);
    return WHET_OK;
}

/* --- pooling */
whet_status keras_read_pool(keras_call *c)
{
    whet_nhwc_window w;
    whet_attr attrs[WHET_NHWC_WINDOW_ATTRS];
    whet_dims d;
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE;
    const char *padding = keras_text(c, "padding", "valid");
    memset(&w, 0, sizeof w);
    WHET_TRY(keras_ints(c, "pool_size", 2, 2, w.kernel));
    WHET_TRY(keras_ints(c, "strides", 2, 0, w.stride));
    for (int i = 0; i < 2; i++) {
        if (w.stride[i] == 0) w.stride[i] = w.kernel[i];
        w.dilation[i] = 1;
        if (w.kernel[i] < 1 || w.stride[i] < 1) return keras_fail(c, WHET_EFORMAT, "pool_size and strides must be positive");
    }
    w.same = strcmp(padding, "same") == 0;
    if (!w.same && strcmp(padding, "valid") != 0) return keras_fail(c, WHET_EUNSUPPORTED, "padding '%.30s' is not supported, only valid and same", padding);
    WHET_TRY(keras_image(c, c->in[0], &x));
    const whet_dims first = c->r->g->values[x].dims;
    d = (whet_dims){.rank = 4, .dims = {first.dims[0], first.dims[2], first.dims[3], first.dims[1]}};
    WHET_TRY(keras_emit(c, c->l->def->ir, 1, &x, whet_nhwc_window_attrs(&w, &d, true, attrs), attrs, &y));
    return give(c, y);
}

whet_status keras_read_global_pool(keras_call *c)
{
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE, axes = WHET_NO_VALUE;
    WHET_TRY(keras_image(c, c->in[0], &x));
    WHET_TRY(keras_emit(c, c->l->def->ir, 1, &x, WHET_NO_ATTRS, &y));
    if (keras_true(c, "keepdims", false)) return give(c, y);
    WHET_TRY(constant_s64(c, 2, (const int64_t[]){2, 3}, &axes));
    WHET_TRY(keras_emit(c, "Squeeze", WHET_IN(y, axes), WHET_NO_ATTRS, &y));
    c->out = whet_nhwc_of(y, WHET_NHWC);
    return WHET_OK;
}

whet_status keras_read_global_pool_1d(keras_call *c)
{
    whet_dims d;
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE, axes = WHET_NO_VALUE;
    WHET_TRY(keras_dims(c, c->in[0], 3, &d));
    WHET_TRY(whet_nhwc_get(c->r->g, c->in[0], WHET_NHWC, &x));
    WHET_TRY(constant_s64(c, 1, (const int64_t[]){keras_channels_first(c) ? 2 : 1}, &axes));
    WHET_TRY(keras_emit(c, c->l->def->ir, WHET_IN(x, axes), WHET_ATTRS(whet_attr_int("keepdims", keras_true(c, "keepdims", false))), &y));
    c->out = whet_nhwc_of(y, WHET_NHWC);
    return WHET_OK;
}

/* --- shapes */
static whet_status reshape_to(keras_call *c, whet_vid x, int n, const int64_t *sizes)
{
    whet_vid shape = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(constant_s64(c, n, sizes, &shape));
    WHET_TRY(keras_emit(c, "Reshape", WHET_IN(x, shape), WHET_NO_ATTRS, &y));
    c->out = whet_nhwc_of(y, WHET_NHWC);
    return WHET_OK;
}

/* The elements in the order channels last, also where the file lies channels first. */
whet_status keras_read_flatten(keras_call *c)
{
    whet_dims d;
    whet_vid x = WHET_NO_VALUE;
    int64_t perm[WHET_MAX_RANK] = {0}, size = 1;
    WHET_TRY(keras_dims(c, c->in[0], 0, &d));
    WHET_TRY(whet_nhwc_flat(c->r->g, c->in[0], &x));
    for (int i = 1; i < d.rank; i++) {
        perm[i] = i == d.rank - 1 ? 1 : i + 1;
        size = d.dims[i] > 0 && size > 0 ? size * d.dims[i] : -1;
    }
    if (keras_channels_first(c) && d.rank > 2) WHET_TRY(keras_emit(c, "Transpose", WHET_IN(x), WHET_ATTRS(whet_attr_ints("perm", d.rank, perm)), &x));
    return reshape_to(c, x, 2, (const int64_t[]){0, size > 0 ? size : -1});
}

whet_status keras_read_reshape(keras_call *c)
{
    whet_dims d;
    whet_vid x = WHET_NO_VALUE;
    int64_t sizes[WHET_MAX_RANK + 1] = {0};
    const json_t *v = keras_config(c, "target_shape");
    const size_t n = json_array_size(v);
    if (!json_is_array(v) || n + 1 > WHET_MAX_RANK) return keras_fail(c, WHET_EUNSUPPORTED, "its target_shape cannot be read");
    for (size_t i = 0; i < n; i++) {
        const json_t *x_i = json_array_get(v, i);
        if (!json_is_integer(x_i) || json_integer_value(x_i) < -1 || json_integer_value(x_i) == 0) return keras_fail(c, WHET_EFORMAT, "its target_shape cannot be read");
        sizes[i + 1] = json_integer_value(x_i);
    }
    WHET_TRY(keras_dims(c, c->in[0], 0, &d));
    WHET_TRY(whet_nhwc_flat(c->r->g, c->in[0], &x));
    return reshape_to(c, x, (int)n + 1, sizes);
}

whet_status keras_read_permute(keras_call *c)
{
    whet_dims d;
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE;
    int64_t perm[WHET_MAX_RANK] = {0};
    WHET_TRY(keras_dims(c, c->in[0], 0, &d));
    WHET_TRY(keras_ints(c, "dims", d.rank - 1, 0, perm + 1));
    WHET_TRY(whet_nhwc_get(c->r->g, c->in[0], WHET_NHWC, &x));
    WHET_TRY(keras_emit(c, "Transpose", WHET_IN(x), WHET_ATTRS(whet_attr_ints("perm", d.rank, perm)), &y));
    c->out = whet_nhwc_of(y, WHET_NHWC);
    return WHET_OK;
}

whet_status keras_read_repeat_vector(keras_call *c)
{
    whet_dims d;
    whet_vid x = WHET_NO_VALUE, axes = WHET_NO_VALUE, repeats = WHET_NO_VALUE, y = WHET_NO_VALUE;
    int64_t n = 1;
    WHET_TRY(keras_dims(c, c->in[0], 2, &d));
    WHET_TRY(keras_int(c, "n", 1, &n));
    WHET_TRY(whet_nhwc_get(c->r->g, c->in[0], WHET_NHWC, &x));
    WHET_TRY(constant_s64(c, 1, (const int64_t[]){1}, &axes));
    WHET_TRY(constant_s64(c, 3, (const int64_t[]){1, n, 1}, &repeats));
    WHET_TRY(keras_emit(c, "Unsqueeze", WHET_IN(x, axes), WHET_NO_ATTRS, &y));
    WHET_TRY(keras_emit(c, "Tile", WHET_IN(y, repeats), WHET_NO_ATTRS, &y));
    c->out = whet_nhwc_of(y, WHET_NHWC);
    return WHET_OK;
}

/* A number, (h, w), or ((top, bottom), (left, right)). */
static whet_status read_edges(keras_call *c, const char *key, int64_t out[4])
{
    const json_t *v = keras_config(c, key);
    for (size_t i = 0; i < 4; i++) {
        const json_t *half = json_is_array(v) ? keras_unwrap(json_array_get(v, i / 2)) : v;
        const json_t *x = json_is_array(half) ? json_array_get(half, i % 2) : half;
        if (!json_is_integer(x) || json_integer_value(x) < 0 || json_integer_value(x) > 1 << 20 || (json_is_array(v) && json_array_size(v) != 2))
            return keras_fail(c, WHET_EFORMAT, "its %s cannot be read", key);
        out[i] = json_integer_value(x); /* top, bottom, left, right */
    }
    return WHET_OK;
}

whet_status keras_read_zero_padding(keras_call *c)
{
    int64_t e[4];
    whet_vid x = WHET_NO_VALUE, pads = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(read_edges(c, "padding", e));
    WHET_TRY(keras_image(c, c->in[0], &x));
    WHET_TRY(constant_s64(c, 8, (const int64_t[]){0, 0, e[0], e[2], 0, 0, e[1], e[3]}, &pads));
    WHET_TRY(keras_emit(c, "Pad", WHET_IN(x, pads), WHET_NO_ATTRS, &y));
    return give(c, y);
}

whet_status keras_read_cropping(keras_call *c)
{
    int64_t e[4];
    whet_vid x = WHET_NO_VALUE, starts = WHET_NO_VALUE, ends = WHET_NO_VALUE, axes = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(read_edges(c, "cropping", e));
    WHET_TRY(keras_image(c, c->in[0], &x));
    WHET_TRY(constant_s64(c, 2, (const int64_t[]){e[0], e[2]}, &starts));
    WHET_TRY(constant_s64(c, 2, (const int64_t[]){e[1] > 0 ? -e[1] : INT64_MAX, e[3] > 0 ? -e[3] : INT64_MAX}, &ends));
    WHET_TRY(constant_s64(c, 2, (const int64_t[]){2, 3}, &axes));
    WHET_TRY(keras_emit(c, "Slice", WHET_IN(x, starts, ends, axes), WHET_NO_ATTRS, &y));
    return give(c, y);
}

/* A number or (front, back) of the tokens of [N, T, C]. */
static whet_status read_ends(keras_call *c, const char *key, int64_t out[2], whet_dims *d, whet_vid *x)
{
    WHET_TRY(keras_ints(c, key, 2, 1, out));
    if (out[0] < 0 || out[1] < 0 || out[0] > 1 << 20 || out[1] > 1 << 20 || keras_channels_first(c)) return keras_fail(c, WHET_EFORMAT, "its %s cannot be read", key);
    WHET_TRY(keras_dims(c, c->in[0], 3, d));
    return whet_nhwc_get(c->r->g, c->in[0], WHET_NHWC, x);
}

whet_status keras_read_zero_padding_1d(keras_call *c)
{
    int64_t e[2];
    whet_dims d;
    whet_vid x = WHET_NO_VALUE, pads = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(read_ends(c, "padding", e, &d, &x));
    WHET_TRY(constant_s64(c, 6, (const int64_t[]){0, e[0], 0, 0, e[1], 0}, &pads));
    WHET_TRY(keras_emit(c, "Pad", WHET_IN(x, pads), WHET_NO_ATTRS, &y));
    c->out = whet_nhwc_of(y, WHET_NHWC);
    return WHET_OK;
}

whet_status keras_read_cropping_1d(keras_call *c)
{
    int64_t e[2];
    whet_dims d;
    whet_vid x = WHET_NO_VALUE, starts = WHET_NO_VALUE, ends = WHET_NO_VALUE, axes = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(read_ends(c, "cropping", e, &d, &x));
    if (d.dims[1] >= 0 && e[0] + e[1] >= d.dims[1]) return keras_fail(c, WHET_ESHAPE, "it cuts all of its %lld tokens", (long long)d.dims[1]);
    WHET_TRY(constant_s64(c, 1, (const int64_t[]){e[0]}, &starts));
    WHET_TRY(constant_s64(c, 1, (const int64_t[]){e[1] > 0 ? -e[1] : INT64_MAX}, &ends));
    WHET_TRY(constant_s64(c, 1, (const int64_t[]){1}, &axes));
    WHET_TRY(keras_emit(c, "Slice", WHET_IN(x, starts, ends, axes), WHET_NO_ATTRS, &y));
    c->out = whet_nhwc_of(y, WHET_NHWC);
    return WHET_OK;
}

/* --- resizing: TensorFlow's image.resize, pixel centres at half; cubic by Keys (a = -1/2), weights beyond the edge left out */
static whet_status emit_resize(keras_call *c, const char *how, whet_vid x, whet_vid scales, whet_vid sizes)
{
    static const struct { const char *name, *mode; } modes[] = {{"nearest", "nearest"}, {"bilinear", "linear"}, {"bicubic", "cubic"}};
    whet_vid y = WHET_NO_VALUE;
    for (size_t i = 0; i < WHET_COUNT(modes); i++) {
        if (strcmp(modes[i].name, how) != 0) continue;
        const whet_attr attrs[] = {whet_attr_string("mode", modes[i].mode), whet_attr_string("coordinate_transformation_mode", "half_pixel"),
                                   whet_attr_string("nearest_mode", "round_prefer_ceil"), whet_attr_float("cubic_coeff_a", -0.5f),
                                   whet_attr_int("exclude_outside", i == 2)};
        const whet_vid in[4] = {x, WHET_NO_VALUE, scales, sizes};
        WHET_TRY(keras_emit(c, "Resize", 4, in, (int)WHET_COUNT(attrs), attrs, &y));
        return give(c, y);
    }
    return keras_fail(c, WHET_EUNSUPPORTED, "interpolation '%.30s' is not supported, only nearest, bilinear and bicubic", how);
}

whet_status keras_read_up_sampling(keras_call *c)
{
    int64_t size[2];
    whet_tensor t;
    whet_vid x = WHET_NO_VALUE, scales = WHET_NO_VALUE;
    const whet_shape four = WHET_SHAPE(4);
    WHET_TRY(keras_ints(c, "size", 2, 2, size));
    if (size[0] < 1 || size[1] < 1) return keras_fail(c, WHET_EFORMAT, "its size must be positive");
    WHET_TRY(keras_image(c, c->in[0], &x));
    whet_tensor_init(&t);
    WHET_TRY(whet_tensor_alloc(&t, WHET_F32, &four));
    for (int64_t i = 0; i < 4; i++) whet_tensor_set_f64(&t, i, i < 2 ? 1 : (double)size[i - 2]);
    WHET_TRY(keras_constant(c, "scales", &t, &scales));
    return emit_resize(c, keras_text(c, "interpolation", "nearest"), x, scales, WHET_NO_VALUE);
}

static whet_status to_float(keras_call *c, whet_nhwc *t)
{
    whet_vid y = WHET_NO_VALUE;
    if (whet_nhwc_dtype(c->r->g, t) == WHET_F32) return WHET_OK;
    const whet_layout form = t->last >= 0 ? WHET_NHWC : WHET_NCHW;
    WHET_TRY(keras_emit(c, "Cast", WHET_IN(form == WHET_NHWC ? t->last : t->first), WHET_ATTRS(whet_attr_int("to", whet_dtype_to_onnx(WHET_F32))), &y));
    *t = whet_nhwc_of(y, form);
    return WHET_OK;
}

/* The batch is a symbol: its size is taken from the tensor. */
static whet_status full_sizes(keras_call *c, whet_vid x, int64_t height, int64_t width, whet_vid *out)
{
    whet_vid shape = WHET_NO_VALUE, starts = WHET_NO_VALUE, ends = WHET_NO_VALUE, tail = WHET_NO_VALUE;
    WHET_TRY(keras_emit(c, "Shape", WHET_IN(x), WHET_NO_ATTRS, &shape));
    WHET_TRY(constant_s64(c, 1, (const int64_t[]){0}, &starts));
    WHET_TRY(constant_s64(c, 1, (const int64_t[]){2}, &ends));
    WHET_TRY(keras_emit(c, "Slice", WHET_IN(shape, starts, ends), WHET_NO_ATTRS, &shape));
    WHET_TRY(constant_s64(c, 2, (const int64_t[]){height, width}, &tail));
    return keras_emit(c, "Concat", WHET_IN(shape, tail), WHET_ATTRS(whet_attr_int("axis", 0)), out);
}

whet_status keras_read_resizing(keras_call *c)
{
    int64_t height = 0, width = 0;
    whet_nhwc in = *c->in[0];
    whet_vid x = WHET_NO_VALUE, sizes = WHET_NO_VALUE;
    WHET_TRY(keras_refuse_unless(c, "crop_to_aspect_ratio", ""));
    WHET_TRY(keras_refuse_unless(c, "pad_to_aspect_ratio", ""));
    WHET_TRY(keras_refuse_unless(c, "antialias", ""));
    WHET_TRY(keras_int(c, "height", 0, &height));
    WHET_TRY(keras_int(c, "width", 0, &width));
    if (height < 1 || width < 1) return keras_fail(c, WHET_EFORMAT, "its height and width must be positive");
    WHET_TRY(to_float(c, &in));
    WHET_TRY(keras_image(c, &in, &x));
    WHET_TRY(full_sizes(c, x, height, width, &sizes));
    return emit_resize(c, keras_text(c, "interpolation", "bilinear"), x, WHET_NO_VALUE, sizes);
}

/* --- pixels */
/* *t = *t op an array of the configuration, which broadcasts over the last axis; left out if it is one number that does nothing. */
static whet_status with_array(keras_call *c, const char *op, const char *key, double idle, whet_nhwc *t)
{
    whet_tensor x;
    whet_nhwc own = WHET_NHWC_NONE, *in[2] = {t, &own};
    const json_t *v = keras_config(c, key);
    if (v == NULL || (json_is_number(v) && json_number_value(v) == idle)) return WHET_OK;
    WHET_TRY(keras_array(c, v, &x));
    WHET_TRY(keras_constant(c, key, &x, &own.last));
    return keras_elementwise(c, op, 2, in, WHET_NO_ATTRS, t);
}

whet_status keras_read_rescaling(keras_call *c)
{
    c->out = *c->in[0];
    WHET_TRY(to_float(c, &c->out));
    WHET_TRY(with_array(c, "Mul", "scale", 1, &c->out));
    return with_array(c, "Add", "offset", 0, &c->out);
}

/* (x - mean) / max(sqrt(variance), 1e-7). Mean and variance stand in the configuration or, after adapt(), among the weights. */
static whet_status mean_and_variance(keras_call *c, int64_t n, whet_tensor part[2])
{
    static const char *const keys[2] = {"mean", "variance"};
    for (int i = 0; i < 2; i++) {
        const keras_weight w = {.i = i, .sub = "", .at = i, .role = keys[i], .rank = 1, .dims = {n}};
        const json_t *v = keras_config(c, keys[i]);
        WHET_TRY(v != NULL ? keras_array(c, v, &part[i]) : keras_load(c, &w, &part[i]));
        while (part[i].shape.rank > 1 && part[i].shape.dims[0] == 1) { /* [1, 1, 1, n] */
            part[i].shape.rank--;
            memmove(part[i].shape.dims, part[i].shape.dims + 1, (size_t)part[i].shape.rank * sizeof(int64_t));
        }
        if (part[i].shape.rank > 1 || (part[i].shape.rank == 1 && part[i].shape.dims[0] != n && part[i].shape.dims[0] != 1))
            return keras_fail(c, WHET_EUNSUPPORTED, "only one %s for each channel is supported", keys[i]);
    }
    for (int64_t i = 0; i < whet_tensor_numel(&part[1]); i++)
        ((float *)part[1].data)[i] = fmaxf(sqrtf(((float *)part[1].data)[i]), 1e-7f);
    return WHET_OK;
}

whet_status keras_read_normalization(keras_call *c)
{
    whet_dims d;
    whet_tensor part[2];
    whet_nhwc mean = WHET_NHWC_NONE, deviation = WHET_NHWC_NONE, *first[2] = {&c->out, NULL}, *second[2] = {&c->out, NULL};
    int64_t axis = -1;
    const bool invert = keras_true(c, "invert", false);
    c->out = *c->in[0];
    for (int i = 0; i < 2; i++) whet_tensor_init(&part[i]);
    WHET_TRY(keras_dims(c, c->in[0], 0, &d));
    WHET_TRY(keras_int(c, "axis", -1, &axis));
    if (axis != -1 && axis != d.rank - 1) return keras_fail(c, WHET_EUNSUPPORTED, "only normalisation by the last axis is supported");
    WHET_TRY(to_float(c, &c->out));
    whet_status status = mean_and_variance(c, d.dims[d.rank - 1], part);
    if (status == WHET_OK) status = keras_constant(c, "mean", &part[0], &mean.last);
    if (status == WHET_OK) status = keras_constant(c, "deviation", &part[1], &deviation.last);
    for (int i = 0; i < 2; i++) whet_tensor_dispose(&part[i]);
    WHET_TRY(status);
    first[1] = invert ? &deviation : &mean;
    second[1] = invert ? &mean : &deviation;
    WHET_TRY(keras_elementwise(c, invert ? "Mul" : "Sub", 2, first, WHET_NO_ATTRS, &c->out));
    return keras_elementwise(c, invert ? "Add" : "Div", 2, second, WHET_NO_ATTRS, &c->out);
}
