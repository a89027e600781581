/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/mem.h"
#include "tensor/tensor.h"

#define MAX_BYTES ((int64_t)1 << 40)

whet_shape whet_shape_of(int rank, const int64_t *dims)
{
    whet_shape s = {.rank = rank};
    for (int i = 0; i < rank && i < WHET_MAX_RANK; i++) s.dims[i] = dims[i];
    return s;
}

bool whet_shape_equal(const whet_shape *a, const whet_shape *b)
{
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    return true;
}

whet_status whet_shape_count(const whet_shape *s, int64_t *count)
{
    int64_t n = 1;
    char text[128];
    bool empty = false;
    for (int i = 0; i < s->rank; i++) empty = empty || s->dims[i] == 0;
    for (int i = 0; i < s->rank && !empty; i++)
        if (s->dims[i] < 0 || !whet_mul_i64(n, s->dims[i], &n) || n > MAX_BYTES)
            return WHET_FAIL(WHET_ENOMEM, "shape %s is too large", whet_shape_text(s, text, sizeof text));
    *count = empty ? 0 : n;
    return WHET_OK;
}

whet_status whet_shape_bytes(const whet_shape *s, whet_dtype t, size_t *bytes)
{
    int64_t n = 0;
    char text[128];
    WHET_TRY(whet_shape_count(s, &n));
    int64_t b = whet_dtype_bits(t) == 4 ? (n + 1) / 2 : n * (int64_t)whet_dtype_size(t);
    if (b > MAX_BYTES)
        return WHET_FAIL(WHET_ENOMEM, "a tensor of shape %s is too large", whet_shape_text(s, text, sizeof text));
    *bytes = (size_t)b;
    return WHET_OK;
}

int64_t whet_shape_numel(const whet_shape *s)
{
    int64_t n = 1;
    bool fits = true;
    for (int i = 0; i < s->rank; i++) {
        if (s->dims[i] == 0) return 0;
        fits = fits && whet_mul_i64(n, s->dims[i], &n);
    }
    return fits ? n : INT64_MAX;
}

const char *whet_shape_text(const whet_shape *s, char *buf, size_t size)
{
    size_t used = 0;
    if (s->rank == 0) snprintf(buf, size, "scalar");
    for (int i = 0; i < s->rank && used < size; i++) {
        int n = snprintf(buf + used, size - used, "%s%lld", i > 0 ? "x" : "", (long long)s->dims[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    return buf;
}
