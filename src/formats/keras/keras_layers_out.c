/* SPDX-License-Identifier: Apache-2.0 */
/* The list of layers that is written: names, weights, what values stand for, and the order that Keras gives layers
 * (keras/src/ops/function.py, map_graph: by the longest way to an output, then by a search from the outputs). The order counts:
 * weights are matched by it. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "formats/keras/keras_names.h"
#include "formats/keras/keras_writer.h"
#include "ir/op.h"

whet_status keras_refuse(const whet_node *n, const char *fmt, ...)
{
    char text[300], op[64];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    WHET_FAIL(WHET_EUNSUPPORTED, "%s cannot be written as a Keras layer: %s", whet_op_text(n->op, op, sizeof op), text);
    whet_error_at_node(n->name);
    return WHET_EUNSUPPORTED;
}

/* --- before a node */
static whet_vid behind_casts(const keras_writer *w, whet_vid v)
{
    for (int i = 0; i < 4 && v >= 0 && w->g->values[v].producer >= 0; i++) {
        const whet_node *n = &w->g->nodes[w->g->values[v].producer];
        if (!whet_node_is(n, "Cast") && !whet_node_is(n, "Identity")) break;
        v = n->in[0];
    }
    return v;
}

bool keras_is_const(const keras_writer *w, whet_vid v)
{
    v = behind_casts(w, v);
    return v >= 0 && whet_graph_const_data(w->g, v) != NULL;
}

whet_status keras_in(const keras_writer *w, const whet_node *n, int i, bool rows_too, const keras_ref **out)
{
    const whet_vid v = i < n->n_in ? n->in[i] : WHET_NO_VALUE;
    *out = v >= 0 ? &w->refs[v] : NULL;
    if (v < 0 || (*out)->layer < 0) return keras_refuse(n, "its input %d is %s", i, keras_is_const(w, v) ? "a constant, and no layer gives one" : "not there");
    if ((*out)->batch != 0) return keras_refuse(n, "the batch is not the first axis of its input '%s'", w->g->values[v].name);
    if ((*out)->rows && !rows_too) return keras_refuse(n, "it works across the batch of its input '%s'", w->g->values[v].name);
    return WHET_OK;
}

whet_status keras_in_moved(const keras_writer *w, const whet_node *n, int i, const keras_ref **out)
{
    *out = i < n->n_in && n->in[i] >= 0 ? &w->refs[n->in[i]] : NULL;
    return *out != NULL && (*out)->batch != 0 ? WHET_OK : keras_in(w, n, i, false, out);
}

whet_status keras_in_const(const keras_writer *w, const whet_node *n, int i, whet_tensor *out)
{
    whet_tensor raw;
    whet_tensor_init(out);
    whet_vid v = i < n->n_in ? n->in[i] : WHET_NO_VALUE;
    if (v < 0) return WHET_OK;
    v = behind_casts(w, v);
    if (whet_graph_const_data(w->g, v) == NULL) return keras_refuse(n, "its input %d is computed, and the layer has it as a weight", i);
    WHET_TRY(whet_nhwc_const(w->g, v, &raw));
    if (raw.dtype == WHET_F32) {
        *out = raw;
        return WHET_OK;
    }
    const whet_status status = whet_tensor_cast(out, &raw, WHET_F32);
    whet_tensor_dispose(&raw);
    return status;
}

int keras_in_ints(const keras_writer *w, const whet_node *n, int i, int64_t *out, int cap)
{
    const whet_value *v = i < n->n_in && n->in[i] >= 0 ? &w->g->values[n->in[i]] : NULL;
    if (v == NULL) return -1;
    const whet_tensor *t = whet_graph_const_data(w->g, n->in[i]);
    const int count = t != NULL ? (int)WHET_MIN(whet_tensor_numel(t), 1 << 20) : v->n_known;
    if (count < 0 || count > cap || (t != NULL && !whet_dtype_is_int(t->dtype))) return -1;
    for (int k = 0; k < count; k++) {
        out[k] = t != NULL ? whet_tensor_get_s64(t, k) : v->known[k];
        if (t == NULL && out[k] < 0) return -1;
    }
    return count;
}

const whet_node *keras_only_user(const keras_writer *w, const whet_node *n)
{
    const whet_node *user = NULL;
    if (whet_graph_is_output(w->g, n->out[0])) return NULL;
    for (int i = 0; i < w->g->n_nodes; i++) {
        const whet_node *m = &w->g->nodes[i];
        for (int k = 0; m->op != NULL && k < m->n_in; k++) {
            if (m->in[k] != n->out[0]) continue;
            if (user != NULL) return NULL;
            user = m;
        }
    }
    return user;
}

