/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: nodes, names, constants, the two kinds of file. Weights stand as constants in the graph; a SavedModel is that graph
 * with a signature. Sources: graph.proto, saved_model.proto, meta_graph.proto of TensorFlow. */
#include <stdio.h>

#include "base/io.h"
#include "formats/tensorflow/tf_writer.h"
#include "ir/op.h"

enum { PRODUCER = 1087, MIN_CONSUMER = 12 }; /* GraphDef versions: TensorFlow 2.10 */

/* --- names: [A-Za-z0-9.][A-Za-z0-9_.\-/]* */

static const char *legal_name(tf_writer *w, const char *text, const char *more)
{
    const size_t size = strlen(text) + strlen(more) + 24;
    char *name = tf_take(w, size, 1);
    bool added = false;
    if (!name) return NULL;
    while (*text && strchr("/_-", *text) && text[1]) text++; /* a name begins with a letter, a digit or a dot */
    snprintf(name, size, "%s%s", text, more);
    for (char *p = name; *p; p++) {
        const bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '.';
        if (!plain && (p == name || !strchr("_-/", *p))) *p = p == name ? 'x' : '_';
    }
    const size_t end = strlen(name);
    for (int i = 1; !added; i++) {
        w->status = w->status == WHET_OK ? onnx_names_add(&w->names, name, 1, &added) : w->status;
        if (w->status != WHET_OK) return NULL;
        if (!added) snprintf(name + end, size - end, "_%d", i);
    }
    return name;
}

/* --- nodes */

static const char *emit(tf_writer *w, const char *op, const char *name, int n_in, const char *const *in, int n_attr, const tf_attr *a)
{
    const char **refs = tf_take(w, (size_t)n_in + 1, sizeof(*refs));
    tf_attr *attrs = tf_take(w, (size_t)n_attr + 1, sizeof(*attrs));
    for (int i = 0; i < n_in; i++)
        if (!in[i]) tf_refuse(w, WHET_EUNSUPPORTED, "a required input is missing");
    if (w->status != WHET_OK || !name) return NULL;
    for (int i = 0; i < n_in; i++) refs[i] = in[i];
    for (int i = 0; i < n_attr; i++) attrs[i] = a[i];
    if (!WHET_GROW(&w->nodes, w->n_nodes, &w->cap_nodes)) {
        w->status = WHET_ENOMEM;
        return NULL;
    }
    tf_node *n = &w->nodes[w->n_nodes++];
    memset(n, 0, sizeof(*n));
    n->name = name;
    n->op = op;
    n->input = (whet_pb_strings){(size_t)n_in, refs};
    n->attr.n = (size_t)n_attr;
    n->attr.v = attrs;
    return name;
}

const char *tf_put(tf_writer *w, const char *op, int n_in, const char *const *in, int n_attr, const tf_attr *a)
{
    char more[80];
    snprintf(more, sizeof(more), "/%s", op);
    return w->status == WHET_OK ? emit(w, op, legal_name(w, w->base, more), n_in, in, n_attr, a) : NULL;
}

const char *tf_last(tf_writer *w, const char *op, int n_in, const char *const *in, int n_attr, const tf_attr *a)
{
    if (w->status != WHET_OK) return NULL;
    const char *name = w->base_used ? legal_name(w, w->base, "") : w->base;
    w->base_used = true;
    const char *ref = emit(w, op, name, n_in, in, n_attr, a);
    w->ref[w->node->out[0]] = ref;
    return ref;
}

const char *tf_op1(tf_writer *w, const char *op, whet_dtype t, int n_in, const char *const *in)
{
    const tf_attr a = tf_a_type(w, "T", t);
    return tf_put(w, op, n_in, in, 1, &a);
}

const char *tf_last1(tf_writer *w, const char *op, whet_dtype t, int n_in, const char *const *in)
{
    const tf_attr a = tf_a_type(w, "T", t);
    return tf_last(w, op, n_in, in, 1, &a);
}

