/* SPDX-License-Identifier: Apache-2.0 */
/* TensorFlow graphs (and saved_model.pb without its checkpoint): what was read can be written where its pictures need no moving,
 * and what was written can be read. */
#include "formats/tensorflow/tensorflow.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    whet_graph *g = NULL, *again = NULL;
    uint8_t *bytes = NULL;
    size_t n = 0;
    whet_format_options o;
    whet_format_options_init(&o);
    o.parameters_as_variables = size % 2;
    const int saved = size > 2 && data[0] == 0x08 && data[1] == 0x01 && data[2] == 0x12;
    whet_status s = saved ? whet_tf_saved_model_read_mem(&g, data, size, NULL, 0, NULL, 0, "f.pb", &o) :
                            whet_tf_graph_read_mem(&g, data, size, "f.pb", &o);
    if (s != WHET_OK) {
        fuzz_clean_error(s, g, "f.pb");
        return 0;
    }
    s = whet_tf_graph_write_mem(g, &bytes, &n, NULL);
    if (s == WHET_OK) {
        s = whet_tf_graph_read_mem(&again, bytes, n, "again.pb", NULL);
        if (s != WHET_OK) fuzz_clean_error(s, again, "again.pb");
    } else {
        fuzz_clean_error(s, bytes, NULL);
    }
    whet_free(bytes);
    whet_graph_free(again);
    whet_graph_free(g);
    return 0;
}
