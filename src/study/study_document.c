// SPDX-License-Identifier: Apache-2.0
// The end of a study: its document, the report's files, the stores.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "report/report.h"
#include "store/document.h"
#include "study/study_run.h"
#include "wire/json.h"

// Each seed takes its own validation split: what the texts of the splits differ in is said of all of them, the first seed's first.
static void say_all_splits(json_t *o, const study_data *last)
{
    json_t *all = json_deep_copy(json_object_get(o, "splits")), *s = NULL;
    size_t i = 0;
    for (const study_data *d = last->next; d != NULL; d = d->next) {
        const json_t *other = json_object_get(d->info, "splits");
        json_array_foreach(all, i, s)
        {
            const char *text = json_string_value(json_object_get(s, "text")), *more = json_string_value(json_object_get(json_array_get(other, i), "text"));
            if (text == NULL || more == NULL || strcmp(d->spec, last->spec) != 0 || strstr(text, more) != NULL) continue;
            char *both = whet_format("%s; %s", more, text);
            if (both != NULL) json_object_set_new(s, "text", json_string(both));
            whet_free(both);
        }
    }
    json_object_set_new(o, "splits", all);
}

static json_t *data_object(const study_run *r)
{
    const study_data *d = r->datas;
    if (d == NULL) return NULL;
    json_t *o = d->info != NULL ? json_copy(d->info) : json_pack("{s:s, s:s}", "name", d->spec, "note", d->error != NULL ? d->error : "");
    if (d->set == NULL) return o;
    if (d->next != NULL) say_all_splits(o, d);
    const char *first = NULL;
    int broken = whet_dataset_broken(d->set, &first);
    json_object_set_new(o, "test_reads", json_integer(r->test_reads));
    int64_t ever = 0; /* a study that is changed and run again reads it again: that is a choice that sees it, made by a person */
    if (r->store != NULL && whet_store_count_steps(r->store, study_eval_step.name, &ever) == WHET_OK)
        json_object_set_new(o, "test_reads_ever", json_integer((json_int_t)ever));
    if (broken > 0) {
        json_object_set_new(o, "broken", json_integer(broken));
        json_object_set_new(o, "broken_first", json_string(first != NULL ? first : ""));
    }
    return o;
}

// The first row's contract in words; rows of other contracts carry theirs.
static void add_contract(const study_run *r, json_t *doc)
{
    for (int i = 0; i < r->n_cells; i++) {
        const json_t *c = json_object_get(r->c[i].model, "contract");
        char buf[600];
        whet_contract k;
        if (c == NULL) continue;
        whet_contract_init(&k);
        char *text = whet_json_text(c, 0);
        if (text != NULL && whet_contract_from_json(&k, text) == WHET_OK)
            json_object_set_new(doc, "contract_text", json_string(whet_contract_text(&k, buf, sizeof buf)));
        json_object_set(doc, "contract", (json_t *)c);
        json_object_set(doc, "contract_source", json_object_get(r->c[i].model, "contract_source"));
        whet_free(text);
        whet_contract_dispose(&k);
        return;
    }
}

json_t *study_document(study_run *r)
{
    json_t *doc = json_object(), *data = data_object(r);
    const char *title = whet_study_text(r->s->set, "title");
    json_object_set_new(doc, "schema_version", json_integer(1));
    json_object_set_new(doc, "kind", json_string("study"));
    json_object_set_new(doc, "study", json_string(r->name));
    json_object_set_new(doc, "title", json_string(title != NULL ? title : r->name));
    const char *goal = whet_study_text(r->s->set, "goal");
    if (goal != NULL) json_object_set_new(doc, "goal", json_string(goal));
    json_object_set_new(doc, "file", json_string(r->s->file));
    json_object_set_new(doc, "command", json_string(r->o.command != NULL ? r->o.command : "whet study"));
    json_object_set_new(doc, "started", json_string(r->started));
    json_object_set_new(doc, "seconds", json_real((double)(whet_now_ns() - r->t0) / 1e9));
    json_object_set_new(doc, "mode", json_string(r->o.mode));
    json_object_set_new(doc, "out", json_string(r->out));
    json_object_set_new(doc, "dry_run", json_boolean(r->o.dry_run));
    json_object_set(doc, "axes", r->axes);
    json_object_set_new(doc, "excluded", json_integer(r->n_excluded));
    json_object_set(doc, "settings", json_object_get(r->bench_head, "settings"));
    json_object_set(doc, "inputs", json_object_get(r->bench_head, "inputs"));
    add_contract(r, doc);
    if (data != NULL) json_object_set_new(doc, "data", data);
    json_object_set(doc, "choices", r->choices);
    json_object_set(doc, "trainings", r->trainings);
    json_object_set(doc, "rows", r->rows);
    json_object_set(doc, "comparisons", r->comparisons);
    json_object_set(doc, "steps", r->steps);
    json_object_set_new(doc, "steps_done", json_integer(r->done));
    json_object_set_new(doc, "steps_reused", json_integer(r->reused));
    if (r->o.dry_run) json_object_set_new(doc, "estimate", json_pack("{s:f, s:f, s:f}", "seconds", r->todo_seconds, "seconds_max", r->todo_seconds + r->more_seconds, "bytes", r->todo_bytes));
    json_t *context = json_object_get(r->bench_head, "context");
    json_object_set_new(doc, "context", context != NULL ? json_deep_copy(context) : json_pack("{s:s, s:[]}", "program", "whet " WHET_VERSION, "warnings"));
    json_object_set(doc, "study_settings", r->s->set);
    char *summary = whet_report_summary(doc);
    json_object_set_new(doc, "summary", json_string(summary != NULL ? summary : ""));
    whet_free(summary);
    return doc;
}

