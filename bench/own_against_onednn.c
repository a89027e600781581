/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's own convolutions and products against oneDNN's, layer by layer: each line of a file of bench/shapes becomes
 * graphs of one operator (forward; gradient of the data; gradient of the weights) that run through the executor with one
 * provider each, on one and on two threads, in turns. Best of some rounds; and whether both numbers of threads give the same
 * bits. Weights are constants, packed beforehand by both. A first layer has no data gradient: training never asks for it.
 *
 *   own_against_onednn [--batch N] FILE...    N: images of the gradients (default 4); forward takes one
 *   own_against_onednn --sums FILE...         only the sums over each file's layers */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "exec/exec.h"

enum { FORWARD, DATA, WEIGHTS, KINDS };
enum { OWN_1, OWN_2, DNN_1, DNN_2, WAYS };
typedef struct layer {
    int64_t h, w, ic, oc, kh, kw, sh, sw, pad[4], groups, count, oh, ow;
    bool product; /* w x oc from w x ic */
} layer;
typedef struct result {
    double ns[WAYS];
    bool same[2]; /* own, oneDNN */
} result;
typedef struct sums { double ns[KINDS][WAYS], flops[KINDS]; bool same[KINDS][2]; } sums;

static bool parse(const char *line, layer *l)
{
    long v[14] = {0};
    *l = (layer){.h = 1, .oh = 1, .kh = 1, .kw = 1, .sh = 1, .sw = 1, .groups = 1};
    if (sscanf(line, "gemm %ld %ld %ld %ld", &v[0], &v[1], &v[2], &v[3]) == 4) {
        l->w = l->ow = v[0], l->oc = v[1], l->ic = v[2], l->count = v[3];
        l->product = true;
        return true;
    }
    if (sscanf(line, "conv %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6],
               &v[7], &v[8], &v[9], &v[10], &v[11], &v[12], &v[13]) != 14)
        return false;
    l->h = v[0], l->w = v[1], l->ic = v[2], l->oc = v[3], l->kh = v[4], l->kw = v[5], l->sh = v[6], l->sw = v[7];
    for (int i = 0; i < 4; i++) l->pad[i] = v[8 + i];
    l->groups = v[12], l->count = v[13];
    l->oh = (l->h + v[8] + v[10] - l->kh) / l->sh + 1;
    l->ow = (l->w + v[9] + v[11] - l->kw) / l->sw + 1;
    return true;
}

static whet_status image(whet_graph *g, int64_t n, int64_t c, int64_t h, int64_t w, whet_vid *out)
{
    const whet_dims d = {.rank = 4, .dims = {n, c, h, w}};
    return whet_graph_input(g, NULL, WHET_F32, &d, out);
}

static whet_status matrix(whet_graph *g, int64_t rows, int64_t n, whet_vid *out)
{
    const whet_dims d = {.rank = 2, .dims = {rows, n}};
    return whet_graph_input(g, NULL, WHET_F32, &d, out);
}

static void fill(const whet_tensor *t)
{
    float *p = t->data;
    for (int64_t i = 0; i < whet_tensor_numel(t); i++) p[i] = (float)((int)(i % 17) - 8) * 0.0625f;
}

static whet_status weights(whet_graph *g, const whet_shape *s, whet_vid *out)
{
    whet_tensor t;
    whet_tensor_init(&t);
    whet_status status = whet_tensor_alloc(&t, WHET_F32, s);
    if (status == WHET_OK) {
        fill(&t);
        status = whet_graph_const(g, NULL, &t, out);
    }
    whet_tensor_dispose(&t);
    return status;
}

static whet_status build_product(whet_graph *g, const layer *l, int kind, int64_t rows, whet_vid *y)
{
    const whet_attr ta = whet_attr_int("transA", 1), tb = whet_attr_int("transB", 1);
    const whet_shape ws = WHET_SHAPE(l->ic, l->oc);
    whet_vid x = WHET_NO_VALUE, w = WHET_NO_VALUE, dy = WHET_NO_VALUE;
    if (kind != DATA) WHET_TRY(matrix(g, rows, l->ic, &x));
    if (kind != FORWARD) WHET_TRY(matrix(g, rows, l->oc, &dy));
    if (kind != WEIGHTS) WHET_TRY(weights(g, &ws, &w));
    if (kind == FORWARD) return whet_graph_op1(g, "MatMul", WHET_IN(x, w), WHET_NO_ATTRS, y);
    if (kind == DATA) return whet_graph_op1(g, "Gemm", WHET_IN(dy, w), 1, &tb, y);
    return whet_graph_op1(g, "Gemm", WHET_IN(x, dy), 1, &ta, y);
}

