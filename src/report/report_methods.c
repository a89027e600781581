// SPDX-License-Identifier: Apache-2.0
// methods.tex: what a paper has to say about how its numbers came about, in sentences made of the stored document alone:
// protocol, statistics, parity, machine, versions, data with splits and choices, seeds, what failed. And whet.bib with what
// the sentences cite.
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/report.h"
#include "report/report_columns.h"
#include "report/report_html.h"
#include "report/report_latex.h"

static const struct { const char *key, *names, *entry; } entries[] = {
    {"whet", "native", "@misc{whet,\n  title = {whet: training, converting, running and measuring image models},\n  note = {Version %s},\n  year = {2026}\n}\n"},
    {"onnxruntime", "ort", "@misc{onnxruntime,\n  author = {{ONNX Runtime developers}},\n  title = {{ONNX Runtime}},\n  howpublished = {\\texttt{https://onnxruntime.ai}}\n}\n"},
    {"openvino", "openvino", "@misc{openvino,\n  author = {{Intel Corporation}},\n  title = {{OpenVINO} toolkit},\n  howpublished = {\\texttt{https://docs.openvino.ai}}\n}\n"},
    {"litert", "litert", "@misc{litert,\n  author = {{Google AI Edge}},\n  title = {{LiteRT} (formerly {TensorFlow Lite})},\n  howpublished = {\\texttt{https://ai.google.dev/edge/litert}}\n}\n"},
    {"pytorch", "libtorch", "@inproceedings{pytorch,\n  author = {Paszke, Adam and others},\n  title = {{PyTorch}: An Imperative Style, High-Performance Deep Learning Library},\n"
                            "  booktitle = {Advances in Neural Information Processing Systems},\n  volume = {32},\n  year = {2019}\n}\n"},
    {"tensorflow", "tensorflow", "@inproceedings{tensorflow,\n  author = {Abadi, Mart\\'{i}n and others},\n  title = {{TensorFlow}: A System for Large-Scale Machine Learning},\n"
                                 "  booktitle = {12th USENIX Symposium on Operating Systems Design and Implementation},\n  pages = {265--283},\n  year = {2016}\n}\n"},
    {"lecun1998", "mnist lenet", "@article{lecun1998,\n  author = {LeCun, Yann and Bottou, L\\'{e}on and Bengio, Yoshua and Haffner, Patrick},\n"
                                 "  title = {Gradient-Based Learning Applied to Document Recognition},\n  journal = {Proceedings of the IEEE},\n  volume = {86},\n  number = {11},\n  pages = {2278--2324},\n  year = {1998}\n}\n"},
    {"krizhevsky2009", "cifar10 cifar100 cifar-10 cifar-100", "@techreport{krizhevsky2009,\n  author = {Krizhevsky, Alex},\n  title = {Learning Multiple Layers of Features from Tiny Images},\n"
                                                              "  institution = {University of Toronto},\n  year = {2009}\n}\n"},
    {"cordts2016", "cityscapes", "@inproceedings{cordts2016,\n  author = {Cordts, Marius and others},\n  title = {The {Cityscapes} Dataset for Semantic Urban Scene Understanding},\n  booktitle = {CVPR},\n"
                                 "  pages = {3213--3223},\n  year = {2016}\n}\n"},
    {"he2016", "resnet20 resnet32 resnet44 resnet56 resnet18 resnet34 resnet50 resnet101", "@inproceedings{he2016,\n  author = {He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian},\n"
                                 "  title = {Deep Residual Learning for Image Recognition},\n  booktitle = {CVPR},\n  pages = {770--778},\n  year = {2016}\n}\n"},
    {"sandler2018", "mobilenetv2 mobilenetv2-0.5", "@inproceedings{sandler2018,\n  author = {Sandler, Mark and Howard, Andrew and Zhu, Menglong and Zhmoginov, Andrey and Chen, Liang-Chieh},\n"
                                 "  title = {{MobileNetV2}: Inverted Residuals and Linear Bottlenecks},\n  booktitle = {CVPR},\n  pages = {4510--4520},\n  year = {2018}\n}\n"},
    {"tan2019", "efficientnet-b0 efficientnet-b1 efficientnet-b2", "@inproceedings{tan2019,\n  author = {Tan, Mingxing and Le, Quoc V.},\n"
                                 "  title = {{EfficientNet}: Rethinking Model Scaling for Convolutional Neural Networks},\n  booktitle = {ICML},\n  pages = {6105--6114},\n  year = {2019}\n}\n"},
    {"dosovitskiy2021", "vit-tiny-16 vit-small-16 vit-base-16", "@inproceedings{dosovitskiy2021,\n  author = {Dosovitskiy, Alexey and others},\n"
                                 "  title = {An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale},\n  booktitle = {ICLR},\n  year = {2021}\n}\n"},
    {"efron1979", "", "@article{efron1979,\n  author = {Efron, Bradley},\n  title = {Bootstrap Methods: Another Look at the Jackknife},\n  journal = {The Annals of Statistics},\n  volume = {7},\n"
                      "  number = {1},\n  pages = {1--26},\n  year = {1979}\n}\n"},
    {"holm1979", "", "@article{holm1979,\n  author = {Holm, Sture},\n  title = {A Simple Sequentially Rejective Multiple Test Procedure},\n  journal = {Scandinavian Journal of Statistics},\n"
                     "  volume = {6},\n  number = {2},\n  pages = {65--70},\n  year = {1979}\n}\n"},
    {"wilson1927", "", "@article{wilson1927,\n  author = {Wilson, Edwin B.},\n  title = {Probable Inference, the Law of Succession, and Statistical Inference},\n"
                       "  journal = {Journal of the American Statistical Association},\n  volume = {22},\n  number = {158},\n  pages = {209--212},\n  year = {1927}\n}\n"},
    {"reddi2020", "", "@inproceedings{reddi2020,\n  author = {Reddi, Vijay Janapa and others},\n  title = {{MLPerf} Inference Benchmark},\n"
                      "  booktitle = {ACM/IEEE 47th Annual International Symposium on Computer Architecture},\n  pages = {446--459},\n  year = {2020}\n}\n"},
};

