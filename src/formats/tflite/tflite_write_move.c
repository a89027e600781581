/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes, movement and reductions. Axes are mapped to the file's; a Transpose or whet.Reorder that says what the layout says
 * already is the same tensor. */
#include "formats/tflite/tflite_write_rows.h"

/* Contents of an integer constant; -1 if it is none or longer than cap. */
static int ints(const tfl_writer *w, const whet_node *n, int i, int64_t *out, int cap)
{
    const whet_tensor *t = i < n->n_in && n->in[i] >= 0 ? whet_graph_const_data(w->g, n->in[i]) : NULL;
    if (!t || whet_tensor_numel(t) > cap) return -1;
    for (int64_t k = 0; k < whet_tensor_numel(t); k++) out[k] = whet_tensor_get_s64(t, k);
    return (int)whet_tensor_numel(t);
}

static whet_status same_tensor(tfl_writer *w, whet_vid v, int x)
{
    tflw_alias(w, v, x);
    return w->status;
}

whet_status tflite_write_reshape(tfl_writer *w, const whet_node *n, int code)
{
    const int x = tflw_before_reshape(w, tflw_in(w, n, 0));
    int32_t shape[WHET_MAX_RANK];
    int rank = 0;
    (void)code;
    tflw_shape_of(w, n->out[0], &rank, shape);
    const tfl_tensor t = *tflw_at(w, x);
    bool same = rank == t.rank && !w->integer;
    for (int i = 0; i < rank && same; i++) same = shape[i] == t.shape[i];
    if (same) return same_tensor(w, n->out[0], x);
    return tflw_reshape_to(w, x, tflw_out(w, n, 0));
}

whet_status tflite_write_transpose(tfl_writer *w, const whet_node *n, int code)
{
    int perm[WHET_MAX_RANK];
    (void)code;
    if (tflw_joins_product(w, n)) return WHET_OK;
    const whet_nhwc_move move = whet_nhwc_move_of(w->g, n, perm);
    const int x = tflw_in(w, n, 0);
    if (move == WHET_MOVE_NONE && !w->integer) return same_tensor(w, n->out[0], x);
    if (move == WHET_MOVE_NONE && tflw_integer_alias(w, n->out[0], x)) return w->status;
    const int y = tflw_out(w, n, 0);
    return move == WHET_MOVE_TRANSPOSE ? tflw_transpose_to(w, x, perm, y) : tflw_reshape_to(w, x, y);
}

/* A constant that Expand repeats for each picture of an open batch. */
static bool repeated_const(const tfl_writer *w, whet_vid v, whet_tensor *out)
{
    const whet_dims *d = &w->g->values[v].dims;
    if (w->g->values[v].producer == WHET_NO_NODE) return false;
    const whet_node *n = &w->g->nodes[w->g->values[v].producer];
    if (!whet_node_is(n, "Expand") || d->rank < 2 || d->dims[0] >= 0 || w->g->values[n->in[0]].dims.rank != d->rank) return false;
    if (w->g->values[n->in[0]].dims.dims[0] != 1 || whet_nhwc_is(w->g, v)) return false;
    for (int i = 1; i < d->rank; i++)
        if (d->dims[i] != w->g->values[n->in[0]].dims.dims[i]) return false;
    return tflw_float_const(w, n->in[0], out);
}

/* Tokens in front of an open batch: room is padded with zeros and the constant added. */
static whet_status concat_const(tfl_writer *w, const whet_node *n, int axis, const whet_tensor *c)
{
    int64_t before[WHET_MAX_RANK] = {0}, after[WHET_MAX_RANK] = {0};
    const int x = tflw_value(w, n->in[1]), rank = tflw_at(w, x)->rank;
    whet_shape shape = c->shape;
    whet_tensor wide = {0};
    before[axis] = c->shape.dims[axis];
    shape.dims[axis] += tflw_at(w, x)->shape[axis];
    WHET_TRY(whet_tensor_alloc(&wide, WHET_F32, &shape));
    int64_t inner = 1, outer = 1;
    for (int i = axis + 1; i < rank; i++) inner *= shape.dims[i];
    for (int i = 0; i < axis; i++) outer *= shape.dims[i];
    for (int64_t o = 0; o < outer; o++)
        memcpy((float *)wide.data + o * shape.dims[axis] * inner, (const float *)c->data + o * before[axis] * inner, (size_t)(before[axis] * inner) * sizeof(float));
    const int add = tflw_weights(w, &wide, NULL), room = tflw_pad(w, x, before, after, -1), y = tflw_out(w, n, 0);
    whet_tensor_dispose(&wide);
    return tflw_binary_to(w, TFL_ADD, room, add, TFL_ACT_NONE, y);
}

