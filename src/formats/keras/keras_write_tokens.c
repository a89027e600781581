/* SPDX-License-Identifier: Apache-2.0 */
/* What transformers have: products of two tensors, parts of a tensor, constants in front of tokens. Keras' Dot multiplies
 * matrices of a batch, so a product of [N, heads, m, k] and [N, heads, k, p] is one Dot a head. A part along an axis that no
 * Cropping layer knows is cut from [N, before, axis, behind]. */
#include <string.h>

#include "formats/keras/keras_writer.h"
#include "ir/op.h"

int keras_axis_of(const keras_writer *w, whet_vid v, int64_t axis)
{
    const int at = whet_nhwc_axis(w->g, v, axis), batch = w->refs[v].batch;
    return at == batch ? 0 : at < batch ? at + 1 : at;
}

int64_t keras_elements(const whet_dim *dims, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i < to; i++)
        if (dims[i] < 0 || __builtin_mul_overflow(n, dims[i], &n)) return -1;
    return n;
}

static bool same_behind_batch(const whet_dims *a, const whet_dims *b)
{
    return a->rank == b->rank && memcmp(a->dims + 1, b->dims + 1, sizeof a->dims[0] * (size_t)WHET_MAX(a->rank - 1, 0)) == 0;
}

whet_status keras_part(keras_writer *w, const char *base, const whet_dims *d, int axis, int64_t start, int64_t length, const whet_dims *to, int in, int *out)
{
    const int64_t pre = keras_elements(d->dims, 1, axis), size = d->dims[axis], post = keras_elements(d->dims, axis + 1, d->rank);
    whet_dims flat = pre == 1 ? (whet_dims){.rank = 3, .dims = {d->dims[0], size, post}} : (whet_dims){.rank = 4, .dims = {d->dims[0], pre, size, post}};
    int64_t before[4] = {0}, after[4] = {0};
    *out = in;
    if (length == size) return same_behind_batch(d, to) ? WHET_OK : keras_reshape_to(w, base, to, in, out);
    before[flat.rank - 2] = start;
    after[flat.rank - 2] = size - start - length;
    if (!same_behind_batch(d, &flat)) WHET_TRY(keras_reshape_to(w, base, &flat, *out, out));
    WHET_TRY(keras_edges(w, base, true, &flat, before, after, *out, out));
    flat.dims[flat.rank - 2] = length;
    return same_behind_batch(&flat, to) ? WHET_OK : keras_reshape_to(w, base, to, *out, out);
}

/* A node's output o as the layer has it: the batch first. */
static whet_dims out_dims(const keras_writer *w, const whet_node *n, int o, int batch)
{
    const whet_dims d = whet_nhwc_dims(w->g, n->out[o]);
    whet_dims to = {.rank = d.rank, .dims = {d.dims[batch]}};
    for (int i = 0, k = 1; i < d.rank; i++)
        if (i != batch) to.dims[k++] = d.dims[i];
    return to;
}

static whet_status sizes_known(const whet_node *n, const whet_dims *d)
{
    return keras_elements(d->dims, 1, d->rank) > 0 ? WHET_OK : keras_refuse(n, "its sizes are not known");
}

whet_status keras_write_split(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    int64_t start = 0;
    WHET_TRY(keras_in_moved(w, n, 0, &in));
    const keras_ref from = *in;
    const int axis = keras_axis_of(w, n->in[0], whet_node_int(n, "axis", 0));
    if (axis == 0) return keras_refuse(n, "it goes across the batch");
    WHET_TRY(sizes_known(n, &from.dims));
    for (int i = 0; i < n->n_out; i++) {
        int layer = -1;
        if (n->out[i] < 0) return keras_refuse(n, "its output %d has no name", i);
        const whet_dims to = out_dims(w, n, i, from.batch);
        WHET_TRY(sizes_known(n, &to));
        WHET_TRY(keras_part(w, n->name, &from.dims, axis, start, to.dims[axis], &to, from.layer, &layer));
        w->refs[n->out[i]] = (keras_ref){.layer = layer, .dims = to, .batch = from.batch};
        start += to.dims[axis];
    }
    return WHET_OK;
}

