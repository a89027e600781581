/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that move elements or compute with shapes. What follows from known sizes is made constant at once, so that the long
 * ShapeOf chains of exported models do not reach the graph. Source: the operation pages of OpenVINO's documentation. */
#include "formats/openvino/openvino_readers.h"

enum { MAX_RANGE = 1 << 16 };

/* Input i as a list of sizes: a constant where its contents are known. */
static whet_vid sizes_in(ov_work *w, int i)
{
    int64_t x[WHET_MAX_RANK];
    int n = 0;
    if (ov_has(w, i) && ov_ints(w, i, &n, x, WHET_MAX_RANK)) return ov_make_ints(w, n, x);
    return ov_cast(w, ov_in(w, i), WHET_S64);
}

/* The shape of input 0 as the target asks for it; false where sizes are not known. */
static bool target_shape(const ov_work *w, bool special_zero, int n, const int64_t *x, whet_shape *s)
{
    const whet_tensor *t = ov_const(w, 0);
    int64_t rest = t ? whet_tensor_numel(t) : 0;
    int hole = -1;
    if (!t || n > WHET_MAX_RANK) return false;
    s->rank = n;
    for (int i = 0; i < n; i++) {
        s->dims[i] = x[i] == 0 && special_zero && i < t->shape.rank ? t->shape.dims[i] : x[i];
        if (s->dims[i] == -1 && hole < 0) hole = i;
        else if (s->dims[i] <= 0 || rest % s->dims[i]) return false;
        else rest /= s->dims[i];
    }
    if (hole >= 0) s->dims[hole] = rest;
    return hole >= 0 || rest == 1;
}

/* A constant under another shape stays a constant of its name. */
static bool reshaped(ov_work *w, const whet_shape *s)
{
    whet_tensor t;
    const char *name = NULL;
    if (w->status != WHET_OK || !ov_reshaped_const(w, 0, s, &t, &name)) return false;
    ov_out_wide(w, 0, &t, ov_wide(w, 0), name);
    return true;
}

void ov_read_reshape(ov_work *w)
{
    const bool special_zero = ov_bool(w, "special_zero", false);
    const whet_attr a = whet_attr_int("allowzero", !special_zero);
    int64_t x[WHET_MAX_RANK];
    whet_shape s = {.rank = 0};
    int n = 0;
    if (ov_ints(w, 1, &n, x, WHET_MAX_RANK) && target_shape(w, special_zero, n, x, &s) && reshaped(w, &s)) return;
    const whet_vid in[2] = {ov_in(w, 0), sizes_in(w, 1)};
    bool zero = false;
    for (int i = 0; i < n; i++) zero |= x[i] == 0;
    ov_out(w, 0, ov_node(w, "Reshape", 2, in, special_zero || !zero ? 0 : 1, &a));
}

/* Axes of input 1, or where it is missing those of size 1, as bits. */
static uint32_t squeezed(ov_work *w)
{
    int64_t axes[WHET_MAX_RANK];
    const int rank = ov_rank(w, 0);
    uint32_t bits = 0;
    if (rank < 0) ov_fail(w, WHET_EUNSUPPORTED, "the rank of the input is not known");
    if (!ov_has(w, 1)) {
        for (int i = 0; i < rank; i++) {
            if (ov_dim(w, 0, i) < 0) ov_fail(w, WHET_EUNSUPPORTED, "size %d is not known; give the axes", i);
            if (ov_dim(w, 0, i) == 1) bits |= 1u << i;
        }
        return bits;
    }
    const int n = ov_need_ints(w, 1, "axes", axes, WHET_MAX_RANK);
    for (int i = 0; i < n; i++) bits |= 1u << ov_axis(w, axes[i], rank);
    return bits;
}

static int axes_of(uint32_t bits, int64_t *axes)
{
    int n = 0;
    for (int i = 0; i < 2 * WHET_MAX_RANK; i++)
        if (bits >> i & 1 && n < WHET_MAX_RANK) axes[n++] = i;
    return n;
}

