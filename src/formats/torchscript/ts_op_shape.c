/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of operators that change shapes only, and of sizes. Their results share bytes with what they are made of. */
#include "formats/torchscript/ts_ops.h"

static whet_status emit_view(ts_call *c, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attrs)
{
    whet_vid y = WHET_NO_VALUE;
    WHET_TRY(ts_emit(c, op, n_in, in, n_attr, attrs, &y));
    return ts_result_view(c, y);
}

/* --- reshape: an entry that is the same symbol as the input's dimension there copies it (0), a single unknown one is -1 */

static bool same_dim(const ts_call *c, const ts_value *v, whet_vid x, int axis)
{
    const whet_dims *d = ts_dims(c, x);
    const whet_value *s = v->kind == TSV_SIZE ? &c->e->g->values[v->as.size] : NULL;
    return s && d->rank > axis && s->n_known == 1 && s->known[0] < WHET_DIM_UNKNOWN && s->known[0] == d->dims[axis];
}

static whet_status reshape_to(ts_call *c, whet_vid x, const ts_value *list, whet_vid *y)
{
    int64_t sizes[WHET_MAX_RANK];
    int n = 0, unknown = 0;
    bool minus = false;
    whet_vid shape = WHET_NO_VALUE;
    if (list->kind != TSV_LIST && list->kind != TSV_TUPLE) return ts_refuse(c, "%s stands where a list of sizes is expected", ts_kind_name(list->kind));
    const ts_list *l = list->as.list;
    if (l->n > WHET_MAX_RANK) return ts_refuse(c, "%d dimensions, at most %d are handled", l->n, WHET_MAX_RANK);
    for (int i = 0; i < l->n; i++) {
        if (ts_whole(&l->v[i], &sizes[i])) {
            minus |= sizes[i] == -1;
            if (sizes[i] == 0) return ts_refuse(c, "a size of 0 is not handled");
            continue;
        }
        sizes[i] = same_dim(c, &l->v[i], x, i) ? 0 : -1;
        unknown += sizes[i] == -1;
    }
    if (unknown <= !minus) WHET_TRY(ts_ints(c, l->n, sizes, &shape));
    else WHET_TRY(ts_sizes(c, list, &shape, &n));
    return ts_emit(c, "Reshape", WHET_IN(x, shape), WHET_NO_ATTRS, y);
}

whet_status ts_read_reshape(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(reshape_to(c, x, &c->arg[1], &y));
    return ts_result_view(c, y);
}

whet_status ts_read_unflatten(ts_call *c)
{
    ts_value list, size;
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE;
    int rank = 0, axis = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_rank(c, x, &rank));
    WHET_TRY(ts_get_axis(c, 1, 0, rank, &axis));
    if (c->arg[2].kind != TSV_LIST) return ts_refuse(c, "the sizes are no list");
    WHET_TRY(ts_list_new(c->e, TSV_LIST, rank, &list));
    for (int i = 0; i < rank; i++) {
        if (i == axis)
            for (int k = 0; k < c->arg[2].as.list->n; k++) WHET_TRY(ts_list_add(c->e, list.as.list, c->arg[2].as.list->v[k]));
        if (i == axis) continue;
        WHET_TRY(ts_size_of(c->e, x, i, &size));
        WHET_TRY(ts_list_add(c->e, list.as.list, size));
    }
    WHET_TRY(reshape_to(c, x, &list, &y));
    return ts_result_view(c, y);
}

