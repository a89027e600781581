/* SPDX-License-Identifier: Apache-2.0 */
/* Upgrades of nodes to the newest operator definitions: attributes that became inputs, defaults that moved, operators that
 * were renamed. Source: the ONNX operator change log (Changelog.md), opset 7 to 28. */
#include "formats/onnx/onnx_upgrade.h"

#include "ir/op.h"

/* Attribute `name` (integers, or one integer) becomes the 1-D s64 input `slot`. Absent attribute: absent input. */
static whet_status ints_to_input(onnx_reader *r, onnx_work *w, const char *name, int slot)
{
    const whet_attr *a = onnx_work_attr(w, name);
    if (!a) return WHET_OK;
    if (a->type != WHET_ATTR_INTS && a->type != WHET_ATTR_INT)
        return onnx_fail(w, WHET_EFORMAT, "%s: attribute '%s' must be integers", w->op, name);
    if (w->n_in > slot) return onnx_fail(w, WHET_EFORMAT, "%s: '%s' is given as attribute and as input", w->op, name);
    bool one = a->type == WHET_ATTR_INT;
    WHET_TRY(whet_graph_const_s64(r->g, NULL, one ? 1 : a->n, one ? &a->i : a->ints, &w->in[slot]));
    w->n_in = slot + 1;
    onnx_work_drop(w, name);
    return WHET_OK;
}

/* Attribute `name` (a number) becomes the scalar input `slot` in the type of input 0. */
static whet_status number_to_input(onnx_reader *r, onnx_work *w, const char *name, int slot)
{
    const whet_attr *a = onnx_work_attr(w, name);
    if (!a) return WHET_OK;
    if (a->type != WHET_ATTR_FLOAT) return onnx_fail(w, WHET_EFORMAT, "%s: attribute '%s' must be a number", w->op, name);
    if (w->n_in < 1 || w->in[0] < 0 || w->n_in > slot)
        return onnx_fail(w, WHET_EFORMAT, "%s: wrong inputs for opset %d", w->op, w->opset);
    WHET_TRY(whet_graph_const_like(r->g, r->g->values[w->in[0]].dtype, (double)a->f, &w->in[slot]));
    w->n_in = slot + 1;
    onnx_work_drop(w, name);
    return WHET_OK;
}

whet_status onnx_upgrade_clip(onnx_reader *r, onnx_work *w)
{
    if (w->opset >= 11) return WHET_OK;
    WHET_TRY(number_to_input(r, w, "min", 1));
    return number_to_input(r, w, "max", 2);
}

whet_status onnx_upgrade_squeeze(onnx_reader *r, onnx_work *w)
{
    return w->opset >= 13 ? WHET_OK : ints_to_input(r, w, "axes", 1);
}

whet_status onnx_upgrade_unsqueeze(onnx_reader *r, onnx_work *w) { return onnx_upgrade_squeeze(r, w); }

whet_status onnx_upgrade_reduce_sum(onnx_reader *r, onnx_work *w) { return onnx_upgrade_squeeze(r, w); }

whet_status onnx_upgrade_reduce(onnx_reader *r, onnx_work *w)
{
    return w->opset >= 18 ? WHET_OK : ints_to_input(r, w, "axes", 1);
}

whet_status onnx_upgrade_top_k(onnx_reader *r, onnx_work *w)
{
    return w->opset >= 10 ? WHET_OK : ints_to_input(r, w, "k", 1);
}

whet_status onnx_upgrade_slice(onnx_reader *r, onnx_work *w)
{
    if (w->opset >= 10) return WHET_OK;
    WHET_TRY(ints_to_input(r, w, "starts", 1));
    WHET_TRY(ints_to_input(r, w, "ends", 2));
    return ints_to_input(r, w, "axes", 3);
}

/* Before opset 18 a missing `split` means equal parts, as many as there are outputs. */
whet_status onnx_upgrade_split(onnx_reader *r, onnx_work *w)
{
    if (w->opset >= 18) return WHET_OK;
    if (w->opset < 13) WHET_TRY(ints_to_input(r, w, "split", 1));
    if (w->n_in < 2) onnx_work_set(w, whet_attr_int("num_outputs", (int64_t)w->proto->output.n));
    return WHET_OK;
}

whet_status onnx_upgrade_pad(onnx_reader *r, onnx_work *w)
{
    const whet_attr *mode = onnx_work_attr(w, "mode");
    if (w->opset >= 11) return WHET_OK;
    bool constant = !mode || (mode->type == WHET_ATTR_STRING && strcmp(mode->s, "constant") == 0);
    WHET_TRY(ints_to_input(r, w, "pads", 1));
    if (constant) return number_to_input(r, w, "value", 2);
    onnx_work_drop(w, "value");
    return WHET_OK;
}

