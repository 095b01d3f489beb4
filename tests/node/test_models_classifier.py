"""A classifier knows its own shard, says what it knows, and refuses what it cannot use."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from consensus.bodies import AnswerSpec, Preference, Proposal
from consensus.deliberation.requests import Dials
from node.models import registry
from node.models.base import Failure, ModelError, ModelSetupError
from node.models.classifier import Classifier
from node.models.estimators import Kind
from node.models.guard import Guarded
from node.models.shard import Shard, read_shard
from tests.harness.requests import NUMBER, TEXT, case, draft_request, entry, judge_request, labels

KINDS: tuple[Kind, ...] = get_args(Kind)
FRUIT = labels("apple", "pear", "quince")


def write(path: Path, x: Any, y: Any, mode: int = 0o600, **more: Any) -> Path:
    with path.open("wb") as file:
        np.savez(file, x=np.asarray(x), y=np.asarray(y), **more)
    path.chmod(mode)
    return path


def clusters(names: tuple[str, ...] = ("apple", "pear"), rows: int = 20) -> tuple[Any, Any]:
    """Well separated clouds in the plane, one a name, around (0, 0), (4, 4), (8, 8), ..."""
    random = np.random.default_rng(1)
    x = [random.normal(4 * place, 0.5, (rows, 2)) for place in range(len(names))]
    return np.concatenate(x), np.repeat(names, rows)


@pytest.fixture
def alices_shard(tmp_path: Path) -> Path:
    return write(tmp_path / "alice.npz", *clusters())


async def opened(path: Path, kind: Kind = "logistic") -> Guarded:
    return await registry.load("classifier", {"kind": kind, "shard": path.name}, path.parent)


def near_pear(spec: AnswerSpec = FRUIT) -> Any:
    return draft_request(case(spec, vector=(3.9, 4.1)))


# -- drafts ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_drafts_a_sound_belief_and_declares_what_it_never_met(
    alices_shard: Path, kind: Kind
) -> None:
    model = await opened(alices_shard, kind)
    proposal = await model.draft(near_pear())
    assert proposal.answer == "pear"
    assert sum(proposal.belief) == 10_000
    assert proposal.confidence == max(proposal.belief) == proposal.belief[1]
    assert (proposal.belief[2], proposal.unseen) == (0, (2,))
    assert model.describe().family == kind
    await model.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_shard_and_seed_give_the_same_model(alices_shard: Path, kind: Kind) -> None:
    first = await (await opened(alices_shard, kind)).draft(near_pear())
    assert await (await opened(alices_shard, kind)).draft(near_pear()) == first


async def test_integer_labels_meet_options_of_the_same_spelling(tmp_path: Path) -> None:
    x, y = clusters(("a", "b"))
    path = write(tmp_path / "bob.npz", x, (y == "b").astype(int) + 3)
    proposal = await (await opened(path)).draft(near_pear(labels("3", "4")))
    assert (proposal.answer, proposal.unseen) == ("4", ())


async def test_labels_that_are_no_option_are_conditioned_away(tmp_path: Path) -> None:
    path = write(tmp_path / "carol.npz", *clusters(("apple", "pear", "plum")))
    proposal = await (await opened(path)).draft(near_pear(labels("apple", "pear")))
    assert sum(proposal.belief) == 10_000
    assert proposal.answer == "pear"


@pytest.mark.parametrize(
    ("spec", "vector", "why"),
    [
        (FRUIT, (), "holds 0 feature vectors where one is needed"),
        (FRUIT, (1.0,), "has 1 numbers, this model was trained on 2"),
        (labels("7", "8"), (1.0, 2.0), "none of the task's 2 options is a label of this model"),
        (NUMBER, (1.0, 2.0), "answers with an option, not with a number"),
        (TEXT, (1.0, 2.0), "answers with an option, not with a text"),
    ],
)
async def test_a_case_it_cannot_take_is_refused_by_name(
    alices_shard: Path, spec: AnswerSpec, vector: tuple[float, ...], why: str
) -> None:
    model = await opened(alices_shard)
    with pytest.raises(ModelError, match=why) as caught:
        await model.draft(draft_request(case(spec, vector=vector)))
    assert caught.value.failure is Failure.CASE
    with pytest.raises(ModelError, match=why):
        await model.judge(judge_request(case(spec, vector=vector), {"A": "apple"}))


class Estimator:
    """A fitted estimator that answers as it is told: scikit-learn's own cannot be made to."""

    classes_ = np.array(["apple", "pear"])

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def predict_proba(self, x: Any) -> Any:
        return self._answer


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ([[np.nan, 1.0]], "hold NaN or infinity"),
        ([[np.inf, 0.0]], "hold NaN or infinity"),
        ([[0.2, 0.3, 0.5]], r"have shape \(1, 3\), not \(1, 2\)"),
        ([0.5, 0.5], r"have shape \(2,\)"),
        ([[-0.5, 1.5]], "negative or sum to 1, not 1"),
        ([[0.5, 0.6]], "negative or sum to 1.1, not 1"),
    ],
)
async def test_unsound_probabilities_are_an_error_and_never_an_answer(
    answer: Any, why: str
) -> None:
    x, y = clusters()
    shard = Shard(x=x, y=y, labels=("apple", "pear"))
    model = Guarded("classifier", Classifier(Estimator(answer), kind="logistic", shard=shard))
    with pytest.raises(ModelError, match=why) as caught:
        await model.draft(near_pear())
    assert caught.value.failure is Failure.ANSWER
    await model.close()


