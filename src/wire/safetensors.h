/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors files (github.com/huggingface/safetensors, format page): u64 header length, JSON header, bytes. Little-endian,
 * row-major. Reading maps the file: entries point into the mapping and live as long as the handle. Checked: offsets
 * contiguous from 0 to the end without holes, byte length = product of the shape, no duplicate names, metadata of strings
 * only, header at most 100 MB and such that its tree takes no more memory than 4 times the file and 60 MiB. */
#ifndef WHET_WIRE_SAFETENSORS_H
#define WHET_WIRE_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define WHET_SAFETENSORS_MAX_RANK 8

typedef struct whet_safetensors_entry {
    const char *name;
    const char *dtype; /* as in the file: "F32", "F64", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", ..., "BOOL" */
    int rank;
    int64_t dims[WHET_SAFETENSORS_MAX_RANK];
    const void *data;  /* 8-byte aligned in files that we wrote; copy it before use as typed memory otherwise */
    size_t bytes;
} whet_safetensors_entry;

typedef struct whet_safetensors whet_safetensors;
whet_status whet_safetensors_open(whet_safetensors **out, const char *path);
/* Of memory that outlives the handle; `name` stands in errors. */
whet_status whet_safetensors_open_mem(whet_safetensors **out, const void *data, size_t size, const char *name);
void whet_safetensors_close(whet_safetensors *s); /* accepts NULL */
int whet_safetensors_count(const whet_safetensors *s);
const whet_safetensors_entry *whet_safetensors_at(const whet_safetensors *s, int i); /* in file order (by offset) */
const whet_safetensors_entry *whet_safetensors_find(const whet_safetensors *s, const char *name); /* NULL if absent */
int whet_safetensors_meta_count(const whet_safetensors *s);
void whet_safetensors_meta_at(const whet_safetensors *s, int i, const char **key, const char **value);
const char *whet_safetensors_meta(const whet_safetensors *s, const char *key); /* NULL if absent */

/* Bytes of one element of `dtype`, 0 if unknown. */
size_t whet_safetensors_dtype_size(const char *dtype);

typedef struct whet_safetensors_pair { const char *key, *value; } whet_safetensors_pair;
/* Writes all in one go, atomically (temporary file, fsync, rename). The header is padded with blanks so that the data
 * starts on a multiple of 64. Tensors are laid out by element size, largest first, then in the given order, so that every
 * one is aligned. Equal input gives equal bytes. EINVAL: duplicate name, unknown dtype, wrong byte count. */
whet_status whet_safetensors_write(const char *path, int n, const whet_safetensors_entry *entries, int n_meta,
                                   const whet_safetensors_pair *meta);

#endif
