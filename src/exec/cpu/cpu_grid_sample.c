/* SPDX-License-Identifier: Apache-2.0 */
/* GridSample by its definition, in double, one to three spatial axes. Each position is a product of taps an axis (1, 2 or 4),
 * found once for all channels. Work is cut by output positions. */
#include <math.h>

#include "base/mem.h"
#include "exec/cpu/cpu_geom.h"
#include "exec/cpu/cpu_nest.h"
#include "exec/exec.h"

typedef struct grid_state {
    int nd, taps;       /* spatial axes; taps an axis */
    int64_t size[3], step[3]; /* of the input, outermost first */
    int64_t channels, in_plane, out_plane;
    char mode, padding; /* first letters: linear nearest cubic; zeros border reflection */
    bool align;
} grid_state;

static whet_status create(whet_cpu_node *k)
{
    grid_state *s = whet_cpu_state(k, sizeof *s);
    const whet_shape *x = &k->in[0].shape;
    if (s == NULL) return WHET_ENOMEM;
    if (k->in[0].layout != WHET_NCHW || k->in[1].layout != WHET_NCHW || k->out[0].layout != WHET_NCHW) return whet_cpu_refuse(k, "only in NCHW layout");
    s->nd = x->rank - 2;
    s->mode = whet_node_string(k->n, "mode", "linear")[0];
    s->padding = whet_node_string(k->n, "padding_mode", "zeros")[0];
    s->align = whet_node_int(k->n, "align_corners", 0) != 0;
    s->taps = s->mode == 'n' ? 1 : s->mode == 'l' ? 2 : 4;
    s->channels = x->dims[1];
    s->in_plane = 1;
    for (int i = s->nd - 1; i >= 0; i--) {
        s->size[i] = x->dims[2 + i];
        s->step[i] = s->in_plane;
        s->in_plane *= x->dims[2 + i];
    }
    s->out_plane = x->dims[0] * s->channels > 0 ? k->out[0].numel / (x->dims[0] * s->channels) : 0;
    return s->in_plane > 0 || s->out_plane == 0 ? WHET_OK : whet_cpu_refuse(k, "the input is empty");
}

/* Folds a position between two walls. */
static double reflected(double x, double low, double high)
{
    const double width = high - low;
    if (!(width > 0)) return low;
    double d = fabs(x - low);
    const double times = floor(d / width);
    d -= times * width;
    return fmod(times, 2) == 0 ? low + d : high - d;
}

static double clipped(double x, double high) { return fmax(0, fmin(x, high)); }

/* Index of one tap, -1 for a zero outside. */
static int64_t tap_index(const grid_state *s, double at, int64_t n)
{
    if (s->padding == 'r') at = s->align ? reflected(at, 0, (double)(n - 1)) : reflected(at, -0.5, (double)n - 0.5);
    if (s->padding != 'z') at = clipped(at, (double)(n - 1));
    return at >= 0 && at <= (double)(n - 1) ? (int64_t)at : -1;
}

static double cubic(double x)
{
    const double a = -0.75;
    x = fabs(x);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

/* Positions beyond any picture, and those that are no numbers, stay within what an index can hold. */
static double tame(double x) { return x != x ? -1e9 : fmax(-1e9, fmin(x, 1e9)); }

static void axis_taps(const grid_state *s, double coordinate, int64_t n, int64_t *index, double *weight)
{
    const double span = (double)n;
    double x = tame(s->align ? (coordinate + 1) / 2 * (span - 1) : ((coordinate + 1) * span - 1) / 2);
    if (s->mode != 'c' && s->padding == 'b') x = clipped(x, span - 1);
    if (s->mode != 'c' && s->padding == 'r') x = clipped(s->align ? reflected(x, 0, span - 1) : reflected(x, -0.5, span - 0.5), span - 1);
    const double base = s->mode == 'n' ? nearbyint(x) : floor(x) - (s->mode == 'c');
    for (int t = 0; t < s->taps; t++) {
        index[t] = tap_index(s, base + t, n);
        weight[t] = s->mode == 'n' ? 1 : s->mode == 'l' ? 1 - fabs(x - base - t) : cubic(x - base - t);
    }
}

static double element(const whet_cpu_arg *a, int64_t i) { return a->dtype == WHET_F64 ? ((const double *)a->data)[i] : (double)((const float *)a->data)[i]; }

static void sample(const whet_cpu_node *k, const grid_state *s, int64_t position)
{
    const int64_t n = position / s->out_plane, at = position % s->out_plane;
    int64_t index[3][4], from[64];
    double weight[3][4], w[64];
    int count = 1;
    for (int i = 0; i < s->nd; i++) /* the grid has the innermost coordinate first */
        axis_taps(s, element(&k->in[1], position * s->nd + (s->nd - 1 - i)), s->size[i], index[i], weight[i]);
    for (int i = 0; i < s->nd; i++) count *= s->taps;
    for (int t = 0; t < count; t++) {
        from[t] = 0;
        w[t] = 1;
        for (int i = s->nd - 1, rest = t; i >= 0; i--, rest /= s->taps) {
            const int64_t j = index[i][rest % s->taps];
            w[t] = j < 0 ? 0 : w[t] * weight[i][rest % s->taps];
            from[t] += j < 0 ? 0 : j * s->step[i];
        }
    }
    for (int64_t c = 0; c < s->channels; c++) {
        double sum = 0;
        for (int t = 0; t < count; t++)
            if (w[t] != 0) sum += w[t] * element(&k->in[0], (n * s->channels + c) * s->in_plane + from[t]);
        const int64_t to = (n * s->channels + c) * s->out_plane + at;
        if (k->out[0].dtype == WHET_F64) ((double *)k->out[0].data)[to] = sum;
        else ((float *)k->out[0].data)[to] = (float)sum;
    }
}

static void some_positions(void *arg, int64_t begin, int64_t end)
{
    const whet_cpu_node *k = arg;
    for (int64_t i = begin; i < end; i++) sample(k, k->state, i);
}

static whet_status run(const whet_cpu_node *k)
{
    const grid_state *s = k->state;
    cpu_range_run(s->out_plane * k->out[0].shape.dims[0], 1 + NEST_GRAIN / WHET_MAX(s->channels * 8, 1), k->team, some_positions, (void *)(uintptr_t)k);
    return WHET_OK;
}

const whet_cpu_impl whet_cpu_GridSample_ref = {.op = "GridSample", .name = "ref", .provider = WHET_PROVIDER_REF, .create = create, .run = run};
