/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that cut, pad, repeat and pick elements. */
#include "formats/tflite/tflite_reader.h"

static whet_status emit_slice(tfl_reader *r, const tfl_node *n, bool last, whet_vid x, whet_layout form, int count, const int64_t *starts,
                              const int64_t *ends, const int64_t *axes, const int64_t *steps, whet_vid *out)
{
    whet_vid in[5] = {x};
    WHET_TRY(tfl_ints_value(r, count, starts, &in[1]));
    WHET_TRY(tfl_ints_value(r, count, ends, &in[2]));
    WHET_TRY(tfl_ints_value(r, count, axes, &in[3]));
    if (steps) WHET_TRY(tfl_ints_value(r, count, steps, &in[4]));
    if (last) return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Slice", steps ? 5 : 4, in, WHET_NO_ATTRS);
    return tfl_emit(r, n, "Slice", steps ? 5 : 4, in, WHET_NO_ATTRS, out);
}

TFL_READ(slice)
{
    int64_t starts[WHET_MAX_RANK], sizes[WHET_MAX_RANK], axes[WHET_MAX_RANK];
    int rank = 0, a = 0, b = 0;
    whet_vid x = WHET_NO_VALUE;
    WHET_TRY(tfl_arity(r, n, 3, 3, 1));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    WHET_TRY(tfl_ints(r, n, 1, "the first position", WHET_MAX_RANK, starts, &a));
    WHET_TRY(tfl_ints(r, n, 2, "the size", WHET_MAX_RANK, sizes, &b));
    if (a != rank || b != rank) return tfl_fail(r, n, WHET_EFORMAT, "positions %d and sizes %d for %d axes", a, b, rank);
    const whet_layout form = tfl_form(r, n, 0, 0);
    for (int i = 0; i < rank; i++) {
        if (starts[i] < 0 || sizes[i] < -1) return tfl_fail(r, n, WHET_EFORMAT, "position %lld, size %lld", (long long)starts[i], (long long)sizes[i]);
        sizes[i] = sizes[i] < 0 ? INT64_MAX : starts[i] > INT64_MAX - sizes[i] ? INT64_MAX : starts[i] + sizes[i];
        axes[i] = whet_nhwc_axis(i, rank, form);
    }
    WHET_TRY(tfl_get(r, n, 0, form, &x));
    return emit_slice(r, n, true, x, form, rank, starts, sizes, axes, NULL, NULL);
}

/* What a specification of begin, end, stride and five masks says of each axis of the input. */
typedef struct cut {
    int n;                                       /* axes that are cut */
    int64_t start[WHET_MAX_RANK], end[WHET_MAX_RANK], step[WHET_MAX_RANK], axis[WHET_MAX_RANK];
    int n_drop, n_add;
    int64_t drop[WHET_MAX_RANK], add[WHET_MAX_RANK]; /* of the input; of the result */
} cut;

typedef struct masks { int64_t begin, end, ellipsis, add, drop; bool offset; } masks;

static whet_status plan_axis(const tfl_reader *r, const tfl_node *n, const masks *m, int i, int axis, const int64_t *begin,
                             const int64_t *end, const int64_t *stride, cut *c)
{
    const int k = c->n++;
    const bool drop = m->drop >> i & 1;
    const int64_t step = drop ? 1 : stride[i];
    if (step == 0) return tfl_fail(r, n, WHET_EFORMAT, "stride 0");
    c->axis[k] = axis;
    c->step[k] = step;
    c->start[k] = !drop && (m->begin >> i & 1) ? (step > 0 ? 0 : INT64_MAX) : begin[i];
    if (drop) {
        c->end[k] = begin[i] == -1 ? INT64_MAX : begin[i] + 1;
        c->drop[c->n_drop++] = axis;
    } else if (m->end >> i & 1) c->end[k] = step > 0 ? INT64_MAX : -INT64_MAX;
    else c->end[k] = m->offset ? begin[i] + end[i] : end[i];
    return WHET_OK;
}

