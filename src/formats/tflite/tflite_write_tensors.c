/* SPDX-License-Identifier: Apache-2.0 */
/* The tensors and buffers of the file: those of values, made when first asked for, constants as they lie in the file, and
 * those in between. Halves are stored as halves and dequantised, as TFLite's float16 files do. */
#include <stdio.h>

#include "formats/tflite/tflite_writer.h"

enum { SMALL_CONST = 64 /* bytes up to which equal constants become one */, HALVE_FROM = 9 /* elements */, SMALL_LISTS = 1 << 13 };

int tflw_lost(tfl_writer *w, whet_status status)
{
    if (w->status == WHET_OK) w->status = status;
    return -1;
}

const tfl_tensor *tflw_at(const tfl_writer *w, int tensor)
{
    static const tfl_tensor none = {.name = ""};
    return tensor >= 0 ? &w->tensors[tensor] : &none;
}

static const char *fresh_name(tfl_writer *w, const char *what)
{
    char text[512];
    snprintf(text, sizeof(text), "%.400s/%s%d", w->node ? w->node->name : "model", what, w->n_fresh++);
    return whet_arena_strdup(w->arena, text);
}

static int add_tensor(tfl_writer *w, const char *name, whet_dtype t, int rank, const int32_t *shape, int buffer, const tfl_quant *q)
{
    if (w->status != WHET_OK) return -1;
    if (tfl_type_of(t) < 0) return tflw_lost(w, tflw_fail(w, "type %s is not in the format", whet_dtype_name(t)));
    if (!WHET_GROW(&w->tensors, w->n_tensors, &w->cap_tensors)) return tflw_lost(w, WHET_ENOMEM);
    tfl_tensor *to = &w->tensors[w->n_tensors];
    *to = (tfl_tensor){.name = name ? name : fresh_name(w, "t"), .dtype = t, .rank = rank, .buffer = buffer};
    memcpy(to->shape, shape, (size_t)rank * sizeof(*shape));
    if (q) to->q = *q;
    if (!to->name) return tflw_lost(w, WHET_ENOMEM);
    return (int)w->n_tensors++;
}

void tflw_shape_of(const tfl_writer *w, whet_vid v, int *rank, int32_t *shape)
{
    const whet_dims d = whet_nhwc_dims(w->g, v);
    *rank = d.rank;
    for (int i = 0; i < d.rank; i++) shape[i] = d.dims[i] >= 0 ? (int32_t)d.dims[i] : -1;
}

int tflw_result(tfl_writer *w, whet_vid v)
{
    const whet_value *x = &w->g->values[v];
    int32_t shape[WHET_MAX_RANK];
    int rank = 0;
    if (w->tensor_of[v] >= 0) return w->tensor_of[v];
    if (x->dims.rank < 0) return tflw_lost(w, tflw_fail(w, "the rank of '%s' is not known; give the inputs' shapes", x->name));
    tflw_shape_of(w, v, &rank, shape);
    w->tensor_of[v] = add_tensor(w, x->name, whet_dtype_is_float(x->dtype) ? WHET_F32 : x->dtype, rank, shape, 0, NULL);
    return w->tensor_of[v];
}

int tflw_temp(tfl_writer *w, whet_dtype t, int rank, const int32_t *shape) { return add_tensor(w, NULL, t, rank, shape, 0, NULL); }

int tflw_temp_like(tfl_writer *w, int tensor, int rank, const int32_t *shape)
{
    if (tensor < 0) return -1;
    const tfl_quant q = w->tensors[tensor].q;
    return add_tensor(w, NULL, w->tensors[tensor].dtype, rank, shape, 0, &q);
}

/* --- constants */

static bool same_quant(const tfl_quant *a, const tfl_quant *b)
{
    if (a->n != b->n || a->axis != b->axis) return false;
    for (int i = 0; i < a->n; i++)
        if (a->scale[i] != b->scale[i] || a->zero[i] != b->zero[i]) return false;
    return true;
}

/* The head of the list of small constants with this hash; NULL: a large one, or no memory for the table. */
static int *same_hash(tfl_writer *w, const whet_tensor *t)
{
    const size_t bytes = whet_tensor_bytes(t);
    const uint8_t *p = t->data;
    uint64_t h = 14695981039346656037u ^ (uint64_t)t->dtype ^ (uint64_t)t->shape.rank << 8; /* FNV-1a */
    if (bytes > SMALL_CONST) return NULL;
    if (!w->small) w->small = whet_arena_alloc(w->arena, SMALL_LISTS * sizeof(*w->small));
    for (size_t i = 0; i < bytes; i++) h = (h ^ p[i]) * 1099511628211u;
    return w->small ? &w->small[(h ^ h >> 32) & (SMALL_LISTS - 1)] : NULL;
}