whet_status tflite_write_concat(tfl_writer *w, const whet_node *n, int code)
{
    const int axis = whet_nhwc_axis(w->g, n->out[0], whet_node_int(n, "axis", 0));
    int *in = whet_arena_alloc(w->arena, (size_t)n->n_in * sizeof(*in));
    whet_tensor c = {0};
    if (!in) return WHET_ENOMEM;
    if (!w->integer && n->n_in == 2 && axis > 0 && repeated_const(w, n->in[0], &c)) {
        const whet_status status = concat_const(w, n, axis, &c);
        whet_tensor_dispose(&c);
        return status;
    }
    for (int i = 0; i < n->n_in; i++) in[i] = tflw_in(w, n, i);
    const int y = tflw_out(w, n, 0);
    if (n->n_in == 1 && !w->integer) return tflw_reshape_to(w, in[0], y);
    for (int i = 0; i < n->n_in && w->integer; i++) in[i] = tflw_requantized(w, in[i], y);
    return tflw_op(w, code, n->n_in, in, 1, &y, TFL_OPTIONS(TFL_INT(TFL_CONCATENATION_AXIS, axis)));
}

/* SPLIT_V with the sizes; equal parts are a SPLIT. */
whet_status tflite_write_split(tfl_writer *w, const whet_node *n, int code)
{
    const int64_t axis = whet_nhwc_axis(w->g, n->in[0], whet_node_int(n, "axis", 0));
    int64_t sizes[TFL_MAX_IO];
    int32_t sizes32[TFL_MAX_IO];
    int out[TFL_MAX_IO];
    bool equal = true;
    if (n->n_out > TFL_MAX_IO) return tflw_fail(w, "Split into %d parts; %d can be written", n->n_out, TFL_MAX_IO);
    const int x = tflw_in(w, n, 0), at = tflw_const_s32(w, 1, &axis);
    for (int o = 0; o < n->n_out; o++) {
        if (n->out[o] < 0) return tflw_fail(w, "Split with a part that nobody wants");
        out[o] = tflw_out(w, n, o);
        sizes[o] = tflw_at(w, out[o])->shape[axis];
        sizes32[o] = (int32_t)sizes[o];
        if (sizes[o] < 0) return tflw_fail(w, "Split of an open size");
        equal = equal && sizes[o] == sizes[0];
    }
    const tfl_option num = TFL_INT(TFL_SPLIT_NUM, n->n_out);
    if (n->n_out == 1) return tflw_reshape_to(w, x, out[0]);
    const int32_t zero[1] = {(int32_t)axis};
    const whet_tensor scalar = {.dtype = WHET_S32, .shape = {.rank = 0}, .data = (void *)zero};
    const int where = tflw_const(w, &scalar, NULL, NULL);
    if (equal) return tflw_op(w, TFL_SPLIT, TFL_IO(where, x), n->n_out, out, 1, &num);
    const whet_tensor list = {.dtype = WHET_S32, .shape = WHET_SHAPE(n->n_out), .data = sizes32};
    const int parts = tflw_const(w, &list, NULL, NULL);
    (void)at;
    return tflw_op(w, code, TFL_IO(x, parts, where), n->n_out, out, 1, &num);
}

typedef struct range { int64_t begin[WHET_MAX_RANK], end[WHET_MAX_RANK], step[WHET_MAX_RANK]; uint32_t begins, ends; } range;

