/* SPDX-License-Identifier: Apache-2.0 */
/* `whet runtimes install`: pip fetches the pinned wheel into a scratch folder (with --require-hashes, so that pip checks it
 * too), whet checks its SHA-256 itself, unpacks what is needed into a folder beside the final one and renames that, so that a
 * broken installation is never seen. A folder that was damaged later makes way for a new one only when that is complete. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/install.h"
#include "backend/pip_download.h"
#include "backend/runtime_files.h"
#include "backend/unpack.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/scratch.h"

/* --- finding and checking the wheel */
/* "ai-edge-litert" is "ai_edge_litert-..." as a file. */
static bool is_file_of(const char *file, const char *package)
{
    size_t i = 0;
    for (; package[i] != '\0'; i++)
        if (file[i] != (package[i] == '-' ? '_' : package[i])) return false;
    return file[i] == '-' && strcmp(whet_path_ext(file), ".whl") == 0;
}

/* The path of a wheel for this machine in dir; ENOTFOUND saying what is wanted. An unknown file of the same package is
 * named, because it is probably the one that the user meant. */
static whet_status find_wheel(const whet_runtime_pin *r, const char *machine, const char *dir, char *path, size_t cap)
{
    char odd[256] = "";
    const whet_runtime_wheel *found = NULL, *want = whet_runtime_wheel_at(r, machine, 0);
    DIR *d = opendir(dir);
    if (d == NULL) return WHET_FAIL(WHET_ENOTFOUND, "folder '%s' cannot be read: %s", dir, strerror(errno));
    for (struct dirent *e = readdir(d); e != NULL && found == NULL; e = readdir(d)) {
        const whet_runtime_wheel *w = whet_runtime_wheel_named(r, e->d_name);
        if (w != NULL && strcmp(w->machine, machine) == 0) found = w;
        if (w == NULL && is_file_of(e->d_name, r->package)) snprintf(odd, sizeof odd, "%s", e->d_name);
    }
    closedir(d);
    if (found != NULL) {
        snprintf(path, cap, "%s/%s", dir, found->file);
        return WHET_OK;
    }
    if (odd[0] != '\0')
        return WHET_FAIL(WHET_EFORMAT, "'%s' is not one of the pinned wheels of %s %s; put '%s' there", odd, r->name, r->version, want->file);
    return WHET_FAIL(WHET_ENOTFOUND, "no wheel of %s %s in '%s'; put '%s' there", r->package, r->version, dir, want->file);
}

static whet_status check_wheel(const whet_runtime_pin *r, const char *path, char sha256[65])
{
    const whet_runtime_wheel *w = whet_runtime_wheel_named(r, whet_path_base(path));
    WHET_TRY(whet_sha256_file(path, sha256));
    if (w != NULL && strcmp(w->sha256, sha256) == 0) return WHET_OK;
    return WHET_FAIL(WHET_EFORMAT, "'%s' has the SHA-256 %s, which is not the pinned one: the file is refused", whet_path_base(path), sha256);
}

/* --- the whole */
typedef bool (*visit_fn)(const char *path, bool folder, void *arg);

/* Files first, then the folder that held them; links are not followed. */
static void walk(const char *dir, visit_fn visit, void *arg)
{
    DIR *d = opendir(dir);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        char *path = whet_path_join(dir, e->d_name);
        if (path != NULL && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
            walk(path, visit, arg);
        else if (path != NULL)
            visit(path, false, arg);
        whet_free(path);
    }
    if (d != NULL) closedir(d);
    visit(dir, true, arg);
}

static bool add_size(const char *path, bool folder, void *arg)
{
    const int64_t size = folder ? 0 : whet_file_size(path);
    if (size > 0) *(uint64_t *)arg += (uint64_t)size;
    return true;
}

static void tell(const whet_install_spec *s, const char *stage, double done)
{
    if (s->progress != NULL) s->progress(s->arg, stage, done, 3, "step", NULL);
}

static bool wanted(void *arg, const char *entry, char *to, size_t cap)
{
    const char *rest = NULL;
    const whet_runtime_part *p = whet_runtime_part_of(arg, entry, &rest);
    return p != NULL && snprintf(to, cap, "%s%s", p->to, rest) < (int)cap;
}

static bool is_whole(const whet_runtime_pin *r, const char *folder)
{
    char what[WHET_RUNTIME_PATH];
    return whet_runtime_is_there(r, folder) && whet_runtime_files_check(folder, what, sizeof what) == WHET_RUNTIME_WHOLE;
}

/* Into its place; what was there goes to `old`, which is dropped with the scratch folder. */
static whet_status move_in(const whet_runtime_pin *r, const char *lib, const char *old, const whet_install_report *out)
{
    if (rename(lib, out->folder) == 0) return WHET_OK;
    if (is_whole(r, out->folder)) return WHET_OK; /* another process was faster */
    if (rename(out->folder, old) == 0 && rename(lib, out->folder) == 0) return WHET_OK;
    return WHET_FAIL(WHET_EIO, "cannot move the libraries to '%s': %s", out->folder, strerror(errno));
}

