/* SPDX-License-Identifier: Apache-2.0 */
/* `whet_model_inspect`: what a graph is, and what the engine would make of it. Its text stands in api_inspect_text.c. */
#include <string.h>

#include "api/inspect_parts.h"
#include "api/model_handle.h"
#include "api/result.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "base/threads.h"
#include "convert/targets.h"
#include "data/contract.h"
#include "exec/exec.h"
#include "exec/exec_tune.h"
#include "ir/op.h"
#include "passes/lower.h"
#include "passes/passes.h"
#include "wire/json.h"

void whet_model_inspect_options_init(whet_model_inspect_options *o) { *o = (whet_model_inspect_options){.size = sizeof(*o)}; }

static json_t *value_json(const whet_graph *g, whet_vid v)
{
    char text[160];
    const whet_value *x = &g->values[v];
    return json_pack("{s:s, s:s, s:s}", "name", x->name, "dtype", whet_dtype_name(x->dtype), "shape",
                     whet_dims_text(g, &x->dims, text, sizeof(text)));
}

static json_t *values_json(const whet_graph *g, const whet_vid *list, int n)
{
    json_t *a = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(a, value_json(g, list[i]));
    return a;
}

static json_t *operators_json(const whet_graph *g)
{
    char text[128];
    json_t *counts = json_object();
    for (int i = 0; i < g->n_nodes; i++) {
        if (!g->nodes[i].op) continue;
        const char *op = whet_op_text(g->nodes[i].op, text, sizeof(text));
        json_object_set_new(counts, op, json_integer(json_integer_value(json_object_get(counts, op)) + 1));
    }
    return counts;
}

static void concrete(const whet_graph *g, int batch, whet_shape *shapes)
{
    for (int i = 0; i < g->n_inputs; i++) {
        const whet_dims *d = &g->values[g->inputs[i]].dims;
        shapes[i].rank = WHET_MAX(d->rank, 0);
        for (int k = 0; k < shapes[i].rank; k++) shapes[i].dims[k] = d->dims[k] >= 0 ? d->dims[k] : batch;
    }
}

/* Bytes of an output; free dimensions count once. */
static int64_t value_bytes(const whet_value *v)
{
    int64_t n = 1;
    for (int d = 0; d < v->dims.rank; d++) n *= v->dims.dims[d] > 0 ? v->dims.dims[d] : 1;
    return v->dims.rank < 0 ? 0 : (n * whet_dtype_bits(v->dtype) + 7) / 8;
}

static json_t *node_json(const whet_graph *g, const whet_node *n)
{
    char text[160];
    json_t *in = json_array(), *o = NULL;
    int64_t weights = 0, params = 0, out = 0;
    for (int k = 0; k < n->n_in; k++) {
        const whet_value *v = n->in[k] >= 0 ? &g->values[n->in[k]] : NULL;
        json_array_append_new(in, json_string(v ? v->name : ""));
        if (!v || !v->data.buffer) continue;
        weights += (int64_t)whet_tensor_bytes(&v->data);
        if (v->dtype != WHET_S64) params += whet_tensor_numel(&v->data);
    }
    for (int k = 0; k < n->n_out; k++) out += n->out[k] >= 0 ? value_bytes(&g->values[n->out[k]]) : 0;
    o = json_pack("{s:s, s:o, s:s, s:I, s:I, s:I, s:I}", "name", n->name, "inputs", in, "op", whet_op_text(n->op, text, sizeof(text)), "params",
                  (json_int_t)params, "macs", (json_int_t)whet_facts_node_macs(g, n), "weight_bytes", (json_int_t)weights, "output_bytes",
                  (json_int_t)out);
    if (n->n_out > 0 && n->out[0] >= 0) json_object_set_new(o, "output", value_json(g, n->out[0]));
    return o;
}

/* With the sizes of this batch, where the graph takes it. */
static json_t *nodes_json(const whet_graph *g, int batch)
{
    json_t *list = json_array();
    whet_graph *bound = NULL;
    whet_shape *shapes = whet_calloc((size_t)g->n_inputs + 1, sizeof(*shapes));
    if (shapes && batch > 0 && whet_graph_clone(&bound, g) == WHET_OK) {
        concrete(bound, batch, shapes);
        if (whet_graph_bind_shapes(bound, bound->n_inputs, shapes) == WHET_OK) g = bound;
    }
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].op) json_array_append_new(list, node_json(g, &g->nodes[i]));
    whet_free(shapes);
    whet_graph_free(bound);
    return list;
}

