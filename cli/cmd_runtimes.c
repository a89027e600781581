/* SPDX-License-Identifier: Apache-2.0 */
/* `whet runtimes`, and the hidden `whet worker` behind every measurement. */
#include <string.h>

#include "cmd.h"
#include "whet/runtime.h"

struct args { const char *from, *arch; };

static const opt opts[] = {
    {"from", 0, OPT_PATH, "FOLDER", "take the wheel from a folder instead of downloading it", offsetof(struct args, from)},
    {"arch", 0, OPT_STRING, "ARCH", "install for another type of machine: x86_64 or aarch64", offsetof(struct args, arch)},
    OPT_END};

static int run(cli *c, void *args, int argc, char **argv)
{
    struct args *a = args;
    whet_result *r = NULL;
    if (argc == 1 || (argc == 2 && strcmp(argv[1], "list") == 0)) {
        if (a->from != NULL || a->arch != NULL) return cli_usage(c, "runtimes", "--from and --arch belong to `install`");
        const whet_status status = whet_runtimes_list(&r, NULL);
        return cli_finish(c, status, r);
    }
    if (strcmp(argv[1], "install") != 0) return cli_usage(c, "runtimes", "'%s' is not known; it is `list` or `install NAME...`", argv[1]);
    if (argc < 3) return cli_usage(c, "runtimes", "name what to install: ort, openvino, litert, libtorch or tensorflow");
    whet_runtime_install_options o;
    whet_runtime_install_options_init(&o);
    o.from = a->from;
    o.arch = a->arch;
    o.progress = cli_progress;
    o.progress_arg = c;
    const whet_status status = whet_runtime_fetch_all(&r, (const char *const *)argv + 2, argc - 2, &o);
    return cli_finish(c, status, r);
}

const cmd cmd_runtimes = {
    .name = "runtimes",
    .summary = "what is installed, what is missing and why; install one",
    .usage = "[list | install NAME[@VERSION]... [--from FOLDER] [--arch ARCH]]",
    .details = "`install` fetches the pinned wheel of ort, openvino, litert, libtorch or tensorflow from the Python package\n"
               "index with pip, checks its SHA-256 and keeps only what is needed to run it, in the user's data folder\n"
               "($WHET_RUNTIMES overrules it). Versions lie side by side: wherever a runtime is named, NAME@VERSION takes\n"
               "just that one. Of several each is tried, whatever becomes of the others. Files for another type of machine go to a folder of their own, from where they can be copied.",
    .examples = "  $ whet runtimes\n"
                "  $ whet runtimes install ort openvino\n"
                "  $ whet runtimes install ort --from ~/wheels\n"
                "  $ whet runtimes install litert --arch aarch64\n"
                "  $ whet bench model.onnx --runtime native,ort@1.31.1\n",
    .opts = opts,
    .args_size = sizeof(struct args),
    .run = run,
};

static int run_worker(cli *c, void *args, int argc, char **argv)
{
    (void)c;
    (void)args;
    (void)argc;
    (void)argv;
    return whet_worker_serve();
}

const cmd cmd_worker = {.name = "worker", .summary = "body of a measuring process", .usage = "", .run = run_worker, .hidden = true};
