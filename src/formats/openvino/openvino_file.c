/* SPDX-License-Identifier: Apache-2.0 */
/* The XML of an IR as layers, ports, edges and metadata. Source: the IR format pages of OpenVINO's documentation and the files
 * its serialiser writes. Memory stays near the file's: ports keep only what conversion reads. */
#include <stdio.h>
#include <stdlib.h>

#include "formats/openvino/openvino_reader.h"
#include "wire/xml.h"

enum { MAX_PATH = 160 };

typedef struct loader {
    ov_file *f;
    ov_layer *layer;     /* open one */
    ov_port *port;       /* open output port */
    int depth, inner;    /* of elements; depth of an inner net that is skipped, 0 = none */
    bool in_inputs, net_seen;
    int64_t line;
    int rt_depth;        /* depth of the model's rt_info, 0 = not inside */
    char path[MAX_PATH]; /* inside rt_info: "nncf.quantization" */
    size_t path_len[WHET_XML_DEPTH + 2];
    int cap_dims;
    bool failed;         /* out of memory in keep() */
} loader;

/* NULL stays NULL; a failure is told when the element is done. */
static const char *keep(loader *c, const char *s)
{
    const char *copy = s ? whet_arena_strdup(c->f->arena, s) : NULL;
    c->failed |= s && !copy;
    return copy;
}

static whet_status number(const char *text, const char *what, int64_t *out)
{
    char *end = NULL;
    if (!text) return WHET_FAIL(WHET_EFORMAT, "attribute '%s' is missing", what);
    *out = strtoll(text, &end, 10);
    if (end == text || *end || *out < 0) return WHET_FAIL(WHET_EFORMAT, "%s '%.40s' is no number", what, text);
    return WHET_OK;
}

static whet_status open_net(loader *c, const char *const *a)
{
    const char *name = whet_xml_find(a, "name");
    int64_t version = 0;
    c->net_seen = true;
    WHET_TRY(number(whet_xml_find(a, "version"), "version", &version));
    if (version < 10 || version > 11)
        return WHET_FAIL(WHET_EUNSUPPORTED, "IR version %lld is not handled, 10 and 11 are; convert the model again with a newer OpenVINO",
                         (long long)version);
    c->f->version = (int)version;
    c->f->name = keep(c, name && *name ? name : "model");
    return c->f->name ? WHET_OK : WHET_ENOMEM;
}

static int opset_of(const char *version)
{
    return version && strncmp(version, "opset", 5) == 0 ? (int)strtol(version + 5, NULL, 10) : 0;
}

static whet_status open_layer(loader *c, const char *const *a)
{
    ov_file *f = c->f;
    ov_layer l = {.line = c->line};
    WHET_TRY(number(whet_xml_find(a, "id"), "layer id", &l.id));
    if (f->n_layers >= OV_MAX_LAYERS) return WHET_FAIL(WHET_EUNSUPPORTED, "more than %d layers", OV_MAX_LAYERS);
    if (!whet_xml_find(a, "type")) return WHET_FAIL(WHET_EFORMAT, "layer %lld has no type", (long long)l.id);
    l.name = keep(c, whet_xml_find(a, "name"));
    l.type = keep(c, whet_xml_find(a, "type"));
    l.version = keep(c, whet_xml_find(a, "version"));
    l.output_names = keep(c, whet_xml_find(a, "output_names"));
    if (!l.name || !*l.name) l.name = l.type;
    l.opset = opset_of(l.version);
    if (!l.type || !WHET_GROW(&f->layers, f->n_layers, &f->cap_layers)) return WHET_ENOMEM;
    c->layer = &f->layers[f->n_layers++];
    *c->layer = l;
    return WHET_OK;
}

static whet_status open_data(loader *c, const char *const *a)
{
    ov_layer *l = c->layer;
    int n = 0;
    while (a[2 * n]) n++;
    if (n > OV_MAX_DATA) return WHET_FAIL(WHET_EUNSUPPORTED, "layer '%.80s' has more than %d attributes", l->name, OV_MAX_DATA);
    if (l->data) return WHET_FAIL(WHET_EFORMAT, "layer '%.80s' has two elements 'data'", l->name);
    l->data = whet_arena_alloc(c->f->arena, ((size_t)n + 1) * sizeof(*l->data));
    if (!l->data) return WHET_ENOMEM;
    for (int i = 0; i < n; i++) {
        l->data[i] = (ov_pair){keep(c, a[2 * i]), keep(c, a[2 * i + 1])};
        if (!l->data[i].key || !l->data[i].value) return WHET_ENOMEM;
    }
    l->n_data = n;
    return WHET_OK;
}

