/* SPDX-License-Identifier: Apache-2.0 */
/* 16-bit floats. The engine computes in f32; values of a 16-bit model keep their type and name, and beside each stands the f32
 * value it was made of, which the next node reads: one rounding at the outputs, none in between. What nothing reads in 16 bits is
 * pruned. */
#include <stdio.h>

#include "formats/onnx/onnx_reader.h"

static bool is_half(whet_dtype t) { return t == WHET_F16 || t == WHET_BF16; }

/* Operators whose float inputs may differ in type by definition. */
static const char *const mixed[] = {"Attention", "BatchNormalization", "DequantizeLinear", "Dropout", "Pow", "QuantizeLinear",
                                    "RMSNormalization", "Resize", "Upsample"};

static whet_status check_types(const onnx_reader *r, const onnx_work *w)
{
    whet_dtype first = WHET_DTYPE_NONE;
    for (size_t i = 0; i < WHET_COUNT(mixed); i++)
        if (strcmp(w->op, mixed[i]) == 0) return WHET_OK;
    for (int i = 0; i < w->n_in; i++) {
        const whet_dtype t = w->in[i] >= 0 ? r->g->values[w->in[i]].dtype : WHET_DTYPE_NONE;
        if (!whet_dtype_is_float(t)) continue;
        if (first == WHET_DTYPE_NONE) first = t;
        if (t != first)
            return onnx_fail(w, WHET_EFORMAT, "%s: input %d is %s, others are %s; the operator wants one type", w->op, i, whet_dtype_name(t),
                             whet_dtype_name(first));
    }
    return WHET_OK;
}

static whet_status remember(onnx_reader *r, whet_vid v, whet_vid wide)
{
    while (r->n_wide <= (size_t)v) {
        if (!WHET_GROW(&r->wide, r->n_wide, &r->cap_wide)) return WHET_ENOMEM;
        r->wide[r->n_wide++] = WHET_NO_VALUE;
    }
    r->wide[v] = wide;
    return WHET_OK;
}

static whet_status widen(onnx_reader *r, whet_vid v, whet_vid *out)
{
    const whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(WHET_F32));
    *out = (size_t)v < r->n_wide ? r->wide[v] : WHET_NO_VALUE;
    if (*out >= 0) return WHET_OK;
    WHET_TRY(whet_graph_op1(r->g, "Cast", 1, &v, 1, &to, out));
    return remember(r, v, *out);
}

whet_status onnx_half_before(onnx_reader *r, onnx_work *w)
{
    for (int i = 0; i < w->n_in; i++)
        if (w->in[i] >= 0 && is_half(r->g->values[w->in[i]].dtype)) w->half = r->g->values[w->in[i]].dtype;
    if (w->half == WHET_DTYPE_NONE || strcmp(w->op, "Cast") == 0 || strcmp(w->op, "CastLike") == 0) {
        w->half = WHET_DTYPE_NONE;
        return WHET_OK;
    }
    WHET_TRY(check_types(r, w));
    for (int i = 0; i < w->n_in; i++)
        if (w->in[i] >= 0 && is_half(r->g->values[w->in[i]].dtype)) WHET_TRY(widen(r, w->in[i], &w->in[i]));
    w->half_names = whet_arena_alloc(r->arena, ((size_t)w->n_out + 1) * sizeof(*w->half_names));
    if (!w->half_names) return WHET_ENOMEM;
    for (int i = 0; i < w->n_out; i++) {
        const char *name = w->half_names[i] = w->out_names[i];
        const size_t size = name ? strlen(name) + 5 : 0;
        char *text = name && *name ? whet_arena_alloc(r->arena, size) : NULL;
        if (!name || !*name) continue;
        if (!text) return WHET_ENOMEM;
        snprintf(text, size, "%s/f32", name);
        w->out_names[i] = text;
    }
    return WHET_OK;
}

whet_status onnx_half_after(onnx_reader *r, onnx_work *w)
{
    const whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(w->half));
    if (w->half == WHET_DTYPE_NONE) return WHET_OK;
    for (int i = 0; i < w->n_out; i++) {
        const whet_vid v = w->out[i];
        whet_vid cast = WHET_NO_VALUE;
        if (v < 0) continue;
        const bool was = r->g->values[v].dtype == WHET_F32 && !(i > 0 && strcmp(w->op, "LayerNormalization") == 0);
        if (!was) { /* integers, truth values, statistics: the name goes back to them */
            if (w->half_names[i] && *w->half_names[i]) WHET_TRY(whet_graph_rename(r->g, v, w->half_names[i]));
            continue;
        }
        WHET_TRY(whet_graph_node(r->g, "Cast", NULL, 1, &v, 1, &to, 1, &w->half_names[i], &cast));
        WHET_TRY(remember(r, cast, v));
        w->out[i] = cast;
    }
    return WHET_OK;
}
