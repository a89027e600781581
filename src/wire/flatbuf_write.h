/* SPDX-License-Identifier: Apache-2.0 */
/* Building a flatbuffer, from its end to its beginning as the format has it: strings, vectors and tables first, what refers
 * to them afterwards. Equal calls give equal bytes. Reading: wire/flatbuf.h.
 *
 *     whet_fbw_ref name = whet_fbw_string(b, "x");
 *     whet_fbw_table(b);
 *     whet_fbw_add_ref(b, 0, name);
 *     whet_fbw_add_s32(b, 1, 7, 0);
 *     root = whet_fbw_end(b);
 *     whet_fbw_finish(b, root, "TFL3", &data, &size);
 *
 * The first failure (memory; 2 GiB passed) sticks: one check at whet_fbw_finish is enough. */
#ifndef WHET_WIRE_FLATBUF_WRITE_H
#define WHET_WIRE_FLATBUF_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct whet_fbw whet_fbw;
typedef uint32_t whet_fbw_ref; /* distance from the end; 0 = none */

whet_status whet_fbw_create(whet_fbw **out, size_t expected_size);
void whet_fbw_free(whet_fbw *b); /* accepts NULL */

whet_fbw_ref whet_fbw_string(whet_fbw *b, const char *s);
/* n elements of 1, 2, 4 or 8 bytes, little-endian as they lie in memory; the first at a multiple of `align` (a power of two,
 * 0: the element's own size). data may be NULL for n = 0. */
whet_fbw_ref whet_fbw_vector(whet_fbw *b, const void *data, size_t element, size_t n, size_t align);
whet_fbw_ref whet_fbw_vector_refs(whet_fbw *b, const whet_fbw_ref *refs, size_t n);

/* One table at a time. A field that has its default is left out; so is a reference 0. */
void whet_fbw_table(whet_fbw *b);
void whet_fbw_add_bool(whet_fbw *b, int field, bool x, bool otherwise);
void whet_fbw_add_s8(whet_fbw *b, int field, int x, int otherwise);
void whet_fbw_add_u8(whet_fbw *b, int field, unsigned x, unsigned otherwise);
void whet_fbw_add_s32(whet_fbw *b, int field, int32_t x, int32_t otherwise);
void whet_fbw_add_u32(whet_fbw *b, int field, uint32_t x, uint32_t otherwise);
void whet_fbw_add_f32(whet_fbw *b, int field, float x, float otherwise);
void whet_fbw_add_ref(whet_fbw *b, int field, whet_fbw_ref r);
whet_fbw_ref whet_fbw_end(whet_fbw *b);

/* identifier: 4 characters. *data is a heap block. */
whet_status whet_fbw_finish(whet_fbw *b, whet_fbw_ref root, const char *identifier, uint8_t **data, size_t *size);

#endif
