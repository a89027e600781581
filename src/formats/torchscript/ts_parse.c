/* SPDX-License-Identifier: Apache-2.0 */
/* Recursive descent over the words of ts_lex.c. Depth and number of nodes are limited. */
#include <stdarg.h>
#include <stdio.h>

#include "formats/torchscript/ts_source.h"

typedef struct parser {
    ts_lexer l;
    int depth;
    long *budget;
} parser;

static whet_status parse_expr(parser *p, ts_expr **out);
static whet_status parse_block(parser *p, ts_stmt **out);

static whet_status fail(const parser *p, const char *fmt, ...) WHET_PRINTF(2, 3);
static whet_status fail(const parser *p, const char *fmt, ...)
{
    char text[256] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return ts_fail_at(p->l.file, p->l.token.line, WHET_EFORMAT, "%s", text);
}

static bool is_sign(const parser *p, const char *s) { return p->l.token.kind == TS_SIGN && strcmp(p->l.token.s, s) == 0; }
static bool is_word(const parser *p, const char *s) { return p->l.token.kind == TS_WORD && strcmp(p->l.token.s, s) == 0; }

static whet_status expect(parser *p, const char *sign)
{
    if (!is_sign(p, sign)) return fail(p, "'%s' is missing", sign);
    return ts_lex_next(&p->l);
}

static whet_status expect_kind(parser *p, ts_token_kind kind, const char *what)
{
    if (p->l.token.kind != kind) return fail(p, "%s is missing", what);
    return ts_lex_next(&p->l);
}

static whet_status take_word(parser *p, const char **out)
{
    if (p->l.token.kind != TS_WORD) return fail(p, "a name is missing");
    *out = p->l.token.s;
    return ts_lex_next(&p->l);
}

static whet_status make(parser *p, size_t size, void *out)
{
    if (--*p->budget < 0) return ts_fail_at(p->l.file, p->l.line, WHET_EFORMAT, "the source text is larger than %d nodes", TS_MAX_TREE);
    void *x = whet_arena_alloc(p->l.arena, size);
    memcpy(out, &x, sizeof(x));
    return x ? WHET_OK : WHET_ENOMEM;
}

static whet_status make_expr(parser *p, ts_expr_kind kind, ts_expr **out)
{
    WHET_TRY(make(p, sizeof(**out), out));
    (*out)->kind = kind;
    (*out)->line = p->l.token.line;
    return WHET_OK;
}

static void append(ts_expr *list, ts_expr ***tail, ts_expr *x)
{
    **tail = x;
    *tail = &x->next;
    list->n_items++;
}

/* Items up to the closing sign; in a call `name=value`, in an index `from:to`, in a dictionary `key: value`. */
static whet_status parse_items(parser *p, ts_expr *list, const char *close)
{
    ts_expr **tail = &list->items;
    while (!is_sign(p, close)) {
        ts_expr *x = NULL;
        if (list->kind == TS_INDEX && is_sign(p, ":")) WHET_TRY(make_expr(p, TS_NONE, &x));
        else WHET_TRY(parse_expr(p, &x));
        if (list->kind == TS_CALL && x->kind == TS_NAME && is_sign(p, "=")) {
            const char *key = x->s;
            WHET_TRY(ts_lex_next(&p->l));
            WHET_TRY(parse_expr(p, &x));
            x->key = key;
        } else if (list->kind == TS_INDEX && is_sign(p, ":")) {
            ts_expr *slice = NULL, *to = NULL;
            WHET_TRY(make_expr(p, TS_SLICE, &slice));
            WHET_TRY(ts_lex_next(&p->l));
            if (is_sign(p, close)) WHET_TRY(make_expr(p, TS_NONE, &to));
            else WHET_TRY(parse_expr(p, &to));
            slice->items = x;
            x->next = to;
            slice->n_items = 2;
            x = slice;
        } else if (list->kind == TS_DICT) {
            append(list, &tail, x);
            WHET_TRY(expect(p, ":"));
            WHET_TRY(parse_expr(p, &x));
        }
        append(list, &tail, x);
        if (!is_sign(p, ",")) break;
        WHET_TRY(ts_lex_next(&p->l));
    }
    return expect(p, close);
}

