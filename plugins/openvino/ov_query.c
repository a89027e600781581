/* SPDX-License-Identifier: Apache-2.0 */
/* What the library tells of a model: the layers that it really executes with the arithmetic of each, and their times. Its C
 * interface gives them only for a model compiled with counters, which cost time; so a twin is compiled beside the model, for
 * the same shapes and settings, runs on the inputs of the last stream, and is thrown away. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ov_plugin.h"

enum { MIN_RUNS = 20, MAX_RUNS = 400 };
static const double enough_seconds = 1.0;

/* The kernel's name ends in its type: "brgconv_avx512_1x1_I8", "jit_avx2_FP32". */
static const char *precision_of(const char *exec)
{
    static const struct { const char *end, *name; } rows[] = {{"_FP32", "f32"}, {"_f32", "f32"},   {"_BF16", "bf16"}, {"_bf16", "bf16"}, {"_FP16", "f16"},
                                                              {"_f16", "f16"},  {"_I8", "int8"},   {"_i8", "int8"},   {"_U8", "int8"},   {"_u8", "int8"},
                                                              {"_I32", "s32"},  {"_i32", "s32"},   {"_I64", "s64"},   {"_i64", "s64"},   {"_FP64", "f64"},
                                                              {"_BOOL", "bool"}, {"_boolean", "bool"}};
    const size_t n = exec != NULL ? strlen(exec) : 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const size_t k = strlen(rows[i].end);
        if (n >= k && strcmp(exec + n - k, rows[i].end) == 0) return rows[i].name;
    }
    return "";
}

