/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine can do at most, measured on the spot: arithmetic by precision and instruction, bytes by where they lie; on one
 * thread and on all that are asked for. */
#ifndef WHET_MEASURE_ROOFLINE_H
#define WHET_MEASURE_ROOFLINE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/status.h"

enum { WHET_ROOF_PEAKS = 16, WHET_ROOF_LEVELS = 5 };

typedef struct whet_roof_peak { const char *precision, *isa; double gops[2]; } whet_roof_peak;     /* 10^9 operations a second: one thread, all */
typedef struct whet_roof_level { const char *name; double bytes, read[2], copy[2]; } whet_roof_level; /* `bytes`: what it holds; GB/s */

typedef struct whet_roofline {
    int threads, n_peaks, n_levels;
    whet_roof_peak peak[WHET_ROOF_PEAKS];
    whet_roof_level level[WHET_ROOF_LEVELS]; /* from the nearest to memory */
} whet_roofline;

/* Takes one to three seconds; quick: a tenth, with memory looked at in 32 MB. */
whet_status whet_roofline_measure(whet_roofline *r, int threads, bool quick);
json_t *whet_roofline_json(const whet_roofline *r);
/* The best peak of a precision ("f32-winograd" counts as f32), on all threads; NULL: there is none, as for f64. */
const whet_roof_peak *whet_roofline_peak(const whet_roofline *r, const char *precision);

/* The least time in ms that a layer can take: the longer of its arithmetic at the peak and its bytes at the bandwidth of where
 * they lie: the nearest levels hold what fits. Constants lie together (`all_constants` bytes of the whole model), inputs and
 * outputs by themselves. */
typedef struct whet_roof_work { const char *precision; double macs, constant_bytes, moving_bytes, all_constants; } whet_roof_work;
typedef struct whet_roof_bound { double compute_ms, memory_ms; } whet_roof_bound;
whet_roof_bound whet_roofline_bound(const whet_roofline *r, const whet_roof_work *w);

#endif
