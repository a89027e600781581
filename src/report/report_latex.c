// SPDX-License-Identifier: Apache-2.0
// Tables for a paper, with booktabs: numbers carry +- or their interval, and never fewer digits than in the other tables. What is the same in every row
// stands in methods.tex, not in a column.
#include "report/report_latex.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "report/report.h"
#include "report/report_columns.h"

enum { LONG_TABLE = 36, MAX_CLASSES = 200 };

// --- text and numbers

static const struct { const char *sign, *tex; } signs[] = {
    {"±", "$\\pm$"}, {"×", "$\\times$"}, {"µ", "$\\mu$"}, {"μ", "$\\mu$"}, {"≤", "$\\leq$"}, {"≥", "$\\geq$"}, {"–", "--"}, {"—", "---"}, {"…", "\\ldots{}"},
    {"“", "``"}, {"”", "''"}, {"‘", "`"}, {"’", "'"}, {"°", "$^\\circ$"}, {"·", "$\\cdot$"}, {"→", "$\\rightarrow$"}, {"²", "$^2$"}, {"³", "$^3$"}, {"\xc2\xa0", "~"}};
static const struct { char sign; const char *tex; } specials[] = {
    {'\\', "\\textbackslash{}"}, {'{', "\\{"}, {'}', "\\}"}, {'$', "\\$"}, {'&', "\\&"}, {'#', "\\#"}, {'%', "\\%"}, {'_', "\\_"},
    {'~', "\\textasciitilde{}"}, {'^', "\\textasciicircum{}"}, {'<', "$<$"}, {'>', "$>$"}, {'|', "$|$"}, {'"', "{''}"}, {'\n', " "}, {'\r', " "}, {'\t', " "}};

// Length and code point of the UTF-8 sequence at p; a broken one is one byte and 0xFFFD.
static size_t decode(const unsigned char *p, unsigned *code)
{
    const size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 1;
    *code = 0xfffd;
    if (n == 1) return 1;
    unsigned c = p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) return 1;
        c = c << 6 | (p[i] & 0x3fu);
    }
    *code = c;
    return n;
}

static void tex_sign(whet_strbuf *b, const char **p)
{
    unsigned code = 0;
    const size_t n = decode((const unsigned char *)*p, &code);
    for (size_t i = 0; i < WHET_COUNT(signs); i++) {
        if (strlen(signs[i].sign) != n || strncmp(*p, signs[i].sign, n) != 0) continue;
        whet_strbuf_puts(b, signs[i].tex);
        *p += n;
        return;
    }
    // accented letters that OT1 can compose; eth and thorn it cannot
    const bool letter = code >= 0xc0 && code <= 0xff && strchr("\xd0\xd7\xde\xf0\xf7\xfe", (int)code) == NULL;
    if (letter) {
        whet_strbuf_add(b, *p, n);
    } else {
        whet_strbuf_printf(b, "[U+%04X]", code);
    }
    *p += n;
}

void report_tex(whet_strbuf *b, const char *text)
{
    for (const char *p = text; *p != '\0';) {
        const char *tex = NULL;
        if ((unsigned char)*p >= 0x80) {
            tex_sign(b, &p);
            continue;
        }
        for (size_t i = 0; i < WHET_COUNT(specials); i++)
            if (specials[i].sign == *p) tex = specials[i].tex;
        if (tex != NULL) {
            whet_strbuf_puts(b, tex);
        } else if ((unsigned char)*p >= 0x20 && *p != 0x7f) {
            whet_strbuf_add(b, p, 1);
        }
        p++;
    }
}

static void grouped(whet_strbuf *b, double x, int decimals)
{
    char digits[60];
    snprintf(digits, sizeof digits, "%.*f", decimals, x);
    const size_t whole = strcspn(digits, "."), sign = digits[0] == '-';
    for (size_t i = 0; digits[i] != '\0'; i++) {
        if (i > sign && i < whole && (whole - i) % 3 == 0 && whole - sign > 4) whet_strbuf_puts(b, "\\,");
        whet_strbuf_add(b, &digits[i], 1);
    }
}

static int decimals_of(const char *digits)
{
    const char *point = strchr(digits, '.');
    return point != NULL && strchr(digits, 'e') == NULL ? (int)strlen(point + 1) : 0;
}

// As many as the interval's half width `w` allows.
static int decimals_for(double w)
{
    int decimals = 0;
    double shown = w;
    for (int again = 0; again < 2; again++) { // rounding 0.96 up gives 1.0, which has its digits elsewhere
        const int e = (int)floor(log10(shown) + 1e-12);
        decimals = shown / pow(10, e) < 2 - 1e-9 ? 1 - e : -e;
        shown = report_round_up(w, decimals);
    }
    return decimals;
}

