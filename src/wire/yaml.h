/* SPDX-License-Identifier: Apache-2.0 */
/* YAML over libyaml: a small tree of nodes with marks. Refused, with file, line and column: aliases and anchors, tags,
 * duplicate keys, more than one document, keys that are not plain text, nesting deeper than 32, files over 4 MiB.
 * Builds with WHET_MINIMAL have no libyaml: whet_yaml_parse then takes JSON (which is a part of YAML) and says so for
 * anything else; the tree is the same. */
#ifndef WHET_WIRE_YAML_H
#define WHET_WIRE_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef enum whet_yaml_kind { WHET_YAML_SCALAR, WHET_YAML_LIST, WHET_YAML_MAP } whet_yaml_kind;

typedef struct whet_yaml_node whet_yaml_node;
struct whet_yaml_node {
    whet_yaml_kind kind;
    int line, column;   /* 1-based, of its first character */
    const char *text;   /* SCALAR: NUL-terminated (embedded NULs are refused) */
    bool quoted;        /* SCALAR: 'x', "x" or a block: always text, never a number or null */
    int n;              /* LIST: items; MAP: entries */
    const char **keys;  /* MAP */
    int *key_lines;     /* MAP: line of each key */
    int *key_columns;
    whet_yaml_node **items; /* LIST: items; MAP: values */
};

/* Owns all nodes. `file` is copied and stands in whet_yaml_fail's errors. An empty document gives an empty MAP. */
typedef struct whet_yaml whet_yaml;
whet_status whet_yaml_parse(whet_yaml **out, const char *text, size_t size, const char *file);
void whet_yaml_free(whet_yaml *y); /* accepts NULL */
const whet_yaml_node *whet_yaml_root(const whet_yaml *y);

/* NULL if absent. */
const whet_yaml_node *whet_yaml_get(const whet_yaml_node *map, const char *key);
/* True for an unquoted "", "~", "null". */
bool whet_yaml_is_null(const whet_yaml_node *n);
/* Typed readings of a scalar, YAML 1.2 core schema ("true"/"false" only); false if it is not one. */
bool whet_yaml_bool(const whet_yaml_node *n, bool *out);
bool whet_yaml_int(const whet_yaml_node *n, int64_t *out);
bool whet_yaml_real(const whet_yaml_node *n, double *out); /* integers too */
/* Sets the error "text" at the node's file and line, with its column in the text; returns status. */
whet_status whet_yaml_fail(const whet_yaml *y, const whet_yaml_node *at, whet_status status, const char *fmt, ...)
    WHET_PRINTF(4, 5);

#endif
