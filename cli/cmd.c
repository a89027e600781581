/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands, and what all of them share: ending, usage errors. */
#include "cmd.h"

#include <stdarg.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/printable.h"
#include "bar.h"

#define G(heading)
#define A(alias, name)
#define C(name) extern const cmd cmd_##name;
#include "commands.def"
#undef C
static const cmd *const commands[] = {
#define C(name) &cmd_##name,
#include "commands.def"
#undef C
};
#undef A
#define C(name)
#define A(alias, name) {#alias, #name},
static const struct { const char *alias, *name; } aliases[] = {
#include "commands.def"
    {NULL, NULL}};
#undef A
#undef C
#undef G

int cmd_count(void)
{
    return (int)WHET_COUNT(commands);
}

const cmd *cmd_at(int i)
{
    return commands[i];
}

const cmd *cmd_find(const char *name)
{
    for (size_t i = 0; aliases[i].alias != NULL; i++)
        if (strcmp(aliases[i].alias, name) == 0) name = aliases[i].name;
    for (size_t i = 0; i < WHET_COUNT(commands); i++)
        if (strcmp(commands[i]->name, name) == 0) return commands[i];
    return NULL;
}

static whet_status print_result(cli *c, whet_result *r)
{
    if (c->json != NULL && c->json[0] == '\0') {
        printf("%s\n", whet_result_json(r));
        return WHET_OK;
    }
    if (c->json != NULL) WHET_TRY(whet_file_write(c->json, whet_result_json(r), strlen(whet_result_json(r))));
    fputs(whet_result_text(r, c->width, c->color), stdout);
    return WHET_OK;
}

int cli_finish(cli *c, whet_status status, whet_result *r)
{
    int code = whet_status_exit_code(status);
    bar_clear(c);
    if (status != WHET_OK) fprintf(stderr, "whet: %s\n", whet_error_message());
    if (r != NULL) {
        whet_status printed = print_result(c, r);
        if (printed != WHET_OK) {
            fprintf(stderr, "whet: %s\n", whet_error_message());
            code = code == 0 ? whet_status_exit_code(printed) : code;
        }
        if (code == 0) code = whet_result_gate(r);
    }
    whet_result_free(r);
    return code;
}

int cli_usage(const cli *c, const char *command, const char *fmt, ...)
{
    char text[1024], safe[2048];
    va_list ap;
    (void)c;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    whet_printable(safe, sizeof safe, text, 0);
    fprintf(stderr, "whet %s: %s\n`whet %s --help` shows how it is used\n", command, safe, command);
    return 2;
}

int cli_check_ranges(const cli *c, const char *command, size_t n, const cli_range *r)
{
    for (size_t i = 0; i < n; i++)
        if (r[i].value < r[i].least || r[i].value > r[i].most)
            return cli_usage(c, command, "--%s is out of range: %lld, allowed is %lld to %lld", r[i].option, r[i].value, r[i].least, r[i].most);
    return 0;
}
