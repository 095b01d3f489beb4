"""Bytes made to break a reader: samples of the real thing, changed in ways that readers get wrong.

`mangled` takes one sample and changes it once to four times. A third of the changes are blind
(bits, lengths, splices), the others know the form: protobuf's tags and lengths, or the
brackets, numbers and escapes of a text. Everything grows from the `Random` that is handed in.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

INTERESTING: Final = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
GROWTH: Final = 4_096
"""Most bytes that one change adds: bounds have tests of their own."""
NUMBERS: Final = (
    0, 1, 2, 127, 128, 255, 256, 10_000, 10_001, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53,
    2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1,
)  # fmt: skip
TOKENS: Final = (
    b"NaN", b"-Infinity", b"1e400", b"-0", b"1.0", b"9" * 400, b"null", b"true", b"{}", b"[]",
    b'""', b'"\\ud800"', b'"\\u0000"', b'"\\u0061"', b"\xff", b"\xc0\x80", b"\xef\xbb\xbf",
    b"\xed\xa0\x80", b"[" * 300, b'{"a":' * 300,
    b"a." * 300 + b"a=1\n", b"\x00", b"\r", b"\xe2\x80\xae", b"0x7f",
    b"1979-05-27T07:32:00Z", b"inf", b"'''", b'"""', b"../../x",
)  # fmt: skip
"""What readers of texts stumble over: JSON's, TOML's and CSV's."""

Change = Callable[[Random, bytes, Sequence[bytes]], bytes]


def mangled(rng: Random, samples: Sequence[bytes], *, text: bool = False) -> bytes:
    """One sample, changed once to four times; never the sample itself."""
    data = first = rng.choice(samples)
    changes = BLIND + (TEXT if text else PROTOBUF)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        data = rng.choice(changes)(rng, data, samples)
    return data if data != first else data + bytes([rng.randrange(256)])


# -- blind ----------------------------------------------------------------------------------


