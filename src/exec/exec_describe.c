/* SPDX-License-Identifier: Apache-2.0 */
/* A plan as JSON, for inspection: per node the chosen kernel, the refusals of the better ones, and where its result lies. */
#include <jansson.h>

#include "exec/exec_private.h"

static const char *provider_name(uint32_t provider)
{
    static const struct { uint32_t bit; const char *name; } names[] = {
        {WHET_PROVIDER_REF, "ref"}, {WHET_PROVIDER_OWN, "own"}, {WHET_PROVIDER_ONEDNN, "onednn"}, {WHET_PROVIDER_VEC, "vec"}};
    for (size_t i = 0; i < WHET_COUNT(names); i++)
        if (provider & names[i].bit) return names[i].name;
    return "";
}

static json_t *place_of(const whet_plan *p, const plan_step *s)
{
    static const char *const regions[] = {"arena", "constants", "variables", "inputs"};
    const whet_vid v = s->k.n_out > 0 ? s->k.out[0].vid : WHET_NO_VALUE;
    if (v < 0) return json_null();
    const storage *x = &p->storages[whet_storage_find_(p, p->storage_of[v])];
    return json_pack("{s:s, s:I, s:I}", "region", regions[x->kind], "offset", (json_int_t)x->offset, "bytes", (json_int_t)x->bytes);
}

static int64_t product_of(const whet_cpu_arg *a, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i < to; i++) n *= a->shape.dims[i];
    return n;
}

/* Multiply-adds of the node: convolutions and matrix products, the gradients of a convolution as its forward pass, attention's
 * two products; 0 for everything else. */
static int64_t multiply_adds(const whet_cpu_node *k)
{
    char op[128];
    const whet_cpu_arg *x = k->in, *y = k->out;
    whet_op_text(k->n->op, op, sizeof op);
    if (k->n_in < 2 || k->n_out < 1 || k->in[1].vid < 0 || k->out[0].vid < 0) return 0;
    if (strstr(op, "ConvTranspose") != NULL) return x[0].numel * product_of(&x[1], 1, x[1].shape.rank);
    if (strstr(op, "ConvGradWeights") != NULL) return x[0].numel * product_of(&y[0], 1, y[0].shape.rank);
    if (strstr(op, "ConvGradData") != NULL) return x[0].numel * product_of(&x[1], 1, x[1].shape.rank);
    if (strstr(op, "Conv") != NULL) return y[0].numel * product_of(&x[1], 1, x[1].shape.rank);
    if (strstr(op, "Gemm") != NULL) return y[0].numel * x[0].shape.dims[whet_node_int(k->n, "transA", 0) ? 0 : 1];
    if (strstr(op, "MatMul") != NULL && x[0].shape.rank > 0) return y[0].numel * x[0].shape.dims[x[0].shape.rank - 1];
    if (strstr(op, "Attention") != NULL && x[1].shape.rank > 2) return 2 * y[0].numel * x[1].shape.dims[x[1].shape.rank - 2];
    return 0;
}

/* What the step computes in, by its first input; kernels that reckon otherwise carry it in their names. */
static const char *precision_of(const plan_step *s)
{
    const whet_dtype t = s->k.n_in > 0 ? s->k.in[0].dtype : WHET_DTYPE_NONE;
    if (!s->view && strstr(s->k.impl->name, "winograd") != NULL) return "f32-winograd";
    return t == WHET_S8 || t == WHET_U8 ? "int8" : whet_dtype_name(t);
}

/* Bytes that must be read and written once; a view moves none. */
static void put_bytes(json_t *o, const plan_step *s)
{
    enum { CONSTANT, INPUT, OUTPUT, KINDS };
    static const char *const names[KINDS] = {"constant_bytes", "input_bytes", "output_bytes"};
    int64_t bytes[KINDS] = {0};
    for (int i = 0; !s->view && i < s->k.n_in; i++)
        if (s->k.in[i].vid >= 0) bytes[s->k.in[i].constant ? CONSTANT : INPUT] += s->k.in[i].numel * (int64_t)whet_dtype_size(s->k.in[i].dtype);
    for (int i = 0; !s->view && i < s->k.n_out; i++)
        if (s->k.out[i].vid >= 0) bytes[OUTPUT] += s->k.out[i].numel * (int64_t)whet_dtype_size(s->k.out[i].dtype);
    for (int i = 0; i < KINDS; i++) json_object_set_new(o, names[i], json_integer((json_int_t)bytes[i]));
}

