// SPDX-License-Identifier: Apache-2.0
// A row's model: trained and exported, or a given file taken as it is; and the contract that belongs to it.
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "data/contract.h"
#include "convert/convert.h"
#include "measure/facts.h"
#include "study/study_keys.h"
#include "study/study_run.h"
#include "train/train.h"
#include "wire/json.h"

bool study_is_file(const char *model)
{
    return strchr(model, '/') != NULL || whet_path_ext(model)[0] != '\0' || whet_file_exists(model);
}

// "lenet", "lenet-seed1-lr0.1": the model and what of it varies in this study; fit for a file name.
static void training_label(const study_run *r, const study_cell *c, char *buf, size_t size)
{
    size_t i = 0, n = (size_t)snprintf(buf, size, "%s", whet_study_text(c->set, "model"));
    const json_t *axis = NULL;
    json_array_foreach(r->axes, i, axis)
    {
        const char *path = json_string_value(axis), *dot = strrchr(path, '.');
        bool of_training = strncmp(path, "train.", 6) == 0 || strcmp(path, "seed") == 0 || strncmp(path, "data.", 5) == 0;
        if (!of_training || n >= size) continue;
        const json_t *v = json_object_get(c->set, path);
        char *text = json_is_string(v) ? whet_strdup(json_string_value(v)) : whet_json_text(v, 0);
        if (text != NULL) n += (size_t)snprintf(buf + n, size - n, "-%s%s", strcmp(path, "data.name") == 0 ? "" : dot != NULL ? dot + 1 : path, text);
        whet_free(text);
    }
    for (char *p = buf; *p != '\0'; p++)
        if (strchr("/\\ :*?\"<>|'", *p) != NULL) *p = '_';
}

// The settings' contract fields as "key=value" texts; NULL-terminated, each a heap string.
enum { MAX_FIELDS = 8 };
static whet_status contract_fields(const json_t *cell, char *fields[MAX_FIELDS + 1])
{
    static const char *const keys[] = {"size", "fit", "filter", "color", "mean", "std", "layout"};
    int n = 0;
    for (size_t i = 0; i < WHET_COUNT(keys); i++) {
        char path[40];
        snprintf(path, sizeof path, "contract.%s", keys[i]);
        const json_t *v = json_object_get(cell, path), *item = NULL;
        size_t k = 0;
        whet_strbuf b;
        if (v == NULL || json_is_null(v)) continue;
        whet_strbuf_init(&b);
        whet_strbuf_printf(&b, "%s=", keys[i]);
        if (json_is_string(v)) whet_strbuf_puts(&b, json_string_value(v));
        json_array_foreach(v, k, item) whet_strbuf_printf(&b, "%s%.9g", k > 0 ? "," : "", json_number_value(item));
        fields[n] = whet_strbuf_take(&b);
        if (fields[n++] == NULL) return WHET_ENOMEM;
    }
    return WHET_OK;
}

static void free_fields(char *fields[MAX_FIELDS + 1])
{
    for (int i = 0; i < MAX_FIELDS; i++) whet_free(fields[i]);
}

// --- training

// The cell's train.* settings as the training's own table wants them: without the group, booleans as 0 and 1.
static json_t *given_settings(const json_t *cell)
{
    json_t *o = json_object();
    for (int i = 0; i < study_key_count(); i++) {
        const char *path = study_key_at(i)->path;
        const json_t *v = json_object_get(cell, path);
        if (strncmp(path, "train.", 6) != 0 || json_is_null(v)) continue;
        json_object_set_new(o, path + 6, json_is_boolean(v) ? json_integer(json_is_true(v)) : json_incref((json_t *)v));
    }
    return o;
}

const char *study_data_name(const study_data *d)
{
    const char *name = json_string_value(json_object_get(d->info, "name"));
    const bool replaced = name != NULL && strcmp(name, "digits") == 0 && strncmp(d->spec, "digits", 6) != 0;
    return replaced ? "digits" : d->spec;
}

