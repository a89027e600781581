/* SPDX-License-Identifier: Apache-2.0 */
/* The C border of the C++ shim: libtorch.c finds LibTorch and the shim that was built for that very version, and calls it
 * through this table only. Each function returns 0 or a negative whet_status code with a text in `why`. */
#ifndef WHET_LIBTORCH_SHIM_H
#define WHET_LIBTORCH_SHIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { WT_ABI = 1, WT_MAX_RANK = 8, WT_MAX_IO = 16, WT_MAX_WHY = 1024 };
enum { WT_OFF, WT_BASIC, WT_ALL };                /* optimisation */
enum { WT_DEFAULT, WT_F32, WT_BF16, WT_F16 };     /* precision */
enum { WT_LEAVE = -1, WT_KEEP, WT_ZERO };         /* denormals */

typedef struct wt_options { int threads, streams, optimisation, precision, denormals; } wt_options;

/* rank -1: not known before the shape is set (inputs) or the first run (outputs). dtype as ONNX numbers its types. */
typedef struct wt_tensor {
    char name[256];
    int dtype, rank;
    int64_t dims[WT_MAX_RANK];
    void *data;
    size_t bytes;
} wt_tensor;

typedef struct wt_model wt_model;
typedef struct wt_stream wt_stream;

typedef struct wt_shim {
    uint32_t abi;
    const char *built_with;                       /* "2.13.0" */
    int (*version)(char *out, size_t cap);        /* of the library in this process */
    int (*open)(wt_model **out, const char *path, const wt_options *o, char *why);
    void (*close)(wt_model *m);
    int (*count)(const wt_model *m, int output);
    void (*info)(const wt_model *m, int output, int i, wt_tensor *t);
    int (*set_shape)(wt_model *m, int i, int rank, const int64_t *dims, char *why);
    int (*stream_create)(wt_stream **out, wt_model *m, char *why);
    void (*stream_free)(wt_stream *s);
    int (*map)(wt_stream *s, int output, int i, wt_tensor *t, char *why);
    int (*run)(wt_stream *s, char *why);
    /* JSON in *text, to be freed with text_free. */
    int (*executed_graph)(wt_model *m, char **text, char *why);
    int (*profile)(wt_model *m, char **text, char *why);
    void (*text_free)(char *text);
    /* What the file says of itself in extra/whet.json, "" if nothing. */
    const char *(*extra)(const wt_model *m);
} wt_shim;

typedef const wt_shim *(*wt_entry_fn)(void);
#define WT_ENTRY "whet_libtorch_shim"

#ifdef __cplusplus
}
#endif
#endif
