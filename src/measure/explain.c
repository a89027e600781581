/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a model in worker processes: once as it is, for its latency; once with the runtime's own profile, for its nodes. */
#include "measure/explain.h"

#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/threads.h"
#include "formats/formats.h"
#include "measure/bench_private.h"
#include "measure/machine.h"
#include "stats/stats.h"
#include "wire/json.h"

enum { SECONDS = 300, SAMPLES = 8, WARM_RUNS = 10, LATENCY_RUNS = 20, PROFILE_RUNS = 30, MORE_LOOKS = 3 };
static const json_int_t warm_ns = 300000000, latency_ns = 1000000000, profile_ns = 1500000000;
enum { QUICK = 10 }; /* times as short */

typedef struct job {
    const whet_explain_spec *s;
    const whet_explain_side *side;
    whet_facts facts;
    whet_samples samples;
    whet_graph *file;   /* with concrete shapes; NULL: whet cannot read it, `unreadable` says why */
    json_t *settings;   /* that the runtime takes */
    int64_t batch;      /* as it ran: a file may have one of its own */
    json_t *doc, *notes;
} job;

static int brief(const job *j) { return j->s->quick ? QUICK : 1; }

static whet_status start(whet_worker **w, const job *j)
{
    whet_worker_options opt;
    whet_worker_options_init(&opt);
    opt.program = j->s->program;
    opt.inputs_fd = j->samples.memory.fd;
    opt.threads = j->s->threads;
    opt.n_cpus = whet_machine_pick_cpus(j->s->threads, opt.cpus, WHET_MAX_CPUS);
    return whet_worker_start(w, &opt);
}

/* --- the request, with the settings that the runtime says it has */
static whet_status choose_settings(job *j)
{
    static const struct { const char *key, *value; } wanted[] = {
        {"optimisation", "all"}, {"denormals", "zero"}, {"arena", "on"}, {"profile", "on"}, {"executed_graph", "on"}};
    whet_worker *w = NULL;
    json_t *reply = NULL;
    char n[16];
    whet_status status = start(&w, j);
    if (status == WHET_OK) status = whet_worker_call(w, json_pack("{ss, ss}", "do", "probe", "runtime", j->side->runtime), SECONDS, &reply);
    if (status == WHET_OK && !json_is_true(json_object_get(reply, "available")))
        status = WHET_FAIL(WHET_EUNAVAILABLE, "%s", whet_json_str(reply, "reason"));
    snprintf(n, sizeof n, "%d", j->s->threads);
    j->settings = json_pack("{ss}", "threads", n);
    for (size_t i = 0; status == WHET_OK && i < WHET_COUNT(wanted); i++)
        if (whet_setting_taken(json_object_get(reply, "caps"), wanted[i].key, wanted[i].value))
            json_object_set_new(j->settings, wanted[i].key, json_string(wanted[i].value));
    json_decref(reply);
    whet_worker_free(w);
    return status;
}

static json_t *load_request(const job *j, bool profile)
{
    json_t *q = json_pack("{ss, ss, ss, si, sb, so}", "do", "load", "runtime", j->side->runtime, "path", j->side->model, "batch", WHET_MAX(j->s->batch, 1),
                          "any_batch", j->s->batch == 0, "settings", json_deep_copy(j->settings));
    json_t *settings = json_object_get(q, "settings");
    if (!profile) {
        json_object_del(settings, "profile");
        json_object_del(settings, "executed_graph");
    }
    if (j->s->sizes[0] > 0) json_object_set_new(q, "sizes", json_pack("[i, i]", j->s->sizes[0], j->s->sizes[1]));
    return q;
}

