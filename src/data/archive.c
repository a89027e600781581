/* SPDX-License-Identifier: Apache-2.0 */
/* Archives, and image archives as data sets. Unpacking sixty thousand small files is slow and litters the disk, so an
 * image archive is unpacked once into a single plain tar file in the user's cache folder, named by the archive's SHA-256,
 * which is then mapped: opening it again takes milliseconds. Tar layout: POSIX.1-1988 "ustar". */
#include "data/archive.h"

#include <string.h>

#include "base/cancel.h"
#include "base/hash.h"
#include "base/log.h"
#include "data/dataset_impl.h"

enum { BLOCK = 512, MAX_PICTURE = 64 << 20, MAX_ENTRIES = 1 << 24 };

#ifdef WHET_MINIMAL

whet_status whet_archive_each(const char *path, size_t max_file, whet_archive_fn fn, void *arg)
{
    (void)max_file;
    (void)fn;
    (void)arg;
    return WHET_FAIL(WHET_EUNSUPPORTED, "archives are not in the minimal build, unpack '%s' and name the folder", path);
}

#else
#include <archive.h>
#include <archive_entry.h>

static whet_status archive_failed(struct archive *a, const char *path)
{
    whet_fail(WHET_EFORMAT, "archive is damaged: %s", archive_error_string(a) ? archive_error_string(a) : "unknown reason");
    whet_error_at_file(path);
    whet_error_at_offset(archive_filter_bytes(a, -1));
    return WHET_EFORMAT;
}

static whet_status read_entry(struct archive *a, struct archive_entry *e, const char *path, size_t max_file, uint8_t **buf,
                              size_t *cap, size_t *size)
{
    int64_t stated = archive_entry_size(e);
    la_ssize_t got = 0;

    if (stated < 0 || (uint64_t)stated > max_file) {
        whet_fail(WHET_EFORMAT, "'%s' states %lld bytes, the limit is %zu", archive_entry_pathname(e), (long long)stated,
                  max_file);
        whet_error_at_file(path);
        return WHET_EFORMAT;
    }
    *size = (size_t)stated;
    if (*size > *cap) {
        uint8_t *bigger = whet_realloc(*buf, *size, 1);
        if (!bigger) return WHET_ENOMEM;
        *buf = bigger;
        *cap = *size;
    }
    if (*size == 0) return WHET_OK;
    got = archive_read_data(a, *buf, *size);
    if (got < 0 || (size_t)got != *size) return archive_failed(a, path);
    return WHET_OK;
}

whet_status whet_archive_each(const char *path, size_t max_file, whet_archive_fn fn, void *arg)
{
    struct archive *a = archive_read_new();
    struct archive_entry *e = NULL;
    uint8_t *buf = NULL;
    size_t cap = 0, size = 0, n = 0;
    int rc = 0;
    whet_status status = WHET_OK;

    if (!a) return WHET_FAIL(WHET_ENOMEM, "no memory to read archives");
    archive_read_support_filter_all(a);
    archive_read_support_format_tar(a);
    archive_read_support_format_zip(a);
    if (!whet_file_exists(path)) {
        status = WHET_FAIL(WHET_ENOTFOUND, "no such archive");
        whet_error_at_file(path);
        goto done;
    }
    buf = whet_alloc(1 << 16);
    cap = 1 << 16;
    if (!buf) {
        status = WHET_ENOMEM;
        goto done;
    }
    if (archive_read_open_filename(a, path, 1 << 16) != ARCHIVE_OK) {
        status = archive_failed(a, path);
        goto done;
    }
    while ((rc = archive_read_next_header(a, &e)) == ARCHIVE_OK || rc == ARCHIVE_WARN) {
        const char *name = archive_entry_pathname(e);
        if (name && strncmp(name, "./", 2) == 0) name += 2;
        if (archive_entry_filetype(e) == AE_IFDIR) continue;
        if (whet_cancelled()) {
            status = WHET_FAIL(WHET_ECANCELLED, "interrupted while reading an archive");
            goto done;
        }
        if (!name || !whet_path_is_inside(name) || archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) ||
            ++n > MAX_ENTRIES) {
            status = WHET_FAIL(WHET_EFORMAT, "archive entry '%s' is no plain file inside its folder", name ? name : "?");
            whet_error_at_file(path);
            goto done;
        }
        WHET_GOTO(read_entry(a, e, path, max_file, &buf, &cap, &size));
        WHET_GOTO(fn(arg, name, buf, size));
    }
    if (rc != ARCHIVE_EOF) status = archive_failed(a, path);
done:
    archive_read_free(a);
    whet_free(buf);
    return status;
}
#endif

/* --- the plain tar in the cache */

static void put_octal(char *to, size_t digits, uint64_t v)
{
    for (size_t i = digits; i > 0; i--, v /= 8) to[i - 1] = (char)('0' + v % 8);
}