static whet_status unpack(const whet_runtime_pin *r, const char *path, const char *lib, const char *old, whet_install_report *out)
{
    WHET_TRY(whet_mkdirs(lib));
    WHET_TRY(whet_unpack(path, lib, wanted, (void *)r));
    if (!whet_runtime_is_there(r, lib)) return WHET_FAIL(WHET_EFORMAT, "'%s' holds no '%s*'", out->file, r->library);
    walk(lib, add_size, &out->bytes);
    WHET_TRY(whet_runtime_files_write(lib));
    return move_in(r, lib, old, out);
}

static whet_status install(const whet_install_spec *s, const whet_runtime_pin *r, const char *scratch, whet_install_report *out)
{
    char path[2048];
    tell(s, s->from != NULL ? "look for the wheel" : "download the wheel", 0);
    if (s->from == NULL) WHET_TRY(whet_pip_download(r, out->machine, scratch));
    WHET_TRY(find_wheel(r, out->machine, s->from != NULL ? s->from : scratch, path, sizeof path));
    tell(s, "check its hash", 1);
    WHET_TRY(check_wheel(r, path, out->sha256));
    snprintf(out->file, sizeof out->file, "%s", whet_path_base(path));
    tell(s, "unpack the libraries", 2);
    char *lib = whet_path_join(scratch, "lib"), *old = whet_path_join(scratch, "old");
    const whet_status status = lib != NULL && old != NULL ? unpack(r, path, lib, old, out) : WHET_ENOMEM;
    whet_free(lib);
    whet_free(old);
    return status;
}

static whet_status choose(const whet_install_spec *s, const whet_runtime_pin **r, whet_install_report *out)
{
    char known[256], version[WHET_RUNTIME_NAME];
    WHET_TRY(whet_runtime_split(s->name, out->name, version));
    *r = whet_runtime_pin_find(out->name, version);
    if (*r == NULL && whet_runtime_pin_find(out->name, NULL) == NULL) {
        whet_runtime_pin_names(known, sizeof known);
        return WHET_FAIL(WHET_EINVAL, "whet does not know how to install '%s'; it knows: %s", out->name, known);
    }
    if (*r == NULL) {
        whet_runtime_pin_versions(out->name, known, sizeof known);
        return WHET_FAIL(WHET_EINVAL, "'%s' is no pinned version of %s; pinned: %s", version, out->name, known);
    }
    snprintf(out->version, sizeof out->version, "%s", (*r)->version);
    WHET_TRY(whet_runtime_machine(s->arch, out->machine));
    if (whet_runtime_wheel_at(*r, out->machine, 0) == NULL)
        return WHET_FAIL(WHET_EUNSUPPORTED, "there is no pinned wheel of %s %s for a machine of type '%s'", (*r)->package, (*r)->version, out->machine);
    return whet_runtime_folder(out->name, out->version, out->machine, out->folder, sizeof out->folder);
}

whet_status whet_runtime_install_check(const whet_install_spec *s)
{
    const whet_runtime_pin *r = NULL;
    whet_install_report unused;
    memset(&unused, 0, sizeof unused);
    return choose(s, &r, &unused);
}

/* The length of the part of a path that ends in '/' which is there already. */
static size_t length_there(char *path)
{
    size_t n = strlen(path);
    for (bool there = false; n > 1 && !there;) {
        const char kept = path[n - 1];
        path[n - 1] = '\0';
        there = whet_dir_exists(path);
        path[n - 1] = kept;
        if (there) break;
        for (n--; n > 0 && path[n - 1] != '/';) n--;
    }
    return n;
}

/* The folders below that part, as far as they are empty. */
static void drop_made(char *path, size_t there)
{
    for (size_t n = strlen(path); n > there && n > 1;) {
        path[n - 1] = '\0';
        if (rmdir(path) != 0) return;
        for (n--; n > 0 && path[n - 1] != '/';) n--;
    }
}

whet_status whet_runtime_install(const whet_install_spec *s, whet_install_report *out)
{
    const whet_runtime_pin *r = NULL;
    memset(out, 0, sizeof *out);
    WHET_TRY(choose(s, &r, out));
    out->already = is_whole(r, out->folder);
    if (out->already) return WHET_OK;
    whet_scratch scratch = {.path = NULL};
    char *prefix = whet_format("%s.part-", whet_path_base(out->folder));
    char *parent = whet_strndup(out->folder, (size_t)(whet_path_base(out->folder) - out->folder));
    const size_t there = parent != NULL ? length_there(parent) : 0;
    whet_status status = prefix != NULL && parent != NULL ? whet_mkdirs(parent) : WHET_ENOMEM;
    if (status == WHET_OK) status = whet_scratch_make(&scratch, parent, prefix); /* what a killed installation of it left goes */
    if (status == WHET_OK) {
        rmdir(out->folder); /* an empty one from elsewhere would be in the way of the rename */
        status = install(s, r, scratch.path, out);
        whet_scratch_remove(&scratch);
        if (status == WHET_OK) tell(s, "installed", 3);
    }
    if (status != WHET_OK && parent != NULL) drop_made(parent, there);
    whet_free(prefix);
    whet_free(parent);
    return status;
}
