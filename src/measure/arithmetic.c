/* SPDX-License-Identifier: Apache-2.0 */
/* Which arithmetic ran, and how much of each. */
#include "measure/arithmetic.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "measure/explain.h"
#include "wire/json.h"

enum { MOST_KINDS = 12 };
typedef struct kind { char name[24]; double weight; } kind;
typedef struct kinds { int n; double all; kind k[MOST_KINDS]; } kinds;

static void add(kinds *s, const char *name, double weight)
{
    int i = 0;
    while (i < s->n && strcmp(s->k[i].name, name) != 0) i++;
    if (i == MOST_KINDS) return;
    if (i == s->n) snprintf(s->k[s->n++].name, sizeof s->k[i].name, "%.23s", name);
    s->k[i].weight += weight;
    s->all += weight;
}

static const char *name_of(const json_t *node)
{
    const char *p = whet_json_str(node, "precision");
    return strcmp(p, "f32") == 0 && strstr(whet_json_str(node, "kernel"), "winograd") != NULL ? "f32-winograd" : p;
}

static void collect(kinds *s, const json_t *nodes, bool by_macs)
{
    const json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(nodes, i, o)
    {
        const double macs = whet_json_real(o, "macs");
        const bool product = by_macs ? macs > 0 : whet_node_class_of(whet_json_str(o, "type"), 0) == WHET_NODE_PRODUCT;
        if (product && name_of(o)[0] != '\0') add(s, name_of(o), by_macs ? macs : 1);
    }
    for (int k = 1; k < s->n; k++) /* the largest first */
        for (int j = k; j > 0 && s->k[j].weight > s->k[j - 1].weight; j--) {
            const kind x = s->k[j];
            s->k[j] = s->k[j - 1];
            s->k[j - 1] = x;
        }
}

static double share_of(const kinds *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->k[i].name, name) == 0) return s->k[i].weight / s->all;
    return 0;
}

bool whet_arithmetic_of(const json_t *nodes, char *name, size_t size, json_t **shares)
{
    kinds s = {.n = 0};
    *shares = NULL;
    collect(&s, nodes, true);
    if (s.n == 0) collect(&s, nodes, false);
    if (s.n == 0 || s.all <= 0) return false;
    *shares = json_array();
    for (int i = 0; i < s.n; i++) json_array_append_new(*shares, json_pack("{ss, sf}", "precision", s.k[i].name, "share", s.k[i].weight / s.all));
    const double winograd = share_of(&s, "f32-winograd");
    if (winograd > 0 && winograd + share_of(&s, "f32") >= 0.99) {
        snprintf(name, size, "f32-winograd");
    } else if (s.k[0].weight >= 0.99 * s.all) {
        snprintf(name, size, "%s", s.k[0].name);
    } else {
        size_t used = (size_t)snprintf(name, size, "mixed");
        for (int i = 0; i < s.n && i < 3 && used < size; i++)
            used += (size_t)snprintf(name + used, size - used, "%s %s %.0f %%", i == 0 ? ":" : ",", s.k[i].name, 100 * s.k[i].weight / s.all);
    }
    return true;
}
