# Two commands do everything: `make report` and `make test`. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.SILENT:
.DEFAULT_GOAL := help

PYTHON ?= python3
CONFIG ?= config/config.yaml
CORES ?= all
DTYPE ?= bfloat16
VENV := .venv
BIN := $(VENV)/bin
RESULTS = $(or $(shell sed -n "s/^results: *//p" $(CONFIG)),results)
TESTS ?= not slow and not slurm
GPUS ?= $(shell nvidia-smi --list-gpus 2> /dev/null | wc -l)
HERE = --cores $(CORES) $(if $(filter-out 0,$(GPUS)),--resources gpu=$(GPUS))
# A cluster's profile itself limits how much runs at a time.
SNAKEMAKE = $(BIN)/snakemake --configfile $(CONFIG) $(if $(PROFILE),--workflow-profile $(PROFILE),$(HERE))
# One line of overall progress, in place of several lines and bars for each job.
RUN = TQDM_DISABLE=1 PYTHONWARNINGS=ignore::FutureWarning PYTHONPATH="$(CURDIR)/scripts" $(SNAKEMAKE) --logger progress
SLURM := slurmctld slurmd slurm-client munge

.PHONY: help setup report test test-slurm slurm faults check plan look calibrate null-pairs placebo-check power compare reproduce accept bench bench-gpu bench-effects bench-dag bench-shard bench-perturbations difficulty blast parity smoke docs clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-19s %s\n", $$1, $$2}'
	echo "  CONFIG=config/<name>.yaml and CORES=<n> may follow any of them, PROFILE=profiles/slurm report, DTYPE=float32 bench."

setup: $(VENV)/.ready $(if $(PROFILE),$(VENV)/.slurm) ## Make the virtual environment with all pinned dependencies

$(VENV)/.ready: envs/requirements.txt envs/requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv --clear $(VENV)  # what a killed installation left cannot be built on
	echo "Installing pinned dependencies into $(VENV) (a minute or two) ..."
	$(BIN)/pip install --quiet --no-compile --disable-pip-version-check -r envs/requirements-dev.txt
	# pip would compile with one core, which takes half of its time. A third of the code is tests of the packages and models
	# that nobody loads; some packages contain files of other Python versions.
	$(BIN)/python -m compileall -q -j 0 -x '/tests?/|/transformers/models/' $(VENV)/lib > /dev/null || true
	touch $@

$(VENV)/.slurm: envs/requirements-slurm.txt $(VENV)/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check -r $<
	touch $@

# What a command says is shown only if it fails.
QUIETLY = > .snakemake/make.log 2>&1 || { status=$$?; cat .snakemake/make.log >&2; [ $$status != 75 ] || echo "$(HELD)"; exit $$status; }
HELD = Another run is at work in this folder; wait for it, or use a copy of the folder.

# Remove the lock of a killed run; a run at work holds the file (rules/common.smk).
define UNLOCK
mkdir -p .snakemake
flock --nonblock --conflict-exit-code 75 .snakemake/run.lock $(SNAKEMAKE) --unlock --quiet all $(QUIETLY)
endef

report: setup ## Run the workflow and write <results>/report.html (default: config/config.yaml)
	$(UNLOCK)
	$(RUN)
	$(SNAKEMAKE) --quiet all --report $(RESULTS)/snakemake-report.zip $(QUIETLY)
	echo "Open $(RESULTS)/report.html in a browser."

smoke: ## The same with tiny models that it makes itself, in minutes
	$(MAKE) --no-print-directory report CONFIG=config/smoke.yaml

test: setup check ## All checks, and all tests but those marked slow or slurm (a quarter of an hour)
	# Two workers share the files.
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 12 -m "$(TESTS)" --cov --cov-report=term --cov-fail-under=90

faults: setup ## Kill, damage, fill up and cut off runs, and list each fault with its outcome (half an hour)
	$(BIN)/pytest -n 2 --dist loadfile -m "fault and not slurm"

slurm: # What a SLURM node needs, on Debian
	if ! command -v sbatch > /dev/null || ! PATH=$$PATH:/usr/sbin command -v slurmctld > /dev/null; then
	  [ "$$(id -u)" = 0 ] || { echo "Missing: $(SLURM). Only root can install them, and start a SLURM node."; exit 1; }
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -yqq --no-install-recommends $(SLURM) > /dev/null
	fi

test-slurm: TESTS = slurm
test-slurm: setup $(VENV)/.slurm slurm ## Run on a real SLURM node on loopback, with faults (root, Debian; half an hour)
	$(BIN)/python -c 'import sys; sys.path.insert(0, "."); from tests.slurm import cluster; sys.exit(cluster.missing() or 0)'
	$(BIN)/pytest --durations 0 -m "$(TESTS)" tests/slurm

check: setup ## Lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint
	$(BIN)/snakemake --lint --configfile config/smoke.yaml

plan: setup ## What would a run take? Tokens, hours and cost, before anything is fetched (OPTIONS="--csv plan.csv", --help)
	$(BIN)/python scripts/plan_run.py $(CONFIG) $(OPTIONS)

