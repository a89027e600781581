/* SPDX-License-Identifier: Apache-2.0 */
/* OpenVINO IR, versions 10 and 11: NAME.xml (layers and edges) and NAME.bin (constants) <-> graph. */
#ifndef WHET_FORMATS_OPENVINO_H
#define WHET_FORMATS_OPENVINO_H

#include "formats/formats.h"

/* As a row of the format table. The bytes of large constants are views into the mapped .bin. */
bool whet_openvino_detect(const uint8_t *head, size_t n, size_t file_size, const char *path);
whet_status whet_openvino_read(whet_graph **out, const char *path, const whet_format_options *o);
/* path must end in .xml; both files are replaced atomically, one after the other. Equal graphs give equal bytes. */
whet_status whet_openvino_write(const whet_graph *g, const char *path, const whet_format_options *o);

/* From and to memory; `file` is for errors. Constants are copied. */
whet_status whet_openvino_read_mem(whet_graph **out, const void *xml, size_t xml_size, const void *bin, size_t bin_size,
                                   const char *file);
whet_status whet_openvino_write_mem(const whet_graph *g, char **xml, size_t *xml_size, uint8_t **bin, size_t *bin_size,
                                    const whet_format_options *o);

#endif
