/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX as a row of the format table. */
#include "formats/onnx/onnx.h"

/* A protobuf whose first field is one of ModelProto's: ir_version, or a producer, in whatever order. */
bool whet_onnx_model_detect(const uint8_t *head, size_t n, size_t file_size, const char *path)
{
    (void)file_size;
    (void)path;
    return n >= 2 && ((head[0] == 0x08 && head[1] >= 1 && head[1] <= 64) || head[0] == 0x12);
}

whet_status whet_onnx_model_read(whet_graph **out, const char *path, const whet_format_options *o)
{
    whet_onnx_read_options r;
    whet_onnx_read_options_init(&r);
    r.parameters_as_variables = o->parameters_as_variables;
    r.keep_training = o->keep_training;
    return whet_onnx_read(out, path, &r);
}

whet_status whet_onnx_model_write(const whet_graph *g, const char *path, const whet_format_options *o)
{
    whet_onnx_write_options w;
    whet_onnx_write_options_init(&w);
    if (o->opset) w.opset = o->opset;
    return whet_onnx_write(g, path, &w);
}
