/* SPDX-License-Identifier: Apache-2.0 */
/* One program for all operators. Problems stand in tests/ops/<Op>.txt ("whet.<Op>.txt" for the domain whet), one a line:
 *
 *     2x3x4 3x1                              two random float inputs, |x| in 0.05..2
 *     4x5:0.1..3 axis=-1 keepdims=0          range of the first input; attributes by name, typed by the operator's table
 *     2x3 3:s64:[0,2,1] 4:s64:0..9 - 2:bool  constant with these values, random integers, absent input, random bools
 *     scalar:T:[0.5]                         float constant of the type under test; perm=0,2,1 are ints; mode=edge a string
 *     out=2 grad=0 tol=1e-3 fd=1e-4          outputs; no gradient check; tolerances against f64 and of differences
 *     to=T                                   Cast to the type under test
 *     loss=1                                 only the first output enters the sum (others carry no gradient)
 *
 * For each line the operator runs in f64 by the reference rows; the gradient of a random weighted sum of its outputs is
 * compared with central differences; then outputs and gradients in f32 are compared with f64 for every provider of kernels,
 * with the layouts of a plan as well, and every ISA level of this machine, and 1 thread with 2 threads bit by bit.
 *
 *     test_ops [OP [LINE]]    runs one file or one line */
#include <dirent.h>
#include <math.h>

#include "support.h"

#include "base/cpu.h"
#include "base/rng.h"
#include "base/threads.h"
#include "exec/exec.h"
#include "ir/autodiff.h"
#include "ir/op.h"
#include "passes/lower.h"

#define MAX_IN 16
#define MAX_OUT 8
#define MAX_ATTRS 16
#define MAX_DIFFERENCES 24 /* elements of each input that finite differences look at */

typedef struct problem_input {
    bool absent, constant;
    whet_dtype dtype; /* NONE: the type under test */
    whet_shape shape;
    double lo, hi;
    bool ranged;
    int n;
    double values[64];
} problem_input;

typedef struct problem {
    char op[80], text[400];
    int line;
    int n_in, n_out, n_loss, n_attr;
    problem_input in[MAX_IN];
    whet_attr attr[MAX_ATTRS];
    char names[MAX_ATTRS][40], strings[MAX_ATTRS][40];
    int64_t ints[MAX_ATTRS][16];
    float floats[MAX_ATTRS][16];
    bool grad;
    double tol, fd;
} problem;

typedef struct built {
    whet_graph *g;
    whet_vid loss;
    int n_inputs, n_grads, n_results;   /* graph outputs: loss, gradients, results */
    int input_of[MAX_IN];               /* graph input -> problem input */
    int grad_of[MAX_IN];                /* gradient -> graph input */
    whet_tensor data[MAX_IN];           /* graph inputs' data */
} built;

static int checks, failures;

static void report(const problem *p, const char *fmt, ...) WHET_PRINTF(2, 3);
static void report(const problem *p, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    print_error("%s:%d: %s\n  line:   %s\n  repeat: tests/test_ops %s %d\n", p->op, p->line, text, p->text, p->op, p->line);
    failures++;
}

/* --- reading */

static bool parse_shape(const char *s, whet_shape *out)
{
    out->rank = 0;
    if (strcmp(s, "scalar") == 0) return true;
    while (*s != '\0') {
        char *end = NULL;
        const long long d = strtoll(s, &end, 10);
        if (end == s || d < 0 || out->rank == WHET_MAX_RANK) return false;
        out->dims[out->rank++] = d;
        s = *end == 'x' ? end + 1 : end;
        if (*end != 'x' && *end != '\0') return false;
    }
    return out->rank > 0;
}

static bool parse_contents(const char *s, problem_input *in)
{
    char *end = NULL;
    if (*s == '[') {
        in->constant = true;
        for (s++; *s != ']';) {
            if (in->n == 64) return false;
            in->values[in->n++] = strtod(s, &end);
            if (end == s) return false;
            s = *end == ',' ? end + 1 : end;
        }
        return true;
    }
    const char *dots = strstr(s, "..");
    if (dots == NULL) return false;
    in->lo = strtod(s, &end);
    in->hi = strtod(dots + 2, &end);
    in->ranged = true;
    return *end == '\0';
}

