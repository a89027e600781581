/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share. A target is LLVMFuzzerTestOneInput: any bytes must end in OK or in a clean error; an invariant
 * that does not hold aborts. */
#ifndef WHET_TESTS_FUZZ_H
#define WHET_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned fuzz_sink __attribute__((unused));

#define FUZZ_CHECK(condition)                                                                                       \
    do {                                                                                                            \
        if (!(condition)) {                                                                                         \
            fprintf(stderr, "%s:%d: %s does not hold; last error: %s\n", __FILE__, __LINE__, #condition,            \
                    whet_error_message());                                                                          \
            abort();                                                                                                \
        }                                                                                                           \
    } while (0)

/* A failed call left no object and says what is wrong with which file. */
static inline void fuzz_clean_error(whet_status s, const void *object, const char *file)
{
    const whet_error *e = whet_error_last();
    FUZZ_CHECK(object == NULL && e->status == s && e->text[0] != '\0');
    if (file && s != WHET_ENOMEM) FUZZ_CHECK(strcmp(e->file, file) == 0);
}

#endif
