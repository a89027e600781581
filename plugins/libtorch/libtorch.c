/* SPDX-License-Identifier: Apache-2.0 */
/* LibTorch as a backend: TorchScript files. LibTorch has a C++ interface that changes with every release, so the calls are made
 * by a small C++ shim (shim.cpp) that is compiled against one version's headers. This file is plain C and always built: it
 * finds LibTorch's folder, opens its libraries by their paths, then the shim of the same version, which finds the libraries
 * already there. So neither this plug-in nor the shim holds a path. */
#include <dirent.h>
#include <dlfcn.h>
#include <fnmatch.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim.h"
#include "whet/status.h"
#include "whet/sys/backend.h"

enum { MAX_TEXT = 1536, MAX_SHIMS = 16 };
static const char built_for[] = "2.* 1.13.*"; /* the shim's own version decides */

static const whet_backend_host *host; /* set once, when the plug-in is entered */
static struct { /* loaded at most once in a process */
    const wt_shim *shim;
    char version[64];
    char why[MAX_TEXT]; /* not empty: loading failed, for this reason */
} rt;

struct whet_backend_model { wt_model *m; wt_options o; };
struct whet_backend_stream { wt_stream *s; whet_backend_model *m; };

static int fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(int status, const char *fmt, ...)
{
    char text[MAX_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    host->set_error(status, text);
    return status;
}

/* --- the libraries */
/* The folder with libtorch_cpu.so: WHET_LIBTORCH_DIR, else where `whet runtimes install libtorch` put it. */
static bool find_folder(char *out, size_t cap)
{
    static const char *const below[] = {"", "/lib", "/torch/lib"};
    const char *given = getenv("WHET_LIBTORCH_DIR");
    const char *dir = given != NULL && given[0] != '\0' ? given : host->runtime_dir("libtorch");
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
        if (dlopen(path, RTLD_NOW | RTLD_LOCAL) != NULL || !libraries[i].needed) continue;
        snprintf(rt.why, sizeof rt.why, "'%.300s' cannot be loaded: %.900s", path, dlerror());
        return false;
    }
    return true;
}

/* True if this shim is of the version that is loaded. */
static bool try_shim(const char *path, char *built, size_t cap)
{
    wt_entry_fn entry = NULL;
    void *h = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (h == NULL) return false; /* written for another version: names are missing */
    *(void **)&entry = dlsym(h, WT_ENTRY);
    const wt_shim *s = entry != NULL ? entry() : NULL;
    if (s != NULL && s->abi == WT_ABI && s->version(rt.version, sizeof rt.version) == 0) {
        const size_t n = strcspn(rt.version, "+"); /* 2.13.0+cpu is 2.13.0 */
        snprintf(built, cap, "%s", s->built_with);
        if (strlen(s->built_with) >= n && strncmp(s->built_with, rt.version, n) == 0) {
            rt.shim = s;
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
static void find_shim(const char *dir)
{
    char folder[4096], path[4400], names[512] = "", built[64] = "";
    Dl_info self;
    struct dirent **list = NULL;
    if (dladdr((const void *)&rt, &self) == 0 || strrchr(self.dli_fname, '/') == NULL) self.dli_fname = "./";
    snprintf(folder, sizeof folder, "%.*slibtorch", (int)(strrchr(self.dli_fname, '/') - self.dli_fname + 1), self.dli_fname);
    const int n = scandir(folder, &list, is_shim, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%.250s", folder, list[i]->d_name);
        if (rt.shim == NULL) try_shim(path, built, sizeof built);
        const size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%.60s", used > 0 ? ", " : "", list[i]->d_name);
        free(list[i]);
    }
    free(list);
    if (rt.shim != NULL) return;
    if (n <= 0)
        snprintf(rt.why, sizeof rt.why, "LibTorch is there, its C++ shim is not: it is built where LibTorch's headers are found, configure whet again "
                                        "with -DWHET_LIBTORCH='%.300s'", dir);
    else
        snprintf(rt.why, sizeof rt.why, "no shim of the version in '%.300s' was built (there is: %s): run `whet runtimes install libtorch`, or configure "
                                        "whet again with -DWHET_LIBTORCH naming that folder", dir, names);
}

static void load(void)
{
    char dir[2048];
    if (rt.shim != NULL || rt.why[0] != '\0') return;
    if (!find_folder(dir, sizeof dir))
        snprintf(rt.why, sizeof rt.why, "LibTorch is not installed: run `whet runtimes install libtorch`");
    else if (open_libraries(dir))
        find_shim(dir);
}

static int version(char *out, size_t cap)
{
    load();
    if (rt.shim == NULL) return fail(WHET_EUNAVAILABLE, "%s", rt.why);
    snprintf(out, cap, "%.*s", (int)strcspn(rt.version, "+"), rt.version);
    return 0;
}

static int available(char *reason, size_t cap)
{
    load();
    if (rt.shim != NULL) return 0;
    snprintf(reason, cap, "%s", rt.why);
    return WHET_EUNAVAILABLE;
}

static char *copy(const char *text)
{
    char *p = host->alloc(strlen(text) + 1);
    if (p != NULL) strcpy(p, text);
    return p;
}

static int caps(char **json)
{
    *json = copy("{\"formats\":[\"torchscript\"],\"dtypes\":[\"f32\",\"f64\",\"f16\",\"bf16\",\"s64\",\"s32\",\"s16\",\"s8\",\"u8\",\"bool\"],"
                 "\"settings\":{\"threads\":\"integer >= 1\",\"streams\":\"integer >= 1\",\"optimisation\":[\"off\",\"basic\",\"all\"],"
                 "\"precision\":[\"default\",\"f32\",\"bf16\",\"f16\"],\"denormals\":[\"keep\",\"zero\"],\"arena\":[\"on\",\"off\"],"
                 "\"executed_graph\":[\"on\",\"off\"],\"profile\":[\"on\",\"off\"]},\"queries\":[\"executed_graph\",\"profile\",\"precision\",\"threads\"]}");
    return *json != NULL ? 0 : WHET_ENOMEM;
}

/* --- settings: a table of key, words and where the answer goes */
static int set_count(int *to, const char *key, const char *v)
{
    char *end = NULL;
    const long n = strtol(v, &end, 10);
    if (end == v || *end != '\0' || n < 1 || n > 4096) return fail(WHET_EINVAL, "'%s' is '%s', must be an integer from 1", key, v);
    *to = (int)n;
    return 0;
}

static int set_word(int *to, const char *key, const char *v, const char *const *words, int n)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(words[i], v) != 0) continue;
        *to = i;
        return 0;
    }
    return fail(WHET_EINVAL, "'%s' is '%s', must be one of %s, %s%s%s", key, v, words[0], words[1], n > 2 ? ", " : "", n > 2 ? words[2] : "");
}

