/* SPDX-License-Identifier: Apache-2.0 */
/* The pinned wheels (wheels.def) as tables, and what of each is kept. */
#ifndef WHET_BACKEND_RUNTIME_PINS_H
#define WHET_BACKEND_RUNTIME_PINS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct whet_runtime_pin {
    const char *name, *version; /* "ort", "1.31.1" */
    const char *package;        /* "onnxruntime" */
    const char *library;        /* start of the name of a file that an installed runtime has */
} whet_runtime_pin;

typedef struct whet_runtime_wheel { const char *runtime, *version, *machine, *file, *sha256; } whet_runtime_wheel;

/* Files below `folder` of the wheel whose path from there matches `pattern` ('*' crosses '/') go below `to`; to NULL: they are not wanted. */
typedef struct whet_runtime_part { const char *runtime, *folder, *pattern, *to; } whet_runtime_part;

/* version NULL or "": the first of that name. NULL if there is none. */
const whet_runtime_pin *whet_runtime_pin_find(const char *name, const char *version);
const whet_runtime_pin *whet_runtime_pin_at(size_t i); /* NULL past the end */
const whet_runtime_wheel *whet_runtime_wheel_named(const whet_runtime_pin *r, const char *file);
/* The i-th of a machine; NULL past the end. The first is the one that is fetched. */
const whet_runtime_wheel *whet_runtime_wheel_at(const whet_runtime_pin *r, const char *machine, size_t i);
const whet_runtime_part *whet_runtime_part_at(const whet_runtime_pin *r, size_t i);
/* The first part that takes this entry of the wheel, with its path below the runtime's folder; NULL: not wanted. */
const whet_runtime_part *whet_runtime_part_of(const whet_runtime_pin *r, const char *entry, const char **rest);
/* "ort openvino ..." or, of one runtime, its versions. */
void whet_runtime_pin_names(char *out, size_t cap);
void whet_runtime_pin_versions(const char *name, char *out, size_t cap);

#endif
