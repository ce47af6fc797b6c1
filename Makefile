# Needs Python 3.11 or newer and a C++ compiler. Everything else goes into .venv, build and .cache.
#   make demo    a real model answers a question: build, create, serve, ask
#   make test    lint, C++ unit tests, and all Python tests
#   make lint    ruff and mypy
#   make bench   our speed beside a peer's, as JSON and a table
#   make dist    wheel and sdist in dist/, checked
PYTHON ?= python3
BIN := .venv/bin
BUILD := build/venv
MODEL := .cache/models/SmolLM2-135M-Instruct.Q4_1.gguf

# What the extension modules are made of. Python files need no rebuild: the installation refers to the tree.
NATIVE := pyproject.toml CMakeLists.txt $(wildcard cmake/*) \
          $(shell find csrc pyollama/native -name '*.[ch]pp' -o -name '*.p[yx][xdi]' -o -name CMakeLists.txt)
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
BUILD_TOOLS := "scikit-build-core>=0.11" "cython>=3.1" "cython-cmake>=0.2" "cmake>=3.25" "ninja>=1.11"
# The build folder is kept, so that a rebuild compiles what changed and no more.
INSTALL := PATH="$(abspath $(BIN)):$$PATH" $(PIP) install --no-build-isolation \
           -C build-dir=$(BUILD) -C cmake.define.PYOLLAMA_CTEST=AUTO

.PHONY: demo test lint ctest pytest bench dist clean

demo: .venv/installed $(MODEL)
	$(BIN)/python examples/demo.py

test: lint ctest pytest

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

ctest: .venv/installed-dev $(MODEL)
	$(BIN)/cmake --build $(BUILD) --target unit_tests_all
	PYOLLAMA_TEST_GGUF=$(abspath $(MODEL)) $(BIN)/ctest --test-dir $(BUILD) --output-on-failure

pytest: .venv/installed-dev $(MODEL)
	$(BIN)/pytest

bench: .venv/installed-dev $(MODEL)
	PATH="$(abspath $(BIN)):$$PATH" cmake -S . -B build/bench -G Ninja -DPYOLLAMA_BENCH=ON \
	    -DPython_EXECUTABLE=$(abspath $(BIN))/python
	$(BIN)/cmake --build build/bench --target llama_loop requantize
	$(BIN)/python bench/grammar.py
	$(BIN)/python -m bench.stalls $(MODEL)
	$(BIN)/python -m bench $(MODEL) --docs docs/reference/benchmarks.md

dist: .venv/installed-dev
	rm -rf dist
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -c 'from scikit_build_core import build; build.build_sdist("dist")'
	PATH="$(abspath $(BIN)):$$PATH" $(PIP) wheel --no-build-isolation --no-deps -C build-dir=$(BUILD) -w dist .
	$(BIN)/python tests/support/check_dist.py dist/*

clean:
	rm -rf .venv build dist

.venv/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pyollama needs Python 3.11 or newer; make PYTHON=python3.12, for one")'
	$(PYTHON) -m venv .venv
	$(PIP) install $(BUILD_TOOLS)
	@touch $@

.venv/installed: .venv/created $(NATIVE)
	@echo "Building the native modules; the first time takes some minutes."
	$(INSTALL) -e .
	@touch $@

.venv/installed-dev: .venv/created $(NATIVE)
	@echo "Building the native modules; the first time takes some minutes."
	$(INSTALL) -e ".[test,dev]"
	@touch $@ .venv/installed

$(MODEL): .venv/created
	@test -e $@ || $(BIN)/python tests/support/models.py
	@touch $@
