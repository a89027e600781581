/* SPDX-License-Identifier: Apache-2.0 */
/* What the exec_*.c files share. */
#ifndef WHET_EXEC_EXEC_PRIVATE_H
#define WHET_EXEC_EXEC_PRIVATE_H

#include "base/mem.h"
#include "exec/cpu/cpu.h"
#include "exec/exec.h"

#define ARENA_ALIGN 64

typedef struct pack_entry {
    whet_tensor source; /* holds the bytes alive, so that their address stays a valid key */
    char *key;
    void *packed;
    size_t size;
} pack_entry;

struct whet_exec {
    whet_exec_options opt;
    whet_graph *g;
    int n_variables;
    whet_vid *variable_vid; /* in g; names are g's */
    whet_tensor *variables;
    whet_plan **plans;
    size_t n_plans, cap_plans;
    pack_entry *packs;
    size_t n_packs, cap_packs;
    uint64_t step;
};

typedef struct refusal {
    const whet_cpu_impl *impl;
    const char *reason;
} refusal;

/* The implementation's view of a node is whet_cpu_node; this is ours. */
struct whet_cpu_private {
    whet_exec *e;
    void **blocks; /* of whet_cpu_state */
    size_t n_blocks, cap_blocks;
    refusal *refusals;
    size_t n_refusals, cap_refusals;
    whet_arena *text;      /* of the refusals; the plan's */
    const char *reason;    /* of the row being tried */
    bool out_of_memory;
};

typedef struct plan_step {
    whet_cpu_node k;
    struct whet_cpu_private priv;
    bool view; /* output shares the input's bytes: nothing runs */
    const char *reason; /* of the choice */
    int workspace; /* its storage, -1 none */
    int n_dead;    /* poison mode: storages whose last use is this step */
    int *dead;
} plan_step;

typedef enum storage_kind { IN_ARENA, IN_CONST, IN_VARIABLE, IN_INPUT } storage_kind;

/* Bytes that one or more values share. Positions are step numbers; inputs begin at -1, what must survive ends at n_steps. */
typedef struct storage {
    storage_kind kind;
    int index;     /* variable or input number */
    int merged;    /* in-place: the storage whose bytes these are, or -1 */
    int taken;     /* in-place: the step one of whose results took it over, or -1 */
    int begin, end;
    size_t bytes, offset;
    void *data;
} storage;

typedef struct commit_copy {
    int src, variable; /* storage; variable number */
    int staging;       /* storage through which it goes, -1 none: the source is itself a committed variable */
    size_t bytes;
} commit_copy;

struct whet_plan {
    whet_exec *e;
    whet_graph *g;
    whet_arena *text;
    whet_shape *shapes; /* key */
    int n_steps;
    plan_step *steps;
    int *storage_of; /* per value of g, -1 none */
    storage *storages;
    size_t n_storages, cap_storages;
    commit_copy *commits;
    int n_commits;
    int n_direct; /* commits whose value is written straight into the variable */
    int *output_copy; /* per output: the storage that keeps a committed variable's old bytes, or -1 */
    whet_tensor *inputs, *outputs;
    void **copies; /* of constants that lie unaligned in a file and are read as they are */
    size_t n_copies, cap_copies;
    uint8_t *arena;
    size_t arena_bytes;
};

int whet_exec_variable_index_(const whet_exec *e, const char *name); /* -1 if unknown */
whet_status whet_plan_create_(whet_plan **out, whet_exec *e, int n, const whet_shape *shapes);
void whet_plan_free_(whet_plan *p);
/* Chooses a row for each step: create and reshape are done. */
whet_status whet_plan_bind_(whet_plan *p);
whet_status whet_step_bind_(whet_plan *p, plan_step *s);
void whet_step_dispose_(plan_step *s);
/* Lays out the arena, allocates it and sets every pointer. */
whet_status whet_plan_layout_(whet_plan *p);
void whet_plan_point_(whet_plan *p); /* spreads the storages' addresses to the nodes' arguments */
int whet_storage_find_(const whet_plan *p, int s); /* follows in-place merges */

#endif