static bool grow_ports(loader *c, ov_port **ports, int n, int *cap)
{
    if (n < *cap) return true;
    const int more = *cap ? 2 * *cap : 2;
    ov_port *p = whet_arena_alloc(c->f->arena, (size_t)more * sizeof(*p));
    if (!p) return false;
    if (n) memcpy(p, *ports, (size_t)n * sizeof(*p));
    *ports = p;
    *cap = more;
    return true;
}

static whet_status open_port(loader *c, const char *const *a)
{
    ov_layer *l = c->layer;
    ov_port p = {.v = WHET_NO_VALUE, .from_layer = -1};
    WHET_TRY(number(whet_xml_find(a, "id"), "port id", &p.id));
    if (l->n_in + l->n_out >= OV_MAX_PORTS) return WHET_FAIL(WHET_EUNSUPPORTED, "layer '%.80s' has more than %d ports", l->name, OV_MAX_PORTS);
    for (int i = 0; i < (c->in_inputs ? l->n_in : l->n_out); i++)
        if ((c->in_inputs ? l->in : l->out)[i].id == p.id)
            return WHET_FAIL(WHET_EFORMAT, "layer '%.80s' has two ports %lld", l->name, (long long)p.id);
    if (c->in_inputs) {
        if (!grow_ports(c, &l->in, l->n_in, &l->cap_in)) return WHET_ENOMEM;
        l->in[l->n_in++] = p;
        return WHET_OK;
    }
    p.precision = keep(c, whet_xml_find(a, "precision"));
    p.names = keep(c, whet_xml_find(a, "names"));
    if (!grow_ports(c, &l->out, l->n_out, &l->cap_out)) return WHET_ENOMEM;
    c->port = &l->out[l->n_out];
    l->out[l->n_out++] = p;
    c->cap_dims = 0;
    return WHET_OK;
}

static whet_status close_dim(loader *c, const char *text)
{
    ov_port *p = c->port;
    if (p->n_dims >= WHET_MAX_RANK)
        return WHET_FAIL(WHET_EUNSUPPORTED, "layer '%.80s': more than %d dimensions", c->layer->name, WHET_MAX_RANK);
    if (p->n_dims >= c->cap_dims) {
        const int more = c->cap_dims ? WHET_MAX_RANK : 4;
        int64_t *d = whet_arena_alloc(c->f->arena, (size_t)more * sizeof(*d));
        if (!d) return WHET_ENOMEM;
        if (p->n_dims) memcpy(d, p->dims, (size_t)p->n_dims * sizeof(*d));
        p->dims = d;
        c->cap_dims = more;
    }
    char *end = NULL;
    int64_t x = strtoll(text, &end, 10);
    p->dims[p->n_dims++] = end == text || *end || x < 0 ? -1 : x; /* "?", "1..8": dynamic */
    return WHET_OK;
}

static whet_status open_edge(loader *c, const char *const *a)
{
    ov_file *f = c->f;
    ov_edge e = {.line = (int32_t)WHET_MIN(c->line, INT32_MAX)};
    WHET_TRY(number(whet_xml_find(a, "from-layer"), "from-layer", &e.from_layer));
    WHET_TRY(number(whet_xml_find(a, "from-port"), "from-port", &e.from_port));
    WHET_TRY(number(whet_xml_find(a, "to-layer"), "to-layer", &e.to_layer));
    WHET_TRY(number(whet_xml_find(a, "to-port"), "to-port", &e.to_port));
    if (!WHET_GROW(&f->edges, f->n_edges, &f->cap_edges)) return WHET_ENOMEM;
    f->edges[f->n_edges++] = e;
    return WHET_OK;
}

