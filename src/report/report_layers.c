/* SPDX-License-Identifier: Apache-2.0 */
/* Draws the error of each compared tensor, |difference| / |reference| on a logarithmic scale, from the input to the output.
 * What is outside the bounds is a triangle, what is inside a circle; the first one outside is named. */
#include "report/report_layers.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "report/report_columns.h"
#include "report/report_html.h"
#include "wire/json.h"

extern char **environ;

enum { WIDTH = 840, HEIGHT = 440, LEFT = 70, RIGHT = 20, TOP = 64, BOTTOM = 60 };
static const double least = 1e-9; /* drawn for anything smaller */

static int by_depth(const void *x, const void *y)
{
    const json_t *a = *(json_t *const *)x, *b = *(json_t *const *)y;
    const double da = whet_json_real(a, "depth"), db = whet_json_real(b, "depth");
    return (da > db) - (da < db);
}

json_t *whet_report_layers_sorted(const json_t *doc)
{
    const json_t *list = json_object_get(json_object_get(doc, "layers"), "list");
    const size_t n = json_array_size(list);
    json_t **v = whet_calloc(n + 1, sizeof *v), *out = json_array();
    for (size_t i = 0; v != NULL && i < n; i++) v[i] = json_array_get(list, i);
    if (v != NULL && n > 0) qsort(v, n, sizeof *v, by_depth);
    for (size_t i = 0; v != NULL && i < n; i++) json_array_append(out, v[i]);
    whet_free(v);
    return out;
}

static double error_of(const json_t *o)
{
    const json_t *e = json_object_get(o, "error");
    return json_is_number(e) ? json_number_value(e) : (double)INFINITY; /* null: not finite */
}

/* Decades of the axis. */
static void decades(const json_t *list, int *low, int *high)
{
    double a = (double)INFINITY, b = 0;
    const json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(list, i, o) {
        const double e = fmax(error_of(o), least);
        a = fmin(a, e);
        if (isfinite(e)) b = fmax(b, e);
    }
    *low = isfinite(a) ? (int)floor(log10(a)) : -9;
    *high = b > 0 ? (int)ceil(log10(b)) : 0;
    if (*high <= *low) *high = *low + 1;
}

static double across(size_t i, size_t n) { return LEFT + (n > 1 ? (double)i / (double)(n - 1) : 0.5) * (WIDTH - LEFT - RIGHT); }

static double down(double e, int low, int high)
{
    const double d = fmin(fmax(log10(fmax(e, least)), low), high); /* not finite: at the top */
    return TOP + (high - d) / (high - low) * (HEIGHT - TOP - BOTTOM);
}

static void put_axes(whet_strbuf *b, const json_t *doc, size_t n, int low, int high)
{
    const json_t *a = json_object_get(doc, "a");
    whet_strbuf_printf(b, "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' width='%d' height='%d' font-family='sans-serif' font-size='12' role='img'>\n"
                       "<title>Error along depth</title>\n<rect width='%d' height='%d' fill='#fff'/>\n", WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT);
    whet_strbuf_printf(b, "<text x='%d' y='22' font-size='15'>Error of %zu inner tensors along depth</text>\n<text x='%d' y='42' fill='#555'>", LEFT, n, LEFT);
    report_esc(b, whet_path_base(whet_json_str(a, "model")));
    whet_strbuf_puts(b, " on ");
    report_esc(b, whet_json_str(a, "title"));
    whet_strbuf_puts(b, ", against ");
    report_esc(b, whet_json_str(doc, "reference"));
    whet_strbuf_puts(b, "</text>\n");
    for (int d = low; d <= high; d++) {
        const double y = down(pow(10, d), low, high);
        whet_strbuf_printf(b, "<path d='M%d %.1fH%d' stroke='#ddd'/><text x='%d' y='%.1f' text-anchor='end' fill='#333'>1e%d</text>\n", LEFT, y,
                           WIDTH - RIGHT, LEFT - 8, y + 4, d);
    }
    whet_strbuf_printf(b, "<text x='16' y='%d' transform='rotate(-90 16 %d)' text-anchor='middle' fill='#333'>|difference| / |reference|</text>\n",
                       (TOP + HEIGHT - BOTTOM) / 2, (TOP + HEIGHT - BOTTOM) / 2);
    whet_strbuf_printf(b, "<text x='%d' y='%d' fill='#333'>first tensor</text><text x='%d' y='%d' text-anchor='end' fill='#333'>last tensor</text>\n", LEFT,
                       HEIGHT - BOTTOM + 18, WIDTH - RIGHT, HEIGHT - BOTTOM + 18);
    whet_strbuf_printf(b, "<circle cx='%d' cy='%d' r='4' fill='#0072b2'/><text x='%d' y='%d'>inside the bounds</text>", LEFT + 4, HEIGHT - 18, LEFT + 16,
                       HEIGHT - 14);
    whet_strbuf_printf(b, "<path d='M%d %dl5 9h-10z' fill='#d55e00'/><text x='%d' y='%d'>outside (", LEFT + 150, HEIGHT - 23, LEFT + 162, HEIGHT - 14);
    report_esc(b, whet_json_str(json_object_get(doc, "layers"), "accept"));
    whet_strbuf_puts(b, ")</text>\n");
}

