/* SPDX-License-Identifier: Apache-2.0 */
/* `whet completion bash|zsh|fish`: made from the same tables that parse the command line. */
#include <string.h>

#include "base/mem.h"
#include "cmd.h"

static void names(const opt *o, const char *sep)
{
    for (; o != NULL && o->name != NULL; o++) printf("%s--%s", sep, o->name);
}

static void bash(void)
{
    printf("_whet() {\n    local cur=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\"\n    case \"${COMP_WORDS[1]}\" in\n");
    for (int i = 0; i < cmd_count(); i++) {
        if (cmd_at(i)->hidden) continue;
        printf("    %s) words=\"", cmd_at(i)->name);
        names(cmd_at(i)->opts, " ");
        printf(" --json --quiet --verbose --help\";;\n");
    }
    printf("    esac\n    if [ \"$COMP_CWORD\" -eq 1 ]; then words=\"");
    for (int i = 0; i < cmd_count(); i++)
        if (!cmd_at(i)->hidden) printf("%s ", cmd_at(i)->name);
    printf("\"; fi\n    if [ \"$COMP_CWORD\" -eq 1 ] || [[ \"$cur\" == -* ]]; then\n"
           "        COMPREPLY=( $(compgen -W \"$words\" -- \"$cur\") )\n    else\n"
           "        COMPREPLY=( $(compgen -f -- \"$cur\") )\n    fi\n}\ncomplete -o filenames -F _whet whet\n");
}

static void quoted(const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '\'') fputs("'\\''", stdout);
        else if (strchr("[]:", *s) != NULL) printf("\\%c", *s);
        else putchar(*s);
    }
}

static void zsh(void)
{
    printf("#compdef whet\n_whet() {\n    local -a commands\n    commands=(\n");
    for (int i = 0; i < cmd_count(); i++) {
        if (cmd_at(i)->hidden) continue;
        printf("        '%s:", cmd_at(i)->name);
        quoted(cmd_at(i)->summary);
        printf("'\n");
    }
    printf("    )\n    if (( CURRENT == 2 )); then _describe command commands; return; fi\n    case $words[2] in\n");
    for (int i = 0; i < cmd_count(); i++) {
        const cmd *m = cmd_at(i);
        if (m->hidden) continue;
        printf("    %s) _arguments", m->name);
        for (const opt *o = m->opts; o != NULL && o->name != NULL; o++) {
            printf(" '--%s[", o->name);
            quoted(o->help);
            printf("]%s'", o->kind == OPT_FLAG || o->kind == OPT_MAYBE ? "" : o->kind == OPT_PATH ? ":file:_files" : ":value:");
        }
        printf(" '*:file:_files';;\n");
    }
    printf("    esac\n}\ncompdef _whet whet\n");
}

static void fish_text(const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '\'' || *s == '\\') putchar('\\');
        putchar(*s);
    }
}

static void fish(void)
{
    for (int i = 0; i < cmd_count(); i++) {
        const cmd *m = cmd_at(i);
        if (m->hidden) continue;
        printf("complete -c whet -n __fish_use_subcommand -a %s -d '", m->name);
        fish_text(m->summary);
        printf("'\n");
        for (const opt *o = m->opts; o != NULL && o->name != NULL; o++) {
            printf("complete -c whet -n '__fish_seen_subcommand_from %s' -l %s %s-d '", m->name, o->name,
                   o->kind == OPT_FLAG || o->kind == OPT_MAYBE ? "" : "-r ");
            fish_text(o->help);
            printf("'\n");
        }
    }
}

static int run(cli *c, void *args, int argc, char **argv)
{
    static const struct { const char *name; void (*print)(void); } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    (void)args;
    for (size_t i = 0; i < WHET_COUNT(shells) && argc == 2; i++)
        if (strcmp(shells[i].name, argv[1]) == 0) {
            shells[i].print();
            return 0;
        }
    return cli_usage(c, "completion", "which shell? give bash, zsh or fish");
}

const cmd cmd_completion = {.name = "completion",
                            .summary = "completion script for bash, zsh or fish",
                            .usage = "bash|zsh|fish",
                            .examples = "  $ whet completion bash > ~/.local/share/bash-completion/completions/whet",
                            .run = run};
