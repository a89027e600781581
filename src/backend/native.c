/* SPDX-License-Identifier: Apache-2.0 */
/* whet's own engine behind the same struct as every other runtime: reader, passes, executor.
 *
 * open reads and verifies the file. The graph is optimised and bound when a stream is made, because its shapes and tapped
 * values are known only then; streams share the constants' bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/native_tell.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/threads.h"
#include "exec/exec.h"
#include "exec/exec_tune.h"
#include "formats/formats.h"
#include "passes/lower.h"
#include "passes/passes.h"

typedef enum level { LEVEL_OFF, LEVEL_BASIC, LEVEL_ALL } level;
typedef enum tune { TUNE_OFF, TUNE_CACHED, TUNE_MEASURE } tune; /* cached: the file is read, nothing is measured */

struct whet_backend_model {
    whet_graph *g;
    int threads, streams, made; /* threads of all streams together; streams asked for and made so far */
    level optimisation;
    uint32_t passes_off; /* bits of whet_pass_mask */
    tune tune;
    int n_taps;
    char *described; /* the last stream's plan as JSON */
    char *tuned;     /* and what tuning came to */
    size_t arena_bytes;
    whet_backend_stream *last; /* borrowed: the newest stream that is still there, for the profile */
};

struct whet_backend_stream {
    whet_backend_model *m;
    whet_team *team;
    whet_tuning *tuning; /* of e */
    whet_exec *e;
    whet_plan *plan;
};

static int version(char *out, size_t cap)
{
    snprintf(out, cap, "%s", WHET_VERSION);
    return WHET_OK;
}

static int available(char *reason, size_t cap)
{
    if (cap > 0) reason[0] = '\0';
    return WHET_OK;
}

static int caps(char **json)
{
    const whet_model_format *f = NULL;
    whet_strbuf formats;
    whet_strbuf_init(&formats);
    for (size_t i = 0; (f = whet_format_row(i)) != NULL; i++)
        if (f->read) whet_strbuf_printf(&formats, "%s\"%s\"", formats.len > 0 ? "," : "", f->name);
    *json = whet_format("{\"formats\":[%s],\"dtypes\":[\"f32\",\"f64\",\"s64\",\"s32\",\"s8\",\"u8\",\"bool\"],\"settings\":{"
                        "\"threads\":\"integer >= 1\",\"optimisation\":[\"off\",\"basic\",\"all\"],\"precision\":[\"default\",\"f32\"],\"streams\":\"integer >= 1\","
                        "\"denormals\":[\"zero\"],\"arena\":[\"on\"],\"tune\":[\"off\",\"cached\",\"measure\"],\"passes_off\":\"names of passes, comma-separated\"}}",
                        formats.len > 0 ? formats.data : "");
    whet_strbuf_dispose(&formats);
    return *json != NULL ? WHET_OK : WHET_ENOMEM;
}

static int set_threads(whet_backend_model *m, const char *v)
{
    char *end = NULL;
    const long n = strtol(v, &end, 10);
    if (*v == '\0' || *end != '\0' || n < 1 || n > 1024)
        return WHET_FAIL(WHET_EINVAL, "'threads' is '%s', must be an integer from 1 to 1024", v);
    m->threads = (int)n;
    return WHET_OK;
}

static int set_streams(whet_backend_model *m, const char *v)
{
    char *end = NULL;
    const long n = strtol(v, &end, 10);
    if (*v == '\0' || *end != '\0' || n < 1 || n > 1024)
        return WHET_FAIL(WHET_EINVAL, "'streams' is '%s', must be an integer from 1 to 1024", v);
    m->streams = (int)n;
    return WHET_OK;
}

static int set_optimisation(whet_backend_model *m, const char *v)
{
    static const char *const names[] = {"off", "basic", "all"};
    for (int i = 0; i < 3; i++)
        if (strcmp(names[i], v) == 0) {
            m->optimisation = (level)i;
            return WHET_OK;
        }
    return WHET_FAIL(WHET_EINVAL, "'optimisation' is '%s', must be off, basic or all", v);
}

static int set_precision(whet_backend_model *m, const char *v)
{
    (void)m;
    if (strcmp(v, "f32") == 0 || strcmp(v, "default") == 0) return WHET_OK;
    return WHET_FAIL(WHET_EUNSUPPORTED, "the native engine computes in the file's own types: precision '%s' cannot be asked of it", v);
}

