# `make demo` and `make test` are all that a fresh machine needs; each one makes what it is missing.
PYTHON ?= $(firstword $(foreach p,python3.12 python3.13 python3.11 python3,$(shell $(p) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) and print("$(p)")' 2>/dev/null)))
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow test-all coverage test-window test-arm64 test-vm test-guide test-interop test-legacy lint lint-page format models peers clean

demo: $(VENV)/.runtime  ## a camera (or the synthetic one), live, then int8 against float
	$(BIN)/edgecnn demo

test: $(VENV)/.dev  ## what can be tested without a device in a few minutes
	$(BIN)/pytest --numprocesses auto -m 'not slow'

test-slow: $(VENV)/.dev  ## the rest: whole trainings, long runs, thousands of hostile files
	$(BIN)/pytest --numprocesses auto -m slow

test-all: test test-slow  ## everything that can be tested without a device

coverage: $(VENV)/.dev  ## the same, with the branches of both packages that no test takes
	$(BIN)/pytest --numprocesses auto --cov edgecnn --cov edgecnn_train --cov-branch

test-window: build/window/.done  ## the window on a virtual screen, with opencv-python; Debian: apt install xvfb openbox xdotool wmctrl
	build/window/bin/pytest tests/edgecnn/live/sink/test_window.py

test-arm64: $(VENV)/.dev  ## the wheel in Raspberry Pi OS' userlands, emulated; Debian's apt and dpkg, some minutes
	EDGECNN_HW=arm64 $(BIN)/pytest tests/hw/test_arm64.py -v

test-vm: $(VENV)/.dev  ## a USB webcam on its real driver, in an emulated ARM64 machine; apt install qemu-system-arm cpio
	EDGECNN_HW=vm $(BIN)/pytest tests/hw/test_vm.py -v

test-guide: $(VENV)/.dev  ## docs/raspberry-pi.md, typed into such a machine with systemd; as root, half an hour
	EDGECNN_HW=guide $(BIN)/pytest tests/hw/test_guide.py -v

test-interop: $(VENV)/.dev build/mediapipe/.done  ## what is exported, in MediaPipe Tasks; 540 MB, in an environment of its own
	EDGECNN_MEDIAPIPE=build/mediapipe/bin/python $(BIN)/pytest tests/interop -v

test-legacy: build/legacy/.done  ## the engine tflite-runtime, in an environment of its own with Python 3.11 and numpy 1
	build/legacy/bin/pytest tests/legacy

lint: $(VENV)/.dev  ## style, words, layers and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell edgecnn train tests docs benchmarks examples README.md CONTRIBUTING.md
	$(BIN)/lint-imports
	$(BIN)/mypy

lint-page: build/page/.done  ## types and style of the web page's JavaScript; needs node 20 and npm
	build/page/node_modules/.bin/tsc -p .page
	build/page/node_modules/.bin/biome check --error-on-warnings --config-path=.page edgecnn/live/sink/web/static

format: $(VENV)/.dev  ## fix what can be fixed automatically
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

models: $(VENV)/.dev  ## train the shipped models again; EDGECNN_DATA says where the data lie
	$(BIN)/edgecnn train mnist-classic --out firmware_models/mnist-classic
	$(BIN)/edgecnn train digits --out firmware_models/digits
	$(BIN)/edgecnn train mnist --out firmware_models/mnist
	$(BIN)/edgecnn train fashion --out firmware_models/fashion
	$(BIN)/edgecnn train cifar10 --out firmware_models/cifar10
	$(BIN)/edgecnn train signs --out firmware_models/signs
	$(BIN)/edgecnn train waste --out firmware_models/waste  # starts from cifar10
	mkdir -p build && mv firmware_models/*.report.html build/

peers: $(VENV)/.dev  ## edgecnn against other runtimes; each in an environment of its own, several GB
	$(BIN)/python benchmarks/peers/run.py --markdown docs/benchmarks.md

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "edgecnn needs Python 3.11, 3.12 or 3.13: install one, or say make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "on Debian and Raspberry Pi OS: sudo apt install python3-venv" >&2; exit 1; }

$(VENV)/.runtime: $(BIN)/python pyproject.toml
	$(BIN)/pip install --disable-pip-version-check --quiet --only-binary :all: --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml
	$(BIN)/pip install --disable-pip-version-check --quiet --only-binary :all: --editable '.[dev]'
	@touch $@ $(VENV)/.runtime

# A person who wants a window replaces the headless OpenCV, so this environment does as well.
build/window/.done: $(BIN)/python pyproject.toml
	$(PYTHON) -m venv --clear build/window
	build/window/bin/pip install --disable-pip-version-check --quiet --only-binary :all: --editable . 'pytest>=9'
	build/window/bin/pip uninstall --quiet --yes opencv-python-headless
	build/window/bin/pip install --disable-pip-version-check --quiet --only-binary :all: opencv-python
	@touch $@

# MediaPipe brings another OpenCV, so it never shares an environment with the product.
build/mediapipe/.done: $(BIN)/python
	$(PYTHON) -m venv --clear build/mediapipe
	build/mediapipe/bin/pip install --disable-pip-version-check --quiet --only-binary :all: 'mediapipe==1.2.2'
	@touch $@

# TypeScript and Biome, pinned with their hashes; users install neither, and the page needs no build.
build/page/.done: .page/package.json .page/package-lock.json
	mkdir -p build/page
	cp .page/package.json .page/package-lock.json build/page/
	npm ci --prefix build/page --ignore-scripts --no-audit --no-fund
	@touch $@

# tflite-runtime ends at Python 3.11 and numpy 1.
build/legacy/.done: pyproject.toml
	@command -v python3.11 >/dev/null || { echo "tflite-runtime needs Python 3.11: apt install python3.11-venv" >&2; exit 1; }
	python3.11 -m venv --clear build/legacy
	build/legacy/bin/pip install --disable-pip-version-check --quiet --only-binary :all: --editable '.[tflite-runtime]' 'pytest>=9'
	@touch $@
