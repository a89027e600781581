/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a TFLite model: the nodes in order, each by the function of its row; then what no output needs is dropped and the rest
 * numbered. The bytes depend only on the graph and the options. */
#include <stdarg.h>
#include <stdio.h>

#include "formats/tflite/tflite.h"
#include "formats/tflite/tflite_write_rows.h"
#include "ir/op.h"

whet_status tflw_fail(tfl_writer *w, const char *fmt, ...)
{
    char text[512] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    w->status = WHET_FAIL(WHET_EUNSUPPORTED, "cannot write TFLite: %s", text);
    if (w->node) whet_error_at_node(w->node->name);
    return w->status;
}

/* The first row of an operator that writes it. */
static tfl_write_fn find_writer(const whet_op *op, int *code)
{
    static const struct { const char *ir; int code; tfl_write_fn write; } rows[] = {
#define T(name, number, options, version, ir, read, write) {ir, number, tflite_write_##write},
#define W(ir, write, name) {ir, TFL_##name, tflite_write_##write},
#include "formats/tflite/tflite_ops.def"
#undef T
#undef W
    };
    char text[96];
    whet_op_text(op, text, sizeof(text));
    for (size_t i = 0; i < WHET_COUNT(rows); i++) {
        if (!rows[i].write || strcmp(rows[i].ir, text) != 0) continue;
        *code = rows[i].code;
        return rows[i].write;
    }
    return NULL;
}

static whet_status write_node(tfl_writer *w, whet_nid id)
{
    int code = 0;
    const whet_node *n = &w->g->nodes[id];
    char text[96];
    w->node = n;
    w->integer = w->integer_node[id] != 0;
    const tfl_write_fn write = find_writer(n->op, &code);
    if (!write) return tflw_fail(w, "operator %s has no counterpart", whet_op_text(n->op, text, sizeof(text)));
    whet_status status = write(w, n, code);
    if (status == WHET_OK) status = tflw_requantize_pending(w);
    w->integer = false;
    if (status == WHET_OK) status = w->status;
    if (status != WHET_OK) whet_error_at_node(n->name);
    return status;
}

/* --- inputs and outputs */

static bool stands_before(const int *list, int n, int x)
{
    for (int i = 0; i < n; i++)
        if (list[i] == x) return true;
    return false;
}

static whet_status write_inputs(tfl_writer *w, int *in)
{
    for (int i = 0; i < w->g->n_inputs; i++) {
        const whet_value *v = &w->g->values[w->g->inputs[i]];
        in[i] = tflw_result(w, w->g->inputs[i]);
        if (in[i] >= 0 && (v->dtype == WHET_S8 || v->dtype == WHET_U8 || v->dtype == WHET_S16)) {
            const whet_uses uses = whet_graph_uses(w->g, w->g->inputs[i]);
            if (uses.n > 0 && whet_node_is(&w->g->nodes[uses.nodes[0]], "DequantizeLinear")) (void)tflw_integer_value(w, w->g->inputs[i]);
        }
    }
    return w->status;
}

/* An output is a tensor of its own: a copy of inputs, constants and what stood as an output before. */
static whet_status write_outputs(tfl_writer *w, const int *in, int *out)
{
    w->node = NULL;
    for (int i = 0; i < w->g->n_outputs; i++) {
        const whet_vid v = w->g->outputs[i];
        const whet_value *x = &w->g->values[v];
        const bool integer = x->kind == WHET_VALUE_RESULT && x->producer != WHET_NO_NODE && whet_node_is(&w->g->nodes[x->producer], "QuantizeLinear");
        int t = integer ? tflw_integer_output(w, v) : tflw_value(w, v);
        if (t < 0) return w->status != WHET_OK ? w->status : WHET_ENOMEM;
        if (w->tensors[t].buffer != 0 || stands_before(in, w->g->n_inputs, t) || stands_before(out, i, t)) {
            const tfl_tensor like = w->tensors[t];
            t = tflw_reshape(w, t, like.rank, like.shape);
        }
        if (t < 0) return w->status;
        w->tensors[t].name = x->name;
        out[i] = t;
    }
    return w->status;
}

/* --- what is needed */

