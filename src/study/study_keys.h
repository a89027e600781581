/* SPDX-License-Identifier: Apache-2.0 */
/* The table of keys, for the files of this folder. */
#ifndef WHET_STUDY_KEYS_H
#define WHET_STUDY_KEYS_H

#include <jansson.h>
#include <stdbool.h>

#include "wire/yaml.h"
#include "study/study.h"

typedef enum study_kind { STUDY_TEXT, STUDY_CHOICE, STUDY_BOOL, STUDY_INT, STUDY_REAL, STUDY_TEXTS, STUDY_REALS } study_kind;

typedef struct study_key {
    const char *path;
    study_kind kind;
    const char *fallback; /* JSON */
    const char *choices;  /* "a|b|c" */
    double low, high;     /* INT and REAL */
    bool axis;
    const char *help;
} study_key;

typedef struct study_section {
    const char *name;      /* "" = top level */
    const char *shorthand; /* "" = none */
    const char *help;
} study_section;

int study_key_count(void);
const study_key *study_key_at(int i);
/* `path` or, at the top level, its plural. */
const study_key *study_key_find(const char *path);
int study_section_count(void);
const study_section *study_section_at(int i);
const study_section *study_section_find(const char *name);
/* The section's part of a path ("train.lr" -> "train", "seed" -> "") into buf. */
const char *study_section_of(const study_key *k, char *buf, size_t size);
/* The key below `section` that is spelt most like `word` (base/spelling.h), or NULL. */
const char *study_key_nearest(const char *section, const char *word);
const char *study_kind_text(const study_key *k, char *buf, size_t size); /* "number, 0 to 1" */

/* Value of a node for this key: scalar, or an array where the key is a list or (if `lists`) an axis. */
whet_status study_value(json_t **out, const study_key *k, const whet_yaml *y, const whet_yaml_node *n, bool lists);
json_t *study_default(const study_key *k);
bool study_equal(const json_t *a, const json_t *b); /* numbers by value */

#endif
