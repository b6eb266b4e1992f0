"""The board of last resort: QEMU emulates the whole machine, and its own Linux serves SSH itself.

It needs nothing of this machine's kernel, takes some 15 s to boot, and runs several times slower than
the userland emulation. The root file system is read-only and shared; /home is a disk of the board's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.devices.emulated import sshd
from edgekit.devices.emulated.boot import Boot, boot_files
from edgekit.devices.emulated.identity import Architecture, architecture_of, model_name
from edgekit.devices.emulated.processes import Process, identify
from edgekit.devices.emulated.rootfs import bootable, locked
from edgekit.devices.emulated.state import BoardInfo, Mode, board_directory
from edgekit.devices.emulated.tools import find_tool, run_tool
from edgekit.errors import EmulatorFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]

_BOOT_SECONDS = 240.0  # a loaded 2-core machine needs a tenth of it
_ROOT_SLACK_BYTES = 64 << 20
_HOME_BYTES = 4 << 30  # sparse: it takes what is written to it
_RAM_MIB = 1024
# QEMU's `virt` machine has no older 32-bit core than these.
_SUBSTITUTES = {"cortex-a8": "cortex-a7", "cortex-a9": "cortex-a7"}
_SSHD_CONFIG = """\
Port 22
HostKey /home/.edgekit/host_key
AuthorizedKeysFile /home/.edgekit/client_key.pub
AllowUsers pi
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
UseDNS no
PrintMotd no
PrintLastLog no
MaxStartups 100
MaxSessions 100
PidFile none
Subsystem sftp /usr/lib/openssh/sftp-server
"""


def start(
    target: Target, progress: Progress, port: int | None, reason: str, *, litert: bool = False
) -> BoardInfo:
    """Boot a board; `port` is the one it would like, `reason` why it is emulated this way.

    With `litert` it has Python and LiteRT.

    Raises:
        ToolMissingError, EmulatorFailedError: see `rootfs` and `boot`; or it does not boot, and the end of
            its console is in the message.
    """
    architecture = architecture_of(target)
    find_tool(f"qemu-system-{architecture.qemu}")  # before a long download
    directory = board_directory(target.name)
    rootfs = bootable(architecture.debian, progress, litert=litert)
    boot = boot_files(architecture.debian, progress)
    root_disk = _root_disk(rootfs, progress)
    keys = sshd.Keys(directory=directory)
    keys.make()
    home_disk = _home_disk(keys, model_name(target))
    chosen = sshd.free_port(port)
    progress("booting the board", None)
    machine = _boot(target, architecture, boot, (root_disk, home_disk), chosen)
    keys.trust(chosen)
    return BoardInfo(
        name=target.name,
        architecture=architecture.name,
        mode=Mode.SYSTEM,
        reason=reason + _substitution(target),
        host=sshd.HOST,
        port=chosen,
        user="pi",
        identity=keys.client,
        known_hosts=keys.known_hosts,
        rootfs=rootfs,
        home=None,
        processes=(machine,),
    )


def flush(board: BoardInfo) -> None:
    """Have the board write its disk before its power is cut. A board that does not answer is left."""
    argv = ["ssh", *board.ssh_options(), "-o", "ConnectTimeout=5", board.host, "sync"]
    try:
        subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=15, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return


def _boot(
    target: Target, architecture: Architecture, boot: Boot, disks: tuple[Path, Path], port: int
) -> Process:
    directory = board_directory(target.name)
    console, pid_file = directory / "console.log", directory / "qemu.pid"
    for path in (console, pid_file):
        path.unlink(missing_ok=True)
    cpu = _SUBSTITUTES.get(target.emulated_cpu, target.emulated_cpu)
    line = f"console=ttyAMA0 quiet panic=-1 edgekit.name={target.name} edgekit.time={int(time.time())}"
    root, home = (str(path).replace(",", ",,") for path in disks)
    argv = [
        f"qemu-system-{architecture.qemu}",
        *("-M", "virt", "-cpu", cpu, "-smp", str(target.cores), "-m", str(_RAM_MIB), "-no-reboot"),
        *("-kernel", str(boot.kernel), "-initrd", str(boot.initrd), "-append", line),
        *("-drive", f"if=none,id=root,format=raw,readonly=on,file={root}"),
        *("-device", "virtio-blk-device,drive=root,serial=root"),
        *("-drive", f"if=none,id=home,format=raw,file={home}"),
        *("-device", "virtio-blk-device,drive=home,serial=home"),
        *("-netdev", f"user,id=net,restrict=on,hostfwd=tcp:{sshd.HOST}:{port}-:22"),
        *("-device", "virtio-net-device,netdev=net"),
        *("-display", "none", "-monitor", "none", "-serial", f"file:{console}"),
        *("-daemonize", "-pidfile", str(pid_file)),
    ]
    run_tool(*argv, purpose="Starting QEMU")
    machine = identify(int(pid_file.read_text()))
    deadline = time.monotonic() + _BOOT_SECONDS
    while machine is not None and machine.is_running and time.monotonic() < deadline:
        if sshd.answers(port):
            return machine
        time.sleep(0.25)
    if machine is not None:
        machine.stop()
    words = console.read_text(errors="replace").strip() if console.exists() else ""
    raise EmulatorFailedError(
        f"The emulated board {target.name!r} did not boot.",
        why=words[-800:] or "It wrote nothing to its console.",
        fix=f"Its whole console is in {console}. Try `edgekit device up --userland`, or a real board.",
    )


def _substitution(target: Target) -> str:
    substitute = _SUBSTITUTES.get(target.emulated_cpu)
    return f"; QEMU's machine has no {target.emulated_cpu}, so it has a {substitute}" if substitute else ""


def _root_disk(rootfs: Path, progress: Progress) -> Path:
    """The disk image of a root file system, beside it."""
    final = rootfs.with_name(rootfs.name + ".ext4")
    with locked(final):
        if not final.exists():
            progress("making the board's disk", None)
            # Folders and short files take a block each, which their own sizes do not show.
            used = sum(path.lstat().st_size + 4096 for path in rootfs.rglob("*"))
            _make_disk(final, rootfs, used * 5 // 4 + _ROOT_SLACK_BYTES)
    return final


def _home_disk(keys: sshd.Keys, model: str) -> Path:
    """The board's own disk, made at its first start: the user's home directory, and the server's keys."""
    final = keys.directory / "home.ext4"
    if not final.exists():
        with tempfile.TemporaryDirectory(dir=keys.directory) as scratch:
            tree = Path(scratch)
            (tree / "pi").mkdir()
            settings = tree / ".edgekit"
            settings.mkdir()
            for path in (keys.host, keys.client.with_suffix(".pub")):
                shutil.copy(path, settings)
            (settings / "sshd_config").write_text(_SSHD_CONFIG)
            (settings / "model").write_text(f"{model}\0")  # as the device tree spells strings
            tree.chmod(0o755)
            _make_disk(final, tree, _HOME_BYTES)
    return final


def _make_disk(final: Path, tree: Path, size_bytes: int) -> None:
    draft = final.with_name(f".{final.name}.{os.getpid()}")
    try:
        options = ("-q", "-t", "ext4", "-E", "root_owner=0:0", "-d", str(tree))
        size = f"{size_bytes >> 10}k"
        run_tool("mke2fs", *options, str(draft), size, purpose="Making a disk for the board")
        draft.rename(final)
    finally:
        draft.unlink(missing_ok=True)
