r"""Numbers as members and their models write them, read exactly or not at all (rule O1).

What is read is a rational number in one of these forms, and nothing is worked out:

- an integer or a decimal in ASCII digits with a point, with an ASCII sign or U+2212;
- groups of three digits: `1,000`, `1{,}000`, `1\,000`, or parted by a thin or no-break space. A
  comma is never a decimal sign, and a plain blank parts two numbers;
- a fraction of two integers: `3/4`, `\frac{3}{4}`, `\dfrac34`;
- a power of ten behind any decimal: `2e3`, `2 \times 10^{3}`, `2·10³`, and `10^3` alone.

Around it may stand what typesets and does not mean: blanks, `$..$`, `\(..\)`, `\[..\]`, braces,
`\boxed{..}`, `\text{..}` and their like, at most `MAX_DEPTH` deep. Beside it may stand the unit
that the task names, spelled as the task does; percent and degrees are known by sign, by word and
by LaTeX command. Where the task names no unit a degree sign is passed over, since it says of what
and not how many. A percent sign is not: 7 % is 7 or 0.07, and the task has to say which.
"""

import re
from fractions import Fraction
from typing import Final

MAX_EXPONENT: Final = 99
"""Largest power of ten a number may carry: its canonical form writes the digits out."""

MAX_DEPTH: Final = 8
"""Most pieces of typesetting around a number, one inside the other."""

BLANKS: Final = " \t\r\n\u00a0"
"""What may surround a typed answer."""

_MINUS: Final = "\u2212"
_PERCENT: Final = ("%", "percent")
_DEGREES: Final = ("\u00b0", "degrees", "degree")
_CURRENCIES: Final = ("$", "\u00a2", "\u00a3", "\u00a5", "\u20ac")
"""Signs that stand in front of a number as well as behind it."""

_TYPESET: Final = r"\\(?:boxed|fbox|text|textbf|textrm|mbox|mathrm|mathbf|mathit)[ ]*"
_COMMAND: Final = re.compile(_TYPESET + r"(?=\{)")
_LAST_COMMAND: Final = re.compile(_TYPESET + r"\{(?P<inner>[^{}\\$]*)\}\Z")
_DELIMITERS: Final = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))
_DEGREE_COMMAND: Final = re.compile(
    r"(?:\{\})?\^[ ]*(?:\\circ(?![A-Za-z])|\{[ ]*\\circ[ ]*\})|\\(?:text)?degree(?![A-Za-z])"
)
_SPACE: Final = r"(?:[ \t\r\n~\u00a0\u2009\u202f]|\\[,;:! ])*"
_SPACE_BEFORE: Final = re.compile(_SPACE)
_SPACE_BEHIND: Final = re.compile(_SPACE + r"\Z")

_WHOLE: Final = re.compile(
    r"[0-9]+"
    r"|[1-9][0-9]{0,2}(?P<part>,|\{,\}|\\,|,\\!|[\u00a0\u2009\u202f])[0-9]{3}(?:(?P=part)[0-9]{3})*"
)
_SLASH: Final = re.compile(r"(?P<over>[^/]*[^/ ])[ ]*/[ ]*(?P<under>[^/ ][^/]*)")
_FRAC: Final = re.compile(
    r"\\[dt]?frac[ ]*(?:\{(?P<over>[^{}]*)\}|(?P<one>[0-9]))"
    r"[ ]*(?:\{(?P<under>[^{}]*)\}|(?P<other>[0-9]))"
)
_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_TEN: Final = (
    r"10[ ]*(?:\^[ ]*(?:\{[ ]*(?P<braced>[+-]?[0-9]+)[ ]*\}|(?P<bare>[+-]?[0-9]+))"
    r"|(?P<raised>[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))\Z"
)
_TEN_ALONE: Final = re.compile(_TEN)
_POWER: Final = re.compile(
    rf"[eE](?P<exponent>[+-]?[0-9]+)\Z|{_SPACE}(?:\\times|\\cdot|[\u00d7\u00b7*]){_SPACE}{_TEN}"
)
_COMMA: Final = re.compile(r"[0-9],[0-9]")
_DIGITS: Final = re.compile(r"[0-9]+")
_KNOWN: Final = frozenset(map(chr, range(0x20, 0x7F))) | frozenset(
    "\t\r\n\u00a0\u2009\u202f\u2212\u00b0\u00d7\u00b7⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻"
)


class NotNumber(ValueError):  # noqa: N818  named for what was found
    """A text is no number of the task's; the text says why, ready to follow the answer."""


def number(text: str, unit: str = "") -> Fraction:
    """The number that `text` writes, counted in `unit`. Raises `NotNumber`."""
    bare = _peeled(text.strip(BLANKS))
    found = _value(bare)  # what is a number as it stands is that one, whatever the unit is called
    if found is None:
        rest = _without_unit(bare, unit)
        found = None if rest is None else _value(_peeled(rest))
    if found is None:
        raise NotNumber(_reason(text, unit))
    return found


def spell(value: Fraction) -> str:
    """The canonical spelling: a plain decimal where that ends, else the reduced fraction."""
    twos, fives, rest = 0, 0, value.denominator
    while rest % 2 == 0:
        twos, rest = twos + 1, rest // 2
    while rest % 5 == 0:
        fives, rest = fives + 1, rest // 5
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    places = max(twos, fives)
    if places == 0:
        return str(value.numerator)
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def decimal(digits: str, exponent: int) -> Fraction:
    """The value of ASCII `digits`, with a point or not, times ten to `exponent`.

    Raises `NotNumber` for an exponent beyond `MAX_EXPONENT`.
    """
    if abs(exponent) > MAX_EXPONENT:
        raise NotNumber(f"has an exponent beyond {MAX_EXPONENT}")
    whole, _, part = digits.partition(".")
    return Fraction(int(whole + part), 10 ** len(part)) * Fraction(10) ** exponent


