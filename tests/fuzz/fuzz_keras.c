/* SPDX-License-Identifier: Apache-2.0 */
/* Keras: the configuration's reader and the reader of the HDF5 worker's stream; what begins like HDF5 or a ZIP goes through the
 * worker. */
#include "formats/keras/keras.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    whet_graph *g = NULL;
    const whet_status status = whet_keras_read_mem(&g, data, size, "f.h5");
    if (status != WHET_OK) {
        fuzz_clean_error(status, g, "f.h5");
        return 0;
    }
    FUZZ_CHECK(whet_graph_verify(g) == WHET_OK);
    FUZZ_CHECK(g->n_inputs > 0 && g->n_outputs > 0);
    whet_graph_free(g);
    return 0;
}