static whet_status read_slice(tfl_writer *w, const whet_node *n, range *r)
{
    int64_t starts[WHET_MAX_RANK], ends[WHET_MAX_RANK], axes[WHET_MAX_RANK], steps[WHET_MAX_RANK];
    const int rank = w->g->values[n->in[0]].dims.rank, k = ints(w, n, 1, starts, WHET_MAX_RANK);
    const whet_dims file = whet_nhwc_dims(w->g, n->in[0]);
    if (k < 0 || ints(w, n, 2, ends, WHET_MAX_RANK) != k) return tflw_fail(w, "Slice by values that are no constants");
    const int n_axes = ints(w, n, 3, axes, WHET_MAX_RANK), n_steps = ints(w, n, 4, steps, WHET_MAX_RANK);
    r->begins = r->ends = (1U << rank) - 1;
    for (int i = 0; i < rank; i++) {
        r->begin[i] = r->end[i] = 0;
        r->step[i] = 1;
    }
    for (int i = 0; i < k; i++) {
        const int a = whet_nhwc_axis(w->g, n->in[0], n_axes == k ? axes[i] : i);
        const int64_t size = file.dims[a];
        r->step[a] = n_steps == k ? steps[i] : 1;
        r->begin[a] = WHET_MAX(WHET_MIN(starts[i], INT32_MAX), INT32_MIN + 1);
        r->end[a] = WHET_MAX(WHET_MIN(ends[i], INT32_MAX), INT32_MIN + 1);
        if (size < 0 && (r->begin[a] != 0 || ends[i] < INT32_MAX)) return tflw_fail(w, "Slice of an open size");
        if (size < 0) continue;
        if (r->begin[a] < 0) r->begin[a] += size;
        if (r->end[a] < 0) r->end[a] += size;
        r->begins &= ~(1U << a);
        r->ends &= ~(1U << a);
        r->begin[a] = WHET_MAX(0, WHET_MIN(r->begin[a], r->step[a] < 0 ? size - 1 : size));
        if (r->step[a] < 0 && r->end[a] < 0) r->ends |= 1U << a; /* down to the first */
        else r->end[a] = WHET_MAX(0, WHET_MIN(r->end[a], size));
    }
    return WHET_OK;
}

whet_status tflite_write_slice(tfl_writer *w, const whet_node *n, int code)
{
    range r;
    WHET_TRY(read_slice(w, n, &r));
    const int rank = w->g->values[n->in[0]].dims.rank, x = tflw_in(w, n, 0), y = tflw_out(w, n, 0);
    const int begin = tflw_const_s32(w, rank, r.begin), end = tflw_const_s32(w, rank, r.end), step = tflw_const_s32(w, rank, r.step);
    return tflw_op(w, code, TFL_IO(x, begin, end, step), TFL_IO(y),
                  TFL_OPTIONS(TFL_INT(TFL_STRIDED_SLICE_BEGIN_MASK, r.begins), TFL_INT(TFL_STRIDED_SLICE_END_MASK, r.ends)));
}

/* Replicated borders: slices of the border, repeated and put beside. */
static int pad_edge(tfl_writer *w, int x, int axis, int64_t count, bool front)
{
    tfl_tensor t = *tflw_at(w, x);
    int64_t begin[WHET_MAX_RANK] = {0}, end[WHET_MAX_RANK] = {0}, ones[WHET_MAX_RANK], times[WHET_MAX_RANK];
    const uint32_t mask = ((1U << t.rank) - 1) & ~(1U << axis);
    const int32_t size = t.shape[axis];
    if (count == 0) return x;
    for (int i = 0; i < t.rank; i++) ones[i] = times[i] = 1;
    begin[axis] = front ? 0 : size - 1;
    end[axis] = begin[axis] + 1;
    times[axis] = count;
    t.shape[axis] = 1;
    const int line = tflw_temp_like(w, x, t.rank, t.shape);
    t.shape[axis] = (int32_t)count;
    const int border = tflw_temp_like(w, x, t.rank, t.shape);
    t.shape[axis] = size + (int32_t)count;
    const int made = tflw_temp_like(w, x, t.rank, t.shape);
    const int b = tflw_const_s32(w, t.rank, begin), e = tflw_const_s32(w, t.rank, end), s = tflw_const_s32(w, t.rank, ones), m = tflw_const_s32(w, t.rank, times);
    (void)tflw_op(w, TFL_STRIDED_SLICE, TFL_IO(x, b, e, s), TFL_IO(line),
                 TFL_OPTIONS(TFL_INT(TFL_STRIDED_SLICE_BEGIN_MASK, mask), TFL_INT(TFL_STRIDED_SLICE_END_MASK, mask)));
    (void)tflw_op(w, TFL_TILE, TFL_IO(line, m), TFL_IO(border), TFL_NO_OPTIONS);
    (void)tflw_op(w, TFL_CONCATENATION, TFL_IO(front ? border : x, front ? x : border), TFL_IO(made), TFL_OPTIONS(TFL_INT(TFL_CONCATENATION_AXIS, axis)));
    return w->status == WHET_OK ? made : -1;
}

