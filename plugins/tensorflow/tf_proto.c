/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol buffers as far as they are needed here: the settings of a session are written, the signature of a SavedModel is
 * read. Field numbers are those of config.proto, rewriter_config.proto and meta_graph.proto of TensorFlow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tf_plugin.h"

/* --- writing: what is written is short and known, so that too long a message is cut, not grown */
static void put_varint(tf_bytes *b, uint64_t v)
{
    do {
        if (b->n >= sizeof b->data) return;
        b->data[b->n++] = (unsigned char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        v >>= 7;
    } while (v != 0);
}

void tf_put_int(tf_bytes *b, int field, int64_t value)
{
    put_varint(b, (uint64_t)field << 3);
    put_varint(b, (uint64_t)value);
}

void tf_put_bytes(tf_bytes *b, int field, const void *data, size_t n)
{
    put_varint(b, (uint64_t)field << 3 | 2);
    put_varint(b, n);
    if (n > sizeof b->data - b->n) n = sizeof b->data - b->n;
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

/* --- reading */
static bool take_varint(tf_span *m, uint64_t *v)
{
    *v = 0;
    for (int shift = 0; shift < 64 && m->n > 0; shift += 7) {
        const unsigned char c = *m->data++;
        m->n--;
        *v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) return true;
    }
    return false;
}

static bool take(tf_span *m, size_t n, tf_span *out)
{
    if (n > m->n) return false;
    *out = (tf_span){m->data, n};
    m->data += n;
    m->n -= n;
    return true;
}

bool tf_next(tf_span *m, tf_field *f)
{
    uint64_t tag = 0, v = 0;
    memset(f, 0, sizeof *f);
    if (m->n == 0 || !take_varint(m, &tag)) return false;
    f->number = (int)(tag >> 3);
    switch (tag & 7) {
    case 0: if (!take_varint(m, &v)) return false; f->value = (int64_t)v; return true;
    case 1: return take(m, 8, &f->bytes);
    case 2: return take_varint(m, &v) && v <= m->n && take(m, (size_t)v, &f->bytes);
    case 5: return take(m, 4, &f->bytes);
    default: return false;
    }
}

/* --- the signature */
enum { META_SIGNATURES = 5, ENTRY_KEY = 1, ENTRY_VALUE = 2, SIGNATURE_INPUTS = 1, SIGNATURE_OUTPUTS = 2, INFO_NAME = 1 };

static void copy_text(tf_span s, char *out, size_t cap)
{
    snprintf(out, cap, "%.*s", (int)(s.n < cap ? s.n : cap - 1), (const char *)s.data);
}

static void entry(tf_span e, tf_span *key, tf_span *value)
{
    tf_field f;
    *key = *value = (tf_span){(const unsigned char *)"", 0};
    while (tf_next(&e, &f)) {
        if (f.number == ENTRY_KEY && f.bytes.data != NULL) *key = f.bytes;
        if (f.number == ENTRY_VALUE && f.bytes.data != NULL) *value = f.bytes;
    }
}

/* Natural order: output_2 before output_10. */
static int compare(const void *x, const void *y)
{
    const char *a = ((const tf_end *)x)->name, *b = ((const tf_end *)y)->name;
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        const size_t na = strspn(a, "0123456789"), nb = strspn(b, "0123456789");
        if (na > 0 && nb > 0) {
            const int c = na != nb ? (na < nb ? -1 : 1) : memcmp(a, b, na);
            if (c != 0) return c;
            a += na - 1;
            b += nb - 1;
        } else if (*a != *b) {
            break;
        }
    }
    return (unsigned char)*a - (unsigned char)*b;
}

static void read_ends(tf_span signature, tf_signature *s)
{
    tf_field f, g;
    s->n[0] = s->n[1] = 0;
    while (tf_next(&signature, &f)) {
        const int output = f.number == SIGNATURE_OUTPUTS;
        tf_span key, info;
        if ((f.number != SIGNATURE_INPUTS && !output) || s->n[output] == TF_MAX_IO) continue;
        tf_end *e = &s->end[output][s->n[output]];
        entry(f.bytes, &key, &info);
        copy_text(key, e->name, sizeof e->name);
        e->tensor[0] = '\0';
        while (tf_next(&info, &g))
            if (g.number == INFO_NAME && g.bytes.data != NULL) copy_text(g.bytes, e->tensor, sizeof e->tensor);
        if (e->name[0] != '\0' && e->tensor[0] != '\0') s->n[output]++;
    }
    for (int output = 0; output < 2; output++) qsort(s->end[output], (size_t)s->n[output], sizeof s->end[0][0], compare);
}

bool tf_read_signature(tf_span meta, tf_signature *s)
{
    tf_field f;
    int best = 0;
    tf_signature *one = malloc(sizeof *one);
    while (one != NULL && tf_next(&meta, &f)) {
        tf_span key, value;
        if (f.number != META_SIGNATURES || f.bytes.data == NULL) continue;
        entry(f.bytes, &key, &value);
        if (key.n == 0 || key.data[0] == '_') continue; /* what initialises the model */
        const int rank = key.n == 15 && memcmp(key.data, "serving_default", 15) == 0 ? 3 : key.n == 5 && memcmp(key.data, "serve", 5) == 0 ? 2 : 1;
        read_ends(value, one);
        if (one->n[1] == 0 || rank <= best) continue;
        best = rank;
        *s = *one;
    }
    free(one);
    return best > 0;
}
