/* SPDX-License-Identifier: Apache-2.0 */
/* Executed nodes: what kind of work each is, what it comes to, and how near it is to its roof. Runtimes name their nodes
 * differently; one table of words sorts them. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "ir/graph.h"
#include "ir/op.h"
#include "measure/explain.h"
#include "wire/json.h"

static const char *const class_names[WHET_NODE_CLASSES] = {"product", "quantise", "layout", "cast", "other"};

const char *whet_node_class_name(whet_node_class c) { return c < WHET_NODE_CLASSES ? class_names[c] : ""; }

/* The first word that a type contains decides; the order matters: DequantizeLinear is no linear layer. */
static const struct { const char *word; whet_node_class kind; } words[] = {
    {"dynamicquantizematmul", WHET_NODE_PRODUCT}, {"fullyconnectedquantized", WHET_NODE_PRODUCT}, {"quantize", WHET_NODE_QUANTISE}, {"quantise", WHET_NODE_QUANTISE},
    {"reorder", WHET_NODE_LAYOUT},   {"transpose2", WHET_NODE_LAYOUT}, {"reformat", WHET_NODE_LAYOUT}, {"convtranspose", WHET_NODE_PRODUCT},
    {"transpose_conv", WHET_NODE_PRODUCT}, {"transposeconv", WHET_NODE_PRODUCT}, {"transpose", WHET_NODE_LAYOUT}, {"permute", WHET_NODE_LAYOUT},
    {"convert", WHET_NODE_CAST},     {"cast", WHET_NODE_CAST},         {"conv", WHET_NODE_PRODUCT},    {"gemm", WHET_NODE_PRODUCT},
    {"matmul", WHET_NODE_PRODUCT},   {"fullyconnected", WHET_NODE_PRODUCT}, {"fully connected", WHET_NODE_PRODUCT}, {"fully_connected", WHET_NODE_PRODUCT},
    {"innerproduct", WHET_NODE_PRODUCT}, {"attention", WHET_NODE_PRODUCT}, {"linear", WHET_NODE_PRODUCT}};

whet_node_class whet_node_class_of(const char *type, double macs)
{
    char low[128];
    size_t n = 0;
    for (; type[n] != '\0' && n + 1 < sizeof low; n++) low[n] = (char)tolower((unsigned char)type[n]);
    low[n] = '\0';
    for (size_t i = 0; i < WHET_COUNT(words); i++) {
        if (strstr(low, words[i].word) == NULL) continue;
        if (words[i].kind == WHET_NODE_PRODUCT && strstr(low, "qlinear") != NULL && macs <= 0 && strcmp(words[i].word, "linear") == 0) break;
        return words[i].kind;
    }
    return macs > 0 ? WHET_NODE_PRODUCT : WHET_NODE_OTHER;
}

/* --- the work of the file's nodes, given to those that were executed */
typedef struct work { double macs, constant, input, output; bool found, known; } work; /* elements; known: in the file, if given before */

static void add_work(work *w, const json_t *n)
{
    w->macs += whet_json_real(n, "macs");
    w->constant += whet_json_real(n, "constant");
    w->input += whet_json_real(n, "input");
    w->output += whet_json_real(n, "output");
    w->found = true;
}

/* As it is, or as readers change it: a second thing of the same name gets ".1"; OpenVINO's files name a convolution before its bias. */
static const char *known_name(const json_t *file, const char *name, char *buf, size_t size)
{
    static const char tail[] = "/WithoutBiases";
    const size_t n = strlen(name), k = sizeof tail - 1;
    if (json_object_get(file, name) != NULL) return name;
    snprintf(buf, size, "%s.1", name);
    if (json_object_get(file, buf) != NULL) return buf;
    snprintf(buf, size, "%.*s", (int)(n > k && strcmp(name + n - k, tail) == 0 ? n - k : n), name);
    return buf;
}

