/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the inner tensors of two models. Both run in worker processes with the tensors that belong together as further outputs,
 * as many at a time as fit into memory; the errors go into a list sorted by size. */
#include "measure/layers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "measure/bench_private.h"
#include "measure/layer_list.h"
#include "wire/json.h"

enum { SECONDS = 300, MAX_TAPS = 900, MAX_STEPS = 3 };
static const size_t max_bytes = (size_t)256 << 20;
static const double floor_error = 1e-7; /* below it an error is rounding */

typedef struct pair {
    size_t a, b;              /* in the lists */
    const char *tap[2];
    whet_parity parity;
    double error, before;     /* |d| / |reference|; the largest of those that feed it, < 0: none was compared */
    double max_before;        /* the same of the largest |d| of an element */
} pair;

typedef struct job {
    const whet_layers_spec *s;
    whet_layer_list list[2];
    whet_accept accept;
    size_t n;
    pair *v;                  /* by a's depth */
    double exposing[2];       /* how far the model's outputs move when inner tensors are read, < 0: not known */
} job;

static const whet_layers_side *side_of(const job *j, int k) { return k == 0 ? &j->s->a : &j->s->b; }

static whet_status start(whet_worker **w, const job *j, int k)
{
    whet_worker_options opt;
    whet_worker_options_init(&opt);
    opt.program = j->s->program;
    opt.inputs_fd = side_of(j, k)->samples->memory.fd;
    return whet_worker_start(w, &opt);
}

/* --- which tensors */
static whet_status read_shapes(const json_t *loaded, int *n, whet_shape *shapes)
{
    const json_t *inputs = json_object_get(loaded, "inputs"), *o = NULL;
    size_t i = 0;
    *n = 0;
    json_array_foreach(inputs, i, o) {
        const json_t *dims = json_object_get(o, "dims");
        if (i == WHET_SAMPLES_MAX_INPUTS || json_array_size(dims) > WHET_MAX_RANK) return WHET_FAIL(WHET_EUNSUPPORTED, "the model has too many inputs");
        whet_shape *x = &shapes[(*n)++];
        x->rank = (int)json_array_size(dims);
        for (int d = 0; d < x->rank; d++) x->dims[d] = json_integer_value(json_array_get(dims, (size_t)d));
    }
    return WHET_OK;
}

static bool has_name(const json_t *set, const char *name) { return set == NULL || (name != NULL && json_object_get(set, name) != NULL); }

/* The tensors that the runtime has, as a set; NULL: it does not tell, or is whet itself, which has all. */
static whet_status known_tensors(whet_worker *w, json_t **set)
{
    json_t *reply = NULL, *name = NULL;
    size_t i = 0;
    *set = NULL;
    if (whet_worker_call(w, json_pack("{ss, ss}", "do", "query", "key", "tensors"), SECONDS, &reply) != WHET_OK) return WHET_OK;
    *set = json_object();
    json_array_foreach(json_object_get(json_object_get(reply, "json"), "tensors"), i, name) {
        if (json_is_string(name)) json_object_set_new(*set, json_string_value(name), json_true());
    }
    json_decref(reply);
    return *set != NULL ? WHET_OK : WHET_ENOMEM;
}

/* Drops from the list what the runtime cannot give; the integers of a quantised tensor will do. */
static void keep_known(whet_layer_list *l, const json_t *set)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        const bool whole = has_name(set, l->v[i].name), integers = !whole && l->v[i].scale > 0 && has_name(set, l->v[i].stored);
        l->entry[l->v[i].vid] = -1;
        if (!whole && !integers) continue;
        l->v[n] = l->v[i];
        if (whole) l->v[n].scale = 0; /* read as it is */
        n++;
    }
    l->n = n;
    for (size_t i = 0; i < n; i++) l->entry[l->v[i].vid] = (int)i;
}