const char *report_bib_key(const char *name)
{
    const size_t n = strlen(name);
    for (size_t i = 0; i < WHET_COUNT(entries) && n > 0; i++)
        for (const char *p = entries[i].names; (p = strstr(p, name)) != NULL; p += n)
            if ((p == entries[i].names || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' ')) return entries[i].key;
    return NULL;
}

void report_bib(whet_strbuf *b, const json_t *doc, const json_t *cited)
{
    const char *program = report_str(doc, "context.program"), *version = strchr(program, ' ');
    for (size_t i = 0; i < WHET_COUNT(entries); i++) {
        if (json_object_get(cited, entries[i].key) == NULL) continue;
        const char *at = strstr(entries[i].entry, "%s");
        whet_strbuf_add(b, entries[i].entry, at != NULL ? (size_t)(at - entries[i].entry) : strlen(entries[i].entry));
        if (at != NULL) {
            report_tex(b, version != NULL ? version + 1 : program);
            whet_strbuf_puts(b, at + 2);
        }
        whet_strbuf_puts(b, "\n");
    }
}

static void cite(whet_strbuf *b, json_t *cited, const char *key)
{
    if (key == NULL) return;
    json_object_set_new(cited, key, json_true());
    whet_strbuf_printf(b, "~\\cite{%s}", key);
}

static void say(whet_strbuf *b, const char *text)
{
    report_tex(b, text);
}

// --- what runs have in common is said once, what differs of each of them

static char *how_timed(const json_t *run)
{
    const json_t *s = json_object_get(run, "settings");
    whet_strbuf b;
    whet_strbuf_init(&b);
    if (isfinite(report_num(s, "min_runs")))
        whet_strbuf_printf(&b, "each row was warmed up by at least %.0f inferences and %.3g s and then timed for at least %.0f inferences and %.3g s, spread over %.0f or more rounds",
                           report_num(s, "warmup_runs"), report_num(s, "warmup_seconds"), report_num(s, "min_runs"), report_num(s, "min_seconds"), report_num(s, "rounds"));
    if (isfinite(report_num(s, "threads"))) {
        whet_strbuf_printf(&b, "%severy runtime was given %.0f thread%s", b.len > 0 ? "; " : "", report_num(s, "threads"), report_num(s, "threads") > 1 ? "s" : "");
        if (isfinite(report_num(s, "batch"))) whet_strbuf_printf(&b, " and batches of %.0f", report_num(s, "batch"));
        whet_strbuf_puts(&b, " unless the table says otherwise");
    }
    if (report_str(run, "mode")[0] != '\0') whet_strbuf_printf(&b, "%sthe size of the run was %s", b.len > 0 ? "; " : "", report_str(run, "mode"));
    return whet_strbuf_take(&b);
}

