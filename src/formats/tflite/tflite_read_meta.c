/* SPDX-License-Identifier: Apache-2.0 */
/* What a TFLite file says beside the network: description, signature, texts in its metadata, and the model metadata
 * ("TFLITE_METADATA", metadata_schema.fbs) with the normalisation of pictures and the label file, which stands in a ZIP archive
 * behind the model. They become the contract, unless the file carries whet's own. */
#include <stdio.h>
#include <string.h>

#include "data/contract.h"
#include "formats/tflite/tflite_reader.h"
#include "wire/pb.h"
#include "wire/zip.h"

/* Tables of metadata_schema.fbs. */
#define META_IDENTIFIER "M001"
enum { META_MODEL_SUBGRAPHS = 3, META_MODEL_LICENSE = 5, META_MODEL_FILES = 6 };
enum { META_GRAPH_INPUTS = 2, META_GRAPH_OUTPUTS = 3, META_GRAPH_FILES = 4 };
enum { META_TENSOR_CONTENT = 3, META_TENSOR_PROCESS_UNITS = 4, META_TENSOR_FILES = 6 };
enum { META_UNIT_TYPE = 0, META_UNIT = 1, META_UNIT_NORMALIZATION = 1 };
enum { META_CONTENT_TYPE = 0, META_CONTENT = 1, META_CONTENT_IMAGE = 2, META_IMAGE_COLOR = 0, META_COLOR_GRAY = 2 };
enum { META_FILE_NAME = 0, META_FILE_TYPE = 2, META_FILE_AXIS_LABELS = 2, META_FILE_VALUE_LABELS = 3 };
enum { MAX_TEXT = 1 << 20, MAX_LABELS = 100000 };

static whet_status set_meta(tfl_reader *r, const char *key, const char *value)
{
    return value && *value ? whet_graph_set_meta(r->g, key, value) : WHET_OK;
}

/* --- signature */
static whet_status names_of(tfl_reader *r, const whet_fb_table *signature, int field, const char *prefix, int count, const whet_vid *values)
{
    whet_fb_vector list;
    whet_fb_table map;
    WHET_TRY(whet_fb_list(signature, field, 4, &list));
    for (size_t i = 0; i < list.n && i < 1024; i++) {
        const char *name = NULL;
        WHET_TRY(whet_fb_list_table(&list, i, &map));
        WHET_TRY(whet_fb_text(&map, TFL_TENSOR_MAP_NAME, r->arena, &name));
        const uint64_t t = whet_fb_uint(&map, TFL_TENSOR_MAP_INDEX, 4, 0);
        if (t >= (uint64_t)r->n_tensors)
            return whet_fb_fail_at(&r->fb, map.at, WHET_FAIL(WHET_EFORMAT, "signature with tensor %llu of %d", (unsigned long long)t, r->n_tensors));
        for (int k = 0; k < count; k++) {
            char key[64];
            if (strcmp(r->g->values[values[k]].name, r->tensors[t].name) != 0) continue;
            snprintf(key, sizeof(key), "%s%d", prefix, k);
            WHET_TRY(set_meta(r, key, name));
        }
    }
    return WHET_OK;
}

static whet_status read_signature(tfl_reader *r, const whet_fb_table *model)
{
    whet_fb_vector list;
    whet_fb_table s;
    const char *key = NULL;
    WHET_TRY(whet_fb_list(model, TFL_MODEL_SIGNATURE_DEFS, 4, &list));
    for (size_t i = 0; i < list.n; i++) {
        WHET_TRY(whet_fb_list_table(&list, i, &s));
        if (whet_fb_uint(&s, TFL_SIGNATURE_SUBGRAPH, 4, 0) != 0) continue;
        WHET_TRY(whet_fb_text(&s, TFL_SIGNATURE_KEY, r->arena, &key));
        WHET_TRY(set_meta(r, TFLITE_META_SIGNATURE, key));
        WHET_TRY(names_of(r, &s, TFL_SIGNATURE_INPUTS, TFLITE_META_INPUT, r->g->n_inputs, r->g->inputs));
        return names_of(r, &s, TFL_SIGNATURE_OUTPUTS, TFLITE_META_OUTPUT, r->g->n_outputs, r->g->outputs);
    }
    return WHET_OK;
}

/* --- model metadata */
static whet_status first_of(const whet_fb_table *t, int field, whet_fb_table *out)
{
    whet_fb_vector list;
    *out = (whet_fb_table){.fb = NULL};
    WHET_TRY(whet_fb_list(t, field, 4, &list));
    return list.n ? whet_fb_list_table(&list, 0, out) : WHET_OK;
}

static float element(const whet_fb_vector *v, int i, float otherwise)
{
    return v->n == 0 ? otherwise : whet_fb_list_float(v, (size_t)i < v->n ? (size_t)i : 0);
}

