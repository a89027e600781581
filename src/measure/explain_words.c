/* SPDX-License-Identifier: Apache-2.0 */
/* The sentences of `explain`. Each is said only where its figure makes it worth saying. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "measure/explain.h"
#include "base/cpu.h"
#include "base/io.h"
#include "base/mem.h"
#include "wire/json.h"

enum { PERCENT = 100 };
static const double notable = 0.03; /* of the time */

typedef struct view { const json_t *o; const char *name, *file; double ms; } view;

static view view_of(const json_t *o)
{
    const char *p = whet_json_str(o, "file_precision");
    return (view){o, p[0] != '\0' ? p : "this file", whet_path_base(whet_json_str(o, "model")), whet_json_real(json_object_get(o, "latency"), "p50")};
}

static const json_t *class_of(const json_t *model, whet_node_class c) { return json_object_get(json_object_get(model, "classes"), whet_node_class_name(c)); }
static double class_share(const json_t *model, whet_node_class c) { return whet_json_real(class_of(model, c), "share"); }
static bool timed(const json_t *model) { return json_is_number(json_object_get(model, "ms")); }

static double class_ms(const json_t *model, whet_node_class c) { return whet_json_real(class_of(model, c), "ms"); }

static const json_t *precision_of(const json_t *model, const char *name)
{
    const json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(model, "precisions"), i, o) {
        if (strcmp(whet_json_str(o, "precision"), name) == 0) return o;
    }
    return NULL;
}

static double share_in(const json_t *model, const char *precision) { return whet_json_real(precision_of(model, precision), "share"); }
static bool is_int8(const json_t *model) { return strcmp(whet_json_str(model, "file_precision"), "int8") == 0; }

const char *whet_explain_percent(char buf[WHET_PERCENT_TEXT], double share)
{
    const double p = share * PERCENT;
    snprintf(buf, WHET_PERCENT_TEXT, p >= 99.5 ? "%.0f" : "%.2g", p);
    return buf;
}

/* TFLite's names list every node that went into one, a page of them: the first stands for all. */
enum { NAME_TEXT = 128, LONG_NAME = 90 };
static const char *short_name(char buf[NAME_TEXT], const char *name)
{
    const size_t first = strcspn(name, ";");
    if (strlen(name) <= LONG_NAME) snprintf(buf, NAME_TEXT, "%s", name);
    else if (first <= LONG_NAME) snprintf(buf, NAME_TEXT, "%.*s%s", (int)first, name, name[first] != '\0' ? ";..." : "");
    else snprintf(buf, NAME_TEXT, "%.*s...", LONG_NAME, name);
    return buf;
}

/* "47 QuantizeLinear, 12 Reorder" */
static void list_types(char *buf, size_t size, const json_t *group)
{
    const char *type = NULL;
    const json_t *n = NULL;
    size_t used = 0;
    buf[0] = '\0';
    json_object_foreach((json_t *)json_object_get(group, "types"), type, n) {
        if (used < size) used += (size_t)snprintf(buf + used, size - used, "%s%lld %s", used > 0 ? ", " : "", (long long)json_integer_value(n), type);
    }
}

