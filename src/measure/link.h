/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between launcher and worker: a 32-bit little-endian length, then JSON. */
#ifndef WHET_MEASURE_LINK_H
#define WHET_MEASURE_LINK_H

#include <jansson.h>
#include <stdint.h>

#include "base/status.h"

enum { WHET_LINK_MAX = 16 << 20 };

enum { /* file descriptors that a worker inherits */
    WHET_WORKER_LINK = 3,
    WHET_WORKER_INPUTS = 4,  /* sample tensors, written by the launcher, shared by all workers of a set */
    WHET_WORKER_RESULTS = 5  /* outputs and raw times, written by the worker */
};

whet_status whet_link_send(int fd, const json_t *message);
/* Waits for a message. ENOTFOUND: the other side has closed; EUNAVAILABLE: deadline passed (0 = none); ECANCELLED. */
whet_status whet_link_receive(int fd, uint64_t deadline_ns, json_t **out);
/* The same; look(arg) is called about ten times a second while it waits. NULL: nothing is. */
whet_status whet_link_receive_watched(int fd, uint64_t deadline_ns, void (*look)(void *), void *arg, json_t **out);

#endif