static json_t *split_hash(const study_data *d, const char *split)
{
    const json_t *splits = json_object_get(d->info, "splits"), *s = NULL;
    size_t i = 0;
    json_array_foreach(splits, i, s)
    {
        if (strcmp(json_string_value(json_object_get(s, "name")), split) == 0) return json_incref(json_object_get(s, "sha256"));
    }
    return json_null();
}

static whet_status resolve(whet_train_settings *t, const json_t *given, const json_t *job)
{
    whet_train_settings_init(t);
    t->model = json_string_value(json_object_get(job, "model"));
    t->data = json_string_value(json_object_get(job, "data"));
    t->val = json_string_value(json_object_get(job, "val"));
    t->seed = json_integer_value(json_object_get(job, "seed"));
    WHET_TRY(whet_train_settings_adopt(t, given));
    return whet_train_settings_resolve(t);
}

static whet_status train_job(study_cell *c, const char *label, json_t **out)
{
    whet_train_settings t;
    char *fields[MAX_FIELDS + 1] = {NULL};
    json_t *job = NULL, *list = json_array(), *given = given_settings(c->set);
    whet_status status = contract_fields(c->set, fields);
    *out = NULL;
    for (int i = 0; status == WHET_OK && fields[i] != NULL; i++) json_array_append_new(list, json_string(fields[i]));
    job = json_pack("{s:s, s:s, s:s, s:s?, s:I, s:o, s:o, s:s?, s:o, s:s, s:s}", "label", label, "model", whet_study_text(c->set, "model"),
                    "data", study_data_name(c->data), "val", whet_study_text(c->set, "data.val"), "seed",
                    (json_int_t)whet_study_number(c->set, "seed"), "train_sha256", split_hash(c->data, "train"), "val_sha256",
                    split_hash(c->data, "val"), "contract", whet_study_text(c->set, "contract.preset"), "contract_fields", list, "isa",
                    whet_isa_name(whet_isa()), "program", WHET_VERSION);
    if (job == NULL) status = WHET_FAIL(WHET_ENOMEM, "out of memory while laying out a training");
    if (status == WHET_OK) status = resolve(&t, given, job);
    // Defaults are resolved into the job, so that a changed default is a changed key.
    if (status == WHET_OK) json_object_set_new(job, "settings", whet_train_settings_json(&t));
    free_fields(fields);
    json_decref(given);
    if (status == WHET_OK) {
        *out = job;
    } else {
        json_decref(job);
    }
    return status;
}

static json_t *training_record(const json_t *doc, const char *label)
{
    static const char *const told[] = {"optimizer", "schedule", "epochs", "batch", "lr", "momentum", "nesterov", "weight_decay",
                                       "label_smoothing", "loss", "class_weights", "accumulate", "clip_norm", "clip_value", "ema_decay", "warmup", "pad_crop", "hflip", "rotate", "shift", "seed"};
    const json_t *settings = json_object_get(doc, "settings"), *curve = json_object_get(doc, "epochs"), *e = NULL;
    json_t *t = json_object(), *shown = json_object();
    char taken[200];
    double rate = 0;
    size_t i = 0;
    json_array_foreach(curve, i, e)
    {
        const json_t *v = json_object_get(e, "images_per_second");
        if (!json_is_number(v)) v = json_object_get(e, "img_per_s");
        rate = json_number_value(v);
    }
    for (i = 0; i < WHET_COUNT(told); i++) json_object_set(shown, told[i], json_object_get(settings, told[i]));
    snprintf(taken, sizeof taken, "epoch %" JSON_INTEGER_FORMAT ": %s", json_integer_value(json_object_get(json_object_get(doc, "weights"), "epoch")),
             json_string_value(json_object_get(json_object_get(doc, "weights"), "chosen_by")));
    json_object_set_new(t, "label", json_string(label));
    json_object_set(t, "seconds", json_object_get(doc, "seconds"));
    json_object_set_new(t, "img_per_s", json_real(rate));
    json_object_set(t, "epochs", json_object_get(doc, "epochs_done"));
    json_object_set_new(t, "taken", json_string(taken));
    json_object_set_new(t, "on_val", json_boolean(json_object_get(doc, "best") != NULL));
    json_object_set(t, "params", json_object_get(doc, "parameters"));
    json_object_set_new(t, "settings", shown);
    json_object_set(t, "curve", json_object_get(doc, "epochs"));
    json_object_set(t, "contract_text", json_object_get(doc, "contract"));
    return t;
}

