/* SPDX-License-Identifier: Apache-2.0 */
/* The files: where configuration, version and weights stand in each of the two containers. */
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "formats/keras/keras_reader.h"
#include "wire/json.h"
#include "wire/zip.h"

enum { MAX_CONFIG = 64 << 20 };

bool whet_keras_h5_detect(const uint8_t *head, size_t n, size_t file_size, const char *path)
{
    (void)file_size;
    (void)path;
    return whet_hdf5_detect(head, n);
}

/* A ZIP whose first entry is one of Keras', or of that extension. */
bool whet_keras_detect(const uint8_t *head, size_t n, size_t file_size, const char *path)
{
    static const char *const first[] = {"metadata.json", "config.json", "model.weights.h5"};
    (void)file_size;
    if (!whet_zip_detect(head, n)) return false;
    for (size_t i = 0; i < WHET_COUNT(first); i++)
        if (n >= 30 + strlen(first[i]) && memcmp(head + 30, first[i], strlen(first[i])) == 0) return true;
    return strcmp(whet_path_ext(path), ".keras") == 0;
}

whet_status keras_graph_of(whet_graph **out, const json_t *config, const whet_hdf5 *h5, bool archive, const char *version, const whet_format_options *o)
{
    keras_reader r = {.h5 = h5, .archive = archive, .keras3 = version[0] >= '3', .variables = o->parameters_as_variables};
    keras_model *m = NULL;
    whet_status status = WHET_OK;
    *out = NULL;
    WHET_GOTO(keras_model_parse(&r, config, "", "", 0, &m));
    WHET_GOTO(whet_graph_create(&r.g, m->name));
    if (version[0] != '\0') WHET_GOTO(whet_graph_set_meta(r.g, KERAS_META_VERSION, version));
    WHET_GOTO(keras_find_weights(&r, m));
    WHET_GOTO(keras_model_build(&r, m));
    WHET_GOTO(whet_graph_prune(r.g));
    WHET_GOTO(whet_graph_verify(r.g));
    *out = r.g;
    r.g = NULL;
done:
    whet_graph_free(r.g);
    keras_model_free(m);
    return status;
}

/* What the writer left of the graph's metadata. */
static whet_status take_meta(whet_graph *g, const char *text)
{
    json_t *all = NULL;
    const char *key = NULL;
    json_t *value = NULL;
    whet_status status = whet_json_parse(&all, text, strlen(text), "");
    if (status == WHET_OK && json_is_object(all)) {
        json_object_foreach(all, key, value)
            if (json_is_string(value) && status == WHET_OK) status = whet_graph_set_meta(g, key, json_string_value(value));
    }
    json_decref(all);
    return status;
}

/* --- .h5 */
static whet_status read_h5(whet_graph **out, const whet_hdf5 *h5, const char *path, const whet_format_options *o)
{
    const char *config = whet_hdf5_text(whet_hdf5_attribute(h5, "", "model_config"), 0);
    const char *version = whet_hdf5_text(whet_hdf5_attribute(h5, "", "keras_version"), 0);
    const char *meta = whet_hdf5_text(whet_hdf5_attribute(h5, "", KERAS_META_OWN), 0);
    json_t *v = NULL;
    if (config == NULL) return WHET_FAIL(WHET_EUNSUPPORTED, "this HDF5 file holds no model_config: if it holds weights alone, give the model and this file as its weights");
    if (strlen(config) > MAX_CONFIG) return WHET_FAIL(WHET_EFORMAT, "its model_config is over %d MB", MAX_CONFIG >> 20);
    WHET_TRY(whet_json_parse(&v, config, strlen(config), path));
    whet_status status = keras_graph_of(out, v, h5, false, version != NULL ? version : "2", o);
    json_decref(v);
    if (status == WHET_OK && meta != NULL) status = take_meta(*out, meta);
    return status;
}

static whet_status finish(whet_graph **out, whet_status status, const char *path)
{
    if (status == WHET_OK) return WHET_OK;
    whet_graph_free(*out);
    *out = NULL;
    whet_error_at_file(path);
    return status;
}

/* Closes h5. */
static whet_status read_opened(whet_graph **out, whet_hdf5 *h5, const char *path, const whet_format_options *o)
{
    const whet_status status = read_h5(out, h5, path, o);
    whet_hdf5_close(h5);
    return finish(out, status, path);
}

whet_status whet_keras_h5_read(whet_graph **out, const char *path, const whet_format_options *o)
{
    whet_hdf5 *h5 = NULL;
    *out = NULL;
    WHET_TRY(whet_hdf5_open(&h5, path));
    return read_opened(out, h5, path, o);
}

/* --- weights alone */
static bool is_weight(const whet_hdf5_item *it)
{
    return it->kind == WHET_HDF5_DATASET && strncmp(it->path, "optimizer", 9) != 0 && it->type != '?';
}

