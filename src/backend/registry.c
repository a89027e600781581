/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and loads plug-ins, and checks what they give before anything of it is called. */
#include <dirent.h>
#include <dlfcn.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/external.h"
#include "backend/runtime_folders.h"
#include "base/cancel.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"

enum { MAX_PLUGINS = 64 };

struct whet_backends {
    whet_arena *arena;
    int n;
    whet_backend_entry e[MAX_PLUGINS + 1];
    void *handle[MAX_PLUGINS + 1];
};

static void host_log(int level, const char *text)
{
    whet_log(level <= 0 ? WHET_LOG_DEBUG : level == 1 ? WHET_LOG_INFO : WHET_LOG_WARN, "%s", text);
}

static void host_error(int status, const char *text)
{
    whet_fail((whet_status)status, "%s", text);
}

static int host_cancelled(void)
{
    return whet_cancelled();
}

static const char *host_runtime_dir(const char *name)
{
    static _Thread_local char dir[1024];
    return whet_runtime_dir(name, dir, sizeof dir) == WHET_OK ? dir : NULL;
}

static const whet_backend_host host = {
    .size = sizeof(whet_backend_host),
    .alloc = whet_alloc,
    .release = whet_free,
    .log = host_log,
    .set_error = host_error,
    .cancelled = host_cancelled,
    .runtime_dir = host_runtime_dir,
};

const whet_backend_host *whet_backend_host_table(void)
{
    return &host;
}

whet_status whet_backend_check(const whet_backend *t)
{
    if (t == NULL) return WHET_FAIL(WHET_EUNAVAILABLE, "the plug-in refuses this version of whet: use the plug-in that was built with it");
    if (t->abi != WHET_BACKEND_ABI)
        return WHET_FAIL(WHET_EUNAVAILABLE, "the plug-in has interface version %u, this program needs %u: rebuild the plug-in", t->abi,
                         WHET_BACKEND_ABI);
    /* Later members are optional by definition: a plug-in may be older than they are. */
    if (t->size < offsetof(whet_backend, query))
        return WHET_FAIL(WHET_EUNAVAILABLE, "the plug-in's table has %zu bytes, at least %zu are needed: rebuild the plug-in", t->size,
                         offsetof(whet_backend, query));
    if (t->name == NULL || t->name[0] == '\0' || t->title == NULL || t->built_for == NULL)
        return WHET_FAIL(WHET_EUNAVAILABLE, "the plug-in has no name, title or list of versions");
    if (t->version == NULL || t->available == NULL || t->caps == NULL || t->open == NULL || t->close == NULL || t->io_info == NULL ||
        t->stream_create == NULL || t->stream_free == NULL || t->io_map == NULL || t->io_unmap == NULL || t->run == NULL)
        return WHET_FAIL(WHET_EUNAVAILABLE, "the plug-in '%s' lacks a function that is not optional", t->name);
    return WHET_OK;
}

whet_status whet_backend_status(const whet_backend *t, int code, const char *what)
{
    if (code == WHET_OK) return WHET_OK;
    const int known = code <= WHET_EINVAL && code >= WHET_EGATE;
    if (!known || whet_error_last()->status != (whet_status)code)
        return WHET_FAIL(known ? (whet_status)code : WHET_ERUNTIME, "%s: %s failed (code %d) without saying why", t->title, what, code);
    return (whet_status)code;
}

int whet_backend_version_ok(const char *patterns, const char *version)
{
    char one[64];
    if (patterns[0] == '\0') return 1;
    for (const char *p = patterns; *p != '\0';) {
        const size_t n = strcspn(p, " ");
        snprintf(one, sizeof one, "%.*s", (int)WHET_MIN(n, sizeof one - 1), p);
        if (n > 0 && fnmatch(one, version, 0) == 0) return 1;
        p += n + (p[n] == ' ');
    }
    return 0;
}

