/* SPDX-License-Identifier: Apache-2.0 */
/* A study on several machines: the same bundle, files and settings on each, one document of all rows. */
#ifndef WHET_STUDY_FLEET_H
#define WHET_STUDY_FLEET_H

#include "study/fleet_host.h"
#include "study/study.h"

enum { WHET_FLEET_MAX_HOSTS = 256 };

typedef struct whet_fleet_options {
    const char *hosts;   /* "user@machine,pi@board", or an inventory: a YAML or JSON list of {name, address, ssh, folder, machine, wrapper} */
    const char *bundles; /* files or folders with whet-<machine>.tar.gz, separated by commas; NULL: the user's data folder's bundles/, the program's */
    double patience;     /* seconds for which a lost connection is tried again; 0: 600 */
    bool alone;          /* the study is of a model alone and is laid out for the machines that answer */
} whet_fleet_options;

/* Copies what is missing, runs the study on all machines at once, gathers their documents. A machine that fails gives rows with the
 * reason. An interruption stops the study on every machine; the same command goes on. Errors and *doc as whet_study_run. */
whet_status whet_fleet_run(json_t **doc, whet_study *s, const whet_study_options *opt, const whet_fleet_options *fleet);

/* --- fleet_plan.c: what has to be there */
typedef struct fleet_file {
    char *from;    /* here */
    char *rel;     /* there, below the base: files/<hash> */
    char *inside;  /* the name in that folder that stands for `from` */
    json_t *names; /* what is packed, relative to the folder of `from` */
} fleet_file;

typedef struct fleet_plan {
    fleet_file *files;
    size_t n, cap;
    json_t *settings; /* the study as nested JSON; files stand as "fleet:<number>" */
} fleet_plan;
whet_status fleet_plan_make(fleet_plan *p, const whet_study *s);
void fleet_plan_dispose(fleet_plan *p);
/* The settings with the files' places below `base`; heap text. */
char *fleet_plan_text(const fleet_plan *p, const char *base);
/* SHA-256 over names and contents of a file or folder tree. */
whet_status fleet_hash(const char *path, char out[65]);

/* --- fleet_inventory.c */
whet_status fleet_inventory(const char *hosts, fleet_host **out, int *n);

#endif