/* Operators from behind: those that give what is wanted; tensors and buffers in their old order. */
static whet_status keep_needed(tfl_writer *w, int *in, int *out)
{
    int *to = whet_arena_alloc(w->arena, w->n_tensors * sizeof(*to)), *buffer = whet_arena_alloc(w->arena, w->n_buffers * sizeof(*buffer));
    uint8_t *keep = whet_arena_alloc(w->arena, w->n_ops + 1);
    if (!to || !buffer || !keep) return WHET_ENOMEM;
    for (int i = 0; i < w->g->n_outputs; i++) to[out[i]] = 1;
    for (int i = 0; i < w->g->n_inputs; i++) to[in[i]] = 1;
    for (size_t k = w->n_ops; k > 0; k--) {
        const tfl_operation *o = &w->ops[k - 1];
        for (int i = 0; i < o->n_out; i++) keep[k - 1] |= (uint8_t)to[o->out[i]];
        for (int i = 0; i < o->n_in && keep[k - 1]; i++)
            if (o->in[i] >= 0) to[o->in[i]] = 1;
        for (int i = 0; i < o->n_out && keep[k - 1]; i++) to[o->out[i]] = 1;
    }
    size_t n = 0, n_buffers = 1, n_ops = 0;
    for (size_t i = 0; i < w->n_tensors; i++) {
        if (!to[i]) continue;
        tfl_tensor t = w->tensors[i];
        if (t.buffer != 0 && buffer[t.buffer] == 0) {
            w->buffers[n_buffers] = w->buffers[t.buffer];
            buffer[t.buffer] = (int)n_buffers++;
        }
        t.buffer = buffer[t.buffer];
        to[i] = (int)n;
        w->tensors[n++] = t;
    }
    for (size_t k = 0; k < w->n_ops; k++) {
        if (!keep[k]) continue;
        tfl_operation *o = &w->ops[k];
        for (int i = 0; i < o->n_in; i++)
            if (o->in[i] >= 0) o->in[i] = to[o->in[i]];
        for (int i = 0; i < o->n_out; i++) o->out[i] = to[o->out[i]];
        w->ops[n_ops++] = *o;
    }
    for (int i = 0; i < w->g->n_outputs; i++) out[i] = to[out[i]];
    for (int i = 0; i < w->g->n_inputs; i++) in[i] = to[in[i]];
    w->n_tensors = n;
    w->n_buffers = n_buffers;
    w->n_ops = n_ops;
    return WHET_OK;
}

/* --- everything */

static whet_status prepare(tfl_writer *w)
{
    const size_t n = (size_t)w->g->n_values + 1, n_nodes = (size_t)w->g->n_nodes + 1;
    w->arena = whet_arena_create();
    if (!w->arena) return WHET_ENOMEM;
    w->tensor_of = whet_arena_alloc(w->arena, n * sizeof(*w->tensor_of));
    w->integer_of = whet_arena_alloc(w->arena, n * sizeof(*w->integer_of));
    w->fed = whet_arena_alloc(w->arena, n);
    w->done = whet_arena_alloc(w->arena, n_nodes);
    w->integer_node = whet_arena_alloc(w->arena, n_nodes);
    w->inputs = whet_arena_alloc(w->arena, ((size_t)w->g->n_inputs + 1) * sizeof(int));
    w->outputs = whet_arena_alloc(w->arena, ((size_t)w->g->n_outputs + 1) * sizeof(int));
    if (!w->tensor_of || !w->integer_of || !w->fed || !w->done || !w->integer_node || !w->inputs || !w->outputs) return WHET_ENOMEM;
    for (size_t i = 0; i < n; i++) w->tensor_of[i] = w->integer_of[i] = -1;
    if (!WHET_GROW(&w->buffers, w->n_buffers, &w->cap_buffers)) return WHET_ENOMEM;
    w->buffers[w->n_buffers++] = (tfl_buffer){NULL, 0};
    return WHET_OK;
}

static whet_status build(tfl_writer *w)
{
    WHET_TRY(prepare(w));
    tflw_look_for_unsigned(w);
    WHET_TRY(write_inputs(w, w->inputs));
    WHET_TRY(tflw_find_integer_nodes(w));
    for (whet_nid id = 0; id < w->g->n_nodes; id++)
        if (w->g->nodes[id].op && !w->done[id]) WHET_TRY(write_node(w, id));
    WHET_TRY(write_outputs(w, w->inputs, w->outputs));
    return keep_needed(w, w->inputs, w->outputs);
}

static void dispose(tfl_writer *w)
{
    for (size_t i = 0; i < w->n_held; i++) whet_tensor_dispose(&w->held[i]);
    whet_free(w->held);
    whet_free(w->tensors);
    whet_free(w->buffers);
    whet_free(w->ops);
    whet_arena_free(w->arena);
    whet_graph_free(w->g);
}

whet_status whet_tflite_write(const whet_graph *g, const char *path, const whet_format_options *o)
{
    whet_format_options opt = *o;
    tfl_writer w = {.opt = &opt};
    if (opt.weights != WHET_DTYPE_NONE && opt.weights != WHET_F16 && opt.weights != WHET_S8 && opt.weights != WHET_F32)
        return WHET_FAIL(WHET_EINVAL, "TFLite weights of %s cannot be written; f16 and s8 can", whet_dtype_name(opt.weights));
    WHET_TRY(whet_graph_verify(g));
    for (whet_vid v = 0; v < g->n_values; v++)
        if (g->values[v].kind == WHET_VALUE_VARIABLE) return WHET_FAIL(WHET_EINVAL, "'%s' is a variable; freeze the graph before it is written as TFLite", g->values[v].name);
    whet_status status = whet_graph_clone(&w.g, g);
    if (status == WHET_OK) status = tflw_spread_quantization(w.g);
    if (status == WHET_OK) status = build(&w);
    if (status == WHET_OK) status = tflw_write_file(&w, path);
    dispose(&w);
    return status;
}
