// SPDX-License-Identifier: Apache-2.0
// The study that a model file alone gets: every format that some runtime here reads, its weights as they are and in 16 bits, on
// every runtime that is present. What makes no row is written out as exclusions, so that the study.yaml left behind says it all.
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "data/dataset.h"
#include "formats/formats.h"
#include "measure/facts.h"
#include "measure/runtime_reads.h"
#include "measure/runtimes.h"
#include "study/study_keys.h"
#include "wire/json.h"

static const char AS_IS[] = "as-is", NATIVE[] = "native";

// No row could ever run.
static whet_status refuse_weights_alone(const char *model)
{
    const whet_model_format *f = NULL;
    if (whet_format_of_file(model, &f) != WHET_OK) {
        whet_error_clear(); // the rows will say it
        return WHET_OK;
    }
    if (f->read != NULL || f->read_weights == NULL) return WHET_OK;
    return WHET_FAIL(WHET_EUNSUPPORTED,
                     "'%s' holds weights alone, a study needs the network too: make a file of both with `whet convert %s OUT.onnx --model NAME`, "
                     "or train a model of the zoo from it with 'model: NAME' and 'train: {weights: %s}' in a study file",
                     model, model, model);
}

// A file, or a folder that is a model, such as a SavedModel.
static whet_status check_there(const char *model)
{
    const whet_model_format *f = NULL;
    whet_status status = WHET_OK;
    if (whet_dir_exists(model)) status = whet_format_of_file(model, &f);
    else if (!whet_file_exists(model)) status = WHET_FAIL(WHET_ENOTFOUND, "no such file");
    if (status != WHET_OK) whet_error_at_file(model);
    return status;
}

// Without the slash that completion leaves behind a folder; a folder without an ending must not be taken for a model of the zoo.
static char *path_of(const char *model)
{
    size_t n = strlen(model);
    while (n > 1 && model[n - 1] == '/') n--;
    char *path = whet_strndup(model, n), *here = NULL;
    if (path == NULL || !whet_dir_exists(path) || strchr(path, '/') != NULL) return path;
    here = whet_format("./%s", path);
    whet_free(path);
    return here;
}

whet_status whet_study_for_model(whet_study **out, const char *given, const char *data, const char *contract)
{
    whet_study *s = NULL;
    whet_status status = WHET_OK;
    char *model = path_of(given), *name = NULL;
    *out = NULL;
    if (model == NULL) return WHET_ENOMEM;
    const char *base = whet_path_base(model);
    name = whet_strndup(base, strlen(base) - strlen(whet_path_ext(base)));
    if (name == NULL) WHET_GOTO(WHET_ENOMEM);
    WHET_GOTO(check_there(model));
    WHET_GOTO(refuse_weights_alone(model));
    WHET_GOTO(whet_study_create(&s, model));
    WHET_GOTO(whet_study_put(s, "name", json_string(name)));
    WHET_GOTO(whet_study_put(s, "model", json_string(model)));
    if (data != NULL) WHET_GOTO(whet_study_put(s, "data.name", json_string(data)));
    if (contract != NULL) WHET_GOTO(whet_study_put(s, "contract.preset", json_string(contract)));
    *out = s;
    s = NULL;
done:
    whet_study_free(s);
    whet_free(model);
    whet_free(name);
    return status;
}

typedef struct alone {
    whet_study *s;
    json_t *probed;                         // what whet_runtimes_probe found
    const char *own;                        // format of the model itself; NULL: unknown
    bool formats_given, weights_given, runtimes_given;
    bool small;                             // some machine has the small program
    json_t *runtimes, *formats, *weights;   // the lists of the study
} alone;

static bool is_text(const json_t *v, const char *text)
{
    return json_is_string(v) && strcmp(json_string_value(v), text) == 0;
}

static const json_t *runtime_named(const alone *a, const char *name)
{
    const json_t *r = NULL;
    size_t i = 0;
    json_array_foreach(a->probed, i, r)
    {
        if (strcmp(whet_json_str(r, "name"), name) == 0) return r;
    }
    return NULL;
}

static bool is_present(const alone *a, const char *name)
{
    return json_is_true(json_object_get(runtime_named(a, name), "available"));
}

// The value as a list of its own.
static json_t *as_list(const json_t *v)
{
    return json_is_array(v) ? json_copy((json_t *)v) : json_pack("[O]", v);
}

static bool reads(const alone *a, const char *runtime, const char *format)
{
    const char *name = strcmp(format, AS_IS) == 0 ? a->own : format;
    if (name == NULL) return true; // the runtime is to say it
    if (whet_runtime_reads_format(json_object_get(runtime_named(a, runtime), "caps"), runtime, name) == WHET_OK) return true;
    whet_error_clear();
    return false;
}

// --- machines of a fleet

