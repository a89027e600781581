/* SPDX-License-Identifier: Apache-2.0 */
/* The meter: sources, windows, and the thread that samples while a window is open. Counters are read at both ends and, so that
 * none wraps around twice unseen, in between. Power is integrated by the trapezoid rule; the first value of a window holds from
 * its beginning, the last one to its end. */
#include "measure/energy.h"

#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/energy_sources.h"

static const uint64_t tick_ns = 100000000;

struct whet_meter {
    whet_sources l;
    uint64_t began;
    pthread_t thread;
    bool running, stop;
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

whet_source *whet_sources_add(whet_sources *l)
{
    if (l->n == WHET_METER_SOURCES) return NULL;
    memset(&l->s[l->n], 0, sizeof l->s[0]);
    return &l->s[l->n++];
}

void whet_sources_miss(whet_sources *l, const char *fmt, ...)
{
    const size_t n = strlen(l->why);
    va_list ap;
    va_start(ap, fmt);
    if (n > 0 && n + 2 < sizeof l->why) strcat(l->why, "; ");
    vsnprintf(l->why + strlen(l->why), sizeof l->why - strlen(l->why), fmt, ap);
    va_end(ap);
}

/* --- finding */
static void choose(whet_sources *l)
{
    whet_source_rank best = WHET_SOURCE_BESIDE;
    for (int i = 0; i < l->n; i++)
        if (l->s[i].rank < best) best = l->s[i].rank;
    for (int i = 0; i < l->n; i++) l->s[i].counts = l->s[i].rank == best && best != WHET_SOURCE_BESIDE;
}

static bool on_path(const char *program)
{
    const char *path = getenv("PATH");
    char file[600];
    while (path != NULL && *path != '\0') {
        const int n = (int)strcspn(path, ":");
        snprintf(file, sizeof file, "%.*s/%s", n, path, program);
        if (access(file, X_OK) == 0) return true;
        path += n + (path[n] == ':');
    }
    return false;
}

whet_status whet_meter_open(whet_meter **out, const whet_meter_options *opt)
{
    const char *root = opt->root != NULL ? opt->root : "";
    whet_status status = WHET_OK;
    whet_meter *m = whet_calloc(1, sizeof *m);
    *out = NULL;
    if (m == NULL) return WHET_ENOMEM;
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, NULL);
    if (opt->power_cmd != NULL) WHET_GOTO(whet_sources_command(&m->l, opt->power_cmd, false));
    WHET_GOTO(whet_sources_rapl(&m->l, root));
    WHET_GOTO(whet_sources_hwmon(&m->l, root));
    WHET_GOTO(whet_sources_iio(&m->l, root));
    if (opt->board_cmd != NULL || on_path("vcgencmd"))
        WHET_GOTO(whet_sources_command(&m->l, opt->board_cmd != NULL ? opt->board_cmd : "vcgencmd pmic_read_adc", true));
    WHET_GOTO(whet_sources_nvml(&m->l, opt->nvml != NULL ? opt->nvml : "libnvidia-ml.so.1"));
    choose(&m->l);
    if (!whet_meter_any(m)) whet_sources_miss(&m->l, "--power-cmd takes a command that prints watts");
    *out = m;
    m = NULL;
done:
    whet_meter_close(m);
    return status;
}

void whet_meter_close(whet_meter *m)
{
    whet_meter_window w;
    if (m == NULL) return;
    if (m->running) whet_meter_end(m, &w);
    for (int i = 0; i < m->l.n; i++)
        if (m->l.s[i].dispose != NULL) m->l.s[i].dispose(m->l.s[i].arg);
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->lock);
    whet_free(m);
}

int whet_meter_count(const whet_meter *m) { return m->l.n; }
const char *whet_meter_name(const whet_meter *m, int i) { return m->l.s[i].name; }
bool whet_meter_counts(const whet_meter *m, int i) { return m->l.s[i].counts; }

bool whet_meter_any(const whet_meter *m)
{
    for (int i = 0; i < m->l.n; i++)
        if (m->l.s[i].counts) return true;
    return false;
}