static whet_status add_to_tar(void *arg, const char *name, const uint8_t *data, size_t size)
{
    static const uint8_t zeros[BLOCK];
    whet_writer *w = arg;
    char head[BLOCK] = {0};
    unsigned sum = 0;

    if (!whet_is_picture_name(name)) return WHET_OK;
    if (strlen(name) >= 100) return WHET_FAIL(WHET_EUNSUPPORTED, "archive entry '%s' has a name of 100 bytes or more", name);
    memcpy(head, name, strlen(name));
    put_octal(head + 100, 7, 0644);
    put_octal(head + 108, 7, 0);
    put_octal(head + 116, 7, 0);
    put_octal(head + 124, 11, size);
    put_octal(head + 136, 11, 0);
    memset(head + 148, ' ', 8);
    head[156] = '0';
    memcpy(head + 257, "ustar\0" "00", 8);
    for (int i = 0; i < BLOCK; i++) sum += (unsigned char)head[i];
    put_octal(head + 148, 6, sum);
    head[154] = 0;
    WHET_TRY(whet_writer_write(w, head, sizeof head));
    WHET_TRY(whet_writer_write(w, data, size));
    return whet_writer_write(w, zeros, (BLOCK - size % BLOCK) % BLOCK);
}

static whet_status unpack(const char *archive, const char *tar)
{
    static const uint8_t zeros[2 * BLOCK];
    whet_writer *w = NULL;
    whet_status status = whet_writer_open(&w, tar);

    if (status != WHET_OK) return status;
    whet_log(WHET_LOG_INFO, "unpacking %s into the cache, once", archive);
    status = whet_archive_each(archive, MAX_PICTURE, add_to_tar, w);
    if (status == WHET_OK) status = whet_writer_write(w, zeros, sizeof zeros);
    if (status != WHET_OK) {
        whet_writer_abort(w);
        return status;
    }
    return whet_writer_commit(w);
}

static bool get_octal(const uint8_t *p, size_t n, size_t *v)
{
    *v = 0;
    for (size_t i = 0; i < n && p[i] >= '0' && p[i] <= '7'; i++) *v = *v * 8 + (size_t)(p[i] - '0');
    return p[0] >= '0' && p[0] <= '7';
}

static whet_status index_tar(whet_dataset *d, const char *tar, const char *archive)
{
    const uint8_t *data = whet_map_data(d->map);
    size_t size = whet_map_size(d->map), at = 0, n = 0, cap = 0;
    whet_sample *v = NULL;
    whet_status status = WHET_OK;

    while (at + BLOCK <= size && data[at]) {
        const uint8_t *h = data + at;
        size_t bytes = 0;
        char *name = NULL;
        if (memcmp(h + 257, "ustar", 5) != 0 || !get_octal(h + 124, 11, &bytes) || h[99] || bytes > size - at - BLOCK) {
            status = WHET_FAIL(WHET_EFORMAT, "cached archive is damaged, delete it and start again");
            whet_error_at_file(tar);
            whet_error_at_offset((int64_t)at);
            goto done;
        }
        name = whet_arena_strdup(d->arena, (const char *)h);
        if (!name || !WHET_GROW(&v, n, &cap)) {
            status = WHET_ENOMEM;
            goto done;
        }
        v[n++] = (whet_sample){name, h + BLOCK, bytes, -1};
        at += BLOCK + WHET_ALIGN_UP(bytes, BLOCK);
        if (at > size) at = size;
    }
    status = whet_tree_build(d, v, n, 0, archive);
done:
    whet_free(v);
    return status;
}

static bool has_suffix(const char *s, const char *end)
{
    size_t a = strlen(s), b = strlen(end);

    return a > b && strcmp(s + a - b, end) == 0;
}

static char *find_archive(const char *path)
{
    static const char *const ends[] = {".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tar.zst", ".zip"};
    static const char *const known[] = {"cifar10-jpeg.tar.xz"};

    if (whet_file_exists(path) && !whet_dir_exists(path)) {
        for (size_t i = 0; i < WHET_COUNT(ends); i++)
            if (has_suffix(path, ends[i])) return whet_strdup(path);
        return NULL;
    }
    for (size_t i = 0; i < WHET_COUNT(known); i++) {
        char *file = whet_path_join(path, known[i]);
        if (file && whet_file_exists(file)) return file;
        whet_free(file);
    }
    return NULL;
}

bool whet_archive_fits(const char *path)
{
    char *file = find_archive(path);

    whet_free(file);
    return file != NULL;
}

whet_status whet_archive_open(whet_dataset *d, const char *path)
{
    char *archive = find_archive(path), *cache = whet_cache_dir(), *dir = NULL, *tar = NULL;
    whet_status status = WHET_OK;

    dir = cache ? whet_path_join(cache, "archives") : NULL;
    if (!archive || !dir) {
        status = WHET_ENOMEM;
        goto done;
    }
    WHET_GOTO(whet_sha256_file(archive, d->content));
    tar = whet_format("%s/%.24s.tar", dir, d->content);
    if (!tar) {
        status = WHET_ENOMEM;
        goto done;
    }
    if (!whet_file_exists(tar)) {
        WHET_GOTO(whet_mkdirs(dir));
        WHET_GOTO(unpack(archive, tar));
    }
    WHET_GOTO(whet_map_open(&d->map, tar));
    d->kind = WHET_SAMPLE_ENCODED;
    status = index_tar(d, tar, archive);
done:
    whet_free(archive);
    whet_free(cache);
    whet_free(dir);
    whet_free(tar);
    return status;
}