// What a plug-in here cannot say, since its library is another machine's.
static json_t *own_formats(const char *runtime)
{
    json_t *list = json_array();
    const whet_model_format *f = NULL;
    for (size_t i = 0; (f = whet_format_row(i)) != NULL; i++) {
        const char *first = whet_runtime_of_format(f->name);
        if (first != NULL && strcmp(first, runtime) == 0) json_array_append_new(list, json_string(f->name));
    }
    return list;
}

// A runtime is present if it is here for one of them, since it is sent there then.
static void see_machines(alone *a, const char *const *machines, int n)
{
    json_t *r = NULL, *there = NULL;
    size_t i = 0, k = 0;
    json_array_foreach(a->probed, i, r)
    {
        bool any = strcmp(whet_json_str(r, "name"), NATIVE) == 0;
        json_array_foreach(json_object_get(r, "installed"), k, there)
            for (int m = 0; m < n; m++) any = any || strcmp(whet_json_str(there, "machine"), machines[m]) == 0;
        json_object_set_new(r, "available", json_boolean(any));
        if (json_object_get(json_object_get(r, "caps"), "formats") == NULL) json_object_set_new(r, "caps", json_pack("{s:o}", "formats", own_formats(whet_json_str(r, "name"))));
    }
    for (int m = 0; m < n; m++) a->small = a->small || strcmp(machines[m], "aarch64") == 0;
}

// --- the three lists

static void choose_runtimes(alone *a)
{
    const json_t *r = NULL;
    size_t i = 0;
    a->runtimes_given = json_object_get(a->s->lines, "runtime") != NULL;
    a->runtimes = a->runtimes_given ? as_list(json_object_get(a->s->set, "runtime")) : json_pack("[s]", NATIVE);
    json_array_foreach(a->probed, i, r)
    {
        const char *name = whet_json_str(r, "name");
        if (!a->runtimes_given && json_is_true(json_object_get(r, "available")) && strcmp(name, NATIVE) != 0) json_array_append_new(a->runtimes, json_string(name));
    }
}

// native reads whatever is written and measures the model itself: another form of it is for those that read nothing else.
static bool wanted_by_some(const alone *a, const char *format)
{
    const json_t *r = NULL;
    size_t i = 0;
    json_array_foreach(a->runtimes, i, r)
    {
        const char *name = json_string_value(r);
        if (strcmp(name, NATIVE) != 0 && is_present(a, name) && reads(a, name, format)) return true;
    }
    return false;
}

// Bundles for boards are the small build, which does not write all.
static bool is_written_there(const alone *a, const char *format)
{
    static const char *const small[] = {"onnx", "tflite", "saved_model"};
    bool written = !a->small;
    for (size_t i = 0; i < WHET_COUNT(small); i++) written = written || strcmp(small[i], format) == 0;
    return written;
}

static void choose_formats(alone *a)
{
    static const char *const order[] = {"onnx", "openvino", "tflite", "torchscript", "saved_model", "keras"};
    a->formats_given = json_object_get(a->s->lines, "format") != NULL;
    a->formats = a->formats_given ? as_list(json_object_get(a->s->set, "format")) : json_pack("[s]", AS_IS);
    if (a->formats_given || a->own == NULL) return;
    for (size_t i = 0; i < WHET_COUNT(order); i++) {
        const whet_model_format *f = NULL;
        for (size_t k = 0; (f = whet_format_row(k)) != NULL && strcmp(f->name, order[i]) != 0;) k++;
        if (f != NULL && f->write != NULL && strcmp(f->name, a->own) != 0 && is_written_there(a, f->name) && wanted_by_some(a, f->name)) json_array_append_new(a->formats, json_string(f->name));
    }
}

// A model that is stored in fewer bits already has no variant in 16.
static whet_status choose_weights(alone *a, const char *model)
{
    whet_facts f = {0};
    a->weights_given = json_object_get(a->s->lines, "weights") != NULL;
    a->weights = a->weights_given ? as_list(json_object_get(a->s->set, "weights")) : json_pack("[s]", AS_IS);
    if (a->weights_given || a->own == NULL) return WHET_OK;
    WHET_TRY(whet_facts_read(&f, model));
    const bool full = strcmp(f.precision, "f32") == 0;
    whet_facts_dispose(&f);
    return !full || json_array_append_new(a->weights, json_string("f16")) == 0 ? WHET_OK : WHET_ENOMEM;
}

// --- what makes no row

// The formats in which the runtime has no row.
static json_t *left_out(const alone *a, const char *runtime)
{
    json_t *out = json_array(), *f = NULL;
    const bool native = strcmp(runtime, NATIVE) == 0, present = is_present(a, runtime), both = a->formats_given && a->runtimes_given;
    size_t i = 0;
    bool own_listed = false;
    json_array_foreach(a->formats, i, f) own_listed = own_listed || is_text(f, AS_IS);
    // Of given formats native measures the model itself too, unless that is none of them or native was asked for.
    const bool once = native ? own_listed && !both : !present && !a->formats_given;
    json_array_foreach(a->formats, i, f)
    {
        if ((once && !is_text(f, AS_IS)) || (!both && present && !reads(a, runtime, json_string_value(f)))) json_array_append(out, f);
    }
    return out;
}

