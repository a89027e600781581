/* SPDX-License-Identifier: Apache-2.0 */
/* A study at work: what its steps share. A step is a function from a job (JSON that holds everything it depends on:
 * settings, hashes of inputs, versions) to outputs (JSON, with the files it made). Its key is the hash of the job, the step's
 * name and the version of its code; it is found done under that key or done now. */
#ifndef WHET_STUDY_RUN_H
#define WHET_STUDY_RUN_H

#include "data/dataset.h"
#include "store/store.h"
#include "study/study.h"

typedef struct study_run study_run;
typedef whet_status (*study_step_fn)(study_run *r, const char *key, const json_t *job, json_t **outputs);

typedef struct study_step_kind {
    const char *name;
    int version;       /* of the step's code: raised when its outputs would differ */
    study_step_fn fn;
} study_step_kind;
extern const study_step_kind study_train_step, study_export_step, study_convert_step, study_find_step, study_bench_step, study_eval_step;

typedef struct study_data { /* an open set */
    char *spec;          /* data.name */
    char *val;           /* data.val; NULL: the default */
    uint64_t seed;
    bool own_model;
    whet_dataset *set;   /* NULL: a plan, and the set is still to be fetched */
    char *error;         /* then why */
    json_t *info;        /* name, source, classes, splits, hashes */
    struct study_data *next;
} study_data;

typedef struct study_cell {
    const json_t *set;   /* borrowed from run->cells */
    study_data *data;    /* NULL: the study has no data */
    json_t *row;         /* borrowed from run->rows */
    json_t *model;       /* {path, sha256, label, contract, contract_source}, of a converted file also {original, original_sha256,
                            original_label, nhwc}; in a dry run also {planned: true}, of a file that is still to be made: its
                            hashes are then texts that tell it from others. NULL: not made */
    bool failed;         /* the row's status says why; no further step */
    bool unknown;        /* dry run: an earlier step is still to be done */
} study_cell;

struct study_run {
    const whet_study *s;
    whet_study_options o;
    char *out, *name;
    int folder; // holds `out` against a second program, -1 if nothing is held
    whet_store *store;
    bool forgets;        /* the store failed: no step can be remembered any more */
    json_t *cells, *rows, *steps, *trainings, *choices, *comparisons, *axes, *runtimes;
    json_t *places;      /* of converted files: path relative to out -> job of the step that made it */
    json_t *context;     /* of the bench documents */
    json_t *bench_head;  /* settings and inputs of the first bench */
    study_data *datas;
    study_cell *c;
    int n_cells, n_excluded;
    int test_reads;      /* R31 */
    int done, reused, failed;
    double todo_seconds, todo_bytes;
    double more_seconds; /* that benches take where figures are not steady */
    char started[21];
    uint64_t t0;
};

/* Its own name, else its file's without folder and ending; heap string. */
char *study_short_name(const whet_study *s);

/* --- study_step.c */
/* *outputs NULL in a dry run where the step is not done. On failure the step is recorded as failed. `seconds` and `bytes`
 * are what it would take, for the plan. */
whet_status study_step(study_run *r, const study_step_kind *kind, const char *label, json_t *job, double seconds, double bytes,
                       json_t **outputs);
/* {"path": relative to out, "sha256", "bytes"} of a file that a step made. */
whet_status study_file(const study_run *r, const char *path, json_t **out);
/* Every file that the outputs name is there with its hash. */
bool study_files_intact(const study_run *r, const json_t *outputs);
/* out/rel as a heap string. */
char *study_path(const study_run *r, const char *rel);
/* A file of a step's outputs by its place in "files". */
char *study_output_path(const study_run *r, const json_t *outputs, int i);

/* --- study_folder.c */
/* `out`, else runs/NAME; for a model alone with a piece of a hash behind it where another model or study of that name ran; heap string. */
char *study_out_folder(const whet_study *s, const char *name);
/* Makes `out`, holds it, opens its store and leaves the study that is run there. EINVAL where that would replace files that no
 * study made. A dry run touches nothing. */
whet_status study_open_folder(study_run *r);
/* --- study_data.c */
/* Before anything is written or measured: a set that cannot be had ends the study. */
whet_status study_open_all_data(study_run *r);
void study_data_free(study_data *d);
/* What opens the same pictures again: the spec, or "digits" where the fallback took the set's place. */
const char *study_data_name(const study_data *d);
/* The set of a step's job, for steps that read pictures; borrowed. */
study_data *study_find_data(study_run *r, const char *spec, const char *val, uint64_t seed, bool own_model);
/* --- study_model.c: training, export, contract */
whet_status study_make_model(study_run *r, study_cell *c);
bool study_is_file(const char *model);
/* --- study_convert.c: the cell's file in another format, or with its weights stored otherwise */
bool study_is_converted(const study_cell *c);
/* Name of the format of the file that the cell will run; NULL: unknown. */
const char *study_cell_format(const study_cell *c);
/* What the converted file is called, "lenet.f16.tflite"; heap string. */
char *study_converted_name(const study_cell *c);
/* Puts the converted file in the model's place; a dry run what is known of it beforehand. */
whet_status study_convert(study_run *r, study_cell *c);
/* Where a cell's file, or the one it was made from, lies; NULL: no cell has it. */
const char *study_path_by_hash(const study_run *r, const json_t *sha256);
/* --- study_place.c */
/* Where the file `name` of a step goes, relative to out: below models/ unless something lies there that this folder's steps did
 * not make or that a row measures, then below models/<key>/; heap string. */
char *study_place(const study_run *r, const json_t *job, const char *key, const char *name);
/* --- study_measure.c: asks each runtime of the cells once */
whet_status study_find_runtimes(study_run *r);
/* --- study_bench.c: parity, latency, memory of all cells, a step for those that are timed in turns */
whet_status study_bench(study_run *r);
/* --- study_eval.c: the cell's accuracy on the test split, or why it has none */
whet_status study_eval(study_run *r, study_cell *c);
/* --- study_accuracy.c */
/* delta, flips and whether it is acceptable, of every row that is not f32. */
void study_accuracy_losses(study_run *r);
void study_accuracy_alarm(study_run *r); /* equal outputs, other accuracies: warnings, and "contradicts" in the row */
/* --- study_labels.c */
/* Folders in front of the rows' names where different models have one name; after all that goes by the names. */
whet_status study_tell_apart(study_run *r);
/* --- study_document.c */
/* The whole document; NULL with ENOMEM set. */
json_t *study_document(study_run *r);
/* result.json, report.html, .csv, .md in out; and both stores. */
whet_status study_publish(study_run *r, json_t *doc);

/* Marks the row: a status word of docs/result-format.md, and the reason. */
void study_row_fail(study_cell *c, const char *word, const char *reason);
/* Progress with the study's own stage in front. */
void study_progress(void *run, const char *stage, double done, double total, const char *unit, const char *text);

#endif
