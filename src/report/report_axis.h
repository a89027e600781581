/* SPDX-License-Identifier: Apache-2.0 */
/* Scales and ticks, shared by the page's charts and the picture files. */
#ifndef WHET_REPORT_AXIS_H
#define WHET_REPORT_AXIS_H

#include <stdbool.h>

enum { REPORT_MAX_TICKS = 12 };

typedef struct report_axis {
    double low, high;
    bool log;
    int n;                          /* ticks */
    double tick[REPORT_MAX_TICKS];
} report_axis;

/* An axis over low..high with some room, ticks at round numbers; logarithmic if `may_log` and high > 12 low > 0. */
report_axis report_axis_make(double low, double high, bool from_zero, bool may_log);
/* Place of x as a share of the axis, kept within 0..1. */
double report_axis_at(const report_axis *a, double x);

#endif
