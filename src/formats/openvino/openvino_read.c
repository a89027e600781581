/* SPDX-License-Identifier: Apache-2.0 */
/* Reading an IR: constants as views of the mapped .bin, parameters, layers through the operator table, results, metadata. */
#include <stdio.h>

#include "data/contract.h"
#include "formats/openvino/openvino_types.h"

bool whet_openvino_detect(const uint8_t *head, size_t n, size_t file_size, const char *path)
{
    char text[65] = "";
    (void)file_size;
    (void)path;
    if (n < 5) return false;
    memcpy(text, head, WHET_MIN(n, sizeof(text) - 1));
    const char *from = strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;
    if (strncmp(from, "<net ", 5) == 0) return true;
    if (strncmp(from, "<?xml", 5) != 0) return false;
    const char *net = strstr(from, "?>");
    for (net = net ? net + 2 : ""; *net && strchr(" \t\r\n", *net);) net++;
    return strncmp(net, "<net ", 5) == 0;
}

/* --- constants */

whet_status ov_budget(ov_reader *r, size_t bytes)
{
    const size_t limit = 2 * r->bin_size + ((size_t)32 << 20);
    if (bytes > limit - WHET_MIN(r->made, limit))
        return WHET_FAIL(WHET_EFORMAT, "the constants need over %zu bytes, far more than the file has", limit);
    r->made += bytes;
    return WHET_OK;
}

static whet_status const_shape(ov_work *w, whet_shape *s)
{
    int64_t dims[WHET_MAX_RANK];
    *s = (whet_shape){.rank = 0};
    s->rank = ov_list(w, "shape", dims, WHET_MAX_RANK);
    for (int i = 0; i < s->rank; i++) {
        s->dims[i] = dims[i];
        if (dims[i] < 0) ov_fail(w, WHET_EFORMAT, "dimension %d is negative", i);
    }
    return w->status;
}

static whet_status load(ov_reader *r, whet_tensor *t, const uint8_t *at, size_t bytes)
{
    if (r->pin && bytes > WHET_TENSOR_VIEW) return whet_mapped_view(r->pin, at, bytes, t);
    WHET_TRY(ov_budget(r, bytes));
    const whet_dtype dtype = t->dtype;
    const whet_shape shape = t->shape;
    WHET_TRY(whet_tensor_alloc(t, dtype, &shape));
    if (bytes) memcpy(t->data, at, bytes);
    return WHET_OK;
}

whet_status ov_read_const(ov_reader *r, ov_layer *l)
{
    ov_work w = {.r = r, .g = r->g, .l = l};
    whet_tensor t;
    size_t bytes = 0;
    whet_tensor_init(&t);
    t.dtype = ov_type(&w, "element_type", WHET_DTYPE_NONE);
    const int64_t offset = ov_int(&w, "offset", -1), size = ov_int(&w, "size", -1);
    WHET_TRY(const_shape(&w, &t.shape));
    if (t.dtype == WHET_DTYPE_NONE) ov_fail(&w, WHET_EFORMAT, "the element type is missing");
    if (w.status == WHET_OK) w.status = whet_shape_bytes(&t.shape, t.dtype, &bytes);
    if (w.status == WHET_OK && (offset < 0 || size < 0 || (uint64_t)size < bytes))
        ov_fail(&w, WHET_EFORMAT, "%lld bytes at %lld of the .bin; %zu are needed", (long long)size, (long long)offset, bytes);
    if (w.status == WHET_OK && !r->bin && size > 0)
        ov_fail(&w, WHET_EFORMAT, "its bytes stand in the .bin of the same name beside the .xml, which is not there; copy both files");
    if (w.status == WHET_OK && ((uint64_t)offset > r->bin_size || (uint64_t)size > r->bin_size - (uint64_t)offset))
        ov_fail(&w, WHET_EFORMAT, "%lld bytes at %lld are wanted, but the .bin has %zu", (long long)size, (long long)offset, r->bin_size);
    if (w.status == WHET_OK) w.status = load(r, &t, r->bin + offset, bytes);
    if (w.status == WHET_OK) ov_out_const(&w, 0, &t, l->name);
    return w.status;
}

/* --- names */

const char *ov_first_name(ov_work *w, const char *names)
{
    if (!names || !*names) return NULL;
    char *out = whet_arena_strdup(w->r->f.arena, names), *to = out;
    if (!out) {
        w->status = WHET_ENOMEM;
        return NULL;
    }
    for (const char *p = names; *p && *p != ','; p++) {
        if (*p == '\\' && p[1] == ',') p++;
        *to++ = *p;
    }
    *to = '\0';
    return *out ? out : NULL;
}

