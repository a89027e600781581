/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of operators that move elements: joining, cutting, picking, padding, shuffling. */
#include "formats/torchscript/ts_ops.h"

enum { MAX_PARTS = 255 };

/* --- joining */

whet_status ts_read_cat(ts_call *c)
{
    whet_vid in[MAX_PARTS], y = WHET_NO_VALUE;
    int n = 0, rank = 0, axis = 0;
    WHET_TRY(ts_get_tensors(c, 0, MAX_PARTS, in, &n));
    WHET_TRY(ts_rank(c, in[0], &rank));
    WHET_TRY(ts_get_axis(c, 1, 0, rank, &axis));
    const whet_attr at = whet_attr_int("axis", axis);
    WHET_TRY(ts_emit(c, "Concat", n, in, 1, &at, &y));
    return ts_result(c, y);
}

whet_status ts_read_stack(ts_call *c)
{
    whet_vid in[MAX_PARTS], y = WHET_NO_VALUE, axes = WHET_NO_VALUE;
    int n = 0, rank = 0, axis = 0;
    WHET_TRY(ts_get_tensors(c, 0, MAX_PARTS, in, &n));
    WHET_TRY(ts_rank(c, in[0], &rank));
    WHET_TRY(ts_get_axis(c, 1, 0, rank + 1, &axis));
    const int64_t dim = axis;
    const whet_attr at = whet_attr_int("axis", axis);
    WHET_TRY(ts_ints(c, 1, &dim, &axes));
    for (int i = 0; i < n; i++) WHET_TRY(ts_emit(c, "Unsqueeze", WHET_IN(in[i], axes), WHET_NO_ATTRS, &in[i]));
    WHET_TRY(ts_emit(c, "Concat", n, in, 1, &at, &y));
    return ts_result(c, y);
}

/* --- cutting */

static whet_status list_of(ts_call *c, int n, const whet_vid *v)
{
    WHET_TRY(ts_list_new(c->e, TSV_LIST, n, &c->out));
    for (int i = 0; i < n; i++) {
        ts_value x;
        WHET_TRY(ts_tensor_view(c->e, c->arg[0].as.cell, v[i], &x));
        WHET_TRY(ts_list_add(c->e, c->out.as.list, x));
    }
    return WHET_OK;
}

static whet_status split_by(ts_call *c, whet_vid x, int axis, int n, const int64_t *sizes)
{
    whet_vid in[2] = {x, WHET_NO_VALUE}, out[MAX_PARTS];
    const whet_attr at = whet_attr_int("axis", axis);
    WHET_TRY(ts_ints(c, n, sizes, &in[1]));
    WHET_TRY(ts_emit_many(c, "Split", 2, in, 1, &at, n, out));
    return list_of(c, n, out);
}

static whet_status axis_size(ts_call *c, int i, whet_vid *x, int *axis, int64_t *size)
{
    int rank = 0;
    WHET_TRY(ts_in(c, 0, x));
    WHET_TRY(ts_rank(c, *x, &rank));
    WHET_TRY(ts_get_axis(c, i, 0, rank, axis));
    *size = ts_dims(c, *x)->dims[*axis];
    return WHET_OK;
}

/* Pieces of one size, the last perhaps smaller; or a list of sizes. */
whet_status ts_read_split(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE;
    int64_t sizes[MAX_PARTS], size = 0, piece = 0;
    int axis = 0, n = 0;
    WHET_TRY(axis_size(c, 2, &x, &axis, &size));
    if (c->arg[1].kind == TSV_LIST || c->arg[1].kind == TSV_TUPLE) {
        WHET_TRY(ts_get_ints(c, 1, MAX_PARTS, sizes, &n));
        return split_by(c, x, axis, n, sizes);
    }
    WHET_TRY(ts_get_int(c, 1, 0, &piece));
    if (size < 0 || piece < 1 || size / piece >= MAX_PARTS) return ts_refuse(c, "the number of pieces is not known or too large");
    for (int64_t left = size; left > 0; left -= piece) sizes[n++] = WHET_MIN(left, piece);
    return split_by(c, x, axis, n, sizes);
}

whet_status ts_read_chunk(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE;
    int64_t sizes[MAX_PARTS], size = 0, n = 0;
    int axis = 0, k = 0;
    WHET_TRY(axis_size(c, 2, &x, &axis, &size));
    WHET_TRY(ts_get_int(c, 1, 0, &n));
    if (size < 1 || n < 1 || n > MAX_PARTS) return ts_refuse(c, "the number of pieces or the size is not known");
    const int64_t piece = (size - 1) / n + 1;
    for (int64_t left = size; left > 0; left -= piece) sizes[k++] = WHET_MIN(left, piece);
    return split_by(c, x, axis, k, sizes);
}

