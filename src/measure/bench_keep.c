/* SPDX-License-Identifier: Apache-2.0 */
/* What an interrupted bench keeps: its whole rounds. The same bench, started again on the same machine within a day, goes on
 * with the next round; a round is a set of fresh processes, so a pause between two changes nothing in what they say. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "measure/bench_private.h"
#include "measure/kept.h"
#include "measure/machine.h"
#include "wire/json.h"

enum { KEEP_VERSION = 2, SAVE_AFTER_SECONDS = 60, MAX_LOADS = 64 };

/* Everything that the figures depend on. */
static json_t *identity(const whet_bench *b)
{
    char cpu[128], boot[64];
    const whet_bench_spec *s = b->spec;
    json_t *rows = json_array();
    whet_cpu_model(cpu, sizeof cpu);
    for (int i = 0; i < b->n_rows; i++) {
        const whet_bench_row *r = &b->rows[i];
        json_array_append_new(rows, json_pack("{ss, ss, ss, si, so, ss*, ss*}", "sha256", r->facts->sha256, "runtime", r->cell->runtime, "version",
                                              r->version, "batch", r->batch, "settings", whet_settings_json(&r->settings), "label",
                                              r->cell->label, "inputs", r->samples != NULL ? r->samples->sha256 : NULL));
    }
    return json_pack("{si, ss, ss, ss, ss, so, si, sf, sI, si, sf, sb, si, sf}", "version", KEEP_VERSION, "program", WHET_VERSION, "cpu", cpu, "boot",
                     whet_machine_text("/proc/sys/kernel/random/boot_id", boot, sizeof boot), "command", s->command != NULL ? s->command : "",
                     "rows", rows, "runs", b->min_runs, "seconds", b->min_seconds, "seed", (json_int_t)s->seed, "mode", (int)s->mode, "warmup",
                     s->warmup_seconds, "force", s->force, "scenario", (int)s->scenario, "rate", s->rate);
}

static whet_status find_path(whet_bench *b)
{
    char hex[65];
    whet_sha256 h;
    json_t *o = identity(b);
    char *text = o != NULL ? whet_json_canonical(o) : NULL;
    json_decref(o);
    if (text == NULL) return WHET_FAIL(WHET_ENOMEM, "out of memory");
    whet_sha256_init(&h);
    whet_sha256_add(&h, text, strlen(text));
    whet_sha256_hex(&h, hex);
    whet_free(text);
    b->keep = whet_format("%s/bench-%.16s.json", b->spec->keep, hex);
    return b->keep != NULL ? WHET_OK : WHET_ENOMEM;
}

/* --- writing */
static json_t *blocks_json(const whet_bench_block *blocks, int n, int rounds)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        const whet_bench_block *k = &blocks[i];
        if (k->round >= rounds) continue; /* of a round that was cut */
        json_t *ms = json_array();
        for (size_t j = 0; j < k->n; j++) json_array_append_new(ms, json_real(k->ms[j]));
        json_array_append_new(list, json_pack("[i, i, i, i, b, f, f, f, i, o, I, I, f]", k->round, k->block, k->runs_per_sample, k->repeats, k->slow,
                                              k->probe, k->wall_ns, k->cpu_ns, k->busy, ms,
                                              (json_int_t)k->samples, (json_int_t)k->planned, k->busy_ns));
    }
    return list;
}

static json_t *numbers(const double *x, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(list, json_real(x[i]));
    return list;
}

static json_t *row_json(const whet_bench_row *r, int rounds)
{
    const int loads = WHET_MIN(r->n_loads, rounds);
    return json_pack("{sb, sb, ss, ss, si, si, sb, so, so, so, so, sO, sO*}", "dead", r->dead, "gate_failed", r->gate_failed, "status", r->status, "why",
                     r->why, "group", r->group, "rechecked", r->rechecked, "falling", r->still_falling, "build_ms", numbers(r->build_ms, loads),
                     "first_ms", numbers(r->first_ms, loads), "warm_ms", numbers(r->warm_ms, loads), "warm_runs", numbers(r->warm_runs, loads), "blocks", blocks_json(r->blocks, r->n_blocks, rounds), "e2e",
                     blocks_json(r->e2e, r->n_e2e, rounds), "notes", r->notes, "energy", r->energy);
}

whet_status whet_bench_keep_save(const whet_bench *b, int rounds)
{
    json_t *rows = json_array();
    if (b->keep == NULL || rounds < 1) {
        json_decref(rows);
        return WHET_OK;
    }
    for (int i = 0; i < b->n_rows; i++) json_array_append_new(rows, row_json(&b->rows[i], rounds));
    json_t *o = json_pack("{si, sf, sf, so}", "rounds", rounds, "best_probe", b->best_probe, "seconds",
                          b->seconds_before + (double)(whet_now_ns() - b->started_ns) / 1e9, "rows", rows);
    whet_status status = o != NULL ? whet_mkdirs(b->spec->keep) : WHET_FAIL(WHET_ENOMEM, "out of memory");
    if (status == WHET_OK) status = whet_json_write(b->keep, o);
    json_decref(o);
    return status;
}

bool whet_bench_keep_due(const whet_bench *b)
{
    return b->keep != NULL && whet_now_ns() - b->started_ns > (uint64_t)SAVE_AFTER_SECONDS * 1000000000u;
}

