/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is read off a table of options: parsing, help, and the command as it was typed. */
#include "opt.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/spelling.h"
#include "base/status.h"
#include "base/strbuf.h"

enum { MOST_GIVEN = 64 };

static whet_status unknown(const char *word, const opt *common, const opt *own)
{
    whet_spelling s = {.word = word};
    for (const opt *t = common; t != NULL && t->name != NULL; t++) whet_spelling_offer(&s, t->name);
    for (const opt *t = own; t != NULL && t->name != NULL; t++) whet_spelling_offer(&s, t->name);
    if (s.nearest != NULL) return WHET_FAIL(WHET_EINVAL, "unknown option '--%s'; did you mean '--%s'?", word, s.nearest);
    return WHET_FAIL(WHET_EINVAL, "unknown option '--%s'", word);
}

static const opt *find(const opt *t, const char *name, size_t len, char letter)
{
    for (; t != NULL && t->name != NULL; t++)
        if (letter != 0 ? t->letter == letter : strlen(t->name) == len && strncmp(t->name, name, len) == 0) return t;
    return NULL;
}

static bool in_choice(const char *choice, const char *value)
{
    size_t n = strlen(value);
    for (const char *p = choice; p != NULL; p = strchr(p, '|')) {
        if (*p == '|') p++;
        if (strncmp(p, value, n) == 0 && (p[n] == '|' || p[n] == '\0')) return true;
    }
    return false;
}

static whet_status store(const opt *o, void *args, const char *value)
{
    char *dst = (char *)args + o->offset;
    char *end = NULL;
    errno = 0;
    if (o->kind == OPT_INT) {
        long long x = strtoll(value, &end, 10);
        if (end == value || *end != '\0' || errno != 0)
            return WHET_FAIL(WHET_EINVAL, "--%s wants a whole number, not '%s'", o->name, value);
        *(int64_t *)(void *)dst = x;
    } else if (o->kind == OPT_REAL) {
        double x = strtod(value, &end);
        if (end == value || *end != '\0' || errno != 0 || x != x)
            return WHET_FAIL(WHET_EINVAL, "--%s wants a number, not '%s'", o->name, value);
        *(double *)(void *)dst = x;
    } else if (o->kind == OPT_LIST) {
        opt_list *l = (opt_list *)(void *)dst;
        size_t cap = (size_t)l->cap;
        if (!WHET_GROW(&l->items, (size_t)l->n, &cap)) return WHET_ENOMEM;
        l->cap = (int)cap;
        l->items[l->n++] = value;
    } else {
        if (o->arg != NULL && strchr(o->arg, '|') != NULL && !in_choice(o->arg, value))
            return WHET_FAIL(WHET_EINVAL, "--%s wants one of %s, not '%s'", o->name, o->arg, value);
        *(const char **)(void *)dst = value;
    }
    return WHET_OK;
}

/* The last of two values wins, as a command kept with its usual options expects; but of two lists both may be meant. */
static whet_status once(const opt **seen, int *n, const opt *o)
{
    static const char *const lists[] = {"LIST", "BOUNDS", "KEYS"};
    bool list = false;
    for (size_t i = 0; i < WHET_COUNT(lists); i++) list |= strcmp(o->arg, lists[i]) == 0;
    if (!list) return WHET_OK;
    for (int i = 0; i < *n; i++)
        if (seen[i] == o) return WHET_FAIL(WHET_EINVAL, "--%s is given twice, give it once: values are separated by commas", o->name);
    if (*n < MOST_GIVEN) seen[(*n)++] = o;
    return WHET_OK;
}

whet_status opt_parse(const opt *common, void *common_args, const opt *own, void *own_args, int *argc, char **argv)
{
    const opt *seen[MOST_GIVEN];
    int rest = 1, n_seen = 0;
    bool ended = false;
    for (int i = 1; i < *argc; i++) {
        char *a = argv[i];
        if (ended || a[0] != '-' || a[1] == '\0') {
            argv[rest++] = a;
            continue;
        }
        if (strcmp(a, "--") == 0) {
            ended = true;
            continue;
        }
        bool word = a[1] == '-';
        const char *name = word ? a + 2 : a + 1;
        const char *equals = word ? strchr(name, '=') : NULL;
        size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
        bool unset = false;
        void *args = own_args;
        if (!word && (name[1] != '\0' || (name[0] >= '0' && name[0] <= '9')))
            return WHET_FAIL(WHET_EINVAL, "'%s' is no option; write --name or -x", a);
        const opt *o = find(own, name, len, word ? 0 : name[0]);
        if (o == NULL) {
            args = common_args;
            o = find(common, name, len, word ? 0 : name[0]);
        }
        if (o == NULL && word && strncmp(name, "no-", 3) == 0) {
            args = own_args;
            o = find(own, name + 3, len - 3, 0);
            unset = o != NULL && o->kind == OPT_FLAG;
            if (!unset) o = NULL;
        }
        if (o == NULL) {
            char text[64];
            snprintf(text, sizeof text, "%.*s", (int)WHET_MIN(len, (size_t)60), name);
            if (word) return unknown(text, common, own);
            return WHET_FAIL(WHET_EINVAL, "unknown option '-%c'", name[0]);
        }
        if (o->kind == OPT_FLAG) {
            if (equals != NULL) return WHET_FAIL(WHET_EINVAL, "--%s takes no value", o->name);
            *(int *)(void *)((char *)args + o->offset) = unset ? 0 : 1;
            continue;
        }
        if (o->kind == OPT_MAYBE) {
            *(const char **)(void *)((char *)args + o->offset) = equals != NULL ? equals + 1 : "";
            continue;
        }
        if (o->kind != OPT_LIST) WHET_TRY(once(seen, &n_seen, o));
        if (equals == NULL && i + 1 >= *argc) return WHET_FAIL(WHET_EINVAL, "--%s wants a value (%s)", o->name, o->arg);
        WHET_TRY(store(o, args, equals != NULL ? equals + 1 : argv[++i]));
    }
    *argc = rest;
    return WHET_OK;
}

