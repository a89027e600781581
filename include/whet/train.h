/* SPDX-License-Identifier: Apache-2.0 */
/* Training a classifier from a model of the zoo or an ONNX file and a data set.
 *
 * Same settings, data, machine and version give the same bits, whatever the number of threads; a run that was interrupted,
 * even by SIGKILL, and resumed ends with the same bits as one that was not. One training at a time per process. */
#ifndef WHET_TRAIN_H
#define WHET_TRAIN_H

#include <stddef.h>
#include <stdint.h>

#include "whet/progress.h"
#include "whet/result.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Unset: numbers NaN, integers -1, strings NULL. Unset ones come from the checkpoint (resume), else from the model's own
 * defaults. Strings are borrowed during the call. */
typedef struct whet_train_options {
    size_t size;            /* sizeof(whet_train_options) */
    const char *model;      /* zoo name ("lenet", "resnet20", ...) or an ONNX file */
    const char *data;       /* set name ("mnist", "cifar10", "digits") or folder */
    const char *out;        /* folder for model.onnx, best and last checkpoint, curves, train.json; created. NULL: nothing kept */
    const char *val;        /* "none", a share such as "0.1"; unset: the set's own, else 10 % of train, seeded and stratified */
    const char *optimizer;  /* sgd, adam, adamw, rmsprop */
    const char *schedule;   /* constant, step, cosine, onecycle, polynomial */
    const char *loss;       /* ce (cross-entropy), dice, ce+dice */
    const char *class_weights; /* of the cross-entropy: balanced (by the training split), none, or a number per class: "1,2,0.5" */
    const char *weights;    /* file of initial weights, of any format; tensors of unknown names are left out */
    const char *contract;   /* preset (unit, pm1, imagenet, caffe, raw) or JSON file; unset: the file's own, else by data set */
    const char *const *contract_fields; /* "mean=0.5,0.5,0.5", ..., NULL-terminated, laid over it */
    int64_t epochs, batch, seed;
    double lr;              /* peak rate of one-cycle, base rate of the others */
    double momentum, weight_decay, label_smoothing;
    double warmup;          /* share of all steps, 0 to 0.99 */
    double lr_min;          /* cosine, polynomial: what they approach */
    double power;           /* polynomial */
    double gamma, step_every; /* step: factor, epochs between falls */
    double div, final_div;  /* one-cycle: first rate = lr / div, last = first / final_div */
    double beta1, beta2, epsilon; /* adam, adamw; epsilon of rmsprop too */
    double alpha;           /* rmsprop: share of the mean square that stays */
    int64_t centered;       /* rmsprop, 0 or 1: by the variance */
    int64_t epsilon_inside; /* rmsprop, 0 or 1: sqrt(s + epsilon), s from 1 on, as TensorFlow 1 */
    double dice_weight;     /* ce+dice: cross-entropy + dice_weight * Dice */
    double dice_smooth;     /* dice, ce+dice */
    double clip_norm, clip_value; /* bound of all gradients' norm, or of each number; 0: none */
    int64_t accumulate;     /* batches that make one step */
    double ema_decay;       /* of the weights' moving average, which is scored and saved as the model; 0: none */
    int64_t ema_warmup;     /* 0 or 1: decay of step t at most (1 + t) / (10 + t) */
    int64_t nesterov;       /* 0 or 1 */
    int64_t decay_all;      /* 1: weight decay on norms and biases as well */
    int64_t pad_crop;       /* pixels */
    int64_t hflip;          /* 0 or 1 */
    double rotate;          /* degrees */
    double shift;           /* share of the size */
    int64_t early_stop;     /* epochs without a better validation accuracy; 0 never */
    int64_t drop_last;      /* 0 or 1: leave out the epoch's short last batch */
    int resume;             /* go on from out's last checkpoint, if there is one */
    int overwrite;          /* start anew although out holds a run */
    int threads;            /* 0: all the process may use */
    int workers;            /* threads that load data; 0: one */
    double save_seconds;    /* checkpoint at least that often within an epoch (default 60); 0: at its end only */
    int64_t save_steps;     /* and after so many steps; 0 (default): no */
    int64_t max_steps;      /* end early, without model and test; 0 (default): no */
    const char *dump_batches; /* folder for initial weights and each step's batch as .npy: for comparison with a peer */
    int log_steps;          /* every step into the curves, not only some */
    int64_t no_test;        /* 1: leave the test split alone; stays so on resume unless 0 is given */
    int strict;             /* a broken picture fails the run */
    int recompute;          /* compute most activations again in backward instead of keeping them: same bits, less memory */
    const char *isa;        /* "ref", "avx2", "avx512", ...; NULL: the best */
    int tune;               /* measure which kernels are the fastest here, keep that in the user's cache and use it; a
                               checkpoint goes on only with the same choice */
    whet_progress_fn progress; /* NULL: none */
    void *progress_arg;
    int64_t max_memory;     /* bytes that parameters, moments and one step's activations may take: as many activations as
                               needed are computed again, the bits stay; 0: no bound. Not read on resume */
    int store_bf16;         /* activations wait for backward in bf16: half their memory, gradients of rounded activations */
} whet_train_options;
void whet_train_options_init(whet_train_options *opt);

/* Trains to the end. Errors: EINVAL (a setting, or a checkpoint made with another one), ENUMERIC (the loss became NaN: the
 * message names step and rate), ECANCELLED (whet_cancel: saved, the message says how to go on), EIO, and what data set and
 * model file give. *out is also set beside an error once epochs have been done, and NULL otherwise; the caller frees it.
 * The document: docs/result-format.md, kind "train". */
whet_status whet_train(whet_result **out, const whet_train_options *opt);

typedef struct whet_train_bench_options {
    size_t size;
    const char *model;
    int batch;     /* 0: the model's own */
    int warmup;    /* steps; default 2 */
    int steps;     /* measured; default 10 */
    int threads;   /* 0: all */
    int profile;   /* time per operator as well */
    int recompute, store_bf16; /* as in whet_train_options */
    const char *isa;
} whet_train_bench_options;
void whet_train_bench_options_init(whet_train_bench_options *opt);
/* Time of the training step alone (forward, backward, optimiser) on random pictures. */
whet_status whet_train_bench(whet_result **out, const whet_train_bench_options *opt);
/* The memory that such a step plans: parameters, moments, and the arena of activations, gradients and workspace. Nothing is
 * run; steps, warmup and profile are not read. */
whet_status whet_train_memory(whet_result **out, const whet_train_bench_options *opt);

#ifdef __cplusplus
}
#endif
#endif
