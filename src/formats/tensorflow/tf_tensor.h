/* SPDX-License-Identifier: Apache-2.0 */
/* TensorFlow's tensors and ours. */
#ifndef WHET_FORMATS_TF_TENSOR_H
#define WHET_FORMATS_TF_TENSOR_H

#include "formats/mapped.h"
#include "formats/tensorflow/tf_proto.h"
#include "tensor/tensor.h"

/* Nodes of text that hold metadata: "whet_meta/0", ... */
#define TF_META_PREFIX "whet_meta/"

/* What buffers may point into, and how it is closed when the last of them is gone: a mapped file, a checkpoint. */

whet_dtype tf_dtype(int64_t code);          /* NONE if whet has it not */
int64_t tf_dtype_code(whet_dtype t);        /* 0 if TensorFlow has it not */
const char *tf_dtype_name(int64_t code);    /* "string", "resource", ... for messages */

/* Bytes that repeated single values may still expand to. */
typedef struct tf_budget { size_t left; } tf_budget;

/* Owns its buffer; large f32 data stay views of what the pin holds (pin NULL: copied). Errors name no node. */
whet_status tf_tensor_load(const tf_tensor *t, whet_mapped *pin, tf_budget *budget, whet_tensor *out);
whet_status tf_tensor_wrap(const uint8_t *data, whet_dtype type, const whet_shape *shape, whet_mapped *pin, whet_tensor *out);

#endif
