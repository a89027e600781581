/* SPDX-License-Identifier: Apache-2.0 */
/* NHWC convolution as runs of consecutive floats: with dilation 1 a kernel row of kw * ic inputs is one run, so that even
 * three input channels keep the reduction loop long. Rows that need padding are copied once into scratch; a copy costs
 * one store per input against kh * kw * oc multiply-adds. Channels go outside and rows inside, so that a panel of packed
 * weights stays in cache (Georganas et al., SC 2018). */
#include "kernels/conv/conv_nhwc.h"

#include <string.h>

#include "base/mem.h"

enum { PANEL = 32 };

static void axis_range(whet_conv_axis *a)
{
    a->lo = a->hi = 0;
    for (int k = 0; k < a->n && a->count > 0; k++) {
        const int64_t last = (a->count - 1) * a->step + a->off[k] + 1;
        if (k == 0 || a->off[k] < a->lo) a->lo = a->off[k];
        if (k == 0 || last > a->hi) a->hi = last;
    }
}

void whet_conv_axis_forward(whet_conv_axis *a, int64_t in, int64_t out, int k, int stride, int dilation, int pad)
{
    *a = (whet_conv_axis){.in = in, .count = out, .first = 0, .stride = 1, .step = stride, .n = k};
    for (int i = 0; i < k; i++) {
        a->tap[i] = i;
        a->off[i] = (int64_t)i * dilation - pad;
    }
    axis_range(a);
}

void whet_conv_axis_backward(whet_conv_axis *a, int64_t in, int64_t out, int k, int stride, int dilation, int pad, int phase)
{
    *a = (whet_conv_axis){.in = out, .first = phase, .stride = stride, .step = 1};
    a->count = phase < in ? (in - phase + stride - 1) / stride : 0;
    for (int i = k - 1; i >= 0; i--) { /* falling taps: rising offsets, so that neighbours join into runs */
        const int64_t d = phase + pad - (int64_t)i * dilation;
        if (d % stride != 0) continue;
        a->tap[a->n] = i;
        a->off[a->n++] = d / stride;
    }
    axis_range(a);
}

static bool consecutive(const whet_conv_axis *a)
{
    for (int k = 1; k < a->n; k++)
        if (a->off[k] != a->off[0] + k) return false;
    return true;
}

void whet_conv_pass_init(whet_conv_pass *p, const whet_gemm_kernel *kernel, const whet_conv_axis *y,
                         const whet_conv_axis *x, int64_t ic, int64_t oc, int64_t groups, int64_t dst_w)
{
    const bool join = groups == 1 && consecutive(x);
    memset(p, 0, sizeof *p);
    p->kernel = kernel;
    p->y = *y;
    p->x = *x;
    p->ic = ic;
    p->oc = oc;
    p->groups = groups;
    p->dst_w = dst_w;
    p->pad = y->n > 0 && x->n > 0 && (y->lo < 0 || x->lo < 0 || y->hi > y->in || x->hi > x->in);
    p->row = (ptrdiff_t)((p->pad ? x->hi - x->lo : x->in) * ic);
    p->run_len = (int)(ic / groups * (join ? x->n : 1));
    for (int i = 0; i < y->n; i++) {
        for (int j = 0; j < (join ? WHET_MIN(x->n, 1) : x->n); j++)
            p->runs[p->n_runs++] = (ptrdiff_t)((y->off[i] - y->lo) * p->row + (x->off[j] - x->lo) * ic);
    }
}

size_t whet_conv_scratch(const whet_conv_pass *p, int64_t rows)
{
    if (!p->pad || rows <= 0) return 0;
    return (size_t)((rows - 1) * p->y.step + (p->y.hi - p->y.lo) - (p->y.count - 1) * p->y.step) * (size_t)p->row;
}

static int64_t group_size(const whet_conv_pass *p)
{
    return (int64_t)whet_pack_size(p->oc / p->groups, p->y.n * p->x.n * (p->ic / p->groups));
}

