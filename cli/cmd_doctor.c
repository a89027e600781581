/* SPDX-License-Identifier: Apache-2.0 */
/* `whet doctor`. */
#include "cmd.h"
#include "whet/runtime.h"

static int run(cli *c, void *args, int argc, char **argv)
{
    whet_result *r = NULL;
    (void)args;
    (void)argv;
    if (argc != 1) return cli_usage(c, "doctor", "it takes no arguments");
    const whet_status status = whet_doctor(&r, NULL);
    return cli_finish(c, status, r);
}

const cmd cmd_doctor = {
    .name = "doctor",
    .summary = "machine, power meter, runtimes and data: what is wrong, what cures it",
    .usage = "",
    .examples = "  $ whet doctor\n",
    .run = run,
};
