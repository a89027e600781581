/* SPDX-License-Identifier: Apache-2.0 */
/* Batches, made on worker threads ahead of the consumer. A ring of slots holds batches b, b+1, ...; workers take samples in
 * order (a few at a time, so that one large batch is shared), the consumer takes whole batches in order. Order and every
 * random choice are keyed by (seed, epoch, sample), so the number of workers never matters. Slots are allocated once;
 * with the cache on, nothing is allocated after the first epoch.
 *
 * A broken picture: in a shuffled loader (training) the next sample that can be read takes its place, so that batches stay
 * full; otherwise it is left out of its batch. With the set's `strict` it ends the epoch with its error. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "data/augment.h"
#include "data/dataset.h"

enum { CHUNK = 8, MAX_TRIES = 64, CACHE_LIMIT = 1 << 30, ORDER_STREAM = 0x4f524445, AUG_STREAM = 0x41554731 };

enum slot_state { SLOT_FREE, SLOT_FILLING, SLOT_READY, SLOT_HELD };

struct slot {
    enum slot_state state;
    int batch, n, taken, done; /* samples: in it, handed to workers, finished */
    float *x;
    int64_t *y;
    int *index;
    bool *bad;
};

struct whet_loader {
    whet_dataset *d;
    whet_split split;
    whet_loader_options o;
    whet_contract contract; /* own copy */
    size_t sample;          /* floats of one */
    int n, n_batches, n_slots;
    struct slot *slots;
    uint32_t *order;
    whet_image *cache;      /* per sample, data NULL until read; written only by the worker that has the sample */
    uint8_t *broken;        /* per sample, likewise */
    atomic_size_t cached;
    float fill[WHET_MAX_CHANNELS];

    pthread_mutex_t lock;
    pthread_cond_t work, ready;
    pthread_t *threads;
    int n_threads, running; /* workers outside the lock */
    bool stop, active;
    int epoch, next_batch, next_out;
    whet_status status;
    char error[512];
};

void whet_loader_options_init(whet_loader_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
    o->batch = 1;
    o->workers = 1;
    o->prefetch = 3;
    o->cache = true;
}

/* The picture of sample i: from the cache, or read into *own (which the caller disposes of) and perhaps kept. */
static whet_status get_image(whet_loader *l, int i, whet_image *own, const whet_image **img)
{
    whet_status status = WHET_OK;
    size_t bytes = 0;

    if (l->cache && l->cache[i].data) {
        *img = &l->cache[i];
        return WHET_OK;
    }
    status = whet_dataset_image(l->d, l->split, i, own, NULL);
    if (status != WHET_OK) return status;
    *img = own;
    if (!l->cache) return WHET_OK;
    bytes = (size_t)own->width * (size_t)own->height * (size_t)own->channels;
    if (atomic_fetch_add(&l->cached, bytes) + bytes > CACHE_LIMIT) {
        atomic_fetch_sub(&l->cached, bytes);
        return WHET_OK;
    }
    l->cache[i] = *own;
    memset(own, 0, sizeof *own);
    *img = &l->cache[i];
    return WHET_OK;
}

static whet_status fill_sample(whet_loader *l, int i, int epoch, float *dst, float *scratch)
{
    const whet_loader_options *o = &l->o;
    bool augment = whet_augment_any(&o->augment);
    const whet_image *img = NULL;
    whet_image own = {0};
    whet_status status = get_image(l, i, &own, &img);

    if (status == WHET_OK)
        status = whet_contract_apply(&l->contract, img, o->channels, o->height, o->width, augment ? scratch : dst);
    if (status == WHET_OK && augment) {
        whet_rng r = whet_rng_at(whet_rng_mix(o->seed, AUG_STREAM + (uint64_t)(unsigned)epoch), (uint64_t)(unsigned)i);
        whet_augment_apply(&o->augment, &r, scratch, dst, o->channels, o->height, o->width, l->contract.nhwc, l->fill);
    }
    whet_image_dispose(&own);
    return status;
}

/* Fills place k of the slot. An error that must stop the epoch is returned; a broken picture is not one. */
static whet_status fill_place(whet_loader *l, struct slot *s, int k, int epoch, float *scratch)
{
    int first = (int)l->order[(size_t)s->batch * (size_t)l->o.batch + (size_t)k], i = first;

    s->bad[k] = false;
    for (int tries = 0; tries < MAX_TRIES; tries++) {
        whet_status status = WHET_OK;
        if (!__atomic_load_n(&l->broken[i], __ATOMIC_RELAXED)) {
            status = fill_sample(l, i, epoch, s->x + (size_t)k * l->sample, scratch);
            if (status == WHET_OK) {
                s->y[k] = whet_dataset_label(l->d, l->split, i);
                s->index[k] = i;
                return WHET_OK;
            }
            if (whet_dataset_strict(l->d) || status == WHET_ENOMEM || status == WHET_ESHAPE) return status;
            __atomic_store_n(&l->broken[i], 1, __ATOMIC_RELAXED);
        }
        if (!l->o.shuffle) break;
        i = (i + 1) % l->n;
    }
    if (l->o.shuffle) return WHET_FAIL(WHET_EFORMAT, "%d pictures in a row cannot be read", MAX_TRIES);
    s->bad[k] = true;
    s->index[k] = first;
    s->y[k] = -1;
    return WHET_OK;
}

