"""The live page in Debian's Chromium, over a real committee of nodes in processes of their own."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Error, Route, expect, sync_playwright

from node.api import keys
from node.entropy import SystemEntropy
from tests.harness.browsers import Looking, asked, launched, looking, there
from tests.harness.fronts import front
from tests.harness.real_nodes import RealSwarm

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not there(), reason="Debian packages are missing: chromium"),
]

NAMES: Final = ["alice", "bob", "carol", "dave", "erin"]
SLOW: Final = "frank"
"""A sixth member, whose model never comes to an end: a task that asks it stays as it is."""

QUESTION: Final = (
    "Troponin rose twice, the ECG has no ST elevation, and the pain comes at rest. Which is it?"
)
OPTIONS: Final = ["NSTEMI", "unstable angina", "pericarditis"]
PHONE: Final = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}

MARKUP: Final = (
    "<img src=x onerror=\"document.title='owned'\">",
    "<script>document.title='owned'</script>",
    "<svg/onload=document.title='owned'>",
    '"><iframe src=javascript:parent.document.title=`owned`>',
    "</p></section><style>*{display:none}</style>",
    "<a href=javascript:alert(1)>the answer</a> {{7*7}} ${7*7} \u202eevil\u202c",
)
ATTACKS: Final[list[str]] = [
    one
    for group in json.loads(
        (Path(__file__).parents[1] / "data/bipia_text_attack_train.json").read_text("utf-8")
    ).values()
    for one in group
]


HEARD: Final = """() => {
    window.heard = [];
    const place = document.getElementById('announce');
    new MutationObserver(() => window.heard.push(place.textContent))
        .observe(place, {childList: true, characterData: true, subtree: true});
}"""
"""Keeps what a screen reader is told from here on."""

expect.set_options(timeout=60_000)  # as patient as everything here: a loaded machine is no failure


class Committee:
    """A swarm of five, and the fronts of two of them: alice's, and bob's, who wants a key."""

    def __init__(self, swarm: RealSwarm) -> None:
        self.alice, self.bob = (front(swarm, name).removesuffix("/v1") for name in ("alice", "bob"))
        self.key, self.scraper = [
            keys.add(swarm["bob"].config.api.keys, name, now_ms=1, entropy=SystemEntropy(), may=may)
            for name, may in (
                ("ann", (keys.Scope.ASK, keys.Scope.READ)),
                ("prometheus", (keys.Scope.METRICS,)),
            )
        ]
        self.swarm = swarm
        swarm.all_up()

    def task(self, question: str = QUESTION, **more: Any) -> str:
        return asked(self.alice, question, **{"options": OPTIONS, "members": NAMES, **more})


def said(at: int) -> dict[str, Any]:
    """A member's model: parted first and at one later, in words that are no markup."""
    words = "\n".join([*MARKUP, *ATTACKS[at :: len(NAMES)]])
    lines = {
        "alice": {"answer": "NSTEMI", "confidence": 7_200},
        "bob": {"answer": "NSTEMI", "confidence": 6_600},
        "carol": {"answer": "unstable angina", "later": ["NSTEMI"], "confidence": 5_400},
        "dave": {"answer": "pericarditis", "later": ["unstable angina"], "confidence": 4_500},
        "erin": {"answer": "unstable angina", "later": ["NSTEMI"], "confidence": 5_000},
    }
    line = {**lines[NAMES[at]], "rationale": words}
    return {"line": line, "cases": {MARKUP[0]: {"answer": MARKUP[at % 2], "rationale": words}},
            "delay_ms": 150 + 50 * at}  # fmt: skip


@pytest.fixture(scope="module")
def committee(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Committee]:
    home = tmp_path_factory.mktemp("page")
    models = {name: said(at) for at, name in enumerate(NAMES)}
    with RealSwarm(home, {**models, SLOW: {"delay_ms": 3_600_000}}) as swarm:
        yield Committee(swarm)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = launched(playwright)
        yield found
        found.close()


@pytest.fixture(scope="module")
def decided(committee: Committee, browser: Browser) -> str:
    """A task that is over."""
    task = committee.task(policy={"rounds": 4, "near_consensus": 0}, domain="cardiology")
    with looking(browser, committee.alice) as look:
        look.go(f"#/d/{task}")
        expect(look.page.locator(".outcome .answer")).to_be_visible()
    return task


