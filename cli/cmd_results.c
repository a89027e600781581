/* SPDX-License-Identifier: Apache-2.0 */
/* `whet results`. */
#include <stddef.h>
#include <string.h>

#include "cmd.h"
#include "whet/results.h"

struct args {
    const char *store, *kind, *study, *tag, *model, *row, *output;
    int64_t limit;
    int remove, allow_exec;
};

static const opt opts[] = {
    {"store", 0, OPT_PATH, "FILE", "the store (the user's; its path is printed by list)", offsetof(struct args, store)},
    {"kind", 0, OPT_STRING, "KIND", "list: only runs of this kind, such as study or bench", offsetof(struct args, kind)},
    {"study", 0, OPT_STRING, "NAME", "list: only runs of this study", offsetof(struct args, study)},
    {"tag", 0, OPT_STRING, "TAG", "list: only runs with this tag", offsetof(struct args, tag)},
    {"model", 0, OPT_STRING, "NAME", "list: only runs with a row of this model", offsetof(struct args, model)},
    {"limit", 0, OPT_INT, "N", "list: the newest N", offsetof(struct args, limit)},
    {"remove", 0, OPT_FLAG, NULL, "tag: take the tag away", offsetof(struct args, remove)},
    {"row", 0, OPT_STRING, "ID", "audit: only this row, such as r1", offsetof(struct args, row)},
    {"allow-exec", 0, OPT_FLAG, NULL, "audit: run the commands that rows name as runtimes, exec:COMMAND", offsetof(struct args, allow_exec)},
    {"output", 'o', OPT_PATH, "FILE", "export: the file to write (results.json)", offsetof(struct args, output)},
    OPT_END};

static bool is_json(const char *name)
{
    const size_t n = strlen(name);
    return n > 5 && strcmp(name + n - 5, ".json") == 0;
}

static int run(cli *c, void *args, int argc, char **argv)
{
    const struct args *a = args;
    const char *verb = argc > 1 ? argv[1] : "list";
    whet_results_options o;
    whet_result *r = NULL;
    whet_status status = WHET_OK;

    if (a->limit < 0 || a->limit > 1000000000) return cli_usage(c, "results", "--limit is out of range");
    whet_results_options_init(&o);
    o.store = a->store;
    o.kind = a->kind;
    o.study = a->study;
    o.tag = a->tag;
    o.limit = (int)a->limit;
    o.model = a->model;
    o.row = a->row;
    o.allow_exec = a->allow_exec;
    o.progress = cli_progress;
    o.progress_arg = c;
    if (strcmp(verb, "list") == 0 && argc <= 2) status = whet_results_list(&r, &o);
    else if (strcmp(verb, "show") == 0 && argc == 3) status = whet_results_show(&r, argv[2], &o);
    else if (strcmp(verb, "tag") == 0 && argc == 4) status = whet_results_tag(&r, argv[2], argv[3], a->remove, &o);
    else if (strcmp(verb, "rm") == 0 && argc == 3) status = whet_results_remove(&r, argv[2], &o);
    else if (strcmp(verb, "export") == 0 && a->output == NULL && argc > 2 && is_json(argv[argc - 1]))
        return cli_usage(c, "results", "an export is written to the file of -o: -o %s", argv[argc - 1]);
    else if (strcmp(verb, "export") == 0)
        status = whet_results_export(&r, a->output ? a->output : "results.json", (const char *const *)&argv[2], argc - 2, &o);
    else if (strcmp(verb, "import") == 0 && argc == 3) status = whet_results_import(&r, argv[2], &o);
    else if (strcmp(verb, "check") == 0 && argc == 2) status = whet_results_check(&r, &o);
    else if (strcmp(verb, "where") == 0 && argc == 2) status = whet_results_where(&r, &o);
    else if (strcmp(verb, "audit") == 0 && argc == 3) status = whet_results_audit(&r, argv[2], &o);
    else return cli_usage(c, "results", "say list, show RUN, tag RUN TAG, rm RUN, export [RUN ...], import FILE, audit RUN, where or check");
    return cli_finish(c, status, r);
}

const cmd cmd_results = {
    .name = "results",
    .summary = "stored runs: list, show, tag, remove, move, audit",
    .usage = "[list | show RUN | tag RUN TAG | rm RUN | export [RUN ...] | import FILE | audit RUN | where | check]",
    .details = "RUN is a number of the list, latest, latest:STUDY, latest~1 (the one before) or a tag. audit measures a\n"
               "stored run (or a result file) again and confirms equal outputs and a speed within 10 %, else exit 1. The store is one SQLite\n"
               "file, $WHET_STORE, else results.sqlite in the user's data folder ($WHET_HOME/data, else\n"
               "~/.local/share/whet), where `runtimes` lies too.",
    .examples = "  $ whet results\n"
                "  $ whet results show latest:demo --json\n"
                "  $ whet results tag 12 baseline\n"
                "  $ whet results audit baseline\n"
                "  $ whet results export 12 13 -o two.json\n",
    .opts = opts,
    .args_size = sizeof(struct args),
    .run = run,
};
