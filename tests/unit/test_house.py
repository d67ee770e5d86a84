"""The rules of the house that no other tool checks."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tools.findings_page import pages, written
from tests.tools.house import VERBS

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
LICENCE = "SPDX-License-Identifier: GPL-3.0-or-later"
SHELLS = {"dash": ["dash"], "busybox": ["busybox", "sh"]}


def files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.rglob(pattern) if path.is_file())


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


SCRIPTS = [path for folder in (PLUGINS, ROOT / "tests", ROOT / "roles") for path in files(folder, "*.sh")]
MODULES = sorted(path for path in (PLUGINS / "modules").glob("*.py"))
SOURCES = files(PLUGINS, "*.py")
LIBRARY = files(PLUGINS / "plugin_utils" / "_ipsec", "*.py")
NOT_YET = frozenset(
    {"state_machine", "guard", "gather", "strongswan"}
)  # the port's functions, and events by their participles
FRAGMENTS = sorted((ROOT / "changelogs" / "fragments").glob("*.y*ml"))


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("script", SCRIPTS, ids=named)
def test_every_shell_that_gateways_have_can_parse_every_script(script: Path, shell: str) -> None:
    done = subprocess.run([*SHELLS[shell], "-n", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_every_module_has_its_action_and_all_three_documents(module: Path) -> None:
    assert (PLUGINS / "action" / module.name).is_file()
    assigned = {
        node.targets[0].id: node.value
        for node in ast.parse(module.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    documents = {
        name: yaml.safe_load(ast.literal_eval(assigned[name])) for name in ("DOCUMENTATION", "EXAMPLES", "RETURN")
    }
    assert documents["DOCUMENTATION"]["module"] == module.stem
    assert any(f"tunnelwright.ipsec.{module.stem}" in task for task in documents["EXAMPLES"])


def test_every_module_is_in_the_action_group_that_sets_defaults_for_all() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert runtime["action_groups"]["all"] == [module.stem for module in MODULES]


@pytest.mark.parametrize("source", [source for source in SOURCES if source.stat().st_size], ids=named)
def test_every_file_that_is_installed_names_its_licence(source: Path) -> None:
    assert LICENCE in source.read_text(encoding="utf-8").split("\n\n", 1)[0]


def defined(kind: type[ast.FunctionDef | ast.ClassDef]) -> list[tuple[Path, Any]]:
    """What the library's modules define, but for what a decorator registers: it is named by its findings."""
    nodes = [(source, node) for source in LIBRARY for node in ast.parse(source.read_text(encoding="utf-8")).body]
    return [
        (source, node)
        for source, node in nodes
        if isinstance(node, kind) and not (kind is ast.FunctionDef and node.decorator_list)
    ]


def test_no_two_public_classes_share_a_name() -> None:
    count = Counter(node.name for dummy, node in defined(ast.ClassDef) if not node.name.startswith("_"))
    assert [name for name, number in count.items() if number > 1] == []


def test_what_a_public_function_does_is_the_first_word_of_its_name() -> None:
    others = {
        f"{source.stem}.{node.name}"
        for source, node in defined(ast.FunctionDef)
        if not node.name.startswith("_")
        and node.name.partition("_")[0] not in VERBS
        and source.stem not in NOT_YET
        and node.name != "rule"
    }
    assert others == set()


def test_the_library_has_two_loose_files() -> None:
    assert {path.name for path in (PLUGINS / "plugin_utils" / "_ipsec").glob("*.py")} == {
        "__init__.py",
        "audit.py",
        "errors.py",
    }


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_no_file_is_longer_than_one_reads_at_once(source: Path) -> None:
    limit = 800 if source.parent.name == "modules" else 400  # a module's file is mostly its documentation
    lines = source.read_text(encoding="utf-8").count("\n")
    assert lines <= limit


def test_the_generated_pages_are_what_rules_their_tests_and_the_catalogue_say() -> None:
    wanted = pages()
    assert {named(path) for path in written()} == {named(path) for path in wanted}, "run make findings"
    stale = [named(path) for path, text in wanted.items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run make findings"


def test_every_link_of_the_documentation_leads_to_a_label() -> None:
    texts = [path.read_text(encoding="utf-8") for path in files(ROOT / "docs" / "docsite", "*.rst")]
    labels = [label for text in texts for label in re.findall(r"^\.\. _(\S+):$", text, re.MULTILINE)]
    linked = {label for text in texts for label in re.findall(r":ref:`[^`]*?<?([\w.-]+)>?`", text)}
    assert len(labels) == len(set(labels))
    assert linked <= set(labels)


def test_every_guide_is_in_the_table_of_contents() -> None:
    extra = yaml.safe_load((ROOT / "docs" / "docsite" / "extra-docs.yml").read_text(encoding="utf-8"))
    listed = {guide for section in extra["sections"] for guide in section["toctree"]}
    assert listed == {path.stem for path in (ROOT / "docs" / "docsite" / "rst").glob("*.rst")}


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=named)
def test_every_changelog_fragment_has_known_sections_of_sentences(fragment: Path) -> None:
    config = yaml.safe_load((ROOT / "changelogs" / "config.yaml").read_text(encoding="utf-8"))
    known = {section[0] for section in config["sections"]} | {"trivial"}
    entries = yaml.safe_load(fragment.read_text(encoding="utf-8"))
    entries.pop("release_summary", None)
    assert entries.keys() <= known
    assert all(isinstance(entry, str) and entry.endswith(".") for section in entries.values() for entry in section)


@pytest.mark.parametrize("path", files(ROOT / "tests" / "lab" / "pfsense" / "root", "*"), ids=named)
def test_every_file_of_the_stand_in_for_pfsense_says_that_it_is_one(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == "pfSense" or "STAND-IN for pfSense" in "".join(text.splitlines(keepends=True)[:3])
