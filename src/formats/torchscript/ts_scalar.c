/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of numbers, strings, lists and sizes: what scripted code uses for its checks and its shape arithmetic. Sizes
 * that are known only when running become nodes of the graph. */
#include <math.h>
#include <stdio.h>

#include "formats/torchscript/ts_eval.h"

enum { MAX_TEXT = 4096 };

static bool is_list(const ts_value *v) { return v->kind == TSV_LIST || v->kind == TSV_TUPLE; }

/* --- numbers */

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

typedef enum arith { ADD, SUB, MUL, DIV, FLOORDIV, MOD, POW, EQ, NE, LT, LE, GT, GE, AND, OR, MIN, MAX } arith;
static const struct { const char *name; arith op; } ariths[] = {
    {"add", ADD}, {"sub", SUB}, {"mul", MUL}, {"div", DIV}, {"floordiv", FLOORDIV}, {"floor_divide", FLOORDIV}, {"remainder", MOD},
    {"pow", POW}, {"eq", EQ}, {"ne", NE}, {"lt", LT}, {"le", LE}, {"gt", GT}, {"ge", GE}, {"__and__", AND}, {"__or__", OR},
    {"min", MIN}, {"max", MAX}};

static whet_status whole_arith(ts_eval *e, arith op, int64_t a, int64_t b, ts_value *out)
{
    int64_t r = 0;
    bool fits = true;
    if ((op == FLOORDIV || op == MOD) && (b == 0 || (a == INT64_MIN && b == -1))) return ts_fail(e, WHET_EFORMAT, "a division by zero");
    switch (op) {
    case ADD: fits = whet_add_i64(a, b, &r); break;
    case SUB: fits = !__builtin_sub_overflow(a, b, &r); break;
    case MUL: fits = whet_mul_i64(a, b, &r); break;
    case FLOORDIV: r = floor_div(a, b); break;
    case MOD: r = a - floor_div(a, b) * b; break;
    case AND: r = a & b; break;
    case OR: r = a | b; break;
    case MIN: r = WHET_MIN(a, b); break;
    case MAX: r = WHET_MAX(a, b); break;
    default: *out = ts_bool(op == EQ ? a == b : op == NE ? a != b : op == LT ? a < b : op == LE ? a <= b : op == GT ? a > b : a >= b); return WHET_OK;
    }
    *out = ts_int(r);
    return fits ? WHET_OK : ts_fail(e, WHET_EFORMAT, "a whole number overflows");
}

static ts_value real_arith(arith op, double a, double b)
{
    switch (op) {
    case ADD: return ts_float(a + b);
    case SUB: return ts_float(a - b);
    case MUL: return ts_float(a * b);
    case DIV: return ts_float(a / b);
    case FLOORDIV: return ts_float(floor(a / b));
    case MOD: return ts_float(a - floor(a / b) * b);
    case POW: return ts_float(pow(a, b));
    case MIN: return ts_float(fmin(a, b));
    case MAX: return ts_float(fmax(a, b));
    default: return ts_bool(op == EQ ? a == b : op == NE ? a != b : op == LT ? a < b : op == LE ? a <= b : op == GT ? a > b : a >= b);
    }
}

