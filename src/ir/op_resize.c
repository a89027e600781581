/* SPDX-License-Identifier: Apache-2.0 */
/* Resize (ONNX operator specification, opset 19; Upsample and older Resize are brought to it by the reader) and its
 * gradient whet.ResizeGrad, which applies the transposed taps. */
#include <stdio.h>
#include <string.h>

#include "ir/ops.h"
#include "ir/resize_plan.h"

#define RESIZE_ATTRS                                                                                                \
    ATTR_INT("antialias", 0), ATTR_INTS("axes"), ATTR_STRING("coordinate_transformation_mode", "half_pixel"),       \
        ATTR_FLOAT("cubic_coeff_a", -0.75f), ATTR_INT("exclude_outside", 0), ATTR_FLOAT("extrapolation_value", 0),  \
        ATTR_STRING("keep_aspect_ratio_policy", "stretch"), ATTR_STRING("mode", "nearest"),                         \
        ATTR_STRING("nearest_mode", "round_prefer_floor")

const whet_attr_def attrs_resize[] = {RESIZE_ATTRS, ATTR_END};

static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
static const char *const coords[] = {"half_pixel",    "half_pixel_symmetric", "pytorch_half_pixel",
                                     "align_corners", "asymmetric",           "tf_crop_and_resize", NULL};
static const char *const nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL};
static const char *const policies[] = {"stretch", "not_larger", "not_smaller", NULL};

static whet_status word(const whet_node *n, const char *attr, const char *const *words, int *out)
{
    const char *s = whet_node_string(n, attr, words[0]);
    for (*out = 0; words[*out] != NULL; ++*out)
        if (strcmp(words[*out], s) == 0) return WHET_OK;
    return WHET_FAIL(WHET_EINVAL, "%s '%s' is unknown", attr, s);
}

whet_status whet_resize_rule_read(const whet_node *n, whet_resize_rule *rule)
{
    int mode = 0, coord = 0, near = 0;
    WHET_TRY(word(n, "mode", modes, &mode));
    WHET_TRY(word(n, "coordinate_transformation_mode", coords, &coord));
    WHET_TRY(word(n, "nearest_mode", nearest, &near));
    *rule = (whet_resize_rule){.mode = (whet_resize_mode)mode, .coords = (whet_resize_coords)coord,
                               .nearest = (whet_resize_nearest)near,
                               .cubic_a = (double)whet_node_float(n, "cubic_coeff_a", -0.75f),
                               .antialias = whet_node_int(n, "antialias", 0) != 0,
                               .exclude_outside = whet_node_int(n, "exclude_outside", 0) != 0};
    return WHET_OK;
}

/* --- inputs */

typedef struct request {
    int rank, n_axes;
    int axis[WHET_MAX_RANK];
    bool by_scales, by_sizes;  /* which input is given */
    bool known;                /* and its contents are known */
    double scale[WHET_MAX_RANK];  /* by axis; 1 where none is given */
    whet_dim size[WHET_MAX_RANK]; /* by axis */
    int policy;
} request;

static const whet_tensor *constant(const whet_graph *g, const whet_node *n, int i)
{
    return i < n->n_in && n->in[i] >= 0 ? whet_graph_const_data(g, n->in[i]) : NULL;
}

static bool given(const whet_graph *g, const whet_node *n, int i)
{
    const whet_dims *d = i < n->n_in && n->in[i] >= 0 ? &g->values[n->in[i]].dims : NULL;
    return d != NULL && !(d->rank == 1 && d->dims[0] == 0);
}

static whet_status read_axes(const whet_node *n, request *r)
{
    int64_t axes[WHET_MAX_RANK];
    bool seen[WHET_MAX_RANK] = {false};
    r->n_axes = whet_node_ints(n, "axes", axes, WHET_MAX_RANK);
    if (r->n_axes > r->rank) return WHET_FAIL(WHET_ESHAPE, "%d axes for rank %d", r->n_axes, r->rank);
    if (r->n_axes == 0)
        for (; r->n_axes < r->rank; r->n_axes++) axes[r->n_axes] = r->n_axes;
    for (int i = 0; i < r->n_axes; i++) {
        if (axes[i] < 0) axes[i] += r->rank;
        if (axes[i] < 0 || axes[i] >= r->rank || seen[axes[i]]) return WHET_FAIL(WHET_EINVAL, "axes do not name axes of rank %d", r->rank);
        seen[axes[i]] = true;
        r->axis[i] = (int)axes[i];
    }
    return WHET_OK;
}

