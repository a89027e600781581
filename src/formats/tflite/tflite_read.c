/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a TFLite model: buffers, tensors, operators in their order, inputs and outputs. The operators become nodes in
 * tflite_read_*.c. Only the first subgraph is read; the others belong to control flow, which is refused by name. Source:
 * schema.fbs, version 3. */
#include <stdio.h>
#include <stdlib.h>

#include "base/io.h"
#include "base/spelling.h"
#include "formats/tflite/tflite_reader.h"

bool whet_tflite_detect(const uint8_t *head, size_t n, size_t file_size, const char *path)
{
    (void)file_size;
    (void)path;
    return n >= 8 && memcmp(head + 4, TFL_IDENTIFIER, 4) == 0;
}

static whet_status at(const tfl_reader *r, size_t offset, whet_status status) { return whet_fb_fail_at(&r->fb, offset, status); }

whet_status tfl_buffer(const tfl_reader *r, int64_t i, const uint8_t **data, size_t *bytes)
{
    whet_fb_table b;
    whet_fb_vector v;
    *data = NULL;
    *bytes = 0;
    if (i < 0 || (size_t)i >= r->buffers.n)
        return at(r, 0, WHET_FAIL(WHET_EFORMAT, "buffer %lld of %zu", (long long)i, r->buffers.n));
    WHET_TRY(whet_fb_list_table(&r->buffers, (size_t)i, &b));
    const uint64_t offset = whet_fb_uint(&b, TFL_BUFFER_OFFSET, 8, 0), size = whet_fb_uint(&b, TFL_BUFFER_SIZE, 8, 0);
    WHET_TRY(whet_fb_list(&b, TFL_BUFFER_DATA, 1, &v));
    if (offset > 1) { /* behind the flatbuffer, in files of 2 GiB and more */
        if (offset > r->fb.size || size > r->fb.size - offset)
            return at(r, b.at, WHET_FAIL(WHET_EFORMAT, "buffer %lld reaches beyond the end of the file", (long long)i));
        *data = r->fb.data + offset;
        *bytes = (size_t)size;
        return WHET_OK;
    }
    *data = v.data;
    *bytes = v.n;
    return WHET_OK;
}

/* --- tensors */
static int by_name(const void *a, const void *b)
{
    const tfl_tensor *const *x = a, *const *y = b;
    const int order = strcmp((*x)->name, (*y)->name);
    return order ? order : (*x > *y) - (*x < *y);
}

/* Names that stand twice get their tensor's number. */
static whet_status make_unique(tfl_reader *r)
{
    whet_status status = WHET_OK;
    tfl_tensor **sorted = whet_calloc((size_t)r->n_tensors + 1, sizeof(*sorted));
    if (!sorted) return WHET_ENOMEM;
    for (int i = 0; i < r->n_tensors; i++) sorted[i] = &r->tensors[i];
    qsort(sorted, (size_t)r->n_tensors, sizeof(*sorted), by_name);
    const char *before = "";
    for (int i = 0; i < r->n_tensors && status == WHET_OK; i++) {
        const char *name = sorted[i]->name;
        if (strcmp(name, before) == 0) {
            char text[400];
            snprintf(text, sizeof(text), "%.360s#%td", name, sorted[i] - r->tensors);
            sorted[i]->name = whet_arena_strdup(r->arena, text);
            if (!sorted[i]->name) status = WHET_ENOMEM;
        }
        before = name;
    }
    whet_free(sorted);
    return status;
}

static whet_status read_tensors(tfl_reader *r, const whet_fb_table *graph)
{
    whet_fb_vector list;
    whet_fb_table t;
    WHET_TRY(whet_fb_list(graph, TFL_SUBGRAPH_TENSORS, 4, &list));
    if (list.n > 16384 + r->fb.size / 64) return at(r, graph->at, WHET_FAIL(WHET_EFORMAT, "%zu tensors in a file of this size", list.n));
    r->tensors = whet_calloc(list.n + 1, sizeof(*r->tensors));
    if (!r->tensors) return WHET_ENOMEM;
    for (size_t i = 0; i < list.n; i++) {
        WHET_TRY(whet_fb_list_table(&list, i, &t));
        WHET_TRY(tfl_tensor_decode(r, &t, (int)i, &r->tensors[i]));
        r->n_tensors = (int)i + 1;
    }
    return make_unique(r);
}

