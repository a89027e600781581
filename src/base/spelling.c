/* SPDX-License-Identifier: Apache-2.0 */
/* Edit distance in which a swap of neighbours counts one (optimal string alignment, three rows of the table at a time) and
 * upper and lower case are alike; a name that begins with the word is near however long it is. Longer words than LONGEST are far
 * from everything. */
#include "base/spelling.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

enum { LONGEST = 63 };

static bool same(char a, char b) { return tolower((unsigned char)a) == tolower((unsigned char)b); }

static int distance(const char *a, const char *b)
{
    int rows[3][LONGEST + 1] = {0};
    const size_t na = strlen(a), nb = strlen(b);
    if (na > LONGEST || nb > LONGEST) return INT_MAX;
    for (size_t j = 0; j <= nb; j++) rows[0][j] = (int)j;
    for (size_t i = 1; i <= na; i++) {
        int *row = rows[i % 3], *before = rows[(i + 2) % 3], *before_that = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= nb; j++) {
            row[j] = WHET_MIN(before[j - 1] + !same(a[i - 1], b[j - 1]), WHET_MIN(before[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1])) row[j] = WHET_MIN(row[j], before_that[j - 2] + 1);
        }
    }
    return rows[na % 3][nb];
}

void whet_spelling_offer(whet_spelling *s, const char *name)
{
    const int length = (int)WHET_MIN(strlen(s->word), (size_t)LONGEST);
    if (name == NULL) return;
    const int d = distance(s->word, name);
    const bool begins = length >= 3 && strncasecmp(s->word, name, (size_t)length) == 0;
    if (d == INT_MAX) return;
    if (!begins && (d > WHET_MAX(2, length / 3) || d > length / 2)) return;
    if (s->nearest != NULL && d >= s->distance) return;
    s->nearest = name;
    s->distance = d;
}
