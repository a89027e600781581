/* SPDX-License-Identifier: Apache-2.0 */
/* What the reading functions share: attributes, inputs in the form that is asked for, parameters, results under their names. */
#include <stdio.h>

#include "formats/tensorflow/tf_reader.h"

/* --- attributes */

const tf_value *tf_node_attr(const tf_node *n, const char *key)
{
    for (size_t i = 0; i < n->attr.n; i++)
        if (n->attr.v[i].key && strcmp(n->attr.v[i].key, key) == 0) return n->attr.v[i].value;
    return NULL;
}

const tf_value *tf_attr_of(const tf_work *w, const char *key) { return tf_node_attr(w->node, key); }

int64_t tf_attr_int(const tf_work *w, const char *key, int64_t otherwise)
{
    const tf_value *a = tf_attr_of(w, key);
    return a && a->head.has & TF_HAS_I ? a->i : otherwise;
}

bool tf_attr_bool(const tf_work *w, const char *key, bool otherwise)
{
    const tf_value *a = tf_attr_of(w, key);
    return a && a->head.has & TF_HAS_B ? a->b != 0 : otherwise;
}

float tf_attr_float(const tf_work *w, const char *key, float otherwise)
{
    const tf_value *a = tf_attr_of(w, key);
    return a && a->head.has & TF_HAS_F ? a->f : otherwise;
}

int64_t tf_attr_type(const tf_work *w, const char *key, int64_t otherwise)
{
    const tf_value *a = tf_attr_of(w, key);
    return a && a->head.has & TF_HAS_TYPE ? a->type : otherwise;
}

bool tf_attr_is(const tf_work *w, const char *key, const char *text)
{
    const tf_value *a = tf_attr_of(w, key);
    return a && a->s.data && a->s.size == strlen(text) && memcmp(a->s.data, text, a->s.size) == 0;
}

int tf_attr_ints(const tf_work *w, const char *key, int64_t *out, int cap)
{
    const tf_value *a = tf_attr_of(w, key);
    const int n = a && a->list ? (int)WHET_MIN(a->list->i.n, (size_t)1 << 20) : 0;
    for (int i = 0; i < n && i < cap; i++) out[i] = a->list->i.v[i];
    return n;
}

/* --- tensors */

tf_val *tf_val_new(tf_reader *r, tf_kind kind)
{
    tf_val *v = whet_arena_alloc(r->arena, sizeof(*v));
    if (!v) return NULL;
    v->kind = kind;
    v->v = WHET_NHWC_NONE;
    v->weight = WHET_NO_VALUE;
    whet_tensor_init(&v->data);
    v->next = r->vals;
    r->vals = v;
    return v;
}

whet_status tf_need(const tf_work *w, int n)
{
    return w->n_in >= n ? WHET_OK : tf_fail(w, WHET_EFORMAT, "%d inputs are given, %d are needed", w->n_in, n);
}

whet_status tf_materialise(tf_reader *r, tf_val *v)
{
    if (!v->lazy) return WHET_OK;
    WHET_TRY(whet_graph_const(r->g, v->name, &v->data, &v->v.last));
    v->lazy = false;
    return WHET_OK;
}

whet_status tf_reshaped(tf_reader *r, tf_work *w, const tf_val *v, int rank, const int64_t *dims)
{
    const int64_t all = whet_tensor_numel(&v->data);
    int64_t known = 1;
    int open = -1;
    whet_shape s = {.rank = rank};
    for (int i = 0; i < rank; i++) {
        s.dims[i] = dims[i];
        if (dims[i] >= 0) {
            if (!whet_mul_i64(known, dims[i], &known)) return tf_fail(w, WHET_EFORMAT, "the shape is too large");
        } else if (open >= 0 || dims[i] != -1) {
            return tf_fail(w, WHET_EFORMAT, "the shape leaves more than one size open");
        } else {
            open = i;
        }
    }
    if (open >= 0) s.dims[open] = known > 0 ? all / known : 0;
    if (open >= 0 ? known <= 0 || all % known != 0 : known != all)
        return tf_fail(w, WHET_ESHAPE, "%lld elements do not fill the shape", (long long)all);
    tf_val *out = tf_val_new(r, TF_VAL_TENSOR);
    if (!out) return WHET_ENOMEM;
    out->lazy = true;
    out->name = w->name;
    whet_tensor_ref(&out->data, &v->data);
    out->data.shape = s;
    return tf_alias(w, 0, out);
}

