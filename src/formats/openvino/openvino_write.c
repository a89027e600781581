/* SPDX-License-Identifier: Apache-2.0 */
/* Writing an IR, version 11: parameters, the nodes in order through the operator table, results, metadata; the .bin first, then
 * the .xml, so that a reader never sees layers without their constants. */
#include <stdio.h>

#include "base/io.h"
#include "data/contract.h"
#include "formats/openvino/openvino_types.h"

/* --- values */

bool ov_node_has(const whet_node *n, int i) { return i < n->n_in && n->in[i] >= 0; }

const whet_value *ov_v(const ov_writer *w, const whet_node *n, int i)
{
    return ov_node_has(n, i) ? &w->g->values[n->in[i]] : NULL;
}

const whet_tensor *ov_tensor(const ov_writer *w, const whet_node *n, int i)
{
    const whet_value *v = ov_v(w, n, i);
    return v && (v->kind == WHET_VALUE_CONST || v->kind == WHET_VALUE_VARIABLE) ? &v->data : NULL;
}

ov_ref ov_value(ov_writer *w, whet_vid v)
{
    const whet_value *value = v >= 0 ? &w->g->values[v] : NULL;
    if (!value || w->status != WHET_OK) return (ov_ref){-1, 0};
    if (w->refs[v].layer >= 0) return w->refs[v];
    if (value->kind == WHET_VALUE_CONST || value->kind == WHET_VALUE_VARIABLE)
        w->refs[v] = ov_put_const(w, value->name, value->name, &value->data);
    else if (value->kind == WHET_VALUE_RESULT) ov_write_late(w, v);
    return w->refs[v];
}

ov_ref ov_node_in(ov_writer *w, const whet_node *n, int i) { return ov_node_has(n, i) ? ov_value(w, n->in[i]) : (ov_ref){-1, 0}; }

/* --- small layers */

ov_ref ov_unary(ov_writer *w, const char *type, int opset, ov_ref x)
{
    const ov_output d = *ov_shape_of(w, x);
    ov_begin(w, type, opset, NULL);
    ov_input(w, x);
    return ov_end1(w, d.dtype, &d.dims, NULL);
}

static whet_dims broadcast(const whet_dims *a, const whet_dims *b)
{
    whet_dims y = {.rank = WHET_MAX(a->rank, b->rank)};
    for (int i = 0; i < y.rank; i++) {
        const int ka = a->rank - 1 - i, kb = b->rank - 1 - i;
        const whet_dim x = ka >= 0 ? a->dims[ka] : 1, z = kb >= 0 ? b->dims[kb] : 1;
        y.dims[y.rank - 1 - i] = x == 1 ? z : x < 0 && z > 1 ? z : x;
    }
    return y;
}

ov_ref ov_binary(ov_writer *w, const char *type, ov_ref a, ov_ref b)
{
    const ov_output da = *ov_shape_of(w, a), db = *ov_shape_of(w, b);
    const whet_dims d = broadcast(&da.dims, &db.dims);
    ov_begin(w, type, 1, NULL);
    ov_attr(w, "auto_broadcast", "numpy");
    ov_input(w, a);
    ov_input(w, b);
    const bool test = strcmp(type, "Greater") == 0;
    return ov_end1(w, test ? WHET_BOOL : da.dtype, &d, NULL);
}

void ov_binary_as(ov_writer *w, const char *type, ov_ref a, ov_ref b, const whet_node *n)
{
    ov_begin(w, type, 1, n->name);
    ov_attr(w, "auto_broadcast", "numpy");
    ov_input(w, a);
    ov_input(w, b);
    ov_end_as(w, n);
}

void ov_unary_as(ov_writer *w, const char *type, int opset, ov_ref x, const whet_node *n)
{
    ov_begin(w, type, opset, n->name);
    ov_input(w, x);
    ov_end_as(w, n);
}

ov_ref ov_convert(ov_writer *w, ov_ref x, whet_dtype t)
{
    const ov_output d = *ov_shape_of(w, x);
    if (d.dtype == t || w->status != WHET_OK) return x;
    ov_begin(w, "Convert", 1, NULL);
    ov_attr(w, "destination_type", ov_dtype_element(t));
    ov_input(w, x);
    return ov_end1(w, t, &d.dims, NULL);
}

ov_ref ov_reshaped(ov_writer *w, ov_ref x, int n, const int64_t *shape)
{
    const ov_output d = *ov_shape_of(w, x);
    const ov_ref to = ov_put_ints(w, n, shape);
    whet_dims y = {.rank = n};
    for (int i = 0; i < n; i++) y.dims[i] = shape[i] > 0 ? shape[i] : shape[i] == 0 && i < d.dims.rank ? d.dims.dims[i] : WHET_DIM_UNKNOWN;
    ov_begin(w, "Reshape", 1, NULL);
    ov_attr_bool(w, "special_zero", true);
    ov_input(w, x);
    ov_input(w, to);
    return ov_end1(w, d.dtype, &y, NULL);
}

