/* SPDX-License-Identifier: Apache-2.0 */
/* Takes some files out of a ZIP archive by libarchive. The minimal build has no libarchive and says so. */
#include <string.h>

#include "backend/unpack.h"
#include "base/io.h"
#include "base/mem.h"

#ifdef WHET_MINIMAL
whet_status whet_unpack_folder(const char *path, const char *folder, const char *part, const char *dir)
{
    (void)folder;
    (void)part;
    return WHET_FAIL(WHET_EUNSUPPORTED, "the minimal build cannot unpack '%s': unpack its libraries into '%s' by hand (unzip -j)",
                     whet_path_base(path), dir);
}
#else
#include <archive.h>
#include <archive_entry.h>

enum { CHUNK = 1 << 16 };
static const uint64_t max_bytes = (uint64_t)4 << 30; /* of one library */

static whet_status copy_entry(struct archive *a, const char *path)
{
    whet_writer *w = NULL;
    uint64_t total = 0;
    char *chunk = whet_alloc(CHUNK);
    if (chunk == NULL) return WHET_ENOMEM;
    whet_status status = whet_writer_open(&w, path);
    while (status == WHET_OK) {
        const la_ssize_t n = archive_read_data(a, chunk, CHUNK);
        if (n < 0) status = WHET_FAIL(WHET_EFORMAT, "the archive is damaged: %s", archive_error_string(a));
        if (n <= 0) break;
        total += (uint64_t)n;
        if (total > max_bytes) status = WHET_FAIL(WHET_ENOMEM, "a file in the archive has over 4 GiB");
        if (status == WHET_OK) status = whet_writer_write(w, chunk, (size_t)n);
    }
    whet_free(chunk);
    if (status == WHET_OK) return whet_writer_commit(w);
    whet_writer_abort(w);
    return status;
}

/* The file's own name, or NULL if it is not one of those wanted. */
static const char *wanted(const char *name, const char *folder, const char *part)
{
    const size_t n = strlen(folder);
    if (name == NULL || strncmp(name, folder, n) != 0) return NULL;
    name += n;
    return *name != '\0' && strchr(name, '/') == NULL && strstr(name, part) != NULL && whet_path_is_inside(name) ? name : NULL;
}

whet_status whet_unpack_folder(const char *path, const char *folder, const char *part, const char *dir)
{
    whet_status status = WHET_OK;
    struct archive_entry *e = NULL;
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
        const char *name = wanted(archive_entry_pathname(e), folder, part);
        if (name == NULL) continue;
        char *to = whet_path_join(dir, name);
        status = to != NULL ? copy_entry(a, to) : WHET_ENOMEM;
        whet_free(to);
    }
    archive_read_free(a);
    if (status != WHET_OK) whet_error_at_file(path);
    return status;
}
#endif
