/* SPDX-License-Identifier: Apache-2.0 */
/* XML over expat, the whole document in one call. Entities can only be declared in a document type, and that is refused where it
 * starts. */
#ifndef WHET_MINIMAL /* no expat there */
#include "wire/xml.h"

#include <expat.h>
#include <stdio.h>

#include "base/mem.h"

typedef struct xml_state {
    XML_Parser parser;
    const whet_xml_handler *h;
    void *arg;
    const char *file;
    whet_status status;
    int depth;
    whet_strbuf text;
} xml_state;

static void stop(xml_state *s, whet_status status)
{
    if (s->status != WHET_OK) return;
    s->status = status;
    whet_error_at_line((int64_t)XML_GetCurrentLineNumber(s->parser));
    XML_StopParser(s->parser, XML_FALSE);
}

static void clear_text(xml_state *s)
{
    s->text.len = 0;
    if (s->text.data) s->text.data[0] = '\0';
}

static void XMLCALL on_open(void *arg, const XML_Char *name, const XML_Char **attrs)
{
    xml_state *s = arg;
    if (s->status != WHET_OK) return;
    clear_text(s);
    if (++s->depth > WHET_XML_DEPTH) {
        stop(s, WHET_FAIL(WHET_EFORMAT, "elements are nested deeper than %d", WHET_XML_DEPTH));
        return;
    }
    const whet_status status = s->h->open(s->arg, name, (const char *const *)attrs, (int64_t)XML_GetCurrentLineNumber(s->parser));
    if (status != WHET_OK) stop(s, status);
}

static const char *trimmed(whet_strbuf *t)
{
    const char *from = t->data ? t->data : "";
    size_t n = t->len;
    while (n && strchr(" \t\r\n", from[n - 1])) n--;
    if (t->data) t->data[n] = '\0';
    while (*from && strchr(" \t\r\n", *from)) from++;
    return from;
}

static void XMLCALL on_close(void *arg, const XML_Char *name)
{
    xml_state *s = arg;
    if (s->status != WHET_OK) return;
    s->depth--;
    const whet_status status = s->text.failed ? WHET_ENOMEM : s->h->close(s->arg, name, trimmed(&s->text));
    clear_text(s);
    if (status != WHET_OK) stop(s, status);
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int n)
{
    xml_state *s = arg;
    if (s->status != WHET_OK) return;
    if (s->text.len + (size_t)n > WHET_XML_TEXT) {
        stop(s, WHET_FAIL(WHET_EFORMAT, "text longer than %d bytes", WHET_XML_TEXT));
        return;
    }
    whet_strbuf_add(&s->text, text, (size_t)n);
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *sysid, const XML_Char *pubid, int internal)
{
    (void)sysid;
    (void)pubid;
    (void)internal;
    stop(arg, WHET_FAIL(WHET_EFORMAT, "a document type ('%.40s') is refused: it could define entities; remove it", name));
}

static whet_status verdict(xml_state *s)
{
    const enum XML_Error e = XML_GetErrorCode(s->parser);
    if (s->status != WHET_OK) return s->status;
    if (e == XML_ERROR_NO_MEMORY) return WHET_FAIL(WHET_ENOMEM, "no memory for the XML reader");
    WHET_FAIL(WHET_EFORMAT, "this is no XML document: %s", XML_ErrorString(e));
    whet_error_at_line((int64_t)XML_GetCurrentLineNumber(s->parser));
    return WHET_EFORMAT;
}

whet_status whet_xml_parse(const void *data, size_t size, const char *file, const whet_xml_handler *h, void *arg)
{
    xml_state s = {.h = h, .arg = arg, .file = file};
    whet_status status = WHET_OK;
    if (size > INT32_MAX) return WHET_FAIL(WHET_EUNSUPPORTED, "XML documents over 2 GiB are not handled");
    s.parser = XML_ParserCreate(NULL);
    if (!s.parser) return WHET_FAIL(WHET_ENOMEM, "no memory for the XML reader");
    whet_strbuf_init(&s.text);
    XML_SetUserData(s.parser, &s);
    XML_SetElementHandler(s.parser, on_open, on_close);
    XML_SetCharacterDataHandler(s.parser, on_text);
    XML_SetStartDoctypeDeclHandler(s.parser, on_doctype);
    if (XML_Parse(s.parser, data, (int)size, XML_TRUE) != XML_STATUS_OK || s.status != WHET_OK) status = verdict(&s);
    if (status != WHET_OK && file && *file) whet_error_at_file(file);
    whet_strbuf_dispose(&s.text);
    XML_ParserFree(s.parser);
    return status;
}

