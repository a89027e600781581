/* SPDX-License-Identifier: Apache-2.0 */
/* The finished model as a flatbuffer (schema.fbs): buffers and names first, tables in the order of their numbers. */
#include <stdio.h>

#include "base/io.h"
#include "formats/tflite/tflite.h"
#include "formats/tflite/tflite_writer.h"
#include "wire/flatbuf_write.h"

enum { RUNTIME_BYTES = 16, MAX_DEPRECATED = 127 };
#define MIN_RUNTIME "min_runtime_version"
#define MODEL_METADATA "TFLITE_METADATA"

static whet_fbw_ref *refs(tfl_writer *w, size_t n) { return whet_arena_alloc(w->arena, (n + 1) * sizeof(whet_fbw_ref)); }

static whet_fbw_ref put_quant(whet_fbw *b, const tfl_quant *q)
{
    if (q->n == 0) return 0;
    const whet_fbw_ref scale = whet_fbw_vector(b, q->scale, sizeof(*q->scale), (size_t)q->n, 0);
    const whet_fbw_ref zero = whet_fbw_vector(b, q->zero, sizeof(*q->zero), (size_t)q->n, 0);
    whet_fbw_table(b);
    whet_fbw_add_ref(b, TFL_QUANT_SCALE, scale);
    whet_fbw_add_ref(b, TFL_QUANT_ZERO_POINT, zero);
    whet_fbw_add_s32(b, TFL_QUANT_DIMENSION, q->axis, 0);
    return whet_fbw_end(b);
}

static whet_fbw_ref put_tensor(whet_fbw *b, const tfl_tensor *t)
{
    int32_t shape[WHET_MAX_RANK];
    bool open = false;
    for (int i = 0; i < t->rank; i++) {
        open = open || t->shape[i] < 0;
        shape[i] = t->shape[i] < 0 ? 1 : t->shape[i];
    }
    const whet_fbw_ref dims = whet_fbw_vector(b, shape, sizeof(*shape), (size_t)t->rank, 0);
    const whet_fbw_ref signature = open ? whet_fbw_vector(b, t->shape, sizeof(*shape), (size_t)t->rank, 0) : 0;
    const whet_fbw_ref name = whet_fbw_string(b, t->name), quant = put_quant(b, &t->q);
    whet_fbw_table(b);
    whet_fbw_add_ref(b, TFL_TENSOR_SHAPE, dims);
    whet_fbw_add_ref(b, TFL_TENSOR_NAME, name);
    whet_fbw_add_ref(b, TFL_TENSOR_QUANTIZATION, quant);
    whet_fbw_add_ref(b, TFL_TENSOR_SHAPE_SIGNATURE, signature);
    whet_fbw_add_u32(b, TFL_TENSOR_BUFFER, (uint32_t)t->buffer, 0);
    whet_fbw_add_s8(b, TFL_TENSOR_TYPE, tfl_type_of(t->dtype), 0);
    whet_fbw_add_bool(b, TFL_TENSOR_HAS_RANK, true, false);
    return whet_fbw_end(b);
}

static whet_fbw_ref put_options(whet_fbw *b, const tfl_operation *o)
{
    if (o->options == TFL_OPT_NONE) return 0;
    whet_fbw_table(b);
    for (int i = 0; i < o->n_opt; i++) {
        const tfl_option *x = &o->opt[i];
        if (x->type == 'i') whet_fbw_add_s32(b, x->field, x->i, x->otherwise);
        else if (x->type == 'f') whet_fbw_add_f32(b, x->field, x->f, 0);
        else if (x->type == 'b') whet_fbw_add_bool(b, x->field, x->i != 0, x->otherwise != 0);
        else whet_fbw_add_s8(b, x->field, x->i, x->otherwise);
    }
    return whet_fbw_end(b);
}