/* --- the graph */

static void write_parameters(ov_writer *w)
{
    for (int i = 0; i < w->g->n_inputs && w->status == WHET_OK; i++) {
        const whet_value *v = &w->g->values[w->g->inputs[i]];
        const char *element = ov_dtype_element(v->dtype);
        char shape[256] = "";
        size_t at = 0;
        if (!element || v->dims.rank < 0) {
            ov_refuse(w, "input '%s' has no known rank, or a type (%s) that IR has not", v->name, whet_dtype_name(v->dtype));
            return;
        }
        for (int k = 0; k < v->dims.rank; k++) {
            if (v->dims.dims[k] >= 0) at += (size_t)snprintf(shape + at, sizeof(shape) - at, "%s%lld", k ? "," : "", (long long)v->dims.dims[k]);
            else at += (size_t)snprintf(shape + at, sizeof(shape) - at, "%s?", k ? "," : "");
        }
        ov_begin(w, "Parameter", 1, v->name);
        ov_attr(w, "shape", shape);
        ov_attr(w, "element_type", element);
        ov_is(w, w->g->inputs[i], ov_end1(w, v->dtype, &v->dims, v->name));
    }
}

static void write_nodes(ov_writer *w)
{
    for (whet_nid i = 0; i < w->g->n_nodes && w->status == WHET_OK; i++) {
        const whet_node *n = &w->g->nodes[i];
        char op[96];
        if (!n->op) continue;
        const ov_row *row = ov_row_for_writing(whet_op_text(n->op, op, sizeof(op)));
        w->node = n;
        if (!row) ov_refuse(w, "the operator has no form in OpenVINO IR");
        else row->write(w, n);
    }
    w->node = NULL;
}

static void write_results(ov_writer *w)
{
    for (int i = 0; i < w->g->n_outputs && w->status == WHET_OK; i++) {
        char name[400];
        const whet_vid v = w->g->outputs[i];
        const ov_ref r = ov_value(w, v);
        snprintf(name, sizeof(name), "%.360s/result", w->g->values[v].name);
        ov_begin(w, "Result", 1, name);
        ov_input(w, r);
        ov_end(w, 0, NULL);
    }
}

static void count_uses(ov_writer *w)
{
    const whet_graph *g = w->g;
    for (whet_nid i = 0; i < g->n_nodes; i++)
        for (int k = 0; g->nodes[i].op && k < g->nodes[i].n_in; k++) {
            const whet_vid v = g->nodes[i].in[k];
            if (v < 0) continue;
            w->uses[v]++;
            w->dq_uses[v] += k == 0 && whet_node_is(&g->nodes[i], "DequantizeLinear");
        }
    for (int i = 0; i < g->n_outputs; i++) w->uses[g->outputs[i]]++;
}

/* --- metadata */

static void put_value(whet_xml_writer *x, const char *name, const char *value)
{
    whet_xml_begin(x, name);
    whet_xml_attr(x, "value", value);
    whet_xml_end(x);
}

/* What OpenVINO's own programs read: labels, and (x - mean) / scale on 0 to 255. */
static whet_status put_model_info(whet_xml_writer *x, const char *json)
{
    whet_contract c;
    char mean[120] = "", scale[120] = "";
    size_t nm = 0, ns = 0;
    whet_strbuf labels;
    whet_contract_init(&c);
    whet_status status = whet_contract_from_json(&c, json);
    if (status != WHET_OK) {
        whet_contract_dispose(&c);
        return status;
    }
    const int channels = c.color == WHET_COLOR_GRAY ? 1 : 3;
    whet_strbuf_init(&labels);
    for (int i = 0; i < channels; i++) {
        nm += (size_t)snprintf(mean + nm, sizeof(mean) - nm, "%s%.9g", i ? " " : "", (double)(c.mean[i] / c.scale));
        ns += (size_t)snprintf(scale + ns, sizeof(scale) - ns, "%s%.9g", i ? " " : "", (double)(c.std[i] / c.scale));
    }
    for (int i = 0; i < c.n_labels; i++) {
        if (i) whet_strbuf_puts(&labels, " ");
        for (const char *p = c.labels[i]; *p; p++) whet_strbuf_add(&labels, *p == ' ' ? "_" : p, 1);
    }
    whet_xml_begin(x, "model_info");
    if (c.n_labels && labels.data) put_value(x, "labels", labels.data);
    if (c.given) {
        put_value(x, "mean_values", mean);
        put_value(x, "scale_values", scale);
        put_value(x, "reverse_input_channels", c.color == WHET_COLOR_BGR ? "True" : "False");
        put_value(x, "resize_type", c.fit == WHET_FIT_STRETCH ? "standard" : c.fit == WHET_FIT_CROP ? "crop" : "fit_to_window_letterbox");
    }
    whet_xml_end(x);
    status = labels.failed ? WHET_ENOMEM : WHET_OK;
    whet_strbuf_dispose(&labels);
    whet_contract_dispose(&c);
    return status;
}

