/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a model. Nodes are lowered to the target opset (onnx_lower.c); constants and variables that are used become
 * initialisers in order of first use; the bytes depend only on the graph and the options. */
#include <stdarg.h>
#include <stdio.h>

#include "base/io.h"
#include "formats/onnx/onnx_writer.h"

enum { EXTERNAL_MIN = 1024, EXTERNAL_ALIGN = 64 };

void whet_onnx_write_options_init(whet_onnx_write_options *o)
{
    *o = (whet_onnx_write_options){.size = sizeof(*o), .opset = 17, .external_bytes = ((size_t)1 << 31) - ((size_t)1 << 20)};
}

whet_status onnx_out_fail(const onnx_writer *w, const onnx_out *o, whet_status s, const char *fmt, ...)
{
    char text[1024] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    whet_fail(s, "cannot write opset %d: %s", w->opset, text);
    whet_error_at_node(o->node->name);
    return s;
}

const whet_attr *onnx_out_attr(const onnx_out *o, const char *name)
{
    for (int i = 0; i < o->n_attr; i++)
        if (strcmp(o->attr[i].name, name) == 0) return &o->attr[i];
    return NULL;
}

void onnx_out_drop(onnx_out *o, const char *name)
{
    int n = 0;
    for (int i = 0; i < o->n_attr; i++)
        if (strcmp(o->attr[i].name, name) != 0) o->attr[n++] = o->attr[i];
    o->n_attr = n;
}

whet_status onnx_out_set(onnx_out *o, whet_attr a)
{
    onnx_out_drop(o, a.name);
    if (o->n_attr == ONNX_OUT_ATTRS) return WHET_FAIL(WHET_EUNSUPPORTED, "node has more than %d attributes", ONNX_OUT_ATTRS);
    o->attr[o->n_attr++] = a;
    return WHET_OK;
}

const char *onnx_writer_fresh(onnx_writer *w, const onnx_out *o, const char *what)
{
    char text[512] = "";
    do {
        snprintf(text, sizeof(text), "%.400s/%s_%d", o->node->name, what, w->n_fresh++);
    } while (whet_graph_find(w->g, text) >= 0 || whet_graph_find_node(w->g, text) >= 0);
    return whet_arena_strdup(w->arena, text);
}

static whet_status add_tensor(onnx_writer *w, const char *name, const whet_tensor *t)
{
    int64_t *dims = whet_arena_alloc(w->arena, ((size_t)t->shape.rank + 1) * sizeof(*dims));
    if (!dims || !WHET_GROW(&w->tensors, w->n_tensors, &w->cap_tensors)) return WHET_ENOMEM;
    memcpy(dims, t->shape.dims, (size_t)t->shape.rank * sizeof(*dims));
    onnx_tensor *p = &w->tensors[w->n_tensors++];
    memset(p, 0, sizeof(*p));
    p->name = name;
    p->data_type = whet_dtype_to_onnx(t->dtype);
    p->dims.n = (size_t)t->shape.rank;
    p->dims.v = dims;
    p->raw_data.data = t->data ? t->data : (const void *)""; /* empty tensors have an empty raw_data */
    p->raw_data.size = whet_tensor_bytes(t);
    return WHET_OK;
}

whet_status onnx_writer_const(onnx_writer *w, const onnx_out *o, const char *what, whet_dtype t, int n, bool is_scalar,
                              const double *x, const char **name)
{
    whet_shape shape = WHET_SHAPE(n);
    whet_tensor tensor = {.dtype = t, .shape = shape};
    size_t bytes = 0;
    if (is_scalar) tensor.shape.rank = 0;
    WHET_TRY(whet_shape_bytes(&tensor.shape, t, &bytes));
    tensor.data = whet_arena_alloc(w->arena, bytes + 1);
    *name = onnx_writer_fresh(w, o, what);
    if (!tensor.data || !*name) return WHET_ENOMEM;
    for (int i = 0; i < n; i++) whet_tensor_set_f64(&tensor, i, x[i]);
    return add_tensor(w, *name, &tensor);
}