void tf_result(tf_writer *w, const char *ref)
{
    if (ref) tf_last1(w, "Identity", w->g->values[w->node->out[0]].dtype, 1, &ref);
}

const char *tf_const_tensor(tf_writer *w, const char *name, whet_tensor *t)
{
    tf_kept *k = tf_take(w, 1, sizeof(*k));
    if (!k) {
        whet_tensor_dispose(t);
        return NULL;
    }
    k->t = *t;
    k->next = w->kept;
    w->kept = k;
    const tf_attr a[2] = {tf_a_type(w, "dtype", t->dtype), tf_a_tensor(w, "value", &k->t)};
    if (w->status != WHET_OK) return NULL;
    return emit(w, "Const", legal_name(w, name ? name : w->base, name ? "" : "/Const"), 0, NULL, 2, a);
}

static const char *numbers(tf_writer *w, whet_dtype t, int rank, const int64_t *dims, const int64_t *ints, const float *floats)
{
    whet_tensor x;
    const whet_shape s = whet_shape_of(rank, dims);
    whet_tensor_init(&x);
    if (w->status != WHET_OK) return NULL;
    w->status = whet_tensor_alloc(&x, t, &s);
    for (int64_t i = 0; w->status == WHET_OK && i < whet_shape_numel(&s); i++)
        if (ints) whet_tensor_set_s64(&x, i, ints[i]);
        else whet_tensor_set_f64(&x, i, (double)floats[i]);
    return w->status == WHET_OK ? tf_const_tensor(w, NULL, &x) : NULL;
}

const char *tf_const_ints(tf_writer *w, int n, const int64_t *x)
{
    const int64_t size = n;
    for (int i = 0; i < n; i++)
        if (x[i] > INT32_MAX || x[i] < INT32_MIN) tf_refuse(w, WHET_EUNSUPPORTED, "the number %lld needs 64 bits", (long long)x[i]);
    return numbers(w, WHET_S32, 1, &size, x, NULL);
}

const char *tf_const_int(tf_writer *w, int64_t x) { return numbers(w, WHET_S32, 0, NULL, &x, NULL); }

const char *tf_const_floats(tf_writer *w, int rank, const int64_t *dims, const float *x) { return numbers(w, WHET_F32, rank, dims, NULL, x); }

const char *tf_const_scalar(tf_writer *w, whet_dtype t, double x)
{
    whet_tensor c;
    const whet_shape s = {.rank = 0};
    whet_tensor_init(&c);
    if (w->status == WHET_OK) w->status = whet_tensor_alloc(&c, t, &s);
    if (w->status != WHET_OK) return NULL;
    whet_tensor_set_f64(&c, 0, x);
    return tf_const_tensor(w, NULL, &c);
}

const char *tf_value_ref(tf_writer *w, whet_vid v)
{
    whet_tensor t;
    if (v < 0 || w->status != WHET_OK) return NULL;
    if (w->ref[v]) return w->ref[v];
    const whet_value *value = &w->g->values[v];
    if (value->kind != WHET_VALUE_CONST) {
        tf_refuse(w, WHET_EINVAL, "'%s' is no constant and is not computed yet; freeze the graph before it is written", value->name);
        return NULL;
    }
    w->status = whet_nhwc_const(w->g, v, &t);
    if (w->status != WHET_OK) return NULL;
    return w->ref[v] = tf_const_tensor(w, value->name, &t);
}

bool tf_has(const whet_node *n, int i) { return i < n->n_in && n->in[i] >= 0; }
const char *tf_in_ref(tf_writer *w, int i) { return tf_has(w->node, i) ? tf_value_ref(w, w->node->in[i]) : NULL; }
whet_dtype tf_type_of(const tf_writer *w, int i) { return tf_has(w->node, i) ? w->g->values[w->node->in[i]].dtype : WHET_DTYPE_NONE; }
whet_dims tf_file_dims(const tf_writer *w, whet_vid v) { return whet_nhwc_dims(w->g, v); }
int tf_file_axis(const tf_writer *w, whet_vid v, int64_t axis) { return whet_nhwc_axis(w->g, v, axis); }

