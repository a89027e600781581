/* SPDX-License-Identifier: Apache-2.0 */
/* `whet convert --check`: the source's graph is computed node by node in this process; the written file runs on every runtime
 * that reads its format, each in a process of its own, and must give the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/convert_job.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/scratch.h"
#include "data/contract.h"
#include "formats/npy/npy_tensor.h"
#include "measure/model_border.h"
#include "measure/parity.h"
#include "measure/runtimes.h"
#include "measure/verify.h"
#include "wire/json.h"

enum { MOST_IO = 64, SEED = 1 };

whet_status whet_convert_source(const convert_job *j, whet_graph **out)
{
    whet_graph *g = NULL;
    whet_status status = WHET_OK;
    *out = NULL;
    WHET_TRY(whet_graph_clone(&g, j->g));
    if (j->how.n_cut_inputs + j->how.n_cut_outputs > 0)
        status = whet_convert_cut(g, j->how.n_cut_inputs, j->how.cut_inputs, j->how.n_cut_outputs, j->how.cut_outputs, NULL);
    if (status == WHET_OK) *out = g;
    else whet_graph_free(g);
    return status;
}

static whet_status lay(const convert_job *j, const char *name, const whet_tensor *in, whet_tensor *out)
{
    bool last = false;
    const json_t *n = NULL;
    size_t i = 0;
    json_array_foreach(j->report.nhwc, i, n) last |= strcmp(json_string_value(n), name) == 0;
    if (!last || in->shape.rank != 4) return whet_tensor_copy(out, in);
    const int64_t *d = in->shape.dims;
    const whet_shape shape = WHET_SHAPE(d[0], d[2], d[3], d[1]);
    const size_t size = whet_dtype_size(in->dtype);
    WHET_TRY(whet_tensor_alloc(out, in->dtype, &shape));
    const char *from = in->data;
    char *to = out->data;
    for (int64_t k = 0; k < d[0]; k++)
        for (int64_t c = 0; c < d[1]; c++)
            for (int64_t p = 0; p < d[2] * d[3]; p++)
                memcpy(to + (size_t)((k * d[2] * d[3] + p) * d[1] + c) * size, from + (size_t)((k * d[1] + c) * d[2] * d[3] + p) * size, size);
    return WHET_OK;
}

/* A format without 16-bit inputs takes f32 in their place. */
whet_status whet_convert_lay(const convert_job *j, bool output, int i, const char *name, const whet_tensor *in, whet_tensor *out)
{
    const whet_graph *g = j->back;
    const int n = g ? output ? g->n_outputs : g->n_inputs : 0;
    const whet_dtype want = i < n ? g->values[output ? g->outputs[i] : g->inputs[i]].dtype : WHET_DTYPE_NONE;
    WHET_TRY(lay(j, name, in, out));
    if (!whet_dtype_is_float(want) || !whet_dtype_is_float(out->dtype) || want == out->dtype) return WHET_OK;
    return whet_tensor_cast(out, out, want);
}

static whet_status concrete(const whet_graph *g, int i, const whet_contract *c, whet_shape *s)
{
    const whet_value *v = &g->values[g->inputs[i]];
    const int h = c->nhwc ? 1 : 2;
    s->rank = v->dims.rank;
    for (int k = 0; k < v->dims.rank; k++) {
        s->dims[k] = v->dims.dims[k];
        if (s->dims[k] >= 0) continue;
        if (k == 0) s->dims[k] = 1;
        else if (i == 0 && c->given && v->dims.rank == 4 && (k == h || k == h + 1)) s->dims[k] = k == h ? c->height : c->width;
        if (s->dims[k] < 1) return WHET_FAIL(WHET_EUNAVAILABLE, "dimension %d of input '%s' is free", k, v->name);
    }
    return v->dims.rank >= 0 ? WHET_OK : WHET_FAIL(WHET_EUNAVAILABLE, "the rank of input '%s' is not known", v->name);
}

