/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of layers are written with: attributes, inputs, nodes and outputs of the layer under conversion. */
#include <stdarg.h>
#include <stdio.h>

#include "formats/openvino/openvino_types.h"

void ov_fail(ov_work *w, whet_status status, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    if (w->status != WHET_OK) return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    w->status = WHET_FAIL(status, "%s (%s): %s", w->l->type, w->l->version ? w->l->version : "no version", text);
}

/* --- attributes */

const char *ov_text(ov_work *w, const char *key, const char *otherwise)
{
    for (int i = 0; i < w->l->n_data; i++)
        if (strcmp(w->l->data[i].key, key) == 0) {
            w->used |= 1u << i;
            return w->l->data[i].value;
        }
    return otherwise;
}

int64_t ov_int(ov_work *w, const char *key, int64_t otherwise)
{
    const char *s = ov_text(w, key, NULL);
    char *end = NULL;
    if (!s) return otherwise;
    const int64_t x = strtoll(s, &end, 10);
    if (end == s || *end) ov_fail(w, WHET_EFORMAT, "attribute %s = '%.40s' is no whole number", key, s);
    return x;
}

double ov_number(ov_work *w, const char *key, double otherwise)
{
    const char *s = ov_text(w, key, NULL);
    char *end = NULL;
    if (!s) return otherwise;
    const double x = strtod(s, &end);
    if (end == s || *end) ov_fail(w, WHET_EFORMAT, "attribute %s = '%.40s' is no number", key, s);
    return x;
}

bool ov_bool(ov_work *w, const char *key, bool otherwise)
{
    const char *s = ov_text(w, key, NULL);
    if (!s) return otherwise;
    if (strcasecmp(s, "true") == 0 || strcmp(s, "1") == 0) return true;
    if (strcasecmp(s, "false") != 0 && strcmp(s, "0") != 0) ov_fail(w, WHET_EFORMAT, "attribute %s = '%.40s' is neither true nor false", key, s);
    return false;
}

int ov_list(ov_work *w, const char *key, int64_t *out, int cap)
{
    const char *s = ov_text(w, key, "");
    int n = 0;
    while (*s) {
        char *end = NULL;
        const int64_t x = strtoll(s, &end, 10);
        while (*end == ' ') end++;
        if (end == s || (*end && *end != ',') || n >= cap) {
            ov_fail(w, WHET_EFORMAT, "attribute %s is no list of at most %d whole numbers", key, cap);
            return 0;
        }
        out[n++] = x;
        s = *end ? end + 1 : end;
    }
    return n;
}

void ov_must_be(ov_work *w, const char *key, const char *words)
{
    const char *s = ov_text(w, key, NULL);
    if (!s) return;
    const size_t n = strlen(s);
    for (const char *p = words; *p;) {
        const size_t len = strcspn(p, " ");
        if (len == n && strncmp(p, s, n) == 0) return;
        p += len + (p[len] == ' ');
    }
    ov_fail(w, WHET_EUNSUPPORTED, "%s '%.40s' is not handled (%s is)", key, s, words);
}

whet_dtype ov_type(ov_work *w, const char *key, whet_dtype otherwise)
{
    const char *s = ov_text(w, key, NULL);
    if (!s) return otherwise;
    const whet_dtype t = ov_dtype_parse(s);
    if (t == WHET_DTYPE_NONE) ov_fail(w, WHET_EUNSUPPORTED, "element type '%.40s' is not handled", s);
    return t;
}

/* --- inputs */

bool ov_has(const ov_work *w, int i) { return i < w->l->n_in && w->l->in[i].from_layer >= 0; }

ov_port *ov_source(const ov_work *w, int i, ov_layer **layer)
{
    if (!ov_has(w, i)) return NULL;
    ov_layer *l = &w->r->f.layers[w->l->in[i].from_layer];
    if (layer) *layer = l;
    return &l->out[w->l->in[i].from_port];
}

