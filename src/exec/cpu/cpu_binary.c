/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise operators of two or more tensors with broadcasting: binding to the kernels of kernels/binary through loop
 * nests. Operators of many tensors are folded from left to right into the result. */
#include <stdio.h>
#include <string.h>

#include "exec/cpu/cpu_nest.h"
#include "exec/exec.h"
#include "kernels/binary/binary.h"
#include "kernels/unary/unary.h"

typedef struct binary_state {
    whet_binary_fn fn;
    cpu_nest *nest; /* one a step */
    int steps;
    size_t in_size, out_size;
    whet_binary_fn scale_fn; /* Mean: division by the number of inputs */
    cpu_nest scale_nest;
    uint64_t scale;          /* bytes of that number in the element type */
} binary_state;

/* One step: dst = fn(a, b). */
typedef struct binary_job {
    const binary_state *s;
    whet_binary_fn fn;
    const char *a, *b;
    char *dst;
} binary_job;

static void binary_row(void *arg, int64_t n, const int64_t *offset, const int64_t *stride)
{
    const binary_job *j = arg;
    const size_t in = j->s->in_size;
    j->fn(n, j->a + offset[1] * (int64_t)in, stride[1], j->b + offset[2] * (int64_t)in, stride[2],
          j->dst + offset[0] * (int64_t)j->s->out_size);
}

/* The kernel's name: attributes choose between variants. */
static const char *kernel_of(const whet_node *n)
{
    const char *op = n->op->name;
    if (strcmp(op, "Mod") == 0 && whet_node_int(n, "fmod", 0) != 0) return "Fmod";
    if (strcmp(op, "BitShift") == 0) return strcmp(whet_node_string(n, "direction", "LEFT"), "RIGHT") == 0 ? "ShiftRight" : "ShiftLeft";
    if (strcmp(op, "Sum") == 0 || strcmp(op, "Mean") == 0) return "Add";
    return op;
}

static whet_status variadic_create(whet_cpu_node *k)
{
    const char *type = whet_dtype_name(k->in[0].dtype), *op = kernel_of(k->n);
    whet_tensor count = {0};
    whet_shape scalar = {0};
    if (k->n_in > 1 && k->in[1].dtype != k->in[0].dtype) return whet_cpu_refuse(k, "the inputs have different types");
    binary_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->fn = whet_binary_find(op, type);
    if (s->fn == NULL) return whet_cpu_refuse(k, "no %s for type %s", op, type);
    s->in_size = whet_dtype_size(k->in[0].dtype);
    s->out_size = whet_dtype_size(k->out[0].dtype);
    if (strcmp(k->n->op->name, "Mean") != 0) return WHET_OK;
    s->scale_fn = whet_binary_find("Div", type);
    WHET_TRY(whet_tensor_alloc(&count, k->in[0].dtype, &scalar));
    whet_tensor_set_f64(&count, 0, k->n_in);
    memcpy(&s->scale, count.data, s->in_size);
    whet_tensor_dispose(&count);
    return WHET_OK;
}

static whet_status variadic_reshape(whet_cpu_node *k)
{
    binary_state *s = k->state;
    s->steps = k->n_in > 1 ? k->n_in - 1 : 1;
    s->nest = whet_cpu_state(k, sizeof *s->nest * (size_t)s->steps);
    if (s->nest == NULL) return WHET_ENOMEM;
    const whet_cpu_arg *pair[2] = {&k->in[0], k->n_in > 1 ? &k->in[1] : &k->in[0]};
    cpu_nest_broadcast(&s->nest[0], &k->out[0], 2, pair);
    for (int i = 1; i < s->steps; i++) {
        pair[0] = &k->out[0];
        pair[1] = &k->in[i + 1];
        cpu_nest_broadcast(&s->nest[i], &k->out[0], 2, pair);
    }
    whet_cpu_arg one = {.dtype = k->in[0].dtype, .numel = 1};
    pair[0] = &k->out[0];
    pair[1] = &one;
    cpu_nest_broadcast(&s->scale_nest, &k->out[0], 2, pair);
    return WHET_OK;
}

static whet_status binary_run(const whet_cpu_node *k)
{
    const binary_state *s = k->state;
    binary_job j = {s, s->fn, k->in[0].data, k->in[1].data, k->out[0].data};
    cpu_nest_run(&s->nest[0], k->team, binary_row, &j);
    return WHET_OK;
}

static whet_status variadic_run(const whet_cpu_node *k)
{
    const binary_state *s = k->state;
    if (k->n_in == 1) {
        memcpy(k->out[0].data, k->in[0].data, (size_t)k->out[0].numel * s->out_size);
        return WHET_OK;
    }
    WHET_TRY(binary_run(k));
    for (int i = 1; i < s->steps; i++) {
        binary_job j = {s, s->fn, k->out[0].data, k->in[i + 1].data, k->out[0].data};
        cpu_nest_run(&s->nest[i], k->team, binary_row, &j);
    }
    if (s->scale_fn != NULL) {
        binary_job j = {s, s->scale_fn, k->out[0].data, (const char *)&s->scale, k->out[0].data};
        cpu_nest_run(&s->scale_nest, k->team, binary_row, &j);
    }
    return WHET_OK;
}

