/* SPDX-License-Identifier: Apache-2.0 */
/* c[m][n] = sum over p of a[p][m] b[p][n]: the weight gradient of a linear layer, and of a convolution, where p are pixels of the
 * result and there is one such product for each tap, b being the source moved by the tap (zeros outside).
 *
 * A chunk owns a rectangle of c. It copies some hundred rows of its columns into panels of its own (tiles of a of 16 floats a
 * row, b of 32), because the strides of wide matrices fall into few cache sets; then each tile of c goes on by whet_outer_f32
 * over panels that lie in the caches of this core, as the rectangle does. Every element is one chain in the order of p, so
 * neither blocks nor threads change a bit. */
#include "exec/cpu/cpu_own.h"

enum { PANEL = 32, TILE = 14, TILE_STEP = 16, ROWS = 192, FEW = 160, AHEAD = 6, LINE = 16 };
enum { TILE_FLOATS = ROWS * TILE_STEP + LINE, PANEL_FLOATS = ROWS * PANEL + LINE }; /* a line more, or all begin in one set */

typedef struct turned_state {
    const whet_gemm_kernel *kernel;
    int64_t rows, m, n;
    int tiles, panels;
    int m_parts, n_parts;    /* cuts of the tiles and panels */
    size_t packed, ws, c_ws; /* floats of a thread's panels; offsets; c: products of all taps, where there are several */
    int taps;
    bool flat;               /* row p of b is row p of its memory */
    whet_conv2d_geom g;
} turned_state;

/* Some rows of one rectangle; its tiles and panels. */
typedef struct turned_part {
    const whet_cpu_node *k;
    const turned_state *s;
    int t0, t1, j0, j1, tap;
    int64_t p0, p1;
    float *ta, *tb;
} turned_part;

/* Few parts copy less, many share better between threads. */
static void cut(turned_state *s)
{
    enum { MOST = 32, COPY = 24, FLOATS = 256 * 1024 }; /* COPY multiply-adds take as long as to copy a float */
    double best = 0.0;
    for (int mp = 1; mp <= WHET_MIN(s->tiles, MOST); mp++)
        for (int np = 1; np <= WHET_MIN(s->panels, MOST / mp); np++) {
            const int64_t mc = (s->tiles + mp - 1) / mp * TILE, nc = (s->panels + np - 1) / np * PANEL;
            const int chunks = mp * np;
            double score = (double)(mc * nc * chunks) + (double)COPY * (double)(mc + nc) * chunks;
            score *= 1.0 + (chunks % 2 ? 1.0 : 0.2) / (double)chunks;
            if (mc * nc > FLOATS) score *= 1.2; /* c leaves the cache */
            if (best > 0.0 && score >= best) continue;
            best = score;
            s->m_parts = mp;
            s->n_parts = np;
        }
}

static whet_status prepare(whet_cpu_node *k, int64_t rows, int64_t m, int64_t n)
{
    if (m < 32 || n < 32 || rows < ROWS / 2) return whet_cpu_refuse(k, "small: %lld rows of %lld and %lld", (long long)rows, (long long)m, (long long)n);
    if (m > 65536 || n > 65536) return whet_cpu_refuse(k, "an operand is too large");
    turned_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    *s = (turned_state){.taps = 1, .flat = true, .kernel = whet_gemm_kernel_for(k->isa), .rows = rows, .m = m, .n = n};
    s->tiles = (int)((m + TILE - 1) / TILE);
    s->panels = (int)((n + PANEL - 1) / PANEL);
    cut(s);
    s->packed = (size_t)((s->tiles + s->m_parts - 1) / s->m_parts * TILE_FLOATS + (s->panels + s->n_parts - 1) / s->n_parts * PANEL_FLOATS);
    s->ws = whet_own_reserve(k, s->packed * (size_t)whet_team_size(k->team));
    return WHET_OK;
}