/* --- what ran */
static void say_precisions(json_t *out, const json_t *model)
{
    char text[300] = "";
    const json_t *o = NULL;
    size_t i = 0, used = 0;
    json_array_foreach(json_object_get(model, "precisions"), i, o) {
        if (used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%.3g %% in %s", i > 0 ? ", " : "", whet_json_real(o, "share") * PERCENT, whet_json_str(o, "precision"));
    }
    if (used > 0) whet_json_add_text(out, "Of its multiply-adds %s.", text);
}

/* "f32 and f16": what the products were computed in. */
static void name_precisions(char *buf, size_t size, const json_t *model)
{
    const json_t *list = json_object_get(model, "precisions"), *o = NULL;
    size_t i = 0, used = 0;
    buf[0] = '\0';
    json_array_foreach(list, i, o) {
        if (used < size) used += (size_t)snprintf(buf + used, size - used, "%s%s", i == 0 ? "" : i + 1 < json_array_size(list) ? ", " : " and ", whet_json_str(o, "precision"));
    }
}

/* A file in few bits of which the runtime makes more; true: there is no more to say of what stayed in float. */
static bool say_storage_only(json_t *out, const json_t *model)
{
    const char *file = whet_json_str(model, "file_precision");
    const bool native = strcmp(whet_json_str(model, "runtime"), "native") == 0, half = strcmp(file, "fp16") == 0 || strcmp(file, "bf16") == 0;
    const double few = is_int8(model) ? share_in(model, "int8") + share_in(model, "int16x8") : share_in(model, "f16") + share_in(model, "bf16");
    char in[100];
    if ((!is_int8(model) && !half) || few >= 0.01 || json_array_size(json_object_get(model, "precisions")) == 0 || share_in(model, "unknown") > 0.5) return false;
    name_precisions(in, sizeof in, model);
    if (is_int8(model) && native)
        whet_json_add_text(out, "The file is quantised, but whet's own engine computes such files in float, exactly as their numbers say: int8 saves "
                                "size here, not time.");
    else if (is_int8(model))
        whet_json_add_text(out, "The file is quantised, but %s computes its convolutions and products in %s: int8 saves size here, not time.",
                           whet_json_str(model, "title"), in);
    else
        whet_json_add_text(out, "The file is stored in %s, but %s computes its convolutions and products in %s: 16 bits save size here, not time.", file,
                           native ? "whet's own engine" : whet_json_str(model, "title"), in);
    return true;
}

static size_t count_why(const json_t *list, const char *why)
{
    const json_t *o = NULL;
    size_t i = 0, n = 0;
    json_array_foreach(list, i, o) n += strcmp(whet_json_str(o, "why"), why) == 0;
    return n;
}

/* The reasons in the order of the file, each with how many it holds for. */
static void say_left_in_float(json_t *out, const json_t *model)
{
    const json_t *list = json_object_get(model, "left_in_float"), *o = NULL, *first = json_array_get(list, 0);
    const size_t n = json_array_size(list);
    char text[700] = "", name[NAME_TEXT];
    size_t i = 0, used = 0;
    json_t *said = json_object();
    if (!is_int8(model) || n == 0) goto done;
    if (n == 1) {
        whet_json_add_text(out, "'%s' (%s) stayed in float: %s.", short_name(name, whet_json_str(first, "node")), whet_json_str(first, "op"), whet_json_str(first, "why"));
        goto done;
    }
    json_array_foreach((json_t *)list, i, o) {
        const char *why = whet_json_str(o, "why");
        const size_t alike = count_why(list, why);
        if (json_object_get(said, why) != NULL || used >= sizeof text) continue;
        json_object_set_new(said, why, json_true());
        if (alike == n) used += (size_t)snprintf(text + used, sizeof text - used, " (the first is '%s'), of each: %s", short_name(name, whet_json_str(o, "node")), why);
        else used += (size_t)snprintf(text + used, sizeof text - used, "%s %zu of them (first '%s'): %s", "; for", alike, short_name(name, whet_json_str(o, "node")), why);
    }
    whet_json_add_text(out, "%zu convolutions or products stayed in float%s.", n, text);
done:
    json_decref(said);
}

static void say_class(json_t *out, const json_t *model, whet_node_class c, const char *what)
{
    const json_t *g = class_of(model, c);
    char types[300];
    const json_int_t n = json_integer_value(json_object_get(g, "nodes"));
    char share[WHET_PERCENT_TEXT];
    list_types(types, sizeof types, g);
    if (n == 0) return;
    if (timed(model))
        whet_json_add_text(out, "%lld node%s %s (%s): %s %% of the time.", (long long)n, n == 1 ? " does nothing but" : "s do nothing but", what, types,
                           whet_explain_percent(share, class_share(model, c)));
    else
        whet_json_add_text(out, "%lld node%s %s (%s).", (long long)n, n == 1 ? " does nothing but" : "s do nothing but", what, types);
}

/* LiteRT: which of its nodes a delegate took; the others it ran itself ("by"). */
static void say_delegated(json_t *out, const json_t *model)
{
    const json_t *o = NULL;
    size_t i = 0;
    int all = 0, taken = 0;
    double ms = 0, in = 0;
    char left[200], share[WHET_PERCENT_TEXT];
    const char *who = "XNNPACK"; /* the one delegate that the plug-in asks for */
    if (strcmp(whet_json_str(model, "runtime"), "litert") != 0) return;
    json_t *group = json_pack("{s{}}", "types"), *types = json_object_get(group, "types");
    json_array_foreach(json_object_get(model, "nodes"), i, o) {
        const char *type = whet_json_str(o, "type");
        const bool own = strncmp(whet_json_str(o, "by"), "LiteRT", 6) == 0;
        all++;
        ms += whet_json_real(o, "ms");
        if (own) {
            json_object_set_new(types, type, json_integer(json_integer_value(json_object_get(types, type)) + 1));
            continue;
        }
        taken++;
        in += whet_json_real(o, "ms");
    }
    list_types(left, sizeof left, group);
    if (taken == 0)
        whet_json_add_text(out, "No node was delegated: all %d run in LiteRT's own kernels.", all);
    else if (taken == all)
        whet_json_add_text(out, "All %d nodes were delegated to %s.", all, who);
    else
        whet_json_add_text(out, "%d of %d nodes, %s %% of the time, %s delegated to %s; the other%s in LiteRT's own kernels: %s.", taken, all,
                           whet_explain_percent(share, ms > 0 ? in / ms : 0), taken == 1 ? "was" : "were", who, all - taken == 1 ? " runs" : "s run", left);
    json_decref(group);
}

/* --- the roofs */
static const json_t *slowest(const json_t *model)
{
    const json_t *best = NULL, *o = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(model, "nodes"), i, o) {
        if (best == NULL || whet_json_real(o, "ms") > whet_json_real(best, "ms")) best = o;
    }
    return best;
}

