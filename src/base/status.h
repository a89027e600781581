/* SPDX-License-Identifier: Apache-2.0 */
/* Raising errors. Set the detail once, where the fault is, and return the code; callers pass it up untouched.
 *
 *     if (n > limit) return WHET_FAIL(WHET_EFORMAT, "tensor has %zu elements, limit is %zu", n, limit);
 *     WHET_TRY(whet_graph_verify(g));
 *
 * File and node are attached by whoever knows them: WHET_FAIL sets the text, the whet_error_at_* calls add the place
 * (first caller wins, so the innermost place is kept). Messages: lower case, error first, subject quoted, no full stop. */
#ifndef WHET_BASE_STATUS_H
#define WHET_BASE_STATUS_H

#include <stdbool.h>

#include "whet/status.h"

#if defined(__GNUC__)
#define WHET_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define WHET_MUST_CHECK __attribute__((warn_unused_result))
#else
#define WHET_PRINTF(f, a)
#define WHET_MUST_CHECK
#endif

/* Sets the calling thread's error text, clearing any earlier place; returns status. */
whet_status whet_fail(whet_status status, const char *fmt, ...) WHET_PRINTF(2, 3);
#define WHET_FAIL(status, ...) whet_fail((status), __VA_ARGS__)

/* Attach the place to the current error, unless one of that kind is there already. */
void whet_error_at_file(const char *path);
void whet_error_at_offset(int64_t offset);
void whet_error_at_line(int64_t line);
void whet_error_at_node(const char *name);
/* Marks the current error as one of the place that is written to (full, over the quota, read-only): no other file would fare
 * better. The next error clears it. */
void whet_error_at_full_disk(void);
bool whet_error_is_full_disk(void);
/* What a file made fail is the file's fault: EINVAL becomes EFORMAT, in the detail too; other statuses stay. */
whet_status whet_error_of_file(whet_status status);

#define WHET_TRY(expr)                                                                                              \
    do {                                                                                                            \
        whet_status try_status_ = (expr);                                                                           \
        if (try_status_ != WHET_OK) return try_status_;                                                             \
    } while (0)
/* As WHET_TRY, for functions with a local `status` and a `done:` label. */
#define WHET_GOTO(expr)                                                                                             \
    do {                                                                                                            \
        status = (expr);                                                                                            \
        if (status != WHET_OK) goto done;                                                                           \
    } while (0)

#endif
