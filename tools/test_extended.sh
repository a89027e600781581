#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The slower tiers, one after the other; docs/TESTING.md names them. Usage: test_extended.sh BUILD [TIER ...]
set -u
build=${1:-build}
[ $# -gt 0 ] && shift
tiers=${*:-"clang minimal no-onednn tsan aarch64 resume parity fuzz mutants runtimes install notebook"}
passed=0
failed=0
skipped=0

tier_clang() { cmake --preset clang >/dev/null && ninja -C build-clang && python3 tools/run_tests.py build-clang --group unit,ops,formats; }
tier_minimal() { cmake --preset minimal >/dev/null && ninja -C build-minimal && python3 tools/run_tests.py build-minimal --group unit,ops,formats,kcheck; }
tier_no_onednn() { cmake --preset no-onednn >/dev/null && ninja -C build-no-onednn && python3 tools/run_tests.py build-no-onednn --group unit,ops,formats; }
tier_tsan() { cmake --preset tsan >/dev/null && ninja -C build-tsan && python3 tools/run_tests.py build-tsan --group unit; }
tier_aarch64() {
    tools/build_aarch64.sh --bundle || return 1
    if ! command -v qemu-aarch64 >/dev/null 2>&1; then return 77; fi
    python3 tools/run_tests.py build-aarch64
    tests=$?
    python3 tests/e2e/fleet_aarch64.py "$build/whet" "$build" build-aarch64
    fleet=$?
    [ $tests = 0 ] && { [ $fleet = 0 ] || [ $fleet = 77 ]; }
}
tier_resume() { tests/e2e/resume.sh "$build/whet" 10; }
tier_fuzz() { tests/fuzz/run.sh 60; }
tier_mutants() { WHET_MUTANTS=${WHET_MUTANTS:-100000} ctest --test-dir "$build" -R '_mutants$' --output-on-failure; }
tier_runtimes() {
    tests/formats/check_all.sh "$build/whet"
    formats=$?
    python3 tests/backends/interop_runtimes.py "$build/whet" --all --runtime native --runtime ort --runtime openvino --runtime litert \
        --runtime libtorch --runtime tensorflow
    code=$?
    python3 tests/backends/check_exec_examples.py "$build/whet"
    examples=$?
    [ $formats = 0 ] && { [ $code = 0 ] || [ $code = 77 ]; } && { [ $examples = 0 ] || [ $examples = 77 ]; }
}
tier_install() { tests/backends/check_install.sh "$build/whet"; }
tier_notebook() { "${WHET_PYTHON:-python3}" tests/python/run_notebook.py "$build/whet" examples/quickstart.ipynb; }
tier_parity() {
    if ! python3 -c 'import torch' 2>/dev/null; then
        echo "SKIP: torch: PyTorch is not installed for python3 (pip install torch==2.13.0)"
        return 77
    fi
    python3 bench/train_parity.py "$build/whet"
}

for t in $tiers; do
    echo "== $t"
    "tier_$(echo "$t" | tr - _)"
    code=$?
    if [ $code = 0 ]; then passed=$((passed + 1)); elif [ $code = 77 ]; then skipped=$((skipped + 1)); else
        failed=$((failed + 1))
        echo "FAILED $t: again with: tools/test_extended.sh $build $t"
    fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
