/* SPDX-License-Identifier: Apache-2.0 */
/* A machine of a fleet, by the system's OpenSSH and POSIX shell scripts of a few lines. */
#include "study/fleet_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "study/fleet_process.h"
#include "wire/json.h"

enum { MAX_WORDS = 96, SSH_FAILED = 255, FIRST_PAUSE_MS = 500, LAST_PAUSE_MS = 15000 };

/* What a login shell prints by itself stands before this line. */
static const char answer_begins[] = "whet: the answer\n";
/* The study of this folder runs. After a restart of the machine its number may be another program's, which works elsewhere. */
static const char alive[] = "alive() { p=$(cat pid 2>/dev/null) && [ -n \"$p\" ] && kill -0 \"$p\" 2>/dev/null && [ \"/proc/$p/cwd\" -ef . ]; }\n";

void fleet_host_dispose(fleet_host *h)
{
    char *const texts[] = {h->name, h->address, h->ssh, h->folder, h->machine, h->wrapper, h->error};
    for (size_t i = 0; i < WHET_COUNT(texts); i++) whet_free(texts[i]);
    json_decref(h->doc);
    *h = (fleet_host){0};
}

/* --- one command there */

/* Words of `text` (cut in place) behind those of argv, which holds at most `most`; false if they are more. */
static bool add_words(char **argv, int *n, int most, char *text)
{
    char *rest = NULL, *w = text != NULL ? strtok_r(text, " \t", &rest) : NULL;
    for (; w != NULL && *n < most; w = strtok_r(NULL, " \t", &rest)) argv[(*n)++] = w;
    return w == NULL;
}

/* `script` by the machine's sh. WHET_SSH replaces "ssh", as with other programs that go through it. */
static whet_status call(fleet_host *h, const char *script, fleet_call *c)
{
    static const char *const usual[] = {"-o", "BatchMode=yes", "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3", "-T"};
    const char *given = getenv("WHET_SSH");
    char *program = whet_strdup(given != NULL && given[0] != '\0' ? given : "ssh"), *more = h->ssh != NULL ? whet_strdup(h->ssh) : NULL;
    char *argv[MAX_WORDS] = {NULL};
    int n = 0;
    whet_strbuf command;
    whet_strbuf_init(&command);
    whet_strbuf_puts(&command, "exec sh -c ");
    fleet_quote(&command, script);
    whet_status status = program != NULL && !command.failed ? WHET_OK : WHET_ENOMEM;
    const int most = MAX_WORDS - 4;
    bool fits = add_words(argv, &n, most - (int)WHET_COUNT(usual), program);
    for (size_t i = 0; i < WHET_COUNT(usual); i++) argv[n++] = (char *)usual[i];
    fits = add_words(argv, &n, most, more) && fits;
    if (status == WHET_OK && !fits) status = WHET_FAIL(WHET_EINVAL, "%s: ssh is given over %d words", h->name, most - (int)WHET_COUNT(usual));
    argv[n++] = (char *)"--";
    argv[n++] = h->address;
    argv[n++] = command.data;
    c->argv = argv;
    if (status == WHET_OK) status = fleet_process(c);
    else whet_strbuf_init(&c->out);
    c->argv = NULL;
    whet_strbuf_dispose(&command);
    whet_free(program);
    whet_free(more);
    return status;
}

static whet_status pause_ms(int ms)
{
    const uint64_t until = whet_now_ns() + (uint64_t)ms * 1000000;
    while (whet_now_ns() < until) {
        if (whet_cancelled()) return WHET_FAIL(WHET_ECANCELLED, "interrupted");
        whet_sleep_ns(50000000);
    }
    return WHET_OK;
}

/* The command again and again while the connection fails; c->out holds the answer of the last try. Each reason is said once. */
static whet_status insist(fleet_host *h, const char *script, fleet_call *c, double patience)
{
    char before[sizeof c->said] = "";
    const uint64_t until = whet_now_ns() + (uint64_t)(patience * 1e9);
    for (int pause = FIRST_PAUSE_MS;; pause = WHET_MIN(2 * pause, LAST_PAUSE_MS)) {
        const whet_status status = call(h, script, c);
        if (status != WHET_OK || (c->code == 0 && c->fed == 0)) return status;
        if (c->code == 0) return WHET_FAIL(WHET_EIO, "%s: what goes there cannot be read here: %s", h->name, c->said[0] != '\0' ? c->said : c->feeder[0]);
        if (c->code != SSH_FAILED && c->code != -1)
            return WHET_FAIL(WHET_ERUNTIME, "%s: %s", h->name, c->said[0] != '\0' ? c->said : "a command failed there without a word");
        if (whet_now_ns() >= until)
            return WHET_FAIL(WHET_ERUNTIME, "%s cannot be reached: %s; try `ssh %s true`", h->name, c->timed_out ? "no answer" : c->said[0] != '\0' ? c->said : "ssh ended", h->address);
        const char *why = c->said[0] != '\0' ? c->said : c->timed_out ? "no answer" : "ssh ended without a word";
        if (strcmp(why, before) != 0) whet_log(WHET_LOG_INFO, "%s: no connection (%s), trying again", h->name, why);
        snprintf(before, sizeof before, "%s", why);
        WHET_TRY(pause_ms(pause));
        whet_strbuf_dispose(&c->out);
    }
}

