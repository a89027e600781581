/* SPDX-License-Identifier: Apache-2.0 */
/* FlatBuffers, reading. A table begins with the signed distance back to its vtable: u16 bytes of the vtable, u16 bytes of the
 * table, then for each field its u16 offset in the table or 0. An object field holds the u32 distance from itself forward to a
 * table, a vector (u32 count, elements) or a string (a vector of bytes, a NUL behind it). Source: flatbuffers.dev, "Internals". */
#include "wire/flatbuf.h"

#include <string.h>

#include "wire/pb.h"

/* All integers are little-endian, as the hosts are that whet runs on. */
static uint64_t load(const uint8_t *p, size_t bytes)
{
    uint64_t x = 0;
    memcpy(&x, p, bytes);
    return x;
}

static int64_t sign_extend(uint64_t x, size_t bytes)
{
    const unsigned shift = (unsigned)(64 - 8 * bytes);
    return (int64_t)(x << shift) >> shift;
}

size_t whet_fb_offset(const whet_fb *fb, const void *p) { return (size_t)((const uint8_t *)p - fb->data); }

whet_status whet_fb_fail_at(const whet_fb *fb, size_t at, whet_status status)
{
    whet_error_at_file(fb->file);
    whet_error_at_offset((int64_t)at);
    return status;
}

static whet_status open_table(whet_fb *fb, size_t at, whet_fb_table *out)
{
    *out = (whet_fb_table){.fb = fb, .at = at};
    if (at > fb->size || fb->size - at < 4) return whet_fb_fail_at(fb, at, WHET_FAIL(WHET_EFORMAT, "a table lies outside the file"));
    const int64_t vtable = (int64_t)at - sign_extend(load(fb->data + at, 4), 4);
    if (vtable < 0 || (uint64_t)vtable > fb->size - 4)
        return whet_fb_fail_at(fb, at, WHET_FAIL(WHET_EFORMAT, "a table's vtable lies outside the file"));
    out->vtable = (size_t)vtable;
    const size_t bytes = load(fb->data + out->vtable, 2);
    out->size = (uint16_t)load(fb->data + out->vtable + 2, 2);
    if (bytes < 4 || bytes % 2 != 0 || bytes > fb->size - out->vtable)
        return whet_fb_fail_at(fb, out->vtable, WHET_FAIL(WHET_EFORMAT, "a vtable of %zu bytes does not fit", bytes));
    if (out->size < 4 || out->size > fb->size - at)
        return whet_fb_fail_at(fb, at, WHET_FAIL(WHET_EFORMAT, "a table of %u bytes does not fit", (unsigned)out->size));
    out->n = (uint16_t)((bytes - 4) / 2);
    return WHET_OK;
}

whet_status whet_fb_open(whet_fb *fb, const void *data, size_t size, const char *file, const char *identifier, whet_fb_table *root)
{
    *fb = (whet_fb){.data = data, .size = size, .file = file, .text_left = size};
    *root = (whet_fb_table){.fb = NULL};
    if (size < 8) return whet_fb_fail_at(fb, 0, WHET_FAIL(WHET_EFORMAT, "the file has %zu bytes only", size));
    if (memcmp(fb->data + 4, identifier, 4) != 0)
        return whet_fb_fail_at(fb, 4, WHET_FAIL(WHET_EFORMAT, "the identifier '%s' is missing", identifier));
    return open_table(fb, load(fb->data, 4), root);
}

whet_status whet_fb_check(const whet_fb *fb)
{
    if (!fb->damaged_at) return WHET_OK;
    return whet_fb_fail_at(fb, fb->damaged_at, WHET_FAIL(WHET_EFORMAT, "a field lies outside its table"));
}

/* The field's bytes, or NULL if it is absent or damaged. */
static const uint8_t *field_at(const whet_fb_table *t, int field, size_t bytes)
{
    if (!t->fb || field >= t->n) return NULL;
    const size_t offset = load(t->fb->data + t->vtable + 4 + 2 * (size_t)field, 2);
    if (offset == 0) return NULL;
    if (offset >= 4 && offset + bytes <= t->size) return t->fb->data + t->at + offset;
    if (!t->fb->damaged_at) t->fb->damaged_at = t->vtable + 4 + 2 * (size_t)field;
    return NULL;
}

bool whet_fb_has(const whet_fb_table *t, int field) { return field_at(t, field, 1) != NULL; }

int64_t whet_fb_int(const whet_fb_table *t, int field, size_t bytes, int64_t otherwise)
{
    const uint8_t *p = field_at(t, field, bytes);
    return p ? sign_extend(load(p, bytes), bytes) : otherwise;
}

