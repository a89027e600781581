/* SPDX-License-Identifier: Apache-2.0 */
/* Binds a model file on a runtime to the predictor interface, in this process or in a worker (`apart`). The shape is fixed once (batch, channels, height, width); a
 * short last batch is filled up with zeros, so that no second plan is made. Which axis holds the channels is read off the
 * input's shape; three dimensions are grey pictures. Integer inputs are given the preprocessed values in their own scale,
 * those without one whole pixels; integer scores are only put in order, so that their scale is not needed. */
#include "measure/model_predictor.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"
#include "measure/bench_private.h"
#include "measure/model_border.h"

enum { DEFAULT_BATCH = 64, LOAD_SECONDS = 300, RUN_SECONDS = 300 };
static const size_t most_input = (size_t)1 << 30; /* of the shared memory; pages that are not written cost nothing */

struct whet_runner {
    const whet_backend *b;
    whet_backend_model *model;
    whet_backend_stream *stream;
    whet_worker *worker; /* instead of the three above */
    whet_shared input;
    size_t input_bytes;
    whet_predictor p;
    whet_dtype takes, gives; /* f32, u8 or s8 */
    whet_border border;      /* of integers taken */
    char runtime[64];
};

void whet_runner_options_init(whet_runner_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
}

static whet_status call(const whet_runner *m, int code, const char *what) { return whet_backend_status(m->b, code, what); }

static bool is_picture(int64_t channels) { return channels == 1 || channels == 3; }

static bool is_known(whet_dtype t) { return t == WHET_F32 || t == WHET_U8 || t == WHET_S8; }

/* What the input's numbers stand for. */
static whet_status read_type(whet_runner *m, const whet_backend_io *io, const char *path, const whet_contract *c)
{
    m->takes = whet_dtype_from_onnx(io->dtype);
    if (!is_known(m->takes))
        return WHET_FAIL(WHET_EUNSUPPORTED, "input '%s' takes %s, pictures are given as f32, u8 or s8", io->name, whet_dtype_name(m->takes));
    if (m->takes == WHET_F32) return WHET_OK;
    m->border = (whet_border){io->scale, io->zero_point};
    if (m->border.scale <= 0) whet_model_border_read(path, &m->border);
    if (m->border.scale > 0) return WHET_OK;
    if (m->takes == WHET_S8 && !(c && c->given && whet_border_whole(c)))
        return WHET_FAIL(WHET_EUNSUPPORTED, "input '%s' takes s8 and the file gives no scale for it, u8 pixels or f32 are needed", io->name);
    m->border = (whet_border){1, 0};
    return WHET_OK;
}

/* Axis order and sizes of the input; free sizes come from the contract. */
static whet_status read_input(whet_runner *m, const whet_backend_io *io, const char *path, const whet_runner_options *o, int64_t dims[4])
{
    whet_predictor *p = &m->p;
    const bool grey = io->rank == 3;
    int h = grey ? 1 : 2, w = h + 1;

    if (!grey && (io->rank != 4 || (!is_picture(io->dims[1]) && !is_picture(io->dims[3]))))
        return WHET_FAIL(WHET_ESHAPE, "input '%s' takes no pictures: it needs 4 dimensions with 1 or 3 channels, or 3 without", io->name);
    WHET_TRY(read_type(m, io, path, o->contract));
    p->nhwc = !grey && !is_picture(io->dims[1]);
    if (p->nhwc) {
        h = 1;
        w = 2;
    }
    memcpy(dims, io->dims, 4 * sizeof *dims);
    if (dims[h] < 0 && o->contract) dims[h] = o->contract->height;
    if (dims[w] < 0 && o->contract) dims[w] = o->contract->width;
    if (dims[h] < 1 || dims[w] < 1)
        return WHET_FAIL(WHET_EINVAL, "input '%s' takes any height and width, say which with --size", io->name);
    if (o->contract && o->contract->height && (dims[h] != o->contract->height || dims[w] != o->contract->width))
        return WHET_FAIL(WHET_EINVAL, "the contract says %dx%d, input '%s' takes %lldx%lld", o->contract->height,
                         o->contract->width, io->name, (long long)dims[h], (long long)dims[w]);
    if (dims[0] < 0) dims[0] = o->batch > 0 ? o->batch : DEFAULT_BATCH;
    p->channels = grey ? 1 : (int)dims[p->nhwc ? 3 : 1];
    p->height = (int)dims[h];
    p->width = (int)dims[w];
    p->batch = (int)dims[0];
    return WHET_OK;
}