static whet_status load(const char *path, void **handle, const whet_backend **table)
{
    whet_backend_entry_fn entry = NULL;
    *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (*handle == NULL) return WHET_FAIL(WHET_EUNAVAILABLE, "the plug-in cannot be loaded: %s", dlerror());
    *(void **)&entry = dlsym(*handle, WHET_BACKEND_ENTRY);
    if (entry == NULL) return WHET_FAIL(WHET_EUNAVAILABLE, "the file exports no '%s': it is not a plug-in of whet", WHET_BACKEND_ENTRY);
    const whet_backend *t = entry(&host);
    WHET_TRY(whet_backend_check(t));
    *table = t;
    return WHET_OK;
}

static char *stem(whet_arena *a, const char *path)
{
    const char *base = whet_path_base(path);
    return whet_arena_strndup(a, base, strcspn(base, "."));
}

static whet_status add_plugin(whet_backends *b, const char *path)
{
    whet_backend_entry *e = &b->e[b->n];
    if (b->n > MAX_PLUGINS) return WHET_OK; /* more than anybody has */
    e->path = whet_arena_strdup(b->arena, path);
    e->name = stem(b->arena, path);
    e->reason = "";
    if (load(path, &b->handle[b->n], &e->table) != WHET_OK) e->reason = whet_arena_strdup(b->arena, whet_error_last()->text);
    if (e->path == NULL || e->name == NULL || e->reason == NULL) return WHET_ENOMEM;
    if (e->table != NULL) e->name = e->table->name;
    for (int i = 0; i < b->n; i++)
        if (strcmp(b->e[i].name, e->name) == 0) { /* the first one found wins */
            if (b->handle[b->n] != NULL) dlclose(b->handle[b->n]);
            memset(e, 0, sizeof *e);
            b->handle[b->n] = NULL;
            return WHET_OK;
        }
    b->n++;
    return WHET_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static whet_status scan(whet_backends *b, const char *dir)
{
    char *names[MAX_PLUGINS];
    int n = 0;
    whet_status status = WHET_OK;
    DIR *d = opendir(dir);
    if (d == NULL) return WHET_OK;
    for (struct dirent *e = readdir(d); e != NULL && n < MAX_PLUGINS; e = readdir(d))
        if (strcmp(whet_path_ext(e->d_name), ".so") == 0 && (names[n] = whet_path_join(dir, e->d_name)) != NULL) n++;
    closedir(d);
    qsort(names, (size_t)n, sizeof names[0], by_text);
    for (int i = 0; i < n; i++) {
        if (status == WHET_OK) status = add_plugin(b, names[i]);
        whet_free(names[i]);
    }
    return status;
}

/* Folders relative to that of the file at `from`. */
static whet_status scan_around(whet_backends *b, const char *from)
{
    static const char *const rel[] = {"plugins", "../plugins", "../lib/whet/plugins", "whet/plugins"};
    whet_status status = WHET_OK;
    for (size_t i = 0; i < WHET_COUNT(rel) && status == WHET_OK; i++) {
        char *dir = whet_format("%.*s%s", (int)(whet_path_base(from) - from), from, rel[i]);
        status = dir != NULL ? scan(b, dir) : WHET_ENOMEM;
        whet_free(dir);
    }
    return status;
}

static whet_status scan_all(whet_backends *b)
{
    char exe[4096];
    Dl_info self;
    const char *list = getenv("WHET_PLUGINS");
    for (const char *p = list; p != NULL && *p != '\0';) {
        const size_t n = strcspn(p, ":");
        char *dir = whet_strndup(p, n);
        const whet_status status = dir != NULL ? scan(b, dir) : WHET_ENOMEM;
        whet_free(dir);
        WHET_TRY(status);
        p += n + (p[n] == ':');
    }
    const ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n > 0) {
        exe[n] = '\0';
        WHET_TRY(scan_around(b, exe));
    }
    /* The shared library of whet inside another program. */
    if (dladdr((const void *)&host, &self) != 0 && self.dli_fname != NULL && strchr(self.dli_fname, '/') != NULL)
        WHET_TRY(scan_around(b, self.dli_fname));
    return WHET_OK;
}

