/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: inputs from forward's parameters, then the evaluation of forward, again with every size that it taught, and the
 * outputs from what it returns. */
#include <stdio.h>

#include "formats/torchscript/torchscript.h"
#include "formats/torchscript/ts_archive.h"
#include "formats/torchscript/ts_eval.h"
#include "wire/json.h"

enum { MAX_EXTRA = 16 << 20, MAX_OUTPUTS = 256 };

typedef struct reader {
    ts_archive *archive;
    ts_eval e;
    ts_object *root;
    json_t *extra; /* of our own files; else NULL */
    ts_example examples[TS_MAX_INPUTS];
    int n_examples;
    ts_value result;
} reader;

/* Any archive: the entries "<top>/data.pkl" and "<top>/code/" tell it from a state dict. */
bool whet_torchscript_detect(const uint8_t *head, size_t n, size_t file_size, const char *path)
{
    whet_zip *z = NULL;
    bool code = false, data = false;
    (void)file_size;
    if (!whet_zip_detect(head, n)) return false;
    if (!path || whet_zip_open(&z, path) != WHET_OK) return false;
    const char *top = whet_zip_top(z);
    size_t skip = top ? strlen(top) + 1 : 0;
    for (int i = 0; top && i < whet_zip_count(z); i++) {
        const char *name = whet_zip_at(z, i)->name + skip;
        code |= strncmp(name, "code/", 5) == 0;
        data |= strcmp(name, "data.pkl") == 0;
    }
    whet_zip_close(z);
    return code && data;
}

/* --- inputs */

static whet_status read_extra(reader *r)
{
    char *text = NULL;
    size_t size = 0;
    WHET_TRY(ts_archive_text(r->archive, TS_EXTRA, MAX_EXTRA, &text, &size));
    if (!text) return WHET_OK;
    whet_status status = whet_json_parse(&r->extra, text, size, NULL);
    whet_free(text);
    return status;
}

/* What a module was traced with, but for the batch. */
static void use_example(const ts_example *x, ts_input *in)
{
    in->dtype = x->dtype;
    in->dims = whet_dims_of(&x->shape);
    if (x->shape.rank > 0) in->dims.dims[0] = WHET_DIM_UNKNOWN;
    for (int k = 1; k < WHET_MAX_RANK; k++) in->symbols[k] = NULL;
}

/* "name", "type": "f32", "shape": [null, 3, 224, 224] with texts for symbols */
static whet_status describe(reader *r, int i, ts_input *in)
{
    const json_t *list = json_object_get(r->extra, "inputs"), *x = json_array_get(list, (size_t)i), *shape = json_object_get(x, "shape");
    static const char *const symbols[4] = {"N", "C", "H", "W"};
    in->dtype = WHET_F32;
    in->dims = (whet_dims){.rank = 4};
    for (int k = 0; k < 4; k++) {
        in->dims.dims[k] = WHET_DIM_UNKNOWN;
        in->symbols[k] = symbols[k];
    }
    if (!json_is_array(shape)) {
        if (i < r->n_examples) use_example(&r->examples[i], in);
        return WHET_OK;
    }
    in->dtype = whet_dtype_parse(whet_json_str(x, "type"));
    if (in->dtype == WHET_DTYPE_NONE || json_array_size(shape) > WHET_MAX_RANK)
        return WHET_FAIL(WHET_EFORMAT, "'" TS_EXTRA "': input %d has a type or a shape that is not handled", i);
    in->dims.rank = (int)json_array_size(shape);
    for (int k = 0; k < in->dims.rank; k++) {
        const json_t *d = json_array_get(shape, (size_t)k);
        int64_t size = json_is_integer(d) ? (int64_t)json_integer_value(d) : -1;
        in->dims.dims[k] = size >= 0 ? size : WHET_DIM_UNKNOWN;
        in->symbols[k] = json_is_string(d) ? json_string_value(d) : NULL;
    }
    return WHET_OK;
}

static bool is_tensor_type(const ts_expr *t)
{
    return !t || (t->kind == TS_NAME && strcmp(t->s, "Tensor") == 0);
}

