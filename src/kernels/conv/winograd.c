/* SPDX-License-Identifier: Apache-2.0 */
/* Winograd convolution around the transforms of one ISA: tiles, blocks of tiles, and the shapes for which it pays.
 *
 * A chunk of work is a block of tiles and a part of the output channels, all three steps of it: what it transforms and
 * multiplies stays in one core's cache. Parts of the channels transform the same inputs again, which costs less than to
 * wait for another core's. The numbers of blocks and parts weigh that against weights that are fetched again. */
#include "kernels/conv/winograd.h"

#include <math.h>

#include "base/cpu.h"
#include "base/mem.h"

enum { PANEL = 32, TILE = 4 };

#if defined(__x86_64__)
extern const whet_wino_kernel whet_wino_avx512, whet_wino_avx2;
static const whet_wino_kernel *const table[] = {&whet_wino_avx512, &whet_wino_avx2};
int whet_wino_kernel_count(void) { return (int)WHET_COUNT(table); }
const whet_wino_kernel *whet_wino_kernel_at(int i) { return table[i]; }
#else
int whet_wino_kernel_count(void) { return 0; }
const whet_wino_kernel *whet_wino_kernel_at(int i)
{
    (void)i;
    return NULL;
}
#endif

static int64_t up(int64_t a, int64_t b) { return (a + b - 1) / b; }

bool whet_wino_fits(const whet_conv2d_geom *g)
{
    return g->groups == 1 && g->kh == 3 && g->kw == 3 && g->sh == 1 && g->sw == 1 && g->pt >= 0 && g->pl >= 0 &&
           g->dh < 4096 && g->dw < 4096;
}

static int64_t step_of(int64_t channels) { return up(channels, 16) * 16 + 16; }

/* Sizes, and the cut that costs least, in multiply-adds of two threads as measured (AVX-512, November 2026): what it costs
 * to fetch a float from memory, which goes on beside the products, and to move one through a transform. Returns the cost. */
static double plan(whet_wino *p, const whet_conv2d_geom *g, bool backward)
{
    enum { CACHE = 300 * 1024, FETCH = 16, MOVE = 10, GROUP = 14 };
    double best = 0.0;
    *p = (whet_wino){.h = g->h, .w = g->w, .ic = g->ic, .oh = g->oh, .ow = g->ow, .oc = g->oc, .pt = g->pt, .pl = g->pl, .dh = g->dh,
                     .dw = g->dw, .backward = backward};
    if (backward) {
        p->h = g->oh, p->w = g->ow, p->ic = g->oc, p->oh = g->h, p->ow = g->w, p->oc = g->ic;
        p->pt = 2 * g->dh - g->pt, p->pl = 2 * g->dw - g->pl;
    }
    p->ty = up(up(p->oh, p->dh), TILE);
    p->tx = up(up(p->ow, p->dw), TILE);
    p->tiles = g->n * p->dh * p->dw * p->ty * p->tx;
    const int64_t panels = up(p->oc, PANEL);
    for (int64_t parts = 1; parts <= WHET_MIN(panels, 8); parts *= 2) {
        const int64_t most = WHET_MIN(up(panels, parts) * PANEL, p->oc), u = WHET_WINO_POINTS * p->ic * most;
        const int64_t fits = (CACHE - (u < CACHE / 2 ? u : 0)) / (WHET_WINO_POINTS * (step_of(p->ic) + step_of(most)));
        const int64_t tiles = WHET_MAX(GROUP, fits / GROUP * GROUP), blocks = up(p->tiles, tiles), chunks = blocks * parts;
        const double product = (double)WHET_WINO_POINTS * (double)(p->tiles * p->ic * p->oc);
        const double fetch = (double)FETCH * WHET_WINO_POINTS * (double)((u < CACHE / 2 ? 1 : blocks) * p->ic * p->oc);
        const double move = (double)MOVE * WHET_WINO_POINTS * (double)(p->tiles * (p->ic * parts + p->oc));
        const double cost = (WHET_MAX(product, fetch) + move) * (1.0 + (chunks % 2 ? 1.0 : 0.1) / (double)chunks);
        if (best > 0.0 && cost >= best) continue;
        best = cost;
        p->parts = parts;
        p->most = most;
        p->block = up(p->tiles, blocks);
    }
    return best;
}

