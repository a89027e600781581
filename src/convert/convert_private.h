/* SPDX-License-Identifier: Apache-2.0 */
/* Private to src/convert: notes for the report. */
#ifndef WHET_CONVERT_PRIVATE_H
#define WHET_CONVERT_PRIVATE_H

#include "convert/convert.h"
#include "data/contract.h"

/* All accept a NULL report. */
void convert_note(whet_convert_report *r, const char *what, const char *node, const char *op, const char *by);
void convert_remark(whet_convert_report *r, const char *fmt, ...) WHET_PRINTF(2, 3);
/* Lines "node: what became of it" of a writer. */
void convert_note_lines(whet_convert_report *r, const whet_graph *g, const char *lines);

/* Which nodes a graph has, to be compared after a pass. */
typedef struct convert_nodes { int n; const char **names; const struct whet_op **ops; } convert_nodes;
whet_status convert_nodes_take(convert_nodes *c, const whet_graph *g);
void convert_nodes_dispose(convert_nodes *c);
/* What is gone or another operator now is noted as `what`, done by `by`. Names live as long as the graph. */
void convert_nodes_compare(const convert_nodes *before, const whet_graph *after, const char *what, const char *by, whet_convert_report *r);

/* After a writer refused a node: every node tried alone, those refused are noted. Keeps the error. */
void convert_find_refused(const whet_graph *g, const whet_model_format *target, const char *path, const whet_format_options *o,
                          whet_convert_report *r);
/* What the metadata says of the picture; false if there is no contract. c must be initialised. */
bool convert_contract_get(const whet_graph *g, whet_contract *c);
whet_status convert_contract_set(whet_graph *g, const whet_contract *c);

#endif
