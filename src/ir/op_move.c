/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that move elements: transpose, join, cut, pad, repeat, depth to space. */
#include <string.h>

#include "ir/ops.h"

#define MAX_CONTENT 64

const whet_attr_def attrs_transpose[] = {ATTR_INTS("perm"), ATTR_END};
const whet_attr_def attrs_concat[] = {ATTR_INT_REQUIRED("axis"), ATTR_END};
const whet_attr_def attrs_split[] = {ATTR_INT("axis", 0), ATTR_INT_OPT("num_outputs"), ATTR_END};
const whet_attr_def attrs_pad[] = {ATTR_STRING("mode", "constant"), ATTR_END};
const whet_attr_def attrs_depth_to_space[] = {ATTR_INT_REQUIRED("blocksize"), ATTR_STRING("mode", "DCR"), ATTR_END};
const whet_attr_def attrs_space_to_depth[] = {ATTR_INT_REQUIRED("blocksize"), ATTR_END};
const whet_attr_def attrs_trilu[] = {ATTR_INT("upper", 1), ATTR_END};

static whet_status set_like_input(whet_infer *c, const whet_dims *d) { return whet_infer_set(c, 0, whet_infer_dtype(c, 0), d); }

static whet_dims open_dims(int rank)
{
    whet_dims d = {.rank = rank};
    for (int i = 0; i < rank && i < WHET_MAX_RANK; i++) d.dims[i] = WHET_DIM_UNKNOWN;
    return d;
}

whet_status infer_transpose(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0);
    int64_t perm[WHET_MAX_RANK] = {0};
    bool seen[WHET_MAX_RANK] = {false};
    whet_dims to = {.rank = -1};
    int n = whet_node_ints(c->n, "perm", perm, WHET_MAX_RANK);
    if (whet_node_attr(c->n, "perm") != NULL && d->rank >= 0 && n != d->rank)
        return whet_infer_fail(c, WHET_ESHAPE, "perm has %d entries, the input has rank %d", n, d->rank);
    if (d->rank < 0) return set_like_input(c, &to);
    to.rank = d->rank;
    for (int i = 0; i < d->rank; i++) {
        int64_t p = whet_node_attr(c->n, "perm") != NULL ? perm[i] : d->rank - 1 - i;
        if (p < 0 || p >= d->rank || seen[p]) return whet_infer_fail(c, WHET_EINVAL, "perm is not a permutation");
        seen[p] = true;
        to.dims[i] = d->dims[p];
    }
    return set_like_input(c, &to);
}

static whet_status concat_content(whet_infer *c)
{
    whet_dim x[MAX_CONTENT];
    whet_dtype t = whet_infer_dtype(c, 0);
    int n = 0;
    if (t != WHET_S64 && t != WHET_S32) return WHET_OK;
    for (int i = 0; i < c->n->n_in; i++) {
        int k = whet_infer_dims(c, i)->rank == 1 ? infer_content(c, i, x + n, MAX_CONTENT - n) : -1;
        if (k < 0) return WHET_OK;
        n += k;
    }
    return whet_infer_set_known(c, 0, n, x);
}

whet_status infer_concat(whet_infer *c)
{
    whet_dims to = {.rank = -1};
    whet_dim sum = 0;
    int axis = 0;
    for (int i = 0; i < c->n->n_in; i++) {
        const whet_dims *d = whet_infer_dims(c, i);
        if (!whet_infer_has(c, i) || whet_infer_dtype(c, i) != whet_infer_dtype(c, 0))
            return whet_infer_fail(c, WHET_ESHAPE, "input %d is absent or has another type", i);
        if (d->rank < 0) return set_like_input(c, d);
        WHET_TRY(infer_axis(c, whet_node_int(c->n, "axis", 0), d->rank, false, &axis));
        whet_dims other = *d;
        other.dims[axis] = WHET_DIM_UNKNOWN;
        if (i > 0 && !infer_same_dims(&to, &other, &to)) {
            char a[160], b[160];
            return whet_infer_fail(c, WHET_ESHAPE, "input %d has shape %s, the others %s", i,
                                   whet_dims_text(c->g, d, a, sizeof a), whet_dims_text(c->g, &to, b, sizeof b));
        }
        if (i == 0) to = other;
        if (sum == 0) sum = d->dims[axis];
        else if (d->dims[axis] != 0) sum = sum > 0 && d->dims[axis] > 0 ? sum + d->dims[axis] : WHET_DIM_UNKNOWN;
    }
    to.dims[axis] = sum;
    WHET_TRY(set_like_input(c, &to));
    return to.rank == 1 ? concat_content(c) : WHET_OK;
}