static bool parse_input(char *token, problem_input *in)
{
    *in = (problem_input){.lo = -2, .hi = 2};
    if (strcmp(token, "-") == 0) {
        in->absent = true;
        return true;
    }
    char *save = NULL, *part = strtok_r(token, ":", &save);
    if (part == NULL || !parse_shape(part, &in->shape)) return false;
    while ((part = strtok_r(NULL, ":", &save)) != NULL) {
        const whet_dtype t = whet_dtype_parse(part);
        if (strcmp(part, "T") == 0) continue;
        if (t != WHET_DTYPE_NONE) in->dtype = t;
        else if (!parse_contents(part, in)) return false;
    }
    return true;
}

static int parse_numbers(const char *s, int64_t *ints, float *floats)
{
    int n = 0;
    if (strcmp(s, "T") == 0) return 0;
    while (*s != '\0' && n < 16) {
        char *end = NULL;
        floats[n] = (float)strtod(s, &end);
        ints[n] = (int64_t)strtod(s, &end);
        if (end == s) return -1;
        n++;
        s = *end == ',' ? end + 1 : end;
    }
    return n;
}

static bool parse_setting(problem *p, const whet_op *op, const char *name, const char *value)
{
    const int a = p->n_attr;
    if (strcmp(name, "out") == 0) { p->n_out = atoi(value); return p->n_out > 0 && p->n_out <= MAX_OUT; }
    if (strcmp(name, "loss") == 0) { p->n_loss = atoi(value); return p->n_loss > 0; }
    if (strcmp(name, "grad") == 0) { p->grad = atoi(value) != 0; return true; }
    if (strcmp(name, "tol") == 0) { p->tol = strtod(value, NULL); return true; }
    if (strcmp(name, "fd") == 0) { p->fd = strtod(value, NULL); return true; }
    for (const whet_attr_def *d = op->attrs; d->name != NULL; d++) {
        if (strcmp(d->name, name) != 0 || a == MAX_ATTRS) continue;
        snprintf(p->names[a], sizeof p->names[a], "%s", name);
        snprintf(p->strings[a], sizeof p->strings[a], "%s", value);
        const int n = d->type == WHET_ATTR_STRING ? 0 : parse_numbers(value, p->ints[a], p->floats[a]);
        if (n < 0) return false;
        p->attr[a] = (whet_attr){.name = p->names[a], .type = d->type, .i = p->ints[a][0], .f = p->floats[a][0],
                                 .s = p->strings[a], .ints = p->ints[a], .floats = p->floats[a], .n = n};
        p->n_attr++;
        return true;
    }
    return false;
}

static bool parse_line(problem *p, const whet_op *op, const char *text)
{
    char copy[400], *save = NULL;
    snprintf(copy, sizeof copy, "%s", text);
    p->n_out = op->min_out;
    p->n_loss = MAX_OUT;
    p->grad = op->grad != NULL;
    p->tol = 1e-5;
    p->fd = 1e-5;
    for (char *token = strtok_r(copy, " \t", &save); token != NULL; token = strtok_r(NULL, " \t", &save)) {
        char *equals = strchr(token, '=');
        if (equals != NULL) {
            *equals = '\0';
            if (!parse_setting(p, op, token, equals + 1)) return false;
        } else if (p->n_in == MAX_IN || !parse_input(token, &p->in[p->n_in++])) {
            return false;
        }
    }
    return true;
}

/* --- building */

