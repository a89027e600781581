/* SPDX-License-Identifier: Apache-2.0 */
/* Quantised graphs: a QuantizeLinear with DequantizeLinear behind it is a FakeQuantize; dequantised constants are integers with
 * Convert, Subtract and Multiply; what stands alone is written step by step. Source: the page on low precision in OpenVINO's
 * documentation, which says what its passes look for. */
#include "formats/openvino/openvino_readers.h"

/* Scale and zero point of a node, one or one for each element of an axis. */
typedef struct grid {
    const whet_tensor *scale, *zero; /* zero may be NULL */
    int64_t n;
    int axis, rank;
    whet_dtype t;
    int64_t low, high; /* of the type */
} grid;

static bool limits(whet_dtype t, int64_t *low, int64_t *high)
{
    const int bits = whet_dtype_bits(t);
    const bool is_signed = t == WHET_S8 || t == WHET_S16 || t == WHET_S32;
    if (!is_signed && t != WHET_U8 && t != WHET_U16) return false;
    *low = is_signed ? -((int64_t)1 << (bits - 1)) : 0;
    *high = *low + ((int64_t)1 << bits) - 1;
    return true;
}

static bool grid_of(ov_writer *w, const whet_node *n, whet_dtype t, grid *k)
{
    const whet_value *x = ov_v(w, n, 0);
    *k = (grid){.scale = ov_tensor(w, n, 1), .zero = ov_tensor(w, n, 2), .axis = (int)whet_node_int(n, "axis", 1), .rank = x->dims.rank, .t = t};
    if (!k->scale || (ov_node_has(n, 2) && !k->zero)) ov_refuse(w, "scales that are not constant have no form in IR");
    else if (whet_node_int(n, "block_size", 0)) ov_refuse(w, "block_size has no form in IR");
    else if (!limits(t, &k->low, &k->high)) ov_refuse(w, "type %s has no form in IR", whet_dtype_name(t));
    else if (k->rank < 0) ov_refuse(w, "the rank of the input is not known");
    if (w->status != WHET_OK) return false;
    k->n = whet_tensor_numel(k->scale);
    if (k->axis < 0) k->axis += k->rank;
    return true;
}

static double zero_at(const grid *k, int64_t i) { return k->zero ? whet_tensor_get_f64(k->zero, whet_tensor_numel(k->zero) == 1 ? 0 : i) : 0; }

static bool no_zero(const grid *k)
{
    for (int64_t i = 0; i < k->n; i++)
        if (zero_at(k, i) != 0) return false;
    return true;
}

/* [] for one number, else [1, .., n, .., 1]; `lead` more axes stand in front of the axis's parts (grouped weights). */
static whet_shape shape_along(const grid *k)
{
    whet_shape s = {.rank = k->n > 1 ? k->rank : 0};
    for (int i = 0; i < s.rank; i++) s.dims[i] = i == k->axis ? k->n : 1;
    return s;
}

/* One end of the range: (low or high - zero) * scale. */
static ov_ref range_end(ov_writer *w, const grid *k, bool high, const char *name)
{
    const whet_shape s = shape_along(k);
    const bool half = w->half;
    whet_tensor t;
    if (ov_new_tensor(w, &t, WHET_F32, &s) != WHET_OK) return (ov_ref){-1, 0};
    for (int64_t i = 0; i < k->n; i++)
        ((float *)t.data)[i] = (float)(((double)(high ? k->high : k->low) - zero_at(k, i)) * whet_tensor_get_f64(k->scale, i));
    w->half = false; /* ranges stay exact */
    const ov_ref r = ov_put_const(w, name, NULL, &t);
    w->half = half;
    return r;
}

static const whet_node *producer(const ov_writer *w, whet_vid v)
{
    const whet_value *x = v >= 0 ? &w->g->values[v] : NULL;
    return x && x->kind == WHET_VALUE_RESULT && x->producer >= 0 ? &w->g->nodes[x->producer] : NULL;
}

static void fake_quantize(ov_writer *w, const whet_node *q, const whet_node *dq)
{
    grid in, out;
    const whet_dtype t = w->g->values[q->out[0]].dtype;
    const ov_ref x = ov_node_in(w, q, 0);
    if (!grid_of(w, q, t, &in) || !grid_of(w, dq, t, &out)) return;
    const ov_ref low = range_end(w, &in, false, "input_low"), high = range_end(w, &in, true, "input_high"),
                 out_low = range_end(w, &out, false, "output_low"), out_high = range_end(w, &out, true, "output_high");
    ov_begin(w, "FakeQuantize", 1, dq->name);
    ov_attr_int(w, "levels", in.high - in.low + 1);
    ov_attr(w, "auto_broadcast", "numpy");
    ov_input(w, x);
    ov_input(w, low);
    ov_input(w, high);
    ov_input(w, out_low);
    ov_input(w, out_high);
    ov_end_as(w, dq);
}

