"""One script for whichever platform a gateway is: it says which, does what that one does, and nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Script
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import (
    PLATFORMS,
    Gatherer,
    Platform,
    build_for_any,
    detect_platform,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.detection import (
    Detection,
    choose_script,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.sas import DesiredSas

from ..shells import Shell, shell

__all__ = ["shell"]

HELLO = 'greet() { echo "$TW_HELLO from $1"; }\nsection said greet "$TW_WHO"'


def test_the_platform_that_is_there_does_it(shell: Shell, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    scripts = [
        ("plain", Detection(), Script('section said echo "$TW_HELLO"', {"TW_HELLO": "plain"})),
        ("boxed", Detection("boxed", f"boxed() {{ [ -e {mark} ]; }}"), Script(HELLO, {"TW_WHO": "a box"})),
    ]
    assert {name: part.text for name, part in shell.run(choose_script(scripts)).sections.items()} == {
        "platform": "plain\n",
        "said": "plain\n",
    }
    mark.touch()
    assert {name: part.text for name, part in shell.run(choose_script(scripts)).sections.items()} == {
        "platform": "boxed\n",
        "said": "plain from a box\n",
    }


def test_what_platforms_do_alike_goes_over_once() -> None:
    wish = DesiredSas("hq", "established")
    script = build_for_any(lambda platform: platform.build_sas_script(wish))
    assert script.source.count("tw_terminate() {") == 1
    assert {f"section platform echo {name}" for name in PLATFORMS} <= {
        line.strip() for line in script.source.split("\n")
    }


def test_what_answers_is_known_by_its_name(shell: Shell) -> None:
    reply = shell.run(build_for_any(lambda platform: platform.build_sas_script(DesiredSas("hq", "established"))))
    assert detect_platform(reply) is PLATFORMS["strongswan"]


@pytest.mark.parametrize("name", PLATFORMS)
def test_every_platform_has_the_whole_port(name: str) -> None:
    asked = {each for kind in (Gatherer, Platform) for each in (*vars(kind), *kind.__annotations__)}
    assert {each for each in asked if not each.startswith("_")} <= vars(PLATFORMS[name]).keys()


def test_what_no_gateway_could_decide_is_a_defect() -> None:
    one, other = (("a", Detection(), Script("", {"TW_X": "1"})), ("b", Detection("b"), Script("", {"TW_X": "2"})))
    with pytest.raises(ValueError, match="TW_X"):
        choose_script([one, other])
    with pytest.raises(ValueError, match="nothing else"):
        choose_script([one, ("b", Detection(), Script(""))])
