/* SPDX-License-Identifier: Apache-2.0 */
/* The training step alone on random data: forward, backward, optimiser, commits. Nothing of data loading is in the times. */
#include <math.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"
#include "passes/lower.h"
#include "train/trainer.h"
#include "wire/json.h"

static void random_inputs(whet_plan *p, int64_t classes)
{
    whet_rng r = whet_rng_at(1, 2);
    whet_tensor *x = whet_plan_input(p, WHET_TRAIN_IN_X), *y = whet_plan_input(p, WHET_TRAIN_IN_Y);
    for (int64_t i = 0, n = whet_tensor_numel(x); i < n; i++) ((float *)x->data)[i] = (float)whet_rng_normal(&r);
    for (int64_t i = 0, n = whet_tensor_numel(y); i < n; i++) ((int64_t *)y->data)[i] = (int64_t)whet_rng_below(&r, (uint32_t)classes);
    *(float *)whet_plan_input(p, WHET_TRAIN_IN_LR)->data = 0.01f;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int by_time(const void *a, const void *b)
{
    const json_t *const *x = a, *const *y = b;
    const double p = json_number_value(json_object_get(*x, "ms")), q = json_number_value(json_object_get(*y, "ms"));
    return (p < q) - (p > q);
}

/* Time by operator and kernel, most first; "profile_nodes" has each node with its multiply-adds. */
static whet_status profile_json(const whet_plan *p, const uint64_t *ns, int64_t steps, json_t *doc)
{
    whet_status status = WHET_OK;
    char *text = NULL;
    json_t *nodes = NULL, *node = NULL, *groups = json_object(), *list = json_array(), *value = NULL;
    json_t **rows = NULL;
    const char *key = NULL;
    size_t i = 0, n = 0;
    double total = 0;
    WHET_GOTO(whet_plan_describe(p, &text));
    WHET_GOTO(whet_json_parse(&nodes, text, strlen(text), NULL));
    json_array_foreach(nodes, i, node) {
        const char *op = json_string_value(json_object_get(node, "op")), *kernel = json_string_value(json_object_get(node, "kernel"));
        char *name = whet_format("%s/%s", op, kernel);
        if (name == NULL) WHET_GOTO(WHET_ENOMEM);
        const double ms = (double)ns[i] * 1e-6 / (double)steps;
        json_t *g = json_object_get(groups, name);
        if (g == NULL) json_object_set_new(groups, name, g = json_pack("{s:s, s:s, s:f, s:i}", "op", op, "kernel", kernel, "ms", 0.0, "nodes", 0));
        json_object_set_new(g, "ms", json_real(json_number_value(json_object_get(g, "ms")) + ms));
        json_object_set_new(g, "nodes", json_integer(json_integer_value(json_object_get(g, "nodes")) + 1));
        total += ms;
        json_object_set_new(node, "ms", json_real(ms));
        json_object_del(node, "refused");
        json_object_del(node, "place");
        whet_free(name);
    }
    rows = whet_calloc(json_object_size(groups), sizeof *rows);
    if (rows == NULL) WHET_GOTO(WHET_ENOMEM);
    json_object_foreach(groups, key, value) {
        json_object_set_new(value, "share", json_real(json_number_value(json_object_get(value, "ms")) / WHET_MAX(total, 1e-9)));
        rows[n++] = value;
    }
    qsort(rows, n, sizeof *rows, by_time);
    for (i = 0; i < n; i++) json_array_append(list, rows[i]);
    json_object_set(doc, "profile", list);
    json_object_set(doc, "profile_nodes", nodes);
done:
    json_decref(nodes);
    json_decref(groups);
    json_decref(list);
    whet_free(rows);
    whet_free(text);
    return status;
}

/* The process's peak of resident memory so far; 0 where it cannot be known. */
static double peak_mb(void)
{
    struct rusage r;
    return getrusage(RUSAGE_SELF, &r) == 0 ? (double)r.ru_maxrss / 1024 : 0;
}

static int64_t variable_bytes(const whet_graph *g, bool trainable)
{
    int64_t n = 0;
    for (whet_vid v = 0; v < g->n_values; v++)
        if (g->values[v].kind == WHET_VALUE_VARIABLE && g->values[v].trainable == trainable) n += (int64_t)whet_tensor_bytes(&g->values[v].data);
    return n;
}

/* The planned memory of a step: parameters, other state (moments, running statistics), and the arena at its fullest. */
static whet_status memory_json(const trainer *t, const whet_plan *p, json_t *doc)
{
    whet_plan_memory m;
    const whet_graph *g = whet_exec_graph(t->exec);
    const int64_t params = variable_bytes(g, true), state = variable_bytes(g, false);
    WHET_TRY(whet_plan_memory_of(p, &m));
    json_t *o = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "parameters", (json_int_t)params, "state", (json_int_t)state, "activations",
                          (json_int_t)m.activations, "gradients", (json_int_t)m.gradients, "workspace", (json_int_t)m.workspace, "arena",
                          (json_int_t)m.arena, "total", (json_int_t)m.arena + params + state);
    return json_object_set_new(doc, "memory", o) == 0 ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "out of memory for the result");
}

