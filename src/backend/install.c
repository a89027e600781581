/* SPDX-License-Identifier: Apache-2.0 */
/* `whet runtimes install`: pip fetches the pinned wheel into a scratch folder (with --require-hashes, so that pip checks it
 * too), whet checks its SHA-256 itself, unpacks the libraries into a folder beside the final one and renames that, so that a
 * broken installation is never seen. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/install.h"
#include "backend/unpack.h"
#include "base/cancel.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/mem.h"

typedef struct runtime { const char *name, *version, *package, *folder, *library; } runtime;
typedef struct wheel { const char *runtime, *machine, *file, *sha256; } wheel;

static const runtime runtimes[] = {
#define R(n, version, package, folder, library) {#n, version, package, folder, library},
#define W(n, machine, file, sha256)
#include "backend/wheels.def"
#undef R
#undef W
};
static const wheel wheels[] = {
#define R(n, version, package, folder, library)
#define W(n, machine, file, sha256) {#n, machine, file, sha256},
#include "backend/wheels.def"
#undef R
#undef W
};

static const runtime *find(const char *name)
{
    for (size_t i = 0; i < WHET_COUNT(runtimes); i++)
        if (strcmp(runtimes[i].name, name) == 0) return &runtimes[i];
    return NULL;
}

const char *whet_runtime_pinned(const char *name)
{
    const runtime *r = find(name);
    return r != NULL ? r->version : NULL;
}

static whet_status dir_of(const runtime *r, char *out, size_t cap)
{
    const char *given = getenv("WHET_RUNTIMES");
    char *data = given != NULL && given[0] != '\0' ? NULL : whet_data_dir();
    int n = 0;
    if (data == NULL && (given == NULL || given[0] == '\0')) return WHET_ENOMEM;
    n = data != NULL ? snprintf(out, cap, "%s/runtimes/%s/%s", data, r->name, r->version)
                     : snprintf(out, cap, "%s/%s/%s", given, r->name, r->version);
    whet_free(data);
    return n < (int)cap ? WHET_OK : WHET_FAIL(WHET_EINVAL, "the path of the runtimes' folder is too long");
}

/* True if a file in dir starts with the library's name. */
static bool holds(const char *dir, const char *library)
{
    bool found = false;
    DIR *d = opendir(dir);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d))
        found |= strncmp(e->d_name, library, strlen(library)) == 0;
    if (d != NULL) closedir(d);
    return found;
}

whet_status whet_runtime_dir(const char *name, char *out, size_t cap)
{
    const runtime *r = find(name);
    if (r == NULL) return WHET_FAIL(WHET_EINVAL, "whet does not know how to install '%s'", name);
    WHET_TRY(dir_of(r, out, cap));
    return holds(out, r->library) ? WHET_OK : WHET_FAIL(WHET_ENOTFOUND, "'%s' is not installed", name);
}

/* --- finding and checking the wheel */
static const wheel *wheel_named(const runtime *r, const char *file)
{
    for (size_t i = 0; i < WHET_COUNT(wheels); i++)
        if (strcmp(wheels[i].runtime, r->name) == 0 && strcmp(wheels[i].file, file) == 0) return &wheels[i];
    return NULL;
}

static const wheel *wheel_for(const runtime *r, const char *machine)
{
    for (size_t i = 0; i < WHET_COUNT(wheels); i++)
        if (strcmp(wheels[i].runtime, r->name) == 0 && strcmp(wheels[i].machine, machine) == 0) return &wheels[i];
    return NULL;
}

/* The path of a wheel for this machine in dir; ENOTFOUND saying what is wanted. An unknown file of the same package is
 * named, because it is probably the one that the user meant. */
