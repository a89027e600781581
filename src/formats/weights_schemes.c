/* SPDX-License-Identifier: Apache-2.0 */
/* torchvision's names of MobileNetV2 and EfficientNet-B0 for timm's, which the zoo has. Both list the blocks of a network
 * in the same order: timm by stage and place, torchvision's MobileNetV2 by one running number. Source: the keys of the
 * published state dicts (torchvision 0.11 and later; timm 0.6 and later). ResNets have the same names in both. */
#include "formats/weights_schemes.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

typedef struct pair { const char *timm, *other; } pair;

static const pair *find(const pair *list, size_t n, const char *layer)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].timm, layer) == 0) return &list[i];
    return NULL;
}

/* "blocks.2.1.conv_pw.weight" -> stage 2, place 1, layer "conv_pw", part ".weight"; "bn1.bias" -> stage -1. */
typedef struct parsed { int stage, place; char layer[40]; const char *part; } parsed;

static bool parse(const char *name, parsed *p)
{
    int used = 0;
    p->stage = p->place = -1;
    if (sscanf(name, "blocks.%1d.%1d.%n", &p->stage, &p->place, &used) == 2 && used > 0) name += used;
    else p->stage = -1;
    p->part = strrchr(name, '.');
    if (!p->part || p->part == name || (size_t)(p->part - name) >= sizeof(p->layer)) return false;
    memcpy(p->layer, name, (size_t)(p->part - name));
    p->layer[p->part - name] = '\0';
    return true;
}

static bool mobilenetv2(const parsed *p, char *out, size_t size)
{
    static const int first[] = {1, 2, 4, 7, 11, 14, 17}; /* running number of a stage's first block */
    static const pair ends[] = {{"conv_stem", "features.0.0"}, {"bn1", "features.0.1"}, {"conv_head", "features.18.0"},
                                {"bn2", "features.18.1"}, {"classifier", "classifier.1"}};
    static const pair narrow[] = {{"conv_dw", "conv.0.0"}, {"bn1", "conv.0.1"}, {"conv_pw", "conv.1"}, {"bn2", "conv.2"}};
    static const pair wide[] = {{"conv_pw", "conv.0.0"}, {"bn1", "conv.0.1"}, {"conv_dw", "conv.1.0"},
                                {"bn2", "conv.1.1"}, {"conv_pwl", "conv.2"}, {"bn3", "conv.3"}};
    const pair *l = NULL;
    if (p->stage < 0) {
        l = find(ends, WHET_COUNT(ends), p->layer);
        return l && snprintf(out, size, "%s%s", l->other, p->part) < (int)size;
    }
    if (p->stage >= (int)WHET_COUNT(first)) return false;
    l = p->stage == 0 ? find(narrow, WHET_COUNT(narrow), p->layer) : find(wide, WHET_COUNT(wide), p->layer);
    return l && snprintf(out, size, "features.%d.%s%s", first[p->stage] + p->place, l->other, p->part) < (int)size;
}

static bool efficientnet(const parsed *p, char *out, size_t size)
{
    static const pair ends[] = {{"conv_stem", "features.0.0"}, {"bn1", "features.0.1"}, {"conv_head", "features.8.0"},
                                {"bn2", "features.8.1"}, {"classifier", "classifier.1"}};
    static const pair narrow[] = {{"conv_dw", "0.0"}, {"bn1", "0.1"}, {"se.conv_reduce", "1.fc1"}, {"se.conv_expand", "1.fc2"},
                                  {"conv_pw", "2.0"}, {"bn2", "2.1"}};
    static const pair wide[] = {{"conv_pw", "0.0"}, {"bn1", "0.1"}, {"conv_dw", "1.0"}, {"bn2", "1.1"},
                                {"se.conv_reduce", "2.fc1"}, {"se.conv_expand", "2.fc2"}, {"conv_pwl", "3.0"}, {"bn3", "3.1"}};
    const pair *l = NULL;
    if (p->stage < 0) {
        l = find(ends, WHET_COUNT(ends), p->layer);
        return l && snprintf(out, size, "%s%s", l->other, p->part) < (int)size;
    }
    l = p->stage == 0 ? find(narrow, WHET_COUNT(narrow), p->layer) : find(wide, WHET_COUNT(wide), p->layer);
    return l && snprintf(out, size, "features.%d.%d.block.%s%s", p->stage + 1, p->place, l->other, p->part) < (int)size;
}

static bool (*const schemes[])(const parsed *p, char *out, size_t size) = {NULL, mobilenetv2, efficientnet};

int weights_scheme_count(void) { return (int)WHET_COUNT(schemes); }

bool weights_scheme_name(int i, const char *name, char *out, size_t size)
{
    parsed p;
    if (!schemes[i]) return snprintf(out, size, "%s", name) < (int)size;
    return parse(name, &p) && schemes[i](&p, out, size);
}
