/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation as Keras writes it out (tensorflow/python/ops/nn_impl.py, batch_normalization) is read as one operator, so
 * that its parameters stay as they are in the file:  f = rsqrt(variance + epsilon) [* scale],  y = x * f + (offset - mean * f). */
#include "formats/tensorflow/tf_reader.h"

/* The node of that operator behind a reference; seen through Identity. Its index, or -1. */
static int node_of(const tf_reader *r, const tf_scope *s, const char *ref, const char *op)
{
    int node = -1, arg = -1, output = 0;
    for (int i = 0; i < TF_TRACE && tf_scope_find(r, s, ref, &node, &arg, &output) && node >= 0; i++) {
        const tf_node *n = &s->nodes->v[node];
        if (strcmp(n->op, op) == 0) return n->input.n >= 1 && *n->input.v[0] != '^' ? node : -1;
        if (strcmp(n->op, "Identity") != 0 || n->input.n < 1) return -1;
        ref = n->input.v[0];
    }
    return -1;
}

static const char *input_of(const tf_scope *s, int node, size_t i)
{
    const tf_node *n = &s->nodes->v[node];
    return i < n->input.n ? n->input.v[i] : "^";
}

/* Does the reference end at a constant or a variable? */
static bool is_parameter(const tf_reader *r, const tf_scope *s, const char *ref, const tf_node **constant)
{
    int node = -1, arg = -1, output = 0;
    bool read = false;
    *constant = NULL;
    for (int i = 0; i < TF_TRACE && tf_scope_find(r, s, ref, &node, &arg, &output); i++) {
        if (arg >= 0) return read; /* of a function: a variable */
        const tf_node *n = &s->nodes->v[node];
        if (strcmp(n->op, "Const") == 0) *constant = n;
        if (*constant || strcmp(n->op, "VarHandleOp") == 0 || strcmp(n->op, "VariableV2") == 0) return true;
        read = strcmp(n->op, "ReadVariableOp") == 0;
        if ((!read && strcmp(n->op, "Identity") != 0) || n->input.n < 1) return false;
        ref = n->input.v[0];
    }
    return false;
}

/* A vector, as far as its node tells. */
static bool is_vector(const tf_reader *r, const tf_scope *s, const char *ref)
{
    const tf_node *c = NULL;
    if (!is_parameter(r, s, ref, &c)) return false;
    const tf_value *a = c ? tf_node_attr(c, "value") : NULL;
    return !c || (a && a->tensor && a->tensor->dtype == TF_FLOAT && a->tensor->shape && a->tensor->shape->dim.n == 1);
}

static bool is_number(const tf_reader *r, const tf_scope *s, const char *ref, float *x)
{
    const tf_node *c = NULL;
    const tf_value *a = is_parameter(r, s, ref, &c) && c ? tf_node_attr(c, "value") : NULL;
    const tf_tensor *t = a ? a->tensor : NULL;
    if (!t || t->dtype != TF_FLOAT || (t->shape && t->shape->dim.n != 0)) return false;
    if (t->float_val.n == 1) *x = t->float_val.v[0];
    else if (t->content.size == sizeof(*x)) memcpy(x, t->content.data, sizeof(*x));
    else return false;
    return true;
}

typedef struct norm { const char *x, *scale, *offset, *mean, *variance; float epsilon; } norm;

static bool find_factor(const tf_reader *r, const tf_scope *s, int factor, norm *m)
{
    int root = node_of(r, s, s->nodes->v[factor].name, "Rsqrt");
    for (size_t i = 0; i < 2 && root < 0; i++) {
        root = node_of(r, s, input_of(s, factor, i), "Rsqrt");
        if (root >= 0) m->scale = input_of(s, factor, 1 - i);
        if (root >= 0 && !is_vector(r, s, m->scale)) return false;
    }
    if (root < 0) return false;
    int sum = node_of(r, s, input_of(s, root, 0), "AddV2");
    if (sum < 0) sum = node_of(r, s, input_of(s, root, 0), "Add");
    for (size_t i = 0; i < 2 && sum >= 0; i++) {
        m->variance = input_of(s, sum, i);
        if (is_vector(r, s, m->variance) && is_number(r, s, input_of(s, sum, 1 - i), &m->epsilon)) return true;
    }
    return false;
}

/* (offset - mean * f) or -(mean * f). */
static bool find_rest(const tf_reader *r, const tf_scope *s, const char *ref, int factor, norm *m)
{
    const int minus = node_of(r, s, ref, "Sub"), negative = minus < 0 ? node_of(r, s, ref, "Neg") : -1;
    const int from = minus >= 0 ? minus : negative;
    if (from < 0) return false;
    const int product = node_of(r, s, input_of(s, from, minus >= 0 ? 1 : 0), "Mul");
    if (minus >= 0) m->offset = input_of(s, minus, 0);
    if (m->offset && !is_vector(r, s, m->offset)) return false;
    for (size_t i = 0; i < 2 && product >= 0; i++) {
        m->mean = input_of(s, product, 1 - i);
        if (node_of(r, s, input_of(s, product, i), s->nodes->v[factor].op) == factor && is_vector(r, s, m->mean)) return true;
    }
    return false;
}