static whet_status read_scales(const whet_tensor *t, request *r)
{
    if (whet_tensor_numel(t) != r->n_axes)
        return WHET_FAIL(WHET_ESHAPE, "%lld scales for %d axes", (long long)whet_tensor_numel(t), r->n_axes);
    for (int i = 0; i < r->n_axes; i++) {
        const double s = whet_tensor_get_f64(t, i);
        if (!(s > 0 && s < 1e9)) return WHET_FAIL(WHET_EINVAL, "scale %g", s);
        r->scale[r->axis[i]] = s;
    }
    r->known = true;
    return WHET_OK;
}

static whet_status read_sizes(const whet_graph *g, const whet_node *n, request *r)
{
    const whet_tensor *t = constant(g, n, 3);
    const whet_value *v = &g->values[n->in[3]];
    const int64_t count = t != NULL ? whet_tensor_numel(t) : v->n_known;
    if (count < 0) return WHET_OK;
    if (count != r->n_axes) return WHET_FAIL(WHET_ESHAPE, "%lld sizes for %d axes", (long long)count, r->n_axes);
    for (int i = 0; i < r->n_axes; i++) {
        r->size[r->axis[i]] = t != NULL ? whet_tensor_get_s64(t, i) : v->known[i];
        if (t != NULL && r->size[r->axis[i]] < 0) return WHET_FAIL(WHET_EINVAL, "a size is negative");
    }
    r->known = true;
    return WHET_OK;
}

static whet_status read_request(const whet_graph *g, const whet_node *n, int rank, request *r)
{
    *r = (request){.rank = rank};
    for (int i = 0; i < rank; i++) r->scale[i] = 1, r->size[i] = WHET_DIM_UNKNOWN;
    WHET_TRY(word(n, "keep_aspect_ratio_policy", policies, &r->policy));
    WHET_TRY(read_axes(n, r));
    r->by_sizes = given(g, n, 3);
    r->by_scales = !r->by_sizes && given(g, n, 2);
    if (given(g, n, 2) && r->by_sizes) return WHET_FAIL(WHET_EINVAL, "both scales and sizes are given");
    if (r->by_sizes) return read_sizes(g, n, r);
    if (!r->by_scales) return WHET_FAIL(WHET_EINVAL, "neither scales nor sizes are given");
    return constant(g, n, 2) != NULL ? read_scales(constant(g, n, 2), r) : WHET_OK;
}

/* One scale for all axes, by the policy; 0 if some size is not known. */
static double common_scale(const request *r, const whet_dim *in)
{
    double best = 0;
    for (int i = 0; i < r->n_axes; i++) {
        const whet_dim size = r->size[r->axis[i]], from = in[r->axis[i]];
        if (size < 0 || from < 1) return 0;
        const double s = (double)size / (double)from;
        if (i == 0 || (r->policy == 1 ? s < best : s > best)) best = s;
    }
    return best;
}

static bool resized(const request *r, int axis)
{
    for (int i = 0; i < r->n_axes; i++)
        if (r->axis[i] == axis) return true;
    return false;
}

whet_status whet_resize_axes_read(const whet_graph *g, const whet_node *n, const whet_shape *in, const whet_shape *out,
                                  whet_resize_axis *axes)
{
    request r;
    whet_resize_rule rule;
    const whet_tensor *roi = constant(g, n, 1);
    WHET_TRY(whet_resize_rule_read(n, &rule));
    WHET_TRY(read_request(g, n, in->rank, &r));
    if (rule.coords == WHET_COORDS_TF_CROP_AND_RESIZE && (roi == NULL || whet_tensor_numel(roi) != 2 * r.n_axes))
        return WHET_FAIL(WHET_EUNSUPPORTED, "tf_crop_and_resize needs a constant roi with two entries an axis");
    if (!r.known && (r.by_scales || r.policy != 0)) return WHET_FAIL(WHET_EUNSUPPORTED, "the scales are not constant");
    const double common = r.by_sizes && r.policy != 0 ? common_scale(&r, in->dims) : 0;
    for (int i = 0; i < in->rank; i++) {
        axes[i] = (whet_resize_axis){.in = in->dims[i], .out = out->dims[i], .scale = r.scale[i], .roi = {0, 1}};
        if (r.by_sizes && resized(&r, i)) axes[i].scale = common > 0 ? common : (double)out->dims[i] / (double)WHET_MAX(in->dims[i], 1);
    }
    for (int i = 0; roi != NULL && whet_tensor_numel(roi) == 2 * r.n_axes && i < r.n_axes; i++) {
        axes[r.axis[i]].roi[0] = whet_tensor_get_f64(roi, i);
        axes[r.axis[i]].roi[1] = whet_tensor_get_f64(roi, r.n_axes + i);
    }
    return WHET_OK;
}

