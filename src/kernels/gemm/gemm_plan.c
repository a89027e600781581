/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting of a matrix product. Within a chunk a block of weights (kc x nc) stays in the second-level cache while groups of
 * rows go by, each group against all columns of the block (Goto and van de Geijn 2008, with the roles exchanged). The
 * number of parts weighs the work of the largest part against what is read again from memory in every part. */
#include "kernels/gemm/gemm_plan.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"

enum { PANEL = 32, SET_BYTES = 4096, LINE = 64 };

static int64_t up(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t begin(int64_t n, int64_t parts, int64_t i) { return n / parts * i + WHET_MIN(i, n % parts); }

/* Do `rows` rows this far apart share so few sets of a first-level cache that they push each other out? */
static bool crowded(int64_t step, int rows)
{
    const int64_t offset = step * (int64_t)sizeof(float) % SET_BYTES;
    int64_t sets = 1;
    for (int64_t at = offset; at >= LINE && at <= SET_BYTES - LINE && sets < rows; at = (at + offset) % SET_BYTES) sets++;
    return rows > 6 * sets;
}

static ptrdiff_t copy_step(const whet_gemm_plan *p) { return (p->kc + 15) / 16 * 16 + 16; }

static void cut(whet_gemm_plan *p, int64_t batch)
{
    enum { MOST = 32, LEAST = 200 * 1000, REREAD = 12 }; /* multiply-adds; REREAD of them take as long as to fetch a float */
    const int64_t panels = up(p->n, PANEL), groups = up(p->m, p->group), macs = p->m * p->n * p->k;
    const int64_t most = WHET_MAX(1, WHET_MIN(up(MOST, batch), macs / LEAST));
    double best = 0.0;
    p->m_parts = p->n_parts = 1;
    for (int64_t np = 1; np <= WHET_MIN(most, panels); np++) {
        for (int64_t mp = 1; mp <= WHET_MIN(most / np, groups); mp++) {
            const int64_t chunks = np * mp * batch;
            const double largest = (double)(WHET_MIN(up(panels, np) * PANEL, p->n) * WHET_MIN(up(groups, mp) * p->group, p->m)) * (double)p->k;
            /* the next product cuts rows: what is cut by columns here comes from another core's cache there */
            const double again = (double)(mp * p->k * p->n + np * p->m * p->k) + (double)(p->m * p->n) * (double)(np - 1) / (double)np;
            double score = largest * (double)(np * mp) + (double)REREAD * again / 2.0;
            score *= 1.0 + (chunks % 2 ? 1.0 : 0.1) / (double)chunks; /* what two or four threads leave idle at the end */
            if (best > 0.0 && score >= best) continue;
            best = score;
            p->n_parts = (int)np;
            p->m_parts = (int)mp;
        }
    }
}

void whet_gemm_plan_init(whet_gemm_plan *p, const whet_gemm_kernel *kernel, int64_t m, int64_t n, int64_t k, int64_t src_step,
                         int64_t batch)
{
    enum { KC = 512, COPY_KC = 384, BLOCK_FLOATS = 192 * 1024 };
    const int group = !(kernel->isa & WHET_ISA_AVX512) ? 12 : n <= WHET_GEMM_BLOCK ? 24 : 14;
    *p = (whet_gemm_plan){.kernel = kernel, .m = m, .n = n, .k = k, .group = group};
    p->copy = k >= 64 && n > PANEL && crowded(src_step, (int)WHET_MIN(m, group));
    p->kc = (int)up(k, up(k, p->copy ? COPY_KC : k <= 768 ? 768 : KC));
    p->nc = (int)WHET_MAX(PANEL, BLOCK_FLOATS / p->kc / PANEL * PANEL);
    if (p->copy) p->scratch = (size_t)(group * copy_step(p));
    cut(p, batch);
}

void whet_finish_rows(const whet_finish *f, float *dst, const float *after, ptrdiff_t step, int64_t rows, int64_t n)
{
    if (!f->act && !after) return;
    for (int64_t i = 0; i < rows; i++, dst += step) {
        if (f->act) f->act(dst, dst, (size_t)n, f->lo, f->hi);
        for (int64_t j = 0; after && j < n; j++) dst[j] += after[i * step + j];
    }
}

/* One group of rows against the columns [n0, n1), steps [k0, k0 + kc) of the sum. */
static void group_rows(const whet_gemm_plan *p, const whet_gemm_run *r, int64_t m0, int rows, int64_t n0, int64_t n1, int64_t k0, int kc,
                       ptrdiff_t next, int pass, int passes)
{
    const ptrdiff_t zero = 0, step = p->copy ? copy_step(p) : r->src_step;
    const bool last = k0 + kc == p->k;
    const float *src = r->src + m0 * r->src_step + k0;
    whet_rows_args a = {.src_step = step, .runs = &zero, .n_runs = 1, .run_len = kc, .add_step = r->dst_step, .dst_step = r->dst_step,
                        .m = rows, .lo = last ? r->lo : -INFINITY, .hi = last ? r->hi : INFINITY, .w_block = (ptrdiff_t)p->k * WHET_GEMM_BLOCK,
                        .more = k0 > 0, .pass = pass, .passes = passes};
    if (p->copy) {
        for (int i = 0; i < rows; i++) memcpy(r->scratch + i * step, src + i * r->src_step, (size_t)kc * sizeof *src);
        src = r->scratch;
    }
    a.src = src;
    for (int64_t n = n0; n < n1; n += PANEL) {
        const ptrdiff_t at = (ptrdiff_t)m0 * r->dst_step + n;
        a.n = (int)WHET_MIN(n1 - n, (int64_t)PANEL);
        a.weights = r->weights + n * p->k + k0 * WHET_GEMM_BLOCK;
        if (next) a.next = a.weights + next;
        a.bias = r->bias ? r->bias + n : NULL;
        a.add = last && r->add ? r->add + at : NULL;
        a.dst = r->dst + at;
        p->kernel->rows(&a);
    }
    if (last) {
        const ptrdiff_t at = (ptrdiff_t)m0 * r->dst_step + n0;
        whet_finish_rows(&r->finish, r->dst + at, r->after ? r->after + at : NULL, r->dst_step, rows, n1 - n0);
    }
}

void whet_gemm_chunk(const whet_gemm_plan *p, const whet_gemm_run *r, int chunk)
{
    const int64_t panels = up(p->n, PANEL), kc = r->add == r->dst && r->add ? p->k : p->kc; /* partial sums would overwrite it */
    const int64_t m0 = begin(p->m, p->m_parts, chunk / p->n_parts), m1 = begin(p->m, p->m_parts, chunk / p->n_parts + 1);
    const int64_t n0 = PANEL * begin(panels, p->n_parts, chunk % p->n_parts);
    const int64_t n1 = WHET_MIN(p->n, PANEL * begin(panels, p->n_parts, chunk % p->n_parts + 1)), groups = up(m1 - m0, p->group);
    whet_gemm_plan whole;
    if (kc != p->kc && p->copy) { /* the rows do not fit: read them where they are */
        whole = *p;
        whole.copy = false;
        p = &whole;
    }
    for (int64_t n = n0; n < n1; n += p->nc) {
        const int64_t end_n = WHET_MIN(n + p->nc, n1);
        for (int64_t k = 0; k < p->k; k += kc) {
            /* the block of weights after this one, in this chunk or the next */
            const ptrdiff_t next = k + kc < p->k ? kc * WHET_GEMM_BLOCK : end_n < p->n ? (end_n - n) * p->k - k * WHET_GEMM_BLOCK : 0;
            for (int64_t g = 0; g < groups; g++) {
                const int64_t i = m0 + begin(m1 - m0, groups, g), end = m0 + begin(m1 - m0, groups, g + 1);
                group_rows(p, r, i, (int)(end - i), n, end_n, k, (int)WHET_MIN(kc, p->k - k), next, (int)g, (int)groups);
            }
        }
    }
}
