/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the plug-in share. */
#ifndef WHET_PLUGINS_LITERT_PRIVATE_H
#define WHET_PLUGINS_LITERT_PRIVATE_H

#include "litert_abi.h"
#include "plugin.h"

enum { LRT_MAX_IO = 64 };

typedef enum lrt_kernels { LRT_DELEGATE, LRT_BUILTIN, LRT_REFERENCE } lrt_kernels; /* optimisation all, basic, off */

struct whet_backend_model {
    plugin_ends ends;
    lrt_env *env;
    lrt_model *file;
    lrt_subgraph *graph; /* the file's own: of its first signature */
    int threads, streams;
    lrt_kernels kernels;
    bool half;           /* 16-bit floats are asked for */
    bool profiling;      /* the next stream has a profiler */
};

/* A compiled model with its tensors: one per concurrent caller, because LiteRT runs one request a compiled model at a time. */
struct whet_backend_stream {
    whet_backend_model *m;
    lrt_options *options;
    lrt_compiled *compiled;
    lrt_buffer *buffer[2][LRT_MAX_IO];
    void *data[2][LRT_MAX_IO]; /* host memory of the buffers */
    size_t bytes[2][LRT_MAX_IO];
    plugin_slot io[2][LRT_MAX_IO]; /* with the shapes of this stream */
};

/* litert_library.c */
extern lrt_api litert_api;
bool litert_load(void);
/* Turns LiteRT's status into ours; `what` was being done, `detail` is what it said on stderr or "". */
int litert_check(int status, const char *what, const char *detail);
/* The last line that was written on stderr since `litert_listen` gave `from`; "" where stderr is no file. */
long litert_listen(void);
void litert_heard(long from, char *said, size_t cap);

/* litert.c */
int litert_run(whet_backend_stream *s);
int litert_onnx_type(int element); /* LiteRT's element types as ONNX's; 0: none that can be mapped */

/* litert_profile.c */
int litert_query(whet_backend_model *m, const char *key, char **json);

#endif