static int set_denormals(whet_backend_model *m, const char *v)
{
    (void)m;
    if (strcmp(v, "zero") == 0) return WHET_OK;
    return WHET_FAIL(WHET_EUNSUPPORTED, "the native engine always flushes denormals: 'denormals' must be zero, not '%s'", v);
}

static int set_arena(whet_backend_model *m, const char *v)
{
    (void)m;
    if (strcmp(v, "on") == 0) return WHET_OK;
    return WHET_FAIL(WHET_EUNSUPPORTED, "the native engine always plans one arena: 'arena' must be on, not '%s'", v);
}

static int set_tune(whet_backend_model *m, const char *v)
{
    static const char *const names[] = {"off", "cached", "measure"};
    for (int i = 0; i < 3; i++)
        if (strcmp(names[i], v) == 0) {
            m->tune = (tune)i;
            return WHET_OK;
        }
    return WHET_FAIL(WHET_EINVAL, "'tune' is '%s', must be off, cached or measure", v);
}

static int set_passes_off(whet_backend_model *m, const char *v) { return whet_pass_mask(v, &m->passes_off); }

static const struct { const char *key; int (*set)(whet_backend_model *, const char *); } settings_table[] = {
    {"threads", set_threads},
    {"streams", set_streams},
    {"optimisation", set_optimisation},
    {"precision", set_precision},
    {"denormals", set_denormals},
    {"arena", set_arena},
    {"tune", set_tune},
    {"passes_off", set_passes_off}};

static int apply(whet_backend_model *m, const whet_backend_setting *s, int n)
{
    for (int i = 0; i < n; i++) {
        size_t k = 0;
        while (k < WHET_COUNT(settings_table) && strcmp(settings_table[k].key, s[i].key) != 0) k++;
        if (k == WHET_COUNT(settings_table)) return WHET_FAIL(WHET_EUNSUPPORTED, "the native engine has no setting '%s'", s[i].key);
        const int status = settings_table[k].set(m, s[i].value);
        if (status != WHET_OK) return status;
    }
    return WHET_OK;
}

static void close_model(whet_backend_model *m)
{
    if (m == NULL) return;
    whet_graph_free(m->g);
    whet_free(m->described);
    whet_free(m->tuned);
    whet_free(m);
}

static int open_model(whet_backend_model **out, const char *path, const whet_backend_setting *s, int n)
{
    *out = NULL;
    whet_backend_model *m = whet_calloc(1, sizeof *m);
    if (m == NULL) return WHET_ENOMEM;
    m->optimisation = LEVEL_ALL;
    m->streams = 1;
    int status = apply(m, s, n);
    if (status == WHET_OK) status = whet_format_read(&m->g, path, NULL);
    if (status != WHET_OK) {
        close_model(m);
        return status;
    }
    *out = m;
    return WHET_OK;
}

static void fill_info(const whet_value *v, whet_backend_io *info)
{
    memset(info, 0, sizeof *info);
    info->name = v->name;
    info->dtype = whet_dtype_to_onnx(v->dtype);
    info->rank = v->dims.rank < 0 ? 0 : v->dims.rank;
    for (int d = 0; d < info->rank; d++) info->dims[d] = v->dims.dims[d] >= 0 ? v->dims.dims[d] : -1;
    info->layout = "";
}

static int io_info(whet_backend_model *m, int output, int i, whet_backend_io *info)
{
    const int count = output ? m->g->n_outputs : m->g->n_inputs;
    if (i < 0 || i >= count)
        return WHET_FAIL(WHET_ENOTFOUND, "there is no %s %d, the model has %d", output ? "output" : "input", i, count);
    fill_info(&m->g->values[output ? m->g->outputs[i] : m->g->inputs[i]], info);
    return WHET_OK;
}