static whet_status plan_cut(const tfl_reader *r, const tfl_node *n, const masks *m, int rank, int count, const int64_t *begin,
                            const int64_t *end, const int64_t *stride, cut *c)
{
    int axis = 0, place = 0, used = 0;
    for (int i = 0; i < count; i++) used += (m->ellipsis >> i & 1) == 0 && ((m->add & ~m->ellipsis) >> i & 1) == 0;
    if (used > rank) return tfl_fail(r, n, WHET_EFORMAT, "%d axes are cut of %d", used, rank);
    memset(c, 0, sizeof(*c));
    for (int i = 0; i < count; i++) {
        if (m->ellipsis >> i & 1) {
            place += rank - used;
            axis += rank - used;
        } else if (m->add >> i & 1) {
            if (c->n_add == WHET_MAX_RANK) return tfl_fail(r, n, WHET_EUNSUPPORTED, "too many new axes");
            c->add[c->n_add++] = place++;
        } else {
            if (axis >= rank) return tfl_fail(r, n, WHET_EFORMAT, "more axes are cut than the %d that are there", rank);
            WHET_TRY(plan_axis(r, n, m, i, axis++, begin, end, stride, c));
            place += (m->drop >> i & 1) == 0;
        }
    }
    return WHET_OK;
}

TFL_READ(strided_slice)
{
    int64_t begin[2 * WHET_MAX_RANK], end[2 * WHET_MAX_RANK], stride[2 * WHET_MAX_RANK];
    const masks m = {tfl_s32(n, TFL_STRIDED_SLICE_BEGIN_MASK, 0), tfl_s32(n, TFL_STRIDED_SLICE_END_MASK, 0),
                     tfl_s32(n, TFL_STRIDED_SLICE_ELLIPSIS_MASK, 0), tfl_s32(n, TFL_STRIDED_SLICE_NEW_AXIS_MASK, 0),
                     tfl_s32(n, TFL_STRIDED_SLICE_SHRINK_AXIS_MASK, 0), whet_fb_bool(&n->opt, TFL_STRIDED_SLICE_OFFSET)};
    int rank = 0, a = 0, b = 0, s = 0;
    whet_vid x = WHET_NO_VALUE, v = WHET_NO_VALUE;
    cut c;
    WHET_TRY(tfl_arity(r, n, 4, 4, 1));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    WHET_TRY(tfl_ints(r, n, 1, "the begin of the slice", 2 * WHET_MAX_RANK, begin, &a));
    WHET_TRY(tfl_ints(r, n, 2, "the end of the slice", 2 * WHET_MAX_RANK, end, &b));
    WHET_TRY(tfl_ints(r, n, 3, "the stride of the slice", 2 * WHET_MAX_RANK, stride, &s));
    if (a != b || a != s || (m.ellipsis & (m.ellipsis - 1)) != 0) return tfl_fail(r, n, WHET_EFORMAT, "begin, end and stride do not fit each other");
    WHET_TRY(plan_cut(r, n, &m, rank, a, begin, end, stride, &c));
    const bool plain = c.n_drop == 0 && c.n_add == 0;
    const whet_layout form = plain ? tfl_form(r, n, 0, 0) : WHET_NHWC;
    for (int i = 0; i < c.n; i++) c.axis[i] = whet_nhwc_axis((int)c.axis[i], rank, form);
    WHET_TRY(tfl_get(r, n, 0, form, &x));
    if (plain) return emit_slice(r, n, true, x, form, c.n, c.start, c.end, c.axis, c.step, NULL);
    WHET_TRY(emit_slice(r, n, false, x, form, c.n, c.start, c.end, c.axis, c.step, &x));
    if (c.n_drop) {
        WHET_TRY(tfl_ints_value(r, c.n_drop, c.drop, &v));
        if (!c.n_add) return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Squeeze", WHET_IN(x, v), WHET_NO_ATTRS);
        WHET_TRY(tfl_emit(r, n, "Squeeze", WHET_IN(x, v), WHET_NO_ATTRS, &x));
    }
    WHET_TRY(tfl_ints_value(r, c.n_add, c.add, &v));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Unsqueeze", WHET_IN(x, v), WHET_NO_ATTRS);
}