/* A product under the name of the activation that it does as well: what the activation reads. */
static const char *product_behind(const json_t *file, const char *name)
{
    enum { STEPS = 8 };
    for (int i = 0; i < STEPS; i++) {
        const json_t *n = json_object_get(file, name);
        if (n == NULL || whet_json_real(n, "macs") > 0) break;
        if (whet_json_str(n, "reads")[0] == '\0') break;
        name = whet_json_str(n, "reads");
    }
    return name;
}

/* The work of the nodes named in `origin`, each given once. */
static work claim(const char *origin, const json_t *file, bool product, json_t *claimed)
{
    char name[4096], other[4100]; /* TFLite joins the names of all that went into a node */
    work w = {0};
    for (const char *p = origin; *p != '\0';) {
        const size_t n = strcspn(p, ",");
        snprintf(name, sizeof name, "%.*s", (int)n, p);
        const char *given = known_name(file, name, other, sizeof other), *at = product ? product_behind(file, given) : given;
        const json_t *x = json_object_get(file, at);
        const char *node = whet_json_str(x, "node");
        w.known |= x != NULL;
        if (x != NULL && json_object_get(claimed, node) == NULL) {
            add_work(&w, x);
            json_object_set_new(claimed, node, json_true());
        }
        p += n + (p[n] == ',');
    }
    return w;
}

static double element_bytes(const char *precision)
{
    static const struct { const char *name; double bytes; } sizes[] = {{"int8", 1}, {"f16", 2}, {"bf16", 2}, {"f64", 8}, {"s64", 8}};
    for (size_t i = 0; i < WHET_COUNT(sizes); i++)
        if (strcmp(sizes[i].name, precision) == 0) return sizes[i].bytes;
    return 4;
}

static void give_work(json_t *o, const work *w)
{
    const double size = element_bytes(whet_json_str(o, "precision"));
    const double own = whet_json_real(o, "macs");
    if (own <= 0 || (w->macs > 0 && w->macs < own)) json_object_set_new(o, "macs", json_real(w->macs)); /* runtimes count channels that they pad, too */
    if (!w->found) return;
    if (json_object_get(o, "constant_bytes") == NULL) json_object_set_new(o, "constant_bytes", json_real(w->constant * size));
    if (json_object_get(o, "input_bytes") != NULL) return;
    json_object_set_new(o, "input_bytes", json_real(w->input * size));
    json_object_set_new(o, "output_bytes", json_real(w->output * size));
}

static const char known_mark[] = "known"; /* only while work is given */

static void work_by_name(json_t *nodes, const json_t *file, json_t *claimed)
{
    json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(nodes, i, o) {
        const bool product = whet_node_class_of(whet_json_str(o, "type"), whet_json_real(o, "macs")) == WHET_NODE_PRODUCT;
        work w = claim(whet_json_str(o, "origin"), file, product, claimed);
        const bool known = w.known;
        if (!w.found) w = claim(whet_json_str(o, "name"), file, product, claimed);
        give_work(o, &w);
        if (known || w.known) json_object_set_new(o, known_mark, json_true());
    }
}

/* How many of the file's products a node without work can stand for: an attention is two, Q by K and that by V. */
static size_t products_in(const json_t *o)
{
    const char *type = whet_json_str(o, "type");
    if (whet_json_real(o, "macs") > 0 || whet_node_class_of(type, 0) != WHET_NODE_PRODUCT || json_object_get(o, known_mark) != NULL) return 0;
    return strstr(type, "attention") != NULL || strstr(type, "Attention") != NULL ? 2 : 1;
}

static double sum_of(const json_t *nodes, const char *key)
{
    const json_t *o = NULL;
    size_t i = 0;
    double sum = 0;
    json_array_foreach(nodes, i, o) sum += whet_json_real(o, key);
    return sum;
}

/* Runtimes that name nodes by themselves, but execute as many products as the file has left: they do so in the file's order. Gives
 * how many nodes. */
