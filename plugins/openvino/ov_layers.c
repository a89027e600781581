/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of a compiled model with their shapes and the names of the nodes that went into each. The C interface cannot walk a
 * model; but when a compiled model is exported for a cache, its description (IR, as XML) passes through the encryption that
 * the user may supply, in the clear. The weights go to /dev/null. Only layers of the model itself are kept; of those inside the
 * body of another the products count as its. The text is the library's own, and what of it is not understood is left out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ov_plugin.h"

enum { MAX_DEPTH = 8, MAX_PORTS = 16, MAX_DIMS = 8, MAX_LAYERS = 100000 };

/* --- listening */
typedef struct heard { char *text; size_t n; } heard;
static _Thread_local heard *listener;

static void same(const char *in, size_t n, char *out, size_t *n_out)
{
    if (n_out != NULL) *n_out = n;
    if (out != NULL) memcpy(out, in, n);
}

static void hear(const char *in, size_t n, char *out, size_t *n_out)
{
    same(in, n, out, n_out);
    if (listener == NULL || listener->text != NULL || (listener->text = malloc(n + 1)) == NULL) return;
    memcpy(listener->text, in, n);
    listener->text[n] = '\0';
    listener->n = n;
}

const ov_callbacks ov_listen = {hear, same};

/* --- reading the XML: tags one by one */
typedef struct port { int rank; double dims[MAX_DIMS], bits; } port;
typedef struct layer {
    char name[512], type[64], fused[2048];
    bool output, transposed; /* the port being read is an output; MatMul: the first input is */
    int n[2];
    port p[2][MAX_PORTS];
    double inner_macs; /* of the products in the body of a Subgraph (an attention) */
} layer;

