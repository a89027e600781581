/* SPDX-License-Identifier: Apache-2.0 */
/* The pickle machine: a table of opcodes over a stack, marks and a memo. Every length is compared with the bytes that are
 * there before it is used; what the table has not is refused by number. Source: CPython's Lib/pickletools.py. */
#include <errno.h>
#include <stdio.h>

#include "wire/pickle_private.h"

#define MEMORY_SLACK ((size_t)32 << 20)

typedef struct machine {
    whet_pickle *p;
    const uint8_t *data;
    size_t size, at;
    int64_t op; /* offset of the opcode */
    const whet_pickle_options *opt;
    whet_pickle_value **stack, **memo;
    size_t n, cap, *marks, n_marks, cap_marks, cap_memo, n_memo;
    bool stopped;
} machine;

/* --- bytes */

static whet_status take(machine *m, uint64_t n, const uint8_t **out)
{
    if (n > m->size - m->at)
        return WHET_FAIL(WHET_EFORMAT, "pickle: cut off: %llu bytes belong to this opcode, %zu are there", (unsigned long long)n, m->size - m->at);
    *out = m->data + m->at;
    m->at += (size_t)n;
    return WHET_OK;
}

static whet_status take_number(machine *m, unsigned bytes, uint64_t *out)
{
    const uint8_t *b = NULL;
    *out = 0;
    WHET_TRY(take(m, bytes, &b));
    for (unsigned i = 0; i < bytes; i++) *out |= (uint64_t)b[i] << (8 * i);
    return WHET_OK;
}

/* Up to the end of the line, which is left out. */
static whet_status take_line(machine *m, const char **line, size_t *n)
{
    const uint8_t *end = m->at < m->size ? memchr(m->data + m->at, '\n', m->size - m->at) : NULL;
    if (!end) return WHET_FAIL(WHET_EFORMAT, "pickle: cut off in a line of text");
    *line = (const char *)m->data + m->at;
    *n = (size_t)(end - m->data) - m->at;
    m->at += *n + 1;
    return WHET_OK;
}

/* A line that is a number, with an end. */
static whet_status take_short_line(machine *m, char *buf, size_t size)
{
    const char *line = NULL;
    size_t n = 0;
    WHET_TRY(take_line(m, &line, &n));
    if (n >= size) return WHET_FAIL(WHET_EFORMAT, "pickle: a number of %zu digits; the limit is %zu", n, size - 1);
    memcpy(buf, line, n);
    buf[n] = '\0';
    return WHET_OK;
}

static whet_status take_decimal(machine *m, char *buf, size_t size, int64_t *out)
{
    char *end = NULL;
    WHET_TRY(take_short_line(m, buf, size));
    errno = 0;
    *out = strtoll(buf, &end, 10);
    if (*end == 'L') end++;
    if (end == buf || *end || errno) return WHET_FAIL(WHET_EFORMAT, "pickle: '%.40s' is no whole number of 64 bits", buf);
    return WHET_OK;
}

/* --- stack */

static whet_status push(machine *m, whet_pickle_value *v)
{
    if (m->n == m->cap) {
        WHET_TRY(whet_pickle_spend(m->p, m->cap * sizeof(*m->stack)));
        if (!WHET_GROW(&m->stack, m->n, &m->cap)) return WHET_ENOMEM;
    }
    m->stack[m->n++] = v;
    return WHET_OK;
}

static whet_status need(const machine *m, size_t n)
{
    const size_t floor = m->n_marks ? m->marks[m->n_marks - 1] : 0;
    if (m->n - floor >= n) return WHET_OK;
    return WHET_FAIL(WHET_EFORMAT, "pickle: opcode 0x%02x needs %zu values on the stack, there are %zu", m->data[m->op], n, m->n - floor);
}

static whet_pickle_value *pop(machine *m) { return m->stack[--m->n]; }

static whet_status push_new(machine *m, whet_pickle_kind kind, whet_pickle_value **out)
{
    WHET_TRY(whet_pickle_value_create(m->p, kind, m->op, out));
    return push(m, *out);
}

/* What stands above the last mark; it and the mark leave the stack, but stay readable until the next push. */
static whet_status since_mark(machine *m, whet_pickle_value ***items, size_t *n)
{
    if (m->n_marks == 0) return WHET_FAIL(WHET_EFORMAT, "pickle: opcode 0x%02x finds no mark on the stack", m->data[m->op]);
    const size_t mark = m->marks[--m->n_marks];
    *items = m->stack + mark;
    *n = m->n - mark;
    m->n = mark;
    return WHET_OK;
}

