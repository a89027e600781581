/* SPDX-License-Identifier: Apache-2.0 */
/* A zip archive of one folder: version, data.pkl, constants.pkl, data/N, constants/N, code/. The pickles hold objects of the
 * file's own classes; these become records of their attributes. Source: torch/csrc/jit/serialization (pickler.h, unpickler.cpp)
 * and docs/serialization.md. */
#include <stdio.h>

#include "base/io.h"
#include "formats/mapped.h"
#include "formats/pytorch/torch_tensor.h"
#include "formats/torchscript/ts_archive.h"
#include "wire/pickle.h"

enum { MAX_VERSION = 10, MAX_GLOBALS = 128, MAX_OBJECT_DEPTH = 100, MAX_VALUES = 400000 };
#define COPY_SLACK ((size_t)24 << 20)

struct ts_archive {
    const char *name, *top;
    whet_zip *zip;
    whet_mapped *file;     /* keeps zip where tensors may be views; NULL: from memory */
    whet_buffer **buffers; /* by entry: storages that were asked for */
    size_t *sizes;
    size_t left;           /* bytes of memory that may still be taken */
};

static void close_zip(void *zip) { whet_zip_close(zip); }
static void release_file(void *file) { whet_mapped_unref(file); }
static void free_bytes(void *bytes) { whet_free(bytes); }

void ts_archive_close(ts_archive *a)
{
    if (!a) return;
    for (int i = 0; a->zip && a->buffers && i < whet_zip_count(a->zip); i++) whet_buffer_unref(a->buffers[i]);
    whet_free(a->buffers);
    whet_free(a->sizes);
    if (a->file) whet_mapped_unref(a->file);
    else whet_zip_close(a->zip);
    whet_free(a);
}

static int find(const ts_archive *a, const char *path) { return whet_zip_find_in(a->zip, a->top, path); }

static whet_status check_members(ts_archive *a)
{
    static const char *const needed[] = {"data.pkl", "constants.pkl"};
    const char *where = "version";
    char *text = NULL, *stop = NULL;
    size_t size = 0;
    a->top = whet_zip_top(a->zip);
    if (!a->top) return WHET_FAIL(WHET_EFORMAT, "the archive's entries do not lie in one folder");
    for (size_t i = 0; i < WHET_COUNT(needed); i++)
        if (find(a, needed[i]) < 0) return WHET_FAIL(WHET_EFORMAT, "'%s' is not in the archive", needed[i]);
    if (find(a, where) < 0) where = ".data/version"; /* later releases, of files that need a version over 3 */
    if (find(a, where) < 0) return WHET_FAIL(WHET_EFORMAT, "'version' is not in the archive");
    WHET_TRY(ts_archive_text(a, where, 64, &text, &size));
    long version = strtol(text, &stop, 10);
    bool number = stop != text && (*stop == '\0' || *stop == '\n');
    whet_free(text);
    if (!number) return WHET_FAIL(WHET_EFORMAT, "'version' holds no number");
    if (version < 1 || version > MAX_VERSION)
        return WHET_FAIL(WHET_EUNSUPPORTED, "version %ld of the format is not handled, 1 to %d are", version, MAX_VERSION);
    WHET_TRY(ts_archive_text(a, "byteorder", 64, &text, &size));
    bool big = text && strcmp(text, "big") == 0;
    whet_free(text);
    return big ? WHET_FAIL(WHET_EUNSUPPORTED, "big-endian tensors are not handled") : WHET_OK;
}

whet_status ts_archive_open(ts_archive **out, const char *path, const void *data, size_t size, const char *name)
{
    ts_archive *a = whet_calloc(1, sizeof(*a));
    whet_status status = WHET_ENOMEM;
    *out = NULL;
    if (!a) return WHET_ENOMEM;
    a->name = name;
    WHET_GOTO(path ? whet_zip_open(&a->zip, path) : whet_zip_open_mem(&a->zip, data, size, name));
    if (path) { /* closes the archive also on failure */
        whet_zip *zip = a->zip;
        a->zip = NULL;
        WHET_GOTO(whet_mapped_create(&a->file, close_zip, zip));
        a->zip = zip;
    }
    a->left = 2 * (path ? (size_t)WHET_MAX(whet_file_size(path), 0) : size) + COPY_SLACK;
    status = WHET_ENOMEM;
    a->buffers = whet_calloc((size_t)whet_zip_count(a->zip) + 1, sizeof(*a->buffers));
    a->sizes = whet_calloc((size_t)whet_zip_count(a->zip) + 1, sizeof(*a->sizes));
    if (!a->buffers || !a->sizes) goto done;
    WHET_GOTO(check_members(a));
    *out = a;
    a = NULL;
done:
    ts_archive_close(a);
    return status;
}