static whet_status pick(ts_call *c, whet_vid x, int axis, int64_t index, whet_vid *y)
{
    whet_tensor t;
    whet_vid at = WHET_NO_VALUE;
    const whet_attr attr = whet_attr_int("axis", axis);
    const whet_shape scalar = {.rank = 0};
    whet_tensor_init(&t);
    WHET_TRY(whet_tensor_alloc(&t, WHET_S64, &scalar));
    whet_tensor_set_s64(&t, 0, index);
    whet_status status = whet_graph_const(c->e->g, NULL, &t, &at);
    whet_tensor_dispose(&t);
    return status == WHET_OK ? ts_emit(c, "Gather", WHET_IN(x, at), 1, &attr, y) : status;
}

whet_status ts_read_unbind(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, out[MAX_PARTS];
    int64_t size = 0;
    int axis = 0;
    WHET_TRY(axis_size(c, 1, &x, &axis, &size));
    if (size < 1 || size > MAX_PARTS) return ts_refuse(c, "the number of parts is not known or too large");
    for (int i = 0; i < size; i++) WHET_TRY(pick(c, x, axis, i, &out[i]));
    return list_of(c, (int)size, out);
}

whet_status ts_read_select(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE;
    int64_t size = 0, index = 0;
    int axis = 0;
    WHET_TRY(axis_size(c, 1, &x, &axis, &size));
    WHET_TRY(ts_get_int(c, 2, 0, &index));
    WHET_TRY(pick(c, x, axis, index, &y));
    return ts_result_view(c, y);
}

whet_status ts_read_index_select(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, index = WHET_NO_VALUE, y = WHET_NO_VALUE;
    int64_t size = 0;
    int axis = 0;
    WHET_TRY(axis_size(c, 1, &x, &axis, &size));
    WHET_TRY(ts_in(c, 2, &index));
    const whet_attr at = whet_attr_int("axis", axis);
    WHET_TRY(ts_emit(c, "Gather", WHET_IN(x, index), 1, &at, &y));
    return ts_result(c, y);
}

static whet_status cut(ts_call *c, whet_vid x, whet_vid from, whet_vid to, int axis, int64_t step, whet_vid *y)
{
    const int64_t dim = axis;
    whet_vid axes = WHET_NO_VALUE, steps = WHET_NO_VALUE;
    WHET_TRY(ts_ints(c, 1, &dim, &axes));
    WHET_TRY(ts_ints(c, 1, &step, &steps));
    return ts_emit(c, "Slice", WHET_IN(x, from, to, axes, steps), WHET_NO_ATTRS, y);
}

whet_status ts_read_slice(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE, from = WHET_NO_VALUE, to = WHET_NO_VALUE;
    int64_t size = 0, step = 1, a = 0, b = 0;
    int axis = 0;
    WHET_TRY(axis_size(c, 1, &x, &axis, &size));
    WHET_TRY(ts_get_int(c, 4, 1, &step));
    if (step < 1) return ts_refuse(c, "step %lld is not handled", (long long)step);
    const ts_value first = ts_given(c, 2) ? c->arg[2] : ts_int(0), last = ts_given(c, 3) ? c->arg[3] : ts_int(INT64_MAX);
    bool all = ts_whole(&first, &a) && ts_whole(&last, &b) && a == 0 && (b == INT64_MAX || (size >= 0 && b >= size));
    if (all && step == 1) return ts_read_same(c);
    WHET_TRY(ts_size_vid(c->e, &first, &from));
    WHET_TRY(ts_size_vid(c->e, &last, &to));
    WHET_TRY(cut(c, x, from, to, axis, step, &y));
    return ts_result_view(c, y);
}

whet_status ts_read_narrow(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE, from = WHET_NO_VALUE, to = WHET_NO_VALUE;
    int64_t size = 0, a = 0, n = 0;
    int axis = 0;
    WHET_TRY(axis_size(c, 1, &x, &axis, &size));
    WHET_TRY(ts_get_int(c, 2, 0, &a));
    WHET_TRY(ts_get_int(c, 3, 0, &n));
    if (a < 0) a += WHET_MAX(size, 0);
    if (!whet_add_i64(a, n, &n)) return ts_refuse(c, "the end is too large");
    WHET_TRY(ts_ints(c, 1, &a, &from));
    WHET_TRY(ts_ints(c, 1, &n, &to));
    WHET_TRY(cut(c, x, from, to, axis, 1, &y));
    return ts_result_view(c, y);
}

