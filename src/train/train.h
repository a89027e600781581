/* SPDX-License-Identifier: Apache-2.0 */
/* Training a classifier: settings, one run, what it yields. */
#ifndef WHET_TRAIN_TRAIN_H
#define WHET_TRAIN_TRAIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "whet/progress.h"

/* Unset numbers are NaN, unset integers WHET_TRAIN_UNSET, unset strings NULL: on resume they come from the checkpoint, else
 * from the model's own row of defaults, else from the common row. Strings are borrowed while the run lasts. */
#define WHET_TRAIN_UNSET INT64_MIN

typedef struct whet_train_settings {
    /* what the result depends on: stored in checkpoints, compared on resume */
    const char *model;     /* zoo name or ONNX file */
    const char *data;
    const char *val;       /* see whet_dataset_options; NULL: the set's own, else 10 % of train */
    const char *optimizer; /* sgd, adam, adamw, rmsprop */
    const char *schedule;  /* constant, step, cosine, onecycle, polynomial */
    const char *loss;      /* ce, dice, ce+dice: see train_loss.c */
    const char *class_weights; /* of the cross-entropy: "balanced" or a number per class, "1,2,0.5"; NULL or "none": all 1 */
    int64_t epochs, batch, seed;
    double lr, momentum, weight_decay, label_smoothing;
    double warmup;         /* share of all steps */
    double lr_min, gamma, step_every, div, final_div, power; /* see whet_schedule; step_every in epochs */
    double beta1, beta2, epsilon;
    double alpha;          /* rmsprop: how much of the mean square stays */
    int64_t centered, epsilon_inside; /* rmsprop: see ir/op_optim.c */
    double dice_weight, dice_smooth;
    double clip_norm, clip_value; /* of the gradients before the optimiser; 0: no */
    int64_t accumulate;    /* batches whose gradients make one step */
    double ema_decay;      /* of the weights' moving average, 0: none */
    int64_t ema_warmup;    /* decay of step t at most (1 + t) / (10 + t) */
    int64_t nesterov;
    int64_t decay_all;     /* decay norms and biases as well */
    int64_t pad_crop, hflip;
    double rotate, shift;
    int64_t early_stop;    /* epochs without a better validation accuracy; 0: never */
    int64_t drop_last;     /* leave out the epoch's short last batch */
    const char *weights;   /* initial weights, from a file of any format; NULL: seeded */
    const char *contract_json; /* filled by the run */
    int64_t no_test;       /* leave the test split alone; stays so on resume, but may be given anew */
    /* what it does not depend on */
    const char *contract;  /* preset or file; NULL: the imported model's own, else by data set */
    const char *const *contract_fields; /* "mean=...", NULL-terminated, laid over it; may be NULL */
    const char *out;       /* folder; created */
    bool resume;           /* go on from out's last checkpoint if there is one */
    bool overwrite;        /* start anew although out holds a checkpoint */
    int64_t threads;       /* 0: all */
    int64_t workers;       /* of data loading; 0: one */
    double save_seconds;   /* checkpoint at least that often; default 60 */
    int64_t save_steps;    /* and after that many steps; 0: no */
    int64_t max_steps;     /* end early, as if interrupted, without a model file; 0: no */
    const char *dump_batches; /* folder: each step's pictures and labels as .npy, initial weights, rates */
    bool strict;
    int64_t recompute;     /* 1: most activations are computed again in backward instead of kept, in about sqrt(n) segments (2: twice as
                              many, ...): less memory; stays so on resume */
    int64_t store_bf16;    /* 1: activations wait for backward in bf16: half their bytes, gradients rounded */
    int64_t max_memory;    /* bytes: `recompute` is set so that a new run's step stays within; 0: no bound */
    bool log_steps;        /* a line per step in the curves */
    bool tune;             /* kernels of step and validation by a table measured on this machine (exec/exec_tune.h) */
    uint32_t isa;          /* laid over whet_isa(); default all bits */
    uint32_t providers;    /* 0: default */
    whet_progress_fn progress;
    void *progress_arg;
    const float *weight_of_class; /* filled by the run from class_weights; NULL: all 1 */
} whet_train_settings;

void whet_train_settings_init(whet_train_settings *s);

/* --- the settings that the result depends on (a table in train_settings.c) */
/* Takes unset ones from a stored object (strings are borrowed from it). */
whet_status whet_train_settings_adopt(whet_train_settings *s, const json_t *stored);
/* Unset ones from the defaults of s->model; then checks every range: EINVAL. */
whet_status whet_train_settings_resolve(whet_train_settings *s);
json_t *whet_train_settings_json(const whet_train_settings *s); /* NULL with ENOMEM set */
/* EINVAL naming the first difference. */
whet_status whet_train_settings_same(const whet_train_settings *s, const json_t *stored);

/* Runs to the end, or to an interruption (ECANCELLED: saved, the message says how to go on). The document: settings, epochs
 * with losses and accuracies, best epoch, test accuracy with its interval, files, times, kernels. Also set beside an error
 * where there is something to tell; caller owns it. */
whet_status whet_train_run(json_t **doc, const whet_train_settings *s);

typedef struct whet_train_bench_settings {
    const char *model;
    int64_t batch, steps; /* steps measured, after `warmup`; 0: nothing is run, only "memory" told */
    int64_t warmup;
    int64_t threads;
    uint32_t isa;       /* as above */
    uint32_t providers; /* 0: default */
    bool profile; /* time per node as well */
    bool recompute;
    bool store_bf16;
} whet_train_bench_settings;
/* The step alone (forward, backward, optimiser, commits) on random data: {"ms": [...], "median_ms", "img_per_s", ...}. */
whet_status whet_train_bench_run(json_t **doc, const whet_train_bench_settings *s);

#endif
