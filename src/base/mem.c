/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation with the error set, a test hook that makes the n-th call fail, and the arena: a list of blocks of doubling
 * size, freed together. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

/* Large blocks go to large pages where the kernel grants them: 2 to 4 % of a network's time is misses of the TLB. */
enum { HUGE_PAGE = 2 << 20, BIG = 4 << 20 };

static _Atomic long fail_after; /* 0: never; n: the n-th call from now */

long whet_alloc_fail_after(long n)
{
    return atomic_exchange(&fail_after, n);
}

static bool must_fail(void)
{
    long n = atomic_load_explicit(&fail_after, memory_order_relaxed);
    if (n == 0) return false;
    return atomic_fetch_sub(&fail_after, 1) == 1;
}

static void *no_memory(size_t size)
{
    whet_fail(WHET_ENOMEM, "out of memory (%zu bytes wanted)", size);
    return NULL;
}

void *whet_alloc(size_t size)
{
    void *p = must_fail() ? NULL : malloc(size != 0 ? size : 1);
    return p != NULL ? p : no_memory(size);
}

void *whet_calloc(size_t count, size_t size)
{
    void *p = must_fail() ? NULL : calloc(count != 0 ? count : 1, size != 0 ? size : 1);
    return p != NULL ? p : no_memory(size);
}

void *whet_realloc(void *p, size_t count, size_t size)
{
    size_t bytes = 0;
    if (!whet_mul_size(count, size, &bytes) || must_fail()) return no_memory(SIZE_MAX);
    void *q = realloc(p, bytes != 0 ? bytes : 1);
    return q != NULL ? q : no_memory(bytes);
}

void *whet_alloc_aligned(size_t size, size_t align)
{
    void *p = NULL;
    size_t padded = 0;
    if (must_fail() || !whet_add_size(size, align, &padded)) return no_memory(size);
    padded = WHET_ALIGN_UP(size != 0 ? size : 1, align);
    if (posix_memalign(&p, size >= BIG ? WHET_MAX(align, HUGE_PAGE) : align, padded) != 0) return no_memory(size);
#ifdef MADV_HUGEPAGE
    if (size >= BIG) madvise(p, padded / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* whole pages only; a refusal costs nothing */
#endif
    return p;
}

void *whet_reserve_addresses(size_t size)
{
    void *p = must_fail() ? MAP_FAILED : mmap(NULL, size != 0 ? size : 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p != MAP_FAILED ? p : no_memory(size);
}

void whet_release_addresses(void *p, size_t size)
{
    if (p != NULL) munmap(p, size != 0 ? size : 1);
}

void whet_free_aligned(void *p)
{
    free(p);
}

void whet_free(void *p)
{
    free(p);
}

char *whet_strndup(const char *s, size_t n)
{
    char *p = whet_alloc(n + 1);
    if (p == NULL) return NULL;
    memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

char *whet_strdup(const char *s)
{
    return whet_strndup(s, strlen(s));
}

char *whet_format(const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : whet_alloc((size_t)n + 1);
    if (p != NULL) vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

typedef struct block { struct block *next; size_t used, size; } block;
struct whet_arena { block *blocks; };
#define BLOCK_HEAD WHET_ALIGN_UP(sizeof(block), 16)

whet_arena *whet_arena_create(void)
{
    return whet_calloc(1, sizeof(whet_arena));
}

void whet_arena_free(whet_arena *a)
{
    if (a == NULL) return;
    for (block *b = a->blocks; b != NULL;) {
        block *next = b->next;
        whet_free(b);
        b = next;
    }
    whet_free(a);
}

void *whet_arena_alloc(whet_arena *a, size_t size)
{
    size_t need = 0;
    if (!whet_add_size(size != 0 ? size : 1, 15, &need)) return no_memory(size);
    need &= ~(size_t)15;
    block *b = a->blocks;
    if (b == NULL || b->size - b->used < need) {
        size_t wanted = b == NULL ? 4096 : WHET_MIN(b->size * 2, (size_t)1 << 20);
        size_t total = 0;
        wanted = WHET_MAX(wanted, need);
        if (!whet_add_size(wanted, BLOCK_HEAD, &total)) return no_memory(size);
        b = whet_alloc(total);
        if (b == NULL) return NULL;
        *b = (block){.next = a->blocks, .used = 0, .size = wanted};
        a->blocks = b;
    }
    void *p = (char *)b + BLOCK_HEAD + b->used;
    b->used += need;
    memset(p, 0, need);
    return p;
}

char *whet_arena_strndup(whet_arena *a, const char *s, size_t n)
{
    char *p = whet_arena_alloc(a, n + 1);
    if (p != NULL) memcpy(p, s, n);
    return p;
}

char *whet_arena_strdup(whet_arena *a, const char *s)
{
    return whet_arena_strndup(a, s, strlen(s));
}

bool whet_grow_(void **items, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) return true;
    size_t next = *cap == 0 ? 8 : *cap * 2;
    void *p = whet_realloc(*items, next, size);
    if (p == NULL) return false;
    *items = p;
    *cap = next;
    return true;
}
