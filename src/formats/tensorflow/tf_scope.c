/* SPDX-License-Identifier: Apache-2.0 */
/* From names to tensors: only what the outputs need is converted, in topological order by a depth-first walk with its own stack;
 * calls of functions are inlined, each body being a scope of its own. Control inputs ("^node") say nothing about values. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/tensorflow/tf_reader.h"

whet_status tf_fail(const tf_work *w, whet_status status, const char *fmt, ...)
{
    char text[1024] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    whet_fail(status, "%s: %s", w->op, text);
    whet_error_at_node(w->name);
    return status;
}

static whet_status fail_at(const tf_node *n, whet_status status)
{
    whet_error_at_node(n->name);
    if (status == WHET_EFORMAT) whet_error_at_offset(n->head.offset);
    return status;
}

whet_status tf_nodes_index(const tf_nodes *nodes, onnx_names *names)
{
    if (nodes->n > TF_MAX_NODES) return WHET_FAIL(WHET_ENOMEM, "the graph has more than %d nodes", TF_MAX_NODES);
    for (size_t i = 0; i < nodes->n; i++) {
        const tf_node *n = &nodes->v[i];
        bool added = true;
        if (!n->name || !*n->name) return WHET_FAIL(WHET_EFORMAT, "node %zu has no name", i);
        if (!n->op || !*n->op) return fail_at(n, WHET_FAIL(WHET_EFORMAT, "node has no operator"));
        WHET_TRY(onnx_names_add(names, n->name, (int32_t)i, &added));
        if (!added) return fail_at(n, WHET_FAIL(WHET_EFORMAT, "two nodes have the same name"));
    }
    return WHET_OK;
}

whet_status tf_scope_open(tf_reader *r, tf_scope *s, const tf_nodes *nodes)
{
    s->nodes = nodes;
    s->done = whet_arena_alloc(r->arena, (nodes->n + 1) * sizeof(*s->done));
    return s->done ? tf_nodes_index(nodes, &s->names) : WHET_ENOMEM;
}

void tf_scope_close(tf_reader *r, tf_scope *s)
{
    (void)r;
    onnx_names_dispose(&s->names);
    onnx_names_dispose(&s->args);
}

const tf_function *tf_function_find(const tf_reader *r, const char *name)
{
    const tf_library *l = r->graph->library;
    for (size_t i = 0; l && i < l->function.n; i++) {
        const tf_op_def *s = l->function.v[i].signature;
        if (s && s->name && strcmp(s->name, name) == 0) return &l->function.v[i];
    }
    return NULL;
}

/* Position of an output argument among an operator's. */
static int argument_position(const tf_reader *r, const tf_node *n, const char *arg, size_t size, int k)
{
    const tf_op *line = tf_op_find(n->op);
    const tf_function *f = line ? NULL : tf_function_find(r, n->op);
    int at = 0;
    for (size_t i = 0; f && i < f->signature->output.n; i++) {
        const char *name = f->signature->output.v[i].name;
        if (name && strlen(name) == size && strncmp(name, arg, size) == 0) return (int)i;
    }
    if (!line || !*line->outputs) return k;
    for (const char *p = line->outputs; *p; at++) {
        const size_t len = strcspn(p, " ");
        if (len == size && strncmp(p, arg, size) == 0) return at;
        p += len;
        if (*p == ' ') p++;
    }
    return k;
}

bool tf_scope_find(const tf_reader *r, const tf_scope *s, const char *ref, int *node, int *arg, int *output)
{
    char name[2048];
    const size_t size = strcspn(ref, ":");
    const char *p = ref + size;
    *node = *arg = -1;
    *output = 0;
    if (*ref == '^' || size == 0 || size >= sizeof(name)) return false;
    memcpy(name, ref, size);
    name[size] = '\0';
    *arg = s->function ? onnx_names_get(&s->args, name, -1) : -1;
    if (*arg < 0) *node = onnx_names_get(&s->names, name, -1);
    if (*arg < 0 && *node < 0) return false;
    if (*p != ':') return true;
    const char *what = ++p;
    if (*p < '0' || *p > '9') { /* node:argument:0 */
        p += strcspn(p, ":");
        if (*p == ':') p++;
    }
    const long k = *p ? strtol(p, NULL, 10) : 0;
    if (k < 0 || k > TF_MAX_OUTPUTS) return false;
    *output = (int)k;
    if (*node >= 0 && (*what < '0' || *what > '9'))
        *output = argument_position(r, &s->nodes->v[*node], what, strcspn(what, ":"), (int)k);
    return true;
}

/* --- one node */

static whet_status unknown_ref(const tf_node *n, const char *ref)
{
    return fail_at(n, WHET_FAIL(WHET_EFORMAT, "%s: input '%.200s' is no node of the graph", n->op, ref));
}

