"""The rooms and what they may know (ARCHITECTURE), and that breaking it is noticed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.layering import HEAVY, imports, sources, violations

ROOT = Path(__file__).parents[1]


def test_every_room_knows_only_what_it_may() -> None:
    tree = sources(ROOT)
    assert len(tree) > 20
    assert violations(tree) == []


@pytest.mark.parametrize(
    ("path", "source", "said"),
    [
        ("consensus/x.py", "import time", "time is not on the pure packages' allow-list"),
        ("consensus/x.py", "import random", "random is not on"),
        ("consensus/x.py", "import asyncio", "asyncio is not on"),
        ("consensus/tally/x.py", "import numpy as np", "numpy is not on"),
        ("consensus/x.py", "from google.protobuf import message", "google.protobuf is not on"),
        ("consensus/x.py", "def f():\n    import os", "os is not on"),
        ("consensus/x.py", "import collections.abc, secrets", "secrets is not on"),
        ("consensus/x.py", "import math", "of math only"),
        ("consensus/x.py", "import math\nmath.exp(1.0)", "of math only"),
        ("consensus/x.py", "import math as m\nm.exp(1.0)", "of math only"),
        ("consensus/x.py", "from math import exp", "of math only"),
        ("consensus/x.py", "def f():\n    from math import exp as e", "of math only"),
        ("consensus/x.py", "from math import fsum, exp", "of math only"),
        ("consensus/x.py", "from cmath import exp", "cmath is not on"),
        ("consensus/tally/x.py", "from numpy import exp", "numpy is not on"),
        ("consensus/x.py", "x = y**0.5", "** of doubles"),
        ("consensus/x.py", "x = 2**-1022", "** of doubles"),
        ("consensus/x.py", "x **= 2", "** of doubles"),
        ("consensus/x.py", "x = pow(y, 2)", "pow of doubles"),
        ("reputation/x.py", "x = 2.0 ** -y", "** of doubles"),
        ("consensus/tally/x.py", "from . import analysis", "may not know consensus/tally/analysis"),
        ("consensus/tally/x.py", "from .analysis import solve", "may not know consensus/tally"),
        ("consensus/tally/x.py", "def f():\n    from .analysis import solve", "may not know"),
        ("consensus/verdict/x.py", "from ..tally.analysis.newman import s", "may not know"),
        ("consensus/x.py", "from math import log", "of math only"),
        ("consensus/x.py", "from math import *", "of math only"),
        ("consensus/x.py", "import reputation", "consensus knows nothing of reputation"),
        ("reputation/x.py", "from consensus.bodies import Vote", "reputation knows nothing of"),
        ("reputation/x.py", "import node.keys", "reputation knows nothing of node"),
        ("consensus/x.py", "from node import keys", "consensus knows nothing of node"),
        ("consensus/x.py", "from consensus.bodies import Vote", "imported absolutely inside"),
        ("consensus/x.py", "from .tally import ballots", "vocabulary may not know consensus/tally"),
        ("consensus/bodies/x.py", "from ..tally import ballots", "vocabulary may not know"),
        ("consensus/tally/x.py", "from ..deliberation import task", "tally may not know"),
        ("consensus/plateau/x.py", "from ..deliberation.task import T", "plateau may not know"),
        ("consensus/masking/x.py", "from ..deliberation import task", "masking may not know"),
        ("consensus/agreement/x.py", "from ..tally import ballots", "agreement may not know"),
        ("consensus/deliberation/x.py", "from ..verdict import build", "deliberation may not"),
        ("node/store/x.py", "from ..wire import codec", "node/store may not know node/wire"),
        ("node/wire/x.py", "from ..store import rows", "node/wire may not know node/store"),
        ("node/models/x.py", "from ..pb import peer_pb2", "node/models may not know node/pb"),
        ("node/cli/x.py", "from ..pb import peer_pb2", "node/cli may not know node/pb"),
        ("node/runner.py", "from .pb import peer_pb2", "only node/wire knows the generated code"),
        ("node/wire/x.py", "from ..runner import R", "may not know the wiring in node/runner.py"),
        ("node/cli/x.py", "from ..attic import thing", "node/attic is not in the table"),
        ("node/x.py", "import time", "time belongs in node/clock.py"),
        ("node/x.py", "from secrets import token_bytes", "secrets belongs in"),
        ("node/x.py", "import random", "random belongs in"),
        ("node/x.py", "import os\nseed = os.urandom(32)", "2: randomness comes from"),
        ("node/x.py", "import nacl\nnacl.utils.random(32)", "2: randomness comes from"),
        ("node/x.py", "from datetime import datetime\ndatetime.now()", "2: time comes from"),
        ("node/wire/x.py", "import structlog", "structlog belongs in node/log.py"),
        ("node/x.py", "from logging import getLogger", "logging belongs in node/log.py"),
        ("node/runner.py", "import sklearn", "loads sklearn (line 1) as it is imported"),
        ("node/models/registry.py", "from . import classifier", "loads node/models/classifier.py"),
        ("node/cli/x.py", "from ..demo import deal", "loads node/demo/deal.py"),
    ],
)
def test_a_breach_is_noticed(path: str, source: str, said: str) -> None:
    tree = {
        "consensus/__init__.py": "",
        "consensus/bodies/__init__.py": "",
        "consensus/deliberation/task.py": "",
        "consensus/tally/analysis/__init__.py": "",
        "consensus/tally/analysis/newman.py": "import numpy",
        "consensus/tally/ballots.py": "",
        "consensus/verdict/build.py": "",
        "node/__init__.py": "",
        "node/attic/thing.py": "",
        "node/demo/deal.py": "import numpy",
        "node/keys.py": "",
        "node/models/classifier.py": "import sklearn",
        "node/pb/peer_pb2.py": "",
        "node/runner.py": "from .store import rows",
        "node/store/rows.py": "",
        "node/wire/codec.py": "",
        path: source,
    }
    found = violations(tree)
    assert found
    assert all(line.startswith(path) for line in found)
    assert said in found[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("consensus/x.py", "from math import fsum, sqrt"),
        ("consensus/tally/analysis/x.py", "import numpy as np\nx = np.exp(y) ** 0.5"),
        ("consensus/tally/analysis/x.py", "from .newman import solve"),
        ("consensus/x.py", "x = 2**y + 10 ** len(z) + Fraction(10) ** -y + pow(2, y, z)"),
        ("consensus/verdict/x.py", "from ..deliberation import task"),
        ("node/wire/x.py", "from ..pb import peer_pb2"),
        ("node/wire/x.py", "from .. import keys"),
        ("node/runner.py", "from .wire import codec"),
        ("node/cli/x.py", "from ..runner import R"),
        ("node/cli/x.py", "def run():\n    from ..demo import deal"),
        ("node/models/registry.py", "def load():\n    import sklearn"),
        ("node/models/x.py", "if TYPE_CHECKING:\n    from .classifier import C"),
        ("node/sim/x.py", "from random import Random"),
        ("node/clock.py", "import time"),
        ("node/entropy.py", "import secrets"),
        ("node/log.py", "import logging"),
    ],
)
def test_what_the_table_allows_passes(path: str, source: str) -> None:
    tree = {
        "consensus/deliberation/task.py": "",
        "consensus/tally/analysis/newman.py": "import numpy",
        "node/demo/deal.py": "import numpy",
        "node/keys.py": "",
        "node/models/classifier.py": "import sklearn",
        "node/pb/peer_pb2.py": "",
        "node/runner.py": "from .store import rows",
        "node/store/rows.py": "",
        "node/wire/codec.py": "",
        path: source,
    }
    assert violations(tree) == []


def test_a_package_is_loaded_with_what_is_in_it() -> None:
    tree = {
        "node/models/__init__.py": "from .classifier import C",
        "node/models/classifier.py": "import numpy",
        "node/models/scripted.py": "",
    }
    assert violations(tree) == [
        "node/models/__init__.py: loads node/models/classifier.py, which loads numpy (line 1) "
        "as it is imported",
        "node/models/scripted.py: loads node/models/__init__.py, which loads "
        "node/models/classifier.py, which loads numpy (line 1) as it is imported",
    ]


def test_relative_imports_are_resolved() -> None:
    (found,) = imports("node/wire/codec.py", "from ..pb import quorate_pb2 as pb")
    assert (found.module, found.name, found.eager) == ("node.pb", "quorate_pb2", True)


def test_a_member_with_a_scripted_model_loads_nothing_heavy() -> None:
    code = (
        "import sys, node.cli.main, node.daemon, node.models.scripted; "
        f"print(sorted(set({sorted(HEAVY)!r}) & sys.modules.keys()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "[]"), ran.stderr
