/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that make tensors from shapes and constants (Shape, Size, Constant, ConstantOfShape, Range, EyeLike), and
 * conversion of types (Cast, CastLike). */
#include <math.h>
#include <string.h>

#include "exec/cpu/cpu_nest.h"
#include "exec/exec.h"
#include "kernels/move/move.h"

static whet_tensor as_tensor(const whet_cpu_arg *a) { return (whet_tensor){.dtype = a->dtype, .shape = a->shape, .data = a->data}; }

/* --- results known when the plan is made: kept in the state, copied at run */

typedef struct made_state { size_t bytes; } made_state; /* the bytes follow */

static whet_status keep(whet_cpu_node *k, const void *data, size_t bytes)
{
    made_state *s = whet_cpu_state(k, sizeof *s + bytes);
    if (s == NULL) return WHET_ENOMEM;
    s->bytes = bytes;
    if (bytes > 0) memcpy(s + 1, data, bytes);
    return WHET_OK;
}

static whet_status made_run(const whet_cpu_node *k)
{
    const made_state *s = k->state;
    if (s->bytes > 0) memcpy(k->out[0].data, s + 1, s->bytes);
    return WHET_OK;
}

static whet_status shape_create(whet_cpu_node *k)
{
    const whet_shape *x = &k->in[0].shape;
    int64_t start = whet_node_int(k->n, "start", 0);
    if (start < 0) start += x->rank;
    start = WHET_MAX(WHET_MIN(start, x->rank), 0);
    return keep(k, x->dims + start, sizeof(int64_t) * (size_t)k->out[0].numel);
}

static whet_status size_create(whet_cpu_node *k) { return keep(k, &k->in[0].numel, sizeof(int64_t)); }

static whet_status constant_create(whet_cpu_node *k)
{
    const whet_attr *a = NULL;
    if ((a = whet_node_attr(k->n, "value")) != NULL) return keep(k, a->t.data, whet_tensor_bytes(&a->t));
    if ((a = whet_node_attr(k->n, "value_int")) != NULL) return keep(k, &a->i, sizeof a->i);
    if ((a = whet_node_attr(k->n, "value_float")) != NULL) return keep(k, &a->f, sizeof a->f);
    if ((a = whet_node_attr(k->n, "value_ints")) != NULL) return keep(k, a->ints, sizeof *a->ints * (size_t)a->n);
    if ((a = whet_node_attr(k->n, "value_floats")) != NULL) return keep(k, a->floats, sizeof *a->floats * (size_t)a->n);
    return whet_cpu_refuse(k, "no value of a supported type");
}

static whet_status constant_of_shape_create(whet_cpu_node *k)
{
    const whet_attr *a = whet_node_attr(k->n, "value");
    static const float zero = 0;
    if (whet_fill_find((int)whet_dtype_size(k->out[0].dtype)) == NULL)
        return whet_cpu_refuse(k, "no fill of type %s", whet_dtype_name(k->out[0].dtype));
    return keep(k, a != NULL ? a->t.data : &zero, whet_dtype_size(k->out[0].dtype));
}

static void fill_range(void *arg, int64_t begin, int64_t end)
{
    const whet_cpu_node *k = arg;
    const made_state *s = k->state;
    whet_fill_find((int)s->bytes)(end - begin, s + 1, (char *)k->out[0].data + (size_t)begin * s->bytes);
}

static whet_status constant_of_shape_run(const whet_cpu_node *k)
{
    cpu_range_run(k->out[0].numel, NEST_GRAIN, k->team, fill_range, (void *)(uintptr_t)k);
    return WHET_OK;
}

/* start + i * delta: integers exactly, floats in their own precision. */
static whet_status range_run(const whet_cpu_node *k)
{
    const whet_tensor start = as_tensor(&k->in[0]), delta = as_tensor(&k->in[2]);
    whet_tensor y = as_tensor(&k->out[0]);
    if (whet_dtype_is_float(y.dtype)) {
        const double a = whet_tensor_get_f64(&start, 0), d = whet_tensor_get_f64(&delta, 0);
        for (int64_t i = 0; i < k->out[0].numel; i++) whet_tensor_set_f64(&y, i, a + (double)i * d);
    } else {
        const int64_t a = whet_tensor_get_s64(&start, 0), d = whet_tensor_get_s64(&delta, 0);
        for (int64_t i = 0; i < k->out[0].numel; i++) whet_tensor_set_s64(&y, i, a + i * d);
    }
    return WHET_OK;
}