/* Among the tensors of a list, by number + 1. */
static int find_equal(const tfl_writer *w, int first, const whet_tensor *t, const tfl_quant *q)
{
    const size_t bytes = whet_tensor_bytes(t);
    const tfl_quant none = {.n = 0};
    for (int i = first; i > 0; i = w->tensors[i - 1].next_small) {
        const tfl_tensor *have = &w->tensors[i - 1];
        if (have->dtype != t->dtype || have->rank != t->shape.rank || w->buffers[have->buffer].size != bytes) continue;
        if (memcmp(w->buffers[have->buffer].data, t->data, bytes) != 0 || !same_quant(&have->q, q ? q : &none)) continue;
        bool same = true;
        for (int k = 0; k < have->rank; k++) same = same && have->shape[k] == t->shape.dims[k];
        if (same) return i - 1;
    }
    return -1;
}

int tflw_const(tfl_writer *w, const whet_tensor *t, const char *name, const tfl_quant *q)
{
    int32_t shape[WHET_MAX_RANK];
    if (w->status != WHET_OK) return -1;
    int *list = same_hash(w, t);
    const int have = list ? find_equal(w, *list, t, q) : -1;
    if (have >= 0) return have;
    if (!WHET_GROW(&w->held, w->n_held, &w->cap_held) || !WHET_GROW(&w->buffers, w->n_buffers, &w->cap_buffers))
        return tflw_lost(w, WHET_ENOMEM);
    whet_tensor *keep = &w->held[w->n_held];
    whet_tensor_init(keep);
    if (t->buffer) {
        whet_tensor_ref(keep, t);
    } else {
        const whet_status status = whet_tensor_copy(keep, t);
        if (status != WHET_OK) return tflw_lost(w, status);
    }
    w->n_held++;
    w->buffers[w->n_buffers] = (tfl_buffer){keep->data, whet_tensor_bytes(t)};
    for (int i = 0; i < t->shape.rank; i++) {
        if (t->shape.dims[i] > INT32_MAX) return tflw_lost(w, tflw_fail(w, "a constant has 2^31 or more elements along an axis"));
        shape[i] = (int32_t)t->shape.dims[i];
    }
    const int made = add_tensor(w, name ? name : fresh_name(w, "c"), t->dtype, t->shape.rank, shape, (int)w->n_buffers++, q);
    if (made >= 0 && list) {
        w->tensors[made].next_small = *list;
        *list = made + 1;
    }
    return made;
}

int tflw_const_s32(tfl_writer *w, int n, const int64_t *x)
{
    int32_t data[WHET_MAX_RANK * 2];
    whet_tensor t = {.dtype = WHET_S32, .shape = WHET_SHAPE(n), .data = data};
    if (n > (int)WHET_COUNT(data)) return tflw_lost(w, WHET_FAIL(WHET_EUNSUPPORTED, "%d sizes", n));
    for (int i = 0; i < n; i++) data[i] = (int32_t)WHET_MAX(WHET_MIN(x[i], INT32_MAX), INT32_MIN);
    return tflw_const(w, &t, NULL, NULL);
}

int tflw_const_pads(tfl_writer *w, int rank, const int64_t *pads)
{
    int32_t data[WHET_MAX_RANK * 2];
    whet_tensor t = {.dtype = WHET_S32, .shape = WHET_SHAPE(rank, 2), .data = data};
    for (int i = 0; i < 2 * rank; i++) data[i] = (int32_t)pads[i];
    return tflw_const(w, &t, NULL, NULL);
}

int tflw_const_f32(tfl_writer *w, float x)
{
    whet_tensor t = {.dtype = WHET_F32, .shape = {.rank = 0}, .data = &x};
    return tflw_const(w, &t, NULL, NULL);
}

int tflw_const_f32s(tfl_writer *w, int rank, const int32_t *shape, const float *x)
{
    whet_tensor view = {.dtype = WHET_F32, .shape = {.rank = rank}}, t = {0};
    for (int i = 0; i < rank; i++) view.shape.dims[i] = shape[i];
    whet_status status = whet_tensor_alloc(&t, WHET_F32, &view.shape);
    if (status != WHET_OK) return tflw_lost(w, status);
    memcpy(t.data, x, whet_tensor_bytes(&t));
    const int made = tflw_const(w, &t, NULL, NULL);
    whet_tensor_dispose(&t);
    return made;
}

