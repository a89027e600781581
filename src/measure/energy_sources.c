/* SPDX-License-Identifier: Apache-2.0 */
/* Sensors of the kernel. RAPL: /sys/class/powercap, microjoules per zone with their wrap; packages and their memory are summed,
 * the parts of a package and the whole platform (psys), which overlap them, are left out. hwmon: power*_input in microwatts, or
 * for INA3221 the product of millivolts and milliamperes; a rail that measures the board's input counts alone, else all rails.
 * IIO: the same chip under the older kernels of Jetson boards. */
#include "measure/energy_sources.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "measure/machine.h"

typedef struct file_sensor { char path[2][256]; double scale; } file_sensor; /* the product of two files where path[1] is there */

static double number_in(const char *path)
{
    char text[64], *end = NULL;
    whet_machine_text(path, text, sizeof text);
    const double x = strtod(text, &end);
    return end != text ? x : (double)NAN;
}

static double read_files(void *arg)
{
    const file_sensor *f = arg;
    double x = number_in(f->path[0]) * f->scale;
    if (f->path[1][0] != '\0') x *= number_in(f->path[1]);
    return x;
}

static whet_status add_files(whet_sources *l, const char *a, const char *b, double scale, whet_source **out)
{
    file_sensor *f = whet_calloc(1, sizeof *f);
    *out = f != NULL ? whet_sources_add(l) : NULL;
    if (f == NULL) return WHET_ENOMEM;
    if (*out == NULL) { /* more than are kept */
        whet_free(f);
        return WHET_OK;
    }
    snprintf(f->path[0], sizeof f->path[0], "%s", a);
    snprintf(f->path[1], sizeof f->path[1], "%s", b);
    f->scale = scale;
    (*out)->read = read_files;
    (*out)->dispose = whet_free;
    (*out)->arg = f;
    return WHET_OK;
}

/* --- RAPL */
static bool rapl_zone(const char *folder)
{
    int package = 0, part = 0;
    char rest = 0;
    return sscanf(folder, "intel-rapl:%d%c", &package, &rest) == 1 || sscanf(folder, "intel-rapl:%d:%d%c", &package, &part, &rest) == 2;
}

