/* SPDX-License-Identifier: Apache-2.0 */
#include "whet/whet.h"

const char *whet_version(void)
{
    return WHET_VERSION;
}
