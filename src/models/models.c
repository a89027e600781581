/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the zoo and the search in it. */
#include "models/models.h"

#include "base/spelling.h"
#include "base/strbuf.h"
#include "models/model_families.h"

static const whet_model zoo[] = {
    {"lenet", "LeNet-5 for digits", 1, 28, 28, 10, 61706, whet_model_lenet, 0},
    {"cifar-convnet", "three convolutions and two linear layers", 3, 32, 32, 10, 122570, whet_model_cifar_convnet, 0},
    {"resnet20", "residual network for CIFAR, option A", 3, 32, 32, 10, 269722, whet_model_resnet_cifar, 20},
    {"resnet32", "residual network for CIFAR, option A", 3, 32, 32, 10, 464154, whet_model_resnet_cifar, 32},
    {"resnet44", "residual network for CIFAR, option A", 3, 32, 32, 10, 658586, whet_model_resnet_cifar, 44},
    {"resnet56", "residual network for CIFAR, option A", 3, 32, 32, 10, 853018, whet_model_resnet_cifar, 56},
    {"resnet50", "residual network of bottlenecks", 3, 224, 224, 1000, 25557032, whet_model_resnet, 0},
    {"mobilenetv2", "inverted residuals, ReLU6", 3, 224, 224, 1000, 3504872, whet_model_mobilenetv2, 0},
    {"efficientnet-b0", "inverted residuals with squeeze-and-excite, SiLU", 3, 224, 224, 1000, 5288548, whet_model_efficientnet, 0},
    {"vit-tiny-16", "vision transformer, patches of 16x16", 3, 224, 224, 1000, 5717416, whet_model_vit, 0},
};

void whet_model_options_init(whet_model_options *o) { *o = (whet_model_options){.size = sizeof *o}; }
int whet_model_count(void) { return (int)WHET_COUNT(zoo); }
const whet_model *whet_model_at(int i) { return &zoo[i]; }

const whet_model *whet_model_find(const char *name)
{
    for (size_t i = 0; i < WHET_COUNT(zoo); i++)
        if (strcmp(zoo[i].name, name) == 0) return &zoo[i];
    return NULL;
}

static whet_status unknown(const char *name)
{
    whet_spelling spelling = {.word = name};
    whet_strbuf s;
    whet_strbuf_init(&s);
    for (int i = 0; i < whet_model_count(); i++) {
        whet_strbuf_printf(&s, "%s%s", i > 0 ? ", " : "", zoo[i].name);
        whet_spelling_offer(&spelling, zoo[i].name);
    }
    char *all = whet_strbuf_take(&s);
    const char *near = spelling.nearest;
    if (all == NULL) return WHET_ENOMEM;
    WHET_FAIL(WHET_EINVAL, "model '%s' is unknown%s%s%s; there are: %s", name, near != NULL ? "; did you mean '" : "",
              near != NULL ? near : "", near != NULL ? "'" : "", all);
    whet_free(all);
    return WHET_EINVAL;
}

static whet_status fill_options(const whet_model *m, const whet_model_options *opt, whet_model_options *o)
{
    whet_model_options_init(o);
    if (opt != NULL) *o = *opt;
    if (o->in_channels == 0) o->in_channels = m->in_channels;
    if (o->height == 0) o->height = m->height;
    if (o->width == 0) o->width = m->width;
    if (o->classes == 0) o->classes = m->classes;
    const int64_t size[4] = {o->in_channels, o->height, o->width, o->classes};
    for (int i = 0; i < 4; i++)
        if (size[i] < 1 || size[i] > 65536)
            return WHET_FAIL(WHET_EINVAL, "model '%s': channels, height, width and classes must be 1 to 65536", m->name);
    return WHET_OK;
}

whet_status whet_model_build(const char *name, const whet_model_options *opt, whet_graph **out)
{
    const whet_model *m = whet_model_find(name);
    whet_model_options o;
    whet_graph *g = NULL;
    whet_status status = WHET_OK;
    *out = NULL;
    if (m == NULL) return unknown(name);
    WHET_TRY(fill_options(m, opt, &o));
    WHET_TRY(whet_graph_create(&g, m->name));
    WHET_GOTO(m->build(g, &o, m->arg));
    WHET_GOTO(whet_graph_set_meta(g, "model", m->name));
    *out = g;
    return WHET_OK;
done:
    whet_graph_free(g);
    return status;
}

int64_t whet_model_parameters(const whet_graph *g)
{
    int64_t n = 0;
    for (int i = 0; i < g->n_values; i++)
        if (g->values[i].kind == WHET_VALUE_VARIABLE && g->values[i].trainable) n += whet_tensor_numel(&g->values[i].data);
    return n;
}
