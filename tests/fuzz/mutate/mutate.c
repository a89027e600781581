/* SPDX-License-Identifier: Apache-2.0 */
/* What the walkers share, single bytes, and which walker a file gets. */
#include "mutate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void grow(bytes *b, size_t n)
{
    if (n <= b->capacity) return;
    b->capacity = n + n / 2 + 64;
    b->p = realloc(b->p, b->capacity);
    if (!b->p) abort();
}

void bytes_add(bytes *b, const void *p, size_t n)
{
    if (n == 0) return;
    grow(b, b->n + n);
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

void bytes_splice(bytes *b, size_t at, size_t cut, const void *p, size_t n)
{
    uint8_t *copy = malloc(n + 1); /* p may lie inside b */
    if (!copy) abort();
    if (n) memcpy(copy, p, n);
    grow(b, b->n - cut + n);
    memmove(b->p + at + n, b->p + at + cut, b->n - at - cut);
    if (n) memcpy(b->p + at, copy, n);
    b->n = b->n - cut + n;
    free(copy);
}

uint32_t pick(whet_rng *r, uint32_t n) { return n > 1 ? whet_rng_below(r, n) : 0; }
bool chance(whet_rng *r, uint32_t one_in) { return pick(r, one_in) == 0; }

uint64_t load_le(const uint8_t *p, size_t n)
{
    uint64_t x = 0;
    for (size_t i = 0; i < n; i++) x |= (uint64_t)p[i] << (8 * i);
    return x;
}

void store_le(uint8_t *p, size_t n, uint64_t x)
{
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)(x >> (8 * i));
}

uint64_t odd_number(whet_rng *r, uint64_t was, size_t file_size)
{
    static const uint64_t odd[] = {0, 1, 2, 3, 4, 7, 8, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
                                   0x100000000, 0x3fffffffffffffff, 0x4000000000000000, 0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX};
    switch (pick(r, 6)) {
    case 0: return was + 1;
    case 1: return was - 1;
    case 2: return was * (2 + pick(r, 7));
    case 3: return file_size + pick(r, 9) - 4;
    case 4: return pick(r, (uint32_t)file_size + 1);
    default: return odd[pick(r, sizeof odd / sizeof odd[0])];
    }
}

size_t odd_text(whet_rng *r, uint8_t *out, size_t room)
{
    static const char *const odd[] = {"", "../../../etc/passwd", "/etc/passwd", "..", "a/../../b", "\xff\xfe\xc0\x80", "%s%n", "0", "-1", "1e999", "nan",
                                      "18446744073709551616", "-9223372036854775809", "\n", "__proto__", "os system", "torch.load", "con\tv"};
    if (chance(r, 8)) {
        memset(out, 'a', room);
        return room;
    }
    const char *s = odd[pick(r, sizeof odd / sizeof odd[0])];
    const size_t n = strlen(s) < room ? strlen(s) : room;
    memcpy(out, s, n);
    return n;
}

bool mutate_bytes(bytes *b, whet_rng *r)
{
    if (b->n == 0) return false;
    const size_t at = pick(r, (uint32_t)b->n), left = b->n - at, width = (size_t)1 << pick(r, 4);
    switch (pick(r, 6)) {
    case 0: b->p[at] ^= (uint8_t)(1u << pick(r, 8)); break;
    case 1: b->p[at] = (uint8_t)pick(r, 256); break;
    case 2:
        if (width > left) return false;
        store_le(b->p + at, width, odd_number(r, load_le(b->p + at, width), b->n));
        break;
    case 3: b->n = at; break;
    case 4: bytes_splice(b, at, pick(r, (uint32_t)(left < 64 ? left : 64)), NULL, 0); break;
    default: bytes_splice(b, at, 0, b->p + pick(r, (uint32_t)at + 1), pick(r, (uint32_t)(left < 64 ? left : 64))); break;
    }
    return true;
}

bool mutate_safetensors(bytes *b, whet_rng *r)
{
    const uint64_t length = load_le(b->p, 8);
    if (b->n < 9 || length > b->n - 8 || chance(r, 6)) return mutate_bytes(b, r);
    bytes head = {0};
    bytes_add(&head, b->p + 8, (size_t)length);
    const bool done = mutate_text(&head, r);
    bytes_splice(b, 8, (size_t)length, head.p, head.n);
    store_le(b->p, 8, head.n);
    free(head.p);
    return done;
}

bool mutate_any(bytes *b, whet_rng *r)
{
    if (b->n < 12 || chance(r, 12)) return mutate_bytes(b, r);
    if (memcmp(b->p + 4, "TFL3", 4) == 0) return mutate_flatbuffer(b, r);
    if (memcmp(b->p, "PK\3\4", 4) == 0) return mutate_zip(b, r);
    if (b->p[0] == 0x80 && b->p[1] >= 2 && b->p[1] <= 5) return mutate_pickle(b, r);
    if (b->p[8] == '{' && b->p[6] == 0 && b->p[7] == 0) return mutate_safetensors(b, r);
    if (memcmp(b->p, "\x89HDF", 4) == 0) return mutate_bytes(b, r);
    size_t plain = 0;
    for (size_t i = 0; i < b->n && i < 256; i++) plain += b->p[i] >= 32 || b->p[i] == '\n' || b->p[i] == '\t' || b->p[i] == '\r';
    if (plain == (b->n < 256 ? b->n : 256)) return mutate_text(b, r);
    return mutate_protobuf(b, r);
}
