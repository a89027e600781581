/* SPDX-License-Identifier: Apache-2.0 */
/* The table of layers, looked up by name, and the names that Keras makes of class names. */
#include "formats/keras/keras_names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/spelling.h"
#include "formats/keras/keras_reader.h"

static const keras_def defs[] = {
#define K(kind, name, ir, read, write, versions) {#kind, name, ir, keras_read_##read},
#include "formats/keras/keras_ops.def"
#undef K
};

const keras_def *keras_def_find(const char *kind, const char *name)
{
    for (size_t i = 0; i < WHET_COUNT(defs); i++)
        if (strcmp(defs[i].kind, kind) == 0 && strcmp(defs[i].name, name) == 0) return &defs[i];
    return NULL;
}

const char *keras_def_nearest(const char *name)
{
    whet_spelling s = {.word = name};
    for (size_t i = 0; i < WHET_COUNT(defs); i++)
        if (strcmp(defs[i].kind, "layer") == 0) whet_spelling_offer(&s, defs[i].name);
    return s.nearest;
}

/* keras/src/utils/naming.py: an underscore before a capital that begins a word, or that follows a small letter. */
void keras_snake(const char *name, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; name[i] != '\0' && n + 2 < size; i++) {
        const unsigned char x = (unsigned char)name[i];
        if (!isalnum(x) && x != '_') continue;
        if (i > 0 && isupper(x) && (islower((unsigned char)name[i + 1]) || islower((unsigned char)name[i - 1]))) out[n++] = '_';
        out[n++] = (char)tolower(x);
    }
    out[n] = '\0';
}

whet_status keras_unique(json_t *used, const char *name, char *out, size_t size)
{
    const json_t *v = json_object_get(used, name);
    const json_int_t k = v != NULL ? json_integer_value(v) + 1 : 0;
    if (json_object_set_new(used, name, json_integer(k)) != 0) return WHET_FAIL(WHET_ENOMEM, "out of memory");
    snprintf(out, size, k > 0 ? "%s_%lld" : "%s", name, (long long)k);
    return WHET_OK;
}
