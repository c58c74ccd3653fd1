# Everything starts here: each target first makes the environment (.venv) from requirements.lock.
PYTHON ?= python3
# Bytecode is compiled once, here: where PYTHONDONTWRITEBYTECODE is set, every stage would spend seconds on it.
UV = .venv/bin/uv pip install --quiet --no-deps --compile-bytecode
# Stages run as `python stages/…`: the environment's python must come first.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: repro test test-all test-every-file test-faults lint bench seeds lock clean

repro: .venv/installed  ## the whole study: shared datasets, every stage that has changed, the table of results
	dvc pull
	dvc repro
	@tr , '\t' < metrics/results.csv | expand -t 26,36,46,56,66,76,86,96,106

test: .venv/installed  ## what is broken by accident: the fast tests, two files at a time (2 to 3 minutes)
	OMP_NUM_THREADS=1 python -m pytest --numprocesses 2 --dist loadfile -m "not slow"

test-all: .venv/installed  ## all tests: a real language model, servers, a browser, SSH, faults, fuzzing (20 minutes)
	$(MAKE) --jobs 2 --output-sync test-every-file test-faults

test-every-file: .venv/installed
	OMP_NUM_THREADS=1 python -m pytest --numprocesses 2 --dist loadfile

test-faults: .venv/installed  ## kills, full disks, Ctrl-C, two queue workers, a read-only cache
	python -m pytest tests/faults

lint: .venv/installed  ## style
	ruff check .
	ruff format --check .

bench: .venv/installed  ## side-by-side timings
	python bench

seeds: .venv/installed  ## mAP over three seeds of training
	python bench/seeds.py

lock:  ## write requirements.lock anew from pyproject.toml
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--extra study --extra dev --python-version 3.11 pyproject.toml -o requirements.lock

clean:  ## what stages made that no cache holds
	rm -rf data/scenes data/mixes data/features data/scores data/window_scores data/impreds.json

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet uv==0.13.9
	$(UV) --require-hashes -r requirements.lock
	$(UV) --no-build-isolation -e .
	.venv/bin/python -m compileall -q src
	touch $@
