# The front door. `make demo` and `make test` want root on Linux and install what they need; the rest does not.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.SECONDARY: # keep .venv/*/installed, which make takes for a stepping stone
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.cache/collections

PY311 := .venv/py311
# ansible-core 2.21 on Python 3.13 is tested where there is a Python 3.13, and in CI always.
PYTHONS := py311 $(if $(CI)$(shell sh tests/tools/python.sh 3.13 2>/dev/null),py313)
TOOLS := PATH="$(CURDIR)/$(PY311)/bin:$$PATH"
LINK := .cache/collections/ansible_collections/tunnelwright/ipsec

heading = @printf '\n== %s\n' "$(1)"

.PHONY: help demo test all check unit browser sanity integration molecule perf sabotage outage mutants matrix matrix-brief clean packages fresh fresh-quick
.PHONY: lint ruff shellcheck yamllint changelog ansible-lint types mypy imports docs findings
help:
	@echo "make demo         broken tunnels between real gateways are audited, repaired and proven (root)"
	@echo "make test         everything (root)"
	@echo "make check        lint, types and unit tests: a minute, no root"
	@echo "make unit         unit tests alone: seconds, no root"
	@echo "make browser      the HTML report in Chromium (root, for the package)"
	@echo "make integration  the collection on real gateways in network namespaces (root)"
	@echo "make lint types docs sanity molecule: parts of the above"
	@echo "make perf         measures, and writes docs/performance.md (root)"
	@echo "make outage       packets lost while a tunnel is changed, by kind of change; writes to docs/performance.md (root)"
	@echo "make matrix       every fault and healthy variant on strongSwan 6.0 and 5.9, and writes docs/fault-matrix.md (root)"
	@echo "make sabotage     a change of a tunnel, and all that can go wrong meanwhile, and writes docs/reliability.md (root)"
	@echo "make mutants N=60 the audit against real daemons on pairs with one setting changed at random (root)"
	@echo "make fresh        demo and test on a bare Debian 12; make fresh-quick: what is quick of it, once for each change (root)"
	@echo "make findings     writes the pages of findings, one each, and of log lines"

demo: packages $(PY311)/installed $(LINK)
	@$(TOOLS) sh tests/demo.sh

# -k: all of it, also after a failure; what is quick to know comes first.
test all: packages
	@$(MAKE) -k lint types docs unit browser sanity molecule mutants integration matrix-brief
	@$(if $(filter py313,$(PYTHONS)),,echo "Not tested, for want of a Python 3.13: ansible-core 2.21.")

check: lint types unit-py311

unit: $(PYTHONS:%=unit-%)
sanity: $(PYTHONS:%=sanity-%)
integration: $(PYTHONS:%=integration-%)

unit-%: .venv/%/installed
	$(call heading,unit and property tests: $*)
	@.venv/$*/bin/python -m pytest -q -n 2 tests/unit

sanity-%: .venv/%/installed $(PY311)/installed
	$(call heading,ansible-test sanity: $*)
	@sh tests/tools/sanity.sh .venv/$*

# What no ansible-core can change is tested beside one of them: the lab, and what gateways do by themselves.
ONCE := lab standin standin_corpus standin_lab php pfsense_program rollback_guard make_before_break without_break sabotage faults

# The tests mostly wait for gateways, so four labs share two cores well.
integration-%: packages .venv/%/installed
	$(call heading,integration tests on real gateways: $*)
	@.venv/$*/bin/python -m pytest -q -n 4 --dist loadscope --no-loadscope-reorder tests/integration $(if $(filter py311,$*),,$(ONCE:%=--ignore=tests/integration/test_%.py))

# The HTML report in Debian's Chromium.
browser: packages $(PY311)/installed
	$(call heading,HTML report in Chromium)
	@$(PY311)/bin/python -m pytest -q tests/browser

molecule: packages $(PY311)/installed $(LINK)
	$(call heading,molecule)
	@cd extensions && $(TOOLS) molecule test --all

