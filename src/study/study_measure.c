// SPDX-License-Identifier: Apache-2.0
// What the measured steps share: the runtimes that are there, each asked once, and what a step's job says of a cell.
#include "study/study_measure.h"

#include <string.h>

#include "base/cancel.h"
#include "base/cpu.h"
#include "base/threads.h"
#include "measure/launch.h"
#include "study/study_keys.h"
#include "wire/json.h"

// Asked in a process of its own: probing loads the vendor's library.
static json_t *probe(const char *runtime)
{
    whet_worker_options opt;
    whet_worker *w = NULL;
    json_t *reply = NULL;
    whet_worker_options_init(&opt);
    whet_status status = whet_worker_start(&w, &opt);
    if (status == WHET_OK) status = whet_worker_call(w, json_pack("{s:s, s:s}", "do", "probe", "runtime", runtime), 60, &reply);
    whet_worker_free(w);
    if (status == WHET_OK) return reply;
    json_decref(reply);
    return json_pack("{s:b, s:s}", "available", 0, "reason", whet_error_message());
}

// What the plan of a model alone has found out already: a large library takes seconds to load.
static json_t *asked_before(const study_run *r, const char *name)
{
    json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(r->s->probed, i, o)
    {
        if (strcmp(whet_json_str(o, "name"), name) == 0) return json_incref(o);
    }
    return NULL;
}

whet_status study_find_runtimes(study_run *r)
{
    for (int i = 0; i < r->n_cells; i++) {
        const char *name = whet_study_text(r->c[i].set, "runtime");
        if (json_object_get(r->runtimes, name) != NULL) continue;
        json_t *known = asked_before(r, name);
        json_object_set_new(r->runtimes, name, known != NULL ? known : probe(name));
        if (whet_cancelled()) return WHET_FAIL(WHET_ECANCELLED, "interrupted while asking for runtimes");
    }
    return WHET_OK;
}

const json_t *study_runtime(const study_run *r, const study_cell *c)
{
    return json_object_get(r->runtimes, whet_study_text(c->set, "runtime"));
}

int study_threads(const study_cell *c)
{
    int n = (int)whet_study_number(c->set, "threads");
    return n > 0 ? n : whet_cpu_count();
}

json_t *study_split_hash(const study_cell *c, whet_split split)
{
    char sha256[65];
    if (c->data == NULL || c->data->set == NULL || whet_dataset_count(c->data->set, split) == 0) return json_null();
    if (whet_dataset_hash(c->data->set, split, sha256) != WHET_OK) return json_null();
    return json_string(sha256);
}

void study_put_unusual(json_t *o, const json_t *set, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_object_get(set, keys[i]);
        json_t *usual = study_default(study_key_find(keys[i]));
        if (v != NULL && !study_equal(v, usual)) json_object_set(o, keys[i], (json_t *)v);
        json_decref(usual);
    }
}
