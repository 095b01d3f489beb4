"""When the value of a slate or a freeze is valid, and what a proposer builds (rules V1 to V3)."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus import canonical
from consensus.agreement.validity import Invalid, Pending, Valid, Validity
from consensus.bodies import Report, Seal
from consensus.deliberation.points import SLOT_IDS, PointValue, build_set, check_set, closure
from consensus.envelope import Ctx, Kind, MessageId, Stage
from consensus.ports import Message
from tests.harness.tables import Table


class Book:
    """Messages of one freeze in a committee of `count`, held by whoever asks."""

    def __init__(self, count: int = 4) -> None:
        self.table = Table(count)
        self.held: dict[bytes, Message] = {}

    def seal(self, who: int, word: str = "a", *, hold: bool = True, round_: int = 1) -> MessageId:
        """A member's sealed ballot."""
        body = Seal(hash=word.encode().ljust(32, b"."))
        return self._keep(self.table.sign(who, round_, Stage.FREEZE, Kind.SEAL, body), hold)

    def report(
        self, who: int, *ids: MessageId, hold: bool = True, stage: Stage = Stage.FREEZE, ms: int = 0
    ) -> MessageId:
        """A member's REPORT."""
        body = Report(ids=tuple(sorted(ids)), ms=ms)
        return self._keep(self.table.sign(who, 1, stage, Kind.REPORT, body), hold)

    def value(
        self,
        ids: Iterable[MessageId],
        reports: Iterable[MessageId] = (),
        evidence: Iterable[tuple[MessageId, MessageId]] = (),
    ) -> PointValue:
        """A freeze."""
        pairs = [(min(pair), max(pair)) for pair in evidence]
        return PointValue(
            stage=Stage.FREEZE,
            round=1,
            ids=tuple(sorted(ids)),
            reports=tuple(sorted(reports)),
            evidence=tuple(sorted(pairs)),
        )

    @property
    def ctx(self) -> Ctx:
        return self.table.scribes[0].ctx(1, Stage.FREEZE)

    def check(self, value: PointValue) -> Validity:
        """Its validity."""
        again = PointValue.decode(value.encode(), stage=Stage.FREEZE, round_=1)
        assert again == value
        return check_set(value, committee=self.table.committee, ctx=self.ctx, lookup=self.held.get)

    def build(self, *, without: Iterable[MessageId] = ()) -> PointValue | None:
        """What a proposer makes of what it holds."""
        gone = set(without)
        content: dict[bytes, list[Message]] = {}
        reports = []
        for message in self.held.values():
            if message.kind is Kind.REPORT:
                reports.append(message)
            elif message.id not in gone:
                content.setdefault(message.signer, []).append(message)
        return build_set(
            stage=Stage.FREEZE,
            round_=1,
            committee=self.table.committee,
            content=content,
            reports=reports,
            lookup=self.held.get,
        )

    def _keep(self, message: Message, hold: bool) -> MessageId:
        if hold:
            self.held[message.id] = message
        return message.id


def broken(validity: Validity, rule: str, text: str) -> None:
    assert isinstance(validity, Invalid), validity
    assert validity.rule == rule
    assert text in validity.text


# -- V1: who says so ----------------------------------------------------------------------


def test_slot_of_every_member_needs_no_report() -> None:
    book = Book()
    assert book.check(book.value([book.seal(who) for who in range(4)])) == Valid()


def test_one_slot_short_needs_the_reports_of_a_quorum() -> None:
    book = Book()
    seals = [book.seal(who) for who in range(3)]
    broken(book.check(book.value(seals)), "V1", "0 REPORTs carried, 3 needed")
    reports = [book.report(who, *seals) for who in range(3)]
    broken(book.check(book.value(seals, reports[:2])), "V1", "2 REPORTs carried, 3 needed")
    assert book.check(book.value(seals, reports)) == Valid()


def test_void_slot_counts_as_one_that_is_there() -> None:
    book = Book()
    seals = [book.seal(who) for who in range(3)]
    pair = (book.seal(3, "a"), book.seal(3, "b"))
    assert book.check(book.value(seals, evidence=[pair])) == Valid()


def test_two_reports_of_one_member_are_not_carried_together() -> None:
    book = Book()
    seals = [book.seal(who) for who in range(3)]
    reports = [book.report(who, *seals) for who in range(3)]
    again = book.report(0, *seals, ms=1)
    broken(book.check(book.value(seals, [*reports, again])), "V1", "two REPORTs of one member")
    # V1b: either of them may be carried.
    assert book.check(book.value(seals, [again, *reports[1:]])) == Valid()


