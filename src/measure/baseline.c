/* SPDX-License-Identifier: Apache-2.0 */
/* --baseline: a fresh result against a stored one. */
#include "measure/baseline.h"

#include <stdio.h>

#include "measure/compare.h"
#include "wire/json.h"

static json_t *entry(const json_t *row)
{
    static const char *const keys[] = {"ratio", "low", "high", "p_holm", "verdict"};
    const json_t *speed = json_object_get(row, "speed");
    if (!json_is_object(speed)) return NULL;
    json_t *o = json_pack("{sO?, sO?}", "a", json_object_get(row, "now_id"), "b", json_object_get(row, "base_id"));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) json_object_set(o, keys[i], json_object_get(speed, keys[i]));
    json_object_set(o, "text", json_object_get(speed, "text"));
    return o;
}

whet_status whet_bench_compare_stored(json_t *doc, bool *failed, const json_t *old, const char *name, const whet_gates *gates, uint64_t seed)
{
    whet_compare_spec s;
    json_t *all = NULL, *list = json_array();
    whet_compare_spec_init(&s);
    s.base = old;
    s.now = doc;
    s.base_name = name;
    s.now_name = "this run";
    s.gates = *gates;
    s.seed = seed;
    whet_status status = whet_compare_documents(&all, failed, &s);
    const json_t *rows = json_object_get(all, "rows");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *e = entry(json_array_get(rows, i));
        if (e != NULL) json_array_append_new(list, e);
    }
    if (status == WHET_OK) {
        json_object_set(doc, "baseline", list);
        json_object_set(doc, "baseline_compare", all);
    }
    json_decref(list);
    json_decref(all);
    return status;
}
