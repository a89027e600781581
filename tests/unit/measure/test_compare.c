/* SPDX-License-Identifier: Apache-2.0 */
/* Two results against each other: which rows belong together, the verdict on each figure, and what fails a gate. The samples are
 * made here, so what must come out is known. */
#include "support.h"

#include <jansson.h>
#include <math.h>

#include "base/rng.h"
#include "measure/baseline.h"
#include "measure/compare.h"
#include "wire/json.h"

/* Five rounds of four blocks around `ms`, each sample within +-`spread`. */
static json_t *samples(double ms, double spread, uint64_t seed)
{
    json_t *list = json_array();
    whet_rng r = whet_rng_at(seed, 1);
    for (int round = 0; round < 5; round++)
        for (int block = 0; block < 4; block++) {
            json_t *ns = json_array();
            for (int i = 0; i < 25; i++)
                json_array_append_new(ns, json_integer((json_int_t)(1e6 * ms * (1 + spread * ((double)whet_rng_below(&r, 2001) / 1000 - 1)))));
            json_array_append_new(list, json_pack("{si, si, so}", "round", round, "block", block, "ns", ns));
        }
    return list;
}

static json_t *row(const char *model, const char *runtime, int batch, double ms)
{
    return json_pack("{ss, ss, ss, ss, si, si, ss, s{ss}, si, s{si}, s{sf}, so}", "id", "r0", "model", model, "runtime", runtime, "precision", "f32", "batch",
                     batch, "threads", 2, "status", "ok", "settings", "optimisation", "all", "size_bytes", 1000000, "memory", "delta_bytes", 50000000, "latency",
                     "p50", ms, "samples", samples(ms, 0.02, (uint64_t)(ms * 1e6)));
}

static json_t *doc_of(json_t *first, json_t *second)
{
    json_t *doc = json_pack("{ss, s[o]}", "kind", "bench", "rows", first);
    if (second != NULL) json_array_append_new(json_object_get(doc, "rows"), second);
    return doc;
}

/* Consumes both documents; gate NULL: none. */
static json_t *compare(json_t *base, json_t *now, const char *gate, bool strict, const char *by, bool *failed)
{
    whet_compare_spec s;
    json_t *out = NULL;
    whet_compare_spec_init(&s);
    assert_ok(whet_gates_parse(&s.gates, gate != NULL ? gate : "none"));
    s.gates.strict = strict;
    s.base = base;
    s.now = now;
    s.base_name = "old";
    s.now_name = "new";
    s.by = by;
    assert_ok(whet_compare_documents(&out, failed, &s));
    json_decref(base);
    json_decref(now);
    return out;
}

static const json_t *figure(const json_t *out, size_t i, const char *name)
{
    return json_object_get(json_array_get(json_object_get(out, "rows"), i), name);
}

static void speed_has_four_verdicts(void **state)
{
    static const struct { double now, spread; const char *verdict, *gate; bool failed; } cases[] = {
        {1.00, 0.02, "same", "speed", false},   {1.005, 0.02, "same", "speed", false},  {1.10, 0.02, "worse", "speed", true},
        {0.90, 0.02, "better", "speed", false}, {1.10, 0.02, "same", "speed=15%", false}, {1.04, 0.02, "worse", "speed=2%", true},
        {1.04, 0.02, "same", "speed=6%", false}, {1.01, 0.60, "cannot tell", "speed", false},
    };
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        bool failed = false;
        json_t *now = row("a.onnx", "native", 1, cases[i].now);
        json_object_set_new(now, "samples", samples(cases[i].now, cases[i].spread, 100 + i));
        json_t *out = compare(doc_of(row("a.onnx", "native", 1, 1.0), NULL), doc_of(now, NULL), cases[i].gate, false, NULL, &failed);
        const json_t *speed = figure(out, 0, "speed");
        if (strcmp(whet_json_str(speed, "verdict"), cases[i].verdict) != 0 || failed != cases[i].failed) {
            print_error("case %zu: %s, failed %d; wanted %s, %d: %s\n", i, whet_json_str(speed, "verdict"), failed, cases[i].verdict, cases[i].failed,
                        whet_json_str(speed, "text"));
            fail();
        }
        assert_true(whet_json_real(speed, "low") <= whet_json_real(speed, "ratio") && whet_json_real(speed, "ratio") <= whet_json_real(speed, "high"));
        json_decref(out);
    }
}