def test_a_deliberation_is_shown_as_it_runs(committee: Committee, browser: Browser) -> None:
    patient = {"draft_ms": 3_600_000, "deadline_ms": 3_600_000, "rounds": 4, "near_consensus": 0}
    with looking(browser, committee.alice) as look:
        page = look.page
        look.go()
        expect(page.locator(".health")).to_contain_text("6/6 up")
        task = committee.task(members=[*NAMES, SLOW], policy=patient)
        page.locator(f".tasks a[href='#/d/{task}']").click()
        expect(page.locator(".head .pill.running")).to_have_text("drafting")
        expect(page.locator(".stages tbody tr")).to_have_count(6)
        expect(page.locator(".stages .mark.there")).to_have_count(5)
        expect(page.locator(".stages thead")).to_contain_text("drafted 5/6")
        expect(page.locator(".matrix.panel")).to_be_hidden()
        look.shot("running", whole=False)
        page.evaluate(HEARD)
        committee.swarm[SLOW].kill()
        expect(page.locator(".outcome .answer")).to_have_text("NSTEMI")
        expect(page.locator(".matrix td.masked")).to_have_count(5)
        expect(page.locator(".head .pill")).to_have_text("decided")
        expect(page.locator(".tasks a[aria-current]")).to_contain_text("NSTEMI")
        expect(page.locator("#announce")).to_contain_text("Decided: NSTEMI")
        assert "Round 1 has its outcome" in page.evaluate("window.heard")
        expect(page.locator(".health")).to_contain_text("5/6 up")
        expect(page.locator(".health .light.ill")).to_be_visible()
        committee.swarm.all_up()
        expect(page.locator(".health .light.well")).to_be_visible()


def test_a_verdicts_page_has_every_figure_and_checks_itself(
    committee: Committee, browser: Browser, decided: str
) -> None:
    with looking(browser, committee.alice) as look:
        page = look.page
        look.go(f"#/d/{decided}")
        page.get_by_role("button", name="Check every figure").click()
        steps = page.locator(".steps li")
        expect(steps.first).to_be_visible()
        assert page.locator(".steps li.holds").count() == steps.count() >= 2 + 5
        expect(page.locator("#announce")).to_contain_text("The verdict holds")
        expect(page.locator(".steps")).to_contain_text("masks, tally, plateau and decision")
        hatched = page.locator(".matrix td.masked").first.evaluate(
            "cell => getComputedStyle(cell).backgroundImage"
        )
        assert "repeating-linear-gradient" in hatched
        rows = page.locator(".matrix tbody tr")
        for at in range(rows.count()):
            masked = (
                rows.nth(at)
                .locator("td")
                .evaluate_all("cells => cells.map(cell => cell.classList.contains('masked'))")
            )
            assert masked == [at == other for other in range(5)]
        assert (
            page.locator(".strengths circle").count() == page.locator(".strengths tbody tr").count()
        )
        expect(page.locator(".course .stop-label")).to_contain_text("stopped:")
        for picture in page.locator("svg[role=img]").all():
            assert picture.get_attribute("aria-label")
            assert picture.locator("xpath=ancestor::section//table").count() == 1
        page.get_by_role("button", name="R1", exact=True).click()
        expect(page.locator(".matrix.panel h2")).to_contain_text("round 1")
        with page.expect_download() as download:
            page.get_by_role("button", name="Save the file").click()
        assert Path(download.value.path()).read_bytes().startswith(b'{"format":"quorate-verdict/1"')
        look.shot("verdict")


def test_members_and_the_node_are_shown(
    committee: Committee, browser: Browser, decided: str
) -> None:
    with looking(browser, committee.alice) as look:
        page = look.page
        look.go("#/members")
        for name in NAMES:
            expect(page.get_by_role("link", name=name, exact=True).first).to_be_visible()
        look.shot("members", whole=False)
        page.get_by_role("link", name="carol", exact=True).first.click()
        expect(page.locator("h1")).to_have_text("carol")
        page.locator(f".body a[href='#/d/{decided}']").click()
        expect(page.locator(".outcome .answer")).to_be_visible()
        page.get_by_role("link", name="Node", exact=True).click()
        expect(page.locator(".facts.wide")).to_contain_text("6 of 6")


