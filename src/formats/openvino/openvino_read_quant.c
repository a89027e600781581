/* SPDX-License-Identifier: Apache-2.0 */
/* Quantisation: FakeQuantize as QuantizeLinear and DequantizeLinear where its ranges lie on a grid through zero, else step by
 * step as it is defined (on constants: computed at once); integer weights with Convert, Subtract and Multiply behind them as
 * DequantizeLinear. Source: the pages on FakeQuantize and on low precision in OpenVINO's documentation. */
#include <stdio.h>

#include "formats/openvino/openvino_readers.h"

/* A new constant that takes over the old one's name. */
whet_vid ov_const_instead(whet_graph *g, whet_vid old, const char *name, const whet_tensor *t, whet_status *status)
{
    whet_vid v = WHET_NO_VALUE;
    char keep[256], aside[288];
    if (*status != WHET_OK) return v;
    snprintf(keep, sizeof(keep), "%s", name);
    snprintf(aside, sizeof(aside), "%s/plain", keep);
    if (old >= 0 && strcmp(g->values[old].name, keep) == 0 && whet_graph_find(g, aside) < 0) *status = whet_graph_rename(g, old, aside);
    if (*status == WHET_OK) *status = whet_graph_const(g, keep, t, &v);
    return v;
}

/* Along which axis of x the tensor varies: -1 none, -2 more than one; axes 0 and 1 together: -3 where x has rank 5. */
static int varying(const whet_shape *t, const whet_shape *x)
{
    uint32_t bits = 0;
    for (int i = 0; i < t->rank; i++) {
        const int axis = x->rank - t->rank + i;
        if (t->dims[i] == 1) continue;
        if (axis < 0 || t->dims[i] != x->dims[axis]) return -2;
        bits |= 1u << axis;
    }
    if (!bits) return -1;
    if (bits == 3 && x->rank == 5) return -3;
    for (int i = 0; i < x->rank; i++)
        if (bits == 1u << i) return i;
    return -2;
}

/* --- integer weights */

typedef struct weights {
    const whet_tensor *q;   /* the integers */
    whet_vid old;           /* the constant, where somebody asked for it already */
    const char *name;
    int axis;               /* -1: one scale */
    bool merge;             /* axes 0 and 1 are the channels */
    whet_tensor scale, zero; /* [n] or scalar; zero of q's type */
} weights;

/* Integers through a Convert, as ov_source() of a layer's input. */
static const ov_port *converted(const ov_work *w, const ov_layer *l, int i)
{
    const ov_layer *c = i < l->n_in && l->in[i].from_layer >= 0 ? &w->r->f.layers[l->in[i].from_layer] : NULL;
    if (!c || strcmp(c->type, "Convert") != 0 || c->n_in < 1 || c->in[0].from_layer < 0) return NULL;
    const ov_port *p = &w->r->f.layers[c->in[0].from_layer].out[c->in[0].from_port];
    return p->is_const && whet_dtype_is_int(p->t.dtype) ? p : NULL;
}

static whet_status fill(whet_tensor *out, whet_dtype t, int axis, int64_t n, const whet_tensor *from)
{
    const int64_t count = from ? whet_tensor_numel(from) : 0;
    whet_shape s = WHET_SHAPE(n);
    if (axis == -1) s.rank = 0;
    WHET_TRY(whet_tensor_alloc(out, t, &s));
    for (int64_t i = 0; i < n && count; i++) whet_tensor_set_f64(out, i, whet_tensor_get_f64(from, count == 1 ? 0 : i));
    return WHET_OK;
}

static bool whole(const whet_tensor *t)
{
    for (int64_t i = 0; i < whet_tensor_numel(t); i++) {
        const double x = whet_tensor_get_f64(t, i);
        if (x != rint(x) || fabs(x) > 65535) return false;
    }
    return true;
}