static void fingerprint(const ov_writer *w, char text[OV_PAIR_BYTES + 1])
{
    uint64_t h = 14695981039346656037u ^ w->bin_size;
    for (size_t i = 0; i < w->n_blobs; i++) h = (h ^ w->blobs[i].hash ^ w->blobs[i].offset) * 1099511628211u;
    snprintf(text, OV_PAIR_BYTES + 1, OV_PAIR_MARK "%016llx", (unsigned long long)h);
}

/* Where the mark stands in the .bin; a model without constants has none. */
static size_t mark_at(const ov_writer *w) { return WHET_ALIGN_UP(w->bin_size, (size_t)8); }

static whet_status write_meta(const ov_writer *w, whet_xml_writer *x)
{
    const whet_graph *g = w->g;
    char mark[OV_PAIR_BYTES + 1];
    const char *contract = whet_graph_get_meta(g, WHET_CONTRACT_META);
    whet_xml_begin(x, "rt_info");
    whet_xml_begin(x, "info");
    whet_xml_attr(x, "name", "producer");
    whet_xml_attr(x, "value", "whet " WHET_VERSION);
    whet_xml_end(x);
    fingerprint(w, mark);
    if (w->bin_size > 0) put_value(x, OV_PAIR, mark + sizeof(OV_PAIR_MARK) - 1);
    if (contract) WHET_TRY(put_model_info(x, contract));
    bool any = false;
    for (int i = 0; i < g->n_meta; i++) {
        const whet_meta *m = &g->meta[i];
        if (strncmp(m->key, "onnx.", 5) == 0 || strncmp(m->key, OV_META_PREFIX, sizeof(OV_META_PREFIX) - 1) == 0) continue;
        if (!any) whet_xml_begin(x, OV_OWN_META);
        any = true;
        whet_xml_begin(x, "info");
        whet_xml_attr(x, "name", m->key);
        whet_xml_attr(x, "value", m->value);
        whet_xml_end(x);
    }
    if (any) whet_xml_end(x);
    whet_xml_end(x);
    return WHET_OK;
}

/* --- the files */

static whet_status write_graph(ov_writer *w, whet_xml_writer *x)
{
    whet_xml_begin(x, "net");
    whet_xml_attr(x, "name", w->g->name && *w->g->name ? w->g->name : "model");
    whet_xml_attr_int(x, "version", 11);
    w->layers.depth = w->edges.depth = 1; /* both go into this document */
    w->layers.out.len = w->edges.out.len = 0;
    whet_xml_begin(&w->layers, "layers");
    whet_xml_begin(&w->edges, "edges");
    count_uses(w);
    write_parameters(w);
    write_nodes(w);
    write_results(w);
    WHET_TRY(w->status);
    whet_xml_end(&w->layers);
    whet_xml_end(&w->edges);
    if (w->layers.out.failed || w->edges.out.failed) return WHET_ENOMEM;
    whet_strbuf_puts(&x->out, ">\n");
    x->tag_open = false;
    whet_strbuf_add(&x->out, w->layers.out.data, w->layers.out.len);
    whet_strbuf_add(&x->out, w->edges.out.data, w->edges.out.len);
    WHET_TRY(write_meta(w, x));
    whet_xml_end(x);
    return x->out.failed ? WHET_ENOMEM : WHET_OK;
}

static whet_status open_writer(ov_writer *w, const whet_graph *g, const whet_format_options *o)
{
    const whet_dtype weights = o ? o->weights : WHET_DTYPE_NONE;
    w->half = weights == WHET_F16;
    if (weights != WHET_DTYPE_NONE && weights != WHET_F16 && weights != WHET_F32)
        return WHET_FAIL(WHET_EUNSUPPORTED, "weights of type %s are not written in OpenVINO IR; f16 and f32 are", whet_dtype_name(weights));
    WHET_TRY(whet_graph_verify(g));
    whet_xml_writer_init(&w->layers);
    whet_xml_writer_init(&w->edges);
    w->arena = whet_arena_create();
    w->refs = whet_calloc((size_t)g->n_values + 1, sizeof(*w->refs));
    w->uses = whet_calloc((size_t)g->n_values + 1, sizeof(*w->uses));
    w->dq_uses = whet_calloc((size_t)g->n_values + 1, sizeof(*w->dq_uses));
    w->in = whet_calloc(OV_LAYER_PORTS, sizeof(*w->in));
    if (!w->arena || !w->refs || !w->uses || !w->dq_uses || !w->in) return WHET_ENOMEM;
    for (int i = 0; i < g->n_values; i++) w->refs[i].layer = -1;
    return WHET_OK;
}

