/* SPDX-License-Identifier: Apache-2.0 */
/* The builders, one file a family; models.c holds the table. */
#ifndef WHET_MODELS_MODEL_FAMILIES_H
#define WHET_MODELS_MODEL_FAMILIES_H

#include "models/model_parts.h"

whet_status whet_model_lenet(whet_graph *g, const whet_model_options *o, int arg);
whet_status whet_model_cifar_convnet(whet_graph *g, const whet_model_options *o, int arg);
whet_status whet_model_resnet_cifar(whet_graph *g, const whet_model_options *o, int depth); /* 6n + 2 */
whet_status whet_model_resnet(whet_graph *g, const whet_model_options *o, int arg);
whet_status whet_model_mobilenetv2(whet_graph *g, const whet_model_options *o, int arg);
whet_status whet_model_efficientnet(whet_graph *g, const whet_model_options *o, int arg);
whet_status whet_model_vit(whet_graph *g, const whet_model_options *o, int arg);

#endif
