"""Configurations: what is read, what is refused and in which words, and the documented file."""

from pathlib import Path

import msgspec
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from node.config import (
    CONFIG_FILE,
    Config,
    ConfigError,
    LimitsConfig,
    LogConfig,
    ModelConfig,
    load,
    parse,
    settings,
)
from node.config_api import ApiConfig
from node.config_text import EXAMPLE, plain, render

LEAST = 'name = "alice"\nlisten = "127.0.0.1:7400"\n[model]\nbackend = "scripted"\n'
HOME = Path("/srv/alice")


def read(text: str) -> Config:
    return parse(text.encode(), HOME / CONFIG_FILE)


def test_the_least_file_gives_every_default() -> None:
    assert read(LEAST) == Config(
        name="alice",
        listen="127.0.0.1:7400",
        federation=HOME / "federation.toml",
        identity=HOME / "identity",
        store=HOME / "store" / "quorate.db",
        model=ModelConfig(backend="scripted"),
        log=LogConfig(level="info", format="auto"),
        limits=LimitsConfig(tasks=128, opener_tasks_per_minute=600, task_life_s=86_400, stop_s=10),
        api=ApiConfig(keys=HOME / "api-keys.json"),
        directory=HOME,
    )


def test_paths_are_relative_to_the_file_unless_absolute() -> None:
    config = read('store = "../bob/b.db"\nfederation = "/etc/orchard.toml"\n' + LEAST)
    assert config.store == HOME / "../bob/b.db"
    assert config.federation == Path("/etc/orchard.toml")


def test_a_path_may_begin_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    assert read('store = "~/q.db"\n' + LEAST).store == Path("/home/alice/q.db")


def test_a_node_is_named_by_its_directory_or_its_file(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).write_text(LEAST)
    assert load(tmp_path) == load(tmp_path / CONFIG_FILE)
    assert load(tmp_path).directory == tmp_path


