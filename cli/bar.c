/* SPDX-License-Identifier: Apache-2.0 */
/* Progress on stderr: one redrawn line with rate and ETA on a terminal (10 times a second at most), plain lines every 10
 * seconds and at each stage's end when piped. */
#include "bar.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/printable.h"

typedef struct bar {
    char stage[96];
    uint64_t start, drawn;
    double first; /* `done` at the stage's first call, so that a resumed run shows its true rate */
    bool visible;
} bar;

void bar_clear(cli *c)
{
    bar *b = c->bar;
    if (b == NULL || !b->visible) return;
    fputs("\r\033[K", stderr);
    b->visible = false;
}

static void duration(char out[24], double s)
{
    if (!(s < 359999)) snprintf(out, 24, "--:--");
    else if (s >= 3600) snprintf(out, 24, "%d:%02d:%02d", (int)(s / 3600), (int)fmod(s / 60, 60), (int)fmod(s, 60));
    else snprintf(out, 24, "%d:%02d", (int)(s / 60), (int)fmod(s, 60));
}

void cli_progress(void *cli_, const char *stage, double done, double total, const char *unit, const char *text)
{
    cli *c = cli_;
    uint64_t now = whet_now_ns();
    static bar only; /* one program, one terminal */
    if (c->quiet) return;
    c->bar = &only;
    bar *b = c->bar;
    if (strncmp(b->stage, stage, sizeof b->stage - 1) != 0) {
        snprintf(b->stage, sizeof b->stage, "%s", stage);
        b->start = now;
        b->first = done;
        b->drawn = 0;
    }
    bool end = total > 0 && done >= total;
    uint64_t every = c->err_tty ? 100000000u : 10000000000u;
    if (!end && b->drawn != 0 && now - b->drawn < every) return;
    if (!end && b->drawn == 0 && !c->err_tty && now - b->start < 1000000000u) return;
    b->drawn = now;
    double seconds = (double)(now - b->start) * 1e-9;
    double rate = seconds > 0.05 ? (done - b->first) / seconds : 0;
    char eta[24] = "", speed[64] = "", left[40] = "", count[64], raw[400], line[512];
    if (rate > 0) snprintf(speed, sizeof speed, rate >= 1000 ? "  %.0f %s/s" : "  %.4g %s/s", rate, unit);
    if (rate > 0 && total > 0 && !end) {
        duration(eta, (total - done) / rate);
        snprintf(left, sizeof left, "  ETA %s", eta);
    }
    if (total > 0)
        snprintf(count, sizeof count, "%3.0f %% %.0f/%.0f", 100 * done / total, done, total);
    else
        snprintf(count, sizeof count, "%.0f", done);
    const bool said = text != NULL && text[0] != '\0';
    snprintf(raw, sizeof raw, "%s %s %s%s%s%s%s", stage, count, unit, speed, left, said ? "  " : "", said ? text : "");
    whet_printable(line, sizeof line, raw, 0);
    if (!c->err_tty) {
        fprintf(stderr, "%s\n", line);
        return;
    }
    fprintf(stderr, "\r\033[K%.*s", WHET_MAX(c->width - 1, 39), line);
    b->visible = true;
    fflush(stderr);
    if (end) {
        fputc('\n', stderr);
        b->visible = false;
    }
}
