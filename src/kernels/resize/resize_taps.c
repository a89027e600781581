/* SPDX-License-Identifier: Apache-2.0 */
/* The taps of a resize along one axis, for every mode and coordinate rule of the ONNX operator. Cubic weights: R. Keys,
 * "Cubic Convolution Interpolation for Digital Image Processing", 1981. Antialiasing stretches the filter by 1 / scale
 * when the axis shrinks. Taps outside the input fall on its edge, or are dropped and the rest normalised
 * (exclude_outside). */
#include <math.h>

#include "base/mem.h"
#include "kernels/resize/resize.h"

/* x / scale. Where the scale is that of the sizes, one rounding: two can leave a pixel that x falls on exactly. */
static double unscaled(const whet_resize_axis *a, double x)
{
    const double in = (double)a->in, out = (double)a->out;
    return a->scale == out / in ? x * in / out : x / a->scale;
}

/* Position in the input that output o shows. */
static double coordinate(const whet_resize_rule *r, const whet_resize_axis *a, int64_t o)
{
    const double in = (double)a->in, out = a->scale * in, x = (double)o, half = unscaled(a, x + 0.5) - 0.5;
    switch (r->coords) {
    case WHET_COORDS_HALF_PIXEL: return half;
    case WHET_COORDS_HALF_PIXEL_SYMMETRIC: return half + in / 2 * (1 - (double)a->out / out);
    case WHET_COORDS_PYTORCH_HALF_PIXEL: return a->out == 1 ? 0 : half;
    case WHET_COORDS_ALIGN_CORNERS: return a->out == 1 || out == 1 ? 0 : x * (in - 1) / (out - 1);
    case WHET_COORDS_ASYMMETRIC: return unscaled(a, x);
    case WHET_COORDS_TF_CROP_AND_RESIZE: break;
    }
    const double width = (a->roi[1] - a->roi[0]) * (in - 1);
    return a->roi[0] * (in - 1) + (a->out == 1 ? width / 2 : x * width / (out - 1));
}

static double triangle(double x) { return fmax(0, 1 - fabs(x)); }

