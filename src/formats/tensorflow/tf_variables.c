/* SPDX-License-Identifier: Apache-2.0 */
/* Which checkpoint entry a variable has. As TensorFlow restores it: the graph holds RestoreV2 nodes whose results are assigned to
 * variables, in the graph itself (TF1) or in the function that the saver calls (TF2). Where that is missing, the object graph in
 * the checkpoint and the variable's own name. Source: tensorflow/python/saved_model, checkpoint; saved_object_graph.proto. */
#include "formats/tensorflow/tf_reader.h"

void tf_bundle_close(void *bundle) { whet_tfbundle_close(bundle); }

static whet_status add_key(tf_reader *r, const char *node, const char *key)
{
    bool added = false;
    if (!WHET_GROW(&r->key, r->n_keys, &r->cap_keys)) return WHET_ENOMEM;
    WHET_TRY(onnx_names_add(&r->keys, node, (int32_t)r->n_keys, &added));
    if (added) r->key[r->n_keys++] = key;
    return WHET_OK;
}

/* Follows what only passes a tensor on. False where that ends outside the scope. */
static const tf_node *trace(const tf_reader *r, const tf_scope *s, const char *ref, int *arg, int *output)
{
    for (int i = 0; i < TF_TRACE; i++) {
        int node = -1;
        if (!tf_scope_find(r, s, ref, &node, arg, output) || node < 0) return NULL;
        const tf_node *n = &s->nodes->v[node];
        const bool passes = strcmp(n->op, "Identity") == 0 || strcmp(n->op, "Cast") == 0;
        if (!passes || n->input.n < 1) return n;
        ref = n->input.v[0];
    }
    return NULL;
}

/* Name k of RestoreV2's list. */
static const char *restored_name(tf_reader *r, const tf_scope *s, const tf_node *restore, int k)
{
    int arg = -1, output = 0;
    const tf_node *c = restore->input.n > 1 ? trace(r, s, restore->input.v[1], &arg, &output) : NULL;
    const tf_value *a = c && strcmp(c->op, "Const") == 0 ? tf_node_attr(c, "value") : NULL;
    if (!a || !a->tensor || a->tensor->string_val.n == 0) return NULL;
    const whet_pb_bytes_list *names = &a->tensor->string_val;
    const whet_pb_bytes b = names->v[WHET_MIN((size_t)k, names->n - 1)];
    return whet_utf8_valid(b.data, b.size) ? whet_arena_strndup(r->arena, (const char *)b.data, b.size) : NULL;
}

/* call NULL: the graph itself. */
static whet_status map_scope(tf_reader *r, const tf_scope *s, const tf_scope *outer, const tf_node *call)
{
    for (size_t i = 0; i < s->nodes->n; i++) {
        const tf_node *n = &s->nodes->v[i];
        int arg = -1, output = 0, target_arg = -1, ignored = 0;
        if ((strcmp(n->op, "AssignVariableOp") != 0 && strcmp(n->op, "Assign") != 0) || n->input.n < 2) continue;
        const tf_node *from = trace(r, s, n->input.v[1], &arg, &output);
        if (!from || strcmp(from->op, "RestoreV2") != 0) continue;
        const char *key = restored_name(r, s, from, output);
        const tf_node *target = trace(r, s, n->input.v[0], &target_arg, &ignored);
        if (!target && call && target_arg >= 0 && (size_t)target_arg < call->input.n)
            target = trace(r, outer, call->input.v[target_arg], &arg, &ignored);
        if (key && target) WHET_TRY(add_key(r, target->name, key));
    }
    return WHET_OK;
}

static whet_status map_call(tf_reader *r, const tf_scope *outer, const tf_node *call)
{
    const tf_value *a = tf_node_attr(call, "f");
    const tf_function *f = a && a->func && a->func->name ? tf_function_find(r, a->func->name) : NULL;
    bool restores = false;
    for (size_t i = 0; f && i < f->node.n && !restores; i++) restores = f->node.v[i].op && strcmp(f->node.v[i].op, "RestoreV2") == 0;
    if (!restores) return WHET_OK;
    tf_scope s = {.nodes = &f->node, .function = f};
    whet_status status = tf_nodes_index(&f->node, &s.names);
    for (size_t i = 0; i < f->signature->input.n && status == WHET_OK; i++)
        if (f->signature->input.v[i].name) status = onnx_names_add(&s.args, f->signature->input.v[i].name, (int32_t)i, NULL);
    if (status == WHET_OK) status = map_scope(r, &s, outer, call);
    tf_scope_close(r, &s);
    return status;
}