static void cannot_tell_fails_only_when_strict(void **state)
{
    (void)state;
    for (int strict = 0; strict < 2; strict++) {
        bool failed = false;
        json_t *now = row("a.onnx", "native", 1, 1.01);
        json_object_set_new(now, "samples", samples(1.01, 0.6, 9));
        json_t *out = compare(doc_of(row("a.onnx", "native", 1, 1.0), NULL), doc_of(now, NULL), "speed", strict != 0, NULL, &failed);
        assert_int_equal(failed, strict);
        assert_int_equal(json_array_size(json_object_get(json_object_get(out, "gate"), "open")), !strict);
        json_decref(out);
    }
}

static void size_and_memory_have_bands(void **state)
{
    static const struct { double size, memory; const char *size_verdict, *memory_verdict; bool failed; } cases[] = {
        {1000000, 50000000, "same", "same", false},  {1009000, 52000000, "same", "same", false}, {1020000, 50000000, "worse", "same", true},
        {250000, 60000000, "better", "worse", true}, {1000000, 40000000, "same", "better", false}};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        bool failed = false;
        json_t *now = row("a.onnx", "native", 1, 1.0);
        json_object_set_new(now, "size_bytes", json_integer((json_int_t)cases[i].size));
        json_object_set_new(now, "memory", json_pack("{sf}", "delta_bytes", cases[i].memory));
        json_t *out = compare(doc_of(row("a.onnx", "native", 1, 1.0), NULL), doc_of(now, NULL), "size,memory", false, NULL, &failed);
        assert_string_equal(whet_json_str(figure(out, 0, "size"), "verdict"), cases[i].size_verdict);
        assert_string_equal(whet_json_str(figure(out, 0, "memory"), "verdict"), cases[i].memory_verdict);
        assert_int_equal(failed, cases[i].failed);
        json_decref(out);
    }
    /* of a small model a megabyte is noise */
    bool failed = false;
    json_t *base = row("a.onnx", "native", 1, 1.0), *now = row("a.onnx", "native", 1, 1.0);
    json_object_set_new(base, "memory", json_pack("{si}", "delta_bytes", 400000));
    json_object_set_new(now, "memory", json_pack("{si}", "delta_bytes", 1300000));
    json_decref(compare(doc_of(base, NULL), doc_of(now, NULL), "memory", false, NULL, &failed));
    assert_false(failed);
}

/* 10,000 pictures; `wrong` at the front and `also` behind them are not right. */
static void add_accuracy(json_t *r, int wrong, int also, bool hits, const char *split)
{
    char right[2501];
    const int n = 10000;
    memset(right, 'f', 2500);
    right[2500] = '\0';
    for (int i = 0; i < wrong + also; i++) {
        const int k = i < wrong ? i : n / 2 + i - wrong;
        const int digit = right[k / 4] <= '9' ? right[k / 4] - '0' : right[k / 4] - 'a' + 10;
        right[k / 4] = "0123456789abcdef"[digit & ~(8 >> k % 4)];
    }
    const double share = 1 - (double)(wrong + also) / n;
    const whet_interval w = whet_wilson((int64_t)(share * n + 0.5), n, 0.95);
    json_object_set_new(r, "accuracy", json_pack("{ss, sf, sf, sf, si, ss, ss}", "metric", "top-1", "value", share, "low", w.low, "high", w.high, "count", n,
                                                 "split", "test", "data", "mnist"));
    json_object_set_new(r, "eval", json_pack("{ss}", "split_sha256", split));
    if (hits) json_object_set_new(json_object_get(r, "eval"), "hits", json_pack("{si, ss, ss}", "n", n, "pictures", "abc", "right", right));
}

static const char *accuracy_verdict(int wrong, int also, bool hits, const char *gate, const char *split, bool *failed, bool *paired)
{
    static char verdict[32];
    json_t *base = row("a.onnx", "native", 1, 1.0), *now = row("a.onnx", "native", 1, 1.0);
    add_accuracy(base, 100, 0, hits, "s");
    add_accuracy(now, wrong, also, hits, split);
    json_t *out = compare(doc_of(base, NULL), doc_of(now, NULL), gate, false, NULL, failed);
    snprintf(verdict, sizeof verdict, "%s", whet_json_str(figure(out, 0, "accuracy"), "verdict"));
    *paired = json_is_true(json_object_get(figure(out, 0, "accuracy"), "paired"));
    json_decref(out);
    return verdict;
}

