// SPDX-License-Identifier: Apache-2.0
// Selections of runs, LaTeX and pictures.
#include "support.h"

#include <unistd.h>

#include "report/report.h"
#include "report/report_columns.h"
#include "report/report_html.h"
#include "report/report_latex.h"
#include "report_sample.h"
#include "store/store.h"
#include "wire/json.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/whet-report-XXXXXX");
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void assert_file_contains(const char *name, const char *text)
{
    uint8_t *data = NULL;
    size_t size = 0;
    char path[200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_ok(whet_file_read(&data, &size, path, 1 << 24));
    assert_contains((const char *)data, text);
    whet_free(data);
}

static void one_run_stays_as_it_is(void **state)
{
    (void)state;
    json_t *doc = sample_document("lenet"), *back = NULL;
    char path[100];
    snprintf(path, sizeof path, "%s/a.json", dir);
    const char *const sources[] = {path};
    assert_ok(whet_json_write(path, doc));
    assert_ok(whet_report_select(&back, sources, 1, NULL));
    assert_true(json_equal(doc, back));
    json_decref(back);
    json_decref(doc);
}

static void runs_of_a_store_are_selected(void **state)
{
    (void)state;
    char path[100], file[100];
    int64_t id[3];
    whet_store *s = NULL;
    json_t *doc = sample_document("lenet"), *all = NULL;
    snprintf(path, sizeof path, "%s/store.sqlite", dir);
    assert_ok(whet_store_open(&s, path, false));
    for (int i = 0; i < 3; i++) {
        json_object_set_new(doc, "seconds", json_integer(i));
        assert_ok(whet_store_put_run(s, doc, i < 2 ? "demo" : "other", &id[i]));
    }
    assert_ok(whet_store_tag(s, id[0], "paper", false));
    assert_ok(whet_store_tag(s, id[2], "paper", false));
    whet_store_close(s);
    static const struct { const char *source; size_t runs; } cases[] = {{"1-3", 3}, {"2", 1}, {"latest", 1}, {"tag:paper", 2}, {"study:demo", 2}, {"latest:demo", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_ok(whet_report_select(&all, &cases[i].source, 1, path));
        assert_int_equal(report_run_count(all), cases[i].runs);
        assert_int_equal(json_array_size(json_object_get(all, "rows")), 3 * cases[i].runs);
        json_decref(all);
    }
    // ids are unique, comparisons follow, the label of the run is a column
    const char *const two[] = {"1", "3"};
    assert_ok(whet_report_select(&all, two, 2, path));
    assert_string_equal(report_str(json_array_get(json_object_get(all, "rows"), 0), "id"), "1/r0");
    assert_string_equal(report_str(json_array_get(json_object_get(all, "rows"), 3), "id"), "2/r0");
    assert_string_equal(report_str(json_array_get(json_object_get(all, "rows"), 3), "run"), "#3 other");
    assert_string_equal(report_str(json_array_get(json_object_get(all, "comparisons"), 1), "a"), "2/r0");
    char *html = NULL;
    assert_ok(whet_report_html(all, "/nonexistent", &html));
    assert_contains(html, "data-pick='run'");
    whet_free(html);
    json_decref(all);
    // an export of several runs, and a file beside a stored run; the same file twice has two labels
    assert_ok(whet_store_open(&s, path, true));
    assert_ok(whet_store_export(s, &all, NULL, 0));
    whet_store_close(s);
    snprintf(file, sizeof file, "%s/export.json", dir);
    assert_ok(whet_json_write(file, all));
    json_decref(all);
    const char *const mixed[] = {file, "latest", file};
    assert_ok(whet_report_select(&all, mixed, 3, path));
    assert_int_equal(report_run_count(all), 7);
    for (size_t i = 0; i < 7; i++)
        for (size_t k = 0; k < i; k++) assert_string_not_equal(report_str(report_run_at(all, i), "label"), report_str(report_run_at(all, k), "label"));
    json_decref(all);
    static const struct { const char *source; whet_status status; } wrong[] = {
        {"9", WHET_ENOTFOUND}, {"tag:none", WHET_ENOTFOUND}, {"3-1", WHET_EINVAL}, {"1-99999", WHET_EINVAL}, {"nofile.json", WHET_ENOTFOUND}, {"", WHET_ENOTFOUND}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        all = NULL;
        assert_status(whet_report_select(&all, &wrong[i].source, 1, path), wrong[i].status);
        assert_null(all);
    }
    json_decref(doc);
}

static void models_of_one_name_are_told_apart(void **state)
{
    (void)state;
    char path[100];
    json_t *doc = json_pack("{s:s, s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}]}", "kind", "bench", "rows", "model", "net.onnx", "path", "/data/a/net.onnx", "model", "net.onnx", "path", "/data/b/net.onnx",
                            "model", "other", "path", "/data/b/net.onnx"), *back = NULL;
    const char *const sources[] = {path};
    snprintf(path, sizeof path, "%s/apart.json", dir);
    assert_ok(whet_json_write(path, doc));
    assert_ok(whet_report_select(&back, sources, 1, NULL));
    static const char *const names[] = {"a/net.onnx", "b/net.onnx", "other"};
    for (size_t i = 0; i < 3; i++) assert_string_equal(report_str(json_array_get(json_object_get(back, "rows"), i), "model"), names[i]);
    json_decref(back);
    json_decref(doc);
}

static void explanations_stand_beside_rows(void **state)
{
    (void)state;
    char paths[2][100], *html = NULL;
    json_t *doc = sample_document("lenet"), *all = NULL;
    json_t *why = json_pack("{s:s, s:s, s:s, s:{s:[{s:s, s:s, s:s, s:f}]}}", "kind", "explain", "model", "lenet.onnx", "runtime", "ort", "profile", "nodes", "name", "conv1", "type", "Conv",
                            "precision", "f32", "ms", 0.25);
    for (int i = 0; i < 2; i++) snprintf(paths[i], sizeof paths[i], "%s/%d.json", dir, i);
    assert_ok(whet_json_write(paths[0], why));
    assert_ok(whet_json_write(paths[1], doc));
    const char *const sources[] = {paths[0], paths[1]};
    assert_status(whet_report_select(&all, sources, 1, NULL), WHET_EFORMAT); // alone it has no rows
    assert_ok(whet_report_select(&all, sources, 2, NULL));
    assert_ok(whet_report_html(all, "/nonexistent", &html));
    assert_contains(html, "data-chart='layers-0'");
    assert_contains(html, "conv1 (Conv, f32)");
    json_decref(all);
    // as `whet explain` writes it: models with nodes, sentences, and the least that a layer can take
    json_object_del(why, "profile");
    json_object_set_new(why, "models", json_pack("[{s:s, s:s, s:[s], s:[{s:s, s:s, s:s, s:f, s:f, s:f}]}]", "model", "lenet.onnx", "title", "ONNX Runtime", "sentences", "int8 is slower here because x<y",
                                                 "nodes", "name", "conv9", "type", "Conv", "precision", "int8", "ms", 0.5, "compute_ms", 0.2, "memory_ms", 0.3));
    assert_ok(whet_json_write(paths[0], why));
    assert_ok(whet_report_select(&all, sources, 2, NULL));
    whet_free(html);
    assert_ok(whet_report_html(all, "/nonexistent", &html));
    assert_contains(html, "int8 is slower here because x&lt;y");
    assert_contains(html, "least possible (roofline)");
    assert_contains(html, "0.500 · 0.300");
    whet_free(html);
    json_decref(all);
    json_decref(why);
    json_decref(doc);
}

static void tex_digits_follow_the_interval(void **state)
{
    (void)state;
    static const struct { double x, low, high; report_tex_kind kind; const char *tex; } cases[] = {
        {0.2314, 0.2278, 0.2341, REPORT_TEX_PLAIN, "$0.231 \\pm 0.004$"}, {98.914, 98.68, 99.09, REPORT_TEX_SHARE, "$98.91 \\pm 0.24$"},
        {11.35, 10.75, 11.99, REPORT_TEX_SHARE, "$11.35 \\pm 0.64$"}, {12.3456, 12.2, 12.49, REPORT_TEX_PLAIN, "$12.35 \\pm 0.15$"},
        {8.16, 8.15, 8.2596, REPORT_TEX_PLAIN, "$8.16$ ($8.15$--$8.26$)"}, {1234.4, 1200, 1260, REPORT_TEX_PLAIN, "$1234 \\pm 35$"},
        {123456, 121000, 125000, REPORT_TEX_PLAIN, "$123\\,456 \\pm 2456$"}, {5, NAN, NAN, REPORT_TEX_PLAIN, "$5.00$"},
        {0.312, 0.29, 0.805, REPORT_TEX_PERCENTILE, "$0.312$ ($0.290$--$0.805$)"}, {20.04, 19.9, 49.61, REPORT_TEX_PERCENTILE, "$20.0$ ($19.9$--$49.7$)"},
        {0.312, 0.302, 0.322, REPORT_TEX_PERCENTILE, "$0.312$ ($0.302$--$0.322$)"}, {2.1e-7, NAN, NAN, REPORT_TEX_PLAIN, "$2.10 \\cdot 10^{-7}$"},
        {NAN, 1, 2, REPORT_TEX_PLAIN, "--"}, {0, NAN, NAN, REPORT_TEX_PLAIN, "$0$"}, {3, 3, 3, REPORT_TEX_PLAIN, "$3.00$"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        whet_strbuf b;
        whet_strbuf_init(&b);
        report_tex_number(&b, cases[i].x, cases[i].low, cases[i].high, cases[i].kind);
        assert_string_equal(b.data, cases[i].tex);
        whet_strbuf_dispose(&b);
    }
}

static void tex_text_is_harmless(void **state)
{
    (void)state;
    static const struct { const char *text, *tex; } cases[] = {
        {"50 % of a_b & c#1", "50 \\% of a\\_b \\& c\\#1"}, {"\\input{x} $y^2$", "\\textbackslash{}input\\{x\\} \\$y\\textasciicircum{}2\\$"}, {"±3 ≤ µ", "$\\pm$3 $\\leq$ $\\mu$"},
        {"naïve", "naïve"}, {"日", "[U+65E5]"}, {"a\xff" "b", "a[U+FFFD]b"}, {"a\x1b[31m\n", "a[31m "}, {"Þ", "[U+00DE]"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        whet_strbuf b;
        whet_strbuf_init(&b);
        report_tex(&b, cases[i].text);
        assert_string_equal(b.data, cases[i].tex);
        whet_strbuf_dispose(&b);
    }
}

static void methods_are_sentences(void **state)
{
    (void)state;
    json_t *doc = sample_document("lenet"), *files = json_array();
    assert_ok(whet_report_latex(doc, dir, files));
    assert_int_equal(json_array_size(files), 7);
    static const char *const says[] = {"timed for at least 100 inferences and 5 s", "A processor of 2.6 GHz, 2 physical cores, instruction set avx512vnni", "ONNX Runtime 1.31.1~\\cite{onnxruntime}",
                                       "the val split: 6,000 pictures (seeded stratified 10 \\% of train (seed 0))", "best epoch of lenet on the val split", "The test split was read 2 times",
                                       "used the seed 0", "2 of 2 rows passed", "Runtime missing: libopenvino\\_c.so was not found"};
    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++) assert_file_contains("methods.tex", says[i]);
    assert_file_contains("results.tex", "\\toprule");
    assert_file_contains("results.tex", "$98.91 \\pm 0.23$");
    assert_file_contains("results.tex", "native$^{a}$");
    assert_file_contains("whet.bib", "@misc{onnxruntime");
    assert_file_contains("whet.bib", "Version 0.1.0");
    assert_file_contains("whet.bib", "@article{lecun1998"); // the data set and the network share it
    json_decref(files);
    json_decref(doc);
}

static void part_of_the_test_split(void **state)
{
    (void)state;
    json_t *doc = sample_document("lenet"), *files = json_array();
    char *html = NULL, *markdown = NULL;
    json_t *latency = json_object_get(json_array_get(json_object_get(doc, "rows"), 0), "latency"), *machine = json_object_get(json_object_get(doc, "context"), "machine");
    json_object_set_new(doc, "study_settings", json_pack("{s:i}", "data.limit", 1000));
    json_object_set_new(latency, "p50_high", json_real(100));
    json_object_set_new(machine, "virtual", json_string("yes"));
    json_object_set_new(machine, "steal_share", json_real(0.00447519));
    assert_ok(whet_report_latex(doc, dir, files));
    assert_file_contains("methods.tex", "1,000 of them evaluated");
    assert_file_contains("methods.tex", ", virtual machine");
    assert_ok(whet_report_html(doc, "/none", &html));
    assert_contains(html, "1,000 of them evaluated");
    assert_contains(html, "<dt>time stolen by other guests</dt><dd>0.4 %</dd>");
    assert_ok(whet_report_markdown(doc, &markdown));
    assert_contains(markdown, " to 100.0"); // no median of 0.3 +- 99.7 ms
    whet_free(markdown);
    whet_free(html);
    json_decref(files);
    json_decref(doc);
}

static void methods_of_several_runs(void **state)
{
    (void)state;
    json_t *docs = json_pack("[o, o]", sample_document("lenet"), sample_document("lenet")), *files = json_array();
    json_t *second = json_array_get(docs, 1), *settings = json_object_get(second, "settings");
    json_object_set_new(json_array_get(docs, 0), "label", json_string("one"));
    json_object_set_new(second, "label", json_string("two"));
    json_object_set_new(second, "mode", json_string("quick"));
    json_object_set_new(settings, "min_runs", json_integer(20));
    json_object_set_new(settings, "min_seconds", json_real(1));
    json_object_set_new(json_object_get(second, "data"), "test_reads", json_integer(7));
    json_t *doc = whet_report_merge(docs);
    assert_ok(whet_report_latex(doc, dir, files));
    assert_file_contains("methods.tex", "In the run one each row was warmed up");
    assert_file_contains("methods.tex", "timed for at least 100 inferences and 5 s");
    assert_file_contains("methods.tex", "In the run two each row was warmed up");
    assert_file_contains("methods.tex", "timed for at least 20 inferences and 1 s");
    assert_file_contains("methods.tex", "In the run two the data set was");
    json_decref(doc);
    json_decref(docs);
    json_decref(files);
}

static void pictures_are_drawn(void **state)
{
    (void)state;
    json_t *doc = sample_document("a'b`c`<d>"), *files = json_array(), *notes = json_array();
    assert_ok(whet_report_pictures(doc, dir, "svg", files, notes));
    assert_true(json_array_size(files) >= 9);
    assert_file_contains("speed-median.svg", "xmlns='http://www.w3.org/2000/svg'");
    assert_file_contains("speed-spread.svg", "fill-opacity");
    assert_file_contains("train-loss.svg", "polyline");
    assert_status(whet_report_pictures(doc, dir, "svg,gif", files, notes), WHET_EINVAL);
    // without gnuplot: its scripts alone, a note, and a refusal where the form was asked for
    char *path = whet_strdup(getenv("PATH"));
    setenv("PATH", dir, 1);
    const whet_status silent = whet_report_pictures(doc, dir, NULL, files, notes), asked = whet_report_pictures(doc, dir, "png", files, notes);
    setenv("PATH", path, 1);
    assert_ok(silent);
    assert_status(asked, WHET_EUNAVAILABLE);
    assert_int_equal(json_array_size(notes), 1);
    assert_file_contains("speed-median.gp", "with boxxyerror");
    assert_file_contains("choice-0.gp", "with xyerrorbars"); // the scatter has its intervals in every form
    assert_file_contains("choice-0.svg", "class='whisker'");
    assert_file_contains("choice-0.svg", "M-.9-.9h1.8v1.8h-1.8z"); // runtimes differ in shape, not in colour alone
    whet_free(path);
    json_decref(files);
    json_decref(notes);
    json_decref(doc);
}

static void warnings_are_gathered(void **state)
{
    (void)state;
    json_t *doc = sample_document("lenet"), *list = whet_report_warnings(doc), *w = NULL;
    size_t i = 0;
    int failed = 0, verdict = 0, machine = 0, edited = 0;
    json_array_foreach(list, i, w)
    {
        failed += strcmp(report_str(w, "kind"), "failed") == 0;
        verdict += strcmp(report_str(w, "kind"), "verdict") == 0;
        machine += strcmp(report_str(w, "kind"), "machine") == 0;
    }
    assert_int_equal(failed, 1);
    assert_int_equal(verdict, 1);
    assert_int_equal(machine, 2);
    json_decref(list);
    // the same remark of two rows is one entry with both
    json_t *rows = json_object_get(doc, "rows");
    for (size_t k = 0; k < 2; k++) json_object_set_new(json_array_get(rows, k), "notes", json_pack("[s]", "a remark"));
    list = whet_report_warnings(doc);
    json_array_foreach(list, i, w)
    {
        if (strcmp(report_str(w, "text"), "a remark") == 0) assert_int_equal(json_array_size(json_object_get(w, "rows")), 2);
    }
    json_decref(list);
    // an edited figure, on one row alone
    json_object_set_new(json_object_get(json_array_get(rows, 1), "latency"), "p50", json_real(0.05));
    list = whet_report_warnings(doc);
    json_array_foreach(list, i, w)
    {
        if (strcmp(report_str(w, "kind"), "figure") != 0) continue;
        edited++;
        assert_contains(report_str(w, "text"), "the stored figure and its samples disagree");
        assert_int_equal(json_array_size(json_object_get(w, "rows")), 1);
        assert_int_equal(json_integer_value(json_array_get(json_object_get(w, "rows"), 0)), 1);
    }
    assert_int_equal(edited, 1);
    json_decref(list);
    json_decref(doc);
}

// What differs in its numbers alone is one line with the range, each row's own numbers, and every text as it was given.
static void warnings_are_grouped(void **state)
{
    (void)state;
    json_t *doc = sample_document("lenet"), *rows = json_object_get(doc, "rows"), *w = NULL;
    size_t i = 0;
    int found = 0;
    json_object_set_new(json_array_get(rows, 0), "notes", json_pack("[s, s, s]", "coefficient of variation 53.7 %", "node Conv_12 of 1.31.1", "p99 of f32 is +-3.0 % off"));
    json_object_set_new(json_array_get(rows, 1), "notes", json_pack("[s, s, s]", "coefficient of variation 506.0 %", "node Conv_13 of 1.31.1", "p99 of f32 is +-12 % off"));
    for (i = 0; i < 2; i++) json_object_set_new(json_object_get(json_array_get(rows, i), "latency"), "p95_na", json_string(i == 0 ? "n/a (n=20, 130 are needed)" : "n/a (n=40, 130 are needed)"));
    json_t *list = whet_report_warnings(doc);
    json_array_foreach(list, i, w)
    {
        const char *text = report_str(w, "text");
        char *where = whet_report_warning_rows(doc, w);
        if (strncmp(text, "coefficient", 11) == 0) {
            found++;
            assert_string_equal(text, "coefficient of variation 53.7 to 506.0 %");
            assert_string_equal(where, "2 rows: native (53.7); ONNX Runtime (506.0)");
            assert_string_equal(json_string_value(json_array_get(json_object_get(w, "texts"), 1)), "coefficient of variation 506.0 %");
        }
        if (strncmp(text, "p99 of", 6) == 0) assert_string_equal(text, "p99 of f32 is +-3.0 to 12 % off");
        if (strncmp(text, "p95 n/a", 7) == 0) {
            found++;
            assert_string_equal(text, "p95 n/a: n=20 to 40, 130 are needed");
        }
        found += strncmp(text, "node Conv_1", 11) == 0; // names are no numbers: two lines
        assert_null(json_object_get(w, "key"));
        whet_free(where);
    }
    assert_int_equal(found, 4);
    json_decref(list);
    json_decref(doc);
}

// --- every member of a document in turn is something else: no output may crash or hang

static json_t *something_else(int turn)
{
    switch (turn % 6) {
    case 0: return json_null();
    case 1: return json_string("x'<&\\%\xc3\xa9");
    case 2: return json_real(-1e300);
    case 3: return json_array();
    case 4: return json_pack("{s:[i]}", "p50", 1);
    default: return json_integer(0);
    }
}

static void write_all(const json_t *doc)
{
    char *text = NULL;
    json_t *cited = json_object();
    whet_strbuf b;
    if (whet_report_html(doc, "/nonexistent", &text) == WHET_OK) whet_free(text);
    if (whet_report_markdown(doc, &text) == WHET_OK) whet_free(text);
    if (whet_report_csv(doc, &text) == WHET_OK) whet_free(text);
    whet_strbuf_init(&b);
    report_methods(&b, doc, cited);
    report_bib(&b, doc, cited);
    whet_strbuf_dispose(&b);
    json_decref(cited);
}

static int mutate(json_t *doc, json_t *at, int turn)
{
    const char *key = NULL;
    json_t *v = NULL;
    void *next = NULL;
    size_t i = 0;
    int n = 0;
    json_object_foreach_safe(at, next, key, v)
    {
        json_t *kept = json_incref(v);
        char *name = whet_strdup(key);
        json_object_set_new(at, name, something_else(turn + n));
        write_all(doc);
        json_object_set_new(at, name, kept);
        n++;
        if (strcmp(name, "samples") != 0) n += mutate(doc, kept, turn + n);
        whet_free(name);
    }
    for (i = 0; json_is_array(at) && i < json_array_size(at) && i < 2; i++) {
        json_t *kept = json_incref(json_array_get(at, i));
        json_array_set_new(at, i, something_else(turn + n));
        write_all(doc);
        json_array_set_new(at, i, kept);
        n++;
        n += mutate(doc, kept, turn + n);
    }
    return n;
}

static void odd_members_do_not_crash(void **state)
{
    (void)state;
    json_t *doc = sample_document("lenet"), *row = NULL;
    size_t i = 0;
    json_object_set_new(doc, "goal", json_string("accuracy drop <= 1pt, p95 <= 30 ms, minimise energy"));
    json_array_foreach(json_object_get(doc, "rows"), i, row)
    {
        json_object_set_new(row, "eval", json_pack("{s:{s:f}, s:[{s:s, s:f, s:f, s:f, s:i}, {s:s}], s:[[i, i], [i, i]]}", "top1", "value", 0.9, "per_class", "class", "a", "precision", 0.9, "recall", 0.8,
                                                   "f1", 0.85, "support", 10, "class", "b", "confusion", 9, 1, 2, 8));
        json_object_set_new(row, "sustain", json_pack("{s:[{s:f, s:f}]}", "series", "t", 1.0, "img_per_s", 5.0));
        json_object_set_new(row, "profile", json_pack("{s:[{s:s, s:s, s:f}]}", "nodes", "name", "conv", "type", "Conv", "ms", 0.1));
        json_object_set_new(row, "samples", json_pack("[{s:i, s:[i, i, i]}]", "round", 0, "ns", 100000, 110000, 130000));
    }
    int n = 0;
    for (int turn = 0; turn < 3; turn++) n += mutate(doc, doc, turn * 2);
    json_decref(doc);
    assert_in_range(n, 600, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_run_stays_as_it_is), cmocka_unit_test(runs_of_a_store_are_selected), cmocka_unit_test(models_of_one_name_are_told_apart), cmocka_unit_test(explanations_stand_beside_rows),
        cmocka_unit_test(tex_digits_follow_the_interval), cmocka_unit_test(tex_text_is_harmless), cmocka_unit_test(methods_are_sentences), cmocka_unit_test(methods_of_several_runs), cmocka_unit_test(part_of_the_test_split), cmocka_unit_test(pictures_are_drawn),
        cmocka_unit_test(warnings_are_gathered), cmocka_unit_test(warnings_are_grouped), cmocka_unit_test(odd_members_do_not_crash),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