const char *whet_xml_find(const char *const *attrs, const char *name)
{
    for (; *attrs; attrs += 2)
        if (strcmp(attrs[0], name) == 0) return attrs[1];
    return NULL;
}

/* --- writing */

void whet_xml_writer_init(whet_xml_writer *w)
{
    memset(w, 0, sizeof(*w));
    whet_strbuf_init(&w->out);
    whet_strbuf_puts(&w->out, "<?xml version=\"1.0\"?>\n");
}

void whet_xml_writer_dispose(whet_xml_writer *w) { whet_strbuf_dispose(&w->out); }

/* Length of the UTF-8 character at s that XML may hold, or 0 (RFC 3629; XML 1.0, production 2). */
static size_t character(const unsigned char *s)
{
    if (s[0] < 0x80) return s[0] >= 0x20 || s[0] == '\t' || s[0] == '\n' || s[0] == '\r';
    const size_t n = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
    uint32_t code = n ? s[0] & (0x7fu >> n) : 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    if (n == 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000) || code >= 0xfffe)) return 0;
    if (n == 4 && (code < 0x10000 || code > 0x10ffff)) return 0;
    return n;
}

static void escaped(whet_strbuf *out, const char *text)
{
    static const struct { char c; const char *as; } table[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"},
                                                               {'\t', "&#9;"}, {'\n', "&#10;"}, {'\r', "&#13;"}};
    for (const char *p = text; *p;) {
        const size_t n = character((const unsigned char *)p);
        const char *as = n ? NULL : "_";
        for (size_t i = 0; i < WHET_COUNT(table); i++)
            if (*p == table[i].c) as = table[i].as;
        if (as) whet_strbuf_puts(out, as);
        else whet_strbuf_add(out, p, n);
        p += n ? n : 1;
    }
}

static void indent(whet_xml_writer *w)
{
    for (int i = 0; i < w->depth; i++) whet_strbuf_add(&w->out, "\t", 1);
}

static void close_tag(whet_xml_writer *w)
{
    if (w->tag_open) whet_strbuf_puts(&w->out, ">\n");
    w->tag_open = false;
}

void whet_xml_begin(whet_xml_writer *w, const char *name)
{
    close_tag(w);
    indent(w);
    whet_strbuf_printf(&w->out, "<%s", name);
    if (w->depth < WHET_XML_DEPTH) w->stack[w->depth] = name;
    w->depth++;
    w->tag_open = true;
}

void whet_xml_attr(whet_xml_writer *w, const char *name, const char *value)
{
    whet_strbuf_printf(&w->out, " %s=\"", name);
    escaped(&w->out, value);
    whet_strbuf_add(&w->out, "\"", 1);
}

void whet_xml_attr_int(whet_xml_writer *w, const char *name, int64_t value)
{
    whet_strbuf_printf(&w->out, " %s=\"%lld\"", name, (long long)value);
}

void whet_xml_end(whet_xml_writer *w)
{
    w->depth--;
    if (w->tag_open) {
        whet_strbuf_puts(&w->out, " />\n");
        w->tag_open = false;
        return;
    }
    indent(w);
    whet_strbuf_printf(&w->out, "</%s>\n", w->depth < WHET_XML_DEPTH ? w->stack[w->depth] : "");
}

void whet_xml_leaf(whet_xml_writer *w, const char *name, const char *text)
{
    close_tag(w);
    indent(w);
    whet_strbuf_printf(&w->out, "<%s>", name);
    escaped(&w->out, text);
    whet_strbuf_printf(&w->out, "</%s>\n", name);
}

#endif
