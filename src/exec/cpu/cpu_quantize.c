/* SPDX-License-Identifier: Apache-2.0 */
/* QuantizeLinear and DequantizeLinear by their definitions: the quotient is rounded to the nearest even integer in the type of
 * the scale, then the zero point is added and the sum clipped to the type. The rows `vec` take f32 and integers of 8 and 16 bits
 * with one scale, in any layout, or with a scale for each element of an axis that is not the last. */
#include <math.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "exec/cpu/cpu_nest.h"
#include "exec/exec.h"
#include "kernels/unary/quantize.h"

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
    s->block = whet_node_int(k->n, "block_size", 0);
    s->whole = s->block == 0 && k->in[1].numel == 1;
    if (k->in[0].layout != k->out[0].layout) return whet_cpu_refuse(k, "the layouts differ");
    if (!s->whole && k->in[0].layout != WHET_NCHW) return whet_cpu_refuse(k, "scales along an axis, and not in NCHW layout");
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

/* --- vector rows */

#define GRAIN 8192   /* elements a chunk has at least: some microseconds */
#define LEAST_ROW 16 /* elements of a row with one scale that are worth a call */

typedef struct vec_state {
    whet_quantize_fn to;
    whet_dequantize_fn from;
    int64_t n, inner; /* the tensor as [outer, n, inner] with a scale for each of n; n 0: one for all */
    int chunks;
} vec_state;

static bool quantum_of(whet_dtype t, whet_quantum *out)
{
    static const struct { whet_dtype t; whet_quantum q; } types[] = {
        {WHET_S8, WHET_Q_S8}, {WHET_U8, WHET_Q_U8}, {WHET_S16, WHET_Q_S16}, {WHET_U16, WHET_Q_U16}};
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (types[i].t == t) {
            *out = types[i].q;
            return true;
        }
    return false;
}

static bool has_zero(const whet_cpu_node *k) { return k->n_in > 2 && k->in[2].vid >= 0; }

static whet_status create_vec(whet_cpu_node *k)
{
    const bool to = k->in[0].dtype == WHET_F32;
    const whet_cpu_arg *integers = to ? &k->out[0] : &k->in[0], *floats = to ? &k->in[0] : &k->out[0];
    const whet_quantize *kernels = whet_quantize_for(k->isa);
    const whet_shape *x = &k->in[0].shape;
    whet_quantum q = WHET_Q_S8;
    vec_state *s = whet_cpu_state(k, sizeof *s);
    int64_t axis = whet_node_int(k->n, "axis", 1), rows = 1;
    if (s == NULL) return WHET_ENOMEM;
    if (floats->dtype != WHET_F32 || k->in[1].dtype != WHET_F32) return whet_cpu_refuse(k, "type %s, not f32", whet_dtype_name(floats->dtype));
    if (!quantum_of(integers->dtype, &q)) return whet_cpu_refuse(k, "integers of type %s", whet_dtype_name(integers->dtype));
    if (k->in[0].layout != k->out[0].layout) return whet_cpu_refuse(k, "the layouts differ");
    if (whet_node_int(k->n, "block_size", 0) != 0) return whet_cpu_refuse(k, "scales of blocks");
    s->to = kernels->to[q];
    s->from = kernels->from[q];
    if (k->in[1].numel == 1) return WHET_OK;
    if (k->in[0].layout != WHET_NCHW) return whet_cpu_refuse(k, "a scale for each element of an axis, and not in NCHW layout");
    if (axis < 0) axis += x->rank;
    s->n = x->dims[axis];
    s->inner = 1;
    for (int i = (int)axis + 1; i < x->rank; i++) s->inner *= x->dims[i];
    for (int i = 0; i <= (int)axis; i++) rows *= x->dims[i];
    if (s->inner < LEAST_ROW) return whet_cpu_refuse(k, "a new scale every %lld elements", (long long)s->inner);
    s->chunks = whet_chunks(rows, 1 + GRAIN / s->inner, NEST_CHUNKS);
    return WHET_OK;
}

/* Elements first .. first + n - 1 by scale number `at`. */
static void some(const whet_cpu_node *k, int64_t first, int64_t n, int64_t at)
{
    const vec_state *s = k->state;
    const bool to = k->in[0].dtype == WHET_F32;
    const whet_tensor point = has_zero(k) ? as_tensor(&k->in[2]) : (whet_tensor){0};
    const int32_t zero = has_zero(k) ? (int32_t)whet_tensor_get_s64(&point, at) : 0;
    const float scale = ((const float *)k->in[1].data)[at];
    const size_t integer = whet_dtype_size(to ? k->out[0].dtype : k->in[0].dtype);
    if (to) s->to(n, (const float *)k->in[0].data + first, (char *)k->out[0].data + (size_t)first * integer, scale, zero);
    else s->from(n, (const char *)k->in[0].data + (size_t)first * integer, (float *)k->out[0].data + first, scale, zero);
}

static void whole_range(void *arg, int64_t begin, int64_t end) { some(arg, begin, end - begin, 0); }

static void rows_chunk(void *arg, int chunk, int worker)
{
    const whet_cpu_node *k = arg;
    const vec_state *s = k->state;
    const int64_t rows = k->out[0].numel / s->inner;
    (void)worker;
    for (int64_t r = whet_chunk_begin(rows, s->chunks, chunk); r < whet_chunk_begin(rows, s->chunks, chunk + 1); r++)
        some(k, r * s->inner, s->inner, r % s->n);
}

static whet_status vec_run(const whet_cpu_node *k)
{
    const vec_state *s = k->state;
    if (s->n == 0) cpu_range_run(k->out[0].numel, GRAIN, k->team, whole_range, (void *)(uintptr_t)k);
    else whet_parallel(k->team, s->chunks, rows_chunk, (void *)(uintptr_t)k);
    return WHET_OK;
}

#define VEC(op_)                                                                                                    \
    const whet_cpu_impl whet_cpu_##op_##_vec = {.op = #op_, .name = "vec", .provider = WHET_PROVIDER_VEC, .isa = WHET_ISA_AVX2, \
                                                .create = create_vec, .run = vec_run};
VEC(QuantizeLinear)
VEC(DequantizeLinear)
const whet_cpu_impl whet_cpu_QuantizeLinear_ref = {.op = "QuantizeLinear", .name = "ref", .provider = WHET_PROVIDER_REF, .create = create, .run = quantize_run};
const whet_cpu_impl whet_cpu_DequantizeLinear_ref = {.op = "DequantizeLinear", .name = "ref", .provider = WHET_PROVIDER_REF, .create = create, .run = dequantize_run};
