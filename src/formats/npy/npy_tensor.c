/* SPDX-License-Identifier: Apache-2.0 */
/* .npy files <-> tensors, over wire/npy.h. */
#include "formats/npy/npy_tensor.h"

#include "base/io.h"
#include "base/mem.h"
#include "wire/npy.h"

static const struct { whet_dtype t; char kind; int size; } types[] = {
    {WHET_F64, 'f', 8}, {WHET_F32, 'f', 4}, {WHET_F16, 'f', 2}, {WHET_S64, 'i', 8}, {WHET_S32, 'i', 4}, {WHET_S16, 'i', 2},
    {WHET_S8, 'i', 1}, {WHET_U64, 'u', 8}, {WHET_U32, 'u', 4}, {WHET_U16, 'u', 2}, {WHET_U8, 'u', 1}, {WHET_BOOL, 'b', 1}};

static whet_status read_map(whet_tensor *out, const whet_map *map, const char *path)
{
    whet_npy npy;
    whet_shape shape;
    whet_dtype t = WHET_DTYPE_NONE;
    WHET_TRY(whet_npy_parse(&npy, whet_map_data(map), whet_map_size(map), path));
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (types[i].kind == npy.kind && types[i].size == npy.size) t = types[i].t;
    shape = whet_shape_of(npy.rank, npy.dims);
    WHET_TRY(whet_tensor_alloc(out, t, &shape));
    whet_npy_copy(&npy, out->data);
    uint8_t *flags = out->data;
    for (size_t i = 0; t == WHET_BOOL && i < npy.bytes; i++) flags[i] = flags[i] != 0;
    return WHET_OK;
}

whet_status whet_npy_read_tensor(whet_tensor *out, const char *path)
{
    whet_map *map = NULL;
    whet_tensor_init(out);
    WHET_TRY(whet_map_open(&map, path));
    whet_status status = read_map(out, map, path);
    whet_map_close(map);
    if (status == WHET_OK) return WHET_OK;
    whet_error_at_file(path);
    whet_tensor_dispose(out);
    return status;
}

whet_status whet_npy_write_tensor(const char *path, const whet_tensor *t)
{
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (types[i].t == t->dtype)
            return whet_npy_write(path, types[i].kind, types[i].size, t->shape.rank, t->shape.dims, t->data);
    return WHET_FAIL(WHET_EUNSUPPORTED, "type %s cannot be written as .npy; cast it to f32", whet_dtype_name(t->dtype));
}