static double cubic(double x, double a)
{
    x = fabs(x);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static bool takes_right(whet_resize_nearest rule, double ratio)
{
    if (ratio == 1) return true; /* on the pixel */
    switch (rule) {
    case WHET_NEAREST_ROUND_PREFER_FLOOR: return ratio > 0.5;
    case WHET_NEAREST_ROUND_PREFER_CEIL: return ratio >= 0.5;
    case WHET_NEAREST_FLOOR: return false;
    case WHET_NEAREST_CEIL: break;
    }
    return true;
}

/* Half the number of neighbours and the filter's stretch. */
static int64_t reach(const whet_resize_rule *r, double scale, double *stretch)
{
    const int radius = r->mode == WHET_RESIZE_CUBIC ? 2 : 1;
    *stretch = r->antialias && r->mode != WHET_RESIZE_NEAREST ? fmin(scale, 1) : 1;
    return -(int64_t)floor(-radius / *stretch + 1) + 1;
}

static double weight_at(const whet_resize_rule *r, double distance, double stretch)
{
    return r->mode == WHET_RESIZE_CUBIC ? cubic(distance * stretch, r->cubic_a) : triangle(distance * stretch);
}

/* Entries of row o: at most one an input position. Neighbours beyond an edge add to the edge's entry. */
static int row_taps(const whet_resize_rule *r, const whet_resize_axis *a, int64_t o, int32_t *index, double *weight)
{
    const double x = coordinate(r, a, o);
    double stretch = 1, sum = 0;
    const int64_t n = reach(r, a->scale, &stretch);
    int count = 0;
    if (r->coords == WHET_COORDS_TF_CROP_AND_RESIZE && (x < 0 || x > (double)(a->in - 1))) return 0;
    const double base = ceil(x) - 1;
    for (int64_t i = 1 - n; i <= n; i++) {
        const double at = base + (double)i, ratio = x - base;
        double w = weight_at(r, (double)i - ratio, stretch);
        if (r->mode == WHET_RESIZE_NEAREST) w = (i == 1) == takes_right(r->nearest, ratio);
        if (r->exclude_outside && (at < 0 || at > (double)(a->in - 1))) continue;
        const int32_t k = (int32_t)fmax(0, fmin(at, (double)(a->in - 1)));
        sum += w;
        if (w == 0) continue;
        if (count > 0 && index[count - 1] == k) {
            weight[count - 1] += w;
        } else {
            index[count] = k;
            weight[count++] = w;
        }
    }
    const bool normalise = (r->exclude_outside || stretch < 1) && sum != 0;
    for (int i = 0; normalise && i < count; i++) weight[i] /= sum;
    return count;
}

static whet_status allocate(whet_resize_taps *t, size_t rows, size_t entries)
{
    t->start = whet_calloc(rows + 1, sizeof *t->start);
    t->index = whet_calloc(entries + 1, sizeof *t->index);
    t->weight = whet_calloc(entries + 1, sizeof *t->weight);
    t->weight32 = whet_calloc(entries + 1, sizeof *t->weight32);
    return t->start && t->index && t->weight && t->weight32 ? WHET_OK : WHET_ENOMEM;
}

static void finish(whet_resize_taps *t)
{
    t->most = 0;
    t->holes = false;
    t->identity = t->in == t->out;
    for (int64_t o = 0; o < t->out; o++) {
        const int n = t->start[o + 1] - t->start[o];
        if (n > t->most) t->most = n;
        if (n == 0) t->holes = true;
        if (n != 1 || t->index[t->start[o]] != o || t->weight[t->start[o]] != 1) t->identity = false;
    }
    for (int32_t i = 0; i < t->start[t->out]; i++) t->weight32[i] = (float)t->weight[i];
}

whet_status whet_resize_taps_make(whet_resize_taps *t, const whet_resize_rule *rule, const whet_resize_axis *axis)
{
    double stretch = 1;
    *t = (whet_resize_taps){.in = axis->in, .out = axis->out};
    if (axis->out > INT32_MAX / 2 || axis->in > INT32_MAX / 2) return WHET_FAIL(WHET_EUNSUPPORTED, "resize of an axis of over 2^30 elements");
    if (axis->out > 0 && (axis->in < 1 || !(axis->scale > 0)))
        return WHET_FAIL(WHET_ESHAPE, "resize of %lld elements to %lld by %g", (long long)axis->in, (long long)axis->out, axis->scale);
    const int64_t n = axis->out > 0 ? reach(rule, axis->scale, &stretch) : 0, a_row = n < axis->in ? 2 * n : 2 * axis->in;
    if (n > INT32_MAX / 4 || (axis->out > 0 && a_row > (int64_t)INT32_MAX / 2 / axis->out))
        return WHET_FAIL(WHET_EUNSUPPORTED, "resize with over 2^30 taps");
    WHET_TRY(allocate(t, (size_t)axis->out, (size_t)(axis->out * a_row)));
    for (int64_t o = 0; o < axis->out; o++)
        t->start[o + 1] = t->start[o] + row_taps(rule, axis, o, t->index + t->start[o], t->weight + t->start[o]);
    finish(t);
    return WHET_OK;
}

whet_status whet_resize_taps_pick(whet_resize_taps *t, int64_t in, int64_t out, const int64_t *index)
{
    *t = (whet_resize_taps){.in = in, .out = out};
    if (out > INT32_MAX / 2 || in > INT32_MAX / 2) return WHET_FAIL(WHET_EUNSUPPORTED, "an axis of over 2^30 elements");
    WHET_TRY(allocate(t, (size_t)out, (size_t)out));
    for (int64_t o = 0; o < out; o++) {
        t->index[o] = (int32_t)index[o];
        t->weight[o] = 1;
        t->start[o + 1] = (int32_t)o + 1;
    }
    finish(t);
    return WHET_OK;
}

whet_status whet_resize_taps_transpose(whet_resize_taps *t, const whet_resize_taps *of)
{
    *t = (whet_resize_taps){.in = of->out, .out = of->in};
    WHET_TRY(allocate(t, (size_t)t->out + 1, (size_t)of->start[of->out]));
    /* start[k + 2] counts row k, start[k + 1] becomes its write position, and so the start of row k + 1 */
    for (int32_t i = 0; i < of->start[of->out]; i++) t->start[of->index[i] + 2]++;
    for (int64_t o = 0; o < t->out; o++) t->start[o + 2] += t->start[o + 1];
    for (int64_t o = 0; o < of->out; o++)
        for (int32_t i = of->start[o]; i < of->start[o + 1]; i++) {
            const int32_t at = t->start[of->index[i] + 1]++;
            t->index[at] = (int32_t)o;
            t->weight[at] = of->weight[i];
        }
    finish(t);
    return WHET_OK;
}

void whet_resize_taps_free(whet_resize_taps *t)
{
    whet_free(t->start);
    whet_free(t->index);
    whet_free(t->weight);
    whet_free(t->weight32);
    *t = (whet_resize_taps){0};
}