/* Pads as ONNX lists them, all begins before all ends, in the order of the form. */
static whet_status read_pads(tfl_reader *r, const tfl_node *n, int rank, whet_layout form, int64_t *pads, int64_t *largest)
{
    int64_t list[2 * WHET_MAX_RANK];
    int count = 0;
    *largest = 0;
    WHET_TRY(tfl_ints(r, n, 1, "the list of pads", 2 * WHET_MAX_RANK, list, &count));
    if (count != 2 * rank) return tfl_fail(r, n, WHET_EFORMAT, "%d pads for %d axes", count, rank);
    for (int i = 0; i < rank; i++) {
        const int at = whet_nhwc_axis(i, rank, form);
        pads[at] = list[2 * i];
        pads[at + rank] = list[2 * i + 1];
        *largest = WHET_MAX(*largest, WHET_MAX(list[2 * i], list[2 * i + 1]));
        if (list[2 * i] < 0 || list[2 * i + 1] < 0) return tfl_fail(r, n, WHET_EFORMAT, "a pad is negative");
    }
    return WHET_OK;
}

TFL_READ(pad)
{
    int64_t pads[2 * WHET_MAX_RANK], largest = 0;
    whet_vid in[3];
    int rank = 0;
    WHET_TRY(tfl_arity(r, n, 2, 3, 1));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    const whet_layout form = tfl_form(r, n, 0, 0);
    WHET_TRY(read_pads(r, n, rank, form, pads, &largest));
    WHET_TRY(tfl_get(r, n, 0, form, &in[0]));
    WHET_TRY(tfl_ints_value(r, 2 * rank, pads, &in[1]));
    if (!tfl_has(n, 2)) return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Pad", 2, in, WHET_NO_ATTRS);
    WHET_TRY(tfl_get(r, n, 2, WHET_NHWC, &in[2]));
    if (r->g->values[in[2]].dims.rank > 0) WHET_TRY(tfl_reshape(r, n, in[2], 0, NULL, &in[2]));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Pad", 3, in, WHET_NO_ATTRS);
}

/* SYMMETRIC repeats the edge: by one element it is ONNX's `edge`. */
TFL_READ(mirror_pad)
{
    int64_t pads[2 * WHET_MAX_RANK], largest = 0;
    whet_vid in[2];
    int rank = 0;
    const bool symmetric = tfl_s8(n, TFL_MIRROR_PAD_MODE) == 1;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    const whet_layout form = tfl_form(r, n, 0, 0);
    WHET_TRY(read_pads(r, n, rank, form, pads, &largest));
    if (symmetric && largest > 1) return tfl_fail(r, n, WHET_EUNSUPPORTED, "mode SYMMETRIC by %lld is not handled, by 1 it is", (long long)largest);
    WHET_TRY(tfl_get(r, n, 0, form, &in[0]));
    WHET_TRY(tfl_ints_value(r, 2 * rank, pads, &in[1]));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Pad", 2, in, WHET_ATTRS(whet_attr_string("mode", symmetric ? "edge" : "reflect")));
}

TFL_READ(tile)
{
    whet_vid x = WHET_NO_VALUE, s = WHET_NO_VALUE;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(tfl_get(r, n, 0, WHET_NHWC, &x));
    WHET_TRY(tfl_s64(r, n, 1, &s));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "Tile", WHET_IN(x, s), WHET_NO_ATTRS);
}

TFL_READ(broadcast_to)
{
    whet_vid x = WHET_NO_VALUE, s = WHET_NO_VALUE;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(tfl_get(r, n, 0, WHET_NHWC, &x));
    WHET_TRY(tfl_s64(r, n, 1, &s));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "Expand", WHET_IN(x, s), WHET_NO_ATTRS);
}

