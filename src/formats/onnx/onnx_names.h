/* SPDX-License-Identifier: Apache-2.0 */
/* A table from names to numbers, for readers that meet names before ids. Names are borrowed. */
#ifndef WHET_FORMATS_ONNX_NAMES_H
#define WHET_FORMATS_ONNX_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct onnx_names {
    struct onnx_names_slot { const char *name; int32_t id; } *slots;
    size_t n, cap;
} onnx_names;

void onnx_names_dispose(onnx_names *t);
/* Adds the name, or finds it there: *added tells (may be NULL). An existing id is kept. */
whet_status onnx_names_add(onnx_names *t, const char *name, int32_t id, bool *added);
int32_t onnx_names_get(const onnx_names *t, const char *name, int32_t otherwise);

#endif