/* The constant tensor `stored`, widened to f32 by an operator. */
int tflw_dequantized(tfl_writer *w, int stored)
{
    if (stored < 0) return -1;
    const int rank = w->tensors[stored].rank;
    int32_t shape[WHET_MAX_RANK];
    memcpy(shape, w->tensors[stored].shape, sizeof(shape));
    const int out = add_tensor(w, NULL, WHET_F32, rank, shape, 0, NULL);
    const whet_status status = tflw_op(w, TFL_DEQUANTIZE, TFL_IO(stored), TFL_IO(out), TFL_NO_OPTIONS);
    return status == WHET_OK ? out : tflw_lost(w, status);
}

int tflw_weights(tfl_writer *w, const whet_tensor *t, const char *name)
{
    whet_tensor other = {0};
    whet_dtype want = t->dtype;
    whet_tensor_init(&other);
    if (t->dtype == WHET_F32 && w->opt->weights == WHET_F16 && whet_tensor_numel(t) >= HALVE_FROM) want = WHET_F16;
    if (t->dtype == WHET_F64 || t->dtype == WHET_BF16) want = WHET_F32;
    if (want == t->dtype && want != WHET_F16) return tflw_const(w, t, name, NULL);
    whet_status status = WHET_OK;
    if (want != t->dtype) status = whet_tensor_cast(&other, t, want);
    else if (t->buffer) whet_tensor_ref(&other, t);
    else status = whet_tensor_copy(&other, t);
    if (status != WHET_OK) return tflw_lost(w, status);
    const int stored = tflw_const(w, &other, name, NULL);
    whet_tensor_dispose(&other);
    return want == WHET_F16 ? tflw_dequantized(w, stored) : stored;
}

static int const_value(tfl_writer *w, whet_vid v)
{
    whet_tensor t = {0};
    whet_status status = whet_nhwc_const(w->g, v, &t);
    if (status != WHET_OK) return tflw_lost(w, status);
    const bool number = whet_dtype_is_float(t.dtype);
    w->tensor_of[v] = number ? tflw_weights(w, &t, w->g->values[v].name) : tflw_const(w, &t, w->g->values[v].name, NULL);
    whet_tensor_dispose(&t);
    return w->tensor_of[v];
}

/* The producer of v if it stands between a constant and v without changing its values' meaning. */
static const whet_node *widens(const tfl_writer *w, whet_vid v)
{
    if (v < 0 || w->g->values[v].producer == WHET_NO_NODE) return NULL;
    const whet_node *n = &w->g->nodes[w->g->values[v].producer];
    return whet_node_is(n, "DequantizeLinear") || whet_node_is(n, "Cast") || whet_node_is(n, "Identity") ? n : NULL;
}

const char *tflw_const_name(const tfl_writer *w, whet_vid v)
{
    const whet_vid given = v;
    for (const whet_node *n = widens(w, v); n && w->g->values[v].kind != WHET_VALUE_CONST; n = widens(w, v)) v = n->in[0];
    return w->g->values[v >= 0 && w->g->values[v].kind == WHET_VALUE_CONST ? v : given].name;
}

static whet_status scaled(const tfl_writer *w, const whet_node *n, const whet_tensor *q, whet_tensor *out)
{
    const whet_graph *g = w->g;
    const whet_tensor *s = whet_graph_const_data(g, n->in[1]);
    const whet_tensor *z = n->n_in > 2 && n->in[2] >= 0 ? whet_graph_const_data(g, n->in[2]) : NULL;
    const int64_t axis = whet_node_int(n, "axis", 1), a = axis < 0 ? axis + q->shape.rank : axis;
    int64_t inner = 1;
    if (!s || (n->n_in > 2 && n->in[2] >= 0 && !z) || whet_node_int(n, "block_size", 0) != 0) return WHET_EUNSUPPORTED;
    for (int64_t i = a + 1; i < q->shape.rank; i++) inner *= q->shape.dims[i];
    const int64_t count = whet_tensor_numel(s), n_all = whet_tensor_numel(q);
    WHET_TRY(whet_tensor_alloc(out, WHET_F32, &q->shape));
    for (int64_t i = 0; i < n_all; i++) {
        const int64_t c = count > 1 ? i / inner % count : 0;
        const double zero = z ? whet_tensor_get_f64(z, whet_tensor_numel(z) > 1 ? c : 0) : 0;
        ((float *)out->data)[i] = (float)((whet_tensor_get_f64(q, i) - zero) * whet_tensor_get_f64(s, c));
    }
    return WHET_OK;
}

