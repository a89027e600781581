/* SPDX-License-Identifier: Apache-2.0 */
/* What layers look up in their configuration. Keras wraps tuples, arrays and types in objects; they are seen through here. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "formats/keras/keras_reader.h"

whet_status keras_fail(const keras_call *c, whet_status status, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    WHET_FAIL(status, "%s '%s': %s", c->l->class_name, c->l->name, text);
    whet_error_at_node(c->l->scope);
    return status;
}

/* {"class_name": "__tuple__", "items": [...]}, {"class_name": "__numpy__", "config": {"value": ...}}: what is inside. */
const json_t *keras_unwrap(const json_t *v)
{
    for (int i = 0; i < 4 && json_is_object(v); i++) {
        const json_t *inner = json_object_get(v, "items");
        const json_t *config = json_object_get(v, "config");
        if (inner == NULL && json_is_object(config)) inner = json_object_get(config, "value");
        if (inner == NULL) inner = json_object_get(v, "value");
        if (inner == NULL) return v;
        v = inner;
    }
    return v;
}

const json_t *keras_config(const keras_call *c, const char *key)
{
    const json_t *v = keras_unwrap(json_object_get(c->l->config, key));
    return v == NULL || json_is_null(v) ? NULL : v;
}

static whet_status wrong(const keras_call *c, const char *key)
{
    return keras_fail(c, WHET_EFORMAT, "'%s' is nothing that this layer can have", key);
}

/* One number for several may stand in a list of one. */
static const json_t *single(const json_t *v)
{
    return json_is_array(v) && json_array_size(v) == 1 ? json_array_get(v, 0) : v;
}

static bool small_int(const json_t *v, int64_t *out)
{
    const double x = json_is_number(v) ? json_number_value(v) : 0.5;
    *out = x >= -1e9 && x <= 1e9 ? (int64_t)x : 0;
    return x >= -1e9 && x <= 1e9 && (double)*out == x;
}

whet_status keras_int(const keras_call *c, const char *key, int64_t otherwise, int64_t *out)
{
    const json_t *v = single(keras_config(c, key));
    *out = otherwise;
    return v == NULL || small_int(v, out) ? WHET_OK : wrong(c, key);
}

whet_status keras_real(const keras_call *c, const char *key, double otherwise, double *out)
{
    const json_t *v = single(keras_config(c, key));
    *out = otherwise;
    if (v == NULL) return WHET_OK;
    if (!json_is_number(v)) return wrong(c, key);
    *out = json_number_value(v);
    return WHET_OK;
}

bool keras_true(const keras_call *c, const char *key, bool otherwise)
{
    const json_t *v = keras_config(c, key);
    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

const char *keras_text(const keras_call *c, const char *key, const char *otherwise)
{
    const json_t *v = keras_config(c, key);
    return json_is_string(v) ? json_string_value(v) : otherwise;
}

whet_status keras_ints(const keras_call *c, const char *key, int n, int64_t otherwise, int64_t *out)
{
    const json_t *v = keras_config(c, key);
    for (int i = 0; i < n; i++) out[i] = otherwise;
    if (v == NULL) return WHET_OK;
    if (json_is_array(v) && json_array_size(v) != (size_t)n) return wrong(c, key);
    for (int i = 0; i < n; i++)
        if (!small_int(json_is_array(v) ? json_array_get(v, (size_t)i) : v, &out[i])) return wrong(c, key);
    return WHET_OK;
}

whet_status keras_refuse_unless(const keras_call *c, const char *key, const char *value)
{
    const json_t *v = keras_config(c, key);
    if (v == NULL || json_is_false(v) || (json_is_string(v) && strcmp(json_string_value(v), value) == 0)) return WHET_OK;
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    const whet_status status = keras_fail(c, WHET_EUNSUPPORTED, "%s = %.60s is not supported%s%s", key, text != NULL ? text : "?",
                                          value[0] != '\0' ? ", only " : "", value);
    free(text);
    return status;
}

bool keras_channels_first(const keras_call *c)
{
    return strcmp(keras_text(c, "data_format", "channels_last"), "channels_first") == 0;
}

/* --- arrays */
static bool shape_of(const json_t *v, whet_shape *s)
{
    memset(s, 0, sizeof *s);
    for (; json_is_array(v); v = json_array_get(v, 0)) {
        if (s->rank == WHET_MAX_RANK) return false;
        s->dims[s->rank++] = (int64_t)json_array_size(v);
    }
    return true;
}

static bool fill(const json_t *v, const whet_shape *s, int depth, float *data, size_t *at)
{
    if (depth == s->rank) {
        if (!json_is_number(v) && !json_is_boolean(v)) return false;
        data[(*at)++] = json_is_number(v) ? (float)json_number_value(v) : (float)json_is_true(v);
        return true;
    }
    if (!json_is_array(v) || json_array_size(v) != (size_t)s->dims[depth]) return false;
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!fill(json_array_get(v, i), s, depth + 1, data, at)) return false;
    return true;
}

whet_status keras_array(const keras_call *c, const json_t *v, whet_tensor *out)
{
    whet_shape s;
    size_t at = 0;
    v = keras_unwrap(v);
    whet_tensor_init(out);
    if (!shape_of(v, &s)) return keras_fail(c, WHET_EUNSUPPORTED, "an array of over %d dimensions", WHET_MAX_RANK);
    WHET_TRY(whet_tensor_alloc(out, WHET_F32, &s));
    if (fill(v, &s, 0, out->data, &at)) return WHET_OK;
    whet_tensor_dispose(out);
    return keras_fail(c, WHET_EFORMAT, "an array in the configuration is ragged or holds no numbers");
}
