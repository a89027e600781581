/* SPDX-License-Identifier: Apache-2.0 */
/* Adding operators: with options, and the small expressions of which operators that TFLite has not are made. */
#include <stdarg.h>
#include <stdio.h>

#include "formats/tflite/tflite_writer.h"

/* The table of options that goes with an operator. */
static int options_of(int code)
{
    static const struct { int code, options; } table[] = {
#define T(name, number, opts, version, ir, read, write) {number, TFL_OPT_##opts},
#include "formats/tflite/tflite_ops.def"
#undef T
    };
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if (table[i].code == code) return table[i].options;
    return TFL_OPT_NONE;
}

whet_status tflw_op(tfl_writer *w, int code, int n_in, const int *in, int n_out, const int *out, int n_opt, const tfl_option *opt)
{
    if (w->status != WHET_OK) return w->status;
    if (!WHET_GROW(&w->ops, w->n_ops, &w->cap_ops)) return w->status = WHET_ENOMEM;
    tfl_operation *o = &w->ops[w->n_ops];
    *o = (tfl_operation){.code = code, .options = options_of(code), .n_in = n_in, .n_out = n_out, .n_opt = n_opt};
    o->in = whet_arena_alloc(w->arena, ((size_t)n_in + 1) * sizeof(*o->in));
    o->out = whet_arena_alloc(w->arena, ((size_t)n_out + 1) * sizeof(*o->out));
    if (!o->in || !o->out) return w->status = WHET_ENOMEM;
    for (int i = 0; i < n_in; i++) o->in[i] = in[i] == TFL_ABSENT ? -1 : in[i];
    for (int i = 0; i < n_out; i++) {
        o->out[i] = out[i];
        w->tensors[out[i]].made_by = (int)w->n_ops + 1;
    }
    for (int i = 0; i < n_opt; i++) o->opt[i] = opt[i];
    w->n_ops++;
    return WHET_OK;
}

/* --- elementwise expressions */

whet_status tflw_unary_to(tfl_writer *w, int code, int x, int out) { return tflw_op(w, code, TFL_IO(x), TFL_IO(out), TFL_NO_OPTIONS); }

int tflw_unary(tfl_writer *w, int code, int x)
{
    const tfl_tensor t = *tflw_at(w, x);
    const int out = tflw_temp(w, t.dtype, t.rank, t.shape);
    return tflw_unary_to(w, code, x, out) == WHET_OK ? out : -1;
}

whet_status tflw_binary_to(tfl_writer *w, int code, int a, int b, int act, int out)
{
    const bool pot = code == TFL_ADD || code == TFL_SUB, fuses = pot || code == TFL_MUL || code == TFL_DIV;
    const tfl_option options[2] = {TFL_BYTE(TFL_BINARY_ACTIVATION, act), {.field = TFL_BINARY_POT_SCALE, .type = 'b', .i = 0, .otherwise = 1}};
    const bool wide = pot && tflw_at(w, a)->dtype == WHET_S16;
    return tflw_op(w, code, TFL_IO(a, b), TFL_IO(out), fuses ? (wide ? 2 : 1) : 0, options);
}

int tflw_binary(tfl_writer *w, int code, int a, int b)
{
    const tfl_tensor x = *tflw_at(w, a), y = *tflw_at(w, b);
    const bool first = x.rank >= y.rank;
    const tfl_tensor *large = first ? &x : &y, *small = first ? &y : &x;
    int32_t shape[WHET_MAX_RANK];
    memcpy(shape, large->shape, sizeof(shape));
    for (int i = 0; i < small->rank; i++) {
        int32_t *d = &shape[large->rank - small->rank + i];
        if (*d == 1) *d = small->shape[i];
    }
    const int out = tflw_temp(w, large->dtype, large->rank, shape);
    return tflw_binary_to(w, code, a, b, TFL_ACT_NONE, out) == WHET_OK ? out : -1;
}

/* --- movement */

