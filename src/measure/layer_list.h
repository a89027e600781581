/* SPDX-License-Identifier: Apache-2.0 */
/* The inner tensors of two files that can be compared, and which of them belong together. */
#ifndef WHET_MEASURE_LAYER_LIST_H
#define WHET_MEASURE_LAYER_LIST_H

#include "ir/graph.h"

typedef enum whet_layer_rule { WHET_LAYER_NONE, WHET_LAYER_NAME, WHET_LAYER_QUANTISED, WHET_LAYER_POSITION, WHET_LAYER_RULES } whet_layer_rule;
const char *whet_layer_rule_name(whet_layer_rule r); /* "name", "name before quantising", "position and shape" */

typedef struct whet_layer {
    const char *name;     /* of the tensor, as the file has it */
    const char *stored;   /* quantised: that of the integers, which a runtime keeps where `name` is fused away; or NULL */
    const char *before;   /* quantised: what went into QuantizeLinear; or NULL */
    char stem[128];       /* quantised: `stored` without the ending that quantisers give; or "" */
    float scale;          /* of `stored`: (q - zero) * scale; 0: not one number */
    int32_t zero;
    whet_vid vid;         /* of `name` */
    whet_shape shape;
    whet_dtype dtype;
    const char *node, *op; /* that compute it: what stands before quantising and elementwise operators is not looked through */
    int depth;            /* position of the node in topological order */
    char key[64];         /* class and dimensions where it ends a chain (convolution and what follows it alone), else "" */
    int pair;             /* index in the other list, or -1 */
    whet_layer_rule rule;
} whet_layer;

typedef struct whet_layer_list {
    whet_graph *g;        /* sorted, shapes bound */
    size_t n, cap;
    whet_layer *v;        /* in topological order */
    int *entry;           /* per value of g: its index in v, or -1 */
} whet_layer_list;

/* Reads the file and lists the floating point results that depend on its inputs, apart from those that only move data. What is
 * quantised counts once, as the dequantised tensor; what a runtime fuses (a result that only QuantizeLinear reads) is left out,
 * so that reading the others does not change what is executed. */
whet_status whet_layer_list_read(whet_layer_list *l, const char *path, int n_inputs, const whet_shape *shapes);
void whet_layer_list_dispose(whet_layer_list *l);

/* Sets pair and rule in both: equal names, or the name that a quantised tensor had before; then, between those, ends of chains of
 * the same class and dimensions in the same order. Shapes must agree, channels first or last. */
whet_status whet_layers_match(whet_layer_list *a, whet_layer_list *b);
/* How b's elements lie against a's: 0 no match, 1 the same order, 2 b is channels last, 3 a is channels last. */
int whet_layer_order(const whet_shape *a, const whet_shape *b);

#endif
