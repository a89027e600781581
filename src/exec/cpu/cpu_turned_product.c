/* SPDX-License-Identifier: Apache-2.0 */
/* c[m][n] = sum over p of a[p][m] b[p][n]: the weight gradient of a linear layer, and of a convolution, where p are pixels of the
 * result and there is one such product for each tap, b being the source moved by the tap (zeros outside).
 *
 * Some hundred rows at a time are copied into panels (tiles of a of 16 floats a row, b of 32), because the strides of wide
 * matrices fall into few cache sets; then each tile of c goes on by whet_outer_f32 over panels that lie in the caches. Every
 * element is one chain in the order of p, so neither blocks nor threads change a bit. */
#include "exec/cpu/cpu_own.h"

enum { PANEL = 32, TILE = 14, TILE_STEP = 16, ROWS = 192, BLOCK_BYTES = 3 << 19, MOST_BLOCKS = 32, SIDE = 8, FEW = 160 };

typedef struct turned_state {
    const whet_gemm_kernel *kernel;
    int64_t rows, m, n;
    int a_at, b_at;         /* which inputs they are */
    int tiles, panels, groups; /* groups: cuts of the tiles */
    int64_t block;          /* rows in a block */
    size_t a_ws, b_ws, c_ws; /* floats; c: products of all taps, where there are several */
    int taps;
    bool flat;              /* row p of b is row p of its memory */
    whet_conv2d_geom g;
} turned_state;

typedef struct turned_run {
    const whet_cpu_node *k;
    int64_t p0, p1; /* the block's rows */
    int tap;
} turned_run;

static whet_status prepare(whet_cpu_node *k, int64_t rows, int64_t m, int64_t n, int a_at, int b_at)
{
    if (m < 32 || n < 32 || rows < ROWS / 2) return whet_cpu_refuse(k, "small: %lld rows of %lld and %lld", (long long)rows, (long long)m, (long long)n);
    if (m > 65536 || n > 65536) return whet_cpu_refuse(k, "an operand is too large");
    turned_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    *s = (turned_state){.taps = 1, .flat = true, .kernel = whet_gemm_kernel_for(k->isa), .rows = rows, .m = m, .n = n, .a_at = a_at, .b_at = b_at};
    s->tiles = (int)((m + TILE - 1) / TILE);
    s->panels = (int)((n + PANEL - 1) / PANEL);
    s->groups = WHET_MAX(WHET_MIN(s->tiles, (16 + s->panels - 1) / s->panels), 1);
    const int64_t step = s->tiles * TILE_STEP + s->panels * PANEL;
    const int64_t blocks = BLOCK_BYTES / (step * ROWS * (int64_t)sizeof(float));
    s->block = WHET_MIN(ROWS * WHET_MAX(WHET_MIN(blocks, MOST_BLOCKS), 1), rows);
    s->a_ws = whet_own_reserve(k, (size_t)(s->block * s->tiles * TILE_STEP));
    s->b_ws = whet_own_reserve(k, (size_t)(s->block * s->panels * PANEL));
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
    WHET_TRY(prepare(k, g.n * g.oh * g.ow, g.oc, g.ic, 0, 1));
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
    return prepare(k, a->dims[0], a->dims[1], b->dims[1], 0, 1);
}

static int64_t tile_begin(const turned_state *s, int t) { return whet_chunk_begin(s->m, s->tiles, t); }

/* Some neighbouring tiles of one row: a piece of each goes to its own place, `far` floats apart. */
static void spread_tiles(const turned_state *s, int t0, int t1, const float *a, float *dst, int64_t far)
{
    for (int t = t0; t < t1; t++) {
        const int64_t lo = tile_begin(s, t), hi = tile_begin(s, t + 1);
        if (lo + TILE_STEP <= s->m) memcpy(dst + t * far, a + lo, TILE_STEP * sizeof *dst);
        else memcpy(dst + t * far, a + lo, (size_t)(hi - lo) * sizeof *dst);
    }
}

static void spread_panels(const turned_state *s, int j0, int j1, const float *b, float *dst, int64_t far)
{
    for (int j = j0; j < j1; j++) {
        if ((j + 1) * PANEL <= s->n) memcpy(dst + j * far, b + j * PANEL, PANEL * sizeof *dst);
        else memcpy(dst + j * far, b + j * PANEL, (size_t)(s->n - j * PANEL) * sizeof *dst);
    }
}