whet_status ts_archive_text(ts_archive *a, const char *path, size_t limit, char **text, size_t *size)
{
    whet_zip_bytes b;
    int i = find(a, path);
    *text = NULL;
    *size = 0;
    if (i < 0) return WHET_OK;
    if (whet_zip_at(a->zip, i)->size > limit) return WHET_FAIL(WHET_EFORMAT, "'%.200s' is larger than %zu bytes", path, limit);
    WHET_TRY(whet_zip_read(a->zip, i, &b));
    *text = whet_strndup((const char *)b.data, b.size);
    *size = b.size;
    whet_zip_bytes_free(&b);
    return *text ? WHET_OK : WHET_ENOMEM;
}

whet_status ts_archive_source(void *arg, const char *path, char **text, size_t *size)
{
    WHET_TRY(ts_archive_text(arg, path, TS_MAX_SOURCE, text, size));
    if (!*text) return WHET_FAIL(WHET_EFORMAT, "'%.300s' is not in the archive", path);
    return WHET_OK;
}

/* --- storages: <folder>/<key> */

typedef struct storages {
    ts_archive *a;
    const char *folder;
} storages;

static whet_status load_storage(ts_archive *a, int i)
{
    const whet_zip_entry *entry = whet_zip_at(a->zip, i);
    whet_zip_bytes b;
    whet_status status = WHET_OK;
    bool copy = !entry->stored || !a->file;
    if (copy && entry->size > a->left)
        return WHET_FAIL(WHET_EFORMAT, "'%.200s' takes %llu bytes, more than a file of this size may take: a bomb", entry->name, (unsigned long long)entry->size);
    if (copy) a->left -= (size_t)entry->size;
    WHET_TRY(whet_zip_read(a->zip, i, &b));
    a->sizes[i] = b.size;
    if (b.view && a->file) {
        status = whet_buffer_wrap(&a->buffers[i], (void *)(uintptr_t)b.data, b.size, release_file, a->file);
        if (status != WHET_OK) return status;
        whet_mapped_ref(a->file);
        whet_buffer_set_mapped(a->buffers[i]);
        return WHET_OK;
    }
    if (b.view) { /* of memory that the graph outlives */
        status = whet_buffer_create(&a->buffers[i], b.size + 1);
        if (status == WHET_OK) memcpy(whet_buffer_data(a->buffers[i]), b.data, b.size);
        return status;
    }
    status = whet_buffer_wrap(&a->buffers[i], (void *)(uintptr_t)b.data, b.size, free_bytes, (void *)(uintptr_t)b.data);
    if (status != WHET_OK) whet_zip_bytes_free(&b);
    return status;
}

static whet_status find_storage(void *arg, const torch_storage *s, whet_buffer **buffer, const uint8_t **data, size_t *bytes)
{
    const storages *from = arg;
    char path[300];
    int n = snprintf(path, sizeof(path), "%s/%s", from->folder, s->key);
    int i = n < (int)sizeof(path) ? find(from->a, path) : -1;
    if (i < 0) return WHET_FAIL(WHET_EFORMAT, "storage '%s/%.100s' is not in the archive", from->folder, s->key);
    if (!from->a->buffers[i]) WHET_TRY(load_storage(from->a, i));
    *buffer = from->a->buffers[i];
    *data = whet_buffer_data(*buffer);
    *bytes = from->a->sizes[i];
    return WHET_OK;
}

/* --- pickled values -> values of the evaluator */

typedef struct walk {
    ts_eval *e;
    whet_arena *arena;
    torch_source src;
    int depth, n_values, n_seen, cap_seen;
    struct seen { const whet_pickle_value *from; ts_value to; } *seen; /* objects and tensors that stand more than once */
} walk;

static whet_status convert(walk *w, const whet_pickle_value *v, const char *path, ts_value *out);

