/* SPDX-License-Identifier: Apache-2.0 */
/* Integers as the real numbers that they stand for, and back. */
#include "measure/retype.h"

#include "base/mem.h"

static bool is_byte(whet_dtype t) { return t == WHET_U8 || t == WHET_S8; }

static double real_of(whet_dtype t, const void *src, size_t i, const whet_border *b)
{
    if (t == WHET_F32) return (double)((const float *)src)[i];
    const int q = t == WHET_U8 ? ((const uint8_t *)src)[i] : ((const int8_t *)src)[i];
    return b->scale * (q - b->zero_point);
}

static bool possible(whet_dtype from, const whet_border *a, whet_dtype to, const whet_border *b)
{
    const bool known = (from == WHET_F32 || (is_byte(from) && a->scale > 0)) && (to == WHET_F32 || (is_byte(to) && b->scale > 0));
    return from != to && known;
}

whet_status whet_retype_samples(whet_samples *out, const whet_samples *s, const json_t *inputs, const whet_border *from, const whet_border *to)
{
    const whet_dtype want = whet_dtype_from_onnx((int)json_integer_value(json_object_get(json_array_get(inputs, 0), "dtype"))), have = s->in[0].dtype;
    whet_samples_init(out);
    if (s->n_inputs < 1 || !possible(have, from, want, to)) return WHET_OK;
    const size_t n = s->in[0].bytes / whet_dtype_size(have), rest = s->sample_bytes - s->in[0].bytes;
    float *x = whet_calloc(n + 1, sizeof *x);
    whet_samples copy = *s;
    if (x == NULL) return WHET_ENOMEM;
    copy.memory = (whet_shared){.fd = -1};
    whet_contract_init(&copy.contract); /* it was applied already */
    copy.in[0].dtype = want;
    copy.in[0].bytes = n * whet_dtype_size(want);
    copy.sample_bytes = copy.in[0].bytes + rest;
    const whet_status status = whet_shared_create(&copy.memory, "whet-samples", copy.sample_bytes * (size_t)s->count);
    if (status == WHET_OK) *out = copy;
    const char *src = s->memory.data;
    char *dst = out->memory.data;
    for (int k = 0; status == WHET_OK && k < s->count; k++) {
        for (size_t i = 0; i < n; i++) x[i] = (float)real_of(have, src, i, from);
        whet_border_put(to, want, x, n, dst);
        memcpy(dst + out->in[0].bytes, src + s->in[0].bytes, rest);
        src += s->sample_bytes;
        dst += out->sample_bytes;
    }
    whet_free(x);
    return status;
}

whet_status whet_retype_real(whet_tensor *out, const whet_tensor *t, const whet_border *b)
{
    if (!is_byte(t->dtype)) return WHET_FAIL(WHET_EUNSUPPORTED, "only bytes stand for real numbers");
    WHET_TRY(whet_tensor_alloc(out, WHET_F32, &t->shape));
    const size_t n = (size_t)whet_tensor_numel(t);
    for (size_t i = 0; i < n; i++) ((float *)out->data)[i] = (float)real_of(t->dtype, t->data, i, b);
    return WHET_OK;
}
