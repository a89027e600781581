/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors: every byte of every entry is there. */
#include "fuzz.h"
#include "wire/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    whet_safetensors *s = NULL;
    unsigned sum = 0;
    whet_status status = whet_safetensors_open_mem(&s, data, size, "f.safetensors");
    if (status != WHET_OK) {
        fuzz_clean_error(status, s, "f.safetensors");
        return 0;
    }
    for (int i = 0; i < whet_safetensors_count(s); i++) {
        const whet_safetensors_entry *e = whet_safetensors_at(s, i);
        FUZZ_CHECK(whet_safetensors_find(s, e->name) == e);
        for (size_t k = 0; k < e->bytes; k++) sum += ((const uint8_t *)e->data)[k];
    }
    for (int i = 0; i < whet_safetensors_meta_count(s); i++) {
        const char *key = NULL, *value = NULL;
        whet_safetensors_meta_at(s, i, &key, &value);
        FUZZ_CHECK(strcmp(whet_safetensors_meta(s, key), value) == 0);
    }
    whet_safetensors_close(s);
    fuzz_sink = sum; /* keeps the reads */
    return 0;
}
