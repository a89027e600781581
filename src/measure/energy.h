/* SPDX-License-Identifier: Apache-2.0 */
/* Energy over a window of time: counters (RAPL, NVML) by their difference, sensors that give watts (hwmon, INA, the board's own
 * command, a command of the user) by sampling ten times a second. */
#ifndef WHET_MEASURE_ENERGY_H
#define WHET_MEASURE_ENERGY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum { WHET_METER_SOURCES = 32 };

typedef struct whet_meter_options {
    const char *root;      /* folder that stands for "/" (tests); NULL: "" */
    const char *power_cmd; /* prints watts, once or line by line; NULL: none. It alone counts then */
    const char *nvml;      /* NVIDIA's library; NULL: libnvidia-ml.so.1 */
    const char *board_cmd; /* prints voltages and currents of the Pi 5; NULL: vcgencmd pmic_read_adc, if it is there */
} whet_meter_options;

typedef struct whet_meter whet_meter;
typedef struct whet_meter_window {
    double seconds;
    double joules[WHET_METER_SOURCES]; /* NaN: the source gave nothing in this window */
} whet_meter_window;

/* Finds what there is. Nothing at all is no failure: count is 0 and whet_meter_why says what was looked for. */
whet_status whet_meter_open(whet_meter **out, const whet_meter_options *opt);
void whet_meter_close(whet_meter *m); /* accepts NULL */
int whet_meter_count(const whet_meter *m);
const char *whet_meter_name(const whet_meter *m, int i);
bool whet_meter_counts(const whet_meter *m, int i);   /* part of the sum; others are shown beside */
bool whet_meter_estimate(const whet_meter *m);        /* the sum is made of sensors that do not see everything */
bool whet_meter_any(const whet_meter *m);             /* something is part of the sum */
double whet_meter_least_seconds(const whet_meter *m); /* a window should be at least so long: slow sources update seldom */
const char *whet_meter_why(const whet_meter *m);      /* why nothing counts; "" if something does */
const char *whet_meter_text(const whet_meter *m, char *buf, int size); /* what the sum is made of */

void whet_meter_begin(whet_meter *m);
void whet_meter_end(whet_meter *m, whet_meter_window *w);
/* Of those that count; NaN if one of them gave nothing. */
double whet_meter_sum(const whet_meter *m, const whet_meter_window *w);

#endif