static whet_status read_normalization(const whet_fb_table *input, whet_contract *c)
{
    whet_fb_vector units, mean, std;
    whet_fb_table unit, options, content, image;
    WHET_TRY(whet_fb_list(input, META_TENSOR_PROCESS_UNITS, 4, &units));
    for (size_t i = 0; i < units.n && !c->given; i++) {
        WHET_TRY(whet_fb_list_table(&units, i, &unit));
        if (whet_fb_uint(&unit, META_UNIT_TYPE, 1, 0) != META_UNIT_NORMALIZATION) continue;
        WHET_TRY(whet_fb_sub(&unit, META_UNIT, &options));
        WHET_TRY(whet_fb_list(&options, 0, 4, &mean));
        WHET_TRY(whet_fb_list(&options, 1, 4, &std));
        for (int k = 0; k < WHET_MAX_CHANNELS; k++) {
            c->mean[k] = element(&mean, k, 0);
            c->std[k] = element(&std, k, 1);
            if (!(c->std[k] > 0) || !(c->mean[k] > -1e6f && c->mean[k] < 1e6f))
                return whet_fb_fail_at(input->fb, unit.at, WHET_FAIL(WHET_EFORMAT, "normalisation by %g", (double)c->std[k]));
        }
        c->scale = 1;
        c->given = true;
    }
    WHET_TRY(whet_fb_sub(input, META_TENSOR_CONTENT, &content));
    if (whet_fb_uint(&content, META_CONTENT_TYPE, 1, 0) != META_CONTENT_IMAGE) return WHET_OK;
    WHET_TRY(whet_fb_sub(&content, META_CONTENT, &image));
    if (whet_fb_uint(&image, META_IMAGE_COLOR, 1, 0) == META_COLOR_GRAY) c->color = WHET_COLOR_GRAY;
    return WHET_OK;
}

/* The name of a file of labels in a list of associated files. */
static whet_status find_label_file(tfl_reader *r, const whet_fb_table *t, int field, const char **name)
{
    whet_fb_vector files;
    whet_fb_table file;
    WHET_TRY(whet_fb_list(t, field, 4, &files));
    for (size_t i = 0; i < files.n && !*name; i++) {
        WHET_TRY(whet_fb_list_table(&files, i, &file));
        const uint64_t kind = whet_fb_uint(&file, META_FILE_TYPE, 1, 0);
        if (kind == META_FILE_AXIS_LABELS || kind == META_FILE_VALUE_LABELS) WHET_TRY(whet_fb_text(&file, META_FILE_NAME, r->arena, name));
    }
    return WHET_OK;
}

#ifndef WHET_MINIMAL
/* One label a line. */
static whet_status split_labels(tfl_reader *r, const whet_zip_bytes *b, whet_contract *c)
{
    const char *p = (const char *)b->data, *end = p + b->size;
    const char **labels = NULL;
    size_t n = 0, cap = 0;
    whet_status status = WHET_OK;
    if (!whet_utf8_valid(b->data, b->size)) return WHET_FAIL(WHET_EFORMAT, "the label file is not UTF-8 text");
    while (p < end && status == WHET_OK) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((stop ? stop : end) - p);
        if (len && p[len - 1] == '\r') len--;
        if (n >= MAX_LABELS) status = WHET_FAIL(WHET_EFORMAT, "the label file has more than %d lines", (int)MAX_LABELS);
        else if (!WHET_GROW(&labels, n, &cap) || !(labels[n] = whet_arena_strndup(r->arena, p, len))) status = WHET_ENOMEM;
        else n++;
        p = stop ? stop + 1 : end;
    }
    if (status == WHET_OK && n) status = whet_contract_set_labels(c, (int)n, labels);
    whet_free(labels);
    return status;
}

static whet_status read_labels(tfl_reader *r, const char *name, whet_contract *c)
{
    whet_zip *zip = NULL;
    whet_zip_bytes bytes = {NULL, 0, 0, false};
    int i = -1;
    whet_status status = WHET_OK;
    /* the end of an archive's directory, within the last 64 KiB */
    const size_t tail = WHET_MIN(r->fb.size, (size_t)65557);
    if (!memmem(r->fb.data + r->fb.size - tail, tail, "PK\5\6", 4)) return WHET_OK;
    WHET_GOTO(whet_zip_open_mem(&zip, r->fb.data, r->fb.size, r->fb.file));
    i = whet_zip_find(zip, name);
    if (i < 0) goto done;
    WHET_GOTO(whet_zip_read(zip, i, &bytes));
    if (bytes.size > MAX_TEXT * 16) status = WHET_FAIL(WHET_EFORMAT, "the label file has %zu bytes", bytes.size);
    else status = split_labels(r, &bytes, c);
done:
    whet_zip_bytes_free(&bytes);
    whet_zip_close(zip);
    return status;
}
#else
static whet_status read_labels(tfl_reader *r, const char *name, whet_contract *c)
{
    (void)r;
    (void)name;
    (void)c;
    return WHET_OK;
}
#endif

