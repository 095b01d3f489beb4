"""Reading a training shard: one private file of vectors with their labels.

The file is this organisation's data and stays on its machine, so it must be readable by its
owner alone. Two formats: NumPy's `.npz` with the arrays `x` (rows by features) and `y` (one
label a row), never with pickled objects; or `.csv` with a header row, one column `label`,
and numbers in all others.
"""

import csv
import io
import os
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from consensus.bodies import MAX_LABEL, MAX_OPTIONS, MAX_VECTOR

from .base import ModelSetupError

LABEL_COLUMN = "label"
"""The column of a CSV shard that holds the labels."""


_UNREADABLE = (
    ValueError,
    EOFError,
    BadZipFile,
    zlib.error,
    NotImplementedError,  # a compression that the library does not know
    RuntimeError,  # a password
    MemoryError,  # a shape of more numbers than there is room for
)
"""What NumPy and its unpacking raise on bytes that are no archive of arrays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Training data: `x` is rows x features of finite doubles, `y` a string label a row."""

    x: NDArray[np.float64]
    y: NDArray[np.str_]
    labels: tuple[str, ...]


def read_shard(path: Path) -> Shard:
    """The checked contents of `path`. Raises `ModelSetupError` naming file, fault and cure."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise _error(
                    path,
                    f"can be read or changed by other users (mode {mode:04o})",
                    f"run: chmod 600 {path}",
                )
            if path.suffix == ".npz":
                x, y = _from_npz(path, file)
            elif path.suffix == ".csv":
                x, y = _from_csv(path, file)
            else:
                raise _error(path, "is neither .npz nor .csv", "convert it to one of the two")
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror}", "name an existing file") from None
    return _checked(path, x, y)


def _error(path: Path, fault: str, cure: str) -> ModelSetupError:
    return ModelSetupError(f"shard file {path} {fault}; {cure}")


def _from_npz(path: Path, file: BinaryIO) -> tuple[NDArray[Any], NDArray[Any]]:
    cure = "write it with numpy.savez(file, x=vectors, y=labels), labels as integers or strings"
    try:
        # A pickle can run code as it is read; arrays of plain numbers and strings need none.
        arrays = np.load(file, allow_pickle=False)
        if isinstance(arrays, np.ndarray):
            raise _error(path, "holds one bare array, not an archive", cure)
        with arrays:
            missing = [name for name in ("x", "y") if name not in arrays]
            if missing:
                raise _error(path, f"lacks the array {' and '.join(missing)}", cure)
            return arrays["x"], arrays["y"]
    except ModelSetupError:
        raise
    except _UNREADABLE as error:
        raise _error(path, f"is not a readable .npz: {error}", cure) from None


def _from_csv(path: Path, file: BinaryIO) -> tuple[NDArray[Any], NDArray[Any]]:
    cure = f"give it a header row with the column {LABEL_COLUMN!r} and numbers in all others"
    x: list[list[float]] = []
    y: list[str] = []
    try:
        rows = csv.reader(io.StringIO(file.read().decode("utf-8"), newline=""), strict=True)
        header = next(rows, [])
        if header.count(LABEL_COLUMN) != 1 or len(header) < 2:
            raise _error(path, f"has no header with one column {LABEL_COLUMN!r}", cure)
        place = header.index(LABEL_COLUMN)
        for row in rows:
            if len(row) != len(header):
                raise _error(
                    path, f"line {rows.line_num} has {len(row)} of {len(header)} columns", cure
                )
            y.append(row[place])
            try:
                x.append([float(cell) for k, cell in enumerate(row) if k != place])
            except ValueError as error:
                raise _error(path, f"line {rows.line_num}: {error}", cure) from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise _error(path, f"is not readable CSV: {error}", cure) from None
    return np.array(x, dtype=np.float64), np.array(y, dtype=np.str_)


def _checked(path: Path, x: NDArray[Any], y: NDArray[Any]) -> Shard:
    if x.ndim != 2 or x.dtype.kind not in "iuf":
        fault = f"has x of {x.ndim} dimensions and type {x.dtype}, not rows by features"
        raise _error(path, fault, "make x a table of numbers, one row an example")
    if y.shape != (len(x),) or y.dtype.kind not in "iuU":
        fault = f"has y of shape {y.shape} and type {y.dtype} for {len(x)} rows of x"
        raise _error(path, fault, "make y one integer or string label a row")
    if not 1 <= x.shape[1] <= MAX_VECTOR:
        fault = f"has {x.shape[1]} features a row"
        raise _error(path, fault, f"give it 1 to {MAX_VECTOR}")
    bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
    if len(bad):
        fault = f"has NaN or infinity in {len(bad)} of {len(x)} rows, first in row {bad[0]}"
        raise _error(path, fault, "remove those rows or fill the gaps")
    names = y.astype(np.str_)
    labels = tuple(str(label) for label in np.unique(names))
    for label in labels:
        if not label.strip() == label != "" or len(label) > MAX_LABEL:
            fault = f"has a label that is empty, padded with space or too long: {label[:40]!r}"
            raise _error(path, fault, f"use labels of 1 to {MAX_LABEL} characters")
    if len(labels) > MAX_OPTIONS:
        fault = f"has {len(labels)} distinct labels"
        raise _error(path, fault, f"a task has at most {MAX_OPTIONS} options; merge some")
    if len(labels) < 2:
        what = f"holds one class only ({labels[0]!r})" if labels else "holds no rows"
        cure = "a classifier needs at least two classes: add examples of another"
        raise _error(path, what, cure)
    return Shard(x=x.astype(np.float64), y=names, labels=labels)