static json_t *describe_step(const whet_plan *p, const plan_step *s)
{
    char op[128], shape[160] = "";
    json_t *refusals = json_array();
    whet_op_text(s->k.n->op, op, sizeof op);
    if (s->k.n_out > 0 && s->k.out[0].vid >= 0) whet_shape_text(&s->k.out[0].shape, shape, sizeof shape);
    for (size_t i = 0; i < s->priv.n_refusals; i++)
        json_array_append_new(refusals, json_pack("{s:s, s:s}", "kernel", s->priv.refusals[i].impl->name, "reason",
                                                  s->priv.refusals[i].reason));
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o}", "node", s->k.n->name, "op", op, "kernel",
                     s->view ? "view" : s->k.impl->name, "reason", s->reason, "provider", s->view ? "" : provider_name(s->k.impl->provider), "shape",
                     shape, "layout", s->k.n_out > 0 && s->k.out[0].layout == WHET_NHWC ? "nhwc" : "nchw", "workspace",
                     (json_int_t)s->k.workspace_size, "macs", (json_int_t)(s->view ? 0 : multiply_adds(&s->k)), "refused", refusals, "place", place_of(p, s));
    if (o == NULL) return NULL;
    json_object_set_new(o, "precision", json_string(precision_of(s)));
    put_bytes(o, s);
    return o;
}

whet_status whet_plan_describe(const whet_plan *p, char **json)
{
    json_t *list = json_array();
    *json = NULL;
    for (int i = 0; list != NULL && i < p->n_steps; i++)
        if (json_array_append_new(list, describe_step(p, &p->steps[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    char *text = list != NULL ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    if (text != NULL) *json = whet_strdup(text);
    free(text);
    return *json != NULL ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "out of memory for the plan's description");
}

static bool is_update(const whet_node *n)
{
    const size_t len = strlen(n->op->name);
    return strcmp(n->op->domain, "whet") == 0 && len > 4 && strcmp(n->op->name + len - 4, "Step") == 0;
}

whet_status whet_plan_memory_of(const whet_plan *p, whet_plan_memory *m)
{
    enum { WORKSPACE, ACTIVATION, GRADIENT, KINDS };
    uint8_t *kind = whet_calloc(p->n_storages + 1, 1);
    *m = (whet_plan_memory){.arena = p->arena_bytes};
    if (kind == NULL) return WHET_ENOMEM;
    for (whet_vid v = 0; v < p->g->n_values; v++)
        if (p->storage_of[v] >= 0) kind[whet_storage_find_(p, p->storage_of[v])] = ACTIVATION;
    for (int i = 0; i < p->n_steps; i++) {
        const whet_node *n = p->steps[i].k.n;
        if (is_update(n) && n->n_in > 1 && n->in[1] >= 0) kind[whet_storage_find_(p, p->storage_of[n->in[1]])] = GRADIENT;
    }
    size_t most = 0;
    for (int i = 0; i < p->n_steps; i++) {
        size_t sum[KINDS] = {0}, all = 0;
        for (size_t k = 0; k < p->n_storages; k++) {
            const storage *x = &p->storages[k];
            if (x->merged >= 0 || (x->kind != IN_ARENA && x->kind != IN_INPUT) || x->begin > i || x->end < i) continue;
            sum[kind[k]] += x->bytes;
            all += x->bytes;
        }
        if (all <= most) continue;
        most = all;
        m->activations = sum[ACTIVATION], m->gradients = sum[GRADIENT], m->workspace = sum[WORKSPACE];
    }
    whet_free(kind);
    return WHET_OK;
}
