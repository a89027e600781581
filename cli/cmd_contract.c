/* SPDX-License-Identifier: Apache-2.0 */
/* `whet contract show|set|find`. */
#include <string.h>

#include "base/mem.h"
#include "cmd.h"
#include "contract_opts.h"

struct args {
    whet_contract_fields f;
    const char *data, *runtime, *output;
    int64_t pictures, threads, seed;
};

static const opt opts[] = {
    CONTRACT_OPTS(struct args, f),
    {"output", 'o', OPT_PATH, "FILE", "set: write there (the file itself)", offsetof(struct args, output)},
    {"data", 0, OPT_PATH, "SET", "find: labelled pictures; the test split is not touched", offsetof(struct args, data)},
    {"pictures", 0, OPT_INT, "N", "find: how many to try on (1000)", offsetof(struct args, pictures)},
    {"runtime", 0, OPT_STRING, "NAME", "find: runtime that runs the model (native)", offsetof(struct args, runtime)},
    {"threads", 0, OPT_INT, "N", "find: threads of the runtime (all)", offsetof(struct args, threads)},
    {"seed", 0, OPT_INT, "N", "find: seed of the choice of pictures (0)", offsetof(struct args, seed)},
    OPT_END};

static void defaults(void *args) { whet_contract_fields_init(&((struct args *)args)->f); }

static int run_find(cli *c, struct args *a, const char *model)
{
    whet_contract_search_options o;
    whet_result *r = NULL;
    whet_status status = WHET_OK;

    if (!a->data) return cli_usage(c, "contract", "find needs labelled pictures: --data SET");
    const cli_range ranges[] = {{"pictures", a->pictures, 0, 1 << 30}, {"threads", a->threads, 0, 1024}, {"seed", a->seed, 0, INT64_MAX}};
    if (cli_check_ranges(c, "contract", 3, ranges) != 0) return 2;
    whet_contract_search_options_init(&o);
    o.data = a->data;
    o.runtime = a->runtime;
    o.threads = (int)a->threads;
    o.pictures = (int)a->pictures;
    o.seed = (uint64_t)a->seed;
    o.fields = &a->f;
    o.apart = 1;
    o.progress = cli_progress;
    o.progress_arg = c;
    status = whet_contract_search(&r, model, &o);
    return cli_finish(c, status, r);
}

static int run(cli *c, void *args, int argc, char **argv)
{
    struct args *a = args;
    whet_result *r = NULL;
    whet_status status = WHET_OK;

    if (argc != 3) return cli_usage(c, "contract", "say what to do and with which model: show, set or find, then the file");
    if (strcmp(argv[1], "find") == 0) return run_find(c, a, argv[2]);
    if (strcmp(argv[1], "show") == 0) status = whet_contract_show(&r, argv[2]);
    else if (strcmp(argv[1], "set") == 0) status = whet_contract_put(&r, argv[2], &a->f, a->output);
    else return cli_usage(c, "contract", "'%s' is none of show, set, find", argv[1]);
    return cli_finish(c, status, r);
}

const cmd cmd_contract = {
    .name = "contract",
    .summary = "show, set or find how a model wants its pictures",
    .usage = "show MODEL | set MODEL [fields] [-o FILE] | find MODEL --data SET",
    .details = "The preprocessing contract says how a picture becomes the network's input. It\n"
               "is part of the model file and is executed by one piece of code for training,\n"
               "evaluation, benchmark and run. `find` tries the usual ones on labelled\n"
               "validation (else training) pictures and lists the accuracy of each.",
    .examples = "  $ whet contract find model.onnx --data cifar10\n"
                "  $ whet contract set model.onnx --contract pm1 --size 32 -o with-contract.onnx\n"
                "  $ whet contract show with-contract.onnx\n",
    .opts = opts,
    .args_size = sizeof(struct args),
    .defaults = defaults,
    .run = run,
};
