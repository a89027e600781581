/* SPDX-License-Identifier: Apache-2.0 */
/* Augmentation after preprocessing, so that it works on what the network sees: pad and crop, mirror, and one affine map
 * for rotation and shift (bilinear, around the centre). Outside lies what a black pixel becomes. */
#include "data/augment.h"

#include <math.h>
#include <string.h>

bool whet_augment_any(const whet_augment *a)
{
    return a->pad_crop > 0 || a->hflip || a->rotate > 0 || a->shift > 0;
}

struct view { const float *src; int h, w; size_t sy, sx; float fill; };

static float at(const struct view *v, int y, int x)
{
    return y >= 0 && y < v->h && x >= 0 && x < v->w ? v->src[(size_t)y * v->sy + (size_t)x * v->sx] : v->fill;
}

static float bilinear(const struct view *v, float y, float x)
{
    float fy = floorf(y), fx = floorf(x), ty = y - fy, tx = x - fx;
    int iy = (int)fy, ix = (int)fx;

    return (1 - ty) * ((1 - tx) * at(v, iy, ix) + tx * at(v, iy, ix + 1)) +
           ty * ((1 - tx) * at(v, iy + 1, ix) + tx * at(v, iy + 1, ix + 1));
}

static void shifted(const struct view *v, float *dst, int oy, int ox, bool flip)
{
    for (int y = 0; y < v->h; y++)
        for (int x = 0; x < v->w; x++)
            dst[(size_t)y * v->sy + (size_t)x * v->sx] = at(v, y + oy, (flip ? v->w - 1 - x : x) + ox);
}

void whet_augment_apply(const whet_augment *a, whet_rng *r, const float *src, float *dst, int channels, int h, int w, bool nhwc,
                        const float *fill)
{
    int oy = 0, ox = 0;
    bool flip = false;
    float angle = 0, dy = 0, dx = 0, cs = 0, sn = 0;

    if (a->pad_crop > 0) {
        oy = (int)whet_rng_below(r, 2 * (uint32_t)a->pad_crop + 1) - a->pad_crop;
        ox = (int)whet_rng_below(r, 2 * (uint32_t)a->pad_crop + 1) - a->pad_crop;
    }
    if (a->hflip) flip = whet_rng_u32(r) >> 31;
    if (a->rotate > 0) angle = (float)(2 * whet_rng_uniform(r) - 1) * a->rotate * 0.017453292f;
    if (a->shift > 0) {
        dy = (float)(2 * whet_rng_uniform(r) - 1) * a->shift * (float)h;
        dx = (float)(2 * whet_rng_uniform(r) - 1) * a->shift * (float)w;
    }
    cs = cosf(angle);
    sn = sinf(angle);
    for (int k = 0; k < channels; k++) {
        size_t base = nhwc ? (size_t)k : (size_t)k * (size_t)h * (size_t)w;
        struct view v = {src + base, h, w, nhwc ? (size_t)(w * channels) : (size_t)w, nhwc ? (size_t)channels : 1, fill[k]};
        if (a->rotate <= 0 && a->shift <= 0) {
            shifted(&v, dst + base, oy, ox, flip);
            continue;
        }
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                float cy = (float)y - (float)(h - 1) / 2, cx = (float)(flip ? w - 1 - x : x) - (float)(w - 1) / 2;
                float py = -sn * cx + cs * cy + (float)(h - 1) / 2 + dy + (float)oy;
                float px = cs * cx + sn * cy + (float)(w - 1) / 2 + dx + (float)ox;
                dst[base + (size_t)y * v.sy + (size_t)x * v.sx] = bilinear(&v, py, px);
            }
    }
}
