"""`quorate init`: a node's directory, with identity, configuration, store and member card."""

import json
import shlex
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from .. import config as node_config
from .. import config_text, files
from ..config import CONFIG_FILE, Config, ConfigError, ModelConfig
from ..config_api import ApiConfig
from .exits import CliError
from .output import emit, say

FEDERATION = Path("federation.toml")
_NAMED = ("card", "federation", "directory")
EVERYWHERE = ("0.0.0.0", "[::]")  # noqa: S104  compared with, not listened on

app = typer.Typer(add_completion=False)


@app.command()
def init(
    directory: Annotated[
        Path, typer.Argument(help="The directory to make the node in.", metavar="DIR")
    ],
    listen: Annotated[
        str, typer.Option(help="Where the node listens: host:port; host 0.0.0.0 is everywhere.")
    ],
    family: Annotated[
        str,
        typer.Option(
            help="The family of its model, such as gpt or random_forest: models of one family "
            "tend to err together."
        ),
    ],
    model: Annotated[
        str, typer.Option(help="Which backend runs the model, such as scripted or classifier.")
    ],
    option: Annotated[
        list[str] | None,
        typer.Option(help="A setting of the model, as NAME=VALUE; repeat it for more."),
    ] = None,
    name: Annotated[
        str, typer.Option(help="What people call the node. Its directory's name if left out.")
    ] = "",
    address: Annotated[
        str,
        typer.Option(help="Where other members reach it: host:port. As --listen if left out."),
    ] = "",
    federation: Annotated[
        Path | None,
        typer.Option(help="The federation file. DIR/federation.toml if left out."),
    ] = None,
    api: Annotated[
        str,
        typer.Option(
            help="Where OpenAI's clients may ask it, such as 127.0.0.1:7480; nowhere if left out.",
            metavar="HOST:PORT",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Make a node: its secret identity, configuration, store, and the card that others add.

    Nothing that is there is overwritten. The card goes to whoever keeps the federation file.
    """
    home = directory.expanduser().absolute()
    config = _config(home, name, listen, model, _options(option or []), federation, api)
    reached = address or listen
    if reached.rpartition(":")[0] in EVERYWHERE:
        raise CliError(
            f"{reached} is no address that others can reach: name one with --address host:port"
        )
    made = _make(home, config, family=family, address=reached)
    if as_json:
        emit(made)
    else:
        say(_next_steps(made))


def _options(pairs: list[str]) -> dict[str, Any]:
    """`NAME=VALUE` pairs as TOML would have them; a value that is no TOML is a text."""
    entries = []
    for pair in pairs:
        name, equals, text = (part.strip() for part in pair.partition("="))
        if not equals:
            raise CliError(f"--option {pair!r} is not NAME=VALUE")
        entry = f"{name} = {text}"
        try:
            tomllib.loads(entry)
        except tomllib.TOMLDecodeError:
            entry = f"{name} = {json.dumps(text)}"
        entries.append(entry)
    try:
        return tomllib.loads("\n".join(entries))
    except tomllib.TOMLDecodeError as error:
        raise CliError(f"the options {', '.join(pairs)} do not fit together: {error}") from None


def _config(
    home: Path,
    name: str,
    listen: str,
    model: str,
    options: dict[str, Any],
    federation: Path | None,
    api: str,
) -> Config:
    """The configuration, checked by reading it as it will be read."""
    from ..models import registry

    known = registry.known()
    if known and model not in known:
        raise CliError(f"no model backend is called {model!r}; installed are: {', '.join(known)}")
    path = home / CONFIG_FILE
    if path.exists():
        raise CliError(f"{path} exists already; choose another directory, or use that node")
    written = Config(
        name=name or home.name,
        listen=listen,
        federation=federation.expanduser().absolute() if federation else FEDERATION,
        model=ModelConfig(backend=model, options=options),
        api=ApiConfig(listen=api),
    )
    try:
        return node_config.parse(config_text.render(written).encode(), path)
    except ConfigError as error:
        problem = str(error).removeprefix(f"{path}: ")
        raise CliError(f"no node can be made so: {problem}") from None


def _make(home: Path, config: Config, *, family: str, address: str) -> dict[str, str]:
    """Write everything; what was made, by name."""
    from .. import card, federation_file, identity
    from ..entropy import SystemEntropy

    entropy = SystemEntropy()
    with TemporaryDirectory() as attempt:
        # First with a key that is thrown away: what a card refuses leaves nothing behind.
        tried = identity.create(Path(attempt), entropy)
        card.make(tried, name=config.name, address=address, family=family)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = identity.create(config.identity, entropy)
    files.create_exclusive(home / CONFIG_FILE, config_text.render(config).encode(), 0o600)
    config.store.parent.mkdir(mode=0o700, exist_ok=True)
    card_path = home / f"{config.name}.card"
    data = card.make(made, name=config.name, address=address, family=family)
    federation_file.save_card(card_path, data)
    return {
        "name": config.name,
        "key": made.public.hex(),
        "directory": str(home),
        "configuration": str(home / CONFIG_FILE),
        "identity": str(config.identity),
        "store": str(config.store),
        "federation": str(config.federation),
        "card": str(card_path),
    }


def _next_steps(made: dict[str, str]) -> str:
    card, federation, home = (shlex.quote(made[name]) for name in _NAMED)
    return f"""Made the node {made["name"]} in {made["directory"]}; its key is {made["key"]}.

Next:
  1. Have its card added to the federation file. If you keep that file (the first member
     makes it with: quorate federation create {federation} --name NAME):
         quorate federation add {federation} {card}
     If somebody else does, send them the card (it is no secret), and put the file they
     send back at {federation}.
  2. See that the settings are right:
         quorate config show {home}
  3. Start the node:
         quorate serve {home}

Keep {made["identity"]} secret: whoever has the key in it is this member."""