static void alone(whet_strbuf *b, double x, const char *digits)
{
    if (strchr(digits, 'e') != NULL) {
        const int e = (int)floor(log10(fabs(x)));
        whet_strbuf_printf(b, "$%.2f \\cdot 10^{%d}$", x / pow(10, e), e);
        return;
    }
    whet_strbuf_puts(b, "$");
    grouped(b, x, decimals_of(digits));
    whet_strbuf_puts(b, "$");
}

// The digits that the tables for people have are never cut; an interval may add some. Its ends are rounded outwards.
void report_tex_number(whet_strbuf *b, double x, double low, double high, report_tex_kind kind)
{
    const double down = x - low, up = high - x, w = fmax(down, up);
    char digits[40];
    if (!isfinite(x)) {
        whet_strbuf_puts(b, "--");
        return;
    }
    if (kind == REPORT_TEX_SHARE) snprintf(digits, sizeof digits, "%.2f", x);
    else report_digits(digits, sizeof digits, x);
    if (!isfinite(w) || w <= 0) {
        alone(b, x, digits);
        return;
    }
    const int decimals = kind == REPORT_TEX_SHARE ? 2 : WHET_MIN(WHET_MAX(decimals_of(digits), decimals_for(w)), 9);
    whet_strbuf_puts(b, "$");
    grouped(b, x, decimals);
    if (kind == REPORT_TEX_PERCENTILE || w > 2 * fmin(down, up)) {
        whet_strbuf_puts(b, "$ ($");
        grouped(b, -report_round_up(-low, decimals), decimals);
        whet_strbuf_puts(b, "$--$");
        grouped(b, report_round_up(high, decimals), decimals);
        whet_strbuf_puts(b, "$)");
        return;
    }
    whet_strbuf_puts(b, " \\pm ");
    grouped(b, report_round_up(w, decimals), decimals);
    whet_strbuf_puts(b, "$");
}

// --- tables

typedef struct tex_column { const char *title, *path, *low, *high; double scale; bool varies; char align; } tex_column;
static const tex_column columns[] = {
    {"Run", "run", NULL, NULL, 1, true, 'l'},
    {"Model", "model", NULL, NULL, 1, false, 'l'},
    {"Runtime", "runtime_title", NULL, NULL, 1, false, 'l'},
    {"Precision", "precision", NULL, NULL, 1, false, 'l'},
    {"Scenario", "scenario", NULL, NULL, 1, true, 'l'},
    {"Batch", "batch", NULL, NULL, 1, true, 'r'},
    {"Threads", "threads", NULL, NULL, 1, true, 'r'},
    {"Graph", "settings.optimisation", NULL, NULL, 1, true, 'l'},
    {"Accuracy (\\%)", "accuracy.value", "accuracy.low", "accuracy.high", 100, false, 'r'},
    {"Median (ms)", "latency.p50", "latency.p50_low", "latency.p50_high", 1, false, 'r'},
    {"p90 (ms)", "latency.p90", "latency.p90_low", "latency.p90_high", 1, false, 'r'},
    {"p99 (ms)", "latency.p99", "latency.p99_low", "latency.p99_high", 1, false, 'r'},
    {"img/s", "img_per_s", NULL, NULL, 1, false, 'r'},
    {"Size (MB)", "size_bytes", NULL, NULL, 1e-6, false, 'r'},
    {"$\\Delta$ memory (MB)", "memory.delta_bytes", NULL, NULL, 1e-6, false, 'r'},
    {"J/img", "j_per_img", NULL, NULL, 1, false, 'r'},
    {"Verdict", "verdict", NULL, NULL, 1, true, 'l'},
};

static bool column_shown(const tex_column *c, const json_t *doc)
{
    const report_column plain = {.path = c->path, .varies = c->varies};
    return report_column_shown(&plain, doc);
}

static void open_table(whet_strbuf *b, const char *align, size_t rows, const char *label, const char *caption)
{
    const bool one = rows < LONG_TABLE;
    if (one) {
        whet_strbuf_printf(b, "\\begin{table}[t]\n\\centering\n\\small\n\\caption{%s}\n\\label{tab:%s}\n\\vspace{6pt}\n\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%%\n"
                              "\\begin{tabular}{@{}%s@{}}\n\\toprule\n", caption, label, align);
    } else {
        whet_strbuf_printf(b, "{%s\n\\begin{longtable}{@{}%s@{}}\n\\caption{%s}\\label{tab:%s}\\\\[6pt]\n\\toprule\n",
                           strlen(align) > 9 ? "\\tiny\\setlength{\\tabcolsep}{2pt}" : "\\scriptsize\\setlength{\\tabcolsep}{3pt}", align, caption, label);
    }
}

