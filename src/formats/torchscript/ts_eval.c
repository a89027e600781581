/* SPDX-License-Identifier: Apache-2.0 */
/* Statements, expressions and calls. Modules are inlined; depth, steps and the size of the graph are limited. */
#include <math.h>
#include <stdio.h>

#include "formats/torchscript/ts_eval.h"

static whet_status eval_expr(ts_eval *e, const ts_expr *x, ts_value *out);
static whet_status run_block(ts_eval *e, const ts_stmt *s);

/* --- classes and functions: __torch__.a.b.C is class C of code/__torch__/a/b.py, __torch__.C of code/__torch__.py */

static whet_status load_file(ts_eval *e, const char *module, ts_file **out)
{
    char path[1024] = "", *text = NULL;
    size_t size = 0, n = (size_t)snprintf(path, sizeof(path), "code/%s", module);
    if (n + 4 >= sizeof(path)) return ts_fail(e, WHET_EFORMAT, "the name of a class is too long");
    for (char *p = path; *p; p++)
        if (*p == '.') *p = '/';
    strcpy(path + n, ".py");
    for (ts_file *f = e->files; f; f = f->next)
        if (strcmp(f->path, path) == 0) {
            *out = f;
            return WHET_OK;
        }
    ts_file *f = whet_arena_alloc(e->keep, sizeof(*f));
    if (!f || !(f->path = whet_arena_strdup(e->keep, path))) return WHET_ENOMEM;
    WHET_TRY(e->source(e->source_arg, path, &text, &size));
    e->source_left -= (long)WHET_MIN(size, (size_t)TS_MAX_SOURCE + 1);
    whet_status status = e->source_left < 0 ? ts_fail(e, WHET_EFORMAT, "the source text is larger than %d bytes", TS_MAX_SOURCE) :
                                              ts_parse(f, text, size, e->keep, &e->budget);
    whet_free(text);
    if (status != WHET_OK) return status;
    f->next = e->files;
    e->files = f;
    *out = f;
    return WHET_OK;
}

/* Splits "__torch__.a.b.C" and loads its file; *name points behind the last dot. */
static whet_status load_module_of(ts_eval *e, const char *qualified, ts_file **out, const char **name)
{
    char module[1024] = "";
    const char *dot = strrchr(qualified, '.');
    if (strncmp(qualified, "__torch__.", 10) != 0 || !dot)
        return ts_fail(e, WHET_EUNSUPPORTED, "'%.200s' lies outside the file's own code and is not handled", qualified);
    for (const char *p = qualified; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_';
        if (!plain && (*p != '.' || p[1] == '.' || p[1] == '\0'))
            return ts_fail(e, WHET_EFORMAT, "'%.200s' is not the name of a class", qualified);
    }
    if ((size_t)(dot - qualified) >= sizeof(module)) return ts_fail(e, WHET_EFORMAT, "the name of a class is too long");
    memcpy(module, qualified, (size_t)(dot - qualified));
    *name = dot + 1;
    return load_file(e, module, out);
}

static whet_status load_class(ts_eval *e, ts_object *o)
{
    ts_file *f = NULL;
    const char *name = NULL;
    if (o->def) return WHET_OK;
    WHET_TRY(load_module_of(e, o->type, &f, &name));
    o->def = ts_class_find(f, name);
    return o->def ? WHET_OK : ts_fail(e, WHET_EFORMAT, "class '%s' is not in '%s'", name, f->path);
}

const ts_function *ts_method_find(ts_eval *e, ts_object *o, const char *name, whet_status *status)
{
    *status = load_class(e, o);
    return *status == WHET_OK ? ts_function_find(o->def->methods, name) : NULL;
}

whet_status ts_enum_value(ts_eval *e, ts_value *v)
{
    char path[1024] = "";
    const char *dot = v->kind == TSV_PATH && strncmp(v->as.s, "__torch__.", 10) == 0 ? strrchr(v->as.s, '.') : NULL, *name = NULL;
    ts_file *f = NULL;
    if (!dot || dot - v->as.s <= 10 || (size_t)(dot - v->as.s) >= sizeof(path)) return WHET_OK;
    memcpy(path, v->as.s, (size_t)(dot - v->as.s));
    WHET_TRY(load_module_of(e, path, &f, &name));
    const ts_class *c = ts_class_find(f, name);
    const ts_field *field = c ? ts_field_find(c, dot + 1) : NULL;
    if (!field || !field->value) return ts_fail(e, WHET_EFORMAT, "'%.200s' is not in '%s'", v->as.s, f->path);
    return eval_expr(e, field->value, v);
}

/* --- calls */

