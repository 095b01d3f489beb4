"""How many fields a protobuf message has, told without parsing it (rule T3).

The library allocates for each entry of a list, however small: 16 MiB of two-byte entries take
over 700 MiB and a second. Sizes alone therefore bound neither memory nor time; this does.
"""

from typing import Final

VARINT_MAX: Final = 10
"""Bytes of the longest varint."""


def fields_over(data: bytes, most: int) -> bool:
    """Whether the message in `data` has more than `most` fields at its top.

    Whatever else is wrong with it is left to the parser: malformed bytes end the count.
    """
    at, size, count = 0, len(data), 0
    while at < size:
        count += 1
        if count > most:
            return True
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                _, at = _varint(data, at)
            case 1:
                at += 8
            case 2:
                length, at = _varint(data, at)
                at += length
            case 5:
                at += 4
            case _:
                # A group, which no message of ours has. Its end is not looked for: what stands in
                # it is counted as fields of the message, which is no fewer.
                continue
    return False


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at `at` and where it ends; the end of `data` if it has none."""
    found = 0
    for shift in range(VARINT_MAX):
        if at + shift >= len(data):
            break
        byte = data[at + shift]
        found |= (byte & 127) << (7 * shift)
        if byte < 128:
            return found, at + shift + 1
    return 0, len(data)
