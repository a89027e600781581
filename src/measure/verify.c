/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one or two sides on the same inputs, each in a worker process, and compares their outputs by position. */
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/threads.h"
#include "measure/bench_private.h"
#include "measure/layers.h"
#include "measure/relay.h"
#include "measure/retype.h"
#include "measure/settings.h"
#include "measure/verify.h"
#include "wire/npy.h"

enum { SECONDS = 300, MAX_FILES = 64, LAYER_SAMPLES = 4 };

typedef struct outputs { int n, samples; whet_tensor *t; char names[WHET_BENCH_MAX_OUTPUTS][128]; } outputs;

typedef struct job {
    const whet_verify_spec *s; /* own */
    whet_verify_spec own;      /* as given, but for an optimisation that the reference's runtime has not */
    whet_samples samples, turned; /* turned: for the second file, where it has its channels in the other place; else empty */
    whet_tensor given[MAX_FILES], expected[MAX_FILES];
    outputs a, b;
    json_t *doc;
    whet_facts facts, other; /* of a; of b, where it is another file */
    int batch; /* that of the other file where it is fixed */
    bool no_switch;
} job;

static whet_status read_npy(const char *path, whet_tensor *t)
{
    static const struct { char kind; int size; whet_dtype dtype; } types[] = {
        {'f', 4, WHET_F32}, {'f', 8, WHET_F64}, {'f', 2, WHET_F16}, {'i', 8, WHET_S64}, {'i', 4, WHET_S32}, {'i', 2, WHET_S16},
        {'i', 1, WHET_S8},  {'u', 8, WHET_U64}, {'u', 4, WHET_U32}, {'u', 2, WHET_U16}, {'u', 1, WHET_U8},  {'b', 1, WHET_BOOL}};
    whet_map *m = NULL;
    whet_npy npy;
    whet_dtype dtype = WHET_DTYPE_NONE;
    WHET_TRY(whet_map_open(&m, path));
    whet_status status = whet_npy_parse(&npy, whet_map_data(m), whet_map_size(m), path);
    for (size_t i = 0; status == WHET_OK && i < WHET_COUNT(types); i++)
        if (types[i].kind == npy.kind && types[i].size == npy.size) dtype = types[i].dtype;
    if (status == WHET_OK && dtype == WHET_DTYPE_NONE) status = WHET_FAIL(WHET_EUNSUPPORTED, "'%s' has an element type that is not handled", path);
    if (status == WHET_OK) {
        const whet_shape shape = whet_shape_of(npy.rank, npy.dims);
        status = whet_tensor_alloc(t, dtype, &shape);
        if (status == WHET_OK) whet_npy_copy(&npy, t->data);
    }
    whet_map_close(m);
    return status;
}

static json_t *load_request(const job *j, const whet_verify_side *side)
{
    json_t *q = whet_bench_load_request(side->runtime, side->model, whet_cpu_count(), side->optimisation, j->batch, j->s->sizes);
    if (j->s->n_inputs == 0 || q == NULL) return q;
    json_t *shapes = json_array();
    for (int i = 0; i < j->s->n_inputs; i++) {
        json_t *dims = json_array();
        for (int d = 0; d < j->given[i].shape.rank; d++) json_array_append_new(dims, json_integer(j->given[i].shape.dims[d]));
        json_array_append_new(shapes, dims);
    }
    json_object_set_new(q, "shapes", shapes);
    return q;
}

static const whet_samples *samples_of(const job *j, const whet_verify_side *side)
{
    return side == &j->s->b && j->turned.count > 0 ? &j->turned : &j->samples;
}

/* Given types must be the model's own: bytes alone would let a float pass for an integer of its size. */
static whet_status check_types(const job *j, const whet_verify_side *side, const json_t *loaded)
{
    for (int i = 0; i < j->s->n_inputs; i++) {
        const json_t *o = json_array_get(json_object_get(loaded, "inputs"), (size_t)i);
        const whet_dtype want = whet_dtype_from_onnx((int)json_integer_value(json_object_get(o, "dtype")));
        if (want != samples_of(j, side)->in[i].dtype)
            return WHET_FAIL(WHET_ESHAPE, "input '%s' takes %s, '%s' holds %s", json_string_value(json_object_get(o, "name")),
                             whet_dtype_name(want), j->s->inputs[i], whet_dtype_name(j->given[i].dtype));
    }
    return WHET_OK;
}

