/* SPDX-License-Identifier: Apache-2.0 */
/* Size, compressed size, parameters and multiply-accumulates of a model file. MACs are counted for convolutions and matrix
 * products at batch 1, as published figures do; the rest of a network is left out by custom. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/mem.h"
#include "formats/formats.h"
#include "measure/facts.h"
#include "measure/model_border.h"
#include "data/contract.h"

enum { CHUNK = 1 << 16, FOLDER_DEPTH = 2 };

static whet_status gzip_size(const uint8_t *data, size_t size, int64_t *out)
{
    z_stream z;
    uint8_t *chunk = whet_alloc(CHUNK);
    memset(&z, 0, sizeof z);
    if (chunk == NULL) return WHET_ENOMEM;
    if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        whet_free(chunk);
        return WHET_FAIL(WHET_ENOMEM, "out of memory");
    }
    int code = Z_OK;
    while (code != Z_STREAM_END) {
        if (z.avail_in == 0 && size > 0) {
            z.next_in = (Bytef *)data;
            z.avail_in = (uInt)WHET_MIN(size, (size_t)1 << 30);
            data += z.avail_in;
            size -= z.avail_in;
        }
        z.next_out = chunk;
        z.avail_out = CHUNK;
        code = deflate(&z, size == 0 ? Z_FINISH : Z_NO_FLUSH);
        *out += (int64_t)(CHUNK - z.avail_out);
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) break;
    }
    deflateEnd(&z);
    whet_free(chunk);
    return WHET_OK;
}

static whet_status add_file(whet_facts *f, const char *path)
{
    whet_map *m = NULL;
    WHET_TRY(whet_map_open(&m, path));
    f->size += (int64_t)whet_map_size(m);
    const whet_status status = f->deflate ? gzip_size(whet_map_data(m), whet_map_size(m), &f->gzip_size) : WHET_OK;
    json_array_append_new(f->files, json_string(whet_path_base(path)));
    whet_map_close(m);
    return status;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Names in a folder, sorted; freed by the caller, as are they. */
