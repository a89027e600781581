/* SPDX-License-Identifier: Apache-2.0 */
/* The machines: a list on the command line or an inventory file. */
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/printable.h"
#include "study/fleet.h"
#include "wire/yaml.h"

enum { MAX_FOLDER = 400 };

static whet_status add(fleet_host **list, int *n, fleet_host **made)
{
    if (*n >= WHET_FLEET_MAX_HOSTS) return WHET_FAIL(WHET_EINVAL, "more than %d machines", WHET_FLEET_MAX_HOSTS);
    fleet_host *bigger = whet_realloc(*list, (size_t)*n + 1, sizeof **list);
    if (bigger == NULL) return WHET_ENOMEM;
    *list = bigger;
    *made = &bigger[(*n)++];
    memset(*made, 0, sizeof **made);
    return WHET_OK;
}

/* What ssh would take for an option, or a shell for more than a name, is none. */
static whet_status check(const fleet_host *list, int n)
{
    const fleet_host *h = &list[n - 1];
    if (h->address == NULL || h->name == NULL) return WHET_ENOMEM;
    if (h->address[0] == '-' || h->address[0] == '\0' || strpbrk(h->address, " \t\n'\"\\;|&$<>()`") != NULL)
        return WHET_FAIL(WHET_EINVAL, "'%s' is no machine, use user@machine or a name of your ssh configuration", h->address);
    for (const char *p = h->name; *p != '\0'; p++)
        if ((unsigned char)*p < 32 || *p == '/') return WHET_FAIL(WHET_EINVAL, "the name '%s' of a machine has characters that names do not have", h->name);
    if (h->machine != NULL && strcmp(h->machine, "x86_64") != 0 && strcmp(h->machine, "aarch64") != 0)
        return WHET_FAIL(WHET_EINVAL, "%s: machine '%s' is neither x86_64 nor aarch64", h->name, h->machine);
    if (h->folder != NULL && h->folder[0] != '/') return WHET_FAIL(WHET_EINVAL, "%s: the folder '%s' must begin with /", h->name, h->folder);
    if (h->folder != NULL && (strlen(h->folder) > MAX_FOLDER || !whet_is_printable(h->folder, 0)))
        return WHET_FAIL(WHET_EINVAL, "%s: the folder's name is too long, over %d bytes, or has control characters", h->name, MAX_FOLDER);
    for (int i = 0; i < n - 1; i++)
        if (strcmp(list[i].name, h->name) == 0) return WHET_FAIL(WHET_EINVAL, "the machine '%s' is named twice", h->name);
    return WHET_OK;
}

static whet_status from_list(const char *hosts, fleet_host **out, int *n)
{
    for (const char *p = hosts; *p != '\0';) {
        const size_t len = strcspn(p, ",");
        fleet_host *h = NULL;
        WHET_TRY(add(out, n, &h));
        h->address = whet_strndup(p, len);
        h->name = whet_strndup(p, len);
        WHET_TRY(check(*out, *n));
        p += len + (p[len] == ',');
    }
    return *n > 0 ? WHET_OK : WHET_FAIL(WHET_EINVAL, "no machine is named");
}

static whet_status from_entry(const whet_yaml *y, const whet_yaml_node *e, fleet_host *h)
{
    const struct { const char *key; char **to; } known[] = {{"name", &h->name},       {"address", &h->address}, {"ssh", &h->ssh},
                                                            {"folder", &h->folder},   {"machine", &h->machine}, {"wrapper", &h->wrapper}};
    if (e->kind == WHET_YAML_SCALAR) {
        h->address = whet_strdup(e->text);
    } else if (e->kind != WHET_YAML_MAP) {
        return whet_yaml_fail(y, e, WHET_EINVAL, "a machine is a name or {name, address, ssh, folder, machine, wrapper}");
    }
    for (int i = 0; e->kind == WHET_YAML_MAP && i < e->n; i++) {
        size_t k = 0;
        while (k < WHET_COUNT(known) && strcmp(known[k].key, e->keys[i]) != 0) k++;
        if (k == WHET_COUNT(known) || e->items[i]->kind != WHET_YAML_SCALAR)
            return whet_yaml_fail(y, e->items[i], WHET_EINVAL, "'%s' says nothing about a machine: name, address, ssh, folder, machine and wrapper do", e->keys[i]);
        *known[k].to = whet_strdup(e->items[i]->text);
        if (*known[k].to == NULL) return WHET_ENOMEM;
    }
    if (h->address == NULL) return whet_yaml_fail(y, e, WHET_EINVAL, "the machine has no address");
    if (h->name == NULL) h->name = whet_strdup(h->address);
    if (h->wrapper != NULL && strpbrk(h->wrapper, "'\"\\`$;|&<>()\n") != NULL) return whet_yaml_fail(y, e, WHET_EINVAL, "the wrapper '%s' is more than a program and its words", h->wrapper);
    return WHET_OK;
}

static whet_status from_file(const char *path, fleet_host **out, int *n)
{
    uint8_t *text = NULL;
    size_t size = 0;
    whet_yaml *y = NULL;
    whet_status status = whet_file_read(&text, &size, path, 1 << 20);
    if (status == WHET_OK) status = whet_yaml_parse(&y, (const char *)text, size, path);
    const whet_yaml_node *list = status == WHET_OK ? whet_yaml_root(y) : NULL;
    if (list != NULL && list->kind == WHET_YAML_MAP && whet_yaml_get(list, "hosts") != NULL) list = whet_yaml_get(list, "hosts");
    if (list != NULL && (list->kind != WHET_YAML_LIST || list->n == 0)) status = whet_yaml_fail(y, list, WHET_EINVAL, "an inventory is a list of machines");
    for (int i = 0; status == WHET_OK && i < list->n; i++) {
        fleet_host *h = NULL;
        status = add(out, n, &h);
        if (status == WHET_OK) status = from_entry(y, list->items[i], h);
        if (status == WHET_OK) status = check(*out, *n);
    }
    whet_yaml_free(y);
    whet_free(text);
    return status;
}

whet_status fleet_inventory(const char *hosts, fleet_host **out, int *n)
{
    *out = NULL;
    *n = 0;
    static const char *const ends[] = {".yaml", ".yml", ".json"};
    bool file = strchr(hosts, '/') != NULL;
    for (size_t i = 0; i < WHET_COUNT(ends); i++) file = file || strcmp(whet_path_ext(hosts), ends[i]) == 0;
    if (file && !whet_file_exists(hosts)) return WHET_FAIL(WHET_ENOTFOUND, "there is no inventory '%s'", hosts);
    const whet_status status = whet_file_exists(hosts) ? from_file(hosts, out, n) : from_list(hosts, out, n);
    if (status == WHET_OK) return WHET_OK;
    for (int i = 0; i < *n; i++) fleet_host_dispose(&(*out)[i]);
    whet_free(*out);
    *out = NULL;
    *n = 0;
    return status;
}