size_t whet_conv_weights_size(const whet_conv_pass *p) { return (size_t)(group_size(p) * p->groups); }

static int64_t group_blocks(const whet_conv_pass *p) { return (p->oc / p->groups + WHET_GEMM_BLOCK - 1) / WHET_GEMM_BLOCK; }

int64_t whet_conv_blocks(const whet_conv_pass *p) { return group_blocks(p) * p->groups; }

void whet_conv_pack(const whet_conv_pass *p, float *dst, const float *weights, const whet_conv2d_geom *g, bool backward,
                    int64_t b0, int64_t b1)
{
    const ptrdiff_t plane = (ptrdiff_t)g->kh * g->kw, per_oc = (ptrdiff_t)(g->ic / g->groups) * plane;
    const int64_t oc_g = p->oc / p->groups, per_group = group_blocks(p);
    int taps[WHET_CONV_MAX_TAPS * WHET_CONV_MAX_TAPS], n = 0;
    for (int i = 0; i < p->y.n; i++)
        for (int j = 0; j < p->x.n; j++) taps[n++] = p->y.tap[i] * g->kw + p->x.tap[j];
    for (int64_t b = b0; b < b1; b++) {
        const int64_t gr = b / per_group;
        whet_pack_weights(dst + gr * group_size(p), weights + gr * (g->oc / g->groups) * per_oc, oc_g,
                          backward ? plane : per_oc, n, taps, 1, p->ic / p->groups, backward ? per_oc : plane,
                          b % per_group, b % per_group + 1);
    }
}

/* Rows [first, first + rows) of an image of h x w x c, columns [x0, x1), with zeros outside. */
static void copy_rows(float *dst, const float *src, int64_t h, int64_t w, int64_t c, int64_t first, int64_t rows,
                      int64_t x0, int64_t x1)
{
    const int64_t a = WHET_MAX(x0, 0), b = WHET_MAX(WHET_MIN(x1, w), a);
    const size_t left = (size_t)((a - x0) * c), mid = (size_t)((b - a) * c), right = (size_t)((x1 - b) * c);
    for (int64_t y = first; y < first + rows; y++) {
        if (y < 0 || y >= h) {
            memset(dst, 0, (left + mid + right) * sizeof *dst);
        } else {
            memset(dst, 0, left * sizeof *dst);
            memcpy(dst + left, src + (y * w + a) * c, mid * sizeof *dst);
            memset(dst + left + mid, 0, right * sizeof *dst);
        }
        dst += left + mid + right;
    }
}

static void fill(float *dst, ptrdiff_t step, const whet_conv_image *im, const float *add, const float *bias, int64_t m, int64_t n)
{
    for (int64_t i = 0; i < m; i++) {
        if (!bias && !add && im->lo <= 0.0f && im->hi >= 0.0f) {
            memset(dst + i * step, 0, (size_t)n * sizeof *dst);
            continue;
        }
        for (int64_t j = 0; j < n; j++) {
            float x = bias ? bias[j] : 0.0f;
            if (add) x += add[i * step + j];
            if (x < im->lo) x = im->lo;
            if (x > im->hi) x = im->hi;
            dst[i * step + j] = x;
        }
    }
}

