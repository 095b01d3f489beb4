"""Backends by name, found through entry points: ours and third parties' alike.

Nothing of a backend is imported before its name is asked for, so a node pays for no library
that it does not use.
"""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TypeVar

import msgspec

from .base import GROUP, Model, ModelSetupError
from .guard import Guarded

_Options = TypeVar("_Options", bound=msgspec.Struct)


def known() -> dict[str, EntryPoint]:
    """The installed backends by name, sorted."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    return dict(sorted(found.items()))


async def load(backend: str, options: Mapping[str, object], base: Path) -> Guarded:
    """Open a model of `backend`, behind the checks of `guard`.

    `options` is the model's own table of the configuration; relative paths in it stand
    against `base`. Raises `ModelSetupError` with what to do about it.
    """
    points = known()
    if backend not in points:
        names = ", ".join(points) or "none; install this package with pip"
        raise ModelSetupError(f"no model backend is called {backend!r}; installed are: {names}")
    try:
        maker = points[backend].load()
    except (ImportError, AttributeError) as error:
        raise ModelSetupError(
            f"model backend {backend!r} ({points[backend].value}) cannot be imported: {error}; "
            "install the package that provides it with its dependencies"
        ) from error
    if not hasattr(maker, "open"):
        raise ModelSetupError(
            f"model backend {backend!r} ({points[backend].value}) is no backend: it has no `open`"
        )
    model = await maker.open(options, base)
    if not isinstance(model, Model):
        raise ModelSetupError(
            f"model backend {backend!r} opened a {type(model).__name__}, which lacks one of "
            "draft, judge, describe, close"
        )
    return Guarded(backend, model)


def read_options(backend: str, options: Mapping[str, object], shape: type[_Options]) -> _Options:
    """`options` as a `shape` (a msgspec struct). Raises `ModelSetupError` naming the option."""
    try:
        return msgspec.convert(dict(options), type=shape)
    except (msgspec.ValidationError, ValueError) as error:
        fields = ", ".join(field.name for field in msgspec.structs.fields(shape))
        raise ModelSetupError(
            f"options of the {backend} model: {error}. Its options are: {fields}"
        ) from None