static whet_pb_bytes bytes_of(const char *s) { return (whet_pb_bytes){(const uint8_t *)s, strlen(s)}; }

static whet_status convert_attr(onnx_writer *w, const whet_attr *a, onnx_attr *p)
{
    memset(p, 0, sizeof(*p));
    p->name = a->name;
    switch (a->type) {
    case WHET_ATTR_INT: p->type = ONNX_ATTR_INT; p->i = a->i; p->head.has = 1u << 2; break;
    case WHET_ATTR_FLOAT: p->type = ONNX_ATTR_FLOAT; p->f = a->f; p->head.has = 1u << 1; break;
    case WHET_ATTR_STRING: p->type = ONNX_ATTR_STRING; p->s = bytes_of(a->s); break;
    case WHET_ATTR_INTS: p->type = ONNX_ATTR_INTS; p->ints.n = (size_t)a->n; p->ints.v = a->ints; break;
    case WHET_ATTR_FLOATS: p->type = ONNX_ATTR_FLOATS; p->floats.n = (size_t)a->n; p->floats.v = a->floats; break;
    case WHET_ATTR_STRINGS: {
        whet_pb_bytes *v = whet_arena_alloc(w->arena, ((size_t)a->n + 1) * sizeof(*v));
        if (!v) return WHET_ENOMEM;
        for (int i = 0; i < a->n; i++) v[i] = bytes_of(a->strings[i]);
        p->type = ONNX_ATTR_STRINGS;
        p->strings.n = (size_t)a->n;
        p->strings.v = v;
        break;
    }
    case WHET_ATTR_TENSOR: {
        onnx_tensor *t = whet_arena_alloc(w->arena, sizeof(*t));
        if (!t) return WHET_ENOMEM;
        WHET_TRY(add_tensor(w, NULL, &a->t));
        *t = w->tensors[--w->n_tensors];
        p->type = ONNX_ATTR_TENSOR;
        p->t = t;
        break;
    }
    case WHET_ATTR_NONE: break;
    }
    return WHET_OK;
}

whet_status onnx_writer_emit(onnx_writer *w, const onnx_out *given)
{
    onnx_out o = *given;
    int since = onnx_lower_since(o.op);
    if (since == 0 || since > w->opset)
        return onnx_out_fail(w, &o, WHET_EUNSUPPORTED, "operator '%s' needs opset %d", o.op, since);
    WHET_TRY(onnx_lower_attrs(w, &o));
    onnx_attr *attrs = whet_arena_alloc(w->arena, ((size_t)o.n_attr + 1) * sizeof(*attrs));
    const char **names = whet_arena_alloc(w->arena, ((size_t)o.n_in + (size_t)o.n_out + 1) * sizeof(*names));
    if (!attrs || !names) return WHET_ENOMEM;
    for (int i = 0; i < o.n_in; i++) names[i] = o.in[i];
    for (int i = 0; i < o.n_out; i++) names[o.n_in + i] = o.out[i];
    for (int i = 0; i < o.n_attr; i++) WHET_TRY(convert_attr(w, &o.attr[i], &attrs[i]));
    for (int i = 0; i < o.n_in; i++) { /* initialisers on first use */
        whet_vid v = *names[i] ? whet_graph_find(w->g, names[i]) : WHET_NO_VALUE;
        if (v < 0 || w->written[v]) continue;
        const whet_value *value = &w->g->values[v];
        if (value->kind != WHET_VALUE_CONST && value->kind != WHET_VALUE_VARIABLE) continue;
        WHET_TRY(add_tensor(w, value->name, &value->data));
        w->written[v] = true;
    }
    if (!WHET_GROW(&w->nodes, w->n_nodes, &w->cap_nodes)) return WHET_ENOMEM;
    onnx_node *p = &w->nodes[w->n_nodes++];
    memset(p, 0, sizeof(*p));
    p->name = o.name;
    p->op_type = o.op;
    p->input = (whet_pb_strings){(size_t)o.n_in, names};
    p->output = (whet_pb_strings){(size_t)o.n_out, names + o.n_in};
    p->attribute.n = (size_t)o.n_attr;
    p->attribute.v = attrs;
    return WHET_OK;
}

