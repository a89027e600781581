/* SPDX-License-Identifier: Apache-2.0 */
/* TensorFlow: frozen graphs (one GraphDef in a .pb file) and SavedModel folders, in and out. See docs/formats/tensorflow.md. */
#ifndef WHET_FORMATS_TENSORFLOW_H
#define WHET_FORMATS_TENSORFLOW_H

#include "formats/formats.h"

/* Rows of formats.def. whet_tf_graph: a frozen graph, or the saved_model.pb inside a SavedModel, whose folder is then read.
 * whet_tf_saved_model: the folder. */
bool whet_tf_graph_detect(const uint8_t *head, size_t n, size_t file_size, const char *path);
whet_status whet_tf_graph_read(whet_graph **out, const char *path, const whet_format_options *o);
whet_status whet_tf_graph_write(const whet_graph *g, const char *path, const whet_format_options *o);
bool whet_tf_saved_model_detect(const uint8_t *head, size_t n, size_t file_size, const char *path);
whet_status whet_tf_saved_model_read(whet_graph **out, const char *path, const whet_format_options *o);
whet_status whet_tf_saved_model_write(const whet_graph *g, const char *path, const whet_format_options *o);

/* A frozen graph in memory, for tests and fuzzing; `name` stands in errors. */
whet_status whet_tf_graph_read_mem(whet_graph **out, const void *data, size_t size, const char *name, const whet_format_options *o);
/* A saved_model.pb in memory with its checkpoint (index NULL: none). */
whet_status whet_tf_saved_model_read_mem(whet_graph **out, const void *data, size_t size, const void *index, size_t index_size,
                                         const void *shard, size_t shard_size, const char *name, const whet_format_options *o);
/* *data from whet_alloc. */
whet_status whet_tf_graph_write_mem(const whet_graph *g, uint8_t **data, size_t *size, const whet_format_options *o);

#endif
