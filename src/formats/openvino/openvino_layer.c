/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of an IR under construction: their XML, the edges, and the content of the .bin, where equal bytes stand once. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/half.h"
#include "formats/openvino/openvino_types.h"

void ov_refuse(ov_writer *w, const char *fmt, ...)
{
    char text[300], op[96];
    va_list ap;
    if (w->status != WHET_OK) return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    w->status = WHET_FAIL(WHET_EUNSUPPORTED, "%s: %s", w->node ? whet_op_text(w->node->op, op, sizeof(op)) : "graph", text);
    if (w->node) whet_error_at_node(w->node->name);
}

static const char *copy(ov_writer *w, const char *s)
{
    const char *c = whet_arena_strdup(w->arena, s);
    if (!c && w->status == WHET_OK) w->status = WHET_ENOMEM;
    return c ? c : "";
}

/* --- names */

/* Layers have names of their own: a taken one gets a number. */
static const char *fresh_name(ov_writer *w, const char *name)
{
    const char *c = copy(w, name);
    bool added = false;
    char text[400];
    if (w->status == WHET_OK) w->status = onnx_names_add(&w->names, c, 1, &added);
    for (int i = 1; !added && w->status == WHET_OK; i++) {
        snprintf(text, sizeof(text), "%.380s.%d", name, i);
        c = copy(w, text);
        if (w->status == WHET_OK) w->status = onnx_names_add(&w->names, c, 1, &added);
    }
    return c;
}

/* Tensor names are a list in the file. */
static const char *escaped_name(ov_writer *w, const char *name)
{
    if (!strchr(name, ',')) return name;
    char *out = whet_arena_alloc(w->arena, 2 * strlen(name) + 1), *p = out;
    if (!out) {
        w->status = WHET_ENOMEM;
        return "";
    }
    for (; *name; name++) {
        if (*name == ',') *p++ = '\\';
        *p++ = *name;
    }
    return out;
}

/* --- one layer */

void ov_begin(ov_writer *w, const char *type, int opset, const char *name)
{
    char text[400];
    w->type = type;
    w->opset = opset;
    w->n_attr = w->n_in = 0;
    w->decompression = false;
    if (!name && w->node) {
        snprintf(text, sizeof(text), "%.300s/%s", w->node->name, type);
        name = text;
    }
    if (w->status == WHET_OK) w->name = fresh_name(w, name ? name : type);
}

void ov_attr(ov_writer *w, const char *key, const char *value)
{
    if (w->n_attr >= OV_LAYER_ATTRS) {
        ov_refuse(w, "too many attributes");
        return;
    }
    w->attr[w->n_attr].key = key;
    w->attr[w->n_attr++].value = copy(w, value);
}

void ov_attr_int(ov_writer *w, const char *key, int64_t x)
{
    char text[32];
    snprintf(text, sizeof(text), "%lld", (long long)x);
    ov_attr(w, key, text);
}

void ov_attr_bool(ov_writer *w, const char *key, bool x) { ov_attr(w, key, x ? "true" : "false"); }

void ov_attr_number(ov_writer *w, const char *key, double x)
{
    char text[40];
    snprintf(text, sizeof(text), "%.17g", x);
    ov_attr(w, key, text);
}

