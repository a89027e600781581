/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the measurement: recorded, and judged. */
#ifndef WHET_MEASURE_MACHINE_H
#define WHET_MEASURE_MACHINE_H

#include <jansson.h>

#include "base/status.h"

/* Picks n of the CPUs that this process may use, one per physical core first. Gives how many there were (<= n). */
int whet_machine_pick_cpus(int n, int *cpus, int cap);
/* What is known before the measurement; whet_machine_finish adds what changed (frequency, load, steal, throttling) and the
 * warnings. */
json_t *whet_machine_record(void);
void whet_machine_finish(json_t *machine, json_t *warnings);
/* The warnings of a finished record: governor, neighbours, load, steal, quota, frequency, throttling. */
void whet_machine_judge(const json_t *machine, json_t *warnings);
/* What stands in a small file of /proc or /sys, without its newline; "" if it cannot be read. */
const char *whet_machine_text(const char *path, char *buf, size_t size);

#endif
