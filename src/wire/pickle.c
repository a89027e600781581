/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a pickle: values in an arena whose memory is counted against the size of the pickle, containers that grow, names
 * judged by the caller's table, and calls that are written down instead of made. */
#include "wire/pickle_private.h"

#include <stdio.h>

#include "wire/pb.h"

whet_status whet_pickle_spend(whet_pickle *p, size_t bytes)
{
    if (bytes <= p->limit - p->spent) {
        p->spent += bytes;
        return WHET_OK;
    }
    return WHET_FAIL(WHET_EFORMAT, "pickle: more than %zu bytes of memory would be needed, which a pickle of this size may not: a bomb", p->limit);
}

whet_status whet_pickle_alloc(whet_pickle *p, size_t bytes, void **out)
{
    *out = NULL;
    WHET_TRY(whet_pickle_spend(p, WHET_ALIGN_UP(bytes, 16)));
    *out = whet_arena_alloc(p->arena, bytes);
    return *out ? WHET_OK : WHET_ENOMEM;
}

whet_status whet_pickle_value_create(whet_pickle *p, whet_pickle_kind kind, int64_t offset, whet_pickle_value **out)
{
    void *v = NULL;
    WHET_TRY(whet_pickle_alloc(p, sizeof(**out), &v));
    *out = v;
    (*out)->kind = kind;
    (*out)->offset = offset;
    return WHET_OK;
}

whet_status whet_pickle_string(whet_pickle *p, const void *bytes, size_t n, bool must_be_text, int64_t offset, whet_pickle_value **out)
{
    const bool text = whet_utf8_valid(bytes, n);
    void *copy = NULL;
    if (must_be_text && !text) return WHET_FAIL(WHET_EFORMAT, "pickle: a text of %zu bytes is not UTF-8", n);
    WHET_TRY(whet_pickle_value_create(p, text ? WHET_PICKLE_TEXT : WHET_PICKLE_BYTES, offset, out));
    WHET_TRY(whet_pickle_alloc(p, n + 1, &copy));
    if (n) memcpy(copy, bytes, n);
    (*out)->text = copy;
    (*out)->n = n;
    return WHET_OK;
}

/* --- containers */

static whet_status holds(whet_pickle_value *v, const whet_pickle_value *child)
{
    if (child->depth >= v->depth) v->depth = child->depth + 1;
    if (v->depth <= WHET_PICKLE_MAX_DEPTH) return WHET_OK;
    return WHET_FAIL(WHET_EFORMAT, "pickle: values are nested deeper than %d levels", WHET_PICKLE_MAX_DEPTH);
}

whet_status whet_pickle_tuple_create(whet_pickle *p, whet_pickle_value *const *items, size_t n, int64_t offset, whet_pickle_value **out)
{
    void *own = NULL;
    WHET_TRY(whet_pickle_value_create(p, WHET_PICKLE_TUPLE, offset, out));
    for (size_t i = 0; i < n; i++) WHET_TRY(holds(*out, items[i]));
    WHET_TRY(whet_pickle_alloc(p, n * sizeof(*items), &own));
    if (n) memcpy(own, items, n * sizeof(*items));
    (*out)->items = own;
    (*out)->n = n;
    return WHET_OK;
}

/* Room for `more` pointers behind the `have` that are there. */
static whet_status make_room(whet_pickle *p, whet_pickle_value *v, size_t have, size_t more)
{
    void *items = NULL;
    if (have + more <= v->room) return WHET_OK;
    const size_t room = WHET_MAX(2 * v->room, 4);
    WHET_TRY(whet_pickle_alloc(p, room * sizeof(*v->items), &items));
    if (have) memcpy(items, v->items, have * sizeof(*v->items));
    v->items = items;
    v->room = room;
    return WHET_OK;
}

whet_status whet_pickle_append(whet_pickle *p, whet_pickle_value *list, whet_pickle_value *item)
{
    char what[80];
    if (list->kind != WHET_PICKLE_LIST)
        return WHET_FAIL(WHET_EFORMAT, "pickle: an item is appended to a %s", whet_pickle_text(list, what, sizeof(what)));
    WHET_TRY(make_room(p, list, list->n, 1));
    WHET_TRY(holds(list, item));
    list->items[list->n++] = item;
    return WHET_OK;
}

whet_status whet_pickle_set(whet_pickle *p, whet_pickle_value *dict, whet_pickle_value *key, whet_pickle_value *value)
{
    char what[80];
    if (dict->kind != WHET_PICKLE_DICT)
        return WHET_FAIL(WHET_EFORMAT, "pickle: an item of a %s is set", whet_pickle_text(dict, what, sizeof(what)));
    WHET_TRY(make_room(p, dict, 2 * dict->n, 2));
    WHET_TRY(holds(dict, key));
    WHET_TRY(holds(dict, value));
    dict->items[2 * dict->n] = key;
    dict->items[2 * dict->n++ + 1] = value;
    return WHET_OK;
}

/* --- names and calls */

static bool fits(const char *pattern, const char *text)
{
    const size_t n = strlen(pattern);
    return n && pattern[n - 1] == '*' ? strncmp(pattern, text, n - 1) == 0 : strcmp(pattern, text) == 0;
}

static whet_status check_global(const whet_pickle_options *opt, whet_pickle_value *v)
{
    for (size_t i = 0; i < opt->n_globals; i++)
        if (fits(opt->globals[i].module, v->module) && fits(opt->globals[i].name, v->text)) {
            v->row = (int)i;
            return WHET_OK;
        }
    return WHET_FAIL(WHET_EUNSUPPORTED, "pickle: '%.200s.%.200s' is refused: this file may build %s only; nothing was executed", v->module,
                     v->text, opt->allows ? opt->allows : "plain values");
}