/* A list of tensor numbers; -1 stands for none where that is allowed. */
static whet_status tensor_list(const tfl_reader *r, const whet_fb_table *t, int field, bool optional, int cap, int32_t *out, int *n)
{
    whet_fb_vector v;
    WHET_TRY(whet_fb_list(t, field, 4, &v));
    if (v.n > (size_t)cap) return at(r, t->at, WHET_FAIL(WHET_EUNSUPPORTED, "a list of %zu tensors, at most %d are handled", v.n, cap));
    for (size_t i = 0; i < v.n; i++) {
        const int64_t x = whet_fb_list_int(&v, i);
        if (x >= r->n_tensors || x < (optional ? -1 : 0))
            return at(r, whet_fb_offset(&r->fb, v.data + 4 * i), WHET_FAIL(WHET_EFORMAT, "tensor %lld of %d", (long long)x, r->n_tensors));
        out[i] = (int32_t)x;
    }
    *n = (int)v.n;
    return WHET_OK;
}

/* --- operators */
static whet_status unknown_operator(const tfl_reader *r, const whet_fb_table *code, int builtin, int number, const char *label)
{
    const char *custom = NULL, *name = tfl_operator_name(builtin);
    WHET_TRY(whet_fb_text(code, TFL_OPCODE_CUSTOM, r->arena, &custom));
    if (builtin == TFL_CUSTOM || (custom && *custom && !name))
        WHET_FAIL(WHET_EUNSUPPORTED, "custom operator '%.80s' (operator %d) is not handled; cut the network in front of it", custom ? custom : "", number);
    else if (name)
        WHET_FAIL(WHET_EUNSUPPORTED, "operator %s (operator %d) is not handled; convert the network without it or cut it off", name, number);
    else WHET_FAIL(WHET_EUNSUPPORTED, "operator %d has the number %d, which is not known", number, builtin);
    whet_error_at_node(label);
    return at(r, code->at, WHET_EUNSUPPORTED);
}

static whet_status read_operator(tfl_reader *r, const whet_fb_table *t, int number)
{
    int32_t in[TFL_MAX_ARITY], out[TFL_MAX_ARITY];
    tfl_node n = {.in = in, .out = out, .at = t->at};
    whet_fb_table code;
    const uint64_t which = whet_fb_uint(t, TFL_OPERATOR_OPCODE, 4, 0);
    if (which >= r->opcodes.n) return at(r, t->at, WHET_FAIL(WHET_EFORMAT, "operator code %llu of %zu", (unsigned long long)which, r->opcodes.n));
    WHET_TRY(whet_fb_list_table(&r->opcodes, which, &code));
    WHET_TRY(tensor_list(r, t, TFL_OPERATOR_INPUTS, true, TFL_MAX_ARITY, in, &n.n_in));
    WHET_TRY(tensor_list(r, t, TFL_OPERATOR_OUTPUTS, false, TFL_MAX_ARITY, out, &n.n_out));
    const size_t arity = (size_t)n.n_in + (size_t)n.n_out;
    if (arity > r->arity_left) return at(r, t->at, WHET_FAIL(WHET_EFORMAT, "operators have more inputs than a file of this size can name"));
    r->arity_left -= arity;
    if (n.n_out < 1) return at(r, t->at, WHET_FAIL(WHET_EFORMAT, "operator %d has no output", number));
    n.label = r->tensors[out[0]].name;
    const int old = (int)whet_fb_int(&code, TFL_OPCODE_DEPRECATED_BUILTIN, 1, 0), now = (int)whet_fb_int(&code, TFL_OPCODE_BUILTIN, 4, 0);
    const int builtin = WHET_MAX(old, now), version = (int)whet_fb_int(&code, TFL_OPCODE_VERSION, 4, 1);
    n.row = tfl_row_of(builtin);
    if (!n.row || !n.row->read) return unknown_operator(r, &code, builtin, number, n.label);
    if (version > n.row->version || version < 1)
        return tfl_fail(r, &n, WHET_EUNSUPPORTED, "version %d is not handled, 1 to %d are", version, n.row->version);
    const int options = (int)whet_fb_uint(t, TFL_OPERATOR_OPTIONS_TYPE, 1, 0);
    if (options && options == n.row->options) WHET_TRY(whet_fb_sub(t, TFL_OPERATOR_OPTIONS, &n.opt));
    else if (options && n.row->options) return tfl_fail(r, &n, WHET_EFORMAT, "the options (table %d) are another operator's", options);
    WHET_TRY(n.row->read(r, &n));
    WHET_TRY(whet_fb_check(&r->fb));
    if (r->g->n_nodes > r->max_nodes) return tfl_fail(r, &n, WHET_EFORMAT, "more than %d nodes for a file of this size", r->max_nodes);
    return WHET_OK;
}

