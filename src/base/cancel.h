/* SPDX-License-Identifier: Apache-2.0 */
/* Interruption and progress. The program's signal handler calls whet_cancel(); long loops ask whet_cancelled() and end
 * with ECANCELLED after saving what they promised to save. */
#ifndef WHET_BASE_CANCEL_H
#define WHET_BASE_CANCEL_H

#include <stdbool.h>
#include "whet/progress.h"

bool whet_cancelled(void);

#endif