static whet_status build_conv(whet_graph *g, const layer *l, int kind, int64_t n, whet_vid *y)
{
    const int64_t kernel[2] = {l->kh, l->kw}, strides[2] = {l->sh, l->sw}, sizes[4] = {n, l->ic, l->h, l->w};
    const whet_attr a[4] = {whet_attr_ints("kernel_shape", 2, kernel), whet_attr_ints("strides", 2, strides),
                            whet_attr_ints("pads", 4, l->pad), whet_attr_int("group", l->groups)};
    const whet_shape ws = WHET_SHAPE(l->oc, l->ic / l->groups, l->kh, l->kw);
    whet_vid x = WHET_NO_VALUE, w = WHET_NO_VALUE, dy = WHET_NO_VALUE, shape = WHET_NO_VALUE;
    if (kind != FORWARD) WHET_TRY(image(g, n, l->oc, l->oh, l->ow, &dy));
    if (kind != DATA) WHET_TRY(image(g, n, l->ic, l->h, l->w, &x));
    if (kind != WEIGHTS) WHET_TRY(weights(g, &ws, &w));
    if (kind == FORWARD) return whet_graph_op1(g, "Conv", WHET_IN(x, w), 4, a, y);
    if (kind == WEIGHTS) return whet_graph_op1(g, "whet.ConvGradWeights", WHET_IN(dy, x), 4, a, y);
    WHET_TRY(whet_graph_const_s64(g, NULL, 4, sizes, &shape));
    return whet_graph_op1(g, "whet.ConvGradData", WHET_IN(dy, w, shape), 4, a, y);
}

/* Images in NHWC, as the layout pass would have it; where both layouts are the same bytes it says NCHW. */
static void tag(whet_graph *g, whet_vid id)
{
    whet_value *v = &g->values[id];
    if (v->dims.rank == 4 && v->dims.dims[1] > 1 && v->dims.dims[2] * v->dims.dims[3] > 1) v->layout = WHET_NHWC;
}

static whet_status build(whet_graph **out, const layer *l, int kind, int64_t batch)
{
    whet_graph *g = NULL;
    whet_vid y = WHET_NO_VALUE;
    WHET_TRY(whet_graph_create(out, "layer"));
    g = *out;
    WHET_TRY(l->product ? build_product(g, l, kind, l->w * batch, &y) : build_conv(g, l, kind, batch, &y));
    for (int i = 0; i < g->n_inputs; i++) tag(g, g->inputs[i]);
    if (kind != WEIGHTS) tag(g, y);
    return whet_graph_output(g, y);
}

/* A few runs one after the other: the first of them finds the other library's threads still waiting in a loop. */
static whet_status turn(whet_plan *p, double *best)
{
    double spent = 0.0;
    for (int i = 0; i < 8 && (i < 2 || spent < 2e6); i++) {
        const uint64_t t = whet_now_ns();
        WHET_TRY(whet_plan_run(p));
        const double ns = (double)(whet_now_ns() - t);
        spent += ns;
        if (ns < *best) *best = ns;
    }
    return WHET_OK;
}

static bool equal(const whet_plan *a, const whet_plan *b)
{
    const whet_tensor *x = whet_plan_output(a, 0), *y = whet_plan_output(b, 0);
    return memcmp(x->data, y->data, whet_tensor_bytes(x)) == 0;
}

