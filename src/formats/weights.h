/* SPDX-License-Identifier: Apache-2.0 */
/* Named tensors, as checkpoints hold them, and their way into a graph. */
#ifndef WHET_FORMATS_WEIGHTS_H
#define WHET_FORMATS_WEIGHTS_H

#include "base/strbuf.h"
#include "ir/graph.h"

typedef struct whet_weights {
    size_t n;
    char **names;          /* unique, in the order of the file */
    whet_tensor *tensors;  /* each holds a reference to its buffer; dense, row-major */
    size_t n_meta;
    char **meta;           /* key, value, key, value, ... */
    size_t capacity, meta_capacity;
} whet_weights;

whet_status whet_weights_create(whet_weights **out);
void whet_weights_free(whet_weights *w); /* accepts NULL */
/* Takes a reference to the tensor's buffer. EFORMAT if the name is taken. */
whet_status whet_weights_add(whet_weights *w, const char *name, const whet_tensor *t);
whet_status whet_weights_set_meta(whet_weights *w, const char *key, const char *value);
const whet_tensor *whet_weights_find(const whet_weights *w, const char *name); /* NULL if absent */

/* Variables and named constants of the graph, in the graph's order: what a checkpoint of it holds. */
whet_status whet_weights_of_graph(whet_weights **out, const whet_graph *g);
/* Puts tensors into the graph's variables and constants of the same name, shape and (after f16/bf16 -> f32) type. Prefixes
 * common to all names ("module.", "model.", "state_dict.") are dropped where that makes names match. Every parameter of the
 * graph must be found, else EINVAL naming the first that is not (with the nearest name) and how many; `report` (may be
 * NULL) gets a line for each tensor of the file that was not used. */
whet_status whet_weights_apply(const whet_weights *w, whet_graph *g, whet_strbuf *report);

#endif