bool tf_const_s64(const tf_writer *w, int i, int64_t *out, int cap, int *n)
{
    const whet_tensor *t = tf_has(w->node, i) ? whet_graph_const_data(w->g, w->node->in[i]) : NULL;
    *n = 0;
    if (!t || whet_tensor_numel(t) > cap) return false;
    for (*n = 0; *n < whet_tensor_numel(t); ++*n) out[*n] = whet_tensor_get_s64(t, *n);
    return true;
}

const char *tf_reshape_to(tf_writer *w, const char *x, whet_dtype t, const whet_dims *d, bool last)
{
    int64_t to[WHET_MAX_RANK];
    int open = 0;
    for (int i = 0; i < d->rank; i++) {
        to[i] = d->dims[i] < 0 ? -1 : d->dims[i];
        open += to[i] < 0;
    }
    if (d->rank < 0 || open > 1) {
        tf_refuse(w, WHET_EUNSUPPORTED, "more than one size is not known; fix the size of the picture first");
        return NULL;
    }
    const char *in[2] = {x, tf_const_ints(w, d->rank, to)};
    const tf_attr a[2] = {tf_a_type(w, "T", t), tf_a_type(w, "Tshape", WHET_S32)};
    return last ? tf_last(w, "Reshape", 2, in, 2, a) : tf_put(w, "Reshape", 2, in, 2, a);
}

/* --- the graph */

static const struct row { const char *tf, *ir; tf_write_fn write; } rows[] = {
#define T(name, ir, read, write, outputs) {name, ir, tf_write_##write},
#include "formats/tensorflow/tf_ops.def"
#undef T
};

void tf_write_none(tf_writer *w, const whet_node *n)
{
    (void)n;
    tf_refuse(w, WHET_EUNSUPPORTED, "has no form in TensorFlow files; fold or cut it, or write ONNX");
}

static void write_node(tf_writer *w, const whet_node *n)
{
    char op[64];
    const struct row *found = NULL;
    whet_op_text(n->op, op, sizeof(op));
    for (size_t i = 0; i < WHET_COUNT(rows) && !found; i++)
        if (rows[i].write != tf_write_none && strcmp(rows[i].ir, op) == 0) found = &rows[i];
    w->node = n;
    if (!found) {
        tf_write_none(w, n);
        return;
    }
    for (int i = 1; i < n->n_out; i++)
        if (n->out[i] >= 0 && found->write != tf_write_split && found->write != tf_write_top_k)
            tf_refuse(w, WHET_EUNSUPPORTED, "more than one output cannot be written");
    w->tf_op = found->tf;
    w->base = w->ref[n->out[0]]; /* the name that was kept for it */
    w->base_used = false;
    w->ref[n->out[0]] = NULL;
    found->write(w, n);
    if (w->status == WHET_OK && !w->ref[n->out[0]]) tf_refuse(w, WHET_EINVAL, "no node was written for '%s'", w->g->values[n->out[0]].name);
}

/* Outputs that something else takes, that no node makes or that stand twice are written as an Identity of their name. */
static bool needs_identity(const tf_writer *w, const int *uses, int i)
{
    const whet_vid v = w->g->outputs[i];
    bool again = w->g->values[v].kind != WHET_VALUE_RESULT || uses[v] > 0;
    if (w->g->values[v].producer >= 0) {
        const whet_node *n = &w->g->nodes[w->g->values[v].producer];
        again |= n->out[0] != v || n->n_out > 1;
    }
    for (int k = 0; k < w->g->n_outputs; k++) again |= k != i && w->g->outputs[k] == v;
    return again;
}

