"""What a scrape says of real daemons that have decided, and what health says of them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from consensus.envelope import Kind
from node import config, config_text
from node.api import keys
from node.config import CONFIG_FILE, LimitsConfig
from node.config_metrics import MetricsConfig
from node.daemon import SetupError
from node.endings import REASONS
from node.entropy import SystemEntropy
from node.models.base import Failure
from node.observe.contract import STAGES
from node.observe.metrics import ALL
from node.outside import fronts
from tests.harness.daemons import Grove
from tests.harness.federations import free_address
from tests.harness.fronts import front

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEMBERS = ("alice", "bob", "carol", "dave")
PATIENT = {"draft_ms": 30_000, "judge_ms": 30_000, "exchange_ms": 5_000, "open_ms": 30_000}
"""Deadlines that nobody who is here misses on a slow machine; who has no link is not waited for."""


def monitored(grove: Grove, name: str, **fields: Any) -> str:
    """Give a member that is not yet started a port for monitors; where it is."""
    where, address = grove.home / name, free_address()
    changed = msgspec.structs.replace(
        config.load(where), metrics=MetricsConfig(listen=address, **fields)
    )
    (where / CONFIG_FILE).write_text(config_text.render(changed))
    return f"http://{address}"


async def got(url: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30) as client:
        return await client.get(url, headers=headers)


def samples(page: str) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """The samples of a page by name and labels."""
    found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def labelled(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


class Four:
    """Alice, bob and carol serve; dave is not there. They have decided one task."""

    def __init__(self, grove: Grove, api: str, monitor: str) -> None:
        self.grove, self.api, self.monitor = grove, api.removesuffix("/v1"), monitor

    async def scraped(self) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
        return samples((await got(f"{self.monitor}/metrics")).text)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def four(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Four]:
    home = tmp_path_factory.mktemp("four")
    async with Grove(home, *MEMBERS, limits=LimitsConfig(stop_s=1, tasks=8)) as grove:
        api, monitor = front(grove, "alice"), monitored(grove, "alice")
        await grove.start("alice", "bob", "carol")
        await grove.linked()
        await grove.decide(*MEMBERS, **PATIENT)
        yield Four(grove, api, monitor)


async def test_a_scrape_tells_of_rounds_stages_votes_and_who_was_missing(four: Four) -> None:
    before = await four.scraped()
    await four.grove.decide(*MEMBERS, **PATIENT)
    after = await four.scraped()

    def grew(name: str, **labels: str) -> float:
        key = labelled(**labels)
        return after[f"quorate_{name}"][key] - before.get(f"quorate_{name}", {}).get(key, 0.0)

    assert grew("deliberations_ended_total", reason="unanimity") == 1
    assert grew("deliberations_opened_total", by="self") == 1
    assert grew("deliberation_duration_seconds_count") == 1
    assert grew("rounds_total") == 1
    for stage in ("draft", "slate", "freeze", "outcome"):  # others may be over in one step
        assert grew("stage_duration_seconds_count", stage=stage) == 1
    assert grew("messages_signed_total", kind="prevote") >= 3
    assert grew("messages_signed_total", kind="precommit") >= 3
    assert grew("messages_received_total", kind="precommit") >= 6
    assert grew("members_missing_total", member="dave", stage="draft") == 1
    assert grew("members_missing_total", member="dave", stage="judge") == 1
    assert grew("model_calls_total", doing="draft", result="ok") == 1
    assert set(after["quorate_deliberations_running"].values()) == {0}


async def test_a_scrape_tells_of_links_store_ledger_and_queues(four: Four) -> None:
    found = await four.scraped()
    up = found["quorate_link_up"]
    assert up == {labelled(member=m): float(m != "dave") for m in ("bob", "carol", "dave")}
    assert found["quorate_members_reached"][labelled()] == 3
    assert found["quorate_members_quorum"][labelled()] == 3
    assert found["quorate_link_bytes_total"][labelled(member="bob", direction="in")] > 0
    assert found["quorate_store_bytes"][labelled()] > 0
    assert found["quorate_ledger_facts"][labelled()] >= 1
    queues = found["quorate_queue_depth"]
    assert {dict(labels)["queue"] for labels in queues} == {"events", "fetches", "lookups"}
    assert found["quorate_ready"][labelled()] == 1
    assert found["quorate_start_time_seconds"][labelled()] > 1e9


WORDS = {
    "member": {*MEMBERS, "other"},
    "kind": {kind.name.lower() for kind in Kind},
    "stage": {*STAGES, "open"},
    "point": {"slate", "freeze", "outcome"},
    "reason": {*REASONS, "expired", "abandoned"},
    "doing": {"draft", "judge"},
    "result": {"ok", "cancelled", *(failure.name.lower() for failure in Failure)},
    "direction": {"in", "out"},
}
"""What the labels may be whose values come from tasks and peers."""


async def test_every_sample_is_of_a_metric_in_the_table_and_no_label_grows_with_tasks(
    four: Four,
) -> None:
    opened = await four.grove.decide(*MEMBERS, **PATIENT)
    page = (await got(f"{four.monitor}/metrics")).text
    assert opened.id.hex()[:8] not in page
    known = {metric.name: set(metric.labels) for metric in ALL}
    for name, rows in samples(page).items():
        if not name.startswith("quorate_"):
            continue
        (of,) = {
            metric
            for metric in known
            if name.removesuffix("_total") == metric
            or name in {f"{metric}_bucket", f"{metric}_count", f"{metric}_sum"}
        }
        for labels in rows:
            assert {key for key, _ in labels} - {"le"} == known[of], name
            assert all(value in WORDS.get(key, {value}) for key, value in labels), labels
    assert four.grove.nodes["alice"].runner.figures.remembered() == 0


async def test_the_page_is_openmetrics_for_whoever_asks_for_it(four: Four) -> None:
    plain = await got(f"{four.monitor}/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    kind = "application/openmetrics-text; version=1.0.0"
    asked = await got(f"{four.monitor}/metrics", accept=kind)
    assert asked.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in openmetrics.text_string_to_metric_families(asked.text)}
    assert {metric.name for metric in ALL} <= names


async def test_requests_are_counted_by_declared_routes_alone(four: Four) -> None:
    for path in ("/v1/models", "/v1/models/quorate", "/v1/models/none-such", "/a", "/b"):
        await got(four.api + path)
    async with httpx.AsyncClient() as client:
        await client.request("BREW", f"{four.api}/v1/models")
    counts = (await four.scraped())["quorate_api_requests_total"]
    model = "/v1/models/{model:path}"
    assert counts[labelled(route="/v1/models", method="GET", status="200")] >= 1
    assert counts[labelled(route=model, method="GET", status="200")] >= 1
    assert counts[labelled(route=model, method="GET", status="404")] >= 1
    assert counts[labelled(route="none", method="GET", status="404")] >= 2
    assert any(dict(labels)["method"] == "other" for labels in counts)
    assert not any("none-such" in str(labels) for labels in counts)


async def test_metrics_on_the_apis_port_want_a_scrapers_key_and_health_none(four: Four) -> None:
    where = four.grove.home / "alice" / "api-keys.json"
    assert (await got(f"{four.api}/metrics")).status_code == 200
    scraper = (keys.Scope.METRICS,)
    secret = keys.add(where, "prometheus", entropy=SystemEntropy(), now_ms=0, may=scraper)
    asker = keys.add(where, "ann", entropy=SystemEntropy(), now_ms=0)
    try:
        assert (await got(f"{four.api}/metrics")).status_code == 401
        bearer = {"authorization": f"Bearer {secret}"}
        assert (await got(f"{four.api}/metrics", **bearer)).status_code == 200
        refused = await got(f"{four.api}/metrics", authorization=f"Bearer {asker}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "missing_scope")
        assert (await got(f"{four.api}/health/liveness")).json() == {"status": "alive"}
        ready = await got(f"{four.api}/health/readiness")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "missing": []})
    finally:
        where.unlink()


async def test_readiness_names_what_is_missing_and_comes_back(four: Four) -> None:
    grove, alice = four.grove, four.grove.nodes["alice"]
    drafts = alice.runner.figures.calls.copy()
    await grove.stop("carol")
    await alice.until(lambda: grove.key("carol") not in alice.mesh.up)
    told = await got(f"{four.monitor}/health/readiness")
    assert told.status_code == 503
    (lack,) = told.json()["missing"]
    assert lack["what"] == "links"
    assert lack["text"].endswith("3 are needed; not reached: carol, dave")
    assert (await four.scraped())["quorate_ready"][labelled()] == 0
    assert (await got(f"{four.monitor}/health/liveness")).status_code == 200
    await grove.start("carol")
    await grove.linked()
    assert (await got(f"{four.monitor}/health/readiness")).status_code == 200
    assert alice.runner.figures.calls == drafts  # nobody asked the model


async def test_readiness_sees_a_store_that_failed_a_disk_quota_and_a_node_that_is_full(
    four: Four, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = four.grove.nodes["alice"]
    url = f"{four.monitor}/health/readiness"

    async def missing() -> list[str]:
        return [lack["what"] for lack in (await got(url)).json()["missing"]]

    with monkeypatch.context() as patch:
        patch.setattr(alice._store, "_failure", "the disk is gone")
        assert await missing() == ["store"]
    with monkeypatch.context() as patch:
        patch.setattr(alice.runner.intake, "quota", type(alice.house.quota)(limit=1))
        assert await missing() == ["disk"]
    with monkeypatch.context() as patch:
        patch.setattr(alice.runner.entrance, "taking_part", lambda: alice.config.limits.tasks)
        assert await missing() == ["tasks"]
    assert await missing() == []


async def test_what_else_is_asked_of_the_monitors_port_is_told_what_is_there(four: Four) -> None:
    told = await got(f"{four.monitor}/v1/models")
    assert told.status_code == 404
    assert "/metrics, /health/liveness and /health/readiness" in told.json()["error"]


async def test_a_page_that_names_its_own_host_sees_nothing_of_a_node(four: Four) -> None:
    for url in (four.monitor, four.api):
        for path in ("/metrics", "/health/readiness"):
            told = await got(f"{url}{path}", host="rebound.example")
            assert told.status_code == 403 and "quorate_" not in told.text


async def test_a_form_that_there_is_not_gets_the_plain_page(four: Four) -> None:
    told = await got(f"{four.monitor}/metrics", accept="application/openmetrics-text;version=x")
    assert told.status_code == 200 and told.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "address", ["0.0.0.0:7490", "[::]:7490", "203.0.113.9:7490", "node.test:7490"]
)
async def test_an_address_that_others_reach_is_refused_unless_it_is_meant(
    four: Four, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    alice = four.grove.nodes["alice"]
    changed = msgspec.structs.replace(
        alice.config, api=config.ApiConfig(), metrics=MetricsConfig(listen=address)
    )
    monkeypatch.setattr(alice, "config", changed)
    with pytest.raises(SetupError, match=r"metrics\.exposed = true"):
        list(fronts(alice, clock=alice._clock, since_ms=0, stopping=lambda: False))


async def test_a_node_that_stops_is_alive_and_not_ready(tmp_path: Path) -> None:
    models = {"dave": {"delay_ms": 600_000}}
    async with Grove(tmp_path, "dave", models=models, limits=LimitsConfig(stop_s=60)) as grove:
        monitor = monitored(grove, "dave")
        await grove.start("dave")
        opened = grove.open("dave", grove.ask("dave", draft_ms=600_000))
        dave = grove.nodes["dave"]
        await dave.until(lambda: dave.runner.consultant.running)
        dave.stop()
        ready = await got(f"{monitor}/health/readiness")
        assert [lack["what"] for lack in ready.json()["missing"]] == ["stopping"]
        assert (await got(f"{monitor}/health/liveness")).status_code == 200
        found = samples((await got(f"{monitor}/metrics")).text)
        assert found["quorate_deliberations_running"][labelled(stage="draft")] == 1
        assert found["quorate_model_calls_running"][labelled()] == 1
        dave.runner.consultant.withdraw(dave.runner.live[opened.id])
        await grove.ended("dave")
