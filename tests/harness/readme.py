"""Markdown as the tests of the documentation read it.

A fenced block may be tagged by a comment right above its fence, which no reader sees:

    <!-- run: alice -->           a script that alice's machine runs; it must end with code 0
    <!-- run: alice, exit 3 -->   the same, and it must end with code 3
    <!-- serve: alice -->         a script that goes on, ready at its first line of output
    <!-- says -->                 lines that the output of the script before holds, in order;
                                  `...` stands for anything
    <!-- file: PATH -->           the contents of a file of that name
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"(```+)(\w*)\s*$")
_COMMENT = re.compile(r"<!--\s*(.*?)\s*-->\s*$")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block: its tag's word and what follows it, its language, its text, its line."""

    word: str
    of: str
    language: str
    text: str
    line: int

    @property
    def commands(self) -> list[str]:
        """Its command lines, those that a backslash continues as one, without comments."""
        whole = self.text.replace("\\\n", " ")
        return [line for line in whole.splitlines() if line.strip() and line[0] != "#"]


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of documentation: its fenced blocks, and the prose around them."""

    path: Path
    blocks: tuple[Block, ...]
    prose: str

    @classmethod
    def read(cls, path: Path) -> "Page":
        """The page in the file `path`."""
        blocks: list[Block] = []
        prose: list[str] = []
        lines = path.read_text(encoding="utf-8").splitlines()
        at = 0
        while at < len(lines):
            fence = _FENCE.match(lines[at])
            if fence is None:
                prose.append(lines[at])
                at += 1
                continue
            tag = _COMMENT.match(lines[at - 1]) if at else None
            word, _, of = (tag[1] if tag else "").partition(":")
            end = lines.index(fence[1], at + 1)
            blocks.append(
                Block(
                    word=word.strip(),
                    of=of.strip(),
                    language=fence[2],
                    text="\n".join(lines[at + 1 : end]) + "\n",
                    line=at + 1,
                )
            )
            at = end + 1
        return cls(path=path, blocks=tuple(blocks), prose="\n".join(prose))

    @property
    def code(self) -> list[str]:
        """What stands between backticks in the prose."""
        return _CODE.findall(self.prose)

    @property
    def links(self) -> list[str]:
        """Where its links lead."""
        return _LINK.findall(self.prose)

    @property
    def anchors(self) -> set[str]:
        """What its headings are called in links."""
        titles = re.findall(r"^#+ (.*)$", self.prose, re.MULTILINE)
        words = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
        return {title.strip().replace(" ", "-") for title in words}


def unsaid(expected: str, said: str) -> Sequence[str]:
    """The lines of `expected` that `said` does not hold after those before them."""
    rest = [" ".join(line.split()) for line in said.splitlines()]
    missing = []
    for line in expected.splitlines():
        pattern = ".*".join(re.escape(part) for part in " ".join(line.split()).split("..."))
        at = next((k for k, found in enumerate(rest) if re.fullmatch(pattern, found)), None)
        if at is None:
            missing.append(line)
        else:
            rest = rest[at + 1 :]
    return missing
