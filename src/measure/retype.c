/* SPDX-License-Identifier: Apache-2.0 */
/* Integers as the real numbers that they stand for, and back. */
#include "measure/retype.h"

#include <string.h>

#include "base/mem.h"

static bool is_byte(whet_dtype t) { return t == WHET_U8 || t == WHET_S8; }

static bool is_real(whet_dtype t) { return t == WHET_F32 || t == WHET_F16; }

static double real_of(const whet_tensor *t, int64_t i, const whet_border *b)
{
    return is_byte(t->dtype) ? b->scale * (double)(whet_tensor_get_s64(t, i) - b->zero_point) : whet_tensor_get_f64(t, i);
}

static void put_real(whet_tensor *t, int64_t i, double x, const whet_border *b)
{
    const float f = (float)x;
    if (is_byte(t->dtype))
        whet_border_put(b, t->dtype, &f, 1, (char *)t->data + i);
    else
        whet_tensor_set_f64(t, i, x);
}

static bool possible(whet_dtype from, const whet_border *a, whet_dtype to, const whet_border *b)
{
    const bool known = (is_real(from) || (is_byte(from) && a->scale > 0)) && (is_real(to) || (is_byte(to) && b->scale > 0));
    return from != to && known;
}

whet_status whet_retype_samples(whet_samples *out, const whet_samples *s, const json_t *inputs, const whet_border *from, const whet_border *to)
{
    const whet_dtype want = whet_dtype_from_onnx((int)json_integer_value(json_object_get(json_array_get(inputs, 0), "dtype"))), have = s->in[0].dtype;
    whet_samples_init(out);
    if (s->n_inputs < 1 || !possible(have, from, want, to)) return WHET_OK;
    const size_t n = s->in[0].bytes / whet_dtype_size(have), rest = s->sample_bytes - s->in[0].bytes;
    whet_samples copy = *s;
    copy.memory = (whet_shared){.fd = -1};
    whet_contract_init(&copy.contract); /* it was applied already */
    copy.in[0].dtype = want;
    copy.in[0].bytes = n * whet_dtype_size(want);
    copy.sample_bytes = copy.in[0].bytes + rest;
    WHET_TRY(whet_shared_create(&copy.memory, "whet-samples", copy.sample_bytes * (size_t)s->count));
    *out = copy;
    char *src = s->memory.data, *dst = out->memory.data;
    for (int k = 0; k < s->count; k++) {
        const whet_tensor x = {.dtype = have, .shape = s->in[0].shape, .data = src};
        whet_tensor y = {.dtype = want, .shape = s->in[0].shape, .data = dst};
        for (size_t i = 0; i < n; i++) put_real(&y, (int64_t)i, real_of(&x, (int64_t)i, from), to);
        memcpy(dst + out->in[0].bytes, src + s->in[0].bytes, rest);
        src += s->sample_bytes;
        dst += out->sample_bytes;
    }
    return WHET_OK;
}

whet_status whet_retype_real(whet_tensor *out, const whet_tensor *t, const whet_border *b)
{
    if (!is_byte(t->dtype) && !whet_dtype_is_float(t->dtype)) return WHET_FAIL(WHET_EUNSUPPORTED, "%s does not stand for real numbers", whet_dtype_name(t->dtype));
    WHET_TRY(whet_tensor_alloc(out, WHET_F32, &t->shape));
    const int64_t n = whet_tensor_numel(t);
    for (int64_t i = 0; i < n; i++) ((float *)out->data)[i] = (float)real_of(t, i, b);
    return WHET_OK;
}
