/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that a worker has started and that left its process group. */
#ifndef WHET_MEASURE_STRAYS_H
#define WHET_MEASURE_STRAYS_H

#include <sys/types.h>

#define WHET_WORKER_MARK "WHET_WORKER_MARK" /* environment variable of a worker, inherited by what it starts */

typedef struct whet_stray { pid_t pid; int fd; unsigned long long start; } whet_stray; /* fd: pidfd, -1 without; start: of its life */
typedef struct whet_strays { int n, cap; whet_stray *p; } whet_strays;

/* Adds the descendants of `root` (0: none) and this user's processes whose environment holds `mark` ("NAME=value"). What
 * cannot be read is passed over, and where /proc is that of other processes (another PID namespace) nothing is found. */
void whet_strays_find(whet_strays *s, const char *mark, pid_t root);
/* Ends what was left by whet programs that were killed before they could: processes with the mark of a launcher that is no more. */
void whet_strays_end_orphans(void);
void whet_strays_kill(whet_strays *s); /* SIGKILL to each that still is what was found; empties the list */

#endif
