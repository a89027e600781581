/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of a graph by name, from and to safetensors. */
#ifndef WHET_FORMATS_WEIGHTS_H
#define WHET_FORMATS_WEIGHTS_H

#include "ir/graph.h"
#include "wire/safetensors.h"

whet_dtype whet_safetensors_to_dtype(const char *name);   /* NONE if whet has it not */
const char *whet_safetensors_from_dtype(whet_dtype t);    /* NULL if the format has it not */

/* A tensor of its own from an entry. */
whet_status whet_safetensors_load(whet_tensor *out, const whet_safetensors_entry *e);

typedef struct whet_weights_report { int n_set, n_missing, n_unused; char *first_missing, *first_unused; } whet_weights_report;
void whet_weights_report_dispose(whet_weights_report *r);
/* Gives every variable (and every float constant that is a parameter by name) of the graph the file's bytes of the same name.
 * A wrong shape or type is ESHAPE naming the tensor. Names without a partner are counted, not an error. */
whet_status whet_weights_read(whet_graph *g, const char *path, whet_weights_report *report);
/* All variables, or with constants too: the named float constants. */
whet_status whet_weights_write(const whet_graph *g, const char *path, bool constants);

#endif
