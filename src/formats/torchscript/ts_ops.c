/* SPDX-License-Identifier: Apache-2.0 */
/* Finding an operator, sorting its arguments, and the helpers of the operators' readers. */
#include <stdarg.h>
#include <stdio.h>

#include "base/spelling.h"
#include "formats/torchscript/ts_ops.h"

#define ts_read_none NULL
#define ts_write_none NULL
#define T(name, ir, read, write, params) {#name, #ir, ts_read_##read, ts_write_##write, params},
static const ts_op table[] = {
#include "formats/torchscript/torchscript_ops.def"
};
#undef T
#undef ts_read_none
#undef ts_write_none

const ts_op *ts_op_at(size_t i) { return i < WHET_COUNT(table) ? &table[i] : NULL; }

const ts_op *ts_op_find(const char *name)
{
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if (table[i].read && strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

const ts_op *ts_op_for(const char *ir)
{
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if (table[i].write && strcmp(table[i].ir, ir) == 0) return &table[i];
    return NULL;
}

/* --- arguments */

bool ts_given(const ts_call *c, int i) { return c->arg[i].kind != TSV_UNSET && c->arg[i].kind != TSV_NONE; }

whet_status ts_refuse(ts_call *c, const char *fmt, ...)
{
    char text[400] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return WHET_FAIL(WHET_EUNSUPPORTED, "operator 'torch.%s': %s", c->name, text);
}

static const char *param_name(const ts_call *c, int i, char *buf, size_t size)
{
    const char *p = c->op->params;
    for (int k = 0; k < i && p; k++) p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL;
    snprintf(buf, size, "%.*s", p ? (int)strcspn(p, " ") : 0, p ? p : "");
    return buf;
}

static whet_status bad(ts_call *c, int i, const char *want)
{
    char name[64];
    return ts_refuse(c, "argument '%s' is %s, but %s is expected", param_name(c, i, name, sizeof(name)), ts_kind_name(c->arg[i].kind), want);
}

whet_status ts_in(ts_call *c, int i, whet_vid *out)
{
    if (c->arg[i].kind != TSV_TENSOR) return bad(c, i, "a tensor");
    return ts_tensor_vid(c->e, &c->arg[i], out);
}

whet_status ts_in_optional(ts_call *c, int i, whet_vid *out)
{
    *out = WHET_NO_VALUE;
    return ts_given(c, i) ? ts_in(c, i, out) : WHET_OK;
}

whet_status ts_get_int(ts_call *c, int i, int64_t otherwise, int64_t *out)
{
    *out = otherwise;
    return !ts_given(c, i) || ts_whole(&c->arg[i], out) ? WHET_OK : bad(c, i, "a whole number");
}

whet_status ts_get_float(ts_call *c, int i, double otherwise, double *out)
{
    *out = otherwise;
    return !ts_given(c, i) || ts_number(&c->arg[i], out) ? WHET_OK : bad(c, i, "a number");
}

whet_status ts_get_bool(ts_call *c, int i, bool otherwise, bool *out)
{
    *out = otherwise;
    return !ts_given(c, i) || ts_truth(&c->arg[i], out) ? WHET_OK : bad(c, i, "a truth value");
}

whet_status ts_get_ints(ts_call *c, int i, int cap, int64_t *out, int *n)
{
    const ts_value *v = &c->arg[i];
    *n = 0;
    if (!ts_given(c, i)) return WHET_OK;
    if (ts_whole(v, &out[0])) {
        *n = 1;
        return WHET_OK;
    }
    if (v->kind != TSV_LIST && v->kind != TSV_TUPLE) return bad(c, i, "a list of whole numbers");
    if (v->as.list->n > cap) return ts_refuse(c, "a list of %d numbers is too long", v->as.list->n);
    for (int k = 0; k < v->as.list->n; k++)
        if (!ts_whole(&v->as.list->v[k], &out[k])) return bad(c, i, "a list of whole numbers that are known");
    *n = v->as.list->n;
    return WHET_OK;
}

whet_status ts_get_each(ts_call *c, int i, int n, int64_t otherwise, int64_t *out)
{
    int64_t x[WHET_MAX_RANK];
    int got = 0;
    WHET_TRY(ts_get_ints(c, i, WHET_MAX_RANK, x, &got));
    if (got > 1 && got != n) return ts_refuse(c, "%d numbers are given where %d are expected", got, n);
    for (int k = 0; k < n; k++) out[k] = got == 0 ? otherwise : got == 1 ? x[0] : x[k];
    return WHET_OK;
}

whet_status ts_get_tensors(ts_call *c, int i, int cap, whet_vid *out, int *n)
{
    const ts_value *v = &c->arg[i];
    if (v->kind != TSV_LIST && v->kind != TSV_TUPLE) return bad(c, i, "a list of tensors");
    *n = v->as.list->n;
    if (*n < 1 || *n > cap) return ts_refuse(c, "a list of %d tensors is not handled", *n);
    for (int k = 0; k < *n; k++) {
        if (v->as.list->v[k].kind != TSV_TENSOR) return bad(c, i, "a list of tensors");
        WHET_TRY(ts_tensor_vid(c->e, &v->as.list->v[k], &out[k]));
    }
    return WHET_OK;
}

const whet_dims *ts_dims(const ts_call *c, whet_vid v) { return &c->e->g->values[v].dims; }

whet_status ts_rank(ts_call *c, whet_vid v, int *rank)
{
    *rank = ts_dims(c, v)->rank;
    return *rank >= 0 ? WHET_OK : ts_refuse(c, "the number of dimensions is not known");
}

whet_status ts_get_axis(ts_call *c, int i, int64_t otherwise, int rank, int *out)
{
    int64_t a = 0;
    WHET_TRY(ts_get_int(c, i, otherwise, &a));
    if (a < 0) a += rank;
    if (a < 0 || a >= WHET_MAX(rank, 1)) return ts_refuse(c, "dimension %lld of %d does not exist", (long long)(a < 0 ? a - rank : a), rank);
    *out = (int)a;
    return WHET_OK;
}

whet_status ts_ints(ts_call *c, int n, const int64_t *x, whet_vid *out) { return whet_graph_const_s64(c->e->g, NULL, n, x, out); }

whet_status ts_sizes(ts_call *c, const ts_value *list, whet_vid *out, int *n)
{
    int64_t x[WHET_MAX_RANK];
    whet_vid part[WHET_MAX_RANK];
    bool all = true;
    const whet_attr axis = whet_attr_int("axis", 0);
    if (list->kind != TSV_LIST && list->kind != TSV_TUPLE) return ts_refuse(c, "%s stands where a list of sizes is expected", ts_kind_name(list->kind));
    *n = list->as.list->n;
    if (*n > WHET_MAX_RANK) return ts_refuse(c, "%d dimensions, at most %d are handled", *n, WHET_MAX_RANK);
    for (int i = 0; i < *n; i++) all &= ts_whole(&list->as.list->v[i], &x[i]);
    if (all) return ts_ints(c, *n, x, out);
    for (int i = 0; i < *n; i++) WHET_TRY(ts_size_vid(c->e, &list->as.list->v[i], &part[i]));
    return whet_graph_op1(c->e->g, "Concat", *n, part, 1, &axis, out);
}

whet_status ts_size_of(ts_eval *e, whet_vid v, int axis, ts_value *out)
{
    const whet_dims *d = &e->g->values[v].dims;
    whet_vid s = WHET_NO_VALUE;
    if (d->dims[axis] >= 0) {
        *out = ts_int(d->dims[axis]);
        return WHET_OK;
    }
    WHET_TRY(whet_graph_op1(e->g, "Shape", WHET_IN(v), WHET_ATTRS(whet_attr_int("start", axis), whet_attr_int("end", axis + 1)), &s));
    *out = ts_size_value(e, s);
    return WHET_OK;
}

/* --- results */

/* "layer1.0.conv1/Conv", then "layer1.0.conv1/Conv_1": the graph's own search for a free name would take long among thousands. */
static whet_status node_name(ts_call *c, const char *op, char *name, size_t size)
{
    const ts_frame *f = c->e->frame;
    while (f && !f->self) f = f->outer;
    const char *path = f ? f->self->path : "";
    const int n = snprintf(name, size, "%.400s%s%.60s", path, *path ? "/" : "", strncmp(op, "whet.", 5) == 0 ? op + 5 : op);
    ts_value *times = ts_names_find(&c->e->used, name);
    if (times) {
        snprintf(name + n, size - (size_t)n, "_%lld", (long long)times->as.i++);
        return WHET_OK;
    }
    const char *key = whet_arena_strdup(c->e->arena, name);
    return key ? ts_names_set(c->e, &c->e->used, key, ts_int(1)) : WHET_ENOMEM;
}

whet_status ts_emit_many(ts_call *c, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attrs, int n_out, whet_vid *out)
{
    char name[512] = "";
    WHET_TRY(node_name(c, op, name, sizeof(name)));
    return whet_graph_node(c->e->g, op, name, n_in, in, n_attr, attrs, n_out, NULL, out);
}

whet_status ts_emit(ts_call *c, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attrs, whet_vid *out)
{
    return ts_emit_many(c, op, n_in, in, n_attr, attrs, 1, out);
}

whet_status ts_result(ts_call *c, whet_vid v) { return ts_tensor_new(c->e, v, &c->out); }

whet_status ts_result_view(ts_call *c, whet_vid v)
{
    return c->arg[0].kind == TSV_TENSOR ? ts_tensor_view(c->e, c->arg[0].as.cell, v, &c->out) : ts_result(c, v);
}

/* --- types: torch's numbers of them */

static const struct { int code; whet_dtype t; } codes[] = {
    {0, WHET_U8}, {1, WHET_S8}, {2, WHET_S16}, {3, WHET_S32}, {4, WHET_S64}, {5, WHET_F16}, {6, WHET_F32}, {7, WHET_F64}, {11, WHET_BOOL}, {15, WHET_BF16}};

whet_dtype ts_dtype_of_code(int64_t code)
{
    for (size_t i = 0; i < WHET_COUNT(codes); i++)
        if (codes[i].code == code) return codes[i].t;
    return WHET_DTYPE_NONE;
}

int ts_code_of_dtype(whet_dtype t)
{
    for (size_t i = 0; i < WHET_COUNT(codes); i++)
        if (codes[i].t == t) return codes[i].code;
    return -1;
}

whet_status ts_scalar_like(ts_call *c, whet_vid like, double x, whet_vid *out)
{
    return whet_graph_const_like(c->e->g, c->e->g->values[like].dtype, x, out);
}

whet_status ts_cast(ts_call *c, whet_vid v, whet_dtype t, whet_vid *out)
{
    const whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(t));
    *out = v;
    return c->e->g->values[v].dtype == t ? WHET_OK : ts_emit(c, "Cast", WHET_IN(v), 1, &to, out);
}

/* The wider of two types: floats before integers, then by size. A tensor without dimensions does not widen within its kind. */
static whet_dtype promote(const ts_call *c, whet_vid a, whet_vid b)
{
    const whet_value *x = &c->e->g->values[a], *y = &c->e->g->values[b];
    int kx = whet_dtype_is_float(x->dtype) ? 2 : x->dtype != WHET_BOOL, ky = whet_dtype_is_float(y->dtype) ? 2 : y->dtype != WHET_BOOL;
    if (kx != ky) return kx > ky ? x->dtype : y->dtype;
    if ((x->dims.rank == 0) != (y->dims.rank == 0)) return x->dims.rank == 0 ? y->dtype : x->dtype;
    return whet_dtype_bits(x->dtype) >= whet_dtype_bits(y->dtype) ? x->dtype : y->dtype;
}

whet_status ts_pair(ts_call *c, int i, int k, whet_vid *a, whet_vid *b)
{
    double x = 0;
    if (c->arg[i].kind != TSV_TENSOR) {
        if (c->arg[k].kind != TSV_TENSOR) return bad(c, i, "a tensor");
        return ts_pair(c, k, i, b, a);
    }
    WHET_TRY(ts_in(c, i, a));
    if (c->arg[k].kind == TSV_SIZE) {
        const whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(c->e->g->values[*a].dtype));
        return ts_emit(c, "Cast", WHET_IN(c->arg[k].as.size), 1, &to, b);
    }
    if (ts_number(&c->arg[k], &x)) {
        bool widen = !whet_dtype_is_float(c->e->g->values[*a].dtype) && c->arg[k].kind == TSV_FLOAT;
        if (widen) WHET_TRY(ts_cast(c, *a, WHET_F32, a));
        return ts_scalar_like(c, *a, x, b);
    }
    WHET_TRY(ts_in(c, k, b));
    whet_dtype t = promote(c, *a, *b);
    WHET_TRY(ts_cast(c, *a, t, a));
    return ts_cast(c, *b, t, b);
}