void ov_read_squeeze(ov_work *w)
{
    ov_must_be(w, "allow_axis_skip", "false");
    const uint32_t bits = squeezed(w);
    int64_t axes[WHET_MAX_RANK];
    whet_shape s = {.rank = 0};
    bool ones = w->status == WHET_OK;
    for (int i = 0; i < ov_rank(w, 0); i++) {
        if (!(bits >> i & 1)) s.dims[s.rank++] = ov_dim(w, 0, i);
        else ones = ones && ov_dim(w, 0, i) == 1;
    }
    if (ones && ov_const(w, 0) && reshaped(w, &s)) return;
    const int n = axes_of(bits, axes);
    const whet_vid x = ov_in(w, 0);
    ov_out(w, 0, n ? ov_op(w, "Squeeze", OV_IN(x, ov_make_ints(w, n, axes))) : ov_op(w, "Identity", OV_IN(x)));
}

void ov_read_unsqueeze(ov_work *w)
{
    int64_t axes[WHET_MAX_RANK];
    const int n = ov_need_ints(w, 1, "axes", axes, WHET_MAX_RANK), rank = ov_rank(w, 0);
    whet_shape s = {.rank = rank + n};
    uint32_t bits = 0;
    if (rank < 0 || rank + n > WHET_MAX_RANK) ov_fail(w, WHET_EUNSUPPORTED, "rank %d with %d more axes is not handled", rank, n);
    for (int i = 0; i < n && w->status == WHET_OK; i++) bits |= 1u << ov_axis(w, axes[i], rank + n);
    if (w->status != WHET_OK) return;
    if (axes_of(bits, axes) != n) ov_fail(w, WHET_EFORMAT, "an axis stands twice");
    for (int i = 0, k = 0; i < s.rank; i++) s.dims[i] = bits >> i & 1 ? 1 : ov_dim(w, 0, k++);
    if (ov_const(w, 0) && reshaped(w, &s)) return;
    ov_out(w, 0, ov_op(w, "Unsqueeze", OV_IN(ov_in(w, 0), ov_make_ints(w, n, axes))));
}

void ov_read_shape_of(ov_work *w)
{
    const whet_dtype t = ov_type(w, "output_type", WHET_S64);
    const whet_vid x = ov_in(w, 0);
    ov_out(w, 0, ov_cast(w, ov_op(w, "Shape", OV_IN(x)), t));
}

void ov_read_transpose(ov_work *w)
{
    int64_t perm[WHET_MAX_RANK];
    const int rank = ov_rank(w, 0);
    int n = ov_need_ints(w, 1, "order", perm, WHET_MAX_RANK);
    if (n == 0)
        for (n = 0; n < rank; n++) perm[n] = rank - 1 - n;
    const whet_vid x = ov_in(w, 0);
    ov_out(w, 0, ov_transpose(w, x, n, perm));
}

void ov_read_concat(ov_work *w)
{
    const whet_attr a = whet_attr_int("axis", ov_int(w, "axis", 0));
    whet_vid *in = whet_arena_alloc(w->r->f.arena, ((size_t)w->l->n_in + 1) * sizeof(*in));
    if (!in) w->status = WHET_ENOMEM;
    for (int i = 0; i < w->l->n_in && w->status == WHET_OK; i++) in[i] = ov_in(w, i);
    ov_out(w, 0, ov_node(w, "Concat", w->l->n_in, in, 1, &a));
}

static void split_to(ov_work *w, int n_in, const whet_vid *in, int n_attr, const whet_attr *a)
{
    const int n = w->l->n_out;
    whet_vid *out = whet_arena_alloc(w->r->f.arena, ((size_t)n + 1) * sizeof(*out));
    if (!out) w->status = WHET_ENOMEM;
    if (w->status == WHET_OK) ov_nodes(w, "Split", n_in, in, n_attr, a, n, out);
    for (int i = 0; i < n && w->status == WHET_OK; i++) ov_out(w, i, out[i]);
}

/* Parts of a list of sizes are constants. */
static bool split_sizes(ov_work *w, const int64_t *lengths, int64_t each)
{
    int64_t x[64], at = 0;
    int n = 0;
    if (w->status != WHET_OK || ov_rank(w, 0) != 1 || !ov_ints(w, 0, &n, x, 64)) return false;
    for (int i = 0; i < w->l->n_out; i++) {
        const int64_t len = lengths ? lengths[i] : each;
        const whet_shape s = WHET_SHAPE(len);
        whet_tensor t;
        whet_tensor_init(&t);
        if (len < 0 || len > n - at) return false;
        w->status = whet_tensor_alloc(&t, ov_dtype(w, 0), &s);
        if (w->status != WHET_OK) return true;
        for (int64_t k = 0; k < len; k++) whet_tensor_set_s64(&t, k, x[at++]);
        ov_out_const(w, i, &t, NULL);
    }
    return true;
}

