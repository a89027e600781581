/* SPDX-License-Identifier: Apache-2.0 */
/* What the operators of the TFLite reader share: their inputs, small integers, nodes with fused activations. */
#include "formats/tflite/tflite_reader.h"

#include <stdarg.h>
#include <stdio.h>

#define tflite_read_none NULL
static const tfl_row rows[] = {
#define T(name, code, options, version, ir, read, write) {#name, code, TFL_OPT_##options, version, ir, tflite_read_##read},
#include "formats/tflite/tflite_ops.def"
#undef T
};

const tfl_row *tfl_row_of(int code)
{
    for (size_t i = 0; i < WHET_COUNT(rows); i++)
        if (rows[i].code == code) return &rows[i];
    return NULL;
}

whet_status tfl_fail(const tfl_reader *r, const tfl_node *n, whet_status status, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    WHET_FAIL(status, "%s: %s", n->row->name, text);
    whet_error_at_node(n->label);
    whet_error_at_file(r->fb.file);
    if (status == WHET_EFORMAT) whet_error_at_offset((int64_t)n->at);
    return status;
}

bool tfl_has(const tfl_node *n, int slot) { return slot < n->n_in && n->in[slot] >= 0; }
tfl_tensor *tfl_in(const tfl_reader *r, const tfl_node *n, int slot) { return tfl_has(n, slot) ? &r->tensors[n->in[slot]] : NULL; }
tfl_tensor *tfl_out(const tfl_reader *r, const tfl_node *n, int slot)
{
    return slot < n->n_out && n->out[slot] >= 0 ? &r->tensors[n->out[slot]] : NULL;
}

whet_status tfl_arity(const tfl_reader *r, const tfl_node *n, int min_in, int max_in, int n_out)
{
    if (n->n_in < min_in || n->n_in > max_in) return tfl_fail(r, n, WHET_EFORMAT, "%d inputs, %d to %d are needed", n->n_in, min_in, max_in);
    if (n->n_out != n_out) return tfl_fail(r, n, WHET_EFORMAT, "%d outputs, %d are needed", n->n_out, n_out);
    for (int i = 0; i < min_in; i++)
        if (n->in[i] < 0) return tfl_fail(r, n, WHET_EFORMAT, "input %d is missing", i);
    return WHET_OK;
}

bool tfl_is_const(const tfl_reader *r, const tfl_node *n, int slot)
{
    const tfl_tensor *t = tfl_in(r, n, slot);
    whet_shape s;
    return t && (t->constant || (!t->defined && whet_dims_concrete(&t->dims, &s) && whet_shape_numel(&s) == 0));
}

whet_status tfl_ints(const tfl_reader *r, const tfl_node *n, int slot, const char *what, int cap, int64_t *out, int *count)
{
    const tfl_tensor *t = tfl_in(r, n, slot);
    *count = 0;
    if (!t) return tfl_fail(r, n, WHET_EFORMAT, "%s is missing", what);
    if (!tfl_is_const(r, n, slot)) return tfl_fail(r, n, WHET_EUNSUPPORTED, "%s is computed; only a constant is handled", what);
    if (t->stored != WHET_S32 && t->stored != WHET_S64)
        return tfl_fail(r, n, WHET_EUNSUPPORTED, "%s is of type %s", what, tfl_type_name(t->type));
    const size_t size = whet_dtype_size(t->stored), k = t->bytes / size;
    if (t->bytes % size != 0 || k > (size_t)cap) return tfl_fail(r, n, WHET_EFORMAT, "%s has %zu bytes", what, t->bytes);
    for (size_t i = 0; i < k; i++) {
        int32_t narrow = 0;
        if (size == 8) memcpy(&out[i], t->data + 8 * i, 8);
        else {
            memcpy(&narrow, t->data + 4 * i, 4);
            out[i] = narrow;
        }
    }
    *count = (int)k;
    return WHET_OK;
}

