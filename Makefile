# make lab         set up, and open JupyterLab on the course's map
# make test        set up, and run every check and test
# make notebooks   execute the notebooks again and keep their new outputs (FILES="notebooks/08*" for some of them)
# make labs        generate labs/ from solutions/
# make bench       the table of benchmarks
# make conformance the table of what answers as Kubernetes does
# make lock        resolve pyproject.toml again, into the two lock files
# make clean       remove what the others made
# ARGS is passed on:  make lab ARGS="--no-browser --port 9999"    make test ARGS="tests/etcd -x"

SHELL := bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
ARGS ?=
FILES ?=

# The whole course in the file browser, the map in front; root needs to say so.
LAB_FLAGS := --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/notebooks/00-map.ipynb
LAB_FLAGS += $(if $(filter 0,$(shell id -u)),--allow-root)
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url

.PHONY: setup setup-test lab test notebooks labs bench conformance lock clean

setup:
	@.ci/setup lab

setup-test:
	@.ci/setup test

# Trusted, the course's notebooks show their pictures before they are run; who trusts what is kept in .venv.
lab: export JUPYTER_DATA_DIR := $(CURDIR)/.venv/jupyter
lab: setup
	@jupyter trust notebooks/*.ipynb >/dev/null
	exec jupyter lab $(LAB_FLAGS) $(ARGS)

test: setup-test
	ruff check .
	ruff format --check .
	mypy
	pytest $(ARGS)

notebooks: setup-test
	python -m tests.notebooks $(FILES)

labs: setup-test
	python -m controlplane.grading.release

bench: setup
	python -m benchmarks $(ARGS)

conformance: setup-test
	python -m tests.conformance $(ARGS)

lock:
	$(COMPILE) pyproject.toml --group build --output-file requirements.lock
	$(COMPILE) pyproject.toml --group build --extra test --constraint requirements.lock --output-file tests/requirements.lock
	npm install --prefix tests/portable --package-lock-only

clean:
	rm -rf .venv .tools .setup.log .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/portable/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
