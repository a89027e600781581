/* SPDX-License-Identifier: Apache-2.0 */
/* Reader and writer of .npy files. The header is a Python dictionary literal with the keys 'descr', 'fortran_order' and
 * 'shape'; only that form is understood, in any order and spacing. Source: numpy.lib.format, "NPY format". */
#include "wire/npy.h"

#include <stdio.h>

#include "base/io.h"
#include "base/mem.h"

enum { MAX_HEADER = 1 << 16 };
static const char magic[] = "\x93NUMPY";

typedef struct parser {
    const char *p, *end, *begin;
    const char *file;
} parser;

static whet_status damaged(const parser *s, const char *what)
{
    whet_fail(WHET_EFORMAT, "npy header: %s", what);
    whet_error_at_file(s->file);
    whet_error_at_offset(s->p - s->begin);
    return WHET_EFORMAT;
}

static void blanks(parser *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t')) s->p++;
}

static bool accept(parser *s, char c)
{
    blanks(s);
    if (s->p == s->end || *s->p != c) return false;
    s->p++;
    return true;
}

static whet_status quoted(parser *s, char *out, size_t cap)
{
    blanks(s);
    if (s->p == s->end || (*s->p != '\'' && *s->p != '"')) return damaged(s, "quote expected");
    char q = *s->p++;
    size_t n = 0;
    while (s->p < s->end && *s->p != q) {
        if (n + 1 >= cap) return damaged(s, "text too long; structured types are not handled");
        out[n++] = *s->p++;
    }
    if (s->p == s->end) return damaged(s, "text has no end");
    s->p++;
    out[n] = '\0';
    return WHET_OK;
}

static whet_status parse_descr(parser *s, whet_npy *out)
{
    static const char *const known[] = {"<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1"};
    char descr[32] = "";
    WHET_TRY(quoted(s, descr, sizeof(descr)));
    for (size_t i = 0; i < WHET_COUNT(known); i++) {
        if (strcmp(descr + 1, known[i] + 1) != 0 || descr[0] == '\0') continue;
        out->kind = known[i][1];
        out->size = known[i][2] - '0';
        if (descr[0] == known[i][0] || descr[0] == '=' || (out->size == 1 && strchr("<>|", descr[0]))) return WHET_OK;
    }
    whet_fail(WHET_EUNSUPPORTED, "npy element type '%s' is not handled; little-endian numbers and bool are", descr);
    whet_error_at_file(s->file);
    return WHET_EUNSUPPORTED;
}

static whet_status parse_shape(parser *s, whet_npy *out)
{
    out->rank = 0;
    if (!accept(s, '(')) return damaged(s, "shape must be a tuple");
    while (!accept(s, ')')) {
        int64_t d = 0;
        int digits = 0;
        if (out->rank == WHET_NPY_MAX_RANK) return damaged(s, "more than 8 dimensions");
        blanks(s);
        for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++, digits++)
            if (!whet_mul_i64(d, 10, &d) || !whet_add_i64(d, *s->p - '0', &d)) return damaged(s, "dimension too large");
        if (digits == 0) return damaged(s, "dimension expected");
        out->dims[out->rank++] = d;
        if (accept(s, 'L')) continue; /* written by Python 2 */
        if (!accept(s, ',') && (s->p == s->end || *s->p != ')')) return damaged(s, "',' or ')' expected");
    }
    return WHET_OK;
}

static whet_status parse_flag(parser *s, bool *out)
{
    blanks(s);
    size_t left = (size_t)(s->end - s->p);
    *out = left >= 4 && memcmp(s->p, "True", 4) == 0;
    if (!*out && (left < 5 || memcmp(s->p, "False", 5) != 0)) return damaged(s, "True or False expected");
    s->p += *out ? 4 : 5;
    return WHET_OK;
}

static whet_status parse_header(parser *s, whet_npy *out)
{
    bool have[3] = {false, false, false};
    if (!accept(s, '{')) return damaged(s, "'{' expected");
    while (!accept(s, '}')) {
        char key[32] = "";
        WHET_TRY(quoted(s, key, sizeof(key)));
        if (!accept(s, ':')) return damaged(s, "':' expected");
        int which = strcmp(key, "descr") == 0 ? 0 : strcmp(key, "fortran_order") == 0 ? 1 : strcmp(key, "shape") == 0 ? 2 : -1;
        if (which < 0 || have[which]) return damaged(s, "unknown or repeated key");
        have[which] = true;
        WHET_TRY(which == 0 ? parse_descr(s, out) : which == 1 ? parse_flag(s, &out->fortran) : parse_shape(s, out));
        if (!accept(s, ',')) blanks(s);
    }
    blanks(s);
    if (s->p != s->end) return damaged(s, "text behind the dictionary");
    if (!have[0] || !have[1] || !have[2]) return damaged(s, "descr, fortran_order or shape is missing");
    return WHET_OK;
}