/* Dimensions start..end become one: the ONNX Flatten where it makes a matrix, else a reshape with copied sizes. */
whet_status ts_read_flatten(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, shape = WHET_NO_VALUE;
    int64_t sizes[WHET_MAX_RANK];
    int rank = 0, from = 0, to = 0, n = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_rank(c, x, &rank));
    WHET_TRY(ts_get_axis(c, 1, 0, rank, &from));
    WHET_TRY(ts_get_axis(c, 2, -1, rank, &to));
    const whet_attr axis = whet_attr_int("axis", 1);
    if (from == 1 && to == rank - 1 && rank > 2) return emit_view(c, "Flatten", WHET_IN(x), 1, &axis);
    if (from >= to && rank > 0) return ts_read_same(c);
    int64_t area = 1;
    const whet_dims *d = ts_dims(c, x);
    for (int i = from; i <= to; i++)
        if (d->dims[i] < 0 || area < 0 || !whet_mul_i64(area, d->dims[i], &area)) area = -1;
    bool tail = false; /* a dimension behind the flattened ones that is not known cannot be copied by 0 */
    for (int i = to + 1; i < rank; i++) tail |= d->dims[i] < 0;
    if (tail && area < 0) return ts_refuse(c, "more than one size is not known");
    for (int i = 0; i < from; i++) sizes[n++] = d->dims[i] >= 0 ? d->dims[i] : 0;
    sizes[n++] = area;
    for (int i = to + 1; i < rank; i++) sizes[n++] = d->dims[i] >= 0 ? d->dims[i] : -1;
    if (rank == 0) n = 1;
    if (rank == 0) sizes[0] = 1;
    WHET_TRY(ts_ints(c, n, sizes, &shape));
    return emit_view(c, "Reshape", WHET_IN(x, shape), WHET_NO_ATTRS);
}

static whet_status turned(ts_call *c, whet_vid x, int rank, const int64_t *perm)
{
    const whet_attr at = whet_attr_ints("perm", rank, perm);
    return emit_view(c, "Transpose", WHET_IN(x), 1, &at);
}

whet_status ts_read_permute(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE;
    int64_t perm[WHET_MAX_RANK];
    int n = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_get_ints(c, 1, WHET_MAX_RANK, perm, &n));
    for (int i = 0; i < n; i++) perm[i] += perm[i] < 0 ? n : 0;
    return turned(c, x, n, perm);
}

static whet_status swapped(ts_call *c, whet_vid x, int rank, int a, int b)
{
    int64_t perm[WHET_MAX_RANK];
    for (int i = 0; i < rank; i++) perm[i] = i;
    perm[a] = b;
    perm[b] = a;
    return turned(c, x, rank, perm);
}

whet_status ts_read_transpose(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE;
    int rank = 0, a = 0, b = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_rank(c, x, &rank));
    WHET_TRY(ts_get_axis(c, 1, 0, rank, &a));
    WHET_TRY(ts_get_axis(c, 2, 0, rank, &b));
    return a == b ? ts_read_same(c) : swapped(c, x, rank, a, b);
}

whet_status ts_read_t(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE;
    int rank = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_rank(c, x, &rank));
    if (rank < 2) return ts_read_same(c);
    return rank == 2 ? swapped(c, x, 2, 0, 1) : ts_refuse(c, "an input of rank %d is not handled", rank);
}

whet_status ts_read_squeeze(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, axes = WHET_NO_VALUE;
    int64_t dims[WHET_MAX_RANK];
    int rank = 0, n = 0, kept = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_rank(c, x, &rank));
    WHET_TRY(ts_get_ints(c, 1, WHET_MAX_RANK, dims, &n));
    if (!ts_given(c, 1))
        for (n = 0; n < rank; n++) dims[n] = n;
    for (int i = 0; i < n; i++) { /* only those of size 1 go */
        int64_t a = dims[i] < 0 ? dims[i] + rank : dims[i];
        if (a < 0 || a >= rank) return ts_refuse(c, "dimension %lld does not exist", (long long)dims[i]);
        if (ts_dims(c, x)->dims[a] == 1) dims[kept++] = a;
        else if (ts_dims(c, x)->dims[a] < 0 && ts_given(c, 1)) return ts_refuse(c, "the size of dimension %lld is not known", (long long)a);
    }
    if (kept == 0) return ts_read_same(c);
    WHET_TRY(ts_ints(c, kept, dims, &axes));
    return emit_view(c, "Squeeze", WHET_IN(x, axes), WHET_NO_ATTRS);
}

