# Python 3.11 or newer, Linux or macOS. Everything is installed into .venv, once: a stamp file
# inside it says what is there, and the install is editable, so a change of the code needs none.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO_MINUTES ?= 3
ARGS ?=

.PHONY: help demo test check bench docs map docs-pictures clean

help:
	@echo "make demo   install, train the best preset on Fashion-MNIST for $(DEMO_MINUTES) minutes, plant a"
	@echo "            failure and have it treated, print where the report is (six minutes in all)"
	@echo "make test   install the development tools and run all tests, one worker a core"
	@echo "            (ARGS='-k sampling' for some of them)"
	@echo "make check  lint, format, types"
	@echo "make bench  list the commands that remake docs/benchmarks.md"
	@echo "make docs   build the documentation as a site, for reading without a network: site/index.html"
	@echo "make map    write the map of files in docs/architecture.md"
	@echo "make docs-pictures  try every claim (90 minutes) and fill the guide's pictures and numbers"
	@echo "            (ARGS='--lab DIR' from a finished folder of saddle lab claims)"
	@echo "make clean  remove what was installed and built; runs/ is left alone"

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12" >&2; exit 1; }
	@# Over an old one, venv would leave a mixture of two.
	@[ ! -e $(VENV) ] || $(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' \
		2>/dev/null || { echo "$(VENV) is there, but is no environment with Python 3.11 or newer and" \
		"pip, or only half of one; remove it (make clean), or name another: make VENV=DIR" >&2; exit 1; }
	[ -e $(VENV) ] || $(PYTHON) -m venv $(VENV)
	touch $@

# On Linux, PyPI's torch brings gigabytes of CUDA. Where there is no NVIDIA card, PyTorch's own index
# has a build for the CPU; where that does not answer in seconds, a plain install follows.
CPU_INDEX := https://download.pytorch.org/whl/cpu
ANSWERS = from urllib.request import urlopen; urlopen("$(CPU_INDEX)/torch/", timeout=4).read(1)
TORCH = if [ "$$(uname)" = Linux ] && [ ! -e /proc/driver/nvidia ] && ! command -v nvidia-smi \
	>/dev/null && $(BIN)/python -c '$(ANSWERS)' 2>/dev/null; then \
	echo "No NVIDIA card here: installing PyTorch's build for the CPU." >&2; \
	echo --extra-index-url $(CPU_INDEX); fi

# constraints.txt names the version of torch that the figures in docs/benchmarks.md are from.
$(VENV)/installed-demo: pyproject.toml constraints.txt | $(VENV)/created
	@echo "Installing into $(VENV), once ..."
	$(BIN)/python -m pip install --quiet $$($(TORCH)) -c constraints.txt -e ".[report,studio]"
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/created
	@echo "Installing into $(VENV), once ..."
	$(BIN)/python -m pip install --quiet $$($(TORCH)) -c constraints.txt -e ".[dev]"
	touch $@

$(VENV)/installed-docs: pyproject.toml constraints.txt | $(VENV)/created
	@echo "Installing into $(VENV), once ..."
	$(BIN)/python -m pip install --quiet $$($(TORCH)) -c constraints.txt -e ".[docs]"
	touch $@

demo: $(VENV)/installed-demo
	@$(BIN)/saddle lab demo --minutes $(DEMO_MINUTES) --out runs/demo-$(DEMO_MINUTES)

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(VENV)/installed-dev
	@for script in bench/[a-z]*.py; do \
		echo "$(BIN)/python $$script"; \
		sed -n '1s/^"""\([^"]*\).*/    \1/p' $$script; \
	done

# Material says at every start that it will be succeeded.
docs: $(VENV)/installed-docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "The site: site/index.html"

map: | $(VENV)/created
	$(BIN)/python bench/file_map.py

docs-pictures: $(VENV)/installed-demo
	$(BIN)/python bench/docs_pictures.py $(ARGS)

clean:
	rm -rf $(VENV) build dist site .pytest_cache .ruff_cache .hypothesis
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
