"""What the stand-in for pfSense generates, beside what pfSense's own code made of the same configurations."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.lab.php import SUITES, box
from tests.unit.corpus import CORPUS, needs_corpus

from .test_standin import NEAREST

pytestmark = [pytest.mark.apart, pytest.mark.lasts(1)]
RELEASES = {"2.6.0": "2.6.0", "2.7.2": "2.7.2", "2.9-dev": "2.9.0"}  # the corpus's name and ours
SETTINGS = 53
FILES = ("swanctl.conf", "strongswan.conf", "ipsecpinghosts")
GENERATE = r"""<?php
require_once('config.inc');
require_once('functions.inc');
$made = array();
foreach (json_decode(stream_get_contents(STDIN), true) as $case => $xml) {
    exec('rm -rf /var/etc/ipsec /var/db/ipsecpinghosts');
    file_put_contents('/cf/conf/config.xml', $xml);
    standin_read(false);
    ipsec_configure();
    foreach (array('etc/ipsec/swanctl.conf', 'etc/ipsec/strongswan.conf', 'db/ipsecpinghosts') as $path) {
        $made[$case][basename($path)] = (string)@file_get_contents("/var/$path");
    }
}
echo json_encode($made);
"""


def said(text: str) -> list[str]:
    """The lines of a generated file without comments, indentation and empty lines."""
    lines = (re.sub(r"\s+", " ", re.sub(r"^\s*#.*", "", line)).strip() for line in text.splitlines())
    return [line for line in lines if line]


def expected(case: Path) -> dict[str, list[str]]:
    """What pfSense made; a file that it did not make says nothing."""
    present = {path.name: path.read_text(encoding="utf-8") for path in case.iterdir()}
    return {name: said(present.get(name, "")) for name in FILES}


# Each release on the PHP that it has, or the nearest to it; at night on every PHP.
ON = [
    pytest.param(version, php, marks=() if NEAREST[RELEASES[version]] == php else pytest.mark.night)
    for version in RELEASES
    for php in SUITES
]


@needs_corpus
@pytest.mark.parametrize(("version", "php"), ON)
def test_the_stand_in_generates_what_pfsense_generates(version: str, php: str) -> None:
    cases = {case.name: case for case in sorted((CORPUS / "pfsense" / version).iterdir())}
    assert len(cases) == SETTINGS
    texts = {name: (case / "config.xml").read_text(encoding="utf-8") for name, case in cases.items()}
    with box(php, RELEASES[version], {"cf/conf/config.xml": texts["base"]}) as one:
        made: dict[str, dict[str, Any]] = one.answer(GENERATE, texts)
    assert made.keys() == cases.keys()
    wrong = {
        f"{name}/{file}": (said(made[name][file]), wanted)
        for name, case in cases.items()
        for file, wanted in expected(case).items()
        if said(made[name][file]) != wanted
    }
    assert not wrong
