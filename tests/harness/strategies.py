"""Hypothesis strategies for every body of the protocol, within its bounds and small."""

from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from consensus.bodies import (
    COUNT_CAP,
    VIEW_CAP,
    Acceptance,
    AnswerKind,
    AnswerSpec,
    Ballot,
    Batch,
    Budget,
    Bundle,
    Commit,
    Content,
    Mark,
    Opening,
    Packet,
    Pair,
    Preference,
    Proposal,
    Propose,
    Report,
    Seal,
    TaskOpen,
    Usage,
    Views,
    Vote,
)
from consensus.committee import MAX_MEMBERS, Committee, FaultMode
from consensus.envelope import Ctx, Envelope, Kind, Member, MessageId, Stage
from consensus.policy import ONE, Policy
from node.wire import codec

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
words = texts.filter(lambda text: text.strip() == text != "")
hashes = st.binary(min_size=32, max_size=32)
counts = st.integers(0, COUNT_CAP)
shares = st.integers(0, ONE)
ids = st.lists(hashes, max_size=6, unique=True).map(
    lambda values: tuple(MessageId(value) for value in sorted(values))
)


@st.composite
def committees(draw: st.DrawFn) -> Committee:
    members = sorted(draw(st.lists(hashes, min_size=1, max_size=5, unique=True)))
    return Committee(
        network=draw(hashes),
        members=tuple(Member(member) for member in members),
        families=tuple(draw(words) for _ in members),
        mode=draw(st.sampled_from(FaultMode)),
        policy=Policy(rounds=draw(st.integers(1, 16))),
    )


contents = st.builds(
    Content,
    role=texts,
    text=words,
    vector=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=8).map(tuple),
)
options = st.lists(words, min_size=2, max_size=6, unique=True).map(tuple)
answer_specs = st.one_of(
    st.just(AnswerSpec(kind=AnswerKind.NUMBER)),
    st.just(AnswerSpec(kind=AnswerKind.TEXT)),
    st.builds(
        AnswerSpec, kind=st.sampled_from([AnswerKind.CHOICE, AnswerKind.LABEL]), options=options
    ),
)
budgets = st.builds(Budget, tokens=counts, micros=counts)
usages = st.builds(
    Usage, tokens_in=counts, tokens_out=counts, micros=counts, ms=counts, calls=counts
)


@st.composite
def task_opens(draw: st.DrawFn) -> TaskOpen:
    opened = draw(st.integers(0, COUNT_CAP - 1))
    return TaskOpen(
        committee=draw(committees()),
        messages=tuple(draw(st.lists(contents, min_size=1, max_size=3))),
        answer=draw(answer_specs),
        domain=draw(texts),
        opened_at_ms=opened,
        not_after_ms=draw(st.integers(opened + 1, COUNT_CAP)),
        budget=draw(budgets),
        nonce=draw(st.binary(min_size=16, max_size=16)),
    )


views = st.builds(
    Views,
    authors=st.lists(shares, max_size=5).map(tuple),
    judges=st.lists(shares, max_size=5).map(tuple),
    rules=st.lists(shares, max_size=5).map(tuple),
)

acceptances = st.builds(Acceptance, refusal=texts)
commits = st.one_of(
    st.builds(
        Commit,
        commitment=hashes.filter(any),
        views=views,
    ),
    st.builds(
        Commit,
        commitment=st.just(bytes(32)),
        abstain=words,
        views=views,
    ),
)


@st.composite
def beliefs(draw: st.DrawFn) -> tuple[int, ...]:
    cuts = sorted(draw(st.lists(shares, max_size=4)))
    edges = [0, *cuts, ONE]
    return tuple(high - low for low, high in pairwise(edges))


