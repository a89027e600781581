/* SPDX-License-Identifier: Apache-2.0 */
/* Small Keras files for the tests: a configuration as JSON and weights 0, 1/8, 2/8, ..., as the stream that the HDF5 worker makes
 * (whet_keras_read_mem) or, through the worker, as a real .h5 file. */
#ifndef WHET_TESTS_KERAS_MAKER_H
#define WHET_TESTS_KERAS_MAKER_H

#include "formats/keras/keras.h"
#include "support.h"
#include "wire/hdf5.h"

typedef struct km_weight { const char *layer, *role; int rank; uint64_t dims[4]; } km_weight;
typedef struct km_bytes { uint8_t *data; size_t n, cap; } km_bytes;

static inline whet_status km_write(void *arg, const void *data, size_t n)
{
    km_bytes *b = arg;
    if (b->n + n > b->cap) {
        b->cap = 2 * (b->n + n);
        b->data = realloc(b->data, b->cap);
        assert_non_null(b->data);
    }
    memcpy(b->data + b->n, data, n);
    b->n += n;
    return WHET_OK;
}

static inline void km_texts(whet_hdf5_sink *s, const char *path, const char *name, int rank, size_t n, const char *const *texts)
{
    whet_hdf5_item it = {.kind = WHET_HDF5_ATTRIBUTE, .type = 's', .path = path, .name = name, .rank = rank, .dims = {n}};
    for (size_t i = 0; i < n; i++) it.bytes += strlen(texts[i]) + 5;
    assert_ok(whet_hdf5_put(s, &it));
    for (size_t i = 0; i < n; i++) {
        const uint32_t length = (uint32_t)strlen(texts[i]);
        const uint8_t head[4] = {(uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16), 0};
        assert_ok(whet_hdf5_put_bytes(s, head, 4));
        assert_ok(whet_hdf5_put_bytes(s, texts[i], (size_t)length + 1));
    }
}

/* Weights of one layer stand together. The bytes are freed by the caller. */
static inline km_bytes km_make(const char *config, const char *version, size_t n, const km_weight *w)
{
    km_bytes b = {0};
    char group[128] = "", path[256];
    const char *names[16];
    static char kept[16][64];
    float values[512];
    whet_hdf5_sink s = {.write = km_write, .arg = &b};
    const whet_hdf5_item root = {.kind = WHET_HDF5_GROUP, .path = "", .name = ""};
    assert_ok(whet_hdf5_put(&s, &root));
    km_texts(&s, "", "keras_version", 0, 1, &version);
    if (config != NULL) km_texts(&s, "", "model_config", 0, 1, &config);
    for (size_t i = 0; i < 512; i++) values[i] = (float)i / 8;
    for (size_t i = 0; i < n; i++) {
        const bool first = i == 0 || strcmp(w[i - 1].layer, w[i].layer) != 0;
        size_t count = 0;
        snprintf(group, sizeof group, "model_weights/%s", w[i].layer);
        for (size_t k = i; first && k < n && strcmp(w[k].layer, w[i].layer) == 0; k++) {
            snprintf(kept[count], sizeof kept[count], "%s/%s:0", w[k].layer, w[k].role);
            names[count] = kept[count];
            count++;
        }
        if (first) {
            const whet_hdf5_item g = {.kind = WHET_HDF5_GROUP, .path = group, .name = ""};
            if (i == 0) {
                const whet_hdf5_item all = {.kind = WHET_HDF5_GROUP, .path = "model_weights", .name = ""};
                assert_ok(whet_hdf5_put(&s, &all));
            }
            assert_ok(whet_hdf5_put(&s, &g));
            km_texts(&s, group, "weight_names", 1, count, names);
        }
        snprintf(path, sizeof path, "%s/%s/%s:0", group, w[i].layer, w[i].role);
        whet_hdf5_item d = {.kind = WHET_HDF5_DATASET, .type = 'f', .size = 4, .rank = w[i].rank, .path = path, .name = "", .data = values, .bytes = 4};
        for (int k = 0; k < w[i].rank; k++) d.bytes *= d.dims[k] = w[i].dims[k];
        assert_true(d.bytes <= sizeof values);
        assert_ok(whet_hdf5_put(&s, &d));
    }
    assert_ok(whet_hdf5_put_end(&s));
    return b;
}

#endif