/* Scale and zero point of each QuantizeLinear and DequantizeLinear, as far as they are constants. */
static json_t *quantisation_json(const whet_graph *g)
{
    json_t *list = json_array();
    for (int i = 0; i < g->n_nodes; i++) {
        const whet_node *n = &g->nodes[i];
        const bool q = whet_node_is(n, "QuantizeLinear");
        if (!q && !whet_node_is(n, "DequantizeLinear")) continue;
        const whet_value *v = &g->values[q ? n->out[0] : n->in[0]];
        const whet_tensor *scale = whet_graph_const_data(g, n->in[1]), *zero = n->n_in > 2 && n->in[2] >= 0 ? whet_graph_const_data(g, n->in[2]) : NULL;
        json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:b}", "node", n->name, "op", n->op->name, "tensor", v->name, "dtype", whet_dtype_name(v->dtype),
                              "weights", v->kind == WHET_VALUE_CONST || v->kind == WHET_VALUE_VARIABLE);
        const int64_t count = scale ? whet_tensor_numel(scale) : 0, zeros = zero ? whet_tensor_numel(zero) : 0;
        double low = 0, high = 0;
        int64_t least = 0, most = 0;
        for (int64_t k = 0; k < count; k++) {
            const double x = whet_tensor_get_f64(scale, k);
            low = k == 0 || x < low ? x : low;
            high = k == 0 || x > high ? x : high;
        }
        for (int64_t k = 0; k < zeros; k++) {
            const int64_t x = whet_tensor_get_s64(zero, k);
            least = k == 0 || x < least ? x : least;
            most = k == 0 || x > most ? x : most;
        }
        if (scale) json_object_set_new(o, "scale", json_pack("[f, f]", low, high));
        json_object_set_new(o, "zero_point", json_pack("[I, I]", (json_int_t)least, (json_int_t)most));
        json_object_set_new(o, "channels", json_integer((json_int_t)WHET_MAX(count, 1)));
        if (count > 1) json_object_set_new(o, "axis", json_integer((json_int_t)whet_node_int(n, "axis", 1)));
        json_array_append_new(list, o);
    }
    return list;
}

static void add_meta(json_t *doc, const whet_graph *g)
{
    json_t *meta = json_object();
    for (int i = 0; i < g->n_meta; i++)
        if (strcmp(g->meta[i].key, WHET_CONTRACT_META) != 0)
            json_object_set_new(meta, g->meta[i].key, json_string(g->meta[i].value));
    json_object_set_new(doc, "metadata", meta);
}

whet_status inspect_add_contract(json_t *doc, const char *text)
{
    char line[300];
    whet_contract c;
    json_t *value = NULL;
    if (!text) {
        json_object_set_new(doc, "contract", json_null());
        return WHET_OK;
    }
    whet_contract_init(&c);
    whet_status status = whet_contract_from_json(&c, text);
    if (status == WHET_OK) {
        json_object_set_new(doc, "contract_text", json_string(whet_contract_text(&c, line, sizeof(line))));
        status = whet_json_parse(&value, text, strlen(text), "");
        json_object_set_new(doc, "contract", value);
    }
    whet_contract_dispose(&c);
    return status;
}

static int64_t region_bytes(const whet_graph *g, whet_value_kind kind)
{
    int64_t n = 0;
    for (int i = 0; i < g->n_values; i++)
        if (g->values[i].kind == kind) n += (int64_t)whet_tensor_bytes(&g->values[i].data);
    return n;
}

/* Puts JSON that stands as text into the document; frees the text. */
static whet_status put_text(json_t *doc, const char *key, char *text)
{
    json_t *value = NULL;
    const whet_status status = whet_json_parse(&value, text, strlen(text), "");
    whet_free(text);
    if (status == WHET_OK) json_object_set_new(doc, key, value);
    return status;
}

