/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting: a value becomes an input (its node and all before it fall away) or an output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/spelling.h"
#include "convert/convert_private.h"
#include "data/contract.h"

static whet_status unknown(const whet_graph *g, const char *option, const char *name)
{
    whet_spelling s = {.word = name};
    for (int n = 0; n < g->n_nodes; n++)
        if (g->nodes[n].op) whet_spelling_offer(&s, g->nodes[n].name);
    for (int v = 0; v < g->n_values; v++)
        if (g->values[v].kind == WHET_VALUE_RESULT || g->values[v].kind == WHET_VALUE_INPUT) whet_spelling_offer(&s, g->values[v].name);
    return WHET_FAIL(WHET_EINVAL, "%s: there is no value or node '%s'%s%s%s; `whet inspect MODEL --nodes` lists them", option, name,
                     s.nearest ? ", did you mean '" : "", s.nearest ? s.nearest : "", s.nearest ? "'?" : "");
}

static whet_vid resolve_exactly(const whet_graph *g, const char *name)
{
    const whet_vid v = whet_graph_find(g, name);
    const whet_nid n = v < 0 ? whet_graph_find_node(g, name) : WHET_NO_NODE;
    return n >= 0 && g->nodes[n].op && g->nodes[n].n_out > 0 ? g->nodes[n].out[0] : v;
}

/* A value, or the first output of a node, which TensorFlow spells NAME:0. */
static whet_vid resolve(const whet_graph *g, const char *name)
{
    char node[512];
    const size_t n = strlen(name);
    const whet_vid v = resolve_exactly(g, name);
    if (v >= 0 || n < 3 || n >= sizeof(node) || strcmp(name + n - 2, ":0") != 0) return v;
    snprintf(node, sizeof(node), "%.*s", (int)(n - 2), name);
    return resolve_exactly(g, node);
}

/* "1x3x224x224"; N or ? is free. */
static bool parse_dims(whet_graph *g, const char *text, whet_dims *d)
{
    *d = (whet_dims){.rank = 0};
    for (const char *p = text; *p;) {
        char *end = NULL;
        if (d->rank == WHET_MAX_RANK) return false;
        if (*p == 'N' || *p == '?') {
            d->dims[d->rank++] = *p == 'N' ? whet_graph_symbol(g, "N") : WHET_DIM_UNKNOWN;
            end = (char *)(uintptr_t)p + 1;
        } else {
            const long long n = *p >= '0' && *p <= '9' ? strtoll(p, &end, 10) : -1;
            if (n < 1 || n > INT32_MAX) return false;
            d->dims[d->rank++] = n;
        }
        if (*end != '\0' && (*end != 'x' || end[1] == '\0')) return false;
        p = *end ? end + 1 : end;
    }
    return d->rank > 0;
}

/* A colon may belong to the name. */
static whet_status parse(whet_graph *g, const char *text, whet_vid *v, whet_dims *dims, bool *shaped)
{
    const char *colon = strrchr(text, ':');
    char name[512];
    *shaped = false;
    *v = resolve(g, text);
    if (*v >= 0) return WHET_OK;
    *shaped = colon && parse_dims(g, colon + 1, dims);
    snprintf(name, sizeof(name), "%.*s", *shaped ? (int)(colon - text) : (int)strlen(text), text);
    *v = resolve(g, name);
    if (*v < 0 && colon && !*shaped && (colon[1] == '\0' || strchr("0123456789N?x", colon[1]))) {
        snprintf(name, sizeof(name), "%.*s", (int)(colon - text), text);
        if (resolve(g, name) >= 0)
            return WHET_FAIL(WHET_EINVAL, "--cut-input %s: '%s' is no shape; write it as 1x3x224x224, N for a free size", name, colon + 1);
    }
    return *v >= 0 ? WHET_OK : unknown(g, "--cut-input", name);
}

static bool fits(const whet_dims *have, const whet_dims *want)
{
    if (have->rank < 0) return true;
    if (have->rank != want->rank) return false;
    for (int i = 0; i < have->rank; i++)
        if (have->dims[i] >= 0 && want->dims[i] >= 0 && have->dims[i] != want->dims[i]) return false;
    return true;
}