/* --- opcodes; arg is the table's */

static whet_status op_proto(machine *m, unsigned arg)
{
    uint64_t version = 0;
    WHET_TRY(take_number(m, arg, &version));
    if (version > 5) return WHET_FAIL(WHET_EUNSUPPORTED, "pickle: protocol %u; 0 to 5 are read", (unsigned)version);
    return WHET_OK;
}

static whet_status op_frame(machine *m, unsigned arg)
{
    uint64_t n = 0;
    WHET_TRY(take_number(m, arg, &n));
    if (n > m->size - m->at)
        return WHET_FAIL(WHET_EFORMAT, "pickle: a frame of %llu bytes passes the end", (unsigned long long)n);
    return WHET_OK;
}

static whet_status op_stop(machine *m, unsigned arg)
{
    (void)arg;
    if (m->n != 1 || m->n_marks) return WHET_FAIL(WHET_EFORMAT, "pickle: ends with %zu values and %zu marks on the stack", m->n, m->n_marks);
    m->stopped = true;
    return WHET_OK;
}

static whet_status op_mark(machine *m, unsigned arg)
{
    (void)arg;
    if (m->n_marks == m->cap_marks) {
        WHET_TRY(whet_pickle_spend(m->p, WHET_MAX(m->cap_marks, 64) * sizeof(*m->marks)));
        if (!WHET_GROW(&m->marks, m->n_marks, &m->cap_marks)) return WHET_ENOMEM;
    }
    m->marks[m->n_marks++] = m->n;
    return WHET_OK;
}

static whet_status op_pop(machine *m, unsigned arg)
{
    (void)arg;
    if (m->n_marks && m->marks[m->n_marks - 1] == m->n) { /* POP takes a mark, too */
        m->n_marks--;
        return WHET_OK;
    }
    WHET_TRY(need(m, 1));
    pop(m);
    return WHET_OK;
}

static whet_status op_pop_mark(machine *m, unsigned arg)
{
    whet_pickle_value **items = NULL;
    size_t n = 0;
    (void)arg;
    return since_mark(m, &items, &n);
}

static whet_status op_dup(machine *m, unsigned arg)
{
    (void)arg;
    WHET_TRY(need(m, 1));
    return push(m, m->stack[m->n - 1]);
}

static whet_status op_none(machine *m, unsigned arg) { (void)arg; return push(m, &m->p->none); }

static whet_status op_bool(machine *m, unsigned arg) { return push(m, arg ? &m->p->yes : &m->p->no); }

static whet_status push_int(machine *m, int64_t x)
{
    whet_pickle_value *v = NULL;
    WHET_TRY(push_new(m, WHET_PICKLE_INT, &v));
    v->i = x;
    return WHET_OK;
}

static whet_status op_binint(machine *m, unsigned bytes)
{
    uint64_t x = 0;
    WHET_TRY(take_number(m, bytes, &x));
    return push_int(m, bytes == 4 ? (int32_t)(uint32_t)x : (int64_t)x);
}

static whet_status op_int(machine *m, unsigned arg)
{
    char text[64];
    int64_t x = 0;
    WHET_TRY(take_decimal(m, text, sizeof(text), &x));
    if (arg && (strcmp(text, "00") == 0 || strcmp(text, "01") == 0)) return op_bool(m, text[1] == '1');
    return push_int(m, x);
}

static whet_status op_long(machine *m, unsigned width)
{
    uint64_t n = 0, x = 0;
    const uint8_t *b = NULL;
    whet_pickle_value *v = NULL;
    void *copy = NULL;
    WHET_TRY(take_number(m, width, &n));
    if (n > WHET_PICKLE_MAX_LONG)
        return WHET_FAIL(WHET_EFORMAT, "pickle: an integer of %llu bytes; the limit is %d", (unsigned long long)n, WHET_PICKLE_MAX_LONG);
    WHET_TRY(take(m, n, &b));
    if (n <= 8) {
        for (size_t i = 0; i < n; i++) x |= (uint64_t)b[i] << (8 * i);
        if (n && n < 8 && b[n - 1] & 0x80) x |= ~(uint64_t)0 << (8 * n);
        return push_int(m, (int64_t)x);
    }
    WHET_TRY(push_new(m, WHET_PICKLE_LONG, &v));
    WHET_TRY(whet_pickle_alloc(m->p, (size_t)n, &copy));
    memcpy(copy, b, (size_t)n);
    v->text = copy;
    v->n = (size_t)n;
    return WHET_OK;
}

