/* SPDX-License-Identifier: Apache-2.0 */
/* `whet runtimes`, and the hidden `whet worker` behind every measurement. */
#include <string.h>

#include "cmd.h"
#include "whet/runtime.h"

struct args { const char *from; };

static const opt opts[] = {
    {"from", 0, OPT_PATH, "FOLDER", "take the wheel from a folder instead of downloading it", offsetof(struct args, from)},
    OPT_END};

static int run(cli *c, void *args, int argc, char **argv)
{
    struct args *a = args;
    whet_result *r = NULL;
    if (argc == 1 || (argc == 2 && strcmp(argv[1], "list") == 0)) {
        if (a->from != NULL) return cli_usage(c, "runtimes", "--from belongs to `install`");
        const whet_status status = whet_runtimes_list(&r, NULL);
        return cli_finish(c, status, r);
    }
    if (strcmp(argv[1], "install") != 0) return cli_usage(c, "runtimes", "'%s' is not known; it is `list` or `install NAME...`", argv[1]);
    if (argc < 3) return cli_usage(c, "runtimes", "name what to install: ort");
    whet_runtime_install_options o;
    whet_runtime_install_options_init(&o);
    o.from = a->from;
    o.progress = cli_progress;
    o.progress_arg = c;
    int code = 0;
    for (int i = 2; i < argc && code == 0; i++) {
        r = NULL;
        const whet_status status = whet_runtime_fetch(&r, argv[i], &o);
        code = cli_finish(c, status, r);
    }
    return code;
}

const cmd cmd_runtimes = {
    .name = "runtimes",
    .summary = "what is installed, what is missing and why; install one",
    .usage = "[list | install NAME... [--from FOLDER]]",
    .details = "`install` fetches the pinned wheel from the Python package index with pip, checks its SHA-256 and keeps\n"
               "only the libraries, in the user's data folder ($WHET_RUNTIMES overrules it).",
    .examples = "  $ whet runtimes\n"
                "  $ whet runtimes install ort\n"
                "  $ whet runtimes install ort --from ~/wheels\n",
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
