/* SPDX-License-Identifier: Apache-2.0 */
/* The whole public interface. */
#ifndef WHET_WHET_H
#define WHET_WHET_H

#include "whet/contract.h"
#include "whet/data.h"
#include "whet/eval.h"
#include "whet/explain.h"
#include "whet/model.h"
#include "whet/bench.h"
#include "whet/compare.h"
#include "whet/progress.h"
#include "whet/report.h"
#include "whet/result.h"
#include "whet/results.h"
#include "whet/status.h"
#include "whet/study.h"
#include "whet/verify.h"
#include "whet/runtime.h"
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