lint: ruff shellcheck yamllint changelog ansible-lint

ruff: $(PY311)/installed
	$(call heading,ruff)
	@$(TOOLS) ruff check --quiet
	@$(TOOLS) ruff format --check --quiet

shellcheck: $(PY311)/installed
	$(call heading,shellcheck)
	@$(TOOLS) shellcheck -s sh $$(sh tests/tools/files.sh '*.sh')
	@$(TOOLS) shellcheck -s sh $$(sh tests/tools/files.sh 'tests/lab/pfsense/root/*' | xargs grep -l '^#!/bin/sh')
	@$(TOOLS) shellcheck .ci/run

yamllint: $(PY311)/installed
	$(call heading,yamllint)
	@$(TOOLS) yamllint --strict .

changelog: $(PY311)/installed
	$(call heading,antsibull-changelog)
	@$(TOOLS) antsibull-changelog lint

ansible-lint: $(PY311)/installed $(LINK)
	$(call heading,ansible-lint)
	@$(TOOLS) ansible-lint -q --offline

types: mypy imports

mypy: $(PY311)/installed
	$(call heading,mypy)
	@$(TOOLS) mypy

imports: $(PY311)/installed
	$(call heading,import-linter)
	@PYTHONPATH=plugins $(TOOLS) lint-imports --no-logo

docs: $(PY311)/installed
	$(call heading,documentation)
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && sh tests/tools/collection.sh "$$copy" && \
	cd "$$copy/ansible_collections/tunnelwright/ipsec" && PATH="$(CURDIR)/$(PY311)/bin:$$PATH" \
	antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self --skip-rstcheck .

findings: $(PY311)/installed $(LINK)
	@PYTHONPATH=.cache/collections $(PY311)/bin/python -m tests.tools.findings_page

perf: packages $(PY311)/installed $(LINK)
	@PYTHONPATH=.cache/collections $(TOOLS) python -m tests.perf

outage: packages $(PY311)/installed $(LINK)
	$(call heading,packets lost while a tunnel is changed)
	@PYTHONPATH=.cache/collections $(TOOLS) python -m tests.outage

matrix: packages $(PY311)/installed $(LINK)
	$(call heading,fault matrix)
	@PYTHONPATH=.cache/collections $(TOOLS) python -m tests.matrix

# All of it on 6.0, and on 5.9 what differs there.
matrix-brief: packages $(PY311)/installed $(LINK)
	$(call heading,fault matrix: brief)
	@PYTHONPATH=.cache/collections $(TOOLS) python -m tests.matrix --brief

# Most of it is waiting for guards to see that nobody confirms.
sabotage: packages $(PY311)/installed $(LINK)
	$(call heading,sabotage)
	@PYTHONPATH=.cache/collections $(TOOLS) python -m tests.sabotage

# Pairs of the reference corpus, one setting changed at random, judged by real daemons and by the audit.
N ?= 60
mutants: packages $(PY311)/installed $(LINK)
	$(call heading,mutants: $(N))
	@PYTHONPATH=.cache/collections $(TOOLS) python -m tests.mutants --number $(N)

# What works because somebody had installed it: a bare Debian 12, a clone of the last commit, and the README's two commands.
fresh: packages
	$(call heading,on a bare Debian 12: demo and test)
	@sh tests/fresh/run.sh demo test

fresh-quick: packages
	$(call heading,on a bare Debian 12: unit lint types docs)
	@sh tests/fresh/quick.sh

packages:
	@sh tests/tools/packages.sh

.venv/%/installed: requirements/%.txt
	@sh tests/tools/venv.sh .venv/$* $(<:requirements/py3%.txt=3.%) $<
	@touch $@

# Where Ansible finds this checkout under the collection's name.
$(LINK):
	@mkdir -p $(@D) && ln -sfn "$(CURDIR)" $@

clean:
	rm -rf .venv .cache tests/output .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .ansible
