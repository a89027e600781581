/* SPDX-License-Identifier: Apache-2.0 */
/* A stored result measured again (R24): are the outputs equal and the speed within 10 %? */
#ifndef WHET_MEASURE_AUDIT_H
#define WHET_MEASURE_AUDIT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/status.h"
#include "stats/stats.h"
#include "whet/progress.h"

typedef struct whet_audit_spec {
    const json_t *doc;   /* of a bench or a study */
    const char *row;     /* only the row with this id; NULL: all that were ok */
    const char *program; /* worker program; NULL: this one */
    bool allow_exec;     /* run the commands (exec:COMMAND) that the document names */
    whet_progress_fn progress;
    void *progress_arg;
} whet_audit_spec;

/* {"rows": [{"id","label","status","reason","outputs","speed","notes"}], "confirmed": n, "ok", "summary"}. EINVAL if there is
 * nothing to replay. What cannot be replayed is a row with its reason; *ok only if every row is confirmed. */
whet_status whet_audit_run(json_t **out, bool *ok, const whet_audit_spec *spec);

/* False with the key that is out of the range of bench's options (audit_bounds.c). */
bool whet_audit_within(const json_t *row, char *why, size_t size);

/* What is said of a replayed row whose outputs were equal: "confirmed" if the ratio is within 10 %, "speed differs" if its whole
 * interval is not, else "cannot tell". */
const char *whet_audit_speed_status(const whet_ratio *r);

#endif