/* --- calling */

static whet_status bind(ts_call *c, int n, const ts_value *arg, const char *const *keys)
{
    const char *p = c->op->params;
    int at = 0;
    for (int i = 0; p && *p; i++) {
        size_t len = strcspn(p, " ");
        if (at < n && !keys[at]) c->arg[i] = arg[at++];
        for (int k = 0; k < n; k++)
            if (keys[k] && strlen(keys[k]) == len && strncmp(keys[k], p, len) == 0) c->arg[i] = arg[k];
        p += len + (p[len] == ' ');
    }
    if (at < n && !keys[at]) return ts_refuse(c, "%d arguments are more than this form has", n);
    for (int k = 0; k < n; k++)
        if (keys[k] && !strstr(c->op->params, keys[k])) return ts_refuse(c, "argument '%.60s' is not known", keys[k]);
    return WHET_OK;
}

static whet_status refuse_op(ts_eval *e, const char *name)
{
    whet_spelling s = {.word = name};
    for (size_t i = 0; i < WHET_COUNT(table); i++) whet_spelling_offer(&s, table[i].read ? table[i].name : NULL);
    if (s.nearest)
        return ts_fail(e, WHET_EUNSUPPORTED, "operator 'torch.%.100s' is not handled (the nearest that is: 'torch.%s')", name, s.nearest);
    return ts_fail(e, WHET_EUNSUPPORTED, "operator 'torch.%.100s' is not handled", name);
}