/* With the lock held: the slot that has work, or NULL. */
static struct slot *find_work(whet_loader *l)
{
    struct slot *s = NULL;

    if (!l->active || l->next_batch >= l->n_batches) return NULL;
    s = &l->slots[l->next_batch % l->n_slots];
    if (s->state == SLOT_FREE) {
        size_t at = (size_t)l->next_batch * (size_t)l->o.batch;
        s->state = SLOT_FILLING;
        s->batch = l->next_batch;
        s->n = (int)WHET_MIN((size_t)l->o.batch, (size_t)l->n - at);
        s->taken = s->done = 0;
    }
    return s->state == SLOT_FILLING && s->batch == l->next_batch ? s : NULL;
}

static void note_error(whet_loader *l, whet_status status)
{
    if (l->status == WHET_OK) {
        l->status = status;
        snprintf(l->error, sizeof l->error, "%s", whet_error_message());
    }
    l->active = false;
}

static void *work(void *arg)
{
    whet_loader *l = arg;
    float *scratch = whet_alloc_aligned(l->sample * sizeof *scratch, 64);

    pthread_mutex_lock(&l->lock);
    if (!scratch) note_error(l, WHET_ENOMEM);
    while (!l->stop) {
        struct slot *s = find_work(l);
        int from = 0, to = 0, epoch = l->epoch;
        whet_status status = WHET_OK;
        if (!s) {
            pthread_cond_wait(&l->work, &l->lock);
            continue;
        }
        from = s->taken;
        to = WHET_MIN(from + CHUNK, s->n);
        s->taken = to;
        if (to == s->n) l->next_batch++;
        l->running++;
        pthread_cond_broadcast(&l->work); /* the rest of this batch, or the next one */
        pthread_mutex_unlock(&l->lock);
        for (int k = from; k < to && status == WHET_OK; k++) status = fill_place(l, s, k, epoch, scratch);
        pthread_mutex_lock(&l->lock);
        l->running--;
        if (status != WHET_OK) note_error(l, status);
        s->done += to - from;
        if (s->done == s->n && status == WHET_OK) s->state = SLOT_READY;
        pthread_cond_broadcast(&l->ready);
    }
    pthread_mutex_unlock(&l->lock);
    whet_free_aligned(scratch);
    return NULL;
}

static whet_status make_slots(whet_loader *l)
{
    size_t n = (size_t)l->o.batch, floats = 0, bytes = 0;

    if (!whet_mul_size(n, l->sample, &floats) || !whet_mul_size(floats, sizeof(float), &bytes))
        return WHET_FAIL(WHET_ENOMEM, "a batch of %d is too large", l->o.batch);
    l->slots = whet_calloc((size_t)l->n_slots, sizeof *l->slots);
    if (!l->slots) return WHET_ENOMEM;
    for (int i = 0; i < l->n_slots; i++) {
        struct slot *s = &l->slots[i];
        s->x = whet_alloc_aligned(bytes, 64);
        s->y = whet_calloc(n, sizeof *s->y);
        s->index = whet_calloc(n, sizeof *s->index);
        s->bad = whet_calloc(n, sizeof *s->bad);
        if (!s->x || !s->y || !s->index || !s->bad) return WHET_ENOMEM;
    }
    return WHET_OK;
}

static whet_status check_options(const whet_loader_options *o)
{
    if (!o->contract) return WHET_FAIL(WHET_EINVAL, "a loader needs a preprocessing contract");
    if (o->batch < 1 || o->height < 1 || o->width < 1 || (o->channels != 1 && o->channels != 3))
        return WHET_FAIL(WHET_EINVAL, "a loader cannot make batches of %d pictures of %dx%dx%d", o->batch, o->channels, o->height,
                         o->width);
    return WHET_OK;
}