static void close_writer(ov_writer *w)
{
    whet_xml_writer_dispose(&w->layers);
    whet_xml_writer_dispose(&w->edges);
    onnx_names_dispose(&w->names);
    whet_free(w->refs);
    whet_free(w->uses);
    whet_free(w->dq_uses);
    whet_free(w->in);
    whet_free(w->done);
    whet_free(w->blobs);
    whet_free(w->table);
    whet_arena_free(w->arena);
}

static whet_status put_bin(const ov_writer *w, const char *path)
{
    static const uint8_t zeros[64];
    char mark[OV_PAIR_BYTES + 1];
    whet_writer *out = NULL;
    WHET_TRY(whet_writer_open(&out, path));
    whet_status status = WHET_OK;
    for (size_t i = 0; i < w->n_blobs && status == WHET_OK; i++) {
        const size_t gap = w->blobs[i].offset - (size_t)whet_writer_offset(out);
        if (gap) status = whet_writer_write(out, zeros, gap);
        if (status == WHET_OK && w->blobs[i].size) status = whet_writer_write(out, w->blobs[i].data, w->blobs[i].size);
    }
    if (status == WHET_OK && w->bin_size > 0) {
        fingerprint(w, mark);
        status = whet_writer_write(out, zeros, mark_at(w) - w->bin_size);
        if (status == WHET_OK) status = whet_writer_write(out, mark, OV_PAIR_BYTES);
    }
    if (status == WHET_OK) return whet_writer_commit(out);
    whet_writer_abort(out);
    return status;
}

whet_status whet_openvino_write(const whet_graph *g, const char *path, const whet_format_options *o)
{
    ov_writer w = {.g = g};
    whet_xml_writer x;
    char *bin = NULL;
    whet_writer *out = NULL;
    bool there = true;
    whet_status status = WHET_OK;
    if (strcmp(whet_path_ext(path), ".xml") != 0)
        return WHET_FAIL(WHET_EINVAL, "'%s' does not end in .xml; an IR is a pair NAME.xml and NAME.bin", path);
    whet_xml_writer_init(&x);
    WHET_GOTO(open_writer(&w, g, o));
    WHET_GOTO(write_graph(&w, &x));
    bin = whet_format("%.*s.bin", (int)(strlen(path) - 4), path);
    if (!bin) WHET_GOTO(WHET_ENOMEM);
    there = whet_file_exists(bin);
    WHET_GOTO(whet_writer_open(&out, path)); /* before the .bin: where the .xml cannot stand, no half of a pair is left */
    WHET_GOTO(whet_writer_write(out, x.out.data, x.out.len));
    WHET_GOTO(put_bin(&w, bin));
    status = whet_writer_commit(out);
    out = NULL;
    if (status != WHET_OK && !there) remove(bin);
done:
    whet_writer_abort(out);
    close_writer(&w);
    whet_xml_writer_dispose(&x);
    whet_free(bin);
    return status;
}

whet_status whet_openvino_write_mem(const whet_graph *g, char **xml, size_t *xml_size, uint8_t **bin, size_t *bin_size,
                                    const whet_format_options *o)
{
    ov_writer w = {.g = g};
    whet_xml_writer x;
    char mark[OV_PAIR_BYTES + 1];
    whet_status status = WHET_OK;
    *xml = NULL;
    *bin = NULL;
    whet_xml_writer_init(&x);
    WHET_GOTO(open_writer(&w, g, o));
    WHET_GOTO(write_graph(&w, &x));
    *xml_size = x.out.len;
    *bin_size = w.bin_size > 0 ? mark_at(&w) + OV_PAIR_BYTES : 0;
    *bin = whet_calloc(*bin_size + 1, 1);
    status = *bin ? WHET_OK : WHET_ENOMEM;
    for (size_t i = 0; i < w.n_blobs && status == WHET_OK; i++)
        if (w.blobs[i].size) memcpy(*bin + w.blobs[i].offset, w.blobs[i].data, w.blobs[i].size);
    fingerprint(&w, mark);
    if (status == WHET_OK && w.bin_size > 0) memcpy(*bin + mark_at(&w), mark, OV_PAIR_BYTES);
    if (status == WHET_OK) *xml = whet_strbuf_take(&x.out);
    if (!*xml && status == WHET_OK) status = WHET_ENOMEM;
done:
    if (status != WHET_OK) {
        whet_free(*bin);
        *bin = NULL;
    }
    close_writer(&w);
    whet_xml_writer_dispose(&x);
    return status;
}
