/* SPDX-License-Identifier: Apache-2.0 */
/* The options that say a preprocessing contract, shared by the commands that take one. S is the command's argument struct,
 * F its whet_contract_fields member. */
#ifndef WHET_CLI_CONTRACT_OPTS_H
#define WHET_CLI_CONTRACT_OPTS_H

#include "opt.h"
#include "whet/contract.h"

#define CONTRACT_OPTS(S, F)                                                                                         \
    {"contract", 0, OPT_PATH, "NAME", "unit, pm1, imagenet, caffe, raw or a JSON file (the model's own)",           \
     offsetof(S, F.base)},                                                                                          \
        {"size", 0, OPT_STRING, "HxW", "input size, e.g. 224 or 224x320", offsetof(S, F.dims)},                     \
        {"fit", 0, OPT_STRING, "stretch|crop|letterbox", "how a picture is brought to the size", offsetof(S, F.fit)}, \
        {"crop", 0, OPT_STRING, "SHARE", "centre crop after the resize, e.g. 0.875", offsetof(S, F.crop)},          \
        {"resize", 0, OPT_STRING, "pillow|opencv|tf", "whose resize", offsetof(S, F.resize)},                       \
        {"filter", 0, OPT_STRING, "NAME", "nearest, box, bilinear, bicubic, lanczos or area", offsetof(S, F.filter)}, \
        {"antialias", 0, OPT_STRING, "on|off", "antialiasing of tf's resize", offsetof(S, F.antialias)},            \
        {"round", 0, OPT_STRING, "on|off", "round resized values to whole grey levels", offsetof(S, F.round)},      \
        {"pad", 0, OPT_STRING, "LEVEL", "grey level around a letterbox", offsetof(S, F.pad)},                       \
        {"color", 0, OPT_STRING, "rgb|bgr|gray", "order of the channels", offsetof(S, F.color)},                    \
        {"scale", 0, OPT_STRING, "X", "factor on 0..255, e.g. 1/255", offsetof(S, F.scale)},                        \
        {"mean", 0, OPT_STRING, "LIST", "subtracted after scaling, e.g. 0.485,0.456,0.406", offsetof(S, F.mean)},   \
        {"std", 0, OPT_STRING, "LIST", "divided by after the mean", offsetof(S, F.std)},                            \
        {"layout", 0, OPT_STRING, "nchw|nhwc", "layout of the input", offsetof(S, F.layout)},                       \
        {"labels", 0, OPT_PATH, "LIST", "class names: a,b,c or a file with one a line", offsetof(S, F.labels)}

#endif