static whet_status time_layer(const whet_graph *g, whet_team *two, result *r)
{
    whet_exec *e[WAYS] = {NULL};
    whet_plan *p[WAYS] = {NULL};
    whet_shape shapes[2];
    whet_status status = WHET_OK;
    for (int i = 0; i < g->n_inputs; i++) (void)whet_dims_concrete(&g->values[g->inputs[i]].dims, &shapes[i]);
    for (int w = 0; w < WAYS && status == WHET_OK; w++) {
        whet_exec_options o;
        whet_exec_options_init(&o);
        o.providers = (w < DNN_1 ? WHET_PROVIDER_OWN : WHET_PROVIDER_ONEDNN) | WHET_PROVIDER_REF;
        o.team = w % 2 ? two : NULL;
        r->ns[w] = 1e30;
        status = whet_exec_create(&e[w], g, &o);
        if (status == WHET_OK) status = whet_exec_plan(e[w], g->n_inputs, shapes, &p[w]);
        for (int i = 0; i < g->n_inputs && status == WHET_OK; i++) {
            if (w == 0) fill(whet_plan_input(p[0], i));
            else status = whet_plan_bind_input(p[w], i, whet_plan_input(p[0], i)->data);
        }
    }
    for (int round = 0; round < 3; round++)
        for (int w = 0; w < WAYS && status == WHET_OK; w++) status = turn(p[w], &r->ns[w]);
    if (status == WHET_OK)
        for (int i = 0; i < 2; i++) r->same[i] = equal(p[2 * i], p[2 * i + 1]);
    for (int w = 0; w < WAYS; w++) whet_exec_free(e[w]);
    return status;
}

static void print_result(const char *what, const double *ns, double flops, const bool *same, double unit)
{
    printf("  %-8s", what);
    for (int w = 0; w < WAYS; w++) printf(" %9.2f %6.0f", ns[w] / unit, flops / ns[w]);
    printf("  %-4s %s\n", same[0] ? "yes" : "NO", same[1] ? "yes" : "NO");
}

static const char *const kind_name[KINDS] = {"forward", "data", "weights"};

static whet_status one_line(const layer *l, int64_t batch, whet_team *two, bool quiet, sums *s)
{
    for (int kind = 0; kind < KINDS; kind++) {
        const int64_t n = kind == FORWARD ? 1 : batch;
        const double flops = 2.0 * (double)(n * l->oh * l->ow * l->oc * (l->ic / l->groups) * l->kh * l->kw);
        whet_graph *g = NULL;
        result r = {0};
        if (kind == DATA && l->ic <= 3) continue;
        whet_status status = build(&g, l, kind, n);
        if (status == WHET_OK) status = time_layer(g, two, &r);
        whet_graph_free(g);
        WHET_TRY(status);
        if (!quiet) print_result(kind_name[kind], r.ns, flops, r.same, 1e3);
        for (int w = 0; w < WAYS; w++) s->ns[kind][w] += r.ns[w] * (double)l->count;
        for (int i = 0; i < 2; i++) s->same[kind][i] = s->same[kind][i] && r.same[i];
        s->flops[kind] += flops * (double)l->count;
    }
    return WHET_OK;
}

static whet_status one_file(const char *path, int64_t batch, whet_team *two, bool quiet)
{
    char line[256];
    whet_status status = WHET_OK;
    sums s = {0};
    memset(s.same, 1, sizeof s.same);
    FILE *f = fopen(path, "r");
    if (!f) return WHET_FAIL(WHET_EIO, "cannot open '%s'", path);
    printf("%s\n  %-8s %16s %16s %16s %16s  same bits\n  %-8s %16s %16s %16s %16s  own, oneDNN\n", path, quiet ? "ms, GF/s" : "us, GF/s",
           "own", "own", "oneDNN", "oneDNN", "threads", "1", "2", "1", "2");
    while (status == WHET_OK && fgets(line, sizeof line, f)) {
        layer l;
        if (!parse(line, &l)) continue;
        if (!quiet) fputs(line, stdout);
        status = one_line(&l, batch, two, quiet, &s);
        fflush(stdout);
    }
    fclose(f);
    if (!quiet) printf("sums, ms\n");
    for (int kind = 0; kind < KINDS; kind++) print_result(kind_name[kind], s.ns[kind], s.flops[kind], s.same[kind], 1e6);
    fflush(stdout);
    return status;
}

int main(int argc, char **argv)
{
    whet_team *two = NULL;
    bool quiet = false;
    int64_t batch = 4;
    whet_status status = whet_team_create(&two, 2);
    for (int i = 1; i < argc && status == WHET_OK; i++) {
        if (strcmp(argv[i], "--sums") == 0) quiet = true;
        else if (strcmp(argv[i], "--batch") == 0 && i + 1 < argc) batch = atol(argv[++i]);
        else status = batch > 0 ? one_file(argv[i], batch, two, quiet) : WHET_FAIL(WHET_EINVAL, "--batch takes a number above 0");
    }
    if (status != WHET_OK) fprintf(stderr, "own_against_onednn: %s\n", whet_error_message());
    whet_team_free(two);
    return status == WHET_OK ? 0 : 3;
}