/* --- reading: what does not fit is no error, the bench starts from the beginning */
static bool read_block(whet_bench_block *k, const json_t *v)
{
    const json_t *ms = json_array_get(v, 9);
    const size_t n = json_array_size(ms);
    if (json_array_size(v) != 13 || n == 0) return false;
    *k = (whet_bench_block){.round = (int)json_integer_value(json_array_get(v, 0)), .block = (int)json_integer_value(json_array_get(v, 1)),
                            .runs_per_sample = (int)json_integer_value(json_array_get(v, 2)), .repeats = (int)json_integer_value(json_array_get(v, 3)),
                            .slow = json_is_true(json_array_get(v, 4)), .probe = json_number_value(json_array_get(v, 5)),
                            .wall_ns = json_number_value(json_array_get(v, 6)), .cpu_ns = json_number_value(json_array_get(v, 7)),
                            .busy = (int)json_integer_value(json_array_get(v, 8)), .samples = json_integer_value(json_array_get(v, 10)),
                            .planned = json_integer_value(json_array_get(v, 11)), .busy_ns = json_number_value(json_array_get(v, 12))};
    k->ms = whet_calloc(n, sizeof *k->ms);
    if (k->ms == NULL) return false;
    k->n = n;
    for (size_t j = 0; j < n; j++) k->ms[j] = json_number_value(json_array_get(ms, j));
    return true;
}

static bool read_blocks(whet_bench_block **out, int *n, int *cap, const json_t *list)
{
    const size_t count = json_array_size(list);
    *n = *cap = 0;
    *out = count > 0 ? whet_calloc(count, sizeof **out) : NULL;
    if (count > 0 && *out == NULL) return false;
    *cap = (int)count;
    for (size_t i = 0; i < count; i++, (*n)++)
        if (!read_block(&(*out)[i], json_array_get(list, i))) return false;
    return true;
}

static int read_numbers(double *x, const json_t *list)
{
    const int n = (int)WHET_MIN(json_array_size(list), (size_t)MAX_LOADS);
    for (int i = 0; i < n; i++) x[i] = json_number_value(json_array_get(list, (size_t)i));
    return n;
}

static bool read_row(whet_bench_row *r, const json_t *o)
{
    const json_t *notes = json_object_get(o, "notes"), *note = NULL;
    size_t i = 0;
    if (r->dead) return true; /* fails now already: nothing to add to it */
    r->dead = json_is_true(json_object_get(o, "dead"));
    r->gate_failed |= json_is_true(json_object_get(o, "gate_failed"));
    if (r->dead) {
        snprintf(r->status, sizeof r->status, "%s", json_string_value(json_object_get(o, "status")));
        snprintf(r->why, sizeof r->why, "%s", json_string_value(json_object_get(o, "why")));
    }
    r->group = (int)json_integer_value(json_object_get(o, "group"));
    r->rechecked = (int)json_integer_value(json_object_get(o, "rechecked"));
    r->still_falling = json_is_true(json_object_get(o, "falling"));
    r->n_loads = read_numbers(r->build_ms, json_object_get(o, "build_ms"));
    read_numbers(r->first_ms, json_object_get(o, "first_ms"));
    read_numbers(r->warm_ms, json_object_get(o, "warm_ms"));
    read_numbers(r->warm_runs, json_object_get(o, "warm_runs"));
    r->energy = json_incref(json_object_get(o, "energy"));
    json_array_foreach(notes, i, note) whet_bench_note(r, "%s", json_string_value(note));
    return read_blocks(&r->blocks, &r->n_blocks, &r->cap_blocks, json_object_get(o, "blocks")) &&
           read_blocks(&r->e2e, &r->n_e2e, &r->cap_e2e, json_object_get(o, "e2e"));
}

/* Written within the last day by a bench of the same identity, which is the file's name. */
static json_t *find_kept(const whet_bench *b)
{
    struct stat st;
    json_t *o = NULL;
    if (stat(b->keep, &st) != 0 || time(NULL) - st.st_mtime > WHET_KEPT_SECONDS) return NULL;
    if (whet_json_read(&o, b->keep) != WHET_OK) return NULL;
    const json_t *rounds = json_object_get(o, "rounds");
    const bool good = json_is_integer(rounds) && json_integer_value(rounds) >= 1 && json_integer_value(rounds) <= b->max_rounds &&
                      json_array_size(json_object_get(o, "rows")) == (size_t)b->n_rows;
    if (good) return o;
    json_decref(o);
    return NULL;
}

whet_status whet_bench_keep_load(whet_bench *b)
{
    if (b->spec->keep == NULL) return WHET_OK;
    whet_kept_remove_old(b->spec->keep);
    WHET_TRY(find_path(b));
    json_t *o = find_kept(b);
    if (o == NULL) return WHET_OK;
    whet_status status = WHET_OK;
    for (int i = 0; i < b->n_rows && status == WHET_OK; i++)
        if (!read_row(&b->rows[i], json_array_get(json_object_get(o, "rows"), (size_t)i)))
            status = WHET_FAIL(WHET_EFORMAT, "'%s' holds no interrupted measurement: remove it and start again", b->keep);
    b->first_round = (int)json_integer_value(json_object_get(o, "rounds"));
    b->best_probe = json_number_value(json_object_get(o, "best_probe"));
    b->seconds_before = json_number_value(json_object_get(o, "seconds"));
    json_decref(o);
    if (status == WHET_OK)
        whet_log(WHET_LOG_INFO, "going on with round %d of a measurement that was interrupted", b->first_round + 1);
    return status;
}

void whet_bench_keep_drop(const whet_bench *b)
{
    if (b->keep != NULL && unlink(b->keep) != 0 && errno != ENOENT)
        whet_log(WHET_LOG_WARN, "'%s' cannot be removed: %s", b->keep, strerror(errno));
}
