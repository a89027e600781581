/* SPDX-License-Identifier: Apache-2.0 */
/* A study on several machines. Everything that is sent is named by its hash, every step there is found done again by the study
 * itself, so the same command after any interruption does what is left. Machines are prepared one after the other and run at the
 * same time. */
#include "study/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/runtime_folders.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "report/report.h"
#include "study/fleet_process.h"
#include "study/study_run.h"
#include "wire/json.h"

enum { PATIENCE = 600, FIRST_PATIENCE = 15, ASK_SECONDS = 5 };

typedef struct fleet {
    whet_study *s;
    const whet_study_options *o;
    const whet_fleet_options *f;
    fleet_plan plan;
    fleet_host *hosts;
    int n;
    double patience;
    char run[25]; /* hash of settings and mode: the name of the run there */
} fleet;

/* Of a single machine the study's own error says it. */
static void give_up(const fleet *f, fleet_host *h)
{
    h->error = whet_strdup(whet_error_message());
    if (f->n > 1) whet_log(WHET_LOG_WARN, "%s", whet_error_message());
}

static void tell(const fleet *f, const fleet_host *h, const char *what)
{
    char stage[160];
    snprintf(stage, sizeof stage, "%.80s: %s", h->name, what);
    if (f->o->progress != NULL) f->o->progress(f->o->progress_arg, stage, 0, 0, "", "");
}

/* --- the bundle */

static char *program_folder(void)
{
    char path[1024];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0) return NULL;
    path[n] = '\0';
    return whet_strndup(path, (size_t)(whet_path_base(path) - path));
}

static char *bundle_in(const char *place, const char *name)
{
    if (whet_dir_exists(place)) {
        char *path = whet_path_join(place, name);
        if (path != NULL && whet_file_exists(path)) return path;
        whet_free(path);
        return NULL;
    }
    return strcmp(whet_path_base(place), name) == 0 && whet_file_exists(place) ? whet_strdup(place) : NULL;
}

static whet_status find_bundle(const fleet *f, const fleet_host *h, char **out)
{
    char *name = whet_format("whet-%s.tar.gz", h->type), *data = whet_data_dir(), *own = data != NULL ? whet_path_join(data, "bundles") : NULL, *beside = program_folder();
    *out = NULL;
    for (const char *p = f->f->bundles; name != NULL && p != NULL && *p != '\0' && *out == NULL;) {
        const size_t len = strcspn(p, ",");
        char *place = whet_strndup(p, len);
        if (place != NULL) *out = bundle_in(place, name);
        whet_free(place);
        p += len + (p[len] == ',');
    }
    if (name != NULL && own != NULL && *out == NULL) *out = bundle_in(own, name);
    if (name != NULL && beside != NULL && *out == NULL) *out = bundle_in(beside, name);
    const whet_status status = *out != NULL ? WHET_OK
        : WHET_FAIL(WHET_EUNAVAILABLE, "%s: there is no bundle for %s: make one with `%s`, then name it with --bundle or put it into '%s'", h->name, h->type,
                    strcmp(h->type, "aarch64") == 0 ? "tools/build_aarch64.sh --bundle" : "make bundle", own != NULL ? own : "bundles");
    whet_free(name);
    whet_free(data);
    whet_free(own);
    whet_free(beside);
    return status;
}

static bool older(const char *have, const char *need)
{
    int a = 0, b = 0, c = 0, d = 0;
    if (sscanf(have, "%d.%d", &a, &b) != 2 || sscanf(need, "%d.%d", &c, &d) != 2) return false;
    return a < c || (a == c && b < d);
}

/* The lowest glibc that the bundle runs with is compared before anything is copied. */
static whet_status check_bundle(const fleet_host *h, const char *bundle)
{
    char *member = whet_format("whet-%s/manifest.json", h->type);
    char *argv[] = {(char *)"tar", (char *)"-xzOf", (char *)bundle, member, NULL};
    fleet_call c = {.argv = argv, .seconds = 120};
    json_t *manifest = NULL;
    if (member == NULL) return WHET_ENOMEM;
    whet_status status = fleet_process(&c);
    if (status == WHET_OK && c.code != 0) status = WHET_FAIL(WHET_EFORMAT, "'%s' is no bundle for %s: %s", bundle, h->type, c.said);
    if (status == WHET_OK) status = whet_json_parse(&manifest, c.out.data, c.out.len, bundle);
    const char *need = whet_json_str(manifest, "glibc");
    if (status == WHET_OK && strcmp(whet_json_str(manifest, "machine"), h->type) != 0)
        status = WHET_FAIL(WHET_EFORMAT, "'%s' is for %s, %s is %s", bundle, whet_json_str(manifest, "machine"), h->name, h->type);
    if (status == WHET_OK && h->wrapper == NULL && h->glibc[0] == '\0')
        status = WHET_FAIL(WHET_EUNSUPPORTED, "%s: it has no glibc (another C library?), the bundle needs %s", h->name, need);
    if (status == WHET_OK && h->wrapper == NULL && older(h->glibc, need))
        status = WHET_FAIL(WHET_EUNSUPPORTED, "%s: it has glibc %s, the bundle needs %s; make the bundle on a system as old as that machine's", h->name, h->glibc, need);
    json_decref(manifest);
    whet_strbuf_dispose(&c.out);
    whet_free(member);
    return status;
}

