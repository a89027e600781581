/* SPDX-License-Identifier: Apache-2.0 */
/* What became of the nodes. Passes say only how many places they changed, so the nodes before and after are compared by name;
 * what a writer refuses beside the first node is found by giving it every node alone. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/scratch.h"
#include "convert/convert_private.h"
#include "ir/op.h"

enum { MOST_TRIED = 4096 };

whet_status whet_convert_report_init(whet_convert_report *r)
{
    *r = (whet_convert_report){json_array(), json_array(), json_array()};
    if (r->nodes && r->remarks && r->nhwc) return WHET_OK;
    whet_convert_report_dispose(r);
    return WHET_FAIL(WHET_ENOMEM, "out of memory");
}

void whet_convert_report_dispose(whet_convert_report *r)
{
    json_decref(r->nodes);
    json_decref(r->remarks);
    json_decref(r->nhwc);
    *r = (whet_convert_report){0};
}

void convert_note(whet_convert_report *r, const char *what, const char *node, const char *op, const char *by)
{
    if (r) json_array_append_new(r->nodes, json_pack("{s:s, s:s, s:s, s:s}", "what", what, "node", node, "op", op, "by", by));
}

void convert_remark(whet_convert_report *r, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    if (!r) return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    json_array_append_new(r->remarks, json_string(text));
}

void convert_note_lines(whet_convert_report *r, const whet_graph *g, const char *lines)
{
    char op[128] = "";
    for (const char *p = lines; r && p && *p;) {
        const char *end = strchr(p, '\n'), *colon = NULL;
        const size_t n = end ? (size_t)(end - p) : strlen(p);
        char node[256];
        for (const char *c = p; c + 1 < p + n && !colon; c++)
            if (c[0] == ':' && c[1] == ' ') colon = c;
        if (colon) {
            snprintf(node, sizeof(node), "%.*s", (int)(colon - p), p);
            const whet_nid id = whet_graph_find_node(g, node);
            const char *text = id >= 0 ? whet_op_text(g->nodes[id].op, op, sizeof(op)) : "";
            json_array_append_new(r->nodes, json_pack("{s:s, s:s, s:s, s:s%}", "what", "expanded", "node", node, "op", text, "by",
                                                      colon + 2, n - (size_t)(colon + 2 - p)));
        } else if (n > 0) {
            convert_remark(r, "%.*s", (int)n, p);
        }
        p += n + (end != NULL);
    }
}

whet_status convert_nodes_take(convert_nodes *c, const whet_graph *g)
{
    *c = (convert_nodes){0};
    c->names = whet_calloc((size_t)g->n_nodes + 1, sizeof(*c->names));
    c->ops = whet_calloc((size_t)g->n_nodes + 1, sizeof(*c->ops));
    if (!c->names || !c->ops) {
        convert_nodes_dispose(c);
        return WHET_ENOMEM;
    }
    for (int i = 0; i < g->n_nodes; i++) {
        if (!g->nodes[i].op) continue;
        c->names[c->n] = g->nodes[i].name;
        c->ops[c->n++] = g->nodes[i].op;
    }
    return WHET_OK;
}

void convert_nodes_dispose(convert_nodes *c)
{
    whet_free(c->names);
    whet_free(c->ops);
    *c = (convert_nodes){0};
}

void convert_nodes_compare(const convert_nodes *before, const whet_graph *after, const char *what, const char *by, whet_convert_report *r)
{
    char op[128];
    for (int i = 0; r && i < before->n; i++) {
        const whet_nid id = whet_graph_find_node(after, before->names[i]);
        const bool there = id >= 0 && after->nodes[id].op;
        if (there && after->nodes[id].op == before->ops[i]) continue;
        convert_note(r, there ? "changed" : what, before->names[i], whet_op_text(before->ops[i], op, sizeof(op)), by);
    }
}

/* The node with its constants; what other nodes make becomes inputs of the same type, shape and layout. */
static whet_status isolate(const whet_graph *g, const whet_node *n, whet_graph **out)
{
    whet_graph *one = NULL;
    char op[128];
    whet_status status = WHET_ENOMEM;
    whet_vid *in = whet_calloc((size_t)n->n_in + 1, sizeof(*in)), *made = whet_calloc((size_t)n->n_out + 1, sizeof(*made));
    const char **names = whet_calloc((size_t)n->n_out + 1, sizeof(*names));
    if (!in || !made || !names) goto done;
    WHET_GOTO(whet_graph_create(&one, "alone"));
    for (int i = 0; i < n->n_in; i++) {
        const whet_value *v = n->in[i] >= 0 ? &g->values[n->in[i]] : NULL;
        in[i] = v ? whet_graph_find(one, v->name) : WHET_NO_VALUE;
        if (!v || in[i] >= 0) continue;
        const bool constant = v->kind == WHET_VALUE_CONST || v->kind == WHET_VALUE_VARIABLE;
        WHET_GOTO(constant ? whet_graph_const(one, v->name, &v->data, &in[i]) : whet_graph_input(one, v->name, v->dtype, &v->dims, &in[i]));
        one->values[in[i]].layout = v->layout;
    }
    for (int i = 0; i < n->n_out; i++) names[i] = n->out[i] >= 0 ? g->values[n->out[i]].name : "";
    WHET_GOTO(whet_graph_node(one, whet_op_text(n->op, op, sizeof(op)), n->name, n->n_in, in, n->n_attr, n->attr, n->n_out, names, made));
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] < 0) continue;
        one->values[made[i]].layout = g->values[n->out[i]].layout;
        WHET_GOTO(whet_graph_output(one, made[i]));
    }
    *out = one;
    one = NULL;
    status = WHET_OK;