static void close_table(whet_strbuf *b, size_t rows)
{
    whet_strbuf_puts(b, rows < LONG_TABLE ? "\\bottomrule\n\\end{tabular}}\n\\end{table}\n" : "\\bottomrule\n\\end{longtable}}\n");
}

static report_tex_kind kind_of(const tex_column *c)
{
    if (strncmp(c->path, "accuracy.", 9) == 0) return REPORT_TEX_SHARE;
    return strncmp(c->path, "latency.p9", 10) == 0 ? REPORT_TEX_PERCENTILE : REPORT_TEX_PLAIN;
}

static void result_row(whet_strbuf *b, const bool *shown, const json_t *row)
{
    bool first = true;
    for (size_t i = 0; i < WHET_COUNT(columns); i++) {
        const tex_column *c = &columns[i];
        const json_t *v = report_get(row, c->path);
        if (!shown[i]) continue;
        whet_strbuf_puts(b, first ? "" : " & ");
        first = false;
        if (json_is_number(v)) {
            const bool whole = json_is_integer(v) && c->scale >= 1 && c->scale <= 1; // a batch of 1 is no "1.00"
            const double x = json_number_value(v) * c->scale;
            if (whole) {
                whet_strbuf_printf(b, "%lld", (long long)json_integer_value(v));
            } else {
                report_tex_number(b, x, c->low != NULL ? report_num(row, c->low) * c->scale : (double)NAN, c->high != NULL ? report_num(row, c->high) * c->scale : (double)NAN, kind_of(c));
            }
        } else if (json_is_string(v)) {
            report_tex(b, json_string_value(v));
            if (strcmp(c->path, "runtime_title") == 0 && strncmp(report_str(row, "runtime"), "native", 6) == 0) whet_strbuf_puts(b, "$^{a}$");
        } else if (strcmp(c->path, "runtime_title") == 0) {
            report_tex(b, report_str(row, "runtime"));
        } else {
            whet_strbuf_puts(b, "--");
        }
    }
    whet_strbuf_puts(b, " \\\\\n");
}

static void results_table(whet_strbuf *b, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    size_t i = 0, ok = 0, failed = 0;
    char align[40] = "";
    bool shown[WHET_COUNT(columns)];
    whet_strbuf head, caption;
    whet_strbuf_init(&head);
    whet_strbuf_init(&caption);
    for (i = 0; i < WHET_COUNT(columns); i++) {
        shown[i] = column_shown(&columns[i], doc);
        if (!shown[i]) continue;
        whet_strbuf_printf(&head, "%s%s", align[0] != '\0' ? " & " : "", columns[i].title);
        const size_t n = strlen(align);
        align[n] = columns[i].align;
        align[n + 1] = '\0';
    }
    json_array_foreach(rows, i, row)
    {
        ok += report_row_ok(row);
        failed += !report_row_ok(row);
    }
    whet_strbuf_puts(&caption, "Accuracy, latency, size and memory; $\\pm$: the wider half of the 95\\,\\% interval; in brackets the interval itself, where one side is over twice "
                                "the other and of p90 and p99 (99\\,\\%). $\\Delta$: peak of the process, less the empty worker. $^{a}$ whet's own engine.");
    if (failed > 0) whet_strbuf_printf(&caption, " %zu of %zu rows failed and are listed with their reasons in the text.", failed, failed + ok);
    if (ok == 0) {
        whet_strbuf_puts(b, "% no row was measured\n");
        goto done;
    }
    open_table(b, align, ok, "results", caption.data != NULL ? caption.data : "");
    whet_strbuf_printf(b, "%s \\\\\n\\midrule\n", head.data != NULL ? head.data : "");
    if (ok >= LONG_TABLE) whet_strbuf_puts(b, "\\endfirsthead\n\\toprule\n");
    if (ok >= LONG_TABLE) whet_strbuf_printf(b, "%s \\\\\n\\midrule\n\\endhead\n", head.data != NULL ? head.data : "");
    json_array_foreach(rows, i, row)
    {
        if (report_row_ok(row)) result_row(b, shown, row);
    }
    close_table(b, ok);
done:
    whet_strbuf_dispose(&head);
    whet_strbuf_dispose(&caption);
}