/* One place of an axis. */
whet_status keras_write_gather(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    int64_t index = 0;
    int layer = -1;
    WHET_TRY(keras_in_moved(w, n, 0, &in));
    const keras_ref from = *in;
    const int axis = keras_axis_of(w, n->in[0], whet_node_int(n, "axis", 0)), place = whet_nhwc_axis(w->g, n->in[0], whet_node_int(n, "axis", 0));
    if (axis == 0 || keras_in_ints(w, n, 1, &index, 1) != 1) return keras_refuse(n, "only one place of an axis behind the batch can be taken");
    const bool drops = w->g->values[n->in[1]].dims.rank == 0;
    const int batch = from.batch - (drops && place < from.batch);
    const whet_dims to = out_dims(w, n, 0, batch);
    WHET_TRY(sizes_known(n, &from.dims));
    const int64_t size = from.dims.dims[axis];
    if (index < 0) index += size;
    if (index < 0 || index >= size) return keras_refuse(n, "its index is out of range");
    WHET_TRY(keras_part(w, n->name, &from.dims, axis, index, 1, &to, from.layer, &layer));
    w->refs[n->out[0]] = (keras_ref){.layer = layer, .dims = to, .batch = batch};
    return WHET_OK;
}

/* --- products */
/* Head h of an operand as [N, rows, columns]. */
static whet_status head(keras_writer *w, const whet_node *n, const keras_ref *r, int64_t heads, int64_t h, int *out)
{
    const whet_dims *d = &r->dims;
    const whet_dims all = {.rank = 4, .dims = {d->dims[0], heads, d->dims[d->rank - 2], d->dims[d->rank - 1]}};
    const whet_dims one = {.rank = 3, .dims = {all.dims[0], all.dims[2], all.dims[3]}};
    if (d->rank == 3) {
        *out = r->layer;
        return WHET_OK;
    }
    *out = r->layer;
    if (d->rank != 4) WHET_TRY(keras_reshape_to(w, n->name, &all, *out, out));
    return keras_part(w, n->name, &all, 1, h, 1, &one, *out, out);
}

whet_status keras_write_product(keras_writer *w, const whet_node *n)
{
    const keras_ref *r[2] = {NULL, NULL};
    int products[KERAS_OUT_INPUTS], layer = -1;
    for (int i = 0; i < 2; i++) WHET_TRY(keras_in(w, n, i, false, &r[i]));
    const whet_dims a = r[0]->dims, b = r[1]->dims;
    const int64_t heads = a.rank >= 3 ? keras_elements(a.dims, 1, a.rank - 2) : -1;
    bool fits = a.rank >= 3 && a.rank == b.rank && heads >= 1;
    for (int i = 1; fits && i < a.rank - 2; i++) fits = a.dims[i] == b.dims[i];
    if (!fits || a.dims[0] != b.dims[0]) return keras_refuse(n, "products of tensors whose matrices are not the same in number are not possible");
    if (heads > KERAS_OUT_INPUTS) return keras_refuse(n, "it multiplies %lld matrices an image, at most %d are possible", (long long)heads, (int)KERAS_OUT_INPUTS);
    const whet_dims to = whet_nhwc_dims(w->g, n->out[0]);
    const whet_dims one = {.rank = 4, .dims = {to.dims[0], 1, to.dims[to.rank - 2], to.dims[to.rank - 1]}};
    for (int h = 0; h < heads; h++) {
        int two[2] = {-1, -1};
        for (int i = 0; i < 2; i++) WHET_TRY(head(w, n, r[i], heads, h, &two[i]));
        WHET_TRY(keras_layer(w, "Dot", n->name, json_pack("{s:[i,i],s:b}", "axes", 2, 1, "normalize", 0), 2, two, &products[h]));
        if (heads > 1) WHET_TRY(keras_reshape_to(w, n->name, &one, products[h], &products[h]));
    }
    layer = products[0];
    if (heads > 1) WHET_TRY(keras_layer(w, "Concatenate", n->name, json_pack("{s:i}", "axis", 1), (int)heads, products, &layer));
    if (to.rank != 3 && (to.rank != 4 || heads == 1)) WHET_TRY(keras_reshape_to(w, n->name, &to, layer, &layer));
    keras_give(w, n, 0, layer, &to, false);
    return WHET_OK;
}

