/* SPDX-License-Identifier: Apache-2.0 */
/* Building a model: the layers of a Sequential one after the other, those of a functional graph as their tensors come to be. A
 * model used as a layer is built anew for each call, with the parameters of the first. */
#include <stdio.h>
#include <string.h>

#include "formats/keras/keras_reader.h"
#include "wire/json.h"

enum { MAX_NESTING = 32 };

/* --- references: ["layer", call, output], bare or inside {"class_name": "__keras_tensor__"} */
static const json_t *reference(const json_t *v)
{
    if (json_is_object(v) && strcmp(whet_json_str(v, "class_name"), "__keras_tensor__") == 0)
        return json_object_get(json_object_get(v, "config"), "keras_history");
    if (json_is_array(v) && json_array_size(v) >= 3 && json_is_string(json_array_get(v, 0)) && json_is_integer(json_array_get(v, 1)) &&
        json_is_integer(json_array_get(v, 2)))
        return v;
    return NULL;
}

static keras_layer *find_layer(const keras_model *m, const json_t *name)
{
    const json_t *i = json_is_string(name) ? json_object_get(m->index, json_string_value(name)) : NULL;
    return i != NULL ? &m->layers[json_integer_value(i)] : NULL;
}

/* Which call of the layer is meant. Models used as layers were called once when they were made; whether that counts differs. */
static size_t call_of(const keras_reader *r, const keras_layer *l, const json_t *ref, bool wrapped)
{
    const json_int_t i = json_integer_value(json_array_get(ref, 1));
    const size_t all = l->is_input ? 1 : json_array_size(l->nodes);
    const bool counts = l->model != NULL && !wrapped && (!r->keras3 || !l->model->sequential);
    if (i > 0 && (counts || (l->model != NULL && (size_t)i >= all))) return (size_t)i - 1;
    return i < 0 ? SIZE_MAX : (size_t)i;
}

/* *out NULL: the tensor is not there yet. */
static whet_status resolve(const keras_reader *r, const keras_model *m, const json_t *v, whet_nhwc **out)
{
    const json_t *ref = reference(v);
    const keras_layer *l = find_layer(m, json_array_get(ref, 0));
    *out = NULL;
    if (l == NULL) return WHET_FAIL(WHET_EFORMAT, "the model '%s' refers to a layer '%.60s' that it has not", m->name, json_is_string(json_array_get(ref, 0)) ? json_string_value(json_array_get(ref, 0)) : "?");
    const size_t i = call_of(r, l, ref, json_is_object(v));
    const json_int_t k = json_integer_value(json_array_get(ref, 2));
    if (i == SIZE_MAX || k < 0) return WHET_FAIL(WHET_EFORMAT, "the model '%s' refers to a negative call of '%s'", m->name, l->name);
    if (i >= l->n_calls) return WHET_OK;
    if ((size_t)k >= l->calls[i]->n) return WHET_FAIL(WHET_EFORMAT, "the layer '%s' has no output %lld", l->name, (long long)k);
    *out = &l->calls[i]->t[k];
    return WHET_OK;
}

static whet_status add_call(keras_reader *r, keras_layer *l, size_t n, const whet_nhwc *t)
{
    if (++r->n_calls > KERAS_MAX_CALLS) return WHET_FAIL(WHET_EFORMAT, "the models call layers over %d times", KERAS_MAX_CALLS);
    if (!WHET_GROW(&l->calls, l->n_calls, &l->cap_calls)) return WHET_ENOMEM;
    keras_tensors *made = whet_calloc(1, sizeof *made + n * sizeof(whet_nhwc));
    if (made == NULL) return WHET_ENOMEM;
    made->n = n;
    memcpy(made->t, t, n * sizeof *t);
    l->calls[l->n_calls++] = made;
    return WHET_OK;
}

/* --- arguments of a call, flattened: tensors, and what holds no tensor as it is */
typedef struct list { keras_arg args[KERAS_MAX_TENSORS]; size_t n; bool waits; } list;

static bool holds_reference(const json_t *v, int depth)
{
    if (reference(v) != NULL) return true;
    for (size_t i = 0; json_is_array(v) && depth < MAX_NESTING && i < json_array_size(v); i++)
        if (holds_reference(json_array_get(v, i), depth + 1)) return true;
    return false;
}