whet_status infer_split(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0);
    int64_t sizes[256];
    int axis = 0, n = -1, outs = c->n->n_out;
    whet_dims to = *d;
    WHET_TRY(infer_ints(c, 1, sizes, 256, &n));
    if (n >= 0 && n != outs) return whet_infer_fail(c, WHET_ESHAPE, "split has %d entries, but there are %d outputs", n, outs);
    if (whet_node_attr(c->n, "num_outputs") != NULL && whet_node_int(c->n, "num_outputs", 0) != outs)
        return whet_infer_fail(c, WHET_EINVAL, "num_outputs differs from the %d outputs", outs);
    if (d->rank >= 0) WHET_TRY(infer_axis(c, whet_node_int(c->n, "axis", 0), d->rank, false, &axis));
    whet_dim total = d->rank >= 0 ? d->dims[axis] : WHET_DIM_UNKNOWN, sum = 0;
    for (int i = 0; i < outs; i++) {
        whet_dim size = WHET_DIM_UNKNOWN, part = total >= 0 ? (total + outs - 1) / outs : WHET_DIM_UNKNOWN;
        if (n >= 0) size = sizes[i];
        else if (!whet_infer_has(c, 1) && total >= 0) size = WHET_MAX(WHET_MIN(part, total - part * i), 0);
        if (n >= 0 && size < 0) return whet_infer_fail(c, WHET_EINVAL, "split has a negative entry");
        if (d->rank >= 0) to.dims[axis] = size;
        sum += size;
        WHET_TRY(whet_infer_set(c, i, whet_infer_dtype(c, 0), &to));
    }
    if (n >= 0 && total >= 0 && sum != total)
        return whet_infer_fail(c, WHET_ESHAPE, "split adds up to %lld, the axis has %lld", (long long)sum, (long long)total);
    return WHET_OK;
}

/* Number of elements of start:end:step on an axis of size n, and the clamped start (ONNX's rules). */
static int64_t slice_size(int64_t n, int64_t start, int64_t end, int64_t step)
{
    if (start < 0) start += n;
    if (end < 0 && end != INT64_MIN) end += n;
    if (step > 0) {
        start = WHET_MAX(WHET_MIN(start, n), 0);
        end = WHET_MAX(WHET_MIN(end, n), 0);
        return end > start ? (end - start - 1) / step + 1 : 0;
    }
    start = WHET_MAX(WHET_MIN(start, n - 1), 0);
    end = WHET_MAX(WHET_MIN(end, n - 1), -1);
    int64_t down = step == INT64_MIN ? INT64_MAX : -step;
    return start > end && n > 0 ? (start - end - 1) / down + 1 : 0;
}

typedef struct ranges {
    int64_t starts[WHET_MAX_RANK], ends[WHET_MAX_RANK], axes[WHET_MAX_RANK], steps[WHET_MAX_RANK];
    int n; /* -1: axes are not known; -2: axes are, ranges are not */
} ranges;