whet_vid ov_in(ov_work *w, int i)
{
    ov_port *p = ov_source(w, i, NULL);
    if (w->status != WHET_OK) return WHET_NO_VALUE;
    if (!p) {
        ov_fail(w, WHET_EFORMAT, "input %d is not connected", i);
        return WHET_NO_VALUE;
    }
    if (p->v < 0 && p->is_const) p->v = ov_make_wide(w, p->const_name, &p->t, p->wide);
    return p->v;
}

static const whet_value *value(const ov_work *w, int i)
{
    const ov_port *p = ov_source(w, i, NULL);
    return p && p->v >= 0 ? &w->g->values[p->v] : NULL;
}

int ov_rank(const ov_work *w, int i)
{
    const ov_port *p = ov_source(w, i, NULL);
    if (p && p->is_const) return p->t.shape.rank;
    return value(w, i) ? value(w, i)->dims.rank : -1;
}

whet_dim ov_dim(const ov_work *w, int i, int axis)
{
    const ov_port *p = ov_source(w, i, NULL);
    if (axis < 0 || axis >= ov_rank(w, i)) return WHET_DIM_UNKNOWN;
    return p->is_const ? p->t.shape.dims[axis] : value(w, i)->dims.dims[axis];
}

whet_dtype ov_dtype(const ov_work *w, int i)
{
    const ov_port *p = ov_source(w, i, NULL);
    if (p && p->is_const) return p->wide ? p->wide : p->t.dtype;
    return value(w, i) ? value(w, i)->dtype : WHET_DTYPE_NONE;
}

const whet_tensor *ov_const(const ov_work *w, int i)
{
    const ov_port *p = ov_source(w, i, NULL);
    if (p && p->is_const) return &p->t;
    return p && p->v >= 0 ? whet_graph_const_data(w->g, p->v) : NULL;
}

bool ov_ints(const ov_work *w, int i, int *n, int64_t *x, int cap)
{
    const whet_tensor *t = ov_const(w, i);
    const whet_value *v = value(w, i);
    *n = 0;
    if (t && (whet_dtype_is_int(t->dtype) || t->dtype == WHET_BOOL)) {
        const int64_t count = whet_tensor_numel(t);
        if (count > cap) return false;
        for (*n = 0; *n < count; ++*n) x[*n] = whet_tensor_get_s64(t, *n);
        return true;
    }
    if (t || !v || v->n_known < 0 || v->n_known > cap) return false;
    for (int k = 0; k < v->n_known; k++)
        if (v->known[k] < 0) return false;
    for (*n = 0; *n < v->n_known; ++*n) x[*n] = v->known[*n];
    return true;
}

int ov_need_ints(ov_work *w, int i, const char *what, int64_t *x, int cap)
{
    int n = 0;
    if (w->status == WHET_OK && !ov_ints(w, i, &n, x, cap))
        ov_fail(w, WHET_EUNSUPPORTED, "%s must be constant whole numbers, at most %d; convert the model with fixed shapes", what, cap);
    return n;
}

int64_t ov_need_int(ov_work *w, int i, const char *what)
{
    int64_t x = 0;
    if (ov_need_ints(w, i, what, &x, 1) != 1) ov_fail(w, WHET_EUNSUPPORTED, "%s must be one whole number", what);
    return x;
}

double ov_need_number(ov_work *w, int i, const char *what)
{
    const whet_tensor *t = ov_const(w, i);
    if (t && whet_tensor_numel(t) == 1) return whet_tensor_get_f64(t, 0);
    ov_fail(w, WHET_EUNSUPPORTED, "%s must be one constant number", what);
    return 0;
}

/* --- nodes */

void ov_nodes(ov_work *w, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attr, int n_out, whet_vid *out)
{
    for (int i = 0; i < n_out; i++) out[i] = WHET_NO_VALUE;
    if (w->status != WHET_OK) return;
    w->status = whet_graph_node(w->g, op, w->l->name, n_in, in, n_attr, attr, n_out, NULL, out);
}

