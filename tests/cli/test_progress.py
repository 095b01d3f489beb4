"""Progress as it is told: a line a stage where nobody looks, a grid where somebody does."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from node.cli.progress import Progress
from node.follow import MOVED
from node.wire.watch import Event
from tests.harness import cast
from tests.harness.federations import entry, federation, person

TASK = bytes([5]) * 32
NAMES = ("alice", "bob", "carol", "dave")


def key(name: str) -> str:
    """A member's key, as events name members."""
    return cast.key(name).public.hex()


def event(kind: str, round_: int = 0, **detail: Any) -> Event:
    return Event(task=TASK, round=round_, kind=kind, detail=detail)


TOLERATES = "any 1 of 4 members may fail"
OPEN = event(
    "open",
    members=sorted(map(key, NAMES)),
    mode="byzantine",
    tolerates=TOLERATES,
)


def figures(reason: str | None) -> dict[str, Any]:
    """An outcome in which three proposed yes, and dave no."""
    members = sorted(map(key, NAMES))
    proposals = [f"{place:064x}" for place in range(4)]
    no = proposals[members.index(key("dave"))]

    def of(answer: str, candidates: list[str], belief: int) -> dict[str, Any]:
        return {
            "answer": answer,
            "candidates": candidates,
            "belief": belief,
            "strength": belief,
            "error": 4_250,
            "support": belief - 5_000,
            "excerpt": "",
        }

    return {
        "proposals": proposals,
        "authors": [0, 1, 2, 3],
        "strikes": [],
        "tally": {
            "classes": [
                of("no", [no], 2_000),
                of("yes", [item for item in proposals if item != no], 8_000),
            ],
            "baselines": {"majority": "yes", "majority_tied": []},
            "tied": [],
            "ballots": 4,
            "winner": "yes",
            "runner_up": "no",
        },
        "decision": {"answer": "yes", "reason": reason},
    }


def everybody(kind: str, round_: int = 0, **detail: Any) -> list[Event]:
    return [event(kind, round_, member=key(name), **detail) for name in NAMES]


def whole_round(number: int, reason: str | None) -> list[Event]:
    """All that happens in a round without incident."""
    return [
        *everybody("committed", number, abstain=""),
        event("decided", number, point="slate", view=0, count=4),
        *everybody("proposed", number, abstain=""),
        *everybody("judged", number, abstain=""),
        event("decided", number, point="freeze", view=0, count=4),
        *everybody("opened", number, abstain=""),
        event("decided", number, point="outcome", view=0, count=4),
        event("outcome", number, figures=figures(reason)),
    ]


@pytest.fixture
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What is written of events: `told(events)`, at a terminal of 80 columns or in a pipe."""
    home = tmp_path_factory.mktemp("cast")
    members = [
        entry(person(home, name), address=f"127.0.0.1:{7_400 + place}")
        for place, name in enumerate(NAMES)
    ]
    known = federation(*members)

    def tell(events: list[Event], *, terminal: bool = False) -> list[str]:
        out = io.StringIO()
        console = Console(file=out, force_terminal=terminal, width=80 if terminal else 200)
        with Progress(console, known, "alice") as progress:
            for one in events:
                progress.tell(one)
        return out.getvalue().splitlines()

    return tell


def test_each_stage_is_a_line_with_the_members_that_did_it(told: Any) -> None:
    lines = told([OPEN, *everybody("accepted", reason=""), *whole_round(1, "unanimity")])
    assert lines == [
        f"task {TASK.hex()} is open: alice, bob, carol, dave; {TOLERATES}",
        "accepted by alice, bob, carol, dave",
        "round 1: drafted by alice, bob, carol, dave",
        "round 1: shown by alice, bob, carol, dave",
        "round 1: judged by alice, bob, carol, dave",
        "round 1: opened by alice, bob, carol, dave",
        "Round 1, the last: all agreed",
        "answer  proposed by        belief  strength  +- nats  support",
        "yes     alice, bob, carol  80.0 %    80.0 %     0.42  +30.0 %",
        "no      dave               20.0 %    20.0 %     0.42  -30.0 %",
        "",
    ]


def test_a_round_that_is_not_the_last_says_so(told: Any) -> None:
    lines = told([OPEN, *whole_round(1, None), *whole_round(2, "plateau")])
    assert "Round 1: another round follows" in lines
    assert "round 2: opened by alice, bob, carol, dave" in lines
    assert "Round 2, the last: another round would have added nothing" in lines


@pytest.mark.parametrize(
    ("happened", "said"),
    [
        (
            event("refused", member=key("bob"), reason="over quota"),
            "bob refuses: over quota",
        ),
        (
            event("waiting", members=[key("dave"), key("bob")]),
            "still waiting for bob, dave to accept",
        ),
        (
            event("committed", 1, member=key("carol"), abstain="the model failed"),
            "round 1: carol drafted nothing: the model failed",
        ),
        (
            event("model_failed", 1, stage="judge", reason="the model failed"),
            "round 1: the model of alice gave no judgment",
        ),
        (
            event("view", 1, point="slate", view=1),
            "round 1: the slate was not agreed on in view 0; the next member proposes",
        ),
        (
            event(MOVED, member="bob", reason="no node answers at alice/control.sock"),
            "no node answers at alice/control.sock; going on with bob",
        ),
    ],
)
@pytest.mark.parametrize("terminal", [False, True])
def test_what_is_out_of_the_ordinary_has_a_line(
    told: Any, terminal: bool, happened: Event, said: str
) -> None:
    assert any(said in line for line in told([OPEN, happened], terminal=terminal))


def test_what_another_member_tells_again_is_not_shown_again(told: Any) -> None:
    first = [OPEN, *everybody("accepted", reason=""), *whole_round(1, None)]
    moved = event(MOVED, member="bob", reason="gone")
    lines = told([*first, moved, *first, *whole_round(2, "rounds")])
    assert sum("is open" in line for line in lines) == 1
    assert lines.count("Round 1: another round follows") == 1
    assert lines.count("round 1: opened by alice, bob, carol, dave") == 1


def test_a_peers_words_cannot_write_to_the_terminal(told: Any) -> None:
    reason = "\x1b[2J[bold]no[/bold]\r\nround 9: all is well"
    lines = told([OPEN, event("refused", member=key("bob"), reason=reason)])
    assert (
        lines[-1] == "bob refuses: \N{REPLACEMENT CHARACTER}[2J[bold]no[/bold] round 9: all is well"
    )


def test_at_a_terminal_the_steps_stand_in_a_grid_that_is_gone_at_the_end(told: Any) -> None:
    events = [OPEN, *everybody("accepted", reason=""), *whole_round(1, None)[:4]]
    drawn = "\n".join(told(events, terminal=True))
    assert "accepted  drafted  shown  judged  opened" in re.sub(r"\x1b\[[0-9;]*m", "", drawn)
    assert drawn.rstrip().endswith("\x1b[2K")  # the last frame is wiped
