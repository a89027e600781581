/* SPDX-License-Identifier: Apache-2.0 */
/* What LiteRT really executes. Its API does not show the graph that it made; its profiler does: a model compiled once more
 * with profiling tells every operator that ran, in a delegate (XNNPACK names the kernel with its types) or with LiteRT's own
 * kernels (the number of the operator in the file). XNNPACK keeps the order of the file, so that its n-th convolution or
 * product is the file's n-th that LiteRT did not run itself; where the numbers differ none is matched. The runs are on zeros:
 * LiteRT's kernels take no turns by value. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litert_private.h"

#define CALL(name) litert_api.name
enum { WARM = 2, RUNS = 9, MAX_NODES = 1 << 16 };

typedef struct node {
    char name[160], type[96];
    const char *precision, *by, *note;
    const char *origin; /* name of the result in the file, the model's own; NULL: not known */
    bool product;
    uint64_t op;        /* of LiteRT's own kernels: number in the file */
    double bytes[3];    /* constants, inputs, outputs; of nodes with an origin */
    double ms[RUNS];
} node;
typedef struct profile { int n, n_runs, partitions, own; size_t in_file; double invoke_ms[RUNS]; node *nodes; } profile;

static void clean(char *out, size_t cap, const char *from, size_t n)
{
    size_t k = 0;
    for (size_t i = 0; i < n && k + 1 < cap && from[i] != '\0'; i++) out[k++] = from[i] >= ' ' && from[i] < 127 && from[i] != '"' && from[i] != '\\' ? from[i] : '?';
    out[k] = '\0';
}

/* --- XNNPACK's names: "Convolution (NHWC, QC8) IGEMM" */
static bool has_word(const char *s, const char *word)
{
    const size_t n = strlen(word);
    for (const char *p = strstr(s, word); p != NULL; p = strstr(p + 1, word)) {
        const char before = p == s ? ' ' : p[-1], after = p[n];
        if (strchr(" (,_", before) != NULL && (after == '\0' || strchr(" ),_", after) != NULL)) return true;
    }
    return false;
}

