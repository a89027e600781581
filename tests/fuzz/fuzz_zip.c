/* SPDX-License-Identifier: Apache-2.0 */
/* ZIP archives: every entry is read; names are unique, stay inside, and are found again. */
#include "base/io.h"
#include "fuzz.h"
#include "wire/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    whet_zip *z = NULL;
    unsigned sum = 0;
    const whet_status status = whet_zip_open_mem(&z, data, size, "f.zip");
    if (status != WHET_OK) {
        fuzz_clean_error(status, z, "f.zip");
        return 0;
    }
    for (int i = 0; i < whet_zip_count(z); i++) {
        const whet_zip_entry *e = whet_zip_at(z, i);
        whet_zip_bytes b;
        FUZZ_CHECK(whet_path_is_inside(e->name) && whet_zip_find(z, e->name) == i);
        const whet_status read = whet_zip_read(z, i, &b);
        if (read != WHET_OK) {
            fuzz_clean_error(read, NULL, "f.zip");
            continue;
        }
        FUZZ_CHECK(b.size == e->size && (!b.view || !b.size || (b.data >= data && b.data + b.size <= data + size)));
        for (size_t k = 0; k < b.size && k < 100000; k++) sum += b.data[k];
        whet_zip_bytes_free(&b);
    }
    whet_zip_close(z);
    fuzz_sink = sum; /* keeps the reads */
    return 0;
}