/* The pictures in the type that the model takes; the rest of a short batch is zero. */
static void put_pictures(const whet_runner *m, const float *x, int n, void *to, size_t bytes)
{
    const size_t count = (size_t)m->p.channels * (size_t)m->p.height * (size_t)m->p.width * (size_t)n;
    const size_t used = count * whet_dtype_size(m->takes);

    whet_border_put(&m->border, m->takes, x, count, to);
    memset((char *)to + used, 0, bytes - used);
}

static void take_scores(const whet_runner *m, const void *from, int n, float *y)
{
    const size_t count = (size_t)n * (size_t)m->p.classes;

    if (m->gives == WHET_F32) memcpy(y, from, count * sizeof *y);
    for (size_t i = 0; m->gives != WHET_F32 && i < count; i++)
        y[i] = m->gives == WHET_U8 ? (float)((const uint8_t *)from)[i] : (float)((const int8_t *)from)[i];
}

static size_t batch_bytes(const whet_runner *m)
{
    return (size_t)m->p.channels * (size_t)m->p.height * (size_t)m->p.width * whet_dtype_size(m->takes) * (size_t)m->p.batch;
}

static bool is_row(const whet_runner *m, whet_dtype t, size_t bytes)
{
    return t == m->gives && bytes == (size_t)m->p.batch * (size_t)m->p.classes * whet_dtype_size(t);
}

static whet_status predict(void *arg, const float *x, int n, float *y)
{
    whet_runner *m = arg;
    whet_backend_io io;
    void *data = NULL;
    size_t bytes = 0;

    WHET_TRY(call(m, m->b->io_map(m->stream, 0, 0, &data, &bytes, &io), "writing the input"));
    if (bytes < batch_bytes(m)) return WHET_FAIL(WHET_ESHAPE, "the input holds %zu bytes, %zu are needed", bytes, batch_bytes(m));
    put_pictures(m, x, n, data, bytes);
    WHET_TRY(call(m, m->b->io_unmap(m->stream, 0, 0), "writing the input"));
    WHET_TRY(call(m, m->b->run(m->stream), "running the model"));
    WHET_TRY(call(m, m->b->io_map(m->stream, 1, 0, &data, &bytes, &io), "reading the output"));
    if (!is_row(m, whet_dtype_from_onnx(io.dtype), bytes))
        return WHET_FAIL(WHET_ESHAPE, "output '%s' is no row of %d scores a picture", io.name, m->p.classes);
    take_scores(m, data, n, y);
    return call(m, m->b->io_unmap(m->stream, 1, 0), "reading the output");
}

static whet_status read_output(whet_runner *m, const char *name, int dtype, int rank, const int64_t *dims)
{
    int64_t n = 1;
    m->gives = whet_dtype_from_onnx(dtype);
    for (int i = 1; i < rank; i++) n *= dims[i] > 0 ? dims[i] : 0;
    if (!is_known(m->gives) || rank < 2 || dims[0] != m->p.batch || n < 1 || n > 1 << 20 || (rank > 2 && n != dims[1]))
        return WHET_FAIL(WHET_ESHAPE, "output '%s' is no row of class scores a picture", name);
    m->p.classes = (int)n;
    return WHET_OK;
}

