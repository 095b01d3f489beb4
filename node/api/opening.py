"""Opening a task for a client, whatever route it came by: quotas, idempotency keys, refusals."""

import hashlib
from typing import Final

from ..clock import Clock, monotonic_ms
from ..log import get_logger
from .contract import Cause, Door, Question, Refused
from .errors import ApiError, invalid, over_quota, too_long, unavailable
from .keys import Client
from .quotas import Quotas
from .replays import KEY_MAX, Replay, Replays

log = get_logger("api")

TRY_S: Final = 5
"""Seconds after which a committee that lacks members, or is full, may be asked again."""


class Openings:
    """Every task that this node's HTTP clients open."""

    def __init__(self, door: Door, *, quotas: Quotas, clock: Clock) -> None:
        self._door = door
        self._quotas = quotas
        self._clock = clock
        self._replays = Replays()

    def task(
        self, question: Question, client: Client, key: str, body: bytes, **said: str
    ) -> tuple[bytes, bool]:
        """The task of a request, opened now or found by its idempotency key; whether by a key.

        `body` is the request as it came, `said` goes to the log. Raises `ApiError`.
        """
        if len(key) > KEY_MAX:
            raise invalid(f"an idempotency key has at most {KEY_MAX} characters", "idempotency-key")
        now, digest = monotonic_ms(self._clock), hashlib.sha256(body).digest()
        if key and (found := self._replays.find(client.name, key, now)) is not None:
            if found.digest != digest:
                raise ApiError(
                    409,
                    "idempotency_key_reused",
                    f"the idempotency key {key!r} was used with another request",
                    param="idempotency-key",
                    about={"task": found.task.hex()},
                )
            return found.task, True
        if wait := self._quotas.task(client.name, client.tasks_per_day, now):
            raise over_quota(
                f"{client.name} may open {client.tasks_per_day} tasks a day", -(-wait // 1_000)
            )
        try:
            task = self._door.open(question)
        except Refused as error:
            self._quotas.give_back(client.name)
            raise _refused(error, self._door.name) from None
        if key:
            self._replays.keep(client.name, key, Replay(digest=digest, task=task, at_ms=now))
        log.info("asked", task=task.hex()[:8], client=client.name, **said)
        return task, bool(key)


def _refused(error: Refused, node: str) -> ApiError:
    text, members = str(error), list(error.members)
    match error.cause:
        case Cause.INVALID:
            return invalid(text)
        case Cause.TOO_LONG:
            return too_long(text)
        case Cause.BUSY:
            return ApiError(
                429, "node_busy", text, kind="rate_limit_error", again_s=TRY_S, about={"node": node}
            )
        case Cause.TOO_FEW:
            return unavailable("too_few_members", text, again_s=TRY_S, about={"members": members})
        case Cause.STOPPING:
            return unavailable("stopping", text, again_s=TRY_S, about={"node": node})
