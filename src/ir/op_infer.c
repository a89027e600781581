/* SPDX-License-Identifier: Apache-2.0 */
/* What the operators' inference functions share: looking at inputs, setting outputs, broadcasting, contents of small
 * integer values, and the builders that gradients are made of. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ir/graph_private.h"
#include "ir/ops.h"

#define MAX_KNOWN 1024 /* longer integer values are not followed: no shape is that long */

static const whet_dims no_dims = {.rank = -1};

static const whet_value *input(const whet_infer *c, int i)
{
    return i < c->n->n_in && c->n->in[i] >= 0 ? &c->g->values[c->n->in[i]] : NULL;
}

bool whet_infer_has(const whet_infer *c, int i) { return input(c, i) != NULL; }

whet_dtype whet_infer_dtype(const whet_infer *c, int i)
{
    const whet_value *v = input(c, i);
    return v == NULL ? WHET_DTYPE_NONE : v->dtype;
}

const whet_dims *whet_infer_dims(const whet_infer *c, int i)
{
    const whet_value *v = input(c, i);
    return v == NULL ? &no_dims : &v->dims;
}

const whet_tensor *whet_infer_const(const whet_infer *c, int i)
{
    return whet_infer_has(c, i) ? whet_graph_const_data(c->g, c->n->in[i]) : NULL;
}

int whet_infer_known(const whet_infer *c, int i, const whet_dim **out)
{
    const whet_value *v = input(c, i);
    *out = NULL;
    if (v == NULL || v->n_known < 0) return -1;
    *out = v->known;
    return v->n_known;
}

bool whet_infer_wants(const whet_infer *c, int o) { return o < c->n->n_out && c->n->out[o] >= 0; }

whet_status whet_infer_set(whet_infer *c, int o, whet_dtype t, const whet_dims *d)
{
    if (d->rank > WHET_MAX_RANK)
        return whet_infer_fail(c, WHET_EUNSUPPORTED, "rank %d is over the limit of %d", d->rank, WHET_MAX_RANK);
    if (!whet_infer_wants(c, o)) return WHET_OK;
    whet_value *v = &c->g->values[c->n->out[o]];
    v->dtype = t;
    v->dims = *d;
    return WHET_OK;
}

whet_status whet_infer_set_known(whet_infer *c, int o, int n, const whet_dim *x)
{
    if (!whet_infer_wants(c, o) || n < 0 || n > MAX_KNOWN) return WHET_OK;
    whet_dim *copy = whet_arena_alloc(c->g->priv->arena, sizeof *copy * (size_t)(n > 0 ? n : 1));
    if (copy == NULL) return WHET_ENOMEM;
    if (n > 0) memcpy(copy, x, sizeof *copy * (size_t)n);
    whet_value *v = &c->g->values[c->n->out[o]];
    v->n_known = n;
    v->known = copy;
    return WHET_OK;
}

whet_status whet_infer_fail(const whet_infer *c, whet_status s, const char *fmt, ...)
{
    char text[400], op[96];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    WHET_FAIL(s, "%s: %s", whet_op_text(c->n->op, op, sizeof op), text);
    whet_error_at_node(c->n->name);
    return s;
}

static bool has_word(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = strstr(words, word); p != NULL; p = strstr(p + 1, word))
        if ((p == words || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' ')) return true;
    return false;
}

whet_status whet_infer_need_dtype(const whet_infer *c, int i, const char *allowed)
{
    whet_dtype t = whet_infer_dtype(c, i);
    if (t != WHET_DTYPE_NONE && has_word(allowed, whet_dtype_name(t))) return WHET_OK;
    return whet_infer_fail(c, WHET_EUNSUPPORTED, "type %s is not supported for input %d (it takes %s)", whet_dtype_name(t),
                           i, allowed);
}

bool infer_same_dim(whet_dim a, whet_dim b, whet_dim *out)
{
    *out = a >= 0 || b == WHET_DIM_UNKNOWN ? a : b;
    return !(a >= 0 && b >= 0 && a != b);
}

bool infer_same_dims(const whet_dims *a, const whet_dims *b, whet_dims *out)
{
    *out = a->rank < 0 ? *b : *a;
    if (a->rank < 0 || b->rank < 0) return true;
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (!infer_same_dim(a->dims[i], b->dims[i], &out->dims[i])) return false;
    return true;
}

/* 1 gives way; an unknown one may be 1 or equal; two different symbols can only be equal or 1, which is unknown. */
static bool broadcast_dim(whet_dim a, whet_dim b, whet_dim *out)
{
    if (a == b || b == 1) *out = a;
    else if (a == 1) *out = b;
    else if (a >= 0 && b >= 0) return false;
    else if (a >= 0) *out = a;
    else if (b >= 0) *out = b;
    else *out = WHET_DIM_UNKNOWN;
    return true;
}

whet_status whet_infer_broadcast(const whet_infer *c, const whet_dims *a, const whet_dims *b, whet_dims *out)
{
    char at[160], bt[160];
    whet_dims r = {.rank = -1}; /* out may be a or b */
    if (a->rank >= 0 && b->rank >= 0) {
        r.rank = a->rank > b->rank ? a->rank : b->rank;
        for (int i = 0; i < r.rank; i++) {
            int ai = i - (r.rank - a->rank), bi = i - (r.rank - b->rank);
            if (!broadcast_dim(ai < 0 ? 1 : a->dims[ai], bi < 0 ? 1 : b->dims[bi], &r.dims[i]))
                return whet_infer_fail(c, WHET_ESHAPE, "shapes %s and %s cannot be broadcast together",
                                       whet_dims_text(c->g, a, at, sizeof at), whet_dims_text(c->g, b, bt, sizeof bt));
        }
    }
    *out = r;
    return WHET_OK;
}