/* A script with no input whose answer is wanted. */
static whet_status ask(fleet_host *h, const char *script, double seconds, double patience, fleet_call *c)
{
    *c = (fleet_call){.seconds = seconds};
    char *whole = script != NULL ? whet_format("echo '%.*s'\n%s", (int)sizeof answer_begins - 2, answer_begins, script) : NULL;
    if (whole == NULL) {
        whet_strbuf_init(&c->out);
        return WHET_ENOMEM;
    }
    whet_status status = insist(h, whole, c, patience);
    whet_free(whole);
    if (status != WHET_OK) return status;
    const char *begin = c->out.data != NULL ? memmem(c->out.data, c->out.len, answer_begins, sizeof answer_begins - 1) : NULL;
    if (begin == NULL) return WHET_FAIL(WHET_ERUNTIME, "%s: its shell gave no usable answer", h->name);
    const size_t skip = (size_t)(begin - c->out.data) + sizeof answer_begins - 1;
    c->out.len -= skip;
    memmove(c->out.data, c->out.data + skip, c->out.len + 1);
    return WHET_OK;
}

/* The same whose answer is not wanted. */
static whet_status order(fleet_host *h, const char *script, double patience)
{
    fleet_call c;
    const whet_status status = ask(h, script, 60, patience, &c);
    whet_strbuf_dispose(&c.out);
    return status;
}

/* --- what it is */

static void take_line(fleet_host *h, const char *key, const char *value)
{
    const struct { const char *key; char *to; size_t size; } known[] = {
        {"machine", h->type, sizeof h->type}, {"glibc", h->glibc, sizeof h->glibc}, {"base", h->base, sizeof h->base}};
    for (size_t i = 0; i < WHET_COUNT(known); i++)
        if (strcmp(key, known[i].key) == 0 && strlen(value) < known[i].size) snprintf(known[i].to, known[i].size, "%s", value);
}

whet_status fleet_probe(fleet_host *h, double patience)
{
    fleet_call c;
    whet_strbuf s;
    whet_strbuf_init(&s);
    whet_strbuf_puts(&s, "set -e; d=");
    if (h->folder != NULL) fleet_quote(&s, h->folder);
    else whet_strbuf_puts(&s, "${XDG_CACHE_HOME:-$HOME/.cache}/whet-fleet");
    whet_strbuf_puts(&s, "; for p in tar mv rm tail cat; do command -v $p >/dev/null || { echo \"the program $p is missing there\" >&2; exit 1; }; done\n"
                         "mkdir -p \"$d/bundles\" \"$d/files\" \"$d/runs\" \"$d/runtimes\"; cd \"$d\"\n"
                         "find bundles files runtimes -name '*.part-*' -prune -mtime +1 -exec rm -rf {} + 2>/dev/null || :\n" /* of copies that nobody ended */
                         "echo base=$(pwd -P); echo machine=$(uname -m)\n"
                         "echo glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | tr -cd 0-9.)");
    whet_status status = ask(h, s.failed ? NULL : s.data, 60, patience, &c);
    for (char *p = c.out.data, *rest = NULL, *line = p != NULL ? strtok_r(p, "\n", &rest) : NULL; status == WHET_OK && line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char *equals = strchr(line, '=');
        if (equals == NULL) continue;
        *equals = '\0';
        take_line(h, line, equals + 1);
    }
    whet_strbuf_dispose(&c.out);
    whet_strbuf_dispose(&s);
    if (status == WHET_OK && (h->base[0] != '/' || h->type[0] == '\0')) status = WHET_FAIL(WHET_ERUNTIME, "%s: its shell gave no usable answer", h->name);
    if (status == WHET_OK && h->machine != NULL) snprintf(h->type, sizeof h->type, "%s", h->machine);
    return status;
}

/* --- files */

