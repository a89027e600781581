/* SPDX-License-Identifier: Apache-2.0 */
/* `whet data get|info|split`. */
#include <string.h>

#include "base/mem.h"
#include "cmd.h"
#include "whet/data.h"

struct args {
    const char *from, *images, *val, *output;
    int64_t limit, seed;
    int strict;
};

static const opt opts[] = {
    {"from", 0, OPT_PATH, "FILE", "get: take it from this file or folder, not from the network", offsetof(struct args, from)},
    {"images", 0, OPT_PATH, "DIR", "get: write the set as a folder of PNG pictures", offsetof(struct args, images)},
    {"output", 'o', OPT_PATH, "DIR", "split: the new folder", offsetof(struct args, output)},
    {"val", 0, OPT_STRING, "SHARE", "validation share of train, or none (the set's own, else 0.1)", offsetof(struct args, val)},
    {"limit", 0, OPT_INT, "N", "write at most N of each split; info: read at most N", offsetof(struct args, limit)},
    {"seed", 0, OPT_INT, "N", "seed of the splits (0)", offsetof(struct args, seed)},
    {"strict", 0, OPT_FLAG, NULL, "a broken picture is an error", offsetof(struct args, strict)},
    OPT_END};

static int run(cli *c, void *args, int argc, char **argv)
{
    struct args *a = args;
    whet_data_options o;
    whet_result *r = NULL;
    whet_status status = WHET_OK;

    if (argc != 3) return cli_usage(c, "data", "say what to do and with which set: get, info or split, then its name or path");
    if (a->limit < 0 || a->seed < 0) return cli_usage(c, "data", "--limit and --seed cannot be negative");
    whet_data_options_init(&o);
    o.from = a->from;
    o.images = a->images;
    o.val = a->val;
    o.limit = a->limit;
    o.seed = (uint64_t)a->seed;
    o.strict = a->strict;
    o.progress = cli_progress;
    o.progress_arg = c;
    if (strcmp(argv[1], "get") == 0) {
        status = whet_data_get(&r, argv[2], &o);
    } else if (strcmp(argv[1], "info") == 0) {
        status = whet_data_info(&r, argv[2], &o);
    } else if (strcmp(argv[1], "split") == 0) {
        if (!a->output) return cli_usage(c, "data", "split needs the new folder: -o DIR");
        status = whet_data_split(&r, argv[2], a->output, &o);
    } else {
        return cli_usage(c, "data", "'%s' is none of get, info, split", argv[1]);
    }
    return cli_finish(c, status, r);
}

const cmd cmd_data = {
    .name = "data",
    .summary = "get, summarise and split data sets",
    .usage = "get NAME | info SET | split SET -o DIR",
    .details = "NAME is mnist, cifar10 or digits (drawn by a built-in generator, no files needed;\n"
               "digits:6000,1000 for fewer). SET is such a name, or the path of a folder of\n"
               "pictures (train/<class>/..., <class>/... or pictures alone), of IDX files, of\n"
               "CIFAR-10's .bin files, or of an archive of pictures. `info` lists counts,\n"
               "imbalance, sizes, mean and deviation, exact duplicates and broken files.",
    .examples = "  $ whet data get mnist\n"
                "  $ whet data get digits --images pictures --limit 2000\n"
                "  $ whet data info pictures\n"
                "  $ whet data split photos -o photos-split --seed 1\n",
    .opts = opts,
    .args_size = sizeof(struct args),
    .run = run,
};
