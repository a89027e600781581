/* SPDX-License-Identifier: Apache-2.0 */
/* Model metadata (metadata_schema.fbs of TFLite Support, version 1.1.0): how a picture is normalised, and the label file, which
 * follows the flatbuffer as a ZIP archive (PKWARE's APPNOTE.TXT 6.3) of one stored entry. */
#include <zlib.h>

#include "data/contract.h"
#include "formats/tflite/tflite_writer.h"
#include "wire/flatbuf_write.h"

enum { MODEL_NAME = 0, MODEL_DESCRIPTION, MODEL_VERSION, MODEL_SUBGRAPHS, MODEL_AUTHOR, MODEL_LICENSE, MODEL_FILES, MODEL_MIN_PARSER };
enum { SUBGRAPH_INPUTS = 2, SUBGRAPH_OUTPUTS = 3 };
enum { TENSOR_NAME = 0, TENSOR_DESCRIPTION, TENSOR_DIMENSIONS, TENSOR_CONTENT, TENSOR_UNITS, TENSOR_STATS, TENSOR_FILES };
enum { CONTENT_TYPE = 0, CONTENT_VALUE, CONTENT_RANGE, CONTENT_FEATURE = 1, CONTENT_IMAGE = 2 };
enum { IMAGE_COLOR = 0, IMAGE_SIZE, COLOR_RGB = 1, COLOR_GRAYSCALE = 2 };
enum { UNIT_TYPE = 0, UNIT_VALUE, UNIT_NORMALIZATION = 1 };
enum { NORMALIZATION_MEAN = 0, NORMALIZATION_STD };
enum { STATS_MAX = 0, STATS_MIN };
enum { FILE_NAME = 0, FILE_DESCRIPTION, FILE_TYPE, FILE_AXIS_LABELS = 2 };

static whet_fbw_ref put_list(whet_fbw *b, whet_fbw_ref one) { return whet_fbw_vector_refs(b, &one, 1); }

/* (x * scale - mean) / std of the contract is (x - mean / scale) / (std / scale) here. */
static whet_fbw_ref put_normalization(whet_fbw *b, const whet_contract *c, int channels)
{
    float mean[WHET_MAX_CHANNELS], dev[WHET_MAX_CHANNELS];
    for (int i = 0; i < channels; i++) {
        mean[i] = c->mean[i] / c->scale;
        dev[i] = c->std[i] / c->scale;
    }
    const whet_fbw_ref m = whet_fbw_vector(b, mean, sizeof(*mean), (size_t)channels, 0);
    const whet_fbw_ref s = whet_fbw_vector(b, dev, sizeof(*dev), (size_t)channels, 0);
    whet_fbw_table(b);
    whet_fbw_add_ref(b, NORMALIZATION_MEAN, m);
    whet_fbw_add_ref(b, NORMALIZATION_STD, s);
    const whet_fbw_ref options = whet_fbw_end(b);
    whet_fbw_table(b);
    whet_fbw_add_u8(b, UNIT_TYPE, UNIT_NORMALIZATION, 0);
    whet_fbw_add_ref(b, UNIT_VALUE, options);
    return put_list(b, whet_fbw_end(b));
}

static whet_fbw_ref put_stats(whet_fbw *b, const whet_contract *c, int channels)
{
    float low[WHET_MAX_CHANNELS], high[WHET_MAX_CHANNELS];
    for (int i = 0; i < channels; i++) {
        low[i] = whet_contract_level(c, 0, i);
        high[i] = whet_contract_level(c, 255, i);
    }
    const whet_fbw_ref max = whet_fbw_vector(b, high, sizeof(*high), (size_t)channels, 0);
    const whet_fbw_ref min = whet_fbw_vector(b, low, sizeof(*low), (size_t)channels, 0);
    whet_fbw_table(b);
    whet_fbw_add_ref(b, STATS_MAX, max);
    whet_fbw_add_ref(b, STATS_MIN, min);
    return whet_fbw_end(b);
}

static whet_fbw_ref put_content(whet_fbw *b, bool image, bool gray)
{
    whet_fbw_table(b);
    if (image) whet_fbw_add_s8(b, IMAGE_COLOR, gray ? COLOR_GRAYSCALE : COLOR_RGB, 0);
    const whet_fbw_ref properties = whet_fbw_end(b);
    whet_fbw_table(b);
    whet_fbw_add_u8(b, CONTENT_TYPE, image ? CONTENT_IMAGE : CONTENT_FEATURE, 0);
    whet_fbw_add_ref(b, CONTENT_VALUE, properties);
    return whet_fbw_end(b);
}

static whet_fbw_ref put_input(whet_fbw *b, const tfl_writer *w, const whet_contract *c)
{
    const tfl_tensor *t = tflw_at(w, w->inputs[0]);
    const int channels = t->rank == 4 && (t->shape[3] == 1 || t->shape[3] == 3) ? t->shape[3] : c->color == WHET_COLOR_GRAY ? 1 : 3;
    const whet_fbw_ref name = whet_fbw_string(b, t->name), content = put_content(b, true, channels == 1);
    const whet_fbw_ref units = put_normalization(b, c, channels), stats = put_stats(b, c, channels);
    whet_fbw_table(b);
    whet_fbw_add_ref(b, TENSOR_NAME, name);
    whet_fbw_add_ref(b, TENSOR_CONTENT, content);
    whet_fbw_add_ref(b, TENSOR_UNITS, units);
    whet_fbw_add_ref(b, TENSOR_STATS, stats);
    return put_list(b, whet_fbw_end(b));
}

