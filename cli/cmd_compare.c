/* SPDX-License-Identifier: Apache-2.0 */
/* `whet compare`. */
#include <stddef.h>

#include "cmd.h"
#include "whet/compare.h"

struct args {
    const char *gate, *by, *store;
    int strict;
    int64_t seed;
};

static const opt opts[] = {
    {"gate", 0, OPT_STRING, "LIST", "exit 1 if one is worse: speed=2%,accuracy=0.5pt,size=1%,memory=5% or some of them, with the noise band of each; all (none)", offsetof(struct args, gate)},
    {"strict", 0, OPT_FLAG, NULL, "what cannot be told from noise fails a gate too", offsetof(struct args, strict)},
    {"by", 0, OPT_STRING, "KEYS", "what rows must have in common (model,runtime,precision,batch,threads)", offsetof(struct args, by)},
    {"store", 0, OPT_PATH, "FILE", "store that runs are looked up in (the user's)", offsetof(struct args, store)},
    {"seed", 0, OPT_INT, "N", "seed of the bootstrap (0)", offsetof(struct args, seed)},
    OPT_END};

static int run(cli *c, void *args, int argc, char **argv)
{
    const struct args *a = args;
    whet_compare_options o;
    whet_result *r = NULL;
    if (argc != 3) return cli_usage(c, "compare", "name two results: files, run numbers, tags, latest");
    if (a->seed < 0) return cli_usage(c, "compare", "--seed must not be negative");
    whet_compare_options_init(&o);
    o.gate = a->gate;
    o.by = a->by;
    o.store = a->store;
    o.strict = a->strict;
    o.seed = (uint64_t)a->seed;
    const whet_status status = whet_compare(&r, argv[1], argv[2], &o);
    return cli_finish(c, status, r);
}

const cmd cmd_compare = {
    .name = "compare",
    .summary = "two stored results: better, worse, same or cannot tell",
    .usage = "BASE NOW [--gate LIST]",
    .details = "BASE and NOW are result files or stored runs: a number of `whet results list`, latest, latest:STUDY,\n"
               "latest~1 (the one before) or a tag. Verdicts are of NOW. Speed is a ratio of medians with an interval\n"
               "from the stored raw samples (bootstrap over processes and blocks), accuracy a paired difference where\n"
               "both scored the same pictures. A figure is the same while its whole interval lies inside its band.",
    .examples = "  $ whet compare latest~1 latest\n"
                "  $ whet compare release-1 new.json --gate speed=5%,accuracy=0.5pt\n"
                "  $ whet compare fp32.json int8.json --by runtime,batch,threads\n",
    .opts = opts,
    .args_size = sizeof(struct args),
    .run = run,
};