whet_status tf_nhwc(tf_reader *r, tf_work *w, int i, whet_nhwc **t)
{
    *t = NULL;
    WHET_TRY(tf_need(w, i + 1));
    tf_val *v = w->in[i];
    if (v->kind == TF_VAL_BLOCKS)
        return tf_fail(w, WHET_EUNSUPPORTED, "between SpaceToBatchND and BatchToSpaceND only one convolution is handled");
    if (v->kind == TF_VAL_RESOURCE)
        return tf_fail(w, WHET_EUNSUPPORTED, "input %d is a variable itself, which only inference graphs that read it can use", i);
    if (v->kind != TF_VAL_TENSOR) return tf_fail(w, WHET_EUNSUPPORTED, "input %d is text, which is not handled", i);
    WHET_TRY(tf_materialise(r, v));
    *t = &v->v;
    return WHET_OK;
}

whet_status tf_in(tf_reader *r, tf_work *w, int i, whet_layout form, whet_vid *v)
{
    whet_nhwc *t = NULL;
    WHET_TRY(tf_nhwc(r, w, i, &t));
    return whet_nhwc_get(r->g, t, form, v);
}

const whet_tensor *tf_const(tf_reader *r, tf_work *w, int i)
{
    if (i >= w->n_in || w->in[i]->kind != TF_VAL_TENSOR) return NULL;
    return w->in[i]->lazy ? &w->in[i]->data : whet_nhwc_const(r->g, &w->in[i]->v);
}

whet_dims tf_shape_in(tf_reader *r, tf_work *w, int i)
{
    const whet_dims unknown = {.rank = -1};
    if (i >= w->n_in || w->in[i]->kind != TF_VAL_TENSOR) return unknown;
    return w->in[i]->lazy ? whet_dims_of(&w->in[i]->data.shape) : whet_nhwc_dims(r->g, &w->in[i]->v);
}

whet_dtype tf_type_in(tf_reader *r, tf_work *w, int i)
{
    if (i >= w->n_in || w->in[i]->kind != TF_VAL_TENSOR) return WHET_DTYPE_NONE;
    return w->in[i]->lazy ? w->in[i]->data.dtype : whet_nhwc_dtype(r->g, &w->in[i]->v);
}

whet_status tf_dims_in(tf_reader *r, tf_work *w, int i, whet_dim *out, int cap, int *n)
{
    WHET_TRY(tf_need(w, i + 1));
    const whet_tensor *t = tf_const(r, w, i);
    *n = -1;
    if (t) {
        const int64_t count = whet_tensor_numel(t);
        if (!whet_dtype_is_int(t->dtype)) return tf_fail(w, WHET_EFORMAT, "input %d should be integers", i);
        if (count > cap) return tf_fail(w, WHET_EUNSUPPORTED, "input %d has %lld numbers, at most %d are handled", i, (long long)count, cap);
        for (*n = 0; *n < count; ++*n) out[*n] = whet_tensor_get_s64(t, *n);
        return WHET_OK;
    }
    const whet_nhwc *v = w->in[i]->kind == TF_VAL_TENSOR ? &w->in[i]->v : NULL;
    const whet_value *value = v && v->last >= 0 ? &r->g->values[v->last] : NULL;
    if (!value || value->n_known < 0 || value->n_known > cap) return WHET_OK;
    for (*n = 0; *n < value->n_known; ++*n) out[*n] = value->known[*n];
    return WHET_OK;
}

whet_status tf_ints(tf_reader *r, tf_work *w, int i, int64_t *out, int cap, int *n)
{
    WHET_TRY(tf_dims_in(r, w, i, out, cap, n));
    bool fine = *n >= 0;
    for (int k = 0; fine && k < *n && !tf_const(r, w, i); k++) fine = out[k] >= 0;
    return fine ? WHET_OK : tf_fail(w, WHET_EUNSUPPORTED, "input %d is computed while the network runs; only constants are handled there", i);
}

whet_status tf_in_s64(tf_reader *r, tf_work *w, int i, whet_vid *v)
{
    WHET_TRY(tf_in(r, w, i, WHET_NHWC, v));
    const whet_tensor *t = whet_graph_const_data(r->g, *v);
    if (r->g->values[*v].dtype == WHET_S64) return WHET_OK;
    if (t && whet_dtype_is_int(t->dtype)) {
        whet_tensor wide;
        whet_tensor_init(&wide);
        WHET_TRY(whet_tensor_cast(&wide, t, WHET_S64));
        whet_status status = whet_graph_const(r->g, NULL, &wide, v);
        whet_tensor_dispose(&wide);
        return status;
    }
    const whet_vid x = *v;
    return tf_make(r, w, "Cast", WHET_IN(x), WHET_ATTRS(whet_attr_int("to", whet_dtype_to_onnx(WHET_S64))), v);
}

