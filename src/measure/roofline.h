/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine can do at most, measured on the spot: arithmetic by precision and instruction, bytes by where they lie; on one
 * thread and on all that are asked for. */
#ifndef WHET_MEASURE_ROOFLINE_H
#define WHET_MEASURE_ROOFLINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

enum { WHET_ROOF_PEAKS = 16, WHET_ROOF_LEVELS = 5 };

typedef struct whet_roof_peak { const char *precision, *isa; double gops[2]; } whet_roof_peak;     /* 10^9 operations a second: one thread, all */
typedef struct whet_roof_level { const char *name; double bytes, read[2], copy[2]; } whet_roof_level; /* `bytes`: what it holds; GB/s */

typedef struct whet_roofline {
    int threads, n_peaks, n_levels;
    whet_roof_peak peak[WHET_ROOF_PEAKS];
    whet_roof_level level[WHET_ROOF_LEVELS]; /* from the nearest to memory */
    double cpu_share; /* of the best look at each roof: CPU time / wall time of its threads, the least of all; 1: nobody was in the way */
    double spread;    /* by how much the second best look was slower than the best, the greatest of all */
    bool unsure;      /* the machine was busy: the true roofs may be far above these */
} whet_roofline;

/* Takes one to three seconds, up to ten where it is disturbed; quick: a tenth, with memory looked at in 32 MB. */
whet_status whet_roofline_measure(whet_roofline *r, int threads, bool quick);
/* Of a look that took `wall_ns` on so many threads, which had so much CPU time, and the wall time of the next best: sets what the
 * roofs say of themselves. */
void whet_roofline_judge(whet_roofline *r, double wall_ns, double cpu_ns, int threads, double second_ns);
/* "roofs unsure: the machine was busy (CPU time was 40 % of wall time)" */
void whet_roofline_unsure_text(char *text, size_t size, const whet_roofline *r);
json_t *whet_roofline_json(const whet_roofline *r);
/* The best peak of a precision ("f32-winograd" counts as f32), on all threads; NULL: there is none, as for f64. */
const whet_roof_peak *whet_roofline_peak(const whet_roofline *r, const char *precision);

/* The same, and that of f32 for what has none: the peak by which whet_roofline_bound judges. */
const whet_roof_peak *whet_roofline_peak_or_f32(const whet_roofline *r, const char *precision);

/* The least time in ms that a layer can take: the longer of its arithmetic at the peak and its bytes at the bandwidth of where
 * they lie: the nearest levels hold what fits. Constants lie together (`all_constants` bytes of the whole model), inputs and
 * outputs by themselves. */
typedef struct whet_roof_work { const char *precision; double macs, constant_bytes, moving_bytes, all_constants; } whet_roof_work;
typedef struct whet_roof_bound { double compute_ms, memory_ms; } whet_roof_bound;
whet_roof_bound whet_roofline_bound(const whet_roofline *r, const whet_roof_work *w);

#endif
