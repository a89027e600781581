/* SPDX-License-Identifier: Apache-2.0 */
/* The format table and the content tests. */
#include "formats/formats.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "formats/keras/keras.h"
#include "formats/onnx/onnx.h"
#include "formats/tensorflow/tensorflow.h"
#include "formats/pytorch/state_dict.h"
#include "formats/tflite/tflite.h"
#include "formats/openvino/openvino.h"
#include "formats/torchscript/torchscript.h"
#include "formats/weights_file/weights_file.h"

void whet_format_options_init(whet_format_options *o)
{
    *o = (whet_format_options){.size = sizeof(*o), .keep_training = true};
}

/* Rows whose libraries this build has not, and what a format cannot do, are `none`. */
#define none_detect NULL
#define none_read NULL
#define none_write NULL
#define none_read_weights NULL
#define none_write_weights NULL
#define F(name, ext, title, traits, detect, read, write, read_weights, write_weights)                               \
    {#name, ext, title, traits, detect##_detect, read##_read, write##_write, read_weights##_read_weights, write_weights##_write_weights},
static const whet_model_format table[] = {
#include "formats/formats.def"
};
#undef F

const whet_model_format *whet_format_row(size_t i) { return i < WHET_COUNT(table) ? &table[i] : NULL; }

static const whet_model_format *find_format(const char *name)
{
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

static const whet_model_format *by_extension(const char *path, bool writing)
{
    char ext[32];
    int n = snprintf(ext, sizeof(ext), "%s ", whet_path_ext(path)); /* ".pt " in ".pt .ts " */
    for (size_t i = 0; i < WHET_COUNT(table) && n > 1 && n < (int)sizeof(ext); i++) {
        char all[64];
        snprintf(all, sizeof(all), "%s ", table[i].ext);
        if (strcasestr(all, ext) && (!writing || table[i].write || table[i].write_weights)) return &table[i];
    }
    return NULL;
}

static const char *looks_like(const uint8_t *head, size_t n)
{
    static const struct { const char *magic; size_t at, n; const char *what; } known[] = {
        {"\x89HDF\r\n", 0, 6, "an HDF5 file"}, {"PK\3\4", 0, 4, "a ZIP archive"},
        {"<?xml", 0, 5, "an XML file"}, {"\x93NUMPY", 0, 6, "a NumPy array"}, {"\x1f\x8b", 0, 2, "a gzip file"},
        {"\x89PNG", 0, 4, "a PNG picture"}, {"\xff\xd8\xff", 0, 3, "a JPEG picture"}, {"\x80\x02", 0, 2, "a Python pickle"}};
    for (size_t i = 0; i < WHET_COUNT(known); i++)
        if (n >= known[i].at + known[i].n && memcmp(head + known[i].at, known[i].magic, known[i].n) == 0) return known[i].what;
    return NULL;
}

/* "onnx, tflite, ..." of the rows that can do something. */
static const char *names_of(char *buf, size_t size, bool writing)
{
    size_t n = 0;
    for (size_t i = 0; i < WHET_COUNT(table) && n < size; i++) {
        const whet_model_format *f = &table[i];
        if (!(writing ? f->write || f->write_weights : f->read || f->read_weights)) continue;
        n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? ", " : "", f->name);
    }
    return buf;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The .bin of an IR has no mark of its own; the .xml beside it tells. */
static bool weights_of_ir(const char *path)
{
    char *xml = strcmp(whet_path_ext(path), ".bin") == 0 ? whet_format("%.*s.xml", (int)(strlen(path) - 4), path) : NULL;
    const bool is = xml && whet_file_exists(xml);
    if (is) WHET_FAIL(WHET_EUNSUPPORTED, "this holds the weights of an OpenVINO IR; name '%s' instead", xml);
    if (is) whet_error_at_file(path);
    whet_free(xml);
    return is;
}

whet_status whet_format_of_file(const char *path, const whet_model_format **out)
{
    whet_map *map = NULL;
    char names[300];
    const uint8_t *head = (const uint8_t *)"";
    const char *other = NULL;
    size_t n = 0;
    bool folder = is_folder(path);
    *out = NULL;
    if (!folder) {
        WHET_TRY(whet_map_open(&map, path));
        head = whet_map_data(map);
        n = whet_map_size(map);
        other = looks_like(head, n);
    }
    for (size_t i = 0; i < WHET_COUNT(table) && !*out; i++)
        if (folder == ((table[i].traits & WHET_FORMAT_FOLDER) != 0) && table[i].detect && table[i].detect(head, WHET_MIN(n, 64), n, path))
            *out = &table[i];
    if (!*out && !other && !folder) *out = by_extension(path, false);
    whet_map_close(map);
    if (*out) return WHET_OK;
    if (!folder && weights_of_ir(path)) return WHET_EUNSUPPORTED;
    names_of(names, sizeof(names), false);
    if (folder) WHET_FAIL(WHET_EUNSUPPORTED, "this folder holds no model that is known here; formats that are read: %s", names);
    else if (other) WHET_FAIL(WHET_EUNSUPPORTED, "this is %s and no model that is known here; formats that are read: %s", other, names);
    else WHET_FAIL(WHET_EUNSUPPORTED, "this is no model that is known here; formats that are read: %s", names);
    whet_error_at_file(path);
    return WHET_EUNSUPPORTED;
}

whet_status whet_format_for_writing(const char *name, const char *path, const whet_model_format **out)
{
    char names[300];
    *out = name ? find_format(name) : by_extension(path, true);
    if (*out && ((*out)->write || (*out)->write_weights)) return WHET_OK;
    *out = NULL;
    return WHET_FAIL(WHET_EINVAL, "'%s' %s: %s", name ? name : path,
                     name ? "is no format that models can be written in; there are" : "has no extension of a format; name one with --to", names_of(names, sizeof(names), true));
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
    if (f->read) return whet_error_of_file(f->read(out, path, &o)); /* an operator's bad attribute too */
    WHET_FAIL(WHET_EUNSUPPORTED, "it holds weights alone, no network: make a model of both with `whet convert %s OUT.onnx --model NAME`, or with --weights out of "
                                 "a model file of that network", path);
    whet_error_at_file(path);
    return WHET_EUNSUPPORTED;
}

whet_status whet_format_write(const whet_graph *g, const char *path, const char *format, const whet_format_options *opt)
{
    whet_format_options o = settle(opt);
    const whet_model_format *f = NULL;
    whet_weights *w = NULL;
    WHET_TRY(whet_format_for_writing(format, path, &f));
    if (f->write) return f->write(g, path, &o);
    WHET_TRY(whet_weights_of_graph(&w, g));
    whet_status status = f->write_weights(w, path);
    whet_weights_free(w);
    return status;
}

whet_status whet_format_read_weights(whet_weights **out, const char *path)
{
    const whet_model_format *f = NULL;
    whet_graph *g = NULL;
    *out = NULL;
    WHET_TRY(whet_format_of_file(path, &f));
    if (f->read_weights) return f->read_weights(out, path);
    WHET_TRY(whet_format_read(&g, path, NULL));
    whet_status status = whet_weights_of_graph(out, g);
    whet_graph_free(g);
    return status;
}

whet_status whet_format_write_weights(const whet_weights *w, const char *path, const char *format)
{
    const whet_model_format *f = NULL;
    WHET_TRY(whet_format_for_writing(format, path, &f));
    if (f->write_weights) return f->write_weights(w, path);
    return WHET_FAIL(WHET_EUNSUPPORTED, "%s needs a graph; a file of weights alone can be written as safetensors or a state dict", f->title);
}
