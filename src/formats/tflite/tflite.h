/* SPDX-License-Identifier: Apache-2.0 */
/* TFLite files <-> graph. Reading keeps inputs and outputs as in the file: names, channels last, integer types. Quantised tensors
 * become QuantizeLinear and DequantizeLinear around float operators. */
#ifndef WHET_FORMATS_TFLITE_H
#define WHET_FORMATS_TFLITE_H

#include "formats/formats.h"

/* Metadata keys under which the reader keeps what the file says of itself. */
#define TFLITE_META_DESCRIPTION "tflite.description"
#define TFLITE_META_SIGNATURE "tflite.signature" /* its key, "serving_default" */
/* and the names of the i-th input and output in it: "tflite.input.0", "tflite.output.0" */
#define TFLITE_META_INPUT "tflite.input."
#define TFLITE_META_OUTPUT "tflite.output."

bool whet_tflite_detect(const uint8_t *head, size_t n, size_t file_size, const char *path);
/* Large constants are views of the mapped file. Errors carry file, byte offset (damage) or node. */
whet_status whet_tflite_read(whet_graph **out, const char *path, const whet_format_options *o);
/* Tensor bytes are copied; `name` stands in errors. */
whet_status whet_tflite_read_mem(whet_graph **out, const void *data, size_t size, const char *name, const whet_format_options *o);

/* A graph after whet_pass_channels_last (or one of no images), variables frozen, sizes known but for the batch, which may be open.
 * Quantisation by QuantizeLinear and DequantizeLinear becomes integer tensors and operators where TFLite has them; o->weights:
 * F16 (weights of halves, widened when read) or S8 (bytes with a scale for each channel, float activations). EUNSUPPORTED naming
 * the node that has no counterpart. Atomic; equal graphs give equal bytes. */
whet_status whet_tflite_write(const whet_graph *g, const char *path, const whet_format_options *o);

#endif
