"""Calling providers through litellm's Router: the only module that imports litellm.

The import costs seconds and some 200 MB, and would fetch a price list, so it happens in
`Provider.open` and only after the environment says that the list is the package's own.
Time-outs, retries, rate limits, cooldowns and fallback are the Router's; here they are given
what the request leaves of time, and what a call costs is reserved and counted.
"""

import asyncio
import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from consensus.bodies import Usage

from ...clock import Clock, monotonic_ms
from ...log import silence
from ..base import Failure, Spent
from .deployments import NO_KEY, Served, params, served_by
from .failures import MAYBE_BILLED, classified, never_connected
from .options import Options
from .spending import BudgetSpent, Purse

_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
OVERHEAD_TOKENS = 64
"""Tokens that a chat template may add to two messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a provider answered and what that took."""

    text: str
    served: Served
    tokens_in: int
    tokens_out: int
    micros: int
    fault: tuple[Failure, str] | None
    """Set if the reply is there, and billed, but holds no text to read."""

    @property
    def usage(self) -> Usage:
        """Tokens and money, as a draft or a ballot tells them."""
        return Usage(tokens_in=self.tokens_in, tokens_out=self.tokens_out, micros=self.micros)


class CallError(Exception):
    """No reply. `cause` is for this node's log; `free` says that it was surely not billed."""

    def __init__(
        self,
        failure: Failure,
        served: Served,
        cause: str,
        *,
        status: int = 0,
        free: bool = False,
    ) -> None:
        super().__init__(cause)
        self.failure = failure
        self.served = served
        self.cause = cause
        self.status = status
        self.free = free


