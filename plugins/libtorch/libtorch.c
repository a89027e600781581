/* SPDX-License-Identifier: Apache-2.0 */
/* LibTorch as a backend: TorchScript files. LibTorch has a C++ interface that changes with every release, so the calls are made
 * by a small C++ shim (shim.cpp) that is compiled against one version's headers. This file is plain C and always built: it
 * finds LibTorch's folder, opens its libraries by their paths, then the shim of the same version, which finds the libraries
 * already there. So neither this plug-in nor the shim holds a path. */
#include <dirent.h>
#include <dlfcn.h>
#include <fnmatch.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin.h"
#include "shim.h"

static const wt_shim *shim; /* loaded at most once in a process */

struct whet_backend_model { wt_model *m; wt_options o; };
struct whet_backend_stream { wt_stream *s; whet_backend_model *m; };

/* --- the libraries */
/* The folder with libtorch_cpu.so: WHET_LIBTORCH_DIR, else where `whet runtimes install libtorch` put it. */
static bool find_folder(char *out, size_t cap)
{
    static const char *const below[] = {"", "/lib", "/torch/lib"};
    const char *given = plugin_given("WHET_LIBTORCH_DIR"), *dir = given != NULL ? given : plugin_runtime_dir();
    for (size_t i = 0; dir != NULL && i < sizeof below / sizeof below[0]; i++) {
        const int n = snprintf(out, cap, "%s%s/libtorch_cpu.so", dir, below[i]);
        if (n >= (int)cap || access(out, R_OK) != 0) continue;
        *strrchr(out, '/') = '\0';
        return true;
    }
    return false;
}

/* Their order is that of their needs. RTLD_GLOBAL would show their names to everybody; the shim needs them by name only. */
static bool open_libraries(const char *dir)
{
    static const struct { const char *name; bool needed; } libraries[] = {{"libc10.so", true}, {"libtorch_cpu.so", true}, {"libtorch.so", false}};
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%.4000s/%s", dir, libraries[i].name);
        if (plugin_dlopen(path) == NULL && libraries[i].needed) return false;
    }
    return true;
}

/* True if this shim is of the version that is loaded: it is kept. */
static bool try_shim(const char *path)
{
    char version[64];
    wt_entry_fn entry = NULL;
    void *h = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (h == NULL) return false; /* written for another version: names are missing */
    *(void **)&entry = dlsym(h, WT_ENTRY);
    const wt_shim *s = entry != NULL ? entry() : NULL;
    if (s != NULL && s->abi == WT_ABI && s->version(version, sizeof version) == 0) {
        version[strcspn(version, "+")] = '\0'; /* 2.13.0+cpu is 2.13.0 */
        if (strncmp(s->built_with, version, strlen(version)) == 0 && plugin_built_for(version)) {
            shim = s;
            return true;
        }
    }
    dlclose(h);
    return false;
}

static int is_shim(const struct dirent *e)
{
    return fnmatch("shim-*.so", e->d_name, 0) == 0;
}

/* The folder `libtorch` beside this plug-in holds one shim a version. */
static bool find_shim(const char *dir)
{
    char folder[4096], path[4400], names[512] = "";
    Dl_info self;
    struct dirent **list = NULL;
    if (dladdr((const void *)&plugin_self, &self) == 0 || strrchr(self.dli_fname, '/') == NULL) self.dli_fname = "./";
    snprintf(folder, sizeof folder, "%.*slibtorch", (int)(strrchr(self.dli_fname, '/') - self.dli_fname + 1), self.dli_fname);
    const int n = scandir(folder, &list, is_shim, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%.250s", folder, list[i]->d_name);
        if (shim == NULL) try_shim(path);
        const size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%.60s", used > 0 ? ", " : "", list[i]->d_name);
        free(list[i]);
    }
    free(list);
    if (shim != NULL) return true;
    if (n <= 0)
        return plugin_cannot("LibTorch is there, its C++ shim is not: it is built where LibTorch's headers are found, configure whet again "
                             "with -DWHET_LIBTORCH='%.300s'", dir);
    return plugin_cannot("no shim of the version in '%.300s' was built (there is: %s): run `whet runtimes install libtorch`, or configure "
                         "whet again with -DWHET_LIBTORCH naming that folder", dir, names);
}

