"""Whether another round would help: signals, stop rules and dials (rules P1 to P3)."""

from .assess import Plateau, assess
from .dials import Dials
from .stop import Reason

__all__ = ["Dials", "Plateau", "Reason", "assess"]