static whet_vid dequantised(ov_work *w, weights *k)
{
    whet_shape s = k->q->shape;
    whet_tensor t;
    whet_vid q = k->old;
    if (k->merge) {
        s.rank--;
        s.dims[0] = k->q->shape.dims[0] * k->q->shape.dims[1];
        for (int i = 1; i < s.rank; i++) s.dims[i] = k->q->shape.dims[i + 1];
    }
    if (k->merge || q < 0) {
        whet_tensor_init(&t);
        whet_tensor_ref(&t, k->q);
        t.shape = s;
        q = ov_const_instead(w->g, k->old, k->name, &t, &w->status);
        whet_tensor_dispose(&t);
    }
    const whet_attr a = whet_attr_int("axis", k->axis < 0 ? 0 : k->axis);
    const whet_vid scale = ov_make_const(w, NULL, &k->scale);
    const whet_vid zero = k->zero.data ? ov_make_const(w, NULL, &k->zero) : WHET_NO_VALUE;
    const whet_vid x = ov_node(w, "DequantizeLinear", zero < 0 ? 2 : 3, (const whet_vid[]){q, scale, zero}, 1, &a);
    return k->merge ? ov_reshape(w, x, k->q->shape.rank, k->q->shape.dims) : x;
}

bool ov_weights_read(ov_work *w)
{
    weights k = {.old = WHET_NO_VALUE};
    bool done = false;
    for (int side = 0; side < 2 && !done; side++) {
        if (whet_dtype_bits(ov_dtype(w, side)) == 32) ov_settle(w, 1 - side);
        const whet_tensor *scale = ov_const(w, 1 - side), *zero = NULL;
        ov_layer *from = NULL;
        const ov_port *q = NULL;
        if (!scale || scale->dtype != WHET_F32 || !ov_source(w, side, &from)) continue;
        q = converted(w, w->l, side);
        if (!q && strcmp(from->type, "Subtract") == 0) {
            const ov_port *z = converted(w, from, 1);
            const ov_layer *direct = from->n_in > 1 && from->in[1].from_layer >= 0 ? &w->r->f.layers[from->in[1].from_layer] : NULL;
            q = converted(w, from, 0);
            if (!z && direct && direct->out[from->in[1].from_port].is_const) z = &direct->out[from->in[1].from_port];
            if (!z) continue;
            zero = &z->t;
        }
        if (!q || (q->t.dtype != WHET_S8 && q->t.dtype != WHET_U8 && q->t.dtype != WHET_S16 && q->t.dtype != WHET_U16)) continue;
        k.axis = varying(&scale->shape, &q->t.shape);
        const int zero_axis = zero ? varying(&zero->shape, &q->t.shape) : -1;
        if (k.axis == -2 || (zero_axis != -1 && zero_axis != k.axis) || (zero && !whole(zero)) || whet_tensor_numel(&q->t) == 0) continue;
        k.q = &q->t;
        k.old = q->v;
        k.name = q->const_name;
        k.merge = k.axis == -3 || (q->t.shape.rank == 5 && k.axis <= 0 && q->t.shape.dims[1] == 1);
        if (k.axis == -3) k.axis = 0;
        const int64_t n = whet_tensor_numel(scale);
        w->status = fill(&k.scale, WHET_F32, k.axis, n, scale);
        if (w->status == WHET_OK && zero) w->status = fill(&k.zero, q->t.dtype, k.axis, n, zero);
        ov_out(w, 0, dequantised(w, &k));
        done = true;
    }
    whet_tensor_dispose(&k.scale);
    whet_tensor_dispose(&k.zero);
    return done || w->status != WHET_OK;
}

/* --- FakeQuantize */

typedef struct fake {
    const whet_tensor *range[4]; /* input low, high, output low, high */
    int levels, axis;            /* axis -1: one range, -2: no single axis */
    int64_t n;
    whet_dtype t;
    int low;                     /* the integer of the lowest level */
    bool same;                   /* output range is the input range */
} fake;

static double at(const fake *f, int k, int64_t i) { return whet_tensor_get_f64(f->range[k], whet_tensor_numel(f->range[k]) == 1 ? 0 : i); }