static whet_status find_inputs(reader *r)
{
    whet_status status = WHET_OK;
    const ts_function *f = ts_method_find(&r->e, r->root, "forward", &status);
    if (status != WHET_OK) return status;
    if (!f || !f->params) return WHET_FAIL(WHET_EFORMAT, "class '%.200s' has no method forward", r->root->type);
    for (const ts_param *p = f->params->next; p; p = p->next) {
        if (p->otherwise) break; /* optional ones keep their default */
        if (!is_tensor_type(p->type))
            return ts_fail_at(f->file, f->line, WHET_EUNSUPPORTED, "input '%.100s' is no tensor, which is not handled", p->name);
        if (r->e.n_inputs == TS_MAX_INPUTS) return WHET_FAIL(WHET_EUNSUPPORTED, "forward has more than %d inputs", TS_MAX_INPUTS);
        ts_input *in = &r->e.inputs[r->e.n_inputs];
        in->name = p->name;
        WHET_TRY(describe(r, r->e.n_inputs, in));
        const char *own = whet_json_str(json_array_get(json_object_get(r->extra, "inputs"), (size_t)r->e.n_inputs), "name");
        if (*own) in->name = own;
        r->e.n_inputs++;
    }
    return r->e.n_inputs > 0 ? WHET_OK : WHET_FAIL(WHET_EUNSUPPORTED, "forward has no inputs");
}

/* --- one evaluation */

static whet_status begin(reader *r)
{
    ts_eval *e = &r->e;
    const char *dot = strrchr(r->root->type, '.');
    whet_graph_free(e->g);
    whet_arena_free(e->arena);
    e->g = NULL;
    e->arena = whet_arena_create();
    if (!e->arena) return WHET_ENOMEM;
    WHET_TRY(whet_graph_create(&e->g, dot ? dot + 1 : r->root->type));
    e->steps = 0;
    e->used = (ts_names){0};
    e->depth = e->n_calls = 0;
    e->frame = NULL;
    e->restart = false;
    for (ts_weight *w = e->weights; w; w = w->next) {
        w->base.version = 0;
        w->cell = (ts_cell){.vid = WHET_NO_VALUE, .weight = w, .base = &w->base};
    }
    for (int i = 0; i < e->n_inputs; i++) {
        ts_input *in = &e->inputs[i];
        whet_dims d = in->dims;
        for (int k = 0; k < d.rank; k++)
            if (d.dims[k] < 0 && in->symbols[k]) d.dims[k] = whet_graph_symbol(e->g, in->symbols[k]);
        WHET_TRY(whet_graph_input(e->g, in->name, in->dtype, &d, &in->vid));
    }
    return WHET_OK;
}

static whet_status evaluate(reader *r)
{
    for (int i = 0; i < TS_MAX_RESTARTS; i++) {
        WHET_TRY(begin(r));
        whet_status status = ts_eval_forward(&r->e, r->root, &r->result);
        if (!r->e.restart) return status;
        if (status == WHET_ENOMEM) return status;
    }
    return WHET_FAIL(WHET_EUNSUPPORTED, "the sizes of the inputs could not be found out");
}

/* Tracing may have put the batch's size into the code: then it is fixed. */
static whet_status evaluate_traced(reader *r)
{
    bool fixed = false;
    whet_status status = evaluate(r);
    if (status == WHET_OK || status == WHET_ENOMEM || r->extra) return status;
    for (int i = 0; i < r->e.n_inputs && i < r->n_examples; i++)
        if (r->e.inputs[i].dims.rank > 0 && r->e.inputs[i].dims.dims[0] < 0 && r->examples[i].shape.rank == r->e.inputs[i].dims.rank) {
            r->e.inputs[i].dims.dims[0] = r->examples[i].shape.dims[0];
            fixed = true;
        }
    return fixed ? evaluate(r) : status;
}

/* --- outputs */

