/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch files under construction, for tests: pickles written opcode by opcode, storages, and the zip around them. */
#ifndef WHET_TESTS_TORCH_MAKER_H
#define WHET_TESTS_TORCH_MAKER_H

#include "support.h"
#include "formats/pytorch/state_dict.h"
#include "wire/pickle_write.h"
#include "wire/zip_write.h"

typedef struct torch_maker {
    whet_strbuf text;
    whet_pickle_writer p;
    struct { char key[16]; const void *data; size_t size; } storages[16];
    int n;
} torch_maker;

static inline void torch_start(torch_maker *m)
{
    memset(m, 0, sizeof(*m));
    whet_strbuf_init(&m->text);
    whet_pickle_begin(&m->p, &m->text);
}

static inline void torch_storage_add(torch_maker *m, const char *key, const void *data, size_t size)
{
    snprintf(m->storages[m->n].key, sizeof(m->storages[0].key), "%s", key);
    m->storages[m->n].data = data;
    m->storages[m->n++].size = size;
}

/* The call of _rebuild_tensor_v2 for a storage of that type, key and number of elements. */
static inline void torch_tensor(torch_maker *m, const char *type, const char *key, int64_t numel, int64_t offset, int rank,
                                const int64_t *size, const int64_t *stride)
{
    whet_pickle_writer *p = &m->p;
    whet_pickle_put_global(p, "torch._utils", "_rebuild_tensor_v2");
    whet_pickle_mark(p);
    whet_pickle_mark(p);
    whet_pickle_put_word(p, "storage");
    whet_pickle_put_global(p, "torch", type);
    whet_pickle_put_text(p, key);
    whet_pickle_put_word(p, "cpu");
    whet_pickle_put_int(p, numel);
    whet_pickle_tuple(p);
    whet_pickle_persistent(p);
    whet_pickle_put_int(p, offset);
    whet_pickle_put_ints(p, rank, size);
    whet_pickle_put_ints(p, rank, stride);
    whet_pickle_put_bool(p, false);
    whet_pickle_put_global(p, "collections", "OrderedDict");
    whet_pickle_empty_tuple(p);
    whet_pickle_reduce(p);
    whet_pickle_tuple(p);
    whet_pickle_reduce(p);
}

static inline void torch_zip(torch_maker *m, const char *path)
{
    whet_zip_writer *z = NULL;
    char name[64];
    whet_pickle_end(&m->p);
    assert_false(m->text.failed);
    assert_ok(whet_zip_writer_open(&z, path));
    assert_ok(whet_zip_writer_add(z, "net/data.pkl", m->text.data, m->text.len));
    for (int i = 0; i < m->n; i++) {
        snprintf(name, sizeof(name), "net/data/%s", m->storages[i].key);
        assert_ok(whet_zip_writer_add(z, name, m->storages[i].data, m->storages[i].size));
    }
    assert_ok(whet_zip_writer_add(z, "net/version", "3\n", 2));
    assert_ok(whet_zip_writer_commit(z));
    whet_strbuf_dispose(&m->text);
}

/* A zip whose pickle is these bytes. */
static inline void torch_zip_of(const void *pickle, size_t n, const char *path)
{
    whet_zip_writer *z = NULL;
    assert_ok(whet_zip_writer_open(&z, path));
    assert_ok(whet_zip_writer_add(z, "net/data.pkl", pickle, n));
    assert_ok(whet_zip_writer_commit(z));
}

#endif