bool whet_meter_estimate(const whet_meter *m)
{
    for (int i = 0; i < m->l.n; i++)
        if (m->l.s[i].counts && m->l.s[i].rank == WHET_SOURCE_BOARD) return true;
    return false;
}

double whet_meter_least_seconds(const whet_meter *m)
{
    double most = 1;
    for (int i = 0; i < m->l.n; i++)
        if (m->l.s[i].counts && m->l.s[i].slow) most = 3;
    return most;
}

const char *whet_meter_why(const whet_meter *m) { return whet_meter_any(m) ? "" : m->l.why; }

const char *whet_meter_text(const whet_meter *m, char *buf, int size)
{
    int n = 0;
    buf[0] = '\0';
    for (int i = 0; i < m->l.n && n < size; i++)
        if (m->l.s[i].counts) n += snprintf(buf + n, (size_t)(size - n), "%s%s", n > 0 ? " + " : "", m->l.s[i].name);
    return buf;
}

/* --- windows */
static void look(whet_source *s, uint64_t now)
{
    const double x = s->read(s->arg), seconds = ((double)now - s->last_ns) / 1e9;
    if (isnan(x)) return;
    if (s->counter) {
        double step = s->samples > 0 ? x - s->last : 0;
        if (step < 0) step = s->wrap > 0 ? step + s->wrap : 0;
        s->joules += step;
    } else {
        s->joules += seconds * (s->samples > 0 ? (x + s->last) / 2 : x);
    }
    s->last = x;
    s->last_ns = (double)now;
    s->samples++;
}

static void *sample(void *arg)
{
    whet_meter *m = arg;
    pthread_mutex_lock(&m->lock);
    while (!m->stop) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        const uint64_t at = (uint64_t)until.tv_nsec + tick_ns;
        until.tv_sec += (time_t)(at / 1000000000u);
        until.tv_nsec = (long)(at % 1000000000u);
        pthread_cond_timedwait(&m->changed, &m->lock, &until);
        const uint64_t now = whet_now_ns();
        for (int i = 0; i < m->l.n && !m->stop; i++) look(&m->l.s[i], now);
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

void whet_meter_begin(whet_meter *m)
{
    if (m->l.n == 0) {
        m->began = whet_now_ns();
        return;
    }
    for (int i = 0; i < m->l.n; i++)
        if (m->l.s[i].begin != NULL) m->l.s[i].begin(m->l.s[i].arg);
    m->began = whet_now_ns();
    for (int i = 0; i < m->l.n; i++) {
        whet_source *s = &m->l.s[i];
        s->joules = 0;
        s->samples = 0;
        s->last_ns = (double)m->began;
        look(s, m->began);
    }
    m->stop = false;
    m->running = pthread_create(&m->thread, NULL, sample, m) == 0;
}

void whet_meter_end(whet_meter *m, whet_meter_window *w)
{
    if (m->running) {
        pthread_mutex_lock(&m->lock);
        m->stop = true;
        pthread_cond_signal(&m->changed);
        pthread_mutex_unlock(&m->lock);
        pthread_join(m->thread, NULL);
        m->running = false;
    }
    const uint64_t now = whet_now_ns();
    w->seconds = (double)(now - m->began) / 1e9;
    for (int i = 0; i < WHET_METER_SOURCES; i++) w->joules[i] = NAN;
    for (int i = 0; i < m->l.n; i++) {
        whet_source *s = &m->l.s[i];
        look(s, now);
        if (!s->counter && s->samples > 0) s->joules += ((double)now - s->last_ns) / 1e9 * s->last; /* it held to the end */
        if (s->samples > (s->counter ? 1 : 0)) w->joules[i] = s->joules;
        if (s->end != NULL) s->end(s->arg);
    }
}

double whet_meter_sum(const whet_meter *m, const whet_meter_window *w)
{
    double sum = 0;
    bool any = false;
    for (int i = 0; i < m->l.n; i++) {
        if (!m->l.s[i].counts) continue;
        any = true;
        sum += w->joules[i];
    }
    return any ? sum : NAN;
}
