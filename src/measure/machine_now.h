/* SPDX-License-Identifier: Apache-2.0 */
/* What a sustained load changes: clock, temperature, throttling. NaN is what the machine does not show. */
#ifndef WHET_MEASURE_MACHINE_NOW_H
#define WHET_MEASURE_MACHINE_NOW_H

typedef struct whet_machine_state {
    double mhz;       /* mean of the given CPUs */
    double celsius;   /* the hottest sensor of the processor */
    double throttles; /* times that heat has slowed a core since the start of the machine */
} whet_machine_state;

/* root: folder that stands for "/" (tests); NULL: "". */
void whet_machine_now(whet_machine_state *s, const char *root, int n_cpus, const int *cpus);

#endif