static whet_status list_side(job *j, int k)
{
    const whet_layers_side *side = side_of(j, k);
    whet_worker *w = NULL;
    whet_shape *shapes = whet_calloc(WHET_SAMPLES_MAX_INPUTS, sizeof *shapes);
    json_t *loaded = NULL, *set = NULL;
    whet_status status = WHET_OK;
    int n = 0;
    if (shapes == NULL) WHET_GOTO(WHET_ENOMEM);
    WHET_GOTO(start(&w, j, k));
    WHET_GOTO(whet_worker_call(w, json_incref(side->load), SECONDS, &loaded));
    WHET_GOTO(read_shapes(loaded, &n, shapes));
    WHET_GOTO(known_tensors(w, &set));
    WHET_GOTO(whet_layer_list_read(&j->list[k], side->model, n, shapes));
    keep_known(&j->list[k], set);
done:
    json_decref(loaded);
    json_decref(set);
    whet_worker_free(w);
    whet_free(shapes);
    return status;
}

static whet_status make_pairs(job *j)
{
    whet_layer_list *a = &j->list[0], *b = &j->list[1];
    WHET_TRY(whet_layers_match(a, b));
    j->v = whet_calloc(a->n + 1, sizeof *j->v);
    if (j->v == NULL) return WHET_ENOMEM;
    for (size_t i = 0; i < a->n; i++) {
        if (a->v[i].pair < 0) continue;
        pair *p = &j->v[j->n++];
        *p = (pair){.a = i, .b = (size_t)a->v[i].pair, .before = -1};
        p->tap[0] = a->v[i].scale > 0 ? a->v[i].stored : a->v[i].name;
        p->tap[1] = b->v[p->b].scale > 0 ? b->v[p->b].stored : b->v[p->b].name;
        whet_parity_init(&p->parity);
    }
    return j->n > 0 ? WHET_OK : WHET_FAIL(WHET_EUNSUPPORTED, "no inner tensor of the two belongs together by name, or by shape and position");
}

/* --- running */
static size_t bytes_of(const job *j, const pair *p)
{
    return (size_t)(whet_shape_numel(&j->list[0].v[p->a].shape) + whet_shape_numel(&j->list[1].v[p->b].shape)) * sizeof(float);
}

static whet_status load_tapped(job *j, int k, size_t from, size_t to, whet_worker **w)
{
    const whet_layers_side *side = side_of(j, k);
    json_t *q = json_deep_copy(side->load), *taps = json_array(), *seen = json_object();
    for (size_t i = from; i < to; i++) {
        const char *name = j->v[i].tap[k];
        if (json_object_get(seen, name) != NULL) continue;
        json_object_set_new(seen, name, json_true());
        json_array_append_new(taps, json_string(name));
    }
    json_decref(seen);
    json_object_set_new(q, "taps", taps);
    WHET_TRY(start(w, j, k));
    WHET_TRY(whet_worker_call(*w, q, SECONDS, NULL));
    return whet_worker_call(*w, whet_samples_feed(side->samples), SECONDS, NULL);
}

static int output_at(const json_t *reply, const char *name)
{
    const json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(reply, "outputs"), i, o) {
        if (strcmp(whet_json_str(o, "name"), name) == 0) return (int)i;
    }
    return -1;
}

static double element(const whet_tensor *t, int64_t i, const whet_layer *l)
{
    if (t->dtype == WHET_F32) return (double)((const float *)t->data)[i];
    const double x = whet_tensor_get_f64(t, i);
    return l->scale > 0 && whet_dtype_is_int(t->dtype) ? (x - l->zero) * (double)l->scale : x;
}

/* As f32 in the order of channels first where `swap` says that it is channels last. */
static whet_status as_floats(whet_tensor *out, const whet_tensor *t, const whet_layer *l, bool swap)
{
    whet_shape shape = t->shape;
    const int64_t c = t->shape.dims[3], hw = t->shape.dims[1] * t->shape.dims[2];
    if (swap) shape = whet_shape_of(4, (const int64_t[]){t->shape.dims[0], c, t->shape.dims[1], t->shape.dims[2]});
    WHET_TRY(whet_tensor_alloc(out, WHET_F32, &shape));
    float *y = out->data;
    const int64_t n = whet_tensor_numel(t);
    for (int64_t i = 0; i < n && !swap; i++) y[i] = (float)element(t, i, l);
    for (int64_t i = 0; i < n && swap; i++) {
        const int64_t image = i / (c * hw), rest = i % (c * hw);
        y[(image * c + rest % c) * hw + rest / c] = (float)element(t, i, l);
    }
    return WHET_OK;
}

