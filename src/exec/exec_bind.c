/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing a kernel for each node: rows of the table are tried in order, the first that accepts wins, refusals are kept
 * with their reasons. The choice depends on operator, types, shapes and ISA alone; a table of tuned products, if there is
 * one, names the row that is tried before. Packed constants are cached per exec. */
#include <stdarg.h>
#include <stdio.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "exec/exec_private.h"
#include "exec/exec_tune_private.h"

whet_status whet_cpu_refuse(whet_cpu_node *k, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    k->priv->reason = whet_arena_strdup(k->priv->text, text);
    if (k->priv->reason == NULL) k->priv->out_of_memory = true;
    return WHET_EUNSUPPORTED;
}

void *whet_cpu_state(whet_cpu_node *k, size_t size)
{
    struct whet_cpu_private *p = k->priv;
    if (!WHET_GROW(&p->blocks, p->n_blocks, &p->cap_blocks)) return NULL;
    void *block = whet_alloc_aligned(size, ARENA_ALIGN);
    if (block == NULL) return NULL;
    memset(block, 0, size);
    p->blocks[p->n_blocks++] = block;
    if (k->state == NULL) k->state = block;
    return block;
}

typedef struct bytes { uint8_t *dst; const uint8_t *src; size_t size; } bytes;
enum { BYTES_PART = 1 << 20 };

/* Copies or clears a part: first touches of fresh pages are most of a large model's loading, so threads share them. */
static void bytes_part(void *arg, int chunk, int worker)
{
    const bytes *b = arg;
    const size_t at = (size_t)chunk * BYTES_PART, n = WHET_MIN(b->size - at, (size_t)BYTES_PART);
    (void)worker;
    if (b->src != NULL) memcpy(b->dst + at, b->src + at, n);
    else memset(b->dst + at, 0, n);
}

static void fill_bytes(whet_team *team, void *dst, const void *src, size_t size)
{
    bytes b = {dst, src, size};
    whet_parallel(team, (int)((size + BYTES_PART - 1) / BYTES_PART), bytes_part, &b);
}

whet_status whet_cpu_pack(whet_cpu_node *k, whet_vid constant, const char *key, size_t size, whet_cpu_pack_fn pack, void *arg,
                          const void **packed)
{
    whet_exec *e = k->priv->e;
    const whet_value *v = &k->g->values[constant];
    const whet_tensor *source = v->kind == WHET_VALUE_CONST ? &v->data : NULL;
    const size_t source_size = source != NULL ? whet_tensor_bytes(source) : 0;
    pack_entry entry = {.size = size};
    void *aligned = NULL;
    *packed = NULL;
    for (int i = 0; i < k->n_in; i++) k->in[i].packed |= k->in[i].vid == constant;
    if (source == NULL) return whet_cpu_refuse(k, "'%s' is not a constant and cannot be packed ahead", v->name);
    for (size_t i = 0; i < e->n_packs; i++) {
        const pack_entry *x = &e->packs[i];
        if (x->source.data != source->data || x->size != size || strcmp(x->key, key) != 0) continue;
        *packed = x->packed;
        return WHET_OK;
    }
    if (!WHET_GROW(&e->packs, e->n_packs, &e->cap_packs)) return WHET_ENOMEM;
    entry.key = whet_strdup(key);
    entry.packed = whet_alloc_aligned(size, ARENA_ALIGN);
    if ((uintptr_t)source->data % ARENA_ALIGN != 0) aligned = whet_alloc_aligned(source_size, ARENA_ALIGN);
    if (entry.key == NULL || entry.packed == NULL || (aligned == NULL && (uintptr_t)source->data % ARENA_ALIGN != 0)) {
        whet_free(entry.key);
        whet_free_aligned(entry.packed);
        whet_free_aligned(aligned);
        return WHET_ENOMEM;
    }
    if (aligned != NULL) { /* two of the three blocks are in memory at a time */
        fill_bytes(k->team, aligned, source->data, source_size);
        whet_tensor_forget(source);
    }
    fill_bytes(k->team, entry.packed, NULL, size);
    pack(entry.packed, aligned != NULL ? aligned : source->data, arg);
    whet_free_aligned(aligned);
    whet_tensor_forget(source);
    whet_tensor_ref(&entry.source, source);
    e->packs[e->n_packs++] = entry;
    *packed = entry.packed;
    return WHET_OK;
}

static void release_row(plan_step *s)
{
    if (s->k.state != NULL && s->k.impl != NULL && s->k.impl->destroy != NULL) s->k.impl->destroy(&s->k);
    for (size_t i = 0; i < s->priv.n_blocks; i++) whet_free_aligned(s->priv.blocks[i]);
    s->priv.n_blocks = 0;
    s->k.state = NULL;
    s->k.workspace_size = 0;
}