def _flip(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    made = bytearray(data or b"\0")
    for _number in range(rng.choice((1, 1, 2, 8))):
        made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
    return bytes(made)


def _overwrite(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    made = bytearray(data or b"\0")
    made[rng.randrange(len(made))] = rng.choice(INTERESTING)
    return bytes(made)


def _cut(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at, end = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    return rng.choice((data[:at], data[at:], data[:at] + data[end:]))


def _repeat(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at, end = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    part = data[at : min(end, at + 256)]
    return (
        data[:at] + part * min(rng.choice((2, 3, 50)), GROWTH // (len(part) or 1) + 1) + data[end:]
    )


def _insert(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.choice((1, 2, 4, 32, 300))) + data[at:]


def _splice(rng: Random, data: bytes, samples: Sequence[bytes]) -> bytes:
    other = rng.choice(samples)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


BLIND: Final[tuple[Change, ...]] = (_flip, _overwrite, _cut, _repeat, _insert, _splice)


# -- protobuf -------------------------------------------------------------------------------

Field = tuple[int, int, bytes]
"""Number, wire type, and the bytes behind the tag, without a length."""


def varint(number: int, *, padded: int = 0) -> bytes:
    """A varint, with so many bytes more than it needs."""
    made = bytearray()
    while number > 127 or padded > 0:
        padded -= number <= 127
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])


def take(data: bytes) -> list[Field]:
    """The fields of a message, as far as it has any."""
    found, at = [], 0
    while at < len(data):
        try:
            tag, at = _number(data, at)
            wire, begin = tag & 7, at
            if wire == 0:
                _, at = _number(data, at)
            elif wire == 2:
                size, begin = _number(data, at)
                at = begin + size
            elif wire in (1, 5):
                at += 8 if wire == 1 else 4
            else:
                break
        except IndexError:
            break
        if at > len(data):
            break
        found.append((tag >> 3, wire, data[begin:at]))
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    found = shift = 0
    while data[at] & 128:
        found |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
    return found | data[at] << shift, at + 1


def give(fields: Sequence[Field]) -> bytes:
    """The inverse of `take`."""
    return b"".join(
        varint(number << 3 | wire) + (varint(len(body)) if wire == 2 else b"") + body
        for number, wire, body in fields
    )


def _deeper(rng: Random, data: bytes, samples: Sequence[bytes]) -> bytes:
    """Change what stands in a field that may be a message of its own."""
    fields = take(data)
    inner = [at for at, (_, wire, body) in enumerate(fields) if wire == 2 and take(body)]
    if not inner:
        return _a_field(rng, data, samples)
    at = rng.choice(inner)
    number, wire, body = fields[at]
    fields[at] = (number, wire, rng.choice((*PROTOBUF, *BLIND))(rng, body, [body]))
    return give(fields)


def _a_field(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Drop, double, move, rename or retype a field."""
    fields = take(data)
    if not fields:
        return _strange(rng, data, ())
    at = rng.randrange(len(fields))
    number, wire, body = fields[at]
    match rng.randrange(6):
        case 0:
            del fields[at]
        case 1:
            fields[at:at] = [fields[at]] * rng.choice((1, 2, 70, 300))
        case 2:
            rng.shuffle(fields)
        case 3:
            fields[at] = (rng.choice((number + 1, 15, 16, 2_047, 2**29 - 1)), wire, body)
        case 4:
            fields[at] = (number, rng.choice((0, 1, 2, 3, 4, 5, 6, 7)), body)
        case _:
            fields[at] = (number, wire, b"" if wire == 2 else body)
    return give(fields)[: len(data) + GROWTH]


def _a_number(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Another number, or the same in another spelling."""
    fields = take(data)
    numbers = [at for at, (_, wire, _body) in enumerate(fields) if wire == 0]
    at = rng.choice(numbers) if numbers else rng.randrange(len(fields) + 1)
    said = rng.choice(NUMBERS)
    made = varint(said, padded=rng.choice((0, 0, 1, 3, 9)))
    fields[at : at + 1] = [(fields[at][0] if numbers else rng.randrange(1, 12), 0, made)]
    return give(fields)


def _a_length(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """A length that lies: a little, much, or spelled at length."""
    fields = take(data)
    long = [at for at, (_, wire, _body) in enumerate(fields) if wire == 2]
    if not long:
        return _strange(rng, data, ())
    at = rng.choice(long)
    number, _wire, body = fields[at]
    said = rng.choice((0, 1, len(body) + 1, max(0, len(body) - 1), 2**31 - 1, 2**32, 2**63))
    lie = varint(number << 3 | 2) + varint(said, padded=rng.choice((0, 0, 2))) + body
    return give(fields[:at]) + lie + give(fields[at + 1 :])


def _strange(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """A field, a group or a nesting that no message has."""
    number = rng.choice((1, 2, 9, 15, 16, 19_000, 2**29 - 1))
    deep = rng.choice((1, 50, 120, 400))
    made = rng.choice(
        (
            give([(number, 0, varint(rng.choice(NUMBERS)))]),
            give([(number, 2, rng.randbytes(rng.choice((0, 1, 40))))]),
            varint(number << 3 | 3) * deep + varint(number << 3 | 4) * rng.choice((0, deep)),
            b"\x0a" * deep,
            b"\x00",
            b"\xff" * 11,
        )
    )
    at = rng.choice((0, len(data)))
    return data[:at] + made + data[at:]


def _a_vector(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """A field's bytes replaced by others of the same length: another hash, key or text."""
    fields = take(data)
    if not fields:
        return _strange(rng, data, ())
    at = rng.randrange(len(fields))
    number, wire, body = fields[at]
    fields[at] = (
        number,
        wire,
        rng.choice((bytes(len(body)), rng.randbytes(len(body)), body[::-1])),
    )
    return give(fields)


PROTOBUF: Final[tuple[Change, ...]] = (
    _deeper, _deeper, _a_field, _a_field, _a_number, _a_number, _a_length, _strange, _a_vector,
)  # fmt: skip


# -- text -----------------------------------------------------------------------------------


def _a_token(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Something that means more than it seems, put in or in place of a few bytes."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(TOKENS) + data[at + rng.choice((0, 0, 1, 8)) :]


def _a_word(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """One whole value (between quotes, commas, brackets, line ends) replaced or doubled."""
    marks = [at for at, byte in enumerate(data[:65_536]) if byte in b'":,[]{}=\n']
    if len(marks) < 2:
        return _a_token(rng, data, ())
    which = rng.randrange(len(marks) - 1)
    begin, end = marks[which] + 1, marks[which + 1]
    word = data[begin:end]
    made = rng.choice(
        (b"", word * 2, word.swapcase(), word[::-1], b" " + word, rng.choice(TOKENS), word[:-1])
    )
    return data[:begin] + made + data[end:]


def _a_line(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """A line dropped, doubled or moved."""
    lines = data.splitlines(keepends=True)
    if not lines:
        return _a_token(rng, data, ())
    at = rng.randrange(len(lines))
    match rng.randrange(3):
        case 0:
            del lines[at]
        case 1:
            lines[at:at] = [lines[at]]
        case _:
            lines.insert(rng.randrange(len(lines)), lines.pop(at))
    return b"".join(lines)


TEXT: Final[tuple[Change, ...]] = (
    _a_token, _a_token, _a_token, _a_word, _a_word, _a_word, _a_line,
)  # fmt: skip
