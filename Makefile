# `make demo` and `make test` do everything on a fresh machine; `make help` lists the rest.

# What starts here starts often: without bytecode each process compiles torch anew, for seconds.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN := .venv/bin
# What is installed is what the lock and the project's metadata say; anything older is stale.
INSTALLED := .venv/.installed
LABEL_STUDIO := .e2e/label-studio
LABEL_STUDIO_ML := .e2e/label-studio-ml
PROMETHEUS := .e2e/prometheus
# Tests of what comes from outside, beside the HTTP surface.
PROPERTIES := tests/core/test_image.py tests/core/test_checkpoint.py tests/labelstudio_backend tests/worker/test_embedding_codec.py

.PHONY: help install demo run test coverage fuzz e2e pictures lint audit format docs notebook lock bench clean

help:  ## this list
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

install: $(INSTALLED)  ## the environment alone, in .venv; nothing to do when up to date

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "Python 3.10 or newer is needed: install it, or name one with PYTHON=..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip sync --quiet --python $(BIN)/python requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

demo: install  ## click and box objects on real photos through the whole stack; pictures in demo_output/
	$(BIN)/esam demo

run: install  ## the whole stack, staying up; prints the URL to paste into Label Studio
	$(BIN)/esam run

test: install  ## all tests, with a real Redis and real workers
	$(BIN)/python -m pytest --ignore=tests/e2e --numprocesses auto --maxprocesses 4 --dist loadfile

coverage: install  ## all tests, and which lines of ours none of them reaches, in whatever process
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest --ignore=tests/e2e --numprocesses auto --maxprocesses 4 --dist loadfile
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

fuzz: install  ## twenty thousand broken requests and files, others on each run; a quarter of an hour
	$(BIN)/python -m pytest --hypothesis-profile=fuzz --timeout=3600 tests/fuzz $(PROPERTIES)

e2e: install $(LABEL_STUDIO)/.installed $(LABEL_STUDIO_ML)/.installed $(PROMETHEUS)/.installed  ## with a real Label Studio and a real browser (Debian: apt-get install chromium)
	$(BIN)/python -m pytest tests/e2e

pictures: install $(LABEL_STUDIO)/.installed  ## take the documentation's pictures of Label Studio anew, into docs/images
	$(BIN)/python -m pytest --timeout=600 tests/e2e/test_first_steps.py
	mkdir -p docs/images && cp e2e_output/docs/*.jpg docs/images/

# In an environment of its own: Label Studio pins older versions of rq and redis.
$(LABEL_STUDIO)/.installed: tests/e2e/label-studio.lock | install
	test -x $(LABEL_STUDIO)/bin/python || $(PYTHON) -m venv $(LABEL_STUDIO)
	$(BIN)/uv pip sync --quiet --python $(LABEL_STUDIO)/bin/python tests/e2e/label-studio.lock
	@touch $@

# It pins Flask 1 and Jinja 3.0.
$(LABEL_STUDIO_ML)/.installed: tests/e2e/label-studio-ml.lock pyproject.toml | install
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(BIN)/uv pip sync --quiet --python $(@D)/bin/python tests/e2e/label-studio-ml.lock
	$(BIN)/uv pip install --quiet --python $(@D)/bin/python --no-deps --editable .
	@touch $@

# Unpacked and not installed: the package would start a server on our port. Without Debian's
# packages, the Prometheus on the PATH is used, if there is one.
$(PROMETHEUS)/.installed:
	mkdir -p $(@D)
	cd $(@D) && apt-get download -qq prometheus && dpkg --extract prometheus_*.deb . && touch $(@F) \
		|| echo "no Prometheus from Debian's packages; its tests need one on the PATH"

lint: install  ## format, style, types, and which package may import which
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: install  ## known vulnerabilities of the locked dependencies; asks api.osv.dev
	$(BIN)/python .ci/audit.py

format: install  ## rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: install  ## rewrite the pages of docs/ that are made from the code
	$(BIN)/python -m docs.reference

notebook: install  ## carry out docs/quickstart.ipynb anew, and keep what it draws
	$(BIN)/python -m docs.reference.notebook

bench: install  ## measure for an hour; the figures are ratios within one run
	$(BIN)/python -m bench
	$(BIN)/python -m bench.brush
	$(BIN)/python -m bench.clicks
	$(BIN)/python -m bench.tiles
	$(BIN)/python -m bench.retrieve
	$(BIN)/python -m bench.soak

lock: install  ## resolve the dependencies anew into requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --extra dev --no-header --no-annotate --upgrade pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --no-header --no-annotate --upgrade tests/e2e/label-studio.in -o tests/e2e/label-studio.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --extra label-studio-ml --no-header --no-annotate --upgrade pyproject.toml -o tests/e2e/label-studio-ml.lock

clean:  ## remove what make and the tools made
	rm -rf .venv .e2e demo_output e2e_output .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
