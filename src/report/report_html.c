// SPDX-License-Identifier: Apache-2.0
// The page: one file without any request, readable without script. Everything that came from outside (names, reasons,
// commands) is escaped; the document itself lies in it as JSON, so that programs can read what people see.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/printable.h"
#include "report/report.h"
#include "report/report_columns.h"
#include "report/report_html.h"
#include "wire/json.h"

enum { MAX_DOCUMENT = 480 << 10 }; // bytes of JSON in the page

void report_esc(whet_strbuf *b, const char *given)
{
    char *copy = whet_is_printable(given, WHET_KEEP_LINES) ? NULL : whet_printable_copy(given, WHET_KEEP_LINES);
    b->failed = b->failed || (copy == NULL && !whet_is_printable(given, WHET_KEEP_LINES));
    for (const char *text = copy != NULL ? copy : given; *text != '\0'; text++) {
        const char *name = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : *text == '"' ? "&quot;" : *text == '\'' ? "&#39;" : NULL;
        if (name != NULL) {
            whet_strbuf_puts(b, name);
        } else {
            whet_strbuf_add(b, text, 1);
        }
    }
    whet_free(copy);
}

// The bytes at p that stand only inside strings and are written by their code there, where that means the same: signs of HTML, so that
// "</script" and "<!--" cannot arise, and what would break or turn a line where the page's source is looked at.
static size_t unseen(const unsigned char *p, unsigned *code)
{
    if (*p == '<' || *p == '>' || *p == '&' || *p == 0x7f) {
        *code = *p;
        return 1;
    }
    if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) {
        *code = p[1];
        return 2;
    }
    if (*p != 0xe2 || !((p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) || (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9))) return 0;
    *code = 0x2000u + ((p[1] & 0x3fu) << 6) + (p[2] & 0x3fu);
    return 3;
}

void report_embed_json(whet_strbuf *b, const json_t *v)
{
    char *text = whet_json_text(v, 0);
    b->failed = b->failed || text == NULL;
    for (const char *p = text; p != NULL && *p != '\0';) {
        unsigned code = 0;
        const size_t n = unseen((const unsigned char *)p, &code);
        if (n > 0)
            whet_strbuf_printf(b, "\\u%04x", code);
        else
            whet_strbuf_add(b, p, 1);
        p += n > 0 ? n : 1;
    }
    whet_free(text);
}

void report_fact(whet_strbuf *b, const char *name, const char *text)
{
    if (text == NULL || text[0] == '\0') return;
    whet_strbuf_puts(b, "<dt>");
    report_esc(b, name);
    whet_strbuf_puts(b, "</dt><dd>");
    report_esc(b, text);
    whet_strbuf_puts(b, "</dd>\n");
}

char *whet_report_find_chart_js(void)
{
    const char *given = getenv("WHET_CHART_JS");
    static const char debian[] = "/usr/share/javascript/chart.js/chart.min.js";
    if (given != NULL && given[0] != '\0') return whet_file_exists(given) ? whet_strdup(given) : NULL;
    char *dir = whet_data_dir(), *own = dir != NULL ? whet_path_join(dir, "chart.min.js") : NULL;
    whet_free(dir);
    if (own != NULL && whet_file_exists(own)) return own;
    whet_free(own);
    return whet_file_exists(debian) ? whet_strdup(debian) : NULL;
}

// The library's text as a <script>; false (and nothing written) if it cannot be had.
static bool add_library(whet_strbuf *b, const char *chart_js)
{
    uint8_t *text = NULL;
    size_t size = 0;
    char *found = chart_js == NULL ? whet_report_find_chart_js() : whet_strdup(chart_js);
    whet_status status = found != NULL ? whet_file_read(&text, &size, found, 4 << 20) : WHET_ENOTFOUND;
    bool usable = status == WHET_OK && size > 0 && strcasestr((const char *)text, "</script") == NULL && strlen((const char *)text) == size;
    if (usable) {
        whet_strbuf_puts(b, "<script>");
        whet_strbuf_add(b, text, size);
        whet_strbuf_puts(b, "</script>\n");
    }
    whet_error_clear(); // a page without the library is complete
    whet_free(text);
    whet_free(found);
    return usable;
}

static void add_lines(whet_strbuf *b, const char *const *lines)
{
    for (; *lines != NULL; lines++) whet_strbuf_puts(b, *lines);
}

static void section(whet_strbuf *b, const char *id, const char *title, const char *lead)
{
    whet_strbuf_printf(b, "<section id='%s' aria-labelledby='h-%s'><h2 id='h-%s'>%s</h2>\n", id, id, id, title);
    if (lead[0] != '\0') whet_strbuf_printf(b, "<p class='lead'>%s</p>\n", lead);
}

