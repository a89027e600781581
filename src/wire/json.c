/* SPDX-License-Identifier: Apache-2.0 */
/* JSON over jansson: the settings that every caller needs, and errors that say where. The writer is our own because
 * jansson prints 0.1 as 0.10000000000000001. Values come from jansson, so nesting is limited to its 2048. */
#include "wire/json.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/strbuf.h"

whet_status whet_json_parse(json_t **out, const char *text, size_t size, const char *name)
{
    json_error_t e;
    *out = NULL;
    if (size > WHET_JSON_MAX_BYTES) return WHET_FAIL(WHET_ENOMEM, "JSON of %zu bytes passes the limit of 256 MiB", size);
    *out = json_loadb(text, size, JSON_REJECT_DUPLICATES, &e);
    if (*out) return WHET_OK;
    if (json_error_code(&e) == json_error_out_of_memory) return WHET_FAIL(WHET_ENOMEM, "out of memory while reading JSON");
    whet_fail(WHET_EFORMAT, "invalid JSON at column %d: %s", e.column, e.text);
    if (name && *name) whet_error_at_file(name);
    if (e.line > 0) whet_error_at_line(e.line);
    whet_error_at_offset(e.position);
    return WHET_EFORMAT;
}

whet_status whet_json_read(json_t **out, const char *path)
{
    uint8_t *text = NULL;
    size_t size = 0;
    *out = NULL;
    WHET_TRY(whet_file_read(&text, &size, path, WHET_JSON_MAX_BYTES));
    whet_status status = whet_json_parse(out, (const char *)text, size, path);
    whet_free(text);
    return status;
}

/* Shortest of 15 to 17 digits that reads back to the same double, always with a point or an exponent. */
static void put_real(whet_strbuf *b, double x)
{
    char text[40] = "";
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, x);
        if (strtod(text, NULL) == x) break;
    }
    for (char *p = text; *p; p++)
        if (*p == ',') *p = '.'; /* some locales */
    whet_strbuf_puts(b, text);
    if (!strpbrk(text, ".e")) whet_strbuf_puts(b, ".0");
}

static void put_string(whet_strbuf *b, const char *s, size_t n)
{
    whet_strbuf_puts(b, "\"");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        const char *at = c ? strchr("\"\"\\\\\bb\ff\nn\rr\tt", c) : NULL; /* pairs: character, its letter */
        if (at && (c == '"' || c == '\\' || c < 0x20)) whet_strbuf_printf(b, "\\%c", at[1]);
        else if (c < 0x20) whet_strbuf_printf(b, "\\u%04x", c);
        else whet_strbuf_add(b, &s[i], 1);
    }
    whet_strbuf_puts(b, "\"");
}

static void new_line(whet_strbuf *b, int indent, int depth)
{
    if (indent > 0) whet_strbuf_printf(b, "\n%*s", indent * depth, "");
}

static int by_key(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static const char **keys_of(const json_t *v, bool sorted)
{
    size_t n = 0;
    const char *key = NULL;
    json_t *item = NULL;
    const char **keys = whet_alloc((json_object_size(v) + 1) * sizeof(*keys));
    if (!keys) return NULL;
    json_object_foreach((json_t *)v, key, item) keys[n++] = key;
    if (sorted) qsort(keys, n, sizeof(*keys), by_key);
    return keys;
}

static void put(whet_strbuf *b, const json_t *v, int indent, int depth, bool sorted)
{
    size_t n = json_is_object(v) ? json_object_size(v) : json_array_size(v);
    const char **keys = NULL;
    switch (json_typeof(v)) {
    case JSON_NULL: whet_strbuf_puts(b, "null"); return;
    case JSON_TRUE: whet_strbuf_puts(b, "true"); return;
    case JSON_FALSE: whet_strbuf_puts(b, "false"); return;
    case JSON_INTEGER: whet_strbuf_printf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(v)); return;
    case JSON_REAL: put_real(b, json_real_value(v)); return;
    case JSON_STRING: put_string(b, json_string_value(v), json_string_length(v)); return;
    case JSON_OBJECT:
        keys = keys_of(v, sorted);
        if (!keys) {
            b->failed = true;
            return;
        }
        break;
    case JSON_ARRAY: break;
    }
    whet_strbuf_puts(b, keys ? "{" : "[");
    for (size_t i = 0; i < n; i++) {
        if (i) whet_strbuf_puts(b, ",");
        new_line(b, indent, depth + 1);
        if (keys) {
            put_string(b, keys[i], strlen(keys[i]));
            whet_strbuf_puts(b, indent > 0 ? ": " : ":");
        }
        put(b, keys ? json_object_get(v, keys[i]) : json_array_get(v, i), indent, depth + 1, sorted);
    }
    if (n) new_line(b, indent, depth);
    whet_strbuf_puts(b, keys ? "}" : "]");
    whet_free(keys);
}

static char *dump(const json_t *v, int indent, bool sorted)
{
    whet_strbuf b;
    whet_strbuf_init(&b);
    put(&b, v, indent, 0, sorted);
    return whet_strbuf_take(&b);
}

char *whet_json_text(const json_t *v, int indent) { return dump(v, indent, false); }

char *whet_json_canonical(const json_t *v) { return dump(v, 0, true); }

whet_status whet_json_write(const char *path, const json_t *v)
{
    char *text = whet_json_text(v, 2);
    if (!text) return WHET_ENOMEM;
    size_t n = strlen(text);
    text[n] = '\n'; /* the block has room for the NUL that stood here */
    whet_status status = whet_file_write(path, text, n + 1);
    whet_free(text);
    return status;
}

const char *whet_json_str(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s != NULL ? s : "";
}

double whet_json_real(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }

void whet_json_add_text(json_t *list, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    json_array_append_new(list, json_vsprintf(fmt, ap));
    va_end(ap);
}
