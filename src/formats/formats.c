/* SPDX-License-Identifier: Apache-2.0 */
/* The format table and the content tests. */
#include "formats/formats.h"

#include <strings.h>

#include "base/io.h"
#include "formats/onnx/onnx.h"

void whet_format_options_init(whet_format_options *o)
{
    *o = (whet_format_options){.size = sizeof(*o), .keep_training = true};
}

static bool format_safetensors_detect(const uint8_t *head, size_t n, size_t file_size)
{
    uint64_t length = 0;
    for (size_t i = 0; i < 8 && i < n; i++) length |= (uint64_t)head[i] << (8 * i);
    return n > 9 && head[8] == '{' && length >= 2 && length <= file_size - 8;
}

/* A protobuf whose first field is one of ModelProto's: ir_version, or a producer, in whatever order. */
static bool format_onnx_detect(const uint8_t *head, size_t n, size_t file_size)
{
    (void)file_size;
    return n >= 2 && ((head[0] == 0x08 && head[1] >= 1 && head[1] <= 64) || head[0] == 0x12);
}

static whet_status format_onnx_read(whet_graph **out, const char *path, const whet_format_options *o)
{
    whet_onnx_read_options r;
    whet_onnx_read_options_init(&r);
    r.parameters_as_variables = o->parameters_as_variables;
    r.keep_training = o->keep_training;
    return whet_onnx_read(out, path, &r);
}

static whet_status format_onnx_write(const whet_graph *g, const char *path, const whet_format_options *o)
{
    whet_onnx_write_options w;
    whet_onnx_write_options_init(&w);
    if (o->opset) w.opset = o->opset;
    return whet_onnx_write(g, path, &w);
}

#define format_none_read NULL
#define format_none_write NULL
#define F(name, ext, title, detect, read, write)                                                                    \
    {#name, ext, title, format_##detect##_detect, format_##read##_read, format_##write##_write},
static const whet_model_format table[] = {
#include "formats/formats.def"
};
#undef F

static const whet_model_format *find_format(const char *name)
{
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

static const whet_model_format *by_extension(const char *path)
{
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if (strcasecmp(whet_path_ext(path), table[i].ext) == 0) return &table[i];
    return NULL;
}

static const char *looks_like(const uint8_t *head, size_t n)
{
    static const struct { const char *magic; size_t at, n; const char *what; } known[] = {
        {"TFL3", 4, 4, "a TFLite model"}, {"\x89HDF\r\n", 0, 6, "an HDF5 file (Keras)"}, {"PK\3\4", 0, 4, "a ZIP archive (PyTorch, "
        "Keras)"}, {"<?xml", 0, 5, "XML (OpenVINO)"}, {"\x93NUMPY", 0, 6, "a NumPy array"}, {"\x1f\x8b", 0, 2, "a gzip file"},
        {"\x89PNG", 0, 4, "a PNG picture"}, {"\xff\xd8\xff", 0, 3, "a JPEG picture"}, {"\x80\x02", 0, 2, "a Python pickle"}};
    for (size_t i = 0; i < WHET_COUNT(known); i++)
        if (n >= known[i].at + known[i].n && memcmp(head + known[i].at, known[i].magic, known[i].n) == 0) return known[i].what;
    return NULL;
}

whet_status whet_format_of_file(const char *path, const whet_model_format **out)
{
    whet_map *map = NULL;
    *out = NULL;
    WHET_TRY(whet_map_open(&map, path));
    const uint8_t *head = whet_map_data(map);
    size_t n = whet_map_size(map);
    const char *other = looks_like(head, n);
    for (size_t i = 0; i < WHET_COUNT(table) && !*out && !other; i++)
        if (table[i].detect(head, WHET_MIN(n, 64), n)) *out = &table[i];
    if (!*out && !other) *out = by_extension(path);
    whet_map_close(map);
    if (*out) return WHET_OK;
    if (other) WHET_FAIL(WHET_EUNSUPPORTED, "this is %s; models are read from ONNX files", other);
    else WHET_FAIL(WHET_EUNSUPPORTED, "this is no model that is known here; models are read from ONNX files");
    whet_error_at_file(path);
    return WHET_EUNSUPPORTED;
}

static whet_format_options settle(const whet_format_options *opt)
{
    whet_format_options o;
    whet_format_options_init(&o);
    if (opt) memcpy(&o, opt, WHET_MIN(opt->size, sizeof(o)));
    return o;
}

whet_status whet_format_read(whet_graph **out, const char *path, const whet_format_options *opt)
{
    const whet_model_format *f = NULL;
    whet_format_options o = settle(opt);
    *out = NULL;
    WHET_TRY(whet_format_of_file(path, &f));
    if (f->read) {
        whet_status status = f->read(out, path, &o);
        return status == WHET_EINVAL ? WHET_EFORMAT : status; /* an operator's bad attribute is the file's fault here */
    }
    WHET_FAIL(WHET_EUNSUPPORTED, "%s holds no graph; give a model file, and this one as its weights", f->title);
    whet_error_at_file(path);
    return WHET_EUNSUPPORTED;
}

whet_status whet_format_write(const whet_graph *g, const char *path, const char *format, const whet_format_options *opt)
{
    whet_format_options o = settle(opt);
    const whet_model_format *f = format ? find_format(format) : by_extension(path);
    if (!f || !f->write)
        return WHET_FAIL(WHET_EINVAL, "'%s' is no format that models can be written in; use the extension .onnx",
                         format ? format : path);
    return f->write(g, path, &o);
}