static whet_status send_bundle(const fleet *f, fleet_host *h, char place[80])
{
    char hex[65], *bundle = NULL, *rel = NULL;
    bool there = false;
    WHET_TRY(find_bundle(f, h, &bundle));
    whet_status status = check_bundle(h, bundle);
    if (status == WHET_OK) status = whet_sha256_file(bundle, hex);
    if (status == WHET_OK) status = (rel = whet_format("bundles/%.24s", hex)) != NULL ? fleet_has(h, rel, f->patience, &there) : WHET_ENOMEM;
    if (status == WHET_OK && !there) {
        tell(f, h, "copying the program");
        status = fleet_send(h, rel, "z", NULL, bundle, f->patience);
    }
    if (status == WHET_OK) snprintf(place, 80, "%s/whet-%s", rel, h->type);
    whet_free(rel);
    whet_free(bundle);
    return status;
}

/* --- files and runtimes */

static whet_status send_folder(const fleet *f, fleet_host *h, const char *dir, const json_t *names, const char *rel)
{
    const json_t *name = NULL;
    size_t i = 0, n = 0;
    char **argv = whet_calloc(json_array_size(names) + 8, sizeof *argv);
    if (argv == NULL) return WHET_ENOMEM;
    static const char *const head[] = {"tar", "-C", NULL, "-chf", "-", "--"};
    for (size_t k = 0; k < WHET_COUNT(head); k++) argv[n++] = (char *)(head[k] != NULL ? head[k] : dir);
    json_array_foreach(names, i, name) argv[n++] = (char *)json_string_value(name);
    const whet_status status = fleet_send(h, rel, "", argv, NULL, f->patience);
    whet_free(argv);
    return status;
}

static whet_status send_files(const fleet *f, fleet_host *h)
{
    for (size_t i = 0; i < f->plan.n; i++) {
        const fleet_file *file = &f->plan.files[i];
        bool there = false;
        char what[120], *dir = NULL;
        WHET_TRY(fleet_has(h, file->rel, f->patience, &there));
        if (there) continue;
        snprintf(what, sizeof what, "copying %.90s", file->inside);
        tell(f, h, what);
        const size_t n = (size_t)(whet_path_base(file->from) - file->from);
        dir = n > 0 ? whet_strndup(file->from, n) : whet_strdup(".");
        const whet_status status = dir != NULL ? send_folder(f, h, dir, file->names, file->rel) : WHET_ENOMEM;
        whet_free(dir);
        WHET_TRY(status);
    }
    return WHET_OK;
}

/* One runtime in the version that the study names, or the newest that is here for that machine. What is not here is a row
 * "runtime missing" of that machine, as anywhere. */
static whet_status send_runtime(const fleet *f, fleet_host *h, const char *text)
{
    char name[WHET_RUNTIME_NAME], version[WHET_RUNTIME_NAME], rel[256], what[160];
    whet_runtime_installed have[16];
    bool there = false;
    if (strcmp(text, "native") == 0 || strncmp(text, "exec:", 5) == 0 || whet_runtime_split(text, name, version) != WHET_OK) return WHET_OK;
    const int n = whet_runtime_list_installed(name, h->type, have, (int)WHET_COUNT(have));
    int chosen = n > 0 ? 0 : -1;
    const char *wanted = version[0] != '\0' ? version : whet_runtime_pinned(name);
    for (int i = 0; i < n && wanted != NULL; i++)
        if (strcmp(have[i].version, wanted) == 0) chosen = i;
    if (chosen < 0) {
        whet_log(WHET_LOG_INFO, "%s: %s is not here for %s, its rows will say so; `whet runtimes install %s --arch %s` gets it", h->name, name, h->type, name, h->type);
        return WHET_OK;
    }
    snprintf(rel, sizeof rel, "runtimes/%s/%s", name, have[chosen].version);
    WHET_TRY(fleet_has(h, rel, f->patience, &there));
    if (there) return WHET_OK;
    snprintf(what, sizeof what, "copying %.60s %.60s", name, have[chosen].version);
    tell(f, h, what);
    json_t *all = json_pack("[s]", ".");
    const whet_status status = send_folder(f, h, have[chosen].folder, all, rel);
    json_decref(all);
    return status;
}