static whet_status read_ranges(whet_infer *c, int first, ranges *r)
{
    int ns = 0, ne = 0, na = 0, nt = 0;
    bool open = false;
    WHET_TRY(infer_ints(c, first, r->starts, WHET_MAX_RANK, &ns));
    WHET_TRY(infer_ints(c, first + 1, r->ends, WHET_MAX_RANK, &ne));
    WHET_TRY(infer_ints(c, first + 2, r->axes, WHET_MAX_RANK, &na));
    WHET_TRY(infer_ints(c, first + 3, r->steps, WHET_MAX_RANK, &nt));
    if (ne < 0) { /* an end made from shapes */
        whet_dim known[WHET_MAX_RANK];
        ne = infer_content(c, first + 1, known, WHET_MAX_RANK);
        for (int i = 0; i < ne; i++) {
            r->ends[i] = known[i];
            open = open || known[i] < 0;
        }
        if (open) ne = -1;
    }
    r->n = ns;
    if (!whet_infer_has(c, first + 2))
        for (int i = 0; i < ns; i++) r->axes[i] = i;
    if (!whet_infer_has(c, first + 3))
        for (int i = 0; i < ns; i++) r->steps[i] = 1;
    if (whet_infer_has(c, first + 2) && na < 0) r->n = -1;
    else if (ns < 0 && whet_infer_has(c, first + 2)) r->n = -2 - na;
    else if (ns >= 0 && (ne < 0 || (whet_infer_has(c, first + 3) && nt < 0))) r->n = -2 - ns;
    if (r->n >= 0 && (ne != ns || (na >= 0 && na != ns) || (nt >= 0 && nt != ns)))
        return whet_infer_fail(c, WHET_ESHAPE, "starts, ends, axes and steps have different lengths");
    return WHET_OK;
}

static whet_status slice_content(whet_infer *c, const ranges *r)
{
    whet_dim x[MAX_CONTENT], y[MAX_CONTENT];
    whet_dtype t = whet_infer_dtype(c, 0);
    int n = t == WHET_S64 || t == WHET_S32 ? infer_content(c, 0, x, MAX_CONTENT) : -1;
    if (n < 0 || r->n != 1) return WHET_OK;
    int64_t count = slice_size(n, r->starts[0], r->ends[0], r->steps[0]), start = r->starts[0] < 0 ? r->starts[0] + n : r->starts[0];
    start = WHET_MAX(WHET_MIN(start, n - (r->steps[0] < 0 ? 1 : 0)), 0);
    for (int64_t i = 0; i < count; i++) y[i] = x[start + i * r->steps[0]];
    return whet_infer_set_known(c, 0, (int)count, y);
}

whet_status infer_slice(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0);
    whet_dims to = *d;
    ranges r;
    int axis = 0;
    WHET_TRY(read_ranges(c, 1, &r));
    if (d->rank >= 0 && r.n == -1) to = open_dims(d->rank);
    int count = r.n >= 0 ? r.n : r.n <= -2 ? -2 - r.n : 0;
    for (int i = 0; d->rank >= 0 && i < count; i++) {
        WHET_TRY(infer_axis(c, r.axes[i], d->rank, false, &axis));
        if (r.n < 0) { to.dims[axis] = WHET_DIM_UNKNOWN; continue; }
        if (r.steps[i] == 0) return whet_infer_fail(c, WHET_EINVAL, "step 0 on axis %d", axis);
        whet_dim n = d->dims[axis];
        bool whole = r.starts[i] == 0 && r.steps[i] == 1 && r.ends[i] >= (int64_t)INT32_MAX;
        if (n >= 0) to.dims[axis] = slice_size(n, r.starts[i], r.ends[i], r.steps[i]);
        else if (!whole) to.dims[axis] = WHET_DIM_UNKNOWN;
    }
    WHET_TRY(set_like_input(c, &to));
    return d->rank == 1 ? slice_content(c, &r) : WHET_OK;
}

whet_status infer_slice_grad(whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    return set_like_input(c, whet_infer_dims(c, 1));
}

