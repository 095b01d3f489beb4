"""Committees of one, two and three, and what each says that it tolerates."""

from node.cli import exits
from tests.harness.real_nodes import Ran, RealSwarm, quorate


def ask(orchard: RealSwarm, *members: str, more: tuple[str, ...] = ()) -> Ran:
    """The first of `members` asks all of them."""
    chosen = [part for name in members for part in ("--member", name)]
    home = orchard[members[0]].home
    question = ("Which of the two?", "--options", "a,b", "--policy", "rounds=1", "--json")
    return quorate("ask", home, *question, *chosen, *more)


def codes(ran: Ran) -> list[str]:
    """The warnings' codes."""
    return [warning["code"] for warning in ran.data["warnings"]]


def test_one_member_decides_alone_and_says_that_nobody_judged(orchard: RealSwarm) -> None:
    ran = ask(orchard, "alice")
    assert ran.code == exits.OK, ran.err
    assert (ran.data["status"], ran.data["answer"]) == ("unjudged", "a")
    assert "a committee of one: nobody judges, and no fault is tolerated" in ran.err


def test_two_members_who_agree_decide(orchard: RealSwarm) -> None:
    ran = ask(orchard, "alice", "bob")
    assert ran.code == exits.OK, ran.err
    assert (ran.data["status"], ran.data["answer"]) == ("decided", "a")
    assert "all 2 members must take part; no fault is tolerated" in ran.err


def test_two_members_who_disagree_stay_undecided(orchard: RealSwarm) -> None:
    ran = ask(orchard, "alice", "carol")
    assert ran.code == exits.NEGATIVE, ran.err
    assert (ran.data["status"], ran.data["answer"]) == ("undecided", None)


def test_three_members_decide_and_tolerate_no_fault(orchard: RealSwarm) -> None:
    ran = ask(orchard, "carol", "alice", "bob")
    assert ran.code == exits.OK, ran.err
    assert "all 3 members must take part; no fault is tolerated" in ran.err
    assert "unmasked" in codes(ran)


def test_three_members_in_crash_mode_survive_one_death_and_say_what_the_mode_costs(
    orchard: RealSwarm,
) -> None:
    orchard["carol"].kill()
    ran = ask(orchard, "alice", "bob", "carol", more=("--mode", "crash"))
    assert ran.code == exits.OK, ran.err
    assert "any 1 of 3 members may fail" in ran.err
    assert {"degraded", "crash_mode", "unmasked"} <= set(codes(ran))
    assert ran.data["answer"] == "a"