static whet_status list_weights(whet_weights **out, const whet_hdf5 *h5)
{
    whet_weights *w = NULL;
    WHET_TRY(whet_weights_create(&w));
    whet_status status = WHET_OK;
    for (int i = 0; i < whet_hdf5_count(h5) && status == WHET_OK; i++) {
        whet_tensor t;
        if (!is_weight(whet_hdf5_at(h5, i))) continue;
        status = keras_tensor_of_item(whet_hdf5_at(h5, i), &t);
        if (status == WHET_OK) status = whet_weights_add(w, whet_hdf5_at(h5, i)->path, &t);
        whet_tensor_dispose(&t);
    }
    if (status == WHET_OK) *out = w;
    else whet_weights_free(w);
    return status;
}

whet_status whet_keras_h5_read_weights(whet_weights **out, const char *path)
{
    whet_hdf5 *h5 = NULL;
    whet_graph *g = NULL;
    whet_format_options o;
    *out = NULL;
    whet_format_options_init(&o);
    WHET_TRY(whet_hdf5_open(&h5, path));
    whet_status status = WHET_OK;
    if (whet_hdf5_attribute(h5, "", "model_config") == NULL) {
        status = list_weights(out, h5);
    } else {
        status = read_h5(&g, h5, path, &o);
        if (status == WHET_OK) status = whet_weights_of_graph(out, g);
    }
    whet_graph_free(g);
    whet_hdf5_close(h5);
    if (status != WHET_OK) whet_error_at_file(path);
    return status;
}

/* --- .keras */
static whet_status entry(whet_zip *z, const char *name, whet_zip_bytes *out)
{
    const int i = whet_zip_find(z, name);
    memset(out, 0, sizeof *out);
    if (i < 0) return WHET_FAIL(WHET_EFORMAT, "the archive has no '%s': a Keras file has metadata.json, config.json and model.weights.h5", name);
    return whet_zip_read(z, i, out);
}

static whet_status entry_json(whet_zip *z, const char *name, const char *path, json_t **out)
{
    whet_zip_bytes b;
    *out = NULL;
    WHET_TRY(entry(z, name, &b));
    whet_status status = b.size > MAX_CONFIG ? WHET_FAIL(WHET_EFORMAT, "its %s is over %d MB", name, MAX_CONFIG >> 20)
                                             : whet_json_parse(out, (const char *)b.data, b.size, path);
    whet_zip_bytes_free(&b);
    return status;
}

static whet_status open_weights(whet_zip *z, const char *path, whet_hdf5 **out)
{
    whet_zip_bytes b;
    *out = NULL;
    if (whet_zip_find(z, "model.weights.npz") >= 0 && whet_zip_find(z, "model.weights.h5") < 0)
        return WHET_FAIL(WHET_EUNSUPPORTED, "weights in NumPy form (model.weights.npz) are not supported: save the model again with Keras 2.13 or newer");
    WHET_TRY(entry(z, "model.weights.h5", &b));
    const whet_status status = whet_hdf5_open_mem(out, b.data, b.size, path);
    whet_zip_bytes_free(&b);
    return status;
}

/* Closes z. */
static whet_status read_archive(whet_graph **out, whet_zip *z, const char *path, const whet_format_options *o)
{
    whet_hdf5 *h5 = NULL;
    json_t *config = NULL, *metadata = NULL;
    whet_status status = WHET_OK;
    WHET_GOTO(entry_json(z, "metadata.json", path, &metadata));
    WHET_GOTO(entry_json(z, "config.json", path, &config));
    WHET_GOTO(open_weights(z, path, &h5));
    WHET_GOTO(keras_graph_of(out, config, h5, true, whet_json_str(metadata, "keras_version"), o));
    const char *meta = whet_json_str(metadata, KERAS_META_OWN);
    if (meta[0] != '\0') WHET_GOTO(take_meta(*out, meta));
done:
    json_decref(config);
    json_decref(metadata);
    whet_hdf5_close(h5);
    whet_zip_close(z);
    return finish(out, status, path);
}

whet_status whet_keras_read(whet_graph **out, const char *path, const whet_format_options *o)
{
    whet_zip *z = NULL;
    *out = NULL;
    WHET_TRY(whet_zip_open(&z, path));
    return read_archive(out, z, path, o);
}

whet_status whet_keras_read_mem(whet_graph **out, const void *data, size_t size, const char *name)
{
    whet_format_options o;
    whet_zip *z = NULL;
    whet_hdf5 *h5 = NULL;
    *out = NULL;
    whet_format_options_init(&o);
    if (whet_zip_detect(data, size)) {
        WHET_TRY(whet_zip_open_mem(&z, data, size, name));
        return read_archive(out, z, name, &o);
    }
    WHET_TRY(whet_hdf5_detect(data, size) ? whet_hdf5_open_mem(&h5, data, size, name) : whet_hdf5_open_stream(&h5, data, size, name));
    return read_opened(out, h5, name, &o);
}