static whet_status exclude(alone *a, const char *runtime, const char *key, json_t *values)
{
    json_t *e = json_array_size(values) == 1 ? json_pack("{s:s, s:O}", "runtime", runtime, key, json_array_get(values, 0))
                                             : json_pack("{s:s, s:O}", "runtime", runtime, key, values);
    const bool ok = e != NULL && (json_array_size(values) == 0 || json_array_append(a->s->exclude, e) == 0);
    json_decref(e);
    json_decref(values);
    return ok ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "out of memory while laying out a study");
}

// A runtime that reads none of the files has no place in the study, unless it was asked for.
static whet_status settle_runtimes(alone *a)
{
    size_t i = 0;
    while (i < json_array_size(a->runtimes)) {
        const char *name = json_string_value(json_array_get(a->runtimes, i));
        json_t *out = left_out(a, name);
        if (!a->runtimes_given && json_array_size(out) == json_array_size(a->formats)) {
            json_decref(out);
            json_array_remove(a->runtimes, i);
            continue;
        }
        WHET_TRY(exclude(a, name, "format", out));
        if (!is_present(a, name) && !a->weights_given && json_array_size(a->weights) > 1) WHET_TRY(exclude(a, name, "weights", json_pack("[s]", "f16")));
        i++;
    }
    return WHET_OK;
}

static whet_status put_list(alone *a, const char *key, const json_t *list)
{
    return whet_study_put(a->s, key, json_array_size(list) == 1 ? json_incref(json_array_get(list, 0)) : json_incref((json_t *)list));
}

static void append_words(whet_strbuf *b, const char *title, const json_t *list)
{
    const json_t *v = NULL;
    size_t i = 0;
    whet_strbuf_printf(b, "; %s", title);
    json_array_foreach(list, i, v) whet_strbuf_printf(b, "%s %s", i > 0 ? "," : "", json_string_value(v));
}

static whet_status tell(const alone *a)
{
    whet_strbuf b;
    json_t *cells = NULL;
    int excluded = 0;
    WHET_TRY(whet_study_cells(a->s, &cells, &excluded));
    whet_strbuf_init(&b);
    whet_strbuf_printf(&b, "plan: %zu rows", json_array_size(cells));
    append_words(&b, "formats", a->formats);
    append_words(&b, "weights", a->weights);
    append_words(&b, "runtimes", a->runtimes);
    if (!b.failed) whet_log(WHET_LOG_INFO, "%s", b.data);
    whet_strbuf_dispose(&b);
    json_decref(cells);
    return WHET_OK;
}

// A wrong name is told before the runtimes are asked; what is still to be fetched is no wrong name.
static whet_status check_data(const whet_study *s)
{
    const char *name = whet_study_text(s->set, "data.name");
    whet_dataset_options opt;
    whet_dataset *d = NULL;
    if (name == NULL) return WHET_OK;
    whet_dataset_options_init(&opt);
    opt.own_model = true;
    opt.val = whet_study_text(s->set, "data.val");
    const whet_status status = whet_dataset_open(&d, name, &opt);
    whet_dataset_close(d);
    return status == WHET_EUNAVAILABLE ? WHET_OK : status;
}

whet_status whet_study_plan_alone(whet_study *s, const char *const *machines, int n_machines)
{
    alone a = {.s = s};
    const char *model = whet_study_text(s->set, "model");
    const whet_model_format *own = NULL;
    whet_status status = WHET_OK;
    if (model == NULL) return WHET_OK; // a list was laid over it
    WHET_GOTO(check_data(s));
    WHET_GOTO(whet_runtimes_probe(&a.probed, NULL));
    if (n_machines > 0) {
        see_machines(&a, machines, n_machines);
    } else {
        json_decref(s->probed);
        s->probed = json_incref(a.probed);
    }
    if (whet_format_of_file(model, &own) != WHET_OK) whet_error_clear(); // the rows will say it
    a.own = own != NULL ? own->name : NULL;
    choose_runtimes(&a);
    choose_formats(&a);
    WHET_GOTO(choose_weights(&a, model));
    WHET_GOTO(settle_runtimes(&a));
    WHET_GOTO(put_list(&a, "runtime", a.runtimes));
    WHET_GOTO(put_list(&a, "format", a.formats));
    WHET_GOTO(put_list(&a, "weights", a.weights));
    status = tell(&a);
done:
    json_decref(a.probed);
    json_decref(a.runtimes);
    json_decref(a.formats);
    json_decref(a.weights);
    return status;
}