def _peeled(text: str) -> str:
    """`text` without the typesetting around all of it."""
    for _ in range(MAX_DEPTH):
        inner = _inside(text)
        if inner is None:
            break
        text = _stripped(inner)
    return text


def _inside(text: str) -> str | None:
    """What stands in the one pair of delimiters around all of `text`; None without one."""
    for opening, closing in _DELIMITERS:
        if text.startswith(opening) and text.endswith(closing):
            inner = text[len(opening) : -len(closing)]
            if len(text) >= len(opening) + len(closing) and "$" not in inner.replace("\\$", ""):
                return inner
    found = _COMMAND.match(text)
    start = found.end() if found else 0
    if text[start : start + 1] != "{" or _closing(text, start) != len(text) - 1:
        return None
    return text[start + 1 : -1]


def _closing(text: str, start: int) -> int:
    """Where the brace that opens at `start` closes; -1 if it does not."""
    open_, at = 0, start
    while at < len(text):
        if text[at] == "\\":
            at += 1  # whatever follows is part of a command
        elif text[at] == "{":
            open_ += 1
        elif text[at] == "}":
            open_ -= 1
            if open_ == 0:
                return at
        at += 1
    return -1


def _stripped(text: str) -> str:
    """`text` without space, typeset or not, at its ends."""
    before = _SPACE_BEFORE.match(text)
    assert before is not None  # it matches nothing, too
    text = text[before.end() :]
    behind = _SPACE_BEHIND.search(text)
    assert behind is not None
    return text[: behind.start()]


def _names(unit: str) -> tuple[str, ...]:
    """How the unit may be spelled."""
    for names in (_PERCENT, _DEGREES):
        if unit in names:
            return names
    return (unit,) if unit else _DEGREES


def _without_unit(text: str, unit: str) -> str | None:
    """`text` without the unit beside it; None if it does not stand there."""
    text = _DEGREE_COMMAND.sub("\u00b0", text)
    last = _LAST_COMMAND.search(text)
    if last is not None:
        text = _stripped(text[: last.start()] + last["inner"])
    for name in _names(unit):
        if text.endswith(name):
            rest = text[: -len(name)]
            if name in (*_CURRENCIES, "%"):
                rest = rest.removesuffix("\\")
            return _stripped(rest)
        if name in _CURRENCIES:
            sign = text[:1] if text[:1] in ("+", "-", _MINUS) else ""
            rest = text.removeprefix(sign)
            for written in (name, "\\" + name):
                if rest.startswith(written):
                    return sign + _stripped(rest.removeprefix(written))
    return None


def _value(text: str) -> Fraction | None:
    """The value of a bare number, None if it is none. Raises `NotNumber`."""
    minus = text[:1] in ("-", _MINUS)
    if minus or text[:1] == "+":
        text = text[1:]
        if text[:1] in ("+", "-", _MINUS):
            return None
    found = _fraction(text) if "/" in text or "frac" in text else _decimal(text)
    return -found if minus and found is not None else found


def _fraction(text: str) -> Fraction | None:
    found = _FRAC.fullmatch(text)
    sign = 1
    if found is not None:
        over, under = found["over"] or found["one"] or "", found["under"] or found["other"] or ""
        over, under = _stripped(over), _stripped(under)
        if over[:1] in ("-", _MINUS):
            sign, over = -1, over[1:]
    else:
        found = _SLASH.fullmatch(text)
        if found is None:
            return None
        over, under = found["over"], found["under"]
    numerator, denominator = _whole(over), _whole(under)
    if numerator is None or denominator is None:
        return None
    if denominator == 0:
        raise NotNumber("is a fraction over zero")
    return sign * Fraction(numerator, denominator)


def _decimal(text: str) -> Fraction | None:
    exponent = 0
    alone = _TEN_ALONE.match(text)
    found = alone or _POWER.search(text)
    if found is not None:
        text = "1" if alone else text[: found.start()]
        power = next(digits for digits in found.groups() if digits is not None)
        exponent = int(power.translate(_SUPERSCRIPTS))
    head, point, tail = text.partition(".")
    if point and not _DIGITS.fullmatch(tail):
        return None
    whole = _whole(head) if head or not point else 0
    return None if whole is None else decimal(f"{whole}.{tail}", exponent)


def _whole(text: str) -> int | None:
    if _WHOLE.fullmatch(text) is None:
        return None
    return int("".join(digit for digit in text if digit in "0123456789"))


def _reason(text: str, unit: str) -> str:
    """Why `text` is no number, as helpful as it can be told."""
    odd = [letter for letter in text if letter not in _KNOWN and letter not in unit]
    if odd:
        return f"is not a number: U+{ord(odd[0]):04X} stands in it"
    if _COMMA.search(text):
        return (
            "is not a number: a comma parts groups of three digits, and a point comes before "
            "decimals"
        )
    if not unit and ("%" in text or "percent" in text):
        return (
            "is not a number: a percent sign may be the unit or a hundredth, and the task names "
            "no unit"
        )
    kind = "an integer, a decimal or a fraction"
    return f"is not a number: {kind} is needed" + (f", alone or in {unit}" if unit else "")
