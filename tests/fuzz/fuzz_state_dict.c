/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch state dicts in both forms: every byte of every tensor is there. */
#include "formats/pytorch/state_dict.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    whet_weights *w = NULL;
    unsigned sum = 0;
    const whet_status status = whet_state_dict_read_mem(&w, data, size, "f.pt");
    if (status != WHET_OK) {
        fuzz_clean_error(status, w, "f.pt");
        return 0;
    }
    FUZZ_CHECK(w->n > 0);
    for (size_t i = 0; i < w->n; i++) {
        const uint8_t *p = w->tensors[i].data;
        FUZZ_CHECK(whet_weights_index(w, w->names[i]) == (int)i);
        for (size_t k = 0; k < whet_tensor_bytes(&w->tensors[i]); k++) sum += p[k];
    }
    whet_weights_free(w);
    fuzz_sink = sum; /* keeps the reads */
    return 0;
}
