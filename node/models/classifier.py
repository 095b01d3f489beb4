"""The `classifier` backend: a scikit-learn estimator trained on this node's own shard.

It opens one file, its shard, at start, and keeps nothing of it but the fitted estimator. Its
draft is the likeliest option with the whole distribution as belief; from the second round on
it pools its belief with its peers' (`opinion.pool`). It judges others' answers by what it
believes at that point (`opinion.judge_by_belief`).
"""

import asyncio
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from consensus.bodies import Proposal
from consensus.deliberation.requests import Case, DraftRequest, JudgeRequest, Judgment

from .base import Description, Failure, ModelError, ModelSetupError
from .estimators import Kind, make
from .opinion import Opinion, candidate_options, judge_by_belief, of_proposal, pool, stated
from .registry import read_options
from .shard import Shard, read_shard

NAME = "classifier"
"""The backend's name in configuration and errors."""
SUM_TOLERANCE = 1e-6
"""How far from 1 an estimator's probabilities may sum: single precision, many labels."""


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of a classifier: `kind`, `shard` (path of the file), `seed` of training."""

    kind: Kind
    shard: str
    seed: int = 0


class Classifier:
    """A fitted estimator as a model. All work runs on one thread of its own, in order."""

    def __init__(self, estimator: Any, *, kind: str, shard: Shard, remarks: str = "") -> None:
        self._estimator = estimator
        self._kind = kind
        self._features = shard.x.shape[1]
        # The estimator's own order of columns is what its probabilities come in.
        self._labels = tuple(str(label) for label in estimator.classes_)
        self._detail = {
            "rows": str(len(shard.x)),
            "features": str(self._features),
            "labels": ", ".join(shard.labels),
        }
        if remarks:
            self._detail["remarks"] = remarks
        self._worker = _worker()

    @classmethod
    async def open(cls, options: Mapping[str, object], base: Path) -> Self:
        """Read the shard and train on it. Raises `ModelSetupError`."""
        chosen = read_options(NAME, options, Options)
        path = base / chosen.shard
        worker = _worker()
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(worker, cls.train, path, chosen.kind, chosen.seed)
        finally:
            worker.shutdown(wait=False)

    @classmethod
    def train(cls, path: Path, kind: Kind, seed: int = 0) -> Self:
        """Train `kind` on the shard at `path`, on the calling thread."""
        shard = read_shard(path)
        estimator = make(kind, seed=seed, rows=len(shard.x))
        with warnings.catch_warnings(record=True) as raised:
            warnings.simplefilter("always")
            try:
                estimator.fit(shard.x, shard.y)
            except ValueError as error:
                raise ModelSetupError(
                    f"shard file {path} cannot train a {kind} classifier: {error}; change the "
                    "file or the option `kind`"
                ) from error
        remarks = "; ".join(sorted({str(warning.message) for warning in raised}))
        return cls(estimator, kind=kind, shard=shard, remarks=remarks)

    async def draft(self, request: DraftRequest) -> Proposal:
        """The likeliest option, with the distribution over all as belief."""
        spec = request.case.answer
        own = stated(request.record, spec) or await self._opinion("draft", request.case)
        opinion = pool(own, request.record, request.dials, spec)
        belief = opinion.belief
        best = belief.index(max(belief))
        return Proposal(
            answer=spec.options[best],
            belief=belief,
            confidence=belief[best],
            unseen=opinion.unseen,
        )

    async def judge(self, request: JudgeRequest) -> Judgment:
        """Compare by the belief of this round's own draft, or by a fresh one without it."""
        own = None if request.own is None else of_proposal(request.own, request.case.answer)
        if own is None:
            own = await self._opinion("judge", request.case)
        return judge_by_belief(own.belief, candidate_options(request, own), request)

    def describe(self) -> Description:
        """The kind of estimator is the family: what two nodes share of it, they share wholly."""
        return Description(family=self._kind, name=NAME, detail=self._detail)

    async def close(self) -> None:
        """Let the thread go."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def _opinion(self, doing: str, case: Case) -> Opinion:
        options = case.answer.options
        vector = self._vector(doing, case)
        loop = asyncio.get_running_loop()
        row = await loop.run_in_executor(self._worker, self._probabilities, vector)
        shares = self._on_options(doing, self._validated(doing, row), options)
        known = set(self._labels)
        return Opinion(shares=shares, known=tuple(option in known for option in options))

    def _vector(self, doing: str, case: Case) -> tuple[float, ...]:
        if not case.answer.options:
            kind = case.answer.kind
            raise _case_error(doing, f"a classifier answers with an option, not with a {kind}")
        vectors = [part.vector for part in case.messages if part.vector]
        if len(vectors) != 1:
            raise _case_error(
                doing, f"the case holds {len(vectors)} feature vectors where one is needed"
            )
        if len(vectors[0]) != self._features:
            raise _case_error(
                doing,
                f"the case's vector has {len(vectors[0])} numbers, this model was trained on "
                f"{self._features}",
            )
        if not set(self._labels) & set(case.answer.options):
            raise _case_error(
                doing,
                f"none of the task's {len(case.answer.options)} options is a label of this model",
            )
        return vectors[0]

    def _probabilities(self, vector: Sequence[float]) -> NDArray[Any]:
        return np.asarray(self._estimator.predict_proba(np.asarray([vector], dtype=np.float64)))

    def _validated(self, doing: str, rows: NDArray[Any]) -> list[float]:
        """The one row of probabilities; whatever else an estimator returns is an error."""
        fault = ""
        if rows.shape != (1, len(self._labels)):
            fault = f"probabilities have shape {rows.shape}, not (1, {len(self._labels)})"
        elif not np.isfinite(rows).all():
            fault = "probabilities hold NaN or infinity"
        elif (rows < 0).any() or abs(float(rows.sum()) - 1) > SUM_TOLERANCE:
            fault = f"probabilities are negative or sum to {float(rows.sum()):.6g}, not 1"
        if fault:
            cause = f"the {self._kind} estimator's {fault}"
            raise ModelError(model=NAME, doing=doing, failure=Failure.ANSWER, cause=cause)
        return [float(share) for share in rows[0]]

    def _on_options(
        self, doing: str, row: Sequence[float], options: Sequence[str]
    ) -> tuple[float, ...]:
        """The distribution over labels, given that the answer is one of `options`."""
        share = dict(zip(self._labels, row, strict=True))
        shares = [share.get(option, 0.0) for option in options]
        total = sum(shares)
        if not total:
            raise _case_error(doing, "this model believes in none of the task's options")
        return tuple(value / total for value in shares)


def _case_error(doing: str, cause: str) -> ModelError:
    return ModelError(model=NAME, doing=doing, failure=Failure.CASE, cause=cause)


def _worker() -> ThreadPoolExecutor:
    """One thread, with the numerical libraries held to that one.

    Several nodes share a machine's cores, and single rows are too small to be divided. The
    OpenMP limit belongs to a thread, so it is set on the one that works.
    """
    return ThreadPoolExecutor(
        max_workers=1, thread_name_prefix=NAME, initializer=threadpool_limits, initargs=(1,)
    )