whet_status ts_read_flip(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE, in[4];
    int64_t axes[WHET_MAX_RANK], from[WHET_MAX_RANK], to[WHET_MAX_RANK];
    int n = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_get_ints(c, 1, WHET_MAX_RANK, axes, &n));
    for (int i = 0; i < n; i++) {
        from[i] = -1;
        to[i] = INT64_MIN;
    }
    WHET_TRY(ts_ints(c, n, from, &in[0]));
    WHET_TRY(ts_ints(c, n, to, &in[1]));
    WHET_TRY(ts_ints(c, n, axes, &in[2]));
    WHET_TRY(ts_emit(c, "Slice", WHET_IN(x, in[0], in[1], in[2], in[0]), WHET_NO_ATTRS, &y));
    return ts_result(c, y);
}

/* The last `shift` elements come to the front. */
whet_status ts_read_roll(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, part[2], b[3];
    int64_t shifts[WHET_MAX_RANK], dims[WHET_MAX_RANK];
    int n = 0, m = 0, rank = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_rank(c, x, &rank));
    WHET_TRY(ts_get_ints(c, 1, WHET_MAX_RANK, shifts, &n));
    WHET_TRY(ts_get_ints(c, 2, WHET_MAX_RANK, dims, &m));
    if (n != m || n == 0) return ts_refuse(c, "shifts without dimensions are not handled");
    for (int i = 0; i < n; i++) {
        int64_t a = dims[i] < 0 ? dims[i] + rank : dims[i], zero = 0, end = INT64_MAX, cut_at = -shifts[i];
        if (a < 0 || a >= rank || shifts[i] == INT64_MIN) return ts_refuse(c, "dimension %lld does not exist", (long long)dims[i]);
        int64_t size = ts_dims(c, x)->dims[a];
        if (size < 1) return ts_refuse(c, "the size of dimension %lld is not known", (long long)a);
        cut_at = (cut_at % size + size) % size;
        const whet_attr at = whet_attr_int("axis", a);
        if (cut_at == 0) continue;
        WHET_TRY(ts_ints(c, 1, &zero, &b[0]));
        WHET_TRY(ts_ints(c, 1, &cut_at, &b[1]));
        WHET_TRY(ts_ints(c, 1, &end, &b[2]));
        WHET_TRY(cut(c, x, b[1], b[2], (int)a, 1, &part[0]));
        WHET_TRY(cut(c, x, b[0], b[1], (int)a, 1, &part[1]));
        WHET_TRY(ts_emit(c, "Concat", 2, part, 1, &at, &x));
    }
    return ts_result(c, x);
}

whet_status ts_read_repeat(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, times = WHET_NO_VALUE, y = WHET_NO_VALUE, shape = WHET_NO_VALUE;
    int64_t sizes[WHET_MAX_RANK];
    int n = 0, rank = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_rank(c, x, &rank));
    WHET_TRY(ts_sizes(c, &c->arg[1], &times, &n));
    if (n < rank) return ts_refuse(c, "%d repeats are fewer than the %d dimensions", n, rank);
    if (n > rank) { /* new dimensions in front */
        for (int i = 0; i < n - rank; i++) sizes[i] = i;
        WHET_TRY(ts_ints(c, n - rank, sizes, &shape));
        WHET_TRY(ts_emit(c, "Unsqueeze", WHET_IN(x, shape), WHET_NO_ATTRS, &x));
    }
    WHET_TRY(ts_emit(c, "Tile", WHET_IN(x, times), WHET_NO_ATTRS, &y));
    return ts_result(c, y);
}

/* --- padding: torch gives pairs from the last dimension on */

static whet_status emit_pad(ts_call *c, int at_value, const char *mode)
{
    whet_vid in[3] = {WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE}, y = WHET_NO_VALUE;
    int64_t pairs[2 * WHET_MAX_RANK], pads[2 * WHET_MAX_RANK] = {0};
    double value = 0;
    int n = 0, rank = 0;
    const whet_attr at = whet_attr_string("mode", mode);
    WHET_TRY(ts_in(c, 0, &in[0]));
    WHET_TRY(ts_rank(c, in[0], &rank));
    WHET_TRY(ts_get_ints(c, 1, 2 * WHET_MAX_RANK, pairs, &n));
    if (n % 2 != 0 || n / 2 > rank) return ts_refuse(c, "%d paddings for %d dimensions", n, rank);
    for (int i = 0; i < n / 2; i++) {
        pads[rank - 1 - i] = pairs[2 * i];
        pads[2 * rank - 1 - i] = pairs[2 * i + 1];
    }
    WHET_TRY(ts_ints(c, 2 * rank, pads, &in[1]));
    if (at_value > 0) {
        WHET_TRY(ts_get_float(c, at_value, 0, &value));
        WHET_TRY(ts_scalar_like(c, in[0], value, &in[2]));
    }
    WHET_TRY(ts_emit(c, "Pad", at_value > 0 ? 3 : 2, in, 1, &at, &y));
    return ts_result(c, y);
}