whet_status infer_pad(whet_infer *c)
{
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    const whet_dims *d = whet_infer_dims(c, 0);
    const char *mode = whet_node_string(c->n, "mode", "constant");
    int64_t pads[2 * WHET_MAX_RANK], axes[WHET_MAX_RANK];
    int np = 0, na = 0, axis = 0;
    bool known = false;
    for (size_t i = 0; i < WHET_COUNT(modes); i++) known = known || strcmp(mode, modes[i]) == 0;
    if (!known) return whet_infer_fail(c, WHET_EINVAL, "mode '%s' is unknown, use constant, reflect, edge or wrap", mode);
    if (whet_infer_has(c, 2) && whet_infer_dtype(c, 2) != whet_infer_dtype(c, 0))
        return whet_infer_fail(c, WHET_ESHAPE, "the padding value has another type than the data");
    WHET_TRY(infer_ints(c, 1, pads, 2 * WHET_MAX_RANK, &np));
    WHET_TRY(infer_ints(c, 3, axes, WHET_MAX_RANK, &na));
    if (d->rank < 0 || np < 0 || (na < 0 && whet_infer_has(c, 3))) {
        whet_dims to = open_dims(d->rank);
        return set_like_input(c, &to);
    }
    if (na < 0)
        for (na = 0; na < d->rank; na++) axes[na] = na;
    if (np != 2 * na) return whet_infer_fail(c, WHET_ESHAPE, "%d pads for %d axes", np, na);
    whet_dims to = *d;
    for (int i = 0; i < na; i++) {
        WHET_TRY(infer_axis(c, axes[i], d->rank, false, &axis));
        if (pads[i] == 0 && pads[na + i] == 0) continue;
        if (to.dims[axis] < 0) { to.dims[axis] = WHET_DIM_UNKNOWN; continue; }
        if (!whet_add_i64(to.dims[axis], pads[i], &to.dims[axis]) || !whet_add_i64(to.dims[axis], pads[na + i], &to.dims[axis]) || to.dims[axis] < 0)
            return whet_infer_fail(c, WHET_ESHAPE, "pads %lld and %lld do not fit axis %d", (long long)pads[i], (long long)pads[na + i], axis);
    }
    return set_like_input(c, &to);
}

whet_status infer_pad_grad(whet_infer *c)
{
    whet_dims to = open_dims(whet_infer_dims(c, 0)->rank);
    whet_dim shape[WHET_MAX_RANK];
    const int n = infer_content(c, 2, shape, WHET_MAX_RANK);
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    if (n >= 0 && to.rank >= 0 && n != to.rank) return whet_infer_fail(c, WHET_ESHAPE, "shape has %d dimensions", n);
    for (int i = 0; i < n; i++) to.dims[i] = shape[i];
    return set_like_input(c, &to);
}

whet_status infer_expand(whet_infer *c)
{
    whet_dims to = {.rank = -1};
    whet_dim known[WHET_MAX_RANK];
    WHET_TRY(whet_infer_need_dtype(c, 1, "s64"));
    int n = infer_content(c, 1, known, WHET_MAX_RANK);
    if (n < 0) { /* the number of sizes is known: so is the rank, and what is over 1 stays */
        const whet_dims *d = whet_infer_dims(c, 0), *s = whet_infer_dims(c, 1);
        if (d->rank >= 0 && s->rank == 1 && s->dims[0] >= 0 && s->dims[0] <= WHET_MAX_RANK) {
            to = open_dims(WHET_MAX((int)s->dims[0], d->rank));
            for (int i = 0; i < d->rank; i++)
                if (d->dims[i] > 1) to.dims[to.rank - d->rank + i] = d->dims[i];
        }
        return set_like_input(c, &to);
    }
    to.rank = n;
    memcpy(to.dims, known, sizeof *known * (size_t)n);
    WHET_TRY(whet_infer_broadcast(c, whet_infer_dims(c, 0), &to, &to));
    WHET_TRY(set_like_input(c, &to));
    whet_dim x[1], y[WHET_MAX_RANK];
    if (infer_content(c, 0, x, 1) != 1 || to.rank != 1 || to.dims[0] < 0 || to.dims[0] > WHET_MAX_RANK) return WHET_OK;
    if (whet_infer_dtype(c, 0) != WHET_S64 && whet_infer_dtype(c, 0) != WHET_S32) return WHET_OK;
    for (int i = 0; i < to.dims[0]; i++) y[i] = x[0];
    return whet_infer_set_known(c, 0, (int)to.dims[0], y);
}