/* What changed sides is said both ways, of a figure that is the same too. */
static void flips_are_told(void **state)
{
    bool failed = false;
    (void)state;
    json_t *base = row("a.onnx", "native", 1, 1.0), *now = row("a.onnx", "native", 1, 1.0);
    add_accuracy(base, 100, 0, true, "s");
    add_accuracy(now, 97, 7, true, "s");
    json_t *out = compare(doc_of(base, NULL), doc_of(now, NULL), "accuracy", false, NULL, &failed);
    const json_t *a = figure(out, 0, "accuracy");
    assert_string_equal(whet_json_str(a, "verdict"), "same");
    assert_contains(whet_json_str(a, "text"), "top-1 -0.04 points (");
    assert_contains(whet_json_str(a, "text"), "; paired over 10000 pictures: 7 only the base got right, 3 only the new one): same");
    json_decref(out);
}

static void accuracy_is_paired_where_it_can_be(void **state)
{
    bool failed = false, paired = false;
    (void)state;
    assert_string_equal(accuracy_verdict(100, 0, true, "accuracy", "s", &failed, &paired), "same");
    assert_true(paired && !failed);
    /* 20 more wrong: paired it is a clear loss of 0.2 points, though inside half a point; apart it cannot be seen */
    assert_string_equal(accuracy_verdict(100, 20, true, "accuracy=0.1pt", "s", &failed, &paired), "worse");
    assert_true(paired && failed);
    assert_string_equal(accuracy_verdict(100, 20, true, "accuracy", "s", &failed, &paired), "same");
    assert_false(failed);
    assert_string_equal(accuracy_verdict(100, 20, false, "accuracy=0.1pt", "s", &failed, &paired), "cannot tell");
    assert_true(!paired && !failed);
    assert_string_equal(accuracy_verdict(100, 20, true, "accuracy=0.1pt", "other pictures", &failed, &paired), "cannot tell");
    assert_false(paired);
    assert_string_equal(accuracy_verdict(20, 0, true, "accuracy=0.1pt", "s", &failed, &paired), "better");
    assert_false(failed);
    /* a relative band: 1 % of 99 % */
    assert_string_equal(accuracy_verdict(100, 130, true, "accuracy=2%", "s", &failed, &paired), "same");
    assert_string_equal(accuracy_verdict(100, 130, true, "accuracy=1%", "s", &failed, &paired), "worse");
    assert_true(failed);
}

static void intervals_of_differences(void **state)
{
    (void)state;
    /* Newcombe (1998), table II: 56/70 against 48/80, method 10: 0.0524 to 0.3339 */
    const whet_interval d = whet_difference_apart(whet_wilson(48, 80, 0.95), whet_wilson(56, 70, 0.95));
    assert_true(fabs(d.value - 0.2) < 1e-9 && fabs(d.low - 0.0524) < 1e-4 && fabs(d.high - 0.3339) < 1e-4);
    const whet_interval p = whet_difference_paired(0, 0, 1000);
    assert_true(p.value == 0 && p.low < 0 && p.high > 0 && p.high < 0.003);
    const whet_interval q = whet_difference_paired(10, 60, 1000);
    assert_true(fabs(q.value + 0.05) < 1e-12 && q.high < 0 && q.low > -0.07);
}

static void edited_figures_are_named(void **state)
{
    (void)state;
    for (int edited = 0; edited < 3; edited++) { /* neither, the base, the new one */
        bool failed = false;
        json_t *base = row("a.onnx", "native", 1, 1.0), *now = row("a.onnx", "native", 1, 1.0);
        if (edited > 0) json_object_set_new(json_object_get(edited == 1 ? base : now, "latency"), "p50", json_real(1.03));
        json_t *out = compare(doc_of(base, NULL), doc_of(now, NULL), NULL, false, NULL, &failed);
        const json_t *notes = json_object_get(json_array_get(json_object_get(out, "rows"), 0), "notes");
        assert_int_equal(json_array_size(notes), edited > 0);
        if (edited > 0) assert_contains(json_string_value(json_array_get(notes, 0)), "the stored figure and its samples disagree");
        if (edited > 0) assert_contains(json_string_value(json_array_get(notes, 0)), edited == 1 ? "row 'r0' (a.onnx on native) of the base" : "of the new result");
        json_decref(out);
    }
}

