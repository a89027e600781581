/* SPDX-License-Identifier: Apache-2.0 */
/* Body of `whet_convert`: files of graphs and of weights, the report, and its text. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/convert_job.h"
#include "api/convert_stage.h"
#include "api/result.h"
#include "base/cancel.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "data/contract.h"
#include "ir/op.h"
#include "models/models.h"
#include "wire/json.h"

void whet_convert_options_init(whet_convert_options *o) { *o = (whet_convert_options){.size = sizeof(*o)}; }

void whet_convert_options_settle(whet_convert_options *o, const whet_convert_options *given)
{
    whet_convert_options_init(o);
    if (given) memcpy(o, given, WHET_MIN(given->size, sizeof(*o)));
}

whet_status whet_convert_how(const whet_convert_options *o, whet_convert_graph_options *how)
{
    whet_convert_graph_options_init(how);
    how->opset = o->opset;
    how->deploy = o->deploy;
    how->bake = o->bake;
    how->n_cut_inputs = o->n_cut_inputs;
    how->cut_inputs = o->cut_inputs;
    how->n_cut_outputs = o->n_cut_outputs;
    how->cut_outputs = o->cut_outputs;
    if (!o->precision) return WHET_OK;
    static const struct { const char *name; whet_precision value; } known[] = {
        {"f32", WHET_PRECISION_F32}, {"f16", WHET_PRECISION_F16}, {"s8", WHET_PRECISION_S8}};
    for (size_t i = 0; i < WHET_COUNT(known); i++) {
        how->precision = known[i].value;
        if (strcmp(o->precision, known[i].name) == 0) return WHET_OK;
    }
    return WHET_FAIL(WHET_EINVAL, "precision '%s' is none that is written; f32, f16 and s8 are", o->precision);
}

/* --- the source */

/* Weights alone go where weights can stand: among the formats of one extension, to one that holds tensors. */
static whet_status find_target(convert_job *j)
{
    const whet_model_format *f = NULL;
    char ext[32], all[64];
    snprintf(ext, sizeof(ext), "%s ", whet_path_ext(j->to));
    for (size_t i = 0; !j->o.format && j->w && strlen(ext) > 1 && (f = whet_format_row(i)) != NULL; i++) {
        snprintf(all, sizeof(all), "%s ", f->ext);
        if (!f->write_weights || !strcasestr(all, ext)) continue;
        j->target = f;
        return WHET_OK;
    }
    return whet_format_for_writing(j->o.format, j->to, &j->target);
}

/* The network's classes and channels as the file has them: the last parameter's and the first one's. */
static whet_status fit_model(const whet_weights *w, const whet_graph *g, whet_model_options *o)
{
    whet_vid first = WHET_NO_VALUE, last = WHET_NO_VALUE;
    const char *names[2];
    int found[2] = {-1, -1};
    for (int v = 0; v < g->n_values; v++) {
        if (g->values[v].kind != WHET_VALUE_VARIABLE || !g->values[v].trainable) continue;
        if (first < 0 && g->values[v].dims.rank == 4) first = v;
        last = v;
    }
    if (first < 0 || last < 0) return WHET_OK;
    const char **all = whet_calloc((size_t)g->n_values + 1, sizeof(*all));
    int *where = whet_calloc((size_t)g->n_values + 1, sizeof(*where)), n = 0;
    whet_status status = all && where ? WHET_OK : WHET_ENOMEM;
    names[0] = g->values[first].name;
    names[1] = g->values[last].name;
    for (int v = 0; status == WHET_OK && v < g->n_values; v++)
        if (g->values[v].kind == WHET_VALUE_VARIABLE) all[n++] = g->values[v].name;
    if (status == WHET_OK) status = whet_weights_match(w, n, all, where);
    for (int i = 0; status == WHET_OK && i < n; i++)
        for (int k = 0; k < 2; k++)
            if (strcmp(all[i], names[k]) == 0) found[k] = where[i];
    if (found[0] >= 0 && w->tensors[found[0]].shape.rank == 4) o->in_channels = w->tensors[found[0]].shape.dims[1];
    if (found[1] >= 0 && w->tensors[found[1]].shape.rank >= 1) o->classes = w->tensors[found[1]].shape.dims[0];
    whet_free(all);
    whet_free(where);
    return status;
}

static whet_status apply(convert_job *j, const whet_weights *w)
{
    whet_strbuf lines;
    whet_strbuf_init(&lines);
    const whet_status status = whet_weights_apply(w, j->g, &lines);
    for (const char *p = lines.len > 0 ? lines.data : ""; status == WHET_OK && *p;) {
        const size_t n = strcspn(p, "\n");
        json_array_append_new(j->report.remarks, json_stringn(p, n));
        p += n + (p[n] == '\n');
    }
    whet_strbuf_dispose(&lines);
    return status;
}