static const char *kernel_precision(const char *tag)
{
    static const struct { const char *word, *precision; } words[] = {
        {"QD8", "int8"}, {"QDU8", "int8"}, {"QP8", "int8"}, {"BF16", "bf16"}, {"F16", "f16"}, {"F32", "f32"}, {"QS8", "int8"}, {"QC8", "int8"},
        {"QU8", "int8"}, {"S8", "int8"}, {"U8", "int8"}, {"QINT8", "int8"}, {"QUINT8", "int8"}, {"S32", "s32"}, {"X8", "copy"},
        {"X16", "copy"}, {"X32", "copy"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (has_word(tag, words[i].word)) return words[i].precision;
    return strstr(tag, "Reshape") != NULL ? "copy" : ""; /* kernels that work element by element do not tell it */
}

static bool is_product(const char *type)
{
    static const char *const words[] = {"Convolution", "Deconvolution", "Fully Connected", "Matrix Multiply"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(type, words[i]) != NULL) return true;
    return false;
}

static void fill_kernel(node *d, const char *tag)
{
    const size_t n = strcspn(tag, "(");
    clean(d->name, sizeof d->name, tag, strlen(tag));
    clean(d->type, sizeof d->type, tag, n > 0 && tag[n] == '(' && tag[n - 1] == ' ' ? n - 1 : n);
    d->precision = kernel_precision(tag);
    d->by = "XNNPACK";
    d->note = has_word(tag, "QD8") || has_word(tag, "QDU8") || has_word(tag, "QP8") ? "activations are quantised at every run" : "";
    d->product = is_product(d->type);
}

/* --- operators of the file */
static lrt_tensor *tensor_of(lrt_op *op, size_t i, bool output)
{
    lrt_tensor *t = NULL;
    size_t n = 0;
    if ((output ? CALL(GetNumOpOutputs)(op, &n) : CALL(GetNumOpInputs)(op, &n)) != 0 || i >= n) return NULL;
    return (output ? CALL(GetOpOutput)(op, i, &t) : CALL(GetOpInput)(op, i, &t)) == 0 ? t : NULL;
}

static int element_of(lrt_op *op, size_t i, bool output)
{
    lrt_tensor *t = tensor_of(op, i, output);
    lrt_type type;
    memset(&type, 0, sizeof type);
    return t != NULL && CALL(GetRankedTensorType)(t, &type) == 0 ? type.element : 0;
}

/* By the types of the operator's first two inputs. */
static void own_precision(node *d, lrt_op *op)
{
    enum { F32 = 1, S32 = 2, U8 = 3, S64 = 4, S16 = 7, S8 = 9, F16 = 10 };
    const int x = element_of(op, 0, false), w = element_of(op, 1, false), y = element_of(op, 0, true);
    const bool hybrid = x == F32 && y == F32 && w == S8;
    d->precision = "";
    if (hybrid) d->note = "activations are quantised at every run";
    if (hybrid || x == S8 || x == U8 || y == S8 || y == U8) d->precision = "int8";
    else if (x == F32 && y == F32) d->precision = "f32";
    else if (x == S16 || y == S16) d->precision = w == S8 ? "int16x8" : "int16";
    else if (x == F16 || y == F16) d->precision = "f16";
    else if (x == S32 || x == S64) d->precision = "integer";
}

static double tensor_bytes(lrt_tensor *t)
{
    lrt_type type;
    double n = 1;
    memset(&type, 0, sizeof type);
    if (t == NULL || CALL(GetRankedTensorType)(t, &type) != 0) return 0;
    for (unsigned d = 0; d < type.layout.rank && d < LRT_MAX_RANK; d++) n *= type.layout.dims[d] >= 0 ? type.layout.dims[d] : 1;
    return n * (double)plugin_element_size(litert_onnx_type(type.element));
}

static bool is_constant(lrt_tensor *t)
{
    lrt_weights *w = NULL;
    const void *data = NULL;
    size_t n = 0;
    return t != NULL && CALL(GetTensorWeights)(t, &w) == 0 && w != NULL && CALL(GetWeightsBytes)(w, &data, &n) == 0 && n > 0;
}

/* The operator that a node stands for: its result's name and its bytes. */
static void set_origin(node *d, lrt_op *op)
{
    size_t n_in = 0, n_out = 0;
    lrt_tensor *t = tensor_of(op, 0, true);
    if (t == NULL || CALL(GetTensorName)(t, &d->origin) != 0) d->origin = NULL;
    if (CALL(GetNumOpInputs)(op, &n_in) != 0 || CALL(GetNumOpOutputs)(op, &n_out) != 0) return;
    for (size_t i = 0; i < n_in; i++) {
        t = tensor_of(op, i, false);
        d->bytes[is_constant(t) ? 0 : 1] += tensor_bytes(t);
    }
    for (size_t i = 0; i < n_out; i++) d->bytes[2] += tensor_bytes(tensor_of(op, i, true));
}

static void fill_own(const whet_backend_model *m, node *d, const lrt_event *e)
{
    lrt_op *op = NULL;
    clean(d->type, sizeof d->type, e->tag, strlen(e->tag));
    snprintf(d->name, sizeof d->name, "operator %llu", (unsigned long long)e->node);
    d->by = m->kernels == LRT_REFERENCE ? "LiteRT's reference kernel" : "LiteRT's kernel";
    d->precision = d->note = "";
    d->op = e->node;
    if (e->subgraph != 0 || CALL(GetSubgraphOp)(m->graph, (size_t)e->node, &op) != 0) return;
    own_precision(d, op);
    set_origin(d, op);
}

static bool is_own(const profile *p, size_t op)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->nodes[i].by, "XNNPACK") != 0 && p->nodes[i].op == op) return true;
    return false;
}

