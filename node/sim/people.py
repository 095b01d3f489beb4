"""People who speak into a simulated task (R1c): who says what, when, and to which member.

Some say one thing to one member and another thing to the next, under one number; a Byzantine
member may carry what nobody named has signed.
"""

import random
from dataclasses import dataclass, replace

from consensus.bodies import Note, Speaker

from .ring import KeyRing

NAMES = ("ann", "ben", "cleo")
"""Who may be named as a speaker, in this order."""
FORGED_NOTES = "forged_notes"
"""A Byzantine member's habit: its commits carry notes that no speaker signed, or none of those that
it was handed. Drawn only where a task names speakers."""
STRANGER = "nobody"
"""Whose notes no task names."""
SPOKEN = 0.35
"""Share of schedules whose task names speakers. The others are what they were without any."""
MOST_SAID = 3
"""Notes of one schedule: with two faces each, fewer than models are ever told at once."""
LATEST_MS = 6_000
LONG = "The meter was replaced in May, and nobody told the office. " * 24
"""A text of which a short record holds the beginning alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """At `at_ms` the member at `position` is handed the text of that `face`."""

    position: int
    face: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One number of one speaker (`by`, a place among the schedule's): its `faces` are the
    texts signed under that number, one unless the speaker is two-faced; `dated` is the time (ms)
    that they name."""

    by: int
    number: int
    dated: int
    faces: tuple[str, ...]
    handed: tuple[Handed, ...]

    def __str__(self) -> str:
        """For people, without the texts."""
        ways = ", ".join(f"{one.face} to {one.position} at {one.at_ms} ms" for one in self.handed)
        return f"{self.number} of {self.by} with {len(self.faces)} faces ({ways})"


def drawn(rng: random.Random, members: int) -> tuple[tuple[str, ...], tuple[Said, ...]]:
    """Who is named, and 0 to `MOST_SAID` things that they say; nobody in most schedules."""
    if rng.random() >= SPOKEN:
        return (), ()
    people = NAMES[: rng.randint(1, len(NAMES))]
    said: list[Said] = []
    for at in range(rng.randint(0, MOST_SAID)):
        by = rng.randrange(len(people))
        faces = tuple(f"{words} {at}" for words in ("Yes.", "No."))
        if rng.random() < 0.6:
            faces = (rng.choice((faces[0], f"{LONG}{at}.")),)
        heard = rng.sample(range(members), k=rng.choice((1, 1, 2, members)))
        late = rng.choice((0, 0, rng.randint(1, LATEST_MS)))
        said.append(
            Said(
                by=by,
                number=1 + sum(one.by == by for one in said),
                dated=rng.randrange(3),
                faces=faces,
                handed=tuple(
                    Handed(
                        position=to,
                        face=rng.randrange(len(faces)),
                        at_ms=late + rng.choice((0, rng.randint(0, 500))),
                    )
                    for to in heard
                ),
            )
        )
    return people, tuple(said)


def speaker(ring: KeyRing, name: str) -> Speaker:
    """A person by name, with a key of the simulation."""
    return Speaker(name=name, key=ring.identity(f"person {name}"))


def signed(ring: KeyRing, name: str, task: bytes, said: Said, face: int) -> Note:
    """The note that a speaker signs for `task` with one of its faces."""
    key = speaker(ring, name).key
    return ring.note(key, task, said.faces[face], number=said.number, at_ms=said.dated)


def forged(
    ring: KeyRing, people: tuple[str, ...], task: bytes, held: tuple[Note, ...], rng: random.Random
) -> tuple[Note, ...]:
    """What a Byzantine member carries in place of the notes that it holds: none of them, or beside
    them one that no speaker has signed for this task. Nothing else where nobody is named."""
    if not people:
        return held
    stranger = ring.note(speaker(ring, STRANGER).key, task, "Trust me.")
    name = rng.choice(people)
    key = speaker(ring, name).key
    sound = rng.choice(held) if held else replace(stranger, author=key)
    made = rng.choice(
        (
            None,
            stranger,
            replace(sound, text="Trust mallory."),
            replace(sound, number=sound.number % 4 + 1),
            replace(stranger, author=key),
            ring.note(key, bytes(32), "Said elsewhere."),
        )
    )
    return () if made is None else (*held, made)[-4:]
