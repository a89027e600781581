// SPDX-License-Identifier: Apache-2.0
// Charts as picture files. SVG is drawn here and is the same everywhere; PNG and PDF need fonts and a rasteriser, which gnuplot
// has: for it each chart is written as a script with its data inside (.gp), which stays beside the pictures, so that others can
// change the look. Texts stand in single quotes, in which gnuplot expands nothing.
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "report/goal.h"
#include "report/report.h"
#include "report/report_axis.h"
#include "report/report_columns.h"
#include "report/report_html.h"

enum { MAX_BARS = 60, SECONDS = 120 };
static const char *const colours[] = {"#0072b2", "#d55e00", "#00805f", "#b5578e", "#9a6a00", "#2f8fc4", "#6b6f76", "#1c2126"};

static void quoted(whet_strbuf *b, const char *text)
{
    whet_strbuf_puts(b, "'");
    for (; *text != '\0'; text++) {
        const char c = (unsigned char)*text < 0x20 ? ' ' : *text == '`' || *text == '\\' ? '/' : *text;
        if (c == '\'') whet_strbuf_puts(b, "'");
        whet_strbuf_add(b, &c, 1);
    }
    whet_strbuf_puts(b, "'");
}

static void head(whet_strbuf *b, const json_t *chart, double height)
{
    const char *id = report_str(chart, "id");
    whet_strbuf_printf(b, "# gnuplot -e \"form='pdf'\" %s.gp\nreset\nset encoding utf8\nif (!exists('form')) form = 'png'\n"
                          "if (form eq 'png') { set terminal pngcairo noenhanced size 1200,%.0f font 'DejaVu Sans,14'; set output '%s.png' }\n"
                          "if (form eq 'pdf') { set terminal pdfcairo noenhanced size 17cm,%.1fcm font 'DejaVu Sans,9'; set output '%s.pdf' }\n"
                          "set title ", id, height, id, height * 17 / 1200, id);
    quoted(b, report_str(chart, "title"));
    whet_strbuf_puts(b, "\nset xlabel ");
    quoted(b, report_str(chart, "unit"));
    whet_strbuf_puts(b, "\nset border 3\nset tics nomirror\nset grid x lt 1 lw 0.5 lc rgb '#dddddd'\n");
}

// The legend stands above: below, gnuplot writes it over the name of the axis.
static const char key_above[] = "set key tmargin center horizontal Left reverse\n", grid_y[] = "set grid y lt 1 lw 0.5 lc rgb '#dddddd'\n";

// gnuplot numbers whole decades alone on a logarithmic axis.
static void log_axis(whet_strbuf *b, const report_axis *a)
{
    if (!a->log) return;
    whet_strbuf_printf(b, "set logscale x\nset xrange [%.9g:%.9g]\nset xtics (", a->low, a->high);
    for (int k = 0; k < a->n; k++) whet_strbuf_printf(b, "%s%.9g", k > 0 ? ", " : "", a->tick[k]);
    whet_strbuf_puts(b, ")\n");
}

static void row_labels(whet_strbuf *b, const json_t *labels, size_t n)
{
    whet_strbuf_puts(b, "set ytics (");
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(labels, i));
        whet_strbuf_puts(b, i > 0 ? ", " : "");
        quoted(b, text != NULL ? text : "");
        whet_strbuf_printf(b, " %zu", n - 1 - i);
    }
    whet_strbuf_printf(b, ") scale 0\nset yrange [-0.7:%.1f]\n", (double)n - 0.3);
}

