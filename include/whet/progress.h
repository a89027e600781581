/* SPDX-License-Identifier: Apache-2.0 */
/* Progress of long calls, and their interruption. */
#ifndef WHET_PROGRESS_H
#define WHET_PROGRESS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Called from the calling thread now and then: `stage` ("train epoch 3/10"), units done of total (total 0: unknown), the
 * unit's name ("img"), and a short text of current figures ("loss 0.123 acc 97.1 %"), which may be NULL. */
typedef void (*whet_progress_fn)(void *arg, const char *stage, double done, double total, const char *unit, const char *text);

/* Asks all running calls to stop soon; safe in a signal handler. They return WHET_ECANCELLED. */
void whet_cancel(void);
void whet_cancel_reset(void);

#ifdef __cplusplus
}
#endif
#endif