/* --- constants for each image */
whet_status keras_write_expand(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    if (keras_is_const(w, n->in[0])) return WHET_OK; /* whoever reads it looks through */
    WHET_TRY(keras_in(w, n, 0, false, &in));
    const whet_dims d = whet_nhwc_dims(w->g, n->out[0]);
    if (!same_behind_batch(&in->dims, &d)) return keras_refuse(n, "a tensor that is repeated is not possible");
    keras_alias(w, n, in);
    return WHET_OK;
}

/* Whether input i is the same constant for each image, as Expand makes one; then its elements, one image's first. */
static bool is_repeated(const keras_writer *w, const whet_node *n, int i, whet_tensor *out)
{
    const whet_value *v = &w->g->values[n->in[i]];
    const whet_node *from = n;
    const int64_t count = keras_elements(v->dims.dims, 1, v->dims.rank);
    int at = i;
    whet_tensor_init(out);
    if (w->refs[n->in[i]].layer >= 0 || whet_nhwc_is(w->g, n->in[i]) || count < 1) return false;
    if (v->producer >= 0 && whet_node_is(&w->g->nodes[v->producer], "Expand")) from = &w->g->nodes[v->producer], at = 0;
    if (!keras_is_const(w, from->in[at]) || keras_in_const(w, from, at, out) != WHET_OK) return false;
    bool same = whet_tensor_numel(out) % count == 0 && whet_tensor_numel(out) > 0;
    for (int64_t k = count; same && k < whet_tensor_numel(out); k += count) same = memcmp(out->data, (const float *)out->data + k, (size_t)count * sizeof(float)) == 0;
    return same;
}

/* Adds the constant behind a node to all[count], if that is what its only reader does: that reader, else n. */
static const whet_node *sum_behind(const keras_writer *w, const whet_node *n, float *all, int64_t count)
{
    whet_tensor c;
    const whet_node *add = keras_only_user(w, n);
    if (add == NULL || !whet_node_is(add, "Add")) return n;
    const int side = add->in[0] == n->out[0] ? 1 : 0;
    if (!keras_is_const(w, add->in[side]) || keras_in_const(w, add, side, &c) != WHET_OK) return n;
    const whet_dims *d = &w->g->values[n->out[0]].dims;
    const bool fits = whet_tensor_numel(&c) == count && c.shape.rank <= d->rank && c.shape.dims[c.shape.rank - 1] == d->dims[d->rank - 1];
    for (int64_t i = 0; fits && i < count; i++) all[i] += ((const float *)c.data)[i];
    whet_tensor_dispose(&c);
    return fits ? add : n;
}

/* Puts a constant's [pre, size, post] into all[pre, total, post] from place `at`. */
static void place(float *all, const float *part, int64_t pre, int64_t total, int64_t at, int64_t size, int64_t post)
{
    for (int64_t i = 0; i < pre; i++) memcpy(all + (i * total + at) * post, part + i * size * post, (size_t)(size * post) * sizeof *all);
}

