/* SPDX-License-Identifier: Apache-2.0 */
/* Monotonic wall clock and CPU time in nanoseconds. */
#ifndef WHET_BASE_CLOCK_H
#define WHET_BASE_CLOCK_H

#include <stdint.h>

uint64_t whet_now_ns(void);         /* CLOCK_MONOTONIC */
void whet_sleep_ns(uint64_t ns);
/* "2026-11-21T09:30:00Z" of the wall clock into out[21]. */
void whet_utc_now(char out[21]);

#endif
