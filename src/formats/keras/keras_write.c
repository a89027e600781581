/* SPDX-License-Identifier: Apache-2.0 */
/* The files: layers and weights in the two containers. The configuration is Keras 2.15's, which Keras 3 reads as well:
 * batch_input_shape, calls as lists, types as names. Nothing in it depends on when or where it was written. */
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "formats/keras/keras_names.h"
#include "formats/keras/keras_writer.h"
#include "wire/hdf5.h"
#include "wire/json.h"
#include "wire/zip_write.h"

#define KERAS_VERSION "2.15.0"

/* --- nodes to layers */
static whet_status add_input(keras_writer *w, whet_vid v)
{
    static const struct { whet_dtype t; const char *name; } types[] = {{WHET_F32, "float32"}, {WHET_U8, "uint8"}, {WHET_S8, "int8"}, {WHET_S32, "int32"}, {WHET_S64, "int64"}};
    const whet_value *x = &w->g->values[v];
    const whet_dims d = whet_nhwc_dims(w->g, v);
    const char *type = NULL;
    int layer = -1;
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (types[i].t == x->dtype) type = types[i].name;
    if (type == NULL || d.rank < 1) return WHET_FAIL(WHET_EUNSUPPORTED, "the input '%s' of type %s and %d dimensions cannot be a Keras input", x->name, whet_dtype_name(x->dtype), d.rank);
    json_t *shape = json_array();
    for (int i = 0; i < d.rank; i++) json_array_append_new(shape, d.dims[i] < 0 ? json_null() : json_integer(d.dims[i]));
    WHET_TRY(keras_layer(w, "InputLayer", x->name, json_pack("{s:o,s:s,s:b,s:b}", "batch_input_shape", shape, "dtype", type, "sparse", 0, "ragged", 0), 0, NULL, &layer));
    json_object_del(w->layers[layer].config, "trainable");
    w->refs[v] = (keras_ref){.layer = layer, .dims = d};
    return WHET_OK;
}

typedef struct writer_row { const char *op; whet_status (*write)(keras_writer *w, const whet_node *n); } writer_row;
static const writer_row rows[] = {
#define W(ir, write, layers) {ir, keras_write_##write},
#include "formats/keras/keras_nodes.def"
#undef W
};

/* Sizes that are computed are known as numbers where they are used. */
static bool is_arithmetic_of_sizes(const keras_writer *w, const whet_node *n)
{
    const whet_value *v = n->n_out > 0 && n->out[0] >= 0 ? &w->g->values[n->out[0]] : NULL;
    return v != NULL && v->dtype == WHET_S64 && (whet_node_is(n, "Shape") || v->n_known >= 0);
}

static whet_status write_node(keras_writer *w, const whet_node *n)
{
    if (is_arithmetic_of_sizes(w, n)) return WHET_OK;
    for (size_t i = 0; i < WHET_COUNT(rows); i++)
        if (whet_node_is(n, rows[i].op)) return rows[i].write(w, n);
    return keras_refuse(n, "no layer does that");
}

whet_status keras_layers_of(keras_writer *w)
{
    const whet_graph *g = w->g;
    for (int i = 0; i < g->n_inputs; i++) WHET_TRY(add_input(w, g->inputs[i]));
    for (int i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i].op == NULL || w->done[i]) continue;
        const whet_status status = write_node(w, &g->nodes[i]);
        if (status != WHET_OK) whet_error_at_node(g->nodes[i].name);
        WHET_TRY(status);
    }
    for (int i = 0; i < g->n_outputs; i++) {
        const keras_ref *r = &w->refs[g->outputs[i]];
        if (r->layer < 0 || r->rows || r->batch != 0)
            return WHET_FAIL(WHET_EUNSUPPORTED, "the output '%s' %s", g->values[g->outputs[i]].name, r->layer < 0 ? "is a constant, and no layer gives one" : r->rows ? "has the batch and the tokens in one dimension" : "does not have the batch first");
    }
    return WHET_OK;
}

