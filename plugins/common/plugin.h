/* SPDX-License-Identifier: Apache-2.0 */
/* What plug-ins do alike. The two C files beside this header are compiled into each plug-in (cmake: whet_plugin) and are
 * hidden in it; a plug-in of one's own may do without them, the host sees only whet/sys/backend.h.
 *
 * A plug-in defines `plugin_self`: its table, begun with PLUGIN_MEMBERS, and the functions that only it can have. Then
 * version, available, open, stream_create, io_unmap and the exported entry are there; io_info and set_shape too where its
 * whet_backend_model begins with a plugin_ends. */
#ifndef WHET_PLUGINS_COMMON_PLUGIN_H
#define WHET_PLUGINS_COMMON_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "whet/status.h"
#include "whet/sys/backend.h"

#define PLUGIN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- the plug-in */
typedef struct plugin_parts {
    whet_backend table;
    size_t model_size, stream_size; /* of its whet_backend_model and whet_backend_stream: both are given zeroed */
    bool (*load)(void);             /* opens the library, once in a process; false: plugin_cannot told why */
    /* After a failure the table's close (or stream_free) is called with what there is. build: `path` and settings as in open. */
    int (*build)(whet_backend_model *m, const char *path, const whet_backend_setting *settings, int n);
    int (*begin)(whet_backend_stream *s, whet_backend_model *m);
} plugin_parts;
extern const plugin_parts plugin_self;

#define PLUGIN_MEMBERS                                                                                                \
    .abi = WHET_BACKEND_ABI, .size = sizeof(whet_backend), .version = plugin_version, .available = plugin_available,  \
    .open = plugin_open, .stream_create = plugin_stream_create, .io_unmap = plugin_io_unmap
int plugin_version(char *out, size_t cap);
int plugin_available(char *reason, size_t cap);
int plugin_open(whet_backend_model **out, const char *path, const whet_backend_setting *settings, int n);
int plugin_stream_create(whet_backend_model *m, whet_backend_stream **out);
int plugin_io_unmap(whet_backend_stream *s, int output, int i); /* does nothing: memory of the CPU is always reachable */

extern const whet_backend_host *plugin_host; /* set once, when the plug-in is entered */
/* Tells the host what is wrong; returns status. */
int plugin_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int plugin_no_memory(void); /* plugin_fail with WHET_ENOMEM */

/* --- the library of the runtime; the functions that return false have told plugin_cannot why */
bool plugin_ready(void); /* loads it if that was not tried yet */
/* The reason why the runtime cannot be used; returns false. */
bool plugin_cannot(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool plugin_not_installed(void);
const char *plugin_runtime_dir(void);           /* of `whet runtimes install NAME`; NULL: there is none */
const char *plugin_given(const char *variable); /* the environment's value, NULL if it is empty */
/* The file in dir whose name starts so; the shortest name of several. */
bool plugin_find_file(const char *dir, const char *start, char *out, size_t cap);
void *plugin_dlopen(const char *path); /* NULL: told */
typedef struct plugin_function { const char *name; size_t at; /* of the pointer in `api` */ } plugin_function;
bool plugin_functions(void *library, void *api, const plugin_function *list, size_t n);
/* Keeps the library's version; false unless the table's `built_for` names it. */
bool plugin_built_for(const char *version);
const char *plugin_library_version(void); /* "" before plugin_built_for */

/* --- settings: a table of key and function */
typedef struct plugin_setting { const char *key; int (*set)(whet_backend_model *m, const char *value); } plugin_setting;
int plugin_apply(whet_backend_model *m, const plugin_setting *table, size_t n_table, const whet_backend_setting *s, int n);
int plugin_count(const char *key, const char *v, int *out); /* an integer from 1 to 4096 */
int plugin_level(const char *v, int *out);                  /* optimisation: 0 off, 1 basic, 2 all */
int plugin_choice(const char *key, const char *v, const char *one, const char *other, bool *is_one);
/* A setter for `profile` and `executed_graph` of a runtime that tells them of any model. */
int plugin_any_model(whet_backend_model *m, const char *v);

/* --- inputs and outputs */
typedef struct plugin_slot {
    char name[256];
    int type, dtype; /* the runtime's own code, if it needs one, and ONNX's */
    int rank;        /* -1: not known */
    int64_t file[WHET_BACKEND_MAX_RANK], dims[WHET_BACKEND_MAX_RANK]; /* of the file, -1 free; as set_shape fixed them */
    double scale;
    int32_t zero_point;
} plugin_slot;
typedef struct plugin_ends { int n[2]; plugin_slot *io[2]; } plugin_ends; /* inputs, outputs */

int plugin_ends_alloc(plugin_ends *e, int output, size_t n, size_t most); /* WHET_EUNSUPPORTED over `most` */
void plugin_ends_free(plugin_ends *e);
/* NULL past the end: told, to be returned as WHET_ENOTFOUND. */
const plugin_slot *plugin_end(const plugin_ends *e, int output, int i);
int plugin_name(plugin_slot *s, const char *name); /* WHET_EUNSUPPORTED over 255 bytes */
int plugin_is_fixed(const plugin_slot *s);         /* 0, or WHET_ESHAPE: a dimension is free */
int plugin_io_info(whet_backend_model *m, int output, int i, whet_backend_io *info);
int plugin_set_shape(whet_backend_model *m, int i, int rank, const int64_t *dims);
void plugin_fill(whet_backend_io *info, const plugin_slot *s);
size_t plugin_element_size(int onnx_type); /* bytes; 0: none that can be mapped */

/* --- plugin_text.c: texts and files */
typedef struct plugin_text { char *data; size_t n, cap; bool failed; /* once memory was short */ } plugin_text;
void plugin_put(plugin_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As a JSON string, in quotes; what is no UTF-8 becomes '?'. s: NULL is "". */
void plugin_put_string(plugin_text *t, const char *s);
void plugin_put_bytes(plugin_text *t, const char *s, size_t n);
char *plugin_take(plugin_text *t);             /* heap; NULL: memory was short */
int plugin_give(plugin_text *t, char **json);  /* to the host; frees it */
int plugin_tell(char **json, const char *text); /* a copy of a text, to the host */
/* A whole file, heap, with a zero behind it; NULL if it cannot be read, errno says why. */
unsigned char *plugin_file_read(const char *path, size_t *size);

#endif