static bool load(void)
{
    char dir[2048];
    if (!find_folder(dir, sizeof dir)) return plugin_not_installed();
    return open_libraries(dir) && find_shim(dir);
}

static int caps(char **json)
{
    return plugin_tell(json, "{\"formats\":[\"torchscript\"],\"dtypes\":[\"f32\",\"f64\",\"f16\",\"bf16\",\"s64\",\"s32\",\"s16\",\"s8\",\"u8\",\"bool\"],"
                             "\"settings\":{\"threads\":\"integer >= 1\",\"streams\":\"integer >= 1\",\"optimisation\":[\"off\",\"basic\",\"all\"],"
                             "\"precision\":[\"default\",\"f32\",\"bf16\",\"f16\"],\"denormals\":[\"keep\",\"zero\"],\"arena\":[\"on\",\"off\"],"
                             "\"executed_graph\":[\"on\",\"off\"],\"profile\":[\"on\",\"off\"]},\"queries\":[\"executed_graph\",\"profile\",\"precision\",\"threads\"]}");
}

/* --- settings */
static const char *const precisions[] = {"default", "f32", "bf16", "f16"};

static int set_threads(whet_backend_model *m, const char *v) { return plugin_count("threads", v, &m->o.threads); }
static int set_streams(whet_backend_model *m, const char *v) { return plugin_count("streams", v, &m->o.streams); }
static int set_optimisation(whet_backend_model *m, const char *v) { return plugin_level(v, &m->o.optimisation); }

static int set_denormals(whet_backend_model *m, const char *v)
{
    bool keep = false;
    const int status = plugin_choice("denormals", v, "keep", "zero", &keep);
    m->o.denormals = keep ? WT_KEEP : WT_ZERO;
    return status;
}

/* LibTorch allocates each tensor anew and has no arena of its own: "on" tells malloc to keep what was freed, so that a run takes
 * its memory from there; "off" is malloc as it is. */
static int set_arena(whet_backend_model *m, const char *v)
{
    bool on = false;
    (void)m;
    const int status = plugin_choice("arena", v, "on", "off", &on);
    if (status == 0 && on) {
        mallopt(M_MMAP_MAX, 0);
        mallopt(M_TRIM_THRESHOLD, -1);
    }
    return status;
}

static int set_precision(whet_backend_model *m, const char *v)
{
    for (int i = 0; i < (int)PLUGIN_COUNT(precisions); i++) {
        if (strcmp(precisions[i], v) != 0) continue;
        m->o.precision = i;
        return 0;
    }
    return plugin_fail(WHET_EUNSUPPORTED, "precision '%s' cannot be asked of LibTorch (default, f32, bf16 or f16): convert the file instead", v);
}

static const plugin_setting settings[] = {
    {"threads", set_threads},     {"streams", set_streams}, {"optimisation", set_optimisation},    {"precision", set_precision},
    {"denormals", set_denormals}, {"arena", set_arena},     {"executed_graph", plugin_any_model}, {"profile", plugin_any_model}};

/* --- models */
static void close_model(whet_backend_model *m)
{
    if (m == NULL) return;
    if (m->m != NULL) shim->close(m->m);
    free(m);
}

static int torch_fail(int status, const char *what, const char *why)
{
    return plugin_fail(status, "LibTorch: %s: %.900s", what, why);
}

static int build(whet_backend_model *m, const char *path, const whet_backend_setting *s, int n)
{
    char why[WT_MAX_WHY] = "";
    if (access(path, R_OK) != 0) return plugin_fail(WHET_ENOTFOUND, "'%s' cannot be read", path);
    m->o = (wt_options){.threads = 0, .streams = 1, .optimisation = WT_BASIC, .precision = WT_DEFAULT, .denormals = WT_LEAVE};
    int status = plugin_apply(m, settings, PLUGIN_COUNT(settings), s, n);
    if (status != 0) return status;
    if (m->o.threads > 0 && m->o.threads < m->o.streams)
        return plugin_fail(WHET_EINVAL, "%d streams need as many threads, there are %d", m->o.streams, m->o.threads);
    status = shim->open(&m->m, path, &m->o, why);
    return status == 0 ? 0 : torch_fail(status, path, why);
}

