# Python 3.11 or newer, Linux or macOS. Everything is installed into .venv, once: a stamp file
# inside it says what is there, and the install is editable, so a change of the code needs none.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO_MINUTES ?= 0.4
ARGS ?=

.PHONY: help demo test check bench map clean

help:
	@echo "make demo   install, train and measure the lecture's seven families for $(DEMO_MINUTES) minutes"
	@echo "            each, print where the report is"
	@echo "make test   install the development tools and run all tests, one worker a core"
	@echo "            (ARGS='-k sampling' for some of them)"
	@echo "make check  lint, format, types"
	@echo "make bench  list the commands that remake docs/benchmarks.md"
	@echo "make map    write the map of files in docs/architecture.md"
	@echo "make clean  remove what was installed and built; runs/ is left alone"

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	touch $@

# constraints.txt names the version of torch that the figures in docs/benchmarks.md are from.
$(VENV)/installed-report: pyproject.toml constraints.txt | $(VENV)/created
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[report]"
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/created
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[report,dev]"
	touch $@

# Fashion-MNIST when it lies on this machine, else the embedded digits: nothing is downloaded.
FOUND = import json, sys; \
	rows = json.load(sys.stdin); \
	here = [row["name"] for row in rows if row["where"]]; \
	print("fashion-mnist" if "fashion-mnist" in here else "digits")

demo: $(VENV)/installed-report
	@data=$$($(BIN)/saddle data list --json | $(BIN)/python -c '$(FOUND)') && \
	report=$$($(BIN)/saddle lab lecture --data $$data --minutes $(DEMO_MINUTES) --n 2000 \
		--out runs/demo-$$data-$(DEMO_MINUTES)) && echo "Report: $$report"

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

map: | $(VENV)/created
	$(BIN)/python bench/file_map.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
