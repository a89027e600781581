/* SPDX-License-Identifier: Apache-2.0 */
/* What LiteRT really executes. Its API does not show the graph that it made; its profiler does: a model compiled once more
 * with profiling tells every operator that ran, in a delegate (XNNPACK names the kernel with its types) or with LiteRT's own
 * kernels (the number of the operator in the file). The runs are on zeros: LiteRT's kernels take no turns by value. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litert_private.h"

#define CALL(name) litert_api()->name
enum { WARM = 2, RUNS = 9, MAX_NODES = 1 << 16 };

typedef struct node { char name[160], type[96], precision[24]; const char *origin; double ms[RUNS]; } node;
typedef struct profile { int n, n_runs, partitions, own; size_t in_file; double invoke_ms[RUNS]; node *nodes; } profile;

/* --- text that grows; n < 0: out of memory */
typedef struct text { char *p; long n, cap; } text;

static void put(text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(text *t, const char *fmt, ...)
{
    char piece[1024];
    va_list ap;
    va_start(ap, fmt);
    const int k = vsnprintf(piece, sizeof piece, fmt, ap);
    va_end(ap);
    if (t->n < 0 || k < 0 || k >= (int)sizeof piece) return;
    if (t->n + k + 1 > t->cap) {
        char *p = realloc(t->p, (size_t)(t->cap * 2 + k + 1024));
        if (p == NULL) {
            free(t->p);
            t->p = NULL;
            t->n = -1;
            return;
        }
        t->p = p;
        t->cap = t->cap * 2 + k + 1024;
    }
    memcpy(t->p + t->n, piece, (size_t)k + 1);
    t->n += k;
}

/* Printable ASCII without what JSON would escape. */
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
        {"QD8", "int8 (dynamic)"}, {"QDU8", "int8 (dynamic)"}, {"QP8", "int8 (dynamic)"}, {"BF16", "bf16"}, {"F16", "f16"}, {"F32", "f32"},
        {"QS8", "int8"}, {"QC8", "int8"}, {"QU8", "int8"}, {"S8", "int8"}, {"U8", "int8"}, {"QINT8", "int8"}, {"QUINT8", "int8"}, {"S32", "s32"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (has_word(tag, words[i].word)) return words[i].precision;
    if (has_word(tag, "X8") || has_word(tag, "X16") || has_word(tag, "X32") || strstr(tag, "Reshape") != NULL) return "copy";
    return "not told"; /* of element by element kernels */
}

static void fill_kernel(node *d, const char *tag)
{
    const size_t n = strcspn(tag, "(");
    clean(d->name, sizeof d->name, tag, strlen(tag));
    clean(d->type, sizeof d->type, tag, n > 0 && tag[n] == '(' && tag[n - 1] == ' ' ? n - 1 : n);
    snprintf(d->precision, sizeof d->precision, "%s", kernel_precision(tag));
    d->origin = "XNNPACK";
}

/* --- LiteRT's own kernels: by the types of the operator's first two inputs */
static int element_of(lrt_op *op, size_t i, bool output)
{
    lrt_tensor *t = NULL;
    lrt_type type;
    size_t n = 0;
    memset(&type, 0, sizeof type);
    if ((output ? CALL(GetNumOpOutputs)(op, &n) : CALL(GetNumOpInputs)(op, &n)) != 0 || i >= n) return 0;
    if ((output ? CALL(GetOpOutput)(op, i, &t) : CALL(GetOpInput)(op, i, &t)) != 0 || t == NULL) return 0;
    return CALL(GetRankedTensorType)(t, &type) == 0 ? type.element : 0;
}

static const char *op_precision(lrt_op *op)
{
    enum { F32 = 1, S32 = 2, U8 = 3, S64 = 4, S16 = 7, S8 = 9, F16 = 10 };
    const int x = element_of(op, 0, false), w = element_of(op, 1, false), y = element_of(op, 0, true);
    if (x == F32 && y == F32) return w == S8 ? "int8 (dynamic)" : "f32";
    if (x == S8 || x == U8 || y == S8 || y == U8) return "int8";
    if (x == S16 || y == S16) return w == S8 ? "int16x8" : "int16";
    return x == F16 || y == F16 ? "f16" : x == S32 || x == S64 ? "integer" : "other";
}

static void fill_own(const whet_backend_model *m, node *d, const lrt_event *e)
{
    lrt_op *op = NULL;
    lrt_tensor *t = NULL;
    const char *name = NULL;
    clean(d->type, sizeof d->type, e->tag, strlen(e->tag));
    d->origin = m->kernels == LRT_REFERENCE ? "LiteRT reference kernel" : "LiteRT kernel";
    snprintf(d->precision, sizeof d->precision, "other");
    snprintf(d->name, sizeof d->name, "operator %llu", (unsigned long long)e->node);
    if (e->subgraph != 0 || CALL(GetSubgraphOp)(m->graph, (size_t)e->node, &op) != 0) return;
    snprintf(d->precision, sizeof d->precision, "%s", op_precision(op));
    if (CALL(GetOpOutput)(op, 0, &t) == 0 && CALL(GetTensorName)(t, &name) == 0) clean(d->name, sizeof d->name, name, strlen(name));
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
    if (k != p->n) return litert_fail(WHET_ERUNTIME, "LiteRT's profile changes from run to run");
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
    if (n < 1 || n > MAX_NODES) return litert_fail(WHET_EUNSUPPORTED, "LiteRT's profiler tells %d events", n);
    e = calloc((size_t)n, sizeof *e);
    if (p->nodes == NULL) p->nodes = calloc((size_t)n, sizeof *p->nodes);
    if (e == NULL || p->nodes == NULL) status = litert_fail(WHET_ENOMEM, "out of memory");
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
    int status = litert_stream_create(m, "enable_profiling = true\n", &s);
    if (status == 0) status = litert_check(CALL(CompiledModelGetProfiler)(s->compiled, &profiler), "profiler", "");
    if (status == 0) status = litert_check(CALL(GetNumSubgraphOps)(m->graph, &p->in_file), "operators", "");
    for (int i = 0; i < WARM && status == 0; i++) status = litert_run(s);
    for (int i = 0; i < RUNS && status == 0; i++) status = one_run(s, profiler, p);
    litert_stream_free(s);
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

static void tell_nodes(text *t, profile *p)
{
    put(t, "{\"nodes\":[");
    for (int i = 0; i < p->n; i++)
        put(t, "%s{\"name\":\"%s\",\"type\":\"%s\",\"precision\":\"%s\",\"ms\":%.4f,\"origin\":\"%s\"}", i > 0 ? "," : "", p->nodes[i].name,
            p->nodes[i].type, p->nodes[i].precision, median(p->nodes[i].ms, p->n_runs), p->nodes[i].origin);
    put(t, "],\"file_operators\":%zu,\"delegate\":\"XNNPACK\",\"delegated\":\"%s\",\"partitions\":%d,\"undelegated\":%d,\"invoke_ms\":%.4f,"
           "\"resolution_ms\":0.001}", p->in_file, p->partitions == 0 ? "no" : p->own == 0 ? "all" : "in part", p->partitions, p->own,
        median(p->invoke_ms, p->n_runs));
}

/* Operators and time by precision. */
static void tell_precision(text *t, profile *p)
{
    put(t, "{\"shares\":[");
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
        put(t, "%s{\"precision\":\"%s\",\"operators\":%d,\"ms\":%.4f}", told++ > 0 ? "," : "", p->nodes[i].precision, n, ms);
    }
    put(t, "]}");
}

int litert_query(whet_backend_model *m, const char *key, char **json)
{
    text t = {NULL, 0, 0};
    profile p;
    const bool graph = strcmp(key, "executed_graph") == 0 || strcmp(key, "profile") == 0, precision = strcmp(key, "precision") == 0;
    *json = NULL;
    if (strcmp(key, "threads") == 0) {
        put(&t, "{\"intra_op\":%d,\"streams\":%d}", m->threads / m->streams, m->streams);
    } else if (graph || precision) {
        const int status = collect(m, &p);
        if (status == 0 && graph) tell_nodes(&t, &p);
        if (status == 0 && precision) tell_precision(&t, &p);
        free(p.nodes);
        if (status != 0) return status;
    } else {
        return litert_fail(WHET_EUNSUPPORTED, "LiteRT does not tell '%s'", key);
    }
    if (t.p != NULL) *json = litert_copy(t.p);
    free(t.p);
    return *json != NULL ? 0 : litert_fail(WHET_ENOMEM, "out of memory");
}