static whet_status bind(ts_eval *e, ts_frame *fr, int n, const ts_value *arg, const char *const *keys)
{
    const ts_param *p = fr->f->params;
    int at = 0;
    if (fr->self) {
        if (!p) return ts_fail(e, WHET_EFORMAT, "method '%s' has no self", fr->f->name);
        WHET_TRY(ts_names_set(e, &fr->locals, p->name, (ts_value){.kind = TSV_OBJECT, .as.object = fr->self}));
        p = p->next;
    }
    for (; p; p = p->next) {
        const ts_value *given = at < n && !keys[at] ? &arg[at++] : NULL;
        for (int i = 0; i < n && !given; i++)
            if (keys[i] && strcmp(keys[i], p->name) == 0) given = &arg[i];
        ts_value v = given ? *given : (ts_value){.kind = TSV_UNSET};
        if (!given && p->otherwise) WHET_TRY(eval_expr(e, p->otherwise, &v));
        if (!given && !p->otherwise) return ts_fail(e, WHET_EFORMAT, "argument '%s' of '%s' is missing", p->name, fr->f->name);
        WHET_TRY(ts_names_set(e, &fr->locals, p->name, v));
    }
    if (at < n && !keys[at]) return ts_fail(e, WHET_EFORMAT, "'%s' is called with too many arguments", fr->f->name);
    return WHET_OK;
}

static whet_status call_function(ts_eval *e, const ts_function *f, ts_object *self, int n, const ts_value *arg,
                                 const char *const *keys, ts_value *out)
{
    ts_frame fr = {.f = f, .self = self, .file = f->file, .line = f->line, .result = ts_none(), .outer = e->frame};
    if (e->n_calls == TS_MAX_CALLS) return ts_fail(e, WHET_EFORMAT, "calls are nested more than %d deep", TS_MAX_CALLS);
    e->n_calls++;
    whet_status status = bind(e, &fr, n, arg, keys);
    e->frame = &fr;
    if (status == WHET_OK) status = run_block(e, f->body);
    e->frame = fr.outer;
    e->n_calls--;
    *out = fr.result;
    return status;
}

static whet_status call_path(ts_eval *e, const char *path, int n, const ts_value *arg, const char *const *keys, ts_value *out)
{
    static const char *const typed[] = {"annotate", "unchecked_cast"};
    const char *name = NULL;
    ts_file *f = NULL;
    if (strncmp(path, "torch.", 6) == 0 || strncmp(path, "ops.aten.", 9) == 0)
        return ts_op_call(e, path + (path[0] == 't' ? 6 : 9), n, arg, keys, out);
    if (strncmp(path, "ops.prim.", 9) == 0) return ts_prim_call(e, path + 9, n, arg, out);
    for (size_t i = 0; i < WHET_COUNT(typed); i++)
        if (strcmp(path, typed[i]) == 0 && n == 2) {
            *out = arg[1];
            return WHET_OK;
        }
    if (strcmp(path, "uninitialized") == 0) {
        *out = ts_none();
        return WHET_OK;
    }
    if (strchr(path, '.') == NULL) return ts_prim_call(e, path, n, arg, out); /* int, float, bool, range, ... */
    if (strncmp(path, "ops.", 4) == 0)
        return ts_fail(e, WHET_EUNSUPPORTED, "operator '%.200s' is not handled", path);
    WHET_TRY(load_module_of(e, path, &f, &name));
    const ts_function *fn = ts_function_find(f->functions, name);
    if (fn) return call_function(e, fn, NULL, n, arg, keys, out);
    if (ts_class_find(f, name)) return ts_fail(e, WHET_EUNSUPPORTED, "making an object of class '%.200s' is not handled", path);
    return ts_fail(e, WHET_EFORMAT, "'%.200s' is not in '%s'", path, f->path);
}

/* What the class says of a tensor: a parameter, or a buffer that a training would change. */
static whet_status mark_weight(ts_eval *e, ts_object *o, int i, ts_weight *w)
{
    WHET_TRY(load_class(e, o));
    w->parameter = (ts_object_listed(e, o, i) & TS_LISTED_PARAMETER) != 0;
    w->variable = ts_object_listed(e, o, i) != 0;
    return WHET_OK;
}

/* The file's own lists stay as they are, whatever the code appends. */
static whet_status copy_list(ts_eval *e, ts_value *v)
{
    const ts_list *l = v->as.list;
    WHET_TRY(ts_list_new(e, v->kind, l->n, v));
    for (int i = 0; i < l->n; i++) WHET_TRY(ts_list_add(e, v->as.list, l->v[i]));
    return WHET_OK;
}