whet_status fleet_has(fleet_host *h, const char *rel, double patience, bool *there)
{
    fleet_call c;
    whet_strbuf s;
    whet_strbuf_init(&s);
    fleet_quote(&s, h->base);
    char *script = whet_format("cd %s && if [ -d '%s' ]; then echo yes; else echo no; fi", s.data, rel);
    const whet_status status = ask(h, script, 60, patience, &c);
    *there = status == WHET_OK && c.out.len >= 3 && strncmp(c.out.data, "yes", 3) == 0;
    whet_strbuf_dispose(&c.out);
    whet_strbuf_dispose(&s);
    whet_free(script);
    return status;
}

/* An input that ends too early is a whole archive to some programs of the name tar, so the folder gets its name by a second command,
 * given when all was sent. Two that send the same have folders of their own. */
whet_status fleet_send(fleet_host *h, const char *rel, const char *how, char *const *feeder, const char *file, double patience)
{
    fleet_call c = {.feeder = feeder, .file = file};
    whet_strbuf s;
    whet_strbuf_init(&s);
    fleet_quote(&s, h->base);
    char *part = whet_format("%s.part-%ld-%llu", rel, (long)getpid(), (unsigned long long)whet_now_ns());
    char *unpack = whet_format("set -e; cd %s; d='%s'; rm -rf \"$d\"; mkdir -p \"$d\"; tar -C \"$d\" -x%sf - || { rm -rf \"$d\"; exit 1; }", s.data, part, how);
    char *name = whet_format("cd %s && if [ -d '%s' ]; then rm -rf '%s'; else mv '%s' '%s'; fi", s.data, rel, part, part, rel);
    char *drop = whet_format("cd %s && rm -rf '%s'", s.data, part);
    whet_status status = part != NULL && unpack != NULL && name != NULL && drop != NULL && !s.failed ? WHET_OK : WHET_ENOMEM;
    if (status == WHET_OK) {
        status = insist(h, unpack, &c, patience);
        whet_strbuf_dispose(&c.out);
        if (status == WHET_OK) {
            status = order(h, name, patience);
        } else if (status == WHET_ECANCELLED || c.code != SSH_FAILED) { /* else there is nobody to tell it to */
            fleet_call last = {.seconds = 20, .deaf = true};
            (void)call(h, drop, &last);
            whet_strbuf_dispose(&last.out);
        }
    }
    whet_strbuf_dispose(&s);
    whet_free(part);
    whet_free(unpack);
    whet_free(name);
    whet_free(drop);
    return status;
}

/* --- the study */

/* A script that starts the program under the wrapper. */
static void add_wrapper(whet_strbuf *s, const fleet_host *h, const char *bundle)
{
    whet_strbuf text;
    char *program = whet_format("%s/%s/bin/whet", h->base, bundle);
    whet_strbuf_init(&text);
    whet_strbuf_printf(&text, "#!/bin/sh\nexec %s ", h->wrapper);
    if (program != NULL) fleet_quote(&text, program);
    whet_strbuf_puts(&text, " \"$@\"");
    whet_strbuf_puts(s, "printf '%s\\n' ");
    if (text.failed || program == NULL) s->failed = true;
    else fleet_quote(s, text.data);
    whet_strbuf_puts(s, " > program; chmod 755 program; program=\"$(pwd -P)/program\"; WHET_PROGRAM=$program; export WHET_PROGRAM\n");
    whet_strbuf_dispose(&text);
    whet_free(program);
}

whet_status fleet_start(fleet_host *h, const char *run, const char *bundle, const char *text, const char *mode, double patience)
{
    fleet_call c = {.text = text, .seconds = 120};
    whet_strbuf s;
    whet_strbuf_init(&s);
    whet_strbuf_puts(&s, "set -e; cd ");
    fleet_quote(&s, h->base);
    whet_strbuf_printf(&s, "; base=$(pwd -P); mkdir -p 'runs/%s'; cd 'runs/%s'\n%s", run, run, alive);
    whet_strbuf_printf(&s, "if alive; then cat >/dev/null; echo running; exit 0; fi\n"
                           "cat > study.json.part; [ $(wc -c < study.json.part) -eq %zu ] || exit 1; mv study.json.part study.json\n" /* it may break off */
                           "rm -f code pid talk; program=\"$base/%s/bin/whet\"\n",
                       strlen(text), bundle);
    if (h->wrapper != NULL) add_wrapper(&s, h, bundle);
    whet_strbuf_printf(&s, "WHET_HOME=\"$base/home\"; WHET_RUNTIMES=\"$base/runtimes\"; export WHET_HOME WHET_RUNTIMES\n"
                           "far=; if command -v setsid >/dev/null; then far=setsid; fi\n"
                           "$far sh -c 'echo $$ > pid; trap : INT; \"$0\" study study.json --out out --store none.sqlite%s >said 2>talk; echo $? > code.part; mv code.part code' \"$program\" "
                           "</dev/null >/dev/null 2>&1 &\n",
                       strcmp(mode, "quick") == 0 ? " --quick" : strcmp(mode, "publish") == 0 ? " --publish" : "");
    whet_status status = s.failed ? WHET_ENOMEM : insist(h, s.data, &c, patience);
    if (!s.failed) whet_strbuf_dispose(&c.out);
    whet_strbuf_dispose(&s);
    h->running = status == WHET_OK || status == WHET_ECANCELLED; /* it may have begun */
    return status;
}