static bool find_norm(const tf_reader *r, const tf_scope *s, const tf_node *sum, norm *m)
{
    const bool adds = strcmp(sum->op, "AddV2") == 0 || strcmp(sum->op, "Add") == 0;
    for (size_t side = 0; side < 2 && adds && sum->input.n >= 2; side++) {
        const int product = node_of(r, s, sum->input.v[side], "Mul");
        for (size_t i = 0; i < 2 && product >= 0; i++) {
            *m = (norm){.x = input_of(s, product, 1 - i)};
            int factor = node_of(r, s, input_of(s, product, i), "Mul");
            if (factor < 0) factor = node_of(r, s, input_of(s, product, i), "Rsqrt");
            if (factor >= 0 && find_factor(r, s, factor, m) && find_rest(r, s, sum->input.v[1 - side], factor, m)) return true;
        }
    }
    return false;
}

size_t tf_norm_inputs(const tf_reader *r, const tf_scope *s, const tf_node *n, const char *refs[TF_NORM_INPUTS])
{
    norm m;
    size_t k = 0;
    if (!find_norm(r, s, n, &m)) return 0;
    const char *const all[TF_NORM_INPUTS] = {m.x, m.mean, m.variance, m.scale, m.offset};
    for (size_t i = 0; i < TF_NORM_INPUTS; i++)
        if (all[i]) refs[k++] = all[i];
    return k;
}

static whet_status filled(tf_reader *r, whet_dim channels, float x, whet_vid *out)
{
    whet_tensor t;
    const whet_shape s = WHET_SHAPE(channels);
    whet_tensor_init(&t);
    WHET_TRY(whet_tensor_alloc(&t, WHET_F32, &s));
    for (int64_t i = 0; i < channels; i++) whet_tensor_set_f64(&t, i, (double)x);
    whet_status status = whet_graph_const(r->g, NULL, &t, out);
    whet_tensor_dispose(&t);
    return status;
}

/* Of other shapes than pictures and rows: as it was written. */
static whet_status written_out(tf_reader *r, tf_work *w, const whet_vid v[5], float epsilon)
{
    whet_vid e = WHET_NO_VALUE, t = WHET_NO_VALUE, f = WHET_NO_VALUE, rest = WHET_NO_VALUE;
    WHET_TRY(tf_scalar(r, WHET_F32, (double)epsilon, &e));
    WHET_TRY(tf_make(r, w, "Add", WHET_IN(v[4], e), WHET_NO_ATTRS, &t));
    WHET_TRY(tf_make(r, w, "Sqrt", WHET_IN(t), WHET_NO_ATTRS, &e));
    WHET_TRY(tf_make(r, w, "Div", WHET_IN(v[1], e), WHET_NO_ATTRS, &f));
    WHET_TRY(tf_make(r, w, "Mul", WHET_IN(v[3], f), WHET_NO_ATTRS, &t));
    WHET_TRY(tf_make(r, w, "Sub", WHET_IN(v[2], t), WHET_NO_ATTRS, &rest));
    WHET_TRY(tf_make(r, w, "Mul", WHET_IN(v[0], f), WHET_NO_ATTRS, &t));
    return tf_emit(r, w, "Add", WHET_IN(t, rest), WHET_NO_ATTRS, WHET_NHWC);
}

whet_status tf_read_add(tf_reader *r, tf_work *w)
{
    norm m;
    whet_vid v[5]; /* x, scale, offset, mean, variance */
    if (w->n_in <= 2 || !find_norm(r, w->s, w->node, &m)) return tf_read_binary(r, w);
    const whet_dims d = tf_shape_in(r, w, 0), c = tf_shape_in(r, w, 1);
    const whet_layout form = d.rank == 4 ? WHET_NCHW : WHET_NHWC;
    for (int i = 1; i < w->n_in; i++) {
        const whet_dims k = tf_shape_in(r, w, i);
        if (k.rank != 1 || k.dims[0] < 1 || k.dims[0] != c.dims[0] || tf_type_in(r, w, i) != WHET_F32)
            return tf_fail(w, WHET_EUNSUPPORTED, "batch normalisation with parameters that are no vectors of one length is not handled");
    }
    WHET_TRY(tf_in(r, w, 0, form, &v[0]));
    WHET_TRY(tf_weight(r, w, 1, NULL, false, &v[3]));
    WHET_TRY(tf_weight(r, w, 2, NULL, false, &v[4]));
    if (m.scale) WHET_TRY(tf_weight(r, w, 3, NULL, true, &v[1]));
    else WHET_TRY(filled(r, c.dims[0], 1, &v[1]));
    if (m.offset) WHET_TRY(tf_weight(r, w, m.scale ? 4 : 3, NULL, true, &v[2]));
    else WHET_TRY(filled(r, c.dims[0], 0, &v[2]));
    if ((d.rank != 2 && d.rank != 4) || d.dims[d.rank - 1] != c.dims[0] || tf_type_in(r, w, 0) != WHET_F32) return written_out(r, w, v, m.epsilon);
    return tf_emit(r, w, "BatchNormalization", 5, v, WHET_ATTRS(whet_attr_float("epsilon", m.epsilon)), form);
}
