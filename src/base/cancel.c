/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cancel.h"

#include <stdatomic.h>

static atomic_int flag; /* lock-free, so safe in a signal handler */

void whet_cancel(void)
{
    atomic_store(&flag, 1);
}

void whet_cancel_reset(void)
{
    atomic_store(&flag, 0);
}

bool whet_cancelled(void)
{
    return atomic_load_explicit(&flag, memory_order_relaxed) != 0;
}
