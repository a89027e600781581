/* SPDX-License-Identifier: Apache-2.0 */
/* Turning shapes, layouts and window attributes into the plain numbers that kernels take. */
#include "exec/cpu/cpu_geom.h"

#include "base/mem.h"

whet_status whet_geom_of(whet_cpu_node *k, const whet_cpu_arg *a, whet_geom *g)
{
    const int nd = a->shape.rank - 2;
    if (nd < 0 || nd > 3) return whet_cpu_refuse(k, "rank %d; 2 to 5 are handled", a->shape.rank);
    *g = (whet_geom){.n = a->shape.dims[0], .c = a->shape.dims[1], .size = {1, 1, 1}};
    for (int i = 0; i < nd; i++) g->size[3 - nd + i] = a->shape.dims[2 + i];
    int64_t step = a->layout == WHET_NHWC ? g->c : 1;
    for (int i = 2; i >= 0; i--) {
        g->ss[i] = step;
        step *= g->size[i];
    }
    g->sc = a->layout == WHET_NHWC ? 1 : step;
    g->sn = a->layout == WHET_NHWC ? step : step * g->c;
    return WHET_OK;
}

static whet_status node_window(whet_cpu_node *k, const whet_cpu_arg *src, const int64_t *kernel, whet_window *w)
{
    WHET_TRY(whet_window_read(k->n, src->shape.rank - 2, kernel, w));
    for (int i = 0; i < w->nd; i++) {
        if (whet_node_is(k->n, "ConvTranspose"))
            whet_window_out_transposed(w, k->n, i, k->in[0].shape.dims[2 + i]);
        else
            whet_window_out(w, i, src->shape.dims[2 + i]);
    }
    return WHET_OK;
}

whet_status whet_geom_conv(whet_cpu_node *k, const whet_cpu_arg *src, const whet_cpu_arg *dst, const int64_t *kernel,
                           whet_conv_geom *g)
{
    whet_geom s, d;
    whet_window w;
    WHET_TRY(whet_geom_of(k, src, &s));
    WHET_TRY(whet_geom_of(k, dst, &d));
    WHET_TRY(node_window(k, src, kernel, &w));
    *g = (whet_conv_geom){.n = s.n, .groups = whet_node_int(k->n, "group", 1), .ic = s.c, .oc = d.c, .sn = s.sn, .sc = s.sc,
                          .dn = d.sn, .dc = d.sc};
    for (int i = 0; i < 3; i++) {
        const int j = i - (3 - w.nd);
        g->in[i] = s.size[i];
        g->out[i] = d.size[i];
        g->ss[i] = s.ss[i];
        g->ds[i] = d.ss[i];
        g->k[i] = j < 0 ? 1 : w.k[j];
        g->stride[i] = j < 0 ? 1 : w.stride[j];
        g->dil[i] = j < 0 ? 1 : w.dil[j];
        g->pad[i] = j < 0 ? 0 : w.pad[j];
    }
    return WHET_OK;
}

whet_status whet_geom_pool(whet_cpu_node *k, const whet_cpu_arg *src, whet_geom_window *g)
{
    whet_window w;
    WHET_TRY(node_window(k, src, NULL, &w));
    for (int i = 0; i < 3; i++) {
        const int j = i - (3 - w.nd);
        g->k[i] = j < 0 ? 1 : w.k[j];
        g->stride[i] = j < 0 ? 1 : w.stride[j];
        g->dil[i] = j < 0 ? 1 : w.dil[j];
        g->pad[i] = j < 0 ? 0 : w.pad[j];
        g->pad_end[i] = j < 0 ? 0 : w.pad_end[j];
    }
    return WHET_OK;
}

whet_status whet_need_float(whet_cpu_node *k)
{
    whet_dtype t = WHET_DTYPE_NONE;
    for (int i = 0; i < k->n_in + k->n_out; i++) {
        const whet_dtype x = i < k->n_in ? k->in[i].dtype : k->out[i - k->n_in].dtype;
        if (x == WHET_DTYPE_NONE || x == WHET_S64 || x == WHET_BOOL) continue;
        if (x != WHET_F32 && x != WHET_F64) return whet_cpu_refuse(k, "type %s", whet_dtype_name(x));
        if (t != WHET_DTYPE_NONE && x != t) return whet_cpu_refuse(k, "mixed types");
        t = x;
    }
    return WHET_OK;
}

bool whet_geom_channels_last(const whet_geom *g)
{
    return g->sc == 1 || g->size[0] * g->size[1] * g->size[2] == 1;
}
