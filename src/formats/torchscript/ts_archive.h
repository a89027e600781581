/* SPDX-License-Identifier: Apache-2.0 */
/* The archive of a TorchScript file: its modules and tensors (data.pkl, constants.pkl and their storages) and its source. */
#ifndef WHET_FORMATS_TS_ARCHIVE_H
#define WHET_FORMATS_TS_ARCHIVE_H

#include "formats/torchscript/ts_eval.h"
#include "wire/zip.h"

#define TS_EXTRA "extra/whet.json" /* names and shapes of inputs and outputs, metadata: what TorchScript has no place for */

typedef struct ts_archive ts_archive;
/* path NULL: of memory, which need not outlive the graph. name stands in errors. */
whet_status ts_archive_open(ts_archive **out, const char *path, const void *data, size_t size, const char *name);
void ts_archive_close(ts_archive *a); /* accepts NULL; tensors keep the file */
/* Modules and constants into the arena; the tensors are e->weights. */
whet_status ts_archive_load(ts_archive *a, ts_eval *e, ts_object **root);
/* A ts_source_fn; arg is the archive. */
whet_status ts_archive_source(void *arg, const char *path, char **text, size_t *size);
/* The text of an entry, NUL-terminated on the heap; *text NULL if there is none. */
whet_status ts_archive_text(ts_archive *a, const char *path, size_t limit, char **text, size_t *size);
/* Types and sizes of the inputs that a module was traced with, as later releases keep them; *n = 0 where they are not told. */
typedef struct ts_example {
    whet_dtype dtype;
    whet_shape shape;
} ts_example;
whet_status ts_archive_examples(ts_archive *a, int cap, ts_example *out, int *n);
void ts_weights_release(ts_weight *list);

#endif