static void dims_text(whet_strbuf *s, const json_t *dims)
{
    for (size_t d = 0; d < json_array_size(dims); d++)
        whet_strbuf_printf(s, "%s%lld", d > 0 ? "x" : "", (long long)json_integer_value(json_array_get(dims, d)));
}

/* The samples were made for the first file: the second must take the same bytes. */
static whet_status check_shapes(const job *j, const whet_verify_side *side, const json_t *loaded)
{
    const json_t *inputs = json_object_get(loaded, "inputs");
    const whet_samples *s = samples_of(j, side);
    if (j->s->n_inputs > 0) return WHET_OK;
    if ((int)json_array_size(inputs) != s->n_inputs)
        return WHET_FAIL(WHET_ESHAPE, "'%s' has %d inputs, '%s' has %zu: they cannot be compared", j->s->a.model, s->n_inputs, side->model,
                         json_array_size(inputs));
    for (int i = 0; i < s->n_inputs; i++) {
        const json_t *o = json_array_get(inputs, (size_t)i);
        whet_strbuf a, b;
        if ((size_t)json_integer_value(json_object_get(o, "bytes")) == s->in[i].bytes) continue;
        json_t *dims = json_array();
        for (int d = 0; d < s->in[i].shape.rank; d++) json_array_append_new(dims, json_integer(s->in[i].shape.dims[d]));
        whet_strbuf_init(&a);
        whet_strbuf_init(&b);
        dims_text(&a, dims);
        dims_text(&b, json_object_get(o, "dims"));
        const whet_status status = WHET_FAIL(WHET_ESHAPE, "input '%s' of '%s' is %s %s, input '%s' of '%s' is %s %s: they cannot be compared",
            s->in[i].name, j->s->a.model, whet_dtype_name(s->in[i].dtype), a.data != NULL ? a.data : "scalar", json_string_value(json_object_get(o, "name")),
            side->model, whet_dtype_name(whet_dtype_from_onnx((int)json_integer_value(json_object_get(o, "dtype")))), b.data != NULL ? b.data : "scalar");
        whet_strbuf_dispose(&a);
        whet_strbuf_dispose(&b);
        json_decref(dims);
        return status;
    }
    return WHET_OK;
}

/* A runtime without such a switch (OpenVINO, most programs) is a reference as it is. */
static whet_status settle_optimisation(job *j)
{
    whet_worker_options opt;
    whet_worker *w = NULL;
    json_t *reply = NULL;
    whet_verify_side *b = &j->own.b;
    if (b->model == NULL) return WHET_OK;
    whet_worker_options_init(&opt);
    opt.program = j->s->program;
    whet_status status = whet_worker_start(&w, &opt);
    if (status == WHET_OK) status = whet_worker_call(w, json_pack("{ss, ss}", "do", "probe", "runtime", b->runtime), SECONDS, &reply);
    if (status == WHET_OK && json_is_true(json_object_get(reply, "available")) &&
        !whet_setting_taken(json_object_get(reply, "caps"), "optimisation", b->optimisation)) {
        b->optimisation = "all";
        j->no_switch = true;
    }
    json_decref(reply);
    whet_worker_free(w);
    return status;
}

static whet_status make_samples(job *j)
{
    const whet_verify_spec *s = j->s;
    if (s->n_inputs > 0) return whet_samples_take(&j->samples, s->n_inputs, j->given);
    whet_worker_options opt;
    whet_worker *w = NULL;
    json_t *loaded = NULL;
    const whet_samples_options so = {.data = s->data, .split = s->split, .contract = s->contract, .own = j->facts.contract, .path = s->a.model, .seed = s->seed,
                                     .count = s->samples > 0 ? s->samples : 16};
    whet_worker_options_init(&opt);
    opt.program = s->program;
    whet_status status = whet_worker_start(&w, &opt);
    if (status == WHET_OK && s->b.model != NULL && strcmp(s->a.model, s->b.model) != 0 && strcmp(s->a.runtime, s->b.runtime) == 0) {
        status = whet_worker_call(w, load_request(j, &s->b), SECONDS, &loaded);
        const json_t *dims = json_object_get(json_array_get(json_object_get(loaded, "inputs"), 0), "dims");
        j->batch = WHET_MAX((int)json_integer_value(json_array_get(dims, 0)), 1);
        json_decref(loaded);
        loaded = NULL;
    }
    if (status == WHET_OK) status = whet_worker_call(w, load_request(j, &s->a), SECONDS, &loaded);
    if (status == WHET_OK && s->b.model != NULL) { /* fixed here, perhaps free in the other */
        const json_t *dims = json_object_get(json_array_get(json_object_get(loaded, "inputs"), 0), "dims");
        j->batch = WHET_MAX((int)json_integer_value(json_array_get(dims, 0)), 1);
    }
    if (status == WHET_OK) status = whet_samples_make(&j->samples, json_object_get(loaded, "inputs"), &so);
    json_decref(loaded);
    whet_worker_free(w);
    return status;
}

