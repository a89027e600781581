/* SPDX-License-Identifier: Apache-2.0 */
/* Worker processes seen from the launcher. A worker is an exec of the program itself with the hidden command `worker`; its
 * affinity, limits and environment are set before exec, it leads a process group of its own, and it is killed at the end. */
#ifndef WHET_MEASURE_LAUNCH_H
#define WHET_MEASURE_LAUNCH_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/status.h"

enum { WHET_MAX_CPUS = 256 };

typedef struct whet_worker_options {
    const char *program;   /* path of the whet program; NULL: $WHET_PROGRAM, else the running program */
    int n_cpus;            /* pin to these; 0: leave affinity alone */
    int cpus[WHET_MAX_CPUS];
    int threads;           /* for the environment of OpenMP and its like; 0: leave it */
    uint64_t memory_limit; /* bytes of private memory; 0: what the machine has */
    const char *cache_dir; /* folder for whatever is cached (tuning, compiled models); NULL: the user's */
    int inputs_fd;         /* shared memory with the samples; -1: none */
} whet_worker_options;
void whet_worker_options_init(whet_worker_options *o);

typedef struct whet_worker whet_worker;
whet_status whet_worker_start(whet_worker **out, const whet_worker_options *opt);
void whet_worker_free(whet_worker *w); /* kills the process group; accepts NULL */
/* Sends a request (reference stolen) and waits for its reply. ERUNTIME if the worker crashed or took over `seconds` (it is
 * killed then), saying how; the worker's own error with its code otherwise. reply may be NULL. */
whet_status whet_worker_call(whet_worker *w, json_t *request, double seconds, json_t **reply);
void whet_worker_pause(whet_worker *w);    /* SIGSTOP to its group, waited for */
void whet_worker_continue(whet_worker *w); /* SIGCONT */
/* True once the worker crashed, timed out or was killed: it answers no more. */
int whet_worker_dead(const whet_worker *w);
/* Bytes kept of what the worker wrote on its standard error. */
uint64_t whet_worker_talk(const whet_worker *w);
/* Bytes [offset, offset + n) of the worker's result memory, valid until the next call; NULL if they are not there. */
const void *whet_worker_results(whet_worker *w, uint64_t offset, uint64_t n);

/* A shared memory file of `size` bytes, mapped for writing; the descriptor is closed with whet_shared_free. */
typedef struct whet_shared { int fd; size_t size; void *data; } whet_shared;
whet_status whet_shared_create(whet_shared *s, const char *name, size_t size);
void whet_shared_free(whet_shared *s);

#endif