static whet_status compare_pair(job *j, pair *p, whet_worker *const w[2], json_t *const reply[2])
{
    const whet_layer *l[2] = {&j->list[0].v[p->a], &j->list[1].v[p->b]};
    whet_tensor raw[2], x[2];
    whet_status status = WHET_OK;
    for (int k = 0; k < 2; k++) {
        whet_tensor_init(&raw[k]);
        whet_tensor_init(&x[k]);
    }
    for (int k = 0; k < 2; k++) {
        const int at = output_at(reply[k], p->tap[k]);
        if (at < 0) WHET_GOTO(WHET_FAIL(WHET_ERUNTIME, "'%s' was asked for and is not among the outputs", p->tap[k]));
        WHET_GOTO(whet_outputs_of(w[k], reply[k], at, &raw[k]));
    }
    const int order = whet_layer_order(&raw[0].shape, &raw[1].shape);
    for (int k = 0; k < 2; k++) WHET_GOTO(as_floats(&x[k], &raw[k], l[k], order == 3 - k));
    if (order == 1) x[1].shape = x[0].shape; /* they may differ in dimensions of 1 */
    whet_parity_add(&p->parity, &j->accept, &x[1], &x[0]);
done:
    for (int k = 0; k < 2; k++) whet_tensor_dispose(&x[k]);
    return status;
}

/* How far a model's own outputs are from what they were without further outputs: fusions that these prevent. */
static void look_at_exposing(job *j, int k, whet_worker *w, const json_t *reply)
{
    const whet_layers_side *s = side_of(j, k);
    const whet_accept any = {.has_cosine = true};
    for (int i = 0; i < s->n_outputs; i++) {
        const int at = output_at(reply, s->names[i]);
        whet_tensor t;
        whet_parity p;
        if (at < 0 || whet_outputs_of(w, reply, at, &t) != WHET_OK) continue;
        whet_parity_init(&p);
        whet_parity_add(&p, &any, &s->outputs[i], &t);
        j->exposing[k] = fmax(j->exposing[k], p.max);
    }
}

static whet_status run_batch(job *j, size_t from, size_t to)
{
    whet_worker *w[2] = {NULL, NULL};
    json_t *reply[2] = {NULL, NULL};
    whet_status status = WHET_OK;
    for (int k = 0; k < 2; k++) WHET_GOTO(load_tapped(j, k, from, to, &w[k]));
    for (int i = 0; i < j->s->count; i++) {
        for (int k = 0; k < 2; k++) {
            json_decref(reply[k]);
            reply[k] = NULL;
            WHET_GOTO(whet_worker_call(w[k], json_pack("{ss, si}", "do", "run", "sample", i), SECONDS, &reply[k]));
            if (i == 0) look_at_exposing(j, k, w[k], reply[k]);
        }
        for (size_t p = from; p < to; p++) WHET_GOTO(compare_pair(j, &j->v[p], w, reply));
        if (j->s->progress != NULL) j->s->progress(j->s->progress_arg, "layers", (double)to, (double)j->n, "tensors", NULL);
    }
done:
    for (int k = 0; k < 2; k++) {
        json_decref(reply[k]);
        whet_worker_free(w[k]);
    }
    return status;
}

static whet_status run_all(job *j)
{
    for (size_t from = 0, to = 0; from < j->n; from = to) {
        size_t bytes = 0;
        for (to = from; to < j->n && to - from < MAX_TAPS; to++) {
            bytes += bytes_of(j, &j->v[to]);
            if (to > from && bytes > max_bytes) break;
        }
        WHET_TRY(run_batch(j, from, to));
    }
    return WHET_OK;
}

