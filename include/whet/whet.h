/* SPDX-License-Identifier: Apache-2.0 */
/* The whole public interface. */
#ifndef WHET_WHET_H
#define WHET_WHET_H

#include "whet/progress.h"
#include "whet/result.h"
#include "whet/status.h"
#include "whet/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0"; static storage. */
const char *whet_version(void);

#ifdef __cplusplus
}
#endif
#endif
