/* SPDX-License-Identifier: Apache-2.0 */
/* `whet report`. */
#include <stddef.h>
#include <string.h>

#include "cmd.h"
#include "whet/report.h"

struct args {
    const char *html, *csv, *markdown, *latex, *charts, *chart_forms, *goal, *title, *store, *chart_js;
};

static const opt opts[] = {
    {"html", 0, OPT_PATH, "FILE", "one self-contained page (report.html if no form is asked for)", offsetof(struct args, html)},
    {"csv", 0, OPT_PATH, "FILE", "raw numbers, one line a row", offsetof(struct args, csv)},
    {"markdown", 0, OPT_PATH, "FILE", "the table for a document", offsetof(struct args, markdown)},
    {"latex", 0, OPT_PATH, "DIR", "tables, methods and references for a paper", offsetof(struct args, latex)},
    {"charts", 0, OPT_PATH, "DIR", "every chart as a picture", offsetof(struct args, charts)},
    {"chart-forms", 0, OPT_STRING, "LIST", "of svg,png,pdf (all; png and pdf are made by gnuplot)", offsetof(struct args, chart_forms)},
    {"goal", 0, OPT_STRING, "TEXT", "limits and what to minimise, in place of the study's own", offsetof(struct args, goal)},
    {"title", 0, OPT_STRING, "TEXT", "heading, in place of the stored one", offsetof(struct args, title)},
    {"store", 0, OPT_PATH, "FILE", "store that runs are looked up in (the user's)", offsetof(struct args, store)},
    {"chart-js", 0, OPT_PATH, "FILE", "Chart.js to embed (Debian's libjs-chart.js)", offsetof(struct args, chart_js)},
    OPT_END};

/* Of the files to be written, the one that is a source, or another one's name as well; NULL: none. */
static const char *clash(const struct args *a, int argc, char **argv)
{
    const char *const made[] = {a->html, a->csv, a->markdown};
    for (int i = 0; i < 3; i++) {
        if (made[i] != NULL && cli_same_file(made[i], argc, argv) != NULL) return made[i];
        for (int k = 0; k < i; k++)
            if (made[i] != NULL && made[k] != NULL && strcmp(made[i], made[k]) == 0) return made[i];
    }
    return NULL;
}

static int run(cli *c, void *args, int argc, char **argv)
{
    const struct args *a = args;
    whet_report_options o;
    whet_result *r = NULL;
    whet_status status = WHET_OK;

    if (argc < 2) return cli_usage(c, "report", "name result files or stored runs");
    if (clash(a, argc, argv) != NULL) return cli_usage(c, "report", "one file would overwrite '%s', name another file", clash(a, argc, argv));
    whet_report_options_init(&o);
    o.html = a->html;
    o.csv = a->csv;
    o.markdown = a->markdown;
    o.latex = a->latex;
    o.charts = a->charts;
    o.chart_forms = a->chart_forms;
    o.goal = a->goal;
    o.title = a->title;
    if (a->html == NULL && a->csv == NULL && a->markdown == NULL && a->latex == NULL && a->charts == NULL && c->json == NULL) o.html = "report.html";
    o.store = a->store;
    o.chart_js = a->chart_js;
    status = whet_report_all(&r, (const char *const *)&argv[1], argc - 1, &o);
    return cli_finish(c, status, r);
}

const cmd cmd_report = {
    .name = "report",
    .summary = "stored runs as HTML, Markdown, CSV, JSON, LaTeX, pictures",
    .usage = "SOURCE... [--goal TEXT] [--html FILE] [--csv FILE] [--latex DIR] ...",
    .details = "SOURCE is a result file or stored runs: a number of `whet results`, a range 12-15, latest, latest:STUDY,\n"
               "tag:NAME, study:NAME. Several become one report. The page needs no network; its summary comes first. A goal\n"
               "such as \"accuracy drop <= 1pt, p95 <= 30 ms, size <= 10 MB, minimise energy\" is answered with the row that\n"
               "meets it and the runner-up, or the limit that nothing meets; without one the rows are given that no other\n"
               "is surely better than in accuracy, latency and size, and none is recommended.",
    .examples = "  $ whet report latest:demo --html demo.html\n"
                "  $ whet report 12 15 old.json --goal \"p95 <= 30 ms, minimise size\"\n"
                "  $ whet report tag:paper --latex paper/ --charts figures/\n"
                "  $ whet report bench.json --csv bench.csv --markdown bench.md\n",
    .opts = opts,
    .args_size = sizeof(struct args),
    .run = run,
};