char *whet_backends_places(void)
{
    char exe[4096];
    const char *list = getenv("WHET_PLUGINS");
    const ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    const int len = n > 0 ? (int)n : 0;
    exe[len] = '\0';
    const int dir = (int)(whet_path_base(exe) - exe);
    return whet_format("%s%s%.*splugins, %.*s../plugins, %.*s../lib/whet/plugins", list != NULL ? list : "", list != NULL ? ", " : "", dir, exe, dir, exe, dir, exe);
}

whet_status whet_backends_create(whet_backends **out)
{
    *out = NULL;
    whet_backends *b = whet_calloc(1, sizeof *b);
    if (b == NULL) return WHET_ENOMEM;
    b->arena = whet_arena_create();
    b->e[0] = (whet_backend_entry){.name = "native", .path = "", .table = whet_backend_native(&host), .reason = ""};
    b->n = 1;
    const whet_status status = b->arena != NULL ? scan_all(b) : WHET_ENOMEM;
    if (status != WHET_OK) {
        whet_backends_free(b);
        return status;
    }
    *out = b;
    return WHET_OK;
}

void whet_backends_free(whet_backends *b)
{
    if (b == NULL) return;
    for (int i = 0; i < b->n; i++)
        if (b->handle[i] != NULL) dlclose(b->handle[i]);
    whet_arena_free(b->arena);
    whet_free(b);
}

int whet_backends_count(const whet_backends *b)
{
    return b->n;
}

const whet_backend_entry *whet_backends_at(const whet_backends *b, int i)
{
    return &b->e[i];
}

/* A version is asked for by its folder: which one the plug-in opens is decided here, before it loads anything. */
static whet_status choose_version(const char *name, const char *version)
{
    char dir[WHET_RUNTIME_PATH], text[2 * WHET_RUNTIME_NAME];
    if (whet_runtime_pinned(name) == NULL) return WHET_OK; /* native, or somebody's own plug-in: compared when it runs */
    snprintf(text, sizeof text, "%s@%s", name, version);
    const whet_status status = whet_runtime_dir(text, dir, sizeof dir);
    if (status == WHET_ENOTFOUND) return WHET_FAIL(WHET_EUNAVAILABLE, "%s", whet_error_last()->text);
    if (status == WHET_OK) whet_runtime_choose(name, version);
    return status;
}

whet_status whet_backend_is_version(const whet_backend *t, const char *asked, const char *version)
{
    const char *at = strchr(asked, '@');
    if (at == NULL || strcmp(at + 1, version) == 0 || whet_backend_is_external(asked)) return WHET_OK;
    return WHET_FAIL(WHET_EUNAVAILABLE, "%s %s is the one in this process, %s was asked for", t->title, version, at + 1);
}

whet_status whet_backends_find(const whet_backends *b, const char *asked, const whet_backend **out)
{
    char known[512] = "", name[WHET_RUNTIME_NAME], version[WHET_RUNTIME_NAME];
    *out = NULL;
    if (whet_backend_is_external(asked)) return whet_backend_external(asked, out);
    WHET_TRY(whet_runtime_split(asked, name, version));
    for (int i = 0; i < b->n; i++) {
        const whet_backend_entry *e = &b->e[i];
        if (strcmp(e->name, name) == 0 && e->table != NULL) {
            if (version[0] != '\0') WHET_TRY(choose_version(name, version));
            *out = e->table;
            return WHET_OK;
        }
        if (strcmp(e->name, name) == 0) return WHET_FAIL(WHET_EUNAVAILABLE, "runtime '%s': %s ('%s')", name, e->reason, e->path);
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i > 0 ? ", " : "", e->name);
    }
    return WHET_FAIL(WHET_EUNAVAILABLE, "there is no plug-in for the runtime '%s' (found: %s); `whet runtimes` lists what is there", name,
                     known);
}