static void fill(whet_backend_io *info, const wt_tensor *t)
{
    *info = (whet_backend_io){.name = t->name, .dtype = t->dtype, .rank = t->rank, .layout = t->rank == 4 ? "NCHW" : ""};
    for (int d = 0; d < t->rank; d++) info->dims[d] = t->dims[d];
}

static int io_info(whet_backend_model *m, int output, int i, whet_backend_io *info)
{
    static _Thread_local wt_tensor t; /* the name lives until the next call */
    if (i < 0 || i >= shim->count(m->m, output)) return WHET_ENOTFOUND;
    shim->info(m->m, output, i, &t);
    fill(info, &t);
    return 0;
}

static int set_shape(whet_backend_model *m, int i, int rank, const int64_t *dims)
{
    char why[WT_MAX_WHY] = "";
    if (i < 0 || i >= shim->count(m->m, 0)) return plugin_fail(WHET_ENOTFOUND, "there is no input %d", i);
    const int status = shim->set_shape(m->m, i, rank, dims, why);
    return status == 0 ? 0 : plugin_fail(status, "%s", why);
}

/* --- streams */
static void stream_free(whet_backend_stream *s)
{
    if (s == NULL) return;
    if (s->s != NULL) shim->stream_free(s->s);
    free(s);
}

static int begin(whet_backend_stream *s, whet_backend_model *m)
{
    char why[WT_MAX_WHY] = "";
    s->m = m;
    const int status = shim->stream_create(&s->s, m->m, why);
    return status == 0 ? 0 : plugin_fail(status, "%s", why);
}

static int run(whet_backend_stream *s)
{
    char why[WT_MAX_WHY] = "";
    const int status = shim->run(s->s, why);
    return status == 0 ? 0 : torch_fail(status, "run", why);
}

static int io_map(whet_backend_stream *s, int output, int i, void **data, size_t *bytes, whet_backend_io *info)
{
    static _Thread_local wt_tensor t;
    char why[WT_MAX_WHY] = "";
    output = output != 0;
    if (i < 0 || i >= shim->count(s->m->m, output)) return plugin_fail(WHET_ENOTFOUND, "there is no %s %d", output ? "output" : "input", i);
    const int status = shim->map(s->s, output, i, &t, why);
    if (status != 0) return plugin_fail(status, "%s", why);
    *data = t.data;
    *bytes = t.bytes;
    fill(info, &t);
    return 0;
}

static int query(whet_backend_model *m, const char *key, char **json)
{
    char text[256], why[WT_MAX_WHY] = "", *made = NULL;
    int status = 0;
    *json = NULL;
    if (strcmp(key, "threads") == 0) {
        snprintf(text, sizeof text, "{\"intra_op\":%d,\"inter_op\":1,\"streams\":%d}", m->o.threads, m->o.streams);
        return plugin_tell(json, text);
    }
    if (strcmp(key, "precision") == 0) {
        snprintf(text, sizeof text, "{\"asked\":\"%s\",\"executed\":\"%s\"}", precisions[m->o.precision], m->o.precision < WT_BF16 ? "f32" : precisions[m->o.precision]);
        return plugin_tell(json, text);
    }
    if (strcmp(key, "executed_graph") == 0)
        status = shim->executed_graph(m->m, &made, why);
    else if (strcmp(key, "profile") == 0)
        status = shim->profile(m->m, &made, why);
    else
        return plugin_fail(WHET_EUNSUPPORTED, "LibTorch does not tell '%s'", key);
    if (status != 0) return plugin_fail(status, "LibTorch: %s: %.900s", key, why);
    status = plugin_tell(json, made);
    shim->text_free(made);
    return status;
}

const plugin_parts plugin_self = {
    .table = {PLUGIN_MEMBERS, .name = "libtorch", .title = "LibTorch", .built_for = "2.* 1.13.*" /* the shim's own version decides */, .caps = caps,
              .close = close_model, .io_info = io_info, .set_shape = set_shape, .stream_free = stream_free, .io_map = io_map, .run = run,
              .query = query},
    .model_size = sizeof(whet_backend_model), .stream_size = sizeof(whet_backend_stream),
    .load = load, .build = build, .begin = begin,
};