static struct seen *seen_slot(const walk *w, const whet_pickle_value *v)
{
    size_t i = ((uintptr_t)v / sizeof(*v)) * 2654435761u & (size_t)(w->cap_seen - 1);
    while (w->seen[i].from && w->seen[i].from != v) i = (i + 1) & (size_t)(w->cap_seen - 1);
    return &w->seen[i];
}

static whet_status remember(walk *w, const whet_pickle_value *v, ts_value to)
{
    if (2 * (w->n_seen + 1) > w->cap_seen) {
        walk more = *w;
        more.cap_seen = w->cap_seen ? 2 * w->cap_seen : 256;
        more.seen = whet_arena_alloc(w->arena, (size_t)more.cap_seen * sizeof(*more.seen));
        if (!more.seen) return WHET_ENOMEM;
        for (int i = 0; i < w->cap_seen; i++)
            if (w->seen[i].from) *seen_slot(&more, w->seen[i].from) = w->seen[i];
        *w = more;
    }
    struct seen *s = seen_slot(w, v);
    s->from = v;
    s->to = to;
    w->n_seen++;
    return WHET_OK;
}

static whet_status convert_tensor(walk *w, const whet_pickle_value *v, const char *path, ts_value *out)
{
    ts_weight *t = whet_arena_alloc(w->arena, sizeof(*t));
    if (!t) return WHET_ENOMEM;
    t->path = path;
    t->cell = (ts_cell){.vid = WHET_NO_VALUE, .weight = t, .base = &t->base};
    WHET_TRY(torch_tensor_build(&w->src, v, path, &t->data));
    t->next = w->e->weights;
    w->e->weights = t;
    *out = (ts_value){.kind = TSV_TENSOR, .as.cell = &t->cell};
    return remember(w, v, *out);
}

static whet_status join(walk *w, const char *path, const char *name, const char **out)
{
    size_t a = strlen(path), b = strlen(name);
    char *s = a + b < 1000 ? whet_arena_alloc(w->arena, a + b + 2) : NULL;
    if (!s) return a + b < 1000 ? WHET_ENOMEM : WHET_FAIL(WHET_EFORMAT, "the path of a module is too long");
    memcpy(s, path, a);
    if (a) s[a++] = '.';
    memcpy(s + a, name, b);
    *out = s;
    return WHET_OK;
}

static whet_status convert_object(walk *w, const whet_pickle_value *v, const char *path, ts_value *out)
{
    ts_object *o = whet_arena_alloc(w->arena, sizeof(*o));
    if (!o) return WHET_ENOMEM;
    *out = (ts_value){.kind = TSV_OBJECT, .as.object = o};
    o->path = path;
    WHET_TRY(join(w, v->callee->module, v->callee->text, &o->type));
    if (v->state && v->state->kind != WHET_PICKLE_DICT)
        return WHET_FAIL(WHET_EUNSUPPORTED, "the state of an object of class '%.200s' is no dictionary", o->type);
    size_t n = v->state ? v->state->n : 0;
    o->names = whet_arena_alloc(w->arena, (n + 1) * sizeof(*o->names));
    o->values = whet_arena_alloc(w->arena, (n + 1) * sizeof(*o->values));
    if (!o->names || !o->values) return WHET_ENOMEM;
    WHET_TRY(remember(w, v, *out));
    for (size_t i = 0; i < n; i++) {
        const whet_pickle_value *key = v->state->items[2 * i];
        const char *inner = NULL;
        if (key->kind != WHET_PICKLE_TEXT) return WHET_FAIL(WHET_EFORMAT, "an attribute of class '%.200s' has no name", o->type);
        o->names[o->n] = whet_arena_strdup(w->arena, key->text);
        if (!o->names[o->n]) return WHET_ENOMEM;
        WHET_TRY(join(w, path, key->text, &inner));
        WHET_TRY(convert(w, v->state->items[2 * i + 1], inner, &o->values[o->n]));
        o->n++;
    }
    return WHET_OK;
}