/* --- the file as whet reads it: the work of its nodes */
static void read_file(job *j, const json_t *loaded)
{
    whet_shape shapes[WHET_SAMPLES_MAX_INPUTS];
    const json_t *o = NULL;
    size_t i = 0;
    int n = 0;
    json_array_foreach(json_object_get(loaded, "inputs"), i, o) {
        const json_t *dims = json_object_get(o, "dims");
        if (n == WHET_SAMPLES_MAX_INPUTS || json_array_size(dims) > WHET_MAX_RANK) break;
        shapes[n].rank = (int)json_array_size(dims);
        for (int d = 0; d < shapes[n].rank; d++) shapes[n].dims[d] = json_integer_value(json_array_get(dims, (size_t)d));
        if (n == 0 && shapes[n].rank > 1) j->batch = WHET_MAX(shapes[n].dims[0], 1);
        n++;
    }
    if (whet_format_read(&j->file, j->side->model, NULL) == WHET_OK && whet_graph_sort(j->file) == WHET_OK &&
        whet_graph_bind_shapes(j->file, n, shapes) == WHET_OK)
        return;
    whet_graph_free(j->file);
    j->file = NULL;
    whet_json_add_text(j->notes, "whet cannot read the file: %s", whet_error_message());
}

static double elements(const whet_graph *g, whet_vid v)
{
    whet_shape shape;
    return whet_dims_concrete(&g->values[v].dims, &shape) ? (double)whet_shape_numel(&shape) : 0;
}

static json_t *file_node(const job *j, const whet_node *n)
{
    const whet_graph *g = j->file;
    double constant = 0, input = 0, output = 0;
    const char *reads = "";
    int moving = 0;
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == WHET_NO_VALUE) continue;
        const whet_value *v = &g->values[n->in[i]];
        const bool dequantised = v->producer != WHET_NO_NODE && g->nodes[v->producer].n_in > 0 && whet_node_is(&g->nodes[v->producer], "DequantizeLinear") &&
                                 whet_graph_const_data(g, g->nodes[v->producer].in[0]) != NULL;
        if (v->kind == WHET_VALUE_CONST || dequantised) {
            constant += elements(g, n->in[i]);
            continue;
        }
        input += elements(g, n->in[i]);
        if (moving++ == 0 && v->producer != WHET_NO_NODE) reads = g->nodes[v->producer].name;
    }
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] != WHET_NO_VALUE) output += elements(g, n->out[i]);
    return json_pack("{ss, sf, sf, sf, sf, ss}", "node", n->name, "macs", (double)(whet_facts_node_macs(g, n) * j->batch), "constant", constant, "input",
                     input, "output", output, "reads", moving == 1 ? reads : "");
}

/* By names of nodes and of their results: runtimes name what has no name by its result. `order`: those with multiply-adds. */
static void list_file(const job *j, json_t *file, json_t *order)
{
    for (int i = 0; j->file != NULL && i < j->file->n_nodes; i++) {
        const whet_node *n = &j->file->nodes[i];
        json_t *o = n->op != NULL ? file_node(j, n) : NULL;
        if (o == NULL) continue;
        json_object_set(file, n->name, o);
        if (whet_json_real(o, "macs") > 0) json_array_append(order, o);
        json_decref(o);
    }
    for (int i = 0; j->file != NULL && i < j->file->n_nodes; i++) {
        const whet_node *n = &j->file->nodes[i];
        const char *result = n->op != NULL && n->n_out > 0 && n->out[0] != WHET_NO_VALUE ? j->file->values[n->out[0]].name : NULL;
        if (result != NULL && json_object_get(file, result) == NULL) json_object_set(file, result, json_object_get(file, n->name));
    }
}

/* --- latency, without the profile */
static whet_status read_times(whet_worker *w, const json_t *reply, double *ms, double *low, double *high, int *n)
{
    const json_int_t count = json_integer_value(json_object_get(reply, "count")), offset = json_integer_value(json_object_get(reply, "offset"));
    const uint64_t *ns = whet_worker_results(w, (uint64_t)offset, (uint64_t)count * sizeof *ns);
    double *x = whet_calloc((size_t)count + 1, sizeof *x);
    if (x == NULL) return WHET_ENOMEM;
    if (ns == NULL || count < 1) {
        whet_free(x);
        return WHET_FAIL(WHET_ERUNTIME, "the times are not where the worker said");
    }
    for (json_int_t i = 0; i < count; i++) x[i] = (double)ns[i] / 1e6;
    whet_sort_doubles(x, (size_t)count);
    *n = (int)count;
    *ms = whet_percentile(x, (size_t)count, 0.5);
    *low = whet_percentile(x, (size_t)count, 0.25);
    *high = whet_percentile(x, (size_t)count, 0.75);
    whet_free(x);
    return WHET_OK;
}