static whet_status size_arith(ts_eval *e, arith op, const ts_value *a, const ts_value *b, ts_value *out)
{
    static const char *const ops[] = {[ADD] = "Add", [SUB] = "Sub", [MUL] = "Mul", [FLOORDIV] = "Div", [MOD] = "Mod", [MAX] = "Max", [MIN] = "Min"};
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE, r = WHET_NO_VALUE;
    int64_t one = 0;
    if (op >= EQ && op <= GE) {
        ts_cond *c = whet_arena_alloc(e->arena, sizeof(*c));
        if (!c) return WHET_ENOMEM;
        const ts_value *size = a->kind == TSV_SIZE ? a : b, *other = a->kind == TSV_SIZE ? b : a;
        if (other->kind == TSV_SIZE && other->as.size == size->as.size) {
            *out = ts_bool(op == EQ || op == LE || op == GE);
            return WHET_OK;
        }
        *c = (ts_cond){.size = size->as.size, .number = -1, .equal = op == EQ};
        if (op == EQ || op == NE) (void)ts_whole(other, &c->number);
        *out = (ts_value){.kind = TSV_COND, .as.cond = c};
        return WHET_OK;
    }
    if (op >= WHET_COUNT(ops) || !ops[op]) return ts_fail(e, WHET_EUNSUPPORTED, "this arithmetic on a size that is known only when running is not handled");
    bool neutral = ts_whole(b, &one) && one == (op == ADD || op == SUB ? 0 : 1) && op != MOD && op != MAX && op != MIN;
    if (neutral) {
        *out = *a;
        return WHET_OK;
    }
    WHET_TRY(ts_size_vid(e, a, &x));
    WHET_TRY(ts_size_vid(e, b, &y));
    WHET_TRY(whet_graph_op1(e->g, ops[op], WHET_IN(x, y), WHET_NO_ATTRS, &r));
    *out = ts_size_value(e, r);
    return WHET_OK;
}

static whet_status texts(ts_eval *e, arith op, const char *a, const char *b, ts_value *out, bool *done)
{
    *done = op == ADD || op == EQ || op == NE;
    if (op == EQ || op == NE) *out = ts_bool((strcmp(a, b) == 0) == (op == EQ));
    if (op != ADD) return WHET_OK;
    size_t n = strlen(a), m = strlen(b);
    if (n + m > MAX_TEXT) return ts_fail(e, WHET_EFORMAT, "a string is too long");
    char *s = whet_arena_alloc(e->arena, n + m + 1);
    if (!s) return WHET_ENOMEM;
    memcpy(s, a, n);
    memcpy(s + n, b, m);
    *out = ts_text(s);
    return WHET_OK;
}

static whet_status concat(ts_eval *e, const ts_list *a, const ts_list *b, ts_kind kind, ts_value *out)
{
    WHET_TRY(ts_list_new(e, kind, a->n + b->n, out));
    for (int i = 0; i < a->n; i++) WHET_TRY(ts_list_add(e, out->as.list, a->v[i]));
    for (int i = 0; i < b->n; i++) WHET_TRY(ts_list_add(e, out->as.list, b->v[i]));
    return WHET_OK;
}

static bool equal(const ts_value *a, const ts_value *b)
{
    double x = 0, y = 0;
    if (a->kind == TSV_TEXT && b->kind == TSV_TEXT) return strcmp(a->as.s, b->as.s) == 0;
    if (ts_number(a, &x) && ts_number(b, &y)) return x == y;
    if (!is_list(a) || !is_list(b) || a->as.list->n != b->as.list->n) return a->kind == TSV_NONE && b->kind == TSV_NONE;
    for (int i = 0; i < a->as.list->n; i++)
        if (is_list(&a->as.list->v[i]) || !equal(&a->as.list->v[i], &b->as.list->v[i])) return false;
    return true;
}

static whet_status two(ts_eval *e, arith op, const ts_value *a, const ts_value *b, ts_value *out, bool *done)
{
    int64_t x = 0, y = 0;
    double u = 0, v = 0;
    bool tensors = (a->kind == TSV_TENSOR && b->kind == TSV_TENSOR && !a->as.cell->weight) || (a->kind == TSV_TENSOR && !ts_number(a, &u)) ||
                   (b->kind == TSV_TENSOR && !ts_number(b, &v));
    if (tensors || (a->kind == TSV_TENSOR && b->kind == TSV_TENSOR)) return WHET_OK;
    *done = true;
    if (op == DIV && ts_whole(a, &x) && ts_whole(b, &y) && (a->kind == TSV_TENSOR || b->kind == TSV_TENSOR) && y != 0 && x % y == 0) {
        *out = ts_float((double)x / (double)y);
        return WHET_OK;
    }
    if (a->kind == TSV_TEXT && b->kind == TSV_TEXT) return texts(e, op, a->as.s, b->as.s, out, done);
    if (is_list(a) && is_list(b)) {
        if (op == ADD) return concat(e, a->as.list, b->as.list, a->kind, out);
        *out = ts_bool(equal(a, b) == (op == EQ));
        *done = op == EQ || op == NE;
        return WHET_OK;
    }
    if (a->kind == TSV_SIZE || b->kind == TSV_SIZE) return size_arith(e, op, a, b, out);
    bool logic = (op == AND || op == OR) && a->kind == TSV_BOOL && b->kind == TSV_BOOL;
    if (logic) {
        *out = ts_bool(op == AND ? a->as.b && b->as.b : a->as.b || b->as.b);
        return WHET_OK;
    }
    if (op != DIV && op != POW && ts_whole(a, &x) && ts_whole(b, &y)) return whole_arith(e, op, x, y, out);
    *done = ts_number(a, &u) && ts_number(b, &v);
    if (*done) *out = real_arith(op, u, v);
    return WHET_OK;
}