static whet_status list_folder(const char *path, char ***names, size_t *n)
{
    DIR *d = opendir(path);
    struct dirent *e = NULL;
    size_t cap = 0;
    whet_status status = d != NULL ? WHET_OK : WHET_FAIL(WHET_EIO, "the folder cannot be read");
    while (status == WHET_OK && (e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (!WHET_GROW(names, *n, &cap) || ((*names)[*n] = whet_strdup(e->d_name)) == NULL) status = WHET_ENOMEM;
        else (*n)++;
    }
    if (d != NULL) closedir(d);
    if (status == WHET_OK && *n > 0) qsort(*names, *n, sizeof **names, by_name);
    return status;
}

/* All files of a folder, two levels deep as SavedModels are; the hash is over the hashes of the files. */
static whet_status add_folder(whet_facts *f, const char *path, int depth, whet_sha256 *hash)
{
    char **names = NULL, hex[65];
    size_t n = 0;
    whet_status status = list_folder(path, &names, &n);
    for (size_t i = 0; i < n; i++) {
        char *inside = status == WHET_OK ? whet_path_join(path, names[i]) : NULL;
        if (status == WHET_OK && inside == NULL) status = WHET_ENOMEM;
        if (inside != NULL && whet_dir_exists(inside)) {
            if (depth < FOLDER_DEPTH) status = add_folder(f, inside, depth + 1, hash);
        } else if (inside != NULL) {
            status = whet_sha256_file(inside, hex);
            if (status == WHET_OK) whet_sha256_add(hash, hex, 64);
            if (status == WHET_OK) status = add_file(f, inside);
        }
        whet_free(inside);
        whet_free(names[i]);
    }
    whet_free(names);
    return status;
}

/* External data lies beside the file; the exporters' names are <name>.data and <name>_data; OpenVINO's weights <stem>.bin. */
static whet_status add_external(whet_facts *f)
{
    static const char *const endings[] = {".data", "_data"};
    if (strcmp(whet_path_ext(f->path), ".xml") == 0) {
        char *bin = whet_format("%.*s.bin", (int)(strlen(f->path) - 4), f->path);
        if (bin == NULL) return WHET_ENOMEM;
        const whet_status status = whet_file_exists(bin) ? add_file(f, bin) : WHET_OK;
        whet_free(bin);
        WHET_TRY(status);
    }
    for (size_t i = 0; i < WHET_COUNT(endings); i++) {
        char *path = whet_format("%s%s", f->path, endings[i]);
        if (path == NULL) return WHET_ENOMEM;
        const whet_status status = whet_file_exists(path) ? add_file(f, path) : WHET_OK;
        whet_free(path);
        WHET_TRY(status);
    }
    return WHET_OK;
}

/* --- counting */
static int64_t weight_elements(const whet_graph *g, whet_vid v)
{
    const whet_value *x = &g->values[v];
    int64_t n = 1;
    for (int d = 0; d < x->dims.rank; d++) n *= x->dims.dims[d] > 0 ? x->dims.dims[d] : 1;
    return n;
}

static int64_t positions(const whet_dims *d, int from)
{
    int64_t n = 1;
    for (int i = from; i < d->rank; i++)
        if (d->dims[i] > 0) n *= d->dims[i];
    return n;
}

/* Rows of a sample in a matrix: files fold positions into the batch (quantisers make a Gemm of a MatMul on maps). */
static int64_t rows_of_sample(const whet_graph *g, const whet_dims *y)
{
    const whet_dims *x = g->n_inputs > 0 ? &g->values[g->inputs[0]].dims : NULL;
    const int64_t batch = x != NULL && x->rank > 0 ? x->dims[0] : 0, rows = y->rank == 2 ? y->dims[0] : 0;
    return batch > 0 && rows > batch && rows % batch == 0 ? rows / batch : 1;
}

/* Convolutions: each weight is used once per output position (input position when transposed). Matrix products: output
 * elements times the inner length, of one sample. */
int64_t whet_facts_node_macs(const whet_graph *g, const whet_node *n)
{
    const whet_dims *y = n->n_out > 0 ? &g->values[n->out[0]].dims : NULL;
    if (y == NULL || n->n_in < 2 || n->in[1] == WHET_NO_VALUE) return 0;
    const whet_dims *x = &g->values[n->in[0]].dims;
    if (whet_node_is(n, "Conv") || whet_node_is(n, "ConvInteger")) return weight_elements(g, n->in[1]) * positions(y, 2);
    if (whet_node_is(n, "QLinearConv") && n->n_in > 3) return weight_elements(g, n->in[3]) * positions(y, 2);
    if (whet_node_is(n, "ConvTranspose")) return weight_elements(g, n->in[1]) * positions(x, 2);
    if (whet_node_is(n, "Gemm")) return weight_elements(g, n->in[1]) * rows_of_sample(g, y);
    if (whet_node_is(n, "MatMul") && x->rank > 0) return rows_of_sample(g, y) * positions(y, 1) * (x->dims[x->rank - 1] > 0 ? x->dims[x->rank - 1] : 1);
    return 0;
}

void whet_facts_count(whet_facts *f, const whet_graph *g)
{
    bool has[WHET_DTYPE_COUNT] = {false}, qdq = false;
    f->params = f->macs = 0;
    for (int i = 0; i < g->n_values; i++) {
        const whet_value *v = &g->values[i];
        const bool weight = v->kind == WHET_VALUE_CONST || v->kind == WHET_VALUE_VARIABLE;
        if (!weight || whet_tensor_numel(&v->data) < 2) continue;
        has[v->dtype] = true;
        if (v->dtype != WHET_S64) f->params += whet_tensor_numel(&v->data); /* s64: shapes and axes */
    }
    for (int i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i].op == NULL) continue;
        f->macs += whet_facts_node_macs(g, &g->nodes[i]);
        qdq |= whet_node_is(&g->nodes[i], "QuantizeLinear") || whet_node_is(&g->nodes[i], "DequantizeLinear");
    }
    f->precision = qdq || has[WHET_S8] || has[WHET_U8] ? "int8" : has[WHET_F16] ? "fp16" : has[WHET_BF16] ? "bf16" : "f32";
}

