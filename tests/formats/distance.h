/* SPDX-License-Identifier: Apache-2.0 */
/* How far two results are apart. */
#ifndef WHET_TESTS_DISTANCE_H
#define WHET_TESTS_DISTANCE_H

#include <math.h>

#include "support.h"
#include "tensor/tensor.h"

/* max |a - b| / max |b|, whatever the types; infinite where a is not finite. */
static inline double distance_of_numbers(const whet_tensor *a, const whet_tensor *b)
{
    double d = 0, top = 0;
    assert_true(whet_shape_equal(&a->shape, &b->shape));
    for (int64_t i = 0; i < whet_tensor_numel(b); i++) {
        const double x = whet_tensor_get_f64(a, i), y = whet_tensor_get_f64(b, i);
        if (!isfinite(x)) return INFINITY;
        d = fmax(d, fabs(x - y));
        top = fmax(top, fabs(y));
    }
    return d / top;
}

/* The same of two tensors of one type. */
static inline double distance(const whet_tensor *a, const whet_tensor *b)
{
    assert_int_equal(a->dtype, b->dtype);
    return distance_of_numbers(a, b);
}

#endif