def test_report_of_two_envelopes_of_a_slot_is_carried_and_one_of_three_is_not() -> None:
    book = Book()
    ids = [book.seal(who) for who in (1, 2)]
    doubled = [book.seal(3, word) for word in "abc"]
    others = [book.report(who, *ids) for who in (0, 1)]
    two = book.report(3, *ids, *doubled[:2])
    pair = [(doubled[0], doubled[1])]
    assert book.check(book.value(ids, [*others, two], pair)) == Valid()
    three = book.report(3, *ids, *doubled)
    said = book.check(book.value(ids, [*others, three], pair))
    assert isinstance(said, Invalid)
    assert (said.rule, said.message) == ("V1a", three)


def test_report_of_another_point_is_none_of_this_one() -> None:
    book = Book()
    seals = [book.seal(who) for who in range(3)]
    reports = [book.report(who, *seals) for who in range(2)]
    other = book.report(2, *seals, stage=Stage.SLATE)
    text = "a carried REPORT is of another instance"
    broken(book.check(book.value(seals, [*reports, other])), "V1", text)
    broken(book.check(book.value(seals, [*reports, seals[0]])), "V1", text)


# -- V2: nothing reported is left out -----------------------------------------------------


def test_union_of_the_carried_reports_is_what_counts() -> None:
    book = Book()
    seals = [book.seal(who) for who in range(3)]
    reports = [
        book.report(0, seals[0], seals[1]),
        book.report(1, seals[1], seals[2]),
        book.report(2),
    ]
    assert book.check(book.value(seals, reports)) == Valid()
    for left_out in seals:
        rest = [item for item in seals if item != left_out]
        broken(book.check(book.value(rest, reports)), "V2", "a reported envelope is left out")


def test_what_nobody_reported_is_not_counted() -> None:
    book = Book()
    seals = [book.seal(who) for who in range(3)]
    reports = [book.report(who, *seals[:2]) for who in range(3)]
    text = "a counted envelope was not reported"
    broken(book.check(book.value(seals, reports)), "V2", text)


@pytest.mark.parametrize("as_what", ["counted", "reported"])
def test_envelope_of_another_round_does_not_count(as_what: str) -> None:
    book = Book()
    seals = [book.seal(who) for who in range(3)]
    other = book.seal(3, round_=2)
    if as_what == "counted":
        text = "a counted envelope is not this point's"
        broken(book.check(book.value([*seals, other])), "V2", text)
    else:
        reports = [book.report(who, *seals, other) for who in range(3)]
        text = "a named envelope is not this point's"
        broken(book.check(book.value(seals, reports)), "V2", text)


@pytest.mark.parametrize(("ids", "reports", "evidence"), [(5, 0, 0), (0, 5, 0), (0, 0, 5)], ids=str)
def test_value_names_no_more_than_the_committee_can_fill(
    ids: int, reports: int, evidence: int
) -> None:
    book = Book()
    ghosts = [MessageId(bytes([at]) * 32) for at in range(1, 11)]
    pairs = list(zip(ghosts[:5], ghosts[5:], strict=True))
    value = book.value(ghosts[:ids], ghosts[:reports], pairs[:evidence])
    broken(book.check(value), "V2", "5 entries for 4 members")
    fewer = book.value(ghosts[: ids and 4], ghosts[: reports and 4], pairs[: evidence and 4])
    assert isinstance(book.check(fewer), Pending)


# -- V3: equivocation ---------------------------------------------------------------------