static int work_by_order(json_t *nodes, const json_t *order, const json_t *claimed)
{
    json_t *o = NULL, *x = NULL, *left = json_array();
    size_t i = 0, wanted = 0, next = 0;
    int given = 0;
    json_array_foreach(nodes, i, o) wanted += products_in(o);
    json_array_foreach((json_t *)order, i, x) {
        if (json_object_get(claimed, whet_json_str(x, "node")) == NULL) json_array_append(left, x);
    }
    if (wanted == 0 || wanted != json_array_size(left) || sum_of(nodes, "macs") + sum_of(left, "macs") > 1.02 * sum_of(order, "macs")) {
        json_decref(left);
        return 0;
    }
    json_array_foreach(nodes, i, o) {
        work w = {0};
        const size_t n = products_in(o);
        for (size_t k = 0; k < n; k++) add_work(&w, json_array_get(left, next + k));
        if (n == 0) continue;
        json_object_set(o, "in_file", json_object_get(json_array_get(left, next), "node"));
        next += n;
        give_work(o, &w);
        given++;
    }
    json_decref(left);
    return given;
}

static void bound_node(json_t *o, const whet_roofline *r, double all_constants)
{
    const whet_roof_work w = {.precision = whet_json_str(o, "precision"), .macs = whet_json_real(o, "macs"),
                              .constant_bytes = whet_json_real(o, "constant_bytes"),
                              .moving_bytes = whet_json_real(o, "input_bytes") + whet_json_real(o, "output_bytes"), .all_constants = all_constants};
    const whet_roof_bound b = whet_roofline_bound(r, &w);
    const double ms = whet_json_real(o, "ms"), most = fmax(b.compute_ms, b.memory_ms);
    json_object_set_new(o, "compute_ms", json_real(b.compute_ms));
    json_object_set_new(o, "memory_ms", json_real(b.memory_ms));
    json_object_set_new(o, "roof", most <= 0 ? json_null() : json_string(b.compute_ms >= b.memory_ms ? "compute" : "memory"));
    json_object_set_new(o, "of_roof", most > 0 && ms > 0 ? json_real(most / ms) : json_null());
}

/* --- sums */
static json_t *entry_named(json_t *list, const char *name)
{
    json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(list, i, o) {
        if (strcmp(whet_json_str(o, "precision"), name) == 0) return o;
    }
    o = json_pack("{ss, si, sf, sf, sf}", "precision", name, "nodes", 0, "macs", 0.0, "ms", 0.0, "compute_ms", 0.0);
    json_array_append_new(list, o);
    return o;
}

static void add_to(json_t *o, const char *key, double x) { json_object_set_new(o, key, json_real(whet_json_real(o, key) + x)); }
static void count_in(json_t *o, const char *key) { json_object_set_new(o, key, json_integer(json_integer_value(json_object_get(o, key)) + 1)); }

/* Of those that have multiply-adds; sorted by them. */
static json_t *sum_precisions(const json_t *nodes, double macs)
{
    json_t *list = json_array(), *o = NULL, *sorted = json_array();
    size_t i = 0;
    json_array_foreach((json_t *)nodes, i, o) {
        if (whet_json_real(o, "macs") <= 0) continue;
        const char *name = whet_json_str(o, "precision");
        json_t *e = entry_named(list, name[0] != '\0' ? name : "unknown");
        count_in(e, "nodes");
        add_to(e, "macs", whet_json_real(o, "macs"));
        add_to(e, "ms", whet_json_real(o, "ms"));
        add_to(e, "compute_ms", whet_json_real(o, "compute_ms"));
    }
    while (json_array_size(list) > 0) {
        size_t best = 0;
        json_array_foreach(list, i, o) {
            if (whet_json_real(o, "macs") > whet_json_real(json_array_get(list, best), "macs")) best = i;
        }
        o = json_array_get(list, best);
        json_object_set_new(o, "share", json_real(macs > 0 ? whet_json_real(o, "macs") / macs : 0));
        json_array_append(sorted, o);
        json_array_remove(list, best);
    }
    json_decref(list);
    return sorted;
}

