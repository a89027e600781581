/* SPDX-License-Identifier: Apache-2.0 */
/* Window arithmetic of ONNX's Conv, ConvTranspose and pools (operator specifications, opset 22): explicit pads,
 * SAME_UPPER / SAME_LOWER / VALID, ceil_mode without windows that start behind the input. */
#include "ir/window.h"

/* Sizes beyond this are refused, so that products of a few of them cannot overflow. */
#define SIZE_LIMIT ((int64_t)1 << 31)

static whet_status read_axis_values(const whet_node *n, const char *name, int want, int64_t low, int64_t fill, int64_t *out)
{
    int64_t x[2 * WHET_WINDOW_MAX];
    const int have = whet_node_ints(n, name, x, want);
    for (int i = 0; i < want; i++) out[i] = fill;
    if (have == 0) return WHET_OK;
    if (have != want)
        return WHET_FAIL(WHET_ESHAPE, "attribute '%s' has %d values, but %d are needed", name, have, want);
    for (int i = 0; i < want; i++) {
        if (x[i] < low || x[i] >= SIZE_LIMIT)
            return WHET_FAIL(WHET_EINVAL, "attribute '%s' holds %lld, which is out of range", name, (long long)x[i]);
        out[i] = x[i];
    }
    return WHET_OK;
}

static whet_status read_auto_pad(const whet_node *n, whet_window *w)
{
    const char *mode = whet_node_string(n, "auto_pad", "NOTSET");
    w->same_upper = strcmp(mode, "SAME_UPPER") == 0;
    w->same_lower = strcmp(mode, "SAME_LOWER") == 0;
    if (w->same_upper || w->same_lower || strcmp(mode, "NOTSET") == 0) return WHET_OK;
    if (strcmp(mode, "VALID") != 0) return WHET_FAIL(WHET_EINVAL, "auto_pad is '%s', which is no known mode", mode);
    for (int i = 0; i < w->nd; i++) w->pad[i] = w->pad_end[i] = 0;
    return WHET_OK;
}

whet_status whet_window_read(const whet_node *n, int nd, const int64_t *kernel, whet_window *w)
{
    int64_t pads[2 * WHET_WINDOW_MAX];
    *w = (whet_window){.nd = nd};
    if (nd < 1 || nd > WHET_WINDOW_MAX)
        return WHET_FAIL(WHET_EUNSUPPORTED, "%d spatial dimensions; 1 to %d are supported", nd, WHET_WINDOW_MAX);
    WHET_TRY(read_axis_values(n, "kernel_shape", nd, 1, -1, w->k));
    for (int i = 0; i < nd; i++) {
        if (kernel == NULL && w->k[i] < 0) return WHET_FAIL(WHET_EINVAL, "attribute 'kernel_shape' is missing");
        if (kernel == NULL || kernel[i] < 0) continue;
        if (w->k[i] >= 0 && w->k[i] != kernel[i])
            return WHET_FAIL(WHET_ESHAPE, "kernel_shape says %lld, but the weights have %lld", (long long)w->k[i],
                             (long long)kernel[i]);
        if (kernel[i] < 1 || kernel[i] >= SIZE_LIMIT) return WHET_FAIL(WHET_ESHAPE, "the weights have an empty kernel");
        w->k[i] = kernel[i];
    }
    WHET_TRY(read_axis_values(n, "strides", nd, 1, 1, w->stride));
    WHET_TRY(read_axis_values(n, "dilations", nd, 1, 1, w->dil));
    WHET_TRY(read_axis_values(n, "pads", 2 * nd, 0, 0, pads));
    for (int i = 0; i < nd; i++) {
        w->pad[i] = pads[i];
        w->pad_end[i] = pads[nd + i];
        if (w->k[i] > 0 && (w->k[i] - 1) * w->dil[i] >= SIZE_LIMIT) return WHET_FAIL(WHET_EINVAL, "dilated kernel is too large");
    }
    w->ceil = whet_node_int(n, "ceil_mode", 0) != 0;
    return read_auto_pad(n, w);
}

int64_t whet_window_out(whet_window *w, int d, int64_t in)
{
    if (in < 0 || w->k[d] < 0) return WHET_DIM_UNKNOWN;
    const int64_t reach = (w->k[d] - 1) * w->dil[d] + 1, s = w->stride[d];
    if (w->same_upper || w->same_lower) {
        const int64_t out = (in + s - 1) / s, total = WHET_MAX((out - 1) * s + reach - in, 0);
        w->pad[d] = w->same_upper ? total / 2 : total - total / 2;
        w->pad_end[d] = total - w->pad[d];
        return out;
    }
    const int64_t room = in + w->pad[d] + w->pad_end[d] - reach;
    if (room < 0) return 0;
    int64_t out = room / s + 1;
    if (w->ceil && room % s != 0) {
        out++;
        if ((out - 1) * s >= in + w->pad[d]) out--; /* the last window must start on the input or its left padding */
    }
    return out;
}

int64_t whet_window_out_transposed(whet_window *w, const whet_node *n, int d, int64_t in)
{
    int64_t extra[WHET_WINDOW_MAX] = {0}, shape[WHET_WINDOW_MAX + 2];
    if (in < 0 || w->k[d] < 0) return WHET_DIM_UNKNOWN;
    whet_node_ints(n, "output_padding", extra, WHET_WINDOW_MAX);
    const int64_t full = (in - 1) * w->stride[d] + extra[d] + (w->k[d] - 1) * w->dil[d] + 1;
    const int have = whet_node_ints(n, "output_shape", shape, WHET_WINDOW_MAX + 2);
    const bool same = w->same_upper || w->same_lower;
    if (!same && have == 0) return full - w->pad[d] - w->pad_end[d];
    const int64_t out = have > 0 ? shape[have - w->nd + d] : in * w->stride[d];
    const int64_t total = WHET_MAX(full - out, 0);
    w->pad[d] = w->same_upper ? total / 2 : total - total / 2;
    w->pad_end[d] = total - w->pad[d];
    return out;
}