async def test_no_probability_left_on_any_option_is_an_error() -> None:
    x, y = clusters()
    shard = Shard(x=x, y=y, labels=("apple", "pear"))
    model = Classifier(Estimator([[0.0, 1.0]]), kind="logistic", shard=shard)
    with pytest.raises(ModelError, match="believes in none of the task's options"):
        await model.draft(near_pear(labels("apple", "quince")))


# -- rounds and judgments -------------------------------------------------------------


async def test_from_the_second_round_on_it_pools_what_the_record_shows(alices_shard: Path) -> None:
    model = await opened(alices_shard)
    first = await model.draft(near_pear())
    quince = Proposal(answer="quince", belief=(0, 0, 10_000))
    record = (entry(first, own=True), entry(quince), entry(quince))
    second = await model.draft(
        draft_request(near_pear().case, round=2, record=record, dials=Dials(contentiousness=4_000))
    )
    assert second.answer == "quince"
    assert second.unseen == ()
    assert 0 < second.belief[1] < first.belief[1]


async def test_it_judges_by_the_belief_of_its_own_draft(alices_shard: Path) -> None:
    model = await opened(alices_shard)
    own = Proposal(answer="apple", belief=(6_000, 3_000, 1_000))
    request = judge_request(near_pear().case, {"A": "pear", "B": "quince", "C": "apple"}, own=own)
    judgment = await model.judge(request)
    assert {(p.first, p.second): p.confidence for p in judgment.pairs} == {
        ("A", "B"): 2_000,
        ("A", "C"): 3_000,
        ("B", "C"): 5_000,
    }


async def test_without_an_own_draft_it_judges_by_a_fresh_belief(alices_shard: Path) -> None:
    model = await opened(alices_shard)
    judgment = await model.judge(judge_request(near_pear().case, {"A": "apple", "B": "pear"}))
    assert judgment.pairs[0].preference is Preference.SECOND
    assert [mark.endorsement > 0 for mark in judgment.marks] == [False, True]


async def test_a_label_it_never_met_is_left_out_rather_than_ranked_last(
    alices_shard: Path,
) -> None:
    model = await opened(alices_shard)
    own = await model.draft(near_pear())
    request = judge_request(near_pear().case, {"A": "apple", "B": "quince", "C": "pear"}, own=own)
    judgment = await model.judge(request)
    assert [(pair.first, pair.second) for pair in judgment.pairs] == [("A", "C")]
    assert [mark.letter for mark in judgment.marks] == ["A", "C"]


