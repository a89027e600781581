/* SPDX-License-Identifier: Apache-2.0 */
/* Philox4x32-10: constants and round function as in Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3" (SC 2011). Key = seed, counter = (counter, stream). */
#include "base/rng.h"

#include <math.h>

whet_philox whet_rng_block(uint64_t seed, uint64_t stream, uint64_t counter)
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    uint32_t c[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c[1] ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
        c[0] = n0;
        c[1] = (uint32_t)p1;
        c[2] = n2;
        c[3] = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (whet_philox){{c[0], c[1], c[2], c[3]}};
}

whet_rng whet_rng_at(uint64_t seed, uint64_t stream)
{
    return (whet_rng){.seed = seed, .stream = stream, .counter = 0, .used = 4};
}

uint32_t whet_rng_u32(whet_rng *r)
{
    if (r->used == 4) {
        r->block = whet_rng_block(r->seed, r->stream, r->counter++);
        r->used = 0;
    }
    return r->block.v[r->used++];
}

/* Lemire's multiply-shift with rejection (ACM TOMACS 29(1), 2019). */
uint32_t whet_rng_below(whet_rng *r, uint32_t n)
{
    uint64_t m = (uint64_t)whet_rng_u32(r) * n;
    if ((uint32_t)m < n) {
        uint32_t threshold = (0u - n) % n;
        while ((uint32_t)m < threshold) m = (uint64_t)whet_rng_u32(r) * n;
    }
    return (uint32_t)(m >> 32);
}

double whet_rng_uniform(whet_rng *r)
{
    uint64_t hi = whet_rng_u32(r), lo = whet_rng_u32(r);
    return (double)(((hi << 32) | lo) >> 11) * 0x1p-53;
}

double whet_rng_normal(whet_rng *r)
{
    double u = 1.0 - whet_rng_uniform(r), v = whet_rng_uniform(r);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

uint64_t whet_rng_mix(uint64_t a, uint64_t b)
{
    whet_philox p = whet_rng_block(a, b, 0x77686574u);
    return (uint64_t)p.v[0] << 32 | p.v[1];
}

void whet_rng_shuffle(uint64_t seed, uint64_t stream, uint32_t *index, uint32_t n)
{
    whet_rng r = whet_rng_at(seed, stream);
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = whet_rng_below(&r, i), t = index[i - 1];
        index[i - 1] = index[j];
        index[j] = t;
    }
}
