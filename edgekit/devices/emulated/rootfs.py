"""The board's root filesystem: Debian packages unpacked, never installed, into a cached folder.

No maintainer script runs and nothing needs root or an ARM machine. The tree is made beside its
final place and renamed, so it is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.devices.emulated.apt import PrivateApt, host_release, host_repositories
from edgekit.devices.emulated.tools import find_tool
from edgekit.devices.emulated.wheels import PYTHON_DIRECTORY, lay_wheels
from edgekit.errors import EmulatorFailedError
from edgekit.paths import cache_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Progress = Callable[[str, float | None], None]

# What a POSIX session, scp and SFTP need. A trailing "-" keeps out what only an installed system wants.
USERLAND_PACKAGES = (
    "base-files", "bash", "coreutils", "dash", "findutils", "grep", "gzip", "hostname", "libc-bin",
    "libc6", "libgcc-s1", "libstdc++6", "ncurses-base", "openssh-sftp-server", "procps", "sed", "tar",
)  # fmt: skip
# What LiteRT needs besides: a Python, into whose packages its wheel and those it depends on are laid.
PYTHON_PACKAGES = ("python3",)
LITERT_WHEELS = ("ai-edge-litert==2.3.0",)
# What the full-system emulation needs besides, since the board serves SSH itself there.
SYSTEM_PACKAGES = ("openssh-server", "libpam-systemd-", "systemd-", "systemd-sysv-")

_LAYOUT_VERSION = 1  # raise it when `_furnish` changes, so that cached trees are made anew
_LEFT_OUT = ("doc", "doc-base", "i18n", "info", "lintian", "locale", "man", "zoneinfo")
_MOUNT_POINTS = ("dev", "home/pi", "proc", "root", "run", "sys", "tmp")
_PASSWD = """\
root:x:0:0:root:/root:/bin/bash
sshd:x:104:65534::/run/sshd:/usr/sbin/nologin
pi:x:1000:1000:pi:/home/pi:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
_GROUP = "root:x:0:\ntty:x:5:\npi:x:1000:\nnogroup:x:65534:\n"
_SHADOW = "root:*:19000:0:99999:7:::\npi:*:19000:0:99999:7:::\nsshd:!:19000::::::\n"


def userland(debian_architecture: str, progress: Progress, *, litert: bool = False) -> Path:
    """The root filesystem for sessions in a namespace, made on first use (about 15 s and 100 MB).

    With `litert` it has Python and LiteRT besides (about 40 s and 350 MB).

    Raises:
        PackageUnavailableError: the architecture has no wheel of LiteRT (arm64 has), or there is no network.
    """
    return _tree("userland", debian_architecture, USERLAND_PACKAGES, progress, litert=litert)


def bootable(debian_architecture: str, progress: Progress, *, litert: bool = False) -> Path:
    """The root filesystem for the full-system emulation, made on first use; otherwise as `userland`."""
    return _tree("system", debian_architecture, USERLAND_PACKAGES + SYSTEM_PACKAGES, progress, litert=litert)


def has_litert(rootfs: Path) -> bool:
    """Whether a root filesystem was made with LiteRT."""
    return (rootfs / PYTHON_DIRECTORY / "ai_edge_litert").is_dir()


