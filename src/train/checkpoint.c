/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints as safetensors with three JSON texts in the metadata: state, settings, identity. */
#include "train/checkpoint.h"

#include <math.h>

#include "base/mem.h"
#include "formats/formats.h"
#include "train/optimizer.h"
#include "wire/json.h"
#include "wire/safetensors.h"

/* --- state <-> JSON */

typedef enum { INTEGER, REAL, FLAG } state_kind;
#define STATE(name, kind) {#name, kind, offsetof(whet_train_state, name)}
static const struct { const char *name; state_kind kind; size_t offset; } state_fields[] = {
    STATE(epoch, INTEGER), STATE(batch, INTEGER), STATE(step, INTEGER),       STATE(loss_sum, REAL),
    STATE(correct, INTEGER), STATE(seen, INTEGER), STATE(seconds, REAL),      STATE(total_seconds, REAL),
    STATE(best, REAL),     STATE(best_epoch, INTEGER), STATE(stopped, FLAG),  STATE(step_loss, REAL)};

static json_t *state_json(const whet_train_state *s)
{
    json_t *o = json_object(), *sizes = json_array();
    for (size_t i = 0; i < WHET_COUNT(state_fields); i++) {
        const char *p = (const char *)s + state_fields[i].offset;
        json_t *v = NULL;
        if (state_fields[i].kind == INTEGER) v = json_integer(*(const int64_t *)p);
        if (state_fields[i].kind == FLAG) v = json_boolean(*(const bool *)p);
        if (state_fields[i].kind == REAL) v = isnan(*(const double *)p) ? json_null() : json_real(*(const double *)p);
        json_object_set_new(o, state_fields[i].name, v);
    }
    for (int i = 0; i < WHET_CURVE_FILES; i++) json_array_append_new(sizes, json_integer(s->curve_sizes[i]));
    json_object_set_new(o, "curve_sizes", sizes);
    return o;
}

static whet_status state_from_json(whet_train_state *s, const json_t *o)
{
    for (size_t i = 0; i < WHET_COUNT(state_fields); i++) {
        char *p = (char *)s + state_fields[i].offset;
        const json_t *v = json_object_get(o, state_fields[i].name);
        if (v == NULL) return WHET_FAIL(WHET_EFORMAT, "the checkpoint's state lacks '%s'", state_fields[i].name);
        if (state_fields[i].kind == INTEGER) *(int64_t *)p = json_integer_value(v);
        if (state_fields[i].kind == FLAG) *(bool *)p = json_is_true(v);
        if (state_fields[i].kind == REAL) *(double *)p = json_is_null(v) ? NAN : json_number_value(v);
    }
    for (int i = 0; i < WHET_CURVE_FILES; i++)
        s->curve_sizes[i] = json_integer_value(json_array_get(json_object_get(o, "curve_sizes"), (size_t)i));
    return WHET_OK;
}

/* --- saving */

static whet_status check_finite(const char *name, const whet_tensor *t)
{
    if (t->dtype != WHET_F32) return WHET_OK;
    const float *x = t->data;
    for (int64_t i = 0, n = whet_tensor_numel(t); i < n; i++)
        if (!isfinite(x[i]))
            return WHET_FAIL(WHET_ENUMERIC, "'%s' holds NaN or infinity: training has diverged, lower the learning rate", name);
    return WHET_OK;
}

whet_status whet_checkpoint_save(const char *path, whet_exec *e, const whet_train_state *state, const json_t *settings,
                                 const json_t *identity, const json_t *history)
{
    whet_status status = WHET_ENOMEM;
    const int n = whet_exec_variable_count(e);
    whet_safetensors_entry *entries = whet_calloc((size_t)n, sizeof *entries);
    json_t *s = state_json(state);
    char *texts[4] = {whet_json_text(s, 0), whet_json_text(settings, 0), whet_json_text(identity, 0), whet_json_text(history, 0)};
    if (entries == NULL || texts[0] == NULL || texts[1] == NULL || texts[2] == NULL || texts[3] == NULL) goto done;
    for (int i = 0; i < n; i++) {
        const whet_tensor *t = whet_exec_variable_at(e, i);
        entries[i] = (whet_safetensors_entry){.name = whet_exec_variable_name(e, i), .dtype = whet_dtype_safetensors(t->dtype),
                                              .rank = t->shape.rank, .data = t->data, .bytes = whet_tensor_bytes(t)};
        for (int k = 0; k < t->shape.rank; k++) entries[i].dims[k] = t->shape.dims[k];
        WHET_GOTO(check_finite(entries[i].name, t));
    }
    const whet_safetensors_pair meta[] = {
        {"format", "pt"}, {"whet.state", texts[0]}, {"whet.settings", texts[1]}, {"whet.identity", texts[2]}, {"whet.history", texts[3]}};
    status = whet_safetensors_write(path, n, entries, (int)WHET_COUNT(meta), meta);
done:
    for (int i = 0; i < 4; i++) whet_free(texts[i]);
    json_decref(s);
    whet_free(entries);
    return status;
}

/* --- loading */

struct whet_checkpoint {
    whet_safetensors *file;
    json_t *state, *settings, *identity, *history;
};

static whet_status meta_json(json_t **out, const whet_safetensors *f, const char *key, const char *path)
{
    const char *text = whet_safetensors_meta(f, key);
    if (text == NULL) {
        WHET_FAIL(WHET_EFORMAT, "not a checkpoint of this program: no '%s' in its metadata", key);
        whet_error_at_file(path);
        return WHET_EFORMAT;
    }
    return whet_json_parse(out, text, strlen(text), path);
}

