/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the YAML reader: the document under construction, shared by the libyaml and the JSON body. */
#ifndef WHET_WIRE_YAML_TREE_H
#define WHET_WIRE_YAML_TREE_H

#include "base/mem.h"
#include "wire/yaml.h"

enum { WHET_YAML_MAX_DEPTH = 32, WHET_YAML_MAX_BYTES = 4 << 20, WHET_YAML_MAX_ITEMS = 100000, WHET_YAML_MAX_KEYS = 4096 };

struct whet_yaml {
    whet_arena *arena;
    const char *file;
    whet_yaml_node *root;
};

whet_yaml_node *whet_yaml_new(whet_yaml *y, whet_yaml_kind kind, int line, int column); /* NULL with ENOMEM set */
whet_status whet_yaml_at(const whet_yaml *y, int line, int column, whet_status status, const char *text);
/* Adds an item; for maps with its key, EFORMAT if the key is there already. */
whet_status whet_yaml_append(whet_yaml *y, whet_yaml_node *to, const char *key, int key_line, int key_column,
                             whet_yaml_node *item);
/* The body: builds y->root from text. One of yaml_lib.c, yaml_json.c. */
whet_status whet_yaml_build(whet_yaml *y, const char *text, size_t size);

#endif
