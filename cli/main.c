/* SPDX-License-Identifier: Apache-2.0 */
/* The program: finds the command in the table, parses its options, installs the interrupt handler, runs it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/printable.h"
#include "base/spelling.h"
#include "cmd.h"
#include "whet/whet.h"

static void on_signal(int sig)
{
    static volatile sig_atomic_t count;
    (void)sig;
    if (++count >= 3) _exit(130); /* the third Ctrl-C does not wait for anything */
    whet_cancel();
}

static void on_log(void *arg, whet_log_level level, const char *text)
{
    const cli *c = arg;
    if (level == WHET_LOG_DEBUG && !c->verbose) return;
    if (level == WHET_LOG_INFO && c->quiet) return;
    char safe[2048];
    whet_printable(safe, sizeof safe, text, WHET_KEEP_LINES);
    fprintf(stderr, "%s%s\n", level == WHET_LOG_WARN ? "warning: " : "", safe);
}

const char *cli_same_file(const char *path, int argc, char **argv)
{
    struct stat want, have;
    if (path == NULL || stat(path, &want) != 0) return NULL;
    for (int i = 1; i < argc; i++)
        if (stat(argv[i], &have) == 0 && have.st_dev == want.st_dev && have.st_ino == want.st_ino && S_ISREG(have.st_mode)) return argv[i];
    return NULL;
}

typedef struct common { cli c; int help; } common;

static const opt common_opts[] = {
    {"json", 0, OPT_MAYBE, "FILE", "print the result as JSON, or write it to FILE", offsetof(common, c.json)},
    {"quiet", 'q', OPT_FLAG, NULL, "no progress and no talk on stderr", offsetof(common, c.quiet)},
    {"verbose", 'v', OPT_FLAG, NULL, "tell more on stderr", offsetof(common, c.verbose)},
    {"no-color", 0, OPT_FLAG, NULL, "no colours (also by the variable NO_COLOR)", offsetof(common, c.no_color)},
    {"help", 'h', OPT_FLAG, NULL, "this help", offsetof(common, help)},
    OPT_END};

static int terminal_width(void)
{
    struct winsize w;
    const char *columns = getenv("COLUMNS");
    if (columns != NULL && atoi(columns) >= 40) return WHET_MIN(atoi(columns), 400);
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 40) return w.ws_col;
    return 80;
}

static void print_help(const cmd *m)
{
    const int column = printf("usage: whet %s ", m->name);
    opt_wrap(m->usage, column, 80);
    printf("\n%s\n", m->summary);
    if (m->details != NULL) {
        putchar('\n');
        opt_wrap(m->details, 0, 80);
    }
    if (m->opts != NULL) {
        printf("\noptions:\n");
        opt_print(m->opts, 80);
    }
    printf("\ncommon options:\n");
    opt_print(common_opts, 80);
    if (m->examples != NULL) printf("\nexamples:\n%s\n", m->examples);
}

static int run(const cmd *m, int argc, char **argv)
{
    common k = {0};
    int code = 3;
    void *args = whet_calloc(1, m->args_size);
    if (args == NULL) return cli_finish(&k.c, WHET_ENOMEM, NULL);
    if (m->defaults != NULL) m->defaults(args);
    whet_status status = opt_parse(common_opts, &k, m->opts, args, &argc, argv);
    if (status == WHET_EINVAL) {
        code = cli_usage(&k.c, m->name, "%s", whet_error_message());
    } else if (status != WHET_OK) {
        code = cli_finish(&k.c, status, NULL);
    } else if (k.help) {
        print_help(m);
        code = 0;
    } else if (k.c.json != NULL && k.c.json[0] != '\0' && cli_same_file(k.c.json, argc, argv) != NULL) {
        code = cli_usage(&k.c, m->name, "--json=%s would overwrite '%s', name another file", k.c.json, cli_same_file(k.c.json, argc, argv));
    } else {
        k.c.width = terminal_width();
        k.c.err_tty = isatty(STDERR_FILENO) != 0;
        k.c.color = isatty(STDOUT_FILENO) != 0 && getenv("NO_COLOR") == NULL && !k.c.no_color;
        whet_log_set(on_log, &k.c);
        code = m->run(&k.c, args, argc, argv);
        whet_log_set(NULL, NULL);
    }
    opt_dispose(m->opts, args);
    whet_free(args);
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == 0) {
        /* a reader that has seen enough, such as `| head`, is no news */
        if (errno != EPIPE) fprintf(stderr, "whet: writing to standard output failed%s%s\n", errno ? ": " : "", errno ? strerror(errno) : "");
        code = 3;
    }
    return code;
}

/* Descriptors 0 to 2 that are closed are taken by /dev/null: else the next file opened, perhaps the store, would get what is
 * printed. Opened for reading only, so that a lost result is still an error. */
static void hold_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0) _exit(3);
}

int main(int argc, char **argv)
{
    hold_standard_streams();
    struct sigaction act = {.sa_handler = on_signal};
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) sigaction(SIGHUP, &act, NULL); /* ignored: nohup */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is then an error of the write, with its clean-up */
    for (int i = 1; i < argc; i++) {
        char safe[512];
        if (whet_is_utf8(argv[i])) continue; /* names stand in JSON, which holds nothing else */
        whet_printable(safe, sizeof safe, argv[i], 0);
        fprintf(stderr, "whet: argument '%s' is not UTF-8; rename the file\n", safe);
        return 2;
    }
    char *help[] = {(char *)"help", NULL}, *version[] = {(char *)"version", NULL};
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        int code = run(cmd_find("help"), 1, help);
        return argc < 2 ? 2 : code;
    }
    if (strcmp(argv[1], "--version") == 0) return run(cmd_find("version"), 1, version);
    const cmd *m = cmd_find(argv[1]);
    if (m == NULL) {
        whet_spelling s = {.word = argv[1]};
        char safe[256];
        whet_printable(safe, sizeof safe, argv[1], 0);
        for (int i = 0; i < cmd_count(); i++)
            if (!cmd_at(i)->hidden) whet_spelling_offer(&s, cmd_at(i)->name);
        if (s.nearest != NULL)
            fprintf(stderr, "whet: '%s' is not a command; did you mean '%s'?\n", safe, s.nearest);
        else
            fprintf(stderr, "whet: '%s' is not a command; `whet help` lists them\n", safe);
        return 2;
    }
    return run(m, argc - 1, argv + 1);
}
