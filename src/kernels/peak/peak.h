/* SPDX-License-Identifier: Apache-2.0 */
/* The most arithmetic and the most bytes a core can do, as loops that do nothing else: what a layer's time is held against
 * ("Roofline", Williams, Waterman, Patterson 2009). The loops are written in instructions, so that no compiler improves them. */
#ifndef WHET_KERNELS_PEAK_H
#define WHET_KERNELS_PEAK_H

#include <stdint.h>

typedef struct whet_peak_row {
    const char *precision;    /* "f32", "int8", "bf16", "f16" */
    const char *name;         /* of the instructions: "avx512", "avx512vnni", "amx" */
    uint32_t isa;             /* needed, of base/cpu.h */
    int (*available)(void);   /* beyond that; NULL: nothing */
    void (*run)(int64_t n);   /* n turns on registers alone */
    double ops;               /* of a turn: a multiply-add is two */
} whet_peak_row;

/* Rows that can run here, best last within a precision. Returns how many there are. */
int whet_peak_rows(const whet_peak_row **rows, int cap);

/* Reads n bytes (a multiple of 4096, 64-byte aligned), or copies as many. */
typedef struct whet_peak_stream { void (*read)(const void *src, int64_t n); void (*copy)(void *dst, const void *src, int64_t n); } whet_peak_stream;
whet_peak_stream whet_peak_streams(void);

/* Of the files of this folder. */
#define WHET_PEAK_ROWS(P)                                                                                           \
    P(f32_ref) P(f32_avx2) P(f32_avx512) P(int8_avx2) P(int8_avx512) P(int8_avx512vnni) P(int8_amx)                 \
    P(bf16_avx512bf16) P(bf16_amx) P(f16_avx512fp16) P(f32_neon) P(int8_neon) P(int8_neon_dot)
#define P(name) extern const whet_peak_row whet_peak_##name;
WHET_PEAK_ROWS(P)
#undef P
void whet_peak_read_avx2(const void *src, int64_t n);
void whet_peak_copy_avx2(void *dst, const void *src, int64_t n);
void whet_peak_read_avx512(const void *src, int64_t n);
void whet_peak_copy_avx512(void *dst, const void *src, int64_t n);

#endif
