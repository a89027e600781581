/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of what interrupted benches keep: how much there is, and taking away what is too old to go on with. */
#ifndef WHET_MEASURE_KEPT_H
#define WHET_MEASURE_KEPT_H

#include <stdbool.h>
#include <stdint.h>

enum { WHET_KEPT_SECONDS = 86400 }; /* so long a bench goes on from what an interruption left */

typedef struct whet_kept { int fresh, old; int64_t bytes; } whet_kept;

/* All zero where there is no such folder. */
whet_kept whet_kept_count(const char *folder);
void whet_kept_remove_old(const char *folder);

#endif