void whet_step_dispose_(plan_step *s)
{
    release_row(s);
    whet_free(s->priv.blocks);
    whet_free(s->priv.refusals);
    whet_free(s->dead);
    whet_free(s->k.in);
    whet_free(s->k.out);
}

static whet_status fill_arg(const whet_plan *p, whet_vid v, whet_cpu_arg *a)
{
    a->vid = v;
    if (v < 0) return WHET_OK;
    const whet_value *x = &p->g->values[v];
    if (!whet_dims_concrete(&x->dims, &a->shape))
        return WHET_FAIL(WHET_EUNSUPPORTED, "the shape of '%s' depends on data", x->name);
    WHET_TRY(whet_shape_count(&a->shape, &a->numel));
    a->dtype = x->dtype;
    a->layout = x->layout;
    a->constant = x->kind == WHET_VALUE_CONST;
    a->variable = x->kind == WHET_VALUE_VARIABLE;
    if (a->constant) a->data = x->data.data;
    return WHET_OK;
}

static whet_status fill_step(whet_plan *p, plan_step *s, whet_nid id)
{
    const whet_node *n = &p->g->nodes[id];
    whet_cpu_node *k = &s->k;
    s->workspace = -1;
    s->priv.e = p->e;
    s->priv.text = p->text;
    k->g = p->g;
    k->n = n;
    k->nid = id;
    k->isa = p->e->opt.isa;
    k->team = p->e->opt.team;
    k->priv = &s->priv;
    k->step = &p->e->step;
    k->seed = p->e->opt.seed;
    /* A gradient draws the numbers of its forward node, which it names. */
    const char *of = (n->op->flags & WHET_OP_RANDOM) != 0 ? whet_node_string(n, "of", "") : "";
    for (const char *c = of[0] != '\0' ? of : n->name; *c != '\0'; c++) k->seed = whet_rng_mix(k->seed, (uint64_t)(unsigned char)*c);
    k->in = whet_calloc((size_t)n->n_in, sizeof *k->in);
    k->out = whet_calloc((size_t)n->n_out, sizeof *k->out);
    if (k->in == NULL || k->out == NULL) return WHET_ENOMEM;
    k->n_in = n->n_in;
    k->n_out = n->n_out;
    for (int i = 0; i < n->n_in; i++) WHET_TRY(fill_arg(p, n->in[i], &k->in[i]));
    for (int i = 0; i < n->n_out; i++) WHET_TRY(fill_arg(p, n->out[i], &k->out[i]));
    return WHET_OK;
}

/* The same bytes mean the same in both layouts: one channel or one pixel. */
static bool plain(const whet_cpu_arg *a)
{
    return a->layout == WHET_NCHW || a->shape.dims[1] == 1 || a->shape.dims[2] * a->shape.dims[3] == 1;
}

/* Elements between neighbours along each axis. */
static void steps_of(const whet_cpu_arg *a, int64_t *step)
{
    static const int nhwc[4] = {0, 2, 3, 1};
    int64_t at = 1;
    for (int i = a->shape.rank - 1; i >= 0; i--) {
        const int axis = a->layout == WHET_NHWC ? nhwc[i] : i;
        step[axis] = at;
        at *= a->shape.dims[axis];
    }
}

/* A transposition that moves no byte: of axes of size 1, or between a layout and the axes that stand in its order. */
static bool stays(const whet_cpu_node *k)
{
    const whet_cpu_arg *x = &k->in[0], *y = &k->out[0];
    int64_t perm[WHET_MAX_RANK], from[WHET_MAX_RANK], to[WHET_MAX_RANK];
    if (!whet_node_is(k->n, "Transpose") || whet_node_ints(k->n, "perm", perm, WHET_MAX_RANK) != x->shape.rank) return false;
    if (x->dtype != y->dtype || y->vid < 0 || whet_dtype_size(x->dtype) == 0) return false;
    steps_of(x, from);
    steps_of(y, to);
    for (int i = 0; i < x->shape.rank; i++)
        if (y->shape.dims[i] != 1 && to[i] != from[perm[i]]) return false;
    return true;
}

static bool can_view(const whet_cpu_node *k)
{
    if (stays(k)) return true;
    if ((k->n->op->flags & WHET_OP_VIEW) == 0 || k->n_in < 1 || k->n_out != 1 || k->out[0].vid < 0) return false;
    const whet_cpu_arg *x = &k->in[0], *y = &k->out[0];
    if (x->dtype != y->dtype || x->numel != y->numel) return false;
    return (plain(x) && plain(y)) || (x->layout == y->layout && whet_shape_equal(&x->shape, &y->shape));
}

