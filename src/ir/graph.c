/* SPDX-License-Identifier: Apache-2.0 */
/* Life of a graph, its name tables, and adding the raw parts. Names and attribute payloads live in one arena that dies
 * with the graph; the arrays of values and nodes grow on the heap. */
#include "ir/graph.h"

#include <stdio.h>

#include "ir/graph_private.h"

static uint32_t hash_name(const char *s)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (; *s != '\0'; s++) h = (h ^ (uint8_t)*s) * 16777619u;
    return h;
}

static const char *name_of(const whet_graph *g, bool node, int32_t id)
{
    return node ? g->nodes[id].name : g->values[id].name;
}

static int32_t table_find(const whet_graph *g, bool node, const char *name)
{
    const name_table *t = node ? &g->priv->node_names : &g->priv->value_names;
    if (t->size == 0) return -1;
    for (uint32_t i = hash_name(name);; i++) {
        int32_t slot = t->slots[i & (t->size - 1)];
        if (slot == 0) return -1;
        if (strcmp(name_of(g, node, slot - 1), name) == 0) return slot - 1;
    }
}

static void table_put(const whet_graph *g, bool node, name_table *t, int32_t id)
{
    uint32_t i = hash_name(name_of(g, node, id));
    while (t->slots[i & (t->size - 1)] != 0) i++;
    t->slots[i & (t->size - 1)] = id + 1;
    t->used++;
}

static whet_status table_build(const whet_graph *g, bool node, name_table *t, uint32_t size)
{
    int count = node ? g->n_nodes : g->n_values;
    int32_t *slots = whet_calloc(size, sizeof *slots);
    if (slots == NULL) return WHET_ENOMEM;
    whet_free(t->slots);
    *t = (name_table){.slots = slots, .size = size};
    for (int32_t id = 0; id < count; id++)
        if (!node || g->nodes[id].op != NULL) table_put(g, node, t, id);
    return WHET_OK;
}

static uint32_t table_size_for(int count)
{
    uint32_t size = 64;
    while (size < 2u * (uint32_t)count + 2u) size *= 2;
    return size;
}

whet_status whet_graph_index_(whet_graph *g)
{
    WHET_TRY(table_build(g, false, &g->priv->value_names, table_size_for(g->n_values)));
    return table_build(g, true, &g->priv->node_names, table_size_for(g->n_nodes));
}

/* The newest element of the array, which is already in place. */
static whet_status table_add(whet_graph *g, bool node, int32_t id)
{
    name_table *t = node ? &g->priv->node_names : &g->priv->value_names;
    if (2 * (t->used + 1) > t->size) return table_build(g, node, t, table_size_for(2 * (id + 1)));
    table_put(g, node, t, id);
    return WHET_OK;
}

static void table_remove(const whet_graph *g, bool node, name_table *t, int32_t id)
{
    const uint32_t mask = t->size - 1;
    uint32_t hole = hash_name(name_of(g, node, id)) & mask;
    while (t->slots[hole] != id + 1) {
        if (t->slots[hole] == 0) return;
        hole = (hole + 1) & mask;
    }
    for (uint32_t i = (hole + 1) & mask; t->slots[i] != 0; i = (i + 1) & mask) { /* what was put behind it moves up */
        const uint32_t home = hash_name(name_of(g, node, t->slots[i] - 1)) & mask;
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        t->slots[hole] = t->slots[i];
        hole = i;
    }
    t->slots[hole] = 0;
    t->used--;
}

void whet_graph_renamed_(whet_graph *g, whet_vid v, const char *name)
{
    name_table *t = &g->priv->value_names;
    table_remove(g, false, t, v);
    g->values[v].name = name;
    table_put(g, false, t, v);
}

static int32_t numbered(const whet_graph *g, bool node, const char *stem, unsigned k, char *text, size_t cap)
{
    snprintf(text, cap, "%.480s.%u", stem, k);
    return table_find(g, node, text);
}

const char *whet_graph_unique_(whet_graph *g, bool node, const char *wanted, const char *stem)
{
    char text[512];
    if (wanted != NULL && wanted[0] != '\0') {
        unsigned low = 0, high = 1; /* .low is taken, .high is free: thousands of nodes of one name must not try each number */
        if (table_find(g, node, wanted) < 0) return whet_arena_strdup(g->priv->arena, wanted);
        for (; numbered(g, node, wanted, high, text, sizeof text) >= 0; high *= 2) low = high;
        while (high - low > 1) {
            const unsigned middle = low + (high - low) / 2;
            if (numbered(g, node, wanted, middle, text, sizeof text) >= 0) low = middle;
            else high = middle;
        }
        numbered(g, node, wanted, high, text, sizeof text);
        return whet_arena_strdup(g->priv->arena, text);
    }
    do snprintf(text, sizeof text, "%.480s_%u", stem, ++g->priv->serial);
    while (table_find(g, node, text) >= 0);
    return whet_arena_strdup(g->priv->arena, text);
}

