"""The dealer: splits real handwriting into five private shards and a pile of cases to decide.

scikit-learn carries 1,797 scanned digits (Alpaydin and Kaynak 1998, UCI "Optical Recognition
of Handwritten Digits"; 8 x 8 pixels, 0 to 16) as package data, so nothing is fetched. A
fixed seed holds 200 out; the rest is dealt digit by digit with shares drawn from a Dirichlet
distribution (Hsu, Qi and Brown 2019), so that every organisation sees much of some digits,
little of others, and of some none at all.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

LABELS: Final = tuple("0123456789")
"""The options of every case."""
ALPHA: Final = 0.3
"""Dirichlet concentration: the smaller, the more lopsided the shards. At 0.3 most
organisations have met 6 to 9 of the 10 digits."""
HELD_OUT: Final = 200
"""Cases that nobody trains on: a 95 % interval of about 4 points on either side of 0.9."""
SEED: Final = 20
"""The demonstration's draw. Nothing was chosen by looking at how it comes out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """One member of the demonstration: its name and the kind of classifier it trains."""

    name: str
    kind: str


ORGANISATIONS: Final = (
    Organisation(name="aldebaran", kind="logistic"),
    Organisation(name="bellatrix", kind="random_forest"),
    Organisation(name="capella", kind="neighbours"),
    Organisation(name="deneb", kind="naive_bayes"),
    Organisation(name="electra", kind="perceptron"),
)
"""The five, each with its own kind of model: different kinds err differently."""


class DealError(ValueError):
    """A draw cannot be used. The text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """A case with its known answer: 64 pixels as the feature vector, and the digit."""

    vector: tuple[float, ...]
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DealtShard:
    """A written shard file: whose it is, where, how many rows, which digits it holds."""

    organisation: Organisation
    path: Path
    rows: int
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """Everything that was dealt: shards in the organisations' order, and the held-out cases."""

    shards: tuple[DealtShard, ...]
    cases: tuple[HeldOut, ...]


def deal(
    folder: Path,
    *,
    seed: int = SEED,
    organisations: Sequence[Organisation] = ORGANISATIONS,
    alpha: float = ALPHA,
    held_out: int = HELD_OUT,
) -> Deal:
    """Write `<folder>/<organisation>/shard.npz` for each, mode 0600, and hold cases out.

    The same arguments give the same deal. Folders are made, mode 0700; a shard file that is
    already there is an error, since it may be somebody's data. Raises `DealError` if a shard
    would hold fewer than two digits, and `OSError` if a file cannot be written.
    """
    images, digits = load_digits(return_X_y=True)
    random = np.random.default_rng(seed)
    order = random.permutation(len(digits))
    test, rest = order[:held_out], order[held_out:]
    hands = _split(digits, rest, len(organisations), alpha, random)
    for organisation, hand in zip(organisations, hands, strict=True):
        if len(np.unique(digits[hand])) < 2:
            raise DealError(
                f"seed {seed} at alpha {alpha} leaves {organisation.name} with fewer than two "
                "digits, which nothing can be trained on; choose another seed"
            )
    return Deal(
        shards=tuple(
            _write(folder / organisation.name, organisation, images[hand], digits[hand])
            for organisation, hand in zip(organisations, hands, strict=True)
        ),
        cases=tuple(
            HeldOut(vector=tuple(map(float, images[row])), label=LABELS[digits[row]])
            for row in test
        ),
    )


def _split(
    digits: NDArray[np.int64],
    rest: NDArray[np.int64],
    hands: int,
    alpha: float,
    random: np.random.Generator,
) -> list[NDArray[np.int64]]:
    parts: list[list[NDArray[np.int64]]] = [[] for _ in range(hands)]
    for digit in range(len(LABELS)):
        rows = rest[digits[rest] == digit]
        shares = random.dirichlet([alpha] * hands)
        # Rounded, not cut off: else the last hand would hold a scrap of every digit.
        cuts = np.rint(np.cumsum(shares)[:-1] * len(rows)).astype(int)
        for part, piece in zip(parts, np.split(rows, cuts), strict=True):
            part.append(piece)
    return [np.sort(np.concatenate(part)) for part in parts]


def _write(
    folder: Path,
    organisation: Organisation,
    images: NDArray[np.float64],
    digits: NDArray[np.int64],
) -> DealtShard:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "shard.npz"
    # The mode is set as the file is made: there is no moment at which others could open it.
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(made, "wb") as file:
        np.savez_compressed(file, x=images, y=digits)
    labels = tuple(LABELS[digit] for digit in np.unique(digits))
    return DealtShard(organisation=organisation, path=path, rows=len(digits), labels=labels)