static whet_status get_attr(ts_eval *e, const ts_value *base, const char *name, ts_value *out)
{
    whet_status status = WHET_OK;
    if (base->kind == TSV_PATH) {
        size_t a = strlen(base->as.s), b = strlen(name);
        char *path = a + b < 1000 ? whet_arena_alloc(e->arena, a + b + 2) : NULL;
        if (!path) return a + b < 1000 ? WHET_ENOMEM : ts_fail(e, WHET_EFORMAT, "a name is too long");
        memcpy(path, base->as.s, a);
        path[a] = '.';
        memcpy(path + a + 1, name, b);
        *out = (ts_value){.kind = TSV_PATH, .as.s = path};
        if (strcmp(base->as.s, "CONSTANTS") != 0) return WHET_OK;
        char *stop = NULL;
        long k = *name == 'c' && name[1] >= '0' && name[1] <= '9' ? strtol(name + 1, &stop, 10) : -1;
        if (k < 0 || *stop || !e->constants || k >= e->constants->n)
            return ts_fail(e, WHET_EFORMAT, "'%.100s' is not in constants.pkl", path);
        *out = e->constants->v[k];
        return WHET_OK;
    }
    if (base->kind != TSV_OBJECT)
        return ts_fail(e, WHET_EUNSUPPORTED, "attribute '%.100s' of %s is not handled", name, ts_kind_name(base->kind));
    ts_object *o = base->as.object;
    const int i = ts_object_find(e, o, name);
    if (i >= 0) {
        *out = o->values[i];
        if (strcmp(name, "training") == 0) *out = ts_bool(false); /* read as after eval() */
        if (out->kind == TSV_TENSOR) return mark_weight(e, o, i, out->as.cell->weight);
        return out->kind == TSV_LIST || out->kind == TSV_DICT ? copy_list(e, out) : WHET_OK;
    }
    const ts_function *f = ts_method_find(e, o, name, &status);
    if (status != WHET_OK) return status;
    const ts_field *field = f ? NULL : ts_field_find(o->def, name);
    if (field && field->value) return eval_expr(e, field->value, out);
    if (!f) return ts_fail(e, WHET_EFORMAT, "'%.100s' of class '%.100s' is in neither data.pkl nor the code", name, o->type);
    ts_method *m = whet_arena_alloc(e->arena, sizeof(*m));
    if (!m) return WHET_ENOMEM;
    *m = (ts_method){o, f};
    *out = (ts_value){.kind = TSV_METHOD, .as.method = m};
    return WHET_OK;
}

static whet_status eval_call(ts_eval *e, const ts_expr *x, ts_value *out)
{
    ts_value callee = {0}, *arg = NULL;
    const char **keys = NULL;
    int n = 0;
    WHET_TRY(eval_expr(e, x->base, &callee));
    arg = whet_arena_alloc(e->arena, ((size_t)x->n_items + 1) * sizeof(*arg));
    keys = whet_arena_alloc(e->arena, ((size_t)x->n_items + 1) * sizeof(*keys));
    if (!arg || !keys) return WHET_ENOMEM;
    for (const ts_expr *a = x->items; a; a = a->next, n++) {
        keys[n] = a->key;
        WHET_TRY(eval_expr(e, a, &arg[n]));
    }
    e->frame->line = x->line;
    if (callee.kind == TSV_METHOD) return call_function(e, callee.as.method->f, callee.as.method->self, n, arg, keys, out);
    if (callee.kind != TSV_PATH) return ts_fail(e, WHET_EUNSUPPORTED, "a call of %s is not handled", ts_kind_name(callee.kind));
    if (strcmp(callee.as.s, "getattr") == 0) {
        if (n != 2 || arg[1].kind != TSV_TEXT) return ts_fail(e, WHET_EFORMAT, "getattr needs an object and a name");
        return get_attr(e, &arg[0], arg[1].as.s, out);
    }
    return call_path(e, callee.as.s, n, arg, keys, out);
}

/* --- expressions */

static whet_status eval_items(ts_eval *e, const ts_expr *x, ts_value *out)
{
    WHET_TRY(ts_list_new(e, x->kind == TS_LIST ? TSV_LIST : x->kind == TS_TUPLE ? TSV_TUPLE : TSV_DICT, x->n_items, out));
    for (const ts_expr *a = x->items; a; a = a->next) {
        ts_value v = {0};
        WHET_TRY(eval_expr(e, a, &v));
        WHET_TRY(ts_list_add(e, out->as.list, v));
    }
    return WHET_OK;
}