static char *what_drawn(const json_t *run)
{
    whet_strbuf b;
    whet_strbuf_init(&b);
    if (isfinite(report_num(run, "settings.seed"))) whet_strbuf_printf(&b, "the order of the blocks and the bootstrap used the seed %.0f", report_num(run, "settings.seed"));
    if (report_str(run, "inputs.source")[0] != '\0') whet_strbuf_printf(&b, "%sthe timed inputs were %s", b.len > 0 ? "; " : "", report_str(run, "inputs.source"));
    return whet_strbuf_take(&b);
}

static char *program_of(const json_t *run)
{
    const char *program = report_str(run, "context.program");
    return whet_format("measurements were taken with %s", program[0] != '\0' ? program : "whet");
}

// "in the run a" or "in the runs a and b", with a capital.
static void in_runs(whet_strbuf *b, const json_t *labels)
{
    const size_t n = json_array_size(labels);
    whet_strbuf_puts(b, n == 1 ? "In the run " : "In the runs ");
    for (size_t i = 0; i < n; i++) {
        whet_strbuf_puts(b, i == 0 ? "" : i + 1 == n ? " and " : ", ");
        say(b, json_string_value(json_array_get(labels, i)));
    }
    whet_strbuf_puts(b, " ");
}

static void capital(whet_strbuf *b, const char *text)
{
    const char first[2] = {(char)toupper((unsigned char)text[0]), '\0'};
    say(b, first);
    say(b, text + (text[0] != '\0'));
}

static void of_each_run(whet_strbuf *b, const json_t *doc, char *(*sentence)(const json_t *run), json_t *cited, const char *citation)
{
    json_t *said = json_object(), *labels = NULL; // jansson keeps the order
    const char *text = NULL;
    for (size_t i = 0; i < report_run_count(doc); i++) {
        const json_t *run = report_run_at(doc, i);
        char *s = sentence(run);
        b->failed = b->failed || s == NULL;
        if (s != NULL && s[0] != '\0') {
            if (json_object_get(said, s) == NULL) json_object_set_new(said, s, json_array());
            json_array_append_new(json_object_get(said, s), json_string(report_str(run, "label")));
        }
        whet_free(s);
    }
    json_object_foreach(said, text, labels)
    {
        const bool one = json_object_size(said) == 1;
        if (!one) in_runs(b, labels);
        (one ? capital : say)(b, text);
        cite(b, cited, citation);
        whet_strbuf_puts(b, ". ");
    }
    json_decref(said);
}

static void protocol(whet_strbuf *b, const json_t *doc, json_t *cited)
{
    whet_strbuf_puts(b, "\\paragraph{Protocol.} ");
    of_each_run(b, doc, program_of, cited, "whet");
    whet_strbuf_puts(b, "Every model ran on every runtime in fresh processes of its own, with the same inputs and the same number of threads, pinned to the same processors; "
                        "the candidates took turns in shuffled blocks. ");
    of_each_run(b, doc, how_timed, cited, NULL);
    whet_strbuf_puts(b, "The timed region is one inference whose input lies in the runtime's own tensor; load time and first inference are given apart. \n\n");
}

static void statistics(whet_strbuf *b, const json_t *doc, json_t *cited)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    size_t i = 0;
    bool accuracy = false, shares = false;
    json_array_foreach(rows, i, row)
    {
        accuracy = accuracy || isfinite(report_num(row, "accuracy.value"));
        shares = shares || isfinite(report_num(row, "latency.p90"));
    }
    whet_strbuf_puts(b, "\\paragraph{Statistics.} Latencies are medians with 95\\,\\% intervals from a bootstrap");
    cite(b, cited, "efron1979");
    whet_strbuf_puts(b, " that resamples processes, then blocks, never single inferences; where $\\pm$ stands, it is the wider half. ");
    if (shares) {
        whet_strbuf_puts(b, "Percentiles are of nearest rank, with order-statistic intervals (99\\,\\%), and given only with the number of samples that MLPerf's early stopping asks for");
        cite(b, cited, "reddi2020");
        whet_strbuf_puts(b, ". ");
    }
    whet_strbuf_puts(b, "A row is called unstable when the interval of its median is wider than $\\pm 3$\\,\\% or its last windows differ by more than 10\\,\\%. Outliers were not removed. ");
    if (json_array_size(json_object_get(doc, "comparisons")) > 0) {
        whet_strbuf_puts(b, "Two rows are called better or worse only where the whole interval of their ratio lies beside 1 after Holm's correction");
        cite(b, cited, "holm1979");
        whet_strbuf_puts(b, ", and the same where it lies within $\\pm 2$\\,\\%. ");
    }
    if (accuracy) {
        whet_strbuf_puts(b, "Accuracies carry the wider half of Wilson's 95\\,\\% interval");
        cite(b, cited, "wilson1927");
        whet_strbuf_puts(b, ". ");
    }
    whet_strbuf_puts(b, "\n\n");
}