whet_status tfl_axis(const tfl_reader *r, const tfl_node *n, int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank) return tfl_fail(r, n, WHET_EFORMAT, "axis %lld of %d dimensions", (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return WHET_OK;
}

whet_status tfl_ints_value(tfl_reader *r, int count, const int64_t *x, whet_vid *out) { return whet_graph_const_s64(r->g, NULL, count, x, out); }
whet_status tfl_float_value(tfl_reader *r, float x, whet_vid *out) { return whet_graph_const_f32(r->g, NULL, x, out); }

whet_status tfl_s64(tfl_reader *r, const tfl_node *n, int slot, whet_vid *out)
{
    int64_t list[TFL_MAX_INTS];
    int count = 0;
    const tfl_tensor *t = tfl_in(r, n, slot);
    if (t && tfl_is_const(r, n, slot) && t->dims.rank == 1 && t->bytes <= TFL_MAX_INTS * 4) {
        WHET_TRY(tfl_ints(r, n, slot, "a list of sizes", TFL_MAX_INTS, list, &count));
        return tfl_ints_value(r, count, list, out);
    }
    WHET_TRY(tfl_get_raw(r, n, slot, WHET_NHWC, out));
    if (r->g->values[*out].dtype == WHET_S64) return WHET_OK;
    return tfl_emit(r, n, "Cast", WHET_IN(*out), WHET_ATTRS(whet_attr_int("to", whet_dtype_to_onnx(WHET_S64))), out);
}

/* --- nodes */
static whet_status emit(tfl_reader *r, const tfl_node *n, const char *name, const char *op, int n_in, const whet_vid *in, int n_attr,
                        const whet_attr *attrs, whet_vid *out)
{
    if (r->g->n_nodes >= r->max_nodes) return tfl_fail(r, n, WHET_EFORMAT, "more than %d nodes for a file of this size", r->max_nodes);
    whet_vid y = WHET_NO_VALUE; /* out may be one of in */
    whet_status status = whet_graph_node(r->g, op, n->label, n_in, in, n_attr, attrs, 1, &name, &y);
    *out = y;
    return status;
}

whet_status tfl_emit(tfl_reader *r, const tfl_node *n, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attrs,
                     whet_vid *out)
{
    whet_vid y = WHET_NO_VALUE; /* `in` may be `out` */
    WHET_TRY(emit(r, n, NULL, op, n_in, in, n_attr, attrs, &y));
    *out = y;
    return WHET_OK;
}

typedef struct activation { const char *op, *name; float min, max; } activation;
static const activation activations[TFL_ACT_COUNT] = {
    {NULL, "NONE", 0, 0}, {"Relu", "RELU", 0, 0}, {"Clip", "RELU_N1_TO_1", -1, 1}, {"Clip", "RELU6", 0, 6}, {"Tanh", "TANH", 0, 0},
    {NULL, "SIGN_BIT", 0, 0}};

whet_status tfl_last(tfl_reader *r, const tfl_node *n, int slot, int act, whet_layout form, const char *op, int n_in, const whet_vid *in,
                     int n_attr, const whet_attr *attrs)
{
    whet_vid y = WHET_NO_VALUE, limits[2] = {WHET_NO_VALUE, WHET_NO_VALUE};
    const tfl_tensor *t = tfl_out(r, n, slot);
    if (act < 0 || act >= TFL_ACT_COUNT || (act && !activations[act].op))
        return tfl_fail(r, n, WHET_EUNSUPPORTED, "fused activation %s is not handled", act == TFL_ACT_SIGN_BIT ? "SIGN_BIT" : "of unknown number");
    const activation *a = &activations[act];
    const char *name = t && !tfl_quantized(t) ? t->name : NULL;
    WHET_TRY(emit(r, n, act ? NULL : name, op, n_in, in, n_attr, attrs, &y));
    if (act && strcmp(a->op, "Clip") == 0) {
        WHET_TRY(whet_graph_const_like(r->g, r->g->values[y].dtype, (double)a->min, &limits[0]));
        WHET_TRY(whet_graph_const_like(r->g, r->g->values[y].dtype, (double)a->max, &limits[1]));
    }
    if (act) WHET_TRY(emit(r, n, name, a->op, limits[0] >= 0 ? 3 : 1, (const whet_vid[]){y, limits[0], limits[1]}, WHET_NO_ATTRS, &y));
    return tfl_give(r, n, slot, y, form);
}

whet_status tfl_reshape(tfl_reader *r, const tfl_node *n, whet_vid x, int count, const int64_t *shape, whet_vid *out)
{
    whet_vid s = WHET_NO_VALUE;
    WHET_TRY(tfl_ints_value(r, count, shape, &s));
    return tfl_emit(r, n, "Reshape", WHET_IN(x, s), WHET_NO_ATTRS, out);
}
