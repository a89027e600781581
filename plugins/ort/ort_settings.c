/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of a session, before it is made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ort_plugin.h"

static int set_threads(whet_backend_model *m, const char *v) { return plugin_count("threads", v, &m->threads); }
static int set_streams(whet_backend_model *m, const char *v) { return plugin_count("streams", v, &m->streams); }

/* A session's pool has one thread less than it is asked for, because the caller computes too. With several callers at once the
 * pool is smaller, so that callers and pool together are `threads`. */
static int apply_threads(whet_backend_model *m)
{
    if (m->threads < 1) return 0;
    const int n = m->threads - m->streams + 1;
    TRY(ORT_CALL(SetIntraOpNumThreads)(m->options, n > 1 ? n : 1), "threads");
    return 0;
}

static int set_optimisation(whet_backend_model *m, const char *v)
{
    static const int levels[] = {ORT_OPT_OFF, ORT_OPT_BASIC, ORT_OPT_ALL};
    int level = 0;
    const int status = plugin_level(v, &level);
    if (status != 0) return status;
    TRY(ORT_CALL(SetSessionGraphOptimizationLevel)(m->options, levels[level]), "optimisation");
    return 0;
}

static int set_precision(whet_backend_model *m, const char *v)
{
    (void)m;
    if (strcmp(v, "f32") == 0 || strcmp(v, "default") == 0) return 0; /* the CPU provider runs the file's own types */
    return plugin_fail(WHET_EUNSUPPORTED, "precision '%s' cannot be asked of ONNX Runtime's CPU provider: convert the file instead", v);
}

static int set_denormals(whet_backend_model *m, const char *v)
{
    bool keep = false;
    const int status = plugin_choice("denormals", v, "keep", "zero", &keep);
    if (status != 0) return status;
    TRY(ORT_CALL(AddSessionConfigEntry)(m->options, "session.set_denormal_as_zero", keep ? "0" : "1"), "denormals");
    return 0;
}

static int set_arena(whet_backend_model *m, const char *v)
{
    bool on = false;
    const int status = plugin_choice("arena", v, "on", "off", &on);
    if (status != 0) return status;
    TRY(on ? ORT_CALL(EnableCpuMemArena)(m->options) : ORT_CALL(DisableCpuMemArena)(m->options), "arena");
    return 0;
}

static int set_executed_graph(whet_backend_model *m, const char *v)
{
    char path[] = "/tmp/whet-ort-XXXXXX";
    if (strcmp(v, "on") != 0) return 0;
    const int fd = mkstemp(path);
    if (fd < 0) return plugin_fail(WHET_EIO, "no temporary file for the executed graph can be made in /tmp");
    close(fd);
    m->graph_path = strdup(path);
    if (m->graph_path == NULL) return plugin_no_memory();
    TRY(ORT_CALL(SetOptimizedModelFilePath)(m->options, path), "executed graph");
    return 0;
}

static int set_profile(whet_backend_model *m, const char *v)
{
    char prefix[64];
    if (strcmp(v, "on") != 0) return 0;
    snprintf(prefix, sizeof prefix, "/tmp/whet-ort-%ld", (long)getpid());
    TRY(ORT_CALL(EnableProfiling)(m->options, prefix), "profile");
    m->profiling = true;
    return 0;
}

int ort_configure(whet_backend_model *m, const whet_backend_setting *s, int n)
{
    static const plugin_setting table[] = {
        {"threads", set_threads},     {"streams", set_streams}, {"optimisation", set_optimisation}, {"precision", set_precision},
        {"denormals", set_denormals}, {"arena", set_arena},     {"executed_graph", set_executed_graph}, {"profile", set_profile}};
    m->streams = 1;
    const int status = plugin_apply(m, table, PLUGIN_COUNT(table), s, n);
    return status == 0 ? apply_threads(m) : status;
}