/* Names of inputs and outputs first, then those of all results. */
static void reserve_names(tf_writer *w, const int *uses, const char **out_name)
{
    const whet_graph *g = w->g;
    for (int i = 0; i < g->n_inputs; i++) w->ref[g->inputs[i]] = legal_name(w, g->values[g->inputs[i]].name, "");
    for (int i = 0; i < g->n_outputs; i++) {
        const bool extra = needs_identity(w, uses, i);
        out_name[i] = legal_name(w, g->values[g->outputs[i]].name, "");
        if (!extra) w->ref[g->outputs[i]] = out_name[i];
    }
    for (int n = 0; n < g->n_nodes; n++) {
        const whet_vid v = g->nodes[n].op ? g->nodes[n].out[0] : WHET_NO_VALUE;
        if (v >= 0 && !w->ref[v]) w->ref[v] = legal_name(w, g->values[v].name, "");
    }
}

static void write_inputs(tf_writer *w)
{
    w->node = NULL;
    for (int i = 0; i < w->g->n_inputs; i++) {
        const whet_vid v = w->g->inputs[i];
        const whet_dims d = tf_file_dims(w, v);
        const tf_attr a[2] = {tf_a_type(w, "dtype", w->g->values[v].dtype), tf_a_shape(w, "shape", &d)};
        emit(w, "Placeholder", w->ref[v], 0, NULL, 2, a);
    }
}

static void write_outputs(tf_writer *w, const int *uses, const char **out_name)
{
    w->node = NULL;
    w->base = "output";
    for (int i = 0; i < w->g->n_outputs; i++) {
        const whet_vid v = w->g->outputs[i];
        if (!needs_identity(w, uses, i)) continue;
        const char *ref = tf_value_ref(w, v);
        const tf_attr a = tf_a_type(w, "T", w->g->values[v].dtype);
        emit(w, "Identity", out_name[i], 1, &ref, 1, &a);
    }
}

static void write_meta(tf_writer *w)
{
    int count = 0;
    for (int i = 0; i < w->g->n_meta; i++) {
        char name[48];
        const whet_meta *m = &w->g->meta[i];
        tf_tensor *t = tf_take(w, 1, sizeof(*t));
        whet_pb_bytes *s = tf_take(w, 2, sizeof(*s));
        tf_value *v = NULL;
        const whet_dims two = {.rank = 1, .dims = {2}};
        if (strncmp(m->key, "tensorflow.", 11) == 0 || strncmp(m->key, "onnx.", 5) == 0) continue; /* what another file said of itself */
        tf_attr a[2] = {tf_attr_new(w, "dtype", &v), tf_attr_new(w, "value", &v)};
        if (!t || !s || !v) return;
        ((tf_value *)(uintptr_t)a[0].value)->type = TF_STRING;
        s[0] = (whet_pb_bytes){(const uint8_t *)m->key, strlen(m->key)};
        s[1] = (whet_pb_bytes){(const uint8_t *)m->value, strlen(m->value)};
        t->dtype = TF_STRING;
        t->shape = tf_shape_of(w, &two);
        t->string_val = (whet_pb_bytes_list){2, s};
        v->tensor = t;
        snprintf(name, sizeof(name), TF_META_PREFIX "%d", count++);
        emit(w, "Const", legal_name(w, name, ""), 0, NULL, 2, a);
    }
}

/* Node of a reference, or -1. */
static int32_t node_of(const onnx_names *index, const char *ref)
{
    char name[2048];
    const size_t size = strcspn(ref, ":");
    if (size >= sizeof(name)) return -1;
    memcpy(name, ref, size);
    name[size] = '\0';
    return onnx_names_get(index, name, -1);
}

/* Nodes that no output needs would be taken for outputs by who reads a frozen graph: those that computed a shape that is known,
 * say. Inputs stay. */
