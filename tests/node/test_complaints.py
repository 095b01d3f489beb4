"""What peers send amiss, in the log: a flood of messages is no flood of lines (T3)."""

from node.complaints import QUIET_MS, Complaints
from tests.harness.loglines import captured


class Hand:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def test_the_same_is_said_once_in_a_while_with_how_often_it_was_kept_quiet() -> None:
    hand = Hand()
    complaints = Complaints(hand)
    with captured() as lines:
        for _ in range(1_000):
            complaints.about("mallory", "bad_signature", "the signature does not hold")
        hand.now = QUIET_MS - 1
        complaints.about("mallory", "bad_signature", "the signature does not hold")
        hand.now = QUIET_MS
        complaints.about("mallory", "bad_signature", "and again")
    assert [(line["member"], line["code"], line["unsaid"]) for line in lines] == [
        ("mallory", "bad_signature", 0),
        ("mallory", "bad_signature", 1_000),
    ]
    assert lines[1]["reason"] == "and again"


def test_another_member_or_another_code_is_news() -> None:
    complaints = Complaints(Hand())
    with captured() as lines:
        complaints.about("mallory", "oversize", "too large")
        complaints.about("mallory", "malformed", "cut short")
        complaints.about("trent", "oversize", "too large")
    assert [(line["member"], line["code"]) for line in lines] == [
        ("mallory", "oversize"),
        ("mallory", "malformed"),
        ("trent", "oversize"),
    ]
