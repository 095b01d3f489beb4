"""Runs the checks of the golden vectors on every other supported interpreter that this machine has.

Found are `pythonX.Y` on the PATH and what pyenv installed; a command that does not start (a
pyenv shim without a version behind it) is no interpreter.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13")


def interpreters(version: str) -> Iterator[str]:
    """Commands that may run Python `version`, the likeliest first."""
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for found in sorted(pyenv.glob(f"versions/{version}.*/bin/python")):
        yield str(found)


def works(command: str, version: str) -> bool:
    """Whether `command` starts and is Python `version`."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    ran = subprocess.run([command, "-c", code], capture_output=True, text=True, check=False)
    return ran.returncode == 0 and ran.stdout.strip() == version


def main() -> int:
    """Number of interpreters on which a vector differs."""
    here = Path(__file__).parents[2]
    failed = 0
    for version in SUPPORTED:
        command = next((one for one in interpreters(version) if works(one, version)), None)
        if command is None:
            sys.stdout.write(f"golden vectors: no Python {version} here\n")
            continue
        for module in ("tests.vectors.check", "tests.vectors.check_tally"):
            check = [command, "-B", "-W", "error", "-m", module]
            failed += subprocess.run(check, cwd=here, check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
