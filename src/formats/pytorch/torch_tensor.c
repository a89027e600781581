/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors of PyTorch pickles. Storage, offset, size and strides are compared with the bytes that are there before anything is
 * made; strided tensors become dense. Source: torch/_utils.py (_rebuild_tensor_v2, _rebuild_parameter), torch/_tensor.py
 * (_rebuild_from_type_v2), torch/serialization.py (persistent_load). */
#include "formats/pytorch/torch_tensor.h"

#include <stdio.h>

#include "base/mem.h"
#include "formats/mapped.h"

static const struct { whet_dtype dtype; const char *storage, *name; } types[] = {
    {WHET_F32, "FloatStorage", "float32"},   {WHET_F64, "DoubleStorage", "float64"}, {WHET_F16, "HalfStorage", "float16"},
    {WHET_BF16, "BFloat16Storage", "bfloat16"}, {WHET_S64, "LongStorage", "int64"}, {WHET_S32, "IntStorage", "int32"},
    {WHET_S16, "ShortStorage", "int16"},     {WHET_S8, "CharStorage", "int8"},       {WHET_U8, "ByteStorage", "uint8"},
    {WHET_BOOL, "BoolStorage", "bool"},      {WHET_U16, NULL, "uint16"},             {WHET_U32, NULL, "uint32"},
    {WHET_U64, NULL, "uint64"}};

enum { CALLED = WHET_PICKLE_CALLED, BUILT = WHET_PICKLE_CALLED | WHET_PICKLE_BUILT, MAPPING = WHET_PICKLE_MAPPING };

#define STORAGES(module)                                                                                            \
    {module, "FloatStorage", 0}, {module, "DoubleStorage", 0}, {module, "HalfStorage", 0}, {module, "BFloat16Storage", 0}, \
    {module, "LongStorage", 0}, {module, "IntStorage", 0}, {module, "ShortStorage", 0}, {module, "CharStorage", 0},  \
    {module, "ByteStorage", 0}, {module, "BoolStorage", 0}
const whet_pickle_global torch_globals[] = {
    {"collections", "OrderedDict", MAPPING},
    {"torch._utils", "_rebuild_tensor_v2", CALLED},
    {"torch._utils", "_rebuild_tensor", CALLED},
    {"torch._utils", "_rebuild_tensor_v3", CALLED},
    {"torch._utils", "_rebuild_parameter", CALLED},
    {"torch._utils", "_rebuild_parameter_with_state", CALLED},
    {"torch._tensor", "_rebuild_from_type_v2", CALLED},
    {"torch.nn.parameter", "Parameter", BUILT},
    {"torch.nn.parameter", "Buffer", BUILT},
    {"torch", "Tensor", BUILT},
    {"torch", "Size", CALLED},
    {"torch", "device", CALLED},
    STORAGES("torch"),
    STORAGES("torch.cuda"),
    {"torch.storage", "UntypedStorage", 0},
    {"torch", "UntypedStorage", 0},
    {"torch", "float32", 0}, {"torch", "float64", 0}, {"torch", "float16", 0}, {"torch", "bfloat16", 0}, {"torch", "int64", 0},
    {"torch", "int32", 0}, {"torch", "int16", 0}, {"torch", "int8", 0}, {"torch", "uint8", 0}, {"torch", "bool", 0},
    {"torch", "uint16", 0}, {"torch", "uint32", 0}, {"torch", "uint64", 0},
    /* what else checkpoints hold; left out by the reader */
    {"collections", "defaultdict", BUILT}, {"collections", "Counter", BUILT}, {"argparse", "Namespace", BUILT},
    {"numpy.core.multiarray", "scalar", CALLED}, {"numpy._core.multiarray", "scalar", CALLED}, {"numpy", "dtype", BUILT},
    {"_codecs", "encode", CALLED}, {"builtins", "int", 0}, {"builtins", "float", 0}, {"builtins", "dict", MAPPING},
    {"builtins", "list", 0}, {"__builtin__", "int", 0}, {"__builtin__", "float", 0}, {"__builtin__", "dict", MAPPING},
    {"__builtin__", "list", 0}};
const size_t torch_globals_count = WHET_COUNT(torch_globals);

