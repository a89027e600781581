/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes and the per-thread error detail.
 *
 * Every fallible function returns whet_status: WHET_OK or one of the negative codes below, whose numbers
 * never change. The detail (text, file, byte offset or node) is set once, where the fault is, and stays until the
 * next failure on the same thread or whet_error_clear(). */
#ifndef WHET_STATUS_H
#define WHET_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum whet_status {
    WHET_OK = 0,
    WHET_EINVAL = -1,       /* wrong flag, key, value or call */
    WHET_ENOMEM = -2,       /* out of memory, or a stated limit was passed */
    WHET_EIO = -3,          /* reading or writing failed (disk full, no permission) */
    WHET_ENOTFOUND = -4,    /* no such file, name or entry */
    WHET_EFORMAT = -5,      /* the file is damaged */
    WHET_EUNSUPPORTED = -6, /* understood, but not handled here */
    WHET_ESHAPE = -7,       /* shapes or types do not fit together */
    WHET_ENUMERIC = -8,     /* NaN or infinity where a number was needed */
    WHET_ERUNTIME = -9,     /* a runtime or a child process failed */
    WHET_EUNAVAILABLE = -10,/* a runtime, library, device or right is missing */
    WHET_ECANCELLED = -11,  /* interrupted by the user; state saved where promised */
    WHET_EGATE = -12        /* a stated bound was not met */
} whet_status;

/* Name of the code ("EFORMAT"); static storage. */
const char *whet_status_name(whet_status status);

/* Exit code of the program for this status: 0, 1 (gate), 2 (usage), 3 (file or run), 130 (cancelled). */
int whet_status_exit_code(whet_status status);

/* The calling thread's last error. Pointers are borrowed and valid until the next failing call on this thread. */
typedef struct whet_error {
    whet_status status;
    const char *text;  /* what and what to do; "" if none */
    const char *file;  /* "" if none */
    int64_t offset;    /* byte offset in file, or -1 */
    int64_t line;      /* 1-based line in file, or 0 */
    const char *node;  /* node or tensor name, "" if none */
} whet_error;

const whet_error *whet_error_last(void); /* never NULL */
/* One line: "file:line: text (byte 12, node 'x')"; borrowed like the above. */
const char *whet_error_message(void);
void whet_error_clear(void); /* forgets it: WHET_OK, "" */

#ifdef __cplusplus
}
#endif
#endif
