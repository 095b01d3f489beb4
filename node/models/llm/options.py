"""The options of the `litellm` backend, read and checked before litellm is imported."""

import os
import stat
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from ... import files
from ..base import ModelSetupError
from ..registry import read_options
from .spending import Limit

NAME: Final = "litellm"
"""The backend's name in configuration and errors."""
KEY_MAX: Final = 16_384
"""Most bytes of a key file: tokens of some clouds are long."""

Dollars = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
Tokens = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Deployment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One place where a model is served.

    `model` is litellm's name for it, the provider first (`openai/gpt-5`, `ollama_chat/llama3.1`,
    `hosted_vllm/...`). `api_base` is its address, if it is not the provider's usual one. The key
    is in the environment variable `key_env` or in the file `key_file`, or, if neither is set,
    where litellm looks for it. `rpm` and `tpm` are requests and tokens in a minute of the clock,
    past which this node sends none until the next; tokens count once a reply is there, so
    requests side by side can pass `tpm`. `temperature` is left to the provider if unset;
    `max_tokens` bounds a reply, reasoning included. Prices are US dollars for a million tokens;
    without them they are those that litellm knows.
    """

    model: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    api_base: str = ""
    key_env: str = ""
    key_file: str = ""
    rpm: Annotated[int, msgspec.Meta(ge=1)] | None = None
    tpm: Annotated[int, msgspec.Meta(ge=1)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=16, le=1_000_000)] = 4_096
    price_in: Dollars | None = None
    price_out: Dollars | None = None


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be spent: `tokens` in and out together, `usd`; none of the two is no limit."""

    tokens: Tokens | None = None
    usd: Dollars | None = None

    @property
    def limit(self) -> Limit:
        """In the units that spending is counted in."""
        usd = self.usd
        return Limit(
            tokens=self.tokens, micros=None if usd is None else int(Decimal(str(usd)) * 1_000_000)
        )


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of a language model.

    `deployments` in the order in which they are fallen back on. `family` is the model family
    that the federation file names. `timeout_s` bounds one try, `retries` the further tries of
    one deployment, `calls` the requests at a time. Which pairs are compared is the task's to say.
    `judge` asks for them one by one or for all of a step in one `batch`; `both_orders` asks each
    again the other way round, if the task's design does not; `pairs` is the most pairs of one
    judgment, whatever the task would have. `prompts` is a folder whose templates replace the
    package's. `spending` is the file that keeps the day's spending.
    """

    deployments: Annotated[tuple[Deployment, ...], msgspec.Meta(min_length=1, max_length=16)]
    family: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=3_600)] = 120.0
    retries: Annotated[int, msgspec.Meta(ge=0, le=10)] = 2
    calls: Annotated[int, msgspec.Meta(ge=1, le=256)] = 8
    judge: Literal["pairwise", "batch"] = "batch"
    both_orders: bool = False
    pairs: Annotated[int, msgspec.Meta(ge=1, le=256)] = 28
    task_budget: Budget = Budget()
    day_budget: Budget = Budget()
    prompts: str = ""
    spending: Annotated[str, msgspec.Meta(min_length=1)] = "spending.json"


def read(options: Mapping[str, object]) -> Options:
    """The checked options. Raises `ModelSetupError` naming the option at fault."""
    chosen = read_options(NAME, options, Options)
    for place, item in enumerate(chosen.deployments, 1):
        if item.key_env and item.key_file:
            raise wrong(place, "names both `key_env` and `key_file`; keep one of the two")
        if (item.price_in is None) != (item.price_out is None):
            raise wrong(place, "has one of `price_in` and `price_out`; give both, or none")
        if item.api_base and not item.api_base.startswith(("http://", "https://")):
            raise wrong(place, "has an `api_base` that begins with neither http:// nor https://")
    return chosen


def key(item: Deployment, place: int, base: Path) -> str | None:
    """The deployment's key; None leaves it to litellm. Raises `ModelSetupError`."""
    if item.key_env:
        found = os.environ.get(item.key_env, "").strip()
        if not found:
            raise wrong(
                place,
                f"takes its key from the environment variable {item.key_env}, which is not set; "
                "set it where the node is started",
            )
        return found
    if not item.key_file:
        return None
    path = base / item.key_file
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        data = files.read_bounded(path, KEY_MAX)
        found = data.decode("ascii").strip()
    except OSError as error:
        raise wrong(
            place, f"has its key in {path}, which cannot be read: {error.strerror}"
        ) from None
    except ValueError:
        raise wrong(
            place, f"has its key in {path}, which holds no key: it is not ASCII, or long"
        ) from None
    if mode & 0o077:
        raise wrong(place, f"has its key in {path}, which others can read; run: chmod 600 {path}")
    if not found:
        raise wrong(place, f"has its key in {path}, which is empty; put the key in")
    return found


def wrong(place: int, fault: str) -> ModelSetupError:
    """The error of the deployment number `place`."""
    return ModelSetupError(f"options of the {NAME} model: deployment {place} {fault}")