static void rows_find_their_partners(void **state)
{
    bool failed = false;
    (void)state;
    /* other order, other ids, one row gone, one new */
    json_t *out = compare(doc_of(row("a.onnx", "native", 1, 1.0), row("a.onnx", "native", 8, 6.0)), doc_of(row("a.onnx", "native", 8, 6.6), row("a.onnx", "ort", 1, 1.0)),
                          NULL, false, NULL, &failed);
    assert_int_equal(json_array_size(json_object_get(out, "rows")), 1);
    assert_contains(whet_json_str(json_array_get(json_object_get(out, "rows"), 0), "label"), "batch 8");
    assert_string_equal(whet_json_str(figure(out, 0, "speed"), "verdict"), "worse");
    assert_int_equal(json_array_size(json_object_get(out, "only_base")), 1);
    assert_int_equal(json_array_size(json_object_get(out, "only_now")), 1);
    assert_false(failed);
    json_decref(out);
    /* same names, told apart by a setting */
    json_t *off = row("a.onnx", "native", 1, 2.0), *off2 = row("a.onnx", "native", 1, 2.0);
    json_object_set_new(json_object_get(off, "settings"), "optimisation", json_string("off"));
    json_object_set_new(json_object_get(off2, "settings"), "optimisation", json_string("off"));
    out = compare(doc_of(off, row("a.onnx", "native", 1, 1.0)), doc_of(row("a.onnx", "native", 1, 1.0), off2), NULL, false, NULL, &failed);
    assert_int_equal(json_array_size(json_object_get(out, "rows")), 2);
    for (size_t i = 0; i < 2; i++) assert_string_equal(whet_json_str(figure(out, i, "speed"), "verdict"), "same");
    json_decref(out);
    /* a version that says more precisely what ran is the same row, and says so */
    json_t *wino = row("a.onnx", "native", 1, 1.0), *best = row("a.onnx", "native", 1, 0.8), *best2 = row("a.onnx", "native", 1, 0.8);
    json_object_set_new(wino, "precision", json_string("f32-winograd"));
    json_object_set_new(best, "best_settings", json_true());
    json_object_set_new(best2, "best_settings", json_true());
    json_object_set_new(json_object_get(best2, "settings"), "optimisation", json_string("basic")); /* found by a search */
    json_object_set_new(wino, "best_settings", json_false());
    out = compare(doc_of(row("a.onnx", "native", 1, 1.0), best), doc_of(best2, wino), NULL, false, NULL, &failed);
    assert_int_equal(json_array_size(json_object_get(out, "rows")), 2);
    for (size_t i = 0; i < 2; i++) assert_string_equal(whet_json_str(figure(out, i, "speed"), "verdict"), "same");
    char *notes = whet_json_text(json_object_get(out, "rows"), 0);
    assert_contains(notes, "it ran in another arithmetic");
    whet_free(notes);
    json_decref(out);
    /* another file: by other keys */
    out = compare(doc_of(row("fp32.onnx", "native", 1, 1.0), NULL), doc_of(row("int8.onnx", "native", 1, 0.5), NULL), NULL, false, "runtime,batch,threads", &failed);
    assert_string_equal(whet_json_str(figure(out, 0, "speed"), "verdict"), "better");
    json_decref(out);
    whet_compare_spec s;
    json_t *a = doc_of(row("fp32.onnx", "native", 1, 1.0), NULL), *b = doc_of(row("int8.onnx", "native", 1, 0.5), NULL);
    whet_compare_spec_init(&s);
    s.base = a;
    s.now = b;
    s.base_name = s.now_name = "x";
    assert_status(whet_compare_documents(&out, &failed, &s), WHET_EINVAL);
    assert_contains(whet_error_message(), "--by");
    s.by = "runtime,colour";
    assert_status(whet_compare_documents(&out, &failed, &s), WHET_EINVAL);
    assert_contains(whet_error_message(), "'colour'");
    json_decref(a);
    json_decref(b);
}

