/* SPDX-License-Identifier: Apache-2.0 */
/* Backend interface: a whole runtime taking a whole model file.
 *
 * A plug-in is a shared object that exports `whet_backend_entry`, or a backend built into the program (native). It
 * includes only this header. The program loads at most one vendor runtime into a process.
 *
 * Members are only ever appended; `size` tells the host how many the plug-in knows. Members marked optional may be NULL.
 * All functions return 0 or a negative whet_status code (see whet/status.h for the numbers) and on failure call
 * host->set_error with what is wrong and what to do. Unless said otherwise strings returned by the plug-in belong to it
 * and live until the next call on the same object; JSON strings are freed by the host with host->release.
 *
 * Thread rule: different models may be used from different threads; one stream by one thread at a time. */
#ifndef WHET_SYS_BACKEND_H
#define WHET_SYS_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WHET_BACKEND_ABI 1
#define WHET_BACKEND_MAX_RANK 8

/* ONNX element type codes (TensorProto.DataType): 1 f32, 2 u8, 3 s8, 6 s32, 7 s64, 9 bool, 10 f16, 11 f64, 16 bf16 ... */
typedef int32_t whet_backend_dtype;

typedef struct whet_backend_host {
    size_t size;
    void *(*alloc)(size_t n);
    void (*release)(void *p);
    void (*log)(int level, const char *text); /* 0 debug, 1 info, 2 warning */
    void (*set_error)(int status, const char *text);
    int (*cancelled)(void); /* non-zero: stop and return WHET_ECANCELLED */
    const char *(*runtime_dir)(const char *name); /* folder where `whet runtimes install NAME` put the libraries, or NULL */
} whet_backend_host;

typedef struct whet_backend_setting { const char *key, *value; } whet_backend_setting;

typedef struct whet_backend_io {
    const char *name;
    whet_backend_dtype dtype;
    int rank; /* -1: the file does not tell it; known after set_shape (inputs), after the first run (outputs) */
    int64_t dims[WHET_BACKEND_MAX_RANK]; /* -1: free */
    double scale;     /* 0: not quantised */
    int32_t zero_point;
    const char *layout; /* "NCHW", "NHWC" or "" (unknown) */
} whet_backend_io;

typedef struct whet_backend_model whet_backend_model;   /* the plug-in's own */
typedef struct whet_backend_stream whet_backend_stream;

/* Setting keys understood by every backend, or refused with a reason:
 *   threads=N                        compute threads, of all streams together
 *   streams=N                        concurrent callers: so many stream_create will follow; left out where it is 1
 *   optimisation=off|basic|all       graph optimisation; off: the graph as it stands in the file
 *   precision=default|f32|bf16|f16   arithmetic asked for; default: the file's own, nothing lower
 *   denormals=zero|keep              flushed to zero or not
 *   arena=on|off                     memory kept between runs or given back
 * A backend that cannot do one fails `open` with WHET_EUNSUPPORTED and the reason; `caps` says so beforehand. */
typedef struct whet_backend {
    uint32_t abi;       /* WHET_BACKEND_ABI */
    size_t size;        /* sizeof of the struct that the plug-in was built with */
    const char *name;   /* "ort" */
    const char *title;  /* "ONNX Runtime" */
    const char *built_for; /* vendor versions that it may be used with: "1.31.*" or "1.30.1 1.31.1"; "" = any */

    /* Version of the vendor library that would be used; loads the library. */
    int (*version)(char *out, size_t cap);
    /* 0 if it can be used; else WHET_EUNAVAILABLE with the reason and the cure in `reason`. */
    int (*available)(char *reason, size_t cap);
    /* JSON: {"formats":["onnx"],"dtypes":["f32",...],"settings":{"threads":"integer >= 1","optimisation":["off","basic","all"],...}} */
    int (*caps)(char **json);

    int (*open)(whet_backend_model **out, const char *path, const whet_backend_setting *settings, int n_settings);
    void (*close)(whet_backend_model *m); /* accepts NULL; all streams must be freed before */
    /* i counts inputs, or outputs if `output`; WHET_ENOTFOUND past the end. */
    int (*io_info)(whet_backend_model *m, int output, int i, whet_backend_io *info);
    /* Fixes input i's shape before stream_create; optional where shapes are fixed. */
    int (*set_shape)(whet_backend_model *m, int i, int rank, const int64_t *dims);
    int (*stream_create)(whet_backend_model *m, whet_backend_stream **out); /* one per concurrent caller */
    void (*stream_free)(whet_backend_stream *s);
    /* Pointer into the runtime's own tensor. Inputs: before run, for writing. Outputs: after run, for reading; dims then
     * hold the real shape. `bytes` is its size. Unmap ends the access. */
    int (*io_map)(whet_backend_stream *s, int output, int i, void **data, size_t *bytes, whet_backend_io *info);
    int (*io_unmap)(whet_backend_stream *s, int output, int i);
    int (*run)(whet_backend_stream *s); /* returns when the outputs are complete */

    /* optional: JSON for key "executed_graph", "profile", "threads", "precision", "memory"; WHET_EUNSUPPORTED if not had */
    int (*query)(whet_backend_model *m, const char *key, char **json);
    /* optional: names of inner tensors to expose as further outputs; before stream_create */
    int (*tap)(whet_backend_model *m, const char *const *names, int n);
} whet_backend;

/* The plug-in's one exported symbol: fills nothing, returns its static table; NULL if host's size is too small. */
typedef const whet_backend *(*whet_backend_entry_fn)(const whet_backend_host *host);
#define WHET_BACKEND_ENTRY "whet_backend_entry"

#ifdef __cplusplus
}
#endif
#endif
