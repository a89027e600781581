/* SPDX-License-Identifier: Apache-2.0 */
/* One node of the file -> nodes of the graph: names to values, attributes, upgrade to the newest definition, checks, and
 * the inlining of model-local functions. */
#include <stdarg.h>
#include <stdio.h>

#include "formats/onnx/onnx_microsoft.h"
#include "formats/onnx/onnx_reader.h"
#include "ir/op.h"

enum { SPARE = 8 }; /* inputs and attributes that an upgrade may add */

whet_status onnx_fail(const onnx_work *w, whet_status status, const char *fmt, ...)
{
    char text[1024] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    whet_fail(status, "%s", text);
    whet_error_at_node(w->name);
    return status;
}

whet_attr *onnx_work_attr(onnx_work *w, const char *name)
{
    for (int i = 0; i < w->n_attr; i++)
        if (strcmp(w->attr[i].name, name) == 0) return &w->attr[i];
    return NULL;
}

static void dispose_attrs(onnx_work *w)
{
    for (int i = 0; i < w->n_attr; i++)
        if (w->attr[i].type == WHET_ATTR_TENSOR) whet_tensor_dispose(&w->attr[i].t);
    w->n_attr = 0;
}

void onnx_work_drop(onnx_work *w, const char *name)
{
    whet_attr *a = onnx_work_attr(w, name);
    if (!a) return;
    if (a->type == WHET_ATTR_TENSOR) whet_tensor_dispose(&a->t);
    *a = w->attr[--w->n_attr];
}

void onnx_work_set(onnx_work *w, whet_attr a)
{
    onnx_work_drop(w, a.name);
    w->attr[w->n_attr++] = a;
}

int64_t onnx_work_int(onnx_work *w, const char *name, int64_t otherwise)
{
    const whet_attr *a = onnx_work_attr(w, name);
    return a && a->type == WHET_ATTR_INT ? a->i : otherwise;
}

static const char *text_of(onnx_reader *r, whet_pb_bytes b)
{
    if (!whet_utf8_valid(b.data, b.size)) {
        WHET_FAIL(WHET_EFORMAT, "attribute text is not UTF-8");
        return NULL;
    }
    return whet_arena_strndup(r->arena, b.data ? (const char *)b.data : "", b.size);
}

static whet_status strings_of(onnx_reader *r, const onnx_attr *a, whet_attr *out)
{
    const char **v = whet_arena_alloc(r->arena, (a->strings.n + 1) * sizeof(*v));
    if (!v) return WHET_ENOMEM;
    for (size_t i = 0; i < a->strings.n; i++)
        if (!(v[i] = text_of(r, a->strings.v[i]))) return whet_error_last()->status;
    out->n = (int)a->strings.n;
    out->strings = v;
    return WHET_OK;
}

/* Files of IR version 1 and 2 have no type; the member that is there tells it. */
static int64_t guess_type(const onnx_attr *a)
{
    if (a->type) return a->type;
    if (a->t) return ONNX_ATTR_TENSOR;
    if (a->s.data) return ONNX_ATTR_STRING;
    if (a->ints.n) return ONNX_ATTR_INTS;
    if (a->floats.n) return ONNX_ATTR_FLOATS;
    if (a->strings.n) return ONNX_ATTR_STRINGS;
    return a->head.has >> 1 & 1 ? ONNX_ATTR_FLOAT : ONNX_ATTR_INT; /* field 1 of the table is f */
}

static whet_status convert_attr(onnx_reader *r, const onnx_work *w, const onnx_attr *a, const char *name, whet_attr *out)
{
    int64_t type = guess_type(a);
    *out = (whet_attr){.name = name};
    if (a->ints.n > INT32_MAX || a->floats.n > INT32_MAX)
        return onnx_fail(w, WHET_ENOMEM, "attribute '%s' is too long", name);
    switch (type) {
    case ONNX_ATTR_FLOAT: *out = whet_attr_float(name, a->f); return WHET_OK;
    case ONNX_ATTR_INT: *out = whet_attr_int(name, a->i); return WHET_OK;
    case ONNX_ATTR_INTS: *out = whet_attr_ints(name, (int)a->ints.n, a->ints.v); return WHET_OK;
    case ONNX_ATTR_FLOATS:
        *out = (whet_attr){.name = name, .type = WHET_ATTR_FLOATS, .n = (int)a->floats.n, .floats = a->floats.v};
        return WHET_OK;
    case ONNX_ATTR_STRING:
        out->type = WHET_ATTR_STRING;
        out->s = text_of(r, a->s);
        return out->s ? WHET_OK : whet_error_last()->status;
    case ONNX_ATTR_STRINGS: out->type = WHET_ATTR_STRINGS; return strings_of(r, a, out);
    case ONNX_ATTR_TENSOR:
        if (!a->t) return onnx_fail(w, WHET_EFORMAT, "attribute '%s' has no tensor", name);
        out->type = WHET_ATTR_TENSOR;
        return onnx_tensor_load(r, a->t, &out->t);
    default:
        return onnx_fail(w, WHET_EUNSUPPORTED, "%s: attribute '%s' holds a graph, a sparse tensor or a type, which is not handled",
                         w->op, name);
    }
}