/* --- names: letters, digits, '_', '-', '.'; unique; Keras 3 takes no '/', TensorFlow scopes begin with a letter, digit or '.' */
static whet_status unique_name(keras_writer *w, const char *base, char **out)
{
    char clean[KERAS_NAME], name[KERAS_NAME + 32];
    size_t n = 0;
    if (!isalnum((unsigned char)base[0])) clean[n++] = 'l';
    for (const char *p = base; *p != '\0' && n < sizeof clean - 1; p++) clean[n++] = isalnum((unsigned char)*p) || strchr("_-.", *p) != NULL ? *p : '_';
    clean[n] = '\0';
    do WHET_TRY(keras_unique(w->names, clean, name, sizeof name));
    while (strcmp(name, clean) != 0 && json_object_get(w->names, name) != NULL);
    if (strcmp(name, clean) != 0 && json_object_set_new(w->names, name, json_integer(0)) != 0) return WHET_FAIL(WHET_ENOMEM, "out of memory");
    *out = whet_strdup(name);
    return *out != NULL ? WHET_OK : WHET_ENOMEM;
}

const char *keras_base_name(const keras_writer *w, const whet_node *n, int weight, char *buf, size_t size)
{
    static const char *const ends[] = {".weight", "/kernel", "/depthwise_kernel", "/pointwise_kernel", "/gamma", "/alpha", ".gamma"};
    const whet_vid v = weight >= 0 && weight < n->n_in ? behind_casts(w, n->in[weight]) : WHET_NO_VALUE;
    const char *name = v >= 0 ? w->g->values[v].name : "";
    const size_t all = strlen(name);
    for (size_t i = 0; i < WHET_COUNT(ends); i++) {
        const char *at = strstr(name, ends[i]);
        if (at == NULL || at == name || (size_t)(at - name) >= size) continue;
        if (at[strlen(ends[i])] != '\0' && at[strlen(ends[i])] != '.' && all > 0) continue; /* ".1" of a permuted copy */
        memcpy(buf, name, (size_t)(at - name));
        buf[at - name] = '\0';
        return buf;
    }
    return n->name;
}

/* --- layers */
whet_status keras_layer(keras_writer *w, const char *class_name, const char *base, json_t *config, int n_in, const int *in, int *out)
{
    json_t *full = json_object();
    char *name = NULL;
    whet_status status = WHET_OK;
    *out = -1;
    if (n_in > KERAS_OUT_INPUTS) status = WHET_FAIL(WHET_EUNSUPPORTED, "layer '%s' would have %d inputs, at most %d are possible", base, n_in, (int)KERAS_OUT_INPUTS);
    else if (config == NULL || full == NULL) status = WHET_FAIL(WHET_ENOMEM, "out of memory");
    if (status == WHET_OK) status = unique_name(w, base, &name);
    if (status == WHET_OK && !WHET_GROW(&w->layers, w->n_layers, &w->cap_layers)) status = WHET_ENOMEM;
    if (status == WHET_OK && (json_object_set_new(full, "name", json_string(name)) != 0 || json_object_set_new(full, "trainable", json_true()) != 0 ||
                              json_object_set_new(full, "dtype", json_string("float32")) != 0 || json_object_update(full, config) != 0))
        status = WHET_FAIL(WHET_ENOMEM, "out of memory");
    json_decref(config);
    if (status != WHET_OK) {
        whet_free(name);
        json_decref(full);
        return status;
    }
    *out = (int)w->n_layers;
    keras_out_layer *l = &w->layers[w->n_layers++];
    *l = (keras_out_layer){.name = name, .class_name = class_name, .config = full, .n_in = n_in};
    for (int i = 0; i < n_in; i++) l->in[i] = in[i];
    return WHET_OK;
}

whet_status keras_layer_weight(keras_writer *w, int layer, const char *role, whet_tensor *t)
{
    keras_out_layer *l = &w->layers[layer];
    if (l->n_weights == KERAS_OUT_WEIGHTS) {
        whet_tensor_dispose(t);
        return WHET_FAIL(WHET_EUNSUPPORTED, "layer '%s' has too many weights", l->name);
    }
    l->weights[l->n_weights++] = (keras_out_weight){.role = role, .t = *t};
    whet_tensor_init(t);
    return WHET_OK;
}

void keras_give(keras_writer *w, const whet_node *n, int o, int layer, const whet_dims *dims, bool rows)
{
    w->refs[n->out[o]] = (keras_ref){.layer = layer, .dims = *dims, .rows = rows};
}

void keras_alias(keras_writer *w, const whet_node *n, const keras_ref *r)
{
    w->refs[n->out[0]] = *r;
}

whet_status keras_simple(keras_writer *w, const whet_node *n, const char *class_name, json_t *config)
{
    const keras_ref *in = NULL;
    int layer = -1;
    const whet_status status = keras_in(w, n, 0, true, &in);
    if (status != WHET_OK) {
        json_decref(config);
        return status;
    }
    const bool rows = in->rows;
    whet_dims d = whet_nhwc_dims(w->g, n->out[0]);
    if (rows) {
        const whet_dim last = d.dims[d.rank - 1];
        d = in->dims;
        d.dims[d.rank - 1] = last;
    }
    WHET_TRY(keras_layer(w, class_name, n->name, config, 1, &in->layer, &layer));
    keras_give(w, n, 0, layer, &d, rows);
    return WHET_OK;
}

