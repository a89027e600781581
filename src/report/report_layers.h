/* SPDX-License-Identifier: Apache-2.0 */
/* The error of inner tensors along depth, as a picture. */
#ifndef WHET_REPORT_LAYERS_H
#define WHET_REPORT_LAYERS_H

#include <jansson.h>

#include "base/status.h"

/* The compared tensors of a document "verify" with layers, in the order of the network; a new reference. */
json_t *whet_report_layers_sorted(const json_t *doc);
/* A drawing of its own, white ground, readable without colours. Heap string. */
whet_status whet_report_layers_svg(const json_t *doc, char **svg);
/* Writes it; by the ending .svg or .png (by gnuplot: EUNAVAILABLE where it is missing). */
whet_status whet_report_layers_write(const json_t *doc, const char *path);

#endif