proposals = st.builds(
    Proposal,
    answer=words,
    belief=st.one_of(st.just(()), beliefs()),
    confidence=shares,
    rationale=texts,
    evidence=st.lists(texts, max_size=3).map(tuple),
    unseen=st.sets(st.integers(0, 255), max_size=5).map(lambda found: tuple(sorted(found))),
    usage=usages,
    prompt=texts,
)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    ctx = Ctx(
        network=draw(hashes),
        committee=draw(hashes),
        task=draw(hashes),
        round=draw(st.integers(1, 16)),
        stage=Stage.EXCHANGE,
    )
    entries = [
        Envelope(
            kind=int(Kind.PROPOSAL),
            ctx=ctx.pack(),
            payload=codec.encode(draw(proposals)),
            signer=signer,
            signature=bytes(64),
        )
        for signer in draw(st.lists(hashes, max_size=3, unique=True))
    ]
    return Batch(entries=tuple(sorted(entries, key=lambda entry: entry.id)))


seals = st.builds(Seal, hash=hashes)


@st.composite
def ballots(draw: st.DrawFn) -> Ballot:
    held = draw(ids)
    usage, prompt = draw(usages), draw(texts)
    abstain = draw(st.one_of(st.just(""), words))
    if abstain:
        return Ballot(held=held, abstain=abstain, usage=usage, prompt=prompt)
    orders = [(one, two) for one in range(len(held)) for two in range(len(held)) if one != two]
    judged = draw(st.lists(st.sampled_from(orders), unique=True, max_size=8)) if orders else []
    marked = draw(st.sets(st.integers(0, len(held) - 1))) if held else set()
    return Ballot(
        held=held,
        pairs=tuple(
            Pair(
                first=first,
                second=second,
                preference=draw(st.sampled_from(Preference)),
                confidence=draw(shares),
            )
            for first, second in judged
        ),
        marks=tuple(
            Mark(
                candidate=index,
                endorsement=draw(st.integers(-100, 100)),
                evidence=draw(st.integers(0, 100)),
                argument=draw(st.integers(0, 100)),
                critique=draw(texts),
            )
            for index in marked
        ),
        usage=usage,
        prompt=prompt,
    )


@st.composite
def openings(draw: st.DrawFn) -> Opening:
    parts: dict[str, Any] = {}
    if draw(st.booleans()):
        parts |= {
            "alias": draw(hashes),
            "alias_signature": draw(st.binary(min_size=64, max_size=64)),
            "proposal": draw(hashes),
            "nonce": draw(hashes),
        }
    if draw(st.booleans()):
        ballot = draw(ballots())
        parts |= {
            "ballot": ballot,
            "ballot_bytes": codec.encode(ballot),
            "salt": draw(hashes),
        }
    return Opening(**parts)


reports = st.builds(
    Report, ids=ids, deadline=st.booleans(), tokens=counts, micros=counts, ms=counts
)


@st.composite
def proposes(draw: st.DrawFn) -> Propose:
    view = draw(st.integers(0, VIEW_CAP))
    return Propose(
        view=view,
        valid_view=draw(st.integers(-1, view - 1)),
        value=draw(st.binary(min_size=1, max_size=64)),
    )


votes = st.builds(Vote, view=st.integers(0, VIEW_CAP), value=hashes)

packets = st.builds(
    Packet, path=st.integers(0, MAX_MEMBERS - 1), box=st.binary(min_size=1, max_size=200)
)
bundles = st.integers(1, 100).flatmap(
    lambda size: st.builds(
        Bundle,
        boxes=st.lists(st.binary(min_size=size, max_size=size), max_size=8).map(tuple),
    )
)

OF_KIND: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TASK_OPEN: task_opens(),
    Kind.ACCEPTANCE: acceptances,
    Kind.COMMIT: commits,
    Kind.PROPOSAL: proposals,
    Kind.BATCH: batches(),
    Kind.PACKET: packets,
    Kind.BUNDLE: bundles,
    Kind.SEAL: seals,
    Kind.OPENING: openings(),
    Kind.REPORT: reports,
    Kind.PROPOSE: proposes(),
    Kind.PREVOTE: votes,
    Kind.PRECOMMIT: votes,
}
"""A strategy of bodies for each kind of envelope."""
