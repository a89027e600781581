/* SPDX-License-Identifier: Apache-2.0 */
/* The driver: what a format's traits ask for, pass by pass, so that the report can say which one took which node; then the
 * writer. Constants that are dequantised are kept from folding: an int8 model stays one. */
#include "convert/convert.h"

#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "convert/convert_private.h"
#include "data/contract.h"
#include "formats/nhwc_export.h"
#include "passes/channels_last.h"
#include "passes/passes.h"

/* In the order of the table of passes. ALWAYS: wanted by every frozen format; NAMED: also where only whole activations can be
 * written; the others where things are folded. Fusing is the engine's business: no file has a form for its results. */
enum { ALWAYS, NAMED, FOLDED };
static const struct step { const char *pass, *what; int when; } steps[] = {
    {"freeze", "changed", ALWAYS}, {"fold-constants", "folded", ALWAYS}, {"fold-batchnorm", "folded", FOLDED}, {"canonical", "fused", FOLDED},
    {"activations", "fused", NAMED}, {"layer-norm", "fused", NAMED}, {"cse", "dropped", FOLDED}, {"fold-scale", "folded", FOLDED},
    {"move-transposes", "changed", FOLDED}, {"dead-code", "dropped", ALWAYS}};

enum { USUAL_OPSET = 17, LAST_OPSET = 21 };

void whet_convert_graph_options_init(whet_convert_graph_options *o) { *o = (whet_convert_graph_options){.size = sizeof(*o)}; }

static whet_convert_graph_options settle(const whet_convert_graph_options *opt)
{
    whet_convert_graph_options o;
    whet_convert_graph_options_init(&o);
    if (opt) memcpy(&o, opt, WHET_MIN(opt->size, sizeof(o)));
    return o;
}

bool convert_contract_get(const whet_graph *g, whet_contract *c)
{
    const char *text = whet_graph_get_meta(g, WHET_CONTRACT_META);
    return text && whet_contract_from_json(c, text) == WHET_OK;
}

whet_status convert_contract_set(whet_graph *g, const whet_contract *c)
{
    char *json = NULL;
    WHET_TRY(whet_contract_to_json(c, &json));
    const whet_status status = whet_graph_set_meta(g, WHET_CONTRACT_META, json);
    whet_free(json);
    return status;
}

static bool is_integer_constant(const whet_graph *g, whet_vid v)
{
    return v >= 0 && g->values[v].kind == WHET_VALUE_CONST && whet_dtype_is_int(g->values[v].dtype);
}

/* Integer weights that a reader left turned (large ones stay views of the file) are turned now: folding would go on through the
 * DequantizeLinear behind. */
static whet_status turn_integers(whet_graph *g)
{
    const int n_nodes = g->n_nodes;
    for (int i = 0; i < n_nodes; i++) {
        int64_t perm[WHET_MAX_RANK];
        int p[WHET_MAX_RANK];
        whet_tensor t = {0};
        whet_vid v = WHET_NO_VALUE;
        if (!whet_node_is(&g->nodes[i], "Transpose") || !is_integer_constant(g, g->nodes[i].in[0])) continue;
        const whet_value *x = &g->values[g->nodes[i].in[0]];
        const int rank = whet_node_ints(&g->nodes[i], "perm", perm, WHET_MAX_RANK);
        if (rank != x->data.shape.rank || rank == 0 || whet_dtype_size(x->dtype) == 0) continue;
        for (int k = 0; k < rank; k++) p[k] = (int)perm[k];
        whet_status status = whet_nhwc_permute(&x->data, p, &t);
        if (status == WHET_OK) status = whet_graph_const(g, x->name, &t, &v);
        whet_tensor_dispose(&t);
        WHET_TRY(status);
        if (!whet_graph_is_output(g, g->nodes[i].out[0])) whet_graph_replace_uses(g, g->nodes[i].out[0], v);
    }
    return WHET_OK;
}

/* Folding leaves variables alone. */
static void shield(whet_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (whet_node_is(&g->nodes[i], "DequantizeLinear") && is_integer_constant(g, g->nodes[i].in[0]))
            g->values[g->nodes[i].in[0]].kind = WHET_VALUE_VARIABLE;
}

