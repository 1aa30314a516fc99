# make alone lists the verbs. Every verb sets up what it needs first.
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
ARGS   ?=
EXP    ?= shapes
SEED   ?= 0
RUNS   ?= runs/$(EXP)-*
SYNC   ?= runs/wandb

.DEFAULT_GOAL := help
.PHONY: help install train staged compare reproduce bench test test-slow test-slurm lint format smoke notebooks lock wandb-sync clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## set up .venv from the lock file (CPU=1: PyTorch without CUDA)

$(STAMP): requirements.lock pyproject.toml
	test -x $(RUN) || $(PYTHON) -c '$(NEEDS)'
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade "pip>=24"
ifdef CPU
	$(RUN) -m pip install $(PINS) --index-url $(CPU_SITE)
	awk $(CUDA_BLOCKS) requirements.lock > $(VENV)/without-cuda.lock
	$(RUN) -m pip install --quiet --no-deps --require-hashes -r $(VENV)/without-cuda.lock
else
	$(RUN) -m pip install --quiet --require-hashes -r requirements.lock
endif
	$(RUN) -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $(STAMP)

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

test: $(STAMP) ## run the tests
	$(RUN) -m pytest $(ARGS)

test-slow: $(STAMP) ## kill trainings and start them again, run the notebooks (a few minutes)
	$(RUN) -m pytest -m slow $(ARGS)

test-slurm: $(STAMP) ## send a sweep to the SLURM cluster that is here
	$(RUN) -m pytest -m slurm -rs $(ARGS)

lint: $(STAMP) ## check style and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: $(STAMP) ## mend what can be mended
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

clean: ## remove the environment and caches, never runs
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