static whet_status send_runtimes(const fleet *f, fleet_host *h)
{
    const json_t *list = json_object_get(f->s->set, "runtime"), *v = NULL;
    size_t i = 0;
    if (json_is_string(list)) return send_runtime(f, h, json_string_value(list));
    json_array_foreach(list, i, v) WHET_TRY(send_runtime(f, h, json_string_value(v)));
    return WHET_OK;
}

static whet_status prepare(const fleet *f, fleet_host *h)
{
    char bundle[80];
    WHET_TRY(send_bundle(f, h, bundle));
    WHET_TRY(send_files(f, h));
    WHET_TRY(send_runtimes(f, h));
    char *text = fleet_plan_text(&f->plan, h->base);
    const whet_status status = text != NULL ? fleet_start(h, f->run, bundle, text, f->o->mode != NULL ? f->o->mode : "default", f->patience) : WHET_ENOMEM;
    whet_free(text);
    return status;
}

static void probe_all(const fleet *f)
{
    const double patience = f->patience < FIRST_PATIENCE ? f->patience : FIRST_PATIENCE; /* one that was never there is not waited for */
    for (int i = 0; i < f->n && !whet_cancelled(); i++) {
        tell(f, &f->hosts[i], "connecting");
        const whet_status status = fleet_probe(&f->hosts[i], patience);
        if (status != WHET_OK && status != WHET_ECANCELLED) give_up(f, &f->hosts[i]);
    }
}

/* If no machine answers, the rows that say so are those of this one. */
static whet_status lay_out(const fleet *f)
{
    const char *machines[WHET_FLEET_MAX_HOSTS];
    int n = 0;
    for (int i = 0; i < f->n; i++)
        if (f->hosts[i].error == NULL && f->hosts[i].type[0] != '\0') machines[n++] = f->hosts[i].type;
    return whet_cancelled() ? WHET_OK : whet_study_plan_alone(f->s, machines, n);
}

/* --- running */

static whet_status name_run(fleet *f)
{
    whet_sha256 h;
    char hex[65], *text = whet_json_canonical(f->plan.settings);
    if (text == NULL) return WHET_ENOMEM;
    whet_sha256_init(&h);
    whet_sha256_add(&h, text, strlen(text) + 1);
    for (size_t i = 0; i < f->plan.n; i++) whet_sha256_add(&h, f->plan.files[i].rel, strlen(f->plan.files[i].rel) + 1);
    const char *mode = f->o->mode != NULL ? f->o->mode : "default";
    whet_sha256_add(&h, mode, strlen(mode) + 1);
    whet_sha256_hex(&h, hex);
    snprintf(f->run, sizeof f->run, "%.24s", hex);
    whet_free(text);
    return WHET_OK;
}

static void collect(const fleet *f, fleet_host *h)
{
    h->running = false;
    if (fleet_fetch(h, f->run, f->patience) != WHET_OK) give_up(f, h);
    if (h->error != NULL || json_array_size(json_object_get(h->doc, "rows")) > 0) return;
    json_decref(h->doc); /* its rows are those that say why */
    h->doc = NULL;
    (void)WHET_FAIL(WHET_ERUNTIME, "%s: its study gave no rows", h->name);
    give_up(f, h);
}

/* ECANCELLED when interrupted: every machine has been told to stop then. */
static whet_status run_all(fleet *f)
{
    int left = 0;
    for (int i = 0; i < f->n && !whet_cancelled(); i++) {
        if (f->hosts[i].error != NULL) continue;
        const whet_status status = prepare(f, &f->hosts[i]);
        if (status != WHET_OK && status != WHET_ECANCELLED) give_up(f, &f->hosts[i]);
        left += status == WHET_OK;
    }
    for (int i = 0; left > 0 && !whet_cancelled(); i = (i + 1) % f->n) {
        fleet_host *h = &f->hosts[i];
        if (!h->running) continue;
        if (f->o->progress != NULL) f->o->progress(f->o->progress_arg, "machines", f->n - left, f->n, "machines", h->name);
        const whet_status status = fleet_wait(h, f->run, left > 1 ? 1 : ASK_SECONDS, f->patience);
        if (status != WHET_OK && status != WHET_ECANCELLED) {
            give_up(f, h);
            h->running = false;
            left--;
        } else if (h->ended) {
            collect(f, h);
            left--;
        }
    }
    if (!whet_cancelled()) return WHET_OK;
    for (int i = 0; i < f->n; i++)
        if (f->hosts[i].running) fleet_stop(&f->hosts[i], f->run);
    return WHET_FAIL(WHET_ECANCELLED, "interrupted: finished steps are kept on each machine, the same command goes on from there");
}