static whet_status build_model(convert_job *j)
{
    whet_model_options o;
    const char *contract = NULL;
    whet_model_options_init(&o);
    WHET_TRY(whet_model_build(j->o.model, &o, &j->g));
    WHET_TRY(fit_model(j->w, j->g, &o));
    whet_graph_free(j->g);
    j->g = NULL;
    WHET_TRY(whet_model_build(j->o.model, &o, &j->g));
    WHET_TRY(apply(j, j->w));
    contract = whet_weights_meta(j->w, WHET_CONTRACT_META);
    for (size_t i = 0; i < j->w->n_meta; i++) WHET_TRY(whet_graph_set_meta(j->g, j->w->meta[2 * i], j->w->meta[2 * i + 1]));
    if (!contract) json_array_append_new(j->report.remarks, json_string("the weights carry no preprocessing contract; write it with `whet contract set`"));
    return WHET_OK;
}

static whet_status read_source(convert_job *j)
{
    whet_format_options f;
    whet_weights *w = NULL;
    WHET_TRY(whet_format_of_file(j->from, &j->source));
    if (!j->source->read) WHET_TRY(whet_format_read_weights(&j->w, j->from));
    if (j->w && j->o.weights) return WHET_FAIL(WHET_EINVAL, "--weights goes with a model; '%s' holds weights itself", j->from);
    if (!j->w && j->o.model) return WHET_FAIL(WHET_EINVAL, "--model goes with a file of weights alone; '%s' holds a graph", j->from);
    if (j->w && !j->o.model) return find_target(j);
    WHET_TRY(whet_format_for_writing(j->o.format, j->to, &j->target));
    if (j->w) return build_model(j);
    whet_format_options_init(&f);
    f.keep_training = !j->o.deploy && !(j->target->traits & WHET_FORMAT_FROZEN); /* both run in inference mode */
    WHET_TRY(whet_format_read(&j->g, j->from, &f));
    if (!j->o.weights) return WHET_OK;
    WHET_TRY(whet_format_read_weights(&w, j->o.weights));
    const whet_status status = apply(j, w);
    whet_weights_free(w);
    return status;
}

/* --- the result */

/* {"Conv": 12, ...} in order of first appearance. */
static json_t *count_operators(const whet_graph *g, int *nodes)
{
    json_t *counts = json_object();
    char text[128];
    *nodes = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        if (!g->nodes[i].op) continue;
        const char *op = whet_op_text(g->nodes[i].op, text, sizeof(text));
        json_object_set_new(counts, op, json_integer(json_integer_value(json_object_get(counts, op)) + 1));
        (*nodes)++;
    }
    return counts;
}

static int64_t size_if_there(char *path) /* takes the path */
{
    const int64_t n = path && whet_file_exists(path) ? (int64_t)whet_file_size(path) : 0;
    whet_free(path);
    return n;
}

/* Of the file, of OpenVINO's weights beside it, of the graph in a SavedModel's folder (ours has no other file). */
static int64_t bytes_of(const char *path)
{
    if (whet_dir_exists(path)) return size_if_there(whet_path_join(path, "saved_model.pb"));
    const int64_t bin = strcmp(whet_path_ext(path), ".xml") == 0 ? size_if_there(whet_format("%.*s.bin", (int)(strlen(path) - 4), path)) : 0;
    return (int64_t)whet_file_size(path) + bin;
}

static json_t *side(const char *path, const whet_model_format *f, const whet_graph *g, const whet_weights *w)
{
    int nodes = 0;
    json_t *o = json_pack("{s:s, s:s, s:I}", "path", path, "format", f->name, "bytes", (json_int_t)bytes_of(path));
    if (g) {
        const char *opset = whet_graph_get_meta(g, "onnx.opset");
        json_t *counts = count_operators(g, &nodes);
        if (opset) json_object_set_new(o, "opset", json_string(opset));
        json_object_set_new(o, "nodes", json_integer(nodes));
        json_object_set_new(o, "operators", counts);
    } else if (w) {
        json_object_set_new(o, "tensors", json_integer((json_int_t)w->n));
    }
    return o;
}