/* --- what it says */
/* The largest error among the compared tensors that feed a value, through those that were not compared; -1: there are none. */
static double fed_by(const job *j, whet_vid v, const double *error, bool *seen)
{
    const whet_graph *g = j->list[0].g;
    const whet_nid n = g->values[v].producer;
    double most = -1;
    if (n == WHET_NO_NODE || seen[n]) return -1;
    seen[n] = true;
    for (int i = 0; i < g->nodes[n].n_in; i++) {
        const whet_vid x = g->nodes[n].in[i];
        if (x == WHET_NO_VALUE) continue;
        most = fmax(most, error[x] >= 0 ? error[x] : fed_by(j, x, error, seen));
    }
    return most;
}

static whet_status trace_errors(job *j)
{
    const whet_layer_list *a = &j->list[0];
    const size_t n_values = (size_t)a->g->n_values;
    double *error = whet_calloc(2 * n_values + 2, sizeof *error), *largest = error != NULL ? error + n_values + 1 : NULL;
    bool *seen = whet_calloc((size_t)a->g->n_nodes + 1, sizeof *seen);
    whet_status status = error != NULL && seen != NULL ? WHET_OK : WHET_ENOMEM;
    for (size_t i = 0; status == WHET_OK && i < n_values; i++) error[i] = largest[i] = -1;
    for (size_t i = 0; status == WHET_OK && i < j->n; i++) {
        pair *p = &j->v[i];
        p->error = isfinite(p->parity.snr_db) ? pow(10, -p->parity.snr_db / 20) : p->parity.max > 0 ? p->parity.max : 0;
        memset(seen, 0, (size_t)a->g->n_nodes * sizeof *seen);
        p->before = fed_by(j, a->v[p->a].vid, error, seen);
        memset(seen, 0, (size_t)a->g->n_nodes * sizeof *seen);
        p->max_before = fed_by(j, a->v[p->a].vid, largest, seen);
        for (size_t v = 0; v < n_values; v++) { /* the twins of a dequantised tensor too */
            if (a->entry[v] != (int)p->a) continue;
            error[v] = p->error;
            largest[v] = p->parity.max_abs;
        }
    }
    whet_free(error);
    whet_free(seen);
    return status;
}

static json_t *number(double x) { return isfinite(x) ? json_real(x) : json_null(); }

static json_t *pair_json(const job *j, const pair *p)
{
    const whet_layer *a = &j->list[0].v[p->a], *b = &j->list[1].v[p->b];
    char shape[96];
    json_t *o = whet_parity_json(&p->parity, a->name);
    json_object_del(o, "top1");
    json_object_update_new(o, json_pack("{ss, ss, ss, si, ss, ss}", "other", b->name, "node", a->node, "op", a->op, "depth", a->depth, "shape",
                                        whet_shape_text(&a->shape, shape, sizeof shape), "rule", whet_layer_rule_name(a->rule)));
    json_object_set_new(o, "label", json_string(a->before != NULL ? a->before : a->stem[0] != '\0' ? a->stem : a->name));
    json_object_set_new(o, "error", number(p->error));
    json_object_set_new(o, "error_before", p->before >= 0 ? number(p->before) : json_null());
    return o;
}

static int by_error(const void *x, const void *y)
{
    const pair *a = x, *b = y;
    const double ea = isnan(a->error) ? (double)INFINITY : a->error, eb = isnan(b->error) ? (double)INFINITY : b->error;
    return ea != eb ? (ea < eb) - (ea > eb) : (a->a > b->a) - (a->a < b->a);
}

/* Operators that move no two values further apart. What such a one gives differs by no more than what it is given, and yet its relative
 * error may be larger, as Relu takes away values with their share of the norm: that is none of its doing. */