/* Pictures through the contract; the file takes the pixels themselves where the contract is baked in. */
static whet_status picture_inputs(const convert_job *j, const whet_graph *g, const whet_contract *c, const whet_shape *s,
                                  whet_tensor *of_source, whet_tensor *of_file, whet_image *picture)
{
    const int at = c->nhwc ? 1 : 2, channels = (int)s->dims[c->nhwc ? 3 : 1], h = (int)s->dims[at], w = (int)s->dims[at + 1];
    const size_t one = (size_t)channels * (size_t)h * (size_t)w;
    const whet_shape pixels = WHET_SHAPE(s->dims[0], h, w, channels);
    WHET_TRY(whet_convert_picture(picture, w, h, channels, SEED));
    WHET_TRY(whet_tensor_alloc(of_source, WHET_F32, s));
    for (int64_t k = 0; k < s->dims[0]; k++) WHET_TRY(whet_contract_apply(c, picture, channels, h, w, (float *)of_source->data + (size_t)k * one));
    if (!j->how.bake) return whet_convert_lay(j, false, 0, g->values[g->inputs[0]].name, of_source, of_file);
    WHET_TRY(whet_tensor_alloc(of_file, WHET_U8, &pixels));
    for (int64_t k = 0; k < s->dims[0]; k++) memcpy((uint8_t *)of_file->data + (size_t)k * one, picture->data, one);
    return WHET_OK;
}

/* The integers that a graph takes for the picture by its own contract, in the layout of the source. */
static whet_status integers(const whet_graph *g, const whet_contract *c, whet_dtype t, const whet_shape *s, const whet_image *picture, whet_tensor *out)
{
    const bool grey = s->rank == 3;
    const int at = !grey && !c->nhwc ? 2 : 1, channels = grey ? 1 : (int)s->dims[c->nhwc ? 3 : 1];
    const size_t one = (size_t)channels * (size_t)s->dims[at] * (size_t)s->dims[at + 1];
    whet_border border = {1, 0};
    float *scratch = whet_calloc(one, sizeof(*scratch));
    (void)whet_convert_border(g, &border.scale, &border.zero_point);
    whet_status status = scratch ? whet_tensor_alloc(out, t, s) : WHET_ENOMEM;
    if (status == WHET_OK) status = whet_contract_apply(c, picture, channels, (int)s->dims[at], (int)s->dims[at + 1], scratch);
    for (int64_t k = 0; status == WHET_OK && k < s->dims[0]; k++) whet_border_put(&border, t, scratch, one, (uint8_t *)out->data + (size_t)k * one);
    whet_free(scratch);
    return status;
}

/* Source and file are each fed what their own contract makes of one picture: a file that lost its contract shows. */
static whet_status integer_inputs(const convert_job *j, const whet_graph *g, const whet_contract *c, const whet_shape *s, whet_tensor *of_source,
                                  whet_tensor *of_file)
{
    const whet_dtype t = g->values[g->inputs[0]].dtype;
    const char *text = j->back ? whet_graph_get_meta(j->back, WHET_CONTRACT_META) : NULL;
    const int at = s->rank == 4 && !c->nhwc ? 2 : 1;
    whet_image picture = {0};
    whet_contract own;
    whet_tensor x = {0};
    whet_status status = WHET_OK;
    whet_contract_init(&own);
    WHET_GOTO(whet_convert_picture(&picture, (int)s->dims[at + 1], (int)s->dims[at], s->rank == 3 ? 1 : (int)s->dims[c->nhwc ? 3 : 1], SEED));
    WHET_GOTO(integers(g, c, t, s, &picture, of_source));
    if (text) WHET_GOTO(whet_contract_from_json(&own, text));
    own.nhwc = c->nhwc;
    if (text && own.given) WHET_GOTO(integers(j->back, &own, t, s, &picture, &x));
    else WHET_GOTO(whet_tensor_copy(&x, of_source));
    status = whet_convert_lay(j, false, 0, g->values[g->inputs[0]].name, &x, of_file);
done:
    whet_tensor_dispose(&x);
    whet_image_dispose(&picture);
    whet_contract_dispose(&own);
    return status;
}