static json_t *sum_classes(const json_t *nodes, double ms)
{
    json_t *all = json_object(), *o = NULL, *types = NULL;
    const char *name = NULL;
    size_t i = 0;
    for (int c = 0; c < WHET_NODE_CLASSES; c++) json_object_set_new(all, class_names[c], json_pack("{si, sf, sf, s{}}", "nodes", 0, "ms", 0.0, "share", 0.0, "types"));
    json_array_foreach((json_t *)nodes, i, o) {
        json_t *e = json_object_get(all, whet_json_str(o, "class"));
        types = json_object_get(e, "types");
        count_in(e, "nodes");
        add_to(e, "ms", whet_json_real(o, "ms"));
        count_in(types, whet_json_str(o, "type"));
    }
    json_object_foreach(all, name, o) json_object_set_new(o, "share", json_real(ms > 0 ? whet_json_real(o, "ms") / ms : 0));
    return all;
}

/* The time that the roofs allow for all of it, and how the time is spread over what limits. */
static json_t *sum_roofs(const json_t *nodes)
{
    double least = 0, ms = 0, compute = 0, memory = 0;
    const json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(nodes, i, o) {
        const double t = whet_json_real(o, "ms");
        least += fmax(whet_json_real(o, "compute_ms"), whet_json_real(o, "memory_ms"));
        ms += t;
        if (strcmp(whet_json_str(o, "roof"), "compute") == 0) compute += t;
        if (strcmp(whet_json_str(o, "roof"), "memory") == 0) memory += t;
    }
    return json_pack("{sf, so, sf, sf}", "least_ms", least, "of_roof", ms > 0 ? json_real(least / ms) : json_null(), "compute_share", ms > 0 ? compute / ms : 0.0,
                     "memory_share", ms > 0 ? memory / ms : 0.0);
}

/* The name in the file where the runtime made up its own. */
static json_t *label_of(const json_t *o, const json_t *file)
{
    const char *origin = whet_json_str(o, "origin"), *in_file = whet_json_str(o, "in_file");
    char first[4096];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(origin, ","), origin);
    return json_string(in_file[0] != '\0' ? in_file : json_object_get(file, first) != NULL ? first : whet_json_str(o, "name"));
}

double whet_explain_scale(json_t *nodes, double latency_ms)
{
    const double sum = sum_of(nodes, "ms");
    json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(nodes, i, o) {
        const json_t *ms = json_object_get(o, "ms");
        if (!json_is_number(ms)) continue;
        const double own = json_number_value(ms);
        json_object_set_new(o, "profile_ms", json_real(own));
        if (sum > 0 && latency_ms > 0) json_object_set_new(o, "ms", json_real(own / sum * latency_ms));
    }
    return sum;
}

json_t *whet_explain_nodes(const json_t *given, const json_t *file, const json_t *order, const whet_roofline *r)
{
    json_t *nodes = json_deep_copy(given), *claimed = json_object(), *o = NULL;
    size_t i = 0;
    bool timed = false;
    if (nodes == NULL || claimed == NULL) {
        json_decref(nodes);
        json_decref(claimed);
        return NULL;
    }
    work_by_name(nodes, file, claimed);
    const int ordered = work_by_order(nodes, order, claimed);
    json_decref(claimed);
    const double macs = sum_of(nodes, "macs"), ms = sum_of(nodes, "ms"), constants = sum_of(nodes, "constant_bytes");
    json_array_foreach(nodes, i, o) {
        const double m = whet_json_real(o, "macs");
        json_object_del(o, known_mark);
        json_object_set_new(o, "label", label_of(o, file));
        if (json_object_get(o, "kernel") == NULL && json_object_get(o, "exec") != NULL) json_object_set(o, "kernel", json_object_get(o, "exec"));
        json_object_set_new(o, "class", json_string(whet_node_class_name(whet_node_class_of(whet_json_str(o, "type"), m))));
        timed |= json_is_number(json_object_get(o, "ms"));
        json_object_set_new(o, "share", ms > 0 ? json_real(whet_json_real(o, "ms") / ms) : json_null());
        if (r != NULL) bound_node(o, r, constants);
    }
    json_t *doc = json_pack("{sb, si, so, so, sf, so, so, so}", "matched_by_order", ordered > 0, "matched_nodes", ordered, "ms", timed ? json_real(ms) : json_null(), "precisions", sum_precisions(nodes, macs), "macs", macs, "classes",
                            sum_classes(nodes, ms), "roof", r != NULL && timed ? sum_roofs(nodes) : json_null(), "nodes", nodes);
    return doc;
}