void ov_read_split(ov_work *w)
{
    const int64_t parts = ov_int(w, "num_splits", 0);
    const int axis = ov_axis(w, ov_need_int(w, 1, "axis"), ov_rank(w, 0));
    const whet_attr a[2] = {whet_attr_int("axis", axis), whet_attr_int("num_outputs", parts)};
    const whet_dim size = ov_dim(w, 0, axis);
    if (parts != w->l->n_out) ov_fail(w, WHET_EFORMAT, "num_splits is %lld, but there are %d output ports", (long long)parts, w->l->n_out);
    else if (size >= 0 && parts > 0 && size % parts) ov_fail(w, WHET_EFORMAT, "size %lld is no multiple of num_splits %lld", (long long)size, (long long)parts);
    if (size >= 0 && parts > 0 && split_sizes(w, NULL, size / parts)) return;
    const whet_vid x = ov_in(w, 0);
    split_to(w, 1, &x, 2, a);
}

void ov_read_variadic_split(ov_work *w)
{
    int64_t *x = whet_arena_alloc(w->r->f.arena, OV_MAX_PORTS * sizeof(*x)), sum = 0;
    if (!x) {
        w->status = WHET_ENOMEM;
        return;
    }
    const int axis = ov_axis(w, ov_need_int(w, 1, "axis"), ov_rank(w, 0)), n = ov_need_ints(w, 2, "split_lengths", x, OV_MAX_PORTS);
    const whet_attr a = whet_attr_int("axis", axis);
    int hole = -1;
    for (int i = 0; i < n; i++) {
        if (x[i] == -1 && hole < 0) hole = i;
        else if (x[i] < 0 || !whet_add_i64(sum, x[i], &sum)) ov_fail(w, WHET_EFORMAT, "length %d is %lld", i, (long long)x[i]);
    }
    if (hole >= 0 && ov_dim(w, 0, axis) < sum) ov_fail(w, WHET_EUNSUPPORTED, "a part's length follows from a size that is not known");
    if (hole >= 0) x[hole] = ov_dim(w, 0, axis) - sum;
    if (n != w->l->n_out) ov_fail(w, WHET_EFORMAT, "%d lengths for %d output ports", n, w->l->n_out);
    if (split_sizes(w, x, 0)) return;
    const whet_vid in[2] = {ov_in(w, 0), ov_make_ints(w, n, x)};
    split_to(w, 2, in, 1, &a);
}

void ov_read_slice(ov_work *w)
{
    whet_vid in[5] = {ov_in(w, 0), ov_in(w, 1), ov_in(w, 2), WHET_NO_VALUE, WHET_NO_VALUE};
    if (ov_has(w, 4)) in[3] = ov_in(w, 4);
    in[4] = ov_in(w, 3);
    ov_out(w, 0, ov_op(w, "Slice", 5, in));
}

/* One entry of a mask: missing ones are 0. */
static bool masked(const int64_t *mask, int n, int i) { return i < n && mask[i] != 0; }

