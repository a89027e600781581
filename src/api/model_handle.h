/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the bodies of whet/model.h. */
#ifndef WHET_API_MODEL_HANDLE_H
#define WHET_API_MODEL_HANDLE_H

#include "ir/graph.h"
#include "whet/model.h"

struct whet_model {
    char *path;
    const char *format, *format_title;
    whet_graph *g;
};

#endif