static whet_status collect(const keras_reader *r, const keras_model *m, const json_t *v, int depth, list *out)
{
    v = reference(v) == NULL ? keras_unwrap(v) : v;
    if (reference(v) == NULL && json_is_array(v) && holds_reference(v, depth) && depth < MAX_NESTING) {
        for (size_t i = 0; i < json_array_size(v); i++) WHET_TRY(collect(r, m, json_array_get(v, i), depth + 1, out));
        return WHET_OK;
    }
    if (out->n == KERAS_MAX_TENSORS) return WHET_FAIL(WHET_EFORMAT, "a layer of the model '%s' has over %d inputs", m->name, KERAS_MAX_TENSORS);
    keras_arg *a = &out->args[out->n++];
    *a = (keras_arg){.is_tensor = reference(v) != NULL, .json = v};
    if (!a->is_tensor) return WHET_OK;
    WHET_TRY(resolve(r, m, v, &a->t));
    if (a->t == NULL) out->waits = true;
    return WHET_OK;
}

/* Keywords that are inputs of a layer, in the order of its arguments. */
static whet_status collect_keywords(const keras_reader *r, const keras_model *m, const json_t *kwargs, list *out)
{
    static const char *const inputs[] = {"inputs", "x", "x1", "query", "value", "key", "y", "x2", "b"};
    for (size_t i = 0; i < WHET_COUNT(inputs); i++) {
        const json_t *v = json_object_get(kwargs, inputs[i]);
        if (v != NULL && !json_is_null(v)) WHET_TRY(collect(r, m, v, 0, out));
    }
    return WHET_OK;
}

/* Keras 2: [["layer", call, output, {keywords}], ...]; a constant first argument is ["_CONSTANT_VALUE", -1, value, {...}]. */
static whet_status collect_older(const keras_reader *r, const keras_model *m, const json_t *node, list *out, const json_t **kwargs)
{
    for (size_t i = 0; i < json_array_size(node); i++) {
        const json_t *v = json_array_get(node, i), *first = json_array_get(v, 0);
        if (json_is_string(first) && strcmp(json_string_value(first), "_CONSTANT_VALUE") == 0) v = json_array_get(v, 2);
        else if (reference(v) == NULL) return WHET_FAIL(WHET_EFORMAT, "a call in the model '%s' is no list of tensors", m->name);
        WHET_TRY(collect(r, m, v, 0, out));
        if (*kwargs == NULL) *kwargs = json_array_get(json_array_get(node, i), 3);
    }
    return collect_keywords(r, m, *kwargs, out);
}

static whet_status collect_node(const keras_reader *r, const keras_model *m, const json_t *node, list *out, const json_t **kwargs)
{
    *kwargs = NULL;
    if (json_is_array(node)) {
        const json_t *first = json_array_get(node, 0);
        if (json_is_string(first)) { /* a function's call: one tensor without the outer list */
            WHET_TRY(collect(r, m, strcmp(json_string_value(first), "_CONSTANT_VALUE") == 0 ? json_array_get(node, 2) : node, 0, out));
            *kwargs = json_array_get(node, 3);
            return collect_keywords(r, m, *kwargs, out);
        }
        return collect_older(r, m, node, out, kwargs);
    }
    const json_t *args = json_object_get(node, "args");
    *kwargs = json_object_get(node, "kwargs");
    for (size_t i = 0; i < json_array_size(args); i++) WHET_TRY(collect(r, m, json_array_get(args, i), 0, out));
    return collect_keywords(r, m, *kwargs, out);
}

/* --- calls */
static whet_status run_model(keras_reader *r, keras_model *m, size_t n_in, whet_nhwc *const *in, size_t *n_out, whet_nhwc *out);

