/* SPDX-License-Identifier: Apache-2.0 */
/* The native engine's plan and the time of its steps, for `query`. */
#include "backend/native_tell.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "wire/json.h"

enum { MIN_RUNS = 5, MAX_RUNS = 64 };
static const uint64_t least_ns = 200000000;

static json_t *node_of(const json_t *step, const double *ms)
{
    static const char *const kept[] = {"kernel", "provider", "layout", "shape", "macs", "constant_bytes", "input_bytes", "output_bytes"};
    json_t *o = json_pack("{ss, ss, ss, so, ss}", "name", whet_json_str(step, "node"), "type", whet_json_str(step, "op"), "precision",
                          whet_json_str(step, "precision"), "ms", ms != NULL ? json_real(*ms) : json_null(), "origin", whet_json_str(step, "node"));
    for (size_t i = 0; o != NULL && i < WHET_COUNT(kept); i++) json_object_set(o, kept[i], json_object_get(step, kept[i]));
    return o;
}

whet_status whet_native_nodes(const char *described, const double *ms, char **json)
{
    json_t *steps = NULL, *list = json_array(), *doc = json_object();
    whet_status status = WHET_OK;
    *json = NULL;
    if (list == NULL || doc == NULL) WHET_GOTO(WHET_ENOMEM);
    WHET_GOTO(whet_json_parse(&steps, described, strlen(described), "plan"));
    for (size_t i = 0; i < json_array_size(steps); i++)
        if (json_array_append_new(list, node_of(json_array_get(steps, i), ms != NULL ? &ms[i] : NULL)) != 0) WHET_GOTO(WHET_ENOMEM);
    json_object_set(doc, "nodes", list);
    *json = whet_json_text(doc, 0);
    if (*json == NULL) status = WHET_ENOMEM;
done:
    json_decref(steps);
    json_decref(list);
    json_decref(doc);
    return status;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* ns: [run][step]. */
static void faster_half(const uint64_t *ns, int runs, int steps, double *ms)
{
    uint64_t x[MAX_RUNS];
    const int half = (runs + 1) / 2;
    for (int i = 0; i < steps; i++) {
        double sum = 0;
        for (int r = 0; r < runs; r++) x[r] = ns[(size_t)r * (size_t)steps + (size_t)i];
        qsort(x, (size_t)runs, sizeof *x, by_value);
        for (int r = 0; r < half; r++) sum += (double)x[r];
        ms[i] = sum / half / 1e6;
    }
}

whet_status whet_native_profile(const char *described, whet_plan *p, char **json)
{
    const int steps = whet_plan_graph(p)->n_nodes;
    uint64_t *ns = whet_calloc((size_t)MAX_RUNS * (size_t)steps + 1, sizeof *ns);
    double *ms = whet_calloc((size_t)steps + 1, sizeof *ms);
    whet_status status = WHET_OK;
    int runs = 0;
    *json = NULL;
    if (ns == NULL || ms == NULL) WHET_GOTO(WHET_ENOMEM);
    WHET_GOTO(whet_plan_run(p));
    for (const uint64_t t0 = whet_now_ns(); runs < MAX_RUNS && (runs < MIN_RUNS || whet_now_ns() - t0 < least_ns); runs++)
        WHET_GOTO(whet_plan_profile(p, ns + (size_t)runs * (size_t)steps));
    faster_half(ns, runs, steps, ms);
    WHET_GOTO(whet_native_nodes(described, ms, json));
done:
    whet_free(ns);
    whet_free(ms);
    return status;
}