class Provider:
    """The deployments of one node behind one Router."""

    def __init__(
        self,
        litellm: ModuleType,
        router: Any,
        served: Sequence[Served],
        secrets: Sequence[str],
        options: Options,
        purse: Purse,
        clock: Clock,
    ) -> None:
        self._litellm = litellm
        self._router = router
        self.served = tuple(served)
        self._secrets = tuple(secrets)
        self._options = options
        self.purse = purse
        self.spent: dict[str, Spent] = {}
        """What the replies of each deployment took since the start, by its public name."""
        self._clock = clock
        self._room = asyncio.Semaphore(options.calls)

    @classmethod
    async def open(cls, options: Options, base: Path, purse: Purse, clock: Clock) -> "Provider":
        """Import litellm and make the Router. Raises `ModelSetupError`."""
        litellm = await asyncio.to_thread(_import)
        served: list[Served] = []
        models: list[dict[str, Any]] = []
        for place, item in enumerate(options.deployments, 1):
            found = served_by(litellm, item, place, options)
            served.append(found)
            models.append(
                {
                    "model_name": found.group,
                    "litellm_params": params(item, place, base),
                    "model_info": {"id": found.group},
                }
            )
        groups = [item.group for item in served]
        router = litellm.Router(
            model_list=models,
            num_retries=options.retries,
            max_fallbacks=len(groups),
            fallbacks=[{groups[0]: groups[1:]}] if groups[1:] else [],
            timeout=options.timeout_s,
            # Without it `rpm` and `tpm` only steer the choice among deployments of one group.
            optional_pre_call_checks=["enforce_model_rate_limits"],
            set_verbose=False,
        )
        secrets = [
            secret
            for model in models
            if len(secret := str(model["litellm_params"].get("api_key") or "")) > len(NO_KEY)
        ]
        return cls(litellm, router, served, secrets, options, purse, clock)

    async def ask(
        self, messages: Sequence[Mapping[str, str]], *, task: str, until_ms: int
    ) -> Reply:
        """One reply, by `until_ms` on the monotonic clock. Raises `CallError`."""
        first = self.served[0]
        try:
            async with asyncio.timeout(self._left_s(until_ms)), self._room:
                return await self._paid(messages, task, until_ms)
        except TimeoutError:
            raise CallError(Failure.TIMEOUT, first, "no reply before the deadline") from None

    async def try_one(
        self, served: Served, messages: Sequence[Mapping[str, str]], timeout_s: float
    ) -> Reply:
        """One try of one deployment, outside of every budget. Raises `CallError`."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._call(messages, served.group, timeout_s, single=True)
        except TimeoutError:
            cause = f"no reply within {timeout_s:g} s"
            raise CallError(Failure.TIMEOUT, served, cause) from None
        except CallError as error:
            error.served = served  # there may be several of one name
            raise

    async def close(self) -> None:
        """Close connections, and let litellm's own background work end."""
        from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

        # It is one for the process: one that another, closed loop has left cannot be waited for.
        with suppress(RuntimeError):
            await GLOBAL_LOGGING_WORKER.stop(discard_pending=True, timeout=1.0)
        await self._litellm.close_litellm_async_clients()

    def _left_s(self, until_ms: int) -> float:
        return max(0.0, (until_ms - monotonic_ms(self._clock)) / 1_000)

    async def _paid(self, messages: Sequence[Mapping[str, str]], task: str, until_ms: int) -> Reply:
        """Reserve, call, settle. With too little left for every try, one try is made."""
        # A token is a byte at least, so this is never too few.
        tokens_in = OVERHEAD_TOKENS + sum(len(m["content"].encode()) for m in messages)
        tries = self._options.retries + 1
        plans = [(self.served, tries)]
        if tries > 1 or len(self.served) > 1:
            plans.append((self.served[:1], 1))
        held, single = None, False
        for number, (served, count) in enumerate(plans, 1):
            try:
                held = await self.purse.reserve(
                    task,
                    tokens=count * sum(tokens_in + item.max_tokens for item in served),
                    micros=count * sum(item.micros(tokens_in, item.max_tokens) for item in served),
                )
                single = number > 1
                break
            except BudgetSpent as error:
                if number == len(plans):
                    spent = Failure.TASK_BUDGET if error.which == "task" else Failure.DAY_BUDGET
                    raise CallError(spent, self.served[0], str(error)) from None
            except OSError as error:
                cause = f"the day's spending cannot be stored: {error}"
                raise CallError(Failure.FAILED, self.served[0], cause) from error
        assert held is not None
        # Until it is known what the call cost, it cost all that was reserved.
        tokens, micros = held.tokens, held.micros
        began = monotonic_ms(self._clock)
        try:
            reply = await self._call(
                messages,
                self.served[0].group,
                min(self._options.timeout_s, self._left_s(until_ms)),
                single=single,
            )
            used = self.spent.setdefault(reply.served.public, Spent())
            used.add(reply.usage)
            tokens, micros = reply.tokens_in + reply.tokens_out, reply.micros
            if not tokens:  # it tells no usage
                tokens = tokens_in + reply.served.max_tokens
                micros = reply.served.micros(tokens_in, reply.served.max_tokens)
            return reply
        except CallError as error:
            if error.free:
                tokens = micros = 0
            raise
        finally:
            # The Router does not tell how earlier tries ended. One that timed out took this long.
            slow = int((monotonic_ms(self._clock) - began) / (self._options.timeout_s * 1_000))
            if slow and tokens < held.tokens:
                each = max(item.max_tokens for item in self.served) + tokens_in
                dear = max(item.micros(tokens_in, item.max_tokens) for item in self.served)
                tokens = min(held.tokens, tokens + slow * each)
                micros = max(micros, min(held.micros, micros + slow * dear))
            await self.purse.settle(held, tokens=tokens, micros=micros)

    async def _call(
        self,
        messages: Sequence[Mapping[str, str]],
        group: str,
        timeout_s: float,
        *,
        single: bool,
    ) -> Reply:
        extra: dict[str, Any] = {"num_retries": 0, "disable_fallbacks": True} if single else {}
        try:
            answer = await self._router.acompletion(
                group,
                [dict(message) for message in messages],
                timeout=timeout_s,
                stream=False,
                **extra,
            )
        except asyncio.CancelledError:
            raise
        except Exception as error:
            raise self._failed(error) from error
        return self._reply(answer)

    def _reply(self, answer: Any) -> Reply:
        hidden = getattr(answer, "_hidden_params", None) or {}
        served = self._of(str(hidden.get("model_id") or ""))
        usage = getattr(answer, "usage", None)
        tokens_in = _count(getattr(usage, "prompt_tokens", 0))
        tokens_out = _count(getattr(usage, "completion_tokens", 0))
        choices = getattr(answer, "choices", None) or []
        text, fault = "", None
        if not choices:
            fault = Failure.EMPTY, "the reply holds no choice"
        else:
            message, reason = choices[0].message, str(choices[0].finish_reason or "")
            content = getattr(message, "content", None)
            text = content if isinstance(content, str) else ""
            refusal = getattr(message, "refusal", None)
            if refusal:
                fault = Failure.REFUSED, f"the model refuses: {str(refusal)[:200]}"
            elif reason == "content_filter":
                fault = Failure.REFUSED, "the provider's content filter stopped the reply"
            elif reason == "length" or (served.max_tokens <= tokens_out and not text.strip()):
                fault = Failure.TRUNCATED, f"the reply ends after {tokens_out} tokens"
            elif getattr(message, "tool_calls", None) or reason in ("tool_calls", "function_call"):
                fault = Failure.TOOL, "the reply calls a tool, and none was offered"
            elif not text.strip():
                fault = Failure.EMPTY, "the reply is empty"
        return Reply(
            text=text,
            served=served,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            micros=served.micros(tokens_in, tokens_out),
            fault=fault,
        )

    def _of(self, model_id: str) -> Served:
        """The deployment by the Router's id of it; the first one if it is not told."""
        for item in self.served:
            if model_id == item.group:
                return item
        return self.served[0]

    def _failed(self, error: Exception) -> CallError:
        """litellm's exception in our words. Its text quotes the provider: for the log alone."""
        failure, status = classified(error)
        served = self.served[0]
        # The Router raises the error of the last deployment that it tried.
        named = (
            str(getattr(error, "model", "") or ""),
            str(getattr(error, "llm_provider", "") or ""),
        )
        for item in self.served:
            if named[0] in (item.model, f"{item.provider}/{item.model}") and named[0]:
                served = item
                break
        text = str(error).partition("\n")[0]
        for secret in self._secrets:  # some providers quote the key that they refuse
            text = text.replace(secret, "(the key)")
        free = failure not in MAYBE_BILLED
        if failure is Failure.UNREACHABLE:  # a connection that broke off may have been asked first
            free = never_connected(error)
        cause = f"{type(error).__name__}: {text[:400]}"
        return CallError(failure, served, cause, status=status, free=free)


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**40 else 0


def _import() -> ModuleType:
    """litellm, told not to call anybody, to keep nothing and to say nothing."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else the import fetches a price list
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")  # else it reads any .env file about
    # How it describes its types to pydantic is not for this node's operator. It asks for the same
    # itself on its first import, but imports most of itself later.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"pydantic\.")
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.drop_params = True  # a provider without `temperature` still answers
    for name in ("callbacks", "input_callback", "success_callback", "failure_callback"):
        setattr(litellm, name, [])
    for name in _LOGGERS:
        silence(name)  # prompts and a provider's words are in what they say
    module: ModuleType = litellm
    return module