static const onnx_attr *find_attr(const onnx_attrs *list, const char *name)
{
    for (size_t i = 0; list && i < list->n; i++)
        if (list->v[i].name && strcmp(list->v[i].name, name) == 0) return &list->v[i];
    return NULL;
}

whet_status onnx_attrs_convert(onnx_reader *r, const onnx_scope *s, const onnx_attrs *attrs, onnx_work *w)
{
    if (attrs->n > ONNX_MAX_ATTRS) return onnx_fail(w, WHET_EFORMAT, "%s has %zu attributes", w->op, attrs->n);
    for (size_t i = 0; i < attrs->n; i++) {
        const onnx_attr *a = &attrs->v[i];
        if (!a->name || !*a->name) return onnx_fail(w, WHET_EFORMAT, "%s: attribute %zu has no name", w->op, i);
        if (onnx_work_attr(w, a->name)) return onnx_fail(w, WHET_EFORMAT, "%s: attribute '%s' stands twice", w->op, a->name);
        const char *name = a->name;
        if (a->ref_attr_name && *a->ref_attr_name) {
            const char *ref = a->ref_attr_name;
            if (!s->function) return onnx_fail(w, WHET_EFORMAT, "%s: attribute '%s' refers to a function's", w->op, name);
            a = find_attr(s->actuals, ref);
            if (!a) a = find_attr(&s->function->attribute_proto, ref);
            if (!a) continue; /* not given: the operator's default */
        }
        WHET_TRY(convert_attr(r, w, a, name, &w->attr[w->n_attr]));
        w->n_attr++;
    }
    return WHET_OK;
}

static whet_status find_inputs(onnx_reader *r, const onnx_scope *s, onnx_work *w)
{
    const onnx_node *p = w->proto;
    w->n_in = (int)p->input.n;
    while (w->n_in > 0 && !*p->input.v[w->n_in - 1]) w->n_in--;
    w->in = whet_arena_alloc(r->arena, ((size_t)w->n_in + SPARE) * sizeof(*w->in));
    if (!w->in) return WHET_ENOMEM;
    for (int i = 0; i < w->n_in + SPARE; i++) w->in[i] = WHET_NO_VALUE;
    for (int i = 0; i < w->n_in; i++) {
        if (!*p->input.v[i]) continue;
        w->in[i] = onnx_names_get(&s->values, p->input.v[i], -2);
        if (w->in[i] == -2) return onnx_fail(w, WHET_EFORMAT, "%s: input '%s' is not defined", w->op, p->input.v[i]);
    }
    return WHET_OK;
}

static whet_status name_outputs(onnx_reader *r, const onnx_scope *s, onnx_work *w)
{
    const onnx_node *p = w->proto;
    w->n_out = (int)p->output.n;
    while (w->n_out > 1 && !*p->output.v[w->n_out - 1]) w->n_out--;
    w->out = whet_arena_alloc(r->arena, ((size_t)w->n_out + SPARE) * sizeof(*w->out));
    w->out_names = whet_arena_alloc(r->arena, ((size_t)w->n_out + SPARE) * sizeof(*w->out_names));
    if (!w->out || !w->out_names) return WHET_ENOMEM;
    for (int i = 0; i < w->n_out + SPARE; i++) {
        w->out[i] = WHET_NO_VALUE;
        w->out_names[i] = "";
    }
    for (int i = 0; i < w->n_out; i++) {
        size_t size = strlen(s->prefix) + strlen(p->output.v[i]) + 1;
        if (!*p->output.v[i] || !*s->prefix) {
            w->out_names[i] = p->output.v[i];
            continue;
        }
        char *text = whet_arena_alloc(r->arena, size);
        if (!text) return WHET_ENOMEM;
        snprintf(text, size, "%s%s", s->prefix, p->output.v[i]);
        w->out_names[i] = text;
    }
    return WHET_OK;
}

