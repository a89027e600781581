/* SPDX-License-Identifier: Apache-2.0 */
/* Reverse-mode differentiation: adds ordinary nodes to the graph. */
#ifndef WHET_IR_AUTODIFF_H
#define WHET_IR_AUTODIFF_H

#include "ir/graph.h"

/* Adds the nodes that compute dL/dv for each of the n values in wrt (inputs, variables or results), L being the scalar
 * float value `loss`. grads[i] = WHET_NO_VALUE where the loss does not depend on wrt[i]. EUNSUPPORTED names the node
 * whose operator has no gradient. Sums of several contributions are added in a fixed order. */
/* segment (may be NULL): per node of the graph a number, or -1. Segments are runs of nodes in their order. What the nodes of a
 * segment made is computed again from what came into it when the gradients have gone back that far, and is not kept for
 * them meanwhile (Chen et al., "Training deep nets with sublinear memory cost", 2016). Random operators are not repeated. */
whet_status whet_graph_gradients_recomputing(whet_graph *g, whet_vid loss, int n, const whet_vid *wrt, const int *segment, whet_vid *grads);
whet_status whet_graph_gradients(whet_graph *g, whet_vid loss, int n, const whet_vid *wrt, whet_vid *grads);

#endif