static whet_status convert_list(walk *w, const whet_pickle_value *v, const char *path, ts_value *out)
{
    size_t n = v->kind == WHET_PICKLE_DICT ? 2 * v->n : v->n;
    ts_list *l = whet_arena_alloc(w->arena, sizeof(*l));
    if (!l || n > MAX_VALUES || !(l->v = whet_arena_alloc(w->arena, (n + 1) * sizeof(*l->v))))
        return n > MAX_VALUES ? WHET_FAIL(WHET_EFORMAT, "a list of %zu values is too long", n) : WHET_ENOMEM;
    l->cap = (int)n + 1;
    *out = (ts_value){.kind = v->kind == WHET_PICKLE_TUPLE ? TSV_TUPLE : v->kind == WHET_PICKLE_LIST ? TSV_LIST : TSV_DICT, .as.list = l};
    for (size_t i = 0; i < n; i++) {
        char index[24];
        const char *inner = NULL;
        snprintf(index, sizeof(index), "%s%zu", strcmp(path, "CONSTANTS") == 0 ? "c" : "", i);
        WHET_TRY(join(w, path, index, &inner));
        WHET_TRY(convert(w, v->items[i], inner, &l->v[l->n++]));
    }
    return WHET_OK;
}

static whet_status convert_call(walk *w, const whet_pickle_value *v, const char *path, ts_value *out)
{
    bool own = v->callee->kind == WHET_PICKLE_GLOBAL && strncmp(v->callee->module, "__torch__", 9) == 0;
    if (w->cap_seen && seen_slot(w, v)->from) {
        *out = seen_slot(w, v)->to;
        return WHET_OK;
    }
    if (own && v->args->kind != WHET_PICKLE_TUPLE) return convert(w, v->args, path, out); /* of an enumeration: its value */
    if (own) return convert_object(w, v, path, out);
    if (torch_is_tensor(v)) return convert_tensor(w, v, path, out);
    /* build_intlist([..]), restore_type_tag([..], "List[int]") */
    bool tag = v->callee->kind == WHET_PICKLE_GLOBAL && strcmp(v->callee->module, "torch.jit._pickle") == 0;
    if (tag && v->args->kind == WHET_PICKLE_TUPLE && v->args->n >= 1) return convert(w, v->args->items[0], path, out);
    *out = ts_none(); /* a device */
    return WHET_OK;
}

static whet_status convert_plain(walk *w, const whet_pickle_value *v, const char *path, ts_value *out)
{
    switch (v->kind) {
    case WHET_PICKLE_NONE: *out = ts_none(); return WHET_OK;
    case WHET_PICKLE_BOOL: *out = ts_bool(v->i != 0); return WHET_OK;
    case WHET_PICKLE_INT: *out = ts_int(v->i); return WHET_OK;
    case WHET_PICKLE_FLOAT: *out = ts_float(v->f); return WHET_OK;
    case WHET_PICKLE_TEXT:
        *out = ts_text(whet_arena_strdup(w->arena, v->text));
        return out->as.s ? WHET_OK : WHET_ENOMEM;
    case WHET_PICKLE_TUPLE:
    case WHET_PICKLE_LIST:
    case WHET_PICKLE_DICT: return convert_list(w, v, path, out);
    case WHET_PICKLE_CALL: return convert_call(w, v, path, out);
    case WHET_PICKLE_LONG:
    case WHET_PICKLE_BYTES:
    case WHET_PICKLE_GLOBAL:
    case WHET_PICKLE_PERSISTENT: break;
    }
    char text[120];
    return WHET_FAIL(WHET_EUNSUPPORTED, "'%.200s' is a %s, which is not handled", path, whet_pickle_text(v, text, sizeof(text)));
}

static whet_status convert(walk *w, const whet_pickle_value *v, const char *path, ts_value *out)
{
    if (++w->n_values > MAX_VALUES) return WHET_FAIL(WHET_EFORMAT, "the module has more than %d values", MAX_VALUES);
    if (w->depth == MAX_OBJECT_DEPTH) return WHET_FAIL(WHET_EFORMAT, "modules are nested more than %d deep", MAX_OBJECT_DEPTH);
    w->depth++;
    whet_status status = convert_plain(w, v, path, out);
    w->depth--;
    return status;
}

