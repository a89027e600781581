// SPDX-License-Identifier: Apache-2.0
// The columns of a results table, in the order that measuring.md's users know, and how a value is written.
#include "report/report_columns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/printable.h"
#include "report/report.h"

// What a prepared document has beside its own keys.
static const char MASK[] = "_names", COMPARED[] = "_compared";

static const report_column columns[] = {
    {"run", "run", "the stored run or file that the row comes from", "run", 't', false, true},
    {"host", "host", "machine that measured it", "host", 't', false, true},
    {"model", "model", "file or network", "model", 't', true, false},
    {"runtime", "runtime", "what ran it", "runtime_title", 't', true, false},
    {"precision", "precision", "arithmetic that ran", "precision", 't', true, false},
    {"batch", "batch", "pictures per inference", "batch", 'n', false, true},
    {"threads", "threads", "threads of the runtime", "threads", 'n', false, true},
    {"streams", "streams", "inferences under way at once", "settings.streams", 't', false, true},
    {"scenario", "scenario", "how the inferences arrive", "scenario", 't', false, true},
    {"asked", "precision asked", "precision hint given to the runtime", "settings.precision", 't', false, true},
    {"arena", "arena", "the runtime's memory arena", "settings.arena", 't', false, true},
    {"optimisation", "graph", "how far the runtime may rewrite the graph", "settings.optimisation", 't', false, true},
    {"seed", "seed", "of the training", "axes.seed", 'n', false, true},
    {"status", "status", "what became of the row", "status", 't', true, false},
    {"size", "size MB", "all files it needs", "size_bytes", 'M', true, false},
    {"params", "params", "numbers that were learned", "params", 'N', false, false},
    {"macs", "MACs", "multiply-accumulates per picture", "macs", 'N', false, false},
    {"accuracy", "accuracy %", "on the test split, ± the wider half of its 95 % interval", "accuracy.value", 'a', true, false},
    {"agreement", "agree %", "same best class as the original, on pictures without labels", "agreement.value", 'c', false, false},
    {"parity", "parity", "largest difference to the reference, as a share of its largest output", "parity.ok", 'p', true, false},
    {"load", "load ms", "read, build, prepack", "load_ms", 'm', true, false},
    {"first", "first ms", "first inference after loading", "first_ms", 'm', true, false},
    {"p50", "p50 ms", "median latency, ± the wider half of its 95 % interval", "latency.p50", 'l', true, false},
    {"p90", "p90", "nine of ten are faster, ms", "latency.p90", 'q', false, false},
    {"p95", "p95", "19 of 20 are faster, ms", "latency.p95", 'q', false, false},
    {"p99", "p99", "99 of 100 are faster, ms", "latency.p99", 'q', false, false},
    {"cv", "CV %", "standard deviation over mean", "latency.cv", 'c', false, false},
    {"rate", "img/s", "pictures per second; beneath the table stands what of", "img_per_s", 'f', true, false},
    {"memory", "Δ MB", "peak of the process, less the empty worker", "memory.delta_bytes", 'M', true, false},
    {"energy", "J/img", "energy per picture, by the wall time of a window of its own", "j_per_img", 'f', false, false},
    {"energy_net", "net J/img", "energy per picture, less what the idle machine takes", "j_per_img_net", 'e', false, false},
    {"per_watt", "img/s/W", "pictures per joule, by the wall time of the window of energy", "img_per_s_per_w", 'f', false, false},
    {"late", "late %", "share of the arrivals that were not done by their deadline", "load.late_share", 'c', false, false},
    {"kept", "kept %", "speed of the last tenth of a long load as a share of the first tenth's", "sustain.kept", 'c', false, false},
    {"plain_mean", "mean ms", "plain number: arithmetic mean over the repeats", "plain.mean_ms", 'm', false, false},
    {"plain_min", "min ms", "plain number: least of the repeats", "plain.min_ms", 'm', false, false},
    {"plain_img", "ms/img", "plain number: milliseconds per picture", "plain.ms_per_img", 'm', false, false},
    {"speed_up", "speed-up", "plain number: how many times as fast as the base row, the first one at its batch and threads", "plain.speed_up", 'f', false, false},
    {"reduction", "size reduction", "plain number: how many times smaller than the base row, the first one at its batch and threads", "plain.size_reduction", 'f', false, false},
    {"verdict", "verdict", "can the timing be trusted", "verdict", 't', true, false},
};

