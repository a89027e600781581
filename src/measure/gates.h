/* SPDX-License-Identifier: Apache-2.0 */
/* What of a comparison fails it, each figure with its own noise band. */
#ifndef WHET_MEASURE_GATES_H
#define WHET_MEASURE_GATES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef enum whet_figure { WHET_FIGURE_SPEED, WHET_FIGURE_ACCURACY, WHET_FIGURE_SIZE, WHET_FIGURE_MEMORY, WHET_FIGURES } whet_figure;
const char *whet_figure_name(whet_figure f); /* "speed", "accuracy", "size", "memory" */

/* A figure is the same while the change, with its whole interval, stays inside the band; a gate fails on "worse". */
typedef struct whet_gate {
    bool on, asked; /* asked: named by the user, so a figure that nothing has fails too */
    double band;    /* share; of accuracy, if `points`, an absolute difference */
    bool points;
} whet_gate;

typedef struct whet_gates {
    whet_gate g[WHET_FIGURES];
    bool strict;    /* "cannot tell" fails too */
} whet_gates;

/* Bands of 2 %, 0.5 points, 1 %, 5 %; all gates on. */
void whet_gates_init(whet_gates *g);
/* "speed=5%,accuracy=0.5pt": those gates alone, the other bands stay; a name without a value takes its default band; "all",
 * "none". EINVAL names what is wrong. */
whet_status whet_gates_parse(whet_gates *g, const char *text);
/* "±2 %", "±0.5 pt" */
const char *whet_gate_text(const whet_gate *g, char *buf, size_t size);

#endif
