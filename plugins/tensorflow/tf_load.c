/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and opens TensorFlow's C library, after the one that it needs from the same folder, so that no search path has to be
 * set. Nothing but the version is asked before the version is known to be one that the plug-in was written for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tf_plugin.h"

tf_api tf_rt;

int tf_check(const tf_status *s, int status, const char *what)
{
    enum { CANCELLED = 1, NOT_FOUND = 5, RESOURCE_EXHAUSTED = 8, UNIMPLEMENTED = 12, DATA_LOSS = 15 };
    char text[400];
    const int code = tf_rt.GetCode(s);
    if (code == 0) return 0;
    snprintf(text, sizeof text, "%s", tf_rt.Message(s));
    text[strcspn(text, "\n")] = '\0';
    if (code == UNIMPLEMENTED || strstr(text, "Op type not registered") != NULL) status = WHET_EUNSUPPORTED;
    if (code == RESOURCE_EXHAUSTED) status = WHET_ENOMEM;
    if (code == DATA_LOSS) status = WHET_EFORMAT;
    return plugin_fail(status, "TensorFlow: %s: %s", what, text);
}

static void *open_library(void)
{
    static const char *const needed[] = {"libtensorflow_framework.so.2", "libtensorflow_cc.so.2"};
    const char *given = plugin_given("WHET_TENSORFLOW_LIBRARY"), *dir = plugin_runtime_dir();
    char path[4096];
    void *handle = NULL;
    if (given != NULL) return plugin_dlopen(given);
    if (dir == NULL) plugin_not_installed();
    for (size_t i = 0; dir != NULL && i < PLUGIN_COUNT(needed); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, needed[i]);
        handle = plugin_dlopen(path);
        if (handle == NULL) return NULL;
    }
    return handle;
}

bool tf_load(void)
{
    static const plugin_function functions[] = {
#define F(name, result, arguments) {"TF_" #name, offsetof(tf_api, name)},
        TF_FUNCTIONS
#undef F
    };
    setenv("TF_CPP_MIN_LOG_LEVEL", "3", 0); /* it tells of its CPU features and of missing GPUs otherwise */
    setenv("TF_OVERRIDE_GLOBAL_THREADPOOL", "1", 0); /* else all sessions of the process have the first one's number of threads */
    void *handle = open_library();
    return handle != NULL && plugin_functions(handle, &tf_rt, functions, PLUGIN_COUNT(functions)) && plugin_built_for(tf_rt.Version());
}