/* --- configuration */
/* Keras 3's Resizing takes itself to be in training unless told, and what comes behind it in model(x) then is too: batch statistics
 * would be taken and the stored ones changed. Where there is one, those who would mind are told; fit() still says otherwise. */
static bool must_be_told(const keras_writer *w, const keras_out_layer *l)
{
    if (strcmp(l->class_name, "BatchNormalization") != 0 && strcmp(l->class_name, "Dropout") != 0) return false;
    for (size_t i = 0; i < w->n_layers; i++)
        if (strcmp(w->layers[i].class_name, "Resizing") == 0) return true;
    return false;
}

/* Calls as lists, which both versions read. */
static json_t *calls_of(const keras_writer *w, const keras_out_layer *l)
{
    json_t *calls = json_array(), *call = json_array();
    for (int i = 0; i < l->n_in; i++) {
        json_t *words = must_be_told(w, l) ? json_pack("{s:b}", "training", 0) : json_object();
        json_array_append_new(call, json_pack("[s,i,i,o]", w->layers[l->in[i]].name, 0, 0, words));
    }
    if (l->n_in > 0) json_array_append_new(calls, call);
    else json_decref(call);
    return calls;
}

static json_t *layer_json(const keras_writer *w, const keras_out_layer *l, bool archive)
{
    json_t *v = archive ? json_pack("{s:s,s:s,s:O,s:n}", "module", "keras.layers", "class_name", l->class_name, "config", l->config, "registered_name")
                        : json_pack("{s:s,s:O}", "class_name", l->class_name, "config", l->config);
    json_object_set_new(v, "name", json_string(l->name));
    json_object_set_new(v, "inbound_nodes", calls_of(w, l));
    return v;
}

static json_t *ends(const keras_writer *w, int n, const whet_vid *values)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(list, json_pack("[s,i,i]", w->layers[w->refs[values[i]].layer].name, 0, 0));
    return list;
}

/* keras.Model is what both versions know by a public name. */
static whet_status config_text(const keras_writer *w, bool archive, char **out)
{
    json_t *layers = json_array(), *config = json_object(), *all = NULL;
    for (size_t i = 0; i < w->n_layers; i++) json_array_append_new(layers, layer_json(w, &w->layers[i], archive));
    json_object_set_new(config, "name", json_string(w->g->name != NULL && w->g->name[0] != '\0' ? w->g->name : "model"));
    json_object_set_new(config, "trainable", json_true());
    json_object_set_new(config, "layers", layers);
    json_object_set_new(config, "input_layers", ends(w, w->g->n_inputs, w->g->inputs));
    json_object_set_new(config, "output_layers", ends(w, w->g->n_outputs, w->g->outputs));
    all = archive ? json_pack("{s:s,s:s,s:o,s:n,s:n}", "module", "keras", "class_name", "Model", "config", config, "registered_name", "compile_config")
                  : json_pack("{s:s,s:o}", "class_name", "Functional", "config", config);
    *out = all != NULL ? whet_json_text(all, 0) : NULL;
    json_decref(all);
    return *out != NULL ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "out of memory");
}

/* The graph's own metadata, "" if there is none. */
static whet_status meta_text(const keras_writer *w, char **out)
{
    json_t *all = json_object();
    for (int i = 0; i < w->g->n_meta; i++)
        if (strncmp(w->g->meta[i].key, "keras.", 6) != 0) json_object_set_new(all, w->g->meta[i].key, json_string(w->g->meta[i].value));
    *out = json_object_size(all) > 0 ? whet_json_text(all, 0) : whet_strdup("");
    json_decref(all);
    return *out != NULL ? WHET_OK : WHET_ENOMEM;
}

/* --- weights */
static whet_status add_dataset(whet_hdf5_writer *h, const char *path, const whet_tensor *t)
{
    whet_hdf5_item it = {.type = 'f', .size = 4, .rank = t->shape.rank, .path = path, .data = t->data};
    for (int i = 0; i < it.rank; i++) it.dims[i] = (uint64_t)t->shape.dims[i];
    return whet_hdf5_add_dataset(h, &it);
}

