/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the bodies of inspecting: graphs, files of weights, and the text of both. */
#ifndef WHET_API_INSPECT_PARTS_H
#define WHET_API_INSPECT_PARTS_H

#include <jansson.h>

#include "base/strbuf.h"
#include "measure/facts.h"
#include "whet/model.h"

whet_model_inspect_options inspect_settle(const whet_model_inspect_options *opt);
/* format: the row's name; title: for people. */
whet_status inspect_graph(whet_result **out, const char *path, const char *format, const char *title, const whet_graph *g,
                          const whet_facts *facts, const whet_model_inspect_options *o);
/* text: of the contract, JSON; NULL: there is none. */
whet_status inspect_add_contract(json_t *doc, const char *text);
void inspect_render(const json_t *doc, int width, bool color, whet_strbuf *out);

#endif
