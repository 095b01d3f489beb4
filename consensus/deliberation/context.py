"""The agreed record folded to the limit that a policy sets (rule R1b). Pure and exact.

Every member folds the same record by the same integers, so all their models that read words are
told the same. What is kept, and in which order:

- Answers are grouped as ReConcile groups them (Chen, Saha and Bansal 2024, section 3.2: how many
  agents gave an answer, their confidence, their explanations). What says nothing new is left
  out: an equal text, or a long one of nearly the same words (`tally.near`).
- Rounds share the limit by weights of (1 - forget)^k for a round that is k rounds older than the
  last, and what one leaves unused goes to the older ones. It stands for NSED's forget gate, which
  lets the state of a deliberation decay from round to round; here it gates room, since what is
  kept has to be the authors' own words.
- Within a round the claims come first that judges disagreed about most, by the variance of the
  endorsements: first what each claim is, then the reasons and views of one claim after the
  other. A claim that all agree on needs the fewest words.
- A reason or a view has at most half of the room that is left, if that is more than `MONOLOGUE`,
  and answers that do not fit beside each other share the room evenly,
  so that nobody talks the others out of the record. A text that does not fit whole is cut where
  a sentence ends, and says so; if not even one sentence fits, it is left out and counted.

**What a text is charged**, in bytes, of which a token has four. That is no model's tokenizer, since
no tokenizer is the same for all models of a committee. The marks that show others' text as data
(R5) are charged too, so that the limit holds for what a prompt shows and not only for the text
in it: `LINE` bytes for every line and for every `LONG` characters of one, `SIGN` bytes for every
character that is no digit, blank, common punctuation or letter of `LETTERS` (it may have to be
broken), `PIECE` bytes for every text and claim, and `FRAME` bytes once.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ..policy import ONE
from ..tally.answers import fold as caseless
from ..tally.near import NEAR, Sketch, apart, sketch
from .requests import Claim, Context, Reason, View

TOKEN: Final = 4
"""Bytes of a token."""
LINE: Final = 24
"""Bytes of the mark before a line, of its line break, and of one mark inside of it."""
LONG: Final = 2_000
"""Characters after which a line bears its mark again."""
SIGN: Final = 2
"""Bytes that a mark inside of a sequence takes."""
PIECE: Final = 400
"""Bytes of the words around one text: two lines that fence it, and who said it of what."""
FRAME: Final = 1_024
"""Bytes of the words around the whole record."""

LETTERS: Final = (
    (0x00C0, 0x017F),  # Latin with its accents
    (0x0370, 0x052F),  # Greek, Cyrillic
    (0x05D0, 0x05EA),  # Hebrew
    (0x0620, 0x064A),  # Arabic
    (0x0900, 0x097F),  # Devanagari
    (0x3041, 0x30FF),  # Kana
    (0x4E00, 0x9FFF),  # Han
    (0xAC00, 0xD7A3),  # Hangul
)
"""Ranges of letters beyond ASCII that no sign is made of. They are written out, since what Python
calls a letter grows with its version, and members run several."""
MONOLOGUE: Final = 2_048
"""Bytes that a reason or view may take even if they are more than half of what is left."""

_PLAIN: Final = frozenset(
    map(
        ord, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \t.,;:!?'\"()-+*/=%&$@"
    )
)
_ENDS: Final = re.compile(r"[.!?]['\")\]]*(?=\s)|[\u3002\uff01\uff1f]|\n")


def charge(text: str) -> int:
    """What `text` takes of the limit as one fenced text, in bytes."""
    lines = re.split(r"\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]", text)
    marks = sum(LINE * max(1, -(-len(line) // LONG)) for line in lines)
    signs = sum(ord(char) not in _PLAIN and not _letter(ord(char)) for char in text)
    return PIECE + len(text.encode("utf-8", "surrogatepass")) + marks + SIGN * signs


def _letter(code: int) -> bool:
    return code >= LETTERS[0][0] and any(low <= code <= high for low, high in LETTERS)


def cut(text: str, room: int) -> str:
    """The longest beginning of `text` that ends with a sentence and takes at most `room` bytes.

    All of it if that fits; nothing if not even the first sentence does. The size of a beginning
    grows with it, so the last end that fits is found by halving.
    """
    if charge(text) <= room:
        return text
    ends = [found.end() for found in _ENDS.finditer(text)]
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high) // 2
        if charge(text[: ends[middle]].rstrip()) <= room:
            low = middle + 1
        else:
            high = middle
    return text[: ends[low - 1]].rstrip() if low else ""


def fold(claims: Sequence[Claim], *, tokens: int, forget: int, taken: int = 0) -> Context:
    """`claims` of finished rounds folded to at most `tokens`, older ones by the gate `forget` (bp).

    `taken` bytes of the limit are taken by what else stands in the record: people's notes (R1c).

    Claims come with all their reasons and views, which have words, in an order that nobody chose:
    it settles what is otherwise equal. `Context.tokens` is never over `tokens`.
    """
    last = max((claim.round for claim in claims), default=0)
    left = tokens * TOKEN - FRAME - taken
    heard = _Heard()
    kept: list[Claim] = []
    weights = [1] * last  # in parts that keep them whole: (1 - forget)^age by ONE^last
    for age in range(last):
        for other in range(last):
            weights[other] *= ONE - forget if other > age else ONE
    for age, weight in enumerate(weights):
        room = left * weight // max(1, sum(weights[age:]))
        here = [claim for claim in claims if claim.round == last - age]
        told, spent = _round(here, room, heard)
        kept += told
        left -= spent
    spent = tokens * TOKEN - left - taken if kept else 0
    return Context(claims=tuple(kept), tokens=-(-spent // TOKEN), left_out=len(claims) - len(kept))


@dataclass(slots=True)
class _Heard:
    """The texts that stand in a context already: nothing is told twice.

    Each is hashed once. A policy may have thousands of them kept, and a member that hashes them
    anew for every other one does nothing else for minutes (T3).
    """

    texts: set[str] = field(default_factory=set)
    sketches: list[Sketch] = field(default_factory=list)

    def news(self, text: str) -> bool:
        words = " ".join(caseless(text).split())
        if words in self.texts:
            return False
        found = sketch(words)
        return not any(
            bits is not None and bits <= NEAR
            for bits in (apart(found, other) for other in self.sketches)
        )

    def add(self, text: str) -> None:
        words = " ".join(caseless(text).split())
        self.texts.add(words)
        found = sketch(words)
        if found is not None:
            self.sketches.append(found)


@dataclass(slots=True)
class _Told:
    """A claim as far as it is told."""

    claim: Claim
    answer: str
    reasons: list[Reason] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    left_out: int = 0

    def close(self) -> Claim:
        return replace(
            self.claim,
            answer=self.answer,
            cut=self.answer != self.claim.answer,
            reasons=tuple(self.reasons),
            views=tuple(self.views),
            left_out=self.left_out,
        )


def _round(claims: Sequence[Claim], room: int, heard: _Heard) -> tuple[list[Claim], int]:
    """What is told of one round within `room` bytes, and how many of them it takes."""
    spent = 0
    told: list[_Told] = []
    ordered = sorted(claims, key=lambda item: -item.contest)  # stable: equal ones by order
    shares = _shares([charge(claim.answer) for claim in ordered], room)
    for claim, most in zip(ordered, shares, strict=False):
        answer = cut(claim.answer, most)
        if answer and charge(answer) <= most:
            spent += charge(answer)
            told.append(_Told(claim=claim, answer=answer))
    for item in told:
        for text in _texts(item.claim):
            left = room - spent
            spent += _tell(item, text, min(left, max(left // 2, MONOLOGUE)), heard)
    return [item.close() for item in told], spent


def _shares(sizes: Sequence[int], room: int) -> list[int]:
    """What each of the first answers may take of `room` bytes, for as many as can be told.

    A short one takes what it needs and long ones share the rest evenly, so that nobody's answer
    leaves no room for another's. Each gets `MONOLOGUE`, or all that it needs if that is less: of
    more than `room` has place for, the last are left out.
    """
    count = len(sizes)
    while count > 1 and sum(min(size, MONOLOGUE) for size in sizes[:count]) > room:
        count -= 1
    shares, left = [0] * count, room
    for told, at in enumerate(sorted(range(count), key=lambda at: sizes[at])):
        shares[at] = min(sizes[at], left // (count - told))
        left -= shares[at]
    return shares


def _texts(claim: Claim) -> Iterator[Reason | View]:
    """Reasons and views in turn, the views farthest from what their voters say on average first."""
    given = [view.critique.endorsement for view in claim.views]
    views = sorted(
        claim.views,
        key=lambda view: -abs(len(given) * view.critique.endorsement - sum(given)),
    )
    for at in range(max(len(claim.reasons), len(views))):
        yield from claim.reasons[at : at + 1]
        yield from views[at : at + 1]


def _tell(item: _Told, said: Reason | View, room: int, heard: _Heard) -> int:
    """Add to `item` what fits in `room` of `said` and is news; the bytes that it takes."""
    if isinstance(said, View):
        return _view(item, said, room, heard)
    words = [text for text in (said.wording, said.text) if text.strip()]
    if not words:
        return 0
    rest = charge(said.wording) if said.wording else 0
    cited = charge("\n".join(said.cited)) if said.cited else 0
    text = cut(said.text, room - rest - cited) if said.text.strip() else ""
    taken = rest + cited + (charge(text) if text else 0)
    if (said.text.strip() and not text) or taken > room:
        item.left_out += 1
        return 0
    if not any(heard.news(each) for each in words):  # last, as it takes longest
        return 0
    for each in words:
        heard.add(each)
    item.reasons.append(replace(said, text=text, cut=text != said.text))
    return taken


def _view(item: _Told, said: View, room: int, heard: _Heard) -> int:
    text = said.critique.text
    kept = cut(text, room)
    if not kept:
        item.left_out += 1
        return 0
    if not heard.news(text):  # last, as it takes longest
        return 0
    heard.add(text)
    critique = replace(said.critique, text=kept)
    item.views.append(replace(said, critique=critique, cut=kept != text))
    return charge(kept)


def contest(endorsements: Sequence[int]) -> int:
    """The variance of endorsements in points, in points squared, rounded down; 0 of none."""
    if not endorsements:
        return 0
    n, total = len(endorsements), sum(endorsements)
    return (n * sum(value * value for value in endorsements) - total * total) // (n * n)
