/* SPDX-License-Identifier: Apache-2.0 */
/* The HDF5 worker's parts. */
#ifndef WHET_WORKERS_WHET_H5_H
#define WHET_WORKERS_WHET_H5_H

#include <hdf5.h>

#include "base/status.h"

/* Processor time, memory, file size, no core, no further process: before libhdf5 sees a byte. */
whet_status h5_limit(uint64_t data, uint64_t memory, uint64_t seconds);
/* From here on only reading and writing what is open, and memory: the kernel refuses the rest. Does nothing where the kernel or
 * the machine has no such filter. */
void h5_confine(void);

/* File access properties with a driver that reads descriptor 0 and writes descriptor 1, whatever the name; negative on failure. */
hid_t h5_access(void);

/* The file at descriptor 0 to the stream at descriptor 1, of at most `limit` bytes of data; and back. */
whet_status h5_read(uint64_t limit);
whet_status h5_write(void);

/* whet_fail with what libhdf5 says of its innermost fault behind the text. */
whet_status h5_fail(whet_status status, const char *what);
/* Of memory and of files we write: type 'f' 4 -> IEEE little-endian 32 bits, ...; a negative id if there is none. Close it. */
hid_t h5_type(char type, int size);
hid_t h5_text_type(void); /* strings of any length, UTF-8 */

#endif
