/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of targets, and the judging of a graph by them: operators (targets.def), opsets by version, types, shapes, and for the
 * Edge TPU whether a node stands between 8-bit values. Versions: ONNX Runtime's compatibility table. */
#include "convert/targets.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/convert.h"
#include "formats/onnx/onnx.h"
#include "ir/op.h"

enum { MOST_STEPS = 8 };

typedef enum kind { ORT, LITERT, OPENVINO, EDGETPU } kind;

static const struct family { const char *name, *title, *format; kind kind; double least, most; } families[] = {
    {"ort", "ONNX Runtime", "onnx", ORT, 1.5, 1.31}, {"litert", "LiteRT", "tflite", LITERT, 1.0, 2.3},
    {"openvino", "OpenVINO", "openvino", OPENVINO, 2022, 2026}, {"edgetpu", "the Edge TPU", "tflite", EDGETPU, 0, 0}};

/* Youngest opset and IR version of each release of ONNX Runtime 1.x; releases between have those of the one before. */
static const struct { int minor, opset, ir; } ort_releases[] = {
    {5, 12, 7}, {6, 13, 7}, {8, 14, 7}, {9, 15, 8}, {11, 16, 8}, {12, 17, 8}, {14, 18, 8}, {15, 19, 9}, {17, 20, 9}, {18, 21, 10},
    {21, 22, 10}, {23, 23, 11}, {30, 26, 13}};

static const struct { const char *op; char has[3]; } operators[] = {
#define Y 'Y'
#define N 'N'
#define S 'S'
#define Q 'Q'
#define T(op, litert, openvino, edgetpu) {#op, {litert, openvino, edgetpu}},
#include "convert/targets.def"
#undef T
#undef Y
#undef N
#undef S
#undef Q
};

typedef struct judge {
    const whet_graph *g;
    const struct family *f;
    int minor;  /* of ort */
    json_t *file, *nodes;
} judge;