static whet_status find_wheel(const runtime *r, const char *machine, const char *dir, char *path, size_t cap)
{
    char odd[256] = "";
    const wheel *found = NULL;
    DIR *d = opendir(dir);
    if (d == NULL) return WHET_FAIL(WHET_ENOTFOUND, "folder '%s' cannot be read: %s", dir, strerror(errno));
    for (struct dirent *e = readdir(d); e != NULL && found == NULL; e = readdir(d)) {
        const wheel *w = wheel_named(r, e->d_name);
        if (w != NULL && strcmp(w->machine, machine) == 0) found = w;
        if (w == NULL && strncmp(e->d_name, r->package, strlen(r->package)) == 0 && strcmp(whet_path_ext(e->d_name), ".whl") == 0)
            snprintf(odd, sizeof odd, "%s", e->d_name);
    }
    closedir(d);
    if (found != NULL) {
        snprintf(path, cap, "%s/%s", dir, found->file);
        return WHET_OK;
    }
    const wheel *want = wheel_for(r, machine);
    if (odd[0] != '\0')
        return WHET_FAIL(WHET_EFORMAT, "'%s' is not one of the pinned wheels; put '%s' there", odd, want->file);
    return WHET_FAIL(WHET_ENOTFOUND, "no wheel of %s %s in '%s'; put '%s' there", r->package, r->version, dir, want->file);
}

static whet_status check_wheel(const runtime *r, const char *path, char sha256[65])
{
    const wheel *w = wheel_named(r, whet_path_base(path));
    WHET_TRY(whet_sha256_file(path, sha256));
    if (w != NULL && strcmp(w->sha256, sha256) == 0) return WHET_OK;
    return WHET_FAIL(WHET_EFORMAT, "'%s' has the SHA-256 %s, which is not the pinned one: the file is refused", whet_path_base(path), sha256);
}

/* --- pip */
/* Runs a program with its output into `log` and waits; its exit code, -1 if it cannot be started, -2 if cancelled. */
static int run_program(char *const argv[], const char *log)
{
    int code = 0;
    const int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        execvp(argv[0], argv);
        _exit(127);
    }
    close(fd);
    if (pid < 0) return -1;
    while (waitpid(pid, &code, 0) < 0)
        if (errno != EINTR) return -1;
    if (whet_cancelled()) return -2;
    return WIFEXITED(code) && WEXITSTATUS(code) != 127 ? WEXITSTATUS(code) : -1;
}

/* The last line of pip's output that says something. */
static void last_words(const char *log, char *out, size_t cap)
{
    char line[512];
    FILE *f = fopen(log, "r");
    snprintf(out, cap, "it said nothing");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        const char *said = strncmp(line, "ERROR: ", 7) == 0 ? line + 7 : line;
        if (line[0] != '\0' && strncmp(line, "[notice]", 8) != 0) snprintf(out, cap, "%s", said);
    }
    if (f != NULL) fclose(f);
}

static whet_status explain_pip(const runtime *r, const wheel *w, const char *log, int code)
{
    char said[512] = "";
    char *no_pip[] = {(char *)"python3", (char *)"-m", (char *)"pip", (char *)"--version", NULL};
    if (code == -2) return WHET_FAIL(WHET_ECANCELLED, "interrupted; nothing was installed");
    last_words(log, said, sizeof said);
    const int pip = run_program(no_pip, "/dev/null");
    if (pip == -1) return WHET_FAIL(WHET_EUNAVAILABLE, "python3 is needed to fetch the wheel: run `apt-get install python3-pip`");
    if (pip != 0) return WHET_FAIL(WHET_EUNAVAILABLE, "python3 has no pip: run `apt-get install python3-pip`");
    return WHET_FAIL(WHET_EUNAVAILABLE,
                     "pip cannot fetch %s %s: %.300s; without network get '%s' elsewhere and run `whet runtimes install %s --from FOLDER`",
                     r->package, r->version, said, w->file, r->name);
}

static whet_status download(const runtime *r, const wheel *w, const char *machine, const char *dir)
{
    whet_status status = WHET_OK;
    char *list = whet_format("%s/requirements.txt", dir), *log = whet_format("%s/pip.log", dir);
    char *text = whet_format("%s==%s --hash=sha256:%s\n", r->package, r->version, w->sha256);
    char *platform = whet_format("manylinux_2_28_%s", machine);
    if (list == NULL || log == NULL || text == NULL || platform == NULL) WHET_GOTO(WHET_ENOMEM);
    WHET_GOTO(whet_file_write(list, text, strlen(text)));
    /* The interpreter's own version does not matter: the library in the wheel is what is wanted. */
    char *argv[] = {(char *)"python3", (char *)"-m", (char *)"pip", (char *)"download", (char *)"--quiet", (char *)"--no-deps",
                    (char *)"--only-binary=:all:", (char *)"--require-hashes", (char *)"--implementation", (char *)"cp",
                    (char *)"--python-version", (char *)"3.11", (char *)"--abi", (char *)"cp311", (char *)"--platform", platform,
                    (char *)"--dest", (char *)dir, (char *)"-r", list, NULL};
    const int code = run_program(argv, log);
    if (code != 0) status = explain_pip(r, w, log, code);
done:
    whet_free(list);
    whet_free(log);
    whet_free(text);
    whet_free(platform);
    return status;
}

