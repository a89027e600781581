/* SPDX-License-Identifier: Apache-2.0 */
/* The table of tuned products: keys, look-up at binding, hash, and its file. Keys say everything that the choice may depend
 * on and nothing else: no thread count, no load, no time. */
#include "exec/exec_tune.h"

#include "base/cpu.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "exec/exec_tune_private.h"
#include "wire/json.h"

enum { FILE_FORMAT = 1 };

/* --- keys */
bool whet_tunable_(const char *op)
{
    int rows = 0;
    for (int i = 0; i < whet_cpu_impl_count(); i++) {
        const whet_cpu_impl *x = whet_cpu_impl_at(i);
        rows += (x->provider & (WHET_PROVIDER_OWN | WHET_PROVIDER_ONEDNN)) != 0 && strcmp(x->op, op) == 0;
    }
    return rows > 1;
}

static void put_attr(whet_strbuf *b, const whet_attr *a)
{
    whet_strbuf_printf(b, " %s=", a->name);
    if (a->type == WHET_ATTR_INT) whet_strbuf_printf(b, "%lld", (long long)a->i);
    if (a->type == WHET_ATTR_FLOAT) whet_strbuf_printf(b, "%.9g", (double)a->f);
    if (a->type == WHET_ATTR_STRING) whet_strbuf_puts(b, a->s);
    for (int i = 0; a->type == WHET_ATTR_INTS && i < a->n; i++) whet_strbuf_printf(b, i > 0 ? ",%lld" : "%lld", (long long)a->ints[i]);
    for (int i = 0; a->type == WHET_ATTR_FLOATS && i < a->n; i++) whet_strbuf_printf(b, i > 0 ? ",%.9g" : "%.9g", (double)a->floats[i]);
}

static void put_arg(whet_strbuf *b, const whet_cpu_arg *a)
{
    char shape[160];
    if (a->vid < 0) {
        whet_strbuf_puts(b, " -");
        return;
    }
    whet_strbuf_printf(b, " %s:%s%s%s", whet_dtype_name(a->dtype), whet_shape_text(&a->shape, shape, sizeof shape),
                       a->layout == WHET_NHWC ? ":nhwc" : "", a->constant ? ":const" : "");
}

/* "Conv isa=1f providers=f f32:1x8x4x4:nhwc f32:8x8x3x3:const -> f32:1x8x4x4:nhwc group=1 pads=1,1,1,1" */
char *whet_tuning_key_(const whet_plan *p, const plan_step *s)
{
    const whet_cpu_node *k = &s->k;
    char op[128];
    whet_strbuf b;
    whet_strbuf_init(&b);
    whet_op_text(k->n->op, op, sizeof op);
    whet_strbuf_printf(&b, "%s isa=%x providers=%x", op, k->isa, p->e->opt.providers);
    for (int i = 0; i < k->n_in; i++) put_arg(&b, &k->in[i]);
    whet_strbuf_puts(&b, " ->");
    for (int i = 0; i < k->n_out; i++) put_arg(&b, &k->out[i]);
    for (int i = 0; i < k->n->n_attr; i++)
        if (strcmp(k->n->attr[i].name, "of") != 0) put_attr(&b, &k->n->attr[i]); /* names a node: changes nothing here */
    return whet_strbuf_take(&b);
}

/* --- the table */
tuned *whet_tuning_find_(const whet_tuning *t, const char *key)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->items[i].key, key) == 0) return &t->items[i];
    return NULL;
}

static void dispose(tuned *x)
{
    whet_free(x->key);
    whet_free(x->row);
    whet_free(x->first);
    whet_free(x->rival);
}

whet_status whet_tuning_add_(whet_tuning *t, const tuned *x)
{
    tuned y = *x;
    if (!WHET_GROW(&t->items, t->n, &t->cap)) return WHET_ENOMEM;
    y.key = whet_strdup(x->key);
    y.row = whet_strdup(x->row);
    y.first = whet_strdup(x->first);
    y.rival = whet_strdup(x->rival);
    if (y.key == NULL || y.row == NULL || y.first == NULL || y.rival == NULL) {
        dispose(&y);
        return WHET_ENOMEM;
    }
    t->items[t->n++] = y;
    return WHET_OK;
}

void whet_tuning_free(whet_tuning *t)
{
    if (t == NULL) return;
    for (size_t i = 0; i < t->n; i++) dispose(&t->items[i]);
    whet_free(t->items);
    whet_free(t->path);
    whet_free(t);
}