/* The target as a constant; one open size may be asked for by -1. */
static int target_of(tfl_writer *w, int rank, const int32_t *shape)
{
    int64_t sizes[WHET_MAX_RANK] = {0};
    int open = 0;
    for (int i = 0; i < rank; i++) {
        sizes[i] = shape[i];
        open += shape[i] < 0;
    }
    if (open > 1) return tflw_lost(w, tflw_fail(w, "a shape has %d open sizes; give the inputs' shapes", open));
    return tflw_const_s32(w, rank, sizes);
}

int tflw_before_reshape(const tfl_writer *w, int x)
{
    while (x >= 0 && w->tensors[x].made_by > 0 && w->ops[w->tensors[x].made_by - 1].code == TFL_RESHAPE) x = w->ops[w->tensors[x].made_by - 1].in[0];
    return x;
}

whet_status tflw_reshape_to(tfl_writer *w, int x, int out)
{
    x = tflw_before_reshape(w, x);
    const tfl_tensor to = *tflw_at(w, out);
    const int target = target_of(w, to.rank, to.shape);
    return tflw_op(w, TFL_RESHAPE, TFL_IO(x, target), TFL_IO(out), TFL_NO_OPTIONS);
}

int tflw_reshape(tfl_writer *w, int x, int rank, const int32_t *shape)
{
    const int out = tflw_temp_like(w, x, rank, shape);
    return tflw_reshape_to(w, x, out) == WHET_OK ? out : -1;
}

whet_status tflw_transpose_to(tfl_writer *w, int x, const int *perm, int out)
{
    int64_t p[WHET_MAX_RANK];
    const int rank = tflw_at(w, x)->rank;
    for (int i = 0; i < rank; i++) p[i] = perm[i];
    const int axes = tflw_const_s32(w, rank, p);
    return tflw_op(w, TFL_TRANSPOSE, TFL_IO(x, axes), TFL_IO(out), TFL_NO_OPTIONS);
}

int tflw_transpose(tfl_writer *w, int x, const int *perm)
{
    const tfl_tensor t = *tflw_at(w, x);
    int32_t shape[WHET_MAX_RANK] = {0};
    for (int i = 0; i < t.rank; i++) shape[i] = t.shape[perm[i]];
    const int out = tflw_temp_like(w, x, t.rank, shape);
    return tflw_transpose_to(w, x, perm, out) == WHET_OK ? out : -1;
}

int tflw_mean(tfl_writer *w, int x, int n_axes, const int64_t *axes)
{
    const tfl_tensor t = *tflw_at(w, x);
    int32_t shape[WHET_MAX_RANK];
    memcpy(shape, t.shape, sizeof(shape));
    for (int i = 0; i < n_axes; i++) shape[axes[i]] = 1;
    const int out = tflw_temp_like(w, x, t.rank, shape), at = tflw_const_s32(w, n_axes, axes);
    const whet_status status = tflw_op(w, TFL_MEAN, TFL_IO(x, at), TFL_IO(out), TFL_OPTIONS(TFL_BOOL(TFL_REDUCER_KEEP_DIMS, 1)));
    return status == WHET_OK ? out : -1;
}

int tflw_pad(tfl_writer *w, int x, const int64_t *before, const int64_t *after, int value)
{
    const tfl_tensor t = *tflw_at(w, x);
    int32_t shape[WHET_MAX_RANK] = {0};
    int64_t pads[WHET_MAX_RANK * 2];
    for (int i = 0; i < t.rank; i++) {
        pads[2 * i] = before[i];
        pads[2 * i + 1] = after[i];
        shape[i] = t.shape[i] < 0 ? -1 : (int32_t)(t.shape[i] + before[i] + after[i]);
    }
    const int made = tflw_const_pads(w, t.rank, pads);
    const int out = tflw_temp_like(w, x, t.rank, shape);
    whet_status status;
    if (value < 0) status = tflw_op(w, TFL_PAD, TFL_IO(x, made), TFL_IO(out), TFL_NO_OPTIONS);
    else status = tflw_op(w, TFL_PADV2, TFL_IO(x, made, value), TFL_IO(out), TFL_NO_OPTIONS);
    return status == WHET_OK ? out : -1;
}
