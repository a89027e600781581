/* SPDX-License-Identifier: Apache-2.0 */
/* Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 * No state anywhere: the same key and counter always give the same numbers, on every thread and machine. */
#ifndef WHET_BASE_RNG_H
#define WHET_BASE_RNG_H

#include <stdint.h>

typedef struct whet_philox { uint32_t v[4]; } whet_philox;

/* The block of four 32-bit numbers at (seed; stream, counter). */
whet_philox whet_rng_block(uint64_t seed, uint64_t stream, uint64_t counter);

/* A short sequence for one purpose, e.g. one sample's augmentation: whet_rng r = whet_rng_at(seed, stream); */
typedef struct whet_rng { uint64_t seed, stream, counter; whet_philox block; int used; } whet_rng;
whet_rng whet_rng_at(uint64_t seed, uint64_t stream);
uint32_t whet_rng_u32(whet_rng *r);
uint32_t whet_rng_below(whet_rng *r, uint32_t n); /* 0 <= x < n without bias; n > 0 */
double whet_rng_uniform(whet_rng *r);             /* [0, 1) */
double whet_rng_normal(whet_rng *r);              /* mean 0, deviation 1 (Box-Muller) */
uint64_t whet_rng_mix(uint64_t a, uint64_t b);    /* joins two keys into one */
/* Seeded Fisher-Yates shuffle of index[0..n). */
void whet_rng_shuffle(uint64_t seed, uint64_t stream, uint32_t *index, uint32_t n);

#endif
