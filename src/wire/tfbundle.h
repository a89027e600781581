/* SPDX-License-Identifier: Apache-2.0 */
/* TensorFlow's tensor bundle, the checkpoint of a SavedModel: PREFIX.index, a sorted string table (blocks of keys with shared
 * prefixes, each block with a CRC-32C; format of LevelDB's table files) from names to BundleEntry messages, and
 * PREFIX.data-KKKKK-of-NNNNN with the bytes. Reading maps the files: entries point into the mappings and live as long as the
 * handle. Sources: tensorflow/core/protobuf/tensor_bundle.proto, LevelDB's doc/table_format.md.
 *
 * Checked: block handles, CRC of every block, prefixes, order of the keys, sizes and offsets of every entry against its file;
 * the memory of the expanded names is limited by the size of the index. Compressed blocks are refused. */
#ifndef WHET_WIRE_TFBUNDLE_H
#define WHET_WIRE_TFBUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define WHET_TFBUNDLE_MAX_RANK 8
enum { WHET_TF_STRING = 7 }; /* DataType */

typedef struct whet_tfbundle_entry {
    const char *name;
    int dtype;           /* DataType of TensorFlow's types.proto */
    int rank;
    int64_t dims[WHET_TFBUNDLE_MAX_RANK];
    const uint8_t *data; /* at any alignment; NULL for a sliced entry */
    size_t bytes;
    uint32_t crc;        /* masked CRC-32C of the bytes */
    bool sliced;         /* a partitioned variable: its parts are entries of their own */
} whet_tfbundle_entry;

typedef struct whet_tfbundle whet_tfbundle;
/* prefix: "model/variables/variables". */
whet_status whet_tfbundle_open(whet_tfbundle **out, const char *prefix);
/* Of memory that outlives the handle, with one data file; `name` stands in errors. */
whet_status whet_tfbundle_open_mem(whet_tfbundle **out, const void *index, size_t index_size, const void *data, size_t size,
                                   const char *name);
void whet_tfbundle_close(whet_tfbundle *b); /* accepts NULL */
int whet_tfbundle_count(const whet_tfbundle *b);
const whet_tfbundle_entry *whet_tfbundle_at(const whet_tfbundle *b, int i); /* sorted by name */
const whet_tfbundle_entry *whet_tfbundle_find(const whet_tfbundle *b, const char *name); /* NULL if absent */
/* EFORMAT if the bytes do not have the CRC that the index tells. */
whet_status whet_tfbundle_check(const whet_tfbundle *b, const whet_tfbundle_entry *e);
/* String i of an entry of type string; a view. */
whet_status whet_tfbundle_string(const whet_tfbundle *b, const whet_tfbundle_entry *e, int64_t i, const uint8_t **s, size_t *n);

/* Bytes of one element of a DataType; 0 for strings, resources and types unknown here. */
size_t whet_tf_type_size(int dtype);

#endif
