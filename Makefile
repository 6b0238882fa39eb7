# make demo   the main job on synthetic faces        make check        linters, types, floors, docstrings, build
# make test   the tests                              make constraints  refresh constraints.txt from the environment
# make docs   the pages about corpora                make venv         only the environment (.venv)
# make clean  remove what make made                  make model        teach the model that comes along anew (docs/shipped-model.md)

VENV  ?= .venv
BIN   := $(VENV)/bin
TESTS ?= -m "not browser"
JOBS  ?= 2
EVERYTHING := .[test,dev]
MODEL := src/dstan/inference/synthetic_model

# The first interpreter that runs and is 3.11 or 3.12: mediapipe's last usable release has no build for 3.13.
PYTHON ?= $(shell for p in python3.12 python3.11 python3 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' >/dev/null 2>&1 \
	&& { echo $$p; break; }; done)

.PHONY: venv demo test check docs model constraints clean
.DELETE_ON_ERROR:

venv: $(VENV)/.installed

demo: venv
	$(BIN)/dstan demo

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(TESTS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/numpydoc lint $$(find src -name '*.py')
	rm -rf $(VENV)/dist
	$(BIN)/python -m build --outdir $(VENV)/dist .
	$(BIN)/python -m zipfile --list $(VENV)/dist/*.whl | grep synthetic_model/model.safetensors >/dev/null

docs: venv
	$(BIN)/python -m dstan.corpora.pages docs/corpora

model: venv
	$(BIN)/dstan pretrain dstan --task megc2019-3 --config configs/synthetic-model.toml --device cpu --out $(MODEL)
	rm $(MODEL)/curves.svg

constraints: $(VENV)/.installed-dev
	{ head -n 1 constraints.txt; $(BIN)/python -m pip freeze --exclude-editable --exclude setuptools \
	| sed 's/+cpu//; s/^opencv-contrib-python-headless/opencv-contrib-python/'; } > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf $(VENV) build dist dstan-demo .hypothesis .pytest_cache .mypy_cache .ruff_cache

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "dstan needs Python 3.11 or 3.12 with venv, and none was found."; \
		echo "Debian, Ubuntu: apt-get install python3.11 python3.11-venv    macOS: brew install python@3.12"; \
		echo "Then run make again, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12"; exit 1; fi
	$(PYTHON) -m venv $(VENV)

# OpenCV's ordinary build needs the system's libGL; where it is missing, the headless build of the same version serves.
define install
$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '$(1)'
@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
	echo "OpenCV cannot find libGL here: using its headless build"; \
	$(BIN)/python -m pip uninstall --quiet --yes opencv-contrib-python; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		"$$(sed -n 's/^opencv-contrib-python==/opencv-contrib-python-headless==/p' constraints.txt)"; \
	$(BIN)/python -c 'import cv2'; }
@touch $@
endef

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(call install,.)

$(VENV)/.installed-test: $(VENV)/.installed
	$(call install,.[test])

$(VENV)/.installed-dev: $(VENV)/.installed-test
	$(call install,$(EVERYTHING))