/* The first run, on zeros, tells how many scores there are. */
static whet_status probe_output(whet_runner *m)
{
    whet_backend_io io;
    void *data = NULL;
    size_t bytes = 0;

    WHET_TRY(call(m, m->b->io_map(m->stream, 0, 0, &data, &bytes, &io), "writing the input"));
    memset(data, 0, bytes);
    WHET_TRY(call(m, m->b->io_unmap(m->stream, 0, 0), "writing the input"));
    WHET_TRY(call(m, m->b->run(m->stream), "running the model"));
    WHET_TRY(call(m, m->b->io_map(m->stream, 1, 0, &data, &bytes, &io), "reading the output"));
    WHET_TRY(read_output(m, io.name, io.dtype, io.rank, io.dims));
    return call(m, m->b->io_unmap(m->stream, 1, 0), "reading the output");
}

/* --- in a worker: the pictures go through shared memory as its only sample */
static whet_status run_apart(whet_runner *m, whet_tensor *y, json_t **reply)
{
    WHET_TRY(whet_worker_call(m->worker, json_pack("{ss, si}", "do", "run", "sample", 0), RUN_SECONDS, reply));
    return whet_outputs_of(m->worker, *reply, 0, y);
}

static whet_status predict_apart(void *arg, const float *x, int n, float *y)
{
    whet_runner *m = arg;
    whet_tensor t;
    json_t *reply = NULL;
    put_pictures(m, x, n, m->input.data, m->input_bytes);
    whet_status status = run_apart(m, &t, &reply);
    if (status == WHET_OK && !is_row(m, t.dtype, whet_tensor_bytes(&t)))
        status = WHET_FAIL(WHET_ESHAPE, "the output is no row of %d scores a picture", m->p.classes);
    if (status == WHET_OK) take_scores(m, t.data, n, y);
    json_decref(reply);
    return status;
}

static whet_status read_input_apart(whet_runner *m, const json_t *inputs, const char *path, const whet_runner_options *o)
{
    const json_t *first = json_array_get(inputs, 0), *list = json_object_get(first, "dims");
    whet_backend_io io;
    int64_t dims[4] = {0};
    memset(&io, 0, sizeof io);
    if (json_array_size(inputs) != 1 || json_array_size(list) > WHET_BACKEND_MAX_RANK)
        return WHET_FAIL(WHET_ESHAPE, "the model has %zu inputs, one for pictures is needed", json_array_size(inputs));
    io.name = json_string_value(json_object_get(first, "name"));
    io.dtype = (int)json_integer_value(json_object_get(first, "dtype"));
    io.scale = json_number_value(json_object_get(first, "scale"));
    io.zero_point = (int32_t)json_integer_value(json_object_get(first, "zero_point"));
    io.rank = (int)json_array_size(list);
    for (int d = 0; d < io.rank; d++) io.dims[d] = json_integer_value(json_array_get(list, (size_t)d));
    WHET_TRY(read_input(m, &io, path, o, dims));
    m->input_bytes = (size_t)json_integer_value(json_object_get(first, "bytes"));
    if (m->input_bytes <= most_input && m->input_bytes == batch_bytes(m)) return WHET_OK;
    return WHET_FAIL(WHET_EUNSUPPORTED, "a batch of %d pictures takes %zu bytes, over 1 GiB: use a smaller batch", m->p.batch, m->input_bytes);
}

