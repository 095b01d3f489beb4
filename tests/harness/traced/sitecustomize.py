"""Puts down every file that a Python process opens; for tests, by way of PYTHONPATH.

Python imports this as any process begins whose PYTHONPATH holds this directory. The paths go
to a file of the process in the directory that TRACE_OPENED names, after its command line, one
JSON text a line.
"""

import json
import os
import sys
from pathlib import Path

_folder = os.environ.get("TRACE_OPENED")
_EVENTS = ("open", "sqlite3.connect")

if _folder:
    _path = Path(_folder, f"{os.getpid()}.jsonl")
    _trace = os.open(_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def _put(said: object) -> None:
        os.write(_trace, (json.dumps(said) + "\n").encode())

    def _hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in _EVENTS and isinstance(arguments[0], str | bytes | os.PathLike):
            _put(os.fsdecode(arguments[0]))

    _put(sys.orig_argv)
    sys.addaudithook(_hook)
