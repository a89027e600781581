/* SPDX-License-Identifier: Apache-2.0 */
/* Who is right where native's plain kernels are the reference and others fail against them? If two or more of these agree
 * with each other, they are: the reference becomes the outputs of one of them, all rows are checked anew, and native fails
 * like any other that differs. Otherwise nothing changes. */
#include <stdio.h>
#include <string.h>

#include "measure/bench_private.h"

static bool is_native(const whet_bench_row *r)
{
    return strcmp(r->cell->runtime, "native") == 0;
}

/* Rows of f on runtimes other than native that ran and have the wanted outcome; a runtime counts once. */
static int count(const whet_bench *b, const whet_bench_reference *f, bool failed)
{
    int n = 0;
    for (int i = 0; i < b->n_rows; i++) {
        const whet_bench_row *r = &b->rows[i];
        bool first = r->reference == f && !is_native(r) && r->parity != NULL && r->gate_failed == failed;
        for (int k = 0; k < i && first; k++) first = b->rows[k].reference != f || strcmp(b->rows[k].cell->runtime, r->cell->runtime) != 0;
        n += first;
    }
    return n;
}

static whet_status check_all(whet_bench *b, const whet_bench_reference *f)
{
    for (int i = 0; i < b->n_rows; i++)
        if (b->rows[i].reference == f && b->rows[i].parity != NULL) WHET_TRY(whet_bench_check_row(b, &b->rows[i]));
    return WHET_OK;
}

static void name_those_who_agree(const whet_bench *b, whet_bench_reference *f)
{
    for (int i = 0; i < b->n_rows; i++) {
        const whet_bench_row *r = &b->rows[i];
        const size_t used = strlen(f->name);
        if (r->reference != f || r->parity == NULL || r->gate_failed || is_native(r) || strcmp(r->cell->runtime, f->runtime) == 0) continue;
        snprintf(f->name + used, sizeof f->name - used, "; %s agrees, native's kernels do not", r->title);
        return;
    }
}

static whet_status settle(whet_bench *b, whet_bench_reference *f)
{
    for (int i = 0; i < b->n_rows; i++) {
        const whet_bench_row *r = &b->rows[i];
        if (r->reference != f || r->parity == NULL || is_native(r) || strcmp(r->cell->runtime, f->runtime) == 0) continue;
        whet_status status = whet_bench_compute_reference(b, f, r, r->cell->runtime);
        if (status == WHET_ECANCELLED) return status;
        if (status != WHET_OK) continue;
        WHET_TRY(check_all(b, f));
        if (count(b, f, false) < 2) continue;
        name_those_who_agree(b, f);
        return WHET_OK;
    }
    for (int i = 0; i < b->n_rows; i++) /* nobody agrees with another: as it was */
        if (b->rows[i].reference == f && b->rows[i].parity != NULL) {
            WHET_TRY(whet_bench_compute_reference(b, f, &b->rows[i], "native"));
            return check_all(b, f);
        }
    return WHET_OK;
}

whet_status whet_bench_agree(whet_bench *b)
{
    for (int i = 0; i < b->n_references; i++) {
        whet_bench_reference *f = &b->references[i];
        if (f->ready && strcmp(f->runtime, "native") == 0 && count(b, f, true) >= 2) WHET_TRY(settle(b, f));
    }
    return WHET_OK;
}