whet_status infer_tile(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0);
    whet_dim repeats[WHET_MAX_RANK];
    WHET_TRY(whet_infer_need_dtype(c, 1, "s64"));
    int n = infer_content(c, 1, repeats, WHET_MAX_RANK);
    whet_dims to = open_dims(d->rank);
    if (d->rank >= 0 && n >= 0 && n != d->rank) return whet_infer_fail(c, WHET_ESHAPE, "%d repeats for rank %d", n, d->rank);
    for (int i = 0; i < n && i < d->rank; i++) {
        if (repeats[i] == 1) to.dims[i] = d->dims[i];
        else if (repeats[i] >= 0 && d->dims[i] >= 0 && !whet_mul_i64(repeats[i], d->dims[i], &to.dims[i]))
            return whet_infer_fail(c, WHET_ENOMEM, "axis %d becomes too large", i);
    }
    return set_like_input(c, &to);
}

static whet_status block_dims(whet_infer *c, bool to_space)
{
    const whet_dims *d = whet_infer_dims(c, 0);
    int64_t b = whet_node_int(c->n, "blocksize", 0);
    const char *mode = whet_node_string(c->n, "mode", "DCR");
    whet_dims to = open_dims(4);
    if (b < 1 || b > 4096) return whet_infer_fail(c, WHET_EINVAL, "blocksize %lld", (long long)b);
    if (strcmp(mode, "DCR") != 0 && strcmp(mode, "CRD") != 0)
        return whet_infer_fail(c, WHET_EINVAL, "mode '%s' is unknown, use DCR or CRD", mode);
    if (d->rank >= 0 && d->rank != 4) return whet_infer_fail(c, WHET_ESHAPE, "the input has rank %d, not 4", d->rank);
    if (d->rank < 0) return set_like_input(c, &to);
    to.dims[0] = d->dims[0];
    for (int i = 1; i < 4; i++) {
        bool divide = (i == 1) == to_space;
        int64_t f = i == 1 ? b * b : b;
        if (d->dims[i] < 0) continue;
        if (divide && d->dims[i] % f != 0)
            return whet_infer_fail(c, WHET_ESHAPE, "axis %d of size %lld is not divisible by %lld", i, (long long)d->dims[i], (long long)f);
        to.dims[i] = divide ? d->dims[i] / f : d->dims[i] * f;
    }
    return set_like_input(c, &to);
}

whet_status infer_depth_to_space(whet_infer *c) { return block_dims(c, true); }
whet_status infer_space_to_depth(whet_infer *c) { return block_dims(c, false); }

whet_status infer_trilu(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0);
    if (d->rank >= 0 && d->rank < 2) return whet_infer_fail(c, WHET_ESHAPE, "the input has rank %d, it needs 2 or more", d->rank);
    return set_like_input(c, d);
}

/* --- gradients */

whet_status grad_transpose(whet_grad *c)
{
    int64_t perm[WHET_MAX_RANK] = {0}, inverse[WHET_MAX_RANK] = {0};
    int n = whet_node_ints(c->n, "perm", perm, WHET_MAX_RANK);
    if (!c->need[0]) return WHET_OK;
    for (int i = 0; i < n; i++) inverse[perm[i]] = i;
    whet_attr a = whet_attr_ints("perm", n, inverse);
    return whet_graph_op1(c->g, "Transpose", WHET_IN(c->dy[0]), n > 0 ? 1 : 0, &a, &c->dx[0]);
}

