// SPDX-License-Identifier: Apache-2.0
// The data of a study: each set is opened (or fetched) once, and described with the hashes that step keys need.
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "data/fetch.h"
#include "study/study_run.h"

void study_data_free(study_data *d)
{
    if (d == NULL) return;
    whet_dataset_close(d->set);
    json_decref(d->info);
    whet_free(d->spec);
    whet_free(d->val);
    whet_free(d->error);
    whet_free(d);
}

static json_t *describe(study_data *d)
{
    json_t *o = json_object(), *splits = json_array();
    char sha256[65];
    json_object_set_new(o, "name", json_string(whet_dataset_name(d->set)));
    json_object_set_new(o, "source", json_string(whet_dataset_source(d->set)));
    json_object_set_new(o, "classes", json_integer(whet_dataset_classes(d->set)));
    for (int s = 0; s < WHET_SPLIT_COUNT; s++) {
        int n = whet_dataset_count(d->set, (whet_split)s);
        const char *text = whet_dataset_split_text(d->set, (whet_split)s);
        if (n == 0 || whet_dataset_hash(d->set, (whet_split)s, sha256) != WHET_OK) continue;
        json_array_append_new(splits, json_pack("{s:s, s:i, s:s, s:s}", "name", whet_split_name((whet_split)s), "count", n, "text",
                                                text != NULL ? text : "", "sha256", sha256));
    }
    json_object_set_new(o, "splits", splits);
    return o;
}

static whet_status open_set(study_run *r, study_data *d, const json_t *cell)
{
    whet_dataset_options opt;
    whet_dataset_options_init(&opt);
    opt.own_model = d->own_model;
    opt.val = d->val;
    opt.seed = d->seed;
    const bool fallback = whet_study_flag(cell, "data.fallback");
    if (r->o.dry_run) return whet_dataset_open(&d->set, d->spec, &opt);
    return whet_dataset_obtain(&d->set, d->spec, &opt, whet_study_flag(cell, "data.download"), fallback, study_progress, r);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

study_data *study_find_data(study_run *r, const char *spec, const char *val, uint64_t seed, bool own_model)
{
    for (study_data *d = r->datas; d != NULL; d = d->next)
        if (strcmp(d->spec, spec) == 0 && same_text(d->val, val) && d->seed == seed && d->own_model == own_model) return d;
    return NULL;
}

static whet_status open_data(study_run *r, study_cell *c)
{
    const char *spec = whet_study_text(c->set, "data.name"), *model = whet_study_text(c->set, "model"), *val = whet_study_text(c->set, "data.val");
    uint64_t seed = (uint64_t)whet_study_number(c->set, "seed");
    whet_status status = WHET_OK;
    if (spec == NULL) return WHET_OK;
    c->data = study_find_data(r, spec, val, seed, study_is_file(model));
    if (c->data != NULL) return WHET_OK;
    study_data *d = whet_calloc(1, sizeof *d);
    if (d == NULL) return WHET_ENOMEM;
    d->spec = whet_strdup(spec);
    d->val = val != NULL ? whet_strdup(val) : NULL;
    d->seed = seed;
    d->own_model = study_is_file(model);
    if (d->spec == NULL || (val != NULL && d->val == NULL)) status = WHET_ENOMEM;
    if (status == WHET_OK) status = open_set(r, d, c->set);
    if (status == WHET_ENOMEM || status == WHET_ECANCELLED) {
        study_data_free(d);
        return status;
    }
    if (status == WHET_OK) {
        d->info = describe(d);
        whet_log(WHET_LOG_INFO, "data %s: %s", whet_dataset_name(d->set), whet_dataset_source(d->set));
    } else {
        d->error = whet_strdup(whet_error_message());
    }
    d->next = r->datas;
    r->datas = c->data = d;
    // A plan does not fetch: what the run itself would fetch, or draw, is no fault of it.
    const bool later = r->o.dry_run && status == WHET_EUNAVAILABLE && (whet_study_flag(c->set, "data.download") || whet_study_flag(c->set, "data.fallback"));
    return later ? WHET_OK : status;
}

whet_status study_open_all_data(study_run *r)
{
    for (int i = 0; i < r->n_cells; i++) WHET_TRY(open_data(r, &r->c[i]));
    return WHET_OK;
}