TFL_READ(gather)
{
    whet_vid x = WHET_NO_VALUE, i = WHET_NO_VALUE;
    int rank = 0, axis = 0;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    WHET_TRY(tfl_axis(r, n, tfl_s32(n, TFL_GATHER_AXIS, 0), rank, &axis));
    if (tfl_s32(n, TFL_GATHER_BATCH_DIMS, 0) != 0) return tfl_fail(r, n, WHET_EUNSUPPORTED, "batch_dims is not handled");
    WHET_TRY(tfl_get(r, n, 0, WHET_NHWC, &x));
    WHET_TRY(tfl_get_raw(r, n, 1, WHET_NHWC, &i));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "Gather", WHET_IN(x, i), WHET_ATTRS(whet_attr_int("axis", axis)));
}

TFL_READ(gather_nd)
{
    whet_vid x = WHET_NO_VALUE, i = WHET_NO_VALUE;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(tfl_get(r, n, 0, WHET_NHWC, &x));
    WHET_TRY(tfl_s64(r, n, 1, &i));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "GatherND", WHET_IN(x, i), WHET_NO_ATTRS);
}

TFL_READ(reverse)
{
    int64_t axes[WHET_MAX_RANK], starts[WHET_MAX_RANK], ends[WHET_MAX_RANK], steps[WHET_MAX_RANK];
    whet_vid x = WHET_NO_VALUE;
    int rank = 0, count = 0, axis = 0;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    WHET_TRY(tfl_ints(r, n, 1, "the list of axes", WHET_MAX_RANK, axes, &count));
    const whet_layout form = tfl_form(r, n, 0, 0);
    for (int i = 0; i < count; i++) {
        WHET_TRY(tfl_axis(r, n, axes[i], rank, &axis));
        axes[i] = whet_nhwc_axis(axis, rank, form);
        starts[i] = INT64_MAX;
        ends[i] = -INT64_MAX;
        steps[i] = -1;
    }
    WHET_TRY(tfl_get(r, n, 0, form, &x));
    return emit_slice(r, n, true, x, form, count, starts, ends, axes, steps, NULL);
}

/* Inputs: indices, depth, value at the index, value elsewhere. A negative index hits nothing, as one that is too large; ONNX
 * counts it from the end. */
TFL_READ(one_hot)
{
    whet_vid i = WHET_NO_VALUE, depth = WHET_NO_VALUE, on = WHET_NO_VALUE, off = WHET_NO_VALUE;
    whet_vid values = WHET_NO_VALUE, zero = WHET_NO_VALUE;
    WHET_TRY(tfl_arity(r, n, 4, 4, 1));
    WHET_TRY(tfl_get_raw(r, n, 0, WHET_NHWC, &i));
    WHET_TRY(tfl_s64(r, n, 1, &depth));
    WHET_TRY(tfl_emit(r, n, "Cast", WHET_IN(i), WHET_ATTRS(whet_attr_int("to", whet_dtype_to_onnx(WHET_S64))), &i));
    WHET_TRY(whet_graph_const_like(r->g, WHET_S64, 0, &zero));
    WHET_TRY(tfl_emit(r, n, "Less", WHET_IN(i, zero), WHET_NO_ATTRS, &zero));
    WHET_TRY(tfl_emit(r, n, "Where", WHET_IN(zero, depth, i), WHET_NO_ATTRS, &i));
    WHET_TRY(tfl_get(r, n, 2, WHET_NHWC, &on));
    WHET_TRY(tfl_get(r, n, 3, WHET_NHWC, &off));
    WHET_TRY(tfl_reshape(r, n, on, 1, (const int64_t[]){1}, &on));
    WHET_TRY(tfl_reshape(r, n, off, 1, (const int64_t[]){1}, &off));
    WHET_TRY(tfl_emit(r, n, "Concat", WHET_IN(off, on), WHET_ATTRS(whet_attr_int("axis", 0)), &values));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "OneHot", WHET_IN(i, depth, values), WHET_ATTRS(whet_attr_int("axis", tfl_s32(n, TFL_ONE_HOT_AXIS, 0))));
}
