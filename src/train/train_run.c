/* SPDX-License-Identifier: Apache-2.0 */
/* One training run: settings (and a checkpoint) in, a folder with model, checkpoints and curves out. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "formats/onnx/onnx.h"
#include "passes/lower.h"
#include "train/trainer.h"
#include "wire/json.h"

static void trainer_dispose(trainer *t)
{
    whet_loader_free(t->train);
    whet_loader_free(t->val);
    whet_exec_free(t->exec);
    whet_exec_free(t->eval);
    whet_tuning_free(t->tuning);
    whet_graph_free(t->model);
    whet_dataset_close(t->data);
    whet_contract_dispose(&t->contract);
    whet_free(t->contract_json);
    whet_curves_close(t->curves);
    whet_team_free(t->team);
    json_decref(t->settings);
    json_decref(t->identity);
    json_decref(t->history);
    whet_checkpoint_close(t->from);
    whet_dir_release(&t->folder);
    whet_free(t->last_path);
    whet_free(t->best_path);
    whet_free(t->model_path);
    whet_free(t->result_path);
    whet_free(t->class_weights);
}

/* --- the folder */

static whet_status open_folder(trainer *t)
{
    if (t->s.out == NULL) return WHET_OK;
    t->last_path = whet_path_join(t->s.out, "last.safetensors");
    t->best_path = whet_path_join(t->s.out, "best.safetensors");
    t->model_path = whet_path_join(t->s.out, "model.onnx");
    t->result_path = whet_path_join(t->s.out, "train.json");
    if (t->last_path == NULL || t->best_path == NULL || t->model_path == NULL || t->result_path == NULL) return WHET_ENOMEM;
    WHET_TRY(whet_mkdirs(t->s.out));
    WHET_TRY(whet_dir_hold(&t->folder, t->s.out));
    const bool there = whet_file_exists(t->last_path);
    if (there && !t->s.resume && !t->s.overwrite)
        return WHET_FAIL(WHET_EINVAL, "'%s' already holds a training run: go on with --resume, start anew with --overwrite, or give "
                         "another --out", t->s.out);
    if (!t->s.resume) {
        /* nothing of the old run may be taken for the new one's */
        remove(t->last_path);
        remove(t->best_path);
        remove(t->model_path);
        remove(t->result_path);
        return WHET_OK;
    }
    if (!there) {
        whet_log(WHET_LOG_DEBUG, "no checkpoint in '%s' yet: starting from the beginning", t->s.out);
        return WHET_OK;
    }
    WHET_TRY(whet_checkpoint_open(&t->from, t->last_path));
    return whet_train_settings_adopt(&t->s, whet_checkpoint_settings(t->from));
}

/* --- data */

static whet_status open_data(trainer *t)
{
    whet_dataset_options opt;
    whet_dataset_options_init(&opt);
    opt.val = t->s.val;
    opt.seed = (uint64_t)t->s.seed;
    opt.strict = t->s.strict;
    WHET_TRY(whet_dataset_open(&t->data, t->s.data, &opt));
    t->classes = whet_dataset_classes(t->data);
    if (t->classes < 2)
        return WHET_FAIL(WHET_EINVAL, "'%s' has %d classes: training needs labelled pictures, a folder per class", t->s.data, t->classes);
    if (whet_dataset_count(t->data, WHET_SPLIT_TRAIN) == 0)
        return WHET_FAIL(WHET_EINVAL, "'%s' has no training pictures", t->s.data);
    return WHET_OK;
}

static whet_status make_loader(const trainer *t, whet_split split, whet_loader **out)
{
    whet_loader_options opt;
    const bool train = split == WHET_SPLIT_TRAIN;
    const int64_t n = whet_dataset_count(t->data, split);
    whet_loader_options_init(&opt);
    opt.contract = &t->contract;
    opt.channels = t->channels;
    opt.height = t->height;
    opt.width = t->width;
    opt.batch = (int)t->s.batch;
    opt.shuffle = train;
    opt.drop_last = train && t->s.drop_last == 1 && n >= t->s.batch;
    opt.seed = (uint64_t)t->s.seed;
    opt.workers = (int)t->s.workers;
    opt.cache = true;
    if (train)
        opt.augment = (whet_augment){.pad_crop = (int)t->s.pad_crop, .hflip = t->s.hflip == 1, .rotate = (float)t->s.rotate,
                                     .shift = (float)t->s.shift};
    return whet_loader_create(out, t->data, split, &opt);
}

