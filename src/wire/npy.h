/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy .npy files, versions 1 to 3 (numpy.lib.format). Little-endian numbers and booleans, C order; Fortran order is
 * reordered while reading. See src/formats/npy for tensors. */
#ifndef WHET_WIRE_NPY_H
#define WHET_WIRE_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define WHET_NPY_MAX_RANK 8

typedef struct whet_npy {
    char kind;   /* as in the file: 'f' float, 'i' signed, 'u' unsigned, 'b' bool */
    int size;    /* bytes of one element: 1, 2, 4, 8 */
    bool fortran;
    int rank;
    int64_t dims[WHET_NPY_MAX_RANK];
    const void *data; /* into the caller's bytes */
    size_t bytes;     /* of data */
} whet_npy;

/* Parses data[0..size); `name` stands in errors. The elements may be unaligned. */
whet_status whet_npy_parse(whet_npy *out, const uint8_t *data, size_t size, const char *name);
/* Copies the elements to dst (npy->bytes of them) in C order. */
void whet_npy_copy(const whet_npy *npy, void *dst);
/* Version 1.0, atomically. */
whet_status whet_npy_write(const char *path, char kind, int size, int rank, const int64_t *dims, const void *data);

#endif