/* Behind a share of a roof that was measured while others ran. */
static const char *doubt(const whet_roofline *r) { return r->unsure ? " (unsure)" : ""; }

static void say_unsure(json_t *out, const whet_roofline *r)
{
    char text[160];
    if (!r->unsure) return;
    whet_roofline_unsure_text(text, sizeof text, r);
    whet_json_add_text(out, "%s: they may be far too low, and shares of them too high. Explain again when nothing else runs.", text);
}

static void say_slowest(json_t *out, const json_t *model, const whet_roofline *r)
{
    const json_t *o = slowest(model), *roof = json_object_get(o, "of_roof");
    char tail[160] = "", name[NAME_TEXT], share[WHET_PERCENT_TEXT], reached[WHET_PERCENT_TEXT];
    if (o == NULL || !timed(model)) return;
    if (json_is_number(roof))
        snprintf(tail, sizeof tail, "; the %s roof would allow %.2g ms, it reaches %s %%%s", whet_json_str(o, "roof"),
                 fmax(whet_json_real(o, "compute_ms"), whet_json_real(o, "memory_ms")), whet_explain_percent(reached, json_number_value(roof)), doubt(r));
    whet_json_add_text(out, "The slowest node is '%s' (%s, %s): %s %% of the time%s.", short_name(name, whet_json_str(o, "label")), whet_json_str(o, "type"), whet_json_str(o, "precision"),
                       whet_explain_percent(share, whet_json_real(o, "share")), tail);
    const double all = whet_json_real(json_object_get(model, "roof"), "of_roof");
    if (!r->unsure && json_is_number(roof) && whet_json_real(o, "share") > 0.1 && json_number_value(roof) < all / 4)
        whet_json_add_text(out, "It is far further from its roof than the rest (%s %% against %s %% of all nodes together): for this shape %s seems to have no good kernel.",
                           whet_explain_percent(reached, json_number_value(roof)), whet_explain_percent(share, all), whet_json_str(model, "title"));
}

static void say_roof(json_t *out, const json_t *model, const whet_roofline *r)
{
    const json_t *roof = json_object_get(model, "roof"), *of = json_object_get(roof, "of_roof");
    const double compute = whet_json_real(roof, "compute_share"), memory = whet_json_real(roof, "memory_share");
    char reached[WHET_PERCENT_TEXT];
    if (!json_is_number(of) || !(json_number_value(of) > 0)) return;
    whet_json_add_text(out, "All nodes together reach %s %%%s of what this machine's measured peaks allow (%.3g of %.3g ms); %.0f %% of the time is in nodes whose "
                            "roof is arithmetic, %.0f %% in nodes whose roof is memory.",
                       whet_explain_percent(reached, json_number_value(of)), doubt(r), whet_json_real(roof, "least_ms"), whet_json_real(model, "ms"), compute * PERCENT, memory * PERCENT);
}

