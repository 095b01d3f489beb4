"""Free texts that say the same: classes by the judges' `same` verdicts (rule O1).

Two texts are linked if at least t ballots that judged the two say `same`, and more than half
of all that judged them. Classes are the connected components of these links. So f members
never link two texts by themselves, and part no two that honest judges link by more than f
over those who deny it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from ..bodies import AnswerSpec, Preference
from .answers import AnswerClass, Classes, arranged
from .ballots import CountedBallot

Link = tuple[int, int]
"""Positions of two texts, the lower one first."""


def links(
    texts: Classes,
    ballots: Iterable[CountedBallot],
    t: int,
    near: Iterable[Link] = (),
) -> frozenset[Link]:
    """The pairs of `texts` (by position) that are linked.

    A ballot has one voice on two texts, however many pairs it gives on their candidates and
    in whichever order: `same` if all of them say so. One that contradicts itself has judged
    the two and does not call them the same. A pair that nobody judged is not linked.

    Pairs in `near` are linked too, unless t ballots judged them: then those say.
    """
    judged: Counter[Link] = Counter()
    same: Counter[Link] = Counter()
    for counted in ballots:
        at = [texts.of.get(held) for held in counted.ballot.held]
        said: dict[Link, bool] = {}
        for pair in counted.ballot.pairs:
            one, other = at[pair.first], at[pair.second]
            if one is None or other is None or one == other:
                continue
            link = (min(one, other), max(one, other))
            said[link] = said.get(link, True) and pair.preference is Preference.SAME
        judged.update(said.keys())
        same.update(link for link, alike in said.items() if alike)
    found = frozenset(
        link for link, voices in judged.items() if same[link] >= t and 2 * same[link] > voices
    )
    return found | {link for link in near if judged[link] < t}


def components(count: int, linked: Iterable[Link]) -> tuple[tuple[int, ...], ...]:
    """The connected components of the positions below `count`, each ascending, by its first."""
    root = list(range(count))

    def find(at: int) -> int:
        while root[at] != at:
            root[at] = root[root[at]]
            at = root[at]
        return at

    for one, other in linked:
        low, high = sorted((find(one), find(other)))
        root[high] = low
    found: dict[int, list[int]] = {}
    for at in range(count):
        found.setdefault(find(at), []).append(at)
    return tuple(tuple(group) for group in found.values())


def join(
    spec: AnswerSpec, texts: Classes, groups: Iterable[Sequence[int]], ranking: Sequence[int]
) -> Classes:
    """`texts` with each of the `groups` as one class, whose strongest text speaks for it.

    `ranking` has all positions of `texts`, the strongest first. A class's place in ties is
    that of its luckiest text (O6): one draw a text, whoever is linked with whom.
    """
    rank = {position: place for place, position in enumerate(ranking)}
    items = []
    for group in groups:
        parts = [texts.items[at] for at in sorted(group, key=rank.__getitem__)]
        items.append(
            AnswerClass(
                answer=parts[0].answer,
                text=parts[0].text,
                option=None,
                candidates=tuple(sorted(id_ for part in parts for id_ in part.candidates)),
                authors=tuple(sorted(author for part in parts for author in part.authors)),
                tie=min(part.tie for part in parts),
                spellings=tuple(sorted(part.answer for part in parts)),
            )
        )
    return arranged(spec, items, texts.void)