// One line a bar: value, place, left, right, bottom, top, colour, low, high.
static void bars(whet_strbuf *b, const json_t *chart, bool interval)
{
    const json_t *labels = json_object_get(chart, "labels"), *series = json_object_get(chart, "series");
    const size_t n = WHET_MIN(json_array_size(labels), (size_t)MAX_BARS), m = json_array_size(series);
    const double line = report_num(chart, "zero_line"), thick = 0.76 / (double)(m > 0 ? m : 1);
    head(b, chart, 150 + 46 * (double)n * (m > 1 ? 1.3 : 1));
    row_labels(b, labels, n);
    bool whiskers = false;
    const report_axis axis = report_axis_of_chart(chart, !interval, json_is_true(json_object_get(chart, "may_log")));
    for (size_t k = 0; k < m; k++) {
        whet_strbuf_printf(b, "$data%zu << EOD\n", k);
        for (size_t i = 0; i < n; i++) {
            const json_t *s = json_array_get(series, k);
            const double v = report_series_at(s, "values", i), low = report_series_at(s, "low", i), high = report_series_at(s, "high", i), top = (double)(n - 1 - i) + 0.38 - thick * (double)k;
            if (!isfinite(v)) continue;
            whiskers = whiskers || isfinite(low);
            whet_strbuf_printf(b, "%.9g %.4f 0 %.9g %.4f %.4f 0x%s %.9g %.9g\n", v, top - thick / 2, v, top - thick, top, colours[m > 1 ? k : (size_t)report_chart_colour(chart, i)] + 1,
                               isfinite(low) ? low : v, isfinite(high) ? high : v);
        }
        whet_strbuf_puts(b, "EOD\n");
    }
    if (isfinite(line)) whet_strbuf_printf(b, "set arrow from %.9g, graph 0 to %.9g, graph 1 nohead dt 2 lc rgb '#777777'\n", line, line);
    whet_strbuf_printf(b, "set xrange [%.9g:%.9g]\n", axis.low, axis.high);
    log_axis(b, &axis);
    whet_strbuf_puts(b, m > 1 ? key_above : "unset key\n");
    whet_strbuf_puts(b, "set style fill solid 0.85 noborder\nplot ");
    for (size_t k = 0; k < m; k++) {
        whet_strbuf_printf(b, "%s$data%zu using ", k > 0 ? ", " : "", k);
        whet_strbuf_puts(b, interval ? "1:2:8:9:7 with xerrorbars pt 7 ps 1.3 lc rgb variable" : "1:2:3:4:5:6:7 with boxxyerror lc rgb variable");
        whet_strbuf_puts(b, " title ");
        quoted(b, report_str(json_array_get(series, k), "name"));
        if (whiskers && !interval) whet_strbuf_printf(b, ", $data%zu using 1:2:8:9 with xerrorbars pt 0 lc rgb 'black' notitle", k);
    }
    whet_strbuf_puts(b, "\n");
}

static void ridges(whet_strbuf *b, const json_t *chart)
{
    const json_t *labels = json_object_get(chart, "labels"), *s = json_array_get(json_object_get(chart, "series"), 0), *outlines = json_object_get(chart, "outlines");
    const size_t n = WHET_MIN(json_array_size(labels), (size_t)MAX_BARS);
    double low = (double)INFINITY, high = 0;
    head(b, chart, 150 + 60 * (double)n);
    row_labels(b, labels, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *bins = json_object_get(json_array_get(outlines, i), "bins");
        const double from = report_series_at(s, "low", i), to = report_series_at(s, "high", i), y = (double)(n - 1 - i);
        const size_t count = json_array_size(bins);
        low = fmin(low, from);
        high = fmax(high, to);
        whet_strbuf_printf(b, "$row%zu << EOD\n%.9g %.3f\n", i, from, y - 0.3);
        for (size_t k = 0; k < count; k++)
            whet_strbuf_printf(b, "%.9g %.3f\n", from + (to - from) * ((double)k + 0.5) / (double)count, y - 0.3 + 0.0085 * (double)json_integer_value(json_array_get(bins, k)));
        whet_strbuf_printf(b, "%.9g %.3f\nEOD\n", to, y - 0.3);
    }
    whet_strbuf_puts(b, "$medians << EOD\n");
    for (size_t i = 0; i < n; i++) whet_strbuf_printf(b, "%.9g %.3f 0 0.8\n", report_series_at(s, "values", i), (double)(n - 1 - i) - 0.3);
    whet_strbuf_puts(b, "EOD\nunset key\nset style fill transparent solid 0.45 border\n");
    const report_axis axis = report_axis_make(low, high, false, true);
    log_axis(b, &axis);
    whet_strbuf_puts(b, "plot ");
    for (size_t i = 0; i < n; i++) whet_strbuf_printf(b, "$row%zu using 1:2 with filledcurves closed lc rgb '%s', ", i, colours[report_chart_colour(chart, i)]);
    whet_strbuf_puts(b, "$medians using 1:2:3:4 with vectors nohead lw 2 lc rgb 'black'\n");
}

