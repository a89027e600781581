/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: forward as one method whose statements are the nodes in order, the weights as attributes of modules by the dots in
 * their names, so that state_dict() gives them back. What is written is what PyTorch's own printer could have written for a file
 * of version 3. Source: docs/serialization.md of PyTorch, torch/csrc/jit/serialization/python_print.cpp. */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/io.h"
#include "formats/pytorch/torch_tensor.h"
#include "formats/torchscript/torchscript.h"
#include "formats/torchscript/ts_archive.h"
#include "formats/torchscript/ts_writer.h"
#include "wire/json.h"
#include "wire/pickle_write.h"
#include "wire/zip_write.h"

#define ROOT_CLASS "Model"
enum { MAX_MODULES = 24 }; /* inside each other; further dots become underscores */

whet_status ts_write_fail(ts_writer *w, const whet_node *n, const char *fmt, ...)
{
    char text[400] = "", op[80] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)w;
    WHET_FAIL(WHET_EUNSUPPORTED, "cannot write TorchScript: %s: %s", whet_op_text(n->op, op, sizeof(op)), text);
    whet_error_at_node(n->name);
    return WHET_EUNSUPPORTED;
}

const char *ts_text_of(ts_writer *w, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *s = n >= 0 ? whet_arena_alloc(w->arena, (size_t)n + 1) : NULL;
    if (s) vsnprintf(s, (size_t)n + 1, fmt, again);
    else w->failed = true;
    va_end(again);
    return s ? s : "";
}

const char *ts_float_text(ts_writer *w, double x)
{
    char s[40] = "";
    if (isnan(x)) return "float(\"nan\")";
    if (isinf(x)) return x < 0 ? "float(\"-inf\")" : "float(\"inf\")";
    snprintf(s, sizeof(s), "%.17g", x);
    return ts_text_of(w, "%s%s", s, strpbrk(s, ".e") ? "" : ".");
}

const char *ts_list_text(ts_writer *w, int n, const char *const *items)
{
    size_t size = 3, at = 0;
    for (int i = 0; i < n; i++) size += strlen(items[i]) + 2;
    char *s = whet_arena_alloc(w->arena, size);
    if (!s) {
        w->failed = true;
        return "";
    }
    s[at++] = '[';
    for (int i = 0; i < n; i++) at += (size_t)sprintf(s + at, "%s%s", i ? ", " : "", items[i]);
    s[at] = ']';
    return s;
}

const char *ts_ints_text(ts_writer *w, int n, const int64_t *x)
{
    const char *items[2 * WHET_MAX_RANK + 1];
    for (int i = 0; i < n && i <= 2 * WHET_MAX_RANK; i++) items[i] = ts_text_of(w, "%lld", (long long)x[i]);
    return ts_list_text(w, n, items);
}

bool ts_const_ints(const ts_writer *w, whet_vid v, int cap, int64_t *out, int *n)
{
    const whet_tensor *t = v >= 0 ? whet_graph_const_data(w->g, v) : NULL;
    if (!t || !whet_dtype_is_int(t->dtype) || whet_tensor_numel(t) > cap) return false;
    *n = (int)whet_tensor_numel(t);
    for (int i = 0; i < *n; i++) out[i] = whet_tensor_get_s64(t, i);
    return true;
}

const char *ts_number_of(ts_writer *w, whet_vid v)
{
    const whet_tensor *t = v >= 0 ? whet_graph_const_data(w->g, v) : NULL;
    if (!t || t->shape.rank != 0) return NULL;
    return whet_dtype_is_float(t->dtype) ? ts_float_text(w, whet_tensor_get_f64(t, 0)) : ts_text_of(w, "%lld", (long long)whet_tensor_get_s64(t, 0));
}

const whet_dims *ts_dims_of(const ts_writer *w, whet_vid v) { return &w->g->values[v].dims; }
whet_dtype ts_dtype_of(const ts_writer *w, whet_vid v) { return w->g->values[v].dtype; }
bool ts_has(const whet_node *n, int i) { return i < n->n_in && n->in[i] >= 0; }
const char *ts_arg(ts_writer *w, const whet_node *n, int i) { return ts_has(n, i) ? ts_tensor(w, n->in[i]) : "None"; }

