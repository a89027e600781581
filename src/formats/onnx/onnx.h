/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX files <-> graph. Reading: opset 7 to 28, IR version 3 to 13; every node is brought to its operator's newest
 * definition (the one the graph means). Writing: opset 17 by default. */
#ifndef WHET_FORMATS_ONNX_H
#define WHET_FORMATS_ONNX_H

#include "formats/formats.h"

/* Metadata keys under which the reader keeps what the file says of itself; the writer makes its own. */
#define ONNX_META_OPSET "onnx.opset"
#define ONNX_META_IR "onnx.ir_version"
#define ONNX_META_PRODUCER "onnx.producer"
#define ONNX_META_PRODUCER_VERSION "onnx.producer_version"
#define ONNX_META_DOC "onnx.doc"

typedef struct whet_onnx_read_options {
    size_t size;
    bool parameters_as_variables; /* float initialisers that parametrised operators (Conv, Gemm, MatMul, ...)
                                     read become trainable variables, running statistics variables with commits */
    bool keep_training;           /* keep BatchNormalization/Dropout training mode as the file has it (default true) */
} whet_onnx_read_options;
void whet_onnx_read_options_init(whet_onnx_read_options *o);

/* Reads and verifies. External data only from inside the model's folder. Large initialisers are views into the mapped
 * file, kept alive by their buffers. Errors carry file, byte offset (damage) or node (everything else). opt may be NULL. */
whet_status whet_onnx_read(whet_graph **out, const char *path, const whet_onnx_read_options *opt);
/* `dir` is the folder of external data, NULL: refused. Tensor bytes are copied. */
whet_status whet_onnx_read_mem(whet_graph **out, const void *data, size_t size, const char *name, const char *dir,
                               const whet_onnx_read_options *opt);
/* One TensorProto (.pb), as in the ONNX node tests; the tensor owns its bytes. `name_out` (may be NULL): heap string. */
whet_status whet_onnx_read_tensor(whet_tensor *out, const char *path, char **name_out);

typedef struct whet_onnx_write_options {
    size_t size;
    int opset;              /* 13 to 21; default 17 */
    const char *producer_version;
    size_t external_bytes;  /* initialisers go to "<name>.data" if all of them together pass this; default 2^31 - 2^20 */
} whet_onnx_write_options;
void whet_onnx_write_options_init(whet_onnx_write_options *o);
/* Atomic; equal graphs give equal bytes. Variables become initialisers of their names (commits are dropped). Operators of
 * the domain "whet" are expanded, or refused by name: EUNSUPPORTED naming the node. */
whet_status whet_onnx_write(const whet_graph *g, const char *path, const whet_onnx_write_options *opt);
whet_status whet_onnx_write_mem(const whet_graph *g, uint8_t **data, size_t *size, const whet_onnx_write_options *opt);

/* Opset that introduced an operator of the domain ai.onnx; 0: there is none of this name. */
int whet_onnx_op_since(const char *op);

/* As a row of the format table. */
bool whet_onnx_model_detect(const uint8_t *head, size_t n, size_t file_size, const char *path);
whet_status whet_onnx_model_read(whet_graph **out, const char *path, const whet_format_options *o);
whet_status whet_onnx_model_write(const whet_graph *g, const char *path, const whet_format_options *o);

#endif