// The different texts that rows have at `path`, once each.
static json_t *different(const json_t *rows, const char *path)
{
    const json_t *row = NULL;
    json_t *list = json_array();
    size_t i = 0, k = 0;
    json_array_foreach(rows, i, row)
    {
        const char *text = report_str(row, path);
        for (k = 0; k < json_array_size(list) && strcmp(json_string_value(json_array_get(list, k)), text) != 0;) k++;
        if (text[0] != '\0' && k == json_array_size(list)) json_array_append_new(list, json_string(text));
    }
    return list;
}

static void say_all(whet_strbuf *b, const json_t *list, const char *before, const char *behind)
{
    const size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++) {
        whet_strbuf_puts(b, i == 0 ? "" : i + 1 == n ? " or " : ", ");
        whet_strbuf_puts(b, before);
        say(b, json_string_value(json_array_get(list, i)));
        whet_strbuf_puts(b, behind);
    }
}

static void parity(whet_strbuf *b, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    json_t *references = different(rows, "parity.reference"), *bounds = different(rows, "parity.accept");
    size_t i = 0;
    int passed = 0, judged = 0;
    json_array_foreach(rows, i, row)
    {
        const json_t *ok = report_get(row, "parity.ok");
        judged += ok != NULL && json_is_boolean(ok);
        passed += json_is_true(ok);
    }
    if (judged > 0) {
        whet_strbuf_puts(b, "\\paragraph{Equal outputs.} Before anything was timed, each row's outputs were compared with a reference (");
        say_all(b, references, "", "");
        whet_strbuf_puts(b, ") on the same inputs, under the bound of its precision (");
        say_all(b, bounds, "\\texttt{", "}");
        whet_strbuf_printf(b, "); %d of %d rows passed, and a row that does not is not timed. ", passed, judged);
        whet_strbuf_puts(b, "\n\n");
    }
    json_decref(references);
    json_decref(bounds);
}

static void machine(whet_strbuf *b, const json_t *doc)
{
    static const struct { const char *path, *before, *behind; } facts[] = {
        {"physical_cores", ", ", " physical cores"}, {"cpus", ", ", " CPUs"}, {"isa", ", instruction set ", ""}, {"memory_bytes", ", ", " of memory"}, {"governor", ", frequency governor ", ""},
        {"virtual", ", virtual machine (", ")"}, {"container", ", container (", ")"}, {"kernel", ", Linux ", ""}};
    char digits[60];
    whet_strbuf_puts(b, "\\paragraph{Machine.} ");
    for (size_t i = 0; i < report_run_count(doc); i++) {
        const json_t *run = report_run_at(doc, i), *m = report_get(run, "context.machine");
        bool said = m == NULL;
        for (size_t k = 0; k < i && !said; k++) {
            const json_t *other = report_get(report_run_at(doc, k), "context.machine");
            said = strcmp(report_str(other, "cpu"), report_str(m, "cpu")) == 0 && strcmp(report_str(other, "host"), report_str(m, "host")) == 0;
        }
        if (said) continue;
        if (report_run_count(doc) > 1 && report_str(m, "host")[0] != '\0') {
            say(b, report_str(m, "host"));
            whet_strbuf_puts(b, ": ");
        }
        say(b, report_str(m, "cpu")[0] != '\0' ? report_str(m, "cpu") : "A processor that was not named");
        for (size_t k = 0; k < WHET_COUNT(facts); k++) {
            const json_t *v = report_get(m, facts[k].path);
            if (v == NULL || (json_is_string(v) && (json_string_length(v) == 0 || strcmp(json_string_value(v), "none") == 0)) || json_is_boolean(v)) continue;
            if (strcmp(facts[k].path, "virtual") == 0 && strcmp(json_is_string(v) ? json_string_value(v) : "", "yes") == 0) { // of no known maker
                say(b, ", virtual machine");
                continue;
            }
            say(b, facts[k].before);
            if (json_is_string(v)) say(b, json_string_value(v));
            if (json_is_number(v)) say(b, (strcmp(facts[k].path, "memory_bytes") == 0 ? report_bytes : report_count)(digits, sizeof digits, json_number_value(v)));
            say(b, facts[k].behind);
        }
        whet_strbuf_puts(b, ". ");
    }
    whet_strbuf_puts(b, "\n\n\\paragraph{Versions.} ");
}

