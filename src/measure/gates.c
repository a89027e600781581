/* SPDX-License-Identifier: Apache-2.0 */
/* --gate: a list of figures with their bands. */
#include "measure/gates.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const struct { const char *name; double band; bool points; } figures[WHET_FIGURES] = {
    [WHET_FIGURE_SPEED] = {"speed", 0.02, false},
    [WHET_FIGURE_ACCURACY] = {"accuracy", 0.005, true},
    [WHET_FIGURE_SIZE] = {"size", 0.01, false},
    [WHET_FIGURE_MEMORY] = {"memory", 0.05, false},
};

const char *whet_figure_name(whet_figure f)
{
    return figures[f].name;
}

void whet_gates_init(whet_gates *g)
{
    memset(g, 0, sizeof *g);
    for (int f = 0; f < WHET_FIGURES; f++) g->g[f] = (whet_gate){true, false, figures[f].band, figures[f].points};
}

static whet_status parse_band(whet_gate *g, whet_figure f, const char *text)
{
    char *unit = NULL;
    const double x = strtod(text, &unit);
    const bool percent = unit != text && strcmp(unit, "%") == 0, points = unit != text && strcmp(unit, "pt") == 0;
    if ((!percent && !points) || !(x >= 0 && x <= 1000))
        return WHET_FAIL(WHET_EINVAL, "gate '%s=%s' wants a band such as %s", figures[f].name, text, f == WHET_FIGURE_ACCURACY ? "0.5pt or 1%" : "5%");
    if (points && f != WHET_FIGURE_ACCURACY) return WHET_FAIL(WHET_EINVAL, "gate '%s=%s': points (pt) are of accuracy alone, say %%", figures[f].name, text);
    g->band = x / 100;
    g->points = points;
    return WHET_OK;
}

static whet_status parse_one(whet_gates *g, const char *item, size_t n)
{
    char text[64];
    if (n >= sizeof text) return WHET_FAIL(WHET_EINVAL, "a gate such as speed=5%% is shorter than '%.*s'", 64, item);
    memcpy(text, item, n);
    text[n] = '\0';
    char *equals = strchr(text, '=');
    if (equals != NULL) *equals = '\0';
    for (int f = 0; f < WHET_FIGURES; f++) {
        if (strcmp(text, figures[f].name) != 0) continue;
        if (g->g[f].asked) return WHET_FAIL(WHET_EINVAL, "gate '%s' is given twice, give it one band", figures[f].name);
        g->g[f].on = g->g[f].asked = true;
        return equals != NULL ? parse_band(&g->g[f], (whet_figure)f, equals + 1) : WHET_OK;
    }
    return WHET_FAIL(WHET_EINVAL, "gate '%s' is none of speed, accuracy, size, memory", text);
}

whet_status whet_gates_parse(whet_gates *g, const char *text)
{
    const bool all = strcmp(text, "all") == 0, none = strcmp(text, "none") == 0;
    for (int f = 0; f < WHET_FIGURES; f++) g->g[f].on = all;
    if (all || none) return WHET_OK;
    for (const char *p = text;; p++) {
        const size_t n = strcspn(p, ",");
        WHET_TRY(parse_one(g, p, n));
        p += n;
        if (*p == '\0') return WHET_OK;
    }
}

const char *whet_gate_text(const whet_gate *g, char *buf, size_t size)
{
    snprintf(buf, size, "±%.3g %s", g->band * 100, g->points ? "pt" : "%");
    return buf;
}
