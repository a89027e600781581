/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the plug-in share. */
#ifndef WHET_PLUGINS_ORT_PLUGIN_H
#define WHET_PLUGINS_ORT_PLUGIN_H

#include "ort_abi.h"
#include "plugin.h"

enum { ORT_MAX_IO = 1024 };

struct whet_backend_model {
    plugin_ends ends;
    ort_env *env;
    ort_options *options;
    ort_session *session;
    char *path;       /* of the file */
    char *graph_path; /* of the optimised model while the session is made; NULL unless asked for at open */
    uint8_t *saved;   /* its bytes: a process that is killed leaves no file behind */
    size_t saved_size;
    char *profile;    /* what the session's trace came to, as JSON; NULL: not asked for yet */
    bool profiling;   /* the session writes a trace */
    int threads, streams; /* threads of all streams together */
};

/* ort_load.c */
extern const ort_api *ort_rt; /* NULL before it is loaded */
bool ort_load(void);
/* Turns the runtime's status into ours; `what` was being done. */
int ort_check(ort_status *s, const char *what);
#define ORT_CALL(name) ORT(ort_rt, name)
#define TRY(call, what)                                                                                               \
    do {                                                                                                              \
        int try_ = ort_check((call), (what));                                                                         \
        if (try_ != 0) return try_;                                                                                   \
    } while (0)
/* Gives memory back that the runtime's allocator made. */
void ort_free(ort_allocator *a, void *p);

/* ort_settings.c: into m->options and m */
int ort_configure(whet_backend_model *m, const whet_backend_setting *s, int n);

/* ort_query.c */
int ort_query(whet_backend_model *m, const char *key, char **json);
char *ort_end_trace(whet_backend_model *m); /* ends the session's trace: its text, heap, NULL if there is none; the file is removed */

#endif
