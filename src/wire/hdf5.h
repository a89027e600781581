/* SPDX-License-Identifier: Apache-2.0 */
/* HDF5 files, read and written by a worker process (the program whet-h5): libhdf5 is large and not made for hostile files, so it
 * runs where its crash is an error message. The worker gets two descriptors, has its memory, time and file size limited, and
 * can open nothing and connect nowhere once it has begun (workers/h5/README.md).
 *
 * Read: the whole file becomes a list of groups, datasets and attributes. The sum of their bytes may be 4 times the file and
 * 64 MB; links to other files, external storage and filter plug-ins are refused.
 * The worker is found as $WHET_H5, beside the running program or one folder up, in ../libexec/whet from the program or the
 * library, or where it was installed. EUNAVAILABLE if it is nowhere. One thread a handle. */
#ifndef WHET_WIRE_HDF5_H
#define WHET_WIRE_HDF5_H

#include <stdbool.h>

#include "wire/hdf5_stream.h"

typedef struct whet_hdf5 whet_hdf5;
/* EFORMAT: not HDF5, or damaged, or the library crashed on it; EUNSUPPORTED; the file's name is in the error. */
whet_status whet_hdf5_open(whet_hdf5 **out, const char *path);
whet_status whet_hdf5_open_mem(whet_hdf5 **out, const void *data, size_t size, const char *name);
/* What the worker made of a file, for tests; the bytes must outlive the handle. */
whet_status whet_hdf5_open_stream(whet_hdf5 **out, const void *data, size_t size, const char *name);
void whet_hdf5_close(whet_hdf5 *h); /* accepts NULL */

int whet_hdf5_count(const whet_hdf5 *h);
const whet_hdf5_item *whet_hdf5_at(const whet_hdf5 *h, int i); /* in the order of the file; parents first */
/* A group or dataset; NULL if absent. Paths have no '/' at the ends. */
const whet_hdf5_item *whet_hdf5_find(const whet_hdf5 *h, const char *path);
const whet_hdf5_item *whet_hdf5_attribute(const whet_hdf5 *h, const char *path, const char *name);
/* String i of an attribute of strings; NULL if there are not so many or it is of another type. */
const char *whet_hdf5_text(const whet_hdf5_item *it, uint64_t i);
/* One after the other: *at is 0 first; NULL behind the last. */
const char *whet_hdf5_next_text(const whet_hdf5_item *it, size_t *at);

bool whet_hdf5_detect(const uint8_t *head, size_t n);

/* Writing: records in the order in which they are to stand, each group before what is in it. Equal calls, equal bytes. */
typedef struct whet_hdf5_writer whet_hdf5_writer;
whet_status whet_hdf5_writer_open(whet_hdf5_writer **out);
void whet_hdf5_writer_free(whet_hdf5_writer *w); /* accepts NULL */
whet_status whet_hdf5_add_group(whet_hdf5_writer *w, const char *path);
/* type, size, rank, dims, path, data as in whet_hdf5_item; bytes follow from them. */
whet_status whet_hdf5_add_dataset(whet_hdf5_writer *w, const whet_hdf5_item *it);
whet_status whet_hdf5_add_text(whet_hdf5_writer *w, const char *path, const char *name, const char *text); /* a scalar attribute */
whet_status whet_hdf5_add_texts(whet_hdf5_writer *w, const char *path, const char *name, size_t n, const char *const *texts);
/* The finished file, valid until the writer is freed. */
whet_status whet_hdf5_finish(whet_hdf5_writer *w, const uint8_t **data, size_t *size);

#endif
