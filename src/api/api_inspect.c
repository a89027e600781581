/* SPDX-License-Identifier: Apache-2.0 */
/* `whet_model_inspect`: what a model file is, and what the engine would make of it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/model_handle.h"
#include "api/result.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/threads.h"
#include "data/contract.h"
#include "exec/exec.h"
#include "exec/exec_tune.h"
#include "ir/op.h"
#include "measure/facts.h"
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

static json_t *nodes_json(const whet_graph *g)
{
    char text[160];
    json_t *list = json_array();
    for (int i = 0; i < g->n_nodes; i++) {
        const whet_node *n = &g->nodes[i];
        if (!n->op) continue;
        whet_vid y = n->n_out > 0 ? n->out[0] : WHET_NO_VALUE;
        json_t *in = json_array();
        for (int k = 0; k < n->n_in; k++)
            json_array_append_new(in, json_string(n->in[k] >= 0 ? g->values[n->in[k]].name : ""));
        json_t *o = json_pack("{s:s, s:o}", "name", n->name, "inputs", in);
        json_object_set_new(o, "op", json_string(whet_op_text(n->op, text, sizeof(text))));
        if (y >= 0) json_object_set_new(o, "output", value_json(g, y));
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

static whet_status add_contract(json_t *doc, const whet_graph *g)
{
    const char *text = whet_graph_get_meta(g, WHET_CONTRACT_META);
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

static void concrete(const whet_graph *g, int batch, whet_shape *shapes)
{
    for (int i = 0; i < g->n_inputs; i++) {
        const whet_dims *d = &g->values[g->inputs[i]].dims;
        shapes[i].rank = WHET_MAX(d->rank, 0);
        for (int k = 0; k < shapes[i].rank; k++) shapes[i].dims[k] = d->dims[k] >= 0 ? d->dims[k] : batch;
    }
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
        json_t *tuned = NULL;
        WHET_GOTO(whet_tuning_json(tuning, &text));
        WHET_GOTO(whet_json_parse(&tuned, text, strlen(text), ""));
        json_object_set_new(doc, "tuning", tuned);
        whet_free(text);
        text = NULL;
    }
    if (o->kernels) {
        json_t *list = NULL;
        WHET_GOTO(whet_plan_describe(p, &text));
        WHET_GOTO(whet_json_parse(&list, text, strlen(text), ""));
        json_object_set_new(doc, "kernels", list);
    }
done:
    whet_free(text);
    whet_free(shapes);
    whet_exec_free(e);
    whet_tuning_free(tuning);
    whet_graph_free(copy);
    whet_team_free(eo.team);
    return status;
}

/* --- text */
static void put_values(whet_strbuf *out, const char *title, const json_t *list)
{
    const json_t *v = NULL;
    size_t i = 0;
    json_array_foreach(list, i, v)
        whet_strbuf_printf(out, "%-11s %s  %s %s\n", i ? "" : title, whet_json_str(v, "name"), whet_json_str(v, "dtype"), whet_json_str(v, "shape"));
}

static void put_wrapped(whet_strbuf *out, int width, const char *title, const json_t *counts)
{
    const char *op = NULL;
    json_t *n = NULL;
    int at = 0;
    whet_strbuf_printf(out, "%-11s", title);
    json_object_foreach((json_t *)counts, op, n) {
        char item[160];
        int len = snprintf(item, sizeof(item), " %s %lld", op, (long long)json_integer_value(n));
        if (at > 0 && 11 + at + len + 1 > width) {
            whet_strbuf_printf(out, ",\n%-11s", "");
            at = 0;
        }
        whet_strbuf_printf(out, "%s%s", at > 0 ? "," : "", item);
        at += len + (at > 0);
    }
    whet_strbuf_puts(out, "\n");
}

/* Broken at blanks, or where a word alone is too long; what follows stands further in. */
static WHET_PRINTF(4, 5) void put_line(whet_strbuf *out, int width, const char *indent, const char *fmt, ...)
{
    char text[700];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    const char *at = text, *more = "";
    for (;;) {
        const size_t room = (size_t)width - strlen(indent) - strlen(more);
        size_t n = strlen(at);
        if (n > room) {
            n = room;
            while (n > 0 && at[n] != ' ') n--;
            if (n == 0) n = room;
        }
        whet_strbuf_printf(out, "%s%s%.*s\n", indent, more, (int)n, at);
        at += n;
        while (*at == ' ') at++;
        if (*at == '\0') return;
        more = "    ";
    }
}

static void put_kernels(whet_strbuf *out, int width, bool color, const json_t *list)
{
    static const char *const titles[] = {"node", "operator", "kernel", "output"};
    size_t n = json_array_size(list);
    const char **cells = whet_calloc(n * 4 + 1, sizeof(*cells));
    for (size_t i = 0; cells && i < n; i++) {
        const json_t *k = json_array_get(list, i);
        cells[4 * i] = whet_json_str(k, "node");
        cells[4 * i + 1] = whet_json_str(k, "op");
        cells[4 * i + 2] = whet_json_str(k, "kernel");
        cells[4 * i + 3] = whet_json_str(k, "shape");
    }
    whet_strbuf_puts(out, "\n");
    if (cells) whet_render_table(out, width, color, 4, titles, "llll", (int)n, cells);
    whet_free(cells);
    whet_strbuf_puts(out, "\n");
    for (size_t i = 0; i < n; i++) {
        const json_t *k = json_array_get(list, i), *r = NULL;
        size_t m = 0;
        put_line(out, width, "", "%s: %s, %s", whet_json_str(k, "node"), whet_json_str(k, "kernel"), whet_json_str(k, "reason"));
        json_array_foreach(json_object_get(k, "refused"), m, r)
            put_line(out, width, "    ", "not %s: %s", whet_json_str(r, "kernel"), whet_json_str(r, "reason"));
    }
}

