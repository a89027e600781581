/* SPDX-License-Identifier: Apache-2.0 */
/* GIF: the first frame on its background. Source: CompuServe, "Graphics Interchange Format, Version 89a" (LZW with
 * growing code length, clear and end codes, optional interlacing in four passes). */
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "image/decode.h"

enum { MAX_CODES = 4096 };

struct gif {
    const uint8_t *data;
    size_t size, at;
    const uint8_t *palette;
    unsigned colors;
    int x, y, w, h; /* the frame inside the screen */
    bool interlaced;
};

struct lzw {
    uint16_t prefix[MAX_CODES];
    uint8_t last[MAX_CODES], first[MAX_CODES], stack[MAX_CODES + 1];
};

static whet_status damaged(const struct gif *g, const char *what)
{
    whet_fail(WHET_EFORMAT, "GIF is damaged: %s", what);
    whet_error_at_offset((int64_t)g->at);
    return WHET_EFORMAT;
}

static bool need(const struct gif *g, size_t n) { return g->size - g->at >= n; }
static int u16(const uint8_t *p) { return p[0] | p[1] << 8; }

static whet_status take_palette(struct gif *g, uint8_t flags)
{
    if (!(flags & 0x80)) return WHET_OK;
    g->colors = 2u << (flags & 7);
    if (!need(g, g->colors * 3)) return damaged(g, "the file ends inside the palette");
    g->palette = g->data + g->at;
    g->at += g->colors * 3;
    return WHET_OK;
}

static whet_status skip_blocks(struct gif *g)
{
    for (;;) {
        size_t n = 0;
        if (!need(g, 1)) return damaged(g, "the file ends inside a block");
        n = g->data[g->at++];
        if (n == 0) return WHET_OK;
        if (!need(g, n)) return damaged(g, "the file ends inside a block");
        g->at += n;
    }
}

/* Stands behind the header of the first frame. */
static whet_status find_frame(struct gif *g)
{
    while (need(g, 1)) {
        uint8_t kind = g->data[g->at++];
        if (kind == 0x21) { /* extension: label, then blocks */
            if (!need(g, 1)) break;
            g->at++;
            WHET_TRY(skip_blocks(g));
        } else if (kind == 0x2c) {
            const uint8_t *p = g->data + g->at;
            if (!need(g, 9)) break;
            g->x = u16(p);
            g->y = u16(p + 2);
            g->w = u16(p + 4);
            g->h = u16(p + 6);
            g->interlaced = (p[8] & 0x40) != 0;
            g->at += 9;
            return take_palette(g, p[8]);
        } else {
            return damaged(g, kind == 0x3b ? "it holds no frame" : "an unknown block");
        }
    }
    return damaged(g, "the file ends before the first frame");
}

/* Gives the next byte of the frame's data blocks, -1 at their end, -2 when the file ends early. */
static int next_byte(struct gif *g, size_t *left)
{
    if (*left == 0) {
        if (!need(g, 1)) return -2;
        *left = g->data[g->at++];
        if (*left == 0) return -1;
    }
    if (!need(g, 1)) return -2;
    --*left;
    return g->data[g->at++];
}

/* Palette indices of the frame into px[0..n). */
static whet_status unpack(struct gif *g, struct lzw *z, uint8_t *px, size_t n)
{
    size_t done = 0, left = 0;
    int min_bits = 0, bits = 0, clear = 0, next = 0, prev = -1, have = 0;
    uint32_t acc = 0;

    if (!need(g, 1)) return damaged(g, "the file ends before the pixels");
    min_bits = g->data[g->at++];
    if (min_bits < 1 || min_bits > 8) return damaged(g, "an impossible code size");
    clear = 1 << min_bits;
    for (int i = 0; i < clear; i++) z->first[i] = z->last[i] = (uint8_t)i;
    next = clear + 2;
    bits = min_bits + 1;
    while (done < n) {
        int code = 0, c = 0, depth = 0;
        while (have < bits) {
            int b = next_byte(g, &left);
            if (b < 0) return damaged(g, b == -1 ? "too few pixels" : "the file ends inside the pixels");
            acc |= (uint32_t)b << have;
            have += 8;
        }
        code = (int)(acc & ((1u << bits) - 1));
        acc >>= bits;
        have -= bits;
        if (code == clear) {
            next = clear + 2;
            bits = min_bits + 1;
            prev = -1;
            continue;
        }
        if (code == clear + 1) return damaged(g, "too few pixels");
        if (code > next || (code == next && prev < 0) || (code >= clear + 2 && prev < 0))
            return damaged(g, "a code that was not defined");
        if (prev >= 0 && next < MAX_CODES) {
            z->prefix[next] = (uint16_t)prev;
            z->first[next] = z->first[prev];
            z->last[next] = code == next ? z->first[prev] : z->first[code];
            next++;
            if (next == 1 << bits && bits < 12) bits++;
        } else if (code >= next) {
            return damaged(g, "a code that was not defined");
        }
        for (c = code; c >= clear + 2; c = z->prefix[c]) z->stack[depth++] = z->last[c];
        z->stack[depth++] = (uint8_t)c;
        while (depth > 0 && done < n) px[done++] = z->stack[--depth];
        prev = code;
    }
    return WHET_OK;
}

static void paint(const struct gif *g, const uint8_t *px, whet_image *out)
{
    static const int start[4] = {0, 4, 2, 1}, step[4] = {8, 8, 4, 2};
    int row = 0;

    for (int pass = 0; pass < (g->interlaced ? 4 : 1); pass++)
        for (int y = g->interlaced ? start[pass] : 0; y < g->h; y += g->interlaced ? step[pass] : 1, row++)
            for (int x = 0; x < g->w; x++) {
                unsigned i = px[(size_t)row * (size_t)g->w + (size_t)x];
                size_t at = ((size_t)(g->y + y) * (size_t)out->width + (size_t)(g->x + x)) * 3;
                if (g->y + y < out->height && g->x + x < out->width && i < g->colors)
                    memcpy(out->data + at, g->palette + 3 * i, 3);
            }
}

whet_status whet_decode_gif(whet_image *out, const uint8_t *data, size_t size)
{
    struct gif g = {.data = data, .size = size, .at = 13};
    struct lzw *z = NULL;
    uint8_t *px = NULL;
    whet_status status = WHET_OK;
    int width = 0, height = 0;

    if (size < 13) return damaged(&g, "the file ends inside the header");
    width = u16(data + 6);
    height = u16(data + 8);
    WHET_TRY(whet_image_check_size("GIF", (uint64_t)width, (uint64_t)height));
    WHET_TRY(take_palette(&g, data[10]));
    WHET_TRY(find_frame(&g));
    if (!g.palette) return damaged(&g, "it has no palette");
    WHET_TRY(whet_image_check_size("GIF frame", (uint64_t)g.w, (uint64_t)g.h));
    z = whet_calloc(1, sizeof *z);
    px = whet_alloc((size_t)g.w * (size_t)g.h);
    if (!z || !px) {
        status = WHET_ENOMEM;
        goto done;
    }
    WHET_GOTO(unpack(&g, z, px, (size_t)g.w * (size_t)g.h));
    WHET_GOTO(whet_image_alloc(out, width, height, 3));
    memset(out->data, 0, (size_t)width * (size_t)height * 3);
    paint(&g, px, out);
done:
    whet_free(z);
    whet_free(px);
    return status;
}
