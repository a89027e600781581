/* SPDX-License-Identifier: Apache-2.0 */
/* What a command of the program is.
 *
 * To add one: cli/cmd_<name>.c with `const cmd cmd_<name>`, a line in commands.def, docs/cli/<name>.md (its first code block
 * is the output of `whet <name> --help`: tests/cli checks that), and tests/cli/<name>/. A command calls only include/whet. */
#ifndef WHET_CLI_CMD_H
#define WHET_CLI_CMD_H

#include <stdbool.h>
#include <stdio.h>

#include "base/status.h"
#include "opt.h"
#include "whet/progress.h"
#include "whet/result.h"
#include "whet/status.h"

typedef struct cli {
    const char *json;  /* NULL: text; "": JSON on stdout; else JSON into that file (text on stdout) */
    int quiet, verbose, no_color;
    bool color;        /* stdout is a terminal and NO_COLOR is unset */
    bool err_tty;      /* stderr is a terminal */
    int width;         /* columns of stdout, 80 if unknown */
    void *bar;         /* state of the progress bar */
} cli;

typedef struct cmd {
    const char *name;
    const char *summary;  /* one line for `whet help` */
    const char *usage;    /* "MODEL [--data DIR] ..." */
    const char *details;  /* paragraph(s) for --help, may be NULL */
    const char *examples; /* lines of "  $ whet ..." for --help */
    const opt *opts;      /* may be NULL */
    size_t args_size;     /* of the struct that opts fill; zeroed, then defaults() */
    void (*defaults)(void *args); /* may be NULL */
    /* argv[0] is the command's name, argv[1..argc-1] its rest arguments. Returns the exit code. */
    int (*run)(cli *c, void *args, int argc, char **argv);
    bool hidden;
} cmd;

int cmd_count(void);
const cmd *cmd_at(int i);
const cmd *cmd_find(const char *name); /* aliases included */

/* Ends a command: prints the error on stderr if status is not OK, the result (JSON or text) on stdout if there is one (also
 * beside an error or a failed gate), frees it, and gives the exit code. */
int cli_finish(cli *c, whet_status status, whet_result *r);
/* The one of argv[1..) that is the same file as `path`, or NULL: a product must not be written over what it is about. */
const char *cli_same_file(const char *path, int argc, char **argv);
/* Usage error: "whet train: <text>" and a hint on stderr; returns 2. */
int cli_usage(const cli *c, const char *command, const char *fmt, ...) WHET_PRINTF(3, 4);
/* The first option out of its range is such an error, named with the range; 0 if none is. */
typedef struct cli_range { const char *option; long long value, least, most; } cli_range;
int cli_check_ranges(const cli *c, const char *command, size_t n, const cli_range *r);
/* For the `progress` members of options: pass cli_progress and the cli. Bar with rate and ETA on a terminal, a plain line now
 * and then when piped, nothing with --quiet. */
void cli_progress(void *cli_, const char *stage, double done, double total, const char *unit, const char *text);

#endif