static whet_fbw_ref put_output(whet_fbw *b, const tfl_writer *w, bool labels)
{
    const whet_fbw_ref name = whet_fbw_string(b, tflw_at(w, w->outputs[0])->name), content = put_content(b, false, false);
    whet_fbw_ref files = 0;
    if (labels) {
        const whet_fbw_ref file = whet_fbw_string(b, TFL_LABEL_FILE), what = whet_fbw_string(b, "class names, one a line");
        whet_fbw_table(b);
        whet_fbw_add_ref(b, FILE_NAME, file);
        whet_fbw_add_ref(b, FILE_DESCRIPTION, what);
        whet_fbw_add_s8(b, FILE_TYPE, FILE_AXIS_LABELS, 0);
        files = put_list(b, whet_fbw_end(b));
    }
    whet_fbw_table(b);
    whet_fbw_add_ref(b, TENSOR_NAME, name);
    whet_fbw_add_ref(b, TENSOR_CONTENT, content);
    whet_fbw_add_ref(b, TENSOR_FILES, files);
    return put_list(b, whet_fbw_end(b));
}

static whet_status put_model(const tfl_writer *w, const whet_contract *c, whet_fbw *b, uint8_t **data, size_t *size)
{
    const char *license_text = whet_graph_get_meta(w->g, "license");
    const bool one = w->g->n_inputs > 0 && w->g->n_outputs > 0;
    const whet_fbw_ref in = one ? put_input(b, w, c) : 0, out = one ? put_output(b, w, c->n_labels > 0) : 0;
    whet_fbw_table(b);
    whet_fbw_add_ref(b, SUBGRAPH_INPUTS, in);
    whet_fbw_add_ref(b, SUBGRAPH_OUTPUTS, out);
    const whet_fbw_ref subgraphs = put_list(b, whet_fbw_end(b));
    const whet_fbw_ref name = whet_fbw_string(b, w->g->name && *w->g->name ? w->g->name : "model"), parser = whet_fbw_string(b, "1.0.0");
    const whet_fbw_ref license = license_text ? whet_fbw_string(b, license_text) : 0;
    whet_fbw_table(b);
    whet_fbw_add_ref(b, MODEL_NAME, name);
    whet_fbw_add_ref(b, MODEL_SUBGRAPHS, subgraphs);
    whet_fbw_add_ref(b, MODEL_LICENSE, license);
    whet_fbw_add_ref(b, MODEL_MIN_PARSER, parser);
    return whet_fbw_finish(b, whet_fbw_end(b), "M001", data, size);
}

/* One name a line; NULL if one has a line break in it. */
static char *label_text(const whet_contract *c)
{
    whet_strbuf s;
    whet_strbuf_init(&s);
    for (int i = 0; i < c->n_labels; i++) {
        whet_strbuf_puts(&s, c->labels[i]);
        whet_strbuf_puts(&s, "\n");
    }
    return whet_strbuf_take(&s);
}

whet_status tflw_metadata(const tfl_writer *w, uint8_t **data, size_t *size, char **labels)
{
    const char *text = whet_graph_get_meta(w->g, WHET_CONTRACT_META);
    whet_contract c;
    whet_fbw *b = NULL;
    *data = NULL;
    *labels = NULL;
    *size = 0;
    if (!text) return WHET_OK;
    whet_contract_init(&c);
    whet_status status = whet_contract_from_json(&c, text);
    if (status == WHET_OK && c.n_labels > 0 && !(*labels = label_text(&c))) status = WHET_ENOMEM;
    if (status == WHET_OK) status = whet_fbw_create(&b, 0);
    if (status == WHET_OK) status = put_model(w, &c, b, data, size);
    whet_fbw_free(b);
    whet_contract_dispose(&c);
    return status;
}

/* --- the archive */

static void put16(uint8_t **p, unsigned x)
{
    *(*p)++ = (uint8_t)x;
    *(*p)++ = (uint8_t)(x >> 8);
}

static void put32(uint8_t **p, uint32_t x)
{
    put16(p, x & 0xffff);
    put16(p, x >> 16);
}

/* What a local header and an entry of the directory have in common; the date is the format's first day. */
static void put_entry(uint8_t **p, uint32_t crc, uint32_t size, size_t name)
{
    put16(p, 20); /* version 2.0 */
    put16(p, 0);
    put16(p, 0); /* stored */
    put16(p, 0);
    put16(p, 0x21);
    put32(p, crc);
    put32(p, size);
    put32(p, size);
    put16(p, (unsigned)name);
    put16(p, 0);
}

whet_status tflw_zip_labels(const char *name, const char *text, size_t offset, uint8_t **data, size_t *size)
{
    const size_t n = strlen(name), bytes = strlen(text), total = 30 + n + bytes + 46 + n + 22;
    const uint32_t crc = (uint32_t)crc32_z(0, (const uint8_t *)text, bytes);
    uint8_t *p = whet_alloc(total);
    *data = p;
    *size = total;
    if (!p) return WHET_ENOMEM;
    put32(&p, 0x04034b50);
    put_entry(&p, crc, (uint32_t)bytes, n);
    memcpy(p, name, n);
    p += n;
    memcpy(p, text, bytes);
    p += bytes;
    put32(&p, 0x02014b50);
    put16(&p, 20);
    put_entry(&p, crc, (uint32_t)bytes, n);
    put16(&p, 0);
    put16(&p, 0);
    put16(&p, 0);
    put32(&p, 0);
    put32(&p, (uint32_t)offset);
    memcpy(p, name, n);
    p += n;
    put32(&p, 0x06054b50);
    put16(&p, 0);
    put16(&p, 0);
    put16(&p, 1);
    put16(&p, 1);
    put32(&p, (uint32_t)(46 + n));
    put32(&p, (uint32_t)(offset + 30 + n + bytes));
    put16(&p, 0);
    return WHET_OK;
}