static void put_first(whet_strbuf *b, const json_t *doc, const json_t *list)
{
    const json_t *first = json_object_get(json_object_get(doc, "layers"), "first"), *o = NULL;
    const size_t n = json_array_size(list);
    size_t i = 0;
    if (!json_is_object(first)) return;
    json_array_foreach(list, i, o) {
        if (strcmp(whet_json_str(o, "name"), whet_json_str(first, "name")) != 0) continue;
        const double x = across(i, n);
        const bool right = x > WIDTH / 2.0;
        whet_strbuf_printf(b, "<path d='M%.1f %dV%d' stroke='#d55e00' stroke-dasharray='4 3'/><text x='%.1f' y='%d' text-anchor='%s'>first: ", x, TOP,
                           HEIGHT - BOTTOM, right ? x - 6 : x + 6, TOP + 12, right ? "end" : "start");
        report_esc(b, whet_json_str(first, "node"));
        whet_strbuf_puts(b, " (");
        report_esc(b, whet_json_str(first, "op"));
        whet_strbuf_puts(b, ")</text>\n");
        return;
    }
}

whet_status whet_report_layers_svg(const json_t *doc, char **svg)
{
    whet_strbuf b;
    json_t *list = whet_report_layers_sorted(doc), *o = NULL;
    const size_t n = json_array_size(list);
    size_t i = 0;
    int low = 0, high = 0;
    *svg = NULL;
    decades(list, &low, &high);
    whet_strbuf_init(&b);
    put_axes(&b, doc, n, low, high);
    whet_strbuf_puts(&b, "<polyline fill='none' stroke='#999' points='");
    json_array_foreach(list, i, o) whet_strbuf_printf(&b, "%.1f,%.1f ", across(i, n), down(error_of(o), low, high));
    whet_strbuf_puts(&b, "'/>\n");
    put_first(&b, doc, list);
    json_array_foreach(list, i, o) {
        const double x = across(i, n), y = down(error_of(o), low, high);
        if (json_is_true(json_object_get(o, "ok")))
            whet_strbuf_printf(&b, "<circle cx='%.1f' cy='%.1f' r='3.5' fill='#0072b2'><title>", x, y);
        else
            whet_strbuf_printf(&b, "<path d='M%.1f %.1fl5 9h-10z' fill='#d55e00'><title>", x, y - 5);
        report_esc(&b, whet_json_str(o, "name"));
        whet_strbuf_printf(&b, ": %.3g</title></%s>\n", error_of(o), json_is_true(json_object_get(o, "ok")) ? "circle" : "path");
    }
    whet_strbuf_puts(&b, "</svg>\n");
    json_decref(list);
    *svg = whet_strbuf_take(&b);
    return *svg != NULL ? WHET_OK : WHET_ENOMEM;
}

/* --- PNG: gnuplot has fonts and a rasteriser. Texts stand in single quotes, in which it expands nothing. */
static void plot_text(whet_strbuf *b, const char *text)
{
    for (; *text != '\0'; text++)
        whet_strbuf_add(b, *text == '\'' || *text == '`' || *text == '\\' || (unsigned char)*text < 0x20 ? "." : text, 1);
}

static void plot_points(whet_strbuf *b, const json_t *list, int which)
{
    const json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(list, i, o) {
        if (which == 2 || json_is_true(json_object_get(o, "ok")) == (which == 0))
            whet_strbuf_printf(b, "%zu %.6g\n", i + 1, fmin(fmax(error_of(o), least), 1e9));
    }
    whet_strbuf_puts(b, "e\n");
}

