"""What breaks tunnels of mixed fleets, repaired by the playbook: each round of faults in its own fleet, all at once.

The faults of a round are put on both tunnels of its fleet, applied and run by charon. The playbook then foretells what
it will do, does it, and is run again. Of two more fleets one is to be changed, and one to have what it cannot.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.lab.faults.hands import nft
from tests.lab.inventory import inventory
from tests.lab.lab import Lab
from tests.lab.pinging import Pings, pinging

from .ansible_run import Run
from .mixed_fleet import (
    DECLARED,
    OTHER_PSKS,
    PSKS,
    Fault,
    by_tunnel,
    config,
    files_that_show,
    fleets,
    numbered,
    pfsenses,
    put,
    report,
    run,
    secrets,
    told,
    with_canaries,
)

pytestmark = pytest.mark.lasts(15)
FEW = 10  # of the pings of both ends; mostly none


@dataclass(frozen=True)
class Round:
    """Faults of both tunnels at a time, and what each is found as; or what else is declared."""

    name: str
    faults: tuple[Fault, ...] = ()
    found: Mapping[str, set[str]] = field(default_factory=dict)  # by tunnel; others may be beside these
    declared: tuple[dict[str, Any], ...] = tuple(DECLARED)
    psks: bool = False
    esp_lost: bool = False


BRANCH, HUB, HUB2, LINUX = ("branch", "con1"), ("hub", "con1"), ("hub", "con2"), ("linux", "hub")
NOBODY = {"startaction": "none", "closeaction": "none"}
NO_DPD = {"dpd_delay": None, "dpd_maxfail": None}
NETWORK = "<type>network</type><address>{}</address><netbits>{}</netbits>"
NEW = {"proposals": "aes256-sha384-modp2048"}
STARTS = {"start_action": "trap|start", "close_action": "trap", "dpd_action": "start"}  # no pfSense can have that
IMPOSSIBLE: dict[str, Any] = {
    **DECLARED[1],
    "ends": [
        {**DECLARED[1]["ends"][0], "child_settings": STARTS},
        {**DECLARED[1]["ends"][1], "child_settings": {"start_action": "none"}},
    ],
    "settings": {"keyingtries": "0"},
}
FAULTS = (
    Round(
        "nobody starts, nobody checks, equal lifetimes",
        (
            Fault(*BRANCH, phase1=NOBODY, phase2={"keepalive": "disabled"}),
            Fault(*HUB, phase1={"lifetime": "28800"}, phase2={"lifetime": "3600"}),
            Fault(*HUB2, phase1=NO_DPD),
            Fault(*LINUX, settings={"dpd_delay": "0s"}),
        ),
        {"sites": {"no-initiator"}, "partner": {"dpd-off"}},
    ),
    Round(
        "proposals, PFS and networks apart",
        (
            Fault(*BRANCH, phase1={"dhgroup": "19"}, phase2={"remoteid": NETWORK.format("10.0.0.0", "25")}),
            Fault(*HUB2, phase2={"pfsgroup": "0"}),
            Fault(*LINUX, child={"remote_ts": "10.0.0.0/26"}),
        ),
        {
            "sites": {"ike-proposals-disjoint", "selectors-not-mirrored"},
            "partner": {"pfs-mismatch", "selectors-not-mirrored"},
        },
    ),
    Round(
        "identities and keys apart",
        (
            Fault(*HUB, phase1={"peerid_data": "somebody-else.lab"}),
            Fault(*BRANCH, phase1={"pre-shared-key": OTHER_PSKS[0]}),
            Fault(*HUB2, phase1={"pre-shared-key": OTHER_PSKS[1]}),
            Fault(*LINUX, settings={"remote.id": "somebody-else.lab"}),
        ),
        {"sites": {"identity-mismatch", "psk-mismatch"}, "partner": {"identity-mismatch", "psk-mismatch"}},
        psks=True,
    ),
    Round(
        "both start and come back",
        (
            Fault(*HUB, phase1={"startaction": "start", "closeaction": "start"}),
            Fault(*LINUX, child={"start_action": "start", "close_action": "start", "dpd_action": "start"}),
        ),
        {tunnel: {"both-initiate", "close-action-both"} for tunnel in PSKS},
    ),
    Round(
        "checks at both ends, and a path that loses ESP",
        (Fault(*HUB, phase2={"keepalive": "enabled"}),),
        {"sites": {"keepalive-both"}, "partner": {"nat-traversal-needed"}},
        esp_lost=True,
    ),
    Round(
        "close actions that do not go together",
        (
            Fault(*BRANCH, phase1={"closeaction": "none"}, phase2={"keepalive": "disabled"}),
            Fault(*HUB, phase1={"closeaction": ""}),
            Fault(*HUB2, phase1={"closeaction": ""}, phase2={"keepalive": "disabled"}),
        ),
        {"sites": {"initiator-not-persistent", "dpd-traps-responder"}, "partner": {"initiator-not-persistent"}},
    ),
)
CHANGED = Round("a declared change of both ends", declared=tuple({**each, "settings": NEW} for each in DECLARED))
NEAREST = Round(
    "the nearest of what is declared",
    (Fault(*HUB2, phase1=NOBODY, phase2={"keepalive": "disabled"}),),
    declared=(DECLARED[0], IMPOSSIBLE),
)
ROUNDS = dict(enumerate((*FAULTS, CHANGED, NEAREST), 1))
# Each phase of a repair on each kind of end; what else is asked of a pfSense is shown in unit/test_pfsense_repairs.py.
BY_DAY = (1, 3)
WHEN = {number: "day" if number in BY_DAY else "night" for number in ROUNDS}
NIGHT = pytest.mark.night
EACH = pytest.mark.parametrize(
    "number",
    [pytest.param(n, id=made.name, marks=() if n in BY_DAY else NIGHT) for n, made in ROUNDS.items()],
)
ALL = pytest.mark.parametrize("when", ["day", pytest.param("night", marks=NIGHT)])


def of(number: int, given: Any) -> Any:
    """What is said of any fleet, said of one."""
    return json.loads(numbered(json.dumps(given), number))


@dataclass(frozen=True)
class Story:
    """Three runs of the playbook and what each wrote down, and whether traffic passed after the second."""

    lab: Lab
    hosts: Path
    foretold: Run
    done: Run
    repeated: Run
    before: dict[str, Any]
    after: dict[str, Any]
    again: dict[str, Any]
    lost: Mapping[str, Pings]
    carries: Mapping[str, tuple[bool, bool]]


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Story]]:
    """The rounds of the day are played in one lab, and those of the night in another."""
    with ExitStack() as until_the_end:

        @cache
        def story(when: str) -> Story:
            rounds = {number: made for number, made in ROUNDS.items() if WHEN[number] == when}
            return until_the_end.enter_context(played(rounds, tmp_path_factory.mktemp(when)))

        yield story


@contextmanager
def played(rounds: Mapping[int, Round], tmp: Path) -> Iterator[Story]:
    given: dict[str, Any] = {
        "ipsec_tunnels": [each for number, made in rounds.items() for each in of(number, made.declared)],
        "ipsec_psks": {f"{tunnel}{n}": key for n, made in rounds.items() if made.psks for tunnel, key in PSKS.items()},
        "ipsec_repair": ["default", "persistence", "practice", "peer_word"],  # networks apart: one end is to take more
        "ipsec_timeout": 10,
    }
    with with_canaries(fleets(rounds)) as lab, ThreadPoolExecutor(8) as pool:
        hosts = tmp / "inventory.yml"
        hosts.write_text(inventory(lab), encoding="utf-8")
        break_all(lab, rounds)
        foretold = run(tmp, hosts, "remediate", "--check", "--diff", **given)
        with ExitStack() as while_changed:
            changed = [f"{tunnel}{number}" for number, made in rounds.items() if made is CHANGED for tunnel in PSKS]
            lost = {tunnel: while_changed.enter_context(pinging(lab, tunnel)) for tunnel in changed}
            done = run(tmp, hosts, "remediate", "--diff", **given)
        before, after = report(tmp, "before"), report(tmp, "after")
        carries = dict(zip(lab.topology.tunnels, pool.map(lab.pings, lab.topology.tunnels), strict=True))
        repeated = run(tmp, hosts, "remediate", **given)
        yield Story(lab, hosts, foretold, done, repeated, before, after, report(tmp, "before"), lost, carries)


def break_all(lab: Lab, rounds: Mapping[int, Round]) -> None:
    for number, made in rounds.items():
        if made.esp_lost:
            linux = lab.topology.tunnels[f"partner{number}"].responder.address
            nft(lab, f"isp{number}", f"add rule inet lab forward ip daddr {linux} ip protocol esp drop")
    faults = [Fault(**of(number, asdict(fault))) for number, made in rounds.items() for fault in made.faults]
    put(lab, {gateway: config(lab, gateway) for gateway in pfsenses(lab)}, faults)


@EACH
def test_faults_of_both_tunnels_are_found_and_repaired_and_traffic_passes(
    stories: Callable[[str], Story], number: int
) -> None:
    story = stories(WHEN[number])
    found, left, again = (by_tunnel(each) for each in (story.before, story.after, story.again))
    made = ROUNDS[number]
    for tunnel in PSKS:
        name = f"{tunnel}{number}"
        assert made.found.get(tunnel, set()) <= found.get(name, set()), found
        stays = {"setting-impossible"} if made is NEAREST and tunnel == "partner" else set()
        assert left.get(name, set()) == again.get(name, set()) == stays
        assert story.carries[name] == (True, True)


@ALL
def test_all_of_it_is_done_as_foretold(stories: Callable[[str], Story], when: str) -> None:
    story = stories(when)
    assert story.done.status == 0, story.done.output
    assert story.foretold.changed() == story.done.changed()
    hubs = {gateway for gateway in story.lab.topology.gateways if gateway.startswith("hub")}
    assert hubs <= set(story.done.changed())
    assert story.foretold.diffs() == story.done.diffs()


@ALL
def test_nothing_is_done_twice(stories: Callable[[str], Story], when: str) -> None:
    story = stories(when)
    assert (story.repeated.status, story.repeated.changed()) == (0, {}), story.repeated.output


@NIGHT
def test_a_declared_change_of_both_ends_loses_no_packet(stories: Callable[[str], Story]) -> None:
    story = stories("night")
    number, outages = number_of(CHANGED), story.before["outages"]
    assert {name: outages[f"{name}{number}"]["seconds"] for name in PSKS} == dict.fromkeys(PSKS, 0)
    assert len(story.lost) == len(PSKS)
    assert {name: lost for name, lost in story.lost.items() if lost.lost > FEW} == {}
    for gateway in ("hub", "branch", "linux"):
        assert "MODP_2048" in story.lab.sh(f"{gateway}{number}", "swanctl --list-sas")


@NIGHT
def test_what_a_pfsense_cannot_have_is_said_and_the_nearest_is_set(stories: Callable[[str], Story]) -> None:
    story = stories("night")
    number = number_of(NEAREST)
    text = config(story.lab, f"hub{number}")
    assert ("<startaction>start<" in text, "<closeaction>start<" in text) == (True, True)
    said = " ".join(finding["summary"] for finding in story.again["findings"])
    assert f"declared for hub{number}/con2/con2 (partner{number}) is start_action = trap|start" in said
    assert f"hub{number} cannot have that; the nearest is start" in said
    assert f"keyingtries = 0, and hub{number} has no place for it" in said


def number_of(made: Round) -> int:
    return next(number for number, each in ROUNDS.items() if each is made)


@ALL
def test_no_secret_is_in_what_a_pfsense_logs_or_says_of_its_revisions(
    stories: Callable[[str], Story], when: str
) -> None:
    """After keys were changed among all else. Where its own configuration is, it has them."""
    story = stories(when)
    known = secrets(story.hosts)
    for gateway in pfsenses(story.lab):
        assert [secret for secret in known if secret in told(story.lab, gateway)] == []
        assert files_that_show(story.lab, gateway, known) <= {"/tmp/config.cache"}  # noqa: S108  pfSense has it there