int64_t ts_axis_of(const whet_node *n, const char *attr, int64_t otherwise, int rank)
{
    int64_t a = whet_node_int(n, attr, otherwise);
    return a < 0 ? a + rank : a;
}

const char *ts_let(ts_writer *w, const char *fmt, ...)
{
    va_list args;
    char small[512];
    const char *name = ts_text_of(w, "_%d", w->n_names++);
    whet_strbuf_printf(&w->code, "    %s = ", name);
    va_start(args, fmt);
    int n = vsnprintf(small, sizeof(small), fmt, args);
    va_end(args);
    if (n >= (int)sizeof(small)) {
        char *large = whet_arena_alloc(w->arena, (size_t)n + 1);
        if (!large) w->failed = true;
        va_start(args, fmt);
        if (large) vsnprintf(large, (size_t)n + 1, fmt, args);
        va_end(args);
        whet_strbuf_puts(&w->code, large ? large : "");
    } else {
        whet_strbuf_puts(&w->code, small);
    }
    whet_strbuf_puts(&w->code, "\n");
    return name;
}

void ts_set(ts_writer *w, const whet_node *n, int i, const char *expr)
{
    if (i < n->n_out && n->out[i] >= 0) w->expr[n->out[i]] = expr;
}

whet_status ts_put(ts_writer *w, const whet_node *n, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *s = size >= 0 ? whet_arena_alloc(w->arena, (size_t)size + 1) : NULL;
    if (s) vsnprintf(s, (size_t)size + 1, fmt, again);
    va_end(again);
    if (!s) return WHET_ENOMEM;
    ts_set(w, n, 0, ts_let(w, "%s", s));
    return w->failed ? WHET_ENOMEM : WHET_OK;
}

/* --- modules and their tensors */

