/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a model: versions, initialisers, inputs, nodes, outputs, metadata. Nodes are converted in onnx_node.c, upgraded in
 * onnx_upgrade.c. Sources: IR.md, Versioning.md and onnx.proto of the ONNX project. */
#include <stdio.h>

#include "formats/onnx/onnx_reader.h"

void whet_onnx_read_options_init(whet_onnx_read_options *o)
{
    *o = (whet_onnx_read_options){.size = sizeof(*o), .keep_training = true};
}

static whet_status at(whet_status status, const char *name)
{
    if (name && *name) whet_error_at_node(name);
    return status;
}

static const char *first_operator(const onnx_graph *g)
{
    return g && g->node.n && g->node.v[0].op_type ? g->node.v[0].op_type : "?";
}

static whet_status check_versions(const onnx_model *m, int *opset)
{
    *opset = 0;
    if (m->ir_version < ONNX_MIN_IR || m->ir_version > ONNX_MAX_IR)
        return m->ir_version <= 0 ? WHET_FAIL(WHET_EFORMAT, "no IR version; this is not an ONNX model") :
               WHET_FAIL(WHET_EUNSUPPORTED, "IR version %lld is not handled, %d to %d are", (long long)m->ir_version, ONNX_MIN_IR,
                         ONNX_MAX_IR);
    if (!m->graph) return WHET_FAIL(WHET_EFORMAT, "the model has no graph");
    for (size_t i = 0; i < m->opset_import.n; i++) {
        const onnx_opset *o = &m->opset_import.v[i];
        if (o->domain && *o->domain && strcmp(o->domain, "ai.onnx") != 0) continue;
        if (*opset) return WHET_FAIL(WHET_EFORMAT, "the operator set is imported twice");
        if (o->version < ONNX_MIN_OPSET || o->version > ONNX_MAX_OPSET)
            return WHET_FAIL(WHET_EUNSUPPORTED, "opset %lld is not handled (operator '%s' and others), %d to %d are; export the "
                             "model with one of these", (long long)o->version, first_operator(m->graph), ONNX_MIN_OPSET,
                             ONNX_MAX_OPSET);
        *opset = (int)o->version;
    }
    if (m->opset_import.n == 0) return WHET_FAIL(WHET_EFORMAT, "the model imports no operator set");
    if (m->training_info.n) return WHET_FAIL(WHET_EUNSUPPORTED, "training_info is not handled; export the inference graph");
    if (m->graph->sparse_initializer.n) return WHET_FAIL(WHET_EUNSUPPORTED, "sparse initialisers are not handled");
    return WHET_OK;
}

/* Which inputs of which operators are parameters: a bit per input; `statistics` are moved by training, but not by the
 * optimiser. */
static const struct parameter_slots { const char *op; uint32_t trainable, statistics; } parameter_slots[] = {
    {"Conv", 6, 0}, {"ConvTranspose", 6, 0}, {"Gemm", 7, 0}, {"MatMul", 3, 0}, {"BatchNormalization", 6, 24},
    {"InstanceNormalization", 6, 0}, {"LayerNormalization", 6, 0}, {"GroupNormalization", 6, 0}, {"RMSNormalization", 2, 0},
    {"PRelu", 2, 0}, {"Add", 3, 0}, {"Mul", 3, 0}, {"Sub", 3, 0}, {"Concat", 0xffffffff, 0}, {"Expand", 1, 0},
    {"Reshape", 1, 0}, {"Transpose", 1, 0}, {"Gather", 1, 0}, {"Identity", 1, 0}, {"Squeeze", 1, 0}, {"Unsqueeze", 1, 0}};

static whet_status find_parameters(onnx_reader *r)
{
    const onnx_nodes *nodes = &r->model->graph->node;
    for (size_t i = 0; i < nodes->n; i++) {
        const onnx_node *n = &nodes->v[i];
        const struct parameter_slots *slots = NULL;
        for (size_t k = 0; k < WHET_COUNT(parameter_slots) && n->op_type; k++)
            if (strcmp(n->op_type, parameter_slots[k].op) == 0) slots = &parameter_slots[k];
        for (size_t k = 0; slots && k < n->input.n && k < 32; k++) {
            bool statistic = slots->statistics >> k & 1;
            if (*n->input.v[k] && (statistic || slots->trainable >> k & 1))
                WHET_TRY(onnx_names_add(&r->parameters, n->input.v[k], !statistic, NULL));
        }
    }
    return WHET_OK;
}