whet_status whet_checkpoint_open(whet_checkpoint **out, const char *path)
{
    whet_status status = WHET_ENOMEM;
    whet_checkpoint *c = whet_calloc(1, sizeof *c);
    *out = NULL;
    if (c == NULL) goto done;
    WHET_GOTO(whet_safetensors_open(&c->file, path));
    WHET_GOTO(meta_json(&c->state, c->file, "whet.state", path));
    WHET_GOTO(meta_json(&c->settings, c->file, "whet.settings", path));
    WHET_GOTO(meta_json(&c->identity, c->file, "whet.identity", path));
    WHET_GOTO(meta_json(&c->history, c->file, "whet.history", path));
    *out = c;
    c = NULL;
done:
    whet_checkpoint_close(c);
    return status;
}

void whet_checkpoint_close(whet_checkpoint *c)
{
    if (c == NULL) return;
    json_decref(c->state);
    json_decref(c->settings);
    json_decref(c->identity);
    json_decref(c->history);
    whet_safetensors_close(c->file);
    whet_free(c);
}

const json_t *whet_checkpoint_settings(const whet_checkpoint *c)
{
    return c->settings;
}

const json_t *whet_checkpoint_history(const whet_checkpoint *c)
{
    return c->history;
}

whet_status whet_checkpoint_same(const whet_checkpoint *c, const json_t *identity)
{
    void *at = NULL;
    for (at = json_object_iter((json_t *)(uintptr_t)identity); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)identity, at)) {
        const char *key = json_object_iter_key(at);
        const json_t *then = json_object_get(c->identity, key);
        if (json_equal(json_object_iter_value(at), then)) continue;
        const char *a = json_string_value(then), *b = json_string_value(json_object_iter_value(at));
        if (a == NULL && strcmp(key, WHET_CHECKPOINT_TUNING) == 0 && strcmp(b, WHET_CHECKPOINT_UNTUNED) == 0) continue;
        return WHET_FAIL(WHET_EINVAL, "the checkpoint cannot be continued with the same bits: its %s was '%s', now it is '%s'; "
                         "restore that, or train into another folder", key, a != NULL ? a : "?", b != NULL ? b : "?");
    }
    return WHET_OK;
}

static whet_status copy_entry(const whet_safetensors_entry *x, whet_tensor *t, const char *name)
{
    bool same = strcmp(x->dtype, whet_dtype_safetensors(t->dtype)) == 0 && x->rank == t->shape.rank && x->bytes == whet_tensor_bytes(t);
    for (int k = 0; same && k < x->rank; k++) same = x->dims[k] == t->shape.dims[k];
    if (!same)
        return WHET_FAIL(WHET_ESHAPE, "'%s' in the file is %s of rank %d, %zu bytes; the model wants %s of rank %d, %zu bytes", name,
                         x->dtype, x->rank, x->bytes, whet_dtype_safetensors(t->dtype), t->shape.rank, whet_tensor_bytes(t));
    if (x->bytes > 0) memcpy(t->data, x->data, x->bytes);
    return WHET_OK;
}

whet_status whet_checkpoint_load(const whet_checkpoint *c, whet_exec *e, whet_train_state *state)
{
    for (int i = 0; i < whet_exec_variable_count(e); i++) {
        const char *name = whet_exec_variable_name(e, i);
        const whet_safetensors_entry *x = whet_safetensors_find(c->file, name);
        if (x == NULL) return WHET_FAIL(WHET_EFORMAT, "the checkpoint lacks '%s'", name);
        WHET_TRY(copy_entry(x, whet_exec_variable_at(e, i), name));
    }
    return state_from_json(state, c->state);
}

whet_status whet_weights_load(const char *path, whet_exec *e, bool strict)
{
    whet_status status = WHET_OK;
    whet_weights *w = NULL;
    const int n = whet_exec_variable_count(e);
    const char **names = whet_calloc((size_t)n + 1, sizeof *names);
    int *found = whet_calloc((size_t)n + 1, sizeof *found), used = 0;
    whet_tensor fitted;
    whet_tensor_init(&fitted);
    if (names == NULL || found == NULL) status = WHET_ENOMEM;
    for (int i = 0; i < n && names != NULL; i++) names[i] = whet_exec_variable_name(e, i);
    if (status == WHET_OK) WHET_GOTO(whet_format_read_weights(&w, path));
    if (status == WHET_OK) WHET_GOTO(whet_weights_match(w, n, names, found));
    for (int i = 0; i < n && status == WHET_OK; i++) {
        whet_tensor *t = whet_exec_variable_at(e, i);
        if (found[i] < 0 && strict) WHET_GOTO(WHET_FAIL(WHET_EFORMAT, "the file lacks '%s'", names[i]));
        if (found[i] < 0) continue;
        WHET_GOTO(whet_weights_fit(&fitted, &w->tensors[found[i]], t->dtype, &t->shape, names[i]));
        if (whet_tensor_bytes(t) > 0) memcpy(t->data, fitted.data, whet_tensor_bytes(t));
        used++;
    }
    if (status == WHET_OK && used == 0) status = WHET_FAIL(WHET_EINVAL, "no tensor in it has the name of a parameter of this model");
done:
    if (status != WHET_OK) whet_error_at_file(path);
    whet_tensor_dispose(&fitted);
    whet_weights_free(w);
    whet_free(names);
    whet_free(found);
    return status;
}

void whet_weights_copy(whet_exec *to, whet_exec *from)
{
    for (int i = 0; i < whet_exec_variable_count(to); i++) {
        whet_tensor *t = whet_exec_variable_at(to, i);
        const whet_tensor *f = whet_train_kept(from, whet_exec_variable_name(to, i));
        if (f != NULL && whet_tensor_bytes(f) == whet_tensor_bytes(t)) memcpy(t->data, f->data, whet_tensor_bytes(t));
    }
}
