/* SPDX-License-Identifier: Apache-2.0 */
/* QuantizeLinear and DequantizeLinear by their definitions: the quotient is rounded to the nearest even integer in the type of
 * the scale, then the zero point is added and the sum clipped to the type. */
#include <math.h>

#include "base/mem.h"
#include "exec/cpu/cpu_nest.h"
#include "exec/exec.h"

typedef struct quantize_state {
    int64_t n, inner, block, blocks; /* the input as [outer, n, inner]; block 0: none */
    bool whole;                      /* one scale */
    double lo, hi;
} quantize_state;

static whet_tensor as_tensor(const whet_cpu_arg *a) { return (whet_tensor){.dtype = a->dtype, .shape = a->shape, .data = a->data}; }

static whet_status create(whet_cpu_node *k)
{
    static const struct { whet_dtype t; double lo, hi; } ranges[] = {
        {WHET_S8, -128, 127}, {WHET_U8, 0, 255}, {WHET_S16, -32768, 32767}, {WHET_U16, 0, 65535}};
    quantize_state *s = whet_cpu_state(k, sizeof *s);
    const whet_shape *x = &k->in[0].shape;
    int64_t axis = whet_node_int(k->n, "axis", 1);
    if (s == NULL) return WHET_ENOMEM;
    if (k->in[0].layout != WHET_NCHW || k->out[0].layout != WHET_NCHW) return whet_cpu_refuse(k, "only in NCHW layout");
    s->block = whet_node_int(k->n, "block_size", 0);
    s->whole = s->block == 0 && k->in[1].numel == 1;
    s->n = s->inner = 1;
    if (axis < 0) axis += x->rank;
    for (int i = (int)axis + 1; i < x->rank && !s->whole; i++) s->inner *= x->dims[i];
    if (!s->whole) s->n = x->dims[axis];
    if (s->block > 0) s->blocks = s->n / s->block + (s->n % s->block != 0);
    for (size_t i = 0; i < WHET_COUNT(ranges); i++)
        if (ranges[i].t == k->out[0].dtype) s->lo = ranges[i].lo, s->hi = ranges[i].hi;
    return WHET_OK;
}

static int64_t scale_index(const quantize_state *s, int64_t e)
{
    if (s->whole) return 0;
    const int64_t a = e / s->inner % s->n;
    return s->block == 0 ? a : (e / (s->inner * s->n) * s->blocks + a / s->block) * s->inner + e % s->inner;
}

static void quantize_range(void *arg, int64_t begin, int64_t end)
{
    const whet_cpu_node *k = arg;
    const quantize_state *s = k->state;
    const whet_tensor x = as_tensor(&k->in[0]), scale = as_tensor(&k->in[1]);
    const bool zero = k->n_in > 2 && k->in[2].vid >= 0, single = k->in[0].dtype == WHET_F32;
    const whet_tensor point = zero ? as_tensor(&k->in[2]) : (whet_tensor){0};
    whet_tensor y = as_tensor(&k->out[0]);
    for (int64_t i = begin; i < end; i++) {
        const int64_t at = scale_index(s, i);
        const double a = whet_tensor_get_f64(&x, i), b = whet_tensor_get_f64(&scale, at);
        const double q = nearbyint(single ? (double)((float)a / (float)b) : a / b) + (zero ? whet_tensor_get_f64(&point, at) : 0);
        whet_tensor_set_s64(&y, i, (int64_t)(q != q ? 0 : fmax(s->lo, fmin(q, s->hi))));
    }
}

static void dequantize_range(void *arg, int64_t begin, int64_t end)
{
    const whet_cpu_node *k = arg;
    const quantize_state *s = k->state;
    const whet_tensor x = as_tensor(&k->in[0]), scale = as_tensor(&k->in[1]);
    const bool zero = k->n_in > 2 && k->in[2].vid >= 0;
    const whet_tensor point = zero ? as_tensor(&k->in[2]) : (whet_tensor){0};
    whet_tensor y = as_tensor(&k->out[0]);
    for (int64_t i = begin; i < end; i++) {
        const int64_t at = scale_index(s, i), q = whet_tensor_get_s64(&x, i) - (zero ? whet_tensor_get_s64(&point, at) : 0);
        whet_tensor_set_f64(&y, i, (double)q * whet_tensor_get_f64(&scale, at));
    }
}

static whet_status quantize_run(const whet_cpu_node *k)
{
    cpu_range_run(k->out[0].numel, NEST_GRAIN, k->team, quantize_range, (void *)(uintptr_t)k);
    return WHET_OK;
}

static whet_status dequantize_run(const whet_cpu_node *k)
{
    cpu_range_run(k->out[0].numel, NEST_GRAIN, k->team, dequantize_range, (void *)(uintptr_t)k);
    return WHET_OK;
}

const whet_cpu_impl whet_cpu_QuantizeLinear_ref = {.op = "QuantizeLinear", .name = "ref", .provider = WHET_PROVIDER_REF, .create = create, .run = quantize_run};
const whet_cpu_impl whet_cpu_DequantizeLinear_ref = {.op = "DequantizeLinear", .name = "ref", .provider = WHET_PROVIDER_REF, .create = create, .run = dequantize_run};