whet_vid ov_node(ov_work *w, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attr)
{
    whet_vid out = WHET_NO_VALUE;
    ov_nodes(w, op, n_in, in, n_attr, attr, 1, &out);
    return out;
}

whet_vid ov_op(ov_work *w, const char *op, int n_in, const whet_vid *in) { return ov_node(w, op, n_in, in, 0, NULL); }

whet_vid ov_make_ints(ov_work *w, int n, const int64_t *x)
{
    whet_vid v = WHET_NO_VALUE;
    if (w->status == WHET_OK) w->status = whet_graph_const_s64(w->g, NULL, n, x, &v);
    return v;
}

whet_vid ov_make_scalar(ov_work *w, whet_dtype t, double x)
{
    whet_vid v = WHET_NO_VALUE;
    if (w->status == WHET_OK) w->status = whet_graph_const_like(w->g, t, x, &v);
    return v;
}

whet_vid ov_make_const(ov_work *w, const char *name, const whet_tensor *t)
{
    whet_vid v = WHET_NO_VALUE;
    if (w->status == WHET_OK) w->status = whet_graph_const(w->g, name, t, &v);
    return v;
}

whet_vid ov_make_wide(ov_work *w, const char *name, const whet_tensor *t, whet_dtype wide)
{
    char half[300];
    whet_vid v = WHET_NO_VALUE;
    if (wide == WHET_DTYPE_NONE) return ov_make_const(w, name, t);
    snprintf(half, sizeof(half), "%.280s_f16", name ? name : w->l->name);
    const whet_vid narrow = ov_make_const(w, half, t);
    const whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(wide));
    if (w->status == WHET_OK) w->status = whet_graph_node(w->g, "Cast", name, 1, &narrow, 1, &to, 1, name ? &name : NULL, &v);
    return v;
}

whet_vid ov_reshape(ov_work *w, whet_vid x, int n, const int64_t *shape)
{
    return ov_op(w, "Reshape", OV_IN(x, ov_make_ints(w, n, shape)));
}

whet_vid ov_transpose(ov_work *w, whet_vid x, int n, const int64_t *perm)
{
    const whet_attr a = whet_attr_ints("perm", n, perm);
    return ov_node(w, "Transpose", 1, &x, 1, &a);
}

whet_vid ov_cast(ov_work *w, whet_vid x, whet_dtype t)
{
    const whet_attr a = whet_attr_int("to", whet_dtype_to_onnx(t));
    if (w->status != WHET_OK || ov_dtype_of(w, x) == t) return x;
    return ov_node(w, "Cast", 1, &x, 1, &a);
}

int ov_rank_of(const ov_work *w, whet_vid v) { return v >= 0 ? w->g->values[v].dims.rank : -1; }
whet_dtype ov_dtype_of(const ov_work *w, whet_vid v) { return v >= 0 ? w->g->values[v].dtype : WHET_DTYPE_NONE; }

int ov_axis(ov_work *w, int64_t axis, int rank)
{
    if (rank < 0) ov_fail(w, WHET_EUNSUPPORTED, "the rank of the input is not known");
    else if (axis < -rank || axis >= WHET_MAX(rank, 1)) ov_fail(w, WHET_EFORMAT, "axis %lld of rank %d", (long long)axis, rank);
    else return (int)(axis < 0 ? axis + rank : axis);
    return 0;
}

/* --- outputs */