void ov_read_strided_slice(ov_work *w)
{
    enum { N = 2 * WHET_MAX_RANK };
    int64_t b[N], e[N], st[N], bm[N], em[N], na[N], sa[N], el[N], starts[N], ends[N], axes[N], steps[N], gone[N], fresh[N];
    const int rank = ov_rank(w, 0), nb = ov_need_ints(w, 1, "begin", b, WHET_MAX_RANK), ne = ov_need_ints(w, 2, "end", e, WHET_MAX_RANK);
    const int ns = ov_has(w, 3) ? ov_need_ints(w, 3, "strides", st, WHET_MAX_RANK) : 0;
    const int nbm = ov_list(w, "begin_mask", bm, N), nem = ov_list(w, "end_mask", em, N), nna = ov_list(w, "new_axis_mask", na, N),
              nsa = ov_list(w, "shrink_axis_mask", sa, N), nel = ov_list(w, "ellipsis_mask", el, N);
    int axis = 0, n = 0, n_gone = 0, n_fresh = 0, made = 0, taken = 0;
    if (rank < 0) ov_fail(w, WHET_EUNSUPPORTED, "the rank of the input is not known");
    if (nb != ne || (ns && ns != nb)) ov_fail(w, WHET_EFORMAT, "begin, end and strides have different lengths");
    for (int i = 0; i < nb; i++) taken += !masked(na, nna, i) && !masked(el, nel, i);
    if (taken > rank) ov_fail(w, WHET_EFORMAT, "%d axes are sliced of rank %d", taken, rank);
    for (int i = 0; i < nb && w->status == WHET_OK; i++) {
        const int64_t step = ns ? st[i] : 1;
        if (masked(el, nel, i)) {
            axis += rank - taken;
            made += rank - taken;
            taken = rank;
        } else if (masked(na, nna, i)) {
            fresh[n_fresh++] = made++;
        } else {
            const bool shrink = masked(sa, nsa, i);
            axes[n] = axis;
            starts[n] = masked(bm, nbm, i) && !shrink ? (step < 0 ? INT64_MAX : 0) : b[i];
            ends[n] = shrink ? (b[i] == -1 ? INT64_MAX : b[i] + 1) : masked(em, nem, i) ? (step < 0 ? INT64_MIN : INT64_MAX) : e[i];
            steps[n++] = shrink ? 1 : step;
            if (shrink) gone[n_gone++] = axis;
            else made++;
            axis++;
        }
    }
    whet_vid x = ov_in(w, 0);
    if (n) x = ov_op(w, "Slice", OV_IN(x, ov_make_ints(w, n, starts), ov_make_ints(w, n, ends), ov_make_ints(w, n, axes), ov_make_ints(w, n, steps)));
    if (n_gone) x = ov_op(w, "Squeeze", OV_IN(x, ov_make_ints(w, n_gone, gone)));
    if (n_fresh) x = ov_op(w, "Unsqueeze", OV_IN(x, ov_make_ints(w, n_fresh, fresh)));
    ov_out(w, 0, n || n_gone || n_fresh ? x : ov_op(w, "Identity", OV_IN(x)));
}

void ov_read_broadcast(ov_work *w)
{
    const char *mode = ov_text(w, "mode", "numpy");
    int64_t map[WHET_MAX_RANK], shape[WHET_MAX_RANK], missing[WHET_MAX_RANK];
    whet_vid x = ov_in(w, 0);
    if (strcasecmp(mode, "numpy") == 0 || strcasecmp(mode, "bidirectional") == 0) {
        ov_out(w, 0, ov_op(w, "Expand", OV_IN(x, sizes_in(w, 1))));
        return;
    }
    if (strcasecmp(mode, "explicit") != 0) ov_fail(w, WHET_EUNSUPPORTED, "mode '%.40s' is not handled", mode);
    const int n = ov_need_ints(w, 2, "axes_mapping", map, WHET_MAX_RANK), rank = ov_need_ints(w, 1, "target_shape", shape, WHET_MAX_RANK);
    uint32_t bits = 0;
    for (int i = 0; i < n; i++) {
        bits |= 1u << ov_axis(w, map[i], rank);
        if (i && map[i] <= map[i - 1]) ov_fail(w, WHET_EUNSUPPORTED, "an axes_mapping that does not rise is not handled");
    }
    const int m = axes_of(~bits & ((1u << rank) - 1), missing);
    if (m) x = ov_op(w, "Unsqueeze", OV_IN(x, ov_make_ints(w, m, missing)));
    ov_out(w, 0, ov_op(w, "Expand", OV_IN(x, ov_make_ints(w, rank, shape))));
}

void ov_read_identity(ov_work *w)
{
    const whet_vid x = ov_in(w, 0);
    ov_out(w, 0, ov_op(w, "Identity", OV_IN(x)));
}

