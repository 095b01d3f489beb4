"""Deployments of the options as they are called: provider, key, prices."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

from ..base import public_name
from .options import Deployment, Options, key, wrong

NO_KEY = "none"
"""What servers of one's own are given as a key: they want none, and the SDK wants some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One deployment as it is called: prices in micros a token in and out, if anybody knows."""

    group: str
    provider: str
    model: str
    public: str
    max_tokens: int
    prices: tuple[Decimal, Decimal] | None

    def micros(self, tokens_in: int, tokens_out: int) -> int:
        """What so many tokens cost, rounded up."""
        if self.prices is None:
            return 0
        cost = tokens_in * self.prices[0] + tokens_out * self.prices[1]
        return int(cost.to_integral_value(ROUND_CEILING))


def params(item: Deployment, place: int, base: Path) -> dict[str, Any]:
    """What the Router is given to call a deployment with. Raises `ModelSetupError`."""
    found: dict[str, Any] = {
        "model": item.model,
        "max_tokens": item.max_tokens,
        "max_retries": 0,  # the SDK's own, beneath the Router's
    }
    for name in ("api_base", "rpm", "tpm", "temperature"):
        if (value := getattr(item, name)) not in (None, ""):
            found[name] = value
    secret = key(item, place, base)
    if secret is None and item.api_base:
        secret = NO_KEY  # servers of one's own want none; the SDK wants some
    if secret is not None:
        found["api_key"] = secret
    return found


def served_by(litellm: ModuleType, item: Deployment, place: int, options: Options) -> Served:
    """A deployment of the options, the `place`-th (from 1), as `litellm` will call it.

    Raises `ModelSetupError` if its provider is unknown, its price is where there is a budget in
    dollars, or it has no key.
    """
    try:
        model, provider, *_ = litellm.get_llm_provider(item.model)
    except litellm.exceptions.BadRequestError:
        raise wrong(
            place,
            f"has the model {item.model!r}, whose provider litellm does not know; write it as "
            "provider/model, such as openai/gpt-5 or ollama_chat/llama3.1",
        ) from None
    if item.price_in is not None and item.price_out is not None:
        prices: tuple[Decimal, Decimal] | None = (
            Decimal(str(item.price_in)),
            Decimal(str(item.price_out)),
        )
    else:
        prices = _known_prices(litellm, item.model)
    money = (options.task_budget.usd, options.day_budget.usd)
    if prices is None and money != (None, None):
        raise wrong(
            place,
            f"has the model {item.model!r}, whose price litellm does not know, and there is a "
            "budget in dollars; give `price_in` and `price_out` (0 if it costs nothing)",
        )
    if not item.api_base and not item.key_env and not item.key_file:
        missing = litellm.validate_environment(item.model).get("missing_keys") or []
        if missing:
            raise wrong(
                place,
                f"has no key: set `key_env` or `key_file`, or {' and '.join(map(str, missing))} in "
                "the environment",
            )
    return Served(
        group=f"deployment-{place}",
        provider=provider,
        model=model,
        public=public_name(provider, model),
        max_tokens=item.max_tokens,
        prices=prices,
    )


def _known_prices(litellm: ModuleType, model: str) -> tuple[Decimal, Decimal] | None:
    """Micros a token by litellm's list; a dollar a million tokens is a micro a token."""
    try:
        info = litellm.get_model_info(model)
    except Exception:  # noqa: BLE001  it raises whatever its list's reader meets
        return None
    prices = info.get("input_cost_per_token"), info.get("output_cost_per_token")
    if not all(isinstance(price, int | float) for price in prices):
        return None
    one, two = (Decimal(str(price)) * 1_000_000 for price in prices)
    return one, two