/* --- inputs and outputs */

static whet_status read_parameter(ov_reader *r, ov_layer *l)
{
    ov_work w = {.r = r, .g = r->g, .l = l};
    whet_dims d = {.rank = 0};
    const whet_dtype t = ov_type(&w, "element_type", WHET_DTYPE_NONE);
    const char *s = ov_text(&w, "shape", ""), *name = l->n_out ? ov_first_name(&w, l->out[0].names) : NULL;
    if (!name) name = l->name;
    if (t == WHET_DTYPE_NONE) ov_fail(&w, WHET_EFORMAT, "the element type is missing");
    if (l->n_out != 1) ov_fail(&w, WHET_EFORMAT, "a parameter has one output port, this has %d", l->n_out);
    if (strcmp(s, "...") == 0) d.rank = -1;
    while (*s && d.rank >= 0 && w.status == WHET_OK) {
        const size_t n = strcspn(s, ",");
        char symbol[96], *end = NULL;
        const int64_t x = strtoll(s, &end, 10);
        if (d.rank == WHET_MAX_RANK) ov_fail(&w, WHET_EUNSUPPORTED, "more than %d dimensions", WHET_MAX_RANK);
        if (w.status != WHET_OK) break;
        while (*end == ' ') end++;
        if (end == s + n && end != s && x >= 0) {
            d.dims[d.rank] = x;
        } else { /* "?", "-1", "1..8" */
            snprintf(symbol, sizeof(symbol), "%.60s_%d", name, d.rank);
            d.dims[d.rank] = whet_graph_symbol(r->g, d.rank == 0 ? "N" : symbol);
        }
        d.rank++;
        s += n + (s[n] == ',');
        while (*s == ' ') s++;
    }
    if (w.status == WHET_OK) w.status = whet_graph_input(r->g, name, t, &d, &l->out[0].v);
    return w.status;
}

static whet_status read_result(ov_reader *r, ov_layer *l)
{
    ov_work w = {.r = r, .g = r->g, .l = l};
    const char *name = ov_first_name(&w, l->output_names);
    const whet_vid v = ov_in(&w, 0);
    if (w.status != WHET_OK) return w.status;
    if (name && r->g->values[v].kind == WHET_VALUE_RESULT && !whet_graph_is_output(r->g, v) && whet_graph_find(r->g, name) < 0)
        WHET_TRY(whet_graph_rename(r->g, v, name));
    return whet_graph_output(r->g, v);
}

static whet_status refuse(const ov_layer *l)
{
    const char *near = ov_row_near(l->type);
    if (l->has_body) return WHET_FAIL(WHET_EUNSUPPORTED, "operator '%s' with a graph inside is not handled", l->type);
    if (l->opset == 0)
        return WHET_FAIL(WHET_EUNSUPPORTED, "operator '%s' of the set '%s' is not handled, only those of opset1 to opset%d are", l->type,
                         l->version ? l->version : "", OV_MAX_OPSET);
    if (l->opset > OV_MAX_OPSET)
        return WHET_FAIL(WHET_EUNSUPPORTED, "operator '%s' of %s is not handled, opsets to %d are; convert the model with an older OpenVINO",
                         l->type, l->version, OV_MAX_OPSET);
    if (near && strcmp(near, l->type) != 0)
        return WHET_FAIL(WHET_EUNSUPPORTED, "operator '%s' is not handled; did you mean '%s'?", l->type, near);
    return WHET_FAIL(WHET_EUNSUPPORTED, "operator '%s' (%s) is not handled", l->type, l->version);
}

static whet_status read_layer(ov_reader *r, ov_layer *l)
{
    ov_work w = {.r = r, .g = r->g, .l = l, .first_new = r->g->n_values};
    if (strcmp(l->type, "Const") == 0) return ov_read_const(r, l);
    w.row = l->has_body || l->opset > OV_MAX_OPSET ? NULL : ov_row_for_reading(l->type, l->opset);
    if (!w.row) return refuse(l);
    if (!ov_fold(&w)) w.row->read(&w);
    ov_keep_known(&w);
    for (int i = 0; i < l->n_data && w.status == WHET_OK; i++)
        if (!(w.used >> i & 1)) ov_fail(&w, WHET_EUNSUPPORTED, "attribute '%.60s' is not handled", l->data[i].key);
    for (int i = 0; i < l->n_out && w.status == WHET_OK; i++)
        if (l->out[i].v < 0 && !l->out[i].is_const && l->out[i].users) ov_fail(&w, WHET_EUNSUPPORTED, "output %d is not handled", i);
    return w.status;
}