static void lines(whet_strbuf *b, const json_t *chart)
{
    const json_t *series = json_object_get(chart, "series"), *s = NULL, *p = NULL;
    const size_t pairs = json_is_true(json_object_get(chart, "pairs")) ? 2 : 1;
    size_t i = 0, k = 0;
    head(b, chart, 640 + 18 * (double)json_array_size(series));
    whet_strbuf_printf(b, "%s%sset ylabel ", grid_y, key_above);
    quoted(b, report_str(chart, "y_unit"));
    const size_t epochs = strcmp(report_str(chart, "unit"), "epoch") == 0 ? json_array_size(json_object_get(json_array_get(series, 0), "values")) : 0;
    whet_strbuf_puts(b, epochs > 0 && epochs < 10 ? "\nset xtics 1\n" : "\n"); // no parts of an epoch
    json_array_foreach(series, i, s)
    {
        whet_strbuf_printf(b, "$line%zu << EOD\n", i);
        json_array_foreach(json_object_get(s, "values"), k, p) whet_strbuf_printf(b, "%.9g %.9g\n", report_num(p, "x"), report_num(p, "y"));
        whet_strbuf_puts(b, "EOD\n");
    }
    whet_strbuf_puts(b, "plot ");
    json_array_foreach(series, i, s)
    {
        whet_strbuf_printf(b, "%s$line%zu using 1:2 with lines lw 2 dt %zu lc rgb '%s' title ", i > 0 ? ", " : "", i, i % 2 + 1, colours[i / pairs % 8]);
        quoted(b, report_str(s, "name"));
    }
    whet_strbuf_puts(b, "\n");
}

// One line a point: x, y and the ends of their intervals (the point itself where there is none), a block a runtime for the legend.
static void point_blocks(whet_strbuf *b, const json_t *points, const char *names[8])
{
    static const char *const keys[4] = {"x_low", "x_high", "y_low", "y_high"};
    const json_t *p = NULL;
    size_t i = 0;
    for (int c = 0; c < 8; c++) {
        json_array_foreach(points, i, p)
        {
            const double at[2] = {report_num(p, "x"), report_num(p, "y")};
            if ((int)report_num(p, "colour") % 8 != c) continue;
            if (names[c] == NULL) whet_strbuf_printf(b, "$points%d << EOD\n", c);
            if (names[c] == NULL) names[c] = report_str(p, "name");
            whet_strbuf_printf(b, "%.9g %.9g", at[0], at[1]);
            for (int k = 0; k < 4; k++) {
                const double end = isfinite(report_num(p, keys[k])) ? report_num(p, keys[k]) : at[k / 2];
                whet_strbuf_printf(b, " %.9g", end);
            }
            whet_strbuf_puts(b, "\n");
        }
        if (names[c] != NULL) whet_strbuf_puts(b, "EOD\n");
    }
}

static void scatter(whet_strbuf *b, const json_t *chart)
{
    const json_t *points = json_object_get(chart, "points"), *p = NULL;
    const char *names[8] = {NULL};
    static const int shapes[8] = {7, 5, 9, 13, 11, 1, 15, 2}; // as on the page
    static const char *const corners[] = {"left offset 0.7,0.7", "right offset -0.7,0.7", "left offset 0.7,-0.7", "right offset -0.7,-0.7"};
    report_axis axis[2];
    report_numbers numbers = {.n = 0};
    size_t i = 0, numbered = 0;
    json_array_foreach(points, i, p) numbered += report_num(p, "front") > 0;
    head(b, chart, 700 + 24 * (double)numbered);
    whet_strbuf_printf(b, "%sset ylabel ", grid_y);
    quoted(b, report_str(chart, "y_unit"));
    whet_strbuf_puts(b, "\nset key tmargin center vertical maxcols 1 Left reverse\n");
    point_blocks(b, points, names);
    report_axes_of_scatter(chart, axis);
    json_array_foreach(points, i, p)
    {
        if (report_num(p, "front") > 0)
            whet_strbuf_printf(b, "set label '%.0f' at %.9g, %.9g %s\n", report_num(p, "front"), report_num(p, "x"), report_num(p, "y"),
                               corners[report_corner(&numbers, report_axis_at(&axis[0], report_num(p, "x")), report_axis_at(&axis[1], report_num(p, "y")))]);
    }
    whet_strbuf_printf(b, "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\n", axis[0].low, axis[0].high, axis[1].low, axis[1].high);
    log_axis(b, &axis[0]);
    whet_strbuf_printf(b, "%splot ", axis[1].log ? "set logscale y\n" : "");
    const char *separator = "";
    for (int c = 0; c < 8; c++) {
        char name[100];
        if (names[c] == NULL) continue;
        snprintf(name, sizeof name, "%.*s", (int)WHET_MIN(strcspn(names[c], ","), sizeof name - 1), names[c]);
        whet_strbuf_printf(b, "%s$points%d using 1:2:3:4:5:6 with xyerrorbars pt 0 lw 1 lc rgb '#777777' notitle, $points%d using 1:2 with points pt %d ps 1.6 lc rgb '%s' title ",
                           separator, c, c, shapes[c], colours[c]);
        quoted(b, name);
        separator = ", ";
    }
    for (size_t k = 1; k <= numbered; k++) { // the numbered rows are named in the legend: names beside the points would cover others
        json_array_foreach(points, i, p)
        {
            char text[400];
            if (!(fabs(report_num(p, "front") - (double)k) < 0.5)) continue;
            snprintf(text, sizeof text, "%zu  %s", k, report_str(p, "name"));
            whet_strbuf_puts(b, ", NaN with dots lc rgb 'white' title ");
            quoted(b, text);
        }
    }
    whet_strbuf_puts(b, "\n");
}