bool tflw_float_const(const tfl_writer *w, whet_vid v, whet_tensor *out)
{
    whet_tensor inner = {0};
    whet_tensor_init(out);
    if (v < 0) return false;
    const whet_tensor *t = whet_graph_const_data(w->g, v);
    if (t) {
        if (t->dtype != WHET_F32) return whet_tensor_cast(out, t, WHET_F32) == WHET_OK;
        if (!t->buffer) return whet_tensor_copy(out, t) == WHET_OK;
        whet_tensor_ref(out, t);
        return true;
    }
    const whet_node *n = widens(w, v);
    if (!n) return false;
    if (!whet_node_is(n, "DequantizeLinear")) return tflw_float_const(w, n->in[0], out);
    t = whet_graph_const_data(w->g, n->in[0]);
    if (t) return scaled(w, n, t, out) == WHET_OK;
    if (!tflw_float_const(w, n->in[0], &inner)) return false;
    const bool ok = scaled(w, n, &inner, out) == WHET_OK;
    whet_tensor_dispose(&inner);
    return ok;
}

/* --- values */

/* A dequantised value in float: of integers in the file by an operator, of any other constant ahead. */
static int dequantized_value(tfl_writer *w, whet_vid v, const whet_node *dq)
{
    whet_tensor t = {0};
    const whet_vid q = dq->in[0];
    const whet_dtype type = w->g->values[q].dtype;
    if (whet_graph_const_data(w->g, q) && type != WHET_S8 && type != WHET_U8) {
        if (!tflw_float_const(w, v, &t)) return tflw_lost(w, tflw_fail(w, "the scales of '%s' are no constants", w->g->values[v].name));
        whet_tensor file = {0};
        whet_status status = WHET_OK;
        whet_tensor_init(&file);
        const int last[4] = {0, 2, 3, 1};
        if (whet_nhwc_is(w->g, v)) status = whet_nhwc_permute(&t, last, &file);
        w->tensor_of[v] = status != WHET_OK ? tflw_lost(w, status) : tflw_const(w, whet_nhwc_is(w->g, v) ? &file : &t, w->g->values[v].name, NULL);
        whet_tensor_dispose(&t);
        whet_tensor_dispose(&file);
        return w->tensor_of[v];
    }
    const int from = tflw_integer_value(w, q);
    if (from < 0) return -1;
    if (w->tensors[from].q.n == 0) return tflw_lost(w, tflw_fail(w, "the scales of '%s' are no constants", w->g->values[v].name));
    const int out = tflw_result(w, v);
    const whet_status status = tflw_op(w, TFL_DEQUANTIZE, TFL_IO(from), TFL_IO(out), TFL_NO_OPTIONS);
    return status == WHET_OK ? out : tflw_lost(w, status);
}

int tflw_value(tfl_writer *w, whet_vid v)
{
    if (v < 0) return TFL_ABSENT;
    if (w->tensor_of[v] >= 0) return w->tensor_of[v];
    if (w->g->values[v].kind == WHET_VALUE_CONST) return const_value(w, v);
    const whet_node *n = w->g->values[v].producer == WHET_NO_NODE ? NULL : &w->g->nodes[w->g->values[v].producer];
    if (n && whet_node_is(n, "DequantizeLinear")) return dequantized_value(w, v, n);
    if (n && whet_node_is(n, "QuantizeLinear")) return w->tensor_of[v] = tflw_integer_output(w, v); /* somebody reads the integers */
    return tflw_result(w, v);
}

int tflw_in(tfl_writer *w, const whet_node *n, int i)
{
    if (i >= n->n_in || n->in[i] < 0) return TFL_ABSENT;
    return w->integer ? tflw_integer_operand(w, n, n->in[i]) : tflw_value(w, n->in[i]);
}

int tflw_out(tfl_writer *w, const whet_node *n, int o)
{
    return w->integer ? tflw_integer_result(w, n->out[o]) : tflw_result(w, n->out[o]);
}

void tflw_alias(tfl_writer *w, whet_vid v, int tensor) { w->tensor_of[v] = tensor; }