static void pass_on(fleet_host *h, const char *text, size_t n)
{
    while (n > 0) {
        const char *end = memchr(text, '\n', n);
        if (end == NULL) return; /* the rest of the line comes with the next answer */
        const size_t len = (size_t)(end - text);
        if (len > 0) whet_log(WHET_LOG_INFO, "%s | %.*s", h->name, (int)WHET_MIN(len, (size_t)400), text);
        h->heard += (int64_t)len + 1;
        text += len + 1;
        n -= len + 1;
    }
}

whet_status fleet_wait(fleet_host *h, const char *run, int seconds, double patience)
{
    fleet_call c;
    whet_strbuf s;
    whet_strbuf_init(&s);
    whet_strbuf_puts(&s, "cd ");
    fleet_quote(&s, h->base);
    whet_strbuf_printf(&s, "/runs/%s || exit 1; i=0; while [ $i -lt %d ] && [ ! -f code ]; do sleep 1; i=$((i+1)); done\n%s", run, seconds, alive);
    whet_strbuf_printf(&s, "if [ -f code ]; then echo \"code $(cat code)\"; elif alive; then echo 'code -'; else echo 'code 137'; fi; tail -c +%lld talk 2>/dev/null || :",
                       (long long)h->heard + 1);
    whet_status status = ask(h, s.failed ? NULL : s.data, seconds + 60.0, patience, &c);
    if (status == WHET_OK && (c.out.len <= 5 || strncmp(c.out.data, "code ", 5) != 0)) status = WHET_FAIL(WHET_ERUNTIME, "%s: its shell gave no usable answer", h->name);
    if (status == WHET_OK) {
        const char *end = memchr(c.out.data, '\n', c.out.len);
        h->ended = c.out.data[5] != '-';
        h->code = h->ended ? atoi(c.out.data + 5) : 0;
        if (end != NULL) pass_on(h, end + 1, c.out.len - (size_t)(end + 1 - c.out.data));
    }
    whet_strbuf_dispose(&c.out);
    whet_strbuf_dispose(&s);
    return status;
}

void fleet_stop(fleet_host *h, const char *run)
{
    fleet_call c = {.seconds = 60, .deaf = true};
    whet_strbuf s;
    whet_strbuf_init(&s);
    whet_strbuf_puts(&s, "cd ");
    fleet_quote(&s, h->base);
    whet_strbuf_printf(&s, "/runs/%s || exit 0\n%salive || exit 0; kill -INT -- -\"$p\" 2>/dev/null || kill -INT \"$p\"; i=0\n"
                           "while [ $i -lt 30 ] && [ ! -f code ]; do sleep 1; i=$((i+1)); done; [ -f code ] || kill -KILL -- -\"$p\"",
                       run, alive);
    if (!s.failed && h->base[0] != '\0') {
        (void)call(h, s.data, &c);
        whet_strbuf_dispose(&c.out);
    }
    whet_strbuf_dispose(&s);
    h->running = false;
}

whet_status fleet_fetch(fleet_host *h, const char *run, double patience)
{
    fleet_call c;
    whet_strbuf s;
    whet_strbuf_init(&s);
    whet_strbuf_puts(&s, "cd ");
    fleet_quote(&s, h->base);
    whet_strbuf_printf(&s, "/runs/%s && if [ -f out/result.json ] && [ ! out/result.json -ot study.json ]; then cat out/result.json; else tail -n 1 talk >&2; exit 1; fi", run);
    whet_status status = ask(h, s.failed ? NULL : s.data, 600, patience, &c);
    if (status == WHET_OK) status = whet_json_parse(&h->doc, c.out.data, c.out.len, h->name);
    whet_strbuf_dispose(&c.out);
    whet_strbuf_dispose(&s);
    return status;
}
