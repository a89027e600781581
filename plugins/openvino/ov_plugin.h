/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the plug-in share. */
#ifndef WHET_PLUGINS_OPENVINO_PLUGIN_H
#define WHET_PLUGINS_OPENVINO_PLUGIN_H

#include <stdbool.h>

#include "ov_abi.h"
#include "whet/status.h"
#include "whet/sys/backend.h"

enum { OV_MAX_IO = 64, OV_MAX_TEXT = 512 };

typedef struct ov_runtime { /* loaded at most once in a process, and never unloaded */
    ov_api api;
    ov_core *core;        /* NULL: not usable, `why` says why */
    char version[64];     /* "2026.4.1" */
    char capabilities[256]; /* "FP32 INT8 BIN BF16 ..." of the CPU at hand */
    char why[OV_MAX_TEXT];
} ov_runtime;
extern ov_runtime ov_rt;
extern const whet_backend_host *ov_host; /* set once, when the plug-in is entered */
extern const char ov_built_for[];

/* ov_load.c */
void ov_load(void);
int ov_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* 0, or ov_fail with the library's own words: `status` for an ordinary failure, EUNSUPPORTED if they say so. */
int ov_check(int code, int status, const char *what);
bool ov_can(const char *capability); /* "BF16" */

typedef struct ov_slot {
    char name[256];
    int dtype, rank;
    int64_t file[WHET_BACKEND_MAX_RANK], dims[WHET_BACKEND_MAX_RANK]; /* of the file; as set_shape fixed them */
} ov_slot;

struct whet_backend_model {
    char *path;
    ov_model *graph;       /* as read; given back once it is compiled */
    ov_compiled *compiled; /* NULL before the first stream, and after a change of shapes */
    int threads, streams;  /* 0: the library's own choice */
    const char *precision; /* of what the file leaves open: "f32" */
    const char *denormals; /* "YES", "NO" */
    int n[2];              /* inputs, outputs */
    ov_slot *io[2];
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
