/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in generator of digit pictures, so that everything runs with no network and no files: 28 x 28 grey, white on
 * black, centred like MNIST. A glyph is a few strokes (lines and arcs of ellipses) in a unit square; it is jittered, put
 * through a random affine map, drawn with a pen of random width by distance, and gets noise. All numbers come from Philox
 * keyed by (seed, number of the picture), so picture i is the same everywhere. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "data/dataset_impl.h"

enum { SIDE = 28, MAX_POINTS = 96, ARC_STEPS = 14, GLYPH_STROKES = 4, TEST_BASE = 0x40000000 };
enum { SEED = 20261121 };

/* LINE: x0 y0 x1 y1. ARC: centre, radii, from and to in degrees, clockwise from the right (y points down). */
typedef struct stroke { enum { END, LINE, ARC } kind; double v[6]; } stroke;
typedef struct glyph { int digit; stroke s[GLYPH_STROKES + 1]; } glyph;

static const glyph glyphs[] = {
    {0, {{ARC, {.5, .5, .27, .4, 0, 360}}}},
    {0, {{ARC, {.5, .5, .34, .38, 20, 380}}}},
    {1, {{LINE, {.5, .1, .5, .9}}}},
    {1, {{LINE, {.52, .1, .5, .9}}, {LINE, {.36, .27, .52, .1}}}},
    {1, {{LINE, {.52, .1, .5, .9}}, {LINE, {.36, .27, .52, .1}}, {LINE, {.33, .9, .68, .9}}}},
    {2, {{ARC, {.5, .32, .25, .22, 185, 400}}, {LINE, {.69, .46, .25, .88}}, {LINE, {.25, .88, .78, .88}}}},
    {2, {{ARC, {.48, .33, .28, .23, 200, 405}}, {LINE, {.68, .49, .28, .86}}, {LINE, {.28, .86, .76, .82}}}},
    {3, {{ARC, {.47, .3, .23, .2, 205, 450}}, {ARC, {.47, .7, .27, .2, 270, 515}}}},
    {3, {{LINE, {.28, .13, .7, .13}}, {LINE, {.7, .13, .46, .42}}, {ARC, {.46, .66, .27, .24, 270, 510}}}},
    {4, {{LINE, {.6, .1, .22, .62}}, {LINE, {.22, .62, .82, .62}}, {LINE, {.6, .1, .6, .92}}}},
    {4, {{LINE, {.3, .12, .25, .55}}, {LINE, {.25, .55, .74, .55}}, {LINE, {.68, .12, .64, .92}}}},
    {5, {{LINE, {.73, .12, .34, .12}}, {LINE, {.34, .12, .32, .46}}, {ARC, {.47, .66, .26, .24, 235, 510}}}},
    {6, {{ARC, {.5, .67, .24, .22, 0, 360}}, {ARC, {.68, .62, .42, .52, 180, 262}}}},
    {6, {{ARC, {.52, .68, .22, .2, 0, 360}}, {LINE, {.5, .1, .31, .62}}}},
    {7, {{LINE, {.25, .13, .76, .13}}, {LINE, {.76, .13, .42, .9}}}},
    {7, {{LINE, {.24, .15, .75, .13}}, {LINE, {.75, .13, .45, .9}}, {LINE, {.4, .52, .74, .5}}}},
    {8, {{ARC, {.5, .31, .2, .2, 0, 360}}, {ARC, {.5, .71, .24, .2, 0, 360}}}},
    {8, {{ARC, {.51, .3, .17, .19, 0, 360}}, {ARC, {.49, .7, .22, .21, 0, 360}}}},
    {9, {{ARC, {.5, .34, .23, .22, 0, 360}}, {ARC, {.32, .38, .41, .52, 0, 78}}}},
    {9, {{ARC, {.48, .32, .22, .2, 0, 360}}, {LINE, {.7, .33, .64, .9}}}},
};

typedef struct point { double x, y; bool pen; } point; /* pen: a segment leads here from the point before */

static const glyph *choose(whet_rng *r)
{
    int digit = (int)whet_rng_below(r, 10), first = 0, n = 0;

    for (int i = 0; i < (int)WHET_COUNT(glyphs); i++)
        if (glyphs[i].digit == digit) {
            if (!n) first = i;
            n++;
        }
    return &glyphs[first + (int)whet_rng_below(r, (uint32_t)n)];
}

static double spread(whet_rng *r, double a) { return (2 * whet_rng_uniform(r) - 1) * a; }