static whet_status eval_index(ts_eval *e, const ts_expr *x, ts_value *out)
{
    ts_value base = {0}, at = {0}, to = {0};
    WHET_TRY(eval_expr(e, x->base, &base));
    if (base.kind == TSV_PATH) { /* a type: List[int] */
        *out = base;
        return WHET_OK;
    }
    if (x->n_items != 1) return ts_fail(e, WHET_EUNSUPPORTED, "an index of %d parts is not handled", x->n_items);
    if (x->items->kind == TS_SLICE) {
        WHET_TRY(eval_expr(e, x->items->items, &at));
        WHET_TRY(eval_expr(e, x->items->items->next, &to));
        return ts_slice(e, &base, &at, &to, out);
    }
    WHET_TRY(eval_expr(e, x->items, &at));
    return ts_index(e, &base, &at, out);
}

static whet_status eval_name(ts_eval *e, const ts_expr *x, ts_value *out)
{
    static const char *const known[] = {"torch", "ops", "__torch__", "CONSTANTS", "getattr", "annotate", "unchecked_cast", "uninitialized",
                                        "int", "float", "bool", "str", "range", "isinstance", "List", "Dict", "Optional", "Tuple", "Tensor",
                                        "NoneType", "number", "Device", "inf", "nan", "Future", "Any", "Union", "Final"};
    const ts_value *v = ts_names_find(&e->frame->locals, x->s);
    if (v) {
        *out = *v;
        return WHET_OK;
    }
    if (strcmp(x->s, "inf") == 0 || strcmp(x->s, "nan") == 0) {
        *out = ts_float(*x->s == 'i' ? (double)INFINITY : (double)NAN);
        return WHET_OK;
    }
    *out = (ts_value){.kind = TSV_PATH, .as.s = x->s};
    for (size_t i = 0; i < WHET_COUNT(known); i++)
        if (strcmp(known[i], x->s) == 0) return WHET_OK;
    return ts_fail(e, WHET_EUNSUPPORTED, "the name '%.100s' is not handled", x->s);
}

static whet_status eval_plain(ts_eval *e, const ts_expr *x, ts_value *out)
{
    ts_value base = {0};
    switch (x->kind) {
    case TS_NAME: return eval_name(e, x, out);
    case TS_INT: *out = ts_int(x->number.i); return WHET_OK;
    case TS_FLOAT: *out = ts_float(x->number.f); return WHET_OK;
    case TS_STRING: *out = ts_text(x->s); return WHET_OK;
    case TS_NONE: *out = ts_none(); return WHET_OK;
    case TS_TRUE: *out = ts_bool(true); return WHET_OK;
    case TS_FALSE: *out = ts_bool(false); return WHET_OK;
    case TS_ATTR:
        WHET_TRY(eval_expr(e, x->base, &base));
        return get_attr(e, &base, x->s, out);
    case TS_CALL: return eval_call(e, x, out);
    case TS_INDEX: return eval_index(e, x, out);
    case TS_LIST:
    case TS_TUPLE:
    case TS_DICT: return eval_items(e, x, out);
    case TS_SLICE: break;
    }
    return ts_fail(e, WHET_EFORMAT, "a slice stands outside of an index");
}

static whet_status eval_expr(ts_eval *e, const ts_expr *x, ts_value *out)
{
    if (++e->steps > TS_MAX_STEPS) return ts_fail(e, WHET_EFORMAT, "the code takes more than %d steps", TS_MAX_STEPS);
    if (e->g->n_nodes > TS_MAX_NODES) return ts_fail(e, WHET_EFORMAT, "the code makes more than %d operators", TS_MAX_NODES);
    if (e->depth > 8 * TS_MAX_DEPTH) return ts_fail(e, WHET_EFORMAT, "calls and expressions are nested too deeply");
    e->depth++;
    whet_status status = eval_plain(e, x, out);
    e->depth--;
    return status;
}

/* --- statements */

static whet_status assign(ts_eval *e, const ts_expr *target, ts_value v)
{
    if (target->kind == TS_NAME) return ts_names_set(e, &e->frame->locals, target->s, v);
    if (target->kind != TS_TUPLE && target->kind != TS_LIST)
        return ts_fail(e, WHET_EUNSUPPORTED, "an assignment to an attribute is not handled: the module would change while it runs");
    if ((v.kind != TSV_TUPLE && v.kind != TSV_LIST) || v.as.list->n != target->n_items)
        return ts_fail(e, WHET_EFORMAT, "%s cannot be taken apart into %d", ts_kind_name(v.kind), target->n_items);
    int i = 0;
    for (const ts_expr *t = target->items; t; t = t->next) WHET_TRY(assign(e, t, v.as.list->v[i++]));
    return WHET_OK;
}