static whet_status measure(trainer *t, const whet_train_bench_settings *s, json_t *doc)
{
    whet_status status = WHET_ENOMEM;
    whet_plan *p = NULL;
    json_t *list = json_array();
    double *ms = whet_calloc((size_t)s->steps + 1, sizeof *ms);
    uint64_t *ns = NULL;
    if (ms == NULL || list == NULL) goto done;
    WHET_GOTO(trainer_plan(t->exec, t->s.batch, t, &p));
    WHET_GOTO(memory_json(t, p, doc));
    if (s->steps == 0) goto done;
    random_inputs(p, t->classes);
    ns = whet_calloc((size_t)whet_plan_graph(p)->n_nodes, sizeof *ns);
    if (ns == NULL) WHET_GOTO(WHET_ENOMEM);
    for (int64_t i = 0; i < s->warmup; i++) WHET_GOTO(whet_plan_run(p));
    for (int64_t i = 0; i < s->steps; i++) {
        const uint64_t from = whet_now_ns();
        WHET_GOTO(s->profile ? whet_plan_profile(p, ns) : whet_plan_run(p));
        ms[i] = (double)(whet_now_ns() - from) * 1e-6;
        json_array_append_new(list, json_real(ms[i]));
    }
    if (s->profile) WHET_GOTO(profile_json(p, ns, s->steps, doc));
    qsort(ms, (size_t)s->steps, sizeof *ms, ascending);
    const double median = s->steps % 2 ? ms[s->steps / 2] : (ms[s->steps / 2 - 1] + ms[s->steps / 2]) / 2;
    json_object_set_new(doc, "median_ms", json_real(median));
    json_object_set_new(doc, "min_ms", json_real(ms[0]));
    json_object_set_new(doc, "img_per_s", json_real((double)t->s.batch * 1e3 / median));
    json_object_set_new(doc, "peak_mb", json_real(peak_mb()));
    json_object_set_new(doc, "arena_bytes", json_integer((json_int_t)whet_plan_arena_bytes(p)));
    json_object_set(doc, "ms", list);
done:
    json_decref(list);
    whet_free(ms);
    whet_free(ns);
    return status;
}

whet_status whet_train_bench_run(json_t **doc, const whet_train_bench_settings *s)
{
    whet_status status = WHET_OK;
    whet_graph *step = NULL;
    whet_exec_options opt;
    trainer t = {.classes = 10, .folder = -1};
    json_t *o = NULL;
    const double before = peak_mb();
    *doc = NULL;
    whet_train_settings_init(&t.s);
    whet_contract_init(&t.contract);
    if (s->steps < 0 || s->warmup < 0) return WHET_FAIL(WHET_EINVAL, "steps cannot be less than none");
    t.s.model = s->model;
    t.s.data = "random";
    t.s.seed = 1;
    t.s.recompute = s->recompute;
    t.s.store_bf16 = s->store_bf16;
    if (s->batch > 0) t.s.batch = s->batch;
    WHET_GOTO(whet_train_settings_resolve(&t.s));
    WHET_GOTO(trainer_open_model(&t));
    WHET_GOTO(whet_team_create(&t.team, (int)s->threads));
    whet_exec_options_init(&opt);
    opt.team = t.team;
    opt.lower = whet_passes_lower;
    opt.isa &= s->isa;
    opt.dry = s->steps == 0;
    if (s->providers != 0) opt.providers = s->providers;
    WHET_GOTO(whet_train_graph_create(&step, t.model, &t.s));
    WHET_GOTO(whet_exec_create(&t.exec, step, &opt));
    o = json_pack("{s:s, s:I, s:i, s:s}", "model", s->model, "batch", (json_int_t)t.s.batch, "threads", whet_team_size(t.team), "isa",
                  whet_isa_name(opt.isa));
    if (o == NULL) WHET_GOTO(WHET_FAIL(WHET_ENOMEM, "out of memory for the result"));
    json_object_set_new(o, "before_mb", json_real(before));
    WHET_GOTO(measure(&t, s, o));
    *doc = o;
    o = NULL;
done:
    json_decref(o);
    whet_graph_free(step);
    whet_exec_free(t.exec);
    whet_graph_free(t.model);
    whet_contract_dispose(&t.contract);
    whet_team_free(t.team);
    return status;
}