whet_status grad_concat(whet_grad *c)
{
    int n = c->n->n_in, axis = (int)whet_node_int(c->n, "axis", 0);
    int64_t sizes[64];
    whet_vid parts[64], split = WHET_NO_VALUE;
    if (n > 64) return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of Concat with %d inputs is not supported (at most 64)", n);
    for (int i = 0; i < n; i++) {
        const whet_dims *d = &c->g->values[c->n->in[i]].dims;
        int a = axis < 0 ? axis + d->rank : axis;
        if (d->rank < 0 || d->dims[a] < 0)
            return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of Concat needs known sizes on its axis");
        sizes[i] = d->dims[a];
    }
    WHET_TRY(whet_graph_const_s64(c->g, NULL, n, sizes, &split));
    whet_attr a = whet_attr_int("axis", axis);
    WHET_TRY(whet_graph_node(c->g, "Split", NULL, WHET_IN(c->dy[0], split), 1, &a, n, NULL, parts));
    for (int i = 0; i < n; i++)
        if (c->need[i]) c->dx[i] = parts[i];
    return WHET_OK;
}

whet_status grad_split(whet_grad *c)
{
    int n = c->n->n_out;
    whet_vid parts[64];
    whet_attr a = whet_attr_int("axis", whet_node_int(c->n, "axis", 0));
    if (!c->need[0]) return WHET_OK;
    if (n > 64) return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of Split with %d outputs is not supported (at most 64)", n);
    for (int i = 0; i < n; i++) {
        parts[i] = c->dy[i];
        if (parts[i] < 0) WHET_TRY(grad_zeros_like(c, c->n->out[i], &parts[i]));
    }
    return whet_graph_op1(c->g, "Concat", n, parts, 1, &a, &c->dx[0]);
}

whet_status grad_slice(whet_grad *c)
{
    whet_vid in[6] = {c->dy[0], c->n->in[0]};
    int n = c->n->n_in;
    for (int i = 1; i < n; i++) in[i + 1] = c->n->in[i];
    return c->need[0] ? whet_graph_op1(c->g, "whet.SliceGrad", n + 1, in, WHET_NO_ATTRS, &c->dx[0]) : WHET_OK;
}

/* The gradient of padding is cropping, a Pad by the negative amounts; of the other modes a sum over the copies. */
whet_status grad_pad(whet_grad *c)
{
    const whet_tensor *pads = whet_graph_const_data(c->g, c->n->in[1]);
    const whet_attr mode = whet_attr_string("mode", whet_node_string(c->n, "mode", "constant"));
    const bool constant = strcmp(mode.s, "constant") == 0;
    int64_t minus[2 * WHET_MAX_RANK];
    const whet_vid axes = c->n->n_in > 3 ? c->n->in[3] : WHET_NO_VALUE;
    whet_vid in[4] = {c->dy[0], c->n->in[1], WHET_NO_VALUE, axes};
    if (!c->need[0]) return WHET_OK;
    if (pads == NULL) return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of Pad needs constant pads");
    if (!constant) {
        WHET_TRY(grad_shape_of(c, c->n->in[0], false, &in[2]));
        return whet_graph_op1(c->g, "whet.PadGrad", axes >= 0 ? 4 : 3, in, 1, &mode, &c->dx[0]);
    }
    const int n = (int)whet_tensor_numel(pads);
    for (int i = 0; i < n && i < 2 * WHET_MAX_RANK; i++) minus[i] = -whet_tensor_get_s64(pads, i);
    WHET_TRY(whet_graph_const_s64(c->g, NULL, n, minus, &in[1]));
    return whet_graph_op1(c->g, "Pad", axes >= 0 ? 4 : 2, in, WHET_NO_ATTRS, &c->dx[0]);
}

whet_status grad_expand(whet_grad *c) { return c->need[0] ? grad_sum_to(c, c->dy[0], c->n->in[0], &c->dx[0]) : WHET_OK; }

