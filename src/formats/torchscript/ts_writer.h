/* SPDX-License-Identifier: Apache-2.0 */
/* State of the writer, and what the operators' writers share. Expressions are strings of the arena; after a failed allocation
 * `failed` stays set, expressions are "" and one check at the end is enough. */
#ifndef WHET_FORMATS_TS_WRITER_H
#define WHET_FORMATS_TS_WRITER_H

#include "base/strbuf.h"
#include "ir/op.h"
#include "formats/torchscript/ts_ops.h"

/* A tensor of the file, attribute of a module. */
typedef struct ts_slot {
    const char *attr; /* last part of its name */
    const whet_value *value;
    int key;          /* data/<key> */
    bool parameter;
    struct ts_slot *next;
} ts_slot;

typedef struct ts_module {
    const char *attr, *type; /* in its parent; class name */
    ts_slot *slots, *last_slot;
    struct ts_module *children, *last_child, *next;
} ts_module;

/* An attribute of a module, found by its name. */
typedef struct ts_name {
    const ts_module *of;
    const char *attr;
    ts_module *child; /* NULL: a slot */
    struct ts_name *next;
} ts_name;

/* Whole numbers as expressions: what Shape and its arithmetic become. */
typedef struct ts_size_list {
    int n; /* -1: the value is no such list */
    const char **items;
} ts_size_list;

typedef struct ts_writer {
    const whet_graph *g;
    whet_arena *arena;
    whet_strbuf code;      /* statements of forward */
    const char **expr;     /* per value; NULL: not yet */
    ts_size_list *sizes;   /* per value */
    bool *parameter;       /* per value: trained, not counted */
    ts_module root;
    ts_name **names;       /* by hash, made with the first */
    int n_names, n_slots;
    const whet_value **slots; /* by key */
    size_t cap_slots;
    bool failed;
} ts_writer;

/* EUNSUPPORTED "cannot write TorchScript: Conv: ..." with the node's name. */
whet_status ts_write_fail(ts_writer *w, const whet_node *n, const char *fmt, ...) WHET_PRINTF(3, 4);
const char *ts_text_of(ts_writer *w, const char *fmt, ...) WHET_PRINTF(2, 3);
/* The expression of a value as a tensor; "None" for WHET_NO_VALUE. */
const char *ts_tensor(ts_writer *w, whet_vid v);
const char *ts_arg(ts_writer *w, const whet_node *n, int i); /* of input i, "None" if absent */
bool ts_has(const whet_node *n, int i);
/* A new statement `_K = text`; gives "_K". */
const char *ts_let(ts_writer *w, const char *fmt, ...) WHET_PRINTF(2, 3);
/* Output i of the node is the expression. */
void ts_set(ts_writer *w, const whet_node *n, int i, const char *expr);
/* ts_let and ts_set of output 0. */
whet_status ts_put(ts_writer *w, const whet_node *n, const char *fmt, ...) WHET_PRINTF(3, 4);

const char *ts_ints_text(ts_writer *w, int n, const int64_t *x);             /* "[1, 2]" */
const char *ts_float_text(ts_writer *w, double x);
const char *ts_number_of(ts_writer *w, whet_vid v);                          /* a literal of a constant without dimensions; NULL otherwise */
const char *ts_list_text(ts_writer *w, int n, const char *const *items);     /* "[a, b]" */
bool ts_const_ints(const ts_writer *w, whet_vid v, int cap, int64_t *out, int *n); /* false if v is no constant of integers */
const whet_dims *ts_dims_of(const ts_writer *w, whet_vid v);
whet_dtype ts_dtype_of(const ts_writer *w, whet_vid v);
int64_t ts_axis_of(const whet_node *n, const char *attr, int64_t otherwise, int rank);

/* ts_write_names.c: the attributes of modules. */
bool ts_attr_taken(const ts_writer *w, const ts_module *m, const char *attr, bool by_module); /* by_module: a child may have it */
ts_module *ts_child(ts_writer *w, ts_module *m, const char *attr, const char *type);          /* made if there is none */
ts_slot *ts_add_slot(ts_writer *w, ts_module *m, const char *attr);                           /* behind the others; NULL: failed is set */

/* ts_write_sizes.c: sizes that are known only when running. */
/* Follows a node of integers; true if its output is such a list now and nothing is left to print. */
bool ts_sizes_follow(ts_writer *w, const whet_node *n);
/* The list of a value: constants too. n = -1 if there is none. */
ts_size_list ts_sizes_of(ts_writer *w, whet_vid v);
/* Likewise of input i, or else the sizes of output 0 where they are known. */
ts_size_list ts_sizes_or_dims(ts_writer *w, const whet_node *n, int i);

#endif