/* Axes by number, or as a mask. */
void ov_read_reverse(ov_work *w)
{
    int64_t axes[WHET_MAX_RANK], start[WHET_MAX_RANK], end[WHET_MAX_RANK], step[WHET_MAX_RANK];
    const char *mode = ov_text(w, "mode", "index");
    const int rank = ov_rank(w, 0);
    int n = ov_need_ints(w, 1, "axes", axes, WHET_MAX_RANK), m = 0;
    for (int i = 0; i < n; i++) {
        if (strcasecmp(mode, "mask") == 0 && !axes[i]) continue;
        axes[m] = strcasecmp(mode, "mask") == 0 ? i : ov_axis(w, axes[i], rank);
        start[m] = -1, end[m] = INT64_MIN, step[m] = -1;
        m++;
    }
    const whet_vid x = ov_in(w, 0);
    if (m == 0) ov_out(w, 0, ov_op(w, "Identity", OV_IN(x)));
    else ov_out(w, 0, ov_op(w, "Slice", OV_IN(x, ov_make_ints(w, m, start), ov_make_ints(w, m, end), ov_make_ints(w, m, axes), ov_make_ints(w, m, step))));
}

void ov_read_tile(ov_work *w)
{
    const whet_vid x = ov_in(w, 0);
    ov_out(w, 0, ov_op(w, "Tile", OV_IN(x, sizes_in(w, 1))));
}

void ov_read_range(ov_work *w)
{
    const whet_dtype t = ov_type(w, "output_type", ov_dtype(w, 0));
    int64_t x[3] = {0};
    bool known = true;
    for (int i = 0; i < 3; i++) {
        int n = 0;
        known = known && ov_ints(w, i, &n, &x[i], 1) && n == 1;
    }
    const int64_t span = known && x[2] ? (x[2] > 0 ? x[1] - x[0] : x[0] - x[1]) : -1, step = x[2] < 0 ? -x[2] : x[2];
    if (known && step && x[0] > -(1LL << 40) && x[0] < 1LL << 40 && x[1] > -(1LL << 40) && x[1] < 1LL << 40 && span / step < MAX_RANGE) {
        const int64_t n = span <= 0 ? 0 : (span - 1) / step + 1;
        const whet_shape shape = WHET_SHAPE(n);
        whet_tensor out;
        whet_tensor_init(&out);
        w->status = ov_budget(w->r, (size_t)n * 8);
        if (w->status == WHET_OK) w->status = whet_tensor_alloc(&out, t, &shape);
        for (int64_t i = 0; i < n && w->status == WHET_OK; i++) whet_tensor_set_f64(&out, i, (double)(x[0] + i * x[2]));
        if (w->status == WHET_OK) ov_out_const(w, 0, &out, NULL);
        return;
    }
    whet_vid in[3];
    for (int i = 0; i < 3; i++) {
        in[i] = ov_cast(w, ov_in(w, i), t);
        if (ov_rank_of(w, in[i]) != 0) in[i] = ov_reshape(w, in[i], 0, NULL);
    }
    ov_out(w, 0, ov_op(w, "Range", 3, in));
}

void ov_read_gather(ov_work *w)
{
    int64_t batch = ov_int(w, "batch_dims", 0);
    const int axis = ov_axis(w, ov_has(w, 2) ? ov_need_int(w, 2, "axis") : 0, ov_rank(w, 0));
    const whet_attr a = whet_attr_int("axis", axis);
    if (batch < 0) batch += WHET_MAX(ov_rank(w, 1), 0);
    if (batch != 0) ov_fail(w, WHET_EUNSUPPORTED, "batch_dims %lld is not handled, 0 is", (long long)batch);
    const whet_vid in[2] = {ov_in(w, 0), ov_in(w, 1)};
    ov_out(w, 0, ov_node(w, "Gather", 2, in, 1, &a));
}

void ov_read_gather_elements(ov_work *w)
{
    const whet_attr a = whet_attr_int("axis", ov_int(w, "axis", 0));
    const whet_vid in[2] = {ov_in(w, 0), ov_in(w, 1)};
    ov_out(w, 0, ov_node(w, "GatherElements", 2, in, 1, &a));
}

/* Before opset 8 the batch axes of the result are flattened into one. */
void ov_read_gather_nd(ov_work *w)
{
    const int64_t batch = ov_int(w, "batch_dims", 0);
    const whet_attr a = whet_attr_int("batch_dims", batch);
    if (batch > 1 && w->row->first < 8) ov_fail(w, WHET_EUNSUPPORTED, "batch_dims %lld of GatherND before opset8 is not handled", (long long)batch);
    const whet_vid in[2] = {ov_in(w, 0), ov_in(w, 1)};
    ov_out(w, 0, ov_node(w, "GatherND", 2, in, 1, &a));
}