static bool plain_name(const char *s)
{
    static const char *const taken[] = {"training", "forward", "self", "torch", "ops", "None", "True", "False", "if", "else", "for", "in", "is",
                                        "not", "and", "or", "def", "class", "return", "while", "pass", "lambda", "with", "global", "del", "from",
                                        "import", "as", "assert", "break", "continue", "raise", "try", "except", "finally", "yield", "float", "int",
                                        "bool", "inf", "nan", "Tensor"};
    if (!*s || isdigit((unsigned char)*s)) return false;
    for (const char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_') return false;
    for (size_t i = 0; i < WHET_COUNT(taken); i++)
        if (strcmp(taken[i], s) == 0) return false;
    return true;
}

static const char *member(ts_writer *w, const char *base, const char *attr)
{
    return plain_name(attr) ? ts_text_of(w, "%s.%s", base, attr) : ts_text_of(w, "getattr(%s, \"%s\")", base, attr);
}

/* A part of a name as an attribute: printable, without quotes; "" becomes "_". */
static const char *clean_part(ts_writer *w, const char *part, size_t n)
{
    char *s = whet_arena_strndup(w->arena, n ? part : "_", n ? n : 1);
    if (!s) {
        w->failed = true;
        return "_";
    }
    for (char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_') *p = '_';
    return s;
}

/* Makes the value an attribute by its name's parts; gives the expression. */
static const char *add_slot(ts_writer *w, const whet_value *v, bool parameter)
{
    ts_module *m = &w->root;
    const char *base = "self", *type = "Module", *p = v->name;
    int depth = 0;
    for (const char *dot = strchr(p, '.'); dot && depth < MAX_MODULES; p = dot + 1, dot = strchr(p, '.'), depth++) {
        const char *attr = clean_part(w, p, (size_t)(dot - p));
        while (ts_attr_taken(w, m, attr, true)) attr = ts_text_of(w, "%s_", attr);
        type = ts_text_of(w, "%s_%s", type, attr);
        m = ts_child(w, m, attr, type);
        base = member(w, base, attr);
        if (w->failed) return "";
    }
    const char *attr = clean_part(w, p, strlen(p));
    while (ts_attr_taken(w, m, attr, false) && !w->failed) attr = ts_text_of(w, "%s_", attr);
    ts_slot *s = ts_add_slot(w, m, attr);
    if (!s || !WHET_GROW(&w->slots, (size_t)w->n_slots, &w->cap_slots)) {
        w->failed = true;
        return "";
    }
    s->value = v;
    s->key = w->n_slots;
    s->parameter = parameter;
    w->slots[w->n_slots++] = v;
    return member(w, base, attr);
}

const char *ts_tensor(ts_writer *w, whet_vid v)
{
    const whet_value *x = v >= 0 ? &w->g->values[v] : NULL;
    if (!x) return "None";
    if (w->expr[v]) return w->expr[v];
    if (w->sizes[v].n >= 0 && x->kind == WHET_VALUE_RESULT) {
        const char *list = x->dims.rank == 0 && w->sizes[v].n == 1 ? w->sizes[v].items[0] : ts_list_text(w, w->sizes[v].n, w->sizes[v].items);
        return w->expr[v] = ts_let(w, "torch.tensor(%s, dtype=%d)", list, ts_code_of_dtype(x->dtype));
    }
    if (x->kind != WHET_VALUE_CONST && x->kind != WHET_VALUE_VARIABLE) return ""; /* verified: every result has a producer before */
    return w->expr[v] = add_slot(w, x, w->parameter[v]);
}

/* What a training changes: variables that say so, and constants where weights and biases stand. */
static void find_parameters(ts_writer *w)
{
    static const struct { const char *op; uint32_t slots; } trained[] = {
        {"Conv", 6}, {"ConvTranspose", 6}, {"Gemm", 6}, {"MatMul", 2}, {"BatchNormalization", 6}, {"LayerNormalization", 6}, {"GroupNormalization", 6},
        {"InstanceNormalization", 6}, {"RMSNormalization", 2}, {"PRelu", 2}};
    for (int i = 0; i < w->g->n_values; i++) w->parameter[i] = w->g->values[i].kind == WHET_VALUE_VARIABLE && w->g->values[i].trainable;
    for (int i = 0; i < w->g->n_nodes; i++) {
        const whet_node *n = &w->g->nodes[i];
        for (size_t k = 0; k < WHET_COUNT(trained) && n->op; k++)
            for (int j = 0; whet_node_is(n, trained[k].op) && j < n->n_in && j < 32; j++)
                if (n->in[j] >= 0 && trained[k].slots >> j & 1 && w->g->values[n->in[j]].kind == WHET_VALUE_CONST &&
                    whet_dtype_is_float(w->g->values[n->in[j]].dtype))
                    w->parameter[n->in[j]] = true;
    }
}

static bool kept(const ts_slot *s, bool parameters) { return s->parameter == parameters; }

static void put_names(whet_strbuf *b, const char *field, const ts_slot *s, bool parameters)
{
    whet_strbuf_printf(b, "  %s = [", field);
    for (; s; s = s->next)
        if (kept(s, parameters)) whet_strbuf_printf(b, "\"%s\", ", s->attr);
    whet_strbuf_puts(b, "]\n");
}

static void put_field(whet_strbuf *b, const char *attr, const char *type, const char *prefix)
{
    if (plain_name(attr)) whet_strbuf_printf(b, "  %s : %s%s\n", attr, prefix, type);
    else whet_strbuf_printf(b, "  __annotations__[\"%s\"] = %s%s\n", attr, prefix, type);
}

static void put_class(ts_writer *w, whet_strbuf *b, const ts_module *m, const char *forward)
{
    whet_strbuf_printf(b, "class %s(Module):\n", m->type);
    put_names(b, "__parameters__", m->slots, true);
    put_names(b, "__buffers__", m->slots, false);
    for (const ts_slot *s = m->slots; s; s = s->next) put_field(b, s->attr, "Tensor", "");
    whet_strbuf_puts(b, "  training : bool\n");
    for (const ts_module *c = m->children; c; c = c->next) put_field(b, c->attr, c->type, "__torch__.");
    whet_strbuf_puts(b, forward);
    for (const ts_module *c = m->children; c; c = c->next) put_class(w, b, c, "");
}

/* --- data.pkl */

static void put_tensor(whet_pickle_writer *p, const whet_tensor *t, const char *key)
{
    int64_t strides[WHET_MAX_RANK], step = 1, n = whet_tensor_numel(t);
    for (int i = t->shape.rank - 1; i >= 0; i--) {
        strides[i] = step;
        step *= WHET_MAX(t->shape.dims[i], 1);
    }
    whet_pickle_put_global(p, "torch._utils", "_rebuild_tensor_v2");
    whet_pickle_mark(p);
    whet_pickle_mark(p);
    whet_pickle_put_word(p, "storage");
    whet_pickle_put_global(p, "torch", torch_storage_name(t->dtype));
    whet_pickle_put_text(p, key);
    whet_pickle_put_word(p, "cpu");
    whet_pickle_put_int(p, n);
    whet_pickle_tuple(p);
    whet_pickle_persistent(p);
    whet_pickle_put_int(p, 0);
    whet_pickle_put_ints(p, t->shape.rank, t->shape.dims);
    whet_pickle_put_ints(p, t->shape.rank, strides);
    whet_pickle_put_bool(p, false);
    whet_pickle_put_global(p, "collections", "OrderedDict");
    whet_pickle_empty_tuple(p);
    whet_pickle_reduce(p);
    whet_pickle_tuple(p);
    whet_pickle_reduce(p);
}

static void put_object(ts_writer *w, whet_pickle_writer *p, const ts_module *m)
{
    whet_pickle_put_global(p, "__torch__", m->type);
    whet_pickle_empty_tuple(p);
    whet_pickle_newobj(p);
    whet_pickle_empty_dict(p);
    whet_pickle_mark(p);
    for (const ts_slot *s = m->slots; s; s = s->next) {
        whet_pickle_put_text(p, s->attr);
        put_tensor(p, &s->value->data, ts_text_of(w, "%d", s->key));
    }
    whet_pickle_put_word(p, "training");
    whet_pickle_put_bool(p, false);
    for (const ts_module *c = m->children; c; c = c->next) {
        whet_pickle_put_text(p, c->attr);
        put_object(w, p, c);
    }
    whet_pickle_setitems(p);
    whet_pickle_build(p);
}

/* --- names of inputs and outputs, metadata */

static json_t *extra_json(const whet_graph *g)
{
    json_t *o = json_object(), *inputs = json_array(), *outputs = json_array(), *meta = json_object();
    for (int i = 0; i < g->n_inputs; i++) {
        const whet_value *v = &g->values[g->inputs[i]];
        json_t *x = json_object(), *shape = json_array();
        json_object_set_new(x, "name", json_string(v->name));
        json_object_set_new(x, "type", json_string(whet_dtype_name(v->dtype)));
        for (int k = 0; k < v->dims.rank; k++) {
            whet_dim d = v->dims.dims[k];
            json_array_append_new(shape, d >= 0 ? json_integer(d) : d < WHET_DIM_UNKNOWN ? json_string(whet_graph_symbol_name(g, d)) : json_null());
        }
        if (v->dims.rank >= 0) json_object_set_new(x, "shape", shape);
        else json_decref(shape);
        json_array_append_new(inputs, x);
    }
    for (int i = 0; i < g->n_outputs; i++) json_array_append_new(outputs, json_string(g->values[g->outputs[i]].name));
    for (int i = 0; i < g->n_meta; i++)
        if (strncmp(g->meta[i].key, "onnx.", 5) != 0) json_object_set_new(meta, g->meta[i].key, json_string(g->meta[i].value));
    json_object_set_new(o, "inputs", inputs);
    json_object_set_new(o, "outputs", outputs);
    json_object_set_new(o, "metadata", meta);
    return o;
}

/* --- the code */

static bool is_used(const whet_graph *g, whet_vid v)
{
    bool used = whet_graph_is_output(g, v);
    for (int k = 0; k < g->n_nodes && !used; k++)
        for (int j = 0; g->nodes[k].op && j < g->nodes[k].n_in; j++) used |= g->nodes[k].in[j] == v;
    return used;
}

/* Tensors get their keys in the order of the inputs, whatever the order in which a compiler evaluates arguments. */
static void touch_weights(ts_writer *w, const whet_node *n)
{
    for (int i = 0; i < n->n_in && !whet_node_is(n, "Resize"); i++) {
        const whet_value *v = n->in[i] >= 0 ? &w->g->values[n->in[i]] : NULL;
        bool weight = v && (v->kind == WHET_VALUE_CONST || v->kind == WHET_VALUE_VARIABLE) && v->data.shape.rank > 0 && (v->dtype != WHET_S64 || whet_node_is(n, "Gather"));
        if (weight) (void)ts_tensor(w, n->in[i]);
    }
}

static whet_status write_node(ts_writer *w, const whet_node *n)
{
    char name[80] = "";
    const ts_op *op = ts_op_for(whet_op_text(n->op, name, sizeof(name)));
    if (ts_sizes_follow(w, n)) return w->failed ? WHET_ENOMEM : WHET_OK;
    if (!op) return ts_write_fail(w, n, "the operator has no form there; the operators that have one: docs/formats/torchscript.md");
    for (int i = 1; i < n->n_out && strcmp(name, "Split") != 0; i++)
        if (n->out[i] >= 0 && is_used(w->g, n->out[i])) return ts_write_fail(w, n, "its output %d has no form there", i);
    touch_weights(w, n);
    WHET_TRY(op->write(w, n));
    return w->failed ? WHET_ENOMEM : WHET_OK;
}

/* Inputs get Python names; the real ones stand in the extra file. */
static void name_inputs(ts_writer *w)
{
    for (int i = 0; i < w->g->n_inputs; i++) {
        const char *given = w->g->values[w->g->inputs[i]].name, *s = clean_part(w, given, strlen(given));
        bool again = true;
        if (!plain_name(s) || *s == '_') s = ts_text_of(w, "x%s", s);
        while (again && !w->failed) {
            again = false;
            for (int k = 0; k < i; k++) again |= strcmp(w->expr[w->g->inputs[k]], s) == 0;
            if (again) s = ts_text_of(w, "%s_", s);
        }
        w->expr[w->g->inputs[i]] = s;
    }
}

static whet_status write_forward(ts_writer *w, whet_strbuf *out)
{
    const whet_graph *g = w->g;
    const char **results = whet_arena_alloc(w->arena, ((size_t)g->n_outputs + 1) * sizeof(*results));
    if (!results) return WHET_ENOMEM;
    if (g->n_commits > 0) return WHET_FAIL(WHET_EUNSUPPORTED, "cannot write TorchScript: the graph changes its variables; write the network for inference");
    if (g->n_outputs == 0) return WHET_FAIL(WHET_EUNSUPPORTED, "cannot write TorchScript: a graph without outputs");
    name_inputs(w);
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].op) WHET_TRY(write_node(w, &g->nodes[i]));
    for (int i = 0; i < g->n_outputs; i++) results[i] = ts_tensor(w, g->outputs[i]);
    whet_strbuf_printf(out, "  def forward(self: __torch__." ROOT_CLASS);
    for (int i = 0; i < g->n_inputs; i++) whet_strbuf_printf(out, ",\n    %s: Tensor", w->expr[g->inputs[i]]);
    whet_strbuf_puts(out, ") -> ");
    if (g->n_outputs == 1) whet_strbuf_puts(out, "Tensor:\n");
    else
        for (int i = 0; i < g->n_outputs; i++) whet_strbuf_printf(out, "%sTensor%s", i ? ", " : "Tuple[", i + 1 == g->n_outputs ? "]:\n" : "");
    whet_strbuf_add(out, w->code.data ? w->code.data : "", w->code.len);
    whet_strbuf_puts(out, "    return ");
    for (int i = 0; i < g->n_outputs; i++)
        whet_strbuf_printf(out, "%s%s%s", i ? ", " : g->n_outputs > 1 ? "(" : "", results[i], i + 1 == g->n_outputs && i > 0 ? ")" : "");
    whet_strbuf_puts(out, "\n");
    return w->failed || out->failed || w->code.failed ? WHET_ENOMEM : WHET_OK;
}

