"""Streams of recorded questions as `make bench-stream` plays them, in small."""

from random import Random

from tests.bench.stream.play import play
from tests.bench.stream.recorded import cases, pools

FABLE = "with_fable"
"""The pool in which one member stands out: the first by name."""


def test_words_of_a_client_teach_who_is_good_and_silence_teaches_less() -> None:
    asked = cases(pools()[FABLE])[:40]
    ends = {}
    for told in (0.0, 1.0):
        steps = list(play(asked, told=told, rng=Random(1)))
        assert steps[0].scores == (5_000,) * 4
        ends[told] = steps[-1].scores
    best = ends[1.0].index(max(ends[1.0]))
    assert best == 0  # claude-fable-5, by the data's account
    assert ends[1.0][best] > ends[0.0][best]


def test_a_stream_is_a_function_of_its_seed() -> None:
    asked = cases(pools()[FABLE])[:10]
    one, other = (list(play(asked, told=0.5, rng=Random(3))) for _ in range(2))
    assert one == other
