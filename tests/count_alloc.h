/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the calls of the allocator between two moments: malloc and its kin are interposed in the program that includes this
 * (once). INTERPOSE is 0 where the allocator belongs to a sanitizer. What oneDNN and the C++ library allocate inside of
 * their own calls is left out, told apart by the caller's library. */
#ifndef WHET_TESTS_COUNT_ALLOC_H
#define WHET_TESTS_COUNT_ALLOC_H

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INTERPOSE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define INTERPOSE 0
#endif
#endif
#ifndef INTERPOSE
#define INTERPOSE 1
#endif

static _Atomic int armed, calls;

#if INTERPOSE && defined(__GLIBC__)
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);
void __libc_free(void *p);

static int foreign(const void *caller)
{
    Dl_info info = {0};
    if (dladdr(caller, &info) == 0 || info.dli_fname == NULL) return 0;
    return strstr(info.dli_fname, "libdnnl") != NULL || strstr(info.dli_fname, "libstdc++") != NULL;
}

static void count_call(const void *caller)
{
    if (atomic_load(&armed) && !foreign(caller)) atomic_fetch_add(&calls, 1);
}
#define count() count_call(__builtin_return_address(0))
__attribute__((visibility("default"))) void *malloc(size_t n) { return count(), __libc_malloc(n); }
__attribute__((visibility("default"))) void *calloc(size_t n, size_t size) { return count(), __libc_calloc(n, size); }
__attribute__((visibility("default"))) void *realloc(void *p, size_t n) { return count(), __libc_realloc(p, n); }
__attribute__((visibility("default"))) void *aligned_alloc(size_t a, size_t n) { return count(), __libc_memalign(a, n); }
__attribute__((visibility("default"))) int posix_memalign(void **p, size_t a, size_t n)
{
    count();
    *p = __libc_memalign(a, n);
    return *p != NULL ? 0 : 12;
}
__attribute__((visibility("default"))) void free(void *p)
{
    if (p != NULL) count();
    __libc_free(p);
}
#endif

#endif
