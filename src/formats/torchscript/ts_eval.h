/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluation of TorchScript source over a graph under construction. Numbers, lists, strings and modules are plain values;
 * tensors are values of the graph; sizes that the file does not fix are values of the graph too (s64, one element). Nothing
 * but the operators of torchscript_ops.def and the few functions of ts_scalar.c can be called. */
#ifndef WHET_FORMATS_TS_EVAL_H
#define WHET_FORMATS_TS_EVAL_H

#include "formats/torchscript/ts_source.h"
#include "ir/graph.h"

enum {
    TS_MAX_CALLS = 100,       /* calls inside calls */
    TS_MAX_STEPS = 1 << 18,   /* expressions evaluated */
    TS_MAX_NODES = 1 << 15,   /* of the graph */
    TS_MAX_ARGS = 16,
    TS_MAX_RESTARTS = 24,
    TS_MAX_INPUTS = 16
};

typedef enum ts_kind {
    TSV_UNSET, TSV_NONE, TSV_BOOL, TSV_INT, TSV_FLOAT, TSV_TEXT, TSV_TENSOR,
    TSV_SIZE, /* a whole number known only when running: vid of s64[1] */
    TSV_COND, /* a comparison of sizes known only when running */
    TSV_LIST, TSV_TUPLE, TSV_DICT, TSV_OBJECT, TSV_METHOD,
    TSV_PATH  /* torch, ops.prim, __torch__.a.f, List, ... */
} ts_kind;

/* A tensor's alias group: who shares its bytes is told when one of them is changed in place. */
typedef struct ts_base { int version; } ts_base;
typedef struct ts_cell {
    whet_vid vid;             /* WHET_NO_VALUE: a weight that nothing has used yet */
    struct ts_weight *weight; /* or NULL */
    ts_base *base;
    int version;
} ts_cell;

typedef struct ts_list {
    int n, cap;
    struct ts_value *v; /* of a dictionary: key, value, ... */
} ts_list;

typedef struct ts_value {
    ts_kind kind;
    union {
        bool b;
        int64_t i;
        double f;
        const char *s;
        ts_cell *cell;
        whet_vid size;
        ts_list *list;
        struct ts_object *object;
        struct ts_cond *cond;
        struct ts_method *method;
    } as;
} ts_value;

typedef struct ts_cond { whet_vid size; int64_t number; bool equal; } ts_cond; /* equal: the comparison is "==" */
typedef struct ts_method { struct ts_object *self; const ts_function *f; } ts_method;

/* A tensor of the file. */
typedef struct ts_weight {
    const char *path; /* "layer1.0.conv1.weight", "CONSTANTS.c3" */
    whet_tensor data; /* a reference */
    bool parameter, variable;
    ts_cell cell;     /* of the present evaluation */
    ts_base base;
    struct ts_weight *next;
} ts_weight;

typedef struct ts_object { /* a module: what data.pkl says of it */
    const char *type, *path;
    int n;
    const char **names;
    ts_value *values;
    const ts_class *def; /* NULL until looked up */
    int *index, cap;     /* by hash of the name: number + 1; NULL until asked for */
    uint8_t *listed;     /* per attribute: what the class says of it, TS_LISTED_...; NULL until asked for */
} ts_object;

enum { TS_LISTED_PARAMETER = 1, TS_LISTED_BUFFER = 2 };

/* Reads a source file of the archive: heap text, EFORMAT if there is none. */
typedef whet_status (*ts_source_fn)(void *arg, const char *path, char **text, size_t *size);

typedef struct ts_input {
    const char *name;
    whet_dtype dtype;
    whet_dims dims;          /* >= 0 known; others are made symbols */
    const char *symbols[WHET_MAX_RANK]; /* or NULL */
    whet_vid vid;
} ts_input;

typedef struct ts_names { /* name -> value, open addressing in the arena */
    int n, cap;
    const char **keys;
    ts_value *values;
} ts_names;

typedef struct ts_frame {
    const ts_function *f;
    ts_object *self;
    ts_names locals;
    const char *file;
    int line;
    bool returned;
    ts_value result;
    struct ts_frame *outer;
} ts_frame;