static whet_status write_zip(ts_writer *w, const char *top, const whet_strbuf *code, const char *path)
{
    static const char constants[] = "\x80\x02).";
    whet_zip_writer *z = NULL;
    whet_pickle_writer p;
    whet_strbuf data;
    json_t *extra = extra_json(w->g);
    char *text = extra ? whet_json_text(extra, 0) : NULL;
    whet_status status = WHET_ENOMEM;
    whet_strbuf_init(&data);
    json_decref(extra);
    if (!text) goto done;
    whet_pickle_begin(&p, &data);
    put_object(w, &p, &w->root);
    whet_pickle_end(&p);
    if (data.failed || w->failed) goto done;
    WHET_GOTO(whet_zip_writer_open(&z, path));
#define ADD(name, bytes, size) WHET_GOTO(whet_zip_writer_add(z, ts_text_of(w, "%s/%s", top, name), bytes, size))
    ADD("version", "3\n", 2);
    ADD("byteorder", "little", 6);
    ADD("data.pkl", data.data, data.len);
    ADD("constants.pkl", constants, sizeof(constants) - 1);
    ADD("code/__torch__.py", code->data, code->len);
    ADD(TS_EXTRA, text, strlen(text));
    for (int i = 0; i < w->n_slots; i++) {
        const whet_tensor *t = &w->slots[i]->data;
        ADD(ts_text_of(w, "data/%d", i), t->data ? t->data : (const void *)"", whet_tensor_bytes(t));
    }
#undef ADD
    status = whet_zip_writer_commit(z);
    z = NULL;
done:
    whet_zip_writer_abort(z);
    whet_strbuf_dispose(&data);
    whet_free(text);
    return status;
}

