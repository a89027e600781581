/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: every variable of the training graph (weights, running statistics, optimiser state) and, as metadata, what
 * else a run needs to go on with the same bits. One safetensors file, written atomically. */
#ifndef WHET_TRAIN_CHECKPOINT_H
#define WHET_TRAIN_CHECKPOINT_H

#include <jansson.h>

#include "exec/exec.h"
#include "train/curves.h"

typedef struct whet_train_state {
    int64_t epoch, batch; /* the next batch to train on */
    int64_t step;         /* steps done */
    double step_loss;     /* of the batches gathered for the next step, each by its share */
    double loss_sum;      /* of this epoch so far, with `correct` of `seen` pictures */
    int64_t correct, seen;
    double seconds;       /* spent in this epoch */
    double total_seconds;
    double best;          /* validation accuracy, NaN none yet */
    int64_t best_epoch;   /* counted from 1, 0 none */
    bool stopped;         /* early */
    int64_t curve_sizes[WHET_CURVE_FILES];
} whet_train_state;

/* settings and identity (data hashes, ISA, kernels, version) are stored as they are. */
whet_status whet_checkpoint_save(const char *path, whet_exec *e, const whet_train_state *state, const json_t *settings,
                                 const json_t *identity, const json_t *history);

/* Member of the identity: the hash of the tuned choices (exec/exec_tune.h). Checkpoints without it were made untuned. */
#define WHET_CHECKPOINT_TUNING "tuning (--tune)"
#define WHET_CHECKPOINT_UNTUNED "none"

typedef struct whet_checkpoint whet_checkpoint;
whet_status whet_checkpoint_open(whet_checkpoint **out, const char *path);
void whet_checkpoint_close(whet_checkpoint *c); /* accepts NULL */
const json_t *whet_checkpoint_settings(const whet_checkpoint *c);
const json_t *whet_checkpoint_history(const whet_checkpoint *c); /* array of the epochs so far */
/* EINVAL naming what differs: data, ISA, kernels, version. */
whet_status whet_checkpoint_same(const whet_checkpoint *c, const json_t *identity);
/* Fills every variable and the state; EFORMAT if one is missing or of another type or shape. */
whet_status whet_checkpoint_load(const whet_checkpoint *c, whet_exec *e, whet_train_state *state);

/* Weights of a file of any format: each variable that the file has, by whet_weights_match; `strict` wants all of the graph's
 * that are parameters or statistics. */
whet_status whet_weights_load(const char *path, whet_exec *e, bool strict);
/* Copies variables of equal names, the moving average of one instead of it where there is one. */
void whet_weights_copy(whet_exec *to, whet_exec *from);

#endif