void opt_dispose(const opt *own, void *own_args)
{
    for (; own != NULL && own->name != NULL; own++)
        if (own->kind == OPT_LIST) whet_free(((opt_list *)(void *)((char *)own_args + own->offset))->items);
}

static void put_word(whet_strbuf *b, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./,:=@%+";
    whet_strbuf_puts(b, " ");
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        whet_strbuf_puts(b, word);
        return;
    }
    whet_strbuf_puts(b, "'");
    for (const char *c = word; *c != '\0'; c++) {
        if (*c == '\'') whet_strbuf_puts(b, "'\\''");
        else whet_strbuf_add(b, c, 1);
    }
    whet_strbuf_puts(b, "'");
}

static void put_option(whet_strbuf *b, const opt *o, const char *at)
{
    char number[40];
    if (o->kind == OPT_LIST) {
        const opt_list *l = (const opt_list *)(const void *)at;
        for (int i = 0; i < l->n; i++) {
            whet_strbuf_printf(b, " --%s", o->name);
            put_word(b, l->items[i]);
        }
        return;
    }
    if (o->kind == OPT_FLAG) {
        whet_strbuf_printf(b, *(const int *)(const void *)at ? " --%s" : " --no-%s", o->name);
        return;
    }
    if (o->kind == OPT_INT) snprintf(number, sizeof number, "%lld", (long long)*(const int64_t *)(const void *)at);
    else if (o->kind == OPT_REAL) snprintf(number, sizeof number, "%.15g", *(const double *)(const void *)at);
    whet_strbuf_printf(b, " --%s", o->name);
    put_word(b, o->kind == OPT_INT || o->kind == OPT_REAL ? number : *(const char *const *)(const void *)at);
}

char *opt_typed(const char *head, int argc, char *const *argv, const opt *own, const void *args, const void *usual)
{
    static const size_t sizes[] = {[OPT_FLAG] = sizeof(int), [OPT_INT] = sizeof(int64_t), [OPT_REAL] = sizeof(double),
                                   [OPT_STRING] = sizeof(char *), [OPT_LIST] = sizeof(opt_list), [OPT_PATH] = sizeof(char *),
                                   [OPT_MAYBE] = sizeof(char *)};
    whet_strbuf b;
    whet_strbuf_init(&b);
    whet_strbuf_puts(&b, head);
    for (int i = 1; i < argc; i++) put_word(&b, argv[i]);
    for (const opt *o = own; o->name != NULL; o++) {
        const char *at = (const char *)args + o->offset;
        if (memcmp(at, (const char *)usual + o->offset, sizes[o->kind]) != 0) put_option(&b, o, at);
    }
    return whet_strbuf_take(&b);
}

void opt_wrap(const char *text, int column, int width)
{
    int at = column;
    while (*text != '\0') {
        int n = (int)strcspn(text, " \n");
        if (at > column && at + 1 + n > width) {
            printf("\n%*s", column, "");
            at = column;
        } else if (at > column) {
            putchar(' ');
            at++;
        }
        printf("%.*s", n, text);
        at += n;
        text += n;
        if (strncmp(text, "\n\n", 2) == 0) {
            printf("\n\n%*s", column, "");
            at = column;
        }
        text += strspn(text, " \n");
    }
    putchar('\n');
}

void opt_print(const opt *t, int width)
{
    const int column = 28;
    for (; t != NULL && t->name != NULL; t++) {
        char left[160];
        char letter[8] = "    ";
        if (t->letter != 0) snprintf(letter, sizeof letter, "-%c, ", t->letter);
        const char *arg = t->arg != NULL ? t->arg : "";
        if (t->kind == OPT_FLAG)
            snprintf(left, sizeof left, "  %s--%s", letter, t->name);
        else if (t->kind == OPT_MAYBE)
            snprintf(left, sizeof left, "  %s--%s[=%s]", letter, t->name, arg);
        else
            snprintf(left, sizeof left, "  %s--%s %s", letter, t->name, arg);
        int n = printf("%s", left);
        if (n > column - 2) printf("\n%*s", column, "");
        else printf("%*s", column - n, "");
        opt_wrap(t->help, column, width);
    }
}
