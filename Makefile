# `make` lists the targets. Everything runs in .venv, which is made on first use.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/.demo: setup.cfg pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[report]"
	@touch $@

$(VENV)/.test: setup.cfg pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	@touch $@ $(VENV)/.demo

$(VENV)/.site: setup.cfg pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[site]"
	@touch $@

demo: $(VENV)/.demo  ## the main job on real data: tables on the screen, report and figures in demo/
	$(BIN)/spillover demo --output demo --overwrite

test: $(VENV)/.test  ## style, import rules, doctests and tests, on all cores
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist worksteal

FAST := tests/spillover tests/weights/test_matrix.py tests/weights/test_traps.py tests/spatial/design \
        tests/spatial/models/test_estimators.py tests/spatial/models/test_references.py tests/spatial/covariance/test_joint.py \
        tests/spatial/diagnostics/test_diagnostics.py tests/spatial/effects/test_elasticity.py tests/spatial/explore/test_laws.py \
        tests/spatial/policy/test_did.py tests/spatial/report/test_words.py tests/cli/test_doors.py tests/certificate

test-fast: $(VENV)/.test  ## the inner loop: style, import rules, some tests of every room; under a minute
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q $(FAST)

certify: $(VENV)/.test  ## Monte Carlo coverage and size: cells whose inputs changed, docs/certificate.md, slow tests, the laws 2,000 times
	$(BIN)/python -m tests.montecarlo run
	$(BIN)/python -m tests.montecarlo page
	$(BIN)/python -m pytest -q -m slow
	$(BIN)/python -m pytest -q --hypothesis-profile=certify tests/laws

test-postgis: $(VENV)/.test  ## reading and writing a throwaway PostGIS (Debian: postgresql-15-postgis-3)
	$(BIN)/python -m tests.postgis

test-qgis: $(VENV)/.test  ## layers and plugin in a real QGIS, which must be installed (Debian: qgis python3-qgis)
	$(BIN)/python -m pytest -q -m qgis tests/qgis

test-pages: $(VENV)/.test  ## the report in a headless Chromium, at the widths of screen, tablet and phone
	$(BIN)/python -m pytest -q -m pages tests/pages

defects: $(VENV)/.test  ## put ten mistakes into a copy of the code: each must fail a test
	$(BIN)/python -m tests.defects

bench: $(VENV)/.test  ## ours and the peers side by side, ratios printed
	@for f in benchmarks/[a-z]*.py; do echo "== $$f"; $(BIN)/python $$f || exit 1; done

reference: $(VENV)/.test  ## run the scripts of R again (Debian: r-cran-spdep r-cran-plm r-cran-clubsandwich r-cran-jsonlite)
	$(BIN)/python -m tests.reference.regenerate

docs: $(VENV)/.test  ## run the studies again; their output and figures are put in place
	$(BIN)/python docs/build.py

site: $(VENV)/.site  ## the documentation as a site, in build/site; nothing is fetched
	$(BIN)/python -m sphinx -q -W --keep-going -b html -c docs/site docs build/site

wheel: $(VENV)/.test  ## build the wheel into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps -w dist .

clean:  ## remove what the targets made
	rm -rf $(VENV) demo dist build *.egg-info .pytest_cache .ruff_cache .hypothesis

.PHONY: help demo test test-fast certify test-postgis test-qgis test-pages defects bench reference docs site wheel clean