static void versions(whet_strbuf *b, const json_t *doc, json_t *cited)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    json_t *seen = json_object();
    size_t i = 0, n = 0;
    char text[300];
    whet_strbuf_puts(b, "The runtimes were ");
    json_array_foreach(rows, i, row)
    {
        const char *title = report_str(row, "runtime_title"), *runtime = report_str(row, "runtime"), *version = report_str(row, "runtime_version");
        if (version[0] == '\0') continue;
        const bool native = strncmp(runtime, "native", 6) == 0;
        snprintf(text, sizeof text, "%.100s %.100s", native ? "whet's own engine" : title[0] != '\0' ? title : runtime, version);
        if (json_object_get(seen, text) != NULL) continue;
        json_object_set_new(seen, text, json_true());
        whet_strbuf_puts(b, n++ > 0 ? ", " : "");
        say(b, text);
        if (!native) cite(b, cited, report_bib_key(runtime));
    }
    whet_strbuf_puts(b, n > 0 ? ".\n\n" : "not recorded.\n\n");
    json_decref(seen);
}

static void one_data(whet_strbuf *b, const json_t *run, bool alone, json_t *cited)
{
    const json_t *d = json_object_get(run, "data"), *list = json_object_get(d, "splits"), *c = NULL;
    size_t i = 0;
    char text[700], pictures[600];
    if (!alone) {
        json_t *label = json_pack("[s]", report_str(run, "label"));
        in_runs(b, label);
        json_decref(label);
    }
    whet_strbuf_puts(b, alone ? "The data set was " : "the data set was ");
    say(b, report_str(d, "name"));
    cite(b, cited, report_bib_key(report_str(d, "name")));
    if (isfinite(report_num(d, "classes"))) whet_strbuf_printf(b, " (%.0f classes)", report_num(d, "classes"));
    whet_strbuf_puts(b, ". ");
    json_array_foreach(list, i, c)
    {
        report_split_text(run, c, pictures, sizeof pictures);
        snprintf(text, sizeof text, "%sthe %.40s split: %s", i > 0 ? "; " : "Of its splits, ", report_str(c, "name"), pictures);
        say(b, text);
    }
    if (json_array_size(list) > 0) whet_strbuf_puts(b, ". ");
    list = json_object_get(run, "choices");
    json_array_foreach(list, i, c)
    {
        snprintf(text, sizeof text, "%s%.200s on the %.40s split", i > 0 ? "; " : "Chosen were the ", report_str(c, "what"), report_str(c, "split"));
        say(b, text);
    }
    if (json_array_size(list) > 0) whet_strbuf_puts(b, ". ");
    if (isfinite(report_num(d, "test_reads")))
        whet_strbuf_printf(b, "The test split was read %.0f times, each by the final evaluation of a row; no choice saw it. ", report_num(d, "test_reads"));
}

// The run has data of its own: no earlier one has said the same.
static bool new_data(const json_t *doc, size_t i)
{
    const json_t *d = json_object_get(report_run_at(doc, i), "data");
    bool said = !json_is_object(d);
    for (size_t k = 0; k < i && !said; k++) said = json_equal(json_object_get(report_run_at(doc, k), "data"), d);
    return !said;
}

static void data(whet_strbuf *b, const json_t *doc, json_t *cited)
{
    size_t n = 0;
    bool open = false;
    for (size_t i = 0; i < report_run_count(doc); i++) n += new_data(doc, i);
    for (size_t i = 0; i < report_run_count(doc); i++) {
        const json_t *run = report_run_at(doc, i);
        if (!new_data(doc, i)) continue;
        if (!open) whet_strbuf_puts(b, "\\paragraph{Data.} ");
        open = true;
        one_data(b, run, n == 1, cited);
        if (report_str(run, "contract_text")[0] != '\0') {
            whet_strbuf_puts(b, "Pictures were preprocessed as ");
            say(b, report_str(run, "contract_text"));
            whet_strbuf_puts(b, ". ");
        }
    }
    if (open) whet_strbuf_puts(b, "\n\n");
}