static void unshield(whet_graph *g)
{
    for (int v = 0; v < g->n_values; v++)
        if (g->values[v].kind == WHET_VALUE_VARIABLE) g->values[v].kind = WHET_VALUE_CONST;
}

static whet_status one_pass(whet_graph *g, const struct step *s, whet_convert_report *report)
{
    whet_pass_options o;
    convert_nodes before = {0};
    const int at = whet_pass_find(s->pass);
    whet_status status = WHET_OK;
    if (at < 0) return WHET_FAIL(WHET_EINVAL, "there is no pass '%s'", s->pass);
    whet_pass_options_init(&o);
    o.freeze = true;
    o.off = ~((uint32_t)1 << at);
    WHET_GOTO(convert_nodes_take(&before, g));
    WHET_GOTO(whet_passes_run(g, &o, NULL));
    convert_nodes_compare(&before, g, s->what, s->pass, report);
done:
    convert_nodes_dispose(&before);
    return status;
}

static whet_status run_passes(whet_graph *g, bool fold, bool named, bool keep_norm, whet_convert_report *report)
{
    for (size_t i = 0; i < WHET_COUNT(steps); i++) {
        if ((!fold && steps[i].when != ALWAYS && !(named && steps[i].when == NAMED)) || (keep_norm && strcmp(steps[i].pass, "layer-norm") == 0)) continue;
        if (whet_cancelled()) return WHET_FAIL(WHET_ECANCELLED, "interrupted; nothing was written");
        WHET_TRY(one_pass(g, &steps[i], report));
        if (i > 0) continue;
        WHET_TRY(turn_integers(g));
        shield(g);
    }
    unshield(g);
    return WHET_OK;
}

static bool has_half(const whet_graph *g)
{
    for (int v = 0; v < g->n_values; v++)
        if (g->values[v].data.buffer && g->values[v].dims.rank > 0 && (g->values[v].dtype == WHET_F16 || g->values[v].dtype == WHET_BF16)) return true;
    return false;
}

/* The file's inputs and outputs that lie channels-last now. */
static void tell_layout(const whet_graph *g, whet_convert_report *report)
{
    for (int side = 0; side < 2 && report; side++)
        for (int i = 0; i < (side ? g->n_outputs : g->n_inputs); i++) {
            const whet_value *v = &g->values[side ? g->outputs[i] : g->inputs[i]];
            if (v->layout == WHET_NHWC) json_array_append_new(report->nhwc, json_string(v->name));
        }
}

static whet_status prepare(whet_graph *g, const whet_model_format *target, const whet_convert_graph_options *o, whet_convert_report *report)
{
    const bool onnx = strcmp(target->name, "onnx") == 0, graphs = target->write != NULL;
    const bool frozen = o->deploy || (target->traits & WHET_FORMAT_FROZEN), fold = o->deploy || (target->traits & WHET_FORMAT_FOLDED);
    const bool half = has_half(g);
    if (o->opset != 0 && !onnx) return WHET_FAIL(WHET_EINVAL, "--opset is one of ONNX, %s has none; leave it out", target->title);
    if (o->precision == WHET_PRECISION_S8 && strcmp(target->name, "tflite") != 0)
        return WHET_FAIL(WHET_EINVAL, "precision s8 (weights of 8 bits, computing in f32) is written as TFLite alone, not as %s", target->title);
    if (o->n_cut_inputs + o->n_cut_outputs > 0)
        WHET_TRY(whet_convert_cut(g, o->n_cut_inputs, o->cut_inputs, o->n_cut_outputs, o->cut_outputs, report));
    if (o->bake) WHET_TRY(whet_convert_bake(g, !(target->traits & WHET_FORMAT_STATIC), onnx ? (o->opset ? o->opset : 17) : 13, report));
    if (graphs && !(target->traits & WHET_FORMAT_BORDER)) WHET_TRY(whet_convert_contract(g, report));
    if (half && graphs && (!onnx || o->precision == WHET_PRECISION_F32)) WHET_TRY(whet_convert_widen(g, report));
    if ((target->traits & WHET_FORMAT_FROZEN) && graphs) WHET_TRY(whet_convert_dynamic(g, report));
    if (frozen) WHET_TRY(run_passes(g, fold, (target->traits & WHET_FORMAT_NAMED) != 0, onnx && o->opset != 0 && o->opset < 17, report));
    if (target->traits & WHET_FORMAT_STATIC) WHET_TRY(whet_convert_static(g, report));
    if (target->traits & WHET_FORMAT_NHWC) {
        whet_pass_context last = {.g = g};
        WHET_TRY(whet_pass_channels_last(&last));
        tell_layout(g, report);
    }
    if (o->precision == WHET_PRECISION_F16) WHET_TRY(whet_convert_half(g, false, report));
    else if (half && o->precision == WHET_PRECISION_KEEP && graphs) WHET_TRY(whet_convert_half(g, true, report));
    WHET_TRY(whet_graph_sort(g));
    return whet_graph_verify(g);
}

