/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX: what was read can be written, and what was written can be read. */
#include "formats/onnx/onnx.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    whet_graph *g = NULL, *again = NULL;
    uint8_t *bytes = NULL;
    size_t n = 0;
    whet_onnx_read_options opt;
    whet_onnx_read_options_init(&opt);
    opt.parameters_as_variables = size % 2;
    whet_status s = whet_onnx_read_mem(&g, data, size, "f.onnx", NULL, &opt);
    if (s != WHET_OK) {
        fuzz_clean_error(s, g, "f.onnx");
        return 0;
    }
    s = whet_onnx_write_mem(g, &bytes, &n, NULL);
    if (s == WHET_OK) FUZZ_CHECK(whet_onnx_read_mem(&again, bytes, n, "again.onnx", NULL, NULL) == WHET_OK);
    else fuzz_clean_error(s, bytes, NULL);
    whet_free(bytes);
    whet_graph_free(again);
    whet_graph_free(g);
    return 0;
}
