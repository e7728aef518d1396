# `make app` opens the studio, `make test` passes its tests.
PYTHON ?= python3
BIN := .venv/bin
LOCK := requirements.lock
# Tests side by side, a file at a time in the order of tests/conftest.py, each process with one thread.
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: setup app check lint test test-slow fuzz coverage lock

# A marker per set of packages; pip installs from the lock file's exact versions. The project itself is installed
# editable, which makes `cityseg` a command.
.venv/.app: setup.py requirements.txt $(LOCK)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cityseg needs Python 3.11 or newer, found " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e . -c $(LOCK)
	touch $@

.venv/.dev: .venv/.app requirements-dev.txt requirements-no-deps.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c $(LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-no-deps.txt
	touch $@

setup: .venv/.app

app: .venv/.app
	$(BIN)/cityseg app

# While working: the style, and all tests without a page or a browser.
check: lint
	$(PYTEST) -m "not slow and not fuzz" --ignore tests/browser --ignore-glob "tests/ui/*/*"

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: .venv/.dev
	$(PYTEST) -m "not slow and not fuzz"

# Also 10,000 cases of the property tests of every parser.
test-slow: .venv/.dev
	$(PYTEST) -m "slow or (parser and hypothesis)" --hypothesis-profile fuzz

# The other property tests with 10,000 cases, and long trials of damaged and odd values whose cases take too long for that.
fuzz: .venv/.dev
	$(PYTEST) -m "fuzz or (hypothesis and not parser)" --hypothesis-profile fuzz

# The lines that `make test` runs, in the processes it starts too.
coverage: .venv/.dev
	$(PYTEST) -m "not slow and not fuzz" --cov --cov-report=term --cov-fail-under=90

lock:
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate requirements-dev.txt -o $(LOCK)
