/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a frozen graph or a SavedModel: which nodes are inputs and outputs, under which names; metadata. Sources: graph.proto,
 * saved_model.proto, meta_graph.proto of TensorFlow. */
#include <stdio.h>

#include "base/io.h"
#include "formats/tensorflow/tf_reader.h"

enum { MAX_PORTS = 1024 };

/* An input or output: its name in the graph, what it is in the file. */
typedef struct port { const char *name, *ref; const tf_info *info; } port;
typedef struct ports { size_t n; port *v; } ports;

static whet_status at(const char *node, whet_status status)
{
    whet_error_at_node(node);
    return status;
}

static bool is_op(const tf_node *n, const char *op) { return strcmp(n->op, op) == 0; }

/* --- a frozen graph */

/* What computes nothing, or nothing that a network gives. */
static bool gives_nothing(const tf_node *n)
{
    static const char *const none[] = {"NoOp", "Const", "Placeholder", "PlaceholderWithDefault", "Assert", "SaveV2", "MergeV2Checkpoints",
                                       "VarHandleOp", "VariableV2", "Variable", "ScalarSummary", "HistogramSummary", "MergeSummary"};
    for (size_t i = 0; i < WHET_COUNT(none); i++)
        if (is_op(n, none[i])) return true;
    return false;
}

static whet_status frozen_outputs(tf_reader *r, const tf_scope *s, ports *out)
{
    const tf_nodes *nodes = s->nodes;
    bool *used = whet_arena_alloc(r->arena, nodes->n + 1);
    int node = -1, arg = -1, k = 0;
    out->v = whet_arena_alloc(r->arena, MAX_PORTS * sizeof(*out->v));
    if (!used || !out->v) return WHET_ENOMEM;
    for (size_t i = 0; i < nodes->n; i++)
        for (size_t j = 0; j < nodes->v[i].input.n; j++)
            if (tf_scope_find(r, s, nodes->v[i].input.v[j], &node, &arg, &k) && node >= 0) used[node] = true;
    for (size_t i = 0; i < nodes->n; i++) {
        const tf_node *n = &nodes->v[i];
        if (used[i] || gives_nothing(n)) continue;
        if (out->n == MAX_PORTS) return WHET_FAIL(WHET_EUNSUPPORTED, "the graph has more than %d outputs", MAX_PORTS);
        out->v[out->n++] = (port){n->name, n->name, NULL};
    }
    return out->n ? WHET_OK : WHET_FAIL(WHET_EFORMAT, "the graph has no output: no node that nothing else takes");
}

/* Nodes that the outputs need, as marks. */
static whet_status mark(tf_reader *r, const tf_scope *s, const ports *outputs, bool **needed)
{
    const size_t n = s->nodes->n;
    int32_t *stack = whet_arena_alloc(r->arena, (n + 1) * sizeof(*stack));
    size_t depth = 0;
    int node = -1, arg = -1, k = 0;
    *needed = whet_arena_alloc(r->arena, n + 1);
    if (!stack || !*needed) return WHET_ENOMEM;
    for (size_t i = 0; i < outputs->n; i++) {
        if (!tf_scope_find(r, s, outputs->v[i].ref, &node, &arg, &k) || node < 0)
            return WHET_FAIL(WHET_EFORMAT, "output '%.200s' is no node of the graph", outputs->v[i].ref);
        if (!(*needed)[node]) stack[depth++] = node;
        (*needed)[node] = true;
    }
    while (depth > 0) {
        const tf_node *x = &s->nodes->v[stack[--depth]];
        for (size_t j = 0; j < x->input.n; j++) {
            if (!tf_scope_find(r, s, x->input.v[j], &node, &arg, &k) || node < 0 || (*needed)[node]) continue;
            (*needed)[node] = true;
            stack[depth++] = node;
        }
    }
    return WHET_OK;
}