done:
    whet_graph_free(one);
    whet_free(in);
    whet_free(made);
    whet_free(names);
    return status;
}

/* Removes the folder and the files in it. */
/* Folders are not tried: there the first refusal must do. Quantised values are judged with their neighbours only. */
static void try_each(const whet_graph *g, const whet_model_format *target, const char *dir, const char *path, whet_nid first,
                     const whet_format_options *o, whet_convert_report *r)
{
    char op[128], *file = whet_format("%s/try%s", dir, whet_path_ext(path));
    int tried = 0;
    for (int i = 0; file && i < g->n_nodes && tried < MOST_TRIED; i++) {
        whet_graph *one = NULL;
        const whet_node *n = &g->nodes[i];
        if (!n->op || i == first || whet_node_is(n, "QuantizeLinear") || whet_node_is(n, "DequantizeLinear")) continue;
        tried++;
        if (isolate(g, n, &one) == WHET_OK && target->write(one, file, o) == WHET_EUNSUPPORTED)
            convert_note(r, "refused", n->name, whet_op_text(n->op, op, sizeof(op)), whet_error_last()->text);
        whet_graph_free(one);
    }
    whet_free(file);
}

void convert_find_refused(const whet_graph *g, const whet_model_format *target, const char *path, const whet_format_options *o,
                          whet_convert_report *r)
{
    const whet_status status = whet_error_last()->status;
    const char *tmp = getenv("TMPDIR");
    char text[1024], node[256], op[128] = "";
    whet_scratch dir = {.path = NULL};
    whet_format_options quiet = *o;
    snprintf(text, sizeof(text), "%s", whet_error_last()->text);
    snprintf(node, sizeof(node), "%s", whet_error_last()->node);
    const whet_nid first = whet_graph_find_node(g, node);
    convert_note(r, "refused", node, first >= 0 ? whet_op_text(g->nodes[first].op, op, sizeof(op)) : "", text);
    quiet.report = NULL;
    if (r && !(target->traits & WHET_FORMAT_FOLDER) && whet_scratch_make(&dir, tmp && *tmp ? tmp : "/tmp", "whet-try-") == WHET_OK)
        try_each(g, target, dir.path, path, first, &quiet, r);
    whet_scratch_remove(&dir);
    whet_fail(status, "%s", text);
    if (*node) whet_error_at_node(node);
}