static whet_status lookup(const tf_reader *r, const tf_scope *s, const tf_node *user, const char *ref, tf_val **out)
{
    int node = -1, arg = -1, k = 0;
    if (!tf_scope_find(r, s, ref, &node, &arg, &k)) return unknown_ref(user, ref);
    *out = arg >= 0 ? s->arg[arg] : k < s->done[node].n ? s->done[node].v[k] : NULL;
    if (*out) return WHET_OK;
    const tf_node *from = &s->nodes->v[node >= 0 ? node : 0];
    if (node >= 0 && k < s->done[node].n)
        return fail_at(from, WHET_FAIL(WHET_EUNSUPPORTED, "%s: output %d, which '%s' uses, is not handled; only inference is", from->op, k,
                                       user->name));
    return fail_at(user, WHET_FAIL(WHET_EFORMAT, "%s: input '%.200s' is an output that its node does not have", user->op, ref));
}

static whet_status refuse(const tf_work *w)
{
    const char *near = tf_op_near(w->op);
    whet_fail(WHET_EUNSUPPORTED, "operator '%s' is not handled; %s%s%s%s", w->op, tf_op_advice(w->op), near ? " (did you mean '" : "",
              near ? near : "", near ? "'?)" : "");
    whet_error_at_node(w->name);
    return WHET_EUNSUPPORTED;
}

static whet_pb_strings inputs_of(const tf_reader *r, const tf_scope *s, const tf_node *n, const char *norm[TF_NORM_INPUTS])
{
    const size_t k = tf_norm_inputs(r, s, n, norm);
    return k ? (whet_pb_strings){k, norm} : n->input;
}

static whet_status convert(tf_reader *r, tf_scope *s, size_t index)
{
    const tf_node *n = &s->nodes->v[index];
    tf_work w = {.s = s, .node = n, .op = n->op, .name = n->name, .line = tf_op_find(n->op)};
    if (s->prefix) { /* names of their own, which need no search for a free one */
        const size_t size = strlen(s->prefix) + strlen(n->name) + 1;
        char *name = whet_arena_alloc(r->arena, size);
        if (!name) return WHET_ENOMEM;
        snprintf(name, size, "%s%s", s->prefix, n->name);
        w.name = name;
    }
    if (++r->n_converted > r->max_converted)
        return WHET_FAIL(WHET_ENOMEM, "functions that call functions expand to more than %zu nodes", r->max_converted);
    if (n->input.n > TF_MAX_INPUTS) return tf_fail(&w, WHET_EUNSUPPORTED, "more than %d inputs", TF_MAX_INPUTS);
    if (!w.line && tf_function_find(r, n->op)) w.line = tf_op_find("PartitionedCall");
    if (!w.line || !w.line->read) return refuse(&w);
    const char *norm[TF_NORM_INPUTS];
    const whet_pb_strings refs = inputs_of(r, s, n, norm);
    w.in = whet_arena_alloc(r->arena, (refs.n + 1) * sizeof(tf_val *));
    if (!w.in) return WHET_ENOMEM;
    for (size_t i = 0; i < refs.n; i++)
        if (*refs.v[i] != '^') WHET_TRY(lookup(r, s, n, refs.v[i], &w.in[w.n_in++]));
    WHET_TRY(tf_outputs(r, &w, 1));
    whet_status status = w.line->read(r, &w);
    if (status != WHET_OK) {
        whet_error_at_node(w.name);
        return status;
    }
    s->done[index] = (tf_results){w.n_out, w.out};
    return WHET_OK;
}

/* --- all that some outputs need */

typedef struct walk {
    uint8_t *state; /* 0 new, 1 on the stack, 2 converted */
    uint32_t *next; /* input to look at */
    int32_t *stack;
    size_t depth;
} walk;

static whet_status push(const tf_scope *s, walk *k, int32_t i)
{
    if (k->state[i] == 1)
        return fail_at(&s->nodes->v[i], WHET_FAIL(WHET_EFORMAT, "the nodes form a cycle; a graph with loops of TensorFlow 1 cannot be read"));
    if (k->state[i] == 2 || s->done[i].n > 0) return WHET_OK;
    k->state[i] = 1;
    k->stack[k->depth++] = i;
    return WHET_OK;
}

static whet_status step(tf_reader *r, tf_scope *s, walk *k)
{
    const int32_t i = k->stack[k->depth - 1];
    const tf_node *n = &s->nodes->v[i];
    const size_t before = k->depth;
    int node = -1, arg = -1, output = 0;
    const char *norm[TF_NORM_INPUTS];
    const whet_pb_strings refs = inputs_of(r, s, n, norm);
    while (k->next[i] < refs.n) {
        const char *ref = refs.v[k->next[i]++];
        if (*ref == '^') continue;
        if (!tf_scope_find(r, s, ref, &node, &arg, &output)) return unknown_ref(n, ref);
        if (node >= 0) WHET_TRY(push(s, k, node));
        if (k->depth != before) return WHET_OK;
    }
    WHET_TRY(convert(r, s, (size_t)i));
    k->state[i] = 2;
    k->depth--;
    return WHET_OK;
}

