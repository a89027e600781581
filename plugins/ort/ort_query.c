/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a model: its tensors, the graph that the session saved and its trace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ort_onnx.h"
#include "ort_plugin.h"

char *ort_end_trace(whet_backend_model *m)
{
    ort_allocator *a = NULL;
    char *path = NULL, *text = NULL;
    size_t n = 0;
    if (!m->profiling || m->session == NULL) return NULL;
    m->profiling = false;
    if (ort_check(ORT_CALL(GetAllocatorWithDefaultOptions)(&a), "allocator") != 0) return NULL;
    if (ort_check(ORT_CALL(SessionEndProfiling)(m->session, a, &path), "profile") != 0) return NULL;
    text = (char *)plugin_file_read(path, &n);
    unlink(path);
    ort_free(a, path);
    return text;
}

/* --- questions: a table of key and function; each gives a heap text, or NULL with an error set */
static char *tell_threads(whet_backend_model *m)
{
    char text[64];
    snprintf(text, sizeof text, "{\"intra_op\":%d,\"inter_op\":1}", m->threads);
    return strdup(text);
}

static char *tell_tensors(whet_backend_model *m)
{
    size_t n = 0;
    uint8_t *file = plugin_file_read(m->path, &n);
    char *text = file != NULL ? ort_onnx_tensors(file, n) : NULL;
    free(file);
    return text;
}

static char *tell_graph(whet_backend_model *m)
{
    size_t n = 0;
    uint8_t *original = m->saved != NULL ? plugin_file_read(m->path, &n) : NULL;
    char *text = original != NULL ? ort_onnx_nodes(m->saved, m->saved_size, original, n) : NULL;
    free(original);
    return text;
}

static char *tell_profile(whet_backend_model *m)
{
    char *trace = ort_end_trace(m); /* once: no further run is traced */
    if (trace != NULL && m->profile == NULL) m->profile = ort_profile_nodes(trace);
    free(trace);
    return m->profile != NULL ? strdup(m->profile) : NULL;
}

static const struct { const char *key; char *(*tell)(whet_backend_model *); } questions[] = {
    {"threads", tell_threads}, {"tensors", tell_tensors}, {"executed_graph", tell_graph}, {"profile", tell_profile}};

int ort_query(whet_backend_model *m, const char *key, char **json)
{
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        if (strcmp(questions[i].key, key) != 0) continue;
        char *text = questions[i].tell(m);
        const int status = text != NULL ? plugin_tell(json, text) : WHET_EUNSUPPORTED;
        free(text);
        if (status != WHET_EUNSUPPORTED) return status;
    }
    return plugin_fail(WHET_EUNSUPPORTED, "ONNX Runtime does not tell '%s'", key);
}
