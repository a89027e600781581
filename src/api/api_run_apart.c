/* SPDX-License-Identifier: Apache-2.0 */
/* `whet run` on a vendor's runtime: the runtime is loaded into a worker, the tensors go through shared memory. */
#include "api/api_run_apart.h"

#include "base/mem.h"
#include "base/threads.h"
#include "formats/npy/npy_tensor.h"
#include "measure/bench_private.h"
#include "measure/settings.h"
#include "wire/json.h"

enum { LOAD_SECONDS = 300 };

static json_t *dims_of(const whet_tensor *t)
{
    json_t *dims = json_array();
    for (int d = 0; d < t->shape.rank; d++) json_array_append_new(dims, json_integer(t->shape.dims[d]));
    return dims;
}

static void name_tensor(json_t *list, const char *name, const whet_tensor *t)
{
    json_array_append_new(list, json_pack("{ss, ss, so}", "name", name, "dtype", whet_dtype_name(t->dtype), "shape", dims_of(t)));
}

static json_t *load_request(const whet_run_apart *r)
{
    const whet_settings s = {.threads = r->threads > 0 ? r->threads : whet_cpu_count()};
    json_t *q = whet_load_request(r->runtime, r->model, &s, 0, NULL), *shapes = json_array();
    for (int i = 0; i < r->n_inputs; i++) json_array_append_new(shapes, dims_of(&r->inputs[i]));
    if (q != NULL) json_object_set_new(q, "shapes", shapes);
    return q;
}

/* Bytes alone would let a float pass for an integer of its size. */
static whet_status check_inputs(const whet_run_apart *r, const json_t *loaded)
{
    const json_t *list = json_object_get(loaded, "inputs");
    if ((int)json_array_size(list) != r->n_inputs)
        return WHET_FAIL(WHET_EINVAL, "the model has %zu inputs, but %d .npy files are given", json_array_size(list), r->n_inputs);
    for (int i = 0; i < r->n_inputs; i++) {
        const json_t *o = json_array_get(list, (size_t)i);
        const whet_dtype want = whet_dtype_from_onnx((int)json_integer_value(json_object_get(o, "dtype")));
        if (want != r->inputs[i].dtype)
            return WHET_FAIL(WHET_ESHAPE, "array is %s, input '%s' wants %s", whet_dtype_name(r->inputs[i].dtype), whet_json_str(o, "name"), whet_dtype_name(want));
        name_tensor(r->named[0], whet_json_str(o, "name"), &r->inputs[i]);
    }
    return WHET_OK;
}

static whet_status write_outputs(const whet_run_apart *r, whet_worker *w, const json_t *reply)
{
    const json_t *list = json_object_get(reply, "outputs");
    for (int i = 0; i < r->n_outputs; i++) {
        whet_tensor y;
        WHET_TRY(whet_outputs_of(w, reply, i, &y));
        WHET_TRY(whet_npy_write_tensor(r->outputs[i], &y));
        name_tensor(r->named[1], whet_json_str(json_array_get(list, (size_t)i), "name"), &y);
    }
    return WHET_OK;
}

whet_status whet_run_in_worker(const whet_run_apart *r)
{
    whet_worker_options opt;
    whet_worker *w = NULL;
    whet_samples samples;
    json_t *loaded = NULL, *reply = NULL;
    whet_status status = WHET_OK;
    whet_samples_init(&samples);
    whet_worker_options_init(&opt);
    WHET_GOTO(whet_samples_take(&samples, r->n_inputs, r->inputs));
    opt.inputs_fd = samples.memory.fd;
    opt.threads = r->threads;
    WHET_GOTO(whet_worker_start(&w, &opt));
    WHET_GOTO(whet_worker_call(w, load_request(r), LOAD_SECONDS, &loaded));
    const size_t has = json_array_size(json_object_get(loaded, "outputs"));
    if (r->n_outputs < 1 || (size_t)r->n_outputs > has) {
        status = WHET_FAIL(WHET_EINVAL, "the model has %zu outputs, but %d files are named for them", has, r->n_outputs);
        goto done;
    }
    WHET_GOTO(check_inputs(r, loaded));
    WHET_GOTO(whet_worker_call(w, whet_samples_feed(&samples), LOAD_SECONDS, NULL));
    WHET_GOTO(whet_worker_call(w, json_pack("{ss, si}", "do", "run", "sample", 0), LOAD_SECONDS, &reply));
    WHET_GOTO(write_outputs(r, w, reply));
done:
    json_decref(loaded);
    json_decref(reply);
    whet_worker_free(w);
    whet_samples_dispose(&samples);
    return status;
}