/* The next product of the file from `op` on that LiteRT did not run itself; in_file: none. */
static size_t next_product(const whet_backend_model *m, const profile *p, size_t op, lrt_op **out)
{
    static const int codes[] = {3, 4, 9, 67, 126}; /* CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, TRANSPOSE_CONV, BATCH_MATMUL */
    int code = -1;
    for (; op < p->in_file; op++) {
        if (CALL(GetSubgraphOp)(m->graph, op, out) != 0 || CALL(GetOpCode)(*out, &code) != 0) continue;
        for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
            if (codes[i] == code && !is_own(p, op)) return op;
    }
    return op;
}

static void match_products(const whet_backend_model *m, profile *p)
{
    lrt_op *op = NULL;
    int kernels = 0, ops = 0;
    for (int i = 0; i < p->n; i++) kernels += p->nodes[i].product;
    for (size_t k = next_product(m, p, 0, &op); k < p->in_file; k = next_product(m, p, k + 1, &op)) ops++;
    if (kernels != ops) return;
    size_t k = 0;
    for (int i = 0; i < p->n; i++) {
        if (!p->nodes[i].product) continue;
        k = next_product(m, p, k, &op);
        set_origin(&p->nodes[i], op);
        k++;
    }
}

/* --- collecting */
static void add_node(const whet_backend_model *m, profile *p, const lrt_event *e)
{
    const bool in_delegate = e->type == LRT_EVENT_IN_DELEGATE;
    node *d = &p->nodes[p->n++];
    if (in_delegate)
        fill_kernel(d, e->tag);
    else
        fill_own(m, d, e);
    p->own += !in_delegate;
    p->partitions += in_delegate && e->node == 0; /* XNNPACK counts its kernels anew in each */
}

/* The events of one run; the first one makes the list, the others must be alike. */
static int take_run(const whet_backend_model *m, profile *p, const lrt_event *e, int n)
{
    int k = 0;
    for (int i = 0; i < n; i++) {
        if (e[i].type == LRT_EVENT_DEFAULT && strcmp(e[i].tag, "Invoke") == 0) p->invoke_ms[p->n_runs] = (double)e[i].elapsed_us / 1e3;
        if (e[i].type != LRT_EVENT_OPERATOR && e[i].type != LRT_EVENT_IN_DELEGATE) continue;
        if (e[i].type == LRT_EVENT_OPERATOR && strstr(e[i].tag, "elegate") != NULL) continue; /* around its own kernels */
        if (p->n_runs == 0) add_node(m, p, &e[i]);
        if (k < p->n) p->nodes[k].ms[p->n_runs] = (double)e[i].elapsed_us / 1e3;
        k++;
    }
    if (k != p->n) return plugin_fail(WHET_ERUNTIME, "LiteRT's profile changes from run to run");
    p->n_runs++;
    return 0;
}

static int one_run(whet_backend_stream *s, lrt_profiler *profiler, profile *p)
{
    lrt_event *e = NULL;
    int n = 0;
    int status = litert_check(CALL(ResetProfiler)(profiler), "profile", "");
    if (status == 0) status = litert_check(CALL(StartProfiler)(profiler), "profile", "");
    if (status == 0) status = litert_run(s);
    if (status == 0) status = litert_check(CALL(StopProfiler)(profiler), "profile", "");
    if (status == 0) status = litert_check(CALL(GetNumProfilerEvents)(profiler, &n), "profile", "");
    if (status != 0) return status;
    if (n < 1 || n > MAX_NODES) return plugin_fail(WHET_EUNSUPPORTED, "LiteRT's profiler tells %d events", n);
    e = calloc((size_t)n, sizeof *e);
    if (p->nodes == NULL) p->nodes = calloc((size_t)n, sizeof *p->nodes);
    if (e == NULL || p->nodes == NULL) status = plugin_no_memory();
    if (status == 0) status = litert_check(CALL(GetProfilerEvents)(profiler, n, e), "profile", "");
    if (status == 0) status = take_run(s->m, p, e, n);
    free(e);
    return status;
}