static whet_status try_row(plan_step *s, const whet_cpu_impl *row, const whet_exec_options *opt)
{
    whet_cpu_node *k = &s->k;
    whet_status status = WHET_OK;
    if ((row->provider & opt->providers) == 0) return whet_cpu_refuse(k, "provider is switched off");
    if ((row->isa & ~k->isa) != 0) return whet_cpu_refuse(k, "needs %s", whet_isa_name(row->isa));
    k->impl = row;
    for (int i = 0; i < k->n_in; i++) k->in[i].packed = false;
    if (row->create != NULL) status = row->create(k);
    if (status == WHET_OK && row->reshape != NULL) status = row->reshape(k);
    if (status != WHET_OK) {
        release_row(s);
        k->impl = NULL;
    }
    return status;
}

static whet_status note_refusal(plan_step *s, const whet_cpu_impl *row)
{
    struct whet_cpu_private *p = &s->priv;
    if (p->out_of_memory) return WHET_ENOMEM;
    if (!WHET_GROW(&p->refusals, p->n_refusals, &p->cap_refusals)) return WHET_ENOMEM;
    if (p->reason == NULL && (p->reason = whet_arena_strdup(p->text, whet_error_last()->text)) == NULL) return WHET_ENOMEM;
    p->refusals[p->n_refusals++] = (refusal){row, p->reason};
    p->reason = NULL;
    return WHET_OK;
}

static whet_status no_kernel(const plan_step *s, const char *op)
{
    whet_strbuf text;
    const whet_cpu_node *k = &s->k;
    const char *type = k->n_in > 0 && k->in[0].vid >= 0 ? whet_dtype_name(k->in[0].dtype) : "no input";
    whet_strbuf_init(&text);
    for (size_t i = 0; i < s->priv.n_refusals; i++)
        whet_strbuf_printf(&text, "; %s: %s", s->priv.refusals[i].impl->name, s->priv.refusals[i].reason);
    WHET_FAIL(WHET_EUNSUPPORTED, "%s (%s) has no kernel here%s", op, type, text.len > 0 ? text.data : "");
    whet_strbuf_dispose(&text);
    return WHET_EUNSUPPORTED;
}

/* The row that the table of tuned products names, if it accepts here; *row was tried in any case. */
static whet_status bind_tuned(whet_plan *p, plan_step *s, const char *op, const whet_cpu_impl **row)
{
    const char *reason = s->reason;
    WHET_TRY(whet_tuning_row_(p->e->opt.tuning, p, s, op, row, &reason));
    if (*row == NULL) return WHET_OK;
    const whet_status status = try_row(s, *row, &p->e->opt);
    if (status == WHET_OK) s->reason = reason;
    return status == WHET_EUNSUPPORTED ? note_refusal(s, *row) : status;
}

whet_status whet_step_bind_(whet_plan *p, plan_step *s)
{
    char op[128];
    const int n = whet_cpu_impl_count();
    const whet_cpu_impl *tuned_row = NULL;
    s->view = can_view(&s->k);
    s->reason = s->view ? "the bytes stay where they are" : "first that accepts";
    if (s->view) return WHET_OK;
    whet_op_text(s->k.n->op, op, sizeof op);
    if (p->e->opt.tuning != NULL) WHET_TRY(bind_tuned(p, s, op, &tuned_row));
    if (s->k.impl != NULL) return WHET_OK;
    for (int i = 0; i < n; i++) {
        const whet_cpu_impl *row = whet_cpu_impl_at(i);
        if (strcmp(row->op, op) != 0 || row == tuned_row) continue;
        whet_status status = try_row(s, row, &p->e->opt);
        if (status == WHET_OK) return WHET_OK;
        if (status != WHET_EUNSUPPORTED) return status;
        WHET_TRY(note_refusal(s, row));
    }
    return no_kernel(s, op);
}

whet_status whet_plan_bind_(whet_plan *p)
{
    p->steps = whet_calloc((size_t)p->g->n_nodes, sizeof *p->steps);
    if (p->steps == NULL) return WHET_ENOMEM;
    p->n_steps = p->g->n_nodes;
    for (int i = 0; i < p->n_steps; i++) {
        whet_status status = fill_step(p, &p->steps[i], i);
        if (status == WHET_OK) status = whet_step_bind_(p, &p->steps[i]);
        if (status == WHET_OK) continue;
        whet_error_at_node(p->g->nodes[i].name);
        return status;
    }
    return WHET_OK;
}