/* The scale, or the zero point as f32, in a form that broadcasts. */
static ov_ref parameter(ov_writer *w, const grid *k, const whet_shape *s, bool zero, const char *name)
{
    whet_tensor t;
    const bool half = w->half;
    if (ov_new_tensor(w, &t, WHET_F32, s) != WHET_OK) return (ov_ref){-1, 0};
    for (int64_t i = 0; i < k->n; i++) ((float *)t.data)[i] = (float)(zero ? zero_at(k, i) : whet_tensor_get_f64(k->scale, i));
    w->half = false;
    const ov_ref r = ov_put_const(w, name, NULL, &t);
    w->half = half;
    return r;
}

/* Alone: round(x / scale) + zero point, kept within the type. */
void ov_write_quantize(ov_writer *w, const whet_node *n)
{
    const whet_vid y = n->out[0];
    const whet_dtype t = w->g->values[y].dtype;
    grid k;
    if (w->dq_uses[y] == w->uses[y]) return; /* all users take it as FakeQuantize */
    if (!grid_of(w, n, t, &k)) return;
    const whet_shape s = shape_along(&k);
    ov_ref x = ov_binary(w, "Divide", ov_node_in(w, n, 0), parameter(w, &k, &s, false, "scale"));
    const ov_output d = *ov_shape_of(w, x);
    ov_begin(w, "Round", 5, NULL);
    ov_attr(w, "mode", "half_to_even");
    ov_input(w, x);
    x = ov_end1(w, d.dtype, &d.dims, NULL);
    if (!no_zero(&k)) x = ov_binary(w, "Add", x, parameter(w, &k, &s, true, "zero_point"));
    ov_begin(w, "Clamp", 1, NULL);
    ov_attr_number(w, "min", (double)k.low);
    ov_attr_number(w, "max", (double)k.high);
    ov_input(w, x);
    x = ov_end1(w, d.dtype, &d.dims, NULL);
    ov_begin(w, "Convert", 1, n->name);
    ov_attr(w, "destination_type", ov_dtype_element(t));
    ov_input(w, x);
    ov_end_as(w, n);
}

void ov_write_dequantize(ov_writer *w, const whet_node *n)
{
    const whet_node *q = producer(w, n->in[0]);
    grid k;
    if (q && whet_node_is(q, "QuantizeLinear")) {
        fake_quantize(w, q, n);
        return;
    }
    if (ov_tensor(w, n, 0)) { /* when it is asked for, in the form that is wanted */
        if (whet_graph_is_output(w->g, n->out[0])) ov_value(w, n->out[0]);
        return;
    }
    if (!grid_of(w, n, ov_v(w, n, 0)->dtype, &k)) return;
    const whet_shape s = shape_along(&k);
    ov_ref x = ov_convert(w, ov_node_in(w, n, 0), WHET_F32);
    if (!no_zero(&k)) x = ov_binary(w, "Subtract", x, parameter(w, &k, &s, true, "zero_point"));
    ov_binary_as(w, "Multiply", x, parameter(w, &k, &s, false, "scale"), n);
}

/* --- constants */

const whet_tensor *ov_floats(ov_writer *w, whet_vid v)
{
    const whet_value *x = &w->g->values[v];
    const whet_node *n = producer(w, v);
    grid k;
    if (x->kind == WHET_VALUE_CONST || x->kind == WHET_VALUE_VARIABLE) return &x->data;
    const whet_tensor *q = n && whet_node_is(n, "DequantizeLinear") ? ov_tensor(w, n, 0) : NULL;
    if (!q || !grid_of(w, n, q->dtype, &k)) return NULL;
    whet_tensor *t = whet_arena_alloc(w->arena, sizeof(*t));
    if (!t || ov_new_tensor(w, t, WHET_F32, &q->shape) != WHET_OK) return NULL;
    int64_t inner = 1;
    for (int i = k.axis + 1; i < q->shape.rank; i++) inner *= q->shape.dims[i];
    for (int64_t i = 0; i < whet_tensor_numel(q); i++) {
        const int64_t c = k.n > 1 ? i / inner % k.n : 0;
        ((float *)t->data)[i] = (float)((double)whet_tensor_get_s64(q, i) - zero_at(&k, c)) * (float)whet_tensor_get_f64(k.scale, c);
    }
    return t;
}

