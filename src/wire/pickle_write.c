/* SPDX-License-Identifier: Apache-2.0 */
/* Writer of pickles of protocol 2. Source: CPython's Lib/pickletools.py. */
#include "wire/pickle_write.h"

#include <string.h>

#include "base/mem.h"

static void put(whet_pickle_writer *w, char opcode) { whet_strbuf_add(w->out, &opcode, 1); }

static void put_number(whet_pickle_writer *w, char opcode, uint64_t x, unsigned bytes)
{
    uint8_t b[9] = {(uint8_t)opcode};
    for (unsigned i = 0; i < bytes; i++) b[1 + i] = (uint8_t)(x >> (8 * i));
    whet_strbuf_add(w->out, b, 1 + bytes);
}

void whet_pickle_begin(whet_pickle_writer *w, whet_strbuf *out)
{
    memset(w, 0, sizeof(*w));
    w->out = out;
    put_number(w, '\x80', 2, 1);
}

void whet_pickle_end(whet_pickle_writer *w) { put(w, '.'); }

void whet_pickle_put_none(whet_pickle_writer *w) { put(w, 'N'); }

void whet_pickle_put_bool(whet_pickle_writer *w, bool x) { put(w, x ? '\x88' : '\x89'); }

void whet_pickle_put_int(whet_pickle_writer *w, int64_t x)
{
    if (x >= 0 && x < 256) put_number(w, 'K', (uint64_t)x, 1);
    else if (x >= 0 && x < 65536) put_number(w, 'M', (uint64_t)x, 2);
    else if (x >= INT32_MIN && x <= INT32_MAX) put_number(w, 'J', (uint64_t)x, 4);
    else {
        put_number(w, '\x8a', 8, 1);
        for (int i = 0; i < 8; i++) put(w, (char)(uint8_t)((uint64_t)x >> (8 * i)));
    }
}

void whet_pickle_put_float(whet_pickle_writer *w, double x)
{
    uint64_t bits = 0;
    memcpy(&bits, &x, sizeof(bits));
    put(w, 'G');
    for (int i = 7; i >= 0; i--) put(w, (char)(uint8_t)(bits >> (8 * i)));
}

void whet_pickle_put_text(whet_pickle_writer *w, const char *text)
{
    const size_t n = strlen(text);
    put_number(w, 'X', n, 4);
    whet_strbuf_add(w->out, text, n);
}

/* True if it was written from the memo. */
static bool recall(whet_pickle_writer *w, const char *module, const char *text)
{
    for (int i = 0; i < w->n_seen; i++) {
        const bool same = (w->seen[i].module && module) ? strcmp(w->seen[i].module, module) == 0 : w->seen[i].module == module;
        if (!same || strcmp(w->seen[i].text, text) != 0) continue;
        if (w->seen[i].memo < 256) put_number(w, 'h', w->seen[i].memo, 1);
        else put_number(w, 'j', w->seen[i].memo, 4);
        return true;
    }
    return false;
}

static void remember(whet_pickle_writer *w, const char *module, const char *text)
{
    if (w->n_seen == (int)WHET_COUNT(w->seen)) return;
    w->seen[w->n_seen].module = module;
    w->seen[w->n_seen].text = text;
    w->seen[w->n_seen++].memo = w->n_memo;
    if (w->n_memo < 256) put_number(w, 'q', w->n_memo, 1);
    else put_number(w, 'r', w->n_memo, 4);
    w->n_memo++;
}

void whet_pickle_put_word(whet_pickle_writer *w, const char *text)
{
    if (recall(w, NULL, text)) return;
    whet_pickle_put_text(w, text);
    remember(w, NULL, text);
}

void whet_pickle_put_global(whet_pickle_writer *w, const char *module, const char *name)
{
    if (recall(w, module, name)) return;
    put(w, 'c');
    whet_strbuf_puts(w->out, module);
    put(w, '\n');
    whet_strbuf_puts(w->out, name);
    put(w, '\n');
    remember(w, module, name);
}

void whet_pickle_put_ints(whet_pickle_writer *w, int n, const int64_t *x)
{
    static const char of_few[] = {')', '\x85', '\x86', '\x87'};
    if (n > 3) put(w, '(');
    for (int i = 0; i < n; i++) whet_pickle_put_int(w, x[i]);
    put(w, n > 3 ? 't' : of_few[n]);
}

void whet_pickle_mark(whet_pickle_writer *w) { put(w, '('); }

void whet_pickle_tuple(whet_pickle_writer *w) { put(w, 't'); }

void whet_pickle_empty_tuple(whet_pickle_writer *w) { put(w, ')'); }

void whet_pickle_empty_list(whet_pickle_writer *w) { put(w, ']'); }

void whet_pickle_appends(whet_pickle_writer *w) { put(w, 'e'); }

void whet_pickle_empty_dict(whet_pickle_writer *w) { put(w, '}'); }

void whet_pickle_setitems(whet_pickle_writer *w) { put(w, 'u'); }

void whet_pickle_reduce(whet_pickle_writer *w) { put(w, 'R'); }

void whet_pickle_newobj(whet_pickle_writer *w) { put(w, '\x81'); }

void whet_pickle_build(whet_pickle_writer *w) { put(w, 'b'); }

void whet_pickle_persistent(whet_pickle_writer *w) { put(w, 'Q'); }