const char *torch_storage_name(whet_dtype t)
{
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (types[i].dtype == t) return types[i].storage;
    return NULL;
}

const char *torch_dtype_name(whet_dtype t)
{
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (types[i].dtype == t) return types[i].name;
    return NULL;
}

static bool is_text(const whet_pickle_value *v, const char *text) { return v->kind == WHET_PICKLE_TEXT && strcmp(v->text, text) == 0; }

static bool natural(const whet_pickle_value *v, int64_t *out)
{
    if (v->kind != WHET_PICKLE_INT || v->i < 0) return false;
    *out = v->i;
    return true;
}

/* --- storages */

static bool parse_view(torch_storage *s, const whet_pickle_value *v)
{
    if (v->kind == WHET_PICKLE_NONE) return true;
    if (v->kind != WHET_PICKLE_TUPLE || v->n != 3 || v->items[0]->kind != WHET_PICKLE_TEXT) return false;
    s->view_key = v->items[0]->text;
    return natural(v->items[1], &s->view_offset) && natural(v->items[2], &s->view_numel) && s->view_offset <= s->numel &&
           s->view_numel <= s->numel - s->view_offset;
}

static whet_status parse_type(torch_storage *s, const whet_pickle_value *type)
{
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (types[i].storage && strcmp(types[i].storage, type->text) == 0) s->dtype = types[i].dtype;
    s->element = s->dtype ? whet_dtype_size(s->dtype) : 1;
    if (s->dtype || strcmp(type->text, "UntypedStorage") == 0) return WHET_OK;
    return WHET_FAIL(WHET_EFORMAT, "'%.60s.%.60s' is no type of storage", type->module, type->text);
}

whet_status torch_storage_parse(torch_storage *out, const whet_pickle_value *persistent)
{
    const whet_pickle_value *id = persistent->args;
    *out = (torch_storage){.key = NULL};
    if (id->kind != WHET_PICKLE_TUPLE || id->n < 5 || id->n > 6 || !is_text(id->items[0], "storage") ||
        id->items[1]->kind != WHET_PICKLE_GLOBAL || id->items[2]->kind != WHET_PICKLE_TEXT || id->items[3]->kind != WHET_PICKLE_TEXT ||
        !natural(id->items[4], &out->numel))
        return WHET_FAIL(WHET_EFORMAT, "a persistent object is not ('storage', type, key, place, number of elements)");
    out->key = id->items[2]->text;
    WHET_TRY(parse_type(out, id->items[1]));
    if (id->n == 6 && !parse_view(out, id->items[5])) return WHET_FAIL(WHET_EFORMAT, "the view of storage '%.100s' is outside of it", out->key);
    if (out->numel > INT64_MAX / 8) return WHET_FAIL(WHET_EFORMAT, "storage '%.100s' of %lld elements is too large", out->key, (long long)out->numel);
    return WHET_OK;
}

/* --- tensors */

enum { PER_TENSOR = 400 }; /* bytes for its name, shape and buffer */

typedef struct layout {
    const whet_pickle_value *storage;
    whet_dtype dtype; /* NONE: the storage's */
    int64_t offset;
    whet_shape shape;
    int64_t strides[WHET_MAX_RANK];
} layout;

static bool named(const whet_pickle_value *v, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v->text, names[i]) == 0) return true;
    return false;
}

static const char *const plain[] = {"_rebuild_tensor_v2", "_rebuild_tensor", "_rebuild_tensor_v3"};
static const char *const wrappers[] = {"_rebuild_parameter", "_rebuild_parameter_with_state", "_rebuild_from_type_v2", "Parameter", "Buffer"};

bool torch_is_tensor(const whet_pickle_value *v)
{
    return v->kind == WHET_PICKLE_CALL && (named(v->callee, plain, WHET_COUNT(plain)) || named(v->callee, wrappers, WHET_COUNT(wrappers)));
}

