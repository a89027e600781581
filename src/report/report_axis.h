/* SPDX-License-Identifier: Apache-2.0 */
/* Values, scales and ticks, shared by the page's charts and the picture files. */
#ifndef WHET_REPORT_AXIS_H
#define WHET_REPORT_AXIS_H

#include <jansson.h>
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
/* The i-th number of a series ("values", "low", "high"), NaN if there is none, and the colour 0..7 of the i-th label. */
double report_series_at(const json_t *series, const char *key, size_t i);
int report_chart_colour(const json_t *chart, size_t i);

/* Of a chart's values with their intervals. The interval of an unsteady row may end at a hundred times its median: an axis goes no
 * further than thrice the largest value and a third of the least, and what lies beyond is cut at its end. Ridges are never cut. */
report_axis report_axis_of_chart(const json_t *chart, bool from_zero, bool may_log);
/* Both axes of a scatter, x first, by the same rule. */
void report_axes_of_scatter(const json_t *chart, report_axis axes[2]);
/* Where the number of a point at these shares of the axes stands, so that numbers of points that meet can be read: 0 above right,
 * 1 above left, 2 below right, 3 below left. `seen` keeps the points that have one. */
enum { REPORT_MAX_NUMBERS = 64 };
typedef struct report_numbers { int n; double at[REPORT_MAX_NUMBERS][2]; } report_numbers;
int report_corner(report_numbers *seen, double x, double y);
/* Place of x as a share of the axis, kept within 0..1. */
double report_axis_at(const report_axis *a, double x);

#endif
