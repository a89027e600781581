/* SPDX-License-Identifier: Apache-2.0 */
/* One wheel by pip, in its hash-checking mode. The library in a wheel is the same for every Python, so pip is asked for exactly
 * the tags in the pinned file's name, whatever Python runs it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/pip_download.h"
#include "base/cancel.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/strbuf.h"

enum { MAX_ARGS = 40 };
static const char list_name[] = "requirements.txt";

/* Runs a program in the folder `dir` with its output into `log` and waits; its exit code, -1 if it cannot be started, -2 if
 * cancelled. "python -m" takes modules from the folder it is started in first: a pip.py there must not be run, so `dir` is ours. */
static int run_program(char *const argv[], const char *dir, const char *log)
{
    int code = 0;
    const int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    const pid_t pid = fork();
    if (pid == 0) {
        if (chdir(dir) != 0) _exit(127);
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

static whet_status explain(const whet_runtime_pin *r, const whet_runtime_wheel *w, const char *dir, const char *log, int code)
{
    char said[512] = "";
    char *no_pip[] = {(char *)"python3", (char *)"-m", (char *)"pip", (char *)"--version", NULL};
    if (code == -2) return WHET_FAIL(WHET_ECANCELLED, "interrupted; nothing was installed");
    last_words(log, said, sizeof said);
    const int pip = run_program(no_pip, dir, "/dev/null");
    if (pip == -1) return WHET_FAIL(WHET_EUNAVAILABLE, "python3 is needed to fetch the wheel: run `apt-get install python3-pip`");
    if (pip != 0) return WHET_FAIL(WHET_EUNAVAILABLE, "python3 has no pip: run `apt-get install python3-pip`");
    return WHET_FAIL(WHET_EUNAVAILABLE,
                     "pip cannot fetch %s %s: %.300s; if its index lacks that build, name one that has it in PIP_EXTRA_INDEX_URL; without "
                     "network get '%s' elsewhere and run `whet runtimes install %s --from FOLDER`",
                     r->package, r->version, said, w->file, r->name);
}

/* package-version-python-abi-platforms.whl: the last three, in place. */
static bool split_tags(char *file, char **python, char **abi, char **platforms)
{
    char *end = strstr(file, ".whl");
    char *part[3] = {NULL, NULL, NULL};
    if (end == NULL) return false;
    *end = '\0';
    for (int i = 2; i >= 0; i--) {
        part[i] = strrchr(file, '-');
        if (part[i] == NULL) return false;
        *part[i]++ = '\0';
    }
    *python = part[0];
    *abi = part[1];
    *platforms = part[2];
    return true;
}

/* All pinned hashes of this package: pip takes the file that fits tags and hashes. */
static whet_status write_requirements(const whet_runtime_pin *r, const char *machine, const char *path)
{
    whet_strbuf s;
    const whet_runtime_wheel *w = NULL;
    whet_strbuf_init(&s);
    whet_strbuf_printf(&s, "%s==%s", r->package, r->version);
    for (size_t i = 0; (w = whet_runtime_wheel_at(r, machine, i)) != NULL; i++) whet_strbuf_printf(&s, " --hash=sha256:%s", w->sha256);
    whet_strbuf_puts(&s, "\n");
    const whet_status status = s.data != NULL ? whet_file_write(path, s.data, strlen(s.data)) : WHET_ENOMEM;
    whet_strbuf_dispose(&s);
    return status;
}

static whet_status fetch(const whet_runtime_pin *r, const whet_runtime_wheel *w, const char *dir, char *file, char *log)
{
    char version[16], *python = NULL, *abi = NULL, *platforms = NULL;
    if (!split_tags(file, &python, &abi, &platforms)) return WHET_FAIL(WHET_EINVAL, "'%s' is no name of a wheel", w->file);
    /* cp311 -> cp and 3.11 */
    const size_t letters = strcspn(python, "0123456789");
    const char *digits = python + letters;
    snprintf(version, sizeof version, "%.1s%s%.8s", digits, digits[0] != '\0' && digits[1] != '\0' ? "." : "", digits[0] != '\0' ? digits + 1 : "");
    python[letters] = '\0';
    const char *const fixed[] = {"python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes",
                                 "--implementation", python, "--python-version", version, "--abi", abi, "--dest", ".", "-r", list_name};
    char *argv[MAX_ARGS] = {NULL};
    size_t n = 0;
    for (; n < WHET_COUNT(fixed); n++) argv[n] = (char *)fixed[n];
    char *rest = NULL;
    for (char *p = strtok_r(platforms, ".", &rest); p != NULL && n + 3 < MAX_ARGS; p = strtok_r(NULL, ".", &rest)) {
        argv[n++] = (char *)"--platform";
        argv[n++] = p;
    }
    const int code = run_program(argv, dir, log);
    return code == 0 ? WHET_OK : explain(r, w, dir, log, code);
}

whet_status whet_pip_download(const whet_runtime_pin *r, const char *machine, const char *dir)
{
    const whet_runtime_wheel *w = whet_runtime_wheel_at(r, machine, 0);
    whet_status status = WHET_OK;
    if (w == NULL) return WHET_FAIL(WHET_EUNSUPPORTED, "there is no pinned wheel of %s %s for a machine of type '%s'", r->package, r->version, machine);
    char *list = whet_path_join(dir, list_name), *log = whet_format("%s/pip.log", dir), *file = whet_strdup(w->file);
    if (list == NULL || log == NULL || file == NULL) WHET_GOTO(WHET_ENOMEM);
    WHET_GOTO(write_requirements(r, machine, list));
    WHET_GOTO(fetch(r, w, dir, file, log));
done:
    whet_free(list);
    whet_free(log);
    whet_free(file);
    return status;
}
