"""The HTML report in Chromium: what it shows, filter and search, the keyboard, accessibility, hostile names, size."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import EndName
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.build import build_report
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.content import Report
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.diff import ReportDiff, diff_reports
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.formats import html as as_html
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.unit.build import edited, healthy
from tests.unit.report.fleet import HOSTILE, TIME, found, gateways, hostile, report
from tests.unit.report.test_formats import earlier

STATES = ("up, traffic passes", "up", "up, no traffic", "down")
MANY = 10_000
GROWTH = 30  # by which it may take longer for ten times as many; on a machine with nothing else to do some 30 ms
FILTER = """(state) => { const box = document.getElementById("state"), begun = performance.now();
box.value = state; box.dispatchEvent(new Event("change")); document.body.getBoundingClientRect();
return performance.now() - begun; }"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium
    expect.set_options(timeout=60_000)  # milliseconds: the machine of the tests may be busy
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Shown:
    """A page that is open, and what it complained of."""

    def __init__(self, browser: Browser, path: Path, text: str, scheme: str = "light") -> None:
        path.write_text(text, encoding="utf-8")
        self.context = browser.new_context(color_scheme=scheme, offline=True)  # type: ignore[arg-type]
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.set_default_timeout(60_000)
        self.page.goto(path.as_uri(), timeout=180_000)


def report_with_sides() -> Report:
    return build_report(found(), gateways(), TIME, sides=True)


def fleet(number: int) -> Report:
    """So many tunnels in all states between hubs and spokes, every tenth with the findings of the one that there is."""
    (tunnel,) = report().tunnels
    names = [f"t{n:05d}" for n in range(number)]
    tunnels = [
        replace(
            tunnel,
            name=name,
            state=STATES[n % 4],
            ends=(EndName(f"hub{n // 500}", name), EndName(f"spoke{n}", "hub")),
            initiator=f"spoke{n}",
        )
        for n, name in enumerate(names)
    ]
    those = [finding for finding in report().findings if finding.tunnel]
    findings = [replace(each, tunnel=name) for name in names[::10] for each in those]
    return replace(report(), tunnels=tuple(tunnels), findings=tuple(findings))


@pytest.fixture
def shown(browser: Browser, tmp_path: Path) -> Iterator[Shown]:
    one = Shown(browser, tmp_path / "report.html", as_html.render(fleet(250), ReportDiff()))
    yield one
    assert one.complaints == []
    one.context.close()


def test_the_page_says_at_a_glance_what_is_down_and_opens_to_why_and_what_to_do(shown: Shown) -> None:
    page = shown.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Audit of IPsec tunnels")
    page.get_by_role("button", name="down").click()
    expect(page.get_by_role("status")).to_have_text("62 of 250 tunnels")
    page.get_by_role("searchbox", name="Search").fill("waiver t00030")
    expect(page.get_by_role("status")).to_have_text("0 of 250 tunnels")  # every second tenth is down, 30 is not
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("searchbox", name="Search").fill("t00030")
    row = page.locator("#list > li")
    expect(row).to_have_count(1)
    row.locator("summary").click()
    expect(row).to_contain_text("b/to-a never checks that its peer is alive")
    expect(row).to_contain_text("What to do: on b/to-a: dpd_delay = 30s")
    expect(row).to_contain_text("Proof: b swanctl.conf:10: dpd_delay is not set")
    page.get_by_role("searchbox", name="Search").fill("t0003")
    expect(page.get_by_role("status")).to_have_text("10 of 250 tunnels")
    expect(row.filter(has_text="t00030")).to_contain_text("What to do: on b/to-a: dpd_delay = 30s")  # it stays open


def with_some_down() -> Report:
    """Thirty tunnels, each third of them down because its children are not installed."""
    a, b = healthy()
    ((broken,), (fine,)) = (build_report(audit(pair), pair, TIME).tunnels for pair in ((a, edited(b, sas=())), (a, b)))
    findings = audit((a, edited(b, sas=()))).findings
    names = [f"branch{n:02d}" for n in range(30)]
    tunnels = tuple(replace(broken if n % 3 == 0 else fine, name=name) for n, name in enumerate(names))
    down = tuple(replace(each, tunnel=name) for name in names[::3] for each in findings)
    return replace(report(), tunnels=tunnels, findings=down)


def test_two_clicks_lead_from_the_page_to_what_is_down_why_and_what_to_do(browser: Browser, tmp_path: Path) -> None:
    """The path that the guide describes, guide_policy_and_reports.rst: nothing is typed, nothing is scrolled for."""
    shown = Shown(browser, tmp_path / "report.html", as_html.render(with_some_down(), ReportDiff()))
    page = shown.page
    page.get_by_role("button", name="down").click()  # which
    expect(page.get_by_role("status")).to_have_text("10 of 30 tunnels")
    rows = page.locator("#list > li")
    names = [text[: len("branch00")] for text in rows.locator("summary").all_inner_texts()]
    assert names == [f"branch{n:02d}" for n in range(0, 30, 3)]
    rows.first.locator("summary").click()  # why, and what to do
    (first, *dummy) = with_some_down().findings
    finding = rows.first.locator("div").get_by_text(first.summary)
    expect(finding).to_be_visible()
    told = rows.first.inner_text()
    assert first.id in told
    assert told.index(first.summary) < told.index("Proof: ") < told.index("What to do: ")
    assert shown.complaints == []