static whet_status run_train(study_run *r, const char *key, const json_t *job, json_t **outputs)
{
    whet_train_settings t;
    const char *label = json_string_value(json_object_get(job, "label"));
    const json_t *list = json_object_get(job, "contract_fields"), *item = NULL;
    const char *fields[MAX_FIELDS + 1] = {NULL};
    char *dir = NULL, *rel = whet_format("train/%s-%.8s", label, key), *model = NULL;
    json_t *doc = NULL, *file = NULL;
    size_t i = 0;
    whet_status status = rel != NULL ? WHET_OK : WHET_ENOMEM;
    if (status == WHET_OK) dir = study_path(r, rel);
    if (dir != NULL) model = whet_path_join(dir, "model.onnx");
    if (model == NULL) status = WHET_ENOMEM;
    json_array_foreach(list, i, item) fields[i] = json_string_value(item);
    if (status == WHET_OK) status = resolve(&t, json_object_get(job, "settings"), job);
    if (status == WHET_OK) {
        t.contract = json_string_value(json_object_get(job, "contract"));
        t.contract_fields = fields[0] != NULL ? fields : NULL;
        t.out = dir;
        t.resume = true;  // the folder carries the key: what lies in it is this very training, interrupted
        t.no_test = 1; // the test split belongs to the rows' final evaluation
        t.progress = study_progress;
        t.progress_arg = r;
        status = whet_train_run(&doc, &t);
    }
    if (status == WHET_OK) status = study_file(r, model, &file);
    if (status == WHET_OK) *outputs = json_pack("{s:[o], s:o}", "files", file, "training", training_record(doc, label));
    json_decref(doc);
    whet_free(model);
    whet_free(dir);
    whet_free(rel);
    return status;
}
const study_step_kind study_train_step = {"train", 1, run_train};

// --- export

static whet_status run_export(study_run *r, const char *key, const json_t *job, json_t **outputs)
{
    const char *label = json_string_value(json_object_get(job, "label"));
    char *from = study_path(r, json_string_value(json_object_get(job, "from"))), *name = whet_format("%s.onnx", label);
    char *rel = name != NULL ? study_place(r, job, key, name) : NULL, *to = rel != NULL ? study_path(r, rel) : NULL;
    char *dir = to != NULL ? whet_strndup(to, (size_t)(whet_path_base(to) - to)) : NULL;
    whet_convert_graph_options opt;
    const whet_model_format *onnx = NULL;
    whet_graph *g = NULL;
    json_t *file = NULL;
    whet_status status = from != NULL && dir != NULL ? whet_mkdirs(dir) : WHET_ENOMEM;
    whet_convert_graph_options_init(&opt);
    opt.opset = (int)json_integer_value(json_object_get(job, "opset"));
    if (status == WHET_OK) status = whet_format_for_writing("onnx", to, &onnx);
    if (status == WHET_OK) status = whet_format_read(&g, from, NULL);
    if (status == WHET_OK) status = whet_convert_graph(g, onnx, to, &opt, NULL);
    if (status == WHET_OK) status = study_file(r, to, &file);
    if (status == WHET_OK) *outputs = json_pack("{s:[o]}", "files", file);
    whet_graph_free(g);
    whet_free(from);
    whet_free(to);
    whet_free(rel);
    whet_free(dir);
    whet_free(name);
    return status;
}
const study_step_kind study_export_step = {"export", 1, run_export};

static void add_training(study_run *r, const json_t *training)
{
    const json_t *t = NULL;
    size_t i = 0;
    json_array_foreach(r->trainings, i, t)
    {
        if (json_equal(json_object_get(t, "label"), json_object_get(training, "label"))) return;
    }
    json_array_append(r->trainings, (json_t *)training);
    if (json_is_true(json_object_get(training, "on_val"))) {
        char what[200];
        snprintf(what, sizeof what, "best epoch of %s", json_string_value(json_object_get(training, "label")));
        json_array_append_new(r->choices, json_pack("{s:s, s:s}", "what", what, "split", "val"));
    }
}

