/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WHET_API_SIZE_H
#define WHET_API_SIZE_H

#include "base/status.h"

/* "224" or "224x320" (height x width), 1 to 32768 each; NULL leaves sizes alone. EINVAL otherwise. */
whet_status whet_api_size(const char *text, int sizes[2]);

#endif
