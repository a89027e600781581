/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that a worker has started and that left its process group. */
#ifndef WHET_MEASURE_STRAYS_H
#define WHET_MEASURE_STRAYS_H

#include <sys/types.h>

#define WHET_WORKER_MARK "WHET_WORKER_MARK" /* environment variable of a worker, inherited by what it starts */

typedef struct whet_strays { int n, cap; pid_t *pid; } whet_strays;

/* Adds the descendants of `root` (0: none) and this user's processes whose environment holds `mark` ("NAME=value"). What
 * cannot be read is passed over. */
void whet_strays_find(whet_strays *s, const char *mark, pid_t root);
/* Ends what was left by whet programs that were killed before they could: processes with the mark of a launcher that is no more. */
void whet_strays_end_orphans(void);
void whet_strays_kill(whet_strays *s); /* SIGKILL to each; empties the list */

#endif
