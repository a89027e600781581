/* SPDX-License-Identifier: Apache-2.0 */
/* The preprocessing contract as nodes: uint8 pixels, channels last, in; cast, order of the colours, resize, layout, scale, mean
 * and deviation. A resize is expressible where ONNX's Resize does what the contract's library does: stretched to the size, linear
 * or nearest with half-pixel centres, antialiased only where the opset has it. Crops and letterboxes depend on the picture's
 * shape and stay with the caller. */
#include <stdio.h>

#include "convert/convert_private.h"
#include "data/contract.h"

enum { ANTIALIAS_OPSET = 18 };

/* Nodes in a row; the first failure sticks. */
typedef struct chain { whet_graph *g; whet_vid x; whet_status status; } chain;

static void then(chain *c, const char *op, int n_more, const whet_vid *more, int n_attr, const whet_attr *attr)
{
    whet_vid in[8] = {c->x}, out = WHET_NO_VALUE;
    for (int i = 0; i < n_more; i++) in[i + 1] = more[i];
    if (c->status == WHET_OK) c->status = whet_graph_op1(c->g, op, n_more + 1, in, n_attr, attr, &out);
    c->x = out;
}

static whet_vid ints(chain *c, int n, const int64_t *x)
{
    whet_vid v = WHET_NO_VALUE;
    if (c->status == WHET_OK) c->status = whet_graph_const_s64(c->g, NULL, n, x, &v);
    return v;
}

/* x op values, one for each channel of an image that lies as the network wants it; nothing where all are the neutral one. */
static void by_channel(chain *c, const char *op, const float *values, float neutral, int channels, bool nhwc)
{
    whet_tensor t;
    whet_vid v = WHET_NO_VALUE;
    bool says = false;
    const whet_shape shape = nhwc ? WHET_SHAPE(1, 1, 1, channels) : WHET_SHAPE(1, channels, 1, 1);
    for (int k = 0; k < channels; k++) says |= values[k] != neutral;
    if (!says || c->status != WHET_OK) return;
    whet_tensor_init(&t);
    c->status = whet_tensor_alloc(&t, WHET_F32, &shape);
    for (int k = 0; k < channels && c->status == WHET_OK; k++) ((float *)t.data)[k] = values[k];
    if (c->status == WHET_OK) c->status = whet_graph_const(c->g, NULL, &t, &v);
    then(c, op, 1, &v, 0, NULL);
    whet_tensor_dispose(&t);
}

/* Why the resize cannot be a node; NULL: it can. */
static const char *no_resize(const whet_contract *c, bool free_shapes, int opset, int h, int w)
{
    if (!free_shapes) return "the format wants fixed shapes";
    if (h <= 0 || w <= 0) return "the network takes any size";
    if (c->fit != WHET_FIT_STRETCH) return "a crop or letterbox depends on the picture";
    if (c->filter != WHET_FILTER_BILINEAR && c->filter != WHET_FILTER_NEAREST) return "only bilinear and nearest have a form in the graph";
    const bool antialias = c->filter == WHET_FILTER_BILINEAR && (c->lib == WHET_RESIZE_PILLOW || (c->lib == WHET_RESIZE_TF && c->antialias));
    if (antialias && opset < ANTIALIAS_OPSET) return "an antialiased filter needs opset 18";
    return NULL;
}

/* In NCHW. Half-pixel centres are those of all three libraries; nearest takes the pixel that the centre falls into, but for OpenCV,
 * which takes the one under the corner. */
static void resize(chain *c, const whet_contract *k, int h, int w)
{
    const bool nearest = k->filter == WHET_FILTER_NEAREST;
    const bool antialias = !nearest && (k->lib == WHET_RESIZE_PILLOW || (k->lib == WHET_RESIZE_TF && k->antialias));
    const bool corner = nearest && k->lib == WHET_RESIZE_OPENCV;
    const whet_attr attrs[] = {whet_attr_string("coordinate_transformation_mode", corner ? "asymmetric" : "half_pixel"),
                               whet_attr_string("mode", nearest ? "nearest" : "linear"),
                               whet_attr_string("nearest_mode", corner ? "floor" : "round_prefer_ceil"), whet_attr_int("antialias", 1)};
    const whet_vid x = c->x;
    whet_vid own = WHET_NO_VALUE, two = WHET_NO_VALUE, sizes = WHET_NO_VALUE;
    /* N and C as they come, H and W fixed */
    if (c->status == WHET_OK) c->status = whet_graph_op1(c->g, "Shape", WHET_IN(x), WHET_ATTRS(whet_attr_int("end", 2)), &own);
    two = ints(c, 2, (const int64_t[]){h, w});
    if (c->status == WHET_OK) c->status = whet_graph_op1(c->g, "Concat", WHET_IN(own, two), WHET_ATTRS(whet_attr_int("axis", 0)), &sizes);
    then(c, "Resize", 3, (const whet_vid[]){WHET_NO_VALUE, WHET_NO_VALUE, sizes}, antialias ? 4 : 3, attrs);
    if (k->round || k->lib != WHET_RESIZE_TF) {
        then(c, "Round", 0, NULL, 0, NULL);
        whet_vid low = WHET_NO_VALUE, high = WHET_NO_VALUE;
        if (c->status == WHET_OK) c->status = whet_graph_const_f32(c->g, NULL, 0, &low);
        if (c->status == WHET_OK) c->status = whet_graph_const_f32(c->g, NULL, 255, &high);
        then(c, "Clip", 2, (const whet_vid[]){low, high}, 0, NULL);
    }
}

