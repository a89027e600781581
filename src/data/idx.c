/* SPDX-License-Identifier: Apache-2.0 */
/* MNIST's IDX files, plain or gzip. Format (LeCun, Cortes, Burges: "The MNIST database"): two zero bytes, type 0x08
 * (unsigned byte), number of dimensions, big-endian u32 sizes, then the bytes, nothing behind them. Every size is checked
 * against the file and the limits before it is used. */
#include <string.h>
#include <zlib.h>

#include "data/dataset_impl.h"
#include "base/hash.h"

enum { MAX_BYTES = 1 << 30, MAX_SIDE = 4096 };

static whet_status damaged(const char *name, size_t at)
{
    if (name) whet_error_at_file(name);
    whet_error_at_offset((int64_t)at);
    return WHET_EFORMAT;
}

whet_status whet_idx_parse(whet_idx *out, const uint8_t *data, size_t size, const char *name)
{
    size_t want = 1, head = 0;

    memset(out, 0, sizeof *out);
    if (size < 4) {
        whet_fail(WHET_EFORMAT, "IDX file of %zu bytes ends inside its header", size);
        return damaged(name, size);
    }
    if (data[0] || data[1]) {
        whet_fail(WHET_EFORMAT, "not an IDX file: its first two bytes must be 0");
        return damaged(name, 0);
    }
    if (data[2] != 0x08) {
        whet_fail(WHET_EUNSUPPORTED, "IDX type 0x%02x is not handled, only unsigned bytes (0x08)", data[2]);
        damaged(name, 2);
        return WHET_EUNSUPPORTED;
    }
    if (data[3] < 1 || data[3] > 4) {
        whet_fail(WHET_EFORMAT, "IDX file states %d dimensions, 1 to 4 are possible", data[3]);
        return damaged(name, 3);
    }
    head = 4 + 4 * (size_t)data[3];
    if (size < head) {
        whet_fail(WHET_EFORMAT, "IDX file of %zu bytes ends inside its header of %zu", size, head);
        return damaged(name, size);
    }
    for (int i = 0; i < data[3]; i++) {
        const uint8_t *p = data + 4 + 4 * i;
        uint32_t v = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        if (v == 0 || (i > 0 && v > MAX_SIDE) || !whet_mul_size(want, v, &want) || want > MAX_BYTES) {
            whet_fail(WHET_EFORMAT, "IDX file states dimension %d as %u, which is empty or beyond the limits", i, v);
            return damaged(name, 4 + 4 * (size_t)i);
        }
        out->dims[i] = v;
    }
    if (size - head != want) {
        whet_fail(WHET_EFORMAT, "IDX file states %zu bytes of data but holds %zu", want, size - head);
        return damaged(name, WHET_MIN(size, head + want));
    }
    out->rank = data[3];
    out->data = data + head;
    out->bytes = want;
    return WHET_OK;
}

whet_status whet_gunzip(uint8_t **out, size_t *size, const uint8_t *data, size_t n, size_t limit, const char *name)
{
    z_stream z;
    size_t cap = 0;
    int rc = Z_OK;
    whet_status status = WHET_OK;

    *out = NULL;
    *size = 0;
    memset(&z, 0, sizeof z);
    if (n > UINT32_MAX) return WHET_FAIL(WHET_EUNSUPPORTED, "gzip file of more than 4 GiB is not handled");
    if (inflateInit2(&z, 15 + 16) != Z_OK) return WHET_FAIL(WHET_ENOMEM, "no memory to unpack gzip");
    z.next_in = (Bytef *)(uintptr_t)data; /* zlib does not write there */
    z.avail_in = (uInt)n;
    while (rc == Z_OK) {
        if (*size == cap) {
            uint8_t *bigger = NULL;
            cap = cap ? cap * 2 : WHET_MIN(n * 4 + 4096, limit + 1);
            cap = WHET_MIN(cap, limit + 1);
            if (*size == cap) break; /* past the limit */
            bigger = whet_realloc(*out, cap, 1);
            if (!bigger) {
                status = WHET_ENOMEM;
                goto done;
            }
            *out = bigger;
        }
        z.next_out = *out + *size;
        z.avail_out = (uInt)WHET_MIN(cap - *size, (size_t)1 << 30);
        rc = inflate(&z, Z_NO_FLUSH);
        *size = (size_t)(z.next_out - *out);
        if (rc == Z_BUF_ERROR && z.avail_in > 0) rc = Z_OK;
        if (*size > limit) break;
    }
    if (*size > limit) {
        whet_fail(WHET_EFORMAT, "gzip file unpacks to more than %zu bytes", limit);
        status = damaged(name, n - z.avail_in);
    } else if (rc != Z_STREAM_END) {
        whet_fail(WHET_EFORMAT, "gzip file is %s", z.avail_in == 0 ? "cut short" : "damaged");
        status = damaged(name, n - z.avail_in);
    }
done:
    inflateEnd(&z);
    if (status != WHET_OK) {
        whet_free(*out);
        *out = NULL;
    }
    return status;
}

