/* SPDX-License-Identifier: Apache-2.0 */
/* TensorFlow 2's tf.image.resize: half-pixel centres, float32, not rounded.
 *   bilinear, nearest   the plain kernels, no antialiasing
 *   bicubic             Keys a = -0.5, weights from a table of 1,024 steps, taps outside dropped and the rest rescaled
 *   area                box average with fractional borders, no half-pixel shift
 *   antialias           bilinear, bicubic, box, lanczos (radius 3) stretched by the shrink factor ("scale and translate")
 * Source: the arithmetic of TensorFlow's resize kernels, as its documents describe it and its outputs show. */
#include <math.h>
#include <stdbool.h>

#include "base/mem.h"
#include "image/resize.h"

/* Output i reads n[i] inputs from first[i] with weights w[i * size ...]. */
struct axis { int size, *first, *n; float *w; };

static void axis_dispose(struct axis *a)
{
    whet_free(a->first);
    whet_free(a->n);
    whet_free(a->w);
}

static float triangle(float x) { return fabsf(x) < 1 ? 1 - fabsf(x) : 0; }
static float box(float x) { return fabsf(x) < 0.5f ? 1.f : fabsf(x) == 0.5f ? 0.5f : 0.f; }
static float keys(float x)
{
    const float a = -0.5f;

    x = fabsf(x);
    if (x >= 2) return 0;
    if (x >= 1) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
    return ((a + 2) * x - (a + 3)) * x * x + 1;
}
static float lanczos3(float x)
{
    const float pi = 3.14159265359f;

    x = fabsf(x);
    if (x > 3) return 0;
    if (x <= 1e-3f) return 1;
    return 3 * sinf(pi * x) * sinf(pi * x / 3) / (pi * pi * x * x);
}

static const struct { float (*f)(float); float radius; } kernels[] = {
    [WHET_FILTER_BOX] = {box, 0.5f},
    [WHET_FILTER_BILINEAR] = {triangle, 1},
    [WHET_FILTER_BICUBIC] = {keys, 2},
    [WHET_FILTER_LANCZOS] = {lanczos3, 3},
};

static void antialiased(struct axis *a, int i, int in, int out, whet_filter filter)
{
    float inv = 1.0f / ((float)out / (float)in), stretch = inv > 1 ? inv : 1;
    float center = ((float)i + 0.5f) * inv, reach = kernels[filter].radius * stretch, sum = 0;
    int lo = (int)ceilf(center - reach - 0.5f), hi = (int)floorf(center + reach - 0.5f) + 1;
    float *w = a->w + (size_t)i * (size_t)a->size;

    lo = lo < 0 ? 0 : lo > in - 1 ? in - 1 : lo;
    hi = hi < lo + 1 ? lo + 1 : hi > in ? in : hi;
    a->first[i] = lo;
    a->n[i] = WHET_MIN(hi - lo, a->size);
    for (int k = 0; k < a->n[i]; k++) sum += w[k] = kernels[filter].f(((float)(lo + k) + 0.5f - center) / stretch);
    if (fabsf(sum) >= 1000.f * 1.17549435e-38f)
        for (int k = 0; k < a->n[i]; k++) w[k] *= 1.0f / sum;
}

