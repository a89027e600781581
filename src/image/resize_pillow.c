/* SPDX-License-Identifier: Apache-2.0 */
/* Pillow's resampling of 8-bit pictures. A separable convolution, rows first, then columns, with an 8-bit picture in
 * between. The filter is stretched by the shrink factor. Weights are normalised in double, then rounded to 22 fractional
 * bits; a sum starts at one half and is shifted down and clipped. Columns come first where the height shrinks much more
 * than the width (since Pillow 13; the bound fits its outputs), which moves the rounding of the 8-bit middle. NEAREST
 * takes the pixel under the centre, stepping the coordinate by adding. Source: the arithmetic that Pillow documents and shows (Resample, 32 - 8 - 2 bits). */
#include <math.h>

#include "base/mem.h"
#include "image/resize.h"

enum { PRECISION = 32 - 8 - 2 };

static double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }
static double bilinear(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}
static double bicubic(double x) /* Keys, a = -0.5 */
{
    const double a = -0.5;

    x = fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}
static double sinc(double x)
{
    const double pi = 3.14159265358979323846;

    return x == 0.0 ? 1.0 : sin(x * pi) / (x * pi);
}
static double lanczos(double x) { return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

static const struct { double (*f)(double); double support; } filters[] = {
    [WHET_FILTER_BOX] = {box, 0.5},
    [WHET_FILTER_BILINEAR] = {bilinear, 1.0},
    [WHET_FILTER_BICUBIC] = {bicubic, 2.0},
    [WHET_FILTER_LANCZOS] = {lanczos, 3.0},
};

/* For output i: w[i * size ...] weights of the inputs from first[i], count[i] of them. */
struct taps { int size, *first, *count; int32_t *w; };

static void taps_dispose(struct taps *t)
{
    whet_free(t->first);
    whet_free(t->count);
    whet_free(t->w);
}

static whet_status taps_make(struct taps *t, int in, int out, whet_filter filter)
{
    double scale = (double)in / out, stretch = scale < 1.0 ? 1.0 : scale, support = filters[filter].support * stretch;
    double *k = NULL;
    whet_status status = WHET_OK;

    t->size = (int)ceil(support) * 2 + 1;
    t->first = whet_calloc((size_t)out, sizeof *t->first);
    t->count = whet_calloc((size_t)out, sizeof *t->count);
    t->w = whet_calloc((size_t)out * (size_t)t->size, sizeof *t->w);
    k = whet_calloc((size_t)t->size, sizeof *k);
    if (!t->first || !t->count || !t->w || !k) {
        status = WHET_ENOMEM;
        goto done;
    }
    for (int i = 0; i < out; i++) {
        double center = (i + 0.5) * scale, sum = 0;
        int lo = (int)(center - support + 0.5), hi = (int)(center + support + 0.5);
        if (lo < 0) lo = 0;
        if (hi > in) hi = in;
        for (int x = lo; x < hi; x++) {
            k[x - lo] = filters[filter].f((x - center + 0.5) * (1.0 / stretch));
            sum += k[x - lo];
        }
        for (int x = 0; x < hi - lo; x++) {
            double w = sum != 0.0 ? k[x] / sum : k[x];
            t->w[(size_t)i * (size_t)t->size + (size_t)x] = (int32_t)(w * (1 << PRECISION) + (w < 0 ? -0.5 : 0.5));
        }
        t->first[i] = lo;
        t->count[i] = hi - lo;
    }
done:
    whet_free(k);
    return status;
}

static uint8_t convolve(const uint8_t *p, size_t step, const int32_t *w, int n)
{
    int32_t sum = 1 << (PRECISION - 1);

    for (int i = 0; i < n; i++) sum += p[(size_t)i * step] * w[i];
    return whet_clip_u8(sum >> PRECISION);
}

static void rows(whet_image *dst, const whet_image *src, const struct taps *t)
{
    size_t c = (size_t)src->channels;

    for (int y = 0; y < dst->height; y++)
        for (int x = 0; x < dst->width; x++) {
            const uint8_t *p = src->data + ((size_t)y * (size_t)src->width + (size_t)t->first[x]) * c;
            uint8_t *to = dst->data + ((size_t)y * (size_t)dst->width + (size_t)x) * c;
            for (size_t ch = 0; ch < c; ch++) to[ch] = convolve(p + ch, c, t->w + (size_t)x * (size_t)t->size, t->count[x]);
        }
}

static void columns(whet_image *dst, const whet_image *src, const struct taps *t)
{
    size_t stride = (size_t)src->width * (size_t)src->channels;

    for (int y = 0; y < dst->height; y++)
        for (size_t x = 0; x < stride; x++)
            dst->data[(size_t)y * stride + x] =
                convolve(src->data + (size_t)t->first[y] * stride + x, stride, t->w + (size_t)y * (size_t)t->size, t->count[y]);
}

static whet_status nearest(whet_image *dst, const whet_image *src)
{
    double sx = (double)src->width / dst->width, sy = (double)src->height / dst->height, yy = sy * 0.5;
    int *column = whet_calloc((size_t)dst->width, sizeof *column);
    double xx = sx * 0.5;
    int c = src->channels;

    if (!column) return WHET_ENOMEM;
    for (int x = 0; x < dst->width; x++, xx += sx) column[x] = WHET_MIN((int)xx, src->width - 1);
    for (int y = 0; y < dst->height; y++, yy += sy) {
        const uint8_t *row = src->data + (size_t)WHET_MIN((int)yy, src->height - 1) * (size_t)src->width * (size_t)c;
        uint8_t *to = dst->data + (size_t)y * (size_t)dst->width * (size_t)c;
        for (int x = 0; x < dst->width; x++)
            for (int ch = 0; ch < c; ch++) to[x * c + ch] = row[column[x] * c + ch];
    }
    whet_free(column);
    return WHET_OK;
}

whet_status whet_resize_pillow(whet_image *dst, const whet_image *src, whet_filter filter)
{
    struct taps h = {0}, v = {0};
    whet_image mid = {0};
    whet_status status = WHET_OK;
    size_t bytes = (size_t)dst->width * (size_t)dst->height * (size_t)dst->channels;
    int wide = dst->width != src->width, tall = dst->height != src->height;

    if (filter == WHET_FILTER_AREA)
        return WHET_FAIL(WHET_EUNSUPPORTED, "Pillow has no filter 'area', its 'box' is nearest to it");
    if (filter == WHET_FILTER_NEAREST) return nearest(dst, src);
    if (!wide && !tall) {
        memcpy(dst->data, src->data, bytes);
        return WHET_OK;
    }
    if (wide) WHET_GOTO(taps_make(&h, src->width, dst->width, filter));
    if (tall) WHET_GOTO(taps_make(&v, src->height, dst->height, filter));
    if (wide && tall && dst->height < src->height &&
        (double)dst->height / src->height < 0.7 * dst->width / src->width) {
        WHET_GOTO(whet_image_alloc(&mid, src->width, dst->height, src->channels));
        columns(&mid, src, &v);
        rows(dst, &mid, &h);
    } else if (wide && tall) {
        WHET_GOTO(whet_image_alloc(&mid, dst->width, src->height, src->channels));
        rows(&mid, src, &h);
        columns(dst, &mid, &v);
    } else if (wide) {
        rows(dst, src, &h);
    } else {
        columns(dst, src, &v);
    }
done:
    taps_dispose(&h);
    taps_dispose(&v);
    whet_image_dispose(&mid);
    return status;
}