/* Operators whose number changed. */
static json_t *changes(const json_t *from, const json_t *to)
{
    json_t *list = json_array(), *n = NULL;
    const char *op = NULL;
    json_object_foreach((json_t *)(uintptr_t)from, op, n) {
        json_int_t before = json_integer_value(n), after = json_integer_value(json_object_get(to, op));
        if (before != after) json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "op", op, "before", before, "after", after));
    }
    json_object_foreach((json_t *)(uintptr_t)to, op, n)
        if (!json_object_get(from, op))
            json_array_append_new(list, json_pack("{s:s, s:i, s:I}", "op", op, "before", 0, "after", json_integer_value(n)));
    return list;
}

/* What the file says once it is read again; what the reader does not handle is described as it was written. */
static whet_status read_back(convert_job *j, const char *path, whet_graph **g, whet_weights **w)
{
    const whet_model_format *f = NULL;
    WHET_TRY(whet_format_of_file(path, &f));
    if (!f->read) return f->read_weights ? whet_format_read_weights(w, path) : WHET_OK;
    const whet_status status = whet_format_read(g, path, NULL);
    if (status != WHET_EUNSUPPORTED) return status;
    json_array_append_new(j->report.remarks, json_sprintf("whet itself does not read the file again: %s", whet_error_last()->text));
    return WHET_OK;
}

static void add_contract(json_t *doc, const whet_graph *g, const whet_weights *w)
{
    const char *text = g ? whet_graph_get_meta(g, WHET_CONTRACT_META) : w ? whet_weights_meta(w, WHET_CONTRACT_META) : NULL;
    whet_contract c;
    char line[300];
    json_t *value = NULL;
    whet_contract_init(&c);
    if (text && whet_contract_from_json(&c, text) == WHET_OK && whet_json_parse(&value, text, strlen(text), "") == WHET_OK) {
        json_object_set_new(doc, "contract", value);
        json_object_set_new(doc, "contract_text", json_string(whet_contract_text(&c, line, sizeof(line))));
    } else {
        json_object_set_new(doc, "contract", json_null());
    }
    whet_contract_dispose(&c);
}

static json_t *document(convert_job *j, const whet_graph *g, const whet_weights *w, bool written)
{
    json_t *f = side(j->from, j->source, j->g, j->w), *t = side(j->to, j->target, g ? g : j->ready, w);
    json_t *doc = json_pack("{s:o, s:o, s:b, s:b}", "from", f, "to", t, "deploy", j->o.deploy, "written", written);
    if (j->g && written && j->target->write)
        json_object_set_new(doc, "changes", changes(json_object_get(f, "operators"), json_object_get(t, "operators")));
    json_object_set(doc, "nodes", j->report.nodes);
    json_object_set(doc, "remarks", j->report.remarks);
    json_object_set(doc, "channels_last", j->report.nhwc);
    if (written) add_contract(doc, g ? g : j->ready, w);
    if (j->checks) json_object_set(doc, "checks", j->checks);
    if (j->bundle) json_object_set(doc, "bundle", j->bundle);
    return doc;
}

/* --- text */
static void put_side(whet_strbuf *out, const char *title, const json_t *s)
{
    char bytes[32], n[32];
    const json_t *nodes = json_object_get(s, "nodes"), *tensors = json_object_get(s, "tensors"), *opset = json_object_get(s, "opset");
    whet_strbuf_printf(out, "%-5s %s  (%s", title, whet_json_str(s, "path"), whet_json_str(s, "format"));
    if (opset) whet_strbuf_printf(out, ", opset %s", json_string_value(opset));
    if (nodes) whet_strbuf_printf(out, ", %s nodes", whet_render_count(n, sizeof(n), json_integer_value(nodes)));
    if (tensors) whet_strbuf_printf(out, ", %s tensors", whet_render_count(n, sizeof(n), json_integer_value(tensors)));
    const double size = (double)json_integer_value(json_object_get(s, "bytes"));
    if (size >= 0) whet_strbuf_printf(out, ", %s", whet_render_bytes(bytes, sizeof(bytes), size));
    whet_strbuf_puts(out, ")\n");
}

static void put_changes(whet_strbuf *out, int width, bool color, const json_t *list)
{
    static const char *const titles[] = {"operator", "before", "after"};
    const int n = (int)json_array_size(list);
    const char **cells = whet_calloc((size_t)n * 3 + 1, sizeof(*cells));
    char (*numbers)[24] = whet_calloc((size_t)n * 2 + 1, sizeof(*numbers));
    for (int i = 0; i < n && cells && numbers; i++) {
        const json_t *c = json_array_get(list, (size_t)i);
        cells[3 * i] = whet_json_str(c, "op");
        cells[3 * i + 1] = whet_render_count(numbers[2 * i], 24, json_integer_value(json_object_get(c, "before")));
        cells[3 * i + 2] = whet_render_count(numbers[2 * i + 1], 24, json_integer_value(json_object_get(c, "after")));
    }
    if (n && cells && numbers) whet_render_table(out, width, color, 3, titles, "lrr", n, cells);
    whet_free(cells);
    whet_free(numbers);
}

