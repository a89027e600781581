/* SPDX-License-Identifier: Apache-2.0 */
/* The table of model formats: which one a file is, reading and writing by it. */
#ifndef WHET_FORMATS_FORMATS_H
#define WHET_FORMATS_FORMATS_H

#include "ir/graph.h"

typedef struct whet_format_options {
    size_t size;
    /* reading; see formats/onnx/onnx.h */
    bool parameters_as_variables;
    bool keep_training;
    /* writing */
    int opset;          /* ONNX; 0 = the default, 17 */
} whet_format_options;
void whet_format_options_init(whet_format_options *o);

typedef struct whet_model_format {
    const char *name, *ext, *title;
    bool (*detect)(const uint8_t *head, size_t n, size_t file_size); /* first bytes of the file */
    whet_status (*read)(whet_graph **out, const char *path, const whet_format_options *o);      /* NULL: holds no graph */
    whet_status (*write)(const whet_graph *g, const char *path, const whet_format_options *o);  /* NULL: cannot be written */
} whet_model_format;

/* By content, then by extension. ENOTFOUND, EIO, or EUNSUPPORTED naming what it looks like. */
whet_status whet_format_of_file(const char *path, const whet_model_format **out);

/* opt may be NULL. */
whet_status whet_format_read(whet_graph **out, const char *path, const whet_format_options *opt);
/* format NULL: by the extension of path. */
whet_status whet_format_write(const whet_graph *g, const char *path, const char *format, const whet_format_options *opt);

#endif
