/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged and hostile HDF5 files: the worker's crash, its limits and its refusals are error messages, and nothing takes long. */
#include <sys/stat.h>

#include "base/clock.h"
#include "base/rng.h"
#include "keras_maker.h"

enum { SECONDS = 5, CUTS = 24, FLIPS = 60 };

static void try_bytes(const uint8_t *data, size_t size, const char *what)
{
    whet_graph *g = NULL;
    const uint64_t begin = whet_now_ns();
    const whet_status status = whet_keras_read_mem(&g, data, size, "m.h5");
    const double seconds = (double)(whet_now_ns() - begin) * 1e-9;
    if (seconds > 4 * SECONDS) fail_msg("%s took %.1f s", what, seconds); /* processor time is limited to 4 s; the machine may be busy */
    if (status != WHET_OK && (g != NULL || whet_error_last()->text[0] == '\0')) fail_msg("%s: an error without a text, or with a graph", what);
    if (status != WHET_OK && status != WHET_EFORMAT && status != WHET_EUNSUPPORTED && status != WHET_ESHAPE && status != WHET_EINVAL && status != WHET_ENOMEM)
        fail_msg("%s: status %s: %s", what, whet_status_name(status), whet_error_message());
    whet_graph_free(g);
}

static void damage(const char *rel)
{
    uint8_t *data = NULL;
    size_t size = 0;
    whet_graph *g = NULL;
    whet_rng r = whet_rng_at(5, 1);
    char what[160];
    support_shared(path, rel);
    assert_ok(whet_file_read(&data, &size, path, 1 << 24));
    for (size_t i = 0; i < CUTS; i++) {
        const size_t n = i < 8 ? i * 16 : size * i / CUTS;
        snprintf(what, sizeof what, "%s cut at %zu", rel, n);
        try_bytes(data, n, what);
    }
    assert_status(whet_keras_read_mem(&g, data, size / 2, "m.h5"), WHET_EFORMAT);
    for (int i = 0; i < FLIPS; i++) {
        const size_t bit = i % 3 == 0 ? whet_rng_below(&r, 8 * 4096) : whet_rng_below(&r, (uint32_t)(8 * size));
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        snprintf(what, sizeof what, "%s with bit %zu turned", rel, bit);
        try_bytes(data, size, what);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    whet_free(data);
}

static void damaged_files(void **state)
{
    (void)state;
    damage("interop/keras/convnet/model.h5");
    damage("interop/keras/convnet/model.keras");
}

/* --- messages of the container */
static void message(const void *data, size_t size, const char *text)
{
    whet_hdf5 *h = NULL;
    assert_status(whet_hdf5_open_mem(&h, data, size, "m.h5"), WHET_EFORMAT);
    assert_null(h);
    assert_contains(whet_error_message(), text);
    assert_string_equal(whet_error_last()->file, "m.h5");
}

static void messages(void **state)
{
    static const uint8_t no[16] = {0}, only_magic[64] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    uint8_t *data = NULL;
    size_t size = 0;
    (void)state;
    support_shared(path, "interop/keras/convnet/model.h5");
    message(no, sizeof no, "this is no HDF5 file");
    message(only_magic, sizeof only_magic, "this is no sound HDF5 file");
    assert_ok(whet_file_read(&data, &size, path, 1 << 24));
    message(data, size - 100, "this is no sound HDF5 file: truncated file");
    whet_free(data);
}

/* What is written is read again: numbers, texts, empty lists. */
static void written_and_read(void **state)
{
    static const float numbers[6] = {1, 2, 3, 4, 5, 6};
    static const char *const texts[2] = {"one", "dva"};
    whet_hdf5_writer *w = NULL;
    whet_hdf5 *h = NULL;
    const uint8_t *data = NULL;
    size_t size = 0;
    const whet_hdf5_item d = {.type = 'f', .size = 4, .rank = 2, .dims = {2, 3}, .path = "a/b", .data = numbers};
    (void)state;
    assert_ok(whet_hdf5_writer_open(&w));
    assert_ok(whet_hdf5_add_text(w, "", "title", "caf\xc3\xa9"));
    assert_ok(whet_hdf5_add_group(w, "a"));
    assert_ok(whet_hdf5_add_dataset(w, &d));
    assert_ok(whet_hdf5_add_texts(w, "a", "names", 2, texts));
    assert_ok(whet_hdf5_add_texts(w, "a", "none", 0, texts));
    assert_ok(whet_hdf5_finish(w, &data, &size));
    assert_ok(whet_hdf5_open_mem(&h, data, size, "m.h5"));
    assert_string_equal(whet_hdf5_text(whet_hdf5_attribute(h, "", "title"), 0), "caf\xc3\xa9");
    assert_string_equal(whet_hdf5_text(whet_hdf5_attribute(h, "a", "names"), 1), "dva");
    assert_null(whet_hdf5_text(whet_hdf5_attribute(h, "a", "names"), 2));
    assert_non_null(whet_hdf5_attribute(h, "a", "none"));
    const whet_hdf5_item *it = whet_hdf5_find(h, "a/b");
    assert_non_null(it);
    assert_int_equal(it->rank, 2);
    assert_int_equal(it->dims[1], 3);
    assert_memory_equal(it->data, numbers, sizeof numbers);
    assert_null(whet_hdf5_find(h, "a/c"));
    whet_hdf5_close(h);
    whet_hdf5_writer_free(w);
}

/* --- the worker itself */
static void worker_missing(void **state)
{
    static const uint8_t only_magic[64] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    whet_hdf5 *h = NULL;
    (void)state;
    setenv("WHET_H5", "/nonexistent/whet-h5", 1);
    assert_status(whet_hdf5_open_mem(&h, only_magic, sizeof only_magic, "m.h5"), WHET_EUNAVAILABLE);
    assert_contains(whet_error_message(), "'/nonexistent/whet-h5', which handles HDF5 files, cannot be started");
    unsetenv("WHET_H5");
}

static void impostor(const char *script, whet_status want, const char *text)
{
    static const uint8_t only_magic[64] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    char *dir = support_tmpdir(), *path = whet_format("%s/worker", dir);
    whet_hdf5 *h = NULL;
    assert_ok(whet_file_write(path, script, strlen(script)));
    assert_int_equal(chmod(path, 0700), 0);
    setenv("WHET_H5", path, 1);
    assert_status(whet_hdf5_open_mem(&h, only_magic, sizeof only_magic, "m.h5"), want);
    assert_contains(whet_error_message(), text);
    unsetenv("WHET_H5");
    whet_free(path);
    support_rmtree(dir);
}

/* A worker that crashes, is killed, or writes rubbish. */
static void worker_misbehaves(void **state)
{
    (void)state;
    impostor("#!/bin/sh\nkill -SEGV $$\n", WHET_EFORMAT, "the HDF5 library crashed on this file (signal 11, Segmentation fault): it is damaged");
    impostor("#!/bin/sh\nkill -XCPU $$\n", WHET_EFORMAT, "the HDF5 library took over 4 s of processor time and was stopped");
    impostor("#!/bin/sh\nexit 0\n", WHET_EFORMAT, "the HDF5 worker wrote nothing");
    impostor("#!/bin/sh\necho rubbish\n", WHET_EFORMAT, "the HDF5 worker's stream is damaged");
    impostor("#!/bin/sh\necho 'U a text' >&2\nexit 3\n", WHET_EUNSUPPORTED, "a text");
    impostor("#!/bin/sh\necho words >&2\nexit 9\n", WHET_ERUNTIME, "the HDF5 worker ended with code 9: words");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(damaged_files), cmocka_unit_test(messages), cmocka_unit_test(written_and_read), cmocka_unit_test(worker_missing),
                                       cmocka_unit_test(worker_misbehaves)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