static whet_fbw_ref put_operation(whet_fbw *b, const tfl_operation *o)
{
    const whet_fbw_ref options = put_options(b, o);
    const whet_fbw_ref in = whet_fbw_vector(b, o->in, sizeof(*o->in), (size_t)o->n_in, 0);
    const whet_fbw_ref out = whet_fbw_vector(b, o->out, sizeof(*o->out), (size_t)o->n_out, 0);
    whet_fbw_table(b);
    whet_fbw_add_ref(b, TFL_OPERATOR_INPUTS, in);
    whet_fbw_add_ref(b, TFL_OPERATOR_OUTPUTS, out);
    whet_fbw_add_ref(b, TFL_OPERATOR_OPTIONS, options);
    whet_fbw_add_u32(b, TFL_OPERATOR_OPCODE, (uint32_t)o->opcode, 0);
    if (options) whet_fbw_add_u8(b, TFL_OPERATOR_OPTIONS_TYPE, (unsigned)o->options, 0);
    return whet_fbw_end(b);
}

static whet_fbw_ref put_subgraph(tfl_writer *w, whet_fbw *b)
{
    whet_fbw_ref *list = refs(w, WHET_MAX(w->n_ops, w->n_tensors));
    const size_t n_in = (size_t)w->g->n_inputs, n_out = (size_t)w->g->n_outputs;
    if (!list) return 0;
    for (size_t i = 0; i < w->n_ops; i++) list[i] = put_operation(b, &w->ops[i]);
    const whet_fbw_ref ops = whet_fbw_vector_refs(b, list, w->n_ops);
    for (size_t i = 0; i < w->n_tensors; i++) list[i] = put_tensor(b, &w->tensors[i]);
    const whet_fbw_ref tensors = whet_fbw_vector_refs(b, list, w->n_tensors);
    const whet_fbw_ref in = whet_fbw_vector(b, w->inputs, sizeof(int32_t), n_in, 0);
    const whet_fbw_ref out = whet_fbw_vector(b, w->outputs, sizeof(int32_t), n_out, 0);
    const whet_fbw_ref name = whet_fbw_string(b, "main");
    whet_fbw_table(b);
    whet_fbw_add_ref(b, TFL_SUBGRAPH_TENSORS, tensors);
    whet_fbw_add_ref(b, TFL_SUBGRAPH_INPUTS, in);
    whet_fbw_add_ref(b, TFL_SUBGRAPH_OUTPUTS, out);
    whet_fbw_add_ref(b, TFL_SUBGRAPH_OPERATORS, ops);
    whet_fbw_add_ref(b, TFL_SUBGRAPH_NAME, name);
    list[0] = whet_fbw_end(b);
    return whet_fbw_vector_refs(b, list, 1);
}

/* Names of tensors under which a signature shows them: as an imported file had them, else the values'. */
static whet_fbw_ref put_names(tfl_writer *w, whet_fbw *b, const char *prefix, const whet_vid *values, const int *tensors, int n)
{
    whet_fbw_ref *list = refs(w, (size_t)n);
    for (int i = 0; i < n && list; i++) {
        char key[64];
        snprintf(key, sizeof(key), "%s%d", prefix, i);
        const char *kept = whet_graph_get_meta(w->g, key);
        const whet_fbw_ref name = whet_fbw_string(b, kept ? kept : w->g->values[values[i]].name);
        whet_fbw_table(b);
        whet_fbw_add_ref(b, TFL_TENSOR_MAP_NAME, name);
        whet_fbw_add_u32(b, TFL_TENSOR_MAP_INDEX, (uint32_t)tensors[i], 0);
        list[i] = whet_fbw_end(b);
    }
    return list ? whet_fbw_vector_refs(b, list, (size_t)n) : 0;
}

static whet_fbw_ref put_signature(tfl_writer *w, whet_fbw *b)
{
    const char *kept = whet_graph_get_meta(w->g, TFLITE_META_SIGNATURE);
    const whet_fbw_ref in = put_names(w, b, TFLITE_META_INPUT, w->g->inputs, w->inputs, w->g->n_inputs);
    const whet_fbw_ref out = put_names(w, b, TFLITE_META_OUTPUT, w->g->outputs, w->outputs, w->g->n_outputs);
    const whet_fbw_ref key = whet_fbw_string(b, kept ? kept : "serving_default");
    whet_fbw_ref one[1];
    whet_fbw_table(b);
    whet_fbw_add_ref(b, TFL_SIGNATURE_INPUTS, in);
    whet_fbw_add_ref(b, TFL_SIGNATURE_OUTPUTS, out);
    whet_fbw_add_ref(b, TFL_SIGNATURE_KEY, key);
    one[0] = whet_fbw_end(b);
    return whet_fbw_vector_refs(b, one, 1);
}