static double count_of(const study_data *d, const char *split)
{
    const json_t *splits = json_object_get(d->info, "splits"), *s = NULL;
    size_t i = 0;
    json_array_foreach(splits, i, s)
    {
        if (strcmp(json_string_value(json_object_get(s, "name")), split) == 0) return json_number_value(json_object_get(s, "count"));
    }
    return 0;
}

static whet_status model_from_file(study_cell *c, const char *path, const char *source)
{
    whet_facts f = {0};
    json_t *contract = NULL;
    WHET_TRY(whet_facts_read(&f, path));
    if (f.contract != NULL && whet_json_parse(&contract, f.contract, strlen(f.contract), path) != WHET_OK) whet_error_clear();
    c->model = json_pack("{s:s, s:s, s:s, s:s}", "path", path, "sha256", f.sha256, "label", f.name, "precision", f.precision);
    if (c->model != NULL && contract != NULL) {
        json_object_set(c->model, "contract", contract);
        json_object_set_new(c->model, "contract_source", json_string(source));
    }
    json_decref(contract);
    whet_facts_dispose(&f);
    return c->model != NULL ? WHET_OK : WHET_FAIL(WHET_EINVAL, "file name '%s' is not UTF-8", path);
}

// What a plan knows of a model that is still to be trained.
static whet_status plan_trained(study_cell *c, const char *label, int opset)
{
    char *name = whet_format("%s.onnx", label), *mark = whet_format("planned %s, opset %d", label, opset);
    if (name != NULL && mark != NULL) c->model = json_pack("{s:s, s:s, s:b}", "label", name, "sha256", mark, "planned", 1);
    whet_free(name);
    whet_free(mark);
    return c->model != NULL ? WHET_OK : WHET_ENOMEM;
}

static whet_status make_trained(study_run *r, study_cell *c)
{
    char label[200];
    json_t *job = NULL, *trained = NULL, *exported = NULL;
    char *path = NULL;
    whet_status status = WHET_OK;
    training_label(r, c, label, sizeof label);
    if (c->data == NULL) return WHET_FAIL(WHET_EINVAL, "'%s' must be trained, but the study has no data: add 'data: mnist'", label);
    if (c->data->set == NULL) return WHET_FAIL(WHET_EUNAVAILABLE, "%s", c->data->error != NULL ? c->data->error : "no data");
    WHET_GOTO(train_job(c, label, &job));
    // A plan's guess: 3,000 small pictures a second; each training leaves its model, two checkpoints and curves.
    double epochs = json_number_value(json_object_get(json_object_get(job, "settings"), "epochs"));
    WHET_GOTO(study_step(r, &study_train_step, label, job, epochs * count_of(c->data, "train") / 3000, 20e6, &trained));
    const json_t *file = json_array_get(json_object_get(trained, "files"), 0);
    if (trained != NULL) add_training(r, json_object_get(trained, "training"));
    json_decref(job);
    const int opset = (int)whet_study_number(c->set, "export.opset");
    job = file != NULL ? json_pack("{s:s, s:O, s:O, s:i, s:s}", "label", label, "from", json_object_get(file, "path"), "sha256", json_object_get(file, "sha256"),
                                   "opset", opset, "program", WHET_VERSION)
                       : json_pack("{s:s, s:s, s:i}", "label", label, "planned", label, "opset", opset);
    WHET_GOTO(study_step(r, &study_export_step, label, job, 0.1, 5e6, &exported));
    c->unknown = exported == NULL;
    if (exported == NULL) {
        status = plan_trained(c, label, opset);
        goto done;
    }
    path = study_output_path(r, exported, 0);
    status = path != NULL ? model_from_file(c, path, "made with the model in training") : WHET_ENOMEM;
done:
    json_decref(job);
    json_decref(trained);
    json_decref(exported);
    whet_free(path);
    return status;
}

// --- the contract of a given file