def download_packages(
    debian_architecture: str,
    packages: tuple[str, ...],
    use: Callable[[tuple[Path, ...]], None],
    progress: Progress,
) -> None:
    """Fetch packages with their dependencies, hand the .deb files to `use`, and drop them again."""
    release = host_release()
    apt = PrivateApt(
        directory=cache_directory("apt", f"{release.codename}-{debian_architecture}"),
        architecture=debian_architecture,
    )
    apt.directory.mkdir(parents=True, exist_ok=True)
    with locked(apt.directory):
        progress(f"fetching the {debian_architecture} package index", None)
        apt.prepare(release, host_repositories(release))
        progress(f"downloading {debian_architecture} packages", None)
        use(apt.download(packages))
        for deb in apt.archives.glob("*.deb"):
            deb.unlink()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock beside `path`, so that two commands do not make the same thing at once."""
    lock = path.with_name(path.name + ".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def unpack(debs: tuple[Path, ...], tree: Path, exclude: tuple[str, ...] = ()) -> None:
    """Lay the files of .deb packages into `tree`, following links such as /lib -> usr/lib.

    Raises:
        EmulatorFailedError: a package is damaged or the disk is full.
    """
    dpkg, tar = find_tool("dpkg-deb"), find_tool("tar")
    leave = [f"--exclude=./usr/share/{name}" for name in _LEFT_OUT] + [
        f"--exclude={name}" for name in exclude
    ]
    command = [tar, "-x", "-C", str(tree), "--keep-directory-symlink", "--no-same-owner", *leave]

    def one(deb: Path) -> None:
        with subprocess.Popen([dpkg, "--fsys-tarfile", deb], stdout=subprocess.PIPE) as source:
            done = subprocess.run(command, stdin=source.stdout, capture_output=True, text=True, check=False)
        if done.returncode != 0 or source.returncode != 0:
            raise EmulatorFailedError(
                f"{deb.name} could not be unpacked.",
                why=done.stderr.strip()[-500:] or f"dpkg-deb ended with {source.returncode}",
                fix=f"See that there is room in {tree.parent}, then try again; the package is fetched anew.",
            )

    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(one, debs))


def _tree(
    kind: str, architecture: str, packages: tuple[str, ...], progress: Progress, *, litert: bool
) -> Path:
    if litert:
        kind, packages = f"{kind}-litert", packages + PYTHON_PACKAGES
    wheels = LITERT_WHEELS if litert else ()
    release = host_release()
    recipe = repr((release, architecture, packages, _LAYOUT_VERSION, _LEFT_OUT, *wheels))
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    final = cache_directory("rootfs", f"{release.codename}-{architecture}-{kind}-{digest}")
    if final.is_dir():
        return final
    with locked(final):
        if not final.is_dir():  # another command may have made it while we waited
            _make_tree(final, architecture, packages, wheels, progress)
    return final


def _make_tree(
    final: Path, architecture: str, packages: tuple[str, ...], wheels: tuple[str, ...], progress: Progress
) -> None:
    # The lock is held, so temporary trees of this one are what interrupted commands left.
    for leftover in final.parent.glob(f".{final.name}.*"):
        shutil.rmtree(leftover)
    tree = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))

    def fill(debs: tuple[Path, ...]) -> None:
        progress(f"unpacking {len(debs)} packages", None)
        _lay_merged_directories(tree)
        unpack(debs, tree)

    try:
        download_packages(architecture, packages, fill, progress)
        _furnish(tree)
        if wheels:
            progress("downloading Python packages", None)
            lay_wheels(wheels, tree, architecture)
        tree.chmod(0o755)
        tree.rename(final)
    except BaseException:
        shutil.rmtree(tree, ignore_errors=True)
        raise


def _lay_merged_directories(tree: Path) -> None:
    # Since Debian 12 these are links into /usr; packages still carry files under both names.
    for name in ("bin", "sbin", "lib"):
        (tree / "usr" / name).mkdir(parents=True)
        (tree / name).symlink_to(f"usr/{name}")


def _furnish(tree: Path) -> None:
    """Write what maintainer scripts and an administrator would have."""
    for name in _MOUNT_POINTS:
        (tree / name).mkdir(parents=True, exist_ok=True)
    sh = tree / "usr/bin/sh"  # a diversion of dash's maintainer script makes it on some releases
    if not sh.exists():
        sh.symlink_to("dash")
    etc = tree / "etc"
    (etc / "passwd").write_text(_PASSWD)
    (etc / "group").write_text(_GROUP)
    (etc / "shadow").write_text(_SHADOW)
    (etc / "hostname").write_text("edgekit\n")
    (etc / "hosts").write_text("127.0.0.1 localhost edgekit\n")
