/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a graph: attributes with their defaults, uses, shapes as text, and the text dump. */
#include <stdio.h>

#include "base/strbuf.h"
#include "ir/graph_private.h"

const whet_attr *whet_node_attr(const whet_node *n, const char *name)
{
    for (int i = 0; i < n->n_attr; i++)
        if (strcmp(n->attr[i].name, name) == 0) return &n->attr[i];
    return NULL;
}

static const whet_attr_def *attr_def(const whet_node *n, const char *name, whet_attr_type type)
{
    for (const whet_attr_def *d = n->op->attrs; d != NULL && d->name != NULL; d++)
        if (d->type == type && !d->required && strcmp(d->name, name) == 0) return d;
    return NULL;
}

int64_t whet_node_int(const whet_node *n, const char *name, int64_t otherwise)
{
    const whet_attr *a = whet_node_attr(n, name);
    if (a != NULL && a->type == WHET_ATTR_INT) return a->i;
    const whet_attr_def *d = attr_def(n, name, WHET_ATTR_INT);
    return d != NULL ? d->i : otherwise;
}

float whet_node_float(const whet_node *n, const char *name, float otherwise)
{
    const whet_attr *a = whet_node_attr(n, name);
    if (a != NULL && a->type == WHET_ATTR_FLOAT) return a->f;
    const whet_attr_def *d = attr_def(n, name, WHET_ATTR_FLOAT);
    return d != NULL ? d->f : otherwise;
}

const char *whet_node_string(const whet_node *n, const char *name, const char *otherwise)
{
    const whet_attr *a = whet_node_attr(n, name);
    if (a != NULL && a->type == WHET_ATTR_STRING) return a->s;
    const whet_attr_def *d = attr_def(n, name, WHET_ATTR_STRING);
    return d != NULL && d->s != NULL ? d->s : otherwise;
}

int whet_node_ints(const whet_node *n, const char *name, int64_t *out, int cap)
{
    const whet_attr *a = whet_node_attr(n, name);
    if (a == NULL || a->type != WHET_ATTR_INTS) return 0;
    for (int i = 0; i < a->n && i < cap; i++) out[i] = a->ints[i];
    return a->n;
}

bool whet_node_is(const whet_node *n, const char *op_name)
{
    if (n->op == NULL) return false;
    size_t domain = strlen(n->op->domain);
    if (domain == 0) return strcmp(n->op->name, op_name) == 0;
    return strncmp(op_name, n->op->domain, domain) == 0 && op_name[domain] == '.' &&
           strcmp(op_name + domain + 1, n->op->name) == 0;
}

static bool build_uses(whet_graph *g)
{
    int32_t *start = whet_calloc((size_t)g->n_values + 1, sizeof *start);
    size_t total = 0;
    whet_nid *list = NULL;
    if (start == NULL) return false;
    for (int n = 0; n < g->n_nodes; n++)
        for (int i = 0; g->nodes[n].op != NULL && i < g->nodes[n].n_in; i++)
            if (g->nodes[n].in[i] >= 0) {
                start[g->nodes[n].in[i] + 1]++;
                total++;
            }
    for (int v = 0; v < g->n_values; v++) start[v + 1] += start[v];
    list = whet_calloc(total, sizeof *list);
    int32_t *at = whet_calloc((size_t)g->n_values + 1, sizeof *at);
    if (list == NULL || at == NULL) {
        whet_free(start);
        whet_free(list);
        whet_free(at);
        return false;
    }
    for (int n = 0; n < g->n_nodes; n++)
        for (int i = 0; g->nodes[n].op != NULL && i < g->nodes[n].n_in; i++) {
            whet_vid v = g->nodes[n].in[i];
            if (v >= 0) list[start[v] + at[v]++] = n;
        }
    whet_free(at);
    g->priv->use_start = start;
    g->priv->use_nodes = list;
    return true;
}

whet_uses whet_graph_uses(whet_graph *g, whet_vid v)
{
    if (g->priv->use_start == NULL && !build_uses(g)) {
        g->priv->out_of_memory = true; /* "no uses" would be wrong */
        return (whet_uses){0};
    }
    int32_t begin = g->priv->use_start[v];
    return (whet_uses){.n = g->priv->use_start[v + 1] - begin, .nodes = g->priv->use_nodes + begin};
}

bool whet_graph_is_output(const whet_graph *g, whet_vid v)
{
    for (int i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] == v) return true;
    return false;
}

const whet_tensor *whet_graph_const_data(const whet_graph *g, whet_vid v)
{
    return v >= 0 && g->values[v].kind == WHET_VALUE_CONST ? &g->values[v].data : NULL;
}

bool whet_dims_concrete(const whet_dims *d, whet_shape *out)
{
    if (d->rank < 0) return false;
    whet_shape s = {.rank = d->rank};
    for (int i = 0; i < d->rank; i++) {
        if (d->dims[i] < 0) return false;
        s.dims[i] = d->dims[i];
    }
    if (out != NULL) *out = s;
    return true;
}