whet_status whet_pickle_global_create(whet_pickle *p, const whet_pickle_options *opt, const char *module, size_t n_module,
                                      const char *name, size_t n_name, int64_t offset, whet_pickle_value **out)
{
    void *m = NULL, *n = NULL;
    if (n_module > 500 || n_name > 500 || !whet_utf8_valid(module, n_module) || !whet_utf8_valid(name, n_name))
        return WHET_FAIL(WHET_EFORMAT, "pickle: a module or name is no text of at most 500 bytes");
    WHET_TRY(whet_pickle_value_create(p, WHET_PICKLE_GLOBAL, offset, out));
    WHET_TRY(whet_pickle_alloc(p, n_module + 1, &m));
    WHET_TRY(whet_pickle_alloc(p, n_name + 1, &n));
    memcpy(m, module, n_module);
    memcpy(n, name, n_name);
    (*out)->module = m;
    (*out)->text = n;
    return check_global(opt, *out);
}

static bool is_pair(const whet_pickle_value *v)
{
    return (v->kind == WHET_PICKLE_TUPLE || v->kind == WHET_PICKLE_LIST) && v->n == 2;
}

/* OrderedDict(), OrderedDict([(key, value), ...]), OrderedDict({...}) */
static whet_status mapping(whet_pickle *p, const whet_pickle_value *callee, const whet_pickle_value *args, whet_pickle_value *dict)
{
    const whet_pickle_value *from = args->n == 1 ? args->items[0] : NULL;
    bool good = args->n == 0 || (from && (from->kind == WHET_PICKLE_DICT || from->kind == WHET_PICKLE_LIST));
    for (size_t i = 0; good && from && i < from->n; i++) {
        if (from->kind == WHET_PICKLE_DICT) {
            WHET_TRY(whet_pickle_set(p, dict, from->items[2 * i], from->items[2 * i + 1]));
            continue;
        }
        good = is_pair(from->items[i]);
        if (good) WHET_TRY(whet_pickle_set(p, dict, from->items[i]->items[0], from->items[i]->items[1]));
    }
    if (good) return WHET_OK;
    return WHET_FAIL(WHET_EFORMAT, "pickle: '%.200s.%.200s' is made of neither nothing nor pairs", callee->module, callee->text);
}

whet_status whet_pickle_call(whet_pickle *p, const whet_pickle_options *opt, whet_pickle_value *callee, whet_pickle_value *args,
                             int64_t offset, whet_pickle_value **out)
{
    char what[80];
    if (callee->kind != WHET_PICKLE_GLOBAL)
        return WHET_FAIL(WHET_EUNSUPPORTED, "pickle: the call of a %s is refused; nothing was executed", whet_pickle_text(callee, what, sizeof(what)));
    const unsigned flags = opt->globals[callee->row].flags;
    if (!(flags & (WHET_PICKLE_CALLED | WHET_PICKLE_MAPPING)))
        return WHET_FAIL(WHET_EUNSUPPORTED, "pickle: the call of '%.200s.%.200s' is refused: it may only be named; nothing was executed",
                         callee->module, callee->text);
    if (args->kind != WHET_PICKLE_TUPLE && !(flags & WHET_PICKLE_ANY))
        return WHET_FAIL(WHET_EFORMAT, "pickle: '%.200s.%.200s' is called with a %s instead of a tuple", callee->module, callee->text,
                         whet_pickle_text(args, what, sizeof(what)));
    if (flags & WHET_PICKLE_MAPPING) {
        WHET_TRY(whet_pickle_value_create(p, WHET_PICKLE_DICT, offset, out));
        return mapping(p, callee, args, *out);
    }
    WHET_TRY(whet_pickle_value_create(p, WHET_PICKLE_CALL, offset, out));
    (*out)->callee = callee;
    (*out)->args = args;
    return holds(*out, args);
}

/* --- looking */

void whet_pickle_free(whet_pickle *p)
{
    if (!p) return;
    whet_arena_free(p->arena);
    whet_free(p->persistent);
    whet_free(p);
}

const whet_pickle_value *whet_pickle_root(const whet_pickle *p) { return p->root; }

size_t whet_pickle_memory(const whet_pickle *p) { return p->spent; }

size_t whet_pickle_persistent_count(const whet_pickle *p) { return p->n_persistent; }

const whet_pickle_value *whet_pickle_persistent_at(const whet_pickle *p, size_t i) { return p->persistent[i]; }

const whet_pickle_value *whet_pickle_get(const whet_pickle_value *v, const char *key)
{
    for (size_t i = v->kind == WHET_PICKLE_DICT ? v->n : 0; i-- > 0;)
        if (v->items[2 * i]->kind == WHET_PICKLE_TEXT && strcmp(v->items[2 * i]->text, key) == 0) return v->items[2 * i + 1];
    return NULL;
}

bool whet_pickle_is(const whet_pickle_value *v, const char *module, const char *name)
{
    if (v->kind == WHET_PICKLE_CALL) v = v->callee;
    return v->kind == WHET_PICKLE_GLOBAL && strcmp(v->module, module) == 0 && strcmp(v->text, name) == 0;
}

const char *whet_pickle_text(const whet_pickle_value *v, char *buf, size_t size)
{
    static const char *const names[] = {"None", "boolean", "whole number", "whole number", "number", "text", "byte string",
                                        "tuple", "list", "dict", "name", "call", "persistent object"};
    if (v->kind == WHET_PICKLE_CALL) snprintf(buf, size, "'%.60s.%.60s'", v->callee->module, v->callee->text);
    else if (v->kind == WHET_PICKLE_GLOBAL) snprintf(buf, size, "'%.60s.%.60s'", v->module, v->text);
    else snprintf(buf, size, "%s", names[v->kind]);
    return buf;
}