/* Values that f32 holds exactly, so that both precisions start from the same numbers. */
static void fill(whet_tensor *t, const problem_input *in, whet_rng *r)
{
    for (int64_t i = 0; i < whet_tensor_numel(t); i++) {
        if (in->constant) {
            whet_tensor_set_f64(t, i, in->values[in->n > 0 ? i % in->n : 0]);
        } else if (t->dtype == WHET_BOOL) {
            whet_tensor_set_s64(t, i, whet_rng_below(r, 2));
        } else if (!whet_dtype_is_float(t->dtype)) {
            whet_tensor_set_s64(t, i, (int64_t)in->lo + whet_rng_below(r, (uint32_t)(in->hi - in->lo) + 1));
        } else {
            float x = (float)(in->lo + (in->hi - in->lo) * whet_rng_uniform(r));
            if (!in->ranged && fabsf(x) < 0.05f) x = x < 0 ? x - 0.05f : x + 0.05f;
            whet_tensor_set_f64(t, i, (double)x);
        }
    }
}

static void built_dispose(built *b)
{
    for (int i = 0; i < b->n_inputs; i++) whet_tensor_dispose(&b->data[i]);
    whet_graph_free(b->g);
}

static whet_status add_inputs(const problem *p, whet_dtype type, whet_rng *r, built *b, whet_vid *in)
{
    for (int i = 0; i < p->n_in; i++) {
        const problem_input *x = &p->in[i];
        whet_tensor t = {0};
        const whet_dtype dtype = x->dtype == WHET_DTYPE_NONE ? type : x->dtype;
        in[i] = WHET_NO_VALUE;
        if (x->absent) continue;
        WHET_TRY(whet_tensor_alloc(&t, dtype, &x->shape));
        fill(&t, x, r);
        if (x->constant) {
            const whet_status status = whet_graph_const(b->g, NULL, &t, &in[i]);
            whet_tensor_dispose(&t);
            WHET_TRY(status);
            continue;
        }
        const whet_dims dims = whet_dims_of(&x->shape);
        b->input_of[b->n_inputs] = i;
        b->data[b->n_inputs++] = t;
        WHET_TRY(whet_graph_input(b->g, NULL, dtype, &dims, &in[i]));
    }
    return WHET_OK;
}

/* loss = sum over float results of sum(result * random weights) */
static whet_status add_loss(built *b, int n_out, const whet_vid *out, whet_dtype type, whet_rng *r)
{
    const whet_attr keep = whet_attr_int("keepdims", 0);
    b->loss = WHET_NO_VALUE;
    for (int o = 0; o < n_out; o++) {
        whet_tensor w = {0};
        whet_shape s;
        whet_vid c = WHET_NO_VALUE, t = WHET_NO_VALUE;
        const problem_input spread = {.lo = -1, .hi = 1};
        if (b->g->values[out[o]].dtype != type || !whet_dims_concrete(&b->g->values[out[o]].dims, &s)) continue;
        WHET_TRY(whet_tensor_alloc(&w, type, &s));
        fill(&w, &spread, r);
        const whet_status status = whet_graph_const(b->g, NULL, &w, &c);
        whet_tensor_dispose(&w);
        WHET_TRY(status);
        WHET_TRY(whet_graph_op1(b->g, "Mul", WHET_IN(out[o], c), WHET_NO_ATTRS, &t));
        WHET_TRY(whet_graph_op1(b->g, "ReduceSum", WHET_IN(t), 1, &keep, &t));
        if (b->loss == WHET_NO_VALUE) b->loss = t;
        else WHET_TRY(whet_graph_op1(b->g, "Add", WHET_IN(b->loss, t), WHET_NO_ATTRS, &b->loss));
    }
    return WHET_OK;
}