bool whet_wino_pays(const whet_conv2d_geom *g, bool backward, bool constant)
{
    enum { LEAST = 32, FETCH = 16, MAKE = 24 }; /* MAKE: to transform a weight while running */
    whet_wino p;
    if (!whet_wino_fits(g) || g->ic < LEAST || g->oc < LEAST) return false;
    const double cost = plan(&p, g, backward) + (constant ? 0.0 : (double)MAKE * WHET_WINO_POINTS * (double)(p.ic * p.oc));
    const double direct = 9.0 * (double)WHET_MAX(g->n * p.oh * p.ow, (int64_t)FETCH) * (double)(p.ic * p.oc);
    return cost < 0.8 * direct;
}

void whet_wino_init(whet_wino *p, const whet_gemm_kernel *gemm, const whet_wino_kernel *kernel, const whet_conv2d_geom *g, bool backward)
{
    plan(p, g, backward);
    p->gemm = gemm;
    p->kernel = kernel;
    p->v_step = (ptrdiff_t)step_of(p->ic);
    p->m_step = (ptrdiff_t)step_of(p->most);
    p->v_point = p->block * p->v_step;
    p->m_point = p->block * p->m_step;
    p->v_point += p->v_point / 16 % 2 ? 0 : 16; /* an odd number of lines: points fall into different cache sets */
    p->m_point += p->m_point / 16 % 2 ? 0 : 16;
}

size_t whet_wino_scratch(const whet_wino *p) { return (size_t)(WHET_WINO_POINTS * (p->v_point + p->m_point)); }
size_t whet_wino_weights_size(const whet_wino *p) { return WHET_WINO_POINTS * whet_pack_size(p->oc, p->ic); }
int64_t whet_wino_blocks(const whet_wino *p) { return up(p->oc, WHET_GEMM_BLOCK); }

void whet_wino_weights(const whet_wino *p, float *dst, const float *weights, int64_t b0, int64_t b1)
{
    const ptrdiff_t point = (ptrdiff_t)whet_pack_size(p->oc, p->ic);
    const ptrdiff_t s_n = p->backward ? 9 : (ptrdiff_t)p->ic * 9, s_c = p->backward ? (ptrdiff_t)p->oc * 9 : 9;
    for (int64_t b = b0; b < b1; b++) {
        const int64_t j = b * WHET_GEMM_BLOCK;
        p->kernel->weights(dst + j * p->ic, point, weights + j * s_n, s_n, s_c, p->backward,
                           (int)WHET_MIN(p->oc - j, (int64_t)WHET_GEMM_BLOCK), p->ic);
    }
}

/* Image and first position of a tile; a tile's positions are a dilation apart. */
static void place(const whet_wino *p, int64_t tile, int64_t *n, int64_t *y, int64_t *x)
{
    const int64_t tx = tile % p->tx, ty = tile / p->tx % p->ty, phase = tile / (p->tx * p->ty) % (p->dh * p->dw);
    *n = tile / (p->tx * p->ty * p->dh * p->dw);
    *y = phase / p->dw + ty * TILE * p->dh;
    *x = phase % p->dw + tx * TILE * p->dw;
}

int64_t whet_wino_chunks(const whet_wino *p) { return up(p->tiles, p->block) * p->parts; }

