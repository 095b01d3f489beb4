"""A container engine of a test's own: podman, crun and buildah, in namespaces of their own.

Images, volumes and networks lie under the test's folder. The engine sees only cgroup version 2,
which crun insists on, and no network but its own bridges; it makes no cgroups. When it is left,
everything that was started in it is killed and its firewall rules are gone with its namespace.
Needs root, and what `missing` names.
"""

import os
import resource
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

TOOLS: Final = {
    "buildah": "buildah",
    "podman": "podman",
    "crun": "crun",
    "mmdebstrap": "mmdebstrap",
    "nsenter": "util-linux",
    "ip": "iproute2",
    "iptables": "iptables",
    "pgrep": "procps",
}
"""Commands that are needed, and the package of Debian that has each."""

HELPERS: Final = {"netavark": "netavark", "aardvark-dns": "aardvark-dns"}
"""The same, for what podman starts from a directory of its own."""

PATH: Final = f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
"""Where commands are looked for: those of root too."""

ROOT: Final = Path(__file__).parents[2]
CONTEXT: Final = (
    ".dockerignore",
    "LICENSE",
    "README.md",
    "consensus",
    "deploy",
    "node",
    "pyproject.toml",
    "reputation",
)
"""What of the repository a build is given; what else lies about in it is no part of the test."""

RUN_S: Final = 300.0
"""Seconds that a command may take: far more than any does."""

STORAGE = """[storage]
driver = "overlay"
graphroot = "{home}/storage"
runroot = "{home}/run"
"""

CONTAINERS = """[containers]
cgroups = "disabled"
default_ulimits = ["nofile={nofile}:{nofile}", "nproc={nproc}:{nproc}"]
log_driver = "k8s-file"
[network]
network_backend = "netavark"
network_config_dir = "{home}/networks"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
tmp_dir = "{home}/libpod"
"""

HOLD = """
ip link set lo up
umount -R /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
echo up
exec sleep infinity
"""


def missing() -> str:
    """What this machine lacks for an engine, or ""."""
    if os.geteuid() != 0:
        return "containers need root"
    lacking = [
        package for command, package in TOOLS.items() if shutil.which(command, path=PATH) is None
    ]
    lacking += [
        package
        for command, package in HELPERS.items()
        if shutil.which(command, path="/usr/lib/podman:/usr/libexec/podman") is None
    ]
    return f"Debian packages are missing: {', '.join(lacking)}" if lacking else ""


class Engine:
    """Use as a context manager; `run` runs a command inside."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.context = home / "context"
        self._holder: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        limits = {
            "nofile": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
            "nproc": min(resource.getrlimit(resource.RLIMIT_NPROC)[1] % 2**63, 65_536),
        }
        (self.home / "storage.conf").write_text(STORAGE.format(home=self.home))
        (self.home / "containers.conf").write_text(CONTAINERS.format(home=self.home, **limits))
        self._holder = subprocess.Popen(
            [
                *("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"),
                *("--mount-proc", "--propagation", "private", "sh", "-e", "-c", HOLD),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"up\n"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._holder is not None
        assert self._holder.stdout is not None
        self._holder.kill()  # and with it the first process inside, and with that all others
        self._holder.wait()
        self._holder.stdout.close()

    @property
    def environment(self) -> Mapping[str, str]:
        """The test's own, and where the engine's settings are."""
        return {
            **os.environ,
            "CONTAINERS_CONF": str(self.home / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.home / "storage.conf"),
            "PATH": f"{Path(sys.executable).parent}:{PATH}",
        }

    def start(self, *command: str, out: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Start a command inside, in the folder of the context."""
        assert self._holder is not None
        parent = self._holder.pid
        inside = Path(f"/proc/{parent}/task/{parent}/children").read_text().strip()
        return subprocess.Popen(
            [
                *("nsenter", "--target", inside, "--mount", "--net", "--pid"),
                *("env", f"--chdir={self.context}", *command),
            ],
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str, code: int | None = 0) -> str:
        """Run a command inside; what it said on standard output. With `code`, it must end so."""
        process = self.start(*command)
        try:
            out, err = process.communicate(timeout=RUN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"not done after {RUN_S} s: {command}\n{out}{err}") from None
        if code is not None:
            assert process.returncode == code, f"{command}: {process.returncode}\n{out}{err}"
        return out

    def build(self) -> None:
        """Make a base of Debian's packages, then the image `localhost/quorate` over it."""
        root = self.home / "base"
        _debian(root)
        self.context.mkdir()
        for name in CONTEXT:
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, self.context / name)
        _wheels(root, self.context / "wheels")
        container = self.run("buildah", "from", "scratch").strip()
        self.run("buildah", "add", "--quiet", container, str(root), "/")
        self.run("buildah", "commit", "--quiet", "--rm", container, "localhost/base")
        self.run(
            *("buildah", "build", "--isolation", "chroot", "--format", "docker"),
            *("--build-arg", "BASE=localhost/base", "--file", "deploy/Containerfile"),
            *("--tag", "localhost/quorate", "."),
        )


def _debian(root: Path) -> None:
    """The smallest Debian with Python, of this machine's own release and from its own mirrors."""
    release = dict(
        line.partition("=")[::2] for line in Path("/etc/os-release").read_text().splitlines()
    )
    listed = [Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")]
    sources = next(path for path in listed if path.exists())
    _ran(
        *("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase"),
        "--dpkgopt=force-unsafe-io",  # it need not outlast a loss of power
        *("--include=python3,python3-venv", release["VERSION_CODENAME"], str(root), str(sources)),
    )


def _wheels(root: Path, into: Path) -> None:
    """What the image's Python needs, from the index that this machine is set up with."""
    asked = "import sys; print(*sys.version_info[:2], sep='.')"
    version = _ran("chroot", str(root), "python3", "-c", asked).strip()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    _ran(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(into)),
        *("--only-binary", ":all:", "--python-version", version),
        *(*project["build-system"]["requires"], *project["project"]["dependencies"]),
    )


def _ran(*command: str) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RUN_S)
    assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
    return ran.stdout
