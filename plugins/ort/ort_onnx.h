/* SPDX-License-Identifier: Apache-2.0 */
/* What the plug-in must know of an ONNX file's bytes: the tensors that nodes give, a copy of the file with some of them as
 * further outputs, and the nodes of a graph that the runtime saved. Nothing here calls the runtime. */
#ifndef WHET_PLUGINS_ORT_ONNX_H
#define WHET_PLUGINS_ORT_ONNX_H

#include <stddef.h>
#include <stdint.h>

/* {"tensors":["name",...]}: the results of the main graph's nodes in the file's order. Heap; NULL: no ONNX, or no memory. */
char *ort_onnx_tensors(const uint8_t *model, size_t size);
/* The model with names[0..n) as further outputs; those that are outputs already are left out. Heap; NULL: no memory, or
 * *missing is the first name that no node gives. */
uint8_t *ort_onnx_with_outputs(const uint8_t *model, size_t size, const char *const *names, int n, size_t *out_size, const char **missing);
/* {"nodes":[{"name","type","precision","ms":null,"origin"}]} of a saved optimised graph. `origin` is the node of the original
 * file that alone reads the same weights, else the one that gives the same tensor. Heap; NULL as above. */
char *ort_onnx_nodes(const uint8_t *saved, size_t saved_size, const uint8_t *original, size_t original_size);

/* {"nodes":[...]} out of the text of a session's trace: per node the mean of the middle half of its times, multiply-adds and
 * bytes by the shapes that stand in it. */
char *ort_profile_nodes(const char *trace);

#endif
