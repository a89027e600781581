/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of nodes that the bindings of the own kernels share. */
#include "exec/cpu/cpu_own.h"

#include <math.h>

#include "ir/window.h"

bool whet_own_is_nhwc(const whet_cpu_arg *a)
{
    const int64_t *d = a->shape.dims;
    return a->layout == WHET_NHWC || d[1] == 1 || d[2] * d[3] == 1;
}

whet_status whet_own_need_nhwc(whet_cpu_node *k, const whet_cpu_arg *a, const char *what)
{
    if (a->dtype != WHET_F32) return whet_cpu_refuse(k, "%s is %s, not f32", what, whet_dtype_name(a->dtype));
    if (a->shape.rank != 4) return whet_cpu_refuse(k, "%s has rank %d, not 4", what, a->shape.rank);
    if (a->numel == 0) return whet_cpu_refuse(k, "%s is empty", what);
    if (!whet_own_is_nhwc(a)) return whet_cpu_refuse(k, "%s is not in NHWC order", what);
    return WHET_OK;
}

whet_status whet_own_need_f32(whet_cpu_node *k)
{
    for (int i = 0; i < k->n_in + k->n_out; i++) {
        const whet_cpu_arg *a = i < k->n_in ? &k->in[i] : &k->out[i - k->n_in];
        if (a->dtype != WHET_DTYPE_NONE && a->dtype != WHET_F32) return whet_cpu_refuse(k, "type %s, not f32", whet_dtype_name(a->dtype));
    }
    return WHET_OK;
}

whet_status whet_own_need_forward(whet_cpu_node *k)
{
    WHET_TRY(whet_own_need_f32(k));
    WHET_TRY(whet_own_need_nhwc(k, &k->in[0], "input"));
    WHET_TRY(whet_own_need_nhwc(k, &k->out[0], "output"));
    if (k->n_in > 3 && k->in[3].vid >= 0) WHET_TRY(whet_own_need_nhwc(k, &k->in[3], "residual"));
    return WHET_OK;
}

whet_status whet_own_need_backward(whet_cpu_node *k)
{
    if (k->in[0].dtype != WHET_F32) return whet_cpu_refuse(k, "type %s, not f32", whet_dtype_name(k->in[0].dtype));
    WHET_TRY(whet_own_need_nhwc(k, &k->in[0], "gradient"));
    return whet_own_need_nhwc(k, &k->out[0], "output");
}

whet_status whet_own_geometry(whet_cpu_node *k, const whet_shape *src, const whet_shape *weights, const whet_shape *dst,
                              whet_conv2d_geom *g)
{
    whet_window w;
    const whet_status status = whet_window_read(k->n, 2, weights ? &weights->dims[2] : NULL, &w);
    if (status != WHET_OK) return whet_cpu_refuse(k, "%s", whet_error_last()->text);
    if (whet_window_out(&w, 0, src->dims[2]) != dst->dims[2] || whet_window_out(&w, 1, src->dims[3]) != dst->dims[3])
        return whet_cpu_refuse(k, "sizes do not follow from the window");
    if (w.k[0] > WHET_CONV_MAX_TAPS || w.k[1] > WHET_CONV_MAX_TAPS)
        return whet_cpu_refuse(k, "kernel %dx%d is larger than 16", (int)w.k[0], (int)w.k[1]);
    if (src->dims[1] > 1 << 20 || dst->dims[1] > 1 << 20 || src->dims[2] * src->dims[3] > 1 << 28 ||
        dst->dims[2] * dst->dims[3] > 1 << 28 || w.stride[0] > 4096 || w.stride[1] > 4096)
        return whet_cpu_refuse(k, "image or stride is too large");
    *g = (whet_conv2d_geom){.n = src->dims[0], .h = src->dims[2], .w = src->dims[3], .ic = src->dims[1], .oh = dst->dims[2],
                            .ow = dst->dims[3], .oc = dst->dims[1], .kh = (int)w.k[0], .kw = (int)w.k[1],
                            .sh = (int)w.stride[0], .sw = (int)w.stride[1], .dh = (int)w.dil[0], .dw = (int)w.dil[1],
                            .pt = (int)w.pad[0], .pl = (int)w.pad[1], .groups = (int)whet_node_int(k->n, "group", 1)};
    return WHET_OK;
}

whet_status whet_own_activation(whet_cpu_node *k, float *lo, float *hi)
{
    const char *act = whet_node_string(k->n, "activation", "");
    *lo = -INFINITY;
    *hi = INFINITY;
    if (act[0] != '\0' && whet_node_int(k->n, "residual_after", 0) != 0) return whet_cpu_refuse(k, "residual behind the activation");
    if (strcmp(act, "Relu") == 0) {
        *lo = 0.0f;
    } else if (strcmp(act, "Clip") == 0) {
        *lo = whet_node_float(k->n, "act_min", -INFINITY);
        *hi = whet_node_float(k->n, "act_max", INFINITY);
    } else if (act[0] != '\0') {
        return whet_cpu_refuse(k, "activation '%s'", act);
    }
    return WHET_OK;
}

whet_status whet_own_epilogue(whet_cpu_node *k, float *lo, float *hi, whet_finish *finish, bool *after)
{
    static const struct { const char *name; enum whet_act kind; } kinds[] = {
        {"Sigmoid", WHET_ACT_SIGMOID}, {"Silu", WHET_ACT_SILU}, {"HardSigmoid", WHET_ACT_HARDSIGMOID}, {"HardSwish", WHET_ACT_HARDSWISH},
        {"Gelu", WHET_ACT_GELU}, {"GeluTanh", WHET_ACT_GELU_TANH}, {"Tanh", WHET_ACT_TANH}};
    const char *act = whet_node_string(k->n, "activation", "");
    *finish = (whet_finish){0};
    *after = whet_node_int(k->n, "residual_after", 0) != 0;
    for (size_t i = 0; i < WHET_COUNT(kinds); i++) {
        if (strcmp(act, kinds[i].name) != 0) continue;
        finish->act = whet_act_for(k->isa, kinds[i].kind);
        finish->lo = whet_node_float(k->n, "slope", 1.0f / 6.0f);
        finish->hi = whet_node_float(k->n, "offset", 0.5f);
        *lo = -INFINITY;
        *hi = INFINITY;
        return WHET_OK;
    }
    if (*after && (strcmp(act, "Relu") == 0 || strcmp(act, "Clip") == 0)) { /* the store's clip comes behind the residual */
        finish->act = whet_act_for(k->isa, WHET_ACT_CLIP);
        finish->lo = act[0] == 'R' ? 0.0f : whet_node_float(k->n, "act_min", -INFINITY);
        finish->hi = act[0] == 'R' ? INFINITY : whet_node_float(k->n, "act_max", INFINITY);
        *lo = -INFINITY;
        *hi = INFINITY;
        return WHET_OK;
    }
    return whet_own_activation(k, lo, hi);
}

size_t whet_own_reserve(whet_cpu_node *k, size_t floats)
{
    const size_t at = k->workspace_size / sizeof(float);
    k->workspace_size += WHET_ALIGN_UP(floats * sizeof(float), 64);
    return at;
}