static int collect(whet_backend_model *m, profile *p)
{
    whet_backend_stream *s = NULL;
    lrt_profiler *profiler = NULL;
    memset(p, 0, sizeof *p);
    m->profiling = true;
    int status = plugin_stream_create(m, &s);
    m->profiling = false;
    if (status == 0) status = litert_check(CALL(CompiledModelGetProfiler)(s->compiled, &profiler), "profiler", "");
    if (status == 0) status = litert_check(CALL(GetNumSubgraphOps)(m->graph, &p->in_file), "operators", "");
    for (int i = 0; i < WARM && status == 0; i++) status = litert_run(s);
    for (int i = 0; i < RUNS && status == 0; i++) status = one_run(s, profiler, p);
    if (status == 0) match_products(m, p);
    plugin_self.table.stream_free(s);
    return status;
}

/* --- telling */
static int by_number(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *ms, int n)
{
    qsort(ms, (size_t)n, sizeof ms[0], by_number);
    return ms[n / 2];
}

static void tell_nodes(plugin_text *t, profile *p)
{
    static const char *const bytes[] = {"constant_bytes", "input_bytes", "output_bytes"};
    plugin_put(t, "{\"nodes\":[");
    for (int i = 0; i < p->n; i++) {
        node *d = &p->nodes[i];
        plugin_put(t, "%s{\"name\":\"%s\",\"type\":\"%s\",\"precision\":\"%s\",\"ms\":%.4f,\"by\":\"%s\",\"origin\":", i > 0 ? "," : "", d->name, d->type,
            d->precision, median(d->ms, p->n_runs), d->by);
        plugin_put_string(t, d->origin);
        for (int k = 0; k < 3 && d->origin != NULL; k++) plugin_put(t, ",\"%s\":%.0f", bytes[k], d->bytes[k]);
        if (d->note[0] != '\0') plugin_put(t, ",\"note\":\"%s\"", d->note);
        plugin_put(t, "}");
    }
    plugin_put(t, "],\"file_operators\":%zu,\"delegate\":\"XNNPACK\",\"delegated\":\"%s\",\"partitions\":%d,\"undelegated\":%d,\"invoke_ms\":%.4f,"
           "\"resolution_ms\":0.001}", p->in_file, p->partitions == 0 ? "no" : p->own == 0 ? "all" : "in part", p->partitions, p->own,
        median(p->invoke_ms, p->n_runs));
}

/* Operators and time by precision. */
static void tell_precision(plugin_text *t, profile *p)
{
    plugin_put(t, "{\"shares\":[");
    for (int i = 0, told = 0; i < p->n; i++) {
        double ms = 0;
        int n = 0, seen = 0;
        for (int k = 0; k < i && !seen; k++) seen = strcmp(p->nodes[k].precision, p->nodes[i].precision) == 0;
        if (seen) continue;
        for (int k = i; k < p->n; k++)
            if (strcmp(p->nodes[k].precision, p->nodes[i].precision) == 0) {
                n++;
                ms += median(p->nodes[k].ms, p->n_runs);
            }
        plugin_put(t, "%s{\"precision\":\"%s\",\"operators\":%d,\"ms\":%.4f}", told++ > 0 ? "," : "",
            p->nodes[i].precision[0] != '\0' ? p->nodes[i].precision : "not told", n, ms);
    }
    plugin_put(t, "]}");
}

int litert_query(whet_backend_model *m, const char *key, char **json)
{
    plugin_text t = {0};
    profile p;
    const bool graph = strcmp(key, "executed_graph") == 0 || strcmp(key, "profile") == 0, precision = strcmp(key, "precision") == 0;
    *json = NULL;
    if (strcmp(key, "threads") == 0) {
        /* LiteRT's own kernels run on one thread, whatever is asked for */
        plugin_put(&t, "{\"intra_op\":%d,\"streams\":%d}", m->kernels == LRT_DELEGATE ? m->threads / m->streams : 1, m->streams);
    } else if (graph || precision) {
        const int status = collect(m, &p);
        if (status == 0 && graph) tell_nodes(&t, &p);
        if (status == 0 && precision) tell_precision(&t, &p);
        free(p.nodes);
        if (status != 0) return status;
    } else {
        return plugin_fail(WHET_EUNSUPPORTED, "LiteRT does not tell '%s'", key);
    }
    return plugin_give(&t, json);
}
