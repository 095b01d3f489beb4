"""What a node remembers across restarts: its own signed envelopes before anything else (A13).

`Store` is the contract; `SqliteStore` keeps it on disk for a daemon, `MemoryStore` in memory
for the simulator. `SqliteStore` is imported by name from `.sqlite`, so that who only needs
the contract loads no database.
"""

from .contract import (
    BadReference,
    FactConflict,
    SlotConflict,
    Store,
    StoreConflict,
    StoreError,
    StoreInUse,
    StoreTooNew,
    TaskConflict,
    VerdictConflict,
)
from .memory import MemoryStore
from .records import (
    Batch,
    Closed,
    FactRow,
    Pruned,
    PruneRule,
    Role,
    Slot,
    TaskBrief,
    TaskRow,
    TaskState,
    Toll,
    VerdictEntry,
    VerdictRow,
)

__all__ = [
    "BadReference",
    "Batch",
    "Closed",
    "FactConflict",
    "FactRow",
    "MemoryStore",
    "PruneRule",
    "Pruned",
    "Role",
    "Slot",
    "SlotConflict",
    "Store",
    "StoreConflict",
    "StoreError",
    "StoreInUse",
    "StoreTooNew",
    "TaskBrief",
    "TaskConflict",
    "TaskRow",
    "TaskState",
    "Toll",
    "VerdictConflict",
    "VerdictEntry",
    "VerdictRow",
]