whet_status tflite_write_pad(tfl_writer *w, const whet_node *n, int code)
{
    const char *mode = whet_node_string(n, "mode", "constant");
    int64_t given[2 * WHET_MAX_RANK], axes[WHET_MAX_RANK], before[WHET_MAX_RANK] = {0}, after[WHET_MAX_RANK] = {0}, both[2 * WHET_MAX_RANK];
    const int rank = w->g->values[n->in[0]].dims.rank, k = ints(w, n, 1, given, 2 * WHET_MAX_RANK), n_axes = ints(w, n, 3, axes, WHET_MAX_RANK);
    whet_tensor value = {0};
    float fill = 0;
    (void)code;
    if (k < 0) return tflw_fail(w, "Pad by values that are no constants");
    for (int i = 0; i < k / 2; i++) {
        const int a = whet_nhwc_axis(w->g, n->in[0], n_axes >= 0 ? axes[i] : i);
        before[a] = given[i];
        after[a] = given[k / 2 + i];
        if (before[a] < 0 || after[a] < 0) return tflw_fail(w, "Pad by negative sizes; use Slice");
    }
    for (int i = 0; i < rank; i++) {
        both[2 * i] = before[i];
        both[2 * i + 1] = after[i];
    }
    int x = tflw_in(w, n, 0);
    if (strcmp(mode, "edge") == 0) {
        for (int i = 0; i < rank; i++) x = pad_edge(w, pad_edge(w, x, i, before[i], true), i, after[i], false);
        if (!w->integer) return same_tensor(w, n->out[0], x);
        return tflw_reshape_to(w, x, tflw_out(w, n, 0));
    }
    if (strcmp(mode, "wrap") == 0) return tflw_fail(w, "Pad of mode wrap");
    const int pads = tflw_const_pads(w, rank, both), y = tflw_out(w, n, 0);
    if (strcmp(mode, "reflect") == 0) return tflw_op(w, TFL_MIRROR_PAD, TFL_IO(x, pads), TFL_IO(y), TFL_NO_OPTIONS);
    if (n->n_in > 2 && n->in[2] >= 0) {
        if (!tflw_float_const(w, n->in[2], &value)) return tflw_fail(w, "Pad with a value that is no constant");
        fill = ((const float *)value.data)[0];
        whet_tensor_dispose(&value);
    }
    if (fill == 0) return tflw_op(w, TFL_PAD, TFL_IO(x, pads), TFL_IO(y), TFL_NO_OPTIONS);
    if (w->integer) return tflw_fail(w, "Pad of integers with a value other than 0");
    const int v = whet_dtype_is_float(w->g->values[n->in[0]].dtype) ? tflw_const_f32(w, fill) : tflw_value(w, n->in[2]);
    return tflw_op(w, TFL_PADV2, TFL_IO(x, pads, v), TFL_IO(y), TFL_NO_OPTIONS);
}

whet_status tflite_write_tile(tfl_writer *w, const whet_node *n, int code)
{
    int64_t times[WHET_MAX_RANK], file[WHET_MAX_RANK];
    const int rank = w->g->values[n->in[0]].dims.rank;
    if (ints(w, n, 1, times, WHET_MAX_RANK) != rank) return tflw_fail(w, "Tile by values that are no constants");
    whet_nhwc_order(w->g, n->in[0], times, file);
    const int x = tflw_in(w, n, 0), by = tflw_const_s32(w, rank, file), y = tflw_out(w, n, 0);
    return tflw_op(w, code, TFL_IO(x, by), TFL_IO(y), TFL_NO_OPTIONS);
}