static whet_status build(const problem *p, whet_dtype type, built *b)
{
    whet_vid in[MAX_IN], out[MAX_OUT], wrt[MAX_IN], grads[MAX_IN];
    whet_rng r = whet_rng_at(7, (uint64_t)p->line);
    int n_wrt = 0;
    *b = (built){0};
    WHET_TRY(whet_graph_create(&b->g, "op"));
    WHET_TRY(add_inputs(p, type, &r, b, in));
    whet_attr attr[MAX_ATTRS];
    memcpy(attr, p->attr, sizeof attr);
    for (int i = 0; i < p->n_attr; i++)
        if (strcmp(attr[i].name, "to") == 0 && strcmp(attr[i].s, "T") == 0) attr[i].i = whet_dtype_to_onnx(type);
    WHET_TRY(whet_graph_node(b->g, p->op, "op", p->n_in, in, p->n_attr, attr, p->n_out, NULL, out));
    if (p->grad) {
        WHET_TRY(add_loss(b, WHET_MIN(p->n_out, p->n_loss), out, type, &r));
        WHET_TRY(whet_graph_output(b->g, b->loss));
        for (int i = 0; i < b->n_inputs; i++)
            if (b->data[i].dtype == type) b->grad_of[n_wrt] = i, wrt[n_wrt++] = b->g->inputs[i];
        WHET_TRY(whet_graph_gradients(b->g, b->loss, n_wrt, wrt, grads));
        for (int i = 0; i < n_wrt; i++) {
            if (grads[i] == WHET_NO_VALUE) continue;
            b->grad_of[b->n_grads++] = b->grad_of[i];
            WHET_TRY(whet_graph_output(b->g, grads[i]));
        }
    }
    for (int o = 0; o < p->n_out; o++) WHET_TRY(whet_graph_output(b->g, out[o]));
    b->n_results = p->n_out;
    return whet_graph_verify(b->g);
}

/* --- running */

typedef struct outputs {
    int n;
    whet_tensor t[MAX_IN + MAX_OUT + 1];
} outputs;

static void outputs_dispose(outputs *o)
{
    for (int i = 0; i < o->n; i++) whet_tensor_dispose(&o->t[i]);
    o->n = 0;
}

static whet_status run_once(const built *b, uint32_t providers, bool lower, uint32_t isa, whet_team *team, outputs *out)
{
    whet_exec *e = NULL;
    whet_exec_options opt;
    whet_exec_options_init(&opt);
    opt.providers = providers;
    opt.isa = isa;
    opt.team = team;
    opt.poison = true;
    if (lower) opt.lower = whet_passes_lower;
    whet_status status = whet_exec_create(&e, b->g, &opt);
    out->n = b->g->n_outputs;
    for (int i = 0; i < out->n; i++) whet_tensor_init(&out->t[i]);
    if (status == WHET_OK) status = whet_exec_run(e, b->n_inputs, b->data, out->n, out->t);
    whet_exec_free(e);
    return status;
}

static double largest(const whet_tensor *t)
{
    double m = 0;
    for (int64_t i = 0; i < whet_tensor_numel(t); i++) m = fmax(m, fabs(whet_tensor_get_f64(t, i)));
    return m;
}

/* One executor for all shifted inputs. */
static void check_differences(const problem *p, built *b, const outputs *want)
{
    whet_exec *e = NULL;
    whet_exec_options opt;
    whet_tensor out[MAX_IN + MAX_OUT + 1];
    whet_exec_options_init(&opt);
    opt.providers = WHET_PROVIDER_REF;
    if (whet_exec_create(&e, b->g, &opt) != WHET_OK) {
        report(p, "%s", whet_error_message());
        return;
    }
    for (int i = 0; i < want->n; i++) whet_tensor_init(&out[i]);
    for (int k = 0; k < b->n_grads; k++) {
        whet_tensor *x = &b->data[b->grad_of[k]];
        const whet_tensor *g = &want->t[1 + k];
        const int64_t n = whet_tensor_numel(x), step = n / MAX_DIFFERENCES + 1;
        const double scale = fmax(1, largest(g));
        for (int64_t i = 0; i < n; i += step) {
            const double x0 = whet_tensor_get_f64(x, i), h = 1e-5;
            double loss[2] = {0};
            for (int side = 0; side < 2; side++) {
                whet_tensor_set_f64(x, i, side == 0 ? x0 - h : x0 + h);
                if (whet_exec_run(e, b->n_inputs, b->data, want->n, out) == WHET_OK) loss[side] = whet_tensor_get_f64(&out[0], 0);
                else report(p, "%s", whet_error_message());
            }
            whet_tensor_set_f64(x, i, x0);
            const double difference = (loss[1] - loss[0]) / (2 * h), analytic = whet_tensor_get_f64(g, i);
            checks++;
            if (fabs(difference - analytic) <= p->fd * scale) continue;
            report(p, "gradient of input %d, element %lld: %.9g, differences give %.9g", b->input_of[b->grad_of[k]], (long long)i, analytic, difference);
            goto done;
        }
    }
done:
    for (int i = 0; i < want->n; i++) whet_tensor_dispose(&out[i]);
    whet_exec_free(e);
}

