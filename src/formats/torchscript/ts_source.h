/* SPDX-License-Identifier: Apache-2.0 */
/* The source text of TorchScript as a tree: the part of Python's grammar that PyTorch's own printer uses (classes with
 * attributes and methods, functions, assignments, if, for, while, return; no operators but the minus of a number). */
#ifndef WHET_FORMATS_TS_SOURCE_H
#define WHET_FORMATS_TS_SOURCE_H

#include "base/mem.h"

enum { TS_MAX_DEPTH = 100, TS_MAX_TREE = 400000, TS_MAX_SOURCE = 8 << 20 };

/* --- words */
typedef enum ts_token_kind { TS_WORD, TS_INTEGER, TS_NUMBER, TS_TEXT, TS_SIGN, TS_NEWLINE, TS_INDENT, TS_DEDENT, TS_END } ts_token_kind;
typedef struct ts_token {
    ts_token_kind kind;
    int line;
    const char *s; /* WORD, TEXT: in the arena; SIGN: "(", "->", ... */
    int64_t i;
    double f;
} ts_token;

typedef struct ts_lexer {
    const char *file, *at, *end;
    whet_arena *arena;
    int line, brackets, n_indents, dedents;
    int indents[TS_MAX_DEPTH];
    bool fresh_line;
    ts_token token; /* the one to be read next */
} ts_lexer;
/* Sets the error with file and line. */
whet_status ts_fail_at(const char *file, int line, whet_status s, const char *fmt, ...) WHET_PRINTF(4, 5);
/* file and text must outlive the tokens. Reads the first token. */
whet_status ts_lex_start(ts_lexer *l, const char *file, const char *text, size_t size, whet_arena *arena);
whet_status ts_lex_next(ts_lexer *l);

/* --- the tree */
typedef enum ts_expr_kind {
    TS_NAME, TS_INT, TS_FLOAT, TS_STRING, TS_NONE, TS_TRUE, TS_FALSE,
    TS_ATTR,  /* base.s */
    TS_CALL,  /* base(items), a keyword's in `key` */
    TS_INDEX, /* base[items] */
    TS_SLICE, /* items: from, to (NONE where absent); only below INDEX */
    TS_LIST, TS_TUPLE, TS_DICT /* DICT: key, value, key, value ... */
} ts_expr_kind;

typedef struct ts_expr {
    ts_expr_kind kind;
    int line, n_items;
    const char *s, *key;
    union { int64_t i; double f; } number;
    struct ts_expr *base, *items, *next;
} ts_expr;

typedef enum ts_stmt_kind { TS_ASSIGN, TS_EVAL, TS_RETURN, TS_IF, TS_FOR, TS_WHILE, TS_PASS } ts_stmt_kind;
typedef struct ts_stmt {
    ts_stmt_kind kind;
    int line;
    const ts_expr *target, *value; /* ASSIGN, FOR: target; IF, WHILE: the condition is `value`; RETURN: value or NULL */
    struct ts_stmt *body, *other, *next;
} ts_stmt;

typedef struct ts_param {
    const char *name;
    const ts_expr *type, *otherwise; /* may be NULL */
    struct ts_param *next;
} ts_param;

typedef struct ts_function {
    const char *name, *file;
    int line;
    ts_param *params;
    const ts_expr *returns; /* the type; may be NULL */
    ts_stmt *body;
    struct ts_function *next;
} ts_function;

typedef struct ts_field { /* `name : type`, `name : Final[type] = value`, `__parameters__ = [...]` */
    const char *name;
    const ts_expr *value; /* may be NULL */
    struct ts_field *next;
} ts_field;

typedef struct ts_class {
    const char *name, *file;
    ts_field *fields;
    ts_function *methods;
    struct ts_class *next;
} ts_class;

typedef struct ts_file {
    const char *path; /* inside the archive, without its top folder */
    ts_class *classes;
    ts_function *functions;
    struct ts_file *next;
} ts_file;

/* *budget: nodes that the tree may still have, over all files. */
whet_status ts_parse(ts_file *out, const char *text, size_t size, whet_arena *arena, long *budget);
const ts_function *ts_function_find(const ts_function *list, const char *name); /* NULL if absent */
const ts_class *ts_class_find(const ts_file *f, const char *name);
const ts_field *ts_field_find(const ts_class *c, const char *name);

#endif