whet_status whet_npy_parse(whet_npy *out, const uint8_t *data, size_t size, const char *name)
{
    parser s = {(const char *)data, (const char *)data + size, (const char *)data, name ? name : ""};
    memset(out, 0, sizeof(*out));
    if (size < 10 || memcmp(data, magic, 6) != 0) return damaged(&s, "not a .npy file, or cut off");
    int major = data[6];
    size_t start = major == 1 ? 10 : 12, length = (size_t)data[8] | (size_t)data[9] << 8;
    s.p += 6;
    if (major < 1 || major > 3) return damaged(&s, "version is not 1, 2 or 3");
    if (size < start) return damaged(&s, "cut off");
    if (major > 1) length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    if (length > MAX_HEADER || length > size - start) return damaged(&s, "length passes the end");
    s.p = s.begin + start;
    s.end = s.p + length;
    WHET_TRY(parse_header(&s, out));
    size_t bytes = (size_t)out->size;
    for (int i = 0; i < out->rank; i++)
        if (!whet_mul_size(bytes, (size_t)out->dims[i], &bytes)) return damaged(&s, "shape is too large");
    if (bytes != size - start - length) {
        whet_fail(WHET_EFORMAT, "npy data has %zu bytes, its shape needs %zu", size - start - length, bytes);
        whet_error_at_file(s.file);
        whet_error_at_offset((int64_t)(start + length));
        return WHET_EFORMAT;
    }
    out->data = data + start + length;
    out->bytes = bytes;
    return WHET_OK;
}

void whet_npy_copy(const whet_npy *npy, void *dst)
{
    const uint8_t *src = npy->data;
    uint8_t *d = dst;
    size_t size = (size_t)npy->size, n = npy->bytes / size;
    int64_t index[WHET_NPY_MAX_RANK] = {0};
    if (!npy->fortran || npy->rank < 2) {
        if (npy->bytes) memcpy(dst, src, npy->bytes);
        return;
    }
    for (size_t i = 0; i < n; i++) { /* i counts in C order */
        size_t at = 0, stride = 1;
        for (int k = 0; k < npy->rank; k++) {
            at += (size_t)index[k] * stride;
            stride *= (size_t)npy->dims[k];
        }
        memcpy(d + i * size, src + at * size, size);
        for (int k = npy->rank - 1; k >= 0 && ++index[k] == npy->dims[k]; k--) index[k] = 0;
    }
}

whet_status whet_npy_write(const char *path, char kind, int size, int rank, const int64_t *dims, const void *data)
{
    char shape[256] = "", header[512] = "";
    size_t bytes = (size_t)size, n = 0;
    whet_writer *w = NULL;
    for (int i = 0; i < rank; i++) {
        n += (size_t)snprintf(shape + n, sizeof(shape) - n, i ? ", %lld" : "%lld", (long long)dims[i]);
        if (!whet_mul_size(bytes, (size_t)dims[i], &bytes)) return WHET_FAIL(WHET_ENOMEM, "array is too large");
    }
    n = (size_t)snprintf(header, sizeof(header), "%.6s%c%c__{'descr': '%c%c%d', 'fortran_order': False, 'shape': (%s%s), }",
                         magic, 1, 0, size == 1 ? '|' : '<', kind, size, shape, rank == 1 ? "," : "");
    size_t end = WHET_ALIGN_UP(n + 1, 64);
    memset(header + n, ' ', end - n);
    header[end - 1] = '\n';
    header[8] = (char)((end - 10) & 0xff);
    header[9] = (char)((end - 10) >> 8);
    WHET_TRY(whet_writer_open(&w, path));
    whet_status status = whet_writer_write(w, header, end);
    if (status == WHET_OK && bytes) status = whet_writer_write(w, data, bytes);
    if (status != WHET_OK) {
        whet_writer_abort(w);
        return status;
    }
    return whet_writer_commit(w);
}
