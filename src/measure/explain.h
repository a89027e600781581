/* SPDX-License-Identifier: Apache-2.0 */
/* Why a model is as fast as it is: what a runtime made of it, node by node, against what the machine can do at most. */
#ifndef WHET_MEASURE_EXPLAIN_H
#define WHET_MEASURE_EXPLAIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "ir/graph.h"
#include "measure/roofline.h"
#include "whet/progress.h"

typedef struct whet_explain_side { const char *model, *runtime; } whet_explain_side;

typedef struct whet_explain_spec {
    whet_explain_side a, b; /* b.model NULL: alone */
    int threads, batch, sizes[2];
    bool quick;             /* shorter looks */
    uint64_t seed;
    const char *program;
    whet_progress_fn progress;
    void *progress_arg;
} whet_explain_spec;

/* The document "explain" (docs/result-format.md). */
whet_status whet_explain_run(json_t **out, const whet_explain_spec *spec);

/* --- parts, apart for tests: all of them work on documents */
typedef enum whet_node_class { WHET_NODE_PRODUCT, WHET_NODE_QUANTISE, WHET_NODE_LAYOUT, WHET_NODE_CAST, WHET_NODE_OTHER, WHET_NODE_CLASSES } whet_node_class;
const char *whet_node_class_name(whet_node_class c); /* "product", "quantise", "layout", "cast", "other" */
whet_node_class whet_node_class_of(const char *type, double macs);

/* A profile slows what it measures: each node's "ms" becomes its share of the latency, the profile's own stays as "profile_ms". All
 * times and all shares of roofs and peaks are of these. Gives the profile's sum; nothing is changed where it or the latency is 0. */
double whet_explain_scale(json_t *nodes, double latency_ms);
/* Completes nodes (as a runtime's "profile" or "executed_graph" gives them) with class, work, shares and bounds, and gives the sums
 * over them. The work that a runtime does not tell is that of the file's nodes of the same name (`origin`): {"name": FILE_NODE} with
 * FILE_NODE {"node", "macs", "constant", "input", "output" (elements), "reads"}; where products have no such names and are as many as the
 * file has left, these in their order ("matched_nodes" of them). */
json_t *whet_explain_nodes(const json_t *nodes, const json_t *file, const json_t *order, const whet_roofline *r);
/* "0.28", "4.5", "62", "100", "172": a share of 1 in per cent. */
enum { WHET_PERCENT_TEXT = 16 };
const char *whet_explain_percent(char buf[WHET_PERCENT_TEXT], double share);
/* What a model's part of the document says, as a list of sentences; and why a is faster or slower than b. */
json_t *whet_explain_words(const json_t *model, const whet_roofline *r);
json_t *whet_explain_against(const json_t *a, const json_t *b, const whet_roofline *r);

/* The quantised products of the file that were executed in float, each with its reason: [{"node","op","why"}]. */

json_t *whet_explain_left_in_float(const whet_graph *file, const json_t *nodes);

#endif