void whet_conv_run(const whet_conv_pass *p, const whet_conv_image *im, int64_t y0, int64_t y1, int64_t c0, int64_t c1)
{
    const int64_t oc_g = p->oc / p->groups, ic_g = p->ic / p->groups, k = (int64_t)p->n_runs * p->run_len;
    const ptrdiff_t dst_step = (ptrdiff_t)(p->x.stride * p->oc), dst_row = (ptrdiff_t)(p->y.stride * p->dst_w * p->oc);
    const float *src = im->src;
    ptrdiff_t row = p->row;
    whet_rows_args a = {.src_step = (ptrdiff_t)(p->x.step * p->ic), .runs = p->runs, .n_runs = p->n_runs,
                        .run_len = p->run_len, .add_step = dst_step, .dst_step = dst_step, .lo = im->lo, .hi = im->hi};
    const bool flat = !p->pad && p->n_runs == 1 && p->x.step == 1 && p->y.step == 1 && p->x.stride == 1 &&
                      p->y.stride == 1 && p->x.count == p->x.in && p->dst_w == p->x.count;
    if (y1 <= y0 || p->x.count <= 0) return;
    if (p->pad) {
        const int64_t first = y0 * p->y.step + p->y.lo;
        const int64_t rows = (y1 - 1 - y0) * p->y.step + (p->y.hi - p->y.lo) - (p->y.count - 1) * p->y.step;
        copy_rows(im->scratch, im->src, p->y.in, p->x.in, p->ic, first, rows, p->x.lo, p->x.hi);
        src = im->scratch;
    } else {
        src += (y0 * p->y.step + p->y.lo) * row + p->x.lo * p->ic;
    }
    for (int64_t gr = 0; gr < p->groups; gr++) {
        for (int64_t c = c0; c < c1; c += PANEL) {
            const int64_t co = gr * oc_g + c;
            a.n = (int)WHET_MIN(WHET_MIN(c1, oc_g) - c, PANEL);
            a.weights = im->weights + gr * group_size(p) + c * k;
            a.bias = im->bias ? im->bias + co : NULL;
            a.next = c + PANEL < oc_g ? a.weights + PANEL * k : NULL;
            a.passes = flat ? 1 : (int)(y1 - y0);
            for (int64_t y = y0; y < y1; y++) {
                a.pass = (int)(y - y0);
                const ptrdiff_t at = (ptrdiff_t)(p->y.first * p->dst_w + p->x.first) * p->oc + y * dst_row + co;
                a.src = src + (y - y0) * p->y.step * row + gr * ic_g;
                a.dst = im->dst + at;
                a.add = im->add ? im->add + at : NULL;
                a.m = (int)(flat ? (y1 - y0) * p->x.count : p->x.count);
                if (p->n_runs > 0) p->kernel->rows(&a);
                else fill(a.dst, dst_step, im, a.add, a.bias, a.m, a.n);
                if (flat) break;
            }
        }
    }
}

static void wgrad_axes(const whet_conv2d_geom *g, whet_conv_axis *y, whet_conv_axis *x, bool *pad)
{
    whet_conv_axis_forward(y, g->h, g->oh, g->kh, g->sh, g->dh, g->pt);
    whet_conv_axis_forward(x, g->w, g->ow, g->kw, g->sw, g->dw, g->pl);
    *pad = y->lo < 0 || x->lo < 0 || y->hi > g->h || x->hi > g->w;
}

/* Rows of an image, and images where whole ones fit, that go by while a block of sums stays in registers. */
static int64_t wgrad_block(const whet_conv2d_geom *g, ptrdiff_t row, int64_t *images)
{
    enum { ROWS_FLOATS = 64 * 1024, IMAGES_FLOATS = 256 * 1024 };
    const int64_t floats = WHET_MAX(1, row * g->sh + g->ow * g->oc), block = WHET_MAX(1, ROWS_FLOATS / floats);
    *images = WHET_MAX(1, WHET_MIN(g->n, IMAGES_FLOATS / (floats * g->oh)));
    return *images > 1 ? g->oh : block;
}

size_t whet_conv_wgrad_scratch(const whet_conv2d_geom *g)
{
    whet_conv_axis y, x;
    bool pad = false;
    int64_t images = 1;
    wgrad_axes(g, &y, &x, &pad);
    wgrad_block(g, (ptrdiff_t)((x.hi - x.lo) * g->ic), &images);
    return pad ? (size_t)(images * (y.hi - y.lo) * (x.hi - x.lo) * g->ic) : 0;
}