/* --- the whole */
static void remove_dir(const char *dir)
{
    DIR *d = dir != NULL ? opendir(dir) : NULL;
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        char *path = e->d_name[0] != '.' || strlen(e->d_name) > 2 ? whet_path_join(dir, e->d_name) : NULL;
        if (path != NULL) unlink(path);
        whet_free(path);
    }
    if (d != NULL) closedir(d);
    if (dir != NULL) rmdir(dir);
}

static void tell(whet_progress_fn progress, void *arg, const char *stage, double done)
{
    if (progress != NULL) progress(arg, stage, done, 3, "step", NULL);
}

static whet_status install(const runtime *r, const char *machine, const char *from, const char *scratch, whet_progress_fn progress,
                           void *arg, whet_install_report *out)
{
    char path[2048];
    const wheel *w = wheel_for(r, machine);
    if (w == NULL) return WHET_FAIL(WHET_EUNSUPPORTED, "there is no wheel of %s for a machine of type '%s'", r->package, machine);
    tell(progress, arg, from != NULL ? "look for the wheel" : "download the wheel", 0);
    if (from == NULL) WHET_TRY(download(r, w, machine, scratch));
    WHET_TRY(find_wheel(r, machine, from != NULL ? from : scratch, path, sizeof path));
    tell(progress, arg, "check its hash", 1);
    WHET_TRY(check_wheel(r, path, out->sha256));
    snprintf(out->file, sizeof out->file, "%s", whet_path_base(path));
    tell(progress, arg, "unpack the libraries", 2);
    char *lib = whet_path_join(scratch, "lib");
    whet_status status = lib != NULL ? whet_mkdirs(lib) : WHET_ENOMEM;
    if (status == WHET_OK) status = whet_unpack_folder(path, r->folder, ".so", lib);
    if (status == WHET_OK && !holds(lib, r->library))
        status = WHET_FAIL(WHET_EFORMAT, "'%s' holds no '%s%s*'", out->file, r->folder, r->library);
    if (status == WHET_OK && rename(lib, out->folder) != 0)
        status = WHET_FAIL(WHET_EIO, "cannot move the libraries to '%s': %s", out->folder, strerror(errno));
    if (status != WHET_OK) remove_dir(lib);
    whet_free(lib);
    return status;
}

whet_status whet_runtime_install(const char *name, const char *from, whet_progress_fn progress, void *arg, whet_install_report *out)
{
    const runtime *r = find(name);
    struct utsname u;
    memset(out, 0, sizeof *out);
    if (r == NULL) return WHET_FAIL(WHET_EINVAL, "whet does not know how to install '%s'; it knows: ort", name);
    WHET_TRY(dir_of(r, out->folder, sizeof out->folder));
    snprintf(out->version, sizeof out->version, "%s", r->version);
    out->already = holds(out->folder, r->library);
    if (out->already) return WHET_OK;
    if (uname(&u) != 0) return WHET_FAIL(WHET_ERUNTIME, "the machine's type cannot be had: %s", strerror(errno));
    char *scratch = whet_format("%s.part-XXXXXX", out->folder);
    char *parent = whet_strndup(out->folder, (size_t)(whet_path_base(out->folder) - out->folder));
    whet_status status = scratch != NULL && parent != NULL ? whet_mkdirs(parent) : WHET_ENOMEM;
    if (status == WHET_OK && mkdtemp(scratch) == NULL)
        status = WHET_FAIL(WHET_EIO, "no folder can be made in '%s': %s", parent, strerror(errno));
    if (status == WHET_OK) {
        rmdir(out->folder); /* an empty one from elsewhere would be in the way of the rename */
        status = install(r, u.machine, from, scratch, progress, arg, out);
        remove_dir(scratch);
        tell(progress, arg, "installed", 3);
    }
    whet_free(scratch);
    whet_free(parent);
    return status;
}
