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
    uint32_t *slots;       /* names by hash */
    size_t n_slots;
} whet_weights;

whet_status whet_weights_create(whet_weights **out);
void whet_weights_free(whet_weights *w); /* accepts NULL */
/* Takes a reference to the tensor's buffer. EFORMAT if the name is taken. */
whet_status whet_weights_add(whet_weights *w, const char *name, const whet_tensor *t);
whet_status whet_weights_set_meta(whet_weights *w, const char *key, const char *value); /* replaces */
const char *whet_weights_meta(const whet_weights *w, const char *key); /* NULL if absent */
const whet_tensor *whet_weights_find(const whet_weights *w, const char *name); /* NULL if absent */
int whet_weights_index(const whet_weights *w, const char *name);               /* -1 if absent */

/* What a checkpoint of the graph holds, in its order: the variables, or, where it has none, the constants that are parameters;
 * with its metadata. */
whet_status whet_weights_of_graph(whet_weights **out, const whet_graph *g);
/* Which tensor is meant for each of n names: found[i] is its number, -1 if there is none. Prefixes common to all names of one
 * side ("module.", "model.", "state_dict.") are dropped where that makes more names match, and torchvision's names of
 * MobileNetV2 and EfficientNet-B0 stand for timm's, which the zoo has. */
whet_status whet_weights_match(const whet_weights *w, int n, const char *const *names, int *found);
/* src as a tensor of this type and shape: a reference, or f32 made of f16 or bf16. ESHAPE naming what differs. */
whet_status whet_weights_fit(whet_tensor *dst, const whet_tensor *src, whet_dtype dtype, const whet_shape *shape, const char *name);
/* Puts tensors into the graph's variables and float constants, by whet_weights_match. Every variable, and every constant
 * that is a parameter of an operator (Conv, Gemm, MatMul, normalisation, PRelu), must be found, else EINVAL naming the first
 * that is not (with the nearest name) and how many; the graph is then unchanged, as on every failure. The contract of the
 * weights becomes the graph's if it has none. `report` (may be NULL)
 * gets a line for each tensor of the file that was not used and for each named constant that was kept. */
whet_status whet_weights_apply(const whet_weights *w, whet_graph *g, whet_strbuf *report);

#endif