static whet_status read_operators(tfl_reader *r, const whet_fb_table *graph)
{
    whet_fb_vector list;
    whet_fb_table t;
    WHET_TRY(whet_fb_list(graph, TFL_SUBGRAPH_OPERATORS, 4, &list));
    if (list.n > (size_t)r->max_nodes) return at(r, graph->at, WHET_FAIL(WHET_EFORMAT, "%zu operators in a file of this size", list.n));
    for (size_t i = 0; i < list.n; i++) {
        WHET_TRY(whet_fb_list_table(&list, i, &t));
        WHET_TRY(read_operator(r, &t, (int)i));
    }
    return WHET_OK;
}

/* --- inputs and outputs */
static whet_status read_inputs(tfl_reader *r, const int32_t *list, int n)
{
    for (int i = 0; i < n; i++) {
        tfl_tensor *t = &r->tensors[list[i]];
        whet_dims d = t->dims;
        int unknown = 0;
        if (t->defined) return at(r, t->at, WHET_FAIL(WHET_EFORMAT, "tensor '%s' is an input twice", t->name));
        if (t->dtype == WHET_DTYPE_NONE || t->variable || t->dtype == WHET_S4 || t->dtype == WHET_U4) {
            WHET_FAIL(WHET_EUNSUPPORTED, "type %s of input '%s' is not handled", t->variable ? "variable" : tfl_type_name(t->type), t->name);
            whet_error_at_node(t->name);
            return at(r, t->at, WHET_EUNSUPPORTED);
        }
        for (int k = 0; k < d.rank; k++) {
            char symbol[24] = "N"; /* the batch */
            if (d.dims[k] >= 0) continue;
            if (k > 0) snprintf(symbol, sizeof(symbol), "d%d_%d", i, ++unknown);
            d.dims[k] = whet_graph_symbol(r->g, symbol);
        }
        t->constant = false;
        t->defined = true;
        WHET_TRY(whet_graph_input(r->g, t->name, t->dtype, &d, &t->raw.last));
    }
    return WHET_OK;
}

/* What the file says of an output must agree with what inference found. */
static whet_status check_output(const tfl_reader *r, const tfl_tensor *t)
{
    char said[160] = "", found[160] = "";
    const whet_dims d = tfl_dims(r, t);
    bool fits = d.rank < 0 || d.rank == t->dims.rank || t->dims.rank == 0;
    for (int i = 0; fits && t->dims.rank > 0 && i < d.rank; i++) fits = d.dims[i] < 0 || t->dims.dims[i] < 0 || d.dims[i] == t->dims.dims[i];
    if (fits) return WHET_OK;
    WHET_FAIL(WHET_ESHAPE, "output '%s' is declared as %s, but is computed as %s", t->name,
              whet_dims_text(r->g, &t->dims, said, sizeof(said)), whet_dims_text(r->g, &d, found, sizeof(found)));
    whet_error_at_node(t->name);
    return at(r, t->at, WHET_ESHAPE);
}

static whet_status read_outputs(tfl_reader *r, const int32_t *list, int n)
{
    if (n == 0) return at(r, 0, WHET_FAIL(WHET_EFORMAT, "the network has no output"));
    for (int i = 0; i < n; i++) {
        tfl_tensor *t = &r->tensors[list[i]];
        const tfl_node as_input = {.row = tfl_row_of(TFL_RESHAPE), .label = t->name, .at = t->at, .n_in = 1, .in = &list[i]};
        whet_vid v = WHET_NO_VALUE;
        if (!t->constant && !t->defined) return at(r, t->at, WHET_FAIL(WHET_EFORMAT, "output '%s' is not computed by any operator", t->name));
        if (t->constant) { /* the numbers of one that was passed on, else as it stands */
            WHET_TRY(whet_dtype_is_float(t->dtype) ? tfl_get(r, &as_input, 0, WHET_NHWC, &v) : tfl_get_raw(r, &as_input, 0, WHET_NHWC, &v));
            t->raw = whet_nhwc_of(v, WHET_NHWC);
        }
        WHET_TRY(check_output(r, t));
        WHET_TRY(whet_nhwc_output(r->g, &t->raw, t->name));
    }
    return WHET_OK;
}