/* Opset 7 to 11: `ratio` was an attribute and the operator never ran in training mode. */
whet_status onnx_upgrade_dropout(onnx_reader *r, onnx_work *w)
{
    if (!r->opt.keep_training && w->n_in > 2) w->n_in = 2;
    if (w->opset >= 12) return WHET_OK;
    const whet_attr *a = onnx_work_attr(w, "ratio");
    WHET_TRY(whet_graph_const_f32(r->g, NULL, a && a->type == WHET_ATTR_FLOAT ? a->f : 0.5f, &w->in[1]));
    onnx_work_drop(w, "ratio");
    w->n_in = 2;
    return WHET_OK;
}

/* Training was told by the number of outputs before opset 14, by training_mode since. Momentum means the same in both. */
whet_status onnx_upgrade_batch_norm(onnx_reader *r, onnx_work *w)
{
    bool training = onnx_work_int(w, "training_mode", 0) != 0;
    if (w->opset < 9) {
        if (onnx_work_int(w, "spatial", 1) != 1)
            return onnx_fail(w, WHET_EUNSUPPORTED, "BatchNormalization: spatial = 0 (per element, opset %d) is not handled", w->opset);
        onnx_work_drop(w, "spatial");
    }
    if (w->opset < 14) {
        training = w->n_out > 1;
        if (w->n_out > 3)
            return onnx_fail(w, WHET_EUNSUPPORTED, "BatchNormalization: saved_mean and saved_var (opset %d) are not handled", w->opset);
    }
    if (training && !r->opt.keep_training) {
        training = false;
        w->n_out = 1;
    }
    onnx_work_drop(w, "training_mode");
    if (!training) return WHET_OK;
    onnx_work_set(w, whet_attr_int("training_mode", 1));
    if (r->opt.parameters_as_variables && w->n_out < 3) {
        for (int i = w->n_out; i < 3; i++) w->out_names[i] = NULL; /* fresh values, to be committed */
        w->n_out = 3;
    }
    return WHET_OK;
}

/* Before opset 13 the input was made two-dimensional at `axis` (default 1), and the second dimension normalised. */
whet_status onnx_upgrade_softmax(onnx_reader *r, onnx_work *w)
{
    whet_vid flat = WHET_NO_VALUE, soft = WHET_NO_VALUE, shape = WHET_NO_VALUE;
    int64_t axis = onnx_work_int(w, "axis", 1);
    if (w->opset >= 13) return WHET_OK;
    if (w->n_in != 1 || w->in[0] < 0 || w->n_out != 1) return onnx_fail(w, WHET_EFORMAT, "%s needs one input and one output", w->op);
    int rank = r->g->values[w->in[0]].dims.rank;
    onnx_work_set(w, whet_attr_int("axis", -1));
    if (axis == -1 || (rank >= 0 && axis == rank - 1)) return WHET_OK;
    if (!whet_op_find(w->op)) return WHET_OK; /* refused by the caller */
    whet_attr at = whet_attr_int("axis", axis), last = whet_attr_int("axis", -1);
    WHET_TRY(whet_graph_op1(r->g, "Flatten", WHET_IN(w->in[0]), 1, &at, &flat));
    WHET_TRY(whet_graph_op1(r->g, w->op, WHET_IN(flat), 1, &last, &soft));
    WHET_TRY(whet_graph_op1(r->g, "Shape", WHET_IN(w->in[0]), WHET_NO_ATTRS, &shape));
    WHET_TRY(whet_graph_node(r->g, "Reshape", w->proto->name, WHET_IN(soft, shape), WHET_NO_ATTRS, 1, w->out_names, w->out));
    w->done = true;
    return WHET_OK;
}

/* Opset 10 had (x, scales), asymmetric coordinates, and took the element below. `roi` became optional in 13. */
static whet_status old_resize(onnx_work *w)
{
    if (w->opset >= 13) return WHET_OK;
    if (w->opset >= 11) {
        const whet_attr *a = onnx_work_attr(w, "coordinate_transformation_mode");
        if (a && a->type == WHET_ATTR_STRING && strcmp(a->s, "tf_half_pixel_for_nn") == 0)
            return onnx_fail(w, WHET_EUNSUPPORTED, "Resize: coordinate_transformation_mode 'tf_half_pixel_for_nn' (opset %d) is not "
                             "handled", w->opset);
        if (a && a->type == WHET_ATTR_STRING && strcmp(a->s, "tf_crop_and_resize") == 0) return WHET_OK;
        if (w->n_in > 1) w->in[1] = WHET_NO_VALUE; /* an unused roi, empty or not */
        if (w->n_in > 3 && w->in[3] >= 0) w->in[2] = WHET_NO_VALUE; /* scales had to be there, empty, beside sizes */
        return WHET_OK;
    }
    if (w->n_in != 2) return onnx_fail(w, WHET_EFORMAT, "%s needs two inputs in opset %d", w->op, w->opset);
    w->in[2] = w->in[1];
    w->in[1] = WHET_NO_VALUE;
    w->n_in = 3;
    onnx_work_set(w, whet_attr_string("coordinate_transformation_mode", "asymmetric"));
    onnx_work_set(w, whet_attr_string("nearest_mode", "floor"));
    return WHET_OK;
}

