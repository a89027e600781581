/* SPDX-License-Identifier: Apache-2.0 */
/* A study: settings read from YAML (or JSON), the cells that its axes span, and running it. */
#ifndef WHET_STUDY_STUDY_H
#define WHET_STUDY_STUDY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "whet/progress.h"

/* Settings are flat: full path of the key -> value. Every key of the table is there; keys with an axis may hold an array. */
typedef struct whet_study {
    char *file;       /* as in errors */
    json_t *set;      /* path -> value */
    json_t *lines;    /* path -> line, of the keys that the file gave; 0 for --set */
    json_t *quick;    /* path -> value, from `quick:` */
    json_t *exclude;  /* array of flat objects */
    json_t *probed;   /* what whet_study_plan_alone found of the runtimes; NULL: not asked */
} whet_study;

/* EFORMAT: not YAML; EINVAL: an unknown key or a wrong value, with line and what was meant. */
whet_status whet_study_read(whet_study **out, const char *path);
whet_status whet_study_parse_mem(whet_study **out, const char *text, size_t size, const char *name);
/* All keys at their defaults. */
whet_status whet_study_create(whet_study **out, const char *name);
void whet_study_free(whet_study *s); /* accepts NULL */
/* "train.epochs=3", "runtime=[native, ort]"; on top of everything else. */
whet_status whet_study_set(whet_study *s, const char *assignment);
/* One value from the program itself; `value` is stolen. */
whet_status whet_study_put(whet_study *s, const char *path, json_t *value);
/* The small form: the bench's own quick sizes, then the study's own `quick:`. */
whet_status whet_study_apply_quick(whet_study *s);
/* What must hold between keys (a model is named, ...); EINVAL. */
whet_status whet_study_check(const whet_study *s);
/* YAML text that reads back to the same study. */
whet_status whet_study_write(const whet_study *s, char **yaml);

/* --- reading settings of one cell (or of a study whose key has no list) */
const char *whet_study_text(const json_t *cell, const char *path); /* NULL: null */
double whet_study_number(const json_t *cell, const char *path);    /* 0: null */
bool whet_study_flag(const json_t *cell, const char *path);

/* --- axes. Cells are flat objects without axis arrays, in the order of the table, the last axis running fastest. */
enum { WHET_STUDY_MAX_CELLS = 2000 };
whet_status whet_study_cells(const whet_study *s, json_t **cells, int *excluded);
/* Array of the paths whose value is a list with more than one element. */
json_t *whet_study_axes(const whet_study *s);

/* --- documents made from the table of keys */
whet_status whet_study_schema(json_t **out);    /* JSON schema, draft 2020-12 */
whet_status whet_study_manual(char **markdown); /* the table in docs/study.md */
whet_status whet_study_template(char **yaml, const char *model); /* commented file for `study init`; model NULL: lenet */

/* --- running */
typedef struct whet_study_options {
    size_t size;
    bool dry_run;            /* plan only: which steps, which of them are done, estimated time and disk */
    const char *mode;        /* "default", "quick" or "publish": named in every row */
    const char *command;     /* as typed, for the report; may be NULL */
    const char *store_path;  /* the user's store that gets the finished run; NULL: the default; "" none */
    whet_progress_fn progress;
    void *progress_arg;
} whet_study_options;
void whet_study_options_init(whet_study_options *o);

/* Runs what is not done yet. The document (kind "study") is given beside an error too where there is something to tell; the
 * caller owns it. A failed row is a status in the document, not an error. ERUNTIME if no row could be run at all,
 * ECANCELLED if interrupted (finished steps stay), EINVAL for a study that cannot start, EIO if the folder cannot be written. */
whet_status whet_study_run(json_t **doc, const whet_study *s, const whet_study_options *opt);
/* Settings for one model file (`whet study MODEL [--data DIR]`): ENOTFOUND if it is not there. data may be NULL. The file as it is. */
whet_status whet_study_for_model(whet_study **out, const char *model, const char *data, const char *contract);
/* Formats, weights and runtimes that were not given are those that this machine can do, or machines of these types ("aarch64") with
 * what is installed here for them; pairs that cannot run are excluded, unless both lists were given. Last, after whet_study_set. */
whet_status whet_study_plan_alone(whet_study *s, const char *const *machines, int n_machines);

#endif