static whet_status write_text(const study_run *r, const char *name, whet_status made, char *text, json_t *files)
{
    char *path = made == WHET_OK ? study_path(r, name) : NULL;
    whet_status status = made != WHET_OK ? made : path != NULL ? whet_file_write(path, text, strlen(text)) : WHET_ENOMEM;
    if (status == WHET_OK) json_array_append_new(files, json_string(path));
    whet_free(path);
    whet_free(text);
    return status;
}

static whet_status write_folder(const study_run *r, const char *name, const json_t *doc, json_t *files)
{
    json_t *notes = json_array(), *note = NULL;
    size_t i = 0;
    char *path = study_path(r, name);
    whet_status status = path == NULL ? WHET_ENOMEM : strcmp(name, "latex") == 0 ? whet_report_latex(doc, path, files) : whet_report_pictures(doc, path, NULL, files, notes);
    json_array_foreach(notes, i, note) whet_log(WHET_LOG_INFO, "%s", json_string_value(note));
    json_decref(notes);
    whet_free(path);
    return status;
}

static whet_status write_report(study_run *r, json_t *doc, json_t *files)
{
    char *text = NULL;
    whet_status status = WHET_OK;
    if (whet_study_flag(r->s->set, "report.html")) {
        status = whet_report_html(doc, NULL, &text);
        WHET_TRY(write_text(r, "report.html", status, text, files));
    }
    text = NULL;
    if (whet_study_flag(r->s->set, "report.csv")) {
        status = whet_report_csv(doc, &text);
        WHET_TRY(write_text(r, "report.csv", status, text, files));
    }
    text = NULL;
    if (whet_study_flag(r->s->set, "report.markdown")) {
        status = whet_report_markdown(doc, &text);
        WHET_TRY(write_text(r, "report.md", status, text, files));
    }
    if (whet_study_flag(r->s->set, "report.latex")) WHET_TRY(write_folder(r, "latex", doc, files));
    if (whet_study_flag(r->s->set, "report.charts")) WHET_TRY(write_folder(r, "charts", doc, files));
    return WHET_OK;
}

static whet_status put_user_store(study_run *r, json_t *doc)
{
    whet_store *store = NULL;
    int64_t id = 0;
    if (r->o.store_path != NULL && r->o.store_path[0] == '\0') return WHET_OK;
    if (!whet_document_measured(doc)) {
        whet_document_refuse(doc);
        whet_log(WHET_LOG_WARN, "%s", whet_json_str(doc, "not_stored"));
        return WHET_OK;
    }
    WHET_TRY(whet_store_open(&store, r->o.store_path, false));
    json_object_set_new(doc, "stored_in", json_string(whet_store_path(store)));
    whet_status status = whet_store_put_run(store, doc, r->name, &id);
    if (status == WHET_OK) json_object_set_new(doc, "run_id", json_integer(id));
    whet_store_close(store);
    return status;
}

whet_status study_publish(study_run *r, json_t *doc)
{
    json_t *files = json_array();
    whet_status status = put_user_store(r, doc);
    if (status != WHET_OK && status != WHET_ENOMEM) {
        // The figures are safe in the study's own folder; a store that cannot be written must not lose them.
        whet_log(WHET_LOG_WARN, "the run was not added to the user's store: %s; `whet results import %s/result.json` adds it later", whet_error_message(),
                 r->out);
        status = WHET_OK;
    }
    char *path = study_path(r, "result.json");
    if (status == WHET_OK) status = path != NULL ? whet_json_write(path, doc) : WHET_ENOMEM;
    if (status == WHET_OK) json_array_append_new(files, json_string(path));
    if (status == WHET_OK) status = write_report(r, doc, files);
    whet_free(path);
    json_object_set_new(doc, "files", files);
    return status;
}