whet_status ts_read_unsqueeze(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, axes = WHET_NO_VALUE;
    int64_t dim = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_get_int(c, 1, 0, &dim));
    WHET_TRY(ts_ints(c, 1, &dim, &axes));
    return emit_view(c, "Unsqueeze", WHET_IN(x, axes), WHET_NO_ATTRS);
}

/* -1 keeps a size, which 1 does in ONNX. */
whet_status ts_read_expand(ts_call *c)
{
    ts_value list;
    whet_vid x = WHET_NO_VALUE, shape = WHET_NO_VALUE;
    int n = 0;
    WHET_TRY(ts_in(c, 0, &x));
    if (c->arg[1].kind != TSV_LIST && c->arg[1].kind != TSV_TUPLE) return ts_refuse(c, "the sizes are no list");
    const ts_list *l = c->arg[1].as.list;
    WHET_TRY(ts_list_new(c->e, TSV_LIST, l->n, &list));
    for (int i = 0; i < l->n; i++) {
        int64_t size = 0;
        bool keep = ts_whole(&l->v[i], &size) && size == -1;
        WHET_TRY(ts_list_add(c->e, list.as.list, keep ? ts_int(1) : l->v[i]));
    }
    WHET_TRY(ts_sizes(c, &list, &shape, &n));
    return emit_view(c, "Expand", WHET_IN(x, shape), WHET_NO_ATTRS);
}

whet_status ts_read_expand_as(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, other = WHET_NO_VALUE, shape = WHET_NO_VALUE;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_in(c, 1, &other));
    WHET_TRY(ts_emit(c, "Shape", WHET_IN(other), WHET_NO_ATTRS, &shape));
    return emit_view(c, "Expand", WHET_IN(x, shape), WHET_NO_ATTRS);
}

/* --- sizes */

whet_status ts_read_size(ts_call *c)
{
    ts_value v;
    whet_vid x = WHET_NO_VALUE;
    int rank = 0, axis = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_rank(c, x, &rank));
    if (ts_given(c, 1)) {
        WHET_TRY(ts_get_axis(c, 1, 0, rank, &axis));
        return ts_size_of(c->e, x, axis, &c->out);
    }
    WHET_TRY(ts_list_new(c->e, TSV_LIST, rank, &c->out));
    for (int i = 0; i < rank; i++) {
        WHET_TRY(ts_size_of(c->e, x, i, &v));
        WHET_TRY(ts_list_add(c->e, c->out.as.list, v));
    }
    return WHET_OK;
}

whet_status ts_read_dim(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE;
    int rank = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_rank(c, x, &rank));
    c->out = ts_int(rank);
    return WHET_OK;
}

whet_status ts_read_len(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE;
    int rank = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_rank(c, x, &rank));
    return rank > 0 ? ts_size_of(c->e, x, 0, &c->out) : ts_refuse(c, "a tensor without dimensions has no length");
}

whet_status ts_read_numel(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE;
    whet_shape s;
    WHET_TRY(ts_in(c, 0, &x));
    if (!whet_dims_concrete(ts_dims(c, x), &s)) return ts_refuse(c, "the sizes are not known");
    c->out = ts_int(whet_shape_numel(&s));
    return WHET_OK;
}

/* --- tensors of one number */

static whet_status filled(ts_call *c, const ts_value *sizes, double x, whet_dtype t)
{
    whet_tensor value;
    whet_vid shape = WHET_NO_VALUE, y = WHET_NO_VALUE;
    const whet_shape one = WHET_SHAPE(1);
    int n = 0;
    if (t == WHET_DTYPE_NONE) return ts_refuse(c, "this element type is not handled");
    WHET_TRY(ts_sizes(c, sizes, &shape, &n));
    whet_tensor_init(&value);
    WHET_TRY(whet_tensor_alloc(&value, t, &one));
    whet_tensor_set_f64(&value, 0, x);
    const whet_attr at = whet_attr_tensor("value", &value);
    whet_status status = ts_emit(c, "ConstantOfShape", WHET_IN(shape), 1, &at, &y);
    whet_tensor_dispose(&value);
    return status == WHET_OK ? ts_result(c, y) : status;
}

