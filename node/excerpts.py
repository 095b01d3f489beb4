"""What an outcome's figures call an answer, and what people are shown of it.

Figures name a class of answers by its canonical form, a long or free text by its hash; `excerpt`
is then how it begins.
"""

from collections.abc import Mapping
from typing import Any


def called(class_: Mapping[str, Any]) -> str:
    """What is shown of the answers of one class."""
    shown: str = class_["excerpt"] or class_["answer"]
    return shown


def shown_answers(tally: Mapping[str, Any]) -> dict[str, str]:
    """What is shown of each class of a tally, by its name."""
    return {item["answer"]: called(item) for item in tally["classes"]}