static int outline(const glyph *g, whet_rng *r, point *p)
{
    int n = 0;

    for (const stroke *s = g->s; s->kind != END; s++) {
        double v[6];
        for (int i = 0; i < 6; i++) v[i] = s->v[i] + (i < 4 ? spread(r, .035) : spread(r, 9));
        if (s->kind == LINE) {
            p[n++] = (point){v[0], v[1], false};
            p[n++] = (point){v[2], v[3], true};
            continue;
        }
        if (s->v[5] - s->v[4] >= 360) v[5] = v[4] + 360; /* closed stays closed */
        for (int i = 0; i <= ARC_STEPS; i++) {
            double a = (v[4] + (v[5] - v[4]) * i / ARC_STEPS) * 3.14159265358979 / 180;
            p[n++] = (point){v[0] + v[2] * cos(a), v[1] + v[3] * sin(a), i > 0};
        }
    }
    return n;
}

static void warp(point *p, int n, whet_rng *r)
{
    double a = spread(r, 14) * 3.14159265358979 / 180, shear = spread(r, .3), sx = 20 * (1 + spread(r, .16)),
           sy = 20 * (1 + spread(r, .12)), dx = spread(r, 1.8), dy = spread(r, 1.8);

    for (int i = 0; i < n; i++) {
        double x = (p[i].x - .5) * sx, y = (p[i].y - .5) * sy;
        x -= shear * y;
        p[i] = (point){x * cos(a) - y * sin(a) + 14 + dx, x * sin(a) + y * cos(a) + 14 + dy, p[i].pen};
    }
}

static double distance(const point *p, int n, double x, double y)
{
    double best = 1e9;

    for (int i = 1; i < n; i++) {
        double ax = p[i - 1].x, ay = p[i - 1].y, bx = p[i].x - ax, by = p[i].y - ay, px = x - ax, py = y - ay, t = 0, d = 0;
        double len = bx * bx + by * by;
        if (!p[i].pen) continue;
        t = len > 0 ? (px * bx + py * by) / len : 0;
        t = t < 0 ? 0 : t > 1 ? 1 : t;
        d = (px - t * bx) * (px - t * bx) + (py - t * by) * (py - t * by);
        if (d < best) best = d;
    }
    return sqrt(best);
}

static int digit_label(uint64_t seed, uint64_t number)
{
    whet_rng r = whet_rng_at(seed, number);

    return choose(&r)->digit;
}

void whet_digit_draw(uint64_t seed, uint64_t number, uint8_t out[SIDE * SIDE])
{
    whet_rng r = whet_rng_at(seed, number);
    point p[MAX_POINTS];
    int n = outline(choose(&r), &r, p);
    double pen = .8 + .9 * whet_rng_uniform(&r), soft = .7 + .6 * whet_rng_uniform(&r), ink = 200 + 55 * whet_rng_uniform(&r),
           noise = 12 * whet_rng_uniform(&r);

    warp(p, n, &r);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            double v = (pen + soft - distance(p, n, x + .5, y + .5)) / soft;
            v = v < 0 ? 0 : v > 1 ? 1 : v;
            /* two uniform numbers of one draw: a cheap, nearly bell-shaped noise */
            uint32_t u = whet_rng_u32(&r);
            v = v * ink + noise * ((u & 0xffff) / 65536.0 + (u >> 16) / 65536.0 - 1);
            out[y * SIDE + x] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v + .5);
        }
}

static whet_status add(whet_samples *s, size_t base, int n)
{
    for (int i = 0; i < n; i++) {
        whet_sample one = {NULL, NULL, base + (size_t)i, digit_label(SEED, base + (size_t)i)};
        WHET_TRY(whet_samples_add(s, &one));
    }
    s->own = true;
    return WHET_OK;
}

whet_status whet_digits_open(whet_dataset *d, int n_train, int n_test)
{
    d->kind = WHET_SAMPLE_DRAWN;
    d->raw_width = d->raw_height = SIDE;
    d->raw_channels = 1;
    snprintf(d->content, sizeof d->content, "digits-generator-1");
    for (int i = 0; i < 10; i++) {
        char name[2] = {(char)('0' + i), 0};
        WHET_TRY(whet_dataset_add_class(d, name));
    }
    WHET_TRY(add(&d->split[WHET_SPLIT_TRAIN], 0, n_train));
    return add(&d->split[WHET_SPLIT_TEST], TEST_BASE, n_test);
}

uint64_t whet_digits_seed(void) { return SEED; }