static whet_status open_apart(whet_runner *m, const char *path, const whet_runner_options *o)
{
    const int sizes[2] = {o->contract != NULL ? o->contract->height : 0, o->contract != NULL ? o->contract->width : 0};
    whet_worker_options wo;
    whet_tensor y;
    json_t *reply = NULL, *q = NULL;
    const char *name = o->runtime != NULL ? o->runtime : "native";
    whet_status status = WHET_OK;
    WHET_GOTO(whet_shared_create(&m->input, "whet-pictures", most_input));
    whet_worker_options_init(&wo);
    wo.inputs_fd = m->input.fd;
    wo.threads = o->threads > 0 ? o->threads : whet_cpu_count();
    WHET_GOTO(whet_worker_start(&m->worker, &wo));
    const whet_settings set = {.threads = wo.threads, .optimisation = o->optimisation, .precision = o->precision, .denormals = o->denormals};
    q = whet_load_request(name, path, &set, o->batch > 0 ? o->batch : DEFAULT_BATCH, sizes);
    if (q != NULL) json_object_set_new(q, "any_batch", json_true());
    WHET_GOTO(whet_worker_call(m->worker, q, LOAD_SECONDS, &reply));
    snprintf(m->runtime, sizeof m->runtime, "%s %s", name, json_string_value(json_object_get(reply, "version")));
    WHET_GOTO(read_input_apart(m, json_object_get(reply, "inputs"), path, o));
    WHET_GOTO(whet_worker_call(m->worker, json_pack("{ss, si, s[I]}", "do", "feed", "count", 1, "bytes", (json_int_t)m->input_bytes), RUN_SECONDS, NULL));
    json_decref(reply);
    reply = NULL;
    WHET_GOTO(run_apart(m, &y, &reply));
    WHET_GOTO(read_output(m, json_string_value(json_object_get(json_array_get(json_object_get(reply, "outputs"), 0), "name")),
                          (int)json_integer_value(json_object_get(json_array_get(json_object_get(reply, "outputs"), 0), "dtype")), y.shape.rank,
                          y.shape.dims));
    m->p.predict = predict_apart;
    m->p.arg = m;
done:
    json_decref(reply);
    return status;
}

whet_status whet_runner_open(whet_runner **out, const whet_backends *b, const char *path, const whet_runner_options *opt)
{
    whet_runner *m = NULL;
    whet_backend_setting settings[4];
    whet_backend_io io;
    char threads[16], version[40] = "";
    int64_t dims[4] = {0};
    int n = 0;
    whet_status status = WHET_OK;

    *out = NULL;
    m = whet_calloc(1, sizeof *m);
    if (!m) return WHET_ENOMEM;
    m->input.fd = -1;
    if (opt->apart) {
        WHET_GOTO(open_apart(m, path, opt));
        *out = m;
        return WHET_OK;
    }
    WHET_GOTO(whet_backends_find(b, opt->runtime ? opt->runtime : "native", &m->b));
    WHET_GOTO(call(m, m->b->version(version, sizeof version), "asking the version"));
    WHET_GOTO(whet_backend_is_version(m->b, opt->runtime ? opt->runtime : "native", version));
    snprintf(m->runtime, sizeof m->runtime, "%s %s", m->b->name, version);
    snprintf(threads, sizeof threads, "%d", opt->threads > 0 ? opt->threads : whet_cpu_count());
    settings[n++] = (whet_backend_setting){"threads", threads};
    if (opt->optimisation) settings[n++] = (whet_backend_setting){"optimisation", opt->optimisation};
    if (opt->precision && strcmp(opt->precision, "default") != 0) settings[n++] = (whet_backend_setting){"precision", opt->precision};
    if (opt->denormals) settings[n++] = (whet_backend_setting){"denormals", opt->denormals};
    WHET_GOTO(call(m, m->b->open(&m->model, path, settings, n), "opening the model"));
    if (m->b->io_info(m->model, 0, 0, &io) != WHET_OK) {
        status = WHET_FAIL(WHET_ESHAPE, "the model has no input, one for pictures is needed");
        goto done;
    }
    WHET_GOTO(read_input(m, &io, path, opt, dims));
    if (m->b->set_shape) WHET_GOTO(call(m, m->b->set_shape(m->model, 0, io.rank, dims), "setting the input's shape"));
    WHET_GOTO(call(m, m->b->stream_create(m->model, &m->stream), "preparing the model"));
    WHET_GOTO(probe_output(m));
    m->p.predict = predict;
    m->p.arg = m;
    *out = m;
    m = NULL;
done:
    whet_runner_close(m);
    return status;
}

void whet_runner_close(whet_runner *m)
{
    if (!m) return;
    whet_worker_free(m->worker);
    if (m->input.fd >= 0) whet_shared_free(&m->input);
    if (m->stream) m->b->stream_free(m->stream);
    if (m->model) m->b->close(m->model);
    whet_free(m);
}

const whet_predictor *whet_runner_predictor(const whet_runner *m) { return &m->p; }
const char *whet_runner_runtime(const whet_runner *m) { return m->runtime; }
