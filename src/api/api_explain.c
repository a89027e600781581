/* SPDX-License-Identifier: Apache-2.0 */
/* Body of include/whet/explain.h, and the text of what it says. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/api_size.h"
#include "api/result.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "measure/explain.h"
#include "whet/explain.h"
#include "wire/json.h"

enum { TOP = 12, NODE = 28, TEXT = 256 };

void whet_explain_options_init(whet_explain_options *o) { *o = (whet_explain_options){.size = sizeof *o}; }

/* --- rendering */
static void put_machine(const json_t *doc, int width, whet_strbuf *out)
{
    const json_t *machine = json_object_get(doc, "machine"), *roof = json_object_get(doc, "roofline"), *o = NULL;
    whet_strbuf text;
    size_t i = 0;
    const char *precision = "";
    whet_strbuf_init(&text);
    json_array_foreach(json_object_get(roof, "peaks"), i, o) {
        const bool next = strcmp(precision, whet_json_str(o, "precision")) != 0;
        precision = whet_json_str(o, "precision");
        whet_strbuf_printf(&text, whet_json_real(o, "gops_n") >= 100 ? "%s%s%s%s %.0f" : "%s%s%s%s %.3g", i == 0 ? "" : next ? "; " : ", ", next ? precision : "", next ? " " : "", whet_json_str(o, "isa"),
                           whet_json_real(o, "gops_n"));
    }
    whet_render_wrapped(out, width, 9, "machine  %s, %.0f thread%s", whet_json_str(machine, "cpu"), whet_json_real(roof, "threads"),
                        whet_json_real(roof, "threads") == 1 ? "" : "s");
    whet_render_wrapped(out, width, 9, "peaks    %s (GOP/s, measured)", text.data != NULL ? text.data : "");
    whet_strbuf_dispose(&text);
    whet_strbuf_init(&text);
    json_array_foreach(json_object_get(roof, "levels"), i, o)
        whet_strbuf_printf(&text, "%s%s %.3g", i == 0 ? "" : ", ", whet_json_str(o, "name"), fmax(whet_json_real(o, "read_gbps_n"), whet_json_real(o, "copy_gbps_n")));
    whet_render_wrapped(out, width, 9, "bytes    %s (GB/s, measured)", text.data != NULL ? text.data : "");
    whet_strbuf_dispose(&text);
    whet_strbuf_init(&text);
    if (json_is_true(json_object_get(roof, "unsure"))) whet_render_wrapped(out, width, 9, "         %s", whet_json_str(roof, "unsure_text"));
    json_array_foreach(json_object_get(machine, "isa_missing"), i, o) whet_strbuf_printf(&text, "%s%s", i == 0 ? "" : ", ", json_string_value(o));
    if (text.len > 0) whet_render_wrapped(out, width, 9, "missing  %s", text.data);
    whet_strbuf_dispose(&text);
}

/* Positions of the nodes with the longest times. */
static int slowest(const json_t *nodes, size_t *top)
{
    int n = 0;
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const double ms = whet_json_real(json_array_get(nodes, i), "ms");
        int at = n;
        if (n == TOP && ms <= whet_json_real(json_array_get(nodes, top[n - 1]), "ms")) continue;
        if (n < TOP) n++;
        else at = n - 1;
        for (; at > 0 && whet_json_real(json_array_get(nodes, top[at - 1]), "ms") < ms; at--) top[at] = top[at - 1];
        top[at] = i;
    }
    return n;
}

