/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WHET_API_VERIFY_LAYERS_H
#define WHET_API_VERIFY_LAYERS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/strbuf.h"

/* The text of the document's "layers": the worst tensors, the error along depth as bars, and where it begins. */
void verify_layers_render(const json_t *doc, int width, bool color, whet_strbuf *out);

#endif