/* Binds the model as `run` and `bench` would. A model that cannot be bound keeps its description; the reason is told. */
static whet_status add_plan(json_t *doc, const whet_graph *g, const whet_model_inspect_options *o)
{
    whet_exec_options eo;
    whet_pass_options po;
    whet_graph *copy = NULL;
    whet_exec *e = NULL;
    whet_plan *p = NULL;
    char *text = NULL;
    uint32_t mask = 0;
    whet_tuning *tuning = NULL;
    whet_shape *shapes = whet_calloc((size_t)g->n_inputs + 1, sizeof(*shapes));
    whet_status status = shapes ? WHET_OK : WHET_ENOMEM;
    whet_exec_options_init(&eo);
    whet_pass_options_init(&po);
    if (!shapes) goto done;
    if (o->isa) WHET_GOTO(whet_isa_parse(o->isa, &mask));
    if (o->isa) eo.isa &= mask;
    WHET_GOTO(whet_team_create(&eo.team, o->threads));
    WHET_GOTO(whet_graph_clone(&copy, g));
    po.freeze = true;
    eo.lower = whet_passes_lower;
    eo.passes = true;
    status = whet_passes_run(copy, &po, NULL);
    concrete(copy, o->batch > 0 ? o->batch : 1, shapes);
    if (o->tune) WHET_GOTO(whet_tuning_open(&tuning, NULL));
    if (status == WHET_OK && tuning) status = whet_tuning_graph(tuning, copy, &eo, copy->n_inputs, shapes, false);
    eo.tuning = tuning;
    if (status == WHET_OK) status = whet_exec_create(&e, copy, &eo);
    if (status == WHET_OK) status = whet_exec_plan(e, copy->n_inputs, shapes, &p);
    if (status != WHET_OK) {
        json_object_set_new(doc, "plan", json_null());
        json_object_set_new(doc, "plan_na", json_string(whet_error_message()));
        status = WHET_OK;
        goto done;
    }
    json_object_set_new(doc, "plan", json_pack("{s:i, s:I, s:I, s:I, s:i, s:s}", "batch", o->batch > 0 ? o->batch : 1, "constants",
                                               (json_int_t)region_bytes(copy, WHET_VALUE_CONST), "variables",
                                               (json_int_t)region_bytes(copy, WHET_VALUE_VARIABLE), "arena",
                                               (json_int_t)whet_plan_arena_bytes(p), "threads", whet_team_size(eo.team), "isa",
                                               whet_isa_name(eo.isa)));
    if (tuning) {
        WHET_GOTO(whet_tuning_json(tuning, &text));
        WHET_GOTO(put_text(doc, "tuning", text));
    }
    if (o->kernels) {
        WHET_GOTO(whet_plan_describe(p, &text));
        WHET_GOTO(put_text(doc, "kernels", text));
    }
done:
    whet_free(shapes);
    whet_exec_free(e);
    whet_tuning_free(tuning);
    whet_graph_free(copy);
    whet_team_free(eo.team);
    return status;
}

whet_status inspect_graph(whet_result **out, const char *path, const char *format, const char *title, const whet_graph *g,
                                 const whet_facts *facts, const whet_model_inspect_options *o)
{
    json_t *judged = NULL, *quantised = NULL;
    json_t *doc = json_pack("{s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:o, s:o, s:o}", "path", path, "format", title, "bytes",
                            (json_int_t)facts->size, "sha256", facts->sha256, "precision", facts->precision, "params", (json_int_t)facts->params,
                            "macs", (json_int_t)facts->macs, "inputs", values_json(g, g->inputs, g->n_inputs), "outputs",
                            values_json(g, g->outputs, g->n_outputs), "operators", operators_json(g));
    whet_status status = doc ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "out of memory");
    if (status != WHET_OK) return status;
    WHET_GOTO(inspect_add_contract(doc, whet_graph_get_meta(g, WHET_CONTRACT_META)));
    add_meta(doc, g);
    quantised = quantisation_json(g);
    if (json_array_size(quantised) > 0) json_object_set(doc, "quantisation", quantised);
    WHET_GOTO(add_plan(doc, g, o));
    if (o->nodes) json_object_set_new(doc, "nodes", nodes_json(g, o->batch > 0 ? o->batch : 1));
    if (o->target) {
        WHET_GOTO(whet_target_judge(&judged, g, format, o->target));
        json_object_set_new(doc, "target", judged);
    }
    status = whet_result_make(out, "inspect", json_incref(doc), 0, inspect_render);
done:
    json_decref(quantised);
    json_decref(doc);
    return status;
}

whet_model_inspect_options inspect_settle(const whet_model_inspect_options *opt)
{
    whet_model_inspect_options o;
    whet_model_inspect_options_init(&o);
    if (opt) memcpy(&o, opt, WHET_MIN(opt->size, sizeof(o)));
    return o;
}

whet_status whet_model_inspect(const whet_model *m, const whet_model_inspect_options *opt, whet_result **out)
{
    WHET_NUMBERS_WITH_POINT;
    const whet_model_inspect_options o = inspect_settle(opt);
    whet_facts facts;
    *out = NULL;
    if (!m) return WHET_FAIL(WHET_EINVAL, "no model is given");
    WHET_TRY(whet_facts_read(&facts, m->path));
    const whet_status status = inspect_graph(out, m->path, m->format, m->format_title, m->g, &facts, &o);
    whet_facts_dispose(&facts);
    return status;
}