/* The f32 whose products with both ends are the ends as the file has them. */
static float scale_of(double low, double high, int64_t from, int64_t to)
{
    float s = (float)((high - low) / (double)(to - from)), best = s;
    for (int i = -2; i <= 2; i++) {
        float x = s;
        for (int k = 0; k < abs(i); k++) x = nextafterf(x, i < 0 ? 0 : INFINITY);
        const bool fits = (float)((double)x * (double)from) == (float)low && (float)((double)x * (double)to) == (float)high;
        if (fits && (best != s || i == 0 || abs(i) <= 2)) {
            best = x;
            if (i >= 0) break;
        }
    }
    return best;
}

/* Level 0 of a range as an integer of the grid through zero; false if zero is not on it. */
static bool zero_of(double low, double high, int levels, int64_t *zero)
{
    const double step = (high - low) / (levels - 1), z = -low / step;
    *zero = (int64_t)rint(z);
    return step > 0 && isfinite(step) && fabs(z - rint(z)) <= 1e-3 && *zero >= 0 && *zero < levels;
}

/* Whether all ranges are grids through zero, and on which integers. */
static bool find_grid(fake *f)
{
    bool centred = true;
    if (f->axis == -2 || f->levels < 2 || f->levels > 65536) return false;
    for (int64_t i = 0; i < f->n; i++) {
        int64_t z[2];
        for (int k = 0; k < 2; k++) {
            if (!zero_of(at(f, 2 * k, i), at(f, 2 * k + 1, i), f->levels, &z[k])) return false;
            centred = centred && z[k] == f->levels / 2;
        }
    }
    const bool wide = f->levels > 256;
    f->t = centred ? (wide ? WHET_S16 : WHET_S8) : (wide ? WHET_U16 : WHET_U8);
    f->low = centred ? -(f->levels / 2) : 0;
    return true;
}

static whet_status grid_params(const fake *f, int side, whet_tensor *scale, whet_tensor *zero)
{
    whet_shape s = WHET_SHAPE(f->n);
    if (f->axis < 0) s.rank = 0;
    whet_tensor_init(zero);
    WHET_TRY(whet_tensor_alloc(scale, WHET_F32, &s));
    WHET_TRY(whet_tensor_alloc(zero, f->t, &s));
    for (int64_t i = 0; i < f->n; i++) {
        const double low = at(f, 2 * side, i), high = at(f, 2 * side + 1, i);
        int64_t z = 0;
        zero_of(low, high, f->levels, &z);
        ((float *)scale->data)[i] = scale_of(low, high, -z, f->levels - 1 - z);
        whet_tensor_set_s64(zero, i, z + f->low);
    }
    return WHET_OK;
}

static whet_vid side_of(ov_work *w, const fake *f, int side, const char *op, whet_vid x)
{
    whet_tensor scale, zero;
    const whet_attr a = whet_attr_int("axis", WHET_MAX(f->axis, 0));
    whet_vid y = WHET_NO_VALUE;
    whet_tensor_init(&scale);
    whet_tensor_init(&zero);
    if (w->status == WHET_OK) w->status = grid_params(f, side, &scale, &zero);
    const whet_vid s = ov_make_const(w, NULL, &scale), z = ov_make_const(w, NULL, &zero);
    y = ov_node(w, op, OV_IN(x, s, z), 1, &a);
    whet_tensor_dispose(&scale);
    whet_tensor_dispose(&zero);
    return y;
}

static whet_vid as_pair(ov_work *w, const fake *f, whet_vid x)
{
    const bool full = f->levels == 256 || f->levels == 65536;
    if (!full && f->n == 1) { /* the integers beyond the levels are never reached */
        const whet_vid low = ov_make_scalar(w, WHET_F32, at(f, 0, 0)), high = ov_make_scalar(w, WHET_F32, at(f, 1, 0));
        x = ov_op(w, "Clip", OV_IN(x, low, high));
    } else if (!full) {
        x = ov_op(w, "Min", OV_IN(ov_op(w, "Max", OV_IN(x, ov_in(w, 1))), ov_in(w, 2)));
    }
    return side_of(w, f, 1, "DequantizeLinear", side_of(w, f, 0, "QuantizeLinear", x));
}

