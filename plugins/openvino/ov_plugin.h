/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the plug-in share. */
#ifndef WHET_PLUGINS_OPENVINO_PLUGIN_H
#define WHET_PLUGINS_OPENVINO_PLUGIN_H

#include "ov_abi.h"
#include "plugin.h"

enum { OV_MAX_IO = 64 };

typedef struct ov_runtime { /* loaded at most once in a process, and never unloaded */
    ov_api api;
    ov_core *core;
    char capabilities[256]; /* "FP32 INT8 BIN BF16 ..." of the CPU at hand */
} ov_runtime;
extern ov_runtime ov_rt;

/* ov_load.c */
bool ov_load(void);
/* 0, or plugin_fail with the library's own words: `status` for an ordinary failure, EUNSUPPORTED if they say so. */
int ov_check(int code, int status, const char *what);
bool ov_can(const char *capability); /* "BF16" */

struct whet_backend_model {
    plugin_ends ends;
    char *path;
    ov_model *graph;       /* as read; given back once it is compiled */
    ov_compiled *compiled; /* NULL before the first stream, and after a change of shapes */
    int threads, streams;  /* 0: the library's own choice */
    const char *precision; /* of what the file leaves open: "f32" */
    const char *denormals; /* "YES", "NO" */
    whet_backend_stream *last; /* whose inputs a profile uses; NULL: none is open */
};

struct whet_backend_stream {
    whet_backend_model *m;
    ov_request *request;
    ov_tensor *in[OV_MAX_IO];
};

/* ov_layers.c: the layers of a compiled model, before it joined them to kernels */
typedef struct ov_layer { char *name, *origin; double macs, constant_bytes, input_bytes, output_bytes; } ov_layer;
typedef struct ov_layers { size_t n, cap; ov_layer *v; } ov_layers;
extern const ov_callbacks ov_listen; /* what a model must be compiled with to be read */
/* Leaves the list empty where the library does not tell: that is no failure. */
void ov_layers_read(ov_layers *l, const ov_compiled *compiled);
const ov_layer *ov_layers_find(const ov_layers *l, const char *name); /* NULL: none */
void ov_layers_dispose(ov_layers *l);

/* Reads the file again where needed and compiles it for the present shapes; counting: with times of layers, and to be read by
 * ov_layers_read. */
int ov_compile(whet_backend_model *m, bool counting, ov_compiled **out);
int ov_query(whet_backend_model *m, const char *key, char **json); /* ov_query.c */

#endif
