/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>


static whet_log_fn sink;
static void *sink_arg;

void whet_log_set(whet_log_fn fn, void *arg)
{
    sink = fn;
    sink_arg = arg;
}

void whet_log(whet_log_level level, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    if (sink == NULL) return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sink(sink_arg, level, text);
}