static whet_status push_float(machine *m, double x)
{
    whet_pickle_value *v = NULL;
    WHET_TRY(push_new(m, WHET_PICKLE_FLOAT, &v));
    v->f = x;
    return WHET_OK;
}

static whet_status op_float(machine *m, unsigned arg)
{
    char text[64], *end = NULL;
    (void)arg;
    WHET_TRY(take_short_line(m, text, sizeof(text)));
    const double x = strtod(text, &end);
    if (end == text || *end) return WHET_FAIL(WHET_EFORMAT, "pickle: '%.40s' is no number", text);
    return push_float(m, x);
}

static whet_status op_binfloat(machine *m, unsigned bytes)
{
    const uint8_t *b = NULL;
    uint64_t bits = 0;
    double x = 0;
    WHET_TRY(take(m, bytes, &b));
    for (unsigned i = 0; i < bytes; i++) bits = bits << 8 | b[i]; /* big-endian */
    memcpy(&x, &bits, sizeof(x));
    return push_float(m, x);
}

/* --- texts: the width of the length, and whether it must be a text */

enum { TEXT = 16, RAW = 32 };

static whet_status op_string(machine *m, unsigned arg)
{
    const uint8_t *b = NULL;
    uint64_t n = 0;
    whet_pickle_value *v = NULL;
    WHET_TRY(take_number(m, arg & 15, &n));
    WHET_TRY(take(m, n, &b));
    WHET_TRY(whet_pickle_string(m->p, b, (size_t)n, arg & TEXT, m->op, &v));
    if (arg & RAW) v->kind = WHET_PICKLE_BYTES;
    return push(m, v);
}

static whet_status op_line_string(machine *m, unsigned unicode)
{
    const char *line = NULL;
    size_t n = 0, length = 0;
    void *out = NULL;
    whet_pickle_value *v = NULL;
    WHET_TRY(take_line(m, &line, &n));
    WHET_TRY(whet_pickle_alloc(m->p, 2 * n + 4, &out));
    WHET_TRY(unicode ? whet_pickle_unescape(line, n, out, &length) : whet_pickle_unquote(line, n, out, &length));
    WHET_TRY(whet_pickle_string(m->p, out, length, unicode != 0, m->op, &v));
    return push(m, v);
}

/* --- containers */

static whet_status op_empty(machine *m, unsigned kind)
{
    whet_pickle_value *v = NULL;
    return push_new(m, (whet_pickle_kind)kind, &v);
}

static whet_status op_append(machine *m, unsigned arg)
{
    (void)arg;
    WHET_TRY(need(m, 2));
    whet_pickle_value *item = pop(m);
    return whet_pickle_append(m->p, m->stack[m->n - 1], item);
}

static whet_status op_appends(machine *m, unsigned arg)
{
    whet_pickle_value **items = NULL;
    size_t n = 0;
    (void)arg;
    WHET_TRY(since_mark(m, &items, &n));
    WHET_TRY(need(m, 1));
    for (size_t i = 0; i < n; i++) WHET_TRY(whet_pickle_append(m->p, m->stack[m->n - 1], items[i]));
    return WHET_OK;
}

static whet_status op_setitem(machine *m, unsigned arg)
{
    (void)arg;
    WHET_TRY(need(m, 3));
    whet_pickle_value *value = pop(m), *key = pop(m);
    return whet_pickle_set(m->p, m->stack[m->n - 1], key, value);
}

static whet_status set_pairs(machine *m, whet_pickle_value *dict, whet_pickle_value **items, size_t n)
{
    if (n % 2) return WHET_FAIL(WHET_EFORMAT, "pickle: a dict gets a key without a value");
    for (size_t i = 0; i < n; i += 2) WHET_TRY(whet_pickle_set(m->p, dict, items[i], items[i + 1]));
    return WHET_OK;
}

static whet_status op_setitems(machine *m, unsigned arg)
{
    whet_pickle_value **items = NULL;
    size_t n = 0;
    (void)arg;
    WHET_TRY(since_mark(m, &items, &n));
    WHET_TRY(need(m, 1));
    return set_pairs(m, m->stack[m->n - 1], items, n);
}

