# Needs Python 3.11 or newer and a C++ compiler. Everything else goes into .venv, build and .cache.
#   make demo    a real model answers a question: build, create, serve, ask
#   make test    lint, C++ unit tests, and all Python tests
#   make lint    ruff and mypy
#   make test-portable   the tests again, with kernels for processors that this one is not
#   make bench   our speed beside a peer's, as JSON and a table, and how long hostile requests hold up the server
#   make dist    wheel and sdist in dist/, checked
PYTHON ?= python3
VENV := .venv
BUILD := build/venv
DEFINES :=
BIN := $(VENV)/bin
MODEL := .cache/models/SmolLM2-135M-Instruct.Q4_1.gguf

# What the extension modules are made of. Python files need no rebuild: the installation refers to the tree.
NATIVE := pyproject.toml CMakeLists.txt $(wildcard cmake/*) \
          $(shell find csrc pyollama/native -name '*.[ch]pp' -o -name '*.p[yx][xdi]' -o -name CMakeLists.txt)
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
BUILD_TOOLS := "scikit-build-core>=0.11" "cython>=3.1" "cython-cmake>=0.2" "cmake>=3.25" "ninja>=1.11"
# The build folder is kept, so that a rebuild compiles what changed and no more.
INSTALL := PATH="$(abspath $(BIN)):$$PATH" $(PIP) install --no-build-isolation \
           -C build-dir=$(BUILD) -C cmake.define.PYOLLAMA_CTEST=AUTO $(DEFINES:%=-C cmake.define.%)

.PHONY: demo test test-portable lint ctest pytest bench dist clean

demo: $(VENV)/installed $(MODEL)
	$(BIN)/python examples/demo.py

test: lint ctest pytest

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

ctest: $(VENV)/installed-dev $(MODEL)
	$(BIN)/cmake --build $(BUILD) --target unit_tests_all
	PYOLLAMA_TEST_GGUF=$(abspath $(MODEL)) $(BIN)/ctest --test-dir $(BUILD) --output-on-failure

pytest: $(VENV)/installed-dev $(MODEL)
	$(BIN)/pytest

# What the tests expect must hold on every processor: once with AVX2 and no AVX-512, once with nothing beyond SSE 4.2.
# Each has an environment and a build folder of its own.
NO_AVX := GGML_AVX=OFF GGML_AVX2=OFF GGML_FMA=OFF GGML_F16C=OFF GGML_BMI2=OFF
test-portable:
	$(MAKE) ctest pytest VENV=.venv-avx2 BUILD=build/avx2 DEFINES="GGML_NATIVE=OFF"
	$(MAKE) ctest pytest VENV=.venv-sse42 BUILD=build/sse42 DEFINES="GGML_NATIVE=OFF $(NO_AVX)"

bench: $(VENV)/installed-dev $(MODEL)
	PATH="$(abspath $(BIN)):$$PATH" cmake -S . -B build/bench -G Ninja -DPYOLLAMA_BENCH=ON \
	    -DPython_EXECUTABLE=$(abspath $(BIN))/python
	$(BIN)/cmake --build build/bench --target llama_loop requantize
	$(BIN)/python bench/grammar.py
	$(BIN)/python -m bench.stalls $(MODEL)
	$(BIN)/python -m bench $(MODEL) --docs docs/reference/benchmarks.md

dist: $(VENV)/installed-dev
	rm -rf dist
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -c 'from scikit_build_core import build; build.build_sdist("dist")'
	PATH="$(abspath $(BIN)):$$PATH" $(PIP) wheel --no-build-isolation --no-deps -C build-dir=$(BUILD) -w dist .
	$(BIN)/python tests/support/check_dist.py dist/*

clean:
	rm -rf .venv .venv-* build dist

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pyollama needs Python 3.11 or newer; make PYTHON=python3.12, for one")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install $(BUILD_TOOLS)
	@touch $@

$(VENV)/installed: $(VENV)/created $(NATIVE)
	@echo "Building the native modules; the first time takes some minutes."
	$(INSTALL) -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/created $(NATIVE)
	@echo "Building the native modules; the first time takes some minutes."
	$(INSTALL) -e ".[test,dev]"
	@touch $@ $(VENV)/installed

$(MODEL): $(VENV)/created
	@test -e $@ || $(BIN)/python tests/support/models.py
	@touch $@