/* Tile: view each axis as (repeat, size) and sum over the repeats. */
whet_status grad_tile(whet_grad *c)
{
    whet_dims d = c->g->values[c->n->in[0]].dims;
    const whet_tensor *repeats = whet_graph_const_data(c->g, c->n->in[1]);
    int64_t pairs[2 * WHET_MAX_RANK], axes[WHET_MAX_RANK];
    whet_shape s;
    whet_vid shape = WHET_NO_VALUE, over = WHET_NO_VALUE, t = WHET_NO_VALUE;
    whet_attr keep = whet_attr_int("keepdims", 0);
    if (!c->need[0]) return WHET_OK;
    if (!whet_dims_concrete(&d, &s) || repeats == NULL || 2 * d.rank > WHET_MAX_RANK)
        return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of Tile needs known sizes, constant repeats and at most rank 4");
    for (int i = 0; i < d.rank; i++) {
        pairs[2 * i] = whet_tensor_get_s64(repeats, i);
        pairs[2 * i + 1] = d.dims[i];
        axes[i] = 2 * i;
    }
    WHET_TRY(whet_graph_const_s64(c->g, NULL, 2 * d.rank, pairs, &shape));
    WHET_TRY(whet_graph_const_s64(c->g, NULL, d.rank, axes, &over));
    WHET_TRY(grad_op2(c, "Reshape", c->dy[0], shape, &t));
    return whet_graph_op1(c->g, "ReduceSum", WHET_IN(t, over), 1, &keep, &c->dx[0]);
}

/* Mode CRD: [n, c, h * b, w * b] -> [n, c, h, b, w, b] -> [n, c, b, b, h, w] -> [n, c * b * b, h, w] */
static whet_status crd_back(whet_grad *c, int64_t b)
{
    static const int64_t perm[6] = {0, 1, 3, 5, 2, 4};
    const whet_attr order = whet_attr_ints("perm", 6, perm);
    whet_vid apart = WHET_NO_VALUE, shape = WHET_NO_VALUE, v = WHET_NO_VALUE;
    whet_shape x;
    if (!whet_dims_concrete(&c->g->values[c->n->in[0]].dims, &x))
        return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of DepthToSpace in mode CRD needs known sizes");
    const int64_t *d = x.dims, six[6] = {d[0], d[1] / (b * b), d[2], b, d[3], b};
    WHET_TRY(whet_graph_const_s64(c->g, NULL, 6, six, &apart));
    WHET_TRY(whet_graph_const_s64(c->g, NULL, 4, d, &shape));
    WHET_TRY(grad_op2(c, "Reshape", c->dy[0], apart, &v));
    WHET_TRY(whet_graph_op1(c->g, "Transpose", WHET_IN(v), 1, &order, &v));
    return grad_op2(c, "Reshape", v, shape, &c->dx[0]);
}

whet_status grad_depth_to_space(whet_grad *c)
{
    const whet_attr b = whet_attr_int("blocksize", whet_node_int(c->n, "blocksize", 1));
    if (!c->need[0]) return WHET_OK;
    if (strcmp(whet_node_string(c->n, "mode", "DCR"), "DCR") != 0) return crd_back(c, b.i);
    return whet_graph_op1(c->g, "SpaceToDepth", WHET_IN(c->dy[0]), 1, &b, &c->dx[0]);
}

whet_status grad_space_to_depth(whet_grad *c)
{
    whet_attr b = whet_attr_int("blocksize", whet_node_int(c->n, "blocksize", 1));
    return c->need[0] ? whet_graph_op1(c->g, "DepthToSpace", WHET_IN(c->dy[0]), 1, &b, &c->dx[0]) : WHET_OK;
}

whet_status grad_trilu(whet_grad *c)
{
    whet_attr upper = whet_attr_int("upper", whet_node_int(c->n, "upper", 1));
    whet_vid in[2] = {c->dy[0], c->n->n_in > 1 ? c->n->in[1] : WHET_NO_VALUE};
    return c->need[0] ? whet_graph_op1(c->g, "Trilu", in[1] >= 0 ? 2 : 1, in, 1, &upper, &c->dx[0]) : WHET_OK;
}
