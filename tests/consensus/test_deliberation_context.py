"""The agreed record in words: the limit holds, and all are told the same (R1b)."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.bodies import MAX_ANSWER, AnswerKind, AnswerSpec, Proposal
from consensus.deliberation import context
from consensus.deliberation.context import FRAME, PIECE, TOKEN, charge, contest, cut, fold
from consensus.deliberation.record import CRITIQUE_CAP, RATIONALE_CAP, Entry, agreed_record
from consensus.deliberation.requests import (
    Claim,
    Context,
    Critique,
    DraftRequest,
    Reason,
    View,
)
from consensus.envelope import MessageId, Stage
from consensus.policy import ONE, Policy
from consensus.tally import near
from node.sim.member import Mind
from node.sim.minds import first_word, opinionated
from tests.harness.swarms import ORDERS, QUICK, SmallSwarm, decided

LONG = replace(QUICK, rounds=16, near_consensus=0, quality_gate=100, deadline_ms=86_400_000)
"""A policy that goes on to the last of sixteen rounds: its gate is out of reach."""
ONE_FAMILY = ("one family",) * 4
LETTERS = [f"{one}{other}" for one in "abcdefgh" for other in "abcdefg"]


def claim(
    answer: str, *, round: int = 1, given: Sequence[int] = (), words: Sequence[str] = ()
) -> Claim:
    """A claim with a reason for every word, and a view for every endorsement."""
    return Claim(
        round=round,
        answer=answer,
        letters=(f"{answer[:1]}{round}",),
        of=4,
        confidence=2_500,
        belief=2_500,
        judged=len(given),
        endorsement=0,
        contest=contest(given),
        reasons=tuple(Reason(letter=str(at), wording="", text=w) for at, w in enumerate(words)),
        views=tuple(
            View(
                letter="A",
                critique=Critique(
                    endorsement=points,
                    evidence=0,
                    argument=0,
                    text=f"{answer} of round {round} has {points} points from number {at}.",
                ),
            )
            for at, points in enumerate(given)
        ),
    )


def answers(context: Context) -> list[tuple[int, str]]:
    return [(item.round, item.answer) for item in context.claims]


# -- what is kept ---------------------------------------------------------------------------


def test_a_contested_claim_outlives_an_agreed_one() -> None:
    agreed, contested = claim("agreed", given=(90, 90, 90)), claim("contested", given=(90, -90, 0))
    whole = fold([agreed, contested], tokens=100_000, forget=0)
    assert answers(whole) == [(1, "contested"), (1, "agreed")]
    one = (FRAME + PIECE + 2 * len("contested") + PIECE) // TOKEN
    assert answers(fold([agreed, contested], tokens=one, forget=0)) == [(1, "contested")]


def test_what_judges_disagree_about_is_told_in_full_before_what_they_agree_on() -> None:
    agreed = claim("agreed", given=(90, 90), words=("One says so.",))
    contested = claim("contested", given=(90, -90, 60), words=("Another says no.",))
    whole = fold([agreed, contested], tokens=100_000, forget=0)
    short = fold([agreed, contested], tokens=whole.tokens - 1, forget=0)
    assert short.claims[0] == whole.claims[0]
    assert short.claims[1].left_out == 1


def test_the_view_farthest_from_the_mean_is_told_first() -> None:
    told = fold([claim("a", given=(50, 60, -90))], tokens=100_000, forget=0)
    assert [view.critique.endorsement for view in told.claims[0].views] == [-90, 60, 50]


def test_a_gate_that_forgets_all_keeps_the_last_round_alone_and_one_that_forgets_nothing_all() -> (
    None
):
    claims = [claim("a", round=number) for number in (1, 2, 3)]
    assert answers(fold(claims, tokens=8_192, forget=ONE)) == [(3, "a")]
    assert fold(claims, tokens=8_192, forget=ONE).left_out == 2
    assert answers(fold(claims, tokens=8_192, forget=0)) == [(3, "a"), (2, "a"), (1, "a")]


@pytest.mark.parametrize("forget", [0, 2_500, 5_000, 9_000, ONE])
def test_a_round_has_no_more_than_its_share(forget: int) -> None:
    words = tuple(f"{at} {chr(97 + at % 26) * 40}." for at in range(200))
    claims = [
        claim(f"answer {number}", round=number, words=tuple(f"{number} {w}" for w in words))
        for number in range(1, 7)
    ]
    told = fold(claims, tokens=4_096, forget=forget)
    weights = [(ONE - forget) ** age * ONE ** (5 - age) for age in range(6)]
    spent = 0
    for age, item in enumerate(told.claims):
        assert item.round == 6 - age
        spent += sum(map(charge, texts_of(item)))
        assert spent * sum(weights) <= (4_096 * TOKEN - FRAME) * sum(weights[: age + 1])
    assert len(told.claims) == {0: 6, 2_500: 6, 5_000: 6, 9_000: 2, ONE: 1}[forget]


def test_one_long_text_leaves_room_for_the_others() -> None:
    monologue = "I go on and on. " * 2_000
    told = fold(
        [claim("a", words=(monologue, "Short."), given=(50,)), claim("b", words=("So.",))],
        tokens=4_096,
        forget=0,
    )
    assert [[one.cut for one in item.reasons] for item in told.claims] == [[True, False], [False]]
    assert len(told.claims[0].reasons[0].text) < 4_096 * TOKEN // 2


def test_the_same_words_are_told_once_whoever_says_them_and_in_whatever_round() -> None:
    claims = [
        claim("a", round=1, words=("Because it rains.",)),
        claim("a", round=2, words=("because  it rains.", "Because it RAINS.", "It is wet.")),
    ]
    told = fold(claims, tokens=8_192, forget=0)
    assert [[one.text for one in item.reasons] for item in told.claims] == [
        ["because  it rains.", "It is wet."],
        [],
    ]
    assert [item.left_out for item in told.claims] == [0, 0]


def test_a_long_text_with_a_word_changed_is_no_news() -> None:
    words = [f"word{chr(97 + at % 26)}{chr(97 + at // 26)}" for at in range(300)]
    other = [*words[:150], "changed", *words[151:]]
    told = fold([claim("a", words=(" ".join(words), " ".join(other)))], tokens=100_000, forget=0)
    assert len(told.claims[0].reasons) == 1


def test_disagreement_is_the_variance_in_whole_points() -> None:
    assert (contest(()), contest((40,)), contest((100, -100)), contest((1, 2))) == (0, 0, 10_000, 0)


# -- cuts and charges -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("One. Two! Three? " + "x" * 200, "One. Two! Three?"),
        ("One.\nTwo\n" + "x" * 200, "One.\nTwo"),
        ("3.14 is near. " + "x" * 200, "3.14 is near."),
        ('He said "so." ' + "x" * 200, 'He said "so."'),
        ("\u6c34\u3002" + "\u6c34" * 200, "\u6c34\u3002"),
        ("x" * 300, ""),
        ("It fits.", "It fits."),
    ],
)
def test_a_text_is_cut_where_a_sentence_ends_or_not_told_at_all(text: str, kept: str) -> None:
    assert cut(text, PIECE + 120) == kept


TEXTS = st.text(alphabet=st.sampled_from("ab. \n!<`\u00e9\u6c34"), max_size=200)


@given(TEXTS, st.integers(0, 1_500))
def test_a_cut_text_is_the_longest_beginning_that_fits(text: str, room: int) -> None:
    kept = cut(text, room)
    assert text.startswith(kept)
    assert not kept or charge(kept) <= room
    if charge(text) <= room:
        assert kept == text


@given(TEXTS, TEXTS)
def test_more_text_is_never_charged_less(one: str, more: str) -> None:
    assert charge(one) <= charge(one + more)


CLAIMS = st.lists(
    st.builds(
        claim,
        TEXTS.filter(bool),
        round=st.integers(1, 4),
        given=st.lists(st.integers(-100, 100), max_size=4),
        words=st.lists(TEXTS, max_size=4),
    ),
    max_size=8,
)


@given(CLAIMS, st.integers(512, 2_000), st.integers(0, ONE))
def test_a_context_keeps_its_limit_and_counts_what_it_leaves_out(
    claims: list[Claim], tokens: int, forget: int
) -> None:
    told = fold(claims, tokens=tokens, forget=forget)
    texts = [text for item in told.claims for text in texts_of(item)]
    taken = sum(map(charge, texts)) + FRAME if texts else 0
    assert -(-taken // TOKEN) == told.tokens <= tokens
    assert len(told.claims) + told.left_out == len(claims)
    assert fold(claims, tokens=tokens, forget=forget) == told


def texts_of(item: Claim) -> list[str]:
    """Every text of a claim that is charged for."""
    reasons = [
        text
        for one in item.reasons
        for text in (one.wording, one.text, "\n".join(one.cited))
        if text.strip()
    ]
    return [item.answer, *reasons, *(view.critique.text for view in item.views)]


# -- in whole rounds ------------------------------------------------------------------------


class Listening:
    """A committee whose models note what they are told."""

    def __init__(self, policy: Policy, minds: Sequence[Mind], **more: object) -> None:
        self.told: list[list[DraftRequest]] = [[] for _ in minds]
        heard = [self._with(at, mind) for at, mind in enumerate(minds)]
        self.swarm = SmallSwarm(minds=heard, policy=policy, **more)  # type: ignore[arg-type]
        decided(self.swarm, limit=600_000)

    def _with(self, at: int, mind: Mind) -> Mind:
        def draft(request: DraftRequest) -> Proposal | None:
            self.told[at].append(request)
            return mind.draft(request)

        return replace(mind, draft=draft)


def test_every_member_is_told_the_same_and_nobodys_name() -> None:
    heard = Listening(replace(LONG, rounds=3), [opinionated(order) for order in ORDERS[:4]])
    for at, requests in enumerate(zip(*heard.told, strict=True)):
        (context,) = {request.context for request in requests}
        assert {item.round for item in context.claims} == set(range(1, at + 1))
        assert [len(request.own) for request in requests] == [at] * 4
        shown = repr(context)
        for node in heard.swarm.nodes:
            assert node.member.hex() not in shown
            assert repr(bytes(node.member)) not in shown
            assert node.name not in shown.split()
            assert node.finish is not None
            for part in node.finish.rounds:
                for message in part.named:
                    assert message.id.hex() not in shown
                    assert message.signer.hex() not in shown


def test_equal_answers_are_one_claim_with_what_its_authors_and_the_committee_believe() -> None:
    heard = Listening(
        replace(LONG, rounds=2), [opinionated(order) for order in ("abc", "acb", "bac", "cab")]
    )
    claims = {item.answer: item for item in heard.told[0][1].context.claims}
    task = heard.swarm.nodes[0].task
    assert task is not None
    outcome = task.rounds[0].values[Stage.OUTCOME].figures
    assert outcome is not None
    for item in outcome["tally"]["classes"]:
        told = claims[item["answer"]]
        assert (len(told.letters), told.of) == (len(item["candidates"]), 4)
        assert (told.confidence, told.belief) == (item["proposals"], item["belief"])
    assert [one.text for one in claims["a"].reasons] == ["a it is"]  # said by two
    assert claims["a"].judged == 6


def test_sixteen_rounds_of_the_largest_proposals_stay_under_the_limit() -> None:
    rng = random.Random(1)

    def words(size: int) -> str:
        text = ""
        while len(text) < size:
            text += f"{rng.getrandbits(64):x}" + rng.choice((" ", " ", ". ", "!\n"))
        return text[: size - 1] + "."

    def mind(order: str) -> Mind:
        judge = opinionated(order, meaning=first_word).judge
        return Mind(
            draft=lambda _: Proposal(
                answer=f"{order[0]} {words(MAX_ANSWER - 2)}", rationale=words(11_000)
            ),
            judge=judge,
        )

    heard = Listening(
        LONG,
        [mind(order) for order in ORDERS[:4]],
        spec=AnswerSpec(kind=AnswerKind.TEXT),
        families=ONE_FAMILY,
    )
    contexts = [request.context for request in heard.told[0]]
    assert len(contexts) == 16
    limit = LONG.context_tokens
    assert all(context.tokens <= limit for context in contexts)
    assert contexts[-1].tokens > limit * 3 // 4
    assert max(item.round for item in contexts[-1].claims) == 15
    assert contexts[-1].left_out > 0


def test_each_text_of_a_record_is_hashed_a_few_times_at_most_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More long texts than any cache holds: a fold is one step of a member's loop (T3)."""
    asked = 0

    def counting(text: str) -> near.Sketch | None:
        nonlocal asked
        asked += 1
        return near.sketch(text)

    monkeypatch.setattr(context, "sketch", counting)
    words = [" ".join(f"{letter}{number}" for letter in LETTERS) for number in range(300)]
    claims = [claim("red", words=words), claim("green", round=2, words=words[:150])]
    told = fold(claims, tokens=1_000_000, forget=0)
    assert sum(len(item.reasons) for item in told.claims) == len(words)
    assert asked <= 2 * (len(words) + 150)