static void blame(judge *j, const whet_node *n, const char *fmt, ...) WHET_PRINTF(3, 4);
static void blame(judge *j, const whet_node *n, const char *fmt, ...)
{
    char text[400], op[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (!n) json_array_append_new(j->file, json_string(text));
    else json_array_append_new(j->nodes, json_pack("{s:s, s:s, s:s}", "node", n->name, "op", whet_op_text(n->op, op, sizeof(op)), "why", text));
}

static char has(const judge *j, const whet_node *n)
{
    for (size_t i = 0; i < WHET_COUNT(operators) && n->op->domain[0] == '\0'; i++)
        if (strcmp(operators[i].op, n->op->name) == 0) return operators[i].has[j->f->kind - LITERT];
    return 'N';
}

/* --- ONNX Runtime */
static void judge_ort(judge *j, const char *format)
{
    const char *opset = whet_graph_get_meta(j->g, ONNX_META_OPSET), *ir = whet_graph_get_meta(j->g, ONNX_META_IR);
    int most = 0, most_ir = 0;
    for (size_t i = 0; i < WHET_COUNT(ort_releases) && ort_releases[i].minor <= j->minor; i++) {
        most = ort_releases[i].opset;
        most_ir = ort_releases[i].ir;
    }
    if (strcmp(format, "onnx") == 0 && opset && atoi(opset) > most)
        blame(j, NULL, "the file is of opset %s, 1.%d loads up to %d: whet convert --opset %d", opset, j->minor, most, most > 21 ? 21 : most);
    if (strcmp(format, "onnx") == 0 && ir && atoi(ir) > most_ir)
        blame(j, NULL, "the file is of IR version %s, 1.%d loads up to %d: write it again with whet convert", ir, j->minor, most_ir);
    for (int i = 0; i < j->g->n_nodes; i++) {
        const whet_node *n = &j->g->nodes[i];
        if (!n->op) continue;
        const int since = n->op->domain[0] ? 0 : whet_onnx_op_since(n->op->name);
        if (n->op->domain[0]) blame(j, n, "it is whet's own and has no form in ONNX");
        else if (since > most) blame(j, n, "ONNX has it since opset %d, 1.%d loads up to %d", since, j->minor, most);
        else if (n->n_in > 0 && n->in[0] >= 0 && j->g->values[n->in[0]].dtype == WHET_F64 && (whet_node_is(n, "Conv") || whet_node_is(n, "MaxPool")))
            blame(j, n, "the CPU provider has no kernel for f64");
    }
}

/* --- LiteRT, OpenVINO */
static void judge_table(judge *j)
{
    for (int i = 0; i < j->g->n_nodes; i++) {
        const whet_node *n = &j->g->nodes[i];
        if (!n->op || whet_node_is(n, "whet.Reorder")) continue;
        if (has(j, n) == 'N') {
            blame(j, n, "it has no operator for this");
            continue;
        }
        for (int k = 0; k < n->n_in && j->f->kind == LITERT; k++) {
            const whet_value *v = n->in[k] >= 0 ? &j->g->values[n->in[k]] : NULL;
            if (v && v->dtype == WHET_F64) blame(j, n, "input %d is f64, of which it has no kernels", k);
            else if (v && v->dims.rank > 6) blame(j, n, "input %d has rank %d, 6 is the most", k, v->dims.rank);
            else continue;
            break;
        }
    }
    for (int i = 0; i < j->g->n_inputs && j->f->kind == LITERT; i++) {
        const whet_value *v = &j->g->values[j->g->inputs[i]];
        for (int k = 1; k < v->dims.rank; k++)
            if (v->dims.dims[k] < 0) blame(j, NULL, "dimension %d of input '%s' is free, only the batch may be", k, v->name);
    }
}

/* --- the Edge TPU */
static bool is_activation(const whet_graph *g, whet_vid v)
{
    return v >= 0 && (g->values[v].kind == WHET_VALUE_RESULT || g->values[v].kind == WHET_VALUE_INPUT);
}

/* What an 8-bit operator takes along: its activation, and moves that say how the image lies. */
static bool goes_along(const whet_node *n)
{
    static const char *const ops[] = {"Relu", "Clip", "Transpose", "Identity", "whet.Reorder"};
    for (size_t i = 0; i < WHET_COUNT(ops); i++)
        if (whet_node_is(n, ops[i])) return true;
    return false;
}

static bool from_8_bit(const whet_graph *g, whet_vid v)
{
    for (int steps = 0; steps < MOST_STEPS; steps++) {
        if (!is_activation(g, v) || whet_dtype_is_int(g->values[v].dtype)) return true;
        const whet_nid p = g->values[v].producer;
        if (p < 0) return false;
        if (whet_node_is(&g->nodes[p], "DequantizeLinear")) return true;
        if (!goes_along(&g->nodes[p])) return false;
        v = g->nodes[p].in[0];
    }
    return false;
}

static bool to_8_bit(whet_graph *g, whet_vid v, int steps)
{
    const whet_uses u = whet_graph_uses(g, v);
    if (whet_dtype_is_int(g->values[v].dtype)) return true;
    for (int i = 0; i < u.n; i++) {
        const whet_node *n = &g->nodes[u.nodes[i]];
        if (whet_node_is(n, "QuantizeLinear")) continue;
        if (steps >= MOST_STEPS || !goes_along(n) || !to_8_bit(g, n->out[0], steps + 1)) return false;
    }
    return u.n > 0;
}

/* Each input comes out of a DequantizeLinear of 8 bits, each output goes into a QuantizeLinear. */
static bool quantised(whet_graph *g, const whet_node *n)
{
    for (int k = 0; k < n->n_in; k++)
        if (n->in[k] >= 0 && !from_8_bit(g, n->in[k])) return false;
    for (int k = 0; k < n->n_out; k++)
        if (n->out[k] >= 0 && !to_8_bit(g, n->out[k], 0)) return false;
    return true;
}

static whet_status judge_edgetpu(judge *j)
{
    whet_graph *g = NULL;
    WHET_TRY(whet_graph_clone(&g, j->g));
    for (int i = 0; i < g->n_inputs; i++) {
        const whet_value *v = &g->values[g->inputs[i]];
        for (int k = 0; k < v->dims.rank; k++)
            if (v->dims.dims[k] < 0) blame(j, NULL, "dimension %d of input '%s' is free; its compiler wants fixed shapes", k, v->name);
    }
    for (int i = 0; i < g->n_nodes; i++) {
        const whet_node *n = &g->nodes[i];
        if (!n->op || whet_node_is(n, "QuantizeLinear") || whet_node_is(n, "DequantizeLinear")) continue;
        if (has(j, n) != 'Q') blame(j, n, "no such operator on the Edge TPU: it and what follows run on the host's CPU");
        else if (!goes_along(n) && !quantised(g, n)) blame(j, n, "not between 8-bit values: it runs on the host's CPU; quantise the model");
    }
    whet_graph_free(g);
    return WHET_OK;
}

/* --- */
static whet_status unknown(const char *target)
{
    return WHET_FAIL(WHET_EINVAL, "'%s' is no target; they are ort@1.5 to ort@1.31, litert@1.0 to litert@2.3, openvino@2022 to openvino@2026, edgetpu",
                     target);
}

static whet_status parse(const char *target, const struct family **f, int *minor)
{
    const char *at = strchr(target, '@');
    const size_t n = at ? (size_t)(at - target) : strlen(target);
    char *end = NULL;
    *f = NULL;
    for (size_t i = 0; i < WHET_COUNT(families); i++)
        if (strlen(families[i].name) == n && strncmp(families[i].name, target, n) == 0) *f = &families[i];
    if (!*f) return unknown(target);
    *minor = 31;
    if (!at) return WHET_OK;
    if ((*f)->kind == EDGETPU) return unknown(target);
    if ((*f)->kind == ORT) {
        *minor = strncmp(at, "@1.", 3) == 0 ? (int)strtol(at + 3, &end, 10) : -1;
        return end && end != at + 3 && (*end == '\0' || *end == '.') && *minor >= 5 && *minor <= 31 ? WHET_OK : unknown(target);
    }
    const double version = strtod(at + 1, &end);
    return end != at + 1 && (*end == '\0' || *end == '.') && version >= (*f)->least && version < (*f)->most + 1 ? WHET_OK : unknown(target);
}

/* A file of another format is judged as the converter would write it. */
static const whet_graph *as_converted(const judge *j, const char *format, whet_graph **ready)
{
    const whet_model_format *f = NULL;
    for (size_t i = 0; j->f->kind != ORT && strcmp(format, j->f->format) != 0 && (f = whet_format_row(i)) != NULL; i++)
        if (strcmp(f->name, j->f->format) == 0 && whet_convert_prepare(ready, j->g, f, NULL, NULL) == WHET_OK) return *ready;
    return j->g;
}

whet_status whet_target_judge(json_t **out, const whet_graph *g, const char *format, const char *target)
{
    judge j = {.g = g};
    whet_graph *ready = NULL;
    whet_status status = WHET_OK;
    const char *at = strchr(target, '@');
    char title[80];
    *out = NULL;
    WHET_TRY(parse(target, &j.f, &j.minor));
    j.file = json_array();
    j.nodes = json_array();
    j.g = as_converted(&j, format, &ready);
    if (strcmp(format, j.f->format) != 0 && !(j.f->kind == OPENVINO && (strcmp(format, "onnx") == 0 || strcmp(format, "tflite") == 0)))
        blame(&j, NULL, "the file is no %s; convert it first: whet convert IN OUT --to %s", j.f->format, j.f->format);
    if (j.f->kind == ORT) judge_ort(&j, format);
    else if (j.f->kind == EDGETPU) status = judge_edgetpu(&j);
    else judge_table(&j);
    snprintf(title, sizeof(title), "%s%s%s", j.f->title, at ? " " : "", at ? at + 1 : "");
    const bool runs = json_array_size(j.file) == 0 && json_array_size(j.nodes) == 0;
    if (status == WHET_OK)
        *out = json_pack("{s:s, s:s, s:b, s:O, s:O}", "target", target, "title", title, "runs", runs, "file", j.file, "nodes", j.nodes);
    json_decref(j.file);
    json_decref(j.nodes);
    whet_graph_free(ready);
    return status == WHET_OK && !*out ? WHET_ENOMEM : status;
}
