/* SPDX-License-Identifier: Apache-2.0 */
/* Python pickles, protocols 0 to 5, read into a tree of values. Nothing is ever called: a call (REDUCE, NEWOBJ) becomes a value
 * that names what would be called, with its arguments, and only names of the caller's table may stand in a pickle at all; any
 * other is EUNSUPPORTED naming it, with the byte offset. Sets, extension codes and out-of-band buffers are refused by name.
 *
 * Limits: nesting 200, integers of 16 bytes, memo indices below the size of the pickle, memory of 4 times the pickle and
 * 32 MiB, or what the caller allows. A list may contain itself (through the memo): whoever walks the tree counts levels and values. Source: the notes in
 * CPython's pickletools. */
#ifndef WHET_WIRE_PICKLE_H
#define WHET_WIRE_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { WHET_PICKLE_MAX_DEPTH = 200, WHET_PICKLE_MAX_LONG = 16 };

typedef enum whet_pickle_kind {
    WHET_PICKLE_NONE,
    WHET_PICKLE_BOOL,   /* i */
    WHET_PICKLE_INT,    /* i */
    WHET_PICKLE_LONG,   /* an integer beyond 64 bits: bytes, little-endian two's complement */
    WHET_PICKLE_FLOAT,  /* f */
    WHET_PICKLE_TEXT,   /* text: UTF-8, NUL-terminated, n bytes; 8-bit strings of Python 2 that are UTF-8, too */
    WHET_PICKLE_BYTES,  /* text: n bytes */
    WHET_PICKLE_TUPLE,  /* items[0..n) */
    WHET_PICKLE_LIST,   /* items[0..n) */
    WHET_PICKLE_DICT,   /* items[0..2n): key, value, ... in the order of the pickle; keys may repeat, the last counts. state */
    WHET_PICKLE_GLOBAL, /* row, module, text = name */
    WHET_PICKLE_CALL,   /* callee (a GLOBAL), args (a TUPLE, unless WHET_PICKLE_ANY), state (of BUILD) or NULL */
    WHET_PICKLE_PERSISTENT /* args: the id */
} whet_pickle_kind;

typedef struct whet_pickle_value whet_pickle_value;
struct whet_pickle_value {
    whet_pickle_kind kind;
    int depth;       /* of what is inside */
    int64_t offset;  /* of the opcode that made it */
    size_t n;
    union {
        int64_t i;
        double f;
        const char *text;
        whet_pickle_value **items;
        const whet_pickle_value *callee;
    };
    union {
        const char *module;
        const whet_pickle_value *args;
        size_t room; /* of items */
    };
    union {
        int row; /* of the table */
        const whet_pickle_value *state;
    };
};

enum {
    WHET_PICKLE_NAMED = 0, /* may stand as an argument */
    WHET_PICKLE_CALLED = 1,
    WHET_PICKLE_BUILT = 2,   /* what the call gave may get a state */
    WHET_PICKLE_ANY = 8,     /* called with what is no tuple: TorchScript's enumerations */
    WHET_PICKLE_MAPPING = 4  /* the call gives a DICT: no arguments, or a list of pairs, or a dict */
};
typedef struct whet_pickle_global {
    const char *module, *name; /* a '*' at the end of either stands for any text */
    unsigned flags;
} whet_pickle_global;

typedef struct whet_pickle_options {
    const whet_pickle_global *globals;
    size_t n_globals;
    const char *allows; /* for the refusal: "tensors and containers" */
    int64_t base;       /* added to the offsets in errors */
    size_t memory;      /* a limit below the usual one; 0: the usual one */
} whet_pickle_options;

typedef struct whet_pickle whet_pickle;
/* Reads one pickle from data[0..size); `name` stands in errors. used NULL: it must end where data ends, else it gets the bytes
 * that were read. The tree holds no pointers into data. */
whet_status whet_pickle_read(whet_pickle **out, const void *data, size_t size, const char *name, const whet_pickle_options *opt,
                             size_t *used);
void whet_pickle_free(whet_pickle *p); /* accepts NULL */
const whet_pickle_value *whet_pickle_root(const whet_pickle *p);
size_t whet_pickle_memory(const whet_pickle *p); /* bytes that it took */
/* Persistent ids in the order of the pickle; each a value of kind PERSISTENT. */
size_t whet_pickle_persistent_count(const whet_pickle *p);
const whet_pickle_value *whet_pickle_persistent_at(const whet_pickle *p, size_t i);

/* The value of a text key; NULL if absent, or v is no dict. */
const whet_pickle_value *whet_pickle_get(const whet_pickle_value *v, const char *key);
/* True for a GLOBAL, or a CALL of one, of that name. */
bool whet_pickle_is(const whet_pickle_value *v, const char *module, const char *name);
/* "tuple", "call of torch._utils._rebuild_tensor_v2": for messages; returns buf. */
const char *whet_pickle_text(const whet_pickle_value *v, char *buf, size_t size);

#endif
