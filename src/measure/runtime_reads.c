/* SPDX-License-Identifier: Apache-2.0 */
/* A runtime's list of formats against what a file is. */
#include "measure/runtime_reads.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "formats/formats.h"

/* A format of the plug-in's own may be anything. */
static bool is_known(const char *format)
{
    const whet_model_format *f = NULL;
    for (size_t i = 0; (f = whet_format_row(i)) != NULL; i++)
        if (strcmp(f->name, format) == 0) return true;
    return false;
}

whet_status whet_runtime_reads_format(const json_t *caps, const char *runtime, const char *format)
{
    const json_t *formats = json_object_get(caps, "formats"), *x = NULL;
    const whet_model_format *f = NULL;
    char list[300] = "";
    size_t i = 0, at = 0;
    if (json_array_size(formats) == 0) return WHET_OK;
    json_array_foreach(formats, i, x) {
        const char *name = json_string_value(x);
        if (name == NULL || !is_known(name) || strcmp(name, format) == 0) return WHET_OK;
        if (at < sizeof list) at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", at > 0 ? ", " : "", name);
    }
    for (i = 0; (f = whet_format_row(i)) != NULL && strcmp(f->name, format) != 0;) i++;
    if (f != NULL && f->read == NULL)
        return WHET_FAIL(WHET_EUNSUPPORTED, "%s holds no network: make a model of both with `whet convert FILE OUT.onnx --model NAME`", f->title);
    return WHET_FAIL(WHET_EUNSUPPORTED, "%s does not read %s, it reads %s", runtime, f != NULL ? f->title : format, list);
}

whet_status whet_runtime_reads(const json_t *caps, const char *runtime, const char *path)
{
    const whet_model_format *f = NULL;
    if (whet_format_of_file(path, &f) != WHET_OK) return WHET_OK; /* the runtime is to say it */
    return whet_runtime_reads_format(caps, runtime, f->name);
}

const char *whet_runtime_of_format(const char *format)
{
    static const char *const rows[][2] = {{"onnx", "ort"}, {"tflite", "litert"}, {"openvino", "openvino"}, {"torchscript", "libtorch"},
                                          {"saved_model", "tensorflow"}, {"tensorflow", "tensorflow"}};
    for (size_t i = 0; i < WHET_COUNT(rows); i++)
        if (strcmp(rows[i][0], format) == 0) return rows[i][1];
    return NULL;
}