static whet_status conv_create(whet_cpu_node *k)
{
    whet_conv2d_geom g;
    WHET_TRY(whet_own_need_nhwc(k, &k->in[0], "diff_dst"));
    WHET_TRY(whet_own_need_nhwc(k, &k->in[1], "src"));
    WHET_TRY(whet_own_geometry(k, &k->in[1].shape, &k->out[0].shape, &k->in[0].shape, &g));
    if (g.groups != 1) return whet_cpu_refuse(k, "groups");
    if (g.kh * g.kw > 1 && WHET_MIN(g.oc, g.ic) < FEW) return whet_cpu_refuse(k, "few channels: panels of each tap cost more than they save");
    WHET_TRY(prepare(k, g.n * g.oh * g.ow, g.oc, g.ic));
    turned_state *s = k->state;
    s->g = g;
    s->taps = (int)(g.kh * g.kw);
    s->flat = s->taps == 1 && g.sh == 1 && g.sw == 1 && g.oh == g.h && g.ow == g.w && g.pt == 0 && g.pl == 0;
    if (s->taps > 1) s->c_ws = whet_own_reserve(k, (size_t)k->out[0].numel);
    return WHET_OK;
}

static whet_status gemm_create(whet_cpu_node *k)
{
    const whet_shape *a = &k->in[0].shape, *b = &k->in[1].shape;
    WHET_TRY(whet_own_need_f32(k));
    if (a->rank != 2 || b->rank != 2) return whet_cpu_refuse(k, "rank %d and %d, not 2", a->rank, b->rank);
    if (!whet_node_int(k->n, "transA", 0) || whet_node_int(k->n, "transB", 0)) return whet_cpu_refuse(k, "only the left operand may be turned");
    if (k->n_in > 2 && k->in[2].vid >= 0) return whet_cpu_refuse(k, "a third operand");
    if (whet_node_float(k->n, "alpha", 1.0f) != 1.0f) return whet_cpu_refuse(k, "alpha");
    return prepare(k, a->dims[0], a->dims[1], b->dims[1]);
}

static int64_t tile_begin(const turned_state *s, int t) { return whet_chunk_begin(s->m, s->tiles, t); }

static void fetch(const float *p, int64_t n)
{
    for (int64_t i = 0; i < n; i += LINE) __builtin_prefetch(p + i, 0, 3);
}

/* Rows of a: a piece of each goes to its own tile. */
static void pack_tiles(const turned_part *r)
{
    const turned_state *s = r->s;
    const int64_t first = tile_begin(s, r->t0), width = tile_begin(s, r->t1) - first;
    const float *a = (const float *)r->k->in[0].data + r->p0 * s->m;
    float *dst = r->ta;
    for (int64_t p = r->p0; p < r->p1; p++, a += s->m, dst += TILE_STEP) {
        if (p + AHEAD < s->rows) fetch(a + AHEAD * s->m + first, width);
        for (int t = r->t0; t < r->t1; t++) {
            const int64_t lo = tile_begin(s, t), hi = tile_begin(s, t + 1);
            if (lo + TILE_STEP <= s->m) memcpy(dst + (t - r->t0) * TILE_FLOATS, a + lo, TILE_STEP * sizeof *dst);
            else memcpy(dst + (t - r->t0) * TILE_FLOATS, a + lo, (size_t)(hi - lo) * sizeof *dst);
        }
    }
}

/* Row p of b for this tap; NULL: outside of the source. */
static const float *b_row(const turned_part *r, int64_t p)
{
    const turned_state *s = r->s;
    const float *b = r->k->in[1].data;
    const whet_conv2d_geom *g = &s->g;
    if (s->flat) return b + p * s->n;
    const int64_t x = p % g->ow * g->sw + r->tap % g->kw * g->dw - g->pl, y = p / g->ow % g->oh * g->sh + r->tap / g->kw * g->dh - g->pt;
    if (x < 0 || y < 0 || x >= g->w || y >= g->h) return NULL;
    return b + ((p / (g->ow * g->oh) * g->h + y) * g->w + x) * s->n;
}