static const whet_cpu_impl *row_named(const char *op, const char *name)
{
    for (int i = 0; i < whet_cpu_impl_count(); i++) {
        const whet_cpu_impl *x = whet_cpu_impl_at(i);
        if ((x->provider & (WHET_PROVIDER_OWN | WHET_PROVIDER_ONEDNN)) != 0 && strcmp(x->op, op) == 0 && strcmp(x->name, name) == 0) return x;
    }
    return NULL;
}

static whet_status reason_of(const tuned *x, whet_arena *text, const char **reason)
{
    char line[160];
    const char *kept = strcmp(x->row, x->first) == 0 ? "first that accepts, " : "";
    if (x->rival[0] == '\0') return WHET_OK; /* nothing to compare with: the static reason stands */
    snprintf(line, sizeof line, "tuned: %s%.2fx of %s", kept, x->gain, x->rival);
    *reason = whet_arena_strdup(text, line);
    return *reason != NULL ? WHET_OK : WHET_ENOMEM;
}

whet_status whet_tuning_row_(const whet_tuning *t, whet_plan *p, const plan_step *s, const char *op, const whet_cpu_impl **row,
                             const char **reason)
{
    *row = NULL;
    if (!whet_tunable_(op)) return WHET_OK;
    if (t->prefer != NULL) {
        *row = row_named(op, t->prefer);
        return WHET_OK;
    }
    char *key = whet_tuning_key_(p, s);
    if (key == NULL) return WHET_ENOMEM;
    const tuned *x = whet_tuning_find_(t, key);
    whet_free(key);
    if (x == NULL || !x->used) return WHET_OK;
    *row = row_named(op, x->row);
    return *row != NULL ? reason_of(x, p->text, reason) : WHET_OK;
}

/* --- what came of it */
static bool changed(const tuned *x)
{
    return x->used && strcmp(x->row, x->first) != 0;
}

/* Of the choices that differ from the static ones, in the order of their keys. */
static void hash_of(const whet_tuning *t, char out[65])
{
    whet_sha256 sha;
    const char *last = "";
    whet_sha256_init(&sha);
    for (;;) {
        const tuned *next = NULL;
        for (size_t i = 0; i < t->n; i++) {
            const tuned *x = &t->items[i];
            if (changed(x) && strcmp(x->key, last) > 0 && (next == NULL || strcmp(x->key, next->key) < 0)) next = x;
        }
        if (next == NULL) break;
        whet_sha256_add(&sha, next->key, strlen(next->key) + 1);
        whet_sha256_add(&sha, next->row, strlen(next->row) + 1);
        last = next->key;
    }
    whet_sha256_hex(&sha, out);
}

void whet_tuning_sum(const whet_tuning *t, whet_tuning_summary *s)
{
    *s = (whet_tuning_summary){.seconds = t->seconds};
    for (size_t i = 0; i < t->n; i++) {
        const tuned *x = &t->items[i];
        if (!x->used || x->rival[0] == '\0') continue;
        s->products++;
        s->measured += x->fresh;
        s->changed += changed(x);
    }
    hash_of(t, s->hash);
}

whet_status whet_tuning_json(const whet_tuning *t, char **json)
{
    whet_tuning_summary s;
    whet_tuning_sum(t, &s);
    json_t *o = json_pack("{s:s, s:i, s:i, s:i, s:f, s:s}", "hash", s.hash, "products", s.products, "measured", s.measured, "changed",
                          s.changed, "seconds", s.seconds, "file", t->path);
    *json = o != NULL ? whet_json_text(o, 0) : NULL;
    json_decref(o);
    return *json != NULL ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "out of memory for what tuning came to");
}

void whet_tuning_tell(const whet_tuning *t)
{
    whet_tuning_summary s;
    whet_tuning_sum(t, &s);
    whet_log(WHET_LOG_INFO, "tuned: %d of %d products measured in %.1f s, %d not by the static choice, table %.12s", s.measured,
             s.products, s.seconds, s.changed, s.hash);
    for (size_t i = 0; i < t->n; i++) {
        const tuned *x = &t->items[i];
        if (x->fresh && changed(x)) whet_log(WHET_LOG_DEBUG, "tuned: %s, %.2fx of %s: %s", x->row, x->gain, x->rival, x->key);
    }
}

/* --- the file */
static char *user_path(void)
{
    char model[256], hex[65];
    whet_sha256 sha;
    char *dir = whet_cache_dir(), *name = NULL, *path = NULL;
    whet_cpu_model(model, (int)sizeof model);
    whet_sha256_init(&sha);
    whet_sha256_add(&sha, model, strlen(model));
    whet_sha256_hex(&sha, hex);
    name = whet_format("tune-%.12s.json", hex);
    if (dir != NULL && name != NULL) path = whet_path_join(dir, name);
    whet_free(dir);
    whet_free(name);
    return path;
}