// What the sections share.
typedef struct page {
    json_t *doc; // prepared
    json_t *answers, *charts, *warnings;
    whet_goal own;
    const whet_goal *goal; // NULL: none
} page;

static bool has_charts(const json_t *charts, const char *prefix)
{
    const json_t *c = NULL;
    size_t i = 0;
    json_array_foreach(charts, i, c)
    {
        if (strncmp(report_str(c, "id"), prefix, strlen(prefix)) == 0) return true;
    }
    return false;
}

static void add_head(whet_strbuf *b, const page *p, const char *title)
{
    const json_t *doc = p->doc;
    char *summary = whet_report_summary(doc);
    whet_strbuf_puts(b, "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
                        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
                        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
                        "<link rel='icon' href='data:,'>\n<title>");
    report_esc(b, title);
    whet_strbuf_puts(b, "</title>\n<style>\n");
    add_lines(b, report_css);
    whet_strbuf_puts(b, "</style>\n</head>\n<body>\n<header>\n<button id='theme' type='button' hidden></button>\n<p class='kicker'>whet ");
    report_esc(b, strcmp(report_str(doc, "kind"), "selection") == 0 ? "report" : report_str(doc, "kind"));
    whet_strbuf_puts(b, report_str(doc, "study")[0] != '\0' ? " · " : "");
    report_esc(b, report_str(doc, "study"));
    whet_strbuf_puts(b, "</p>\n<h1>");
    report_esc(b, title);
    whet_strbuf_puts(b, "</h1>\n<p class='verdict' id='verdict'>");
    report_esc(b, summary != NULL ? summary : "");
    whet_strbuf_puts(b, ".</p>\n");
    whet_free(summary);
    report_tiles(b, doc, p->warnings);
    whet_strbuf_puts(b, "<nav aria-label='Sections'><a href='#choice'>Which one</a><a href='#results'>Results</a><a href='#warnings'>Warnings</a><a href='#speed'>Speed</a>");
    if (has_charts(p->charts, "layers-")) whet_strbuf_puts(b, "<a href='#layers'>Layers</a>");
    if (report_has_quality(doc)) whet_strbuf_puts(b, "<a href='#classes'>Classes</a>");
    whet_strbuf_puts(b, "<a href='#parity'>Parity</a>");
    if (json_array_size(json_object_get(doc, "trainings")) > 0) whet_strbuf_puts(b, "<a href='#training'>Training</a>");
    whet_strbuf_puts(b, "<a href='#method'>How it was measured</a>");
    if (report_has_data(doc)) whet_strbuf_puts(b, "<a href='#data'>Data</a>");
    whet_strbuf_puts(b, "<a href='#machine'>Machine and versions</a><a href='#provenance'>Provenance</a></nav>\n</header>\n<main>\n");
}

static void end_section(whet_strbuf *b)
{
    whet_strbuf_puts(b, "</section>\n");
}

static void add_results(whet_strbuf *b, const page *p)
{
    section(b, "choice", p->goal != NULL ? "Which row meets the goal?" : "Which one?", "");
    report_choice(b, p->doc, p->answers, p->goal, p->charts);
    end_section(b);
    section(b, "results", "Results", "");
    report_results(b, p->doc, p->answers);
    end_section(b);
    section(b, "warnings", "Warnings", "");
    report_warning_list(b, p->doc, p->warnings);
    end_section(b);
    section(b, "speed", "Speed", "");
    report_comparisons(b, p->doc);
    report_figures(b, p->charts, "speed-");
    whet_strbuf_puts(b, "<h3>What it costs</h3>\n");
    report_figures(b, p->charts, "cost-");
    if (has_charts(p->charts, "sustain-")) whet_strbuf_puts(b, "<h3>Under a long load</h3>\n");
    report_figures(b, p->charts, "sustain-");
    end_section(b);
    if (has_charts(p->charts, "layers-")) {
        section(b, "layers", "Where the time goes", "As the runtime itself reports it; a runtime that profiles runs slower than one that does not.");
        report_explained(b, p->doc);
        report_figures(b, p->charts, "layers-");
        end_section(b);
    }
    if (report_has_quality(p->doc) || has_charts(p->charts, "quality-")) {
        section(b, "classes", "Accuracy, class by class", "");
        report_figures(b, p->charts, "quality-");
        report_quality(b, p->doc);
        end_section(b);
    }
    section(b, "parity", "Is it the same function?", "Before anything is timed, every runtime gets the same inputs and its outputs are compared with the reference.");
    report_parity(b, p->doc);
    end_section(b);
}

