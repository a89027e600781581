/* SPDX-License-Identifier: Apache-2.0 */
/* ZIP archives, read from a mapped file through libzip. What an attacker could put in is refused when the archive is opened,
 * each with its own message: more than WHET_ZIP_MAX_ENTRIES entries, names that lead out of the archive, names that stand
 * twice, encryption, methods other than stored and deflated, entries that would unpack to more than 4 times the file and 64 MB
 * together, or by a factor that deflate cannot reach. Folders are left out. A handle is for one thread.
 * Writing: wire/zip_write.h. Builds with WHET_MINIMAL have neither. */
#ifndef WHET_WIRE_ZIP_H
#define WHET_WIRE_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { WHET_ZIP_MAX_ENTRIES = 100000 };

typedef struct whet_zip_entry {
    const char *name; /* UTF-8 with '/', relative, without ".." */
    uint64_t size;    /* unpacked */
    uint64_t packed;  /* in the file */
    uint32_t crc;     /* 0: not known */
    bool stored;      /* not compressed: whet_zip_read gives a view */
} whet_zip_entry;

typedef struct whet_zip whet_zip;
whet_status whet_zip_open(whet_zip **out, const char *path);
/* Of memory that outlives the handle and all views; `name` stands in errors. */
whet_status whet_zip_open_mem(whet_zip **out, const void *data, size_t size, const char *name);
void whet_zip_close(whet_zip *z); /* accepts NULL */

int whet_zip_count(const whet_zip *z);
const whet_zip_entry *whet_zip_at(const whet_zip *z, int i); /* in the order of the archive's directory */
int whet_zip_find(const whet_zip *z, const char *name);      /* -1 if absent */
/* The entry "<folder>/<name>", or "<name>" where folder is "" or NULL. */
int whet_zip_find_in(const whet_zip *z, const char *folder, const char *name);
/* The one folder that holds every entry, as PyTorch's archives have it; NULL if there is none. */
const char *whet_zip_top(const whet_zip *z);

typedef struct whet_zip_bytes {
    const uint8_t *data;
    size_t size;
    int64_t offset; /* of the (packed) bytes in the file; 0 for an empty entry */
    bool view;      /* into the file; lives as long as the handle */
} whet_zip_bytes;
/* The bytes of entry i, compared with its CRC-32 if that is known. */
whet_status whet_zip_read(whet_zip *z, int i, whet_zip_bytes *out);
void whet_zip_bytes_free(whet_zip_bytes *b); /* frees what is no view; safe twice */

/* True if data begins like a ZIP archive. */
bool whet_zip_detect(const uint8_t *head, size_t n);

#endif