def test_no_answer_however_long_and_disputed_leaves_others_no_room() -> None:
    """One author's page of the widest letters, which judges disagree about, and three of a page."""
    wide = "\u4e00\u4e01\u4e02\u3002" * 1_000
    others = [f"{letter} is so. " * 200 for letter in "abc"]
    claims = [claim(wide, given=(100, -100)), *map(claim, others)]
    for tokens in (2_400, 4_000, 8_192):
        told = fold(claims, tokens=tokens, forget=0)
        assert [one.answer[:4] for one in told.claims] == [wide[:4], *(one[:4] for one in others)]
        assert told.tokens <= tokens


def test_where_not_even_short_answers_fit_the_most_disputed_are_told() -> None:
    claims = [
        claim(name, given=(points, -points))
        for name, points in zip("abc", (10, 90, 50), strict=True)
    ]
    claims = [replace(one, views=()) for one in claims]
    told = fold(claims, tokens=512, forget=0)
    assert [one.answer for one in told.claims] == ["b", "c"]
    assert told.left_out == 1


@pytest.mark.parametrize("past", [0, 1])
def test_a_rationale_and_a_critique_are_told_up_to_their_bounds_and_an_answer_whole(
    past: int,
) -> None:
    long = Entry(
        letter="A",
        round=1,
        id=MessageId(bytes(32)),
        proposal=Proposal(answer="a" * MAX_ANSWER, rationale="r" * (RATIONALE_CAP + past)),
        critiques=(
            Critique(endorsement=1, evidence=2, argument=3, text="c" * (CRITIQUE_CAP + past)),
        ),
    )
    (told,) = agreed_record([long], frozenset())
    assert told.proposal == replace(long.proposal, rationale="r" * RATIONALE_CAP)
    assert told.critiques == (replace(long.critiques[0], text="c" * CRITIQUE_CAP),)