static bool compare(const problem *p, const built *b, const outputs *want, const outputs *got, const char *how)
{
    for (int o = 0; o < want->n; o++) {
        const whet_tensor *w = &want->t[o], *x = &got->t[o];
        const double bound = p->tol * fmax(1, largest(w));
        char name[40] = "the loss";
        if (p->grad && o > 0 && o <= b->n_grads) snprintf(name, sizeof name, "gradient of input %d", b->input_of[b->grad_of[o - 1]]);
        else if (!p->grad || o > 0) snprintf(name, sizeof name, "output %d", o - (p->grad ? 1 + b->n_grads : 0));
        if (!whet_shape_equal(&w->shape, &x->shape)) {
            report(p, "%s: %s has another shape", how, name);
            return false;
        }
        for (int64_t i = 0; i < whet_tensor_numel(w); i++) {
            const double a = whet_tensor_get_f64(x, i), r = whet_tensor_get_f64(w, i);
            checks++;
            if (a == r || (isnan(a) && isnan(r)) || fabs(a - r) <= (o == 0 && p->grad ? 10 : 1) * bound) continue;
            report(p, "%s: %s, element %lld: %.9g, wanted %.9g", how, name, (long long)i, a, r);
            return false;
        }
    }
    return true;
}

static bool same_bits(const outputs *a, const outputs *b)
{
    for (int o = 0; o < a->n; o++)
        if (memcmp(a->t[o].data, b->t[o].data, whet_tensor_bytes(&a->t[o])) != 0) return false;
    return true;
}

static void check_kernels(const problem *p, const built *b, const outputs *want, whet_team *team)
{
    static const struct { const char *name; uint32_t mask; bool lower; } providers[] = {
        {"ref", WHET_PROVIDER_REF, false},
        {"own", WHET_PROVIDER_REF | WHET_PROVIDER_OWN, false},
        {"onednn", WHET_PROVIDER_REF | WHET_PROVIDER_ONEDNN, false},
        {"all", WHET_PROVIDER_ALL, false},
        {"own, lowered,", WHET_PROVIDER_REF | WHET_PROVIDER_OWN, true}};
    static const uint32_t levels[] = {WHET_ISA_REF, WHET_ISA_AVX2, WHET_ISA_AVX2 | WHET_ISA_AVX512, UINT32_MAX};
    char how[60];
    for (size_t i = 0; i < WHET_COUNT(providers); i++)
        for (size_t k = 0; k < WHET_COUNT(levels); k++) {
            outputs one = {0}, two = {0};
            const uint32_t isa = levels[k] & whet_isa();
            if (providers[i].lower && strcmp(p->op, "whet.Reorder") == 0) continue; /* has its layouts already */
            if (k > 0 && (i == 0 || isa == (levels[k - 1] & whet_isa()))) continue;
            snprintf(how, sizeof how, "f32 %s %s", providers[i].name, whet_isa_name(isa));
            if (run_once(b, providers[i].mask, providers[i].lower, isa, NULL, &one) != WHET_OK) report(p, "%s: %s", how, whet_error_message());
            else if (compare(p, b, want, &one, how) && (run_once(b, providers[i].mask, providers[i].lower, isa, team, &two) != WHET_OK || !same_bits(&one, &two)))
                report(p, "%s: two threads give other bits than one", how);
            outputs_dispose(&one);
            outputs_dispose(&two);
        }
}

