/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and opens OpenVINO: the C library in the folder of the runtime, after the two that it needs from the same folder, so
 * that no search path has to be set. Nothing but the version is asked before the version is known to be one that the plug-in
 * was written for. The device is asked once, because its own library is only loaded then: `available` means all of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ov_plugin.h"

ov_runtime ov_rt;

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
    char text[512];
    if (code == 0) return 0;
    const char *said = ov_rt.api.get_last_err_msg();
    tidy(said, text, sizeof text);
    if (said != NULL) ov_rt.api.free(said);
    if (code == OV_NOT_IMPLEMENTED || says_unsupported(text)) status = WHET_EUNSUPPORTED;
    return plugin_fail(status, "OpenVINO: %s: %.400s", what, text);
}

bool ov_can(const char *capability)
{
    return strstr(ov_rt.capabilities, capability) != NULL;
}

/* --- the library */
/* $WHET_OPENVINO_LIBRARY is the C library itself; otherwise it lies where `whet runtimes install openvino` put it. */
static void *open_library(void)
{
    static const char *const needed[] = {"libtbb.so", "libopenvino.so", "libopenvino_c.so"};
    const char *given = plugin_given("WHET_OPENVINO_LIBRARY"), *dir = plugin_runtime_dir();
    char path[4096];
    void *handle = NULL;
    if (given != NULL) return plugin_dlopen(given);
    for (size_t i = 0; dir != NULL && i < PLUGIN_COUNT(needed); i++) {
        if (!plugin_find_file(dir, needed[i], path, sizeof path)) continue; /* the system may have it */
        handle = plugin_dlopen(path);
        if (handle == NULL) return NULL;
    }
    if (handle == NULL) plugin_not_installed();
    return handle;
}

static bool right_version(void)
{
    char version[64];
    ov_version v = {NULL, NULL};
    if (ov_rt.api.get_openvino_version(&v) != 0 || v.build == NULL) return plugin_cannot("the library does not tell its version");
    /* "2026.4.1-21000-0123abc-releases/..." */
    snprintf(version, sizeof version, "%.*s", (int)strcspn(v.build, "-"), v.build);
    ov_rt.api.version_free(&v);
    return plugin_built_for(version);
}

bool ov_load(void)
{
    static const plugin_function functions[] = {
#define F(name, result, arguments) {"ov_" #name, offsetof(ov_api, name)},
        OV_FUNCTIONS
#undef F
    };
    ov_core *core = NULL;
    char *value = NULL;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    setenv("TBB_ENABLE_SANITIZERS", "1", 0); /* its threads' library is loaded in a way that sanitizers end the program for */
#endif
    void *handle = open_library();
    if (handle == NULL || !plugin_functions(handle, &ov_rt.api, functions, PLUGIN_COUNT(functions)) || !right_version()) return false;
    if (ov_rt.api.core_create(&core) != 0 || ov_rt.api.core_get_property(core, "CPU", "OPTIMIZATION_CAPABILITIES", &value) != 0) {
        char text[300];
        const char *said = ov_rt.api.get_last_err_msg();
        tidy(said, text, sizeof text);
        return plugin_cannot("OpenVINO %s has no usable CPU device: %s", plugin_library_version(), text);
    }
    snprintf(ov_rt.capabilities, sizeof ov_rt.capabilities, "%s", value);
    ov_rt.api.free(value);
    ov_rt.core = core;
    return true;
}