static whet_status time_once(job *j, whet_worker *w)
{
    json_t *reply = NULL;
    whet_status status = WHET_OK;
    double ms = 0, low = 0, high = 0;
    int n = 0;
    WHET_GOTO(whet_worker_call(w, whet_samples_feed(&j->samples), SECONDS, NULL));
    WHET_GOTO(whet_worker_call(w, json_pack("{ss, si, sI}", "do", "warm", "runs", WARM_RUNS / brief(j), "ns", warm_ns / brief(j)), SECONDS, NULL));
    WHET_GOTO(whet_worker_call(w, json_pack("{ss, si, sI, si, si, si}", "do", "block", "runs", LATENCY_RUNS / brief(j), "ns", latency_ns / brief(j), "warm", 1, "start", 0, "group", 1),
                               SECONDS, &reply));
    WHET_GOTO(read_times(w, reply, &ms, &low, &high, &n));
    const double before = whet_json_real(json_object_get(j->doc, "latency"), "p50");
    if (before <= 0 || ms < before) json_object_set_new(j->doc, "latency", json_pack("{sf, sf, sf, si}", "p50", ms, "p25", low, "p75", high, "n", n));
done:
    json_decref(reply);
    return status;
}

/* The better of two looks, the second one after the nodes were timed: what disturbs one of two files must not decide. */
static whet_status measure_again(job *j)
{
    whet_worker *w = NULL;
    whet_status status = start(&w, j);
    if (status == WHET_OK) status = whet_worker_call(w, load_request(j, false), SECONDS, NULL);
    if (status == WHET_OK) status = time_once(j, w);
    whet_worker_free(w);
    return status;
}

/* A latency far above what the nodes come to was perhaps not the model's own. */
static bool doubtful(const job *j, const json_t *nodes)
{
    const json_t *o = NULL;
    size_t i = 0;
    double sum = 0;
    json_array_foreach(nodes, i, o) sum += whet_json_real(o, "ms");
    return sum > 0 && sum < 0.75 * whet_json_real(json_object_get(j->doc, "latency"), "p50");
}

static whet_status measure_latency(job *j)
{
    whet_worker *w = NULL;
    json_t *loaded = NULL;
    whet_status status = WHET_OK;
    WHET_GOTO(start(&w, j));
    WHET_GOTO(whet_worker_call(w, load_request(j, false), SECONDS, &loaded));
    if (j->samples.memory.data == NULL) {
        const whet_samples_options so = {.own = j->facts.contract, .seed = j->s->seed, .count = SAMPLES, .split = WHET_SPLIT_VAL};
        WHET_GOTO(whet_samples_make(&j->samples, json_object_get(loaded, "inputs"), &so));
        read_file(j, loaded);
        whet_worker_free(w); /* a worker is given the samples when it starts */
        w = NULL;
        WHET_GOTO(start(&w, j));
        WHET_GOTO(whet_worker_call(w, load_request(j, false), SECONDS, NULL));
    }
    WHET_GOTO(time_once(j, w));
    json_object_set_new(j->doc, "title", json_incref(json_object_get(loaded, "title")));
    json_object_set_new(j->doc, "version", json_incref(json_object_get(loaded, "version")));
done:
    json_decref(loaded);
    whet_worker_free(w);
    return status;
}

/* --- the nodes */
static json_t *ask(whet_worker *w, const char *key)
{
    json_t *reply = NULL, *answer = NULL;
    if (whet_worker_call(w, json_pack("{ss, ss}", "do", "query", "key", key), SECONDS, &reply) == WHET_OK) answer = json_incref(json_object_get(reply, "json"));
    json_decref(reply);
    return answer;
}

/* Members that the profile lacks, by the node's name. */
static void add_missing(json_t *nodes, const json_t *graph)
{
    json_t *names = json_object(), *o = NULL;
    size_t i = 0;
    json_array_foreach((json_t *)graph, i, o) json_object_set(names, whet_json_str(o, "name"), o);
    json_array_foreach(nodes, i, o) {
        json_t *g = json_object_get(names, whet_json_str(o, "name"));
        if (g == NULL) continue;
        const bool vague = whet_json_str(o, "precision")[0] == '\0', precise = whet_json_str(g, "precision")[0] != '\0';
        if (vague && precise) json_object_set(o, "precision", json_object_get(g, "precision"));
        json_object_update_missing(o, g);
    }
    json_decref(names);
}

