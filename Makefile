# Front door. `make` lists what there is; workflow/Snakefile holds the steps of the book.
SHELL   := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help book sweep search predict app lab kit test test-cluster bench weights results lock clean environment

PYTHON  ?= python3
PROFILE ?= workshop
DATA    ?=
CORES   ?= all
# How many of the steps that want a GPU may run at the same time.
GPUS    ?= 1
# ENV=active installs nothing and uses the environment (conda, container) that is already active.
ENV     ?= venv
# More options for Snakemake, for example: OPTIONS="--profile workflow/profiles/slurm"
OPTIONS ?=
# Settings of sweep, search and predict, for example: CONFIG="seeds=0,1 factors=baseline,dropout"
CONFIG  ?=
# What `make kit` packs: `linux` on x86_64, `macos` on Apple's chips, and the versions of Python, here this environment's.
PLATFORMS ?= linux macos
PYTHONS ?=

# What a person gives reaches the programs through the environment, as it was typed: neither make nor a shell reads it.
override PYTHON  := $(value PYTHON)
override PROFILE := $(value PROFILE)
override DATA    := $(value DATA)
override CORES   := $(value CORES)
override GPUS    := $(value GPUS)
override OPTIONS := $(value OPTIONS)
override CONFIG  := $(value CONFIG)
override PLATFORMS := $(value PLATFORMS)
override PYTHONS := $(value PYTHONS)

# Snakemake's pins clash with nilearn's, so it is a tool in an environment of its own; SNAKEMAKE=path uses another.
ifeq ($(origin SNAKEMAKE),undefined)
SNAKEMAKE := $(CURDIR)/.venv/workflow/bin/snakemake
WORKFLOW  := .venv/workflow/.installed
else
override SNAKEMAKE := $(value SNAKEMAKE)
endif
export PYTHON PROFILE DATA CORES GPUS OPTIONS CONFIG PLATFORMS PYTHONS SNAKEMAKE
ifeq ($(ENV),active)
ENVIRONMENT :=
else
ENVIRONMENT := .venv/.installed
export PATH := $(CURDIR)/.venv/bin:$(PATH)
endif
# Kernels come from the environment that runs papermill, not from the user's home folder.
export JUPYTER_PREFER_ENV_PATH := 1
# TensorFlow greets every process with a page of notes; errors still show.
export TF_CPP_MIN_LOG_LEVEL ?= 2

help:  ## list these targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo
	@echo 'Options: PROFILE=smoke|workshop|paper  DATA=folder of BraTS cases  CORES=4  ENV=active  PYTHON=python3.12'

book: $(ENVIRONMENT) $(WORKFLOW)  ## run every notebook and build the book: _build/html/index.html
	@"$$PYTHON" workflow/run.py book
	@echo 'The book: _build/html/index.html'

sweep: $(ENVIRONMENT) $(WORKFLOW)  ## hyper-parameters one at a time, a job each: runs/<profile>/tuning
	@"$$PYTHON" workflow/run.py sweep

search: $(ENVIRONMENT) $(WORKFLOW)  ## search for hyper-parameters by several processes
	@"$$PYTHON" workflow/run.py search

predict: $(ENVIRONMENT) $(WORKFLOW)  ## masks of all cases, in jobs: runs/<profile>/predictions
	@"$$PYTHON" workflow/run.py predict

test: $(ENVIRONMENT) $(WORKFLOW)  ## lint, types, all tests, and the whole book on the smoke profile
	ruff check .
	ruff format --check .
	mypy
	python -m pytest --numprocesses=2 --dist=loadfile -m "not pipeline and not cluster"
	python -m pytest -m pipeline

test-cluster: $(ENVIRONMENT) $(WORKFLOW)  ## SLURM and two training processes on this machine; skips what it lacks
	python -m pytest -m cluster tests/cluster

app: $(ENVIRONMENT)  ## the application: segment cases and own scans in the browser
	@brats app "--data=$$DATA"

lab: $(ENVIRONMENT)  ## notebooks and exercises in JupyterLab, with the data and the network that they rest on
	@test -f runs/workshop/scores.csv || $(MAKE) --no-print-directory runs/workshop/scores.csv PROFILE=workshop
	@# By these settings it asks no other machine for news or updates, and nobody whether it should.
	@$${DATA:+env "BRATS_DATA=$$DATA"} jupyter lab --notebook-dir=notebooks --LabApp.app_settings_dir=workflow/lab \
	  --LabApp.extension_manager=readonly

# What chapters 1 to 4 leave. Made once: Snakemake would make it again whenever a notebook was saved by hand.
runs/workshop/scores.csv: | $(ENVIRONMENT) $(WORKFLOW)
	@echo 'Simulating patients and training a network, which may take half an hour. It is done once.'
	@"$$PYTHON" workflow/run.py evaluate

kit: $(ENVIRONMENT) $(WORKFLOW)  ## one archive for a room without internet: _build/brats-kit.tar.gz
	@python workflow/kit.py

bench: $(ENVIRONMENT)  ## benchmarks; they print ratios
	python -m benchmarks

weights: $(ENVIRONMENT)  ## train the networks that ship again; with DATA= of real cases also the one that saw them
	python -m experiments phantom "--data=$$DATA"
	test -z "$$DATA" || python -m experiments real "--data=$$DATA"

# The words after `results` name experiments; make would take them for targets.
ifeq (results,$(firstword $(MAKECMDGOALS)))
NAMES := $(wordlist 2,99,$(MAKECMDGOALS))
.PHONY: $(NAMES)
$(NAMES):;@:
endif
results: $(ENVIRONMENT)  ## make results/ again where it is out of date, or what a name after it says: make results seeds
	python -m experiments $(NAMES) "--data=$$DATA"

lock: $(ENVIRONMENT) $(WORKFLOW)  ## recompile both lock files from pyproject.toml and workflow/requirements.in
	python -m uv pip compile pyproject.toml --all-extras --universal --generate-hashes --no-emit-index-url --no-header -q -o requirements.lock
	python -m uv pip compile workflow/requirements.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o workflow/requirements.lock

clean:  ## remove the book and all runs; the environment stays
	rm -rf _build runs .snakemake

environment: $(ENVIRONMENT)  ## install what the book needs into .venv, without running anything

.venv/.installed: requirements.lock pyproject.toml
	@"$$PYTHON" workflow/bootstrap.py .venv requirements.lock --project

.venv/workflow/.installed: workflow/requirements.lock | $(ENVIRONMENT)
	@"$$PYTHON" workflow/bootstrap.py .venv/workflow workflow/requirements.lock
