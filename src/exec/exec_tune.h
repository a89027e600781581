/* SPDX-License-Identifier: Apache-2.0 */
/* Tuning: a table that names, for products of given operator, attributes, shapes, types and layouts, the row that was the
 * fastest when it was measured on this CPU. Without one the choice is static (exec_bind.c); nothing reads the table unless
 * its owner hands it over in whet_exec_options.tuning, so no result depends on a file that nobody named.
 *
 * The table lives in the user's cache folder, one file per CPU. Only entries asked for by whet_tuning_graph are used. */
#ifndef WHET_EXEC_EXEC_TUNE_H
#define WHET_EXEC_EXEC_TUNE_H

#include "exec/exec.h"

typedef struct whet_tuning whet_tuning;

typedef struct whet_tuning_summary {
    int products; /* distinct ones of the graphs at hand that more than one fast row can compute */
    int measured; /* of them, now */
    int changed;  /* of them, computed by another row than the static one */
    double seconds;
    char hash[65]; /* of the changed ones: equal hashes, equal choices */
} whet_tuning_summary;

/* The entries of `path`; NULL: the user's cache. No file is an empty table; one that is damaged, or of another CPU or
 * version, is left aside with a warning. */
whet_status whet_tuning_open(whet_tuning **out, const char *path);
void whet_tuning_free(whet_tuning *t); /* accepts NULL; outlives the execs that were given it */
/* Takes up the products of this graph; with `measure` those that no entry knows are timed, row against row, on random
 * inputs. `opt` is what the exec will be made with; its tuning is not read. Variables of g are not touched. */
whet_status whet_tuning_graph(whet_tuning *t, const whet_graph *g, const whet_exec_options *opt, int n_inputs,
                              const whet_shape *shapes, bool measure);
/* Writes the file if something was measured: under a temporary name, then renamed, with what others added meanwhile. */
whet_status whet_tuning_save(whet_tuning *t);
void whet_tuning_sum(const whet_tuning *t, whet_tuning_summary *s);
/* The summary as JSON: hash, products, measured, changed, seconds, file. Caller frees. */
whet_status whet_tuning_json(const whet_tuning *t, char **json);
/* One line for people by whet_log: how many were measured and what changed. */
void whet_tuning_tell(const whet_tuning *t);

#endif
