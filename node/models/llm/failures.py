"""What went wrong with a provider, read off litellm's exceptions by their names and words.

litellm is not imported: its exceptions come from the Router, from it and from what it calls.
"""

from collections.abc import Iterator, Mapping

from ..base import Failure

MAYBE_BILLED = frozenset({Failure.TIMEOUT, Failure.UNPARSEABLE, Failure.FAILED})
"""Failures after which nobody knows whether the provider has worked, and billed it."""

_BY_NAME: Mapping[str, Failure] = {
    "Timeout": Failure.TIMEOUT,
    "APITimeoutError": Failure.TIMEOUT,
    "RateLimitError": Failure.RATE,
    "RouterRateLimitError": Failure.RATE,
    "AuthenticationError": Failure.AUTHENTICATION,
    "PermissionDeniedError": Failure.AUTHENTICATION,
    "ContentPolicyViolationError": Failure.REFUSED,
    "ContextWindowExceededError": Failure.TOO_LONG,
    "NotFoundError": Failure.NOT_FOUND,
    "APIResponseValidationError": Failure.UNPARSEABLE,
    "JSONDecodeError": Failure.UNPARSEABLE,
}
_CONNECTIONS = (
    "ConnectError",
    "ConnectionError",
    "ClientConnectorError",
    "ServerDisconnectedError",
)
_UNMADE = frozenset({"ConnectError", "ClientConnectorError", "ConnectionRefusedError"})
_LOST = ("Connection error", "Server disconnected", "Cannot connect", "Connection refused",
         "Connection reset", "All connection attempts failed")  # fmt: skip


def classified(error: BaseException) -> tuple[Failure, int]:
    """The class of one of litellm's exceptions, and the HTTP status if a server sent one."""
    names = [kind.__name__ for kind in type(error).__mro__]
    status = getattr(error, "status_code", None)
    status = status if isinstance(status, int) and 100 <= status < 600 else 0
    for name in names:
        if name in _BY_NAME:
            return _BY_NAME[name], status
    raised = {kind.__name__ for link in chain(error) for kind in type(link).__mro__}
    text = str(error)
    if "Unable to get json response" in text or "JSONDecodeError" in raised or status == 200:
        return Failure.UNPARSEABLE, 0
    lost = raised.intersection(_CONNECTIONS) or any(words in text for words in _LOST)
    if lost or names[0] == "APIConnectionError":
        return Failure.UNREACHABLE, 0
    if status >= 500:
        return Failure.SERVER, status
    if status >= 400:
        return Failure.REQUEST, status
    return Failure.FAILED, 0


def never_connected(error: BaseException) -> bool:
    """Whether there was no connection at all, so that nothing was asked."""
    return any(kind.__name__ in _UNMADE for link in chain(error) for kind in type(link).__mro__)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what caused it, the outermost first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
