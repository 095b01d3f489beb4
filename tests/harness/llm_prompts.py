"""Reading a rendered prompt back: fences, what is in them, and the skeleton around them.

A parser of its own, not the renderer's code: it knows only what the prompt's rules tell.
"""

import re
from dataclasses import dataclass


class TornError(AssertionError):
    """A prompt in which a text has left its fence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fenced:
    """One fenced text: its label, and its lines with the mark that each bore."""

    label: str
    lines: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The lines without their marks."""
        return "\n".join(line for _, line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A prompt read back: `skeleton` has one line for every fence, and no token."""

    fences: tuple[Fenced, ...]
    skeleton: str
    token: str

    def get(self, label: str) -> str:
        """The text under `label`."""
        (found,) = [item.text for item in self.fences if item.label == label]
        return found

    @property
    def options(self) -> list[str]:
        """The task's options in their order."""
        return [item.text for item in self.fences if item.label.startswith("option ")]


def token_of(system: str) -> str:
    """The token that the rules name."""
    return re.findall(r"a line that begins with <<<([0-9a-f]{16})", system)[0]


def read(system: str, user: str) -> Read:
    """Both messages read back. Raises `TornError` if anything is out of place."""
    token = token_of(system)
    fences: list[Fenced] = []
    skeleton: list[str] = [system.replace(token, "TOKEN"), "=" * 8]
    label: str | None = None
    lines: list[tuple[str, str]] = []
    if re.search(r"[^\n\x20-\x7e\u00a0-\U000e0fff]", user):
        raise TornError("a character that nobody sees, or a line break of another kind")
    for line in user.split("\n"):
        if label is None:
            opened = re.fullmatch(rf"<<<{token} (.+)", line)
            if opened:
                label, lines = opened[1], []
                skeleton.append(f"FENCE {label}")
            elif token in line:
                raise TornError(f"the token outside of a fence: {line!r}")
            else:
                skeleton.append(line)
            continue
        if line == f"{token}>>> {label}":
            fences.append(Fenced(label=label, lines=tuple(lines)))
            label = None
            continue
        marked = re.fullmatch(rf"{token} ([|!])(?: (.*))?", line)
        if marked is None:
            raise TornError(f"a line without its mark in the fence of {label}: {line!r}")
        if token in (marked[2] or ""):
            raise TornError(f"the token within a fenced text: {line!r}")
        lines.append((marked[1], marked[2] or ""))
    if label is not None:
        raise TornError(f"the fence of {label} is not closed")
    return Read(fences=tuple(fences), skeleton="\n".join(skeleton), token=token)
