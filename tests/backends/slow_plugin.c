/* SPDX-License-Identifier: Apache-2.0 */
/* Another plug-in under another name, each run of it prolonged by a busy-wait: WHET_SLOW_INNER names the other's file,
 * WHET_SLOW_SHARE the share (0.05; 0: none). A measurement must find it (bench/aa.py). Only the tests' build makes this. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "whet/sys/backend.h"

static whet_backend table;
static int (*inner_run)(whet_backend_stream *s);
static double share;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int run(whet_backend_stream *s)
{
    const double begin = now();
    const int code = inner_run(s);
    const double end = begin + (now() - begin) * (1 + share);
    while (now() < end) {
    }
    return code;
}

const whet_backend *whet_backend_entry(const whet_backend_host *h);
const whet_backend *whet_backend_entry(const whet_backend_host *h)
{
    const char *path = getenv("WHET_SLOW_INNER"), *text = getenv("WHET_SLOW_SHARE");
    const whet_backend *(*entry)(const whet_backend_host *) = NULL;
    void *inner = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (inner == NULL) return NULL;
    *(void **)&entry = dlsym(inner, WHET_BACKEND_ENTRY);
    const whet_backend *t = entry != NULL ? entry(h) : NULL;
    if (t == NULL || t->size > sizeof table) return NULL;
    memcpy(&table, t, t->size);
    table.name = "slow";
    table.title = "Slow";
    share = text != NULL ? atof(text) : 0;
    inner_run = t->run;
    table.run = run;
    return &table;
}