static whet_status build(tfl_reader *r, const whet_fb_table *model)
{
    enum { MAX_IO = 1024 };
    int32_t inputs[MAX_IO], outputs[MAX_IO];
    int n_inputs = 0, n_outputs = 0;
    whet_fb_vector graphs;
    whet_fb_table graph;
    const char *name = NULL;
    const uint64_t version = whet_fb_uint(model, TFL_MODEL_VERSION, 4, 0);
    if (version != TFL_SCHEMA_VERSION)
        return at(r, model->at, WHET_FAIL(WHET_EUNSUPPORTED, "schema version %llu is not handled, 3 is", (unsigned long long)version));
    WHET_TRY(whet_fb_list(model, TFL_MODEL_BUFFERS, 4, &r->buffers));
    WHET_TRY(whet_fb_list(model, TFL_MODEL_OPERATOR_CODES, 4, &r->opcodes));
    WHET_TRY(whet_fb_list(model, TFL_MODEL_SUBGRAPHS, 4, &graphs));
    if (graphs.n == 0) return at(r, model->at, WHET_FAIL(WHET_EFORMAT, "the model has no subgraph"));
    WHET_TRY(whet_fb_list_table(&graphs, 0, &graph));
    WHET_TRY(whet_fb_text(&graph, TFL_SUBGRAPH_NAME, r->arena, &name));
    WHET_TRY(whet_graph_create(&r->g, name && *name ? name : "main"));
    WHET_TRY(read_tensors(r, &graph));
    WHET_TRY(tensor_list(r, &graph, TFL_SUBGRAPH_INPUTS, false, MAX_IO, inputs, &n_inputs));
    WHET_TRY(tensor_list(r, &graph, TFL_SUBGRAPH_OUTPUTS, false, MAX_IO, outputs, &n_outputs));
    WHET_TRY(read_inputs(r, inputs, n_inputs));
    WHET_TRY(read_operators(r, &graph));
    WHET_TRY(read_outputs(r, outputs, n_outputs));
    WHET_TRY(whet_fb_check(&r->fb));
    WHET_TRY(whet_graph_prune(r->g));
    return whet_graph_verify(r->g);
}

static whet_status read_bytes(whet_graph **out, const void *data, size_t size, const char *name, whet_mapped *pin)
{
    whet_fb_table model;
    tfl_reader r = {.pin = pin, .copy_left = size > SIZE_MAX / 8 ? SIZE_MAX : 2 * size + ((size_t)24 << 20)};
    whet_status status = WHET_OK;
    *out = NULL;
    /* lists and tables may be shared in the file; what is made of them is not */
    r.arity_left = 16384 + size / 4;
    r.max_nodes = (int)(32768 + WHET_MIN(size / 512, (size_t)1 << 20));
    r.arena = whet_arena_create();
    if (!r.arena) status = WHET_ENOMEM;
    if (status != WHET_OK) goto done;
    WHET_GOTO(whet_fb_open(&r.fb, data, size, name, TFL_IDENTIFIER, &model));
    WHET_GOTO(build(&r, &model));
    WHET_GOTO(tfl_read_meta(&r, &model));
    *out = r.g;
    r.g = NULL;
done:
    if (status != WHET_OK) whet_error_at_file(name);
    whet_graph_free(r.g);
    whet_free(r.tensors);
    whet_arena_free(r.arena);
    return status;
}

whet_status whet_tflite_read_mem(whet_graph **out, const void *data, size_t size, const char *name, const whet_format_options *o)
{
    (void)o;
    return read_bytes(out, data, size, name, NULL);
}

whet_status whet_tflite_read(whet_graph **out, const char *path, const whet_format_options *o)
{
    whet_map *map = NULL;
    whet_mapped *pin = NULL;
    (void)o;
    *out = NULL;
    WHET_TRY(whet_map_open(&map, path));
    WHET_TRY(whet_mapped_file(&pin, map));
    whet_status status = read_bytes(out, whet_map_data(map), whet_map_size(map), path, pin);
    whet_mapped_unref(pin);
    return status;
}