whet_status infer_axis(const whet_infer *c, int64_t axis, int rank, bool past, int *out)
{
    int64_t a = axis < 0 ? axis + rank : axis;
    if (a < 0 || a >= rank + (past ? 1 : 0))
        return whet_infer_fail(c, WHET_EINVAL, "axis %lld is outside of rank %d", (long long)axis, rank);
    *out = (int)a;
    return WHET_OK;
}

whet_status infer_ints(const whet_infer *c, int i, int64_t *out, int cap, int *n)
{
    const whet_tensor *t = whet_infer_const(c, i);
    *n = -1;
    if (!whet_infer_has(c, i)) return WHET_OK;
    whet_dtype d = whet_infer_dtype(c, i);
    if (d != WHET_S64 && d != WHET_S32)
        return whet_infer_fail(c, WHET_EUNSUPPORTED, "input %d must be s64 or s32, not %s", i, whet_dtype_name(d));
    if (t == NULL) return WHET_OK;
    int64_t count = whet_tensor_numel(t);
    if (count > cap) return whet_infer_fail(c, WHET_EUNSUPPORTED, "input %d has %lld elements, limit is %d", i, (long long)count, cap);
    for (int64_t k = 0; k < count; k++) out[k] = whet_tensor_get_s64(t, k);
    *n = (int)count;
    return WHET_OK;
}

int infer_content(const whet_infer *c, int i, whet_dim *out, int cap)
{
    const whet_dim *known = NULL;
    const whet_tensor *t = whet_infer_const(c, i);
    int n = whet_infer_known(c, i, &known);
    if (n > cap) return -1;
    if (n > 0) memcpy(out, known, sizeof *out * (size_t)n);
    if (n >= 0 || t == NULL) return n;
    if ((t->dtype != WHET_S64 && t->dtype != WHET_S32) || t->shape.rank > 1 || whet_tensor_numel(t) > cap) return -1;
    n = (int)whet_tensor_numel(t);
    for (int k = 0; k < n; k++) {
        int64_t x = whet_tensor_get_s64(t, k);
        out[k] = x < 0 ? WHET_DIM_UNKNOWN : x;
    }
    return n;
}

whet_dim infer_product(const whet_dims *d, int begin, int end)
{
    whet_dim p = 1;
    bool zero = false;
    for (int i = begin; i < end; i++) zero = zero || d->dims[i] == 0;
    if (zero) return 0;
    for (int i = begin; i < end; i++) {
        whet_dim x = d->dims[i];
        if (x == 1) continue;
        if (p == 1) p = x;
        else if (x < 0 || p < 0 || !whet_mul_i64(p, x, &p)) return WHET_DIM_UNKNOWN;
    }
    return p;
}

/* --- gradients */

whet_dtype grad_dtype(const whet_grad *c, int i) { return c->g->values[c->n->in[i]].dtype; }

whet_status grad_op2(whet_grad *c, const char *op, whet_vid a, whet_vid b, whet_vid *out)
{
    return whet_graph_op1(c->g, op, WHET_IN(a, b), WHET_NO_ATTRS, out);
}

whet_status grad_op1(whet_grad *c, const char *op, whet_vid a, whet_vid *out)
{
    return whet_graph_op1(c->g, op, WHET_IN(a), WHET_NO_ATTRS, out);
}

whet_status grad_scalar(whet_grad *c, whet_dtype t, double x, whet_vid *out)
{
    return whet_graph_const_like(c->g, t, x, out);
}

whet_status grad_sum_to(whet_grad *c, whet_vid v, whet_vid like, whet_vid *out)
{
    const whet_dims *a = &c->g->values[v].dims, *b = &c->g->values[like].dims;
    bool equal = a->rank >= 0 && a->rank == b->rank;
    for (int i = 0; equal && i < a->rank; i++) equal = a->dims[i] == b->dims[i] && a->dims[i] != WHET_DIM_UNKNOWN;
    if (!equal) return grad_op2(c, "whet.SumTo", v, like, out);
    *out = v;
    return WHET_OK;
}

whet_status grad_shape_of(whet_grad *c, whet_vid v, bool wildcard, whet_vid *out)
{
    const whet_dims *d = &c->g->values[v].dims;
    int64_t dims[WHET_MAX_RANK];
    int open = 0;
    bool zero = false;
    for (int i = 0; i < d->rank; i++) {
        dims[i] = d->dims[i] < 0 ? -1 : d->dims[i];
        open += d->dims[i] < 0;
        zero = zero || d->dims[i] == 0;
    }
    if (d->rank < 0 || open > (wildcard ? 1 : 0) || (zero && wildcard)) return grad_op1(c, "Shape", v, out);
    return whet_graph_const_s64(c->g, NULL, d->rank, dims, out);
}

whet_status grad_zeros_like(whet_grad *c, whet_vid v, whet_vid *out)
{
    whet_vid shape = WHET_NO_VALUE;
    whet_tensor zero = {0};
    whet_shape one = {.rank = 1, .dims = {1}};
    WHET_TRY(grad_shape_of(c, v, false, &shape));
    WHET_TRY(whet_tensor_alloc(&zero, c->g->values[v].dtype, &one));
    whet_attr a = whet_attr_tensor("value", &zero);
    whet_status status = whet_graph_op1(c->g, "ConstantOfShape", WHET_IN(shape), 1, &a, out);
    whet_tensor_dispose(&zero);
    return status;
}