static whet_status drop_unused(tf_writer *w, const char *const *out_name)
{
    onnx_names index = {NULL, 0, 0};
    int32_t *stack = tf_take(w, w->n_nodes + 1, sizeof(*stack));
    bool *used = tf_take(w, w->n_nodes + 1, sizeof(*used));
    size_t depth = 0, kept = 0;
    whet_status status = w->status;
    if (status != WHET_OK) return status;
    for (size_t i = 0; i < w->n_nodes; i++) WHET_GOTO(onnx_names_add(&index, w->nodes[i].name, (int32_t)i, NULL));
    for (int i = 0; i < w->g->n_outputs; i++) {
        const int32_t n = node_of(&index, out_name[i]);
        if (n >= 0 && !used[n]) stack[depth++] = n;
        if (n >= 0) used[n] = true;
    }
    while (depth > 0) {
        const tf_node *x = &w->nodes[stack[--depth]];
        for (size_t i = 0; i < x->input.n; i++) {
            const int32_t n = node_of(&index, x->input.v[i]);
            if (n < 0 || used[n]) continue;
            used[n] = true;
            stack[depth++] = n;
        }
    }
    for (size_t i = 0; i < w->n_nodes; i++)
        if (used[i] || strcmp(w->nodes[i].op, "Placeholder") == 0) w->nodes[kept++] = w->nodes[i];
    w->n_nodes = kept;
done:
    onnx_names_dispose(&index);
    return status;
}

static whet_status build(tf_writer *w, tf_graph *out, const char **out_name)
{
    const whet_graph *g = w->g;
    tf_versions *versions = tf_take(w, 1, sizeof(*versions));
    int *uses = whet_calloc((size_t)g->n_values + 1, sizeof(*uses));
    size_t total = 0;
    if (!versions || !uses) w->status = WHET_ENOMEM;
    for (int n = 0; w->status == WHET_OK && n < g->n_nodes; n++)
        for (int i = 0; g->nodes[n].op && i < g->nodes[n].n_in; i++)
            if (g->nodes[n].in[i] >= 0) uses[g->nodes[n].in[i]]++;
    if (w->status == WHET_OK) reserve_names(w, uses, out_name);
    if (w->status == WHET_OK) write_inputs(w);
    for (int n = 0; w->status == WHET_OK && n < g->n_nodes; n++)
        if (g->nodes[n].op) write_node(w, &g->nodes[n]);
    if (w->status == WHET_OK) write_outputs(w, uses, out_name);
    if (w->status == WHET_OK) w->status = drop_unused(w, out_name);
    if (w->status == WHET_OK) write_meta(w);
    whet_free(uses);
    for (const tf_kept *k = w->kept; k; k = k->next) total += whet_tensor_bytes(&k->t);
    w->node = NULL;
    if (total > (size_t)INT32_MAX - (1 << 20))
        tf_refuse(w, WHET_EUNSUPPORTED, "the weights have %zu bytes, a graph file of TensorFlow holds less than 2 GiB", total);
    if (w->status != WHET_OK) return w->status;
    versions->producer = PRODUCER;
    versions->min_consumer = MIN_CONSUMER;
    out->node.n = w->n_nodes;
    out->node.v = w->nodes;
    out->versions = versions;
    return WHET_OK;
}

/* --- SavedModel */

static void fill_infos(tf_writer *w, int n, const whet_vid *v, const char *const *names, tf_infos *out)
{
    tf_info_entry *e = tf_take(w, (size_t)n + 1, sizeof(*e));
    if (!e) return;
    for (int i = 0; i < n; i++) {
        tf_info *info = tf_take(w, 1, sizeof(*info));
        const size_t size = strlen(names[i]) + 3;
        char *name = tf_take(w, size, 1);
        const whet_dims d = tf_file_dims(w, v[i]);
        if (!info || !name) return;
        snprintf(name, size, "%s:0", names[i]);
        info->name = name;
        info->dtype = tf_dtype_code(w->g->values[v[i]].dtype);
        info->shape = tf_shape_of(w, &d);
        e[i].key = names[i];
        e[i].value = info;
    }
    out->n = (size_t)n;
    out->v = e;
}