int report_column_count(void)
{
    return (int)WHET_COUNT(columns);
}

const report_column *report_column_at(int i)
{
    return &columns[i];
}

const json_t *report_get(const json_t *o, const char *path)
{
    char name[64];
    while (o != NULL && *path != '\0') {
        size_t n = strcspn(path, ".");
        if (n >= sizeof name) return NULL;
        memcpy(name, path, n);
        name[n] = '\0';
        o = json_object_get(o, name);
        path += n + (path[n] == '.');
    }
    return o != NULL && !json_is_null(o) ? o : NULL;
}

const char *report_str(const json_t *o, const char *path)
{
    const char *s = json_string_value(report_get(o, path));
    return s != NULL ? s : "";
}

const json_t *report_find(const json_t *list, const char *key, const char *text)
{
    const json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(list, i, o)
    {
        if (strcmp(report_str(o, key), text) == 0) return o;
    }
    return NULL;
}

const json_t *report_row_by_id(const json_t *doc, const char *id)
{
    return report_find(json_object_get(doc, "rows"), "id", id);
}

double report_num(const json_t *o, const char *path)
{
    const json_t *v = report_get(o, path);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

bool report_row_ok(const json_t *row)
{
    return strcmp(report_str(row, "status"), "ok") == 0;
}

const char *report_bare_reason(const char *why, char *buf, size_t size)
{
    const size_t n = strlen(why);
    const bool bracket = strncmp(why, "n/a (", 5) == 0 && why[n - 1] == ')';
    snprintf(buf, size, "%.*s", (int)(bracket ? n - 6 : n), bracket || strncmp(why, "n/a: ", 5) == 0 ? why + 5 : why);
    return buf;
}

bool report_column_plain(const report_column *c)
{
    return strncmp(c->path, "plain.", 6) == 0;
}

// A scenario's own figure (a server's p99) and a net energy that is none stand in the table with their reason.
static bool explains_itself(const report_column *c, const json_t *row)
{
    if (c->format == 'e') return report_str(row, "j_per_img_net_na")[0] != '\0';
    return c->format == 'q' && report_row_ok(row) && json_is_true(report_get(row, "load.loaded")) && strcmp(report_str(row, "load.figure"), c->id) == 0;
}

bool report_column_shown(const report_column *c, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *first = NULL;
    size_t i = 0;
    bool some = false, differ = false;
    json_array_foreach(rows, i, row)
    {
        const json_t *v = report_get(row, c->path);
        if (c->id != NULL && v == NULL) some = some || explains_itself(c, row);
        if (v == NULL) continue;
        some = true;
        if (first == NULL) first = v;
        differ = differ || !json_equal(first, v);
    }
    return c->core || (c->varies ? differ : some);
}

const char *report_digits(char *buf, size_t size, double x)
{
    double a = fabs(x);
    int decimals = a >= 100 ? 0 : a >= 10 ? 1 : a >= 1 ? 2 : a >= 0.1 ? 3 : a >= 0.01 ? 4 : 5;
    if (!isfinite(x)) {
        snprintf(buf, size, "n/a");
    } else if (a > 0 && a < 0.001) {
        snprintf(buf, size, "%.2e", x);
    } else if (a >= 1000) {
        return report_count(buf, size, x);
    } else {
        snprintf(buf, size, "%.*f", a == 0 ? 0 : decimals, x);
    }
    return buf;
}

const char *report_count(char *buf, size_t size, double n)
{
    char digits[40];
    size_t out = 0;
    snprintf(digits, sizeof digits, "%.0f", n);
    size_t len = strlen(digits);
    for (size_t i = 0; i < len && out + 2 < size; i++) {
        if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-') buf[out++] = ',';
        buf[out++] = digits[i];
    }
    buf[out] = '\0';
    return buf;
}

const char *report_large(char *buf, size_t size, double n)
{
    static const struct { double unit; const char *name; } units[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}};
    char digits[40];
    for (size_t i = 0; i < WHET_COUNT(units); i++) {
        if (fabs(n) < units[i].unit) continue;
        snprintf(buf, size, "%s %s", report_digits(digits, sizeof digits, n / units[i].unit), units[i].name);
        return buf;
    }
    return report_count(buf, size, n);
}