static whet_status one(ts_eval *e, const char *name, const ts_value *a, ts_value *out, bool *done)
{
    int64_t i = 0;
    double x = 0;
    bool b = false;
    *done = true;
    if (strcmp(name, "__not__") == 0 && ts_truth(a, &b)) *out = ts_bool(!b);
    else if (strcmp(name, "__not__") == 0 && a->kind == TSV_COND) {
        ts_cond *c = whet_arena_alloc(e->arena, sizeof(*c));
        if (!c) return WHET_ENOMEM;
        *c = *a->as.cond;
        c->equal = !c->equal;
        *out = (ts_value){.kind = TSV_COND, .as.cond = c};
    } else if (a->kind == TSV_TENSOR) *done = false;
    else if (strcmp(name, "neg") == 0 && ts_whole(a, &i) && i != INT64_MIN) *out = ts_int(-i);
    else if (strcmp(name, "neg") == 0 && ts_number(a, &x)) *out = ts_float(-x);
    else if ((strcmp(name, "floor") == 0 || strcmp(name, "ceil") == 0 || strcmp(name, "round") == 0) && ts_number(a, &x)) {
        x = *name == 'f' ? floor(x) : *name == 'c' ? ceil(x) : nearbyint(x);
        if (!(fabs(x) < 9e18)) return ts_fail(e, WHET_EFORMAT, "a whole number overflows");
        *out = ts_int((int64_t)x);
    } else if (strcmp(name, "sqrt") == 0 && ts_number(a, &x)) *out = ts_float(sqrt(x));
    else *done = false;
    return WHET_OK;
}

/* --- lists, dictionaries, strings */

static whet_status text_of(ts_eval *e, const ts_value *v, char *out, size_t size)
{
    double x = 0;
    int64_t i = 0;
    (void)e;
    if (v->kind == TSV_TEXT) snprintf(out, size, "%.200s", v->as.s);
    else if (ts_whole(v, &i)) snprintf(out, size, "%lld", (long long)i);
    else if (ts_number(v, &x)) snprintf(out, size, "%g", x);
    else snprintf(out, size, "%s", ts_kind_name(v->kind));
    return WHET_OK;
}

/* "expected 4D input (got {}D input)": only ever the text of an exception. */
static whet_status format(ts_eval *e, int n, const ts_value *arg, ts_value *out)
{
    char text[1024] = "";
    size_t at = 0;
    int k = 1;
    for (const char *p = arg[0].as.s; *p && at + 256 < sizeof(text); p++) {
        if (p[0] == '{' && p[1] == '}') {
            if (k < n) WHET_TRY(text_of(e, &arg[k++], text + at, 256));
            at += strlen(text + at);
            p++;
        } else {
            text[at++] = *p;
        }
    }
    *out = ts_text(whet_arena_strndup(e->arena, text, at));
    return out->as.s ? WHET_OK : WHET_ENOMEM;
}

static ts_value *entry_of(const ts_value *dict, const ts_value *key)
{
    for (int i = 0; i + 1 < dict->as.list->n; i += 2)
        if (equal(&dict->as.list->v[i], key)) return &dict->as.list->v[i + 1];
    return NULL;
}

