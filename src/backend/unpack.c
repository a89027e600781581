/* SPDX-License-Identifier: Apache-2.0 */
/* Takes some files out of a ZIP archive by libarchive. The minimal build has no libarchive and says so. The caller renames the
 * folder when it is complete, so files are written plainly and reach the disk together at the end. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backend/unpack.h"
#include "base/cancel.h"
#include "base/io.h"
#include "base/mem.h"

#ifdef WHET_MINIMAL
whet_status whet_unpack(const char *path, const char *dir, whet_unpack_fn wanted, void *arg)
{
    (void)wanted;
    (void)arg;
    return WHET_FAIL(WHET_EUNSUPPORTED, "the minimal build cannot unpack '%s': unpack its libraries into '%s' by hand (unzip -j)",
                     whet_path_base(path), dir);
}
#else
#include <archive.h>
#include <archive_entry.h>

enum { CHUNK = 1 << 18 };
static const uint64_t max_bytes = (uint64_t)4 << 30; /* of one file */
static const int max_files = 20000;

static whet_status write_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        const ssize_t k = write(fd, data, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return WHET_FAIL(WHET_EIO, "an unpacked file cannot be written: %s", strerror(errno));
        data += k;
        n -= (size_t)k;
    }
    return WHET_OK;
}

static whet_status copy_data(struct archive *a, int fd)
{
    uint64_t total = 0;
    whet_status status = WHET_OK;
    char *chunk = whet_alloc(CHUNK);
    if (chunk == NULL) return WHET_ENOMEM;
    while (status == WHET_OK) {
        const la_ssize_t n = archive_read_data(a, chunk, CHUNK);
        if (n < 0) status = WHET_FAIL(WHET_EFORMAT, "the archive is damaged: %s", archive_error_string(a));
        if (n <= 0) break;
        total += (uint64_t)n;
        if (total > max_bytes) status = WHET_FAIL(WHET_ENOMEM, "a file in the archive has over 4 GiB");
        if (status == WHET_OK && whet_cancelled()) status = WHET_FAIL(WHET_ECANCELLED, "interrupted; nothing was installed");
        if (status == WHET_OK) status = write_all(fd, chunk, (size_t)n);
    }
    whet_free(chunk);
    return status;
}

static whet_status copy_entry(struct archive *a, const char *path)
{
    char *parent = whet_strndup(path, (size_t)(whet_path_base(path) - path));
    whet_status status = parent != NULL ? whet_mkdirs(parent) : WHET_ENOMEM;
    whet_free(parent);
    if (status != WHET_OK) return status;
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) return WHET_FAIL(WHET_EIO, "'%s' cannot be made: %s", path, strerror(errno));
    status = copy_data(a, fd);
    if (close(fd) != 0 && status == WHET_OK) status = WHET_FAIL(WHET_EIO, "'%s' cannot be written: %s", path, strerror(errno));
    return status;
}

static whet_status sync_folder(const char *dir)
{
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool ok = fd >= 0 && syncfs(fd) == 0;
    if (fd >= 0) close(fd);
    return ok ? WHET_OK : WHET_FAIL(WHET_EIO, "the unpacked files cannot be written to disk: %s", strerror(errno));
}

whet_status whet_unpack(const char *path, const char *dir, whet_unpack_fn wanted, void *arg)
{
    whet_status status = WHET_OK;
    struct archive_entry *e = NULL;
    int files = 0;
    char rel[1024];
    struct archive *a = archive_read_new();
    if (a == NULL) return WHET_FAIL(WHET_ENOMEM, "out of memory");
    archive_read_support_format_zip(a);
    if (archive_read_open_filename(a, path, CHUNK) != ARCHIVE_OK)
        status = WHET_FAIL(WHET_EFORMAT, "the archive cannot be read: %s", archive_error_string(a));
    while (status == WHET_OK) {
        const int r = archive_read_next_header(a, &e);
        if (r == ARCHIVE_EOF) break;
        if (r < ARCHIVE_WARN) {
            status = WHET_FAIL(WHET_EFORMAT, "the archive is damaged: %s", archive_error_string(a));
            break;
        }
        const char *name = archive_entry_pathname(e);
        if (name == NULL || archive_entry_filetype(e) != AE_IFREG || !wanted(arg, name, rel, sizeof rel)) continue;
        if (!whet_path_is_inside(rel)) status = WHET_FAIL(WHET_EFORMAT, "the archive holds the name '%s', which leads elsewhere", name);
        if (status == WHET_OK && ++files > max_files) status = WHET_FAIL(WHET_EFORMAT, "the archive holds over %d wanted files", max_files);
        char *to = status == WHET_OK ? whet_path_join(dir, rel) : NULL;
        if (status == WHET_OK) status = to != NULL ? copy_entry(a, to) : WHET_ENOMEM;
        whet_free(to);
    }
    archive_read_free(a);
    if (status == WHET_OK) status = sync_folder(dir);
    if (status != WHET_OK) whet_error_at_file(path);
    return status;
}
#endif
