# make alone lists the verbs. Every verb sets up what it needs first.
SHELL  := bash
PYTHON ?= python3
VENV   ?= .venv
RUN    := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
NEEDS  := import sys; v = sys.version_info; v[:2] in ((3, 11), (3, 12), (3, 13)) or \
  sys.exit(f"Python 3.11 to 3.13 is needed, this is {v[0]}.{v[1]}. Type the same with PYTHON=python3.12, or what you have.")
PINS   := torch==2.14.1 torchvision==0.29.1
# CPU=1: PyTorch's own, smaller build without CUDA, from PyTorch's own site.
CPU_SITE := https://download.pytorch.org/whl/cpu
CUDA_BLOCKS := '/^[a-z0-9]/ {keep = !/^(nvidia-[a-z0-9-]*|cuda-[a-z0-9-]*|triton|torch|torchvision)==/} keep'
# A line for each package that pip fetches; messages of errors come as they are.
SHOW   := awk '/^Collecting/ {print "      " $$2; fflush()} \
  /^Installing collected/ {print "      unpacking them: a minute or two"; fflush()}'
TWO    := OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2
ARGS   ?=
NAME   ?=
EXP    ?= shapes
SEED   ?= 0
RUNS   ?= runs/$(EXP)-*
SYNC   ?= runs/wandb

.DEFAULT_GOAL := help
.PHONY: help install train staged compare reproduce bench test test-slow test-slurm test-gpu lint format smoke notebooks lock wandb-sync rename clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## set up .venv from the lock file: about 4 minutes, 5.5 GB (CPU=1: smaller, without CUDA)

$(STAMP): requirements.lock pyproject.toml
	@test -x $(RUN) || $(PYTHON) -c '$(NEEDS)'
	@echo "Setting up $(VENV), once: about 4 minutes and 5.5 GB of disk (with CPU=1 less of both)."
	@echo "[1/4] A Python environment"
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@echo "[2/4] pip, the installer"
	@$(RUN) -m pip install --quiet --upgrade "pip>=24"
	@echo "[3/4] $$(grep -c '^[a-z0-9].*==' requirements.lock) packages from requirements.lock: PyTorch is by far the largest"
ifdef CPU
	@set -o pipefail; $(RUN) -m pip install --progress-bar off $(PINS) --index-url $(CPU_SITE) | $(SHOW)
	@awk $(CUDA_BLOCKS) requirements.lock > $(VENV)/without-cuda.lock
	@set -o pipefail; $(RUN) -m pip install --progress-bar off --no-deps --require-hashes -r $(VENV)/without-cuda.lock | $(SHOW)
else
	@set -o pipefail; $(RUN) -m pip install --progress-bar off --require-hashes -r requirements.lock | $(SHOW)
endif
	@echo "[4/4] This project itself, editable"
	@$(RUN) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)
	@echo "Done. Other verbs start at once from now on."

train: $(STAMP) ## train FCN-8s on embedded data (ARGS="model=fcn32s seed=1" for more)
	$(RUN) -m fcnlab.train experiment=shapes $(ARGS)

staged: $(STAMP) ## train FCN-32s, 16s and 8s, each from the one before (EXP=shapes SEED=0)
	$(RUN) -m fcnlab.train -m experiment=$(EXP) seed=$(SEED) model=fcn32s,fcn16s,fcn8s start=coarser $(ARGS)

compare: $(STAMP) ## turn finished runs into one table and one page (EXP=shapes, or RUNS='runs/shapes-*')
	$(RUN) -m fcnlab.compare 'runs=$(RUNS)' $(ARGS)

reproduce: $(STAMP) ## train what an experiment lists, compare, say whether it came out as expected (EXP=shapes)
	$(RUN) -m fcnlab.reproduce experiment=$(EXP) $(ARGS)

bench: $(STAMP) ## measure speed on this machine (ARGS="pytorch_fcn=CLONE camvid=DIR")
	$(RUN) -m fcnlab.bench $(ARGS)

test: $(STAMP) ## run the fast tests: two at a time, one thread each
	$(TWO) $(ARGS)

test-slow: $(STAMP) ## run the slow ones, two at a time: kill trainings and start them again, notebooks, wheel, rename
	$(TWO) --dist loadfile -m slow $(ARGS)

test-slurm: $(STAMP) ## send a sweep to the SLURM cluster that is here
	$(RUN) -m pytest -m slurm -rs $(ARGS)

test-gpu: $(STAMP) ## run what only a GPU can show; skipped, with the reason, where there is none
	$(RUN) -m pytest -m gpu -rs $(ARGS)

lint: $(STAMP) ## check style, types and which folder imports which
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

format: $(STAMP) ## correct the style where a program can
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

smoke: $(STAMP) ## all three strides for a moment: train, evaluate, predict
	$(RUN) -m fcnlab.train -m experiment=shapes trainer=smoke model=fcn32s,fcn16s,fcn8s runs_dir=runs/smoke rerun=all \
	  data.images.train=16 data.images.val=8 data.images.test=8
	for run in runs/smoke/shapes-*; do \
	  $(RUN) -m fcnlab.evaluate checkpoint=$$run/checkpoints/best.ckpt output=$$run/evaluated && \
	  $(RUN) -m fcnlab.predict checkpoint=$$run/checkpoints/best.ckpt images=$$run/predictions output=$$run/masks \
	  || exit 1; done

notebooks: $(STAMP) ## run the notebooks and keep what they show
	rm -rf notebooks/runs
	for notebook in notebooks/*.ipynb; do \
	  $(VENV)/bin/jupyter execute --inplace $$notebook || exit 1; done

lock: $(STAMP) ## rewrite requirements.lock
	printf '%s\n' $(PINS) > $(VENV)/pins.txt
	$(RUN) -m uv pip compile --quiet --universal --generate-hashes --all-extras --no-emit-index-url \
	  --constraint $(VENV)/pins.txt --no-annotate --custom-compile-command "make lock" \
	  pyproject.toml --output-file requirements.lock

wandb-sync: $(STAMP) ## send the W&B runs that were logged offline (SYNC=elsewhere/wandb)
	$(VENV)/bin/wandb sync --yes $(SYNC)/offline-run-*

rename: ## make a clone your own project: make rename NAME=mylab
	@$(PYTHON) -c '$(NEEDS)'
	@$(PYTHON) .ci/rename.py "$(NAME)"

clean: ## remove the environment and caches, never runs
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