static void add_background(whet_strbuf *b, const page *p)
{
    if (json_array_size(json_object_get(p->doc, "trainings")) > 0) {
        section(b, "training", "Training", "");
        report_training(b, p->doc, p->charts);
        end_section(b);
    }
    section(b, "method", "What was measured, and how", "");
    report_method(b, p->doc);
    end_section(b);
    if (report_has_data(p->doc)) {
        section(b, "data", "Data and choices", "");
        report_data(b, p->doc);
        end_section(b);
    }
    section(b, "machine", "Machine and versions", "");
    report_machine(b, p->doc);
    end_section(b);
    section(b, "provenance", "Where the numbers come from", "");
    report_provenance(b, p->doc);
    end_section(b);
    report_reading(b, p->doc);
}

// The document for programs, without the raw samples: those stay in the store, the page stays light. What alone would make it
// heavy (evaluations of a hundred classes, settings said twice) goes too, largest first; "left_out" names it.
static void add_data(whet_strbuf *b, const json_t *doc)
{
    static const char *const heavy[] = {"eval", "profile", "replay", "outputs", "tuning", "best_search", "e2e", "settings", "parity",
                                        "load", "plain", "thread_check", "probe", "arithmetic", "files", "axes", "energy"};
    json_t *copy = json_deep_copy(doc), *row = NULL, *left_out = json_array();
    char *text = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(copy, "rows"), i, row) json_object_del(row, "samples");
    for (size_t k = 0; k < WHET_COUNT(heavy); k++) {
        whet_free(text);
        text = copy != NULL ? whet_json_text(copy, 0) : NULL;
        if (text == NULL || strlen(text) <= MAX_DOCUMENT) break;
        json_array_foreach(json_object_get(copy, "rows"), i, row) json_object_del(row, heavy[k]);
        if (k == 0) json_object_del(copy, "explained");
        json_array_append_new(left_out, json_string(heavy[k]));
        json_object_set(copy, "left_out", left_out);
    }
    whet_free(text);
    b->failed = b->failed || copy == NULL;
    whet_strbuf_puts(b, "<script type='application/json' id='whet-document'>");
    report_embed_json(b, copy);
    whet_strbuf_puts(b, "</script>\n");
    json_decref(left_out);
    json_decref(copy);
}

// Curves for the script, and the library that draws them; a page without curves needs neither.
static void add_curves(whet_strbuf *b, const json_t *charts, const char *chart_js)
{
    json_t *lines = json_array(), *c = NULL;
    size_t i = 0;
    json_array_foreach(charts, i, c)
    {
        if (strcmp(report_str(c, "kind"), "line") == 0) json_array_append(lines, c);
    }
    if (json_array_size(lines) > 0) {
        whet_strbuf_puts(b, "<script type='application/json' id='whet-curves'>");
        report_embed_json(b, lines);
        whet_strbuf_puts(b, "</script>\n");
        if (!add_library(b, chart_js))
            whet_strbuf_puts(b, "<p class='note' id='no-chart-js' style='max-width:1240px;margin:0 auto;padding:0 24px 40px'>Curves are static pictures: "
                                "Chart.js was not found when this page was written (Debian: libjs-chart.js, or set WHET_CHART_JS).</p>\n");
    }
    json_decref(lines);
}

whet_status whet_report_html(const json_t *doc, const char *chart_js, char **html)
{
    whet_strbuf b;
    const char *title = report_str(doc, "title");
    page p = {.doc = NULL};
    *html = NULL;
    if (!json_is_array(json_object_get(doc, "rows"))) return WHET_FAIL(WHET_EINVAL, "a report needs a result with rows, such as that of 'whet bench' or 'whet study'");
    if (title[0] == '\0') title = report_str(doc, "study");
    if (title[0] == '\0') title = "Measured with whet";
    p.doc = report_prepared(doc);
    if (report_goal_of(doc, &p.own)) p.goal = &p.own;
    p.answers = whet_report_answer(p.doc, p.goal);
    p.charts = report_charts(p.doc, p.answers);
    p.warnings = whet_report_warnings(p.doc);
    whet_strbuf_init(&b);
    add_head(&b, &p, title);
    add_results(&b, &p);
    add_background(&b, &p);
    whet_strbuf_puts(&b, "</main>\n<footer>");
    report_esc(&b, report_str(doc, "context.program"));
    whet_strbuf_puts(&b, report_str(doc, "started")[0] != '\0' ? " · " : "");
    report_esc(&b, report_str(doc, "started"));
    whet_strbuf_puts(&b, " · this file needs no network and no other file.<noscript> Sorting and filtering need scripts, which are off.</noscript></footer>\n");
    add_data(&b, doc);
    add_curves(&b, p.charts, chart_js);
    whet_strbuf_puts(&b, "<script>\n");
    add_lines(&b, report_script);
    whet_strbuf_puts(&b, "</script>\n</body>\n</html>\n");
    json_decref(p.doc);
    json_decref(p.answers);
    json_decref(p.charts);
    json_decref(p.warnings);
    *html = whet_strbuf_take(&b);
    return *html != NULL ? WHET_OK : WHET_ENOMEM;
}