/* Integers, Convert, Subtract, Multiply; grouped filters get their groups as an axis in front. */
static ov_ref dequantised(ov_writer *w, const whet_node *n, int64_t groups)
{
    grid k;
    const whet_tensor *q = ov_tensor(w, n, 0);
    const whet_value *y = &w->g->values[n->out[0]];
    whet_tensor view = *q;
    if (!grid_of(w, n, q->dtype, &k)) return (ov_ref){-1, 0};
    whet_shape s = shape_along(&k);
    if (groups > 0) {
        const int64_t first = q->shape.dims[0];
        if (k.n > 1 && k.axis != 0) {
            ov_refuse(w, "weights of groups are scaled along axis %d; only axis 0 has a form in IR", k.axis);
            return (ov_ref){-1, 0};
        }
        view.shape.rank = q->shape.rank + 1;
        for (int i = q->shape.rank; i > 0; i--) view.shape.dims[i] = q->shape.dims[i - 1];
        view.shape.dims[0] = groups;
        view.shape.dims[1] = first / groups;
        for (int i = s.rank; i > 0; i--) s.dims[i] = s.dims[i - 1];
        if (s.rank) s.rank++, s.dims[0] = groups, s.dims[1] = first / groups;
    }
    ov_ref x = ov_put_const(w, ov_v(w, n, 0)->name, groups > 0 ? NULL : ov_v(w, n, 0)->name, &view);
    x = ov_convert(w, x, WHET_F32);
    if (!no_zero(&k)) x = ov_binary(w, "Subtract", x, parameter(w, &k, &s, true, "zero_point"));
    const ov_ref scale = parameter(w, &k, &s, false, "scale");
    const ov_output d = *ov_shape_of(w, x);
    ov_begin(w, "Multiply", 1, n->name);
    ov_attr(w, "auto_broadcast", "numpy");
    ov_input(w, x);
    ov_input(w, scale);
    return ov_end1(w, WHET_F32, &d.dims, groups > 0 ? NULL : y->name);
}

const whet_tensor *ov_half_of(const ov_writer *w, whet_vid v)
{
    const whet_node *n = producer(w, v);
    const whet_tensor *t = n && whet_node_is(n, "Cast") ? ov_tensor(w, n, 0) : NULL;
    return t && (t->dtype == WHET_F16 || t->dtype == WHET_BF16) && w->g->values[v].dtype == WHET_F32 ? t : NULL;
}

/* Thirty-two bits are no weights: biases are computed. */
void ov_write_late(ov_writer *w, whet_vid v)
{
    const whet_node *n = producer(w, v);
    const whet_tensor *q = n && whet_node_is(n, "DequantizeLinear") ? ov_tensor(w, n, 0) : NULL, *half = ov_half_of(w, v);
    if (half) {
        ov_is(w, v, ov_put_widened(w, w->g->values[v].name, w->g->values[v].name, half));
        return;
    }
    if (!q) {
        ov_refuse(w, "'%s' is used before it is computed", w->g->values[v].name);
        return;
    }
    if (q->dtype == WHET_S32) {
        const whet_tensor *t = ov_floats(w, v);
        if (t) ov_is(w, v, ov_put_const(w, w->g->values[v].name, w->g->values[v].name, t));
        return;
    }
    ov_is(w, v, dequantised(w, n, 0));
}

ov_ref ov_filter(ov_writer *w, whet_vid v, int64_t groups)
{
    const whet_value *x = &w->g->values[v];
    const whet_node *n = producer(w, v);
    whet_shape s;
    if (groups <= 0) return ov_value(w, v);
    if (n && whet_node_is(n, "DequantizeLinear") && ov_tensor(w, n, 0)) return dequantised(w, n, groups);
    if (!whet_dims_concrete(&x->dims, &s) || s.rank >= WHET_MAX_RANK) {
        ov_refuse(w, "the shape of the weights is not known");
        return (ov_ref){-1, 0};
    }
    for (int i = s.rank; i > 0; i--) s.dims[i] = s.dims[i - 1];
    s.rank++;
    s.dims[0] = groups;
    s.dims[1] /= groups;
    const whet_tensor *half = ov_half_of(w, v);
    if (!half && x->kind != WHET_VALUE_CONST && x->kind != WHET_VALUE_VARIABLE) return ov_reshaped(w, ov_value(w, v), s.rank, s.dims);
    whet_tensor view = half ? *half : x->data;
    view.shape = s;
    return half ? ov_put_widened(w, x->name, NULL, &view) : ov_put_const(w, x->name, NULL, &view);
}