/* rt_info of the model: <a><b value="x"/></a> is "a.b" = x; <info name="c" value="y"/> is "c" = y. */
static whet_status open_meta(loader *c, const char *name, const char *const *a)
{
    ov_file *f = c->f;
    const char *value = whet_xml_find(a, "value"), *as = strcmp(name, "info") == 0 ? whet_xml_find(a, "name") : name;
    const int level = c->depth - c->rt_depth;
    size_t at = c->path_len[level - 1];
    if (!as) as = name;
    if (value) {
        const size_t room = at + strlen(as) + 2;
        char *key = whet_arena_alloc(f->arena, room);
        if (!key || !WHET_GROW(&f->meta, f->n_meta, &f->cap_meta)) return WHET_ENOMEM;
        snprintf(key, room, "%.*s%s%s", (int)at, c->path, at ? "." : "", as);
        f->meta[f->n_meta] = (ov_pair){key, keep(c, value)};
        if (!f->meta[f->n_meta++].value) return WHET_ENOMEM;
    }
    int n = snprintf(c->path + at, sizeof(c->path) - at, "%s%s", at ? "." : "", as);
    c->path_len[level] = n < 0 ? at : WHET_MIN(at + (size_t)n, sizeof(c->path) - 1);
    return WHET_OK;
}

static whet_status open_element(loader *c, const char *name, const char *const *a, int64_t line)
{
    c->depth++;
    c->line = line;
    if (c->depth == 1) {
        if (strcmp(name, "net") != 0) return WHET_FAIL(WHET_EFORMAT, "root element '%.40s' instead of 'net'; this is no OpenVINO IR", name);
        return open_net(c, a);
    }
    if (c->inner) return WHET_OK;
    if (c->rt_depth) return open_meta(c, name, a);
    if (c->depth == 2 && strcmp(name, "rt_info") == 0) {
        c->rt_depth = c->depth;
        c->path_len[0] = 0;
        return WHET_OK;
    }
    if (c->depth == 3 && strcmp(name, "layer") == 0) return open_layer(c, a);
    if (c->depth == 3 && strcmp(name, "edge") == 0) return open_edge(c, a);
    if (!c->layer || c->depth < 4) return WHET_OK;
    if (strcmp(name, "body") == 0 || strcmp(name, "then_body") == 0 || strcmp(name, "else_body") == 0 || strcmp(name, "rt_info") == 0) {
        c->layer->has_body |= name[0] != 'r';
        c->inner = c->depth;
        return WHET_OK;
    }
    if (c->depth == 4 && strcmp(name, "data") == 0) return open_data(c, a);
    if (c->depth == 4) c->in_inputs = strcmp(name, "input") == 0;
    if (c->depth == 5 && strcmp(name, "port") == 0) return open_port(c, a);
    return WHET_OK;
}

static whet_status on_open(void *arg, const char *name, const char *const *a, int64_t line)
{
    loader *c = arg;
    WHET_TRY(open_element(c, name, a, line));
    return c->failed ? WHET_ENOMEM : WHET_OK;
}

static whet_status on_close(void *arg, const char *name, const char *text)
{
    loader *c = arg;
    const int depth = c->depth--;
    if (c->inner) {
        if (c->inner == depth) c->inner = 0;
        return WHET_OK;
    }
    if (c->rt_depth == depth) c->rt_depth = 0;
    if (c->rt_depth) return WHET_OK;
    if (depth == 3) c->layer = NULL;
    if (depth == 5) c->port = NULL;
    if (depth == 6 && c->port && strcmp(name, "dim") == 0) return close_dim(c, text);
    return WHET_OK;
}

/* --- edges */

static int by_id(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return x[0] < y[0] ? -1 : x[0] > y[0];
}

static int32_t find_id(const int64_t (*ids)[2], size_t n, int64_t id)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (ids[mid][0] < id) lo = mid + 1;
        else hi = mid;
    }
    return lo < n && ids[lo][0] == id ? (int32_t)ids[lo][1] : -1;
}

static int find_port(const ov_port *ports, int n, int64_t id)
{
    for (int i = 0; i < n; i++)
        if (ports[i].id == id) return i;
    return -1;
}

