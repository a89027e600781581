/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of whet/model.h: opening, saving, converting. Inspecting stands in api_inspect.c, running in api_run.c. */
#include <string.h>

#include "api/model_handle.h"
#include "api/result.h"
#include "base/io.h"
#include "base/mem.h"
#include "formats/formats.h"
#include "ir/op.h"
#include "passes/passes.h"

void whet_convert_options_init(whet_convert_options *o) { *o = (whet_convert_options){.size = sizeof(*o)}; }

void whet_model_close(whet_model *m)
{
    if (!m) return;
    whet_graph_free(m->g);
    whet_free(m->path);
    whet_free(m);
}

static whet_status open_model(whet_model **out, const char *path, bool keep_training)
{
    const whet_model_format *f = NULL;
    whet_format_options o;
    whet_model *m = NULL;
    *out = NULL;
    if (!path || !*path) return WHET_FAIL(WHET_EINVAL, "no model file is named");
    whet_format_options_init(&o);
    o.keep_training = keep_training;
    WHET_TRY(whet_format_of_file(path, &f));
    m = whet_calloc(1, sizeof(*m));
    if (!m) return WHET_ENOMEM;
    m->format = f->name;
    m->format_title = f->title;
    m->path = whet_strdup(path);
    whet_status status = m->path ? whet_format_read(&m->g, path, &o) : WHET_ENOMEM;
    if (status != WHET_OK) {
        whet_model_close(m);
        return status;
    }
    *out = m;
    return WHET_OK;
}

whet_status whet_model_open(whet_model **out, const char *path) { return open_model(out, path, true); }

static whet_convert_options settle(const whet_convert_options *opt)
{
    whet_convert_options o;
    whet_convert_options_init(&o);
    if (opt) memcpy(&o, opt, WHET_MIN(opt->size, sizeof(o)));
    return o;
}

/* Passes whose results an ONNX file of this opset can hold; fusing is the engine's own business. */
static whet_status deploy(whet_graph *g, int opset, whet_strbuf *report)
{
    whet_pass_options o;
    whet_pass_options_init(&o);
    o.freeze = true;
    WHET_TRY(whet_pass_mask(opset != 0 && opset < 17 ? "fuse,attention,layer-norm" : "fuse,attention", &o.off));
    WHET_TRY(whet_passes_run(g, &o, report));
    return whet_graph_sort(g);
}

static whet_status save(const whet_graph *g, const char *path, const whet_convert_options *o, whet_strbuf *report)
{
    whet_format_options f;
    whet_graph *copy = NULL;
    whet_status status = WHET_OK;
    whet_format_options_init(&f);
    f.opset = o->opset;
    if (!o->deploy) return whet_format_write(g, path, o->format, &f);
    WHET_GOTO(whet_graph_clone(&copy, g));
    WHET_GOTO(deploy(copy, o->opset, report));
    status = whet_format_write(copy, path, o->format, &f);
done:
    whet_graph_free(copy);
    return status;
}

whet_status whet_model_save(const whet_model *m, const char *path, const whet_convert_options *opt)
{
    whet_convert_options o = settle(opt);
    if (!m || !path) return WHET_FAIL(WHET_EINVAL, "model or path is missing");
    return save(m->g, path, &o, NULL);
}

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

static json_t *side(const whet_graph *g, const char *path, const char *format)
{
    int nodes = 0;
    json_t *counts = count_operators(g, &nodes);
    const char *opset = whet_graph_get_meta(g, "onnx.opset");
    return json_pack("{s:s, s:s, s:s*, s:I, s:i, s:o}", "path", path, "format", format, "opset", opset, "bytes",
                     (json_int_t)whet_file_size(path), "nodes", nodes, "operators", counts);
}

/* What became of each operator: those whose number changed. */
static json_t *changes(const json_t *from, const json_t *to)
{
    json_t *list = json_array(), *n = NULL;
    const char *op = NULL;
    json_object_foreach((json_t *)from, op, n) {
        json_int_t before = json_integer_value(n), after = json_integer_value(json_object_get(to, op));
        if (before != after) json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "op", op, "before", before, "after", after));
    }
    json_object_foreach((json_t *)to, op, n)
        if (!json_object_get(from, op))
            json_array_append_new(list, json_pack("{s:s, s:i, s:I}", "op", op, "before", 0, "after", json_integer_value(n)));
    return list;
}

static void render_convert(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    static const char *const titles[] = {"operator", "before", "after"};
    const json_t *list = json_object_get(doc, "changes");
    const char *const keys[] = {"from", "to"};
    char bytes[32];
    for (int i = 0; i < 2; i++) {
        const json_t *s = json_object_get(doc, keys[i]);
        const char *opset = json_string_value(json_object_get(s, "opset"));
        whet_strbuf_printf(out, "%-5s %s  (%s%s%s, %lld nodes, %s)\n", i ? "to" : "from", json_string_value(json_object_get(s, "path")),
                           json_string_value(json_object_get(s, "format")), opset ? ", opset " : "", opset ? opset : "",
                           (long long)json_integer_value(json_object_get(s, "nodes")),
                           whet_render_bytes(bytes, sizeof(bytes), (double)json_integer_value(json_object_get(s, "bytes"))));
    }
    int n = (int)json_array_size(list);
    const char **cells = whet_calloc((size_t)n * 3 + 1, sizeof(*cells));
    char (*numbers)[24] = whet_calloc((size_t)n * 2 + 1, sizeof(*numbers));
    for (int i = 0; i < n && cells && numbers; i++) {
        const json_t *c = json_array_get(list, (size_t)i);
        cells[3 * i] = json_string_value(json_object_get(c, "op"));
        cells[3 * i + 1] = whet_render_count(numbers[2 * i], 24, json_integer_value(json_object_get(c, "before")));
        cells[3 * i + 2] = whet_render_count(numbers[2 * i + 1], 24, json_integer_value(json_object_get(c, "after")));
    }
    if (n && cells && numbers) whet_render_table(out, width, color, 3, titles, "lrr", n, cells);
    if (n == 0) whet_strbuf_puts(out, "every node was kept as it is\n");
    whet_free(cells);
    whet_free(numbers);
}

whet_status whet_convert(whet_result **out, const char *from, const char *to, const whet_convert_options *opt)
{
    whet_convert_options o = settle(opt);
    whet_model *a = NULL, *b = NULL;
    whet_strbuf passes;
    char *lines = NULL;
    whet_status status = WHET_OK;
    *out = NULL;
    whet_strbuf_init(&passes);
    if (!to || !*to) return WHET_FAIL(WHET_EINVAL, "no output file is named");
    WHET_GOTO(open_model(&a, from, !o.deploy)); /* a deployed file runs in inference mode */
    WHET_GOTO(save(a->g, to, &o, &passes));
    WHET_GOTO(whet_model_open(&b, to));
    lines = whet_strbuf_take(&passes);
    json_t *f = side(a->g, from, a->format), *t = side(b->g, to, b->format);
    json_t *doc = json_pack("{s:o, s:o, s:b, s:s*}", "from", f, "to", t, "deploy", o.deploy, "passes", lines && *lines ? lines : NULL);
    json_object_set_new(doc, "changes", changes(json_object_get(f, "operators"), json_object_get(t, "operators")));
    status = whet_result_make(out, "convert", doc, 0, render_convert);
done:
    whet_strbuf_dispose(&passes);
    whet_free(lines);
    whet_model_close(a);
    whet_model_close(b);
    return status;
}