typedef struct ts_eval {
    whet_graph *g;
    whet_arena *arena;        /* of one evaluation */
    whet_arena *keep;         /* of the trees: all evaluations */
    ts_source_fn source;
    void *source_arg;
    ts_file *files;
    long budget, source_left; /* tree nodes, bytes of source */
    long steps;
    int depth, n_calls;
    ts_frame *frame;
    const ts_list *constants; /* CONSTANTS.cN */
    ts_weight *weights;       /* all of the file */
    bool variables;           /* parameters become variables */
    ts_names used;            /* names of nodes: how often each was wanted */
    int n_inputs;
    ts_input inputs[TS_MAX_INPUTS];
    bool restart;             /* a dimension of an input was learnt: begin again */
} ts_eval;

/* --- values */
ts_value ts_none(void);
ts_value ts_bool(bool b);
ts_value ts_int(int64_t i);
ts_value ts_float(double f);
ts_value ts_text(const char *s);
const char *ts_kind_name(ts_kind k);
whet_status ts_list_new(ts_eval *e, ts_kind kind, int cap, ts_value *out);
whet_status ts_list_add(ts_eval *e, ts_list *l, ts_value v);
whet_status ts_tensor_new(ts_eval *e, whet_vid v, ts_value *out);                      /* of its own */
whet_status ts_tensor_view(ts_eval *e, const ts_cell *of, whet_vid v, ts_value *out);  /* sharing bytes with `of` */
/* The graph's value of a tensor; weights enter the graph here. */
whet_status ts_tensor_vid(ts_eval *e, const ts_value *v, whet_vid *out);
/* A size as s64[1]; of INT and SIZE. */
whet_status ts_size_vid(ts_eval *e, const ts_value *v, whet_vid *out);
/* From s64[1]: INT where inference knows it. */
ts_value ts_size_value(const ts_eval *e, whet_vid v);
bool ts_number(const ts_value *v, double *out);    /* BOOL, INT, FLOAT, and weights of one element */
bool ts_whole(const ts_value *v, int64_t *out);    /* BOOL, INT, and integer weights of one element */
bool ts_truth(const ts_value *v, bool *out);
ts_value *ts_names_find(const ts_names *n, const char *key); /* NULL if absent */
whet_status ts_names_set(ts_eval *e, ts_names *n, const char *key, ts_value v);

/* --- modules: ts_object.c */
int ts_object_find(ts_eval *e, ts_object *o, const char *name); /* number of the attribute, -1 if there is none */
/* Attribute i as the class lists it, TS_LISTED_...; the class is loaded. 0 without memory. */
int ts_object_listed(ts_eval *e, ts_object *o, int i);

/* --- errors: with source file and line */
whet_status ts_fail(ts_eval *e, whet_status s, const char *fmt, ...) WHET_PRINTF(3, 4);
/* Puts file and line in front of the present error's text, once. */
whet_status ts_at(ts_eval *e, whet_status s);

/* Dimension `axis` of v is `size`, which an input's symbol does not say: learnt for the next evaluation. True if so. */
bool ts_learn(ts_eval *e, whet_vid v, int axis, int64_t size);
bool ts_learn_size(ts_eval *e, whet_vid size, int64_t number);

/* --- calls of operators */
typedef struct ts_call {
    ts_eval *e;
    const char *name;            /* "conv2d" */
    const struct ts_op *op;
    ts_value arg[TS_MAX_ARGS];   /* by the operator's list of parameters; UNSET where absent */
    ts_value out;
} ts_call;
typedef whet_status (*ts_op_fn)(ts_call *c);
/* Functions of numbers, strings and lists: *done false if there is none for these arguments. */
whet_status ts_scalar_call(ts_eval *e, const char *name, int n, const ts_value *arg, ts_value *out, bool *done);
/* Any operator torch.NAME; keys[i] is NULL or the keyword. */
whet_status ts_op_call(ts_eval *e, const char *name, int n, const ts_value *arg, const char *const *keys, ts_value *out);
whet_status ts_prim_call(ts_eval *e, const char *name, int n, const ts_value *arg, ts_value *out);
whet_status ts_index(ts_eval *e, const ts_value *base, const ts_value *at, ts_value *out);
whet_status ts_slice(ts_eval *e, const ts_value *base, const ts_value *from, const ts_value *to, ts_value *out);

/* --- running */
/* A member of an enumeration (__torch__.a.Format.NCHW) becomes its value; other values stay. */
whet_status ts_enum_value(ts_eval *e, ts_value *v);
/* Calls root.forward with e->inputs. e->restart: begin again with a new graph. */
whet_status ts_eval_forward(ts_eval *e, ts_object *root, ts_value *out);
/* The method of an object's class, NULL with *status set (OK: there is none). */
const ts_function *ts_method_find(ts_eval *e, ts_object *o, const char *name, whet_status *status);

#endif