/* Names of variables -> keys, from the object graphs of the file and the checkpoint. */
static whet_status map_objects(tf_reader *r, onnx_names *names)
{
    const whet_tfbundle_entry *e = whet_tfbundle_find(r->bundle, "_CHECKPOINTABLE_OBJECT_GRAPH");
    const tf_objects *objects = r->meta->objects;
    tf_tracks *tracks = whet_arena_alloc(r->arena, sizeof(*tracks));
    const uint8_t *text = NULL;
    size_t size = 0;
    if (!tracks) return WHET_ENOMEM;
    if (!e) return WHET_OK;
    WHET_TRY(whet_tfbundle_string(r->bundle, e, 0, &text, &size));
    WHET_TRY(whet_pb_decode(&tf_tracks_message, text, size, r->file, r->arena, tracks));
    for (size_t i = 0; i < tracks->node.n; i++) {
        const tf_track *t = &tracks->node.v[i];
        const tf_object_variable *v = objects && i < objects->node.n ? objects->node.v[i].variable : NULL;
        for (size_t k = 0; k < t->attribute.n; k++) {
            const tf_track_attr *a = &t->attribute.v[k];
            const char *name = v && v->name ? v->name : a->full_name;
            const whet_tfbundle_entry *found = a->key ? whet_tfbundle_find(r->bundle, a->key) : NULL;
            if (!found || !name || !a->name || strcmp(a->name, "VARIABLE_VALUE") != 0) continue;
            WHET_TRY(onnx_names_add(names, name, (int32_t)(found - whet_tfbundle_at(r->bundle, 0)), NULL));
        }
    }
    return WHET_OK;
}

static const char *shared_name(tf_reader *r, const tf_node *n)
{
    const tf_value *a = tf_node_attr(n, "shared_name");
    if (!a || a->s.size == 0 || !whet_utf8_valid(a->s.data, a->s.size)) return n->name;
    return whet_arena_strndup(r->arena, (const char *)a->s.data, a->s.size);
}

static whet_status map_rest(tf_reader *r)
{
    onnx_names names = {NULL, 0, 0};
    bool asked = false;
    whet_status status = WHET_OK;
    for (size_t i = 0; i < r->graph->node.n; i++) {
        const tf_node *n = &r->graph->node.v[i];
        if (!n->op || (strcmp(n->op, "VarHandleOp") != 0 && strcmp(n->op, "VariableV2") != 0 && strcmp(n->op, "Variable") != 0)) continue;
        if (onnx_names_get(&r->keys, n->name, -1) >= 0) continue;
        if (!asked) WHET_GOTO(map_objects(r, &names));
        asked = true;
        const char *name = shared_name(r, n);
        if (!name) WHET_GOTO(WHET_ENOMEM);
        const int32_t at = onnx_names_get(&names, name, -1);
        WHET_GOTO(add_key(r, n->name, at >= 0 ? whet_tfbundle_at(r->bundle, at)->name : name));
    }
done:
    onnx_names_dispose(&names);
    return status;
}

whet_status tf_variables_map(tf_reader *r)
{
    tf_scope s = {.nodes = &r->graph->node};
    whet_status status = tf_nodes_index(&r->graph->node, &s.names);
    if (status == WHET_OK) status = map_scope(r, &s, NULL, NULL);
    for (size_t i = 0; i < r->graph->node.n && status == WHET_OK; i++)
        if (strstr(r->graph->node.v[i].op, "PartitionedCall")) status = map_call(r, &s, &r->graph->node.v[i]);
    tf_scope_close(r, &s);
    return status == WHET_OK ? map_rest(r) : status;
}

whet_status tf_variable_load(tf_reader *r, tf_work *w, tf_val **out)
{
    whet_shape s = {.rank = 0};
    if (!r->bundle)
        return tf_fail(w, WHET_EUNSUPPORTED, r->meta ? "the folder holds no checkpoint (variables/variables.index) for this variable" :
                       "a variable has no contents in a graph file; freeze the graph, or give the SavedModel's folder");
    const int32_t at = onnx_names_get(&r->keys, w->node->name, -1);
    const char *key = at >= 0 ? r->key[at] : w->node->name;
    const whet_tfbundle_entry *e = whet_tfbundle_find(r->bundle, key);
    if (!e) return tf_fail(w, WHET_EFORMAT, "the checkpoint has no entry '%.200s'", key);
    const whet_dtype t = tf_dtype(e->dtype);
    if (e->sliced) return tf_fail(w, WHET_EUNSUPPORTED, "is saved in parts; save it again without partitions");
    if (t == WHET_DTYPE_NONE) return tf_fail(w, WHET_EUNSUPPORTED, "contents of type %s are not handled", tf_dtype_name(e->dtype));
    WHET_TRY(whet_tfbundle_check(r->bundle, e));
    s = whet_shape_of(e->rank, e->dims);
    *out = tf_val_new(r, TF_VAL_TENSOR);
    if (!*out) return WHET_ENOMEM;
    (*out)->lazy = true;
    (*out)->name = w->name;
    return tf_tensor_wrap(e->data, t, &s, r->pin ? r->bundle_pin : NULL, &(*out)->data);
}
