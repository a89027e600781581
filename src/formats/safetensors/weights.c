/* SPDX-License-Identifier: Apache-2.0 */
/* Weights by name over wire/safetensors.h. Tensors are matched by name alone; the graph's bytes are replaced, never written
 * into, because other graphs may share them. */
#include "formats/safetensors/weights.h"

static const struct { const char *name; whet_dtype t; } types[] = {
    {"F64", WHET_F64}, {"F32", WHET_F32}, {"F16", WHET_F16}, {"BF16", WHET_BF16}, {"I64", WHET_S64}, {"I32", WHET_S32},
    {"I16", WHET_S16}, {"I8", WHET_S8}, {"U64", WHET_U64}, {"U32", WHET_U32}, {"U16", WHET_U16}, {"U8", WHET_U8},
    {"BOOL", WHET_BOOL}};

whet_dtype whet_safetensors_to_dtype(const char *name)
{
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (strcmp(types[i].name, name) == 0) return types[i].t;
    return WHET_DTYPE_NONE;
}

const char *whet_safetensors_from_dtype(whet_dtype t)
{
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (types[i].t == t) return types[i].name;
    return NULL;
}

whet_status whet_safetensors_load(whet_tensor *out, const whet_safetensors_entry *e)
{
    whet_dtype t = whet_safetensors_to_dtype(e->dtype);
    whet_shape shape = whet_shape_of(e->rank, e->dims);
    whet_tensor_init(out);
    if (t == WHET_DTYPE_NONE) return WHET_FAIL(WHET_EUNSUPPORTED, "type '%s' of tensor '%s' is not handled", e->dtype, e->name);
    WHET_TRY(whet_tensor_alloc(out, t, &shape));
    if (e->bytes) memcpy(out->data, e->data, e->bytes);
    return WHET_OK;
}

void whet_weights_report_dispose(whet_weights_report *r)
{
    whet_free(r->first_missing);
    whet_free(r->first_unused);
    memset(r, 0, sizeof(*r));
}

static bool is_weight(const whet_value *v, bool constants)
{
    if (v->kind == WHET_VALUE_VARIABLE) return true;
    return constants && v->kind == WHET_VALUE_CONST && whet_dtype_is_float(v->dtype) && v->dims.rank > 0;
}

static whet_status set_value(whet_value *v, const whet_safetensors_entry *e)
{
    char have[160], want[160];
    whet_tensor t;
    WHET_TRY(whet_safetensors_load(&t, e));
    if (!whet_shape_equal(&t.shape, &v->data.shape) || t.dtype != v->dtype) {
        WHET_FAIL(WHET_ESHAPE, "weights have %s %s, the model wants %s %s", whet_dtype_name(t.dtype),
                  whet_shape_text(&t.shape, have, sizeof(have)), whet_dtype_name(v->dtype),
                  whet_shape_text(&v->data.shape, want, sizeof(want)));
        whet_error_at_node(v->name);
        whet_tensor_dispose(&t);
        return WHET_ESHAPE;
    }
    whet_tensor_dispose(&v->data);
    v->data = t;
    return WHET_OK;
}

static whet_status apply(whet_graph *g, const whet_safetensors *s, whet_weights_report *r)
{
    for (int i = 0; i < g->n_values; i++) {
        whet_value *v = &g->values[i];
        const whet_safetensors_entry *e = is_weight(v, true) ? whet_safetensors_find(s, v->name) : NULL;
        if (e) {
            WHET_TRY(set_value(v, e));
            r->n_set++;
        } else if (v->kind == WHET_VALUE_VARIABLE && r->n_missing++ == 0) {
            r->first_missing = whet_strdup(v->name);
        }
    }
    for (int i = 0; i < whet_safetensors_count(s); i++) {
        whet_vid v = whet_graph_find(g, whet_safetensors_at(s, i)->name);
        if ((v < 0 || !is_weight(&g->values[v], true)) && r->n_unused++ == 0)
            r->first_unused = whet_strdup(whet_safetensors_at(s, i)->name);
    }
    return WHET_OK;
}

whet_status whet_weights_read(whet_graph *g, const char *path, whet_weights_report *report)
{
    whet_safetensors *s = NULL;
    memset(report, 0, sizeof(*report));
    WHET_TRY(whet_safetensors_open(&s, path));
    whet_status status = apply(g, s, report);
    if (status != WHET_OK) whet_error_at_file(path);
    whet_safetensors_close(s);
    return status;
}

whet_status whet_weights_write(const whet_graph *g, const char *path, bool constants)
{
    static const whet_safetensors_pair meta[] = {{"format", "pt"}};
    whet_safetensors_entry *list = whet_calloc((size_t)g->n_values + 1, sizeof(*list));
    whet_status status = WHET_OK;
    int n = 0;
    if (!list) return WHET_ENOMEM;
    for (int i = 0; i < g->n_values; i++) {
        const whet_value *v = &g->values[i];
        if (!is_weight(v, constants)) continue;
        whet_safetensors_entry *e = &list[n++];
        e->name = v->name;
        e->dtype = whet_safetensors_from_dtype(v->dtype);
        if (!e->dtype)
            WHET_GOTO(WHET_FAIL(WHET_EUNSUPPORTED, "type %s of '%s' has no form in safetensors", whet_dtype_name(v->dtype), v->name));
        e->rank = v->data.shape.rank;
        for (int k = 0; k < e->rank; k++) e->dims[k] = v->data.shape.dims[k];
        e->data = v->data.data;
        e->bytes = whet_tensor_bytes(&v->data);
    }
    status = whet_safetensors_write(path, n, list, 1, meta);
done:
    whet_free(list);
    return status;
}