static whet_status open_loaders(trainer *t)
{
    WHET_TRY(make_loader(t, WHET_SPLIT_TRAIN, &t->train));
    t->epoch_batches = whet_loader_batches(t->train);
    t->epoch_pictures = WHET_MIN(t->epoch_batches * t->s.batch, whet_dataset_count(t->data, WHET_SPLIT_TRAIN));
    t->epoch_steps = (t->epoch_batches + t->s.accumulate - 1) / t->s.accumulate;
    t->log_every = WHET_MAX(1, t->epoch_steps * t->s.epochs / 2000);
    if (whet_dataset_count(t->data, WHET_SPLIT_VAL) > 0) WHET_TRY(make_loader(t, WHET_SPLIT_VAL, &t->val));
    whet_schedule_kind kind;
    WHET_TRY(whet_schedule_parse(t->s.schedule, &kind));
    whet_schedule_init(&t->schedule, kind, t->s.lr, t->epoch_steps * t->s.epochs, t->epoch_steps);
    t->schedule.warmup = t->s.warmup;
    t->schedule.lr_min = t->s.lr_min;
    t->schedule.gamma = t->s.gamma;
    t->schedule.power = t->s.power;
    if (t->s.step_every > 0) t->schedule.every = t->s.step_every;
    t->schedule.div = t->s.div;
    t->schedule.final_div = t->s.final_div;
    return WHET_OK;
}

/* --- graphs */

static whet_status tune_graphs(trainer *t, const whet_graph *step, const whet_graph *score, const whet_exec_options *opt)
{
    const whet_shape shapes[WHET_TRAIN_MOST_INPUTS] = {WHET_SHAPE(t->s.batch, t->channels, t->height, t->width), WHET_SHAPE(t->s.batch)};
    WHET_TRY(whet_tuning_open(&t->tuning, NULL));
    WHET_TRY(whet_tuning_graph(t->tuning, step, opt, step->n_inputs, shapes, true));
    WHET_TRY(whet_tuning_graph(t->tuning, score, opt, score->n_inputs, shapes, true));
    WHET_TRY(whet_tuning_save(t->tuning));
    whet_tuning_tell(t->tuning);
    return WHET_OK;
}

static whet_status make_execs(trainer *t)
{
    whet_status status = WHET_OK;
    whet_graph *step = NULL, *score = NULL;
    whet_exec_options opt;
    whet_exec_options_init(&opt);
    WHET_GOTO(whet_team_create(&t->team, (int)t->s.threads));
    opt.team = t->team;
    opt.seed = (uint64_t)t->s.seed;
    opt.lower = whet_passes_lower;
    opt.isa &= t->s.isa;
    if (t->s.providers != 0) opt.providers = t->s.providers;
    if (t->s.max_memory > 0 && t->from == NULL) WHET_GOTO(whet_train_fit(t, &opt));
    WHET_GOTO(whet_train_graph_create(&step, t->model, &t->s));
    WHET_GOTO(whet_train_eval_graph_create(&score, t->model, &t->s));
    if (t->s.tune) WHET_GOTO(tune_graphs(t, step, score, &opt));
    opt.tuning = t->tuning;
    WHET_GOTO(whet_exec_create(&t->exec, step, &opt));
    WHET_GOTO(whet_exec_create(&t->eval, score, &opt));
    if (t->s.weights != NULL && t->from == NULL) WHET_GOTO(whet_weights_load(t->s.weights, t->exec, false));
    whet_train_averages_start(t->exec);
done:
    whet_graph_free(step);
    whet_graph_free(score);
    return status;
}

/* A hash of which kernel computes which node of the step. */
static whet_status kernel_table(trainer *t, char out[65])
{
    whet_status status = WHET_OK;
    whet_plan *p = NULL;
    char *text = NULL;
    json_t *nodes = NULL, *node = NULL;
    size_t i = 0;
    whet_sha256 sha;
    whet_sha256_init(&sha);
    WHET_GOTO(trainer_plan(t->exec, t->s.batch, t, &p));
    WHET_GOTO(whet_plan_describe(p, &text));
    WHET_GOTO(whet_json_parse(&nodes, text, strlen(text), NULL));
    json_array_foreach(nodes, i, node) {
        static const char *const keys[] = {"op", "kernel", "provider", "shape", "layout"};
        for (size_t k = 0; k < WHET_COUNT(keys); k++) {
            const char *value = json_string_value(json_object_get(node, keys[k]));
            whet_sha256_add(&sha, value, strlen(value) + 1);
        }
    }
    whet_sha256_hex(&sha, out);
done:
    json_decref(nodes);
    whet_free(text);
    return status;
}

