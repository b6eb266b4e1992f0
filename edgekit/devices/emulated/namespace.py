"""The emulated board's "machine": a user namespace in which ARM programs start like native ones.

Run by its path as a program of its own, with the standard library only, because every SSH session
starts it:

    namespace.py keep SPEC FD     make the namespace and hold it, in the background; on file descriptor
                                  FD, answer with the holder's process number and, on a second line,
                                  {"problem": "..."}, empty if the board is up
    namespace.py enter SPEC PID   run $SSH_ORIGINAL_COMMAND (or a login shell) in it

SPEC is the JSON file of a `Machine`. The keeper is the board's power supply: when it ends, the
kernel kills every process of the board. The same code serves root and ordinary users, since the
caller's one user id becomes the board's ordinary user `pi`.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import signal
import sys
import termios
from pathlib import Path
from typing import NamedTuple, NoReturn

UID = 1000  # the board's user `pi`
_CLONE = {"user": 0x10000000, "mnt": 0x00020000, "uts": 0x04000000, "pid_for_children": 0x20000000}
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = (
    1,
    2,
    4,
    32,
    4096,
    16384,
    1 << 18,
)
_MNT_DETACH = 2
_PR_SET_PDEATHSIG = 1
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
# statvfs flag -> mount flag. What the host's mount has is locked, and must be repeated on a remount.
_LOCKED_FLAGS = {2: 2, 4: 4, 8: 8, 1024: 1024, 2048: 2048, 4096: 1 << 21}
_DEVICE_NODES = ("null", "zero", "full", "random", "urandom", "tty")
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"

_libc = ctypes.CDLL(None, use_errno=True)


class Machine(NamedTuple):
    """All that the keeper and the sessions need to know; a plain JSON object in a file.

    No dataclass, whose import would be a third of a session's start-up time.
    """

    rootfs: str  # shared by boards, mounted read-only
    home: str  # the board's own, at /home/pi
    identity: str  # folder of `identity.write_identity`
    hostname: str
    qemu: str  # interpreter's path on the host
    qemu_name: str  # "aarch64", "arm"
    cpu: str  # QEMU's -cpu
    cores: int
    elf_class: int
    elf_machine: int
    private_binfmt: bool  # mount and fill our own binfmt_misc, instead of relying on the system's


def registration(name: str, elf_class: int, elf_machine: int, qemu: str) -> str:
    """The line that makes the kernel start `qemu` for ARM executables (binfmt_misc's syntax).

    Flag F opens the interpreter now, so that it need not exist inside the root filesystem.
    """
    magic = rf"\x7fELF\x{elf_class:02x}\x01\x01" + r"\x00" * 9 + rf"\x02\x00\x{elf_machine:02x}\x00"
    # Any OS ABI byte, and both fixed and position-independent executables (types 2 and 3).
    mask = r"\xff" * 7 + r"\x00" + r"\xff" * 8 + r"\xfe\xff\xff\xff"
    return f":{name}:M::{magic}:{mask}:{qemu}:F"


def main(argv: list[str]) -> int:
    """Dispatch; returns the exit code."""
    verb, spec, number = argv
    machine = Machine(**json.loads(Path(spec).read_text()))
    if verb == "keep":
        return _keep(machine, int(number))
    return _enter(machine, int(number))


# -------------------------------------------------------------------------------- the keeper


def _keep(machine: Machine, report: int) -> int:
    if os.fork() != 0:  # whoever starts a board does not wait for its end
        return 0
    os.write(report, f"{os.getpid()}\n".encode())
    uid, gid = os.geteuid(), os.getegid()
    try:
        _check(_libc.unshare(sum(_CLONE.values())), "unshare")
        # As root, because binfmt_misc's files belong to the namespace's root.
        _map_identity(0, uid, gid)
    except OSError as error:
        _answer(report, f"user namespace: {error}")
        return 1
    child = os.fork()  # the first child is process 1 of the board
    if child == 0:
        _be_process_one(machine, report)
    os.close(report)
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.kill(child, signal.SIGKILL))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) & 0xFF


def _be_process_one(machine: Machine, report: int) -> NoReturn:
    try:
        _check(_libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL)), "prctl")
        _mount_all(machine)
        _check_that_programs_run(machine)
    except OSError as error:
        _answer(report, str(error))
        os._exit(1)
    _answer(report, "")
    while True:  # orphans of the board's sessions become ours
        with contextlib.suppress(ChildProcessError):
            os.wait()
            continue
        # A child that ends before `pause` is reaped together with the next one.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.pause()


def _answer(report: int, problem: str) -> None:
    """Tell who started us that the board is up (no problem), or why it is not."""
    os.write(report, json.dumps({"problem": problem}).encode())
    os.close(report)


def _mount_all(machine: Machine) -> None:
    name = machine.hostname.encode()
    _check(_libc.sethostname(name, len(name)), "sethostname")
    root = Path(machine.rootfs)
    _mount("", "/", "", _MS_REC | _MS_PRIVATE)
    _bind(str(root), str(root), read_only=True)
    for directory, options in (("run", "mode=755"), ("tmp", "mode=1777"), ("dev", "mode=755")):
        _mount("tmpfs", str(root / directory), "tmpfs", _MS_NOSUID | _MS_NODEV, options)
    _fill_dev(root / "dev")
    _mount("proc", str(root / "proc"), "proc", _MS_NOSUID | _MS_NODEV)
    if machine.private_binfmt:
        binfmt = root / "proc/sys/fs/binfmt_misc"
        _mount("binfmt_misc", str(binfmt), "binfmt_misc")
        line = registration(
            f"edgekit-{machine.qemu_name}", machine.elf_class, machine.elf_machine, machine.qemu
        )
        (binfmt / "register").write_text(line)
    identity = Path(machine.identity)
    _bind(str(identity / "cpuinfo"), str(root / "proc/cpuinfo"), read_only=True)
    _bind(str(identity / "sys"), str(root / "sys"), read_only=True)
    _bind(machine.home, str(root / "home/pi"), read_only=False)
    os.chdir(root)
    _check(_libc.syscall(_SYS_PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", _MNT_DETACH), "umount of the host's root")
    os.chdir("/")


def _fill_dev(dev: Path) -> None:
    for name in _DEVICE_NODES:  # making nodes is not allowed in a namespace; binding the host's is
        (dev / name).touch()
        _bind(f"/dev/{name}", str(dev / name), read_only=False)
    for name in ("pts", "shm"):
        (dev / name).mkdir()
    if Path("/dev/pts").is_dir():
        _mount("/dev/pts", str(dev / "pts"), "", _MS_BIND | _MS_REC)
    _mount("tmpfs", str(dev / "shm"), "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=1777")
    for name, to in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        (dev / name).symlink_to(to)


def _check_that_programs_run(machine: Machine) -> None:
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            os.execve("/bin/true", ["true"], _environment(machine))
        os._exit(127)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise OSError(8, f"an ARM program does not start (status {os.waitstatus_to_exitcode(status)})")


# --------------------------------------------------------------------------------- a session


def _enter(machine: Machine, keeper: int) -> int:
    try:
        _join(keeper)
    except OSError as error:
        print(f"edgekit: the emulated board is not running ({error})", file=sys.stderr)  # noqa: T201
        return 255
    _limit(machine)
    terminal = os.isatty(0)
    if terminal:
        # The child shall own the terminal; giving it up sends us a hang-up.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with contextlib.suppress(OSError):
            fcntl.ioctl(0, termios.TIOCNOTTY)
    child = os.fork()  # only a child is inside the process namespace
    if child == 0:
        _execute(machine, terminal=terminal)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: os.kill(child, received))
    # sshd shall see the other ends of the pipes close when the program closes them.
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):  # die of the same, so that sshd reports it as it is
        deadly = os.WTERMSIG(status)
        if deadly != signal.SIGKILL:
            signal.signal(deadly, signal.SIG_DFL)
        os.kill(os.getpid(), deadly)
    return os.WEXITSTATUS(status)


def _join(keeper: int) -> None:
    handles = [(os.open(f"/proc/{keeper}/ns/{name}", os.O_RDONLY), flag) for name, flag in _CLONE.items()]
    for handle, flag in handles:  # the user namespace first: it gives the right to the others
        _check(_libc.setns(handle, flag), "setns")
        os.close(handle)


def _limit(machine: Machine) -> None:
    usable = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, usable[: machine.cores])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o022)


def _execute(machine: Machine, *, terminal: bool) -> NoReturn:
    status = 255
    try:
        _check(_libc.unshare(_CLONE["user"]), "unshare")
        _map_identity(UID, 0, 0)  # no longer root: a device need not give us that
        os.setsid()
        if terminal:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for number in (signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.chdir("/home/pi")
        command = os.environ.get("SSH_ORIGINAL_COMMAND")
        argv = ["bash", "-c", command] if command is not None else ["-bash"]
        os.execve("/bin/bash", argv, _environment(machine))
    except OSError as error:
        print(f"edgekit: {error}", file=sys.stderr, flush=True)  # noqa: T201
    finally:
        os._exit(status)


def _environment(machine: Machine) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("TERM", "SSH_CONNECTION", "SSH_CLIENT") if name in os.environ}
    return {
        "HOME": "/home/pi",
        "LOGNAME": "pi",
        "PATH": _PATH,
        "QEMU_CPU": machine.cpu,
        "SHELL": "/bin/bash",
        "USER": "pi",
        **kept,
    }


# ------------------------------------------------------------------------------ system calls


def _map_identity(inside: int, uid: int, gid: int) -> None:
    """Give the user namespace just entered its one user and group."""
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny")
    (own / "uid_map").write_text(f"{inside} {uid} 1")
    (own / "gid_map").write_text(f"{inside} {gid} 1")


def _bind(source: str, target: str, *, read_only: bool) -> None:
    _mount(source, target, "", _MS_BIND)
    if read_only:
        flags = os.statvfs(target).f_flag
        locked = sum(mount for seen, mount in _LOCKED_FLAGS.items() if flags & seen)
        _mount("", target, "", _MS_BIND | _MS_REMOUNT | _MS_RDONLY | locked)


def _mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    arguments = source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()
    _check(_libc.mount(*arguments), f"mounting {kind or source} on {target}")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