def test_the_page_is_used_by_keyboard_alone(
    committee: Committee, browser: Browser, decided: str
) -> None:
    with looking(browser, committee.alice) as look:
        page = look.page
        look.go("#/node")
        expect(page.locator(".facts.wide")).to_be_visible()
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        for name in ("quorate", "Deliberations"):
            page.keyboard.press("Tab")
            expect(page.get_by_role("link", name=name, exact=True)).to_be_focused()
        ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert ring == "solid"
        page.keyboard.press("Enter")
        link = page.locator(f".tasks a[href='#/d/{decided}']")
        expect(link).to_be_visible()
        expect(page.locator("#main")).to_be_focused()
        for _ in range(page.locator(".tasks a").count()):
            page.keyboard.press("Tab")
            if link.evaluate("one => one === document.activeElement"):
                break
        page.keyboard.press("Enter")
        button = page.get_by_role("button", name="Check every figure")
        button.focus()
        page.keyboard.press("Space")
        expect(page.locator(".steps li").first).to_be_visible()
        expect(page.get_by_role("button", name="Check every figure")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_by_day_and_by_night(
    committee: Committee, browser: Browser, decided: str, scheme: Any
) -> None:
    with looking(browser, committee.alice, color_scheme=scheme) as look:
        look.go(f"#/d/{decided}")
        expect(look.page.locator(".outcome .answer")).to_be_visible()
        found = look.page.evaluate(
            """() => ['--ink', '--muted', '--accent', '--warn', '--bad'].map((name) =>
                [name, '--panel', '--ground', '--faint'].map((one) =>
                    getComputedStyle(document.documentElement).getPropertyValue(one).trim()))"""
        )
        for ink, *grounds in found:
            assert min(contrast(ink, ground) for ground in grounds) >= 4.5, (ink, grounds)
        look.shot(scheme)


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, `#rrggbb` (WCAG 2.2)."""

    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_a_phone_shows_one_thing_at_a_time_and_nothing_beside_it(
    committee: Committee, browser: Browser, decided: str
) -> None:
    with looking(browser, committee.alice, **PHONE) as look:
        page = look.page
        look.go()
        page.locator(f".tasks a[href='#/d/{decided}']").tap()
        expect(page.locator(".outcome .answer")).to_be_visible()
        expect(page.locator(".tasks")).to_be_hidden()
        page.get_by_role("button", name="Check every figure").tap()
        expect(page.locator(".steps li").first).to_be_visible()
        look.shot("phone")
        for where in ("#/", f"#/d/{decided}", "#/members", "#/members/carol", "#/node"):
            look.go(where)
            expect(page.locator("#main .panel:visible, #main .tasks:visible").first).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") == 390, where


def test_what_models_and_clients_write_never_becomes_markup(
    committee: Committee, browser: Browser
) -> None:
    task = committee.task(
        MARKUP[0], options=list(MARKUP[:2]), domain=MARKUP[2], policy={"rounds": 1}
    )
    with looking(browser, committee.alice) as look:
        page = look.page
        look.go(f"#/d/{task}")
        expect(page.locator(".outcome")).to_be_visible()
        for one in page.locator(".drafts summary").all():
            one.click()
        shown = page.locator(".drafts").inner_text()
        for text in MARKUP:
            assert " ".join(text.split()) in " ".join(shown.split())
        for text in ATTACKS:
            assert text in shown
        expect(page.locator("h1")).to_have_text(MARKUP[0])
        expect(page.locator(".strengths")).to_contain_text(MARKUP[0][:17])
        assert (
            page.locator("img, iframe, body script, body style, object, embed, [onerror]").count()
            == 0
        )
        assert page.locator("a[href^='javascript:']").count() == 0
        look.go("#/members/alice")
        expect(page.locator("table")).to_contain_text("<img")
        assert page.locator("img").count() == 0 and page.title() == "quorate"


def test_a_persons_note_stands_under_the_question_as_text(
    committee: Committee, browser: Browser, decided: str
) -> None:
    def spoken(route: Route) -> None:
        found = route.fetch()
        note = {"round": 1, "by": "ann", "at_ms": 0, "text": MARKUP[0]}
        route.fulfill(response=found, json={**found.json(), "notes": [note]})

    with looking(browser, committee.alice) as look:
        look.page.route("**/v1/deliberations/*", spoken)
        look.go(f"#/d/{decided}")
        expected = f"ann, in the slate of round 1: {MARKUP[0]}"
        expect(look.page.locator(".head .note")).to_have_text(expected)


def test_the_pages_policy_refuses_what_the_page_never_does(
    committee: Committee, browser: Browser
) -> None:
    # Asked from outside the page, and so against the policy: the browser says so.
    refusals = ("Content Security Policy", "TrustedHTML", "blocked")
    with looking(browser, committee.alice, expected=refusals) as look:
        look.go()
        with pytest.raises(Error, match="TrustedHTML"):
            look.page.evaluate("document.body.innerHTML = '<b>no</b>'")
        with look.page.expect_console_message(lambda one: "img-src" in one.text):
            look.page.evaluate(
                """() => { const one = document.createElement('img');
                           one.src = 'http://127.0.0.1:9/no.png'; document.body.append(one); }"""
            )
        look.strays.clear()
        with pytest.raises(Error, match=r"Failed to fetch|violates"):
            look.page.evaluate("fetch('http://127.0.0.1:9/')")


def test_a_key_is_asked_for_once_and_goes_in_a_header(
    committee: Committee, browser: Browser, decided: str
) -> None:
    with looking(browser, committee.bob, expected=("401", "403")) as look:
        page = look.page
        sent: list[str] = []
        page.on("request", lambda one: sent.append(one.headers.get("authorization", "")))
        look.go(f"#/d/{decided}")
        field = page.get_by_label("Key", exact=True)
        expect(field).to_be_focused()
        field.fill("qk-00000000-wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#key-problem")).to_contain_text("not known here")
        field.fill(committee.scraper)
        page.keyboard.press("Enter")
        expect(page.locator("#key-problem")).to_contain_text("prometheus's key may metrics")
        field.fill(committee.key)
        page.keyboard.press("Enter")
        expect(page.locator(".outcome .answer")).to_be_visible()
        assert f"Bearer {committee.key}" in sent
        assert committee.key not in page.url and page.evaluate("localStorage.length") == 0
        page.reload()
        expect(page.locator(".outcome .answer")).to_be_visible()
        expect(page.locator("#ask-key")).to_be_hidden()
    with looking(browser, committee.bob, expected=("401",)) as look:
        look.go()
        expect(look.page.get_by_label("Key", exact=True)).to_be_visible()


def test_a_stream_that_is_cut_by_a_restart_is_taken_up_again(
    committee: Committee, browser: Browser
) -> None:
    gone = ("ERR_CONNECTION", "ERR_INCOMPLETE_CHUNKED", "network error", "ERR_EMPTY_RESPONSE")
    patient = {"draft_ms": 3_600_000, "deadline_ms": 3_600_000, "rounds": 1}
    with looking(browser, committee.alice, expected=gone) as look:
        page = look.page
        task = committee.task(members=[*NAMES, SLOW], policy=patient)
        look.go(f"#/d/{task}")
        expect(page.locator(".stages .mark.there")).to_have_count(5)
        with page.expect_request(
            lambda one: bool(re.fullmatch(r"[0-9a-f-]+\.\d+", one.headers.get("last-event-id", "")))
        ) as again:
            committee.swarm["alice"].kill()
            expect(page.locator("body.away .health")).to_be_visible()
            committee.swarm.all_up()
        assert again.value.url == f"{committee.alice}/v1/deliberations/{task}/events"
        expect(page.locator("body:not(.away) .health")).to_be_visible()
        committee.swarm[SLOW].kill()
        expect(page.locator(".outcome .answer")).to_be_visible()
        committee.swarm.all_up()


def sections(look: Looking) -> list[str]:
    """The page's headings."""
    return look.page.locator("h1, h2").all_inner_texts()


def test_every_part_has_one_title_and_tables_with_heads(
    committee: Committee, browser: Browser, decided: str
) -> None:
    with looking(browser, committee.alice) as look:
        for where in (f"#/d/{decided}", "#/members", "#/members/bob", "#/node"):
            look.go(where)
            expect(look.page.locator("h1")).to_have_count(1)
            expect(look.page.locator("h1")).to_be_visible()
            assert sections(look)
            assert look.page.locator("th:not([scope])").count() == 0
            assert look.page.locator("table:not(:has(caption))").count() == 0
            assert look.page.locator("button:not([type])").count() == 0