static whet_status plot_script(const json_t *doc, const char *picture, char **script)
{
    json_t *list = whet_report_layers_sorted(doc);
    const json_t *first = json_object_get(json_object_get(doc, "layers"), "first");
    whet_strbuf b;
    whet_strbuf_init(&b);
    whet_strbuf_printf(&b, "set encoding utf8\nset terminal png size 1000,520\nset output '%s'\nset title 'Error of inner tensors along depth: ", picture);
    plot_text(&b, whet_path_base(whet_json_str(json_object_get(doc, "a"), "model")));
    whet_strbuf_puts(&b, " against ");
    plot_text(&b, whet_json_str(doc, "reference"));
    whet_strbuf_puts(&b, "' noenhanced\nset logscale y\nset format y '1e%T'\nset grid y\nset key bottom right noenhanced\n"
                         "set ylabel '|difference| / |reference|'\nset xlabel '");
    if (json_is_object(first)) {
        whet_strbuf_puts(&b, "first outside: ");
        plot_text(&b, whet_json_str(first, "node"));
        whet_strbuf_puts(&b, " (");
        plot_text(&b, whet_json_str(first, "op"));
        whet_strbuf_printf(&b, "), tensor %.0f of %zu", whet_json_real(first, "position"), json_array_size(list));
    } else {
        whet_strbuf_printf(&b, "tensors in the order of the network (%zu)", json_array_size(list));
    }
    whet_strbuf_puts(&b, "' noenhanced\nplot '-' with lines lc rgb '#999999' notitle, '-' with points pt 7 ps 1 lc rgb '#0072b2' title 'inside the bounds', "
                         "'-' with points pt 9 ps 1.4 lc rgb '#d55e00' title 'outside'\n");
    plot_points(&b, list, 2);
    plot_points(&b, list, 0);
    plot_points(&b, list, 1);
    json_decref(list);
    *script = whet_strbuf_take(&b);
    return *script != NULL ? WHET_OK : WHET_ENOMEM;
}

/* Without the user's settings (-d) and without its talk. */
static whet_status run_gnuplot(const char *script)
{
    char *argv[] = {(char *)"gnuplot", (char *)"-d", (char *)script, NULL};
    posix_spawn_file_actions_t quiet;
    pid_t pid = 0;
    int code = -1;
    if (posix_spawn_file_actions_init(&quiet) != 0) return WHET_FAIL(WHET_ENOMEM, "out of memory");
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    const int started = posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&quiet);
    if (started != 0)
        return WHET_FAIL(WHET_EUNAVAILABLE, "a PNG is drawn by gnuplot, which cannot be started (%s): apt-get install gnuplot-nox, or write an .svg", strerror(started));
    while (waitpid(pid, &code, 0) < 0 && errno == EINTR) continue;
    return code == 0 ? WHET_OK : WHET_FAIL(WHET_ERUNTIME, "gnuplot failed; write an .svg instead");
}

static whet_status write_png(const json_t *doc, const char *path)
{
    enum { MOST = 64 << 20 };
    char folder[] = "/tmp/whet-plot-XXXXXX";
    char *script = NULL, *picture = NULL, *text = NULL;
    uint8_t *data = NULL;
    size_t size = 0;
    whet_status status = WHET_OK;
    if (mkdtemp(folder) == NULL) return WHET_FAIL(WHET_EIO, "no temporary folder can be made in /tmp: %s", strerror(errno));
    script = whet_path_join(folder, "depth.gp");
    picture = whet_path_join(folder, "depth.png");
    if (script == NULL || picture == NULL) WHET_GOTO(WHET_ENOMEM);
    WHET_GOTO(plot_script(doc, picture, &text));
    WHET_GOTO(whet_file_write(script, text, strlen(text)));
    WHET_GOTO(run_gnuplot(script));
    WHET_GOTO(whet_file_read(&data, &size, picture, MOST));
    WHET_GOTO(whet_file_write(path, data, size));
done:
    if (script != NULL) unlink(script);
    if (picture != NULL) unlink(picture);
    rmdir(folder);
    whet_free(script);
    whet_free(picture);
    whet_free(text);
    whet_free(data);
    return status;
}

whet_status whet_report_layers_write(const json_t *doc, const char *path)
{
    const char *ending = whet_path_ext(path);
    char *text = NULL;
    whet_status status = WHET_OK;
    if (strcmp(ending, ".svg") == 0) {
        WHET_GOTO(whet_report_layers_svg(doc, &text));
        WHET_GOTO(whet_file_write(path, text, strlen(text)));
    } else if (strcmp(ending, ".png") == 0) {
        WHET_GOTO(write_png(doc, path));
    } else {
        WHET_GOTO(WHET_FAIL(WHET_EINVAL, "a picture ends in .svg or .png, '%s' does not", path));
    }
done:
    whet_free(text);
    return status;
}
