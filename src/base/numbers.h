/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers are read and written with a point, whatever the locale of the program that uses the library: a graphical one may have
 * set a decimal comma for all of C's functions. */
#ifndef WHET_BASE_NUMBERS_H
#define WHET_BASE_NUMBERS_H

#include <locale.h>

/* At the beginning of a public function: until it returns this thread formats and reads as in the locale "C". */
#define WHET_NUMBERS_WITH_POINT \
    __attribute__((cleanup(whet_numbers_as_before), unused)) locale_t whet_numbers_before_ = whet_numbers_with_point()

locale_t whet_numbers_with_point(void);
void whet_numbers_as_before(locale_t *before);

#endif