static whet_status at_layer(whet_status status, const ov_layer *l)
{
    if (status == WHET_OK) return status;
    whet_error_at_node(l->name);
    whet_error_at_line(l->line);
    return status;
}

/* --- metadata */

static bool spaced(char **text, char *word, size_t size)
{
    char *p = *text;
    while (*p == ' ') p++;
    const size_t n = strcspn(p, " ");
    snprintf(word, size, "%.*s", (int)WHET_MIN(n, size - 1), p);
    *text = p + n;
    return n > 0;
}

static const char *find_meta(const ov_file *f, const char *key)
{
    for (size_t i = 0; i < f->n_meta; i++)
        if (strcmp(f->meta[i].key, key) == 0) return f->meta[i].value;
    return NULL;
}

static void levels(const char *text, float *out)
{
    float x[WHET_MAX_CHANNELS];
    int n = 0;
    char *end = NULL;
    for (const char *p = text; n < WHET_MAX_CHANNELS; p = end) {
        x[n] = strtof(p, &end) / 255;
        if (end == p) break;
        n++;
    }
    for (int i = 0; i < WHET_MAX_CHANNELS && n > 0; i++) out[i] = x[WHET_MIN(i, n - 1)];
}

/* The Model API's convention: labels separated by blanks, (x - mean_values) / scale_values on 0 to 255. */
static whet_status foreign_contract(ov_reader *r)
{
    const char *mean = find_meta(&r->f, "model_info.mean_values"), *scale = find_meta(&r->f, "model_info.scale_values");
    const char *reverse = find_meta(&r->f, "model_info.reverse_input_channels"), *labels = find_meta(&r->f, "model_info.labels");
    whet_contract c;
    whet_status status = WHET_ENOMEM;
    char *json = NULL, *copy = NULL, word[256];
    const char **names = NULL;
    int n = 0;
    if (!mean && !scale && !labels) return WHET_OK;
    copy = whet_strdup(labels ? labels : "");
    whet_contract_init(&c);
    c.given = mean || scale;
    for (int i = 0; i < WHET_MAX_CHANNELS; i++) c.mean[i] = 0, c.std[i] = scale ? 1 : 1.0f / 255;
    c.scale = 1.0f / 255;
    if (mean) levels(mean, c.mean);
    if (scale) levels(scale, c.std);
    if (reverse && (strcasecmp(reverse, "true") == 0 || strcasecmp(reverse, "yes") == 0)) c.color = WHET_COLOR_BGR;
    names = copy ? whet_calloc(strlen(copy) / 2 + 1, sizeof(*names)) : NULL;
    if (!names) goto done;
    for (char *p = copy; spaced(&p, word, sizeof(word));) {
        names[n] = whet_arena_strdup(r->f.arena, word);
        if (!names[n++]) goto done;
    }
    WHET_GOTO(whet_contract_set_labels(&c, n, names));
    WHET_GOTO(whet_contract_to_json(&c, &json));
    status = whet_graph_set_meta(r->g, WHET_CONTRACT_META, json);
done:
    whet_free(names);
    whet_free(copy);
    whet_free(json);
    whet_contract_dispose(&c);
    return status;
}

/* A .bin that carries a fingerprint belongs to one .xml. One without may have been written anew by another program. */
static whet_status check_pair(const ov_reader *r)
{
    const char *told = "";
    const size_t mark = sizeof(OV_PAIR_MARK) - 1;
    if (r->bin_size < OV_PAIR_BYTES) return WHET_OK;
    const uint8_t *end = r->bin + (r->bin_size - OV_PAIR_BYTES);
    if (memcmp(end, OV_PAIR_MARK, mark) != 0) return WHET_OK;
    for (size_t i = 0; i < r->f.n_meta; i++)
        if (strcmp(r->f.meta[i].key, OV_PAIR) == 0) told = r->f.meta[i].value;
    if (strlen(told) == OV_PAIR_HEX && memcmp(told, end + mark, OV_PAIR_HEX) == 0) return WHET_OK;
    return WHET_FAIL(WHET_EFORMAT, "the .bin beside this .xml belongs to another one (written at another time?); write or copy both again");
}

