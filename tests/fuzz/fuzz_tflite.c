/* SPDX-License-Identifier: Apache-2.0 */
/* TFLite: what was read is a sound graph. */
#include "formats/tflite/tflite.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    whet_graph *g = NULL;
    const whet_status s = whet_tflite_read_mem(&g, data, size, "f.tflite", NULL);
    if (s != WHET_OK) {
        fuzz_clean_error(s, g, "f.tflite");
        return 0;
    }
    FUZZ_CHECK(whet_graph_verify(g) == WHET_OK);
    FUZZ_CHECK(whet_graph_infer(g) == WHET_OK);
    for (int i = 0; i < g->n_values; i++) { /* constants may be read to their end */
        const whet_tensor *t = whet_graph_const_data(g, i);
        const size_t n = t ? whet_tensor_bytes(t) : 0;
        for (size_t k = 0; k < n; k++) fuzz_sink += ((const uint8_t *)t->data)[k];
    }
    whet_graph_free(g);
    return 0;
}
