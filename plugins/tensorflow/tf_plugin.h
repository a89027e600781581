/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the plug-in share. */
#ifndef WHET_PLUGINS_TENSORFLOW_PLUGIN_H
#define WHET_PLUGINS_TENSORFLOW_PLUGIN_H

#include "plugin.h"
#include "tf_abi.h"

enum { TF_MAX_IO = 64 };

/* tf_load.c */
extern tf_api tf_rt; /* loaded at most once in a process, and never unloaded */
bool tf_load(void);
/* 0, or plugin_fail with the library's own words. */
int tf_check(const tf_status *s, int status, const char *what);

/* tf_proto.c: the little of protocol buffers that is needed */
typedef struct tf_bytes { unsigned char data[512]; size_t n; } tf_bytes;
void tf_put_int(tf_bytes *b, int field, int64_t value);
void tf_put_bytes(tf_bytes *b, int field, const void *data, size_t n);

typedef struct tf_span { const unsigned char *data; size_t n; } tf_span;
typedef struct tf_field { int number; int64_t value; tf_span bytes; } tf_field;
/* The next field of a message, or false at its end or where it is damaged. */
bool tf_next(tf_span *message, tf_field *f);

struct whet_backend_model {
    plugin_ends ends;
    tf_output at[2][TF_MAX_IO]; /* where they are in the graph */
    tf_status *status;
    tf_options *options;
    tf_graph *graph;
    tf_session *session;
    int threads;      /* 0: the library's own choice */
    int optimisation; /* 0 off, 1 basic, 2 all */
    bool bf16;        /* asked for */
    whet_backend_stream *last; /* whose inputs a profile uses; NULL: none is open */
};

struct whet_backend_stream {
    whet_backend_model *m;
    tf_status *status;
    tf_tensor *value[2][TF_MAX_IO];
};

int tf_query(whet_backend_model *m, const char *key, char **json); /* tf_query.c */

typedef struct tf_end { char name[256], tensor[256]; } tf_end; /* "x", "serving_default_x:0" */
typedef struct tf_signature { int n[2]; tf_end end[2][TF_MAX_IO]; } tf_signature;
/* The serving signature of a MetaGraphDef, its ends in natural order of their names; false: it has none. */
bool tf_read_signature(tf_span meta_graph, tf_signature *s);

#endif
