/* SPDX-License-Identifier: Apache-2.0 */
/* `whet_inspect`: any file, weights alone, or a network of the zoo by its name. */
#include <string.h>

#include "api/inspect_parts.h"
#include "api/result.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/numbers.h"
#include "base/spelling.h"
#include "data/contract.h"
#include "formats/formats.h"
#include "models/models.h"

static whet_status inspect_weights(whet_result **out, const char *path, const whet_model_format *f, const whet_model_inspect_options *o)
{
    whet_weights *w = NULL;
    json_t *list = json_array(), *meta = json_object(), *doc = NULL;
    char text[160], sha[65] = "";
    int64_t params = 0;
    whet_status status = WHET_OK;
    if (o->kernels || o->target) WHET_GOTO(WHET_FAIL(WHET_EINVAL, "'%s' holds weights alone: there is no graph to look at", path));
    WHET_GOTO(whet_format_read_weights(&w, path));
    WHET_GOTO(whet_sha256_file(path, sha));
    for (size_t i = 0; i < w->n; i++) {
        const whet_tensor *t = &w->tensors[i];
        params += whet_tensor_numel(t);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I}", "name", w->names[i], "dtype", whet_dtype_name(t->dtype), "shape",
                                              whet_shape_text(&t->shape, text, sizeof(text)), "bytes", (json_int_t)whet_tensor_bytes(t)));
    }
    for (size_t i = 0; i < w->n_meta; i++)
        if (strcmp(w->meta[2 * i], WHET_CONTRACT_META) != 0) json_object_set_new(meta, w->meta[2 * i], json_string(w->meta[2 * i + 1]));
    doc = json_pack("{s:s, s:s, s:I, s:s, s:I, s:O, s:O}", "path", path, "format", f->title, "bytes", (json_int_t)whet_file_size(path), "sha256",
                    sha, "params", (json_int_t)params, "metadata", meta, "tensors", list);
    if (!doc) WHET_GOTO(WHET_FAIL(WHET_ENOMEM, "out of memory"));
    WHET_GOTO(inspect_add_contract(doc, whet_weights_meta(w, WHET_CONTRACT_META)));
    status = whet_result_make(out, "inspect", json_incref(doc), 0, inspect_render);
done:
    json_decref(doc);
    json_decref(meta);
    json_decref(list);
    whet_weights_free(w);
    return status;
}

static whet_status inspect_zoo(whet_result **out, const char *name, const whet_model_inspect_options *o)
{
    whet_graph *g = NULL;
    whet_facts facts = {0};
    WHET_TRY(whet_model_build(name, NULL, &g));
    whet_facts_count(&facts, g);
    const whet_status status = inspect_graph(out, name, "zoo", "a network of the zoo with seeded weights", g, &facts, o);
    whet_graph_free(g);
    return status;
}

whet_status whet_inspect(whet_result **out, const char *path, const whet_model_inspect_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    const whet_model_inspect_options o = inspect_settle(opt);
    const whet_model_format *f = NULL;
    whet_model *m = NULL;
    *out = NULL;
    if (!path || !*path) return WHET_FAIL(WHET_EINVAL, "no model file is named");
    if (!whet_file_exists(path) && !whet_dir_exists(path)) {
        whet_spelling s = {.word = path};
        for (int i = 0; i < whet_model_count(); i++) whet_spelling_offer(&s, whet_model_at(i)->name);
        if (whet_model_find(path)) return inspect_zoo(out, path, &o);
        if (s.nearest && !strchr(path, '/') && !strchr(path, '.'))
            return WHET_FAIL(WHET_ENOTFOUND, "there is no file '%s'; the zoo has a network '%s'", path, s.nearest);
    }
    WHET_TRY(whet_format_of_file(path, &f));
    if (!f->read) return inspect_weights(out, path, f, &o);
    WHET_TRY(whet_model_open(&m, path));
    const whet_status status = whet_model_inspect(m, &o, out);
    whet_model_close(m);
    return status;
}
