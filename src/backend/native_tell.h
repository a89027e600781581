/* SPDX-License-Identifier: Apache-2.0 */
/* What the native engine tells of itself in the words of every backend: {"nodes":[{"name","type","precision","ms","origin", ...}]}. */
#ifndef WHET_BACKEND_NATIVE_TELL_H
#define WHET_BACKEND_NATIVE_TELL_H

#include "exec/exec.h"

/* `described`: of whet_plan_describe; ms: per step, NULL: not measured. *json from the heap. */
whet_status whet_native_nodes(const char *described, const double *ms, char **json);
/* Runs the plan with a look at the clock between its steps, on whatever its inputs hold: at least 5 times and 200 ms. A step's
 * time is the mean of the faster half of the runs. */
whet_status whet_native_profile(const char *described, whet_plan *p, char **json);

#endif