whet_status whet_convert_inputs(const convert_job *j, const whet_graph *source, whet_tensor *of_source, whet_tensor *of_file,
                                whet_image *picture)
{
    const char *text = whet_graph_get_meta(source, WHET_CONTRACT_META);
    whet_contract c;
    whet_image own = {0};
    whet_status status = WHET_OK;
    whet_contract_init(&c);
    if (text) WHET_GOTO(whet_contract_from_json(&c, text));
    for (int i = 0; i < source->n_inputs; i++) {
        whet_shape s;
        WHET_GOTO(concrete(source, i, &c, &s));
        const int64_t channels = s.rank == 4 ? s.dims[c.nhwc ? 3 : 1] : 0;
        if (i == 0 && c.given && (channels == 1 || channels == 3) && source->values[source->inputs[0]].dtype == WHET_F32) {
            WHET_GOTO(picture_inputs(j, source, &c, &s, &of_source[0], &of_file[0], picture ? picture : &own));
            continue;
        }
        const whet_dtype t = source->values[source->inputs[i]].dtype;
        if (i == 0 && c.given && picture == NULL && (s.rank == 3 || channels == 1 || channels == 3) && (t == WHET_U8 || t == WHET_S8)) {
            WHET_GOTO(integer_inputs(j, source, &c, &s, &of_source[0], &of_file[0]));
            continue;
        }
        WHET_GOTO(whet_convert_sample(source, i, &s, SEED, &of_source[i]));
        WHET_GOTO(whet_convert_lay(j, false, i, source->values[source->inputs[i]].name, &of_source[i], &of_file[i]));
    }
done:
    whet_image_dispose(&own);
    whet_contract_dispose(&c);
    return status;
}

/* --- */
typedef struct trial {
    whet_scratch dir;
    char *in[MOST_IO], *out[MOST_IO];
    int n_in, n_out;
} trial;

static void dispose(trial *t)
{
    for (int i = 0; i < t->n_in; i++) whet_free(t->in[i]);
    for (int i = 0; i < t->n_out; i++) whet_free(t->out[i]);
    whet_scratch_remove(&t->dir);
}

static whet_status store(const char *dir, const char *stem, int i, const whet_tensor *x, char **path)
{
    *path = whet_format("%s/%s%d.npy", dir, stem, i);
    return *path ? whet_npy_write_tensor(*path, x) : WHET_ENOMEM;
}

static whet_status make_trial(const convert_job *j, trial *t)
{
    const char *tmp = getenv("TMPDIR");
    whet_graph *g = NULL;
    whet_tensor x[MOST_IO], given[MOST_IO], y[MOST_IO];
    whet_status status = WHET_OK;
    memset(x, 0, sizeof(x));
    memset(given, 0, sizeof(given));
    memset(y, 0, sizeof(y));
    WHET_GOTO(whet_convert_source(j, &g));
    if (g->n_inputs > MOST_IO || g->n_outputs > MOST_IO) WHET_GOTO(WHET_FAIL(WHET_EUNAVAILABLE, "the model has more than %d inputs or outputs", MOST_IO));
    WHET_GOTO(whet_convert_inputs(j, g, x, given, NULL));
    WHET_GOTO(whet_convert_reference(g, x, y));
    WHET_GOTO(whet_scratch_make(&t->dir, tmp && *tmp ? tmp : "/tmp", "whet-check-"));
    for (; t->n_in < g->n_inputs; t->n_in++) WHET_GOTO(store(t->dir.path, "in", t->n_in, &given[t->n_in], &t->in[t->n_in]));
    for (; t->n_out < g->n_outputs; t->n_out++) {
        whet_tensor laid = {0};
        status = whet_convert_lay(j, true, t->n_out, g->values[g->outputs[t->n_out]].name, &y[t->n_out], &laid);
        if (status == WHET_OK) status = store(t->dir.path, "out", t->n_out, &laid, &t->out[t->n_out]);
        whet_tensor_dispose(&laid);
        if (status != WHET_OK) goto done;
    }
done:
    for (int i = 0; i < MOST_IO; i++) {
        whet_tensor_dispose(&x[i]);
        whet_tensor_dispose(&given[i]);
        whet_tensor_dispose(&y[i]);
    }
    whet_graph_free(g);
    return status;
}

/* The bounds of `verify` by the coarser of what was read and what was written. */
static const char *bounds(const convert_job *j, char *text, size_t size)
{
    whet_accept accept;
    bool quantised = j->how.precision == WHET_PRECISION_S8, half = j->how.precision == WHET_PRECISION_F16;
    for (int i = 0; i < j->ready->n_nodes; i++)
        quantised |= whet_node_is(&j->ready->nodes[i], "QuantizeLinear") || whet_node_is(&j->ready->nodes[i], "DequantizeLinear");
    for (int v = 0; v < j->g->n_values; v++) half |= j->g->values[v].dtype == WHET_F16 || j->g->values[v].dtype == WHET_BF16;
    whet_accept_default(&accept, quantised ? "int8" : half ? "fp16" : "f32");
    return whet_accept_text(&accept, text, size);
}

