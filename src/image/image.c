/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures: allocation, format detection by content, conversion between grey and RGB (ITU-R 601 luma in 16-bit fixed
 * point, as Pillow does), EXIF orientation (Exif 2.3, tag 274). */
#include "image/image.h"

#include <stdbool.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "image/decode.h"

enum { MAX_FILE = 1 << 30 };

void whet_image_dispose(whet_image *img)
{
    if (!img) return;
    whet_free(img->data);
    memset(img, 0, sizeof *img);
}

whet_status whet_image_check_size(const char *format, uint64_t width, uint64_t height)
{
    if (width < 1 || height < 1 || width > WHET_IMAGE_MAX_SIDE || height > WHET_IMAGE_MAX_SIDE ||
        width * height > WHET_IMAGE_MAX_PIXELS)
        return WHET_FAIL(WHET_EFORMAT, "%s states %llux%llu pixels, the limits are %d a side and %d in all", format,
                         (unsigned long long)width, (unsigned long long)height, WHET_IMAGE_MAX_SIDE,
                         WHET_IMAGE_MAX_PIXELS);
    return WHET_OK;
}

whet_status whet_image_alloc(whet_image *img, int width, int height, int channels)
{
    size_t bytes = 0;

    memset(img, 0, sizeof *img);
    if (width < 1 || height < 1 || (channels != 1 && channels != 3))
        return WHET_FAIL(WHET_EINVAL, "a picture of %dx%d with %d channels is not possible", width, height, channels);
    if (!whet_mul_size((size_t)width, (size_t)height, &bytes) || !whet_mul_size(bytes, (size_t)channels, &bytes))
        return WHET_FAIL(WHET_ENOMEM, "a picture of %dx%d is too large", width, height);
    img->data = whet_alloc(bytes);
    if (!img->data) return WHET_ENOMEM;
    img->width = width;
    img->height = height;
    img->channels = channels;
    return WHET_OK;
}

static whet_status convert_channels(whet_image *img, int channels)
{
    whet_image to = {0};
    size_t n = (size_t)img->width * (size_t)img->height;

    if (channels == 0 || channels == img->channels) return WHET_OK;
    WHET_TRY(whet_image_alloc(&to, img->width, img->height, channels));
    if (channels == 3) {
        for (size_t i = 0; i < n; i++) memset(to.data + 3 * i, img->data[i], 3);
    } else {
        for (size_t i = 0; i < n; i++) {
            const uint8_t *p = img->data + 3 * i;
            to.data[i] = (uint8_t)((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 0x8000u) >> 16);
        }
    }
    whet_image_dispose(img);
    *img = to;
    return WHET_OK;
}

/* Orientation o = transpose (5..8), then mirrored in x and y as the table says. */
static whet_status orient(whet_image *img, int o)
{
    static const struct { bool swap, flip_x, flip_y; } how[9] = {
        [2] = {false, true, false}, [3] = {false, true, true}, [4] = {false, false, true}, [5] = {true, false, false},
        [6] = {true, false, true}, [7] = {true, true, true}, [8] = {true, true, false}};
    whet_image to = {0};
    int c = img->channels;

    if (o < 2 || o > 8) return WHET_OK;
    WHET_TRY(whet_image_alloc(&to, how[o].swap ? img->height : img->width, how[o].swap ? img->width : img->height, c));
    for (int y = 0; y < to.height; y++)
        for (int x = 0; x < to.width; x++) {
            int sx = how[o].swap ? y : x, sy = how[o].swap ? x : y;
            if (how[o].flip_x) sx = img->width - 1 - sx;
            if (how[o].flip_y) sy = img->height - 1 - sy;
            memcpy(to.data + ((size_t)y * (size_t)to.width + (size_t)x) * (size_t)c,
                   img->data + ((size_t)sy * (size_t)img->width + (size_t)sx) * (size_t)c, (size_t)c);
        }
    whet_image_dispose(img);
    *img = to;
    return WHET_OK;
}

int whet_exif_orientation(const uint8_t *t, size_t size)
{
    bool big = false;
    size_t at = 0, n = 0;

    if (size < 8 || (memcmp(t, "II*\0", 4) != 0 && memcmp(t, "MM\0*", 4) != 0)) return 1;
    big = t[0] == 'M';
#define U16(p) (big ? (size_t)(p)[0] << 8 | (p)[1] : (size_t)(p)[1] << 8 | (p)[0])
    at = big ? (U16(t + 4) << 16 | U16(t + 6)) : (U16(t + 6) << 16 | U16(t + 4));
    if (at > size - 2) return 1;
    n = U16(t + at);
    at += 2;
    for (size_t i = 0; i < n && size - at >= 12; i++, at += 12)
        if (U16(t + at) == 274) {
            size_t v = U16(t + at + 8);
            return v >= 1 && v <= 8 ? (int)v : 1;
        }
#undef U16
    return 1;
}

whet_status whet_image_decode(whet_image *out, const uint8_t *data, size_t size, int channels, const char *path)
{
    whet_status status = WHET_OK;
    int orientation = 1;

    memset(out, 0, sizeof *out);
    if (channels != 0 && channels != 1 && channels != 3)
        return WHET_FAIL(WHET_EINVAL, "cannot decode to %d channels, only 1 or 3", channels);
    if (size >= 3 && memcmp(data, "\xff\xd8\xff", 3) == 0)
        status = whet_decode_jpeg(out, data, size, channels, &orientation);
    else if (size >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0)
        status = whet_decode_png(out, data, size);
    else if (size >= 2 && memcmp(data, "BM", 2) == 0)
        status = whet_decode_bmp(out, data, size);
    else if (size >= 6 && (memcmp(data, "GIF87a", 6) == 0 || memcmp(data, "GIF89a", 6) == 0))
        status = whet_decode_gif(out, data, size);
    else if (size >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0)
        status = whet_decode_webp(out, data, size);
    else if (size == 0)
        status = WHET_FAIL(WHET_EFORMAT, "picture file is empty");
    else
        status = WHET_FAIL(WHET_EFORMAT, "not a JPEG, PNG, BMP, GIF or WebP picture");
    if (status == WHET_OK) status = orient(out, orientation);
    if (status == WHET_OK) status = convert_channels(out, channels);
    if (status != WHET_OK) {
        whet_image_dispose(out);
        if (path) whet_error_at_file(path);
    }
    return status;
}

whet_status whet_image_read(whet_image *out, const char *path, int channels)
{
    uint8_t *data = NULL;
    size_t size = 0;
    whet_status status = WHET_OK;

    memset(out, 0, sizeof *out);
    WHET_TRY(whet_file_read(&data, &size, path, MAX_FILE));
    status = whet_image_decode(out, data, size, channels, path);
    whet_free(data);
    return status;
}
