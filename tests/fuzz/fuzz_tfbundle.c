/* SPDX-License-Identifier: Apache-2.0 */
/* The index of a checkpoint: every entry of what opens can be touched, compared with its checksum and taken as text. */
#include "wire/tfbundle.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t shard[1 << 20];
    whet_tfbundle *b = NULL;
    whet_status s = whet_tfbundle_open_mem(&b, data, size, shard, sizeof(shard), "f.index");
    if (s != WHET_OK) {
        fuzz_clean_error(s, b, "f.index");
        return 0;
    }
    for (int i = 0; i < whet_tfbundle_count(b); i++) {
        const whet_tfbundle_entry *e = whet_tfbundle_at(b, i);
        const uint8_t *text = NULL;
        size_t n = 0;
        FUZZ_CHECK(whet_tfbundle_find(b, e->name) == e);
        if (i > 16) continue;
        if (whet_tfbundle_check(b, e) != WHET_OK) FUZZ_CHECK(whet_error_last()->text[0] != '\0');
        if (e->bytes && e->data) fuzz_sink += e->data[0] + e->data[e->bytes - 1];
        if (whet_tfbundle_string(b, e, 0, &text, &n) == WHET_OK && n) fuzz_sink += text[n - 1];
    }
    whet_tfbundle_close(b);
    return 0;
}