void ov_attr_list(ov_writer *w, const char *key, int n, const int64_t *x)
{
    char text[OV_ATTR_TEXT] = "";
    size_t at = 0;
    for (int i = 0; i < n && at < sizeof(text) - 24; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%lld", i ? ", " : "", (long long)x[i]);
    ov_attr(w, key, text);
}

void ov_input(ov_writer *w, ov_ref r)
{
    if (w->status != WHET_OK) return;
    if (w->n_in >= OV_LAYER_PORTS) {
        ov_refuse(w, "more than %d inputs", OV_LAYER_PORTS);
        return;
    }
    if (r.layer < 0) ov_refuse(w, "an input that is missing has no form in IR");
    w->in[w->n_in++] = r;
}

const ov_output *ov_shape_of(const ov_writer *w, ov_ref r)
{
    static const ov_output none = {.dims = {.rank = -1}};
    return r.layer < 0 || (size_t)r.layer >= w->n_done ? &none : &w->done[r.layer].out[r.port];
}

static void put_port(ov_writer *w, int id, const ov_output *o, bool output)
{
    whet_xml_writer *x = &w->layers;
    char text[24];
    whet_xml_begin(x, "port");
    whet_xml_attr_int(x, "id", id);
    whet_xml_attr(x, "precision", ov_dtype_precision(o->dtype));
    if (output && o->name) whet_xml_attr(x, "names", escaped_name(w, o->name));
    for (int i = 0; i < o->dims.rank; i++) {
        snprintf(text, sizeof(text), "%lld", (long long)(o->dims.dims[i] < 0 ? -1 : o->dims.dims[i]));
        whet_xml_leaf(x, "dim", text);
    }
    whet_xml_end(x);
}

static void put_layer(ov_writer *w, int id, int n_out, const ov_output *out)
{
    whet_xml_writer *x = &w->layers;
    char version[24];
    snprintf(version, sizeof(version), "opset%d", w->opset);
    whet_xml_begin(x, "layer");
    whet_xml_attr_int(x, "id", id);
    whet_xml_attr(x, "name", w->name);
    whet_xml_attr(x, "type", w->type);
    whet_xml_attr(x, "version", version);
    if (w->n_attr) {
        whet_xml_begin(x, "data");
        for (int i = 0; i < w->n_attr; i++) whet_xml_attr(x, w->attr[i].key, w->attr[i].value);
        whet_xml_end(x);
    }
    if (w->decompression) {
        whet_xml_begin(x, "rt_info");
        whet_xml_begin(x, "attribute");
        whet_xml_attr(x, "name", "decompression");
        whet_xml_attr(x, "version", "0");
        whet_xml_end(x);
        whet_xml_end(x);
    }
    if (w->n_in) whet_xml_begin(x, "input");
    for (int i = 0; i < w->n_in; i++) put_port(w, i, ov_shape_of(w, w->in[i]), false);
    if (w->n_in) whet_xml_end(x);
    if (n_out) whet_xml_begin(x, "output");
    for (int i = 0; i < n_out; i++) put_port(w, w->n_in + i, &out[i], true);
    if (n_out) whet_xml_end(x);
    whet_xml_end(x);
    for (int i = 0; i < w->n_in; i++) {
        whet_xml_begin(&w->edges, "edge");
        whet_xml_attr_int(&w->edges, "from-layer", w->in[i].layer);
        whet_xml_attr_int(&w->edges, "from-port", w->done[w->in[i].layer].n_in + w->in[i].port);
        whet_xml_attr_int(&w->edges, "to-layer", id);
        whet_xml_attr_int(&w->edges, "to-port", i);
        whet_xml_end(&w->edges);
    }
}

ov_ref ov_end(ov_writer *w, int n_out, const ov_output *out)
{
    const ov_ref none = {-1, 0};
    for (int i = 0; i < n_out && w->status == WHET_OK; i++) {
        if (!ov_dtype_element(out[i].dtype)) ov_refuse(w, "type %s has no form in IR", whet_dtype_name(out[i].dtype));
        else if (out[i].dims.rank < 0) ov_refuse(w, "the rank of a result is not known");
    }
    if (w->status != WHET_OK) return none;
    ov_written d = {.n_in = w->n_in, .n_out = n_out, .out = whet_arena_alloc(w->arena, ((size_t)n_out + 1) * sizeof(ov_output))};
    if (!d.out || !WHET_GROW(&w->done, w->n_done, &w->cap_done)) {
        w->status = WHET_ENOMEM;
        return none;
    }
    for (int i = 0; i < n_out; i++) d.out[i] = out[i];
    put_layer(w, (int)w->n_done, n_out, out);
    w->done[w->n_done++] = d;
    return (ov_ref){(int)w->n_done - 1, 0};
}

ov_ref ov_end1(ov_writer *w, whet_dtype t, const whet_dims *d, const char *name)
{
    const ov_output out = {t, *d, name};
    return ov_end(w, 1, &out);
}

void ov_is(ov_writer *w, whet_vid v, ov_ref r)
{
    if (v >= 0) w->refs[v] = r;
}

static ov_output output_of(const ov_writer *w, const whet_node *n, int i)
{
    const whet_value *v = &w->g->values[n->out[i]];
    return (ov_output){v->dtype, v->dims, v->name};
}

void ov_end_as(ov_writer *w, const whet_node *n)
{
    ov_output *out = whet_arena_alloc(w->arena, ((size_t)n->n_out + 1) * sizeof(*out));
    if (!out) w->status = WHET_ENOMEM;
    for (int i = 0; i < n->n_out && w->status == WHET_OK; i++) {
        if (n->out[i] < 0) ov_refuse(w, "output %d is not wanted, but has no form without", i);
        else out[i] = output_of(w, n, i);
    }
    if (w->status != WHET_OK) return;
    const ov_ref r = ov_end(w, n->n_out, out);
    for (int i = 0; i < n->n_out; i++) ov_is(w, n->out[i], (ov_ref){r.layer, i});
}

/* --- constants */

static uint64_t hash_of(const void *data, size_t n) /* FNV-1a over words, then bytes */
{
    uint64_t h = 14695981039346656037u ^ n, word = 0;
    const uint8_t *p = data;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&word, p, 8);
        h = (h ^ word) * 1099511628211u;
        h ^= h >> 29;
    }
    for (; n; n--) h = (h ^ *p++) * 1099511628211u;
    return h ^ h >> 32;
}

