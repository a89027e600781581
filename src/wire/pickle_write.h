/* SPDX-License-Identifier: Apache-2.0 */
/* Pickles of protocol 2, opcode by opcode. Texts and globals that were written before are taken from the memo. The writer holds
 * pointers to the texts: they must outlive it. One check of out->failed at the end is enough. */
#ifndef WHET_WIRE_PICKLE_WRITE_H
#define WHET_WIRE_PICKLE_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"

typedef struct whet_pickle_writer {
    whet_strbuf *out;
    uint32_t n_memo;
    struct { const char *module, *text; uint32_t memo; } seen[64]; /* module NULL: a text */
    int n_seen;
} whet_pickle_writer;

void whet_pickle_begin(whet_pickle_writer *w, whet_strbuf *out);
void whet_pickle_end(whet_pickle_writer *w);
void whet_pickle_put_none(whet_pickle_writer *w);
void whet_pickle_put_bool(whet_pickle_writer *w, bool x);
void whet_pickle_put_int(whet_pickle_writer *w, int64_t x);
void whet_pickle_put_float(whet_pickle_writer *w, double x);
void whet_pickle_put_text(whet_pickle_writer *w, const char *text);
/* A text that recurs ("storage", "cpu"). */
void whet_pickle_put_word(whet_pickle_writer *w, const char *text);
void whet_pickle_put_global(whet_pickle_writer *w, const char *module, const char *name);
void whet_pickle_put_ints(whet_pickle_writer *w, int n, const int64_t *x); /* a tuple */

/* Containers: what stands between mark and its end. */
void whet_pickle_mark(whet_pickle_writer *w);
void whet_pickle_tuple(whet_pickle_writer *w);  /* of all since the mark */
void whet_pickle_empty_tuple(whet_pickle_writer *w);
void whet_pickle_empty_list(whet_pickle_writer *w);
void whet_pickle_appends(whet_pickle_writer *w); /* all since the mark to the list before it */
void whet_pickle_empty_dict(whet_pickle_writer *w);
void whet_pickle_setitems(whet_pickle_writer *w); /* keys and values since the mark into the dict before it */
void whet_pickle_reduce(whet_pickle_writer *w);  /* callable, tuple -> call */
void whet_pickle_newobj(whet_pickle_writer *w);  /* class, tuple -> object */
void whet_pickle_build(whet_pickle_writer *w);   /* object, state -> object */
void whet_pickle_persistent(whet_pickle_writer *w); /* id -> object */

#endif