/* Through Parameter and the like to the plain call. */
static whet_status unwrap(const whet_pickle_value *v, const whet_pickle_value **callee, const whet_pickle_value **args)
{
    for (int level = 0; level < 8 && v->kind == WHET_PICKLE_CALL; level++) {
        *callee = v->callee;
        *args = v->args;
        if (strcmp(v->callee->text, "_rebuild_from_type_v2") == 0 && v->args->n == 4) { /* (function, type, arguments, state) */
            *callee = v->args->items[0];
            *args = v->args->items[2];
        }
        if ((*callee)->kind != WHET_PICKLE_GLOBAL || (*args)->kind != WHET_PICKLE_TUPLE) break;
        if (named(*callee, plain, WHET_COUNT(plain))) return WHET_OK;
        if (!named(*callee, wrappers, WHET_COUNT(wrappers)) || (*args)->n == 0) break;
        v = (*args)->items[0];
    }
    return WHET_FAIL(WHET_EFORMAT, "a parameter that holds no tensor");
}

static whet_status parse_ints(const whet_pickle_value *v, const char *what, int *n, int64_t *out)
{
    if (v->kind == WHET_PICKLE_CALL && whet_pickle_is(v, "torch", "Size") && v->args->n == 1) v = v->args->items[0];
    if (v->kind != WHET_PICKLE_TUPLE && v->kind != WHET_PICKLE_LIST) return WHET_FAIL(WHET_EFORMAT, "its %s is no tuple", what);
    if (v->n > WHET_MAX_RANK) return WHET_FAIL(WHET_EUNSUPPORTED, "it has %zu dimensions, at most %d are handled", v->n, WHET_MAX_RANK);
    *n = (int)v->n;
    for (int i = 0; i < *n; i++)
        if (!natural(v->items[i], &out[i])) return WHET_FAIL(WHET_EFORMAT, "its %s has an entry that is no whole number from 0 on", what);
    return WHET_OK;
}

static whet_status parse_dtype(const whet_pickle_value *v, whet_dtype *out)
{
    for (size_t i = 0; i < WHET_COUNT(types) && v->kind == WHET_PICKLE_GLOBAL; i++)
        if (strcmp(types[i].name, v->text) == 0) {
            *out = types[i].dtype;
            return WHET_OK;
        }
    return WHET_FAIL(WHET_EFORMAT, "its type is none of PyTorch's");
}

static whet_status parse_layout(const whet_pickle_value *callee, const whet_pickle_value *args, layout *l)
{
    const bool typed = strcmp(callee->text, "_rebuild_tensor_v3") == 0;
    int rank = 0;
    memset(l, 0, sizeof(*l));
    if (args->n < (typed ? 7u : 4u)) return WHET_FAIL(WHET_EFORMAT, "'%s' has %zu arguments", callee->text, args->n);
    l->storage = args->items[0];
    if (l->storage->kind != WHET_PICKLE_PERSISTENT) return WHET_FAIL(WHET_EFORMAT, "it has no storage");
    if (!natural(args->items[1], &l->offset)) return WHET_FAIL(WHET_EFORMAT, "its offset is no whole number from 0 on");
    WHET_TRY(parse_ints(args->items[2], "size", &l->shape.rank, l->shape.dims));
    WHET_TRY(parse_ints(args->items[3], "stride", &rank, l->strides));
    if (rank != l->shape.rank) return WHET_FAIL(WHET_EFORMAT, "it has %d sizes and %d strides", l->shape.rank, rank);
    return typed ? parse_dtype(args->items[6], &l->dtype) : WHET_OK;
}

/* The number of elements of the storage, from its start, that the tensor reaches over. */
static bool reach(const layout *l, int64_t *out)
{
    int64_t last = l->offset;
    for (int i = 0; i < l->shape.rank; i++) {
        int64_t step = 0;
        if (l->shape.dims[i] == 0) return *out = 0, true;
        if (!whet_mul_i64(l->shape.dims[i] - 1, l->strides[i], &step) || !whet_add_i64(last, step, &last)) return false;
    }
    return whet_add_i64(last, 1, out);
}

static bool is_dense(const layout *l)
{
    int64_t step = 1;
    for (int i = 0; i < l->shape.rank; i++)
        if (l->shape.dims[i] == 0) return true;
    for (int i = l->shape.rank - 1; i >= 0; i--) {
        if (l->shape.dims[i] != 1 && l->strides[i] != step) return false;
        step *= l->shape.dims[i]; /* below the reach, so no overflow */
    }
    return true;
}

