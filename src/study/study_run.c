// SPDX-License-Identifier: Apache-2.0
// The order of a study: data, models, comparison sets, final evaluations, report. What goes wrong with a row becomes the
// row's status; only an interruption, a full disk or a study that makes no sense ends the run.
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "measure/runtime_reads.h"
#include "models/models.h"
#include "study/study_run.h"

void whet_study_options_init(whet_study_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
    o->mode = "default";
}

void study_progress(void *run, const char *stage, double done, double total, const char *unit, const char *text)
{
    const study_run *r = run;
    if (r->o.progress != NULL) r->o.progress(r->o.progress_arg, stage, done, total, unit, text);
}

void study_row_fail(study_cell *c, const char *word, const char *reason)
{
    char status[700];
    snprintf(status, sizeof status, "%s: %s", word, reason);
    c->failed = true;
    json_object_set_new(c->row, "status", json_string(status));
    json_object_set_new(c->row, "reason", json_string(reason));
}

// A folder's name below runs/: neither a path nor hidden.
static char *safe_name(const char *text, size_t n)
{
    while (n > 0 && *text == '.') {
        text++;
        n--;
    }
    char *name = n > 0 ? whet_strndup(text, n) : whet_strdup("study");
    for (char *p = name; p != NULL && *p != '\0'; p++)
        if (*p == '/' || (unsigned char)*p < ' ' || *p == 127) *p = '_';
    return name;
}

// The study's short name: its own, else the file's without folder and ending.
char *study_short_name(const whet_study *s)
{
    const char *given = whet_study_text(s->set, "name"), *base = whet_path_base(s->file);
    return given != NULL ? safe_name(given, strlen(given)) : safe_name(base, strlen(base) - strlen(whet_path_ext(base)));
}

static json_t *new_row(const study_run *r, const json_t *cell, int i)
{
    const json_t *axis = NULL;
    json_t *axes = json_object();
    char id[20];
    size_t k = 0;
    snprintf(id, sizeof id, "r%d", i);
    json_array_foreach(r->axes, k, axis) json_object_set(axes, json_string_value(axis), json_object_get(cell, json_string_value(axis)));
    if (json_object_get(axes, "seed") == NULL) json_object_set(axes, "seed", json_object_get(cell, "seed"));
    int threads = (int)whet_study_number(cell, "threads"); // what 0 stands for, as the measured rows say it
    return json_pack("{s:s, s:s, s:O, s:O, s:O, s:i, s:s, s:s, s:s, s:o}", "id", id, "model", whet_path_base(whet_study_text(cell, "model")), "runtime",
                     json_object_get(cell, "runtime"), "precision", json_object_get(cell, "precision"), "batch", json_object_get(cell, "batch"),
                     "threads", threads > 0 ? threads : whet_cpu_count(), "mode", r->o.mode, "status", "ok", "reason", "", "axes", axes);
}

// A model that is neither a file nor in the zoo can never be trained: said before anything else is.
static whet_status check_model_name(const json_t *cell)
{
    const char *model = whet_study_text(cell, "model");
    whet_graph *g = NULL;
    if (study_is_file(model) || whet_model_find(model) != NULL) return WHET_OK;
    const whet_status status = whet_model_build(model, NULL, &g); // says which names there are
    whet_graph_free(g);
    return status;
}

static whet_status begin(study_run *r)
{
    WHET_TRY(whet_study_check(r->s));
    whet_utc_now(r->started);
    r->t0 = whet_now_ns();
    r->name = study_short_name(r->s);
    r->out = r->name != NULL ? study_out_folder(r->s, r->name) : NULL;
    if (r->out == NULL) return WHET_ENOMEM;
    r->axes = whet_study_axes(r->s);
    r->rows = json_array();
    r->steps = json_array();
    r->trainings = json_array();
    r->choices = json_array();
    r->comparisons = json_array();
    r->runtimes = json_object();
    r->places = json_object();
    WHET_TRY(whet_study_cells(r->s, &r->cells, &r->n_excluded));
    r->n_cells = (int)json_array_size(r->cells);
    r->c = whet_calloc((size_t)r->n_cells, sizeof *r->c);
    if (r->c == NULL) return WHET_ENOMEM;
    for (int i = 0; i < r->n_cells; i++) {
        r->c[i].set = json_array_get(r->cells, (size_t)i);
        WHET_TRY(check_model_name(r->c[i].set));
        r->c[i].row = new_row(r, r->c[i].set, i);
        if (r->c[i].row == NULL || json_array_append_new(r->rows, r->c[i].row) != 0) return WHET_FAIL(WHET_ENOMEM, "out of memory for the rows");
    }
    return WHET_OK;
}

// True for what must end the whole run instead of one row: the user, a disk that takes nothing more, a store that forgets. A
// model that cannot be read, or is too large for the memory, is one row's misfortune.
static bool ends_run(const study_run *r, whet_status status)
{
    return status == WHET_ECANCELLED || r->forgets || (status == WHET_EIO && whet_error_is_full_disk());
}

static bool is_planned(const study_cell *c)
{
    return json_is_true(json_object_get(c->model, "planned"));
}