/* As whet_conv_wgrad, for images that fit into the scratch together. */
static void wgrad_images(const whet_gemm_kernel *kernel, const whet_conv2d_geom *g, const float *src, const float *diff_dst,
                         float *acc, float *scratch, int64_t images, int64_t block, int64_t c0, int64_t c1)
{
    const int64_t ic_g = g->ic / g->groups, oc_g = g->oc / g->groups, kk = (int64_t)g->kh * g->kw * ic_g;
    const bool join = g->groups == 1 && g->dw == 1;
    whet_conv_axis y, x;
    bool pad = false;
    wgrad_axes(g, &y, &x, &pad);
    ptrdiff_t row = (ptrdiff_t)(g->w * g->ic), image = row * (ptrdiff_t)g->h;
    if (pad) {
        row = (ptrdiff_t)((x.hi - x.lo) * g->ic);
        for (int64_t i = 0; i < images; i++)
            copy_rows(scratch + i * (y.hi - y.lo) * row, src + i * image, g->h, g->w, g->ic, y.lo, y.hi - y.lo, x.lo, x.hi);
        src = scratch;
        image = (ptrdiff_t)(y.hi - y.lo) * row;
    } else {
        src += y.lo * row + x.lo * g->ic;
    }
    whet_outer_args a = {.a_row = row * g->sh, .a_step = (ptrdiff_t)(g->sw * g->ic), .b_row = (ptrdiff_t)(g->ow * g->oc),
                         .b_step = (ptrdiff_t)g->oc, .n_pixels = (int)g->ow, .m = (int)(join ? g->kw * ic_g : ic_g),
                         .n = (int)(c1 - c0), .acc_step = (ptrdiff_t)oc_g, .n_images = (int)images, .a_image = image,
                         .b_image = (ptrdiff_t)(g->oh * g->ow * g->oc)};
    for (int64_t y0 = 0; y0 < g->oh; y0 += block) {
        a.n_rows = (int)WHET_MIN(block, g->oh - y0);
        for (int64_t gr = 0; gr < g->groups; gr++) {
            a.b = diff_dst + y0 * a.b_row + gr * oc_g + c0;
            for (int ky = 0; ky < g->kh; ky++) {
                for (int kx = 0; kx < (join ? 1 : g->kw); kx++) {
                    a.a = src + (y0 * g->sh + (int64_t)ky * g->dh) * row + (int64_t)kx * g->dw * g->ic + gr * ic_g;
                    a.acc = acc + (gr * kk + ((int64_t)ky * g->kw + kx) * ic_g) * oc_g + c0;
                    kernel->outer(&a);
                }
            }
        }
    }
}

void whet_conv_wgrad(const whet_gemm_kernel *kernel, const whet_conv2d_geom *g, const float *src, const float *diff_dst,
                     float *acc, float *scratch, int64_t c0, int64_t c1)
{
    whet_conv_axis y, x;
    bool pad = false;
    int64_t images = 1, block = 0;
    wgrad_axes(g, &y, &x, &pad);
    block = wgrad_block(g, (ptrdiff_t)((x.hi - x.lo) * g->ic), &images);
    for (int64_t i = 0; i < g->n; i += images)
        wgrad_images(kernel, g, src + i * g->h * g->w * g->ic, diff_dst + i * g->oh * g->ow * g->oc, acc, scratch,
                     WHET_MIN(images, g->n - i), block, c0, c1);
}

void whet_conv_wgrad_sum(const whet_conv2d_geom *g, float *dst, const float *acc, int parts, int64_t r0, int64_t r1)
{
    const int64_t ic_g = g->ic / g->groups, oc_g = g->oc / g->groups, plane = (int64_t)g->kh * g->kw, kk = plane * ic_g;
    const int64_t size = g->groups * kk * oc_g;
    for (int64_t r = r0; r < r1; r++) {
        const int64_t gr = r / kk, tap = r % kk / ic_g, c = r % ic_g;
        const float *s = acc + r * oc_g;
        float *d = dst + gr * oc_g * kk + c * plane + tap;
        for (int64_t j = 0; j < oc_g; j++) {
            float x = s[j];
            for (int q = 1; q < parts; q++) x += s[q * size + j];
            d[j * kk] = x;
        }
    }
}