/* Step by step: y = round((x - low) * inverse) * step + output low, x clipped to the range. */
static whet_vid as_steps(ov_work *w, const fake *f, whet_vid x)
{
    const whet_vid low = ov_in(w, 1), high = ov_in(w, 2), out_low = ov_in(w, 3), out_high = ov_in(w, 4);
    for (int64_t i = 0; i < f->n && f->axis != -2; i++)
        if (!(at(f, 1, i) > at(f, 0, i)) && at(f, 2, i) != at(f, 3, i)) ov_fail(w, WHET_EUNSUPPORTED, "an empty input range is not handled");
    const whet_vid last = ov_make_scalar(w, WHET_F32, f->levels - 1), tiny = ov_make_scalar(w, WHET_F32, 1e-30);
    const whet_vid range = ov_op(w, "Max", OV_IN(ov_op(w, "Sub", OV_IN(high, low)), tiny));
    x = ov_op(w, "Max", OV_IN(ov_op(w, "Min", OV_IN(x, high)), low));
    const whet_vid part = ov_op(w, "Div", OV_IN(ov_op(w, "Sub", OV_IN(x, low)), range));
    const whet_vid level = ov_op(w, "Round", OV_IN(ov_op(w, "Mul", OV_IN(part, last))));
    const whet_vid out = ov_op(w, "Mul", OV_IN(ov_op(w, "Div", OV_IN(level, last)), ov_op(w, "Sub", OV_IN(out_high, out_low))));
    return ov_op(w, "Add", OV_IN(out, out_low));
}

/* Index of element i of x in a tensor that broadcasts to it. */
static int64_t broadcast_index(const whet_shape *x, const whet_shape *t, int64_t i)
{
    int64_t index = 0, stride = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        const int64_t at_d = i % x->dims[d];
        const int k = d - (x->rank - t->rank);
        i /= x->dims[d];
        if (k < 0) break;
        if (t->dims[k] != 1) index += at_d * stride;
        stride *= t->dims[k];
    }
    return index;
}

static bool broadcasts(const whet_shape *t, const whet_shape *x)
{
    if (t->rank > x->rank) return false;
    for (int i = 0; i < t->rank; i++)
        if (t->dims[i] != 1 && t->dims[i] != x->dims[x->rank - t->rank + i]) return false;
    return true;
}

/* A constant is computed at once. */
static bool constant_levels(ov_work *w, const fake *f, const whet_tensor *x)
{
    whet_tensor y;
    bool fits = x->dtype == WHET_F32;
    for (int k = 0; k < 4; k++) fits = fits && broadcasts(&f->range[k]->shape, &x->shape) && whet_tensor_numel(f->range[k]) > 0;
    if (!fits) return false;
    whet_tensor_init(&y);
    w->status = ov_budget(w->r, whet_tensor_bytes(x));
    if (w->status == WHET_OK) w->status = whet_tensor_alloc(&y, WHET_F32, &x->shape);
    for (int64_t i = 0, n = whet_tensor_numel(x); i < n && w->status == WHET_OK; i++) {
        float r[4];
        for (int k = 0; k < 4; k++) r[k] = ((const float *)f->range[k]->data)[broadcast_index(&x->shape, &f->range[k]->shape, i)];
        const float v = ((const float *)x->data)[i], last = (float)(f->levels - 1);
        ((float *)y.data)[i] = v <= fminf(r[0], r[1]) ? r[2] : v > fmaxf(r[0], r[1]) ? r[3] :
                               rintf((v - r[0]) / (r[1] - r[0]) * last) / last * (r[3] - r[2]) + r[2];
    }
    if (w->status == WHET_OK) ov_out_const(w, 0, &y, NULL);
    else whet_tensor_dispose(&y);
    return true;
}

