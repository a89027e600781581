/* SPDX-License-Identifier: Apache-2.0 */
/* What the library tells of a model: with a traced run it gives the graph that it really executes, after its rewriting, and the
 * time of each node. Both come as protocol buffers (RunMetadata of config.proto, step_stats.proto, graph.proto). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tf_plugin.h"

enum { RUNS = 20, MAX_NODES = 20000 };

/* --- nodes of the executed graph, with their times */
typedef struct node { tf_span name, op; int64_t type; double us; } node;
typedef struct nodes { size_t n; node *v; } nodes;

static bool same(tf_span a, tf_span b) { return a.n == b.n && memcmp(a.data, b.data, a.n) == 0; }
static bool is(tf_span a, const char *text) { return a.n == strlen(text) && memcmp(a.data, text, a.n) == 0; }

/* What moves values in and out, or was computed before. */
static bool computes_nothing(tf_span op)
{
    static const char *const none[] = {"_Arg", "_Retval", "_DeviceRetval", "_DeviceArg", "Const", "NoOp", "_Send", "_Recv", "_HostSend", "_HostRecv", "VarHandleOp"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (is(op, none[i])) return true;
    return false;
}

/* The attribute `T` (else `dtype`) of a node: what it computes in. */
static int64_t type_of(tf_span def)
{
    enum { NODE_ATTR = 5, KEY = 1, VALUE = 2, VALUE_TYPE = 6 };
    tf_field f, g, h;
    int64_t type = 0;
    while (tf_next(&def, &f)) {
        tf_span key = {(const unsigned char *)"", 0};
        int64_t value = 0;
        if (f.number != NODE_ATTR || f.bytes.data == NULL) continue;
        while (tf_next(&f.bytes, &g)) {
            if (g.number == KEY && g.bytes.data != NULL) key = g.bytes;
            if (g.number != VALUE || g.bytes.data == NULL) continue;
            while (tf_next(&g.bytes, &h))
                if (h.number == VALUE_TYPE) value = h.value;
        }
        if (value != 0 && (is(key, "T") || (type == 0 && is(key, "dtype")))) type = value;
    }
    return type;
}

static int add_graph(nodes *list, tf_span graph)
{
    enum { GRAPH_NODE = 1, NODE_NAME = 1, NODE_OP = 2 };
    tf_field f, g;
    while (tf_next(&graph, &f)) {
        node x = {.us = 0};
        if (f.number != GRAPH_NODE || f.bytes.data == NULL) continue;
        for (tf_span def = f.bytes; tf_next(&def, &g);) {
            if (g.number == NODE_NAME && g.bytes.data != NULL) x.name = g.bytes;
            if (g.number == NODE_OP && g.bytes.data != NULL) x.op = g.bytes;
        }
        if (x.name.n == 0 || x.op.n == 0 || computes_nothing(x.op)) continue;
        if (list->n == MAX_NODES) return plugin_fail(WHET_EUNSUPPORTED, "the graph has over %d nodes", MAX_NODES);
        x.type = type_of(f.bytes);
        list->v[list->n++] = x;
    }
    return 0;
}

static void add_time(nodes *list, tf_span stats)
{
    enum { NAME = 1, OP_START = 3, OP_END = 4, OP_START_NS = 14, OP_END_NS = 15 };
    tf_span name = {NULL, 0};
    int64_t us[2] = {0, 0}, ns[2] = {0, 0};
    tf_field f;
    while (tf_next(&stats, &f)) {
        if (f.number == NAME && f.bytes.data != NULL) name = f.bytes;
        if (f.number == OP_START || f.number == OP_END) us[f.number - OP_START] = f.value;
        if (f.number == OP_START_NS || f.number == OP_END_NS) ns[f.number - OP_START_NS] = f.value;
    }
    for (size_t i = 0; name.data != NULL && i < list->n; i++)
        if (same(list->v[i].name, name)) {
            list->v[i].us += ns[1] > 0 ? (double)(ns[1] - ns[0]) * 1e-3 : (double)(us[1] - us[0]);
            return;
        }
}

static void add_times(nodes *list, tf_span metadata)
{
    enum { STEP_STATS = 1, DEVICES = 1, DEVICE_NODES = 2 };
    tf_field f, g, h;
    while (tf_next(&metadata, &f)) {
        if (f.number != STEP_STATS || f.bytes.data == NULL) continue;
        while (tf_next(&f.bytes, &g)) {
            if (g.number != DEVICES || g.bytes.data == NULL) continue;
            while (tf_next(&g.bytes, &h))
                if (h.number == DEVICE_NODES && h.bytes.data != NULL) add_time(list, h.bytes);
        }
    }
}

/* --- traced runs */
/* One run with the given RunOptions; its RunMetadata in `metadata`. */
static int traced(whet_backend_stream *s, const tf_bytes *options, tf_buffer *metadata)
{
    whet_backend_model *m = s->m;
    tf_tensor *values[TF_MAX_IO] = {NULL};
    const tf_buffer o = {options->data, options->n, NULL};
    tf_rt.SessionRun(m->session, &o, s->m->at[0], s->value[0], m->ends.n[0], s->m->at[1], values, m->ends.n[1], NULL, 0, metadata, s->status);
    for (int i = 0; i < m->ends.n[1]; i++)
        if (values[i] != NULL) tf_rt.DeleteTensor(values[i]);
    return tf_check(s->status, WHET_ERUNTIME, "run");
}

static int read_graph(whet_backend_stream *s, nodes *list, tf_buffer *metadata)
{
    enum { OUTPUT_GRAPHS = 5, PARTITION_GRAPHS = 3 };
    tf_bytes options = {.n = 0};
    tf_field f;
    tf_put_int(&options, OUTPUT_GRAPHS, 1);
    int status = traced(s, &options, metadata);
    tf_span all = {metadata->data, metadata->length};
    while (status == 0 && tf_next(&all, &f))
        if (f.number == PARTITION_GRAPHS && f.bytes.data != NULL) status = add_graph(list, f.bytes);
    if (status == 0 && list->n == 0) status = plugin_fail(WHET_EUNSUPPORTED, "TensorFlow does not tell the graph that it executes");
    return status;
}

static int read_times(whet_backend_stream *s, nodes *list)
{
    enum { TRACE_LEVEL = 1, FULL_TRACE = 3 };
    tf_bytes options = {.n = 0};
    int status = 0;
    tf_put_int(&options, TRACE_LEVEL, FULL_TRACE);
    for (int k = -1; k < RUNS && status == 0; k++) { /* the first is not counted */
        tf_buffer *metadata = tf_rt.NewBuffer();
        status = metadata != NULL ? traced(s, &options, metadata) : plugin_no_memory();
        if (status == 0 && k >= 0) add_times(list, (tf_span){metadata->data, metadata->length});
        if (metadata != NULL) tf_rt.DeleteBuffer(metadata);
        if (plugin_host->cancelled()) return plugin_fail(WHET_ECANCELLED, "interrupted");
    }
    return status;
}

static const char *type_name(int64_t type)
{
    static const char *const names[] = {"", "f32", "f64", "s32", "u8", "s16", "s8", "", "", "s64", "bool", "int8", "int8", "int8", "bf16", "", "", "u16", "", "f16"};
    return type >= 0 && type < (int64_t)(sizeof names / sizeof names[0]) ? names[type] : "";
}

static void put_nodes(plugin_text *t, const nodes *list, bool timed)
{
    plugin_put(t, "{\"nodes\":[");
    for (size_t i = 0; i < list->n; i++) {
        const node *x = &list->v[i];
        plugin_put(t, "%s{\"name\":", i > 0 ? "," : "");
        plugin_put_bytes(t, (const char *)x->name.data, x->name.n);
        plugin_put(t, ",\"type\":");
        plugin_put_bytes(t, (const char *)x->op.data, x->op.n);
        plugin_put(t, ",\"precision\":\"%s\",\"ms\":", type_name(x->type));
        if (timed)
            plugin_put(t, "%.4f", x->us / 1e3 / RUNS);
        else
            plugin_put(t, "null");
        plugin_put(t, ",\"origin\":");
        plugin_put_bytes(t, (const char *)x->name.data, x->name.n);
        plugin_put(t, "}");
    }
    plugin_put(t, "]");
    if (timed) plugin_put(t, ",\"runs\":%d", RUNS);
    plugin_put(t, "}");
}

static int layers(whet_backend_model *m, bool timed, char **json)
{
    nodes list = {0, NULL};
    plugin_text t = {0};
    if (m->last == NULL) return plugin_fail(WHET_EINVAL, "no stream is open: make one before asking for the executed graph");
    tf_buffer *metadata = tf_rt.NewBuffer(); /* the names of the nodes lie in it */
    list.v = calloc(MAX_NODES, sizeof *list.v);
    int status = metadata != NULL && list.v != NULL ? 0 : plugin_no_memory();
    if (status == 0) status = read_graph(m->last, &list, metadata);
    if (status == 0 && timed) status = read_times(m->last, &list);
    if (status == 0) {
        put_nodes(&t, &list, timed);
        status = plugin_give(&t, json);
    }
    if (metadata != NULL) tf_rt.DeleteBuffer(metadata);
    free(list.v);
    return status;
}

int tf_query(whet_backend_model *m, const char *key, char **json)
{
    plugin_text t = {0};
    *json = NULL;
    if (strcmp(key, "executed_graph") == 0) return layers(m, false, json);
    if (strcmp(key, "profile") == 0) return layers(m, true, json);
    if (strcmp(key, "threads") != 0) return plugin_fail(WHET_EUNSUPPORTED, "TensorFlow does not tell '%s'", key);
    plugin_put(&t, "{\"intra_op\":%d,\"inter_op\":1}", m->threads);
    return plugin_give(&t, json);
}
