"""HTTP fronts of a grove's daemons, and clients that ask them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import openai

from node import config, config_text
from node.config import CONFIG_FILE
from node.config_api import ApiConfig

from .daemons import Grove
from .federations import free_address
from .real_nodes import RealSwarm


def front(
    place: Grove | RealSwarm, name: str, *, model: dict[str, Any] | None = None, **api: Any
) -> str:
    """Give a member that is not yet started a front; where its API is. `model` are fields of its
    model's table that differ."""
    where = place.home / name
    before, address = config.load(where), free_address()
    changed = msgspec.structs.replace(
        before,
        api=ApiConfig(listen=address, **api),
        model=msgspec.structs.replace(before.model, **(model or {})),
    )
    (where / CONFIG_FILE).write_text(config_text.render(changed))
    return f"http://{address}/v1"


def client(base: str, key: str = "none") -> openai.AsyncOpenAI:
    """OpenAI's own client, which tries nothing twice. Use as a context."""
    return openai.AsyncOpenAI(base_url=base, api_key=key, max_retries=0)


@asynccontextmanager
async def plain(base: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client that sends what it is told to."""
    async with httpx.AsyncClient(base_url=f"{base}/", timeout=30) as made:
        yield made
