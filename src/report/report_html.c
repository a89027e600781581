// SPDX-License-Identifier: Apache-2.0
// The page: one file without any request, readable without script. Everything that came from outside (names, reasons,
// commands) is escaped; the document itself lies in it as JSON, so that programs can read what people see.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "report/report.h"
#include "report/report_columns.h"
#include "report/report_html.h"
#include "wire/json.h"

void report_esc(whet_strbuf *b, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *name = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : *text == '"' ? "&quot;" : *text == '\'' ? "&#39;" : NULL;
        if (name != NULL) {
            whet_strbuf_puts(b, name);
        } else {
            whet_strbuf_add(b, (unsigned char)*text < 0x20 && *text != '\n' && *text != '\t' ? " " : text, 1);
        }
    }
}

void report_embed_json(whet_strbuf *b, const json_t *v)
{
    char *text = whet_json_text(v, 0);
    b->failed = b->failed || text == NULL;
    for (const char *p = text; p != NULL && *p != '\0'; p++) {
        // These stand only inside strings, where the escape means the same; "</script" and "<!--" cannot arise.
        const char *escape = *p == '<' ? "\\u003c" : *p == '>' ? "\\u003e" : *p == '&' ? "\\u0026" : NULL;
        if (escape != NULL) {
            whet_strbuf_puts(b, escape);
        } else {
            whet_strbuf_add(b, p, 1);
        }
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

static void add_head(whet_strbuf *b, const json_t *doc, const char *title)
{
    char *summary = whet_report_summary(doc);
    whet_strbuf_puts(b, "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
                        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
                        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
                        "<link rel='icon' href='data:,'>\n<title>");
    report_esc(b, title);
    whet_strbuf_puts(b, "</title>\n<style>\n");
    add_lines(b, report_css);
    whet_strbuf_puts(b, "</style>\n</head>\n<body>\n<header>\n<p class='kicker'>whet ");
    report_esc(b, report_str(doc, "kind"));
    whet_strbuf_puts(b, report_str(doc, "study")[0] != '\0' ? " · " : "");
    report_esc(b, report_str(doc, "study"));
    whet_strbuf_puts(b, "</p>\n<h1>");
    report_esc(b, title);
    whet_strbuf_puts(b, "</h1>\n<p class='verdict' id='verdict'>");
    report_esc(b, summary != NULL ? summary : "");
    whet_strbuf_puts(b, ".</p>\n");
    whet_free(summary);
    report_tiles(b, doc);
    whet_strbuf_puts(b, "<nav aria-label='Sections'><a href='#results'>Results</a><a href='#speed'>Speed</a>"
                        "<a href='#parity'>Parity</a><a href='#method'>How it was measured</a>");
    if (json_object_get(doc, "data") != NULL) whet_strbuf_puts(b, "<a href='#data'>Data</a>");
    if (json_array_size(json_object_get(doc, "trainings")) > 0) whet_strbuf_puts(b, "<a href='#training'>Training</a>");
    whet_strbuf_puts(b, "<a href='#machine'>Machine</a><a href='#provenance'>Provenance</a></nav>\n</header>\n<main>\n");
}

static void add_body(whet_strbuf *b, const json_t *doc, const json_t *charts)
{
    section(b, "results", "Results", "");
    report_results(b, doc);
    report_figures(b, charts, "quality-");
    whet_strbuf_puts(b, "</section>\n");
    section(b, "speed", "Speed", "");
    report_comparisons(b, doc);
    report_figures(b, charts, "speed-");
    whet_strbuf_puts(b, "<h3>What it costs</h3>\n");
    report_figures(b, charts, "cost-");
    whet_strbuf_puts(b, "</section>\n");
    section(b, "parity", "Is it the same function?", "Before anything is timed, every runtime gets the same inputs and its outputs are compared with the reference.");
    report_parity(b, doc);
    whet_strbuf_puts(b, "</section>\n");
    section(b, "method", "What was measured, and how", "");
    report_method(b, doc);
    whet_strbuf_puts(b, "</section>\n");
    if (json_object_get(doc, "data") != NULL) {
        section(b, "data", "Data and choices", "");
        report_data(b, doc);
        whet_strbuf_puts(b, "</section>\n");
    }
    if (json_array_size(json_object_get(doc, "trainings")) > 0) {
        section(b, "training", "Training", "");
        report_training(b, doc, charts);
        whet_strbuf_puts(b, "</section>\n");
    }
    section(b, "machine", "The machine", "");
    report_machine(b, doc);
    whet_strbuf_puts(b, "</section>\n");
    section(b, "provenance", "Where the numbers come from", "");
    report_provenance(b, doc);
    whet_strbuf_puts(b, "</section>\n");
    report_reading(b, doc);
}

// The document for programs, without the raw samples: those stay in the store, the page stays light.
static void add_data(whet_strbuf *b, const json_t *doc)
{
    json_t *copy = json_deep_copy(doc), *row = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(copy, "rows"), i, row) json_object_del(row, "samples");
    b->failed = b->failed || copy == NULL;
    whet_strbuf_puts(b, "<script type='application/json' id='whet-document'>");
    report_embed_json(b, copy);
    whet_strbuf_puts(b, "</script>\n");
    json_decref(copy);
}

whet_status whet_report_html(const json_t *doc, const char *chart_js, char **html)
{
    whet_strbuf b;
    const char *title = report_str(doc, "title");
    json_t *charts = report_charts(doc);
    *html = NULL;
    if (!json_is_array(json_object_get(doc, "rows"))) {
        json_decref(charts);
        return WHET_FAIL(WHET_EINVAL, "a report needs a result with rows, such as that of 'whet bench' or 'whet study'");
    }
    if (title[0] == '\0') title = report_str(doc, "study");
    if (title[0] == '\0') title = "Measured with whet";
    whet_strbuf_init(&b);
    add_head(&b, doc, title);
    add_body(&b, doc, charts);
    whet_strbuf_puts(&b, "</main>\n<footer>");
    report_esc(&b, report_str(doc, "context.program"));
    whet_strbuf_puts(&b, " · ");
    report_esc(&b, report_str(doc, "started"));
    whet_strbuf_puts(&b, " · this file needs no network and no other file.");
    whet_strbuf_puts(&b, "<noscript> Charts are drawn as static pictures because scripts are off.</noscript></footer>\n");
    add_data(&b, doc);
    whet_strbuf_puts(&b, "<script type='application/json' id='whet-charts'>");
    report_embed_json(&b, charts);
    whet_strbuf_puts(&b, "</script>\n");
    json_decref(charts);
    if (!add_library(&b, chart_js))
        whet_strbuf_puts(&b, "<p class='note' id='no-chart-js' style='max-width:1120px;margin:0 auto;padding:0 24px 40px'>Charts are static "
                             "pictures: Chart.js was not found when this page was written (Debian: libjs-chart.js, or set WHET_CHART_JS).</p>\n");
    whet_strbuf_puts(&b, "<script>\n");
    add_lines(&b, report_script);
    whet_strbuf_puts(&b, "</script>\n</body>\n</html>\n");
    *html = whet_strbuf_take(&b);
    return *html != NULL ? WHET_OK : WHET_ENOMEM;
}
