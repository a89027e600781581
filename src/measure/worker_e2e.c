/* SPDX-License-Identifier: Apache-2.0 */
/* The region `e2e`: from the picture's bytes to the label. Decode, preprocess by the contract straight into the runtime's own
 * tensor, infer, find the best class (softmax does not change which). Pictures come from the data set, as files or from an
 * archive that is in memory; one at a time, batch 1. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "measure/model_border.h"
#include "measure/worker.h"

enum { MAX_PICTURES = 100000 };

typedef struct job {
    whet_dataset *d;
    whet_split split;
    whet_contract contract;
    int channels, height, width, count;
    whet_dtype takes;
    whet_border border; /* of integers taken */
    float *scratch;     /* then: the picture before it is put into them */
} job;

static whet_status open_job(job *j, const json_t *q)
{
    whet_dataset_options opt;
    const char *data = json_string_value(json_object_get(q, "data")), *contract = json_string_value(json_object_get(q, "contract"));
    if (data == NULL || contract == NULL) return WHET_FAIL(WHET_EINVAL, "the request names no data or contract");
    whet_dataset_options_init(&opt);
    const json_t *opening = json_object_get(q, "opening");
    opt.own_model = opening == NULL || json_is_true(json_object_get(opening, "own_model"));
    opt.val = json_string_value(json_object_get(opening, "val"));
    opt.seed = (uint64_t)json_integer_value(json_object_get(opening, "seed"));
    WHET_TRY(whet_contract_from_json(&j->contract, contract));
    WHET_TRY(whet_dataset_open(&j->d, data, &opt));
    j->split = (whet_split)json_integer_value(json_object_get(q, "split"));
    j->channels = (int)json_integer_value(json_object_get(q, "channels"));
    j->height = (int)json_integer_value(json_object_get(q, "height"));
    j->width = (int)json_integer_value(json_object_get(q, "width"));
    j->count = whet_dataset_count(j->d, j->split);
    if (j->count < 1) return WHET_FAIL(WHET_ENOTFOUND, "the split has no pictures");
    const json_t *border = json_object_get(q, "border");
    j->takes = border != NULL ? whet_dtype_parse(json_string_value(json_object_get(border, "type"))) : WHET_F32;
    if (j->takes == WHET_F32) return WHET_OK;
    j->border = (whet_border){json_number_value(json_object_get(border, "scale")), (int)json_integer_value(json_object_get(border, "zero_point"))};
    j->scratch = whet_calloc((size_t)j->channels * (size_t)j->height * (size_t)j->width, sizeof *j->scratch);
    return j->scratch != NULL ? WHET_OK : WHET_ENOMEM;
}

static whet_status put_picture(const job *j, const whet_image *img, void *to)
{
    float *x = j->scratch != NULL ? j->scratch : to;
    WHET_TRY(whet_contract_apply(&j->contract, img, j->channels, j->height, j->width, x));
    if (j->scratch != NULL) whet_border_put(&j->border, j->takes, x, (size_t)j->channels * (size_t)j->height * (size_t)j->width, to);
    return WHET_OK;
}

static int best_integer(const uint8_t *x, size_t n, int flip)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if ((x[i] ^ flip) > (x[best] ^ flip)) best = i;
    return (int)best;
}

static int best_class(const float *x, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return (int)best;
}

static whet_status one_picture(whet_worker_state *w, const job *j, int i, int *label)
{
    whet_image img = {0};
    void *out = NULL;
    size_t bytes = 0;
    whet_backend_io io;
    whet_status status = whet_dataset_image(j->d, j->split, i % j->count, &img, NULL);
    if (status == WHET_OK) status = put_picture(j, &img, w->in[0]);
    whet_image_dispose(&img);
    WHET_TRY(status);
    WHET_TRY(whet_worker_run_once(w));
    WHET_TRY(whet_backend_status(w->t, w->t->io_map(w->s, 1, 0, &out, &bytes, &io), "reading an output"));
    const whet_dtype gives = whet_dtype_from_onnx(io.dtype);
    *label = gives == WHET_F32 ? best_class(out, bytes / sizeof(float)) : gives == WHET_U8 || gives == WHET_S8 ? best_integer(out, bytes, gives == WHET_S8 ? 128 : 0) : -1;
    w->t->io_unmap(w->s, 1, 0);
    return WHET_OK;
}

static whet_status timed(whet_worker_state *w, const job *j, const json_t *q, json_t *reply)
{
    const json_int_t runs = json_integer_value(json_object_get(q, "runs")), least = json_integer_value(json_object_get(q, "ns"));
    const json_int_t start = json_integer_value(json_object_get(q, "start"));
    whet_status status = WHET_OK;
    uint64_t total = 0, offset = 0;
    int n = 0, label = 0;
    uint64_t *times = whet_calloc(MAX_PICTURES, sizeof *times);
    if (times == NULL) return WHET_ENOMEM;
    for (int k = 0; k < 3; k++) WHET_GOTO(one_picture(w, j, (int)start + k, &label));
    while (n < MAX_PICTURES && (n < runs || total < (uint64_t)least)) {
        const uint64_t t0 = whet_now_ns();
        WHET_GOTO(one_picture(w, j, (int)start + n, &label));
        times[n] = whet_now_ns() - t0;
        total += times[n++];
    }
    WHET_GOTO(whet_worker_put_result(w, times, (size_t)n * sizeof *times, &offset));
    json_object_set_new(reply, "count", json_integer(n));
    json_object_set_new(reply, "offset", json_integer((json_int_t)offset));
done:
    whet_free(times);
    return status;
}

whet_status whet_worker_e2e(whet_worker_state *w, const json_t *q, json_t *reply)
{
    job j;
    memset(&j, 0, sizeof j);
    whet_contract_init(&j.contract);
    whet_status status = open_job(&j, q);
    const size_t need = (size_t)j.channels * (size_t)j.height * (size_t)j.width * whet_dtype_size(j.takes);
    if (status == WHET_OK && (w->n_in != 1 || w->n_out < 1 || w->in_bytes[0] != need))
        status = WHET_FAIL(WHET_ESHAPE, "the model does not take one picture of %dx%d with %d channels", j.height, j.width, j.channels);
    if (status == WHET_OK) status = timed(w, &j, q, reply);
    whet_dataset_close(j.d);
    whet_contract_dispose(&j.contract);
    whet_free(j.scratch);
    return status;
}
