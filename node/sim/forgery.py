"""What a Byzantine member puts together: values, valid and not, spare proposals, and forgeries."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from consensus import canonical
from consensus.bodies import Proposal
from consensus.deliberation.outcome import build_outcome, figures
from consensus.deliberation.points import PointValue, build_set
from consensus.deliberation.scribe import Scribe
from consensus.deliberation.task import Task
from consensus.envelope import MessageId, Stage
from consensus.ports import Message

from .ring import KeyRing


def proposal(task: Task, ring: KeyRing, rng: random.Random) -> Message:
    """A proposal under an alias of its own that nobody committed to."""
    answers = task.spec.answer.options or ("1", "2/3")
    base = task.scribe.ctx(task.round.number, Stage.EXCHANGE)
    spare = Scribe(writer=ring.writer(task.me), base=base, secret=rng.randbytes(32))
    return spare.proposal(task.round.number, Proposal(answer=rng.choice(answers)))


def other_value(task: Task, stage: Stage, rng: random.Random) -> bytes | None:
    """Another value that is valid too: it carries other REPORTs. None if there is none."""
    state = task.round
    reports = state.reports(stage)
    if len(reports) < task.quorum.q:
        return None
    some = rng.sample(reports, k=rng.randint(task.quorum.q, len(reports)))
    value = build_set(
        stage=stage,
        round_=state.number,
        committee=task.committee,
        content={},
        reports=some,
        lookup=state.lookup,
    )
    if value is None or stage is not Stage.OUTCOME:
        return None if value is None else value.encode()
    built = build_outcome(value, task.desk.facts(state))
    return built.encode() if isinstance(built, PointValue) else None


def bad_value(
    task: Task, stage: Stage, good: bytes, known: Sequence[MessageId], rng: random.Random
) -> bytes:
    """A value that cannot be valid, made from the valid `good`; `known` ids exist somewhere."""
    state = task.round
    try:
        value = PointValue.decode(good, stage=stage, round_=state.number)
    except ValueError:
        return good
    ghosts = tuple(MessageId(rng.randbytes(32)) for _ in range(rng.choice((1, 3, 64, 200))))
    some = tuple(rng.sample(list(known), k=min(2, len(known))))
    plain = canonical.decode(good)
    choices = [
        b"nothing",
        b"{}",
        b"[" * 2_000,
        canonical.encode({**plain, "ids": [*plain["ids"], "00"]}),
        canonical.encode({**plain, "reports": ["ab"]}),
        canonical.encode({**plain, "evidence": [["", ""]]}),
        canonical.encode({**plain, "round": state.number + 1}),
        replace(value, ids=tuple(sorted({*value.ids, *ghosts}))).encode(),
        replace(value, reports=tuple(sorted({*value.reports, *ghosts}))).encode(),
        replace(value, ids=value.ids[1:]).encode(),
        replace(value, reports=value.reports[1:]).encode(),
        replace(value, ids=tuple(sorted({*value.ids, *some}))).encode(),
        replace(value, reports=tuple(sorted({*value.reports, *some}))).encode(),
    ]
    if len(some) == 2:
        pair = (min(some), max(some))
        if pair[0] != pair[1]:
            choices.append(replace(value, evidence=(pair,)).encode())
    if value.figures is not None:
        choices += [_tampered(value, rng) for _ in range(6)]
        unmasked = figures(value, task.desk.facts(state), masked=False)
        if isinstance(unmasked, dict):
            choices.append(replace(value, figures=unmasked).encode())
    return rng.choice([made for made in choices if made != good])


def changed(message: Message, me: bytes, rng: random.Random) -> Message:
    """`message` with one thing of its envelope changed and the signature left as it was.

    Its body and ctx stay what they were: whoever believes them has not looked at the envelope.
    """
    envelope, ctx = message.envelope, message.ctx
    forms: list[dict[str, Any]] = [
        {"ctx": replace(ctx, round=ctx.round + 1).pack()},
        {"ctx": replace(ctx, task=rng.randbytes(32)).pack()},
        {"ctx": replace(ctx, network=rng.randbytes(32)).pack()},
        {"ctx": replace(ctx, committee=rng.randbytes(32)).pack()},
        {"ctx": replace(ctx, stage=rng.choice(list(Stage))).pack()},
        {"signer": me},
        {"signer": rng.randbytes(32)},
        {"signature": rng.randbytes(64)},
        {"signature": b""},
        {"payload": envelope.payload + b"\0"},
        {"payload": envelope.payload[:-1]},
        {"kind": rng.randrange(20)},
    ]
    made = replace(envelope, **rng.choice(forms))
    same = made == envelope
    return replace(message, envelope=replace(made, signature=bytes(64)) if same else made)


def _tampered(value: PointValue, rng: random.Random) -> bytes:
    plain: dict[str, Any] = canonical.decode(value.encode())
    found = plain["figures"]
    match rng.randrange(7):
        case 0:
            found["tally"]["belief"] += 1
        case 1:
            found["decision"]["kind"] = "finish"
            found["decision"]["reason"] = "rounds"
        case 2:
            found["proposals"] = found["proposals"][1:]
        case 3:
            found["proposals"] = ["ab" * 32]
        case 4:
            plain["figures"] = {"proposals": []}
        case 5:
            found["tally"] = None
        case _:
            found["strikes"] = [[0, "no_show"]]
    return canonical.encode(plain)