static whet_status look_at_nodes(job *j, json_t **nodes)
{
    whet_worker *w = NULL;
    json_t *profile = NULL, *graph = NULL, *threads = NULL, *isa = NULL;
    whet_status status = WHET_OK;
    *nodes = NULL;
    WHET_GOTO(start(&w, j));
    WHET_GOTO(whet_worker_call(w, load_request(j, true), SECONDS, NULL));
    WHET_GOTO(whet_worker_call(w, whet_samples_feed(&j->samples), SECONDS, NULL));
    WHET_GOTO(whet_worker_call(w, json_pack("{ss, si, sI, si, si, si}", "do", "block", "runs", PROFILE_RUNS / brief(j), "ns", profile_ns / brief(j), "warm", 3, "start", 0, "group", 1),
                               SECONDS, NULL));
    profile = ask(w, "profile");
    graph = ask(w, "executed_graph");
    threads = ask(w, "threads");
    isa = ask(w, "isa");
    const json_t *timed = json_object_get(profile, "nodes"), *executed = json_object_get(graph, "nodes");
    if (json_array_size(timed) == 0 && json_array_size(executed) == 0)
        WHET_GOTO(WHET_FAIL(WHET_EUNSUPPORTED, "%s tells neither its executed graph nor the time of its nodes", j->side->runtime));
    *nodes = json_deep_copy(json_array_size(timed) > 0 ? timed : executed);
    if (json_array_size(timed) == 0) whet_json_add_text(j->notes, "%s does not tell the time of its nodes", whet_json_str(j->doc, "title"));
    add_missing(*nodes, executed);
    if (threads != NULL) json_object_set(j->doc, "runtime_threads", threads);
    if (isa != NULL) json_object_set(j->doc, "runtime_isa", isa);
done:
    json_decref(profile);
    json_decref(graph);
    json_decref(threads);
    json_decref(isa);
    whet_worker_free(w);
    return status;
}

/* What a runtime's names did not lead to. */
static void note_missing(job *j, const json_t *order, double found)
{
    const json_t *o = NULL;
    size_t i = 0;
    double all = 0;
    json_array_foreach(order, i, o) all += whet_json_real(o, "macs");
    if (all > 0 && found > 0 && found < 0.98 * all) {
        char missing[WHET_PERCENT_TEXT];
        whet_json_add_text(j->notes, "%s %% of the file's multiply-adds are not among the nodes by any name: shares are of the others",
                           whet_explain_percent(missing, 1 - found / all));
    }
}

static whet_status explain_side(json_t **out, const whet_explain_spec *s, const whet_explain_side *side, const whet_roofline *r)
{
    job j = {.s = s, .side = side, .doc = json_object(), .notes = json_array(), .batch = 1};
    json_t *nodes = NULL, *sums = NULL, *file = json_object(), *order = json_array();
    whet_status status = WHET_OK;
    *out = NULL;
    whet_samples_init(&j.samples);
    WHET_GOTO(whet_facts_read(&j.facts, side->model));
    json_object_update_new(j.doc, json_pack("{ss, ss, ss, ss, sI, sI, si, si}", "model", side->model, "runtime", side->runtime, "sha256", j.facts.sha256,
                                            "file_precision", j.facts.precision, "file_macs", (json_int_t)j.facts.macs, "size_bytes", (json_int_t)j.facts.size,
                                            "threads", s->threads, "batch", WHET_MAX(s->batch, 1)));
    if (s->progress != NULL) s->progress(s->progress_arg, whet_path_base(side->model), 1, 3, "steps", "latency");
    WHET_GOTO(choose_settings(&j));
    WHET_GOTO(measure_latency(&j));
    if (s->progress != NULL) s->progress(s->progress_arg, whet_path_base(side->model), 2, 3, "steps", "nodes");
    json_object_set_new(j.doc, "batch", json_integer((json_int_t)j.batch));
    WHET_GOTO(look_at_nodes(&j, &nodes));
    for (int i = 0; i < MORE_LOOKS && ((i == 0 && !s->quick) || doubtful(&j, nodes)); i++) WHET_GOTO(measure_again(&j));
    list_file(&j, file, order);
    const double profile_ms = whet_explain_scale(nodes, whet_json_real(json_object_get(j.doc, "latency"), "p50"));
    if (profile_ms > 0) json_object_set_new(j.doc, "profile_ms", json_real(profile_ms));
    sums = whet_explain_nodes(nodes, file, order, r);
    if (sums == NULL) WHET_GOTO(WHET_ENOMEM);
    json_object_update(j.doc, sums);
    if (json_is_true(json_object_get(sums, "matched_by_order")))
        whet_json_add_text(j.notes, "%s's own names for %lld of its convolutions and products are not in the file; as it has as many left, they are matched in order",
                           whet_json_str(j.doc, "title"), (long long)json_integer_value(json_object_get(sums, "matched_nodes")));
    note_missing(&j, order, whet_json_real(sums, "macs"));
    json_object_set_new(j.doc, "left_in_float", j.file != NULL ? whet_explain_left_in_float(j.file, json_object_get(j.doc, "nodes")) : json_array());
    json_object_set_new(j.doc, "sentences", whet_explain_words(j.doc, r));
    json_object_set(j.doc, "notes", j.notes);
    *out = json_incref(j.doc);
done:
    json_decref(nodes);
    json_decref(file);
    json_decref(order);
    json_decref(sums);
    json_decref(j.settings);
    json_decref(j.doc);
    json_decref(j.notes);
    whet_graph_free(j.file);
    whet_samples_dispose(&j.samples);
    whet_facts_dispose(&j.facts);
    return status;
}

