/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's attributes, shapes and refusals. */
#include <stdarg.h>
#include <stdio.h>

#include "formats/tensorflow/tf_writer.h"
#include "ir/op.h"

void tf_refuse(tf_writer *w, whet_status status, const char *fmt, ...)
{
    char text[1024] = "", op[64];
    va_list args;
    if (w->status != WHET_OK) return;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (w->node) whet_fail(status, "%s: %s", whet_op_text(w->node->op, op, sizeof(op)), text);
    else whet_fail(status, "%s", text);
    if (w->node) whet_error_at_node(w->node->name);
    w->status = status;
}

void *tf_take(tf_writer *w, size_t count, size_t size)
{
    size_t bytes = 0;
    void *p = whet_mul_size(count, size, &bytes) ? whet_arena_alloc(w->arena, bytes + 1) : NULL;
    if (!p && w->status == WHET_OK) w->status = WHET_ENOMEM;
    return p;
}

/* --- attributes */

tf_attr tf_attr_new(tf_writer *w, const char *key, tf_value **v)
{
    *v = tf_take(w, 1, sizeof(tf_value));
    return (tf_attr){.key = key, .value = *v};
}

tf_attr tf_a_type(tf_writer *w, const char *key, whet_dtype t)
{
    tf_value *v = NULL;
    tf_attr a = tf_attr_new(w, key, &v);
    if (tf_dtype_code(t) == 0) tf_refuse(w, WHET_EUNSUPPORTED, "type %s cannot be written", whet_dtype_name(t));
    if (v) v->type = tf_dtype_code(t);
    if (v) v->head.has = TF_HAS_TYPE;
    return a;
}

tf_attr tf_a_int(tf_writer *w, const char *key, int64_t x)
{
    tf_value *v = NULL;
    tf_attr a = tf_attr_new(w, key, &v);
    if (v) v->i = x;
    if (v) v->head.has = TF_HAS_I;
    return a;
}

tf_attr tf_a_bool(tf_writer *w, const char *key, bool x)
{
    tf_value *v = NULL;
    tf_attr a = tf_attr_new(w, key, &v);
    if (v) v->b = x;
    if (v) v->head.has = TF_HAS_B;
    return a;
}

tf_attr tf_a_float(tf_writer *w, const char *key, float x)
{
    tf_value *v = NULL;
    tf_attr a = tf_attr_new(w, key, &v);
    if (v) v->f = x;
    if (v) v->head.has = TF_HAS_F;
    return a;
}

tf_attr tf_a_text(tf_writer *w, const char *key, const char *s)
{
    tf_value *v = NULL;
    tf_attr a = tf_attr_new(w, key, &v);
    if (v) v->s = (whet_pb_bytes){(const uint8_t *)s, strlen(s)};
    return a;
}

tf_attr tf_a_ints(tf_writer *w, const char *key, int n, const int64_t *x)
{
    tf_value *v = NULL;
    tf_attr a = tf_attr_new(w, key, &v);
    tf_list *list = tf_take(w, 1, sizeof(*list));
    int64_t *copy = tf_take(w, (size_t)n, sizeof(*copy));
    if (!v || !list || !copy) return a;
    memcpy(copy, x, (size_t)n * sizeof(*copy));
    list->i = (whet_pb_ints){(size_t)n, copy};
    v->list = list;
    return a;
}

const tf_shape *tf_shape_of(tf_writer *w, const whet_dims *d)
{
    tf_shape *s = tf_take(w, 1, sizeof(*s));
    tf_dim *dims = tf_take(w, WHET_MAX_RANK, sizeof(*dims));
    if (!s || !dims) return NULL;
    for (int i = 0; i < d->rank; i++) {
        dims[i].size = d->dims[i] < 0 ? -1 : d->dims[i];
        dims[i].head.has = 1;
    }
    s->dim.n = d->rank < 0 ? 0 : (size_t)d->rank;
    s->dim.v = dims;
    s->unknown_rank = d->rank < 0;
    return s;
}

tf_attr tf_a_shape(tf_writer *w, const char *key, const whet_dims *d)
{
    tf_value *v = NULL;
    tf_attr a = tf_attr_new(w, key, &v);
    if (v) v->shape = tf_shape_of(w, d);
    return a;
}

tf_attr tf_a_tensor(tf_writer *w, const char *key, const whet_tensor *t)
{
    tf_value *v = NULL;
    tf_attr a = tf_attr_new(w, key, &v);
    tf_tensor *p = tf_take(w, 1, sizeof(*p));
    const whet_dims d = whet_dims_of(&t->shape);
    if (!v || !p) return a;
    if (tf_dtype_code(t->dtype) == 0) tf_refuse(w, WHET_EUNSUPPORTED, "a constant of type %s cannot be written", whet_dtype_name(t->dtype));
    p->dtype = tf_dtype_code(t->dtype);
    p->shape = tf_shape_of(w, &d);
    p->content = (whet_pb_bytes){t->data ? t->data : (const void *)"", whet_tensor_bytes(t)};
    v->tensor = p;
    return a;
}