/* "21 % of the peak of f32 avx512": what the products' arithmetic would take at the measured peaks (Winograd's a quarter of it, as
 * in the nodes' roofs), over what they take. */
static void put_efficiency(char *buf, size_t size, const json_t *model, const whet_roofline *r)
{
    const whet_roof_peak *named[WHET_ROOF_PEAKS];
    const json_t *o = NULL;
    size_t i = 0, used = 0;
    int n = 0;
    bool winograd = false;
    double least = 0;
    const double ms = class_ms(model, WHET_NODE_PRODUCT);
    json_array_foreach(json_object_get(model, "precisions"), i, o) {
        const whet_roof_peak *p = whet_roofline_peak_or_f32(r, whet_json_str(o, "precision"));
        bool again = p == NULL || n == WHET_ROOF_PEAKS;
        least += whet_json_real(o, "compute_ms");
        winograd |= strcmp(whet_json_str(o, "precision"), "f32-winograd") == 0;
        for (int k = 0; k < n; k++) again |= named[k] == p;
        if (!again) named[n++] = p;
    }
    buf[0] = '\0';
    if (!(ms > 0) || !(least > 0) || n == 0) return;
    char share[WHET_PERCENT_TEXT];
    used = (size_t)snprintf(buf, size, "%s %% of the peak%s of ", whet_explain_percent(share, least / ms), n > 1 ? "s" : "");
    for (int k = 0; k < n && used < size; k++) used += (size_t)snprintf(buf + used, size - used, "%s%s %s", k > 0 ? " and " : "", named[k]->precision, named[k]->isa);
    if (winograd && used < size) snprintf(buf + used, size - used, ", Winograd's sums counted a quarter");
}

static void say_int8_peaks(json_t *out, const whet_roofline *r, const whet_roof_peak *f32)
{
    char text[200] = "";
    size_t used = 0;
    bool dot = false;
    for (int i = 0; i < r->n_peaks; i++) {
        const whet_roof_peak *p = &r->peak[i];
        if (strcmp(p->precision, "int8") != 0) continue;
        dot |= strstr(p->isa, "vnni") != NULL || strstr(p->isa, "dot") != NULL || strcmp(p->isa, "amx") == 0;
        if (used < sizeof text) used += (size_t)snprintf(text + used, sizeof text - used, "%s%.2g by %s", used > 0 ? ", " : "", p->gops[1] / f32->gops[1], p->isa);
    }
    if (used == 0) return;
    whet_json_add_text(out, "The int8 arithmetic of this CPU as a multiple of its f32 arithmetic, measured%s: %s.", doubt(r), text);
    if (!dot)
        whet_json_add_text(out, "It has no dot product of bytes (VNNI or its like): products of bytes take several instructions, so int8 gains little.");
}

static bool names_kernels(const json_t *model)
{
    const json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(model, "nodes"), i, o) {
        if (whet_json_str(o, "kernel")[0] != '\0') return true;
    }
    return false;
}

static void say_isa(json_t *out, const json_t *model, const whet_roofline *r)
{
    const whet_roof_peak *f32 = whet_roofline_peak(r, "f32");
    const bool native = strcmp(whet_json_str(model, "runtime"), "native") == 0, kernels = names_kernels(model);
    const char *isa = whet_json_str(json_object_get(model, "runtime_isa"), "isa");
    if (f32 == NULL) return;
    if (strncmp(isa, "avx512", 6) == 0) isa = "avx512"; /* what is beyond that serves other precisions */
    if (strncmp(isa, "neon", 4) == 0) isa = "neon";
    if (isa[0] == '\0') isa = f32->isa;
    if (native)
        whet_json_add_text(out, "Its kernels of f32 are those for %s%s.", isa,
                           whet_isa() == whet_isa_detect() ? ", the best that this CPU has" : "; WHET_ISA keeps it from the best that this CPU has");
    else if (!kernels)
        whet_json_add_text(out, "%s chooses its instructions by itself and does not tell which; the best for f32 here, as measured%s, are those of %s.",
                           whet_json_str(model, "title"), doubt(r), f32->isa);
    if (is_int8(model)) say_int8_peaks(out, r, f32);
}