static bool only_passes(const job *j, const pair *p)
{
    static const char *const ops[] = {"Relu", "Clip", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "Sigmoid", "HardSigmoid",
                                      "Tanh", "Identity", "Dropout", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Concat", "Split", "Slice", "Gather", "Pad"};
    const char *op = j->list[0].v[p->a].op;
    const bool more = p->max_before < 0 || p->parity.max_abs > p->max_before * (1 + 1e-6);
    for (size_t i = 0; !more && i < WHET_COUNT(ops); i++)
        if (op != NULL && strcmp(op, ops[i]) == 0) return true;
    return false;
}

/* Where the error grows most against what feeds it; those below the floor are rounding. */
static json_t *largest_steps(const job *j)
{
    json_t *list = json_array();
    bool *taken = whet_calloc(j->n + 1, sizeof *taken);
    for (int k = 0; taken != NULL && k < MAX_STEPS; k++) {
        size_t best = j->n;
        double most = 1.5;
        for (size_t i = 0; i < j->n; i++) {
            const double growth = j->v[i].error / fmax(j->v[i].before, floor_error);
            if (taken[i] || j->v[i].error <= floor_error || growth <= most || only_passes(j, &j->v[i])) continue;
            most = growth;
            best = i;
        }
        if (best == j->n) break;
        taken[best] = true;
        json_t *o = pair_json(j, &j->v[best]);
        json_object_set_new(o, "times", json_real(most));
        json_array_append_new(list, o);
    }
    whet_free(taken);
    return list;
}

static json_t *count_rules(const job *j)
{
    json_t *o = json_object();
    for (int r = 1; r < WHET_LAYER_RULES; r++) {
        int n = 0;
        for (size_t i = 0; i < j->n; i++) n += j->list[0].v[j->v[i].a].rule == (whet_layer_rule)r;
        json_object_set_new(o, whet_layer_rule_name((whet_layer_rule)r), json_integer(n));
    }
    return o;
}

static json_t *document(job *j)
{
    json_t *list = json_array(), *first = json_null(), *steps = largest_steps(j);
    int diverged = 0;
    for (size_t i = 0; i < j->n; i++) {
        if (j->v[i].parity.ok) continue;
        if (diverged++ == 0) {
            first = pair_json(j, &j->v[i]);
            json_object_set_new(first, "position", json_integer((json_int_t)i + 1));
        }
    }
    json_t *doc = json_pack("{si, sI, s{sI, sI}, so, si, so, so, so}", "samples", j->s->count, "compared", (json_int_t)j->n, "tensors", "a",
                            (json_int_t)j->list[0].n, "b", (json_int_t)j->list[1].n, "rules", count_rules(j), "diverged", diverged, "first", first,
                            "steps", steps, "exposing", json_pack("[o, o]", j->exposing[0] >= 0 ? number(j->exposing[0]) : json_null(),
                                                                  j->exposing[1] >= 0 ? number(j->exposing[1]) : json_null()));
    char accept[128];
    json_object_set_new(doc, "accept", json_string(whet_accept_text(&j->accept, accept, sizeof accept)));
    qsort(j->v, j->n, sizeof *j->v, by_error);
    for (size_t i = 0; i < j->n; i++) json_array_append_new(list, pair_json(j, &j->v[i]));
    json_object_set_new(doc, "list", list);
    return doc;
}

whet_status whet_layers_run(json_t **out, const whet_layers_spec *spec)
{
    job j = {.s = spec, .accept = *spec->accept, .exposing = {-1, -1}};
    whet_status status = WHET_OK;
    *out = NULL;
    if (j.accept.has_lsb) whet_accept_default(&j.accept, "int8"); /* steps of integers mean nothing inside */
    for (int k = 0; k < 2; k++) WHET_GOTO(list_side(&j, k));
    WHET_GOTO(make_pairs(&j));
    WHET_GOTO(run_all(&j));
    WHET_GOTO(trace_errors(&j));
    *out = document(&j);
    if (*out == NULL) status = WHET_ENOMEM;
done:
    for (int k = 0; k < 2; k++) whet_layer_list_dispose(&j.list[k]);
    whet_free(j.v);
    return status;
}