const char *report_bytes(char *buf, size_t size, double n)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    char digits[40];
    int u = 0;
    while (n >= 1000 && u < 4) {
        n /= 1000;
        u++;
    }
    snprintf(buf, size, "%s %s", u == 0 ? report_count(digits, sizeof digits, n) : report_digits(digits, sizeof digits, n), units[u]);
    return buf;
}

double report_round_up(double x, int decimals)
{
    double unit = pow(10, decimals);
    return ceil(x * unit - 1e-6) / unit + 0.0; // no -0
}

// "0.231" becomes "0.231 ±0.004", with as many decimals. The half width is the wider side's and rounded up, so that the
// interval is never made to look smaller than it is.
static void with_half_width(char *buf, size_t size, double x, double low, double high, double scale)
{
    size_t n = strlen(buf);
    const char *point = strchr(buf, '.');
    int decimals = point != NULL && strchr(buf, 'e') == NULL ? (int)strlen(point + 1) : 0;
    double w = fmax(x - low, high - x) * scale;
    if (isfinite(w) && strchr(buf, 'e') != NULL && n < size) { // "2.00e-05": no decimals to go by
        const double unit = w > 0 ? pow(10, floor(log10(w)) - 1) : 1;
        snprintf(buf + n, size - n, " ±%.2g", fmax(ceil(w / unit - 1e-6), 0) * unit);
        return;
    }
    if (isfinite(w) && w > x * scale && low >= 0 && n < size) { // it would reach below nothing: the interval itself
        snprintf(buf + n, size - n, " (%.*f to %.*f)", decimals, low * scale, decimals, high * scale);
        return;
    }
    if (isfinite(w) && n < size) snprintf(buf + n, size - n, " ±%.*f", decimals, report_round_up(w, decimals));
}

static void parity_text(const json_t *row, char *buf, size_t size)
{
    const json_t *outputs = report_get(row, "parity.outputs"), *o = NULL;
    size_t i = 0;
    double worst = 0;
    bool any = false;
    if (!json_is_true(report_get(row, "parity.ok"))) {
        snprintf(buf, size, "failed");
        return;
    }
    json_array_foreach(outputs, i, o)
    {
        double d = report_num(o, "max");
        if (isfinite(d)) worst = fmax(worst, d);
        any = any || isfinite(d);
    }
    if (any) {
        snprintf(buf, size, worst == 0 ? "equal" : "equal to %.0e", worst);
    } else {
        snprintf(buf, size, "passed");
    }
}

// A row that failed before it ran is the row of what was asked; older documents name the file's precision.
static bool never_ran_as_asked(const json_t *row)
{
    const char *asked = report_str(row, "settings.precision");
    return !report_row_ok(row) && report_get(row, "arithmetic") == NULL && asked[0] != '\0' && strcmp(asked, "default") != 0;
}

const char *report_cell(const report_column *c, const json_t *row, char *buf, size_t size, const char **why)
{
    char path[80];
    const json_t *v = report_get(row, c->path);
    double x = json_is_number(v) ? json_number_value(v) : (double)NAN;
    buf[0] = '\0';
    if (strcmp(c->id, "precision") == 0 && never_ran_as_asked(row)) v = report_get(row, "settings.precision");
    if (why != NULL) *why = NULL;
    if (v == NULL) {
        snprintf(path, sizeof path, "%s_na", c->path);
        if (c->format == 'a') snprintf(path, sizeof path, "accuracy_na");
        if (c->format == 'p') snprintf(path, sizeof path, "parity_na");
        if (why != NULL) *why = json_string_value(report_get(row, path));
        if (strcmp(c->id, "runtime") == 0) snprintf(buf, size, "%s", report_str(row, "runtime"));
        if (c->format == 'q' && report_str(row, path)[0] != '\0') snprintf(buf, size, "n/a"); // the warnings say why, and so does why
        if (c->format == 'e' && report_str(row, path)[0] != '\0') snprintf(buf, size, "not above idle");
        return buf;
    }
    switch (c->format) {
    case 't':
        snprintf(buf, size, "%s", json_is_string(v) ? json_string_value(v) : "");
        break;
    case 'n':
        if (json_is_string(v)) snprintf(buf, size, "%s", json_string_value(v)); // settings are texts
        else report_count(buf, size, x);
        break;
    case 'N':
        report_large(buf, size, x);
        break;
    case 'M':
        report_digits(buf, size, x / 1e6);
        break;
    case 'a':
        snprintf(buf, size, "%.2f", x * 100);
        with_half_width(buf, size, x, report_num(row, "accuracy.low"), report_num(row, "accuracy.high"), 100);
        break;
    case 'l':
        report_digits(buf, size, x);
        with_half_width(buf, size, x, report_num(row, "latency.p50_low"), report_num(row, "latency.p50_high"), 1);
        break;
    case 'p':
        parity_text(row, buf, size);
        break;
    case 'c':
        snprintf(buf, size, "%.1f", x * 100);
        break;
    case 'e': // of documents that do not judge it themselves
        if (x > 0.01 * report_num(row, "j_per_img")) report_digits(buf, size, x);
        else snprintf(buf, size, "not above idle");
        break;
    default:
        report_digits(buf, size, x);
    }
    return buf;
}