static whet_status write_node(onnx_writer *w, const whet_node *n)
{
    onnx_out o = {.node = n, .op = n->op->name, .name = n->name, .n_in = n->n_in, .n_out = n->n_out, .n_attr = n->n_attr};
    onnx_lower_fn lower = onnx_lower_find(n->op->domain, n->op->name);
    o.in = whet_arena_alloc(w->arena, ((size_t)n->n_in + 1) * sizeof(*o.in));
    o.out = whet_arena_alloc(w->arena, ((size_t)n->n_out + 1) * sizeof(*o.out));
    if (!o.in || !o.out) return WHET_ENOMEM;
    if (n->n_attr > ONNX_OUT_ATTRS) return onnx_out_fail(w, &o, WHET_EUNSUPPORTED, "too many attributes");
    for (int i = 0; i < n->n_attr; i++) o.attr[i] = n->attr[i];
    for (int i = 0; i < n->n_in; i++) o.in[i] = n->in[i] >= 0 ? w->g->values[n->in[i]].name : "";
    for (int i = 0; i < n->n_out; i++) o.out[i] = n->out[i] >= 0 ? w->g->values[n->out[i]].name : "";
    while (o.n_in > 0 && !*o.in[o.n_in - 1]) o.n_in--;
    while (o.n_out > 1 && !*o.out[o.n_out - 1]) o.n_out--;
    return lower ? lower(w, &o) : onnx_writer_emit(w, &o);
}

static whet_status describe(onnx_writer *w, const char *name, const whet_value *v, onnx_value *out)
{
    onnx_type *type = whet_arena_alloc(w->arena, sizeof(*type));
    onnx_tensor_type *tt = whet_arena_alloc(w->arena, sizeof(*tt));
    onnx_shape *shape = whet_arena_alloc(w->arena, sizeof(*shape));
    onnx_dim *dims = whet_arena_alloc(w->arena, WHET_MAX_RANK * sizeof(*dims));
    if (!type || !tt || !shape || !dims) return WHET_ENOMEM;
    memset(out, 0, sizeof(*out));
    out->name = name;
    out->type = type;
    type->tensor = tt;
    tt->elem_type = whet_dtype_to_onnx(v->dtype);
    for (int i = 0; i < v->dims.rank; i++) {
        whet_dim d = v->dims.dims[i];
        if (d >= 0) {
            dims[i].value = d;
            dims[i].head.has = ONNX_DIM_HAS_VALUE;
        } else if (d < WHET_DIM_UNKNOWN) {
            dims[i].param = whet_graph_symbol_name(w->g, d);
        }
    }
    shape->dim.n = v->dims.rank < 0 ? 0 : (size_t)v->dims.rank;
    shape->dim.v = dims;
    if (v->dims.rank >= 0) tt->shape = shape;
    return WHET_OK;
}

/* Outputs that no node makes, or that stand twice, go through an Identity. */
static whet_status write_outputs(onnx_writer *w, onnx_graph *og)
{
    const whet_graph *g = w->g;
    onnx_value *list = whet_arena_alloc(w->arena, ((size_t)g->n_outputs + 1) * sizeof(*list));
    if (!list) return WHET_ENOMEM;
    for (int i = 0; i < g->n_outputs; i++) {
        const whet_value *v = &g->values[g->outputs[i]];
        const char *name = v->name;
        bool again = v->kind != WHET_VALUE_RESULT;
        for (int k = 0; k < i; k++) again |= g->outputs[k] == g->outputs[i];
        if (again) {
            whet_node at = {.name = v->name};
            const char *in[1] = {v->name}, *out[1];
            onnx_out o = {.node = &at, .op = "Identity", .n_in = 1, .n_out = 1, .in = in, .out = out};
            out[0] = name = onnx_writer_fresh(w, &o, "output");
            o.name = onnx_writer_fresh(w, &o, "Identity");
            if (!name || !o.name) return WHET_ENOMEM;
            WHET_TRY(onnx_writer_emit(w, &o));
        }
        WHET_TRY(describe(w, name, v, &list[i]));
    }
    og->output.n = (size_t)g->n_outputs;
    og->output.v = list;
    return WHET_OK;
}

