/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the plug-in share. */
#ifndef WHET_PLUGINS_LITERT_PRIVATE_H
#define WHET_PLUGINS_LITERT_PRIVATE_H

#include "litert_abi.h"
#include "whet/status.h"
#include "whet/sys/backend.h"

enum { LRT_MAX_IO = 64, LRT_MAX_TEXT = 512 };

typedef struct lrt_slot {
    char name[256];
    int element, dtype; /* LiteRT's code and ONNX's */
    int rank;
    int64_t dims[WHET_BACKEND_MAX_RANK]; /* -1: free */
    bool resized;                        /* set_shape has changed what the file says */
    double scale;
    int32_t zero_point;
} lrt_slot;

typedef enum lrt_kernels { LRT_DELEGATE, LRT_BUILTIN, LRT_REFERENCE } lrt_kernels; /* optimisation all, basic, off */

struct whet_backend_model {
    lrt_env *env;
    lrt_model *file;
    lrt_subgraph *graph; /* the file's own: of its first signature */
    int threads, streams;
    lrt_kernels kernels;
    bool half;           /* 16-bit floats are asked for */
    int n[2];            /* inputs, outputs */
    lrt_slot *io[2];
};

/* A compiled model with its tensors: one per concurrent caller, because LiteRT runs one request a compiled model at a time. */
struct whet_backend_stream {
    whet_backend_model *m;
    lrt_options *options;
    lrt_compiled *compiled;
    lrt_buffer *buffer[2][LRT_MAX_IO];
    void *data[2][LRT_MAX_IO]; /* host memory of the buffers */
    size_t bytes[2][LRT_MAX_IO];
    lrt_slot io[2][LRT_MAX_IO]; /* with the shapes of this stream */
};

extern const char litert_built_for[];

/* litert_library.c */
void litert_set_host(const whet_backend_host *h);
const whet_backend_host *litert_host(void);
const lrt_api *litert_api(void);      /* loads the library; NULL: litert_why() */
const char *litert_version(void);     /* "" if the library is not recognised */
const char *litert_why(void);
int litert_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Turns LiteRT's status into ours; `what` was being done, `detail` is what it said on stderr or "". */
int litert_check(int status, const char *what, const char *detail);
char *litert_copy(const char *text);  /* by the host's allocator */
/* The last line that was written on stderr since `litert_listen` gave `from`; "" where stderr is no file. */
long litert_listen(void);
void litert_heard(long from, char *said, size_t cap);

/* litert.c: with `extra` lines in the runtime's own options ("enable_profiling = true\n"), NULL: none */
int litert_stream_create(whet_backend_model *m, const char *extra, whet_backend_stream **out);
void litert_stream_free(whet_backend_stream *s);
int litert_run(whet_backend_stream *s);
size_t litert_element_size(int element); /* bytes; 0: a type that cannot be mapped */

/* litert_profile.c */
int litert_query(whet_backend_model *m, const char *key, char **json);

#endif
