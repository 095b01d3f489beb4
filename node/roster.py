"""Members as the HTTP front shows them: links, scores by domain, and the facts behind a score."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from consensus.policy import ONE

from .api import seen
from .api.contract import Absent
from .endings import STRIKES
from .federation import FederationError, FederationMember
from .rounds import cut

if TYPE_CHECKING:
    from reputation import Book, Entry, Scoring

    from .federation import Federation

ANSWER_MAX: Final = 160
"""Most characters of an answer in a fact."""

Links = Callable[[], Mapping[bytes, seen.Link]]
"""How the links stand, by member."""

Skills = dict[bytes, list[tuple[str, int, Counter[str]]]]
"""By member, in the order of domains: the domain, its tasks, and strikes by name."""


class Roster:
    """The members of a federation, as one node's ledger and links have them."""

    def __init__(
        self,
        federation: "Federation",
        book: "Book",
        *,
        me: bytes,
        links: Links,
        wall_ms: Callable[[], int],
        scoring: "Scoring",
    ) -> None:
        self._federation = federation
        self._scoring = scoring
        self._book = book
        self._me = me
        self._links = links
        self._wall_ms = wall_ms

    def all(self) -> seen.Members:
        """Every member, in the order of the federation file."""
        at_ms, links, skills = self._at_ms(), self._links(), self._skills()
        return seen.Members(
            federation=self._federation.name,
            epoch=self._federation.epoch,
            as_of_ms=at_ms,
            facts=len(self._book),
            digest=self._book.digest.hex(),
            members=[self._member(one, at_ms, links, skills) for one in self._federation.members],
        )

    def one(self, name: str, limit: int) -> seen.MemberFacts:
        """A member, by name or by the first digits of its key, and at most `limit` of its facts.

        Raises `Absent`.
        """
        try:
            member = self._federation.find(name)
        except FederationError as error:
            raise Absent(str(error)) from None
        at_ms = self._at_ms()
        entries, all_ = self._book.latest(bytes(member.key), at_ms, limit)
        return seen.MemberFacts(
            member=self._member(member, at_ms, self._links(), self._skills()),
            facts=[self._fact(bytes(member.key), entry) for entry in entries],
            more=all_ - len(entries),
        )

    def _at_ms(self) -> int:
        """When scores are taken: at the last task, which may be dated ahead of this clock."""
        return min(self._book.latest_ms(), self._wall_ms())

    def _skills(self) -> Skills:
        found: Skills = {}
        for (domain, member), (tasks, strikes) in sorted(self._book.counts().items()):
            found.setdefault(member, []).append((domain, tasks, strikes))
        return found

    def _member(
        self,
        member: FederationMember,
        at_ms: int,
        links: Mapping[bytes, seen.Link],
        skills: Skills,
    ) -> seen.MemberSeen:
        key = bytes(member.key)
        against = self._book.evidence(key)
        return seen.MemberSeen(
            name=member.name,
            key=key.hex(),
            family=member.family,
            address=member.address,
            me=key == self._me,
            link=links.get(key),
            excluded=against is not None,
            evidence=None if against is None else against.id.hex(),
            scores=[
                self._skill(key, domain, at_ms, tasks, strikes)
                for domain, tasks, strikes in skills.get(key, ())
            ],
        )

    def _skill(
        self, key: bytes, domain: str, at_ms: int, tasks: int, strikes: Counter[str]
    ) -> seen.Skill:
        score = self._book.score(key, domain, at_ms, self._scoring)
        return seen.Skill(
            domain=domain,
            author=score.author / ONE,
            judge=score.judge / ONE,
            tasks=tasks,
            strikes=dict(sorted(strikes.items())),
        )

    def _fact(self, key: bytes, entry: "Entry") -> seen.FactSeen:
        fact, showing = entry.fact, entry.fact.of(key)
        assert showing is not None
        return seen.FactSeen(
            task=fact.task.hex(),
            verdict=fact.verdict.hex(),
            fact=fact.id.hex(),
            domain=fact.domain,
            opened_at_ms=fact.opened_at_ms,
            answer=cut(fact.answers[showing.answer], ANSWER_MAX) if showing.answer >= 0 else None,
            winner=cut(fact.answers[fact.winner], ANSWER_MAX) if fact.winner >= 0 else None,
            author=[part / ONE for part in entry.observation.author],
            judge=[part / ONE for part in entry.observation.judge],
            left=entry.left / ONE,
            counted=entry.counted,
            accepted=entry.accepted,
            strikes=list(showing.strikes),
            why=list(self._why(entry, showing)),
            feedback=[
                seen.Word(
                    client=self._client(word.client),
                    right=word.right,
                    answer=word.answer or None,
                    at_ms=word.at_ms,
                    fact=word.id.hex(),
                )
                for word in entry.statements
            ],
        )

    def _why(self, entry: "Entry", showing: Any) -> Iterator[str]:
        """Why an entry weighs what it weighs, in words."""
        fact = entry.fact
        if not entry.counted:
            yield "over its opener's share of the day"
        if entry.statements:
            for word in entry.statements:
                yield f"{self._client(word.client)} says {'right' if word.right else 'wrong'}"
        elif fact.winner < 0:
            yield "nothing was decided, or in words that nobody drafted"
        elif fact.fragile:
            yield "fragile, or drawn by lot"
        elif len({item.answer for item in fact.showings if item.answer >= 0}) < 2:
            yield "all agreed"
        elif showing.answer >= 0:
            won = "its draft won" if showing.answer == fact.winner else "its draft lost"
            yield f"{won}, believed {fact.belief / 100:.0f} %"
        for strike in showing.strikes:
            mark = "" if entry.accepted else " (not counted: no acceptance of it is held)"
            yield f"{STRIKES.get(strike, strike)}{mark}"

    def _client(self, key: bytes) -> str:
        return self._federation.client_name(key) or self._federation.label(key)