static void pack_panels(const turned_part *r)
{
    const turned_state *s = r->s;
    float *dst = r->tb;
    for (int64_t p = r->p0; p < r->p1; p++, dst += PANEL) {
        const float *b = b_row(r, p);
        if (s->flat && p + AHEAD < s->rows) fetch(b + AHEAD * s->n + r->j0 * PANEL, (r->j1 - r->j0) * PANEL);
        for (int j = r->j0; j < r->j1; j++) {
            float *to = dst + (j - r->j0) * PANEL_FLOATS;
            if (b == NULL) memset(to, 0, PANEL * sizeof *to);
            else if ((j + 1) * PANEL <= s->n) memcpy(to, b + j * PANEL, PANEL * sizeof *to);
            else memcpy(to, b + j * PANEL, (size_t)(s->n - j * PANEL) * sizeof *to);
        }
    }
}

static void products(const turned_part *r)
{
    const turned_state *s = r->s;
    float *all = s->taps > 1 ? (float *)r->k->workspace + s->c_ws + r->tap * s->m * s->n : (float *)r->k->out[0].data;
    for (int j = r->j0; j < r->j1; j++) {
        const int live = (int)WHET_MIN(s->n - j * PANEL, PANEL);
        for (int t = r->t0; t < r->t1; t++) {
            const int64_t i = tile_begin(s, t);
            const int rows = (int)(tile_begin(s, t + 1) - i);
            float *acc = all + i * s->n + j * PANEL;
            for (int y = 0; r->p0 == 0 && y < rows; y++) memset(acc + y * s->n, 0, (size_t)live * sizeof *acc);
            s->kernel->outer(&(whet_outer_args){.a = r->ta + (t - r->t0) * TILE_FLOATS, .b = r->tb + (j - r->j0) * PANEL_FLOATS, .a_step = TILE_STEP,
                                                .b_step = PANEL, .n_rows = 1, .n_pixels = (int)(r->p1 - r->p0), .m = rows, .n = live,
                                                .acc = acc, .acc_step = (ptrdiff_t)s->n});
        }
    }
}

static void product_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const turned_state *s = k->state;
    const int i = chunk / s->n_parts, j = chunk % s->n_parts;
    float *ws = (float *)k->workspace + s->ws + s->packed * (size_t)worker;
    turned_part r = {.k = k, .s = s, .t0 = (int)whet_chunk_begin(s->tiles, s->m_parts, i), .t1 = (int)whet_chunk_begin(s->tiles, s->m_parts, i + 1),
                     .j0 = (int)whet_chunk_begin(s->panels, s->n_parts, j), .j1 = (int)whet_chunk_begin(s->panels, s->n_parts, j + 1), .ta = ws};
    r.tb = ws + (r.t1 - r.t0) * TILE_FLOATS;
    for (; r.p0 < s->rows; r.p0 = r.p1) {
        r.p1 = WHET_MIN(r.p0 + ROWS, s->rows);
        pack_tiles(&r);
        for (r.tap = 0; r.tap < s->taps; r.tap++) {
            pack_panels(&r);
            products(&r);
        }
    }
}

/* c[tap][o][i] -> weights[o][i][tap] */
static void join_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const turned_state *s = k->state;
    const float *c = (const float *)k->workspace + s->c_ws;
    const int chunks = whet_chunks(s->m, 4, 32);
    const int64_t lo = whet_chunk_begin(s->m, chunks, chunk) * s->n, hi = whet_chunk_begin(s->m, chunks, chunk + 1) * s->n;
    float *w = k->out[0].data;
    (void)worker;
    for (int64_t i = lo; i < hi; i++)
        for (int t = 0; t < s->taps; t++) w[i * s->taps + t] = c[t * s->m * s->n + i];
}

static whet_status run(const whet_cpu_node *k)
{
    const turned_state *s = k->state;
    whet_parallel(k->team, s->m_parts * s->n_parts, product_chunk, (void *)(uintptr_t)k);
    if (s->taps > 1) whet_parallel(k->team, whet_chunks(s->m, 4, 32), join_chunk, (void *)(uintptr_t)k);
    return WHET_OK;
}

#define ROW(symbol, op_, create_)                                                                                   \
    const whet_cpu_impl symbol = {.op = op_, .name = "panels", .provider = WHET_PROVIDER_OWN, .isa = WHET_ISA_AVX2, .create = create_, .run = run};
ROW(whet_cpu_conv_grad_weights_panels, "whet.ConvGradWeights", conv_create)
ROW(whet_cpu_gemm_turned, "Gemm", gemm_create)
