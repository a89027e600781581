// SPDX-License-Identifier: Apache-2.0
// Steps that see a model as a predictor: the final evaluation, and the search for a contract.
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "eval/find.h"
#include "eval/scores.h"
#include "measure/model_predictor.h"
#include "study/study_keys.h"
#include "study/study_measure.h"
#include "wire/json.h"

static const char *const numeric_keys[] = {"precision", "denormals"}; // these change the outputs, so that an evaluation has them too

typedef struct opened {
    whet_runner *model;
    whet_contract contract;
} opened;

static void opened_dispose(opened *o)
{
    whet_runner_close(o->model);
    whet_contract_dispose(&o->contract);
}

static whet_status open_model(opened *o, const char *path, const json_t *job)
{
    whet_runner_options opt;
    char *text = NULL;
    const json_t *contract = json_object_get(job, "contract");
    memset(o, 0, sizeof *o);
    whet_contract_init(&o->contract);
    if (contract != NULL) {
        text = whet_json_text(contract, 0);
        whet_status status = text != NULL ? whet_contract_from_json(&o->contract, text) : WHET_ENOMEM;
        whet_free(text);
        WHET_TRY(status);
    }
    whet_runner_options_init(&opt);
    opt.apart = true; // never two vendors' runtimes in one process, and a crash is a row with a reason
    opt.runtime = json_string_value(json_object_get(job, "runtime"));
    opt.threads = (int)json_integer_value(json_object_get(job, "threads"));
    opt.optimisation = json_string_value(json_object_get(job, "optimisation"));
    opt.precision = json_string_value(json_object_get(job, "precision"));
    opt.denormals = json_string_value(json_object_get(job, "denormals"));
    opt.batch = (int)json_integer_value(json_object_get(job, "batch"));
    opt.contract = contract != NULL ? &o->contract : NULL;
    return whet_runner_open(&o->model, NULL, path, &opt);
}

static study_data *data_of(study_run *r, const json_t *job)
{
    return study_find_data(r, json_string_value(json_object_get(job, "data")), json_string_value(json_object_get(job, "val")),
                           (uint64_t)json_integer_value(json_object_get(job, "seed")),
                           json_is_true(json_object_get(job, "own_model")));
}

// --- eval

static whet_status run_eval(study_run *r, const char *key, const json_t *job, json_t **outputs)
{
    opened o;
    study_data *d = data_of(r, job);
    whet_scores *scores = NULL;
    whet_evaluate_options opt;
    json_t *doc = NULL;
    (void)key;
    whet_status status = open_model(&o, study_path_by_hash(r, json_object_get(job, "sha256")), job);
    if (status != WHET_OK) goto done;
    whet_evaluate_options_init(&opt);
    opt.contract = &o.contract;
    opt.split = WHET_SPLIT_TEST;
    opt.limit = (int)json_integer_value(json_object_get(job, "limit"));
    opt.seed = d->seed;
    opt.progress = study_progress;
    opt.progress_arg = r;
    WHET_GOTO(whet_evaluate(&scores, d->set, whet_runner_predictor(o.model), &opt));
    WHET_GOTO(whet_scores_json(scores, d->set, &doc));
    json_object_set(doc, "split_sha256", json_object_get(job, "test_sha256"));
    *outputs = json_pack("{s:[], s:O}", "files", "eval", doc);
done:
    json_decref(doc);
    whet_scores_free(scores);
    opened_dispose(&o);
    return status;
}
const study_step_kind study_eval_step = {"eval", 1, run_eval};

static void take_accuracy(study_run *r, study_cell *c, const json_t *eval)
{
    const json_t *top1 = json_object_get(eval, "top1");
    json_t *a = json_pack("{s:s, s:O?, s:O?, s:O?, s:O?, s:s, s:O?, s:n, s:i}", "metric", "top-1", "value", json_object_get(top1, "value"), "low",
                          json_object_get(top1, "low"), "high", json_object_get(top1, "high"), "count", json_object_get(eval, "n"), "split",
                          "test", "data", json_object_get(c->data->info, "name"), "delta", "seeds", 1);
    json_object_set_new(c->row, "accuracy", a);
    json_object_del(c->row, "accuracy_na");
    json_object_set(c->row, "eval", (json_t *)eval);
    if (json_object_get(eval, "note") != NULL && json_object_get(c->row, "notes") == NULL) json_object_set_new(c->row, "notes", json_array());
    if (json_object_get(eval, "note") != NULL) whet_json_add_text(json_object_get(c->row, "notes"), "%s", json_string_value(json_object_get(eval, "note")));
    r->test_reads++;
}

// Without labels: how often the row decides as the original does, on the pictures of the parity gate.
static void take_agreement(study_cell *c)
{
    const json_t *parity = json_object_get(c->row, "parity"), *share = json_object_get(json_array_get(json_object_get(parity, "outputs"), 0), "top1");
    if (c->data == NULL || c->data->set == NULL || whet_dataset_classes(c->data->set) > 0 || !json_is_number(share)) return;
    json_object_set_new(c->row, "agreement", json_pack("{s:s, s:O, s:O?, s:O?}", "metric", "top-1 as the original", "value", share, "count",
                                                       json_object_get(parity, "inputs"), "reference", json_object_get(parity, "reference")));
}

