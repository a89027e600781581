/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and opens TensorFlow's C library, after the one that it needs from the same folder, so that no search path has to be
 * set. Nothing but the version is asked before the version is known to be one that the plug-in was written for. */
#include <dlfcn.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tf_plugin.h"

const char tf_built_for[] = "2.21.*";
tf_runtime tf_rt;
const whet_backend_host *tf_host;

int tf_fail(int status, const char *fmt, ...)
{
    char text[TF_MAX_TEXT * 2];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    tf_host->set_error(status, text);
    return status;
}

int tf_check(const tf_status *s, int status, const char *what)
{
    enum { CANCELLED = 1, NOT_FOUND = 5, RESOURCE_EXHAUSTED = 8, UNIMPLEMENTED = 12, DATA_LOSS = 15 };
    char text[400];
    const int code = tf_rt.api.GetCode(s);
    if (code == 0) return 0;
    snprintf(text, sizeof text, "%s", tf_rt.api.Message(s));
    text[strcspn(text, "\n")] = '\0';
    if (code == UNIMPLEMENTED || strstr(text, "Op type not registered") != NULL) status = WHET_EUNSUPPORTED;
    if (code == RESOURCE_EXHAUSTED) status = WHET_ENOMEM;
    if (code == DATA_LOSS) status = WHET_EFORMAT;
    return tf_fail(status, "TensorFlow: %s: %s", what, text);
}

static void *open_library(char *why, size_t cap)
{
    static const char *const needed[] = {"libtensorflow_framework.so.2", "libtensorflow_cc.so.2"};
    const char *given = getenv("WHET_TENSORFLOW_LIBRARY"), *dir = tf_host->runtime_dir("tensorflow");
    char path[4096];
    void *handle = NULL;
    const bool has = given != NULL && given[0] != '\0';
    if (!has && dir == NULL) {
        snprintf(why, cap, "TensorFlow is not installed: run `whet runtimes install tensorflow`");
        return NULL;
    }
    for (size_t i = has ? 1 : 0; i < sizeof needed / sizeof needed[0]; i++) {
        snprintf(path, sizeof path, "%s%s%s", has ? given : dir, has ? "" : "/", has ? "" : needed[i]);
        handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (handle == NULL) {
            snprintf(why, cap, "'%.200s' cannot be loaded: %.200s", path, dlerror());
            return NULL;
        }
    }
    return handle;
}

static bool find_functions(void *handle, char *why, size_t cap)
{
    static const struct { const char *name; size_t at; } functions[] = {
#define F(name, result, arguments) {"TF_" #name, offsetof(tf_api, name)},
        TF_FUNCTIONS
#undef F
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *f = dlsym(handle, functions[i].name);
        if (f == NULL) {
            snprintf(why, cap, "the library exports no %s: it is not a TensorFlow that this plug-in knows", functions[i].name);
            return false;
        }
        memcpy((char *)&tf_rt.api + functions[i].at, &f, sizeof f);
    }
    return true;
}

void tf_load(void)
{
    if (tf_rt.usable || tf_rt.why[0] != '\0') return;
    setenv("TF_CPP_MIN_LOG_LEVEL", "3", 0); /* it tells of its CPU features and of missing GPUs otherwise */
    void *handle = open_library(tf_rt.why, sizeof tf_rt.why);
    if (handle == NULL || !find_functions(handle, tf_rt.why, sizeof tf_rt.why)) return;
    snprintf(tf_rt.version, sizeof tf_rt.version, "%s", tf_rt.api.Version());
    tf_rt.usable = fnmatch(tf_built_for, tf_rt.version, 0) == 0;
    if (!tf_rt.usable)
        snprintf(tf_rt.why, sizeof tf_rt.why, "version %s is installed, this plug-in was written for %s: run `whet runtimes install tensorflow`",
                 tf_rt.version, tf_built_for);
}
