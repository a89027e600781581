/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures in memory and their files. */
#ifndef WHET_IMAGE_IMAGE_H
#define WHET_IMAGE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/strbuf.h"

/* 8-bit, interleaved, rows without padding: data[(y * width + x) * channels + c]; channels 1 (grey) or 3 (RGB). */
typedef struct whet_image {
    int width, height, channels;
    uint8_t *data; /* heap, owned */
} whet_image;

void whet_image_dispose(whet_image *img);
whet_status whet_image_alloc(whet_image *img, int width, int height, int channels);

/* JPEG, PNG, BMP, WebP (when built in) by content, not by name. channels 1 or 3 = convert, 0 = as the file is (grey stays
 * 1). EXIF rotation applied, alpha dropped, 16 bit / 257, CMYK to RGB. Limits: 32,768 pixels a side, 2^28 pixels.
 * EFORMAT names file and what is wrong. */
whet_status whet_image_decode(whet_image *out, const uint8_t *data, size_t size, int channels, const char *path_for_errors);
whet_status whet_image_read(whet_image *out, const char *path, int channels);
whet_status whet_image_encode_png(whet_strbuf *out, const whet_image *img); /* appends the file's bytes */
whet_status whet_image_write_png(const char *path, const whet_image *img);

/* Resampling with the exact rules of the named library (see resize.c for each). Output 8-bit, or float (HWC, grey levels
 * 0..255, unrounded) when out_f32 is given instead. */
typedef enum whet_resize_lib { WHET_RESIZE_PILLOW, WHET_RESIZE_OPENCV, WHET_RESIZE_TF } whet_resize_lib;
typedef enum whet_filter {
    WHET_FILTER_NEAREST, WHET_FILTER_BOX, WHET_FILTER_BILINEAR, WHET_FILTER_BICUBIC, WHET_FILTER_LANCZOS, WHET_FILTER_AREA
} whet_filter;
whet_status whet_image_resize(whet_image *out, const whet_image *src, int width, int height, whet_resize_lib lib,
                              whet_filter filter, int antialias);
/* The same, unrounded: out has height * width * channels floats. Only TensorFlow's resize gives fractions. EUNSUPPORTED if
 * the library has no such filter. */
whet_status whet_image_resize_f32(float *out, const whet_image *src, int width, int height, whet_resize_lib lib,
                                  whet_filter filter, int antialias);
const char *whet_resize_lib_name(whet_resize_lib lib); /* "pillow", "opencv", "tf" */
const char *whet_filter_name(whet_filter filter);      /* "bilinear", ... */
/* EINVAL for an unknown name; "linear" and "cubic" are taken for bilinear and bicubic. */
whet_status whet_resize_lib_parse(const char *name, whet_resize_lib *lib);
whet_status whet_filter_parse(const char *name, whet_filter *filter);

#endif