static whet_status call_layer(keras_reader *r, const keras_model *m, keras_layer *l, list *args, const json_t *kwargs)
{
    whet_nhwc *in[KERAS_MAX_TENSORS], out[KERAS_MAX_TENSORS];
    size_t n_in = 0, n_out = 1;
    for (size_t i = 0; i < args->n; i++)
        if (args->args[i].is_tensor) in[n_in++] = args->args[i].t;
    keras_call c = {.r = r, .l = l, .owner = m, .n_args = args->n, .n_in = n_in, .args = args->args, .in = in, .kwargs = kwargs, .out = WHET_NHWC_NONE};
    if (n_in == 0) return keras_fail(&c, WHET_EFORMAT, "it is called without a tensor");
    if (l->model != NULL) {
        WHET_TRY(run_model(r, l->model, n_in, in, &n_out, out));
    } else {
        const whet_status status = l->def->read(&c);
        if (status != WHET_OK) whet_error_at_node(l->scope);
        WHET_TRY(status);
        out[0] = c.out;
    }
    return add_call(r, l, n_out, out);
}

static whet_status run_sequential(keras_reader *r, keras_model *m, whet_nhwc *in, whet_nhwc *out)
{
    whet_nhwc *t = in;
    for (size_t i = 0; i < m->n; i++) {
        keras_layer *l = &m->layers[i];
        list args = {.args = {{.is_tensor = true, .t = t}}, .n = 1};
        if (l->is_input) WHET_TRY(add_call(r, l, 1, t));
        else WHET_TRY(call_layer(r, m, l, &args, NULL));
        if (l->calls[l->n_calls - 1]->n != 1) return WHET_FAIL(WHET_EFORMAT, "the layer '%s' of the Sequential model '%s' has several outputs", l->name, m->name);
        t = &l->calls[l->n_calls - 1]->t[0];
    }
    *out = *t;
    return WHET_OK;
}

/* Calls what can be called; *progress: something was. */
static whet_status try_layer(keras_reader *r, const keras_model *m, keras_layer *l, bool *progress, bool *waits)
{
    for (; l->done_nodes < json_array_size(l->nodes); l->done_nodes++) {
        list args = {.n = 0};
        const json_t *kwargs = NULL;
        const json_t *node = json_array_get(l->nodes, l->done_nodes);
        if (l->is_input) return WHET_OK; /* an input layer of Keras 1 may have an empty call */
        WHET_TRY(collect_node(r, m, node, &args, &kwargs));
        if (args.waits) {
            *waits = true;
            return WHET_OK;
        }
        WHET_TRY(call_layer(r, m, l, &args, kwargs));
        *progress = true;
    }
    return WHET_OK;
}

static whet_status run_calls(keras_reader *r, keras_model *m)
{
    bool waits = true;
    while (waits) {
        bool progress = false;
        waits = false;
        for (size_t i = 0; i < m->n; i++) WHET_TRY(try_layer(r, m, &m->layers[i], &progress, &waits));
        if (waits && !progress) break;
    }
    for (size_t i = 0; waits && i < m->n; i++)
        if (m->layers[i].done_nodes < json_array_size(m->layers[i].nodes) && !m->layers[i].is_input)
            return WHET_FAIL(WHET_EFORMAT, "the layer '%s' of the model '%s' never gets its input: the graph has a loop or a hole", m->layers[i].name, m->name);
    return WHET_OK;
}

/* The references in input_layers or output_layers, whatever the nesting. */
static whet_status list_ends(const keras_model *m, const json_t *v, int depth, const json_t **refs, size_t *n)
{
    if (depth > 4 || *n == KERAS_MAX_TENSORS) return WHET_FAIL(WHET_EFORMAT, "the inputs or outputs of the model '%s' cannot be read", m->name);
    if (reference(v) != NULL) {
        refs[(*n)++] = v;
        return WHET_OK;
    }
    if (json_is_object(v)) {
        const char *key = NULL;
        json_t *item = NULL;
        json_object_foreach((json_t *)v, key, item) WHET_TRY(list_ends(m, item, depth + 1, refs, n));
    }
    for (size_t i = 0; json_is_array(v) && i < json_array_size(v); i++) WHET_TRY(list_ends(m, json_array_get(v, i), depth + 1, refs, n));
    return WHET_OK;
}

static whet_status ends_of(const keras_model *m, const char *key, const json_t **refs, size_t *n)
{
    *n = 0;
    WHET_TRY(list_ends(m, json_object_get(m->config, key), 0, refs, n));
    return *n > 0 ? WHET_OK : WHET_FAIL(WHET_EFORMAT, "the model '%s' names no %s", m->name, key);
}

