/* SPDX-License-Identifier: Apache-2.0 */
/* State dicts in the zip form. The pickle is what torch.save would write for an OrderedDict of tensors that own their storages,
 * without hooks, so that every version from 1.6 on loads it, also with weights_only. Source: torch/serialization.py (_save),
 * torch/_tensor.py (_reduce_ex_internal). */
#include <stdio.h>

#include "base/mem.h"
#include "formats/pytorch/state_dict.h"
#include "formats/pytorch/state_dict_private.h"
#include "wire/json.h"
#include "wire/pickle_write.h"
#include "wire/zip_write.h"

#define TOP "archive/"

/* ('storage', torch.FloatStorage, '0', 'cpu', 64) as a persistent id. Types that have no storage of their own lie in bytes. */
static void put_storage(whet_pickle_writer *p, const whet_tensor *t, size_t index)
{
    const char *storage = torch_storage_name(t->dtype);
    char key[24];
    snprintf(key, sizeof(key), "%zu", index);
    whet_pickle_mark(p);
    whet_pickle_put_word(p, "storage");
    if (storage) whet_pickle_put_global(p, "torch", storage);
    else whet_pickle_put_global(p, "torch.storage", "UntypedStorage");
    whet_pickle_put_text(p, key);
    whet_pickle_put_word(p, "cpu");
    whet_pickle_put_int(p, storage ? whet_tensor_numel(t) : (int64_t)whet_tensor_bytes(t));
    whet_pickle_tuple(p);
    whet_pickle_persistent(p);
}

static void put_ordered_dict(whet_pickle_writer *p)
{
    whet_pickle_put_global(p, "collections", "OrderedDict");
    whet_pickle_empty_tuple(p);
    whet_pickle_reduce(p);
}

static whet_status put_tensor(whet_pickle_writer *p, const whet_tensor *t, size_t index, const char *name)
{
    int64_t strides[WHET_MAX_RANK], step = 1;
    const bool typed = !torch_storage_name(t->dtype);
    if (!torch_dtype_name(t->dtype))
        return WHET_FAIL(WHET_EUNSUPPORTED, "tensor '%.200s' is %s; PyTorch has no such type", name, whet_dtype_name(t->dtype));
    for (int i = t->shape.rank - 1; i >= 0; i--) {
        strides[i] = step;
        step *= WHET_MAX(t->shape.dims[i], 1);
    }
    whet_pickle_put_global(p, "torch._utils", typed ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
    whet_pickle_mark(p);
    put_storage(p, t, index);
    whet_pickle_put_int(p, 0);
    whet_pickle_put_ints(p, t->shape.rank, t->shape.dims);
    whet_pickle_put_ints(p, t->shape.rank, strides);
    whet_pickle_put_bool(p, false);
    put_ordered_dict(p);
    if (typed) whet_pickle_put_global(p, "torch", torch_dtype_name(t->dtype));
    whet_pickle_tuple(p);
    whet_pickle_reduce(p);
    return WHET_OK;
}

static whet_status make_pickle(const whet_weights *w, whet_strbuf *out)
{
    whet_pickle_writer p;
    whet_pickle_begin(&p, out);
    put_ordered_dict(&p);
    whet_pickle_mark(&p);
    for (size_t i = 0; i < w->n; i++) {
        whet_pickle_put_text(&p, w->names[i]);
        WHET_TRY(put_tensor(&p, &w->tensors[i], i, w->names[i]));
    }
    whet_pickle_setitems(&p);
    whet_pickle_end(&p);
    return out->failed ? WHET_ENOMEM : WHET_OK;
}

static whet_status add_metadata(const whet_weights *w, whet_zip_writer *z)
{
    json_t *o = json_object();
    for (size_t i = 0; i < w->n_meta; i++) json_object_set_new(o, w->meta[2 * i], json_string(w->meta[2 * i + 1]));
    char *text = w->n_meta ? whet_json_text(o, 0) : NULL;
    json_decref(o);
    if (w->n_meta && !text) return WHET_ENOMEM;
    const whet_status status = text ? whet_zip_writer_add(z, TOP STATE_DICT_META, text, strlen(text)) : WHET_OK;
    whet_free(text);
    return status;
}

static whet_status write_all(const whet_weights *w, const whet_strbuf *pickle, whet_zip_writer *z)
{
    char name[48];
    WHET_TRY(whet_zip_writer_add(z, TOP "data.pkl", pickle->data, pickle->len));
    WHET_TRY(whet_zip_writer_add(z, TOP "byteorder", "little", 6));
    WHET_TRY(add_metadata(w, z));
    for (size_t i = 0; i < w->n; i++) {
        snprintf(name, sizeof(name), TOP "data/%zu", i);
        WHET_TRY(whet_zip_writer_add(z, name, w->tensors[i].data, whet_tensor_bytes(&w->tensors[i])));
    }
    return whet_zip_writer_add(z, TOP "version", "3\n", 2);
}

whet_status whet_state_dict_write_weights(const whet_weights *w, const char *path)
{
    whet_zip_writer *z = NULL;
    whet_strbuf pickle;
    whet_status status = WHET_OK;
    whet_strbuf_init(&pickle);
    WHET_GOTO(make_pickle(w, &pickle));
    WHET_GOTO(whet_zip_writer_open(&z, path));
    status = write_all(w, &pickle, z);
    if (status == WHET_OK) status = whet_zip_writer_commit(z);
    else whet_zip_writer_abort(z);
done:
    whet_strbuf_dispose(&pickle);
    return status;
}