static bool grow_table(ov_writer *w)
{
    if (2 * (w->n_blobs + 1) <= w->table_cap) return true;
    const size_t cap = w->table_cap ? 2 * w->table_cap : 256;
    int32_t *table = whet_calloc(cap, sizeof(*table));
    if (!table) return false;
    for (size_t i = 0; i < w->n_blobs; i++) {
        size_t at = w->blobs[i].hash & (cap - 1);
        while (table[at]) at = (at + 1) & (cap - 1);
        table[at] = (int32_t)i + 1;
    }
    whet_free(w->table);
    w->table = table;
    w->table_cap = cap;
    return true;
}

/* Where the bytes stand in the .bin. */
static size_t put_blob(ov_writer *w, const void *data, size_t size)
{
    const uint64_t h = hash_of(data, size);
    if (!grow_table(w) || !WHET_GROW(&w->blobs, w->n_blobs, &w->cap_blobs)) {
        w->status = WHET_ENOMEM;
        return 0;
    }
    size_t at = h & (w->table_cap - 1);
    for (; w->table[at]; at = (at + 1) & (w->table_cap - 1)) {
        const ov_blob *b = &w->blobs[w->table[at] - 1];
        if (b->hash == h && b->size == size && (size == 0 || memcmp(b->data, data, size) == 0)) return b->offset;
    }
    const size_t offset = WHET_ALIGN_UP(w->bin_size, size >= 64 ? 64 : 8);
    w->blobs[w->n_blobs++] = (ov_blob){h, offset, size, data};
    w->table[at] = (int32_t)w->n_blobs;
    w->bin_size = offset + size;
    return offset;
}