/* Distinct pairs of operator and version, in order of first use; numbers go into the operators. */
static whet_fbw_ref put_opcodes(tfl_writer *w, whet_fbw *b)
{
    whet_fbw_ref *list = refs(w, w->n_ops);
    int n = 0;
    if (!list) return 0;
    for (size_t i = 0; i < w->n_ops; i++) {
        tfl_operation *o = &w->ops[i];
        o->opcode = -1;
        for (size_t k = 0; k < i && o->opcode < 0; k++)
            if (w->ops[k].code == o->code && w->ops[k].version == o->version) o->opcode = w->ops[k].opcode;
        if (o->opcode >= 0) continue;
        o->opcode = n;
        whet_fbw_table(b);
        whet_fbw_add_s32(b, TFL_OPCODE_VERSION, o->version, 1);
        whet_fbw_add_s32(b, TFL_OPCODE_BUILTIN, o->code, 0);
        whet_fbw_add_s8(b, TFL_OPCODE_DEPRECATED_BUILTIN, WHET_MIN(o->code, MAX_DEPRECATED), 0);
        list[n++] = whet_fbw_end(b);
    }
    return whet_fbw_vector_refs(b, list, (size_t)n);
}

/* --- metadata: each entry names a buffer */

typedef struct entries { const char *name[64]; int n; } entries;

static whet_status add_entry(tfl_writer *w, entries *e, const char *name, const void *data, size_t size)
{
    if (e->n == (int)WHET_COUNT(e->name)) return WHET_OK;
    if (!WHET_GROW(&w->buffers, w->n_buffers, &w->cap_buffers)) return WHET_ENOMEM;
    w->buffers[w->n_buffers++] = (tfl_buffer){data, size};
    e->name[e->n++] = name;
    return WHET_OK;
}

/* What another file said of itself is not said of this one. */
static bool is_foreign(const char *key) { return strncmp(key, "onnx.", 5) == 0 || strncmp(key, "tflite.", 7) == 0 || strcmp(key, MIN_RUNTIME) == 0 || strcmp(key, MODEL_METADATA) == 0; }

static whet_status gather_metadata(tfl_writer *w, entries *e, const uint8_t *model, size_t model_size)
{
    char *runtime = whet_arena_alloc(w->arena, RUNTIME_BYTES);
    if (!runtime) return WHET_ENOMEM;
    snprintf(runtime, RUNTIME_BYTES, "%s", tflw_min_runtime(w));
    WHET_TRY(add_entry(w, e, MIN_RUNTIME, runtime, RUNTIME_BYTES));
    if (model) WHET_TRY(add_entry(w, e, MODEL_METADATA, model, model_size));
    for (int i = 0; i < w->g->n_meta; i++)
        if (!is_foreign(w->g->meta[i].key))
            WHET_TRY(add_entry(w, e, w->g->meta[i].key, w->g->meta[i].value, strlen(w->g->meta[i].value)));
    return WHET_OK;
}

static whet_fbw_ref put_metadata(tfl_writer *w, whet_fbw *b, const entries *e, size_t first_buffer)
{
    whet_fbw_ref *list = refs(w, (size_t)e->n);
    for (int i = 0; i < e->n && list; i++) {
        const whet_fbw_ref name = whet_fbw_string(b, e->name[i]);
        whet_fbw_table(b);
        whet_fbw_add_ref(b, TFL_METADATA_NAME, name);
        whet_fbw_add_u32(b, TFL_METADATA_BUFFER, (uint32_t)(first_buffer + (size_t)i), 0);
        list[i] = whet_fbw_end(b);
    }
    return list ? whet_fbw_vector_refs(b, list, (size_t)e->n) : 0;
}

