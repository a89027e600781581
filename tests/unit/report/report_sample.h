// SPDX-License-Identifier: Apache-2.0
// A result document as a study makes it, with hostile names, for the tests of the report.
#ifndef REPORT_SAMPLE_H
#define REPORT_SAMPLE_H

#include <jansson.h>
#include <math.h>

#include "base/rng.h"

static const char sample_head[] =
    "{\"schema_version\":1,\"kind\":\"study\",\"study\":\"demo\",\"title\":\"Digits: one small network on two runtimes\","
    "\"command\":\"whet study studies/demo.yaml\",\"started\":\"2026-11-21T09:30:00Z\",\"seconds\":171.4,\"mode\":\"default\","
    "\"settings\":{\"batch\":1,\"threads\":2,\"cpus\":[0,1],\"rounds\":5,\"min_runs\":100,\"min_seconds\":5.0,\"warmup_runs\":10,"
    "\"warmup_seconds\":0.5,\"seed\":0,\"denormals\":\"zero\",\"optimisation\":\"all\",\"accept\":\"max=0.0001\",\"together\":true},"
    "\"inputs\":{\"source\":\"mnist val, 64 of 6000 pictures\",\"count\":64,\"sha256\":\"9f1c0e77\"},"
    "\"contract_text\":\"x/255, 28x28 grey, NCHW\",\"contract_source\":\"given by the study\","
    "\"context\":{\"program\":\"whet 0.1.0\",\"machine\":{\"cpu\":\"A processor of 2.6 GHz\",\"physical_cores\":2,\"isa\":\"avx512vnni\","
    "\"governor\":\"unknown\",\"load1_before\":0.42,\"load1_after\":1.9,\"steal_share\":0.013,\"virtual\":\"kvm\",\"memory_bytes\":8321499136},"
    "\"warnings\":[\"1.3 % of the CPU time was stolen by other guests\",\"the frequency governor cannot be read\"]},"
    "\"data\":{\"name\":\"mnist\",\"source\":\"../shared/data/mnist\",\"classes\":10,\"splits\":[{\"name\":\"train\",\"count\":54000,"
    "\"text\":\"90 % of the set's train\"},{\"name\":\"val\",\"count\":6000,\"text\":\"seeded stratified 10 % of train (seed 0)\"},"
    "{\"name\":\"test\",\"count\":10000,\"text\":\"the set's own\"}],\"test_reads\":2,\"sha256\":\"ab12\"},"
    "\"choices\":[{\"what\":\"best epoch of lenet\",\"split\":\"val\"}],"
    "\"trainings\":[{\"label\":\"lenet, seed 0\",\"seconds\":41.2,\"img_per_s\":5240.0,\"epochs\":4,\"taken\":\"best epoch on val (4)\","
    "\"params\":61706,\"settings\":{\"optimizer\":\"sgd\",\"lr\":0.05,\"batch\":128},\"curve\":["
    "{\"epoch\":1,\"train_loss\":0.31,\"val_loss\":0.09,\"train_accuracy\":0.905,\"val_accuracy\":0.972},"
    "{\"epoch\":2,\"train_loss\":0.08,\"val_loss\":0.06,\"train_accuracy\":0.975,\"val_accuracy\":0.981},"
    "{\"epoch\":3,\"train_loss\":0.05,\"val_loss\":0.045,\"train_accuracy\":0.984,\"val_accuracy\":0.987},"
    "{\"epoch\":4,\"train_loss\":0.03,\"val_loss\":0.04,\"train_accuracy\":0.991,\"val_accuracy\":0.989}]}],"
    "\"steps\":[{\"name\":\"train\",\"label\":\"lenet, seed 0\",\"state\":\"done\",\"seconds\":41.2,\"key\":\"0123456789abcdef0123\"},"
    "{\"name\":\"bench\",\"label\":\"2 rows\",\"state\":\"done\",\"seconds\":61.0,\"key\":\"fedcba9876543210\"}],";