async def test_many_calls_at_once_leave_the_event_loop_free(alices_shard: Path) -> None:
    model = await opened(alices_shard, "random_forest")
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    clock = asyncio.ensure_future(tick())
    proposals = await asyncio.gather(*(model.draft(near_pear()) for _ in range(20)))
    clock.cancel()
    assert len({proposal.belief for proposal in proposals}) == 1
    # Calls that blocked the loop would all be over in its first turn, and the test be back in
    # its third; from a thread an answer takes two turns more, however slow or fast it comes.
    assert ticks > 3


async def test_the_numerical_libraries_run_on_one_thread(alices_shard: Path) -> None:
    program = (
        "import asyncio, json, sys, pathlib\n"
        "from node.models.classifier import Classifier\n"
        "from threadpoolctl import threadpool_info\n"
        "async def main():\n"
        "    path = pathlib.Path(sys.argv[1])\n"
        "    model = await Classifier.open({'kind': 'logistic', 'shard': path.name}, path.parent)\n"
        "    loop = asyncio.get_running_loop()\n"
        "    info = await loop.run_in_executor(model._worker, threadpool_info)\n"
        "    print(json.dumps([(pool['prefix'], pool['num_threads']) for pool in info]))\n"
        "asyncio.run(main())\n"
    )
    pools = json.loads(_run(program, alices_shard))
    assert pools
    assert {threads for _, threads in pools} == {1}


# -- shards ---------------------------------------------------------------------------


async def refusal(path: Path) -> str:
    with pytest.raises(ModelSetupError) as caught:
        await opened(path)
    return str(caught.value)


async def test_a_shard_of_one_class_is_refused_with_what_to_do(tmp_path: Path) -> None:
    text = await refusal(write(tmp_path / "bob.npz", *clusters(("apple",))))
    assert "bob.npz holds one class only ('apple')" in text
    assert "add examples of another" in text


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
async def test_a_shard_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "bob.npz", *clusters(), mode=mode)
    text = await refusal(path)
    assert f"mode {mode:04o}" in text
    assert f"run: chmod 600 {path}" in text


@pytest.mark.parametrize(
    ("x", "y", "why"),
    [
        (np.zeros((0, 2)), np.zeros(0, int), "holds no rows"),
        (np.zeros((3, 0)), np.arange(3), "has 0 features a row"),
        (np.zeros(3), np.arange(3), "has x of 1 dimensions"),
        (np.array([["1"], ["2"]]), np.arange(2), "has x of 2 dimensions and type <U1"),
        (np.zeros((3, 2)), np.arange(2), r"has y of shape (2,) and type int64 for 3 rows"),
        (np.zeros((2, 2)), np.array([0.5, 1.5]), "type float64"),
        ([[0, 1], [np.nan, 1], [np.inf, 2]], np.arange(3), "NaN or infinity in 2 of 3 rows, first"),
        (np.zeros((2, 2)), np.array(["a", "a "]), "padded with space"),
        (np.zeros((2, 2)), np.array(["a", ""]), "empty"),
        (np.zeros((257, 2)), np.arange(257), "has 257 distinct labels"),
    ],
)
async def test_a_malformed_table_is_refused_by_name(
    tmp_path: Path, x: Any, y: Any, why: str
) -> None:
    assert why in await refusal(write(tmp_path / "bob.npz", x, y))


def test_as_many_labels_as_a_task_has_options_are_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "bob.npz", np.zeros((256, 2)), np.arange(256))
    assert len(read_shard(path).labels) == 256