static void read_tiles(const whet_wino *p, const float *src, float *dst, int64_t t0, int64_t t1)
{
    whet_wino_in a = {.h = p->h, .w = p->w, .c = p->ic, .dy = p->dh, .dx = p->dw, .point = p->v_point};
    for (int64_t t = t0; t < t1; t++, dst += p->v_step) {
        int64_t n = 0, y = 0, x = 0;
        place(p, t, &n, &y, &x);
        a.src = src + n * p->h * p->w * p->ic;
        a.y = y - p->pt;
        a.x = x - p->pl;
        a.dst = dst;
        p->kernel->input(&a);
    }
}

static void multiply(const whet_wino *p, const float *weights, const float *v, float *m, int tiles, int64_t c0, int64_t c1)
{
    const ptrdiff_t zero = 0, point = (ptrdiff_t)whet_pack_size(p->oc, p->ic);
    whet_rows_args a = {.src_step = p->v_step, .runs = &zero, .n_runs = 1, .run_len = (int)p->ic, .dst_step = p->m_step, .m = tiles,
                        .lo = -INFINITY, .hi = INFINITY, .passes = 1};
    for (int i = 0; i < WHET_WINO_POINTS; i++) {
        a.src = v + i * p->v_point;
        for (int64_t c = c0; c < c1; c += PANEL) {
            a.n = (int)WHET_MIN(c1 - c, (int64_t)PANEL);
            a.weights = weights + i * point + c * p->ic;
            a.dst = m + i * p->m_point + c - c0;
            a.next = c + PANEL < c1 ? a.weights + PANEL * p->ic : i + 1 < WHET_WINO_POINTS ? weights + (i + 1) * point + c0 * p->ic : NULL;
            p->gemm->rows(&a);
        }
    }
}

static void write_tiles(const whet_wino *p, const whet_wino_run *r, const float *m, int64_t t0, int64_t t1, int64_t c0, int64_t c1)
{
    const bool whole = p->dw == 1 && c1 - c0 == p->oc;
    whet_wino_out a = {.bias = r->bias ? r->bias + c0 : NULL, .point = p->m_point, .row = (ptrdiff_t)(p->dh * p->ow * p->oc),
                       .column = (ptrdiff_t)(p->dw * p->oc), .c = c1 - c0, .lo = r->lo, .hi = r->hi};
    for (int64_t t = t0; t < t1; t++, m += p->m_step) {
        int64_t n = 0, y = 0, x = 0;
        place(p, t, &n, &y, &x);
        if (y >= p->oh || x >= p->ow) continue; /* phase images of a dilation are not all of one size */
        const int64_t at = ((n * p->oh + y) * p->ow + x) * p->oc + c0;
        a.src = m;
        a.dst = r->dst + at;
        a.add = r->add ? r->add + at : NULL;
        a.rows = (int)WHET_MIN(up(p->oh - y, p->dh), (int64_t)TILE);
        a.columns = (int)WHET_MIN(up(p->ow - x, p->dw), (int64_t)TILE);
        p->kernel->output(&a);
        for (int i = 0; i < a.rows && (r->finish.act || r->after); i++)
            whet_finish_rows(&r->finish, a.dst + i * a.row, r->after ? r->after + at + i * a.row : NULL, a.column,
                             whole ? 1 : a.columns, whole ? a.columns * p->oc : c1 - c0);
    }
}

void whet_wino_chunk(const whet_wino *p, const whet_wino_run *r, float *scratch, int64_t chunk)
{
    const int64_t panels = up(p->oc, PANEL), part = chunk % p->parts, blocks = up(p->tiles, p->block), block = chunk / p->parts;
    const int64_t c0 = WHET_MIN(part * p->most, panels * PANEL), c1 = WHET_MIN(c0 + p->most, p->oc);
    const int64_t t0 = p->tiles * block / blocks, t1 = p->tiles * (block + 1) / blocks;
    float *m = scratch + WHET_WINO_POINTS * p->v_point;
    if (c0 >= c1) return;
    read_tiles(p, r->src, scratch, t0, t1);
    multiply(p, r->weights, scratch, m, (int)(t1 - t0), c0, c1);
    write_tiles(p, r, m, t0, t1, c0, c1);
}
