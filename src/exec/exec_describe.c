/* SPDX-License-Identifier: Apache-2.0 */
/* A plan as JSON, for inspection: per node the chosen kernel, the refusals of the better ones, and where its result lies. */
#include <jansson.h>

#include "exec/exec_private.h"

static const char *provider_name(uint32_t provider)
{
    static const struct { uint32_t bit; const char *name; } names[] = {
        {WHET_PROVIDER_REF, "ref"}, {WHET_PROVIDER_OWN, "own"}, {WHET_PROVIDER_ONEDNN, "onednn"}, {WHET_PROVIDER_VEC, "vec"}};
    for (size_t i = 0; i < WHET_COUNT(names); i++)
        if (provider & names[i].bit) return names[i].name;
    return "";
}

static json_t *place_of(const whet_plan *p, const plan_step *s)
{
    static const char *const regions[] = {"arena", "constants", "variables", "inputs"};
    const whet_vid v = s->k.n_out > 0 ? s->k.out[0].vid : WHET_NO_VALUE;
    if (v < 0) return json_null();
    const storage *x = &p->storages[whet_storage_find_(p, p->storage_of[v])];
    return json_pack("{s:s, s:I, s:I}", "region", regions[x->kind], "offset", (json_int_t)x->offset, "bytes", (json_int_t)x->bytes);
}

static json_t *describe_step(const whet_plan *p, const plan_step *s)
{
    char op[128], shape[160] = "";
    json_t *refusals = json_array();
    whet_op_text(s->k.n->op, op, sizeof op);
    if (s->k.n_out > 0 && s->k.out[0].vid >= 0) whet_shape_text(&s->k.out[0].shape, shape, sizeof shape);
    for (size_t i = 0; i < s->priv.n_refusals; i++)
        json_array_append_new(refusals, json_pack("{s:s, s:s}", "kernel", s->priv.refusals[i].impl->name, "reason",
                                                  s->priv.refusals[i].reason));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:o}", "node", s->k.n->name, "op", op, "kernel",
                     s->view ? "view" : s->k.impl->name, "provider", s->view ? "" : provider_name(s->k.impl->provider), "shape",
                     shape, "layout", s->k.n_out > 0 && s->k.out[0].layout == WHET_NHWC ? "nhwc" : "nchw", "workspace",
                     (json_int_t)s->k.workspace_size, "refused", refusals, "place", place_of(p, s));
}

whet_status whet_plan_describe(const whet_plan *p, char **json)
{
    json_t *list = json_array();
    *json = NULL;
    for (int i = 0; list != NULL && i < p->n_steps; i++)
        if (json_array_append_new(list, describe_step(p, &p->steps[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    char *text = list != NULL ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    if (text != NULL) *json = whet_strdup(text);
    free(text);
    return *json != NULL ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "out of memory for the plan's description");
}
