/* SPDX-License-Identifier: Apache-2.0 */
/* .npy: an accepted array can be copied whole. */
#include "fuzz.h"
#include "wire/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    whet_npy npy;
    whet_status s = whet_npy_parse(&npy, data, size, "f.npy");
    if (s != WHET_OK) {
        fuzz_clean_error(s, NULL, "f.npy");
        return 0;
    }
    FUZZ_CHECK(npy.bytes <= size);
    void *copy = malloc(npy.bytes ? npy.bytes : 1);
    if (copy) whet_npy_copy(&npy, copy);
    free(copy);
    return 0;
}
