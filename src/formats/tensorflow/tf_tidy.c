/* SPDX-License-Identifier: Apache-2.0 */
/* TensorFlow adds biases by a node of their own; here they belong to the convolution or product, where writers and kernels look
 * for them: Conv + Add of one constant a channel, MatMul + Add of one a column. One walk, whatever the size of the graph. */
#include "formats/tensorflow/tf_reader.h"

typedef struct tidy {
    whet_graph *g;
    int n_values, n_nodes;
    int *uses;       /* per value: by nodes and as an output */
    whet_vid *now;   /* per value: what stands for it from now on */
} tidy;

static void count_uses(tidy *t)
{
    const whet_graph *g = t->g;
    for (int n = 0; n < g->n_nodes; n++)
        for (int i = 0; g->nodes[n].op && i < g->nodes[n].n_in; i++)
            if (g->nodes[n].in[i] >= 0) t->uses[g->nodes[n].in[i]]++;
    for (int i = 0; i < g->n_outputs; i++) t->uses[g->outputs[i]]++;
    for (int i = 0; i < g->n_commits; i++) t->uses[g->commits[i].src]++;
    for (int v = 0; v < t->n_values; v++) t->now[v] = v;
}

/* Parameter v has one element a step of `axis` of a value of rank `rank`, and ones elsewhere. */
static bool is_bias(const whet_graph *g, whet_vid v, int axis, int rank, int64_t channels)
{
    const whet_value *x = &g->values[v];
    if ((x->kind != WHET_VALUE_CONST && x->kind != WHET_VALUE_VARIABLE) || channels < 1 || x->dims.rank > rank) return false;
    const int shift = rank - x->dims.rank;
    bool fits = channels == 1 || axis >= shift;
    for (int i = 0; i < x->dims.rank; i++) fits = fits && x->dims.dims[i] == (i + shift == axis ? channels : 1);
    return fits;
}

/* Lifting a bias to 4 dimensions and turning it put ".1" behind its name twice. */
static char *own_name(const whet_graph *g, const char *name)
{
    char *s = whet_strdup(name);
    for (int i = 0; s && i < 2; i++) {
        const size_t n = strlen(s);
        if (n > 2 && strcmp(s + n - 2, ".1") == 0) s[n - 2] = '\0';
    }
    if (s && whet_graph_find(g, s) >= 0) {
        whet_free(s);
        s = whet_strdup(name);
    }
    return s;
}

static whet_status flat(whet_graph *g, whet_vid v, int64_t channels, whet_vid *out)
{
    whet_tensor t;
    *out = v;
    if (g->values[v].dims.rank == 1) return WHET_OK;
    char *name = own_name(g, g->values[v].name);
    if (!name) return WHET_ENOMEM;
    whet_tensor_init(&t);
    whet_tensor_ref(&t, &g->values[v].data);
    t.shape = WHET_SHAPE(channels);
    const bool trainable = g->values[v].trainable;
    whet_status status = g->values[v].kind == WHET_VALUE_VARIABLE ? whet_graph_variable(g, name, &t, trainable, out) :
                                                                   whet_graph_const(g, name, &t, out);
    whet_tensor_dispose(&t);
    whet_free(name);
    return status;
}

/* The node that makes v, if nothing but the sum takes it. */
static const whet_node *maker(const tidy *t, whet_vid v, const char *op)
{
    const whet_nid n = t->g->values[v].producer;
    if (n < 0 || n >= t->n_nodes || t->uses[v] != 1 || !whet_node_is(&t->g->nodes[n], op)) return NULL;
    return &t->g->nodes[n];
}

static whet_status join(tidy *t, whet_nid sum, int side)
{
    whet_graph *g = t->g;
    const whet_vid x = g->nodes[sum].in[side], b = g->nodes[sum].in[1 - side], y = g->nodes[sum].out[0];
    const whet_node *conv = maker(t, x, "Conv"), *product = conv ? NULL : maker(t, x, "MatMul");
    const whet_node *n = conv ? conv : product;
    whet_vid bias = WHET_NO_VALUE, made = WHET_NO_VALUE;
    if (!n || n->n_in != 2 || n->in[1] < 0 || b == x) return WHET_OK;
    const whet_dims w = g->values[n->in[1]].dims, d = g->values[x].dims, dx = g->values[n->in[0]].dims;
    if (product && (w.rank != 2 || dx.rank != 2)) return WHET_OK;
    const int axis = conv ? 1 : d.rank - 1;
    const int64_t channels = w.rank > 0 ? w.dims[conv ? 0 : w.rank - 1] : 0;
    if (!is_bias(g, b, axis, d.rank, channels) || g->values[b].dtype != g->values[x].dtype) return WHET_OK;
    const whet_vid in0 = n->in[0], in1 = n->in[1];
    const int n_attr = n->n_attr;
    whet_attr attr[16];
    if (n_attr > (int)WHET_COUNT(attr)) return WHET_OK;
    for (int i = 0; i < n_attr; i++) attr[i] = n->attr[i];
    WHET_TRY(flat(g, b, channels, &bias));
    WHET_TRY(whet_graph_node(g, conv ? "Conv" : "Gemm", g->nodes[sum].name, WHET_IN(in0, in1, bias), n_attr, attr, 1, NULL, &made));
    t->now[y] = made;
    const char *name = g->values[y].name; /* prune brings the table of names in order */
    g->values[y].name = g->values[made].name;
    g->values[made].name = name;
    return WHET_OK;
}

static whet_vid follow(const tidy *t, whet_vid v) { return v >= 0 && v < t->n_values ? t->now[v] : v; }

whet_status tf_tidy(whet_graph *g)
{
    tidy t = {.g = g, .n_values = g->n_values, .n_nodes = g->n_nodes};
    whet_status status = WHET_ENOMEM;
    t.uses = whet_calloc((size_t)g->n_values + 1, sizeof(*t.uses));
    t.now = whet_calloc((size_t)g->n_values + 1, sizeof(*t.now));
    if (!t.uses || !t.now) goto done;
    count_uses(&t);
    for (whet_nid i = 0; i < t.n_nodes; i++)
        for (int side = 0; side < 2 && whet_node_is(&g->nodes[i], "Add") && t.now[g->nodes[i].out[0]] == g->nodes[i].out[0]; side++)
            WHET_GOTO(join(&t, i, side));
    for (int n = 0; n < g->n_nodes; n++)
        for (int i = 0; g->nodes[n].op && i < g->nodes[n].n_in; i++) g->nodes[n].in[i] = follow(&t, g->nodes[n].in[i]);
    for (int i = 0; i < g->n_outputs; i++) g->outputs[i] = follow(&t, g->outputs[i]);
    status = whet_graph_prune(g);
done:
    whet_free(t.uses);
    whet_free(t.now);
    return status;
}
