/* SPDX-License-Identifier: Apache-2.0 */
/* `exec:COMMAND`: any program as a runtime, behind the same struct as every other. docs/exec-runtime.md is its protocol. */
#ifndef WHET_BACKEND_EXTERNAL_H
#define WHET_BACKEND_EXTERNAL_H

#include <stdbool.h>

#include "backend/backend.h"

/* True for "exec:...". */
bool whet_backend_is_external(const char *name);
/* The table of the command in `name`. A process has one external command at a time: asking for another ends the idle program
 * of the one before; models that are open stay so. EINVAL for an empty or overlong command. */
whet_status whet_backend_external(const char *name, const whet_backend **out);
/* Process numbers of the programs that run now: their memory and CPU time belong to the model. */
int whet_backend_external_processes(int *pids, int cap);
/* Time of a message to the last prepared program and back, in ns, as it is inside every timed run; 0: none is prepared. */
double whet_backend_external_round_trip(void);

#endif