json_t *keras_pair(int64_t a, int64_t b)
{
    return json_pack("[I,I]", (json_int_t)a, (json_int_t)b);
}

whet_status keras_rescale(keras_writer *w, const char *base, double scale, double offset, int in, int *out)
{
    return keras_layer(w, "Rescaling", base, json_pack("{s:f,s:f}", "scale", scale, "offset", offset), 1, &in, out);
}

/* --- the order: post-order search from the outputs, then by depth and by when they were met */
typedef struct search { int *stack, *next, n_stack, *finished, n_finished, met; } search;

static void visit(keras_writer *w, search *s, int from)
{
    if (w->layers[from].order >= 0) return;
    w->layers[from].order = s->met++;
    s->stack[0] = from;
    s->n_stack = 1;
    while (s->n_stack > 0) {
        const int at = s->stack[s->n_stack - 1];
        keras_out_layer *l = &w->layers[at];
        if (s->next[at] == l->n_in) {
            s->finished[s->n_finished++] = at;
            s->n_stack--;
            continue;
        }
        const int to = l->in[s->next[at]++];
        if (w->layers[to].order >= 0) continue;
        w->layers[to].order = s->met++;
        s->stack[s->n_stack++] = to;
    }
}

static int by_depth(const void *a, const void *b)
{
    const keras_out_layer *const *x = a, *const *y = b;
    if ((*x)->depth != (*y)->depth) return (*x)->depth > (*y)->depth ? -1 : 1;
    return (*x)->order < (*y)->order ? -1 : (*x)->order > (*y)->order;
}

/* Layers in the new order, references between them with it; those that no output needs are dropped, inputs excepted. */
static whet_status renumber(keras_writer *w, keras_out_layer **sorted, size_t n)
{
    int *place = whet_calloc(w->n_layers + 1, sizeof *place);
    keras_out_layer *layers = whet_calloc(n + 1, sizeof *layers);
    if (place == NULL || layers == NULL) {
        whet_free(place);
        whet_free(layers);
        return WHET_ENOMEM;
    }
    for (size_t i = 0; i < w->n_layers; i++) place[i] = -1;
    for (size_t i = 0; i < n; i++) place[sorted[i] - w->layers] = (int)i;
    for (size_t i = 0; i < n; i++) {
        layers[i] = *sorted[i];
        for (int k = 0; k < layers[i].n_in; k++) layers[i].in[k] = place[layers[i].in[k]];
        sorted[i]->name = NULL;
    }
    for (int v = 0; v < w->g->n_values; v++)
        if (w->refs[v].layer >= 0) w->refs[v].layer = place[w->refs[v].layer];
    for (size_t i = 0; i < w->n_layers; i++)
        if (w->layers[i].name != NULL) {
            whet_free(w->layers[i].name);
            json_decref(w->layers[i].config);
            for (int k = 0; k < w->layers[i].n_weights; k++) whet_tensor_dispose(&w->layers[i].weights[k].t);
        }
    whet_free(w->layers);
    whet_free(place);
    w->layers = layers;
    w->n_layers = w->cap_layers = n;
    return WHET_OK;
}

whet_status keras_sort_layers(keras_writer *w)
{
    const size_t n = w->n_layers;
    search s = {.stack = whet_calloc(n + 1, sizeof(int)), .next = whet_calloc(n + 1, sizeof(int)), .finished = whet_calloc(n + 1, sizeof(int))};
    keras_out_layer **sorted = whet_calloc(n + 1, sizeof *sorted);
    whet_status status = s.stack != NULL && s.next != NULL && s.finished != NULL && sorted != NULL ? WHET_OK : WHET_ENOMEM;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) w->layers[i].order = -1, w->layers[i].depth = 0;
    for (int i = 0; status == WHET_OK && i < w->g->n_outputs; i++) visit(w, &s, w->refs[w->g->outputs[i]].layer);
    for (int i = s.n_finished; status == WHET_OK && i-- > 0;) {
        const keras_out_layer *l = &w->layers[s.finished[i]];
        for (int k = 0; k < l->n_in; k++) w->layers[l->in[k]].depth = WHET_MAX(w->layers[l->in[k]].depth, l->depth + 1);
    }
    for (size_t i = 0; status == WHET_OK && i < n; i++)
        if (w->layers[i].order >= 0 || w->layers[i].n_in == 0) sorted[kept++] = &w->layers[i];
    if (status == WHET_OK) {
        qsort(sorted, kept, sizeof *sorted, by_depth);
        status = renumber(w, sorted, kept);
    }
    whet_free(s.stack);
    whet_free(s.next);
    whet_free(s.finished);
    whet_free(sorted);
    return status;
}

void keras_writer_dispose(keras_writer *w)
{
    for (size_t i = 0; i < w->n_layers; i++) {
        whet_free(w->layers[i].name);
        json_decref(w->layers[i].config);
        for (int k = 0; k < w->layers[i].n_weights; k++) whet_tensor_dispose(&w->layers[i].weights[k].t);
    }
    whet_free(w->layers);
    whet_free(w->refs);
    whet_free(w->done);
    json_decref(w->names);
}