/* The shapes are kept in the graph itself; symbols shared with other inputs or outputs follow when the stream is made. */
static int set_shape(whet_backend_model *m, int i, int rank, const int64_t *dims)
{
    if (i < 0 || i >= m->g->n_inputs) return WHET_FAIL(WHET_ENOTFOUND, "there is no input %d", i);
    whet_value *v = &m->g->values[m->g->inputs[i]];
    bool fits = rank >= 0 && rank <= WHET_MAX_RANK && (v->dims.rank < 0 || v->dims.rank == rank);
    for (int d = 0; fits && d < rank; d++) fits = dims[d] >= 0 && (v->dims.rank < 0 || v->dims.dims[d] < 0 || v->dims.dims[d] == dims[d]);
    if (!fits) return WHET_FAIL(WHET_ESHAPE, "input '%s' of the model does not take this shape", v->name);
    v->dims.rank = rank;
    for (int d = 0; d < rank; d++) v->dims.dims[d] = dims[d];
    return WHET_OK;
}

static int tap(whet_backend_model *m, const char *const *names, int n)
{
    for (int i = 0; i < n; i++) {
        const whet_vid v = whet_graph_find(m->g, names[i]);
        if (v == WHET_NO_VALUE) return WHET_FAIL(WHET_ENOTFOUND, "the model has no tensor '%s'", names[i]);
        const int status = whet_graph_output(m->g, v);
        if (status != WHET_OK) return status;
        m->n_taps++;
    }
    return WHET_OK;
}

static void stream_free(whet_backend_stream *s)
{
    if (s == NULL) return;
    if (s->m->last == s) s->m->last = NULL;
    whet_exec_free(s->e);
    whet_tuning_free(s->tuning);
    whet_team_free(s->team);
    whet_free(s);
}

static whet_status input_shapes(const whet_graph *g, whet_shape *shapes)
{
    for (int i = 0; i < g->n_inputs; i++) {
        const whet_value *v = &g->values[g->inputs[i]];
        if (!whet_dims_concrete(&v->dims, &shapes[i]))
            return WHET_FAIL(WHET_ESHAPE, "input '%s' has a free dimension: set its shape first", v->name);
    }
    return WHET_OK;
}

/* off: the graph as the file has it; basic: folding; all: layout and fusion for the shapes at hand as well. */
static whet_status optimise(whet_graph *g, level how, uint32_t off, whet_exec_options *opt)
{
    whet_pass_options passes;
    opt->lower = whet_pass_resolve_shapes;
    if (how == LEVEL_OFF) return WHET_OK;
    whet_pass_options_init(&passes);
    passes.freeze = true;
    passes.off = off;
    opt->passes = true;
    if (how == LEVEL_ALL) opt->lower = whet_passes_lower;
    return whet_passes_run(g, &passes, NULL);
}

/* The table of the user's cache for this graph, completed if asked to. */
static whet_status tune_graph(whet_backend_stream *s, const whet_graph *g, const whet_shape *shapes, whet_exec_options *opt)
{
    whet_backend_model *m = s->m;
    whet_free(m->tuned);
    m->tuned = NULL;
    if (m->tune == TUNE_OFF) return WHET_OK;
    WHET_TRY(whet_tuning_open(&s->tuning, NULL));
    WHET_TRY(whet_tuning_graph(s->tuning, g, opt, g->n_inputs, shapes, m->tune == TUNE_MEASURE));
    WHET_TRY(whet_tuning_save(s->tuning));
    whet_tuning_tell(s->tuning);
    opt->tuning = s->tuning;
    return whet_tuning_json(s->tuning, &m->tuned);
}

/* The threads are shared out among the streams that were asked for, the first ones getting what is left over. */
static int threads_of_next(whet_backend_model *m)
{
    const int all = m->threads > 0 ? m->threads : whet_cpu_count(), i = m->made++ % m->streams;
    const int share = all / m->streams + (i < all % m->streams);
    return share > 0 ? share : 1;
}