static void put_nodes(whet_strbuf *out, int width, bool color, const json_t *list)
{
    static const char *const titles[] = {"node", "operator", "type", "output"};
    size_t n = json_array_size(list);
    const char **cells = whet_calloc(n * 4 + 1, sizeof(*cells));
    for (size_t i = 0; cells && i < n; i++) {
        const json_t *k = json_array_get(list, i), *y = json_object_get(k, "output");
        cells[4 * i] = whet_json_str(k, "name");
        cells[4 * i + 1] = whet_json_str(k, "op");
        cells[4 * i + 2] = whet_json_str(y, "dtype");
        cells[4 * i + 3] = whet_json_str(y, "shape");
    }
    whet_strbuf_puts(out, "\n");
    if (cells) whet_render_table(out, width, color, 4, titles, "llll", (int)n, cells);
    whet_free(cells);
}

static void render(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *plan = json_object_get(doc, "plan"), *meta = json_object_get(doc, "metadata");
    const char *key = NULL;
    json_t *v = NULL;
    char a[32], b[32], c[32];
    whet_render_bold(out, color, whet_json_str(doc, "path"));
    whet_strbuf_printf(out, "  %s, opset %s, %s\n", whet_json_str(doc, "format"), whet_json_str(meta, "onnx.opset"),
                       whet_render_bytes(a, sizeof(a), (double)json_integer_value(json_object_get(doc, "bytes"))));
    put_values(out, "input", json_object_get(doc, "inputs"));
    put_values(out, "output", json_object_get(doc, "outputs"));
    whet_strbuf_printf(out, "%-11s %s\n", "parameters", whet_render_count(a, sizeof(a), json_integer_value(json_object_get(doc, "params"))));
    whet_strbuf_printf(out, "%-11s %s a sample\n", "MACs", whet_render_count(a, sizeof(a), json_integer_value(json_object_get(doc, "macs"))));
    put_wrapped(out, width, "operators", json_object_get(doc, "operators"));
    if (json_is_object(plan))
        whet_strbuf_printf(out, "%-11s constants %s, variables %s, arena %s (batch %lld, %s)\n", "memory",
                           whet_render_bytes(a, sizeof(a), (double)json_integer_value(json_object_get(plan, "constants"))),
                           whet_render_bytes(b, sizeof(b), (double)json_integer_value(json_object_get(plan, "variables"))),
                           whet_render_bytes(c, sizeof(c), (double)json_integer_value(json_object_get(plan, "arena"))),
                           (long long)json_integer_value(json_object_get(plan, "batch")), whet_json_str(plan, "isa"));
    else whet_strbuf_printf(out, "%-11s n/a: %s\n", "memory", whet_json_str(doc, "plan_na"));
    whet_strbuf_printf(out, "%-11s %s\n", "contract", json_is_object(json_object_get(doc, "contract")) ? whet_json_str(doc, "contract_text") :
                       "none in the file (see `whet contract find`)");
    json_object_foreach((json_t *)meta, key, v) whet_strbuf_printf(out, "%-11s %s = %s\n", "metadata", key, json_string_value(v));
    if (json_object_get(doc, "nodes")) put_nodes(out, width, color, json_object_get(doc, "nodes"));
    if (json_object_get(doc, "kernels")) put_kernels(out, width, color, json_object_get(doc, "kernels"));
}

whet_status whet_model_inspect(const whet_model *m, const whet_model_inspect_options *opt, whet_result **out)
{
    whet_model_inspect_options o;
    whet_facts facts;
    json_t *doc = NULL;
    whet_status status = WHET_OK;
    *out = NULL;
    memset(&facts, 0, sizeof(facts));
    if (!m) return WHET_FAIL(WHET_EINVAL, "no model is given");
    whet_model_inspect_options_init(&o);
    if (opt) memcpy(&o, opt, WHET_MIN(opt->size, sizeof(o)));
    WHET_TRY(whet_facts_read(&facts, m->path));
    doc = json_pack("{s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:o, s:o, s:o}", "path", m->path, "format", m->format_title, "bytes",
                    (json_int_t)facts.size, "sha256", facts.sha256, "precision", facts.precision, "params", (json_int_t)facts.params,
                    "macs", (json_int_t)facts.macs, "inputs", values_json(m->g, m->g->inputs, m->g->n_inputs), "outputs",
                    values_json(m->g, m->g->outputs, m->g->n_outputs), "operators", operators_json(m->g));
    if (!doc) WHET_GOTO(WHET_FAIL(WHET_ENOMEM, "out of memory"));
    WHET_GOTO(add_contract(doc, m->g));
    add_meta(doc, m->g);
    WHET_GOTO(add_plan(doc, m->g, &o));
    if (o.nodes) json_object_set_new(doc, "nodes", nodes_json(m->g));
    status = whet_result_make(out, "inspect", json_incref(doc), 0, render);
done:
    json_decref(doc);
    whet_facts_dispose(&facts);
    return status;
}
