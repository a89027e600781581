/* SPDX-License-Identifier: Apache-2.0 */
/* The one piece of code that turns a picture into a network's input: colour, fit (stretch; shorter side and centre crop
 * with the rounding of torchvision's Resize and CenterCrop; letterbox), scale, mean, std, layout. A picture that already
 * has the size goes through a table of 256 values a channel. Arithmetic is f32, in the order x/255 (or x * scale),
 * - mean, / std, as the usual frameworks do it, so that equal bytes give equal inputs. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "data/contract.h"

static float level(const whet_contract *c, float x, int channel)
{
    float v = c->scale == 1.f / 255.f ? x / 255.f : x * c->scale;

    return (v - c->mean[channel]) / c->std[channel];
}

float whet_contract_level(const whet_contract *c, float x, int channel) { return level(c, x, channel); }

/* Where the (resized) picture lies in the network's input: resized to rw x rh; pixel (x, y) of the input is
 * pixel (x - dx, y - dy) of it. */
struct place { int rw, rh, dx, dy; };

static int clamp_side(double v) { return v < 1 ? 1 : v > 32768 ? 32768 : (int)v; }

static struct place place_of(const whet_contract *c, int iw, int ih, int w, int h)
{
    struct place p = {w, h, 0, 0};

    if (c->fit == WHET_FIT_CROP) {
        double tw = floor(w / (double)c->crop), th = floor(h / (double)c->crop);
        if ((double)iw * th <= (double)ih * tw) { /* the width is the short side */
            p.rw = clamp_side(tw);
            p.rh = clamp_side(tw * ih / iw);
        } else {
            p.rh = clamp_side(th);
            p.rw = clamp_side(th * iw / ih);
        }
        p.dx = -(int)lrint((p.rw - w) / 2.0);
        p.dy = -(int)lrint((p.rh - h) / 2.0);
    } else if (c->fit == WHET_FIT_LETTERBOX) {
        double s = WHET_MIN((double)w / iw, (double)h / ih);
        p.rw = WHET_MIN(clamp_side(floor(iw * s + 0.5)), w);
        p.rh = WHET_MIN(clamp_side(floor(ih * s + 0.5)), h);
        p.dx = (w - p.rw) / 2;
        p.dy = (h - p.rh) / 2;
    }
    return p;
}

/* Strides of the destination in floats. */
struct target { int channels, h, w; size_t sc, sy, sx; };

/* Source channel that network channel k reads. */
static int source_channel(const whet_contract *c, int k, int src_channels)
{
    if (src_channels == 1) return 0;
    return c->color == WHET_COLOR_BGR ? 2 - k : k;
}

static void fill_u8(const whet_contract *c, const whet_image *img, const struct target *t, const struct place *p, float *dst)
{
    float table[256];

    for (int k = 0; k < t->channels; k++) {
        int sc = source_channel(c, k, img->channels);
        float pad = level(c, c->pad_value, k);
        for (int i = 0; i < 256; i++) table[i] = level(c, (float)i, k);
        for (int y = 0; y < t->h; y++) {
            float *to = dst + (size_t)k * t->sc + (size_t)y * t->sy;
            int sy = y - p->dy;
            const uint8_t *row = NULL;
            if (sy >= 0 && sy < img->height)
                row = img->data + (size_t)sy * (size_t)img->width * (size_t)img->channels + sc;
            for (int x = 0; x < t->w; x++, to += t->sx) {
                int sx = x - p->dx;
                *to = row && sx >= 0 && sx < img->width ? table[row[(size_t)sx * (size_t)img->channels]] : pad;
            }
        }
    }
}

static void fill_f32(const whet_contract *c, const float *src, int channels, const struct target *t, const struct place *p,
                     float *dst)
{
    for (int k = 0; k < t->channels; k++) {
        int sc = source_channel(c, k, channels);
        for (int y = 0; y < t->h; y++)
            for (int x = 0; x < t->w; x++) {
                int sx = x - p->dx, sy = y - p->dy;
                float v = c->pad_value;
                if (sx >= 0 && sx < p->rw && sy >= 0 && sy < p->rh)
                    v = src[((size_t)sy * (size_t)p->rw + (size_t)sx) * (size_t)channels + (size_t)sc];
                dst[(size_t)k * t->sc + (size_t)y * t->sy + (size_t)x * t->sx] = level(c, v, k);
            }
    }
}

static whet_status to_gray(whet_image *out, const whet_image *img)
{
    size_t n = (size_t)img->width * (size_t)img->height;

    WHET_TRY(whet_image_alloc(out, img->width, img->height, 1));
    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = img->data + 3 * i;
        out->data[i] = (uint8_t)((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 0x8000u) >> 16);
    }
    return WHET_OK;
}

whet_status whet_contract_apply(const whet_contract *c, const whet_image *img, int channels, int h, int w, float *dst)
{
    struct target t = {channels, h, w, (size_t)h * (size_t)w, (size_t)w, 1};
    struct place p = {w, h, 0, 0};
    whet_image gray = {0}, sized = {0};
    float *f = NULL;
    whet_status status = WHET_OK;

    if (channels != 1 && channels != 3)
        return WHET_FAIL(WHET_ESHAPE, "pictures cannot fill an input of %d channels, only 1 or 3", channels);
    if (c->nhwc) t = (struct target){channels, h, w, 1, (size_t)w * (size_t)channels, (size_t)channels};
    if (img->channels == 3 && (channels == 1 || c->color == WHET_COLOR_GRAY)) {
        WHET_GOTO(to_gray(&gray, img));
        img = &gray;
    }
    p = place_of(c, img->width, img->height, w, h);
    if (p.rw == img->width && p.rh == img->height) {
        fill_u8(c, img, &t, &p, dst);
    } else if (c->round || c->lib != WHET_RESIZE_TF) {
        WHET_GOTO(whet_image_resize(&sized, img, p.rw, p.rh, c->lib, c->filter, c->antialias));
        fill_u8(c, &sized, &t, &p, dst);
    } else {
        f = whet_calloc((size_t)p.rw * (size_t)p.rh * (size_t)img->channels, sizeof *f);
        if (!f) {
            status = WHET_ENOMEM;
            goto done;
        }
        WHET_GOTO(whet_image_resize_f32(f, img, p.rw, p.rh, c->lib, c->filter, c->antialias));
        fill_f32(c, f, img->channels, &t, &p, dst);
    }
done:
    whet_image_dispose(&gray);
    whet_image_dispose(&sized);
    whet_free(f);
    return status;
}
