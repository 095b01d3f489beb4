"""Federation files and member cards on disk."""

from pathlib import Path

from . import card, federation_text, files
from .entropy import Entropy
from .federation import Federation, FederationError, FederationMember, Floors


def create(path: Path, *, name: str, floors: Floors, entropy: Entropy) -> Federation:
    """Make a federation without members and write it to `path`, which must not exist.

    Raises `FederationError`.
    """
    made = Federation(name=name, network=entropy.draw(32), epoch=1, floors=floors, members=())
    try:
        files.create_exclusive(path, federation_text.render(made), 0o644)
    except FileExistsError:
        raise FederationError(f"{path} exists already; it is not overwritten") from None
    except OSError as error:
        raise FederationError(f"cannot write {path}: {error.strerror}") from None
    return made


def load(path: Path) -> Federation:
    """The federation in `path`. Raises `FederationError`, with the path, line and member."""
    try:
        return federation_text.parse(files.read_bounded(path, federation_text.FILE_MAX))
    except FileNotFoundError:
        raise FederationError(
            f"{path} is missing; `quorate federation create` makes one, or get it from its keeper"
        ) from None
    except OSError as error:
        raise FederationError(f"cannot read {path}: {error.strerror}") from None
    except FederationError as error:
        raise FederationError(f"{path}: {error}") from None
    except ValueError as error:
        raise FederationError(str(error)) from None


def save(path: Path, changed: Federation) -> None:
    """Replace the file at `path` in one step. Raises `FederationError`."""
    try:
        files.write_atomic(path, federation_text.render(changed), 0o644)
    except OSError as error:
        raise FederationError(f"cannot write {path}: {error.strerror}") from None


def add(path: Path, card_path: Path) -> tuple[Federation, FederationMember]:
    """Add the member behind a card file to the federation file: its next epoch, and the member.

    Raises `FederationError`.
    """
    current = load(path)
    member = load_card(card_path)
    try:
        changed = current.with_member(member)
    except FederationError as error:
        raise FederationError(f"{card_path}: {error}") from None
    save(path, changed)
    return changed, member


def load_card(path: Path) -> FederationMember:
    """The member behind the card at `path`. Raises `FederationError`."""
    try:
        return card.read(files.read_bounded(path, card.CARD_MAX))
    except OSError as error:
        raise FederationError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        text = str(error)
        raise FederationError(text if text.startswith(str(path)) else f"{path}: {text}") from None


def save_card(path: Path, data: bytes) -> None:
    """Write a card. Raises `FederationError`."""
    try:
        files.write_atomic(path, data, 0o644)
    except OSError as error:
        raise FederationError(f"cannot write {path}: {error.strerror}") from None