static const char *no_accuracy(const study_cell *c)
{
    if (c->data == NULL) return "no data";
    if (c->data->set == NULL) return "the data is still to be fetched";
    if (whet_dataset_classes(c->data->set) == 0) return "no labelled data";
    if (whet_dataset_count(c->data->set, WHET_SPLIT_TEST) == 0) return "the set has no test split";
    if (!whet_study_flag(c->set, "eval.enabled")) return "switched off in the study";
    return NULL;
}

static json_t *eval_job(const study_run *r, const study_cell *c)
{
    json_t *job = json_pack("{s:O, s:s, s:O?, s:s, s:i, s:O?, s:s, s:s*, s:b, s:I, s:o, s:i, s:i, s:s}", "sha256", json_object_get(c->model, "sha256"), "runtime",
                            whet_study_text(c->set, "runtime"), "version", json_object_get(study_runtime(r, c), "version"), "optimisation",
                            whet_study_text(c->set, "optimisation"), "threads", study_threads(c), "contract", json_object_get(c->model, "contract"),
                            "data", c->data->spec, "val", c->data->val, "own_model", c->data->own_model, "seed", (json_int_t)c->data->seed, "test_sha256",
                            study_split_hash(c, WHET_SPLIT_TEST), "limit", (int)whet_study_number(c->set, "data.limit"), "batch",
                            (int)whet_study_number(c->set, "eval.batch"), "program", WHET_VERSION);
    if (job != NULL) study_put_unusual(job, c->set, numeric_keys, WHET_COUNT(numeric_keys));
    return job;
}

whet_status study_eval(study_run *r, study_cell *c)
{
    const char *why = no_accuracy(c);
    char label[400];
    if (why != NULL) {
        json_object_set_new(c->row, "accuracy", json_null());
        json_object_set_new(c->row, "accuracy_na", json_string(why));
        take_agreement(c);
        return WHET_OK;
    }
    if (c->failed) return WHET_OK;
    snprintf(label, sizeof label, "%s on %s", json_string_value(json_object_get(c->model, "label")), whet_study_text(c->set, "runtime"));
    json_t *job = eval_job(r, c), *outputs = NULL;
    const double n = whet_dataset_count(c->data->set, WHET_SPLIT_TEST);
    whet_status status = study_step(r, &study_eval_step, label, job, n / 3000 + 0.5, 0, &outputs);
    if (status == WHET_OK && outputs != NULL) take_accuracy(r, c, json_object_get(outputs, "eval"));
    if (status != WHET_OK && status != WHET_ECANCELLED) {
        study_row_fail(c, whet_error_last()->status == WHET_EUNSUPPORTED ? "unsupported" : "runtime failed", whet_error_message());
        status = WHET_OK;
    }
    json_decref(job);
    json_decref(outputs);
    return status;
}

// --- contract find

static json_t *candidates_of(const whet_findings *f)
{
    json_t *list = json_array();
    for (int i = 0; i < f->n_candidates; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:f, s:f, s:b}", "name", f->c[i].name, "formula", f->c[i].formula, "accuracy",
                                              f->c[i].accuracy.value, "loss", f->c[i].loss, "tie", f->c[i].tie));
    return list;
}

static void tell_finding(const whet_findings *f, char *told, size_t size)
{
    snprintf(told, size, "%s, %.2f %% of %d pictures right", f->c[0].formula, 100 * f->c[0].accuracy.value, f->n_pictures);
    const size_t n = strlen(told);
    if (f->n_candidates > 1) snprintf(told + n, size - n, " (%s would lose %.2f)", f->c[1].formula, 100 * f->c[1].loss);
}

static whet_status run_find(study_run *r, const char *key, const json_t *job, json_t **outputs)
{
    opened o;
    study_data *d = data_of(r, job);
    whet_findings *f = whet_calloc(1, sizeof *f);
    whet_find_options opt;
    json_t *contract = NULL;
    char *text = NULL, told[300];
    (void)key;
    whet_status status = open_model(&o, json_string_value(json_object_get(job, "path")), job);
    if (status == WHET_OK && f == NULL) status = WHET_ENOMEM;
    if (status != WHET_OK) goto done;
    whet_find_options_init(&opt);
    opt.progress = study_progress;
    opt.progress_arg = r;
    opt.seed = d->seed;
    WHET_GOTO(whet_contract_find(f, d->set, whet_runner_predictor(o.model), &opt));
    if (f->n_candidates < 1 || f->chance) {
        status = WHET_FAIL(WHET_EINVAL, "no usual preprocessing contract makes the model better than guessing on these pictures: say it with --contract");
        goto done;
    }
    WHET_GOTO(whet_contract_to_json(&f->c[0].contract, &text));
    WHET_GOTO(whet_json_parse(&contract, text, strlen(text), "contract"));
    tell_finding(f, told, sizeof told);
    *outputs = json_pack("{s:[], s:O, s:s, s:o}", "files", "contract", contract, "text", told, "candidates", candidates_of(f));
done:
    if (f != NULL) whet_findings_dispose(f);
    whet_free(f);
    whet_free(text);
    json_decref(contract);
    opened_dispose(&o);
    return status;
}
const study_step_kind study_find_step = {"contract find", 1, run_find};
