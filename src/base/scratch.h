/* SPDX-License-Identifier: Apache-2.0 */
/* A folder for what is being made. A lock holds it as long as its process lives, so that the next one that makes such a folder
 * in the same place can tell, and remove, what a killed one left. */
#ifndef WHET_BASE_SCRATCH_H
#define WHET_BASE_SCRATCH_H

#include "base/status.h"

#define WHET_SCRATCH_MARK ".whet-scratch" /* the file in it that says so and bears the lock; not to be moved out */

typedef struct whet_scratch { char *path; int lock; } whet_scratch; /* path NULL: there is none */

/* `prefix` and six letters in the folder `parent` ("" is the working folder); removes those of that name, made so, whose process is gone. */
whet_status whet_scratch_make(whet_scratch *s, const char *parent, const char *prefix);
void whet_scratch_remove(whet_scratch *s); /* with all that is in it; accepts one that was never made (all zero) */

#endif