/* LIST, DICT, TUPLE: all since the mark as one */
static whet_status op_gather(machine *m, unsigned kind)
{
    whet_pickle_value **items = NULL, *v = NULL;
    size_t n = 0;
    WHET_TRY(since_mark(m, &items, &n));
    if (kind == WHET_PICKLE_TUPLE) {
        WHET_TRY(whet_pickle_tuple_create(m->p, items, n, m->op, &v));
        return push(m, v);
    }
    WHET_TRY(whet_pickle_value_create(m->p, (whet_pickle_kind)kind, m->op, &v));
    if (kind == WHET_PICKLE_DICT) WHET_TRY(set_pairs(m, v, items, n));
    for (size_t i = 0; kind == WHET_PICKLE_LIST && i < n; i++) WHET_TRY(whet_pickle_append(m->p, v, items[i]));
    return push(m, v);
}

static whet_status op_tuple(machine *m, unsigned n)
{
    whet_pickle_value *v = NULL;
    WHET_TRY(need(m, n));
    WHET_TRY(whet_pickle_tuple_create(m->p, m->stack + m->n - n, n, m->op, &v));
    m->n -= n;
    return push(m, v);
}

/* --- memo */

static whet_status put(machine *m, uint64_t i)
{
    WHET_TRY(need(m, 1));
    if (i >= m->size)
        return WHET_FAIL(WHET_EFORMAT, "pickle: memo entry %llu in a pickle of %zu bytes: a bomb", (unsigned long long)i, m->size);
    if (i >= m->cap_memo) {
        const size_t cap = WHET_MAX((size_t)i + 1, 2 * m->cap_memo + 64);
        WHET_TRY(whet_pickle_spend(m->p, (cap - m->cap_memo) * sizeof(*m->memo)));
        whet_pickle_value **memo = whet_realloc(m->memo, cap, sizeof(*memo));
        if (!memo) return WHET_ENOMEM;
        memset(memo + m->cap_memo, 0, (cap - m->cap_memo) * sizeof(*memo));
        m->memo = memo;
        m->cap_memo = cap;
    }
    if (!m->memo[i]) m->n_memo++;
    m->memo[i] = m->stack[m->n - 1];
    return WHET_OK;
}

static whet_status get(machine *m, uint64_t i)
{
    if (i >= m->cap_memo || !m->memo[i])
        return WHET_FAIL(WHET_EFORMAT, "pickle: memo entry %llu is read, but was never written", (unsigned long long)i);
    return push(m, m->memo[i]);
}

static whet_status memo_index(machine *m, unsigned width, uint64_t *i)
{
    char text[32];
    int64_t x = 0;
    if (width) return take_number(m, width, i);
    WHET_TRY(take_decimal(m, text, sizeof(text), &x));
    *i = (uint64_t)x; /* a negative one is out of range */
    return WHET_OK;
}

static whet_status op_put(machine *m, unsigned width)
{
    uint64_t i = 0;
    WHET_TRY(memo_index(m, width, &i));
    return put(m, i);
}

static whet_status op_get(machine *m, unsigned width)
{
    uint64_t i = 0;
    WHET_TRY(memo_index(m, width, &i));
    return get(m, i);
}

static whet_status op_memoize(machine *m, unsigned arg) { (void)arg; return put(m, m->n_memo); }

/* --- names, calls, persistent ids */

static whet_status take_global(machine *m, whet_pickle_value **out)
{
    const char *module = NULL, *name = NULL;
    size_t n_module = 0, n_name = 0;
    WHET_TRY(take_line(m, &module, &n_module));
    WHET_TRY(take_line(m, &name, &n_name));
    return whet_pickle_global_create(m->p, m->opt, module, n_module, name, n_name, m->op, out);
}

static whet_status op_global(machine *m, unsigned arg)
{
    whet_pickle_value *v = NULL;
    (void)arg;
    WHET_TRY(take_global(m, &v));
    return push(m, v);
}

static whet_status op_stack_global(machine *m, unsigned arg)
{
    whet_pickle_value *v = NULL;
    (void)arg;
    WHET_TRY(need(m, 2));
    const whet_pickle_value *name = pop(m), *module = pop(m);
    if (name->kind != WHET_PICKLE_TEXT || module->kind != WHET_PICKLE_TEXT) return WHET_FAIL(WHET_EFORMAT, "pickle: a module or name is no text");
    WHET_TRY(whet_pickle_global_create(m->p, m->opt, module->text, module->n, name->text, name->n, m->op, &v));
    return push(m, v);
}

