/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and opens OpenVINO: the C library in the folder of the runtime, after the two that it needs from the same folder, so
 * that no search path has to be set. Nothing but the version is asked before the version is known to be one that the plug-in
 * was written for. The device is asked once, because its own library is only loaded then: `available` means all of it. */
#include <dirent.h>
#include <dlfcn.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ov_plugin.h"

const char ov_built_for[] = "2026.4.*";
ov_runtime ov_rt;
const whet_backend_host *ov_host;

int ov_fail(int status, const char *fmt, ...)
{
    char text[OV_MAX_TEXT * 2];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    ov_host->set_error(status, text);
    return status;
}

/* Length of "Check 'x == y' failed at src/some/file.cpp:151:\n" and the like at p, which tells users nothing; 0: none. */
static size_t where_in_source(const char *p)
{
    const size_t line = strcspn(p, "\n");
    if (strncmp(p, "Exception from", 14) == 0) return line;
    if (strncmp(p, "Check '", 7) != 0) return 0;
    const char *at = strstr(p, "' failed at ");
    if (at == NULL || at > p + line) return 0;
    return (size_t)(at - p) + 12 + strcspn(at + 12, "\n ");
}

/* The library says where in its source an exception was thrown, level by level, before it says what is wrong. */
static void tidy(const char *said, char *out, size_t cap)
{
    size_t n = 0;
    bool blank = false;
    for (const char *p = said != NULL ? said : ""; *p != '\0' && n + 2 < cap;) {
        const size_t skip = where_in_source(p);
        if (skip > 0 || *p == '\n' || *p == ' ' || *p == '\t') {
            p += skip > 0 ? skip : 1;
            blank = true;
            continue;
        }
        if (blank && n > 0) out[n++] = ' ';
        blank = false;
        out[n++] = *p++;
    }
    out[n] = '\0';
    if (n == 0) snprintf(out, cap, "it does not say why");
}

static bool says_unsupported(const char *text)
{
    static const char *const words[] = {"unsupported", "not supported", "not implemented", "doesn't support", "no conversion rule"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        for (const char *p = text; *p != '\0'; p++)
            if (strncasecmp(p, words[i], strlen(words[i])) == 0) return true;
    return false;
}

int ov_check(int code, int status, const char *what)
{
    char text[OV_MAX_TEXT];
    if (code == 0) return 0;
    const char *said = ov_rt.api.get_last_err_msg();
    tidy(said, text, sizeof text);
    if (said != NULL) ov_rt.api.free(said);
    if (code == OV_NOT_IMPLEMENTED || says_unsupported(text)) status = WHET_EUNSUPPORTED;
    return ov_fail(status, "OpenVINO: %s: %.400s", what, text);
}

bool ov_can(const char *capability)
{
    return strstr(ov_rt.capabilities, capability) != NULL;
}

/* --- the library */
/* The file in dir that starts so; the shortest name of several. */
static bool find_in(const char *dir, const char *start, char *out, size_t cap)
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

/* $WHET_OPENVINO_LIBRARY is the C library itself; otherwise it lies where `whet runtimes install openvino` put it. */
static void *open_library(char *why, size_t cap)
{
    static const char *const needed[] = {"libtbb.so", "libopenvino.so", "libopenvino_c.so"};
    const char *given = getenv("WHET_OPENVINO_LIBRARY"), *dir = ov_host->runtime_dir("openvino");
    char path[4096];
    void *handle = NULL;
    if (given != NULL && given[0] != '\0') {
        handle = dlopen(given, RTLD_NOW | RTLD_LOCAL);
        if (handle == NULL) snprintf(why, cap, "'%.200s' cannot be loaded: %.200s", given, dlerror());
        return handle;
    }
    for (size_t i = 0; dir != NULL && i < sizeof needed / sizeof needed[0]; i++) {
        if (!find_in(dir, needed[i], path, sizeof path)) continue; /* the system may have it */
        handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (handle == NULL) {
            snprintf(why, cap, "'%.200s' cannot be loaded: %.200s", path, dlerror());
            return NULL;
        }
    }
    if (handle == NULL) snprintf(why, cap, "OpenVINO is not installed: run `whet runtimes install openvino`");
    return handle;
}

static bool find_functions(void *handle, char *why, size_t cap)
{
    static const struct { const char *name; size_t at; } functions[] = {
#define F(name, result, arguments) {"ov_" #name, offsetof(ov_api, name)},
        OV_FUNCTIONS
#undef F
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *f = dlsym(handle, functions[i].name);
        if (f == NULL) {
            snprintf(why, cap, "the library exports no %s: it is not an OpenVINO that this plug-in knows", functions[i].name);
            return false;
        }
        memcpy((char *)&ov_rt.api + functions[i].at, &f, sizeof f);
    }
    return true;
}

static bool right_version(char *why, size_t cap)
{
    ov_version v = {NULL, NULL};
    if (ov_rt.api.get_openvino_version(&v) != 0 || v.build == NULL) {
        snprintf(why, cap, "the library does not tell its version");
        return false;
    }
    /* "2026.4.1-21000-0123abc-releases/..." */
    snprintf(ov_rt.version, sizeof ov_rt.version, "%.*s", (int)strcspn(v.build, "-"), v.build);
    ov_rt.api.version_free(&v);
    if (fnmatch(ov_built_for, ov_rt.version, 0) == 0) return true;
    snprintf(why, cap, "version %s is installed, this plug-in was written for %s: run `whet runtimes install openvino`", ov_rt.version,
             ov_built_for);
    return false;
}

void ov_load(void)
{
    ov_core *core = NULL;
    char *value = NULL;
    if (ov_rt.core != NULL || ov_rt.why[0] != '\0') return;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    setenv("TBB_ENABLE_SANITIZERS", "1", 0); /* its threads' library is loaded in a way that sanitizers end the program for */
#endif
    void *handle = open_library(ov_rt.why, sizeof ov_rt.why);
    if (handle == NULL || !find_functions(handle, ov_rt.why, sizeof ov_rt.why) || !right_version(ov_rt.why, sizeof ov_rt.why)) return;
    if (ov_rt.api.core_create(&core) != 0 || ov_rt.api.core_get_property(core, "CPU", "OPTIMIZATION_CAPABILITIES", &value) != 0) {
        char text[300];
        const char *said = ov_rt.api.get_last_err_msg();
        tidy(said, text, sizeof text);
        snprintf(ov_rt.why, sizeof ov_rt.why, "OpenVINO %s has no usable CPU device: %s", ov_rt.version, text);
        return;
    }
    snprintf(ov_rt.capabilities, sizeof ov_rt.capabilities, "%s", value);
    ov_rt.api.free(value);
    ov_rt.core = core;
}