# A file alone is shown with default columns; CONFIG describes it, or its own datasets are shown.
look: setup ## What is understood of an input, before a run? DATA=questions.jsonl, CONFIG=config/mine.yaml, or both
	PYTHONPATH=scripts $(BIN)/python -m faithfulness look $(DATA) $(if $(and $(DATA),$(filter file,$(origin CONFIG))),,--config $(CONFIG)) $(OPTIONS)

calibrate: CONFIG = config/calibration.yaml
calibrate: setup ## Test the measures on readers of known faithfulness (later reports show it)
	$(UNLOCK)
	$(RUN) -- calibrate

null-pairs: CONFIG = config/null_pairs.yaml
null-pairs: setup ## How often are arms called different by chance? Hours, in pieces: `timeout 90m make null-pairs`, again and again
	$(UNLOCK)
	$(RUN) -- $(RESULTS)/effects/null_pairs.csv
	PYTHONPATH=scripts $(BIN)/python scripts/show_null_pairs.py $(RESULTS)/effects/null_pairs.csv

placebo-check: CONFIG = config/placebo.yaml
placebo-check: setup ## Is anything seen of tuning on options drawn at random? (an hour or two; fails if so)
	$(UNLOCK)
	$(RUN) -- $(RESULTS)/effects/null_pairs.csv
	PYTHONPATH=scripts $(BIN)/python scripts/check_placebo.py $(CONFIG) --datasets coin_flip coin_flip_unbalanced

power: setup ## How many items would a next run need? (after make report)
	$(UNLOCK)
	$(RUN) -- $(RESULTS)/effects/power.csv
	column -s, -t $(RESULTS)/effects/power.csv

compare: setup ## Show two finished runs side by side: A=results-a B=results-b (MODELS="a=b ..." if names differ)
	$(if $(and $(A),$(B)),,$(error say which runs: make compare A=results-a B=results-b))
	$(BIN)/python scripts/compare_runs.py $(A) $(B) $(if $(MODELS),--models $(MODELS))

reproduce: setup ## Prepare the same run again and list what differs: PROVENANCE=results/provenance.json (CHECKOUT=<new folder>: at its commit)
	$(if $(PROVENANCE),,$(error say which run: make reproduce PROVENANCE=results/provenance.json))
	$(BIN)/python scripts/reproduce_run.py $(PROVENANCE) $(if $(CHECKOUT),--checkout $(CHECKOUT))

accept: setup ## Compare a finished run with the project's own thresholds
	$(BIN)/python benchmarks/accept.py $(CONFIG)
	$(BIN)/pytest -q --no-header tests/browser/test_pages.py --results $(RESULTS)

bench: setup benchmarks/.venv-lm_eval/.ready benchmarks/.venv-vllm/.ready ## Measure re-scoring beside other programs (after make report)
	$(BIN)/python benchmarks/rescoring.py --results $(RESULTS) --dtype $(DTYPE)

bench-gpu: setup ## Measure QLoRA, LoRA and re-scoring on a GPU, with random-weight Llamas of 1 and 8 billion parameters
	$(BIN)/python benchmarks/gpu.py

bench-effects: setup ## Measure time and memory of the comparison of 10,000 items, 4 datasets and 10 arms, and the statistics beside scipy alone
	$(BIN)/python benchmarks/comparing.py
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/comparing.py --scipy

blast: setup ## How many scripts does each kind of edit run again, and how many of those run a model?
	$(BIN)/pytest -q -s --no-header tests/unit/test_blast.py

bench-dag: setup $(VENV)/.slurm ## Plan the published setting at 10,000 items on a cluster: time, jobs, and what they request
	$(BIN)/python benchmarks/dag.py

bench-shard: setup ## Measure the memory of one shard of re-scoring at 10,000 items and 10 writers, on an exact reader (minutes)
	$(BIN)/python benchmarks/shard.py

difficulty: setup ## Measure how hard the generated tasks are for a model, on questions of another seed (OPTIONS=--help)
	$(BIN)/python benchmarks/difficulty.py $(CONFIG) $(OPTIONS)

bench-perturbations: setup ## What do the perturbations add to the time of re-scoring? On one core (minutes; OPTIONS="--weights resources/models/...")
	taskset -c 0 $(BIN)/python benchmarks/perturbation_cost.py $(OPTIONS)

parity: setup ## Compare prefix trees with plain sequences, in float32 (after make report)
	$(BIN)/python benchmarks/parity.py

benchmarks/.venv-%/.ready: benchmarks/peers/%.txt
	$(PYTHON) -m venv $(@D)
	echo "Installing $* into $(@D) ..."
	$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	# Parts of vLLM's environment whose builds do not fit the rest; text models need none of them.
	$(@D)/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

docs: setup ## Write the reference of all settings into config/README.md
	$(BIN)/python -c 'import sys; sys.path.insert(0, "scripts"); from pathlib import Path; from faithfulness.config import reference
	file = Path("config/README.md"); mark = "<!-- written by make docs: do not edit below -->\n"
	file.write_text(file.read_text().partition(mark)[0] + mark + "\n" + reference.reference())'

clean: ## Delete the results of the configuration (models, sources and the environment stay)
	rm -rf $(RESULTS)