whet_status tflite_write_expand(tfl_writer *w, const whet_node *n, int code)
{
    const int x = tflw_in(w, n, 0), y = tflw_out(w, n, 0);
    const tfl_tensor t = *tflw_at(w, y);
    int64_t sizes[WHET_MAX_RANK];
    bool open = false, same = t.rank == tflw_at(w, x)->rank;
    for (int i = 0; i < t.rank; i++) {
        sizes[i] = t.shape[i];
        open = open || t.shape[i] < 0;
        same = same && t.shape[i] == tflw_at(w, x)->shape[i];
    }
    if (same) return tflw_reshape_to(w, x, y);
    if (open && whet_nhwc_is(w->g, n->out[0])) return tflw_fail(w, "Expand of an image to an open size");
    const int shape = open ? tflw_value(w, n->in[1]) : tflw_const_s32(w, t.rank, sizes);
    return tflw_op(w, code, TFL_IO(x, shape), TFL_IO(y), TFL_NO_OPTIONS);
}

/* Constant indices as s32, negative ones counted. */
static int indices(tfl_writer *w, const whet_node *n, int64_t size)
{
    const whet_tensor *t = whet_graph_const_data(w->g, n->in[1]);
    whet_tensor s = {0};
    if (!t) return tflw_value(w, n->in[1]);
    whet_status status = whet_tensor_alloc(&s, WHET_S32, &t->shape);
    if (status != WHET_OK) return tflw_lost(w, status);
    for (int64_t i = 0; i < whet_tensor_numel(t); i++) {
        const int64_t x = whet_tensor_get_s64(t, i);
        whet_tensor_set_s64(&s, i, x < 0 && size >= 0 ? x + size : x);
    }
    const int made = tflw_const(w, &s, NULL, NULL);
    whet_tensor_dispose(&s);
    return made;
}

whet_status tflite_write_gather(tfl_writer *w, const whet_node *n, int code)
{
    const int64_t axis = whet_node_int(n, "axis", 0);
    const int file = whet_nhwc_axis(w->g, n->in[0], axis), x = tflw_in(w, n, 0);
    const int at = indices(w, n, tflw_at(w, x)->shape[file]), y = tflw_out(w, n, 0);
    return tflw_op(w, code, TFL_IO(x, at), TFL_IO(y), TFL_OPTIONS(TFL_INT(TFL_GATHER_AXIS, file)));
}

whet_status tflite_write_gather_nd(tfl_writer *w, const whet_node *n, int code)
{
    if (whet_node_int(n, "batch_dims", 0) != 0) return tflw_fail(w, "GatherND with batch_dims");
    const int x = tflw_in(w, n, 0), at = indices(w, n, -1), y = tflw_out(w, n, 0);
    return tflw_op(w, code, TFL_IO(x, at), TFL_IO(y), TFL_NO_OPTIONS);
}

/* Axes in the file, rising; all of them where none are given. */
static int reduced_axes(const tfl_writer *w, const whet_node *n, int64_t *out)
{
    int64_t given[WHET_MAX_RANK];
    const int rank = w->g->values[n->in[0]].dims.rank, k = n->n_in > 1 && n->in[1] >= 0 ? ints(w, n, 1, given, WHET_MAX_RANK) : 0;
    uint32_t set = 0;
    int count = 0;
    if (k < 0) return -1;
    for (int i = 0; i < k; i++) set |= 1U << whet_nhwc_axis(w->g, n->in[0], given[i]);
    if (k == 0) set = whet_node_int(n, "noop_with_empty_axes", 0) != 0 ? 0 : (1U << rank) - 1;
    for (int i = 0; i < rank; i++)
        if (set >> i & 1) out[count++] = i;
    return count;
}

