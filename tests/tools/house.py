"""What the house looks like in figures: `python -m tests.tools.house [FOLDER]`, plugins by default.

Functions are those of modules and classes, but for properties, dunders, and what a decorator registers (rules, checks).
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from .sections import ROOT

# First words of names that say what is done; a noun that can be a verb too counts, as in every such counting.
VERBS = frozenset(
    re.findall(
        r"\w+",
        """
        accept act add apply arm ask assert attach attribute audit authenticate begin bring build can carry
        change changes check choose cite classify clear close collapse collect compare compile compute concern
        confirm connect contradicts couple cover cut decide declare decode deduplicate derive describe detect
        diagnose diff differ differs disconnect does draft drop elect enable encode end ends enter escape
        estimate evaluate exchange expand expects explain extract fetch fill filter find fit flatten follow
        force form format gather generate get give go goes group guess has hash have hear hold include includes
        indent index insert is iterate join judge keep keeps lacks lay leave lies limit list listen load loads
        locate log logs look lower make map mark mask match matches may measure meet merge move moves must name
        needs normalize note offer offers open overlap overlaps owns pack pad pair parse peek pick ping place
        plan predict prepare propagate prove put quote raise rank read refuse register remove rename render
        replace report require resolve restart restore restrict retire roll rotate round run runs sample say
        scan scrub see sees select serve set shift show sign skip solve sort split splits start starts stay
        stays stop strip succeeds suggest sum summarize swap take takes tell test tidy to tokenize trace
        translate trim try undo unify unpack unset update use uses validate verify wait waits walk wants warn
        was weigh withhold wrap write
        """,
    )
)


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """The functions of a module and the methods of its classes."""
    for node in tree.body:
        for each in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(each, ast.FunctionDef) and not each.decorator_list and not each.name.startswith("__"):
                yield each


def main() -> int:
    """Print the figures."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "plugins"
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py"))}
    trees = {path: ast.parse(text) for path, text in texts.items()}
    found = [each for tree in trees.values() for each in functions(tree)]
    lengths = sorted((each.end_lineno or 0) - each.lineno + 1 for each in found)
    sizes = sorted(text.count("\n") for path, text in texts.items() if path.parent.name != "modules")
    names = [each.name.strip("_") for each in found]
    library = [
        tree for path, tree in trees.items() if "plugin_utils" in path.parts
    ]  # Ansible names the classes of plugins
    classes = [n.name for tree in library for n in tree.body if isinstance(n, ast.ClassDef) and n.name[0] != "_"]
    twice = sorted(name for name, number in Counter(classes).items() if number > 1)
    loose = [path.name for path in (folder / "plugin_utils" / "_ipsec").glob("*.py") if path.name != "__init__.py"]
    verbs = sum(name.partition("_")[0] in VERBS for name in names)
    many = sum(len(each.args.args) + len(each.args.kwonlyargs) > 5 for each in found)
    tenth = lengths[len(lengths) * 9 // 10]
    print(f"functions: {len(found)}, lines median {statistics.median(lengths):g}, p90 {tenth}, max {lengths[-1]}")
    print(f"more than five parameters: {100 * many / len(found):.1f} %")
    print(f"files: largest {sizes[-1]} lines, median {statistics.median(sizes):g}")
    print(f"verb first: {100 * verbs / len(found):.0f} %")
    single = sum("_" not in name for name in names)
    print(f"one word: {100 * single / len(found):.0f} %, mean length {statistics.mean(map(len, names)):.1f}")
    print(f"public classes of one name: {', '.join(twice) or 'none'}")
    print(f"loose files: {', '.join(loose) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
