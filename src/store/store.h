/* SPDX-License-Identifier: Apache-2.0 */
/* The results store: one SQLite file with runs (JSON documents) and the finished steps of studies.
 *
 * Crash-safe: rollback journal, full synchronisation, every change one transaction. Several programs may use one file;
 * one waits up to 10 s ($WHET_STORE_WAIT) for another. A store is used by one thread at a time. A damaged file gives EFORMAT with
 * its path and what to do, never a crash; a file made by a newer program gives EUNSUPPORTED. */
#ifndef WHET_STORE_STORE_H
#define WHET_STORE_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum { WHET_STORE_VERSION = 2 };

typedef struct whet_store whet_store;

/* Path of the user's store: $WHET_STORE, else $WHET_HOME/data/results.sqlite, else ~/.local/share/whet/results.sqlite; heap string. */
char *whet_store_default_path(void);
/* path NULL: the user's store. Makes folders and the file unless read_only, where a missing file is ENOTFOUND. A file of an
 * older version is brought to this one. */
whet_status whet_store_open(whet_store **out, const char *path, bool read_only);
void whet_store_close(whet_store *s); /* accepts NULL */
const char *whet_store_path(const whet_store *s);
/* SQLite's own check of every page and index; EFORMAT with the first finding. */
whet_status whet_store_check(whet_store *s);

/* --- runs. A run is a result document (docs/result-format.md). Its identity is the SHA-256 of its canonical text. */
typedef struct whet_store_filter {
    const char *kind, *study, *tag; /* NULL: any */
    int limit;                      /* 0: all; newest first */
    int skip;                       /* leave out so many of the newest */
    const char *model;              /* only runs with a row of this model; NULL: any */
} whet_store_filter;

/* Stores `doc`; study may be NULL. If the same document is there already, *id is that run's. */
whet_status whet_store_put_run(whet_store *s, const json_t *doc, const char *study, int64_t *id);
/* Objects {"id","time","kind","study","tags":[],"n_rows","n_ok","summary","host"}, newest first; filter may be NULL. */
whet_status whet_store_list(whet_store *s, json_t **out, const whet_store_filter *filter);
whet_status whet_store_count(whet_store *s, int64_t *runs);
/* The document; ENOTFOUND names the ids that there are. `meta` (may be NULL) gets the listing's object. */
whet_status whet_store_get_run(whet_store *s, json_t **out, int64_t id, json_t **meta);
/* "12", "latest", "latest:STUDY", "latest~2" (the second before it), or a tag (the newest run that has it) -> id. */
whet_status whet_store_find_run(whet_store *s, const char *name, int64_t *id);
whet_status whet_store_tag(whet_store *s, int64_t id, const char *tag, bool remove);
whet_status whet_store_remove(whet_store *s, int64_t id);
/* One object {"whet_export":1,"runs":[{"time","study","tags","document"}]}. ids NULL: all. */
whet_status whet_store_export(whet_store *s, json_t **out, const int64_t *ids, int n);
/* The same into a file (replaced atomically), document by document, so that it takes no memory. ENOMEM if it would be larger
 * than what can be read back (256 MiB). */
whet_status whet_store_export_file(whet_store *s, const char *path, const int64_t *ids, int n, int *count);
/* An export, or a single result document. All or nothing. Runs that are there already are skipped and counted; a newer
 * schema is EUNSUPPORTED. */
whet_status whet_store_import(whet_store *s, const json_t *doc, int *added, int *skipped);

/* --- steps of studies: outputs of finished work, found by its key. */
typedef struct whet_store_step {
    char status[16];  /* "ok" or "failed" */
    char time[21];    /* when it ended, UTC */
    double seconds;   /* what it took */
    json_t *outputs;  /* owned by the caller */
} whet_store_step;

/* *found false if the key is unknown. */
whet_status whet_store_get_step(whet_store *s, const char *key, whet_store_step *step, bool *found);
/* Replaces an earlier entry of the key. */
whet_status whet_store_put_step(whet_store *s, const char *key, const char *name, const char *status, double seconds,
                                const json_t *outputs);
/* The outputs of every finished step of a name, an array that the caller owns. */
whet_status whet_store_step_outputs(whet_store *s, const char *name, json_t **out);
/* How many different steps of a name were ever finished. */
whet_status whet_store_count_steps(whet_store *s, const char *name, int64_t *n);

#endif
