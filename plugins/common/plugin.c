/* SPDX-License-Identifier: Apache-2.0 */
/* The members of the backend table that are the same for every runtime, and the parts of the others: the library is opened
 * when it is first needed and only once, settings go through a table of functions, a model's inputs and outputs are slots
 * with the shape of the file and the one that was asked for. */
#include "plugin.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 1536, MAX_COUNT = 4096 };

const whet_backend_host *plugin_host;
static struct { bool tried, usable; char version[64], why[MAX_TEXT]; } rt;

__attribute__((visibility("default"))) const whet_backend *whet_backend_entry(const whet_backend_host *h);
const whet_backend *whet_backend_entry(const whet_backend_host *h)
{
    if (h->size < sizeof(whet_backend_host)) return NULL;
    plugin_host = h;
    return &plugin_self.table;
}

int plugin_fail(int status, const char *fmt, ...)
{
    char text[MAX_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    plugin_host->set_error(status, text);
    return status;
}

int plugin_no_memory(void) { return plugin_fail(WHET_ENOMEM, "out of memory"); }

/* --- the library */
bool plugin_ready(void)
{
    if (!rt.tried) {
        rt.tried = true;
        rt.usable = plugin_self.load();
    }
    return rt.usable;
}

int plugin_version(char *out, size_t cap)
{
    plugin_ready();
    if (rt.version[0] == '\0') return plugin_fail(WHET_EUNAVAILABLE, "%s", rt.why);
    snprintf(out, cap, "%s", rt.version);
    return 0;
}

int plugin_available(char *reason, size_t cap)
{
    if (plugin_ready()) return 0;
    snprintf(reason, cap, "%s", rt.why);
    return WHET_EUNAVAILABLE;
}

bool plugin_cannot(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(rt.why, sizeof rt.why, fmt, ap);
    va_end(ap);
    return false;
}

bool plugin_not_installed(void)
{
    return plugin_cannot("%s is not installed: run `whet runtimes install %s`", plugin_self.table.title, plugin_self.table.name);
}

const char *plugin_runtime_dir(void) { return plugin_host->runtime_dir(plugin_self.table.name); }

const char *plugin_given(const char *variable)
{
    const char *value = getenv(variable);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

bool plugin_find_file(const char *dir, const char *start, char *out, size_t cap)
{
    size_t best = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        const size_t n = strlen(e->d_name);
        if (strncmp(e->d_name, start, strlen(start)) != 0 || (best > 0 && n >= best)) continue;
        if (snprintf(out, cap, "%s/%s", dir, e->d_name) < (int)cap) best = n;
    }
    if (d != NULL) closedir(d);
    return best > 0;
}

void *plugin_dlopen(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) plugin_cannot("'%.300s' cannot be loaded: %.900s", path, dlerror());
    return library;
}

bool plugin_functions(void *library, void *api, const plugin_function *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        void *f = dlsym(library, list[i].name);
        if (f == NULL) return plugin_cannot("the library exports no %s: it is no %s that this plug-in knows", list[i].name, plugin_self.table.title);
        memcpy((char *)api + list[i].at, &f, sizeof f);
    }
    return true;
}

bool plugin_built_for(const char *version)
{
    const char *built_for = plugin_self.table.built_for;
    char one[32];
    snprintf(rt.version, sizeof rt.version, "%s", version);
    for (const char *p = built_for; *p != '\0'; p += strcspn(p, " "), p += *p == ' ') {
        snprintf(one, sizeof one, "%.*s", (int)strcspn(p, " "), p);
        if (fnmatch(one, rt.version, 0) == 0) return true;
    }
    return plugin_cannot("version %s is installed, this plug-in was written for %s: run `whet runtimes install %s`", rt.version, built_for,
                         plugin_self.table.name);
}

const char *plugin_library_version(void) { return rt.version; }

/* --- models and streams */
int plugin_open(whet_backend_model **out, const char *path, const whet_backend_setting *settings, int n)
{
    *out = NULL;
    if (!plugin_ready()) return plugin_fail(WHET_EUNAVAILABLE, "%s", rt.why);
    whet_backend_model *m = calloc(1, plugin_self.model_size);
    if (m == NULL) return plugin_no_memory();
    const int status = plugin_self.build(m, path, settings, n);
    if (status != 0)
        plugin_self.table.close(m);
    else
        *out = m;
    return status;
}

int plugin_stream_create(whet_backend_model *m, whet_backend_stream **out)
{
    *out = NULL;
    whet_backend_stream *s = calloc(1, plugin_self.stream_size);
    if (s == NULL) return plugin_no_memory();
    const int status = plugin_self.begin(s, m);
    if (status != 0)
        plugin_self.table.stream_free(s);
    else
        *out = s;
    return status;
}

int plugin_io_unmap(whet_backend_stream *s, int output, int i)
{
    (void)s;
    (void)output;
    (void)i;
    return 0;
}

