"""Exit codes, and which errors are a user's to mend: one line, never a traceback."""

from typing import Final

OK: Final = 0
"""It was done; a verdict is valid."""

NEGATIVE: Final = 1
"""It was done, and the result is negative: a verdict is invalid, a check failed."""

UNUSABLE: Final = 2
"""The input is not usable: arguments, files, a node that does not answer."""

UNPINNED: Final = 3
"""A verdict is consistent, but no federation file was given to hold it against (E2)."""

INTERRUPTED: Final = 130
"""Ended from the keyboard."""

MENDABLE: Final = frozenset(
    {
        "node.api.keys.KeyFileError",
        "node.backup.BackupError",
        "node.config.ConfigError",
        "node.federation.FederationError",
        "node.identity.IdentityError",
        "node.models.base.ModelSetupError",
        "node.outside.SetupError",
        "node.store.contract.BadReference",
        "node.store.contract.StoreError",
    }
)
"""Errors whose text says what was wrong, where, and what to do. By name, so that telling one
does not load the room that it comes from; their subclasses are meant too."""


class CliError(Exception):
    """A command cannot go on. The text says what was wrong, where, and what to do."""

    def __init__(self, problem: str, code: int = UNUSABLE) -> None:
        super().__init__(problem)
        self.code = code


def explain(error: Exception) -> tuple[str, int] | None:
    """The line and the exit code for an error that is the user's to mend, else None.

    The line is empty where the help was shown instead.
    """
    if isinstance(error, CliError):
        return _one_line(str(error)), error.code
    if any(f"{kind.__module__}.{kind.__qualname__}" in MENDABLE for kind in type(error).__mro__):
        return _one_line(str(error)), UNUSABLE
    usage = getattr(error, "format_message", None)  # the command line's own, of any version
    if usage is not None:
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "quorate"
        problem = _one_line(usage())
        return f"{problem} (see `{command} --help`)" if problem else "", UNUSABLE
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}", UNUSABLE
    return None


def _one_line(text: str) -> str:
    return " ".join(text.split())
