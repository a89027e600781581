/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte string. After a failed append `failed` stays set and later appends do nothing, so one check at the
 * end is enough. */
#ifndef WHET_BASE_STRBUF_H
#define WHET_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct whet_strbuf {
    char *data; /* NUL-terminated once anything was appended */
    size_t len, cap;
    bool failed;
} whet_strbuf;

void whet_strbuf_init(whet_strbuf *s);
void whet_strbuf_dispose(whet_strbuf *s);
void whet_strbuf_add(whet_strbuf *s, const void *data, size_t n);
void whet_strbuf_puts(whet_strbuf *s, const char *text);
void whet_strbuf_printf(whet_strbuf *s, const char *fmt, ...) WHET_PRINTF(2, 3);
/* Hands over the heap string ("" if empty), leaving *s empty; NULL with ENOMEM set if an append failed. */
char *whet_strbuf_take(whet_strbuf *s);

#endif