static whet_status run(tf_reader *r, tf_scope *s, walk *k, const char *ref, tf_val **out)
{
    int node = -1, arg = -1, output = 0;
    *out = NULL;
    if (!tf_scope_find(r, s, ref, &node, &arg, &output))
        return WHET_FAIL(WHET_EFORMAT, "output '%.200s' is no node of the %s", ref, s->function ? "function" : "graph");
    if (node >= 0) WHET_TRY(push(s, k, node));
    while (k->depth > 0) WHET_TRY(step(r, s, k));
    *out = arg >= 0 ? s->arg[arg] : output < s->done[node].n ? s->done[node].v[output] : NULL;
    return *out ? WHET_OK : WHET_FAIL(WHET_EFORMAT, "output '%.200s' is not made by its node", ref);
}

whet_status tf_scope_run(tf_reader *r, tf_scope *s, size_t n, const char *const *refs, tf_val **out)
{
    const size_t count = s->nodes->n + 1;
    whet_status status = WHET_ENOMEM;
    walk k = {.state = whet_calloc(count, 1), .next = whet_calloc(count, sizeof(uint32_t)), .stack = whet_calloc(count, sizeof(int32_t))};
    if (!k.state || !k.next || !k.stack) goto done;
    status = WHET_OK;
    for (size_t i = 0; i < n; i++) WHET_GOTO(run(r, s, &k, refs[i], &out[i]));
done:
    whet_free(k.state);
    whet_free(k.next);
    whet_free(k.stack);
    return status;
}

/* --- functions */

static const char *find_ret(const tf_function *f, const char *name)
{
    for (size_t i = 0; i < f->ret.n; i++)
        if (f->ret.v[i].key && name && strcmp(f->ret.v[i].key, name) == 0) return f->ret.v[i].value;
    return NULL;
}

static whet_status inline_function(tf_reader *r, tf_work *w, const tf_function *f)
{
    tf_scope inner = {.function = f, .arg = w->in, .depth = w->s->depth + 1};
    const size_t n = f->signature->output.n;
    const char **refs = whet_arena_alloc(r->arena, (n + 1) * sizeof(*refs));
    whet_status status = refs ? WHET_OK : WHET_ENOMEM;
    if (status != WHET_OK) return status;
    bool first = true;
    WHET_GOTO(onnx_names_add(&r->inlined, f->signature->name, 1, &first));
    if (!first) {
        char text[32];
        snprintf(text, sizeof(text), "call_%zu/", ++r->n_again);
        inner.prefix = whet_arena_strdup(r->arena, text);
        if (!inner.prefix) WHET_GOTO(WHET_ENOMEM);
    }
    WHET_GOTO(tf_scope_open(r, &inner, &f->node));
    for (size_t i = 0; i < f->signature->input.n; i++) {
        const char *name = f->signature->input.v[i].name;
        bool added = true;
        if (name && *name) WHET_GOTO(onnx_names_add(&inner.args, name, (int32_t)i, &added));
        if (!added) WHET_GOTO(tf_fail(w, WHET_EFORMAT, "function '%s' has two arguments of one name", f->signature->name));
    }
    for (size_t i = 0; i < n; i++) {
        refs[i] = find_ret(f, f->signature->output.v[i].name);
        if (!refs[i]) WHET_GOTO(tf_fail(w, WHET_EFORMAT, "function '%s' does not say where its output %zu comes from", f->signature->name, i));
    }
    WHET_GOTO(tf_outputs(r, w, (int)n));
    status = tf_scope_run(r, &inner, n, refs, w->out);
done:
    tf_scope_close(r, &inner);
    return status;
}

whet_status tf_read_call(tf_reader *r, tf_work *w)
{
    const tf_value *a = tf_attr_of(w, "f");
    const char *name = a && a->func && a->func->name ? a->func->name : w->op;
    const tf_function *f = tf_function_find(r, name);
    if (!f) return tf_fail(w, WHET_EFORMAT, "function '%.200s' is not in the file's library", name);
    if (w->s->depth >= TF_MAX_DEPTH)
        return tf_fail(w, WHET_EUNSUPPORTED, "functions call each other more than %d deep ('%.200s'); recursion is not handled",
                       TF_MAX_DEPTH, name);
    if ((size_t)w->n_in != f->signature->input.n || f->signature->output.n > TF_MAX_OUTPUTS)
        return tf_fail(w, WHET_EFORMAT, "function '%.200s' takes %zu inputs, but is called with %d", name, f->signature->input.n, w->n_in);
    return inline_function(r, w, f);
}
