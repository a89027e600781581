/* SPDX-License-Identifier: Apache-2.0 */
/* TorchScript archives (torch.jit.save). Reading evaluates the source of the module's forward over a graph under construction;
 * what lies outside of the subset that tracing and scripting of vision networks produce is EUNSUPPORTED naming operator, source
 * file and line. Nothing of the file is executed. See docs/formats/torchscript.md. */
#ifndef WHET_FORMATS_TORCHSCRIPT_H
#define WHET_FORMATS_TORCHSCRIPT_H

#include "formats/formats.h"

bool whet_torchscript_detect(const uint8_t *head, size_t n, size_t file_size, const char *path);
/* Weights are named by their path in the module ("layer1.0.conv1.weight"); inputs as the parameters of forward. Their shapes are
 * those of our own files; in others they are what the code says of them, the rest symbols (N, C, H, W). */
whet_status whet_torchscript_read(whet_graph **out, const char *path, const whet_format_options *o);
/* Of memory that need not outlive the graph; name stands in errors. */
whet_status whet_torchscript_read_mem(whet_graph **out, const void *data, size_t size, const char *name, const whet_format_options *o);
/* Version 3, which LibTorch 1.13 and later load. */
whet_status whet_torchscript_write(const whet_graph *g, const char *path, const whet_format_options *o);

#endif
