/* SPDX-License-Identifier: Apache-2.0 */
/* R25: the arithmetic that ran, from what a runtime tells of the graph that it executed. */
#ifndef WHET_MEASURE_ARITHMETIC_H
#define WHET_MEASURE_ARITHMETIC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* `nodes`: [{"type","precision","macs","kernel"?}]. Shares are of the multiply-adds, or of the number of products where the
 * runtime tells no multiply-adds. `name`: that of at least 99 % of them (f32-winograd where f32 products go that way, and the
 * others are f32), else "mixed: int8 93 %, f32 7 %". `shares`: [{"precision","share"}], the largest first. False if no product is
 * told. */
bool whet_arithmetic_of(const json_t *nodes, char *name, size_t size, json_t **shares);

#endif
