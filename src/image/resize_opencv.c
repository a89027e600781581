/* SPDX-License-Identifier: Apache-2.0 */
/* OpenCV's cv::resize for 8-bit pictures, never antialiased except AREA.
 *   linear, cubic   weights as 11-bit fixed point (cubic: a = -0.75), rows into integers, then columns; linear drops 4 bits
 *                   between the passes and rounds in the last 2, cubic rounds 22 bits at once
 *   nearest         floor(x / scale)
 *   area            exact box average when shrinking in both directions (integers when the factor is whole); otherwise
 *                   linear with the weights of overlapping cells
 * Borders are replicated. Source: the arithmetic of OpenCV 4's generic code path, as measured on its outputs. */
#include <math.h>
#include <stdbool.h>

#include "base/mem.h"
#include "image/resize.h"

enum { COEF_BITS = 11, COEF_ONE = 1 << COEF_BITS, MAX_TAPS = 4 };

/* Output i reads inputs at[i*n .. i*n+n) (already clipped to the border) with weights w. */
struct axis { int n, *at; int32_t *w; };

static void axis_dispose(struct axis *a)
{
    whet_free(a->at);
    whet_free(a->w);
}

static void cubic_weights(float x, float w[4])
{
    const float a = -0.75f;

    w[0] = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
    w[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
    w[2] = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
    w[3] = 1.f - w[0] - w[1] - w[2];
}

static whet_status axis_make(struct axis *a, int in, int out, whet_filter filter)
{
    double inverse = (double)out / in, scale = 1.0 / inverse;

    a->n = filter == WHET_FILTER_BICUBIC ? 4 : 2;
    a->at = whet_calloc((size_t)out * (size_t)a->n, sizeof *a->at);
    a->w = whet_calloc((size_t)out * (size_t)a->n, sizeof *a->w);
    if (!a->at || !a->w) return WHET_ENOMEM;
    for (int i = 0; i < out; i++) {
        float f = (float)((i + 0.5) * scale - 0.5), w[MAX_TAPS] = {0};
        int s = (int)floorf(f), first = 0;
        f -= (float)s;
        if (filter == WHET_FILTER_AREA) {
            s = (int)floor(i * scale);
            f = (float)((i + 1) - (s + 1) * inverse);
            f = f <= 0 ? 0.f : f - floorf(f);
        }
        first = s;
        if (a->n == 4) {
            first = s - 1;
            cubic_weights(f, w);
        } else {
            if (s < 0) f = 0, first = 0;
            if (s >= in - 1) f = 0, first = in - 1;
            w[0] = 1.f - f;
            w[1] = f;
        }
        for (int k = 0; k < a->n; k++) {
            int at = first + k;
            a->at[i * a->n + k] = at < 0 ? 0 : at > in - 1 ? in - 1 : at;
            a->w[i * a->n + k] = (int32_t)lrintf(w[k] * COEF_ONE);
        }
    }
    return WHET_OK;
}

static whet_status separable(whet_image *dst, const whet_image *src, whet_filter filter)
{
    struct axis ax = {0}, ay = {0};
    int32_t *mid = NULL;
    whet_status status = WHET_OK;
    size_t c = (size_t)src->channels, stride = (size_t)dst->width * c;

    WHET_GOTO(axis_make(&ax, src->width, dst->width, filter));
    WHET_GOTO(axis_make(&ay, src->height, dst->height, filter));
    mid = whet_calloc((size_t)src->height * stride, sizeof *mid);
    if (!mid) {
        status = WHET_ENOMEM;
        goto done;
    }
    for (int y = 0; y < src->height; y++)
        for (int x = 0; x < dst->width; x++)
            for (size_t ch = 0; ch < c; ch++) {
                const uint8_t *row = src->data + (size_t)y * (size_t)src->width * c + ch;
                int32_t sum = 0;
                for (int k = 0; k < ax.n; k++) sum += row[(size_t)ax.at[x * ax.n + k] * c] * ax.w[x * ax.n + k];
                mid[(size_t)y * stride + (size_t)x * c + ch] = sum;
            }
    for (int y = 0; y < dst->height; y++)
        for (size_t x = 0; x < stride; x++) {
            const int *at = ay.at + y * ay.n;
            const int32_t *w = ay.w + y * ay.n;
            int32_t v = 0;
            if (ay.n == 2) {
                v = ((w[0] * (mid[(size_t)at[0] * stride + x] >> 4)) >> 16) + ((w[1] * (mid[(size_t)at[1] * stride + x] >> 4)) >> 16);
                v = (v + 2) >> 2;
            } else {
                for (int k = 0; k < ay.n; k++) v += mid[(size_t)at[k] * stride + x] * w[k];
                v = (v + (1 << (2 * COEF_BITS - 1))) >> (2 * COEF_BITS);
            }
            dst->data[(size_t)y * stride + x] = whet_clip_u8(v);
        }
done:
    axis_dispose(&ax);
    axis_dispose(&ay);
    whet_free(mid);
    return status;
}

static void nearest(whet_image *dst, const whet_image *src)
{
    double fx = 1.0 / ((double)dst->width / src->width), fy = 1.0 / ((double)dst->height / src->height);
    size_t c = (size_t)src->channels;

    for (int y = 0; y < dst->height; y++)
        for (int x = 0; x < dst->width; x++) {
            size_t sy = (size_t)WHET_MIN((int)floor(y * fy), src->height - 1);
            size_t sx = (size_t)WHET_MIN((int)floor(x * fx), src->width - 1);
            memcpy(dst->data + ((size_t)y * (size_t)dst->width + (size_t)x) * c,
                   src->data + (sy * (size_t)src->width + sx) * c, c);
        }
}

/* Share of input cell s in output cell [lo, lo + scale); cells covered by less than a thousandth do not count. */
static float share(int s, double lo, double scale, int in)
{
    double width = WHET_MIN(scale, in - lo), hi = lo + scale;
    int first = (int)ceil(lo), last = (int)floor(hi);

    last = WHET_MIN(last, in - 1);
    first = WHET_MIN(first, last);
    if (s == first - 1) return first - lo > 1e-3 ? (float)((first - lo) / width) : 0.f;
    if (s < first) return 0.f;
    if (s < last) return (float)(1.0 / width);
    if (s == last && hi - last > 1e-3) return (float)(WHET_MIN(WHET_MIN(hi - last, 1.0), width) / width);
    return 0.f;
}

static uint8_t area_pixel(const whet_image *src, double x0, double y0, double sx, double sy, size_t ch)
{
    float sum = 0;

    for (int y = WHET_MAX((int)ceil(y0) - 1, 0); y < src->height && y < y0 + sy + 1; y++) {
        float wy = share(y, y0, sy, src->height), row = 0;
        if (wy == 0.f) continue;
        for (int x = WHET_MAX((int)ceil(x0) - 1, 0); x < src->width && x < x0 + sx + 1; x++)
            row += share(x, x0, sx, src->width) *
                   src->data[((size_t)y * (size_t)src->width + (size_t)x) * (size_t)src->channels + ch];
        sum += wy * row;
    }
    return whet_clip_u8((int)lrintf(sum));
}

static void area(whet_image *dst, const whet_image *src)
{
    double sx = (double)src->width / dst->width, sy = (double)src->height / dst->height;
    int ix = src->width / dst->width, iy = src->height / dst->height;
    bool whole = ix * dst->width == src->width && iy * dst->height == src->height;
    size_t c = (size_t)src->channels;

    for (int y = 0; y < dst->height; y++)
        for (int x = 0; x < dst->width; x++)
            for (size_t ch = 0; ch < c; ch++) {
                uint8_t *to = dst->data + ((size_t)y * (size_t)dst->width + (size_t)x) * c + ch;
                int sum = 0;
                if (!whole) {
                    *to = area_pixel(src, x * sx, y * sy, sx, sy, ch);
                    continue;
                }
                for (int dy = 0; dy < iy; dy++)
                    for (int dx = 0; dx < ix; dx++)
                        sum += src->data[((size_t)(y * iy + dy) * (size_t)src->width + (size_t)(x * ix + dx)) * c + ch];
                *to = ix == 2 && iy == 2 ? (uint8_t)((sum + 2) >> 2) : whet_clip_u8((int)lrintf((float)sum * (1.f / (float)(ix * iy))));
            }
}

whet_status whet_resize_opencv(whet_image *dst, const whet_image *src, whet_filter filter)
{
    bool shrinks = src->width >= dst->width && src->height >= dst->height;

    if (filter == WHET_FILTER_BOX || filter == WHET_FILTER_LANCZOS)
        return WHET_FAIL(WHET_EUNSUPPORTED, "OpenCV's resize has no filter '%s', use nearest, bilinear, bicubic or area",
                         whet_filter_name(filter));
    if (src->width == dst->width && src->height == dst->height) {
        memcpy(dst->data, src->data, (size_t)src->width * (size_t)src->height * (size_t)src->channels);
        return WHET_OK;
    }
    if (filter == WHET_FILTER_BILINEAR && src->width == 2 * dst->width && src->height == 2 * dst->height)
        filter = WHET_FILTER_AREA; /* the same numbers up to rounding: OpenCV takes this path */
    if (filter == WHET_FILTER_NEAREST) {
        nearest(dst, src);
        return WHET_OK;
    }
    if (filter == WHET_FILTER_AREA && shrinks) {
        area(dst, src);
        return WHET_OK;
    }
    return separable(dst, src, filter);
}
