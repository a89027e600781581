/* SPDX-License-Identifier: Apache-2.0 */
/* One run of the HDF5 worker: what it reads and writes are descriptors. */
#ifndef WHET_WIRE_HDF5_WORKER_H
#define WHET_WIRE_HDF5_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* mode "read": HDF5 in, stream out; "write": the other way. `bytes`: the size of what goes in; the limits follow from it.
 * The descriptors stay the caller's. */
whet_status whet_hdf5_worker_run(const char *mode, int in, int out, uint64_t bytes);

#endif
