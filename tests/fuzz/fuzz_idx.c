/* SPDX-License-Identifier: Apache-2.0 */
/* IDX: every byte of an accepted array is there. */
#include "data/dataset_impl.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    whet_idx idx;
    unsigned sum = 0;
    memset(&idx, 0, sizeof(idx));
    whet_status s = whet_idx_parse(&idx, data, size, "f.idx");
    if (s != WHET_OK) {
        fuzz_clean_error(s, NULL, "f.idx");
        return 0;
    }
    for (size_t i = 0; i < idx.bytes; i++) sum += idx.data[i];
    fuzz_sink = sum; /* keeps the reads */
    return 0;
}