static whet_status read_graph(whet_facts *f)
{
    whet_graph *g = NULL;
    const whet_model_format *row = NULL;
    f->params = f->macs = -1;
    f->precision = "";
    if (whet_format_of_file(f->path, &row) == WHET_OK) f->format = row->name;
    if (whet_format_read(&g, f->path, NULL) != WHET_OK) {
        f->unreadable = whet_strdup(whet_error_message());
        return f->unreadable != NULL ? WHET_OK : WHET_ENOMEM;
    }
    whet_facts_count(f, g);
    for (int i = 0; i < g->n_outputs && i < WHET_FACTS_OUTPUTS; i++) f->output_zero[i] = whet_model_output_zero(g, i);
    const char *contract = whet_graph_get_meta(g, WHET_CONTRACT_META);
    if (contract != NULL) f->contract = whet_strdup(contract);
    whet_graph_free(g);
    return WHET_OK;
}

static whet_status time_read(whet_facts *f)
{
    whet_map *m = NULL;
    volatile uint8_t sum = 0;
    const uint64_t t0 = whet_now_ns();
    WHET_TRY(whet_map_open(&m, f->path));
    for (size_t i = 0; i < whet_map_size(m); i += 64) sum = (uint8_t)(sum + whet_map_data(m)[i]);
    f->read_ms = (double)(whet_now_ns() - t0) / 1e6;
    whet_map_close(m);
    return WHET_OK;
}

static whet_status folder_facts(whet_facts *f)
{
    whet_sha256 hash;
    char *graph = whet_path_join(f->path, "saved_model.pb");
    const bool saved_model = graph != NULL && whet_file_exists(graph);
    whet_free(graph);
    if (!saved_model) { /* else all of a disk would be read */
        whet_fail(WHET_EFORMAT, "the folder is no SavedModel: it holds no saved_model.pb");
        whet_error_at_file(f->path);
        return WHET_EFORMAT;
    }
    whet_sha256_init(&hash);
    const whet_status status = add_folder(f, f->path, 0, &hash);
    whet_sha256_hex(&hash, f->sha256);
    return status;
}

static whet_status file_facts(whet_facts *f)
{
    WHET_TRY(whet_sha256_file(f->path, f->sha256));
    WHET_TRY(add_file(f, f->path));
    WHET_TRY(add_external(f));
    return time_read(f);
}

static whet_status read_facts(whet_facts *f, const char *path, bool deflate)
{
    memset(f, 0, sizeof *f);
    f->deflate = deflate;
    f->path = whet_strdup(path);
    f->name = whet_strdup(whet_path_base(path));
    f->files = json_array();
    f->format = "onnx";
    whet_status status = f->path != NULL && f->name != NULL && f->files != NULL ? WHET_OK : WHET_ENOMEM;
    if (status == WHET_OK) status = whet_dir_exists(path) ? folder_facts(f) : file_facts(f);
    if (status == WHET_OK) status = read_graph(f);
    if (status != WHET_OK) whet_facts_dispose(f);
    return status;
}

whet_status whet_facts_read(whet_facts *f, const char *path) { return read_facts(f, path, false); }
whet_status whet_facts_read_deflated(whet_facts *f, const char *path) { return read_facts(f, path, true); }

void whet_facts_dispose(whet_facts *f)
{
    whet_free(f->path);
    whet_free(f->name);
    whet_free(f->contract);
    whet_free(f->unreadable);
    json_decref(f->files);
    memset(f, 0, sizeof *f);
}