whet_status whet_convert_prepare(whet_graph **out, const whet_graph *g, const whet_model_format *target,
                                 const whet_convert_graph_options *opt, whet_convert_report *report)
{
    const whet_convert_graph_options o = settle(opt);
    whet_graph *copy = NULL;
    *out = NULL;
    WHET_TRY(whet_graph_clone(&copy, g));
    const whet_status status = prepare(copy, target, &o, report);
    if (status == WHET_OK) *out = copy;
    else whet_graph_free(copy);
    return status;
}

/* What the usual opset has not, where none was asked for: the next one that has it. */
static whet_status younger_opset(const whet_graph *g, const whet_model_format *target, const char *path, whet_format_options *f,
                                 whet_convert_report *report)
{
    char why[300];
    whet_status status = WHET_EUNSUPPORTED;
    snprintf(why, sizeof(why), "%s", whet_error_last()->text);
    for (f->opset = USUAL_OPSET + 1; f->opset <= LAST_OPSET; f->opset++) {
        if (f->report) f->report->len = 0;
        status = target->write(g, path, f);
        if (status != WHET_EUNSUPPORTED) break;
    }
    if (status == WHET_OK) convert_remark(report, "written as opset %d, because: %s", f->opset, why);
    else if (status == WHET_EUNSUPPORTED) f->opset = LAST_OPSET;
    return status;
}

whet_status whet_convert_write(const whet_graph *g, const whet_model_format *target, const char *path,
                               const whet_convert_graph_options *opt, whet_convert_report *report)
{
    const whet_convert_graph_options o = settle(opt);
    whet_format_options f;
    whet_strbuf lines;
    whet_weights *w = NULL;
    whet_status status = WHET_OK;
    if (!target->write && !target->write_weights) return WHET_FAIL(WHET_EUNSUPPORTED, "%s cannot be written", target->title);
    if (!target->write) {
        WHET_TRY(whet_weights_of_graph(&w, g));
        status = target->write_weights(w, path);
        whet_weights_free(w);
        convert_remark(report, "%s holds weights alone; the graph is not in the file", target->title);
        return status;
    }
    whet_strbuf_init(&lines);
    whet_format_options_init(&f);
    f.opset = o.opset;
    if (o.precision == WHET_PRECISION_S8) f.weights = WHET_S8;
    f.report = &lines;
    status = target->write(g, path, &f);
    if (status == WHET_EUNSUPPORTED && o.opset == 0 && strcmp(target->name, "onnx") == 0) status = younger_opset(g, target, path, &f, report);
    if (status == WHET_EUNSUPPORTED) convert_find_refused(g, target, path, &f, report);
    else if (lines.len > 0) convert_note_lines(report, g, lines.data);
    whet_strbuf_dispose(&lines);
    return status;
}

whet_status whet_convert_graph(const whet_graph *g, const whet_model_format *target, const char *path,
                               const whet_convert_graph_options *opt, whet_convert_report *report)
{
    whet_graph *ready = NULL;
    WHET_TRY(whet_convert_prepare(&ready, g, target, opt, report));
    const whet_status status = whet_convert_write(ready, target, path, opt, report);
    whet_graph_free(ready);
    return status;
}