static bool alike(const json_t *a, const json_t *b)
{
    return strcmp(whet_json_str(a, "what"), whet_json_str(b, "what")) == 0 && strcmp(whet_json_str(a, "by"), whet_json_str(b, "by")) == 0 &&
           strcmp(whet_json_str(a, "op"), whet_json_str(b, "op")) == 0;
}

/* One line for the nodes of one operator to which the same happened. */
static void put_nodes(whet_strbuf *out, int width, const json_t *list)
{
    const size_t n = json_array_size(list);
    bool *told = whet_calloc(n + 1, sizeof(*told));
    for (size_t i = 0; told && i < n; i++) {
        const json_t *a = json_array_get(list, i);
        size_t count = 0;
        if (told[i]) continue;
        for (size_t k = i; k < n; k++)
            if (alike(a, json_array_get(list, k))) {
                told[k] = true;
                count++;
            }
        const char *op = whet_json_str(a, "op"), *node = whet_json_str(a, "node");
        if (count > 1) whet_render_wrapped(out, width, 10, "%-9s %zu %s: %s (%s, ...)", whet_json_str(a, "what"), count, op, whet_json_str(a, "by"), node);
        else whet_render_wrapped(out, width, 10, "%-9s %s%s%s: %s", whet_json_str(a, "what"), op, *op ? " " : "", node, whet_json_str(a, "by"));
    }
    whet_free(told);
}

static void put_checks(whet_strbuf *out, int width, const json_t *list)
{
    const json_t *c = NULL;
    size_t i = 0;
    json_array_foreach(list, i, c)
        whet_render_wrapped(out, width, 10, "%-9s %s %s: %s%s%s", "check", whet_json_str(c, "runtime"), whet_json_str(c, "version"),
                            whet_json_str(c, "verdict"), *whet_json_str(c, "why") ? ", " : "", whet_json_str(c, "why"));
}

static void render(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *list = json_object_get(doc, "changes"), *nodes = json_object_get(doc, "nodes"), *remarks = json_object_get(doc, "remarks"), *r = NULL;
    const bool written = json_is_true(json_object_get(doc, "written"));
    size_t i = 0;
    put_side(out, "from", json_object_get(doc, "from"));
    if (written) put_side(out, "to", json_object_get(doc, "to"));
    if (json_array_size(list) > 0) put_changes(out, width, color, list);
    else if (list && json_array_size(nodes) == 0) whet_strbuf_puts(out, "every node was kept as it is\n");
    put_nodes(out, width, nodes);
    json_array_foreach(remarks, i, r) whet_render_wrapped(out, width, 10, "%-9s %s", "note", json_string_value(r));
    if (json_array_size(json_object_get(doc, "channels_last")) > 0) {
        whet_strbuf_printf(out, "%-9s", "layout");
        json_array_foreach(json_object_get(doc, "channels_last"), i, r) whet_strbuf_printf(out, "%s %s", i ? "," : "", json_string_value(r));
        whet_strbuf_puts(out, json_array_size(json_object_get(doc, "channels_last")) > 1 ? " are NHWC in the file\n" : " is NHWC in the file\n");
    }
    if (json_is_object(json_object_get(doc, "contract")))
        whet_render_wrapped(out, width, 10, "%-9s %s", "contract", whet_json_str(doc, "contract_text"));
    put_checks(out, width, json_object_get(doc, "checks"));
    json_array_foreach(json_object_get(doc, "bundle"), i, r) whet_strbuf_printf(out, "%-9s %s\n", i ? "" : "bundle", json_string_value(r));
}

/* --- */

/* What a bundle lacks is told before anything is written. */
static whet_status open_bundle(const convert_job *j)
{
    if (!whet_graph_get_meta(j->g, WHET_CONTRACT_META) || !whet_graph_get_meta(j->ready, WHET_CONTRACT_META))
        return WHET_FAIL(WHET_EINVAL, "a bundle needs the preprocessing contract; write it with `whet contract set`");
    if (j->ready->n_inputs != 1)
        return WHET_FAIL(WHET_EUNSUPPORTED, "a bundle is made of models with one input, this one has %d", j->ready->n_inputs);
    return whet_mkdirs(j->o.bundle);
}

static whet_status go_on(void) { return whet_cancelled() ? WHET_FAIL(WHET_ECANCELLED, "interrupted; nothing was written") : WHET_OK; }