static whet_status make_identity(trainer *t)
{
    char train[65], val[65] = "", kernels[65];
    whet_tuning_summary tuned = {0};
    if (t->tuning != NULL) whet_tuning_sum(t->tuning, &tuned);
    WHET_TRY(whet_dataset_hash(t->data, WHET_SPLIT_TRAIN, train));
    if (t->val != NULL) WHET_TRY(whet_dataset_hash(t->data, WHET_SPLIT_VAL, val));
    WHET_TRY(kernel_table(t, kernels));
    t->identity = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "training data", train, "validation data", val, "instruction set",
                            whet_isa_name(t->s.isa & whet_isa()), WHET_CHECKPOINT_TUNING,
                            tuned.changed > 0 ? tuned.hash : WHET_CHECKPOINT_UNTUNED, "table of kernels", kernels, "version", WHET_VERSION);
    t->settings = whet_train_settings_json(&t->s);
    if (t->history == NULL) t->history = json_array();
    return t->identity != NULL && t->settings != NULL && t->history != NULL ? WHET_OK
                                                                            : WHET_FAIL(WHET_ENOMEM, "out of memory for the settings");
}

static whet_status restore(trainer *t)
{
    if (t->from == NULL) return WHET_OK;
    WHET_TRY(whet_train_settings_same(&t->s, whet_checkpoint_settings(t->from)));
    WHET_TRY(whet_checkpoint_same(t->from, t->identity));
    WHET_TRY(whet_checkpoint_load(t->from, t->exec, &t->state));
    json_decref(t->history);
    t->history = json_deep_copy(whet_checkpoint_history(t->from));
    return t->history != NULL ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "out of memory for the history");
}

/* Remembered, not refused: a constant of a file may be infinite for a reason. */
static void find_bad_weight(trainer *t)
{
    for (whet_vid v = 0; v < t->model->n_values && t->bad_weight == NULL; v++) {
        const whet_value *x = &t->model->values[v];
        const whet_tensor *w = x->kind == WHET_VALUE_VARIABLE ? whet_exec_variable(t->exec, x->name) : NULL;
        const float *f = w != NULL && w->dtype == WHET_F32 ? w->data : NULL;
        const int64_t n = f != NULL ? whet_tensor_numel(w) : 0;
        for (int64_t i = 0; i < n && t->bad_weight == NULL; i++)
            if (!isfinite(f[i])) t->bad_weight = x->name;
    }
}

static whet_status prepare(trainer *t)
{
    WHET_TRY(open_folder(t));
    WHET_TRY(whet_train_settings_resolve(&t->s));
    WHET_TRY(open_data(t));
    WHET_TRY(trainer_open_model(t));
    WHET_TRY(whet_contract_to_json(&t->contract, &t->contract_json));
    t->s.contract_json = t->contract_json;
    WHET_TRY(open_loaders(t));
    WHET_TRY(trainer_weigh_classes(t));
    WHET_TRY(make_execs(t));
    WHET_TRY(make_identity(t));
    WHET_TRY(restore(t));
    find_bad_weight(t);
    if (t->s.out != NULL) WHET_TRY(whet_curves_open(&t->curves, t->s.out, t->from != NULL ? t->state.curve_sizes : NULL));
    if (t->s.dump_batches != NULL) WHET_TRY(trainer_dump_start(t));
    return WHET_OK;
}

/* --- the end */

/* The weights to keep: the best on the validation split, else the last. */
static whet_status choose_weights(trainer *t)
{
    whet_checkpoint *best = NULL;
    whet_train_state ignored;
    whet_status status = WHET_OK;
    if (t->s.out == NULL || t->state.best_epoch == 0 || t->state.best_epoch == t->state.epoch) return WHET_OK;
    WHET_GOTO(whet_checkpoint_open(&best, t->best_path));
    WHET_GOTO(whet_checkpoint_load(best, t->exec, &ignored));
done:
    whet_checkpoint_close(best);
    return status;
}

/* The trained weights into the graph, which is tested next, and into the folder if there is one. */
static whet_status write_model(trainer *t)
{
    for (whet_vid v = 0; v < t->model->n_values; v++) {
        whet_value *x = &t->model->values[v];
        const whet_tensor *trained = x->kind == WHET_VALUE_VARIABLE ? whet_train_kept(t->exec, x->name) : NULL;
        if (trained != NULL) WHET_TRY(whet_tensor_copy(&x->data, trained));
    }
    if (t->s.out == NULL) return WHET_OK;
    WHET_TRY(whet_graph_set_meta(t->model, WHET_CONTRACT_META, t->contract_json));
    return whet_onnx_write(t->model, t->model_path, NULL);
}

static void describe_data(const trainer *t, json_t *doc)
{
    const char *first = NULL;
    const int broken = whet_dataset_broken(t->data, &first);
    json_t *d = json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:s, s:s}", "name", whet_dataset_name(t->data), "source",
                          whet_dataset_source(t->data), "classes", t->classes, "train", whet_dataset_count(t->data, WHET_SPLIT_TRAIN),
                          "val", whet_dataset_count(t->data, WHET_SPLIT_VAL), "test", whet_dataset_count(t->data, WHET_SPLIT_TEST),
                          "train_split", whet_dataset_split_text(t->data, WHET_SPLIT_TRAIN), "val_split",
                          whet_dataset_split_text(t->data, WHET_SPLIT_VAL));
    if (broken > 0) json_object_set_new(d, "broken", json_pack("{s:i, s:s}", "count", broken, "first", first != NULL ? first : ""));
    json_object_set_new(doc, "data", d);
}

