"""What the full-system emulation boots: a distribution's kernel, and an initial file system for it."""

from __future__ import annotations

import dataclasses
import hashlib
import lzma
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.devices.emulated import cpio
from edgekit.devices.emulated.apt import Release, host_release
from edgekit.devices.emulated.rootfs import download_packages, locked, unpack
from edgekit.devices.emulated.tools import run_tool
from edgekit.errors import EmulatorFailedError
from edgekit.paths import cache_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Progress = Callable[[str, float | None], None]

# The smallest kernel of each distribution that has drivers for QEMU's `virt` machine.
_KERNELS = {
    ("debian", "arm64"): "linux-image-cloud-arm64",
    ("debian", "armhf"): "linux-image-armmp",
    ("ubuntu", "arm64"): "linux-image-virtual",
    ("ubuntu", "armhf"): "linux-image-generic",
}
# Drivers that the board cannot do without, by module. One that is missing is built into the kernel.
_MODULES = ("virtio_mmio", "virtio_blk", "virtio_net", "crc32c_generic", "ext4")
_DEPENDS = re.compile(rb"\0depends=([\w,-]*)\0")

# Runs from memory. The kernel's command line brings the host's name and the time.
_INIT = """\
#!/bin/sh
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do insmod "/modules/$module.ko"; done
for word in $(cat /proc/cmdline); do
  case $word in
    edgekit.name=*) hostname "${word#*=}" ;;
    edgekit.time=*) date -s "@${word#*=}" > /dev/null ;;
  esac
done
tries=0
while [ ! -b /dev/vdb ] && [ $tries -lt 100 ]; do usleep 50000; tries=$((tries + 1)); done
for disk in vda vdb; do
  case $(cat /sys/block/$disk/serial) in root) root=$disk ;; home) home=$disk ;; esac
done
fail() { echo "EDGEKIT: $1"; sleep 1; exit 1; }
mount -t ext4 -o ro "/dev/$root" /new && mount -t ext4 "/dev/$home" /new/home || fail "a disk is missing"
ifconfig lo 127.0.0.1; ifconfig eth0 10.0.2.15 netmask 255.255.255.0 || fail "the network is missing"
route add default gw 10.0.2.2
mount -t tmpfs -o mode=755 run /new/run; mkdir /new/run/sshd
mount -t tmpfs -o mode=1777 tmp /new/tmp
mount --move /proc /new/proc; mount --move /sys /new/sys; mount --move /dev /new/dev
mkdir -p /new/dev/pts /new/dev/shm
mount -t devpts -o gid=5,mode=620 devpts /new/dev/pts; mount -t tmpfs -o mode=1777 shm /new/dev/shm
chown -R 1000:1000 /new/home/pi; chown -R 0:0 /new/home/.edgekit; chmod 600 /new/home/.edgekit/host_key
mount --bind /new/home/.edgekit/model /new/sys/firmware/devicetree/base/model
cp /start /new/run/start
exec switch_root /new /bin/sh /run/start
"""
# Runs on the board, as its process 1.
_START = """\
echo "EDGEKIT: starting sshd"
/usr/sbin/sshd -D -e -f /home/.edgekit/sshd_config &
while :; do wait; sleep 3600; done
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Boot:
    """Files for QEMU's -kernel and -initrd."""

    kernel: Path
    initrd: Path


def boot_files(debian_architecture: str, progress: Progress) -> Boot:
    """The kernel and initial file system for an architecture, made on first use and kept.

    Raises:
        EmulatorFailedError: a package could not be fetched, or has no kernel in it.
    """
    release = host_release()
    recipe = repr((release, debian_architecture, _KERNELS, _MODULES, _INIT, _START))
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    final = cache_directory("boot", f"{release.codename}-{debian_architecture}-{digest}")
    with locked(final):
        if not final.is_dir():
            _make(final, release, debian_architecture, progress)
    return Boot(kernel=final / "kernel", initrd=final / "initrd")


def _make(final: Path, release: Release, architecture: str, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(prefix=f".{final.name}.", dir=final.parent) as scratch:
        tree, made = Path(scratch) / "tree", Path(scratch) / "made"
        tree.mkdir()
        made.mkdir()

        def lay(debs: tuple[Path, ...]) -> None:
            progress("unpacking the kernel", None)
            wanted = ("linux-image-", "linux-modules-", "busybox-static_")
            unpack(tuple(deb for deb in debs if deb.name.startswith(wanted)), tree)

        kernel = _KERNELS[release.distribution, architecture]
        download_packages(architecture, (kernel, "busybox-static"), lay, progress)
        images = sorted(tree.glob("boot/vmlinuz-*"))
        if not images:
            raise EmulatorFailedError(
                f"The package {kernel} has no kernel.",
                why="No file boot/vmlinuz-* came with it or with what it depends on.",
                fix="Use `edgekit device up --userland`, or a real board.",
            )
        (made / "kernel").write_bytes(images[-1].read_bytes())
        (made / "initrd").write_bytes(_initial_file_system(tree))
        made.rename(final)


def _initial_file_system(tree: Path) -> bytes:
    files = {_module_name(path.name.partition(".")[0]): path for path in tree.rglob("*.ko*")}
    modules = load_order(_MODULES, files)
    busybox = next(path for path in (tree / "bin/busybox", tree / "usr/bin/busybox") if path.exists())
    applets = (
        "cat", "chmod", "chown", "cp", "date", "echo", "hostname", "ifconfig", "insmod", "mkdir", "mount",
        "route", "sh", "switch_root", "usleep",
    )  # fmt: skip
    return cpio.archive(
        (
            *(cpio.directory(name) for name in ("bin", "dev", "modules", "new", "proc", "sys")),
            cpio.file("bin/busybox", busybox.read_bytes(), executable=True),
            *(cpio.link(f"bin/{applet}", "busybox") for applet in applets),
            *(cpio.file(f"modules/{name}.ko", data) for name, data in modules.items()),
            cpio.file("modules/order", "\n".join(modules).encode()),
            cpio.file("start", _START.encode()),
            cpio.file("init", _INIT.encode(), executable=True),
        )
    )


def load_order(wanted: Iterable[str], files: Mapping[str, Path]) -> dict[str, bytes]:
    """The kernel modules to load, with all that they depend on before them, and their contents."""
    ordered: dict[str, bytes] = {}
    for name in wanted:
        if name in files and name not in ordered:
            data = _module(files[name])
            found = _DEPENDS.search(data)
            needs = found[1].decode().split(",") if found else []
            for earlier, its_data in load_order(map(_module_name, needs), files).items():
                ordered.setdefault(earlier, its_data)
            ordered[name] = data
    return ordered


def _module_name(name: str) -> str:
    # The kernel takes both for the same; file names and dependencies use either.
    return name.replace("-", "_")


def _module(path: Path) -> bytes:
    """A kernel module as insmod takes it; distributions compress them differently."""
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    if path.suffix == ".zst":
        plain = path.with_suffix("")
        run_tool("zstd", "-q", "-d", str(path), "-o", str(plain), purpose="Decompressing a kernel module")
        return plain.read_bytes()
    return path.read_bytes()