static whet_status read_meta(ov_reader *r)
{
    static const char own[] = OV_OWN_META ".";
    for (size_t i = 0; i < r->f.n_meta; i++) {
        const ov_pair *p = &r->f.meta[i];
        char key[256];
        if (strcmp(p->key, OV_PAIR) == 0) continue;
        if (strncmp(p->key, own, sizeof(own) - 1) == 0 && p->key[sizeof(own) - 1]) {
            WHET_TRY(whet_graph_set_meta(r->g, p->key + sizeof(own) - 1, p->value));
            continue;
        }
        snprintf(key, sizeof(key), OV_META_PREFIX "%s", p->key);
        WHET_TRY(whet_graph_set_meta(r->g, key, p->value));
    }
    return whet_graph_get_meta(r->g, WHET_CONTRACT_META) ? WHET_OK : foreign_contract(r);
}

/* --- */

/* Parameters first: their order in the file is that of the inputs; then the layers, then the results in theirs. */
static whet_status build(ov_reader *r)
{
    ov_file *f = &r->f;
    int results = 0;
    WHET_TRY(whet_graph_create(&r->g, f->name));
    for (size_t i = 0; i < f->n_layers; i++)
        if (strcmp(f->layers[i].type, "Parameter") == 0) WHET_TRY(at_layer(read_parameter(r, &f->layers[i]), &f->layers[i]));
    for (size_t i = 0; i < f->n_layers; i++) {
        ov_layer *l = &f->layers[f->order[i]];
        if (strcmp(l->type, "Parameter") == 0 || strcmp(l->type, "Result") == 0) continue;
        WHET_TRY(at_layer(read_layer(r, l), l));
    }
    for (size_t i = 0; i < f->n_layers; i++) {
        if (strcmp(f->layers[i].type, "Result") != 0) continue;
        WHET_TRY(at_layer(read_result(r, &f->layers[i]), &f->layers[i]));
        results++;
    }
    if (results == 0) return WHET_FAIL(WHET_EFORMAT, "the model has no Result");
    WHET_TRY(whet_graph_prune(r->g));
    WHET_TRY(ov_gather_bias(r->g));
    WHET_TRY(whet_graph_prune(r->g));
    WHET_TRY(whet_graph_sort(r->g));
    WHET_TRY(read_meta(r));
    return whet_graph_verify(r->g);
}

static whet_status read_bytes(whet_graph **out, const void *xml, size_t size, ov_reader *r, const char *file)
{
    whet_status status = ov_file_read(&r->f, xml, size, file);
    if (status == WHET_OK) status = check_pair(r);
    if (status == WHET_OK) status = build(r);
    if (status != WHET_OK && file && *file) whet_error_at_file(file);
    ov_file_dispose(&r->f);
    if (status != WHET_OK) {
        whet_graph_free(r->g);
        r->g = NULL;
    }
    *out = r->g;
    return status;
}

whet_status whet_openvino_read_mem(whet_graph **out, const void *xml, size_t xml_size, const void *bin, size_t bin_size, const char *file)
{
    ov_reader r = {.bin = bin, .bin_size = bin_size};
    *out = NULL;
    return read_bytes(out, xml, xml_size, &r, file);
}

static whet_status open_bin(ov_reader *r, const char *path)
{
    const size_t stem = strlen(path) - strlen(whet_path_ext(path));
    char *bin = whet_format("%.*s.bin", (int)WHET_MIN(stem, 4096), path);
    whet_map *map = NULL;
    whet_status status = bin ? WHET_OK : WHET_ENOMEM;
    if (status == WHET_OK && !whet_file_exists(bin)) { /* a model without constants needs none */
        whet_free(bin);
        return WHET_OK;
    }
    if (status == WHET_OK) status = whet_map_open(&map, bin);
    whet_free(bin);
    WHET_TRY(status);
    WHET_TRY(whet_mapped_file(&r->pin, map));
    r->bin = whet_map_data(map);
    r->bin_size = whet_map_size(map);
    return WHET_OK;
}

whet_status whet_openvino_read(whet_graph **out, const char *path, const whet_format_options *o)
{
    ov_reader r = {.bin = NULL};
    whet_map *map = NULL;
    (void)o;
    *out = NULL;
    WHET_TRY(whet_map_open(&map, path));
    whet_status status = open_bin(&r, path);
    if (status == WHET_OK) status = read_bytes(out, whet_map_data(map), whet_map_size(map), &r, path);
    whet_mapped_unref(r.pin);
    whet_map_close(map);
    return status;
}
