/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WHET_BACKEND_PIP_DOWNLOAD_H
#define WHET_BACKEND_PIP_DOWNLOAD_H

#include "backend/runtime_pins.h"
#include "base/status.h"

/* Lets `python3 -m pip` fetch the machine's first pinned wheel into dir, which must be a scratch folder. EUNAVAILABLE, with
 * the cure, without python3, pip or network. */
whet_status whet_pip_download(const whet_runtime_pin *r, const char *machine, const char *dir);

#endif