static json_t *sample_row(int i, const char *model, const char *runtime, const char *title, double p50)
{
    json_t *row = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:s, s:s, s:i, s:i, s:i}", "id", i == 0 ? "r0" : "r1", "model", model, "sha256",
        "4be9a1b1c8f2", "format", "onnx", "runtime", runtime, "runtime_title", title, "precision", "f32", "batch", 1, "threads", 2, "status",
        "ok", "reason", "", "runtime_version", i == 0 ? "0.1.0" : "1.31.1", "size_bytes", 248312, "params", 61706, "macs", 416520);
    json_object_set_new(row, "accuracy", json_pack("{s:s, s:f, s:f, s:f, s:i, s:s, s:s}", "metric", "top-1", "value", 0.9891, "low", 0.98685,
                                                   "high", 0.99094, "count", 10000, "split", "test", "data", "mnist"));
    json_object_set_new(row, "parity", json_pack("{s:b, s:s, s:s, s:i, s:i, s:i, s:[{s:s, s:b, s:f, s:f, s:f, s:f, s:s}]}", "ok", 1, "reference",
                                                 "ONNX Runtime, optimisation off", "accept", "max=0.0001", "samples", 32, "inputs", 32, "rechecked", 12,
                                                 "outputs", "name", "logits", "ok", 1, "max", 2.1e-7, "cosine", 1.0, "snr_db", 131.2, "top1", 1.0,
                                                 "why", ""));
    json_object_set_new(row, "load_ms", json_real(i == 0 ? 1.91 : 12.4));
    json_object_set_new(row, "first_ms", json_real(i == 0 ? 0.31 : 0.62));
    json_object_set_new(row, "latency", json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "region", "infer", "n", 900, "p50", p50,
                                                  "p50_low", p50 * 0.985, "p50_high", p50 * 1.02, "min", p50 * 0.8, "p90", p50 * 1.3, "p99",
                                                  p50 * 1.9, "cv", 0.081, "max", p50 * 4));
    json_object_set_new(row, "img_per_s", json_real(1000 / p50));
    json_object_set_new(row, "memory", json_pack("{s:i, s:i}", "peak_bytes", 21000000 + i * 30000000, "delta_bytes", 3100000 + i * 9000000));
    json_object_set_new(row, "verdict", json_string(i == 0 ? "ok" : "UNSTABLE"));
    json_object_set_new(row, "verdict_reasons", i == 0 ? json_array() : json_pack("[s]", "the medians of the last 3 windows differ by 12 %"));
    json_t *samples = json_array(), *ns = json_array();
    whet_rng r = whet_rng_at(7, (uint64_t)i);
    for (int k = 0; k < 900; k++) json_array_append_new(ns, json_integer((json_int_t)(1e6 * p50 * (0.97 + 0.04 * fabs(whet_rng_normal(&r)) + (k % 20 == 0 ? 0.5 : 0)))));
    json_array_append_new(samples, json_pack("{s:i, s:i, s:i, s:o}", "round", 0, "block", 0, "runs_per_sample", 1, "ns", ns));
    json_object_set_new(row, "samples", samples);
    return row;
}

// Two good rows and one that failed; `model` may be hostile.
static json_t *sample_document(const char *model)
{
    json_t *doc = NULL, *rows = json_array();
    char *text = whet_format("%s\"rows\":[]}", sample_head);
    doc = json_loads(text, 0, NULL);
    whet_free(text);
    json_array_append_new(rows, sample_row(0, model, "native", "native", 0.118));
    json_array_append_new(rows, sample_row(1, model, "ort", "ONNX Runtime", 0.154));
    json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", "r2", "model", model, "runtime", "openvino", "runtime_title",
                                          "OpenVINO", "precision", "f32", "status", "runtime missing: libopenvino_c.so was not found", "reason",
                                          "libopenvino_c.so was not found"));
    json_object_set_new(doc, "rows", rows);
    json_object_set_new(doc, "comparisons",
                        json_pack("[{s:s, s:s, s:f, s:f, s:f, s:s, s:f, s:f, s:f, s:s}]", "a", "r0", "b", "r1", "ratio", 0.766, "low", 0.74, "high",
                                  0.80, "verdict", "better", "speedup", 1.305, "speedup_low", 1.25, "speedup_high", 1.351, "text",
                                  "native is 1.31x as fast as ONNX Runtime (1.25 to 1.35)"));
    return doc;
}

#endif