def two_faced(book: Book) -> tuple[list[MessageId], list[MessageId], list[MessageId]]:
    """Honest seals, mallory's two, and REPORTs of which two name one and one the other."""
    seals = [book.seal(who) for who in range(3)]
    pair = [book.seal(3, "a"), book.seal(3, "b")]
    reports = [book.report(who, *seals, pair[who // 2]) for who in range(3)]
    return seals, pair, reports


def test_doubled_slot_is_void_and_comes_with_its_evidence() -> None:
    book = Book()
    seals, (first, second), reports = two_faced(book)
    value = book.value(seals, reports, [(first, second)])
    assert book.check(value) == Valid()


def test_doubled_slot_without_its_evidence_is_not_valid() -> None:
    book = Book()
    seals, (first, _), reports = two_faced(book)
    broken(book.check(book.value(seals, reports)), "V3", "a doubled slot lacks its evidence")
    text = "a doubled slot lacks its evidence"
    broken(book.check(book.value([*seals, first], reports)), "V3", text)


def test_void_slot_does_not_count_too() -> None:
    book = Book()
    seals, (first, second), reports = two_faced(book)
    value = book.value([*seals[1:], first], reports, [(first, second)])
    broken(book.check(value), "V3", "a slot counts once, or is void")


def test_slot_does_not_count_twice_where_reports_name_one_of_its_envelopes() -> None:
    book = Book()
    seals = [book.seal(who) for who in range(2)]
    pair = sorted((book.seal(3, "a"), book.seal(3, "b")))
    reports = [book.report(who, *seals, pair[1]) for who in range(3)]
    assert book.check(book.value([*seals, pair[1]], reports)) == Valid()
    broken(book.check(book.value([*seals, *pair], reports)), "V3", "a slot counts once, or is void")


def test_evidence_that_no_report_names_may_be_added() -> None:
    book = Book()
    seals = [book.seal(who) for who in range(3)]
    pair = (book.seal(3, "a"), book.seal(3, "b"))
    reports = [book.report(who, *seals) for who in range(3)]
    assert book.check(book.value(seals, reports, [pair])) == Valid()


def test_evidence_of_two_members_convicts_neither() -> None:
    book = Book()
    seals = [book.seal(who) for who in range(4)]
    value = book.value(seals[2:], evidence=[(seals[0], seals[1])])
    broken(book.check(value), "V3", "evidence is two envelopes of one slot")


def test_one_member_is_convicted_once() -> None:
    book = Book()
    seals = [book.seal(who) for who in range(3)]
    one, two, three = (book.seal(3, word) for word in "abc")
    value = book.value(seals, evidence=[(one, two), (two, three)])
    broken(book.check(value), "V3", "evidence is two envelopes of one slot")


# -- A11: missing bytes -------------------------------------------------------------------


def test_missing_bytes_are_asked_for_before_anything_is_judged() -> None:
    book = Book()
    seals = [book.seal(who) for who in range(3)]
    absent = book.seal(3, hold=False)
    assert book.check(book.value([*seals, absent])) == Pending(ids=(absent,))


def test_what_a_carried_report_names_is_asked_for_too() -> None:
    book = Book()
    seals = [book.seal(who) for who in range(2)]
    absent = book.seal(2, hold=False)
    reports = [book.report(who, *seals, absent) for who in range(3)]
    assert book.check(book.value(seals, reports)) == Pending(ids=(absent,))


def test_closure_is_all_that_a_decided_point_stands_on() -> None:
    book = Book()
    seals, (first, second), reports = two_faced(book)
    value = book.value(seals, reports, [(first, second)])
    assert set(closure(value, book.held.get)) == {*seals, first, second, *reports}
    del book.held[reports[0]]
    assert reports[0] in closure(value, book.held.get)


# -- what a proposer builds ---------------------------------------------------------------


def test_full_slate_is_built_without_reports() -> None:
    book = Book()
    seals = {book.seal(who) for who in range(4)}
    book.report(0, *seals)
    built = book.build()
    assert built is not None
    assert set(built.ids) == seals
    assert built.reports == ()


def test_nothing_is_built_under_a_quorum_of_reports() -> None:
    book = Book()
    seals = [book.seal(who) for who in range(3)]
    for who in range(2):
        book.report(who, *seals)
    assert book.build() is None
    book.report(2)
    built = book.build()
    assert built is not None
    assert len(built.reports) == 3


def test_proposer_adds_evidence_that_it_alone_holds() -> None:
    book = Book(5)
    seals = [book.seal(who) for who in range(3)]
    pair = {book.seal(3, "a"), book.seal(3, "b")}
    first = min(pair)
    for who in range(4):
        book.report(who, *seals, first)
    built = book.build()
    assert built is not None
    assert set(built.evidence[0]) == pair
    assert book.check(built) == Valid()


@given(st.data())
def test_whatever_honest_members_report_a_proposer_builds_a_valid_value(
    data: st.DataObject,
) -> None:
    """Any content, any REPORTs of it: what is built is valid, and nothing honest is left out."""
    count = data.draw(st.integers(1, 7))
    book = Book(count)
    seals = {
        who: [book.seal(who, word) for word in data.draw(st.sampled_from(["", "a", "ab", "abc"]))]
        for who in range(count)
    }
    everything = [item for items in seals.values() for item in items]
    named: set[MessageId] = set()
    for who in range(count):
        if not data.draw(st.booleans()):
            continue
        drawn = data.draw(st.sets(st.sampled_from(everything))) if everything else set()
        ids = {  # V1a
            item
            for items in seals.values()
            for item in [held for held in items if held in drawn][:SLOT_IDS]
        }
        book.report(who, *ids)
        named |= ids
    built = book.build()
    quorum = book.table.committee.quorum.q
    reports = sum(message.kind is Kind.REPORT for message in book.held.values())
    if built is None:
        assert reports < quorum
        return
    assert book.check(built) == Valid()
    voided = {item for pair in built.evidence for item in pair}
    if built.reports:
        for items in seals.values():
            if any(item in named for item in items):
                assert set(items) & ({*built.ids} | voided)


def test_every_quorum_of_reports_obliges_to_what_t_members_reported() -> None:
    """V2: whatever q REPORTs a proposer carries, t honest ones are among them or overlap."""
    book = Book()
    seals = [book.seal(who) for who in range(3)]
    shared = seals[2]
    reports = [
        book.report(0, *seals),
        book.report(1, *seals),
        book.report(2, *seals[:2]),
        book.report(3, *seals[:2]),
    ]
    for carried in combinations(reports, 3):
        without = book.value([item for item in seals if item != shared], carried)
        assert isinstance(book.check(without), Invalid)


# -- one form a value ---------------------------------------------------------------------


def test_value_is_read_back() -> None:
    book = Book()
    seals, pair, reports = two_faced(book)
    value = book.value(seals, reports, [(pair[0], pair[1])])
    assert PointValue.decode(value.encode(), stage=Stage.FREEZE, round_=1) == value


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"round": 2}, "not a value of round 1's freeze"),
        ({"point": "slate"}, "not a value of round 1's freeze"),
        ({"more": 1}, "not a value of round 1's freeze"),
        ({"ids": None}, "not the value of a point"),
        ({"ids": [1]}, "not the value of a point"),
        ({"ids": ["ab"]}, "32 bytes"),
        ({"ids": ["AB" * 32]}, "not a value of"),
        ({"ids": ["xy" * 32]}, "hexadecimal"),
        ({"ids": ["bb" * 32, "aa" * 32]}, "ascending"),
        ({"ids": ["aa" * 32, "aa" * 32]}, "ascending"),
        ({"reports": ["bb" * 32, "aa" * 32]}, "ascending"),
        ({"reports": {"aa" * 32: 1}}, "not a value of"),
        ({"evidence": [["aa" * 32]]}, "unpack"),
        ({"evidence": [["bb" * 32, "aa" * 32]]}, "two different ids, ascending"),
        ({"evidence": [["aa" * 32, "aa" * 32]]}, "two different ids, ascending"),
        ({"evidence": "ab"}, "unpack"),
        ({"figures": {"proposals": [], "void": []}}, "figures belong to an outcome"),
        ({"figures": None}, "not a value of"),
    ],
    ids=str,
)
def test_value_of_another_form_is_none(change: dict[str, object], text: str) -> None:
    plain = canonical.decode(Book().value([]).encode()) | change
    with pytest.raises(ValueError, match=text):
        PointValue.decode(canonical.encode(plain), stage=Stage.FREEZE, round_=1)


@pytest.mark.parametrize(
    "figures",
    [
        None,
        {},
        [],
        1,
        {"proposals": []},
        {"void": []},
        {"proposals": {}, "void": []},
        {"proposals": [1], "void": []},
        {"proposals": ["ab"], "void": []},
        {"proposals": ["zz" * 32], "void": []},
    ],
    ids=str,
)
def test_outcome_without_readable_proposals_is_none(figures: object) -> None:
    value = replace(Book().value([]), stage=Stage.OUTCOME)
    plain = canonical.decode(value.encode()) | {"figures": figures}
    if figures is None:
        del plain["figures"]
    with pytest.raises(ValueError, match=r"outcome|32 bytes|hexadecimal"):
        PointValue.decode(canonical.encode(plain), stage=Stage.OUTCOME, round_=1)
