/* SPDX-License-Identifier: Apache-2.0 */
/* Private to whet_convert: a place beside the final one, until the file has been read again. */
#ifndef WHET_API_CONVERT_STAGE_H
#define WHET_API_CONVERT_STAGE_H

#include "base/scratch.h"
#include "formats/formats.h"

typedef struct convert_stage {
    const char *to, *path; /* path: where to write; equal to `to` where no place beside can be had */
    char *final, *parent, *inner; /* parent: with its '/', "" for the working folder */
    whet_scratch dir;
    bool folder;
} convert_stage;

whet_status whet_convert_stage_open(convert_stage *s, const char *to, const whet_model_format *target);
/* Gives the files their final names, the one asked for last. */
whet_status whet_convert_stage_keep(convert_stage *s);
/* Removes what is left; after a failure the error names the final place. Accepts one that was never opened (all zero). */
void whet_convert_stage_close(convert_stage *s, whet_status status);
/* The error of the second reading, with what that means for the file; returns status. */
whet_status whet_convert_stage_unreadable(whet_status status);

#endif