/* --- the document */

/* Rows of a machine that gave none. */
static json_t *failed_rows(const fleet *f, const fleet_host *h)
{
    json_t *cells = NULL, *rows = json_array(), *axes = whet_study_axes(f->s), *cell = NULL, *axis = NULL;
    int excluded = 0;
    size_t i = 0, k = 0;
    const char *why = h->error != NULL ? h->error : "it was not asked";
    if (whet_study_cells(f->s, &cells, &excluded) != WHET_OK) cells = json_array();
    json_array_foreach(cells, i, cell)
    {
        json_t *at = json_object();
        json_array_foreach(axes, k, axis) json_object_set(at, json_string_value(axis), json_object_get(cell, json_string_value(axis)));
        json_array_append_new(rows, json_pack("{s:o, s:s, s:O, s:O, s:O, s:O, s:s, s:o, s:s, s:o}", "id", json_sprintf("r%zu", i), "model",
                                              whet_path_base(whet_study_text(cell, "model")), "runtime", json_object_get(cell, "runtime"), "precision",
                                              json_object_get(cell, "precision"), "batch", json_object_get(cell, "batch"), "threads", json_object_get(cell, "threads"),
                                              "mode", f->o->mode != NULL ? f->o->mode : "default", "status", json_sprintf("skipped: %s", why), "reason", why, "axes", at));
    }
    json_decref(cells);
    json_decref(axes);
    return rows;
}

static json_t *host_document(const fleet *f, fleet_host *h)
{
    json_t *doc = h->doc != NULL ? json_incref(h->doc) : json_pack("{s:s, s:o, s:[], s:{s:[s]}}", "kind", "study", "rows", failed_rows(f, h), "comparisons", "context", "warnings",
                                                                  h->error != NULL ? h->error : "");
    json_t *row = NULL;
    size_t i = 0;
    if (doc == NULL) return NULL;
    json_object_set_new(doc, "label", json_string(h->name));
    json_array_foreach(json_object_get(doc, "rows"), i, row) json_object_set_new(row, "host", json_string(h->name));
    return doc;
}

/* The pictures must be the same everywhere: the hash of each split tells. */
static void compare_data(json_t *docs, json_t *warnings)
{
    const json_t *first = json_object_get(json_object_get(json_array_get(docs, 0), "data"), "splits"), *d = NULL;
    size_t i = 0;
    json_array_foreach(docs, i, d)
    {
        const json_t *splits = json_object_get(json_object_get(d, "data"), "splits");
        if (first != NULL && splits != NULL && !json_equal(first, splits))
            json_array_append_new(warnings, json_sprintf("%s read other pictures than %s: their figures are of different data", whet_json_str(d, "label"),
                                                         whet_json_str(json_array_get(docs, 0), "label")));
    }
}

/* What the machines counted, together. */
static void add_up(json_t *doc, const json_t *docs, const char *key)
{
    const json_t *d = NULL;
    size_t i = 0;
    json_int_t sum = 0;
    json_array_foreach(docs, i, d) sum += (json_int_t)whet_json_real(d, key);
    json_object_set_new(doc, key, json_integer(sum));
}

/* The first machine's pictures, with the reads of the test split of all. */
static void add_data(json_t *doc, const json_t *docs)
{
    const json_t *d = NULL;
    json_t *data = NULL;
    size_t i = 0;
    json_int_t reads = 0, ever = 0;
    json_array_foreach(docs, i, d)
    {
        const json_t *one = json_object_get(d, "data");
        ever += (json_int_t)whet_json_real(one, "test_reads_ever");
        if (one != NULL && data == NULL) data = json_copy((json_t *)one);
        reads += (json_int_t)whet_json_real(one, "test_reads");
    }
    if (data == NULL) return;
    json_object_set_new(data, "test_reads", json_integer(reads));
    json_object_set_new(data, "test_reads_ever", json_integer(ever));
    json_object_set_new(doc, "data", data);
}

