/* SPDX-License-Identifier: Apache-2.0 */
/* HDF5 files as lists of records, through the worker: what goes in and what comes out are descriptors of the file itself and of
 * anonymous memory, which is mapped afterwards. */
#include "wire/hdf5.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "wire/hdf5_worker.h"

struct whet_hdf5 {
    void *map; /* NULL: somebody else's bytes */
    size_t map_size;
    size_t n, capacity;
    whet_hdf5_item *items;
    const whet_hdf5_item **sorted; /* by path, the object before its attributes, these by name */
};

bool whet_hdf5_detect(const uint8_t *head, size_t n)
{
    return n >= 8 && memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0;
}

/* --- anonymous memory */
static whet_status make_memory(int *fd, const char *name)
{
    *fd = memfd_create(name, MFD_CLOEXEC);
    return *fd >= 0 ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "no anonymous memory for an HDF5 file: %s", strerror(errno));
}

static whet_status write_all(int fd, const void *data, size_t n)
{
    for (size_t done = 0; done < n;) {
        const ssize_t k = write(fd, (const char *)data + done, n - done);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return WHET_FAIL(WHET_ENOMEM, "no anonymous memory for %zu bytes of HDF5: %s", n, strerror(errno));
        done += (size_t)k;
    }
    return WHET_OK;
}

static whet_status map_memory(int fd, void **map, size_t *size)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_size <= 0) return WHET_FAIL(WHET_EFORMAT, "the HDF5 worker wrote nothing");
    *size = (size_t)st.st_size;
    *map = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (*map != MAP_FAILED) return WHET_OK;
    *map = NULL;
    return WHET_FAIL(WHET_ENOMEM, "%zu bytes from the HDF5 worker cannot be mapped", *size);
}

/* --- reading */
static int compare(const whet_hdf5_item *a, const char *path, const char *name)
{
    const int c = strcmp(a->path, path);
    return c != 0 ? c : strcmp(a->name, name);
}

static int by_path(const void *a, const void *b)
{
    const whet_hdf5_item *y = *(const whet_hdf5_item *const *)b;
    return compare(*(const whet_hdf5_item *const *)a, y->path, y->name);
}

static whet_status sort_items(whet_hdf5 *h)
{
    h->sorted = whet_calloc(h->n > 0 ? h->n : 1, sizeof(*h->sorted));
    if (h->sorted == NULL) return WHET_ENOMEM;
    for (size_t i = 0; i < h->n; i++) h->sorted[i] = &h->items[i];
    qsort(h->sorted, h->n, sizeof(*h->sorted), by_path);
    for (size_t i = 1; i < h->n; i++)
        if (by_path(&h->sorted[i - 1], &h->sorted[i]) == 0)
            return WHET_FAIL(WHET_EFORMAT, "'%s' %s stands twice in the HDF5 file", h->sorted[i]->path, h->sorted[i]->name);
    return WHET_OK;
}

static whet_status parse(whet_hdf5 *h, const uint8_t *data, size_t size)
{
    for (size_t at = 0;;) {
        whet_hdf5_item it;
        WHET_TRY(whet_hdf5_next(data, size, &at, &it));
        if (it.kind == WHET_HDF5_END) {
            WHET_TRY(whet_hdf5_check_end(&it, h->n, at, size));
            return sort_items(h);
        }
        if ((it.kind == WHET_HDF5_ATTRIBUTE) != (it.name[0] != '\0'))
            return WHET_FAIL(WHET_EFORMAT, "an attribute without a name, or a name that is none's, at '%s' of the HDF5 file", it.path);
        if (!WHET_GROW(&h->items, h->n, &h->capacity)) return WHET_ENOMEM;
        h->items[h->n++] = it;
    }
}

static whet_status open_parsed(whet_hdf5 **out, void *map, const void *data, size_t size)
{
    whet_hdf5 *h = whet_calloc(1, sizeof *h);
    if (h == NULL) {
        if (map != NULL) munmap(map, size);
        return WHET_ENOMEM;
    }
    h->map = map;
    h->map_size = size;
    const whet_status status = parse(h, data, size);
    if (status != WHET_OK) {
        whet_hdf5_close(h);
        return status;
    }
    *out = h;
    return WHET_OK;
}

