/* SPDX-License-Identifier: Apache-2.0 */
/* Channels first, channels last: moves the elements of pictures, whatever their type. */
#include "measure/relay.h"

#include <string.h>

#include "base/mem.h"

static bool is_nhwc_of(const whet_shape *nhwc, const whet_shape *nchw)
{
    return nhwc->rank == 4 && nchw->rank == 4 && nhwc->dims[0] == nchw->dims[0] && nhwc->dims[1] == nchw->dims[2] &&
           nhwc->dims[2] == nchw->dims[3] && nhwc->dims[3] == nchw->dims[1];
}

int whet_relay_order(const whet_shape *a, const whet_shape *b)
{
    if (whet_shape_equal(a, b)) return 0;
    return is_nhwc_of(b, a) ? 1 : is_nhwc_of(a, b) ? 2 : 0;
}

/* rows x columns -> columns x rows, for each of n. */
static void transpose(char *dst, const char *src, int64_t n, int64_t rows, int64_t columns, size_t size)
{
    for (int64_t k = 0; k < n; k++)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < columns; c++)
                memcpy(dst + (size_t)((k * columns + c) * rows + r) * size, src + (size_t)((k * rows + r) * columns + c) * size, size);
}

static whet_shape turned(const whet_shape *s, bool channels_first)
{
    const int64_t *d = s->dims;
    return channels_first ? WHET_SHAPE(d[0], d[3], d[1], d[2]) : WHET_SHAPE(d[0], d[2], d[3], d[1]);
}

static void move(char *dst, const char *src, const whet_shape *from, bool channels_first, size_t size)
{
    const int64_t *d = from->dims;
    if (channels_first)
        transpose(dst, src, d[0], d[1] * d[2], d[3], size);
    else
        transpose(dst, src, d[0], d[1], d[2] * d[3], size);
}

whet_status whet_relay_tensor(whet_tensor *out, const whet_tensor *t, bool channels_first)
{
    const whet_shape shape = turned(&t->shape, channels_first);
    if (t->shape.rank != 4 || whet_dtype_size(t->dtype) == 0) return WHET_FAIL(WHET_EUNSUPPORTED, "only pictures can be turned");
    WHET_TRY(whet_tensor_alloc(out, t->dtype, &shape));
    move(out->data, t->data, &t->shape, channels_first, whet_dtype_size(t->dtype));
    return WHET_OK;
}

static int order_of(const whet_samples *s, int i, const json_t *inputs, whet_shape *want)
{
    const json_t *dims = json_object_get(json_array_get(inputs, (size_t)i), "dims");
    *want = (whet_shape){.rank = (int)WHET_MIN(json_array_size(dims), (size_t)WHET_MAX_RANK)};
    for (int d = 0; d < want->rank; d++) want->dims[d] = json_integer_value(json_array_get(dims, (size_t)d));
    return whet_dtype_size(s->in[i].dtype) > 0 ? whet_relay_order(&s->in[i].shape, want) : 0;
}

whet_status whet_relay_samples(whet_samples *out, const whet_samples *s, const json_t *inputs)
{
    int order[WHET_SAMPLES_MAX_INPUTS] = {0}, any = 0;
    whet_shape want;
    whet_samples_init(out);
    for (int i = 0; i < s->n_inputs; i++) any |= order[i] = order_of(s, i, inputs, &want);
    if (any == 0) return WHET_OK;
    whet_samples copy = *s;
    copy.memory = (whet_shared){.fd = -1};
    whet_contract_init(&copy.contract); /* it was applied already */
    WHET_TRY(whet_shared_create(&copy.memory, "whet-samples", s->sample_bytes * (size_t)s->count));
    *out = copy;
    const char *src = s->memory.data;
    char *dst = out->memory.data;
    for (int k = 0; k < s->count; k++)
        for (int i = 0; i < s->n_inputs; i++) {
            if (order[i] == 0)
                memcpy(dst, src, s->in[i].bytes);
            else
                move(dst, src, &s->in[i].shape, order[i] == 2, whet_dtype_size(s->in[i].dtype));
            src += s->in[i].bytes;
            dst += s->in[i].bytes;
        }
    for (int i = 0; i < s->n_inputs; i++)
        if (order_of(s, i, inputs, &want) != 0) out->in[i].shape = want;
    return WHET_OK;
}
