/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the plug-in share. */
#ifndef WHET_PLUGINS_TENSORFLOW_PLUGIN_H
#define WHET_PLUGINS_TENSORFLOW_PLUGIN_H

#include <stdbool.h>

#include "tf_abi.h"
#include "whet/status.h"
#include "whet/sys/backend.h"

enum { TF_MAX_IO = 64, TF_MAX_TEXT = 512 };

typedef struct tf_runtime { /* loaded at most once in a process, and never unloaded */
    tf_api api;
    bool usable;
    char version[64], why[TF_MAX_TEXT]; /* why not */
} tf_runtime;
extern tf_runtime tf_rt;
extern const whet_backend_host *tf_host; /* set once, when the plug-in is entered */
extern const char tf_built_for[];

/* tf_load.c */
void tf_load(void);
int tf_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* 0, or tf_fail with the library's own words. */
int tf_check(const tf_status *s, int status, const char *what);

/* tf_proto.c: the little of protocol buffers that is needed */
typedef struct tf_bytes { unsigned char data[512]; size_t n; } tf_bytes;
void tf_put_int(tf_bytes *b, int field, int64_t value);
void tf_put_bytes(tf_bytes *b, int field, const void *data, size_t n);

typedef struct tf_span { const unsigned char *data; size_t n; } tf_span;
typedef struct tf_field { int number; int64_t value; tf_span bytes; } tf_field;
/* The next field of a message, or false at its end or where it is damaged. */
bool tf_next(tf_span *message, tf_field *f);

/* A heap text that grows; `failed` once memory was short. */
typedef struct tf_text { char *data; size_t n, cap; bool failed; } tf_text;
void tf_put(tf_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void tf_put_string(tf_text *t, const char *s, size_t n); /* as JSON */
int tf_give(tf_text *t, char **json);                    /* to the host; frees it */

typedef struct tf_slot {
    char name[256];
    tf_output at;
    int type, dtype, rank; /* the library's and ONNX's code; rank -1: unknown */
    int64_t file[WHET_BACKEND_MAX_RANK], dims[WHET_BACKEND_MAX_RANK]; /* of the file; as set_shape fixed them */
} tf_slot;

struct whet_backend_model {
    tf_status *status;
    tf_options *options;
    tf_graph *graph;
    tf_session *session;
    int threads;      /* 0: the library's own choice */
    int optimisation; /* 0 off, 1 basic, 2 all */
    bool bf16;        /* asked for */
    int n[2];         /* inputs, outputs */
    tf_slot *io[2];
    whet_backend_stream *last; /* whose inputs a profile uses; NULL: none is open */
};

struct whet_backend_stream {
    whet_backend_model *m;
    tf_status *status;
    tf_output at[2][TF_MAX_IO];
    tf_tensor *value[2][TF_MAX_IO];
};

int tf_query(whet_backend_model *m, const char *key, char **json); /* tf_query.c */

typedef struct tf_end { char name[256], tensor[256]; } tf_end; /* "x", "serving_default_x:0" */
typedef struct tf_signature { int n[2]; tf_end end[2][TF_MAX_IO]; } tf_signature;
/* The serving signature of a MetaGraphDef, its ends in natural order of their names; false: it has none. */
bool tf_read_signature(tf_span meta_graph, tf_signature *s);

#endif