/* The nodes of the file that a layer stands for, and its work; what the library put in between has neither. */
static void put_work(plugin_text *t, const ov_layers *all, const ov_layer_time *time)
{
    const ov_layer *l = ov_layers_find(all, time->name);
    plugin_put(t, ",\"origin\":");
    plugin_put_string(t, l != NULL ? l->origin : all->n == 0 && strcmp(time->type, "Reorder") != 0 ? time->name : "");
    if (l != NULL)
        plugin_put(t, ",\"macs\":%.0f,\"constant_bytes\":%.0f,\"input_bytes\":%.0f,\"output_bytes\":%.0f", l->macs, l->constant_bytes, l->input_bytes,
            l->output_bytes);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The inputs of the open stream; where none is open they stay as the library made them. */
static int copy_inputs(whet_backend_model *m, ov_request *r)
{
    for (int i = 0; i < m->ends.n[0]; i++) {
        ov_tensor *t = NULL;
        void *to = NULL, *from = NULL;
        size_t size = 0, given = 0;
        int status = ov_check(ov_rt.api.infer_request_get_input_tensor_by_index(r, (size_t)i, &t), WHET_ERUNTIME, m->ends.io[0][i].name);
        if (status == 0) status = ov_check(ov_rt.api.tensor_get_byte_size(t, &size), WHET_ERUNTIME, m->ends.io[0][i].name);
        if (status == 0) status = ov_check(ov_rt.api.tensor_data(t, &to), WHET_ERUNTIME, m->ends.io[0][i].name);
        if (status == 0 && m->last == NULL)
            memset(to, 0, size);
        else if (status == 0 && ov_rt.api.tensor_get_byte_size(m->last->in[i], &given) == 0 && given == size &&
                 ov_rt.api.tensor_data(m->last->in[i], &from) == 0)
            memcpy(to, from, size);
        if (t != NULL) ov_rt.api.tensor_free(t);
        if (status != 0) return status;
    }
    return 0;
}

/* wall: milliseconds of a run, without the first. */
static int repeat(ov_request *r, bool timed, int *runs, double *wall)
{
    int status = ov_check(ov_rt.api.infer_request_infer(r), WHET_ERUNTIME, "run");
    const double start = seconds();
    *runs = 1;
    while (timed && status == 0 && *runs < MAX_RUNS && (*runs < MIN_RUNS || seconds() - start < enough_seconds)) {
        if (plugin_host->cancelled()) return plugin_fail(WHET_ECANCELLED, "interrupted");
        status = ov_check(ov_rt.api.infer_request_infer(r), WHET_ERUNTIME, "run");
        ++*runs;
    }
    *wall = *runs > 1 ? (seconds() - start) * 1e3 / (*runs - 1) : 0;
    return status;
}

static void put_nodes(plugin_text *t, const ov_layers *all, const ov_layer_times *list, bool timed)
{
    int n = 0, away = 0;
    plugin_put(t, "\"nodes\":[");
    for (size_t i = 0; i < list->size; i++) {
        const ov_layer_time *l = &list->item[i];
        if (l->status != OV_EXECUTED) {
            away++;
            continue;
        }
        plugin_put(t, "%s{\"name\":", n++ > 0 ? "," : "");
        plugin_put_string(t, l->name);
        plugin_put(t, ",\"type\":");
        plugin_put_string(t, l->type);
        plugin_put(t, ",\"precision\":\"%s\",\"kernel\":", precision_of(l->exec));
        plugin_put_string(t, l->exec);
        if (timed)
            plugin_put(t, ",\"ms\":%.4f", (double)l->real_us / 1e3);
        else
            plugin_put(t, ",\"ms\":null");
        put_work(t, all, l);
        plugin_put(t, "}");
    }
    plugin_put(t, "],\"optimised_away\":%d", away);
}

static int layers(whet_backend_model *m, bool timed, char **json)
{
    ov_compiled *twin = NULL;
    ov_request *r = NULL;
    ov_layer_times list = {NULL, 0};
    ov_layers all = {0, 0, NULL};
    plugin_text t = {0};
    int runs = 0;
    double wall = 0;
    int status = ov_compile(m, true, &twin);
    if (status == 0) status = ov_check(ov_rt.api.compiled_model_create_infer_request(twin, &r), WHET_ERUNTIME, "a stream");
    if (status == 0) status = copy_inputs(m, r);
    if (status == 0) status = repeat(r, timed, &runs, &wall);
    if (status == 0) status = ov_check(ov_rt.api.infer_request_get_profiling_info(r, &list), WHET_ERUNTIME, "the times of the layers");
    if (status == 0) {
        ov_layers_read(&all, twin);
        plugin_put(&t, "{");
        put_nodes(&t, &all, &list, timed);
        if (timed) plugin_put(&t, ",\"runs\":%d,\"wall_ms\":%.4f", runs, wall);
        plugin_put(&t, "}");
        status = plugin_give(&t, json);
    }
    ov_layers_dispose(&all);
    if (list.item != NULL) ov_rt.api.profiling_info_list_free(&list);
    if (r != NULL) ov_rt.api.infer_request_free(r);
    if (twin != NULL) ov_rt.api.compiled_model_free(twin);
    return status;
}

static int executed_graph(whet_backend_model *m, char **json) { return layers(m, false, json); }
static int profile(whet_backend_model *m, char **json) { return layers(m, true, json); }

/* A number that the compiled model tells, or `asked` before there is one. */
static int told(const whet_backend_model *m, const char *key, int asked)
{
    char *value = NULL;
    if (m->compiled == NULL || ov_rt.api.compiled_model_get_property(m->compiled, key, &value) != 0 || value == NULL) return asked;
    const int n = atoi(value);
    ov_rt.api.free(value);
    return n;
}

static int threads(whet_backend_model *m, char **json)
{
    plugin_text t = {0};
    plugin_put(&t, "{\"intra_op\":%d,\"streams\":%d}", told(m, "INFERENCE_NUM_THREADS", m->threads), told(m, "NUM_STREAMS", m->streams));
    return plugin_give(&t, json);
}

static int precision(whet_backend_model *m, char **json)
{
    plugin_text t = {0};
    char *value = NULL;
    if (m->compiled != NULL && ov_rt.api.compiled_model_get_property(m->compiled, "INFERENCE_PRECISION_HINT", &value) != 0) value = NULL;
    plugin_put(&t, "{\"hint\":");
    plugin_put_string(&t, value != NULL ? value : m->precision);
    plugin_put(&t, ",\"device\":");
    plugin_put_string(&t, ov_rt.capabilities);
    plugin_put(&t, "}");
    if (value != NULL) ov_rt.api.free(value);
    return plugin_give(&t, json);
}

int ov_query(whet_backend_model *m, const char *key, char **json)
{
    static const struct { const char *key; int (*ask)(whet_backend_model *, char **); } rows[] = {
        {"executed_graph", executed_graph}, {"profile", profile}, {"threads", threads}, {"precision", precision}};
    *json = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].key, key) == 0) return rows[i].ask(m, json);
    return plugin_fail(WHET_EUNSUPPORTED, "OpenVINO does not tell '%s'", key);
}