static void plain(struct axis *a, int i, int in, int out, whet_filter filter)
{
    float scale = (float)in / (float)out, at = ((float)i + 0.5f) * scale - 0.5f, down = floorf(at), sum = 0;
    float *w = a->w + (size_t)i * (size_t)a->size;

    if (filter == WHET_FILTER_NEAREST) {
        a->first[i] = WHET_MIN((int)floorf(((float)i + 0.5f) * scale), in - 1);
        a->n[i] = 1;
        w[0] = 1;
    } else if (filter == WHET_FILTER_BILINEAR) {
        int lo = WHET_MAX((int)down, 0), hi = WHET_MIN((int)ceilf(at), in - 1);
        a->first[i] = lo;
        a->n[i] = hi > lo ? 2 : 1;
        w[0] = hi > lo ? 1 - (at - down) : 1;
        w[1] = at - down;
    } else if (filter == WHET_FILTER_BICUBIC) {
        float d = (float)lrintf((at - down) * 1024) / 1024;
        int lo = (int)down - 1, skip = lo < 0 ? -lo : 0;
        a->first[i] = lo + skip;
        a->n[i] = WHET_MIN(4 - skip, in - a->first[i]);
        for (int k = 0; k < a->n[i]; k++) sum += w[k] = keys((float)(k + skip) - 1 - d);
        for (int k = 0; k < a->n[i]; k++) w[k] /= sum;
    } else { /* area */
        float lo = (float)i * scale, hi = (float)(i + 1) * scale;
        a->first[i] = (int)floorf(lo);
        a->n[i] = WHET_MIN((int)ceilf(hi), in) - a->first[i];
        for (int k = 0; k < a->n[i]; k++) {
            float l = (float)(a->first[i] + k), r = l + 1;
            w[k] = (WHET_MIN(r, hi) - WHET_MAX(l, lo)) / scale;
        }
    }
}

static whet_status axis_make(struct axis *a, int in, int out, whet_filter filter, bool antialias)
{
    float stretch = (float)in / (float)out;

    if (stretch < 1) stretch = 1;
    a->size = antialias ? (int)ceilf(kernels[filter].radius * stretch) * 2 + 2 : WHET_MAX((int)ceilf(stretch) + 2, 4);
    a->first = whet_calloc((size_t)out, sizeof *a->first);
    a->n = whet_calloc((size_t)out, sizeof *a->n);
    a->w = whet_calloc((size_t)out * (size_t)a->size, sizeof *a->w);
    if (!a->first || !a->n || !a->w) return WHET_ENOMEM;
    for (int i = 0; i < out; i++) {
        if (antialias)
            antialiased(a, i, in, out, filter);
        else
            plain(a, i, in, out, filter);
    }
    return WHET_OK;
}

whet_status whet_resize_tf(float *dst, int width, int height, const whet_image *src, whet_filter filter, int antialias)
{
    struct axis ax = {0}, ay = {0};
    float *mid = NULL;
    size_t c = (size_t)src->channels, stride = (size_t)width * c;
    bool anti = antialias && filter != WHET_FILTER_NEAREST && filter != WHET_FILTER_AREA;
    whet_status status = WHET_OK;

    if (!anti && (filter == WHET_FILTER_BOX || filter == WHET_FILTER_LANCZOS)) anti = true; /* it has only this form */
    WHET_GOTO(axis_make(&ax, src->width, width, filter, anti));
    WHET_GOTO(axis_make(&ay, src->height, height, filter, anti));
    mid = whet_calloc((size_t)src->height * stride, sizeof *mid);
    if (!mid) {
        status = WHET_ENOMEM;
        goto done;
    }
    for (int y = 0; y < src->height; y++)
        for (int x = 0; x < width; x++)
            for (size_t ch = 0; ch < c; ch++) {
                const uint8_t *p = src->data + ((size_t)y * (size_t)src->width + (size_t)ax.first[x]) * c + ch;
                float sum = 0;
                for (int k = 0; k < ax.n[x]; k++) sum += ax.w[(size_t)x * (size_t)ax.size + (size_t)k] * p[(size_t)k * c];
                mid[(size_t)y * stride + (size_t)x * c + ch] = sum;
            }
    for (int y = 0; y < height; y++)
        for (size_t x = 0; x < stride; x++) {
            const float *p = mid + (size_t)ay.first[y] * stride + x;
            float sum = 0;
            for (int k = 0; k < ay.n[y]; k++) sum += ay.w[(size_t)y * (size_t)ay.size + (size_t)k] * p[(size_t)k * stride];
            dst[(size_t)y * stride + x] = sum;
        }
done:
    axis_dispose(&ax);
    axis_dispose(&ay);
    whet_free(mid);
    return status;
}