whet_status ts_read_constant_pad(ts_call *c) { return emit_pad(c, 2, "constant"); }
whet_status ts_read_other_pad(ts_call *c) { return emit_pad(c, 0, *c->name == 'r' && c->name[2] == 'f' ? "reflect" : "edge"); }

whet_status ts_read_pad(ts_call *c)
{
    static const struct { const char *torch, *onnx; } modes[] = {{"constant", "constant"}, {"reflect", "reflect"}, {"replicate", "edge"}, {"circular", "wrap"}};
    const char *mode = c->arg[2].kind == TSV_TEXT ? c->arg[2].as.s : "constant";
    for (size_t i = 0; i < WHET_COUNT(modes); i++)
        if (strcmp(modes[i].torch, mode) == 0) return emit_pad(c, i == 0 ? 3 : 0, modes[i].onnx);
    return ts_refuse(c, "mode '%.40s' is not handled", mode);
}

/* --- shuffling */

whet_status ts_read_pixel_shuffle(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE;
    int64_t block = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_get_int(c, 1, 0, &block));
    const whet_attr attrs[2] = {whet_attr_int("blocksize", block), whet_attr_string("mode", "CRD")};
    WHET_TRY(ts_emit(c, "DepthToSpace", WHET_IN(x), 2, attrs, &y));
    return ts_result(c, y);
}

/* x -> reshape to `inner` -> transpose -> reshape to `outer`; 0 copies a size, -1 is the rest. */
static whet_status shuffle(ts_call *c, whet_vid x, int n, const int64_t *inner, const int64_t *perm, const int64_t *outer)
{
    whet_vid a = WHET_NO_VALUE, b = WHET_NO_VALUE;
    const whet_attr at = whet_attr_ints("perm", n, perm);
    WHET_TRY(ts_ints(c, n, inner, &a));
    WHET_TRY(ts_ints(c, 4, outer, &b));
    WHET_TRY(ts_emit(c, "Reshape", WHET_IN(x, a), WHET_NO_ATTRS, &x));
    WHET_TRY(ts_emit(c, "Transpose", WHET_IN(x), 1, &at, &x));
    WHET_TRY(ts_emit(c, "Reshape", WHET_IN(x, b), WHET_NO_ATTRS, &x));
    return ts_result(c, x);
}

static whet_status picture(ts_call *c, whet_vid *x, int64_t d[4])
{
    WHET_TRY(ts_in(c, 0, x));
    const whet_dims *dims = ts_dims(c, *x);
    if (dims->rank != 4) return ts_refuse(c, "an input of rank %d is not handled", dims->rank);
    for (int i = 0; i < 4; i++) d[i] = dims->dims[i] < 0 ? -1 : dims->dims[i];
    return d[1] < 1 || d[2] < 1 || d[3] < 1 ? ts_refuse(c, "the sizes are not known") : WHET_OK;
}

whet_status ts_read_pixel_unshuffle(ts_call *c)
{
    static const int64_t perm[6] = {0, 1, 3, 5, 2, 4};
    whet_vid x = WHET_NO_VALUE;
    int64_t d[4], r = 0;
    WHET_TRY(picture(c, &x, d));
    WHET_TRY(ts_get_int(c, 1, 0, &r));
    if (r < 1 || r > 1024 || d[2] % r != 0 || d[3] % r != 0) return ts_refuse(c, "factor %lld does not divide the sizes", (long long)r);
    const int64_t inner[6] = {-1, d[1], d[2] / r, r, d[3] / r, r}, outer[4] = {-1, d[1] * r * r, d[2] / r, d[3] / r};
    return shuffle(c, x, 6, inner, perm, outer);
}

whet_status ts_read_channel_shuffle(ts_call *c)
{
    static const int64_t perm[5] = {0, 2, 1, 3, 4};
    whet_vid x = WHET_NO_VALUE;
    int64_t d[4], groups = 0;
    WHET_TRY(picture(c, &x, d));
    WHET_TRY(ts_get_int(c, 1, 0, &groups));
    if (groups < 1 || d[1] % groups != 0) return ts_refuse(c, "%lld groups do not divide the channels", (long long)groups);
    const int64_t inner[5] = {-1, groups, d[1] / groups, d[2], d[3]}, outer[4] = {-1, d[1], d[2], d[3]};
    return shuffle(c, x, 5, inner, perm, outer);
}