static whet_status add_output(reader *r, const ts_value *v, const char *key)
{
    whet_graph *g = r->e.g;
    const json_t *names = json_object_get(r->extra, "outputs");
    const char *own = json_string_value(json_array_get(names, (size_t)g->n_outputs));
    char text[32] = "output";
    whet_vid id = WHET_NO_VALUE;
    if (g->n_outputs == MAX_OUTPUTS) return WHET_FAIL(WHET_EUNSUPPORTED, "forward has more than %d outputs", MAX_OUTPUTS);
    if (v->kind != TSV_TENSOR) return WHET_FAIL(WHET_EUNSUPPORTED, "forward returns %s, which is not handled", ts_kind_name(v->kind));
    WHET_TRY(ts_tensor_vid(&r->e, v, &id));
    if (g->n_outputs > 0) snprintf(text, sizeof(text), "output%d", g->n_outputs);
    const char *want = own ? own : key ? key : text;
    bool rename = g->values[id].kind == WHET_VALUE_RESULT && !whet_graph_is_output(g, id) && whet_graph_find(g, want) == WHET_NO_VALUE;
    if (rename && *want) WHET_TRY(whet_graph_rename(g, id, want));
    return whet_graph_output(g, id);
}

static whet_status add_outputs(reader *r, const ts_value *v, int depth)
{
    bool dict = v->kind == TSV_DICT;
    if (v->kind != TSV_LIST && v->kind != TSV_TUPLE && !dict) return add_output(r, v, NULL);
    if (depth > 4) return WHET_FAIL(WHET_EUNSUPPORTED, "forward returns lists inside lists");
    if (v->as.list->n == 0) return WHET_FAIL(WHET_EUNSUPPORTED, "forward returns nothing");
    for (int i = 0; i < v->as.list->n; i++) {
        const ts_value *x = &v->as.list->v[i];
        const char *key = dict && x->kind == TSV_TEXT ? x->as.s : NULL;
        if (dict) x = &v->as.list->v[++i];
        if (dict && x->kind == TSV_TENSOR) WHET_TRY(add_output(r, x, key));
        else WHET_TRY(add_outputs(r, x, depth + 1));
    }
    return WHET_OK;
}

static whet_status read_meta(reader *r)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(json_object_get(r->extra, "metadata"), key, value)
        if (*key && json_is_string(value)) WHET_TRY(whet_graph_set_meta(r->e.g, key, json_string_value(value)));
    return WHET_OK;
}

static whet_status build(reader *r)
{
    WHET_TRY(ts_archive_load(r->archive, &r->e, &r->root));
    WHET_TRY(read_extra(r));
    WHET_TRY(ts_archive_examples(r->archive, TS_MAX_INPUTS, r->examples, &r->n_examples));
    WHET_TRY(find_inputs(r));
    WHET_TRY(evaluate_traced(r));
    WHET_TRY(add_outputs(r, &r->result, 0));
    WHET_TRY(whet_graph_prune(r->e.g)); /* what only asserts and sizes needed */
    WHET_TRY(read_meta(r));
    return whet_graph_verify(r->e.g);
}

static whet_status read_archive(whet_graph **out, const char *path, const void *data, size_t size, const char *name, const whet_format_options *o)
{
    reader r = {.e = {.budget = TS_MAX_TREE, .source_left = TS_MAX_SOURCE, .source = ts_archive_source}};
    whet_status status = WHET_ENOMEM;
    *out = NULL;
    r.e.variables = o && o->parameters_as_variables;
    r.e.keep = whet_arena_create();
    if (!r.e.keep) goto done;
    WHET_GOTO(ts_archive_open(&r.archive, path, data, size, name));
    r.e.source_arg = r.archive;
    WHET_GOTO(build(&r));
    *out = r.e.g;
    r.e.g = NULL;
done:
    if (status != WHET_OK) whet_error_at_file(name);
    whet_graph_free(r.e.g);
    ts_weights_release(r.e.weights);
    json_decref(r.extra);
    whet_arena_free(r.e.arena);
    whet_arena_free(r.e.keep);
    ts_archive_close(r.archive);
    return status;
}

whet_status whet_torchscript_read(whet_graph **out, const char *path, const whet_format_options *o)
{
    return read_archive(out, path, NULL, 0, path, o);
}

whet_status whet_torchscript_read_mem(whet_graph **out, const void *data, size_t size, const char *name, const whet_format_options *o)
{
    return read_archive(out, NULL, data, size, name, o);
}
