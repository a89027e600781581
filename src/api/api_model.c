/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of whet/model.h: opening and saving. Converting stands in api_convert.c, inspecting in api_inspect.c, running in
 * api_run.c. */
#include <string.h>

#include "api/convert_job.h"
#include "api/model_handle.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "formats/formats.h"

void whet_model_close(whet_model *m)
{
    if (!m) return;
    whet_graph_free(m->g);
    whet_free(m->path);
    whet_free(m);
}

whet_status whet_model_open(whet_model **out, const char *path)
{
    WHET_NUMBERS_WITH_POINT;
    const whet_model_format *f = NULL;
    whet_model *m = NULL;
    *out = NULL;
    if (!path || !*path) return WHET_FAIL(WHET_EINVAL, "no model file is named");
    WHET_TRY(whet_format_of_file(path, &f));
    m = whet_calloc(1, sizeof(*m));
    if (!m) return WHET_ENOMEM;
    m->format = f->name;
    m->format_title = f->title;
    m->path = whet_strdup(path);
    whet_status status = m->path ? whet_format_read(&m->g, path, NULL) : WHET_ENOMEM;
    if (status != WHET_OK) {
        whet_model_close(m);
        return status;
    }
    *out = m;
    return WHET_OK;
}

whet_status whet_model_save(const whet_model *m, const char *path, const whet_convert_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    const whet_model_format *target = NULL;
    whet_convert_graph_options how;
    whet_convert_options o;
    if (!m || !path) return WHET_FAIL(WHET_EINVAL, "model or path is missing");
    whet_convert_options_settle(&o, opt);
    WHET_TRY(whet_convert_how(&o, &how));
    WHET_TRY(whet_format_for_writing(o.format, path, &target));
    return whet_convert_graph(m->g, target, path, &how, NULL);
}