static whet_status write_inputs(onnx_writer *w, onnx_graph *og)
{
    onnx_value *list = whet_arena_alloc(w->arena, ((size_t)w->g->n_inputs + 1) * sizeof(*list));
    if (!list) return WHET_ENOMEM;
    for (int i = 0; i < w->g->n_inputs; i++) {
        const whet_value *v = &w->g->values[w->g->inputs[i]];
        WHET_TRY(describe(w, v->name, v, &list[i]));
    }
    og->input.n = (size_t)w->g->n_inputs;
    og->input.v = list;
    return WHET_OK;
}

static whet_status write_meta(onnx_writer *w, onnx_model *m, onnx_graph *og)
{
    onnx_pair *list = whet_arena_alloc(w->arena, ((size_t)w->g->n_meta + 1) * sizeof(*list));
    size_t n = 0;
    if (!list) return WHET_ENOMEM;
    for (int i = 0; i < w->g->n_meta; i++) {
        if (strncmp(w->g->meta[i].key, "onnx.", 5) == 0) continue; /* what another file said of itself */
        list[n].key = w->g->meta[i].key;
        list[n++].value = w->g->meta[i].value;
    }
    m->metadata_props.n = n;
    m->metadata_props.v = list;
    og->doc_string = whet_graph_get_meta(w->g, ONNX_META_DOC);
    return WHET_OK;
}

static int ir_of(int opset) { return opset >= 21 ? 10 : opset >= 19 ? 9 : opset >= 15 ? 8 : 7; }

static whet_status build(onnx_writer *w, const whet_onnx_write_options *opt, onnx_model *m)
{
    onnx_graph *og = whet_arena_alloc(w->arena, sizeof(*og));
    onnx_opset *set = whet_arena_alloc(w->arena, sizeof(*set));
    if (!og || !set) return WHET_ENOMEM;
    for (int i = 0; i < w->g->n_nodes; i++)
        if (w->g->nodes[i].op) WHET_TRY(write_node(w, &w->g->nodes[i]));
    WHET_TRY(write_inputs(w, og));
    WHET_TRY(write_outputs(w, og));
    WHET_TRY(write_meta(w, m, og));
    og->name = w->g->name && *w->g->name ? w->g->name : "graph";
    og->node.n = w->n_nodes;
    og->node.v = w->nodes;
    og->initializer.n = w->n_tensors;
    og->initializer.v = w->tensors;
    set->version = w->opset;
    set->domain = "";
    m->ir_version = ir_of(w->opset);
    m->producer_name = "whet";
    m->producer_version = opt->producer_version ? opt->producer_version : WHET_VERSION;
    m->graph = og;
    m->opset_import.n = 1;
    m->opset_import.v = set;
    return WHET_OK;
}

