/* SPDX-License-Identifier: Apache-2.0 */
/* `whet report`. */
#include <stddef.h>

#include "cmd.h"
#include "whet/report.h"

struct args {
    const char *html, *csv, *markdown, *store, *chart_js;
};

static const opt opts[] = {
    {"html", 0, OPT_PATH, "FILE", "one self-contained page (report.html if no form is asked for)", offsetof(struct args, html)},
    {"csv", 0, OPT_PATH, "FILE", "raw numbers, one line a row", offsetof(struct args, csv)},
    {"markdown", 0, OPT_PATH, "FILE", "the table for a document", offsetof(struct args, markdown)},
    {"store", 0, OPT_PATH, "FILE", "store that runs are looked up in (the user's)", offsetof(struct args, store)},
    {"chart-js", 0, OPT_PATH, "FILE", "Chart.js to embed (Debian's libjs-chart.js)", offsetof(struct args, chart_js)},
    OPT_END};

static int run(cli *c, void *args, int argc, char **argv)
{
    const struct args *a = args;
    whet_report_options o;
    whet_result *r = NULL;
    whet_status status = WHET_OK;

    if (argc != 2) return cli_usage(c, "report", "name one result file or stored run");
    whet_report_options_init(&o);
    o.html = a->html;
    o.csv = a->csv;
    o.markdown = a->markdown;
    if (a->html == NULL && a->csv == NULL && a->markdown == NULL) o.html = "report.html";
    o.store = a->store;
    o.chart_js = a->chart_js;
    status = whet_report(&r, argv[1], &o);
    return cli_finish(c, status, r);
}

const cmd cmd_report = {
    .name = "report",
    .summary = "a stored run as HTML, CSV or Markdown",
    .usage = "FILE.json | RUN | latest[:STUDY] [--html FILE] [--csv FILE]",
    .details = "Writes a page that needs no network: verdict, table, charts, parity, machine, provenance. RUN is a number\n"
               "of `whet results list`. Without Chart.js the charts are static pictures.",
    .examples = "  $ whet report latest:demo --html demo.html\n"
                "  $ whet report bench.json --csv bench.csv --markdown bench.md\n",
    .opts = opts,
    .args_size = sizeof(struct args),
    .run = run,
};