static bool raises(const ts_stmt *s)
{
    for (; s; s = s->next) {
        const ts_expr *f = s->kind == TS_EVAL && s->value->kind == TS_CALL ? s->value->base : NULL;
        if (f && f->kind == TS_ATTR && strcmp(f->s, "RaiseException") == 0) return true;
    }
    return false;
}

/* A condition on sizes that are not known yet: the branch that raises is not taken, and an equality is learnt. */
static whet_status choose(ts_eval *e, const ts_stmt *s, const ts_value *v, bool *taken)
{
    bool yes = raises(s->body), no = raises(s->other);
    *taken = no;
    if (yes == no || v->kind != TSV_COND)
        return ts_fail(e, WHET_EUNSUPPORTED, "an 'if' on %s that is known only when running is not handled",
                       v->kind == TSV_COND ? "a size" : ts_kind_name(v->kind));
    if (v->as.cond->equal == *taken && ts_learn_size(e, v->as.cond->size, v->as.cond->number))
        return ts_fail(e, WHET_EUNSUPPORTED, "a size was learnt");
    return WHET_OK;
}

static whet_status run_if(ts_eval *e, const ts_stmt *s)
{
    ts_value v = {0};
    bool taken = false;
    WHET_TRY(eval_expr(e, s->value, &v));
    if (!ts_truth(&v, &taken)) WHET_TRY(choose(e, s, &v, &taken));
    return run_block(e, taken ? s->body : s->other);
}

static whet_status run_for(ts_eval *e, const ts_stmt *s)
{
    ts_value v = {0};
    WHET_TRY(eval_expr(e, s->value, &v));
    if (v.kind != TSV_LIST && v.kind != TSV_TUPLE)
        return ts_fail(e, WHET_EUNSUPPORTED, "a loop over %s is not handled", ts_kind_name(v.kind));
    for (int i = 0; i < v.as.list->n && !e->frame->returned; i++) {
        if (++e->steps > TS_MAX_STEPS) return ts_fail(e, WHET_EFORMAT, "the code takes more than %d steps", TS_MAX_STEPS);
        WHET_TRY(assign(e, s->target, v.as.list->v[i]));
        WHET_TRY(run_block(e, s->body));
    }
    return WHET_OK;
}

static whet_status run_while(ts_eval *e, const ts_stmt *s)
{
    for (;;) {
        ts_value v = {0};
        bool go = false;
        WHET_TRY(eval_expr(e, s->value, &v)); /* counts a step */
        if (!ts_truth(&v, &go)) return ts_fail(e, WHET_EUNSUPPORTED, "a loop whose end is known only when running is not handled");
        if (!go || e->frame->returned) return WHET_OK;
        WHET_TRY(run_block(e, s->body));
    }
}

static whet_status run_stmt(ts_eval *e, const ts_stmt *s)
{
    ts_value v = ts_none();
    e->frame->line = s->line;
    e->steps++;
    switch (s->kind) {
    case TS_PASS: return WHET_OK;
    case TS_IF: return run_if(e, s);
    case TS_FOR: return run_for(e, s);
    case TS_WHILE: return run_while(e, s);
    case TS_ASSIGN:
    case TS_EVAL:
    case TS_RETURN: break;
    }
    if (s->value) WHET_TRY(eval_expr(e, s->value, &v));
    if (s->kind == TS_ASSIGN) return assign(e, s->target, v);
    if (s->kind == TS_RETURN) {
        e->frame->result = v;
        e->frame->returned = true;
    }
    return WHET_OK;
}

static whet_status run_block(ts_eval *e, const ts_stmt *s)
{
    for (; s && !e->frame->returned; s = s->next) {
        if (e->steps > TS_MAX_STEPS) return ts_fail(e, WHET_EFORMAT, "the code takes more than %d steps", TS_MAX_STEPS);
        WHET_TRY(run_stmt(e, s));
    }
    return WHET_OK;
}

whet_status ts_eval_forward(ts_eval *e, ts_object *root, ts_value *out)
{
    static const char *const no_keys[TS_MAX_INPUTS] = {NULL};
    ts_value arg[TS_MAX_INPUTS];
    whet_status status = WHET_OK;
    const ts_function *f = ts_method_find(e, root, "forward", &status);
    if (status != WHET_OK) return status;
    if (!f) return WHET_FAIL(WHET_EFORMAT, "class '%.200s' has no method forward", root->type);
    for (int i = 0; i < e->n_inputs; i++) WHET_TRY(ts_tensor_new(e, e->inputs[i].vid, &arg[i]));
    return call_function(e, f, root, e->n_inputs, arg, no_keys, out);
}
