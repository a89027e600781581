// SPDX-License-Identifier: Apache-2.0
// The sections in words: method, data and choices, training, machine, provenance, how to read the page.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/report.h"
#include "report/report_columns.h"
#include "report/report_html.h"
#include "wire/json.h"

// Any scalar as text for people; "" for null.
static const char *plain(const json_t *v, char *buf, size_t size)
{
    buf[0] = '\0';
    if (json_is_string(v)) snprintf(buf, size, "%s", json_string_value(v));
    if (json_is_integer(v)) snprintf(buf, size, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    if (json_is_real(v)) snprintf(buf, size, "%.6g", json_real_value(v));
    if (json_is_boolean(v)) snprintf(buf, size, "%s", json_is_true(v) ? "yes" : "no");
    if (json_is_array(v)) {
        size_t n = 0, i = 0;
        const json_t *item = NULL;
        char one[200];
        json_array_foreach(v, i, item)
        {
            if (n < size) n += (size_t)snprintf(buf + n, size - n, "%s%s", i > 0 ? ", " : "", plain(item, one, sizeof one));
        }
    }
    return buf;
}

static void fact_at(whet_strbuf *b, const char *name, const json_t *o, const char *path)
{
    char buf[600];
    report_fact(b, name, plain(report_get(o, path), buf, sizeof buf));
}

// --- several runs: each says its own, runs that say the same say it together

typedef void (*run_fn)(whet_strbuf *b, const json_t *run);

static bool says_the_same(const json_t *a, const json_t *b, const char *const *paths)
{
    for (; *paths != NULL; paths++) {
        const json_t *x = report_get(a, *paths), *y = report_get(b, *paths);
        if (x != y && (x == NULL || y == NULL || !json_equal(x, y))) return false;
    }
    return true;
}

static void each_run(whet_strbuf *b, const json_t *doc, const char *const *paths, run_fn fn)
{
    const size_t n = report_run_count(doc);
    for (size_t i = 0; i < n; i++) {
        const json_t *run = report_run_at(doc, i);
        bool said = false;
        size_t alike = 0;
        for (size_t k = 0; k < i; k++) said = said || says_the_same(run, report_run_at(doc, k), paths);
        for (size_t k = i; k < n; k++) alike += says_the_same(run, report_run_at(doc, k), paths);
        if (said) continue;
        if (n > 1) {
            whet_strbuf_puts(b, "<h3>");
            size_t named = 0;
            for (size_t k = i; k < n; k++) {
                if (!says_the_same(run, report_run_at(doc, k), paths)) continue;
                if (named++ < 4) {
                    whet_strbuf_puts(b, named > 1 ? ", " : "");
                    report_esc(b, report_str(report_run_at(doc, k), "label"));
                }
            }
            if (alike > 4) whet_strbuf_printf(b, " and %zu more", alike - 4);
            whet_strbuf_puts(b, "</h3>\n");
        }
        fn(b, run);
    }
}

static void method_of(whet_strbuf *b, const json_t *doc)
{
    const json_t *s = json_object_get(doc, "settings");
    char text[600];
    whet_strbuf_puts(b, "<dl>\n");
    fact_at(b, "size of the run", doc, "mode");
    fact_at(b, "threads", s, "threads");
    fact_at(b, "streams", s, "streams");
    fact_at(b, "scenario", s, "scenario");
    fact_at(b, "CPUs", s, "cpus");
    fact_at(b, "batch", s, "batch");
    if (isfinite(report_num(s, "min_runs"))) {
        snprintf(text, sizeof text, "at least %.0f inferences and %.3g s per row, over %.0f or more rounds of fresh processes", report_num(s, "min_runs"),
                 report_num(s, "min_seconds"), report_num(s, "rounds"));
        report_fact(b, "measured", text);
        snprintf(text, sizeof text, "at least %.0f inferences and %.3g s, longer while it still gets faster", report_num(s, "warmup_runs"), report_num(s, "warmup_seconds"));
        report_fact(b, "warm-up", text);
    }
    fact_at(b, "graph optimisation", s, "optimisation");
    fact_at(b, "precision asked", s, "precision");
    fact_at(b, "denormals", s, "denormals");
    fact_at(b, "arena", s, "arena");
    fact_at(b, "parity bound", s, "accept");
    fact_at(b, "seed", s, "seed");
    fact_at(b, "inputs", doc, "inputs.source");
    fact_at(b, "inputs' SHA-256", doc, "inputs.sha256");
    fact_at(b, "preprocessing", doc, "contract_text");
    fact_at(b, "where that came from", doc, "contract_source");
    whet_strbuf_puts(b, "</dl>\n");
}

void report_method(whet_strbuf *b, const json_t *doc)
{
    static const char *const paths[] = {"mode", "settings", "inputs", "contract_text", "contract_source", NULL};
    whet_strbuf_puts(b, "<p class='lead'>The timed region is one inference with its input already in the runtime's own tensor. Every model on every "
                        "runtime runs in fresh processes of its own, with the same threads on the same CPUs, warmed up by count and by time; the "
                        "candidates take their turns in shuffled blocks. Medians carry a 95 % interval from a bootstrap over processes and blocks.</p>\n");
    each_run(b, doc, paths, method_of);
}

bool report_has_data(const json_t *doc)
{
    for (size_t i = 0; i < report_run_count(doc); i++)
        if (json_is_object(json_object_get(report_run_at(doc, i), "data"))) return true;
    return false;
}

void report_split_text(const json_t *run, const json_t *split, char *buf, size_t size)
{
    const double count = report_num(split, "count"), limit = json_number_value(json_object_get(json_object_get(run, "study_settings"), "data.limit"));
    char digits[2][40];
    const char *text = report_str(split, "text");
    snprintf(buf, size, "%s pictures%s%.400s%s", report_count(digits[0], sizeof digits[0], count), text[0] != '\0' ? " (" : "", text, text[0] != '\0' ? ")" : "");
    const size_t n = strlen(buf);
    if (strcmp(report_str(split, "name"), "test") == 0 && limit > 0 && limit < count)
        snprintf(buf + n, size - n, ", %s of them evaluated", report_count(digits[1], sizeof digits[1], limit));
}

static void data_of(whet_strbuf *b, const json_t *doc)
{
    const json_t *d = json_object_get(doc, "data"), *list = json_object_get(doc, "choices"), *c = NULL, *splits = json_object_get(d, "splits");
    size_t i = 0;
    char text[700];
    whet_strbuf_puts(b, "<dl>\n");
    fact_at(b, "set", d, "name");
    fact_at(b, "taken from", d, "source");
    fact_at(b, "remark", d, "note");
    fact_at(b, "classes", d, "classes");
    json_array_foreach(splits, i, c)
    {
        report_split_text(doc, c, text, sizeof text);
        report_fact(b, report_str(c, "name"), text);
    }
    if (isfinite(report_num(d, "test_reads"))) {
        snprintf(text, sizeof text, "%.0f, each by the final evaluation of a row; no choice saw it", report_num(d, "test_reads"));
        report_fact(b, "reads of the test split", text);
    }
    if (report_num(d, "broken") > 0) {
        snprintf(text, sizeof text, "%.0f pictures could not be decoded and were left out, first %s", report_num(d, "broken"), report_str(d, "broken_first"));
        report_fact(b, "broken", text);
    }
    fact_at(b, "SHA-256", d, "sha256");
    json_array_foreach(list, i, c)
    {
        snprintf(text, sizeof text, "%s (%s split)", report_str(c, "what"), report_str(c, "split"));
        report_fact(b, i == 0 ? "chosen" : "and", text);
    }
    whet_strbuf_puts(b, "</dl>\n");
}

void report_data(whet_strbuf *b, const json_t *doc)
{
    static const char *const paths[] = {"data", "choices", NULL};
    each_run(b, doc, paths, data_of);
}

void report_training(whet_strbuf *b, const json_t *doc, const json_t *charts)
{
    const json_t *list = json_object_get(doc, "trainings"), *t = NULL;
    size_t i = 0;
    json_array_foreach(list, i, t)
    {
        const char *key = NULL;
        json_t *v = NULL;
        char text[600], value[200], digits[40];
        size_t n = 0;
        whet_strbuf_puts(b, "<h3>");
        report_esc(b, report_str(t, "label"));
        whet_strbuf_puts(b, "</h3>\n<dl>\n");
        if (isfinite(report_num(t, "seconds"))) {
            snprintf(text, sizeof text, "%.1f s, %s pictures per second", report_num(t, "seconds"), report_count(digits, sizeof digits, report_num(t, "img_per_s")));
            report_fact(b, "took", text);
        }
        fact_at(b, "epochs", t, "epochs");
        fact_at(b, "weights taken", t, "taken");
        fact_at(b, "went wrong", t, "reason");
        if (isfinite(report_num(t, "params"))) report_fact(b, "parameters", report_count(digits, sizeof digits, report_num(t, "params")));
        text[0] = '\0';
        json_object_foreach(json_object_get(t, "settings"), key, v)
        {
            if (n < sizeof text && !json_is_null(v)) n += (size_t)snprintf(text + n, sizeof text - n, "%s%s %s", n > 0 ? ", " : "", key, plain(v, value, sizeof value));
        }
        report_fact(b, "settings", text);
        whet_strbuf_puts(b, "</dl>\n");
    }
    report_figures(b, charts, "train-");
}

typedef struct machine_fact {
    const char *name, *path;
    char form;   // ' ' as it is, '%' a share, 'd' one decimal, 'o' on or off
    bool moving; // another in every run
} machine_fact;

static void say_machine(whet_strbuf *b, const machine_fact *f, const json_t *m)
{
    const double x = report_num(m, f->path);
    char text[60] = "";
    if (!isfinite(x) || f->form == ' ') {
        fact_at(b, f->name, m, f->path);
        return;
    }
    if (f->form == '%') snprintf(text, sizeof text, "%.1f %%", 100 * x);
    if (f->form == 'd') snprintf(text, sizeof text, "%.1f", x);
    if (f->form == 'o') snprintf(text, sizeof text, "%s", x > 0 ? "on" : "off");
    report_fact(b, f->name, text);
}

static void machine_of(whet_strbuf *b, const json_t *doc)
{
    static const machine_fact facts[] = {
        {"host", "host", ' ', false}, {"CPU", "cpu", ' ', false}, {"physical cores", "physical_cores", ' ', false}, {"CPUs", "cpus", ' ', false}, {"usable CPUs", "usable_cpus", ' ', false},
        {"instruction set", "isa", ' ', false}, {"governor", "governor", ' ', false}, {"MHz before", "frequency_mhz_before", ' ', true}, {"MHz after", "frequency_mhz_after", ' ', true},
        {"boost", "boost", 'o', false}, {"SMT", "smt", 'o', false}, {"NUMA nodes", "numa_nodes", ' ', false}, {"load before", "load1_before", 'd', true}, {"load after", "load1_after", 'd', true},
        {"programs waited for a CPU", "psi_cpu", '%', true}, {"time stolen by other guests", "steal_share", '%', true}, {"CPU quota", "quota_cpus", ' ', false},
        {"throttled", "throttled", ' ', true}, {"virtual machine", "virtual", ' ', false}, {"container", "container", ' ', false}, {"kernel", "kernel", ' ', false}};
    const json_t *m = report_get(doc, "context.machine");
    const bool several = report_str(doc, "label")[0] != '\0';
    char digits[60];
    whet_strbuf_puts(b, "<dl>\n");
    for (size_t i = 0; i < WHET_COUNT(facts); i++)
        if (!facts[i].moving || !several) say_machine(b, &facts[i], m);
    if (isfinite(report_num(m, "memory_bytes"))) report_fact(b, "memory", report_bytes(digits, sizeof digits, report_num(m, "memory_bytes")));
    whet_strbuf_puts(b, "</dl>\n");
}

// What ran the rows, with versions, and the exact files.
static void versions(whet_strbuf *b, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    size_t i = 0;
    char text[300];
    json_t *seen = json_object();
    whet_strbuf_puts(b, "<h3>Versions</h3>\n<dl>\n");
    fact_at(b, "program", doc, "context.program");
    json_array_foreach(rows, i, row)
    {
        const char *title = report_str(row, "runtime_title"), *version = report_str(row, "runtime_version");
        if (version[0] == '\0') continue;
        snprintf(text, sizeof text, "%.120s %.120s", title[0] != '\0' ? title : report_str(row, "runtime"), version);
        if (json_object_get(seen, text) != NULL) continue;
        json_object_set_new(seen, text, json_true());
        report_fact(b, title[0] != '\0' ? title : report_str(row, "runtime"), version);
    }
    whet_strbuf_puts(b, "</dl>\n");
    json_decref(seen);
}

void report_machine(whet_strbuf *b, const json_t *doc)
{
    static const char *const paths[] = {"context.machine.host", "context.machine.cpu", "context.machine.isa", "context.machine.governor", "context.machine.kernel", NULL};
    each_run(b, doc, paths, machine_of);
    versions(b, doc);
}

static void steps_table(whet_strbuf *b, const json_t *steps)
{
    size_t i = 0;
    const json_t *s = NULL;
    char digits[40];
    if (json_array_size(steps) == 0) return;
    whet_strbuf_puts(b, "<details><summary>Steps of the study</summary>\n<div class='scroll' role='region' aria-label='Table of steps' tabindex='0'><table>\n<thead><tr>"
                        "<th scope='col'>step</th><th scope='col'>of</th><th scope='col'>state</th><th scope='col' class='num'>seconds</th>"
                        "<th scope='col'>key</th><th scope='col'>reason</th></tr></thead>\n<tbody>\n");
    json_array_foreach(steps, i, s)
    {
        whet_strbuf_puts(b, "<tr><th scope='row'>");
        report_esc(b, report_str(s, "name"));
        whet_strbuf_puts(b, "</th><td>");
        report_esc(b, report_str(s, "label"));
        whet_strbuf_puts(b, "</td><td>");
        report_esc(b, report_str(s, "state"));
        whet_strbuf_printf(b, "</td><td class='num'>%s</td><td class='mono'>", isfinite(report_num(s, "seconds")) ? report_digits(digits, sizeof digits, report_num(s, "seconds")) : "–");
        snprintf(digits, sizeof digits, "%.12s", report_str(s, "key"));
        report_esc(b, digits);
        whet_strbuf_puts(b, "</td><td class='wrap'>");
        report_esc(b, report_str(s, "reason"));
        whet_strbuf_puts(b, "</td></tr>\n");
    }
    whet_strbuf_puts(b, "</tbody></table></div></details>\n");
}

static void origin_of(whet_strbuf *b, const json_t *doc)
{
    char text[60];
    whet_strbuf_puts(b, "<pre><code>");
    report_esc(b, report_str(doc, "command"));
    whet_strbuf_puts(b, "</code></pre>\n<dl>\n");
    fact_at(b, "program", doc, "context.program");
    fact_at(b, "started", doc, "started");
    if (isfinite(report_num(doc, "seconds"))) {
        snprintf(text, sizeof text, "%.1f s", report_num(doc, "seconds"));
        report_fact(b, "took", text);
    }
    fact_at(b, "study file", doc, "file");
    fact_at(b, "taken from", doc, "source");
    fact_at(b, "stored in", doc, "stored_in");
    whet_strbuf_puts(b, "</dl>\n");
    steps_table(b, json_object_get(doc, "steps"));
    if (json_object_size(json_object_get(doc, "study_settings")) > 0) {
        char *all = whet_json_text(json_object_get(doc, "study_settings"), 2);
        whet_strbuf_puts(b, "<details><summary>All settings</summary><pre><code>");
        report_esc(b, all != NULL ? all : "");
        whet_strbuf_puts(b, "</code></pre></details>\n");
        whet_free(all);
    }
}

void report_provenance(whet_strbuf *b, const json_t *doc)
{
    static const char *const paths[] = {"command", "started", "label", NULL};
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    json_t *seen = json_object();
    size_t i = 0;
    char text[100];
    whet_strbuf_puts(b, "<p class='lead'>The command, the program and the exact files:</p>\n");
    each_run(b, doc, paths, origin_of);
    whet_strbuf_puts(b, "<h3>Files measured</h3>\n<dl>\n");
    json_array_foreach(rows, i, row)
    {
        const char *sha = report_str(row, "sha256");
        if (sha[0] == '\0' || json_object_get(seen, sha) != NULL) continue;
        json_object_set_new(seen, sha, json_true());
        snprintf(text, sizeof text, "SHA-256 %.64s", sha);
        report_fact(b, report_str(row, "model"), text);
    }
    whet_strbuf_puts(b, "</dl>\n");
    json_decref(seen);
}

// What the rows define themselves: each name once.
static void said_of_rows(whet_strbuf *b, const json_t *doc, const char *name, const char *text)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    json_t *seen = json_object();
    size_t i = 0;
    json_array_foreach(rows, i, row)
    {
        const char *word = report_str(row, name);
        if (word[0] == '\0' || json_object_get(seen, word) != NULL) continue;
        json_object_set_new(seen, word, json_true());
        report_fact(b, word, report_str(row, text));
    }
    json_decref(seen);
}