/* Nodes so small that starting them costs more than their work. */
static void say_small(json_t *out, const json_t *model)
{
    const size_t n = json_array_size(json_object_get(model, "nodes"));
    const double us = n > 0 ? whet_json_real(model, "ms") * 1e3 / (double)n : 0, of = whet_json_real(json_object_get(model, "roof"), "of_roof");
    if (n > 1 && us < 30 && of < 0.3)
        whet_json_add_text(out, "Its %zu nodes take %.2g us each on average: so little work that starting a node counts more than arithmetic or bytes.", n, us);
}

/* A profile disturbs what it measures. */
static void say_disturbed(json_t *out, const json_t *model)
{
    const double plain = whet_json_real(json_object_get(model, "latency"), "p50"), sum = whet_json_real(model, "profile_ms");
    if (plain > 0 && sum > 1.25 * plain)
        whet_json_add_text(out, "The profile adds up to %.3g ms, the latency without it is %.3g ms: the nodes' times are their shares of the profile, "
                                "taken of the latency. They, and what they reach of a roof, are rough.", sum, plain);
    else if (plain > 0 && sum > 0 && sum < 0.75 * plain)
        whet_json_add_text(out, "The profile adds up to %.3g ms, the latency without it is %.3g ms: the rest is spent between the nodes, on starting them and "
                                "waiting, or others disturbed the latency. It is spread over the nodes' times here in proportion: they, and what they reach of a roof, are rough.", sum, plain);
}

/* No node can be faster than its roof: where one seems to be, why it seems so. */
static void say_over_roof(json_t *out, const json_t *model, const whet_roofline *r)
{
    static const double first_cache = 32 << 10, few_us = 10; /* bytes; of which a whole microsecond is a notable part */
    const double plain = whet_json_real(json_object_get(model, "latency"), "p50"), sum = whet_json_real(model, "profile_ms");
    const json_t *o = NULL, *worst = NULL;
    size_t i = 0, n = 0;
    bool whole = true, brief = false, near = false;
    char most[WHET_PERCENT_TEXT];
    json_array_foreach(json_object_get(model, "nodes"), i, o) {
        const double us = whet_json_real(o, "profile_ms") * 1e3;
        whole &= fabs(us - round(us)) < 1e-6;
        if (!(whet_json_real(o, "of_roof") > 1.005)) continue;
        n++;
        brief |= us <= few_us;
        near |= strcmp(whet_json_str(o, "roof"), "memory") == 0 && whet_json_real(o, "input_bytes") + whet_json_real(o, "output_bytes") <= first_cache;
        if (worst == NULL || whet_json_real(o, "of_roof") > whet_json_real(worst, "of_roof")) worst = o;
    }
    if (n == 0) return;
    const struct { bool holds; const char *text; } why[] = {
        {r->unsure, "the roofs are unsure"},
        {plain > 0 && sum > 1.25 * plain, "the profile slowed the nodes unevenly, and its shares are taken of the latency"},
        {sum > 0 && whole && brief, "the profile counts in whole microseconds, of which these nodes take few"},
        {near, "small tensors lie in the first-level cache, nearer than the nearest roof that is measured"}};
    char text[400] = "", name[NAME_TEXT];
    size_t used = 0;
    for (size_t k = 0; k < WHET_COUNT(why); k++)
        if (why[k].holds && used < sizeof text) used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? "; " : "", why[k].text);
    whet_json_add_text(out, "%zu node%s out above the roof (most '%s', %s %%), which cannot be: %s.", n, n == 1 ? " comes" : "s come", short_name(name, whet_json_str(worst, "label")),
                       whet_explain_percent(most, whet_json_real(worst, "of_roof")),
                       used > 0 ? text : "the runtime does less arithmetic than the definition counts, or the peak was measured too low");
}

