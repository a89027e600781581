/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a command as one table: it drives parsing, --help, the shells' completion and the check of docs/cli. */
#ifndef WHET_CLI_OPT_H
#define WHET_CLI_OPT_H

#include <stddef.h>

#include "whet/status.h"

typedef enum opt_kind {
    OPT_FLAG,   /* int: 1 when given */
    OPT_INT,    /* int64_t */
    OPT_REAL,   /* double */
    OPT_STRING, /* const char *, into argv */
    OPT_LIST,   /* opt_list: may be given several times */
    OPT_PATH,   /* as STRING; completion offers files */
    OPT_MAYBE   /* const char *: --name or --name=VALUE; "" when given without a value */
} opt_kind;

typedef struct opt_list { int n, cap; const char **items; } opt_list; /* items freed by opt_dispose */

typedef struct opt {
    const char *name;   /* without the dashes; NULL ends the table */
    char letter;        /* 0: none */
    opt_kind kind;
    const char *arg;    /* name of the value in the help, e.g. "N"; for a fixed choice "a|b|c": checked */
    const char *help;   /* one line, lower case, no full stop; the default stands in it */
    size_t offset;      /* of the destination in the command's argument struct */
} opt;

#define OPT_END {NULL, 0, OPT_FLAG, NULL, NULL, 0}

/* Parses argv[1..): options anywhere, "--" ends them, "-x value", "--name value", "--name=value", "--no-name" unsets a
 * flag. Rest arguments are gathered at argv[1..*rest]. EINVAL with a "did you mean" for unknown names. */
whet_status opt_parse(const opt *common, void *common_args, const opt *own, void *own_args, int *argc, char **argv);
void opt_dispose(const opt *own, void *own_args);
/* The command as typed, for the record: `head` and the rest arguments argv[1..argc-1], then the options, in the table's order,
 * that differ from `usual`, the same struct with the defaults. Quoted for a shell; heap string (whet_free), NULL: no memory. */
char *opt_typed(const char *head, int argc, char *const *argv, const opt *own, const void *args, const void *usual);
/* Formatted help of a table, wrapped to width, on stdout. */
void opt_print(const opt *table, int width);
/* Words of `text` in lines up to `width`, all but the first indented by `column`, where the first begins; "\n\n" ends a paragraph. */
void opt_wrap(const char *text, int column, int width);

#endif