/* <class>[_n]/vars/<i>. */
static whet_status add_stored(whet_hdf5_writer *h, const keras_out_layer *l, const char *store)
{
    char vars[KERAS_NAME + 16], path[KERAS_NAME + 32];
    snprintf(vars, sizeof vars, "%s/vars", store);
    WHET_TRY(whet_hdf5_add_group(h, store));
    WHET_TRY(whet_hdf5_add_group(h, vars));
    WHET_TRY(whet_hdf5_add_text(h, vars, "name", l->name));
    for (int i = 0; i < l->n_weights; i++) {
        snprintf(path, sizeof path, "%s/%d", vars, i);
        WHET_TRY(add_dataset(h, path, &l->weights[i].t));
    }
    return WHET_OK;
}

static whet_status add_all_stored(const keras_writer *w, whet_hdf5_writer *h)
{
    json_t *used = json_object();
    whet_status status = whet_hdf5_add_group(h, "layers");
    for (size_t i = 0; i < w->n_layers && status == WHET_OK; i++) {
        char snake[KERAS_NAME - 64], name[KERAS_NAME - 32], store[KERAS_NAME];
        keras_snake(w->layers[i].class_name, snake, sizeof snake);
        status = keras_unique(used, snake, name, sizeof name);
        snprintf(store, sizeof store, "layers/%s", name);
        if (status == WHET_OK && w->layers[i].n_weights > 0) status = add_stored(h, &w->layers[i], store);
    }
    if (status == WHET_OK) status = whet_hdf5_add_group(h, "vars");
    json_decref(used);
    return status;
}

/* model_weights/<layer>, its attribute weight_names, and below it the datasets by those names: "<layer>/kernel:0". */
static whet_status add_named(whet_hdf5_writer *h, const keras_out_layer *l)
{
    char *names[KERAS_OUT_WEIGHTS] = {NULL}, *group = whet_format("model_weights/%s", l->name), *inner = whet_format("model_weights/%s/%s", l->name, l->name);
    whet_status status = group != NULL && inner != NULL ? WHET_OK : WHET_ENOMEM;
    for (int i = 0; i < l->n_weights && status == WHET_OK; i++) {
        names[i] = whet_format("%s/%s:0", l->name, l->weights[i].role);
        if (names[i] == NULL) status = WHET_ENOMEM;
    }
    if (status == WHET_OK) status = whet_hdf5_add_group(h, group);
    if (status == WHET_OK) status = whet_hdf5_add_texts(h, group, "weight_names", (size_t)l->n_weights, (const char *const *)names);
    if (status == WHET_OK && l->n_weights > 0) status = whet_hdf5_add_group(h, inner);
    for (int i = 0; i < l->n_weights && status == WHET_OK; i++) {
        char *path = whet_format("%s/%s", group, names[i]);
        status = path != NULL ? add_dataset(h, path, &l->weights[i].t) : WHET_ENOMEM;
        whet_free(path);
    }
    for (int i = 0; i < l->n_weights; i++) whet_free(names[i]);
    whet_free(group);
    whet_free(inner);
    return status;
}

static whet_status add_versions(whet_hdf5_writer *h, const char *path)
{
    WHET_TRY(whet_hdf5_add_text(h, path, "backend", "tensorflow"));
    return whet_hdf5_add_text(h, path, "keras_version", KERAS_VERSION);
}

static whet_status add_all_named(const keras_writer *w, whet_hdf5_writer *h)
{
    const char **names = whet_calloc(w->n_layers + 1, sizeof *names);
    whet_status status = names != NULL ? whet_hdf5_add_group(h, "model_weights") : WHET_ENOMEM;
    for (size_t i = 0; i < w->n_layers && names != NULL; i++) names[i] = w->layers[i].name;
    if (status == WHET_OK) status = whet_hdf5_add_texts(h, "model_weights", "layer_names", w->n_layers, names);
    if (status == WHET_OK) status = add_versions(h, "model_weights");
    for (size_t i = 0; i < w->n_layers && status == WHET_OK; i++) status = add_named(h, &w->layers[i]);
    if (status == WHET_OK) status = whet_hdf5_add_group(h, "model_weights/top_level_model_weights");
    if (status == WHET_OK) status = whet_hdf5_add_texts(h, "model_weights/top_level_model_weights", "weight_names", 0, names);
    whet_free(names);
    return status;
}