const char *report_row_flag(const json_t *row)
{
    const char *verdict = report_str(row, "verdict");
    if (verdict[0] != '\0' && strcmp(verdict, "ok") != 0) return verdict;
    return json_is_false(report_get(row, "thread_check.ok")) ? "more threads than allowed" : "";
}

static const char *const name_ids[] = {"model", "precision", "batch", "threads", "streams", "scenario", "asked", "arena", "optimisation", "seed", "host", "run"};
enum { BARE = 2 }; // the first ones are written without their titles

static const report_column *column_named(const char *id)
{
    for (size_t i = 0; i < WHET_COUNT(columns); i++)
        if (strcmp(columns[i].id, id) == 0) return &columns[i];
    return NULL;
}

// Which of name_ids the rows differ in, a bit each.
static json_int_t varying(const json_t *doc)
{
    json_int_t mask = 0;
    for (size_t i = 0; i < WHET_COUNT(name_ids); i++) {
        report_column c = *column_named(name_ids[i]);
        c.core = false;
        c.varies = true;
        if (report_column_shown(&c, doc)) mask |= (json_int_t)1 << i;
    }
    return mask;
}

// Appends ", batch 8" and so on: what of the row varies in the document.
static void append_varying(const json_t *doc, const json_t *row, bool with_model, char *buf, size_t size)
{
    const json_t *known = json_object_get(doc, MASK);
    const json_int_t mask = json_is_integer(known) ? json_integer_value(known) : varying(doc);
    char cell[200];
    size_t n = strlen(buf);
    if (json_is_true(json_object_get(row, "best_settings")) && n < size) n += (size_t)snprintf(buf + n, size - n, " best");
    for (size_t i = with_model ? 0 : 1; i < WHET_COUNT(name_ids) && n < size; i++) {
        const report_column *c = column_named(name_ids[i]);
        if ((mask >> i & 1) == 0) continue;
        report_cell(c, row, cell, sizeof cell, NULL);
        const bool usual = (strcmp(c->id, "asked") == 0 && strcmp(cell, "default") == 0) || (strcmp(c->id, "streams") == 0 && strcmp(cell, "1") == 0) || (strcmp(c->id, "scenario") == 0 && strcmp(cell, "single") == 0);
        if (cell[0] != '\0' && !usual) n += (size_t)snprintf(buf + n, size - n, ", %s%s%s", i < BARE ? "" : c->title, i < BARE ? "" : " ", cell);
    }
}

static const char *title_of(const json_t *row)
{
    const char *title = report_str(row, "runtime_title");
    return title[0] != '\0' ? title : report_str(row, "runtime");
}

void report_row_name(const json_t *doc, const json_t *row, bool with_model, char *buf, size_t size)
{
    snprintf(buf, size, "%s", title_of(row));
    append_varying(doc, row, with_model, buf, size);
}

json_t *report_prepared(const json_t *doc)
{
    const json_t *list = json_object_get(doc, "comparisons"), *c = NULL;
    size_t i = 0;
    if (json_object_get(doc, MASK) != NULL) return json_incref((json_t *)doc);
    json_t *copy = json_copy((json_t *)doc), *told = json_object();
    json_array_foreach(list, i, c)
    {
        char *key = whet_format("%s\n%s", report_str(c, "a"), report_str(c, "b"));
        if (key != NULL && json_object_get(told, key) == NULL) json_object_set_new(told, key, json_string(report_str(c, "verdict")));
        whet_free(key);
    }
    json_object_set_new(copy, MASK, json_integer(varying(doc)));
    json_object_set_new(copy, COMPARED, told);
    return copy;
}