static whet_status keep(outputs *o, whet_worker *w, const json_t *reply, int sample)
{
    const json_t *list = json_object_get(reply, "outputs");
    if (o->t == NULL) {
        o->n = (int)json_array_size(list);
        if (o->n < 1 || o->n > WHET_BENCH_MAX_OUTPUTS) return WHET_FAIL(WHET_EUNSUPPORTED, "the model has %d outputs", o->n);
        o->t = whet_calloc((size_t)(o->n * o->samples), sizeof *o->t);
        if (o->t == NULL) return WHET_ENOMEM;
    }
    for (int i = 0; i < o->n; i++) {
        whet_tensor t;
        WHET_TRY(whet_outputs_of(w, reply, i, &t));
        WHET_TRY(whet_tensor_copy(&o->t[sample * o->n + i], &t));
        snprintf(o->names[i], sizeof o->names[i], "%s", json_string_value(json_object_get(json_array_get(list, (size_t)i), "name")));
    }
    return WHET_OK;
}

static whet_status start_loaded(job *j, const whet_verify_side *side, whet_worker **w, json_t **reply)
{
    whet_worker_options opt;
    whet_worker_options_init(&opt);
    opt.program = j->s->program;
    opt.inputs_fd = samples_of(j, side)->memory.fd;
    WHET_TRY(whet_worker_start(w, &opt));
    return whet_worker_call(*w, load_request(j, side), SECONDS, reply);
}

/* The second file's own pictures, where it has its channels in the other place or takes numbers of another type. */
static whet_status fit_samples(job *j, const json_t *inputs)
{
    whet_border from = {0}, to = {0};
    whet_samples typed;
    whet_samples_init(&typed);
    const whet_dtype want = whet_dtype_from_onnx((int)json_integer_value(json_object_get(json_array_get(inputs, 0), "dtype")));
    if (want != j->samples.in[0].dtype) {
        if (!whet_dtype_is_float(j->samples.in[0].dtype)) whet_model_border_read(j->s->a.model, &from);
        if (!whet_dtype_is_float(want)) whet_model_border_read(j->s->b.model, &to);
        WHET_TRY(whet_retype_samples(&typed, &j->samples, inputs, &from, &to));
    }
    whet_status status = whet_relay_samples(&j->turned, typed.count > 0 ? &typed : &j->samples, inputs);
    if (status != WHET_OK || j->turned.count > 0)
        whet_samples_dispose(&typed);
    else
        j->turned = typed;
    return status;
}

static whet_status run_side(job *j, const whet_verify_side *side, outputs *o, const char *key)
{
    whet_worker *w = NULL;
    json_t *reply = NULL;
    whet_status status = WHET_OK;
    o->samples = j->samples.count;
    WHET_GOTO(start_loaded(j, side, &w, &reply));
    if (side == &j->s->b) WHET_GOTO(fit_samples(j, json_object_get(reply, "inputs")));
    if (samples_of(j, side) != &j->samples) { /* a worker is given its samples when it starts */
        whet_worker_free(w);
        json_decref(reply);
        w = NULL;
        reply = NULL;
        WHET_GOTO(start_loaded(j, side, &w, &reply));
    }
    WHET_GOTO(check_types(j, side, reply));
    WHET_GOTO(check_shapes(j, side, reply));
    json_object_set_new(j->doc, key, json_pack("{ss, ss, sO, sO, ss}", "model", side->model, "runtime", side->runtime, "title",
                                               json_object_get(reply, "title"), "version", json_object_get(reply, "version"), "optimisation",
                                               side->optimisation));
    WHET_GOTO(whet_worker_call(w, whet_samples_feed(samples_of(j, side)), SECONDS, NULL));
    for (int i = 0; i < j->samples.count; i++) {
        json_decref(reply);
        reply = NULL;
        if (j->s->progress != NULL) j->s->progress(j->s->progress_arg, side->runtime, i, j->samples.count, "inputs", NULL);
        WHET_GOTO(whet_worker_call(w, json_pack("{ss, si}", "do", "run", "sample", i), SECONDS, &reply));
        WHET_GOTO(keep(o, w, reply, i));
    }
done:
    json_decref(reply);
    whet_worker_free(w);
    return status;
}