static whet_status read_initializers(onnx_reader *r, onnx_scope *s)
{
    const onnx_tensors *list = &r->model->graph->initializer;
    for (size_t i = 0; i < list->n; i++) {
        const onnx_tensor *t = &list->v[i];
        whet_tensor tensor;
        whet_vid v = WHET_NO_VALUE;
        bool added = true;
        if (!t->name || !*t->name) return WHET_FAIL(WHET_EFORMAT, "initialiser %zu has no name", i);
        WHET_TRY(onnx_tensor_load(r, t, &tensor));
        int kind = onnx_names_get(&r->parameters, t->name, -1);
        bool variable = kind >= 0 && whet_dtype_is_float(tensor.dtype) && tensor.shape.rank > 0;
        whet_status status = variable ? whet_graph_variable(r->g, t->name, &tensor, kind == 1, &v) :
                                        whet_graph_const(r->g, t->name, &tensor, &v);
        whet_tensor_dispose(&tensor);
        if (status == WHET_OK) status = onnx_names_add(&s->values, t->name, v, &added);
        if (status == WHET_OK && !added) status = WHET_FAIL(WHET_EFORMAT, "two initialisers have the same name");
        if (status != WHET_OK) return at(status, t->name);
    }
    return WHET_OK;
}

static const char *type_text(const onnx_type *t)
{
    if (!t) return "none";
    return t->sequence.data ? "sequence" : t->map.data ? "map" : t->sparse.data ? "sparse tensor" : t->optional.data ? "optional" :
           t->tensor ? whet_onnx_dtype_name((int)t->tensor->elem_type) : "none";
}

/* Inputs of a type that whet has not: the node that would use it is named too. */
static whet_status refuse_type(const onnx_reader *r, const onnx_value *v)
{
    const onnx_nodes *nodes = &r->model->graph->node;
    for (size_t i = 0; i < nodes->n; i++)
        for (size_t k = 0; k < nodes->v[i].input.n; k++)
            if (strcmp(nodes->v[i].input.v[k], v->name) == 0)
                return at(WHET_FAIL(WHET_EUNSUPPORTED, "type %s of input '%s' of operator '%s' is not handled", type_text(v->type),
                                    v->name, nodes->v[i].op_type ? nodes->v[i].op_type : "?"), v->name);
    return at(WHET_FAIL(WHET_EUNSUPPORTED, "type %s of input '%s' is not handled (first operator '%s')", type_text(v->type), v->name,
                        first_operator(r->model->graph)), v->name);
}

static whet_status dims_of(onnx_reader *r, const onnx_value *v, whet_dims *d)
{
    const onnx_shape *s = v->type->tensor->shape;
    *d = (whet_dims){.rank = -1};
    if (!s) return WHET_OK;
    if (s->dim.n > WHET_MAX_RANK)
        return at(WHET_FAIL(WHET_EUNSUPPORTED, "'%s' has %zu dimensions, at most %d are handled", v->name, s->dim.n, WHET_MAX_RANK),
                  v->name);
    d->rank = (int)s->dim.n;
    for (int i = 0; i < d->rank; i++) {
        const onnx_dim *x = &s->dim.v[i];
        bool has_value = x->head.has & ONNX_DIM_HAS_VALUE;
        d->dims[i] = WHET_DIM_UNKNOWN;
        if (has_value && x->value >= 0) d->dims[i] = x->value;
        else if (x->param && *x->param) d->dims[i] = whet_graph_symbol(r->g, x->param);
    }
    return WHET_OK;
}

static whet_status read_inputs(onnx_reader *r, onnx_scope *s)
{
    const onnx_values *list = &r->model->graph->input;
    for (size_t i = 0; i < list->n; i++) {
        const onnx_value *v = &list->v[i];
        whet_vid id = WHET_NO_VALUE;
        whet_dims dims;
        bool added = true;
        if (!v->name || !*v->name) return WHET_FAIL(WHET_EFORMAT, "input %zu has no name", i);
        if (onnx_names_get(&s->values, v->name, -1) >= 0) {
            for (int k = 0; k < r->g->n_inputs; k++)
                if (strcmp(r->g->values[r->g->inputs[k]].name, v->name) == 0)
                    return at(WHET_FAIL(WHET_EFORMAT, "two inputs have the same name"), v->name);
            continue; /* an initialiser with a default that could be overridden: taken as the constant it is */
        }
        if (!v->type) return at(WHET_FAIL(WHET_EFORMAT, "input has no type"), v->name);
        whet_dtype t = v->type->tensor ? whet_dtype_from_onnx((int)v->type->tensor->elem_type) : WHET_DTYPE_NONE;
        if (t == WHET_DTYPE_NONE) return refuse_type(r, v);
        WHET_TRY(dims_of(r, v, &dims));
        WHET_TRY(whet_graph_input(r->g, v->name, t, &dims, &id));
        WHET_TRY(onnx_names_add(&s->values, v->name, id, &added));
    }
    return WHET_OK;
}