static void seeds(whet_strbuf *b, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    json_t *seen = json_object();
    size_t i = 0;
    int n = 0;
    char text[60];
    whet_strbuf_puts(b, "\\paragraph{Seeds.} ");
    json_array_foreach(rows, i, row)
    {
        double seed = report_num(row, "axes.seed");
        if (!isfinite(seed)) continue;
        snprintf(text, sizeof text, "%.0f", seed);
        if (json_object_get(seen, text) == NULL) {
            json_object_set_new(seen, text, json_true());
            whet_strbuf_printf(b, "%s%s", n++ > 0 ? ", " : "Weights, order and augmentation came from the seeds ", text);
        }
    }
    const json_t *run = report_run_at(doc, 0), *own = json_object_get(json_object_get(run, "study_settings"), "seed");
    if (n == 0 && json_is_number(own) && json_array_size(json_object_get(doc, "trainings")) > 0)
        whet_strbuf_printf(b, "Weights, order and augmentation came from the seed %.0f", json_number_value(own));
    if (n > 0 || (json_is_number(own) && json_array_size(json_object_get(doc, "trainings")) > 0)) whet_strbuf_puts(b, ". ");
    of_each_run(b, doc, what_drawn, NULL, NULL);
    if (n <= 1 && json_array_size(json_object_get(doc, "trainings")) > 0) whet_strbuf_puts(b, "Each network was trained with one seed, so differences between networks carry no spread over trainings. ");
    whet_strbuf_puts(b, "\n\n");
    json_decref(seen);
}

static void failures(whet_strbuf *b, const json_t *doc)
{
    json_t *list = whet_report_warnings(doc), *w = NULL;
    size_t i = 0;
    bool open = false;
    json_array_foreach(list, i, w)
    {
        const char *kind = report_str(w, "kind");
        if (strcmp(kind, "failed") != 0 && strcmp(kind, "figure") != 0 && strcmp(kind, "verdict") != 0 && strcmp(kind, "machine") != 0) continue;
        if (!open) whet_strbuf_puts(b, "\\paragraph{Limits of these measurements.} ");
        open = true;
        char *rows = json_array_size(json_object_get(w, "rows")) + json_array_size(json_object_get(w, "runs")) > 0 ? whet_report_warning_rows(doc, w) : NULL;
        capital(b, report_str(w, "text"));
        if (rows != NULL) {
            whet_strbuf_puts(b, " (");
            say(b, rows);
            whet_strbuf_puts(b, ")");
        }
        whet_strbuf_puts(b, ". ");
        whet_free(rows);
    }
    if (open) whet_strbuf_puts(b, "\n");
    json_decref(list);
}

// What is made of which time, as beneath the page's table.
static void figures(whet_strbuf *b, const json_t *doc)
{
    json_t *notes = report_column_notes(doc, false), *note = NULL;
    size_t i = 0;
    json_array_foreach(notes, i, note)
    {
        whet_strbuf_puts(b, i == 0 ? "\\paragraph{Figures.} " : " ");
        say(b, report_str(note, "name"));
        whet_strbuf_puts(b, ": ");
        say(b, report_str(note, "text"));
        whet_strbuf_puts(b, ".");
    }
    if (json_array_size(notes) > 0) whet_strbuf_puts(b, "\n\n");
    json_decref(notes);
}

void report_methods(whet_strbuf *b, const json_t *doc, json_t *cited)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    size_t i = 0;
    protocol(b, doc, cited);
    statistics(b, doc, cited);
    figures(b, doc);
    parity(b, doc);
    machine(b, doc);
    versions(b, doc, cited);
    data(b, doc, cited);
    seeds(b, doc);
    bool open = false;
    json_array_foreach(rows, i, row)
    {
        const char *name = report_str(row, "axes.model")[0] != '\0' ? report_str(row, "axes.model") : report_str(row, "model"), *key = report_bib_key(name);
        if (key == NULL || strncmp(name, "native", 6) == 0 || (open && json_object_get(cited, key) != NULL)) continue;
        whet_strbuf_puts(b, open ? ", " : "\\paragraph{Networks.} ");
        say(b, name);
        cite(b, cited, key);
        open = true;
    }
    if (open) whet_strbuf_puts(b, ".\n\n");
    failures(b, doc);
}
