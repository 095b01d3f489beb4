"""Members that hang, stand still or fall silent: what it costs them, and what nobody else."""

import asyncio

from tests.harness.real_nodes import RealSwarm, quorate, told

QUICK = {"draft_ms": 1_000, "judge_ms": 1_000, "open_ms": 1_000}
"""Deadlines of seconds: in these tests somebody lets one pass."""


async def test_a_member_that_never_opens_costs_only_itself(orchard: RealSwarm) -> None:
    carol, others = orchard["carol"], orchard.but("carol")
    opened = await orchard["alice"].ask("who opens?", orchard.nodes.values(), rounds=1, **QUICK)
    async for event in orchard["bob"].events(opened):
        if event.kind == "judged" and event.detail["member"] == carol.me.public.hex():
            break  # dave's ballot is due only later: there is time to stop her
    carol.freeze()
    verdicts = await asyncio.gather(*(node.decided(opened) for node in others))
    carol.thaw()
    verdicts.append(await carol.decided(opened))
    assert len({event.detail["verdict"] for event in verdicts}) == 1
    assert verdicts[0].detail["answer"] is not None
    shown = told(quorate("verdict", "show", orchard["alice"].home, opened.task.hex(), "--json"))
    (round_,) = shown["rounds"]
    assert round_["strikes"] == [{"member": "carol", "reason": "unopened"}]
    assert shown["warnings"][0] == {"code": "degraded", "text": "carol: unopened"}


async def test_a_model_that_hangs_while_another_member_is_down_stalls_nobody(
    orchard: RealSwarm,
) -> None:
    orchard["carol"].kill()
    here = orchard.but("carol")
    opened = await orchard["alice"].ask("who hangs?", orchard.nodes.values(), rounds=3, **QUICK)
    verdicts = await asyncio.gather(*(node.decided(opened) for node in here))
    assert len({event.detail["verdict"] for event in verdicts}) == 1
    assert verdicts[0].round == 3
    text = dict(verdicts[0].detail["warnings"])["degraded"]
    dave = orchard["dave"].me.public.hex()[:8]
    assert f"{dave} drafted nothing: the model gave no draft in time" in text
    assert f"{dave} judged nothing: the model gave no judgment in time" in text
