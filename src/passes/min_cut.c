/* SPDX-License-Identifier: Apache-2.0 */
/* Maximum flow by Dinic's algorithm ("Algorithm for solution of a problem of maximum flow in networks with power estimation",
 * 1970); what the residual graph still reaches from the source is the yes side. Deterministic: edges in the order given. */
#include "passes/min_cut.h"

#include "base/mem.h"

typedef struct edge { int to, next, room; } edge; /* edge i ^ 1 goes back */

struct whet_cut {
    edge *edges;
    int *head, *level, *at; /* per variable: first edge, distance from the source, edge to go on with */
    int *path;
    size_t n_edges, cap_edges, n, cap_head;
    bool failed;
};

whet_status whet_cut_create(whet_cut **out)
{
    *out = whet_calloc(1, sizeof(**out));
    if (!*out) return WHET_ENOMEM;
    (void)whet_cut_var(*out);
    (void)whet_cut_var(*out);
    return WHET_OK;
}

void whet_cut_free(whet_cut *c)
{
    if (!c) return;
    whet_free(c->edges);
    whet_free(c->head);
    whet_free(c->level);
    whet_free(c->at);
    whet_free(c->path);
    whet_free(c);
}

int whet_cut_var(whet_cut *c)
{
    if (c->failed || !WHET_GROW(&c->head, c->n, &c->cap_head)) {
        c->failed = true;
        return WHET_CUT_NO;
    }
    c->head[c->n] = -1;
    return (int)c->n++;
}

static void half_edge(whet_cut *c, int a, int b, int room)
{
    if (c->failed || !WHET_GROW(&c->edges, c->n_edges, &c->cap_edges)) {
        c->failed = true;
        return;
    }
    c->edges[c->n_edges] = (edge){b, c->head[a], room};
    c->head[a] = (int)c->n_edges++;
}

void whet_cut_edge(whet_cut *c, int a, int b, int cost)
{
    if (a == b || cost <= 0) return;
    half_edge(c, a, b, cost);
    half_edge(c, b, a, 0);
}

/* Distances from the source; false if the sink cannot be reached any more. */
static bool find_levels(whet_cut *c)
{
    int *queue = c->path;
    size_t first = 0, last = 0;
    for (size_t i = 0; i < c->n; i++) c->level[i] = -1;
    c->level[WHET_CUT_YES] = 0;
    queue[last++] = WHET_CUT_YES;
    while (first < last) {
        const int v = queue[first++];
        for (int e = c->head[v]; e >= 0; e = c->edges[e].next) {
            const int to = c->edges[e].to;
            if (c->edges[e].room <= 0 || c->level[to] >= 0) continue;
            c->level[to] = c->level[v] + 1;
            queue[last++] = to;
        }
    }
    return c->level[WHET_CUT_NO] >= 0;
}

/* One augmenting path along rising levels, without recursion; false when there is none left. */
static bool augment(whet_cut *c)
{
    int depth = 0, v = WHET_CUT_YES;
    while (v != WHET_CUT_NO) {
        int e = c->at[v];
        while (e >= 0 && (c->edges[e].room <= 0 || c->level[c->edges[e].to] != c->level[v] + 1)) e = c->edges[e].next;
        c->at[v] = e;
        if (e >= 0) {
            c->path[depth++] = e;
            v = c->edges[e].to;
        } else {
            if (depth == 0) return false;
            c->level[v] = -1; /* a dead end */
            v = c->edges[c->path[--depth] ^ 1].to;
        }
    }
    int room = INT32_MAX;
    for (int i = 0; i < depth; i++) room = WHET_MIN(room, c->edges[c->path[i]].room);
    for (int i = 0; i < depth; i++) {
        c->edges[c->path[i]].room -= room;
        c->edges[c->path[i] ^ 1].room += room;
    }
    return true;
}

whet_status whet_cut_solve(whet_cut *c)
{
    if (c->failed) return WHET_ENOMEM;
    c->level = whet_calloc(c->n, sizeof(int));
    c->at = whet_calloc(c->n, sizeof(int));
    c->path = whet_calloc(c->n, sizeof(int));
    if (!c->level || !c->at || !c->path) return WHET_ENOMEM;
    while (find_levels(c)) {
        memcpy(c->at, c->head, c->n * sizeof(int));
        while (augment(c)) {
        }
    }
    return WHET_OK;
}

bool whet_cut_yes(const whet_cut *c, int var) { return c->level[var] >= 0; }
