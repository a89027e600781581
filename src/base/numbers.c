/* SPDX-License-Identifier: Apache-2.0 */
/* The locale of one thread, so that the host program's other threads keep theirs. */
#include "base/numbers.h"

#include <stddef.h>

locale_t whet_numbers_with_point(void)
{
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* the C library's own object: nothing is allocated */
    return plain != (locale_t)0 ? uselocale(plain) : (locale_t)0;
}

void whet_numbers_as_before(locale_t *before)
{
    if (*before != (locale_t)0) uselocale(*before);
}