whet_dims whet_dims_of(const whet_shape *s)
{
    whet_dims d = {.rank = s->rank};
    for (int i = 0; i < s->rank; i++) d.dims[i] = s->dims[i];
    return d;
}

const char *whet_dims_text(const whet_graph *g, const whet_dims *d, char *buf, size_t size)
{
    size_t used = 0;
    if (d->rank < 0) snprintf(buf, size, "unknown rank");
    if (d->rank == 0) snprintf(buf, size, "scalar");
    for (int i = 0; i < d->rank && used < size; i++) {
        const char *sep = i > 0 ? "x" : "";
        int n = d->dims[i] >= 0 ? snprintf(buf + used, size - used, "%s%lld", sep, (long long)d->dims[i])
                                : snprintf(buf + used, size - used, "%s%s", sep, whet_graph_symbol_name(g, d->dims[i]));
        used += n > 0 ? (size_t)n : 0;
    }
    return buf;
}

static void dump_value(whet_strbuf *s, const whet_graph *g, whet_vid v)
{
    char dims[160];
    if (v < 0) {
        whet_strbuf_puts(s, "-");
        return;
    }
    const whet_value *x = &g->values[v];
    whet_strbuf_printf(s, "%s:%s[%s]%s", x->name, whet_dtype_name(x->dtype), whet_dims_text(g, &x->dims, dims, sizeof dims),
                       x->layout == WHET_NHWC ? "@nhwc" : "");
}

static void dump_attr(whet_strbuf *s, const whet_attr *a)
{
    char shape[128];
    whet_strbuf_printf(s, " %s=", a->name);
    switch (a->type) {
    case WHET_ATTR_INT: whet_strbuf_printf(s, "%lld", (long long)a->i); break;
    case WHET_ATTR_FLOAT: whet_strbuf_printf(s, "%.9g", (double)a->f); break;
    case WHET_ATTR_STRING: whet_strbuf_printf(s, "\"%s\"", a->s); break;
    case WHET_ATTR_TENSOR:
        whet_strbuf_printf(s, "%s[%s]", whet_dtype_name(a->t.dtype), whet_shape_text(&a->t.shape, shape, sizeof shape));
        break;
    default:
        whet_strbuf_puts(s, "[");
        for (int i = 0; i < a->n; i++) {
            const char *sep = i > 0 ? "," : "";
            if (a->type == WHET_ATTR_INTS) whet_strbuf_printf(s, "%s%lld", sep, (long long)a->ints[i]);
            if (a->type == WHET_ATTR_FLOATS) whet_strbuf_printf(s, "%s%.9g", sep, (double)a->floats[i]);
            if (a->type == WHET_ATTR_STRINGS) whet_strbuf_printf(s, "%s\"%s\"", sep, a->strings[i]);
        }
        whet_strbuf_puts(s, "]");
    }
}

static void dump_node(whet_strbuf *s, const whet_graph *g, const whet_node *n)
{
    char op[128];
    whet_strbuf_puts(s, "  ");
    for (int i = 0; i < n->n_out; i++) {
        if (i > 0) whet_strbuf_puts(s, ", ");
        dump_value(s, g, n->out[i]);
    }
    whet_strbuf_printf(s, " = %s(", whet_op_text(n->op, op, sizeof op));
    for (int i = 0; i < n->n_in; i++)
        whet_strbuf_printf(s, "%s%s", i > 0 ? ", " : "", n->in[i] >= 0 ? g->values[n->in[i]].name : "-");
    whet_strbuf_puts(s, ")");
    for (int i = 0; i < n->n_attr; i++) dump_attr(s, &n->attr[i]);
    whet_strbuf_printf(s, "  # %s\n", n->name);
}

whet_status whet_graph_dump(const whet_graph *g, char **text)
{
    whet_strbuf s;
    whet_strbuf_init(&s);
    whet_strbuf_printf(&s, "graph %s\n", g->name);
    for (int i = 0; i < g->n_inputs; i++) {
        whet_strbuf_puts(&s, "  input ");
        dump_value(&s, g, g->inputs[i]);
        whet_strbuf_puts(&s, "\n");
    }
    for (int v = 0; v < g->n_values; v++) {
        if (g->values[v].kind != WHET_VALUE_CONST && g->values[v].kind != WHET_VALUE_VARIABLE) continue;
        whet_strbuf_puts(&s, g->values[v].kind == WHET_VALUE_CONST ? "  const " : "  variable ");
        dump_value(&s, g, v);
        whet_strbuf_puts(&s, g->values[v].trainable ? " trainable\n" : "\n");
    }
    for (int n = 0; n < g->n_nodes; n++)
        if (g->nodes[n].op != NULL) dump_node(&s, g, &g->nodes[n]);
    for (int i = 0; i < g->n_commits; i++)
        whet_strbuf_printf(&s, "  commit %s -> %s\n", g->values[g->commits[i].src].name, g->values[g->commits[i].variable].name);
    for (int i = 0; i < g->n_outputs; i++) whet_strbuf_printf(&s, "  output %s\n", g->values[g->outputs[i]].name);
    *text = whet_strbuf_take(&s);
    return *text != NULL ? WHET_OK : WHET_ENOMEM;
}