static whet_status position(ts_eval *e, const ts_list *l, const ts_value *at, int *out)
{
    int64_t i = 0;
    if (!ts_whole(at, &i)) return ts_fail(e, WHET_EUNSUPPORTED, "%s as an index is not handled", ts_kind_name(at->kind));
    if (i < 0) i += l->n;
    if (i < 0 || i >= l->n) return ts_fail(e, WHET_EFORMAT, "index %lld is outside of a list of %d", (long long)i, l->n);
    *out = (int)i;
    return WHET_OK;
}

whet_status ts_index(ts_eval *e, const ts_value *base, const ts_value *at, ts_value *out)
{
    int i = 0;
    if (base->kind == TSV_DICT) {
        const ts_value *v = entry_of(base, at);
        if (!v) return ts_fail(e, WHET_EFORMAT, "a dictionary has no such key");
        *out = *v;
        return WHET_OK;
    }
    if (!is_list(base)) return ts_fail(e, WHET_EUNSUPPORTED, "an index into %s is not handled", ts_kind_name(base->kind));
    WHET_TRY(position(e, base->as.list, at, &i));
    *out = base->as.list->v[i];
    return WHET_OK;
}

whet_status ts_slice(ts_eval *e, const ts_value *base, const ts_value *from, const ts_value *to, ts_value *out)
{
    int64_t a = 0, b = INT64_MAX;
    if (!is_list(base)) return ts_fail(e, WHET_EUNSUPPORTED, "a slice of %s is not handled", ts_kind_name(base->kind));
    const ts_list *l = base->as.list;
    if ((from->kind != TSV_NONE && from->kind != TSV_UNSET && !ts_whole(from, &a)) || (to->kind != TSV_NONE && to->kind != TSV_UNSET && !ts_whole(to, &b)))
        return ts_fail(e, WHET_EUNSUPPORTED, "a slice with bounds that are known only when running is not handled");
    if (a < 0) a = WHET_MAX(a + l->n, 0);
    if (b < 0) b = WHET_MAX(b + l->n, 0);
    b = WHET_MIN(b, l->n);
    WHET_TRY(ts_list_new(e, base->kind, a < b ? (int)(b - a) : 0, out));
    for (int64_t i = a; i < b; i++) WHET_TRY(ts_list_add(e, out->as.list, l->v[i]));
    return WHET_OK;
}

static whet_status set_item(ts_eval *e, const ts_value *arg, ts_value *out)
{
    int i = 0;
    *out = ts_none();
    if (arg[0].kind == TSV_LIST) {
        WHET_TRY(position(e, arg[0].as.list, &arg[1], &i));
        arg[0].as.list->v[i] = arg[2];
        return WHET_OK;
    }
    ts_value *v = entry_of(&arg[0], &arg[1]);
    if (v) {
        *v = arg[2];
        return WHET_OK;
    }
    WHET_TRY(ts_list_add(e, arg[0].as.list, arg[1]));
    return ts_list_add(e, arg[0].as.list, arg[2]);
}