static json_t *merge(const fleet *f)
{
    json_t *docs = json_array(), *warnings = json_array(), *machines = json_array();
    const char *title = whet_study_text(f->s->set, "title"), *goal = whet_study_text(f->s->set, "goal");
    for (int i = 0; i < f->n; i++) {
        json_array_append_new(docs, host_document(f, &f->hosts[i]));
        json_array_append_new(machines, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "name", f->hosts[i].name, "address", f->hosts[i].address, "machine", f->hosts[i].type, "glibc",
                                                  f->hosts[i].glibc, "reason", f->hosts[i].error != NULL ? f->hosts[i].error : "", "ok", f->hosts[i].doc != NULL));
    }
    json_t *doc = whet_report_merge(docs);
    if (doc != NULL) {
        compare_data(docs, warnings);
        json_object_set_new(doc, "kind", json_string("study"));
        json_object_set_new(doc, "title", json_string(title != NULL ? title : whet_study_text(f->s->set, "name") != NULL ? whet_study_text(f->s->set, "name") : whet_path_base(f->s->file)));
        if (goal != NULL) json_object_set_new(doc, "goal", json_string(goal));
        json_object_set_new(doc, "command", json_string(f->o->command != NULL ? f->o->command : "whet study"));
        json_object_set_new(doc, "mode", json_string(f->o->mode != NULL ? f->o->mode : "default"));
        json_object_set(doc, "study_settings", f->s->set);
        json_object_set(doc, "machines", machines);
        add_up(doc, docs, "steps_done");
        add_up(doc, docs, "steps_reused");
        add_data(doc, docs);
        json_object_set(doc, "remarks", warnings);
        char *summary = whet_report_summary(doc);
        json_object_set_new(doc, "summary", json_string(summary != NULL ? summary : ""));
        whet_free(summary);
    }
    json_decref(docs);
    json_decref(warnings);
    json_decref(machines);
    return doc;
}

/* The folder here, with the same care for what lies in it as that of a study of this machine. */
static whet_status open_folder(const fleet *f, study_run *r)
{
    *r = (study_run){.s = f->s, .o = *f->o, .name = study_short_name(f->s), .folder = -1};
    r->out = r->name != NULL ? study_out_folder(f->s, r->name) : NULL;
    return r->out != NULL ? study_open_folder(r) : WHET_ENOMEM;
}

static void close_folder(study_run *r)
{
    whet_store_close(r->store);
    whet_dir_release(&r->folder);
    whet_free(r->out);
    whet_free(r->name);
}

static whet_status publish(study_run *r, json_t *doc, uint64_t t0, const char *started)
{
    json_object_set_new(doc, "study", json_string(r->name));
    json_object_set_new(doc, "out", json_string(r->out));
    json_object_set_new(doc, "started", json_string(started));
    json_object_set_new(doc, "seconds", json_real((double)(whet_now_ns() - t0) / 1e9));
    return study_publish(r, doc);
}

static int rows_ok(const json_t *doc)
{
    const json_t *row = NULL;
    size_t i = 0;
    int n = 0;
    json_array_foreach(json_object_get(doc, "rows"), i, row) n += strcmp(whet_json_str(row, "status"), "ok") == 0;
    return n;
}

whet_status whet_fleet_run(json_t **doc, whet_study *s, const whet_study_options *opt, const whet_fleet_options *fleet_opt)
{
    fleet f = {.s = s, .o = opt, .f = fleet_opt, .patience = fleet_opt->patience > 0 ? fleet_opt->patience : PATIENCE};
    char started[21];
    study_run r = {.folder = -1};
    const uint64_t t0 = whet_now_ns();
    *doc = NULL;
    whet_utc_now(started);
    WHET_TRY(whet_study_check(s));
    WHET_TRY(fleet_inventory(fleet_opt->hosts, &f.hosts, &f.n));
    whet_status status = fleet_opt->alone ? WHET_OK : open_folder(&f, &r); /* before anybody is asked, if it can be */
    if (status == WHET_OK) probe_all(&f);
    if (status == WHET_OK && fleet_opt->alone && (status = lay_out(&f)) == WHET_OK) status = open_folder(&f, &r);
    if (status == WHET_OK) status = fleet_plan_make(&f.plan, s);
    if (status == WHET_OK) status = name_run(&f);
    if (status == WHET_OK) status = run_all(&f);
    if (status == WHET_OK && (*doc = merge(&f)) == NULL) status = WHET_ENOMEM;
    if (status == WHET_OK) status = publish(&r, *doc, t0, started);
    if (status == WHET_OK && rows_ok(*doc) == 0)
        status = WHET_FAIL(WHET_ERUNTIME, "no machine gave a row; the first: %s", whet_json_str(json_array_get(json_object_get(*doc, "rows"), 0), "reason"));
    for (int i = 0; i < f.n; i++) fleet_host_dispose(&f.hosts[i]);
    whet_free(f.hosts);
    fleet_plan_dispose(&f.plan);
    close_folder(&r);
    return status;
}