/* The new input takes the value's name; what made the value loses it. */
static whet_status make_input(whet_graph *g, whet_vid v, const whet_dims *dims, whet_convert_report *report)
{
    char name[512], old[560];
    whet_vid in = WHET_NO_VALUE;
    const whet_dtype t = g->values[v].dtype;
    snprintf(name, sizeof(name), "%s", g->values[v].name);
    do {
        snprintf(old, sizeof(old), "%s/cut%d", name, g->n_values);
    } while (whet_graph_find(g, old) >= 0);
    WHET_TRY(whet_graph_rename(g, v, old));
    WHET_TRY(whet_graph_input(g, name, t, dims, &in));
    whet_graph_replace_uses(g, v, in);
    convert_remark(report, "input '%s' stands where the graph was cut", name);
    return WHET_OK;
}

static whet_status cut_input(whet_graph *g, const char *text, whet_convert_report *report)
{
    whet_vid v = WHET_NO_VALUE;
    whet_dims dims;
    char a[160], b[160];
    bool shaped = false;
    WHET_TRY(parse(g, text, &v, &dims, &shaped));
    const whet_value *x = &g->values[v];
    if (x->kind == WHET_VALUE_CONST || x->kind == WHET_VALUE_VARIABLE)
        return WHET_FAIL(WHET_EINVAL, "--cut-input %s: that is a constant, not something the graph computes", x->name);
    if (shaped && !fits(&x->dims, &dims))
        return WHET_FAIL(WHET_EINVAL, "--cut-input %s: the graph has %s there, not %s", x->name, whet_dims_text(g, &x->dims, a, sizeof(a)),
                         whet_dims_text(g, &dims, b, sizeof(b)));
    if (!shaped) dims = x->dims;
    if (dims.rank < 0) return WHET_FAIL(WHET_EINVAL, "--cut-input %s: its shape is not known, give it behind a colon: %s:1x3x224x224", x->name, x->name);
    if (x->kind != WHET_VALUE_INPUT) return make_input(g, v, &dims, report);
    g->values[v].dims = dims;
    return WHET_OK;
}

static bool needed(const whet_graph *g, whet_vid v)
{
    if (whet_graph_is_output(g, v)) return true;
    for (int n = 0; n < g->n_nodes; n++)
        for (int i = 0; g->nodes[n].op && i < g->nodes[n].n_in; i++)
            if (g->nodes[n].in[i] == v) return true;
    return false;
}

static whet_status drop_inputs(whet_graph *g, whet_convert_report *report)
{
    const whet_vid first = g->n_inputs > 0 ? g->inputs[0] : WHET_NO_VALUE;
    int n = 0;
    for (int i = 0; i < g->n_inputs; i++) {
        if (needed(g, g->inputs[i])) g->inputs[n++] = g->inputs[i];
        else convert_remark(report, "input '%s' is cut away", g->values[g->inputs[i]].name);
    }
    g->n_inputs = n;
    if (n > 0 && g->inputs[0] == first) return WHET_OK;
    if (whet_graph_get_meta(g, WHET_CONTRACT_META)) convert_remark(report, "the preprocessing contract went with its input");
    return whet_graph_set_meta(g, WHET_CONTRACT_META, NULL);
}

whet_status whet_convert_cut(whet_graph *g, int n_inputs, const char *const *inputs, int n_outputs, const char *const *outputs,
                             whet_convert_report *report)
{
    convert_nodes before = {0};
    whet_vid *list = whet_calloc((size_t)n_outputs + 1, sizeof(*list));
    whet_status status = list ? WHET_OK : WHET_ENOMEM;
    if (!list) return status;
    for (int i = 0; i < n_outputs; i++) {
        list[i] = resolve(g, outputs[i]);
        if (list[i] < 0) WHET_GOTO(unknown(g, "--cut-output", outputs[i]));
        if (g->values[list[i]].kind != WHET_VALUE_RESULT)
            WHET_GOTO(WHET_FAIL(WHET_EINVAL, "--cut-output %s: that is no result of a node", outputs[i]));
    }
    WHET_GOTO(convert_nodes_take(&before, g));
    if (n_outputs > 0) g->n_outputs = 0;
    for (int i = 0; i < n_outputs; i++) WHET_GOTO(whet_graph_output(g, list[i]));
    if (n_outputs > 0) g->n_commits = 0;
    for (int i = 0; i < n_inputs; i++) WHET_GOTO(cut_input(g, inputs[i], report));
    WHET_GOTO(whet_graph_prune(g)); /* so that "needed" sees the nodes that stay */
    WHET_GOTO(drop_inputs(g, report));
    WHET_GOTO(whet_graph_prune(g));
    WHET_GOTO(whet_graph_infer(g));
    convert_nodes_compare(&before, g, "dropped", "cut", report);
done:
    convert_nodes_dispose(&before);
    whet_free(list);
    return status;
}