static whet_status containers(ts_eval *e, const char *name, int n, const ts_value *arg, ts_value *out, bool *done)
{
    bool dict = arg[0].kind == TSV_DICT, list = is_list(&arg[0]);
    *done = true;
    if (strcmp(name, "len") == 0 && (list || dict)) *out = ts_int(arg[0].as.list->n / (dict ? 2 : 1));
    else if (strcmp(name, "len") == 0 && arg[0].kind == TSV_TEXT) *out = ts_int((int64_t)strlen(arg[0].as.s));
    else if (strcmp(name, "append") == 0 && n == 2 && arg[0].kind == TSV_LIST) {
        *out = arg[0];
        return ts_list_add(e, arg[0].as.list, arg[1]);
    } else if (strcmp(name, "extend") == 0 && n == 2 && arg[0].kind == TSV_LIST && is_list(&arg[1])) {
        const ts_list l = *arg[1].as.list;
        *out = ts_none();
        for (int i = 0; i < l.n; i++) WHET_TRY(ts_list_add(e, arg[0].as.list, l.v[i]));
    } else if (strcmp(name, "_set_item") == 0 && n == 3 && (dict || arg[0].kind == TSV_LIST)) return set_item(e, arg, out);
    else if (strcmp(name, "__contains__") == 0 && n == 2 && dict) *out = ts_bool(entry_of(&arg[0], &arg[1]) != NULL);
    else if (strcmp(name, "__contains__") == 0 && n == 2 && list) {
        *out = ts_bool(false);
        for (int i = 0; i < arg[0].as.list->n; i++)
            if (equal(&arg[0].as.list->v[i], &arg[1])) *out = ts_bool(true);
    } else if (strcmp(name, "__getitem__") == 0 && n == 2 && (list || dict)) return ts_index(e, &arg[0], &arg[1], out);
    else if (strcmp(name, "slice") == 0 && list && (n < 4 || (arg[3].kind == TSV_INT && arg[3].as.i == 1)))
        return ts_slice(e, &arg[0], n > 1 ? &arg[1] : &(ts_value){.kind = TSV_NONE}, n > 2 ? &arg[2] : &(ts_value){.kind = TSV_NONE}, out);
    else if ((strcmp(name, "list") == 0 || strcmp(name, "copy") == 0) && n == 1 && list)
        return concat(e, arg[0].as.list, &(ts_list){0}, TSV_LIST, out);
    else if (strcmp(name, "format") == 0 && arg[0].kind == TSV_TEXT) return format(e, n, arg, out);
    else *done = false;
    return WHET_OK;
}

/* Whether two values are the same thing; only None is asked for in practice. */
static whet_status identity(const char *name, const ts_value *arg, ts_value *out, bool *done)
{
    bool same = arg[0].kind == TSV_NONE && arg[1].kind == TSV_NONE;
    *done = arg[0].kind == TSV_NONE || arg[1].kind == TSV_NONE;
    *out = ts_bool(same == (strcmp(name, "__is__") == 0));
    return WHET_OK;
}

whet_status ts_scalar_call(ts_eval *e, const char *name, int n, const ts_value *given, ts_value *out, bool *done)
{
    ts_value pair[2];
    const ts_value *arg = given;
    if (n == 2 && (given[0].kind == TSV_PATH || given[1].kind == TSV_PATH)) {
        memcpy(pair, given, sizeof(pair));
        WHET_TRY(ts_enum_value(e, &pair[0]));
        WHET_TRY(ts_enum_value(e, &pair[1]));
        arg = pair;
    }
    *done = n == 0 && strcmp(name, "dict") == 0;
    if (*done) return ts_list_new(e, TSV_DICT, 0, out);
    if (n >= 1) WHET_TRY(containers(e, name, n, arg, out, done));
    if (*done) return WHET_OK;
    if (n == 1) return one(e, name, &arg[0], out, done);
    if (n < 2 || n > 3) return WHET_OK;
    if (n == 2 && (strcmp(name, "__is__") == 0 || strcmp(name, "__isnot__") == 0)) return identity(name, arg, out, done);
    if (n == 3) { /* div(a, b, rounding_mode="floor") */
        bool floors = strcmp(name, "div") == 0 && arg[2].kind == TSV_TEXT && (strcmp(arg[2].as.s, "floor") == 0 || strcmp(arg[2].as.s, "trunc") == 0);
        return floors ? two(e, FLOORDIV, &arg[0], &arg[1], out, done) : WHET_OK;
    }
    for (size_t i = 0; i < WHET_COUNT(ariths); i++)
        if (strcmp(ariths[i].name, name) == 0) return two(e, ariths[i].op, &arg[0], &arg[1], out, done);
    return WHET_OK;
}

/* --- int(), range(), ops.prim.* */

