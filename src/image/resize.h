/* SPDX-License-Identifier: Apache-2.0 */
/* The three resamplers behind whet_image_resize. dst is given, with its size; src is never empty. */
#ifndef WHET_IMAGE_RESIZE_H
#define WHET_IMAGE_RESIZE_H

#include "image/image.h"

whet_status whet_resize_pillow(whet_image *dst, const whet_image *src, whet_filter filter);
whet_status whet_resize_opencv(whet_image *dst, const whet_image *src, whet_filter filter);
/* dst: height * width * src->channels floats. */
whet_status whet_resize_tf(float *dst, int width, int height, const whet_image *src, whet_filter filter, int antialias);

static inline uint8_t whet_clip_u8(int v) { return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v); }

#endif
