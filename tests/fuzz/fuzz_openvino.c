/* SPDX-License-Identifier: Apache-2.0 */
/* OpenVINO IR: the .xml, and behind a NUL byte the .bin (without one: zeros). What was read is a sound graph that can be written
 * and read again. */
#include "formats/openvino/openvino.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t zeros[1 << 20];
    whet_graph *g = NULL, *again = NULL;
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    const size_t n = end ? (size_t)(end - data) : size;
    char *xml = NULL;
    uint8_t *bin = NULL;
    size_t xml_size = 0, bin_size = 0;
    whet_status s = whet_openvino_read_mem(&g, data, n, end ? end + 1 : zeros, end ? size - n - 1 : sizeof(zeros), "f.xml");
    if (s != WHET_OK) {
        fuzz_clean_error(s, g, "f.xml");
        return 0;
    }
    FUZZ_CHECK(whet_graph_verify(g) == WHET_OK);
    FUZZ_CHECK(whet_graph_infer(g) == WHET_OK);
    for (int i = 0; i < g->n_values; i++) { /* constants may be read to their end */
        const whet_tensor *t = whet_graph_const_data(g, i);
        const size_t bytes = t ? whet_tensor_bytes(t) : 0;
        for (size_t k = 0; k < bytes; k++) fuzz_sink += ((const uint8_t *)t->data)[k];
    }
    s = whet_openvino_write_mem(g, &xml, &xml_size, &bin, &bin_size, NULL);
    if (s == WHET_OK) FUZZ_CHECK(whet_openvino_read_mem(&again, xml, xml_size, bin, bin_size, "again.xml") == WHET_OK);
    else fuzz_clean_error(s, xml, NULL);
    whet_free(xml);
    whet_free(bin);
    whet_graph_free(again);
    whet_graph_free(g);
    return 0;
}