/* --- inference */

static whet_status retell(const whet_infer *c, whet_status status)
{
    char text[256];
    if (status == WHET_OK) return status;
    snprintf(text, sizeof text, "%s", whet_error_last()->text);
    return whet_infer_fail(c, status, "%s", text);
}

static whet_status resized_dims(const request *r, const whet_dims *x, whet_dims *y)
{
    const double common = r->by_sizes && r->policy != 0 ? common_scale(r, x->dims) : 0;
    *y = *x;
    for (int i = 0; i < r->n_axes; i++) {
        const int a = r->axis[i];
        double size = -1;
        if (r->by_sizes && r->policy == 0) {
            y->dims[a] = r->size[a];
            continue;
        }
        if (r->by_scales && r->known && r->scale[a] == 1) continue;
        if (r->by_sizes && common > 0) size = common * (double)x->dims[a] + 0.5;
        if (r->by_scales && r->known && x->dims[a] >= 0) size = (double)((float)x->dims[a] * (float)r->scale[a]);
        if (size > 1e15) return WHET_FAIL(WHET_ESHAPE, "axis %d becomes too large", a);
        y->dims[a] = size >= 0 ? (whet_dim)size : WHET_DIM_UNKNOWN;
    }
    return WHET_OK;
}

whet_status infer_resize(whet_infer *c)
{
    const whet_dims *x = whet_infer_dims(c, 0);
    whet_dims y = *x;
    request r;
    whet_resize_rule rule;
    WHET_TRY(retell(c, whet_resize_rule_read(c->n, &rule)));
    if (rule.mode != WHET_RESIZE_NEAREST) WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    if (rule.antialias && rule.mode == WHET_RESIZE_NEAREST)
        return whet_infer_fail(c, WHET_EINVAL, "antialias is for modes linear and cubic");
    if (x->rank >= 0) {
        WHET_TRY(retell(c, read_request(c->g, c->n, x->rank, &r)));
        WHET_TRY(retell(c, resized_dims(&r, x, &y)));
    }
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &y);
}

/* (diff_dst, roi, scales, sizes, shape of the input) */
whet_status infer_resize_grad(whet_infer *c)
{
    const whet_dim *known = NULL;
    whet_dims out = {.rank = whet_infer_dims(c, 0)->rank};
    const int n = whet_infer_known(c, 4, &known);
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    if (!whet_infer_has(c, 4)) return whet_infer_fail(c, WHET_EINVAL, "the shape is missing");
    for (int i = 0; i < WHET_MAX_RANK; i++) out.dims[i] = WHET_DIM_UNKNOWN;
    if (n > WHET_MAX_RANK || (n >= 0 && out.rank >= 0 && n != out.rank))
        return whet_infer_fail(c, WHET_ESHAPE, "shape has %d dimensions", n);
    if (n >= 0) out.rank = n;
    for (int i = 0; i < n; i++) out.dims[i] = known[i];
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &out);
}

whet_status grad_resize(whet_grad *c)
{
    const whet_node *n = c->n;
    const int n_attr = n->n_attr;
    const whet_attr *attr = n->attr; /* stays where it is: only the array of nodes may move */
    whet_vid in[5] = {c->dy[0], WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE};
    if (!c->need[0] || c->dy[0] == WHET_NO_VALUE) return WHET_OK;
    for (int i = 1; i < n->n_in; i++) in[i] = n->in[i];
    WHET_TRY(grad_shape_of(c, n->in[0], false, &in[4]));
    return whet_graph_op1(c->g, "whet.ResizeGrad", 5, in, n_attr, attr, &c->dx[0]);
}