static void transpose(chain *c, bool to_nchw)
{
    static const int64_t nchw[4] = {0, 3, 1, 2}, nhwc[4] = {0, 2, 3, 1};
    const whet_attr perm = whet_attr_ints("perm", 4, to_nchw ? nchw : nhwc);
    then(c, "Transpose", 0, NULL, 1, &perm);
}

/* From pixels to what the network took. */
static void build(chain *c, const whet_contract *k, int channels, int h, int w, bool resized)
{
    float factor[WHET_MAX_CHANNELS], shift[WHET_MAX_CHANNELS];
    const whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(WHET_F32)), last = whet_attr_int("axis", 3);
    for (int i = 0; i < channels; i++) {
        factor[i] = k->scale / k->std[i];
        shift[i] = -k->mean[i] / k->std[i];
    }
    then(c, "Cast", 0, NULL, 1, &to);
    if (k->color == WHET_COLOR_BGR && channels == 3) {
        const whet_vid order = ints(c, 3, (const int64_t[]){2, 1, 0});
        then(c, "Gather", 1, &order, 1, &last);
    }
    if (!k->nhwc || resized) transpose(c, true);
    if (resized) resize(c, k, h, w);
    if (k->nhwc && resized) transpose(c, false);
    by_channel(c, "Mul", factor, 1, channels, k->nhwc);
    by_channel(c, "Add", shift, 0, channels, k->nhwc);
}

static void make_raw(whet_contract *k, bool resized)
{
    k->scale = 1;
    for (int i = 0; i < WHET_MAX_CHANNELS; i++) {
        k->mean[i] = 0;
        k->std[i] = 1;
    }
    k->nhwc = true;
    if (k->color == WHET_COLOR_BGR) k->color = WHET_COLOR_RGB;
    if (resized) k->height = k->width = 0;
}

static whet_status bake(whet_graph *g, whet_contract *k, bool free_shapes, int opset, whet_convert_report *report)
{
    const whet_vid old = g->n_inputs > 0 ? g->inputs[0] : WHET_NO_VALUE;
    const whet_value *v = old >= 0 ? &g->values[old] : NULL;
    char name[512], text[300];
    if (!v || v->dims.rank != 4 || v->dtype != WHET_F32)
        return WHET_FAIL(WHET_EINVAL, "--bake needs a first input of rank 4 and type f32; this model's is %s", v ? whet_dtype_name(v->dtype) : "absent");
    const whet_dim *d = v->dims.dims, channels = d[k->nhwc ? 3 : 1], h = d[k->nhwc ? 1 : 2], w = d[k->nhwc ? 2 : 3];
    if (channels != 1 && channels != 3) return WHET_FAIL(WHET_ESHAPE, "--bake: input '%s' has %lld channels, a picture has 1 or 3", v->name, (long long)channels);
    const int fixed_h = h > 0 ? (int)h : k->height, fixed_w = w > 0 ? (int)w : k->width;
    const char *why = no_resize(k, free_shapes, opset, fixed_h, fixed_w);
    const bool resized = why == NULL;
    whet_dims dims = {.rank = 4, .dims = {d[0], h, w, channels}};
    chain c = {.g = g};
    if (resized) {
        dims.dims[1] = whet_graph_symbol(g, "height");
        dims.dims[2] = whet_graph_symbol(g, "width");
    }
    convert_remark(report, "baked: %s; the input is uint8 pixels, NHWC", whet_contract_formula(k, text, sizeof(text)));
    if (resized) convert_remark(report, "baked: resizing to %dx%d", fixed_h, fixed_w);
    else if (fixed_h > 0) convert_remark(report, "resizing to %dx%d stays with the caller: %s", fixed_h, fixed_w, why);
    snprintf(name, sizeof(name), "%s", v->name);
    WHET_TRY(whet_graph_rename(g, old, whet_graph_find(g, "whet/baked") < 0 ? "whet/baked" : "whet/baked.input"));
    WHET_TRY(whet_graph_input(g, name, WHET_U8, &dims, &c.x));
    g->inputs[0] = c.x;
    g->n_inputs--; /* the new one took the old one's place */
    build(&c, k, (int)channels, fixed_h, fixed_w, resized);
    WHET_TRY(c.status);
    whet_graph_replace_uses(g, old, c.x);
    WHET_TRY(whet_graph_prune(g));
    WHET_TRY(whet_graph_infer(g));
    make_raw(k, resized);
    return convert_contract_set(g, k);
}

whet_status whet_convert_bake(whet_graph *g, bool free_shapes, int opset, whet_convert_report *report)
{
    whet_contract k;
    whet_status status = WHET_OK;
    whet_contract_init(&k);
    if (!convert_contract_get(g, &k) || !k.given)
        status = WHET_FAIL(WHET_EINVAL, "the model carries no preprocessing contract to bake; write one with `whet contract set`");
    else
        status = bake(g, &k, free_shapes, opset, report);
    whet_contract_dispose(&k);
    return status;
}