void whet_graph_touch_(whet_graph *g)
{
    whet_free(g->priv->use_start);
    whet_free(g->priv->use_nodes);
    g->priv->use_start = NULL;
    g->priv->use_nodes = NULL;
}

void whet_attr_dispose_(whet_attr *a)
{
    whet_tensor_dispose(&a->t);
}

whet_status whet_graph_create(whet_graph **out, const char *name)
{
    whet_status status = WHET_ENOMEM;
    whet_graph *g = whet_calloc(1, sizeof *g);
    *out = NULL;
    if (g == NULL) return status;
    g->priv = whet_calloc(1, sizeof *g->priv);
    if (g->priv == NULL) goto done;
    g->priv->arena = whet_arena_create();
    if (g->priv->arena == NULL) goto done;
    g->name = whet_arena_strdup(g->priv->arena, name != NULL && name[0] != '\0' ? name : "graph");
    if (g->name == NULL) goto done;
    *out = g;
    return WHET_OK;
done:
    whet_graph_free(g);
    return status;
}

void whet_graph_free(whet_graph *g)
{
    if (g == NULL) return;
    for (int i = 0; i < g->n_values; i++) whet_tensor_dispose(&g->values[i].data);
    for (int i = 0; i < g->n_nodes; i++)
        for (int a = 0; a < g->nodes[i].n_attr; a++) whet_attr_dispose_(&g->nodes[i].attr[a]);
    whet_free(g->values);
    whet_free(g->nodes);
    whet_free(g->inputs);
    whet_free(g->outputs);
    whet_free(g->commits);
    whet_free(g->meta);
    whet_free(g->symbols);
    if (g->priv != NULL) {
        whet_graph_touch_(g);
        whet_free(g->priv->value_names.slots);
        whet_free(g->priv->node_names.slots);
        whet_arena_free(g->priv->arena);
        whet_free(g->priv);
    }
    whet_free(g);
}

whet_status whet_graph_add_value_(whet_graph *g, const char *name, const char *stem, whet_value_kind kind, whet_vid *out)
{
    *out = WHET_NO_VALUE;
    WHET_GRAPH_TRY_MEMORY(g);
    if (g->n_values >= INT32_MAX / 4) return WHET_FAIL(WHET_ENOMEM, "graph has too many values");
    if (!WHET_GROW(&g->values, (size_t)g->n_values, &g->priv->cap_values)) return WHET_ENOMEM;
    const char *unique = whet_graph_unique_(g, false, name, stem);
    if (unique == NULL) return WHET_ENOMEM;
    g->values[g->n_values] = (whet_value){
        .name = unique, .kind = kind, .dims = {.rank = -1}, .producer = WHET_NO_NODE, .n_known = -1};
    g->n_values++;
    whet_graph_touch_(g);
    whet_status status = table_add(g, false, g->n_values - 1);
    if (status != WHET_OK) {
        g->n_values--;
        return status;
    }
    *out = g->n_values - 1;
    return WHET_OK;
}

static const void *arena_copy(whet_arena *a, const void *src, size_t n)
{
    void *p = whet_arena_alloc(a, n);
    if (p != NULL && n != 0) memcpy(p, src, n);
    return p;
}

static whet_status copy_attr(whet_graph *g, whet_attr *dst, const whet_attr *src)
{
    whet_arena *arena = g->priv->arena;
    *dst = *src;
    dst->t = (whet_tensor){0};
    dst->name = whet_arena_strdup(arena, src->name);
    if (dst->name == NULL) return WHET_ENOMEM;
    if (src->type == WHET_ATTR_STRING && (dst->s = whet_arena_strdup(arena, src->s)) == NULL) return WHET_ENOMEM;
    if (src->type == WHET_ATTR_INTS &&
        (dst->ints = arena_copy(arena, src->ints, (size_t)src->n * sizeof *src->ints)) == NULL)
        return WHET_ENOMEM;
    if (src->type == WHET_ATTR_FLOATS &&
        (dst->floats = arena_copy(arena, src->floats, (size_t)src->n * sizeof *src->floats)) == NULL)
        return WHET_ENOMEM;
    if (src->type == WHET_ATTR_STRINGS) {
        const char **list = whet_arena_alloc(arena, (size_t)src->n * sizeof *list);
        if (list == NULL) return WHET_ENOMEM;
        for (int i = 0; i < src->n; i++)
            if ((list[i] = whet_arena_strdup(arena, src->strings[i])) == NULL) return WHET_ENOMEM;
        dst->strings = list;
    }
    if (src->type == WHET_ATTR_TENSOR) whet_tensor_ref(&dst->t, &src->t);
    return WHET_OK;
}

