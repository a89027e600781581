/* SPDX-License-Identifier: Apache-2.0 */
/* Which dataset is which parameter. In .h5 files a layer's group has the attribute weight_names, the order of which counts; the
 * weights of a model used as a layer stand in that layer's list and are told apart by their paths. In model.weights.h5 each
 * layer is layers/<class in snake case>[_n]/vars/<i>. */
#include <stdio.h>
#include <string.h>

#include "formats/keras/keras_reader.h"

enum { MAX_WEIGHTS = 4096 };

/* --- the older form */
static whet_status add_named(const whet_hdf5 *h5, const char *group, const whet_hdf5_item *names, keras_layer *l, size_t *capacity)
{
    size_t at = 0;
    for (const char *name; (name = whet_hdf5_next_text(names, &at)) != NULL;) {
        char *path = whet_format("%s/%s", group, name);
        if (path == NULL) return WHET_ENOMEM;
        const whet_hdf5_item *it = whet_hdf5_find(h5, path);
        whet_free(path);
        if (it == NULL || it->kind != WHET_HDF5_DATASET)
            return WHET_FAIL(WHET_EFORMAT, "weight_names of '%s' name '%s', which is not in the file", group, name);
        if (l->n_weights == MAX_WEIGHTS) return WHET_FAIL(WHET_EFORMAT, "the layer '%s' has over %d weights", l->name, MAX_WEIGHTS);
        if (!WHET_GROW(&l->weights, l->n_weights, capacity)) return WHET_ENOMEM;
        l->weights[l->n_weights++] = it;
    }
    return WHET_OK;
}

/* "weight_names", or "weight_names0", "weight_names1", ... where they are too long for one attribute. */
static whet_status list_weights(const whet_hdf5 *h5, const char *group, keras_layer *l)
{
    size_t capacity = 0;
    const whet_hdf5_item *names = whet_hdf5_attribute(h5, group, "weight_names");
    if (names != NULL) return add_named(h5, group, names, l, &capacity);
    for (int k = 0; k < MAX_WEIGHTS; k++) {
        char chunk[64];
        snprintf(chunk, sizeof chunk, "weight_names%d", k);
        names = whet_hdf5_attribute(h5, group, chunk);
        if (names == NULL) return WHET_OK;
        WHET_TRY(add_named(h5, group, names, l, &capacity));
    }
    return WHET_OK;
}

/* Whether a component of the path is that name. */
static bool has_part(const char *path, const char *part)
{
    const size_t n = strlen(part);
    for (const char *p = strstr(path, part); p != NULL; p = strstr(p + 1, part))
        if ((p == path || p[-1] == '/') && (p[n] == '/' || p[n] == '\0')) return true;
    return false;
}

/* Of the weights of a model used as a layer, those of one of its layers. */
static whet_status share_weights(const keras_layer *outer, keras_model *m)
{
    for (size_t i = 0; i < m->n; i++) {
        keras_layer *l = &m->layers[i];
        size_t capacity = 0;
        for (size_t k = 0; k < outer->n_weights; k++) {
            if (!has_part(outer->weights[k]->path, l->name)) continue;
            if (!WHET_GROW(&l->weights, l->n_weights, &capacity)) return WHET_ENOMEM;
            l->weights[l->n_weights++] = outer->weights[k];
        }
        if (l->model != NULL) WHET_TRY(share_weights(l, l->model));
    }
    return WHET_OK;
}

whet_status keras_find_weights(keras_reader *r, keras_model *m)
{
    if (r->h5 == NULL || r->archive) return WHET_OK;
    const char *root = whet_hdf5_find(r->h5, "model_weights") != NULL ? "model_weights/" : "";
    for (size_t i = 0; i < m->n; i++) {
        char *group = whet_format("%s%s", root, m->layers[i].name);
        if (group == NULL) return WHET_ENOMEM;
        const whet_status status = list_weights(r->h5, group, &m->layers[i]);
        whet_free(group);
        WHET_TRY(status);
        if (m->layers[i].model != NULL) WHET_TRY(share_weights(&m->layers[i], m->layers[i].model));
    }
    return WHET_OK;
}

/* --- one weight */
static const whet_hdf5_item *find_at(const whet_hdf5 *h5, const char *store, const char *sub, int at)
{
    char *path = whet_format("%s%s%s/vars/%d", store, sub[0] != '\0' ? "/" : "", sub, at);
    const whet_hdf5_item *it = path != NULL ? whet_hdf5_find(h5, path) : NULL;
    whet_free(path);
    return it;
}

/* Keras 2.12 and 2.13 called the list of layers by its private name. */
static const whet_hdf5_item *find_older(const whet_hdf5 *h5, const char *store, const char *sub, int at)
{
    if (strncmp(store, "layers/", 7) != 0) return NULL;
    char *path = whet_format("_layer_checkpoint_dependencies/%s", store + 7);
    const whet_hdf5_item *it = path != NULL ? find_at(h5, path, sub, at) : NULL;
    whet_free(path);
    return it;
}

static const whet_hdf5_item *find_stored(const keras_call *c, const keras_weight *w)
{
    char hidden[64];
    const whet_hdf5 *h5 = c->r->h5;
    const whet_hdf5_item *it = find_at(h5, c->l->store, w->sub, w->at);
    snprintf(hidden, sizeof hidden, "_%s", w->sub);
    if (it == NULL && w->sub[0] != '\0') it = find_at(h5, c->l->store, hidden, w->at);
    return it != NULL ? it : find_older(h5, c->l->store, w->sub, w->at);
}

