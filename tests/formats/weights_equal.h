/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing named tensors bit for bit, whatever their order. */
#ifndef WHET_TESTS_WEIGHTS_EQUAL_H
#define WHET_TESTS_WEIGHTS_EQUAL_H

#include "support.h"
#include "formats/weights.h"

static inline void assert_same_tensor(const char *name, const whet_tensor *a, const whet_tensor *b)
{
    if (!b) fail_msg("'%s' is in one file only", name);
    if (a->dtype != b->dtype || !whet_shape_equal(&a->shape, &b->shape)) fail_msg("'%s' has two types or shapes", name);
    if (whet_tensor_bytes(a) && memcmp(a->data, b->data, whet_tensor_bytes(a)) != 0) fail_msg("'%s' has other bits", name);
}

static inline void assert_same_weights(const whet_weights *a, const whet_weights *b)
{
    assert_int_equal(a->n, b->n);
    assert_true(a->n > 0);
    for (size_t i = 0; i < a->n; i++) assert_same_tensor(a->names[i], &a->tensors[i], whet_weights_find(b, a->names[i]));
}

static inline void assert_same_bytes(const char *a, const char *b)
{
    uint8_t *x = NULL, *y = NULL;
    size_t nx = 0, ny = 0;
    assert_ok(whet_file_read(&x, &nx, a, (size_t)1 << 30));
    assert_ok(whet_file_read(&y, &ny, b, (size_t)1 << 30));
    assert_int_equal(nx, ny);
    if (nx) assert_memory_equal(x, y, nx);
    whet_free(x);
    whet_free(y);
}

#endif
