/* SPDX-License-Identifier: Apache-2.0 */
/* `whet_run_npy`: a model on raw tensors, on any runtime through the backend interface; nothing is done to the values. */
#include <stdio.h>
#include <string.h>

#include "api/api_run_apart.h"
#include "api/result.h"
#include "backend/backend.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "base/threads.h"
#include "formats/npy/npy_tensor.h"
#include "whet/model.h"
#include "wire/json.h"

enum { MOST_IO = 64 };

typedef struct job {
    const whet_backend *t;
    whet_backend_model *m;
    whet_backend_stream *s;
    whet_tensor inputs[MOST_IO];
    int n_inputs, n_outputs;
    json_t *in, *out, *tuning;
} job;

void whet_run_options_init(whet_run_options *o) { *o = (whet_run_options){.size = sizeof(*o)}; }

static whet_status check(const job *j, int code, const char *what) { return code == 0 ? WHET_OK : whet_backend_status(j->t, code, what); }

static json_t *describe(const char *name, const char *path, const whet_tensor *t)
{
    json_t *dims = json_array();
    for (int i = 0; i < t->shape.rank; i++) json_array_append_new(dims, json_integer(t->shape.dims[i]));
    return json_pack("{s:s, s:s, s:s, s:o}", "name", name ? name : "", "path", path, "dtype", whet_dtype_name(t->dtype), "shape", dims);
}

static int count_io(const job *j, int output)
{
    whet_backend_io info;
    int n = 0;
    while (n < MOST_IO && j->t->io_info(j->m, output, n, &info) == 0) n++;
    whet_error_clear();
    return n;
}

static whet_status load_inputs(job *j, int n, const char *const *paths)
{
    int wanted = count_io(j, 0);
    if (n != wanted) return WHET_FAIL(WHET_EINVAL, "the model has %d inputs, but %d .npy files are given", wanted, n);
    for (int i = 0; i < n; i++) {
        whet_backend_io info;
        char want[160] = "";
        size_t at = 0;
        WHET_TRY(whet_npy_read_tensor(&j->inputs[i], paths[i]));
        j->n_inputs = i + 1;
        const whet_tensor *x = &j->inputs[i];
        WHET_TRY(check(j, j->t->io_info(j->m, 0, i, &info), "reading the inputs"));
        bool fits = info.rank < 0 || info.rank == x->shape.rank;
        for (int k = 0; k < info.rank; k++) {
            at += (size_t)snprintf(want + at, sizeof(want) - at, info.dims[k] < 0 ? "%s?" : "%s%lld", k ? "x" : "",
                                   (long long)info.dims[k]);
            fits = fits && k < x->shape.rank && (info.dims[k] < 0 || info.dims[k] == x->shape.dims[k]);
        }
        if (fits && whet_dtype_to_onnx(x->dtype) == info.dtype) {
            if (j->t->set_shape) WHET_TRY(check(j, j->t->set_shape(j->m, i, x->shape.rank, x->shape.dims), "setting the shape"));
            json_array_append_new(j->in, describe(info.name, paths[i], x));
            continue;
        }
        char have[160];
        WHET_FAIL(WHET_ESHAPE, "array is %s %s, input '%s' wants %s %s", whet_dtype_name(x->dtype),
                  whet_shape_text(&x->shape, have, sizeof(have)), info.name, whet_onnx_dtype_name(info.dtype), want);
        whet_error_at_file(paths[i]);
        return WHET_ESHAPE;
    }
    return WHET_OK;
}

static whet_status feed(job *j)
{
    for (int i = 0; i < j->n_inputs; i++) {
        void *data = NULL;
        size_t bytes = 0;
        whet_backend_io info;
        WHET_TRY(check(j, j->t->io_map(j->s, 0, i, &data, &bytes, &info), "opening an input"));
        if (bytes != whet_tensor_bytes(&j->inputs[i]))
            return WHET_FAIL(WHET_ERUNTIME, "%s wants %zu bytes for input '%s', the array has %zu", j->t->title, bytes, info.name,
                             whet_tensor_bytes(&j->inputs[i]));
        if (bytes) memcpy(data, j->inputs[i].data, bytes);
        WHET_TRY(check(j, j->t->io_unmap(j->s, 0, i), "closing an input"));
    }
    return WHET_OK;
}

static whet_status store(job *j, int i, const char *path)
{
    void *data = NULL;
    size_t bytes = 0;
    whet_backend_io info;
    whet_tensor y;
    whet_tensor_init(&y);
    WHET_TRY(check(j, j->t->io_map(j->s, 1, i, &data, &bytes, &info), "opening an output"));
    y.dtype = whet_dtype_from_onnx(info.dtype);
    y.shape = whet_shape_of(WHET_MIN(info.rank, WHET_MAX_RANK), info.dims);
    y.data = data;
    whet_status status = whet_npy_write_tensor(path, &y);
    if (status == WHET_OK) json_array_append_new(j->out, describe(info.name, path, &y));
    whet_status closed = check(j, j->t->io_unmap(j->s, 1, i), "closing an output");
    return status != WHET_OK ? status : closed;
}

