/* SPDX-License-Identifier: Apache-2.0 */
/* Lookup in the tables that wheels.def makes. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "backend/runtime_pins.h"
#include "base/mem.h"

static const whet_runtime_pin pins[] = {
#define R(n, version, package, library) {#n, version, package, library},
#define W(n, version, machine, file, sha256)
#define U(n, folder, pattern, to)
#include "backend/wheels.def"
#undef R
#undef W
#undef U
};
static const whet_runtime_wheel wheels[] = {
#define R(n, version, package, library)
#define W(n, version, machine, file, sha256) {#n, version, machine, file, sha256},
#define U(n, folder, pattern, to)
#include "backend/wheels.def"
#undef R
#undef W
#undef U
};
static const whet_runtime_part parts[] = {
#define R(n, version, package, library)
#define W(n, version, machine, file, sha256)
#define U(n, folder, pattern, to) {#n, folder, pattern, to},
#include "backend/wheels.def"
#undef R
#undef W
#undef U
};

const whet_runtime_pin *whet_runtime_pin_find(const char *name, const char *version)
{
    for (size_t i = 0; i < WHET_COUNT(pins); i++) {
        const bool any = version == NULL || version[0] == '\0' || strcmp(pins[i].version, version) == 0;
        if (any && strcmp(pins[i].name, name) == 0) return &pins[i];
    }
    return NULL;
}

const whet_runtime_pin *whet_runtime_pin_at(size_t i)
{
    return i < WHET_COUNT(pins) ? &pins[i] : NULL;
}

static bool is_of(const whet_runtime_wheel *w, const whet_runtime_pin *r)
{
    return strcmp(w->runtime, r->name) == 0 && strcmp(w->version, r->version) == 0;
}

const whet_runtime_wheel *whet_runtime_wheel_named(const whet_runtime_pin *r, const char *file)
{
    for (size_t i = 0; i < WHET_COUNT(wheels); i++)
        if (is_of(&wheels[i], r) && strcmp(wheels[i].file, file) == 0) return &wheels[i];
    return NULL;
}

const whet_runtime_wheel *whet_runtime_wheel_at(const whet_runtime_pin *r, const char *machine, size_t nth)
{
    for (size_t i = 0; i < WHET_COUNT(wheels); i++)
        if (is_of(&wheels[i], r) && strcmp(wheels[i].machine, machine) == 0 && nth-- == 0) return &wheels[i];
    return NULL;
}

const whet_runtime_part *whet_runtime_part_at(const whet_runtime_pin *r, size_t nth)
{
    for (size_t i = 0; i < WHET_COUNT(parts); i++)
        if (strcmp(parts[i].runtime, r->name) == 0 && nth-- == 0) return &parts[i];
    return NULL;
}

const whet_runtime_part *whet_runtime_part_of(const whet_runtime_pin *r, const char *entry, const char **rest)
{
    const whet_runtime_part *p = NULL;
    for (size_t i = 0; (p = whet_runtime_part_at(r, i)) != NULL; i++) {
        const size_t n = strlen(p->folder);
        if (strncmp(entry, p->folder, n) != 0 || entry[n] == '\0' || fnmatch(p->pattern, entry + n, 0) != 0) continue;
        *rest = entry + n;
        return p->to != NULL ? p : NULL;
    }
    return NULL;
}

static void add_word(char *out, size_t cap, const char *word)
{
    const size_t n = strlen(out);
    snprintf(out + n, cap - n, "%s%s", n > 0 ? " " : "", word);
}

void whet_runtime_pin_names(char *out, size_t cap)
{
    out[0] = '\0';
    for (size_t i = 0; i < WHET_COUNT(pins); i++)
        if (whet_runtime_pin_find(pins[i].name, NULL) == &pins[i]) add_word(out, cap, pins[i].name);
}

void whet_runtime_pin_versions(const char *name, char *out, size_t cap)
{
    out[0] = '\0';
    for (size_t i = 0; i < WHET_COUNT(pins); i++)
        if (strcmp(pins[i].name, name) == 0) add_word(out, cap, pins[i].version);
}