static whet_status contract_by_settings(study_cell *c, bool *given)
{
    const char *preset = whet_study_text(c->set, "contract.preset");
    const json_t *own = json_object_get(c->model, "contract");
    char *fields[MAX_FIELDS + 1] = {NULL}, *text = NULL;
    whet_contract k;
    whet_status status = WHET_OK;
    whet_contract_init(&k);
    WHET_GOTO(contract_fields(c->set, fields));
    *given = preset != NULL || own != NULL || fields[0] != NULL;
    if (!*given || (preset == NULL && fields[0] == NULL)) goto done; // the file's own, untouched
    if (preset != NULL) {
        WHET_GOTO(whet_contract_load(&k, preset));
    } else if (own != NULL) {
        text = whet_json_text(own, 0);
        if (text == NULL) status = WHET_ENOMEM;
        if (status == WHET_OK) status = whet_contract_from_json(&k, text);
        whet_free(text);
        text = NULL;
        if (status != WHET_OK) goto done;
    }
    for (int i = 0; fields[i] != NULL; i++) {
        char *eq = strchr(fields[i], '=');
        *eq = '\0';
        WHET_GOTO(whet_contract_set(&k, fields[i], eq + 1));
    }
    WHET_GOTO(whet_contract_to_json(&k, &text));
    json_t *made = NULL;
    WHET_GOTO(whet_json_parse(&made, text, strlen(text), "contract"));
    json_object_set_new(c->model, "contract", made);
    json_object_set_new(c->model, "contract_source", json_string("given by the study"));
done:
    whet_free(text);
    free_fields(fields);
    whet_contract_dispose(&k);
    return status;
}

static whet_status find_contract(study_run *r, study_cell *c)
{
    json_t *job = NULL, *found = NULL;
    char what[300];
    if (c->data == NULL || c->data->set == NULL) return WHET_OK; // nothing to feed through a contract
    if (whet_dataset_classes(c->data->set) == 0)
        return WHET_FAIL(WHET_EINVAL, "'%s' carries no preprocessing contract and the pictures have no labels to find it by: say it with "
                         "--contract unit|pm1|imagenet|caffe|raw|FILE", json_string_value(json_object_get(c->model, "label")));
    const char *split = whet_dataset_count(c->data->set, WHET_SPLIT_VAL) > 0 ? "val" : "train";
    job = json_pack("{s:s, s:O, s:s, s:s*, s:b, s:I, s:s, s:o, s:s}", "path", json_string_value(json_object_get(c->model, "path")), "sha256",
                    json_object_get(c->model, "sha256"), "data", c->data->spec, "val", c->data->val, "own_model", c->data->own_model, "seed",
                    (json_int_t)c->data->seed, "split", split, "split_sha256", split_hash(c->data, split), "program", WHET_VERSION);
    whet_status status = study_step(r, &study_find_step, json_string_value(json_object_get(c->model, "label")), job, 10, 0, &found);
    json_decref(job);
    WHET_TRY(status);
    c->unknown = c->unknown || found == NULL;
    if (found == NULL) return WHET_OK;
    json_object_set(c->model, "contract", json_object_get(found, "contract"));
    snprintf(what, sizeof what, "found on the %s split: %s", split, json_string_value(json_object_get(found, "text")));
    json_object_set_new(c->model, "contract_source", json_string(what));
    snprintf(what, sizeof what, "preprocessing contract of %s: %s", json_string_value(json_object_get(c->model, "label")),
             json_string_value(json_object_get(found, "text")));
    json_t *choice = json_pack("{s:s, s:s}", "what", what, "split", split), *other = NULL;
    size_t i = 0;
    bool there = false;
    json_array_foreach(r->choices, i, other) there = there || json_equal(other, choice);
    if (!there) {
        whet_log(WHET_LOG_INFO, "%s", what);
        json_array_append(r->choices, choice);
    }
    json_decref(choice);
    json_decref(found);
    return WHET_OK;
}

whet_status study_make_model(study_run *r, study_cell *c)
{
    const char *model = whet_study_text(c->set, "model");
    bool given = false;
    if (!study_is_file(model)) return make_trained(r, c);
    WHET_TRY(model_from_file(c, model, "the file's own metadata"));
    WHET_TRY(contract_by_settings(c, &given));
    return given ? WHET_OK : find_contract(r, c);
}
