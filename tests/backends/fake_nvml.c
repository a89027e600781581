/* SPDX-License-Identifier: Apache-2.0 */
/* What the meter asks of NVIDIA's management library: two cards, the second without a counter. The first draws 50 W. */
#include <stdio.h>
#include <time.h>

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *n);
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **d);
int nvmlDeviceGetName(void *d, char *text, unsigned size);
int nvmlDeviceGetTotalEnergyConsumption(void *d, unsigned long long *mj);

static int cards[2];

int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }

int nvmlDeviceGetCount_v2(unsigned *n)
{
    *n = 2;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **d)
{
    *d = &cards[i];
    return 0;
}

int nvmlDeviceGetName(void *d, char *text, unsigned size)
{
    snprintf(text, size, "fake card %d", (int)((int *)d - cards));
    return 0;
}

int nvmlDeviceGetTotalEnergyConsumption(void *d, unsigned long long *mj)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    *mj = ((unsigned long long)t.tv_sec * 1000 + (unsigned long long)t.tv_nsec / 1000000) * 50;
    return d == &cards[0] ? 0 : 3;
}
