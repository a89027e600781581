/* SPDX-License-Identifier: Apache-2.0 */
/* A minimum cut: each variable falls on the side of yes or no such that the cost of the edges that are cut is smallest. */
#ifndef WHET_PASSES_MIN_CUT_H
#define WHET_PASSES_MIN_CUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum { WHET_CUT_YES = 0, WHET_CUT_NO = 1, WHET_CUT_FOREVER = 1 << 28 };

typedef struct whet_cut whet_cut;
whet_status whet_cut_create(whet_cut **out);
void whet_cut_free(whet_cut *c); /* accepts NULL */
int whet_cut_var(whet_cut *c);   /* a new variable, >= 2; after ENOMEM the solution fails */
/* Costs `cost` if a is yes and b is no. */
void whet_cut_edge(whet_cut *c, int a, int b, int cost);
/* Dinic's algorithm; among cuts of equal cost the one with the fewest variables on yes. */
whet_status whet_cut_solve(whet_cut *c);
bool whet_cut_yes(const whet_cut *c, int var);

#endif