static whet_status type_of(ts_call *c, int i, whet_dtype otherwise, whet_dtype *t)
{
    int64_t code = 0;
    WHET_TRY(ts_get_int(c, i, 0, &code));
    *t = ts_given(c, i) ? ts_dtype_of_code(code) : otherwise;
    return WHET_OK;
}

whet_status ts_read_fill(ts_call *c)
{
    whet_dtype t = WHET_F32;
    WHET_TRY(type_of(c, 1, WHET_F32, &t));
    return filled(c, &c->arg[0], strcmp(c->op->name, "ones") == 0, t);
}

whet_status ts_read_full(ts_call *c)
{
    whet_dtype t = WHET_F32;
    double x = 0;
    WHET_TRY(ts_get_float(c, 1, 0, &x));
    WHET_TRY(type_of(c, 2, c->arg[1].kind == TSV_INT ? WHET_S64 : WHET_F32, &t));
    return filled(c, &c->arg[0], x, t);
}

whet_status ts_read_fill_like(ts_call *c)
{
    ts_value sizes, v;
    whet_vid x = WHET_NO_VALUE;
    whet_dtype t = WHET_F32;
    int rank = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_rank(c, x, &rank));
    WHET_TRY(type_of(c, 1, c->e->g->values[x].dtype, &t));
    WHET_TRY(ts_list_new(c->e, TSV_LIST, rank, &sizes));
    for (int i = 0; i < rank; i++) {
        WHET_TRY(ts_size_of(c->e, x, i, &v));
        WHET_TRY(ts_list_add(c->e, sizes.as.list, v));
    }
    return filled(c, &sizes, strcmp(c->op->name, "ones_like") == 0, t);
}

/* A number, or a list of numbers, as a tensor. */
whet_status ts_read_tensor(ts_call *c)
{
    const ts_value *v = &c->arg[0];
    bool list = v->kind == TSV_LIST || v->kind == TSV_TUPLE, known = true, whole = true;
    const int n = list ? v->as.list->n : 1;
    const ts_value *items = list ? v->as.list->v : v;
    const int64_t size = n;
    whet_tensor t;
    whet_vid y = WHET_NO_VALUE, none = WHET_NO_VALUE;
    whet_dtype type = WHET_F32;
    double x = 0;
    int count = 0;
    for (int i = 0; i < n; i++) {
        known &= ts_number(&items[i], &x);
        whole &= items[i].kind == TSV_INT || items[i].kind == TSV_SIZE;
    }
    WHET_TRY(type_of(c, 1, whole ? WHET_S64 : WHET_F32, &type));
    if (type == WHET_DTYPE_NONE) return ts_refuse(c, "this element type is not handled");
    if (!known && list) {
        WHET_TRY(ts_sizes(c, v, &y, &count));
    } else if (!known) {
        WHET_TRY(ts_size_vid(c->e, v, &y));
        WHET_TRY(ts_ints(c, 0, &size, &none));
        WHET_TRY(ts_emit(c, "Reshape", WHET_IN(y, none), WHET_NO_ATTRS, &y));
    } else {
        const whet_shape shape = whet_shape_of(list, &size);
        whet_tensor_init(&t);
        WHET_TRY(whet_tensor_alloc(&t, type, &shape));
        for (int i = 0; i < n; i++) {
            (void)ts_number(&items[i], &x);
            whet_tensor_set_f64(&t, i, x);
        }
        whet_status status = whet_graph_const(c->e->g, NULL, &t, &y);
        whet_tensor_dispose(&t);
        if (status != WHET_OK) return status;
    }
    WHET_TRY(ts_cast(c, y, type, &y));
    return ts_result(c, y);
}
