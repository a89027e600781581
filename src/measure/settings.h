/* SPDX-License-Identifier: Apache-2.0 */
/* The settings that users compare, by the same names for every runtime. What a runtime cannot do it refuses when the model is
 * opened, and the row says `unsupported: why`. */
#ifndef WHET_MEASURE_SETTINGS_H
#define WHET_MEASURE_SETTINGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct whet_settings {
    int threads;              /* of all streams together; 0: the usable CPUs */
    int streams;              /* concurrent callers; 0: 1 */
    const char *optimisation; /* "off", "basic", "all"; NULL: all */
    const char *precision;    /* "default" (the file's own arithmetic), "f32", "bf16", "f16"; NULL: default */
    const char *denormals;    /* "zero", "keep"; NULL: zero */
    const char *arena;        /* "on", "off"; NULL: on */
} whet_settings;

/* One of the settings with a fixed choice of words, by its name in documents and on the command line. */
typedef struct whet_setting_row { const char *name; size_t offset; const char *fallback; const char *words; } whet_setting_row;
const whet_setting_row *whet_setting_at(int i); /* NULL past the end */
const char *whet_setting_get(const whet_settings *s, const whet_setting_row *row); /* never NULL */

/* EINVAL for a word that is none of the choice. */
whet_status whet_setting_check(const whet_setting_row *row, const char *word);
/* Of what a runtime says of itself ("caps" of a worker's probe): does it take this value? */
bool whet_setting_taken(const json_t *caps, const char *key, const char *value);
bool whet_settings_equal(const whet_settings *a, const whet_settings *b);
/* As they stand in a row: every key, texts. */
json_t *whet_settings_json(const whet_settings *s);
/* The worker's request "load". Keys at which every runtime starts (precision default, 1 stream) are left out. */
json_t *whet_load_request(const char *runtime, const char *path, const whet_settings *s, int batch, const int *sizes);

#endif