/* Twice the samples in the same wall time, whatever the latencies under load are. */
static void throughput_is_compared_by_wall_time(void **state)
{
    bool failed = false;
    (void)state;
    json_t *docs[2];
    for (int side = 0; side < 2; side++) {
        json_t *r = row("a.onnx", "native", 1, side == 0 ? 1.0 : 1.5), *list = json_object_get(r, "samples");
        json_object_set_new(r, "scenario", json_string("offline"));
        json_object_set_new(r, "img_per_s", json_real(side == 0 ? 1000 : 2000));
        for (size_t i = 0; i < json_array_size(list); i++)
            json_object_update_new(json_array_get(list, i), json_pack("{si, sf}", "samples", side == 0 ? 100 : 200, "wall_ns", 1e8 * (1 + 0.001 * (double)i)));
        docs[side] = doc_of(r, NULL);
    }
    json_t *out = compare(docs[0], docs[1], NULL, false, NULL, &failed);
    assert_string_equal(whet_json_str(figure(out, 0, "speed"), "verdict"), "better");
    assert_true(fabs(whet_json_real(figure(out, 0, "speed"), "ratio") - 0.5) < 1e-9);
    assert_true(fabs(whet_json_real(figure(out, 0, "speed"), "now") - 0.5) < 1e-9);
    json_decref(out);
}

/* A row under arrivals: the slowest 3 % take `slow` ms, as where they had to wait. */
static json_t *loaded_row(const char *scenario, double rate, int per_block, double slow, int undone)
{
    json_t *r = row("a.onnx", "native", 1, 1.0), *list = json_array();
    whet_rng g = whet_rng_at((uint64_t)(slow * 1e3), 7);
    for (int k = 0; k < 20; k++) {
        json_t *ns = json_array();
        for (int i = 0; i < per_block; i++) {
            const double ms = (whet_rng_below(&g, 100) < 3 ? slow : 1) * (1 + (double)whet_rng_below(&g, 1000) / 1e5);
            json_array_append_new(ns, json_integer((json_int_t)(1e6 * ms)));
        }
        json_array_append_new(list, json_pack("{si, si, so}", "round", k / 4, "block", k % 4, "ns", ns));
    }
    json_object_set_new(r, "samples", list);
    json_object_set_new(r, "scenario", json_string(scenario));
    json_object_set_new(r, "load", json_pack("{sf, si, si}", "rate", rate, "queries", 20 * per_block, "planned", 20 * per_block + undone));
    json_object_set_new(json_object_get(r, "latency"), "p99", json_real(slow));
    return r;
}

/* Medians are the same in all cases: what a server is about is its p99, and only where that is known is anything said. */
static void servers_are_compared_by_their_p99(void **state)
{
    static const struct { const char *scenario; double rate, slow; int per_block, undone; const char *verdict, *figure, *text; } cases[] = {
        {"server", 100, 5, 100, 0, "same", "p99", "by the p99 latency at the rate: a.onnx on native takes"},
        {"server", 100, 9, 100, 0, "worse", "p99", "by the p99 latency at the rate: a.onnx on native takes 1.8"},
        {"server", 100, 9, 20, 0, "cannot tell", "p50", "p99 n/a (n=400, 662 are needed); by the median latency: "},
        {"server", 100, 5, 100, 40, "cannot tell", "p50", "p99 n/a (a side cannot keep up with the arrivals); by the median latency: "},
        {"server", 200, 5, 100, 0, NULL, NULL, "another rate of arrivals"},
        {"paced", 100, 9, 100, 0, "same", "p50", "by the median latency, lateness apart: "},
    };
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        bool failed = false;
        json_t *base = loaded_row(cases[i].scenario, 100, 100, 5, 0), *now = loaded_row(cases[i].scenario, cases[i].rate, cases[i].per_block, cases[i].slow, cases[i].undone);
        json_t *out = compare(doc_of(base, NULL), doc_of(now, NULL), "speed", false, NULL, &failed);
        const json_t *speed = figure(out, 0, "speed");
        const char *text = cases[i].verdict != NULL ? whet_json_str(speed, "text") : json_string_value(figure(out, 0, "speed_na"));
        if (cases[i].verdict != NULL) {
            assert_string_equal(whet_json_str(speed, "verdict"), cases[i].verdict);
            assert_string_equal(whet_json_str(speed, "figure"), cases[i].figure);
            assert_true(fabs(whet_json_real(speed, "base") - (strcmp(cases[i].figure, "p99") == 0 ? 5 : 1)) < 1e-9);
        } else {
            assert_true(json_is_null(speed));
        }
        assert_int_equal(strncmp(text, cases[i].text, strlen(cases[i].text)), 0);
        json_decref(out);
    }
}