static void script(whet_strbuf *b, const json_t *chart)
{
    const char *kind = report_str(chart, "kind");
    if (strcmp(kind, "line") == 0) {
        lines(b, chart);
    } else if (strcmp(kind, "scatter") == 0) {
        scatter(b, chart);
    } else if (strcmp(kind, "ridge") == 0) {
        ridges(b, chart);
    } else {
        bars(b, chart, strcmp(kind, "interval") == 0);
    }
}

// --- gnuplot

static bool on_path(const char *program)
{
    char *path = whet_strdup(getenv("PATH") != NULL ? getenv("PATH") : "/usr/bin:/bin");
    bool found = false;
    for (char *next = path, *dir = path != NULL ? strsep(&next, ":") : NULL; dir != NULL && !found; dir = strsep(&next, ":")) {
        char *file = whet_path_join(dir[0] != '\0' ? dir : ".", program);
        found = file != NULL && access(file, X_OK) == 0 && whet_file_exists(file);
        whet_free(file);
    }
    whet_free(path);
    return found;
}

// Runs gnuplot in `dir` with its talk into `log`; exit code, -1 if it could not be run.
static int run_gnuplot(const char *dir, char *const argv[], const char *log)
{
    int code = 0;
    const int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        if (chdir(dir) != 0) _exit(127);
        alarm(SECONDS); // survives the exec
        execvp(argv[0], argv);
        _exit(127);
    }
    close(fd);
    if (pid < 0) return -1;
    while (waitpid(pid, &code, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(code) ? WEXITSTATUS(code) : -1;
}

static whet_status render(const json_t *charts, const char *dir, const char *form, json_t *files)
{
    const size_t n = json_array_size(charts);
    char **argv = whet_calloc(n + 4, sizeof *argv), *log = whet_path_join(dir, ".gnuplot.log"), set[24];
    whet_status status = WHET_OK;
    if (argv == NULL || log == NULL) status = WHET_ENOMEM;
    snprintf(set, sizeof set, "form='%s'", form);
    if (status == WHET_OK) {
        argv[0] = (char *)"gnuplot";
        argv[1] = (char *)"-e";
        argv[2] = set;
    }
    for (size_t i = 0; i < n && status == WHET_OK; i++) {
        argv[i + 3] = whet_format("%s.gp", report_str(json_array_get(charts, i), "id"));
        if (argv[i + 3] == NULL) status = WHET_ENOMEM;
    }
    const int code = status == WHET_OK ? run_gnuplot(dir, argv, log) : 0;
    if (code != 0) {
        uint8_t *said = NULL;
        size_t size = 0;
        if (whet_file_read(&said, &size, log, 1 << 20) != WHET_OK) size = 0;
        char *line = size > 0 ? (char *)said + (size > 300 ? size - 300 : 0) : (char *)"";
        status = WHET_FAIL(WHET_ERUNTIME, "gnuplot ended with code %d: %s", code, line);
        whet_free(said);
    }
    for (size_t i = 0; i < n && status == WHET_OK; i++) {
        char *name = whet_format("%s.%s", report_str(json_array_get(charts, i), "id"), form), *path = name != NULL ? whet_path_join(dir, name) : NULL;
        if (path == NULL || !whet_file_exists(path)) status = WHET_FAIL(WHET_ERUNTIME, "gnuplot did not write '%s'", name != NULL ? name : "");
        if (status == WHET_OK) json_array_append_new(files, json_string(path));
        whet_free(path);
        whet_free(name);
    }
    for (size_t i = 0; argv != NULL && i < n; i++) whet_free(argv[i + 3]);
    if (log != NULL) unlink(log);
    whet_free(log);
    whet_free(argv);
    return status;
}

static whet_status write_text(const char *dir, const char *id, const char *ext, whet_strbuf *b, json_t *files)
{
    char *name = whet_format("%s.%s", id, ext), *path = name != NULL ? whet_path_join(dir, name) : NULL, *text = whet_strbuf_take(b);
    whet_status status = path != NULL && text != NULL ? whet_file_write(path, text, strlen(text)) : WHET_ENOMEM;
    if (status == WHET_OK) json_array_append_new(files, json_string(path));
    whet_free(name);
    whet_free(path);
    whet_free(text);
    return status;
}

static bool names_form(const char *forms, const char *form)
{
    const size_t n = strlen(form);
    for (const char *p = forms; p != NULL && (p = strstr(p, form)) != NULL; p += n)
        if ((p == forms || p[-1] == ',') && (p[n] == '\0' || p[n] == ',')) return true;
    return false;
}

static whet_status check_forms(const char *forms)
{
    static const char *const known[] = {"svg", "png", "pdf"};
    for (const char *p = forms; p != NULL && *p != '\0';) {
        const size_t n = strcspn(p, ",");
        bool found = false;
        for (size_t i = 0; i < WHET_COUNT(known); i++) found = found || (strlen(known[i]) == n && strncmp(known[i], p, n) == 0);
        if (!found) return WHET_FAIL(WHET_EINVAL, "'%.*s' is no form of a picture, use svg, png, pdf", (int)WHET_MIN(n, (size_t)40), p);
        p += n + (p[n] == ',');
    }
    return WHET_OK;
}

static whet_status draw_all(const json_t *charts, const char *dir, const char *forms, json_t *files, json_t *notes)
{
    const bool raster = forms == NULL || names_form(forms, "png") || names_form(forms, "pdf"), have = raster && on_path("gnuplot");
    const json_t *c = NULL;
    size_t i = 0;
    whet_strbuf b;
    if (raster && !have && forms != NULL) return WHET_FAIL(WHET_EUNAVAILABLE, "png and pdf are drawn by gnuplot, which was not found: apt-get install gnuplot-nox");
    json_array_foreach(charts, i, c)
    {
        whet_strbuf_init(&b);
        if (forms == NULL || names_form(forms, "svg")) {
            report_chart_svg(&b, c, false);
            WHET_TRY(write_text(dir, report_str(c, "id"), "svg", &b, files));
        }
        if (!raster) continue;
        whet_strbuf_init(&b);
        script(&b, c);
        WHET_TRY(write_text(dir, report_str(c, "id"), "gp", &b, files));
    }
    if (raster && !have) {
        json_array_append_new(notes, json_string("png and pdf were left out: gnuplot was not found (apt-get install gnuplot-nox)"));
        return WHET_OK;
    }
    if (have && (forms == NULL || names_form(forms, "png"))) WHET_TRY(render(charts, dir, "png", files));
    if (have && (forms == NULL || names_form(forms, "pdf"))) WHET_TRY(render(charts, dir, "pdf", files));
    return WHET_OK;
}

whet_status whet_report_pictures(const json_t *doc, const char *dir, const char *forms, json_t *files, json_t *notes)
{
    WHET_TRY(check_forms(forms));
    WHET_TRY(whet_mkdirs(dir));
    json_t *p = report_prepared(doc), *answers = whet_report_answer(p, NULL), *charts = report_charts(p, answers);
    whet_status status = draw_all(charts, dir, forms, files, notes);
    json_decref(answers);
    json_decref(charts);
    json_decref(p);
    return status;
}