// What the converter refuses is a row with the reason.
static whet_status convert_cell(study_run *r, study_cell *c)
{
    const whet_status status = study_convert(r, c);
    if (status != WHET_OK && ends_run(r, status)) return status;
    if (status != WHET_OK) study_row_fail(c, "export failed", whet_error_message());
    if (status != WHET_OK || c->model == NULL) return WHET_OK;
    if (!is_planned(c)) json_object_set(c->row, "sha256", json_object_get(c->model, "sha256"));
    json_object_set(c->row, "original", json_object_get(c->model, "original_label"));
    return WHET_OK;
}

static whet_status prepare_cell(study_run *r, study_cell *c)
{
    const json_t *runtime = json_object_get(r->runtimes, whet_study_text(c->set, "runtime"));
    const char *title = json_string_value(json_object_get(runtime, "title"));
    whet_status status = study_make_model(r, c);
    if (status != WHET_OK) {
        // A model without contract and labels is the user's to answer, not a row's misfortune; a dry run is there to tell.
        if (r->o.dry_run || ends_run(r, status) || (status == WHET_EINVAL && r->n_cells > 0 && c->model != NULL && json_object_get(c->model, "contract") == NULL)) return status;
        study_row_fail(c, c->model == NULL && !study_is_file(whet_study_text(c->set, "model")) ? "export failed" : "unsupported", whet_error_message());
        return WHET_OK;
    }
    if (study_is_converted(c)) {
        char *label = study_converted_name(c);
        json_object_set_new(c->row, "model", json_string(label != NULL ? label : ""));
        whet_free(label);
    } else if (c->model != NULL) {
        json_object_set(c->row, "model", json_object_get(c->model, "label"));
        if (!is_planned(c)) json_object_set(c->row, "sha256", json_object_get(c->model, "sha256"));
    }
    json_object_set_new(c->row, "runtime_title", json_string(title != NULL ? title : whet_study_text(c->set, "runtime")));
    if (!json_is_true(json_object_get(runtime, "available"))) {
        const char *reason = json_string_value(json_object_get(runtime, "reason"));
        study_row_fail(c, "runtime missing", reason != NULL && reason[0] != '\0' ? reason : "no such runtime: 'whet runtimes' lists those that there are");
        return WHET_OK;
    }
    const char *name = whet_study_text(c->set, "runtime"), *format = study_cell_format(c);
    if (format != NULL && whet_runtime_reads_format(json_object_get(runtime, "caps"), name, format) != WHET_OK) {
        study_row_fail(c, "unsupported", whet_error_last()->text);
        return WHET_OK;
    }
    return study_is_converted(c) ? convert_cell(r, c) : WHET_OK;
}

static whet_status run_rows(study_run *r)
{
    WHET_TRY(study_find_runtimes(r));
    for (int i = 0; i < r->n_cells; i++) WHET_TRY(prepare_cell(r, &r->c[i]));
    WHET_TRY(study_bench(r));
    for (int i = 0; i < r->n_cells; i++) WHET_TRY(study_eval(r, &r->c[i]));
    study_accuracy_losses(r);
    study_accuracy_alarm(r);
    return WHET_OK;
}

static void dispose(study_run *r)
{
    for (int i = 0; r->c != NULL && i < r->n_cells; i++) json_decref(r->c[i].model);
    for (study_data *d = r->datas, *next = NULL; d != NULL; d = next) {
        next = d->next;
        study_data_free(d);
    }
    json_t *const parts[] = {r->cells, r->rows, r->steps, r->trainings, r->choices, r->comparisons, r->axes, r->runtimes, r->places, r->bench_head};
    for (size_t i = 0; i < WHET_COUNT(parts); i++) json_decref(parts[i]);
    whet_store_close(r->store);
    whet_dir_release(&r->folder);
    whet_free(r->c);
    whet_free(r->out);
    whet_free(r->name);
}

static int rows_ok(const study_run *r)
{
    int n = 0;
    for (int i = 0; i < r->n_cells; i++) n += !r->c[i].failed;
    return n;
}

static whet_status conclude(study_run *r, json_t **doc, whet_status status)
{
    if (status == WHET_ECANCELLED)
        return WHET_FAIL(WHET_ECANCELLED, "interrupted: finished steps are kept in '%s', the same command goes on from there", r->out);
    WHET_TRY(status);
    WHET_TRY(study_tell_apart(r));
    *doc = study_document(r);
    if (*doc == NULL) return WHET_FAIL(WHET_ENOMEM, "out of memory for the result");
    if (r->o.dry_run) return WHET_OK;
    if (r->done == 0 && r->reused > 0) whet_log(WHET_LOG_INFO, "nothing to do: all %d steps were done before; the report is written anew from them", r->reused);
    WHET_TRY(study_publish(r, *doc));
    if (rows_ok(r) > 0) return WHET_OK;
    const char *first = json_string_value(json_object_get(r->c[0].row, "status"));
    return WHET_FAIL(WHET_ERUNTIME, "no row could be run; the first: %s", first != NULL ? first : "?");
}

whet_status whet_study_run(json_t **doc, const whet_study *s, const whet_study_options *opt)
{
    study_run r;
    *doc = NULL;
    memset(&r, 0, sizeof r);
    r.s = s;
    r.o = *opt;
    r.folder = -1;
    if (r.o.mode == NULL) r.o.mode = "default";
    whet_status status = begin(&r);
    if (status == WHET_OK) status = study_open_all_data(&r);
    if (status == WHET_OK) status = study_open_folder(&r);
    if (status == WHET_OK) status = run_rows(&r);
    status = conclude(&r, doc, status);
    dispose(&r);
    return status;
}