/* Only an input of the result's own size, and only where no later step reads another input through it. */
static bool binary_inplace(const whet_cpu_node *k, int o, int i)
{
    return o == 0 && i <= 1 && i < k->n_in && k->in[i].numel == k->out[0].numel && k->in[i].layout == k->out[0].layout &&
           whet_dtype_size(k->in[i].dtype) == whet_dtype_size(k->out[0].dtype);
}

/* Pow with an exponent of another type: converted in the workspace first. */
typedef struct pow_state {
    binary_state b; /* first: shares variadic_reshape */
    whet_dtype from;
    bool convert;
} pow_state;

static whet_status pow_create(whet_cpu_node *k)
{
    const char *type = whet_dtype_name(k->in[0].dtype);
    pow_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->convert = k->in[1].dtype != k->in[0].dtype;
    s->b.in_size = s->b.out_size = whet_dtype_size(k->in[0].dtype);
    s->b.fn = whet_binary_find("Pow", s->convert ? "f64" : type);
    if (s->b.fn == NULL) return whet_cpu_refuse(k, "no Pow for type %s", type);
    return WHET_OK;
}

typedef struct pow_job { whet_tensor a, b, y; whet_binary_fn fn; } pow_job;

static void pow_mixed_row(void *arg, int64_t n, const int64_t *offset, const int64_t *stride)
{
    pow_job *j = arg;
    for (int64_t i = 0; i < n; i++) {
        double y = 0, a = whet_tensor_get_f64(&j->a, offset[1] + i * stride[1]), b = whet_tensor_get_f64(&j->b, offset[2] + i * stride[2]);
        j->fn(1, &a, 1, &b, 1, &y);
        whet_tensor_set_f64(&j->y, offset[0] + i * stride[0], y);
    }
}

static whet_status pow_run(const whet_cpu_node *k)
{
    const pow_state *s = k->state;
    if (!s->convert) return binary_run(k);
    pow_job j = {.a = {.dtype = k->in[0].dtype, .shape = k->in[0].shape, .data = k->in[0].data},
                 .b = {.dtype = k->in[1].dtype, .shape = k->in[1].shape, .data = k->in[1].data},
                 .y = {.dtype = k->out[0].dtype, .shape = k->out[0].shape, .data = k->out[0].data},
                 .fn = s->b.fn};
    cpu_nest_run(&s->b.nest[0], k->team, pow_mixed_row, &j);
    return WHET_OK;
}

typedef struct where_state {
    whet_where_fn fn;
    cpu_nest nest;
    int64_t size;
} where_state;

static whet_status where_create(whet_cpu_node *k)
{
    where_state *s = whet_cpu_state(k, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->size = (int64_t)whet_dtype_size(k->out[0].dtype);
    s->fn = whet_where_find((int)s->size);
    if (s->fn == NULL) return whet_cpu_refuse(k, "no Where for type %s", whet_dtype_name(k->out[0].dtype));
    const whet_cpu_arg *in[3] = {&k->in[0], &k->in[1], &k->in[2]};
    cpu_nest_broadcast(&s->nest, &k->out[0], 3, in);
    return WHET_OK;
}

static void where_row(void *arg, int64_t n, const int64_t *offset, const int64_t *stride)
{
    const whet_cpu_node *k = arg;
    const where_state *s = k->state;
    s->fn(n, (const uint8_t *)k->in[0].data + offset[1], stride[1], (const char *)k->in[1].data + offset[2] * s->size, stride[2],
          (const char *)k->in[2].data + offset[3] * s->size, stride[3], (char *)k->out[0].data + offset[0] * s->size);
}

static whet_status where_run(const whet_cpu_node *k)
{
    const where_state *s = k->state;
    cpu_nest_run(&s->nest, k->team, where_row, (void *)(uintptr_t)k);
    return WHET_OK;
}

static bool where_inplace(const whet_cpu_node *k, int o, int i)
{
    return o == 0 && i > 0 && k->in[i].numel == k->out[0].numel && k->in[i].layout == k->out[0].layout;
}

#define BINARY(op_)                                                                                                 \
    const whet_cpu_impl whet_cpu_##op_##_ref = {.op = #op_, .name = "ref", .provider = WHET_PROVIDER_REF,         \
                                                 .create = variadic_create, .reshape = variadic_reshape,            \
                                                 .run = binary_run, .inplace = binary_inplace};
#define VARIADIC(op_)                                                                                               \
    const whet_cpu_impl whet_cpu_##op_##_ref = {.op = #op_, .name = "ref", .provider = WHET_PROVIDER_REF,         \
                                                 .create = variadic_create, .reshape = variadic_reshape, .run = variadic_run};
#include "exec/cpu/cpu_binary.def"
#undef BINARY
#undef VARIADIC
const whet_cpu_impl whet_cpu_Pow_ref = {.op = "Pow", .name = "ref", .provider = WHET_PROVIDER_REF, .create = pow_create,
                                        .reshape = variadic_reshape, .run = pow_run};
const whet_cpu_impl whet_cpu_Where_ref = {.op = "Where", .name = "ref", .provider = WHET_PROVIDER_REF, .create = where_create,
                                          .run = where_run, .inplace = where_inplace};
