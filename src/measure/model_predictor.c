/* SPDX-License-Identifier: Apache-2.0 */
/* Binds a model file on a runtime to the predictor interface. The shape is fixed once (batch, channels, height, width); a
 * short last batch is filled up with zeros, so that no second plan is made. Which axis holds the channels is read off the
 * input's shape. */
#include "measure/model_predictor.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/threads.h"

enum { DEFAULT_BATCH = 64, ONNX_F32 = 1 };

struct whet_runner {
    const whet_backend *b;
    whet_backend_model *model;
    whet_backend_stream *stream;
    whet_predictor p;
    char runtime[64];
};

void whet_runner_options_init(whet_runner_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
}

static whet_status call(const whet_runner *m, int code, const char *what) { return whet_backend_status(m->b, code, what); }

static bool is_picture(int64_t channels) { return channels == 1 || channels == 3; }

/* Axis order and sizes of the input; free sizes come from the contract. */
static whet_status read_input(whet_runner *m, const whet_backend_io *io, const whet_runner_options *o, int64_t dims[4])
{
    whet_predictor *p = &m->p;
    int h = 2, w = 3, c = 1;

    if (io->rank != 4 || (!is_picture(io->dims[1]) && !is_picture(io->dims[3])))
        return WHET_FAIL(WHET_ESHAPE, "input '%s' takes no pictures: it needs 4 dimensions with 1 or 3 channels", io->name);
    if (io->dtype != ONNX_F32)
        return WHET_FAIL(WHET_EUNSUPPORTED, "input '%s' takes %s, pictures are given as f32", io->name,
                         whet_dtype_name(whet_dtype_from_onnx(io->dtype)));
    p->nhwc = !is_picture(io->dims[1]);
    if (p->nhwc) {
        h = 1;
        w = 2;
        c = 3;
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
    p->channels = (int)dims[c];
    p->height = (int)dims[h];
    p->width = (int)dims[w];
    p->batch = (int)dims[0];
    return WHET_OK;
}

static whet_status predict(void *arg, const float *x, int n, float *y)
{
    whet_runner *m = arg;
    const whet_predictor *p = &m->p;
    whet_backend_io io;
    void *data = NULL;
    size_t bytes = 0, one = (size_t)p->channels * (size_t)p->height * (size_t)p->width * sizeof *x;

    WHET_TRY(call(m, m->b->io_map(m->stream, 0, 0, &data, &bytes, &io), "writing the input"));
    if (bytes < one * (size_t)n) return WHET_FAIL(WHET_ESHAPE, "the input holds %zu bytes, %zu are needed", bytes, one * (size_t)n);
    memcpy(data, x, one * (size_t)n);
    memset((char *)data + one * (size_t)n, 0, bytes - one * (size_t)n);
    WHET_TRY(call(m, m->b->io_unmap(m->stream, 0, 0), "writing the input"));
    WHET_TRY(call(m, m->b->run(m->stream), "running the model"));
    WHET_TRY(call(m, m->b->io_map(m->stream, 1, 0, &data, &bytes, &io), "reading the output"));
    if (io.dtype != ONNX_F32 || bytes != (size_t)p->batch * (size_t)p->classes * sizeof *y)
        return WHET_FAIL(WHET_ESHAPE, "output '%s' is no float32 row of %d scores a picture", io.name, p->classes);
    memcpy(y, data, (size_t)n * (size_t)p->classes * sizeof *y);
    return call(m, m->b->io_unmap(m->stream, 1, 0), "reading the output");
}

/* The first run, on zeros, tells how many scores there are. */
static whet_status probe_output(whet_runner *m)
{
    whet_backend_io io;
    void *data = NULL;
    size_t bytes = 0;
    int64_t n = 1;

    WHET_TRY(call(m, m->b->io_map(m->stream, 0, 0, &data, &bytes, &io), "writing the input"));
    memset(data, 0, bytes);
    WHET_TRY(call(m, m->b->io_unmap(m->stream, 0, 0), "writing the input"));
    WHET_TRY(call(m, m->b->run(m->stream), "running the model"));
    WHET_TRY(call(m, m->b->io_map(m->stream, 1, 0, &data, &bytes, &io), "reading the output"));
    for (int i = 1; i < io.rank; i++) n *= io.dims[i] > 0 ? io.dims[i] : 0;
    if (io.dtype != ONNX_F32 || io.rank < 2 || io.dims[0] != m->p.batch || n < 1 || n > 1 << 20 ||
        (io.rank > 2 && n != io.dims[1]))
        return WHET_FAIL(WHET_ESHAPE, "output '%s' is no row of class scores a picture", io.name);
    m->p.classes = (int)n;
    return call(m, m->b->io_unmap(m->stream, 1, 0), "reading the output");
}

whet_status whet_runner_open(whet_runner **out, const whet_backends *b, const char *path, const whet_runner_options *opt)
{
    whet_runner *m = NULL;
    whet_backend_setting settings[2];
    whet_backend_io io;
    char threads[16], version[40] = "";
    int64_t dims[4] = {0};
    int n = 0;
    whet_status status = WHET_OK;

    *out = NULL;
    m = whet_calloc(1, sizeof *m);
    if (!m) return WHET_ENOMEM;
    WHET_GOTO(whet_backends_find(b, opt->runtime ? opt->runtime : "native", &m->b));
    WHET_GOTO(call(m, m->b->version(version, sizeof version), "asking the version"));
    snprintf(m->runtime, sizeof m->runtime, "%s %s", m->b->name, version);
    snprintf(threads, sizeof threads, "%d", opt->threads > 0 ? opt->threads : whet_cpu_count());
    settings[n++] = (whet_backend_setting){"threads", threads};
    if (opt->optimisation) settings[n++] = (whet_backend_setting){"optimisation", opt->optimisation};
    WHET_GOTO(call(m, m->b->open(&m->model, path, settings, n), "opening the model"));
    WHET_GOTO(call(m, m->b->io_info(m->model, 0, 0, &io), "asking for the input"));
    WHET_GOTO(read_input(m, &io, opt, dims));
    if (m->b->set_shape) WHET_GOTO(call(m, m->b->set_shape(m->model, 0, 4, dims), "setting the input's shape"));
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
    if (m->stream) m->b->stream_free(m->stream);
    if (m->model) m->b->close(m->model);
    whet_free(m);
}

const whet_predictor *whet_runner_predictor(const whet_runner *m) { return &m->p; }
const char *whet_runner_runtime(const whet_runner *m) { return m->runtime; }