/* --- parameters */

static whet_status add_parameter(tf_reader *r, const char *name, const whet_tensor *t, bool trainable, whet_vid *out)
{
    const bool variable = r->opt.parameters_as_variables && whet_dtype_is_float(t->dtype) && t->shape.rank > 0;
    return variable ? whet_graph_variable(r->g, name, t, trainable, out) : whet_graph_const(r->g, name, t, out);
}

static whet_status make_weight(tf_reader *r, tf_val *v, const int64_t *perm, bool trainable, whet_vid *out)
{
    whet_tensor t;
    if (!perm) return add_parameter(r, v->name, &v->data, trainable, out);
    if (!r->opt.parameters_as_variables) return whet_nhwc_weight(r->g, v->name, &v->data, perm, out);
    WHET_TRY(whet_tensor_permute(&v->data, perm, &t));
    whet_status status = add_parameter(r, v->name, &t, trainable, out);
    whet_tensor_dispose(&t);
    return status;
}

whet_status tf_weight(tf_reader *r, tf_work *w, int i, const int64_t *perm, bool trainable, whet_vid *out)
{
    static const int64_t same[4] = {0, 1, 2, 3};
    WHET_TRY(tf_need(w, i + 1));
    tf_val *v = w->in[i];
    const int64_t *key = perm ? perm : same;
    const whet_dims d = tf_shape_in(r, w, i);
    if (perm && d.rank != 4) return tf_fail(w, WHET_EFORMAT, "the weights do not have 4 dimensions");
    if (!v->lazy) {
        WHET_TRY(tf_in(r, w, i, WHET_NHWC, out));
        if (!perm) return WHET_OK;
        const whet_vid x = *out;
        const whet_tensor *data = whet_graph_const_data(r->g, x);
        if (data) return whet_nhwc_weight(r->g, r->g->values[x].name, data, perm, out);
        return tf_make(r, w, "Transpose", WHET_IN(x), WHET_ATTRS(whet_attr_ints("perm", 4, perm)), out);
    }
    *out = v->weight;
    if (v->weight >= 0 && memcmp(v->weight_perm, key, sizeof(v->weight_perm)) == 0) return WHET_OK;
    WHET_TRY(make_weight(r, v, perm, trainable, out));
    v->weight = *out;
    memcpy(v->weight_perm, key, sizeof(v->weight_perm));
    return WHET_OK;
}

/* --- results */

whet_status tf_outputs(tf_reader *r, tf_work *w, int n)
{
    w->out = whet_arena_alloc(r->arena, ((size_t)n + 1) * sizeof(tf_val *));
    w->n_out = n;
    return w->out ? WHET_OK : WHET_ENOMEM;
}

whet_status tf_set(tf_reader *r, tf_work *w, int k, whet_vid v, whet_layout form)
{
    w->out[k] = tf_val_new(r, TF_VAL_TENSOR);
    if (!w->out[k]) return WHET_ENOMEM;
    w->out[k]->v = r->g->values[v].dims.rank == 4 ? whet_nhwc_of(v, form) : whet_nhwc_of(v, WHET_NHWC);
    return WHET_OK;
}

whet_status tf_alias(tf_work *w, int k, tf_val *v)
{
    w->out[k] = v;
    return WHET_OK;
}

whet_status tf_emit(tf_reader *r, tf_work *w, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attr,
                    whet_layout form)
{
    whet_vid y = WHET_NO_VALUE;
    WHET_TRY(whet_graph_node(r->g, op, w->name, n_in, in, n_attr, attr, 1, &w->name, &y));
    return tf_set(r, w, 0, y, form);
}

whet_status tf_make(tf_reader *r, const tf_work *w, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attr,
                    whet_vid *out)
{
    (void)w;
    return whet_graph_op1(r->g, op, n_in, in, n_attr, attr, out);
}

whet_status tf_scalar(tf_reader *r, whet_dtype t, double x, whet_vid *out) { return whet_graph_const_like(r->g, t, x, out); }