static whet_status build_saved_model(tf_writer *w, const tf_graph *graph, const char *const *out_name, tf_saved_model *m)
{
    static const char *const tags[1] = {"serve"};
    const whet_graph *g = w->g;
    tf_meta_graph *meta = tf_take(w, 1, sizeof(*meta));
    tf_meta_info *info = tf_take(w, 1, sizeof(*info));
    tf_sig_entry *e = tf_take(w, 1, sizeof(*e));
    tf_sig *sig = tf_take(w, 1, sizeof(*sig));
    const char **in_name = tf_take(w, (size_t)g->n_inputs + 1, sizeof(*in_name));
    if (w->status != WHET_OK) return w->status;
    for (int i = 0; i < g->n_inputs; i++) in_name[i] = w->ref[g->inputs[i]];
    fill_infos(w, g->n_inputs, g->inputs, in_name, &sig->inputs);
    fill_infos(w, g->n_outputs, g->outputs, out_name, &sig->outputs);
    sig->method = "tensorflow/serving/predict";
    e->key = "serving_default";
    e->value = sig;
    info->tags = (whet_pb_strings){1, tags};
    info->version = "2.10.0";
    meta->info = info;
    meta->graph = graph;
    meta->signature.n = 1;
    meta->signature.v = e;
    m->version = 1;
    m->meta_graph.n = 1;
    m->meta_graph.v = meta;
    return w->status;
}

static whet_status to_file(void *arg, const void *data, size_t n) { return whet_writer_write(arg, data, n); }

static whet_status write_file(const whet_pb_message *message, const void *m, const char *path)
{
    whet_writer *out = NULL;
    WHET_TRY(whet_writer_open(&out, path));
    whet_status status = whet_pb_encode(message, m, to_file, out);
    if (status == WHET_OK) return whet_writer_commit(out);
    whet_writer_abort(out);
    return status;
}

static whet_status write_folder(const tf_saved_model *m, const char *folder)
{
    char *path = whet_path_join(folder, "saved_model.pb");
    whet_status status = path ? whet_mkdirs(folder) : WHET_ENOMEM;
    if (status == WHET_OK) status = write_file(&tf_saved_model_message, m, path);
    whet_free(path);
    return status;
}

static whet_status write(const whet_graph *g, const char *path, bool folder, uint8_t **data, size_t *size)
{
    tf_writer w = {.g = g};
    tf_graph graph;
    tf_saved_model model;
    whet_status status = WHET_ENOMEM;
    memset(&graph, 0, sizeof(graph));
    memset(&model, 0, sizeof(model));
    WHET_TRY(whet_graph_verify(g));
    w.arena = whet_arena_create();
    w.ref = whet_calloc((size_t)g->n_values + 1, sizeof(*w.ref));
    const char **out_name = w.arena ? whet_arena_alloc(w.arena, ((size_t)g->n_outputs + 1) * sizeof(*out_name)) : NULL;
    if (!w.ref || !out_name) goto done;
    WHET_GOTO(build(&w, &graph, out_name));
    if (folder) {
        WHET_GOTO(build_saved_model(&w, &graph, out_name, &model));
        status = write_folder(&model, path);
    } else {
        status = path ? write_file(&tf_graph_message, &graph, path) : whet_pb_encode_mem(&tf_graph_message, &graph, data, size);
    }
done:
    for (tf_kept *k = w.kept; k; k = k->next) whet_tensor_dispose(&k->t);
    onnx_names_dispose(&w.names);
    whet_arena_free(w.arena);
    whet_free(w.ref);
    whet_free(w.nodes);
    return status;
}

whet_status whet_tf_graph_write(const whet_graph *g, const char *path, const whet_format_options *o)
{
    (void)o;
    return write(g, path, false, NULL, NULL);
}

whet_status whet_tf_saved_model_write(const whet_graph *g, const char *path, const whet_format_options *o)
{
    (void)o;
    return write(g, path, true, NULL, NULL);
}

whet_status whet_tf_graph_write_mem(const whet_graph *g, uint8_t **data, size_t *size, const whet_format_options *o)
{
    (void)o;
    *data = NULL;
    *size = 0;
    return write(g, NULL, false, data, size);
}
