/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of the picture formats share. Each gets a whole file in memory and gives a picture with the channels
 * of the file (1 or 3), before EXIF rotation. Errors are set without the file's name: the caller adds it. */
#ifndef WHET_IMAGE_DECODE_H
#define WHET_IMAGE_DECODE_H

#include "image/image.h"

enum { WHET_IMAGE_MAX_SIDE = 32768, WHET_IMAGE_MAX_PIXELS = 1 << 28 };

/* EFORMAT unless 1 <= side <= limit and the product is within the limit. */
whet_status whet_image_check_size(const char *format, uint64_t width, uint64_t height);

/* `want` is 1 or 3 if the caller will convert anyway and the reader can do it on the way, else 0. */
whet_status whet_decode_jpeg(whet_image *out, const uint8_t *data, size_t size, int want, int *orientation);
whet_status whet_decode_png(whet_image *out, const uint8_t *data, size_t size);
whet_status whet_decode_bmp(whet_image *out, const uint8_t *data, size_t size);
whet_status whet_decode_gif(whet_image *out, const uint8_t *data, size_t size);
whet_status whet_decode_webp(whet_image *out, const uint8_t *data, size_t size);

/* TIFF tag 274 of an EXIF block (behind "Exif\0\0"), 1 if absent or damaged. */
int whet_exif_orientation(const uint8_t *tiff, size_t size);

#endif
