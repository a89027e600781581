/* SPDX-License-Identifier: Apache-2.0 */
/* What a runtime would refuse of a graph, from tables; nothing is run. */
#ifndef WHET_CONVERT_TARGETS_H
#define WHET_CONVERT_TARGETS_H

#include <jansson.h>

#include "ir/graph.h"

/* target: "ort@1.16", "litert@2.3", "openvino@2024", "edgetpu"; format: the file's ("onnx"). *out: {"target", "title", "runs": bool,
 * "file": [what is wrong with the file as a whole], "nodes": [{"node", "op", "why"}]}. EINVAL listing targets and versions. */
whet_status whet_target_judge(json_t **out, const whet_graph *g, const char *format, const char *target);

#endif
