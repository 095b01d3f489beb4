"""Holds the golden tallies against the core: `python -m tests.vectors.check_tally`.

Needs nothing but the standard library, so that any supported interpreter can run it bare.
`tally.json` holds rounds with all that goes into them and every figure that comes out;
`masking.json` secrets, commitments, shuffles and letters.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from consensus import canonical, elementary, exact
from consensus.bodies import (
    AnswerKind,
    AnswerSpec,
    Ballot,
    Budget,
    Mark,
    Pair,
    Preference,
    Proposal,
)
from consensus.committee import FaultMode, Quorum
from consensus.envelope import MessageId
from consensus.masking import (
    RoundSecrets,
    alias_claim,
    commitment,
    judging_order,
    record_order,
    seal,
)
from consensus.plateau import assess
from consensus.policy import Policy
from consensus.tally import Candidate, Claims, CountedBallot, normalise, tally, weigh
from consensus.tally.design import Design, follow
from consensus.tally.near import distance

HERE = Path(__file__).parent


def load(name: str) -> Any:
    """One vector file."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def id_of(author: int) -> MessageId:
    """The id of the candidate of that author."""
    return MessageId(hashlib.sha256(b"candidate %d" % author).digest())


def spec_of(given: Any) -> AnswerSpec:
    """The answer's type."""
    return AnswerSpec(
        kind=AnswerKind(given["kind"]),
        options=tuple(given["options"]),
        unit=given.get("unit", ""),
    )


def candidate(given: Any) -> Candidate:
    """One candidate; its id follows from its author."""
    return Candidate(
        id=id_of(given["author"]),
        author=given["author"],
        proposal=Proposal(
            answer=given["answer"],
            belief=tuple(given["belief"]),
            confidence=given["confidence"],
            unseen=tuple(given["unseen"]),
            evidence=tuple(given["evidence"]),
        ),
    )


def ballot(given: Any, authors: list[int]) -> CountedBallot:
    """One ballot, in which candidates are named by their authors."""
    held = tuple(sorted(id_of(author) for author in authors))
    at = {author: held.index(id_of(author)) for author in authors}
    return CountedBallot(
        voter=given["voter"],
        ballot=Ballot(
            held=held,
            pairs=tuple(
                Pair(
                    first=at[one],
                    second=at[other],
                    preference=Preference(preference),
                    confidence=confidence,
                )
                for one, other, preference, confidence in given["pairs"]
            ),
            marks=tuple(
                Mark(
                    candidate=at[author],
                    endorsement=endorsement,
                    evidence=evidence,
                    argument=argument,
                )
                for author, endorsement, evidence, argument in given["marks"]
            ),
            abstain=given["abstain"],
        ),
    )


def figures(given: Any) -> Any:
    """What the core makes of a task's rounds: weights, and for each a tally and a plateau."""
    spec, policy = spec_of(given["spec"]), Policy(**given["policy"])
    quorum = Quorum.of(given["n"], FaultMode(given["mode"]))
    weights = weigh(given["views"], quorum)
    judging = weigh(given["judge_views"], quorum)
    if policy.weights == "equal":
        weights, judging = weights.equalled(), judging.equalled()
    found: list[Any] = []
    for number, round_ in enumerate(given["rounds"], start=1):
        candidates = [candidate(item) for item in round_["candidates"]]
        authors = [item.author for item in candidates]
        ballots = [ballot(item, authors) for item in round_["ballots"]]
        before = found[-1] if found else None
        result = tally(
            spec=spec,
            policy=policy,
            quorum=quorum,
            candidates=candidates,
            ballots=ballots,
            weights=weights,
            judging=judging,
            seed=bytes.fromhex(round_["seed"]),
            first_vote=None if before is None else before["tally"]["baselines"]["first_vote"],
        )
        refused = {item.voter for item in result.refused}
        ballots = [item for item in ballots if item.voter not in refused]
        plateau = assess(
            policy=policy,
            quorum=quorum,
            spec=spec,
            budget=Budget(**given["budget"]),
            tally=result,
            candidates=candidates,
            ballots=ballots,
            claims=Claims(**round_["claims"]),
            families=given["families"],
            previous=None if before is None else before["plateau"],
            round_=number,
            arms=given.get("arms", ()),
        )
        found.append({"tally": result.to_dict(), "plateau": plateau.to_dict()})
    return canonical.decode(canonical.encode(found))