whet_status whet_graph_add_node_(whet_graph *g, const whet_op *op, const char *name, int n_in, const whet_vid *in, int n_attr,
                                 const whet_attr *attrs, whet_nid *out)
{
    whet_node n = {.op = op, .n_in = n_in};
    *out = WHET_NO_NODE;
    for (int i = 0; i < n_in; i++)
        if (in[i] < WHET_NO_VALUE || in[i] >= g->n_values)
            return WHET_FAIL(WHET_EINVAL, "input %d of a new '%s' node does not exist", i, op->name);
    if (!WHET_GROW(&g->nodes, (size_t)g->n_nodes, &g->priv->cap_nodes)) return WHET_ENOMEM;
    n.name = whet_graph_unique_(g, true, name, op->name);
    n.in = whet_arena_alloc(g->priv->arena, (size_t)n_in * sizeof *n.in);
    n.attr = whet_arena_alloc(g->priv->arena, (size_t)n_attr * sizeof *n.attr);
    if (n.name == NULL || n.in == NULL || n.attr == NULL) return WHET_ENOMEM;
    if (n_in > 0) memcpy(n.in, in, (size_t)n_in * sizeof *n.in);
    for (int i = 0; i < n_attr; i++) {
        whet_status status = copy_attr(g, &n.attr[i], &attrs[i]);
        if (status != WHET_OK) {
            for (int k = 0; k < i; k++) whet_attr_dispose_(&n.attr[k]);
            return status;
        }
    }
    n.n_attr = n_attr;
    g->nodes[g->n_nodes++] = n;
    whet_graph_touch_(g);
    WHET_TRY(table_add(g, true, g->n_nodes - 1));
    *out = g->n_nodes - 1;
    return WHET_OK;
}

whet_vid whet_graph_find(const whet_graph *g, const char *value_name)
{
    return value_name == NULL ? WHET_NO_VALUE : table_find(g, false, value_name);
}

whet_nid whet_graph_find_node(const whet_graph *g, const char *name)
{
    return name == NULL ? WHET_NO_NODE : table_find(g, true, name);
}

whet_dim whet_graph_symbol(whet_graph *g, const char *name)
{
    for (int i = 0; i < g->n_symbols; i++)
        if (strcmp(g->symbols[i], name) == 0) return WHET_DIM_UNKNOWN - 1 - i;
    const bool room = WHET_GROW(&g->symbols, (size_t)g->n_symbols, &g->priv->cap_symbols);
    const char *copy = room ? whet_arena_strdup(g->priv->arena, name) : NULL;
    g->priv->out_of_memory = g->priv->out_of_memory || copy == NULL;
    if (copy == NULL) return WHET_DIM_UNKNOWN;
    g->symbols[g->n_symbols++] = copy;
    return WHET_DIM_UNKNOWN - g->n_symbols;
}

const char *whet_graph_symbol_name(const whet_graph *g, whet_dim d)
{
    int64_t i = WHET_DIM_UNKNOWN - 1 - d;
    return i >= 0 && i < g->n_symbols ? g->symbols[i] : "?";
}

whet_status whet_graph_output(whet_graph *g, whet_vid v)
{
    if (v < 0 || v >= g->n_values) return WHET_FAIL(WHET_EINVAL, "graph output %d does not exist", v);
    if (!WHET_GROW(&g->outputs, (size_t)g->n_outputs, &g->priv->cap_outputs)) return WHET_ENOMEM;
    g->outputs[g->n_outputs++] = v;
    return WHET_OK;
}

whet_status whet_graph_commit(whet_graph *g, whet_vid src, whet_vid variable)
{
    if (src < 0 || src >= g->n_values || variable < 0 || variable >= g->n_values ||
        g->values[variable].kind != WHET_VALUE_VARIABLE)
        return WHET_FAIL(WHET_EINVAL, "a commit needs an existing value and a variable");
    if (!WHET_GROW(&g->commits, (size_t)g->n_commits, &g->priv->cap_commits)) return WHET_ENOMEM;
    g->commits[g->n_commits++] = (whet_commit){src, variable};
    return WHET_OK;
}

whet_status whet_graph_set_meta(whet_graph *g, const char *key, const char *value)
{
    int i = 0;
    while (i < g->n_meta && strcmp(g->meta[i].key, key) != 0) i++;
    if (value == NULL) {
        if (i < g->n_meta) {
            memmove(&g->meta[i], &g->meta[i + 1], (size_t)(g->n_meta - i - 1) * sizeof g->meta[0]);
            g->n_meta--;
        }
        return WHET_OK;
    }
    if (i == g->n_meta && !WHET_GROW(&g->meta, (size_t)g->n_meta, &g->priv->cap_meta)) return WHET_ENOMEM;
    whet_meta m = {whet_arena_strdup(g->priv->arena, key), whet_arena_strdup(g->priv->arena, value)};
    if (m.key == NULL || m.value == NULL) return WHET_ENOMEM;
    g->meta[i] = m;
    if (i == g->n_meta) g->n_meta++;
    return WHET_OK;
}

const char *whet_graph_get_meta(const whet_graph *g, const char *key)
{
    for (int i = 0; i < g->n_meta; i++)
        if (strcmp(g->meta[i].key, key) == 0) return g->meta[i].value;
    return NULL;
}
