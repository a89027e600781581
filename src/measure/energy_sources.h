/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the energy meter share: a source is a function that gives joules so far or watts now. */
#ifndef WHET_MEASURE_ENERGY_SOURCES_H
#define WHET_MEASURE_ENERGY_SOURCES_H

#include "measure/energy.h"

typedef enum whet_source_rank { /* the best rank that is there counts, the others stand beside */
    WHET_SOURCE_COMMAND, WHET_SOURCE_RAPL, WHET_SOURCE_SENSOR, WHET_SOURCE_BOARD, WHET_SOURCE_BESIDE
} whet_source_rank;

typedef struct whet_source {
    char name[96];
    whet_source_rank rank;
    bool counter;               /* read gives joules so far; else watts */
    bool slow;                  /* updates a few times a second at most */
    double wrap;                /* joules at which a counter starts again; 0: never */
    double (*read)(void *arg);  /* NaN: not now */
    void (*begin)(void *arg);   /* may be NULL */
    void (*end)(void *arg);     /* may be NULL */
    void (*dispose)(void *arg); /* may be NULL */
    void *arg;
    bool counts;
    double last, last_ns, joules; /* of the window that runs */
    int samples;
} whet_source;

typedef struct whet_sources { int n; whet_source s[WHET_METER_SOURCES]; char why[400]; } whet_sources;

whet_source *whet_sources_add(whet_sources *l); /* zeroed; NULL if there are too many */
void whet_sources_miss(whet_sources *l, const char *fmt, ...) WHET_PRINTF(2, 3); /* one more reason */
whet_status whet_sources_rapl(whet_sources *l, const char *root);
whet_status whet_sources_hwmon(whet_sources *l, const char *root);
whet_status whet_sources_iio(whet_sources *l, const char *root);
whet_status whet_sources_command(whet_sources *l, const char *command, bool board);
whet_status whet_sources_nvml(whet_sources *l, const char *library);

#endif
