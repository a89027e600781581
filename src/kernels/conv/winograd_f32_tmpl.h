/* SPDX-License-Identifier: Apache-2.0 */
/* Body of the transforms of F(4x4, 3x3), included once per ISA; the includer defines SUFFIX. Vectors run over channels. The
 * points are 0, +-sqrt(1/2), +-sqrt(2) and infinity: a quarter of the error of the whole ones 0, +-1, +-2. */
#include "kernels/conv/winograd.h"
#include "kernels/vec.h"

#define ROOT 1.41421356237309504880f
#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)

/* t = B' d */
ALWAYS_INLINE void turn_input(vf *t, const vf *d)
{
    const vf a = vf_fnma(vf_set(2.0f), d[2], d[4]), b = vf_fnma(vf_set(ROOT), d[1], vf_set(ROOT / 2) * d[3]);
    const vf c = vf_fnma(vf_set(0.5f), d[2], d[4]), e = vf_fnma(vf_set(ROOT / 2), d[1], vf_set(ROOT) * d[3]);
    t[0] = vf_fnma(vf_set(2.5f), d[2], d[0] + d[4]);
    t[1] = a + b;
    t[2] = a - b;
    t[3] = c + e;
    t[4] = c - e;
    t[5] = vf_fnma(vf_set(2.5f), d[3], d[1] + d[5]);
}

ALWAYS_INLINE void input_tile(const whet_wino_in *a, const bool inside)
{
    const ptrdiff_t row = (ptrdiff_t)(a->dy * a->w * a->c), column = (ptrdiff_t)(a->dx * a->c);
    const float *src = a->src + (a->y * a->w + a->x) * a->c;
    bool ok[6][6];
    for (int i = 0; !inside && i < 6; i++)
        for (int j = 0; j < 6; j++) {
            const int64_t y = a->y + i * a->dy, x = a->x + j * a->dx;
            ok[i][j] = y >= 0 && y < a->h && x >= 0 && x < a->w;
        }
    for (int64_t c = 0; c < a->c; c += VF) {
        const vt m = vt_first(a->c - c < VF ? a->c - c : VF);
        vf t[6][6], d[6], out[6];
        for (int i = 0; i < 6; i++) {
            const float *p = src + i * row + c;
            UNROLL for (int j = 0; j < 6; j++) d[j] = inside || ok[i][j] ? vf_load_t(m, p + j * column) : vf_set(0.0f);
            turn_input(t[i], d);
        }
        for (int j = 0; j < 6; j++) {
            UNROLL for (int i = 0; i < 6; i++) d[i] = t[i][j];
            turn_input(out, d);
            UNROLL for (int i = 0; i < 6; i++) vf_store(a->dst + (i * 6 + j) * a->point + c, out[i]);
        }
    }
}

static void input(const whet_wino_in *a)
{
    if (a->y >= 0 && a->x >= 0 && a->y + 5 * a->dy < a->h && a->x + 5 * a->dx < a->w) input_tile(a, true);
    else input_tile(a, false);
}

/* y = A' m */
ALWAYS_INLINE void turn_output(vf *y, const vf *m)
{
    const vf s = m[1] + m[2], d = m[1] - m[2], s2 = m[3] + m[4], d2 = m[3] - m[4];
    y[0] = m[0] + s + s2;
    y[1] = vf_fma(vf_set(ROOT), d2, vf_set(ROOT / 2) * d);
    y[2] = vf_fma(vf_set(2.0f), s2, vf_set(0.5f) * s);
    y[3] = vf_fma(vf_set(2 * ROOT), d2, vf_fma(vf_set(ROOT / 4), d, m[5]));
}

static void output(const whet_wino_out *a)
{
    const vf lo = vf_set(a->lo), hi = vf_set(a->hi);
    for (int64_t c = 0; c < a->c; c += VF) {
        const vt t = vt_first(a->c - c < VF ? a->c - c : VF);
        const vf bias = a->bias ? vf_load_t(t, a->bias + c) : vf_set(0.0f);
        vf m[6], y[4], z[4][6];
        for (int j = 0; j < 6; j++) {
            UNROLL for (int i = 0; i < 6; i++) m[i] = vf_load(a->src + (i * 6 + j) * a->point + c);
            turn_output(y, m);
            UNROLL for (int i = 0; i < 4; i++) z[i][j] = y[i];
        }
        for (int i = 0; i < a->rows; i++) {
            turn_output(y, z[i]);
            for (int j = 0; j < a->columns; j++) {
                const ptrdiff_t at = i * a->row + j * a->column + (ptrdiff_t)c;
                vf x = y[j] + bias;
                if (a->add) x = x + vf_load_t(t, a->add + at);
                vf_store_t(t, a->dst + at, vf_min(hi, vf_max(lo, x)));
            }
        }
    }
}

/* u = G g */
ALWAYS_INLINE void turn_weights(vf *u, const vf *g)
{
    const vf s = vf_fma(vf_set(-2.0f / 3), g[0], vf_set(-1.0f / 3) * g[2]), p = vf_fma(vf_set(1.0f / 6), g[0], vf_set(1.0f / 3) * g[2]);
    u[0] = g[0];
    u[1] = vf_fnma(vf_set(ROOT / 3), g[1], s);
    u[2] = vf_fma(vf_set(ROOT / 3), g[1], s);
    u[3] = vf_fma(vf_set(ROOT / 6), g[1], p);
    u[4] = vf_fnma(vf_set(ROOT / 6), g[1], p);
    u[5] = g[2];
}

static void weights(float *dst, ptrdiff_t point, const float *src, ptrdiff_t s_n, ptrdiff_t s_c, bool turn, int live, int64_t ic)
{
    float g[9][WHET_GEMM_BLOCK] = {{0}};
    for (int64_t c = 0; c < ic; c++, dst += WHET_GEMM_BLOCK) {
        for (int j = 0; j < live; j++)
            for (int k = 0; k < 9; k++) g[k][j] = src[j * s_n + c * s_c + (turn ? 8 - k : k)];
        for (int v = 0; v < WHET_GEMM_BLOCK; v += VF) {
            vf in[3], half[3][6], out[6];
            for (int k = 0; k < 3; k++) { /* columns */
                UNROLL for (int i = 0; i < 3; i++) in[i] = vf_load(&g[i * 3 + k][v]);
                turn_weights(half[k], in);
            }
            for (int i = 0; i < 6; i++) {
                UNROLL for (int k = 0; k < 3; k++) in[k] = half[k][i];
                turn_weights(out, in);
                UNROLL for (int j = 0; j < 6; j++) vf_store(dst + (i * 6 + j) * point + v, out[j]);
            }
        }
    }
}

const whet_wino_kernel CAT(whet_wino_, SUFFIX);
const whet_wino_kernel CAT(whet_wino_, SUFFIX) = {ISA, NAME, input, output, weights};