def test_options_of_a_model_pass_unread() -> None:
    config = read(LEAST + 'calls = 2\n[model.options]\nline = { answer = "yes" }\ndelay_ms = 3\n')
    assert config.model.options == {"line": {"answer": "yes"}, "delay_ms": 3}
    assert config.model.calls == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name =", "quorate.toml: not readable as TOML: Invalid value (at"),
        ('name = "a"\nname = "b"\n', "not readable as TOML: Cannot overwrite a value (at line 2"),
        ('nme = "a"\n', "line 1: unknown setting 'nme'; did you mean 'name'?"),
        ("zzz = 1\n", "line 1: unknown setting 'zzz'; known here: api, clients, federation"),
        ("directory = 'x'\n" + LEAST, "line 1: unknown setting 'directory'"),
        (LEAST + "[limits]\n\ntask = 1\n", "line 7: unknown setting 'limits.task'; did you mean"),
        (LEAST + "[limit]\n", "line 5: unknown setting 'limit'; did you mean 'limits'?"),
        (LEAST + "[log]\nzzz = 1\n", "'log.zzz'; known in [log]: format, level"),
        ('listen = "h:1"\n', "'name' is missing: what people call this node"),
        ('name = "a"\nlisten = "h:1"\n', "'model.backend' is missing: which backend"),
        ("name = 3\n" + LEAST.split("\n", 1)[1], "line 1: 'name' is 3, but must be a text of 1"),
        (LEAST.replace("alice", "a b"), "line 1: 'name' is \"a b\", but must be a text of 1 to 64"),
        (LEAST.replace("alice", ""), "line 1: 'name' is \"\", but must"),
        (LEAST.replace("7400", "0"), "line 2: listen: address '127.0.0.1:0': the port must be"),
        (
            LEAST + "[clients]\nlisten = 'x'\n",
            "line 6: clients.listen: address 'x' is not host:port",
        ),
        (
            LEAST + "[metrics]\nlisten = 'x'\n",
            "line 6: metrics.listen: address 'x' is not host:port",
        ),
        (
            LEAST + "[metrics]\nexposed = 1\n",
            "line 6: 'metrics.exposed' is 1, but must be true or false",
        ),
        (LEAST.replace(":7400", ""), "line 2: listen: address '127.0.0.1' is not host:port"),
        ('store = ""\n' + LEAST, "line 1: 'store' is \"\", but must be a path"),
        ("store = 1\n" + LEAST, "line 1: 'store' is 1, but must be a path"),
        ("model = 3\n" + LEAST.split("[", 1)[0], "line 1: 'model' is 3, but must be a table"),
        (LEAST + "options = 3\n", "line 5: 'model.options' is 3, but must be a table"),
        (LEAST + "[log]\nlevel = 'loud'\n", "line 6: 'log.level' is \"loud\", but must be one of"),
        (LEAST + "[limits]\ntasks = true\n", "'limits.tasks' is true, but must be a whole number"),
        (LEAST + "[limits]\ntasks = 1.5\n", "'limits.tasks' is 1.5, but must be a whole number"),
        (LEAST + "[limits]\ntasks = 1979-05-27\n", "'limits.tasks' is \"1979-05-27\", but must"),
        ("limits.tasks = 0\n" + LEAST, "line 1: 'limits.tasks' is 0, but must be a whole number"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_the_way_out(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{HOME / CONFIG_FILE}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("setting", [item for item in settings() if item.kind is int])
def test_a_number_may_be_at_its_bounds_and_not_one_past(setting: object) -> None:
    assert isinstance(setting, type(next(settings())))
    low, high = setting.meta.ge, setting.meta.le
    assert isinstance(low, int)
    assert isinstance(high, int)

    def with_value(number: int) -> Config:
        table, name = setting.path
        prefix = LEAST if table == "model" else LEAST + f"[{table}]\n"
        return read(prefix + f"{name} = {number}\n")

    for number in (low, high):
        with_value(number)
    for number in (low - 1, high + 1):
        with pytest.raises(ConfigError, match=f"must be a whole number from {low} to {high}"):
            with_value(number)


def test_what_is_not_utf_8_is_said_with_its_line() -> None:
    with pytest.raises(ConfigError, match="line 2: not UTF-8"):
        parse(b'name = "alice"\nlisten = "\xff"\n', HOME / CONFIG_FILE)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    for where in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ConfigError, match=r"is missing: .*`quorate init`"):
            load(where)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).write_bytes(b"#" * (1_048_576 + 1))
    with pytest.raises(ConfigError, match="is over 1048576 bytes"):
        load(tmp_path)


def test_every_setting_says_what_it_means_and_numbers_their_unit_and_bounds() -> None:
    for setting in settings():
        assert setting.meta.description
        if setting.kind is int:
            assert setting.unit
            assert setting.meta.ge is not None
            assert setting.meta.le is not None
        assert setting.required or setting.default is not None


def test_the_documented_file_is_the_example_and_names_every_setting() -> None:
    text = render(EXAMPLE)
    read_back = read(text)
    assert read_back == read(LEAST)
    words = " ".join(line.removeprefix("# ") for line in text.splitlines())
    for setting in settings():
        meaning = str(setting.meta.description)
        assert meaning[1:] in words
    assert all(len(line) <= 100 for line in text.splitlines())


_VALUES = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab c.\"'"), inner),
    max_leaves=8,
)


@given(
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True),
    options=st.dictionaries(st.text("ab c.\"'\n", min_size=1), _VALUES, max_size=4),
    tasks=st.integers(1, 100_000),
    store=st.sampled_from([HOME / "s.db", Path("/elsewhere/s.db"), HOME / "a" / "b c.db"]),
)
def test_a_rendered_configuration_is_read_back_as_it_was(
    name: str, options: dict[str, object], tasks: int, store: Path
) -> None:
    config = msgspec.structs.replace(
        read(LEAST),
        name=name,
        store=store,
        model=ModelConfig(backend="scripted", options=options),
        limits=LimitsConfig(tasks=tasks),
    )
    assert read(render(config)) == config


def test_plain_data_is_nested_like_the_file() -> None:
    config = read(LEAST)
    data = plain(config)
    assert data["limits"]["stop_s"] == 10
    assert data["store"] == str(config.store)
    assert read(tomli_w.dumps(data)) == config