static const char *first_type(const onnx_reader *r, const onnx_work *w)
{
    for (int i = 0; i < w->n_in; i++)
        if (w->in[i] >= 0) return whet_dtype_name(r->g->values[w->in[i]].dtype);
    return "none";
}

static whet_status refuse(const onnx_reader *r, const onnx_work *w, const char *domain)
{
    const onnx_op_line *line = *domain ? NULL : onnx_op_find(w->op);
    const char *near = *domain || line ? NULL : onnx_op_near(w->op);
    if (*domain)
        return onnx_fail(w, WHET_EUNSUPPORTED, "operator '%s' of domain '%s' is not handled (input type %s); export with operators "
                         "of the domain ai.onnx", w->op, domain, first_type(r, w));
    if (line)
        return onnx_fail(w, WHET_EUNSUPPORTED, "ONNX operator '%s' (opset %d, input type %s) is not handled", w->op, w->opset,
                         first_type(r, w));
    return onnx_fail(w, WHET_EUNSUPPORTED, "unknown operator '%s' (domain ai.onnx, opset %d, input type %s)%s%s%s", w->op, w->opset,
                     first_type(r, w), near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* BatchNormalization in training mode moves its statistics: variables are committed at the end of the run. */
static whet_status commit_statistics(onnx_reader *r, const onnx_work *w)
{
    if (strcmp(w->op, "BatchNormalization") != 0 || w->n_out < 3) return WHET_OK;
    for (int i = 1; i <= 2; i++)
        if (w->out[i] >= 0 && w->in[i + 2] >= 0 && r->g->values[w->in[i + 2]].kind == WHET_VALUE_VARIABLE)
            WHET_TRY(whet_graph_commit(r->g, w->out[i], w->in[i + 2]));
    return WHET_OK;
}

static whet_status emit(onnx_reader *r, const onnx_scope *s, const onnx_op_line *line, onnx_work *w)
{
    char label[512] = "";
    if (w->opset < line->first)
        return onnx_fail(w, WHET_EFORMAT, "operator '%s' exists since opset %d, the file is stamped opset %d", w->op, line->first,
                         w->opset);
    WHET_TRY(onnx_half_before(r, w));
    if (line->upgrade) WHET_TRY(line->upgrade(r, w));
    if (w->done) return onnx_half_after(r, w);
    const whet_op *op = whet_op_find(w->op);
    if (!op) return refuse(r, w, "");
    WHET_TRY(onnx_op_check_attrs(op, w));
    for (int i = 0; i < op->min_in; i++)
        if (i >= w->n_in || w->in[i] < 0) return onnx_fail(w, WHET_EFORMAT, "%s: required input %d is missing", w->op, i);
    snprintf(label, sizeof(label), "%s%s", s->prefix, w->proto->name ? w->proto->name : "");
    bool named = w->proto->name && *w->proto->name;
    whet_status status = whet_graph_node(r->g, w->op, named ? label : NULL, w->n_in, w->in, w->n_attr, w->attr, w->n_out,
                                         w->out_names, w->out);
    if (status != WHET_OK) whet_error_at_node(w->name);
    WHET_TRY(status);
    WHET_TRY(commit_statistics(r, w));
    return onnx_half_after(r, w);
}

static whet_status emit_microsoft(onnx_reader *r, onnx_upgrade_fn build, onnx_work *w)
{
    WHET_TRY(onnx_half_before(r, w));
    WHET_TRY(build(r, w));
    return onnx_half_after(r, w);
}

static const onnx_function *find_function(const onnx_reader *r, const onnx_node *n, const char *domain)
{
    for (size_t i = 0; i < r->model->functions.n; i++) {
        const onnx_function *f = &r->model->functions.v[i];
        const char *a = f->overload ? f->overload : "", *b = n->overload ? n->overload : "";
        if (f->name && strcmp(f->name, n->op_type) == 0 && strcmp(f->domain ? f->domain : "", domain) == 0 && strcmp(a, b) == 0)
            return f;
    }
    return NULL;
}

static whet_status enter(onnx_scope *inner, const onnx_scope *s, const onnx_function *f, onnx_work *w)
{
    inner->opset = s->opset;
    for (size_t i = 0; i < f->opset_import.n; i++)
        if (!f->opset_import.v[i].domain || !*f->opset_import.v[i].domain || strcmp(f->opset_import.v[i].domain, "ai.onnx") == 0)
            inner->opset = (int)WHET_MIN(f->opset_import.v[i].version, ONNX_MAX_OPSET + 1);
    if (inner->opset < ONNX_MIN_OPSET || inner->opset > ONNX_MAX_OPSET)
        return onnx_fail(w, WHET_EUNSUPPORTED, "function '%s' imports opset %d", f->name, inner->opset);
    if ((size_t)w->n_in > f->input.n || w->proto->output.n > f->output.n)
        return onnx_fail(w, WHET_EFORMAT, "function '%s' is called with too many inputs or outputs", f->name);
    for (size_t i = 0; i < f->input.n; i++)
        WHET_TRY(onnx_names_add(&inner->values, f->input.v[i], (int)i < w->n_in ? w->in[i] : WHET_NO_VALUE, NULL));
    return WHET_OK;
}

static whet_status inline_function(onnx_reader *r, onnx_scope *s, const onnx_function *f, onnx_work *w)
{
    size_t size = strlen(s->prefix) + strlen(w->name) + 2;
    char *prefix = whet_arena_alloc(r->arena, size);
    onnx_scope inner = {.prefix = prefix, .actuals = &w->proto->attribute, .function = f, .depth = s->depth + 1};
    whet_status status = WHET_OK;
    if (!prefix) return WHET_ENOMEM;
    snprintf(prefix, size, "%s%s/", s->prefix, w->name);
    if (inner.depth > ONNX_MAX_INLINE) return onnx_fail(w, WHET_EUNSUPPORTED, "functions call each other more than 8 deep");
    if (s->function)
        for (size_t i = 0; i < w->proto->attribute.n; i++)
            if (w->proto->attribute.v[i].ref_attr_name)
                return onnx_fail(w, WHET_EUNSUPPORTED, "function '%s' hands attributes on to another; inline it when exporting",
                                 s->function->name);
    WHET_GOTO(enter(&inner, s, f, w));
    WHET_GOTO(onnx_nodes_convert(r, &inner, &f->node));
    for (size_t i = 0; i < w->proto->output.n; i++) {
        w->out[i] = onnx_names_get(&inner.values, f->output.v[i], WHET_NO_VALUE);
        if (w->out[i] < 0)
            WHET_GOTO(onnx_fail(w, WHET_EFORMAT, "function '%s' does not make its output '%s'", f->name, f->output.v[i]));
    }
done:
    onnx_names_dispose(&inner.values);
    return status;
}

/* Constants become values at once. Attributes since opset 12: value_float, value_ints, ... */
static whet_status constant(onnx_reader *r, onnx_work *w)
{
    const whet_attr *a = w->n_attr == 1 ? &w->attr[0] : NULL;
    whet_tensor t;
    whet_shape shape = {.rank = 0};
    whet_status status = WHET_OK;
    whet_tensor_init(&t);
    if (!a || w->n_out != 1 || w->n_in != 0) return onnx_fail(w, WHET_EFORMAT, "Constant needs exactly one value and no input");
    bool list = a->type == WHET_ATTR_INTS || a->type == WHET_ATTR_FLOATS;
    bool is_int = a->type == WHET_ATTR_INT || a->type == WHET_ATTR_INTS;
    if (a->type == WHET_ATTR_TENSOR && strcmp(a->name, "value") == 0)
        return whet_graph_const(r->g, w->out_names[0], &a->t, &w->out[0]);
    if (a->type == WHET_ATTR_STRING || a->type == WHET_ATTR_STRINGS)
        return onnx_fail(w, WHET_EUNSUPPORTED, "Constant: type string is not handled");
    if (!is_int && a->type != WHET_ATTR_FLOAT && a->type != WHET_ATTR_FLOATS)
        return onnx_fail(w, WHET_EFORMAT, "Constant: attribute '%s' has the wrong type", a->name);
    if (list) shape = WHET_SHAPE(a->n);
    WHET_GOTO(whet_tensor_alloc(&t, is_int ? WHET_S64 : WHET_F32, &shape));
    const void *from = is_int ? (list ? (const void *)a->ints : &a->i) : list ? (const void *)a->floats : &a->f;
    if (whet_tensor_bytes(&t) > 0) memcpy(t.data, from, whet_tensor_bytes(&t));
    status = whet_graph_const(r->g, w->out_names[0], &t, &w->out[0]);
done:
    whet_tensor_dispose(&t);
    return status;
}

static whet_status convert_body(onnx_reader *r, onnx_scope *s, onnx_work *w)
{
    const onnx_node *p = w->proto;
    const char *domain = p->domain && strcmp(p->domain, "ai.onnx") != 0 ? p->domain : "";
    if (!p->op_type || !*p->op_type) return onnx_fail(w, WHET_EFORMAT, "node has no operator");
    if (p->output.n == 0) return onnx_fail(w, WHET_EFORMAT, "%s has no output", w->op);
    if (p->input.n > ONNX_MAX_ARITY || p->output.n > ONNX_MAX_ARITY)
        return onnx_fail(w, WHET_EUNSUPPORTED, "%s has more than %d inputs or outputs", w->op, ONNX_MAX_ARITY);
    WHET_TRY(find_inputs(r, s, w));
    WHET_TRY(name_outputs(r, s, w));
    const onnx_function *f = find_function(r, p, domain);
    if (f) return inline_function(r, s, f, w);
    const onnx_upgrade_fn microsoft = strcmp(domain, "com.microsoft") == 0 ? onnx_microsoft_find(w->op) : NULL;
    if (*domain && !microsoft) return refuse(r, w, domain);
    if (s->opset == 0 && !microsoft) return onnx_fail(w, WHET_EFORMAT, "operator '%s' is used, but the model imports no opset of ai.onnx", w->op);
    const onnx_op_line *line = onnx_op_find(w->op);
    bool is_constant = strcmp(w->op, "Constant") == 0;
    if (!microsoft && (!line || (!is_constant && !whet_op_find(w->op) && !line->upgrade))) return refuse(r, w, "");
    w->attr = whet_arena_alloc(r->arena, (p->attribute.n + SPARE) * sizeof(*w->attr));
    if (!w->attr) return WHET_ENOMEM;
    whet_status status = onnx_attrs_convert(r, s, &p->attribute, w);
    if (status == WHET_OK) status = microsoft ? emit_microsoft(r, microsoft, w) : is_constant ? constant(r, w) : emit(r, s, line, w);
    dispose_attrs(w);
    return status;
}

static whet_status convert(onnx_reader *r, onnx_scope *s, const onnx_node *p)
{
    onnx_work w = {.proto = p, .op = p->op_type ? p->op_type : "?", .name = onnx_node_label(r, p), .opset = s->opset,
                   .first_made = r->g->n_values};
    whet_status status = convert_body(r, s, &w);
    if (status != WHET_OK) {
        whet_error_at_node(w.name);
        return status;
    }
    for (size_t i = 0; i < p->output.n; i++) {
        bool added = true;
        if (!*p->output.v[i] || w.out[i] < 0) continue;
        WHET_TRY(onnx_names_add(&s->values, p->output.v[i], w.out[i], &added));
        if (!added) return onnx_fail(&w, WHET_EFORMAT, "value '%s' is made twice", p->output.v[i]);
    }
    return WHET_OK;
}

whet_status onnx_nodes_convert(onnx_reader *r, onnx_scope *s, const onnx_nodes *nodes)
{
    whet_status status = WHET_OK;
    int32_t *order = NULL;
    if (nodes->n > ONNX_MAX_NODES || (size_t)r->g->n_nodes + nodes->n > ONNX_MAX_NODES)
        return WHET_FAIL(WHET_ENOMEM, "more than %d nodes", ONNX_MAX_NODES);
    order = whet_alloc((nodes->n + 1) * sizeof(*order));
    if (!order) return WHET_ENOMEM;
    WHET_GOTO(onnx_nodes_order(r, nodes, order));
    for (size_t i = 0; i < nodes->n; i++) WHET_GOTO(convert(r, s, &nodes->v[order[i]]));
done:
    whet_free(order);
    return status;
}
