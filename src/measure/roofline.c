/* SPDX-License-Identifier: Apache-2.0 */
/* Peaks and bandwidths, each the best of several short looks: what interferes only ever makes a look worse. */
#include "measure/roofline.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/threads.h"
#include "kernels/peak/peak.h"

enum { PAGE = 4096 };

/* How long and how often is looked. */
typedef struct effort { int looks; uint64_t look_ns; double most_bytes; } effort;
static const effort full = {7, 3000000, 512e6}, quick_one = {3, 500000, 32e6};
enum { MORE_LOOKS = 4, ATTEMPTS = 2, MOST_THREADS = 1024 };
static const double busy_below = 0.8, spread_over = 0.25; /* CPU time / wall time; second best / best - 1 */

/* --- arithmetic */
typedef struct turns { const whet_peak_row *row; int64_t n; } turns;

static void run_turns(void *arg, int chunk, int worker)
{
    const turns *t = arg;
    (void)chunk;
    (void)worker;
    t->row->run(t->n);
}

/* A piece of work with the CPU time of each of its threads: what the clock shows beyond it somebody else had. */
typedef struct watched { whet_parallel_fn fn; void *arg; double cpu_ns[MOST_THREADS]; } watched;

static double thread_cpu_ns(void)
{
    struct timespec t = {0, 0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void run_watched(void *arg, int chunk, int worker)
{
    watched *w = arg;
    const double t0 = thread_cpu_ns();
    w->fn(w->arg, chunk, worker);
    if (chunk < MOST_THREADS) w->cpu_ns[chunk] = thread_cpu_ns() - t0;
}

void whet_roofline_judge(whet_roofline *r, double wall_ns, double cpu_ns, int threads, double second_ns)
{
    const double share = wall_ns > 0 && threads > 0 ? fmin(cpu_ns / (wall_ns * threads), 1) : 1;
    r->cpu_share = fmin(r->cpu_share, share);
    r->spread = fmax(r->spread, wall_ns > 0 ? second_ns / wall_ns - 1 : 0);
    r->unsure = r->cpu_share < busy_below || r->spread > spread_over;
}

/* The best of several looks, of more while it stands alone or somebody took part of its time. */
static double time_ns(const effort *e, whet_roofline *r, whet_team *team, int chunks, whet_parallel_fn fn, void *arg)
{
    watched w = {.fn = fn, .arg = arg};
    double best = (double)INFINITY, second = (double)INFINITY, cpu = 0;
    for (int i = 0; i < MORE_LOOKS * e->looks; i++) {
        const bool good = cpu > busy_below * best * chunks && second < (1 + spread_over / 2) * best;
        if (i >= e->looks && good) break;
        const uint64_t t0 = whet_now_ns();
        whet_parallel(team, chunks, run_watched, &w);
        const double ns = fmax((double)(whet_now_ns() - t0), 1);
        second = fmin(second, fmax(ns, best));
        if (ns >= best) continue;
        best = ns;
        cpu = 0;
        for (int k = 0; k < chunks && k < MOST_THREADS; k++) cpu += w.cpu_ns[k];
    }
    whet_roofline_judge(r, best, cpu, chunks, second);
    return best;
}

static double gops(const effort *e, whet_roofline *r, const whet_peak_row *row, whet_team *team, int threads)
{
    turns t = {row, 64};
    for (;; t.n *= 2) { /* long enough for the clock and for waking threads; by its own time, as another's would make it too short */
        const double t0 = thread_cpu_ns();
        row->run(t.n);
        if (thread_cpu_ns() - t0 > (double)e->look_ns || t.n > (int64_t)1 << 40) break;
    }
    return row->ops * (double)t.n * threads / time_ns(e, r, team, threads, run_turns, &t);
}

/* --- bytes */
typedef struct stream { whet_peak_stream f; uint8_t *data; int64_t part; int repeats; bool copy; } stream;

static void run_stream(void *arg, int chunk, int worker)
{
    const stream *s = arg;
    uint8_t *p = s->data + (int64_t)chunk * s->part;
    const int64_t half = s->part / 2;
    (void)worker;
    for (int i = 0; i < s->repeats; i++) {
        if (s->copy)
            s->f.copy(p, p + half, half);
        else
            s->f.read(p, s->part);
    }
}

static double bandwidth(const effort *e, whet_roofline *r, uint8_t *data, double bytes, int threads, whet_team *team, bool copy)
{
    stream s = {whet_peak_streams(), data, (int64_t)(bytes / threads) / (2 * PAGE) * (2 * PAGE), 1, copy};
    const double once = (double)s.part * threads;
    s.repeats = (int)fmin(fmax(once > 0 ? 3e7 / once : 1, 1), 10000); /* about 1 ms */
    return once * s.repeats / time_ns(e, r, team, threads, run_stream, &s);
}

static double available_bytes(void)
{
    char line[160];
    long long kib = 0;
    FILE *f = fopen("/proc/meminfo", "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "MemAvailable: %lld kB", &kib) == 1) break;
    if (f != NULL) fclose(f);
    return (double)kib * 1024;
}

/* Half of the nearest cache, then more and more, then more than the last cache: what a processor says of its last cache holds for
 * the whole chip, of which a virtual machine or a core may have a small part. */
static whet_status measure_levels(const effort *e, whet_roofline *r, whet_team *team)
{
    int64_t l1 = 0, l2 = 0, l3 = 0;
    whet_cpu_caches(&l1, &l2, &l3);
    const double near = (double)(l2 > 0 ? l2 : 256 << 10), most = fmax(fmin(available_bytes() / 8, e->most_bytes), 2e6);
    const double large = fmin(fmax((double)l3 * 1.5, 96e6), most);
    const struct { const char *name; double bytes; } sizes[WHET_ROOF_LEVELS] = {
        {"L2", near * r->threads}, {"8 MB", 8e6}, {"32 MB", 32e6}, {"128 MB", 128e6}, {"memory", (double)INFINITY}};
    uint8_t *data = whet_alloc_aligned((size_t)large + PAGE, PAGE);
    if (data == NULL) return WHET_ENOMEM;
    memset(data, 1, (size_t)large + PAGE);
    for (int i = 0; i < WHET_ROOF_LEVELS; i++) {
        whet_roof_level *v = &r->level[r->n_levels];
        const bool last = i + 1 == WHET_ROOF_LEVELS;
        if (!last && i > 0 && (sizes[i].bytes <= near * r->threads || sizes[i].bytes > fmin((double)l3, large))) continue;
        *v = (whet_roof_level){.name = sizes[i].name, .bytes = sizes[i].bytes};
        for (int all = 0; all < 2; all++) {
            const int threads = all ? r->threads : 1;
            const double bytes = i == 0 ? near / 2 * threads : fmin(sizes[i].bytes, large);
            v->read[all] = bandwidth(e, r, data, bytes, threads, all ? team : NULL, false);
            v->copy[all] = bandwidth(e, r, data, bytes, threads, all ? team : NULL, true);
        }
        r->n_levels++;
    }
    whet_free_aligned(data);
    return WHET_OK;
}

static whet_status measure_once(whet_roofline *r, int threads, bool quick)
{
    const effort *e = quick ? &quick_one : &full;
    const whet_peak_row *rows[WHET_ROOF_PEAKS];
    whet_team *team = NULL;
    memset(r, 0, sizeof *r);
    r->cpu_share = 1;
    WHET_TRY(whet_team_create(&team, threads));
    r->threads = whet_team_size(team);
    r->n_peaks = whet_peak_rows(rows, WHET_ROOF_PEAKS);
    for (int i = 0; i < r->n_peaks; i++)
        r->peak[i] = (whet_roof_peak){rows[i]->precision, rows[i]->name, {gops(e, r, rows[i], NULL, 1), gops(e, r, rows[i], team, r->threads)}};
    const whet_status status = measure_levels(e, r, team);
    whet_team_free(team);
    return status;
}

/* What a busy machine hid from one attempt another may have seen. */
static void take_better(whet_roofline *r, const whet_roofline *other)
{
    for (int i = 0; i < r->n_peaks; i++)
        for (int k = 0; k < 2; k++) r->peak[i].gops[k] = fmax(r->peak[i].gops[k], other->peak[i].gops[k]);
    for (int i = 0; i < r->n_levels && i < other->n_levels; i++)
        for (int k = 0; k < 2; k++) {
            r->level[i].read[k] = fmax(r->level[i].read[k], other->level[i].read[k]);
            r->level[i].copy[k] = fmax(r->level[i].copy[k], other->level[i].copy[k]);
        }
    if (other->cpu_share < r->cpu_share) return;
    r->cpu_share = other->cpu_share;
    r->spread = other->spread;
    r->unsure = other->unsure;
}

whet_status whet_roofline_measure(whet_roofline *r, int threads, bool quick)
{
    whet_roofline again;
    WHET_TRY(measure_once(r, threads, quick));
    for (int i = 1; i < ATTEMPTS && r->unsure && !quick; i++) {
        WHET_TRY(measure_once(&again, threads, quick));
        take_better(r, &again);
    }
    return WHET_OK;
}

void whet_roofline_unsure_text(char *text, size_t size, const whet_roofline *r)
{
    if (r->cpu_share < busy_below)
        snprintf(text, size, "roofs unsure: the machine was busy (CPU time was %.0f %% of wall time)", r->cpu_share * 100);
    else
        snprintf(text, size, "roofs unsure: the machine was busy (the two best looks at one roof differ by %.0f %%)", r->spread * 100);
}

json_t *whet_roofline_json(const whet_roofline *r)
{
    json_t *peaks = json_array(), *levels = json_array();
    for (int i = 0; i < r->n_peaks; i++)
        json_array_append_new(peaks, json_pack("{ss, ss, sf, sf}", "precision", r->peak[i].precision, "isa", r->peak[i].isa, "gops_1", r->peak[i].gops[0],
                                               "gops_n", r->peak[i].gops[1]));
    for (int i = 0; i < r->n_levels; i++) {
        const whet_roof_level *v = &r->level[i];
        json_array_append_new(levels, json_pack("{ss, so, sf, sf, sf, sf}", "name", v->name, "bytes", isfinite(v->bytes) ? json_real(v->bytes) : json_null(),
                                                "read_gbps_1", v->read[0], "read_gbps_n", v->read[1], "copy_gbps_1", v->copy[0], "copy_gbps_n", v->copy[1]));
    }
    json_t *o = json_pack("{si, so, so, sf, sf, sb}", "threads", r->threads, "peaks", peaks, "levels", levels, "cpu_share", r->cpu_share, "spread", r->spread, "unsure", r->unsure);
    char text[160];
    whet_roofline_unsure_text(text, sizeof text, r);
    if (r->unsure) json_object_set_new(o, "unsure_text", json_string(text));
    return o;
}

const whet_roof_peak *whet_roofline_peak(const whet_roofline *r, const char *precision)
{
    const whet_roof_peak *best = NULL;
    if (strcmp(precision, "f32-winograd") == 0) precision = "f32";
    for (int i = 0; i < r->n_peaks; i++)
        if (strcmp(r->peak[i].precision, precision) == 0 && (best == NULL || r->peak[i].gops[1] > best->gops[1])) best = &r->peak[i];
    return best;
}

const whet_roof_peak *whet_roofline_peak_or_f32(const whet_roofline *r, const char *precision)
{
    const whet_roof_peak *p = whet_roofline_peak(r, precision);
    return p != NULL ? p : whet_roofline_peak(r, "f32");
}

/* Of `among` bytes that lie together as many as a level holds may still be in it, the rest is further away. */
static double move_ms(const whet_roofline *r, double bytes, double among)
{
    double ms = 0, held = 0;
    for (int i = 0; i < r->n_levels && held < among; i++) {
        const whet_roof_level *v = &r->level[i];
        const double gbps = fmax(v->read[1], v->copy[1]), part = fmin(i + 1 < r->n_levels ? v->bytes : among, among) - held;
        if (part <= 0 || gbps <= 0) continue;
        ms += bytes * (part / among) / gbps / 1e6;
        held += part;
    }
    return ms;
}

whet_roof_bound whet_roofline_bound(const whet_roofline *r, const whet_roof_work *w)
{
    const whet_roof_peak *p = whet_roofline_peak_or_f32(r, w->precision);
    /* F(4x4, 3x3): 36 products in place of 144 */
    const double macs = strcmp(w->precision, "f32-winograd") == 0 ? w->macs / 4 : w->macs;
    return (whet_roof_bound){.compute_ms = p != NULL && p->gops[1] > 0 ? 2 * macs / p->gops[1] / 1e6 : 0,
                             .memory_ms = move_ms(r, w->constant_bytes, w->all_constants) + move_ms(r, w->moving_bytes, w->moving_bytes)};
}
