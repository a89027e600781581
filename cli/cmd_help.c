/* SPDX-License-Identifier: Apache-2.0 */
/* `whet help`, `whet version`. */
#include <string.h>

#include "base/mem.h"
#include "cmd.h"
#include "whet/whet.h"

static int run_help(cli *c, void *args, int argc, char **argv)
{
    (void)c;
    (void)args;
    if (argc > 1 && cmd_find(argv[1]) == NULL) return cli_usage(c, "help", "'%s' is not a command", argv[1]);
    printf("whet: train, convert, run and measure image models on every runtime\n\nusage: whet COMMAND [ARGUMENTS]\n");
    static const char *const lines[][2] = {
#define G(heading) {heading, NULL},
#define C(name) {NULL, #name},
#define A(alias, name)
#include "commands.def"
#undef G
#undef C
#undef A
    };
    for (size_t i = 0; i < WHET_COUNT(lines); i++) {
        if (lines[i][0] != NULL) {
            printf("\n%s\n", lines[i][0]);
            continue;
        }
        const cmd *m = cmd_find(lines[i][1]);
        if (!m->hidden) printf("  %-12s%s\n", m->name, m->summary);
    }
    printf("\n`whet COMMAND --help` shows options and examples.\n");
    return 0;
}

const cmd cmd_help = {.name = "help", .summary = "this list", .usage = "[COMMAND]", .run = run_help};

static int run_version(cli *c, void *args, int argc, char **argv)
{
    (void)c;
    (void)args;
    (void)argc;
    (void)argv;
    printf("whet %s\n", whet_version());
    return 0;
}

const cmd cmd_version = {.name = "version", .summary = "version of the program", .usage = "", .run = run_version};