whet_status whet_loader_create(whet_loader **out, whet_dataset *d, whet_split s, const whet_loader_options *opt)
{
    whet_loader *l = NULL;
    whet_status status = WHET_OK;

    *out = NULL;
    WHET_TRY(check_options(opt));
    l = whet_calloc(1, sizeof *l);
    if (!l) return WHET_ENOMEM;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->work, NULL);
    pthread_cond_init(&l->ready, NULL);
    whet_contract_init(&l->contract);
    l->d = d;
    l->split = s;
    l->o = *opt;
    l->sample = (size_t)opt->channels * (size_t)opt->height * (size_t)opt->width;
    l->n = whet_dataset_count(d, s);
    l->n_batches = opt->drop_last ? l->n / opt->batch : (l->n + opt->batch - 1) / opt->batch;
    l->n_slots = (opt->prefetch > 0 ? opt->prefetch : 3) + 1;
    WHET_GOTO(whet_contract_copy(&l->contract, opt->contract));
    for (int k = 0; k < WHET_MAX_CHANNELS; k++) l->fill[k] = whet_contract_level(&l->contract, 0, k);
    WHET_GOTO(make_slots(l));
    l->order = whet_calloc((size_t)l->n, sizeof *l->order);
    l->broken = whet_calloc((size_t)l->n, sizeof *l->broken);
    if (opt->cache) l->cache = whet_calloc((size_t)l->n, sizeof *l->cache);
    l->threads = whet_calloc((size_t)WHET_MAX(opt->workers, 1), sizeof *l->threads);
    if (!l->order || !l->broken || (opt->cache && !l->cache) || !l->threads) {
        status = WHET_ENOMEM;
        goto done;
    }
    for (int i = 0; i < WHET_MAX(opt->workers, 1); i++) {
        if (pthread_create(&l->threads[i], NULL, work, l) != 0) {
            status = WHET_FAIL(WHET_ERUNTIME, "cannot start a loader thread");
            goto done;
        }
        l->n_threads++;
    }
    *out = l;
    l = NULL;
done:
    whet_loader_free(l);
    return status;
}

void whet_loader_free(whet_loader *l)
{
    if (!l) return;
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < l->n_threads; i++) pthread_join(l->threads[i], NULL);
    for (int i = 0; l->slots && i < l->n_slots; i++) {
        whet_free_aligned(l->slots[i].x);
        whet_free(l->slots[i].y);
        whet_free(l->slots[i].index);
        whet_free(l->slots[i].bad);
    }
    for (int i = 0; l->cache && i < l->n; i++) whet_image_dispose(&l->cache[i]);
    whet_free(l->slots);
    whet_free(l->cache);
    whet_free(l->broken);
    whet_free(l->order);
    whet_free(l->threads);
    whet_contract_dispose(&l->contract);
    pthread_cond_destroy(&l->work);
    pthread_cond_destroy(&l->ready);
    pthread_mutex_destroy(&l->lock);
    whet_free(l);
}

int whet_loader_batches(const whet_loader *l) { return l->n_batches; }

whet_status whet_loader_start(whet_loader *l, int epoch, int first)
{
    if (first < 0 || first > l->n_batches) return WHET_FAIL(WHET_EINVAL, "an epoch has no batch %d", first);
    pthread_mutex_lock(&l->lock);
    l->active = false;
    while (l->running > 0) pthread_cond_wait(&l->ready, &l->lock);
    for (int i = 0; i < l->n_slots; i++) l->slots[i].state = SLOT_FREE;
    for (int i = 0; i < l->n; i++) l->order[i] = (uint32_t)i;
    if (l->o.shuffle)
        whet_rng_shuffle(l->o.seed, whet_rng_mix(ORDER_STREAM, (uint64_t)(unsigned)epoch), l->order, (uint32_t)l->n);
    l->epoch = epoch;
    l->next_batch = l->next_out = first;
    l->status = WHET_OK;
    l->active = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    return WHET_OK;
}

/* Closes the gaps that broken pictures left. */
static int compact(const whet_loader *l, struct slot *s)
{
    int n = 0;

    for (int k = 0; k < s->n; k++) {
        if (s->bad[k]) continue;
        if (n != k) {
            memcpy(s->x + (size_t)n * l->sample, s->x + (size_t)k * l->sample, l->sample * sizeof *s->x);
            s->y[n] = s->y[k];
            s->index[n] = s->index[k];
        }
        n++;
    }
    return n;
}

whet_status whet_loader_next(whet_loader *l, whet_batch *b)
{
    struct slot *s = NULL;

    memset(b, 0, sizeof *b);
    for (;;) {
        pthread_mutex_lock(&l->lock);
        if (l->next_out >= l->n_batches) {
            pthread_mutex_unlock(&l->lock);
            return WHET_OK;
        }
        s = &l->slots[l->next_out % l->n_slots];
        while (l->status == WHET_OK && !(s->state == SLOT_READY && s->batch == l->next_out))
            pthread_cond_wait(&l->ready, &l->lock);
        if (l->status != WHET_OK) {
            pthread_mutex_unlock(&l->lock);
            return WHET_FAIL(l->status, "%s", l->error);
        }
        s->state = SLOT_HELD;
        b->slot = l->next_out++ % l->n_slots;
        pthread_mutex_unlock(&l->lock);
        b->n = compact(l, s);
        b->x = s->x;
        b->y = s->y;
        b->index = s->index;
        if (b->n > 0) return WHET_OK;
        whet_loader_release(l, b); /* all of it was broken */
    }
}

void whet_loader_release(whet_loader *l, const whet_batch *b)
{
    if (!b->x) return;
    pthread_mutex_lock(&l->lock);
    if (l->slots[b->slot].state == SLOT_HELD) l->slots[b->slot].state = SLOT_FREE;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
}