static void gather(const layout *l, const uint8_t *src, size_t element, whet_tensor *out)
{
    int64_t index[WHET_MAX_RANK] = {0}, at = l->offset;
    uint8_t *dst = out->data;
    const int64_t n = whet_tensor_numel(out);
    for (int64_t k = 0; k < n; k++, dst += element) {
        memcpy(dst, src + (size_t)at * element, element);
        for (int i = l->shape.rank - 1; i >= 0; i--) {
            at += l->strides[i];
            if (++index[i] < l->shape.dims[i]) break;
            at -= l->strides[i] * l->shape.dims[i];
            index[i] = 0;
        }
    }
    for (int64_t k = 0; out->dtype == WHET_BOOL && k < n; k++) ((uint8_t *)out->data)[k] = ((uint8_t *)out->data)[k] != 0;
}

/* The elements of the storage as the tensor's type, and where they begin. */
static whet_status find_storage(torch_source *src, layout *l, whet_buffer **buffer, const uint8_t **data, int64_t *numel)
{
    torch_storage s;
    size_t bytes = 0;
    WHET_TRY(torch_storage_parse(&s, l->storage));
    if (l->dtype == WHET_DTYPE_NONE) l->dtype = s.dtype;
    if (l->dtype == WHET_DTYPE_NONE) return WHET_FAIL(WHET_EFORMAT, "its storage has no type");
    WHET_TRY(src->find(src->arg, &s, buffer, data, &bytes));
    if ((uint64_t)s.numel * s.element > bytes)
        return WHET_FAIL(WHET_EFORMAT, "storage '%.100s' has %zu bytes, its %lld elements need %llu", s.key, bytes, (long long)s.numel,
                         (unsigned long long)((uint64_t)s.numel * s.element));
    *numel = s.view_key ? s.view_numel : s.numel;
    if (s.view_key) *data += (size_t)s.view_offset * s.element;
    *numel = *numel * (int64_t)s.element / (int64_t)whet_dtype_size(l->dtype);
    return WHET_OK;
}

static whet_status charge(torch_source *src, size_t bytes)
{
    if (bytes > *src->left)
        return WHET_FAIL(WHET_EFORMAT, "it would take %zu bytes more of memory than a file of this size may: a bomb", bytes - *src->left);
    *src->left -= bytes;
    return WHET_OK;
}

static whet_status build(torch_source *src, const whet_pickle_value *v, whet_tensor *out)
{
    const whet_pickle_value *callee = NULL, *args = NULL;
    whet_buffer *buffer = NULL;
    const uint8_t *data = NULL;
    layout l;
    int64_t need = 0, numel = 0;
    size_t bytes = 0;
    WHET_TRY(unwrap(v, &callee, &args));
    WHET_TRY(parse_layout(callee, args, &l));
    WHET_TRY(find_storage(src, &l, &buffer, &data, &numel));
    if (!reach(&l, &need) || need > numel)
        return WHET_FAIL(WHET_EFORMAT, "offset, size and strides reach beyond the %lld elements of its storage", (long long)numel);
    WHET_TRY(whet_shape_bytes(&l.shape, l.dtype, &bytes));
    WHET_TRY(charge(src, PER_TENSOR));
    const uint8_t *first = bytes ? data + (size_t)l.offset * whet_dtype_size(l.dtype) : data;
    if (is_dense(&l) && buffer && whet_mapped_fits(l.dtype, first, bytes)) {
        *out = (whet_tensor){l.dtype, l.shape, whet_buffer_ref(buffer), (void *)(uintptr_t)first};
        return WHET_OK;
    }
    WHET_TRY(charge(src, bytes));
    if (is_dense(&l)) return whet_mapped_tensor(NULL, l.dtype, &l.shape, first, out, NULL);
    WHET_TRY(whet_tensor_alloc(out, l.dtype, &l.shape));
    gather(&l, data, whet_dtype_size(l.dtype), out);
    return WHET_OK;
}

whet_status torch_tensor_build(torch_source *src, const whet_pickle_value *v, const char *name, whet_tensor *out)
{
    whet_tensor_init(out);
    const whet_status status = build(src, v, out);
    if (status != WHET_OK) whet_error_at_node(name);
    return status;
}
