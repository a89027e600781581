/* SPDX-License-Identifier: Apache-2.0 */
/* Files: mapping for reading, and writing that never leaves half a file under its final name. */
#ifndef WHET_BASE_IO_H
#define WHET_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

/* A read-only view of a whole regular file. Empty files give data != NULL, size 0. */
typedef struct whet_map whet_map;
whet_status whet_map_open(whet_map **out, const char *path);
void whet_map_close(whet_map *m); /* accepts NULL */
const uint8_t *whet_map_data(const whet_map *m);
size_t whet_map_size(const whet_map *m);
/* A range of a mapped file that will hardly be read again: its pages count no longer as this process's memory; a later read
 * brings them back from the file. Only for ranges of a whet_map. */
void whet_map_forget(const void *data, size_t size);

/* Reads a whole file of at most `limit` bytes into a heap block with a NUL behind it. */
whet_status whet_file_read(uint8_t **out, size_t *size, const char *path, size_t limit);

/* Atomic replacement: write to a temporary file beside `path`, fsync, rename, fsync the folder. An SQLite database is not
 * replaced (EINVAL). */
typedef struct whet_writer whet_writer;
whet_status whet_writer_open(whet_writer **out, const char *path);
whet_status whet_writer_write(whet_writer *w, const void *data, size_t n); /* buffered; the first error sticks */
uint64_t whet_writer_offset(const whet_writer *w);
whet_status whet_writer_commit(whet_writer *w); /* consumes w, also on failure */
void whet_writer_abort(whet_writer *w);         /* removes the temporary file; accepts NULL */
whet_status whet_file_write(const char *path, const void *data, size_t n); /* the above in one call */
/* Renames within a file system, over what is there, and syncs the folder. */
whet_status whet_file_move(const char *from, const char *to);

bool whet_file_exists(const char *path);
bool whet_dir_exists(const char *path);
int64_t whet_file_size(const char *path); /* -1 if it cannot be had */
whet_status whet_mkdirs(const char *path); /* like mkdir -p */
/* Holds a folder for this process until close(*fd): a second program that asks gets EIO at once. The lock goes with the
 * process, so a killed one leaves none; where the file system knows no locks *fd is -1 and nobody is kept out. */
whet_status whet_dir_hold(int *fd, const char *path);
void whet_dir_release(int *fd); /* sets -1; accepts -1 */
char *whet_path_join(const char *dir, const char *name); /* heap string or NULL */
const char *whet_path_base(const char *path);            /* part behind the last '/', borrowed */
const char *whet_path_ext(const char *path);             /* ".onnx" or "", borrowed */
/* True if `rel` is a relative path that stays inside its folder: no "..", no leading '/', not empty. */
bool whet_path_is_inside(const char *rel);

/* $XDG_DATA_HOME/whet or ~/.local/share/whet (WHET_HOME overrides), and the cache folder likewise (WHET_CACHE is that one
 * alone); heap strings. */
char *whet_data_dir(void);
char *whet_cache_dir(void);
/* The folder of test data and models: $WHET_SHARED, else "../shared" from the working folder if there; heap or NULL. */
char *whet_shared_dir(void);

#endif