/* Everything of the run but the document, in a worker. */
static whet_status run_apart(job *j, const char *model, int n_in, const char *const *in, int n_out, const char *const *out, const whet_run_options *o)
{
    const whet_run_apart r = {.runtime = o->runtime, .model = model, .threads = o->threads, .n_inputs = n_in, .n_outputs = n_out,
                              .inputs = j->inputs, .outputs = out, .named = {j->in, j->out}};
    if (o->tune) return WHET_FAIL(WHET_EINVAL, "only the native engine can be tuned, not %s", o->runtime);
    if (n_in > MOST_IO) return WHET_FAIL(WHET_EINVAL, "over %d inputs are given", MOST_IO);
    for (int i = 0; i < n_in; i++) WHET_TRY(whet_npy_read_tensor(&j->inputs[i], in[i]));
    WHET_TRY(whet_run_in_worker(&r));
    for (int i = 0; i < n_in; i++) json_object_set_new(json_array_get(j->in, (size_t)i), "path", json_string(in[i]));
    for (int i = 0; i < n_out; i++) json_object_set_new(json_array_get(j->out, (size_t)i), "path", json_string(out[i]));
    return WHET_OK;
}

static void render(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *list = json_object_get(doc, "outputs"), *y = NULL;
    size_t i = 0;
    (void)width;
    (void)color;
    json_array_foreach(list, i, y) {
        const json_t *shape = json_object_get(y, "shape"), *d = NULL;
        size_t k = 0;
        whet_strbuf_printf(out, "%s: %s ", json_string_value(json_object_get(y, "path")), json_string_value(json_object_get(y, "dtype")));
        json_array_foreach(shape, k, d) whet_strbuf_printf(out, k ? "x%lld" : "%lld", (long long)json_integer_value(d));
        whet_strbuf_printf(out, " (%s)\n", json_string_value(json_object_get(y, "name")));
    }
}

static whet_status ask_tuning(job *j)
{
    char *text = NULL;
    WHET_TRY(check(j, j->t->query(j->m, "tuning", &text), "asking for the tuning"));
    const whet_status status = whet_json_parse(&j->tuning, text, strlen(text), "");
    whet_free(text);
    return status;
}

static whet_status run(job *j, const char *model, int n_in, const char *const *in, int n_out, const char *const *out,
                       const whet_run_options *o)
{
    char text[24] = "";
    const whet_backend_setting settings[] = {{"threads", text}, {"tune", "measure"}};
    snprintf(text, sizeof(text), "%d", o->threads > 0 ? o->threads : whet_cpu_count());
    if (o->tune && strcmp(j->t->name, "native") != 0)
        return WHET_FAIL(WHET_EINVAL, "only the native engine can be tuned, not %s", j->t->title);
    if (o->runtime != NULL && strchr(o->runtime, '@') != NULL) {
        char version[64] = "";
        WHET_TRY(check(j, j->t->version(version, sizeof version), "asking the version"));
        WHET_TRY(whet_backend_is_version(j->t, o->runtime, version));
    }
    WHET_TRY(check(j, j->t->open(&j->m, model, settings, o->tune ? 2 : 1), "opening the model"));
    if (n_out < 1 || n_out > count_io(j, 1))
        return WHET_FAIL(WHET_EINVAL, "the model has %d outputs, but %d files are named for them", count_io(j, 1), n_out);
    WHET_TRY(load_inputs(j, n_in, in));
    WHET_TRY(check(j, j->t->stream_create(j->m, &j->s), "preparing the model"));
    if (o->tune) WHET_TRY(ask_tuning(j));
    WHET_TRY(feed(j));
    WHET_TRY(check(j, j->t->run(j->s), "running the model"));
    for (int i = 0; i < n_out; i++) WHET_TRY(store(j, i, out[i]));
    return WHET_OK;
}

whet_status whet_run_npy(whet_result **out, const char *model, int n_inputs, const char *const *inputs, int n_outputs,
                         const char *const *outputs, const whet_run_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_run_options o;
    whet_backends *backends = NULL;
    job *j = whet_calloc(1, sizeof(*j));
    whet_status status = j ? WHET_OK : WHET_ENOMEM;
    *out = NULL;
    whet_run_options_init(&o);
    if (opt) memcpy(&o, opt, WHET_MIN(opt->size, sizeof(o)));
    if (!j) return status;
    j->in = json_array();
    j->out = json_array();
    if (o.apart && o.runtime && strcmp(o.runtime, "native") != 0) {
        WHET_GOTO(run_apart(j, model, n_inputs, inputs, n_outputs, outputs, &o));
    } else {
        WHET_GOTO(whet_backends_create(&backends));
        WHET_GOTO(whet_backends_find(backends, o.runtime ? o.runtime : "native", &j->t));
        WHET_GOTO(run(j, model, n_inputs, inputs, n_outputs, outputs, &o));
    }
    json_t *doc = json_pack("{s:s, s:s, s:O, s:O}", "model", model, "runtime", j->t ? j->t->name : o.runtime, "inputs", j->in, "outputs", j->out);
    if (doc && j->tuning) json_object_set(doc, "tuning", j->tuning);
    status = whet_result_make(out, "run", doc, 0, render);
done:
    if (j->s) j->t->stream_free(j->s);
    if (j->m) j->t->close(j->m);
    for (int i = 0; i < MOST_IO; i++) whet_tensor_dispose(&j->inputs[i]);
    json_decref(j->in);
    json_decref(j->out);
    json_decref(j->tuning);
    whet_free(j);
    whet_backends_free(backends);
    return status;
}
