/* SPDX-License-Identifier: Apache-2.0 */
/* What the cmocka tests share: the shared folder, skipping with a reason, scratch folders, comparing.
 *
 * A skip prints one line "SKIP: <what>: <reason>" that the test driver counts; when WHET_REQUIRE names <what>
 * (comma-separated, e.g. "shared,ort,chromium") it is a failure instead. */
#ifndef WHET_TESTS_SUPPORT_H
#define WHET_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/status.h"

/* Fails with whet's own error text when a call does not return WHET_OK. */
#define assert_ok(expr)                                                                                             \
    do {                                                                                                            \
        whet_status assert_ok_ = (expr);                                                                            \
        if (assert_ok_ != WHET_OK) {                                                                                \
            print_error("%s: %s: %s\n", #expr, whet_status_name(assert_ok_), whet_error_message());                \
            fail();                                                                                                 \
        }                                                                                                           \
    } while (0)
#define assert_status(expr, want)                                                                                   \
    do {                                                                                                            \
        whet_status assert_st_ = (expr);                                                                            \
        if (assert_st_ != (want)) {                                                                                 \
            print_error("%s gave %s, wanted %s: %s\n", #expr, whet_status_name(assert_st_), whet_status_name(want),    \
                        whet_error_message());                                                                      \
            fail();                                                                                                 \
        }                                                                                                           \
    } while (0)
#define assert_contains(text, part)                                                                                 \
    do {                                                                                                            \
        if (strstr((text), (part)) == NULL) {                                                                       \
            print_error("'%s' does not contain '%s'\n", (text), (part));                                            \
            fail();                                                                                                 \
        }                                                                                                           \
    } while (0)

static inline int support_required(const char *what)
{
    const char *list = getenv("WHET_REQUIRE");
    size_t n = strlen(what);
    for (const char *p = list; p != NULL && *p != '\0';) {
        size_t len = strcspn(p, ",");
        if (len == n && strncmp(p, what, n) == 0) return 1;
        p += len + (p[len] == ',');
    }
    return 0;
}

/* Ends the running test as a skip, or as a failure where `what` is required. */
#define support_skip(what, ...)                                                                                     \
    do {                                                                                                            \
        char support_reason_[300];                                                                                  \
        snprintf(support_reason_, sizeof support_reason_, __VA_ARGS__);                                             \
        if (support_required(what)) {                                                                               \
            print_error("%s is required, but: %s\n", what, support_reason_);                                        \
            fail();                                                                                                 \
        }                                                                                                           \
        printf("SKIP: %s: %s\n", what, support_reason_);                                                            \
        fflush(stdout);                                                                                             \
        skip();                                                                                                     \
    } while (0)

/* Path below the shared folder in a static buffer (four in turn); skips the test if the folder or file is missing. */
static inline const char *support_shared_path(const char *rel, int *missing)
{
    static char paths[4][1024];
    static int turn;
    char *dir = whet_shared_dir(), *out = paths[turn = (turn + 1) % 4];
    *missing = 1;
    snprintf(out, sizeof paths[0], "%s/%s", dir != NULL ? dir : "../shared", rel);
    if (dir != NULL && access(out, R_OK) == 0) *missing = 0;
    whet_free(dir);
    return out;
}
#define support_shared(var, rel)                                                                                    \
    const char *var = NULL;                                                                                         \
    do {                                                                                                            \
        int support_missing_ = 0;                                                                                   \
        var = support_shared_path((rel), &support_missing_);                                                        \
        if (support_missing_) support_skip("shared", "%s not found (set WHET_SHARED)", var);                        \
    } while (0)

/* Calls fn again and again, its first, second, ... allocation failing, until there are no more: it must give ENOMEM. fn frees
 * what it made; the sanitizer finds what it leaves. Libraries' own allocations do not count (jansson 2.14 writes beyond
 * its buffer when one fails while it reads). Returns how many there are. */
static inline long support_fail_each_allocation(whet_status (*fn)(void *arg), void *arg)
{
    for (long n = 1; n < 200000; n++) {
        whet_alloc_fail_after(n);
        const whet_status status = fn(arg);
        const bool failed = whet_alloc_fail_after(0) == 0;
        if (status == WHET_OK && !failed && n > 1) return n - 1;
        if (status == WHET_ENOMEM && failed) continue;
        print_error("allocation %ld failing gave %s: %s\n", n, whet_status_name(status), status != WHET_OK ? whet_error_message() : "");
        fail();
    }
    fail();
    return 0;
}

/* A fresh scratch folder; removed by support_rmtree. */
static inline char *support_tmpdir(void)
{
    const char *base = getenv("TMPDIR");
    char *path = whet_format("%s/whet-test-XXXXXX", base != NULL ? base : "/tmp");
    if (path == NULL || mkdtemp(path) == NULL) {
        print_error("cannot make a scratch folder\n");
        fail();
    }
    return path;
}
static inline void support_rmtree(char *path)
{
    char *command = whet_format("rm -rf -- '%s'", path);
    if (command != NULL && strncmp(whet_path_base(path), "whet-test-", 10) == 0 && system(command) != 0)
        print_error("cannot remove %s\n", path);
    whet_free(command);
    whet_free(path);
}

#endif
