/* SPDX-License-Identifier: Apache-2.0 */
/* `whet eval`. */
#include <string.h>

#include "base/mem.h"
#include "cmd.h"
#include "contract_opts.h"
#include "whet/eval.h"

struct args {
    whet_contract_fields f;
    const char *data, *split, *runtime, *val;
    int64_t threads, load_threads, batch, limit, seed;
    int strict;
};

static const opt opts[] = {
    {"data", 0, OPT_PATH, "SET", "labelled pictures: mnist, cifar10, digits, a folder or an archive", offsetof(struct args, data)},
    {"split", 0, OPT_STRING, "train|val|test", "which split to score (test)", offsetof(struct args, split)},
    {"runtime", 0, OPT_STRING, "NAME", "runtime that runs the model (native)", offsetof(struct args, runtime)},
    CONTRACT_OPTS(struct args, f),
    {"val", 0, OPT_STRING, "SHARE", "validation share of train, or none (the set's own, else 0.1)", offsetof(struct args, val)},
    {"batch", 0, OPT_INT, "N", "pictures a run, where the file leaves it free (64)", offsetof(struct args, batch)},
    {"threads", 0, OPT_INT, "N", "threads of the runtime (all)", offsetof(struct args, threads)},
    {"load-threads", 0, OPT_INT, "N", "threads that decode pictures (as --threads)", offsetof(struct args, load_threads)},
    {"limit", 0, OPT_INT, "N", "score a seeded part of N pictures", offsetof(struct args, limit)},
    {"seed", 0, OPT_INT, "N", "seed of splits and of --limit (0)", offsetof(struct args, seed)},
    {"strict", 0, OPT_FLAG, NULL, "a broken picture is an error", offsetof(struct args, strict)},
    OPT_END};

static void defaults(void *args) { whet_contract_fields_init(&((struct args *)args)->f); }

static int run(cli *c, void *args, int argc, char **argv)
{
    struct args *a = args;
    whet_eval_options o;
    whet_result *r = NULL;
    whet_status status = WHET_OK;

    if (argc != 2) return cli_usage(c, "eval", "name one model file");
    if (!a->data) return cli_usage(c, "eval", "accuracy needs labelled pictures: --data SET");
    const cli_range ranges[] = {{"threads", a->threads, 0, 1024}, {"load-threads", a->load_threads, 0, 1024}, {"batch", a->batch, 0, 65536},
                                {"limit", a->limit, 0, INT64_MAX}, {"seed", a->seed, 0, INT64_MAX}};
    if (cli_check_ranges(c, "eval", 5, ranges) != 0) return 2;
    whet_eval_options_init(&o);
    o.data = a->data;
    o.split = a->split;
    o.runtime = a->runtime;
    o.val = a->val;
    o.contract = &a->f;
    o.threads = (int)a->threads;
    o.load_threads = (int)a->load_threads;
    o.batch = (int)a->batch;
    o.limit = a->limit;
    o.seed = (uint64_t)a->seed;
    o.strict = a->strict;
    o.apart = 1;
    o.progress = cli_progress;
    o.progress_arg = c;
    status = whet_eval(&r, argv[1], &o);
    return cli_finish(c, status, r);
}

const cmd cmd_eval = {
    .name = "eval",
    .summary = "accuracy of a model on labelled pictures",
    .usage = "MODEL --data SET [--contract NAME] [--runtime NAME]",
    .details = "Prints top-1, top-5, macro F1 (95 % intervals: Wilson, bootstrap) and precision,\n"
               "recall and F1 of each class; the confusion matrix stands in --json. A model\n"
               "without a preprocessing contract gets the one that fits best on validation\n"
               "pictures, and the choice is printed.",
    .examples = "  $ whet eval model.onnx --data mnist\n"
                "  $ whet eval model.onnx --data photos --contract imagenet --size 224\n"
                "  $ whet eval model.onnx --data cifar10 --runtime ort --json=result.json\n",
    .opts = opts,
    .args_size = sizeof(struct args),
    .defaults = defaults,
    .run = run,
};