/* (x) is x; (x, ) and () are tuples. */
static whet_status parse_parens(parser *p, ts_expr **out)
{
    ts_expr *tuple = NULL, **tail = NULL;
    bool comma = false;
    WHET_TRY(make_expr(p, TS_TUPLE, &tuple));
    tail = &tuple->items;
    WHET_TRY(ts_lex_next(&p->l));
    while (!is_sign(p, ")")) {
        ts_expr *x = NULL;
        WHET_TRY(parse_expr(p, &x));
        append(tuple, &tail, x);
        if (!is_sign(p, ",")) break;
        comma = true;
        WHET_TRY(ts_lex_next(&p->l));
    }
    *out = tuple->n_items == 1 && !comma ? tuple->items : tuple;
    return expect(p, ")");
}

static whet_status parse_minus(parser *p, ts_expr **out)
{
    WHET_TRY(ts_lex_next(&p->l));
    if (p->l.token.kind == TS_INTEGER) {
        WHET_TRY(make_expr(p, TS_INT, out));
        (*out)->number.i = p->l.token.i == INT64_MIN ? INT64_MIN : -p->l.token.i;
        return ts_lex_next(&p->l);
    }
    if (p->l.token.kind != TS_NUMBER) return fail(p, "a number is missing behind the minus");
    WHET_TRY(make_expr(p, TS_FLOAT, out));
    (*out)->number.f = -p->l.token.f;
    return ts_lex_next(&p->l);
}

static whet_status parse_atom(parser *p, ts_expr **out)
{
    static const struct { const char *word; ts_expr_kind kind; } words[] = {{"None", TS_NONE}, {"True", TS_TRUE}, {"False", TS_FALSE}};
    const ts_token t = p->l.token;
    ts_expr_kind kind = TS_NAME;
    if (is_sign(p, "(")) return parse_parens(p, out);
    if (is_sign(p, "-")) return parse_minus(p, out);
    if (is_sign(p, "[") || is_sign(p, "{")) {
        bool list = is_sign(p, "[");
        WHET_TRY(make_expr(p, list ? TS_LIST : TS_DICT, out));
        WHET_TRY(ts_lex_next(&p->l));
        return parse_items(p, *out, list ? "]" : "}");
    }
    switch (t.kind) {
    case TS_INTEGER: kind = TS_INT; break;
    case TS_NUMBER: kind = TS_FLOAT; break;
    case TS_TEXT: kind = TS_STRING; break;
    case TS_WORD:
        for (size_t i = 0; i < WHET_COUNT(words); i++)
            if (strcmp(t.s, words[i].word) == 0) kind = words[i].kind;
        break;
    default: return fail(p, "an expression is missing");
    }
    WHET_TRY(make_expr(p, kind, out));
    (*out)->s = t.s;
    if (kind == TS_INT) (*out)->number.i = t.i;
    if (kind == TS_INT && t.i == INT64_MIN) return fail(p, "a whole number is too large");
    if (kind == TS_FLOAT) (*out)->number.f = t.f;
    return ts_lex_next(&p->l);
}

static whet_status parse_postfix(parser *p, ts_expr **out)
{
    WHET_TRY(parse_atom(p, out));
    for (int n = 0;; n++) {
        ts_expr *x = NULL;
        bool call = is_sign(p, "("), index = is_sign(p, "[");
        if (!call && !index && !is_sign(p, ".")) return WHET_OK;
        if (n == 4 * TS_MAX_DEPTH) return fail(p, "an expression is nested too deeply");
        WHET_TRY(make_expr(p, call ? TS_CALL : index ? TS_INDEX : TS_ATTR, &x));
        x->base = *out;
        *out = x;
        WHET_TRY(ts_lex_next(&p->l));
        if (call || index) WHET_TRY(parse_items(p, x, call ? ")" : "]"));
        else WHET_TRY(take_word(p, &x->s));
    }
}

static whet_status parse_expr(parser *p, ts_expr **out)
{
    if (++p->depth > TS_MAX_DEPTH) return fail(p, "an expression is nested too deeply");
    whet_status status = parse_postfix(p, out);
    p->depth--;
    return status;
}