/* What the file says of an output must agree with what inference found. */
static whet_status check_output(onnx_reader *r, const onnx_value *v, whet_vid id)
{
    char said[160] = "", found[160] = "";
    const whet_value *value = &r->g->values[id];
    whet_dims d;
    if (!v->type || !v->type->tensor) return WHET_OK;
    whet_dtype t = whet_dtype_from_onnx((int)v->type->tensor->elem_type);
    if (v->type->tensor->elem_type != 0 && t != value->dtype)
        return at(WHET_FAIL(WHET_ESHAPE, "output '%s' is declared as %s, but is computed as %s", v->name, type_text(v->type),
                            whet_dtype_name(value->dtype)), v->name);
    WHET_TRY(dims_of(r, v, &d));
    bool fits = d.rank < 0 || value->dims.rank < 0 || d.rank == value->dims.rank;
    for (int i = 0; fits && i < d.rank && value->dims.rank >= 0; i++)
        fits = d.dims[i] < 0 || value->dims.dims[i] < 0 || d.dims[i] == value->dims.dims[i];
    if (fits) return WHET_OK;
    return at(WHET_FAIL(WHET_ESHAPE, "output '%s' is declared as %s, but is computed as %s", v->name,
                        whet_dims_text(r->g, &d, said, sizeof(said)), whet_dims_text(r->g, &value->dims, found, sizeof(found))),
              v->name);
}

static whet_status read_outputs(onnx_reader *r, const onnx_scope *s)
{
    const onnx_values *list = &r->model->graph->output;
    if (list->n == 0) return WHET_FAIL(WHET_EFORMAT, "the graph has no output");
    for (size_t i = 0; i < list->n; i++) {
        const onnx_value *v = &list->v[i];
        if (!v->name || !*v->name) return WHET_FAIL(WHET_EFORMAT, "output %zu has no name", i);
        whet_vid id = onnx_names_get(&s->values, v->name, WHET_NO_VALUE);
        if (id < 0) return at(WHET_FAIL(WHET_EFORMAT, "output '%s' is not computed by any node", v->name), v->name);
        WHET_TRY(check_output(r, v, id));
        WHET_TRY(whet_graph_output(r->g, id));
    }
    return WHET_OK;
}

static whet_status set_meta(whet_graph *g, const char *key, const char *value)
{
    return value && *value ? whet_graph_set_meta(g, key, value) : WHET_OK;
}

static whet_status read_meta(onnx_reader *r, int opset)
{
    const onnx_model *m = r->model;
    char text[32] = "";
    for (size_t i = 0; i < m->metadata_props.n; i++) {
        const onnx_pair *p = &m->metadata_props.v[i];
        if (!p->key || !*p->key) return WHET_FAIL(WHET_EFORMAT, "metadata entry %zu has no key", i);
        for (size_t k = 0; k < i; k++)
            if (strcmp(p->key, m->metadata_props.v[k].key) == 0)
                return WHET_FAIL(WHET_EFORMAT, "metadata key '%.80s' stands twice", p->key);
        WHET_TRY(whet_graph_set_meta(r->g, p->key, p->value ? p->value : ""));
    }
    snprintf(text, sizeof(text), "%d", opset);
    WHET_TRY(set_meta(r->g, ONNX_META_OPSET, text));
    snprintf(text, sizeof(text), "%lld", (long long)m->ir_version);
    WHET_TRY(set_meta(r->g, ONNX_META_IR, text));
    WHET_TRY(set_meta(r->g, ONNX_META_PRODUCER, m->producer_name));
    WHET_TRY(set_meta(r->g, ONNX_META_PRODUCER_VERSION, m->producer_version));
    return set_meta(r->g, ONNX_META_DOC, m->graph->doc_string && *m->graph->doc_string ? m->graph->doc_string : m->doc_string);
}

/* What an operator was expanded to takes over the operator's name and its result's, in the place of an Identity. Names are
 * exchanged, so that they stay unique; pruning indexes them again. */
