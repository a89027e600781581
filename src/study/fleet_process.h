/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that a fleet runs: ssh and tar, with what goes in and what comes out. */
#ifndef WHET_STUDY_FLEET_PROCESS_H
#define WHET_STUDY_FLEET_PROCESS_H

#include <stdbool.h>

#include "base/status.h"
#include "base/strbuf.h"

typedef struct fleet_call {
    char *const *argv;
    const char *text;     /* standard input: this text, */
    const char *file;     /* or this file, */
    char *const *feeder;  /* or what this program prints; all NULL: nothing */
    double seconds;       /* at most; 0: no limit */
    bool deaf;            /* goes on after an interruption (cleaning up) */
    whet_strbuf out;      /* what it printed, at most 256 MiB; initialised by fleet_process */
    char said[512];       /* last line on its standard error that says something */
    int code;             /* exit code; -1: killed, or over its time */
    int fed;              /* the same of the feeder; 0 if there is none */
    bool timed_out;
} fleet_call;

/* Runs the call and waits. ERUNTIME if a program cannot be started, ECANCELLED if interrupted (its processes are killed); any exit
 * code is OK. c->out is to be disposed of by the caller in every case. */
whet_status fleet_process(fleet_call *c);
/* `text` as one word of a POSIX shell, appended. */
void fleet_quote(whet_strbuf *b, const char *text);

#endif
