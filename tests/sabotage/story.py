"""Ways, each on a pair of gateways of its own, several at once: what happened, and whether the end is right."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tests.lab.lab import running
from tests.lab.topology import pairs

from .picture import CONF
from .scene import USUAL, Scene, Terms
from .way import Pictures, Way

PAIRS = 14  # of one lab
LABS_AT_ONCE = 4  # a way mostly waits for a guard: meanwhile others are gone, as many as controller.AT_WORK has
COMES_RIGHT_WITHIN = 420.0  # seconds after the last of the sabotage
UP_WITHIN = 60.0
# What measured the outage ends by itself, in time, and takes away what it has written; the change is undone before.
PINGS = re.compile(r"/run/tunnelwright|: processes: there is (ping|sh|sleep) .*(ping|/run/tunnelwright|sleep 60)")
WORDS = {"sas": "the SAs", "loaded": "what is loaded", "processes": "processes"}


@dataclass(frozen=True)
class Told:
    """What came of one way."""

    way: Way
    wrong: Sequence[str] = ()
    harm: Sequence[str] = ()
    seconds: float | None = None  # from the strike until all was right
    happened: Sequence[str] = field(default_factory=tuple)

    @property
    def right(self) -> bool:
        return not self.wrong


@dataclass(frozen=True)
class Course:
    """Ways that are gone on the same terms on the same Debian release."""

    name: str
    ways: Sequence[Way]
    suite: str = "trixie"
    terms: Terms = USUAL


def tell(courses: Sequence[Course], folder: Path, say: Callable[[str], None]) -> dict[str, list[Told]]:
    """Go all of it; what came of the ways of each course, by its name."""
    groups = [(course, group) for course in courses for group in _groups(course.ways)]
    with ThreadPoolExecutor(LABS_AT_ONCE) as pool:
        told = list(pool.map(lambda both: _tell(both[0], both[1], folder, say), groups))
    return {
        course.name: [one for (own, dummy), some in zip(groups, told, strict=True) if own is course for one in some]
        for course in courses
    }


def _tell(course: Course, group: Sequence[Way], folder: Path, say: Callable[[str], None]) -> list[Told]:
    """Go some of a course, in one lab."""
    suite, terms = course.suite, course.terms
    topology = pairs(sum(way.pairs for way in group), name=f"sabotage-{suite}", connections=2)
    with running(topology, suite=suite) as lab:
        say(f"{course.name}: {len(topology.gateways)} gateways are up for {len(group)} ways")
        tunnels = iter([tunnel for name, tunnel in topology.tunnels.items() if name.startswith("t")])
        scenes = [
            Scene(lab, tuple(islice(tunnels, way.pairs)), folder / f"{course.name}-{way.name}", way.times, terms)
            for way in group
        ]

        def go(way: Way, scene: Scene) -> Told:
            told = _go(way, scene)
            say(f"{course.name}: {way.name}: {'right' if told.right else 'WRONG'}")
            return told

        with ThreadPoolExecutor(len(group)) as pool:
            return list(pool.map(go, group, scenes))


def _groups(ways: Sequence[Way]) -> Iterator[list[Way]]:
    group: list[Way] = []
    for way in ways:
        if sum(one.pairs for one in group) + way.pairs > PAIRS:
            yield group
            group = []
        group.append(way)
    if group:
        yield group


def _go(way: Way, scene: Scene) -> Told:
    scene.folder.mkdir()
    try:
        _up(scene)
        scene.remember()
        way.do(scene)
        if scene.struck is None:
            return Told(way, ["nothing was done to it"])
        wrong, seconds = _come_right(way, scene)
    except Exception as error:  # noqa: BLE001  # one way that cannot be gone is told as that, and the others go on
        return Told(way, [f"{type(error).__name__}: {error}"], _brief(scene))
    finally:
        for run in scene.runs:
            run.kill()
    if way.undone and not scene.harm:
        wrong = [*wrong, "nothing had changed when it was struck, so nothing was shown"]
    return Told(way, wrong, _brief(scene), seconds, tuple(_happened(scene)))


def _up(scene: Scene) -> None:
    end = time.monotonic() + UP_WITHIN
    while _dead(scene):
        if time.monotonic() > end:
            raise TimeoutError("the tunnel did not come up in the first place")
        time.sleep(0.5)


def _dead(scene: Scene) -> list[str]:
    """Where traffic does not pass."""
    return [
        f"no traffic passes {tunnel.name} from the {side}"
        for tunnel in scene.tunnels
        for side, passes in zip(("initiator", "responder"), scene.lab.pings(tunnel.name), strict=True)
        if not passes
    ]


def _come_right(way: Way, scene: Scene) -> tuple[list[str], float | None]:
    """Wait until all is right, and still is a little later; what is wrong, or how long it took."""
    alone = 30 + (0 if scene.terms.hurried else scene.seconds)
    end = time.monotonic() + (COMES_RIGHT_WITHIN if scene.terms.guarded else alone)
    right = [pictures(scene) for pictures in way.right.pictures]
    seconds: float | None = None
    while time.monotonic() < end:
        wrong = ["it is guarded"] if _guarded(scene) else _wrong(scene, right)
        if not all(PINGS.search(line) for line in wrong):
            seconds = None
        elif seconds is None:
            seconds = time.monotonic() - (scene.struck or 0)
        elif not wrong or not scene.terms.patient:
            return [], seconds
        time.sleep(2)
    return _wrong(scene, right), None


def _guarded(scene: Scene) -> bool:
    """Whether a guard stands, or the rest of one: quicker to see than all the rest."""
    look = ["sh", "-c", "ls -d /etc/tunnelwright/guard*"]
    return any(not scene.lab.exec(gateway, look).returncode for gateway in scene.gateways)


def _wrong(scene: Scene, right: Sequence[Pictures]) -> list[str]:
    """What is other than the one of them that is nearest."""
    failed = [
        f"{scene.gateways[gateway]}: {line}"
        for gateway, now in scene.look().items()
        for line in now.record.splitlines()
        if line.startswith("failed ")
    ]
    return min((scene.differences(pictures) for pictures in right), key=len) + failed or _dead(scene)


def _happened(scene: Scene) -> Iterator[str]:
    """In words that are the same each time."""
    for number, run in enumerate(scene.runs):
        which = "the run" if len(scene.runs) == 1 else ("the first run", "the second run")[number]
        status = run.process.returncode
        how = "was killed" if status < 0 else "did all" if status == 0 else "failed"
        said = [] if status < 0 else scene.reasons(run) or [message for dummy, message in run.failures][:1]
        yield _plain(scene, f"{which} {how}{': ' if said else ''}{'; '.join(said)}")
    for gateway, now in scene.look().items():
        lines = [line.partition(" ") for line in now.record.splitlines()]
        facts = {key: what for key, dummy, what in lines}
        undone = [what for key, dummy, what in lines if key == "did" and what.startswith(("put back", "remove"))]
        if facts:
            yield _plain(scene, f"{gateway} rolled back, {facts['why']}: {', '.join(undone) or 'nothing to put back'}")


def _brief(scene: Scene) -> list[str]:
    """What was other when it was struck, a few words for each gateway."""
    subjects: dict[str, dict[str, None]] = {}
    for line in scene.harm:
        who, dummy, what = line.partition(": ")
        subject = what.split(":" if what.split(":")[0] in WORDS else " is ")[0]
        subjects.setdefault(who, {})[WORDS.get(subject, _plain(scene, subject))] = None
    return [f"{who}: {', '.join(what)}" for who, what in subjects.items()]


def _plain(scene: Scene, text: str) -> str:
    for number, tunnel in enumerate(scene.tunnels, 1):
        called = "the tunnel" if len(scene.tunnels) == 1 else f"tunnel {number}"
        text = re.sub(rf"\b{tunnel.name}\b", called, text)
    for gateway, role in scene.gateways.items():
        text = re.sub(rf"\b{gateway}\b", role, text)
    for old, new in ((f"{CONF}/conf.d/", ""), (f"{CONF}/", ""), ("Task failed: ", ""), ("\n", " "), ("|", "/")):
        text = text.replace(old, new)
    return re.sub(r"\b\d+ s\b", "some seconds", re.sub(r'"?100\.[\d.]+"?', "it", text)).strip()