static whet_status take_names(onnx_reader *r)
{
    whet_graph *g = r->g;
    whet_vid *moved = whet_calloc((size_t)g->n_values + 1, sizeof(*moved));
    bool *renamed = whet_calloc((size_t)g->n_values + 1, sizeof(*renamed));
    if (!moved || !renamed) {
        whet_free(moved);
        whet_free(renamed);
        return WHET_ENOMEM;
    }
    for (int v = 0; v < g->n_values; v++) moved[v] = v;
    for (size_t i = 0; i < r->n_named; i++) {
        whet_node *id = &g->nodes[r->named[i]], *made = NULL;
        const whet_vid from = id->out[0], to = id->in[0];
        if (g->values[to].producer < 0 || renamed[to]) continue; /* one name each */
        made = &g->nodes[g->values[to].producer];
        const char *value = g->values[to].name, *node = made->name;
        renamed[to] = true;
        g->values[to].name = g->values[from].name;
        g->values[from].name = value;
        if (g->values[to].producer_output == 0) {
            made->name = id->name;
            id->name = node;
        }
        moved[from] = to;
    }
    for (int n = 0; n < g->n_nodes; n++)
        for (int k = 0; g->nodes[n].op && k < g->nodes[n].n_in; k++)
            if (g->nodes[n].in[k] >= 0) g->nodes[n].in[k] = moved[g->nodes[n].in[k]];
    for (int i = 0; i < g->n_outputs; i++) g->outputs[i] = moved[g->outputs[i]];
    for (int i = 0; i < g->n_commits; i++) g->commits[i].src = moved[g->commits[i].src];
    whet_free(moved);
    whet_free(renamed);
    return whet_graph_prune(g);
}

static whet_status build(onnx_reader *r, onnx_scope *s)
{
    WHET_TRY(check_versions(r->model, &s->opset));
    const onnx_graph *og = r->model->graph;
    if (og->initializer.n > ONNX_MAX_NODES || og->input.n > ONNX_MAX_NODES || og->output.n > ONNX_MAX_ARITY)
        return WHET_FAIL(WHET_ENOMEM, "too many initialisers, inputs or outputs");
    WHET_TRY(whet_graph_create(&r->g, og->name && *og->name ? og->name : "graph"));
    if (r->opt.parameters_as_variables) WHET_TRY(find_parameters(r));
    WHET_TRY(read_initializers(r, s));
    WHET_TRY(read_inputs(r, s));
    WHET_TRY(onnx_nodes_convert(r, s, &og->node));
    WHET_TRY(read_outputs(r, s));
    WHET_TRY(read_meta(r, s->opset));
    if (r->n_named > 0) WHET_TRY(take_names(r));
    else if (r->n_wide > 0) WHET_TRY(whet_graph_prune(r->g)); /* 16-bit values that nothing reads */
    return whet_graph_verify(r->g);
}

static whet_status read_bytes(whet_graph **out, const void *data, size_t size, whet_mapped *pin, const char *name, const char *dir,
                              const whet_onnx_read_options *opt)
{
    onnx_reader r = {.file = name ? name : "", .dir = dir, .pin = pin};
    onnx_scope s = {.prefix = ""};
    onnx_model model;
    whet_status status = WHET_ENOMEM;
    memset(&model, 0, sizeof(model));
    whet_onnx_read_options_init(&r.opt);
    if (opt) memcpy(&r.opt, opt, WHET_MIN(opt->size, sizeof(r.opt)));
    r.model = &model;
    r.arena = whet_arena_create();
    if (!r.arena) goto done;
    WHET_GOTO(whet_pb_decode(&onnx_model_message, data, size, r.file, r.arena, &model));
    status = whet_error_of_file(build(&r, &s)); /* an operator's bad attribute too */
done:
    if (status != WHET_OK && *r.file) whet_error_at_file(r.file);
    onnx_files_close(&r);
    whet_free(r.wide);
    whet_free(r.named);
    onnx_names_dispose(&r.parameters);
    onnx_names_dispose(&s.values);
    whet_arena_free(r.arena);
    if (status != WHET_OK) {
        whet_graph_free(r.g);
        r.g = NULL;
    }
    *out = r.g;
    return status;
}

whet_status whet_onnx_read_mem(whet_graph **out, const void *data, size_t size, const char *name, const char *dir,
                               const whet_onnx_read_options *opt)
{
    *out = NULL;
    return read_bytes(out, data, size, NULL, name, dir, opt);
}

whet_status whet_onnx_read(whet_graph **out, const char *path, const whet_onnx_read_options *opt)
{
    whet_map *map = NULL;
    whet_mapped *pin = NULL;
    *out = NULL;
    WHET_TRY(whet_map_open(&map, path));
    WHET_TRY(whet_mapped_file(&pin, map));
    size_t dir_size = (size_t)(whet_path_base(path) - path);
    char *dir = dir_size ? whet_strndup(path, dir_size) : whet_strdup("./");
    whet_status status = dir ? read_bytes(out, whet_map_data(map), whet_map_size(map), pin, path, dir, opt) : WHET_ENOMEM;
    whet_free(dir);
    whet_mapped_unref(pin);
    return status;
}
