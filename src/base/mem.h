/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: checked allocation, checked size arithmetic, an arena, and growing arrays.
 *
 * All allocation of the library goes through here, so that tests can make the n-th call fail. */
#ifndef WHET_BASE_MEM_H
#define WHET_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

/* NULL on failure, with ENOMEM set. count * size is checked. A zero request gives a valid pointer. */
void *whet_alloc(size_t size);
void *whet_calloc(size_t count, size_t size);
void *whet_realloc(void *p, size_t count, size_t size);
void *whet_alloc_aligned(size_t size, size_t align); /* free with whet_free_aligned */
/* Addresses without memory behind them, for plans that are only looked at: touching them is an error. Freed with
 * whet_release_addresses; NULL with ENOMEM. */
void *whet_reserve_addresses(size_t size);
void whet_release_addresses(void *p, size_t size); /* accepts NULL */
void whet_free_aligned(void *p);
void whet_free(void *p);
char *whet_strdup(const char *s);
char *whet_strndup(const char *s, size_t n);
char *whet_format(const char *fmt, ...) WHET_PRINTF(1, 2); /* heap string or NULL */

/* Test hook: the n-th allocation from now fails (0 = never). Process-wide. Returns how many were still missing to the one
 * asked for before: 0 if it has failed. */
long whet_alloc_fail_after(long n);

/* Checked arithmetic: false on overflow (result untouched). */
static inline bool whet_mul_size(size_t a, size_t b, size_t *r) { return !__builtin_mul_overflow(a, b, r); }
static inline bool whet_add_size(size_t a, size_t b, size_t *r) { return !__builtin_add_overflow(a, b, r); }
static inline bool whet_mul_i64(int64_t a, int64_t b, int64_t *r) { return !__builtin_mul_overflow(a, b, r); }
static inline bool whet_add_i64(int64_t a, int64_t b, int64_t *r) { return !__builtin_add_overflow(a, b, r); }

#define WHET_ALIGN_UP(x, a) (((x) + ((a)-1)) & ~(size_t)((a)-1))
#define WHET_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define WHET_MIN(a, b) ((a) < (b) ? (a) : (b))
#define WHET_MAX(a, b) ((a) > (b) ? (a) : (b))

/* Arena: many small pieces, freed together. Not thread-safe. */
typedef struct whet_arena whet_arena;
whet_arena *whet_arena_create(void);
void whet_arena_free(whet_arena *a);
void *whet_arena_alloc(whet_arena *a, size_t size); /* zeroed, 16-byte aligned; NULL with ENOMEM set */
char *whet_arena_strdup(whet_arena *a, const char *s);
char *whet_arena_strndup(whet_arena *a, const char *s, size_t n);

/* Makes room for one more element of a heap array; element size taken from *items.
 *     WHET_GROW(&g->nodes, g->n_nodes, &g->cap_nodes)  ->  false with ENOMEM set */
bool whet_grow_(void **items, size_t n, size_t *cap, size_t size);
#define WHET_GROW(items, n, cap) whet_grow_((void **)(items), (n), (cap), sizeof(**(items)))

#endif
