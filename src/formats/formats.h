/* SPDX-License-Identifier: Apache-2.0 */
/* The table of model formats: which one a file is, reading and writing by it.
 *
 * A format holds a graph (read, write), or named tensors alone (read_weights, write_weights; see formats/weights.h), or both:
 * the tensors of a graph are its variables and initialisers. A row's functions are whet_<name>_<verb>() of
 * formats/<folder>/<folder>.h.
 *
 * Layouts: the graph is NCHW inside. A reader of a channels-last format keeps the file's inputs and outputs as they are in the
 * file and puts Transposes where they must be (formats/nhwc_import.h makes that as few as possible). A writer with the trait
 * WHET_FORMAT_NHWC gets a graph after whet_pass_channels_last: a value tagged WHET_NHWC (also an input, output or constant)
 * lies channels-last in the file, a whet.Reorder is a transpose in the file, attributes stay those of NCHW. */
#ifndef WHET_FORMATS_FORMATS_H
#define WHET_FORMATS_FORMATS_H

#include "formats/weights.h"
#include "ir/graph.h"

/* What the graph must be before a writer gets it; src/convert runs the passes. */
enum {
    WHET_FORMAT_FROZEN = 1,   /* no variables, no training mode, no commits */
    WHET_FORMAT_FOLDED = 2,   /* batch normalisation folded into convolutions and products */
    WHET_FORMAT_NHWC = 4,     /* channels last, see above */
    WHET_FORMAT_STATIC = 8,   /* shapes known but for the batch */
    WHET_FORMAT_FOLDER = 16,  /* the path is a directory */
    WHET_FORMAT_NAMED = 32,   /* written-out activations and layer normalisation become one node each, as it has no pieces of them */
    WHET_FORMAT_BORDER = 64   /* a reader sees what integers at the input stand for: scale and zero point */
};

typedef struct whet_format_options {
    size_t size;
    /* reading; see formats/onnx/onnx.h */
    bool parameters_as_variables;
    bool keep_training;
    /* writing */
    int opset;          /* ONNX; 0 = the default, 17 */
    whet_dtype weights; /* large constants of f32 are stored as F16, or as S8 with a scale for each channel; NONE: as they are */
    whet_strbuf *report; /* may be NULL: a line "node: what became of it" for each node that was not written one to one */
} whet_format_options;
void whet_format_options_init(whet_format_options *o);

typedef struct whet_model_format {
    const char *name, *ext, *title; /* ext: ".pt .ts", the first is the usual one */
    uint32_t traits;
    /* From the first bytes (n = 0 for a directory), the size of the file and, where these do not tell, its path. */
    bool (*detect)(const uint8_t *head, size_t n, size_t file_size, const char *path);
    /* NULL where the format cannot. */
    whet_status (*read)(whet_graph **out, const char *path, const whet_format_options *o);
    whet_status (*write)(const whet_graph *g, const char *path, const whet_format_options *o);
    whet_status (*read_weights)(whet_weights **out, const char *path);
    whet_status (*write_weights)(const whet_weights *w, const char *path);
} whet_model_format;

/* Row i of the table; NULL from the end on. */
const whet_model_format *whet_format_row(size_t i);
/* By content, then by extension. ENOTFOUND, EIO, or EUNSUPPORTED naming what it looks like. */
whet_status whet_format_of_file(const char *path, const whet_model_format **out);
/* For writing: by name, or (name NULL) by the extension of path. EINVAL listing the names. */
whet_status whet_format_for_writing(const char *name, const char *path, const whet_model_format **out);

/* opt may be NULL. */
whet_status whet_format_read(whet_graph **out, const char *path, const whet_format_options *opt);
/* format NULL: by the extension of path. The graph must have the format's traits: see convert/convert.h, which sees to that. */
whet_status whet_format_write(const whet_graph *g, const char *path, const char *format, const whet_format_options *opt);
/* The tensors of any file that holds some: of weights-only files as they stand, of graphs by the names of their variables and
 * initialisers. */
whet_status whet_format_read_weights(whet_weights **out, const char *path);
whet_status whet_format_write_weights(const whet_weights *w, const char *path, const char *format);

#endif
