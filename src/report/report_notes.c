// SPDX-License-Identifier: Apache-2.0
// What stands beneath a table of results: of which times a figure is made. Two figures of one row may be made of different ones
// (img/s of the median, J/img of the wall time), and a rate of arrivals is not what a runtime could do.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/report_columns.h"

static void note(json_t *notes, const char *name, const char *text)
{
    json_array_append_new(notes, json_pack("{s:s, s:s}", "name", name, "text", text));
}

// Each way once; where there are several, with the scenarios that it holds for.
static void note_rates(json_t *notes, const json_t *rows)
{
    const json_t *row = NULL;
    json_t *ways = json_object(), *of = NULL;
    const char *way = NULL, *word = NULL;
    json_t *x = NULL;
    size_t i = 0;
    json_array_foreach(rows, i, row)
    {
        const char *from = report_str(row, "img_per_s_from"), *scenario = report_str(row, "scenario");
        if (from[0] == '\0' || !isfinite(report_num(row, "img_per_s"))) continue;
        if (json_object_get(ways, from) == NULL) json_object_set_new(ways, from, json_object());
        json_object_set_new(json_object_get(ways, from), scenario[0] != '\0' ? scenario : "single", json_true());
    }
    json_object_foreach(ways, way, of)
    {
        char name[200] = "img/s";
        size_t n = strlen(name);
        int k = 0;
        if (json_object_size(ways) > 1)
            json_object_foreach(of, word, x)
            {
                if (n < sizeof name) n += (size_t)snprintf(name + n, sizeof name - n, "%s %.40s", k++ > 0 ? "," : "", word);
            }
        note(notes, name, way);
    }
    json_decref(ways);
}

typedef struct meaning { const char *path, *name, *text; } meaning;

json_t *report_column_notes(const json_t *doc, bool plain)
{
    static const meaning meanings[] = {
        {"latency.p50_high", "p50 ±", "the wider half of the median's 95 % interval; a row is judged by it, in multi and offline by that of the time per picture of a block"},
        {"latency.p90", "p90, p95, p99", "nearest rank, with 64, 130 and 662 samples or more; n/a: there were fewer"},
        {"latency.loaded", "p50 to p99 under load", "of multi, offline, server and paced: not of one picture at a time, so 1 / latency is no throughput"},
        {"load.late_share", "late %", "of all arrivals those that were not done by their deadline, with those that were never begun"},
        {"j_per_img", "J/img, img/s/W", "all energy of a window / pictures finished in its wall time, and the inverse; so img/s/W is not img/s (where that is of the median) by watts"},
        {"energy.idle_watts", "net J/img", "less what the idle machine takes in that time; \"not above idle\" where 1 % of the energy or less is left"},
        {"plain.mean_ms", "mean, min, ms/img", "plain numbers of the first 100 runs; ms/img is a latency by the batch, not the inverse of img/s"},
    };
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    json_t *notes = json_array();
    size_t i = 0;
    for (size_t k = 0; k < WHET_COUNT(meanings); k++) {
        bool has = false;
        json_array_foreach(rows, i, row) has = has || report_get(row, meanings[k].path) != NULL;
        if (has && (plain || strncmp(meanings[k].path, "plain.", 6) != 0)) note(notes, meanings[k].name, meanings[k].text);
        if (k == 1) note_rates(notes, rows);
    }
    return notes;
}
