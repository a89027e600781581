/* SPDX-License-Identifier: Apache-2.0 */
/* FlatBuffers (flatbuffers.dev, "Internals"), reading: tables, vectors and strings looked at in place. Nothing is trusted: each
 * offset, vtable, length and field is checked against the file when it is followed, and errors carry file and byte offset.
 * Offsets to objects only lead forward, so following them ends. Writing: wire/flatbuf_write.h.
 *
 *     whet_fb_table root, sub;
 *     WHET_TRY(whet_fb_open(&fb, data, size, path, "TFL3", &root));
 *     WHET_TRY(whet_fb_sub(&root, 2, &sub));       absent: sub.fb is NULL, and its fields have their defaults
 *     int64_t n = whet_fb_int(&sub, 0, 4, 1);      an s32 with default 1
 *     WHET_TRY(whet_fb_check(&fb));                 were all scalars inside their tables? */
#ifndef WHET_WIRE_FLATBUF_H
#define WHET_WIRE_FLATBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/status.h"

typedef struct whet_fb {
    const uint8_t *data;
    size_t size;
    const char *file;  /* for errors */
    size_t text_left;  /* bytes of strings that may still be taken: a string may stand for many fields */
    size_t damaged_at; /* 0: no scalar was outside its table */
} whet_fb;

typedef struct whet_fb_table {
    whet_fb *fb;         /* NULL: absent */
    size_t at, vtable;
    uint16_t n, size;    /* fields in the vtable; bytes of the table */
} whet_fb_table;

typedef struct whet_fb_vector {
    whet_fb *fb;         /* NULL: absent; then n = 0 */
    size_t n, element;   /* element: bytes of one */
    const uint8_t *data; /* not aligned */
} whet_fb_vector;

/* identifier: the four characters behind the root offset. EFORMAT if they are others. */
whet_status whet_fb_open(whet_fb *fb, const void *data, size_t size, const char *file, const char *identifier, whet_fb_table *root);
/* EFORMAT if a scalar was read that is not inside its table. */
whet_status whet_fb_check(const whet_fb *fb);
bool whet_fb_has(const whet_fb_table *t, int field);

/* Scalars of 1, 2, 4 or 8 bytes; the default where the field is absent. */
int64_t whet_fb_int(const whet_fb_table *t, int field, size_t bytes, int64_t otherwise);
uint64_t whet_fb_uint(const whet_fb_table *t, int field, size_t bytes, uint64_t otherwise);
float whet_fb_float(const whet_fb_table *t, int field, float otherwise);
static inline bool whet_fb_bool(const whet_fb_table *t, int field) { return whet_fb_uint(t, field, 1, 0) != 0; }

whet_status whet_fb_sub(const whet_fb_table *t, int field, whet_fb_table *out);
/* A vector of scalars of `element` bytes, or of offsets (4). */
whet_status whet_fb_list(const whet_fb_table *t, int field, size_t element, whet_fb_vector *out);
/* Copied into the arena with a NUL; NULL if absent. EFORMAT unless it is UTF-8 without NUL. */
whet_status whet_fb_text(const whet_fb_table *t, int field, whet_arena *arena, const char **out);

/* Elements; i < v->n. */
int64_t whet_fb_list_int(const whet_fb_vector *v, size_t i);
float whet_fb_list_float(const whet_fb_vector *v, size_t i);
whet_status whet_fb_list_table(const whet_fb_vector *v, size_t i, whet_fb_table *out);

/* Where p stands in the file. */
size_t whet_fb_offset(const whet_fb *fb, const void *p);
/* Puts file and offset to the error just raised. */
whet_status whet_fb_fail_at(const whet_fb *fb, size_t at, whet_status status);

#endif