static void comparisons_table(whet_strbuf *b, const json_t *doc)
{
    static const char head[] = "A & B & A as fast as B & interval & verdict of A \\\\\n\\midrule\n";
    const json_t *list = json_object_get(doc, "comparisons"), *c = NULL;
    const size_t n = json_array_size(list);
    size_t i = 0;
    bool medians = true;
    char name[300];
    json_array_foreach(list, i, c) medians = medians && (report_str(c, "figure")[0] == '\0' || strcmp(report_str(c, "figure"), "p50") == 0);
    if (n == 0) {
        whet_strbuf_puts(b, "% no rows were measured in turns\n");
        return;
    }
    open_table(b, "llrrl", n, "comparisons",
               medians ? "Ratios of medians of rows that were measured in turns, with 95\\,\\% bootstrap intervals; verdicts after Holm's correction."
                       : "Ratios of rows that were measured in turns, with 95\\,\\% bootstrap intervals: of the medians, for the scenario server of the 99th percentiles, "
                         "for multi and offline of the wall time of a picture; verdicts after Holm's correction.");
    whet_strbuf_puts(b, head);
    if (n >= LONG_TABLE) whet_strbuf_printf(b, "\\endfirsthead\n\\toprule\n%s\\endhead\n", head);
    json_array_foreach(list, i, c)
    {
        static const char *const ends[] = {"a", "b"};
        for (size_t k = 0; k < 2; k++) {
            const json_t *row = report_row_by_id(doc, report_str(c, ends[k]));
            if (row != NULL) report_row_name(doc, row, true, name, sizeof name);
            report_tex(b, row != NULL ? name : report_str(c, ends[k]));
            whet_strbuf_puts(b, " & ");
        }
        if (isfinite(report_num(c, "speedup"))) {
            const int digits = report_num(c, "speedup") < 0.1 ? 4 : 2; /* a hundredth is no 0.00 */
            whet_strbuf_printf(b, "$%.*f\\times$ & $%.*f$--$%.*f$ & ", digits, report_num(c, "speedup"), digits, report_num(c, "speedup_low"), digits,
                               report_num(c, "speedup_high"));
        } else {
            whet_strbuf_puts(b, "-- & -- & ");
        }
        report_tex(b, report_str(c, "verdict"));
        whet_strbuf_puts(b, " \\\\\n");
    }
    close_table(b, n);
}

static void parity_table(whet_strbuf *b, const json_t *doc)
{
    static const char head[] = "Row & Reference & Output & Largest difference & Cosine & Same top-1 (\\%) & Result \\\\\n\\midrule\n";
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *o = NULL;
    size_t i = 0, k = 0, n = 0;
    char name[300];
    json_array_foreach(rows, i, row) n += json_array_size(report_get(row, "parity.outputs"));
    if (n == 0) {
        whet_strbuf_puts(b, "% no row was compared with a reference\n");
        return;
    }
    open_table(b, "lllrrrl", n, "parity", "Outputs against the reference on the same inputs; the largest difference as a share of the reference's largest output.");
    whet_strbuf_puts(b, head);
    if (n >= LONG_TABLE) whet_strbuf_printf(b, "\\endfirsthead\n\\toprule\n%s\\endhead\n", head);
    json_array_foreach(rows, i, row)
    {
        json_array_foreach(report_get(row, "parity.outputs"), k, o)
        {
            report_row_name(doc, row, true, name, sizeof name);
            report_tex(b, name);
            whet_strbuf_puts(b, " & ");
            report_tex(b, report_str(row, "parity.reference"));
            whet_strbuf_puts(b, " & ");
            report_tex(b, report_str(o, "name"));
            whet_strbuf_puts(b, " & ");
            report_tex_number(b, report_num(o, "max"), (double)NAN, (double)NAN, REPORT_TEX_PLAIN);
            if (isfinite(report_num(o, "cosine"))) {
                whet_strbuf_printf(b, " & $%.6f$ & ", report_num(o, "cosine"));
            } else {
                whet_strbuf_puts(b, " & -- & ");
            }
            report_tex_number(b, 100 * report_num(o, "top1"), (double)NAN, (double)NAN, REPORT_TEX_PLAIN);
            whet_strbuf_puts(b, json_is_true(json_object_get(o, "ok")) ? " & passed \\\\\n" : " & failed \\\\\n");
        }
    }
    close_table(b, n);
}

