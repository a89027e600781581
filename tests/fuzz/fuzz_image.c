/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures: an accepted picture has all its pixels. */
#include "fuzz.h"
#include "image/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    whet_image img;
    unsigned sum = 0;
    memset(&img, 0, sizeof(img));
    whet_status s = whet_image_decode(&img, data, size, size % 2 ? 3 : 0, "f.png");
    if (s != WHET_OK) {
        fuzz_clean_error(s, img.data, "f.png");
        return 0;
    }
    for (size_t i = 0; i < (size_t)img.width * (size_t)img.height * (size_t)img.channels; i++) sum += img.data[i];
    whet_image_dispose(&img);
    fuzz_sink = sum; /* keeps the reads */
    return 0;
}
