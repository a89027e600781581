/* SPDX-License-Identifier: Apache-2.0 */
/* Columns and formatting, shared by the outputs of this folder. */
#ifndef WHET_REPORT_COLUMNS_H
#define WHET_REPORT_COLUMNS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

typedef struct report_column {
    const char *id, *title, *help;
    const char *path;   /* of the number or text in a row, dots between names */
    char format;        /* t text, m milliseconds, M megabytes, n count, N large count, a accuracy, p parity, c CV, f rate, l p50, q percentile, e net energy */
    bool core;          /* shown even if no row has it; the others only when some row has a value */
    bool varies;        /* shown only if the rows differ in it */
} report_column;

int report_column_count(void);
const report_column *report_column_at(int i);
/* What the shown figures mean where the title does not say it: [{"name", "text"}], such as what img/s is made of. */
json_t *report_column_notes(const json_t *doc, bool plain);
/* Why the row's figures are to be taken with care, for the place where it is named: "UNSTABLE", "more threads than allowed"; "". */
const char *report_row_flag(const json_t *row);
/* True if the column belongs into a table of this document. */
bool report_column_shown(const report_column *c, const json_t *doc);
/* The plain numbers of older studies: they stand last on the page, and in documents only if they were asked for. */
bool report_column_plain(const report_column *c);
/* Text for people, "" if there is none; `why` (may be NULL) gets the reason of a missing value, borrowed or NULL. */
const char *report_cell(const report_column *c, const json_t *row, char *buf, size_t size, const char **why);

/* Value at "a.b.c", NULL if absent or null. */
const json_t *report_get(const json_t *o, const char *path);
const char *report_str(const json_t *o, const char *path);   /* "" if absent */
const json_t *report_find(const json_t *list, const char *key, const char *text); /* NULL: none has it */
const json_t *report_row_by_id(const json_t *doc, const char *id); /* NULL: none */
double report_num(const json_t *o, const char *path);        /* NaN if absent */
bool report_row_ok(const json_t *row);
/* "n/a (n=20, 64 are needed)", "n/a: no meter" -> what stands behind "n/a". */
const char *report_bare_reason(const char *why, char *buf, size_t size);

/* 0.2314 -> "0.231"; 3 significant digits, no exponent between 0.001 and 99999. */
const char *report_digits(char *buf, size_t size, double x);
double report_round_up(double x, int decimals);
const char *report_count(char *buf, size_t size, double n);  /* "10,000" */
const char *report_large(char *buf, size_t size, double n);  /* "416,520", "2.20 M", "4.10 G" */
const char *report_bytes(char *buf, size_t size, double n);  /* "1.23 MB" */
/* "native, batch 8" : what tells this row from the others of the document. */
void report_row_name(const json_t *doc, const json_t *row, bool with_model, char *buf, size_t size);
/* The same with the model, and native marked as whet's own engine. */
void report_row_name_marked(const json_t *doc, const json_t *row, char *buf, size_t size);
/* The machine that a row was measured on: its host, else its run's, else the document's. */
void report_row_machine(const json_t *doc, const json_t *row, char *buf, size_t size);
/* Number of the row's runtime among those of the document, for its colour. */
int report_runtime_index(const json_t *doc, const json_t *row);

/* A shallow copy that remembers what every name and every verdict needs (which columns vary, what was compared), so that documents
 * of thousands of rows are read once. A prepared one is given back as it is. Owned by the caller; NULL without memory. */
json_t *report_prepared(const json_t *doc);
/* The verdict of a on b as it was compared, "" if it was not. */
const char *report_compared(const json_t *doc, const char *a, const char *b);

/* --- several runs in one document (report_select.c) */
/* The documents that a selection is made of (without their rows), or the document alone. */
size_t report_run_count(const json_t *doc);
const json_t *report_run_at(const json_t *doc, size_t i);
const json_t *report_run_named(const json_t *doc, const char *label); /* NULL: not a selection */

#endif
