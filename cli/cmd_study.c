/* SPDX-License-Identifier: Apache-2.0 */
/* `whet study`. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "cmd.h"
#include "whet/study.h"

struct args {
    const char *data, *contract, *out, *store, *model, *baseline, *gate, *host, *bundle;
    opt_list set;
    int dry_run, quick, publish;
};

static const opt opts[] = {
    {"data", 0, OPT_PATH, "SET", "pictures for a model without YAML: mnist, cifar10, digits or a folder", offsetof(struct args, data)},
    {"contract", 0, OPT_PATH, "NAME", "unit, pm1, imagenet, caffe, raw or a file (the model's own)", offsetof(struct args, contract)},
    {"out", 'o', OPT_PATH, "DIR", "folder of everything it makes (runs/NAME)", offsetof(struct args, out)},
    {"set", 0, OPT_LIST, "KEY=VALUE", "lay a value over the file; may be repeated", offsetof(struct args, set)},
    {"quick", 0, OPT_FLAG, NULL, "small form: less measuring, the study's own quick sizes", offsetof(struct args, quick)},
    {"publish", 0, OPT_FLAG, NULL, "long form: at least 60 s and 662 inferences per row", offsetof(struct args, publish)},
    {"dry-run", 'n', OPT_FLAG, NULL, "only print steps, rows, estimated minutes and disk", offsetof(struct args, dry_run)},
    {"store", 0, OPT_PATH, "FILE", "store that gets the finished run (the user's)", offsetof(struct args, store)},
    {"baseline", 0, OPT_PATH, "RESULT", "compare with a result file or a stored run; exit code 1 if a row is worse", offsetof(struct args, baseline)},
    {"gate", 0, OPT_STRING, "LIST", "what of the baseline is judged, with its noise band: speed=2%,accuracy=0.5pt,size=1%,memory=5% or some (all)", offsetof(struct args, gate)},
    {"host", 0, OPT_STRING, "LIST", "run it on these machines by ssh: user@machine,... or an inventory file (docs/fleet.md)", offsetof(struct args, host)},
    {"bundle", 0, OPT_STRING, "LIST", "with --host: whet-<machine>.tar.gz files, or their folder (the data folder's bundles)", offsetof(struct args, bundle)},
    {"model", 0, OPT_STRING, "NAME", "with init: the model in the new file (lenet)", offsetof(struct args, model)},
    OPT_END};

static int perform(cli *c, const struct args *a, char *file)
{
    whet_study_perform_options o;
    whet_result *r = NULL;
    whet_status status = WHET_OK;
    const char **set = whet_calloc((size_t)a->set.n + 1, sizeof *set);
    const struct args usual = {0};
    char *const words[] = {NULL, file};
    char *command = opt_typed("whet study", 2, words, opts, a, &usual);

    whet_study_perform_options_init(&o);
    for (int i = 0; set != NULL && i < a->set.n; i++) set[i] = a->set.items[i];
    o.data = a->data;
    o.contract = a->contract;
    o.out = a->out;
    o.set = set;
    o.mode = a->quick ? "quick" : a->publish ? "publish" : "default";
    o.dry_run = a->dry_run;
    o.store = a->store;
    o.baseline = a->baseline;
    o.hosts = a->host;
    o.bundle = a->bundle;
    o.gate = a->gate;
    o.command = command;
    o.progress = cli_progress;
    o.progress_arg = c;
    status = set == NULL || command == NULL ? WHET_ENOMEM : whet_study_perform(&r, file, &o);
    whet_free(set);
    whet_free(command);
    return cli_finish(c, status, r);
}

static int run(cli *c, void *args, int argc, char **argv)
{
    const struct args *a = args;
    whet_result *r = NULL;
    whet_status status = WHET_OK;

    if (argc < 2) return cli_usage(c, "study", "name a study file or a model, or say init, schema or keys");
    if (strcmp(argv[1], "schema") == 0 && argc == 2) {
        status = whet_study_describe(&r);
        return cli_finish(c, status, r);
    }
    if (strcmp(argv[1], "keys") == 0 && argc == 2) {
        status = whet_study_keys(&r);
        return cli_finish(c, status, r);
    }
    if (strcmp(argv[1], "init") == 0 && argc <= 3) {
        status = whet_study_init(&r, argc == 3 ? argv[2] : "study.yaml", a->model);
        return cli_finish(c, status, r);
    }
    if (argc != 2) return cli_usage(c, "study", "name one study file or model, not %d", argc - 1);
    if (a->quick && a->publish) return cli_usage(c, "study", "--quick and --publish exclude each other");
    return perform(c, a, argv[1]);
}

const cmd cmd_study = {
    .name = "study",
    .summary = "a whole comparison: train, export, verify, measure, report",
    .usage = "FILE.yaml | MODEL [--data DIR] | init [FILE] | schema | keys",
    .details = "Runs what the study file asks for and has not been done yet: data, training, ONNX export, parity, speed,\n"
               "memory and accuracy on every runtime, then the report. A broken step is a row with a reason. After an\n"
               "interruption the same command goes on. With a model file instead of a study it makes the study itself\n"
               "(every format and 16-bit weights, on every runtime present) and leaves the study.yaml that it ran.\n"
               "Exit 0: all rows ok, 1: some row failed, 3: nothing ran.",
    .examples = "  $ whet study studies/demo.yaml\n"
                "  $ whet study studies/demo.yaml --dry-run\n"
                "  $ whet study studies/demo.yaml --quick --set threads=1\n"
                "  $ whet study model.onnx --data photos\n"
                "  $ whet study init mine.yaml --model resnet20\n",
    .opts = opts,
    .args_size = sizeof(struct args),
    .run = run,
};
