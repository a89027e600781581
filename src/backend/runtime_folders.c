/* SPDX-License-Identifier: Apache-2.0 */
/* Names, versions and folders of installed runtimes. */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "backend/runtime_folders.h"
#include "base/io.h"
#include "base/mem.h"

enum { MAX_CHOICES = 16, MAX_INSTALLED = 32 };

static pthread_mutex_t choice_lock = PTHREAD_MUTEX_INITIALIZER;
static struct { char name[WHET_RUNTIME_NAME], version[WHET_RUNTIME_NAME]; } choices[MAX_CHOICES];

whet_status whet_runtime_split(const char *text, char name[WHET_RUNTIME_NAME], char version[WHET_RUNTIME_NAME])
{
    const char *at = strchr(text, '@');
    const size_t n = at != NULL ? (size_t)(at - text) : strlen(text), m = at != NULL ? strlen(at + 1) : 0;
    if (n == 0 || n >= WHET_RUNTIME_NAME || m >= WHET_RUNTIME_NAME || (at != NULL && m == 0) || strchr(text, '/') != NULL || (at != NULL && at[1] == '.'))
        return WHET_FAIL(WHET_EINVAL, "'%.100s' is no name of a runtime: NAME or NAME@VERSION", text);
    snprintf(name, WHET_RUNTIME_NAME, "%.*s", (int)n, text);
    snprintf(version, WHET_RUNTIME_NAME, "%s", at != NULL ? at + 1 : "");
    return WHET_OK;
}

whet_status whet_runtime_machine(const char *arch, char out[WHET_RUNTIME_NAME])
{
    static const struct { const char *name, *means; } types[] = {
        {"x86_64", "x86_64"}, {"x86-64", "x86_64"}, {"amd64", "x86_64"}, {"aarch64", "aarch64"}, {"arm64", "aarch64"}};
    struct utsname u;
    for (size_t i = 0; arch != NULL && i < WHET_COUNT(types); i++) {
        if (strcmp(arch, types[i].name) != 0) continue;
        snprintf(out, WHET_RUNTIME_NAME, "%s", types[i].means);
        return WHET_OK;
    }
    if (arch != NULL) return WHET_FAIL(WHET_EINVAL, "'%s' is no type of machine that runtimes are pinned for: x86_64 or aarch64", arch);
    if (uname(&u) != 0) return WHET_FAIL(WHET_ERUNTIME, "the machine's type cannot be had");
    snprintf(out, WHET_RUNTIME_NAME, "%.63s", u.machine);
    return WHET_OK;
}

/* <root>/name, without a version. */
static whet_status home_of(const char *name, const char *machine, char *out, size_t cap)
{
    char here[WHET_RUNTIME_NAME] = "";
    const char *given = getenv("WHET_RUNTIMES");
    const bool told = given != NULL && given[0] != '\0';
    WHET_TRY(whet_runtime_machine(NULL, here));
    const bool foreign = machine != NULL && strcmp(machine, here) != 0;
    char *data = told ? NULL : whet_data_dir();
    if (!told && data == NULL) return WHET_ENOMEM;
    const int n = snprintf(out, cap, "%s%s%s%s/%s", told ? given : data, told ? "" : "/runtimes", foreign ? "/" : "", foreign ? machine : "", name);
    whet_free(data);
    return n < (int)cap ? WHET_OK : WHET_FAIL(WHET_EINVAL, "the path of the runtimes' folder is too long");
}

whet_status whet_runtime_folder(const char *name, const char *version, const char *machine, char *out, size_t cap)
{
    WHET_TRY(home_of(name, machine, out, cap));
    const size_t n = strlen(out);
    if (snprintf(out + n, cap - n, "/%s", version) >= (int)(cap - n)) return WHET_FAIL(WHET_EINVAL, "the path of the runtimes' folder is too long");
    return WHET_OK;
}

static bool holds(const char *dir, const char *library)
{
    bool found = false;
    DIR *d = opendir(dir);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL && !found; e = readdir(d))
        found = strncmp(e->d_name, library, strlen(library)) == 0;
    if (d != NULL) closedir(d);
    return found;
}

bool whet_runtime_is_there(const whet_runtime_pin *r, const char *folder)
{
    return holds(folder, r->library);
}

/* Versions as people read them: numbers as numbers ("1.9" is older than "1.31"). */
static int newer_first(const void *a, const void *b)
{
    return -strverscmp(((const whet_runtime_installed *)a)->version, ((const whet_runtime_installed *)b)->version);
}

