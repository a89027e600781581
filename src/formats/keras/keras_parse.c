/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration as models and layers: classes looked up, custom ones refused before anything is built. */
#include <stdio.h>
#include <string.h>

#include "formats/keras/keras_names.h"
#include "formats/keras/keras_reader.h"
#include "wire/json.h"

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(name, *list) == 0) return true;
    return false;
}

static bool is_model(const char *class_name)
{
    static const char *const models[] = {"Functional", "Sequential", "Model", NULL};
    return is_one_of(class_name, models);
}

/* Keras 3's own operations on symbolic tensors come from keras.src.ops.*; layers from keras.layers. */
static bool is_operation(const char *module)
{
    return strncmp(module, "keras.src.ops", 13) == 0 || strncmp(module, "keras.ops", 9) == 0;
}

static whet_status refuse(const keras_layer *l, const char *module, const char *registered)
{
    static const char *const code[] = {"Lambda", "TensorFlowOpLayer", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", NULL};
    const char *nearest = keras_def_nearest(l->class_name);
    if (is_one_of(l->class_name, code))
        WHET_FAIL(WHET_EUNSUPPORTED, "layer '%s' is a %s: what it does is code in the file, which is never run; build the model without it", l->name,
                  l->class_name);
    else if (strcmp(l->class_name, "TFOpLambda") == 0 || strcmp(l->class_name, "SlicingOpLambda") == 0)
        WHET_FAIL(WHET_EUNSUPPORTED, "layer '%s' is the TensorFlow function '%s', which is not supported: use a layer for it", l->name,
                  whet_json_str(l->config, "function"));
    else if (is_operation(module))
        WHET_FAIL(WHET_EUNSUPPORTED, "layer '%s' is the operation keras.ops '%s', which is not supported: use a layer for it", l->name, l->class_name);
    else if (strchr(registered, '>') != NULL || (module[0] != '\0' && strncmp(module, "keras", 5) != 0 && strncmp(module, "tensorflow", 10) != 0))
        WHET_FAIL(WHET_EUNSUPPORTED, "layer '%s' is of the custom class '%s', whose Python code is not in the file and would not be run", l->name,
                  registered[0] != '\0' ? registered : l->class_name);
    else
        WHET_FAIL(WHET_EUNSUPPORTED, "layer '%s' is a %s, which is not supported%s%s%s", l->name, l->class_name, nearest != NULL ? " (nearest: " : "",
                  nearest != NULL ? nearest : "", nearest != NULL ? ")" : "");
    whet_error_at_node(l->scope);
    return WHET_EUNSUPPORTED;
}

static whet_status find_def(keras_layer *l, const char *module, const char *registered)
{
    const char *function = whet_json_str(l->config, "function");
    l->is_input = strcmp(l->class_name, "InputLayer") == 0;
    if (l->is_input) return WHET_OK;
    if (strchr(registered, '>') == NULL) {
        if (strcmp(l->class_name, "TFOpLambda") == 0) l->def = keras_def_find("tf", function);
        else l->def = keras_def_find(is_operation(module) ? "op" : "layer", l->class_name);
    }
    return l->def != NULL ? WHET_OK : refuse(l, module, registered);
}

/* The weights of a quantised layer are not what its class says. */
static whet_status check_dtype(const keras_layer *l)
{
    const json_t *dtype = json_object_get(l->config, "dtype");
    const char *class_name = json_is_object(dtype) ? whet_json_str(dtype, "class_name") : "";
    if (strncmp(class_name, "Quantized", 9) != 0 && strcmp(class_name, "GPTQDTypePolicy") != 0) return WHET_OK;
    WHET_FAIL(WHET_EUNSUPPORTED, "layer '%s' is quantised (%s), which is not supported: save the model before quantize()", l->name, class_name);
    whet_error_at_node(l->scope);
    return WHET_EUNSUPPORTED;
}

static whet_status parse_layer(keras_reader *r, const json_t *v, const char *scope, const char *store, int depth, json_t *used, keras_layer *l)
{
    char snake[KERAS_NAME - 16], part[KERAS_NAME];
    const char *module = whet_json_str(v, "module");
    for (int i = 0; i < KERAS_MAX_PARAMS; i++) l->params[i] = WHET_NO_VALUE;
    l->class_name = whet_json_str(v, "class_name");
    l->config = json_object_get(v, "config");
    l->nodes = json_object_get(v, "inbound_nodes");
    l->name = whet_json_str(v, "name");
    if (l->name[0] == '\0') l->name = whet_json_str(l->config, "name");
    if (l->class_name[0] == '\0' || l->name[0] == '\0') return WHET_FAIL(WHET_EFORMAT, "a layer of the configuration has no class or no name");
    l->scope = whet_format("%s%s%s", scope, scope[0] != '\0' ? "/" : "", l->name);
    keras_snake(l->class_name, snake, sizeof snake);
    if (is_operation(module)) part[0] = '\0'; /* has no place among the layers */
    else WHET_TRY(keras_unique(used, snake, part, sizeof part));
    l->store = whet_format("%slayers/%s", store, part);
    if (l->scope == NULL || l->store == NULL) return WHET_ENOMEM;
    if (!is_model(l->class_name)) {
        WHET_TRY(find_def(l, module, whet_json_str(v, "registered_name")));
        return check_dtype(l);
    }
    char *inside = whet_format("%s/", l->store);
    if (inside == NULL) return WHET_ENOMEM;
    const whet_status status = keras_model_parse(r, v, l->scope, inside, depth + 1, &l->model);
    whet_free(inside);
    return status;
}

static whet_status parse_layers(keras_reader *r, keras_model *m, const char *scope, const char *store, int depth)
{
    whet_status status = WHET_OK;
    json_t *used = json_object();
    const size_t n = json_array_size(m->layers_json);
    m->index = json_object();
    if (n == 0)
        status = WHET_FAIL(WHET_EFORMAT, "the model '%s' has no layers", m->name);
    else if (n > KERAS_MAX_LAYERS)
        status = WHET_FAIL(WHET_EFORMAT, "the model '%s' has %zu layers, of which %d can be read", m->name, n, KERAS_MAX_LAYERS);
    else if ((m->layers = whet_calloc(n, sizeof *m->layers)) == NULL || used == NULL || m->index == NULL)
        status = WHET_FAIL(WHET_ENOMEM, "out of memory");
    while (status == WHET_OK && m->n < n) {
        keras_layer *l = &m->layers[m->n];
        const json_t *v = json_array_get(m->layers_json, m->n);
        m->n++;
        status = parse_layer(r, v, scope, store, depth, used, l);
        if (status == WHET_OK && json_object_get(m->index, l->name) != NULL)
            status = WHET_FAIL(WHET_EFORMAT, "two layers of the model '%s' are called '%s'", m->name, l->name);
        if (status == WHET_OK && json_object_set_new(m->index, l->name, json_integer((json_int_t)(m->n - 1))) != 0)
            status = WHET_FAIL(WHET_EFORMAT, "a layer's name is no UTF-8");
    }
    json_decref(used);
    return status;
}

whet_status keras_model_parse(keras_reader *r, const json_t *v, const char *scope, const char *store, int depth, keras_model **out)
{
    keras_model *m = whet_calloc(1, sizeof *m);
    *out = NULL;
    if (m == NULL) return WHET_ENOMEM;
    whet_status status = WHET_OK;
    m->class_name = whet_json_str(v, "class_name");
    m->config = json_object_get(v, "config");
    m->layers_json = json_is_array(m->config) ? m->config : json_object_get(m->config, "layers"); /* a list: Keras 1 */
    m->name = whet_json_str(m->config, "name");
    if (m->name[0] == '\0') m->name = "model";
    m->sequential = strcmp(m->class_name, "Sequential") == 0;
    if (depth > KERAS_MAX_DEPTH)
        status = WHET_FAIL(WHET_EFORMAT, "models are nested over %d deep", KERAS_MAX_DEPTH);
    else if (!is_model(m->class_name))
        status = WHET_FAIL(WHET_EUNSUPPORTED, "the model is of the class '%s', whose Python code is not in the file: only Sequential and functional "
                                              "models say what they compute; export the model to ONNX or TensorFlow", m->class_name);
    else if (!json_is_array(m->layers_json))
        status = WHET_FAIL(WHET_EFORMAT, "the model '%s' has no list of layers%s", m->name, json_is_object(m->config) ? "; a model that is a Python class says nothing of its layers" : "");
    else
        status = parse_layers(r, m, scope, store, depth);
    if (status != WHET_OK) {
        keras_model_free(m);
        return status;
    }
    *out = m;
    return WHET_OK;
}

static void free_layer(keras_layer *l)
{
    for (size_t i = 0; i < l->n_calls; i++) whet_free(l->calls[i]);
    whet_free(l->calls);
    whet_free(l->scope);
    whet_free(l->store);
    whet_free((void *)l->weights);
    keras_model_free(l->model);
}

void keras_model_free(keras_model *m)
{
    if (m == NULL) return;
    for (size_t i = 0; i < m->n; i++) free_layer(&m->layers[i]);
    whet_free(m->layers);
    json_decref(m->index);
    whet_free(m);
}
