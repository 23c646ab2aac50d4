# Needs a Python 3, make and git; everything it brings lands in .venv/ and var/ of this checkout.
SHELL := /bin/sh
.DEFAULT_GOAL := help

VAR := $(CURDIR)/var
BIN := $(CURDIR)/.venv/bin
UV_VERSION := 0.13.9
UV := $(VAR)/tools/bin/uv

export UV_CACHE_DIR := $(VAR)/cache/uv
export UV_PYTHON_INSTALL_DIR := $(VAR)/python
# pyenv's shims fail for versions that are installed but not selected; the real interpreters behind them do not.
export PATH := $(shell printf '%s:' "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/*/bin)$(PATH)

ARGS ?=

.PHONY: help
help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

.PHONY: install
install: .venv/.installed ## create .venv with the locked packages; nothing global

$(UV):
	@mkdir -p $(VAR)/tools
	@echo "bringing uv $(UV_VERSION) into var/tools"
	@python3 -m pip install -q --disable-pip-version-check --target $(VAR)/tools uv==$(UV_VERSION) 2>$(VAR)/tools/bring.log \
	|| { python3 -m venv $(VAR)/tools/venv >>$(VAR)/tools/bring.log 2>&1 \
	     && $(VAR)/tools/venv/bin/pip install -q --disable-pip-version-check --target $(VAR)/tools uv==$(UV_VERSION) 2>>$(VAR)/tools/bring.log; } \
	|| { cat $(VAR)/tools/bring.log >&2; \
	     echo "could not bring uv: python3 has neither pip nor venv, or there is no network (on Debian: apt install python3-venv)" >&2; exit 1; }

.venv/.installed: $(UV) requirements.lock pyproject.toml .python-version
	@$(UV) venv -q --clear --python "$$(cat .python-version)" .venv
	@$(UV) pip sync -q --python .venv/bin/python --require-hashes requirements.lock
	@$(UV) pip install -q --python .venv/bin/python --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "installed into .venv ($$(.venv/bin/python --version))"

LOCK := $(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version "$$(cat .python-version)"

.PHONY: lock
lock: $(UV) ## resolve new dependencies into requirements*.lock (make lock ARGS=--upgrade for newer versions of all)
	@$(LOCK) --extra embedded --extra tracing --group dev $(ARGS) pyproject.toml -o requirements.lock
	@# The same versions, less of them: what an image needs at run time, and to be built.
	@$(LOCK) --constraint requirements.lock --extra tracing pyproject.toml -o requirements-production.lock
	@$(LOCK) --constraint requirements.lock --group build -o requirements-build.lock

.PHONY: run
run: install ## install, migrate, start everything with a demo (make run ARGS=--no-demo to start empty)
	@exec $(BIN)/netbox-hedgehog run $(ARGS)  # exec: signals reach it, not a shell before it

.PHONY: test
test: install ## every test that this machine can run (make test ARGS='-k tick' for some of them)
	@$(BIN)/python -m pytest -n auto $(if $(ARGS),$(ARGS),--cov)

.PHONY: lint
lint: install ## format, lint, types, import direction, missing migrations
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy
	@$(BIN)/python manage.py makemigrations --check --dry-run

.PHONY: format
format: install ## apply the formatter and the safe fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: docs
docs: install ## write the references of settings and commands from the code
	@$(BIN)/python docs/reference.py

.PHONY: bench
bench: install ## measure against peers and floors in the same run
	@$(BIN)/python -m bench $(ARGS)

.PHONY: pictures
pictures: install ## take the pictures of README and docs anew, as the tests in a browser see the pages
	@rm -rf $(VAR)/pictures && mkdir -p $(VAR)/pictures
	@$(BIN)/python -m pytest -q tests/browser/test_pictures.py --screenshots $(VAR)/pictures
	@cd docs/images && for each in *.webp; do cp $(VAR)/pictures/$$each .; done
	@echo "docs/images is renewed; the others are in $(VAR)/pictures"
.PHONY: chaos
chaos: install ## two hundred faults, every promise checked; some minutes, alone on the machine
	@$(BIN)/python -m pytest -m chaos -rP tests/chaos $(ARGS)

.PHONY: soak
soak: install ## let faults happen to a whole system for an hour (make soak ARGS='--faults 100' for minutes)
	@$(BIN)/python -m tests.chaos $(ARGS)

.PHONY: fuzz
fuzz: install ## give a parser of outside bytes random ones (make fuzz ARGS='manifests --seconds 600'; ARGS=-h for all)
	@$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: audit
audit: $(UV) ## hold the locked versions against known vulnerabilities, if that database can be reached
	@.ci/audit $(UV)

.PHONY: taint
taint: install ## follow outside data and credentials through all calls, to where they must not arrive
	@$(BIN)/python -m tests.taint $(UV)

.PHONY: clean
clean: ## remove everything that make made, except the data in var/
	@rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
