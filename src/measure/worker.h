/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's side: one process, one runtime, one model at a time. Requests ("do") and their replies:
 *
 *   hello                                     -> whet (version), pid
 *   probe  runtime                            -> title, version, available, reason, caps, built_for
 *   load   runtime path settings batch sizes shapes any_batch (a batch that is fixed in the file overrules the one asked for)
 *          taps[] (inner tensors to give as further outputs)
 *                                             -> version, title, build_ns, memory before and after, inputs, outputs; of a
 *                                                program behind exec: round_trip_ns
 *   feed   count bytes[]                      -> the samples in the shared memory: per sample all inputs one behind the other
 *   run    sample                             -> ns, outputs in the result memory
 *   warm   runs ns                            -> runs, median_ns, clock_ns, falling
 *   scenario kind runs ns rate seed part limit_ns warm start samples
 *                                             -> latencies in the result memory, planned, samples, busy_ns, outputs of every stream (checks),
 *                                                CPU per thread, probes; one stream of the runtime for each of the setting `streams`
 *   block  runs ns warm start group           -> times and outputs of the first run in the result memory, CPU per thread, probes
 *   memory                                    -> hwm, rss, pss
 *   query  key                                -> json
 *   e2e    data split contract count ...      -> times (see worker_e2e.c)
 *
 * Every reply may instead hold error and status. */
#ifndef WHET_MEASURE_WORKER_H
#define WHET_MEASURE_WORKER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/backend.h"
#include "base/status.h"

enum { WHET_WORKER_MAX_IO = 64, WHET_WORKER_MAX_OUTPUTS = 1024, WHET_WORKER_MAX_PROGRAMS = 64 }; /* inputs; outputs, tapped tensors among them */

typedef struct whet_worker_lane { /* a stream and its input tensors */
    whet_backend_stream *s;
    void *in[WHET_WORKER_MAX_IO];
    size_t in_bytes[WHET_WORKER_MAX_IO];
} whet_worker_lane;

/* Serves requests on WHET_WORKER_LINK until it closes; returns the exit code of the process. */
int whet_worker_main(void);

typedef struct whet_worker_state {
    whet_backends *backends;
    const whet_backend *t;
    whet_backend_model *m;
    whet_backend_stream *s;
    int n_in, n_out;
    int n_lanes;                  /* streams; the first is s */
    whet_worker_lane *lanes;
    bool keep_denormals;
    void *in[WHET_WORKER_MAX_IO]; /* the runtime's own input tensors */
    size_t in_bytes[WHET_WORKER_MAX_IO];
    const uint8_t *samples;       /* shared memory of the launcher */
    size_t samples_size, sample_bytes;
    int n_samples;
    size_t results_used;          /* of the result memory, by the present reply */
} whet_worker_state;

/* Processes that the runtime has started, programs behind `exec:` among them; at most `cap`. */
int whet_worker_helpers(pid_t *pids, int cap);
/* Handlers of the timing requests (worker_time.c). */
whet_status whet_worker_warm(whet_worker_state *w, const json_t *q, json_t *reply);
whet_status whet_worker_scenario(whet_worker_state *w, const json_t *q, json_t *reply); /* worker_scenario.c */
whet_status whet_worker_add_streams(whet_worker_state *w, int n);                       /* n in all; inputs are known */
void whet_worker_free_streams(whet_worker_state *w);                                    /* all but the first */
whet_status whet_worker_block(whet_worker_state *w, const json_t *q, json_t *reply);
whet_status whet_worker_e2e(whet_worker_state *w, const json_t *q, json_t *reply);
/* Copies sample i into the input tensors, runs, maps and so on. */
void whet_worker_put_sample(whet_worker_state *w, int i);
whet_status whet_worker_run_once(whet_worker_state *w);
/* Appends to the result memory; gives its offset. */
whet_status whet_worker_put_result(whet_worker_state *w, const void *data, size_t n, uint64_t *offset);
whet_status whet_worker_put_stream_outputs(whet_worker_state *w, whet_backend_stream *s, json_t *reply);
/* CPU time per thread and the peak probe around a timed stretch: into reply as wall_ns, threads_ns, probe. */
typedef struct whet_worker_cpu whet_worker_cpu;
whet_status whet_worker_cpu_start(whet_worker_cpu **out);
void whet_worker_cpu_stop(whet_worker_cpu *c, json_t *reply);
void whet_worker_cpu_free(whet_worker_cpu *c); /* accepts NULL */
/* Copies the outputs to the result memory and lists them under "outputs". */
whet_status whet_worker_put_outputs(whet_worker_state *w, json_t *reply);
/* VmHWM, VmRSS and Pss of this process in bytes, into reply under prefix_hwm, ... */
void whet_worker_put_memory(json_t *reply, const char *prefix);

#endif