/* Sums of magnitudes or squares, and their roots, are sums of what is written in front. */
static int in_front(tfl_writer *w, const whet_node *n, int x)
{
    if (whet_node_is(n, "ReduceL1")) return tflw_unary(w, TFL_ABS, x);
    if (whet_node_is(n, "ReduceL2") || whet_node_is(n, "ReduceSumSquare")) return tflw_binary(w, TFL_MUL, x, x);
    return x;
}

whet_status tflite_write_reduce(tfl_writer *w, const whet_node *n, int code)
{
    int64_t axes[WHET_MAX_RANK];
    const int k = reduced_axes(w, n, axes);
    const bool root = whet_node_is(n, "ReduceL2");
    if (k < 0) return tflw_fail(w, "%s over axes that are no constants", n->op->name);
    if (k == 0) return same_tensor(w, n->out[0], tflw_value(w, n->in[0]));
    const int x = in_front(w, n, tflw_in(w, n, 0)), at = tflw_const_s32(w, k, axes), y = tflw_out(w, n, 0);
    const tfl_tensor t = *tflw_at(w, y);
    const int sum = root ? tflw_temp(w, t.dtype, t.rank, t.shape) : y;
    WHET_TRY(tflw_op(w, code, TFL_IO(x, at), TFL_IO(sum), TFL_OPTIONS(TFL_BOOL(TFL_REDUCER_KEEP_DIMS, whet_node_int(n, "keepdims", 1) != 0))));
    return root ? tflw_unary_to(w, TFL_SQRT, sum, y) : WHET_OK;
}

whet_status tflite_write_arg(tfl_writer *w, const whet_node *n, int code)
{
    const int64_t axis = whet_nhwc_axis(w->g, n->in[0], whet_node_int(n, "axis", 0));
    if (whet_node_int(n, "select_last_index", 0) != 0) return tflw_fail(w, "%s that takes the last of equals", n->op->name);
    const int x = tflw_in(w, n, 0), at = tflw_const_s32(w, 1, &axis), y = tflw_result(w, n->out[0]);
    tfl_tensor t = *tflw_at(w, y);
    const bool keeps = whet_node_int(n, "keepdims", 1) != 0;
    int to = y;
    if (keeps) {
        for (int i = (int)axis; i + 1 < t.rank; i++) t.shape[i] = t.shape[i + 1];
        to = tflw_temp(w, t.dtype, t.rank - 1, t.shape);
    }
    WHET_TRY(tflw_op(w, code, TFL_IO(x, at), TFL_IO(to), TFL_OPTIONS(TFL_BYTE(TFL_ARG_OUTPUT_TYPE, tfl_type_of(t.dtype)))));
    return keeps ? tflw_reshape_to(w, to, y) : WHET_OK;
}

whet_status tflite_write_topk(tfl_writer *w, const whet_node *n, int code)
{
    int64_t k[1];
    const int axis = whet_nhwc_axis(w->g, n->in[0], whet_node_int(n, "axis", -1));
    if (ints(w, n, 1, k, 1) != 1 || whet_node_int(n, "largest", 1) == 0) return tflw_fail(w, "TopK other than of the largest, with a constant k");
    const int x = tflw_in(w, n, 0);
    if (axis != tflw_at(w, x)->rank - 1) return tflw_fail(w, "TopK over another axis than the last");
    const int32_t count[1] = {(int32_t)k[0]};
    const whet_tensor scalar = {.dtype = WHET_S32, .shape = {.rank = 0}, .data = (void *)count};
    const int how_many = tflw_const(w, &scalar, NULL, NULL), y = tflw_result(w, n->out[0]);
    const tfl_tensor t = *tflw_at(w, y);
    const int at = tflw_temp(w, WHET_S32, t.rank, t.shape);
    WHET_TRY(tflw_op(w, code, TFL_IO(x, how_many), TFL_IO(y, at), TFL_NO_OPTIONS));
    if (n->n_out < 2 || n->out[1] < 0) return WHET_OK;
    const int wide = tflw_result(w, n->out[1]);
    return tflw_op(w, TFL_CAST, TFL_IO(at), TFL_IO(wide), TFL_OPTIONS(TFL_BYTE(TFL_CAST_IN, TFL_INT32), TFL_BYTE(TFL_CAST_OUT, TFL_INT64)));
}

