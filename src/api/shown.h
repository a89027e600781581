/* SPDX-License-Identifier: Apache-2.0 */
/* What of a document is shown to people: names come from files and may hold line ends, tabs and terminal escapes. */
#ifndef WHET_API_SHOWN_H
#define WHET_API_SHOWN_H

#include <jansson.h>

/* The document with all of its texts and keys printable on one line; a member "text" of the whole, which is meant to be printed
 * as it stands, is left. The document itself if nothing had to be changed. Owned by the caller; NULL without memory. */
json_t *whet_shown(json_t *doc);

#endif