static bool turns_real(const whet_tensor *t, const whet_border *b, const whet_tensor *other)
{
    return t->dtype != other->dtype && t->dtype != WHET_F32 && whet_dtype_is_float(other->dtype) && (whet_dtype_is_float(t->dtype) || b->scale > 0);
}

/* One output of one input. Of two types the integers are taken for the real numbers that they stand for, f16 for its numbers. */
static whet_status add_output(whet_parity *p, const whet_accept *accept, const whet_tensor *reference, const whet_border *rb, const whet_tensor *got, const whet_border *gb)
{
    whet_tensor r, g;
    whet_status status = WHET_OK;
    whet_tensor_init(&r);
    whet_tensor_init(&g);
    const bool turn_r = turns_real(reference, rb, got), turn_g = turns_real(got, gb, reference);
    if (turn_r) WHET_GOTO(whet_retype_real(&r, reference, rb));
    if (turn_g) WHET_GOTO(whet_retype_real(&g, got, gb));
    if (turn_r || turn_g) p->zero = 0;
    whet_parity_add(p, accept, turn_r ? &r : reference, turn_g ? &g : got);
done:
    whet_tensor_dispose(&r);
    whet_tensor_dispose(&g);
    return status;
}

static whet_status compare(job *j, const whet_accept *accept, bool *ok)
{
    json_t *list = json_array();
    whet_border a[WHET_BENCH_MAX_OUTPUTS] = {{0}}, b[WHET_BENCH_MAX_OUTPUTS] = {{0}};
    const bool two = j->s->b.model != NULL;
    const int reference = two ? j->b.n : j->s->n_expected;
    json_object_set_new(j->doc, "outputs", list);
    if (reference > j->a.n || (two && reference != j->a.n)) return WHET_FAIL(WHET_ESHAPE, "the model has %d outputs, the reference %d", j->a.n, reference);
    *ok = true;
    whet_model_output_borders(j->s->a.model, j->a.n, a);
    if (two) whet_model_output_borders(j->s->b.model, j->b.n, b);
    for (int i = 0; i < reference; i++) {
        whet_parity p;
        whet_parity_init(&p);
        if (i < WHET_FACTS_OUTPUTS) p.zero = j->facts.output_zero[i];
        for (int k = 0; k < j->a.samples; k++)
            WHET_TRY(add_output(&p, accept, two ? &j->b.t[k * j->b.n + i] : &j->expected[i], &b[i], &j->a.t[k * j->a.n + i], &a[i]));
        *ok &= p.ok;
        json_t *o = whet_parity_json(&p, j->a.names[i]);
        if (p.worst_sample > 0) json_object_set_new(o, "worst_input", json_integer(p.worst_sample));
        json_array_append_new(list, o);
    }
    return WHET_OK;
}

static whet_layers_side layers_side(const job *j, const whet_verify_side *side, const outputs *o)
{
    return (whet_layers_side){.model = side->model, .runtime = side->runtime, .load = load_request(j, side), .samples = samples_of(j, side), .n_outputs = o->n,
                              .names = (const char (*)[128])o->names, .outputs = o->t};
}

static whet_status compare_layers(job *j, const whet_accept *accept)
{
    whet_layers_spec s = {.a = layers_side(j, &j->s->a, &j->a), .b = layers_side(j, &j->s->b, &j->b),
                          .count = WHET_MIN(j->samples.count, LAYER_SAMPLES), .accept = accept, .program = j->s->program,
                          .progress = j->s->progress, .progress_arg = j->s->progress_arg};
    json_t *layers = NULL;
    const whet_status status = whet_layers_run(&layers, &s);
    if (status == WHET_OK) json_object_set_new(j->doc, "layers", layers);
    json_decref(s.a.load);
    json_decref(s.b.load);
    return status;
}