/* Zeros where constants stand, which are then added to all. */
static whet_status padded(keras_writer *w, const whet_node *n, int axis, const whet_dims *inner, const int64_t *around, float *all, int layer)
{
    const whet_dims d = whet_nhwc_dims(w->g, n->out[0]);
    const int64_t count = keras_elements(d.dims, 1, d.rank);
    const whet_dims flat = {.rank = 2, .dims = {d.dims[0], count}};
    int64_t before[WHET_MAX_RANK] = {0}, after[WHET_MAX_RANK] = {0};
    before[axis] = around[0];
    after[axis] = around[1];
    const whet_node *last = sum_behind(w, n, all, count);
    WHET_TRY(keras_edges(w, n->name, false, inner, before, after, layer, &layer));
    WHET_TRY(keras_reshape_to(w, n->name, &flat, layer, &layer));
    WHET_TRY(keras_affine(w, n->name, 1, count, NULL, all, layer, &layer));
    WHET_TRY(keras_reshape_to(w, n->name, &d, layer, &layer));
    if (last != n) w->done[last - w->g->nodes] = true;
    keras_give(w, last, 0, layer, &d, false);
    return WHET_OK;
}

/* A class token: constants in front of or behind the tensors, which are already one layer. */
static whet_status with_constants(keras_writer *w, const whet_node *n, int axis, int layer, int n_tensors)
{
    const whet_dims d = whet_nhwc_dims(w->g, n->out[0]);
    const int64_t pre = keras_elements(d.dims, 1, axis), post = keras_elements(d.dims, axis + 1, d.rank), total = d.dims[axis], count = keras_elements(d.dims, 1, d.rank);
    whet_dims inner = d;
    int64_t around[2] = {0, 0}, at = 0;
    int seen = 0;
    whet_status status = WHET_OK;
    if (count < 1 || !((d.rank == 3 && axis == 1) || d.rank == 4)) return keras_refuse(n, "constants can only be put in front of or behind tokens");
    float *all = whet_calloc((size_t)count, sizeof *all);
    if (all == NULL) return WHET_FAIL(WHET_ENOMEM, "out of memory");
    for (int i = 0; i < n->n_in; i++) {
        whet_tensor t;
        const int64_t size = whet_nhwc_dims(w->g, n->in[i]).dims[axis];
        if (w->refs[n->in[i]].layer >= 0) {
            seen++;
        } else if (!is_repeated(w, n, i, &t) || (seen > 0 && seen < n_tensors)) {
            whet_tensor_dispose(&t);
            WHET_GOTO(keras_refuse(n, "its input %d is neither a tensor nor the same constant for each image in front of or behind all tensors", i));
        } else {
            place(all, t.data, pre, total, at, size, post);
            around[seen > 0] += size;
            whet_tensor_dispose(&t);
        }
        at += size;
    }
    inner.dims[axis] = total - around[0] - around[1];
    status = padded(w, n, axis, &inner, around, all, layer);
done:
    whet_free(all);
    return status;
}

whet_status keras_write_concat(keras_writer *w, const whet_node *n)
{
    int in[KERAS_OUT_INPUTS], layer = -1, tensors = 0;
    const keras_ref *r = NULL;
    const int axis = whet_nhwc_axis(w->g, n->out[0], whet_node_int(n, "axis", 0));
    if (axis == 0) return keras_refuse(n, "it goes across the batch");
    if (n->n_in > KERAS_OUT_INPUTS) return keras_refuse(n, "it has %d inputs, at most %d are possible", n->n_in, (int)KERAS_OUT_INPUTS);
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] >= 0 && w->refs[n->in[i]].layer < 0 && w->g->values[n->in[i]].dims.rank > 1) continue;
        WHET_TRY(keras_in(w, n, i, false, &r));
        in[tensors++] = r->layer;
    }
    if (tensors == 0) return keras_refuse(n, "all its inputs are constants: fold constants first");
    if (n->n_in == 1) {
        keras_alias(w, n, r);
        return WHET_OK;
    }
    layer = in[0];
    if (tensors > 1) WHET_TRY(keras_layer(w, "Concatenate", n->name, json_pack("{s:i}", "axis", axis), tensors, in, &layer));
    if (tensors < n->n_in) return with_constants(w, n, axis, layer, tensors);
    const whet_dims d = whet_nhwc_dims(w->g, n->out[0]);
    keras_give(w, n, 0, layer, &d, false);
    return WHET_OK;
}