static void set_size(const tfl_reader *r, whet_contract *c)
{
    const whet_dims *d = r->g->n_inputs ? &r->g->values[r->g->inputs[0]].dims : NULL;
    c->nhwc = true;
    if (!d || d->rank != 4 || d->dims[1] < 1 || d->dims[2] < 1 || d->dims[1] > 32768 || d->dims[2] > 32768) return;
    c->height = (int)d->dims[1];
    c->width = (int)d->dims[2];
    if (d->dims[3] == 1) c->color = WHET_COLOR_GRAY;
}

static whet_status read_model_metadata(tfl_reader *r, const uint8_t *data, size_t size)
{
    whet_fb fb;
    whet_fb_table root, graph, input, output;
    const char *labels = NULL, *license = NULL;
    char *json = NULL;
    whet_contract c;
    whet_contract_init(&c);
    whet_status status = whet_fb_open(&fb, data, size, r->fb.file, META_IDENTIFIER, &root);
    if (status != WHET_OK) goto done;
    WHET_GOTO(first_of(&root, META_MODEL_SUBGRAPHS, &graph));
    WHET_GOTO(first_of(&graph, META_GRAPH_INPUTS, &input));
    WHET_GOTO(first_of(&graph, META_GRAPH_OUTPUTS, &output));
    WHET_GOTO(whet_fb_text(&root, META_MODEL_LICENSE, r->arena, &license));
    WHET_GOTO(set_meta(r, "license", license));
    WHET_GOTO(read_normalization(&input, &c));
    WHET_GOTO(find_label_file(r, &output, META_TENSOR_FILES, &labels));
    if (!labels) WHET_GOTO(find_label_file(r, &graph, META_GRAPH_FILES, &labels));
    if (!labels) WHET_GOTO(find_label_file(r, &root, META_MODEL_FILES, &labels));
    WHET_GOTO(whet_fb_check(&fb));
    if (whet_graph_get_meta(r->g, WHET_CONTRACT_META)) goto done; /* whet's own says more */
    if (labels && *labels) WHET_GOTO(read_labels(r, labels, &c));
    if (!c.given) goto done;
    set_size(r, &c);
    WHET_GOTO(whet_contract_to_json(&c, &json));
    status = whet_graph_set_meta(r->g, WHET_CONTRACT_META, json);
done:
    whet_free(json);
    whet_contract_dispose(&c);
    return status;
}

/* --- all of it */
static const char *const binary_entries[] = {"TFLITE_METADATA", "CONVERSION_METADATA", "reduced_precision_support"};

static bool is_binary(const char *name)
{
    for (size_t i = 0; i < WHET_COUNT(binary_entries); i++)
        if (strcmp(name, binary_entries[i]) == 0) return true;
    return false;
}

/* Texts are kept under their name; version numbers are filled up with zeros. */
static whet_status keep_text(tfl_reader *r, const char *name, const uint8_t *data, size_t size)
{
    char *text = NULL;
    const char *key = name;
    while (size && data[size - 1] == '\0') size--;
    if (size == 0 || size > MAX_TEXT || !whet_utf8_valid(data, size)) return WHET_OK;
    if (strcmp(name, "min_runtime_version") == 0) key = "tflite.min_runtime_version";
    text = whet_strndup((const char *)data, size);
    if (!text) return WHET_ENOMEM;
    whet_status status = set_meta(r, key, text);
    whet_free(text);
    return status;
}

whet_status tfl_read_meta(tfl_reader *r, const whet_fb_table *model)
{
    enum { MAX_ENTRIES = 4096 };
    whet_fb_vector list;
    whet_fb_table m;
    const char *description = NULL;
    const uint8_t *data = NULL, *metadata = NULL;
    size_t size = 0, metadata_size = 0, kept = 0;
    WHET_TRY(whet_fb_text(model, TFL_MODEL_DESCRIPTION, r->arena, &description));
    WHET_TRY(set_meta(r, TFLITE_META_DESCRIPTION, description));
    WHET_TRY(read_signature(r, model));
    WHET_TRY(whet_fb_list(model, TFL_MODEL_METADATA, 4, &list));
    if (list.n > MAX_ENTRIES) return whet_fb_fail_at(&r->fb, model->at, WHET_FAIL(WHET_EFORMAT, "%zu entries of metadata", list.n));
    for (size_t i = 0; i < list.n; i++) {
        const char *name = NULL;
        WHET_TRY(whet_fb_list_table(&list, i, &m));
        WHET_TRY(whet_fb_text(&m, TFL_METADATA_NAME, r->arena, &name));
        WHET_TRY(tfl_buffer(r, (int64_t)whet_fb_uint(&m, TFL_METADATA_BUFFER, 4, 0), &data, &size));
        if (!name || !*name) continue;
        if (strcmp(name, "TFLITE_METADATA") == 0) {
            metadata = data;
            metadata_size = size;
        }
        kept += size;
        if (!is_binary(name) && kept <= r->fb.size) WHET_TRY(keep_text(r, name, data, size));
    }
    if (metadata_size) WHET_TRY(read_model_metadata(r, metadata, metadata_size));
    return whet_fb_check(&r->fb);
}