uint64_t whet_fb_uint(const whet_fb_table *t, int field, size_t bytes, uint64_t otherwise)
{
    const uint8_t *p = field_at(t, field, bytes);
    return p ? load(p, bytes) : otherwise;
}

float whet_fb_float(const whet_fb_table *t, int field, float otherwise)
{
    const uint8_t *p = field_at(t, field, sizeof(float));
    if (p) memcpy(&otherwise, p, sizeof(otherwise));
    return otherwise;
}

/* Where an object field points; 0 if it is absent. */
static whet_status follow(const whet_fb_table *t, int field, size_t *to)
{
    const uint8_t *p = field_at(t, field, 4);
    *to = 0;
    if (!p) return t->fb ? whet_fb_check(t->fb) : WHET_OK;
    const size_t at = whet_fb_offset(t->fb, p), distance = load(p, 4);
    if (distance < 4 || distance > t->fb->size - at)
        return whet_fb_fail_at(t->fb, at, WHET_FAIL(WHET_EFORMAT, "an offset leads outside the file"));
    *to = at + distance;
    return WHET_OK;
}

whet_status whet_fb_sub(const whet_fb_table *t, int field, whet_fb_table *out)
{
    size_t at = 0;
    *out = (whet_fb_table){.fb = NULL};
    WHET_TRY(follow(t, field, &at));
    return at ? open_table(t->fb, at, out) : WHET_OK;
}

static whet_status open_vector(whet_fb *fb, size_t at, size_t element, whet_fb_vector *out)
{
    *out = (whet_fb_vector){.fb = NULL};
    if (at > fb->size || fb->size - at < 4) return whet_fb_fail_at(fb, at, WHET_FAIL(WHET_EFORMAT, "a vector lies outside the file"));
    const size_t n = load(fb->data + at, 4);
    if (n > (fb->size - at - 4) / element)
        return whet_fb_fail_at(fb, at, WHET_FAIL(WHET_EFORMAT, "a vector of %zu elements reaches beyond the end of the file", n));
    *out = (whet_fb_vector){fb, n, element, fb->data + at + 4};
    return WHET_OK;
}

whet_status whet_fb_list(const whet_fb_table *t, int field, size_t element, whet_fb_vector *out)
{
    size_t at = 0;
    *out = (whet_fb_vector){.fb = NULL};
    WHET_TRY(follow(t, field, &at));
    return at ? open_vector(t->fb, at, element, out) : WHET_OK;
}

static whet_status take_text(whet_fb *fb, size_t at, whet_arena *arena, const char **out)
{
    whet_fb_vector v;
    WHET_TRY(open_vector(fb, at, 1, &v));
    if (!whet_utf8_valid(v.data, v.n)) return whet_fb_fail_at(fb, at, WHET_FAIL(WHET_EFORMAT, "a name is not UTF-8 text"));
    if (v.n > fb->text_left)
        return whet_fb_fail_at(fb, at, WHET_FAIL(WHET_EFORMAT, "names stand for more text than the file has bytes"));
    fb->text_left -= v.n;
    *out = whet_arena_strndup(arena, (const char *)v.data, v.n);
    return *out ? WHET_OK : WHET_ENOMEM;
}

whet_status whet_fb_text(const whet_fb_table *t, int field, whet_arena *arena, const char **out)
{
    size_t at = 0;
    *out = NULL;
    WHET_TRY(follow(t, field, &at));
    return at ? take_text(t->fb, at, arena, out) : WHET_OK;
}

int64_t whet_fb_list_int(const whet_fb_vector *v, size_t i)
{
    return sign_extend(load(v->data + i * v->element, v->element), v->element);
}

float whet_fb_list_float(const whet_fb_vector *v, size_t i)
{
    float x;
    memcpy(&x, v->data + i * sizeof(x), sizeof(x));
    return x;
}

static whet_status follow_element(const whet_fb_vector *v, size_t i, size_t *to)
{
    const size_t at = whet_fb_offset(v->fb, v->data + 4 * i), distance = load(v->data + 4 * i, 4);
    if (distance < 4 || distance > v->fb->size - at)
        return whet_fb_fail_at(v->fb, at, WHET_FAIL(WHET_EFORMAT, "an offset leads outside the file"));
    *to = at + distance;
    return WHET_OK;
}

whet_status whet_fb_list_table(const whet_fb_vector *v, size_t i, whet_fb_table *out)
{
    size_t at = 0;
    WHET_TRY(follow_element(v, i, &at));
    return open_table(v->fb, at, out);
}
