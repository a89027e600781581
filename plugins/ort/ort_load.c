/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and opens ONNX Runtime. Nothing but the version is asked before the version is known to be one that the plug-in was
 * written for. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "ort_plugin.h"

const ort_api *ort_rt;

/* Code 7 is an unreadable protobuf, 3 a missing file, 9 and 10
 * models it cannot run. */
int ort_check(ort_status *s, const char *what)
{
    static const int codes[] = {0, WHET_ERUNTIME, WHET_EINVAL, WHET_ENOTFOUND, WHET_EFORMAT, WHET_ERUNTIME, WHET_ERUNTIME,
                                WHET_EFORMAT, WHET_ERUNTIME, WHET_EUNSUPPORTED, WHET_EFORMAT, WHET_ERUNTIME};
    if (s == NULL) return 0;
    const int code = ORT_CALL(GetErrorCode)(s);
    const int status = code > 0 && code < (int)(sizeof codes / sizeof codes[0]) ? codes[code] : WHET_ERUNTIME;
    plugin_fail(status, "ONNX Runtime: %s: %.700s", what, ORT_CALL(GetErrorMessage)(s));
    ORT_CALL(ReleaseStatus)(s);
    return status;
}

void ort_free(ort_allocator *a, void *p)
{
    ort_status *freed = ORT_CALL(AllocatorFree)(a, p);
    if (freed != NULL) ORT_CALL(ReleaseStatus)(freed);
}

/* The library's path: WHET_ORT_LIBRARY, else below the folder where `whet runtimes install ort` put it. */
static bool find_library(char *out, size_t cap)
{
    const char *given = plugin_given("WHET_ORT_LIBRARY"), *dir = plugin_runtime_dir();
    if (given != NULL) return snprintf(out, cap, "%s", given) < (int)cap;
    return dir != NULL && plugin_find_file(dir, "libonnxruntime.so.", out, cap);
}

bool ort_load(void)
{
    char path[4096];
    ort_get_api_base_fn entry = NULL;
    if (!find_library(path, sizeof path)) return plugin_not_installed();
    setenv("ORT_DISABLE_TELEMETRY", "1", 0); /* the wheels report each session to their maker: threads and traffic beside what is timed */
    void *library = plugin_dlopen(path);
    if (library == NULL) return false;
    *(void **)&entry = dlsym(library, "OrtGetApiBase");
    const ort_api_base *base = entry != NULL ? entry() : NULL;
    if (base == NULL) return plugin_cannot("'%.300s' exports no OrtGetApiBase: it is not ONNX Runtime", path);
    if (!plugin_built_for(base->GetVersionString())) return false;
    ort_rt = base->GetApi(ORT_API_VERSION_WANTED);
    if (ort_rt == NULL) return plugin_cannot("version %s has no C interface of version %d", plugin_library_version(), ORT_API_VERSION_WANTED);
    return true;
}
