/* SPDX-License-Identifier: Apache-2.0 */
/* Keras files <-> graph: .h5 (one HDF5 file with the configuration as an attribute; Keras 1 to 3) and .keras (a ZIP of
 * metadata.json, config.json and model.weights.h5; Keras 2.12 to 3). Layers without their Python code: what is not one of the
 * layers of keras_ops.def is refused by name. docs/formats/keras.md has the table. */
#ifndef WHET_FORMATS_KERAS_H
#define WHET_FORMATS_KERAS_H

#include "formats/formats.h"

/* Metadata key under which the reader keeps the version that wrote the file. */
#define KERAS_META_VERSION "keras.version"
/* Attribute of .h5 files, member of metadata.json: the graph's own metadata (contract, labels, licence) as a JSON object. */
#define KERAS_META_OWN "whet"

bool whet_keras_detect(const uint8_t *head, size_t n, size_t file_size, const char *path);
whet_status whet_keras_read(whet_graph **out, const char *path, const whet_format_options *o);
whet_status whet_keras_write(const whet_graph *g, const char *path, const whet_format_options *o);

bool whet_keras_h5_detect(const uint8_t *head, size_t n, size_t file_size, const char *path);
whet_status whet_keras_h5_read(whet_graph **out, const char *path, const whet_format_options *o);
whet_status whet_keras_h5_write(const whet_graph *g, const char *path, const whet_format_options *o);
/* The datasets of any HDF5 file, by path ("layers/conv2d/vars/0"), without the optimiser's. Keras models: as the graph has them. */
whet_status whet_keras_h5_read_weights(whet_weights **out, const char *path);

/* For tests: either container from memory, or the stream that the HDF5 worker makes of an .h5 file (wire/hdf5_stream.h). */
whet_status whet_keras_read_mem(whet_graph **out, const void *data, size_t size, const char *name);

#endif
