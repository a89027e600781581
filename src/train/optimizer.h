/* SPDX-License-Identifier: Apache-2.0 */
/* Optimisers and the training graph. */
#ifndef WHET_TRAIN_OPTIMIZER_H
#define WHET_TRAIN_OPTIMIZER_H

#include "exec/exec.h"
#include "ir/graph.h"
#include "train/train.h"

/* What a step reads beside pictures and labels: f32 scalars, inputs of the graph where the settings need them, else
 * WHET_NO_VALUE. Names: "learning_rate", "step", "ema_share", "batch_share", "keep", "apply". */
typedef struct whet_step_inputs {
    whet_vid lr;
    whet_vid step;        /* counted from 1: adam, adamw */
    whet_vid ema_share;   /* 1 - decay of this step */
    whet_vid batch_share; /* accumulation: this batch's share of the step's pictures, */
    whet_vid keep;        /* 0 in the step's first batch, which begins the sum anew, */
    whet_vid apply;       /* 1 in its last, which updates the weights; else 0 */
} whet_step_inputs;
whet_status whet_step_inputs_add(whet_graph *g, const whet_train_settings *s, whet_step_inputs *in);
/* Sets input `name` of the plan if its graph has it. */
void whet_step_set(whet_plan *p, const char *name, double x);

/* Adds what becomes of the n parameters' gradients (WHET_NO_VALUE: none, left alone): their sum over the accumulated batches
 * ("<param>.grad_sum"), clipping, the update, the moving averages "<name>.ema" of the parameters and of every variable that
 * the graph commits already (running statistics), with state variables and commits. */
whet_status whet_optimizer_add(whet_graph *g, const whet_train_settings *s, const whet_step_inputs *in, int n, const whet_vid *params,
                               whet_vid *grads);

/* Loss of logits [N, C, ...] against a new input "labels" s64 [N, ...]; correct: number of labels that the largest logit
 * meets. As the settings say, or plain: without smoothing and class weights, as a split is scored. */
whet_status whet_train_loss_add(whet_graph *g, const whet_train_settings *s, bool plain, whet_vid logits, whet_vid *loss, whet_vid *correct);

/* Inputs and outputs of the graphs below, by position; what follows stands in whet_step_inputs. */
enum { WHET_TRAIN_IN_X, WHET_TRAIN_IN_Y, WHET_TRAIN_IN_LR, WHET_TRAIN_MOST_INPUTS = 8 };
enum { WHET_TRAIN_OUT_LOSS, WHET_TRAIN_OUT_CORRECT };

/* From the model's forward graph (one picture input [N, ...], one output [N, classes, ...]; a Softmax at its end is left
 * out): batch normalisation over the batch with running statistics, loss, gradients, optimiser, commits. Inputs: pictures,
 * labels s64 [N, ...], rate, and what else the settings need. Outputs: mean loss, number of correct ones (f32 scalars). */
whet_status whet_train_graph_create(whet_graph **out, const whet_graph *model, const whet_train_settings *s);
/* Activations that nodes from n_forward on read are kept in bf16; node ids change. train_store.c */
whet_status whet_train_store_bf16(whet_graph *g, int64_t batch, int n_forward);
/* Per node a number of the segment that is computed again in backward, or -1; caller frees. train_recompute.c */
whet_status whet_train_segments(const whet_graph *g, int64_t batch, int64_t finer, int **out);
/* The same outputs of the model as it infers, by the plain loss; inputs: pictures and labels. */
whet_status whet_train_eval_graph_create(whet_graph **out, const whet_graph *model, const whet_train_settings *s);

/* The variable that stands for the model's `name` where it is scored and written: its moving average, else itself. */
whet_tensor *whet_train_kept(whet_exec *e, const char *name);
/* The averages begin as what they average. */
void whet_train_averages_start(whet_exec *e);

#endif
