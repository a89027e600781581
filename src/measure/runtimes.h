/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WHET_MEASURE_RUNTIMES_H
#define WHET_MEASURE_RUNTIMES_H

#include <jansson.h>

#include "base/status.h"

/* Every backend found, each probed in a worker process of its own: the array of the document "runtimes". */
whet_status whet_runtimes_probe(json_t **out, const char *program);

#endif