whet_status whet_read_maybe_gz(uint8_t **out, size_t *size, const char *path, size_t limit)
{
    char *gz = NULL;
    uint8_t *packed = NULL;
    size_t n = 0;
    const char *from = path;
    whet_status status = WHET_OK;

    *out = NULL;
    if (!whet_file_exists(path)) {
        gz = whet_format("%s.gz", path);
        if (!gz) return WHET_ENOMEM;
        if (whet_file_exists(gz)) from = gz;
    }
    WHET_GOTO(whet_file_read(&packed, &n, from, limit));
    if (n >= 2 && packed[0] == 0x1f && packed[1] == 0x8b) {
        WHET_GOTO(whet_gunzip(out, size, packed, n, limit, from));
    } else {
        *out = packed;
        *size = n;
        packed = NULL;
    }
done:
    whet_free(packed);
    whet_free(gz);
    return status;
}

static const char *const stems[2][2] = {{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
                                        {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}};

static bool has_idx(const char *dir, const char *stem)
{
    char *plain = whet_path_join(dir, stem), *gz = whet_format("%s/%s.gz", dir, stem);
    bool yes = plain && gz && (whet_file_exists(plain) || whet_file_exists(gz));

    whet_free(plain);
    whet_free(gz);
    return yes;
}

bool whet_idx_fits(const char *path)
{
    return whet_dir_exists(path) && (has_idx(path, stems[0][0]) || has_idx(path, stems[1][0]));
}

struct pair { uint8_t *images, *labels; size_t images_size, labels_size; whet_idx x, y; };

static whet_status read_pair(struct pair *p, const char *dir, int which)
{
    char *images = whet_path_join(dir, stems[which][0]), *labels = whet_path_join(dir, stems[which][1]);
    whet_status status = WHET_OK;

    if (!images || !labels) {
        status = WHET_ENOMEM;
        goto done;
    }
    WHET_GOTO(whet_read_maybe_gz(&p->images, &p->images_size, images, MAX_BYTES));
    WHET_GOTO(whet_idx_parse(&p->x, p->images, p->images_size, images));
    WHET_GOTO(whet_read_maybe_gz(&p->labels, &p->labels_size, labels, MAX_BYTES));
    WHET_GOTO(whet_idx_parse(&p->y, p->labels, p->labels_size, labels));
    if (p->x.rank != 3 || p->y.rank != 1) {
        status = WHET_FAIL(WHET_EFORMAT, "pictures need 3 dimensions and labels 1, found %d and %d", p->x.rank, p->y.rank);
        whet_error_at_file(images);
    } else if (p->x.dims[0] != p->y.dims[0]) {
        status = WHET_FAIL(WHET_EFORMAT, "%u pictures but %u labels", p->x.dims[0], p->y.dims[0]);
        whet_error_at_file(labels);
    }
done:
    whet_free(images);
    whet_free(labels);
    return status;
}

static whet_status take_pair(whet_dataset *d, whet_samples *s, const struct pair *p, uint8_t *block)
{
    size_t one = (size_t)p->x.dims[1] * p->x.dims[2];

    memcpy(block, p->x.data, p->x.bytes);
    for (uint32_t i = 0; i < p->x.dims[0]; i++) {
        whet_sample sample = {NULL, block + i * one, one, p->y.data[i]};
        WHET_TRY(whet_samples_add(s, &sample));
        if (p->y.data[i] >= d->n_classes) d->n_classes = p->y.data[i] + 1;
    }
    s->own = true;
    return WHET_OK;
}

static whet_status name_classes(whet_dataset *d)
{
    int n = d->n_classes;

    d->n_classes = 0;
    for (int i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        WHET_TRY(whet_dataset_add_class(d, name));
    }
    return WHET_OK;
}

whet_status whet_idx_open(whet_dataset *d, const char *path)
{
    struct pair p[2];
    whet_sha256 sha;
    size_t at = 0;
    bool have[2] = {has_idx(path, stems[0][0]), has_idx(path, stems[1][0])};
    static const whet_split where[2] = {WHET_SPLIT_TRAIN, WHET_SPLIT_TEST};
    whet_status status = WHET_OK;

    memset(p, 0, sizeof p);
    whet_sha256_init(&sha);
    for (int i = 0; i < 2; i++)
        if (have[i]) WHET_GOTO(read_pair(&p[i], path, i));
    if (have[0] && have[1] && (p[0].x.dims[1] != p[1].x.dims[1] || p[0].x.dims[2] != p[1].x.dims[2])) {
        status = WHET_FAIL(WHET_EFORMAT, "training pictures are %ux%u, test pictures %ux%u", p[0].x.dims[1], p[0].x.dims[2],
                           p[1].x.dims[1], p[1].x.dims[2]);
        whet_error_at_file(path);
        goto done;
    }
    d->kind = WHET_SAMPLE_RAW;
    d->raw_channels = 1;
    d->block = whet_alloc(p[0].x.bytes + p[1].x.bytes);
    if (!d->block) {
        status = WHET_ENOMEM;
        goto done;
    }
    for (int i = 0; i < 2; i++) {
        if (!have[i]) continue;
        d->raw_height = (int)p[i].x.dims[1];
        d->raw_width = (int)p[i].x.dims[2];
        WHET_GOTO(take_pair(d, &d->split[where[i]], &p[i], d->block + at));
        at += p[i].x.bytes;
        whet_sha256_add(&sha, p[i].x.data, p[i].x.bytes);
        whet_sha256_add(&sha, p[i].y.data, p[i].y.bytes);
    }
    whet_sha256_hex(&sha, d->content);
    status = name_classes(d);
done:
    for (int i = 0; i < 2; i++) {
        whet_free(p[i].images);
        whet_free(p[i].labels);
    }
    return status;
}