static whet_dtype dtype_of(const whet_hdf5_item *it)
{
    static const struct { char type; uint8_t size; whet_dtype dtype; } types[] = {
        {'f', 8, WHET_F64}, {'f', 4, WHET_F32}, {'f', 2, WHET_F16}, {'g', 2, WHET_BF16}, {'i', 8, WHET_S64}, {'i', 4, WHET_S32}, {'i', 2, WHET_S16},
        {'i', 1, WHET_S8}, {'u', 8, WHET_U64}, {'u', 4, WHET_U32}, {'u', 2, WHET_U16}, {'u', 1, WHET_U8}, {'b', 1, WHET_BOOL}};
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (types[i].type == it->type && types[i].size == it->size) return types[i].dtype;
    return WHET_DTYPE_NONE;
}

/* A dataset with its own bytes. EUNSUPPORTED for types that no tensor has. */
whet_status keras_tensor_of_item(const whet_hdf5_item *it, whet_tensor *out)
{
    whet_shape s = {.rank = it->rank};
    const whet_dtype dtype = dtype_of(it);
    whet_tensor_init(out);
    if (dtype == WHET_DTYPE_NONE) return WHET_FAIL(WHET_EUNSUPPORTED, "the dataset '%s' is of a type that no tensor has", it->path);
    for (int i = 0; i < s.rank; i++) s.dims[i] = it->dims[i] > INT64_MAX ? INT64_MAX : (int64_t)it->dims[i];
    WHET_TRY(whet_tensor_alloc(out, dtype, &s));
    memcpy(out->data, it->data, (size_t)it->bytes);
    return WHET_OK;
}

static bool shape_fits(const whet_hdf5_item *it, const keras_weight *w)
{
    if (it->rank != w->rank) return false;
    for (int i = 0; i < w->rank; i++)
        if (w->dims[i] >= 0 && it->dims[i] != (uint64_t)w->dims[i]) return false;
    return true;
}

static whet_status wrong_shape(const keras_call *c, const keras_weight *w, const whet_hdf5_item *it)
{
    char is[240] = "", wanted[240] = "";
    size_t n = 0, k = 0;
    for (int i = 0; i < it->rank; i++) n += (size_t)snprintf(is + n, sizeof is - n, "%s%llu", i > 0 ? "x" : "", (unsigned long long)it->dims[i]);
    for (int i = 0; i < w->rank; i++)
        k += (size_t)snprintf(wanted + k, sizeof wanted - k, w->dims[i] < 0 ? "%s?" : "%s%lld", i > 0 ? "x" : "", (long long)w->dims[i]);
    return keras_fail(c, WHET_EFORMAT, "its %s '%s' is %s and should be %s", w->role, it->path, is[0] != '\0' ? is : "a scalar", wanted);
}

whet_status keras_load(const keras_call *c, const keras_weight *w, whet_tensor *out)
{
    const whet_hdf5_item *it = NULL;
    whet_tensor raw;
    whet_tensor_init(out);
    if (c->r->h5 == NULL) return keras_fail(c, WHET_EFORMAT, "there are no weights for it");
    if (c->r->archive) it = find_stored(c, w);
    else if ((size_t)w->i < c->l->n_weights) it = c->l->weights[w->i];
    if (it == NULL) return keras_fail(c, WHET_EFORMAT, "its %s is not in the file", w->role);
    if (!shape_fits(it, w)) return wrong_shape(c, w, it);
    WHET_TRY(keras_tensor_of_item(it, &raw));
    if (raw.dtype == WHET_F32) {
        *out = raw;
        return WHET_OK;
    }
    const whet_status status = whet_tensor_cast(out, &raw, WHET_F32);
    whet_tensor_dispose(&raw);
    return status;
}

static whet_status add_value(const keras_call *c, const char *role, const whet_tensor *t, bool parameter, bool trainable, whet_vid *out)
{
    char *name = whet_format("%s/%s", c->l->scope, role);
    if (name == NULL) return WHET_ENOMEM;
    const whet_status status = parameter && c->r->variables ? whet_graph_variable(c->r->g, name, t, trainable, out) : whet_graph_const(c->r->g, name, t, out);
    whet_free(name);
    return status;
}

whet_status keras_constant(const keras_call *c, const char *role, whet_tensor *t, whet_vid *out)
{
    const whet_status status = add_value(c, role, t, false, false, out);
    whet_tensor_dispose(t);
    return status;
}

whet_status keras_param(const keras_call *c, const keras_weight *w, const int64_t *perm, const whet_shape *shape, whet_vid *out)
{
    whet_tensor t, moved;
    whet_vid *made = &c->l->params[w->i];
    if (*made != WHET_NO_VALUE) {
        *out = *made;
        return WHET_OK;
    }
    WHET_TRY(keras_load(c, w, &t));
    whet_status status = WHET_OK;
    if (perm != NULL) {
        status = whet_tensor_permute(&t, perm, &moved);
        whet_tensor_dispose(&t);
        if (status != WHET_OK) return status;
        t = moved;
    }
    if (shape != NULL) t.shape = *shape;
    status = add_value(c, w->role, &t, true, strncmp(w->role, "moving_", 7) != 0, out);
    whet_tensor_dispose(&t);
    *made = *out;
    return status;
}
