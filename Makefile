# SPDX-License-Identifier: Apache-2.0
# Thin front of CMake. `make help` lists the targets.
BUILD ?= build
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
CMAKE_ARGS ?=
PYTHON ?= python3
BENCH_NETS ?= mbv2 effb0 resnet50 vitti16 vits16 vitb16 convnext_t deeplab_mnv2

.PHONY: all build demo test test-extended bundle install bench bench-peers bench-kernels clean help setup setup-test
all: build

help:
	@echo "make                 build $(BUILD)/whet and libwhet"
	@echo "make demo            set up everything and run studies/demo.yaml"
	@echo "make test            set up everything and run the test suite"
	@echo "make test-extended   the slower tiers (docs/TESTING.md)"
	@echo "make bench           native against its peers (docs/PERFORMANCE.md)"
	@echo "make bench-peers     latency, load, memory and training against the peers: docs/PERFORMANCE.md"
	@echo "make bench-kernels   own kernels against oneDNN's, layer by layer, and in shares of their floor (docs/KERNELS.md)"
	@echo "make bundle          whet-<arch>.tar.gz: the program with its libraries, for machines without them (study --host)"
	@echo "make install         into PREFIX=$(PREFIX) (DESTDIR honoured)"
	@echo "make clean           remove $(BUILD)"

setup:
	@tools/setup.sh build

setup-test:
	@tools/setup.sh build test

$(BUILD)/build.ninja:
	@cmake -S . -B $(BUILD) -G Ninja $(CMAKE_ARGS) > $(BUILD).log 2>&1 || { cat $(BUILD).log; rm -f $(BUILD).log; exit 1; }
	@rm -f $(BUILD).log

build:
	@tools/setup.sh --check build
	@$(MAKE) --no-print-directory $(BUILD)/build.ninja
	@ninja -C $(BUILD) -j $(JOBS)

demo: setup
	@$(MAKE) --no-print-directory $(BUILD)/build.ninja CMAKE_ARGS="$(CMAKE_ARGS)"
	@ninja -C $(BUILD) -j $(JOBS) whet whet_plugin_ort
	@$(BUILD)/whet runtimes install ort || echo "continuing without ONNX Runtime: its rows will say why"
	@$(BUILD)/whet study studies/demo.yaml

test: setup-test
	@$(MAKE) --no-print-directory build CMAKE_ARGS="$(CMAKE_ARGS)"
	@$(BUILD)/whet runtimes install ort || echo "continuing without ONNX Runtime: its tests will be skipped"
	@$(PYTHON) tools/run_tests.py $(BUILD)

test-extended: setup-test
	@tools/setup.sh build test extended
	@$(MAKE) --no-print-directory build CMAKE_ARGS="$(CMAKE_ARGS)"
	@$(BUILD)/whet runtimes install ort
	@tools/test_extended.sh $(BUILD)

bench: build
	@bench/run.sh $(BUILD)

bench-peers: build
	@ninja -C $(BUILD) native_loop > /dev/null
	@$(or $(WHET_PYTHON),$(PYTHON)) bench/bench_peers.py --build $(BUILD) $(BENCH_ARGS)
	@$(PYTHON) tools/performance_doc.py $(BUILD)/bench-peers.json

bench-kernels: build
	@ninja -C $(BUILD) own_against_onednn > /dev/null
	@$(BUILD)/tests/own_against_onednn --sums $(foreach n,$(BENCH_NETS),bench/shapes/$(n).txt)
	@$(BUILD)/tests/kcheck --bench $(foreach n,$(BENCH_NETS),bench/shapes/$(n).txt)
	@$(BUILD)/tests/kcheck --bench vec

bundle: build
	@$(PYTHON) tools/make_bundle.py $(BUILD)

install: build
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD) --prefix $(PREFIX)

clean:
	@rm -rf $(BUILD)