/* What the nodes' names of kernels say of the instructions that they use (OpenVINO: "jit_avx512_amx"). */
static void say_kernels(json_t *out, const json_t *model)
{
    static const char *const names[] = {"amx", "vnni", "avx512_core_bf16", "avx512_core_fp16", "avx512", "avx2", "sse4", "neon", "ref"};
    double ms[WHET_COUNT(names)] = {0}, all = 0;
    char text[300] = "";
    const json_t *o = NULL;
    size_t i = 0, used = 0;
    if (strcmp(whet_json_str(model, "runtime"), "native") == 0) return; /* said apart */
    json_array_foreach(json_object_get(model, "nodes"), i, o) {
        const char *k = whet_json_str(o, "kernel");
        for (size_t n = 0; k[0] != '\0' && whet_json_real(o, "macs") > 0 && n < WHET_COUNT(names); n++) {
            if (strstr(k, names[n]) == NULL) continue;
            ms[n] += whet_json_real(o, "macs");
            all += whet_json_real(o, "macs");
            break;
        }
    }
    for (size_t n = 0; all > 0 && n < WHET_COUNT(names); n++)
        if (ms[n] > 0 && used < sizeof text) used += (size_t)snprintf(text + used, sizeof text - used, "%s%.3g %% by %s", used > 0 ? ", " : "", ms[n] / all * PERCENT, names[n]);
    if (used > 0) whet_json_add_text(out, "By the names of its kernels the multiply-adds run %s.", text);
}

json_t *whet_explain_words(const json_t *model, const whet_roofline *r)
{
    json_t *out = json_array();
    say_precisions(out, model);
    if (!say_storage_only(out, model)) say_left_in_float(out, model);
    say_delegated(out, model);
    say_class(out, model, WHET_NODE_QUANTISE, "quantise or dequantise");
    say_class(out, model, WHET_NODE_LAYOUT, "change the layout");
    say_class(out, model, WHET_NODE_CAST, "change the type");
    if (timed(model)) {
        const double other = class_share(model, WHET_NODE_OTHER);
        if (whet_json_real(model, "macs") <= 0)
            whet_json_add_text(out, "%s does not show which of its nodes are the convolutions and products: nothing is known of their precision and their roofs.",
                               whet_json_str(model, "title"));
        else if (other > 5 * notable) whet_json_add_text(out, "%.0f %% of the time is in nodes that are no convolution or product.", other * PERCENT);
        say_unsure(out, r);
        say_slowest(out, model, r);
        say_roof(out, model, r);
        say_over_roof(out, model, r);
        say_small(out, model);
        say_disturbed(out, model);
    }
    say_kernels(out, model);
    say_isa(out, model, r);
    return out;
}

/* --- two files */
typedef struct reason { double ms; char text[400]; } reason;

static void add_reason(reason *list, int *n, double ms, const char *fmt, ...) WHET_PRINTF(4, 5);
static void add_reason(reason *list, int *n, double ms, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    list[*n].ms = ms;
    vsnprintf(list[*n].text, sizeof list[*n].text, fmt, ap);
    va_end(ap);
    (*n)++;
}

static double type_share(const json_t *model, const char *class, const char *type)
{
    const json_t *o = NULL;
    size_t i = 0;
    double sum = 0;
    json_array_foreach(json_object_get(model, "nodes"), i, o) {
        if (strcmp(whet_json_str(o, "class"), class) == 0 && strcmp(whet_json_str(o, "type"), type) == 0) sum += whet_json_real(o, "share");
    }
    return sum;
}

/* The operator of a class that takes the largest part of the time. */
static void name_worst_type(char *buf, size_t size, const json_t *model, whet_node_class c)
{
    const char *type = NULL, *worst = "";
    const json_t *n = NULL;
    double most = 0;
    json_object_foreach((json_t *)json_object_get(class_of(model, c), "types"), type, n) {
        const double share = type_share(model, whet_node_class_name(c), type);
        if (share <= most) continue;
        most = share;
        worst = type;
    }
    snprintf(buf, size, " (most of it %s, %.2g ms)", worst, most * whet_json_real(model, "ms"));
}