static whet_status bind(whet_backend_stream *s)
{
    whet_backend_model *m = s->m;
    whet_status status = WHET_OK;
    whet_graph *g = NULL;
    whet_exec_options opt;
    whet_shape *shapes = whet_calloc((size_t)m->g->n_inputs + 1, sizeof *shapes);
    if (shapes == NULL) WHET_GOTO(WHET_ENOMEM);
    WHET_GOTO(input_shapes(m->g, shapes));
    WHET_GOTO(whet_graph_clone(&g, m->g));
    WHET_GOTO(whet_graph_bind_shapes(g, g->n_inputs, shapes));
    WHET_GOTO(whet_team_create(&s->team, threads_of_next(m)));
    whet_exec_options_init(&opt);
    opt.team = s->team;
    opt.providers = m->optimisation == LEVEL_OFF ? WHET_PROVIDER_REF : WHET_PROVIDER_ALL;
    WHET_GOTO(optimise(g, m->optimisation, m->passes_off, &opt));
    WHET_GOTO(tune_graph(s, g, shapes, &opt));
    WHET_GOTO(whet_exec_create(&s->e, g, &opt));
    WHET_GOTO(whet_exec_plan(s->e, g->n_inputs, shapes, &s->plan));
    whet_free(m->described);
    m->described = NULL;
    WHET_GOTO(whet_plan_describe(s->plan, &m->described));
    m->arena_bytes = whet_plan_arena_bytes(s->plan);
done:
    whet_graph_free(g);
    whet_free(shapes);
    return status;
}

static int stream_create(whet_backend_model *m, whet_backend_stream **out)
{
    *out = NULL;
    whet_backend_stream *s = whet_calloc(1, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->m = m;
    const whet_status status = bind(s);
    if (status != WHET_OK) {
        stream_free(s);
        return status;
    }
    m->last = s;
    *out = s;
    return WHET_OK;
}

static int io_map(whet_backend_stream *s, int output, int i, void **data, size_t *bytes, whet_backend_io *info)
{
    const whet_graph *g = s->m->g;
    if (i < 0 || i >= (output ? g->n_outputs : g->n_inputs))
        return WHET_FAIL(WHET_ENOTFOUND, "there is no %s %d", output ? "output" : "input", i);
    const whet_tensor *t = output ? whet_plan_output(s->plan, i) : whet_plan_input(s->plan, i);
    *data = t->data;
    *bytes = whet_tensor_bytes(t);
    if (info == NULL) return WHET_OK;
    fill_info(&g->values[output ? g->outputs[i] : g->inputs[i]], info);
    info->dtype = whet_dtype_to_onnx(t->dtype);
    info->rank = t->shape.rank;
    memcpy(info->dims, t->shape.dims, (size_t)t->shape.rank * sizeof(int64_t));
    return WHET_OK;
}

static int io_unmap(whet_backend_stream *s, int output, int i)
{
    (void)s;
    (void)output;
    (void)i;
    return WHET_OK;
}

static int run(whet_backend_stream *s)
{
    return whet_plan_run(s->plan);
}

static int query(whet_backend_model *m, const char *key, char **json)
{
    *json = NULL;
    if (strcmp(key, "threads") == 0)
        *json = whet_format("{\"intra_op\":%d}", m->threads > 0 ? m->threads : whet_cpu_count());
    else if (strcmp(key, "memory") == 0)
        *json = whet_format("{\"arena_bytes\":%zu}", m->arena_bytes);
    else if (strcmp(key, "isa") == 0)
        *json = whet_format("{\"isa\":\"%s\"}", whet_isa_name(whet_isa()));
    else if (strcmp(key, "tuning") == 0 && m->tuned != NULL)
        *json = whet_strdup(m->tuned);
    else if (strcmp(key, "executed_graph") == 0 && m->described != NULL)
        return whet_native_nodes(m->described, NULL, json);
    else if (strcmp(key, "profile") == 0 && m->last != NULL)
        return whet_native_profile(m->described, m->last->plan, json);
    else
        return WHET_FAIL(WHET_EUNSUPPORTED, "the native engine does not tell '%s'", key);
    return *json != NULL ? WHET_OK : WHET_ENOMEM;
}

static const whet_backend table = {
    .abi = WHET_BACKEND_ABI,
    .size = sizeof(whet_backend),
    .name = "native",
    .title = "native",
    .built_for = "",
    .version = version,
    .available = available,
    .caps = caps,
    .open = open_model,
    .close = close_model,
    .io_info = io_info,
    .set_shape = set_shape,
    .stream_create = stream_create,
    .stream_free = stream_free,
    .io_map = io_map,
    .io_unmap = io_unmap,
    .run = run,
    .query = query,
    .tap = tap,
};

const whet_backend *whet_backend_native(const whet_backend_host *h)
{
    (void)h; /* the engine uses the library directly */
    return &table;
}