static void put_nodes(const json_t *model, bool unsure, int width, bool color, whet_strbuf *out)
{
    static const char *const titles[] = {"node", "operator", "in", "ms", "time", "of roof", "roof"};
    enum { COLUMNS = 7 };
    const json_t *nodes = json_object_get(model, "nodes");
    const char *cells[TOP * COLUMNS];
    char text[TOP][3][24], names[TOP][TEXT];
    size_t top[TOP] = {0};
    if (!json_is_number(json_object_get(model, "ms"))) return;
    const int n = slowest(nodes, top);
    for (int i = 0; i < n; i++) {
        const json_t *o = json_array_get(nodes, top[i]), *of = json_object_get(o, "of_roof");
        snprintf(text[i][0], 24, "%.3f", whet_json_real(o, "ms"));
        snprintf(text[i][1], 24, "%.1f%%", whet_json_real(o, "share") * 100);
        snprintf(text[i][2], 24, json_number_value(of) < 0.0095 ? "%s<1%%" : "%s%.0f%%", unsure ? "~" : "", json_number_value(of) * 100);
        whet_render_tail(names[i], TEXT, whet_json_str(o, "label"), WHET_MAX(width - 80, 0) + NODE);
        const char *row[COLUMNS] = {names[i], whet_json_str(o, "type"), whet_json_str(o, "precision"), text[i][0], text[i][1],
                                    json_is_number(of) ? text[i][2] : "", whet_json_str(o, "roof")};
        memcpy(&cells[i * COLUMNS], row, sizeof row);
    }
    whet_strbuf_printf(out, "\nthe slowest of %zu nodes (%.3g ms together)\n", json_array_size(nodes), whet_json_real(model, "ms"));
    whet_render_table(out, width, color, COLUMNS, titles, "lllrrrl", n, cells);
}

static void put_model(const json_t *model, bool unsure, int width, bool color, whet_strbuf *out)
{
    const json_t *latency = json_object_get(model, "latency"), *o = NULL;
    size_t i = 0;
    whet_strbuf_puts(out, "\n");
    whet_render_bold(out, color, whet_path_base(whet_json_str(model, "model")));
    whet_strbuf_printf(out, " on %s %s: %.3g ms (%.3g to %.3g)\n", whet_json_str(model, "title"), whet_json_str(model, "version"), whet_json_real(latency, "p50"),
                       whet_json_real(latency, "p25"), whet_json_real(latency, "p75"));
    put_nodes(model, unsure, width, color, out);
    whet_strbuf_puts(out, "\n");
    json_array_foreach(json_object_get(model, "sentences"), i, o) whet_render_wrapped(out, width, 2, "* %s", json_string_value(o));
    json_array_foreach(json_object_get(model, "notes"), i, o) whet_render_wrapped(out, width, 2, "note: %s", json_string_value(o));
}

static void render(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *o = NULL;
    size_t i = 0;
    put_machine(doc, width, out);
    json_array_foreach(json_object_get(doc, "models"), i, o) put_model(o, json_is_true(json_object_get(json_object_get(doc, "roofline"), "unsure")), width, color, out);
    if (json_array_size(json_object_get(doc, "sentences")) > 0) whet_strbuf_puts(out, "\n");
    json_array_foreach(json_object_get(doc, "sentences"), i, o) whet_render_wrapped(out, width, 2, "%s", json_string_value(o));
}

/* --- */
whet_status whet_explain(whet_result **out, const char *model, const char *other, const whet_explain_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_explain_options o;
    json_t *doc = NULL;
    whet_explain_options_init(&o);
    if (opt != NULL) o = *opt;
    *out = NULL;
    if (model == NULL) return WHET_FAIL(WHET_EINVAL, "no model is given");
    if (o.threads < 0 || o.threads > 1024 || o.batch < 0 || o.batch > 65536) return WHET_FAIL(WHET_EINVAL, "threads or batch are out of range");
    const char *runtime = o.runtime != NULL ? o.runtime : "native";
    whet_explain_spec s = {.a = {model, runtime}, .b = {other, o.other_runtime != NULL ? o.other_runtime : runtime}, .threads = o.threads, .batch = o.batch,
                           .seed = o.seed, .quick = o.quick != 0, .program = o.program, .progress = o.progress, .progress_arg = o.progress_arg};
    if (other == NULL && o.other_runtime != NULL) s.b.model = model; /* one file on two runtimes */
    WHET_TRY(whet_api_size(o.picture_size, s.sizes));
    WHET_TRY(whet_explain_run(&doc, &s));
    return whet_result_make(out, "explain", doc, 0, render);
}