static whet_status open_fd(whet_hdf5 **out, int fd, uint64_t bytes)
{
    int stream = -1;
    void *map = NULL;
    size_t size = 0;
    WHET_TRY(make_memory(&stream, "whet-h5-stream"));
    whet_status status = whet_hdf5_worker_run("read", fd, stream, bytes);
    if (status == WHET_OK) status = map_memory(stream, &map, &size);
    close(stream);
    return status == WHET_OK ? open_parsed(out, map, map, size) : status;
}

static whet_status open_file(whet_hdf5 **out, const char *path)
{
    struct stat st;
    whet_status status = WHET_OK;
    uint8_t head[8] = {0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return WHET_FAIL(errno == ENOENT ? WHET_ENOTFOUND : WHET_EIO, "cannot be opened: %s", strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        status = WHET_FAIL(WHET_EIO, "this is no regular file");
    else if (pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head || !whet_hdf5_detect(head, sizeof head))
        status = WHET_FAIL(WHET_EFORMAT, "this is no HDF5 file");
    else
        status = open_fd(out, fd, (uint64_t)st.st_size);
    close(fd);
    return status;
}

whet_status whet_hdf5_open(whet_hdf5 **out, const char *path)
{
    *out = NULL;
    const whet_status status = open_file(out, path);
    if (status != WHET_OK) whet_error_at_file(path);
    return status;
}

whet_status whet_hdf5_open_mem(whet_hdf5 **out, const void *data, size_t size, const char *name)
{
    int fd = -1;
    *out = NULL;
    whet_status status = whet_hdf5_detect(data, size) ? make_memory(&fd, "whet-h5-file") : WHET_FAIL(WHET_EFORMAT, "this is no HDF5 file");
    if (status == WHET_OK) status = write_all(fd, data, size);
    if (status == WHET_OK) status = open_fd(out, fd, size);
    if (fd >= 0) close(fd);
    if (status != WHET_OK) whet_error_at_file(name);
    return status;
}

whet_status whet_hdf5_open_stream(whet_hdf5 **out, const void *data, size_t size, const char *name)
{
    *out = NULL;
    const whet_status status = open_parsed(out, NULL, data, size);
    if (status != WHET_OK) whet_error_at_file(name);
    return status;
}

void whet_hdf5_close(whet_hdf5 *h)
{
    if (h == NULL) return;
    if (h->map != NULL) munmap(h->map, h->map_size);
    whet_free(h->items);
    whet_free(h->sorted);
    whet_free(h);
}

int whet_hdf5_count(const whet_hdf5 *h)
{
    return (int)h->n;
}

const whet_hdf5_item *whet_hdf5_at(const whet_hdf5 *h, int i)
{
    return &h->items[i];
}

const whet_hdf5_item *whet_hdf5_attribute(const whet_hdf5 *h, const char *path, const char *name)
{
    size_t low = 0, high = h->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int c = compare(h->sorted[middle], path, name);
        if (c == 0) return h->sorted[middle];
        if (c < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

const whet_hdf5_item *whet_hdf5_find(const whet_hdf5 *h, const char *path)
{
    return whet_hdf5_attribute(h, path, "");
}

const char *whet_hdf5_next_text(const whet_hdf5_item *it, size_t *at)
{
    if (it == NULL || it->type != 's' || it->bytes - *at < 5 || *at > it->bytes) return NULL;
    const uint8_t *p = (const uint8_t *)it->data + *at;
    *at += 5 + ((size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24);
    return (const char *)p + 4;
}

const char *whet_hdf5_text(const whet_hdf5_item *it, uint64_t i)
{
    size_t at = 0;
    const char *text = whet_hdf5_next_text(it, &at);
    while (text != NULL && i-- > 0) text = whet_hdf5_next_text(it, &at);
    return text;
}

/* --- writing */
struct whet_hdf5_writer {
    int stream, file;
    whet_hdf5_sink sink;
    void *map;
    size_t map_size;
};

static whet_status write_stream(void *arg, const void *data, size_t n)
{
    return write_all(*(const int *)arg, data, n);
}

whet_status whet_hdf5_writer_open(whet_hdf5_writer **out)
{
    whet_hdf5_writer *w = whet_calloc(1, sizeof *w);
    *out = NULL;
    if (w == NULL) return WHET_ENOMEM;
    w->stream = w->file = -1;
    w->sink = (whet_hdf5_sink){.write = write_stream, .arg = &w->stream};
    const whet_status status = make_memory(&w->stream, "whet-h5-stream");
    if (status != WHET_OK) {
        whet_hdf5_writer_free(w);
        return status;
    }
    *out = w;
    return WHET_OK;
}

void whet_hdf5_writer_free(whet_hdf5_writer *w)
{
    if (w == NULL) return;
    if (w->map != NULL) munmap(w->map, w->map_size);
    if (w->stream >= 0) close(w->stream);
    if (w->file >= 0) close(w->file);
    whet_free(w);
}

whet_status whet_hdf5_add_group(whet_hdf5_writer *w, const char *path)
{
    const whet_hdf5_item it = {.kind = WHET_HDF5_GROUP, .path = path, .name = ""};
    return whet_hdf5_put(&w->sink, &it);
}

whet_status whet_hdf5_add_dataset(whet_hdf5_writer *w, const whet_hdf5_item *it)
{
    whet_hdf5_item full = *it;
    uint64_t n = 0;
    full.kind = WHET_HDF5_DATASET;
    full.name = "";
    WHET_TRY(whet_hdf5_elements(it, &n));
    if (__builtin_mul_overflow(n, it->size, &full.bytes)) return WHET_FAIL(WHET_EINVAL, "'%s' is too large", it->path);
    return whet_hdf5_put(&w->sink, &full);
}

static whet_status add_texts(whet_hdf5_writer *w, whet_hdf5_item *it, size_t n, const char *const *texts)
{
    it->kind = WHET_HDF5_ATTRIBUTE;
    it->type = 's';
    for (size_t i = 0; i < n; i++) it->bytes += strlen(texts[i]) + 5;
    WHET_TRY(whet_hdf5_put(&w->sink, it));
    for (size_t i = 0; i < n; i++) {
        const size_t length = strlen(texts[i]);
        const uint8_t head[4] = {(uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16), (uint8_t)(length >> 24)};
        if (length > UINT32_MAX) return WHET_FAIL(WHET_EUNSUPPORTED, "the attribute '%s' is over 4 GB", it->name);
        WHET_TRY(whet_hdf5_put_bytes(&w->sink, head, sizeof head));
        WHET_TRY(whet_hdf5_put_bytes(&w->sink, texts[i], length + 1));
    }
    return WHET_OK;
}

whet_status whet_hdf5_add_text(whet_hdf5_writer *w, const char *path, const char *name, const char *text)
{
    whet_hdf5_item it = {.path = path, .name = name};
    return add_texts(w, &it, 1, &text);
}

whet_status whet_hdf5_add_texts(whet_hdf5_writer *w, const char *path, const char *name, size_t n, const char *const *texts)
{
    whet_hdf5_item it = {.path = path, .name = name, .rank = 1, .dims = {n}};
    return add_texts(w, &it, n, texts);
}

whet_status whet_hdf5_finish(whet_hdf5_writer *w, const uint8_t **data, size_t *size)
{
    WHET_TRY(whet_hdf5_put_end(&w->sink));
    WHET_TRY(make_memory(&w->file, "whet-h5-file"));
    WHET_TRY(whet_hdf5_worker_run("write", w->stream, w->file, w->sink.at));
    WHET_TRY(map_memory(w->file, &w->map, &w->map_size));
    *data = w->map;
    *size = w->map_size;
    return WHET_OK;
}
