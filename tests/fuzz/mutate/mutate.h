/* SPDX-License-Identifier: Apache-2.0 */
/* Mutants that keep a file's structure: a walker for each kind of file finds what means something (a field, an offset, a
 * token, an archive's entry), changes it and makes the rest fit again. Test code: out of memory aborts. */
#ifndef WHET_TESTS_MUTATE_H
#define WHET_TESTS_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

typedef struct bytes {
    uint8_t *p; /* heap */
    size_t n, capacity;
} bytes;

void bytes_add(bytes *b, const void *p, size_t n);
/* Bytes at .. at + cut - 1 are replaced. */
void bytes_splice(bytes *b, size_t at, size_t cut, const void *p, size_t n);

uint32_t pick(whet_rng *r, uint32_t n); /* 0 .. n-1; 0 if n is 0 */
bool chance(whet_rng *r, uint32_t one_in);
/* A number that readers get wrong: 0, -1, the limits of 8 to 64 bits, near `was`, near the file's size. */
uint64_t odd_number(whet_rng *r, uint64_t was, size_t file_size);
uint64_t load_le(const uint8_t *p, size_t n);
void store_le(uint8_t *p, size_t n, uint64_t x);
/* Odd texts: paths that leave the folder, long ones, broken UTF-8. */
size_t odd_text(whet_rng *r, uint8_t *out, size_t room);

/* Each changes *b in one place; false: found nothing to change. */
bool mutate_bytes(bytes *b, whet_rng *r);
bool mutate_protobuf(bytes *b, whet_rng *r);
bool mutate_flatbuffer(bytes *b, whet_rng *r);
bool mutate_pickle(bytes *b, whet_rng *r);
bool mutate_text(bytes *b, whet_rng *r); /* XML, JSON, Python */
bool mutate_zip(bytes *b, whet_rng *r);
bool mutate_safetensors(bytes *b, whet_rng *r);
/* By what the bytes look like. */
bool mutate_any(bytes *b, whet_rng *r);

#endif
