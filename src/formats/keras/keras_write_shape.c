/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that move, pad, cut and resize. Layers never touch the batch: what goes across it is refused, but for rows ([N*T, C])
 * that are the tokens of a batch, which stay [N, T, C] in the file. */
#include <stdio.h>
#include <string.h>

#include "formats/keras/keras_writer.h"
#include "ir/op.h"

static bool same_rest(const whet_dims *a, const whet_dims *b)
{
    if (a->rank != b->rank) return false;
    for (int i = 1; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    return true;
}

whet_status keras_reshape_to(keras_writer *w, const char *base, const whet_dims *d, int in, int *out)
{
    json_t *shape = json_array();
    for (int i = 1; i < d->rank; i++) json_array_append_new(shape, json_integer(d->dims[i]));
    return keras_layer(w, "Reshape", base, json_pack("{s:o}", "target_shape", shape), 1, &in, out);
}

/* n's output 0 are the elements of *in in the dims d. */
static whet_status reshaped(keras_writer *w, const whet_node *n, const keras_ref *in, const whet_dims *d)
{
    int layer = -1;
    const keras_ref from = *in;
    if (same_rest(&from.dims, d)) {
        keras_give(w, n, 0, from.layer, &from.dims, false);
        return WHET_OK;
    }
    if (d->rank == 2 && from.dims.rank > 2) WHET_TRY(keras_layer(w, "Flatten", n->name, json_pack("{s:s}", "data_format", "channels_last"), 1, &from.layer, &layer));
    else WHET_TRY(keras_reshape_to(w, n->name, d, from.layer, &layer));
    keras_give(w, n, 0, layer, d, false);
    return WHET_OK;
}

/* Where the batch is not first before or behind: as long as what is in front of it and behind it stays together. */
static whet_status moved_reshape(keras_writer *w, const whet_node *n)
{
    const keras_ref from = w->refs[n->in[0]];
    const whet_dims x = whet_nhwc_dims(w->g, n->in[0]), d = whet_nhwc_dims(w->g, n->out[0]);
    const int64_t front = keras_elements(x.dims, 0, from.batch), behind = keras_elements(x.dims, from.batch + 1, x.rank);
    for (int b = 0; b < d.rank && front > 0 && behind > 0; b++) {
        if (d.dims[b] != x.dims[from.batch] || keras_elements(d.dims, 0, b) != front || keras_elements(d.dims, b + 1, d.rank) != behind) continue;
        whet_dims to = {.rank = d.rank, .dims = {d.dims[b]}};
        for (int i = 0, k = 1; i < d.rank; i++)
            if (i != b) to.dims[k++] = d.dims[i];
        WHET_TRY(reshaped(w, n, &from, &to));
        w->refs[n->out[0]].batch = b;
        return WHET_OK;
    }
    return keras_refuse(n, "it goes across the batch");
}

whet_status keras_write_reshape(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    if (keras_is_const(w, n->in[0])) return keras_refuse(n, "it is of a constant: fold constants first");
    if (w->refs[n->in[0]].batch != 0) return moved_reshape(w, n);
    WHET_TRY(keras_in(w, n, 0, true, &in));
    const whet_dims d = whet_nhwc_dims(w->g, n->out[0]);
    const int64_t have = keras_elements(in->dims.dims, 1, in->dims.rank), want = keras_elements(d.dims, 1, d.rank);
    if (have < 0 || want < 0) return keras_refuse(n, "its sizes are not known");
    const bool batch = d.rank > 1 && (d.dims[0] < 0 || (in->dims.dims[0] >= 0 && d.dims[0] == in->dims.dims[0]));
    if (batch && have == want) return reshaped(w, n, in, &d);
    if (d.rank == 2 && in->dims.rank > 2 && d.dims[1] == in->dims.dims[in->dims.rank - 1]) { /* [N, T, C] -> [N*T, C] */
        keras_give(w, n, 0, in->layer, &in->dims, true);
        return WHET_OK;
    }
    /* [N, T, h, c] -> [N*T, h*c]: the tokens' parts become one */
    if (d.rank == 2 && in->dims.rank == 4 && d.dims[1] == in->dims.dims[2] * in->dims.dims[3]) {
        const whet_dims tokens = {.rank = 3, .dims = {in->dims.dims[0], in->dims.dims[1], d.dims[1]}};
        WHET_TRY(reshaped(w, n, in, &tokens));
        w->refs[n->out[0]].rows = true;
        return WHET_OK;
    }
    return in->rows ? keras_refuse(n, "it goes across the batch") : moved_reshape(w, n);
}

/* The batch stays first in the file; w->refs say where the value has it. */
static whet_status moved_transpose(keras_writer *w, const whet_node *n, const int *perm)
{
    const keras_ref from = w->refs[n->in[0]];
    const int rank = from.dims.rank;
    keras_ref to = {.layer = from.layer, .dims = {.rank = rank, .dims = {from.dims.dims[0]}}};
    bool moves = false;
    int k = 1;
    json_t *dims = json_array();
    for (int i = 0; i < rank; i++) {
        const int at = perm[i] == from.batch ? 0 : perm[i] < from.batch ? perm[i] + 1 : perm[i];
        if (at == 0) {
            to.batch = i;
            continue;
        }
        moves = moves || at != k;
        to.dims.dims[k++] = from.dims.dims[at];
        json_array_append_new(dims, json_integer(at));
    }
    if (moves) WHET_TRY(keras_layer(w, "Permute", n->name, json_pack("{s:o}", "dims", dims), 1, &from.layer, &to.layer));
    else json_decref(dims);
    w->refs[n->out[0]] = to;
    return WHET_OK;
}

whet_status keras_write_transpose(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    int perm[WHET_MAX_RANK] = {0};
    if (keras_is_const(w, n->in[0])) return keras_refuse(n, "it is of a constant: fold constants first");
    WHET_TRY(keras_in_moved(w, n, 0, &in));
    const whet_dims d = whet_nhwc_dims(w->g, n->out[0]);
    const whet_nhwc_move move = whet_nhwc_move_of(w->g, n, perm);
    if (in->batch != 0 || (perm[0] != 0 && move == WHET_MOVE_TRANSPOSE)) return moved_transpose(w, n, perm);
    if (move == WHET_MOVE_NONE || move == WHET_MOVE_RESHAPE) return reshaped(w, n, in, &d);
    json_t *dims = json_array();
    for (int i = 1; i < d.rank; i++) json_array_append_new(dims, json_integer(perm[i]));
    return keras_simple(w, n, "Permute", json_pack("{s:o}", "dims", dims));
}

/* --- edges */
static json_t *edge_list(const int64_t *before, const int64_t *after, int axis)
{
    return json_pack("[o,o]", keras_pair(before[axis], after[axis]), keras_pair(before[axis + 1], after[axis + 1]));
}

/* Zeros (or a cut) at the ends of axes 1 and 2 and, by the other data_format, 3. */
whet_status keras_edges(keras_writer *w, const char *base, bool cut, const whet_dims *d, const int64_t *before, const int64_t *after, int in, int *out)
{
    const char *key = cut ? "cropping" : "padding";
    *out = in;
    if (d->rank == 3) {
        if (before[1] + after[1] == 0) return WHET_OK;
        return keras_layer(w, cut ? "Cropping1D" : "ZeroPadding1D", base, json_pack("{s:o}", key, keras_pair(before[1], after[1])), 1, &in, out);
    }
    if (before[1] + after[1] + before[2] + after[2] > 0)
        WHET_TRY(keras_layer(w, cut ? "Cropping2D" : "ZeroPadding2D", base, json_pack("{s:o,s:s}", key, edge_list(before, after, 1), "data_format", "channels_last"), 1, &in, out));
    if (before[3] + after[3] == 0) return WHET_OK;
    const int64_t b[4] = {0, 0, 0, before[3]}, a[4] = {0, 0, 0, after[3]}; /* the last two axes of "channels first" are width and channels */
    return keras_layer(w, cut ? "Cropping2D" : "ZeroPadding2D", base, json_pack("{s:o,s:s}", key, edge_list(b, a, 2), "data_format", "channels_first"), 1, (const int[]){*out}, out);
}

/* In the file's order; refused where the batch, or what lies between, is touched. */
static whet_status check_edges(const whet_node *n, const keras_ref *in, int64_t *before, int64_t *after)
{
    for (int i = 0; i < in->dims.rank; i++) {
        if (before[i] < 0 || after[i] < 0) return keras_refuse(n, "padding that cuts is not possible");
        const bool can = in->dims.rank == 4 ? i > 0 : in->dims.rank == 3 && i == 1;
        if (!can && before[i] + after[i] != 0) return keras_refuse(n, "axis %d of %d can be neither padded nor cut", i, in->dims.rank);
    }
    return WHET_OK;
}

whet_status keras_write_pad(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    int64_t pads[2 * WHET_MAX_RANK], axes[WHET_MAX_RANK], before[WHET_MAX_RANK] = {0}, after[WHET_MAX_RANK] = {0};
    int layer = -1;
    whet_tensor value;
    WHET_TRY(keras_in(w, n, 0, false, &in));
    const int count = keras_in_ints(w, n, 1, pads, 2 * WHET_MAX_RANK) / 2;
    const int n_axes = n->n_in > 3 && n->in[3] >= 0 ? keras_in_ints(w, n, 3, axes, WHET_MAX_RANK) : -2;
    WHET_TRY(keras_in_const(w, n, 2, &value));
    const bool zero = value.data == NULL || whet_tensor_get_f64(&value, 0) == 0;
    whet_tensor_dispose(&value);
    if (!zero || strcmp(whet_node_string(n, "mode", "constant"), "constant") != 0) return keras_refuse(n, "only padding with zeros is possible");
    if (count < 1 || n_axes == -1 || (n_axes >= 0 && n_axes != count) || (n_axes == -2 && count != in->dims.rank)) return keras_refuse(n, "its padding is not known");
    for (int i = 0; i < count; i++) {
        const int at = whet_nhwc_axis(w->g, n->in[0], n_axes >= 0 ? axes[i] : i);
        before[at] = pads[i];
        after[at] = pads[count + i];
    }
    WHET_TRY(check_edges(n, in, before, after));
    WHET_TRY(keras_edges(w, n->name, false, &in->dims, before, after, in->layer, &layer));
    const whet_dims d = whet_nhwc_dims(w->g, n->out[0]);
    keras_give(w, n, 0, layer, &d, false);
    return WHET_OK;
}

/* Every step-th row and column: a pool of single places. */
static whet_status stride(keras_writer *w, const whet_node *n, const int64_t *step, int in, int *out)
{
    *out = in;
    if (step[1] == 1 && step[2] == 1) return WHET_OK;
    return keras_layer(w, "MaxPooling2D", n->name, json_pack("{s:o,s:o,s:s,s:s}", "pool_size", keras_pair(1, 1), "strides", keras_pair(step[1], step[2]), "padding", "valid",
                       "data_format", "channels_last"), 1, &in, out);
}

static int64_t bounded(int64_t x, int64_t size)
{
    if (x < 0) x += size;
    return x < 0 ? 0 : x > size ? size : x;
}

whet_status keras_write_slice(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    int64_t starts[WHET_MAX_RANK], ends[WHET_MAX_RANK], axes[WHET_MAX_RANK], steps[WHET_MAX_RANK];
    int64_t before[WHET_MAX_RANK] = {0}, after[WHET_MAX_RANK] = {0}, step[WHET_MAX_RANK];
    int layer = -1;
    WHET_TRY(keras_in(w, n, 0, false, &in));
    const int count = keras_in_ints(w, n, 1, starts, WHET_MAX_RANK);
    bool known = count > 0 && keras_in_ints(w, n, 2, ends, WHET_MAX_RANK) == count;
    for (int i = 0; i < WHET_MAX_RANK; i++) step[i] = 1, axes[i] = i, steps[i] = 1;
    if (n->n_in > 3 && n->in[3] >= 0) known = known && keras_in_ints(w, n, 3, axes, WHET_MAX_RANK) == count;
    if (n->n_in > 4 && n->in[4] >= 0) known = known && keras_in_ints(w, n, 4, steps, WHET_MAX_RANK) == count;
    if (!known) return keras_refuse(n, "where it cuts is not known");
    for (int i = 0; i < count; i++) {
        const int at = whet_nhwc_axis(w->g, n->in[0], axes[i]);
        const int64_t size = in->dims.dims[at];
        if (steps[i] < 1 || (steps[i] > 1 && (in->dims.rank != 4 || at == 0 || at == 3))) return keras_refuse(n, "such a step is not possible");
        if (size < 0) return keras_refuse(n, "it goes across the batch, or a size is not known");
        before[at] = bounded(starts[i], size);
        after[at] = size - bounded(ends[i], size);
        step[at] = steps[i];
        if (before[at] + after[at] >= size) return keras_refuse(n, "nothing is left of it");
    }
    const whet_dims d = whet_nhwc_dims(w->g, n->out[0]);
    if (count == 1 && steps[0] == 1 && in->dims.rank != 4) {
        const int at = whet_nhwc_axis(w->g, n->in[0], axes[0]);
        if (at > 0 && keras_elements(in->dims.dims, 1, in->dims.rank) > 0 && keras_elements(d.dims, 1, d.rank) > 0) {
            WHET_TRY(keras_part(w, n->name, &in->dims, at, before[at], in->dims.dims[at] - before[at] - after[at], &d, in->layer, &layer));
            keras_give(w, n, 0, layer, &d, false);
            return WHET_OK;
        }
    }
    WHET_TRY(check_edges(n, in, before, after));
    WHET_TRY(keras_edges(w, n->name, true, &in->dims, before, after, in->layer, &layer));
    WHET_TRY(stride(w, n, step, layer, &layer));
    keras_give(w, n, 0, layer, &d, false);
    return WHET_OK;
}

/* --- resizing */
/* Keras' name of the interpolation, NULL where it has none that does the same. */
static const char *interpolation(const whet_node *n, bool whole)
{
    const char *mode = whet_node_string(n, "mode", "nearest"), *coords = whet_node_string(n, "coordinate_transformation_mode", "half_pixel");
    const char *near = whet_node_string(n, "nearest_mode", "round_prefer_floor");
    const bool half = strcmp(coords, "half_pixel") == 0 || strcmp(coords, "pytorch_half_pixel") == 0;
    if (whet_node_int(n, "antialias", 0) != 0) return NULL;
    if (strcmp(mode, "nearest") == 0) {
        if (half && strcmp(near, "round_prefer_ceil") == 0) return "nearest";
        if (half && strcmp(near, "round_prefer_floor") == 0 && whole) return "nearest"; /* never on a tie */
        return whole && strcmp(coords, "asymmetric") == 0 && strcmp(near, "floor") == 0 ? "nearest" : NULL;
    }
    if (strcmp(mode, "linear") == 0) return half ? "bilinear" : NULL;
    if (strcmp(mode, "cubic") == 0 && half && whet_node_float(n, "cubic_coeff_a", -0.75f) == -0.5f && whet_node_int(n, "exclude_outside", 0) == 1) return "bicubic";
    return NULL;
}

whet_status keras_write_resize(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    WHET_TRY(keras_in(w, n, 0, false, &in));
    const whet_dims d = whet_nhwc_dims(w->g, n->out[0]);
    if (in->dims.rank != 4 || !whet_nhwc_is(w->g, n->in[0]) || d.dims[3] != in->dims.dims[3] || d.dims[1] < 1 || d.dims[2] < 1 || in->dims.dims[1] < 1 || in->dims.dims[2] < 1)
        return keras_refuse(n, "only height and width can be resized, to known sizes");
    const int64_t up[2] = {d.dims[1] / in->dims.dims[1], d.dims[2] / in->dims.dims[2]};
    const bool whole = d.dims[1] == up[0] * in->dims.dims[1] && d.dims[2] == up[1] * in->dims.dims[2];
    const char *how = interpolation(n, whole && up[0] >= 1 && up[1] >= 1);
    if (how == NULL)
        return keras_refuse(n, "mode %s with %s is none that Keras has: half_pixel nearest (round_prefer_ceil), linear and cubic (a = -0.5) are", whet_node_string(n, "mode", "nearest"),
                            whet_node_string(n, "coordinate_transformation_mode", "half_pixel"));
    if (whole && up[0] >= 1 && up[1] >= 1)
        return keras_simple(w, n, "UpSampling2D", json_pack("{s:o,s:s,s:s}", "size", keras_pair(up[0], up[1]), "data_format", "channels_last", "interpolation", how));
    return keras_simple(w, n, "Resizing", json_pack("{s:I,s:I,s:s,s:b}", "height", (json_int_t)d.dims[1], "width", (json_int_t)d.dims[2], "interpolation", how, "crop_to_aspect_ratio", 0));
}
