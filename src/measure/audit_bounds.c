/* SPDX-License-Identifier: Apache-2.0 */
/* What a result file asks a replay for has the bounds that bench's own options have: a file may come from anybody. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure/audit.h"
#include "measure/scenario.h"
#include "wire/json.h"

typedef struct bound { const char *in, *key; bool whole; double low, high; } bound;

static const bound bounds[] = {
    {"replay", "min_runs", true, 0, 1000000},       {"replay", "min_seconds", false, 0, 3600}, {"replay", "warmup_runs", true, 0, 100000},
    {"replay", "warmup_seconds", false, -1, 3600},  {"replay", "parity_inputs", true, 0, 65536}, {"replay", "seed", true, 0, 9.3e18},
    {"replay", "rate", false, 0, 1e6},              {"replay", "deadline_ms", false, 0, 1e9},  {"replay", "time_limit", false, 0, 86400},
    {"replay", "memory_limit", true, 0, 1e15},      {NULL, "batch", true, 1, 65536},           {NULL, "threads", true, 1, 1024},
};

static bool told(char *why, size_t size, const bound *b, const char *value)
{
    char key[64];
    snprintf(key, sizeof key, "%s%s%s", b->in != NULL ? b->in : "", b->in != NULL ? "." : "", b->key);
    snprintf(why, size, "%s is %.40s, allowed is a%s number from %.0f to %.7g", key, value, b->whole ? " whole" : "", b->low, b->high);
    return false;
}

static bool inside(const json_t *v, const bound *b)
{
    const double x = json_number_value(v);
    return (b->whole ? json_is_integer(v) : json_is_number(v)) && isfinite(x) && x >= b->low && x <= b->high;
}

static bool within(const json_t *o, const bound *b, char *why, size_t size)
{
    char text[64] = "no number";
    const json_t *v = json_object_get(o, b->key);
    if (v == NULL || json_is_null(v) || inside(v, b)) return true;
    if (json_is_integer(v)) snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (json_is_real(v)) snprintf(text, sizeof text, "%g", json_real_value(v));
    return told(why, size, b, text);
}

/* Settings are stored as words. */
static bool streams_within(const json_t *settings, char *why, size_t size)
{
    static const bound b = {"settings", "streams", true, 1, WHET_SCENARIO_MAX_STREAMS};
    const json_t *v = json_object_get(settings, b.key);
    char *end = NULL;
    if (!json_is_string(v)) return within(settings, &b, why, size);
    const char *word = json_string_value(v);
    const long n = strtol(word, &end, 10);
    return (end != word && *end == '\0' && (double)n >= b.low && (double)n <= b.high) || told(why, size, &b, word);
}

bool whet_audit_within(const json_t *row, char *why, size_t size)
{
    static const bound side = {"replay", "sizes", true, 1, 65536}, opening = {"replay.opening", "seed", true, 0, 9.3e18};
    const json_t *replay = json_object_get(row, "replay"), *v = NULL;
    size_t i = 0;
    for (i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
        if (!within(bounds[i].in != NULL ? replay : row, &bounds[i], why, size)) return false;
    json_array_foreach(json_object_get(replay, "sizes"), i, v)
    {
        if (!inside(v, &side)) return told(why, size, &side, "out of range");
    }
    return within(json_object_get(replay, "opening"), &opening, why, size) && streams_within(json_object_get(row, "settings"), why, size);
}