static void what_broke_fails(void **state)
{
    bool failed = false;
    (void)state;
    json_t *now = row("a.onnx", "native", 1, 1.0);
    json_object_set_new(now, "status", json_string("runtime failed: crash: signal 6"));
    json_object_set_new(now, "latency", json_null());
    json_t *out = compare(doc_of(row("a.onnx", "native", 1, 1.0), NULL), doc_of(now, NULL), "size", false, NULL, &failed);
    assert_true(failed);
    assert_contains(json_string_value(json_array_get(json_object_get(json_object_get(out, "gate"), "failures"), 0)), "was ok, is now 'runtime failed");
    json_decref(out);
    /* a gate that was asked for by name and that nothing can be judged by */
    out = compare(doc_of(row("a.onnx", "native", 1, 1.0), NULL), doc_of(row("a.onnx", "native", 1, 1.0), NULL), "accuracy", false, NULL, &failed);
    assert_true(failed);
    json_decref(out);
    out = compare(doc_of(row("a.onnx", "native", 1, 1.0), NULL), doc_of(row("a.onnx", "native", 1, 1.0), NULL), "all", false, NULL, &failed);
    assert_false(failed);
    json_decref(out);
}

static void gates_are_parsed(void **state)
{
    static const char *const bad[] = {"", "sped", "speed=", "speed=5", "speed=5pt", "speed=-1%", "speed=nan%", "speed=5%%", "speed=1e9%", "size,", "accuracy=x",
                                      "speed=5%;size=1%", "memory=inf%"};
    whet_gates g;
    (void)state;
    whet_gates_init(&g);
    assert_ok(whet_gates_parse(&g, "memory=10%,accuracy=1pt"));
    assert_true(!g.g[WHET_FIGURE_SPEED].on && !g.g[WHET_FIGURE_SIZE].on && g.g[WHET_FIGURE_MEMORY].on && g.g[WHET_FIGURE_ACCURACY].on);
    assert_true(fabs(g.g[WHET_FIGURE_MEMORY].band - 0.1) < 1e-12 && fabs(g.g[WHET_FIGURE_ACCURACY].band - 0.01) < 1e-12);
    for (size_t i = 0; i < WHET_COUNT(bad); i++) {
        if (whet_gates_parse(&g, bad[i]) == WHET_EINVAL) continue;
        print_error("'%s' was taken as a gate\n", bad[i]);
        fail();
    }
}

/* What a stored file may hold without being what it says. */
static void hostile_documents_end_in_an_error(void **state)
{
    static const char *const texts[] = {
        "{\"kind\":\"bench\"}", "{\"kind\":\"bench\",\"rows\":[]}", "{\"kind\":\"bench\",\"rows\":[1,null,[]]}",
        "{\"kind\":\"eval\"}", "{\"kind\":\"bench\",\"rows\":[{\"model\":\"a.onnx\",\"runtime\":\"native\",\"precision\":\"f32\",\"batch\":1,\"threads\":2,"
        "\"status\":\"ok\",\"latency\":{\"p50\":\"x\"},\"samples\":[{\"round\":\"a\",\"ns\":[0,-5,\"q\",1e300]}]}]}",
        "{\"kind\":\"bench\",\"rows\":[{\"model\":\"a.onnx\",\"runtime\":\"native\",\"precision\":\"f32\",\"batch\":1,\"threads\":2,\"status\":\"ok\","
        "\"latency\":{},\"samples\":[{\"round\":9223372036854775807,\"block\":-9223372036854775807,\"ns\":[1,2]}],\"accuracy\":{\"value\":1e308},"
        "\"eval\":{\"hits\":{\"n\":-1,\"right\":\"zz\"}},\"memory\":7,\"size_bytes\":-3}]}"};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(texts); i++)
        for (int side = 0; side < 2; side++) {
            json_t *bad = json_loads(texts[i], 0, NULL), *good = doc_of(row("a.onnx", "native", 1, 1.0), NULL), *out = NULL;
            whet_compare_spec s;
            bool failed = false;
            whet_compare_spec_init(&s);
            s.base = side != 0 ? bad : good;
            s.now = side != 0 ? good : bad;
            s.base_name = s.now_name = "x";
            if (whet_compare_documents(&out, &failed, &s) != WHET_OK) assert_true(strlen(whet_error_message()) > 5);
            json_decref(out);
            json_decref(bad);
            json_decref(good);
        }
}