/* LibTorch allocates each tensor anew and has no arena of its own: "on" tells malloc to keep what was freed, so that a run takes
 * its memory from there; "off" is malloc as it is. */
static void keep_memory(void)
{
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, -1);
}

static int set_one(wt_options *o, const char *key, const char *v)
{
    static const char *const levels[] = {"off", "basic", "all"}, *const denormals[] = {"keep", "zero"}, *const arenas[] = {"off", "on"}; /* arenas: any switch */
    static const char *const precisions[] = {"default", "f32", "bf16", "f16"};
    int arena = 0, ignored = 0;
    if (strcmp(key, "executed_graph") == 0 || strcmp(key, "profile") == 0) return set_word(&ignored, key, v, arenas, 2); /* always to be had */
    if (strcmp(key, "threads") == 0) return set_count(&o->threads, key, v);
    if (strcmp(key, "streams") == 0) return set_count(&o->streams, key, v);
    if (strcmp(key, "optimisation") == 0) return set_word(&o->optimisation, key, v, levels, 3);
    if (strcmp(key, "denormals") == 0) return set_word(&o->denormals, key, v, denormals, 2);
    if (strcmp(key, "arena") == 0) {
        const int status = set_word(&arena, key, v, arenas, 2);
        if (status == 0 && arena == 1) keep_memory();
        return status;
    }
    if (strcmp(key, "precision") == 0) {
        for (int i = 0; i < 4; i++)
            if (strcmp(precisions[i], v) == 0) {
                o->precision = i;
                return 0;
            }
        return fail(WHET_EUNSUPPORTED, "precision '%s' cannot be asked of LibTorch (default, f32, bf16 or f16): convert the file instead", v);
    }
    return fail(WHET_EUNSUPPORTED, "LibTorch has no setting '%s'", key);
}

/* --- models */
static void close_model(whet_backend_model *m)
{
    if (m == NULL) return;
    if (m->m != NULL) rt.shim->close(m->m);
    free(m);
}

static int torch_fail(int status, const char *what, const char *why)
{
    return fail(status, "LibTorch: %s: %.900s", what, why);
}

static int open_model(whet_backend_model **out, const char *path, const whet_backend_setting *s, int n)
{
    char why[WT_MAX_WHY] = "";
    int status = 0;
    *out = NULL;
    load();
    if (rt.shim == NULL) return fail(WHET_EUNAVAILABLE, "%s", rt.why);
    if (access(path, R_OK) != 0) return fail(WHET_ENOTFOUND, "'%s' cannot be read", path);
    whet_backend_model *m = calloc(1, sizeof *m);
    if (m == NULL) return fail(WHET_ENOMEM, "out of memory");
    m->o = (wt_options){.threads = 0, .streams = 1, .optimisation = WT_BASIC, .precision = WT_DEFAULT, .denormals = WT_LEAVE};
    for (int i = 0; i < n && status == 0; i++) status = set_one(&m->o, s[i].key, s[i].value);
    if (status == 0 && m->o.threads > 0 && m->o.threads < m->o.streams)
        status = fail(WHET_EINVAL, "%d streams need as many threads, there are %d", m->o.streams, m->o.threads);
    if (status == 0) {
        status = rt.shim->open(&m->m, path, &m->o, why);
        if (status != 0) torch_fail(status, path, why);
    }
    if (status != 0)
        close_model(m);
    else
        *out = m;
    return status;
}