whet_status tflite_write_cumsum(tfl_writer *w, const whet_node *n, int code)
{
    int64_t axis[1];
    if (ints(w, n, 1, axis, 1) != 1) return tflw_fail(w, "CumSum over an axis that is no constant");
    const int32_t file[1] = {whet_nhwc_axis(w->g, n->in[0], axis[0])};
    const whet_tensor scalar = {.dtype = WHET_S32, .shape = {.rank = 0}, .data = (void *)file};
    const int x = tflw_in(w, n, 0), at = tflw_const(w, &scalar, NULL, NULL), y = tflw_out(w, n, 0);
    return tflw_op(w, code, TFL_IO(x, at), TFL_IO(y), TFL_OPTIONS(TFL_BOOL(TFL_CUMSUM_EXCLUSIVE, whet_node_int(n, "exclusive", 0) != 0),
                                                                TFL_BOOL(TFL_CUMSUM_REVERSE, whet_node_int(n, "reverse", 0) != 0)));
}

/* TFLite's channels go block by block (ONNX: DCR); those of CRD are put in that order first. */
whet_status tflite_write_depth_to_space(tfl_writer *w, const whet_node *n, int code)
{
    const int64_t block = whet_node_int(n, "blocksize", 1);
    int x = tflw_in(w, n, 0);
    if (strcmp(whet_node_string(n, "mode", "DCR"), "CRD") == 0) {
        const tfl_tensor t = *tflw_at(w, x);
        const int64_t channels = t.shape[3], out = channels / (block * block);
        const whet_shape shape = WHET_SHAPE(channels);
        whet_tensor index = {0};
        WHET_TRY(whet_tensor_alloc(&index, WHET_S32, &shape));
        for (int64_t i = 0; i < channels; i++) ((int32_t *)index.data)[i] = (int32_t)(i % out * block * block + i / out);
        const int at = tflw_const(w, &index, NULL, NULL), y = tflw_temp_like(w, x, t.rank, t.shape);
        whet_tensor_dispose(&index);
        WHET_TRY(tflw_op(w, TFL_GATHER, TFL_IO(x, at), TFL_IO(y), TFL_OPTIONS(TFL_INT(TFL_GATHER_AXIS, 3))));
        x = y;
    }
    const int y = tflw_out(w, n, 0);
    return tflw_op(w, code, TFL_IO(x), TFL_IO(y), TFL_OPTIONS(TFL_INT(TFL_BLOCK_SIZE, block)));
}

whet_status tflite_write_space_to_depth(tfl_writer *w, const whet_node *n, int code)
{
    const int x = tflw_in(w, n, 0), y = tflw_out(w, n, 0);
    return tflw_op(w, code, TFL_IO(x), TFL_IO(y), TFL_OPTIONS(TFL_INT(TFL_BLOCK_SIZE, whet_node_int(n, "blocksize", 1))));
}

/* In the graph's order, whatever the layout. */
whet_status tflite_write_shape(tfl_writer *w, const whet_node *n, int code)
{
    const int rank = w->g->values[n->in[0]].dims.rank;
    const int64_t start = whet_node_int(n, "start", 0), from = start < 0 ? start + rank : start;
    const int y = tflw_result(w, n->out[0]), count = tflw_at(w, y)->shape[0];
    const int32_t all[1] = {rank};
    int32_t order[WHET_MAX_RANK] = {0};
    const int x = tflw_value(w, n->in[0]), whole = tflw_temp(w, WHET_S64, 1, all);
    WHET_TRY(tflw_op(w, code, TFL_IO(x), TFL_IO(whole), TFL_OPTIONS(TFL_BYTE(TFL_SHAPE_OUT_TYPE, TFL_INT64))));
    for (int i = 0; i < count; i++) order[i] = whet_nhwc_axis(w->g, n->in[0], from + i);
    const whet_tensor index = {.dtype = WHET_S32, .shape = WHET_SHAPE(count), .data = order};
    const int at = tflw_const(w, &index, NULL, NULL);
    return tflw_op(w, TFL_GATHER, TFL_IO(whole, at), TFL_IO(y), TFL_NO_OPTIONS);
}