static const char *reduction(ov_work *w)
{
    static const char *const known[][2] = {{"none", "none"}, {"sum", "add"}, {"prod", "mul"}, {"min", "min"}, {"max", "max"}};
    const char *s = ov_text(w, "reduction", "none");
    for (size_t i = 0; i < WHET_COUNT(known); i++)
        if (strcasecmp(s, known[i][0]) == 0) return known[i][1];
    ov_fail(w, WHET_EUNSUPPORTED, "reduction '%.40s' is not handled", s);
    return "none";
}

void ov_read_scatter_elements(ov_work *w)
{
    const int axis = ov_axis(w, ov_need_int(w, 3, "axis"), ov_rank(w, 0));
    const whet_attr a[2] = {whet_attr_int("axis", axis), whet_attr_string("reduction", reduction(w))};
    if (strcmp(a[1].s, "none") != 0) ov_must_be(w, "use_init_val", "true");
    else ov_bool(w, "use_init_val", true);
    const whet_vid in[3] = {ov_in(w, 0), ov_in(w, 1), ov_in(w, 2)};
    ov_out(w, 0, ov_node(w, "ScatterElements", 3, in, 2, a));
}

void ov_read_scatter_nd(ov_work *w)
{
    const whet_attr a = whet_attr_string("reduction", reduction(w));
    const whet_vid in[3] = {ov_in(w, 0), ov_in(w, 1), ov_in(w, 2)};
    ov_out(w, 0, ov_node(w, "ScatterND", 3, in, 1, &a));
}

void ov_read_one_hot(ov_work *w)
{
    static const int64_t one[1] = {1};
    const whet_attr axis = whet_attr_int("axis", ov_int(w, "axis", -1)), zero = whet_attr_int("axis", 0);
    const int64_t depth = ov_need_int(w, 1, "depth");
    ov_must_be(w, "negative_indices_mode", "normalize");
    const whet_vid parts[2] = {ov_reshape(w, ov_in(w, 3), 1, one), ov_reshape(w, ov_in(w, 2), 1, one)};
    const whet_vid values = ov_node(w, "Concat", 2, parts, 1, &zero);
    const whet_vid in[3] = {ov_in(w, 0), ov_make_ints(w, 1, &depth), values};
    ov_out(w, 0, ov_node(w, "OneHot", 3, in, 1, &axis));
}

void ov_read_top_k(ov_work *w)
{
    const int64_t k = ov_need_int(w, 1, "k");
    const char *mode = ov_text(w, "mode", "max"), *sort = ov_text(w, "sort", "value");
    const whet_dtype t = ov_type(w, "index_element_type", WHET_S32);
    const bool least = strcasecmp(mode, "min") == 0;
    ov_bool(w, "stable", true);
    if (!least && strcasecmp(mode, "max") != 0) ov_fail(w, WHET_EUNSUPPORTED, "mode '%.40s' is not handled", mode);
    if (strcasecmp(sort, "value") != 0 && strcasecmp(sort, "none") != 0) ov_fail(w, WHET_EUNSUPPORTED, "sort '%.40s' is not handled, value and none are", sort);
    const whet_attr a[3] = {whet_attr_int("axis", ov_int(w, "axis", -1)), whet_attr_int("largest", !least), whet_attr_int("sorted", 1)};
    const whet_vid in[2] = {ov_in(w, 0), ov_make_ints(w, 1, &k)};
    whet_vid out[2];
    ov_nodes(w, "TopK", 2, in, 3, a, 2, out);
    ov_out(w, 0, out[0]);
    if (w->l->n_out > 1) ov_out(w, 1, ov_cast(w, out[1], t));
}