async def test_a_shard_with_pickled_objects_is_refused_and_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "sprung"),)

    path = write(tmp_path / "mallory.npz", np.array([Trap(), Trap()]), np.arange(2))
    assert "is not a readable .npz: Object arrays cannot be loaded" in await refusal(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.npz", b"", "is not a readable .npz"),
        ("a.npz", b"PK\x03\x04 and no archive", "is not a readable .npz"),
        ("a.npz", b"pixels", "is not a readable .npz"),
        ("a.txt", b"pixels", "is neither .npz nor .csv"),
        ("a.csv", b"", "has no header with one column 'label'"),
        ("a.csv", b"x,y\n1,2\n", "has no header with one column 'label'"),
        ("a.csv", b"label,x,label\na,1,b\n", "has no header with one column 'label'"),
        ("a.csv", b"x,label\n1,a\n2\n", "line 3 has 1 of 2 columns"),
        ("a.csv", b"x,label\n1,a\ntwo,b\n", "line 3: could not convert string to float: 'two'"),
        ("a.csv", b"x,label\n1,a\nnan,b\n", "NaN or infinity in 1 of 2 rows"),
        ("a.csv", b'x,label\n"1,a\n', "is not readable CSV"),
        ("a.csv", b"x,label\n1,\xff\n", "is not readable CSV"),
    ],
)
async def test_a_file_of_another_shape_is_refused_by_name(
    tmp_path: Path, name: str, data: bytes, why: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    path.chmod(0o600)
    assert why in await refusal(path)


async def test_missing_files_and_arrays_are_named(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in await refusal(tmp_path / "gone.npz")
    path = tmp_path / "half.npz"
    with path.open("wb") as file:
        np.savez(file, x=np.zeros((2, 2)))
    path.chmod(0o600)
    assert "lacks the array y" in await refusal(path)
    with path.open("wb") as file:
        np.save(file, np.zeros((2, 2)))
    assert "one bare array" in await refusal(path)


async def test_a_csv_shard_trains_the_same_model_as_an_npz(
    tmp_path: Path, alices_shard: Path
) -> None:
    x, y = clusters()
    rows = [
        "u,label,v",
        *(f"{a!r},{name},{b!r}" for (a, b), name in zip(x.tolist(), y, strict=True)),
    ]
    path = tmp_path / "alice.csv"
    path.write_text("\n".join(rows) + "\n")
    path.chmod(0o600)
    from_csv = await (await opened(path)).draft(near_pear())
    assert from_csv == await (await opened(alices_shard)).draft(near_pear())


async def test_wrong_options_are_named(alices_shard: Path) -> None:
    for options, why in (
        ({"kind": "oracle", "shard": "alice.npz"}, "Invalid enum value 'oracle'"),
        ({"kind": "logistic"}, "missing required field `shard`"),
        ({"kind": "logistic", "shard": "alice.npz", "seed": "x"}, "Expected `int`"),
    ):
        with pytest.raises(ModelSetupError, match=why):
            await registry.load("classifier", options, alices_shard.parent)


def test_a_model_opens_no_shard_but_its_own(tmp_path: Path) -> None:
    """The demonstration's five files lie side by side; one model's opens are all traced."""
    names = ("alice", "bob", "carol", "dave", "mallory")
    paths = [write(tmp_path / f"{name}.npz", *clusters()) for name in names]
    program = (
        "import asyncio, json, sys, pathlib\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) "
        "if event in ('open', 'os.listdir', 'os.scandir') else None)\n"
        "from node.models import registry\n"
        "from consensus.bodies import AnswerKind, AnswerSpec, Content\n"
        "from consensus.deliberation.requests import Case, Dials, DraftRequest\n"
        "async def main():\n"
        "    path = pathlib.Path(sys.argv[1])\n"
        "    options = {'kind': 'logistic', 'shard': path.name}\n"
        "    model = await registry.load('classifier', options, path.parent)\n"
        "    spec = AnswerSpec(kind=AnswerKind.LABEL, options=('apple', 'pear'))\n"
        "    case = Case(messages=(Content(vector=(4.0, 4.0)),), answer=spec, domain='')\n"
        "    await model.draft(DraftRequest(case=case, round=1, record=(), dials=Dials(),\n"
        "                                   deadline_ms=60000))\n"
        "    await model.close()\n"
        "asyncio.run(main())\n"
        "folder = str(pathlib.Path(sys.argv[1]).parent)\n"
        "print(json.dumps(sorted({path for path in opened if folder in path})))\n"
    )
    assert json.loads(_run(program, paths[1])) == [str(paths[1])]


def _run(program: str, *args: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, args)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