static void baseline_of_a_bench(void **state)
{
    json_t *now = doc_of(row("a.onnx", "native", 1, 1.2), NULL), *old = doc_of(row("a.onnx", "native", 1, 1.0), NULL);
    whet_gates g;
    bool failed = false;
    (void)state;
    whet_gates_init(&g);
    assert_ok(whet_bench_compare_stored(now, &failed, old, "old.json", &g, 0));
    assert_true(failed);
    const json_t *entry = json_array_get(json_object_get(now, "baseline"), 0);
    assert_string_equal(whet_json_str(entry, "verdict"), "worse");
    assert_string_equal(whet_json_str(entry, "a"), "r0");
    assert_true(fabs(whet_json_real(entry, "ratio") - 1.2) < 0.02);
    assert_contains(whet_json_str(entry, "text"), "takes 1.2");
    json_decref(now);
    json_decref(old);
}

/* A row that was refused is the row of what was asked, whatever its document says, and is told as failed. */
static void refused_rows_are_named_as_asked(void **state)
{
    json_t *refused = row("a.onnx", "native", 1, 1.0), *asked = json_pack("{ss, ss}", "optimisation", "all", "precision", "bf16");
    bool failed = false;
    (void)state;
    json_object_set_new(refused, "status", json_string("unsupported: no such arithmetic"));
    json_object_set_new(refused, "arithmetic", json_null());
    json_object_set_new(refused, "settings", asked);
    json_t *out = compare(doc_of(row("a.onnx", "native", 1, 1.0), refused), doc_of(row("a.onnx", "native", 1, 1.0), NULL), NULL, false, NULL, &failed);
    assert_int_equal(json_array_size(json_object_get(out, "only_base")), 0);
    assert_int_equal(json_array_size(json_object_get(out, "failed_base")), 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(out, "failed_base"), 0)), "a.onnx on native, bf16: unsupported: no such arithmetic");
    assert_string_equal(whet_json_str(json_array_get(json_object_get(out, "rows"), 0), "label"), "a.onnx on native, f32");
    json_decref(out);
}

static whet_status compare_all(void *arg)
{
    whet_compare_spec s;
    json_t *out = NULL;
    bool failed = false;
    whet_compare_spec_init(&s);
    s.base = s.now = arg;
    s.base_name = s.now_name = "x";
    const whet_status status = whet_compare_documents(&out, &failed, &s);
    json_decref(out);
    return status;
}

static void allocation_may_fail_anywhere(void **state)
{
    json_t *doc = doc_of(row("a.onnx", "native", 1, 1.0), NULL);
    (void)state;
    support_fail_each_allocation(compare_all, doc);
    json_decref(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speed_has_four_verdicts),
        cmocka_unit_test(cannot_tell_fails_only_when_strict),
        cmocka_unit_test(size_and_memory_have_bands),
        cmocka_unit_test(accuracy_is_paired_where_it_can_be),
        cmocka_unit_test(flips_are_told),
        cmocka_unit_test(intervals_of_differences),
        cmocka_unit_test(edited_figures_are_named),
        cmocka_unit_test(rows_find_their_partners),
        cmocka_unit_test(throughput_is_compared_by_wall_time),
        cmocka_unit_test(servers_are_compared_by_their_p99),
        cmocka_unit_test(what_broke_fails),
        cmocka_unit_test(gates_are_parsed),
        cmocka_unit_test(hostile_documents_end_in_an_error),
        cmocka_unit_test(baseline_of_a_bench),
        cmocka_unit_test(refused_rows_are_named_as_asked),
        cmocka_unit_test(allocation_may_fail_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