static whet_status check_types(const ts_writer *w)
{
    for (int i = 0; i < w->n_slots; i++)
        if (!torch_storage_name(w->slots[i]->dtype)) {
            WHET_FAIL(WHET_EUNSUPPORTED, "cannot write TorchScript: tensors of type %s have no form there", whet_dtype_name(w->slots[i]->dtype));
            whet_error_at_node(w->slots[i]->name);
            return WHET_EUNSUPPORTED;
        }
    return WHET_OK;
}

/* The top folder is the file's name, as torch.jit.save has it. */
static const char *top_of(ts_writer *w, const char *path)
{
    const char *base = whet_path_base(path);
    return clean_part(w, base, strlen(base) - strlen(whet_path_ext(path)));
}

whet_status whet_torchscript_write(const whet_graph *g, const char *path, const whet_format_options *o)
{
    ts_writer w = {.g = g, .root = {.type = ROOT_CLASS}};
    whet_strbuf forward, code;
    whet_status status = WHET_ENOMEM;
    (void)o;
    WHET_TRY(whet_graph_verify(g));
    whet_strbuf_init(&forward);
    whet_strbuf_init(&code);
    whet_strbuf_init(&w.code);
    w.arena = whet_arena_create();
    if (!w.arena) goto done;
    w.expr = whet_arena_alloc(w.arena, ((size_t)g->n_values + 1) * sizeof(*w.expr));
    w.sizes = whet_arena_alloc(w.arena, ((size_t)g->n_values + 1) * sizeof(*w.sizes));
    w.parameter = whet_arena_alloc(w.arena, ((size_t)g->n_values + 1) * sizeof(*w.parameter));
    if (!w.expr || !w.sizes || !w.parameter) goto done;
    for (int i = 0; i < g->n_values; i++) w.sizes[i].n = -1;
    find_parameters(&w);
    WHET_GOTO(write_forward(&w, &forward));
    WHET_GOTO(check_types(&w));
    put_class(&w, &code, &w.root, forward.data);
    if (code.failed) {
        status = WHET_ENOMEM;
        goto done;
    }
    status = write_zip(&w, top_of(&w, path), &code, path);
done:
    if (status != WHET_OK) whet_error_at_file(path);
    whet_strbuf_dispose(&forward);
    whet_strbuf_dispose(&code);
    whet_strbuf_dispose(&w.code);
    whet_free(w.slots);
    whet_arena_free(w.arena);
    return status;
}
