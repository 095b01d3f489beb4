"""Prompts from templates: what a model is told, and which version of the text told it.

Everything that somebody else wrote goes through `fence` before a template sees it, so a
template can only place it. A prompt's version is its template's name and a hash over every
template file, and travels in the proposal and in the ballot (R1a): whoever reads a verdict
can tell which members were asked in the same words.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jinja2

from consensus.bodies import MAX_TEXT, MAX_UNIT, AnswerKind, Proposal
from consensus.deliberation.requests import Case, DraftRequest, JudgeRequest, Reason, Remarks

from ..base import ModelSetupError
from .fence import Fences, token

FOLDER: Final = Path(__file__).parent / "prompts"
"""The templates that the package ships."""

TEMPLATES: Final = (
    "batch.j2",
    "candidates.j2",
    "case.j2",
    "draft.j2",
    "judging.j2",
    "pairwise.j2",
    "record.j2",
    "remarks.j2",
    "rules.j2",
    "tone_draft.j2",
    "tone_judging.j2",
)
SPLIT: Final = "--- 8< ---\n"
"""What parts a template's system message from its user message."""

ANSWER_CHARS: Final = 4_000
"""Most characters of a free answer that is asked for."""
SHOWN_ANSWER: Final = 8_000
"""Most characters of somebody's answer that a prompt shows."""
SHOWN_RATIONALE: Final = 4_000
"""Most characters of a rationale that a judge is shown: a page."""
SHOWN_CITATIONS: Final = 16
"""Most cited ids of one proposal that a prompt shows, of up to 256 characters each."""
TEMPLATE_MAX: Final = 65_536
"""Most bytes of one template file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One rendered prompt: the two messages of a chat, and the version of their text."""

    system: str
    user: str
    version: str

    @property
    def messages(self) -> list[dict[str, str]]:
        """As a chat completion takes it."""
        return [
            {"role": "system", "content": self.system},
            {"role": "user", "content": self.user},
        ]