/* --- settings */
int plugin_apply(whet_backend_model *m, const plugin_setting *table, size_t n_table, const whet_backend_setting *s, int n)
{
    for (int i = 0; i < n; i++) {
        size_t k = 0;
        while (k < n_table && strcmp(table[k].key, s[i].key) != 0) k++;
        if (k == n_table) return plugin_fail(WHET_EUNSUPPORTED, "%s has no setting '%s'", plugin_self.table.title, s[i].key);
        const int status = table[k].set(m, s[i].value);
        if (status != 0) return status;
    }
    return 0;
}

int plugin_count(const char *key, const char *v, int *out)
{
    char *end = NULL;
    const long n = strtol(v, &end, 10);
    if (end == v || *end != '\0' || n < 1 || n > MAX_COUNT)
        return plugin_fail(WHET_EINVAL, "'%s' is '%s', must be an integer from 1 to %d", key, v, MAX_COUNT);
    *out = (int)n;
    return 0;
}

int plugin_level(const char *v, int *out)
{
    static const char *const names[] = {"off", "basic", "all"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(v, names[i]) != 0) continue;
        *out = i;
        return 0;
    }
    return plugin_fail(WHET_EINVAL, "'optimisation' is '%s', must be off, basic or all", v);
}

int plugin_choice(const char *key, const char *v, const char *one, const char *other, bool *is_one)
{
    *is_one = strcmp(v, one) == 0;
    return *is_one || strcmp(v, other) == 0 ? 0 : plugin_fail(WHET_EINVAL, "'%s' is '%s', must be %s or %s", key, v, one, other);
}

int plugin_any_model(whet_backend_model *m, const char *v)
{
    bool on = false;
    (void)m;
    return plugin_choice("executed_graph or profile", v, "on", "off", &on);
}

/* --- inputs and outputs */
int plugin_ends_alloc(plugin_ends *e, int output, size_t n, size_t most)
{
    if (n > most) return plugin_fail(WHET_EUNSUPPORTED, "the model has %zu inputs or outputs, at most %zu are possible", n, most);
    e->io[output] = calloc(n + 1, sizeof *e->io[output]);
    if (e->io[output] == NULL) return plugin_no_memory();
    e->n[output] = (int)n;
    return 0;
}

void plugin_ends_free(plugin_ends *e)
{
    free(e->io[0]);
    free(e->io[1]);
    *e = (plugin_ends){{0, 0}, {NULL, NULL}};
}

const plugin_slot *plugin_end(const plugin_ends *e, int output, int i)
{
    output = output != 0;
    if (i >= 0 && i < e->n[output]) return &e->io[output][i];
    plugin_fail(WHET_ENOTFOUND, "there is no %s %d", output ? "output" : "input", i);
    return NULL;
}

int plugin_name(plugin_slot *s, const char *name)
{
    snprintf(s->name, sizeof s->name, "%s", name);
    return strlen(name) < sizeof s->name ? 0 : plugin_fail(WHET_EUNSUPPORTED, "a tensor name has over %zu bytes", sizeof s->name - 1);
}

int plugin_is_fixed(const plugin_slot *s)
{
    for (int d = 0; d < s->rank; d++)
        if (s->dims[d] < 0) return plugin_fail(WHET_ESHAPE, "dimension %d of input '%s' is free: set its shape first", d, s->name);
    return 0;
}

void plugin_fill(whet_backend_io *info, const plugin_slot *s)
{
    *info = (whet_backend_io){.name = s->name, .dtype = s->dtype, .rank = s->rank > 0 ? s->rank : 0, .scale = s->scale, .zero_point = s->zero_point, .layout = ""};
    memcpy(info->dims, s->dims, sizeof info->dims);
}

int plugin_io_info(whet_backend_model *m, int output, int i, whet_backend_io *info)
{
    const plugin_ends *e = (const void *)m; /* a model begins with it */
    output = output != 0;
    if (i < 0 || i >= e->n[output]) return WHET_ENOTFOUND;
    plugin_fill(info, &e->io[output][i]);
    return 0;
}

int plugin_set_shape(whet_backend_model *m, int i, int rank, const int64_t *dims)
{
    plugin_ends *e = (void *)m;
    if (plugin_end(e, 0, i) == NULL) return WHET_ENOTFOUND;
    plugin_slot *s = &e->io[0][i];
    bool fits = rank == s->rank;
    for (int d = 0; fits && d < rank; d++) fits = dims[d] >= 0 && (s->file[d] < 0 || s->file[d] == dims[d]);
    if (!fits) return plugin_fail(WHET_ESHAPE, "input '%s' of the model does not take this shape", s->name);
    memcpy(s->dims, dims, (size_t)rank * sizeof dims[0]);
    return 0;
}

size_t plugin_element_size(int onnx_type)
{
    static const unsigned char sizes[] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 8, 16, 2, 1, 1, 1, 1};
    return onnx_type > 0 && onnx_type < (int)sizeof sizes ? sizes[onnx_type] : 0;
}