def test_filters_narrow_and_more_are_shown_on_demand(shown: Shown) -> None:
    page = shown.page
    expect(page.locator("#list > li")).to_have_count(100)
    page.get_by_role("button", name="Show more").click()
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#list > li")).to_have_count(250)
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    page.get_by_label("Findings").select_option("high")
    expect(page.get_by_role("status")).to_have_text("25 of 250 tunnels")
    page.get_by_label("State").select_option("up, no traffic")
    expect(page.get_by_role("status")).to_have_text("12 of 250 tunnels")
    expect(page.get_by_role("button", name="up, no traffic")).to_have_attribute("aria-pressed", "true")


def test_the_map_shows_each_state_by_its_own_shape(shown: Shown) -> None:
    page = shown.page
    picture = page.get_by_role("img", name="Map of")
    expect(picture).to_be_visible()
    caption = page.locator("#map-caption")
    for shape in ("solid line, circle", "solid line, ring", "dashed line, triangle", "dotted line, cross"):
        expect(caption).to_contain_text(shape)
    page.get_by_role("searchbox").fill("t00003")
    expect(picture.locator("line")).to_have_count(1)
    expect(picture.locator("rect")).to_have_count(2)


def test_all_of_it_is_reached_by_the_keyboard(shown: Shown) -> None:
    page = shown.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the tunnels")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("t00000")
    expect(page.locator("#list > li")).to_have_count(1)
    for dummy in range(4):
        page.keyboard.press("Tab")
    expect(page.locator("summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#list details")).to_have_attribute("open", "")


def test_both_ends_stand_side_by_side_with_what_differs_marked(browser: Browser, tmp_path: Path) -> None:
    (tunnel,) = report().tunnels
    rows = report_with_sides().sides[tunnel.name]
    assert [row.what for row in rows if row.same is False] == ["proposals"]
    shown = Shown(browser, tmp_path / "report.html", as_html.render(report_with_sides(), ReportDiff()))
    shown.page.locator("summary").click()
    table = shown.page.get_by_role("table", name="Both ends side by side")
    expect(table.locator("tr.differs")).to_have_count(1)
    expect(table.locator("tr.differs")).to_contain_text("3des-sha256-x25519")
    expect(table.locator("tr.differs")).to_contain_text("differs")
    assert shown.complaints == []


def test_drift_waivers_and_what_is_of_no_tunnel_are_there(browser: Browser, tmp_path: Path) -> None:
    shown = Shown(browser, tmp_path / "report.html", as_html.render(report(), diff_reports(earlier(), report())))
    page = shown.page
    expect(page.locator("header")).to_contain_text("What changed since 2026-11-20T16:00:00Z: 1 new, 1 gone")
    expect(page.locator("header")).to_contain_text("a-b: down, now up, traffic passes")
    expect(page.locator("#waived")).to_contain_text("net-team")
    expect(page.locator("#elsewhere")).to_contain_text("d could not be read: timed out")
    expect(page.locator("#unpaired")).to_contain_text("c/lonely")
    page.locator("#list summary").click()
    expect(page.locator("#list")).to_contain_text("(new)")
    assert shown.complaints == []


def test_the_page_is_accessible(browser: Browser, tmp_path: Path, scheme: str) -> None:
    for name, told in (("one", report_with_sides()), ("many", fleet(120))):
        text = as_html.render(told, diff_reports(earlier(), report()))
        shown = Shown(browser, tmp_path / f"{name}.html", text, scheme)
        for box in shown.page.locator("summary").all()[:20]:
            box.click()
        judged = Axe().run(shown.page)
        assert judged.violations_count == 0, judged.generate_report()
        assert shown.complaints == []


@pytest.mark.parametrize("text", HOSTILE, ids=[repr(text[:12]) for text in HOSTILE])
def test_a_hostile_name_is_text(browser: Browser, tmp_path: Path, text: str) -> None:
    shown = Shown(
        browser, tmp_path / "report.html", as_html.render(hostile(text), diff_reports(earlier(), hostile(text)))
    )
    page = shown.page
    page.locator("#list summary").first.click()
    expect(page.locator("#list")).to_contain_text("initiates, because")
    assert page.locator("script").count() == 2
    assert page.locator("img, iframe, object, a:not(.skip)").count() == 0
    assert shown.complaints == []
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert not wide


def test_ten_thousand_tunnels_filter_without_a_pause(browser: Browser, tmp_path: Path) -> None:
    few, many = (_filtering(browser, tmp_path, number) for number in (MANY // 10, MANY))
    print(f"filtering {MANY // 10} tunnels took {few:.0f} ms, filtering {MANY} took {many:.0f}")
    assert many < GROWTH * few


def _filtering(browser: Browser, tmp_path: Path, number: int) -> float:
    """Milliseconds that a filter of so many tunnels takes at best."""
    shown = Shown(browser, tmp_path / "report.html", as_html.render(fleet(number), ReportDiff()))
    expect(shown.page.get_by_role("status")).to_contain_text(f"{number} of {number} tunnels")
    taken = min(shown.page.evaluate(FILTER, state) for state in STATES * 4)
    expect(shown.page.get_by_role("status")).to_contain_text(f"{number // 4} of {number} tunnels")
    assert shown.complaints == []
    return max(float(taken), 1.0)  # finer than that a browser's clock is not to be trusted


def test_on_paper_everything_that_is_chosen_is_open(shown: Shown) -> None:
    page = shown.page
    page.get_by_role("searchbox").fill("t0001")
    expect(page.locator("#list > li")).to_have_count(10)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("#list details[open]").count() == 10
    expect(page.locator("#filter")).to_be_hidden()
    assert page.pdf()[:4] == b"%PDF"
