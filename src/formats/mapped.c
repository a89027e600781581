/* SPDX-License-Identifier: Apache-2.0 */
/* A counted reference to an open file, and tensors that hold one. */
#include "formats/mapped.h"

#include <stdatomic.h>

#include "base/mem.h"

enum { ALIGNED = 64, SMALL = 4096 };

struct whet_mapped {
    atomic_int users;
    void (*close)(void *handle);
    void *handle;
};

whet_status whet_mapped_create(whet_mapped **out, void (*close)(void *handle), void *handle)
{
    whet_mapped *m = whet_calloc(1, sizeof(*m));
    *out = m;
    if (!m) {
        close(handle);
        return WHET_ENOMEM;
    }
    atomic_init(&m->users, 1);
    m->close = close;
    m->handle = handle;
    return WHET_OK;
}

static void close_map(void *map) { whet_map_close(map); }

whet_status whet_mapped_file(whet_mapped **out, whet_map *map) { return whet_mapped_create(out, close_map, map); }

void whet_mapped_ref(whet_mapped *m) { atomic_fetch_add(&m->users, 1); }

void whet_mapped_unref(whet_mapped *m)
{
    if (!m || atomic_fetch_sub(&m->users, 1) != 1) return;
    m->close(m->handle);
    whet_free(m);
}

static void release(void *arg) { whet_mapped_unref(arg); }

bool whet_mapped_fits(whet_dtype dtype, const void *data, size_t bytes)
{
    if (dtype == WHET_BOOL) return false; /* other bytes than 0 and 1 are made 1 */
    if ((uintptr_t)data % ALIGNED == 0 && bytes > SMALL) return true;
    return dtype == WHET_F32 && bytes > WHET_TENSOR_VIEW;
}

whet_status whet_mapped_view(whet_mapped *m, const void *data, size_t bytes, whet_tensor *out)
{
    WHET_TRY(whet_buffer_wrap(&out->buffer, (void *)(uintptr_t)data, bytes, release, m));
    whet_mapped_ref(m);
    whet_buffer_set_mapped(out->buffer);
    out->data = (void *)(uintptr_t)data;
    return WHET_OK;
}

whet_status whet_mapped_tensor(whet_mapped *m, whet_dtype dtype, const whet_shape *shape, const void *data, whet_tensor *out, size_t *copied)
{
    size_t bytes = 0;
    whet_tensor_init(out);
    if (copied) *copied = 0;
    WHET_TRY(whet_shape_bytes(shape, dtype, &bytes));
    if (m && whet_mapped_fits(dtype, data, bytes)) {
        out->dtype = dtype;
        out->shape = *shape;
        return whet_mapped_view(m, data, bytes, out);
    }
    WHET_TRY(whet_tensor_alloc(out, dtype, shape));
    uint8_t *p = out->data;
    if (bytes) memcpy(p, data, bytes);
    for (size_t i = 0; dtype == WHET_BOOL && i < bytes; i++) p[i] = p[i] != 0;
    if (copied) *copied = bytes;
    return WHET_OK;
}
