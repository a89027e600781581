/* SPDX-License-Identifier: Apache-2.0 */
/* Optimisers and the training graph. */
#ifndef WHET_TRAIN_OPTIMIZER_H
#define WHET_TRAIN_OPTIMIZER_H

#include "ir/graph.h"
#include "train/train.h"

/* Adds the update of each of the n parameters with its gradient (WHET_NO_VALUE: none, left alone), the state variables and
 * the commits. lr: f32 scalar input; step: f32 scalar input counting from 1 (Adam), may be WHET_NO_VALUE for SGD. */
whet_status whet_optimizer_add(whet_graph *g, const whet_train_settings *s, whet_vid lr, whet_vid step, int n,
                               const whet_vid *params, const whet_vid *grads);

/* Inputs and outputs of the graphs below, by position. */
enum { WHET_TRAIN_IN_X, WHET_TRAIN_IN_Y, WHET_TRAIN_IN_LR, WHET_TRAIN_IN_STEP };
enum { WHET_TRAIN_OUT_LOSS, WHET_TRAIN_OUT_CORRECT };

/* From the model's forward graph (one picture input [N, ...], one output [N, classes]; a Softmax at its end is left out):
 * batch normalisation over the batch with running statistics, loss, gradients, optimiser, commits. Inputs: pictures,
 * labels s64 [N], rate, and with Adam the step. Outputs: mean loss, number of correct ones (f32 scalars). */
whet_status whet_train_graph_create(whet_graph **out, const whet_graph *model, const whet_train_settings *s);
/* The same outputs of the model as it infers, without the label smoothing; inputs: pictures and labels. */
whet_status whet_train_eval_graph_create(whet_graph **out, const whet_graph *model);

#endif