static whet_status run_functional(keras_reader *r, keras_model *m, size_t n_in, whet_nhwc *const *in, size_t *n_out, whet_nhwc *out)
{
    const json_t *refs[KERAS_MAX_TENSORS];
    size_t n = 0;
    WHET_TRY(ends_of(m, "input_layers", refs, &n));
    if (n != n_in) return WHET_FAIL(WHET_EFORMAT, "the model '%s' has %zu inputs and is called with %zu", m->name, n, n_in);
    for (size_t i = 0; i < n; i++) {
        keras_layer *l = find_layer(m, json_array_get(reference(refs[i]), 0));
        if (l == NULL || !l->is_input || l->n_calls > 0) return WHET_FAIL(WHET_EFORMAT, "an input of the model '%s' is no input layer, or stands twice", m->name);
        WHET_TRY(add_call(r, l, 1, in[i]));
    }
    WHET_TRY(run_calls(r, m));
    WHET_TRY(ends_of(m, "output_layers", refs, n_out));
    for (size_t i = 0; i < *n_out; i++) {
        whet_nhwc *t = NULL;
        WHET_TRY(resolve(r, m, refs[i], &t));
        if (t == NULL) return WHET_FAIL(WHET_EFORMAT, "output %zu of the model '%s' is never computed", i, m->name);
        out[i] = *t;
    }
    return WHET_OK;
}

static void forget_calls(keras_model *m)
{
    for (size_t i = 0; i < m->n; i++) {
        keras_layer *l = &m->layers[i];
        for (size_t k = 0; k < l->n_calls; k++) whet_free(l->calls[k]);
        l->n_calls = l->done_nodes = 0;
    }
}

static whet_status run_model(keras_reader *r, keras_model *m, size_t n_in, whet_nhwc *const *in, size_t *n_out, whet_nhwc *out)
{
    forget_calls(m);
    if (!m->sequential) return run_functional(r, m, n_in, in, n_out, out);
    *n_out = 1;
    if (n_in != 1) return WHET_FAIL(WHET_EFORMAT, "the Sequential model '%s' is called with %zu tensors", m->name, n_in);
    return run_sequential(r, m, in[0], out);
}

/* --- the graph's inputs and outputs */
static whet_status dims_of(const keras_reader *r, const json_t *shape, const char *name, bool with_batch, whet_dims *d)
{
    shape = keras_unwrap(shape);
    const size_t n = json_array_size(shape) + (with_batch ? 0 : 1);
    memset(d, 0, sizeof *d);
    if (!json_is_array(shape) || n < 1 || n > WHET_MAX_RANK) return WHET_FAIL(WHET_EFORMAT, "the shape of the input '%s' cannot be read", name);
    d->rank = (int)n;
    for (int i = 0; i < d->rank; i++) {
        const json_t *v = with_batch || i > 0 ? json_array_get(shape, (size_t)(with_batch ? i : i - 1)) : NULL;
        char symbol[KERAS_MAX_DEPTH + 64];
        snprintf(symbol, sizeof symbol, i == 0 ? "N" : "%.60s.%d", name, i);
        if (json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= 1 << 24) d->dims[i] = json_integer_value(v);
        else if (v == NULL || json_is_null(v)) d->dims[i] = whet_graph_symbol(r->g, symbol);
        else return WHET_FAIL(WHET_EFORMAT, "the shape of the input '%s' cannot be read", name);
    }
    return WHET_OK;
}

static whet_status dtype_of(const json_t *config, const char *name, whet_dtype *out)
{
    static const struct { const char *name; whet_dtype t; } types[] = {
        {"float32", WHET_F32}, {"float16", WHET_F32}, {"bfloat16", WHET_F32}, {"float64", WHET_F32}, {"uint8", WHET_U8}, {"int8", WHET_S8},
        {"int16", WHET_S16}, {"int32", WHET_S32}, {"int64", WHET_S64}};
    const json_t *v = json_object_get(config, "dtype");
    *out = WHET_F32;
    if (!json_is_string(v)) return WHET_OK;
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (strcmp(types[i].name, json_string_value(v)) == 0) {
            *out = types[i].t;
            return WHET_OK;
        }
    return WHET_FAIL(WHET_EUNSUPPORTED, "the input '%s' is of type %.40s, which is not supported", name, json_string_value(v));
}