static whet_status write_result(convert_job *j, convert_stage *stage)
{
    const bool needs_graph = j->target->write != NULL;
    if (!j->g && needs_graph && (j->o.bundle || !j->target->write_weights))
        return WHET_FAIL(WHET_EUNSUPPORTED, "'%s' holds weights alone, %s needs the network too: name it with --model", j->from, j->target->title);
    if (j->g) WHET_TRY(whet_convert_prepare(&j->ready, j->g, j->target, &j->how, &j->report));
    if (j->o.bundle) WHET_TRY(open_bundle(j));
    WHET_TRY(go_on());
    WHET_TRY(whet_convert_stage_open(stage, j->to, j->target));
    if (!j->g) return j->target->write_weights(j->w, stage->path);
    return whet_convert_write(j->ready, j->target, stage->path, &j->how, &j->report);
}

/* "model.tflite" in the bundle's folder. */
static whet_status place_bundle(convert_job *j, char **path)
{
    const whet_model_format *f = NULL;
    char name[64];
    if (j->to) return WHET_FAIL(WHET_EINVAL, "give either a file to write or --bundle");
    if (!j->o.format) return WHET_FAIL(WHET_EINVAL, "--bundle needs --to FORMAT");
    WHET_TRY(whet_format_for_writing(j->o.format, "", &f));
    if (!f->write) return WHET_FAIL(WHET_EINVAL, "--bundle needs a format that holds the graph, %s does not", f->title);
    if (!*j->o.bundle) return WHET_FAIL(WHET_EINVAL, "--bundle wants the name of a folder");
    snprintf(name, sizeof(name), "model%.*s", (int)strcspn(f->ext, " "), f->ext);
    *path = whet_path_join(j->o.bundle, name);
    j->to = *path;
    return *path ? WHET_OK : WHET_ENOMEM;
}

static void dispose(convert_job *j)
{
    whet_graph_free(j->g);
    whet_graph_free(j->ready);
    whet_graph_free(j->back);
    whet_weights_free(j->w);
    whet_convert_report_dispose(&j->report);
    json_decref(j->checks);
    json_decref(j->bundle);
}

whet_status whet_convert(whet_result **out, const char *from, const char *to, const whet_convert_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    convert_job j = {.from = from, .to = to, .agree = true};
    convert_stage stage = {.to = NULL};
    whet_weights *w = NULL;
    char *path = NULL;
    whet_status status = WHET_OK;
    *out = NULL;
    whet_convert_options_settle(&j.o, opt);
    WHET_GOTO(whet_convert_report_init(&j.report));
    if (!from || !*from) WHET_GOTO(WHET_FAIL(WHET_EINVAL, "no model file is named"));
    if (j.o.bundle) WHET_GOTO(place_bundle(&j, &path));
    if (!j.to || !*j.to) WHET_GOTO(WHET_FAIL(WHET_EINVAL, "no output file is named"));
    WHET_GOTO(whet_convert_how(&j.o, &j.how));
    WHET_GOTO(read_source(&j));
    WHET_GOTO(go_on());
    if (j.o.check && (!j.g || !j.target->write))
        WHET_GOTO(WHET_FAIL(WHET_EINVAL, "--check runs a model, and '%s' %s weights alone; leave it out%s", j.g ? j.to : from, j.g ? "will hold" : "holds",
                            j.g ? "" : " or name the network with --model"));
    status = write_result(&j, &stage);
    if (status == WHET_EUNSUPPORTED && json_array_size(j.report.nodes) > 0) { /* with all that was refused; the error stays */
        const whet_status made = whet_result_make(out, "convert", document(&j, NULL, NULL, false), 0, render);
        status = made == WHET_OK ? WHET_EUNSUPPORTED : made;
    }
    if (status != WHET_OK) goto done;
    WHET_GOTO(go_on());
    status = read_back(&j, stage.path, &j.back, &w);
    if (status != WHET_OK) WHET_GOTO(whet_convert_stage_unreadable(status));
    WHET_GOTO(go_on());
    WHET_GOTO(whet_convert_stage_keep(&stage));
    whet_convert_stage_close(&stage, WHET_OK);
    if (j.o.check) WHET_GOTO(whet_convert_check(&j));
    if (j.o.bundle) WHET_GOTO(whet_convert_bundle(&j));
    status = whet_result_make(out, "convert", document(&j, j.back, w, true), !j.agree, render);
done:
    whet_convert_stage_close(&stage, status);
    whet_weights_free(w);
    whet_free(path);
    dispose(&j);
    return status;
}