static whet_status eye_run(const whet_cpu_node *k)
{
    whet_tensor y = as_tensor(&k->out[0]);
    const int64_t rows = y.shape.dims[0], columns = y.shape.dims[1], d = whet_node_int(k->n, "k", 0);
    memset(y.data, 0, (size_t)k->out[0].numel * whet_dtype_size(y.dtype));
    for (int64_t r = 0; r < rows; r++)
        if (r + d >= 0 && r + d < columns) whet_tensor_set_f64(&y, r * columns + r + d, 1.0);
    return WHET_OK;
}

static whet_status eye_create(whet_cpu_node *k)
{
    return whet_dtype_size(k->out[0].dtype) > 0 ? WHET_OK : whet_cpu_refuse(k, "no fill of type %s", whet_dtype_name(k->out[0].dtype));
}

/* --- conversion. Pairs that networks use have loops; the rest go element by element through the tensor accessors. */

typedef void (*convert_fn)(int64_t n, const void *src, void *dst);
#define CONVERT(a, A, b, B)                                                                                         \
    static void a##_to_##b(int64_t n, const void *src, void *dst)                                                   \
    {                                                                                                               \
        for (int64_t i = 0; i < n; i++) ((B *)dst)[i] = (B)((const A *)src)[i];                                     \
    }
CONVERT(f32, float, f64, double)
CONVERT(f64, double, f32, float)
CONVERT(s64, int64_t, f32, float)
CONVERT(s64, int64_t, s32, int32_t)
CONVERT(s32, int32_t, s64, int64_t)
CONVERT(u8, uint8_t, f32, float) /* bool too */

static const struct { whet_dtype from, to; convert_fn fn; } conversions[] = {
    {WHET_F32, WHET_F64, f32_to_f64}, {WHET_F64, WHET_F32, f64_to_f32}, {WHET_S64, WHET_F32, s64_to_f32},
    {WHET_S64, WHET_S32, s64_to_s32}, {WHET_S32, WHET_S64, s32_to_s64}, {WHET_U8, WHET_F32, u8_to_f32}};

typedef struct cast_state { convert_fn fn; } cast_state;

static whet_status cast_create(whet_cpu_node *k)
{
    cast_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    if (k->in[0].layout != k->out[0].layout) return whet_cpu_refuse(k, "the layouts differ");
    for (size_t i = 0; i < WHET_COUNT(conversions); i++)
        if (conversions[i].from == k->in[0].dtype && conversions[i].to == k->out[0].dtype) s->fn = conversions[i].fn;
    return WHET_OK;
}

static void cast_range(void *arg, int64_t begin, int64_t end)
{
    const whet_cpu_node *k = arg;
    const cast_state *s = k->state;
    const whet_tensor x = as_tensor(&k->in[0]);
    whet_tensor y = as_tensor(&k->out[0]);
    if (s->fn != NULL) {
        s->fn(end - begin, (const char *)x.data + (size_t)begin * whet_dtype_size(x.dtype), (char *)y.data + (size_t)begin * whet_dtype_size(y.dtype));
        return;
    }
    const bool through_float = whet_dtype_is_float(x.dtype) || whet_dtype_is_float(y.dtype);
    for (int64_t i = begin; i < end; i++) {
        if (y.dtype == WHET_BOOL) whet_tensor_set_s64(&y, i, whet_tensor_get_f64(&x, i) != 0);
        else if (through_float) whet_tensor_set_f64(&y, i, whet_tensor_get_f64(&x, i));
        else whet_tensor_set_s64(&y, i, whet_tensor_get_s64(&x, i));
    }
}

static whet_status cast_run(const whet_cpu_node *k)
{
    const bool packed = whet_dtype_size(k->out[0].dtype) == 0; /* two elements share a byte: one chunk */
    if (k->in[0].dtype == k->out[0].dtype && !packed) {
        memcpy(k->out[0].data, k->in[0].data, (size_t)k->out[0].numel * whet_dtype_size(k->in[0].dtype));
        return WHET_OK;
    }
    cpu_range_run(k->out[0].numel, packed ? k->out[0].numel : NEST_GRAIN, k->team, cast_range, (void *)(uintptr_t)k);
    return WHET_OK;
}

#define MAKE(op_, create_, run_)                                                                                    \
    const whet_cpu_impl whet_cpu_##op_##_ref = {.op = #op_, .name = "ref", .provider = WHET_PROVIDER_REF,           \
                                                .create = create_, .run = run_};
MAKE(Shape, shape_create, made_run)
MAKE(Size, size_create, made_run)
MAKE(Constant, constant_create, made_run)
MAKE(ConstantOfShape, constant_of_shape_create, constant_of_shape_run)
MAKE(Range, NULL, range_run)
MAKE(EyeLike, eye_create, eye_run)
MAKE(Cast, cast_create, cast_run)
MAKE(CastLike, cast_create, cast_run)
