/* SPDX-License-Identifier: Apache-2.0 */
/* The YAML tree: making, asking, typed readings of scalars (YAML 1.2 core schema). */
#include "wire/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/io.h"
#include "wire/yaml_tree.h"

whet_yaml_node *whet_yaml_new(whet_yaml *y, whet_yaml_kind kind, int line, int column)
{
    whet_yaml_node *n = whet_arena_alloc(y->arena, sizeof(*n));
    if (!n) return NULL;
    n->kind = kind;
    n->line = line;
    n->column = column;
    return n;
}

whet_status whet_yaml_at(const whet_yaml *y, int line, int column, whet_status status, const char *text)
{
    if (column > 0) whet_fail(status, "%s (column %d)", text, column);
    else whet_fail(status, "%s", text);
    whet_error_at_file(y->file);
    if (line > 0) whet_error_at_line(line);
    return status;
}

static bool grow(whet_yaml *y, void **p, int n, size_t size)
{
    if (n & (n - 1)) return true; /* capacity is the next power of two */
    void *bigger = whet_arena_alloc(y->arena, (size_t)(n ? 2 * n : 1) * size);
    if (!bigger) return false;
    if (n) memcpy(bigger, *p, (size_t)n * size);
    *p = bigger;
    return true;
}

whet_status whet_yaml_append(whet_yaml *y, whet_yaml_node *to, const char *key, int key_line, int key_column,
                             whet_yaml_node *item)
{
    if (to->n >= (to->kind == WHET_YAML_MAP ? WHET_YAML_MAX_KEYS : WHET_YAML_MAX_ITEMS))
        return whet_yaml_at(y, item->line, item->column, WHET_ENOMEM, "more than 4096 keys in a map or 100000 items in a list");
    if (!grow(y, (void **)&to->items, to->n, sizeof(*to->items))) return WHET_ENOMEM;
    if (to->kind == WHET_YAML_MAP) {
        for (int i = 0; i < to->n; i++) {
            if (strcmp(to->keys[i], key) != 0) continue;
            whet_fail(WHET_EFORMAT, "key '%s' stands twice, first in line %d (column %d)", key, to->key_lines[i], key_column);
            whet_error_at_file(y->file);
            whet_error_at_line(key_line);
            return WHET_EFORMAT;
        }
        if (!grow(y, (void **)&to->keys, to->n, sizeof(*to->keys)) ||
            !grow(y, (void **)&to->key_lines, to->n, sizeof(*to->key_lines)) ||
            !grow(y, (void **)&to->key_columns, to->n, sizeof(*to->key_columns)))
            return WHET_ENOMEM;
        to->keys[to->n] = key;
        to->key_lines[to->n] = key_line;
        to->key_columns[to->n] = key_column;
    }
    to->items[to->n++] = item;
    return WHET_OK;
}

whet_status whet_yaml_parse(whet_yaml **out, const char *text, size_t size, const char *file)
{
    whet_yaml *y = whet_calloc(1, sizeof(*y));
    whet_status status = WHET_ENOMEM;
    *out = NULL;
    if (!y) return WHET_ENOMEM;
    y->arena = whet_arena_create();
    y->file = y->arena ? whet_arena_strdup(y->arena, file ? file : "") : NULL;
    if (!y->file) goto done;
    if (size > WHET_YAML_MAX_BYTES) WHET_GOTO(whet_yaml_at(y, 0, 0, WHET_ENOMEM, "text is longer than 4 MiB"));
    WHET_GOTO(whet_yaml_build(y, text, size));
    if (!y->root) y->root = whet_yaml_new(y, WHET_YAML_MAP, 1, 1);
    status = y->root ? WHET_OK : WHET_ENOMEM;
done:
    if (status == WHET_OK) *out = y;
    else whet_yaml_free(y);
    return status;
}

void whet_yaml_free(whet_yaml *y)
{
    if (!y) return;
    whet_arena_free(y->arena);
    whet_free(y);
}

const whet_yaml_node *whet_yaml_root(const whet_yaml *y) { return y->root; }

const whet_yaml_node *whet_yaml_get(const whet_yaml_node *map, const char *key)
{
    for (int i = 0; map && map->kind == WHET_YAML_MAP && i < map->n; i++)
        if (strcmp(map->keys[i], key) == 0) return map->items[i];
    return NULL;
}

static bool plain(const whet_yaml_node *n) { return n && n->kind == WHET_YAML_SCALAR && !n->quoted; }

static bool is_one_of(const char *s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(s, words[i]) == 0) return true;
    return false;
}

bool whet_yaml_is_null(const whet_yaml_node *n)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    return plain(n) && is_one_of(n->text, words, WHET_COUNT(words));
}

bool whet_yaml_bool(const whet_yaml_node *n, bool *out)
{
    static const char *const yes[] = {"true", "True", "TRUE"}, *const no[] = {"false", "False", "FALSE"};
    if (!plain(n)) return false;
    *out = is_one_of(n->text, yes, WHET_COUNT(yes));
    return *out || is_one_of(n->text, no, WHET_COUNT(no));
}

bool whet_yaml_int(const whet_yaml_node *n, int64_t *out)
{
    char *end = NULL;
    if (!plain(n)) return false;
    const char *digits = n->text + (n->text[0] == '-' || n->text[0] == '+');
    if (*digits < '0' || *digits > '9') return false;
    bool hex = digits[0] == '0' && digits[1] == 'x';
    errno = 0;
    long long v = strtoll(n->text, &end, hex ? 16 : 10);
    if (errno || *end) return false;
    *out = v;
    return true;
}

/* Decimal digits, one point, one exponent: no "nan", no "0x1p3", no blanks. */
static bool looks_real(const char *s)
{
    int digits = 0;
    s += *s == '-' || *s == '+';
    for (; *s >= '0' && *s <= '9'; s++) digits++;
    if (*s == '.')
        for (s++; *s >= '0' && *s <= '9'; s++) digits++;
    if (digits == 0) return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        if (*s < '0' || *s > '9') return false;
        while (*s >= '0' && *s <= '9') s++;
    }
    return *s == '\0';
}

bool whet_yaml_real(const whet_yaml_node *n, double *out)
{
    if (!plain(n) || !looks_real(n->text)) return false;
    double v = strtod(n->text, NULL);
    if (!isfinite(v)) return false;
    *out = v;
    return true;
}

whet_status whet_yaml_fail(const whet_yaml *y, const whet_yaml_node *at, whet_status status, const char *fmt, ...)
{
    char text[1024] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return whet_yaml_at(y, at ? at->line : 0, at ? at->column : 0, status, text);
}
