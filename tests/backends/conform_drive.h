/* SPDX-License-Identifier: Apache-2.0 */
/* How the conformance suite drives a backend: a check that names the format and the way to run it again, a model opened, a
 * stream made, one run fed and compared. Included once, by test_conformance.c. */
#ifndef WHET_TESTS_CONFORM_DRIVE_H
#define WHET_TESTS_CONFORM_DRIVE_H

#include "conform.h"

#define CHECK(condition)                                                                                              \
    do {                                                                                                              \
        if (!(condition)) {                                                                                           \
            fprintf(stderr, "%s:%d: %s is false (format %s: %s); repro: %s conform %s\n", __FILE__, __LINE__, #condition, format, \
                    whet_error_message(), program, t->name);                                                          \
            exit(1);                                                                                                  \
        }                                                                                                             \
    } while (0)

static const char *program;
static const whet_backend *t;
static const char *format = "";
static char dir[256];

static int is_fake(void) { return strcmp(t->name, "fake") == 0; }

/* --- opening and running */
static whet_backend_model *open_with(const char *path, const char *key, const char *value)
{
    whet_backend_model *m = NULL;
    const whet_backend_setting s[] = {{"threads", "1"}, {key, value}};
    whet_error_clear();
    CHECK(t->open(&m, path, key == NULL ? s : &s[1], 1) == WHET_OK);
    CHECK(m != NULL);
    return m;
}

/* The batch that the model's first input gets: the wanted one where the file leaves it free. */
static int batch_for(whet_backend_model *m, int wanted)
{
    whet_backend_io io;
    CHECK(t->io_info(m, 0, 0, &io) == WHET_OK && io.rank == 2);
    return io.dims[0] < 0 ? wanted : (int)io.dims[0];
}

static whet_backend_stream *stream_for(whet_backend_model *m, int batch, int width)
{
    whet_backend_stream *s = NULL;
    const int64_t dims[] = {batch, width};
    whet_error_clear();
    if (t->set_shape != NULL) CHECK(t->set_shape(m, 0, 2, dims) == WHET_OK);
    CHECK(t->stream_create(m, &s) == WHET_OK && s != NULL);
    return s;
}

static double expected(const float *x, int o)
{
    double want = 0.5 * o - 0.5;
    if (is_fake()) return 2 * x[o] + 1;
    for (int i = 0; i < CONFORM_IN; i++) want += (double)x[i] * conform_weight(i, o);
    return want > 0 ? want : 0;
}

static void feed_and_check(whet_backend_stream *s, int batch, int seed, double bound)
{
    void *data = NULL;
    size_t bytes = 0;
    whet_backend_io io;
    float x[64];
    const int width = is_fake() ? CONFORM_IN : CONFORM_OUT;
    CHECK(t->io_map(s, 0, 0, &data, &bytes, &io) == WHET_OK);
    CHECK(bytes == (size_t)(batch * CONFORM_IN) * sizeof(float) && io.dtype == 1 && io.rank == 2 && io.dims[0] == batch && io.dims[1] == CONFORM_IN);
    for (int i = 0; i < batch * CONFORM_IN; i++) x[i] = (float)((i * 13 + seed * 5) % 17 - 8) / 4;
    memcpy(data, x, bytes);
    CHECK(t->io_unmap(s, 0, 0) == WHET_OK);
    whet_error_clear();
    CHECK(t->run(s) == WHET_OK);
    CHECK(t->io_map(s, 1, 0, &data, &bytes, &io) == WHET_OK);
    CHECK(io.name != NULL && bytes == (size_t)(batch * width) * sizeof(float) && io.dtype == 1);
    CHECK(io.rank == 2 && io.dims[0] == batch && io.dims[1] == width);
    for (int n = 0; n < batch; n++)
        for (int o = 0; o < width; o++) CHECK(fabs(((const float *)data)[n * width + o] - expected(x + n * CONFORM_IN, o)) <= bound);
    CHECK(t->io_unmap(s, 1, 0) == WHET_OK);
}

static const double exact = 1e-5;

#endif