class Prompts:
    """The templates, of the package or with some of them replaced by an operator's own."""

    def __init__(self, override: Path | None = None) -> None:
        """Read and compile every template. Raises `ModelSetupError`."""
        sources = {name: _read(FOLDER / name) for name in TEMPLATES}
        self._title = "quorate"
        if override is not None:
            sources |= _overridden(override)
            self._title = "custom"
        digest = hashlib.sha256()
        for name in sorted(sources):
            digest.update(f"{name}\0{len(sources[name].encode())}\0{sources[name]}".encode())
        self._hash = digest.hexdigest()[:16]
        # No markup is made here, so nothing is escaped: what others wrote is fenced instead.
        self._templates = jinja2.Environment(
            loader=jinja2.DictLoader(sources),
            autoescape=False,  # noqa: S701
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        for name in TEMPLATES:
            try:
                self._templates.get_template(name)
            except jinja2.TemplateError as error:
                raise ModelSetupError(
                    f"prompt template {name} cannot be read: {error}; correct it, or take it out "
                    "of the folder to use the package's own"
                ) from None

    def version(self, name: str) -> str:
        """The version of the prompt `name`, such as `quorate.draft.0123456789abcdef`."""
        return f"{self._title}.{name}.{self._hash}"

    def draft(self, request: DraftRequest) -> Prompt:
        """The prompt for a draft (R1)."""
        fences = Fences(token(_draft_texts(request)))
        return self._render(
            "draft",
            fences,
            request.case,
            round=request.round,
            tone=str(request.dials.tone),
            record=_record(fences, request),
            left_out=request.context.left_out,
            **_remarks(fences, request.remarks),
            example=_example(request.case),
        )

    def pairwise(self, request: JudgeRequest, pair: tuple[str, str]) -> Prompt:
        """The prompt that compares two candidates (R5), the first letter's first."""
        return self._judging("pairwise", request, pair, [pair])

    def batch(
        self, request: JudgeRequest, letters: Sequence[str], pairs: Sequence[tuple[str, str]]
    ) -> Prompt:
        """The prompt that marks all candidates and compares `pairs` (R5), in `letters`' order."""
        return self._judging("batch", request, letters, pairs)

    def _judging(
        self,
        name: str,
        request: JudgeRequest,
        letters: Sequence[str],
        pairs: Sequence[tuple[str, str]],
    ) -> Prompt:
        fences = Fences(token([*_judge_texts(request), *letters]))
        proposals = {item.letter: item.proposal for item in request.candidates}
        own = request.own
        return self._render(
            name,
            fences,
            request.case,
            tone=str(request.dials.tone),
            pairs=pairs,
            candidates=[
                {
                    "letter": letter,
                    "texts": _shown(fences, f"candidate {letter}", proposals[letter]),
                }
                for letter in letters
            ],
            own=own and fences.put("your own answer", own.answer, SHOWN_ANSWER),
            **_remarks(fences, request.remarks),
        )

    def _render(self, name: str, fences: Fences, case: Case, **values: Any) -> Prompt:
        text = self._templates.get_template(f"{name}.j2").render(
            fences=fences,
            kind=str(case.answer.kind),
            domain=case.domain and fences.put("domain", case.domain, 256),
            unit=case.answer.unit and fences.put("unit", case.answer.unit, MAX_UNIT),
            parts=[
                fences.put(f"question, part {number}", _part(part.text, part.vector), MAX_TEXT)
                for number, part in enumerate(case.messages, 1)
            ],
            options=[
                fences.put(f"option {number}", option, 256)
                for number, option in enumerate(case.answer.options, 1)
            ],
            answer_chars=ANSWER_CHARS,
            **values,
        )
        system, found, user = text.partition(SPLIT)
        if not found:
            raise ModelSetupError(
                f"prompt template {name}.j2 lacks the line {SPLIT.strip()!r} between the system "
                "message and the user message; put it in"
            )
        return Prompt(system=system.strip(), user=user.strip(), version=self.version(name))


def _record(fences: Fences, request: DraftRequest) -> list[dict[str, Any]]:
    """The claims of the context as the template places them; the core has cut them (R1b)."""
    shown = []
    for at, claim in enumerate(request.context.claims):
        number = at + 1 - sum(other.round > claim.round for other in request.context.claims)
        label = f"round {claim.round}, answer {number}"
        reasons = [
            {
                "own": reason.letter in request.own,
                "texts": _reason(fences, f"{label}, reason {n}", reason),
            }
            for n, reason in enumerate(claim.reasons, 1)
        ]
        views = [
            {
                "endorsement": view.critique.endorsement,
                "evidence": view.critique.evidence,
                "argument": view.critique.argument,
                "text": fences.put(f"{label}, view {n}", view.critique.text, MAX_TEXT),
                "cut": view.cut,
            }
            for n, view in enumerate(claim.views, 1)
        ]
        shown.append(
            {
                "round": claim.round,
                "number": number,
                "proposals": len(claim.letters),
                "of": claim.of,
                "own": not request.own.isdisjoint(claim.letters),
                "confidence": _percent(claim.confidence),
                "belief": _percent(claim.belief),
                "judged": claim.judged,
                "endorsement": claim.endorsement,
                "spread": math.isqrt(claim.contest),
                "answer": fences.put(label, claim.answer, MAX_TEXT),
                "cut": claim.cut,
                "reasons": reasons,
                "views": views,
                "left_out": claim.left_out,
            }
        )
    return shown


def _remarks(fences: Fences, remarks: Remarks) -> dict[str, Any]:
    """People's notes as the template places them, under names that hold no more than letters."""
    return {
        "remarks": [
            {
                "text": fences.put(
                    f"statement by {remark.by} (a person, not a candidate)", remark.text, MAX_TEXT
                ),
                "cut": remark.cut,
            }
            for remark in remarks.told
        ],
        "remarks_left_out": remarks.left_out,
    }


def _reason(fences: Fences, label: str, reason: Reason) -> list[str]:
    """A reason's texts in their fences: another wording of the answer, rationale, cited ids."""
    texts = []
    if reason.wording:
        texts.append(fences.put(f"{label}: in other words", reason.wording, MAX_TEXT))
    if reason.text:
        more = " (its beginning)" if reason.cut else ""
        texts.append(fences.put(f"{label}{more}", reason.text, MAX_TEXT))
    if reason.cited:
        cited = "\n".join(" ".join(citation.split()) for citation in reason.cited)
        texts.append(fences.put(f"{label}: cited", cited, MAX_TEXT))
    return texts


def _percent(bp: int) -> str:
    return f"{bp // 100}.{bp % 100 // 10}"


def _shown(fences: Fences, label: str, proposal: Proposal) -> list[str]:
    """A proposal's texts in their fences: answer, rationale, cited ids."""
    texts = [fences.put(f"{label}: answer", proposal.answer, SHOWN_ANSWER)]
    if proposal.rationale.strip():
        texts.append(fences.put(f"{label}: rationale", proposal.rationale, SHOWN_RATIONALE))
    if proposal.evidence:
        cited = "\n".join(
            " ".join(citation.split()) for citation in proposal.evidence[:SHOWN_CITATIONS]
        )
        texts.append(fences.put(f"{label}: cited", cited, SHOWN_CITATIONS * 257))
    return texts


def _example(case: Case) -> str:
    """What a verdict looks like for this kind of answer, with figures that mean nothing."""
    json_ = case.answer.kind is AnswerKind.JSON
    shown: dict[str, object] = {"answer": {"...": "..."} if json_ else "..."}
    if case.answer.options:
        count = len(case.answer.options)
        belief = [100 // count] * count
        belief[0] += 100 - sum(belief)
        shown["belief"] = belief
    return json.dumps({**shown, "confidence": 75, "rationale": "...", "evidence": []})


def _part(text: str, vector: Sequence[float]) -> str:
    numbers = f"feature vector: {json.dumps(list(vector))}" if vector else ""
    return "\n".join(filter(None, (text, numbers)))


def _case_texts(case: Case) -> Iterator[str]:
    for part in case.messages:
        yield _part(part.text, part.vector)
    yield case.domain
    yield case.answer.unit
    yield from case.answer.options


def _proposal_texts(proposal: Proposal) -> Iterator[str]:
    yield proposal.answer
    yield proposal.rationale
    yield from proposal.evidence


def _draft_texts(request: DraftRequest) -> Iterator[str]:
    yield from _case_texts(request.case)
    for claim in request.context.claims:
        yield claim.answer
        for reason in claim.reasons:
            yield from (reason.wording, reason.text, *reason.cited)
        for view in claim.views:
            yield view.critique.text
    yield from (remark.text for remark in request.remarks.told)


def _judge_texts(request: JudgeRequest) -> Iterator[str]:
    yield from _case_texts(request.case)
    for candidate in request.candidates:
        yield from _proposal_texts(candidate.proposal)
    if request.own is not None:
        yield from _proposal_texts(request.own)
    yield from (remark.text for remark in request.remarks.told)


def _overridden(folder: Path) -> Mapping[str, str]:
    if not folder.is_dir():
        raise ModelSetupError(
            f"option `prompts` of the litellm model: {folder} is no folder; make it, or take the "
            "option out"
        )
    names = sorted(path.name for path in folder.glob("*.j2"))
    unknown: Iterable[str] = set(names) - set(TEMPLATES)
    if not names or unknown:
        raise ModelSetupError(
            f"option `prompts` of the litellm model: {folder} "
            f"{f'holds {min(unknown)}' if unknown else 'holds no template'}; "
            f"there are: {', '.join(TEMPLATES)}"
        )
    return {name: _read(folder / name) for name in names}


def _read(path: Path) -> str:
    try:
        with path.open("rb") as source:
            data = source.read(TEMPLATE_MAX + 1)
        if len(data) > TEMPLATE_MAX:
            raise ModelSetupError(f"prompt template {path} is over {TEMPLATE_MAX} bytes")
        return data.decode("utf-8")
    except OSError as error:
        raise ModelSetupError(
            f"prompt template {path} cannot be read: {error.strerror}; make it readable"
        ) from None
    except UnicodeDecodeError:
        raise ModelSetupError(f"prompt template {path} is not UTF-8; save it as UTF-8") from None
