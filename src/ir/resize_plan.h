/* SPDX-License-Identifier: Apache-2.0 */
/* What a Resize node asks for, axis by axis, read from its attributes and inputs. */
#ifndef WHET_IR_RESIZE_PLAN_H
#define WHET_IR_RESIZE_PLAN_H

#include "ir/graph.h"
#include "kernels/resize/resize.h"

/* Attributes as a rule; EINVAL for an unknown word, EUNSUPPORTED for what is not handled. */
whet_status whet_resize_rule_read(const whet_node *n, whet_resize_rule *rule);

/* Axes of a node whose inputs 1, 2, 3 are roi, scales, sizes (or absent), for an input and output of known shapes. scales,
 * sizes and roi must be constants where they are needed: EUNSUPPORTED otherwise. */
whet_status whet_resize_axes_read(const whet_graph *g, const whet_node *n, const whet_shape *in, const whet_shape *out,
                                  whet_resize_axis *axes);

#endif