static ov_ref plain_const(ov_writer *w, const char *name, const char *tensor_name, const whet_tensor *t)
{
    const whet_dims d = whet_dims_of(&t->shape);
    const char *element = ov_dtype_element(t->dtype);
    if (!element) ov_refuse(w, "constant '%s' of type %s has no form in IR", name, whet_dtype_name(t->dtype));
    if (w->status != WHET_OK) return (ov_ref){-1, 0};
    const size_t bytes = whet_tensor_bytes(t), offset = put_blob(w, t->data, bytes);
    ov_begin(w, "Const", 1, name);
    ov_attr(w, "element_type", element);
    ov_attr_list(w, "shape", t->shape.rank, t->shape.dims);
    ov_attr_int(w, "offset", (int64_t)offset);
    ov_attr_int(w, "size", (int64_t)bytes);
    return ov_end1(w, t->dtype, &d, tensor_name);
}

whet_status ov_new_tensor(ov_writer *w, whet_tensor *t, whet_dtype dtype, const whet_shape *s)
{
    size_t bytes = 0;
    whet_tensor_init(t);
    if (w->status == WHET_OK) w->status = whet_shape_bytes(s, dtype, &bytes);
    if (w->status != WHET_OK) return w->status;
    t->dtype = dtype;
    t->shape = *s;
    t->data = whet_arena_alloc(w->arena, bytes + 8);
    if (!t->data) w->status = WHET_ENOMEM;
    return w->status;
}

/* Half precision where no value is lost to infinity. */
static bool halved(ov_writer *w, const whet_tensor *t, whet_tensor *half)
{
    const int64_t n = whet_tensor_numel(t);
    const float *x = t->data;
    if (!w->half || t->dtype != WHET_F32 || n < 2) return false;
    for (int64_t i = 0; i < n; i++)
        if (!(fabsf(x[i]) <= 65504)) return false;
    if (ov_new_tensor(w, half, WHET_F16, &t->shape) != WHET_OK) return false;
    for (int64_t i = 0; i < n; i++) ((uint16_t *)half->data)[i] = whet_f32_to_f16(x[i]);
    return true;
}

ov_ref ov_put_widened(ov_writer *w, const char *name, const char *tensor_name, const whet_tensor *half)
{
    char text[300];
    const whet_dims d = whet_dims_of(&half->shape);
    snprintf(text, sizeof(text), "%.280s_compressed", name);
    const ov_ref r = plain_const(w, text, NULL, half);
    ov_begin(w, "Convert", 1, name);
    ov_attr(w, "destination_type", "f32");
    w->decompression = true;
    ov_input(w, r);
    return ov_end1(w, WHET_F32, &d, tensor_name);
}

ov_ref ov_put_const(ov_writer *w, const char *name, const char *tensor_name, const whet_tensor *t)
{
    whet_tensor half;
    if (w->status != WHET_OK || !halved(w, t, &half)) return plain_const(w, name, tensor_name, t);
    return ov_put_widened(w, name, tensor_name, &half);
}

ov_ref ov_put_scalar(ov_writer *w, whet_dtype t, double x)
{
    whet_tensor s;
    const whet_shape scalar = {.rank = 0};
    if (ov_new_tensor(w, &s, t, &scalar) != WHET_OK) return (ov_ref){-1, 0};
    whet_tensor_set_f64(&s, 0, x);
    char name[400];
    snprintf(name, sizeof(name), "%.300s/constant", w->node ? w->node->name : "");
    return plain_const(w, name, NULL, &s);
}

static ov_ref ints(ov_writer *w, const whet_shape *shape, const int64_t *x)
{
    whet_tensor s;
    char name[400];
    if (ov_new_tensor(w, &s, WHET_S64, shape) != WHET_OK) return (ov_ref){-1, 0};
    memcpy(s.data, x, (size_t)whet_shape_numel(shape) * sizeof(*x));
    snprintf(name, sizeof(name), "%.300s/constant", w->node ? w->node->name : "");
    return plain_const(w, name, NULL, &s);
}

ov_ref ov_put_ints(ov_writer *w, int n, const int64_t *x)
{
    const whet_shape s = WHET_SHAPE(n);
    return ints(w, &s, x);
}

ov_ref ov_put_int(ov_writer *w, int64_t x)
{
    const whet_shape scalar = {.rank = 0};
    return ints(w, &scalar, &x);
}