static const char *wrong_head(const json_t *doc)
{
    char model[256];
    whet_cpu_model(model, (int)sizeof model);
    if (json_integer_value(json_object_get(doc, "format")) != FILE_FORMAT) return "of another format";
    if (strcmp(whet_json_str(doc, "version"), WHET_VERSION) != 0) return "of another version";
    if (strcmp(whet_json_str(doc, "cpu"), model) != 0) return "of another CPU";
    return json_is_array(json_object_get(doc, "products")) ? NULL : "damaged";
}

static whet_status add_stored(whet_tuning *t, const json_t *o, const char **fault)
{
    tuned x = {.gain = whet_json_real(o, "gain")};
    static const char *const names[] = {"key", "row", "first", "rival"};
    char **const at[] = {&x.key, &x.row, &x.first, &x.rival};
    for (size_t i = 0; i < WHET_COUNT(names); i++) {
        const json_t *v = json_object_get(o, names[i]);
        if (!json_is_string(v) || (i < 3 && json_string_length(v) == 0)) *fault = "damaged";
        *at[i] = (char *)(uintptr_t)whet_json_str(o, names[i]);
    }
    if (!(x.gain >= 0 && x.gain < 1e6)) *fault = "damaged";
    if (*fault != NULL || whet_tuning_find_(t, x.key) != NULL) return WHET_OK;
    return whet_tuning_add_(t, &x);
}

/* Entries that the table lacks. A file that is not to be used is told and left. */
static whet_status read_file(whet_tuning *t, bool tell)
{
    whet_status status = WHET_OK;
    json_t *doc = NULL;
    const char *fault = NULL;
    const size_t had = t->n;
    if (!whet_file_exists(t->path)) return WHET_OK;
    status = whet_json_read(&doc, t->path);
    if (status == WHET_ENOMEM) return status;
    fault = status != WHET_OK ? "damaged" : wrong_head(doc);
    whet_error_clear();
    status = WHET_OK;
    const json_t *list = json_object_get(doc, "products");
    for (size_t i = 0; fault == NULL && i < json_array_size(list); i++) WHET_GOTO(add_stored(t, json_array_get(list, i), &fault));
    if (fault == NULL) goto done;
    while (t->n > had) dispose(&t->items[--t->n]);
    if (tell) whet_log(WHET_LOG_WARN, "'%s' is %s: its measurements are not used", t->path, fault);
done:
    json_decref(doc);
    return status;
}

whet_status whet_tuning_open(whet_tuning **out, const char *path)
{
    whet_status status = WHET_ENOMEM;
    whet_tuning *t = whet_calloc(1, sizeof *t);
    *out = NULL;
    if (t == NULL) goto done;
    t->path = path != NULL ? whet_strdup(path) : user_path();
    if (t->path == NULL) goto done;
    WHET_GOTO(read_file(t, true));
    *out = t;
    t = NULL;
done:
    whet_tuning_free(t);
    return status;
}

static json_t *file_json(const whet_tuning *t)
{
    char model[256];
    json_t *list = json_array();
    whet_cpu_model(model, (int)sizeof model);
    for (size_t i = 0; i < t->n; i++) {
        const tuned *x = &t->items[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:f}", "key", x->key, "row", x->row, "first", x->first, "rival",
                                              x->rival, "gain", x->gain));
    }
    return json_pack("{s:i, s:s, s:s, s:o}", "format", FILE_FORMAT, "version", WHET_VERSION, "cpu", model, "products", list);
}

whet_status whet_tuning_save(whet_tuning *t)
{
    bool any = false;
    char *dir = NULL;
    json_t *doc = NULL;
    whet_status status = WHET_OK;
    for (size_t i = 0; i < t->n; i++) any |= t->items[i].fresh;
    if (!any) return WHET_OK;
    WHET_TRY(read_file(t, false));
    dir = whet_strdup(t->path);
    if (dir == NULL) return WHET_ENOMEM;
    dir[whet_path_base(t->path) - t->path] = '\0';
    if (dir[0] != '\0') WHET_GOTO(whet_mkdirs(dir));
    doc = file_json(t);
    if (doc == NULL) WHET_GOTO(WHET_FAIL(WHET_ENOMEM, "out of memory for the table of tuned products"));
    status = whet_json_write(t->path, doc);
done:
    json_decref(doc);
    whet_free(dir);
    return status;
}