/* What takes longer in a than in b (gain < 0: what takes less), the greatest first. */
static int find_reasons(reason *list, const json_t *a, const json_t *b, const whet_roofline *r, double sign)
{
    static const char *const what[WHET_NODE_CLASSES] = {"convolutions and products", "quantising and dequantising", "changes of layout", "changes of type",
                                                        "all other nodes"};
    const double least = notable * whet_json_real(json_object_get(a, "latency"), "p50");
    int n = 0;
    for (int c = 0; c < WHET_NODE_CLASSES; c++) {
        const double x = class_ms(a, (whet_node_class)c), y = class_ms(b, (whet_node_class)c);
        if (sign * (x - y) < least) continue;
        add_reason(list, &n, fabs(x - y), "%s take %.3g ms against %.3g ms", what[c], x, y);
        const size_t end = strlen(list[n - 1].text);
        if (c == WHET_NODE_OTHER) name_worst_type(list[n - 1].text + end, sizeof list[n - 1].text - end, sign > 0 ? a : b, WHET_NODE_OTHER);
        if (c != WHET_NODE_PRODUCT) continue;
        char pa[120], pb[120];
        put_efficiency(pa, sizeof pa, a, r);
        put_efficiency(pb, sizeof pb, b, r);
        const size_t used = strlen(list[n - 1].text);
        if (pa[0] != '\0' && pb[0] != '\0')
            snprintf(list[n - 1].text + used, sizeof list[n - 1].text - used, " (at %s, against %s)%s", pa, pb, doubt(r));
    }
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && list[k].ms > list[k - 1].ms; k--) {
            const reason t = list[k];
            list[k] = list[k - 1];
            list[k - 1] = t;
        }
    return n;
}

static void say_share_of_int8(json_t *out, const json_t *a)
{
    const double share = share_in(a, "int8");
    if (is_int8(a) && share < 0.9)
        whet_json_add_text(out, "Only %.0f %% of the multiply-adds of '%s' run in int8; the rest is computed in float as before.", share * PERCENT, view_of(a).file);
}

json_t *whet_explain_against(const json_t *a, const json_t *b, const whet_roofline *r)
{
    json_t *out = json_array();
    const view x = view_of(a), y = view_of(b);
    reason list[WHET_NODE_CLASSES];
    char text[WHET_NODE_CLASSES * sizeof list[0].text];
    size_t used = 0;
    const bool slower = x.ms > y.ms;
    const double times = slower ? x.ms / y.ms : y.ms / x.ms;
    const char *const what = strcmp(x.name, y.name) != 0 ? x.name : x.file;
    const double xb = whet_json_real(a, "batch"), yb = whet_json_real(b, "batch");
    if (!(x.ms > 0) || !(y.ms > 0)) return out;
    if (xb > 0 && yb > 0 && xb != yb) {
        whet_json_add_text(out, "'%s' takes %.0f input%s at once, '%s' %.0f: %.3g ms and %.3g ms cannot be compared. Where a file leaves its batch free, --batch makes them equal.", x.file, xb,
                           xb == 1 ? "" : "s", y.file, yb, x.ms, y.ms);
        return out;
    }
    if (times < 1.02) {
        whet_json_add_text(out, "'%s' and '%s' take the same time within 2 %% (%.3g and %.3g ms).", x.file, y.file, x.ms, y.ms);
    } else {
        const int n = timed(a) && timed(b) ? find_reasons(list, a, b, r, slower ? 1 : -1) : 0;
        whet_json_add_text(out, "%s is %.3g times as %s here (%.3g ms against %.3g ms)%s", what, times, slower ? "slow" : "fast", x.ms, y.ms, n > 0 ? " because:" : ".");
        for (int i = 0; i < n; i++) whet_json_add_text(out, "- %s%s", list[i].text, i + 1 < n ? ";" : ".");
        const int back = n > 0 ? find_reasons(list, a, b, r, slower ? -1 : 1) : 0;
        for (int i = 0; i < back && used < sizeof text; i++) used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? "; " : "", list[i].text);
        if (back > 0) whet_json_add_text(out, "Against that, %s.", text);
    }
    if (times >= 1.02 && whet_json_real(json_object_get(a, "latency"), slower ? "p25" : "p75") * (slower ? 1 : -1) <
                             whet_json_real(json_object_get(b, "latency"), slower ? "p75" : "p25") * (slower ? 1 : -1))
        whet_json_add_text(out, "The two ranges of times overlap: `whet bench` tells whether the difference is real.");
    say_share_of_int8(out, a);
    const whet_roof_peak *f32 = whet_roofline_peak(r, "f32"), *int8 = whet_roofline_peak(r, "int8");
    if (is_int8(a) && !is_int8(b) && f32 != NULL && int8 != NULL)
        whet_json_add_text(out, "No int8 file can be more than %.2g times as fast here: so much more int8 arithmetic (by %s) than f32 arithmetic this CPU does, measured%s.",
                           int8->gops[1] / f32->gops[1], int8->isa, doubt(r));
    return out;
}