/* The value of an attribute of the tag at p, its entities undone; "" if it has none. */
static void attribute(const char *p, const char *key, char *out, size_t cap)
{
    static const struct { const char *entity; char c; } entities[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
    const char *end = p + strcspn(p, ">");
    size_t n = 0, k = strlen(key);
    const char *v = p;
    out[0] = '\0';
    do {
        v = strstr(v + 1, key);
        if (v == NULL || v > end) return;
    } while (v[-1] != ' ' || strncmp(v + k, "=\"", 2) != 0);
    for (v += k + 2; *v != '\0' && *v != '"' && n + 1 < cap;) {
        size_t e = 0;
        while (e < sizeof entities / sizeof entities[0] && strncmp(v, entities[e].entity, strlen(entities[e].entity)) != 0) e++;
        const bool found = e < sizeof entities / sizeof entities[0];
        out[n++] = found ? entities[e].c : *v;
        v += found ? strlen(entities[e].entity) : 1;
    }
    out[n] = '\0';
}

static bool is(const char *tag, const char *name)
{
    const size_t n = strlen(name);
    return strncmp(tag, name, n) == 0 && (tag[n] == ' ' || tag[n] == '>' || tag[n] == '/');
}

/* "FP32", "I8", "BOOL" */
static double bits_of(const char *precision)
{
    const double n = strtod(precision + strcspn(precision, "0123456789"), NULL);
    return strcmp(precision, "BOOL") == 0 || strcmp(precision, "boolean") == 0 ? 8 : n;
}

static void read_tag(layer *l, const char *tag)
{
    char text[64];
    if (is(tag, "input")) l->output = false;
    if (is(tag, "output")) l->output = true;
    if (is(tag, "data")) {
        attribute(tag, "transpose_a", text, sizeof text);
        l->transposed = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    }
    if (is(tag, "attribute")) {
        attribute(tag, "name", text, sizeof text);
        if (strcmp(text, "fused_names") == 0) attribute(tag, "value", l->fused, sizeof l->fused);
    }
    if (is(tag, "port") && l->n[l->output] < MAX_PORTS) {
        attribute(tag, "precision", text, sizeof text);
        l->p[l->output][l->n[l->output]++] = (port){.bits = bits_of(text)};
    }
    if (is(tag, "dim") && l->n[l->output] > 0) {
        port *p = &l->p[l->output][l->n[l->output] - 1];
        if (p->rank < MAX_DIMS) p->dims[p->rank++] = strtod(tag + strlen("dim>"), NULL);
    }
}

/* --- work */
static double elements(const port *p, int from)
{
    double n = 1;
    for (int d = from; d < p->rank; d++) n *= p->dims[d];
    return n;
}

static double bytes(const port *p) { return elements(p, 0) * p->bits / 8; }

/* Weights of a convolution are [O, I, ...], of a grouped one [G, O/G, I/G, ...]; backwards I and O change places. */
static double macs_of(const layer *l)
{
    const port *in = &l->p[0][0], *w = &l->p[0][1], *out = &l->p[1][0];
    if (l->n[0] < 2 || l->n[1] < 1 || in->rank < 1) return 0;
    if (strncmp(l->type, "FullyConnected", 14) == 0) return w->rank > 0 ? elements(out, 0) * w->dims[w->rank - 1] : 0;
    if (strcmp(l->type, "MatMul") == 0) return elements(out, 0) * in->dims[l->transposed && in->rank > 1 ? in->rank - 2 : in->rank - 1];
    const bool grouped = strncmp(l->type, "Group", 5) == 0;
    if (strncmp(l->type + (grouped ? 5 : 0), "Convolution", 11) != 0) return 0;
    const bool backwards = strstr(l->type, "Backprop") != NULL;
    return elements(backwards ? in : out, 0) * elements(w, grouped ? 2 : 1);
}

/* "a, b" as "a,b"; a convolution whose bias was split off, first without the mark that it has for that. */
static char *origin_of(const layer *l)
{
    static const char mark[] = "/WithoutBiases";
    const char *from = l->fused[0] != '\0' ? l->fused : l->name;
    char *out = malloc(2 * strlen(from) + 2), *to = out;
    for (const char *p = from; out != NULL && *p != '\0';) {
        const size_t n = strcspn(p, ","), k = sizeof mark - 1;
        const size_t base = n > k && strncmp(p + n - k, mark, k) == 0 ? n - k : 0;
        if (to != out) *to++ = ',';
        memcpy(to, p, base);
        to += base;
        if (base > 0) *to++ = ','; /* files of the library's own may have the mark in their names: both are given */
        memcpy(to, p, n);
        to += n;
        p += n;
        p += strspn(p, ", ");
    }
    if (out != NULL) *to = '\0';
    return out;
}

static void keep(ov_layers *list, const layer *l)
{
    ov_layer x = {.macs = macs_of(l) + l->inner_macs};
    if (list->n == list->cap) {
        const size_t cap = list->cap > 0 ? list->cap * 2 : 256;
        ov_layer *v = cap <= MAX_LAYERS ? realloc(list->v, cap * sizeof *v) : NULL;
        if (v == NULL) return;
        list->v = v;
        list->cap = cap;
    }
    for (int i = 0; i < l->n[0]; i++) {
        const bool constant = i > 0 && macs_of(l) > 0 && strcmp(l->type, "MatMul") != 0;
        *(constant ? &x.constant_bytes : &x.input_bytes) += bytes(&l->p[0][i]);
    }
    for (int i = 0; i < l->n[1]; i++) x.output_bytes += bytes(&l->p[1][i]);
    x.name = strdup(l->name);
    x.origin = origin_of(l);
    list->v[list->n++] = x;
}

/* A product in a layer's body: its work is the layer's, and so is its name. */
static void take_in(layer *l, const layer *inner)
{
    const double macs = macs_of(inner);
    const char *name = inner->fused[0] != '\0' ? inner->fused : inner->name;
    if (macs <= 0) return;
    l->inner_macs += macs;
    if (strlen(l->fused) + strlen(name) + 3 > sizeof l->fused) return; /* a list without its end */
    if (l->fused[0] != '\0') strcat(l->fused, ", ");
    strcat(l->fused, name);
}

static void begin(layer *l, const char *tag)
{
    memset(l, 0, sizeof *l);
    attribute(tag, "name", l->name, sizeof l->name);
    attribute(tag, "type", l->type, sizeof l->type);
}

static void parse(ov_layers *list, const char *text)
{
    layer *l = calloc(2, sizeof *l); /* and one in its body */
    int depth = 0;
    for (const char *p = text; l != NULL && (p = strchr(p, '<')) != NULL && depth < MAX_DEPTH;) {
        p++;
        if (is(p, "layer") && ++depth <= 2) begin(&l[depth - 1], p);
        if (depth == 1 || depth == 2) read_tag(&l[depth - 1], p);
        const bool ends = is(p, "/layer") || (is(p, "layer") && p[strcspn(p, ">") - 1] == '/');
        if (!ends || depth == 0) continue;
        if (depth == 2) take_in(&l[0], &l[1]);
        if (depth == 1 && strcmp(l->type, "Const") != 0) keep(list, l);
        depth--;
    }
    free(l);
}

void ov_layers_read(ov_layers *l, const ov_compiled *compiled)
{
    heard h = {NULL, 0};
    listener = &h;
    const int code = ov_rt.api.compiled_model_export_model(compiled, "/dev/null");
    listener = NULL;
    if (code == 0 && h.text != NULL) parse(l, h.text);
    free(h.text);
}

const ov_layer *ov_layers_find(const ov_layers *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i].name != NULL && l->v[i].origin != NULL && strcmp(l->v[i].name, name) == 0) return &l->v[i];
    return NULL;
}

void ov_layers_dispose(ov_layers *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->v[i].name);
        free(l->v[i].origin);
    }
    free(l->v);
    *l = (ov_layers){0, 0, NULL};
}