/* The in-place form leaves its result in the tensor itself. */
static whet_status store(ts_eval *e, const ts_value *target, const ts_value *result, ts_value *out)
{
    ts_cell *cell = target->as.cell;
    if (target->kind != TSV_TENSOR || result->kind != TSV_TENSOR)
        return ts_fail(e, WHET_EUNSUPPORTED, "%s cannot be changed in place", ts_kind_name(target->kind));
    *out = *target;
    if (result->as.cell == cell) return WHET_OK;
    cell->vid = result->as.cell->vid;
    cell->version = ++cell->base->version;
    return WHET_OK;
}

whet_status ts_op_call(ts_eval *e, const char *name, int n, const ts_value *arg, const char *const *keys, ts_value *out)
{
    ts_call c = {.e = e, .name = name};
    char plain[64] = "";
    size_t len = strlen(name);
    bool done = false, in_place = len > 1 && len < sizeof(plain) && name[len - 1] == '_' && name[len - 2] != '_';
    WHET_TRY(ts_scalar_call(e, name, n, arg, out, &done));
    if (done) return WHET_OK;
    c.op = ts_op_find(name);
    if (c.op) in_place = false;
    if (in_place) {
        memcpy(plain, name, len - 1);
        c.op = ts_op_find(plain);
        c.name = plain;
    }
    if (!c.op) return refuse_op(e, name);
    whet_status status = bind(&c, n, arg, keys);
    if (status == WHET_OK) status = c.op->read(&c);
    if (status != WHET_OK) return ts_at(e, status);
    if (in_place) return store(e, &c.arg[0], &c.out, out);
    *out = c.out;
    return WHET_OK;
}