/* Moves the large initialisers to a file beside the model. */
static whet_status write_external(onnx_writer *w, const char *path)
{
    static const uint8_t zeros[EXTERNAL_ALIGN];
    char *file = whet_format("%s.data", path);
    whet_writer *out = NULL;
    whet_status status = file ? whet_writer_open(&out, file) : WHET_ENOMEM;
    for (size_t i = 0; i < w->n_tensors && status == WHET_OK; i++) {
        onnx_tensor *t = &w->tensors[i];
        onnx_pair *pairs = whet_arena_alloc(w->arena, 3 * sizeof(*pairs));
        char text[2][24] = {"", ""};
        uint64_t at = whet_writer_offset(out), gap = (EXTERNAL_ALIGN - at % EXTERNAL_ALIGN) % EXTERNAL_ALIGN;
        if (t->raw_data.size < EXTERNAL_MIN) continue;
        if (gap) status = whet_writer_write(out, zeros, gap);
        if (status == WHET_OK) status = whet_writer_write(out, t->raw_data.data, t->raw_data.size);
        snprintf(text[0], sizeof(text[0]), "%llu", (unsigned long long)(at + gap));
        snprintf(text[1], sizeof(text[1]), "%zu", t->raw_data.size);
        if (!pairs) status = WHET_ENOMEM;
        if (status != WHET_OK) break;
        pairs[0].key = "location";
        pairs[0].value = whet_arena_strdup(w->arena, whet_path_base(file));
        pairs[1].key = "offset";
        pairs[1].value = whet_arena_strdup(w->arena, text[0]);
        pairs[2].key = "length";
        pairs[2].value = whet_arena_strdup(w->arena, text[1]);
        t->external_data.n = 3;
        t->external_data.v = pairs;
        t->data_location = ONNX_LOCATION_EXTERNAL;
        t->raw_data = (whet_pb_bytes){NULL, 0};
        if (!pairs[0].value || !pairs[1].value || !pairs[2].value) status = WHET_ENOMEM;
    }
    if (status == WHET_OK) status = whet_writer_commit(out);
    else whet_writer_abort(out);
    whet_free(file);
    return status;
}

static whet_status to_file(void *arg, const void *data, size_t n) { return whet_writer_write(arg, data, n); }

static whet_status write_file(onnx_writer *w, const onnx_model *m, const whet_onnx_write_options *opt, const char *path)
{
    whet_writer *out = NULL;
    size_t total = 0;
    for (size_t i = 0; i < w->n_tensors; i++) total += w->tensors[i].raw_data.size;
    if (total > opt->external_bytes) WHET_TRY(write_external(w, path));
    WHET_TRY(whet_writer_open(&out, path));
    whet_status status = whet_pb_encode(&onnx_model_message, m, to_file, out);
    if (status == WHET_OK) return whet_writer_commit(out);
    whet_writer_abort(out);
    return status;
}

static whet_status write(const whet_graph *g, const char *path, uint8_t **data, size_t *size, const whet_onnx_write_options *given)
{
    whet_onnx_write_options opt;
    onnx_model m;
    onnx_writer w = {.g = g};
    whet_status status = WHET_ENOMEM;
    memset(&m, 0, sizeof(m));
    whet_onnx_write_options_init(&opt);
    if (given) memcpy(&opt, given, WHET_MIN(given->size, sizeof(opt)));
    if (opt.opset < ONNX_WRITE_MIN_OPSET || opt.opset > ONNX_WRITE_MAX_OPSET)
        return WHET_FAIL(WHET_EINVAL, "opset %d cannot be written, %d to %d can", opt.opset, ONNX_WRITE_MIN_OPSET,
                         ONNX_WRITE_MAX_OPSET);
    WHET_TRY(whet_graph_verify(g));
    w.opset = opt.opset;
    w.arena = whet_arena_create();
    w.written = whet_calloc((size_t)g->n_values + 1, sizeof(*w.written));
    if (!w.arena || !w.written) goto done;
    WHET_GOTO(build(&w, &opt, &m));
    status = path ? write_file(&w, &m, &opt, path) : whet_pb_encode_mem(&onnx_model_message, &m, data, size);
done:
    whet_arena_free(w.arena);
    whet_free(w.written);
    whet_free(w.nodes);
    whet_free(w.tensors);
    return status;
}

whet_status whet_onnx_write(const whet_graph *g, const char *path, const whet_onnx_write_options *opt)
{
    return write(g, path, NULL, NULL, opt);
}

whet_status whet_onnx_write_mem(const whet_graph *g, uint8_t **data, size_t *size, const whet_onnx_write_options *opt)
{
    *data = NULL;
    *size = 0;
    return write(g, NULL, data, size, opt);
}