/* The tensor's name in the file, or the layer's; whoever has it already keeps it. */
static void name_value(ov_work *w, int o, whet_vid v)
{
    char buf[300];
    const char *name = ov_first_name(w, w->l->out[o].names);
    const whet_value *value = &w->g->values[v];
    if (value->kind != WHET_VALUE_RESULT || v < w->first_new) return;
    if (!name && w->l->n_out > 1) {
        snprintf(buf, sizeof(buf), "%s.%d", w->l->name, o);
        name = buf;
    }
    if (!name) name = w->l->name;
    if (w->status != WHET_OK || strcmp(value->name, name) == 0 || whet_graph_find(w->g, name) >= 0) return;
    w->status = whet_graph_rename(w->g, v, name);
}

void ov_out(ov_work *w, int o, whet_vid v)
{
    if (w->status != WHET_OK) return;
    if (o >= w->l->n_out) {
        if (o == 0) ov_fail(w, WHET_EFORMAT, "the layer has no output port");
        return;
    }
    ov_port *p = &w->l->out[o];
    const whet_dtype declared = p->precision && *p->precision ? ov_dtype_parse(p->precision) : WHET_DTYPE_NONE;
    if (declared != WHET_DTYPE_NONE) v = ov_cast(w, v, declared);
    if (w->status != WHET_OK) return;
    p->v = v;
    name_value(w, o, v);
    const whet_dims *d = &w->g->values[v].dims;
    bool fits = d->rank < 0 || d->rank == p->n_dims;
    for (int i = 0; fits && i < d->rank; i++) fits = d->dims[i] < 0 || p->dims[i] < 0 || d->dims[i] == p->dims[i];
    if (fits || w->status != WHET_OK) return;
    char found[160];
    whet_shape said = {.rank = p->n_dims};
    for (int i = 0; i < p->n_dims; i++) said.dims[i] = p->dims[i];
    char text[160];
    ov_fail(w, WHET_ESHAPE, "output %d is declared as %s, but is computed as %s", o, whet_shape_text(&said, text, sizeof(text)),
            whet_dims_text(w->g, d, found, sizeof(found)));
}

void ov_out_const(ov_work *w, int o, const whet_tensor *t, const char *name) { ov_out_wide(w, o, t, WHET_DTYPE_NONE, name); }

void ov_out_wide(ov_work *w, int o, const whet_tensor *t, whet_dtype wide, const char *name)
{
    whet_tensor mine = *t;
    if (w->status != WHET_OK || o >= w->l->n_out) {
        if (o == 0) ov_fail(w, WHET_EFORMAT, "the layer has no output port");
        whet_tensor_dispose(&mine);
        return;
    }
    ov_port *p = &w->l->out[o];
    const char *own = ov_first_name(w, p->names);
    p->t = mine; /* also after a failure: the port frees it */
    p->is_const = true;
    p->wide = wide;
    p->const_name = own ? own : name ? name : w->l->name;
}

bool ov_reshaped_const(const ov_work *w, int i, const whet_shape *shape, whet_tensor *out, const char **name)
{
    const ov_port *p = ov_source(w, i, NULL);
    if (!p || !p->is_const || whet_shape_numel(shape) != whet_tensor_numel(&p->t)) return false;
    whet_tensor_init(out);
    whet_tensor_ref(out, &p->t);
    out->shape = *shape;
    *name = p->const_name;
    return true;
}

whet_dtype ov_wide(const ov_work *w, int i)
{
    const ov_port *p = ov_source(w, i, NULL);
    return p ? p->wide : WHET_DTYPE_NONE;
}

void ov_settle(ov_work *w, int i)
{
    ov_port *p = ov_source(w, i, NULL);
    size_t bytes = 0;
    if (w->status != WHET_OK || !p || !p->is_const || p->wide == WHET_DTYPE_NONE || p->v >= 0) return;
    w->status = whet_shape_bytes(&p->t.shape, p->wide, &bytes);
    if (w->status == WHET_OK) w->status = ov_budget(w->r, bytes);
    if (w->status == WHET_OK) w->status = whet_tensor_cast(&p->t, &p->t, p->wide);
    if (w->status == WHET_OK) p->wide = WHET_DTYPE_NONE;
}