static whet_status add_zone(whet_sources *l, const char *base, const char *folder, bool *locked)
{
    char path[256], name[64], limit[300];
    whet_source *s = NULL;
    if (snprintf(path, sizeof path, "%s/%s/name", base, folder) >= (int)sizeof path) return WHET_OK;
    whet_machine_text(path, name, sizeof name);
    if (strncmp(name, "package", 7) != 0 && strcmp(name, "dram") != 0) return WHET_OK;
    if (snprintf(path, sizeof path, "%s/%s/energy_uj", base, folder) >= (int)sizeof path) return WHET_OK;
    if (isnan(number_in(path))) {
        *locked = true;
        return WHET_OK;
    }
    WHET_TRY(add_files(l, path, "", 1e-6, &s));
    if (s == NULL) return WHET_OK;
    snprintf(limit, sizeof limit, "%.200s/%.40s/max_energy_range_uj", base, folder);
    const double wrap = number_in(limit);
    s->wrap = isnan(wrap) ? 0 : wrap * 1e-6;
    s->rank = WHET_SOURCE_RAPL;
    s->counter = true;
    snprintf(s->name, sizeof s->name, strcmp(name, "dram") == 0 ? "RAPL %s of %s" : "RAPL %s", name, folder + strlen("intel-rapl:"));
    return WHET_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The folder's entries in order, so that sources have the same places each time; -1 if it is not there. */
static int entries(const char *path, char (*names)[64], int most)
{
    DIR *d = opendir(path);
    int n = 0;
    if (d == NULL) return -1;
    for (struct dirent *e = readdir(d); e != NULL && n < most; e = readdir(d))
        if (e->d_name[0] != '.' && strlen(e->d_name) < 64) snprintf(names[n++], 64, "%.63s", e->d_name);
    closedir(d);
    qsort(names, (size_t)n, 64, by_name);
    return n;
}

enum { MOST = 256 };

whet_status whet_sources_rapl(whet_sources *l, const char *root)
{
    char base[200], names[MOST][64];
    bool locked = false;
    const int before = l->n;
    snprintf(base, sizeof base, "%.100s/sys/class/powercap", root);
    const int n = entries(base, names, MOST);
    for (int i = 0; i < n; i++)
        if (rapl_zone(names[i])) WHET_TRY(add_zone(l, base, names[i], &locked));
    if (l->n > before) return WHET_OK;
    if (locked)
        whet_sources_miss(l, "RAPL is there, but its counters are for root: chmod a+r /sys/class/powercap/intel-rapl*/energy_uj");
    else
        whet_sources_miss(l, "no RAPL (%s)", n < 0 ? "no /sys/class/powercap, as in virtual machines" : "no package zone");
    return WHET_OK;
}

/* --- rails: the input of the board counts alone where it is known */
static bool is_input_rail(const char *label)
{
    static const char *const inputs[] = {"VDD_IN", "POM_5V_IN", "TOTAL"};
    for (size_t i = 0; i < WHET_COUNT(inputs); i++)
        if (strstr(label, inputs[i]) != NULL) return true;
    return false;
}

static void rank_rails(whet_sources *l, int from)
{
    bool whole = false;
    for (int i = from; i < l->n; i++) whole |= l->s[i].rank == WHET_SOURCE_SENSOR && is_input_rail(l->s[i].name);
    for (int i = from; i < l->n && whole; i++)
        if (!is_input_rail(l->s[i].name)) l->s[i].rank = WHET_SOURCE_BESIDE;
}

/* Graphics cards, drives and network chips measure themselves, not what computes. */
static bool is_device(const char *chip)
{
    static const char *const devices[] = {"amdgpu", "nouveau", "i915", "xe", "nvme", "mlx5"};
    for (size_t i = 0; i < WHET_COUNT(devices); i++)
        if (strcmp(devices[i], chip) == 0) return true;
    return false;
}

static whet_status add_rail(whet_sources *l, const char *chip, const char *label, const char *a, const char *b, double scale)
{
    whet_source *s = NULL;
    if (isnan(number_in(a)) || (b[0] != '\0' && isnan(number_in(b)))) return WHET_OK;
    WHET_TRY(add_files(l, a, b, scale, &s));
    if (s == NULL) return WHET_OK;
    s->rank = is_device(chip) ? WHET_SOURCE_BESIDE : WHET_SOURCE_SENSOR;
    s->slow = true;
    snprintf(s->name, sizeof s->name, "%.40s %.40s", chip, label);
    return WHET_OK;
}

static whet_status add_chip(whet_sources *l, const char *dir)
{
    char path[256], more[256], chip[64], label[64];
    snprintf(path, sizeof path, "%.230s/name", dir);
    whet_machine_text(path, chip, sizeof chip);
    for (int i = 1; i <= 8; i++) {
        snprintf(path, sizeof path, "%.230s/power%d_label", dir, i);
        if (whet_machine_text(path, label, sizeof label)[0] == '\0') snprintf(label, sizeof label, "power%d", i);
        snprintf(path, sizeof path, "%.230s/power%d_input", dir, i);
        if (isnan(number_in(path))) snprintf(path, sizeof path, "%.230s/power%d_average", dir, i); /* as ACPI's power meter has it */
        WHET_TRY(add_rail(l, chip, label, path, "", 1e-6));
    }
    if (strncmp(chip, "ina3221", 7) != 0) return WHET_OK;
    for (int i = 1; i <= 3; i++) {
        snprintf(path, sizeof path, "%.230s/in%d_label", dir, i);
        if (whet_machine_text(path, label, sizeof label)[0] == '\0') snprintf(label, sizeof label, "in%d", i);
        snprintf(path, sizeof path, "%.230s/in%d_input", dir, i);
        snprintf(more, sizeof more, "%.230s/curr%d_input", dir, i);
        WHET_TRY(add_rail(l, chip, label, path, more, 1e-6)); /* mV x mA */
    }
    return WHET_OK;
}

whet_status whet_sources_hwmon(whet_sources *l, const char *root)
{
    char base[200], dir[280], names[MOST][64];
    const int from = l->n;
    snprintf(base, sizeof base, "%.100s/sys/class/hwmon", root);
    const int n = entries(base, names, MOST);
    for (int i = 0; i < n; i++) {
        snprintf(dir, sizeof dir, "%s/%.63s", base, names[i]);
        WHET_TRY(add_chip(l, dir));
    }
    rank_rails(l, from);
    if (l->n == from) whet_sources_miss(l, "no power sensor in /sys/class/hwmon");
    return WHET_OK;
}

/* --- IIO */
whet_status whet_sources_iio(whet_sources *l, const char *root)
{
    char base[200], path[300], label[64], names[MOST][64], devices[16][64];
    const int from = l->n;
    snprintf(base, sizeof base, "%.100s/sys/bus/i2c/drivers/ina3221x", root);
    const int n = entries(base, names, MOST);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%.63s", base, names[i]);
        const int k = entries(path, devices, 16);
        for (int d = 0; d < k; d++) {
            if (strncmp(devices[d], "iio:device", 10) != 0) continue;
            for (int rail = 0; rail < 3; rail++) {
                char power[256];
                snprintf(path, sizeof path, "%.130s/%.30s/%.30s/rail_name_%d", base, names[i], devices[d], rail);
                if (whet_machine_text(path, label, sizeof label)[0] == '\0') snprintf(label, sizeof label, "rail %d", rail);
                snprintf(power, sizeof power, "%.130s/%.30s/%.30s/in_power%d_input", base, names[i], devices[d], rail);
                WHET_TRY(add_rail(l, "ina3221x", label, power, "", 1e-3));
            }
        }
    }
    rank_rails(l, from);
    return WHET_OK;
}
