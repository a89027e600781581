/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol buffers (protobuf.dev, "Encoding"): one decoder and one encoder driven by tables that lay a message out as a C
 * struct. Bytes stay views into the input; names are copied and NUL-terminated; everything else lives in an arena.
 *
 *     typedef struct dim { whet_pb_head head; int64_t value; const char *param; } dim;
 *     static const whet_pb_field dim_fields[] = {
 *         WHET_PB_ONE(1, INT, dim, value), WHET_PB_ONE(2, STRING, dim, param), WHET_PB_END };
 *     const whet_pb_message dim_message = {"Dimension", sizeof(dim), dim_fields};
 *
 * Checked: every length against its enclosing message, nesting depth, wire types, valid UTF-8 without NUL in names, and
 * the total memory of the decoded form. Errors carry file and byte offset. Unknown fields are skipped; groups refused. */
#ifndef WHET_WIRE_PB_H
#define WHET_WIRE_PB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/status.h"

enum { WHET_PB_MAX_DEPTH = 24 };

typedef enum whet_pb_kind {
    WHET_PB_INT,    /* int64_t: int32, int64, uint64, bool, enum */
    WHET_PB_FLOAT,  /* float */
    WHET_PB_DOUBLE, /* double */
    WHET_PB_STRING, /* const char *, NULL if absent */
    WHET_PB_BYTES,  /* whet_pb_bytes, data NULL if absent */
    WHET_PB_MESSAGE /* const struct *, NULL if absent */
} whet_pb_kind;

/* First member of every message struct. */
typedef struct whet_pb_head {
    int64_t offset; /* of its first byte in the input */
    uint64_t has;   /* bit i: field i of the table was in the input. When encoding: write it even if it is zero */
} whet_pb_head;

typedef struct whet_pb_bytes { const uint8_t *data; size_t size; } whet_pb_bytes;
/* Repeated fields, by kind. For messages items is an array of structs. */
typedef struct whet_pb_ints { size_t n; const int64_t *v; } whet_pb_ints;
typedef struct whet_pb_floats { size_t n; const float *v; } whet_pb_floats;
typedef struct whet_pb_doubles { size_t n; const double *v; } whet_pb_doubles;
typedef struct whet_pb_strings { size_t n; const char *const *v; } whet_pb_strings;
typedef struct whet_pb_bytes_list { size_t n; const whet_pb_bytes *v; } whet_pb_bytes_list;
#define WHET_PB_LIST(type)                                                                                          \
    struct {                                                                                                        \
        size_t n;                                                                                                   \
        const type *v;                                                                                              \
    }

struct whet_pb_message;
typedef struct whet_pb_field {
    uint32_t number; /* 0 ends the table */
    whet_pb_kind kind;
    bool repeated;
    size_t offset;   /* of the member in the struct */
    const struct whet_pb_message *message; /* MESSAGE */
} whet_pb_field;

typedef struct whet_pb_message {
    const char *name; /* for errors */
    size_t size;      /* of the struct */
    const whet_pb_field *fields;
} whet_pb_message;

#define WHET_PB_ONE(number, kind, type, member) {number, WHET_PB_##kind, false, offsetof(type, member), NULL}
#define WHET_PB_MANY(number, kind, type, member) {number, WHET_PB_##kind, true, offsetof(type, member), NULL}
#define WHET_PB_SUB(number, type, member, msg) {number, WHET_PB_MESSAGE, false, offsetof(type, member), &(msg)}
#define WHET_PB_SUBS(number, type, member, msg) {number, WHET_PB_MESSAGE, true, offsetof(type, member), &(msg)}
#define WHET_PB_END {0, WHET_PB_INT, false, 0, NULL}

/* Decodes data[0..size) into *out (a zeroed struct of m->size). The input must outlive the views. */
whet_status whet_pb_decode(const whet_pb_message *m, const void *data, size_t size, const char *file, whet_arena *arena,
                           void *out);

/* Bytes that the encoded message takes. */
size_t whet_pb_size(const whet_pb_message *m, const void *msg);
/* Writes fields in table order through sink; scalars that are zero and not marked in head.has are left out. */
typedef whet_status (*whet_pb_sink)(void *arg, const void *data, size_t n);
whet_status whet_pb_encode(const whet_pb_message *m, const void *msg, whet_pb_sink sink, void *arg);
/* The same into memory; *data from whet_alloc. */
whet_status whet_pb_encode_mem(const whet_pb_message *m, const void *msg, uint8_t **data, size_t *size);

/* True if s[0..n) is valid UTF-8 (RFC 3629) without NUL. */
bool whet_utf8_valid(const void *s, size_t n);

#endif
