/* SPDX-License-Identifier: Apache-2.0 */
/* Reverse-mode differentiation: adds ordinary nodes to the graph. */
#ifndef WHET_IR_AUTODIFF_H
#define WHET_IR_AUTODIFF_H

#include "ir/graph.h"

/* Adds the nodes that compute dL/dv for each of the n values in wrt (inputs, variables or results), L being the scalar
 * float value `loss`. grads[i] = WHET_NO_VALUE where the loss does not depend on wrt[i]. EUNSUPPORTED names the node
 * whose operator has no gradient. Sums of several contributions are added in a fixed order. */
whet_status whet_graph_gradients(whet_graph *g, whet_vid loss, int n, const whet_vid *wrt, whet_vid *grads);

#endif