/* a, b, = ... : a tuple without brackets. */
static whet_status parse_exprs(parser *p, ts_expr **out)
{
    ts_expr *x = NULL, *tuple = NULL, **tail = NULL;
    WHET_TRY(parse_expr(p, out));
    if (!is_sign(p, ",")) return WHET_OK;
    WHET_TRY(make_expr(p, TS_TUPLE, &tuple));
    tail = &tuple->items;
    append(tuple, &tail, *out);
    while (is_sign(p, ",")) {
        WHET_TRY(ts_lex_next(&p->l));
        if (p->l.token.kind == TS_NEWLINE || is_sign(p, "=")) break;
        WHET_TRY(parse_expr(p, &x));
        append(tuple, &tail, x);
    }
    *out = tuple;
    return WHET_OK;
}

static whet_status parse_compound(parser *p, ts_stmt *s, ts_stmt_kind kind)
{
    ts_expr *x = NULL;
    s->kind = kind;
    WHET_TRY(ts_lex_next(&p->l));
    if (kind == TS_FOR) {
        WHET_TRY(parse_exprs(p, &x));
        s->target = x;
        if (!is_word(p, "in")) return fail(p, "'in' is missing");
        WHET_TRY(ts_lex_next(&p->l));
    }
    WHET_TRY(parse_expr(p, &x));
    s->value = x;
    WHET_TRY(parse_block(p, &s->body));
    if (kind != TS_IF || !is_word(p, "else")) return WHET_OK;
    WHET_TRY(ts_lex_next(&p->l));
    return parse_block(p, &s->other);
}

static whet_status parse_simple(parser *p, ts_stmt *s)
{
    ts_expr *x = NULL, *value = NULL;
    if (is_word(p, "pass")) {
        s->kind = TS_PASS;
        WHET_TRY(ts_lex_next(&p->l));
    } else if (is_word(p, "return")) {
        s->kind = TS_RETURN;
        WHET_TRY(ts_lex_next(&p->l));
        if (p->l.token.kind != TS_NEWLINE) WHET_TRY(parse_exprs(p, &value));
    } else {
        s->kind = TS_EVAL;
        WHET_TRY(parse_exprs(p, &x));
        value = x;
        if (is_sign(p, ":")) { /* a type, which says nothing new */
            WHET_TRY(ts_lex_next(&p->l));
            WHET_TRY(parse_expr(p, &value));
        }
        if (is_sign(p, "=")) {
            s->kind = TS_ASSIGN;
            s->target = x;
            WHET_TRY(ts_lex_next(&p->l));
            WHET_TRY(parse_exprs(p, &value));
        } else if (value != x) {
            s->kind = TS_PASS;
        }
    }
    s->value = value;
    return expect_kind(p, TS_NEWLINE, "the end of the line");
}

static whet_status parse_stmt(parser *p, ts_stmt *s)
{
    s->line = p->l.token.line;
    if (is_word(p, "if")) return parse_compound(p, s, TS_IF);
    if (is_word(p, "for")) return parse_compound(p, s, TS_FOR);
    return is_word(p, "while") ? parse_compound(p, s, TS_WHILE) : parse_simple(p, s);
}

static whet_status parse_stmts(parser *p, ts_stmt **out)
{
    WHET_TRY(expect(p, ":"));
    WHET_TRY(expect_kind(p, TS_NEWLINE, "the end of the line"));
    WHET_TRY(expect_kind(p, TS_INDENT, "an indented block"));
    for (ts_stmt **tail = out; p->l.token.kind != TS_DEDENT; tail = &(*tail)->next) {
        WHET_TRY(make(p, sizeof(**tail), tail));
        WHET_TRY(parse_stmt(p, *tail));
    }
    return ts_lex_next(&p->l);
}

static whet_status parse_block(parser *p, ts_stmt **out)
{
    if (++p->depth > TS_MAX_DEPTH) return fail(p, "blocks are nested too deeply");
    whet_status status = parse_stmts(p, out);
    p->depth--;
    return status;
}

static whet_status parse_params(parser *p, ts_param **tail)
{
    WHET_TRY(expect(p, "("));
    while (!is_sign(p, ")")) {
        ts_expr *x = NULL;
        WHET_TRY(make(p, sizeof(**tail), tail));
        WHET_TRY(take_word(p, &(*tail)->name));
        if (is_sign(p, ":")) {
            WHET_TRY(ts_lex_next(&p->l));
            WHET_TRY(parse_expr(p, &x));
            (*tail)->type = x;
        }
        if (is_sign(p, "=")) {
            WHET_TRY(ts_lex_next(&p->l));
            WHET_TRY(parse_expr(p, &x));
            (*tail)->otherwise = x;
        }
        tail = &(*tail)->next;
        if (!is_sign(p, ",")) break;
        WHET_TRY(ts_lex_next(&p->l));
    }
    return expect(p, ")");
}