static bool reads(const json_t *runtime, const char *format)
{
    const json_t *list = json_object_get(json_object_get(runtime, "caps"), "formats"), *f = NULL;
    size_t i = 0;
    json_array_foreach(list, i, f)
        if (strcmp(json_string_value(f), format) == 0) return true;
    return false;
}

/* Whether the file's name ends as names of its format do; some runtimes go by that. */
static bool named_so(const convert_job *j)
{
    char all[64], ext[32];
    snprintf(all, sizeof(all), "%s ", j->target->ext);
    snprintf(ext, sizeof(ext), "%s ", whet_path_ext(j->to));
    return (j->target->traits & WHET_FORMAT_FOLDER) || (strlen(ext) > 1 && strcasestr(all, ext) != NULL);
}

static json_t *row(const json_t *runtime, const char *verdict, const char *why)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "runtime", whet_json_str(runtime, "name"), "version", whet_json_str(runtime, "version"), "verdict",
                     verdict, "why", why);
}

static whet_status run_one(convert_job *j, const trial *t, const json_t *runtime)
{
    char text[160], accept[64];
    json_t *doc = NULL, *o = NULL;
    bool ok = false;
    const char *name = whet_json_str(runtime, "name");
    const whet_verify_spec s = {.a = {j->to, name, "all"}, .accept = bounds(j, accept, sizeof accept), .n_inputs = t->n_in, .inputs = (const char *const *)t->in,
                                .n_expected = t->n_out, .expected = (const char *const *)t->out, .program = j->o.program};
    if (!json_is_true(json_object_get(runtime, "available"))) {
        json_array_append_new(j->checks, row(runtime, "not run", whet_json_str(runtime, "reason")));
        return WHET_OK;
    }
    if (!reads(runtime, j->target->name)) {
        snprintf(text, sizeof(text), "it does not read %s", j->target->title);
        json_array_append_new(j->checks, row(runtime, "not run", text));
        return WHET_OK;
    }
    if (json_is_true(json_object_get(json_object_get(runtime, "caps"), "by_name")) && !named_so(j)) {
        snprintf(text, sizeof(text), "it knows %s by the name's end, %s", j->target->title, j->target->ext);
        json_array_append_new(j->checks, row(runtime, "not run", text));
        return WHET_OK;
    }
    const whet_status status = whet_verify_run(&doc, &ok, &s);
    if (status == WHET_ECANCELLED || status == WHET_ENOMEM) return status;
    if (status != WHET_OK) {
        o = row(runtime, "FAILED", whet_error_message());
    } else {
        const json_t *list = json_object_get(doc, "outputs");
        double worst = 0;
        const char *why = "";
        for (size_t i = 0; i < json_array_size(list); i++) {
            worst = WHET_MAX(worst, json_number_value(json_object_get(json_array_get(list, i), "max")));
            if (*why == '\0') why = whet_json_str(json_array_get(list, i), "why");
        }
        snprintf(text, sizeof(text), "differs by %.2g of the largest, accepted is %s", worst, s.accept);
        char told[400];
        whet_accept ints;
        char int_text[64];
        whet_accept_default(&ints, "int8");
        const bool quantised = strcmp(s.accept, whet_accept_text(&ints, int_text, sizeof(int_text))) == 0;
        snprintf(told, sizeof(told), "%.250s%s", *why ? why : text,
                 !ok && quantised ? "; the input is no photograph, unlike what it was quantised for: whet verify IN OUT --data DIR tells" : "");
        o = row(runtime, ok ? "agrees" : "DIFFERS", told);
        json_object_set(o, "outputs", json_object_get(doc, "outputs"));
        json_object_set_new(o, "accept", json_string(s.accept));
    }
    j->agree &= ok;
    json_array_append_new(j->checks, o);
    json_decref(doc);
    return WHET_OK;
}

whet_status whet_convert_check(convert_job *j)
{
    trial t = {0};
    json_t *runtimes = NULL;
    const json_t *r = NULL;
    size_t i = 0;
    whet_status status = WHET_OK;
    j->checks = json_array();
    WHET_GOTO(make_trial(j, &t));
    WHET_GOTO(whet_runtimes_probe(&runtimes, j->o.program));
    json_array_foreach(runtimes, i, r) WHET_GOTO(run_one(j, &t, r));
done:
    json_decref(runtimes);
    dispose(&t);
    return status;
}
