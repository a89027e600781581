/* SPDX-License-Identifier: Apache-2.0 */
/* State of one training run, shared by the train_*.c files. */
#ifndef WHET_TRAIN_TRAINER_H
#define WHET_TRAIN_TRAINER_H

#include "base/threads.h"
#include "data/dataset.h"
#include "exec/exec.h"
#include "exec/exec_tune.h"
#include "train/checkpoint.h"
#include "train/curves.h"
#include "train/optimizer.h"
#include "train/schedule.h"
#include "train/train.h"

typedef struct trainer {
    whet_train_settings s; /* resolved */
    whet_dataset *data;
    whet_contract contract;
    char *contract_json;
    whet_graph *model; /* forward, as it infers */
    int channels, height, width, classes;
    whet_team *team;
    whet_tuning *tuning;    /* of both execs; NULL: static choice */
    whet_exec *exec, *eval; /* the step; the scoring */
    whet_loader *train, *val;
    whet_schedule schedule;
    int64_t epoch_batches, epoch_pictures; /* of training, in an epoch */
    int64_t epoch_steps, log_every;
    float *class_weights; /* NULL: all 1 */
    whet_curves *curves;
    whet_checkpoint *from; /* resumed; settings borrow strings from it */
    whet_train_state state;
    json_t *settings, *identity, *history;
    char *last_path, *best_path, *model_path, *result_path;
    int folder; /* holds --out against a second program, -1 if nothing is held */
    double lr; /* of the last step */
    uint64_t epoch_ns, saved_ns; /* clock at the epoch's (or the resume's) begin and the last save */
    int64_t saved_step;
    const char *bad_weight; /* a weight that is NaN or infinite before the first step of this run, else NULL */
    bool limit_reached; /* max_steps */
} trainer;

/* train_model.c: t->model, sizes, contract. */
whet_status trainer_open_model(trainer *t);
/* train_classes.c: t->class_weights */
whet_status trainer_weigh_classes(trainer *t);
/* train_loop.c */
whet_status trainer_loop(trainer *t);
whet_status trainer_save(trainer *t);
/* Mean loss and accuracy of a split by the present weights. */
whet_status trainer_score(trainer *t, whet_loader *loader, const char *stage, double *loss, double *accuracy, int64_t *n);
whet_status trainer_plan(whet_exec *e, int64_t n, const trainer *t, whet_plan **out);
/* Sets t->s.recompute to the least that keeps a step within t->s.max_memory; EINVAL with the least there is. train_fit.c */
whet_status whet_train_fit(trainer *t, const whet_exec_options *like);
/* train_test.c: "test" of the document */
whet_status trainer_test(trainer *t, json_t *doc);
/* train_dump.c */
whet_status trainer_dump_start(trainer *t);
whet_status trainer_dump_batch(trainer *t, const whet_batch *b);
/* Batches before the next one, from the run's begin: the steps, unless several batches make one. */
static inline int64_t trainer_batch_number(const trainer *t) { return t->state.epoch * t->epoch_batches + t->state.batch; }

#endif