static whet_status range(ts_eval *e, int n, const ts_value *arg, ts_value *out)
{
    int64_t b[3] = {0, 0, 1};
    for (int i = 0; i < n; i++)
        if (!ts_whole(&arg[i], n == 1 ? &b[1] : &b[i]))
            return ts_fail(e, WHET_EUNSUPPORTED, "a loop whose length is known only when running is not handled");
    if (b[2] == 0) return ts_fail(e, WHET_EFORMAT, "a range with step 0");
    WHET_TRY(ts_list_new(e, TSV_LIST, 0, out));
    for (int64_t i = b[0]; b[2] > 0 ? i < b[1] : i > b[1];) {
        WHET_TRY(ts_list_add(e, out->as.list, ts_int(i)));
        if (!whet_add_i64(i, b[2], &i)) break;
    }
    return WHET_OK;
}

static whet_status convert(ts_eval *e, char to, const ts_value *v, ts_value *out)
{
    double x = 0;
    int64_t i = 0;
    *out = *v;
    if (v->kind == TSV_SIZE && to == 'i') return WHET_OK;
    if (v->kind == TSV_COND && to == 'b') return WHET_OK;
    if (to == 'i' && ts_whole(v, &i)) *out = ts_int(i);
    else if (v->kind == TSV_TEXT && to == 'f' && strstr(v->as.s, "inf")) *out = ts_float(*v->as.s == '-' ? -(double)INFINITY : (double)INFINITY);
    else if (!ts_number(v, &x)) return ts_fail(e, WHET_EUNSUPPORTED, "%s as a number is known only when running, which is not handled", ts_kind_name(v->kind));
    else if (to == 'f') *out = ts_float(x);
    else if (to == 'b') *out = ts_bool(x != 0);
    else if (fabs(x) < 9e18) *out = ts_int((int64_t)x);
    else return ts_fail(e, WHET_EFORMAT, "a whole number overflows");
    return WHET_OK;
}

static whet_status extremum(ts_eval *e, const char *name, int n, const ts_value *arg, ts_value *out)
{
    const ts_list l = n == 1 && is_list(&arg[0]) ? *arg[0].as.list : (ts_list){.n = n, .v = (ts_value *)(uintptr_t)arg};
    bool done = true;
    if (l.n == 0) return ts_fail(e, WHET_EFORMAT, "the %s of nothing", name);
    *out = l.v[0];
    for (int i = 1; i < l.n && done; i++) WHET_TRY(two(e, *name == 'm' && name[1] == 'i' ? MIN : MAX, out, &l.v[i], out, &done));
    return done ? WHET_OK : ts_fail(e, WHET_EUNSUPPORTED, "operator 'ops.prim.%s' of these values is not handled", name);
}

whet_status ts_prim_call(ts_eval *e, const char *name, int n, const ts_value *arg, ts_value *out)
{
    static const char *const same[] = {"NumToTensor", "unchecked_unwrap_optional", "data", "unchecked_cast"};
    static const char *const no[] = {"is_cuda", "is_nested", "is_quantized", "requires_grad", "is_mkldnn", "is_sparse"};
    if (n >= 1)
        for (size_t i = 0; i < WHET_COUNT(same); i++)
            if (strcmp(same[i], name) == 0) {
                *out = arg[0];
                return WHET_OK;
            }
    for (size_t i = 0; i < WHET_COUNT(no); i++)
        if (strcmp(no[i], name) == 0) {
            *out = ts_bool(false);
            return WHET_OK;
        }
    if (n == 1 && (strcmp(name, "int") == 0 || strcmp(name, "float") == 0 || strcmp(name, "bool") == 0)) return convert(e, *name, &arg[0], out);
    if (strcmp(name, "range") == 0 && n >= 1 && n <= 3) return range(e, n, arg, out);
    if ((strcmp(name, "min") == 0 || strcmp(name, "max") == 0) && n >= 1) return extremum(e, name, n, arg, out);
    if (strcmp(name, "RaiseException") == 0)
        return ts_fail(e, WHET_ESHAPE, "the model's own check fails: %.300s", n >= 1 && arg[0].kind == TSV_TEXT ? arg[0].as.s : "no text");
    if (strcmp(name, "dtype") == 0 || strcmp(name, "device") == 0 || strcmp(name, "layout") == 0) {
        *out = ts_none();
        return WHET_OK;
    }
    return ts_fail(e, WHET_EUNSUPPORTED, "operator 'ops.prim.%.100s' is not handled", name);
}