static whet_status read_pickle(ts_archive *a, const char *entry, whet_pickle **out)
{
    whet_pickle_global globals[MAX_GLOBALS];
    whet_pickle_options opt = {.globals = globals, .allows = "tensors, containers and the file's own modules"};
    whet_zip_bytes b;
    for (size_t i = 0; i < torch_globals_count && opt.n_globals < MAX_GLOBALS - 3; i++) globals[opt.n_globals++] = torch_globals[i];
    globals[opt.n_globals++] = (whet_pickle_global){"torch.jit._pickle", "*", WHET_PICKLE_CALLED};
    globals[opt.n_globals++] = (whet_pickle_global){"__torch__*", "*", WHET_PICKLE_BUILT | WHET_PICKLE_CALLED | WHET_PICKLE_ANY};
    *out = NULL;
    WHET_TRY(whet_zip_read(a->zip, find(a, entry), &b));
    opt.base = b.view ? b.offset : 0; /* offsets in the file; of packed pickles, in the pickle */
    const whet_status status = whet_pickle_read(out, b.data, b.size, a->name, &opt, NULL);
    whet_zip_bytes_free(&b);
    return status;
}

static whet_status load_pickle(ts_archive *a, ts_eval *e, const char *entry, const char *folder, const char *path, ts_value *out)
{
    storages from = {a, folder};
    whet_pickle *p = NULL;
    walk w = {.e = e, .arena = e->keep, .src = {find_storage, &from, &a->left}};
    WHET_TRY(read_pickle(a, entry, &p));
    whet_status status = convert(&w, whet_pickle_root(p), path, out);
    whet_pickle_free(p);
    return status;
}

whet_status ts_archive_load(ts_archive *a, ts_eval *e, ts_object **root)
{
    ts_value v = {0}, constants = {0};
    WHET_TRY(load_pickle(a, e, "constants.pkl", "constants", "CONSTANTS", &constants));
    if (constants.kind != TSV_TUPLE && constants.kind != TSV_LIST) return WHET_FAIL(WHET_EFORMAT, "'constants.pkl' holds no tuple");
    e->constants = constants.as.list;
    WHET_TRY(load_pickle(a, e, "data.pkl", "data", "", &v));
    if (v.kind != TSV_OBJECT)
        return WHET_FAIL(WHET_EUNSUPPORTED, "'data.pkl' holds %s and no module of TorchScript; a state dict holds weights only", ts_kind_name(v.kind));
    *root = v.as.object;
    return WHET_OK;
}

/* Through restore_type_tag(value, "List[Any]") to the value. */
static const whet_pickle_value *untag(const whet_pickle_value *v)
{
    for (int i = 0; i < 4 && v && v->kind == WHET_PICKLE_CALL && v->callee->kind == WHET_PICKLE_GLOBAL &&
                    strcmp(v->callee->module, "torch.jit._pickle") == 0 && v->args->kind == WHET_PICKLE_TUPLE && v->args->n >= 1; i++)
        v = v->args->items[0];
    return v;
}

/* Type and sizes of a pickled tensor, whatever became of its storage. */
static bool parse_example(const whet_pickle_value *v, ts_example *x)
{
    torch_storage s;
    if (v->kind != WHET_PICKLE_CALL || !torch_is_tensor(v) || v->args->n < 4 || v->args->items[0]->kind != WHET_PICKLE_PERSISTENT) return false;
    const whet_pickle_value *sizes = v->args->items[2];
    if (torch_storage_parse(&s, v->args->items[0]) != WHET_OK || sizes->kind != WHET_PICKLE_TUPLE || sizes->n > WHET_MAX_RANK) return false;
    x->dtype = s.dtype;
    x->shape.rank = (int)sizes->n;
    for (size_t i = 0; i < sizes->n; i++) {
        if (sizes->items[i]->kind != WHET_PICKLE_INT || sizes->items[i]->i < 0) return false;
        x->shape.dims[i] = sizes->items[i]->i;
    }
    return s.dtype != WHET_DTYPE_NONE;
}

whet_status ts_archive_examples(ts_archive *a, int cap, ts_example *out, int *n)
{
    whet_pickle *p = NULL;
    *n = 0;
    if (find(a, "traced_inputs.pkl") < 0) return WHET_OK;
    WHET_TRY(read_pickle(a, "traced_inputs.pkl", &p));
    const whet_pickle_value *v = untag(whet_pickle_get(untag(whet_pickle_root(p)), "forward"));
    if (v && (v->kind == WHET_PICKLE_LIST || v->kind == WHET_PICKLE_TUPLE))
        while ((size_t)*n < v->n && *n < cap && parse_example(v->items[*n], &out[*n])) ++*n;
    whet_pickle_free(p);
    return WHET_OK;
}

void ts_weights_release(ts_weight *list)
{
    for (; list; list = list->next) whet_tensor_dispose(&list->data);
}
