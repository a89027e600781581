/* SPDX-License-Identifier: Apache-2.0 */
/* The flat stream between the HDF5 worker (workers/h5) and its client (wire/hdf5.h): groups, datasets and attributes one behind
 * the other, little-endian, each record at a multiple of 8 bytes, a dataset's bytes at a multiple of 64.
 *
 *   "whetH5\1\n"
 *   record: u8 kind, u8 type, u8 size, u8 rank, u32 length of path, u32 length of name, u32 0, u64 bytes, u64 dims[rank],
 *           path NUL, name NUL, padding, bytes, padding to 8
 *   strings: each u32 length, the bytes, NUL
 *   the last record is of the kind END; its bytes is the number of records before it and no bytes follow */
#ifndef WHET_WIRE_HDF5_STREAM_H
#define WHET_WIRE_HDF5_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { WHET_HDF5_GROUP = 1, WHET_HDF5_DATASET = 2, WHET_HDF5_ATTRIBUTE = 3, WHET_HDF5_END = 255 };
enum { WHET_HDF5_MAX_RANK = 8 };

typedef struct whet_hdf5_item {
    uint8_t kind;
    char type;     /* 'f' float, 'g' bfloat16, 'i' signed, 'u' unsigned, 'b' bool, 's' strings; '?' something else, no bytes */
    uint8_t size;  /* bytes an element; 0 for strings */
    int rank;
    uint64_t dims[WHET_HDF5_MAX_RANK];
    const char *path; /* "model_weights/conv2d", "" for the root */
    const char *name; /* of the attribute, else "" */
    const void *data; /* aligned to `size` */
    uint64_t bytes;
} whet_hdf5_item;

/* Number of elements; EFORMAT if it overflows. */
whet_status whet_hdf5_elements(const whet_hdf5_item *it, uint64_t *n);

typedef struct whet_hdf5_sink {
    whet_status (*write)(void *arg, const void *data, size_t n);
    void *arg;
    uint64_t at, records; /* 0 before the first */
} whet_hdf5_sink;
/* Appends a record; its bytes may also be given piecemeal: data NULL, then put_bytes until there are `bytes`. */
whet_status whet_hdf5_put(whet_hdf5_sink *s, const whet_hdf5_item *it);
whet_status whet_hdf5_put_bytes(whet_hdf5_sink *s, const void *data, size_t n);
whet_status whet_hdf5_put_end(whet_hdf5_sink *s);

/* The record at *at (0 first); *at goes behind it. Path, name and data point into the stream. Every length is checked,
 * also those of the strings. EFORMAT with the offset. After END there is nothing. */
whet_status whet_hdf5_next(const uint8_t *data, size_t size, size_t *at, whet_hdf5_item *out);
/* Behind END: whether it stands at the end and counts right is checked by whet_hdf5_next's caller with this. */
whet_status whet_hdf5_check_end(const whet_hdf5_item *end, uint64_t records, size_t at, size_t size);

#endif