whet_status onnx_upgrade_resize(onnx_reader *r, onnx_work *w)
{
    WHET_TRY(old_resize(w));
    return onnx_resize_integers(r, w);
}

/* Upsample is Resize with asymmetric coordinates (its own definition). Opset 7 and 8: scales as an attribute. */
whet_status onnx_upgrade_upsample(onnx_reader *r, onnx_work *w)
{
    const whet_attr *a = onnx_work_attr(w, "scales");
    if (w->opset < 9) {
        whet_tensor t;
        if (!a || a->type != WHET_ATTR_FLOATS) return onnx_fail(w, WHET_EFORMAT, "Upsample: attribute 'scales' is missing");
        whet_shape shape = WHET_SHAPE(a->n);
        whet_tensor_init(&t);
        WHET_TRY(whet_tensor_alloc(&t, WHET_F32, &shape));
        if (a->n) memcpy(t.data, a->floats, whet_tensor_bytes(&t));
        whet_status status = whet_graph_const(r->g, NULL, &t, &w->in[1]);
        whet_tensor_dispose(&t);
        WHET_TRY(status);
        w->n_in = 2;
        onnx_work_drop(w, "scales");
    } else if (w->opset >= 10 && w->opset != 10) {
        return WHET_OK; /* gone since opset 10; refused by the caller under its own name */
    }
    w->op = "Resize";
    w->opset = 10;
    return onnx_upgrade_resize(r, w);
}

whet_status onnx_upgrade_scatter(onnx_reader *r, onnx_work *w)
{
    (void)r;
    if (w->opset < 11) w->op = "ScatterElements"; /* renamed in opset 11 */
    return WHET_OK;
}

whet_status onnx_upgrade_grid_sample(onnx_reader *r, onnx_work *w)
{
    const whet_attr *a = onnx_work_attr(w, "mode");
    (void)r;
    if (w->opset >= 20) return WHET_OK;
    bool cubic = a && a->type == WHET_ATTR_STRING && strcmp(a->s, "bicubic") == 0;
    if (!a || cubic || (a->type == WHET_ATTR_STRING && strcmp(a->s, "bilinear") == 0))
        onnx_work_set(w, whet_attr_string("mode", cubic ? "cubic" : "linear"));
    return WHET_OK;
}

/* Opset 18 scaled by group, 21 scales by channel: each group's value is repeated. */
whet_status onnx_upgrade_group_norm(onnx_reader *r, onnx_work *w)
{
    if (w->opset >= 21) return WHET_OK;
    int64_t groups = onnx_work_int(w, "num_groups", 0);
    if (w->n_in != 3 || w->in[0] < 0) return onnx_fail(w, WHET_EFORMAT, "GroupNormalization needs three inputs");
    const whet_dims *d = &r->g->values[w->in[0]].dims;
    int64_t channels = d->rank > 1 ? d->dims[1] : -1;
    for (int i = 1; i <= 2; i++) {
        const whet_tensor *old = w->in[i] >= 0 ? whet_graph_const_data(r->g, w->in[i]) : NULL;
        whet_tensor t;
        if (channels <= 0 || groups <= 0 || channels % groups || !old || whet_tensor_numel(old) != groups)
            return onnx_fail(w, WHET_EUNSUPPORTED, "GroupNormalization of opset %d with scales that are not constant is not handled; "
                             "export with opset 21", w->opset);
        whet_shape shape = WHET_SHAPE(channels);
        whet_tensor_init(&t);
        WHET_TRY(whet_tensor_alloc(&t, old->dtype, &shape));
        for (int64_t c = 0; c < channels; c++) whet_tensor_set_f64(&t, c, whet_tensor_get_f64(old, c / (channels / groups)));
        whet_status status = whet_graph_const(r->g, NULL, &t, &w->in[i]);
        whet_tensor_dispose(&t);
        WHET_TRY(status);
    }
    return WHET_OK;
}