static int64_t count_parameters(const whet_graph *g)
{
    int64_t n = 0;
    for (whet_vid v = 0; v < g->n_values; v++)
        if (g->values[v].kind == WHET_VALUE_VARIABLE && g->values[v].trainable) n += whet_tensor_numel(&g->values[v].data);
    return n;
}

static json_t *describe(trainer *t)
{
    char text[256];
    const whet_train_state *s = &t->state;
    json_t *doc = json_pack("{s:s, s:I, s:O, s:O, s:I, s:I, s:f, s:b, s:i}", "model", t->s.model, "parameters",
                            (json_int_t)count_parameters(t->model), "settings", t->settings, "epochs", t->history, "epochs_done",
                            (json_int_t)s->epoch, "steps", (json_int_t)s->step, "seconds", s->total_seconds, "stopped_early",
                            s->stopped, "threads", whet_team_size(t->team));
    if (doc == NULL) return NULL;
    describe_data(t, doc);
    json_object_set_new(doc, "contract", json_string(whet_contract_text(&t->contract, text, sizeof text)));
    if (s->best_epoch > 0)
        json_object_set_new(doc, "best", json_pack("{s:I, s:f}", "epoch", (json_int_t)s->best_epoch, "val_accuracy", s->best));
    if (t->class_weights != NULL) {
        json_t *list = json_array();
        for (int c = 0; c < t->classes; c++) json_array_append_new(list, json_real((double)t->class_weights[c]));
        json_object_set_new(doc, "class_weights", list);
    }
    json_object_set_new(doc, "resumed", json_boolean(t->from != NULL));
    json_object_set_new(doc, "isa", json_string(whet_isa_name(t->s.isa & whet_isa())));
    if (t->s.out != NULL) json_object_set_new(doc, "out", json_string(t->s.out));
    if (t->tuning != NULL) {
        char *json = NULL;
        if (whet_tuning_json(t->tuning, &json) == WHET_OK) json_object_set_new(doc, "tuning", json_loads(json, 0, NULL));
        whet_free(json);
    }
    return doc;
}

static whet_status finish(trainer *t, json_t *doc)
{
    const int64_t kept = t->state.best_epoch > 0 ? t->state.best_epoch : t->state.epoch;
    WHET_TRY(choose_weights(t));
    json_object_set_new(doc, "weights", json_pack("{s:s, s:I, s:b}", "chosen_by",
                                                  t->state.best_epoch > 0 ? "best validation accuracy" : "last epoch", "epoch",
                                                  (json_int_t)kept, "averaged", t->s.ema_decay > 0));
    WHET_TRY(write_model(t));
    WHET_TRY(trainer_test(t, doc));
    if (t->s.out == NULL) return WHET_OK;
    json_object_set_new(doc, "file", json_string(t->model_path));
    return whet_json_write(t->result_path, doc);
}

/* A run that has ended is told again, not done again. */
static whet_status already_done(const trainer *t, json_t **doc)
{
    const bool ended = t->from != NULL && (t->state.epoch >= t->s.epochs || t->state.stopped);
    if (!ended || !whet_file_exists(t->result_path) || !whet_file_exists(t->model_path)) return WHET_OK;
    WHET_TRY(whet_json_read(doc, t->result_path));
    json_object_set_new(*doc, "already_done", json_true());
    return WHET_OK;
}

whet_status whet_train_run(json_t **doc, const whet_train_settings *s)
{
    whet_status status = WHET_OK;
    trainer t = {.s = *s, .folder = -1, .state = {.best = NAN}};
    const bool new_folder = s->out != NULL && !whet_dir_exists(s->out);
    *doc = NULL;
    whet_contract_init(&t.contract);
    WHET_GOTO(prepare(&t));
    WHET_GOTO(already_done(&t, doc));
    if (*doc != NULL) goto done;
    status = trainer_loop(&t);
    *doc = describe(&t);
    if (*doc == NULL && status == WHET_OK) status = WHET_FAIL(WHET_ENOMEM, "out of memory for the result");
    if (status != WHET_OK) goto done;
    if (t.limit_reached)
        json_object_set_new(*doc, "ended", json_string("step limit"));
    else
        WHET_GOTO(finish(&t, *doc));
done:
    trainer_dispose(&t);
    if (status != WHET_OK && new_folder) rmdir(s->out); /* only if nothing is in it */
    return status;
}