def exp_of(value: float) -> str | None:
    """e to a double, to the last bit; nothing where it is refused."""
    return elementary.exp(value).hex() if value <= elementary.MOST else None


def ln_of(value: float) -> str | None:
    """The logarithm of a double, to the last bit; nothing where it is refused."""
    return elementary.ln(value).hex() if value >= elementary.TINIEST else None


def designed(given: Any) -> Any:
    """The pairs that a design asks of a judge whose words are drawn from a hash of the pair."""

    def word(one: int, other: int) -> int | None:
        drawn = hashlib.sha256(b"%d %d" % (min(one, other), max(one, other))).digest()[0]
        won = (20_000, 13_000, 10_000, 4_000, None)[drawn % 5]
        return won if won is None or one < other else 20_000 - won

    design = Design(
        pairs=given["pairs"],
        budget=given["budget"],
        order=tuple(given["order"]),
        alike=tuple(given["alike"]),
    )
    return [[item.first, item.second] for item in follow(design, given["count"], word)]


def masking(given: Any) -> Any:
    """What the core makes of a secret, a ctx and a member."""
    secrets = RoundSecrets.of(bytes.fromhex(given["secret"]), given["round"])
    ctx, member = bytes.fromhex(given["ctx"]), bytes.fromhex(given["member"])
    ids = [id_of(author) for author in range(given["proposals"])]
    return {
        "alias_seed": secrets.alias_seed.hex(),
        "nonce": secrets.nonce.hex(),
        "salt": secrets.salt.hex(),
        "shuffle": secrets.shuffle.hex(),
        "commitment": commitment(ctx, member, member[::-1], ids[0], secrets.nonce).hex(),
        "seal": seal(ctx, member, b"a ballot", secrets.salt).hex(),
        "alias_claim": alias_claim(ctx, member).hex(),
        "judging_order": [
            [letter, ids.index(id_)] for letter, id_ in judging_order(ids, ids[1], secrets.shuffle)
        ],
        "record_order": [[letter, ids.index(id_)] for letter, id_ in record_order(ids, ctx)],
    }


def differences() -> Iterator[str]:
    """What differs, one sentence each; nothing if all holds."""
    vectors = load("tally.json")
    for name, task in vectors["tasks"].items():
        yield from _differ(name, figures(task["given"]), task["figures"])
    for row in vectors["answers"]:
        found = list(normalise(spec_of(row["spec"]), row["answer"]))
        yield from _differ(f"answer {row['answer']!r}", found, row["normalised"])
    for row in vectors["designs"]:
        yield from _differ(f"design {row['given']}", designed(row["given"]), row["asked"])
    for row in vectors["distances"]:
        found = distance(row["one"], row["other"])
        yield from _differ(f"distance of {row['one'][:40]!r}", found, row["bits"])
    for row in vectors["logarithms"]:
        yield from _differ(f"ln {row['of']}", str(exact.ln(row["of"])), row["ln"])
    for row in vectors["doubles"]:
        of = float.fromhex(row["of"])
        yield from _differ(f"exp {row['of']}", exp_of(of), row["exp"])
        yield from _differ(f"ln of doubles {row['of']}", ln_of(of), row["ln"])
    for name, vector in load("masking.json").items():
        yield from _differ(name, masking(vector["given"]), vector["found"])


def _differ(path: str, found: Any, expected: Any) -> Iterator[str]:
    if isinstance(found, dict) and isinstance(expected, dict) and found.keys() == expected.keys():
        for key in found:
            yield from _differ(f"{path}.{key}", found[key], expected[key])
    elif isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for at, (one, other) in enumerate(zip(found, expected, strict=True)):
            yield from _differ(f"{path}.{at}", one, other)
    elif found != expected:
        yield f"{path} is {found}, the vector says {expected}"


def main() -> int:
    """Exit code 0 if every vector holds."""
    found = list(differences())
    for line in found:
        sys.stdout.write(f"{line}\n")
    version = ".".join(str(part) for part in sys.version_info[:3])
    said = "hold" if not found else f"differ in {len(found)} places"
    sys.stdout.write(f"golden tallies {said} on Python {version}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
