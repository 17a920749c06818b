# Every step of CI is a target that people can run. `make` alone lists the targets.
PYTHON ?= python3
SEED ?= 1
SIZE ?= 10k
RUNS ?= 1000
NIGHTS ?= 100
DISTRICTS ?= 3
FINISHED ?= 10000
CONNECTIONS ?= 1000
CROWD ?= 10000
PEOPLE ?= 5000
WORKERS ?= 3
CLUSTER_WORKERS ?= 3
ARGS ?=
# The Python of the image (deploy/Dockerfile)
IMAGE_PYTHON ?= python3.13

# Where a machine keeps Python from storing what it has compiled, the many processes of the tests would all compile anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
STAMP := .venv/.installed
BENCH_STAMP := .venv/.installed-bench
IMAGE_BIN := .venv/image/bin
IMAGE_STAMP := .venv/image/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.PHONY: help setup demo test coverage test-image-python nights lint format types imports generated verify bench bench-operator bench-deliveries \
  bench-directory bench-sources demo-cluster cluster cluster-down cluster-tools image lock clean

help: ## List the targets
	@echo 'make TARGET, with these targets:'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 21

setup: $(STAMP) ## Make .venv with everything that is needed; done once

$(STAMP): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or later is needed; name it with: make PYTHON=/path/to/python3 setup'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo 'Installing the Debian package python3-venv, without which Python makes no environments.'; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv; \
	  else \
	    echo 'Python makes no environments here. On Debian: sudo apt-get install python3-venv'; exit 1; \
	  fi
	@$(NEEDS_LDAP)
	@echo 'Installing what requirements-dev.txt locks into .venv; this takes a minute, and is done once.'
	@$(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r requirements-dev.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

# python-ldap, which reads Active Directory, comes as source alone.
LDAP_BUILDS_WITH := gcc libc6-dev libldap-dev libsasl2-dev
NEEDS_LDAP = command -v gcc >/dev/null && test -e /usr/include/ldap.h && test -e /usr/include/sasl/sasl.h || \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo 'Installing the Debian packages $(LDAP_BUILDS_WITH), which python-ldap is built with.'; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(LDAP_BUILDS_WITH); \
	  else \
	    echo 'python-ldap cannot be built here. On Debian: sudo apt-get install $(LDAP_BUILDS_WITH)'; exit 1; \
	  fi

demo: $(STAMP) ## A district's story, without Kubernetes: import, next day, bad day, approval, delivery, a second source (SEED=1)
	@$(BIN)/python deploy/demo/demo.py --seed $(SEED)
	@$(BIN)/python deploy/demo/second_act.py --seed $(SEED)

test: $(STAMP) ## All tests (ARGS: for pytest, such as ARGS='-k digest')
	$(if $(ARGS),$(PYTEST) $(WORKERS) --dist=loadfile $(ARGS),$(PYTEST) $(WORKERS) --dist=worksteal --ignore=tests/cluster)
	$(if $(ARGS),,$(ON_CLUSTERS) || $(BIN)/python -m pytest -q tests/cluster $(AGAIN))

PYTEST = $(BIN)/python -m pytest -q -n
# These wait for others half of their time, and the others some of it.
ON_CLUSTERS = $(PYTEST) $(CLUSTER_WORKERS) --dist=loadfile tests/cluster
# Tests on a cluster that fail are repeated once, since a busy machine can be late; other tests never are.
AGAIN = --last-failed --last-failed-no-failures none

coverage: $(STAMP) ## How many lines and branches the tests run, without those on clusters (ARGS: for pytest); .coverage/html
	$(PYTEST) $(WORKERS) --dist=loadfile $(or $(ARGS),--ignore=tests/cluster) --cov --cov-report=term:skip-covered --cov-report=html

test-image-python: $(IMAGE_STAMP) ## Unit and engine tests on the image's Python (IMAGE_PYTHON=python3.13; ARGS: for pytest)
	$(IMAGE_BIN)/python -m pytest -q -n $(WORKERS) --dist=loadfile $(or $(ARGS),tests/unit tests/engine)

$(IMAGE_STAMP): requirements-dev.txt pyproject.toml
	@command -v $(IMAGE_PYTHON) >/dev/null && $(IMAGE_PYTHON) --version >/dev/null || \
	  { echo 'The Python of the image is not here; name it with: make IMAGE_PYTHON=/path/to/python3.13 test-image-python'; exit 1; }
	@$(NEEDS_LDAP)
	@$(IMAGE_PYTHON) -m venv $(dir $@)
	@$(IMAGE_BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements-dev.txt
	@$(IMAGE_BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-build-isolation -e .
	@touch $@

nights: $(STAMP) ## Many nights in a row: what receivers have against what the source has (NIGHTS=100 DISTRICTS=3, on each store)
	ROSTERSYNC_TEST_NIGHTS=$(NIGHTS) ROSTERSYNC_TEST_DISTRICTS=$(DISTRICTS) $(PYTEST) $(WORKERS) -rP tests/property/test_many_nights.py

lint: $(STAMP) ## Style and likely mistakes (ruff), and whether the formatter would change anything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP) ## Let the formatter and the linter fix what they can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(STAMP) ## Types (mypy, strict) of package, bench, demo and what tests share
	$(BIN)/mypy

imports: $(STAMP) ## Imports go downwards only (import-linter)
	$(BIN)/lint-imports

generated: $(STAMP) ## Whether generated files are up to date: crds/, and those of the chart and deploy/base
	$(BIN)/rostersync crds --check --to crds --repository .

verify: lint types imports generated ## All checks except the tests

bench: $(BENCH_STAMP) ## Speed and memory against floors and a peer (SIZE=10k, 100k or 1M; ONLY=postgres)
	PYTHONPATH=tests $(BIN)/python bench/run.py --size $(SIZE) $(if $(ONLY),--only $(ONLY))

bench-operator: $(STAMP) ## The operator against a bare client on a control plane (RUNS=1000 FINISHED=10000 CONNECTIONS=1000 CROWD=10000)
	@PYTHONPATH=tests $(BIN)/python bench/operator_run.py --runs $(RUNS) --finished $(FINISHED) --connections $(CONNECTIONS) \
	  --crowd $(CROWD)

bench-deliveries: $(STAMP) ## The operator while 1,000 runs that only deliver wait at once (RUNS=1000)
	@PYTHONPATH=tests $(BIN)/python bench/operator_deliveries.py --runs $(RUNS)

bench-directory: $(STAMP) ## Reading Active Directory against ldapsearch (PEOPLE=5000)
	@PYTHONPATH=tests $(BIN)/python bench/directory.py --people $(PEOPLE)

bench-sources: $(STAMP) ## Plans of a district's second source against plans of an only one (PEOPLE=5000)
	@PYTHONPATH=tests $(BIN)/python bench/several_sources.py --people $(PEOPLE)

$(BENCH_STAMP): requirements-bench.txt $(STAMP)
	@echo 'Installing into .venv the peer that the benchmark compares with.'
	@$(PIP) --require-hashes -r requirements-bench.txt
	@touch $@

demo-cluster: $(STAMP) ## The same story with the operator on a Kubernetes cluster, which stays for you to look at (make cluster-down)
	@PYTHONPATH=tests $(BIN)/python deploy/demo/cluster.py

cluster: $(STAMP) ## A kind cluster to try things on, with the image of this clone
	@$(CLUSTER) up

cluster-down: $(STAMP) ## Remove that cluster, and everything that was started for it
	@$(CLUSTER) down

cluster-tools: $(STAMP) ## Build what the test clusters run, once (15 minutes on two cores; kept in ~/.cache/rostersync)
	@$(CLUSTER) tools

image: $(STAMP) ## The container image rostersync:dev, from deploy/Dockerfile
	@$(CLUSTER) image

CLUSTER = PYTHONPATH=tests $(BIN)/python -m support.cluster

lock: $(STAMP) ## Regenerate requirements*.txt from pyproject.toml, with hashes (UPGRADE=1: newest versions)
	$(call compile,requirements.txt,)
	$(call compile,requirements-dev.txt,--group dev -c requirements.txt)
	$(call compile,requirements-bench.txt,--group bench -c requirements-dev.txt)

# The registry's address depends on the machine, so it is kept out of the files.
compile = $(BIN)/uv pip compile pyproject.toml --extra directory $(2) $(if $(UPGRADE),--upgrade) --python-version 3.11 --universal --generate-hashes \
  --no-header --no-annotate --no-emit-index-url --quiet -o $(1)

clean: ## Remove what was made here: .venv, caches, the demo's folder
	rm -rf .venv .rostersync-demo .bench .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
