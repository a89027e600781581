/* SPDX-License-Identifier: Apache-2.0 */
/* Windows bitmaps: uncompressed 1, 4 and 8 bit with palette, 24 and 32 bit, either row order. 16 bit, RLE and unusual bit
 * fields are refused by name. Source: Microsoft, "Bitmap Storage" (BITMAPFILEHEADER, BITMAPINFOHEADER and later). */
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "image/decode.h"

struct bmp {
    const uint8_t *data;
    size_t size, pixels, palette, stride;
    uint32_t colors;
    int entry; /* bytes of a palette entry: 3 in the oldest header */
    int width, height, bits;
    bool top_down, grey;
};

static uint32_t u16(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8; }
static uint32_t u32(const uint8_t *p) { return u16(p) | u16(p + 2) << 16; }

static whet_status damaged(const char *what, size_t at)
{
    whet_fail(WHET_EFORMAT, "BMP is damaged: %s", what);
    whet_error_at_offset((int64_t)at);
    return WHET_EFORMAT;
}

static whet_status check_layout(struct bmp *b, uint32_t header, uint32_t compression)
{
    bool fields = compression == 3 && b->bits == 32;

    if (compression != 0 && !fields)
        return WHET_FAIL(WHET_EUNSUPPORTED, "BMP compression %u is not handled, convert the picture to PNG", compression);
    if (b->bits != 1 && b->bits != 4 && b->bits != 8 && b->bits != 24 && b->bits != 32)
        return WHET_FAIL(WHET_EUNSUPPORTED, "BMP with %d bits a pixel is not handled, convert the picture to PNG", b->bits);
    if (fields) { /* the masks stand behind the 40 bytes that all these headers share */
        if (b->size < 66) return damaged("the file ends inside the header", b->size);
        if (u32(b->data + 54) != 0xff0000 || u32(b->data + 58) != 0xff00 || u32(b->data + 62) != 0xff)
            return WHET_FAIL(WHET_EUNSUPPORTED, "BMP with unusual bit fields is not handled, convert the picture to PNG");
    }
    b->palette = 14 + (size_t)header;
    b->stride = ((size_t)b->width * (size_t)b->bits + 31) / 32 * 4;
    if (b->bits <= 8) {
        if (b->colors == 0 || b->colors > 1u << b->bits) b->colors = 1u << b->bits;
        if (b->palette > b->size || (b->size - b->palette) / (size_t)b->entry < b->colors)
            return damaged("the file ends inside the palette", b->size);
    }
    if (b->pixels > b->size || (b->size - b->pixels) / b->stride < (size_t)b->height)
        return damaged("the file ends inside the pixels", b->size);
    return WHET_OK;
}

static whet_status read_header(struct bmp *b)
{
    uint32_t header = 0, compression = 0;
    int64_t h = 0;

    if (b->size < 26) return damaged("the file ends inside the header", b->size);
    b->pixels = u32(b->data + 10);
    header = u32(b->data + 14);
    b->entry = 4;
    if (header == 12) {
        b->width = (int)u16(b->data + 18);
        h = (int64_t)u16(b->data + 20);
        b->bits = (int)u16(b->data + 24);
        b->entry = 3;
    } else {
        int32_t w = 0;
        if (header < 40 || header > 256) return damaged("its header has an unknown size", 14);
        if (b->size < 54) return damaged("the file ends inside the header", b->size);
        w = (int32_t)u32(b->data + 18);
        h = (int32_t)u32(b->data + 22);
        if (w <= 0) return damaged("its width is not positive", 18);
        b->width = w;
        b->bits = (int)u16(b->data + 28);
        compression = u32(b->data + 30);
        b->colors = u32(b->data + 46);
    }
    b->top_down = h < 0;
    if (h < 0) h = -h;
    WHET_TRY(whet_image_check_size("BMP", (uint64_t)b->width, (uint64_t)h));
    b->height = (int)h;
    return check_layout(b, header, compression);
}

static unsigned palette_index(const struct bmp *b, const uint8_t *row, int x)
{
    if (b->bits == 8) return row[x];
    if (b->bits == 4) return x & 1 ? row[x / 2] & 15u : row[x / 2] >> 4;
    return row[x / 8] >> (7 - x % 8) & 1u;
}

static void read_row(const struct bmp *b, const uint8_t *row, uint8_t *dst)
{
    int step = b->bits / 8;

    for (int x = 0; x < b->width; x++, dst += 3) {
        const uint8_t *p = NULL;
        if (b->bits >= 24) {
            p = row + (size_t)x * (size_t)step;
        } else {
            unsigned i = palette_index(b, row, x);
            if (i >= b->colors) i = 0;
            p = b->data + b->palette + i * (unsigned)b->entry;
        }
        dst[0] = p[2];
        dst[1] = p[1];
        dst[2] = p[0];
    }
}

whet_status whet_decode_bmp(whet_image *out, const uint8_t *data, size_t size)
{
    struct bmp b = {.data = data, .size = size};

    WHET_TRY(read_header(&b));
    WHET_TRY(whet_image_alloc(out, b.width, b.height, 3));
    for (int y = 0; y < b.height; y++) {
        size_t from = (size_t)(b.top_down ? y : b.height - 1 - y);
        read_row(&b, data + b.pixels + from * b.stride, out->data + (size_t)y * (size_t)b.width * 3);
    }
    return WHET_OK;
}