static void check_problem(const problem *p, whet_team *team)
{
    built f64 = {0}, f32 = {0};
    outputs want = {0};
    if (build(p, WHET_F64, &f64) != WHET_OK || run_once(&f64, WHET_PROVIDER_REF, false, 0, NULL, &want) != WHET_OK) {
        report(p, "f64: %s", whet_error_message());
    } else {
        if (p->grad) check_differences(p, &f64, &want);
        if (build(p, WHET_F32, &f32) != WHET_OK) report(p, "f32: %s", whet_error_message());
        else check_kernels(p, &f32, &want, team);
    }
    outputs_dispose(&want);
    built_dispose(&f64);
    built_dispose(&f32);
}

/* Lines of a file that take part; with only >= 0, that line alone. Returns how many check a gradient. */
static int check_file(const char *op_name, const char *path, int only, whet_team *team)
{
    uint8_t *text = NULL;
    size_t size = 0;
    int line = 0, with_gradient = 0;
    const whet_op *op = whet_op_find(op_name);
    char *save = NULL;
    if (op == NULL || whet_file_read(&text, &size, path, 1 << 20) != WHET_OK) {
        print_error("%s: no such operator or file\n", path);
        failures++;
        return 0;
    }
    for (char *s = (char *)text; s != NULL; s = save) {
        problem p = {0};
        save = strchr(s, '\n');
        if (save != NULL) *save++ = '\0';
        line++;
        if (*s == '\0' || *s == '#' || (only > 0 && line != only)) continue;
        snprintf(p.op, sizeof p.op, "%s", op_name);
        snprintf(p.text, sizeof p.text, "%s", s);
        p.line = line;
        if (!parse_line(&p, op, s)) report(&p, "the line is not understood");
        else check_problem(&p, team);
        with_gradient += p.grad;
    }
    whet_free(text);
    return with_gradient;
}

static int problem_files(const struct dirent *e) { return strcmp(whet_path_ext(e->d_name), ".txt") == 0; }

static void all_operators(void **arg)
{
    struct dirent **files = NULL;
    bool covered[1024] = {false};
    char op[300], path[1400];
    whet_team *team = NULL;
    (void)arg;
    assert_ok(whet_team_create(&team, 2));
    const int n = scandir(WHET_SOURCE_DIR "/tests/ops", &files, problem_files, alphasort);
    assert_true(n > 0 && whet_op_count() < 1024);
    for (int i = 0; i < n; i++) {
        snprintf(op, sizeof op, "%.*s", (int)(strlen(files[i]->d_name) - 4), files[i]->d_name);
        snprintf(path, sizeof path, "%s/tests/ops/%s", WHET_SOURCE_DIR, files[i]->d_name);
        const int gradients = check_file(op, path, -1, team);
        for (int k = 0; k < whet_op_count(); k++)
            if (gradients > 0 && whet_op_at(k) == whet_op_find(op)) covered[k] = true;
        free(files[i]);
    }
    free(files);
    for (int k = 0; k < whet_op_count(); k++) {
        if (whet_op_at(k)->grad == NULL || covered[k]) continue;
        whet_op_text(whet_op_at(k), op, sizeof op);
        print_error("%s has a gradient, but no line in tests/ops/%s.txt checks it\n", op, op);
        failures++;
    }
    whet_team_free(team);
    printf("operator problems: %d files, %d numbers compared, %d failures\n", n, checks, failures);
    printf("%d passed, %d failed\n", n, failures);
    assert_int_equal(failures, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_operators)};
    if (argc < 2) return cmocka_run_group_tests_name("ops", tests, NULL, NULL);
    char path[1400];
    whet_team *team = NULL;
    snprintf(path, sizeof path, "%s/tests/ops/%s.txt", WHET_SOURCE_DIR, argv[1]);
    if (whet_team_create(&team, 2) != WHET_OK) return 1;
    check_file(argv[1], path, argc > 2 ? atoi(argv[2]) : -1, team);
    whet_team_free(team);
    printf("%d numbers compared, %d failures\n", checks, failures);
    return failures == 0 ? 0 : 1;
}