void report_reading(whet_strbuf *b, const json_t *doc)
{
    static const struct { const char *word, *means; } words[] = {
        {"ok", "status: the row was verified, measured and evaluated; verdict: the timing is steady enough to be quoted"},
        {"UNSTABLE", "the interval of the median is wider than ±3 %, or the last windows drifted by over 10 %: quote the ratio, not the figure"},
        {"INVALID", "fewer inferences or seconds than the rules ask for"},
        {"better, worse", "the whole interval of the ratio lies beyond ±2 % (corrected for the number of comparisons)"},
        {"same", "the whole interval of the ratio lies inside ±2 %"},
        {"cannot tell", "the interval of the ratio is too wide for a verdict"},
        {"p90, p99", "nearest-rank percentiles, given only with enough samples (64 and 662)"},
        {"Δ MB", "peak resident memory of the process that ran the model, less the empty worker; the whole peak stands in the chart and in the raw numbers"},
        {"accuracy ±", "the wider half of Wilson's 95 % interval"},
        {"◆", "on the Pareto front: no other row is nowhere worse and somewhere surely better in accuracy, median latency and size; differences that noise explains do not count"},
        {"meets the goal", "each limit is met by the unfavourable end of the figure's interval; unsure: only the middle of the interval meets it"},
        {"whet's own engine", "native: made by the authors of this program; where it cannot be told from another row, the other is named"},
        {"mean, minimum", "of every timed inference of the row; the minimum is the least, not a typical latency"},
        {"img/s", "pictures per second: batch / median latency for one stream, else as the row says"},
    };
    const char *name = NULL;
    json_t *text = NULL;
    whet_strbuf_puts(b, "<details><summary>How to read the words on this page</summary>\n<dl>\n");
    for (size_t i = 0; i < WHET_COUNT(words); i++) report_fact(b, words[i].word, words[i].means);
    json_object_foreach(json_object_get(report_run_at(doc, 0), "plain_definitions"), name, text) report_fact(b, name, json_is_string(text) ? json_string_value(text) : "");
    said_of_rows(b, doc, "scenario", "load.definition");
    whet_strbuf_puts(b, "</dl></details>\n");
}