static whet_status check_spec(const whet_verify_spec *s)
{
    if (s->b.model == NULL && s->n_expected == 0) return WHET_FAIL(WHET_EINVAL, "nothing to compare with");
    if (s->layers && s->b.model == NULL) return WHET_FAIL(WHET_EINVAL, "inner tensors are compared with another file or runtime, not with stored outputs");
    if (s->n_inputs > MAX_FILES || s->n_expected > MAX_FILES) return WHET_FAIL(WHET_EINVAL, "at most %d files can be given", MAX_FILES);
    if (s->n_expected > 0 && s->n_inputs == 0) return WHET_FAIL(WHET_EINVAL, "stored outputs belong to stored inputs: give --input too");
    return WHET_OK;
}

static whet_status run(job *j, bool *ok)
{
    const whet_verify_spec *s = j->s;
    whet_accept accept;
    char text[128];
    WHET_TRY(check_spec(s));
    if (s->accept != NULL) WHET_TRY(whet_accept_parse(&accept, s->accept));
    WHET_TRY(whet_facts_read(&j->facts, s->a.model));
    const bool two = s->b.model != NULL && strcmp(s->a.model, s->b.model) != 0;
    if (two) WHET_TRY(whet_facts_read(&j->other, s->b.model));
    if (s->accept == NULL) whet_accept_default(&accept, two ? whet_precision_coarser(j->facts.precision, j->other.precision) : j->facts.precision);
    for (int i = 0; i < s->n_inputs; i++) WHET_TRY(read_npy(s->inputs[i], &j->given[i]));
    for (int i = 0; i < s->n_expected; i++) WHET_TRY(read_npy(s->expected[i], &j->expected[i]));
    WHET_TRY(settle_optimisation(j));
    WHET_TRY(make_samples(j));
    WHET_TRY(run_side(j, &s->a, &j->a, "a"));
    if (s->b.model != NULL)
        WHET_TRY(run_side(j, &s->b, &j->b, "b"));
    else
        json_object_set_new(j->doc, "b", json_null());
    WHET_TRY(compare(j, &accept, ok));
    if (s->layers) WHET_TRY(compare_layers(j, &accept));
    const json_t *b = json_object_get(j->doc, "b");
    char reference[300];
    snprintf(reference, sizeof reference, "%s", whet_path_base(s->n_expected > 0 ? s->expected[0] : s->b.model));
    if (json_is_object(b))
        snprintf(reference, sizeof reference, "%s on %s %s, optimisation %s%s", whet_path_base(s->b.model), json_string_value(json_object_get(b, "title")),
                 json_string_value(json_object_get(b, "version")), s->b.optimisation, j->no_switch ? " (it cannot be turned off)" : "");
    json_object_set_new(j->doc, "reference", json_string(reference));
    json_object_set_new(j->doc, "accept", json_string(whet_accept_text(&accept, text, sizeof text)));
    json_object_set_new(j->doc, "inputs", json_pack("{ss, si}", "source", j->samples.source, "count", j->samples.count));
    json_object_set_new(j->doc, "sha256", json_string(j->facts.sha256));
    json_object_set_new(j->doc, "ok", json_boolean(*ok));
    const char *hint = whet_samples_hint(&j->samples, j->facts.precision);
    if (!*ok && hint[0] != '\0' && s->n_inputs == 0) json_object_set_new(j->doc, "hint", json_string(hint));
    return WHET_OK;
}

static void dispose(outputs *o)
{
    for (int i = 0; o->t != NULL && i < o->n * o->samples; i++) whet_tensor_dispose(&o->t[i]);
    whet_free(o->t);
}

whet_status whet_verify_run(json_t **out, bool *ok, const whet_verify_spec *spec)
{
    *out = NULL;
    *ok = false;
    job *j = whet_calloc(1, sizeof *j);
    if (j == NULL) return WHET_ENOMEM;
    j->own = *spec;
    j->s = &j->own;
    j->doc = json_object();
    j->batch = 1;
    whet_samples_init(&j->samples);
    whet_samples_init(&j->turned);
    const whet_status status = run(j, ok);
    if (status == WHET_OK) *out = json_incref(j->doc);
    for (int i = 0; i < MAX_FILES; i++) {
        whet_tensor_dispose(&j->given[i]);
        whet_tensor_dispose(&j->expected[i]);
    }
    dispose(&j->a);
    dispose(&j->b);
    whet_samples_dispose(&j->samples);
    whet_samples_dispose(&j->turned);
    whet_facts_dispose(&j->facts);
    whet_facts_dispose(&j->other);
    json_decref(j->doc);
    whet_free(j);
    return status;
}
