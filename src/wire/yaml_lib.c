/* SPDX-License-Identifier: Apache-2.0 */
/* Body of the YAML reader over libyaml's events (all builds but WHET_MINIMAL). What libyaml allows and a study must not
 * contain (anchors, aliases, tags, several documents, keys that are not text) is refused at its mark. */
#ifndef WHET_MINIMAL
#include <stdio.h>
#include <yaml.h>

#include "wire/pb.h"
#include "wire/yaml_tree.h"

typedef struct build {
    whet_yaml *y;
    yaml_parser_t parser;
    yaml_event_t event;
    bool have;
} build;

static whet_status fail(const build *b, whet_status s, const char *text)
{
    return whet_yaml_at(b->y, (int)b->event.start_mark.line + 1, (int)b->event.start_mark.column + 1, s, text);
}

static whet_status next(build *b)
{
    char text[256] = "";
    if (b->have) yaml_event_delete(&b->event);
    b->have = false;
    if (yaml_parser_parse(&b->parser, &b->event)) {
        b->have = true;
        return WHET_OK;
    }
    const yaml_parser_t *p = &b->parser;
    if (p->error == YAML_MEMORY_ERROR) return WHET_FAIL(WHET_ENOMEM, "out of memory while reading YAML");
    snprintf(text, sizeof(text), "invalid YAML: %s%s%s", p->problem ? p->problem : "unreadable", p->context ? " " : "",
             p->context ? p->context : "");
    bool reader = p->error == YAML_READER_ERROR;
    whet_yaml_at(b->y, reader ? 0 : (int)p->problem_mark.line + 1, reader ? 0 : (int)p->problem_mark.column + 1, WHET_EFORMAT,
                 text);
    if (reader) whet_error_at_offset((int64_t)p->problem_offset);
    return WHET_EFORMAT;
}

static whet_status refuse_extras(const build *b, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor) return fail(b, WHET_EUNSUPPORTED, "anchors are not allowed; write the value out");
    if (tag) return fail(b, WHET_EUNSUPPORTED, "tags are not allowed; remove the '!...'");
    return WHET_OK;
}

static whet_status scalar(build *b, whet_yaml_node **out)
{
    const yaml_event_t *e = &b->event;
    WHET_TRY(refuse_extras(b, e->data.scalar.anchor, e->data.scalar.tag));
    if (!whet_utf8_valid(e->data.scalar.value, e->data.scalar.length)) return fail(b, WHET_EFORMAT, "text contains NUL");
    whet_yaml_node *n = whet_yaml_new(b->y, WHET_YAML_SCALAR, (int)e->start_mark.line + 1, (int)e->start_mark.column + 1);
    if (!n) return WHET_ENOMEM;
    n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    n->text = whet_arena_strndup(b->y->arena, (const char *)e->data.scalar.value, e->data.scalar.length);
    *out = n;
    return n->text ? WHET_OK : WHET_ENOMEM;
}

static whet_status value(build *b, int depth, whet_yaml_node **out);

static whet_status container(build *b, int depth, whet_yaml_kind kind, whet_yaml_node **out)
{
    const yaml_event_t *e = &b->event;
    bool map = kind == WHET_YAML_MAP;
    if (depth >= WHET_YAML_MAX_DEPTH) return fail(b, WHET_EUNSUPPORTED, "nesting is deeper than 32");
    WHET_TRY(refuse_extras(b, map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor,
                           map ? e->data.mapping_start.tag : e->data.sequence_start.tag));
    whet_yaml_node *n = whet_yaml_new(b->y, kind, (int)e->start_mark.line + 1, (int)e->start_mark.column + 1);
    if (!n) return WHET_ENOMEM;
    for (;;) {
        whet_yaml_node *key = NULL, *item = NULL;
        WHET_TRY(next(b));
        if (e->type == YAML_MAPPING_END_EVENT || e->type == YAML_SEQUENCE_END_EVENT) break;
        if (map) {
            if (e->type != YAML_SCALAR_EVENT) return fail(b, WHET_EUNSUPPORTED, "a key must be plain text");
            WHET_TRY(scalar(b, &key));
            WHET_TRY(next(b));
        }
        WHET_TRY(value(b, depth + 1, &item));
        WHET_TRY(whet_yaml_append(b->y, n, key ? key->text : NULL, key ? key->line : 0, key ? key->column : 0, item));
    }
    *out = n;
    return WHET_OK;
}

static whet_status value(build *b, int depth, whet_yaml_node **out)
{
    switch (b->event.type) {
    case YAML_SCALAR_EVENT: return scalar(b, out);
    case YAML_MAPPING_START_EVENT: return container(b, depth, WHET_YAML_MAP, out);
    case YAML_SEQUENCE_START_EVENT: return container(b, depth, WHET_YAML_LIST, out);
    case YAML_ALIAS_EVENT: return fail(b, WHET_EUNSUPPORTED, "aliases are not allowed; write the value out");
    default: return fail(b, WHET_EFORMAT, "value expected");
    }
}

static whet_status document(build *b)
{
    WHET_TRY(next(b)); /* stream start */
    WHET_TRY(next(b));
    if (b->event.type == YAML_STREAM_END_EVENT) return WHET_OK;
    if (b->event.data.document_start.tag_directives.start != b->event.data.document_start.tag_directives.end)
        return fail(b, WHET_EUNSUPPORTED, "tags are not allowed; remove the %TAG line");
    WHET_TRY(next(b));
    WHET_TRY(value(b, 0, &b->y->root));
    WHET_TRY(next(b)); /* document end */
    WHET_TRY(next(b));
    if (b->event.type != YAML_STREAM_END_EVENT) return fail(b, WHET_EUNSUPPORTED, "only one document is allowed");
    return WHET_OK;
}

whet_status whet_yaml_build(whet_yaml *y, const char *text, size_t size)
{
    build b;
    memset(&b, 0, sizeof(b));
    b.y = y;
    if (!yaml_parser_initialize(&b.parser)) return WHET_FAIL(WHET_ENOMEM, "out of memory while reading YAML");
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, size);
    whet_status status = document(&b);
    if (b.have) yaml_event_delete(&b.event);
    yaml_parser_delete(&b.parser);
    return status;
}
#else
typedef int yaml_lib_is_not_built;
#endif
