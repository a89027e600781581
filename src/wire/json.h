/* SPDX-License-Identifier: Apache-2.0 */
/* JSON over jansson: strict reading (duplicate keys refused, depth and size limited, file, line and byte offset in the
 * error) and one canonical way of writing (keys in insertion order, shortest numbers that read back equal). */
#ifndef WHET_WIRE_JSON_H
#define WHET_WIRE_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/status.h"

enum { WHET_JSON_MAX_BYTES = 256 << 20 };

/* `name` stands in errors as the file ("" or NULL: none). The caller owns *out (json_decref). EFORMAT on bad text. */
whet_status whet_json_parse(json_t **out, const char *text, size_t size, const char *name);
whet_status whet_json_read(json_t **out, const char *path);
/* Canonical text: keys in insertion order, no blanks; indent > 0 for people. Heap string, NULL with ENOMEM set. */
char *whet_json_text(const json_t *v, int indent);
/* Canonical text with sorted keys, for hashing. */
char *whet_json_canonical(const json_t *v);
/* Written atomically, indented by 2, newline at the end. */
whet_status whet_json_write(const char *path, const json_t *v);

/* A member of an object; of another type, absent, or o is NULL: "" and 0. */
const char *whet_json_str(const json_t *o, const char *key);
double whet_json_real(const json_t *o, const char *key);
/* One more text at the end of a list. */
void whet_json_add_text(json_t *list, const char *fmt, ...) WHET_PRINTF(2, 3);

#endif