const char *report_compared(const json_t *doc, const char *a, const char *b)
{
    const json_t *told = json_object_get(doc, COMPARED), *list = json_object_get(doc, "comparisons"), *c = NULL;
    size_t i = 0;
    if (told != NULL) {
        char key[200];
        const int n = snprintf(key, sizeof key, "%s\n%s", a, b);
        if (n > 0 && (size_t)n < sizeof key) return json_is_string(json_object_get(told, key)) ? json_string_value(json_object_get(told, key)) : "";
    }
    json_array_foreach(list, i, c)
    {
        if (strcmp(report_str(c, "a"), a) == 0 && strcmp(report_str(c, "b"), b) == 0) return report_str(c, "verdict");
    }
    return "";
}

void report_row_name_marked(const json_t *doc, const json_t *row, char *buf, size_t size)
{
    const bool own = strncmp(report_str(row, "runtime"), "native", 6) == 0;
    snprintf(buf, size, "%s%s", title_of(row), own ? " (whet's own engine)" : "");
    append_varying(doc, row, true, buf, size);
}

void report_row_machine(const json_t *doc, const json_t *row, char *buf, size_t size)
{
    const json_t *run = report_run_named(doc, report_str(row, "run"));
    const json_t *m = report_get(run != NULL ? run : doc, "context.machine");
    const char *host = report_str(row, "host"), *cpu = report_str(m, "cpu");
    if (host[0] != '\0') {
        snprintf(buf, size, "%s", host);
    } else {
        snprintf(buf, size, "%s%s%s", report_str(m, "host"), report_str(m, "host")[0] != '\0' && cpu[0] != '\0' ? ", " : "", cpu);
    }
}

int report_runtime_index(const json_t *doc, const json_t *row)
{
    const json_t *rows = json_object_get(doc, "rows"), *r = NULL, *seen[64];
    const char *runtime = report_str(row, "runtime");
    size_t i = 0;
    int n = 0;
    json_array_foreach(rows, i, r)
    {
        bool known = false;
        for (int k = 0; k < n; k++) known = known || strcmp(report_str(seen[k], "runtime"), report_str(r, "runtime")) == 0;
        if (!known && strcmp(report_str(r, "runtime"), runtime) == 0) return n;
        if (!known && n < (int)WHET_COUNT(seen)) seen[n++] = r;
    }
    return 0;
}

const char *const whet_report_brief_titles[WHET_REPORT_BRIEF] = {"model", "runtime", "acc %", "parity", "p50 ms", "img/s", "Δ MB", "verdict"};
const char whet_report_brief_align[] = "llrlrrrl";

static json_t *brief(const json_t *doc)
{
    static const char *const ids[WHET_REPORT_BRIEF] = {"model", "runtime", "accuracy", "parity", "p50", "rate", "memory", "verdict"};
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    json_t *out = json_array();
    char buf[400];
    size_t i = 0;
    json_array_foreach(rows, i, row)
    {
        for (int k = 0; k < WHET_REPORT_BRIEF; k++) {
            for (int j = 0; j < report_column_count(); j++)
                if (strcmp(columns[j].id, ids[k]) == 0) report_cell(&columns[j], row, buf, sizeof buf, NULL);
            if (k == 1) { // the runtime's short name: 80 columns hold no titles
                whet_printable(buf, sizeof buf / 2, report_str(row, "runtime"), 0);
                append_varying(doc, row, false, buf, sizeof buf);
            }
            if (k == 3 && strncmp(buf, "equal", 5) == 0) snprintf(buf, sizeof buf, "equal"); // how nearly stands in the report
            if (k == 7 && !report_row_ok(row)) snprintf(buf, sizeof buf, "%s", report_str(row, "status"));
            json_array_append_new(out, json_string(buf));
        }
    }
    return out;
}

json_t *whet_report_brief(const json_t *doc)
{
    json_t *p = report_prepared(doc), *out = brief(p);
    json_decref(p);
    return out;
}
