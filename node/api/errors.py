"""Errors in the shape that OpenAI's clients read, and which of them a client may try again.

`error.message`, `error.type`, `error.param` and `error.code` are OpenAI's; `error.quorate` adds the
task, its verdict, and which member, provider and model were at fault.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.responses import JSONResponse

from .keys import Scope

RETRY: Final = "x-should-retry"
"""The header by which OpenAI's own clients are told whether to try again: what was decided once is
not decided anew because a client tries twice."""


class ErrorDetail(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong: for people, by kind, where, and by name. `quorate` says whose fault it is."""

    message: str
    type: str
    param: str | None
    code: str
    quorate: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class ErrorReply(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every error."""

    error: ErrorDetail


class ApiError(Exception):
    """A request that is answered with an error."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        again_s: int | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.kind = kind
        self.param = param
        self.again_s = again_s
        self.about = dict(about or {})

    def plain(self) -> dict[str, Any]:
        """The body of the reply."""
        made: dict[str, Any] = msgspec.to_builtins(
            ErrorReply(
                error=ErrorDetail(
                    message=str(self),
                    type=self.kind,
                    param=self.param,
                    code=self.code,
                    quorate=self.about or msgspec.UNSET,
                )
            )
        )
        return made

    @property
    def headers(self) -> dict[str, str]:
        """Whether, and after how many seconds, to try again."""
        if self.again_s is None:
            return {RETRY: "false"}
        return {RETRY: "true", "retry-after": str(self.again_s)}


def refusal(error: ApiError, more: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as a reply, with `more` headers."""
    return JSONResponse(error.plain(), error.status, {**(more or {}), **error.headers})


def no_json(error: Exception) -> ApiError:
    """A body that cannot be read."""
    return invalid(f"the body is not a JSON object: {error}", code="invalid_json")


def misfit(error: msgspec.ValidationError) -> ApiError:
    """A body or a query that is none of what was asked for, by the place that is at fault."""
    problem, _, place = str(error).partition(" - at `$")
    param = place.rstrip("`").lstrip(".") or None
    return invalid(f"{param}: {problem}" if param else problem, param)


def invalid(message: str, param: str | None = None, code: str = "invalid_value") -> ApiError:
    """The request itself is wrong."""
    return ApiError(400, code, message, param=param)


def too_long(message: str, param: str = "messages") -> ApiError:
    """The prompt does not fit a task."""
    return ApiError(400, "context_length_exceeded", message, param=param)


def unauthorised(message: str) -> ApiError:
    """No API key, or none that counts."""
    return ApiError(401, "invalid_api_key", message, kind="authentication_error")


def may_not(name: str, may: Sequence[Scope], needed: Sequence[Scope]) -> ApiError:
    """The API key of the client `name` is for something else: any of `needed` would do."""
    return ApiError(
        403,
        "missing_scope",
        f"{name}'s key may {' and '.join(may)}; this takes one that may {' or '.join(needed)}, "
        f"which the node's operator makes: `quorate key add DIR NAME --may {needed[0]}`",
        kind="permission_error",
        about={"may": [str(one) for one in may], "needed": [str(one) for one in needed]},
    )


def damaged(message: str) -> ApiError:
    """What is stored of a task cannot be read."""
    return ApiError(500, "store_damaged", message, kind="api_error")


def over_quota(message: str, again_s: int) -> ApiError:
    """A client asked for more than it may."""
    return ApiError(429, "rate_limit_exceeded", message, kind="rate_limit_error", again_s=again_s)


def unavailable(
    code: str, message: str, *, again_s: int | None, about: Mapping[str, Any] | None = None
) -> ApiError:
    """The committee, or this node, cannot take or finish a task now."""
    return ApiError(503, code, message, kind="service_unavailable", again_s=again_s, about=about)
