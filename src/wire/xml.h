/* SPDX-License-Identifier: Apache-2.0 */
/* XML: a strict push reader over expat, and a writer.
 *
 * Documents with a document type (so: with entities) are refused, as are elements nested deeper than WHET_XML_DEPTH. Damage
 * is EFORMAT with file and line; a handler's own error gets the line of the element it was called for. */
#ifndef WHET_WIRE_XML_H
#define WHET_WIRE_XML_H

#include "base/strbuf.h"

enum { WHET_XML_DEPTH = 64, WHET_XML_TEXT = 1 << 20 };

typedef struct whet_xml_handler {
    /* attrs: name, value, name, value, ..., NULL; valid during the call. */
    whet_status (*open)(void *arg, const char *name, const char *const *attrs, int64_t line);
    /* text: what stood directly inside, blanks at both ends cut; "" where there were elements inside. */
    whet_status (*close)(void *arg, const char *name, const char *text);
} whet_xml_handler;

/* `file` is for errors. */
whet_status whet_xml_parse(const void *data, size_t size, const char *file, const whet_xml_handler *h, void *arg);
const char *whet_xml_find(const char *const *attrs, const char *name); /* NULL if absent */

/* Writing: elements indented by tabs. Bytes that XML cannot hold (control characters, broken UTF-8) become '_'. One check of
 * out.failed at the end is enough. */
typedef struct whet_xml_writer {
    whet_strbuf out;
    int depth;
    bool tag_open; /* "<name" stands, ">" not yet */
    const char *stack[WHET_XML_DEPTH];
} whet_xml_writer;

void whet_xml_writer_init(whet_xml_writer *w);
void whet_xml_writer_dispose(whet_xml_writer *w);
void whet_xml_begin(whet_xml_writer *w, const char *name); /* borrowed until its end */
void whet_xml_attr(whet_xml_writer *w, const char *name, const char *value);
void whet_xml_attr_int(whet_xml_writer *w, const char *name, int64_t value);
void whet_xml_end(whet_xml_writer *w);
void whet_xml_leaf(whet_xml_writer *w, const char *name, const char *text); /* <name>text</name> */

#endif
