/* SPDX-License-Identifier: Apache-2.0 */
/* `whet man`: the manual page in roff, from the same tables as --help. Hidden: the build calls it. */
#include <string.h>

#include "base/mem.h"
#include "cmd.h"
#include "whet/whet.h"

static void text(const char *s)
{
    bool line_start = true;
    for (; *s != '\0'; s++) {
        if (line_start && (*s == '.' || *s == '\'')) fputs("\\&", stdout);
        if (*s == '\\') fputs("\\e", stdout);
        else if (*s == '-') fputs("\\-", stdout);
        else putchar(*s);
        line_start = *s == '\n';
    }
}

static void options(const opt *o)
{
    for (; o != NULL && o->name != NULL; o++) {
        printf(".TP\n\\fB\\-\\-");
        text(o->name);
        printf("\\fR");
        if (o->kind != OPT_FLAG) {
            printf(o->kind == OPT_MAYBE ? "[=\\fI" : " \\fI");
            text(o->arg != NULL ? o->arg : "VALUE");
            printf(o->kind == OPT_MAYBE ? "\\fR]" : "\\fR");
        }
        printf("\n");
        text(o->help);
        printf("\n");
    }
}

static int run(cli *c, void *args, int argc, char **argv)
{
    (void)c;
    (void)args;
    (void)argc;
    (void)argv;
    printf(".TH WHET 1 \"\" \"whet %s\" \"User Commands\"\n.SH NAME\n"
           "whet \\- train, convert, run and measure image models on every runtime\n"
           ".SH SYNOPSIS\n.B whet\n\\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n"
           ".SH DESCRIPTION\nEvery runtime gets the same bytes, outputs are proven equal before anything is timed, and every\n"
           "number comes with its uncertainty or the reason why it cannot be had.\n"
           "Results go to standard output, talk to standard error; \\fB\\-\\-json\\fR gives every result as JSON.\n"
           ".SH COMMANDS\n",
           whet_version());
    for (int i = 0; i < cmd_count(); i++) {
        const cmd *m = cmd_at(i);
        if (m->hidden) continue;
        printf(".SS whet ");
        text(m->name);
        printf(" ");
        text(m->usage);
        printf("\n");
        text(m->summary);
        printf("\n");
        if (m->details != NULL) {
            printf(".PP\n");
            text(m->details);
            printf("\n");
        }
        options(m->opts);
        if (m->examples != NULL) {
            printf(".PP\nExamples:\n.PP\n.nf\n");
            text(m->examples);
            printf("\n.fi\n");
        }
    }
    printf(".SH EXIT STATUS\n0 ok, 1 a gate or a row failed, 2 wrong flag, key or value, 3 a missing, damaged or unsupported\n"
           "file or a failed run, 130 interrupted with the state saved.\n"
           ".SH ENVIRONMENT\n.TP\n\\fBWHET_HOME\\fR\ndata, results, runtimes and cache in this folder (data/, cache/)\n.TP\n\\fBWHET_SHARED\\fR\n"
           "folder of data sets and models\n.TP\n\\fBWHET_ISA\\fR\nhighest instruction set used: ref, avx2, avx512, ...\n"
           ".TP\n\\fBNO_COLOR\\fR\nno colours\n");
    return 0;
}

const cmd cmd_man = {.name = "man", .summary = "the manual page in roff", .usage = "", .run = run, .hidden = true};
