/* SPDX-License-Identifier: Apache-2.0 */
/* Channels last for writers of formats that lay images out as N, H, W, C (TFLite, Keras, TensorFlow).
 *
 * Decides for each value of rank 4 whether it lies channels-last in the file, such that as few transpositions as can be are
 * left: an exact minimum cut over all values at once, of which convolutions, pools and the like ask for channels-last, products
 * and normalisations over the last axis for the order that the graph says, and all else for its neighbours' choice. Inputs,
 * outputs and constants are free: an NCHW graph gets NHWC inputs and outputs, one that was read from an NHWC file keeps them.
 *
 * Afterwards (formats/nhwc_export.h helps to read it):
 *   - value.layout says how the value lies in the file; dims, attributes, axes and constant bytes stay in the graph's terms;
 *   - where producer and reader differ there is a whet.Reorder; a Transpose between a channels-last value and a plain one
 *     that says the same moves nothing in the file (whet_nhwc_move tells);
 *   - flattened images keep their pixels' order: the product behind has its constant weights permuted; image to tokens
 *     ([N,C,H,W] -> [N,C,HW] -> [N,HW,C]) and back are plain reshapes; operands of lower rank that broadcast into an image
 *     have become rank 4;
 *   - the contract in the metadata says NHWC if the (first) image input is now.
 * The graph computes what it did, apart from the order in which its inputs and outputs lie. Not to be run before the tags are
 * taken off (whet_channels_last_undo). */
#ifndef WHET_PASSES_CHANNELS_LAST_H
#define WHET_PASSES_CHANNELS_LAST_H

#include "passes/passes.h"

/* c->changes: values that lie channels-last now. Variables must be frozen; shapes known but for the batch. */
whet_status whet_pass_channels_last(whet_pass_context *c);
/* All tags off, whet.Reorder nodes become Identity: the graph can be run as before (tests, --check). */
whet_status whet_channels_last_undo(whet_graph *g);

#endif