/* --- the two containers */
static whet_status write_h5(const keras_writer *w, const char *config, const char *meta, const char *path)
{
    whet_hdf5_writer *h = NULL;
    const uint8_t *data = NULL;
    size_t size = 0;
    whet_status status = WHET_OK;
    WHET_GOTO(whet_hdf5_writer_open(&h));
    WHET_GOTO(add_versions(h, ""));
    WHET_GOTO(whet_hdf5_add_text(h, "", "model_config", config));
    if (meta[0] != '\0') WHET_GOTO(whet_hdf5_add_text(h, "", KERAS_META_OWN, meta));
    WHET_GOTO(add_all_named(w, h));
    WHET_GOTO(whet_hdf5_finish(h, &data, &size));
    WHET_GOTO(whet_file_write(path, data, size));
done:
    whet_hdf5_writer_free(h);
    return status;
}

static whet_status write_archive(const keras_writer *w, const char *config, const char *meta, const char *path)
{
    whet_hdf5_writer *h = NULL;
    whet_zip_writer *z = NULL;
    const uint8_t *data = NULL;
    size_t size = 0;
    whet_status status = WHET_OK;
    json_t *about = json_pack("{s:s}", "keras_version", KERAS_VERSION);
    if (meta[0] != '\0') json_object_set_new(about, KERAS_META_OWN, json_string(meta));
    char *text = whet_json_text(about, 0);
    json_decref(about);
    if (text == NULL) return WHET_FAIL(WHET_ENOMEM, "out of memory");
    WHET_GOTO(whet_hdf5_writer_open(&h));
    WHET_GOTO(add_all_stored(w, h));
    WHET_GOTO(whet_hdf5_finish(h, &data, &size));
    WHET_GOTO(whet_zip_writer_open(&z, path));
    WHET_GOTO(whet_zip_writer_add(z, "metadata.json", text, strlen(text)));
    WHET_GOTO(whet_zip_writer_add(z, "config.json", config, strlen(config)));
    WHET_GOTO(whet_zip_writer_add(z, "model.weights.h5", data, size));
    status = whet_zip_writer_commit(z);
    z = NULL;
done:
    whet_zip_writer_abort(z);
    whet_hdf5_writer_free(h);
    whet_free(text);
    return status;
}

static whet_status write_model(const whet_graph *g, const char *path, const whet_format_options *o, bool archive)
{
    keras_writer w = {.g = g, .report = o->report};
    char *config = NULL, *meta = NULL;
    whet_status status = WHET_OK;
    w.refs = whet_calloc((size_t)g->n_values + 1, sizeof *w.refs);
    w.done = whet_calloc((size_t)g->n_nodes + 1, sizeof *w.done);
    w.names = json_object();
    if (w.refs == NULL || w.done == NULL || w.names == NULL) WHET_GOTO(WHET_FAIL(WHET_ENOMEM, "out of memory"));
    for (int i = 0; i < g->n_values; i++) w.refs[i].layer = -1;
    WHET_GOTO(keras_layers_of(&w));
    WHET_GOTO(keras_sort_layers(&w));
    WHET_GOTO(config_text(&w, archive, &config));
    WHET_GOTO(meta_text(&w, &meta));
    WHET_GOTO(archive ? write_archive(&w, config, meta, path) : write_h5(&w, config, meta, path));
done:
    keras_writer_dispose(&w);
    whet_free(config);
    whet_free(meta);
    if (status != WHET_OK) whet_error_at_file(path);
    return status;
}

whet_status whet_keras_write(const whet_graph *g, const char *path, const whet_format_options *o)
{
    return write_model(g, path, o, true);
}

whet_status whet_keras_h5_write(const whet_graph *g, const char *path, const whet_format_options *o)
{
    return write_model(g, path, o, false);
}
