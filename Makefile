# The front door. `make demo` and `make test` want root on Debian and install what they need; `make check` wants no root.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.SECONDARY: # keep .venv/*/installed, which make takes for a stepping stone

export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.cache/collections

# Each has requirements/NAME.txt: main has ansible-core 2.19 and all tools, the others one ansible-core each.
CORES := core2.18 core2.20 core2.21 core2.22
LOWEST := $(firstword $(CORES))
HIGHEST := $(lastword $(CORES))
BETWEEN := $(filter-out $(LOWEST) $(HIGHEST),$(CORES))
MAIN := .venv/main
TOOLS := PATH="$(CURDIR)/$(MAIN)/bin:$$PATH"
PYTHON := PYTHONPATH=.cache/collections $(TOOLS) python
LINK := .cache/collections/ansible_collections/tunnelwright/ipsec
READY := packages $(MAIN)/installed $(LINK)

heading = @printf '\n== %s\n' "$(1)"

.PHONY: help demo test night check unit browser sanity contract integration integration-night molecule perf sabotage outage
.PHONY: mutants mutants-night matrix matrix-changed figures figures-of-time roots fresh fresh-quick properties-night fuzz clean packages
.PHONY: lint ruff shellcheck yamllint changelog ansible-lint types mypy imports docs findings
help:
	@echo "make demo         broken tunnels between real gateways are audited, repaired and proven (root; 2 minutes)"
	@echo "make check        lint, types and unit tests (no root; 2 minutes)"
	@echo "make test         what every change must pass (root; 25 minutes)"
	@echo "make night        all there is, on every supported version (root; hours)"
	@echo "make unit         unit tests alone (no root; 2 minutes)"
	@echo "make integration  the collection on real gateways in network namespaces (root)"
	@echo "make contract     each module and role once, on the lowest and the highest ansible-core (root)"
	@echo "make browser      the HTML report in Chromium (root, for the package)"
	@echo "make lint types docs sanity molecule mutants matrix-changed: parts of the above"
	@echo "make figures      measures all that docs/ has figures of, on an idle machine; parts: perf outage matrix sabotage (root)"
	@echo "make fresh        demo and test on a bare Debian 12; fresh-quick: what is quick of it, once for each change (root)"
	@echo "make findings     writes the pages of findings, one each, and of log lines"

demo: $(READY)
	@$(TOOLS) sh tests/demo.sh

# Two lanes beside each other, since one mostly waits for gateways. What decides soonest comes first.
test: $(READY)
	@$(MAIN)/bin/python -m tests.tools.stages test \
		--lane "roots integration matrix-changed mutants molecule contract-$(LOWEST)" \
		--lane "unit lint types docs sanity browser $(if $(CI),fresh-quick) contract-$(HIGHEST)"

# `fresh` is the demo and all of `make test`, of the commit and on a bare machine: by night nothing of that is run twice. It has two
# lanes of its own, so mostly what computes goes beside it. What measures time needs the machine to itself. The pages in docs/ are
# then as new as the night.
night: $(READY) $(CORES:%=.venv/%/installed) # first: two lanes want the same
	@$(MAIN)/bin/python -m tests.figures --ready
	@$(MAIN)/bin/python -m tests.tools.stages night \
		--lane "fresh matrix sabotage" \
		--lane "roots properties-night $(CORES:%=unit-%) sanity-main $(CORES:%=sanity-%) mutants-night $(BETWEEN:%=contract-%) integration-night fuzz" \
		--alone "figures-of-time"

check: lint types unit

# What a change must pass of it; -main and -core2.22 and so on are of one environment.
unit: unit-main
sanity: SANITY := --python default # the one that runs ansible-test: others by night
sanity: sanity-main
contract: contract-$(LOWEST) contract-$(HIGHEST)

unit-%: .venv/%/installed
	$(call heading,unit and property tests: $*)
	@.venv/$*/bin/python -m pytest -q -n 2 tests/unit

sanity-%: .venv/%/installed $(MAIN)/installed
	$(call heading,ansible-test sanity: $*)
	@sh tests/tools/sanity.sh .venv/$* $(SANITY)

contract-%: packages .venv/%/installed $(LINK)
	$(call heading,each module and role on real gateways: $*)
	@.venv/$*/bin/python -m pytest -q tests/contract

# The tests mostly wait for gateways, so many labs share two cores well.
WORKERS := 7

