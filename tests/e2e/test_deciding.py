"""A question put to real nodes by the command, and the verdict in a stranger's hands."""

import json
import signal
from pathlib import Path

from node.cli import exits
from tests.harness.real_nodes import Command, RealSwarm, quorate, told

QUESTION = ("Which of the two?", "--options", "a,b", "--policy", "rounds=1")


def test_four_nodes_decide_and_a_fresh_process_verifies_the_exported_verdict(
    orchard: RealSwarm, tmp_path: Path
) -> None:
    asked = quorate("ask", orchard["alice"].home, *QUESTION, "--json")
    assert asked.code == exits.OK, asked.err
    assert asked.data["answer"] in ("a", "b")
    assert next(iter(asked.data)) == "warnings"
    assert "unmasked" not in [item["code"] for item in asked.data["warnings"]]
    assert "any 1 of 4 members may fail" in asked.err
    for done in ("accepted", "drafted", "shown", "judged", "opened"):
        assert f"{done} by " in asked.err
    assert "Round 1, the last: the policy allows no more rounds" in asked.err

    file = tmp_path / "verdict.json"
    wrote = quorate("verdict", "export", orchard["bob"].home, asked.data["verdict"], "--to", file)
    assert wrote.code == exits.OK, wrote.err
    assert file.stat().st_mode & 0o777 == 0o644
    checked = quorate("verify", file, "--federation", orchard.federation_path, "--json")
    assert checked.code == exits.OK, checked.out
    (found,) = checked.data
    assert (found["state"], found["verdict"]) == ("valid", asked.data["verdict"])
    assert found["answer"] == asked.data["answer"]


def test_every_member_holds_the_same_verdict_and_shows_it(orchard: RealSwarm) -> None:
    asked = told(quorate("ask", orchard["carol"].home, *QUESTION, "--json"))
    for node in orchard.nodes.values():
        shown = quorate("verdict", "show", node.home, asked["task"][:16], "--json")
        assert shown.code == exits.OK, shown.err
        assert shown.data["verdict"] == asked["verdict"]
        assert shown.data["opener"] == "carol"
        (round_,) = shown.data["rounds"]
        assert {item["answer"]: item["members"] for item in round_["standings"]} == {
            "a": ["alice", "bob"],
            "b": ["carol", "dave"],
        }


def test_asking_goes_on_with_another_member_when_the_opener_is_killed(orchard: RealSwarm) -> None:
    alice, late = orchard["alice"], (orchard["carol"], orchard["dave"])
    for node in late:  # two of four decide nothing: the task stays open for as long
        node.freeze()
    asking = Command("ask", alice.home, *QUESTION, "--json")
    asking.until(lambda: any("is open" in line for line in asking.err))
    alice.kill()
    asking.until(lambda: any("going on with" in line for line in asking.err))
    for node in late:
        node.thaw()
    asked = asking.end()
    assert asked.code == exits.OK, asked.err
    verdict = told(asked)
    assert verdict["told_by"] != "alice"
    alice.start()
    alice.ready()
    alice.linked({"bob", "carol", "dave"})
    again = quorate("ask", alice.home, "--task", verdict["task"], "--json")
    assert again.code == exits.OK, again.err
    assert (again.data["told_by"], again.data["verdict"]) == ("alice", verdict["verdict"])


def test_a_finished_task_is_told_by_others_while_its_node_is_down(orchard: RealSwarm) -> None:
    bob = orchard["bob"]
    asked = told(quorate("ask", bob.home, *QUESTION, "--json"))
    bob.kill()
    joined = quorate("ask", bob.home, "--task", asked["task"][:12])
    assert joined.code == exits.OK, joined.err
    assert "no node answers at" in joined.err
    assert "going on with" in joined.err
    assert asked["verdict"] in joined.out
    assert "says so. Once bob runs again, export and verify it." in joined.out


def test_what_a_node_refuses_to_ask_is_said_in_one_line(orchard: RealSwarm) -> None:
    home = orchard["alice"].home
    ran = quorate("ask", home, "Which?", "--options", "a,b", "--timeout", "90000")
    assert (ran.code, ran.out) == (exits.UNUSABLE, "")
    assert ran.err == "quorate: a task lives 1 to 86400 s, not 90000\n"


def test_a_case_that_no_task_can_hold_is_refused(orchard: RealSwarm, tmp_path: Path) -> None:
    case = tmp_path / "case.json"
    for parts in (30, 10):  # past what the socket takes, and past what a TaskOpen takes
        message = {"vector": [0.5] * 60_000}
        case.write_text(json.dumps({"messages": [message] * parts}))
        ran = quorate("ask", orchard["alice"].home, "--options", "a,b", "--case", case)
        assert (ran.code, ran.out) == (exits.UNUSABLE, "")
        assert ran.err.count("\n") == 1
        assert "4194304" in ran.err


def test_status_and_doctor_tell_how_a_running_node_is(orchard: RealSwarm) -> None:
    home = orchard["alice"].home
    shown = quorate("status", home, "--json")
    assert shown.code == exits.OK, shown.err
    assert [peer["up"] for peer in shown.data["peers"]] == [True] * 3
    assert "any 1 of 4" not in quorate("status", home).out
    checked = quorate("doctor", home, "--json")
    levels = {item["name"]: item["level"] for item in checked.data}
    assert set(levels.values()) == {"ok"}, checked.out
    assert {"member bob", "quorum", "clock", "port"} <= set(levels)
    assert checked.code == exits.OK


def test_leaving_a_question_leaves_the_task_to_its_committee(orchard: RealSwarm) -> None:
    alice, late = orchard["alice"], (orchard["carol"], orchard["dave"])
    for node in late:
        node.freeze()
    asking = Command("ask", alice.home, *QUESTION)
    asking.until(lambda: any("is open" in line for line in asking.err))
    asking.process.send_signal(signal.SIGINT)
    left = asking.end()
    for node in late:
        node.thaw()
    assert (left.code, left.out) == (exits.INTERRUPTED, "")
    again = left.err.rpartition("Follow it again: quorate ")[2].split()
    joined = told(quorate(*again, "--json"))
    assert joined["answer"] in ("a", "b")