int whet_runtime_list_installed(const char *name, const char *machine, whet_runtime_installed *out, int cap)
{
    char home[WHET_RUNTIME_PATH];
    int n = 0;
    const whet_runtime_pin *r = whet_runtime_pin_find(name, NULL);
    if (r == NULL || home_of(name, machine, home, sizeof home) != WHET_OK) return 0;
    DIR *d = opendir(home);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL && n < cap; e = readdir(d)) {
        whet_runtime_installed *i = &out[n];
        const bool scratch = e->d_name[0] == '.' || strstr(e->d_name, ".part-") != NULL;
        if (scratch || strlen(e->d_name) >= sizeof i->version) continue;
        if (snprintf(i->folder, sizeof i->folder, "%s/%s", home, e->d_name) >= (int)sizeof i->folder || !holds(i->folder, r->library)) continue;
        snprintf(i->version, sizeof i->version, "%.*s", WHET_RUNTIME_NAME - 1, e->d_name);
        n++;
    }
    if (d != NULL) closedir(d);
    qsort(out, (size_t)n, sizeof *out, newer_first);
    return n;
}

void whet_runtime_choose(const char *name, const char *version)
{
    pthread_mutex_lock(&choice_lock);
    for (size_t i = 0; i < MAX_CHOICES; i++) {
        if (choices[i].name[0] != '\0' && strcmp(choices[i].name, name) != 0) continue;
        snprintf(choices[i].name, sizeof choices[i].name, "%s", name);
        snprintf(choices[i].version, sizeof choices[i].version, "%s", version);
        break;
    }
    pthread_mutex_unlock(&choice_lock);
}

static void chosen(const char *name, char version[WHET_RUNTIME_NAME])
{
    pthread_mutex_lock(&choice_lock);
    for (size_t i = 0; i < MAX_CHOICES; i++)
        if (strcmp(choices[i].name, name) == 0) snprintf(version, WHET_RUNTIME_NAME, "%s", choices[i].version);
    pthread_mutex_unlock(&choice_lock);
}

const char *whet_runtime_pinned(const char *name)
{
    const whet_runtime_pin *r = whet_runtime_pin_find(name, NULL);
    return r != NULL ? r->version : NULL;
}

static whet_status say_missing(const char *name, const char *version, const char *there)
{
    char pinned[256];
    if (whet_runtime_pin_find(name, version) != NULL)
        return WHET_FAIL(WHET_ENOTFOUND, "'%s' %s is not installed (there is: %s): run `whet runtimes install %s@%s`", name, version, there, name, version);
    whet_runtime_pin_versions(name, pinned, sizeof pinned);
    return WHET_FAIL(WHET_ENOTFOUND, "'%s' %s is not installed (there is: %s) and is no pinned version either (pinned: %s)", name, version, there, pinned);
}

static whet_status take_one(const char *name, const char *version, const whet_runtime_installed *there, int n, char *out, size_t cap)
{
    char list[400] = "";
    const whet_runtime_installed *found = NULL;
    const char *wanted = version[0] != '\0' ? version : whet_runtime_pinned(name);
    for (int i = 0; i < n; i++) {
        const size_t used = strlen(list);
        if (strcmp(there[i].version, wanted) == 0) found = &there[i];
        snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", there[i].version);
    }
    if (found == NULL && version[0] == '\0' && n > 0) found = &there[0];
    if (found == NULL && version[0] != '\0') return say_missing(name, version, n > 0 ? list : "none");
    if (found == NULL) return WHET_FAIL(WHET_ENOTFOUND, "'%s' is not installed: run `whet runtimes install %s`", name, name);
    snprintf(out, cap, "%s", found->folder);
    return WHET_OK;
}

whet_status whet_runtime_dir(const char *text, char *out, size_t cap)
{
    char name[WHET_RUNTIME_NAME], version[WHET_RUNTIME_NAME];
    WHET_TRY(whet_runtime_split(text, name, version));
    if (whet_runtime_pin_find(name, NULL) == NULL) return WHET_FAIL(WHET_EINVAL, "whet does not know how to install '%s'", name);
    if (version[0] == '\0') chosen(name, version);
    whet_runtime_installed *there = whet_calloc(MAX_INSTALLED, sizeof *there);
    if (there == NULL) return WHET_ENOMEM;
    const int n = whet_runtime_list_installed(name, NULL, there, MAX_INSTALLED);
    const whet_status status = take_one(name, version, there, n, out, cap);
    whet_free(there);
    return status;
}