/* Row p of b for this tap; NULL: outside of the source. */
static const float *b_row(const turned_run *r, const turned_state *s, int64_t p)
{
    const float *b = r->k->in[s->b_at].data;
    const whet_conv2d_geom *g = &s->g;
    if (s->flat) return b + p * s->n;
    const int64_t x = p % g->ow * g->sw + r->tap % g->kw * g->dw - g->pl, y = p / g->ow % g->oh * g->sh + r->tap / g->kw * g->dh - g->pt;
    if (x < 0 || y < 0 || x >= g->w || y >= g->h) return NULL;
    return b + ((p / (g->ow * g->oh) * g->h + y) * g->w + x) * s->n;
}

static void clear_panels(int j0, int j1, float *dst, int64_t far)
{
    for (int j = j0; j < j1; j++) memset(dst + j * far, 0, PANEL * sizeof *dst);
}

static void pack_chunk(void *arg, int chunk, int worker)
{
    const turned_run *r = arg;
    const turned_state *s = r->k->state;
    const int64_t all = r->p1 - r->p0;
    const int chunks = whet_chunks(all, 24, 16);
    const float *a = r->k->in[s->a_at].data;
    float *ta = (float *)r->k->workspace + s->a_ws, *tb = (float *)r->k->workspace + s->b_ws;
    (void)worker;
    const int64_t p0 = whet_chunk_begin(all, chunks, chunk), p1 = whet_chunk_begin(all, chunks, chunk + 1);
    for (int t = 0; r->tap == 0 && t < s->tiles; t += SIDE)
        for (int64_t p = p0; p < p1; p++)
            spread_tiles(s, t, WHET_MIN(t + SIDE, s->tiles), a + (r->p0 + p) * s->m, ta + p * TILE_STEP, s->block * TILE_STEP);
    for (int j = 0; j < s->panels; j += SIDE)
        for (int64_t p = p0; p < p1; p++) {
            const float *b = b_row(r, s, r->p0 + p);
            if (b != NULL) spread_panels(s, j, WHET_MIN(j + SIDE, s->panels), b, tb + p * PANEL, s->block * PANEL);
            else clear_panels(j, WHET_MIN(j + SIDE, s->panels), tb + p * PANEL, s->block * PANEL);
        }
}

static void product_chunk(void *arg, int chunk, int worker)
{
    const turned_run *r = arg;
    const turned_state *s = r->k->state;
    const int panel = chunk / s->groups, group = chunk % s->groups;
    const int t0 = (int)whet_chunk_begin(s->tiles, s->groups, group), t1 = (int)whet_chunk_begin(s->tiles, s->groups, group + 1);
    const float *ta = (const float *)r->k->workspace + s->a_ws, *tb = (const float *)r->k->workspace + s->b_ws + panel * s->block * PANEL;
    float *products = s->taps > 1 ? (float *)r->k->workspace + s->c_ws + r->tap * s->m * s->n : (float *)r->k->out[0].data;
    float *c = products + panel * PANEL;
    (void)worker;
    for (int64_t p = r->p0; p < r->p1; p += ROWS)
        for (int t = t0; t < t1; t++) {
            const int64_t i = tile_begin(s, t), at = p - r->p0;
            float *acc = c + i * s->n;
            const int rows = (int)(tile_begin(s, t + 1) - i), live = (int)WHET_MIN(s->n - panel * PANEL, PANEL);
            for (int y = 0; p == 0 && y < rows; y++) memset(acc + y * s->n, 0, (size_t)live * sizeof *acc);
            s->kernel->outer(&(whet_outer_args){.a = ta + t * s->block * TILE_STEP + at * TILE_STEP, .b = tb + at * PANEL, .a_step = TILE_STEP,
                                                .b_step = PANEL, .n_rows = 1, .n_pixels = (int)WHET_MIN(r->p1 - p, ROWS), .m = rows, .n = live,
                                                .acc = acc, .acc_step = (ptrdiff_t)s->n});
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
    for (int64_t p = 0; p < s->rows; p += s->block) {
        turned_run r = {k, p, WHET_MIN(p + s->block, s->rows), 0};
        for (; r.tap < s->taps; r.tap++) {
            whet_parallel(k->team, whet_chunks(r.p1 - r.p0, 24, 16), pack_chunk, &r);
            whet_parallel(k->team, s->panels * s->groups, product_chunk, &r);
        }
    }
    if (s->taps > 1) whet_parallel(k->team, whet_chunks(s->m, 4, 32), join_chunk, (void *)(uintptr_t)k);
    return WHET_OK;
}

#define ROW(symbol, op_, create_)                                                                                   \
    const whet_cpu_impl symbol = {.op = op_, .name = "panels", .provider = WHET_PROVIDER_OWN, .isa = WHET_ISA_AVX2, .create = create_, .run = run};
ROW(whet_cpu_conv_grad_weights_panels, "whet.ConvGradWeights", conv_create)
ROW(whet_cpu_gemm_turned, "Gemm", gemm_create)