/* Where the shape of an input stands, by age. */
static const json_t *shape_of(const json_t *config, bool *with_batch)
{
    const json_t *v = json_object_get(config, "batch_shape");
    *with_batch = true;
    if (v == NULL) v = json_object_get(config, "batch_input_shape");
    if (v == NULL) v = json_object_get(config, "build_input_shape");
    if (v != NULL && !json_is_null(v)) return v;
    *with_batch = false;
    v = json_object_get(config, "shape");
    return v != NULL ? v : json_object_get(config, "input_shape");
}

static whet_status add_input(const keras_reader *r, const json_t *config, const char *name, whet_nhwc *out)
{
    whet_dims d;
    bool with_batch = true;
    whet_dtype dtype = WHET_F32;
    whet_vid v = WHET_NO_VALUE;
    const json_t *shape = shape_of(config, &with_batch);
    if (shape == NULL) return WHET_FAIL(WHET_EUNSUPPORTED, "the input '%s' has no shape: save the model after it was built (model.build or a first call)", name);
    WHET_TRY(dims_of(r, shape, name, with_batch, &d));
    WHET_TRY(dtype_of(config, name, &dtype));
    WHET_TRY(whet_graph_input(r->g, name, dtype, &d, &v));
    *out = whet_nhwc_of(v, WHET_NHWC);
    return WHET_OK;
}

/* A Sequential model's input: its input layer, or what its first layer or the model itself says. */
static whet_status add_sequential_input(const keras_reader *r, const keras_model *m, whet_nhwc *out)
{
    const keras_layer *first = &m->layers[0];
    bool with_batch = true;
    const json_t *config = first->config;
    while (first->model != NULL && shape_of(config, &with_batch) == NULL) { /* a model first: its own input */
        first = &first->model->layers[0];
        config = first->config;
    }
    if (shape_of(config, &with_batch) == NULL) config = m->config;
    return add_input(r, config, first->is_input ? first->name : "input", out);
}

static whet_status add_inputs(const keras_reader *r, const keras_model *m, whet_nhwc *in, size_t *n_in)
{
    const json_t *refs[KERAS_MAX_TENSORS];
    *n_in = 1;
    if (m->sequential) return add_sequential_input(r, m, in);
    WHET_TRY(ends_of(m, "input_layers", refs, n_in));
    for (size_t i = 0; i < *n_in; i++) {
        const keras_layer *l = find_layer(m, json_array_get(reference(refs[i]), 0));
        if (l == NULL) return WHET_FAIL(WHET_EFORMAT, "an input of the model '%s' is no layer of it", m->name);
        WHET_TRY(add_input(r, l->config, l->name, &in[i]));
    }
    return WHET_OK;
}

static const char *output_name(const keras_model *m, size_t i)
{
    const json_t *refs[KERAS_MAX_TENSORS];
    size_t n = 0;
    if (m->sequential) return m->layers[m->n - 1].name;
    if (ends_of(m, "output_layers", refs, &n) != WHET_OK || i >= n) return "output";
    return json_string_value(json_array_get(reference(refs[i]), 0));
}

whet_status keras_model_build(keras_reader *r, keras_model *m)
{
    whet_nhwc in[KERAS_MAX_TENSORS], out[KERAS_MAX_TENSORS], *ends[KERAS_MAX_TENSORS];
    size_t n_in = 0, n_out = 0;
    WHET_TRY(add_inputs(r, m, in, &n_in));
    for (size_t i = 0; i < n_in; i++) ends[i] = &in[i];
    WHET_TRY(run_model(r, m, n_in, ends, &n_out, out));
    for (size_t i = 0; i < n_out; i++) {
        char name[300];
        const char *base = output_name(m, i);
        size_t same = 0;
        for (size_t k = 0; k < i; k++) same += strcmp(output_name(m, k), base) == 0;
        snprintf(name, sizeof name, same > 0 ? "%.255s_%zu" : "%.255s", base, same);
        WHET_TRY(whet_nhwc_output(r->g, &out[i], name));
    }
    return WHET_OK;
}
