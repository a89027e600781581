/* SPDX-License-Identifier: Apache-2.0 */
/* A program that serves as a runtime: started by the shell, asked by JSON lines on its stdin, answering on its stdout,
 * sharing tensors in a memory file. docs/exec-runtime.md is the protocol. Whatever the program does is an error with a
 * reason: it never stops, crashes or confuses the caller. */
#ifndef WHET_BACKEND_EXTERNAL_LINK_H
#define WHET_BACKEND_EXTERNAL_LINK_H

#include <jansson.h>
#include <stddef.h>

#include "base/status.h"

enum { WHET_EXTERNAL_MEMORY_FD = 3 }; /* what the memory file is in the program */

typedef struct whet_external whet_external;

whet_status whet_external_start(whet_external **out, const char *command);
/* Asks the program to end, waits a little, kills it. Accepts NULL. */
void whet_external_end(whet_external *e);
/* Sends a request, whose "do" is `what`, and waits for its reply. Takes the reference of `request`; NULL is ENOMEM. The
 * reply is an object without "error"; one with "error" becomes this call's error. After a failure of the program itself
 * (it ended, wrote garbage, said nothing in time) it is killed, and every later call gives the same reason. */
whet_status whet_external_call(whet_external *e, const char *what, json_t *request, double seconds, json_t **reply);
/* Sets the size of the memory file, once, and maps it; from then on neither side can change the size. */
whet_status whet_external_memory(whet_external *e, size_t size, void **data);
int whet_external_alive(const whet_external *e);

/* Process numbers of all programs that run at the moment; how many were written to pids. */
int whet_external_processes(int *pids, int cap);

#endif
