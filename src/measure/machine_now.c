/* SPDX-License-Identifier: Apache-2.0 */
/* Clock by cpufreq, else by /proc/cpuinfo (the mean of all). Temperature by the thermal zones and hwmon chips that are known to
 * sit in processors. Throttling by the counters of the cores, and of the Raspberry Pi's firmware not at all: they are no counters. */
#include "measure/machine_now.h"

#include <math.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "measure/machine.h"

static double number_in(const char *path)
{
    char text[64], *end = NULL;
    whet_machine_text(path, text, sizeof text);
    const double x = strtod(text, &end);
    return end != text ? x : (double)NAN;
}

static double clock_of(const char *root, int n, const int *cpus)
{
    char path[300], line[256];
    double sum = 0;
    int count = 0;
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", root, cpus[i]);
        const double khz = number_in(path);
        if (isnan(khz)) continue;
        sum += khz / 1e3;
        count++;
    }
    if (count > 0) return sum / count;
    snprintf(path, sizeof path, "%s/proc/cpuinfo", root);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "cpu MHz", 7) == 0 && strchr(line, ':') != NULL) {
            sum += atof(strchr(line, ':') + 1);
            count++;
        }
    if (f != NULL) fclose(f);
    return count > 0 ? sum / count : (double)NAN;
}

static bool among(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(name, list[i], strlen(list[i])) == 0) return true;
    return false;
}

static double temperature(const char *root)
{
    static const char *const zones[] = {"x86_pkg_temp", "cpu", "CPU", "soc", "TCPU"}, *const chips[] = {"coretemp", "k10temp", "zenpower", "cpu_thermal"};
    char path[300], name[64];
    double most = NAN;
    for (int i = 0; i < 64; i++) {
        snprintf(path, sizeof path, "%s/sys/class/thermal/thermal_zone%d/type", root, i);
        if (whet_machine_text(path, name, sizeof name)[0] == '\0' || !among(name, zones, WHET_COUNT(zones))) continue;
        snprintf(path, sizeof path, "%s/sys/class/thermal/thermal_zone%d/temp", root, i);
        most = fmax(most, number_in(path) / 1e3);
    }
    for (int i = 0; i < 32; i++) {
        snprintf(path, sizeof path, "%s/sys/class/hwmon/hwmon%d/name", root, i);
        if (whet_machine_text(path, name, sizeof name)[0] == '\0' || !among(name, chips, WHET_COUNT(chips))) continue;
        for (int k = 1; k <= 8; k++) {
            snprintf(path, sizeof path, "%s/sys/class/hwmon/hwmon%d/temp%d_input", root, i, k);
            most = fmax(most, number_in(path) / 1e3); /* fmax leaves NaN out */
        }
    }
    return most;
}

static double throttles(const char *root, int n, const int *cpus)
{
    char path[300];
    double sum = NAN;
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu%d/thermal_throttle/core_throttle_count", root, cpus[i]);
        const double x = number_in(path);
        if (!isnan(x)) sum = isnan(sum) ? x : sum + x;
    }
    return sum;
}

void whet_machine_now(whet_machine_state *s, const char *root, int n_cpus, const int *cpus)
{
    if (root == NULL) root = "";
    s->mhz = clock_of(root, n_cpus, cpus);
    s->celsius = temperature(root);
    s->throttles = throttles(root, n_cpus, cpus);
}
