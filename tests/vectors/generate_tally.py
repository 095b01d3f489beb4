"""Writes the golden tallies: `python -m tests.vectors.generate_tally`.

The rounds are drawn from a stream of hashes, so they are arbitrary and always the same. A
difference in what is written is a difference in what members sign: nodes of both kinds
could never agree.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from consensus import exact
from consensus.bodies import ARM_FIGURES
from consensus.committee import FaultMode
from consensus.policy import ONE, RULES
from consensus.tally import normalise
from consensus.tally.near import distance

from . import check_tally

DIGITS = {"kind": "label", "options": [str(digit) for digit in range(10)]}
LETTERS = {"kind": "choice", "options": ["A", "B", "C", "D", "E"]}
NUMBER: dict[str, Any] = {"kind": "number", "options": []}
TEXT: dict[str, Any] = {"kind": "text", "options": []}
JSON: dict[str, Any] = {"kind": "json", "options": []}
KM: dict[str, Any] = {"kind": "number", "options": [], "unit": "km"}
PERCENT: dict[str, Any] = {"kind": "number", "options": [], "unit": "%"}
WIDTH = 98
TEXTS = ["Lisbon", "It is\nLisbon.", " It is Lisbon. ", "Porto", "Oporto, sim\u00e3o", "Porto simu"]
JSONS = ['{"a": 1}', '{"a":1.0}', '{"b":[1,2],"a":1}', '{"a":1,"b":[1,2]}', "[]", "{"]
NUMBERS = ["7", "7.0", "14/2", "8", "1e1", "-0.25", "1/3", "seven"]


class Draws:
    """Integers from a stream of hashes of a name."""

    def __init__(self, name: str) -> None:
        self._words = self._stream(name)

    @staticmethod
    def _stream(name: str) -> Iterator[int]:
        counter = 0
        while True:
            block = hashlib.sha256(f"{name} {counter}".encode()).digest()
            yield from (int.from_bytes(block[at : at + 4], "big") for at in range(0, 32, 4))
            counter += 1

    def below(self, bound: int) -> int:
        """An integer in 0..bound-1; the slight bias does no harm here."""
        return next(self._words) % bound

    def belief(self, options: int, truth: int) -> list[int]:
        """A belief over that many options, two times in three with a hunch of the truth."""
        parts = [self.below(1_000) ** 2 for _ in range(options)]
        if self.below(3):
            parts[truth] += self.below(3_000) * 1_000
        return list(exact.apportion(parts, ONE, range(options)))


def said_of(spec: Any) -> list[str]:
    """What answers without options are drawn from."""
    return {"text": TEXTS, "json": JSONS, "number": NUMBERS}[spec["kind"]]


def candidate(draws: Draws, spec: Any, author: int, truth: int) -> Any:
    """A proposal: mostly with a belief, and now and then with options never seen."""
    options = spec["options"]
    belief = draws.belief(len(options), truth) if options and draws.below(4) else []
    if belief:
        answer = options[belief.index(max(belief))]
    else:
        answers = options or said_of(spec)
        answer = answers[draws.below(len(answers)) if draws.below(2) else truth]
    return {
        "author": author,
        "answer": answer,
        "belief": belief,
        "confidence": draws.below(ONE + 1),
        "unseen": [at for at in range(len(options)) if not draws.below(9)],
        "evidence": [f"source {at}" for at in range(3) if not draws.below(3)],
    }


def ballot(draws: Draws, authors: list[int], voter: int, good: set[int]) -> Any:
    """A ballot over the others' proposals, with holes; one in sixteen abstains.

    Three times in four a pair or a mark favours the authors in `good`.
    """
    others = [author for author in authors if author != voter]
    if not draws.below(16):
        return {"voter": voter, "abstain": "timed out", "pairs": [], "marks": []}

    def preference(one: int, other: int) -> int:
        if draws.below(4) and (one in good) != (other in good):
            return 1 if one in good else 2
        return 1 + draws.below(4)

    def endorsement(author: int) -> int:
        given = draws.below(201) - 100
        return abs(given) if draws.below(4) and author in good else given

    return {
        "voter": voter,
        "abstain": "",
        "pairs": [
            [one, other, preference(one, other), draws.below(ONE + 1)]
            for one in others
            for other in others
            if one < other or (one > other and not draws.below(4))
            if draws.below(8)
        ],
        "marks": [
            [author, endorsement(author), draws.below(101), draws.below(101)]
            for author in others
            if draws.below(8)
        ],
    }


def views(draws: Draws, n: int, viewed: bool) -> Any:
    """What each of n members says of all, or nothing."""
    return [
        [draws.below(ONE + 1) for _ in range(n)] if viewed and draws.below(5) else None
        for _ in range(n)
    ]


def task(
    name: str,
    n: int,
    spec: Any = LETTERS,
    *,
    mode: FaultMode = FaultMode.BYZANTINE,
    rounds: int = 2,
    viewed: bool = False,
    budget: int = 0,
    arms: bool = False,
    **policy: Any,
) -> Any:
    """A task of n members over some rounds, drawn by its name, with its figures."""
    draws = Draws(name)
    given = {
        "n": n,
        "mode": str(mode),
        "spec": spec,
        "policy": policy,
        "budget": {"tokens": budget, "micros": 0},
        "families": [f"family {draws.below(3)}" for _ in range(n)],
        "views": views(draws, n, viewed),
        "judge_views": views(Draws(f"{name}, judging"), n, viewed),
        "rounds": [],
    }
    if arms:
        known = Draws(f"{name}, arms")
        tops = (4, ONE + 1, 900) * (ARM_FIGURES // 3)
        given["arms"] = [[known.below(top) for top in tops] for _ in range(n)]
    truth = draws.below(len(spec["options"]) or 3)
    right = (spec["options"] or said_of(spec))[truth]
    for _ in range(rounds):
        candidates = [
            candidate(draws, spec, author, truth) for author in range(n) if draws.below(12)
        ]
        authors = [item["author"] for item in candidates]
        good = {item["author"] for item in candidates if item["answer"] == right}
        given["rounds"].append(
            {
                "seed": bytes(draws.below(256) for _ in range(32)).hex(),
                "candidates": candidates,
                "ballots": [
                    ballot(draws, authors, voter, good) for voter in range(n) if draws.below(16)
                ],
                "claims": {
                    "deadline": not draws.below(12),
                    "tokens": draws.below(5_000),
                    "micros": draws.below(900),
                    "ms": draws.below(60_000),
                },
            }
        )
    return {"given": given, "figures": check_tally.figures(given)}


def tallies() -> Any:
    """Rounds of every size, rule and model, spellings of answers, logarithms."""
    tasks = {
        "alone": task("alone", 1, rounds=1),
        "alone with a number": task("alone with a number", 1, NUMBER, rounds=1),
        "two": task("two", 2),
        "two in crash mode": task("two in crash mode", 2, mode=FaultMode.CRASH),
        "three": task("three", 3),
        "three in crash mode": task("three in crash mode", 3, mode=FaultMode.CRASH, viewed=True),
        "four": task("four", 4, rounds=3),
        "four by strength": task("four by strength", 4, rule="bradley_terry", prior=1),
        "five over candidates": task(
            "five over candidates", 5, strengths_over="candidates", viewed=True
        ),
        "four by strength, over candidates": task(
            "four by strength, over candidates",
            4,
            rule="bradley_terry",
            strengths_over="candidates",
        ),
        "five with Davidson's ties": task(
            "five with Davidson's ties", 5, rule="bradley_terry", ties="davidson", viewed=True
        ),
        "five with a position term": task(
            "five with a position term", 5, rule="bradley_terry", position="fitted", viewed=True
        ),
        "five discerning": task(
            "five discerning", 5, rule="bradley_terry", judges="discerning", viewed=True
        ),
        "seven with all three": task(
            "seven with all three",
            7,
            DIGITS,
            rule="bradley_terry",
            ties="davidson",
            position="fitted",
            judges="discerning",
            viewed=True,
        ),
        "four with all three, over candidates": task(
            "four with all three, over candidates",
            4,
            ties="davidson",
            position="fitted",
            judges="discerning",
            strengths_over="candidates",
            prior=1,
        ),
        "four by support": task("four by support", 4, rule="quadratic"),
        "four by majority": task("four by majority", 4, rule="majority"),
        "four by Borda": task("four by Borda", 4, rule="borda", viewed=True),
        **{
            f"five by {rule}": task(f"five by {rule}", 5, DIGITS, rule=rule, viewed=True)
            for rule in RULES
            if rule not in ("blend", "bradley_terry", "quadratic", "majority", "borda")
        },
        "seven texts by latent truth": task(
            "seven texts by latent truth", 7, TEXT, rule="latent_truth", viewed=True
        ),
        "ten numbers by Kemeny": task("ten numbers by Kemeny", 10, NUMBER, rule="kemeny", rounds=1),
        "five that pass over their own class": task(
            "five that pass over their own class", 5, mask="class", viewed=True
        ),
        "four texts, own class passed over": task(
            "four texts, own class passed over", 4, TEXT, mask="class", rule="quadratic"
        ),
        "four with credits": task(
            "four with credits", 4, rule="quadratic", endorsements="credits", credits=9_000
        ),
        "five with few credits": task("five with few credits", 5, endorsements="credits"),
        "seven, trimmed": task("seven, trimmed", 7, viewed=True, ballots="trimmed"),
        "seven candidates, trimmed": task(
            "seven candidates, trimmed", 7, ballots="trimmed", strengths_over="candidates"
        ),
        "seven in blocks": task("seven in blocks", 7, viewed=True, ballots="median_of_means"),
        "six in blocks by Kemeny": task(
            "six in blocks by Kemeny", 6, ballots="median_of_means", rule="kemeny", viewed=True
        ),
        "five digits": task("five digits", 5, DIGITS, rounds=4),
        "five with views": task("five with views", 5, viewed=True, rounds=3),
        "five that weigh the same": task(
            "five that weigh the same", 5, viewed=True, weights="equal"
        ),
        "five with numbers": task("five with numbers", 5, NUMBER, rounds=3),
        "three with texts": task("three with texts", 3, TEXT),
        "five with texts": task("five with texts", 5, TEXT, rounds=3, viewed=True),
        "five with objects": task("five with objects", 5, JSON, viewed=True),
        "five with texts that are hashed": task(
            "five with texts that are hashed", 5, TEXT, near_duplicates="simhash"
        ),
        "seven": task("seven", 7, DIGITS, viewed=True, prior=250),
        "ten": task("ten", 10, LETTERS, viewed=True, budget=2_000),
        "five by MACI": task(
            "five by MACI", 5, rounds=4, stops="maci near_consensus", dials="maci", viewed=True
        ),
        "seven by efficiency": task("seven by efficiency", 7, DIGITS, rounds=4, stops="efficiency"),
        "five by SEAT": task("five by SEAT", 5, rounds=4, stops="seat unanimity", viewed=True),
        "five with a bandit": task(
            "five with a bandit", 5, rounds=4, stops="", dials="ucb", budget=9_000, arms=True
        ),
        "four with a new bandit": task(
            "four with a new bandit", 4, TEXT, rounds=3, dials="ucb", viewed=True
        ),
        "thirteen": task("thirteen", 13, DIGITS, rounds=1, viewed=True),
    }
    answers = [
        *((LETTERS, text) for text in ("A", " b ", "C.", "F", "e")),
        *(
            (TEXT, text)
            for text in (" a\u3000b\u2029", "e\u0301 E", "e\u1df5\u0301", "\u0344", " ")
        ),
        *((NUMBER, text) for text in (*NUMBERS, ".5", "-0", "2e99", "2e100", "1/0", "1,5", "22/7")),
        *(
            (NUMBER, text)
            for text in (
                "336^\\circ",
                "$\\boxed{\\text{336}}$",
                "-\\frac{1}{3}",
                "1{,}000",
                "12,345",
                "\u22125",
                "2 \\times 10^{-3}",
                "2\u00d710\u00b3",
                "7%",
                "\u202e7",
                "5 km",
                "9" * 158 + "e99",
            )
        ),
        *((KM, text) for text in ("5 km", "5\\text{ km}", "5", "5 m")),
        *((PERCENT, text) for text in ("7%", "7\\%", "7 percent", "0.07")),
        *(
            (JSON, text)
            for text in (
                *JSONS,
                "1.50e1",
                "[1e99]",
                "1e100",
                '{"\U0001f600":1,"\ufb33":2}',
                '"\\u0041\\n"',
                '{"a":1,"a":1}',
                "NaN",
                "\u0661",
                '"\\ud800"',
                "[" * 17 + "]" * 17,
            )
        ),
    ]
    return {
        "tasks": tasks,
        "answers": [
            {
                "spec": spec,
                "answer": text,
                "normalised": list(normalise(check_tally.spec_of(spec), text)),
            }
            for spec, text in answers
        ],
        "designs": [{"given": given, "asked": check_tally.designed(given)} for given in designs()],
        "distances": [
            {"one": one, "other": other, "bits": distance(one, other)} for one, other in texts()
        ],
        "logarithms": [
            {"of": of, "ln": str(exact.ln(of))}
            for of in (1, 2, 3, 10, 9_999, 10_000, 123_456_789, 2**53 - 1, 10**18)
        ],
        "doubles": [
            {"of": of.hex(), "exp": check_tally.exp_of(of), "ln": check_tally.ln_of(of)}
            for of in (
                1.0,
                -1.0,
                0.1,
                10.5,
                -300.25,
                709.0,
                -708.0,
                1e-9,
                1e300,
                0.7071067811865476,
            )
        ],
    }


def designs() -> Iterator[Any]:
    """Designs of every kind and some sizes, with equal answers and without."""
    for pairs in ("all", "ring", "swiss", "information"):
        for count in (2, 5, 8, 13):
            draws = Draws(f"design {count}")
            order = sorted(range(count), key=lambda _: draws.below(1_000_000))
            for alike in (list(range(count)), [at % 4 for at in range(count)]):
                for budget in (0, count):
                    yield {
                        "pairs": pairs,
                        "count": count,
                        "budget": budget,
                        "order": order,
                        "alike": alike,
                    }


def texts() -> Iterator[tuple[str, str]]:
    """Long texts that differ by a word, by a figure, by case, by half, and a short one."""
    words = [hashlib.sha256(b"%d" % at).hexdigest()[:6] for at in range(120)]
    words = [word.translate(str.maketrans("0123456789", "ghijklmnop")) for word in words]
    text = " ".join(words[:90])
    yield text, text.replace(words[40], "\u00c9t\u00e9")
    yield text, text.replace(words[40], "12")
    yield text, text.upper()
    yield text, " ".join(words[30:])
    yield text, " ".join(words[:49])


def maskings() -> Any:
    """Secrets, commitments and shuffles of two rounds and two sizes."""
    found = {}
    for round_, proposals in ((1, 5), (2, 40)):
        given = {
            "secret": bytes(range(32)).hex(),
            "round": round_,
            "ctx": (b"a packed ctx of round %d" % round_).hex(),
            "member": bytes(range(32, 64)).hex(),
            "proposals": proposals,
        }
        found[f"round {round_}"] = {"given": given, "found": check_tally.masking(given)}
    return found


FILES = {"tally.json": tallies, "masking.json": maskings}


def render(name: str) -> str:
    """The text of one vector file, filled to the width of a page so that it can be read."""
    return _text(FILES[name](), 0) + "\n"


def _text(value: Any, depth: int) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or len(flat) + depth < WIDTH:
        return flat
    pad = " " * (depth + 1)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_text(value[key], depth + 1)}" for key in value]
    else:
        parts = [_text(item, depth + 1) for item in value]
    lines = [pad + parts[0]]
    for part in parts[1:]:
        if "\n" in part + lines[-1] or len(lines[-1]) + len(part) + 3 > WIDTH:
            lines.append(pad + part)
        else:
            lines[-1] += f", {part}"
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return opening + "\n" + ",\n".join(lines) + "\n" + " " * depth + closing


if __name__ == "__main__":
    for file in FILES:
        (check_tally.HERE / file).write_text(render(file), encoding="utf-8")