static json_t *machine_facts(void)
{
    static const struct { uint32_t bit; const char *name; } isas[] = {
#if defined(__x86_64__)
        {WHET_ISA_AVX2, "avx2"}, {WHET_ISA_AVX512, "avx512"}, {WHET_ISA_AVX512VNNI, "avx512vnni"}, {WHET_ISA_AVX512BF16, "avx512bf16"}, {WHET_ISA_AVX512FP16, "avx512fp16"},
#else
        {WHET_ISA_NEON, "neon"}, {WHET_ISA_NEON_DOT, "neon_dot"}, {WHET_ISA_NEON_FP16, "neon_fp16"},
#endif
    };
    char model[128] = "";
    json_t *has = json_array(), *lacks = json_array();
    whet_cpu_model(model, sizeof model);
    for (size_t i = 0; i < WHET_COUNT(isas); i++) json_array_append_new(whet_isa() & isas[i].bit ? has : lacks, json_string(isas[i].name));
    return json_pack("{ss, so, so}", "cpu", model, "isa", has, "isa_missing", lacks);
}

whet_status whet_explain_run(json_t **out, const whet_explain_spec *given)
{
    whet_explain_spec s = *given;
    whet_roofline *r = whet_calloc(1, sizeof *r);
    json_t *a = NULL, *b = NULL, *doc = NULL, *machine = machine_facts();
    whet_status status = WHET_OK;
    *out = NULL;
    if (r == NULL) WHET_GOTO(WHET_ENOMEM);
    if (s.threads <= 0) s.threads = whet_cpu_count();
    if (s.progress != NULL) s.progress(s.progress_arg, "machine", 0, 3, "steps", "peaks and bandwidths");
    WHET_GOTO(whet_roofline_measure(r, s.threads, s.quick));
    for (int i = 0; i < r->n_peaks; i++)
        if (strcmp(r->peak[i].isa, "amx") == 0 && strcmp(r->peak[i].precision, "int8") == 0) json_array_append_new(json_object_get(machine, "isa"), json_string("amx"));
    WHET_GOTO(explain_side(&a, &s, &s.a, r));
    if (s.b.model != NULL) WHET_GOTO(explain_side(&b, &s, &s.b, r));
    doc = json_pack("{so, so, s[]}", "machine", json_incref(machine), "roofline", whet_roofline_json(r), "models");
    json_array_append(json_object_get(doc, "models"), a);
    if (b != NULL) json_array_append(json_object_get(doc, "models"), b);
    json_object_set_new(doc, "sentences", b != NULL ? whet_explain_against(a, b, r) : json_array());
    *out = doc;
done:
    json_decref(machine);
    json_decref(a);
    json_decref(b);
    whet_free(r);
    return status;
}