/* --- what was quantised in the file and is not in what runs */
static bool from_dequantiser(const whet_graph *g, whet_vid v)
{
    const whet_nid p = v != WHET_NO_VALUE ? g->values[v].producer : WHET_NO_NODE;
    return p != WHET_NO_NODE && whet_node_is(&g->nodes[p], "DequantizeLinear");
}

static bool is_product(const whet_node *n)
{
    static const char *const ops[] = {"Conv", "ConvTranspose", "Gemm", "MatMul"};
    for (size_t i = 0; i < WHET_COUNT(ops); i++)
        if (whet_node_is(n, ops[i])) return true;
    return false;
}

/* The operator that keeps the result from being quantised at once; "" if nothing does. */
static const char *reader_in_float(whet_graph *g, whet_vid v)
{
    const whet_uses u = whet_graph_uses(g, v);
    for (int i = 0; i < u.n; i++) {
        const whet_node *n = &g->nodes[u.nodes[i]];
        if (whet_node_is(n, "QuantizeLinear")) continue;
        if ((whet_node_is(n, "Relu") || whet_node_is(n, "Clip")) && reader_in_float(g, n->out[0])[0] == '\0') continue;
        return n->op->name;
    }
    return u.n == 0 ? "output" : "";
}

static void say_why(char *why, size_t size, whet_graph *g, const whet_node *n)
{
    const bool input = from_dequantiser(g, n->in[0]), weights = from_dequantiser(g, n->in[1]);
    const char *reader = reader_in_float(g, n->out[0]);
    if (!input && !weights)
        snprintf(why, size, "the file does not quantise it");
    else if (!input)
        snprintf(why, size, "its input is not quantised in the file");
    else if (!weights)
        snprintf(why, size, "its weights are not quantised in the file");
    else if (strcmp(reader, "output") == 0)
        snprintf(why, size, "its result is an output of the model and is not quantised");
    else if (reader[0] != '\0')
        snprintf(why, size, "its result goes to %s in float before it is quantised", reader);
    else
        snprintf(why, size, "the file quantises it on all sides, the runtime has no integer form of it");
}

static bool has(const json_t *set, const char *name, const char *result)
{
    return json_object_get(set, name) != NULL || json_object_get(set, result) != NULL;
}

json_t *whet_explain_left_in_float(const whet_graph *file, const json_t *nodes)
{
    json_t *list = json_array(), *o = NULL, *in_float = json_object();
    whet_graph *g = NULL;
    size_t i = 0;
    bool quantised = false;
    if (list == NULL || in_float == NULL || whet_graph_clone(&g, file) != WHET_OK) {
        json_decref(in_float);
        return list;
    }
    json_array_foreach((json_t *)nodes, i, o) {
        const char *p = whet_json_str(o, "precision"), *origin = whet_json_str(o, "origin"), *in_file = whet_json_str(o, "in_file");
        if (whet_json_real(o, "macs") <= 0 || p[0] == '\0' || strncmp(p, "int", 3) == 0) continue; /* int16x8 too */
        json_object_set_new(in_float, in_file[0] != '\0' ? in_file : origin[0] != '\0' ? origin : whet_json_str(o, "name"), json_true());
    }
    for (int k = 0; k < g->n_nodes; k++) quantised |= whet_node_is(&g->nodes[k], "DequantizeLinear");
    for (int k = 0; k < g->n_nodes && quantised; k++) {
        const whet_node *n = &g->nodes[k];
        char why[200];
        if (n->op == NULL || !is_product(n) || n->n_in < 2 || !has(in_float, n->name, g->values[n->out[0]].name)) continue;
        say_why(why, sizeof why, g, n);
        json_array_append_new(list, json_pack("{ss, ss, ss}", "node", n->name, "op", n->op->name, "why", why));
    }
    json_decref(in_float);
    whet_graph_free(g);
    return list;
}