static void classes_table(whet_strbuf *b, const json_t *doc)
{
    static const char head[] = "Class & Precision (\\%) & Recall (\\%) & F1 (\\%) & Pictures \\\\\n\\midrule\n";
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *list = NULL, *c = NULL;
    size_t i = 0;
    char name[300] = "";
    json_array_foreach(rows, i, row)
    {
        if (list != NULL || json_array_size(report_get(row, "eval.per_class")) == 0) continue;
        list = report_get(row, "eval.per_class");
        report_row_name(doc, row, true, name, sizeof name);
    }
    const size_t n = json_array_size(list);
    if (n == 0 || n > MAX_CLASSES) {
        whet_strbuf_puts(b, "% no scores of single classes\n");
        return;
    }
    whet_strbuf caption;
    whet_strbuf_init(&caption);
    whet_strbuf_puts(&caption, "Scores of each class: ");
    report_tex(&caption, name);
    whet_strbuf_puts(&caption, ".");
    open_table(b, "lrrrr", n, "classes", caption.data != NULL ? caption.data : "");
    whet_strbuf_dispose(&caption);
    whet_strbuf_puts(b, head);
    if (n >= LONG_TABLE) whet_strbuf_printf(b, "\\endfirsthead\n\\toprule\n%s\\endhead\n", head);
    json_array_foreach(list, i, c)
    {
        report_tex(b, report_str(c, "class"));
        whet_strbuf_printf(b, " & $%.2f$ & $%.2f$ & $%.2f$ & %.0f \\\\\n", 100 * report_num(c, "precision"), 100 * report_num(c, "recall"), 100 * report_num(c, "f1"), report_num(c, "support"));
    }
    close_table(b, n);
}

static void whole_paper(whet_strbuf *b, const json_t *doc)
{
    const char *title = report_str(doc, "title");
    char *summary = whet_report_summary(doc);
    whet_strbuf_puts(b, "\\documentclass[a4paper]{article}\n\\usepackage[utf8]{inputenc}\n\\usepackage[margin=2cm]{geometry}\n\\usepackage{booktabs}\n\\usepackage{longtable}\n"
                        "\\usepackage{graphicx}\n\\sloppy\n\\title{");
    report_tex(b, title[0] != '\0' ? title : "Measured with whet");
    whet_strbuf_puts(b, "}\n\\author{}\n\\date{");
    char day[11];
    snprintf(day, sizeof day, "%s", report_str(doc, "started")); // without the time
    report_tex(b, day);
    whet_strbuf_puts(b, "}\n\\begin{document}\n\\maketitle\n\\section{Summary}\n");
    report_tex(b, summary != NULL ? summary : "");
    whet_strbuf_puts(b, ".\n\\section{Methods}\n\\input{methods}\n\\section{Results}\n\\input{results}\n\\input{comparisons}\n\\input{parity}\n\\input{classes}\n\\clearpage\n"
                        "\\bibliographystyle{plain}\n\\bibliography{whet}\n\\end{document}\n");
    whet_free(summary);
}

static whet_status write_part(const char *dir, const char *name, whet_strbuf *b, json_t *files)
{
    char *path = whet_path_join(dir, name), *text = whet_strbuf_take(b);
    whet_status status = path != NULL && text != NULL ? whet_file_write(path, text, strlen(text)) : WHET_ENOMEM;
    if (status == WHET_OK) json_array_append_new(files, json_string(path));
    whet_free(path);
    whet_free(text);
    return status;
}

static whet_status latex_of(const json_t *doc, const char *dir, json_t *files)
{
    static const struct { const char *file; void (*write)(whet_strbuf *b, const json_t *doc); } parts[] = {
        {"results.tex", results_table}, {"comparisons.tex", comparisons_table}, {"parity.tex", parity_table}, {"classes.tex", classes_table}, {"report.tex", whole_paper}};
    json_t *cited = json_object();
    whet_strbuf b;
    whet_status status = whet_mkdirs(dir);
    for (size_t i = 0; i < WHET_COUNT(parts) && status == WHET_OK; i++) {
        whet_strbuf_init(&b);
        parts[i].write(&b, doc);
        status = write_part(dir, parts[i].file, &b, files);
    }
    if (status == WHET_OK) {
        whet_strbuf_init(&b);
        report_methods(&b, doc, cited);
        status = write_part(dir, "methods.tex", &b, files);
    }
    if (status == WHET_OK) {
        whet_strbuf_init(&b);
        report_bib(&b, doc, cited);
        status = write_part(dir, "whet.bib", &b, files);
    }
    json_decref(cited);
    return status;
}

whet_status whet_report_latex(const json_t *doc, const char *dir, json_t *files)
{
    json_t *p = report_prepared(doc);
    const whet_status status = latex_of(p, dir, files);
    json_decref(p);
    return status;
}