/* Weights whose ranges lie on a grid become integers with a scale. */
static bool constant_integers(ov_work *w, const fake *f, const whet_tensor *x)
{
    weights k = {.old = WHET_NO_VALUE, .name = w->l->name, .axis = f->axis};
    whet_tensor q, in_scale, in_zero;
    const whet_tensor *s = NULL;
    whet_tensor_init(&q);
    whet_tensor_init(&in_scale);
    whet_tensor_init(&in_zero);
    if (x->dtype != WHET_F32 || x->shape.rank == 0) return false;
    w->status = ov_budget(w->r, whet_tensor_bytes(x));
    if (w->status == WHET_OK) w->status = whet_tensor_alloc(&q, f->t, &x->shape);
    if (w->status == WHET_OK) w->status = grid_params(f, 0, &in_scale, &in_zero);
    if (w->status == WHET_OK) w->status = grid_params(f, 1, &k.scale, &k.zero);
    s = &in_scale;
    int64_t inner = 1;
    for (int d = x->shape.rank - 1; d > f->axis && f->axis >= 0; d--) inner *= x->shape.dims[d];
    for (int64_t i = 0, n = whet_tensor_numel(x); i < n && w->status == WHET_OK; i++) {
        const int64_t c = f->axis < 0 ? 0 : i / inner % f->n;
        const double v = rint((double)((const float *)x->data)[i] / (double)((const float *)s->data)[c]) + (double)whet_tensor_get_s64(&in_zero, c);
        whet_tensor_set_s64(&q, i, (int64_t)fmin(fmax(v, f->low), f->low + f->levels - 1));
    }
    k.q = &q;
    k.merge = x->shape.rank == 5 && f->axis <= 0 && x->shape.dims[1] == 1;
    ov_out(w, 0, w->status == WHET_OK ? dequantised(w, &k) : WHET_NO_VALUE);
    whet_tensor_dispose(&q);
    whet_tensor_dispose(&in_scale);
    whet_tensor_dispose(&in_zero);
    whet_tensor_dispose(&k.scale);
    whet_tensor_dispose(&k.zero);
    return true;
}

void ov_read_fake_quantize(ov_work *w)
{
    fake f = {.levels = (int)WHET_MIN(ov_int(w, "levels", 0), 1 << 24), .axis = -1, .n = 1};
    for (int i = 0; i < 5; i++) ov_settle(w, i);
    const whet_tensor *x = ov_const(w, 0);
    ov_must_be(w, "auto_broadcast", "numpy none NUMPY NONE");
    if (f.levels < 2) ov_fail(w, WHET_EFORMAT, "levels must be 2 or more");
    whet_shape like = {.rank = WHET_MAX(ov_rank(w, 0), 0)};
    for (int i = 0; i < like.rank; i++) like.dims[i] = ov_dim(w, 0, i);
    for (int k = 0; k < 4 && w->status == WHET_OK; k++) {
        f.range[k] = ov_const(w, k + 1);
        if (!f.range[k] || f.range[k]->dtype != WHET_F32 || whet_tensor_numel(f.range[k]) < 1) {
            ov_fail(w, WHET_EUNSUPPORTED, "ranges that are not constant f32 are not handled");
            return;
        }
        const int axis = varying(&f.range[k]->shape, &like);
        if (axis == -1) continue;
        if (axis < -1 || (f.axis != -1 && f.axis != axis)) f.axis = -2;
        else f.axis = axis, f.n = whet_tensor_numel(f.range[k]);
    }
    if (w->status != WHET_OK) return;
    const bool grid = find_grid(&f);
    if (x && grid && constant_integers(w, &f, x)) return;
    if (x && constant_levels(w, &f, x)) return;
    const whet_vid v = ov_in(w, 0);
    ov_out(w, 0, grid ? as_pair(w, &f, v) : as_steps(w, &f, v));
}