/* REDUCE and NEWOBJ; arg 1: NEWOBJ_EX, with a dict of named arguments, which must be empty */
static whet_status op_call(machine *m, unsigned named)
{
    whet_pickle_value *v = NULL;
    WHET_TRY(need(m, 2 + named));
    const whet_pickle_value *more = named ? pop(m) : NULL;
    whet_pickle_value *args = pop(m), *callee = pop(m);
    if (more && (more->kind != WHET_PICKLE_DICT || more->n))
        return WHET_FAIL(WHET_EUNSUPPORTED, "pickle: a call with named arguments is refused; nothing was executed");
    WHET_TRY(whet_pickle_call(m->p, m->opt, callee, args, m->op, &v));
    return push(m, v);
}

/* INST (arg 0) has the name in the opcode, OBJ below its arguments. */
static whet_status op_instance(machine *m, unsigned obj)
{
    whet_pickle_value **items = NULL, *callee = NULL, *args = NULL, *v = NULL;
    size_t n = 0;
    if (!obj) WHET_TRY(take_global(m, &callee));
    WHET_TRY(since_mark(m, &items, &n));
    if (obj && n == 0) return WHET_FAIL(WHET_EFORMAT, "pickle: an object without a class");
    if (obj) callee = items[0];
    WHET_TRY(whet_pickle_tuple_create(m->p, items + obj, n - obj, m->op, &args));
    WHET_TRY(whet_pickle_call(m->p, m->opt, callee, args, m->op, &v));
    return push(m, v);
}

static whet_status op_build(machine *m, unsigned arg)
{
    char what[160];
    (void)arg;
    WHET_TRY(need(m, 2));
    const whet_pickle_value *state = pop(m);
    whet_pickle_value *v = m->stack[m->n - 1];
    const bool built = v->kind == WHET_PICKLE_DICT || (v->kind == WHET_PICKLE_CALL && m->opt->globals[v->callee->row].flags & WHET_PICKLE_BUILT);
    if (!built)
        return WHET_FAIL(WHET_EUNSUPPORTED, "pickle: setting the state of a %s is refused; nothing was executed",
                         whet_pickle_text(v, what, sizeof(what)));
    v->state = state;
    if (state->depth >= v->depth) v->depth = state->depth + 1;
    if (v->depth <= WHET_PICKLE_MAX_DEPTH) return WHET_OK;
    return WHET_FAIL(WHET_EFORMAT, "pickle: values are nested deeper than %d levels", WHET_PICKLE_MAX_DEPTH);
}

static whet_status push_persistent(machine *m, const whet_pickle_value *id)
{
    whet_pickle_value *v = NULL;
    WHET_TRY(push_new(m, WHET_PICKLE_PERSISTENT, &v));
    v->args = id;
    v->depth = id->depth;
    if (m->p->n_persistent == m->p->cap_persistent) WHET_TRY(whet_pickle_spend(m->p, WHET_MAX(m->p->cap_persistent, 16) * sizeof(id)));
    if (!WHET_GROW(&m->p->persistent, m->p->n_persistent, &m->p->cap_persistent)) return WHET_ENOMEM;
    m->p->persistent[m->p->n_persistent++] = v;
    return WHET_OK;
}

static whet_status op_persistent(machine *m, unsigned in_line)
{
    const char *line = NULL;
    size_t n = 0;
    whet_pickle_value *id = NULL;
    if (!in_line) {
        WHET_TRY(need(m, 1));
        return push_persistent(m, pop(m));
    }
    WHET_TRY(take_line(m, &line, &n));
    WHET_TRY(whet_pickle_string(m->p, line, n, true, m->op, &id));
    return push_persistent(m, id);
}

static whet_status op_refused(machine *m, unsigned arg)
{
    static const char *const what[] = {"an extension code, which names what only a registry knows", "a set", "a buffer outside of the pickle"};
    (void)m;
    return WHET_FAIL(WHET_EUNSUPPORTED, "pickle: %s is refused; nothing was executed", what[arg]);
}