/* The first in the list lies first in the file. */
static whet_fbw_ref put_buffers(tfl_writer *w, whet_fbw *b)
{
    whet_fbw_ref *list = refs(w, w->n_buffers);
    for (size_t i = w->n_buffers; i > 0 && list; i--) {
        const tfl_buffer *x = &w->buffers[i - 1];
        const whet_fbw_ref data = x->size ? whet_fbw_vector(b, x->data, 1, x->size, TFL_BUFFER_ALIGN) : 0;
        whet_fbw_table(b);
        whet_fbw_add_ref(b, TFL_BUFFER_DATA, data);
        list[i - 1] = whet_fbw_end(b);
    }
    return list ? whet_fbw_vector_refs(b, list, w->n_buffers) : 0;
}

static whet_fbw_ref put_model(tfl_writer *w, whet_fbw *b, const entries *e, size_t first_buffer)
{
    const whet_fbw_ref buffers = put_buffers(w, b), metadata = put_metadata(w, b, e, first_buffer);
    const whet_fbw_ref signatures = put_signature(w, b), codes = put_opcodes(w, b), subgraphs = put_subgraph(w, b);
    const whet_fbw_ref description = whet_fbw_string(b, "written by whet");
    whet_fbw_table(b);
    whet_fbw_add_ref(b, TFL_MODEL_OPERATOR_CODES, codes);
    whet_fbw_add_ref(b, TFL_MODEL_SUBGRAPHS, subgraphs);
    whet_fbw_add_ref(b, TFL_MODEL_DESCRIPTION, description);
    whet_fbw_add_ref(b, TFL_MODEL_BUFFERS, buffers);
    whet_fbw_add_ref(b, TFL_MODEL_METADATA, metadata);
    whet_fbw_add_ref(b, TFL_MODEL_SIGNATURE_DEFS, signatures);
    whet_fbw_add_u32(b, TFL_MODEL_VERSION, TFL_SCHEMA_VERSION, 0);
    return whet_fbw_end(b);
}

static whet_status write_bytes(const char *path, const uint8_t *data, size_t size, const char *labels)
{
    uint8_t *zip = NULL;
    size_t zip_size = 0;
    whet_writer *out = NULL;
    whet_status status = labels ? tflw_zip_labels(TFL_LABEL_FILE, labels, size, &zip, &zip_size) : WHET_OK;
    if (status == WHET_OK) status = whet_writer_open(&out, path);
    if (status == WHET_OK) status = whet_writer_write(out, data, size);
    if (status == WHET_OK && zip) status = whet_writer_write(out, zip, zip_size);
    whet_free(zip);
    if (status == WHET_OK) return whet_writer_commit(out);
    whet_writer_abort(out);
    return status;
}

whet_status tflw_write_file(tfl_writer *w, const char *path)
{
    whet_status status = WHET_OK;
    uint8_t *model = NULL, *data = NULL;
    char *labels = NULL;
    size_t model_size = 0, size = 0, total = 0;
    whet_fbw *b = NULL;
    entries e = {.n = 0};
    for (size_t i = 0; i < w->n_ops; i++) w->ops[i].version = tflw_op_version(w, &w->ops[i]);
    WHET_GOTO(tflw_metadata(w, &model, &model_size, &labels));
    const size_t first = w->n_buffers;
    WHET_GOTO(gather_metadata(w, &e, model, model_size));
    for (size_t i = 0; i < w->n_buffers; i++) total += w->buffers[i].size + 64;
    WHET_GOTO(whet_fbw_create(&b, total + 256 * (w->n_tensors + w->n_ops)));
    const whet_fbw_ref root = put_model(w, b, &e, first);
    WHET_GOTO(whet_fbw_finish(b, root, TFL_IDENTIFIER, &data, &size));
    whet_fbw_free(b);
    b = NULL;
    status = write_bytes(path, data, size, labels);
done:
    whet_fbw_free(b);
    whet_free(data);
    whet_free(model);
    whet_free(labels);
    return status;
}
