/* SPDX-License-Identifier: Apache-2.0 */
/* Topological order of the nodes as they stand in the file: single assignment is checked, sorted files keep their order,
 * unsorted ones are sorted by a depth-first walk with its own stack. */
#include "formats/onnx/onnx_reader.h"

const char *onnx_node_label(onnx_reader *r, const onnx_node *n)
{
    const char *op = n->op_type ? n->op_type : "?";
    if (n->name && *n->name) return n->name;
    for (size_t i = 0; i < n->output.n; i++) {
        if (!*n->output.v[i]) continue;
        size_t size = strlen(op) + strlen(n->output.v[i]) + 16;
        char *text = whet_arena_alloc(r->arena, size);
        if (text) snprintf(text, size, "%s -> %s", op, n->output.v[i]);
        return text ? text : op;
    }
    return op;
}

typedef struct walk {
    const onnx_nodes *nodes;
    const onnx_names *producers;
    uint8_t *state;  /* 0 new, 1 on the stack, 2 done */
    int32_t *stack;
    uint32_t *next;  /* input to look at, per node */
    int32_t *order;
    size_t n_order, depth;
} walk;

static bool step(walk *k)
{
    int32_t i = k->stack[k->depth - 1];
    const onnx_node *n = &k->nodes->v[i];
    while (k->next[i] < n->input.n) {
        int32_t p = onnx_names_get(k->producers, n->input.v[k->next[i]++], -1);
        if (p < 0 || k->state[p] == 2) continue;
        if (k->state[p] == 1) return false; /* a cycle */
        k->state[p] = 1;
        k->stack[k->depth++] = p;
        return true;
    }
    k->state[i] = 2;
    k->order[k->n_order++] = i;
    k->depth--;
    return true;
}

static whet_status walk_all(onnx_reader *r, walk *k)
{
    for (size_t i = 0; i < k->nodes->n; i++) {
        if (k->state[i]) continue;
        k->state[i] = 1;
        k->stack[k->depth++] = (int32_t)i;
        while (k->depth > 0) {
            const onnx_node *n = &k->nodes->v[k->stack[k->depth - 1]];
            if (step(k)) continue;
            WHET_FAIL(WHET_EFORMAT, "node is part of a cycle");
            whet_error_at_node(onnx_node_label(r, n));
            return WHET_EFORMAT;
        }
    }
    return WHET_OK;
}

static whet_status find_producers(onnx_reader *r, const onnx_nodes *nodes, onnx_names *producers)
{
    for (size_t i = 0; i < nodes->n; i++) {
        const onnx_node *n = &nodes->v[i];
        for (size_t k = 0; k < n->output.n; k++) {
            bool added = true;
            if (!*n->output.v[k]) continue;
            WHET_TRY(onnx_names_add(producers, n->output.v[k], (int32_t)i, &added));
            if (added) continue;
            WHET_FAIL(WHET_EFORMAT, "value '%s' is made twice", n->output.v[k]);
            whet_error_at_node(onnx_node_label(r, n));
            return WHET_EFORMAT;
        }
    }
    return WHET_OK;
}

whet_status onnx_nodes_order(onnx_reader *r, const onnx_nodes *nodes, int32_t *order)
{
    onnx_names producers = {NULL, 0, 0};
    walk k = {nodes, &producers, NULL, NULL, NULL, order, 0, 0};
    whet_status status = WHET_ENOMEM;
    k.state = whet_calloc(nodes->n + 1, sizeof(*k.state));
    k.stack = whet_calloc(nodes->n + 1, sizeof(*k.stack));
    k.next = whet_calloc(nodes->n + 1, sizeof(*k.next));
    if (!k.state || !k.stack || !k.next) goto done;
    WHET_GOTO(find_producers(r, nodes, &producers));
    status = walk_all(r, &k);
done:
    onnx_names_dispose(&producers);
    whet_free(k.state);
    whet_free(k.stack);
    whet_free(k.next);
    return status;
}