void ov_read_pad(ov_work *w)
{
    int64_t pads[2 * WHET_MAX_RANK];
    const char *mode = ov_text(w, "pad_mode", "constant");
    const int n = ov_need_ints(w, 1, "pads_begin", pads, WHET_MAX_RANK);
    if (ov_need_ints(w, 2, "pads_end", pads + n, WHET_MAX_RANK) != n) ov_fail(w, WHET_EFORMAT, "pads_begin and pads_end have different lengths");
    if (strcmp(mode, "constant") != 0 && strcmp(mode, "edge") != 0 && strcmp(mode, "reflect") != 0)
        ov_fail(w, WHET_EUNSUPPORTED, "pad_mode '%.40s' is not handled (constant, edge, reflect are)", mode);
    const whet_attr a = whet_attr_string("mode", mode);
    const bool value = ov_has(w, 3) && strcmp(mode, "constant") == 0;
    const whet_vid x = ov_in(w, 0), p = ov_make_ints(w, 2 * n, pads);
    ov_out(w, 0, value ? ov_node(w, "Pad", OV_IN(x, p, ov_in(w, 3)), 1, &a) : ov_node(w, "Pad", OV_IN(x, p), 1, &a));
}

static bool blocks_first(ov_work *w)
{
    const char *mode = ov_text(w, "mode", "blocks_first");
    if (strcasecmp(mode, "blocks_first") == 0) return true;
    if (strcasecmp(mode, "depth_first") != 0) ov_fail(w, WHET_EUNSUPPORTED, "mode '%.40s' is not handled", mode);
    return false;
}

void ov_read_depth_to_space(ov_work *w)
{
    const whet_attr a[2] = {whet_attr_int("blocksize", ov_int(w, "block_size", 1)), whet_attr_string("mode", blocks_first(w) ? "DCR" : "CRD")};
    const whet_vid x = ov_in(w, 0);
    ov_out(w, 0, ov_node(w, "DepthToSpace", 1, &x, 2, a));
}

void ov_read_space_to_depth(ov_work *w)
{
    static const int64_t perm[6] = {0, 1, 3, 5, 2, 4};
    const int64_t block = ov_int(w, "block_size", 1);
    const whet_attr a = whet_attr_int("blocksize", block);
    const whet_vid x = ov_in(w, 0);
    if (blocks_first(w)) {
        ov_out(w, 0, ov_node(w, "SpaceToDepth", 1, &x, 1, &a));
        return;
    }
    const whet_dim c = ov_dim(w, 0, 1), h = ov_dim(w, 0, 2), wd = ov_dim(w, 0, 3);
    if (ov_rank(w, 0) != 4 || block < 1 || c < 0 || h < 0 || wd < 0) {
        ov_fail(w, WHET_EUNSUPPORTED, "depth_first needs an input of rank 4 with known sizes");
        return;
    }
    const int64_t split[6] = {0, c, h / block, block, wd / block, block}, joined[4] = {0, c * block * block, h / block, wd / block};
    ov_out(w, 0, ov_reshape(w, ov_transpose(w, ov_reshape(w, x, 6, split), 6, perm), 4, joined));
}

/* Channels as [group, channels / group], turned. */
void ov_read_shuffle_channels(ov_work *w)
{
    const int rank = ov_rank(w, 0), axis = ov_axis(w, ov_int(w, "axis", 1), rank);
    const int64_t group = ov_int(w, "group", 1);
    const whet_vid x = ov_in(w, 0);
    int64_t split[WHET_MAX_RANK + 1], joined[WHET_MAX_RANK], perm[WHET_MAX_RANK + 1];
    for (int i = 0; i < rank; i++) {
        joined[i] = ov_dim(w, 0, i);
        if (joined[i] < 0 && i == 0 && axis > 0) joined[i] = 0;
        if (joined[i] < 0) ov_fail(w, WHET_EUNSUPPORTED, "size %d is not known", i);
    }
    if (w->status != WHET_OK) return;
    if (rank >= WHET_MAX_RANK || group < 1 || joined[axis] % group) {
        ov_fail(w, WHET_EFORMAT, "%lld groups do not fit", (long long)group);
        return;
    }
    for (int i = 0; i <= rank; i++) {
        split[i] = i < axis ? joined[i] : i == axis ? group : i == axis + 1 ? joined[axis] / group : joined[i - 1];
        perm[i] = i == axis ? axis + 1 : i == axis + 1 ? axis : i;
    }
    ov_out(w, 0, ov_reshape(w, ov_transpose(w, ov_reshape(w, x, rank + 1, split), rank + 1, perm), rank, joined));
}
