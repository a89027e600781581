/* SPDX-License-Identifier: Apache-2.0 */
/* The outputs that a row must match: those of the file's own tool chain's runtime with its optimisation off; without it, of
 * whet's plain reference kernels (never the optimised engine, which is a competitor in the table); of a file that neither can
 * load, of a runtime in the table, unoptimised. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "formats/formats.h"
#include "measure/bench_private.h"
#include "measure/relay.h"
#include "measure/runtime_reads.h"

enum { MAX_TRIED = 12 };

json_t *whet_bench_load_request(const char *runtime, const char *path, int threads, const char *optimisation, int batch, const int *sizes)
{
    const whet_settings s = {.threads = threads, .optimisation = optimisation};
    return whet_load_request(runtime, path, &s, batch, sizes);
}

whet_status whet_outputs_of(whet_worker *w, const json_t *reply, int i, whet_tensor *t)
{
    const json_t *o = json_array_get(json_object_get(reply, "outputs"), (size_t)i), *dims = json_object_get(o, "dims");
    const json_int_t offset = json_integer_value(json_object_get(o, "offset")), bytes = json_integer_value(json_object_get(o, "bytes"));
    size_t need = 0;
    whet_tensor_init(t);
    t->dtype = whet_dtype_from_onnx((int)json_integer_value(json_object_get(o, "dtype")));
    if (o == NULL || t->dtype == WHET_DTYPE_NONE || json_array_size(dims) > WHET_MAX_RANK)
        return WHET_FAIL(WHET_ERUNTIME, "output %d has a type or rank that cannot be compared", i);
    t->shape.rank = (int)json_array_size(dims);
    for (int d = 0; d < t->shape.rank; d++) t->shape.dims[d] = json_integer_value(json_array_get(dims, (size_t)d));
    WHET_TRY(whet_shape_bytes(&t->shape, t->dtype, &need));
    t->data = (void *)whet_worker_results(w, (uint64_t)offset, (uint64_t)bytes);
    if (t->data == NULL || need != (size_t)bytes) return WHET_FAIL(WHET_ERUNTIME, "output %d is not where the worker said", i);
    return WHET_OK;
}

static whet_status keep(whet_bench_reference *f, whet_worker *w, const json_t *reply, int sample)
{
    const json_t *list = json_object_get(reply, "outputs");
    if (f->t == NULL) {
        f->n_outputs = (int)json_array_size(list);
        if (f->n_outputs < 1 || f->n_outputs > WHET_BENCH_MAX_OUTPUTS) return WHET_FAIL(WHET_EUNSUPPORTED, "the model has %d outputs", f->n_outputs);
        f->t = whet_calloc((size_t)(f->n_samples * f->n_outputs), sizeof *f->t);
        if (f->t == NULL) return WHET_ENOMEM;
    }
    for (int i = 0; i < f->n_outputs; i++) {
        whet_tensor t;
        WHET_TRY(whet_outputs_of(w, reply, i, &t));
        WHET_TRY(whet_tensor_copy(&f->t[sample * f->n_outputs + i], &t));
        if (f->names[i] == NULL) f->names[i] = whet_strdup(json_string_value(json_object_get(json_array_get(list, (size_t)i), "name")));
        if (f->names[i] == NULL) return WHET_ENOMEM;
    }
    return WHET_OK;
}

static void clear(whet_bench_reference *f)
{
    for (int i = 0; f->t != NULL && i < f->n_outputs * f->n_samples; i++) whet_tensor_dispose(&f->t[i]);
    whet_free(f->t);
    f->t = NULL;
    for (int i = 0; i < WHET_BENCH_MAX_OUTPUTS; i++) {
        whet_free(f->names[i]);
        f->names[i] = NULL;
    }
    f->n_outputs = 0;
}

/* The original may have its channels in another place than the row's file: then it gets the same pictures turned. */
static whet_status start_loaded(const whet_bench *b, const whet_bench_reference *f, const whet_bench_row *r, const char *runtime, whet_samples *turned,
                                whet_worker **w, json_t **reply)
{
    for (int again = 0; again < 2; again++) {
        whet_worker_options opt;
        whet_worker_options_init(&opt);
        opt.program = b->spec->program;
        opt.inputs_fd = turned->count > 0 ? turned->memory.fd : r->meant->memory.fd;
        opt.threads = r->threads;
        opt.memory_limit = b->spec->memory_limit;
        WHET_TRY(whet_worker_start(w, &opt));
        WHET_TRY(whet_worker_call(*w, whet_bench_load_request(runtime, f->path, r->threads, "off", f->batch, b->spec->sizes), whet_bench_limit(b), reply));
        if (again > 0) break;
        WHET_TRY(whet_relay_samples(turned, r->meant, json_object_get(*reply, "inputs")));
        if (turned->count == 0) break;
        whet_worker_free(*w); /* a worker is given its samples when it starts */
        json_decref(*reply);
        *w = NULL;
        *reply = NULL;
    }
    return WHET_OK;
}

