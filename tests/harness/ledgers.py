"""Facts of the cast, short to write, and sets of them drawn at random."""

import hashlib
from random import Random

from hypothesis import strategies as st

from reputation import (
    AcceptanceFact,
    EvidenceFact,
    Fact,
    FeedbackFact,
    Showing,
    Turn,
    VerdictFact,
)
from reputation.decay import DAY_MS
from reputation.facts import ONE, STRIKES

START_MS = 20_000 * DAY_MS
MEMBERS = tuple(sorted(hashlib.sha256(f"member {at}".encode()).digest() for at in range(5)))
CLIENTS = tuple(hashlib.sha256(f"client {at}".encode()).digest() for at in range(3))
DOMAINS = ("law", "digits")


def task_id(number: int) -> bytes:
    """The id of the number-th task."""
    return hashlib.sha256(f"task {number}".encode()).digest()


def verdict(
    number: int = 0,
    drafts: str = "aaabb",
    *,
    winner: str = "a",
    belief: int = ONE,
    fragile: bool = False,
    day: float = 0,
    domain: str = "law",
    opener: bytes = MEMBERS[0],
    strikes: dict[int, tuple[str, ...]] | None = None,
    silent: tuple[int, ...] = (),
    judged: dict[int, tuple[tuple[int, int], ...]] | None = None,
    course: str = "",
    played: tuple[tuple[int, int, int], ...] = (),
) -> VerdictFact:
    """A decided task: each member's draft as a letter, `-` for none; no winner if it is empty.

    `course` are the winners of its rounds, `played` the bandit's moves before the second and
    later ones (arm, reward, cost).
    """
    answers = tuple(sorted({*drafts, *winner} - {"-"}))
    moves = ((-1, 0, 0), *played, *[(-1, 0, 0)] * len(course))
    return VerdictFact(
        task=task_id(number),
        verdict=hashlib.sha256(f"verdict {number}".encode()).digest(),
        opener=opener,
        opened_at_ms=START_MS + int(day * DAY_MS),
        domain=domain,
        answers=answers,
        winner=answers.index(winner) if winner else -1,
        belief=belief,
        fragile=fragile,
        showings=tuple(
            Showing(
                member=MEMBERS[at],
                answer=-1 if draft == "-" else answers.index(draft),
                accepted=at not in silent,
                strikes=(strikes or {}).get(at, ()),
                judged=(judged or {}).get(at, ()),
            )
            for at, draft in enumerate(drafts)
        ),
        course=tuple(
            Turn(
                winner=answers.index(won) if won in answers else -1,
                arm=arm,
                reward=reward,
                cost=cost,
            )
            for won, (arm, reward, cost) in zip(course, moves, strict=False)
        ),
    )


def word(
    number: int = 0,
    *,
    right: bool = True,
    answer: str = "",
    client: bytes = CLIENTS[0],
    at_ms: int = 0,
) -> FeedbackFact:
    """A client's word on the number-th task."""
    return FeedbackFact(
        task=task_id(number), client=client, right=right, answer=answer, at_ms=at_ms
    )


def drawn_verdict(rng: Random, number: int) -> VerdictFact:
    """The number-th task, with everything in it drawn."""
    drafts = "".join(rng.choices("abc-", k=5))
    winner = rng.choice([*sorted(set(drafts) - {"-"}), "a", ""])
    answers = len({*drafts, *winner} - {"-"})

    def share() -> int:
        return rng.choice([0, ONE, rng.randint(0, ONE)])

    return verdict(
        number,
        drafts,
        winner=winner,
        belief=share(),
        fragile=not rng.randrange(4),
        day=rng.randint(0, 400),
        domain=rng.choice(DOMAINS),
        opener=rng.choice(MEMBERS),
        strikes={at: tuple(sorted(rng.sample(STRIKES, rng.randrange(3)))) for at in range(5)},
        silent=tuple(at for at in range(5) if not rng.randrange(3)),
        judged={
            at: tuple((share(), share()) for _ in range(answers))
            for at in range(5)
            if rng.randrange(3)
        },
    )


def drawn_facts(rng: Random, tasks: int) -> list[Fact]:
    """That many tasks with what is said of them, and some members convicted."""
    found: list[Fact] = []
    for number in range(tasks):
        found.append(drawn_verdict(rng, number))
        found += [
            word(
                number,
                right=bool(rng.randrange(2)),
                answer=rng.choice(["", "a", "z"]),
                client=rng.choice([*CLIENTS, *MEMBERS]),
                at_ms=rng.randrange(4),
            )
            for _ in range(rng.randrange(4))
        ]
        if rng.randrange(2):
            found.append(AcceptanceFact(task=task_id(number), member=rng.choice(MEMBERS)))
    found += [EvidenceFact(member=one) for one in rng.sample(MEMBERS, rng.randrange(3))]
    return found


seeds = st.integers(0, 2**32)


def verdicts(number: int) -> st.SearchStrategy[VerdictFact]:
    """The number-th task, drawn."""
    return seeds.map(lambda seed: drawn_verdict(Random(seed), number))


def fact_sets(most: int = 6) -> st.SearchStrategy[list[Fact]]:
    """Facts about up to `most` tasks, drawn: a seed for each, since drawing every figure of a
    hundred facts takes longer than what is tested."""
    return st.builds(
        lambda seed, tasks: drawn_facts(Random(seed), tasks), seeds, st.integers(0, most)
    )