static void fill_info(const wt_tensor *t, whet_backend_io *info, const char *name)
{
    memset(info, 0, sizeof *info);
    info->name = name;
    info->dtype = t->dtype;
    info->rank = t->rank;
    for (int d = 0; d < t->rank; d++) info->dims[d] = t->dims[d];
    info->layout = t->rank == 4 ? "NCHW" : "";
}

static int io_info(whet_backend_model *m, int output, int i, whet_backend_io *info)
{
    static _Thread_local wt_tensor t; /* the name lives until the next call */
    if (i < 0 || i >= rt.shim->count(m->m, output)) return WHET_ENOTFOUND;
    rt.shim->info(m->m, output, i, &t);
    fill_info(&t, info, t.name);
    return 0;
}

static int set_shape(whet_backend_model *m, int i, int rank, const int64_t *dims)
{
    char why[WT_MAX_WHY] = "";
    if (i < 0 || i >= rt.shim->count(m->m, 0)) return fail(WHET_ENOTFOUND, "there is no input %d", i);
    const int status = rt.shim->set_shape(m->m, i, rank, dims, why);
    return status == 0 ? 0 : fail(status, "%s", why);
}

/* --- streams */
static void stream_free(whet_backend_stream *s)
{
    if (s == NULL) return;
    rt.shim->stream_free(s->s);
    free(s);
}

static int stream_create(whet_backend_model *m, whet_backend_stream **out)
{
    char why[WT_MAX_WHY] = "";
    *out = NULL;
    whet_backend_stream *s = calloc(1, sizeof *s);
    if (s == NULL) return fail(WHET_ENOMEM, "out of memory");
    s->m = m;
    const int status = rt.shim->stream_create(&s->s, m->m, why);
    if (status != 0) {
        free(s);
        return fail(status, "%s", why);
    }
    *out = s;
    return 0;
}

static int run(whet_backend_stream *s)
{
    char why[WT_MAX_WHY] = "";
    const int status = rt.shim->run(s->s, why);
    return status == 0 ? 0 : torch_fail(status, "run", why);
}

static int io_map(whet_backend_stream *s, int output, int i, void **data, size_t *bytes, whet_backend_io *info)
{
    static _Thread_local wt_tensor t;
    char why[WT_MAX_WHY] = "";
    output = output != 0;
    if (i < 0 || i >= rt.shim->count(s->m->m, output)) return fail(WHET_ENOTFOUND, "there is no %s %d", output ? "output" : "input", i);
    const int status = rt.shim->map(s->s, output, i, &t, why);
    if (status != 0) return fail(status, "%s", why);
    *data = t.data;
    *bytes = t.bytes;
    fill_info(&t, info, t.name);
    return 0;
}

static int io_unmap(whet_backend_stream *s, int output, int i)
{
    (void)s;
    (void)output;
    (void)i;
    return 0; /* memory of the CPU is always reachable */
}

static int query(whet_backend_model *m, const char *key, char **json)
{
    static const char *const precisions[] = {"default", "f32", "bf16", "f16"};
    char text[256], why[WT_MAX_WHY] = "", *made = NULL;
    int status = 0;
    if (strcmp(key, "threads") == 0) {
        snprintf(text, sizeof text, "{\"intra_op\":%d,\"inter_op\":1,\"streams\":%d}", m->o.threads, m->o.streams);
        *json = copy(text);
        return *json != NULL ? 0 : WHET_ENOMEM;
    }
    if (strcmp(key, "precision") == 0) {
        snprintf(text, sizeof text, "{\"asked\":\"%s\",\"executed\":\"%s\"}", precisions[m->o.precision], m->o.precision < WT_BF16 ? "f32" : precisions[m->o.precision]);
        *json = copy(text);
        return *json != NULL ? 0 : WHET_ENOMEM;
    }
    if (strcmp(key, "executed_graph") == 0)
        status = rt.shim->executed_graph(m->m, &made, why);
    else if (strcmp(key, "profile") == 0)
        status = rt.shim->profile(m->m, &made, why);
    else
        return fail(WHET_EUNSUPPORTED, "LibTorch does not tell '%s'", key);
    if (status != 0) return fail(status, "LibTorch: %s: %.900s", key, why);
    *json = copy(made);
    rt.shim->text_free(made);
    return *json != NULL ? 0 : WHET_ENOMEM;
}

static const whet_backend table = {
    .abi = WHET_BACKEND_ABI,
    .size = sizeof(whet_backend),
    .name = "libtorch",
    .title = "LibTorch",
    .built_for = built_for,
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
};

const whet_backend *whet_backend_entry(const whet_backend_host *h);
const whet_backend *whet_backend_entry(const whet_backend_host *h)
{
    if (h->size < sizeof(whet_backend_host)) return NULL;
    host = h;
    return &table;
}