static whet_status compute(whet_bench *b, whet_bench_reference *f, const whet_bench_row *r, const char *runtime)
{
    whet_worker *w = NULL;
    json_t *reply = NULL;
    whet_samples turned;
    whet_status status = WHET_OK;
    whet_samples_init(&turned);
    WHET_GOTO(start_loaded(b, f, r, runtime, &turned, &w, &reply));
    snprintf(f->name, sizeof f->name, "%s %s, %s", json_string_value(json_object_get(reply, "title")),
             json_string_value(json_object_get(reply, "version")), strcmp(runtime, "native") == 0 ? "plain reference kernels" : "optimisation off");
    WHET_GOTO(whet_worker_call(w, whet_samples_feed(turned.count > 0 ? &turned : r->meant), whet_bench_limit(b), NULL));
    for (int i = 0; i < f->n_samples; i++) {
        json_decref(reply);
        reply = NULL;
        WHET_GOTO(whet_worker_call(w, json_pack("{ss, si}", "do", "run", "sample", i), whet_bench_limit(b), &reply));
        WHET_GOTO(keep(f, w, reply, i));
    }
    snprintf(f->runtime, sizeof f->runtime, "%s", runtime);
    f->ready = true;
done:
    json_decref(reply);
    whet_worker_free(w);
    whet_samples_dispose(&turned);
    return status;
}

whet_status whet_bench_compute_reference(whet_bench *b, whet_bench_reference *f, const whet_bench_row *r, const char *runtime)
{
    clear(f);
    f->ready = false;
    return compute(b, f, r, runtime);
}

void whet_bench_reference_dispose(whet_bench_reference *f)
{
    clear(f);
}

/* More where the caller wants them and a picture costs little. */
static int reference_samples(const whet_bench *b, const whet_bench_row *r)
{
    static const int64_t little_macs = 1000000000;
    const int wanted = (b->spec->parity_inputs + r->batch - 1) / r->batch;
    const bool cheap = r->facts->macs >= 0 && r->facts->macs <= little_macs;
    return cheap ? WHET_MAX(WHET_REFERENCE_SAMPLES, wanted) : WHET_REFERENCE_SAMPLES;
}

static bool listed(const char *const *order, int n, const char *runtime)
{
    for (int i = 0; i < n; i++)
        if (strcmp(order[i], runtime) == 0) return true;
    return false;
}

static int reference_order(const whet_bench *b, const whet_bench_row *r, const char *path, const char **order, int cap)
{
    int n = 0;
    const whet_model_format *f = NULL;
    if (r->cell->original != NULL && whet_format_of_file(path, &f) != WHET_OK) whet_error_clear();
    const char *own = whet_runtime_of_format(r->cell->original == NULL ? r->facts->format : f != NULL ? f->name : "");
    if (own != NULL) order[n++] = own;
    order[n++] = "native";
    for (int i = 0; i < b->n_rows && n < cap; i++) { /* a file that is known to nobody but the runtimes in the table */
        const whet_bench_cell *c = b->rows[i].cell;
        if (strcmp(c->original != NULL ? c->original : c->model, path) == 0 && !listed(order, n, c->runtime)) order[n++] = c->runtime;
    }
    return n;
}

/* Finds or makes the reference of a row. Having none is no failure: the row says so. */
whet_status whet_bench_make_reference(whet_bench *b, whet_bench_row *r)
{
    const char *order[MAX_TRIED];
    const char *path = r->cell->original != NULL ? r->cell->original : r->cell->model;
    for (int i = 0; i < b->n_references && r->reference == NULL; i++)
        if (strcmp(b->references[i].path, path) == 0 && b->references[i].batch == r->batch) r->reference = &b->references[i];
    if (r->reference != NULL) return WHET_OK;
    whet_bench_reference *f = r->reference = &b->references[b->n_references++];
    f->path = path;
    f->batch = r->batch;
    const int n_order = reference_order(b, r, path, order, MAX_TRIED);
    for (int i = 0; i < n_order && !f->ready; i++) {
        f->n_samples = WHET_MIN(reference_samples(b, r), r->meant->count);
        f->n_different = (int)WHET_MIN((int64_t)f->n_samples * f->batch, r->meant->different);
        const whet_status status = compute(b, f, r, order[i]);
        if (status == WHET_OK) break;
        if (status == WHET_ECANCELLED) return status;
        /* what hung for the whole time limit does not get it again */
        if (strcmp(order[i], r->cell->runtime) == 0 && strncmp(whet_error_last()->text, "time:", 5) == 0) return status;
        const size_t used = strlen(f->why);
        snprintf(f->why + used, sizeof f->why - used, "%s%s: %s", used > 0 ? "; " : "", order[i], whet_error_last()->text);
        clear(f);
    }
    return WHET_OK;
}

void whet_bench_check_outputs(whet_bench_row *r, const json_t *reply, int sample)
{
    const whet_bench_reference *f = r->reference;
    if (f == NULL || !f->ready || sample < 0 || sample >= f->n_samples) return;
    const int n = (int)json_array_size(json_object_get(reply, "outputs"));
    if (r->parity == NULL) {
        r->parity = whet_calloc((size_t)f->n_outputs, sizeof *r->parity);
        if (r->parity == NULL) return;
        r->n_outputs = f->n_outputs;
        for (int i = 0; i < r->n_outputs; i++) {
            whet_parity_init(&r->parity[i]);
            if (i < WHET_FACTS_OUTPUTS) r->parity[i].zero = r->facts->output_zero[i];
        }
    }
    for (int i = 0; i < r->n_outputs; i++) {
        whet_tensor got;
        if (n != r->n_outputs || whet_outputs_of(r->worker, reply, i, &got) != WHET_OK) {
            r->parity[i].ok = false;
            snprintf(r->parity[i].why, sizeof r->parity[i].why, "the runtime gives %d outputs, the reference %d", n, r->n_outputs);
            continue;
        }
        whet_parity_add(&r->parity[i], &r->accept, &f->t[sample * f->n_outputs + i], &got);
    }
}