static whet_status connect(ov_file *f, const int64_t (*ids)[2])
{
    for (size_t i = 0; i < f->n_edges; i++) {
        const ov_edge *e = &f->edges[i];
        const int32_t from = find_id(ids, f->n_layers, e->from_layer), to = find_id(ids, f->n_layers, e->to_layer);
        const int fp = from < 0 ? -1 : find_port(f->layers[from].out, f->layers[from].n_out, e->from_port);
        const int tp = to < 0 ? -1 : find_port(f->layers[to].in, f->layers[to].n_in, e->to_port);
        whet_status status = WHET_OK;
        if (fp < 0 || tp < 0)
            status = WHET_FAIL(WHET_EFORMAT, "edge from layer %lld port %lld to layer %lld port %lld: there is no such %s",
                               (long long)e->from_layer, (long long)e->from_port, (long long)e->to_layer, (long long)e->to_port,
                               from < 0 || to < 0 ? "layer" : fp < 0 ? "output port" : "input port");
        else if (f->layers[to].in[tp].from_layer >= 0)
            status = WHET_FAIL(WHET_EFORMAT, "two edges go to port %lld of layer %lld", (long long)e->to_port, (long long)e->to_layer);
        if (status != WHET_OK) {
            whet_error_at_line(e->line);
            return status;
        }
        f->layers[to].in[tp].from_layer = from;
        f->layers[to].in[tp].from_port = fp;
        f->layers[from].out[fp].users++;
    }
    return WHET_OK;
}

/* Depth first without recursion, in the order of the file, so that a sorted file stays as it is. */
static whet_status sort(ov_file *f)
{
    struct frame { int32_t layer; int next; } *stack = whet_calloc(f->n_layers + 1, sizeof(*stack));
    uint8_t *state = whet_calloc(f->n_layers + 1, 1); /* 1: on the stack, 2: done */
    whet_status status = WHET_ENOMEM;
    size_t n = 0, top = 0;
    f->order = whet_calloc(f->n_layers + 1, sizeof(*f->order));
    if (!stack || !state || !f->order) goto done;
    for (size_t i = 0; i < f->n_layers; i++) {
        if (state[i]) continue;
        stack[top++] = (struct frame){(int32_t)i, 0};
        state[i] = 1;
        while (top) {
            struct frame *s = &stack[top - 1];
            const ov_layer *l = &f->layers[s->layer];
            int32_t from = -1;
            while (s->next < l->n_in && from < 0) {
                from = l->in[s->next++].from_layer;
                if (from >= 0 && state[from] == 2) from = -1;
            }
            if (from < 0) {
                state[s->layer] = 2;
                f->order[n++] = s->layer;
                top--;
            } else if (state[from] == 1) {
                status = WHET_FAIL(WHET_EFORMAT, "the layers form a cycle");
                whet_error_at_node(f->layers[from].name);
                whet_error_at_line(f->layers[from].line);
                goto done;
            } else {
                state[from] = 1;
                stack[top++] = (struct frame){from, 0};
            }
        }
    }
    status = WHET_OK;
done:
    whet_free(stack);
    whet_free(state);
    return status;
}

static whet_status link_layers(ov_file *f)
{
    int64_t(*ids)[2] = whet_calloc(f->n_layers + 1, sizeof(*ids));
    whet_status status = WHET_ENOMEM;
    if (!ids) return status;
    for (size_t i = 0; i < f->n_layers; i++) ids[i][0] = f->layers[i].id, ids[i][1] = (int64_t)i;
    qsort(ids, f->n_layers, sizeof(*ids), by_id);
    for (size_t i = 1; i < f->n_layers; i++)
        if (ids[i][0] == ids[i - 1][0]) {
            status = WHET_FAIL(WHET_EFORMAT, "two layers have the id %lld", (long long)ids[i][0]);
            whet_error_at_line(f->layers[WHET_MAX(ids[i][1], ids[i - 1][1])].line);
            goto done;
        }
    WHET_GOTO(connect(f, (const int64_t(*)[2])ids));
    status = sort(f);
done:
    whet_free(ids);
    return status;
}

whet_status ov_file_read(ov_file *f, const void *xml, size_t size, const char *file)
{
    static const whet_xml_handler handler = {on_open, on_close};
    loader c = {.f = f};
    f->arena = whet_arena_create();
    if (!f->arena) return WHET_ENOMEM;
    WHET_TRY(whet_xml_parse(xml, size, file, &handler, &c));
    return link_layers(f);
}

void ov_file_dispose(ov_file *f)
{
    for (size_t i = 0; i < f->n_layers; i++)
        for (int k = 0; k < f->layers[i].n_out; k++) whet_tensor_dispose(&f->layers[i].out[k].t);
    whet_free(f->layers);
    whet_free(f->edges);
    whet_free(f->order);
    whet_free(f->meta);
    whet_arena_free(f->arena);
}
