/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the library. It never prints by itself: the program installs a sink. */
#ifndef WHET_BASE_LOG_H
#define WHET_BASE_LOG_H

#include "base/status.h"

typedef enum whet_log_level { WHET_LOG_DEBUG, WHET_LOG_INFO, WHET_LOG_WARN } whet_log_level;
typedef void (*whet_log_fn)(void *arg, whet_log_level level, const char *text);

void whet_log_set(whet_log_fn fn, void *arg); /* NULL: silence. Not thread-safe against concurrent logging */
void whet_log(whet_log_level level, const char *fmt, ...) WHET_PRINTF(2, 3);

#endif
