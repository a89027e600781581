/* SPDX-License-Identifier: Apache-2.0 */
/* WebP over libwebp: still pictures, lossy or lossless; alpha dropped, animations refused. The minimal build has no
 * libwebp and says so. */
#include "image/decode.h"

#ifdef WHET_MINIMAL

whet_status whet_decode_webp(whet_image *out, const uint8_t *data, size_t size)
{
    (void)out;
    (void)data;
    (void)size;
    return WHET_FAIL(WHET_EUNSUPPORTED, "WebP is not in the minimal build, convert the picture to PNG");
}

#else
#include <webp/decode.h>

whet_status whet_decode_webp(whet_image *out, const uint8_t *data, size_t size)
{
    WebPBitstreamFeatures f;

    if (WebPGetFeatures(data, size, &f) != VP8_STATUS_OK)
        return WHET_FAIL(WHET_EFORMAT, "WebP is damaged: its header cannot be read");
    if (f.has_animation) return WHET_FAIL(WHET_EUNSUPPORTED, "animated WebP is not handled, convert one frame to PNG");
    if (f.width < 0 || f.height < 0) return WHET_FAIL(WHET_EFORMAT, "WebP is damaged: it states a negative size");
    WHET_TRY(whet_image_check_size("WebP", (uint64_t)f.width, (uint64_t)f.height));
    WHET_TRY(whet_image_alloc(out, f.width, f.height, 3));
    if (!WebPDecodeRGBInto(data, size, out->data, (size_t)f.width * (size_t)f.height * 3, f.width * 3)) {
        whet_image_dispose(out);
        return WHET_FAIL(WHET_EFORMAT, "WebP is damaged: its pixels cannot be decoded");
    }
    return WHET_OK;
}
#endif
