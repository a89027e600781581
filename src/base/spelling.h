/* SPDX-License-Identifier: Apache-2.0 */
/* "did you mean": the nearest of several names to a misspelt word. Offer the names one by one:
 *     whet_spelling s = {.word = word};
 *     for (...) whet_spelling_offer(&s, names[i]);
 *     s.nearest is the first of the nearest, or NULL if none is near */
#ifndef WHET_BASE_SPELLING_H
#define WHET_BASE_SPELLING_H

typedef struct whet_spelling {
    const char *word;
    const char *nearest; /* borrowed from what was offered */
    int distance;
} whet_spelling;

/* Near: at most 2 edits or a third of the word, and no more than half of it; or the word, of three letters or more, is how the
 * name begins. A NULL name is passed over. */
void whet_spelling_offer(whet_spelling *s, const char *name);

#endif