static const struct opcode { whet_status (*fn)(machine *m, unsigned arg); unsigned arg; } opcodes[256] = {
    [0x80] = {op_proto, 1}, [0x95] = {op_frame, 8}, ['.'] = {op_stop, 0}, ['('] = {op_mark, 0}, ['0'] = {op_pop, 0},
    ['1'] = {op_pop_mark, 0}, ['2'] = {op_dup, 0}, ['N'] = {op_none, 0}, [0x88] = {op_bool, 1}, [0x89] = {op_bool, 0},
    ['I'] = {op_int, 1}, ['J'] = {op_binint, 4}, ['K'] = {op_binint, 1}, ['M'] = {op_binint, 2}, ['L'] = {op_int, 0},
    [0x8a] = {op_long, 1}, [0x8b] = {op_long, 4}, ['F'] = {op_float, 0}, ['G'] = {op_binfloat, 8},
    ['S'] = {op_line_string, 0}, ['V'] = {op_line_string, 1}, ['T'] = {op_string, 4}, ['U'] = {op_string, 1},
    ['X'] = {op_string, 4 | TEXT}, [0x8c] = {op_string, 1 | TEXT}, [0x8d] = {op_string, 8 | TEXT},
    ['B'] = {op_string, 4 | RAW}, ['C'] = {op_string, 1 | RAW}, [0x8e] = {op_string, 8 | RAW}, [0x96] = {op_string, 8 | RAW},
    [']'] = {op_empty, WHET_PICKLE_LIST}, ['}'] = {op_empty, WHET_PICKLE_DICT}, [')'] = {op_tuple, 0}, [0x85] = {op_tuple, 1},
    [0x86] = {op_tuple, 2}, [0x87] = {op_tuple, 3}, ['t'] = {op_gather, WHET_PICKLE_TUPLE}, ['l'] = {op_gather, WHET_PICKLE_LIST},
    ['d'] = {op_gather, WHET_PICKLE_DICT}, ['a'] = {op_append, 0}, ['e'] = {op_appends, 0}, ['s'] = {op_setitem, 0},
    ['u'] = {op_setitems, 0}, ['p'] = {op_put, 0}, ['q'] = {op_put, 1}, ['r'] = {op_put, 4}, [0x94] = {op_memoize, 0},
    ['g'] = {op_get, 0}, ['h'] = {op_get, 1}, ['j'] = {op_get, 4}, ['c'] = {op_global, 0}, [0x93] = {op_stack_global, 0},
    ['R'] = {op_call, 0}, [0x81] = {op_call, 0}, [0x92] = {op_call, 1}, ['i'] = {op_instance, 0}, ['o'] = {op_instance, 1},
    ['b'] = {op_build, 0}, ['Q'] = {op_persistent, 0}, ['P'] = {op_persistent, 1}, [0x82] = {op_refused, 0}, [0x83] = {op_refused, 0},
    [0x84] = {op_refused, 0}, [0x8f] = {op_refused, 1}, [0x90] = {op_refused, 1}, [0x91] = {op_refused, 1}, [0x97] = {op_refused, 2},
    [0x98] = {op_refused, 2},
};

static whet_status step(machine *m)
{
    if (m->at >= m->size) return WHET_FAIL(WHET_EFORMAT, "pickle: cut off: no end after %zu bytes", m->size);
    const uint8_t code = m->data[m->at++];
    const struct opcode *o = &opcodes[code];
    if (!o->fn) return WHET_FAIL(WHET_EFORMAT, "pickle: 0x%02x is no opcode", code);
    return o->fn(m, o->arg);
}

whet_status whet_pickle_read(whet_pickle **out, const void *data, size_t size, const char *name, const whet_pickle_options *opt,
                             size_t *used)
{
    machine m = {.data = data, .size = size, .opt = opt};
    whet_status status = WHET_ENOMEM;
    *out = NULL;
    m.p = whet_calloc(1, sizeof(*m.p));
    if (m.p) m.p->arena = whet_arena_create();
    m.cap = 64;
    m.stack = whet_calloc(m.cap, sizeof(*m.stack));
    if (!m.p || !m.p->arena || !m.stack) goto done;
    m.p->limit = size > (SIZE_MAX - MEMORY_SLACK) / 4 ? SIZE_MAX : 4 * size + MEMORY_SLACK;
    if (opt->memory) m.p->limit = WHET_MIN(m.p->limit, opt->memory);
    m.p->no.kind = m.p->yes.kind = WHET_PICKLE_BOOL;
    m.p->yes.i = 1;
    for (status = WHET_OK; status == WHET_OK && !m.stopped;) {
        m.op = (int64_t)m.at;
        status = step(&m);
    }
    if (status == WHET_OK && !used && m.at != size) {
        m.op = (int64_t)m.at;
        status = WHET_FAIL(WHET_EFORMAT, "pickle: %zu bytes behind the end", size - m.at);
    }
    if (status == WHET_OK) m.p->root = m.stack[0];
done:
    if (status != WHET_OK) {
        whet_error_at_file(name);
        whet_error_at_offset(opt->base + m.op);
        whet_pickle_free(m.p);
    } else {
        if (used) *used = m.at;
        *out = m.p;
    }
    whet_free(m.stack);
    whet_free(m.marks);
    whet_free(m.memo);
    return status;
}
