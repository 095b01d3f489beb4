"""Whether another round would help: signals, stop rules, dials and alarms (rules P1 to P4)."""

from .assess import Plateau, assess
from .dials import Dials
from .stop import Reason

__all__ = ["Dials", "Plateau", "Reason", "assess"]