integration: $(READY)
	$(call heading,integration tests on real gateways)
	@$(MAIN)/bin/python -m pytest -q -n $(WORKERS) -m "not night" tests/integration

integration-night: $(READY)
	$(call heading,what runs by night only of the integration tests on real gateways)
	@$(MAIN)/bin/python -m pytest -q -n $(WORKERS) -m night tests/integration

# Property tests with many more examples.
properties-night: $(MAIN)/installed
	$(call heading,property tests with many examples)
	@HYPOTHESIS_PROFILE=night $(MAIN)/bin/python -m pytest -q -n 2 tests/unit

# All that reads, with inputs mutated for a quarter of an hour.
fuzz: $(READY)
	$(call heading,fuzz)
	@$(PYTHON) -m tests.fuzz

# The HTML report in Debian's Chromium.
browser: packages $(MAIN)/installed
	$(call heading,HTML report in Chromium)
	@$(MAIN)/bin/python -m pytest -q tests/browser

molecule: $(READY)
	$(call heading,molecule)
	@cd extensions && $(TOOLS) molecule test --all

# The Debian roots of gateways, made once on a machine.
roots: $(READY)
	$(call heading,roots of gateways)
	@printf "%s\n" trixie bookworm bullseye | PATH="$(CURDIR)/$(MAIN)/bin:$$PATH" xargs -P 2 -I SUITE python -m tests.lab root --suite SUITE --kind pfsense

lint: ruff shellcheck yamllint changelog ansible-lint

ruff: $(MAIN)/installed
	$(call heading,ruff)
	@$(TOOLS) ruff check --quiet
	@$(TOOLS) ruff format --check --quiet

shellcheck: $(MAIN)/installed
	$(call heading,shellcheck)
	@$(TOOLS) shellcheck -s sh $$(sh tests/tools/files.sh '*.sh')
	@$(TOOLS) shellcheck -s sh $$(sh tests/tools/files.sh 'tests/lab/pfsense/root/*' | xargs grep -l '^#!/bin/sh')
	@$(TOOLS) shellcheck .ci/run

yamllint: $(MAIN)/installed
	$(call heading,yamllint)
	@$(TOOLS) yamllint --strict .

changelog: $(MAIN)/installed
	$(call heading,antsibull-changelog)
	@$(TOOLS) antsibull-changelog lint

ansible-lint: $(MAIN)/installed $(LINK)
	$(call heading,ansible-lint)
	@$(TOOLS) ansible-lint -q --offline

types: mypy imports

mypy: $(MAIN)/installed
	$(call heading,mypy)
	@$(TOOLS) mypy

imports: $(MAIN)/installed
	$(call heading,import-linter)
	@PYTHONPATH=plugins $(TOOLS) lint-imports --no-logo

docs: $(MAIN)/installed
	$(call heading,documentation)
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && sh tests/tools/collection.sh "$$copy" && \
	cd "$$copy/ansible_collections/tunnelwright/ipsec" && PATH="$(CURDIR)/$(MAIN)/bin:$$PATH" \
	antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self --skip-rstcheck .

findings: $(MAIN)/installed $(LINK)
	@$(PYTHON) -m tests.tools.findings_page

# Each of the four writes its page, and fails where a ratio breaks its limit or a case is missed.
figures: $(READY)
	@$(PYTHON) -m tests.figures

# What a busy machine would spoil; the other two are right or wrong.
figures-of-time: $(READY)
	@$(PYTHON) -m tests.figures perf outage

perf outage matrix sabotage: $(READY)
	$(call heading,$@)
	@$(PYTHON) -m tests.$@

# Bounded: the families that a change touches and ten cases that stand for the others.
matrix-changed: $(READY)
	$(call heading,fault matrix: what the change asks for)
	@$(PYTHON) -m tests.matrix --changed

# Pairs of the reference corpus, one setting changed at random, judged by real daemons and by the audit.
N ?= 60
mutants: $(READY)
	$(call heading,mutants: $(N))
	@$(PYTHON) -m tests.mutants --number $(N)

mutants-night:
	@$(MAKE) mutants N=200

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
	@sh tests/tools/venv.sh .venv/$* $<
	@touch $@

# Where Ansible finds this checkout under the collection's name.
$(LINK):
	@mkdir -p $(@D) && ln -sfn "$(CURDIR)" $@

clean:
	rm -rf .venv .cache tests/output .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .ansible