static whet_status parse_function(parser *p, ts_function **out)
{
    ts_function *f = NULL;
    ts_expr *type = NULL;
    WHET_TRY(make(p, sizeof(*f), &f));
    f->file = p->l.file;
    f->line = p->l.token.line;
    WHET_TRY(ts_lex_next(&p->l));
    WHET_TRY(take_word(p, &f->name));
    WHET_TRY(parse_params(p, &f->params));
    if (is_sign(p, "->")) {
        WHET_TRY(ts_lex_next(&p->l));
        WHET_TRY(parse_expr(p, &type));
    }
    f->returns = type;
    *out = f;
    return parse_block(p, &f->body);
}

/* name : type [= value], name = value, __annotations__["name"] = type */
static whet_status parse_field(parser *p, ts_field **out)
{
    ts_stmt s = {.kind = TS_PASS};
    ts_field *f = NULL;
    WHET_TRY(make(p, sizeof(*f), &f));
    if (p->l.token.kind != TS_WORD) return fail(p, "an attribute or a method is missing");
    f->name = p->l.token.s;
    WHET_TRY(parse_simple(p, &s));
    if (s.kind == TS_EVAL || s.kind == TS_RETURN) return fail(p, "an attribute or a method is missing");
    if (s.kind == TS_ASSIGN && s.target->kind == TS_NAME) f->value = s.value;
    *out = f;
    return WHET_OK;
}

static whet_status parse_class(parser *p, ts_class **out)
{
    ts_class *c = NULL;
    ts_field **fields = NULL;
    ts_function **methods = NULL;
    ts_param *bases = NULL;
    WHET_TRY(make(p, sizeof(*c), &c));
    fields = &c->fields;
    methods = &c->methods;
    c->file = p->l.file;
    WHET_TRY(ts_lex_next(&p->l));
    WHET_TRY(take_word(p, &c->name));
    if (is_sign(p, "(")) WHET_TRY(parse_params(p, &bases));
    WHET_TRY(expect(p, ":"));
    WHET_TRY(expect_kind(p, TS_NEWLINE, "the end of the line"));
    WHET_TRY(expect_kind(p, TS_INDENT, "an indented block"));
    while (p->l.token.kind != TS_DEDENT) {
        if (is_word(p, "def")) {
            WHET_TRY(parse_function(p, methods));
            methods = &(*methods)->next;
        } else if (is_word(p, "pass")) {
            ts_stmt s = {.kind = TS_PASS};
            WHET_TRY(parse_simple(p, &s));
        } else {
            WHET_TRY(parse_field(p, fields));
            fields = &(*fields)->next;
        }
    }
    *out = c;
    return ts_lex_next(&p->l);
}

whet_status ts_parse(ts_file *out, const char *text, size_t size, whet_arena *arena, long *budget)
{
    parser p = {.budget = budget};
    ts_class **classes = &out->classes;
    ts_function **functions = &out->functions;
    WHET_TRY(ts_lex_start(&p.l, out->path, text, size, arena));
    while (p.l.token.kind != TS_END) {
        if (is_word(&p, "class")) {
            WHET_TRY(parse_class(&p, classes));
            classes = &(*classes)->next;
        } else if (is_word(&p, "def")) {
            WHET_TRY(parse_function(&p, functions));
            functions = &(*functions)->next;
        } else { /* op_version_set = 1 and the like */
            ts_stmt s = {.kind = TS_PASS};
            WHET_TRY(parse_stmt(&p, &s));
        }
    }
    return WHET_OK;
}

const ts_function *ts_function_find(const ts_function *list, const char *name)
{
    while (list && strcmp(list->name, name) != 0) list = list->next;
    return list;
}

const ts_class *ts_class_find(const ts_file *f, const char *name)
{
    const ts_class *c = f->classes;
    while (c && strcmp(c->name, name) != 0) c = c->next;
    return c;
}

const ts_field *ts_field_find(const ts_class *c, const char *name)
{
    const ts_field *f = c->fields;
    while (f && strcmp(f->name, name) != 0) f = f->next;
    return f;
}
