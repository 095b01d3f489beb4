"""The kinds of estimator a classifier can be, each imported only if it is the one.

Every kind trains in about a second on some hundreds of rows, gives probabilities for one row
in a few milliseconds on one core, and repeats itself for the same seed and shard.
"""

from typing import Any, Literal, assert_never

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Kind = Literal[
    "logistic", "naive_bayes", "neighbours", "random_forest", "gradient_boosting", "perceptron"
]
"""The kinds by the name that the configuration uses."""

NEIGHBOURS = 5
"""How many neighbours vote, or all rows if a shard has fewer."""
TREES = 60
"""Trees of a forest: one row costs about 45 us a tree, and accuracy is flat from here on."""
STAGES = 30
"""Boosting stages; each is one tree of depth 2 a label."""


def make(kind: Kind, *, seed: int, rows: int) -> Any:
    """An unfitted estimator of `kind` for a shard of `rows` rows."""
    match kind:
        case "logistic":
            from sklearn.linear_model import LogisticRegression

            return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
        case "naive_bayes":
            from sklearn.naive_bayes import GaussianNB

            # A tenth of the largest variance on every feature: pixels that are constant
            # within a label would otherwise decide alone, and with full certainty.
            return make_pipeline(StandardScaler(), GaussianNB(var_smoothing=0.1))
        case "neighbours":
            from sklearn.neighbors import KNeighborsClassifier

            voters = KNeighborsClassifier(min(NEIGHBOURS, rows), weights="distance")
            return make_pipeline(StandardScaler(), voters)
        case "random_forest":
            from sklearn.ensemble import RandomForestClassifier

            return RandomForestClassifier(TREES, random_state=seed, n_jobs=1)
        case "gradient_boosting":
            from sklearn.ensemble import GradientBoostingClassifier

            return GradientBoostingClassifier(n_estimators=STAGES, max_depth=2, random_state=seed)
        case "perceptron":
            from sklearn.neural_network import MLPClassifier

            net = MLPClassifier((32,), max_iter=400, random_state=seed)
            return make_pipeline(StandardScaler(), net)
    assert_never(kind)
