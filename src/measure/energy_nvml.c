/* SPDX-License-Identifier: Apache-2.0 */
/* NVIDIA's management library, opened by name: the total energy counter of each card (Volta and newer), in millijoules. It updates
 * every 20 to 100 ms, so windows must be seconds. Cards are shown beside the sum: no row computes on one. */
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "measure/energy_sources.h"

typedef void *nvml_device;
typedef struct nvml {
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *n);
    int (*handle)(unsigned i, nvml_device *d);
    int (*name)(nvml_device d, char *text, unsigned size);
    int (*energy)(nvml_device d, unsigned long long *mj);
} nvml;

typedef struct card { nvml_device device; int (*energy)(nvml_device, unsigned long long *); } card;

static double read_card(void *arg)
{
    const card *c = arg;
    unsigned long long mj = 0;
    return c->energy(c->device, &mj) == 0 ? (double)mj / 1e3 : (double)NAN;
}

static bool bind(void *library, nvml *n)
{
    const struct { const char *name; void *to; } symbols[] = {{"nvmlInit_v2", &n->init}, {"nvmlShutdown", &n->shutdown},
        {"nvmlDeviceGetCount_v2", &n->count}, {"nvmlDeviceGetHandleByIndex_v2", &n->handle}, {"nvmlDeviceGetName", &n->name},
        {"nvmlDeviceGetTotalEnergyConsumption", &n->energy}};
    for (size_t i = 0; i < WHET_COUNT(symbols); i++) {
        void *p = dlsym(library, symbols[i].name);
        if (p == NULL) return false;
        memcpy(symbols[i].to, &p, sizeof p);
    }
    return true;
}

static whet_status add_cards(whet_sources *l, const nvml *n)
{
    unsigned count = 0;
    if (n->count(&count) != 0) return WHET_OK;
    for (unsigned i = 0; i < count; i++) {
        char name[64] = "";
        nvml_device d = NULL;
        unsigned long long mj = 0;
        if (n->handle(i, &d) != 0 || n->energy(d, &mj) != 0) continue;
        card *c = whet_calloc(1, sizeof *c);
        whet_source *s = c != NULL ? whet_sources_add(l) : NULL;
        if (s == NULL) {
            whet_free(c);
            return c == NULL ? WHET_ENOMEM : WHET_OK;
        }
        *c = (card){d, n->energy};
        (void)n->name(d, name, sizeof name);
        snprintf(s->name, sizeof s->name, "NVML %u %.60s", i, name);
        s->rank = WHET_SOURCE_BESIDE;
        s->counter = true;
        s->slow = true;
        s->read = read_card;
        s->dispose = whet_free;
        s->arg = c;
    }
    return WHET_OK;
}

/* The library stays loaded: the cards' counters are read through it as long as the program runs. */
whet_status whet_sources_nvml(whet_sources *l, const char *library)
{
    nvml n;
    void *h = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (h == NULL) {
        whet_sources_miss(l, "no NVML (%s is not there)", library);
        return WHET_OK;
    }
    if (!bind(h, &n) || n.init() != 0) {
        whet_sources_miss(l, "NVML is there but cannot be used");
        dlclose(h);
        return WHET_OK;
    }
    return add_cards(l, &n);
}