static whet_status frozen_inputs(tf_reader *r, const tf_scope *s, const ports *outputs, ports *in)
{
    bool *needed = NULL;
    in->v = whet_arena_alloc(r->arena, MAX_PORTS * sizeof(*in->v));
    if (!in->v) return WHET_ENOMEM;
    WHET_TRY(mark(r, s, outputs, &needed));
    for (int pass = 0; pass < 2 && in->n == 0; pass++) /* a placeholder with a default is an input where there is no other */
        for (size_t i = 0; i < s->nodes->n; i++) {
            const tf_node *n = &s->nodes->v[i];
            if (!needed[i] || !is_op(n, pass ? "PlaceholderWithDefault" : "Placeholder")) continue;
            if (in->n == MAX_PORTS) return WHET_FAIL(WHET_EUNSUPPORTED, "the graph has more than %d inputs", MAX_PORTS);
            in->v[in->n++] = (port){n->name, n->name, NULL};
        }
    return WHET_OK;
}

/* --- signatures */

/* Natural order: output_2 before output_10. */
static int compare_names(const char *a, const char *b)
{
    while (*a && *b) {
        if (*a >= '0' && *a <= '9' && *b >= '0' && *b <= '9') {
            const size_t na = strspn(a, "0123456789"), nb = strspn(b, "0123456789");
            const int c = na != nb ? (na < nb ? -1 : 1) : memcmp(a, b, na);
            if (c) return c;
            a += na;
            b += nb;
            continue;
        }
        if (*a != *b) break;
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

static int compare_ports(const void *a, const void *b) { return compare_names(((const port *)a)->name, ((const port *)b)->name); }

static whet_status signature_ports(tf_reader *r, const tf_infos *list, const char *what, ports *out)
{
    if (list->n > MAX_PORTS) return WHET_FAIL(WHET_EUNSUPPORTED, "the signature has more than %d %s", MAX_PORTS, what);
    out->v = whet_arena_alloc(r->arena, (list->n + 1) * sizeof(*out->v));
    if (!out->v) return WHET_ENOMEM;
    for (size_t i = 0; i < list->n; i++) {
        const tf_info_entry *e = &list->v[i];
        if (!e->key || !*e->key || !e->value) return WHET_FAIL(WHET_EFORMAT, "the signature has %s without a name", what);
        if (e->value->sparse.data || e->value->composite.data || !e->value->name)
            return at(e->key, WHET_FAIL(WHET_EUNSUPPORTED, "'%.200s' of the signature is no dense tensor", e->key));
        out->v[out->n++] = (port){e->key, e->value->name, e->value};
    }
    qsort(out->v, out->n, sizeof(*out->v), compare_ports);
    for (size_t i = 1; i < out->n; i++)
        if (strcmp(out->v[i].name, out->v[i - 1].name) == 0) return WHET_FAIL(WHET_EFORMAT, "the signature names '%.200s' twice", out->v[i].name);
    return WHET_OK;
}

static const tf_sig *choose_signature(const tf_meta_graph *m)
{
    static const char *const names[] = {"serving_default", "serve", NULL};
    for (size_t k = 0; k < WHET_COUNT(names); k++)
        for (size_t i = 0; i < m->signature.n; i++) {
            const tf_sig_entry *e = &m->signature.v[i];
            if (!e->key || !e->value || e->value->outputs.n == 0 || e->key[0] == '_') continue;
            if (!names[k] || strcmp(e->key, names[k]) == 0) return e->value;
        }
    return NULL;
}

static whet_status choose_meta_graph(const tf_saved_model *m, const tf_meta_graph **out)
{
    *out = NULL;
    for (size_t i = 0; i < m->meta_graph.n; i++) {
        const tf_meta_graph *g = &m->meta_graph.v[i];
        for (size_t k = 0; g->info && k < g->info->tags.n; k++)
            if (strcmp(g->info->tags.v[k], "serve") == 0 && !*out) *out = g;
    }
    if (!*out && m->meta_graph.n == 1) *out = &m->meta_graph.v[0];
    if (!*out) return WHET_FAIL(WHET_EUNSUPPORTED, "the SavedModel has no graph tagged 'serve'; export it for serving");
    if (!(*out)->graph) return WHET_FAIL(WHET_EFORMAT, "the SavedModel has no graph");
    for (size_t i = 0; i < (*out)->asset.n; i++) {
        const char *name = (*out)->asset.v[i].filename;
        if (name && !whet_path_is_inside(name))
            return WHET_FAIL(WHET_EFORMAT, "asset '%.200s' is not inside the model's folder", name);
    }
    return WHET_OK;
}

/* --- ports into the graph */

static whet_status dims_of(tf_reader *r, const char *name, const tf_shape *s, whet_dims *d)
{
    *d = (whet_dims){.rank = -1};
    if (!s || s->unknown_rank) return WHET_OK;
    if (s->dim.n > WHET_MAX_RANK)
        return at(name, WHET_FAIL(WHET_EUNSUPPORTED, "input '%.200s' has %zu dimensions, at most %d are handled", name, s->dim.n, WHET_MAX_RANK));
    d->rank = (int)s->dim.n;
    for (int i = 0; i < d->rank; i++) {
        char symbol[256];
        d->dims[i] = s->dim.v[i].size;
        if (d->dims[i] >= 0) continue;
        snprintf(symbol, sizeof(symbol), "%.200s.%d", name, i);
        d->dims[i] = whet_graph_symbol(r->g, i == 0 ? "N" : symbol);
    }
    return WHET_OK;
}

static whet_status add_input(tf_reader *r, tf_scope *s, const port *p)
{
    int node = -1, arg = -1, k = 0;
    whet_dims d;
    if (!tf_scope_find(r, s, p->ref, &node, &arg, &k) || node < 0)
        return at(p->name, WHET_FAIL(WHET_EFORMAT, "input '%.200s' of the signature is no node of the graph", p->ref));
    const tf_node *n = &s->nodes->v[node];
    const tf_value *type = tf_node_attr(n, "dtype"), *shape = tf_node_attr(n, "shape");
    const int64_t code = p->info && p->info->dtype ? p->info->dtype : type ? type->type : 0;
    if (tf_dtype(code) == WHET_DTYPE_NONE)
        return at(n->name, WHET_FAIL(WHET_EUNSUPPORTED, "input '%.200s' is %s; cut the network where pictures are decoded (--cut-input)",
                                     p->name, tf_dtype_name(code)));
    WHET_TRY(dims_of(r, p->name, p->info && p->info->shape && !p->info->shape->unknown_rank ? p->info->shape : shape ? shape->shape : NULL, &d));
    tf_results *done = &s->done[node];
    if (done->n <= k) {
        tf_val **v = whet_arena_alloc(r->arena, ((size_t)k + 1) * sizeof(*v));
        if (!v) return WHET_ENOMEM;
        for (int i = 0; i < done->n; i++) v[i] = done->v[i];
        *done = (tf_results){k + 1, v};
    }
    tf_val *v = tf_val_new(r, TF_VAL_TENSOR);
    if (!v) return WHET_ENOMEM;
    done->v[k] = v;
    return whet_graph_input(r->g, p->name, tf_dtype(code), &d, &v->v.last);
}

static whet_status add_output(tf_reader *r, const char *name, tf_val *v)
{
    if (v->kind == TF_VAL_BLOCKS)
        return at(name, WHET_FAIL(WHET_EUNSUPPORTED, "output '%.200s' lies between SpaceToBatchND and BatchToSpaceND", name));
    if (v->kind != TF_VAL_TENSOR) return at(name, WHET_FAIL(WHET_EUNSUPPORTED, "output '%.200s' is no tensor of numbers", name));
    WHET_TRY(tf_materialise(r, v));
    return whet_nhwc_output(r->g, &v->v, name);
}

/* All results of a node that nothing else takes. */
static whet_status add_frozen_output(tf_reader *r, const tf_scope *s, const port *p)
{
    int node = -1, arg = -1, k = 0;
    if (!tf_scope_find(r, s, p->ref, &node, &arg, &k) || node < 0) return WHET_FAIL(WHET_EFORMAT, "output '%.200s' is lost", p->ref);
    const tf_results *done = &s->done[node];
    for (int i = 0; i < done->n; i++) {
        char *name = whet_format(i ? "%s:%d" : "%s", p->name, i);
        whet_status status = !name ? WHET_ENOMEM : done->v[i] ? add_output(r, name, done->v[i]) : WHET_OK;
        whet_free(name);
        WHET_TRY(status);
    }
    return WHET_OK;
}

static whet_status run(tf_reader *r, tf_scope *s, const ports *in, const ports *out)
{
    const char **refs = whet_arena_alloc(r->arena, (out->n + 1) * sizeof(*refs));
    tf_val **v = whet_arena_alloc(r->arena, (out->n + 1) * sizeof(tf_val *));
    if (!refs || !v) return WHET_ENOMEM;
    for (size_t i = 0; i < in->n; i++) WHET_TRY(add_input(r, s, &in->v[i]));
    for (size_t i = 0; i < out->n; i++) refs[i] = out->v[i].ref;
    WHET_TRY(tf_scope_run(r, s, out->n, refs, v));
    for (size_t i = 0; i < out->n; i++) WHET_TRY(r->meta ? add_output(r, out->v[i].name, v[i]) : add_frozen_output(r, s, &out->v[i]));
    return WHET_OK;
}

/* Contract, labels and the like stand in constants of text that nothing takes: name and contents. */
static whet_status read_meta(tf_reader *r)
{
    for (size_t i = 0; i < r->graph->node.n; i++) {
        const tf_node *n = &r->graph->node.v[i];
        if (strncmp(n->name, TF_META_PREFIX, sizeof(TF_META_PREFIX) - 1) != 0 || !is_op(n, "Const")) continue;
        const tf_value *a = tf_node_attr(n, "value");
        const whet_pb_bytes_list *s = a && a->tensor ? &a->tensor->string_val : NULL;
        if (!s || s->n != 2 || s->v[0].size == 0 || !whet_utf8_valid(s->v[0].data, s->v[0].size) || !whet_utf8_valid(s->v[1].data, s->v[1].size))
            continue;
        char *key = whet_arena_strndup(r->arena, (const char *)s->v[0].data, s->v[0].size);
        char *value = whet_arena_strndup(r->arena, s->v[1].data ? (const char *)s->v[1].data : "", s->v[1].size);
        if (!key || !value) return WHET_ENOMEM;
        WHET_TRY(whet_graph_set_meta(r->g, key, value));
    }
    if (r->meta && r->meta->info && r->meta->info->version && *r->meta->info->version)
        return whet_graph_set_meta(r->g, "tensorflow.version", r->meta->info->version);
    return WHET_OK;
}

static size_t count_nodes(const tf_graph *g)
{
    size_t n = g->node.n;
    for (size_t i = 0; g->library && i < g->library->function.n; i++) n += g->library->function.v[i].node.n;
    return n;
}

static whet_status check_library(const tf_graph *g)
{
    for (size_t i = 0; g->library && i < g->library->function.n; i++) {
        const tf_function *f = &g->library->function.v[i];
        if (!f->signature || !f->signature->name) return WHET_FAIL(WHET_EFORMAT, "function %zu has no name", i);
        for (size_t k = 0; k < f->node.n; k++)
            if (!f->node.v[k].op || !f->node.v[k].name) return WHET_FAIL(WHET_EFORMAT, "function '%.200s' has a node without a name", f->signature->name);
    }
    return WHET_OK;
}

static whet_status read_graph(tf_reader *r)
{
    tf_scope s = {.depth = 0};
    ports in = {0, NULL}, out = {0, NULL};
    whet_status status = WHET_OK;
    r->max_converted = 4 * count_nodes(r->graph) + 10000;
    WHET_TRY(check_library(r->graph));
    WHET_GOTO(tf_scope_open(r, &s, &r->graph->node));
    if (r->bundle) WHET_GOTO(tf_variables_map(r));
    if (r->meta) {
        const tf_sig *sig = choose_signature(r->meta);
        if (!sig) WHET_GOTO(WHET_FAIL(WHET_EUNSUPPORTED, "the SavedModel has no signature; export it with signature 'serving_default'"));
        WHET_GOTO(signature_ports(r, &sig->inputs, "inputs", &in));
        WHET_GOTO(signature_ports(r, &sig->outputs, "outputs", &out));
    } else {
        WHET_GOTO(frozen_outputs(r, &s, &out));
        WHET_GOTO(frozen_inputs(r, &s, &out, &in));
    }
    WHET_GOTO(run(r, &s, &in, &out));
    WHET_GOTO(read_meta(r));
    WHET_GOTO(whet_graph_prune(r->g));
    WHET_GOTO(tf_tidy(r->g));
    status = whet_graph_verify(r->g);
done:
    tf_scope_close(r, &s);
    return status;
}

/* --- files */

typedef struct source {
    const void *data;
    size_t size;
    const char *name;
    bool saved_model;
    whet_mapped *pin;            /* taken */
    whet_tfbundle *bundle;  /* taken; NULL: none */
} source;

static whet_status decode(tf_reader *r, const source *from)
{
    tf_saved_model *m = whet_arena_alloc(r->arena, sizeof(*m));
    tf_graph *g = whet_arena_alloc(r->arena, sizeof(*g));
    if (!m || !g) return WHET_ENOMEM;
    r->graph = g;
    if (!from->saved_model) return whet_pb_decode(&tf_graph_message, from->data, from->size, from->name, r->arena, g);
    WHET_TRY(whet_pb_decode(&tf_saved_model_message, from->data, from->size, from->name, r->arena, m));
    if (m->version != 1) return WHET_FAIL(WHET_EUNSUPPORTED, "version %lld of SavedModel is not handled, 1 is", (long long)m->version);
    WHET_TRY(choose_meta_graph(m, &r->meta));
    r->graph = r->meta->graph;
    return WHET_OK;
}

static whet_status read_source(whet_graph **out, source *from, const whet_format_options *o)
{
    tf_reader r = {.file = from->name, .pin = from->pin, .bundle = from->bundle};
    size_t four = 0;
    whet_status status = WHET_OK;
    *out = NULL;
    whet_format_options_init(&r.opt);
    if (o) memcpy(&r.opt, o, WHET_MIN(o->size, sizeof(r.opt)));
    r.budget.left = (size_t)64 << 20;
    if (whet_mul_size(from->size, 4, &four)) r.budget.left += four;
    r.arena = whet_arena_create();
    if (from->bundle) status = whet_mapped_create(&r.bundle_pin, tf_bundle_close, from->bundle);
    if (!r.arena) status = WHET_ENOMEM;
    if (status != WHET_OK) goto done;
    WHET_GOTO(whet_graph_create(&r.g, "tensorflow"));
    WHET_GOTO(decode(&r, from));
    status = read_graph(&r);
done:
    if (status != WHET_OK) {
        whet_error_at_file(from->name);
        whet_graph_free(r.g);
        r.g = NULL;
    }
    for (tf_val *v = r.vals; v; v = v->next) whet_tensor_dispose(&v->data);
    onnx_names_dispose(&r.keys);
    onnx_names_dispose(&r.inlined);
    whet_free(r.key);
    whet_arena_free(r.arena);
    whet_mapped_unref(r.bundle_pin);
    whet_mapped_unref(r.pin);
    *out = r.g;
    return status;
}

static whet_status open_file(source *s, const char *path)
{
    whet_map *map = NULL;
    WHET_TRY(whet_map_open(&map, path));
    s->data = whet_map_data(map);
    s->size = whet_map_size(map);
    s->name = path;
    return whet_mapped_file(&s->pin, map);
}

static bool is_saved_model(const uint8_t *head, size_t n)
{
    return n >= 3 && head[0] == 0x08 && head[1] == 0x01 && head[2] == 0x12; /* version 1, then a MetaGraphDef; ONNX is 3 and more */
}

bool whet_tf_graph_detect(const uint8_t *head, size_t n, size_t file_size, const char *path)
{
    (void)file_size;
    (void)path;
    size_t i = 1;
    if (is_saved_model(head, n)) return true;
    if (n >= 6 && memcmp(head, "node {", 6) == 0) return true; /* refused with the reason */
    if (n < 4 || head[0] != 0x0a) return false;                /* a NodeDef, whose first field is its name */
    while (i < n && i < 6 && head[i] & 0x80) i++;
    return i + 1 < n && head[i + 1] == 0x0a;
}

static whet_status read_folder(whet_graph **out, const char *folder, const whet_format_options *o)
{
    source s = {.saved_model = true};
    char *path = whet_path_join(folder, "saved_model.pb"), *prefix = whet_path_join(folder, "variables/variables");
    char *index = whet_path_join(folder, "variables/variables.index");
    whet_status status = path && prefix && index ? WHET_OK : WHET_ENOMEM;
    *out = NULL;
    if (status == WHET_OK && whet_file_exists(index)) status = whet_tfbundle_open(&s.bundle, prefix);
    if (status == WHET_OK) status = open_file(&s, path);
    if (status == WHET_OK) status = read_source(out, &s, o);
    else whet_tfbundle_close(s.bundle);
    whet_free(path);
    whet_free(prefix);
    whet_free(index);
    return status;
}

whet_status whet_tf_graph_read(whet_graph **out, const char *path, const whet_format_options *o)
{
    source s = {.saved_model = false};
    *out = NULL;
    WHET_TRY(open_file(&s, path));
    if (is_saved_model(s.data, s.size)) {
        const size_t base = (size_t)(whet_path_base(path) - path);
        char *folder = base ? whet_strndup(path, base) : whet_strdup(".");
        const bool there = strcmp(path + base, "saved_model.pb") == 0;
        whet_mapped_unref(s.pin);
        whet_status status = !folder ? WHET_ENOMEM : there ? read_folder(out, folder, o) :
                             WHET_FAIL(WHET_EUNSUPPORTED, "this is the graph of a SavedModel; give its folder, in which it is named saved_model.pb");
        whet_free(folder);
        if (status != WHET_OK) whet_error_at_file(path);
        return status;
    }
    if (s.size >= 6 && memcmp(s.data, "node {", 6) == 0) {
        whet_mapped_unref(s.pin);
        WHET_FAIL(WHET_EUNSUPPORTED, "this is a graph in text form; write it in binary form");
        whet_error_at_file(path);
        return WHET_EUNSUPPORTED;
    }
    return read_source(out, &s, o);
}

bool whet_tf_saved_model_detect(const uint8_t *head, size_t n, size_t file_size, const char *path)
{
    (void)head;
    (void)file_size;
    char *pb = n == 0 && path ? whet_path_join(path, "saved_model.pb") : NULL;
    const bool there = pb && whet_file_exists(pb);
    whet_free(pb);
    return there;
}

whet_status whet_tf_saved_model_read(whet_graph **out, const char *path, const whet_format_options *o) { return read_folder(out, path, o); }

whet_status whet_tf_graph_read_mem(whet_graph **out, const void *data, size_t size, const char *name, const whet_format_options *o)
{
    source s = {.data = data, .size = size, .name = name};
    return read_source(out, &s, o);
}

whet_status whet_tf_saved_model_read_mem(whet_graph **out, const void *data, size_t size, const void *index, size_t index_size,
                                         const void *shard, size_t shard_size, const char *name, const whet_format_options *o)
{
    source s = {.data = data, .size = size, .name = name, .saved_model = true};
    *out = NULL;
    if (index) WHET_TRY(whet_tfbundle_open_mem(&s.bundle, index, index_size, shard, shard_size, name));
    return read_source(out, &s, o);
}
