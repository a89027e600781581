/* SPDX-License-Identifier: Apache-2.0 */
/* Private to weights_apply.c: what other collections call the same parameters. */
#ifndef WHET_FORMATS_WEIGHTS_SCHEMES_H
#define WHET_FORMATS_WEIGHTS_SCHEMES_H

#include <stdbool.h>
#include <stddef.h>

int weights_scheme_count(void);
/* The name that scheme i (0: the name itself) has for a parameter that timm calls `name`; false if it has none. */
bool weights_scheme_name(int i, const char *name, char *out, size_t size);

#endif
